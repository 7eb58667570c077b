"""How vectors are stored: a byte a number, or by a product quantiser with its codebook, a byte for some twenty."""

from __future__ import annotations

import io
import logging
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from logoscan._hashing import sha256_hex
from logoscan._quote import cause
from logoscan._validate import float32_array
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.files import atomic_write
from logoscan.types import Embeddings

__all__ = ["CODEBOOK_FILE", "Codebook", "VectorCodec", "read_codebook", "train_codebook", "write_codebook"]

logger = logging.getLogger(__name__)

CODEBOOK_FILE = "codebook.npz"
"""Name of the file of a codebook, beside the features that were quantised by it."""
# The largest number of a vector becomes so many steps. A vector is unit, so its scale need not be stored. The rounding
# moves a cosine by some 0.0006, and with it a probability by 0.005. Twice as many steps take 2 KB a photo more, because
# Parquet compresses bytes to the bits that differ.
_STEPS = 50
# Numbers of a rotated vector that share one byte, where the dimension allows it.
_NUMBERS_PER_BYTE = 16
# Share of the principal axes that are stored, the widest ones: 48 bytes for 1,024 numbers.
_STORED_AXES = 3 / 4
# Least product of a vector and its reconstruction: below, the code says nothing, and the quotient would be noise.
_LEAST_PRODUCT = 0.25
# Centroids of a part of a vector: as many as a byte distinguishes.
_CENTROIDS = 256
# Most vectors that a codebook is trained with: FAISS advises 39 for a centroid at least, and more than 256 add nothing.
_MOST_TRAINING = 256 * _CENTROIDS // 2
# Fewest vectors for a codebook that also fits other photos; below, a warning is logged.
_LEAST_TRAINING = 39 * _CENTROIDS
# Rounds of k-means.
_KMEANS_ROUNDS = 20


@dataclass(frozen=True, eq=False)
class Codebook:
    """A product quantiser of rotated vectors (optimised product quantisation, Ge et al., CVPR 2013).

    Attributes:
        mean: float32 (dim,), which is subtracted first.
        rotation: float32 (dim, parts * numbers of a part), orthonormal columns: the widest principal axes, dealt out so
            that all parts vary alike.
        centroids: float32 (parts, 256, numbers of a part) of the rotated vectors.

    Raises:
        InputError: An array is of another kind.
    """

    mean: NDArray[np.float32]
    rotation: NDArray[np.float32]
    centroids: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.centroids.ndim != 3 or self.centroids.shape[1] != _CENTROIDS or not all(self.centroids.shape):
            raise InputError(f"centroids: expected (parts, {_CENTROIDS}, numbers), got {self.centroids.shape}")
        axes = self.centroids.shape[0] * self.centroids.shape[2]
        for name, shape in (("mean", (None,)), ("rotation", (self.dim, axes)), ("centroids", (None,) * 3)):
            float32_array("Codebook", name, getattr(self, name), shape)

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return len(self.mean)

    @property
    def width(self) -> int:
        """Bytes of a code: one for each part, and one for the product of the vector and its reconstruction."""
        return int(self.centroids.shape[0]) + 1

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of all numbers, which files of quantised vectors carry."""
        arrays = (self.mean, self.rotation, self.centroids)
        return sha256_hex(b"".join(repr(a.shape).encode() + np.ascontiguousarray(a).tobytes() for a in arrays))

    @cached_property
    def _quantiser(self) -> Any:
        """The `faiss.ProductQuantizer` with these centroids."""
        import faiss

        quantiser = faiss.ProductQuantizer(self.rotation.shape[1], self.centroids.shape[0], 8)
        faiss.copy_array_to_vector(self.centroids.ravel(), quantiser.centroids)
        return quantiser

    def encode(self, vectors: Embeddings) -> NDArray[np.uint8]:
        """Return the code of each vector, uint8 (n, width): the nearest centroid of each part, and the product."""
        if not len(vectors):
            return np.zeros((0, self.width), np.uint8)
        rotated = np.ascontiguousarray((vectors - self.mean) @ self.rotation, np.float32)
        codes = np.asarray(self._quantiser.compute_codes(rotated), np.uint8)
        product = np.einsum("nd,nd->n", vectors, self._reconstruct(codes))
        byte = np.clip(np.rint(product * 255), np.ceil(_LEAST_PRODUCT * 255), 255)
        return np.column_stack([codes, byte.astype(np.uint8)])

    def _reconstruct(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = np.arange(self.centroids.shape[0])
        rotated = self.centroids[parts, codes].reshape(len(codes), -1)
        return np.asarray(rotated @ self.rotation.T + self.mean, np.float32)

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the vectors of codes, float32 (n, dim).

        A reconstruction points elsewhere than its vector, so that as a unit row its cosines with logos would be too
        small: 0.60 in place of 0.70. Divided by its product with the vector, it would be right in the mean for logos
        that have nothing to do with it, and too large for those that it shows, since reconstructions lie where other
        crops of the same mark lie: 0.80. The length is the geometric mean of both, somewhat above 1: 0.69.
        """
        if not len(codes):
            return np.zeros((0, self.dim), np.float32)
        product = np.maximum(codes[:, -1:].astype(np.float32) / 255, _LEAST_PRODUCT)
        rows = self._reconstruct(codes[:, :-1])
        length = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
        return np.asarray(rows / np.sqrt(length * product), np.float32)


@dataclass(frozen=True, eq=False)
class VectorCodec:
    """Turns vectors into the bytes of a store and back.

    Attributes:
        dim: Numbers of a vector.
        codebook: The codebook; None stores a signed byte for each number.
    """

    dim: int
    codebook: Codebook | None = None

    def __post_init__(self) -> None:
        if self.codebook is not None and self.codebook.dim != self.dim:
            raise InputError(f"codebook: expected one for vectors of {self.dim} numbers, got {self.codebook.dim}")

    @property
    def width(self) -> int:
        """Bytes of a stored vector."""
        return self.dim if self.codebook is None else self.codebook.width

    @property
    def description(self) -> str:
        """How vectors are stored, in a word: "int8", or the codebook's SHA-256."""
        return "int8" if self.codebook is None else f"pq {self.codebook.sha256}"

    def encode(self, vectors: Embeddings) -> NDArray[np.uint8]:
        """Return the bytes of vectors, uint8 (n, width)."""
        if self.codebook is not None:
            return self.codebook.encode(vectors)
        largest = np.maximum(np.abs(vectors).max(axis=1, initial=0, keepdims=True), 1e-12)
        steps = np.rint(vectors * (_STEPS / largest)).astype(np.int8)
        return np.asarray(steps.view(np.uint8).reshape(len(vectors), self.width), np.uint8)

    def decode(self, stored: NDArray[np.uint8]) -> Embeddings:
        """Return the vectors of stored bytes, float32 (n, dim): unit rows, but longer ones if they were quantised."""
        if self.codebook is not None:
            return self.codebook.decode(stored)
        vectors = np.ascontiguousarray(stored).view(np.int8).astype(np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)


def train_codebook(vectors: Embeddings) -> Codebook:
    """Train the codebook of a product quantiser by FAISS; the same vectors give the same codebook.

    Args:
        vectors: float32 (n, dim), unit rows, 1 or more; some 10,000 for a codebook that fits other photos too.

    Raises:
        InputError: There is no vector.
    """
    import faiss

    if not len(vectors):
        raise InputError("vectors: expected one or more to train a codebook with, got none")
    if len(vectors) < _LEAST_TRAINING:
        logger.warning(
            "codebook: trained on %d vectors, where %d are advised; give one that was trained on more photos",
            len(vectors),
            _LEAST_TRAINING,
        )
    dim = vectors.shape[1]
    stored = math.ceil(dim * _STORED_AXES)
    parts = max(1, stored // _NUMBERS_PER_BYTE)
    numbers = stored // parts
    chosen = np.random.default_rng(0).permutation(len(vectors))[:_MOST_TRAINING]
    sample = np.asarray(vectors[np.sort(chosen)], np.float32)
    mean = sample.mean(axis=0)
    rotation = _balanced_axes(sample - mean, parts, numbers)
    rotated = np.ascontiguousarray((sample - mean) @ rotation, np.float32)
    quantiser = faiss.ProductQuantizer(parts * numbers, parts, 8)
    quantiser.cp.niter, quantiser.cp.min_points_per_centroid = _KMEANS_ROUNDS, 1
    quantiser.train(np.tile(rotated, (math.ceil(_CENTROIDS / len(rotated)), 1)))
    centroids = faiss.vector_to_array(quantiser.centroids).reshape(parts, _CENTROIDS, numbers)
    return Codebook(mean, rotation, np.ascontiguousarray(centroids, np.float32))


def _balanced_axes(centred: NDArray[np.float32], parts: int, numbers: int) -> NDArray[np.float32]:
    """Return the widest principal axes as columns, in an order in which all parts of so many numbers vary alike.

    Each axis goes, widest first, to the part with the least product of variances that has room: every byte then says as
    much as any other. On crops of shop photos this leaves 0.44 of a vector's square with all axes, in 64 bytes, where
    plain parts leave 0.56.
    """
    dim = centred.shape[1]
    variances, axes = np.linalg.eigh(np.asarray(centred.T @ centred, np.float64) / len(centred))
    logs = np.log(np.maximum(variances, 1e-9)) - math.log(1e-9)
    dealt: list[list[int]] = [[] for _ in range(parts)]
    sums = np.zeros(parts)
    for axis in range(dim - 1, dim - 1 - parts * numbers, -1):  # `eigh` sorts them rising
        part = int(sums.argmin())
        dealt[part].append(axis)
        sums[part] = sums[part] + logs[axis] if len(dealt[part]) < numbers else np.inf
    return np.ascontiguousarray(axes[:, [axis for part in dealt for axis in part]], np.float32)


def write_codebook(path: Path, codebook: Codebook) -> None:
    """Write a codebook as `.npz`, atomically."""
    memory = io.BytesIO()
    np.savez(memory, mean=codebook.mean, rotation=codebook.rotation, centroids=codebook.centroids)
    atomic_write(path, memory.getvalue())


def read_codebook(path: Path, sha256: str | None = None) -> Codebook:
    """Read what `write_codebook` wrote.

    Args:
        path: Path of the file.
        sha256: `Codebook.sha256` of the codebook, where that is known.

    Raises:
        CorruptFileError: The file is missing, damaged, something else, or another codebook.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            codebook = Codebook(arrays["mean"], arrays["rotation"], arrays["centroids"])
    except (OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, BadZipFile) as error:
        raise CorruptFileError(f"{path}: expected a codebook ({cause(error)})") from None
    if sha256 is not None and codebook.sha256 != sha256:
        raise CorruptFileError(f"{path}: expected the codebook {sha256[:16]}, got {codebook.sha256[:16]}")
    return codebook
