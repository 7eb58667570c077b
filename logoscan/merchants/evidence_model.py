"""Independent pieces of evidence about one merchant -> what they add to the log-odds that it sells counterfeits.

Knows numbers; knows nothing of reports.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logoscan._quote import quoted
from logoscan._validate import number
from logoscan.errors import InputError

__all__ = ["EvidenceModel"]


@dataclass(frozen=True)
class EvidenceModel:
    """What listings say about their merchant, as a likelihood ratio.

    A piece of evidence has log-odds x of being counterfeit, above those of any listing. If a merchant sells a share f
    of counterfeits, and honest ones unknowingly a share e, the piece is (f * exp(x) + 1 - f) / (e * exp(x) + 1 - e)
    times as probable from that merchant. Pieces multiply; the shares f are averaged, all equally probable. A noisy-or,
    1 - product of (1 - p), asks whether any listing is counterfeit and drifts to 1 over many harmless ones; here those
    speak for the merchant. A piece loses half of its weight, an exponent, every half-life.

    All numbers are stated priors, not fitted to data; `platform.fit_platform` adapts some to a platform.

    Attributes:
        base_rate: Share of counterfeits among all listings. Upper end of the 1-5 % that marketplaces state; it must lie
            above the score of a listing without any signal (0.7 %, `model.PRIOR_BIAS`), else harmless listings add up
            to suspicion.
        honest_share: The share e. One in 200: honest shops are deceived by a supplier now and then.
        shares: The shares f, each above e. From a fake hidden among 60 listings to a shop that sells little else.
        half_life_days: Half-life of a piece, in days. Half a year: what a merchant offers changes with the seasons.
        slack: Log-odds above the base rate that count as nothing. Scores of one merchant's listings err alike (by
            category, by style of photo), and a small error adds up: simulated honest merchants with 400 listings and
            a shared error of 0.7 were blocked in 3.5 % of cases without slack, in 0.9 % with it.
        cap: Largest absolute x: one piece brings a merchant to even odds, never to a block.
        floor: Least that listings can add, approached smoothly so that merchants still differ: clean listings are cheap
            to post and must not compensate for everything else.
        weights: How frequent each share is among merchants who sell counterfeits; all equally if empty.
    """

    base_rate: float = 0.05
    honest_share: float = 0.005
    shares: tuple[float, ...] = (0.015, 0.05, 0.15, 0.35, 0.6, 0.9)
    half_life_days: float = 180.0
    slack: float = 0.5
    cap: float = 6.0
    floor: float = -3.0
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, low, high in (
            ("base_rate", 1e-6, 0.5),
            ("honest_share", 1e-6, 0.5),
            ("half_life_days", 1e-3, 1e6),
            ("slack", 0.0, 50.0),
            ("cap", 0.1, 50.0),  # exp(x) stays far from overflow, and no calibration knows such odds
            ("floor", -50.0, -0.1),
        ):
            value = getattr(self, name)
            number("EvidenceModel", name, value, low, high)
            object.__setattr__(self, name, float(value))  # 6 and 6.0 must make one version of a model
        if not self.shares or not all(self.honest_share < f <= 1 for f in self.shares):
            raise InputError(
                f"EvidenceModel.shares: expected shares in ({self.honest_share}, 1], got {quoted(self.shares)}"
            )
        object.__setattr__(self, "shares", tuple(map(float, self.shares)))
        object.__setattr__(self, "weights", tuple(map(float, self.weights)))
        given = self.weights
        if given and (len(given) != len(self.shares) or min(given) <= 0 or not abs(math.fsum(given) - 1.0) < 1e-6):
            raise InputError(
                f"EvidenceModel.weights: expected one above 0 for each share, 1 in sum, got {quoted(given)}"
            )

    def excess(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return x: log-odds above the base rate and its slack, within the cap."""
        x = logits - math.log(self.base_rate / (1 - self.base_rate))
        return np.clip(np.where(x > 0, np.maximum(0.0, x - self.slack), x), -self.cap, self.cap)

    def log_ratios(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log likelihood ratios float64 (shares, n) of n pieces; each rises with its logit."""
        above = np.expm1(self.excess(logits))
        return np.log1p(np.multiply.outer(self.shares, above)) - np.log1p(self.honest_share * above)

    def decay(self, ages_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return weights in [0, 1] by age in seconds; a time in the future counts in full."""
        return np.exp2(-np.maximum(0.0, ages_s) / (86_400 * self.half_life_days))

    def total(self, sums: NDArray[np.float64]) -> float:
        """Return what the pieces add to the merchant's log-odds, from their weighted sums of log ratios (shares,)."""
        top = float(sums.max())
        parts = np.exp(sums - top)
        whole = top + math.log(float(parts @ np.array(self.weights) if self.weights else parts.mean()))
        return whole if whole >= 0 else -self.floor * math.expm1(-whole / self.floor)
