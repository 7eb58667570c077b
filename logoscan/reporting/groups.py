"""Groups of matches that show one logo: appearance and keypoints often find the same logo, and people see it once.

Uses boxes and brand names only; reads no image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from logoscan.images.boxes import iou
from logoscan.types import Match

__all__ = ["MatchGroup", "group_matches"]

# Overlap (intersection over union) from which two boxes of one brand are one region.
_SAME_REGION_IOU = 0.5


@dataclass(frozen=True)
class MatchGroup:
    """The matches of one brand in one region of one image.

    Attributes:
        matches: At least one, most probable first.
    """

    matches: tuple[Match, ...]

    @property
    def best(self) -> Match:
        """The most probable match, whose box and numbers stand for the group."""
        return self.matches[0]

    @property
    def by_appearance(self) -> Match | None:
        """The most probable match by appearance, None if there is none."""
        return next((m for m in self.matches if m.kind == "appearance"), None)

    @property
    def by_keypoints(self) -> Match | None:
        """The most probable match by keypoints, None if there is none."""
        return next((m for m in self.matches if m.kind == "keypoints"), None)


def group_matches(matches: Iterable[Match]) -> tuple[MatchGroup, ...]:
    """Group matches by brand, image and region.

    Returns:
        The groups, most probable first; matches of equal probability keep their order.
    """
    groups: list[list[Match]] = []
    for match in sorted(matches, key=lambda m: -(m.probability or 0.0)):
        for group in groups:
            first = group[0]
            if (first.brand, first.image) == (match.brand, match.image) and _overlap(first, match) >= _SAME_REGION_IOU:
                group.append(match)
                break
        else:
            groups.append([match])
    return tuple(MatchGroup(tuple(group)) for group in groups)


def _overlap(a: Match, b: Match) -> float:
    if a.xyxy == b.xyxy:  # equal empty boxes overlap too
        return 1.0
    return float(iou(np.array([a.xyxy], np.float32), np.array([b.xyxy], np.float32))[0, 0])
