"""What was found out about a listing -> a score for each brand that it shows, claims or names.

Knows words, signals and scores; knows no pictures and no register. The same for listings that are scanned and for those
that a benchmark makes up.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, zip_longest
from typing import Any

from logoscan.coded import CodedUse, find_coded
from logoscan.cohorts import USED
from logoscan.complaints import Complaints, find_complaints
from logoscan.photos import PhotoUse
from logoscan.price import PriceJudgement, PriceModel
from logoscan.price_sample import ONE
from logoscan.results import PriceFinding, Score
from logoscan.score import ScoreModel
from logoscan.signals import DEFAULT_SIGNALS, Case, SignalFunction
from logoscan.text import NO_BRAND, NameIndex, fold
from logoscan.types import Brand, BrandMention, Listing, TextSpans
from logoscan.units import Pack, pack

__all__ = ["CANDIDATE_FROM", "Findings", "Judge", "Judgement", "claim_of", "coded_of", "mentions_of", "shortened"]

_GROWTH = 2
"""How many times as long as the cap a text may be in letters, of which one character can stand for 18 (U+FDFA)."""
CANDIDATE_FROM = 0.2
"""Probability of being shown from which a brand is judged: below, a report would drown in chance likenesses."""
_LONGEST = {"title": 20_000, "description": 20_000, "claimed_brand": 1_000, "category": 1_000, "condition": 1_000}
"""Characters of a listing's words that are judged; marketplaces allow a twentieth."""


_NO_PRICE = PriceJudgement(None, "the price of an accessory is not the brand's")
# Signals that say something of the goods themselves, whatever the seller calls them.
_OF_THE_GOODS = frozenset(
    {"altered_logo", "coded_terms", "contradicts_facts", "copied_photo", "lookalike_text", "review_complaints"}
)
# A seller whom no brand authorises: ids with a line feed are nobody's.
_UNKNOWN_SELLER = "\n"


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that was found out about one listing, before any brand is judged.

    Attributes:
        listing: As given.
        claimed: The registered brand that it claims, or the claim's own words; None unknown, "" none.
        mentions: Of registered brands, in its words and photos.
        coded: Coded terms, likewise.
        shown: Probability that the photos show a brand, for brands of which they hold any evidence.
        visible: Brands whose marks the photos were searched for: those without evidence are shown with probability 0,
            as far as `looked_share` goes. Empty where no photo was looked at, or one still can be.
        altered: What became of a brand's mark, where it was compared with its drawing; see `Case`.
        photos: Who else uses each photo; None where that was not looked up.
        unseen: What of the listing could not be looked at, in words ("image 2 could not be read").
        looked_share: Share of the photos that were completely looked at; 1 where there are none.
        shown_by_photo: As `shown`, by each photo alone, in their order; None where that is not known.
    """

    listing: Listing
    claimed: str | None
    mentions: tuple[BrandMention, ...] = ()
    coded: tuple[CodedUse, ...] = ()
    shown: Mapping[str, float] = field(default_factory=dict)
    visible: Collection[str] = ()
    altered: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    photos: tuple[PhotoUse, ...] | None = None
    unseen: tuple[str, ...] = ()
    looked_share: float = 1.0
    shown_by_photo: Mapping[str, tuple[float, ...]] | None = None

    @cached_property
    def complaints(self) -> Complaints:
        """What the reviews say; the same for all brands, and found where one is judged."""
        return find_complaints(self.listing.reviews)

    def claimed_shown(self, brand: str) -> float:
        """Probability that the photos show the claimed brand, where that is another one; else 0."""
        return self.shown.get(self.claimed or "", 0.0) if self.claimed != brand else 0.0

    def apart(self, brand: str) -> float | None:
        """Probability that the photos show a brand, apart from the claimed one: a photo that shows both says little.

        A photo that shows the claimed brand says nothing about the other photos. None where nothing is known by photo.
        """
        if self.shown_by_photo is None:
            return None
        own = self.shown_by_photo.get(brand, ())
        claimed = self.shown_by_photo.get(self.claimed or "", ()) if self.claimed != brand else ()
        beside = [p * (1.0 - c) for p, c in zip_longest(own, claimed, fillvalue=0.0)]
        return max([*beside, self.shown.get(brand, 0.0) * (1.0 - self.claimed_shown(brand))])

    def candidates(self) -> list[str]:
        """What is shown, claimed or named surely enough to be judged, sorted; a claim may be no registered brand."""
        named = {m.brand for m in self.mentions if m.probability >= CANDIDATE_FROM or m.kind in ("compatible", "style")}
        seen = {brand for brand, probability in self.shown.items() if probability >= CANDIDATE_FROM}
        return sorted(named | seen | ({self.claimed} if self.claimed else set()))


@dataclass(frozen=True)
class Judgement:
    """One candidate brand's score, and what could not be judged of it."""

    brand: str
    shown: float | None
    score: Score
    skipped: tuple[str, ...]
    price: PriceFinding


@dataclass(frozen=True)
class Judge:
    """Scores candidates. Immutable."""

    prices: PriceModel = field(default_factory=PriceModel)
    score_model: ScoreModel = field(default_factory=ScoreModel)
    signals: Sequence[SignalFunction] = DEFAULT_SIGNALS

    def judge(self, found: Findings, brand_of: Callable[[str], Brand | None]) -> list[Judgement]:
        """Score each candidate, in the order of their names.

        Args:
            found: About one listing.
            brand_of: The registered brand of a name; None for what is none.
        """
        out = []
        size = pack(found.listing.title or "")
        for name in found.candidates():
            if brand := brand_of(name):
                case = self.case(found, brand, size)
                score = self.score(case)
                if score.band == "clear" and (excuses := self._blocked_but_for(case, score)):
                    score = self.score(case, doubts=[f"would be blocked if {' and '.join(excuses)}"])
                unjudged = f"price not judged for {name}: {case.price.reason}"
                skipped = (unjudged,) if case.price.anomaly is None else ()
                out.append(Judgement(name, case.shown, score, skipped, _told(case.price)))
        return out

    def score(self, case: Case, doubts: Sequence[str] = ()) -> Score:
        """Score one candidate; `doubts` are reasons why a person should look, whatever the number."""
        signals = [s for s in (function(case) for function in self.signals) if s is not None]
        return self.score_model.score(case.brand.name, signals, shown=case.shown, doubts=doubts)

    def _blocked_but_for(self, case: Case, score: Score) -> list[str]:
        """What only the seller's word, or silence, keeps from being blocked, as conditions; none where nothing does.

        Saying "used", "for Acme", another brand or no price is cheap. It may lower the number, since most who say so
        are honest, but a listing that would be blocked without it is looked at by a person.
        """
        listing, changes, excuses = case.listing, {}, []
        if case.used:
            listing = replace(listing, condition=None)
            excuses.append("the goods were new")
        if case.is_accessory:
            changes["mentions"] = tuple(m for m in case.mentions if m.kind != "compatible")
            if not any(c.contribution > 0 and c.signal in _OF_THE_GOODS for c in score.contributions):
                changes["price"] = _NO_PRICE  # what accessories cost says nothing
            excuses.append(f"the goods were {case.brand.name}'s own")
        elif case.price.anomaly is None and case.price.has_references:
            changes["price"] = replace(case.price, anomaly=1.0)
            excuses.append("the price were low")
        elif case.price.anomaly is not None:
            size = pack(listing.title or "")
            ways = {(listing.condition, size), (listing.condition, ONE)}
            lowest = max((self._price(case.brand, listing, *way) for way in ways), key=lambda j: j.anomaly or 0.0)
            if (lowest.anomaly or 0.0) > case.price.anomaly:
                changes["price"] = lowest
                if not case.used:
                    excuses.append("it were one piece of the usual size")
        if case.apart < (case.shown or 0.0):
            changes |= {"shown_apart": case.shown, "claimed_shown": 0.0}
            excuses.append(f"the photos of {case.claimed} did not count")
        if case.seller is None and case.brand.authorised_sellers:
            listing = replace(listing, seller_id=_UNKNOWN_SELLER)
            excuses.append("the seller were not authorised")
        if not excuses:
            return []
        return excuses if self.score(replace(case, listing=listing, **changes)).band == "block" else []

    def _price(self, brand: Brand, listing: Listing, condition: str | None, size: Pack) -> PriceJudgement:
        price, currency, category = listing.price, listing.currency, listing.category
        return self.prices.judge(brand, price, currency, category, condition=condition, pack=size)

    def case(self, found: Findings, brand: Brand, size: Pack) -> Case:
        """Everything that is known about one candidate; `size` is what the title says is sold (`units.pack`)."""
        listing = found.listing
        return Case(
            brand=brand,
            listing=listing,
            shown=found.shown.get(brand.name, 0.0 if brand.name in found.visible else None),
            claimed=found.claimed,
            mentions=tuple(m for m in found.mentions if m.brand == brand.name),
            price=self._price(brand, listing, listing.condition, size),
            coded=found.coded,
            searched=brand.name in found.visible,
            altered=found.altered.get(brand.name),
            complaints=found.complaints,
            photos=found.photos,
            unseen=found.unseen,
            claimed_shown=found.claimed_shown(brand.name),
            searched_share=found.looked_share,
            shown_apart=found.apart(brand.name),
        )


def _told(judged: PriceJudgement) -> PriceFinding:
    """A judgement of a price for people; without numbers where they are beyond any price."""
    cohort, share, usual = judged.cohort, judged.share, judged.usual
    if cohort is None or share is None or usual is None:
        return PriceFinding(judged.anomaly, judged.reason)
    what = " ".join(x for x in (USED if cohort.condition == USED else None, cohort.brand, cohort.category) if x)
    numbers = (share * usual, share, usual, cohort.spread, *(judged.stated or ()))
    if not all(math.isfinite(v) and v > 0 for v in numbers):
        return PriceFinding(judged.anomaly, judged.reason)
    return PriceFinding(
        judged.anomaly, judged.reason, share * usual, cohort.currency, share, usual, cohort.spread, cohort.n,
        cohort.level, what or None, judged.stated,
    )  # fmt: skip


def shortened(listing: Listing) -> tuple[Listing, list[str]]:
    """The listing with as much of its words as is judged, and what was left out, in words.

    A text that nobody would read could otherwise cost as much as a thousand listings.
    """
    cut: dict[str, Any] = {}
    notes = []
    for name, most in _LONGEST.items():
        text = getattr(listing, name) or ""
        if (kept := _bounded(text, most)) != text:
            cut[name] = kept
            notes.append(f"{name}: the end of {len(text)} characters: over the cap of {most}")
    return (replace(listing, **cut) if cut else listing), notes


def _bounded(text: str, most: int) -> str:
    """The start of a text, of `most` characters, and of fewer where many of them are several letters in one."""
    kept = text[:most]
    if kept.isascii():
        return kept
    letters = accumulate(len(unicodedata.normalize("NFKC", c)) for c in kept)
    return kept[: sum(n <= _GROWTH * most for n in letters)]


def claim_of(listing: Listing, names: NameIndex) -> str | None:
    """The registered brand that is claimed, or the claim's own words; None unknown, "" none ("unbranded" too)."""
    claim = listing.claimed_brand
    if claim is None or fold(claim) in NO_BRAND:
        return None if claim is None else ""
    return names.resolve(claim) or claim.strip()


def _words(listing: Listing) -> list[tuple[str, str]]:
    words = (("title", listing.title), ("description", listing.description), ("claim", listing.claimed_brand))
    return [(source, text) for source, text in words if text]


def mentions_of(listing: Listing, spans: Sequence[TextSpans], names: NameIndex) -> tuple[BrandMention, ...]:
    """Registered brands that the listing's words and the lines of its photos name, surest first."""
    found = [mention for source, text in _words(listing) for mention in names.find(text, source)]
    for i, lines in enumerate(spans):
        found += names.find_in_spans(lines, f"image:{i}")
    return tuple(sorted(found, key=lambda m: (-m.probability, m.brand, m.source, m.kind)))


def coded_of(listing: Listing, spans: Sequence[TextSpans]) -> tuple[CodedUse, ...]:
    """Coded terms in the listing's words and in each line of its photos."""
    found = [CodedUse(source, hit) for source, text in _words(listing) for hit in find_coded(text)]
    for i, lines in enumerate(spans):
        for text, sure in zip(lines.texts, lines.confidence.tolist(), strict=True):
            found += [CodedUse(f"image:{i}", hit, min(1.0, sure)) for hit in find_coded(text)]
    return tuple(found)
