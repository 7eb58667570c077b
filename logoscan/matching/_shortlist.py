"""A first look at points: which of many drawings may lie in a photo, for a fraction of what laying them costs.

Descriptors are summed over neighbouring cells, 128 numbers to 32, and compared in that; a drawing goes on if enough of
the points that look like it and like no rival are turned and sized alike. Knows no placements and no register.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Likely", "rivals", "shortlist"]

_LEAST_SIMILARITY = 0.8
"""Cosine of two points' summed descriptors below which they are not alike."""
_WIDE = 1.5
"""How much larger, squared, a point's distance may be than to a rival, for the point to be compared in full later."""
_RATIO = 0.95
"""As `placement` has it, of summed descriptors: a little looser, since sums tell points apart less well."""
_ALIKE = 5
"""Points turned and sized alike from which a drawing goes on. With 64 drawings of a register of 3,500 brands laid over
each of 300 photos, 197 of the 199 placements above one half are found again, and 6 more that rivals had kept below."""
_ANGLE_RAD, _LOG_SCALE = math.radians(30), math.log(1.6)
"""How far apart the turns and growths of points are that are alike; as in `placement`."""
_MOST = 200
"""Points of a drawing that are compared with each other, likest first."""


@dataclass(frozen=True, eq=False)
class Likely:
    """A drawing that may lie in the photo.

    Attributes:
        drawing: Its position among those that were given.
        points: int64, of the photo: those that may turn out to look like it and like no rival that goes on.
    """

    drawing: int
    points: NDArray[np.int64]


def _summed(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """float32 (n, 32), unit rows: 4 x 4 cells of eight orientations to 2 x 2."""
    values = descriptors.astype(np.float32) @ _SUMS
    values /= np.linalg.norm(values, axis=1, keepdims=True) + np.float32(1e-7)
    return np.asarray(values, np.float32)


def _sums() -> NDArray[np.float32]:
    out = np.zeros((4, 4, 8, 2, 2, 8), np.float32)
    for y, x, angle in np.ndindex(4, 4, 8):
        out[y, x, angle, y // 2, x // 2, angle] = 1
    return out.reshape(128, 32)


_SUMS = _sums()


def shortlist(
    photo: tuple[NDArray[np.float32], NDArray[np.uint8]],
    drawings: Sequence[tuple[NDArray[np.float32], NDArray[np.uint8]]],
    owners: Sequence[int],
    families: Sequence[int] = (),
) -> list[Likely]:
    """The drawings that may lie in a photo.

    Args:
        photo: Frames and descriptors, as `placement.Keypoints` has them.
        drawings: The same of each drawing.
        owners: The brand of each, numbered from 0; drawings of different brands are rivals.
        families: As for `rivals`.
    """
    frames, descriptors = photo
    queries = _summed(descriptors)
    # black for white reverses a descriptor's cells; reversing the photo's instead of each drawing's is the same
    turned = queries.reshape(-1, 4, 8)[:, ::-1].reshape(-1, 32)
    both = np.ascontiguousarray(np.concatenate([queries, turned]).T)
    count = len(frames)
    own = [_summed(d) for _, d in drawings]
    near = np.zeros((len(drawings), count), np.float32)
    for row, points in enumerate(own):
        if len(points):
            best = (points @ both).max(axis=0)
            near[row] = np.maximum(best[:count], best[count:])
    rival = rivals(near, owners, families)
    alike = (near > _LEAST_SIMILARITY) & (2 - 2 * near < _RATIO**2 * (2 - 2 * rival))
    wide = (near > _LEAST_SIMILARITY) & (1 - near < _WIDE * (1 - rival))
    out = []
    for row in np.flatnonzero(alike.sum(axis=1) >= _ALIKE).tolist():
        speaking = np.flatnonzero(alike[row])
        tried = speaking[np.argsort(-near[row, speaking], kind="stable")[:_MOST]]
        products = own[row] @ both[:, np.concatenate([tried, count + tried])]
        at, alikeness = products.argmax(axis=0), products.max(axis=0)
        negative = alikeness[len(tried) :] > alikeness[: len(tried)]
        of = drawings[row][0][np.where(negative, at[len(tried) :], at[: len(tried)])]
        turn = frames[tried, 3] - of[:, 3] + np.float32(np.pi) * negative
        grow = np.log(frames[tried, 2] / of[:, 2])
        apart = np.abs((turn[:, None] - turn + np.pi) % (2 * np.pi) - np.pi)
        agree = (apart < _ANGLE_RAD) & (np.abs(grow[:, None] - grow) < _LOG_SCALE)
        if agree.sum(axis=1).max() >= _ALIKE:
            out.append(Likely(row, np.flatnonzero(wide[row])))
    return out


def rivals(near: NDArray[np.float32], owners: Sequence[int], families: Sequence[int] = ()) -> NDArray[np.float32]:
    """The highest similarity that any other brand's drawing has, float32 of the shape of `near` (drawings, points).

    Args:
        near: Similarity of each drawing to each point, 0 or more.
        owners: The brand of each drawing, numbered from 0; alone, its rival has 0.
        families: The family of each drawing, numbered from 0, whose drawings are no rivals; -1 for none. Empty where
            there are none.
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
