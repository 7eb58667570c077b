"""Pixels as PP-OCR's networks take them: lines cut out, enlarged one by one, and padded to few widths."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from logoscan.types import Rgb

__all__ = ["LINE_HIGH_PX", "finder_input", "line_crop", "padded"]

LINE_HIGH_PX = 48
"""Height in which lines are read."""
# Widths of lines are padded to multiples of it: OpenVINO plans each new width, which costs half as much as a line.
_LINE_STEP_PX = 32
# Longest line; longer ones are squeezed. A reader's memory grows with the square of it: 64,000 px took 20 GB.
_MOST_LINE_PX = 3_840
# Margin around a line that is enlarged by itself, in pixels of the photo.
_MARGIN_PX = 2


def line_crop(bgr: Rgb, polygon: NDArray[np.float32], enlarged: float) -> Rgb:
    """Return the crop of a line, upright, with corners float32 (4, 2) px in the enlarged photo."""
    import cv2
    from rapidocr.utils.process_img import get_rotate_crop_image

    low = np.maximum(np.floor(polygon.min(axis=0) / enlarged).astype(int) - _MARGIN_PX, 0)
    high = np.ceil(polygon.max(axis=0) / enlarged).astype(int) + _MARGIN_PX
    patch = bgr[low[1] : high[1], low[0] : high[0]]
    if enlarged > 1:
        patch = np.asarray(cv2.resize(patch, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC), np.uint8)
    return np.asarray(get_rotate_crop_image(patch, polygon - (low * enlarged).astype(np.float32)), np.uint8)


def padded(line: Rgb) -> Rgb:
    """Return a crop in the height in which it is read, padded to one of few widths."""
    import cv2

    height, width = line.shape[:2]
    wide = min(max(1, math.ceil(LINE_HIGH_PX * width / height)), _MOST_LINE_PX)
    scaled = cv2.resize(line, (wide, LINE_HIGH_PX))
    padding = -wide % _LINE_STEP_PX
    return np.asarray(
        cv2.copyMakeBorder(scaled, 0, 0, 0, padding, cv2.BORDER_CONSTANT, value=(127, 127, 127)), np.uint8
    )


def finder_input(bgr: Rgb) -> NDArray[np.float32]:
    """Return pixels as the finder takes them, float32 (1, 3, H, W) in [-1, 1]; both sides are multiples of 32."""
    import cv2

    return np.asarray(cv2.dnn.blobFromImage(bgr, 1 / 127.5, mean=(127.5, 127.5, 127.5)), np.float32)
