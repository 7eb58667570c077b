"""Pages of sellers: the score of each with its reasons, its listings and the photos that it shares with others.

A seller's score is that of `merchants.score`: it ranks sellers and accuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from logoscan.errors import InputError
from logoscan.merchants.facts import MerchantFacts
from logoscan.merchants.score import MerchantScore, score_merchant
from logoscan.merchants.state import MerchantState
from logoscan.reporting.copies import PhotoTable
from logoscan.reporting.html import BANDS, render
from logoscan.reporting.worklist import Card
from logoscan.results import Report

__all__ = ["SellerBook"]

# Sellers in the table, and listings and shared photos on a seller's page; the others are counted.
_MOST_SELLERS, _MOST_LISTINGS, _MOST_SHARED = 2000, 500, 60


@dataclass(frozen=True)
class _Seller:
    """A row of the table of sellers."""

    page: str
    score: MerchantScore
    cards: Sequence[Card]

    @property
    def bands(self) -> dict[str, int]:
        return {band: sum(card.band == i for card in self.cards) for i, band in enumerate(BANDS)}


@dataclass(frozen=True)
class _SharedPhoto:
    """A photo of a seller that other sellers of the run use, too."""

    card: Card
    others: tuple[Card, ...]


class SellerBook:
    """Collects what reports say about each seller, and makes the pages."""

    def __init__(self, facts: Mapping[str, MerchantFacts] | None = None) -> None:
        """Start empty.

        Args:
            facts: What the platform knows about sellers, by their ids.
        """
        self._facts = facts or {}
        self._states: dict[str, MerchantState] = {}
        self._cards: dict[str, list[Card]] = {}
        self._photos: PhotoTable[Card] = PhotoTable()

    def add(self, report: Report, card: Card) -> None:
        """Add a report; without a seller it belongs to none."""
        if report.seller_id is None:
            return
        state = self._states.get(report.seller_id) or MerchantState()
        try:
            state.add(report)
        except InputError:  # an id that is too long to be one
            return
        self._states[report.seller_id] = state
        self._cards.setdefault(report.seller_id, []).append(card)
        for photo in card.key.photos:
            self._photos.add(photo, card)

    def names(self) -> Iterable[str]:
        """Return the ids of the sellers."""
        return self._cards

    def pages(self, names: Mapping[str, str]) -> Iterable[tuple[str, str]]:
        """Yield the file name and the text of the table of sellers and of each seller's page.

        Args:
            names: File name of each seller's page without suffix, by the seller's id.
        """
        sellers = [
            _Seller(names[seller], score_merchant(self._states[seller], self._facts.get(seller)), cards)
            for seller, cards in self._cards.items()
        ]
        sellers.sort(key=lambda s: (-s.score.value, s.score.seller_id or ""))
        table = render("sellers.html.j2", "sellers.css", sellers=sellers[:_MOST_SELLERS], count=len(sellers))
        yield "sellers.html", table
        for seller in sellers:
            cards = sorted(seller.cards, key=lambda c: (c.band, -c.probability, -(c.sure or 0.0), c.listing_id))
            shared = self._shared(seller)
            page = render(
                "seller.html.j2", "sellers.css", images=True, seller=seller, cards=cards[:_MOST_LISTINGS],
                names=names, shared=shared[:_MOST_SHARED], more_shared=max(0, len(shared) - _MOST_SHARED),
            )  # fmt: skip
            yield f"sellers/{seller.page}.html", page

    def _shared(self, seller: _Seller) -> list[_SharedPhoto]:
        """Return one row for each listing of a seller with a photo that other sellers use, the most used first."""
        out = []
        for card in seller.cards:
            others = {
                other.seller_id: other
                for photo in card.key.photos
                for other in self._photos.get(photo)
                if other.seller_id != card.seller_id
            }
            if others:
                out.append(_SharedPhoto(card, tuple(others.values())))
        return sorted(out, key=lambda row: (-len(row.others), row.card.listing_id))
