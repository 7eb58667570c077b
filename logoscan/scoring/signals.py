"""Evidence -> named signals, one plain function each.

A signal rises with suspicion, in [0, 1]. A function that lacks what it needs returns None: absent, not 0. A displayed
logo alone is no signal: genuine goods show it too; what does not add up is. A signal about the goods is weighted once
by how surely the listing passes as the brand's (`Case.presence`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from logoscan.images.phash import PhotoUse
from logoscan.odds import USUAL_MISS_RATE, revised
from logoscan.pricing.cohorts import USED
from logoscan.pricing.model import PriceJudgement, condition_of
from logoscan.results import Signal
from logoscan.text.attributes import contradictions
from logoscan.text.coded_terms import CodedUse
from logoscan.text.complaints import NO_REVIEWS, Complaints
from logoscan.types import Brand, BrandMention, Listing

__all__ = [
    "DEFAULT_SIGNALS",
    "NAME_MISS_RATE",
    "USUAL_MISS_RATE",
    "Case",
    "SignalFunction",
    "altered_logo",
    "claimed_not_shown",
    "claims_another_brand",
    "coded_terms",
    "contradicts_facts",
    "copied_photo",
    "lookalike_text",
    "low_price",
    "review_complaints",
    "seller_not_authorised",
    "shown_not_claimed",
    "withheld",
]


NAME_MISS_RATE = 0.5
"""The same for a brand that is registered by its name alone: its mark must be lettering, and legible."""
# Share of the listings that name a brand whose photos show its mark, as honest sellers' mostly do. Stated prior.
_SHOWN_WHERE_CLAIMED = 0.9
# Of a brand's name in the title, where the claim is another brand or none: "apple scent" is no Apple. Stated prior.
_DENIED = 0.3
# Of a price anomaly of used goods. Stated prior; not 0, since anyone may call goods used.
_USED = 0.25
# Of a signal about the mark or the facts where the words present the goods as being for the brand: sellers choose
# their words, and the photos surely show the mark. Stated prior.
_AS_ACCESSORY = 0.3
_SURELY_SHOWN = 0.9
# Of a brand's name in the title, where the listing states that it has no brand: as good a sign as a mark in the
# photos in half of the cases. Stated prior.
_NAMED = 0.5


# What is not looked at may be anything: all photos hidden count half of what can be said, one among five a tenth.
_HIDDEN_PHOTOS = 0.5
# What a field that is garbled could have said against the listing, as a share of the most; others could have said
# nothing. Stated priors.
_GARBLED = {
    "price": 0.5,
    "currency": 0.5,
    "title": 0.5,
    "description": 0.25,
    "claimed_brand": 0.25,
    "seller_id": 0.5,
    "attributes": 0.25,
    "condition": 0.25,
    "category": 0.25,
    "images": 0.25,
}
# A difference of probabilities below this is not told.
_TOLD = 0.005


@dataclass(frozen=True)
class Case:
    """Everything that is known about one candidate brand of one listing.

    Attributes:
        brand: The candidate.
        listing: As given.
        shown: Probability that the photos show the brand; None where that cannot be said.
        searched: The photos were searched for the brand's marks, so that what was not found is not shown in those that
            could be looked at.
        claimed: The registered brand that the listing claims, or its words where they name none; None unknown, "" none.
        mentions: Of this brand, in title, description, claim and photos.
        price: Judged against this brand's prices.
        coded: Coded terms in title, description, claim and photos, of whatever brand.
        altered: Probability of each thing that became of the brand's mark in the photos ("faithful", "mirrored", ...),
            summing to 1; None where that was not asked, or the mark is not surely there.
        complaints: What the listing's reviews say.
        claimed_shown: Probability that the photos show the brand that is claimed, where that is another one; else 0.
        photos: Who else uses each photo; None where no ledger was asked, or no photo has a hash.
        unseen: What of the listing could not be looked at, in words ("image 2 could not be read").
        searched_share: Share of the photos that could be looked at, in [0, 1].
        miss_rate: Share of the photos that show the brand's mark in which the search does not see it, in (0, 1]: as
            measured for this brand's registered logos, or the usual one.
        shown_apart: Probability that the photos show the brand, apart from those that show the claimed one too: the
            highest over photos; None where it is not known by photo.
    """

    brand: Brand
    listing: Listing
    shown: float | None
    claimed: str | None
    mentions: tuple[BrandMention, ...]
    price: PriceJudgement
    coded: tuple[CodedUse, ...] = ()
    searched: bool = False
    altered: Mapping[str, float] | None = None
    complaints: Complaints = NO_REVIEWS
    photos: tuple[PhotoUse, ...] | None = None
    claimed_shown: float = 0.0
    unseen: tuple[str, ...] = ()
    searched_share: float = 1.0
    shown_apart: float | None = None
    miss_rate: float = USUAL_MISS_RATE

    @property
    def is_accessory(self) -> bool:
        """The words present the goods as being for the brand ("for BRAND"), not of it; the title goes first."""
        titled = {m.kind for m in self.mentions if m.source == "title"}
        roles = titled or {m.kind for m in self.mentions if not m.source.startswith("image:")}
        return "compatible" in roles and "exact" not in roles and self.claimed != self.brand.name

    @property
    def has_text(self) -> bool:
        """There are words that could name a brand."""
        listing = self.listing
        return bool(listing.title or listing.description or listing.claimed_brand or self.mentions)

    @property
    def used(self) -> bool:
        """The listing states that its goods are used."""
        return condition_of(self.listing.condition) == USED

    @property
    def seller(self) -> str | None:
        """The merchant; None where unknown or blank."""
        return self.listing.seller_id if (self.listing.seller_id or "").strip() else None

    @property
    def titled(self) -> float:
        """How surely the title names the brand as the goods' own, in [0, 1]."""
        named = [m.probability for m in self.mentions if m.source == "title" and m.kind in ("exact", "near")]
        return max(named, default=0.0)

    @property
    def written(self) -> float:
        """How surely the listing's words, its title or an unregistered claim, name the brand as the goods' own."""
        claim = [m.probability for m in self.mentions if m.source == "claim" and m.kind in ("exact", "near")]
        title = self.titled
        if self.claimed is not None and not claim:
            title *= _DENIED  # the seller says that it is something else, and the word may mean something else
        return max([title, *claim])

    @property
    def presence(self) -> float:
        """How surely the listing passes as this brand's goods: shown, claimed, or named as such; in [0, 1].

        Where it claims and shows another brand, its mark may lie in the photo by chance.
        """
        if self.claimed == self.brand.name:
            return 1.0
        return max(self.apart, self.written)

    @property
    def apart(self) -> float:
        """How surely the photos show the brand where they do not show the one that is claimed, in [0, 1].

        A photo of the claimed brand explains a second mark in that photo, and none in another one.
        """
        if self.shown_apart is not None:
            return self.shown_apart
        return (self.shown or 0.0) * (1.0 - self.claimed_shown)

    @property
    def mark_weight(self) -> float | None:
        """What a signal about the mark counts: 1; less for an accessory that surely shows it, None for another one."""
        if not self.is_accessory:
            return 1.0
        return _AS_ACCESSORY if (self.shown or 0.0) > _SURELY_SHOWN else None


SignalFunction: TypeAlias = Callable[[Case], Signal | None]


def _count(number: int, noun: str) -> str:
    """A number with its noun, "1 seller" or "2 sellers"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(case: Case, probability: float, *, name: str | None = None) -> str:
    """Whether a photo shows the brand, in words that hold for the probability, which is told."""
    how = "is shown" if probability >= 0.5 else "may be shown" if probability >= 0.1 else "is not seen in the photos"
    return f"{name or case.brand.name} {how} (probability {probability:.2f})"


def low_price(case: Case) -> Signal | None:
    """The price lies far below what the brand's goods cost, weighted by how surely the listing passes as them.

    Used goods count a quarter: wear, defects and haste make them cheap, too. Abstains without a comparable price, and
    for accessories "for BRAND", whose prices are not the brand's.
    Known false alarms: clearance, broken or partial goods, single items out of multi-packs.
    """
    if case.price.anomaly is None or case.is_accessory:
        return None
    value = case.price.anomaly * case.presence * (_USED if case.used else 1.0)
    return Signal("low_price", value, case.price.reason)


def seller_not_authorised(case: Case) -> Signal | None:
    """The brand registered its sellers and this one is not among them.

    Abstains where the brand registered none, the seller is unknown, the goods are used, which no authorised seller
    offers, or an accessory "for BRAND".
    Known false alarms: private resale of genuine new goods.
    """
    sellers = case.brand.authorised_sellers
    if not sellers or case.seller is None or case.used or case.is_accessory:
        return None
    if case.seller in sellers:
        return Signal("seller_not_authorised", 0.0, f"{case.seller} is authorised by {case.brand.name}")
    why = f"{case.seller} is not among the {_count(len(sellers), 'seller')} that {case.brand.name} authorised"
    return Signal("seller_not_authorised", case.presence, why)


def shown_not_claimed(case: Case) -> Signal | None:
    """The photos show the brand or the title names it, and the listing states that it has none.

    Abstains where the claim is unknown or nothing can be said of the photos, and for accessories "for BRAND" unless
    their photos surely show the mark, where it counts 0.3.
    Known false alarms: second-hand bundles, a branded thing in the background, forms filled in carelessly, names that
    are words ("Apple scented candle"; so the title counts half).
    """
    weight = case.mark_weight
    if case.shown is None or case.claimed is None or weight is None:
        return None
    if case.claimed:
        return Signal("shown_not_claimed", 0.0, f"the listing claims {case.claimed}, so that it does claim a brand")
    named = _NAMED * case.titled
    found = _shown(case, case.shown) if case.shown >= named else f"the title names {case.brand.name}"
    return Signal("shown_not_claimed", weight * max(case.shown, named), f"{found}; the listing claims no brand")


def claims_another_brand(case: Case) -> Signal | None:
    """A photo shows the brand, and the listing claims another one that this photo does not show.

    Abstains where the claim is unknown, empty or a near miss of this brand (`lookalike_text` judges that), where
    nothing can be said of the photos, and for accessories "for BRAND" unless their photos surely show the mark, where
    it counts 0.3. A claim that names both brands claims this one, too. Known false alarms: a maker's name for a
    licensed mark; what else lies in the photo, where the mark that is claimed was missed.
    """
    misspelt = any(m.source == "claim" and m.kind == "near" for m in case.mentions)
    weight = case.mark_weight
    if case.shown is None or not case.claimed or misspelt or weight is None:
        return None
    if case.claimed == case.brand.name:
        return Signal("claims_another_brand", 0.0, f"{case.brand.name} is claimed")
    why = f"{_shown(case, case.apart)}; the listing claims {case.claimed}"
    if case.apart < case.shown - _TOLD:
        why += ", which is shown beside it"
    named = max((m.probability for m in case.mentions if m.source == "claim" and m.kind == "exact"), default=0.0)
    return Signal("claims_another_brand", weight * case.apart * (1.0 - named), why)


def claimed_not_shown(case: Case) -> Signal | None:
    """The listing claims the brand or names it in its title, and its photos show no mark: the goods are out of sight.

    Abstains where no photo could be looked at or the register cannot see the brand (it has no logo, or nothing tells
    what is near enough), where no word names it, where the listing claims another brand or none (`shown_not_claimed`
    and `claims_another_brand` judge that), and for accessories "for BRAND". Counts as far as the photos could be looked
    at, and no more than the search misses marks of this brand (`Case.miss_rate`): where it misses one of three, not
    seeing one is worth a likelihood ratio of three at most. A weak likeness, which would name nobody by itself, is
    mostly the mark where the seller names the brand, since most sellers are honest; so the probability is asked again
    with that in mind. Known false alarms: photos of details and of packed goods, marks that the search misses.
    """
    if case.shown is None or not case.searched or case.is_accessory:
        return None
    if case.claimed is not None and case.claimed != case.brand.name:
        return None
    written = 1.0 if case.claimed == case.brand.name else case.written
    if not written:
        return None
    why = f"{case.brand.name} is named, and {_shown(case, case.shown, name='it')}"
    absent = 1.0 - revised(case.shown, _SHOWN_WHERE_CLAIMED)
    bound = min(1.0, math.log(1.0 / max(case.miss_rate, 1e-9)) / math.log(1.0 / USUAL_MISS_RATE))
    return Signal("claimed_not_shown", written * absent * bound * case.searched_share, why)


def altered_logo(case: Case) -> Signal | None:
    """The brand's mark is mirrored, stretched or incomplete in the photos, on whatever goods.

    Abstains where the mark was not compared with its drawing. A mark that is as likely faithful as not counts nothing.
    Known false alarms: marks on folds and curves, worn prints, mirror selfies.
    """
    kinds = case.altered
    if not kinds:
        return None
    faithful = kinds.get("faithful", 0.0)
    worst = max((kind for kind in kinds if kind != "faithful"), key=lambda kind: kinds[kind], default="altered")
    value = max(0.0, 1.0 - 2.0 * faithful) * case.presence
    if not value:
        return Signal("altered_logo", 0.0, f"the mark of {case.brand.name} is as registered")
    return Signal("altered_logo", value, f"the mark of {case.brand.name} is {worst} (probability {1 - faithful:.2f})")


def lookalike_text(case: Case) -> Signal | None:
    """Title, claim or photos nearly spell the brand.

    Where the listing claims the brand, a word in its photos counts as far as these do not show the mark itself.
    Abstains where there is no text at all. Known false alarms: reading errors on stylised words, words of other
    languages that are a letter or two away from a name.
    """
    near = [m for m in case.mentions if m.kind == "near"]
    if not near:
        return Signal("lookalike_text", 0.0, "no word nearly spells the brand") if case.has_text else None
    worst = max(near, key=lambda m: m.probability)
    places = sorted({m.source for m in near})
    in_photos = any(p.startswith("image:") for p in places)
    in_words = not all(p.startswith("image:") for p in places)
    # the seller's words are one witness and the photos, where the reader may have slipped, half of another
    value = worst.probability if in_words else 0.5 * worst.probability
    if in_words and in_photos:
        value = 1.0 - (1.0 - value) * 0.5
    if not in_words and case.claimed == case.brand.name:  # beside the mark itself the reader has slipped
        value *= 1.0 - (case.shown or 0.0)
    why = f"{worst.text!r} nearly spells {case.brand.name} ({', '.join(places)})"
    return Signal("lookalike_text", value, why)


def coded_terms(case: Case) -> Signal | None:
    """The listing calls its goods a copy in the words of the trade, weighted by how surely it passes as the brand's.

    Different terms are taken as independent witnesses. Abstains where there is no text at all. For an accessory "for
    BRAND" it counts as far as its photos show the brand. Known false alarms: honest replicas outside of the table's
    contexts, see `coded`.
    """
    if not case.coded:
        return Signal("coded_terms", 0.0, "no coded term for a copy") if case.has_text else None
    strongest: dict[str, CodedUse] = {}
    for use in case.coded:
        if use.hit.term not in strongest or use.strength > strongest[use.hit.term].strength:
            strongest[use.hit.term] = use
    doubt = math.prod(1.0 - use.strength for use in strongest.values())
    told = sorted(strongest.values(), key=lambda use: (-use.strength, use.hit.term))
    why = "; ".join(f"{use.hit.why} ({use.source})" for use in told[:3])
    return Signal("coded_terms", (1.0 - doubt) * case.presence, why)


def contradicts_facts(case: Case) -> Signal | None:
    """The stated attributes contradict what the brand registered of its goods.

    Abstains where no attribute can be compared with a fact. Counts 0.3 for accessories "for BRAND", as far as their
    photos show the brand. Known false alarms: forms filled in carelessly, facts that hold for a part of the goods.
    """
    found = contradictions(case.listing.attributes, case.brand.facts)
    if found.value is None:
        return None
    why = "; ".join(one.why for one in found.found) or "the stated attributes agree with the registered facts"
    weight = _AS_ACCESSORY if case.is_accessory else 1.0
    return Signal("contradicts_facts", weight * found.value * case.presence, why)


def review_complaints(case: Case) -> Signal | None:
    """Buyers say in their reviews that the goods are fake, weighted by how surely the listing passes as the brand's.

    Abstains where no review says anything. For an accessory "for BRAND" it counts as far as its photos show the brand.
    Known false alarms: rivals' and mistaken reviews; one of many weighs little.
    """
    said = case.complaints
    if said.value is None:
        return None
    call = "calls" if len(said.found) == 1 else "call"
    why = f"{len(said.found)} of {_count(said.reviews, 'review')} {call} it fake"
    if not said.found:
        why = f"no complaint in {_count(said.reviews, 'review')}"
    return Signal("review_complaints", said.value * case.presence, why)


def copied_photo(case: Case) -> Signal | None:
    """Other sellers used a photo of the listing before, weighted by how surely it passes as the brand's.

    The most suspicious photo counts (`PhotoUse.weight`): whoever was seen with a photo first is not accused by those
    who came later, and sellers of unknown order count half. A photo that this brand published, or the one that
    the listing claims, is anyone's; those of other brands are not. One that very many sellers use is a stock photo and
    weighs little. An authorised seller may use the brand's photos.
    Where the listing names no seller, the photo may be that of any who uses it, so that all count half. For an
    accessory "for BRAND" it counts as far as its photos show the brand. Abstains where no photo was looked up.
    Known false alarms: an honest seller whose photo a copier posted before him; one merchant with two accounts; what
    one supplier gave to several shops.
    """
    if not case.photos:
        return None
    brand, seller = case.brand.name, case.seller
    if seller is not None and seller in case.brand.authorised_sellers:
        return Signal("copied_photo", 0.0, f"{seller} is authorised by {brand} and may use its photos")
    owners = {brand, case.claimed}  # an honest listing of a claimed brand's own photo may seem to show another one, too
    uses = [use for use in case.photos if owners.isdisjoint(use.official_of)]
    if seller is None:
        uses = [replace(use, earlier_sellers=0, later_sellers=0) for use in uses]
    worst = max(uses, key=lambda use: (use.weight, use.other_sellers), default=PhotoUse(0))
    if not worst.other_sellers:
        by = sorted({o for use in case.photos if use.other_sellers for o in use.official_of if o in owners})
        published = f"each photo that other sellers use was published by {' or '.join(by)}"
        why = published if by else "no photo is known to be used by another seller"
        return Signal("copied_photo", 0.0, why)
    return Signal("copied_photo", worst.weight * case.presence, _told_use(worst, seller is not None))


def _told_use(use: PhotoUse, has_seller: bool) -> str:
    """A use in words, without the ids of sellers: a reason is shown to people whom those do not concern."""
    n = use.other_sellers
    least = "at least " if use.at_least else ""
    number = f"{least}{n}{' other' if has_seller else ''} {'seller' if n == 1 else 'sellers'}"
    if not has_seller:
        return f"a photo is used by {number}; the listing does not say whose it is"
    orders = (
        (use.earlier_sellers, "seen before this one"),
        (use.later_sellers, "seen after this one"),
        (use.unordered_sellers, "in an order that is not known"),
    )
    return f"a photo is used by {number}: {', '.join(f'{least}{count} {order}' for count, order in orders if count)}"


def withheld(case: Case) -> Signal | None:
    """The seller hides or garbles what the listing would be judged by, weighted by how surely it passes as the brand's.

    Counts photos that could not be looked at, by their share; fields that are stated in a form that cannot be read; a
    price of 0, or in a currency in which none of the brand's known prices is; a seller's name of blanks. What is simply
    left out is no sign: honest listings have gaps. Abstains where nothing is hidden or garbled. The weights are stated
    priors. Known false alarms: broken uploads, careless imports.
    """
    found = [(_HIDDEN_PHOTOS * (1.0 - case.searched_share), line) for line in case.unseen[:1]]
    gone = [name for name in sorted(case.listing.dropped) if not getattr(case.listing, name, None)]
    found += [(_GARBLED.get(name, 0.0), f"{name} cannot be read") for name in gone]
    if case.listing.price == 0:
        found.append((_GARBLED["price"], "the price is 0"))
    elif case.listing.price and case.listing.currency and case.price.anomaly is None and case.price.has_references:
        found.append((_GARBLED["price"], f"the price is in {case.listing.currency}, which cannot be compared"))
    if case.listing.seller_id is not None and case.seller is None:
        found.append((_GARBLED["seller_id"], "the seller's id is blank"))
    found = [(weight, what) for weight, what in found if weight > 0]
    if not found:
        return None
    value = 1.0 - math.prod(1.0 - weight for weight, _ in found)
    return Signal("withheld", value * case.presence, "; ".join(what for _, what in found))


DEFAULT_SIGNALS: Sequence[SignalFunction] = (
    low_price,
    seller_not_authorised,
    shown_not_claimed,
    claims_another_brand,
    claimed_not_shown,
    altered_logo,
    lookalike_text,
    coded_terms,
    contradicts_facts,
    review_complaints,
    copied_photo,
    withheld,
)
