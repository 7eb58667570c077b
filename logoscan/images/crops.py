"""Crops of a picture, as squares of one size.

Registration and search cut and resize through `square_crops` alone, so that a logo and a photo of it meet the encoder
in the same way; a GPU makes the same squares but for rounding (`torch_crops`).
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from logoscan.errors import InputError
from logoscan.images.boxes import clip
from logoscan.images.resize import resized
from logoscan.types import Boxes, CropFit, Rgb

__all__ = ["crop", "median_border_colour", "pad_square", "square_crops", "square_crops_on"]

logger = logging.getLogger(__name__)

# Side of the largest square that is padded; a longer box is reduced first: a strip of 30,000 px would take 2.7 GB.
_LARGEST_PADDED_PX = 4096


def crop(image: Rgb, xyxy: tuple[float, float, float, float]) -> Rgb:
    """Return the pixels of one box, rounded outwards and cut to the picture.

    Raises:
        InputError: The box lies outside of the picture.
    """
    height, width = image.shape[:2]
    x0, y0 = max(0, int(np.floor(xyxy[0]))), max(0, int(np.floor(xyxy[1])))
    x1, y1 = min(width, int(np.ceil(xyxy[2]))), min(height, int(np.ceil(xyxy[3])))
    if x1 <= x0 or y1 <= y0:
        raise InputError(f"xyxy: expected a box that meets the {width} x {height} picture, got {xyxy}")
    return image[y0:y1, x0:x1]


def pad_square(image: Rgb, margin: float = 0.0) -> Rgb:
    """Centre a picture on a square of its border's median colour, with `margin` of its long side around it."""
    height, width = image.shape[:2]
    side = max(1, round(max(height, width) * (1 + 2 * margin)))
    ground, out = median_border_colour(image), np.empty((side, side, 3), np.uint8)
    y, x = (side - height) // 2, (side - width) // 2
    out[:y] = out[y + height :] = ground
    out[y : y + height, :x] = out[y : y + height, x + width :] = ground
    out[y : y + height, x : x + width] = image
    return out


def median_border_colour(image: Rgb) -> NDArray[np.uint8]:
    """Return the median colour of a picture's border, uint8 (3,)."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return np.asarray(np.median(border, axis=0).astype(np.uint8))


def square_crops(image: Rgb, xyxy: Boxes, size_px: int, fit: CropFit = "pad") -> Rgb:
    """Cut boxes out of a picture as squares of one size. Empty in, empty out.

    Args:
        image: The picture, uint8 (H, W, 3).
        xyxy: Boxes, float32 (n, 4), in pixels; cut to the picture first. A box of less than a pixel takes the pixel
            that it lies in.
        size_px: Side of the squares.
        fit: "context" grows the short side into the picture as far as it goes and squeezes the rest; "squeeze" changes
            the aspect; "pad" adds the median colour of the crop's border.

    Returns:
        The squares, uint8 (n, size_px, size_px, 3), resized bilinearly with antialiasing.
    """
    height, width = image.shape[:2]
    out = np.empty((len(xyxy), size_px, size_px, 3), np.uint8)
    boxes = clip(np.asarray(xyxy, np.float32), width, height)
    whole = Image.fromarray(image) if len(boxes) and fit != "pad" else None  # Pillow's copy takes four bytes a pixel
    for row, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        x0, y0 = min(x0, width - 1.0), min(y0, height - 1.0)
        x1, y1 = max(x1, x0 + 1.0), max(y1, y0 + 1.0)
        if fit == "pad":
            part = crop(image, (x0, y0, x1, y1))
            if (times := max(part.shape[:2]) / _LARGEST_PADDED_PX) > 1:
                size = [max(1, round(side / times)) for side in part.shape[1::-1]]
                part = np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BOX))
            padded = pad_square(part)
            out[row] = resized(padded, (size_px, size_px))
            continue
        assert whole is not None
        if fit == "context":
            side = max(x1 - x0, y1 - y0)
            x0, x1 = _grow(x0, x1, side, width)
            y0, y1 = _grow(y0, y1, side, height)
        # reducing_gap: large boxes shrink by whole numbers first, within a few grey levels of the plain filter
        square = whole.resize((size_px, size_px), Image.Resampling.BILINEAR, box=(x0, y0, x1, y1), reducing_gap=3.0)
        out[row] = np.asarray(square)
    return out


def square_crops_on(device: str, image: Rgb, xyxy: Boxes, size_px: int, fit: CropFit = "pad") -> Rgb:
    """Cut boxes out of a picture as `square_crops` does: on a GPU where that is the device and its memory suffices.

    Args:
        device: Device of the network that takes the squares.
        image: The picture, uint8 (H, W, 3).
        xyxy: Boxes, float32 (n, 4), in pixels.
        size_px: Side of the squares.
        fit: How boxes become squares; a GPU makes those that are padded.
    """
    if device != "cpu" and fit == "pad" and max(image.shape[:2]) <= _LARGEST_PADDED_PX:
        from logoscan.gpu_network import is_memory_error
        from logoscan.images.torch_crops import torch_square_crops

        try:
            return torch_square_crops(image, xyxy, size_px, device)
        except RuntimeError as error:
            if not is_memory_error(error):
                raise
            logger.warning("too little memory on %s for the squares of a photo; the CPU makes them", device)
    return square_crops(image, xyxy, size_px, fit)


def _grow(low: float, high: float, side: float, limit: float) -> tuple[float, float]:
    """Return an interval widened around its centre to `side`, and shifted to stay in [0, limit]."""
    side = min(side, limit)
    start = min(max((low + high - side) / 2, 0.0), limit - side)
    return start, start + side
