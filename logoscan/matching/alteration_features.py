"""What the alteration check is told: a crop and the drawing that lies over it, compared edge by edge and ink by ink.

A missing part is a place of the drawing where the crop has neither its edges nor its ink. Knows no networks and no
files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan.matching.alignment import Alignment, drawn, edges, on_drawing
from logoscan.types import Rgb, Rgba

__all__ = ["LOOK_PX", "NUMBERS", "compared", "evidence", "seen_through"]

Plane: TypeAlias = NDArray[np.float32]
"""float32 (LOOK_PX, LOOK_PX)."""
LOOK_PX = 64
"""Side of the squares that are compared, px."""
NUMBERS = 48
"""Numbers that the check is told."""
_GRIDS = (2, 3, 4, 6)
"""Sides of the grids in whose cells the drawing's edges are looked for."""
_ENDS = (0.2, 0.35)
"""Shares of the drawing's edges at either end of an axis that are looked for by themselves."""
_LEAST_PX = 9
"""Pixels of ink or ground below which nothing is said of their colour."""


def evidence(crop: Rgb, drawing: Rgba, alignment: Alignment) -> NDArray[np.float32]:
    """What the network is told.

    Args:
        crop: uint8 (n, n, 3) RGB.
        drawing: uint8 (H, W, 4).
        alignment: Of both.

    Returns:
        float32 (NUMBERS,): the correlation, how far the upright drawing is ahead of the mirrored one (below 0 where it
        is behind), log stretch and log area; then those of `compared`.
    """
    ahead = (alignment.correlation - alignment.other) * (-1 if alignment.mirrored else 1)
    area = abs(float(np.linalg.det(alignment.matrix[:, :2])))
    fit = np.array([alignment.correlation, ahead, np.log(alignment.stretch), np.log(max(area, 1e-3))], np.float32)
    return np.concatenate([np.clip(fit, -3, 3), compared(seen_through(crop, drawing, alignment))])


def seen_through(crop: Rgb, drawing: Rgba, alignment: Alignment) -> NDArray[np.uint8]:
    """The crop through the drawing's square (RGB), the drawing on grey (RGB), and its alpha.

    Returns:
        uint8 (7, LOOK_PX, LOOK_PX).
    """
    import cv2

    mark = drawn(drawing, alignment.mirrored)
    alpha = mark[..., 3:]
    planes = [on_drawing(crop, alignment), mark[..., :3] + 127 * (1 - alpha), alpha * 255]
    size = (LOOK_PX, LOOK_PX)
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA).reshape(*size, -1) for p in planes]
    return np.ascontiguousarray(np.concatenate(small, axis=2).clip(0, 255).astype(np.uint8).transpose(2, 0, 1))


def compared(pair: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compare a crop with the drawing over it.

    Args:
        pair: uint8 (7, LOOK_PX, LOOK_PX), as of `seen_through`.

    Returns:
        float32 (NUMBERS - 4,): how much of the drawing's edges the crop has, in all and in cells and ends of the
        drawing, and how far ink and ground differ, in all and in its thirds; opposite ends in rising order.
    """
    import cv2

    crop, alpha = np.ascontiguousarray(pair[:3].transpose(1, 2, 0)), pair[6]
    wanted = np.maximum(edges(pair[3:6].transpose(1, 2, 0)), edges(np.repeat(alpha[..., None], 3, 2)))
    wanted = np.clip(wanted / (np.percentile(wanted, 97) + 1e-6), 0, 1)
    zone = cv2.dilate((alpha > 60).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    there = edges(crop)
    there = np.clip(there / (np.percentile(there[zone], 90) + 1e-6), 0, 1) if zone.any() else np.clip(there, 0, 1)
    near = np.ones((3, 3), np.uint8)
    met = wanted * cv2.dilate(there, near)
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB).astype(np.float32)
    ink = alpha > 150
    ground = (alpha < 30) & (cv2.dilate((alpha > 60).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)
    strange = (there * cv2.dilate(wanted, near)).sum() / (there[zone].sum() + 1e-6)
    numbers = [met.sum() / (wanted.sum() + 1e-6), strange, *_met_in_cells(wanted, met), *_met_at_ends(wanted, met)]
    return np.array([*numbers, *_colours(lab, ink, ground)], np.float32)


def _met_in_cells(wanted: Plane, met: Plane) -> Iterator[float]:
    """Of each grid: least, second least, lower quartile, median and most of the shares met in cells that hold edges."""
    import cv2

    for n in _GRIDS:
        asked, got = (cv2.resize(p, (n, n), interpolation=cv2.INTER_AREA).ravel() for p in (wanted, met))
        full = asked > 0.3 * asked.sum() / (n * n)
        shares = np.sort(got[full] / (asked[full] + 1e-6)) if full.any() else np.zeros(1)
        middle = float(np.median(shares))
        least = [float(shares[0]), float(shares[min(1, len(shares) - 1)]), float(shares[len(shares) // 4])]
        yield from (*least, middle, float(shares[-1]), least[0] / (middle + 1e-6))


def _met_at_ends(wanted: Plane, met: Plane) -> Iterator[float]:
    """The lesser and the greater share met at both ends of each axis."""
    for axis in (0, 1):
        asked, got = wanted.sum(axis), met.sum(axis)
        place = np.cumsum(asked) / (asked.sum() + 1e-6)
        for share in _ENDS:
            ends = (place <= share, place >= 1 - share)
            yield from sorted(float(got[end].sum() / (asked[end].sum() + 1e-6)) for end in ends)


def _colours(lab: NDArray[np.float32], ink: NDArray[np.bool_], ground: NDArray[np.bool_]) -> Iterator[float]:
    """Contrast of ink and ground, in all and in the outer thirds of both axes; whether those have the other ink's."""
    yield _contrast(lab, ink, ground)
    if not ink.any():
        yield from (0.0,) * 9
        return
    contrasts: list[float] = []
    likeness: list[float] = []
    for place in np.mgrid[: ink.shape[0], : ink.shape[1]]:
        first, last = np.quantile(place[ink], (0.33, 0.67))
        thirds = (place < first, place > last)
        contrasts += sorted(_contrast(lab, ink & third, ground & third) for third in thirds)
        likeness += sorted(_likeness(lab, ink & third, ink & ~third, ground) for third in thirds)
    yield from (min(contrasts), *contrasts, *likeness)


def _contrast(lab: NDArray[np.float32], ink: NDArray[np.bool_], ground: NDArray[np.bool_]) -> float:
    """Distance of the mean colours over their spread; 0 where there is too little of either."""
    if min(ink.sum(), ground.sum()) < _LEAST_PX:
        return 0.0
    spread = lab[ink | ground].std(axis=0).mean() + 3
    return float(np.linalg.norm(lab[ink].mean(axis=0) - lab[ground].mean(axis=0)) / spread)


def _likeness(
    lab: NDArray[np.float32], part: NDArray[np.bool_], rest: NDArray[np.bool_], ground: NDArray[np.bool_]
) -> float:
    """How much nearer a part's colour is to the ground's than to the other ink's; 0 where too little is there."""
    if min(part.sum(), rest.sum(), ground.sum()) < _LEAST_PX:
        return 0.0
    own, other, under = (lab[mask].mean(axis=0) for mask in (part, rest, ground))
    return float(np.linalg.norm(own - other) - np.linalg.norm(own - under))
