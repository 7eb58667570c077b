"""The wiring, on fakes whose answers can be stated: order, streaming, candidates, failures, change, threads."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from builders.scans import (
    ACME,
    BOLT,
    CALIBRATION,
    CORE,
    DETECTOR,
    ENCODER,
    OCR,
    SPEAKS,
    make_index,
    make_listings,
    make_scanner,
    timeless,
)
from fakes import (
    BLACK,
    BLUE,
    RED,
    WHITE,
    BlindDetector,
    FakeDetector,
    FakeEncoder,
    FakeOcr,
    OneLineOcr,
    photo_of,
    quarters,
)
from PIL import Image

from logoscan.errors import ImageError, InputError, MismatchError
from logoscan.images.boxes import iou
from logoscan.index.logo_index import LogoIndex
from logoscan.reporting.jsonl import report_from_json, report_to_json
from logoscan.scan.scanner import Scanner
from logoscan.scoring.signals import DEFAULT_SIGNALS
from logoscan.types import Brand, Embeddings, Listing, Regions, Rgb, TextSpans
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import encode_images
from logoscan.vision.tiles import WholeImage


def test_scan_encodes_lines_of_text_too() -> None:
    """A mark that no region shows and a line does: found by a scan that reads, by its logo."""

    listing = Listing("one", (photo_of(ACME, size_px=(120, 160)),))
    found = make_scanner(detector=BlindDetector(), ocr=OneLineOcr("?", (64, 44, 96, 76))).scan(listing)
    assert [match.brand for match in found.matches] == ["Acme"]
    assert make_scanner(detector=BlindDetector(), ocr=None).scan(listing).matches == ()


def test_a_shown_brand_with_a_title_alone_goes_to_review() -> None:
    titled = Listing("one", (photo_of(ACME),), title="A shoe")
    assert make_scanner().scan(titled).score.band == "review"
    assert make_scanner().scan(replace(titled, claimed_brand="Acme")).score.band == "clear"


def test_coded_terms_in_words_and_photos_reach_the_score() -> None:
    """The title's word, or a line of a photo, as surely as it was read; a denial is none."""

    def said(listing: Listing, ocr: FakeOcr = OCR) -> dict[str, tuple[float, str]]:
        return {c.signal: (c.value, c.why) for c in make_scanner(ocr=ocr).scan(listing).score.contributions}

    shown = Listing("one", (photo_of(ACME),), title="Acme shoe, not a replica")
    assert said(shown)["coded_terms"][0] == 0.0
    assert said(replace(shown, title="Acme shoe replica"))["coded_terms"][0] > 0.7
    assert said(replace(shown, claimed_brand="Acme replica"))["coded_terms"][0] > 0.7
    value, why = said(shown, OneLineOcr("MIRROR QUALITY", (4, 4, 60, 20), confidence=0.6))["coded_terms"]
    assert value == pytest.approx(0.6 * 0.95, abs=0.1)
    assert why.startswith("in photo 1 was read 'MIRROR QUALITY'")


def test_matched_box_is_refined() -> None:
    photo = photo_of(ACME, size_px=(120, 160))
    (found,) = make_scanner(detector=WholeImage(), calibration=None).find_logos(photo)
    tight = make_scanner().refine_box(photo, found)
    assert tight.similarity > found.similarity
    assert (tight.brand, tight.margin, tight.probability) == (found.brand, found.margin, found.probability)
    (true,) = FakeDetector().detect([photo])[0].xyxy
    wide, near = (float(iou(np.array([m.xyxy], np.float32), true[None])[0, 0]) for m in (found, tight))
    assert near > 3 * wide
    index = make_index()
    index.remove("Acme")
    with pytest.raises(InputError, match="expected a brand with a logo, got 'Acme'"):
        make_scanner(index).refine_box(photo, found)


# -- the stream


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 50])
def test_scan_many_keeps_the_order_and_equals_scan(batch_size: int, workers: int) -> None:
    scanner = make_scanner()
    alone = [timeless(scanner.scan(listing)) for listing in make_listings()]
    together = [
        timeless(report) for report in scanner.scan_many(make_listings(), batch_size=batch_size, workers=workers)
    ]
    assert [report.listing_id for report in together] == [listing.id for listing in make_listings()]
    assert together == alone
    assert len({repr((r.score, r.brands)) for r in alone}) >= 5, "the listings differ in what is found"


def test_the_stream_is_consumed_batch_by_batch() -> None:
    taken = 0

    def stream() -> Iterator[Listing]:
        nonlocal taken
        while True:  # endless: whoever collects it first does not come back
            taken += 1
            yield Listing(f"listing {taken}", (photo_of(ACME),))

    reports = make_scanner().scan_many(stream(), batch_size=3, workers=1)
    assert taken == 0
    seen = []
    for expected in (3, 3, 3, 6, 6, 6, 9):
        seen.append(next(reports).listing_id)
        assert taken == expected
    assert seen == [f"listing {i}" for i in range(1, 8)]


def test_a_stream_by_several_workers_is_read_no_further_than_they_work() -> None:
    taken = 0

    def stream() -> Iterator[Listing]:
        nonlocal taken
        while True:
            taken += 1
            yield Listing(f"listing {taken}", (photo_of(ACME),))

    reports = make_scanner().scan_many(stream(), batch_size=2, workers=3)
    assert [next(reports).listing_id for _ in range(5)] == [f"listing {i}" for i in range(1, 6)]
    assert taken <= 2 * (2 * 3 + 1) + 2 * 3, "two batches for each process, one that is judged, three that were yielded"
    reports.close()  # type: ignore[attr-defined]


def test_repeated_photo_is_encoded_once() -> None:
    looks = 0

    class Counting(FakeDetector):
        def detect(self, images: Sequence[Rgb]) -> list[Regions]:
            nonlocal looks
            looks += len(images)
            return super().detect(images)

    scanner = Scanner(make_index(), encoder=ENCODER, detector=Counting(), calibration=None, similarity_threshold=0.9)
    twice = [Listing(str(i), (photo_of(ACME), photo_of(ACME))) for i in range(3)]
    once = [timeless(r) for r in scanner.scan_many(twice, batch_size=1, workers=1)]
    assert looks == 1
    again = [timeless(r) for r in scanner.scan_many(twice, batch_size=1, workers=1, deduplicate=False)]
    assert looks == 4, "of one batch a picture is looked at once all the same"
    assert once == again


def test_no_listings_give_no_reports() -> None:
    assert list(make_scanner().scan_many([])) == []
    with pytest.raises(InputError, match="batch_size: expected 1 or more, got 0"):
        next(make_scanner().scan_many(make_listings(), batch_size=0))
    with pytest.raises(InputError, match="workers: expected 1 or more or None, got 0"):
        next(make_scanner().scan_many(make_listings(), workers=0))
    with pytest.raises(InputError, match="effort: expected default or full, got 'most'"):
        Scanner(make_index(), encoder=ENCODER, detector=FakeDetector(), effort="most")  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_the_stream_is_the_callers(workers: int) -> None:
    def stream() -> Iterator[Listing]:
        yield from make_listings()[:2]
        raise ZeroDivisionError

    reports = make_scanner().scan_many(stream(), batch_size=2, workers=workers)
    assert [next(reports).listing_id, next(reports).listing_id] == ["plain", "bare"]
    with pytest.raises(ZeroDivisionError):
        next(reports)


# -- what is found


def test_match_names_its_logo_and_box() -> None:
    report = make_scanner().scan(Listing("x", (photo_of(None), photo_of(BOLT, size_px=(60, 80)))))
    assert [(m.image, m.brand, m.logo) for m in report.matches] == [(1, "Bolt", "Bolt/b")]
    assert report.matches[0].xyxy == (24.0, 14.0, 56.0, 46.0)
    assert report.matches[0].similarity > 0.98
    assert report.matches[0].probability is not None
    assert report.matches[0].probability > 0.9
    assert [(r.brand, r.probability) for r in report.brands] == [("Bolt", report.matches[0].probability)]
    assert [(i.width, i.height) for i in report.images] == [(80, 60)] * 2
    assert report.provenance.encoder.startswith("fake@")
    assert report.provenance.detector == f"fake@{DETECTOR.fingerprint}"
    assert report.provenance.ocr == "fake"
    assert report_from_json(report_to_json(report)) == report


def test_a_word_in_a_photo_is_evidence() -> None:
    report = make_scanner().scan(Listing("x", (photo_of(None, SPEAKS),)))
    assert [(m.source, m.brand, m.kind) for m in report.mentions] == [("image:0", "Bolt", "exact")]
    assert [(r.brand, r.probability) for r in report.brands] == [("Bolt", report.mentions[0].probability)]


def test_listing_without_candidate_has_no_score() -> None:
    silent = [Listing("x"), Listing("x", (photo_of(CORE),), title="A thing"), Listing("x", (b"",), claimed_brand="")]
    for listing, band in zip(silent, ("clear", "clear", "review"), strict=True):
        report = make_scanner().scan(listing)
        assert (report.score.value, report.score.band, report.score.brand) == (None, band, None)
        assert (report.brands, report.score.contributions) == ((), ())
    assert make_scanner(LogoIndex(ENCODER)).scan(silent[2]).score.band == "clear", "no brand could be there"


def test_the_highest_score_is_the_listings() -> None:
    cheap = Listing("x", (photo_of(ACME), photo_of(BOLT)), category="Shoes", price=5, currency="EUR", seller_id="bad")
    report = make_scanner().scan(cheap)
    assert [r.brand for r in report.brands] == ["Acme", "Bolt"]
    assert report.score.brand == "Acme"
    assert report.score.value == report.brands[0].score > report.brands[1].score
    raised = {c.signal for c in report.score.contributions if c.contribution > 0}
    assert raised == {"low_price", "seller_not_authorised"}


def test_a_price_in_another_currency_is_not_judged() -> None:
    euro = Listing("x", (photo_of(ACME),), title="Acme", category="Shoes", price=9, currency="EUR", seller_id="good")
    judged, report = make_scanner().scan(euro), make_scanner().scan(replace(euro, currency="JPY"))
    assert "low_price" in [c.signal for c in judged.score.contributions]
    assert not [line for line in judged.skipped if "price" in line]
    assert "low_price" not in [c.signal for c in report.score.contributions]
    assert report.skipped == (
        "price not judged for Acme: prices of Acme are known in EUR, the listing is in JPY: not compared",
    )
    assert judged.score.value is not None
    assert report.score.value is not None
    assert report.score.value < judged.score.value


def test_an_accessory_for_a_brand_is_not_its_goods() -> None:
    cheap = Listing("x", (photo_of(ACME),), category="Shoes", price=9, currency="EUR", seller_id="bad")
    own = replace(cheap, title="Acme case", claimed_brand="")
    goods, accessory = make_scanner().scan(own), make_scanner().scan(replace(own, title="Case for Acme"))
    assert [m.kind for m in accessory.mentions] == ["compatible"]
    assert accessory.score.brand == goods.score.brand == "Acme"
    assert {c.signal for c in goods.score.contributions} >= {"low_price", "seller_not_authorised", "shown_not_claimed"}
    names = {c.signal for c in accessory.score.contributions}
    assert names == {"lookalike_text", "coded_terms", "shown_not_claimed"}, "the mark is surely shown, and counts less"
    assert goods.score.value is not None
    assert accessory.score.value is not None
    assert accessory.score.value < 5 < 50 < goods.score.value


def test_a_claim_is_resolved_through_names() -> None:
    shown = Listing("x", (photo_of(BOLT),), claimed_brand="ACME!")
    report = make_scanner().scan(shown)
    assert {r.brand for r in report.brands} == {"Bolt", "Acme"}
    assert [c.signal for c in report.score.contributions if c.contribution > 0] == ["claims_another_brand"]
    assert "the listing states that its brand is Acme" in report.score.contributions[0].why


# -- calibration


def test_a_calibration_of_other_parts_is_refused() -> None:
    other = replace(CALIBRATION, detector=WholeImage().fingerprint)
    both = rf"detector {other.detector}, used with .*\(fake\) and {DETECTOR.fingerprint} \(fake\)"
    with pytest.raises(MismatchError, match=both):
        make_scanner(calibration=other)
    with pytest.raises(MismatchError, match="calibration made for encoder 0000"):
        make_scanner(calibration=replace(CALIBRATION, encoder="0000"))
    with pytest.raises(MismatchError):
        make_scanner(detector=WholeImage())
    assert make_scanner(calibration="auto").calibration is None, "none ships for the fake"


def test_without_a_calibration_nothing_has_a_probability(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="logoscan"):
        scanner = make_scanner(calibration=None)
    assert "no calibration for encoder fake with detector fake" in caplog.text
    report = scanner.scan(Listing("x", (photo_of(ACME),), title="Acme"))
    assert [m.probability for m in report.matches] == [None]
    assert [r.probability for r in report.brands] == [None]
    assert (
        report.skipped[0] == "no match calibration for this encoder and detector: matches by look carry no probability"
    )
    unnamed = scanner.scan(Listing("x", (photo_of(ACME),)))
    assert (unnamed.score.value, len(unnamed.matches)) == (None, 1)


def test_a_threshold_stands_in_for_a_calibration(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="logoscan"):
        scanner = make_scanner(calibration=None, similarity_threshold=0.95)
    assert caplog.messages == []
    report = scanner.scan(Listing("x", (photo_of(ACME),), claimed_brand=""))
    assert [(r.brand, r.probability) for r in report.brands] == [("Acme", None)]
    assert "shown_not_claimed" in [c.signal for c in report.score.contributions if c.contribution > 0]
    assert (
        make_scanner(calibration=None, similarity_threshold=0.9999).scan(Listing("x", (photo_of(ACME),))).brands == ()
    )


# -- wiring mistakes


def test_wiring_mistakes_are_errors_when_the_scanner_is_built(clip: Any) -> None:
    with pytest.raises(MismatchError, match=r"index made by fake .* used with logoscan"):
        Scanner(make_index(), encoder=clip)


def test_the_bundled_detector_is_the_default() -> None:
    assert Scanner(make_index(), encoder=ENCODER).detector.fingerprint == LogoDetector().fingerprint


# -- one picture


def test_scan_of_one_image() -> None:
    scanner = make_scanner()
    assert [m.brand for m in scanner.find_logos(photo_of(ACME))] == ["Acme"]
    assert scanner.find_logos(photo_of(ACME)) == scanner.scan(Listing("x", (photo_of(ACME),))).matches
    assert scanner.find_logos(photo_of(None)) == ()
    assert scanner.read_text(photo_of(None, SPEAKS)).texts == ("Bolt", "made in")
    for call in (scanner.find_logos, scanner.read_text):
        with pytest.raises(ImageError, match="the file is empty"):
            call(b"")
    with pytest.raises(InputError, match="expected a scanner with an OCR engine, got ocr=None"):
        make_scanner(ocr=None).read_text(photo_of(None))


# -- photos that fail


def test_bad_photos_are_warnings_and_the_good_one_is_matched(tmp_path: Path) -> None:
    Image.fromarray(photo_of(ACME)).save(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:-40])
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.jpg").touch()
    scanner = make_scanner(root=tmp_path)
    bad = ("cut.png", "text.jpg", "empty.jpg", "missing.jpg", "../outside.jpg", "/etc/hostname")
    report = scanner.scan(Listing("x", (*bad, "good.png")))
    assert [w.partition(":")[0] for w in report.warnings] == [f"image {i}" for i in range(6)]
    for name, warning in zip(("cut.png", "text.jpg", "empty.jpg", "missing.jpg"), report.warnings, strict=False):
        assert name in warning
    assert all("leads out of it" in warning for warning in report.warnings[4:])
    assert [(m.image, m.brand) for m in report.matches] == [(6, "Acme")]
    assert [i.file for i in report.images] == [*bad, "good.png"]
    assert [i.sha256 is None for i in report.images] == [True] * 6 + [False]


@pytest.mark.parametrize("part", ["ocr", "detector"])
def test_a_photo_that_breaks_a_model_costs_that_photo(part: str, caplog: pytest.LogCaptureFixture) -> None:
    class Fragile:
        """Passes on to a fake, but not the photo whose top left pixel says so."""

        name, fingerprint, description = "fake", DETECTOR.fingerprint, DETECTOR.description

        def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
            self.check(images)
            return OCR.read(images)

        def detect(self, images: Sequence[Rgb]) -> list[Regions]:
            self.check(images)
            return DETECTOR.detect(images)

        def check(self, images: Sequence[Rgb]) -> None:
            if any((image[0, 0] == (66, 6, 6)).all() for image in images):
                raise RuntimeError("out of order")

    poison = photo_of(BOLT, (66, 6, 6))
    batch = [Listing("a", (photo_of(ACME), poison)), Listing("b", (photo_of(None, SPEAKS),)), Listing("c", (poison,))]
    parts: dict[str, Any] = {part: Fragile()}
    first, second, third = make_scanner(**parts).scan_many(batch)
    assert [(m.image, m.brand) for m in first.matches] == [(0, "Acme")]
    assert first.warnings == ("image 1: cannot be examined (RuntimeError: out of order)",)
    assert [m.brand for m in second.mentions] == ["Bolt"]
    assert second.warnings == ()
    assert len(third.warnings) == 1
    assert "out of order" in caplog.text


def test_brand_not_searched_for_is_unknown_not_absent() -> None:
    """A brand without a logo, or photos that cannot be read, say nothing about what is shown."""
    index = make_index()
    index.add(Brand("Core"), [])
    named = Listing("x", (photo_of(ACME),), title="Acme, Bolt, Core", claimed_brand="")
    probability = {r.brand: r.probability for r in make_scanner(index).scan(named).brands}
    assert probability["Acme"] is not None
    assert probability["Acme"] > 0.9
    assert (probability["Bolt"], probability["Core"]) == (0.0, None)
    unseen = make_scanner(index).scan(replace(named, images=(b"",)))
    assert {r.brand: r.probability for r in unseen.brands} == {"Acme": None, "Bolt": None, "Core": None}
    assert "shown_not_claimed" not in [c.signal for c in unseen.score.contributions]


def test_claimed_brand_is_missing_only_where_photos_were_searched() -> None:
    index = make_index()
    index.add(Brand("Core"), [])

    def hidden(listing: Listing, **wiring: Any) -> float | None:
        report = make_scanner(index, **wiring).scan(replace(listing, claimed_brand=listing.title))
        return {c.signal: c.value for c in report.score.contributions}.get("claimed_not_shown")

    acme = Listing("x", (photo_of(None), photo_of(None)), title="Acme")
    assert hidden(acme) == 1.0
    assert hidden(replace(acme, images=(photo_of(None), photo_of(ACME)))) == pytest.approx(0.0, abs=0.1)
    assert hidden(replace(acme, images=(photo_of(None), b"no picture"))), "one broken photo silences nothing"
    assert hidden(replace(acme, images=(b"no picture",))) is None, "the mark may be in it"
    assert hidden(replace(acme, images=())) is None
    assert hidden(replace(acme, images=(photo_of(None, size_px=(4, 4)),) * 51)), "nor does one over the cap"
    assert hidden(replace(acme, title="Core")) is None, "the register cannot see it"
    assert hidden(acme, calibration=None) is None
    assert hidden(acme, calibration=None, similarity_threshold=0.9) == 1.0


class Suspicious:
    """An alteration check that takes every mark for mirrored, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    def check(self, crop: Rgb, drawing: Any) -> Any:
        self.asked += 1
        return SimpleNamespace(
            kinds={"faithful": 0.1, "mirrored": 0.9},
            alignment=SimpleNamespace(correlation=0.9, other=0.2, mirrored=True),
            logo_image=np.tri(16, dtype=np.uint8)[..., None].repeat(4, axis=2) * 255,  # not symmetric
        )


def test_alterations_are_checked_only_on_request() -> None:
    index = make_index()
    index.remove("Acme")
    clear = np.dstack([ACME, np.full(ACME.shape[:2], 255, np.uint8)])
    clear[0, 0, 3] = 0  # an outline: of an opaque picture only the frame could be compared
    index.add(Brand("Acme"), [("a", clear)])
    listing = Listing("x", (photo_of(ACME), photo_of(ACME), photo_of(BOLT)), claimed_brand="")

    def altered(check: Any, **wiring: Any) -> float | None:
        report = make_scanner(index, alterations=check, **wiring).scan(listing)
        return {c.signal: c.value for c in report.score.contributions}.get("altered_logo")

    idle, busy = Suspicious(), Suspicious()
    assert altered(idle) is None
    assert idle.asked == 0
    assert altered(busy, check_alterations=True) == pytest.approx(0.8, abs=0.1)
    assert busy.asked == 1, "the surest mark of each brand; Bolt's drawing has no outline"
    match = make_scanner(index).find_logos(photo_of(ACME))[0]
    assert make_scanner(index, alterations=idle).alteration(photo_of(ACME), match) is not None, "on demand all the same"
    with pytest.raises(
        InputError, match="check_alterations: expected a scanner with an AlterationCheck, got alterations=None"
    ):
        make_scanner(check_alterations=True)


def test_overlong_texts_are_truncated_and_reported() -> None:
    title = "Acme drill " + "x " * 20_000
    report = make_scanner().scan(Listing("long", title=title + "Bolt", claimed_brand="Acme", description="Bolt"))
    assert f"title: the end of {len(title) + 4} characters: over the cap of 20000" in report.skipped
    assert {(m.source, m.brand) for m in report.mentions} >= {("title", "Acme"), ("description", "Bolt")}
    assert ("title", "Bolt") not in {(m.source, m.brand) for m in report.mentions}
    assert "cap" not in str(make_scanner().scan(Listing("short", title=title[:20_000])).skipped)


def test_text_of_ligatures_is_truncated_after_folding() -> None:
    report = make_scanner().scan(Listing("long", title="\ufdfa" * 20_000, description="\ufdfa" * 1000))
    cap = "40000 letters that they stand for"
    assert f"title: the end of 20000 characters: over the cap of {cap}" in report.skipped
    assert "description" not in str(report.skipped)
    hidden = "nice bag " * 125 + "Bolt " + "\ufdfa" * 2200  # costly letters at the end hide nothing before them
    assert "Bolt" in {m.brand for m in make_scanner().scan(Listing("hidden", description=hidden)).mentions}


def test_lines_that_were_not_read_stand_in_the_report() -> None:
    class Hasty(FakeOcr):
        def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
            boxes = np.array([[0, 0, 9, 3], [0, 4, 9, 7]], np.float32)
            return [replace(s, unread_xyxy=boxes[:n], unread_scripts=()) for n, s in enumerate(super().read(images))]

    report = make_scanner(ocr=Hasty()).scan(Listing("L", (photo_of(ACME), photo_of(BOLT), photo_of(None))))
    told = [line for line in report.skipped if "lines" in line or "line " in line]
    assert told == [
        "image 1: 1 more line of small text not read, to save work",
        "image 2: 2 more lines of small text not read, to save work",
    ]


def test_scan_searches_fifty_photos_at_most() -> None:
    """The first ten, and a draw from the others; a listing of which photos were passed over is not clear."""
    blank = photo_of(None, size_px=(4, 4))
    many = Listing("many", (photo_of(ACME), *[blank] * 99, photo_of(BOLT)))
    report = make_scanner().scan(many)
    assert [(m.image, m.brand) for m in report.matches if m.brand == "Acme"] == [(0, "Acme")]
    looked = [i for i, record in enumerate(report.images) if record.sha256]
    assert (len(looked), looked[:10]) == (50, list(range(10)))
    assert (report.score.band, make_scanner().scan(replace(many, images=many.images[:50])).score.band) == (
        "review",
        "review",
    )
    (told,) = [line for line in report.skipped if "cap" in line]
    assert told.startswith("images ")
    assert told.endswith(": over the cap of 50")
    after = list(make_scanner().scan_many([many, Listing("next", (photo_of(BOLT),))], batch_size=2))
    assert timeless(after[0]) == timeless(report)
    assert [(m.image, m.brand) for m in after[1].matches] == [(0, "Bolt")]
    assert "cap" not in str(make_scanner().scan(Listing("fifty", (blank,) * 50)).skipped)
    assert make_scanner().scan(Listing("fifty", (blank,) * 50)).score.band == "clear"
    assert make_scanner().scan(Listing("fifty-one", (blank,) * 51)).score.band == "review"


def test_sellers_cannot_hide_photos_behind_the_cap() -> None:
    """Goods in one photo of sixty are found in most listings, wherever they stand."""
    blank, scanner = photo_of(None, size_px=(4, 4)), make_scanner(ocr=None)
    for place in (50, 59):
        photos = [blank] * 60
        photos[place] = photo_of(ACME)
        reports = [scanner.scan(Listing(f"listing {n}", tuple(photos))) for n in range(8)]
        assert sum(bool(report.matches) for report in reports) >= 4
        assert {report.score.band for report in reports} == {"review"}


def test_a_listing_of_very_many_photos_makes_a_short_report() -> None:
    report = make_scanner().scan(Listing("many", (photo_of(None, size_px=(4, 4)),) * 100_000))
    assert len(report.images) <= 500
    assert max(map(len, report.skipped)) < 300
    assert report.score.band == "review"


# -- change and threads


def test_a_change_between_batches_is_seen() -> None:
    index = make_index()
    reports = make_scanner(index).scan_many(
        [Listing(str(i), (photo_of(CORE), photo_of(ACME))) for i in range(3)], batch_size=1, workers=1
    )
    assert [r.brand for r in next(reports).brands] == ["Acme"]
    index.add(Brand("Core"), [("c", CORE)])
    second = next(reports)
    assert [r.brand for r in second.brands] == ["Acme", "Core"]
    index.remove("Acme")
    third = next(reports)
    assert [r.brand for r in third.brands] == ["Core"]
    assert second.provenance.index != third.provenance.index == index.fingerprint


def test_a_change_during_a_scan_does_not_disturb_it() -> None:
    index = make_index()
    before = index.fingerprint

    class Meddler(FakeOcr):
        """Empties the index while the photos are being read."""

        def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
            index.keep([])
            index.add(Brand("Core"), [("c", ACME)])
            return super().read(images)

    scanner = make_scanner(index, ocr=Meddler({SPEAKS: ["Bolt"]}))
    batch = [Listing("a", (photo_of(ACME),)), Listing("b", (photo_of(ACME, SPEAKS),))]
    reports = list(scanner.scan_many(batch, batch_size=2))
    assert [[r.brand for r in report.brands] for report in reports] == [["Acme"], ["Acme", "Bolt"]]
    assert {report.provenance.index for report in reports} == {before}
    assert [r.brand for r in scanner.scan(batch[0]).brands] == ["Core"]


def test_scanner_is_thread_safe() -> None:
    scanner = make_scanner()
    alone = [timeless(report) for report in scanner.scan_many(make_listings())]
    with ThreadPoolExecutor(8) as pool:
        for reports in pool.map(
            lambda size: list(scanner.scan_many(make_listings(), batch_size=size)), [1, 2, 3, 7] * 8
        ):
            assert [timeless(report) for report in reports] == alone


def test_listings_are_never_changed_by_a_scan() -> None:
    photo = photo_of(ACME, BLACK)
    before = photo.copy()
    make_scanner().scan(Listing("x", (photo,)))
    np.testing.assert_array_equal(photo, before)


def test_an_empty_snapshot_is_judged_as_given() -> None:
    scanner = make_scanner()
    listing = Listing("x", (photo_of(ACME),))
    seen = scanner.features(listing.images)
    assert scanner.judge(listing, seen).brands != ()
    report = scanner.judge(listing, seen, LogoIndex(ENCODER))
    assert (report.brands, report.matches) == ((), ())


# -- names and negatives


class ReadingEncoder(FakeEncoder):
    """Knows every name as the vector of Core's logo."""

    has_text = True

    def encode_text(self, texts: Sequence[str]) -> Embeddings:
        return encode_images(self, [CORE if text == "Core" else quarters(WHITE, WHITE, WHITE, WHITE) for text in texts])


def test_a_brand_registered_by_its_name_alone_is_shown_by_it() -> None:
    encoder = ReadingEncoder()
    index = LogoIndex(encoder)
    index.add_many([(Brand("Acme"), [("a", ACME)]), (Brand("Core"), [])])
    by_name = replace(CALIBRATION, kind="name")
    scanner = Scanner(
        index, encoder=encoder, detector=DETECTOR, calibration=CALIBRATION, name_calibration=by_name, ocr=None
    )
    report = scanner.scan(Listing("1", images=(photo_of(CORE),)))
    assert report.brands[0].brand == "Core"
    assert (report.brands[0].probability or 0) > 0.9
    assert report.matches[0].logo == "Core/Core"
    uncalibrated = Scanner(index, encoder=encoder, detector=DETECTOR, calibration=CALIBRATION, ocr=None)
    assert any("no name calibration" in s for s in uncalibrated.scan(Listing("0", images=(photo_of(CORE),))).skipped)
    index.remove("Core")
    assert all(m.brand != "Core" for m in scanner.scan(Listing("2", images=(photo_of(CORE),))).matches)
    with pytest.raises(MismatchError, match=r"logo calibration made for .* as name calibration"):
        Scanner(index, encoder=encoder, detector=DETECTOR, name_calibration=CALIBRATION)


def test_a_users_negative_changes_the_answer() -> None:
    false_alarm = quarters(RED, WHITE, BLUE, (225, 150, 90))
    index = make_index()
    scanner = make_scanner(index, calibration=replace(CALIBRATION, intercept=-40.0, similarity=40.0, margin=10.0))

    def acme(photo: Rgb) -> float:
        report = scanner.scan(Listing("1", images=(photo_of(photo),)))
        return max((m.probability or 0.0 for m in report.matches if m.brand == "Acme"), default=0.0)

    assert acme(false_alarm) > 0.8
    index.add_negative(false_alarm, "Acme")
    assert acme(false_alarm) < 0.2
    assert acme(ACME) > acme(false_alarm) + 0.1, "the logo itself stays nearer to its drawing than to the negative"


def test_own_negatives_silence_a_brand_only_where_they_raise_its_threshold() -> None:
    index = make_index()
    scanner = make_scanner(
        index, calibration=replace(CALIBRATION, threshold=0.9, intercept=-8.0, similarity=9.0, margin=0.0)
    )
    listing = Listing("1", images=(photo_of(quarters(RED, WHITE, BLUE, (225, 150, 90))),))

    def acme() -> float:
        return max((m.probability or 0.0 for m in scanner.scan(listing).matches if m.brand == "Acme"), default=0.0)

    before = acme()
    assert 0.2 < before < 0.9, "doubtful, and reported"
    for grey in range(5):
        index.add_negative(quarters(*[(100 + grey,) * 3] * 4), "Acme")
    assert acme() == before


def test_a_threshold_for_logos_is_no_threshold_for_names() -> None:
    encoder = ReadingEncoder()
    index = LogoIndex(encoder)
    index.add_many([(Brand("Acme"), [("a", ACME)]), (Brand("Core"), [])])
    listing = Listing("1", images=(photo_of(CORE),))
    plain = Scanner(index, encoder=encoder, detector=DETECTOR, calibration=None, similarity_threshold=0.5, ocr=None)
    assert all(b.brand != "Core" for b in plain.scan(listing).brands), "its cosine to a name is another measure"
    by_name = replace(CALIBRATION, kind="name")
    both = Scanner(
        index, encoder=encoder, detector=DETECTOR, calibration=None, name_calibration=by_name,
        similarity_threshold=0.5, ocr=None,
    )  # fmt: skip
    assert [b.brand for b in both.scan(listing).brands] == ["Core"]


def test_case_counts_evidence_per_photo() -> None:
    cases = []
    wiring: dict[str, Any] = {"signals": [*DEFAULT_SIGNALS, lambda case: cases.append(case)]}
    listing = Listing("x", (photo_of(ACME), photo_of(BOLT), b"no picture"), claimed_brand="Bolt")
    make_scanner(**wiring).scan(listing)
    acme = next(case for case in cases if case.brand.name == "Acme")
    assert acme.shown_apart == acme.shown
    assert acme.claimed_shown > 0.9
    assert (acme.searched, acme.searched_share) == (True, pytest.approx(2 / 3))
