"""Lettering around a round mark, which a text detector does not see as lines: unrolled, it is two lines.

A roundel bears its name along its upper edge, read clockwise, and often another word along its lower edge, read the
other way. Knows no engine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logoscan.images.boxes import clip, iou
from logoscan.types import Boxes, Regions, Rgb, TextSpans

__all__ = ["arc_boxes", "arcs", "round_boxes"]

# Largest ratio of the sides of a box that may hold a roundel, which stands at an angle in most photos.
_MAX_ASPECT = 1.6
# Shortest side of a roundel whose letters, a tenth of it, can be distinguished.
_MIN_SIDE_PX = 40.0
# Largest intersection over union of two boxes that are unrolled.
_MAX_IOU = 0.5
# Share of the sides of a box, around its centre, that is inside of the lettering.
_MIDDLE = 0.45
# The part that is unrolled, in radii of the box: boxes are narrower or wider than the mark.
_INNER, _OUTER = 0.55, 1.1
# Radius at which letters keep their proportions.
_LETTERS_AT = 0.8
# Angle to either side of the top or the bottom, in radians: words go on beyond a half circle.
_HALF_ANGLE = np.deg2rad(115.0)
# Height of an unrolled arc in pixels, that of a line as it is read, and its width.
_HIGH_PX = 48
_WIDE_PX = round(2 * _HALF_ANGLE * _LETTERS_AT * _HIGH_PX / (_OUTER - _INNER))


def round_boxes(regions: Regions, certain: TextSpans, most: int) -> Boxes:
    """Return the most confident boxes of a photo that may hold a round mark, float32 (n, 4), each mark once.

    Args:
        regions: Proposals of a detector, best first; the least confident ones, laid out blindly, are left out.
        certain: Words that were certainly read; a box with such a word in its middle is no round mark and is left out.
        most: Largest number of boxes.
    """
    boxes = regions.xyxy[regions.confidence > regions.confidence.min(initial=1.0)]
    sides = boxes[:, 2:] - boxes[:, :2]
    boxes = boxes[(sides.min(axis=1) >= _MIN_SIDE_PX) & (sides.max(axis=1) <= _MAX_ASPECT * sides.min(axis=1))]
    words = certain.polygons.mean(axis=1)
    off = np.abs(2 * words - boxes[:, None, :2] - boxes[:, None, 2:]) / (boxes[:, None, 2:] - boxes[:, None, :2])
    boxes = boxes[off.max(axis=2).min(axis=1, initial=1) >= _MIDDLE]
    overlap, kept = iou(boxes, boxes), list[int]()
    for row in range(len(boxes)):
        if len(kept) < most and overlap[row, kept].max(initial=0) <= _MAX_IOU:
            kept.append(row)
    return np.asarray(boxes[kept], np.float32)


def arcs(image: Rgb, box: NDArray[np.float32]) -> tuple[Rgb, Rgb]:
    """Return the upper and the lower arc of the lettering in a round box, unrolled, each uint8 (48, w, 3)."""
    import cv2

    x0, y0, x1, y1 = (float(side) for side in box)
    row, column = np.indices((_HIGH_PX, _WIDE_PX)).astype(np.float64)
    angle, inwards = (2 * column / _WIDE_PX - 1) * _HALF_ANGLE, row / _HIGH_PX * (_OUTER - _INNER)
    unrolled = []
    for radius, down in ((_OUTER - inwards, -1), (_INNER + inwards, 1)):  # letters below have their feet outwards
        x = (x0 + x1) / 2 + (x1 - x0) / 2 * radius * np.sin(angle)
        y = (y0 + y1) / 2 + (y1 - y0) / 2 * radius * np.cos(angle) * down
        pixels = cv2.remap(
            image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        unrolled.append(np.asarray(pixels, np.uint8))
    return unrolled[0], unrolled[1]


def arc_boxes(box: NDArray[np.float32], width_px: int, height_px: int) -> Boxes:
    """Return the boxes in the photo around the upper and the lower half of a round mark, float32 (2, 4)."""
    x0, y0, x1, y1 = (float(side) for side in box)
    middle = (y0 + y1) / 2
    return clip(np.array([[x0, y0, x1, middle], [x0, middle, x1, y1]], np.float32), width_px, height_px)
