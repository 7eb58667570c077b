"""From the outputs of the detector's heads to boxes, and the numbers that the network shares; without its layers.

A process that reads its compiled network from the cache needs neither torchvision nor timm, whose imports take as long
as torch's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from logoscan.images.boxes import iou
from logoscan.types import Boxes

if TYPE_CHECKING:
    import torch

__all__ = [
    "DECODED_PER_LEVEL",
    "LEAST_SCORE",
    "MEAN",
    "MOST_BOXES",
    "NMS_IOU",
    "STD",
    "STRIDES",
    "best_boxes",
    "level_shapes",
    "suppress",
]

MEAN = (0.485, 0.456, 0.406)
"""Mean of each channel that pixels in 0..1 are normalised with, as for ImageNet."""
STD = (0.229, 0.224, 0.225)
"""Standard deviation of each channel that pixels in 0..1 are normalised with, as for ImageNet."""
STRIDES = (8, 16, 32, 64)
"""Strides of the levels of the feature pyramid in pixels."""
DECODED_PER_LEVEL = 300
"""Best positions of each level that are decoded."""
NMS_IOU = 0.6
"""Intersection over union above which the worse of two boxes is dropped; a mark, and the mark with its word, are both
kept."""
LEAST_SCORE, MOST_BOXES = 0.02, 200
"""Least score of a box, and most boxes of a picture."""
# Boxes that are compared at once.
_BLOCK = 64


def level_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Return the rows and columns of positions on each level of the pyramid, for pictures of this size in pixels."""
    return [(-(-height // stride), -(-width // stride)) for stride in STRIDES]


def best_boxes(heads: Sequence[torch.Tensor], height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Decode the outputs of the heads at the best positions of each level, always as many.

    Nothing is asked of the device, so that a CUDA graph can hold it: `decode` takes 1,800 operations and 16 waits for
    eight pictures. `suppress` does the rest.

    Args:
        heads: Outputs of the heads in the order of `Heads.names`, float32 (n, positions, k).
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.

    Returns:
        Boxes float32 (n, k, 4), xyxy in the pictures, and their scores float32 (n, k) in 0..1, level by level.
    """
    import torch

    logits, offsets, centredness = heads
    scores = (logits.sigmoid() * centredness.sigmoid()).sqrt()[..., 0]
    boxes, best, start = [], [], 0
    for stride, (rows, columns) in zip(STRIDES, level_shapes(height, width), strict=True):
        here = slice(start, start + rows * columns)
        score, position = scores[:, here].topk(min(DECODED_PER_LEVEL, rows * columns), dim=1)
        centre = torch.stack([position % columns, position // columns], dim=-1) * stride
        offset = offsets[:, here].gather(1, position[..., None].expand(-1, -1, 4)) * stride  # to the four sides
        low, high = centre - offset[..., :2], centre + offset[..., 2:]
        edges = [low[..., 0].clamp(0, width), low[..., 1].clamp(0, height)]
        edges += [high[..., 0].clamp(0, width), high[..., 1].clamp(0, height)]
        boxes.append(torch.stack(edges, dim=-1))
        best.append(score)
        start = here.stop
    return torch.cat(boxes, dim=1), torch.cat(best, dim=1)


def suppress(
    boxes: Boxes, scores: NDArray[np.float32], counted: NDArray[np.bool_] | None = None, most: int = MOST_BOXES
) -> tuple[Boxes, NDArray[np.float32]]:
    """Return the boxes of one picture that are not too weak and do not overlap better ones too much, best first.

    Args:
        boxes: float32 (n, 4), xyxy in pixels.
        scores: float32 (n,).
        counted: bool (n,), which boxes the caller can use; None is all.
        most: How many of those are needed; the search may end with them.
    """
    counts = np.ones(len(boxes), bool) if counted is None else counted
    order = np.argsort(-scores, kind="stable")
    order, rows = order[scores[order] > LEAST_SCORE], np.zeros(0, np.int64)
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        free = np.asarray(~_overlap(boxes[block], boxes[rows]).any(axis=1), np.bool_)
        among = _overlap(boxes[block], boxes[block])
        for i in range(len(block)):
            if free[i]:
                free[i + 1 :] &= ~among[i, i + 1 :]
        rows = np.concatenate([rows, block[free]])[:MOST_BOXES]
        if len(rows) == MOST_BOXES or counts[rows].sum() >= most:
            break
    return boxes[rows], scores[rows]


def _overlap(a: Boxes, b: Boxes) -> NDArray[np.bool_]:
    """Return which boxes of two sets overlap too much, compared in double precision as torchvision does it."""
    return np.asarray(iou(a, b).astype(np.float64) > NMS_IOU)
