"""Small cells are not published, nor those from which they could be computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

from logoscan.cases._tally import FEWEST

__all__ = ["Key", "Size", "publishable", "shown"]

Key: TypeAlias = tuple[str, ...]
"""What a cell is about: a value for each dimension of the table."""
Size: TypeAlias = tuple[int, int]
"""Number of decisions of a cell, and number of its sellers, which may be counted up to `FEWEST`."""

K = TypeVar("K", bound=Key)


def shown(count: int) -> int | None:
    """Return a total that is published: None for a small one; 0 tells nothing about anybody."""
    return count if count == 0 or count >= FEWEST else None


def publishable(cells: Mapping[K, Size]) -> dict[K, int | None]:
    """Return the counts of a table whose sums are published, too: None for those that are not.

    A cell of fewer than `FEWEST` decisions or sellers is left out. Where one cell alone of a row or a column is left
    out, it is the sum less the others; so the smallest other one is left out as well (complementary suppression).

    Args:
        cells: Size of each cell by its key; all keys have the same length. Cells of size 0 are no cells.
    """
    hidden = {key for key, (count, sellers) in cells.items() if min(count, sellers) < FEWEST}
    length = len(next(iter(cells), ()))
    lines: dict[tuple[int, Key], list[K]] = {}
    for key in cells:
        for axis in range(length):
            lines.setdefault((axis, key[:axis] + key[axis + 1 :]), []).append(key)
    changed = True
    while changed:
        changed = False
        for members in lines.values():
            others = [key for key in members if key not in hidden]
            if len(members) - len(others) == 1 and others:
                hidden.add(min(others, key=lambda key: (cells[key][0], key)))
                changed = True
    return {key: None if key in hidden else count for key, (count, _) in cells.items()}
