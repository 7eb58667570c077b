"""Where a photo may hold a code, and at which scale: places of the dense contrast of bars and modules.

Such a place is found on the scale on which the code's narrowest parts are one to four pixels. So a code is read at
twice the size of that scale, and the rest of the photo is not searched: large photos cost what small ones do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CodePlace", "code_places", "halved", "looks_like_code"]

# Contrast of neighbouring pixels, of 510, that some 32 x 32 pixels of every code have on some scale. Of 60 composed
# codes of each of seven sizes, the least is 47 (DataMatrix of 50 px); two thirds of catalogue photos have less than 40.
_LEAST_CONTRAST = 40.0
# Contrast of the parts of a code that are less dense, such as the three squares of a QR code.
_LEAST_AROUND = 20.0
# Cells in which contrast is averaged, and cells of a window.
_CELL_PX, _WINDOW_CELLS = 8, 4
# Margin of a place: a code reaches beyond its densest part.
_MARGIN_PX = 40
# Places of a scale beyond which it is searched as a whole, and the share of it from which that takes no longer.
_MOST_PLACES, _WHOLE_SHARE = 6, 0.5
# Pixels of a picture above which every fourth row is enough to find a place.
_DENSE_PIXELS = 1 << 20


class CodePlace(NamedTuple):
    """A part of a photo.

    Attributes:
        level: How often the photo is halved until the code's parts are a few pixels; 0 for the photo as it is.
        xyxy: Box in pixels of that level.
    """

    level: int
    xyxy: tuple[int, int, int, int]


def _mean_contrast(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mean contrast of the windows at each cell, float32 (H / 8, W / 8)."""
    import cv2

    step = 4 if grey.size > _DENSE_PIXELS else 1
    corner = grey[1::step, 1:]
    left, above = grey[1::step, :-1], grey[: len(grey) - 1 : step, 1:]
    contrast = cv2.add(cv2.absdiff(corner, left), cv2.absdiff(corner, above))
    cells = ((grey.shape[1] - 1) // _CELL_PX, (grey.shape[0] - 1) // _CELL_PX)
    mean = cv2.resize(contrast, cells, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(mean, (_WINDOW_CELLS, _WINDOW_CELLS)))


def halved(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the whole picture half as large; where a side is odd, its last pixel is spread over the others."""
    import cv2

    return np.asarray(
        cv2.resize(grey, (grey.shape[1] // 2, grey.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8
    )


def looks_like_code(grey: NDArray[np.uint8]) -> bool:
    """Return whether some place of a picture has the dense contrast of a code, on any scale.

    It takes a fifth of the time of a search, so that photos without such a place cost next to nothing.

    Args:
        grey: The picture, uint8 (H, W).
    """
    while min(grey.shape) > _CELL_PX * _WINDOW_CELLS:
        if bool(_mean_contrast(grey).max() >= _LEAST_CONTRAST):
            return True
        grey = halved(grey)
    return False


def code_places(grey: NDArray[np.uint8]) -> list[CodePlace]:
    """Return the places that may hold a code, by their scale; none within another, whose search finds larger codes too.

    Args:
        grey: The picture, uint8 (H, W).
    """
    out: list[CodePlace] = []
    level = 0
    while min(grey.shape) > _CELL_PX * _WINDOW_CELLS:
        for box in _boxes(_mean_contrast(grey), grey.shape):
            if not any(_holds(place, level, box) for place in out):
                out.append(CodePlace(level, box))
        grey, level = halved(grey), level + 1
    return out


def _holds(place: CodePlace, level: int, box: tuple[int, int, int, int]) -> bool:
    """Return whether a place holds a box of a coarser level, but for the pixels that halving leaves over."""
    slack = 1 << (level - place.level)
    inner = [edge * slack for edge in box]
    x0, y0, x1, y1 = place.xyxy
    return x0 <= inner[0] and y0 <= inner[1] and inner[2] <= x1 + slack and inner[3] <= y1 + slack


def _boxes(mean: NDArray[np.float32], shape: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Return the boxes of one scale, in its pixels."""
    import cv2

    if mean.max() < _LEAST_CONTRAST:
        return []
    height, width = shape
    whole = (0, 0, width, height)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((mean >= _LEAST_AROUND).astype(np.uint8))
    dense = np.unique(labels[mean >= _LEAST_CONTRAST])
    boxes = []
    for x, y, wide, tall, _ in stats[dense].tolist():
        low = (max(0, x * _CELL_PX - _MARGIN_PX), max(0, y * _CELL_PX - _MARGIN_PX))
        high = (min(width, (x + wide) * _CELL_PX + _MARGIN_PX), min(height, (y + tall) * _CELL_PX + _MARGIN_PX))
        boxes.append((*low, *high))
    area = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes)
    return [whole] if len(boxes) > _MOST_PLACES or area > _WHOLE_SHARE * width * height else boxes
