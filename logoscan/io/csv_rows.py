"""Rows of a CSV file by the names of our fields: the one reader of listings, prices, merchants' facts and verdicts.

The delimiter is found, headers are in any case and may have other names, numbers have a decimal point or comma, and a
row that cannot be read costs that row. Knows names and numbers; knows no field's meaning.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from logoscan.errors import InputError
from logoscan.io.csv_tables import CsvTable, open_csv
from logoscan.io.numbers import DecimalMark, decimal_mark, plain_text
from logoscan.io.rows import BadRow
from logoscan.io.tables import check_columns, log_ignored
from logoscan.io.values import replace_surrogates

__all__ = ["named_rows", "read_csv", "rows_of_csv"]

logger = logging.getLogger(__name__)

# Fields that identify a row, the first that a file has.
_KEYS = ("id", "listing_id", "file", "brand", "seller_id")
# Rows whose numbers decide about the file's decimal mark.
_SAMPLE = 1000


def read_csv(
    path: str | Path,
    fields: Sequence[str],
    required: Sequence[str],
    *,
    numbers: Collection[str] = (),
    columns: Mapping[str, str] | None = None,
    owner: str = "path",
) -> Iterator[tuple[int, Mapping[str, str] | BadRow]]:
    """Yield the rows of a CSV file by the names of the fields, each with its line; columns that are none are logged.

    Args:
        path: Path of the file; one that ends in `.gz` is compressed.
        fields: Names of the fields, in lower case.
        required: Names of the fields whose columns must be there.
        numbers: Names of the fields that hold numbers, which come with a decimal point.
        columns: Fields by the names of the columns that hold them, where neither our name nor a usual one stands there.
        owner: Name of the argument, for errors.

    Raises:
        InputError: There is no such file, it is UTF-16 or no CSV, a column is missing, there twice or, with a typo, in
            place of an absent one.
        CorruptFileError: The file is compressed, and damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{owner}: expected a CSV file, got {str(path)!r}")
    return named_rows(open_csv(path, fields, columns), fields, required, numbers=numbers, columns=columns)


def named_rows(
    table: CsvTable,
    fields: Sequence[str],
    required: Sequence[str],
    *,
    numbers: Collection[str] = (),
    columns: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, Mapping[str, str] | BadRow]]:
    """Yield the rows of an open CSV file; `read_csv` explains the arguments and the errors."""
    name = table.path.name
    names = check_columns(table.columns, fields, required, name, columns)
    log_ignored({column for column in table.columns if column not in names}, set(), name)
    wanted = [field for field in numbers if field in names.values()]
    mark = _decimal_mark(table, names, wanted) if wanted else None
    return (
        (line, row if isinstance(row, BadRow) or not wanted else _with_plain_numbers(row, wanted, mark))
        for line, row in rows_of_csv(table, names)
    )


def rows_of_csv(
    table: CsvTable, columns: Mapping[str, str], *, quiet: bool = False
) -> Iterator[tuple[int, Mapping[str, str] | BadRow]]:
    """Yield the rows of a CSV file by the names of our fields, each with its line.

    Args:
        table: The file.
        columns: Fields by the names of the columns that hold them.
        quiet: Whether short rows and bytes that are not UTF-8 are not logged.
    """
    name_at = {at: columns[column] for at, column in enumerate(table.columns) if column in columns}
    by_field = {field: column for column, field in columns.items()}
    key = next((by_field[field] for field in _KEYS if field in by_field), next(iter(columns)))
    short, foreign = quiet, quiet
    for line, cells in table.records(key):
        if isinstance(cells, str):
            yield line, BadRow(line, cells)
            continue
        if len(cells) < len(table.columns) and not short:
            short = True
            logger.warning(
                "%s, line %d: %d cells in %d columns; those at the end count as empty, here and below",
                table.path.name, line, len(cells), len(table.columns),
            )  # fmt: skip
        row = {name: cells[at] for at, name in name_at.items() if at < len(cells)}
        if not foreign and not all(text.isascii() or replace_surrogates(text) == text for text in row.values()):
            foreign = True
            logger.warning(
                "%s, line %d: not UTF-8, but perhaps Windows-1252 or Latin-1; save the file as UTF-8",
                table.path.name, line,
            )  # fmt: skip
        yield line, row


def _decimal_mark(table: CsvTable, columns: Mapping[str, str], numbers: Sequence[str]) -> DecimalMark | None:
    first = islice(rows_of_csv(table, columns, quiet=True), _SAMPLE)
    rows = [row for _, row in first if not isinstance(row, BadRow)]
    return decimal_mark((row.get(field, "") for row in rows for field in numbers), table.delimiter)


def _with_plain_numbers(row: Mapping[str, str], numbers: Sequence[str], mark: DecimalMark | None) -> Mapping[str, str]:
    return {**row, **{field: plain_text(row[field], mark) for field in numbers if field in row}}
