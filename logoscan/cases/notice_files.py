"""Files of notices, JSON lines. A field that cannot be read costs that field, and is a problem of the notice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from logoscan._quote import cause, quoted
from logoscan.cases.notices import Notice
from logoscan.errors import InputError
from logoscan.index.pack_records import TrademarkRight
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.records import from_mapping
from logoscan.io.rows import BadRow
from logoscan.io.values import replace_surrogates

__all__ = ["read_notices", "to_notice"]

_TEXTS = ("explanation", "notifier_name", "notifier_email", "brand", "authority", "notifier_id")
_LISTS = ("listing_ids", "urls")
_FLAGS = ("good_faith", "trusted_flagger")
# Caps, since anybody may send a notice.
_MOST_LINE, _MOST_TEXT, _MOST_ID, _MOST_LISTED = 1 << 20, 20_000, 500, 1000


def read_notices(path: str | Path, *, on_error: OnError = "skip") -> Iterator[Notice]:
    """Yield the notices of a file of JSON lines: objects with the fields of `Notice`; others are ignored.

    Args:
        path: Path of the file.
        on_error: What to do with a line that is no notice: no object, without an id, or with one that was there.

    Raises:
        InputError: There is no such file; while reading: a line is bad and `on_error` is "raise".
    """
    check_on_error(on_error)
    path = Path(path)
    if not path.is_file():
        raise InputError(f"notices: expected a file of JSON lines, got {str(path)!r}")
    return good_rows(_notices(path), on_error, path.name)


def _notices(path: Path) -> Iterator[Notice | BadRow]:
    lines: dict[str, int] = {}
    with path.open("rb") as file:
        for number, line in enumerate(_bounded(file), 1):
            if not line.strip():
                continue
            if len(line) > _MOST_LINE:
                yield BadRow(number, f"expected at most {_MOST_LINE} bytes, got more")
                continue
            try:
                row = json.loads(replace_surrogates(line.decode("utf-8", "surrogateescape")))
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                yield BadRow(number, f"expected a JSON object, got {quoted(line)}")
                continue
            name = row.get("id")
            if not isinstance(name, str) or not name.strip() or len(name) > _MOST_ID:
                yield BadRow(number, f"id: expected 1 to {_MOST_ID} characters, got {quoted(name)}")
            elif name in lines:
                yield BadRow(number, f"id: {quoted(name)} is there twice, first in line {lines[name]}")
            else:
                lines[name] = number
                yield to_notice(row)


def _bounded(file: Any) -> Iterator[bytes]:
    """Yield the lines of a file; of one that is too long only as much as shows it."""
    while line := file.readline(_MOST_LINE + 2):
        yield line
        while not line.endswith(b"\n") and len(line) > _MOST_LINE:  # the rest of a long line
            line = file.readline(_MOST_LINE)
            if not line:
                return


def to_notice(row: Mapping[str, Any]) -> Notice:
    """Return the notice of a JSON object; what cannot be read is named in `unreadable`."""
    values: dict[str, Any] = {"id": row["id"]}
    bad: dict[str, str] = {}

    def refuse(name: str, expected: str) -> None:
        element = "listings" if name in _LISTS else name
        bad[element] = f"{name}: expected {expected}, got {_shown(row[name])}"

    for name in _TEXTS:
        value = row.get(name)
        if value is None:
            continue
        if isinstance(value, str) and len(value) <= _MOST_TEXT:
            values[name] = value
        else:
            refuse(name, f"a text of at most {_MOST_TEXT} characters")
    for name in _LISTS:
        value = [row[name]] if isinstance(row.get(name), str) else row.get(name)
        if value is None:
            continue
        if isinstance(value, list) and len(value) <= _MOST_LISTED and all(isinstance(v, str) for v in value):
            values[name] = tuple(value)
        else:
            refuse(name, f"a list of at most {_MOST_LISTED} texts")
    for name in _FLAGS:
        if row.get(name) is not None:
            if isinstance(row[name], bool):
                values[name] = row[name]
            else:
                refuse(name, "true or false")
    if row.get("right") is not None:
        try:
            values["right"] = from_mapping(TrademarkRight, row["right"], "right")
        except InputError as error:
            bad["right"] = f"{cause(error)}"
    if row.get("received_at") is not None:
        try:
            values["received_at"] = datetime.fromisoformat(row["received_at"])
        except (TypeError, ValueError):
            refuse("received_at", "an ISO 8601 time")
    return Notice(**values, unreadable=bad)


def _shown(value: object) -> str:
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, (str, list, dict)) else quoted(value)
