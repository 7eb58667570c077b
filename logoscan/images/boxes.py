"""Pure arithmetic on boxes: float32 (n, 4), pixels, x0 y0 x1 y1, x1 and y1 exclusive."""

import numpy as np
from numpy.typing import NDArray

from logoscan.types import Boxes

__all__ = ["apart", "area", "clip", "expand", "from_square", "iou", "shared", "to_square"]


def area(xyxy: Boxes) -> NDArray[np.float32]:
    """Area of each box in square pixels, float32 (n,); boxes turned inside out have area 0."""
    sides = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def iou(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Intersection over union of every box of `a` (n, 4) with every box of `b` (m, 4), float32 (n, m) in [0, 1]."""
    both = _both(a, b)
    either = area(a)[:, None] + area(b)[None, :] - both
    return np.asarray(both / np.maximum(either, 1e-9), np.float32)


def shared(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """As `iou`, over the smaller of both areas: 1 where one box lies in the other."""
    smaller = np.minimum(area(a)[:, None], area(b)[None, :])
    return np.asarray(np.minimum(_both(a, b) / np.maximum(smaller, 1e-9), 1), np.float32)


def _both(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def clip(xyxy: Boxes, width_px: int, height_px: int) -> Boxes:
    """The boxes cut to a picture of this size; a box outside of it becomes empty on its border."""
    limit = np.array([width_px, height_px, width_px, height_px], np.float32)
    return np.asarray(np.clip(xyxy, 0, limit), np.float32)


def expand(xyxy: Boxes, fraction: float) -> Boxes:
    """The boxes grown on every side by `fraction` of their own width and height (shrunk where negative)."""
    grow = (xyxy[:, 2:] - xyxy[:, :2]) * np.float32(fraction)
    return np.concatenate([xyxy[:, :2] - grow, xyxy[:, 2:] + grow], axis=1).astype(np.float32)


def to_square(xyxy: Boxes, width_px: int, height_px: int, size_px: int) -> Boxes:
    """Boxes of a picture in the square that it is padded to (`images.pad_square`) and scaled to `size_px`."""
    side = max(width_px, height_px)
    corner = np.array([(side - width_px) // 2, (side - height_px) // 2] * 2, np.float32)
    return np.asarray((xyxy + corner) * np.float32(size_px / side), np.float32)


def from_square(xyxy: Boxes, width_px: int, height_px: int, size_px: int) -> Boxes:
    """The reverse of `to_square`, cut to the picture."""
    side = max(width_px, height_px)
    corner = np.array([(side - width_px) // 2, (side - height_px) // 2] * 2, np.float32)
    return clip(xyxy * np.float32(side / size_px) - corner, width_px, height_px)


def apart(xyxy: Boxes, score: NDArray[np.float32], most_shared: float) -> NDArray[np.int64]:
    """Greedy suppression of boxes that share their place with a better one, within it or around it.

    Args:
        xyxy: float32 (n, 4).
        score: float32 (n,), higher is better; ties keep the earlier box.
        most_shared: A box is dropped when it and a better one share more than this of the smaller of them.

    Returns:
        int64 (k,): the kept rows, best first.
    """
    order = np.argsort(-score, kind="stable")
    kept: list[int] = []
    while len(order):
        best = int(order[0])
        kept.append(best)
        rest = order[1:]
        order = rest[shared(xyxy[best : best + 1], xyxy[rest])[0] <= most_shared]
    return np.array(kept, np.int64)
