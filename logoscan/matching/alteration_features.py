"""Features for the alteration check: edges and colours of a crop compared with those of the aligned logo image.

A part is missing where the crop has neither the edges nor the ink of the logo image. Does not use the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan.matching.alignment import Alignment, edges, logo_in_square, warp_to_logo
from logoscan.types import Rgb, Rgba

__all__ = ["N_FEATURES", "PLANE_PX", "alteration_features", "comparison_planes", "difference_features"]

Plane: TypeAlias = NDArray[np.float32]
"""float32 (PLANE_PX, PLANE_PX)."""
PLANE_PX = 64
"""Side in pixels of the squares that are compared."""
N_FEATURES = 48
"""Number of features."""
# Sides of the grids in whose cells the crop's edges are compared with those of the logo image.
_GRID_SIDES = (2, 3, 4, 6)
# Shares of the logo image's edges at either end of an axis that are compared separately.
_END_SHARES = (0.2, 0.35)
# Fewest pixels of ink and of ground whose colours are compared.
_MIN_COLOUR_PX = 9


def alteration_features(crop: Rgb, logo_image: Rgba, alignment: Alignment) -> NDArray[np.float32]:
    """Return the input of the network.

    Args:
        crop: Crop around the mark, uint8 (n, n, 3) RGB.
        logo_image: Logo image, uint8 (H, W, 4).
        alignment: Alignment of the logo image with the crop.

    Returns:
        float32 (N_FEATURES,): the correlation, the lead of the upright logo image over the mirrored one (negative where
        it is behind), log stretch and log area; then the `difference_features`.
    """
    lead = (alignment.correlation - alignment.other) * (-1 if alignment.mirrored else 1)
    area = abs(float(np.linalg.det(alignment.matrix[:, :2])))
    fit = np.array([alignment.correlation, lead, np.log(alignment.stretch), np.log(max(area, 1e-3))], np.float32)
    return np.concatenate([np.clip(fit, -3, 3), difference_features(comparison_planes(crop, logo_image, alignment))])


def comparison_planes(crop: Rgb, logo_image: Rgba, alignment: Alignment) -> NDArray[np.uint8]:
    """Return the crop warped to the logo image's square (RGB), the logo image on grey (RGB), and its alpha.

    Args:
        crop: Crop around the mark, uint8 (n, n, 3) RGB.
        logo_image: Logo image, uint8 (H, W, 4).
        alignment: Alignment of the logo image with the crop.

    Returns:
        uint8 (7, PLANE_PX, PLANE_PX).
    """
    import cv2

    mark = logo_in_square(logo_image, alignment.mirrored)
    alpha = mark[..., 3:]
    planes = [warp_to_logo(crop, alignment), mark[..., :3] + 127 * (1 - alpha), alpha * 255]
    size = (PLANE_PX, PLANE_PX)
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA).reshape(*size, -1) for p in planes]
    return np.ascontiguousarray(np.concatenate(small, axis=2).clip(0, 255).astype(np.uint8).transpose(2, 0, 1))


def difference_features(planes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compare a crop with the aligned logo image.

    Args:
        planes: Output of `comparison_planes`, uint8 (7, PLANE_PX, PLANE_PX).

    Returns:
        float32 (N_FEATURES - 4,): the share of the logo image's edges that the crop has, in all and in cells and ends
        of the logo image, and how far the colours of ink and ground differ, in all and in its thirds. Values of
        opposite ends are in rising order.
    """
    import cv2

    crop, alpha = np.ascontiguousarray(planes[:3].transpose(1, 2, 0)), planes[6]
    logo_edges = np.maximum(edges(planes[3:6].transpose(1, 2, 0)), edges(np.repeat(alpha[..., None], 3, 2)))
    logo_edges = np.clip(logo_edges / (np.percentile(logo_edges, 97) + 1e-6), 0, 1)
    zone = cv2.dilate((alpha > 60).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    crop_edges = edges(crop)
    if zone.any():
        crop_edges = crop_edges / (np.percentile(crop_edges[zone], 90) + 1e-6)
    crop_edges = np.clip(crop_edges, 0, 1)
    tolerance = np.ones((3, 3), np.uint8)
    met = logo_edges * cv2.dilate(crop_edges, tolerance)
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB).astype(np.float32)
    ink = alpha > 150
    ground = (alpha < 30) & (cv2.dilate((alpha > 60).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)
    explained = (crop_edges * cv2.dilate(logo_edges, tolerance)).sum() / (crop_edges[zone].sum() + 1e-6)
    share = met.sum() / (logo_edges.sum() + 1e-6)
    in_cells, at_ends = _shares_in_cells(logo_edges, met), _shares_at_ends(logo_edges, met)
    return np.array([share, explained, *in_cells, *at_ends, *_colour_differences(lab, ink, ground)], np.float32)


def _shares_in_cells(logo_edges: Plane, met: Plane) -> Iterator[float]:
    """Yield six statistics for each grid of the shares of the edges that the crop has, in cells with enough edges.

    They are the least, the second least, the lower quartile, the median, the greatest, and the least over the median.
    """
    import cv2

    for n in _GRID_SIDES:
        total, found = (cv2.resize(p, (n, n), interpolation=cv2.INTER_AREA).ravel() for p in (logo_edges, met))
        has_edges = total > 0.3 * total.sum() / (n * n)
        shares = np.sort(found[has_edges] / (total[has_edges] + 1e-6)) if has_edges.any() else np.zeros(1)
        median = float(np.median(shares))
        low = [float(shares[0]), float(shares[min(1, len(shares) - 1)]), float(shares[len(shares) // 4])]
        yield from (*low, median, float(shares[-1]), low[0] / (median + 1e-6))


def _shares_at_ends(logo_edges: Plane, met: Plane) -> Iterator[float]:
    """Yield the lesser and the greater share of the edges that the crop has at the two ends of each axis."""
    for axis in (0, 1):
        total, found = logo_edges.sum(axis), met.sum(axis)
        cumulative = np.cumsum(total) / (total.sum() + 1e-6)
        for share in _END_SHARES:
            ends = (cumulative <= share, cumulative >= 1 - share)
            yield from sorted(float(found[end].sum() / (total[end].sum() + 1e-6)) for end in ends)


def _colour_differences(lab: NDArray[np.float32], ink: NDArray[np.bool_], ground: NDArray[np.bool_]) -> Iterator[float]:
    """Yield the contrast of ink and ground, in all and in the outer thirds of both axes, and `_likeness` of the thirds.

    The least contrast of the thirds comes before them.
    """
    yield _contrast(lab, ink, ground)
    if not ink.any():
        yield from (0.0,) * 9
        return
    contrasts: list[float] = []
    likeness: list[float] = []
    for position in np.mgrid[: ink.shape[0], : ink.shape[1]]:
        first, last = np.quantile(position[ink], (0.33, 0.67))
        thirds = (position < first, position > last)
        contrasts += sorted(_contrast(lab, ink & third, ground & third) for third in thirds)
        likeness += sorted(_likeness(lab, ink & third, ink & ~third, ground) for third in thirds)
    yield from (min(contrasts), *contrasts, *likeness)


def _contrast(lab: NDArray[np.float32], ink: NDArray[np.bool_], ground: NDArray[np.bool_]) -> float:
    """Return the distance of the mean colours over their spread; 0 where there are too few pixels of either."""
    if min(ink.sum(), ground.sum()) < _MIN_COLOUR_PX:
        return 0.0
    spread = lab[ink | ground].std(axis=0).mean() + 3
    return float(np.linalg.norm(lab[ink].mean(axis=0) - lab[ground].mean(axis=0)) / spread)


def _likeness(
    lab: NDArray[np.float32], part: NDArray[np.bool_], rest: NDArray[np.bool_], ground: NDArray[np.bool_]
) -> float:
    """Return how much nearer the colour of a part is to the ground's than to that of the rest of the ink.

    It is 0 where there are too few pixels of any of them.
    """
    if min(part.sum(), rest.sum(), ground.sum()) < _MIN_COLOUR_PX:
        return 0.0
    part_colour, rest_colour, ground_colour = (lab[mask].mean(axis=0) for mask in (part, rest, ground))
    return float(np.linalg.norm(part_colour - rest_colour) - np.linalg.norm(part_colour - ground_colour))
