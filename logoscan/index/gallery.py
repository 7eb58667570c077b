"""Vectors with their records, searchable by inner product. Immutable.

The search is exact, or for very many vectors approximate: an approximate index proposes rows, which are then compared
exactly. An index of brands consists of three galleries: logo images, names and negatives. This module knows no files
and no encoders.
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
from logoscan.index.ann import APPROXIMATE_FROM, Approximate, compare_all, compare_all_on_device, rank_rows
from logoscan.index.brand_ranking import BrandRows, best_of_brands, first_of_each, nearest_pairs
from logoscan.index.storage import LogoRecord
from logoscan.types import Embeddings

__all__ = ["DEPTH", "Gallery", "Nearest", "depth_for"]

logger = logging.getLogger(__name__)

DEPTH = 32
"""Nearest vectors that are first retrieved to find the nearest two brands: many may belong to one brand."""
# Retrieved vectors above which all are compared, if these still belong to too few brands.
_MAX_DEPTH = 512
# Rows that an approximate index proposes at least: more than are needed, since it orders them only roughly.
_MIN_PROPOSALS = 128
# Share of an approximate index's rows that may be removed, or added, before another one is built.
_MAX_CHANGED_SHARE = 0.05
# Held while an approximate index is built, so that other threads wait for it instead of building another.
_build_lock = Lock()


def depth_for(k: int) -> int:
    """Return how many nearest vectors are first retrieved to find the k nearest brands."""
    return min(_MAX_DEPTH, max(DEPTH, 8 * k))


class Nearest(NamedTuple):
    """The nearest vectors of n queries.

    Attributes:
        similarity: float32 (n, k) falling along each row.
        rows: int64 (n, k), rows of the gallery.
    """

    similarity: NDArray[np.float32]
    rows: NDArray[np.int64]


class Gallery:
    """Records and their vectors, row by row.

    Attributes:
        records: One for each vector.
        vectors: float32 (n, dim), unit rows; not to be written to.
        brands: Names of the brands of the records, sorted, each once.
        position: Position of each name in `brands`.
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
            approximate: An approximate index of these vectors; None builds it when it is needed.
            approximate_from: Number of vectors above which an approximate index is used.
            device: "cpu" compares vectors by numpy, any torch device, such as "cuda", by torch, always all of them.
        """
        self.records = tuple(records)
        self.vectors = vectors
        self.approximate_from, self.device = approximate_from, device
        self._built = approximate
        self._row_of = np.arange(len(vectors)) if approximate is None else np.arange(approximate.facts.vectors)
        self._unindexed: NDArray[np.int64] | None = None
        self.brands = tuple(sorted({r.brand for r in self.records}))
        self.position = {name: i for i, name in enumerate(self.brands)}
        self.code = np.array([self.position[r.brand] for r in self.records], np.int64)

    def __len__(self) -> int:
        """Return the number of vectors."""
        return len(self.records)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Identifier of the record of each row."""
        return tuple(r.id for r in self.records)

    @cached_property
    def approximate(self) -> Approximate | None:
        """The approximate index, built at first use; None where all vectors are compared: few, or on a device."""
        if len(self) <= self.approximate_from or self.device != "cpu":
            return None
        with _build_lock:
            if self._built is None:
                self._built = Approximate.build(self.vectors)
            return self._built

    @cached_property
    def _by_brand(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Rows in the order of `brands`, and the positions among these where each brand begins and ends."""
        order = np.argsort(self.code, kind="stable")
        starts = np.searchsorted(self.code[order], np.arange(len(self.brands)))
        return order, starts, np.append(starts[1:], len(self))

    def search(self, queries: Embeddings, k: int) -> Nearest:
        """Find the min(k, len) nearest vectors of each query.

        Similarities are exact, and to the last bit independent of the other queries; among more than
        `approximate_from` vectors some of the nearest rows may be missed.

        Args:
            queries: float32 (n, dim), unit rows.
            k: Number of vectors.
        """
        k = min(k, len(self))
        if k == 0 or not len(queries):
            return Nearest(np.zeros((len(queries), k), np.float32), np.zeros((len(queries), k), np.int64))
        rows = self._search_approximately(queries, k)
        if rows is None:
            rows = self._search_all(queries, k)
        else:
            short = np.flatnonzero(rows[:, -1] < 0)  # hardly ever
            if len(short):
                rows[short] = self._search_all(queries[short], k)
        return Nearest(*rank_rows(queries, self.vectors, rows))

    def search_together(self, parts: Sequence[Embeddings], k: int) -> list[Nearest]:
        """Find the k nearest vectors for several arrays of queries, float32 (n, dim) each, in one pass."""
        if not parts:
            return []
        nearest = self.search(np.concatenate(parts), k)
        ends = np.cumsum([len(part) for part in parts])[:-1]
        arrays = np.split(nearest.similarity, ends), np.split(nearest.rows, ends)
        return [Nearest(similarity, rows) for similarity, rows in zip(*arrays, strict=True)]

    def _search_approximately(self, queries: Embeddings, k: int) -> NDArray[np.int64] | None:
        """Return the nearest of the proposed rows; None where all vectors are to be compared.

        An approximate index that fails is damaged: from then on all vectors are compared.
        """
        if self.approximate is None or k > self.approximate_from:
            return None
        try:
            return self._search_proposed(queries, k, self.approximate)
        except CorruptFileError as error:
            logger.warning("%s; all vectors are compared", error)
            self.__dict__["approximate"] = self._built = None
            return None

    def _search_all(self, queries: Embeddings, k: int) -> NDArray[np.int64]:
        """Return the k nearest rows of each query in any order, int64 (n, k), by numpy or on the device."""
        if self.device == "cpu":
            return compare_all(queries, self.vectors, k)
        return compare_all_on_device(queries, self._device_vectors, k)

    @cached_property
    def _device_vectors(self) -> Any:
        import torch

        return torch.tensor(self.vectors, device=self.device)  # a copy: vectors may be read-only

    def _search_proposed(self, queries: Embeddings, k: int, approximate: Approximate) -> NDArray[np.int64]:
        """Return the nearest rows among the proposals and the rows that are not indexed; -1 where there are too few."""
        proposed = approximate.propose(queries, max(2 * k, _MIN_PROPOSALS))
        rows = np.where(proposed >= 0, self._row_of[proposed], -1)
        out = np.full((len(queries), k), -1, np.int64)
        unindexed = np.empty(0, np.int64) if self._unindexed is None else self._unindexed
        products = queries @ self.vectors[unindexed].T
        for i, query in enumerate(queries):
            candidates = np.unique(rows[i][rows[i] >= 0])
            similarity = np.concatenate([self.vectors[candidates] @ query, products[i]])
            candidates = np.concatenate([candidates, unindexed])
            best = np.argsort(-similarity, kind="stable")[:k]
            out[i, : len(best)] = candidates[best]
        return out

    def search_brands(self, queries: Embeddings, k: int) -> BrandRows:
        """Find the k nearest distinct brands, each by its best vector; as exact as `search`.

        Args:
            queries: float32 (n, dim), unit rows.
            k: Number of brands.

        Returns:
            Similarity float32 (n, min(k, brands)), and positions in `brands` and rows, int64, of that shape.
        """
        return self.brands_among(queries, k, self.search(queries, depth_for(min(k, len(self.brands)))))

    def brands_among(self, queries: Embeddings, k: int, nearest: Nearest) -> BrandRows:
        """Find the k nearest distinct brands among the nearest vectors of the queries; retrieve more where needed.

        Args:
            queries: float32 (n, dim), unit rows.
            k: Number of brands.
            nearest: What `search` returns for the queries.

        Returns:
            Similarity float32 (n, min(k, brands)), and positions in `brands` and rows, int64, of that shape.
        """
        k = min(k, len(self.brands))
        depth = nearest.rows.shape[1]
        picked = first_of_each(self.code[nearest.rows], k)
        similarity = np.take_along_axis(nearest.similarity, picked, axis=1)
        row = np.take_along_axis(nearest.rows, picked, axis=1)
        short = np.flatnonzero((picked < 0).any(axis=1))  # too few brands among the vectors
        if len(short) and self.approximate is not None and depth < _MAX_DEPTH:
            deeper = self.search(queries[short], 4 * depth)
            similarity[short], _, row[short] = self.brands_among(queries[short], k, deeper)
        elif len(short):
            best = best_of_brands(queries[short], self.vectors, *self._by_brand, k)
            similarity[short], row[short] = rank_rows(queries[short], self.vectors, best)
        return similarity, self.code[row], row

    def confusable(self, n: int, brand: str | None = None) -> list[tuple[str, str, float]]:
        """Find the n pairs of brands whose nearest vectors are nearest to each other, among all pairs.

        Args:
            n: Number of pairs; fewer are returned where there are fewer.
            brand: Name in `brands` to compare that one alone with all others; it is the first of each pair.

        Returns:
            Two names and the highest cosine between a vector of one and a vector of the other, falling.
        """
        order, starts, ends = self._by_brand
        pairs = nearest_pairs(self.vectors[order], starts, ends, n, None if brand is None else self.position[brand])
        return [(self.brands[a], self.brands[b], float(similarity)) for similarity, a, b in zip(*pairs, strict=True)]

    def vectors_of(self, brand: str) -> Embeddings:
        """Return the vectors of one brand, float32 (n, dim)."""
        return np.asarray(self.vectors[self.code == self.position[brand]], np.float32)

    def without(self, is_removed: Callable[[LogoRecord], bool]) -> Gallery:
        """Return the gallery without the records for which `is_removed` holds."""
        stay = [row for row, record in enumerate(self.records) if not is_removed(record)]
        if len(stay) == len(self):
            return self
        return self._changed([self.records[r] for r in stay], self.vectors[stay], np.array(stay, np.int64))

    def joined(self, records: Sequence[LogoRecord], vectors: Embeddings) -> Gallery:
        """Return the gallery with more rows; they replace rows of equal brand and identifier.

        Args:
            records: Records of the new rows; of those with equal brand, identifier and rendering the last counts.
            vectors: Their vectors, float32 (len(records), dim).
        """
        new = {(r.brand, r.id, r.rendering): row for row, r in enumerate(records)}
        replaced = {(r.brand, r.id) for r in records}
        old = self.without(lambda r: (r.brand, r.id) in replaced)
        rows = sorted(new.values())
        if not rows:
            return old
        joined = np.concatenate([old.vectors, vectors[rows]])
        return old._changed([*old.records, *(records[row] for row in rows)], joined, np.arange(len(old)))

    def _changed(self, records: Sequence[LogoRecord], vectors: Embeddings, stay: NDArray[np.int64]) -> Gallery:
        """Return a gallery that keeps the approximate index of this one, and whose first rows are the rows `stay`.

        Rows that were removed are not proposed any more, and new ones are all compared; if either are too many, a new
        approximate index is built at the next search.
        """
        built = self.__dict__.get("approximate", self._built)
        new = Gallery(records, vectors, approximate=built, approximate_from=self.approximate_from, device=self.device)
        if built is None:
            return new
        moved = np.full(len(self) + 1, -1, np.int64)  # the last place stands for rows that were removed before
        moved[stay] = np.arange(len(stay))
        new._row_of = moved[self._row_of]
        indexed = new._row_of[new._row_of >= 0]
        new._unindexed = np.setdiff1d(np.arange(len(vectors)), indexed)
        if max(len(new._unindexed), built.facts.vectors - len(indexed)) > _MAX_CHANGED_SHARE * built.facts.vectors:
            return Gallery(records, vectors, approximate_from=self.approximate_from, device=self.device)
        return new

    def approximate_to_save(self) -> Approximate | None:
        """Return an approximate index of exactly these vectors, built if need be; None where none is used."""
        built = self.approximate
        if built is None or (self._unindexed is None and built.facts.vectors == len(self)):
            return built
        return Approximate.build(self.vectors)
