"""Groups of listings that are copies or near copies of one listing: one look settles them.

Two listings are copies if the photos of the one with fewer photos are all among those of the other (as files, or by
their PDQ hashes), they may be counterfeits of one brand, their titles are nearly the same, and one price is less than
half above the other. Listings without photos are copies if, besides, one seller states them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from rapidfuzz import fuzz

from logoscan.images.phash import MATCH_BITS
from logoscan.results import Report
from logoscan.text.folding import fold

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CopyKey", "PhotoTable", "group_copies"]

T = TypeVar("T")

# Similarity of two titles, of 100, from which they are nearly the same: another size or emoji, one word more.
_NEAR_TITLE = 85.0
# Ratio of two prices from which they are not those of copies.
_OTHER_PRICE = 1.5
# Listings that a listing is compared with: thousands may share a banner.
_MOST_COMPARED = 100


@dataclass(frozen=True)
class CopyKey:
    """What tells whether a listing is a copy of another.

    Attributes:
        brand: Brand of the score; None where there is none.
        seller_id: Seller; None where it is not known.
        words: Folded words of the title.
        price: Price; None where none is stated.
        currency: Currency of the price.
        photos: SHA-256 and PDQ hash, as a number if there is one, of each photo that was read.
    """

    brand: str | None
    seller_id: str | None
    words: str
    price: float | None
    currency: str | None
    photos: tuple[tuple[str, int | None], ...]

    @classmethod
    def of(cls, report: Report) -> CopyKey:
        """Return the key of a report's listing."""
        facts = report.listing
        title, price, currency = (facts.title, facts.price, facts.currency) if facts else (None, None, None)
        words = " ".join(folded for word in (title or "").split() if (folded := fold(word)))
        photos = {i.sha256: None if i.pdq is None else int(i.pdq, 16) for i in report.images if i.sha256 is not None}
        return cls(report.score.brand, report.seller_id, words, price, currency, tuple(photos.items()))


class PhotoTable(Generic[T]):
    """Values by photo: those of a photo are the values of equal files and of near copies by PDQ hash."""

    def __init__(self) -> None:
        """Start empty."""
        import faiss

        self._index = faiss.IndexBinaryFlat(256)
        self._hashes: list[int] = []
        self._of_hash: dict[int, list[T]] = {}
        self._of_file: dict[str, list[T]] = {}

    def add(self, photo: tuple[str, int | None], value: T) -> None:
        """Add a value to a photo, as long as the photo's values are few enough to be compared."""
        sha256, pdq = photo
        _append(self._of_file, sha256, value)
        if pdq is not None:
            if pdq not in self._of_hash:
                self._index.add(_packed(pdq))
                self._hashes.append(pdq)
            _append(self._of_hash, pdq, value)

    def get(self, photo: tuple[str, int | None]) -> list[T]:
        """Return the values of a photo, those of equal files first; one may come twice."""
        sha256, pdq = photo
        out = list(self._of_file.get(sha256, ()))
        if pdq is not None and self._hashes:
            # FAISS finds what lies below the radius
            _, _, near = self._index.range_search(_packed(pdq), MATCH_BITS + 1)
            for at in near.tolist():
                out += self._of_hash[self._hashes[at]]
        return out


def _append(values_of: dict[Any, list[T]], key: object, value: T) -> None:
    values = values_of.setdefault(key, [])
    if len(values) < _MOST_COMPARED:
        values.append(value)


def _packed(pdq: int) -> NDArray[np.uint8]:
    return np.frombuffer(pdq.to_bytes(32, "big"), np.uint8).reshape(1, 32)


def group_copies(keys: Iterable[CopyKey]) -> list[list[int]]:
    """Group listings that are copies of one.

    Args:
        keys: Keys of the listings; the first one of a group stands for it.

    Returns:
        The positions of each group's listings, in their order.
    """
    firsts: list[CopyKey] = []
    groups: list[list[int]] = []
    by_photo: PhotoTable[int] = PhotoTable()
    without_photos: dict[tuple[str | None, str | None], list[int]] = {}
    for position, key in enumerate(keys):
        numbers = without_photos.get((key.seller_id, key.brand), [])
        if key.photos:
            numbers = sorted({n for photo in key.photos for n in by_photo.get(photo)})[:_MOST_COMPARED]
        original = next((n for n in numbers if _is_copy(key, firsts[n])), None)
        if original is not None:
            groups[original].append(position)
            continue
        number = len(groups)
        firsts.append(key)
        groups.append([position])
        if not key.photos:
            _append(without_photos, (key.seller_id, key.brand), number)
        for photo in key.photos:
            by_photo.add(photo, number)
    return groups


def _is_copy(one: CopyKey, other: CopyKey) -> bool:
    """Return whether two listings with a photo in common, or with none at all, are copies of one listing."""
    if one.brand != other.brand or (not one.photos and (one.seller_id is None or not one.words)):
        return False
    if one.price and other.price and one.currency == other.currency:
        low, high = sorted((one.price, other.price))
        if high >= low * _OTHER_PRICE:
            return False
    return _has_title_of(one, other) and _has_photos_of(one, other)


def _has_title_of(one: CopyKey, other: CopyKey) -> bool:
    if one.words == other.words:
        return True
    # beside the same photos a title may be a part of the other; without photos it is all that there is
    near = fuzz.token_set_ratio if one.photos else fuzz.ratio
    return bool(one.words and other.words) and near(one.words, other.words, score_cutoff=_NEAR_TITLE) > 0


def _has_photos_of(one: CopyKey, other: CopyKey) -> bool:
    few, many = sorted((one.photos, other.photos), key=len)
    return bool(few or not many) and all(any(_is_same_photo(a, b) for b in many) for a in few)


def _is_same_photo(a: tuple[str, int | None], b: tuple[str, int | None]) -> bool:
    if a[0] == b[0]:
        return True
    return a[1] is not None and b[1] is not None and (a[1] ^ b[1]).bit_count() <= MATCH_BITS
