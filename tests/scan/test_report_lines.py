"""What a report remembers of its photos: text where asked for, lines that nobody read, which brands are named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from builders.scans import ACME, BOLT, CALIBRATION, DETECTOR, SPEAKS, make_index, make_listings, make_scanner, timeless
from fakes import FakeEncoder, FakeOcr, photo_of

from logoscan.errors import InputError
from logoscan.reporting.jsonl import report_from_json, report_to_json
from logoscan.results import TextLine, UnreadLine
from logoscan.scan.photo_lines import skipped_lines, text_lines, unread_lines, unreadable_share
from logoscan.scan.provenance import Models
from logoscan.store.rows import to_table
from logoscan.store.vectors import VectorCodec
from logoscan.text.brand_names import NameIndex
from logoscan.text.listing_text import search_photo_text
from logoscan.types import Brand, Listing, Rgb, TextSpans
from logoscan.vision.features import PhotoFeatures, rescaled

WHOLE = (0.0, 0.0, 80.0, 60.0)
BOXES = np.array([[0, 0, 9, 3], [0, 4, 9, 7]], np.float32)


class HastyOcr(FakeOcr):
    """Leaves two lines of each photo unread, one of them Cyrillic."""

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        return [
            replace(spans, unread_xyxy=BOXES, unread_scripts=(None, "Cyrl")) for spans in super().read(images)
        ]  # fmt: skip


def features_of(*photos: Rgb | bytes, ocr: FakeOcr | None = None) -> list[PhotoFeatures]:
    return make_scanner(ocr=ocr or HastyOcr({SPEAKS: ["Bolt", " "]})).features(photos)


def test_no_photo_holds_no_line() -> None:
    assert (text_lines([]), unread_lines([]), list(skipped_lines([]))) == ((), (), [])


def test_lines_are_those_of_their_photo() -> None:
    photos = features_of(photo_of(None), photo_of(None, SPEAKS))
    assert text_lines(photos) == (TextLine(1, WHOLE, "Bolt", float(np.float32(0.9))),)
    passed_over, foreign = (0.0, 0.0, 9.0, 3.0), (0.0, 4.0, 9.0, 7.0)
    assert unread_lines(photos) == (
        UnreadLine(0, foreign, "Cyrl"),
        UnreadLine(0, passed_over),
        UnreadLine(1, WHOLE),  # a line was there, and the engine returned a blank
        UnreadLine(1, foreign, "Cyrl"),
        UnreadLine(1, passed_over),
    )
    assert list(skipped_lines(photos)) == [
        "image 0: 1 more line of small text not read, to save work",
        "image 0: 1 line in letters that the OCR engine cannot read (Cyrl)",
        "image 1: 1 more line of small text not read, to save work",
        "image 1: 2 lines in letters that the OCR engine cannot read (Cyrl)",
    ]


def test_a_line_that_was_read_twice_counts_once_as_read() -> None:
    (photo,) = features_of(photo_of(None, SPEAKS))
    twice = replace(photo, spans=photo.spans.joined(photo.spans.rows([0])))
    assert 0 < unreadable_share([photo]) == unreadable_share([twice]) < 1
    for kept in (photo, twice):
        row = to_table("x", [kept], VectorCodec(kept.vectors.shape[1]), keep_text=False, keep_keypoints=False)
        assert row.column("read_lines").to_pylist() == [2]
        assert row.column("read_area").to_pylist() == [80 * 60], "judged again it has as much text"


def test_numbers_and_names_are_those_of_the_first_reading() -> None:
    """Each second reading would be one more contact, or the value that hides a contradiction."""
    corners = np.array([[[0, y], [60, y], [60, y + 9], [0, y + 9]] for y in (0, 10, 0, 10)], np.float32)
    said = ("insta: shopbrand", "8 FL OZ", "insta: shop_brand REPLICA", "6 FL OZ Bolt")
    found = search_photo_text(TextSpans(corners, said, np.full(4, 0.9, np.float32)), 0, NameIndex([Brand("Bolt")]))
    assert [contact.value for contact in found.contacts] == ["instagram:shopbrand"]
    assert [line.text for line in found.lines] == ["insta: shopbrand", "8 FL OZ"]
    assert ([m.brand for m in found.mentions], [use.hit.term for use in found.coded]) == (["Bolt"], ["replica"])


def test_a_photo_that_nobody_read_has_no_lines_rather_than_none() -> None:
    (broken,) = features_of(b"no picture")
    pending = replace(features_of(photo_of(None))[0], unfinished=("read",))
    passed_over = replace(features_of(photo_of(None))[0], passed_over=True)
    for photos in ([broken], [pending], [passed_over], [broken, pending]):
        assert (text_lines(photos), unread_lines(photos)) == (None, None)
    assert text_lines([broken, *features_of(photo_of(None))]) == ()


def test_a_page_of_small_print_makes_no_page_of_boxes() -> None:
    class Page(FakeOcr):
        def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
            boxes = np.tile(BOXES, (600, 1))
            return [replace(s, unread_xyxy=boxes, unread_scripts=(), unread_reasons=()) for s in super().read(images)]

    photos = features_of(photo_of(None), ocr=Page())
    assert len(unread_lines(photos) or ()) == 100
    assert list(skipped_lines(photos)) == ["image 0: 1200 more lines of small text not read, to save work"]


def test_a_scan_keeps_text_where_it_was_asked_for() -> None:
    listing = Listing("x", (photo_of(ACME), photo_of(None, SPEAKS)))
    quiet, keeping = make_scanner(), make_scanner(keep_text=True)
    report = keeping.scan(listing)
    assert [(line.image, line.text) for line in report.text or ()] == [(1, "Bolt"), (1, "made in")]
    assert quiet.scan(listing).text is None
    assert timeless(replace(report, text=None)) == timeless(quiet.scan(listing))
    assert timeless(keeping.screen(listing, deadline_s=math.inf).report) == timeless(report)
    assert timeless(keeping.judge(listing, keeping.features(listing.images))) == timeless(report)
    assert make_scanner(ocr=None, keep_text=True).scan(listing).text is None
    assert report_from_json(report_to_json(report)) == report


def test_unread_lines_stand_in_every_report_that_was_read() -> None:
    listing = Listing("x", (photo_of(None),))
    assert make_scanner().scan(listing).unread == ()
    assert make_scanner(ocr=None).scan(listing).unread is None
    assert [line.script for line in make_scanner(ocr=HastyOcr()).scan(listing).unread or ()] == ["Cyrl", None]
    assert make_scanner().screen(listing, deadline_s=1e-9).report.unread is None, "the deadline came before the text"


def test_names_in_photos_have_their_place() -> None:
    report = make_scanner().scan(Listing("x", (photo_of(None, SPEAKS),), title="A Bolt"))
    assert {m.source: m.xyxy for m in report.mentions} == {"image:0": WHOLE, "title": None}


# -- named


@pytest.mark.parametrize(("threshold", "named"), [(0.5, True), (0.9999, False)])
def test_a_brand_is_named_above_the_threshold_of_the_provenance(threshold: float, named: bool) -> None:
    scanner = make_scanner(calibration=replace(CALIBRATION, threshold=threshold))
    report = scanner.scan(Listing("x", (photo_of(BOLT),), title="Acme"))
    assert report.provenance.threshold == threshold
    assert {brand.brand: brand.named for brand in report.brands} == {"Bolt": named, "Acme": False}
    for brand in report.brands:
        assert brand.named is (brand.probability is not None and brand.probability > threshold)


def test_nothing_is_named_where_nothing_decides() -> None:
    listing = Listing("x", (photo_of(BOLT),), title="Bolt")
    words = make_scanner().scan(replace(listing, images=()))
    assert [(brand.probability, brand.named) for brand in words.brands] == [(None, None)]
    bare = make_scanner(calibration=None).scan(listing)
    assert bare.provenance.threshold is None
    assert {brand.named for brand in bare.brands} == {None}
    by_cosine = make_scanner(calibration=None, similarity_threshold=0.9).scan(listing)
    assert by_cosine.provenance.threshold == 0.9
    assert [brand.named for brand in by_cosine.brands] == [True]


@pytest.mark.parametrize(
    ("encoder", "detector", "words"),
    [
        (None, None, None),
        (("fp32", "torch"), None, ("fp32", "torch")),
        (("bf16", "openvino"), ("bf16", "openvino"), ("bf16", "openvino")),
        (("bf16", "openvino"), ("fp32", "openvino"), ("encoder bf16, detector fp32", "openvino")),
    ],
)
def test_precision_and_runtime_stand_in_the_provenance(
    encoder: tuple[str, str] | None, detector: tuple[str, str] | None, words: tuple[str, str] | None
) -> None:
    parts = (FakeEncoder(), type(DETECTOR)())
    for model, states in zip(parts, (encoder, detector), strict=True):
        if states is not None:
            model.precision, model.runtime = states  # type: ignore[attr-defined]
    models = Models.of(*parts, None)
    assert (models.precision, models.runtime) == (words or (None, None))
    index = make_index()
    provenance = models.provenance(index, "prior", 0.5)
    assert (provenance.precision, provenance.runtime) == (models.precision, models.runtime)
    assert (provenance.index, provenance.ocr, provenance.threshold) == (index.fingerprint, "none", 0.5)


# -- the records


def test_unread_lines_are_scaled_and_joined_with_their_photo() -> None:
    (photo,) = features_of(photo_of(None))
    np.testing.assert_allclose(rescaled(photo, (80, 60), (160, 60)).spans.unread_xyxy, BOXES * [2, 1, 2, 1])
    both = photo.spans.joined(photo.spans)
    assert (both.unread, both.unread_scripts) == (4, (None, "Cyrl") * 2)
    assert both.rows([]).unread == 0


@pytest.mark.parametrize(
    ("boxes", "scripts", "message"),
    [
        (BOXES.astype(np.float64), (), "TextSpans.unread_xyxy: expected float32 (n, 4), got float64 (2, 4)"),
        (BOXES, ("Cyrl",), "TextSpans.unread_scripts: expected one for each of 2 lines, got 1"),
        (BOXES, (None, "cyrillic"), "TextSpans.unread_scripts: expected an ISO 15924 code such as 'Cyrl', or None"),
    ],
)
def test_wrong_unread_lines_are_refused(boxes: np.ndarray, scripts: tuple[str | None, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(TextSpans.empty(), unread_xyxy=boxes, unread_scripts=scripts)
    assert message in str(caught.value)


def test_photos_carry_their_hash() -> None:
    pytest.importorskip("pdqhash")
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    scanner = make_scanner()
    report = scanner.scan(Listing("x", (noise, photo_of(None))))
    assert [record.pdq is None for record in report.images] == [False, True], "one colour has no hash"
    for listing in make_listings():
        assert all(len(record.pdq or "0" * 64) == 64 for record in scanner.scan(listing).images)
