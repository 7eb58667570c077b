"""Labels and a stream -> a fitted score model, with bands for the work that people can do, and what these do to labels.

Labels mostly come from the review queue, where counterfeits are many. So they say how signals are to be weighed, and
the stream, which needs no labels, says from which score on people can look. What the bands would do to listings that
are not labelled yet is estimated by folds: each label gets the band of a model that was fitted without it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from logoscan.errors import InputError
from logoscan.results import Report, Score
from logoscan.scoring.fit import fitted_model
from logoscan.scoring.fit_bands import (
    always_reviewed,
    band_by,
    banded_model,
    score_by,
    share_to_keep,
    shown_probability,
)
from logoscan.scoring.fit_labels import flagged_share, labels_and_weights, warn_of_labels
from logoscan.scoring.model import ScoreModel
from logoscan.types import Band

__all__ = ["StreamFit", "fit_to_stream"]

logger = logging.getLogger(__name__)

# Folds of the holdout.
_FOLDS = 5
# Listings that a warning names.
_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class StreamFit:
    """A model fitted to labels, and what its bands do to them and to the stream.

    Attributes:
        model: The model.
        review_share: Share of the stream that it may review and block together.
        now: Bands of the labelled reports as they are.
        then: Bands of the labelled reports by the model.
        held_out: Bands of the labelled reports by models that were fitted without them; None where the labels of one
            kind are too few to leave any out.
        stream_now: Number of reports of the stream in each band as they are.
        stream_then: Number of reports of the stream in each band by the model.
    """

    model: ScoreModel
    review_share: float
    now: tuple[Band, ...]
    then: tuple[Band, ...]
    held_out: tuple[Band, ...] | None
    stream_now: Mapping[Band, int]
    stream_then: Mapping[Band, int]


def fit_to_stream(
    reports: Sequence[Report | Score],
    labels: Sequence[bool],
    stream: Sequence[Report | Score],
    *,
    prior: ScoreModel | None = None,
    weights: Sequence[float] | None = None,
    review_share: float | None = None,
    block_precision: float | None = None,
    name: str = "fitted",
) -> StreamFit:
    """Return a model that is fitted to labels, with bands for a stream, and what they do.

    Args:
        reports: Labelled reports, or their scores.
        labels: Labels, true for a counterfeit listing, one for each report.
        stream: Reports of all listings, or of some that are drawn from these alike, judged or not.
        prior: The model from which few labels depart little; the stated priors if None.
        weights: One over the probability with which each label was chosen, up to a common factor; all alike if None.
        review_share: Share of the stream that people can look at, in (0, 1). If None, as many by their scores as are
            reviewed or blocked now, and all that must be looked at whatever their score.
        block_precision: Share of counterfeits that blocked listings must reach, in (0, 1]; the band of the prior if
            None.
        name: Name of the new model; its version adds a hash of its numbers.

    Returns:
        The model. The log warns where labels are few or richer in counterfeits than the stream, and where confirmed
        counterfeits would be clear, with their number and what to do.

    Raises:
        InputError: The labels are of one kind, the stream is empty, no review share is stated and the stream has none
            of its own, or an argument is one that `fit_scores` or `with_bands` refuses.
        MissingDependencyError: SciPy is not installed.
    """
    if not stream:
        raise InputError("stream: expected the reports of all listings, got none")
    prior = prior or ScoreModel()
    y, w = labels_and_weights(labels, weights, len(reports))
    whole = _with_coverage(fitted_model(reports, labels, prior, weights, name), prior, stream)
    share = _usual_share(whole, stream) if review_share is None else review_share

    def banded(fitted: ScoreModel, rows: Sequence[int]) -> ScoreModel:
        return banded_model(
            fitted,
            [reports[i] for i in rows],
            [labels[i] for i in rows],
            block_precision=block_precision,
            review_share=share,
            weights=None if weights is None else [weights[i] for i in rows],
            stream=stream,
        )

    model = banded(whole, range(len(reports)))
    held_out: list[Band] | None = None
    folds = min(_FOLDS, int(y.sum()), len(y) - int(y.sum()))
    if folds > 1:
        fold_of = np.empty(len(y), int)
        for label in (0.0, 1.0):  # both kinds in every fold, in the order given
            rows = np.flatnonzero(y == label)
            fold_of[rows] = np.arange(len(rows)) % folds
        held_out = ["clear"] * len(y)
        for fold in range(folds):
            kept = np.flatnonzero(fold_of != fold).tolist()
            part = [reports[i] for i in kept], [labels[i] for i in kept]
            fitted = fitted_model(*part, prior, None if weights is None else [weights[i] for i in kept], name)
            fitted = _with_coverage(fitted, prior, stream)
            try:
                other = banded(fitted, kept)
            except InputError:  # fewer labels may not reach what all of them reach
                other = replace(fitted, review_from=model.review_from, block_from=model.block_from)
            for i in np.flatnonzero(fold_of == fold).tolist():
                held_out[i] = band_by(other, reports[i])
    out = StreamFit(
        model,
        share,
        tuple((r.score if isinstance(r, Report) else r).band for r in reports),
        tuple(band_by(model, report) for report in reports),
        None if held_out is None else tuple(held_out),
        Counter((r.score if isinstance(r, Report) else r).band for r in stream),
        Counter(band_by(model, report) for report in stream),
    )
    warn_of_labels("fit", y, w, stream)
    _warn_of_clear(out, reports, y.astype(bool).tolist(), stream)
    return out


def _with_coverage(fitted: ScoreModel, prior: ScoreModel, stream: Sequence[Report | Score]) -> ScoreModel:
    """Return a fitted model that sends no more of a stream to review for its low coverage than the prior does.

    Coverage is a share of all the weight of a model's signals, and a fit moves this weight; how much of a listing could
    be judged is the same as before.
    """
    shown = [one for one in stream if (shown_probability(one) or 0.0) >= 0.5]
    few = sum(score_by(prior, one).coverage < prior.min_coverage for one in shown)
    coverage = sorted(score_by(fitted, one).coverage for one in shown)
    return replace(fitted, min_coverage=min([prior.min_coverage, *coverage[few : few + 1]]))


def _usual_share(model: ScoreModel, stream: Sequence[Report | Score]) -> float:
    """Return the share of a stream that is reviewed or blocked now, or must be looked at whatever its score.

    Raises:
        InputError: All of the stream is reviewed or blocked, or nothing is.
    """
    now = np.array([(r.score if isinstance(r, Report) else r).band != "clear" for r in stream])
    share = float((now | always_reviewed(model, stream)).mean())
    if not 0 < flagged_share(stream) < 1:
        raise InputError(
            f"review_share: expected one to be stated, since {flagged_share(stream):.0%} of the {len(stream)} reports "
            "are reviewed or blocked now: these are not the whole stream, or nobody looks at any"
        )
    if share >= 1:
        raise InputError("stream: expected reports of which some could be judged, got doubts or a low coverage in all")
    return share


def _warn_of_clear(
    fit: StreamFit, reports: Sequence[Report | Score], labels: Sequence[bool], stream: Sequence[Report | Score]
) -> None:
    """Log a warning where confirmed counterfeits would be clear: those that are looked at now, and the others."""
    clear = [i for i, (label, band) in enumerate(zip(labels, fit.then, strict=True)) if label and band == "clear"]
    gone = [i for i in clear if fit.now[i] != "clear"]
    counterfeit = sum(labels)
    of = f"{counterfeit} {'listing' if counterfeit == 1 else 'listings'} labelled counterfeit"
    if gone:
        ids = [repr(one.listing_id) for i in gone if isinstance(one := reports[i], Report)]
        which = f" ({', '.join([*ids[:_MOST_NAMED], *(['...'] if len(ids) > _MOST_NAMED else [])])})" if ids else ""
        logger.warning(
            "fit: would clear %d of %s, which are reviewed or blocked now%s; %s",
            len(gone), of, which, share_to_keep(fit.model, [reports[i] for i in gone], stream),
        )  # fmt: skip
    if stay := len(clear) - len(gone):
        logger.warning(
            "fit: %d of %s are clear, before and after; a larger review share, or more labels like them, would bring "
            "them to people", stay, of,
        )  # fmt: skip
