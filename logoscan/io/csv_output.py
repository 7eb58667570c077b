"""Rows as CSV that a spreadsheet opens without running anything: no text in it becomes a formula.

A spreadsheet takes a cell that begins with = + - @ for a formula, and sellers write the texts. Such a text gets an
apostrophe before it, which is the usual way, and so does one that begins with a tab or a line end. Where the list
separator is a semicolon, a spreadsheet cuts a comma-separated line at the semicolons of its texts; so a formula's sign
right after a semicolon gets an apostrophe, too. Tabs and line ends become spaces, so that each row is one line.

Knows texts and numbers; knows no field's meaning.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from logoscan.io.values import replace_surrogates

__all__ = ["csv_lines", "safe_text", "unguarded_text"]

_APOSTROPHE = "'"
# Signs that begin a formula; spreadsheets for Chinese and Japanese take the wide ones for the same.
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
# What gets an apostrophe; also what has one already, so that it can be taken away again.
_BEGIN = re.compile(f"'*[\\t\\r\\n]|[\\s\"']*[{_SIGNS}]")
_AFTER_SEMICOLON = re.compile(f";(?=[\\s\"']*[{_SIGNS}])")
_GUARDED_SEMICOLON = re.compile(f";'(?=[\\s\"']*[{_SIGNS}])")
# What ends a line or a cell in one program or another.
_ENDS = re.compile("[\\t\\r\\n\\v\\f\x1c-\x1e\x85\u2028\u2029\0]+")


def safe_text(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula; most texts stay as they are."""
    begins = _BEGIN.match(text) is not None
    line = _ENDS.sub(" ", replace_surrogates(text))
    line = _AFTER_SEMICOLON.sub(f";{_APOSTROPHE}", line) if ";" in line else line
    return _APOSTROPHE + line if begins else line


def unguarded_text(cell: str) -> str:
    """Return the text of which `safe_text` made a cell, but for the tabs and line ends that became spaces.

    A cell that nobody guarded stays as it is.
    """
    text = cell[1:] if cell.startswith(_APOSTROPHE) and _BEGIN.match(cell, 1) else cell
    return _GUARDED_SEMICOLON.sub(";", text) if ";" in text else text


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the header and the rows of a CSV file, each as a line with its end.

    Args:
        columns: Names of the columns.
        rows: Cells of each row: texts, which are made safe; numbers, of which every bit is kept; None, which is an
            empty cell; and lists of texts, which are joined by `|`.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    for row in chain([columns], rows):
        writer.writerow([_cell(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _cell(value: object) -> str | float | int | None:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return safe_text("|".join(map(str, value)))
    return safe_text(str(value))
