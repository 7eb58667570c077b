"""Whether two photos are one photo, though it was cropped, mirrored, framed, shrunk or set into another picture.

A copy has the keypoints of its original, moved by one scale and shift to a fraction of a pixel. Two photos of one
product, even of one second, share many keypoints too, but the view bends them by pixels. So a copy needs keypoints that
agree exactly: of those that agree roughly most do so in a copy, one in ten in another photo. And they must agree all
over: a camera that was not moved shows the same shelf exactly behind other goods. Knows no listings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logoscan.types import Boxes
from logoscan.vision.sift import Keypoints

__all__ = ["PhotoCopy", "confirm_copy", "mirrored_descriptors"]

# Least cosine of the descriptors of keypoints that correspond, and the largest share of the next one's distance.
_LEAST_SIMILARITY, _MOST_RATIO = 0.8, 0.9
# Keypoints agree roughly within this share of the long side, 2.5 px of 640, and not less than so many pixels.
_TOLERANCE, _LEAST_TOLERANCE_PX = 0.004, 1.6
# Scales of a copy's parts may differ by this factor: keypoints state their own size only roughly.
_SCALE_RANGE = (0.1, 10.0)
# A copy has so many agreeing keypoints at least, and they are such a share of those that could agree.
_LEAST_INLIERS, _LEAST_SHARE = 10, 0.08
# Of the keypoints that agree within twice the tolerance such a share agrees within a quarter of it. Of 50 altered
# photos of groceries and clothes 47 have 0.67 or more; four pairs of photos of one shelf, taken one after the other,
# have 0.11 at most.
_EXACT_SHARE = 0.5
# The overlap is parted in so many cells by so many; of those in which both photos have so many keypoints, such a share
# holds keypoints that agree. Goods in the middle of a photo fill a third of it; what is laid over a copy fills less.
_CELLS, _LEAST_IN_CELL, _AGREEING_CELLS = 6, 4, 0.75
# Cells side by side in which none agrees: 3, 6 and 6 in three pairs of photos of one shelf before which goods were
# moved; 2 at most in 192 changed copies, where single cells fail by chance.
_MOST_SIDE_BY_SIDE = 2
# The agreeing keypoints lie in so many of the 4 x 4 parts of their box at least.
_LEAST_SPREAD = 4
# The least share of one of the photos that the other shows.
_LEAST_OVERLAP = 0.3
# Correspondences from which placements are drawn, the surest ones, and how many pairs of them are tried.
_MOST_PAIRS, _TRIALS = 200, 300
# Keypoints of a photo that are compared.
_MOST_KEYPOINTS = 500


@dataclass(frozen=True, eq=False)
class PhotoCopy:
    """How a photo is a copy of another one.

    Attributes:
        mirrored: Whether it is mirrored.
        inliers: Number of keypoints that agree.
        share: Share of the keypoints in the overlap that agree, in [0, 1].
        xyxy: Box of the first photo in the second, float32 (4,), in pixels; it reaches out of it where the second is a
            crop.
    """

    mirrored: bool
    inliers: int
    share: float
    xyxy: Boxes


def mirrored_descriptors(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the descriptors that the keypoints of a mirrored picture have, uint8 (n, 128)."""
    cells = descriptors.reshape(-1, 4, 4, 8)[:, ::-1]
    return np.ascontiguousarray(cells[..., [0, 7, 6, 5, 4, 3, 2, 1]].reshape(-1, 128))


def confirm_copy(first: Keypoints, second: Keypoints, *, seed: int = 0) -> PhotoCopy | None:
    """Return how the second photo is a copy of the first, or the first of the second; None where it is none.

    Args:
        first: Keypoints of a photo (`sift_photo`), or as a feature store keeps them.
        second: Keypoints of another photo.
        seed: Seed of the placements that are tried.
    """
    first, second = _largest(first), _largest(second)
    upright = _confirm(first.frames[:, :2], first.descriptors, first.size_wh, second, seed)
    mirror = first.frames[:, :2] * np.array([-1, 1], np.float32) + np.array([first.size_wh[0], 0], np.float32)
    turned = _confirm(mirror, mirrored_descriptors(first.descriptors), first.size_wh, second, seed)
    best = max((fit for fit in (upright, turned) if fit), key=lambda fit: fit[1], default=None)
    if best is None:
        return None
    xyxy, inliers, share = best
    return PhotoCopy(best is turned, inliers, share, xyxy)


def _confirm(
    points: NDArray[np.float32], descriptors: NDArray[np.uint8], size_wh: tuple[int, int], second: Keypoints, seed: int
) -> tuple[Boxes, int, float] | None:
    if min(len(points), len(second)) < _LEAST_INLIERS:
        return None
    rows, columns = _correspondences(descriptors, second.descriptors)
    if len(rows) < _LEAST_INLIERS:
        return None
    source, target = points[rows], second.frames[columns, :2]
    tolerance = max(_LEAST_TOLERANCE_PX, _TOLERANCE * max(second.size_wh))
    fit = _placement(source, target, tolerance, seed)
    if fit is None:
        return None
    scale, shift = fit
    off = np.abs(source * scale + shift - target).max(axis=1) / (tolerance * max(1.0, scale.max()))
    agree = off <= 1.0
    if (off <= 0.25).sum() < _EXACT_SHARE * max(1, (off <= 2.0).sum()):
        return None
    inliers = len(np.unique(np.rint(target[agree] / (tolerance + 1e-6)), axis=0))
    xyxy = np.concatenate([shift, np.array(size_wh, np.float32) * scale + shift]).astype(np.float32)
    if inliers < _LEAST_INLIERS or not _is_spread(target[agree]):
        return None
    width, height = second.size_wh
    low, high = np.maximum(xyxy[:2], 0), np.minimum(xyxy[2:], [width, height])
    area = np.prod(np.maximum(high - low, 0))
    if area < _LEAST_OVERLAP * min(width * height, np.prod(xyxy[2:] - xyxy[:2])):
        return None
    moved = points * scale + shift
    if not _agrees_all_over(moved, second.frames[:, :2], target[agree], low, high):
        return None
    in_first = int(((moved >= low) & (moved <= high)).all(axis=1).sum())
    in_second = int(((second.frames[:, :2] >= low) & (second.frames[:, :2] <= high)).all(axis=1).sum())
    share = min(1.0, inliers / max(1, min(in_first, in_second)))
    return (xyxy, inliers, share) if share >= _LEAST_SHARE else None


def _largest(keypoints: Keypoints) -> Keypoints:
    """Return the largest keypoints, which are still there in a small copy."""
    if len(keypoints) <= _MOST_KEYPOINTS:
        return keypoints
    kept = np.sort(np.argsort(-keypoints.frames[:, 2], kind="stable")[:_MOST_KEYPOINTS])
    return replace(keypoints, frames=keypoints.frames[kept], descriptors=keypoints.descriptors[kept])


def _correspondences(
    first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows of keypoints that are each other's nearest and clearly nearer than the next, surest first."""
    similar = _units(first) @ _units(second).T
    nearest = similar.argmax(axis=1)
    rows = np.arange(len(first))
    best = similar[rows, nearest]
    mutual = similar.argmax(axis=0)[nearest] == rows
    similar[rows, nearest] = -1
    following = similar.max(axis=1)
    clear = np.sqrt(np.maximum(2 - 2 * best, 0)) < _MOST_RATIO * np.sqrt(np.maximum(2 - 2 * following, 1e-9))
    kept = np.flatnonzero(mutual & clear & (best >= _LEAST_SIMILARITY))
    kept = kept[np.argsort(-best[kept], kind="stable")]
    return kept, nearest[kept]


def _units(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = descriptors.astype(np.float32)
    return np.asarray(values / (np.linalg.norm(values, axis=1, keepdims=True) + 1e-7), np.float32)


def _placement(
    source: NDArray[np.float32], target: NDArray[np.float32], tolerance: float, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return the scale and shift, by axis, on which most correspondences agree (RANSAC, then least squares)."""
    rng = np.random.default_rng(seed)
    count = min(len(source), _MOST_PAIRS)
    pairs = rng.integers(0, count, (_TRIALS, 2))
    before, after = source[pairs[:, 1]] - source[pairs[:, 0]], target[pairs[:, 1]] - target[pairs[:, 0]]
    long = np.abs(before).max(axis=1)
    rising = (long > 8 * tolerance) & ((before * after).sum(axis=1) > 0)
    if not rising.any():
        return None
    pairs, before, after = pairs[rising], before[rising], after[rising]
    scale = np.linalg.norm(after, axis=1) / np.linalg.norm(before, axis=1)
    kept = (scale > _SCALE_RANGE[0]) & (scale < _SCALE_RANGE[1])
    if not kept.any():
        return None
    pairs, scale = pairs[kept], scale[kept]
    shift = target[pairs[:, 0]] - source[pairs[:, 0]] * scale[:, None]
    off = np.abs(source[None, :count] * scale[:, None, None] + shift[:, None] - target[None, :count]).max(axis=2)
    best = int((off <= 2 * tolerance).sum(axis=1).argmax())
    near = np.abs(source * scale[best] + shift[best] - target).max(axis=1) <= 3 * tolerance
    if near.sum() < _LEAST_INLIERS:
        return None
    x, y = (np.polyfit(source[near, axis], target[near, axis], 1) if np.ptp(source[near, axis]) > tolerance else
            np.array([scale[best], shift[best, axis]]) for axis in (0, 1))  # fmt: skip
    fitted = np.array([x[0], y[0]], np.float32)
    if not (0.8 < x[0] / max(y[0], 1e-6) < 1.25):  # a copy is hardly stretched; a label in another view is
        return None
    return fitted, np.array([x[1], y[1]], np.float32)


def _agrees_all_over(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    agreeing: NDArray[np.float32],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
) -> bool:
    """Return whether keypoints agree in most cells of the overlap in which both photos have any to speak of.

    Cells side by side where none agree are goods that were moved before a camera that was not.
    """
    import cv2

    def per_cell(points: NDArray[np.float32]) -> NDArray[np.int64]:
        inside = points[((points >= low) & (points < high)).all(axis=1)]
        cells = ((inside - low) / np.maximum(high - low, 1e-6) * _CELLS).astype(int)
        return np.bincount(cells[:, 1] * _CELLS + cells[:, 0], minlength=_CELLS * _CELLS)

    filled = (per_cell(first) >= _LEAST_IN_CELL) & (per_cell(second) >= _LEAST_IN_CELL)
    failing = filled & (per_cell(agreeing) == 0)
    _, _, stats, _ = cv2.connectedComponentsWithStats(failing.reshape(_CELLS, _CELLS).astype(np.uint8))
    if stats[1:, cv2.CC_STAT_AREA].max(initial=0) > _MOST_SIDE_BY_SIDE:
        return False
    return bool(failing.sum() <= (1 - _AGREEING_CELLS) * filled.sum())


def _is_spread(points: NDArray[np.float32]) -> bool:
    low, high = points.min(axis=0), points.max(axis=0)
    cells = np.minimum((points - low) / np.maximum(high - low, 1e-6) * 4, 3).astype(int)
    return len(np.unique(cells[:, 0] * 4 + cells[:, 1])) >= _LEAST_SPREAD
