"""An approximate index of the vectors of one file of a store, kept beside it as a cache that is checked by its hash."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan._hashing import sha256_hex
from logoscan.errors import CorruptFileError
from logoscan.index.ann import APPROXIMATE_FROM, Approximate, Facts
from logoscan.io.files import atomic_write, private_folder
from logoscan.io.records import read_record, write_record
from logoscan.store.parts import read_batches, read_part
from logoscan.store.reader import FeatureStore
from logoscan.store.rows import list_bounds, list_bytes
from logoscan.store.schema import parquet
from logoscan.store.vectors import VectorCodec
from logoscan.types import Embeddings

__all__ = ["PartIndex", "PartVectors", "part_index", "part_vectors"]

logger = logging.getLogger(__name__)

# Folder of the cache, in that of the file.
_FOLDER = ".find"
# Description of the index: 64 bytes a vector, as 128 half bytes. These have fewer centroids to train than bytes.
_FACTORY = "IVF{lists},PQ128x4fs"
# Fewest vectors that an index is built of (`Approximate.build`).
_LEAST_VECTORS = 40


@dataclass(frozen=True, eq=False)
class PartVectors:
    """Vectors of some rows of a file, with the photos that they are of.

    Attributes:
        vectors: float32 (n, dim).
        photo: Number of the photo of each vector, in the lists below.
        region: Number of the region of each vector in its photo; -1 for a mirrored one.
        listing_ids: Listing of each photo.
        positions: Position of each photo in its listing.
        files: Name of the file of each photo.
        boxes: Regions of each photo, float32 (m, 4).
    """

    vectors: Embeddings
    photo: NDArray[np.int64]
    region: NDArray[np.int64]
    listing_ids: Sequence[str]
    positions: Sequence[int]
    files: Sequence[str | None]
    boxes: Sequence[NDArray[np.float32]]


@dataclass(frozen=True)
class _Cache:
    """What a cached index belongs to.

    Attributes:
        part: Time of writing, size and vectors of the file.
        sha256: Hash of the index.
        facts: Parameters of the index.
        counts: Number of vectors of each row group of the file.
    """

    part: str
    sha256: str
    facts: Facts
    counts: tuple[int, ...]


def part_vectors(
    path: Path, codec: VectorCodec, rows: Mapping[int, NDArray[np.int64]] | None = None
) -> Iterator[PartVectors]:
    """Yield the vectors of a file, one row group at a time: those of the regions, then those of the mirror images.

    Args:
        path: Path of the file.
        codec: How its vectors are stored.
        rows: Rows of vectors to decode, by row group; all if None.

    Raises:
        CorruptFileError: The file is damaged.
    """
    columns = ("listing_id", "position", "file", "regions", "vectors", "mirrored")
    groups = [None] if rows is None else sorted(rows)
    for group in groups:
        for table in read_batches(path, columns, group=group):
            stored, photo, region = [], [], []
            for name in ("vectors", "mirrored"):
                column = table.column(name).combine_chunks()
                bounds = list_bounds(column)
                counts = np.diff(bounds)
                stored.append(list_bytes(column, codec.width))
                photo.append(np.repeat(np.arange(len(counts)), counts))
                inside = np.arange(len(stored[-1])) - np.repeat(bounds[:-1], counts)
                region.append(inside if name == "vectors" else np.full(len(inside), -1))
            chosen: Any = slice(None) if rows is None or group is None else rows[group]
            regions = table.column("regions").to_pylist()
            yield PartVectors(
                codec.decode(np.concatenate(stored)[chosen]),
                np.concatenate(photo)[chosen],
                np.concatenate(region)[chosen],
                table.column("listing_id").to_pylist(),
                table.column("position").to_pylist(),
                table.column("file").to_pylist(),
                [np.array([[r["x0"], r["y0"], r["x1"], r["y1"]] for r in boxes], np.float32) for boxes in regions],
            )


@dataclass(frozen=True, eq=False)
class PartIndex:
    """The approximate index of a file.

    Attributes:
        index: The index; its rows are the vectors of the file in their order.
        counts: Number of vectors of each row group of the file.
    """

    index: Approximate
    counts: Sequence[int]

    def by_group(self, rows: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
        """Return rows, which rise, by row group, counted from its beginning."""
        ends = np.cumsum(self.counts)
        group = np.searchsorted(ends, rows, side="right")
        return {int(g): rows[group == g] - (ends[g] - self.counts[g]) for g in np.unique(group)}


def part_index(store: FeatureStore, path: Path) -> PartIndex | None:
    """Return the index of a file, from the cache or built anew; None for a small file, which is compared whole.

    Args:
        store: The store of the file.
        path: Path of the file.
    """
    return _index(store, path) if _most_vectors(path) >= APPROXIMATE_FROM else None


def _most_vectors(path: Path) -> int:
    """Return a bound of the number of vectors of a file, by its footer: an empty list counts as one."""
    metadata = parquet().read_metadata(path)
    count = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(i) for i in range(group.num_columns)]
        count += sum(c.num_values for c in columns if c.path_in_schema.partition(".")[0] in ("vectors", "mirrored"))
    return count


def _index(store: FeatureStore, path: Path) -> PartIndex | None:
    """Return the index of a file, from the cache or built anew; None for too few vectors."""
    part = read_part(path)
    name = f"{part.written_s!r} {path.stat().st_size} {part.vectors}"
    folder = path.parent / _FOLDER
    record, data_path = folder / f"{path.stem}.json", folder / f"{path.stem}.faiss"
    try:
        cache = read_record(_Cache, record)
        data = data_path.read_bytes()
        if cache.part == name and cache.sha256 == sha256_hex(data):
            return PartIndex(Approximate.from_bytes(data, cache.facts), cache.counts)
    except (OSError, CorruptFileError) as error:
        logger.info("%s: the index is built (%s)", path, error)
    groups = [group.vectors for group in part_vectors(path, store.codec)]
    counts, vectors = tuple(map(len, groups)), np.concatenate(groups)
    if len(vectors) < _LEAST_VECTORS:  # nearly all photos have none
        return None
    index = Approximate.build(vectors, _FACTORY if vectors.shape[1] % 128 == 0 else None)
    private_folder(folder)
    data = bytes(index.to_bytes())
    atomic_write(data_path, data)
    write_record(record, _Cache(name, sha256_hex(data), index.facts, counts))
    return PartIndex(index, counts)
