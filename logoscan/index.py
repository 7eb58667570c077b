"""The register: brands, their logos and the logos' vectors over exact FAISS inner product.

The public methods change a `LogoIndex` by swapping one immutable state, so searches that run meanwhile see the old
register or the new one. On disk it is `.npy` and JSON lines in generations behind an atomically replaced manifest.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan import storage
from logoscan.brands import read_brand_folders
from logoscan.encode import Encoder, encode_images
from logoscan.errors import ImageError, InputError, MismatchError
from logoscan.logos import load_logo, renderings
from logoscan.match import BrandNeighbours
from logoscan.storage import LogoRecord
from logoscan.text import NameIndex
from logoscan.types import Brand, Embeddings, EncoderInfo, ImageSource, Rgba

__all__ = ["LogoIndex", "LogoRecord", "brute_force"]

logger = logging.getLogger(__name__)


def brute_force(queries: Embeddings, gallery: Embeddings, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k best rows of `gallery` by inner product, written plainly; defines what search must equal.

    Returns:
        float32 (n, k) falling along each row, and int64 (n, k).
    """
    products = queries @ gallery.T
    rows = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(products, rows, axis=1), rows.astype(np.int64)


@dataclass(frozen=True, eq=False)
class _State:
    """One version of the register. Rows of `vectors` and `logos` correspond."""

    brands: tuple[Brand, ...]
    logos: tuple[LogoRecord, ...]
    vectors: Embeddings
    searcher: Any
    """faiss.IndexFlatIP over `vectors`."""
    code: NDArray[np.int64]
    """For each row the position of its brand in `names`."""
    names: tuple[str, ...]
    """Brands that have at least one vector."""
    position: dict[str, int]
    """Of each of `names`."""
    logo_ids: tuple[str, ...]
    content: str
    """16 hex digits over everything that is registered."""

    @cached_property
    def name_index(self) -> NameIndex:
        return NameIndex(self.brands)


def _build(brands: Iterable[Brand], logos: Sequence[LogoRecord], vectors: Embeddings) -> _State:
    import faiss

    searcher = faiss.IndexFlatIP(vectors.shape[1])
    if len(vectors):
        searcher.add(vectors)
    ordered = tuple(sorted(brands, key=lambda b: b.name))
    with_logo = {logo.brand for logo in logos}
    names = tuple(b.name for b in ordered if b.name in with_logo)
    position = {name: i for i, name in enumerate(names)}
    code = np.array([position[logo.brand] for logo in logos], np.int64)
    digest = hashlib.sha256(repr((ordered, tuple(logos))).encode() + vectors.tobytes()).hexdigest()[:16]
    return _State(ordered, tuple(logos), vectors, searcher, code, names, position, tuple(x.id for x in logos), digest)


class LogoIndex:
    """Registered brands, searchable by vector.

    Attributes:
        encoder: What made the vectors. Only the same encoder may add to it or search it.
    """

    def __init__(self, encoder: EncoderInfo) -> None:
        """An empty register for vectors of `encoder`."""
        self.encoder = encoder
        self._state = _build((), (), np.zeros((0, encoder.dim), np.float32))
        self._lock = Lock()

    @classmethod
    def from_folder(
        cls, folder: str | Path, encoder: Encoder, *, on_brand: Callable[[str], None] | None = None
    ) -> tuple[LogoIndex, list[str]]:
        """Register a folder of brand folders.

        Args:
            folder: With a sub-folder for each brand.
            encoder: Makes the vectors.
            on_brand: Called with the name of each brand that is done, for progress.

        Returns:
            The index, and a warning for each logo file that cannot be read and each brand that is left with none.
        """
        index, warnings = cls(encoder.info), []
        pending: list[tuple[Brand, list[tuple[str, ImageSource]]]] = []
        for found in read_brand_folders(Path(folder)):
            pending.append((found.brand, [(p.name, p) for p in found.logos]))
        warnings += index.add_many(pending, encoder, on_brand=on_brand)
        return index, warnings

    # -- what is registered

    def __len__(self) -> int:
        """Number of vectors."""
        return len(self._state.vectors)

    @property
    def brands(self) -> tuple[Brand, ...]:
        """All brands in the order of their names, those without a logo too."""
        return self._state.brands

    @property
    def logos(self) -> tuple[LogoRecord, ...]:
        """One record for each vector."""
        return self._state.logos

    @property
    def vectors(self) -> Embeddings:
        """float32 (n, dim), a read-only view."""
        view = self._state.vectors.view()
        view.flags.writeable = False
        return view

    @property
    def with_logo(self) -> Collection[str]:
        """Names of the brands that have at least one vector; the others are known by name only."""
        return self._state.position

    @property
    def names(self) -> NameIndex:
        """Names and aliases of all brands, for search in text; made at first use."""
        return self._state.name_index

    @property
    def fingerprint(self) -> str:
        """16 hex digits over brands, logos and vectors."""
        return self._state.content

    def snapshot(self) -> LogoIndex:
        """The register as it is now, unmoved by later changes; costs nothing."""
        copy = LogoIndex.__new__(LogoIndex)
        copy.encoder, copy._state, copy._lock = self.encoder, self._state, Lock()
        return copy

    # -- changes

    def add(self, brand: Brand, logos: Sequence[tuple[str, ImageSource]], encoder: Encoder) -> list[str]:
        """Register a brand, or more logos of one that is registered (its record is replaced).

        Args:
            brand: Its facts.
            logos: Pairs of a name for the logo, unique in the brand, and the drawing.
            encoder: Must be the index's.

        Returns:
            Warnings, one for each drawing that cannot be read.
        """
        return self.add_many([(brand, logos)], encoder)

    def add_many(
        self,
        entries: Sequence[tuple[Brand, Sequence[tuple[str, ImageSource]]]],
        encoder: Encoder,
        *,
        on_brand: Callable[[str], None] | None = None,
    ) -> list[str]:
        """Register many brands in one change; arguments and result as for `add`."""
        self.require(encoder.info)
        warnings: list[str] = []
        records: list[LogoRecord] = []
        blocks: list[Embeddings] = []
        for brand, logos in entries:
            readable = 0
            for name, source in logos:
                try:
                    rgba, digest = load_logo(source)
                except ImageError as error:
                    warnings.append(f"{brand.name}/{name}: not registered: {error}")
                    continue
                made, vectors = _encode_logo(f"{brand.name}/{name}", brand.name, digest, rgba, encoder)
                records += made
                blocks.append(vectors)
                readable += 1
            if logos and not readable:
                warnings.append(f"{brand.name}: no logo could be read; the brand is known by name only")
            if on_brand:
                on_brand(brand.name)
        with self._lock:
            self._put(
                [b for b, _ in entries], records, np.concatenate([np.zeros((0, self.encoder.dim), np.float32), *blocks])
            )
        return warnings

    def _put(self, brands: Iterable[Brand], records: Sequence[LogoRecord], vectors: Embeddings) -> None:
        """Replace brand records and logos of equal identifier, append the rest."""
        state = self._state
        known = {b.name: b for b in state.brands} | {b.name: b for b in brands}
        new = {(r.brand, r.id, r.rendering): row for row, r in enumerate(records)}  # the last of equal ones counts
        replaced = {(r.brand, r.id) for r in records}
        kept_old = [row for row, r in enumerate(state.logos) if (r.brand, r.id) not in replaced]
        kept_new = sorted(new.values())
        logos = [state.logos[row] for row in kept_old] + [records[row] for row in kept_new]
        stacked = np.concatenate([state.vectors[kept_old], vectors[kept_new]])
        self._state = _build(known.values(), logos, stacked)

    def remove(self, brand: str, logo: str | None = None) -> int:
        """Forget a brand, or one logo of it (its identifier, "Brand/file").

        Returns:
            How many vectors went.

        Raises:
            InputError: No such brand or logo.
        """
        with self._lock:
            state = self._state
            if brand not in {b.name for b in state.brands}:
                raise InputError(f"brand: expected a registered name, got {brand!r}")
            gone = [row for row, r in enumerate(state.logos) if r.brand == brand and logo in (None, r.id)]
            if logo is not None and not gone:
                raise InputError(f"logo: expected a logo of {brand!r}, got {logo!r}")
            stay = np.setdiff1d(np.arange(len(state.logos)), gone)
            brands = [b for b in state.brands if logo is not None or b.name != brand]
            self._state = _build(brands, [state.logos[row] for row in stay], state.vectors[stay])
            return len(gone)

    def keep(self, brands: Collection[str]) -> None:
        """Forget every brand but these; names that are not registered do not matter."""
        with self._lock:
            state = self._state
            stay = [row for row, r in enumerate(state.logos) if r.brand in brands]
            kept = [b for b in state.brands if b.name in brands]
            self._state = _build(kept, [state.logos[row] for row in stay], state.vectors[stay])

    def merge(self, other: LogoIndex) -> None:
        """Take in another register. Logos of equal identifier are taken from `other`.

        Raises:
            MismatchError: It was made by another encoder.
            InputError: A brand is in both with different facts.
        """
        self.require(other.encoder)
        theirs = other._state
        with self._lock:
            mine = {b.name: b for b in self._state.brands}
            for brand in theirs.brands:
                if mine.get(brand.name, brand) != brand:
                    raise InputError(f"merge: expected equal facts of {brand.name!r} in both, got different ones")
            self._put(theirs.brands, theirs.logos, theirs.vectors)

    def require(self, encoder: EncoderInfo) -> None:
        """Refuse vectors of another encoder.

        Raises:
            MismatchError: Names both sides.
        """
        if encoder.fingerprint != self.encoder.fingerprint:
            raise MismatchError(
                f"index made by {self.encoder.name} ({self.encoder.fingerprint}, {self.encoder.dim}-d), "
                f"used with {encoder.name} ({encoder.fingerprint}, {encoder.dim}-d): register the logos again"
            )

    # -- search

    def search(self, queries: Embeddings, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest vectors.

        Args:
            queries: float32 (n, dim), unit rows.
            k: At least 1; fewer come back where fewer are registered.

        Returns:
            Similarity float32 (n, min(k, len)) falling along each row, and rows of `logos`, int64, of that shape.
        """
        return _search(self._state, self._checked(queries), k)

    def search_brands(self, queries: Embeddings, k: int = 2) -> BrandNeighbours:
        """The k nearest distinct brands, each by the best over all its vectors; exact.

        Args:
            queries: float32 (n, dim), unit rows.
            k: Brands; fewer come back where fewer are registered.
        """
        state, queries = self._state, self._checked(queries)
        k = min(k, len(state.names))
        depth = min(len(state.vectors), max(32, 8 * k))
        while True:
            similarity, rows = _search(state, queries, depth)
            picked = _first_of_each(state.code[rows], k)
            if depth == len(state.vectors) or (picked >= 0).all():
                break
            depth = min(len(state.vectors), depth * 4)
        logo = np.take_along_axis(rows, picked, axis=1)
        return BrandNeighbours(
            np.take_along_axis(similarity, picked, axis=1), state.code[logo], logo, state.names, state.logo_ids
        )

    def _checked(self, queries: Embeddings) -> Embeddings:
        if queries.ndim != 2 or queries.shape[1] != self.encoder.dim or queries.dtype != np.float32:
            raise InputError(f"queries: expected float32 (n, {self.encoder.dim}), got {queries.dtype} {queries.shape}")
        if not np.isfinite(queries).all():  # FAISS would answer NaN with row -1
            raise InputError(f"queries: expected finite float32 (n, {self.encoder.dim}), got NaN or infinity")
        return np.ascontiguousarray(queries)

    # -- disk

    def save(self, folder: str | Path) -> None:
        """Write a new generation and make it the current one, atomically."""
        state = self._state
        storage.save(Path(folder), storage.Stored(self.encoder, state.brands, state.logos, state.vectors))

    @classmethod
    def load(cls, folder: str | Path, encoder: Encoder | None = None) -> LogoIndex:
        """Read the current generation, every file verified.

        Args:
            folder: As `save` wrote it.
            encoder: If given, it must be the one that made the index.

        Raises:
            CorruptFileError: A file is missing, truncated or altered.
            MismatchError: Made by another encoder.
        """
        stored = storage.load(Path(folder))
        index = cls(stored.encoder)
        if encoder is not None:
            index.require(encoder.info)
        index._state = _build(stored.brands, stored.logos, stored.vectors)
        return index


def _encode_logo(
    identifier: str, brand: str, digest: str, rgba: Rgba, encoder: Encoder
) -> tuple[list[LogoRecord], Embeddings]:
    made = renderings(rgba)
    records = [LogoRecord(identifier, brand, m.name, digest) for m in made]
    return records, encode_images(encoder, [m.rgb for m in made])


def _search(state: _State, queries: Embeddings, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    k = min(k, len(state.vectors))
    if k == 0 or not len(queries):
        return np.zeros((len(queries), k), np.float32), np.zeros((len(queries), k), np.int64)
    similarity, rows = state.searcher.search(queries, k)
    return similarity, rows


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
