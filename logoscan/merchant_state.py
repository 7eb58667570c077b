"""Reports of one merchant's listings -> a small state of independent evidence: add, merge, store, and what it says.

Listings with the same main photo are one piece of evidence, and the worst of them counts, so that copies add nothing.
The state keeps a table of at most 1,000 such clusters. Beyond that it is approximate: the cluster that matters least is
settled into a few sums and its photo forgotten, so that the same photo counts as new when it comes back.

Knows reports; knows nothing of what else a platform knows about the merchant.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError, MismatchError
from logoscan.jsonio import from_json, to_json
from logoscan.merchant_clusters import MAX_WORST, Cluster, Settled, worst_first
from logoscan.merchant_evidence import ListingEvidence
from logoscan.results import Report

__all__ = ["MAX_CLUSTERS", "MerchantState", "iso_time", "seconds", "state_of"]

MAX_CLUSTERS = 1000
"""Clusters kept. With ids of the worst kind they take 0.8 MB of JSON, with ordinary ones 0.2."""
MAX_BITS = 31
"""Bits of 256 by which PDQ hashes of one photo may differ: the threshold that PDQ's authors recommend."""
_ID_CHARS = 96
"""Of a listing's id that are kept, so that the state stays small; marketplaces' ids are shorter."""
_SELLER_CHARS = 1000
_PRICE, _SELLER = "low_price", "seller_not_authorised"
"""Signals that do not tell a seller of fakes from an honest one who is cheap or not the brand's own."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POPCOUNT = np.array([n.bit_count() for n in range(1 << 16)], np.uint8)
"""Bits set in each 16-bit word; numpy counts bits itself only from 2.0 on."""


def seconds(time: str | datetime) -> float:
    """Seconds since 1970, UTC; a time without a zone is taken as UTC.

    Raises:
        InputError: It is no ISO 8601 time.
    """
    try:
        moment = time if isinstance(time, datetime) else datetime.fromisoformat(time)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"at: expected an ISO 8601 time, got {time!r:.80}") from None
    return (moment - _EPOCH).total_seconds()


def iso_time(time_s: float) -> str:
    """ISO 8601, UTC, of seconds since 1970."""
    return (_EPOCH + timedelta(seconds=time_s)).isoformat()


@dataclass(frozen=True)
class _Stored:
    """The state's JSON."""

    format: int
    seller_id: str | None
    evidence: ListingEvidence
    reports: int
    newest_s: float | None
    clusters: tuple[Cluster, ...]
    settled: Settled | None

    def __post_init__(self) -> None:
        if self.format != 1:
            raise InputError(f"MerchantState.format: expected 1, got {self.format}")
        if len(self.clusters) > MAX_CLUSTERS or len({c.key for c in self.clusters}) < len(self.clusters):
            raise InputError(f"MerchantState.clusters: expected {MAX_CLUSTERS} or fewer, each key once")
        if self.settled and len(self.settled.sums) != len(self.evidence.shares):
            raise InputError(f"MerchantState.settled: expected {len(self.evidence.shares)} sums")
        times = [self.newest_s or 0.0, *(c.time_s for c in self.clusters)]
        numbers = [*times, *((self.settled.time_s, *self.settled.sums) if self.settled else ())]
        if not all(map(math.isfinite, numbers)):
            raise InputError("MerchantState: expected finite numbers")


def _key(report: Report) -> str:
    """Of the main photo: the first that could be read. Those behind it do not count: a chart of sizes stands in all of
    a shop's listings, and a seller could tie all to one piece by a photo at their ends.
    """
    for image in report.images:
        if image.pdq is not None:
            return f"pdq:{image.pdq.lower()}"
        if image.sha256:
            return f"photo:{_digest(image.sha256)}"
    return f"id:{_digest(report.listing_id)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _logit(report: Report) -> float:
    """Of the listing's score, less what its seller adds: that is no news in each of a merchant's listings."""
    score = report.score
    return score.bias + math.fsum(c.contribution for c in score.contributions if c.signal != _SELLER)


def _short(listing_id: str) -> str:
    return listing_id if len(listing_id) <= _ID_CHARS else f"{listing_id[: _ID_CHARS - 1]}…"


@dataclass
class MerchantState:
    """Evidence about one merchant from a stream of reports, in less than 1 MB however long it is.

    Reports may come in any order. As long as no cluster was settled (`is_exact`), any order and any split into states
    that are merged give the same evidence, provided that photos are either alike or not: where A is like B and B like
    C but A unlike C, the first to come decides.

    Attributes:
        evidence: How pieces are weighed; it belongs to the state because settled sums depend on it.
        seller_id: The merchant; None before the first report.
        reports: Added, with copies and with listings that show no brand; a listing scanned twice counts twice here.
        newest_s: Time of the newest report, seconds since 1970.
    """

    evidence: ListingEvidence = field(default_factory=ListingEvidence)
    seller_id: str | None = field(default=None, init=False)
    reports: int = field(default=0, init=False)
    newest_s: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._clusters: list[Cluster] = []
        self._rows: dict[str, int] = {}
        self._words: NDArray[np.uint16] = np.zeros((16, 8), np.uint16)  # of PDQ keys, a column a cluster
        self._priority: NDArray[np.float64] = np.zeros(8)
        self._settled: Settled | None = None

    @property
    def pieces(self) -> int:
        """Independent pieces of evidence."""
        return len(self._clusters) + (self._settled.pieces if self._settled else 0)

    @property
    def is_exact(self) -> bool:
        """No cluster was settled yet."""
        return self._settled is None

    @property
    def pointed(self) -> bool:
        """A listing was likelier counterfeit than not, and not for its price or its seller alone."""
        return any(c.pointed for c in self._clusters) or (self._settled is not None and self._settled.pointed)

    @property
    def against(self) -> int:
        """Pieces that speak against the merchant."""
        x = self.evidence.excess(np.array([c.logit for c in self._clusters]))
        return int((x > 0).sum()) + (self._settled.against if self._settled else 0)

    @property
    def worst(self) -> tuple[str, ...]:
        """Ids of the listings that speak against the merchant most, the worst first; at most 5."""
        pairs = {(c.logit, c.worst) for c in self._clusters}
        ranked = sorted(pairs | set(self._settled.worst if self._settled else ()), key=worst_first)[:MAX_WORST]
        return tuple(name for logit, name in ranked if self.evidence.excess(np.array(logit)) > 0)

    def add(self, report: Report, at: str | datetime | None = None) -> None:
        """Take in one report. One without a candidate brand is counted, and is evidence of nothing.

        Args:
            report: Of a listing of this merchant.
            at: When the listing was seen; by default when the report was made.

        Raises:
            InputError: The report names no seller or another one, or its time is none.
        """
        time_s = seconds(report.provenance.time if at is None else at)
        self._belongs(report.seller_id)
        self.reports += 1
        self.newest_s = time_s if self.newest_s is None else max(self.newest_s, time_s)
        if report.score.value is not None:
            logit = _logit(report)
            beyond = any(c.contribution > 0 and c.signal not in (_PRICE, _SELLER) for c in report.score.contributions)
            pointed = logit >= 0 and beyond
            self._join(Cluster(_key(report), logit, 1, self.reports, time_s, _short(report.listing_id), pointed))

    def merge(self, other: MerchantState) -> MerchantState:
        """A new state of both's reports, which must be different ones.

        Raises:
            InputError: The states are of two merchants.
            MismatchError: They weigh evidence differently.
        """
        if self.evidence != other.evidence:
            raise MismatchError(f"cannot merge states that weigh by {self.evidence} and by {other.evidence}")
        both = MerchantState(self.evidence)
        both.reports = self.reports + other.reports
        both.newest_s = max((t for t in (self.newest_s, other.newest_s) if t is not None), default=None)
        for state in (self, other):
            if state.seller_id is not None:
                both._belongs(state.seller_id)
            if state._settled:
                both._settle(state._settled)
            for cluster in state._clusters:
                both._join(replace(cluster, touched=both.reports - (state.reports - cluster.touched)))
        return both

    def log_ratio(self, at_s: float) -> float:
        """What the listings add to the merchant's log-odds at a time, seconds since 1970."""
        sums = np.zeros(len(self.evidence.shares))
        if self._settled:
            sums += np.array(self._settled.sums) * self.evidence.decay(np.array(at_s - self._settled.time_s))
        if self._clusters:
            logits, times = np.array([(c.logit, c.time_s) for c in self._clusters]).T
            sums += self.evidence.log_ratios(logits) @ self.evidence.decay(at_s - times)
        return self.evidence.total(sums)

    def to_json(self) -> str:
        """One line of JSON; numbers keep every bit."""
        return to_json(
            _Stored(1, self.seller_id, self.evidence, self.reports, self.newest_s, tuple(self._clusters), self._settled)
        )

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "merchant state") -> MerchantState:
        """What `to_json` wrote.

        Raises:
            CorruptFileError: It is something else.
        """
        stored = from_json(_Stored, text, where)
        state = cls(stored.evidence)
        state.seller_id, state.reports, state.newest_s = stored.seller_id, stored.reports, stored.newest_s
        state._settled = stored.settled
        for cluster in stored.clusters:
            state._put(len(state._clusters), cluster)
        return state

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MerchantState) and json.loads(self.to_json()) == json.loads(other.to_json())

    __hash__ = None  # type: ignore[assignment]  # it changes

    def _belongs(self, seller_id: str | None) -> None:
        if seller_id is None or len(seller_id) > _SELLER_CHARS:
            raise InputError(
                f"Report.seller_id: expected the merchant's id, {_SELLER_CHARS} characters or fewer, "
                f"got {seller_id!r:.80}"
            )
        if self.seller_id not in (None, seller_id):
            raise InputError(f"Report.seller_id: expected one merchant, {self.seller_id!r:.80}, got {seller_id!r:.80}")
        self.seller_id = seller_id

    def _join(self, cluster: Cluster) -> None:
        """Into the cluster of its photo; else as a new one, for which the least important is settled."""
        row = self._find(cluster.key)
        if row is not None:
            self._clusters[row].join(cluster)
            self._rank(row)
        elif len(self._clusters) < MAX_CLUSTERS:
            self._put(len(self._clusters), cluster)
        else:
            row = int(self._priority[:MAX_CLUSTERS].argmin())
            least = self._clusters[row]
            sums = self.evidence.log_ratios(np.array(least.logit))
            against = int(self.evidence.excess(np.array(least.logit)) > 0)
            worst = ((least.logit, least.worst),)
            self._settle(Settled(1, against, tuple(sums.tolist()), least.time_s, least.pointed, worst))
            del self._rows[least.key]
            self._put(row, cluster)

    def _settle(self, settled: Settled) -> None:
        self._settled = settled if self._settled is None else self._settled.plus(settled, self.evidence)

    def _find(self, key: str) -> int | None:
        """The cluster of that key, or the one with the nearest PDQ hash within `MAX_BITS`."""
        row = self._rows.get(key)
        if row is not None or not key.startswith("pdq:") or not self._clusters:
            return row
        differing = self._words[:, : len(self._clusters)] ^ _words(key)[:, None]
        bits = _POPCOUNT[differing].sum(axis=0, dtype=np.uint16)
        near = [int(r) for r in np.flatnonzero(bits <= MAX_BITS) if self._clusters[r].key.startswith("pdq:")]
        return min(near, key=lambda r: (bits[r], self._clusters[r].key), default=None)

    def _put(self, row: int, cluster: Cluster) -> None:
        if row == len(self._clusters):
            self._clusters.append(cluster)
            if row == len(self._priority):
                self._words = np.concatenate([self._words, np.zeros_like(self._words)], axis=1)
                self._priority = np.concatenate([self._priority, np.zeros_like(self._priority)])
        else:
            self._clusters[row] = cluster
        self._rows[cluster.key] = row
        if cluster.key.startswith("pdq:"):
            self._words[:, row] = _words(cluster.key)
        self._rank(row)

    def _rank(self, row: int) -> None:
        """The least priority leaves: small and long unseen. By size alone, new photos would push each other out before
        their copies come; so each doubling of a cluster lets it wait for another 1,000 reports.
        """
        cluster = self._clusters[row]
        self._priority[row] = cluster.touched + MAX_CLUSTERS * math.log2(cluster.listings)


def _words(key: str) -> NDArray[np.uint16]:
    return np.frombuffer(bytes.fromhex(key[4:]), np.uint16)


def state_of(reports: Iterable[Report], evidence: ListingEvidence) -> MerchantState:
    """The state of some reports."""
    state = MerchantState(evidence)
    for report in reports:
        state.add(report)
    return state
