"""Boxes of matches drawn tighter: nearer to the logo, never away from it, never out of the picture."""

import numpy as np
import pytest
from fakes import BLUE, GREEN, RED, YELLOW, FakeEncoder, photo_of, quarters
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.errors import InputError
from logoscan.images.boxes import iou
from logoscan.matching.refine import refine
from logoscan.vision.encoder import encode_crops, encode_images

ENCODER = FakeEncoder()
LOGO = quarters(RED, GREEN, BLUE, YELLOW)
TARGET = encode_images(ENCODER, [LOGO])
PHOTO = photo_of(LOGO, size_px=(120, 160))
TRUE = np.array([[64, 44, 96, 76]], np.float32)


def similarity(box: np.ndarray) -> float:
    return float((encode_crops(ENCODER, [PHOTO], [box])[0] @ TARGET.T).max())


def test_no_box_gives_no_box() -> None:
    boxes, near = refine(PHOTO, np.zeros((0, 4), np.float32), [], ENCODER)
    assert boxes.shape == (0, 4)
    assert near.shape == (0,)
    assert boxes.dtype == near.dtype == np.float32


def test_refine_box_shrinks_a_wide_box_to_the_logo() -> None:
    wide = np.array([[40, 30, 110, 95]], np.float32)
    boxes, near = refine(PHOTO, wide, [TARGET], ENCODER)
    assert iou(wide, TRUE)[0, 0] < 0.25
    assert iou(boxes, TRUE)[0, 0] > 0.7
    assert near[0] > similarity(wide) + 0.04


def test_refine_box_moves_a_half_box_to_the_logo() -> None:
    beside = np.array([[78, 50, 108, 80]], np.float32)
    boxes, _ = refine(PHOTO, beside, [TARGET], ENCODER)
    assert iou(beside, TRUE)[0, 0] < 0.4
    assert iou(boxes, TRUE)[0, 0] > 0.7


def test_refine_box_moves_each_box_to_its_own_logo() -> None:
    other = quarters(YELLOW, BLUE, GREEN, RED)
    both = np.concatenate([PHOTO, photo_of(other, size_px=(120, 160))], axis=1)
    wide = np.array([[40, 30, 110, 95], [200, 30, 270, 95]], np.float32)
    boxes, near = refine(both, wide, [TARGET, encode_images(ENCODER, [other])], ENCODER)
    there = TRUE + np.array([[0, 0, 0, 0], [160, 0, 160, 0]], np.float32)
    assert iou(boxes, there).diagonal().min() > 0.7
    one, alone = refine(both, wide[:1], [TARGET], ENCODER)
    np.testing.assert_array_equal(one[0], boxes[0])  # neighbours change nothing
    assert alone[0] == near[0]


@quick
@given(
    st.lists(st.floats(0, 159, width=32), min_size=2, max_size=2, unique=True),
    st.lists(st.floats(0, 119, width=32), min_size=2, max_size=2, unique=True),
)
def test_similarity_never_falls_and_boxes_stay_inside(xs: list[float], ys: list[float]) -> None:
    (x0, x1), (y0, y1) = sorted(xs), sorted(ys)
    start = np.array([[x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)]], np.float32)
    boxes, near = refine(PHOTO, start, [TARGET], ENCODER)
    assert near[0] >= similarity(start) - 1e-6
    assert near[0] == pytest.approx(similarity(boxes), abs=1e-6)
    assert (boxes[0] >= 0).all()
    assert (boxes[0] <= [160, 120, 160, 120]).all()
    assert (boxes[0, 2:] > boxes[0, :2]).all()


def test_invalid_refine_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="targets: expected vectors for each of 1 boxes"):
        refine(PHOTO, TRUE, [], ENCODER)
    with pytest.raises(InputError, match=r"targets: expected vectors for each of 1 boxes, got \[0\]"):
        refine(PHOTO, TRUE, [TARGET[:0]], ENCODER)
    with pytest.raises(InputError, match=r"steps: expected shares in \(0, 0.5\)"):
        refine(PHOTO, TRUE, [TARGET], ENCODER, steps=(0.5,))
