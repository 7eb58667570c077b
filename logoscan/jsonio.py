"""Records <-> JSON, lossless and validated, and files that are replaced whole or not at all.

Knows dataclasses and files; knows nothing of what the records mean.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from logoscan.errors import CorruptFileError, InputError

__all__ = ["atomic_write", "file_sha256", "from_json", "from_mapping", "read_record", "to_json", "to_mapping"]

T = TypeVar("T")


def _adapter(kind: Any) -> Any:
    """What reads and writes a record; `cache` alone would ask mypy for hashable types."""
    return _cached_adapter(kind)


@cache
def _cached_adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def to_json(record: object) -> str:
    """A dataclass record as one line of JSON; numbers keep every bit."""
    return _adapter(type(record)).dump_json(record).decode()  # type: ignore[no-any-return]


def to_mapping(record: object) -> dict[str, Any]:
    """A dataclass record as plain dictionaries, lists, strings and numbers."""
    return _adapter(type(record)).dump_python(record, mode="json")  # type: ignore[no-any-return]


def _explain(error: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    place = ".".join(str(p) for p in first["loc"])
    got = "" if first["type"] == "missing" else f", got {first['input']!r:.80}"
    return f"{place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}{got if place else ''}"


def from_json(kind: type[T], text: str | bytes, where: str) -> T:
    """The record that `to_json` wrote.

    Args:
        kind: A dataclass.
        text: JSON.
        where: Named in the error.

    Raises:
        CorruptFileError: Not JSON, or not such a record.
    """
    try:
        return _adapter(kind).validate_json(text)  # type: ignore[no-any-return]
    except ValueError as error:  # pydantic's errors and our InputError are ValueErrors
        raise CorruptFileError(f"{where}: expected a {kind.__name__}: {_explain(error)}") from None


def from_mapping(kind: type[T], values: object, where: str) -> T:
    """A record from plain values that a person wrote.

    Raises:
        InputError: A field is missing or not of its kind; the message names it.
    """
    try:
        return _adapter(kind).validate_python(values)  # type: ignore[no-any-return]
    except ValueError as error:
        raise InputError(f"{where}: {_explain(error)}") from None


def read_record(kind: type[T], path: Path) -> T:
    """The record of a file that holds one.

    Raises:
        CorruptFileError: Not JSON, or not such a record.
    """
    return from_json(kind, path.read_bytes(), str(path))


def loads(text: str | bytes, where: str) -> Any:
    """Plain JSON.

    Raises:
        CorruptFileError: It is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{where}: not JSON ({error!s:.120})") from None


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, meets the old or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
