"""What the words of a listing and of its photos say, each text read once: brands, coded terms, complaints.

Knows words and names; knows no pictures, prices or scores.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from types import MappingProxyType
from typing import Any

from logoscan.text.brand_names import NO_BRAND, NameIndex, fold
from logoscan.text.coded_terms import CodedUse, find_coded
from logoscan.text.complaints import NO_REVIEWS, Complaints, find_complaints
from logoscan.types import BrandMention, Listing, TextSpans

__all__ = ["GATE_CAPS", "SCAN_CAPS", "Caps", "ListingText", "Said", "claim_of", "said_in", "said_in_photo"]


@dataclass(frozen=True)
class Caps:
    """Most characters of a listing's words that are judged.

    Attributes:
        fields: Of each text.
        reviews: Of all reviews together.
    """

    fields: Mapping[str, int]
    reviews: int


_SHORT = {"claimed_brand": 1_000, "category": 1_000, "condition": 1_000}
SCAN_CAPS = Caps(MappingProxyType({"title": 20_000, "description": 20_000, **_SHORT}), 500_000)
"""Of a scan; marketplaces allow a twentieth."""
GATE_CAPS = Caps(MappingProxyType({"title": 500, "description": 5_000, **_SHORT}), 50_000)
"""Before posting, where a person or a program waits: what the largest marketplaces allow, and so many reviews that more
change little."""

# A character can stand for 18 letters (U+FDFA): a text may be so many times as long as its cap in letters.
_GROWTH = 2
# Of the reviews: as many of one and of all as `find_complaints` reads.
_ONE_REVIEW, _REVIEWS = 5_000, 10_000
# A brand may be named here; a category or a condition that is cut hides none.
_NAMING = ("title", "description", "claimed_brand")


@dataclass(frozen=True)
class Said:
    """What one text says, or all lines of one photo.

    Attributes:
        mentions: Registered brands that it names.
        coded: Coded terms.
    """

    mentions: tuple[BrandMention, ...] = ()
    coded: tuple[CodedUse, ...] = ()


def said_in(text: str, source: str, names: NameIndex) -> Said:
    """Read one text of a listing; `source` is "title", "description" or "claim"."""
    return Said(tuple(names.find(text, source)), tuple(CodedUse(source, hit) for hit in find_coded(text)))


def said_in_photo(spans: TextSpans, image: int, names: NameIndex) -> Said:
    """Read the lines of one photo, of this position in its listing."""
    source = f"image:{image}"
    coded = [
        CodedUse(source, hit, min(1.0, sure))
        for text, sure in zip(spans.texts, spans.confidence.tolist(), strict=True)
        for hit in find_coded(text)
    ]
    return Said(tuple(names.find_in_spans(spans, source)), tuple(coded))


@dataclass(frozen=True, eq=False)
class ListingText:
    """What the texts of a listing say, as far as they were read.

    Attributes:
        listing: As given.
        capped: With as much of its words as is judged.
        judged: The same without the texts that were not read.
        cut: What is left out for being too long, in words, by field.
        claimed: The registered brand that is claimed, or the claim's own words; None unknown, "" none.
        said: By source ("title", "description", "claim", "image:0").
        complaints: What the reviews say; None where they are read when a brand is judged.
    """

    listing: Listing
    capped: Listing
    judged: Listing
    cut: Mapping[str, str]
    claimed: str | None
    said: Mapping[str, Said] = field(default_factory=dict)
    complaints: Complaints | None = None

    @classmethod
    def of(cls, listing: Listing, names: NameIndex, caps: Caps = SCAN_CAPS) -> ListingText:
        """Read all texts but the reviews, which are read where a brand is judged."""
        begun = cls.begun(listing, names, caps)
        return replace(begun.described(names), judged=begun.capped, complaints=None)

    @classmethod
    def begun(cls, listing: Listing, names: NameIndex, caps: Caps) -> ListingText:
        """Read the title and the claim alone."""
        capped, cut = _shortened(listing, caps)
        texts = {"title": capped.title, "claim": capped.claimed_brand}
        said = {source: said_in(text, source, names) for source, text in texts.items() if text}
        bare = replace(capped, description=None, reviews=())
        return cls(listing, capped, bare, cut, claim_of(capped, names), said, NO_REVIEWS)

    def described(self, names: NameIndex) -> ListingText:
        """Read the description as well."""
        text = self.capped.description
        said = {**self.said, "description": said_in(text, "description", names)} if text else self.said
        return replace(self, judged=replace(self.judged, description=text), said=said)

    def reviewed(self) -> ListingText:
        """Read the reviews as well."""
        kept = self.capped.reviews
        return replace(self, judged=replace(self.judged, reviews=kept), complaints=find_complaints(kept))

    def with_photos(self, photos: Mapping[int, Said]) -> ListingText:
        """Add what the lines of photos say, by position; it takes the place of what was known of those."""
        return replace(self, said={**self.said, **{f"image:{i}": said for i, said in photos.items()}})

    def without_photos(self, images: Collection[int]) -> ListingText:
        """Leave out what some photos say."""
        left_out = {f"image:{i}" for i in images}
        return replace(self, said={source: said for source, said in self.said.items() if source not in left_out})

    @property
    def unread(self) -> tuple[str, ...]:
        """Texts that were not read: "description", "reviews" or both."""
        return tuple(n for n in ("description", "reviews") if getattr(self.capped, n) and not getattr(self.judged, n))

    @property
    def dropped(self) -> tuple[str, ...]:
        """Fields that could have shown or named a brand, and could not be read."""
        return tuple(sorted({"images", *_NAMING} & self.listing.dropped.keys()))

    @property
    def hidden(self) -> tuple[str, ...]:
        """What was cut of texts that could name a brand, in words."""
        return tuple(note for name, note in self.cut.items() if name in _NAMING)

    def size_of(self, name: str) -> int:
        """Characters of a text that is judged, or of all reviews."""
        text: str | tuple[str, ...] = getattr(self.capped, name) or ""
        return len(text) if isinstance(text, str) else sum(map(len, text))

    @cached_property
    def mentions(self) -> tuple[BrandMention, ...]:
        """Registered brands that are named, surest first."""
        found = [mention for said in self.said.values() for mention in said.mentions]
        return tuple(sorted(found, key=lambda m: (-m.probability, m.brand, m.source, m.kind)))

    @property
    def coded(self) -> tuple[CodedUse, ...]:
        """Coded terms in words and photos."""
        return tuple(use for said in self.said.values() for use in said.coded)


def claim_of(listing: Listing, names: NameIndex) -> str | None:
    """The registered brand that is claimed, or the claim's own words; None unknown, "" none ("unbranded" too)."""
    claim = listing.claimed_brand
    if claim is None or fold(claim) in NO_BRAND:
        return None if claim is None else ""
    return names.resolve(claim) or claim.strip()


def _shortened(listing: Listing, caps: Caps) -> tuple[Listing, Mapping[str, str]]:
    """The listing with as much of its words as is judged, and what was left out of which field, in words.

    A text that nobody would read could otherwise cost as much as a thousand listings.
    """
    cut: dict[str, Any] = {}
    notes = {}
    for name, most in caps.fields.items():
        text = getattr(listing, name) or ""
        if (kept := _bounded(text, most)) != text:
            cut[name] = kept
            cap = f"{most}" if len(text) > most else f"{_GROWTH * most} letters that they stand for"
            notes[name] = f"{name}: the end of {len(text)} characters: over the cap of {cap}"
    n, reviews = len(listing.reviews), _kept_reviews(listing.reviews, caps.reviews)
    if len(reviews) < n:
        cut["reviews"] = reviews
        notes["reviews"] = f"reviews: the last {n - len(reviews)} of {n}: over the cap of {caps.reviews} characters"
    return (replace(listing, **cut) if cut else listing), notes


def _kept_reviews(reviews: Sequence[str], most: int) -> tuple[str, ...]:
    sizes = accumulate(min(len(review), _ONE_REVIEW) for review in reviews[:_REVIEWS])
    return tuple(reviews[: sum(size <= most for size in sizes)])


def _bounded(text: str, most: int) -> str:
    """The start of a text, of `most` characters, and of fewer where many of them are several letters in one."""
    kept = text[:most]
    if kept.isascii():
        return kept
    letters = accumulate(len(unicodedata.normalize("NFKC", c)) for c in kept)
    return kept[: sum(n <= _GROWTH * most for n in letters)]
