"""Listings of one merchant that share their photos, as one piece of evidence: in the table of a state, or settled.

Knows numbers and times; knows nothing of reports.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logoscan.merchants.evidence_model import EvidenceModel

__all__ = ["MAX_CLUSTERS", "MAX_WORST", "Cluster", "Settled", "worst_first"]

MAX_CLUSTERS = 1000
"""Clusters kept. With ids of the worst kind they take 0.8 MB of JSON, with ordinary ones 0.2."""
MAX_WORST = 5
"""Listings that are named as evidence: as many as a person will open."""


@dataclass(slots=True)
class Cluster:
    """Listings with the same photos.

    Attributes:
        logit: The highest log-odds of its listings.
        listings: Number of reports in it.
        touched: Count of the state's reports when the last of these came.
        time_s: Time of the newest report, seconds since 1970: the photo is in use as long as it comes again.
        worst: Id of the listing with the highest log-odds.
        pointed: Whether one of its listings points at a counterfeit (`MerchantState.pointed`).
        main: Key of its main photo alone, equal in all clusters that share it.
        titles: Titles (with their brands) of its listings that speak against the merchant, as a bitmap that counts
            distinct ones (after Flajolet and Martin, 1985), so that a listing that comes again counts once.
    """

    logit: float
    listings: int
    touched: int
    time_s: float
    worst: str
    pointed: bool
    main: str = ""
    titles: int = 0

    def join(self, other: Cluster) -> None:
        """Add another cluster of the same photos; the order of joining does not matter."""
        self.logit, self.worst = min((self.logit, self.worst), (other.logit, other.worst), key=worst_first)
        self.listings += other.listings
        self.touched = max(self.touched, other.touched)
        self.time_s = max(self.time_s, other.time_s)
        self.pointed |= other.pointed
        self.titles |= other.titles

    @property
    def weight(self) -> float:
        """Pieces that it counts as: 1, and about log2(n) more for n titles that speak against the merchant."""
        return 1.0 + max(0, self.titles.bit_count() - 1) / 2

    @property
    def importance(self) -> float:
        """The least important cluster leaves a full table: small, and without new reports for long.

        By size alone, new photos would push each other out before their copies come; so each doubling of a cluster lets
        it wait for another 1,000 reports.
        """
        return self.touched + MAX_CLUSTERS * math.log2(self.listings)


@dataclass(frozen=True)
class Settled:
    """Clusters that left the table.

    Attributes:
        pieces: Number of pieces that they were.
        against: How many of these speak against the merchant.
        sums: Weighted log likelihood ratios, one for each share of `EvidenceModel.shares`.
        time_s: Time of the newest of them, seconds since 1970; the weights are as of then.
        pointed: Whether one of them points at a counterfeit (`MerchantState.pointed`).
        worst: Log-odds and id of the worst listings, the worst first.
    """

    pieces: int
    against: int
    sums: tuple[float, ...]
    time_s: float
    pointed: bool
    worst: tuple[tuple[float, str], ...]

    def plus(self, other: Settled, evidence: EvidenceModel) -> Settled:
        """Return both together, as of the later time."""
        now = max(self.time_s, other.time_s)
        decay, other_decay = evidence.decay(np.array([now - self.time_s, now - other.time_s])).tolist()
        sums = tuple(decay * a + other_decay * b for a, b in zip(self.sums, other.sums, strict=True))
        worst = tuple(sorted({*self.worst, *other.worst}, key=worst_first)[:MAX_WORST])
        return Settled(
            self.pieces + other.pieces, self.against + other.against, sums, now, self.pointed | other.pointed, worst
        )


def worst_first(pair: tuple[float, str]) -> tuple[float, str]:
    """Return a key that sorts (log-odds, id) from the worst; ties go by the id, so that order never matters."""
    return (-pair[0], pair[1])
