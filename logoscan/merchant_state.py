"""Reports of one merchant's listings -> a small state of independent evidence: add, merge, store, and what it says.

Listings with the same main photo are one piece of evidence, and the worst of them counts, so that copies add nothing.
Copies that were saved anew are known by their PDQ hashes, which a scanner with a ledger makes (`PhotoLedger`); without
them only equal files are one photo. So all reports of a merchant should be made in the same way: a listing that was
scanned with and without a ledger is two pieces.
The state keeps a table of at most 1,000 such clusters. Beyond that it is approximate: the cluster that matters least is
settled into a few sums and its photo forgotten, so that the same photo counts as new when it comes back.

Knows reports; knows nothing of what else a platform knows about the merchant.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from logoscan.errors import InputError, MismatchError
from logoscan.jsonio import from_json, seal, to_json, unseal
from logoscan.merchant_evidence import ListingEvidence
from logoscan.photos import MATCH_BITS
from logoscan.results import Report

__all__ = ["MAX_CLUSTERS", "Cluster", "MerchantState", "Settled", "iso_time", "seconds"]

MAX_CLUSTERS = 1000
"""Clusters kept. With ids of the worst kind they take 0.8 MB of JSON, with ordinary ones 0.2."""
_MAX_WORST = 5
"""Listings that are named as evidence: as many as a person will open."""
_ID_CHARS = 96
"""Of a listing's id that are kept, so that the state stays small; marketplaces' ids are shorter."""
_SELLER_CHARS = 1000
_PRICE, _SELLER = "low_price", "seller_not_authorised"
"""Signals that do not tell a seller of fakes from an honest one who is cheap or not the brand's own."""
_KEY = re.compile("(?:pdq|photo|id):[0-9a-f]{64}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds(time: str | datetime) -> float:
    """Whole seconds since 1970, UTC; a time without a zone is taken as UTC.

    Raises:
        InputError: It is no ISO 8601 time.
    """
    try:
        moment = time if isinstance(time, datetime) else datetime.fromisoformat(time)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"at: expected an ISO 8601 time, got {time!r:.80}") from None
    return float((moment - _EPOCH) // timedelta(seconds=1))


def iso_time(time_s: float) -> str:
    """ISO 8601, UTC, of seconds since 1970."""
    return (_EPOCH + timedelta(seconds=time_s)).isoformat()


_FIRST_S, _LAST_S = seconds(datetime.min), seconds(datetime.max)


@dataclass(slots=True)
class Cluster:
    """Listings with the same main photo.

    Attributes:
        logit: The highest of its listings' log-odds.
        listings: Reports in it.
        touched: The state's count of reports when the last of them came.
        time_s: The newest report's, seconds since 1970: the photo is in use as long as it comes again.
        worst: Id of the listing with the highest log-odds.
        pointed: One of its listings points at a counterfeit, see `MerchantState.pointed`.
    """

    logit: float
    listings: int
    touched: int
    time_s: float
    worst: str
    pointed: bool

    def join(self, other: Cluster) -> None:
        """Take in another cluster of the same photo; the order of joining does not matter."""
        self.logit, self.worst = min((self.logit, self.worst), (other.logit, other.worst), key=_worst_first)
        self.listings += other.listings
        self.touched = max(self.touched, other.touched)
        self.time_s = max(self.time_s, other.time_s)
        self.pointed |= other.pointed

    @property
    def importance(self) -> float:
        """The least leaves a full table: small and long unseen. By size alone, new photos would push each other out
        before their copies come; so each doubling of a cluster lets it wait for another 1,000 reports.
        """
        return self.touched + MAX_CLUSTERS * math.log2(self.listings)


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
        worst = tuple(sorted({*self.worst, *other.worst}, key=_worst_first)[:_MAX_WORST])
        return Settled(
            self.pieces + other.pieces, self.against + other.against, sums, now, self.pointed | other.pointed, worst
        )


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
        clusters: By "pdq:", "photo:" (a hash of the file's) or "id:" (a hash of the listing's id), and 64 hex digits.
        settled: Clusters for which there was no room.
        format: Of the JSON.
    """

    evidence: ListingEvidence = field(default_factory=ListingEvidence)
    seller_id: str | None = None
    reports: int = 0
    newest_s: float | None = None
    clusters: dict[str, Cluster] = field(default_factory=dict, repr=False)
    settled: Settled | None = field(default=None, repr=False)
    format: int = 1

    def __post_init__(self) -> None:
        if self.format != 1:
            raise InputError(f"MerchantState.format: expected 1, got {self.format}")
        if len(self.clusters) > MAX_CLUSTERS or not all(map(_KEY.fullmatch, self.clusters)):
            raise InputError(f"MerchantState.clusters: expected {MAX_CLUSTERS} or fewer, by a kind and 64 hex digits")
        if min((c.listings for c in self.clusters.values()), default=1) < 1:
            raise InputError("MerchantState.clusters: expected one listing or more in each")
        if self.settled and len(self.settled.sums) != len(self.evidence.shares):
            raise InputError(f"MerchantState.settled: expected {len(self.evidence.shares)} sums")
        rows = self.clusters.values()
        times = [self.newest_s or 0.0, self.settled.time_s if self.settled else 0.0, *(c.time_s for c in rows)]
        numbers = [*(self.settled.sums if self.settled else ()), *(c.logit for c in rows)]
        if not all(_FIRST_S <= t <= _LAST_S for t in times) or not all(map(math.isfinite, numbers)):
            raise InputError("MerchantState: expected finite numbers, and times from year 1 to 9999")
        self._bits = {key: _bits(key) for key in self.clusters if key.startswith("pdq:")}

    @property
    def pieces(self) -> int:
        """Independent pieces of evidence."""
        return len(self.clusters) + (self.settled.pieces if self.settled else 0)

    @property
    def is_exact(self) -> bool:
        """No cluster was settled yet."""
        return self.settled is None

    @property
    def pointed(self) -> bool:
        """A listing was likelier counterfeit than not, and not for its price or its seller alone."""
        return any(c.pointed for c in self.clusters.values()) or (self.settled is not None and self.settled.pointed)

    @property
    def against(self) -> int:
        """Pieces that speak against the merchant."""
        x = self.evidence.excess(np.array([c.logit for c in self.clusters.values()]))
        return int((x > 0).sum()) + (self.settled.against if self.settled else 0)

    @property
    def worst(self) -> tuple[str, ...]:
        """Ids of the listings that speak against the merchant most, the worst first; at most 5."""
        pairs = {(c.logit, c.worst) for c in self.clusters.values()}
        ranked = sorted(pairs | set(self.settled.worst if self.settled else ()), key=_worst_first)[:_MAX_WORST]
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
        score, name = report.score, report.listing_id
        if score.value is None:
            return
        # less what its seller adds: that is no news in each of a merchant's listings
        logit = score.bias + math.fsum(c.contribution for c in score.contributions if c.signal != _SELLER)
        beyond = any(c.contribution > 0 and c.signal not in (_PRICE, _SELLER) for c in score.contributions)
        short = name if len(name) <= _ID_CHARS else f"{name[: _ID_CHARS - 1]}…"
        self._join(_key(report), Cluster(logit, 1, self.reports, time_s, short, logit >= 0 and beyond))

    def merge(self, other: MerchantState) -> MerchantState:
        """A new state of both's reports, which must be different ones.

        Raises:
            InputError: The states are of two merchants.
            MismatchError: They weigh evidence differently.
        """
        if self.evidence != other.evidence:
            raise MismatchError(f"cannot merge states that weigh by {self.evidence} and by {other.evidence}")
        both = MerchantState(self.evidence, reports=self.reports + other.reports)
        both.newest_s = max((t for t in (self.newest_s, other.newest_s) if t is not None), default=None)
        for state in (self, other):
            if state.seller_id is not None:
                both._belongs(state.seller_id)
            if state.settled:
                both._settle(state.settled)
            for key, cluster in state.clusters.items():
                both._join(key, replace(cluster, touched=both.reports - (state.reports - cluster.touched)))
        return both

    def log_ratio(self, at_s: float) -> float:
        """What the listings add to the merchant's log-odds at a time, seconds since 1970."""
        sums = np.zeros(len(self.evidence.shares))
        if self.settled:
            sums += np.array(self.settled.sums) * self.evidence.decay(np.array(at_s - self.settled.time_s))
        if self.clusters:
            logits, times = np.array([(c.logit, c.time_s) for c in self.clusters.values()]).T
            sums += self.evidence.log_ratios(logits) @ self.evidence.decay(at_s - times)
        return self.evidence.total(sums)

    def to_json(self) -> str:
        """One line of JSON, sealed by its SHA-256; numbers keep every bit."""
        return seal(to_json(self))

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "merchant state") -> MerchantState:
        """What `to_json` wrote.

        Raises:
            CorruptFileError: It is something else, altered or truncated; `where` is named.
        """
        return from_json(cls, unseal(text, where).text, where)

    def _belongs(self, seller_id: str | None) -> None:
        if seller_id is None or len(seller_id) > _SELLER_CHARS:
            raise InputError(
                f"Report.seller_id: expected the merchant's id, {_SELLER_CHARS} characters or fewer, "
                f"got {seller_id!r:.80}"
            )
        if self.seller_id not in (None, seller_id):
            raise InputError(f"Report.seller_id: expected one merchant, {self.seller_id!r:.80}, got {seller_id!r:.80}")
        self.seller_id = seller_id

    def _join(self, key: str, cluster: Cluster) -> None:
        """Into the cluster of its photo; else as a new one, for which the least important is settled."""
        if known := self._find(key):
            known.join(cluster)
            return
        if len(self.clusters) == MAX_CLUSTERS:
            least_key = min(self.clusters, key=lambda k: self.clusters[k].importance)
            least = self.clusters.pop(least_key)
            self._bits.pop(least_key, None)
            logit = np.array(least.logit)
            sums, against = self.evidence.log_ratios(logit).tolist(), int(self.evidence.excess(logit) > 0)
            self._settle(Settled(1, against, tuple(sums), least.time_s, least.pointed, ((least.logit, least.worst),)))
        self.clusters[key] = cluster
        if key.startswith("pdq:"):
            self._bits[key] = _bits(key)

    def _settle(self, settled: Settled) -> None:
        self.settled = settled if self.settled is None else self.settled.plus(settled, self.evidence)

    def _find(self, key: str) -> Cluster | None:
        """The cluster of that key, or the one with the nearest PDQ hash within `MATCH_BITS`."""
        if key in self.clusters or not key.startswith("pdq:"):
            return self.clusters.get(key)
        bits = _bits(key)
        apart, nearest = min((((bits ^ other).bit_count(), k) for k, other in self._bits.items()), default=(256, ""))
        return self.clusters[nearest] if apart <= MATCH_BITS else None


def _worst_first(pair: tuple[float, str]) -> tuple[float, str]:
    """Sorts (log-odds, id) from the worst; ties go by the id, so that order never matters."""
    return (-pair[0], pair[1])


def _bits(key: str) -> int:
    return int(key.removeprefix("pdq:"), 16)


def _key(report: Report) -> str:
    """Of the main photo: the first that could be read. Those behind it do not count: a chart of sizes stands in all of
    a shop's listings, and a seller could tie all to one piece by a photo at their ends.
    """
    for image in report.images:
        if image.pdq is not None:
            return f"pdq:{image.pdq}"
        if image.sha256:
            return f"photo:{_digest(image.sha256)}"
    return f"id:{_digest(report.listing_id)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
