"""Evidence -> named signals, one plain function each.

A signal rises with suspicion, in [0, 1]. A function that lacks what it needs returns None: absent, not 0. A displayed
logo alone is no signal: genuine goods show it too; what does not add up is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from logoscan.coded import CodedUse
from logoscan.price import PriceJudgement
from logoscan.results import Signal
from logoscan.types import Brand, BrandMention, Listing

__all__ = [
    "DEFAULT_SIGNALS",
    "Case",
    "SignalFunction",
    "claims_another_brand",
    "coded_terms",
    "lookalike_text",
    "low_price",
    "seller_not_authorised",
    "shown_not_claimed",
]


_DENIED = 0.3
"""Of a brand's name in the title, where the claim is another brand or none: "apple scent" is no Apple. Stated prior."""


@dataclass(frozen=True)
class Case:
    """Everything that is known about one candidate brand of one listing.

    Attributes:
        brand: The candidate.
        listing: As given.
        shown: Probability that the photos show the brand; None where that cannot be said.
        claimed: The registered brand that the listing claims, or its words where they name none; None unknown, "" none.
        mentions: Of this brand, in title, description, claim and photos.
        price: Judged against this brand's prices.
        coded: Coded terms in title, description, claim and photos, of whatever brand.
    """

    brand: Brand
    listing: Listing
    shown: float | None
    claimed: str | None
    mentions: tuple[BrandMention, ...]
    price: PriceJudgement
    coded: tuple[CodedUse, ...] = ()

    @property
    def is_accessory(self) -> bool:
        """The words present the goods as being for the brand ("for BRAND"), not of it; the title goes first."""
        titled = {m.kind for m in self.mentions if m.source == "title"}
        roles = titled or {m.kind for m in self.mentions if not m.source.startswith("image:")}
        return "compatible" in roles and "exact" not in roles and self.claimed != self.brand.name

    @property
    def presence(self) -> float:
        """How surely the listing passes as this brand's goods: shown, claimed, or named as such; in [0, 1]."""
        if self.claimed == self.brand.name:
            return 1.0
        written = [m for m in self.mentions if m.kind in ("exact", "near")]
        claim = max((m.probability for m in written if m.source == "claim"), default=0.0)
        title = max((m.probability for m in written if m.source == "title"), default=0.0)
        if self.claimed is not None and not claim:
            title *= _DENIED  # the seller says that it is something else, and the word may mean something else
        return max(self.shown or 0.0, claim, title)


SignalFunction: TypeAlias = Callable[[Case], Signal | None]


def low_price(case: Case) -> Signal | None:
    """The price lies far below what the brand's goods cost, weighted by how surely the listing passes as them.

    Abstains without a comparable price, and for accessories "for BRAND", whose prices are not the brand's.
    Known false alarms: clearance, broken or partial goods, single items out of multi-packs.
    """
    if case.price.anomaly is None or case.is_accessory:
        return None
    return Signal("low_price", case.price.anomaly * case.presence, case.price.reason)


def seller_not_authorised(case: Case) -> Signal | None:
    """The brand registered its sellers and this one is not among them.

    Abstains where the brand registered none, the seller is unknown, or the goods are an accessory "for BRAND".
    Known false alarms: private resale of genuine goods.
    """
    sellers = case.brand.authorised_sellers
    if not sellers or case.listing.seller_id is None or case.is_accessory:
        return None
    if case.listing.seller_id in sellers:
        return Signal("seller_not_authorised", 0.0, f"{case.listing.seller_id} is authorised by {case.brand.name}")
    why = f"{case.listing.seller_id} is not among the {len(sellers)} sellers that {case.brand.name} authorised"
    return Signal("seller_not_authorised", case.presence, why)


def shown_not_claimed(case: Case) -> Signal | None:
    """The photos show the brand, and the listing states that it has none.

    Abstains where the claim or the evidence in the photos is unknown, and for accessories "for BRAND".
    Known false alarms: second-hand bundles, a branded thing in the background.
    """
    if case.shown is None or case.claimed is None or case.is_accessory:
        return None
    unclaimed = case.claimed == ""
    why = "the listing claims no brand" if unclaimed else f"the listing claims {case.claimed}"
    return Signal("shown_not_claimed", case.shown if unclaimed else 0.0, f"{case.brand.name} is shown; {why}")


def claims_another_brand(case: Case) -> Signal | None:
    """The photos show the brand, and the listing claims another one.

    Abstains where the claim is unknown, empty or a near miss of this brand (`lookalike_text` judges that), and where
    nothing can be said of the photos.
    Known false alarms: collaborations of two brands, a maker's name for a licensed mark.
    """
    misspelt = any(m.source == "claim" and m.kind == "near" for m in case.mentions)
    if case.shown is None or not case.claimed or misspelt or case.is_accessory:
        return None
    other = case.claimed != case.brand.name
    why = f"{case.brand.name} is shown; the listing claims {case.claimed}"
    return Signal("claims_another_brand", case.shown if other else 0.0, why)


def lookalike_text(case: Case) -> Signal | None:
    """Title, claim or photos nearly spell the brand.

    Abstains where there is no text at all. Known false alarms: reading errors on stylised words, words of other
    languages that are a letter away from a name.
    """
    near = [m for m in case.mentions if m.kind == "near"]
    if not near:
        has_text = bool(case.listing.title or case.listing.description or case.mentions)
        return Signal("lookalike_text", 0.0, "no word nearly spells the brand") if has_text else None
    worst = max(near, key=lambda m: m.probability)
    places = sorted({m.source for m in near})
    in_photos = any(p.startswith("image:") for p in places)
    in_words = not all(p.startswith("image:") for p in places)
    # the seller's words are one witness and the photos, where the reader may have slipped, half of another
    value = worst.probability if in_words else 0.5 * worst.probability
    if in_words and in_photos:
        value = 1.0 - (1.0 - value) * 0.5
    why = f"{worst.text!r} nearly spells {case.brand.name} ({', '.join(places)})"
    return Signal("lookalike_text", value, why)


def coded_terms(case: Case) -> Signal | None:
    """The listing calls its goods a copy in the words of the trade, weighted by how surely it passes as the brand's.

    Different terms are taken as independent witnesses. Abstains where there is no text at all, and for accessories "for
    BRAND". Known false alarms: honest replicas outside of the table's contexts, see `coded`.
    """
    if case.is_accessory:
        return None
    if not case.coded:
        has_text = bool(case.listing.title or case.listing.description or case.listing.claimed_brand or case.mentions)
        return Signal("coded_terms", 0.0, "no coded term for a copy") if has_text else None
    strongest: dict[str, CodedUse] = {}
    for use in case.coded:
        if use.hit.term not in strongest or use.strength > strongest[use.hit.term].strength:
            strongest[use.hit.term] = use
    doubt = math.prod(1.0 - use.strength for use in strongest.values())
    told = sorted(strongest.values(), key=lambda use: (-use.strength, use.hit.term))
    why = "; ".join(f"{use.hit.why} ({use.source})" for use in told[:3])
    return Signal("coded_terms", (1.0 - doubt) * case.presence, why)


DEFAULT_SIGNALS: Sequence[SignalFunction] = (
    low_price,
    seller_not_authorised,
    shown_not_claimed,
    claims_another_brand,
    lookalike_text,
    coded_terms,
)
