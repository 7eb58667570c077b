"""The one way from a listing to its report: steps one by one are a scan, and each stage is timed by its name."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import BLUE, GREEN, RED, WHITE, YELLOW, FakeDetector, FakeEncoder, FakeOcr, photo_of, quarters
from PIL import Image

from logoscan import Brand, Listing, LogoIndex, Report, Scanner
from logoscan.errors import InputError
from logoscan.vision.sift import Keypoints

ACME = quarters(RED, WHITE, BLUE, YELLOW)
STAGES = {
    "open", "codes", "detect", "encode", "keypoints", "read", "search", "match", "alterations", "text", "judge"
}  # fmt: skip


def scanner(**parts: Any) -> Scanner:
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    index.add("Acme", ("logo", ACME))
    settings: dict[str, Any] = {"detector": FakeDetector(), "ocr": FakeOcr({GREEN: ["Acme"]}), "root": None}
    return Scanner(index, encoder=encoder, similarity_threshold=0.9, **settings | parts)


def timeless(report: Report) -> Report:
    return replace(report, provenance=replace(report.provenance, time=""))


LISTINGS = [
    Listing("a", (photo_of(ACME), photo_of(None, GREEN)), title="A shoe"),
    Listing("b", (b"no photo",), title="Acme shoe", claimed_brand="Acme"),
    Listing("c", title="nothing"),
]


def test_the_steps_one_by_one_are_a_scan() -> None:
    eye = scanner()
    pipeline, index = eye.pipeline, eye.index.snapshot()
    photos = pipeline.features(LISTINGS)
    matches = pipeline.match(photos, index)
    reports = []
    for listing, own_photos, own_matches in zip(LISTINGS, photos, matches, strict=True):
        altered = pipeline.alterations(listing, own_matches, index)
        text = pipeline.text(listing, own_photos, index)
        reports.append(pipeline.report(text, own_photos, index, own_matches, altered))
    assert list(map(timeless, reports)) == [timeless(report) for report in eye.scan_many(LISTINGS)]
    assert [bool(report.matches) for report in reports] == [True, False, False]


def test_both_halves_of_a_scan_and_the_gate_give_its_report() -> None:
    eye = scanner()
    for listing in LISTINGS:
        report = timeless(eye.scan(listing))
        assert timeless(eye.judge(listing, eye.features(listing.images))) == report
        assert timeless(eye.screen(listing, deadline_s=math.inf).report) == report


def test_every_stage_is_timed_by_its_name() -> None:
    calls: Counter[str] = Counter()

    def count(stage: str, seconds: float) -> None:
        assert seconds >= 0
        calls[stage] += 1

    eye = scanner(on_stage=count)
    list(eye.scan_many(LISTINGS, workers=1))
    assert calls.keys() == STAGES
    before = dict(calls)
    eye.screen(LISTINGS[0], deadline_s=math.inf)
    in_the_gate = STAGES - {"alterations", "text"}  # the gate reads text in parts, and compares no alterations here
    assert all(calls[stage] > before[stage] for stage in in_the_gate)


def test_a_scanner_without_keypoints_finds_none() -> None:
    class Points:
        def extract(self, image: Any) -> Keypoints:
            pytest.fail("keypoints were asked for")

    calls: Counter[str] = Counter()
    eye = scanner(keypoints=None, on_stage=lambda stage, _: calls.update([stage]))
    assert eye.scan(LISTINGS[0]).matches
    assert "keypoints" not in calls
    with pytest.raises(pytest.fail.Exception, match="were asked for"):
        scanner(keypoints=Points()).find_logos(photo_of(ACME))


def test_default_wires_an_index_with_its_own_encoder(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    index.add(Brand("Acme"), ("logo", ACME))
    eye = Scanner.default(index, detector=FakeDetector(), ocr="none", similarity_threshold=0.9)
    assert (eye.encoder, eye.ocr, eye.index) == (encoder, None, index)
    index.save(tmp_path / "index")
    again = Scanner.default(
        tmp_path / "index", encoder=encoder, detector=FakeDetector(), ocr=None, similarity_threshold=0.9
    )
    assert again.index.fingerprint == index.fingerprint
    (tmp_path / "brands" / "Acme").mkdir(parents=True)
    Image.fromarray(ACME).save(tmp_path / "brands" / "Acme" / "logo.png")
    made = Scanner.default(
        str(tmp_path / "brands"), encoder=encoder, detector=FakeDetector(), ocr=None, similarity_threshold=0.9
    )
    assert [logo.id for logo in made.index.logos][:1] == ["Acme/logo.png"]
    for each in (eye, again, made):
        assert each.scan(LISTINGS[0]).brands[0].brand == "Acme"


def test_a_folder_of_photos_is_scanned(tmp_path: Path) -> None:
    (tmp_path / "shoes").mkdir()
    Image.fromarray(photo_of(ACME)).save(tmp_path / "shoes" / "a.png")
    Image.fromarray(photo_of(None)).save(tmp_path / "b.png")
    reports = list(scanner().scan_folder(tmp_path))
    assert [(report.listing_id, len(report.matches)) for report in reports] == [("b.png", 0), ("shoes/a.png", 1)]
    with pytest.raises(InputError, match="folder: expected a folder of photos"):
        scanner().scan_folder(tmp_path / "gone")


def test_what_is_no_listing_is_refused() -> None:
    with pytest.raises(InputError, match="listing: expected a Listing, got str"):
        list(scanner().scan_many(["a"], workers=1))  # type: ignore[list-item]
    with pytest.raises(InputError, match="listing: expected a Listing, got str"):
        scanner().screen("a", deadline_s=1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="images: expected photos in a sequence, got str"):
        scanner().features("photo.jpg")
    with pytest.raises(InputError, match="brands: expected a folder of brand folders, an index folder or an index"):
        Scanner.default("no/such/folder")


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_metric_that_fails_costs_nothing_but_a_line_of_the_log(stage: str, caplog: pytest.LogCaptureFixture) -> None:
    def fail(name: str, seconds: float) -> None:
        if name == stage:
            raise RuntimeError("metrics are down")

    reports = [timeless(report) for report in scanner(on_stage=fail).scan_many(LISTINGS, workers=1)]
    assert reports == [timeless(report) for report in scanner().scan_many(LISTINGS, workers=1)]
    assert f"on_stage('{stage}') failed" in caplog.text


class Broken(FakeEncoder):
    """Answers what no index could search for photos that hold a green pixel."""

    def __init__(self, answer: str) -> None:
        super().__init__()
        self._answer = answer

    def encode_pixels(self, pixels: Any) -> Any:
        vectors = super().encode_pixels(pixels)
        if not (pixels == GREEN).all(axis=-1).any():
            return vectors
        return {"nan": vectors * np.nan, "float64": vectors.astype(np.float64), "short": vectors[:-1]}[self._answer]


@pytest.mark.parametrize("answer", ["nan", "float64", "short"])
def test_a_vector_that_cannot_be_searched_costs_its_photo_not_the_stream(answer: str) -> None:
    encoder = Broken(answer)
    index = LogoIndex(encoder)
    index.add("Acme", ("logo", ACME))
    eye = Scanner(index, encoder=encoder, detector=FakeDetector(), similarity_threshold=0.9)
    green = quarters(GREEN, WHITE, BLUE, GREEN)
    first, broken, last = eye.scan_many(
        [Listing("1", (photo_of(ACME),)), Listing("2", (photo_of(green),)), LISTINGS[0]]
    )
    assert first.matches
    assert last.matches
    assert broken.warnings[0].startswith("image 0: cannot be examined (InputError: encoder: expected")
    assert broken.score.band == "review"
    with pytest.raises(InputError, match="encoder: expected"):
        index.add("Green", ("logo", green))
