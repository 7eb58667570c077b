"""Files of rows as their bytes stand: lines, their encoding and packing, records of CSV, names of columns.

A line that cannot be read costs that line: the next one is read on its own, whatever stood before it. Knows files and
texts; knows no field's meaning.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import logging
import re
import zlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from rapidfuzz.distance import OSA

from logoscan.errors import CorruptFileError, InputError
from logoscan.io.records import keys_for_log

__all__ = ["CsvTable", "Line", "check_columns", "kind_of", "likely_name", "lines_of", "open_csv", "tell_ignored"]

logger = logging.getLogger(__name__)

DELIMITERS = (",", ";", "\t")
# Characters of a line, and of a CSV record over several: the largest texts of a listing have a thousandth of it.
MOST_LINE = 16 << 20
# Unknown columns or keys that are told of; a file can have one of its own in each row.
_MOST_IGNORED = 100
# Lines of a header in which names in quotes hold a line's end.
_MOST_HEADER_LINES = 20
# Share of a record's lines that look like records themselves, from which its first quote is one that was not closed.
_SWALLOWED_SHARE = 0.8
# Characters of a key by which lines are told to be records, and of a column's name that is compared with ours.
_MOST_KEY = 64
# Bytes in which the first line ends, if it ends in CR.
_HEAD_BYTES = 1 << 16
_WIDE_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Line(NamedTuple):
    """One physical line, with its end; `text` is None for one that is too long to be anybody's."""

    number: int
    text: str | None


def kind_of(path: Path, kinds: Sequence[str]) -> str | None:
    """Which of some suffixes a file has; `.gz` behind one of lines is packed, and may follow it."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes[-1:] == [".gz"] and suffixes[:1] != [".parquet"]:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in kinds else None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
        yield file  # type: ignore[misc]


def lines_of(path: Path) -> Generator[Line, None, None]:
    """The lines of a file in UTF-8; bytes that are not UTF-8 become lone surrogates.

    Lines end in LF or CR LF, or in CR where the first one does: elsewhere a CR is a character of a text.

    Raises:
        InputError: It is UTF-16.
        CorruptFileError: It is packed, and damaged.
    """
    number = 0
    try:
        with _opened(path) as raw:
            head = raw.read(_HEAD_BYTES)
            if head.startswith(_WIDE_BOMS):
                raise InputError(f"{path.name}: expected UTF-8, got UTF-16; save it as UTF-8")
            raw.seek(0)
            newline = "" if re.match(rb"[^\r\n]*\r(?!\n)", head) else "\n"
            with io.TextIOWrapper(raw, "utf-8-sig", "surrogateescape", newline=newline) as file:
                while text := file.readline(MOST_LINE):
                    number += 1
                    if len(text) < MOST_LINE or text[-1] in "\r\n":
                        yield Line(number, text)
                        continue
                    while (rest := file.readline(MOST_LINE)) and rest[-1] not in "\r\n":
                        pass
                    yield Line(number, None)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorruptFileError(f"{path.name}: not gzip, or damaged after line {number} ({error!s:.120})") from None


# -- columns


def likely_name(unknown: str, names: Sequence[str]) -> str | None:
    """Which of some names one was meant to be: a letter or two are missing, changed, exchanged or too many."""
    folded = unknown.strip().casefold()[:_MOST_KEY]
    near = [(OSA.distance(folded, name, score_cutoff=_slips(name)), name) for name in names]
    return min(((far, name) for far, name in near if far <= _slips(name)), default=(0, None))[1]


def _slips(name: str) -> int:
    return max(1, len(name) // 4)


def check_columns(columns: Sequence[str], ours: Sequence[str], required: Sequence[str], file: str) -> dict[str, str]:
    """Which column holds which of our fields, in whatever case it is written: the fields by the columns' names.

    Raises:
        InputError: A required column is missing, one of ours is there twice, or one that is absent is nearly there.
    """
    out: dict[str, str] = {}
    for column in columns:
        if (name := column.strip().casefold()) in ours:
            if name in out.values():
                raise InputError(f"{file}: expected each column once, got {name} twice")
            out[column] = name
    absent = [name for name in ours if name not in out.values()]
    for column in islice(columns, _MOST_IGNORED):
        if column not in out and (likely := likely_name(column, absent)):
            got = keys_for_log([column])
            raise InputError(
                f"{file}: expected the column {likely}, got {got}; rename it, or remove it if it is another"
            )
    if missing := [name for name in required if name in absent]:
        what = "column" if len(required) == 1 else "columns"
        shown = keys_for_log(islice(columns, 20))
        raise InputError(
            f"{file}: expected the {what} {', '.join(required)}; {missing} missing, got {shown or 'nothing':.300}"
        )
    return out


def tell_ignored(names: set[str], told: set[str], file: str, absent: Sequence[str] = ()) -> None:
    """Log unknown names that were not told before, up to a hundred in a file; beside each what it may have meant."""
    if len(told) >= _MOST_IGNORED or not (new := names - told):
        return
    now = sorted(new)[: _MOST_IGNORED - len(told)]
    told |= set(now)
    shown = [f"{n} (is it {likely}?)" if (likely := likely_name(n, absent)) else n for n in now]
    more = ", and more" if len(now) < len(new) else ""
    logger.warning("%s: ignored fields: %s%s", file, keys_for_log(shown), more)


# -- CSV


class CsvTable(NamedTuple):
    """A CSV file whose header was read.

    Attributes:
        path: Of the file.
        delimiter: Between the cells.
        columns: Of the header; empty where there is none.
        header_line: Its last line.
    """

    path: Path
    delimiter: str
    columns: tuple[str, ...]
    header_line: int

    def records(self, key: str) -> Iterator[tuple[int, list[str] | str]]:
        """The records behind the header by their last line; a reason, by its first line, in place of a bad one.

        Args:
            key: The column that tells rows apart.
        """
        lines = _Lines(line for line in lines_of(self.path) if line.number > self.header_line)
        return _records(lines, self.delimiter, (len(self.columns), self.columns.index(key)))


def open_csv(path: Path, names: Sequence[str]) -> CsvTable:
    """Read the header of a CSV file; of comma, semicolon and tab the one that finds most of some names divides it.

    Raises:
        InputError: It is UTF-16, or its header is no CSV.
        CorruptFileError: It is packed, and damaged.
    """
    with closing(lines_of(path)) as lines:
        head = list(islice(lines, 1))
        while head and _is_blank(head[-1]):
            head = list(islice(lines, 1))
        if head and '"' in (head[0].text or ""):  # a name may hold a line's end
            head += islice(lines, _MOST_HEADER_LINES)
    if not head:
        return CsvTable(path, ",", (), 0)
    best: tuple[int, CsvTable] | None = None
    for delimiter in DELIMITERS:
        number, record = next(_records(_Lines(iter(head)), delimiter, None))
        if isinstance(record, str):
            continue
        known = sum(cell.strip().casefold() in names for cell in record)
        if best is None or (known, len(record)) > (best[0], len(best[1].columns)):
            best = known, CsvTable(path, delimiter, tuple(record), number)
    if best is None:
        raise InputError(f"{path.name}: expected a CSV file, got something else in line {head[0].number}")
    return best[1]


def _is_blank(line: Line) -> bool:
    return line.text is not None and not line.text.strip(" \r\n")


class _Lines:
    """Lines that can be put back, to be read once more."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._back: deque[Line] = deque()
        self.again = 0
        """The last line that was put back: what is read up to there stood in a record that failed."""

    def next(self) -> Line | None:
        return self._back.popleft() if self._back else next(self._lines, None)

    def put_back(self, lines: Sequence[Line]) -> None:
        self._back.extendleft(reversed(lines))
        self.again = max(self.again, lines[-1].number)


def _records(lines: _Lines, delimiter: str, table: tuple[int, int] | None) -> Iterator[tuple[int, list[str] | str]]:
    """Records by their last line, blank lines left out; a reason, by its first line, in place of a bad one.

    `table` is how many columns there are and which of them is the key; None for a header.

    A quote that is not closed would take all that follows into one cell. So a record over several lines that is no CSV,
    has not as many cells as there are columns, or whose lines are records themselves, costs its first line alone, and
    the next one is read afresh. Each line is read twice at most: a line that could be within such a cell has an even
    number of quotes, and so it begins none itself.
    """
    while (first := lines.next()) is not None:
        if first.text is None:
            yield first.number, f"expected a line of less than {MOST_LINE} characters, got more"
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
            reason = _amiss(record, span, delimiter, *table, within=first.number <= lines.again)
        if reason:
            if len(span) > 1:
                lines.put_back(span[1:])
            yield first.number, reason
        else:
            yield span[-1].number, record


def _feed(lines: _Lines, span: list[Line]) -> Iterator[str]:
    """The lines of one record, as far as the CSV reader asks for them; noted in `span`, which holds the first."""
    text, size = span[0].text, 0
    while text is not None and size < MOST_LINE:
        yield text
        size += len(text)
        line = lines.next()
        if line is None:
            return
        span.append(line)
        text = line.text


def _amiss(record: list[str], span: list[Line], delimiter: str, columns: int, key: int, *, within: bool) -> str:
    """What is wrong with a record that is CSV; "" for nothing.

    Cells may be missing at its end, as spreadsheets leave out empty ones; not where a record's end is in doubt.
    """
    if len(record) > columns:
        return f"expected {columns} columns, got {len(record)}"
    if (len(record) < columns and (len(span) > 1 or within)) or (within and '"' in record[key]):
        return f"expected {columns} columns, got {len(record)}, near a quote that is not closed"
    if len(span) > 1 and _is_swallowed(span, delimiter, columns, key):
        return f"a quote that is not closed: lines {span[0].number} to {span[-1].number} would be one record"
    return ""


def _is_swallowed(span: list[Line], delimiter: str, columns: int, key: int) -> bool:
    """Whether the lines of a record are records themselves, unlike lines of a description.

    They have as many cells as there are columns, a key like the first one's, and no space behind a delimiter.
    """
    first, alike = "", 0
    for number, line in enumerate(span):
        cells = (line.text or "").rstrip("\r\n").split(delimiter, columns)
        if len(cells) != columns or columns < 2:
            continue
        first = first if number else cells[key].strip()
        spaced = any(cell[:1].isspace() for cell in cells[1:])
        alike += not spaced and _is_like(cells[key].strip(), first)
    return alike >= max(2, _SWALLOWED_SHARE * len(span))


def _is_like(key: str, first: str) -> bool:
    """Whether two keys may be of one table: numbers, words or codes both."""
    if not key or max(len(key), len(first)) > _MOST_KEY:
        return False
    return _shape(key) == _shape(first) or all(re.search("[0-9]", k) and not re.search(r"\s", k) for k in (key, first))


def _shape(text: str) -> str:
    """What a text is made of: digits as 9, letters as a, one for each run."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"[0-9]+", "9", text))
