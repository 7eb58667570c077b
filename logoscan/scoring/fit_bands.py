"""Bands of a score model for a stated precision or review budget, and the counterfeits that a new model clears.

No confirmed counterfeit disappears silently: whenever a listing that is labelled as one leaves review or block for
clear, the log warns and says how many do (`newly_clear` says which).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.results import Report, Score, Signal
from logoscan.scoring.model import ScoreModel
from logoscan.types import Band

__all__ = ["Floats", "labels_and_weights", "newly_clear", "warn_of_clear", "with_bands"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
"""Numbers, float64."""

# Share of counterfeits beyond which labels do not represent a stream: marketplaces state 1-5 %. A budget as a share of
# such labels carries no information about the stream.
_STREAM_SHARE = 0.2
# Share of the counterfeits among such labels that a budget may clear: one that clears more cannot be meant.
_MAX_CLEARED_SHARE = 0.5
# Tolerance of shares: 29 of 100 are no more than 0.29.
_ROUNDING = 1e-12


def with_bands(
    model: ScoreModel,
    reports: Sequence[Report] | Sequence[Score],
    labels: Sequence[bool],
    *,
    block_precision: float | None = None,
    review_share: float | None = None,
    weights: Sequence[float] | None = None,
) -> ScoreModel:
    """Return the model with bands set by what they are to achieve on labelled reports.

    Args:
        model: The model; what another model scored is scored again, for the brand that it names.
        reports: Reports, or their scores; those without a candidate are never reviewed. Reports are better: a score
            does not tell whether the brand is shown, and so not for certain what goes to review for its low coverage.
        labels: Labels, true for a counterfeit listing; for the precision alone.
        block_precision: Share of counterfeits that blocked listings must reach, in (0, 1]; the lowest score that
            reaches it begins the band. Only listings that may be blocked count.
        review_share: Share of all listings that people can look at (review and block together), in (0, 1). Listings of
            equal score are all looked at, or none; nothing is blocked below the score that the budget reaches. It is a
            share of the stream, so that the labels must be drawn like it, or have weights.
        weights: One over the probability with which each label was chosen, up to a common factor; all alike if None.
            All alike, [1.0, ...], states that the labels are the stream, however many are counterfeit.

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
    scores = [_score_by(model, report) for report in reports]
    y, w = labels_and_weights(labels, weights, len(scores))
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
    banded = replace(model, review_from=_to_threshold(min(review, block)), block_from=_to_threshold(block))
    if review_share is not None and weights is None and y.mean() > _STREAM_SHARE:
        gone = len(newly_clear(model, banded, reports, labels))
        caught = gone + sum(_band(banded, reports[i]) != "clear" for i in np.flatnonzero(y).tolist())
        if gone > _MAX_CLEARED_SHARE * caught:
            raise InputError(
                f"review_share: expected labels that are drawn like the stream, or `weights`, got {review_share!r} and "
                f"{int(y.sum())} counterfeit of {len(y)} labels: {gone} of these, which are reviewed or blocked, would "
                "be clear"
            )
    warn_of_clear("with_bands", model, banded, reports, labels)
    return banded


def _score_by(model: ScoreModel, report: Report | Score) -> Score:
    """Return the score by `model` of the brand that a report names."""
    score = report.score if isinstance(report, Report) else report
    if score.brand is None or score.model == model.version:
        return score
    signals = [Signal(c.signal, c.value, c.why) for c in score.contributions]
    return model.score(score.brand, signals, shown=_shown_probability(report), doubts=score.doubts)


def _shown_probability(report: Report | Score) -> float | None:
    """Return the probability that the scored brand is shown; None where that is not known."""
    if isinstance(report, Score):
        return None
    return next((b.probability for b in report.brands if b.brand == report.score.brand), None)


def _unjudged(model: ScoreModel, report: Report | Score, score: Score) -> bool:
    """Return whether a listing goes to review however low its score; True where that is not known."""
    if score.doubts:
        return True
    if (shown := _shown_probability(report)) is not None:
        return model.unjudged(score.coverage, shown)
    return score.band == "review" and score.coverage < model.min_coverage


def _to_threshold(value: float) -> float:
    """Return the number in (0, 100) that is nearest to a score."""
    return min(max(value, math.nextafter(0.0, 1.0)), math.nextafter(100.0, 0.0))


def _lowest(values: Floats, y: Floats, w: Floats, precision: float, least: float) -> float:
    """Return the lowest score, `least` or more, from which on the share of counterfeits is at least `precision`."""
    order = np.argsort(-values, kind="stable")
    precisions = np.cumsum((w * y)[order]) / np.cumsum(w[order])
    ends = np.append(values[order][1:] < values[order][:-1], True)[: len(order)]  # equal scores go together
    good = np.flatnonzero((precisions >= precision - _ROUNDING) & ends & (values[order] >= least))
    if not len(good):
        best = f"the best is {precisions[ends].max():.3f}" if len(precisions) else None
        reached = best or "none of the listings may be blocked"
        raise InputError(f"block_precision: expected one that some score reaches, got {precision!r}; {reached}")
    return float(values[order][good[-1]])


def _budget(values: Floats, w: Floats, always: NDArray[np.bool_], share: float) -> float:
    """Return the lowest score from which on at most `share` of all listings lie.

    Listings that are `always` reviewed count in that share.
    """
    least = w[always].sum() / w.sum()
    if least > share:
        raise InputError(f"review_share: expected {least:.4f} or more, which has too low a coverage, got {share!r}")
    order = np.argsort(-values, kind="stable")
    ordered, rest = values[order], np.where(always, 0.0, w)[order]
    ends = np.append(ordered[1:] < ordered[:-1], True)  # equal scores go together
    good = np.flatnonzero((least + np.cumsum(rest) / w.sum() <= share + _ROUNDING) & ends & (ordered >= 0))
    if not len(good) and ordered[0] >= _to_threshold(100.0):  # no band begins above
        first = float(w[values >= _to_threshold(100.0)].sum() / w.sum())
        raise InputError(f"review_share: expected {first:.4f} or more, which has the score 100, got {share!r}")
    return float(ordered[good[-1]]) if len(good) else 100.0


def newly_clear(
    before: ScoreModel, after: ScoreModel, reports: Sequence[Report] | Sequence[Score], labels: Sequence[bool]
) -> list[int]:
    """Return which confirmed counterfeits one model reviews or blocks, and another one clears.

    Args:
        before: The model in use.
        after: The model that may replace it.
        reports: Reports, or their scores. Reports are better: a score does not tell whether the brand is shown, so a
            listing that is reviewed for its low coverage alone is listed, though it would be reviewed again.
        labels: Labels, true for a counterfeit listing, one for each report.

    Returns:
        Positions among the reports, in their order.

    Raises:
        InputError: Lengths differ, or a label is neither true nor false.
    """
    y, _ = labels_and_weights(labels, None, len(reports))
    return [
        i
        for i in np.flatnonzero(y).tolist()
        if _band(before, reports[i]) != "clear" and _band(after, reports[i]) == "clear"
    ]


def _band(model: ScoreModel, report: Report | Score) -> Band:
    """Return the band that a model gives to a report, for the brand that it names."""
    score = _score_by(model, report)
    if score.value is None:
        return score.band
    return model.band(score.value, score.contributions, in_doubt=_unjudged(model, report, score))


def warn_of_clear(
    what: str,
    before: ScoreModel,
    after: ScoreModel,
    reports: Sequence[Report] | Sequence[Score],
    labels: Sequence[bool],
) -> None:
    """Log a warning where a new model clears confirmed counterfeits.

    `what` is the operation, "fit" or "with_bands"; the other arguments are those of `newly_clear`.
    """
    gone = newly_clear(before, after, reports, labels)
    if gone:
        of = int(np.sum(np.asarray(labels, np.float64)))
        logger.warning(
            "%s: would clear %d of %d %s labelled counterfeit, which %s reviews or blocks",
            what, len(gone), of, "listing" if of == 1 else "listings", before.version,
        )  # fmt: skip


def labels_and_weights(labels: Sequence[bool], weights: Sequence[float] | None, n: int) -> tuple[Floats, Floats]:
    """Return labels as 0 and 1, and weights, float64 (n,) both; refuse what is neither.

    Raises:
        InputError: There are none or not n of them, a label is not true or false, or a weight is not above 0.
    """
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
