"""A disclosure as JSON and as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from logoscan.cases.disclosure import Disclosure
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.csv_output import csv_lines
from logoscan.io.records import from_json, to_mapping

__all__ = ["read_disclosure", "to_csv", "to_json"]


def to_json(disclosure: Disclosure) -> str:
    """Return the figures as JSON, indented; `read_disclosure` returns an equal record."""
    return json.dumps(to_mapping(disclosure), indent=1, ensure_ascii=False) + "\n"


def read_disclosure(path: str | Path) -> Disclosure:
    """Return the figures of a file that `to_json` made, such as those of the period before.

    Raises:
        InputError: There is no such file.
        CorruptFileError: It holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"disclosure: expected a file, got {str(path)!r}")
    try:
        return from_json(Disclosure, path.read_bytes(), str(path))
    except RecursionError:
        raise CorruptFileError(f"{path}: expected a disclosure, got nested values") from None


def to_csv(disclosure: Disclosure) -> str:
    """Return the figures as CSV: figure, name, value; a value that is not published is empty."""
    return "".join(csv_lines(("figure", "name", "value"), _rows(disclosure)))


def _rows(disclosure: Disclosure) -> Iterator[tuple[str, str, Any]]:
    for figure, value in to_mapping(disclosure).items():
        if isinstance(value, dict):
            yield from ((figure, name, count) for name, count in value.items())
        elif isinstance(value, list):
            for row in value:
                first, *rest = row
                yield from ((f"{figure}.{name}", row[first], row[name]) for name in rest)
        else:
            yield figure, "", value
