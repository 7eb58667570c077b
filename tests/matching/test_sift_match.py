"""Logo images laid over photos: registered for real, with bundled keypoints and a fake encoder that proposes them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import FakeDetector, FakeEncoder
from labels import label, laid, photo

from logoscan import Brand, ClipEncoder, Listing, LogoIndex, Scanner
from logoscan.images.boxes import iou
from logoscan.images.crops import crop

ENCODER = FakeEncoder()
MATRIX, CORNERS = laid([(200, 60), (420, 80), (400, 400), (190, 380)])
PHOTO = photo(label(), MATRIX)


def register() -> LogoIndex:
    index = LogoIndex(ENCODER)
    entries = [(Brand(name), [("pack.png", label(seed))]) for seed, name in enumerate(("Kelvo", "Brenta", "Sumi"))]
    assert index.add_many(entries) == []
    return index


def scanner(index: LogoIndex) -> Scanner:
    return Scanner(index, encoder=ENCODER, detector=FakeDetector())


def test_sift_match_locates_a_pack() -> None:
    found = scanner(register()).find_logos(PHOTO)
    (match,) = [m for m in found if m.kind == "keypoints"]
    assert (match.brand, match.logo) == ("Kelvo", "Kelvo/pack.png")
    assert match.keypoints > 20
    assert match.probability is not None
    assert match.probability > 0.95
    box = np.array([[*CORNERS.min(axis=0), *CORNERS.max(axis=0)]], np.float32)
    assert iou(np.array([match.xyxy], np.float32), box)[0, 0] > 0.85
    assert all(m.probability is None for m in found if m.kind == "appearance")  # the fake encoder has no calibration
    assert found[0] == match


def test_keypoints_alone_can_match_a_brand() -> None:
    report = scanner(register()).scan(Listing("1", images=(PHOTO,), claimed_brand=""))
    assert [(b.brand, b.score > 0) for b in report.brands] == [("Kelvo", True)]
    assert [m.brand for m in report.matches if m.kind == "keypoints"] == ["Kelvo"]


def test_photo_without_regions_or_keypoints_has_no_match() -> None:
    plain = np.full((200, 200, 3), 120, np.uint8)
    assert scanner(register()).find_logos(plain) == ()
    assert scanner(LogoIndex(ENCODER)).find_logos(PHOTO) == ()
    square = plain.copy()
    square[80:120, 80:120] = 30  # a place, with hardly a point
    assert not any(m.kind == "keypoints" for m in scanner(register()).find_logos(square))


def test_index_without_logo_images_is_matched_by_appearance_alone() -> None:
    index = register()
    index._state.logo_images.clear()  # type: ignore[attr-defined]
    found = scanner(index).find_logos(PHOTO)
    assert found
    assert not any(m.kind == "keypoints" for m in found)


@pytest.mark.parametrize("brand", ["Kelvo", None])
def test_rejected_region_is_no_longer_matched(brand: str | None, tmp_path: Path) -> None:
    index = register()
    eye = scanner(index)
    rejected = index.add_negative(PHOTO, brand)
    assert not any(m.kind == "keypoints" for m in eye.find_logos(PHOTO))
    index.save(tmp_path)
    assert not any(m.kind == "keypoints" for m in scanner(LogoIndex.load(tmp_path)).find_logos(PHOTO))
    index.remove_negative(rejected, brand)
    assert [m.brand for m in eye.find_logos(PHOTO) if m.kind == "keypoints"] == ["Kelvo"]


@pytest.mark.parametrize("brand", ["Kelvo", None])
def test_rejecting_something_else_changes_nothing(brand: str | None) -> None:
    index = register()
    before = [m for m in scanner(index).find_logos(PHOTO) if m.kind == "keypoints"]
    index.add_negative(255 - PHOTO, brand)
    after = [m for m in scanner(index).find_logos(PHOTO) if m.kind == "keypoints"]
    assert [(m.brand, m.probability) for m in after] == [(m.brand, m.probability) for m in before]


def test_damaged_logo_image_loses_its_keypoints_and_no_scan(caplog: pytest.LogCaptureFixture) -> None:
    index = register()
    sha256 = index.logos[[r.brand for r in index.logos].index("Kelvo")].sha256
    index._state.logo_images[sha256] = b"no picture"  # type: ignore[index]
    report = scanner(index).scan(Listing("1", images=(PHOTO,)))
    assert not any(m.kind == "keypoints" for m in report.matches)
    assert "Kelvo/pack.png: the stored logo image is damaged" in caplog.text


def test_the_margin_is_against_negatives_too() -> None:
    index = register()
    query = np.asarray(index.vectors[0], np.float32)
    other = next(r.brand for r in index.logos if r.brand != index.logos[0].brand)
    similarity, margin, rejected = index.compare(query, other)
    assert similarity < 1
    assert margin == pytest.approx(similarity - 1, abs=1e-5)  # the query is the first brand's own vector
    assert rejected == -1
    index.add_negative(PHOTO)
    assert index.compare(query, other)[2] > -1


def test_photos_without_the_brand_have_no_placement(samples: Path, clip: ClipEncoder, sample_index: LogoIndex) -> None:
    """Real models: shoe boxes and a mug hold keypoints enough for chance."""
    eye = Scanner(sample_index, encoder=clip)
    for name, brands in {"mug": set(), "shoe_box": set(), "film_boxes": {"Kodak", "Fuji"}}.items():
        found = eye.find_logos(samples / "photos" / f"{name}.jpg")
        assert {m.brand for m in found if m.kind == "keypoints" and (m.probability or 0) > 0.2} <= brands


def test_a_negative_of_another_brand_does_not_matter() -> None:
    index = register()
    index.add_negative(PHOTO, "Sumi")
    assert [m.brand for m in scanner(index).find_logos(PHOTO) if m.kind == "keypoints"] == ["Kelvo"]


def test_each_brand_has_one_placement_of_its_best_logo_image() -> None:
    index = register()
    part = crop(label(), (0, 0, 160, 90))
    index.add(Brand("Kelvo"), [("part.png", part), ("pack.png", label())])
    (match,) = [m for m in scanner(index).find_logos(PHOTO) if m.kind == "keypoints"]
    assert match.logo == "Kelvo/pack.png"


def test_placement_stays_inside_the_photo() -> None:
    matrix, _ = laid([(-60, -40), (260, -30), (250, 420), (-50, 400)])
    cut = photo(label(), matrix)
    (match,) = [m for m in scanner(register()).find_logos(cut) if m.kind == "keypoints"]
    x0, y0, x1, y1 = match.xyxy
    assert (x0, y0) == (0.0, 0.0)
    assert x1 <= 640
    assert y1 <= 480
    assert cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY).std() > 5  # there was something to see
