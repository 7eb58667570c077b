"""Verdicts in a CSV file, as people and other systems keep them. One bad row costs that row, and is reported."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.io.csv_output import unguarded_text
from logoscan.io.csv_tables import open_csv
from logoscan.io.listings import rows_of_csv
from logoscan.io.rows import BadRow
from logoscan.io.tables import check_columns, log_ignored
from logoscan.io.values import plain_number, replace_surrogates
from logoscan.review.verdict import Source, check_box

__all__ = ["RowAnswer", "VerdictRow", "read_verdict_rows"]

RowAnswer: TypeAlias = Literal["counterfeit", "genuine", "wrong_brand", "missed"]
"""What a row may say."""

_REQUIRED = ("listing_id", "brand", "verdict")
_BOX = ("x0", "y0", "x1", "y1")
_COLUMNS = (*_REQUIRED, "source", "weight", "reviewer", "note", *_BOX)


@dataclass(frozen=True)
class VerdictRow:
    """One row of a file of verdicts.

    Attributes:
        line: Line of the row, for messages.
        listing_id: Id of the listing.
        brand: Brand that the verdict is about.
        verdict: What it says.
        source: How it is known.
        weight: One over the probability with which the listing was chosen to be judged, up to a common factor.
        reviewer: Name of the reviewer, if stated.
        note: What else is to be remembered, if anything.
        xyxy: Box of the brand's mark, in pixels, if stated.
    """

    line: int
    listing_id: str
    brand: str
    verdict: RowAnswer
    source: Source = "import"
    weight: float = 1.0
    reviewer: str | None = None
    note: str | None = None
    xyxy: tuple[float, float, float, float] | None = None


def read_verdict_rows(path: str | Path) -> Iterator[VerdictRow | BadRow]:
    """Yield the verdicts of a CSV file and its bad rows, in order.

    The columns are listing_id, brand, verdict (counterfeit, genuine, wrong_brand or missed) and, where it has them,
    source (reviewer, test_buy, notice, authority or import), weight, reviewer, note, x0, y0, x1, y1. An empty source is
    import, an empty weight 1. An apostrophe that keeps a spreadsheet from taking a text for a formula is taken away.

    Args:
        path: The file.

    Raises:
        InputError: There is no such file, or a column is missing, there twice, or nearly there.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"verdicts: expected a CSV file, got {str(path)!r}")
    table = open_csv(path, _COLUMNS)
    columns = check_columns(table.columns, _COLUMNS, _REQUIRED, path.name)
    log_ignored({c for c in table.columns if c not in columns}, set(), path.name)
    return (row if isinstance(row, BadRow) else _verdict_row(row, line) for line, row in rows_of_csv(table, columns))


def _verdict_row(row: Mapping[str, Any], line: int) -> VerdictRow | BadRow:
    cells = {name: unguarded_text(str(cell)) for name, cell in row.items() if str(cell).strip()}
    try:
        if any(replace_surrogates(text) != text for text in cells.values()):
            raise InputError("expected UTF-8, got bytes that are not")
        if missing := [name for name in _REQUIRED if name not in cells]:
            raise InputError(f"{missing[0]}: expected one, got an empty cell")
        return VerdictRow(
            line,
            cells["listing_id"],
            cells["brand"].strip(),
            _word(cells, "verdict", get_args(RowAnswer), ""),  # type: ignore[arg-type]
            _word(cells, "source", get_args(Source), "import"),  # type: ignore[arg-type]
            _weight(cells.get("weight")),
            cells.get("reviewer"),
            cells.get("note"),
            _box(cells),
        )
    except InputError as error:
        return BadRow(line, str(error))


def _word(cells: Mapping[str, str], name: str, words: tuple[str, ...], default: str) -> str:
    word = cells.get(name, default).strip().casefold()
    if word not in words:
        raise InputError(f"{name}: expected {', '.join(words[:-1])} or {words[-1]}, got {quoted(cells[name])}")
    return word


def _weight(cell: str | None) -> float:
    number = 1.0 if cell is None else plain_number(cell)
    if number is None or not 0 < number < math.inf:
        raise InputError(f"weight: expected a number above 0, got {quoted(cell)}")
    return number


def _box(cells: Mapping[str, str]) -> tuple[float, float, float, float] | None:
    stated = [cells[name] for name in _BOX if name in cells]
    if not stated:
        return None
    numbers = [number for cell in stated if (number := plain_number(cell)) is not None]
    if len(numbers) != len(_BOX):
        raise InputError(f"x0,y0,x1,y1: expected four numbers or none, got {quoted(', '.join(stated))}")
    x0, y0, x1, y1 = numbers
    check_box(numbers, "x0,y0,x1,y1")
    return x0, y0, x1, y1
