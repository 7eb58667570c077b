"""One photo, though it was changed; and two photos of one thing, which are no copies."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from benchmarks.common.changed_copies import CHANGES, changed_copy
from logoscan.store.keypoints import decode_keypoints, encode_keypoints
from logoscan.types import Regions, Rgb
from logoscan.vision.copies import confirm_copy, mirrored_descriptors
from logoscan.vision.sift import Keypoints, sift_photo


def scene(seed: int, side: int = 400) -> Rgb:
    """A picture of random blocks, smooth enough to be photographed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


PHOTO, OTHER = scene(1), scene(2)
POINTS = sift_photo(PHOTO)


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies(change: str) -> None:
    copy = sift_photo(changed_copy(PHOTO, change, OTHER, random.Random(3)))
    found = confirm_copy(POINTS, copy)
    assert found is not None
    assert found.mirrored == ("mirror" in change)
    assert found.inliers >= 10
    assert 0 < found.share <= 1


def test_the_place_of_a_crop() -> None:
    copy = sift_photo(changed_copy(PHOTO, "crop_10", OTHER, random.Random(3)))
    found = confirm_copy(POINTS, copy)
    assert found is not None
    assert found.xyxy == pytest.approx([-40, -40, 360, 360], abs=3)


def test_other_photos_are_no_copies() -> None:
    assert confirm_copy(POINTS, sift_photo(OTHER)) is None
    assert confirm_copy(POINTS, Keypoints.empty((9, 9))) is None
    assert confirm_copy(Keypoints.empty(), Keypoints.empty()) is None


def test_the_same_thing_from_another_view_is_no_copy() -> None:
    import cv2

    corners = np.array([[0, 0], [400, 0], [400, 400], [0, 400]], np.float32)
    moved = corners + np.array([[6, 3], [-9, 12], [4, -8], [10, 5]], np.float32)
    view = cv2.warpPerspective(PHOTO, cv2.getPerspectiveTransform(corners, moved), (400, 400), borderMode=1)
    assert confirm_copy(POINTS, sift_photo(np.asarray(view, np.uint8))) is None


def test_keypoints_in_brief_confirm_copies_too() -> None:
    def brief(points: Keypoints) -> Keypoints:
        return decode_keypoints(encode_keypoints(points, Regions.empty()), points.size_wh)

    copy = sift_photo(changed_copy(PHOTO, "frame", OTHER, random.Random(3)))
    assert confirm_copy(brief(POINTS), brief(copy)) is not None


def test_mirroring_twice_changes_nothing() -> None:
    assert np.array_equal(mirrored_descriptors(mirrored_descriptors(POINTS.descriptors)), POINTS.descriptors)
    assert mirrored_descriptors(np.zeros((0, 128), np.uint8)).shape == (0, 128)


def test_goods_that_were_moved_before_a_still_camera_make_another_photo() -> None:
    """The example: a shelf that is the same to a fraction of a pixel, and a bottle in front of it."""
    goods = scene(7, 130)
    photos = []
    for place in ((40, 60), (210, 170)):
        photo = scene(5).copy()
        photo[place[0] : place[0] + 130, place[1] : place[1] + 130] = goods
        photos.append(sift_photo(photo))
    assert confirm_copy(*photos) is None
    assert confirm_copy(photos[0], photos[0]) is not None
