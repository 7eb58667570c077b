"""Records <-> JSON, lossless and validated, sealed against damage.

A seal is the last key of an object, `"sha256"`: of the very bytes of the rest. It tells damage, not malice. Knows
dataclasses and files; knows nothing of what the records mean.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from logoscan.errors import CorruptFileError, InputError
from logoscan.io.files import atomic_write, sync_folder

__all__ = [
    "Unsealed",
    "file_sha256",
    "from_json",
    "from_mapping",
    "keys_for_log",
    "mapping_sha256",
    "read_record",
    "seal",
    "sync_folder",
    "to_json",
    "to_mapping",
    "unseal",
    "write_record",
]

T = TypeVar("T")

_SEAL = re.compile(rb',"sha256":"([0-9a-f]{64})"\}\Z')
_PLACE = re.compile(rb'(?:,"run":"([0-9a-f]{16})")?,"line":([1-9][0-9]{0,17})(,"last":true)?\}\Z')
_TAIL = 160
"""Bytes of a sealed text that hold its seal and its place."""


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


class Unsealed(NamedTuple):
    """What stood under a seal.

    Attributes:
        text: The object, without its seal and its place.
        line: Its place in a file of many, from 1; None where none was noted.
        last: It was written as the last of its file.
        run: What made its file, as 16 hex digits; None where none was noted.
    """

    text: bytes
    line: int | None
    last: bool
    run: str | None = None


def seal(text: str, *, line: int | None = None, last: bool = False, run: str | None = None) -> str:
    """One JSON object with the SHA-256 of its UTF-8 bytes as a further key, at the end.

    Args:
        text: An object with at least one key, as `to_json` writes it.
        line: Its place in a file of many lines, noted before the seal, so that a file which was cut is told.
        last: Of that file.
        run: What made that file, as 16 hex digits.
    """
    made = "" if run is None else f',"run":"{run}"'
    place = "" if line is None else f'{made},"line":{line}' + (',"last":true' if last else "")
    body = f"{text[:-1]}{place}"
    return f'{body},"sha256":"{hashlib.sha256(f"{body}}}".encode()).hexdigest()}"}}'


def unseal(text: str | bytes, where: str) -> Unsealed:
    """What `seal` sealed; a single byte more, less or other is refused.

    Raises:
        CorruptFileError: There is no seal at the end, or it is that of other bytes; `where` is named.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    found = _SEAL.search(data, max(0, len(data) - _TAIL))
    if found is None:
        raise CorruptFileError(f"{where}: altered, damaged or cut short: expected its SHA-256 at the end")
    body = data[: found.start()] + b"}"
    if hashlib.sha256(body).hexdigest() != found[1].decode():
        raise CorruptFileError(f"{where}: altered, damaged or cut short: it is not what its SHA-256 was made of")
    place = _PLACE.search(body, max(0, len(body) - _TAIL))
    if place is None:
        return Unsealed(body, None, False)
    run = None if place[1] is None else place[1].decode()
    return Unsealed(body[: place.start()] + b"}", int(place[2]), place[3] is not None, run)


def mapping_sha256(content: Mapping[str, Any]) -> str:
    """Hex SHA-256 of plain values, for files that people read: however they are indented or their keys are ordered."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_record(path: Path, record: object) -> None:
    """Write a file that holds one record, sealed, atomically."""
    atomic_write(path, seal(to_json(record)).encode())


def read_record(kind: type[T], path: Path) -> T:
    """The record of a file that `write_record` wrote.

    Raises:
        CorruptFileError: Altered, truncated, or not such a record.
    """
    return from_json(kind, unseal(path.read_bytes(), str(path)).text, str(path))


def loads(text: str | bytes, where: str) -> Any:
    """Plain JSON.

    Raises:
        CorruptFileError: It is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{where}: not JSON ({error!s:.120})") from None


def keys_for_log(keys: Iterable[str]) -> str:
    """Keys of a stranger's file for a line of a log: 80 characters of each, lone surrogates escaped."""
    return ", ".join(key[:80].encode(errors="backslashreplace").decode() for key in keys)


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
