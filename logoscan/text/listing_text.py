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

from logoscan.evidence import Contact
from logoscan.text.brand_names import NameIndex, says_no_brand
from logoscan.text.coded_terms import CodedUse, find_coded
from logoscan.text.complaints import NO_REVIEWS, Complaints, find_complaints
from logoscan.text.contacts import find_contacts
from logoscan.text.specs import PhotoLine
from logoscan.types import BrandMention, Listing, TextField, TextSource, TextSpans, source_name

__all__ = [
    "GATE_CAPS",
    "SCAN_CAPS",
    "Caps",
    "ListingText",
    "TextFindings",
    "claim_of",
    "search_photo_text",
    "search_text",
]


@dataclass(frozen=True)
class Caps:
    """How many characters of a listing's words are judged at most.

    Attributes:
        fields: Characters of each text, by field.
        reviews: Characters of all reviews together.
    """

    fields: Mapping[str, int]
    reviews: int


_SHORT_FIELDS = {"claimed_brand": 1_000, "category": 1_000, "condition": 1_000}
SCAN_CAPS = Caps(MappingProxyType({"title": 20_000, "description": 20_000, **_SHORT_FIELDS}), 500_000)
"""Caps of a scan; marketplaces allow a twentieth."""
GATE_CAPS = Caps(MappingProxyType({"title": 500, "description": 5_000, **_SHORT_FIELDS}), 50_000)
"""Caps before posting, where a person or a program waits: what the largest marketplaces allow, and so many reviews that
more change little."""

# One character can stand for 18 letters (U+FDFA). So a text may hold this many letters for each character of its cap.
_LETTERS_PER_CHAR = 2
# Characters of one review and number of reviews that `find_complaints` reads.
_MAX_REVIEW_CHARS, _MAX_REVIEWS = 5_000, 10_000
# Fields that may name a brand; a category or a condition that is cut hides none.
_NAMING_FIELDS = ("title", "description", "claimed_brand")


@dataclass(frozen=True)
class TextFindings:
    """What one text says, or all lines of one photo.

    Attributes:
        mentions: Registered brands that it names.
        coded: Coded terms.
        contacts: Contacts.
        lines: The lines themselves, of a photo, each once.
    """

    mentions: tuple[BrandMention, ...] = ()
    coded: tuple[CodedUse, ...] = ()
    contacts: tuple[Contact, ...] = ()
    lines: tuple[PhotoLine, ...] = ()


def search_text(text: str, source: TextField, names: NameIndex, region: str | None = None) -> TextFindings:
    """Return the brands, coded terms and contacts in one text of a listing.

    Args:
        text: The text.
        source: The field that it stands in.
        names: Names of the registered brands.
        region: Country whose phone numbers are probable.
    """
    coded = tuple(CodedUse(source, hit) for hit in find_coded(text))
    return TextFindings(tuple(names.find(text, source)), coded, find_contacts(text, region))


def search_photo_text(spans: TextSpans, image: int, names: NameIndex, region: str | None = None) -> TextFindings:
    """Return the brands, coded terms and contacts in the lines of one photo, and the lines.

    Brands and coded terms count by any reading of a line. Contacts, and the lines themselves, are those of the first
    readings: of two numbers or names that a line was read as, one is wrong, and each would count.

    Args:
        spans: The lines.
        image: Position of the photo in its listing.
        names: Names of the registered brands.
        region: Country whose phone numbers are probable.
    """
    first = spans.first_readings()
    lines = tuple(map(PhotoLine, first.texts, first.confidence.tolist()))
    coded = [
        CodedUse(source_name(image), hit, min(1.0, confidence))
        for text, confidence in zip(spans.texts, spans.confidence.tolist(), strict=True)
        for hit in find_coded(text)
    ]
    contacts = find_contacts("\n".join(first.texts), region)
    return TextFindings(tuple(names.find_in_spans(spans, image)), tuple(coded), contacts, lines)


@dataclass(frozen=True, eq=False)
class ListingText:
    """What the texts of a listing say, as far as they were read.

    Attributes:
        listing: The listing as given.
        capped: The listing with as much of its words as is judged.
        judged: The capped listing without the texts that were not read.
        cut: What is left out because it is too long, in words, by field.
        claimed: The registered brand that is claimed, or the claim's own words; None if unknown, "" for none.
        by_source: What each text says, by the field or the position of the photo that it stands in.
        complaints: What the reviews say; None where they are read when a brand is judged.
    """

    listing: Listing
    capped: Listing
    judged: Listing
    cut: Mapping[str, str]
    claimed: str | None
    by_source: Mapping[TextSource, TextFindings] = field(default_factory=dict)
    complaints: Complaints | None = None

    @classmethod
    def of(cls, listing: Listing, names: NameIndex, caps: Caps = SCAN_CAPS) -> ListingText:
        """Read all texts but the reviews, which are read where a brand is judged."""
        short = cls.of_title_and_claim(listing, names, caps)
        return replace(short.with_description(names), judged=short.capped, complaints=None)

    @classmethod
    def of_title_and_claim(cls, listing: Listing, names: NameIndex, caps: Caps) -> ListingText:
        """Read the title and the claim alone."""
        capped, cut = _truncate(listing, caps)
        texts: dict[TextField, str | None] = {"title": capped.title, "claim": capped.claimed_brand}
        by_source: dict[TextSource, TextFindings] = {
            source: search_text(text, source, names, capped.ships_from) for source, text in texts.items() if text
        }
        bare = replace(capped, description=None, reviews=())
        return cls(listing, capped, bare, cut, claim_of(capped, names), by_source, NO_REVIEWS)

    def with_description(self, names: NameIndex) -> ListingText:
        """Read the description as well."""
        text = self.capped.description
        by_source = dict(self.by_source)
        if text:
            by_source["description"] = search_text(text, "description", names, self.capped.ships_from)
        return replace(self, judged=replace(self.judged, description=text), by_source=by_source)

    def with_reviews(self) -> ListingText:
        """Read the reviews as well."""
        reviews = self.capped.reviews
        return replace(self, judged=replace(self.judged, reviews=reviews), complaints=find_complaints(reviews))

    def with_photos(self, photos: Mapping[int, TextFindings]) -> ListingText:
        """Add what the lines of photos say, by their positions; this replaces earlier findings of these photos."""
        by_source = dict(self.by_source)
        for image, findings in photos.items():
            by_source[image] = findings
        return replace(self, by_source=by_source)

    def without_photos(self, images: Collection[int]) -> ListingText:
        """Leave out what some photos say, given by their positions."""
        kept = {source: findings for source, findings in self.by_source.items() if source not in images}
        return replace(self, by_source=kept)

    @property
    def unread(self) -> tuple[str, ...]:
        """Texts that were not read: "description", "reviews" or both."""
        return tuple(n for n in ("description", "reviews") if getattr(self.capped, n) and not getattr(self.judged, n))

    @property
    def dropped(self) -> tuple[str, ...]:
        """Fields that could have shown or named a brand, and could not be read."""
        return tuple(sorted({"images", *_NAMING_FIELDS} & self.listing.dropped.keys()))

    @property
    def hidden(self) -> tuple[str, ...]:
        """What was cut of texts that could name a brand, in words."""
        return tuple(note for name, note in self.cut.items() if name in _NAMING_FIELDS)

    def size_of(self, name: str) -> int:
        """Return the number of characters of a text that is judged, or of all reviews."""
        text: str | tuple[str, ...] = getattr(self.capped, name) or ""
        return len(text) if isinstance(text, str) else sum(map(len, text))

    @cached_property
    def mentions(self) -> tuple[BrandMention, ...]:
        """Registered brands that are named, most probable first."""
        mentions = [mention for findings in self.by_source.values() for mention in findings.mentions]
        return tuple(sorted(mentions, key=lambda m: (-m.probability, m.brand, m.source, m.kind)))

    @property
    def coded(self) -> tuple[CodedUse, ...]:
        """Coded terms in words and photos."""
        return tuple(use for findings in self.by_source.values() for use in findings.coded)

    @property
    def contacts(self) -> tuple[tuple[str, Contact], ...]:
        """Contacts in words and photos, each with the name of the source that it stands in."""
        return tuple((source_name(source), c) for source, found in self.by_source.items() for c in found.contacts)

    @property
    def photo_lines(self) -> tuple[PhotoLine, ...]:
        """All lines that were read in photos."""
        return tuple(line for findings in self.by_source.values() for line in findings.lines)


def claim_of(listing: Listing, names: NameIndex) -> str | None:
    """Return the registered brand that is claimed, or the claim's own words; None if unknown, "" if none.

    A claim such as "unbranded" states that there is none.
    """
    claim = listing.claimed_brand
    if claim is None or says_no_brand(claim):
        return None if claim is None else ""
    return names.resolve(claim) or claim.strip()


def _truncate(listing: Listing, caps: Caps) -> tuple[Listing, Mapping[str, str]]:
    """Return the listing with as much of its words as is judged, and what was left out of each field, in words.

    A text that nobody would read could otherwise cost as much as a thousand listings.
    """
    cut: dict[str, Any] = {}
    notes = {}
    for name, most in caps.fields.items():
        text = getattr(listing, name) or ""
        if (kept := _truncate_text(text, most)) != text:
            cut[name] = kept
            cap = f"{most}" if len(text) > most else f"{_LETTERS_PER_CHAR * most} letters that they stand for"
            notes[name] = f"{name}: the end of {len(text)} characters: over the cap of {cap}"
    n, reviews = len(listing.reviews), _kept_reviews(listing.reviews, caps.reviews)
    if len(reviews) < n:
        cut["reviews"] = reviews
        notes["reviews"] = f"reviews: the last {n - len(reviews)} of {n}: over the cap of {caps.reviews} characters"
    return (replace(listing, **cut) if cut else listing), notes


def _kept_reviews(reviews: Sequence[str], most: int) -> tuple[str, ...]:
    """Return the first reviews, as many as have `most` characters together."""
    sizes = accumulate(min(len(review), _MAX_REVIEW_CHARS) for review in reviews[:_MAX_REVIEWS])
    return tuple(reviews[: sum(size <= most for size in sizes)])


def _truncate_text(text: str, most: int) -> str:
    """Return the first `most` characters of a text, and fewer where many of them are several letters in one."""
    kept = text[:most]
    if kept.isascii():
        return kept
    letters = accumulate(len(unicodedata.normalize("NFKC", c)) for c in kept)
    return kept[: sum(n <= _LETTERS_PER_CHAR * most for n in letters)]
