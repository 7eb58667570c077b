"""Regions that are laid out without reading pixels: tiles at several scales, or the whole photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from logoscan._hashing import fingerprint
from logoscan.errors import InputError
from logoscan.types import Regions, Rgb

__all__ = ["DEFAULT_PLAN", "DENSE_PLAN", "LARGE_PLAN", "TilePlan", "Tiles", "WholeImage"]


@dataclass(frozen=True)
class TilePlan:
    """Square tiles at several scales.

    Attributes:
        scales: Sides of the tiles as shares of the photo's short side, in (0, 1].
        stride: Step between tiles as a share of their side, in (0, 1].
        min_px: Least side of a tile in pixels; smaller ones are left out, because the encoder cannot recognise them.
    """

    scales: tuple[float, ...]
    stride: float = 0.5
    min_px: int = 24

    def __post_init__(self) -> None:
        if not self.scales or not all(0 < s <= 1 for s in self.scales):
            raise InputError(f"TilePlan.scales: expected shares in (0, 1], got {self.scales!r}")
        if not 0 < self.stride <= 1:
            raise InputError(f"TilePlan.stride: expected a share in (0, 1], got {self.stride!r}")


DEFAULT_PLAN = TilePlan(scales=(1.0, 0.75, 0.55, 0.4, 0.3, 0.22))
"""About 220 tiles on a 3:2 photo, each side three quarters of the one before, marks from a tenth of the short side."""
DENSE_PLAN = TilePlan(scales=(1.0, 0.8, 0.62, 0.5, 0.4, 0.3, 0.24, 0.18))
"""About 390 tiles on a 3:2 photo. No calibration ships for it: fit one, or give a similarity threshold."""

LARGE_PLAN = TilePlan(scales=(0.75, 0.55))
"""About 20 tiles on a 3:2 photo, the photo itself among them."""

# Aspect ratio of a photo up to which its tiles are squares. Beyond it their width follows the long side: a strip of
# 30 x 30,000 pixels, which is within the limits on images, would get thousands of squares, and no goods are in it.
_MAX_ASPECT = 10.0


def _starts(length: int, side: float, step: float) -> list[float]:
    """Return the evenly spread starts of intervals that cover [0, length], at most `step` apart."""
    count = int(np.ceil((length - side) / step - 1e-6)) + 1
    return [float(s) for s in np.linspace(0.0, length - side, max(1, count))]


class Tiles:
    """The whole photo and overlapping squares at several scales: exhaustive and slow."""

    def __init__(self, plan: TilePlan = DEFAULT_PLAN) -> None:
        """Lay out tiles by `plan`."""
        self.plan = plan

    @property
    def name(self) -> str:
        """`tiles` with its scales."""
        return f"tiles({','.join(f'{s:g}' for s in self.plan.scales)};{self.plan.stride:g})"

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the plan."""
        return fingerprint("tiles", self.plan)

    @property
    def description(self) -> str:
        """Name and fingerprint."""
        return f"{self.name}@{self.fingerprint}"

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        """Return the tiles of each photo, the whole photo first, then from large to small."""
        return [self._lay(*image.shape[:2]) for image in images]

    def _lay(self, height: int, width: int) -> Regions:
        rows = [(0.0, 0.0, float(width), float(height))]
        for scale in self.plan.scales:
            if scale * min(height, width) < self.plan.min_px:
                continue
            side = scale * max(min(height, width), max(height, width) / _MAX_ASPECT)
            step = side * self.plan.stride
            rows += [
                (x, y, min(x + side, width), min(y + side, height))
                for y in _starts(height, side, step)
                for x in _starts(width, side, step)
            ]
        xyxy = np.array(rows, np.float32)
        return Regions(xyxy, np.ones(len(rows), np.float32))


class WholeImage:
    """One region: the whole photo. For pack shots, crops, and as a baseline."""

    @property
    def name(self) -> str:
        """`whole`."""
        return "whole"

    @property
    def fingerprint(self) -> str:
        """16 hex digits."""
        return fingerprint("whole")

    @property
    def description(self) -> str:
        """Name and fingerprint."""
        return f"{self.name}@{self.fingerprint}"

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        """Return the full frame of each photo."""
        return [Regions(np.array([[0, 0, i.shape[1], i.shape[0]]], np.float32), np.ones(1, np.float32)) for i in images]
