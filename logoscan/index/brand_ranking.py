"""Rank brands, and pairs of brands, by their nearest vectors. Knows arrays only, no records and no names."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan.types import Embeddings

__all__ = ["BrandRows", "best_of_brands", "first_of_each", "nearest_pairs"]

# Products that are held in memory at a time: 64 MB.
_PRODUCTS_AT_ONCE = 16_000_000

BrandRows: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]
"""Similarity, position of the brand, and row of its nearest vector, each (n, k)."""
# Similarity, falling, and two brands, each (n,).
_Pairs: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]


def first_of_each(codes: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Return the columns of the first k distinct codes of each row, int64 (n, k); -1 where a row has fewer."""
    n, depth = codes.shape
    picked = np.full((n, k), -1, np.int64)
    is_free = np.ones((n, depth), bool)
    for j in range(k):
        column = is_free.argmax(axis=1)
        has_free = is_free[np.arange(n), column] if depth else np.zeros(n, bool)
        picked[has_free, j] = column[has_free]
        is_free &= codes != codes[np.arange(n), column][:, None]
    return picked


def best_of_brands(
    queries: Embeddings,
    vectors: Embeddings,
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    k: int,
) -> NDArray[np.int64]:
    """Return the nearest row of each of the k nearest brands, int64 (n, k), in any order; compare all vectors.

    Args:
        queries: float32 (n, dim).
        vectors: float32 (m, dim).
        order: Rows of `vectors`, brand after brand, int64 (m,).
        starts: Position in `order` where each brand begins, int64 (brands,).
        ends: Position in `order` where each brand ends, int64 (brands,).
        k: Number of brands.
    """
    rows = np.empty((len(queries), k), np.int64)
    step = max(1, _PRODUCTS_AT_ONCE // len(vectors))
    for first in range(0, len(queries), step):
        products = (queries[first : first + step] @ vectors.T)[:, order]
        nearest = np.argsort(-np.maximum.reduceat(products, starts, axis=1), axis=1, kind="stable")[:, :k]
        for i, brands in enumerate(nearest.tolist()):
            rows[first + i] = [order[starts[b] + products[i, starts[b] : ends[b]].argmax()] for b in brands]
    return rows


def nearest_pairs(
    vectors: Embeddings, starts: NDArray[np.int64], ends: NDArray[np.int64], n: int, brand: int | None = None
) -> _Pairs:
    """Find the n pairs of brands whose nearest vectors are nearest to each other.

    Args:
        vectors: float32 (m, dim), unit rows, brand after brand.
        starts: First row of each brand, int64 (brands,).
        ends: End of the rows of each brand, int64 (brands,).
        n: Number of pairs; fewer are returned where there are fewer.
        brand: Brand to compare alone with all others; it is the first of each pair. None compares all.

    Returns:
        Similarity float32, falling, and the two brands of each pair, int64; of equal pairs the lower brands come first.
    """
    best = np.zeros(0, np.float32), np.zeros(0, np.int64), np.zeros(0, np.int64)
    first, stop = (0, len(starts)) if brand is None else (brand, brand + 1)
    rows = max(1, _PRODUCTS_AT_ONCE // max(1, len(vectors)))
    while first < stop and n > 0:
        # compare as many brands as fit, at least one, with themselves and all behind them
        last = min(stop, max(first + 1, int(np.searchsorted(ends, starts[first] + rows, side="right"))))
        left, right = (first, 0) if brand is not None else (first, first)
        products = vectors[starts[first] : ends[last - 1]] @ vectors[starts[right] :].T
        products = np.maximum.reduceat(products, starts[right:] - starts[right], axis=1)
        products = np.maximum.reduceat(products, starts[first:last] - starts[first], axis=0)
        a, b = left + np.arange(len(products))[:, None], right + np.arange(products.shape[1])
        products[(a == b) if brand is not None else (b <= a)] = -np.inf
        best = _add_block(best, products, left, right, n)
        first = last
    return best


def _add_block(best: _Pairs, products: NDArray[np.float32], left: int, right: int, n: int) -> _Pairs:
    """Return the n best of `best` and of the finite cells of a block that begins at (left, right)."""
    np.minimum(products, 1, out=products)  # a float32 product of unit rows may be just above
    floor = max(best[0][-1] if len(best[0]) == n else -np.inf, np.finfo(np.float32).min)
    if products.size > n:
        floor = max(floor, np.partition(products, products.size - n, axis=None)[products.size - n])
    a, b = np.nonzero(products >= floor)
    similarity = np.concatenate([best[0], products[a, b]])
    a, b = np.concatenate([best[1], a + left]), np.concatenate([best[2], b + right])
    order = np.lexsort((b, a, -similarity))[:n]
    return similarity[order], a[order], b[order]
