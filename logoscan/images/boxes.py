"""Arithmetic on boxes: float32 (n, 4), in pixels, x0 y0 x1 y1, x1 and y1 exclusive."""

import numpy as np
from numpy.typing import NDArray

from logoscan.types import Boxes

__all__ = ["area", "clip", "expand", "from_square", "iou", "overlap_of_smaller", "suppress_overlaps", "to_square"]


def area(xyxy: Boxes) -> NDArray[np.float32]:
    """Return the area of each box in square pixels, float32 (n,); 0 where x1 < x0 or y1 < y0."""
    sides = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def iou(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Return the intersection over union of each box of `a` (n, 4) and each of `b` (m, 4), float32 (n, m) in [0, 1]."""
    intersection = _intersection(a, b)
    union = area(a)[:, None] + area(b)[None, :] - intersection
    return np.asarray(intersection / np.maximum(union, 1e-9), np.float32)


def overlap_of_smaller(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Return the intersection over the smaller area of each box of `a` (n, 4) and each of `b` (m, 4).

    Returns:
        float32 (n, m) in [0, 1]; 1 where one box lies in the other.
    """
    smaller = np.minimum(area(a)[:, None], area(b)[None, :])
    return np.asarray(np.minimum(_intersection(a, b) / np.maximum(smaller, 1e-9), 1), np.float32)


def _intersection(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def clip(xyxy: Boxes, width_px: int, height_px: int) -> Boxes:
    """Return the boxes cut to a picture of this size; a box outside of it becomes empty on its border."""
    limit = np.array([width_px, height_px, width_px, height_px], np.float32)
    return np.asarray(np.clip(xyxy, 0, limit), np.float32)


def expand(xyxy: Boxes, fraction: float) -> Boxes:
    """Return the boxes grown on every side by a fraction of their width and height (shrunk where it is negative)."""
    grow = (xyxy[:, 2:] - xyxy[:, :2]) * np.float32(fraction)
    return np.concatenate([xyxy[:, :2] - grow, xyxy[:, 2:] + grow], axis=1).astype(np.float32)


def to_square(xyxy: Boxes, width_px: int, height_px: int, size_px: int) -> Boxes:
    """Return boxes of a picture in the square that it is padded to (`crops.pad_square`) and scaled to `size_px`."""
    side = max(width_px, height_px)
    corner = np.array([(side - width_px) // 2, (side - height_px) // 2] * 2, np.float32)
    return np.asarray((xyxy + corner) * np.float32(size_px / side), np.float32)


def from_square(xyxy: Boxes, width_px: int, height_px: int, size_px: int) -> Boxes:
    """Return boxes of the square of `to_square` in the picture, cut to it."""
    side = max(width_px, height_px)
    corner = np.array([(side - width_px) // 2, (side - height_px) // 2] * 2, np.float32)
    return clip(xyxy * np.float32(side / size_px) - corner, width_px, height_px)


def suppress_overlaps(xyxy: Boxes, score: NDArray[np.float32], max_overlap: float) -> NDArray[np.int64]:
    """Suppress boxes that overlap a better one, lie in it or around it: greedy non-maximum suppression.

    Args:
        xyxy: Boxes, float32 (n, 4).
        score: Score of each box, float32 (n,); higher is better, ties keep the earlier box.
        max_overlap: A box is dropped when its intersection with a better one is more than this share of the smaller.

    Returns:
        The rows that are kept, best first, int64 (k,).
    """
    if len(score) < 2:
        return np.arange(len(score))
    order = np.argsort(-score, kind="stable")
    kept: list[int] = []
    while len(order):
        best = int(order[0])
        kept.append(best)
        rest = order[1:]
        order = rest[overlap_of_smaller(xyxy[best : best + 1], xyxy[rest])[0] <= max_overlap]
    return np.array(kept, np.int64)
