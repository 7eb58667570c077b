"""Dataclass records as JSON and back: lossless, validated, and sealed in files of one record.

Knows dataclasses and files; knows nothing of what the records mean.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from logoscan._quote import cause, quoted
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.files import atomic_write
from logoscan.io.sealed_lines import seal, unseal

__all__ = [
    "from_json",
    "from_mapping",
    "read_record",
    "record_schema",
    "to_json",
    "to_mapping",
    "write_record",
]

T = TypeVar("T")


def _adapter(kind: Any) -> Any:
    """Return what reads and writes a kind of record; for `cache` alone, mypy would ask for hashable types."""
    return _cached_adapter(kind)


@cache
def _cached_adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def to_json(record: object) -> str:
    """Return a dataclass record as one line of JSON; numbers keep every bit."""
    return _adapter(type(record)).dump_json(record).decode()  # type: ignore[no-any-return]


def to_mapping(record: object) -> dict[str, Any]:
    """Return a dataclass record as plain dictionaries, lists, strings and numbers."""
    return _adapter(type(record)).dump_python(record, mode="json")  # type: ignore[no-any-return]


def _explain(error: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    place = ".".join(str(p) for p in first["loc"])
    got = "" if first["type"] == "missing" else f", got {quoted(first['input'])}"
    return f"{place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}{got if place else ''}"


def from_json(kind: type[T], text: str | bytes, where: str) -> T:
    """Return the record that `to_json` wrote.

    Args:
        kind: Dataclass of the record.
        text: JSON text of the record.
        where: Name of the text, for errors.

    Raises:
        CorruptFileError: The text is not JSON, or not such a record.
    """
    try:
        return _adapter(kind).validate_json(text)  # type: ignore[no-any-return]
    except ValueError as error:  # pydantic's errors and our InputError are ValueErrors
        raise CorruptFileError(f"{where}: expected a {kind.__name__}: {_explain(error)}") from None


def from_mapping(kind: type[T], values: object, where: str) -> T:
    """Return a record of plain values that a person wrote.

    Args:
        kind: Dataclass of the record.
        values: Values by the names of the record's fields.
        where: Name of their source, for errors.

    Raises:
        InputError: A field is missing or not of its kind; the message names it.
    """
    try:
        return _adapter(kind).validate_python(values)  # type: ignore[no-any-return]
    except ValueError as error:
        raise InputError(f"{where}: {_explain(error)}") from None


def record_schema(kind: type) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a dataclass as `to_json` writes it; records within stand in `$defs`."""
    return _adapter(kind).json_schema(mode="serialization")  # type: ignore[no-any-return]


def write_record(path: Path, record: object) -> None:
    """Write a file of one sealed record, atomically."""
    atomic_write(path, seal(to_json(record)).encode())


def read_record(kind: type[T], path: Path) -> T:
    """Return the record of a file that `write_record` wrote.

    Raises:
        CorruptFileError: The file was altered or cut short, or holds another kind of record.
    """
    return from_json(kind, unseal(path.read_bytes(), str(path)).text, str(path))


def loads(text: str | bytes, where: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        CorruptFileError: The text is not JSON; `where` is named.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{where}: not JSON ({cause(error)})") from None
