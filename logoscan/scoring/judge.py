"""What was found out about a listing -> a score for each brand that it shows, claims or names.

Knows words, signals and scores; knows no pictures and no register. The same for listings that are scanned and for those
that a benchmark makes up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from typing import Any, Literal, TypeAlias

from logoscan.images.phash import PhotoUse
from logoscan.odds import USUAL_MISS_RATE
from logoscan.pricing.cohorts import USED
from logoscan.pricing.model import PriceJudgement, PriceModel
from logoscan.pricing.sample import ONE
from logoscan.results import PriceFinding, Score, top_score
from logoscan.scoring.model import ScoreModel
from logoscan.scoring.signals import DEFAULT_SIGNALS, Case, SignalFunction
from logoscan.text.coded_terms import CodedUse
from logoscan.text.complaints import Complaints, find_complaints
from logoscan.text.quantities import Pack, pack
from logoscan.types import Brand, BrandMention, Listing

__all__ = ["CANDIDATE_FROM", "Findings", "Gap", "Judge", "Judgement", "at_least_reviewed"]

CANDIDATE_FROM = 0.2
"""Probability of being shown from which a brand is judged: below, a report would drown in chance likenesses."""
Gap: TypeAlias = Literal["unreadable", "over the cap"]
"""Why something that could show or name a brand was not looked at."""


_NO_PRICE = PriceJudgement(None, "the price of an accessory is not the brand's")
# Signals that say something of the goods themselves, whatever the seller calls them.
_OF_THE_GOODS = frozenset(
    {"altered_logo", "coded_terms", "contradicts_facts", "copied_photo", "lookalike_text", "review_complaints"}
)
# A seller whom no brand authorises: ids with a null character are nobody's.
_UNKNOWN_SELLER = "\0"


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
        gaps: Why something that could show or name a registered brand was not looked at; the band is then "review" at
            least. Empty where nothing was left out.
        reviews: What the reviews say; None where they are read when a brand is judged.
        miss_rates: Share of photos with a brand's mark in which the search does not see it, where that was measured.
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
    gaps: frozenset[Gap] = frozenset()
    reviews: Complaints | None = None
    miss_rates: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def complaints(self) -> Complaints:
        """What the reviews say; the same for all brands, and found where one is judged."""
        return find_complaints(self.listing.reviews) if self.reviews is None else self.reviews

    @cached_property
    def mentions_by_brand(self) -> Mapping[str, tuple[BrandMention, ...]]:
        """The mentions of each brand that is named."""
        found: dict[str, list[BrandMention]] = {}
        for mention in self.mentions:
            found.setdefault(mention.brand, []).append(mention)
        return {brand: tuple(own) for brand, own in found.items()}

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
                score = self.judged(case, found)
                unjudged = f"price not judged for {name}: {case.price.reason}"
                skipped = (unjudged,) if case.price.anomaly is None else ()
                out.append(Judgement(name, case.shown, score, skipped, _told(case.price)))
        return out

    def judged(self, case: Case, found: Findings) -> Score:
        """Score one candidate, with every reason why a person should look at it."""
        score = self.score(case)
        if score.band == "clear" and (excuses := self._blocked_but_for(case, score)):
            score = self.score(case, doubts=[f"would be blocked if {' and '.join(excuses)}"])
        return at_least_reviewed(score, found)

    def score(self, case: Case, doubts: Sequence[str] = ()) -> Score:
        """Score one candidate; `doubts` are reasons why a person should look, whatever the number."""
        signals = [s for s in (function(case) for function in self.signals) if s is not None]
        return self.score_model.score(case.brand.name, signals, shown=case.shown, doubts=doubts)

    def _blocked_but_for(self, case: Case, score: Score) -> list[str]:
        """What only the seller's word, or silence, keeps from being blocked, as conditions; none where nothing does.

        Saying "used", "for Acme", another brand or no price is cheap. It may lower the number, since most who say so
        are honest, but a listing that would be blocked without it is looked at by a person.
        """
        listing = case.listing
        changes: dict[str, Any] = {}
        excuses = []
        if case.used:
            listing = replace(listing, condition=None)
            excuses.append("the goods were new")
        if case.is_accessory:
            changes["mentions"] = tuple(m for m in case.mentions if m.kind != "compatible")
            excuses.append(f"the goods were {case.brand.name}'s own")
        spoken_for = any(c.contribution > 0 and c.signal in _OF_THE_GOODS for c in score.contributions)
        if case.is_accessory and not spoken_for:
            changes["price"] = _NO_PRICE  # what accessories cost says nothing
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
        # without `claimed_not_shown`: what the library may have missed is no reason to think the worst
        worst = replace(case, listing=listing, searched=False, **changes)
        return excuses if self.score(worst).band == "block" else []

    def _price(self, brand: Brand, listing: Listing, condition: str | None, size: Pack) -> PriceJudgement:
        price, currency, category = listing.price, listing.currency, listing.category
        return self.prices.judge(brand, price, currency, category, condition=condition, pack=size)

    def top(self, judged: Sequence[Judgement], found: Findings) -> Score:
        """The listing's score: its strictest candidate's (`results.top_score`), or none and the band alone."""
        return top_score([one.score for one in judged]) or self.score_model.nothing(complete=not found.gaps)

    def case(self, found: Findings, brand: Brand, size: Pack) -> Case:
        """Everything that is known about one candidate; `size` is what the title says is sold (`units.pack`)."""
        listing = found.listing
        return Case(
            brand=brand,
            listing=listing,
            shown=found.shown.get(brand.name, 0.0 if brand.name in found.visible else None),
            claimed=found.claimed,
            mentions=found.mentions_by_brand.get(brand.name, ()),
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
            miss_rate=found.miss_rates.get(brand.name, USUAL_MISS_RATE),
        )


def at_least_reviewed(score: Score, found: Findings) -> Score:
    """Raise a clear band to "review" where something that could show or name a brand was not looked at."""
    if not found.gaps or score.band != "clear":
        return score
    return replace(score, band="review", doubts=(*score.doubts, *found.unseen))


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
