"""What was found out about a listing -> a score for each brand that it shows, claims or names.

Knows words, signals and scores; knows no pictures and no index. Scanned listings and those that a benchmark makes up
are judged alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product, zip_longest
from typing import Any, Literal, TypeAlias

from logoscan.images.phash import PhotoUse
from logoscan.odds import USUAL_MISS_RATE
from logoscan.pricing.model import PriceJudgement, PriceModel
from logoscan.pricing.sample import ONE
from logoscan.results import SHOWN_FROM, PriceFinding, Score, top_score
from logoscan.scoring.case import NO_OTHER_EVIDENCE, Case, OtherEvidence
from logoscan.scoring.credits import CREDIT, uncredited, why_not_clear
from logoscan.scoring.model import ScoreModel
from logoscan.scoring.price_finding import price_finding
from logoscan.scoring.signals import DEFAULT_SIGNALS, SignalFunction
from logoscan.text.coded_terms import CodedUse
from logoscan.text.complaints import Complaints, find_complaints
from logoscan.text.quantities import Pack, pack
from logoscan.text.title_words import title_words
from logoscan.types import Brand, BrandMention, Listing, MarkAlteration

__all__ = ["Findings", "Gap", "Judge", "Judgement", "at_least_reviewed"]

Gap: TypeAlias = Literal["unreadable", "over the cap"]
"""Why something that could show or name a brand was not looked at."""

_ACCESSORY_PRICE = PriceJudgement(None, "the price of an accessory is not the brand's")  # carries no information
# Signals about the goods themselves, whatever the seller calls them.
_GOODS_SIGNALS = frozenset(
    {"altered_logo", "coded_terms", "contradicts_facts", "copied_photo", "lookalike_text", "review_complaints"}
)
_UNKNOWN_SELLER = "\0"  # whom no brand authorises: no seller has an id with a null character


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that was found out about one listing, before any brand is judged.

    Attributes:
        listing: The listing as given.
        claimed: The registered brand that it claims, or the claim's own words; None if unknown, "" for none.
        mentions: Mentions of registered brands in its words and photos.
        coded: Coded terms in its words and photos.
        shown: Probability that the photos show a brand, for brands for which they hold any evidence.
        visible: Brands whose marks the photos were searched for: those without evidence are shown with probability 0,
            as far as `searched_share` goes. Empty where no photo was searched, or one still can be.
        altered: What became of a brand's mark, by brand, where it was compared with its logo image.
        photos: Other uses of each photo; None where that was not looked up.
        unseen: What of the listing could not be looked at, in words ("image 2 could not be read").
        searched_share: Share of the photos that were searched completely; 1 where there are none.
        shown_by_photo: Probability that each photo alone shows a brand, in their order; None where that is not known.
        gaps: Why something that could show or name a registered brand was not searched; the band is then "review" at
            least. Empty where nothing was left out.
        reviews: What the reviews say; None where they are read when a brand is judged.
        miss_rates: Share of photos with a brand's mark in which the search misses it, where that was measured.
        doubts: Why a person should look, whatever is found otherwise; the band is then "review" at least.
        unreadable_share: Share of the text in the photos, by area, that no engine could read, in [0, 1].
        unreadable: How many lines those are, in words; "" for none.
        other: What else the listing holds: codes, contacts, print, declarations.
    """

    listing: Listing
    claimed: str | None
    mentions: tuple[BrandMention, ...] = ()
    coded: tuple[CodedUse, ...] = ()
    shown: Mapping[str, float] = field(default_factory=dict)
    visible: Collection[str] = ()
    altered: Mapping[str, MarkAlteration] = field(default_factory=dict)
    photos: tuple[PhotoUse, ...] | None = None
    unseen: tuple[str, ...] = ()
    searched_share: float = 1.0
    shown_by_photo: Mapping[str, tuple[float, ...]] | None = None
    gaps: frozenset[Gap] = frozenset()
    reviews: Complaints | None = None
    miss_rates: Mapping[str, float] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    unreadable_share: float = 0.0
    unreadable: str = ""
    other: OtherEvidence = NO_OTHER_EVIDENCE

    @cached_property
    def complaints(self) -> Complaints:
        """What the reviews say, whatever the brand; read when the first brand is judged."""
        return find_complaints(self.listing.reviews) if self.reviews is None else self.reviews

    @cached_property
    def pack(self) -> Pack:
        """What the title says is sold."""
        return pack(self.listing.title or "")

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of the title."""
        return title_words(self.listing.title)

    @cached_property
    def mentions_by_brand(self) -> Mapping[str, tuple[BrandMention, ...]]:
        """The mentions of each brand that is named."""
        by_brand: dict[str, list[BrandMention]] = {}
        for mention in self.mentions:
            by_brand.setdefault(mention.brand, []).append(mention)
        return {brand: tuple(mentions) for brand, mentions in by_brand.items()}

    def claimed_shown(self, brand: str) -> float:
        """Return the probability that the photos show the claimed brand, if it is another one than `brand`; else 0."""
        return self.shown.get(self.claimed or "", 0.0) if self.claimed != brand else 0.0

    def shown_apart(self, brand: str) -> float | None:
        """Return the probability that the photos show a brand, without photos that show the claimed brand too.

        A photo that shows both is weak evidence for the other one, and no evidence about other photos. None where
        nothing is known by photo.
        """
        if self.shown_by_photo is None:
            return None
        shown = self.shown_by_photo.get(brand, ())
        claimed = self.shown_by_photo.get(self.claimed or "", ()) if self.claimed != brand else ()
        apart = [p * (1.0 - c) for p, c in zip_longest(shown, claimed, fillvalue=0.0)]
        return max([*apart, self.shown.get(brand, 0.0) * (1.0 - self.claimed_shown(brand))])

    def candidates(self) -> list[str]:
        """Return the brands that are probably shown, claimed or named, sorted; a claim may be no registered brand."""
        named = {m.brand for m in self.mentions if m.probability >= SHOWN_FROM or m.kind in ("compatible", "style")}
        shown = {brand for brand, probability in self.shown.items() if probability >= SHOWN_FROM}
        return sorted(named | shown | ({self.claimed} if self.claimed else set()))


@dataclass(frozen=True)
class Judgement:
    """One candidate brand's score, and what could not be judged about it."""

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

    def judge(self, findings: Findings, brand_of: Callable[[str], Brand | None]) -> list[Judgement]:
        """Score each candidate, in the order of their names.

        Args:
            findings: What was found out about one listing.
            brand_of: Returns the registered brand of a name, None for an unregistered name.
        """
        judgements = []
        for name in findings.candidates():
            if brand := brand_of(name):
                case = self.case(findings, brand)
                score = self.score_with_doubts(case, findings)
                unjudged = f"price not judged for {name}: {case.price.reason}"
                skipped = (unjudged,) if case.price.anomaly is None else ()
                judgements.append(Judgement(name, case.shown, score, skipped, price_finding(case.price)))
        return judgements

    def score_with_doubts(self, case: Case, findings: Findings) -> Score:
        """Score one candidate, with every reason why a person should look at it."""
        score = self._score_of_what_was_read(case, findings)
        if score.band == "clear":
            excuses = self._blocked_but_for(case, score)
            doubt = (
                f"would be blocked if {' and '.join(excuses)}" if excuses else why_not_clear(self.score_model, score)
            )
            score = self.score(case, doubts=[doubt]) if doubt else score
        return at_least_reviewed(score, findings)

    def _score_of_what_was_read(self, case: Case, findings: Findings) -> Score:
        """Score one candidate in doubt about what the text that nobody could read says; the band never falls by it.

        Such text may show the claimed brand, so that `claimed_not_shown` counts less and less is judged. But a seller
        who adds a line in another script must not gain by it: a brand that is claimed and not surely shown goes to
        review, and what would be blocked without the line stays blocked.
        """
        score = self.score(case)
        if not case.unreadable_share:
            return score
        without = self.score(replace(case, unreadable_share=0.0))
        if without.band == "block" and score.band != "block":
            return without
        in_doubt = case.names_goods and (case.shown or 0.0) < SHOWN_FROM
        if score.band == "clear" and (in_doubt or without.band == "review"):
            return self.score(case, doubts=[findings.unreadable])
        return score

    def score(self, case: Case, doubts: Sequence[str] = (), *, credits: bool = True) -> Score:
        """Score one candidate; `doubts` are reasons why a person should look; without `credits` none counts."""
        left_out = CREDIT.keys() - (self.score_model.shapes.keys() if credits else set())  # older models have none
        signals = [s for function in self.signals if (s := function(case)) is not None and s.name not in left_out]
        return self.score_model.score(
            case.brand.name, signals, shown=case.shown, doubts=doubts, unreadable_share=case.unreadable_share
        )

    def _blocked_but_for(self, case: Case, score: Score) -> list[str]:
        """Return the conditions under which a candidate would be blocked; empty where it would not.

        Each condition contradicts only the seller's word, or silence. Saying "used", "for Acme", another brand or no
        price is cheap. It may lower the number, since most sellers who say so are honest, but a person looks at a
        listing that would be blocked without it.
        """
        listing = case.listing
        # without `claimed_not_shown`: what the library may have missed is no reason to assume the worst
        changes: dict[str, Any] = {"searched": False}
        excuses, further = [], []
        if case.used:
            listing = replace(listing, condition=None)
            excuses.append("the goods were new")
        if case.is_accessory:
            changes["mentions"] = tuple(m for m in case.mentions if m.kind != "compatible")
            excuses.append(f"the goods were {case.brand.name}'s own")
        if case.apart < (case.shown or 0.0):
            changes |= {"shown_apart": case.shown, "claimed_shown": 0.0}
            further.append(f"the photos of {case.claimed} did not count")
        if case.seller is None and case.brand.authorised_sellers:
            listing = replace(listing, seller_id=_UNKNOWN_SELLER)
            further.append("the seller were not authorised")
        if not (excuses or further):
            lowest_price = {"low_price": self.score_model.shapes.get("low_price", (0.0,))[-1]}
            if case.price.anomaly is not None and uncredited(score, lowest_price) < self.score_model.block_from:
                return []  # no price would block it, so that most listings need no further comparison
        if any(c.contribution < 0 for c in score.contributions):
            further.append("nothing spoke in its favour")
        goods_suspicious = any(c.contribution > 0 and c.signal in _GOODS_SIGNALS for c in score.contributions)
        worst = replace(case, listing=listing, **changes)
        if case.is_accessory and not goods_suspicious:
            worst = replace(worst, price=_ACCESSORY_PRICE)
        elif case.price.anomaly is None and case.price.has_references:
            worst = replace(worst, price=replace(case.price, anomaly=1.0))
            excuses.append("the price were low")
        elif case.price.anomaly is not None:
            size, words = pack(listing.title or ""), title_words(listing.title)  # first: of equal ones the first counts
            sold = product(dict.fromkeys((size, ONE)), dict.fromkeys((words, ())))
            judged = [(self._price(case.brand, listing, *one), one) for one in sold]
            lowest, (other_size, other_words) = max(judged, key=lambda j: j[0].anomaly or 0.0)
            if (lowest.anomaly or 0.0) > case.price.anomaly:
                worst = replace(worst, price=lowest)
                excuses += ["it were one piece of the usual size"] * (other_size != size)
                excuses += ["the title said nothing of the goods"] * (other_words != words)
        excuses += further
        return excuses if excuses and self.score(worst, credits=False).band == "block" else []

    def _price(self, brand: Brand, listing: Listing, size: Pack, words: tuple[str, ...]) -> PriceJudgement:
        return self.prices.judge_listing(brand, listing, size, words)

    def top(self, judgements: Sequence[Judgement], findings: Findings) -> Score:
        """Return the listing's score: that of its strictest candidate (`results.top_score`), else the band alone."""
        score = top_score([j.score for j in judgements]) or self.score_model.nothing(complete=not findings.gaps)
        if not findings.doubts:
            return score
        return replace(
            score, band="review" if score.band == "clear" else score.band, doubts=(*score.doubts, *findings.doubts)
        )

    def case(self, findings: Findings, brand: Brand) -> Case:
        """Return everything that is known about one candidate brand."""
        listing = findings.listing
        return Case(
            brand=brand,
            listing=listing,
            shown=findings.shown.get(brand.name, 0.0 if brand.name in findings.visible else None),
            claimed=findings.claimed,
            mentions=findings.mentions_by_brand.get(brand.name, ()),
            price=self._price(brand, listing, findings.pack, findings.words),
            coded=findings.coded,
            searched=brand.name in findings.visible,
            altered=findings.altered.get(brand.name),
            complaints=findings.complaints,
            photos=findings.photos,
            unseen=findings.unseen,
            claimed_shown=findings.claimed_shown(brand.name),
            searched_share=findings.searched_share,
            shown_apart=findings.shown_apart(brand.name),
            miss_rate=findings.miss_rates.get(brand.name, USUAL_MISS_RATE),
            unreadable_share=findings.unreadable_share,
            other=findings.other,
        )


def at_least_reviewed(score: Score, findings: Findings) -> Score:
    """Raise a clear band to "review" where something that could show or name a brand was not looked at."""
    if not findings.gaps or score.band != "clear":
        return score
    return replace(score, band="review", doubts=(*score.doubts, *findings.unseen))
