"""Which lines of text stand together in a photo, so that a name may run over them. Knows no names.

A label stacks its words, GOD over MOR over GON, and a badge sets its letters apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logoscan.types import TextSpans

__all__ = ["chains"]

# Lines of a chain: names of more lines are rare, and chance makes them.
_MAX_CHAIN_LINES = 3
# Neighbours of a line on one side that are followed: some lines are read twice, at two sizes.
_MAX_NEIGHBOURS = 2
# Largest ratio of the letter heights of two neighbours.
_MAX_HEIGHT_RATIO = 2.5
# Largest difference of their directions, in radians.
_MAX_TURN_RAD = 0.5
# Widest gap under a line and after it, in heights of its letters.
_MAX_GAP_BELOW, _MAX_GAP_BESIDE = 0.9, 1.5
# Most letters of a text that may be a piece of a badge: two letters that stand close are read as one piece.
_BADGE_LETTERS = 2
# Largest distance of such pieces, along and across, in sizes of them: those of a badge stand along an arc.
_BADGE_DISTANCE = 2.0
# Least share of the letters' height by which a line lies lower than the one above it: boxes of slanted lines are higher
# than the lines.
_MIN_DROP = 0.3
# Least share of the shorter of two stacked lines that lies under the other.
_MIN_OVERLAP = 0.5


def chains(spans: TextSpans) -> list[tuple[int, ...]]:
    """Return the chains of lines that may be read on: two or three lines, each below the one before, or each after it.

    Args:
        spans: Lines of one photo, n of them.

    Returns:
        Rows of `spans` in the order of reading; no chain comes twice.
    """
    few = np.array([1 <= sum(c.isalnum() for c in text) <= _BADGE_LETTERS for text in spans.texts], bool)
    joined: dict[tuple[int, ...], None] = {}
    for following in (*_lines_on(spans), _letters_on(spans, few)):
        ends: list[tuple[int, ...]] = [(start,) for start in range(len(spans))]
        for _ in range(_MAX_CHAIN_LINES - 1):
            ends = [(*chain, row) for chain in ends for row in following[chain[-1]] if row not in chain]
            joined |= dict.fromkeys(ends)
    return list(joined)


def _lines_on(spans: TextSpans) -> tuple[list[list[int]], list[list[int]]]:
    """Return for each line the nearest ones below it, and the nearest ones after it."""
    corners = spans.polygons.astype(np.float64)
    middle = corners.mean(axis=1)
    along = (corners[:, 1] + corners[:, 2] - corners[:, 0] - corners[:, 3]) / 2
    down = (corners[:, 3] + corners[:, 2] - corners[:, 0] - corners[:, 1]) / 2
    wide, high = (np.maximum(np.linalg.norm(side, axis=1), 1e-6) for side in (along, down))
    u = along / wide[:, None]
    offset = middle[None] - middle[:, None]  # from each row's line to each column's
    dx = np.einsum("ijk,ik->ij", offset, u)
    dy = np.einsum("ijk,ik->ij", offset, np.stack([-u[:, 1], u[:, 0]], axis=1))
    alike = (np.abs(np.log(high[None] / high[:, None])) < np.log(_MAX_HEIGHT_RATIO)) & (u @ u.T > np.cos(_MAX_TURN_RAD))
    both_wide, both_high = (wide[None] + wide[:, None]) / 2, (high[None] + high[:, None]) / 2
    gap_below, gap_beside = dy - both_high, dx - both_wide
    overlap = (both_wide - np.abs(dx)) / np.minimum(wide[None], wide[:, None])
    below = (
        alike & (dy > _MIN_DROP * both_high) & (gap_below < _MAX_GAP_BELOW * high[:, None]) & (overlap > _MIN_OVERLAP)
    )
    beside = (
        alike & (dx > 0.5 * both_wide) & (gap_beside < _MAX_GAP_BESIDE * high[:, None]) & (np.abs(dy) < 0.5 * both_high)
    )
    return _nearest(below, gap_below), _nearest(beside, gap_beside)


def _letters_on(spans: TextSpans, few: NDArray[np.bool_]) -> list[list[int]]:
    """Return for each text of few letters the nearest ones to its right, higher or lower, however they are turned."""
    middle = spans.polygons.astype(np.float64).mean(axis=1)
    spread = np.abs(spans.polygons - middle[:, None]).max(axis=(1, 2), initial=1e-6)
    size = spread[None] + spread[:, None]
    dx, dy = (middle[None, :, axis] - middle[:, None, axis] for axis in (0, 1))
    alike = np.abs(np.log(spread[None] / spread[:, None])) < np.log(_MAX_HEIGHT_RATIO)
    near = (dx > 0.5 * size) & (dx < _BADGE_DISTANCE * size) & (np.abs(dy) < _BADGE_DISTANCE * size)
    return _nearest(near & alike & few[None] & few[:, None], np.hypot(dx, dy))


def _nearest(allowed: NDArray[np.bool_], gap: NDArray[np.float64]) -> list[list[int]]:
    """Return for each row the columns of the smallest gaps that are allowed."""
    order = np.argsort(np.where(allowed, gap, np.inf), axis=1, kind="stable")[:, :_MAX_NEIGHBOURS]
    return [[int(column) for column in columns if allowed[row, column]] for row, columns in enumerate(order)]
