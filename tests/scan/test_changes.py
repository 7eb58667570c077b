"""What was swapped in a listing after it was approved, and what honest sellers change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from logoscan.errors import InputError
from logoscan.results import ImageRecord, ListingFacts, Provenance, Report, Score
from logoscan.scan.changes import compare_reports
from logoscan.types import Listing

FIELDS: dict[str, Any] = {
    "title": "Acme running shoe blue 42", "claimed_brand": "Acme", "category": "Shoes", "price": 100.0,
    "currency": "EUR", "seller_id": "s",
}  # fmt: skip


def image(number: int, pdq: str | None = None) -> ImageRecord:
    return ImageRecord(f"{number}.jpg", f"{number:064x}", 1, 1, pdq or f"{(1 << 256) // 7**number:064x}"[-64:])


IMAGES = (image(1), image(2))


def report(images: tuple[ImageRecord, ...] = IMAGES, **changes: Any) -> Report:
    listing = Listing("L", **{**FIELDS, **changes})
    made = Provenance("0", "", "", "", "", "", "", "2026-01-01T00:00:00+00:00")
    return Report("L", listing.seller_id, Score(None, "clear", None, -5.0, (), 0.0, "m"), (), (), (), (), (), images,
                  made, listing=ListingFacts.of(listing))  # fmt: skip


def test_nothing_changed() -> None:
    found = compare_reports(report(), report())
    assert (found.changes, found.look, found.swapped, found.new_images) == ((), "none", (), ())


@pytest.mark.parametrize(
    ("changes", "swapped"),
    [
        ({"claimed_brand": "Bolt"}, "brand"),
        ({"claimed_brand": ""}, "brand"),
        ({"title": "Bolt leather handbag red"}, "name"),
        ({"title": None}, "name"),
        ({"category": "Handbags"}, "category"),
        ({"price": 9.0}, "price"),
        ({"price": None}, "price"),
        ({"currency": "USD"}, "price"),
        ({"seller_id": "other"}, "seller"),
        ({"images": (image(3), image(4))}, "photos"),
        ({"images": (image(3), image(2))}, "photos"),
    ],
)
def test_swaps_ask_for_a_full_look(changes: dict[str, Any], swapped: str) -> None:
    found = compare_reports(report(), report(**changes))
    assert found.look == "full"
    assert found.swapped == (swapped,)
    assert all(change.why for change in found.changes)


@pytest.mark.parametrize(
    ("changes", "look"),
    [
        ({"price": 45.0}, "none"),
        ({"title": "SALE Acme runing shoe, blue 42 NEW"}, "none"),
        ({"title": "ACME RUNNING SHOE BLUE 42"}, "none"),
        ({"category": "Men > Shoes"}, "none"),
        ({"condition": "used"}, "none"),
        ({"images": (IMAGES[1], IMAGES[0])}, "none"),
        ({"images": IMAGES[:1]}, "none"),
        ({"images": (*IMAGES, image(3))}, "new photos"),
        ({"images": (image(3), *IMAGES)}, "new photos"),
    ],
)
def test_honest_edits_do_not(changes: dict[str, Any], look: str) -> None:
    found = compare_reports(report(), report(**changes))
    assert found.look == look
    assert found.swapped == ()


def test_a_photo_that_was_saved_again_is_the_same() -> None:
    assert IMAGES[0].pdq is not None
    again = image(9, f"{int(IMAGES[0].pdq, 16) ^ 0b11111:064x}")
    assert compare_reports(report(), report((again, IMAGES[1]))).changes == ()


def test_a_listing_that_was_sent_again_need_not_be_scanned() -> None:
    listing = Listing("L", images=("1.jpg", "2.jpg"), **FIELDS)
    assert compare_reports(report(), listing).look == "none"
    assert compare_reports(report(), replace(listing, images=("1.jpg", "9.jpg"))).new_images == (1,)
    assert compare_reports(report(), listing, [image(3), image(4)]).look == "full"
    assert compare_reports(report(()), replace(listing, images=())).look == "none"


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InputError, match="expected two of one listing, got 'L', 'M'"):
        compare_reports(report(), Listing("M"))
    with pytest.raises(InputError, match="expected a report with the listing's words"):
        compare_reports(replace(report(), listing=None), report())
