"""The product of many logo images' descriptors with those of a photo, and its maximum in each logo image.

It is nearly all arithmetic of placing logo images. A GPU takes it in one product, numpy logo image by logo image.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["highest_products"]

logger = logging.getLogger(__name__)


def highest_products(
    logo_images: Sequence[NDArray[np.float32]], queries: NDArray[np.float32], device: str = "cpu"
) -> NDArray[np.float32]:
    """Return the highest product of any row of each logo image with each query, float32 (logo images, m).

    Args:
        logo_images: For each logo image float32 (n, d). One without rows has the product 0 with every query.
        queries: float32 (d, m).
        device: "cpu" for numpy; "cuda", ... for torch, in fp32 ("cpu:0" is torch on the CPU, for tests). Where
            a GPU's memory is full, numpy takes over, and the log says so.
    """
    if device != "cpu":
        import torch

        try:
            return _by_torch(logo_images, queries, device)
        except torch.OutOfMemoryError:
            logger.warning("keypoints are compared on the CPU: the memory of %s is full", device)
    out = np.zeros((len(logo_images), queries.shape[1]), np.float32)
    for row, vectors in enumerate(logo_images):
        if len(vectors):
            out[row] = (vectors @ queries).max(axis=0)
    return out


def _by_torch(
    logo_images: Sequence[NDArray[np.float32]], queries: NDArray[np.float32], device: str
) -> NDArray[np.float32]:
    import torch

    sizes = [len(vectors) for vectors in logo_images]
    highest = torch.zeros(len(logo_images), queries.shape[1], device=device)
    if not sum(sizes) or not queries.shape[1]:
        return np.asarray(highest.cpu().numpy(), np.float32)
    rows = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes)).to(device)
    every = torch.from_numpy(np.concatenate([v for v in logo_images if len(v)])).to(device)
    products = every @ torch.from_numpy(queries).to(device)
    highest.scatter_reduce_(0, rows[:, None].expand_as(products), products, "amax", include_self=False)
    return np.asarray(highest.cpu().numpy(), np.float32)
