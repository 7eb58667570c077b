"""Everything that is known about one candidate brand of one listing: what the signals are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from logoscan.evidence import Code, Contact, Declaration
from logoscan.images.phash import PhotoUse
from logoscan.odds import BASE_RATE, USUAL_MISS_RATE
from logoscan.pricing.cohorts import USED
from logoscan.pricing.model import PriceJudgement, condition_of
from logoscan.text.coded_terms import CodedUse
from logoscan.text.complaints import NO_REVIEWS, Complaints
from logoscan.text.specs import PhotoLine
from logoscan.types import Brand, BrandMention, Listing, MarkAlteration

__all__ = ["ACCESSORY_WEIGHT", "NO_OTHER_EVIDENCE", "Case", "OtherEvidence"]

ACCESSORY_WEIGHT = 0.3
"""Weight of a signal about the mark or the facts where the words present the goods as being for the brand: sellers
choose their words, and the photos certainly show the mark. Stated prior."""
# Probability of being shown from which such a mark counts.
_ACCESSORY_SHOWN_FROM = 0.9
# Weight of a brand's name in the title where the claim is another brand or none: "apple scent" is no Apple. Stated
# prior.
_DENIED_WEIGHT = 0.3


@dataclass(frozen=True)
class OtherEvidence:
    """What a listing holds beside marks, names and prices; empty where nothing was found, or looked for.

    Attributes:
        contacts: Contacts in words, photos and codes, each with the name of its source ("title", "image:0", "code:0").
        codes: Codes in the photos.
        declared: What the files of the photos declare about their origin.
        photo_lines: Lines of text in the photos.
        serial_uses: Number of other listings that show the serial of a code, by serial.
        own_photo: Probability that a photo which the seller took on request shows a brand's logo, by brand; nobody else
            uses that photo.
    """

    contacts: tuple[tuple[str, Contact], ...] = ()
    codes: tuple[Code, ...] = ()
    declared: tuple[Declaration, ...] = ()
    photo_lines: tuple[PhotoLine, ...] = ()
    serial_uses: Mapping[str, int] = field(default_factory=dict)
    own_photo: Mapping[str, float] = field(default_factory=dict)


NO_OTHER_EVIDENCE = OtherEvidence()
"""Nothing beside marks, names and prices."""


@dataclass(frozen=True)
class Case:
    """Everything that is known about one candidate brand of one listing.

    Attributes:
        brand: The candidate.
        listing: The listing as given.
        shown: Probability that the photos show the brand; None where that cannot be said.
        searched: Whether the photos were searched for the brand's marks, so that a mark without evidence is not shown
            in the photos that could be looked at.
        claimed: The registered brand that the listing claims, or its words where they name none; None if unknown, ""
            for none.
        mentions: Mentions of this brand in title, description, claim and photos.
        price: The price, judged against this brand's prices.
        coded: Coded terms in title, description, claim and photos, whatever the brand.
        altered: What became of the brand's mark in the photos; None where that was not asked, or the mark is not
            certain.
        complaints: What the listing's reviews say.
        claimed_shown: Probability that the photos show the claimed brand, where that is another one; else 0.
        photos: Other uses of each photo; None where no ledger was asked, or no photo has a hash.
        unseen: What of the listing could not be looked at, in words ("image 2 could not be read").
        searched_share: Share of the photos that could be looked at, in [0, 1].
        miss_rate: Share of the photos that show the brand's mark in which the search misses it, in (0, 1]: as measured
            for this brand's registered logos, or the usual one.
        shown_apart: Probability that the photos show the brand, without the photos that show the claimed brand too: the
            highest over photos; None where it is not known by photo.
        unreadable_share: Share of the text in the photos, by area, that no engine could read, in [0, 1].
        other: What else the listing holds: codes, contacts, print, declarations.
    """

    brand: Brand
    listing: Listing
    shown: float | None
    claimed: str | None
    mentions: tuple[BrandMention, ...]
    price: PriceJudgement
    coded: tuple[CodedUse, ...] = ()
    searched: bool = False
    altered: MarkAlteration | None = None
    complaints: Complaints = NO_REVIEWS
    photos: tuple[PhotoUse, ...] | None = None
    claimed_shown: float = 0.0
    unseen: tuple[str, ...] = ()
    searched_share: float = 1.0
    shown_apart: float | None = None
    miss_rate: float = USUAL_MISS_RATE
    unreadable_share: float = 0.0
    other: OtherEvidence = NO_OTHER_EVIDENCE

    @property
    def is_accessory(self) -> bool:
        """Whether the words present the goods as being for the brand ("for BRAND"), not made by it.

        The title goes first.
        """
        title_roles = {m.kind for m in self.mentions if m.source == "title"}
        roles = title_roles or {m.kind for m in self.mentions if m.image is None}
        return "compatible" in roles and "exact" not in roles and self.claimed != self.brand.name

    @property
    def has_text(self) -> bool:
        """Whether there are words that could name a brand; a reading below the base rate is none, and in no report."""
        listing = self.listing
        words = listing.title or listing.description or listing.claimed_brand
        return bool(words) or any(mention.probability >= BASE_RATE for mention in self.mentions)

    @property
    def used(self) -> bool:
        """Whether the listing states that its goods are used."""
        return condition_of(self.listing.condition) == USED

    @property
    def seller(self) -> str | None:
        """The merchant; None where unknown or blank."""
        return self.listing.seller_id if (self.listing.seller_id or "").strip() else None

    @property
    def titled(self) -> float:
        """Probability that the title names the brand as that of the goods, in [0, 1]."""
        in_title = [m.probability for m in self.mentions if m.source == "title" and m.kind in ("exact", "near")]
        return max(in_title, default=0.0)

    @property
    def written(self) -> float:
        """Probability that the words, the title or an unregistered claim, name the brand as that of the goods."""
        claim = [m.probability for m in self.mentions if m.source == "claim" and m.kind in ("exact", "near")]
        title = self.titled
        if self.claimed is not None and not claim:
            title *= _DENIED_WEIGHT  # the seller says that it is something else, and the word may mean something else
        return max([title, *claim])

    @property
    def names_goods(self) -> bool:
        """Whether the words, the claim before the title, say that the goods are this brand's."""
        if self.is_accessory:
            return False
        return self.claimed == self.brand.name or (self.claimed is None and self.written > 0)

    @property
    def presence(self) -> float:
        """Probability that the listing passes as this brand's goods: shown, claimed, or named as such; in [0, 1].

        Where it claims and shows another brand, this brand's mark may lie in the photo by chance.
        """
        if self.claimed == self.brand.name:
            return 1.0
        return max(self.apart, self.written)

    @property
    def apart(self) -> float:
        """Probability that the photos show the brand where they do not show the claimed one, in [0, 1].

        A photo of the claimed brand explains a second mark in that photo, and none in another photo.
        """
        if self.shown_apart is not None:
            return self.shown_apart
        return (self.shown or 0.0) * (1.0 - self.claimed_shown)

    @property
    def mark_weight(self) -> float | None:
        """Weight of a signal about the mark: 1; less for an accessory that certainly shows it, None for others."""
        if not self.is_accessory:
            return 1.0
        return ACCESSORY_WEIGHT if (self.shown or 0.0) > _ACCESSORY_SHOWN_FROM else None
