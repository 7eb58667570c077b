"""Shards: the files of listings of one large scan, and their rows as they travel to the actors.

A shard is identified by the SHA-256 of its content. Works on files and records; knows nothing of Ray or of scanners.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from logoscan._hashing import file_sha256
from logoscan._quote import quoted
from logoscan.distributed.report_files import Outputs
from logoscan.errors import CorruptFileError, ImageError, InputError
from logoscan.images.loading import read_file
from logoscan.io.listings import KINDS, BadRow, listings_kind
from logoscan.io.listings import read_rows as read_listing_rows
from logoscan.types import Listing

__all__ = ["Row", "Shard", "ShardEnd", "find_shards", "listing_json", "read_rows"]

# Hex digits of the SHA-256 that name a shard: 128 bits, so that two contents do not get one name by chance.
_KEY_DIGITS = 32


@dataclass(frozen=True)
class Shard:
    """One file of listings.

    Attributes:
        path: Path of the file.
        key: The first 32 hex digits of its SHA-256.
        twins: Further files with the same content, which is scanned once.
    """

    path: Path
    key: str
    twins: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Row:
    """One row on its way through a scan. Plain values, so that it can travel between machines.

    Attributes:
        shard: Key of its shard; None for rows of a caller's dataset.
        row: Number of the row in the shard, from 1.
        line: Line of the row in the file.
        listing: The listing as JSON, see `listing_json`; None if the row is not a listing.
        failure: Why the row is not scanned; None if it is.
        photos: Bytes of each image that was read ahead, None for each other image; None if none was read ahead.
    """

    shard: str | None
    row: int
    line: int
    listing: str | None = None
    failure: str | None = None
    photos: Sequence[bytes | None] | None = None


@dataclass(frozen=True)
class ShardEnd:
    """The end of a shard, sent after its rows.

    Attributes:
        shard: Key of the shard.
        count: Number of its rows.
        failure: Why its reports must not be used: unreadable, or changed since the key was computed. None if they may.
    """

    shard: str
    count: int
    failure: str | None = None


def find_shards(source: Outputs) -> tuple[Shard, ...]:
    """Return the shards of a folder (its .jsonl, .csv and .parquet files, not those of sub-folders) or of a file list.

    Files of lines may be compressed (`.jsonl.gz`).

    Returns:
        Shards in the order of their names, or of the list. Files with the same content are one shard.

    Raises:
        InputError: There is no shard, or a file of another kind.
    """
    if isinstance(source, (str, Path)) and Path(source).is_dir():
        paths = sorted(p for p in Path(source).iterdir() if listings_kind(p) and not p.name.startswith("."))
    else:
        paths = [Path(source)] if isinstance(source, (str, Path)) else [Path(p) for p in source]
    if not paths:
        raise InputError(f"shards: expected files of listings ({', '.join(KINDS)}), got none in {quoted(str(source))}")
    by_key: dict[str, list[Path]] = {}
    for path in paths:
        if listings_kind(path) is None or not path.is_file():
            raise InputError(f"shards: expected {', '.join(KINDS)} files, got {str(path)!r}")
        by_key.setdefault(file_sha256(path)[:_KEY_DIGITS], []).append(path.resolve())
    return tuple(Shard(files[0], key, tuple(files[1:])) for key, files in by_key.items())


def read_rows(path: Path, key: str, *, photo_folder: Path | None = None) -> Iterator[Row | ShardEnd]:
    """Yield every row of a shard, and its end.

    Args:
        path: Path of the shard.
        key: Key of the shard.
        photo_folder: Folder of the photos, whose bytes are read ahead; None reads no photo.
    """
    ids: set[str] = set()
    number, failure = 0, None
    try:
        for number, row in enumerate(read_listing_rows(path), 1):
            if isinstance(row, BadRow):
                yield Row(key, number, row.line, failure=row.reason)
            elif row.id in ids:
                reason = f"the id {row.id!r} is there twice; only the first is scanned"
                yield Row(key, number, number, listing_json(row), reason)
            else:
                ids.add(row.id)
                photos = None if photo_folder is None else [_read_photo(image, photo_folder) for image in row.images]
                yield Row(key, number, number, listing_json(row), photos=photos)
    except (CorruptFileError, InputError) as error:  # not a table, or one without the columns of listings
        failure = str(error)
    if file_sha256(path)[:_KEY_DIGITS] != key:
        failure = f"{path.name}: was changed while it was scanned; scan it again"
    yield ShardEnd(key, number, failure)


def _read_photo(image: object, root: Path) -> bytes | None:
    """Return the bytes of a photo, None if it cannot be read: its actor tries again, and the report says why."""
    try:
        return read_file(str(image), root=root)
    except ImageError:
        return None


def listing_json(listing: Listing) -> str:
    """Return a listing as JSON; images that are not files are null, and their bytes travel beside the JSON."""
    values = {field.name: getattr(listing, field.name) for field in fields(Listing)}
    values["images"] = [str(image) if isinstance(image, (str, Path)) else None for image in listing.images]
    return json.dumps(values | {"attributes": dict(listing.attributes)})
