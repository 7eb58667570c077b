"""Which sellers used which photos, and since when: the memory that the caller keeps from scan to scan.

A scan only reads it; the caller adds to it afterwards. Photos are known by their PDQ hashes (`logoscan.images.phash`);
nothing here judges. Ids of sellers are personal data: a ledger may keep tokens in their place (`PhotoLedger(key=...)`),
forgets a seller (`forget`), and what was not seen for long (`purge`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import CorruptFileError, ImageError, InputError, MismatchError
from logoscan.images.loading import load_image
from logoscan.images.phash import MATCH_BITS, MOST_SELLERS, PhotoUse, photo_hash
from logoscan.index.brand_folders import BrandFolder
from logoscan.io.files import atomic_write
from logoscan.io.records import from_json, to_json
from logoscan.results import Report, require_pdq

__all__ = ["FORMAT_VERSION", "MATCH_BITS", "PhotoLedger", "PhotoRecord"]

FORMAT_VERSION = 2
"""Version 1, which knew no times, is still read."""
# Sellers kept for each hash: one more than are counted, since one of them may be the seller who asks.
_KEPT = MOST_SELLERS + 1
# Sellers that a look-up names: enough to go and see.
_EXAMPLES = 3
# Bytes of a key: who may not guess it, may not find out by trying ids whose token is whose.
_LEAST_KEY = 16
# Of a token, 128 bits: no two of a billion sellers have one token.
_TOKEN_DIGITS = 32

# When a seller was first and last seen with a photo, seconds since 1970; None where that is not known.
_Use: TypeAlias = tuple[float | None, float | None]


@dataclass(frozen=True)
class PhotoRecord:
    """What is known of one hash.

    Attributes:
        pdq: 64 lower-case hex digits.
        sellers: Ids (or tokens) of the sellers whose listings show it, sorted; of more than 257 those seen first.
        official_of: Names of the brands whose own photo it is, sorted.
        first_seen: When each of the sellers was first seen with it, seconds since 1970. None where it is not known, and
            may be earlier than any time. Left out, nothing is known.
        last_seen: When each of them was last seen with it; None where it is not known.
    """

    pdq: str
    sellers: tuple[str, ...] = ()
    official_of: tuple[str, ...] = ()
    first_seen: tuple[float | None, ...] = ()
    last_seen: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        require_pdq("PhotoRecord.pdq", self.pdq)
        for field in ("sellers", "official_of"):
            values = getattr(self, field)
            for value in values:
                _name(f"PhotoRecord.{field}", value)
            if any(a >= b for a, b in pairwise(values)):
                raise InputError(f"PhotoRecord.{field}: expected sorted names, each once, got {values!r:.80}")
        if len(self.sellers) > _KEPT:
            raise InputError(f"PhotoRecord.sellers: expected at most {_KEPT}, got {len(self.sellers)}")
        for field in ("first_seen", "last_seen"):
            times = getattr(self, field) or (None,) * len(self.sellers)
            if len(times) != len(self.sellers):
                raise InputError(f"PhotoRecord.{field}: expected one for each of {len(self.sellers)} sellers")
            if not all(t is None or math.isfinite(t) for t in times):
                raise InputError(f"PhotoRecord.{field}: expected finite numbers, got {times!r:.80}")
            object.__setattr__(self, field, tuple(times))
        for first, last in zip(self.first_seen, self.last_seen, strict=True):
            if first is not None and (last is None or last < first):
                raise InputError(f"PhotoRecord.last_seen: expected {first!r} or later, got {last!r}")


@dataclass(frozen=True)
class _Header:
    """First line of a file; the SHA-256 is that of all other lines, and `key` tells keys apart without telling them."""

    format_version: int
    sha256: str
    key: str | None = None


class PhotoLedger:
    """Photos, who used them and since when. What it answers does not depend on the order in which it was told.

    Times are those of the platform's own clock, never what a listing states of itself: who is seen with a photo first
    is not accused by those who come later. The first to be seen need not be the first, though: a counterfeiter who
    takes a photo from elsewhere and posts it before its owner does looks like the owner. Neither may `purge` take away
    an owner who is still there; it goes by when a seller was last seen with the photo.

    It may be shared by threads: a look-up sees each change as a whole or not at all.

    Look-ups compare with every hash (FAISS's flat binary index), which takes 1 to 2 ms among a million of them, on one
    core. Looking only at hashes that share one of 16 bands within a bit finds the same and gains little: it leaves
    4,200 of the million to be compared, from all over the memory (1.7 ms by FAISS's IndexBinaryMultiHash, 0.8 ms by
    numpy over sorted bands, which cannot be added to cheaply, against 1.1 ms in the same run). As measured on 200,000
    photos, a million take about 380 MB; adding takes 17 microseconds a photo, four at a time, saving a million 11 s,
    loading them 17 s, `purge` 2 s.
    """

    def __init__(self, *, key: bytes | None = None) -> None:
        """An empty ledger.

        Args:
            key: A secret of the caller's, 16 bytes or more. With one the ledger never holds a seller's id but its
                token (`token`), which nobody finds without the key; without one it holds the ids as they are, so that
                `PhotoUse.examples` can be looked at by people.

        Raises:
            InputError: The key is too short.
        """
        import faiss

        if key is not None and (not isinstance(key, bytes) or len(key) < _LEAST_KEY):
            got = f"{len(key)} bytes" if isinstance(key, bytes) else type(key).__name__  # never the key itself
            raise InputError(f"key: expected {_LEAST_KEY} bytes or more, got {got}")
        self._key = key
        self._index = faiss.IndexBinaryFlat(256)
        self._rows: dict[str, int] = {}
        self._sellers: list[tuple[str, ...]] = []
        self._times: list[tuple[float | None, ...]] = []  # first and last of each seller in turn
        self._official: dict[int, tuple[str, ...]] = {}
        self._ids: dict[str, str] = {}  # one string for each seller, however many photos
        self._lock = Lock()

    def __len__(self) -> int:
        """Number of distinct hashes."""
        return len(self._rows)

    def records(self) -> Iterator[PhotoRecord]:
        """Everything that is known at the time of the call, in the order of the hashes."""
        with self._lock:
            known = [
                (pdq, self._sellers[row], self._official.get(row, ()), self._times[row])
                for pdq, row in self._rows.items()
            ]
        known.sort(key=lambda fields: fields[0])
        return (PhotoRecord(pdq, sellers, of, times[::2], times[1::2]) for pdq, sellers, of, times in known)

    def token(self, seller_id: str) -> str:
        """What the ledger holds of a seller: HMAC-SHA256 of the id by the key; without a key the id itself."""
        if self._key is None:
            return seller_id
        data = seller_id.encode("utf-8", "surrogatepass")  # half an emoji in an id stops no look-up
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()[:_TOKEN_DIGITS]

    # -- changes

    def add(self, seller_id: str | None, photos: Iterable[str], *, at: str | datetime | None = None) -> None:
        """Record that a seller uses photos. In whatever order that is told, the earliest time counts as the first.

        Args:
            seller_id: None or blank is an unknown seller, of whom nothing is recorded.
            photos: PDQ hashes, 64 hex digits each.
            at: When the platform saw the seller's listing, ISO 8601; without a zone UTC. None is unknown, and stays so:
                the seller may have used them at any time.

        Raises:
            InputError: A photo is no hash, the seller no text, or the time none; nothing was recorded.
        """
        time_s = None if at is None else _seconds(at)
        pdqs = [require_pdq("photos", pdq) for pdq in photos]
        if _known(seller_id):
            sellers, times = (self.token(seller_id),), (time_s,)
            self._take(PhotoRecord(pdq, sellers, (), times, times) for pdq in pdqs)

    def add_report(self, report: Report, *, at: str | datetime | None = None) -> None:
        """Record the photos of a listing that was scanned, under its seller; those without a hash are passed over.

        Args:
            report: Of the scan.
            at: When the platform took the listing in; by default when the report was made, to the second. Give it in
                the first scan of an existing catalogue, where the order of the scan says nothing of who was first.

        Raises:
            InputError: `at` is no ISO 8601 time.
        """
        if at is None:
            try:
                at = datetime.fromisoformat(report.provenance.time)
            except ValueError:
                at = None  # a report of unknown time tells all but the order
        self.add(report.seller_id, [image.pdq for image in report.images if image.pdq is not None], at=at)

    def forget(self, seller_id: str) -> int:
        """Remove a seller from everything, and the photos that nobody else uses.

        Returns:
            Of how many hashes he was removed.
        """
        token = self.token(seller_id)
        return self._keep_uses(lambda seller, _: seller != token)

    def purge(self, before: str | datetime, *, unknown: bool = False) -> int:
        """Remove what was last seen before a time: each seller's use of each photo, and photos that nobody uses then.

        Brands' official photos stay, and so do sellers who were seen with a photo since, from their first time on.

        Args:
            before: ISO 8601 time; without a zone UTC.
            unknown: Remove uses of unknown time, too.

        Returns:
            How many uses were removed.

        Raises:
            InputError: `before` is no such time.
        """
        time_s = _seconds(before)
        return self._keep_uses(lambda _, last: not unknown if last is None else last >= time_s)

    def _keep_uses(self, keep: Callable[[str, float | None], bool]) -> int:
        """Keep some uses (seller, last seen), and the hashes with any or of a brand. Gives how many uses went."""
        import faiss

        with self._lock:
            index = faiss.IndexBinaryFlat(256)
            rows: dict[str, int] = {}
            sellers: list[tuple[str, ...]] = []
            times: list[tuple[float | None, ...]] = []
            official: dict[int, tuple[str, ...]] = {}
            gone = 0
            for pdq, row in self._rows.items():
                uses = list(zip(self._sellers[row], self._times[row][::2], self._times[row][1::2], strict=True))
                kept = [use for use in uses if keep(use[0], use[2])]
                gone += len(uses) - len(kept)
                brands = self._official.get(row, ())
                if kept or brands:
                    if brands:
                        official[len(rows)] = brands
                    rows[pdq] = len(rows)
                    sellers.append(tuple(use[0] for use in kept))
                    times.append(tuple(time for use in kept for time in use[1:]))
            if rows:
                index.add(_packed(list(rows)))
            self._index, self._rows, self._sellers, self._times, self._official = index, rows, sellers, times, official
            self._ids = {seller: seller for row in sellers for seller in row}
        return gone

    def add_official(self, brand: str, photos: Iterable[str]) -> None:
        """Record the official photos of a brand, which any seller may use.

        Args:
            brand: Its registered name.
            photos: PDQ hashes, 64 hex digits each.

        Raises:
            InputError: A photo is no hash, or the brand no name; nothing was recorded.
        """
        self._take(PhotoRecord(pdq, official_of=(brand,)) for pdq in photos)

    def add_brand_folders(self, folders: Iterable[BrandFolder]) -> list[str]:
        """Record the official photos that brands list in their folders (`brands.read_brand_folders`).

        Returns:
            A warning for each photo that cannot be read, or shows too little for a hash.

        Raises:
            MissingDependencyError: pdqhash is not installed.
        """
        warnings = []
        for folder in folders:
            for path in folder.official_photos:
                try:
                    found = photo_hash(load_image(path))
                except ImageError as error:
                    warnings.append(f"{folder.brand.name}/{path.name}: official photo not recorded: {error}")
                    continue
                if found is None:
                    warnings.append(f"{folder.brand.name}/{path.name}: official photo not recorded: too little to see")
                else:
                    self.add_official(folder.brand.name, [found.pdq])
        return warnings

    def merge(self, other: PhotoLedger) -> None:
        """Take in everything that another ledger knows, as if all of it had been added here.

        Raises:
            MismatchError: It has another key, so that one seller would be two.
        """
        if self._key_name() != other._key_name():
            raise MismatchError("merge: expected two ledgers of one key, or both without one, got others")
        self._take(other.records())

    def _take(self, records: Iterable[PhotoRecord]) -> None:
        made = list(records)  # before the lock: a record that is refused, refuses all
        with self._lock:
            fresh = list(dict.fromkeys(r.pdq for r in made if r.pdq not in self._rows))
            if fresh:
                self._index.add(_packed(fresh))
                self._rows.update((pdq, row) for row, pdq in enumerate(fresh, len(self._rows)))
                self._sellers += [()] * len(fresh)
                self._times += [()] * len(fresh)
            for record in made:
                row = self._rows[record.pdq]
                if record.sellers:
                    self._join(row, record)
                if record.official_of:
                    self._official[row] = tuple(sorted({*self._official.get(row, ()), *record.official_of}))

    def _join(self, row: int, record: PhotoRecord) -> None:
        """The uses of a record into those of a row: the earliest first time and the latest last one."""
        times = self._times[row]
        uses: dict[str, _Use] = dict(zip(self._sellers[row], zip(times[::2], times[1::2], strict=True), strict=True))
        for seller, first, last in zip(record.sellers, record.first_seen, record.last_seen, strict=True):
            before, after = uses.get(seller, (first, last))
            first = None if None in (first, before) else min(first, before)  # type: ignore[type-var]
            last = max((t for t in (last, after) if t is not None), default=None)
            uses[self._ids.setdefault(seller, seller)] = (first, first if last == first else last)  # one float for both
        # those seen first, and of equal ones the first in the alphabet, so that the order of adds does not matter
        kept = sorted(uses, key=lambda seller: (_earliest(uses[seller][0]), seller))[:_KEPT]
        self._sellers[row] = tuple(sorted(kept))
        self._times[row] = tuple(time for seller in self._sellers[row] for time in uses[seller])

    # -- search

    def look_up(self, photo: str, seller_id: str | None) -> PhotoUse:
        """Who else uses a photo: the distinct sellers of all hashes within `MATCH_BITS` of it, and the brands.

        A seller who was never seen with the photo uses it now, after all who are known. Of two who were both seen with
        it, the order is not known where a time is not, or both are one.

        Args:
            photo: PDQ hash, 64 hex digits; need not be in the ledger.
            seller_id: Whose photo it is. Of an unknown seller (None or blank) nobody can be told apart: all sellers are
                counted as others, in unknown order, though one of them may be the same merchant.

        Raises:
            InputError: `photo` is no hash.
        """
        query = _packed([require_pdq("photo", photo)])
        asks = self.token(seller_id) if _known(seller_id) else None
        first: dict[str, float] = {}
        with self._lock:
            _, _, rows = self._index.range_search(query, MATCH_BITS + 1)  # FAISS finds what lies below the radius
            found = rows.tolist()
            for row in found:
                for seller, time in zip(self._sellers[row], self._times[row][::2], strict=True):
                    first[seller] = min(first.get(seller, math.inf), _earliest(time))
            brands = {brand for row in found for brand in self._official.get(row, ())}
        since = math.inf if asks is None else first.pop(asks, math.inf)
        number = min(len(first), MOST_SELLERS)
        earlier = later = 0
        if asks is not None and since > -math.inf:
            certain = [time for time in first.values() if time > -math.inf or since == math.inf]
            earlier = min(sum(time < since for time in certain), number)
            later = min(sum(time > since for time in certain), number - earlier)
        examples = tuple(sorted(first)[:_EXAMPLES])
        return PhotoUse(number, examples, tuple(sorted(brands)), earlier, later)

    # -- disk

    def save(self, path: str | Path) -> None:
        """Write one file of JSON lines, atomically; equal ledgers make equal files.

        The first line holds the version and the SHA-256 of the rest, each other line a `PhotoRecord`. Of two processes
        that save to one path the later one wins: let each have its own file, and `merge` them.
        """
        body = "".join(to_json(record) + "\n" for record in self.records()).encode()
        header: dict[str, object] = {"format_version": FORMAT_VERSION, "sha256": hashlib.sha256(body).hexdigest()}
        if self._key is not None:
            header["key"] = self._key_name()
        atomic_write(Path(path), f"{json.dumps(header)}\n".encode() + body)

    @classmethod
    def load(cls, path: str | Path, *, key: bytes | None = None) -> PhotoLedger:
        """Read what `save` wrote, verified.

        Args:
            path: Of the file.
            key: That of the ledger; it stands in no file.

        Raises:
            InputError: There is no such file, or the key is too short.
            MismatchError: It was made with another key, or with none, or with one where none is given.
            CorruptFileError: It is truncated, altered or of another format.
        """
        ledger = cls(key=key)
        if not Path(path).is_file():
            raise InputError(f"ledger: expected a file that PhotoLedger.save wrote, got {str(path)!r}")
        head, _, body = Path(path).read_bytes().partition(b"\n")
        header = from_json(_Header, head, f"{path}, line 1")
        if header.format_version not in (1, FORMAT_VERSION):
            raise CorruptFileError(
                f"{path}: expected format_version 1 or {FORMAT_VERSION}, got {header.format_version!r}"
            )
        if hashlib.sha256(body).hexdigest() != header.sha256:
            raise CorruptFileError(f"{path}: altered or damaged; take a copy, or begin a new ledger")
        if header.key != ledger._key_name():
            made, given = ("without a key" if k is None else "with a key" for k in (header.key, key))
            other = "another one was given" if header.key and key else f"it was loaded {given}"
            raise MismatchError(f"{path}: made {made}, and {other}; PhotoLedger.load takes `key`")
        lines = enumerate(body.splitlines(), 2)
        ledger._take(from_json(PhotoRecord, line, f"{path}, line {number}") for number, line in lines)
        return ledger

    def _key_name(self) -> str | None:
        """What tells keys apart and does not tell the key; None without one."""
        if self._key is None:
            return None
        return hmac.new(self._key, b"logoscan photo ledger", hashlib.sha256).hexdigest()[:16]


def _known(seller_id: str | None) -> TypeGuard[str]:
    """Whether a seller is named at all."""
    return seller_id is not None and bool(seller_id.strip())


def _earliest(time_s: float | None) -> float:
    """A first time; an unknown one may be before any other."""
    return -math.inf if time_s is None else time_s


def _seconds(at: str | datetime) -> float:
    """Seconds since 1970, UTC; a time without a zone is taken as UTC."""
    try:
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"at: expected an ISO 8601 time, got {at!r:.80}") from None


def _packed(pdqs: list[str]) -> NDArray[np.uint8]:
    """Hashes of 64 hex digits as uint8 (n, 32)."""
    return np.frombuffer(bytes.fromhex("".join(pdqs)), np.uint8).reshape(-1, 32)


def _name(owner: str, value: object) -> None:
    """Refuse what is no text, or could not be written as JSON."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{owner}: expected non-empty strings, got {value!r:.80}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{owner}: expected Unicode text, got a lone surrogate in {value!r:.80}") from None
