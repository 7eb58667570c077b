"""Labels and their weights as arrays, and what is to be said of labels that do not stand for a stream."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.results import Report, Score

__all__ = ["MIN_LABELS", "STREAM_SHARE", "Floats", "flagged_share", "labels_and_weights", "warn_of_labels"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
"""Numbers, float64."""
MIN_LABELS = 10
"""Labels of either kind below which slope and bias of a fit stay as fitted, and the log warns."""
STREAM_SHARE = 0.2
"""Share of counterfeits beyond which labels do not represent a stream: marketplaces state 1-5 %. A budget as a share of
such labels carries no information about the stream."""


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
        raise InputError(f"{name}: expected numbers or truth values, got {quoted(values)}") from None
    if array.shape != (n,):
        raise InputError(f"{name}: expected one for each of {n} reports, got {' x '.join(map(str, array.shape)) or 1}")
    return array


def flagged_share(stream: Sequence[Report | Score]) -> float:
    """Return the share of a stream that is reviewed or blocked, by the bands that it was given."""
    bands = [(r.score if isinstance(r, Report) else r).band for r in stream]
    return sum(band != "clear" for band in bands) / len(bands)


def warn_of_labels(what: str, y: Floats, w: Floats, stream: Sequence[Report | Score] | None) -> None:
    """Log a warning where labels are few, of one kind, or richer in counterfeits than the stream.

    Args:
        what: The operation, "fit" or "with_bands".
        y: Labels, 1 for a counterfeit, float64 (n,).
        w: Weights, float64 (n,).
        stream: Reports of the stream, or their scores. If all that is reviewed or blocked of it were counterfeit, it
            would have that share of counterfeits; without it a fifth is the most that a stream may have.
    """
    bad = int(y.sum())
    good = len(y) - bad
    if not min(bad, good):
        kind, other = ("counterfeit", "genuine") if bad else ("genuine", "counterfeit")
        logger.warning(
            "%s: all %d labels are %s: what the bands do to %s listings is not known; judge some", what, len(y), kind,
            other,
        )  # fmt: skip
    elif min(bad, good) < MIN_LABELS:
        logger.warning(
            "%s: expected %d labels or more of either kind, got %d counterfeit and %d genuine: %s",
            what, MIN_LABELS, bad, good,
            "the fit stays near the prior, and takes their shares for the stream's" if what == "fit"
            else "what the bands do to so few says little; judge more",
        )  # fmt: skip
    most = STREAM_SHARE if stream is None else flagged_share(stream)
    share = float(w @ y / w.sum())
    if share > most:
        beside = (
            f"where a stream has {STREAM_SHARE:.0%} at most"
            if stream is None
            else f"and {most:.1%} of the stream is reviewed or blocked at all"
        )
        logger.warning(
            "%s: %.1f %% of the labels are counterfeit, %s: they are richer in counterfeits than the stream, in which "
            "scores and the precision of block are lower; judge listings that are drawn from all of it, too, such as "
            "test buys, with their weights",
            what, 100 * share, beside,
        )  # fmt: skip
