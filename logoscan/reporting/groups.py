"""Matches of one place, together: a mark that its look and its points both prove is one mark to people.

Knows boxes and names; knows no pictures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from logoscan.images.boxes import iou
from logoscan.types import Match

__all__ = ["Place", "places"]

_SAME = 0.5
"""Overlap (intersection over union) from which two boxes of one brand are one place."""


@dataclass(frozen=True)
class Place:
    """One brand at one place of one picture; `matches` are one at least, surest first."""

    matches: tuple[Match, ...]

    @property
    def best(self) -> Match:
        """The surest match, whose box and numbers stand for the place."""
        return self.matches[0]

    @property
    def by_look(self) -> Match | None:
        """The surest match by the look of the place."""
        return next((m for m in self.matches if not m.points), None)

    @property
    def by_points(self) -> Match | None:
        """The surest match by points."""
        return next((m for m in self.matches if m.points), None)


def places(matches: Iterable[Match]) -> tuple[Place, ...]:
    """Matches gathered by brand, picture and place, surest place first; matches of equal sureness keep their order."""
    found: list[list[Match]] = []
    for match in sorted(matches, key=lambda m: -(m.probability or 0.0)):
        for group in found:
            first = group[0]
            if (first.brand, first.image) == (match.brand, match.image) and _overlap(first, match) >= _SAME:
                group.append(match)
                break
        else:
            found.append([match])
    return tuple(Place(tuple(group)) for group in found)


def _overlap(a: Match, b: Match) -> float:
    if a.xyxy == b.xyxy:  # an empty box too
        return 1.0
    return float(iou(np.array([a.xyxy], np.float32), np.array([b.xyxy], np.float32))[0, 0])
