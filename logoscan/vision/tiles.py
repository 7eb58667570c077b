"""Regions laid out without looking at pixels: tiles at several scales, or the whole picture."""

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
        scales: Sides of the tiles as shares of the picture's short side, in (0, 1].
        stride: Step between tiles as a share of their side, in (0, 1].
        min_px: Tiles under this side are left out: the encoder tells nothing from them.
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
"""About 20 tiles on a 3:2 photo, the picture itself among them."""

# Aspect ratio of a picture up to which its tiles are squares. Beyond it their width follows the long side: a strip of
# 30 x 30,000 pixels, which the caps on pictures let in, would get thousands of squares, and nothing is sold in it.
_MAX_ASPECT = 10.0


def _starts(length: int, side: float, step: float) -> list[float]:
    """Evenly spread starts of intervals that cover [0, length], at most `step` apart."""
    count = int(np.ceil((length - side) / step - 1e-6)) + 1
    return [float(s) for s in np.linspace(0.0, length - side, max(1, count))]


class Tiles:
    """The whole picture and overlapping squares at several scales: exhaustive, and as slow as that."""

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
        """The plan laid over each picture, whole picture first, then large to small."""
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
    """One region: the picture itself. For pack shots, crops, and as the lower end of every comparison."""

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
        """The full frame of each picture."""
        return [Regions(np.array([[0, 0, i.shape[1], i.shape[0]]], np.float32), np.ones(1, np.float32)) for i in images]
