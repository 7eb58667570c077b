"""Read a bar code again along its axis, all rows averaged: what one row of pixels blurs or noise spoils, all show.

A row that is misread may have a right check digit by chance, one in ten; so bars count only as this second reading has
them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bar_places", "enlarged", "read_bars"]

# Cells in which contrast is averaged, and cells of a window; contrast across the bars, of 255, and how many times that
# along them, from which a window may hold bars.
_CELL_PX, _WINDOW_CELLS = 8, 4
_LEAST_CONTRAST, _LEAST_RATIO = 18.0, 2.0
# Most places of a photo that are enlarged, their least and most sides, and the margin around the windows.
_MOST_PLACES, _LEAST_PX, _MOST_PX, _AROUND_PX = 2, 60, 500, 40

# Pixels of the profile for one of the photo, and margin at both ends as a share of the code.
_FINER, _MARGIN = 4, 0.04
# Heights of the strip that is averaged, as shares of the code's width; how much the profile is sharpened.
_HEIGHTS, _SHARPENING = (0.15, 0.35), (0.0, 3.0)
_BLUR_PX, _QUIET_PX, _ROWS = 5.0, 60, 40


def bar_places(grey: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    """Return the boxes of places that look like bars, xyxy in pixels, largest first.

    Args:
        grey: The photo, uint8 (H, W).
    """
    import cv2

    height, width = grey.shape
    cells = (width // _CELL_PX, height // _CELL_PX)
    if min(cells) < _WINDOW_CELLS:
        return []
    means = []
    for diff in (cv2.absdiff(grey[:, 1:], grey[:, :-1]), cv2.absdiff(grey[1:], grey[:-1])):
        mean = cv2.resize(diff, cells, interpolation=cv2.INTER_AREA).astype(np.float32)
        means.append(cv2.blur(mean, (_WINDOW_CELLS, _WINDOW_CELLS)))
    high, low = np.maximum(*means), np.minimum(*means)
    like = ((high >= _LEAST_CONTRAST) & (high >= _LEAST_RATIO * low)).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(like)
    places = []
    for x, y, wide, tall, _ in sorted(stats[1:].tolist(), key=lambda row: -row[4]):
        if _LEAST_PX <= max(wide, tall) * _CELL_PX <= _MOST_PX:
            x0, y0 = max(0, x * _CELL_PX - _AROUND_PX), max(0, y * _CELL_PX - _AROUND_PX)
            places.append((x0, y0, min(width, (x + wide) * _CELL_PX + _AROUND_PX),
                           min(height, (y + tall) * _CELL_PX + _AROUND_PX)))  # fmt: skip
    return places[:_MOST_PLACES]


def enlarged(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture twice as large and sharpened, in which blurred narrow bars are found."""
    import cv2

    large = cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.addWeighted(large, 2.5, cv2.GaussianBlur(large, (0, 0), 3), -1.5, 0), np.uint8)


def read_bars(grey: NDArray[np.uint8], corners: NDArray[np.float32], read: Any) -> Any | None:
    """Return the reading of a bar code that most strips agree on; None where none is read.

    Args:
        grey: The photo, uint8 (H, W).
        corners: Corners of the code as a reader found it, float32 (4, 2), clockwise from the top left.
        read: Returns the valid readings of a picture, uint8 (h, w); a reading has `text`.
    """
    import cv2

    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 2, 0)
    high = np.ceil(corners.max(axis=0)).astype(int) + 3
    part = grey[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    if min(part.shape) < 3:
        return None
    dx, dy = cv2.Sobel(part, cv2.CV_32F, 1, 0), cv2.Sobel(part, cv2.CV_32F, 0, 1)
    angle = 0.5 * np.arctan2(2 * (dx * dy).sum(), (dx * dx - dy * dy).sum())  # across the bars, by the structure tensor
    along = np.array([np.cos(angle), np.sin(angle)], np.float32)
    line = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
    along = along if line @ along >= 0 else -along
    wide = float(abs(line @ along))
    if wide < 2 * _FINER:
        return None
    reach = along * wide * (0.5 + _MARGIN)
    length = int(wide * (1 + 2 * _MARGIN) * _FINER)
    found: list[Any] = []
    for share in _HEIGHTS:
        down = np.array([-along[1], along[0]], np.float32) * share * wide / 2
        middle, high_px = corners.mean(axis=0), max(3, int(share * wide))
        source = np.array([middle - reach - down, middle + reach - down, middle - reach + down], np.float32)
        target = np.array([[0, 0], [length, 0], [0, high_px]], np.float32)
        strip = cv2.warpAffine(
            grey, cv2.getAffineTransform(source, target), (length, high_px), flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        profile = strip.astype(np.float32).mean(axis=0)
        for amount in _SHARPENING:
            sharp = profile + amount * (profile - cv2.GaussianBlur(profile[None], (0, 0), _BLUR_PX)[0])
            level = (sharp - sharp.min()) / (np.ptp(sharp) + 1e-6) * 255
            bars = np.pad(level, _QUIET_PX, constant_values=255).astype(np.uint8)
            found += read(np.repeat(bars[None], _ROWS, axis=0))
    texts = [one.text for one in found]
    return max(found, key=lambda one: texts.count(one.text), default=None)
