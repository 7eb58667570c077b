"""The rows of a merchant's state: listings with the same main photo, and sums of those whose photo was forgotten."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logoscan.errors import InputError
from logoscan.merchant_evidence import ListingEvidence

__all__ = ["MAX_WORST", "Cluster", "Settled", "worst_first"]

MAX_WORST = 5
"""Listings that are named as evidence: as many as a person will open."""


@dataclass(slots=True)
class Cluster:
    """Listings with the same main photo.

    Attributes:
        key: "pdq:", "photo:" (a hash of the file's) or "id:" (a hash of the listing's id), and 64 hex digits.
        logit: The highest of its listings' log-odds.
        listings: Reports in it.
        touched: The state's count of reports when the last of them came.
        time_s: The newest report's, seconds since 1970: the photo is in use as long as it comes again.
        worst: Id of the listing with the highest log-odds.
        pointed: One of its listings points at a counterfeit, see `MerchantState.pointed`.
    """

    key: str
    logit: float
    listings: int
    touched: int
    time_s: float
    worst: str
    pointed: bool

    def __post_init__(self) -> None:
        kind, _, digits = self.key.partition(":")
        if kind not in ("pdq", "photo", "id") or len(digits) != 64 or set(digits) - set("0123456789abcdef"):
            raise InputError(f"Cluster.key: expected a kind and 64 hex digits, got {self.key!r:.80}")
        if not (math.isfinite(self.logit) and math.isfinite(self.time_s)):
            raise InputError(f"Cluster: expected finite numbers, got {self.logit!r} and {self.time_s!r}")
        if self.listings < 1 or self.touched < 0:
            raise InputError(f"Cluster.listings: expected 1 or more, got {self.listings!r}")

    def join(self, other: Cluster) -> None:
        """Take in another cluster of the same photo; the order of joining does not matter."""
        self.logit, self.worst = min((self.logit, self.worst), (other.logit, other.worst), key=worst_first)
        self.listings += other.listings
        self.touched = max(self.touched, other.touched)
        self.time_s = max(self.time_s, other.time_s)
        self.pointed |= other.pointed


def worst_first(pair: tuple[float, str]) -> tuple[float, str]:
    """Sorts (log-odds, id) from the worst; ties go by the id, so that order never matters."""
    return (-pair[0], pair[1])


@dataclass(frozen=True)
class Settled:
    """Clusters that left the table.

    Attributes:
        pieces: Their number.
        against: How many of them speak against the merchant.
        sums: Weighted log likelihood ratios, one a share of `ListingEvidence.shares`.
        time_s: The newest of theirs, seconds since 1970; the weights are as of then.
        pointed: One of them points at a counterfeit, see `MerchantState.pointed`.
        worst: Log-odds and id of the worst listings, the worst first.
    """

    pieces: int
    against: int
    sums: tuple[float, ...]
    time_s: float
    pointed: bool
    worst: tuple[tuple[float, str], ...]

    def plus(self, other: Settled, evidence: ListingEvidence) -> Settled:
        """Both together, as of the later time."""
        now = max(self.time_s, other.time_s)
        mine, theirs = evidence.decay(np.array([now - self.time_s, now - other.time_s])).tolist()
        sums = tuple(mine * a + theirs * b for a, b in zip(self.sums, other.sums, strict=True))
        worst = tuple(sorted({*self.worst, *other.worst}, key=worst_first)[:MAX_WORST])
        return Settled(
            self.pieces + other.pieces, self.against + other.against, sums, now, self.pointed | other.pointed, worst
        )
