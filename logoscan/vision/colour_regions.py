"""Regions from colour: a plain mark is a patch of one colour on another, which a trained detector may miss on goods.

The side of a shoe shows a curve or stripes that are large, plain and part of the goods, and the detector takes the side
as a whole. Pixels are grouped into a few colours, and what hangs together in one colour is a candidate, as in MSER
(Matas et al., BMVC 2002) and selective search (Uijlings et al., IJCV 2013). This module must not know networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from logoscan.images.boxes import clip, iou
from logoscan.images.resize import mean_pooled
from logoscan.types import Boxes, Rgb

__all__ = ["colour_regions"]

# Long side to which a photo is reduced, px; a mark of a twentieth of the photo has 13 px then.
_SIDE_PX = 256
# Number of colours, and every so many pixels that decide them, in both directions.
_COLOURS, _SAMPLE_STEP = 6, 4
# Widths of the gaps that are closed, px: stripes and letters become one mark.
_GAPS_PX = (0, 5)
# Least sides, px, and area, px2, of a candidate; its greatest side as a share of the photo's.
_LEAST_LONG_PX, _LEAST_SHORT_PX, _LEAST_AREA_PX2, _GREATEST_SHARE = 10, 6, 60, 0.6
# Shares of its box that a candidate covers: less is a frame or a line, more is a plain panel.
_FILL = (0.12, 0.85)
# Candidates that are compared with their surroundings, the largest ones.
_MOST_CANDIDATES = 80
# Margin around a candidate in which its surroundings are looked at, as a share of its long side.
_RING = 0.15
# Margin that is added to a region, as labelled boxes and proposals have it, as a share of its long side.
_MARGIN = 0.08
# Of regions that overlap more than this, the best stays.
_SAME_REGION_IOU = 0.6


class _Patch(NamedTuple):
    """What hangs together in one colour: its box and area in pixels, its number, and the numbers of all pixels."""

    xywh: tuple[int, ...]
    area: int
    part: int
    parts: NDArray[np.int32]


def colour_regions(rgb: Rgb, most: int) -> Boxes:
    """Return the patches of one colour that stand out most from their surroundings, best first.

    A patch stands out by the distance of its colour (CIE Lab) from the nearest quarter of what is around it, times the
    root of its area.

    Args:
        rgb: Photo, uint8 (H, W, 3) RGB.
        most: Most regions.

    Returns:
        Boxes in pixels, float32 (n, 4), n <= `most`; none that is empty, none that touches the edge of the photo.
    """
    import cv2

    height, width = rgb.shape[:2]
    scale = min(1.0, _SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if min(size) < _LEAST_LONG_PX:
        return np.zeros((0, 4), np.float32)
    times = max(1, max(height, width) // (2 * _SIDE_PX)).bit_length() - 1  # twice as large as `size` or larger
    small = cv2.medianBlur(cv2.resize(mean_pooled(rgb, times), size, interpolation=cv2.INTER_AREA), 3)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    found = sorted(_patches(_grouped(small, lab)), key=lambda patch: (-patch.area, patch.xywh))[:_MOST_CANDIDATES]
    if not found:
        return np.zeros((0, 4), np.float32)
    ranked = sorted(((_prominence(lab, patch), patch.xywh) for patch in found), key=lambda row: (-row[0], row[1]))
    xywh = np.array([box for _, box in ranked], np.float32)
    boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1)
    kept: list[int] = []
    for i in range(len(boxes)):
        if len(kept) == most:
            break
        if not kept or iou(boxes[i : i + 1], boxes[kept]).max() < _SAME_REGION_IOU:
            kept.append(i)
    boxes = boxes[kept] * np.array([width / size[0], height / size[1]] * 2, np.float32)
    margin = _MARGIN * (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True)
    return clip(np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], 1), width, height)


def _grouped(small: Rgb, lab: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the number of the colour of each pixel, uint8 (h, w): k-means in Lab from the colours of a median cut."""
    import cv2

    step = slice(None, None, _SAMPLE_STEP)
    cut = Image.fromarray(np.ascontiguousarray(small[step, step])).quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    first = np.unique(np.asarray(cut), return_inverse=True)[1].reshape(-1, 1).astype(np.int32)
    sample, count = np.ascontiguousarray(lab[step, step].reshape(-1, 3)), int(first.max()) + 1
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 6, 1.0)
    centres = cv2.kmeans(sample, count, first, stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)[2]
    distance = np.ascontiguousarray((lab.reshape(-1, 3) @ (-2 * centres.T) + (centres**2).sum(1)).T)
    nearest, out = distance[0].copy(), np.zeros(distance.shape[1], np.uint8)
    for colour in range(1, count):  # numpy's argmin over so few numbers takes five times as long
        out[distance[colour] < nearest] = colour
        np.minimum(nearest, distance[colour], out=nearest)
    return out.reshape(small.shape[:2])


def _patches(labels: NDArray[np.uint8]) -> Iterator[_Patch]:
    """Yield what hangs together in one colour and may be a mark by its size and form."""
    import cv2

    height, width = labels.shape
    for colour in range(int(labels.max()) + 1):
        of_colour = cv2.morphologyEx((labels == colour).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        for gap in _GAPS_PX:
            closed = cv2.morphologyEx(of_colour, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8)) if gap else of_colour
            _, parts, rows, _ = cv2.connectedComponentsWithStats(closed, connectivity=4)
            x, y, w, h, area = rows.T
            long, short = np.maximum(w, h), np.minimum(w, h)
            fits = (long >= _LEAST_LONG_PX) & (short >= _LEAST_SHORT_PX) & (area >= _LEAST_AREA_PX2)
            fits &= (x > 0) & (y > 0) & (x + w < width) & (y + h < height)
            fits &= (w < _GREATEST_SHARE * width) & (h < _GREATEST_SHARE * height)
            fits &= (area >= _FILL[0] * w * h) & (area <= _FILL[1] * w * h)
            fits[0] = False  # all other colours
            for part in np.flatnonzero(fits).tolist():
                box = tuple(rows[part, :4].tolist())
                yield _Patch(box, int(area[part]), part, parts)


def _prominence(lab: NDArray[np.float32], patch: _Patch) -> float:
    """Return how much a patch stands out from what is around and between its parts."""
    x, y, w, h = patch.xywh
    ring = max(2, int(_RING * max(w, h)))
    rows, columns = slice(max(0, y - ring), y + h + ring), slice(max(0, x - ring), x + w + ring)
    around, inside = lab[rows, columns].reshape(-1, 3), (patch.parts[rows, columns] == patch.part).ravel()
    others = around.compress(~inside, axis=0) - around.compress(inside, axis=0).mean(0)
    squared = np.einsum("ij,ij->i", others, others)
    quarter = len(squared) // 4
    squared.partition(quarter)
    return float(np.sqrt(squared[quarter]) * np.sqrt(patch.area))
