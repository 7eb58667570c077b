"""The nouns check themselves: each message names the field, what was expected and what came."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from strategies import brands, encoder_infos, form, listings, quick

from logoscan._quote import quoted
from logoscan.errors import InputError, LogoscanError
from logoscan.types import (
    Brand,
    BrandMention,
    EncoderInfo,
    Listing,
    Match,
    Preprocessing,
    Regions,
    TextSpans,
    UsualPrice,
)

HALF = (0.5, 0.5, 0.5)
SURROGATE = "\ud800"
"""Half of a character: JSON can spell it, no file can hold it."""

FULL_LISTING: dict[str, Any] = {
    "id": "L1",
    "images": ["a.jpg", Path("b.png")],
    "title": "Shoe",
    "description": "A shoe",
    "claimed_brand": "",
    "category": "shoes",
    "condition": "new",
    "price": 12,
    "currency": "eur",
    "seller_id": "S",
    "listed_at": "2024-02-29T12:00:00+01:00",
    "url": "https://example.org/1",
    "attributes": {"colour": "red"},
    "reviews": ["fine"],
    "ships_from": "IT",
    "dropped": {"price": "expected a number, got 'POA'"},
}


def make_preprocessing(**changes: Any) -> Preprocessing:
    return Preprocessing(**{"size_px": 64, "mean": HALF, "std": HALF, **changes})


def make_match(**changes: Any) -> Match:
    fields = {"image": 0, "xyxy": (0.0, 0.0, 1.0, 1.0), "brand": "A", "logo": "A/a.png", "similarity": 0.5}
    return Match(**{**fields, "margin": 0.1, "probability": None, **changes})


def make_mention(**changes: Any) -> BrandMention:
    fields = {"source": "title", "text": "a", "brand": "A", "kind": "exact", "distance": 0.0, "probability": 1.0}
    return BrandMention(**{**fields, **changes})


def test_a_listing_needs_an_id_only() -> None:
    listing = Listing("L")
    absent = {f.name: getattr(listing, f.name) for f in dataclasses.fields(listing) if f.name != "id"}
    assert absent.pop("images") == absent.pop("reviews") == ()
    assert absent.pop("attributes") == absent.pop("dropped") == {}
    assert set(absent.values()) == {None}


def test_a_listing_has_every_field_of_the_format() -> None:
    assert [f.name for f in dataclasses.fields(Listing)] == list(FULL_LISTING)
    listing = Listing(**FULL_LISTING)
    assert listing.images == ("a.jpg", Path("b.png"))
    assert listing.reviews == ("fine",)
    assert (listing.price, type(listing.price)) == (12.0, float)
    assert listing.currency == "EUR"
    assert listing.claimed_brand == ""
    untouched = set(FULL_LISTING) - {"images", "reviews", "price", "currency"}
    assert {name: getattr(listing, name) for name in untouched} == {name: FULL_LISTING[name] for name in untouched}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("id", "", "a non-empty string"),
        ("id", "  ", "a non-empty string"),
        ("id", None, "a non-empty string"),
        ("id", 7, "a non-empty string"),
        ("title", 7, "a string or None"),
        ("description", b"x", "a string or None"),
        ("claimed_brand", ["Nike"], "a string or None"),
        ("category", 1.5, "a string or None"),
        ("condition", True, "a string or None"),
        ("seller_id", 12, "a string or None"),
        ("listed_at", 20240101, "a string or None"),
        ("listed_at", "yesterday", "an ISO 8601 date or time"),
        ("listed_at", "", "an ISO 8601 date or time"),
        ("url", 3, "a string or None"),
        ("images", "a.jpg", "a list of pictures"),
        ("images", b"\xff\xd8", "a list of pictures"),
        ("images", {"a.jpg"}, "a list of pictures"),
        ("reviews", "fine", "a list of strings"),
        ("reviews", [1], "a list of strings"),
        ("attributes", [("a", "b")], "a mapping of strings to strings"),
        ("attributes", {"a": 1}, "a mapping of strings to strings"),
        ("attributes", {1: "a"}, "a mapping of strings to strings"),
        ("price", math.nan, "a finite number in [0, 1e+12]"),
        ("price", math.inf, "a finite number in [0, 1e+12]"),
        ("price", -math.inf, "a finite number in [0, 1e+12]"),
        ("price", -0.01, "a finite number in [0, 1e+12]"),
        ("price", 10**400, "a finite number in [0, 1e+12]"),
        ("price", True, "a finite number in [0, 1e+12]"),
        ("price", "12", "a finite number in [0, 1e+12]"),
        ("price", np.zeros(2), "a finite number in [0, 1e+12]"),
        ("currency", "EU", "a three-letter ISO 4217 code"),
        ("currency", "EURO", "a three-letter ISO 4217 code"),
        ("currency", "€€€", "a three-letter ISO 4217 code"),
        ("currency", "E1R", "a three-letter ISO 4217 code"),
        ("currency", 978, "a three-letter ISO 4217 code"),
        ("ships_from", "ITA", "a two-letter ISO 3166 code"),
        ("ships_from", "İT", "a two-letter ISO 3166 code"),
        ("ships_from", 39, "a two-letter ISO 3166 code"),
    ],
)
def test_a_listings_error_names_field_expectation_and_value(field: str, value: object, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        Listing(**{**FULL_LISTING, field: value})
    message = str(caught.value)
    assert message.startswith(f"Listing.{field}: expected {expected}, got ")
    shown = type(value).__name__ if field == "images" else quoted(value)
    assert message.endswith(shown)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, LogoscanError)


@pytest.mark.parametrize(
    "change",
    [
        {"id": SURROGATE},
        {"title": f"a{SURROGATE}"},
        {"images": [f"{SURROGATE}.jpg"]},
        {"reviews": [SURROGATE]},
        {"attributes": {"a": SURROGATE}},
    ],
)
def test_text_that_no_report_could_hold_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"^Listing\.{next(iter(change))}: expected .* got .*ud800"):
        Listing(**{**FULL_LISTING, **change})


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(InputError) as caught:
        Listing("L", currency="x" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("make", "start"),
    [
        (lambda: UsualPrice("EU", 1, 2), "UsualPrice.currency: expected a three-letter ISO 4217 code, got 'EU'"),
        (lambda: UsualPrice("EUR", 0, 2), "UsualPrice.low: expected a finite number in [1e-06, 1e+12], got 0"),
        (lambda: UsualPrice("EUR", True, 2), "UsualPrice.low: expected a finite number in [1e-06, 1e+12], got True"),
        (lambda: UsualPrice("EUR", 5, 4), "UsualPrice.high: expected a finite number in [5, 1e+12], got 4"),
        (lambda: UsualPrice("EUR", 5, math.nan), "UsualPrice.high: expected a finite number in [5, 1e+12], got nan"),
        (lambda: UsualPrice("EUR", 5, 6, 7), "UsualPrice.category: expected a string or None, got 7"),  # type: ignore[arg-type]
        (lambda: Brand(""), "Brand.name: expected a non-empty string, got ''"),
        (lambda: Brand(SURROGATE), "Brand.name: expected Unicode text, got a lone surrogate"),
        (lambda: Brand("A", aliases="B"), "Brand.aliases: expected a list of strings, got 'B'"),  # type: ignore[arg-type]
        (lambda: Brand("A", authorised_sellers=(1,)), "Brand.authorised_sellers: expected a list of strings, got (1,)"),  # type: ignore[arg-type]
        (lambda: Brand("A", official_photos=None), "Brand.official_photos: expected a list of strings, got None"),  # type: ignore[arg-type]
        (lambda: Brand("A", negatives={"a"}), "Brand.negatives: expected a list of strings, got {'a'}"),  # type: ignore[arg-type]
        (lambda: Brand("A", usual_prices=({},)), "Brand.usual_prices: expected UsualPrice records, got ({},)"),  # type: ignore[arg-type]
        (lambda: Brand("A", origins=("Italy",)), "Brand.origins: expected a two-letter ISO 3166 code, got 'Italy'"),
        (lambda: Brand("A", origins=("IT",) * 301), "Brand.origins: expected at most 300, got 301"),
        (lambda: Brand("A", usual_prices=3), "Brand.usual_prices: expected UsualPrice records, got 3"),  # type: ignore[arg-type]
        (lambda: Brand("a" * 101), "Brand.name: expected at most 100 characters, got 101"),
        (lambda: Brand("A", ("b", "a" * 101)), "Brand.aliases: expected at most 100 characters, got 101"),
        (lambda: Brand("A", ("b",) * 501), "Brand.aliases: expected at most 500, got 501"),
        (lambda: Brand("A", (), ("s",) * 10_001), "Brand.authorised_sellers: expected at most 10000, got 10001"),
        (lambda: Brand("A", (), ("s" * 501,)), "Brand.authorised_sellers: expected at most 500 characters, got 501"),
        (lambda: Brand("A", official_photos=("p",) * 1001), "Brand.official_photos: expected at most 1000, got 1001"),
        (lambda: Brand("A", negatives=("p" * 1001,)), "Brand.negatives: expected at most 1000 characters, got 1001"),
        (
            lambda: Brand("A", usual_prices=(UsualPrice("EUR", 1, 2),) * 201),
            "Brand.usual_prices: expected at most 200, got 201",
        ),
        (lambda: Brand("A", facts={str(i): "x" for i in range(101)}), "Brand.facts: expected at most 100, got 101"),
        (lambda: Brand("A", facts={"a": "x" * 501}), "Brand.facts: expected at most 500 characters, got 501"),
        (lambda: Brand("A", facts={"x" * 501: "a"}), "Brand.facts: expected at most 500 characters, got 501"),
        (lambda: Brand("A", facts=["x"]), "Brand.facts: expected a mapping of strings to strings, got ['x']"),  # type: ignore[arg-type]
        (lambda: make_match(similarity=1.1), "Match.similarity: expected a finite number in [-1.001, 1.001], got 1.1"),
        (lambda: make_match(similarity=math.nan), "Match.similarity: expected a finite number in"),
        (lambda: make_match(margin=math.nan), "Match.margin: expected a finite number in"),
        (lambda: make_match(margin=math.inf), "Match.margin: expected a finite number in"),
        (lambda: make_match(xyxy=(0.0, 0.0, math.inf, 1.0)), "Match.xyxy: expected"),
        (lambda: make_match(xyxy=(0.0, 1.0)), "Match.xyxy: expected"),
        (lambda: make_match(probability=-0.1), "Match.probability: expected a finite number in [0, 1], got -0.1"),
        (lambda: make_mention(distance=1.5), "BrandMention.distance: expected a finite number in [0, 1], got 1.5"),
        (lambda: make_mention(probability=math.nan), "BrandMention.probability: expected a finite number in [0, 1]"),
        (lambda: make_preprocessing(size_px=7), "Preprocessing.size_px: expected a finite number in [8, 4096], got 7"),
        (lambda: make_preprocessing(mean=(1.0,)), "Preprocessing.mean: expected three numbers, got (1.0,)"),
        (lambda: make_preprocessing(std=HALF[:2]), "Preprocessing.std: expected three numbers, got (0.5, 0.5)"),
        (lambda: make_preprocessing(std=(0.5, 0.0, 0.5)), "Preprocessing.std: expected a finite number in"),
        (lambda: make_preprocessing(mean=(0.5, math.nan, 0.5)), "Preprocessing.mean: expected a finite number in"),
        (
            lambda: make_preprocessing(fit="crop"),
            "Preprocessing.fit: expected one of context, squeeze, pad, got",
        ),
        (lambda: EncoderInfo("", "0", make_preprocessing(), 8), "EncoderInfo.name: expected a non-empty string"),
        (lambda: EncoderInfo("e", "", make_preprocessing(), 8), "EncoderInfo.weights_sha256: expected a non-empty"),
        (lambda: EncoderInfo("e", "0", make_preprocessing(), 0), "EncoderInfo.dim: expected a finite number in"),
    ],
)
def test_an_error_names_field_expectation_and_value(make: Callable[[], object], start: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value).startswith(start)


def test_empty_regions() -> None:
    none = Regions.empty()
    assert len(none) == 0
    assert form(none.xyxy) == ("float32", (0, 4))
    assert form(none.confidence) == ("float32", (0,))


def test_empty_text_spans() -> None:
    none = TextSpans.empty()
    assert len(none) == len(none.texts) == 0
    assert form(none.polygons) == ("float32", (0, 4, 2))
    assert form(none.confidence) == ("float32", (0,))


def test_arrays_of_the_right_kind_are_kept() -> None:
    regions = Regions(np.array([[0, 1, 2, 3]], np.float32), np.array([0.5], np.float32))
    assert len(regions) == 1
    spans = TextSpans(np.zeros((2, 4, 2), np.float32), ["a", "b"], np.ones(2, np.float32))  # type: ignore[arg-type]
    assert len(spans) == 2
    assert spans.texts == ("a", "b")


BOX = np.array([[0, 0, 1, 1]], np.float32)
ONE = np.ones(1, np.float32)


@pytest.mark.parametrize(
    ("xyxy", "confidence", "message"),
    [
        (BOX.astype(np.float64), ONE, "Regions.xyxy: expected float32 (n, 4), got float64 (1, 4)"),
        (BOX.astype(np.int64), ONE, "Regions.xyxy: expected float32 (n, 4), got int64 (1, 4)"),
        (BOX[0], ONE, "Regions.xyxy: expected float32 (n, 4), got float32 (4,)"),
        (BOX[:, :3], ONE, "Regions.xyxy: expected float32 (n, 4), got float32 (1, 3)"),
        (BOX.tolist(), ONE, "Regions.xyxy: expected float32 (n, 4), got list"),
        (BOX, np.ones(2, np.float32), "Regions.confidence: expected float32 (1), got float32 (2,)"),
        (BOX, ONE[:, None], "Regions.confidence: expected float32 (1), got float32 (1, 1)"),
        (BOX, np.ones(1), "Regions.confidence: expected float32 (1), got float64 (1,)"),
        (BOX * np.float32(np.nan), ONE, "Regions.xyxy: expected finite numbers, got NaN or infinity"),
        (BOX, ONE * np.float32(np.inf), "Regions.confidence: expected finite numbers, got NaN or infinity"),
        (BOX[:, [2, 1, 0, 3]], ONE, "Regions.xyxy: expected x1 > x0 and y1 > y0 in every row, got an empty box"),
        (BOX[:, [0, 1, 2, 1]], ONE, "Regions.xyxy: expected x1 > x0 and y1 > y0 in every row, got an empty box"),
        (BOX, ONE * 2, "Regions.confidence: expected numbers in [0, 1], got 2.0"),
        (BOX, -ONE, "Regions.confidence: expected numbers in [0, 1], got -1.0"),
    ],
)
def test_regions_refuse_other_arrays(xyxy: Any, confidence: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Regions(xyxy, confidence)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("polygons", "texts", "confidence", "message"),
    [
        (np.zeros((1, 4, 2)), ("a",), ONE, "TextSpans.polygons: expected float32 (1, 4, 2), got float64 (1, 4, 2)"),
        (np.zeros((2, 4, 2), np.float32), ("a",), ONE, "expected float32 (1, 4, 2), got float32 (2, 4, 2)"),
        (np.zeros((1, 4), np.float32), ("a",), ONE, "expected float32 (1, 4, 2), got float32 (1, 4)"),
        (np.full((1, 4, 2), np.nan, np.float32), ("a",), ONE, "TextSpans.polygons: expected finite numbers"),
        (np.zeros((1, 4, 2), np.float32), "a", ONE, "TextSpans.texts: expected a list of strings, got 'a'"),
        (np.zeros((1, 4, 2), np.float32), (1,), ONE, "TextSpans.texts: expected a list of strings, got (1,)"),
        (np.zeros((1, 4, 2), np.float32), ("a",), ONE[:0], "TextSpans.confidence: expected float32 (1), got"),
        (np.zeros((1, 4, 2), np.float32), ("a",), ONE * 2, "TextSpans.confidence: expected numbers in [0, 1], got 2.0"),
    ],
)
def test_text_spans_refuse_other_arrays(polygons: Any, texts: Any, confidence: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        TextSpans(polygons, texts, confidence)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "record",
    [
        Listing("L"),
        Brand("A"),
        UsualPrice("EUR", 1, 2),
        Regions.empty(),
        TextSpans.empty(),
        make_match(),
        make_mention(),
        make_preprocessing(),
    ],
    ids=lambda r: type(r).__name__,
)
def test_records_are_immutable(record: Any) -> None:
    for field in dataclasses.fields(record):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field.name, None)


def test_a_record_does_not_follow_what_its_maker_changes_later() -> None:
    images, reviews, attributes = ["a.jpg"], ["fine"], {"a": "b"}
    listing = Listing("L", images=images, reviews=reviews, attributes=attributes)  # type: ignore[arg-type]
    aliases, facts = ["B"], {"a": "b"}
    brand = Brand("A", aliases=aliases, facts=facts)  # type: ignore[arg-type]
    for changed in (images, reviews, aliases):
        changed.append(7)  # type: ignore[arg-type]
    attributes["a"] = facts["a"] = "changed"
    assert (listing.images, listing.reviews, listing.attributes) == (("a.jpg",), ("fine",), {"a": "b"})
    assert (brand.aliases, brand.facts) == (("B",), {"a": "b"})


def test_a_usual_price_has_its_currency_in_upper_case() -> None:
    assert UsualPrice("gbp", 1, 2).currency == "GBP"


def test_the_fingerprint_follows_weights_and_preprocessing_not_the_name() -> None:
    info = EncoderInfo("a", "00", make_preprocessing(), 8)
    assert dataclasses.replace(info, name="b").fingerprint == info.fingerprint
    others = [
        dataclasses.replace(info, weights_sha256="01"),
        dataclasses.replace(info, dim=9),
        dataclasses.replace(info, preprocessing=make_preprocessing(size_px=65)),
        dataclasses.replace(info, preprocessing=make_preprocessing(mean=(0.5, 0.5, 0.4))),
        dataclasses.replace(info, preprocessing=make_preprocessing(fit="squeeze")),
    ]
    fingerprints = {other.fingerprint for other in others} | {info.fingerprint}
    assert len(fingerprints) == len(others) + 1
    assert all(len(f) == 16 and int(f, 16) >= 0 for f in fingerprints)


@quick
@given(listing=listings, brand=brands, info=encoder_infos)
def test_valid_records_round_trip_through_their_constructors(listing: Listing, brand: Brand, info: EncoderInfo) -> None:
    for record in (listing, brand, info):
        fields = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
        assert type(record)(**fields) == record
