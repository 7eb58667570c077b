"""What OCR engines do to pictures before they read them and to lines afterwards: sizes, turns, places read twice.

Knows no engine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from logoscan.errors import InputError
from logoscan.images.boxes import iou
from logoscan.types import Boxes, Rgb, TextSpans

__all__ = [
    "MAX_BLUR",
    "MAX_ENLARGEMENT",
    "canvas_of",
    "checked_sizes",
    "find_sides",
    "find_sizes",
    "merged",
    "named_sizes",
    "scaled",
    "spans_of",
    "surest",
    "upright",
]

# Canvas sides are multiples of this: at most nine shapes at the default reading size.
_CANVAS_STEP = 320
# Long sides of the pictures in which lines are found are multiples of this, or that of the canvas.
_FIND_STEP = 160
MAX_ENLARGEMENT, MAX_BLUR, _LEAST_READ_PX = 5.0, 2.0, 640
"""Small pictures are enlarged before they are read, five times at most to this long side, twice beyond: letters under
some 12 px are lost to both detectors, and there is nothing to see between the pixels."""
# Intersection over union above which two looks at a picture have found one line.
_SAME_LINE = 0.5
# Height over width from which a place is read as a line that runs up or down.
_TURNED = 1.5


def upright(image: Rgb, places: Boxes) -> tuple[list[Rgb], list[int]]:
    """Pieces of a picture to read as lines, and the place that each is of."""
    pieces, owners = [], []
    for i, (x0, y0, x1, y1) in enumerate(places):
        left, top, right, bottom = math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)
        piece = image[top:bottom, left:right]
        if not piece.size:
            continue
        turned = [np.rot90(piece, 1), np.rot90(piece, 3)] if bottom - top > _TURNED * (right - left) else [piece]
        pieces += [np.ascontiguousarray(p) for p in turned]
        owners += [i] * len(turned)
    return pieces, owners


def surest(places: Boxes, owners: Sequence[int], texts: Sequence[str], confidence: Sequence[float]) -> TextSpans:
    """The surest reading of each place."""
    best: dict[int, int] = {}
    for row, (owner, text) in enumerate(zip(owners, texts, strict=True)):
        if text.strip() and (owner not in best or confidence[row] > confidence[best[owner]]):
            best[owner] = row
    if not best:
        return TextSpans.empty()
    corners = places[list(best)][:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    sure = np.clip(np.array([confidence[row] for row in best.values()], np.float32), 0, 1)
    return TextSpans(corners.astype(np.float32), tuple(texts[row] for row in best.values()), sure)


def scaled(image: Rgb, long_side_px: int) -> tuple[Rgb, float]:
    """The picture as it is read, and its scale."""
    height, width = image.shape[:2]
    scale = min(MAX_ENLARGEMENT, max(MAX_BLUR, _LEAST_READ_PX / max(height, width)), long_side_px / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)), scale


def canvas_of(image: Rgb, long_side_px: int) -> tuple[Rgb, float]:
    """The picture as it is read, in the top left of a canvas of a fixed size; and the scale."""
    picture, scale = scaled(image, long_side_px)
    h, w = picture.shape[:2]
    out = np.empty((-h // _CANVAS_STEP * -_CANVAS_STEP, -w // _CANVAS_STEP * -_CANVAS_STEP, 3), np.uint8)
    out[:] = np.median(picture[:: max(1, h // 64), :: max(1, w // 64)], axis=(0, 1)).astype(np.uint8)
    out[:h, :w] = picture
    return out, scale


def checked_sizes(long_side_px: int, find_px: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Sizes to read and to find lines at."""
    for name, value in (("long_side_px", long_side_px), *(("find_px", size) for size in find_px)):
        if value < 32:
            raise InputError(f"{name}: expected 32 or more, got {value!r}")
    return long_side_px, tuple(min(size, long_side_px) for size in find_px) or (long_side_px,)


def named_sizes(long_side_px: int, find_px: Sequence[int]) -> str:
    """Of an engine's name, since they change what is read: "(960 px; lines at 480, 960)"."""
    return f"({long_side_px} px; lines at {', '.join(map(str, find_px))})"


def find_sides(canvas: Rgb, shown_px: float, find_px: Sequence[int]) -> list[int]:
    """Long sides to find lines at in a canvas whose picture has one of `shown_px`; of a few sizes, each once."""
    side = int(max(canvas.shape[:2]))
    wanted = (math.ceil(side * size / shown_px / _FIND_STEP) * _FIND_STEP for size in find_px)
    return list(dict.fromkeys(min(side, size) for size in wanted))


def find_sizes(shape: tuple[int, ...], scale: float, find_px: Sequence[int], enlarged: float) -> list[tuple[int, int]]:
    """Widths and heights at which a picture that is read at `scale` is searched for lines, multiples of 32, each once.

    At most `enlarged` times the picture as it came.
    """
    height, width = shape[:2]
    long = max(height, width)
    sizes = [min(size / long, scale, max(enlarged, 32 / long)) for size in find_px]
    return list(dict.fromkeys((_round32(width * times), _round32(height * times)) for times in sizes))


def _round32(side: float) -> int:
    return max(32, round(side / 32) * 32)


def merged(looks: Sequence[TextSpans]) -> TextSpans:
    """Lines of several looks at one picture; where one overlaps an earlier one and says the same, it is left out."""
    out = looks[0]
    for more in looks[1:]:
        same = iou(more.xyxy, out.xyxy) > _SAME_LINE
        texts = np.array([[b.casefold() == a.casefold() for a in out.texts] for b in more.texts], bool)
        rows = np.flatnonzero(~(same & texts.reshape(same.shape)).any(axis=1))
        out = out.joined(more.rows(rows.tolist()))
    return out


def spans_of(polygons: list[Any], texts: list[str], confidence: list[float], scale: float, shape: Any) -> TextSpans:
    """Lines with their corners in pixels of a picture of this shape, which was read at this scale."""
    if not texts:
        return TextSpans.empty()
    points = np.asarray(polygons, np.float32).reshape(-1, 4, 2) / np.float32(scale)
    points = np.clip(points, 0, np.array([shape[1], shape[0]], np.float32))
    return TextSpans(points, tuple(texts), np.clip(np.asarray(confidence, np.float32), 0, 1))
