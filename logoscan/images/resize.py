"""Pictures in another size: with antialiasing as Pillow does it, in less time.

Torch computes on bytes with the processor's vector instructions, where Pillow's wheels have none. Squares, the
detector's canvas and the reader's picture are made here, so that a large photo costs little more than a small one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from logoscan.types import Rgb

__all__ = ["mean_pooled", "resized"]


def resized(image: Rgb, size_wh: tuple[int, int], how: Literal["bilinear", "bicubic"] = "bilinear") -> Rgb:
    """Return a picture in another size, with antialiasing where it becomes smaller.

    Nearly all values are those of Pillow's filter of that name, and the others one or two off. Where "bicubic" leaves
    0..255 between its two passes, as it does in noise of black and white, the two clip in another order.

    Args:
        image: The picture, uint8 (H, W, 3), of a pixel at least.
        size_wh: Width and height in pixels, 1 or more.
        how: The filter.
    """
    import torch
    from torch.nn.functional import interpolate

    height, width = image.shape[:2]
    if size_wh == (width, height):
        return image
    if not (image.flags.writeable and image.flags.c_contiguous):  # torch warns of arrays that may not be written to
        image = np.array(image, order="C")
    with torch.inference_mode():
        pixels = torch.from_numpy(image).unsqueeze(0).permute(0, 3, 1, 2)  # channels last: the fast path
        out = interpolate(pixels, size=(size_wh[1], size_wh[0]), mode=how, antialias=True)
        return np.ascontiguousarray(out.permute(0, 2, 3, 1)[0].numpy())


def mean_pooled(image: Rgb, times: int) -> Rgb:
    """Return the means of two by two pixels, so many times over, rounded each time.

    An odd last row or column is left out, and a side of one pixel stays. `_code_places.halved` keeps the odd ones.

    Args:
        image: The picture, uint8 (H, W, 3), of a pixel at least.
        times: How many times; 0 returns the picture.
    """
    import cv2

    for _ in range(times):
        height, width = image.shape[:2]
        size = max(1, width // 2), max(1, height // 2)
        whole = image[: 2 * size[1] if height > 1 else 1, : 2 * size[0] if width > 1 else 1]
        image = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
    return image
