"""Which listings show which serial: one piece cannot be sold in many listings.

Serials of codes on goods are no personal data. They are kept by their SHA-256 with the GTIN, since a serial is unique
within one kind of goods alone; listings by a short hash of their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from logoscan._hashing import sha256_hex
from logoscan.evidence import Code
from logoscan.io.records import read_record, write_record
from logoscan.results import Report

__all__ = ["SerialList"]

# Listings of one serial that are kept; more say no more.
_MOST_LISTINGS = 20
_DIGITS = 24


@dataclass(frozen=True)
class SerialList:
    """Serials and the listings that show them. Adding changes it; share it between threads only to look up.

    Attributes:
        listings: Short hashes of the ids of the listings that show a serial, by the serial's hash.
    """

    listings: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of serials."""
        return len(self.listings)

    def add_report(self, report: Report) -> None:
        """Add the serials that a listing's photos show."""
        listing = _short(report.listing_id)
        for code in report.codes or ():
            if code.serial is not None:
                self._add(_key(code), [listing])

    def merge(self, other: SerialList) -> None:
        """Add the serials of another list."""
        for serial, listings in other.listings.items():
            self._add(serial, listings)

    def _add(self, serial: str, listings: Iterable[str]) -> None:
        known = self.listings.setdefault(serial, [])
        for listing in listings:
            if listing not in known and len(known) < _MOST_LISTINGS:
                known.append(listing)

    def look_up(self, codes: Iterable[Code], listing_id: str) -> Mapping[str, int]:
        """Return the number of other listings that show each serial, 20 at most; only of serials that others show."""
        own, uses = _short(listing_id), dict[str, int]()
        for code in codes:
            if code.serial is not None and (others := set(self.listings.get(_key(code), ())) - {own}):
                uses[code.serial] = max(len(others), uses.get(code.serial, 0))
        return uses

    def save(self, path: str | Path) -> None:
        """Write one JSON file, atomically."""
        write_record(Path(path), self)

    @classmethod
    def load(cls, path: str | Path) -> SerialList:
        """Read what `save` wrote.

        Raises:
            CorruptFileError: It is something else, altered or truncated.
        """
        return read_record(cls, Path(path))


def _key(code: Code) -> str:
    return _short(f"{code.gtin or ''} {code.serial}")


def _short(text: str) -> str:
    return sha256_hex(text.encode("utf-8", "surrogatepass"))[:_DIGITS]
