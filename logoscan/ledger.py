"""Which sellers used which photos: the memory that the caller keeps from scan to scan.

A scan only reads it; the caller adds to it afterwards. Photos are known by their PDQ hashes (`logoscan.photos`);
nothing here judges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from logoscan.brands import BrandFolder
from logoscan.errors import CorruptFileError, ImageError, InputError
from logoscan.images import load_image
from logoscan.jsonio import atomic_write, from_json, to_json
from logoscan.photos import MATCH_BITS, MOST_SELLERS, PhotoUse, photo_hash
from logoscan.results import Report, require_pdq

__all__ = ["FORMAT_VERSION", "MATCH_BITS", "PhotoLedger", "PhotoRecord"]

FORMAT_VERSION = 1
_KEPT = MOST_SELLERS + 1
"""Sellers kept for each hash: one more than are counted, since one of them may be the seller who asks."""
_EXAMPLES = 3
"""Sellers that a look-up names: enough to go and see."""


@dataclass(frozen=True)
class PhotoRecord:
    """What is known of one hash.

    Attributes:
        pdq: 64 lower-case hex digits.
        sellers: Ids of the sellers whose listings show it, sorted; the first 257 of them.
        official_of: Names of the brands whose own photo it is, sorted.
    """

    pdq: str
    sellers: tuple[str, ...] = ()
    official_of: tuple[str, ...] = ()

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


@dataclass(frozen=True)
class _Header:
    """First line of a file; the SHA-256 is that of all other lines."""

    format_version: int
    sha256: str


class PhotoLedger:
    """Photos and who used them. What it answers does not depend on the order in which it was told.

    It may be shared by threads: a look-up sees each call of `add`, `add_report`, `add_official` and `merge` as a whole
    or not at all.

    Look-ups compare with every hash (FAISS's flat binary index), which takes 1 to 2 ms among a million of them, on one
    core. Looking only at hashes that share one of 16 bands within a bit finds the same and gains little: it leaves
    4,200 of the million to be compared, from all over the memory (1.7 ms by FAISS's IndexBinaryMultiHash, 0.8 ms by
    numpy over sorted bands, which cannot be added to cheaply, against 1.1 ms in the same run). A million photos take
    about 290 MB; adding takes 6 microseconds a photo, four at a time, saving and loading about 10 s.
    """

    def __init__(self) -> None:
        """An empty ledger."""
        import faiss

        self._index = faiss.IndexBinaryFlat(256)
        self._rows: dict[str, int] = {}
        self._sellers: list[tuple[str, ...]] = []
        self._official: dict[int, tuple[str, ...]] = {}
        self._ids: dict[str, str] = {}  # one string for each seller, however many photos
        self._lock = Lock()

    def __len__(self) -> int:
        """Number of distinct hashes."""
        return len(self._rows)

    def records(self) -> Iterator[PhotoRecord]:
        """Everything that is known at the time of the call, in the order of the hashes."""
        with self._lock:
            known = [(pdq, self._sellers[row], self._official.get(row, ())) for pdq, row in self._rows.items()]
        return (PhotoRecord(*fields) for fields in sorted(known))

    # -- changes

    def add(self, seller_id: str | None, photos: Iterable[str]) -> None:
        """Record that a seller uses photos; again, if it is known, changes nothing.

        Args:
            seller_id: None or blank is an unknown seller, of whom nothing is recorded.
            photos: PDQ hashes, 64 hex digits each.

        Raises:
            InputError: A photo is no hash, or the seller no text; nothing was recorded.
        """
        pdqs = [require_pdq("photos", pdq) for pdq in photos]
        if seller_id is not None and seller_id.strip():
            self._take(PhotoRecord(pdq, sellers=(seller_id,)) for pdq in pdqs)

    def add_report(self, report: Report) -> None:
        """Record the photos of a listing that was scanned, under its seller; those without a hash are passed over."""
        self.add(report.seller_id, [image.pdq for image in report.images if image.pdq is not None])

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
        """Take in everything that another ledger knows, as if all of it had been added here."""
        self._take(other.records())

    def _take(self, records: Iterable[PhotoRecord]) -> None:
        made = list(records)  # before the lock: a record that is refused, refuses all
        with self._lock:
            fresh = list(dict.fromkeys(r.pdq for r in made if r.pdq not in self._rows))
            if fresh:
                self._index.add(_packed(fresh))
                self._rows.update((pdq, row) for row, pdq in enumerate(fresh, len(self._rows)))
                self._sellers += [()] * len(fresh)
            for record in made:
                row = self._rows[record.pdq]
                sellers = [self._ids.setdefault(seller, seller) for seller in record.sellers]
                # the first in the alphabet, not the first to come, so that the order of adds does not matter
                self._sellers[row] = tuple(sorted({*self._sellers[row], *sellers})[:_KEPT])
                if record.official_of:
                    self._official[row] = tuple(sorted({*self._official.get(row, ()), *record.official_of}))

    # -- search

    def look_up(self, photo: str, seller_id: str | None) -> PhotoUse:
        """Who else uses a photo: the distinct sellers of all hashes within `MATCH_BITS` of it, and the brands.

        Args:
            photo: PDQ hash, 64 hex digits; need not be in the ledger.
            seller_id: Whose photo it is. Of an unknown seller (None) nobody can be told apart: all sellers are counted
                as others, though one of them may be the same merchant.

        Raises:
            InputError: `photo` is no hash.
        """
        query = _packed([require_pdq("photo", photo)])
        with self._lock:
            _, _, rows = self._index.range_search(query, MATCH_BITS + 1)  # FAISS finds what lies below the radius
            found = rows.tolist()
            others = {seller for row in found for seller in self._sellers[row]} - {seller_id}
            brands = {brand for row in found for brand in self._official.get(row, ())}
        return PhotoUse(min(len(others), MOST_SELLERS), tuple(sorted(others)[:_EXAMPLES]), tuple(sorted(brands)))

    # -- disk

    def save(self, path: str | Path) -> None:
        """Write one file of JSON lines, atomically; equal ledgers make equal files.

        The first line holds the version and the SHA-256 of the rest, each other line a `PhotoRecord`. Of two processes
        that save to one path the later one wins: let each have its own file, and `merge` them.
        """
        body = "".join(to_json(record) + "\n" for record in self.records()).encode()
        header = to_json(_Header(FORMAT_VERSION, hashlib.sha256(body).hexdigest()))
        atomic_write(Path(path), f"{header}\n".encode() + body)

    @classmethod
    def load(cls, path: str | Path) -> PhotoLedger:
        """Read what `save` wrote, verified.

        Raises:
            InputError: There is no such file.
            CorruptFileError: It is truncated, altered or of another format.
        """
        if not Path(path).is_file():
            raise InputError(f"ledger: expected a file that PhotoLedger.save wrote, got {str(path)!r}")
        head, _, body = Path(path).read_bytes().partition(b"\n")
        header = from_json(_Header, head, f"{path}, line 1")
        if header.format_version != FORMAT_VERSION:
            raise CorruptFileError(f"{path}: expected format_version {FORMAT_VERSION}, got {header.format_version!r}")
        if hashlib.sha256(body).hexdigest() != header.sha256:
            raise CorruptFileError(f"{path}: altered or damaged; take a copy, or begin a new ledger")
        ledger = cls()
        lines = enumerate(body.splitlines(), 2)
        ledger._take(from_json(PhotoRecord, line, f"{path}, line {number}") for number, line in lines)
        return ledger


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
