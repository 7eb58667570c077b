"""Reports -> the order in which a reviewer looks at listings: first what a look is expected to settle most of.

The expected value of a look is the expected number of counterfeit listings that it settles: the sum, over the listing
and its copies, of the probability that each is counterfeit. That probability is the score over 100; where a person
should look whatever the score is, because something could not be judged, it is at least `UNSEEN`. Scores are stated
priors until they are fitted to labels, so that the value orders listings and measures nothing.

Copies and near copies of a listing are one row, since one look settles them: the photos of the one with fewer photos
are all among those of the other (as files, or by their PDQ hashes), they may be counterfeits of one brand, their titles
are nearly the same, and one price is less than half above the other. Listings without photos are copies if, besides,
one seller states them. Whose band is clear is not in the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from rapidfuzz import fuzz

from logoscan.errors import InputError
from logoscan.images.phash import MATCH_BITS
from logoscan.results import Report
from logoscan.text.folding import fold
from logoscan.types import Band

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UNSEEN", "QueueRow", "review_queue"]

UNSEEN = 0.05
"""Least probability, for the queue, of a listing that could not be judged: the upper end of the 1-5 % of counterfeits
that marketplaces state."""
# Similarity of two titles, of 100, from which they are nearly the same: another size or emoji, one word more.
_NEAR_TITLE = 85.0
# Ratio of two prices from which they are not those of copies.
_OTHER_PRICE = 1.5
# Rows that a listing is compared with: thousands may share a banner.
_MOST_COMPARED = 100
# Reasons of a row, the weightiest, and what each adds to the log-odds at least.
_REASONS, _LEAST_REASON = 3, 0.01


@dataclass(frozen=True)
class QueueRow:
    """One look for a reviewer: a listing, with its copies.

    Attributes:
        rank: Place in the queue, from 1.
        listing_id: Id of the listing, of all copies the most probably counterfeit one.
        expected_value: Expected number of counterfeit listings that the look settles.
        score: Score of the listing, in [0, 100]; None where it has none.
        band: Band of the listing.
        brand: Brand of the score; None where there is none.
        seller_id: Seller of the listing; None where it is not known.
        copies: Number of listings that the look settles, this one included.
        listing_ids: Ids of these listings, this one first.
        seller_ids: Their distinct sellers, this one's first.
        title: Title of the listing, as far as its report has it.
        price: Price of the listing.
        currency: Currency of the price.
        url: Address of the listing's page.
        reasons: What speaks against it most, as sentences.
        doubts: Why a person should look, whatever the score is.
    """

    rank: int
    listing_id: str
    expected_value: float
    score: float | None
    band: Band
    brand: str | None
    seller_id: str | None
    copies: int
    listing_ids: tuple[str, ...]
    seller_ids: tuple[str, ...]
    title: str | None
    price: float | None
    currency: str | None
    url: str | None
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Return the names of the fields, for a table."""
        return tuple(f.name for f in fields(cls))


@dataclass
class _Entry:
    """What the queue keeps of a report."""

    listing_id: str
    seller_id: str | None
    probability: float
    score: float | None
    band: Band
    brand: str | None
    title: str | None
    words: str
    price: float | None
    currency: str | None
    url: str | None
    photos: tuple[tuple[str, int | None], ...]
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]
    copies: list[_Entry] = field(default_factory=list)


def _entry(report: Report) -> _Entry:
    score, facts = report.score, report.listing
    probability = 0.0 if score.value is None else score.value / 100
    if score.value is None or score.doubts:
        probability = max(probability, UNSEEN)
    against = [c.why for c in score.contributions if c.contribution >= _LEAST_REASON]
    photos = {i.sha256: None if i.pdq is None else int(i.pdq, 16) for i in report.images if i.sha256 is not None}
    title = facts.title if facts else None
    return _Entry(
        report.listing_id, report.seller_id, probability, score.value, score.band, score.brand, title,
        _words(title), *((facts.price, facts.currency, facts.url) if facts else (None, None, None)),
        tuple(photos.items()), tuple(against[:_REASONS]), score.doubts,
    )  # fmt: skip


class _Rows:
    """The rows so far, searchable by photo."""

    def __init__(self) -> None:
        import faiss

        self.rows: list[_Entry] = []
        self._index = faiss.IndexBinaryFlat(256)
        self._hashes: list[int] = []
        self._rows_of_hash: dict[int, list[int]] = {}
        self._rows_of_file: dict[str, list[int]] = {}
        self._without_photos: dict[tuple[str | None, str | None], list[int]] = {}

    def add(self, entry: _Entry) -> None:
        """Add a listing to the row that it is a copy of, else as a row of its own."""
        original = next((row for row in self._candidates(entry) if _is_copy(entry, row)), None)
        if original is not None:
            original.copies.append(entry)
            return
        number = len(self.rows)
        self.rows.append(entry)
        if not entry.photos:
            _append(self._without_photos, (entry.seller_id, entry.brand), number)
        for sha256, pdq in entry.photos:
            _append(self._rows_of_file, sha256, number)
            if pdq is not None:
                if pdq not in self._rows_of_hash:
                    self._index.add(_packed(pdq))
                    self._hashes.append(pdq)
                _append(self._rows_of_hash, pdq, number)

    def _candidates(self, entry: _Entry) -> list[_Entry]:
        """Return rows that share a photo with a listing, the first ones first."""
        if not entry.photos:
            numbers = self._without_photos.get((entry.seller_id, entry.brand), [])
            return [self.rows[number] for number in numbers]
        found: set[int] = set()
        for sha256, pdq in entry.photos:
            found.update(self._rows_of_file.get(sha256, ()))
            if pdq is not None and self._hashes:
                # FAISS finds what lies below the radius
                _, _, near = self._index.range_search(_packed(pdq), MATCH_BITS + 1)
                for at in near.tolist():
                    found.update(self._rows_of_hash[self._hashes[at]])
        return [self.rows[number] for number in sorted(found)[:_MOST_COMPARED]]


def _append(rows_of: dict[Any, list[int]], key: object, number: int) -> None:
    """Append a row to those of a photo, as long as they are few enough to be compared."""
    rows = rows_of.setdefault(key, [])
    if len(rows) < _MOST_COMPARED:
        rows.append(number)


def _packed(pdq: int) -> NDArray[np.uint8]:
    return np.frombuffer(pdq.to_bytes(32, "big"), np.uint8).reshape(1, 32)


def _is_copy(one: _Entry, other: _Entry) -> bool:
    """Return whether two listings with a photo in common, or with none at all, are copies of one listing."""
    if one.brand != other.brand or (not one.photos and (one.seller_id is None or not one.words)):
        return False
    if one.price and other.price and one.currency == other.currency:
        low, high = sorted((one.price, other.price))
        if high >= low * _OTHER_PRICE:
            return False
    return _has_title_of(one, other) and _has_photos_of(one, other)


def _has_title_of(one: _Entry, other: _Entry) -> bool:
    if one.words == other.words:
        return True
    # beside the same photos a title may be a part of the other; without photos it is all that there is
    near = fuzz.token_set_ratio if one.photos else fuzz.ratio
    return bool(one.words and other.words) and near(one.words, other.words, score_cutoff=_NEAR_TITLE) > 0


def _words(title: str | None) -> str:
    """Return the folded words of a title."""
    return " ".join(folded for word in (title or "").split() if (folded := fold(word)))


def _has_photos_of(one: _Entry, other: _Entry) -> bool:
    few, many = sorted((one.photos, other.photos), key=len)
    return bool(few or not many) and all(any(_is_same_photo(a, b) for b in many) for a in few)


def _is_same_photo(a: tuple[str, int | None], b: tuple[str, int | None]) -> bool:
    if a[0] == b[0]:
        return True
    return a[1] is not None and b[1] is not None and (a[1] ^ b[1]).bit_count() <= MATCH_BITS


def review_queue(reports: Iterable[Report], budget: int | None = None) -> list[QueueRow]:
    """Return the listings that a person should look at, in the order of what a look is expected to settle.

    Args:
        reports: Reports in any order; of several with one listing's id the last counts.
        budget: Most rows; None is all.

    Returns:
        Rows, the highest expected value first; of equal ones the higher probability, then the alphabet.

    Raises:
        InputError: `budget` is negative.
    """
    if budget is not None and budget < 0:
        raise InputError(f"budget: expected 0 or more rows, got {budget!r}")
    entries: dict[str, _Entry] = {}
    for report in reports:
        entries.pop(report.listing_id, None)
        if report.score.band != "clear":
            entries[report.listing_id] = _entry(report)
    table = _Rows()
    for entry in sorted(entries.values(), key=lambda e: (-e.probability, e.listing_id)):
        table.add(entry)
    order = sorted(table.rows, key=lambda e: (-_expected(e), -e.probability, e.listing_id))
    return [_row(rank, entry) for rank, entry in enumerate(order[:budget], 1)]


def _expected(entry: _Entry) -> float:
    return entry.probability + sum(copy.probability for copy in entry.copies)


def _row(rank: int, entry: _Entry) -> QueueRow:
    same: Sequence[_Entry] = (entry, *entry.copies)
    sellers: Mapping[str, Any] = dict.fromkeys(e.seller_id for e in same if e.seller_id is not None)
    return QueueRow(
        rank, entry.listing_id, round(_expected(entry), 6), entry.score, entry.band, entry.brand, entry.seller_id,
        len(same), tuple(e.listing_id for e in same), tuple(sellers), entry.title, entry.price, entry.currency,
        entry.url, entry.reasons, entry.doubts,
    )  # fmt: skip
