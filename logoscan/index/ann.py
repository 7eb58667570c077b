"""Approximate nearest neighbours among very many vectors, by a FAISS index that is no truth.

It proposes rows; the caller compares their vectors exactly. What it misses is measured when it is built. Its file is
untrusted input to FAISS, so that it is opened only where its hash is known. Knows no records and no brands.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import CorruptFileError
from logoscan.types import Embeddings

__all__ = ["APPROXIMATE_FROM", "Approximate", "Facts", "compare_all", "ranked"]

logger = logging.getLogger(__name__)

APPROXIMATE_FROM = 30_000
"""Vectors above which a register is searched by an approximate index: to compare so many takes a photo on one core some
30 ms, the twentieth part of its scan."""
FACTORY = "IVF{lists},PQ{parts}x4fs"
"""For `faiss.index_factory`: lists 2 sqrt(n), four dimensions to a part of four bits. Of 100,000 vectors it is 17 MB,
and a photo's 68 places take it a sixteenth of the exact search's time."""
_PLAIN = "IVF{lists},SQ8"
"""Where the dimensions cannot be cut so: a byte for each."""
_PROBES = 32
"""Lists that a query looks into."""
_ROUNDS, _SAMPLE = 8, 40
"""Rounds of k-means, and vectors for each list that it is shown."""
_QUERIES, _DEPTH, _K = 300, 128, 8
"""Vectors that are held back to measure the recall, how many rows are proposed to each, and of how many neighbours."""
_QUERY_NOISE = 0.6
"""Length of the noise that makes a query of a registered vector of length 1: a photo's place is never so near."""


_TRIED, _MOST_PROBES = 16, 1 << 20
"""Queries by which an index from a file is tried, and lists that a query may look into."""


_CELLS = 16_000_000
"""Numbers that `compare_all` and `ranked` hold at a time: 64 MB."""


def compare_all(queries: Embeddings, vectors: Embeddings, k: int) -> NDArray[np.int64]:
    """The k best rows of `vectors` by inner product, in no order; exact.

    One product by BLAS and a partition, which takes FAISS's flat index twelve times as long on one core. It is bound by
    memory where queries are few: 4 among 20,000 rows of 1,024 numbers take as long as 20, and 130 only 3.5 times that.

    Args:
        queries: float32 (n, dim).
        vectors: float32 (m, dim), not copied.
        k: At least 1, at most m.

    Returns:
        int64 (n, k).
    """
    rows = np.zeros((len(queries), k), np.int64)
    step = max(1, _CELLS // max(1, len(vectors)))
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        rows[block] = np.argpartition(queries[block] @ vectors.T, len(vectors) - k, axis=1)[:, len(vectors) - k :]
    return rows


def ranked(
    queries: Embeddings, vectors: Embeddings, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows of `vectors` by their inner product with each query; of equal ones the first row comes first.

    The last bits of a product by BLAS depend on the other queries that share it; these do not.

    Args:
        queries: float32 (n, dim).
        vectors: float32 (m, dim).
        rows: int64 (n, k), none twice for a query.

    Returns:
        Similarity float32 (n, k) falling along each row, and the rows in that order, int64 (n, k).
    """
    rows = np.sort(rows, axis=1)
    similarity = np.empty(rows.shape, np.float32)
    wide = max(1, _CELLS // vectors.shape[1])  # vectors at a time
    for left in range(0, rows.shape[1], wide):
        columns = slice(left, left + wide)
        step = max(1, wide // rows[:1, columns].size)
        for start in range(0, len(rows), step):
            block = slice(start, start + step), columns
            similarity[block] = np.einsum("nd,nkd->nk", queries[block[0]], vectors[rows[block]])
    order = np.argsort(-similarity, axis=1, kind="stable")
    return np.take_along_axis(similarity, order, axis=1), np.take_along_axis(rows, order, axis=1)


@dataclass(frozen=True)
class Facts:
    """What an approximate index is.

    Attributes:
        factory: Its description for `faiss.index_factory`.
        vectors: How many it was built of.
        probes: Lists that a query looks into.
        recall: Share of the exact nearest `k` rows among the proposed ones, mean over the queries.
        recall_first: Share of the exact nearest row.
        k: Neighbours.
        queries: How many were asked.
        build_s: Seconds that it took, without the measurement.
    """

    factory: str
    vectors: int
    probes: int
    recall: float
    recall_first: float
    k: int
    queries: int
    build_s: float


class Approximate:
    """A built index. Immutable.

    Attributes:
        facts: What it is.
    """

    def __init__(self, index: Any, facts: Facts) -> None:
        """Wrap a FAISS index; see `build` and `from_bytes`."""
        self._index, self.facts = index, facts

    @classmethod
    def build(cls, vectors: Embeddings, factory: str | None = None) -> Approximate:
        """Build one and measure it; takes minutes for a million.

        Args:
            vectors: float32 (n, dim), unit rows, 40 or more.
            factory: For `faiss.index_factory`, `{lists}` and `{parts}` filled in; None takes `FACTORY`.
        """
        import faiss

        began = time.perf_counter()
        count, dim = vectors.shape
        lists = max(1, min(int(2 * math.sqrt(count)), count // _SAMPLE))
        factory = factory or (_PLAIN if dim % 4 else FACTORY)
        described = factory.format(lists=lists, parts=max(1, dim // 4))
        index = faiss.index_factory(dim, described, faiss.METRIC_INNER_PRODUCT)
        rng = np.random.default_rng(0)
        ivf = faiss.try_extract_index_ivf(index)
        if ivf is not None:
            ivf.cp.niter, ivf.nprobe = _ROUNDS, _PROBES
        index.train(vectors[np.sort(rng.permutation(count)[: max(1000, _SAMPLE * lists)])])
        for start in range(0, count, 65_536):
            index.add(np.ascontiguousarray(vectors[start : start + 65_536]))
        took = time.perf_counter() - began
        rows = np.sort(rng.permutation(count)[:_QUERIES])
        noise = rng.normal(size=(len(rows), dim))
        queries = vectors[rows] + _QUERY_NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        queries = np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), np.float32)
        k = min(_K, count)
        _, exact = ranked(queries, vectors, compare_all(queries, vectors, k))
        _, proposed = index.search(queries, min(count, _DEPTH))
        found = [np.isin(right, given) for right, given in zip(exact, proposed, strict=True)]
        recall, first = float(np.mean(found)), float(np.mean([f[0] for f in found]))
        facts = Facts(described, count, _PROBES, round(recall, 4), round(first, 4), k, len(rows), round(took, 1))
        logger.info("approximate index: %s", facts)
        return cls(index, facts)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview, facts: Facts) -> Approximate:
        """Open what `to_bytes` gave; only of verified data, since FAISS checks little of it.

        Raises:
            CorruptFileError: FAISS cannot open it or search it, or it is not what the facts say.
        """
        import faiss

        try:
            index = faiss.deserialize_index(np.frombuffer(data, np.uint8))
            held = (int(index.ntotal), int(index.metric_type))
            if held != (facts.vectors, faiss.METRIC_INNER_PRODUCT) or not 0 < facts.probes <= _MOST_PROBES:
                raise CorruptFileError(f"approximate index: expected {facts.vectors} vectors by inner product")
            opened = cls(index, facts)
            asked = np.random.default_rng(0).normal(size=(_TRIED, int(index.d)))
            opened.propose(np.asarray(asked, np.float32), _DEPTH)
        except CorruptFileError:
            raise
        except Exception as error:  # FAISS raises what it likes
            raise CorruptFileError(f"approximate index: cannot be opened ({type(error).__name__})") from None
        return opened

    def to_bytes(self) -> memoryview:
        """The index as a file."""
        import faiss

        return memoryview(faiss.serialize_index(self._index).data)

    def propose(self, queries: Embeddings, depth: int) -> NDArray[np.int64]:
        """Rows that may be nearest, int64 (n, min(depth, vectors)); -1 where fewer were met.

        Raises:
            CorruptFileError: The index fails, or proposes what is no row: it is not what was built.
        """
        try:
            _, rows = self._index.search(queries, min(depth, self.facts.vectors))
        except Exception as error:  # FAISS raises what it likes
            raise CorruptFileError(f"approximate index: cannot be searched ({type(error).__name__})") from None
        if rows.size and not -1 <= int(rows.min()) <= int(rows.max()) < self.facts.vectors:
            raise CorruptFileError(f"approximate index: expected rows of {self.facts.vectors} vectors, got others")
        return np.asarray(rows, np.int64)
