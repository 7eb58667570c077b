"""Drawings laid over photos: registered for real, with the bundled points and a fake encoder that proposes them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import FakeDetector, FakeEncoder
from labels import label, laid, photo

from logoscan import Brand, Listing, LogoIndex, Scanner
from logoscan.boxes import iou
from logoscan.images import crop

ENCODER = FakeEncoder()
MATRIX, CORNERS = laid([(200, 60), (420, 80), (400, 400), (190, 380)])
PHOTO = photo(label(), MATRIX)


def register() -> LogoIndex:
    index = LogoIndex(ENCODER.info)
    entries = [(Brand(name), [("pack.png", label(seed))]) for seed, name in enumerate(("Kelvo", "Brenta", "Sumi"))]
    assert index.add_many(entries, ENCODER) == []
    return index


def scanner(index: LogoIndex) -> Scanner:
    return Scanner(index, encoder=ENCODER, detector=FakeDetector())


def test_a_pack_is_found_where_it_lies() -> None:
    found = scanner(register()).find_logos(PHOTO)
    (match,) = [m for m in found if m.points]
    assert (match.brand, match.logo) == ("Kelvo", "Kelvo/pack.png")
    assert match.points > 20
    assert match.probability is not None
    assert match.probability > 0.95
    box = np.array([[*CORNERS.min(axis=0), *CORNERS.max(axis=0)]], np.float32)
    assert iou(np.array([match.xyxy], np.float32), box)[0, 0] > 0.85
    assert all(m.probability is None for m in found if not m.points)  # the fake encoder has no calibration
    assert found[0] == match


def test_points_alone_can_show_a_brand() -> None:
    report = scanner(register()).scan(Listing("1", images=(PHOTO,), claimed_brand=""))
    assert [(b.brand, b.score > 0) for b in report.brands] == [("Kelvo", True)]
    assert [m.brand for m in report.matches if m.points] == ["Kelvo"]


def test_a_photo_without_places_or_points_has_no_match() -> None:
    plain = np.full((200, 200, 3), 120, np.uint8)
    assert scanner(register()).find_logos(plain) == ()
    assert scanner(LogoIndex(ENCODER.info)).find_logos(PHOTO) == ()


def test_a_register_without_drawings_is_searched_by_looks_alone() -> None:
    index = register()
    index._state.drawings.clear()  # type: ignore[attr-defined]
    found = scanner(index).find_logos(PHOTO)
    assert found
    assert not any(m.points for m in found)


@pytest.mark.parametrize("brand", ["Kelvo", None])
def test_what_users_rejected_is_matched_no_more(brand: str | None, tmp_path: Path) -> None:
    index = register()
    eye = scanner(index)
    whole = np.array([[0, 0, 640, 480]], np.float32)
    (region,) = FakeDetector().detect([PHOTO])
    assert iou(region.xyxy, whole)[0, 0] > 0.99
    rejected = index.add_negative(PHOTO, ENCODER, brand)
    assert not any(m.points for m in eye.find_logos(PHOTO))
    index.save(tmp_path)
    assert not any(m.points for m in scanner(LogoIndex.load(tmp_path)).find_logos(PHOTO))
    index.remove_negative(rejected, brand)
    assert [m.brand for m in eye.find_logos(PHOTO) if m.points] == ["Kelvo"]


def test_a_negative_of_another_brand_does_not_matter() -> None:
    index = register()
    index.add_negative(PHOTO, ENCODER, "Sumi")
    assert [m.brand for m in scanner(index).find_logos(PHOTO) if m.points] == ["Kelvo"]


def test_each_brand_has_one_placement_by_its_best_drawing() -> None:
    index = register()
    part = crop(label(), (0, 0, 160, 90))
    index.add(Brand("Kelvo"), [("part.png", part), ("pack.png", label())], ENCODER)
    (match,) = [m for m in scanner(index).find_logos(PHOTO) if m.points]
    assert match.logo == "Kelvo/pack.png"


def test_a_placement_never_leaves_the_photo() -> None:
    matrix, _ = laid([(-60, -40), (260, -30), (250, 420), (-50, 400)])
    cut = photo(label(), matrix)
    (match,) = [m for m in scanner(register()).find_logos(cut) if m.points]
    x0, y0, x1, y1 = match.xyxy
    assert (x0, y0) == (0.0, 0.0)
    assert x1 <= 640
    assert y1 <= 480
    assert cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY).std() > 5  # there was something to see
