"""Reports -> the order in which a reviewer looks at listings: first what a look is expected to settle most of.

The expected value of a look is the expected number of counterfeit listings that it settles: the sum, over the listing
and its copies, of the probability that each is counterfeit. That probability is the score over 100; where a person
should look whatever the score is, because something could not be judged, it is at least `UNSEEN`. Scores are stated
priors until they are fitted to labels, so that the value orders listings and measures nothing.

Copies and near copies of a listing are one row (`copies`), since one look settles them. Whose band is clear is not in
the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from logoscan.errors import InputError
from logoscan.reporting.copies import CopyKey, group_copies
from logoscan.results import Report, Score
from logoscan.types import Band

__all__ = ["UNSEEN", "QueueRow", "look_probability", "review_queue"]

UNSEEN = 0.05
"""Least probability, for the queue, of a listing that could not be judged: the upper end of the 1-5 % of counterfeits
that marketplaces state."""
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


@dataclass(frozen=True)
class _Entry:
    """What the queue keeps of a report."""

    listing_id: str
    key: CopyKey
    probability: float
    score: float | None
    band: Band
    title: str | None
    url: str | None
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]


def look_probability(score: Score) -> float:
    """Return how probable it is, for the order of looks, that a listing with this score is counterfeit."""
    probability = 0.0 if score.value is None else score.value / 100
    return max(probability, UNSEEN) if score.value is None or score.doubts else probability


def _entry(report: Report) -> _Entry:
    score, facts = report.score, report.listing
    against = [c.why for c in score.contributions if c.contribution >= _LEAST_REASON]
    return _Entry(
        report.listing_id, CopyKey.of(report), look_probability(score), score.value, score.band,
        facts.title if facts else None, facts.url if facts else None, tuple(against[:_REASONS]), score.doubts,
    )  # fmt: skip


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
    by_probability = sorted(entries.values(), key=lambda e: (-e.probability, e.listing_id))
    rows = [[by_probability[at] for at in group] for group in group_copies(e.key for e in by_probability)]
    rows.sort(key=lambda row: (-_expected(row), -row[0].probability, row[0].listing_id))
    return [_row(rank, row) for rank, row in enumerate(rows[:budget], 1)]


def _expected(row: Sequence[_Entry]) -> float:
    return sum(entry.probability for entry in row)


def _row(rank: int, row: Sequence[_Entry]) -> QueueRow:
    first = row[0]
    sellers: Mapping[str, Any] = dict.fromkeys(e.key.seller_id for e in row if e.key.seller_id is not None)
    return QueueRow(
        rank, first.listing_id, round(_expected(row), 6), first.score, first.band, first.key.brand,
        first.key.seller_id, len(row), tuple(e.listing_id for e in row), tuple(sellers), first.title, first.key.price,
        first.key.currency, first.url, first.reasons, first.doubts,
    )  # fmt: skip
