"""Data of the work list: what a card shows of each case, as script files that a page on disk can load.

A page that was opened from disk may load scripts from its folder, and nothing else; so the data are scripts that hand
JSON to the page. What sellers wrote stands in it as JSON text, in which no character can end a script or a comment.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from logoscan._hashing import sha256_hex
from logoscan.reporting.copies import CopyKey, group_copies
from logoscan.reporting.html import BANDS, clean
from logoscan.reporting.plain_words import REASON_NAMES, is_little_known, points, reason_name, why_in_review
from logoscan.reporting.queue import look_probability
from logoscan.results import Report
from logoscan.scoring.words import shown_in_photos

__all__ = ["CASES_PER_FILE", "Card", "Pictures", "WorkList"]

CASES_PER_FILE = 500
"""Cases in one data file: the first file is shown while the others load."""
# Reasons on a card, and the contribution to the log-odds from which one is shown.
_MOST_REASONS, _LEAST_REASON = 3, 0.05
# Characters of a text on a card; the listing's page has all.
_MOST_CHARS = 240
# Brands in the filter, those with most listings; the search finds the others.
_MOST_BRANDS = 2000


@dataclass(frozen=True)
class Pictures:
    """The picture files of a listing, by their names in the folder of the run.

    Attributes:
        photos: Photos, each with its number in the listing and its size in pixels of the scanned file.
        main: Position in `photos` of the photo on the card.
        box: Box of the surest match in that photo, in pixels; None where there is none.
        crop: That box cut out; "" where there is none.
        logo: The registered logo beside it; "" where there is none.
    """

    photos: tuple[tuple[str, int, int, int], ...] = ()
    main: int = 0
    box: tuple[float, float, float, float] | None = None
    crop: str = ""
    logo: str = ""


@dataclass(frozen=True)
class Card:
    """What the work list and the sellers' pages keep of a report.

    Attributes:
        page: File name of the listing's page, without suffix.
        listing_id: Id of the listing.
        seller_id: Seller; None where it is not known.
        title: Title; None where it is not stated.
        band: Band.
        brand: Brand of the score; None where there is none.
        score: Score, in [0, 100]; None where there is none, or where too little is known.
        sure: Probability that the photos show the brand; None where it is not known.
        probability: Probability for the order of looks.
        reasons: The weightiest reasons: signal, points and sentence.
        why: Why it is in review, where the reasons do not say it; "" where they do.
        price: Price in words; "" where none is stated.
        amount: Price as a number; None where none is stated.
        usual: What it was compared with, in words; "" where nothing was.
        date: ISO date at which the listing appeared, else of the scan.
        pictures: Picture files of the listing.
        key: What copies of the listing are found by.
    """

    page: str
    listing_id: str
    seller_id: str | None
    title: str | None
    band: int
    brand: str | None
    score: float | None
    sure: float | None
    probability: float
    reasons: tuple[tuple[str, int, str], ...]
    why: str
    price: str
    amount: float | None
    usual: str
    date: str
    pictures: Pictures
    key: CopyKey

    @classmethod
    def of(cls, report: Report, page: str, pictures: Pictures) -> Card:
        """Return the card of a report."""
        facts, score, finding = report.listing, report.score, report.price
        price, currency = (facts.price, facts.currency) if facts else (None, None)
        parts = zip(score.contributions, points(score)[1], strict=True)
        reasons = [(c.signal, n, short(c.why)) for c, n in parts if c.contribution >= _LEAST_REASON]
        sure = next((b.probability for b in report.brands if b.brand == score.brand), None)
        why = why_in_review(report)
        if why is None and not reasons and score.brand is not None and sure is not None:
            why = shown_in_photos(score.brand, sure)
        usual = ""
        if finding is not None and finding.stated is not None:
            usual = f"the brand says {finding.stated[0]:,.2f} to {finding.stated[1]:,.2f} {finding.currency}"
        elif finding is not None and finding.usual is not None:
            usual = f"usually {finding.usual:,.2f} {finding.currency}"
        return cls(
            page, report.listing_id, report.seller_id, facts.title if facts else None, BANDS.index(score.band),
            score.brand, None if is_little_known(score) else score.value, sure, look_probability(score),
            tuple(reasons[:_MOST_REASONS]), short(why or ""),
            "" if price is None else f"{price:,.2f} {currency or ''}".strip(), price, usual,
            ((facts and facts.listed_at) or report.provenance.time)[:10], pictures, CopyKey.of(report),
        )  # fmt: skip


def short(text: str | None) -> str:
    """Return a text as pages show it: control characters made visible, at most 240 characters."""
    shown = str(clean(text or ""))
    return shown if len(shown) <= _MOST_CHARS else f"{shown[: _MOST_CHARS - 1]}…"


class WorkList:
    """Collects cards, groups copies to cases and writes the data files."""

    def __init__(self) -> None:
        """Start empty."""
        self.cards: list[Card] = []

    def cases(self) -> list[list[Card]]:
        """Return the cases, the card that stands for each first; first the cases of which a look settles most.

        What needs no look comes last. Where scores are equal, as in a run without prices and sellers, the surer a brand
        is shown, the sooner its case comes.
        """
        order = sorted(self.cards, key=lambda c: (c.band, -c.probability, -(c.sure or 0.0), c.listing_id))
        groups = [[order[at] for at in group] for group in group_copies(card.key for card in order)]
        return sorted(groups, key=_look_order)

    def run_id(self) -> str:
        """Return an id of the run: another one where a listing, its score or its scan is another."""
        facts = sorted(f"{c.listing_id}\t{c.date}\t{c.brand}\t{c.score}\t{c.band}" for c in self.cards)
        return sha256_hex("\n".join(facts).encode(errors="surrogatepass"))[:16]

    def files(self, seller_pages: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield the name and the text of each data file, `run.js` first.

        Args:
            seller_pages: File name of each seller's page, by the seller's id.
        """
        cases = self.cases()
        brands = Counter(card.brand for card in self.cards if card.brand)
        signals = dict.fromkeys(signal for card in self.cards for signal, _, _ in card.reasons)
        run = {
            "id": self.run_id(),
            "cases": len(cases),
            "brands": sorted(short(name) for name, _ in brands.most_common(_MOST_BRANDS)),
            "signals": {name: reason_name(name) for name in sorted(signals, key=lambda s: (s not in REASON_NAMES, s))},
            "hasScores": len({round(card.score, 1) for card in self.cards if card.score is not None}) > 1,
        }
        yield "run.js", _call("start", run)
        for number, at in enumerate(range(0, len(cases), CASES_PER_FILE)):
            rows = [_row(case, seller_pages) for case in cases[at : at + CASES_PER_FILE]]
            yield f"cases-{number}.js", _call("add", rows)


def _look_order(case: Sequence[Card]) -> tuple[Any, ...]:
    first = case[0]
    expected = sum(card.probability for card in case)
    return first.band == BANDS.index("clear"), -round(expected, 6), -(first.sure or 0.0), first.listing_id


def _row(case: Sequence[Card], seller_pages: Mapping[str, str]) -> dict[str, Any]:
    first = case[0]
    pictures = first.pictures
    return {
        "ids": [card.listing_id for card in case],
        "pages": [card.page for card in case],
        "sellers": [card.seller_id or "" for card in case],
        "sellerPage": seller_pages.get(first.seller_id or "", ""),
        "title": short(first.title),
        "band": first.band,
        "brand": first.brand or "",
        "score": None if first.score is None else round(first.score, 2),
        "sure": first.sure,
        "reasons": first.reasons,
        "why": first.why,
        "price": first.price,
        "amount": first.amount,
        "usual": first.usual,
        "date": first.date,
        "photos": pictures.photos,
        "main": pictures.main,
        "box": pictures.box,
        "crop": pictures.crop,
        "logo": pictures.logo,
    }


def _call(function: str, value: object) -> str:
    """Return a script that hands a value to the page; no text in it can end the script."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return f"logoscan.{function}({text.replace('<', chr(92) + 'u003c').replace('>', chr(92) + 'u003e')});\n"
