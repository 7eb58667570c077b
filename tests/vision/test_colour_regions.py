"""Regions from colour: what stands out is found in one box, and every photo gives boxes that lie in it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logoscan.images.boxes import iou
from logoscan.types import Boxes, Rgb
from logoscan.vision.colour_regions import colour_regions


def plain(height: int, width: int, colour: tuple[int, int, int]) -> Rgb:
    return np.full((height, width, 3), colour, np.uint8)


def overlap(boxes: Boxes, box: tuple[float, float, float, float]) -> float:
    """Return the best overlap of any region with a box."""
    return float(iou(boxes, np.array([box], np.float32)).max(initial=0))


@pytest.mark.parametrize("scale", [0.6, 1.0, 3.0])
@pytest.mark.parametrize("ground", [(240, 240, 240), (20, 20, 25), (40, 90, 160)])
def test_a_curve_on_plain_goods_is_found(scale: float, ground: tuple[int, int, int]) -> None:
    photo = plain(round(300 * scale), round(400 * scale), ground)
    swept = np.array([[120, 120], [140, 170], [260, 110], [150, 190], [110, 160]], np.float32) * scale
    cv2.fillPoly(photo, [np.rint(swept).astype(np.int32)], (200, 40, 30))
    low, high = swept.min(0), swept.max(0)
    assert overlap(colour_regions(photo, 4), (*low, *high)) > 0.6


def test_stripes_are_one_region() -> None:
    photo = plain(300, 400, (235, 235, 235))
    for x in (150, 162, 174):
        cv2.fillPoly(photo, [np.array([[x, 200], [x + 6, 200], [x + 26, 110], [x + 20, 110]])], (30, 30, 30))
    assert overlap(colour_regions(photo, 4), (150, 110, 201, 201)) > 0.6


def test_what_stands_out_more_comes_first() -> None:
    photo = plain(200, 400, (200, 200, 200))
    cv2.ellipse(photo, (100, 100), (40, 20), 30, 0, 360, (170, 170, 170), -1)
    cv2.ellipse(photo, (300, 100), (40, 20), 30, 0, 360, (0, 0, 120), -1)
    first, second = colour_regions(photo, 2)
    assert first[0] > 200 > second[2]


@pytest.mark.parametrize("photo", [plain(1, 1, (0, 0, 0)), plain(9, 300, (9, 9, 9)), plain(300, 200, (255, 255, 255))])
def test_nothing_stands_out(photo: Rgb) -> None:
    boxes = colour_regions(photo, 8)
    assert boxes.shape == (0, 4)
    assert boxes.dtype == np.float32


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 160), st.integers(1, 160), st.integers(0, 2**32), st.integers(1, 9), st.integers(0, 8))
def test_regions_lie_in_the_photo(height: int, width: int, seed: int, most: int, cell: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (1 + height // (cell + 1), 1 + width // (cell + 1), 3), np.uint8)
    photo = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST).reshape(height, width, 3)
    before = photo.copy()
    boxes = colour_regions(photo, most)
    assert len(boxes) <= most
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= (width, height)).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert np.array_equal(boxes, colour_regions(photo, most))
    assert np.array_equal(photo, before)
