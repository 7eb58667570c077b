"""Vectors with the records they belong to, searchable by inner product: exactly, or where they are very many by an
approximate index whose proposals are compared exactly. Immutable.

A register is made of three of these: pictures of logos, names, and negatives. Knows no files and no encoders.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import CorruptFileError
from logoscan.index.ann import APPROXIMATE_FROM, Approximate, compare_all, ranked
from logoscan.index.storage import LogoRecord
from logoscan.types import Embeddings

__all__ = ["DEPTH", "Gallery", "Nearest", "brute_force", "depth_for"]

DEPTH = 32
"""Nearest vectors that are looked at for the nearest two brands at first: one brand's logos may be many."""
_DEEPEST = 512
"""Nearest vectors from which all are compared where these are still of too few brands."""
logger = logging.getLogger(__name__)
_building = Lock()
_PROPOSED = 128
"""Rows that an approximate index proposes at least: more than are asked for, since it orders them only roughly."""
_STALE = 0.05
"""Share of an approximate index's rows that may go, or come, until another is built."""
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


def depth_for(k: int) -> int:
    """Nearest vectors that are looked at for the k nearest brands at first."""
    return min(_DEEPEST, max(DEPTH, 8 * k))


class Nearest(NamedTuple):
    """The nearest vectors of n queries.

    Attributes:
        similarity: float32 (n, k) falling along each row.
        rows: int64 (n, k), of the gallery that was asked.
    """

    similarity: NDArray[np.float32]
    rows: NDArray[np.int64]


class Gallery:
    """Records and their vectors, row by row.

    Attributes:
        records: One for each vector.
        vectors: float32 (n, dim), unit rows; not to be written to.
        brands: Names of the brands of the records, sorted, each once.
        position: Of each name in `brands`.
        code: int64 (n,), the position of each record's brand.
    """

    def __init__(
        self,
        records: Sequence[LogoRecord],
        vectors: Embeddings,
        *,
        approximate: Approximate | None = None,
        approximate_from: int = APPROXIMATE_FROM,
        device: str = "cpu",
    ) -> None:
        """Join `records` with `vectors`, float32 (len(records), dim).

        Args:
            records: One for each vector.
            vectors: May be mapped from a file; they are not copied.
            approximate: An index built of these vectors; None builds it where it is needed.
            approximate_from: Vectors above which an approximate index is used.
            device: Where all are compared; "cpu" compares them by numpy, any other, such as "cuda", by torch.
        """
        self.records = tuple(records)
        self.vectors = vectors
        self.approximate_from, self.device = approximate_from, device
        self._inherited = approximate
        self._row_of = np.arange(len(vectors)) if approximate is None else np.arange(approximate.facts.vectors)
        self._newer: NDArray[np.int64] | None = None
        self.brands = tuple(sorted({r.brand for r in self.records}))
        self.position = {name: i for i, name in enumerate(self.brands)}
        self.code = np.array([self.position[r.brand] for r in self.records], np.int64)

    def __len__(self) -> int:
        """Number of vectors."""
        return len(self.records)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Identifier of the record of each row."""
        return tuple(r.id for r in self.records)

    @cached_property
    def approximate(self) -> Approximate | None:
        """The index that proposes rows; None for few enough, or a device fast enough, to compare them all.

        Built at first use.
        """
        if len(self) <= self.approximate_from or self.device != "cpu":
            return None
        with _building:  # a thread that asks meanwhile shall not build one too
            if self._inherited is None:
                self._inherited = Approximate.build(self.vectors)
            return self._inherited

    @cached_property
    def _by_brand(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Rows in the order of `brands`, and where among these each brand's begin and end."""
        order = np.argsort(self.code, kind="stable")
        starts = np.searchsorted(self.code[order], np.arange(len(self.brands)))
        return order, starts, np.append(starts[1:], len(self))

    def search(self, queries: Embeddings, k: int) -> Nearest:
        """The min(k, len) nearest vectors of each query.

        Similarities are exact, and to the last bit the same whatever is asked beside a query; of more than
        `approximate_from` vectors some of the nearest rows may be missed.
        """
        k = min(k, len(self))
        if k == 0 or not len(queries):
            return Nearest(np.zeros((len(queries), k), np.float32), np.zeros((len(queries), k), np.int64))
        rows = self._proposed(queries, k)
        if rows is None:
            rows = self._among_all(queries, k)
        else:
            few = np.flatnonzero(rows[:, -1] < 0)  # as good as never
            if len(few):
                rows[few] = self._among_all(queries[few], k)
        return Nearest(*ranked(queries, self.vectors, rows))

    def search_together(self, parts: Sequence[Embeddings], k: int) -> list[Nearest]:
        """`search` of several arrays of queries in one pass over the vectors."""
        if not parts:
            return []
        found = self.search(np.concatenate(parts), k)
        ends = np.cumsum([len(part) for part in parts])[:-1]
        return [
            Nearest(*both) for both in zip(np.split(found.similarity, ends), np.split(found.rows, ends), strict=True)
        ]

    def _proposed(self, queries: Embeddings, k: int) -> NDArray[np.int64] | None:
        """The nearest of what the approximate index proposes; None where all are compared.

        An index that fails is not what was built: from then on all are compared.
        """
        if self.approximate is None or k > self.approximate_from:
            return None
        try:
            return self._among_proposed(queries, k, self.approximate)
        except CorruptFileError as error:
            logger.warning("%s; all vectors are compared", error)
            self.__dict__["approximate"] = self._inherited = None
            return None

    def _among_all(self, queries: Embeddings, k: int) -> NDArray[np.int64]:
        if self.device != "cpu":
            return self._by_torch(queries, k)
        return compare_all(queries, self.vectors, k)

    def _by_torch(self, queries: Embeddings, k: int) -> NDArray[np.int64]:
        """The same by products on a device, block by block of queries."""
        import torch

        vectors = self._vectors_there
        asked = torch.from_numpy(queries).to(vectors.device)
        step = max(1, _CELLS * 4 // max(1, len(self)))
        found = [torch.topk(asked[i : i + step] @ vectors.T, k).indices for i in range(0, len(asked), step)]
        return np.asarray(torch.cat(found).cpu().numpy(), np.int64)

    @cached_property
    def _vectors_there(self) -> Any:
        import torch

        return torch.tensor(self.vectors, device=self.device)  # a copy: vectors may be read-only

    def _among_proposed(self, queries: Embeddings, k: int, approximate: Approximate) -> NDArray[np.int64]:
        """Proposals and rows newer than the index, compared exactly; row -1 where there are too few."""
        proposed = approximate.propose(queries, max(2 * k, _PROPOSED))
        rows = np.where(proposed >= 0, self._row_of[proposed], -1)
        out = np.full((len(queries), k), -1, np.int64)
        newer = np.empty(0, np.int64) if self._newer is None else self._newer
        fresh = queries @ self.vectors[newer].T
        for i, query in enumerate(queries):
            there = np.unique(rows[i][rows[i] >= 0])
            similar = np.concatenate([self.vectors[there] @ query, fresh[i]])
            there = np.concatenate([there, newer])
            best = np.argsort(-similar, kind="stable")[:k]
            out[i, : len(best)] = there[best]
        return out

    def search_brands(
        self, queries: Embeddings, k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """Find the k nearest distinct brands, each by the best over all its vectors; as exact as `search`.

        Args:
            queries: float32 (n, dim), unit rows.
            k: Brands.

        Returns:
            Similarity float32 (n, min(k, brands)), and positions in `brands` and rows, int64, of that shape.
        """
        return self.brands_among(queries, k, self.search(queries, depth_for(min(k, len(self.brands)))))

    def brands_among(
        self, queries: Embeddings, k: int, nearest: Nearest
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """Find the k nearest distinct brands among the nearest vectors of the queries, and deeper where it must be.

        Args:
            queries: float32 (n, dim), unit rows.
            k: Brands.
            nearest: What `search` returns for the queries.

        Returns:
            As `search_brands`.
        """
        k = min(k, len(self.brands))
        depth = nearest.rows.shape[1]
        picked = _first_of_each(self.code[nearest.rows], k)
        similarity = np.take_along_axis(nearest.similarity, picked, axis=1)
        row = np.take_along_axis(nearest.rows, picked, axis=1)
        short = np.flatnonzero((picked < 0).any(axis=1))  # of queries whose nearest vectors are of too few brands
        if len(short) and self.approximate is not None and depth < _DEEPEST:
            deeper = self.search(queries[short], 4 * depth)
            similarity[short], _, row[short] = self.brands_among(queries[short], k, deeper)
        elif len(short):
            found = self._best_of_brands(queries[short], k)
            similarity[short], row[short] = ranked(queries[short], self.vectors, found)
        return similarity, self.code[row], row

    def _best_of_brands(self, queries: Embeddings, k: int) -> NDArray[np.int64]:
        """The nearest row of each of the k nearest brands, int64 (n, k), in no order; all vectors are compared."""
        order, starts, ends = self._by_brand
        rows = np.empty((len(queries), k), np.int64)
        step = max(1, _CELLS // len(self))
        for first in range(0, len(queries), step):
            products = (queries[first : first + step] @ self.vectors.T)[:, order]
            nearest = np.argsort(-np.maximum.reduceat(products, starts, axis=1), axis=1, kind="stable")[:, :k]
            for i, brands in enumerate(nearest.tolist()):
                rows[first + i] = [order[starts[b] + products[i, starts[b] : ends[b]].argmax()] for b in brands]
        return rows

    def confusable(self, n: int, brand: str | None = None) -> list[tuple[str, str, float]]:
        """The n pairs of brands whose nearest vectors are nearest to each other; every pair is looked at.

        Args:
            n: Pairs; fewer come back where there are fewer.
            brand: One of `brands`, to look at its pairs alone; it then stands first in each.

        Returns:
            Two names and the highest cosine between a vector of one and a vector of the other, falling.
        """
        order, starts, ends = self._by_brand
        vectors = self.vectors[order]
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
        return np.asarray(self.vectors[self.code == self.position[brand]], np.float32)

    def without(self, gone: Callable[[LogoRecord], bool]) -> Gallery:
        """The gallery without the records for which `gone` holds."""
        stay = [row for row, record in enumerate(self.records) if not gone(record)]
        if len(stay) == len(self):
            return self
        return self._changed([self.records[r] for r in stay], self.vectors[stay], np.array(stay, np.int64))

    def joined(self, records: Sequence[LogoRecord], vectors: Embeddings) -> Gallery:
        """The gallery with more rows; of those with equal brand, identifier and rendering the last stays."""
        new = {(r.brand, r.id, r.rendering): row for row, r in enumerate(records)}
        replaced = {(r.brand, r.id) for r in records}
        old = self.without(lambda r: (r.brand, r.id) in replaced)
        rows = sorted(new.values())
        if not rows:
            return old
        joined = np.concatenate([old.vectors, vectors[rows]])
        return old._changed([*old.records, *(records[row] for row in rows)], joined, np.arange(len(old)))

    def _changed(self, records: Sequence[LogoRecord], vectors: Embeddings, stay: NDArray[np.int64]) -> Gallery:
        """A gallery whose first rows are the rows `stay` of this one, which its index goes on to propose.

        Rows that went are not proposed any more and new ones are all compared; with too many of either a new index is
        built at the next search.
        """
        known = self.__dict__.get("approximate", self._inherited)
        made = Gallery(records, vectors, approximate=known, approximate_from=self.approximate_from, device=self.device)
        if known is None:
            return made
        moved = np.full(len(self) + 1, -1, np.int64)  # its last place is that of rows that went before
        moved[stay] = np.arange(len(stay))
        made._row_of = moved[self._row_of]
        there = made._row_of[made._row_of >= 0]
        made._newer = np.setdiff1d(np.arange(len(vectors)), there)
        if max(len(made._newer), known.facts.vectors - len(there)) > _STALE * known.facts.vectors:
            return Gallery(records, vectors, approximate_from=self.approximate_from, device=self.device)
        return made

    def fresh(self) -> Approximate | None:
        """An approximate index of exactly these vectors, or None where none is used; built where it must be."""
        known = self.approximate
        if known is None or (self._newer is None and known.facts.vectors == len(self)):
            return known
        return Approximate.build(self.vectors)


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
