"""Records of a CSV file. A quote that is not closed costs its line alone.

A line that cannot be read costs that line: the next one is read on its own, whatever the line before held. Knows cells;
knows no field's meaning.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from logoscan.errors import InputError
from logoscan.io.column_names import is_named, name_pairs
from logoscan.io.tables import MOST_KEY_CHARS, MOST_LINE_CHARS, Line, lines_of

__all__ = ["CsvTable", "open_csv"]

DELIMITERS = (",", ";", "\t")
# The line in which Excel names the delimiter.
_SEPARATOR = re.compile(r"sep=([,;\t])\s*", re.IGNORECASE)
# Most lines of a header in which quoted names contain line ends.
_MOST_HEADER_LINES = 20
# From this share of a record's lines that look like records themselves, its first quote is taken as not closed.
_SWALLOWED_SHARE = 0.8


class CsvTable(NamedTuple):
    """A CSV file whose header was read.

    Attributes:
        path: Path of the file.
        delimiter: Character between the cells.
        columns: Cells of the header; empty where there is no header.
        header_line: Number of the header's last line.
    """

    path: Path
    delimiter: str
    columns: tuple[str, ...]
    header_line: int

    def records(self, key: str) -> Iterator[tuple[int, list[str] | str]]:
        """Yield the records after the header, each with its last line; of a bad one its first line and the reason.

        Args:
            key: The column that identifies rows.
        """
        lines = _Lines(line for line in lines_of(self.path) if line.number > self.header_line)
        return _records(lines, self.delimiter, (len(self.columns), self.columns.index(key)))


def open_csv(path: Path, names: Sequence[str], columns: Mapping[str, str] | None = None) -> CsvTable:
    """Read the header of a CSV file. Its delimiter is that of comma, semicolon and tab with which most names are found.

    A line `sep=;` before the header, which Excel writes and reads, names the delimiter itself.

    Args:
        path: Path of the file.
        names: Names of columns, in lower case.
        columns: Further names of columns, each with the field that it holds.

    Raises:
        InputError: The file is UTF-16, or its header is no CSV.
        CorruptFileError: The file is compressed, and damaged.
    """
    with closing(lines_of(path)) as lines:
        head = list(islice(lines, 1))
        delimiters: Sequence[str] = DELIMITERS
        while head and (_is_blank(head[-1]) or _SEPARATOR.fullmatch(head[-1].text or "")):
            if match := _SEPARATOR.fullmatch(head[-1].text or ""):
                delimiters = (match[1],)
            head = list(islice(lines, 1))
        if head and '"' in (head[0].text or ""):  # a name may contain a line end
            head += islice(lines, _MOST_HEADER_LINES)
    if not head:
        return CsvTable(path, ",", (), 0)
    best: tuple[int, CsvTable] | None = None
    stated = name_pairs(columns, names)
    for delimiter in delimiters:
        number, record = next(_records(_Lines(iter(head)), delimiter, None))
        if isinstance(record, str):
            continue
        matches = sum(is_named(cell, names, stated) for cell in record)
        if best is None or (matches, len(record)) > (best[0], len(best[1].columns)):
            best = matches, CsvTable(path, delimiter, tuple(record), number)
    if best is None:
        raise InputError(f"{path.name}: expected a CSV file, got something else in line {head[0].number}")
    return best[1]


def _is_blank(line: Line) -> bool:
    return line.text is not None and not line.text.strip(" \r\n")


class _Lines:
    """Lines that can be put back, to be read once more.

    Attributes:
        last_put_back: Number of the last line that was put back: lines up to it were part of a record that failed.
    """

    def __init__(self, lines: Iterator[Line]) -> None:
        self.last_put_back = 0
        self._lines = lines
        self._put_back: deque[Line] = deque()

    def next(self) -> Line | None:
        return self._put_back.popleft() if self._put_back else next(self._lines, None)

    def put_back(self, lines: Sequence[Line]) -> None:
        self._put_back.extendleft(reversed(lines))
        self.last_put_back = max(self.last_put_back, lines[-1].number)


def _records(lines: _Lines, delimiter: str, table: tuple[int, int] | None) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the records, each with its last line; of a bad one its first line and the reason. Skip blank lines.

    A quote that is not closed would take all that follows into one cell. So a record over several lines costs its first
    line alone where it is no CSV, has another number of cells than there are columns, or its lines are records
    themselves; the line after it is then read again. No line is read more than twice: a line that could be within such
    a cell has an even number of quotes, so that it begins no such cell itself.

    Args:
        lines: Lines of the file.
        delimiter: Character between the cells.
        table: Number of columns, and position of the key column; None for a header.
    """
    while (first := lines.next()) is not None:
        if first.text is None:
            yield first.number, f"expected a line of less than {MOST_LINE_CHARS} characters, got more"
            continue
        if _is_blank(first):
            continue
        span = [first]
        reason = ""
        try:
            record = next(csv.reader(_feed(lines, span), delimiter=delimiter, strict=True))
        except csv.Error as error:
            quote = ": a quote is not closed, or stands amid a cell" if "limit" not in str(error) else ""
            record, reason = [], f"not CSV ({error}{quote})"
        if not reason and table is not None:
            reason = _fault(record, span, delimiter, *table, within=first.number <= lines.last_put_back)
        if reason:
            if len(span) > 1:
                lines.put_back(span[1:])
            yield first.number, reason
        else:
            yield span[-1].number, record


def _feed(lines: _Lines, span: list[Line]) -> Iterator[str]:
    """Yield the lines of one record as the CSV reader asks for them, and append them to `span`, which has the first."""
    text, size = span[0].text, 0
    while text is not None and size < MOST_LINE_CHARS:
        yield text
        size += len(text)
        line = lines.next()
        if line is None:
            return
        span.append(line)
        text = line.text


def _fault(record: list[str], span: list[Line], delimiter: str, columns: int, key: int, *, within: bool) -> str:
    """Return what is wrong with a record that is CSV; "" for nothing.

    Cells may be missing at the end, since spreadsheets leave out empty ones; but not where the end of the record is in
    doubt.

    Args:
        record: Cells of the record.
        span: Lines of the record.
        delimiter: Character between the cells.
        columns: Number of columns.
        key: Position of the key column.
        within: The record begins in lines of a record that failed.
    """
    if len(record) > columns:
        return f"expected {columns} columns, got {len(record)}"
    if (len(record) < columns and (len(span) > 1 or within)) or (within and '"' in record[key]):
        return f"expected {columns} columns, got {len(record)}, near a quote that is not closed"
    if len(span) > 1 and _is_swallowed(span, delimiter, columns, key):
        return f"a quote that is not closed: lines {span[0].number} to {span[-1].number} would be one record"
    return ""


def _is_swallowed(span: list[Line], delimiter: str, columns: int, key: int) -> bool:
    """Return whether the lines of a record are records themselves, unlike lines of a description.

    Lines that are records have as many cells as there are columns, a key like that of the first line, and no space
    after a delimiter.
    """
    first_key, records = "", 0
    for number, line in enumerate(span):
        cells = (line.text or "").rstrip("\r\n").split(delimiter, columns)
        if len(cells) != columns or columns < 2:
            continue
        first_key = first_key if number else cells[key].strip()
        spaced = any(cell[:1].isspace() for cell in cells[1:])
        records += not spaced and _is_like(cells[key].strip(), first_key)
    return records >= max(2, _SWALLOWED_SHARE * len(span))


def _is_like(key: str, first: str) -> bool:
    """Return whether two keys may be of one table: both are numbers, words or codes."""
    if not key or max(len(key), len(first)) > MOST_KEY_CHARS:
        return False
    return _shape(key) == _shape(first) or all(re.search("[0-9]", k) and not re.search(r"\s", k) for k in (key, first))


def _shape(text: str) -> str:
    """Return a text with one 9 for each run of digits and one a for each run of letters."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"[0-9]+", "9", text))
