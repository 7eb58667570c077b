"""The words of genuine goods' titles -> what each adds to the log-price: a ridge regression on what brands and
categories leave.

Knows words as texts and numbers; knows neither titles nor cohorts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from logoscan.text.title_words import title_terms, within_category

__all__ = ["WordTable", "word_table"]

Floats = NDArray[np.float64]

# Titles in which a word must stand: what stands in fewer is nearly shrunk away.
_MIN_TITLES = 3
# Prices that the prior, no shift at all, is worth for each word, pair, and word within a category. Chosen on a part of
# the training rows of three real price lists; half and twice as much change the figures by a hundredth.
_PRIOR_PRICES = 20.0
# Residuals beyond four and a half times the usual price are errors, or other things.
_MAX_RESIDUAL = 1.5
# Conjugate gradients stop there: a shift is then known to far less than any price differs.
_MAX_STEPS, _TOLERANCE = 40, 1e-8
# Shifts below this are left out: they move no price by half a percent.
_LEAST = 0.005


class WordTable:
    """Which words stand in which titles, as pairs of a row and a column.

    Attributes:
        words: The words, pairs of words and words within a category, in alphabetical order.
    """

    def __init__(self, words: Sequence[str], rows: NDArray[np.int64], columns: NDArray[np.int64], n: int) -> None:
        self.words = tuple(words)
        self._rows, self._columns, self._n = rows, columns, n

    def sums(self, shifts: Floats) -> Floats:
        """Return the sum of the shifts of each title's words, float64 (n,)."""
        return np.bincount(self._rows, shifts[self._columns], self._n).astype(np.float64)  # without any word, integers

    def fit(self, residuals: Floats) -> Floats:
        """Return the shrunken shift of each word, float64 (words,): ridge regression, by conjugate gradients."""
        target = np.clip(residuals, -_MAX_RESIDUAL, _MAX_RESIDUAL)
        shifts = np.zeros(len(self.words))
        rest = self._totals(target)
        step, size = rest.copy(), float(rest @ rest)
        for _ in range(_MAX_STEPS):
            if size <= _TOLERANCE * self._n:
                break
            image = self._totals(self.sums(step)) + _PRIOR_PRICES * step
            length = size / float(step @ image)
            shifts += length * step
            rest -= length * image
            size, before = float(rest @ rest), size
            step = rest + size / before * step
        return shifts

    def as_mapping(self, shifts: Floats) -> dict[str, float]:
        """Return the shifts that move a price, by word."""
        return {word: shift for word, shift in zip(self.words, shifts.tolist(), strict=True) if abs(shift) >= _LEAST}

    def _totals(self, values: Floats) -> Floats:
        return np.bincount(self._columns, values[self._rows], len(self.words)).astype(np.float64)


def word_table(titles: Sequence[str], categories: Sequence[str | None]) -> WordTable:
    """Return the table of the words that stand in some titles.

    Args:
        titles: Words of each title, parted by spaces.
        categories: Category of each.
    """
    keys = []
    for title, category in zip(titles, categories, strict=True):
        terms = title_terms(tuple(title.split()))
        keys.append(
            [*terms, *(within_category(category, term) for term in terms if " " not in term)] if category else terms
        )
    counts = Counter(key for row in keys for key in row)
    column = {word: i for i, word in enumerate(sorted(word for word, n in counts.items() if n >= _MIN_TITLES))}
    pairs = [(i, column[key]) for i, row in enumerate(keys) for key in row if key in column]
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    return WordTable(tuple(column), rows, columns, len(titles))
