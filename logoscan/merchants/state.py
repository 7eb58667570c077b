"""Reports of one merchant's listings -> a small state of independent evidence: add, merge, store, and what it says.

Listings with the same photos, all of them in their order, are one piece of evidence, and the worst of them counts, so
that copies add nothing. One photo that many listings share hides none of those that speak against the merchant: among
listings with one main photo but other photos beside it, each that speaks against the merchant is a piece; only where
none does, all of them are one piece that speaks for the merchant. The same photos under n titles that speak against the
merchant count about log2(n) times, and never for "block" (`score`): sizes and colours of one thing look alike, and so
do things that the photos do not show.

Copies that were saved anew are recognised by their PDQ hashes, which a scanner with a ledger makes (`PhotoLedger`);
without them only equal files are one photo. So all reports of a merchant should be made in the same way: a listing that
was scanned with and without a ledger is two pieces.

The state keeps a table of at most 1,000 such clusters. Beyond that it is approximate: the least important cluster is
settled into a few sums and its photo forgotten, so that the same photo counts as new when it comes back.

A state is about one merchant and holds nothing about anybody else: to forget the merchant, delete it.

Knows reports; knows nothing of what else a platform knows about the merchant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from logoscan._quote import quoted
from logoscan.errors import InputError, MismatchError
from logoscan.io.records import from_json, to_json
from logoscan.io.sealed_lines import seal, unseal
from logoscan.merchants.cluster_keys import KEY, TITLE_BITS, cluster_keys, key_bits, nearest_key, title_bit
from logoscan.merchants.clusters import MAX_CLUSTERS, MAX_WORST, Cluster, Settled, worst_first
from logoscan.merchants.evidence_model import EvidenceModel
from logoscan.results import Report

__all__ = ["MerchantState", "iso_time", "seconds"]

# Characters of a listing's id that are kept, so that the state stays small; marketplaces' ids are shorter.
_ID_CHARS = 96
_SELLER_CHARS = 1000
# Signals about who sells from where: they say the same of each of a merchant's listings, an honest importer's, too.
_OF_SELLER = frozenset({"authorised_seller", "seller_not_authorised", "unlikely_origin"})
# Signals that do not distinguish a seller of fakes from an honest one who is cheap or not the brand's own.
_NOT_BEYOND = _OF_SELLER | {"low_price"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds(time: str | datetime) -> float:
    """Return whole seconds since 1970, UTC; a time without a zone is taken as UTC.

    Raises:
        InputError: It is no ISO 8601 time.
    """
    try:
        moment = time if isinstance(time, datetime) else datetime.fromisoformat(time)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"at: expected an ISO 8601 time, got {quoted(time)}") from None
    return float((moment - _EPOCH) // timedelta(seconds=1))


def iso_time(time_s: float) -> str:
    """Return seconds since 1970 as ISO 8601, UTC."""
    return (_EPOCH + timedelta(seconds=time_s)).isoformat()


_FIRST_S, _LAST_S = seconds(datetime.min), seconds(datetime.max)


@dataclass
class MerchantState:
    """Evidence about one merchant from a stream of reports, in less than 1 MB however long it is.

    Reports may come in any order. As long as no cluster was settled (`is_exact`), any order and any split into states
    that are merged give the same evidence, provided that photos are either alike or not: where A is like B and B like
    C but A unlike C, the first to come decides.

    Attributes:
        evidence: How pieces are weighed; it belongs to the state because settled sums depend on it.
        seller_id: The merchant; None before the first report.
        reports: Number of reports added, with copies and with listings that show no brand; a listing scanned twice
            counts twice.
        newest_s: Time of the newest report, seconds since 1970.
        clusters: Clusters by "pdq:" (of all photos), "photo:" (a hash of the files' hashes) or "id:" (a hash of the
            listing's id), and 64 hex digits.
        settled: Clusters for which there was no room.
        format: Version of the JSON. Format 1 knew main photos alone, and is refused.
    """

    evidence: EvidenceModel = field(default_factory=EvidenceModel)
    seller_id: str | None = None
    reports: int = 0
    newest_s: float | None = None
    clusters: dict[str, Cluster] = field(default_factory=dict, repr=False)
    settled: Settled | None = field(default=None, repr=False)
    format: int = 2

    def __post_init__(self) -> None:
        if self.format != 2:
            raise InputError(
                f"MerchantState.format: expected 2, got {self.format}; make a state of another version again, from the "
                "merchant's reports"
            )
        if len(self.clusters) > MAX_CLUSTERS or not all(
            KEY.fullmatch(key) and KEY.fullmatch(cluster.main) for key, cluster in self.clusters.items()
        ):
            raise InputError(f"MerchantState.clusters: expected {MAX_CLUSTERS} or fewer, by a kind and 64 hex digits")
        if min((c.listings for c in self.clusters.values()), default=1) < 1:
            raise InputError("MerchantState.clusters: expected one listing or more in each")
        if not all(0 <= c.titles < 1 << TITLE_BITS for c in self.clusters.values()):
            raise InputError(f"MerchantState.clusters: expected titles as a bitmap of {TITLE_BITS} bits")
        if self.settled and len(self.settled.sums) != len(self.evidence.shares):
            raise InputError(f"MerchantState.settled: expected {len(self.evidence.shares)} sums")
        rows = self.clusters.values()
        times = [self.newest_s or 0.0, self.settled.time_s if self.settled else 0.0, *(c.time_s for c in rows)]
        numbers = [*(self.settled.sums if self.settled else ()), *(c.logit for c in rows)]
        if not all(_FIRST_S <= t <= _LAST_S for t in times) or not all(map(math.isfinite, numbers)):
            raise InputError("MerchantState: expected finite numbers, and times from year 1 to 9999")
        self._bits = {key: key_bits(key) for key in self.clusters if key.startswith("pdq:")}
        mains = {cluster.main for cluster in self.clusters.values()}
        self._main_bits = {key: key_bits(key) for key in mains if key.startswith("pdq:")}

    @property
    def pieces(self) -> int:
        """Number of independent pieces of evidence."""
        return len(self._counted_clusters()) + (self.settled.pieces if self.settled else 0)

    @property
    def is_exact(self) -> bool:
        """Whether no cluster was settled yet."""
        return self.settled is None

    @property
    def pointed(self) -> bool:
        """Whether a listing was more probably counterfeit than not, and not for its price or its seller alone."""
        return any(c.pointed for c in self.clusters.values()) or (self.settled is not None and self.settled.pointed)

    @property
    def against(self) -> int:
        """Number of pieces that speak against the merchant."""
        return sum(map(self._is_against, self.clusters.values())) + (self.settled.against if self.settled else 0)

    @property
    def worst(self) -> tuple[str, ...]:
        """Ids of the listings that speak against the merchant most, the worst first; at most 5."""
        pairs = {(c.logit, c.worst) for c in self.clusters.values()}
        ranked = sorted(pairs | set(self.settled.worst if self.settled else ()), key=worst_first)[:MAX_WORST]
        return tuple(name for logit, name in ranked if self.evidence.excess(np.array(logit)) > 0)

    def add(self, report: Report, at: str | datetime | None = None) -> None:
        """Add one report. One without a candidate brand is counted, and is evidence of nothing.

        Args:
            report: Report of a listing of this merchant.
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
        # without what its seller adds: that is no new evidence in each of a merchant's listings
        logit = score.bias + math.fsum(c.contribution for c in score.contributions if c.signal not in _OF_SELLER)
        beyond = any(c.contribution > 0 and c.signal not in _NOT_BEYOND for c in score.contributions)
        short = name if len(name) <= _ID_CHARS else f"{name[: _ID_CHARS - 1]}…"
        key, main = cluster_keys(report)
        cluster = Cluster(logit, 1, self.reports, time_s, short, logit >= 0 and beyond, main, 0)
        if self._is_against(cluster):
            cluster.titles = title_bit(report)
        self._join(key, cluster)

    def merge(self, other: MerchantState) -> MerchantState:
        """Return a new state of both states' reports, which must be different ones.

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

    def log_ratio(self, at_s: float, *, titles: bool = True) -> float:
        """Return what the listings add to the merchant's log-odds at a time.

        Args:
            at_s: Time, seconds since 1970.
            titles: Whether photos under several titles count as several pieces (`Cluster.weight`), not as one.
        """
        sums = np.zeros(len(self.evidence.shares))
        if self.settled:
            sums += np.array(self.settled.sums) * self.evidence.decay(np.array(at_s - self.settled.time_s))
        if counted := self._counted_clusters():
            rows = [(c.logit, c.time_s, c.weight if titles else 1) for c in counted]
            logits, times, weights = np.array(rows, np.float64).T
            sums += self.evidence.log_ratios(logits) @ (weights * self.evidence.decay(at_s - times))
        return self.evidence.total(sums)

    def pieces_at(self, at_s: float | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return log-odds and weight by age of the pieces in the table, float64 (n,) both; at the newest by default."""
        now = self.newest_s if at_s is None else at_s
        rows = [(c.logit, c.time_s) for c in self._counted_clusters()]
        logits, times = np.array(rows, np.float64).reshape(-1, 2).T
        return logits, self.evidence.decay((now or 0.0) - times)

    def weighed(self, evidence: EvidenceModel) -> MerchantState:
        """Return the same state, weighed in another way.

        Raises:
            MismatchError: Clusters were settled, whose sums belong to the evidence model that they were weighed by.
        """
        if self.settled is not None and evidence != self.evidence:
            raise MismatchError("cannot weigh settled clusters in another way: make the state again from its reports")
        clusters = {key: replace(cluster) for key, cluster in self.clusters.items()}
        return replace(self, evidence=evidence, clusters=clusters)

    def _is_against(self, cluster: Cluster) -> bool:
        return float(self.evidence.excess(np.array(cluster.logit))) > 0

    def _counted_clusters(self) -> list[Cluster]:
        """Return the pieces: of clusters with one main photo those against the merchant; where none is, the worst."""
        groups: dict[str, list[Cluster]] = {}
        for cluster in self.clusters.values():
            groups.setdefault(cluster.main, []).append(cluster)
        out = []
        for group in groups.values():
            against = [cluster for cluster in group if self._is_against(cluster)]
            worst = min(group, key=lambda c: worst_first((c.logit, c.worst)))
            out += against or [replace(worst, time_s=max(c.time_s for c in group))]
        return out

    def to_json(self) -> str:
        """One line of JSON, sealed by its SHA-256; numbers keep every bit."""
        return seal(to_json(self))

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "merchant state") -> MerchantState:
        """Return the state that `to_json` wrote.

        Raises:
            CorruptFileError: It is something else, altered or truncated; `where` is named.
        """
        return from_json(cls, unseal(text, where).text, where)

    def _belongs(self, seller_id: str | None) -> None:
        if seller_id is None or len(seller_id) > _SELLER_CHARS:
            raise InputError(
                f"Report.seller_id: expected the merchant's id, {_SELLER_CHARS} characters or fewer, "
                f"got {quoted(seller_id)}"
            )
        if (own := self.seller_id) not in (None, seller_id):
            raise InputError(f"Report.seller_id: expected one merchant, {quoted(own)}, got {quoted(seller_id)}")
        self.seller_id = seller_id

    def _join(self, key: str, cluster: Cluster) -> None:
        """Add to the cluster of these photos, else add a new one; a full table settles the least important first."""
        if nearest := key if key in self.clusters else nearest_key(key, self._bits):
            self.clusters[nearest].join(cluster)
            return
        if len(self.clusters) == MAX_CLUSTERS:
            self._settle_least()
        main = nearest_key(cluster.main, self._main_bits) or cluster.main
        self.clusters[key] = cluster = replace(cluster, main=main)
        for names, name in ((self._bits, key), (self._main_bits, cluster.main)):
            if name.startswith("pdq:"):
                names[name] = key_bits(name)

    def _settle_least(self) -> None:
        key = min(self.clusters, key=lambda k: self.clusters[k].importance)
        least = self.clusters.pop(key)
        self._bits.pop(key, None)
        against, logit = self._is_against(least), np.array(least.logit)
        shared = any(c.main == least.main for c in self.clusters.values())
        if not shared:
            self._main_bits.pop(least.main, None)
        counts = against or not shared  # what speaks for the merchant counts once for each main photo
        sums = tuple(self.evidence.log_ratios(logit).tolist()) if counts else (0.0,) * len(self.evidence.shares)
        worst = ((least.logit, least.worst),)
        self._settle(Settled(int(counts), int(against), sums, least.time_s, least.pointed, worst))

    def _settle(self, settled: Settled) -> None:
        self.settled = settled if self.settled is None else self.settled.plus(settled, self.evidence)
