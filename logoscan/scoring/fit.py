"""Labels -> a fitted `ScoreModel`; `fit_bands` then sets its bands.

One method from ten labels to a million: maximum likelihood of the additive monotone shapes, held to the model that it
starts from by a penalty that is worth a few labels, so that few labels move little and many decide. Slope and bias are
then calibrated on predictions for labels that were left out (Platt, 1999) and folded in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from logoscan.errors import InputError, MissingDependencyError
from logoscan.odds import sigmoid_array
from logoscan.results import Report, Score
from logoscan.scoring.credits import CREDIT
from logoscan.scoring.fit_bands import warn_of_clear
from logoscan.scoring.fit_labels import MIN_LABELS, Floats, labels_and_weights, warn_of_labels
from logoscan.scoring.model import ScoreModel

__all__ = ["fit_scores", "fitted_model"]

logger = logging.getLogger(__name__)

# Pieces of a fitted shape: enough for a step or a bend, few enough to stay put.
_PIECES = 4
# Penalty on the squared departure of a piece's rise from the prior's, in labels. Chosen on labels of simulated worlds
# that no figure is reported on; between a third and three times as much, 100 labels give the same within 0.003 of AUC.
_PENALTY = 2.0
# Penalty on the squared departure of the bias: labels determine the share of counterfeits first, but one label moves
# the bias by 3.3 at most. From 30 labels on, a thirtieth of it gives the same likelihood of fresh labels within 0.02 a
# label.
_BIAS_PENALTY = 0.3
# Largest rise of one piece, 3,000 to 1, unless the prior rises more: a step that separates the labels would rise
# without end.
_MAX_RISE = 8.0
# Folds of the calibration.
_FOLDS = 5
# Penalty on the squared departure of the calibration's slope from 1.
_SLOPE_PENALTY = 5.0


def fit_scores(
    reports: Sequence[Report | Score],
    labels: Sequence[bool],
    *,
    prior: ScoreModel | None = None,
    weights: Sequence[float] | None = None,
    name: str = "fitted",
) -> ScoreModel:
    """Return a score model fitted to labelled reports.

    Args:
        reports: Reports, or their scores; those without a candidate brand carry no information about the shapes and are
            left out.
        labels: Labels, true for a counterfeit listing, one for each report.
        prior: The model from which few labels depart little; the stated priors if None. Signals that it does not know
            are refused. Only the values of its shapes at quarters count.
        weights: Weights for labels that were chosen, not drawn: one over the probability with which each was chosen
            (Horvitz and Thompson, 1952), up to a common factor. They count as many labels as carry as much information
            where all weigh alike (Kish, 1965). All alike if None.
        name: Name of the new model; its version adds a hash of its numbers.

    Returns:
        A model with fitted bias and shapes, the prior's thresholds, and the calibration folded in. The log warns where
        there are fewer than 10 labels of either kind, which bring little but the share of counterfeits among them,
        where a larger share of them is counterfeit than in any stream, and where confirmed counterfeits would be clear
        that the prior reviews or blocks.

    Raises:
        InputError: Lengths differ, no report has a candidate brand, all labels of those that have one are of one kind,
            a label is neither true nor false, a weight is not above 0, or a signal is unknown to the prior.
        MissingDependencyError: SciPy is not installed.
    """
    prior = prior or ScoreModel()
    fitted = fitted_model(reports, labels, prior, weights, name)
    y, w = labels_and_weights(labels, weights, len(reports))
    judged = np.array([(r.score if isinstance(r, Report) else r).value is not None for r in reports])
    warn_of_labels("fit", y[judged], w[judged], None)
    warn_of_clear("fit", prior, fitted, reports, labels)
    return fitted


def fitted_model(
    reports: Sequence[Report | Score],
    labels: Sequence[bool],
    prior: ScoreModel,
    weights: Sequence[float] | None,
    name: str,
) -> ScoreModel:
    """Return what `fit_scores` returns, without its warnings."""
    x, y, w = _table(reports, labels, weights, prior)
    bad = int(y.sum())
    if not 0 < bad < len(y):
        raise InputError(
            f"labels: expected counterfeits and genuine ones, {MIN_LABELS} or more of either, among the reports with "
            f"a candidate brand, got {bad} counterfeit and {len(y) - bad} genuine"
        )
    start = _pieces(prior)
    bounds = _bounds(prior, start)
    bias, rises = _maximum(x, y, w, prior.bias, start, bounds)
    slope, offset = _calibration(x, y, w, prior.bias, start, bounds)
    pieces = (slope * rises).reshape(len(prior.shapes), _PIECES)
    shapes = {signal: _shape(signal, row) for signal, row in zip(prior.shapes, pieces, strict=True)}
    return replace(prior, bias=slope * bias + offset, shapes=shapes, name=name)


def _shape(signal: str, rises: Floats) -> tuple[float, ...]:
    """Return the shape of fitted rises; that of a credit falls, within its bound."""
    if signal not in CREDIT:
        return (0.0, *np.cumsum(np.maximum(rises, 0.0)).tolist())
    return (0.0, *np.maximum(np.cumsum(np.minimum(rises, 0.0)), -CREDIT[signal]).tolist())


def _table(
    reports: Sequence[Report | Score],
    labels: Sequence[bool],
    weights: Sequence[float] | None,
    prior: ScoreModel,
) -> tuple[Floats, Floats, Floats]:
    """Return how far each piece of each shape is climbed, float64 (n, signals * pieces) in [0, 1]; labels; weights."""
    scores = [r.score if isinstance(r, Report) else r for r in reports]
    y, w = labels_and_weights(labels, weights, len(scores))
    column = {name: i for i, name in enumerate(prior.shapes)}
    values = np.zeros((len(scores), len(column)))
    for row, score in enumerate(scores):
        for part in score.contributions:
            if part.signal not in column:
                raise InputError(f"reports: expected signals with a shape in {prior.name}, got {part.signal!r}")
            values[row, column[part.signal]] = part.value
    kept = np.array([s.value is not None for s in scores])
    if not kept.any():
        raise InputError("reports: expected at least one with a candidate brand, got none")
    climbed = np.clip(values[kept, :, None] * _PIECES - np.arange(_PIECES), 0.0, 1.0)
    y, w = y[kept], w[kept] / w[kept].max()
    w *= w.sum() / (w @ w)  # the sum is the number of labels of equal weight that carry as much information
    return climbed.reshape(len(y), len(column) * _PIECES), y, w


def _pieces(model: ScoreModel) -> Floats:
    """Return the rises of a model's shapes over equal pieces, float64 (signals * pieces,)."""
    ends = np.linspace(0.0, 1.0, _PIECES + 1).tolist()
    heights = [[model.contribution(signal, end) for end in ends] for signal in model.shapes]
    return np.diff(np.array(heights).reshape(-1, len(ends)), axis=1).ravel()


def _bounds(prior: ScoreModel, start: Floats) -> list[tuple[float, float]]:
    """Return between what each piece of each shape may rise; one of a credit falls, no further than all may."""
    rows = zip(prior.shapes, start.reshape(-1, _PIECES).tolist(), strict=True)
    return [
        (-CREDIT[signal], 0.0) if signal in CREDIT else (0.0, max(rise, _MAX_RISE))
        for signal, row in rows
        for rise in row
    ]


def _maximum(
    x: Floats, y: Floats, w: Floats, bias: float, start: Floats, bounds: Sequence[tuple[float, float]]
) -> tuple[float, Floats]:
    """Return bias and rises of the greatest penalised likelihood; rises stay within their bounds."""
    penalty = np.concatenate([[_BIAS_PENALTY], np.full(len(start), _PENALTY)])

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logit = parameters[0] + x @ parameters[1:]
        slack = w * (sigmoid_array(logit) - y)
        away = parameters - np.concatenate([[bias], start])
        value = float(w @ (np.logaddexp(0.0, logit) - y * logit)) + 0.5 * float(penalty @ away**2)
        return value, np.concatenate([[slack.sum()], x.T @ slack]) + penalty * away

    best = _minimise(loss, np.concatenate([[bias], start]), [(None, None), *bounds])
    return float(best[0]), best[1:]


def _calibration(
    x: Floats, y: Floats, w: Floats, bias: float, start: Floats, bounds: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Return slope and offset of Platt's calibration, on predictions for the folds that were left out."""
    if min(w @ y, w @ (1.0 - y), y.sum(), len(y) - y.sum()) < MIN_LABELS:
        return 1.0, 0.0
    folds = np.empty(len(y), int)
    for label in (0.0, 1.0):  # both kinds in every fold, in the order given
        rows = np.flatnonzero(y == label)
        folds[rows] = np.arange(len(rows)) % _FOLDS
    logit = np.empty(len(y))
    for fold in range(_FOLDS):
        out = folds == fold
        b, r = _maximum(x[~out], y[~out], w[~out], bias, start, bounds)
        logit[out] = b + x[out] @ r

    def loss(parameters: Floats) -> tuple[float, Floats]:
        slope, offset = parameters
        z = slope * logit + offset
        slack = w * (sigmoid_array(z) - y)
        value = float(w @ (np.logaddexp(0.0, z) - y * z)) + 0.5 * _SLOPE_PENALTY * (slope - 1.0) ** 2
        return value, np.array([slack @ logit + _SLOPE_PENALTY * (slope - 1.0), slack.sum()])

    slope, offset = _minimise(loss, np.array([1.0, 0.0]), [(0.05, 3.0), (None, None)]).tolist()
    return slope, offset


def _minimise(
    loss: Callable[[Floats], tuple[float, Floats]], start: Floats, bounds: list[tuple[float | None, float | None]]
) -> Floats:
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise MissingDependencyError("fitting a score needs SciPy: pip install 'logoscan[calibrate]'") from None
    result = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    if not result.success:  # the problem is convex, so that where it stopped is never worse than the prior
        logger.warning("the fit stopped before it was done, at a loss of %s: %s", result.fun, result.message)
    return np.asarray(result.x, np.float64)
