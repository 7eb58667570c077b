"""Align a registered logo image with the region of a photo that matches it: where exactly it lies, and how distorted.

Edges are compared, not colours, so a mark in other colours on any ground will do. Does not use the index.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.types import Rgb, Rgba

__all__ = [
    "SIDE_PX",
    "Alignment",
    "align",
    "edges",
    "is_clearly_mirrored",
    "logo_in_square",
    "overlay",
    "warp_to_logo",
]

Plane = NDArray[np.float32]
"""float32 (SIDE_PX, SIDE_PX)."""
SIDE_PX = 96
"""Side of the squares that are compared; time grows with its square."""
# Ground around the logo image in its square, so that both sides of its outer edges count.
_PAD_PX = 14
# Scales, rotations and aspect ratios of the sixty starts of the alignment, which are ranked at a third of the
# resolution, and the number of best ones that are refined.
_SCALES, _ANGLES_DEG, _ASPECTS = (0.7, 0.88, 1.05, 1.25), (-22, -8, 0, 8, 22), (0.72, 1.0, 1.4)
_REFINED_STARTS = 4
# Least difference of the linear parts of two starts that are both refined.
_MIN_START_DIFFERENCE = 0.25
# Standard deviations of the blurs of the edges, coarse to fine.
_BLURS_PX = (4.0, 2.0, 1.2)
# Penalty, in units of correlation, for a unit of log stretch and for two of log area: by stretching it far enough, a
# logo image can be aligned with anything.
_DISTORTION_PENALTY = 0.15
# Least lead in correlation of the mirrored logo image over the upright one from which a mark is called mirrored.
_MIN_MIRROR_LEAD = 0.1
# Correlation of the edges of a logo image with their own mirror image from which it is symmetric, and cannot be called
# mirrored whatever the alignment says. Under Armour's has 1.0, The North Face's, letters in a box, 0.88.
_SYMMETRIC_FROM = 0.9


@dataclass(frozen=True, eq=False)
class Alignment:
    """How a logo image lies in a square crop.

    Attributes:
        matrix: float64 (2, 3), maps pixels (x, y, 1) of the logo image's square (`logo_in_square`), which is mirrored
            first where `mirrored`, to pixels of the crop's square; both are `SIDE_PX` wide.
        correlation: Correlation of the edges, in [-1, 1].
        other: Correlation of the best alignment of the other handedness.
        mirrored: Whether the mirrored logo image fits better.
    """

    matrix: NDArray[np.float64]
    correlation: float
    other: float
    mirrored: bool

    @property
    def stretch(self) -> float:
        """How much more the logo image is enlarged along one axis than along the other, 1 or more."""
        long, short = np.linalg.svd(self.matrix[:, :2], compute_uv=False)
        return float(long / max(short, 1e-6))


def logo_in_square(logo_image: Rgba, mirrored: bool = False) -> NDArray[np.float32]:
    """Return a logo image in the middle of a square.

    Args:
        logo_image: Logo image, uint8 (H, W, 4), straight alpha.
        mirrored: Whether left and right are exchanged.

    Returns:
        float32 (SIDE_PX, SIDE_PX, 4): premultiplied RGB in 0..255, alpha in 0..1.

    Raises:
        InputError: The logo image is not uint8 (H, W, 4), or is wholly transparent.
    """
    import cv2

    if logo_image.dtype != np.uint8 or logo_image.ndim != 3 or logo_image.shape[2] != 4:
        raise InputError(f"logo_image: expected uint8 (H, W, 4), got {logo_image.dtype} {logo_image.shape}")
    if not logo_image[..., 3].any():
        raise InputError("logo_image: expected something to see, got alpha 0 everywhere")
    alpha = logo_image[..., 3:].astype(np.float32) / 255
    mark = np.concatenate([logo_image[..., :3] * alpha, alpha], axis=2)
    scale = (SIDE_PX - 2 * _PAD_PX) / max(mark.shape[:2])
    size = (max(2, round(mark.shape[1] * scale)), max(2, round(mark.shape[0] * scale)))
    mark = cv2.resize(mark, size, interpolation=cv2.INTER_AREA)
    out = np.zeros((SIDE_PX, SIDE_PX, 4), np.float32)
    y, x = (SIDE_PX - mark.shape[0]) // 2, (SIDE_PX - mark.shape[1]) // 2
    out[y : y + mark.shape[0], x : x + mark.shape[1]] = mark
    return np.ascontiguousarray(out[:, ::-1]) if mirrored else out


def align(crop: Rgb, logo_image: Rgba, *, upright: bool = False) -> Alignment | None:
    """Find the affine map that aligns a logo image, upright or mirrored, with a crop.

    Maximises the enhanced correlation coefficient of the edges (Evangelidis and Psarakis, TPAMI 2008; OpenCV's
    implementation), coarse to fine, from the best few of sixty rotated, scaled and stretched starts.

    Args:
        crop: Crop around the mark, uint8 (n, n, 3) RGB; the mark may be rotated by up to some 30 degrees, and must fill
            half of the crop or more.
        logo_image: Logo image, uint8 (H, W, 4), straight alpha.
        upright: Whether the upright alignment is returned though the mirrored one may be better.

    Returns:
        The better alignment of both hands; None if no start converges.

    Raises:
        InputError: The crop is not uint8 (n, n, 3), or the logo image not uint8 (H, W, 4), or it is wholly transparent.
    """
    image = _normalise_edges(edges(_square(crop)))
    marks = [logo_in_square(logo_image, mirrored) for mirrored in (False, True)]
    results = [_align_edges(_logo_edges(mark), _centre(mark), image) for mark in marks]
    if all(result is None for result in results):
        return None
    straight, mirrored = (result or (-1.0, np.eye(2, 3)) for result in results)
    if mirrored[0] > straight[0] and not upright:
        return Alignment(mirrored[1], mirrored[0], straight[0], True)
    return Alignment(straight[1], straight[0], mirrored[0], False)


def is_clearly_mirrored(alignment: Alignment, logo_image: Rgba) -> bool:
    """Return whether a mark may be called mirrored: the upright logo image fits clearly worse, and is not symmetric.

    Args:
        alignment: How the logo image lies in the crop.
        logo_image: Logo image, uint8 (H, W, 4).
    """
    import cv2

    if not alignment.mirrored or alignment.correlation - alignment.other < _MIN_MIRROR_LEAD:
        return False
    outline = cv2.GaussianBlur(_logo_edges(logo_in_square(logo_image)), (0, 0), _BLURS_PX[1])
    return bool(np.corrcoef(outline.ravel(), outline[:, ::-1].ravel())[0, 1] < _SYMMETRIC_FROM)


def warp_to_logo(crop: Rgb, alignment: Alignment) -> NDArray[np.float32]:
    """Warp a crop to the square of the logo image, and return it as float32 (SIDE_PX, SIDE_PX, 3) RGB.

    Pixels outside the crop take the colour of its border.
    """
    import cv2

    flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (SIDE_PX, SIDE_PX)
    matrix = alignment.matrix.astype(np.float32)
    warped = cv2.warpAffine(_square(crop), matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)


def overlay(crop: Rgb, logo_image: Rgba, alignment: Alignment) -> Rgb:
    """Draw the outline of the aligned logo image on a copy of the crop, for a report; uint8 of the crop's shape."""
    import cv2

    alpha = logo_in_square(logo_image, alignment.mirrored)[..., 3]
    side = crop.shape[0]
    scale = side / SIDE_PX
    enlarge = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])  # pixel centres to pixel centres
    matrix = enlarge[:, :2] @ alignment.matrix
    matrix[:, 2] += enlarge[:, 2]
    aligned = cv2.warpAffine(alpha, matrix, (side, side), flags=cv2.INTER_LINEAR)
    outlines, _ = cv2.findContours((aligned > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    out = np.ascontiguousarray(crop).copy()
    cv2.drawContours(out, outlines, -1, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.drawContours(out, outlines, -1, (0, 255, 255), 1, cv2.LINE_AA)
    return out


def edges(image: NDArray[np.uint8] | NDArray[np.float32]) -> Plane:
    """Return the gradient of the strongest channel at each pixel.

    Args:
        image: uint8 or float32 (h, w, c), c above 1.

    Returns:
        float32 (h, w), 0 or more.
    """
    import cv2

    blurred = cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), 0.6)
    gradients = (cv2.magnitude(*(cv2.Sobel(c, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0))) for c in cv2.split(blurred))
    return np.asarray(np.maximum.reduce(list(gradients)), np.float32)


def _normalise_edges(strength: Plane) -> Plane:
    """Return edges as shares of their 97th percentile, 1 at most."""
    return np.asarray(np.clip(strength / (np.percentile(strength, 97) + 1e-6), 0, 1), np.float32)


def _square(crop: Rgb) -> NDArray[np.float32]:
    import cv2

    if crop.dtype != np.uint8 or crop.ndim != 3 or crop.shape[2] != 3 or crop.shape[0] != crop.shape[1]:
        raise InputError(f"crop: expected uint8 (n, n, 3), got {crop.dtype} {crop.shape}")
    return np.asarray(cv2.resize(crop, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)


def _logo_edges(mark: NDArray[np.float32]) -> Plane:
    """Return the edges of a logo image on grey; those of its outline are as strong as black on white."""
    alpha = mark[..., 3:]
    return _normalise_edges(edges(np.concatenate([mark[..., :3] + 127 * (1 - alpha), alpha * 255], axis=2)))


def _centre(mark: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the centre (x, y) of the visible part of a logo image."""
    rows, columns = np.nonzero(mark[..., 3] > 0)
    return np.array([columns.min() + columns.max() + 1, rows.min() + rows.max() + 1]) / 2


def _align_edges(mark: Plane, centre: NDArray[np.float64], image: Plane) -> tuple[float, NDArray[np.float64]] | None:
    """Return the correlation and the matrix of the best alignment from several starts; distortion is penalised."""
    best: tuple[float, float, NDArray[np.float64]] | None = None
    for start in _starts(mark, centre, image):
        result = _maximise_correlation(mark, image, start)
        if result is not None:
            correlation, matrix = result
            sides = np.log(np.maximum(np.linalg.svd(matrix[:, :2], compute_uv=False), 1e-3))
            objective = correlation - _DISTORTION_PENALTY * (sides[0] - sides[1] + 0.5 * abs(sides.sum() + 0.2))
            if best is None or objective > best[0]:
                best = (objective, correlation, matrix)
    return None if best is None else best[1:]


def _starts(mark: Plane, centre: NDArray[np.float64], image: Plane) -> list[NDArray[np.float64]]:
    """Return the few starts of the highest correlation, in blurred pictures a third as wide; no two are similar."""
    import cv2

    third = SIDE_PX // 3
    small_mark, small_image = (cv2.resize(cv2.GaussianBlur(e, (0, 0), 4), (third, third)) for e in (mark, image))
    centred = (small_mark - small_mark.mean()).ravel()

    def correlation(matrix: NDArray[np.float64]) -> float:
        reduced = matrix.astype(np.float32)
        reduced[:, 2] /= 3
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(small_image, reduced, (third, third), flags=flags).ravel()
        warped = warped - warped.mean()
        return float(warped @ centred / (np.linalg.norm(warped) * np.linalg.norm(centred) + 1e-6))

    starts = []
    for scale, angle, aspect in itertools.product(_SCALES, _ANGLES_DEG, _ASPECTS):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        linear = scale * np.array([[c, -s], [s, c]]) @ np.diag([aspect**0.5, aspect**-0.5])
        starts.append(np.column_stack([linear, SIDE_PX / 2 - linear @ centre]))
    best: list[NDArray[np.float64]] = []
    for start in sorted(starts, key=correlation, reverse=True):
        if all(np.abs(start[:, :2] - other[:, :2]).max() > _MIN_START_DIFFERENCE for other in best):
            best.append(start)
        if len(best) == _REFINED_STARTS:
            break
    return best


def _maximise_correlation(
    mark: Plane, image: Plane, start: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]] | None:
    """Return the correlation and the matrix that a start converges to; None where it diverges."""
    import cv2

    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
    matrix: Any = start.astype(np.float32)
    correlation = -1.0
    for blur in _BLURS_PX:
        template, target = (cv2.GaussianBlur(e, (0, 0), blur) for e in (mark, image))
        try:
            correlation, matrix = cv2.findTransformECC(template, target, matrix, cv2.MOTION_AFFINE, criteria, None, 1)
        except cv2.error:  # it diverged
            return None
    return float(correlation), np.asarray(matrix, np.float64)
