"""Crops of single lines: cut out of a photo along their corners, freed of what lies behind the letters."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from logoscan.types import Rgb

__all__ = ["clean_strokes", "cut_to_ink", "flatten_line", "grey_line", "line_crop"]

# Pixels of grey below which a line has no ink: the noise of a plain surface is not made into letters.
_LEAST_INK = 8.0
# Standard deviation of the blur before a line is made smaller, as a share of how much smaller; and from which share on
# blocks of pixels are averaged first.
_BLUR, _POOLED_FROM = 0.4, 6.0
# Grey up to which a pixel is ink.
_INK = 127
# Area of a speck, as a share of the line's height squared, and height of what comes in from the frame and is no letter.
_SPECK, _INTRUDER_HIGH = 0.0015, 0.5
# Share of a row that is ink where letters begin.
_INK_ROW = 0.01
# Pixels around a place that cubic interpolation and rounding take into account.
_CUBIC_PX = 4


def line_crop(image: Rgb, corners: NDArray[np.float32], height_px: int, margin: float = 0.0, side: float = 0.0) -> Rgb:
    """Return a line as an upright rectangle, uint8 (height_px, w, 3) RGB.

    Args:
        image: The photo.
        corners: Corners of the line in pixels, float32 (4, 2), clockwise from the top left of the text.
        height_px: Height of the crop.
        margin: What is added above and below, as a share of the line's height.
        side: What is added to the left and to the right, as a share of the line's height.
    """
    import cv2

    right = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
    down = (corners[3] - corners[0] + corners[2] - corners[1]) / 2
    wide, high = max(float(np.linalg.norm(right)), 1.0), max(float(np.linalg.norm(down)), 1.0)
    x, y = right / wide * side * high, down / high * margin * high
    grown = np.stack([corners[0] - x - y, corners[1] + x - y, corners[2] + x + y, corners[3] - x + y])
    width_px = max(8, round((wide + 2 * side * high) * height_px / (high * (1 + 2 * margin))))
    frame = np.array([[0, 0], [width_px, 0], [width_px, height_px], [0, height_px]], np.float32)
    size = (width_px, height_px)
    reduced = high * (1 + 2 * margin) / height_px
    # only the line's surroundings: to blur the whole photo for each line took half the time of reading a large one
    around = math.ceil(3 * _BLUR * reduced) + _CUBIC_PX
    low = np.clip(np.floor(grown.min(axis=0)).astype(int) - around, 0, [image.shape[1] - 1, image.shape[0] - 1])
    end = np.maximum(np.ceil(grown.max(axis=0)).astype(int) + around, low + 1)
    source, corners, sigma = image[low[1] : end[1], low[0] : end[0]], grown - low, _BLUR * reduced
    if reduced > _POOLED_FROM:  # means of blocks are most of a wide blur, and take a tenth of the time
        block = min(int(reduced / 3), *source.shape[:2])
        pooled = source.shape[1] // block, source.shape[0] // block
        source = cv2.resize(source[: pooled[1] * block, : pooled[0] * block], pooled, interpolation=cv2.INTER_AREA)
        corners = (corners + 0.5) / block - 0.5
        sigma = math.sqrt(sigma**2 - (block**2 - 1) / 12) / block
    if reduced > 1.5:
        source = cv2.GaussianBlur(source, (0, 0), sigma)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), frame)
    return np.asarray(
        cv2.warpPerspective(source, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def grey_line(line: Rgb) -> NDArray[np.uint8]:
    """Return a line in grey, dark letters on a light ground, uint8 (h, w), along the colour in which letters differ.

    Red letters on a green ground may have one luminance; the main axis of what differs from its surroundings has both.
    The ground is what the frame of the line shows.
    """
    import cv2

    pixels = line.astype(np.float32)
    detail = (pixels - cv2.GaussianBlur(pixels, (0, 0), line.shape[0] / 5)).reshape(-1, 3)
    axis = np.linalg.svd(detail.T @ detail)[0][:, 0].astype(np.float32)
    grey = pixels @ axis
    low, high = np.percentile(grey, (1, 99))
    out = np.clip((grey - low) * (255 / max(float(high - low), 1e-3)), 0, 255).astype(np.uint8)
    frame = np.concatenate([out[:3].ravel(), out[-3:].ravel(), out[:, :3].ravel(), out[:, -3:].ravel()])
    return np.asarray(255 - out if np.median(frame) < 128 else out, np.uint8)


def flatten_line(grey: NDArray[np.uint8], *, binary: bool = False) -> NDArray[np.uint8]:
    """Return dark strokes on plain white, uint8 (h, w): folds, edges and shadows wider than a stroke are gone.

    Args:
        grey: Dark letters on any ground, uint8 (h, w).
        binary: Whether strokes become black, with edges slightly softened, or keep their greys.
    """
    import cv2

    side = max(3, grey.shape[0] // 3 | 1)
    strokes = cv2.morphologyEx(
        grey, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    ).astype(np.float32)
    strength = max(float(np.percentile(strokes, 97)), _LEAST_INK)
    out = (255 - np.clip(strokes * (255 / strength), 0, 255)).astype(np.uint8)
    if binary:
        out = cv2.GaussianBlur(cv2.threshold(out, 0, 255, cv2.THRESH_OTSU)[1], (0, 0), 0.8)
    return np.asarray(out, np.uint8)


def clean_strokes(line: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a line without what is no letter: specks, and the ends of other things that reach in from the frame.

    Readers take both for the dots of letters, or for letters.

    Args:
        line: Dark strokes on white, uint8 (h, w).
    """
    import cv2

    height, width = line.shape
    count, parts, boxes, _ = cv2.connectedComponentsWithStats((line <= _INK).astype(np.uint8), connectivity=8)
    left, top, wide, high, area = boxes.T
    at_frame = (left == 0) | (top == 0) | (left + wide == width) | (top + high == height)
    is_gone = (at_frame & (high < _INTRUDER_HIGH * height)) | (area < _SPECK * height**2)
    is_gone[0] = False  # the ground
    return np.where(is_gone[parts], np.uint8(255), line) if count > 1 else line


def cut_to_ink(line: NDArray[np.uint8], ink: NDArray[np.uint8], margin_px: int) -> NDArray[np.uint8]:
    """Return a line cut to the rectangle of its letters, with a margin; uncut where it has none.

    Args:
        line: The line, uint8 (h, w).
        ink: Where its letters are: dark strokes on white, uint8 (h, w).
        margin_px: Pixels that are left around.
    """
    rows = np.flatnonzero((ink <= _INK).mean(axis=1) > _INK_ROW)
    columns = np.flatnonzero((ink <= _INK).any(axis=0))
    if not len(rows) or not len(columns):
        return line
    top, left = max(0, int(rows[0]) - margin_px), max(0, int(columns[0]) - margin_px)
    return line[top : int(rows[-1]) + 1 + margin_px, left : int(columns[-1]) + 1 + margin_px]
