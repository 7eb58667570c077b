"""Reports of one merchant's listings -> a small state of independent evidence: add, merge, store, and what it says.

Listings with the same photos, all of them in their order, are one piece of evidence, and the worst of them counts, so
that copies add nothing. One photo that many listings share hides none of those that speak against the merchant: of
listings with one main photo but other photos beside it, each that speaks against him is a piece; only where none does,
all of them are one piece for him. The same photos under n titles that speak against him count about log2(n) times, and
never for "block" (`merchant`): sizes and colours of one thing look alike, and so do things that the photos do not show.
Copies that were saved anew are known by their PDQ hashes, which a scanner with a ledger makes (`PhotoLedger`); without
them only equal files are one photo. So all reports of a merchant should be made in the same way: a listing that was
scanned with and without a ledger is two pieces.
The state keeps a table of at most 1,000 such clusters. Beyond that it is approximate: the cluster that matters least is
settled into a few sums and its photo forgotten, so that the same photo counts as new when it comes back.

A state is about one merchant and holds nothing of anybody else: to forget him, delete it.

Knows reports; knows nothing of what else a platform knows about the merchant.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from logoscan.errors import InputError, MismatchError
from logoscan.images.phash import MATCH_BITS
from logoscan.io.records import from_json, seal, to_json, unseal
from logoscan.merchants.evidence_model import EvidenceModel
from logoscan.results import Report
from logoscan.text.folding import fold

__all__ = ["MAX_CLUSTERS", "Cluster", "MerchantState", "Settled", "iso_time", "seconds"]

MAX_CLUSTERS = 1000
"""Clusters kept. With ids of the worst kind they take 0.8 MB of JSON, with ordinary ones 0.2."""
# Listings that are named as evidence: as many as a person will open.
_MAX_WORST = 5
# Of a listing's id that are kept, so that the state stays small; marketplaces' ids are shorter.
_ID_CHARS = 96
_SELLER_CHARS = 1000
# Signals that do not tell a seller of fakes from an honest one who is cheap or not the brand's own.
_PRICE, _SELLER = "low_price", "seller_not_authorised"
_KEY = re.compile("(?:pdq|photo|id):[0-9a-f]{64}")
# coprime with 256, so that no two of 256 photos are turned alike
# Of a photo's hash for each photo before it: else a photo would undo its own copy in the sum of all.
_TURN_BITS = 37
# Of a count of titles: two for each doubling, up to a thousand million.
_TITLE_BITS = 60
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
    """Listings with the same photos.

    Attributes:
        logit: The highest of its listings' log-odds.
        listings: Reports in it.
        touched: The state's count of reports when the last of them came.
        time_s: The newest report's, seconds since 1970: the photo is in use as long as it comes again.
        worst: Id of the listing with the highest log-odds.
        pointed: One of its listings points at a counterfeit, see `MerchantState.pointed`.
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
        """Take in another cluster of the same photo; the order of joining does not matter."""
        self.logit, self.worst = min((self.logit, self.worst), (other.logit, other.worst), key=_worst_first)
        self.listings += other.listings
        self.touched = max(self.touched, other.touched)
        self.time_s = max(self.time_s, other.time_s)
        self.pointed |= other.pointed
        self.titles |= other.titles

    @property
    def weight(self) -> float:
        """How many pieces it counts as: 1, and about log2(n) more for n titles that speak against the merchant."""
        return 1.0 + max(0, self.titles.bit_count() - 1) / 2

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
        sums: Weighted log likelihood ratios, one a share of `EvidenceModel.shares`.
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

    def plus(self, other: Settled, evidence: EvidenceModel) -> Settled:
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
        clusters: By "pdq:" (of all photos), "photo:" (a hash of the files') or "id:" (a hash of the listing's id), and
            64 hex digits.
        settled: Clusters for which there was no room.
        format: Of the JSON. Format 1 knew main photos alone, and is refused.
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
            _KEY.fullmatch(key) and _KEY.fullmatch(cluster.main) for key, cluster in self.clusters.items()
        ):
            raise InputError(f"MerchantState.clusters: expected {MAX_CLUSTERS} or fewer, by a kind and 64 hex digits")
        if min((c.listings for c in self.clusters.values()), default=1) < 1:
            raise InputError("MerchantState.clusters: expected one listing or more in each")
        if not all(0 <= c.titles < 1 << _TITLE_BITS for c in self.clusters.values()):
            raise InputError(f"MerchantState.clusters: expected titles as a bitmap of {_TITLE_BITS} bits")
        if self.settled and len(self.settled.sums) != len(self.evidence.shares):
            raise InputError(f"MerchantState.settled: expected {len(self.evidence.shares)} sums")
        rows = self.clusters.values()
        times = [self.newest_s or 0.0, self.settled.time_s if self.settled else 0.0, *(c.time_s for c in rows)]
        numbers = [*(self.settled.sums if self.settled else ()), *(c.logit for c in rows)]
        if not all(_FIRST_S <= t <= _LAST_S for t in times) or not all(map(math.isfinite, numbers)):
            raise InputError("MerchantState: expected finite numbers, and times from year 1 to 9999")
        self._bits = {key: _bits(key) for key in self.clusters if key.startswith("pdq:")}
        mains = {cluster.main for cluster in self.clusters.values()}
        self._main_bits = {key: _bits(key) for key in mains if key.startswith("pdq:")}

    @property
    def pieces(self) -> int:
        """Independent pieces of evidence."""
        return len(self._counted()) + (self.settled.pieces if self.settled else 0)

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
        return sum(map(self._is_against, self.clusters.values())) + (self.settled.against if self.settled else 0)

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
        key, main = _keys(report)
        cluster = Cluster(logit, 1, self.reports, time_s, short, logit >= 0 and beyond, main, 0)
        if self._is_against(cluster):
            cluster.titles = _title_bit(report)
        self._join(key, cluster)

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

    def log_ratio(self, at_s: float, *, titles: bool = True) -> float:
        """What the listings add to the merchant's log-odds at a time, seconds since 1970.

        Args:
            at_s: When.
            titles: Photos under several titles count as several pieces (`Cluster.weight`); else as one.
        """
        sums = np.zeros(len(self.evidence.shares))
        if self.settled:
            sums += np.array(self.settled.sums) * self.evidence.decay(np.array(at_s - self.settled.time_s))
        if counted := self._counted():
            rows = [(c.logit, c.time_s, c.weight if titles else 1) for c in counted]
            logits, times, weights = np.array(rows, np.float64).T
            sums += self.evidence.log_ratios(logits) @ (weights * self.evidence.decay(at_s - times))
        return self.evidence.total(sums)

    def _is_against(self, cluster: Cluster) -> bool:
        return float(self.evidence.excess(np.array(cluster.logit))) > 0

    def _counted(self) -> list[Cluster]:
        """The pieces: of clusters with one main photo those against the merchant; where none is, the worst."""
        groups: dict[str, list[Cluster]] = {}
        for cluster in self.clusters.values():
            groups.setdefault(cluster.main, []).append(cluster)
        out = []
        for group in groups.values():
            against = [cluster for cluster in group if self._is_against(cluster)]
            worst = min(group, key=lambda c: _worst_first((c.logit, c.worst)))
            out += against or [replace(worst, time_s=max(c.time_s for c in group))]
        return out

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
        """Into the cluster of its photos; else as a new one, for which the least important is settled."""
        if known := key if key in self.clusters else _nearest(key, self._bits):
            self.clusters[known].join(cluster)
            return
        if len(self.clusters) == MAX_CLUSTERS:
            self._settle_least()
        main = _nearest(cluster.main, self._main_bits) or cluster.main
        self.clusters[key] = cluster = replace(cluster, main=main)
        for names, name in ((self._bits, key), (self._main_bits, cluster.main)):
            if name.startswith("pdq:"):
                names[name] = _bits(name)

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


def _nearest(key: str, known: Mapping[str, int]) -> str | None:
    """Find the nearest known PDQ hash within `MATCH_BITS`; None for what is no hash."""
    if key in known or not key.startswith("pdq:"):
        return key if key in known else None
    bits = _bits(key)
    apart, nearest = min((((bits ^ other).bit_count(), k) for k, other in known.items()), default=(256, ""))
    return nearest if apart <= MATCH_BITS else None


def _worst_first(pair: tuple[float, str]) -> tuple[float, str]:
    """Sorts (log-odds, id) from the worst; ties go by the id, so that order never matters."""
    return (-pair[0], pair[1])


def _bits(key: str) -> int:
    return int(key.removeprefix("pdq:"), 16)


def _keys(report: Report) -> tuple[str, str]:
    """Make the keys of all photos together, and of the main one, which is the first that could be read.

    The hashes of all photos are added up (exclusive or), each turned by its place, so that copies of all have sums as
    near as the copies, and another photo at any place makes another sum.
    """
    main = next((image for image in report.images if image.pdq is not None or image.sha256), None)
    if main is None:
        key = f"id:{_digest(report.listing_id)}"
        return key, key
    if main.pdq is None:
        files = [image.sha256 for image in report.images if image.sha256]
        return f"photo:{_digest(' '.join(files))}", f"photo:{_digest(files[0])}"
    total = 0
    for place, pdq in enumerate(image.pdq for image in report.images if image.pdq is not None):
        total ^= _turned(int(pdq, 16), place * _TURN_BITS % 256)
    return f"pdq:{total:064x}", f"pdq:{main.pdq}"


def _turned(bits: int, by: int) -> int:
    """256 bits, turned to the left."""
    return (bits << by | bits >> (256 - by)) & ((1 << 256) - 1)


def _title_bit(report: Report) -> int:
    """The bit of a title and its brand in a bitmap that counts. Unknown titles are one.

    Each bit is had by a share of titles that is 1.4 times smaller than that of the bit before, so that about
    2 * log2(n) bits are set by n titles.
    """
    title = (report.listing.title if report.listing else None) or ""
    drawn = int(_digest(f"{fold(title)} {report.score.brand}"), 16) + 1
    return 1 << min(_TITLE_BITS - 1, max(0, math.floor(2 * (256 - math.log2(drawn)))))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
