"""The kept prices of one cohort, from which its references are fitted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Group", "Key"]

Key = tuple[str, str | None, str, str]
"""Brand, category, condition, currency; folded."""


class Group(NamedTuple):
    """The kept prices of one cohort.

    `prices` is float64 (n, 3): natural logarithms of price, pieces in the pack and content of a piece (NaN where
    unknown); `seen` is their number, kept or not; `titles` are the words of their titles, parted by spaces.
    """

    key: Key
    seen: int
    prices: NDArray[np.float64]
    titles: tuple[str, ...]

    def part(self, rows: NDArray[np.bool_]) -> Group:
        """Return the prices of some rows; `seen` stays the number of all."""
        return self._replace(prices=self.prices[rows], titles=tuple(np.array(self.titles, object)[rows]))
