"""Lays a registered drawing over the place in a photo that it was matched with: where exactly, and how distorted.

Edges are compared, not colours, so that a mark in other inks on any ground will do. Knows no brands, vectors or files.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.types import Rgb, Rgba

__all__ = ["SIDE_PX", "Alignment", "align", "drawn", "edges", "on_drawing", "overlay"]

Plane = NDArray[np.float32]
"""float32 (SIDE_PX, SIDE_PX)."""
SIDE_PX = 96
"""Side of the squares that are compared; time grows with its square."""
_PAD_PX = 14
"""Ground around the drawing in its square, so that the outer edges count from both sides."""
_SCALES, _ANGLES_DEG, _ASPECTS = (0.7, 0.88, 1.05, 1.25), (-22, -8, 0, 8, 22), (0.72, 1.0, 1.4)
"""Where alignment starts from; the few best of all sixty at a third of the resolution are followed."""
_FOLLOWED = 4
_BLURS_PX = (4.0, 2.0, 1.2)
_STRAIN = 0.15
"""What a unit of log stretch and half a unit of log area cost in correlation: a mark can be laid over anything by
stretching it far enough."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """How a drawing lies in a square crop.

    Attributes:
        matrix: float64 (2, 3): pixels (x, y, 1) of the drawing's square (`drawn`), mirrored first where `mirrored`,
            to pixels of the crop's square, both `SIDE_PX` wide.
        correlation: Of the edges, in [-1, 1].
        other: Correlation of the best alignment with the other handedness.
        mirrored: Whether the mirrored drawing fits better.
    """

    matrix: NDArray[np.float64]
    correlation: float
    other: float
    mirrored: bool

    @property
    def stretch(self) -> float:
        """How much longer the drawing became along one axis than along the other, 1 or more."""
        long, short = np.linalg.svd(self.matrix[:, :2], compute_uv=False)
        return float(long / max(short, 1e-6))


def drawn(drawing: Rgba, mirrored: bool = False) -> NDArray[np.float32]:
    """The drawing in the middle of a square, float32 (SIDE_PX, SIDE_PX, 4): premultiplied RGB in 0..255, alpha in 0..1.

    Args:
        drawing: uint8 (H, W, 4), straight alpha.
        mirrored: Left for right.

    Raises:
        InputError: The drawing is not uint8 (H, W, 4), or nothing in it can be seen.
    """
    import cv2

    if drawing.dtype != np.uint8 or drawing.ndim != 3 or drawing.shape[2] != 4:
        raise InputError(f"drawing: expected uint8 (H, W, 4), got {drawing.dtype} {drawing.shape}")
    if not drawing[..., 3].any():
        raise InputError("drawing: expected something to see, got alpha 0 everywhere")
    alpha = drawing[..., 3:].astype(np.float32) / 255
    mark = np.concatenate([drawing[..., :3] * alpha, alpha], axis=2)
    scale = (SIDE_PX - 2 * _PAD_PX) / max(mark.shape[:2])
    size = (max(2, round(mark.shape[1] * scale)), max(2, round(mark.shape[0] * scale)))
    mark = cv2.resize(mark, size, interpolation=cv2.INTER_AREA)
    out = np.zeros((SIDE_PX, SIDE_PX, 4), np.float32)
    y, x = (SIDE_PX - mark.shape[0]) // 2, (SIDE_PX - mark.shape[1]) // 2
    out[y : y + mark.shape[0], x : x + mark.shape[1]] = mark
    return np.ascontiguousarray(out[:, ::-1]) if mirrored else out


def align(crop: Rgb, drawing: Rgba) -> Alignment | None:
    """Find the affine map that lays a drawing over a crop, upright or mirrored.

    Maximises the enhanced correlation coefficient of the edges (Evangelidis and Psarakis, TPAMI 2008; OpenCV's), coarse
    to fine, from the best few of sixty turned, scaled and stretched starts.

    Args:
        crop: uint8 (n, n, 3) RGB, about the mark; it may be turned by some 30 degrees and fill half of it or more.
        drawing: uint8 (H, W, 4), straight alpha.

    Returns:
        The better of both hands; None if no start leads anywhere.
    """
    image = _clear(edges(_square(crop)))
    marks = [drawn(drawing, mirrored) for mirrored in (False, True)]
    found = [_climb(_drawn_edges(mark), _middle(mark), image) for mark in marks]
    if all(f is None for f in found):
        return None
    upright, mirrored = (f or (-1.0, np.eye(2, 3)) for f in found)
    if mirrored[0] > upright[0]:
        return Alignment(mirrored[1], mirrored[0], upright[0], True)
    return Alignment(upright[1], upright[0], mirrored[0], False)


def on_drawing(crop: Rgb, alignment: Alignment) -> NDArray[np.float32]:
    """The crop as seen through the drawing's square: float32 (SIDE_PX, SIDE_PX, 3) RGB; its border goes on outside."""
    import cv2

    flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (SIDE_PX, SIDE_PX)
    matrix = alignment.matrix.astype(np.float32)
    seen = cv2.warpAffine(_square(crop), matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def overlay(crop: Rgb, drawing: Rgba, alignment: Alignment) -> Rgb:
    """The crop with the outline of the aligned drawing, for a report: uint8 of the crop's shape."""
    import cv2

    alpha = drawn(drawing, alignment.mirrored)[..., 3]
    side = crop.shape[0]
    grow = side / SIDE_PX
    shift = np.array([[grow, 0, (grow - 1) / 2], [0, grow, (grow - 1) / 2]])  # pixel centres to pixel centres
    matrix = shift[:, :2] @ alignment.matrix
    matrix[:, 2] += shift[:, 2]
    laid = cv2.warpAffine(alpha, matrix, (side, side), flags=cv2.INTER_LINEAR)
    outlines, _ = cv2.findContours((laid > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    out = np.ascontiguousarray(crop).copy()
    cv2.drawContours(out, outlines, -1, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.drawContours(out, outlines, -1, (0, 255, 255), 1, cv2.LINE_AA)
    return out


def edges(image: NDArray[np.uint8] | NDArray[np.float32]) -> Plane:
    """The strongest channel's gradient at each pixel of (h, w, c), c above 1: float32 (h, w), 0 or more."""
    import cv2

    blurred = cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), 0.6)
    gradients = (cv2.magnitude(*(cv2.Sobel(c, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0))) for c in cv2.split(blurred))
    return np.asarray(np.maximum.reduce(list(gradients)), np.float32)


def _clear(strength: Plane) -> Plane:
    """Edges as shares of the 97th percentile, 1 at most."""
    return np.asarray(np.clip(strength / (np.percentile(strength, 97) + 1e-6), 0, 1), np.float32)


def _square(crop: Rgb) -> NDArray[np.float32]:
    import cv2

    if crop.dtype != np.uint8 or crop.ndim != 3 or crop.shape[2] != 3 or crop.shape[0] != crop.shape[1]:
        raise InputError(f"crop: expected uint8 (n, n, 3), got {crop.dtype} {crop.shape}")
    return np.asarray(cv2.resize(crop, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)


def _drawn_edges(mark: NDArray[np.float32]) -> Plane:
    """Edges of a drawing on grey, those of its shape as strong as black on white."""
    alpha = mark[..., 3:]
    return _clear(edges(np.concatenate([mark[..., :3] + 127 * (1 - alpha), alpha * 255], axis=2)))


def _middle(mark: NDArray[np.float32]) -> NDArray[np.float64]:
    """Middle (x, y) of what can be seen of a drawing."""
    rows, columns = np.nonzero(mark[..., 3] > 0)
    return np.array([columns.min() + columns.max() + 1, rows.min() + rows.max() + 1]) / 2


def _climb(mark: Plane, middle: NDArray[np.float64], image: Plane) -> tuple[float, NDArray[np.float64]] | None:
    """The best (correlation, matrix) from several starts, less what it strains the drawing."""
    best: tuple[float, float, NDArray[np.float64]] | None = None
    for start in _starts(mark, middle, image):
        found = _fine(mark, image, start)
        if found is not None:
            correlation, matrix = found
            sides = np.log(np.maximum(np.linalg.svd(matrix[:, :2], compute_uv=False), 1e-3))
            worth = correlation - _STRAIN * (sides[0] - sides[1] + 0.5 * abs(sides.sum() + 0.2))
            if best is None or worth > best[0]:
                best = (worth, correlation, matrix)
    return None if best is None else best[1:]


def _starts(mark: Plane, middle: NDArray[np.float64], image: Plane) -> list[NDArray[np.float64]]:
    """The few most promising starts, none like another: both pictures blurred and a third as wide."""
    import cv2

    third = SIDE_PX // 3
    small, seen = (cv2.resize(cv2.GaussianBlur(e, (0, 0), 4), (third, third)) for e in (mark, image))
    centred = (small - small.mean()).ravel()

    def promise(matrix: NDArray[np.float64]) -> float:
        reduced = matrix.astype(np.float32)
        reduced[:, 2] /= 3
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(seen, reduced, (third, third), flags=flags).ravel()
        warped = warped - warped.mean()
        return float(warped @ centred / (np.linalg.norm(warped) * np.linalg.norm(centred) + 1e-6))

    starts = []
    for scale, angle, aspect in itertools.product(_SCALES, _ANGLES_DEG, _ASPECTS):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        turn = scale * np.array([[c, -s], [s, c]]) @ np.diag([aspect**0.5, aspect**-0.5])
        starts.append(np.column_stack([turn, SIDE_PX / 2 - turn @ middle]))
    kept: list[NDArray[np.float64]] = []
    for start in sorted(starts, key=promise, reverse=True):
        if all(np.abs(start[:, :2] - other[:, :2]).max() > 0.25 for other in kept):
            kept.append(start)
        if len(kept) == _FOLLOWED:
            break
    return kept


def _fine(mark: Plane, image: Plane, start: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]] | None:
    import cv2

    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
    matrix: Any = start.astype(np.float32)
    correlation = -1.0
    for blur in _BLURS_PX:
        one, two = (cv2.GaussianBlur(e, (0, 0), blur) for e in (mark, image))
        try:
            correlation, matrix = cv2.findTransformECC(one, two, matrix, cv2.MOTION_AFFINE, criteria, None, 1)
        except cv2.error:  # it ran away from the picture
            return None
    return float(correlation), np.asarray(matrix, np.float64)
