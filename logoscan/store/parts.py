"""Parquet files of a feature store: each appears when it is complete, and is sealed with what made it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logoscan._quote import cause
from logoscan.errors import CorruptFileError
from logoscan.io.files import create, sync_folder
from logoscan.io.records import from_json, to_json
from logoscan.io.sealed_lines import seal, unseal
from logoscan.store.maker import Maker
from logoscan.store.schema import COLUMNS, arrow, parquet, schema
from logoscan.store.vectors import VectorCodec

__all__ = ["Part", "read_batches", "read_part", "write_part"]

_FORMAT = 3
# Key of the Parquet metadata under which the sealed description of a file stands.
_KEY = b"logoscan.features"
# Rows of a row group, which is what a reader holds in memory: 20 MB.
_GROUP_ROWS = 512
# Columns of few different values; the others gain nothing from a dictionary.
_DICTIONARIES = ["listing_id", "warning", "unfinished.list.element", "width", "height"]


@dataclass(frozen=True)
class Part:
    """A complete file of a store, as it describes itself.

    Attributes:
        maker: What made its features.
        vectors: How its vectors are stored: "int8", or "pq" and the SHA-256 of the codebook.
        keypoints: SHA-256 of the codebook of its keypoints; None where it has none.
        written_s: When it was written, seconds since 1970; of two rows of one photo the later file's counts.
        format: Version of the format.
    """

    maker: Maker
    vectors: str
    keypoints: str | None
    written_s: float
    format: int = _FORMAT


def write_part(path: Path, tables: Iterable[Any], maker: Maker, codec: VectorCodec, keypoints: str | None) -> None:
    """Write a file from tables of rows, as they come; it appears under its name when it is complete and synced.

    The caller must be the only writer of this name.

    Args:
        path: Path of the file.
        tables: Tables of `schema(codec.width)`.
        maker: What made the features.
        codec: How the vectors are stored.
        keypoints: SHA-256 of the codebook of the keypoints; None where there are none.
    """
    pa, pq = arrow(), parquet()
    part = Part(maker, codec.description, keypoints, time.time())
    kinds = schema(codec.width)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)  # of a writer that was killed
    try:
        with create(temporary) as file:
            with pq.ParquetWriter(
                file,
                kinds,
                compression="zstd",
                compression_level=9,
                use_dictionary=_DICTIONARIES,
                use_byte_stream_split=[f"regions.list.element.{name}" for name in ("x0", "y0", "x1", "y1")],
                write_page_checksum=True,
                write_statistics=["listing_id"],
                store_schema=False,
            ) as writer:
                for table in _in_groups(tables):
                    writer.write_table(table, row_group_size=_GROUP_ROWS)
                writer.add_key_value_metadata({_KEY: seal(to_json(part)).encode()})
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except pa.ArrowException as error:
        raise OSError(f"{path}: cannot be written ({cause(error)})") from error
    finally:
        temporary.unlink(missing_ok=True)


def _in_groups(tables: Iterable[Any]) -> Iterator[Any]:
    """Yield tables of as many rows as a row group has; the last has the rest."""
    pa = arrow()
    waiting: list[Any] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += len(table)
        while rows >= _GROUP_ROWS:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, _GROUP_ROWS).combine_chunks()
            waiting, rows = [joined.slice(_GROUP_ROWS)], rows - _GROUP_ROWS
    if rows:
        yield pa.concat_tables(waiting).combine_chunks()


def _opened(path: Path) -> Any:
    return parquet().ParquetFile(path, page_checksum_verification=True)


def _errors() -> tuple[type[Exception], ...]:
    return (arrow().ArrowException, OSError, ValueError, KeyError)


def read_part(path: Path) -> Part:
    """Read what made a file, and check that its columns are those of a store.

    Raises:
        CorruptFileError: The file is no file of a store, or it is truncated, damaged or of another format.
    """
    try:
        with _opened(path) as file:
            metadata, names = file.metadata.metadata or {}, file.schema_arrow.names
        text = unseal(metadata[_KEY], str(path)).text
        part = from_json(Part, text, str(path))
    except CorruptFileError:
        raise
    except _errors() as error:
        raise CorruptFileError(
            f"{path}: expected stored features, got something else or damage ({cause(error)})"
        ) from None
    # files that were written before there were codes lack the last two columns
    if part.format != _FORMAT or names not in (list(COLUMNS), list(COLUMNS)[:-2]):
        raise CorruptFileError(f"{path}: expected stored features of format {_FORMAT}, got {part.format}")
    return part


def read_batches(path: Path, columns: Sequence[str] | None = None, *, group: int | None = None) -> Iterator[Any]:
    """Yield the rows of a file as record batches; one row group is in memory at a time.

    Args:
        path: Path of the file.
        columns: Names of the columns; all if None.
        group: Number of the row group to read; all if None.

    Raises:
        CorruptFileError: The file is damaged.
    """
    try:
        with _opened(path) as file:
            groups = range(file.num_row_groups) if group is None else [group]
            for number in groups:
                table = file.read_row_group(number, columns=None if columns is None else list(columns))
                yield table.combine_chunks()
    except _errors() as error:
        raise CorruptFileError(f"{path}: damaged ({cause(error)})") from None
