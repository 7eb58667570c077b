"""Squares of a photo on a GPU: two matrix products instead of Pillow's resizing, with the same pixels but for rounding.

A photo goes to the GPU once, and its boxes come back as squares. Along each axis, Pillow's bilinear filter with
antialiasing is a matrix from pixels to pixels; the result is rounded after the first axis, as Pillow rounds it. `crops`
is the twin on the CPU.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from logoscan.images.boxes import clip
from logoscan.types import Boxes, Rgb

__all__ = ["torch_square_crops"]

# Pillow shrinks by whole numbers first where a side is at least twice this many times as long as the square's.
_REDUCING_GAP = 3.0
# Cells that the filter of one pixel sees at most: a square is shrunk by less than twice the gap, and padding adds none.
_MOST_CELLS = int(2 * 2 * _REDUCING_GAP) + 3
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
        The squares, uint8 (n, size_px, size_px, 3), mostly equal to Pillow's and elsewhere a grey level off.
    """
    boxes = _whole_boxes(xyxy, image.shape[1], image.shape[0])
    ground = np.array([_border(image[y0:y1, x0:x1]) for x0, y0, x1, y1 in boxes], np.float32).reshape(-1, 3)
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


def _border(crop: Rgb) -> NDArray[np.uint8]:
    """Return the median colour of a crop's border, as `crops.pad_square` does."""
    border = np.concatenate([crop[0], crop[-1], crop[:, 0], crop[:, -1]])
    return np.asarray(np.median(border, axis=0).astype(np.uint8))


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
    across = _filter(x0, x1 - x0, side, size, pixels.shape[2])
    down = _filter(y0, y1 - y0, side, size, pixels.shape[1])
    rows = torch.einsum("chw,nxw->nchx", pixels, across)
    rows = rows + (1 - across.sum(-1))[:, None, None, :] * ground[:, :, None, None]
    rows = rows.round().clamp(0, 255)
    squares = torch.einsum("nyh,nchx->nyxc", down, rows)
    squares = squares + (1 - down.sum(-1))[:, :, None, None] * ground[:, None, None, :]
    return squares.round().clamp(0, 255).to(torch.uint8)


def _filter(start: torch.Tensor, length: torch.Tensor, side: torch.Tensor, size: int, limit: int) -> torch.Tensor:
    """Return the share of each pixel of an axis in each pixel of the squares, float32 (n, size, limit).

    What is missing from a sum of 1 is the share of the padding.

    Args:
        start: First pixel of each box, float32 (n,).
        length: Pixels of each box.
        side: Pixels of the square that each is centred on.
        size: Pixels of a resized square.
        limit: Pixels of the picture.
    """
    whole = torch.floor(side / (size * _REDUCING_GAP)).clamp(min=1)[:, None]  # pixels of a cell that is shrunk first
    total, cells = side[:, None] / whole, torch.ceil(side[:, None] / whole)
    scale = total / size
    support = scale.clamp(min=1)[..., None]
    centre = ((torch.arange(size, device=start.device) + 0.5)[None] * scale)[..., None]
    at = torch.arange(limit, device=start.device)[None]
    inside = (at >= start[:, None]) & (at < (start + length)[:, None])
    place = at - start[:, None] + torch.floor((side - length) / 2)[:, None]
    cell = torch.floor(place / whole)
    share = 1 / torch.minimum(whole, side[:, None] - cell * whole).clamp(min=1)  # the last cell may have fewer pixels
    weights = (1 - ((cell[:, None] + 0.5 - centre) / support).abs()).clamp(min=0) * (inside * share)[:, None]
    # the sum over all cells of the square, which has pixels beside the box
    low = torch.floor(centre - support + 0.5).clamp(min=0)
    every = low + torch.arange(_MOST_CELLS, device=start.device)
    near = (1 - ((every + 0.5 - centre) / support).abs()).clamp(min=0) * (every < cells[..., None])
    return weights / near.sum(-1, keepdim=True)
