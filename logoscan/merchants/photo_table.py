"""Photos by their PDQ hashes, with the sellers and brands that used them and when: the table of a ledger, in memory.

Knows hashes, names and times; knows no key, no file and no lock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan._quote import quoted
from logoscan._validate import pdq_hex
from logoscan.errors import InputError
from logoscan.images.phash import MATCH_BITS, MOST_SELLERS, PhotoUse

__all__ = ["PhotoRecord", "PhotoTable", "photo_use"]

# Sellers that a look-up names: enough for a person to check.
_EXAMPLES = 3
# Sellers kept for each hash: one more than are counted, since one of them may be the seller who asks.
_MAX_SELLERS = MOST_SELLERS + 1

# When a seller was first and last seen with a photo, seconds since 1970; None where that is not known.
_Use: TypeAlias = tuple[float | None, float | None]


@dataclass(frozen=True)
class PhotoRecord:
    """One hash, with the sellers and brands that use the photo.

    Attributes:
        pdq: 64 lower-case hex digits.
        sellers: Ids (or tokens) of the sellers whose listings show it, sorted; of more than 257 sellers the earliest.
        official_of: Names of the brands whose own photo it is, sorted.
        first_seen: When each of the sellers was first seen with it, seconds since 1970. None is a time that is not
            known, and may be earlier than any other. An empty tuple is None for all.
        last_seen: When each of the sellers was last seen with it; None is a time that is not known.
    """

    pdq: str
    sellers: tuple[str, ...] = ()
    official_of: tuple[str, ...] = ()
    first_seen: tuple[float | None, ...] = ()
    last_seen: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        pdq_hex("PhotoRecord.pdq", self.pdq)
        for field in ("sellers", "official_of"):
            values = getattr(self, field)
            for value in values:
                _require_name(f"PhotoRecord.{field}", value)
            if any(a >= b for a, b in pairwise(values)):
                raise InputError(f"PhotoRecord.{field}: expected sorted names, each once, got {quoted(values)}")
        if len(self.sellers) > _MAX_SELLERS:
            raise InputError(f"PhotoRecord.sellers: expected at most {_MAX_SELLERS}, got {len(self.sellers)}")
        for field in ("first_seen", "last_seen"):
            times = getattr(self, field) or (None,) * len(self.sellers)
            if len(times) != len(self.sellers):
                raise InputError(f"PhotoRecord.{field}: expected one for each of {len(self.sellers)} sellers")
            if not all(t is None or math.isfinite(t) for t in times):
                raise InputError(f"PhotoRecord.{field}: expected finite numbers, got {quoted(times)}")
            object.__setattr__(self, field, tuple(times))
        for first, last in zip(self.first_seen, self.last_seen, strict=True):
            if first is not None and (last is None or last < first):
                raise InputError(f"PhotoRecord.last_seen: expected {first!r} or later, got {last!r}")


class PhotoTable:
    """Photos with their uses. Not to be shared by threads; `PhotoLedger` locks it."""

    def __init__(self) -> None:
        """Make an empty table."""
        import faiss

        self._index = faiss.IndexBinaryFlat(256)
        self._rows: dict[str, int] = {}
        self._sellers: list[tuple[str, ...]] = []
        self._times: list[tuple[float | None, ...]] = []  # first and last of each seller in turn
        self._official: dict[int, tuple[str, ...]] = {}
        self._ids: dict[str, str] = {}  # one string for each seller, however many photos

    def __len__(self) -> int:
        """Return the number of distinct hashes."""
        return len(self._rows)

    def rows(self) -> list[tuple[str, tuple[str, ...], tuple[str, ...], tuple[float | None, ...]]]:
        """Return for each hash its sellers, brands, and the first and last time of each seller in turn."""
        return [
            (pdq, self._sellers[row], self._official.get(row, ()), self._times[row]) for pdq, row in self._rows.items()
        ]

    def add(self, records: list[PhotoRecord]) -> None:
        """Add what records say to what is in the table."""
        new = list(dict.fromkeys(r.pdq for r in records if r.pdq not in self._rows))
        if new:
            self._index.add(_packed(new))
            self._rows.update((pdq, row) for row, pdq in enumerate(new, len(self._rows)))
            self._sellers += [()] * len(new)
            self._times += [()] * len(new)
        for record in records:
            row = self._rows[record.pdq]
            if record.sellers:
                self._add_uses(row, record)
            if record.official_of:
                self._official[row] = tuple(sorted({*self._official.get(row, ()), *record.official_of}))

    def _add_uses(self, row: int, record: PhotoRecord) -> None:
        """Add the uses of a record to those of a row: the earliest first time and the latest last one."""
        times = self._times[row]
        uses: dict[str, _Use] = dict(zip(self._sellers[row], zip(times[::2], times[1::2], strict=True), strict=True))
        for seller, first, last in zip(record.sellers, record.first_seen, record.last_seen, strict=True):
            before, after = uses.get(seller, (first, last))
            first = None if None in (first, before) else min(first, before)  # type: ignore[type-var]
            last = max((t for t in (last, after) if t is not None), default=None)
            uses[self._ids.setdefault(seller, seller)] = (first, first if last == first else last)  # one float for both
        # the earliest sellers, and of equal ones the first in the alphabet, so that the order of adds does not matter
        kept = sorted(uses, key=lambda seller: (_earliest(uses[seller][0]), seller))[:_MAX_SELLERS]
        self._sellers[row] = tuple(sorted(kept))
        self._times[row] = tuple(time for seller in self._sellers[row] for time in uses[seller])

    def keeping(self, keep: Callable[[str, float | None], bool]) -> tuple[PhotoTable, int]:
        """Return a table with some of the uses, and the number of uses that it lacks.

        Args:
            keep: Says of a seller and the last time of its use whether to keep it. Hashes with no use left go, but
                those of a brand stay.
        """
        table, removed = PhotoTable(), 0
        for pdq, row in self._rows.items():
            uses = list(zip(self._sellers[row], self._times[row][::2], self._times[row][1::2], strict=True))
            kept = [use for use in uses if keep(use[0], use[2])]
            removed += len(uses) - len(kept)
            brands = self._official.get(row, ())
            if kept or brands:
                if brands:
                    table._official[len(table._rows)] = brands
                table._rows[pdq] = len(table._rows)
                table._sellers.append(tuple(use[0] for use in kept))
                table._times.append(tuple(time for use in kept for time in use[1:]))
        if table._rows:
            table._index.add(_packed(list(table._rows)))
        table._ids = {seller: seller for sellers in table._sellers for seller in sellers}
        return table, removed

    def search(self, pdq: str) -> tuple[dict[str, float], set[str]]:
        """Return who uses a photo: the first time of each seller, and the brands whose own photo it is.

        Args:
            pdq: Hash of the photo; those within `MATCH_BITS` of it count. A first time that is not known is -inf.
        """
        _, _, rows = self._index.range_search(_packed([pdq]), MATCH_BITS + 1)  # FAISS finds what lies below the radius
        first: dict[str, float] = {}
        for row in rows.tolist():
            for seller, time in zip(self._sellers[row], self._times[row][::2], strict=True):
                first[seller] = min(first.get(seller, math.inf), _earliest(time))
        return first, {brand for row in rows.tolist() for brand in self._official.get(row, ())}


def photo_use(first: dict[str, float], brands: Iterable[str], seller: str | None) -> PhotoUse:
    """Return the use of a photo by others than one seller.

    Args:
        first: First time of each seller; -inf is a time that is not known.
        brands: Brands whose own photo it is.
        seller: The seller, who used it after all others where `first` lacks them; None is an unknown one.
    """
    others = {name: time for name, time in first.items() if name != seller}
    since = math.inf if seller is None else first.get(seller, math.inf)
    number = min(len(others), MOST_SELLERS)
    earlier = later = 0
    if seller is not None and since > -math.inf:
        certain = [time for time in others.values() if time > -math.inf or since == math.inf]
        earlier = min(sum(time < since for time in certain), number)
        later = min(sum(time > since for time in certain), number - earlier)
    return PhotoUse(number, tuple(sorted(others)[:_EXAMPLES]), tuple(sorted(brands)), earlier, later)


def _earliest(time_s: float | None) -> float:
    """Return a first time as a number; one that is not known may be before any other, -inf."""
    return -math.inf if time_s is None else time_s


def _packed(pdqs: list[str]) -> NDArray[np.uint8]:
    """Return hashes of 64 hex digits as uint8 (n, 32)."""
    return np.frombuffer(bytes.fromhex("".join(pdqs)), np.uint8).reshape(-1, 32)


def _require_name(owner: str, value: object) -> None:
    """Refuse what is no text, or could not be written as JSON."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{owner}: expected non-empty strings, got {quoted(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{owner}: expected Unicode text, got a lone surrogate in {quoted(value)}") from None
