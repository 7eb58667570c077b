"""A quick comparison of keypoints: which of many logo images may lie in a photo, before they are compared in full.

Descriptors are summed over neighbouring cells, from 128 numbers to 32, and these are compared. A logo image is a
candidate if enough of the keypoints that resemble it, and no rival, agree in rotation and scale. Uses no index.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logoscan.matching._logo_products import highest_products

__all__ = ["MIN_SIMILARITY", "Candidate", "reversed_cells", "rival_similarity", "shortlist", "summed"]

MIN_SIMILARITY = 0.8
"""Least cosine of the summed descriptors of two keypoints that correspond."""
# A keypoint is compared in full later if its squared distance is below this multiple of that to its nearest rival.
_FULL_COMPARISON_RATIO = 1.5
# A keypoint counts for a logo image if its distance is below this share of that to its nearest rival. `placement` asks
# for less (0.9), because summed descriptors distinguish keypoints less well.
_MAX_DISTANCE_RATIO = 0.95
# Keypoints that agree in rotation and scale from which a logo image is a candidate. With 64 logo images of an index of
# 3,500 brands compared with each of 300 photos, 197 of the 199 placements of a probability above one half are kept, and
# 6 more are found that rivals had kept below it.
_MIN_AGREEING = 5
# Largest difference in rotation and in log scale of keypoints that agree; equal to those of `_verification`.
_MAX_ANGLE_RAD, _MAX_LOG_SCALE = math.radians(30), math.log(1.6)
# Most keypoints of a logo image that are compared with each other, those of the highest similarity.
_MAX_COMPARED = 200


@dataclass(frozen=True, eq=False)
class Candidate:
    """A logo image that may lie in the photo.

    Attributes:
        logo_image: Position of the logo image among those that were given.
        photo_rows: int64, rows of the photo's keypoints that may correspond to the logo image and to no rival.
    """

    logo_image: int
    photo_rows: NDArray[np.int64]


def summed(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 (n, 32), unit rows: 4 x 4 cells of eight orientations summed to 2 x 2."""
    values = descriptors.astype(np.float32) @ _SUMS
    values /= np.linalg.norm(values, axis=1, keepdims=True) + np.float32(1e-7)
    return np.asarray(values, np.float32)


def reversed_cells(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return summed descriptors as they are where dark and light are exchanged: their cells are reversed.

    Reversing those of a photo, not those of each logo image, is the same.
    """
    return vectors.reshape(-1, 4, 8)[:, ::-1].reshape(-1, 32)


def _sums() -> NDArray[np.float32]:
    out = np.zeros((4, 4, 8, 2, 2, 8), np.float32)
    for y, x, angle in np.ndindex(4, 4, 8):
        out[y, x, angle, y // 2, x // 2, angle] = 1
    return out.reshape(128, 32)


# Sums the cells of a descriptor, float32 (128, 32).
_SUMS = _sums()


def shortlist(
    photo: tuple[NDArray[np.float32], NDArray[np.uint8]],
    logo_images: Sequence[tuple[NDArray[np.float32], NDArray[np.uint8]]],
    owners: Sequence[int],
    families: Sequence[int] = (),
    device: str = "cpu",
) -> list[Candidate]:
    """Return the logo images that may lie in a photo.

    Args:
        photo: Frames and descriptors of the photo's keypoints, as in `Keypoints`.
        logo_images: Frames and descriptors of the keypoints of each logo image.
        owners: Brand of each logo image, numbered from 0; logo images of different brands are rivals.
        families: Family of each logo image, numbered from 0, or -1 for none. Empty where there are no families.
        device: Where descriptors are compared (`highest_products`).
    """
    frames, descriptors = photo
    queries = summed(descriptors)
    negative_queries = reversed_cells(queries)
    both = np.ascontiguousarray(np.concatenate([queries, negative_queries]).T)
    count = len(frames)
    logo_descriptors = [summed(d) for _, d in logo_images]
    highest = highest_products(logo_descriptors, both, device)
    near = np.maximum(highest[:, :count], highest[:, count:])
    rival = rival_similarity(near, owners, families)
    alike = (near > MIN_SIMILARITY) & (2 - 2 * near < _MAX_DISTANCE_RATIO**2 * (2 - 2 * rival))
    in_full = (near > MIN_SIMILARITY) & (1 - near < _FULL_COMPARISON_RATIO * (1 - rival))
    candidates = []
    for row in np.flatnonzero(alike.sum(axis=1) >= _MIN_AGREEING).tolist():
        corresponding = np.flatnonzero(alike[row])
        tried = corresponding[np.argsort(-near[row, corresponding], kind="stable")[:_MAX_COMPARED]]
        products = logo_descriptors[row] @ both[:, np.concatenate([tried, count + tried])]
        nearest, similarity = products.argmax(axis=0), products.max(axis=0)
        negative = similarity[len(tried) :] > similarity[: len(tried)]
        logo_frames = logo_images[row][0][np.where(negative, nearest[len(tried) :], nearest[: len(tried)])]
        rotation = frames[tried, 3] - logo_frames[:, 3] + np.float32(np.pi) * negative
        log_scale = np.log(frames[tried, 2] / logo_frames[:, 2])
        angle = np.abs((rotation[:, None] - rotation + np.pi) % (2 * np.pi) - np.pi)
        agree = (angle < _MAX_ANGLE_RAD) & (np.abs(log_scale[:, None] - log_scale) < _MAX_LOG_SCALE)
        if agree.sum(axis=1).max() >= _MIN_AGREEING:
            candidates.append(Candidate(row, np.flatnonzero(in_full[row])))
    return candidates


def rival_similarity(
    near: NDArray[np.float32], owners: Sequence[int], families: Sequence[int] = ()
) -> NDArray[np.float32]:
    """Return the highest similarity of any other brand's logo image, float32 of the shape of `near`.

    Args:
        near: Similarity of each logo image to each keypoint of the photo, float32 (logo images, keypoints), 0 or more.
        owners: Brand of each logo image, numbered from 0; where there is only one brand, rivals have similarity 0.
        families: Family of each logo image, numbered from 0, whose members are no rivals, or -1 for none. Empty where
            there are no families.
    """
    of_brand = np.zeros((max(owners, default=0) + 1, near.shape[1]), np.float32)
    for owner, row in zip(owners, near, strict=True):
        np.maximum(of_brand[owner], row, out=of_brand[owner])
    first, second = np.zeros((2, near.shape[1]), np.float32)
    for row in of_brand:
        np.maximum(second, np.minimum(first, row), out=second)
        np.maximum(first, row, out=first)
    leads = of_brand == first
    out = np.asarray(np.where(leads, second, first)[np.asarray(owners, np.int64)], np.float32)
    brand, family = np.asarray(owners, np.int64), np.asarray(families, np.int64)
    for row in np.flatnonzero(family >= 0).tolist():
        others = near[(brand != brand[row]) & (family != family[row])]
        out[row] = others.max(axis=0, initial=0)
    return out
