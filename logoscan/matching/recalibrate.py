"""Fit the threshold of a `MatchCalibration`, and its intercept where the labels allow it, to matches people judged.

Verdicts exist only for brands that were named. They say how often a name is right, and nothing about what was missed
or about photos without a brand; so the coefficients, which need such photos, are kept (`matching.calibrate` fits them).

The threshold is the lowest of a few stated ones from which, at 90 % confidence, no more than a stated share of the
named listings shows another thing: each is tested by the exact binomial tail, and the error is split evenly between
them (Bonferroni), as in Angelopoulos et al., "Learn then test", arXiv:2110.01052, and for the risk of a selective
classifier in Geifman and El-Yaniv, NeurIPS 2017. The intercept is fitted by recalibration in the large (Cox, Biometrika
1958): the mean probability becomes the share of right matches, and the order of matches stays as it is.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.matching.calibration import MatchCalibration
from logoscan.odds import log_odds, sigmoid, sigmoid_array

__all__ = ["LEAST_OF_EACH", "THRESHOLDS", "WRONG_SHARE", "JudgedMatches", "least_matches", "recalibrate"]

logger = logging.getLogger(__name__)

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Thresholds that are tested, as probabilities by the calibration that is there; few, because each test costs labels.

The range is that of `matching.calibrate`: below it a name is more likely wrong than right."""
WRONG_SHARE = 0.05
"""Share of the named listings that may show another thing, unless the caller states one."""
LEAST_OF_EACH = 30
"""Fewest right, and fewest wrong, matches from which the intercept is fitted: its standard error is then about 0.3."""
# Chance that the share of wrong names at the chosen threshold is larger than stated.
_ERROR = 0.1
# Fewest matches between a threshold and the next one from which it is tested: matches that are all far above a
# threshold say nothing about names just above it.
_LEAST_IN_STEP = 10
# The intercept moves by this at most; more says that the calibration is of another kind of photos.
_MAX_SHIFT = 10.0


@dataclass(frozen=True, eq=False)
class JudgedMatches:
    """Matches that people judged, one for each listing and brand, independent of one another.

    Attributes:
        probability: float64 (n,), probability of the most probable match of the brand in the photos, in [0, 1].
        right: bool (n,), whether the listing shows the brand.
    """

    probability: NDArray[np.float64]
    right: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.probability.shape != self.right.shape or self.right.ndim != 1:
            raise InputError(
                f"JudgedMatches: expected probability and right of one length, got {self.probability.shape} and "
                f"{self.right.shape}"
            )
        if not ((self.probability >= 0) & (self.probability <= 1)).all():
            raise InputError("JudgedMatches.probability: expected values in 0..1, got others")

    def __len__(self) -> int:
        """Return the number of matches."""
        return len(self.right)


def least_matches(wrong_share: float = WRONG_SHARE) -> int:
    """Return how many matches, all of them right, are needed to hold a share of wrong names.

    Raises:
        InputError: The share is not between 0 and 0.5.
    """
    if not 0 < wrong_share <= 0.5:
        raise InputError(f"wrong_share: expected a share above 0, and 0.5 at most, got {wrong_share!r}")
    return math.ceil(math.log(_ERROR / len(THRESHOLDS)) / math.log1p(-wrong_share))


def recalibrate(
    calibration: MatchCalibration, judged: JudgedMatches, note: str, wrong_share: float = WRONG_SHARE
) -> MatchCalibration:
    """Return a calibration with the threshold and, where the labels allow it, the intercept fitted to judged matches.

    With less than `LEAST_OF_EACH` right or wrong matches the threshold alone is fitted.

    Args:
        calibration: Calibration that gave the probabilities.
        judged: Matches that people judged.
        note: Where these come from, in words.
        wrong_share: Share of the listings named from the threshold on that may show another thing, 0..0.5.

    Raises:
        InputError: There are too few matches, or the share is out of range.
    """
    least = least_matches(wrong_share)
    if len(judged) < least:
        raise InputError(
            f"verdicts: expected {least} matches or more that were judged, to hold {wrong_share:.1%} wrong names, "
            f"got {len(judged)}: judge more listings, or allow a larger share"
        )
    threshold = _threshold(judged, wrong_share)
    right = int(judged.right.sum())
    shift = _shift(judged) if min(right, len(judged) - right) >= LEAST_OF_EACH else 0.0
    return replace(
        calibration,
        intercept=calibration.intercept + shift,
        threshold=sigmoid(log_odds(threshold) + shift) if shift else threshold,  # names the same listings
        fitted_on=f"{calibration.fitted_on}; then {note}",
    )


def _threshold(judged: JudgedMatches, wrong_share: float) -> float:
    """Return the lowest threshold that holds the share of wrong names; the highest, with a warning, where none does."""
    tested = []
    for threshold, following in zip(THRESHOLDS, (*THRESHOLDS[1:], math.inf), strict=True):
        in_step = (judged.probability >= threshold) & (judged.probability < following)
        # which thresholds are tested depends on probabilities alone, never on labels, so that the tests stay valid
        if in_step.sum() >= _LEAST_IN_STEP or threshold == THRESHOLDS[-1]:
            tested.append(threshold)
    chances = {}
    for threshold in tested:
        named = judged.probability >= threshold
        wrong, total = int((named & ~judged.right).sum()), int(named.sum())
        chance = _binomial_tail(wrong, total, wrong_share)
        if chance <= _ERROR / len(THRESHOLDS):
            return threshold
        chances[threshold] = (chance, wrong, total)
    nearest = min(tested, key=lambda threshold: chances[threshold])
    logger.warning(
        "threshold: set to %.2f, the highest: none is shown to hold %.1f %% wrong names; nearest to it is %.2f, with "
        "%d wrong of %d",
        THRESHOLDS[-1], 100 * wrong_share, nearest, *chances[nearest][1:],
    )  # fmt: skip
    return THRESHOLDS[-1]


def _binomial_tail(successes: int, trials: int, probability: float) -> float:
    """Return the chance of this many successes or fewer in independent trials."""
    logs = [
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        + k * math.log(probability) + (trials - k) * math.log1p(-probability)
        for k in range(successes + 1)
    ]  # fmt: skip
    return min(1.0, math.fsum(map(math.exp, logs)))


def _shift(judged: JudgedMatches) -> float:
    """Return what added to all log-odds makes the mean probability the share of right matches (maximum likelihood)."""
    log_odds_of = np.array([log_odds(float(p)) for p in judged.probability])
    share = float(judged.right.mean())
    low, high = -_MAX_SHIFT, _MAX_SHIFT
    for _ in range(60):  # the mean rises with the shift: halving the interval finds it to the last digit
        middle = (low + high) / 2
        if float(sigmoid_array(log_odds_of + middle).mean()) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2
