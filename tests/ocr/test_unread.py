"""Lines that an engine detects and does not read: their boxes, each once, whatever the sizes at which it searches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from strategies import form

from logoscan.ocr.canvas import unread_boxes
from logoscan.types import TextSpans


def polygons(*rows: Sequence[float]) -> NDArray[np.float32]:
    """Corners of boxes, float32 (n, 4, 2)."""
    return np.array(rows, np.float32).reshape(-1, 4)[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)


def spans(*rows: Sequence[float]) -> TextSpans:
    return TextSpans(polygons(*rows), ("word",) * len(rows), np.ones(len(rows), np.float32))


A, B, C = (0, 0, 40, 10), (0, 20, 40, 30), (0, 40, 40, 50)


def test_no_line_no_box() -> None:
    for corners in ([], [polygons()], [polygons(), polygons()]):
        boxes = unread_boxes(corners, [TextSpans.empty()] * len(corners), 1.0)
        assert form(boxes) == ("float32", (0, 4))


def test_boxes_are_in_pixels_of_the_photo() -> None:
    assert unread_boxes([polygons(A, B)], [spans()], 2.0).tolist() == [[0, 0, 20, 5], [0, 10, 20, 15]]


def test_slanted_lines_of_one_size_that_overlap_are_two_lines() -> None:
    assert unread_boxes([polygons(A)], [spans(A)], 1.0).tolist() == [list(A)]


def test_a_line_that_several_sizes_find_is_one() -> None:
    near = (1, 1, 41, 11)
    assert unread_boxes([polygons(A), polygons(near, B)], [spans(), spans()], 1.0).tolist() == [list(A), list(B)]


def test_what_is_read_at_another_size_is_not_unread() -> None:
    assert unread_boxes([polygons(A, B), polygons(C)], [spans(C), spans(A)], 1.0).tolist() == [list(B)]
