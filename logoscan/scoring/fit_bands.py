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
from logoscan.scoring.fit_labels import STREAM_SHARE, Floats, labels_and_weights, warn_of_labels
from logoscan.scoring.model import ScoreModel
from logoscan.types import Band

__all__ = [
    "always_reviewed",
    "band_by",
    "banded_model",
    "newly_clear",
    "score_by",
    "share_to_keep",
    "shown_probability",
    "warn_of_clear",
    "with_bands",
]

logger = logging.getLogger(__name__)

# Share of the counterfeits among such labels that a budget may clear: one that clears more cannot be meant.
_MAX_CLEARED_SHARE = 0.5
# Tolerance of shares: 29 of 100 are no more than 0.29.
_ROUNDING = 1e-12


def with_bands(
    model: ScoreModel,
    reports: Sequence[Report | Score],
    labels: Sequence[bool],
    *,
    block_precision: float | None = None,
    review_share: float | None = None,
    weights: Sequence[float] | None = None,
    stream: Sequence[Report | Score] | None = None,
) -> ScoreModel:
    """Return the model with bands set by what they are to achieve on labelled reports, and on the stream.

    Args:
        model: The model; what another model scored is scored again, for the brand that it names.
        reports: Reports, or their scores; those without a candidate are never reviewed. Reports are better: a score
            does not tell whether the brand is shown, and so not for certain what goes to review for its low coverage.
        labels: Labels, true for a counterfeit listing; for the precision alone.
        block_precision: Share of counterfeits that blocked listings must reach, in (0, 1]; the lowest score that
            reaches it begins the band. Only listings that may be blocked count.
        review_share: Share of all listings that people can look at (review and block together), in (0, 1). Listings of
            equal score are all looked at, or none; nothing is blocked below the score that the budget reaches. It is a
            share of the stream; without one the labels must be drawn like it, or have weights.
        weights: One over the probability with which each label was chosen, up to a common factor; all alike if None.
            All alike, [1.0, ...], states that the labels are the stream, however many are counterfeit.
        stream: Reports of all listings, or of some that are drawn from these alike, judged or not; they need no labels.
            If None, the labelled reports stand for them.

    Returns:
        The model with other bands. A band that is not asked for moves only where the other one pushes it. The log warns
        where labels are few, of one kind, or richer in counterfeits than the stream, and where confirmed counterfeits
        would be clear, with their number and what to do.

    Raises:
        InputError: A share is out of range, no score reaches the precision, more go to review for their low coverage
            alone, or for a score of 100, than people can look at, the stream is empty, or the share cannot be meant:
            there is no stream, more than a fifth of the labels are counterfeit, have no weights, and most that are
            reviewed or blocked would be clear.
    """
    banded = banded_model(
        model, reports, labels, block_precision=block_precision, review_share=review_share, weights=weights,
        stream=stream,
    )  # fmt: skip
    y, w = labels_and_weights(labels, weights, len(reports))
    if review_share is not None and weights is None and stream is None and y.mean() > STREAM_SHARE:
        gone = len(newly_clear(model, banded, reports, labels))
        caught = gone + sum(band_by(banded, reports[i]) != "clear" for i in np.flatnonzero(y).tolist())
        if gone > _MAX_CLEARED_SHARE * caught:
            raise InputError(
                f"review_share: expected the `stream`, labels that are drawn like it, or `weights`, got "
                f"{review_share!r} and {int(y.sum())} counterfeit of {len(y)} labels: {gone} of these, which are "
                "reviewed or blocked, would be clear"
            )
    warn_of_labels("with_bands", y, w, stream)
    warn_of_clear("with_bands", model, banded, reports, labels, stream)
    return banded


def banded_model(
    model: ScoreModel,
    reports: Sequence[Report | Score],
    labels: Sequence[bool],
    *,
    block_precision: float | None,
    review_share: float | None,
    weights: Sequence[float] | None,
    stream: Sequence[Report | Score] | None,
) -> ScoreModel:
    """Return what `with_bands` returns, without its warnings, and whether or not the share can be meant."""
    if block_precision is not None and not 0 < block_precision <= 1:
        raise InputError(f"block_precision: expected a share in (0, 1], got {block_precision!r}")
    if review_share is not None and not 0 < review_share < 1:
        raise InputError(f"review_share: expected a share in (0, 1), got {review_share!r}")
    scores = [score_by(model, report) for report in reports]
    y, w = labels_and_weights(labels, weights, len(scores))
    values = np.array([-1.0 if s.value is None else s.value for s in scores])
    review, block = model.review_from, model.block_from
    if review_share is not None:
        if stream is None:
            always = np.array([_unjudged(model, *pair) for pair in zip(reports, scores, strict=True)])
            review = _budget(values, w, always, review_share)
        elif stream:
            review = _budget(*_values_of(model, stream), review_share)
        else:
            raise InputError("stream: expected at least one report, got none")
        block = max(block, review)
    if block_precision is not None:
        least = -math.inf if review_share is None else review
        may = np.array([s.value is not None and model.band(100.0, s.contributions) == "block" for s in scores])
        block = _lowest(values[may], y[may], w[may], block_precision, least)
    return replace(model, review_from=_to_threshold(min(review, block)), block_from=_to_threshold(block))


def _values_of(model: ScoreModel, reports: Sequence[Report | Score]) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return scores by a model, -1 without a candidate; weights of 1; and which are reviewed however low they score."""
    scores = [score_by(model, report) for report in reports]
    values = np.array([-1.0 if s.value is None else s.value for s in scores])
    always = np.array([_unjudged(model, *pair) for pair in zip(reports, scores, strict=True)])
    return values, np.ones(len(values)), always


def always_reviewed(model: ScoreModel, reports: Sequence[Report | Score]) -> NDArray[np.bool_]:
    """Return which listings go to review however low their score, bool (n,)."""
    return _values_of(model, reports)[2]


def score_by(model: ScoreModel, report: Report | Score) -> Score:
    """Return the score by `model` of the brand that a report names."""
    score = report.score if isinstance(report, Report) else report
    if score.brand is None or score.model == model.version:
        return score
    signals = [Signal(c.signal, c.value, c.why) for c in score.contributions]
    return model.score(score.brand, signals, shown=shown_probability(report), doubts=score.doubts)


def shown_probability(report: Report | Score) -> float | None:
    """Return the probability that the scored brand is shown; None where that is not known."""
    if isinstance(report, Score):
        return None
    return next((b.probability for b in report.brands if b.brand == report.score.brand), None)


def _unjudged(model: ScoreModel, report: Report | Score, score: Score) -> bool:
    """Return whether a listing goes to review however low its score; True where that is not known."""
    if score.doubts:
        return True
    if (shown := shown_probability(report)) is not None:
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
        reachable = precisions[ends & (values[order] >= least)]
        reached = f"the best is {reachable.max():.3f}" if len(reachable) else "none of the listings may be blocked"
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
    before: ScoreModel, after: ScoreModel, reports: Sequence[Report | Score], labels: Sequence[bool]
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
        if band_by(before, reports[i]) != "clear" and band_by(after, reports[i]) == "clear"
    ]


def band_by(model: ScoreModel, report: Report | Score) -> Band:
    """Return the band that a model gives to a report, for the brand that it names."""
    score = score_by(model, report)
    if score.value is None:
        return score.band
    return model.band(score.value, score.contributions, in_doubt=_unjudged(model, report, score))


def warn_of_clear(
    what: str,
    before: ScoreModel,
    after: ScoreModel,
    reports: Sequence[Report | Score],
    labels: Sequence[bool],
    stream: Sequence[Report | Score] | None = None,
) -> None:
    """Log a warning where a new model clears confirmed counterfeits, and where both do.

    `what` is the operation, "fit" or "with_bands"; `stream` that of `with_bands`; the others are those of
    `newly_clear`.
    """
    gone = newly_clear(before, after, reports, labels)
    counterfeit = np.flatnonzero(np.asarray(labels, np.float64)).tolist()
    of = f"{len(counterfeit)} {'listing' if len(counterfeit) == 1 else 'listings'}"
    if gone:
        share = share_to_keep(after, [reports[i] for i in gone], reports if stream is None else stream)
        logger.warning(
            "%s: would clear %d of %s labelled counterfeit, which %s reviews or blocks; %s",
            what, len(gone), of, before.version, share,
        )  # fmt: skip
    stay = sum(band_by(after, reports[i]) == "clear" for i in counterfeit) - len(gone)
    if stay:
        logger.warning("%s: %d of %s labelled counterfeit are clear, before and after", what, stay, of)


def share_to_keep(model: ScoreModel, lost: Sequence[Report | Score], stream: Sequence[Report | Score]) -> str:
    """Return in words which review share of a stream keeps listings that a model would clear."""
    values, _, always = _values_of(model, stream)
    below = values[values <= _values_of(model, lost)[0].min()]
    if not len(below) or (share := float((always | (values >= below.max())).mean())) >= 1:
        return "no review share keeps all of them: judge more listings, or keep the model in use"
    return f"a review share of {math.ceil(share * 1e4 - 1e-9) / 1e4:.4f} or more keeps them in review"
