"""Squares of a photo on a GPU: two matrix products instead of resizing, with the same pixels but for rounding.

A photo goes to the GPU once, and its boxes come back as squares. Along each axis, a bilinear filter with antialiasing
is a matrix from pixels to pixels; the result is rounded after the first axis, as on the CPU. `crops` is the twin there.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from logoscan.images.boxes import clip
from logoscan.images.crops import median_border_colour
from logoscan.types import Boxes, Rgb

__all__ = ["torch_square_crops"]

# Squares that are made at a time, so that the memory of their filters is bounded.
_MOST_SQUARES = 32


def torch_square_crops(image: Rgb, xyxy: Boxes, size_px: int, device: str) -> Rgb:
    """Cut boxes out of a picture as squares with padding, as `crops.square_crops` does. Empty in, empty out.

    Args:
        image: The picture, uint8 (H, W, 3).
        xyxy: Boxes, float32 (n, 4), in pixels; cut to the picture first.
        size_px: Side of the squares.
        device: Torch device that computes.

    Returns:
        The squares, uint8 (n, size_px, size_px, 3), mostly equal to those of the CPU and elsewhere a grey level off.
    """
    boxes = _whole_boxes(xyxy, image.shape[1], image.shape[0])
    colours = [median_border_colour(image[y0:y1, x0:x1]) for x0, y0, x1, y1 in boxes]
    ground = np.array(colours, np.float32).reshape(-1, 3)
    out = np.empty((len(boxes), size_px, size_px, 3), np.uint8)
    if not len(boxes):
        return out
    with torch.inference_mode():
        # (3, H, W): products along W, then along H
        pixels = torch.tensor(image, device=device).permute(2, 0, 1).float()  # a copy: photos may be read-only
        for start in range(0, len(boxes), _MOST_SQUARES):
            rows = slice(start, start + _MOST_SQUARES)
            places = torch.from_numpy(boxes[rows]).to(device).float()
            squares = _resized(pixels, places, torch.from_numpy(ground[rows]).to(device), size_px)
            out[rows] = squares.cpu().numpy()
    return out


def _whole_boxes(xyxy: Boxes, width: int, height: int) -> NDArray[np.int64]:
    """Return boxes in whole pixels, rounded outwards, of a pixel at least; int64 (n, 4)."""
    x0, y0, x1, y1 = clip(np.asarray(xyxy, np.float32).reshape(-1, 4), width, height).T.astype(np.float64)
    x0, y0 = np.minimum(x0, width - 1), np.minimum(y0, height - 1)
    x1, y1 = np.maximum(x1, x0 + 1), np.maximum(y1, y0 + 1)
    limit = np.array([width, height])
    low = np.floor(np.stack([x0, y0], axis=1))
    high = np.minimum(np.ceil(np.stack([x1, y1], axis=1)), limit)
    return np.concatenate([low, high], axis=1).astype(np.int64)


def _resized(pixels: torch.Tensor, boxes: torch.Tensor, ground: torch.Tensor, size: int) -> torch.Tensor:
    """Return the squares of boxes in whole pixels, uint8 (n, size, size, 3).

    Args:
        pixels: float32 (3, H, W).
        boxes: float32 (n, 4).
        ground: Colour of the padding of each, float32 (n, 3).
        size: Side of the squares in pixels.
    """
    x0, y0, x1, y1 = boxes.T
    side = torch.maximum(x1 - x0, y1 - y0)
    height, width = pixels.shape[1:]
    across = _filter(x0, x1 - x0, side, size, (width, max(width, height)))
    down = _filter(y0, y1 - y0, side, size, (height, max(width, height)))
    rows = torch.einsum("chw,nxw->nchx", pixels, across)
    rows = rows + (1 - across.sum(-1))[:, None, None, :] * ground[:, :, None, None]
    rows = rows.round().clamp(0, 255)
    squares = torch.einsum("nyh,nchx->nyxc", down, rows)
    squares = squares + (1 - down.sum(-1))[:, :, None, None] * ground[:, None, None, :]
    return squares.round().clamp(0, 255).to(torch.uint8)


def _filter(
    start: torch.Tensor, length: torch.Tensor, side: torch.Tensor, size: int, limits: tuple[int, int]
) -> torch.Tensor:
    """Return the share of each pixel of an axis in each pixel of the squares, float32 (n, size, pixels of the axis).

    What is missing from a sum of 1 is the share of the padding.

    Args:
        start: First pixel of each box, float32 (n,).
        length: Pixels of each box.
        side: Pixels of the square that each is centred on.
        size: Pixels of a resized square.
        limits: Pixels of the picture's axis, and of its longer one.
    """
    scale = (side / size)[:, None]
    support = scale.clamp(min=1)[..., None]
    centre = ((torch.arange(size, device=start.device) + 0.5)[None] * scale)[..., None]
    at = torch.arange(limits[0], device=start.device)[None] - start[:, None]
    inside = (at >= 0) & (at < length[:, None])
    place = at + torch.floor((side - length) / 2)[:, None]
    weights = (1 - ((place[:, None] + 0.5 - centre) / support).abs()).clamp(min=0) * inside[:, None]
    # the sum over all pixels of the square, which has some beside the box
    low = torch.floor(centre - support + 0.5).clamp(min=0)
    every = low + torch.arange(2 * max(1, math.ceil(limits[1] / size)) + 2, device=start.device)
    near = (1 - ((every + 0.5 - centre) / support).abs()).clamp(min=0) * (every < side[:, None, None])
    return weights / near.sum(-1, keepdim=True)
