"""Reports on disk and on photos."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import form, make_report, names, quick, reports

from logoscan.errors import CorruptFileError
from logoscan.io.sealed_lines import seal
from logoscan.reporting.jsonl import read_reports, report_from_json, report_to_json, write_reports
from logoscan.reporting.overlay import draw_overlay
from logoscan.results import BrandResult, ImageRecord, Report, Signal, TextLine, UnreadLine
from logoscan.scoring.model import ScoreModel
from logoscan.types import BrandMention, Match, Rgb

PHOTO = np.full((500, 600, 3), 90, np.uint8)


def full_report() -> Report:
    """One of everything."""
    score = ScoreModel().score("Acme", [Signal("low_price", 1 / 3, "cheap"), Signal("lookalike_text", 0.7, "ACMEE")])
    return make_report(
        seller_id="S",
        score=score,
        matches=(make_match(),),
        mentions=(BrandMention("title", "ACMEE", "Acme", "near", 0.2, 0.4),),
        warnings=("image 1: broken.jpg: the file is empty",),
        skipped=("price not judged",),
        brands=(BrandResult("Acme", 0.9, 40.0, True),),
        text=(TextLine(0, (1.0, 2.0, 3.0, 4.0), "ACMEE", 0.9),),
        unread=(UnreadLine(0, (5.0, 6.0, 7.0, 8.0), "Cyrl"),),
        images=(ImageRecord("a.jpg", "00", 600, 500), ImageRecord("broken.jpg", None, None, None)),
    )


def make_match(
    xyxy: tuple[float, float, float, float] = (100.0, 120.0, 300.0, 220.0),
    brand: str = "Acme",
    probability: float | None = 0.9,
    image: int = 0,
) -> Match:
    return Match(image, xyxy, brand, f"{brand}/logo.png", 0.5, 0.1, probability)


# -- JSON


def test_an_empty_report_round_trips() -> None:
    report = make_report()
    assert report_from_json(report_to_json(report)) == report


@settings(quick, max_examples=25)
@given(report=reports())
def test_report_round_trips_bit_for_bit(report: Report) -> None:
    text = report_to_json(report)
    again = report_from_json(text)
    assert again == report
    assert repr(again) == repr(report)
    assert report_to_json(again) == text


def test_the_keys_are_those_of_the_format() -> None:
    values = json.loads(report_to_json(full_report()))
    assert set(values) == {
        "schema_version", "listing_id", "seller_id", "score", "brands", "matches", "mentions", "warnings", "skipped",
        "images", "provenance", "listing", "price", "text", "unread", "codes", "contacts", "declared", "sha256",
    }  # fmt: skip
    assert set(values["score"]) == {
        "value", "band", "brand", "bias", "contributions", "coverage", "model", "doubts",
    }  # fmt: skip
    assert set(values["score"]["contributions"][0]) == {"signal", "value", "contribution", "why"}
    assert set(values["matches"][0]) == {
        "image", "xyxy", "brand", "logo", "similarity", "margin", "probability", "kind", "keypoints",
    }  # fmt: skip
    assert set(values["mentions"][0]) == {"source", "text", "brand", "kind", "distance", "probability", "xyxy"}
    assert set(values["images"][0]) == {"file", "sha256", "width", "height", "pdq"}
    assert set(values["text"][0]) == {"image", "xyxy", "text", "confidence"}
    assert set(values["unread"][0]) == {"image", "xyxy", "script"}
    assert set(values["brands"][0]) == {"brand", "probability", "score", "named"}
    assert set(values["provenance"]) == {
        "version", "encoder", "index", "detector", "ocr", "score_model", "device", "time", "precision", "runtime",
        "threshold", "packs",
    }  # fmt: skip


def _altered(path: tuple[str | int, ...], value: Any) -> str:
    values = json.loads(report_to_json(full_report()))
    place = values
    for step in path[:-1]:
        place = place[step]
    assert place[path[-1]] != value
    place[path[-1]] = value
    del values["sha256"]
    return seal(json.dumps(values))


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("score", "value"), 12.0, "the sum of its contributions, got 12.0"),
        (("score", "value"), None, "expected a number exactly when there is a brand"),
        (("score", "bias"), -4.001, "the sum of its contributions"),
        (("score", "contributions", 0, "contribution"), 0.0, "the sum of its contributions"),
        (("score", "contributions", 1, "contribution"), 1.3334, "the sum of its contributions"),
        (("score", "contributions"), [], "the sum of its contributions"),
        (("score", "contributions", 0, "value"), 1.5, "expected a finite number in [0, 1], got 1.5"),
        (("score", "band"), "ok", "Input should be 'clear', 'review' or 'block'"),
        (("score", "coverage"), 2.0, "expected a finite number in [0, 1], got 2.0"),
        (("schema_version",), 2, "expected 3, got 2; another version of logoscan wrote it"),
        (("matches", 0, "image"), 2, "expected picture numbers below 2, got 2"),
        (("matches", 0, "xyxy"), [1, 2, 3], "xyxy"),
        (
            ("mentions", 0, "kind"),
            "far",
            "Input should be 'exact', 'near', 'partial', 'compatible', 'style' or 'denied'",
        ),
        (("listing_id",), None, "listing_id: Input should be a valid string"),
        (("text", 0, "image"), 2, "Report.text: expected picture numbers below 2, got 2"),
        (("unread", 0, "image"), -1, "Report.unread: expected picture numbers below 2, got -1"),
        (("unread", 0, "script"), "Cyrillic", "UnreadLine.script: expected an ISO 15924 code such as 'Cyrl', or None"),
    ],
)
def test_an_altered_report_does_not_load(tmp_path: Path, path: tuple[str | int, ...], value: Any, reason: str) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(f"{report_to_json(full_report())}\n{_altered(path, value)}\n", encoding="utf-8")
    rows = read_reports(file)
    assert next(rows) == full_report()
    with pytest.raises(CorruptFileError) as caught:
        next(rows)
    assert str(caught.value).startswith(f"{file}, line 2: expected a Report: ")
    assert reason in str(caught.value)


def test_file_of_no_reports(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    for text in ("\n", "\n\n"):
        file.write_text(text, encoding="utf-8")
        assert list(read_reports(file)) == []
    write_reports(file, [])
    assert list(read_reports(file)) == []
    file.write_text("")
    with pytest.raises(CorruptFileError, match=r"r\.jsonl: cut short after 0 reports"):
        list(read_reports(file))


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    row = report_to_json(full_report())
    file.write_text(f"{row}\n\n{row}", encoding="utf-8")
    assert list(read_reports(str(file))) == [full_report()] * 2
    file.write_text(f"{row}\n\nnonsense\n", encoding="utf-8")
    with pytest.raises(CorruptFileError, match=r"r\.jsonl, line 3: "):
        list(read_reports(file))


@pytest.mark.parametrize("cut", [2, 20, 200])
def test_a_torn_line_is_named(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "r.jsonl"
    row = report_to_json(full_report())
    file.write_text(f"{row}\n{row[:-cut]}", encoding="utf-8")
    with pytest.raises(CorruptFileError, match=r"r\.jsonl, line 2: (not JSON|altered)"):
        list(read_reports(file))


def test_a_line_torn_before_its_first_letter_is_named(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(f"{report_to_json(full_report())}\n  ", encoding="utf-8")
    with pytest.raises(CorruptFileError, match=r"r\.jsonl, line 2: torn"):
        list(read_reports(file))


def test_every_flipped_bit_and_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    rows = [make_report(listing_id=str(number)) for number in range(3)]
    write_reports(file, rows)
    good = file.read_bytes()
    assert list(read_reports(file)) == rows
    for place in range(len(good)):
        file.write_bytes(good[:place])
        if place < len(good) - 1:  # without its last end of line it is whole
            with pytest.raises(CorruptFileError, match=r"r\.jsonl"):
                list(read_reports(file))
        file.write_bytes(good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])
        with pytest.raises(CorruptFileError, match=r"r\.jsonl"):
            list(read_reports(file))


def test_parts_and_selections_of_a_file(tmp_path: Path) -> None:
    rows = [make_report(listing_id=str(number)) for number in range(4)]
    write_reports(tmp_path / "r.jsonl", rows)
    one, two, three, four = (tmp_path / "r.jsonl").read_text("utf-8").splitlines(keepends=True)

    def read(text: str, name: str = "few.jsonl") -> list[str]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return [report.listing_id for report in read_reports(tmp_path / name)]

    assert read(one + two, "few.jsonl.partial") == ["0", "1"]
    assert read(two + three) == ["1", "2"], "a selection that is no beginning was made on purpose"
    assert read(one + three) == ["0", "2"]
    assert read((one + two + three + four) * 2) == ["0", "1", "2", "3"] * 2
    for text in (one, one + two, one + two + three, one + two + three + four + one):
        with pytest.raises(CorruptFileError, match=r"few\.jsonl: cut short after \d reports, .* named \*\.partial"):
            read(text)


def test_every_report_needs_its_seal(tmp_path: Path) -> None:
    values = json.loads(report_to_json(full_report()))
    unsealed = {key: value for key, value in values.items() if key != "sha256"}
    without = {key: value for key, value in unsealed.items() if key != "schema_version"}
    for other in (unsealed, values, without, {**values, "schema_version": 1}, {**without, "schema_versioo": 1}):
        with pytest.raises(CorruptFileError, match=r"expected its SHA-256 at the end|it is not what its SHA-256"):
            report_from_json(json.dumps(other))


# -- overlays


def test_no_matches_leave_the_photo_as_it_is() -> None:
    drawn = draw_overlay(PHOTO, ())
    np.testing.assert_array_equal(drawn, PHOTO)
    assert drawn is not PHOTO


def test_a_match_is_framed_and_labelled() -> None:
    before = PHOTO.copy()
    drawn = draw_overlay(PHOTO, (make_match(),))
    np.testing.assert_array_equal(PHOTO, before, "the photo itself is left alone")
    assert form(drawn) == form(PHOTO)
    blue = [0, 114, 178]
    for x, y in ((100, 170), (299, 170), (200, 120), (200, 219)):
        assert drawn[y, x].tolist() == blue
    assert (drawn[125:215, 105:295] == 90).all(), "nothing is drawn inside of the box"
    assert (drawn[230:] == 90).all()
    label = drawn[95:120, 100:300]
    assert (label == 255).all(axis=2).sum() > 50, "white letters above the box"
    assert (label == blue).all(axis=2).sum() > 500


def test_unsure_matches_are_not_drawn() -> None:
    for probability in (0.0, 0.19):
        np.testing.assert_array_equal(draw_overlay(PHOTO, (make_match(probability=probability),)), PHOTO)
    for match in (make_match(probability=0.2), make_match(probability=None)):
        assert (draw_overlay(PHOTO, (match,)) != PHOTO).any()
    assert (draw_overlay(PHOTO, (make_match(probability=0.19),), at_least=0.1) != PHOTO).any()


def test_brands_have_their_own_colours_and_labels_do_not_cover_one_another() -> None:
    matches = tuple(make_match((100.0, 200.0, 300.0 + 10 * i, 300.0), brand) for i, brand in enumerate("ABA"))
    drawn = draw_overlay(PHOTO, matches)
    labels = drawn[:, :].reshape(-1, 3)
    blue, orange = ((labels == colour).all(axis=1).sum() for colour in ([0, 114, 178], [213, 94, 0]))
    alone = (draw_overlay(PHOTO, matches[1:2]) == [0, 114, 178]).all(axis=2).sum()
    assert blue > 1000
    assert orange > 0.5 * alone, "the second brand's label is not painted over"


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((1, 1), (480, 480)),
        ((479, 900), (958, 1800)),
        ((480, 900), (480, 900)),
        ((2, 3000), (2, 3000)),
        ((1, 30), (136, 4080)),
    ],
)
def test_a_small_photo_is_enlarged_within_reason(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    photo = np.full((*size, 3), 90, np.uint8)
    assert draw_overlay(photo, (make_match((0.0, 0.0, 1.0, 1.0)),)).shape[:2] == drawn


def test_boxes_are_enlarged_with_their_photo() -> None:
    small: Rgb = np.full((60, 100, 3), 90, np.uint8)
    assert draw_overlay(small, ()).shape == (480, 800, 3)
    drawn = draw_overlay(small, (make_match((10.0, 20.0, 30.0, 40.0)),))
    assert drawn[240, 80].tolist() == [0, 114, 178]


@pytest.mark.parametrize(
    "xyxy",
    [
        (10.0, 10.0, 10.5, 10.5),
        (599.5, 499.5, 600.0, 500.0),
        (-50.0, -50.0, 700.0, 700.0),
        (700.0, 700.0, 710.0, 710.0),
        (0.0, 0.0, 600.0, 1.0),
    ],
)
def test_any_box_can_be_drawn(xyxy: tuple[float, float, float, float]) -> None:
    assert draw_overlay(PHOTO, (make_match(xyxy),)).shape == PHOTO.shape


@pytest.mark.parametrize("brand", ["日本", "عربي", "😀", "A\nB", "x" * 500, "\t", "\0"])
def test_any_name_can_be_drawn(brand: str) -> None:
    assert (draw_overlay(PHOTO, (make_match(brand=brand),)) != PHOTO).any()


_numbers = st.floats(-1e4, 1e4)


@settings(quick, max_examples=20)
@given(boxes=st.lists(st.tuples(_numbers, _numbers, _numbers, _numbers, names), max_size=3))
def test_any_match_can_be_drawn(boxes: list[tuple[float, float, float, float, str]]) -> None:
    matches = tuple(make_match(row[:4], row[4]) for row in boxes)
    assert draw_overlay(np.zeros((160, 200, 3), np.uint8), matches).shape == (480, 600, 3)
