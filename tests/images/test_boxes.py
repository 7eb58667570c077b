"""Box arithmetic against slow twins in plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import as_boxes, boxes, floats32, form, quick

from logoscan.images.boxes import area, clip, expand, from_square, iou, overlap_of_smaller, suppress_overlaps, to_square
from logoscan.images.crops import square_crops
from logoscan.types import Boxes

NONE = as_boxes([])


def slow_area(box: list[float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def slow_iou(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    either = slow_area(a) + slow_area(b) - both
    return both / either if either > 0 else 0.0


def slow_shared(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    smaller = min(slow_area(a), slow_area(b))
    return width * height / smaller if smaller > 0 else 0.0


def slow_apart(rows: Boxes, score: list[float], threshold: float) -> list[int]:
    """Best first; a box is kept when it shares no more than the threshold with any kept box. By the fast `shared`."""
    kept: list[int] = []
    for i in sorted(range(len(score)), key=lambda i: (-score[i], i)):
        if all(
            float(overlap_of_smaller(rows[k : k + 1], rows[i : i + 1])[0, 0]) <= np.float32(threshold) for k in kept
        ):
            kept.append(i)
    return kept


def test_no_boxes() -> None:
    some = as_boxes([[0, 0, 1, 1]])
    assert area(NONE).shape == (0,)
    assert iou(NONE, NONE).shape == (0, 0)
    assert iou(some, NONE).shape == (1, 0)
    assert iou(NONE, some).shape == (0, 1)
    assert clip(NONE, 10, 10).shape == expand(NONE, 0.5).shape == (0, 4)
    kept = suppress_overlaps(NONE, floats32([]), 0.5)
    assert form(kept) == ("int64", (0,))
    for result in (area(NONE), iou(NONE, some), clip(NONE, 10, 10), expand(NONE, 0.5)):
        assert result.dtype == np.float32


@pytest.mark.parametrize(
    ("a", "b", "value"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 1.0),
        ([0, 0, 2, 2], [1, 0, 3, 2], 1 / 3),
        ([0, 0, 4, 4], [1, 1, 2, 2], 1 / 16),
        ([0, 0, 1, 1], [1, 0, 2, 1], 0.0),
        ([0, 0, 1, 1], [5, 5, 6, 6], 0.0),
        ([0, 0, 0, 0], [0, 0, 0, 0], 0.0),
        ([2, 2, 0, 0], [0, 0, 2, 2], 0.0),
    ],
)
def test_iou_of_known_boxes(a: list[float], b: list[float], value: float) -> None:
    assert iou(as_boxes([a]), as_boxes([b]))[0, 0] == pytest.approx(value)


@quick
@given(a=boxes(), b=boxes())
def test_iou_and_area_equal_their_twins(a: Boxes, b: Boxes) -> None:
    fast = iou(a, b)
    assert fast.shape == (len(a), len(b))
    assert ((fast >= 0) & (fast <= 1)).all()
    np.testing.assert_allclose(area(a), [slow_area(row) for row in a.tolist()], rtol=1e-5)
    for i, row in enumerate(a.tolist()):
        for j, other in enumerate(b.tolist()):
            # slivers under a thousandth of a pixel lose their overlap to rounding
            if min(slow_area(row), slow_area(other)) > 1e-3:
                assert fast[i, j] == pytest.approx(slow_iou(row, other), abs=1e-3)
    np.testing.assert_array_equal(fast, iou(b, a).T)


@quick
@given(
    rows=boxes(),
    scores=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1, width=32), min_size=8, max_size=8),
    threshold=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
)
def test_apart_equals_its_twin(rows: Boxes, scores: list[float], threshold: float) -> None:
    score = floats32(scores[: len(rows)])
    assert suppress_overlaps(rows, score, threshold).tolist() == slow_apart(rows, score.tolist(), threshold)


def test_shared_is_over_the_smaller_box() -> None:
    rows = as_boxes([[0, 0, 10, 10], [2, 2, 4, 4], [5, 0, 15, 10], [20, 20, 30, 30]])
    expected = [[slow_shared(a, b) for b in rows.tolist()] for a in rows.tolist()]
    np.testing.assert_allclose(overlap_of_smaller(rows, rows), expected, atol=1e-6)
    assert overlap_of_smaller(rows, rows)[0].tolist() == [1.0, 1.0, 0.5, 0.0]


def test_apart_keeps_the_best_of_overlapping_boxes() -> None:
    within = as_boxes([[0, 0, 100, 100], [40, 40, 50, 50]])
    assert suppress_overlaps(within, floats32([0.4, 0.9]), 0.5).tolist() == [1], (
        "what lies around a better one goes too"
    )
    rows = as_boxes([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 10]])
    assert suppress_overlaps(rows, floats32([0.5, 0.9, 0.7, 0.9]), 0.5).tolist() == [1, 2]
    assert suppress_overlaps(rows, floats32([0.5, 0.5, 0.5, 0.5]), 0.5).tolist() == [0, 2], "ties keep the earlier box"
    assert suppress_overlaps(rows, floats32([0.5, 0.9, 0.7, 0.9]), 1.0).tolist() == [1, 3, 2, 0]


@quick
@given(rows=boxes(), width=st.integers(1, 60), height=st.integers(1, 60))
def test_clip_equals_its_twin(rows: Boxes, width: int, height: int) -> None:
    slow = [
        [min(max(value, 0.0), limit) for value, limit in zip(row, (width, height, width, height), strict=True)]
        for row in rows.tolist()
    ]
    before = rows.copy()
    np.testing.assert_array_equal(clip(rows, width, height), as_boxes(slow))
    np.testing.assert_array_equal(rows, before, "the argument is left alone")


@quick
@given(rows=boxes(), fraction=st.sampled_from([-0.5, -0.1, 0.0, 0.25, 1.0]))
def test_expand_equals_its_twin(rows: Boxes, fraction: float) -> None:
    slow = [
        [
            x0 - (x1 - x0) * fraction,
            y0 - (y1 - y0) * fraction,
            x1 + (x1 - x0) * fraction,
            y1 + (y1 - y0) * fraction,
        ]
        for x0, y0, x1, y1 in rows.tolist()
    ]
    np.testing.assert_allclose(expand(rows, fraction), as_boxes(slow), rtol=1e-5, atol=1e-3)


@given(rows=boxes(), width=st.integers(1, 900), height=st.integers(1, 900), size=st.sampled_from([64, 448, 512]))
def test_a_box_comes_back_from_the_square(rows: Boxes, width: int, height: int, size: int) -> None:
    inside = clip(rows, width, height)
    there = to_square(inside, width, height, size)
    assert there.dtype == np.float32
    assert (there >= -1e-3).all()
    assert (there <= size * (1 + 1e-5)).all()
    np.testing.assert_allclose(from_square(there, width, height, size), inside, atol=2e-3 * max(width, height) / 10)


@pytest.mark.parametrize("shape", [(60, 100), (100, 60), (101, 60), (80, 80)])
def test_square_equals_that_of_padded_images(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    image[20:40, 10:50] = 255
    square = square_crops(image, np.array([[0, 0, shape[1], shape[0]]], np.float32), 200, "pad")[0, ..., 0]
    x0, y0, x1, y1 = to_square(np.array([[10, 20, 50, 40]], np.float32), shape[1], shape[0], 200)[0].round().astype(int)
    assert square[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].min() == 255
    assert (square > 127).sum() == pytest.approx((x1 - x0) * (y1 - y0), rel=0.05)


def test_expand_a_known_box() -> None:
    np.testing.assert_array_equal(expand(as_boxes([[10, 10, 20, 14]]), 0.5), [[5, 8, 25, 16]])
