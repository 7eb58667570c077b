"""Files of sellers' ids: suspects, as `merchants` wrote them or any list with the column seller_id; closed accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from logoscan._quote import listed, quoted
from logoscan.errors import InputError
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.csv_rows import read_csv
from logoscan.io.parquet_rows import ParquetTable
from logoscan.io.rows import BadRow
from logoscan.io.values import replace_surrogates
from logoscan.merchants.token_file import MOST_ID_CHARS

__all__ = ["read_sellers"]

_FIELDS = ("seller_id", "band")


def read_sellers(path: str | Path, *, on_error: OnError = "raise") -> Iterator[str]:
    """Yield the ids of the sellers of a file; where it has a column band, those of the band clear are left out.

    Args:
        path: The file: `.parquet`, `.jsonl` or CSV, with the column seller_id.
        on_error: What to do with a row without an id, with one that is too long or there twice: "raise" `InputError`,
            "skip" it and name it in the log, or a function that is called with the `BadRow`.

    Raises:
        InputError: There is no such file, or no column seller_id; while reading: a row is bad and `on_error` "raise".
    """
    check_on_error(on_error)
    path = Path(path)
    if not path.is_file():
        raise InputError(f"sellers: expected a file with the column seller_id, got {str(path)!r}")
    rows: Iterator[tuple[int, Mapping[str, Any] | BadRow]]
    if path.suffix.lower() == ".parquet":
        table = ParquetTable(path)
        if "seller_id" not in table.columns:
            raise InputError(f"{path.name}: expected the column seller_id, got {listed(table.columns)}")
        rows = table.records([name for name in _FIELDS if name in table.columns])
    elif path.suffix.lower() == ".jsonl":
        rows = _json_rows(path)
    else:
        rows = read_csv(path, _FIELDS, ("seller_id",), owner="sellers")
    return good_rows(_ids(rows), on_error, path.name)


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            yield (
                number,
                row if isinstance(row, dict) else BadRow(number, f"expected a JSON object, got {quoted(line)}"),
            )


def _ids(rows: Iterator[tuple[int, Mapping[str, Any] | BadRow]]) -> Iterator[str | BadRow]:
    lines: dict[str, int] = {}
    for line, row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        seller = row.get("seller_id")
        if not isinstance(seller, str) or not seller.strip():
            yield BadRow(line, f"seller_id: expected one, got {quoted(seller) if seller else 'nothing'}")
        elif len(seller) > MOST_ID_CHARS:
            yield BadRow(line, f"seller_id: expected {MOST_ID_CHARS} characters or fewer, got {len(seller)}")
        elif replace_surrogates(seller) != seller:
            yield BadRow(line, "seller_id: expected UTF-8, got bytes that are not")
        elif seller in lines:
            yield BadRow(line, f"seller_id: {quoted(seller)} is there twice, first in line {lines[seller]}")
        else:
            lines[seller] = line
            if row.get("band") != "clear":
                yield seller
