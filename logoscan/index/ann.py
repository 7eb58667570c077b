"""Nearest neighbours by inner product: exact by brute force, or approximate by a FAISS index for very many vectors.

The FAISS index proposes rows, and the caller compares their vectors exactly. Its recall is measured when it is built.
FAISS trusts the file, so that it is opened only if its hash is right. This module knows no records and no brands.
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

__all__ = [
    "APPROXIMATE_FROM",
    "Approximate",
    "Facts",
    "brute_force",
    "compare_all",
    "compare_all_on_device",
    "rank_rows",
]

logger = logging.getLogger(__name__)

APPROXIMATE_FROM = 30_000
"""Vectors above which an index is searched approximately: to compare so many takes some 30 ms a photo on one core, the
twentieth part of its scan."""
# Length of the longest part of an index, in lengths of its file: FAISS counts a table of products that it could make of
# the lists and the codebook. Of `FACTORY` that is at most four times as long as the file.
_LONGEST_PART = 8
FACTORY = "IVF{lists},PQ{parts}x4fs"
"""Description for `faiss.index_factory`: 2 sqrt(n) lists, four dimensions to a part of four bits. For 100,000 vectors
it takes 17 MB, and searches the 68 regions of a photo in a sixteenth of the exact search's time."""
# Description where the number of dimensions is no multiple of four: a byte for each dimension.
_FACTORY_ANY_DIM = "IVF{lists},SQ8"
# Lists that are searched for a query.
_PROBES = 32
# Rounds of k-means, and vectors for each list that it is trained with.
_KMEANS_ROUNDS, _TRAINING_VECTORS_PER_LIST = 8, 40
# Recall is measured with queries made from so many vectors, proposals for each, and nearest neighbours.
_RECALL_QUERIES, _RECALL_DEPTH, _RECALL_K = 300, 128, 8
# Length of the noise that is added to a registered vector of length 1 to make a query: regions of photos are never
# nearer.
_QUERY_NOISE = 0.6
# Queries with which an index from a file is tested, lists that may be searched for a query, and length of a vector.
_TEST_QUERIES, _MAX_PROBES, _MAX_DIM = 16, 1 << 20, 1 << 16
# Numbers that `compare_all` and `rank_rows` hold in memory at a time: 64 MB; and 256 MB on a device.
_NUMBERS_AT_ONCE, _NUMBERS_AT_ONCE_ON_DEVICE = 16_000_000, 64_000_000


def brute_force(queries: Embeddings, gallery: Embeddings, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the k best rows of `gallery` by inner product, computed plainly; defines what a search must return.

    Args:
        queries: float32 (n, dim).
        gallery: float32 (m, dim).
        k: At least 1, at most m.

    Returns:
        Similarity float32 (n, k) falling along each row, and rows int64 (n, k).
    """
    products = queries @ gallery.T
    rows = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(products, rows, axis=1), rows.astype(np.int64)


def compare_all(queries: Embeddings, vectors: Embeddings, k: int) -> NDArray[np.int64]:
    """Return the k best rows of `vectors` by inner product, in any order; exact.

    It computes one product by BLAS and a partition; FAISS's flat index takes twelve times as long on one core. Few
    queries are bound by memory: 4 among 20,000 rows of 1,024 numbers take as long as 20, and 130 only 3.5 times that.

    Args:
        queries: float32 (n, dim).
        vectors: float32 (m, dim), not copied.
        k: At least 1, at most m.

    Returns:
        int64 (n, k).
    """
    rows = np.zeros((len(queries), k), np.int64)
    step = max(1, _NUMBERS_AT_ONCE // max(1, len(vectors)))
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        rows[block] = np.argpartition(queries[block] @ vectors.T, len(vectors) - k, axis=1)[:, len(vectors) - k :]
    return rows


def compare_all_on_device(queries: Embeddings, vectors: Any, k: int) -> NDArray[np.int64]:
    """Return the k best rows of `vectors` by inner product, in any order, computed by torch.

    Args:
        queries: float32 (n, dim).
        vectors: Tensor float32 (m, dim) on a device.
        k: At least 1, at most m.

    Returns:
        int64 (n, k).
    """
    import torch

    tensor = torch.from_numpy(queries).to(vectors.device)
    step = max(1, _NUMBERS_AT_ONCE_ON_DEVICE // max(1, len(vectors)))
    blocks = [torch.topk(tensor[i : i + step] @ vectors.T, k).indices for i in range(0, len(tensor), step)]
    return np.asarray(torch.cat(blocks).cpu().numpy(), np.int64)


def rank_rows(
    queries: Embeddings, vectors: Embeddings, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Sort rows of `vectors` by their inner product with each query; rows of equal products stay in order.

    The last bits of a product by BLAS depend on the other queries of the call; those of these products do not.

    Args:
        queries: float32 (n, dim).
        vectors: float32 (m, dim).
        rows: int64 (n, k), distinct for each query.

    Returns:
        Similarity float32 (n, k) falling along each row, and the rows in that order, int64 (n, k).
    """
    rows = np.sort(rows, axis=1)
    similarity = np.empty(rows.shape, np.float32)
    width = max(1, _NUMBERS_AT_ONCE // vectors.shape[1])  # vectors at a time
    for left in range(0, rows.shape[1], width):
        columns = slice(left, left + width)
        step = max(1, width // rows[:1, columns].size)
        for start in range(0, len(rows), step):
            block = slice(start, start + step), columns
            similarity[block] = np.einsum("nd,nkd->nk", queries[block[0]], vectors[rows[block]])
    order = np.argsort(-similarity, axis=1, kind="stable")
    return np.take_along_axis(similarity, order, axis=1), np.take_along_axis(rows, order, axis=1)


@dataclass(frozen=True)
class Facts:
    """Parameters and measured recall of an approximate index.

    Attributes:
        factory: Description for `faiss.index_factory`.
        vectors: Number of vectors in the index.
        probes: Lists that are searched for a query.
        recall: Share of the exact nearest `k` rows that are proposed, mean over the queries.
        recall_first: Share of queries whose exact nearest row is proposed.
        k: Neighbours whose recall was measured.
        queries: Number of queries of the measurement.
        build_s: Seconds that building took, without the measurement.
    """

    factory: str
    vectors: int
    probes: int
    recall: float
    recall_first: float
    k: int
    queries: int
    build_s: float


def _deserialized(data: bytes | memoryview) -> Any:
    """Return FAISS's index of a file, of which no part may be much longer than the file."""
    import faiss

    if not hasattr(faiss, "set_deserialization_vector_byte_limit"):  # an older FAISS
        return faiss.deserialize_index(np.frombuffer(data, np.uint8))
    before = faiss.get_deserialization_vector_byte_limit()
    faiss.set_deserialization_vector_byte_limit(_LONGEST_PART * len(data))
    try:
        return faiss.deserialize_index(np.frombuffer(data, np.uint8))
    finally:
        faiss.set_deserialization_vector_byte_limit(before)


class Approximate:
    """An approximate index that was built or opened. Immutable.

    Attributes:
        facts: Parameters and measured recall.
    """

    def __init__(self, index: Any, facts: Facts) -> None:
        """Wrap a FAISS index; see `build` and `from_bytes`."""
        self._index, self.facts = index, facts

    @classmethod
    def build(cls, vectors: Embeddings, factory: str | None = None) -> Approximate:
        """Build an index and measure its recall; takes minutes for a million vectors.

        Args:
            vectors: float32 (n, dim), unit rows, 40 or more.
            factory: Description for `faiss.index_factory`, in which `{lists}` and `{parts}` are filled in; None means
                `FACTORY`.
        """
        import faiss

        start_s = time.perf_counter()
        count, dim = vectors.shape
        lists = max(1, min(int(2 * math.sqrt(count)), count // _TRAINING_VECTORS_PER_LIST))
        factory = factory or (_FACTORY_ANY_DIM if dim % 4 else FACTORY)
        description = factory.format(lists=lists, parts=max(1, dim // 4))
        index = faiss.index_factory(dim, description, faiss.METRIC_INNER_PRODUCT)
        rng = np.random.default_rng(0)
        ivf = faiss.try_extract_index_ivf(index)
        if ivf is not None:
            ivf.cp.niter, ivf.nprobe = _KMEANS_ROUNDS, _PROBES
        sample = rng.permutation(count)[: max(1000, _TRAINING_VECTORS_PER_LIST * lists)]
        index.train(vectors[np.sort(sample)])
        for start in range(0, count, 65_536):
            index.add(np.ascontiguousarray(vectors[start : start + 65_536]))
        build_s = time.perf_counter() - start_s
        rows = np.sort(rng.permutation(count)[:_RECALL_QUERIES])
        noise = rng.normal(size=(len(rows), dim))
        queries = vectors[rows] + _QUERY_NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        queries = np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), np.float32)
        k = min(_RECALL_K, count)
        _, exact = rank_rows(queries, vectors, compare_all(queries, vectors, k))
        _, proposed = index.search(queries, min(count, _RECALL_DEPTH))
        hits = [np.isin(*rows_of_query) for rows_of_query in zip(exact, proposed, strict=True)]
        recall, first = float(np.mean(hits)), float(np.mean([h[0] for h in hits]))
        facts = Facts(description, count, _PROBES, round(recall, 4), round(first, 4), k, len(rows), round(build_s, 1))
        logger.info("approximate index: %s", facts)
        return cls(index, facts)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview, facts: Facts) -> Approximate:
        """Open the index of a file; its data must be verified, since FAISS checks little of it.

        Args:
            data: What `to_bytes` returned.
            facts: The facts of that index.

        Raises:
            CorruptFileError: FAISS cannot open or search the index, or it does not agree with the facts.
        """
        import faiss

        try:
            index = _deserialized(data)
            content = (int(index.ntotal), int(index.metric_type))
            if content != (facts.vectors, faiss.METRIC_INNER_PRODUCT) or not 0 < facts.probes <= _MAX_PROBES:
                raise CorruptFileError(f"approximate index: expected {facts.vectors} vectors by inner product")
            if not 0 < int(index.d) <= _MAX_DIM:  # an altered one would take all memory below
                raise CorruptFileError(f"approximate index: expected 1 to {_MAX_DIM} dimensions, got {index.d}")
            opened = cls(index, facts)
            queries = np.random.default_rng(0).normal(size=(_TEST_QUERIES, int(index.d)))
            opened.propose(np.asarray(queries, np.float32), _RECALL_DEPTH)
        except CorruptFileError:
            raise
        except Exception as error:  # FAISS raises exceptions of any class
            raise CorruptFileError(f"approximate index: cannot be opened ({type(error).__name__})") from None
        return opened

    def to_bytes(self) -> memoryview:
        """Return the index as the content of a file."""
        import faiss

        return memoryview(faiss.serialize_index(self._index).data)

    def propose(self, queries: Embeddings, depth: int) -> NDArray[np.int64]:
        """Propose rows that may be nearest: int64 (n, min(depth, vectors)), -1 where there are fewer.

        Args:
            queries: float32 (n, dim).
            depth: Rows for each query.

        Raises:
            CorruptFileError: The search fails or proposes an invalid row: the index is damaged.
        """
        try:
            _, rows = self._index.search(queries, min(depth, self.facts.vectors))
        except Exception as error:  # FAISS raises exceptions of any class
            raise CorruptFileError(f"approximate index: cannot be searched ({type(error).__name__})") from None
        if rows.size and not -1 <= int(rows.min()) <= int(rows.max()) < self.facts.vectors:
            raise CorruptFileError(f"approximate index: expected rows of {self.facts.vectors} vectors, got others")
        return np.asarray(rows, np.int64)
