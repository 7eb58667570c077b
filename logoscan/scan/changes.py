"""What changed between two reports of one listing, and whether a new look is needed: for feeds that resend everything.

Sellers get a harmless listing approved and then swap its goods. Most changes are honest: a new price in a sale, a
better title, one photo more, photos saved again. So each change is graded: it may be no change of the goods, ask for a
look at the new photos alone, or for a full look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.images.phash import MATCH_BITS
from logoscan.results import ImageRecord, ListingFacts, Report
from logoscan.text.folding import fold
from logoscan.text.tokens import fold_words
from logoscan.types import Listing

__all__ = ["Change", "ChangedField", "ListingChange", "Look", "compare_reports"]

ChangedField: TypeAlias = Literal["photos", "brand", "name", "category", "price", "condition", "seller"]
"""What changed: the photos, the stated brand, the title, the category, the price, the condition, the seller."""
Look: TypeAlias = Literal["none", "new photos", "full"]
"""What should be looked at again: nothing, only the photos that are new, or the listing as if it were new."""

_ORDER: tuple[Look, ...] = ("none", "new photos", "full")
# Titles of one thing share this part of the words of the shorter one; sellers add words, and take some away.
_SAME_WORDS = 0.34
# A price may fall to this share or rise to its reciprocal: sales reach 70 %.
_LOWEST_PRICE = 0.25
# Bits by which the hashes of one photo may differ after it was saved again or its edges were cut; those of different
# photos differ by 128, and by 90 at least.
_SAME_BITS = 2 * MATCH_BITS


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        field: What changed.
        look: What it asks for.
        why: The change, as a sentence without a full stop.
    """

    field: ChangedField
    look: Look
    why: str


@dataclass(frozen=True)
class ListingChange:
    """What changed between two reports of a listing.

    Attributes:
        changes: The changes, those that ask for most first; empty where nothing changed.
        new_images: Positions of the photos of the new report that the old one does not have.
    """

    changes: tuple[Change, ...]
    new_images: tuple[int, ...] = ()

    @property
    def look(self) -> Look:
        """What should be looked at again: the most that any change asks for."""
        return max((change.look for change in self.changes), key=_ORDER.index, default="none")

    @property
    def swapped(self) -> tuple[ChangedField, ...]:
        """Fields whose change asks for a full look."""
        return tuple(change.field for change in self.changes if change.look == "full")


def compare_reports(old: Report, new: Report | Listing, images: Sequence[ImageRecord] | None = None) -> ListingChange:
    """Compare the report of an approved listing with a later one, or with the listing that was sent again.

    Args:
        old: Report of the listing as it was approved.
        new: Later report of the same listing, or the listing as the feed has it now, which need not be scanned yet.
        images: With a listing: file, SHA-256 and PDQ hash of its photos, in order, such as `Scanner.photo_records`
            returns them. None compares photos by their names alone.

    Raises:
        InputError: The two are of different listings, or the old report keeps no words of its listing.
    """
    listing_id = new.listing_id if isinstance(new, Report) else new.id
    if listing_id != old.listing_id:
        raise InputError(
            f"compare_reports: expected two of one listing, got {quoted(old.listing_id)}, {quoted(listing_id)}"
        )
    if old.listing is None:
        raise InputError("compare_reports: expected a report with the listing's words, got one of an older version")
    facts = new.listing if isinstance(new, Report) else ListingFacts.of(new)
    if facts is None:
        raise InputError("compare_reports: expected a report with the listing's words, got one of an older version")
    if isinstance(new, Report):
        records: Sequence[ImageRecord] = new.images
    elif images is not None:
        records = images
    else:
        names = [str(i) if isinstance(i, str) or hasattr(i, "__fspath__") else None for i in new.images]
        records = [ImageRecord(name, None, None, None) for name in names]
    changes, new_images = _photos(old.images, records)
    changes += _words(old.listing, facts)
    changes += _brands(old, new) if isinstance(new, Report) else []
    seller = new.seller_id
    if seller != old.seller_id:
        changes.append(Change("seller", "full", "the listing went to another seller"))
    changes.sort(key=lambda change: -_ORDER.index(change.look))
    return ListingChange(tuple(changes), new_images)


def _photos(old: Sequence[ImageRecord], new: Sequence[ImageRecord]) -> tuple[list[Change], tuple[int, ...]]:
    fresh = tuple(i for i, image in enumerate(new) if not any(_is_same(image, before) for before in old))
    if not fresh:
        return [], ()
    kept = [i for i in range(len(new)) if i not in fresh]
    if not kept and old:
        return [Change("photos", "full", "no photo of the approved listing is left")], fresh
    lead_is_new = 0 in fresh and bool(old)
    if lead_is_new and not any(_is_same(image, old[0]) for image in new):
        return [Change("photos", "full", "the first photo was exchanged")], fresh
    photos = "1 photo is" if len(fresh) == 1 else f"{len(fresh)} photos are"
    return [Change("photos", "new photos", f"{photos} new")], fresh


def _is_same(one: ImageRecord, other: ImageRecord) -> bool:
    """Return whether two records are of one photo, by their files, their hashes, or else their names."""
    if one.sha256 is not None and one.sha256 == other.sha256:
        return True
    if one.pdq is not None and other.pdq is not None:
        return (int(one.pdq, 16) ^ int(other.pdq, 16)).bit_count() <= _SAME_BITS
    if one.sha256 is None or other.sha256 is None:
        return one.file is not None and one.file == other.file
    return False


def _words(old: ListingFacts, new: ListingFacts) -> list[Change]:
    changes = []
    if (old.claimed_brand is None) != (new.claimed_brand is None) or fold(old.claimed_brand or "") != fold(
        new.claimed_brand or ""
    ):
        added = old.claimed_brand is None and new.claimed_brand == ""
        changes.append(Change("brand", "none" if added else "full", "the stated brand is another one"))
    if (share := _shared_words(old.title, new.title)) < 1.0:
        look: Look = "full" if share < _SAME_WORDS else "none"
        changes.append(Change("name", look, f"the title keeps {100 * share:.0f} % of its words"))
    if fold(old.category or "") != fold(new.category or ""):
        deeper = _is_deeper(old.category, new.category)
        changes.append(Change("category", "none" if deeper else "full", "the category is another one"))
    if fold(old.condition or "") != fold(new.condition or ""):
        changes.append(Change("condition", "none", "the condition is another one"))
    return [*changes, *_price(old, new)]


def _shared_words(old: str | None, new: str | None) -> float:
    """Return the share of the words of the shorter title that the other has too, 1 where both are equal."""
    before, after = set(fold_words(old or "")), set(fold_words(new or ""))
    if before == after:
        return 1.0
    if not before or not after:
        return 0.0
    common = sum(any(_alike(word, other) for other in after) for word in before)
    back = sum(any(_alike(word, other) for other in before) for word in after)
    return min(0.99, min(common, back) / min(len(before), len(after)))


def _alike(one: str, other: str) -> bool:
    """Return whether two words are one, perhaps mistyped or in another form."""
    if one == other:
        return True
    short = min(len(one), len(other))
    if short < 4 or any(c.isdigit() for c in one + other):
        return False
    from rapidfuzz.distance import OSA

    return one.startswith(other[:short]) or other.startswith(one[:short]) or OSA.distance(one, other) <= 1


def _is_deeper(old: str | None, new: str | None) -> bool:
    """Return whether a category is the same, more or less exact, or was only now stated."""
    before, after = set(fold_words(old or "")), set(fold_words(new or ""))
    return not before or not after or bool(before & after)


def _price(old: ListingFacts, new: ListingFacts) -> list[Change]:
    if old.price == new.price and old.currency == new.currency:
        return []
    if not old.price or not new.price or old.currency != new.currency:
        gone = not old.price
        return [Change("price", "none" if gone else "full", "the price was stated otherwise, or is gone")]
    share = new.price / old.price
    far = abs(math.log(share)) > -math.log(_LOWEST_PRICE)
    return [Change("price", "full" if far else "none", f"the price is {100 * share:.0f} % of the former one")]


def _brands(old: Report, new: Report) -> list[Change]:
    """Return a change where the photos now show another brand than before."""
    before = {b.brand for b in old.brands if b.named}
    after = {b.brand for b in new.brands if b.named}
    if after - before:
        return [Change("brand", "full", "the photos show another brand")]
    return []
