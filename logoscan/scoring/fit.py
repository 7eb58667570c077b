"""Labels -> a fitted `ScoreModel`, and bands for a stated precision or review budget.

One method from ten labels to a million: maximum likelihood of the additive monotone shapes, held to the model that it
starts from by a penalty that is worth a few labels, so that few labels move little and many decide. Slope and bias are
then calibrated on predictions for labels that were left out (Platt, 1999) and folded in.

No counterfeit that is known slips away in silence: whenever a listing that was confirmed as one leaves review or block
for clear, the log warns and says how many do (`newly_clear` says which).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError, MissingDependencyError
from logoscan.results import Report, Score, Signal
from logoscan.scoring.model import ScoreModel
from logoscan.types import Band

__all__ = ["fit_scores", "newly_clear", "with_bands"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

# Pieces of a fitted shape: enough for a step or a bend, few enough to stay put.
_KNOTS = 4
# Penalty on the squared departure of a piece's rise from the prior's, in labels. Chosen on labels of simulated worlds
# that no figure is reported on; between a third and thrice as much 100 labels give the same within 0.003 of AUC.
_PULL = 2.0
# Of the bias: the share of counterfeits is the first thing that labels tell, but one label moves it by 3.3 at most.
# From 30 labels on, a thirtieth of it gives the same likelihood of fresh labels within 0.02 a label.
_BIAS_PULL = 0.3
# Of one piece, 3,000 to 1, unless the prior rises more: a step that separates the labels would rise without end.
_MOST_RISE = 8.0
_FOLDS = 5
# Labels of either kind (weights counted) below which slope and bias stay as they are fitted, and the log warns.
_LEAST = 10
# Share of counterfeits beyond which labels are no stream's: marketplaces state 1-5 %. A budget of their share says
# nothing of the stream's.
_RICH = 0.2
# Of the counterfeits among rich labels that a budget may clear: one that clears more cannot be meant.
_LOST = 0.5
# Penalty on the squared departure of the calibration's slope from 1.
_SLOPE_PULL = 5.0
# Of shares: 29 of 100 are no more than 0.29.
_ROUNDING = 1e-12


def fit_scores(
    reports: Sequence[Report] | Sequence[Score],
    labels: Sequence[bool],
    *,
    prior: ScoreModel | None = None,
    weights: Sequence[float] | None = None,
    name: str = "fitted",
) -> ScoreModel:
    """Fit the score to labelled reports.

    Args:
        reports: Reports, or their scores; those without a candidate brand say nothing of the shapes and are left out.
        labels: Whether each listing is counterfeit.
        prior: The model that few labels depart from little; the stated priors if None. Signals that it does not know
            are refused. Of its shapes, the values at quarters count.
        weights: For labels that were chosen, not drawn: each by one over the probability with which it was chosen
            (Horvitz and Thompson, 1952), up to a common factor. They count as many labels as tell as much where all
            weigh alike (Kish, 1965). All alike if None.
        name: Of the model that is made; its version adds a hash of its numbers.

    Returns:
        A model with fitted bias and shapes, the prior's thresholds, and the calibration folded in. The log warns where
        there are fewer than 10 labels of either kind, which bring little but the share of counterfeits among them, and
        where confirmed counterfeits would be clear that the prior reviews or blocks.

    Raises:
        InputError: Lengths differ, no report has a candidate brand, all labels of those that have one are of one kind,
            a label is neither true nor false, a weight is not above 0, or a signal is unknown to the prior.
        MissingDependencyError: SciPy is not installed.
    """
    prior = prior or ScoreModel()
    x, y, w = _table(reports, labels, weights, prior)
    bad = int(y.sum())
    if not 0 < bad < len(y):
        raise InputError(
            f"labels: expected counterfeits and genuine ones, {_LEAST} or more of either, among the reports with a "
            f"candidate brand, got {bad} counterfeit and {len(y) - bad} genuine"
        )
    if min(bad, len(y) - bad) < _LEAST:
        logger.warning(
            "fit: expected %d labels or more of either kind, got %d counterfeit and %d genuine: the fit stays near the "
            "prior, and takes their shares for the stream's",
            _LEAST, bad, len(y) - bad,
        )  # fmt: skip
    start = _pieces(prior)
    bias, rises = _maximum(x, y, w, prior.bias, start)
    slope, offset = _calibration(x, y, w, prior.bias, start, bias, rises)
    pieces = (slope * rises).reshape(len(prior.shapes), _KNOTS)
    shapes = {
        signal: (0.0, *np.cumsum(np.maximum(row, 0.0)).tolist())
        for signal, row in zip(prior.shapes, pieces, strict=True)
    }
    fitted = replace(prior, bias=slope * bias + offset, shapes=shapes, name=name)
    _warn_of_clear("fit", prior, fitted, reports, labels)
    return fitted


def newly_clear(
    before: ScoreModel, after: ScoreModel, reports: Sequence[Report] | Sequence[Score], labels: Sequence[bool]
) -> list[int]:
    """Which confirmed counterfeits one model reviews or blocks, and another one clears.

    Args:
        before: The model in use.
        after: The one that may take its place.
        reports: Reports, or their scores. Better reports: a score does not tell whether the brand is shown, so that one
            which is reviewed for its low coverage alone is listed, though it would be reviewed again.
        labels: Whether each listing is counterfeit.

    Returns:
        Places among the reports, in their order.

    Raises:
        InputError: Lengths differ, or a label is neither true nor false.
    """
    y, _ = _labels(labels, None, len(reports))
    return [
        i
        for i in np.flatnonzero(y).tolist()
        if _band(before, reports[i]) != "clear" and _band(after, reports[i]) == "clear"
    ]


def _band(model: ScoreModel, one: Report | Score) -> Band:
    """The band by a model of the brand that a report names."""
    score = _under(model, one)
    if score.value is None:
        return score.band
    return model.band(score.value, score.contributions, in_doubt=_unjudged(model, one, score))


def _warn_of_clear(
    what: str,
    before: ScoreModel,
    after: ScoreModel,
    reports: Sequence[Report] | Sequence[Score],
    labels: Sequence[bool],
) -> None:
    gone = newly_clear(before, after, reports, labels)
    if gone:
        of = int(np.sum(np.asarray(labels, np.float64)))
        logger.warning(
            "%s: would clear %d of %d %s labelled counterfeit, which %s reviews or blocks",
            what, len(gone), of, "listing" if of == 1 else "listings", before.version,
        )  # fmt: skip


def with_bands(
    model: ScoreModel,
    reports: Sequence[Report] | Sequence[Score],
    labels: Sequence[bool],
    *,
    block_precision: float | None = None,
    review_share: float | None = None,
    weights: Sequence[float] | None = None,
) -> ScoreModel:
    """Set the bands from what they are to achieve on labelled reports.

    Args:
        model: Whose bands are set; what another model scored is scored again, for the brand that it names.
        reports: Reports, or their scores; those without a candidate are never reviewed. Better reports: a score does
            not tell whether the brand is shown, and so not for sure what goes to review for its low coverage.
        labels: Whether each listing is counterfeit; for the precision alone.
        block_precision: Share of counterfeits that blocked listings must reach, in (0, 1]; the lowest score that
            reaches it begins the band. Only listings that may be blocked count.
        review_share: Share of all listings that people can look at (review and block together), in (0, 1). Listings of
            equal score are all looked at, or none; nothing is blocked below the score that the budget reaches. It is a
            share of the stream, so that the labels must be drawn like it, or have weights.
        weights: As for `fit_scores`. All alike, [1.0, ...], states that the labels are the stream, however rich.

    Returns:
        The model with other bands. A band that is not asked for moves only where the other one pushes it. The log warns
        where confirmed counterfeits would be clear that the model reviews or blocks.

    Raises:
        InputError: A share is out of range, no score reaches the precision, more go to review for their low coverage
            alone, or for a score of 100, than people can look at, or the share cannot be meant: more than a fifth of
            the labels are counterfeit, have no weights, and most that are reviewed or blocked would be clear.
    """
    if block_precision is not None and not 0 < block_precision <= 1:
        raise InputError(f"block_precision: expected a share in (0, 1], got {block_precision!r}")
    if review_share is not None and not 0 < review_share < 1:
        raise InputError(f"review_share: expected a share in (0, 1), got {review_share!r}")
    scores = [_under(model, one) for one in reports]
    y, w = _labels(labels, weights, len(scores))
    values = np.array([-1.0 if s.value is None else s.value for s in scores])
    review, block = model.review_from, model.block_from
    if review_share is not None:
        always = np.array([_unjudged(model, reports[i], score) for i, score in enumerate(scores)])
        review = _budget(values, w, always, review_share)
        block = max(block, review)
    if block_precision is not None:
        least = -math.inf if review_share is None else review
        may = np.array([s.value is not None and model.band(100.0, s.contributions) == "block" for s in scores])
        block = _lowest(values[may], y[may], w[may], block_precision, least)
    banded = replace(model, review_from=_inside(min(review, block)), block_from=_inside(block))
    if review_share is not None and weights is None and y.mean() > _RICH:
        gone = len(newly_clear(model, banded, reports, labels))
        caught = gone + sum(_band(banded, reports[i]) != "clear" for i in np.flatnonzero(y).tolist())
        if gone > _LOST * caught:
            raise InputError(
                f"review_share: expected labels that are drawn like the stream, or `weights`, got {review_share!r} and "
                f"{int(y.sum())} counterfeit of {len(y)} labels: {gone} of these, which are reviewed or blocked, would "
                "be clear"
            )
    _warn_of_clear("with_bands", model, banded, reports, labels)
    return banded


def _under(model: ScoreModel, one: Report | Score) -> Score:
    """The score by `model` of the brand that a report names."""
    score = one.score if isinstance(one, Report) else one
    if score.brand is None or score.model == model.version:
        return score
    signals = [Signal(c.signal, c.value, c.why) for c in score.contributions]
    return model.score(score.brand, signals, shown=_shown(one), doubts=score.doubts)


def _shown(one: Report | Score) -> float | None:
    """Probability that the scored brand is shown; None where that is not known."""
    if isinstance(one, Score):
        return None
    return next((b.probability for b in one.brands if b.brand == one.score.brand), None)


def _unjudged(model: ScoreModel, one: Report | Score, score: Score) -> bool:
    """Whether a listing goes to review however low its score; where that is not known, rather yes."""
    if score.doubts:
        return True
    if (shown := _shown(one)) is not None:
        return model.unjudged(score.coverage, shown)
    return score.band == "review" and score.coverage < model.min_coverage


def _inside(value: float) -> float:
    """The number in (0, 100) that is nearest to a score."""
    return min(max(value, math.nextafter(0.0, 1.0)), math.nextafter(100.0, 0.0))


def _lowest(values: Floats, y: Floats, w: Floats, precision: float, least: float) -> float:
    """The lowest score, `least` or more, from which on the share of counterfeits is at least `precision`."""
    order = np.argsort(-values, kind="stable")
    found = np.cumsum((w * y)[order]) / np.cumsum(w[order])
    ends = np.append(values[order][1:] < values[order][:-1], True)[: len(order)]  # equal scores go together
    good = np.flatnonzero((found >= precision - _ROUNDING) & ends & (values[order] >= least))
    if not len(good):
        reached = f"the best is {found[ends].max():.3f}" if len(found) else "none of the listings may be blocked"
        raise InputError(f"block_precision: expected one that some score reaches, got {precision!r}; {reached}")
    return float(values[order][good[-1]])


def _budget(values: Floats, w: Floats, always: NDArray[np.bool_], share: float) -> float:
    """The lowest score from which on, with those that are `always` looked at, lie at most `share` of all listings."""
    least = w[always].sum() / w.sum()
    if least > share:
        raise InputError(f"review_share: expected {least:.4f} or more, which has too low a coverage, got {share!r}")
    order = np.argsort(-values, kind="stable")
    ordered, rest = values[order], np.where(always, 0.0, w)[order]
    ends = np.append(ordered[1:] < ordered[:-1], True)  # equal scores go together
    good = np.flatnonzero((least + np.cumsum(rest) / w.sum() <= share + _ROUNDING) & ends & (ordered >= 0))
    if not len(good) and ordered[0] >= _inside(100.0):  # no band begins above
        first = float(w[values >= _inside(100.0)].sum() / w.sum())
        raise InputError(f"review_share: expected {first:.4f} or more, which has the score 100, got {share!r}")
    return float(ordered[good[-1]]) if len(good) else 100.0


def _labels(labels: Sequence[bool], weights: Sequence[float] | None, n: int) -> tuple[Floats, Floats]:
    """Labels as 0 and 1, and weights, float64 (n,) both."""
    y = _numbers("labels", labels, n)
    w = np.ones(n) if weights is None else _numbers("weights", weights, n)
    if not n:
        raise InputError("labels: expected at least one, got none")
    for name, values, good, what in (
        ("labels", y, np.isin(y, (0.0, 1.0)), "true or false"),
        ("weights", w, np.isfinite(w) & (w > 0), "finite numbers above 0"),
    ):
        if not good.all():
            first = int(np.argmin(good))
            raise InputError(f"{name}: expected {what}, got {float(values[first])!r} at place {first}")
    return y, w


def _numbers(name: str, values: Sequence[float], n: int) -> Floats:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: expected numbers or truth values, got {values!r:.80}") from None
    if array.shape != (n,):
        raise InputError(f"{name}: expected one for each of {n} reports, got {' x '.join(map(str, array.shape)) or 1}")
    return array


def _table(
    reports: Sequence[Report] | Sequence[Score],
    labels: Sequence[bool],
    weights: Sequence[float] | None,
    prior: ScoreModel,
) -> tuple[Floats, Floats, Floats]:
    """How far each piece of each shape is climbed, float64 (n, signals * pieces) in [0, 1]; labels; weights."""
    scores = [r.score if isinstance(r, Report) else r for r in reports]
    y, w = _labels(labels, weights, len(scores))
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
    climbed = np.clip(values[kept, :, None] * _KNOTS - np.arange(_KNOTS), 0.0, 1.0)
    y, w = y[kept], w[kept] / w[kept].max()
    w *= w.sum() / (w @ w)  # the sum is the number of labels of equal weight that tell as much
    return climbed.reshape(len(y), len(column) * _KNOTS), y, w


def _pieces(model: ScoreModel) -> Floats:
    """Rises of a model's shapes over equal pieces, float64 (signals * pieces,)."""
    ends = np.linspace(0.0, 1.0, _KNOTS + 1).tolist()
    heights = [[model.contribution(signal, end) for end in ends] for signal in model.shapes]
    return np.diff(np.array(heights).reshape(-1, len(ends)), axis=1).ravel()


def _maximum(x: Floats, y: Floats, w: Floats, bias: float, start: Floats) -> tuple[float, Floats]:
    """Bias and rises of the greatest penalised likelihood; rises stay within their bounds."""
    pull = np.concatenate([[_BIAS_PULL], np.full(len(start), _PULL)])

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logit = parameters[0] + x @ parameters[1:]
        slack = w * (_sigmoid(logit) - y)
        away = parameters - np.concatenate([[bias], start])
        value = float(w @ (np.logaddexp(0.0, logit) - y * logit)) + 0.5 * float(pull @ away**2)
        return value, np.concatenate([[slack.sum()], x.T @ slack]) + pull * away

    most = np.maximum(start, _MOST_RISE).tolist()
    found = _minimise(loss, np.concatenate([[bias], start]), [(None, None), *((0.0, rise) for rise in most)])
    return float(found[0]), found[1:]


def _calibration(
    x: Floats, y: Floats, w: Floats, bias: float, start: Floats, fitted: float, rises: Floats
) -> tuple[float, float]:
    """Slope and offset of Platt's calibration, on predictions for the folds that were left out."""
    if min(w @ y, w @ (1.0 - y), y.sum(), len(y) - y.sum()) < _LEAST:
        return 1.0, 0.0
    folds = np.empty(len(y), int)
    for label in (0.0, 1.0):  # both kinds in every fold, in the order given
        rows = np.flatnonzero(y == label)
        folds[rows] = np.arange(len(rows)) % _FOLDS
    logit = np.empty(len(y))
    for fold in range(_FOLDS):
        out = folds == fold
        b, r = _maximum(x[~out], y[~out], w[~out], bias, start)
        logit[out] = b + x[out] @ r

    def loss(parameters: Floats) -> tuple[float, Floats]:
        slope, offset = parameters
        z = slope * logit + offset
        slack = w * (_sigmoid(z) - y)
        value = float(w @ (np.logaddexp(0.0, z) - y * z)) + 0.5 * _SLOPE_PULL * (slope - 1.0) ** 2
        return value, np.array([slack @ logit + _SLOPE_PULL * (slope - 1.0), slack.sum()])

    slope, offset = _minimise(loss, np.array([1.0, 0.0]), [(0.05, 3.0), (None, None)]).tolist()
    return slope, offset


def _sigmoid(logit: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -500.0, 500.0))))


def _minimise(
    loss: Callable[[Floats], tuple[float, Floats]], start: Floats, bounds: list[tuple[float | None, float | None]]
) -> Floats:
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise MissingDependencyError("fitting a score needs SciPy: pip install 'logoscan[calibrate]'") from None
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    if not found.success:  # the problem is convex, so that where it stopped is never worse than the prior
        logger.warning("the fit stopped before it was done, at a loss of %s: %s", found.fun, found.message)
    return np.asarray(found.x, np.float64)
