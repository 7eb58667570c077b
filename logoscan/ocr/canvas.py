"""What OCR engines do to photos before they read them and to lines afterwards: sizes, rotations, boxes read twice.

Knows no engine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.images.boxes import iou, overlap_of_smaller
from logoscan.images.resize import resized
from logoscan.types import Boxes, Rgb, TextSpans

__all__ = [
    "MAX_BLUR",
    "MAX_ENLARGEMENT",
    "best_readings",
    "canvas_of",
    "check_sizes",
    "find_sides",
    "find_sizes",
    "grown_lines",
    "highest_lines",
    "line_crops",
    "merge_readings",
    "read_scale",
    "readings_of",
    "scale_image",
    "sizes_in_words",
    "spans_of",
    "unread_boxes",
]

# Canvas sides are multiples of this: at most nine shapes at the default reading size.
_CANVAS_STEP = 320
# Long sides of the photos in which lines are searched are multiples of this, or that of the canvas.
_FIND_STEP = 160
MAX_ENLARGEMENT, MAX_BLUR, _MIN_READ_PX = 5.0, 2.0, 640
"""Small photos are enlarged before they are read, five times at most up to a long side of 640 px, twice beyond: both
detectors miss letters under some 12 px, and enlarging further shows nothing new."""
# Intersection over union above which two readings of a photo have the same line.
_SAME_LINE_IOU = 0.5
# Share of the smaller of two boxes from which a line that was not read at one size was found at another one.
_SAME_PLACE_SHARE = 0.5
# Height over width from which a box is read as a line that runs up or down.
_UPRIGHT_RATIO = 1.5


def line_crops(image: Rgb, boxes: Boxes) -> tuple[list[Rgb], list[int]]:
    """Return crops of a photo to read as lines, and the row of the box that each comes from.

    A box that is higher than wide gives two crops, rotated either way.
    """
    crops, owners = [], []
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        left, top, right, bottom = math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)
        crop = image[top:bottom, left:right]
        if not crop.size:
            continue
        rotated = [np.rot90(crop, 1), np.rot90(crop, 3)] if bottom - top > _UPRIGHT_RATIO * (right - left) else [crop]
        crops += [np.ascontiguousarray(c) for c in rotated]
        owners += [i] * len(rotated)
    return crops, owners


def best_readings(boxes: Boxes, owners: Sequence[int], texts: Sequence[str], confidence: Sequence[float]) -> TextSpans:
    """Return the most confident reading of each box.

    Args:
        boxes: Boxes that were read, float32 (n, 4) px.
        owners: Row of the box of each reading.
        texts: Text of each reading; readings without letters are left out.
        confidence: Confidence of each reading.
    """
    best: dict[int, int] = {}
    for row, (owner, text) in enumerate(zip(owners, texts, strict=True)):
        if text.strip() and (owner not in best or confidence[row] > confidence[best[owner]]):
            best[owner] = row
    if not best:
        return TextSpans.empty()
    corners = boxes[list(best)][:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    confidences = np.clip(np.array([confidence[row] for row in best.values()], np.float32), 0, 1)
    return TextSpans(corners.astype(np.float32), tuple(texts[row] for row in best.values()), confidences)


def read_scale(shape: tuple[int, ...], long_side_px: int) -> float:
    """Return the scale at which a photo of this shape is read."""
    long = max(shape[:2])
    return min(MAX_ENLARGEMENT, max(MAX_BLUR, _MIN_READ_PX / long), long_side_px / long)


def scale_image(image: Rgb, long_side_px: int) -> tuple[Rgb, float]:
    """Return the photo in the size in which it is read, uint8 (H, W, 3), and the scale."""
    height, width = image.shape[:2]
    scale = read_scale(image.shape, long_side_px)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return resized(image, size, "bicubic"), scale


def canvas_of(image: Rgb, long_side_px: int) -> tuple[Rgb, float]:
    """Return the photo as it is read, in the top left of a canvas of a fixed size; and the scale."""
    picture, scale = scale_image(image, long_side_px)
    h, w = picture.shape[:2]
    out = np.empty((-h // _CANVAS_STEP * -_CANVAS_STEP, -w // _CANVAS_STEP * -_CANVAS_STEP, 3), np.uint8)
    out[:] = np.median(picture[:: max(1, h // 64), :: max(1, w // 64)], axis=(0, 1)).astype(np.uint8)
    out[:h, :w] = picture
    return out, scale


def check_sizes(long_side_px: int, find_px: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Return the sizes at which to read and to search lines, in pixels of the long side.

    No line is searched in a photo larger than the one that is read.
    """
    for name, value in (("long_side_px", long_side_px), *(("find_px", size) for size in find_px)):
        if value < 32:
            raise InputError(f"{name}: expected 32 or more, got {value!r}")
    return long_side_px, tuple(min(size, long_side_px) for size in find_px) or (long_side_px,)


def sizes_in_words(long_side_px: int, find_px: Sequence[int]) -> str:
    """Return the sizes for the name of an engine, since they change what is read.

    "curved text" tells features that hold lettering around round marks from older ones.
    """
    return f"({long_side_px} px; lines at {', '.join(map(str, find_px))}; curved text)"


def find_sides(canvas: Rgb, shown_px: float, find_px: Sequence[int]) -> list[int]:
    """Return the long sides at which to search lines in a canvas, few sizes, each once.

    `shown_px` is the long side of the photo in the canvas, `find_px` are the wanted sizes of the photo.
    """
    side = int(max(canvas.shape[:2]))
    wanted = (math.ceil(side * size / shown_px / _FIND_STEP) * _FIND_STEP for size in find_px)
    return list(dict.fromkeys(min(side, size) for size in wanted))


def find_sizes(shape: tuple[int, ...], scale: float, find_px: Sequence[int], enlarged: float) -> list[tuple[int, int]]:
    """Return the widths and heights at which a photo that is read at `scale` is searched for lines.

    They are multiples of 32, each once, and at most `enlarged` times as large as the photo came.
    """
    height, width = shape[:2]
    long = max(height, width)
    sizes = [min(size / long, scale, max(enlarged, 32 / long)) for size in find_px]
    return list(dict.fromkeys((_round32(width * times), _round32(height * times)) for times in sizes))


def _round32(side: float) -> int:
    return max(32, round(side / 32) * 32)


def merge_readings(readings: Sequence[TextSpans]) -> TextSpans:
    """Return the lines of several readings of one photo; a line that overlaps an earlier equal one is left out.

    Its other readings, of equal corners, become readings of the earlier line.
    """
    out = readings[0]
    for more in readings[1:]:
        same = iou(more.xyxy, out.xyxy) > _SAME_LINE_IOU
        texts = np.array([[b.casefold() == a.casefold() for a in out.texts] for b in more.texts], bool)
        equal = same & texts.reshape(same.shape)
        left_out = equal.any(axis=1)
        polygons = more.polygons.copy()
        for row in np.flatnonzero(left_out):
            polygons[(more.polygons == more.polygons[row]).all(axis=(1, 2))] = out.polygons[equal[row].argmax()]
        out = out.joined(replace(more, polygons=polygons).rows(np.flatnonzero(~left_out).tolist()))
    return out


def spans_of(polygons: list[Any], texts: list[str], confidence: list[float], scale: float, shape: Any) -> TextSpans:
    """Return lines with their corners in pixels of a photo of this shape, which was read at this scale."""
    if not texts:
        return TextSpans.empty()
    points = np.asarray(polygons, np.float32).reshape(-1, 4, 2) / np.float32(scale)
    points = np.clip(points, 0, np.array([shape[1], shape[0]], np.float32))
    return TextSpans(points, tuple(texts), np.clip(np.asarray(confidence, np.float32), 0, 1))


def unread_boxes(polygons: Sequence[NDArray[np.float32]], readings: Sequence[TextSpans], scale: float) -> Boxes:
    """Return the boxes of lines that were detected and not read, float32 (n, 4) in pixels of a photo, each line once.

    Args:
        polygons: For each size at which lines were searched those that were not read, float32 (n, 4, 2), in pixels of
            the photo as it was read.
        readings: For each size the lines that were read, in pixels of the photo. What was read at another size is not
            unread.
        scale: Scale at which the photo was read.
    """
    unread = np.zeros((0, 4), np.float32)
    for size, corners in enumerate(polygons):
        boxes = np.concatenate([corners.min(axis=1, initial=np.inf), corners.max(axis=1, initial=-np.inf)], axis=1)
        boxes = (boxes / np.float32(scale)).astype(np.float32)
        known = [unread, *(spans.xyxy for other, spans in enumerate(readings) if other != size)]
        covered = overlap_of_smaller(boxes, np.concatenate(known)).max(axis=1, initial=0)
        unread = np.concatenate([unread, boxes[covered <= _SAME_PLACE_SHARE]])
    return unread


def grown_lines(polygons: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Return lines, float32 (n, 4, 2), grown on every side by a share of their shorter one; corners may lie outside."""
    right = (polygons[:, 1] - polygons[:, 0] + polygons[:, 2] - polygons[:, 3]) / 2
    down = (polygons[:, 3] - polygons[:, 0] + polygons[:, 2] - polygons[:, 1]) / 2
    wide, high = (np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-6) for side in (right, down))
    margin = share * np.minimum(wide, high)
    x, y = right / wide * margin, down / high * margin
    return np.asarray(polygons + np.stack([-x - y, x - y, x + y, y - x], axis=1), np.float32)


def highest_lines(polygons: NDArray[np.float32], most: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the lines with the highest letters, in their order, and the others: a brand writes its name large."""
    sides = np.linalg.norm(polygons - np.roll(polygons, -1, axis=1), axis=2)
    heights = np.minimum(sides[:, 0], sides[:, 1])
    order = np.argsort(-heights, kind="stable")
    return polygons[np.sort(order[:most])], polygons[order[most:]]


def readings_of(corners: NDArray[np.float32], readings: Sequence[tuple[str, float]]) -> TextSpans:
    """Return readings of one line, a text and its confidence each, with its corners, float32 (4, 2)."""
    texts = tuple(text for text, _ in readings)
    confidence = np.array([min(1.0, sure) for _, sure in readings], np.float32)
    return TextSpans(np.repeat(corners[None], len(texts), axis=0), texts, confidence)
