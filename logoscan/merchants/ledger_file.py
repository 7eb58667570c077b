"""The file of a photo ledger: JSON lines under a header with their SHA-256 and the name of the key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from logoscan._hashing import sha256_hex
from logoscan.errors import CorruptFileError, InputError, MismatchError
from logoscan.io.files import atomic_write
from logoscan.io.records import from_json, to_json
from logoscan.merchants.photo_table import PhotoRecord

__all__ = ["FORMAT_VERSION", "read_ledger", "write_ledger"]

FORMAT_VERSION = 2
"""Version of the file's format. Version 1, which had no times, is still read."""


@dataclass(frozen=True)
class _Header:
    """First line of a file: the SHA-256 of all other lines, and a name of the key that does not reveal the key."""

    format_version: int
    sha256: str
    key: str | None = None


def write_ledger(path: Path, records: Iterable[PhotoRecord], key_name: str | None) -> None:
    """Write one file, atomically; equal records make equal files.

    Args:
        path: The file to write.
        records: Records of the ledger, in the order of their hashes.
        key_name: Name of the ledger's key; None without a key.
    """
    body = "".join(to_json(record) + "\n" for record in records).encode()
    header: dict[str, object] = {"format_version": FORMAT_VERSION, "sha256": sha256_hex(body)}
    if key_name is not None:
        header["key"] = key_name
    atomic_write(path, f"{json.dumps(header)}\n".encode() + body)


def read_ledger(path: Path, key_name: str | None) -> Iterator[PhotoRecord]:
    """Yield the records of a file that `write_ledger` wrote, verified before the first.

    Args:
        path: The file.
        key_name: Name of the key that was given; None without one.

    Raises:
        InputError: There is no such file.
        MismatchError: It was made with another key, or with none, or with one where none is given.
        CorruptFileError: It is truncated, altered or of another format.
    """
    if not path.is_file():
        raise InputError(f"ledger: expected a file that PhotoLedger.save wrote, got {str(path)!r}")
    head, _, body = path.read_bytes().partition(b"\n")
    header = from_json(_Header, head, f"{path}, line 1")
    if header.format_version not in (1, FORMAT_VERSION):
        raise CorruptFileError(f"{path}: expected format_version 1 or {FORMAT_VERSION}, got {header.format_version!r}")
    if sha256_hex(body) != header.sha256:
        raise CorruptFileError(f"{path}: altered or damaged; take a copy, or begin a new ledger")
    if header.key != key_name:
        made, given = ("without a key" if k is None else "with a key" for k in (header.key, key_name))
        other = "another one was given" if header.key and key_name else f"it was loaded {given}"
        raise MismatchError(f"{path}: made {made}, and {other}; PhotoLedger.load takes `key`")
    for number, line in enumerate(body.splitlines(), 2):
        yield from_json(PhotoRecord, line, f"{path}, line {number}")
