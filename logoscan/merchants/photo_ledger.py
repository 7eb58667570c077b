"""Which sellers used which photos, and since when: the memory that the caller keeps from scan to scan.

A scan only reads it; the caller adds to it afterwards. Photos are identified by their PDQ hashes
(`logoscan.images.phash`); nothing here judges. Ids of sellers are personal data: a ledger may keep tokens in their
place (`PhotoLedger(key=...)`), and it can `forget` a seller and `purge` what was not seen for long.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TypeGuard

from logoscan._quote import quoted
from logoscan._validate import pdq_hex
from logoscan.errors import ImageError, InputError, MismatchError
from logoscan.images.loading import load_image
from logoscan.images.phash import PhotoUse, photo_hash
from logoscan.index.brand_folders import BrandFolder
from logoscan.merchants.ledger_file import read_ledger, write_ledger
from logoscan.merchants.photo_table import PhotoRecord, PhotoTable, photo_use
from logoscan.results import Report

__all__ = ["PhotoLedger"]

# Shortest key: a shorter key could be guessed, and then ids be tried until one has a given token.
_MIN_KEY_BYTES = 16
# Hex digits of a token, 128 bits: no two of a billion sellers have one token.
_TOKEN_DIGITS = 32


class PhotoLedger:
    """Photos, who used them and since when. Answers do not depend on the order in which uses were added.

    Times are those of the platform's own clock, never what a listing states about itself: the first seller with a photo
    is not accused by later ones. The first seller in the ledger need not be the real first, though: a counterfeiter who
    takes a photo from elsewhere and posts it before its owner does looks like the owner. `purge` removes no owner who
    is still active, because it goes by when a seller was last seen with the photo.

    It may be shared by threads: a look-up sees each change as a whole or not at all.

    Look-ups compare with every hash (FAISS's flat binary index), which takes 1 to 2 ms among a million of them, on one
    core. Comparing only hashes that share one of 16 bands within a bit returns the same and gains little: it leaves
    4,200 of the million to be compared, from all over the memory (1.7 ms by FAISS's IndexBinaryMultiHash, 0.8 ms by
    numpy over sorted bands, which cannot be added to cheaply, against 1.1 ms in the same run). As measured on 200,000
    photos, a million take about 380 MB; adding takes 17 microseconds a photo, four at a time, saving a million 11 s,
    loading them 17 s, `purge` 2 s.

    The ledger knows who was *seen* with a photo first. A counterfeiter who posts a stolen photo before its owner looks
    like the owner. In the first scan of a catalogue, pass `add_report(report, at=...)` the time at which the platform
    took the listing in. Cut or framed copies escape it: with 2 % cut off on each side, a fifth of the copies is still
    found. Official photos of the brands are exempt.
    """

    def __init__(self, *, key: bytes | None = None) -> None:
        """Make an empty ledger.

        Args:
            key: A secret of the caller, 16 bytes or more. With one the ledger never holds a seller's id but its token
                (`token`), which nobody can compute without the key; without one it holds the ids as they are, so that
                people can look at `PhotoUse.examples`.

        Raises:
            InputError: The key is too short.
        """
        if key is not None and (not isinstance(key, bytes) or len(key) < _MIN_KEY_BYTES):
            got = f"{len(key)} bytes" if isinstance(key, bytes) else type(key).__name__  # never the key itself
            raise InputError(f"key: expected {_MIN_KEY_BYTES} bytes or more, got {got}")
        self._key = key
        self._table = PhotoTable()
        self._lock = Lock()

    def __len__(self) -> int:
        """Return the number of distinct hashes."""
        return len(self._table)

    def records(self) -> Iterator[PhotoRecord]:
        """Return everything that is known at the time of the call, in the order of the hashes."""
        with self._lock:
            rows = self._table.rows()
        rows.sort(key=lambda fields: fields[0])
        return (PhotoRecord(pdq, sellers, of, times[::2], times[1::2]) for pdq, sellers, of, times in rows)

    def token(self, seller_id: str) -> str:
        """Return what the ledger holds for a seller: HMAC-SHA256 of the id by the key; without a key the id itself."""
        if self._key is None:
            return seller_id
        data = seller_id.encode("utf-8", "surrogatepass")  # half an emoji in an id stops no look-up
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()[:_TOKEN_DIGITS]

    # -- changes

    def add(self, seller_id: str | None, photos: Iterable[str], *, at: str | datetime | None = None) -> None:
        """Record that a seller uses photos. In whatever order uses are added, the earliest time counts as the first.

        Args:
            seller_id: Id of the seller; None or blank is an unknown seller, for whom nothing is recorded.
            photos: PDQ hashes, 64 hex digits each.
            at: When the platform saw the seller's listing, ISO 8601; without a zone UTC. None is unknown, and stays so:
                the seller may have used the photos at any time.

        Raises:
            InputError: A photo is no hash, the seller no text, or the time none; nothing was recorded.
        """
        time_s = None if at is None else _seconds(at)
        pdqs = [pdq_hex("photos", pdq) for pdq in photos]
        if _is_named(seller_id):
            sellers, times = (self.token(seller_id),), (time_s,)
            self._add(PhotoRecord(pdq, sellers, (), times, times) for pdq in pdqs)

    def add_report(self, report: Report, *, at: str | datetime | None = None) -> None:
        """Record the photos of a listing that was scanned, under its seller; those without a hash are passed over.

        Args:
            report: Report of a scan.
            at: When the platform took the listing in; by default when the report was made, to the second. Give it in
                the first scan of an existing catalogue, where the order of the scan does not tell who was first.

        Raises:
            InputError: `at` is no ISO 8601 time.
        """
        if at is None:
            try:
                at = datetime.fromisoformat(report.provenance.time)
            except ValueError:
                at = None  # without a time, the report still tells who uses the photos
        self.add(report.seller_id, [image.pdq for image in report.images if image.pdq is not None], at=at)

    def forget(self, seller_id: str) -> int:
        """Remove a seller from everything, and the photos that nobody else uses.

        Returns:
            The number of hashes from which the seller was removed.
        """
        token = self.token(seller_id)
        return self._keep(lambda seller, _: seller != token)

    def purge(self, before: str | datetime, *, unknown: bool = False) -> int:
        """Remove what was last seen before a time: each seller's use of each photo, and then photos without a use.

        Brands' official photos stay, and so do sellers who were seen with a photo since, with their first time.

        Args:
            before: ISO 8601 time; without a zone UTC.
            unknown: Whether to remove uses of unknown time, too.

        Returns:
            The number of uses that were removed.

        Raises:
            InputError: `before` is no such time.
        """
        time_s = _seconds(before)
        return self._keep(lambda _, last: not unknown if last is None else last >= time_s)

    def _keep(self, keep: Callable[[str, float | None], bool]) -> int:
        """Keep some uses (seller, last time), and the hashes with any or of a brand; return how many uses went."""
        with self._lock:
            self._table, removed = self._table.keeping(keep)
        return removed

    def add_official(self, brand: str, photos: Iterable[str]) -> None:
        """Record the official photos of a brand, which any seller may use.

        Args:
            brand: Registered name of the brand.
            photos: PDQ hashes, 64 hex digits each.

        Raises:
            InputError: A photo is no hash, or the brand no name; nothing was recorded.
        """
        self._add(PhotoRecord(pdq, official_of=(brand,)) for pdq in photos)

    def add_brand_folders(self, folders: Iterable[BrandFolder]) -> list[str]:
        """Record the official photos that brands list in their folders (`brand_folders.read_brand_folders`).

        Returns:
            A warning for each photo that cannot be read, or shows too little for a hash.

        Raises:
            MissingDependencyError: pdqhash is not installed.
        """
        warnings = []
        for folder in folders:
            for path in folder.official_photos:
                try:
                    hashed = photo_hash(load_image(path))
                except ImageError as error:
                    warnings.append(f"{folder.brand.name}/{path.name}: official photo not recorded: {error}")
                    continue
                if hashed is None:
                    warnings.append(f"{folder.brand.name}/{path.name}: official photo not recorded: too little to see")
                else:
                    self.add_official(folder.brand.name, [hashed.pdq])
        return warnings

    def merge(self, other: PhotoLedger) -> None:
        """Add everything that another ledger holds, as if all of it had been added here.

        Raises:
            MismatchError: It has another key, so that one seller would be two.
        """
        if self._key_name() != other._key_name():
            raise MismatchError("merge: expected two ledgers of one key, or both without one, got others")
        self._add(other.records())

    def _add(self, records: Iterable[PhotoRecord]) -> None:
        valid = list(records)  # before the lock: a record that is refused, refuses all
        with self._lock:
            self._table.add(valid)

    # -- search

    def look_up(self, photo: str, seller_id: str | None) -> PhotoUse:
        """Return who else uses a photo: the distinct sellers of all hashes within `MATCH_BITS` of it, and the brands.

        A seller who was never seen with the photo uses it now, after all others. The order of two sellers who were both
        seen with it is not known where a time is not, or where the times are equal.

        Args:
            photo: PDQ hash, 64 hex digits; it need not be in the ledger.
            seller_id: Seller whose photo it is. An unknown seller (None or blank) cannot be told apart from others: all
                sellers are counted as others, in unknown order, though one of them may be the same merchant.

        Raises:
            InputError: `photo` is no hash.
        """
        pdq = pdq_hex("photo", photo)
        token = self.token(seller_id) if _is_named(seller_id) else None
        with self._lock:
            first, brands = self._table.search(pdq)
        return photo_use(first, brands, token)

    # -- disk

    def save(self, path: str | Path) -> None:
        """Write one file of JSON lines, atomically; equal ledgers make equal files.

        The first line holds the version and the SHA-256 of the rest, each other line a `PhotoRecord`. Of two processes
        that save to one path the later one wins: let each have its own file, and `merge` them.
        """
        write_ledger(Path(path), self.records(), self._key_name())

    @classmethod
    def load(cls, path: str | Path, *, key: bytes | None = None) -> PhotoLedger:
        """Return the ledger that `save` wrote, verified.

        Args:
            path: The file.
            key: Key of the ledger; it stands in no file.

        Raises:
            InputError: There is no such file, or the key is too short.
            MismatchError: It was made with another key, or with none, or with one where none is given.
            CorruptFileError: It is truncated, altered or of another format.
        """
        ledger = cls(key=key)
        ledger._add(read_ledger(Path(path), ledger._key_name()))
        return ledger

    def _key_name(self) -> str | None:
        """Return a name of the key that does not reveal the key; None without one."""
        if self._key is None:
            return None
        return hmac.new(self._key, b"logoscan photo ledger", hashlib.sha256).hexdigest()[:16]


def _is_named(seller_id: str | None) -> TypeGuard[str]:
    """Return whether a seller is named at all."""
    return seller_id is not None and bool(seller_id.strip())


def _seconds(at: str | datetime) -> float:
    """Return seconds since 1970, UTC; a time without a zone is taken as UTC."""
    try:
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"at: expected an ISO 8601 time, got {quoted(at)}") from None
