"""Vectors with the records they belong to, searchable: exact inner product over FAISS. Immutable.

A register is made of three of these: pictures of logos, names, and negatives. Knows no files and no encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan.storage import LogoRecord
from logoscan.types import Embeddings

__all__ = ["Gallery", "brute_force"]

_CELLS = 16_000_000
"""Products that `Gallery.confusable` holds at a time: 64 MB."""


def brute_force(queries: Embeddings, gallery: Embeddings, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k best rows of `gallery` by inner product, written plainly; defines what search must equal.

    Returns:
        float32 (n, k) falling along each row, and int64 (n, k).
    """
    products = queries @ gallery.T
    rows = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(products, rows, axis=1), rows.astype(np.int64)


class Gallery:
    """Records and their vectors, row by row.

    Attributes:
        records: One for each vector.
        vectors: float32 (n, dim), unit rows; not to be written to.
        brands: Names of the brands of the records, sorted, each once.
    """

    def __init__(self, records: Sequence[LogoRecord], vectors: Embeddings) -> None:
        """Join `records` with `vectors`, float32 (len(records), dim)."""
        self.records = tuple(records)
        self.vectors = vectors
        self.brands = tuple(sorted({r.brand for r in self.records}))
        self.position = {name: i for i, name in enumerate(self.brands)}
        self._code = np.array([self.position[r.brand] for r in self.records], np.int64)

    def __len__(self) -> int:
        """Number of vectors."""
        return len(self.records)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Identifier of the record of each row."""
        return tuple(r.id for r in self.records)

    @cached_property
    def _searcher(self) -> Any:
        import faiss

        searcher = faiss.IndexFlatIP(self.vectors.shape[1])
        if len(self.vectors):
            searcher.add(self.vectors)
        return searcher

    def search(self, queries: Embeddings, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Similarity float32 (n, min(k, len)) falling along each row, and rows, int64, of that shape."""
        k = min(k, len(self))
        if k == 0 or not len(queries):
            return np.zeros((len(queries), k), np.float32), np.zeros((len(queries), k), np.int64)
        similarity, rows = self._searcher.search(queries, k)
        return similarity, rows

    def search_brands(
        self, queries: Embeddings, k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """The k nearest distinct brands, each by the best over all its vectors; exact.

        Returns:
            Similarity float32 (n, min(k, brands)), and positions in `brands` and rows, int64, of that shape.
        """
        k = min(k, len(self.brands))
        depth = min(len(self), max(32, 8 * k))
        while True:
            similarity, rows = self.search(queries, depth)
            picked = _first_of_each(self._code[rows], k)
            if depth == len(self) or (picked >= 0).all():
                break
            depth = min(len(self), depth * 4)
        row = np.take_along_axis(rows, picked, axis=1)
        return np.take_along_axis(similarity, picked, axis=1), self._code[row], row

    def confusable(self, n: int, brand: str | None = None) -> list[tuple[str, str, float]]:
        """The n pairs of brands whose nearest vectors are nearest to each other; every pair is looked at.

        Args:
            n: Pairs; fewer come back where there are fewer.
            brand: One of `brands`, to look at its pairs alone; it then stands first in each.

        Returns:
            Two names and the highest cosine between a vector of one and a vector of the other, falling.
        """
        order = np.argsort(self._code, kind="stable")
        vectors, starts = self.vectors[order], np.searchsorted(self._code[order], np.arange(len(self.brands)))
        ends = np.append(starts[1:], len(vectors))
        best = np.zeros(0, np.float32), np.zeros(0, np.int64), np.zeros(0, np.int64)
        first, stop = (0, len(self.brands)) if brand is None else (self.position[brand], self.position[brand] + 1)
        rows = max(1, _CELLS // max(1, len(vectors)))
        while first < stop and n > 0:
            # as many brands as fit, one at least, against themselves and all behind them
            last = min(stop, max(first + 1, int(np.searchsorted(ends, starts[first] + rows, side="right"))))
            left, right = (first, 0) if brand is not None else (first, first)
            products = vectors[starts[first] : ends[last - 1]] @ vectors[starts[right] :].T
            products = np.maximum.reduceat(products, starts[right:] - starts[right], axis=1)
            products = np.maximum.reduceat(products, starts[first:last] - starts[first], axis=0)
            a, b = left + np.arange(len(products))[:, None], right + np.arange(products.shape[1])
            products[(a == b) if brand is not None else (b <= a)] = -np.inf
            best = _best_pairs(best, products, left, right, n)
            first = last
        return [(self.brands[a], self.brands[b], float(similarity)) for similarity, a, b in zip(*best, strict=True)]

    def of(self, brand: str) -> Embeddings:
        """Vectors of one brand, float32 (n, dim)."""
        return np.asarray(self.vectors[self._code == self.position[brand]], np.float32)

    def without(self, gone: Callable[[LogoRecord], bool]) -> Gallery:
        """The gallery without the records for which `gone` holds."""
        stay = [row for row, record in enumerate(self.records) if not gone(record)]
        return self if len(stay) == len(self) else Gallery([self.records[r] for r in stay], self.vectors[stay])

    def joined(self, records: Sequence[LogoRecord], vectors: Embeddings) -> Gallery:
        """The gallery with more rows; of those with equal brand, identifier and rendering the last stays."""
        new = {(r.brand, r.id, r.rendering): row for row, r in enumerate(records)}
        replaced = {(r.brand, r.id) for r in records}
        old = self.without(lambda r: (r.brand, r.id) in replaced)
        rows = sorted(new.values())
        return Gallery([*old.records, *(records[row] for row in rows)], np.concatenate([old.vectors, vectors[rows]]))


_Pairs = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]
"""Similarity, falling, and two positions, each (n,)."""


def _best_pairs(best: _Pairs, products: NDArray[np.float32], left: int, right: int, n: int) -> _Pairs:
    """The n best of `best` and of the finite cells of a block that begins at (left, right); names settle ties."""
    np.minimum(products, 1, out=products)  # a float32 product of unit rows may end just above
    floor = max(best[0][-1] if len(best[0]) == n else -np.inf, np.finfo(np.float32).min)
    if products.size > n:
        floor = max(floor, np.partition(products, products.size - n, axis=None)[products.size - n])
    a, b = np.nonzero(products >= floor)
    similarity = np.concatenate([best[0], products[a, b]])
    a, b = np.concatenate([best[1], a + left]), np.concatenate([best[2], b + right])
    order = np.lexsort((b, a, -similarity))[:n]
    return similarity[order], a[order], b[order]


def _first_of_each(codes: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Columns of the first k distinct codes of each row, int64 (n, k); -1 where a row has fewer."""
    n, depth = codes.shape
    picked = np.full((n, k), -1, np.int64)
    free = np.ones((n, depth), bool)
    for j in range(k):
        column = free.argmax(axis=1)
        found = free[np.arange(n), column] if depth else np.zeros(n, bool)
        picked[found, j] = column[found]
        free &= codes != codes[np.arange(n), column][:, None]
    return picked
