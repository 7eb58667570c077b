"""Lines of files of rows, with their encoding and compression, and the names of columns.

Knows files and texts; knows no field's meaning.
"""

from __future__ import annotations

import codecs
import gzip
import io
import logging
import re
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from rapidfuzz.distance import OSA

from logoscan._quote import cause, listed
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.column_names import columns_of_fields, folded_name, name_pairs

__all__ = ["Line", "check_columns", "kind_of", "likely_name", "lines_of", "lines_of_stream", "log_ignored"]

logger = logging.getLogger(__name__)

# Characters of a line, and of a CSV record over several lines: the largest texts of a listing have a thousandth of it.
MOST_LINE_CHARS = 16 << 20
# Unknown columns or keys of a file that are logged; each row can have another one.
_MOST_IGNORED = 100
# Characters of a key by which lines are recognised as records, and of a column's name that is compared with ours.
MOST_KEY_CHARS = 64
# Bytes within which the first line must end for its CR to be found.
_HEAD_BYTES = 1 << 16
_WIDE_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Line(NamedTuple):
    """One physical line.

    Attributes:
        number: Number of the line, from 1.
        text: The line with its end; None where it has `MOST_LINE_CHARS` or more.
    """

    number: int
    text: str | None


def kind_of(path: Path, kinds: Sequence[str]) -> str | None:
    """Return which of some suffixes a file has, with `.gz` after it or not; None for another. Parquet has no `.gz`."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes[-1:] == [".gz"] and suffixes[:1] != [".parquet"]:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in kinds else None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
        yield file  # type: ignore[misc]


def lines_of(path: Path) -> Generator[Line, None, None]:
    """Yield the lines of a file in UTF-8; bytes that are not UTF-8 become lone surrogates.

    Lines end in LF or CR LF, or in CR where the first one does: elsewhere a CR is a character of a text.

    Raises:
        InputError: The file is UTF-16.
        CorruptFileError: The file is compressed, and damaged.
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
                while text := file.readline(MOST_LINE_CHARS):
                    number += 1
                    if len(text) < MOST_LINE_CHARS or text[-1] in "\r\n":
                        yield Line(number, text)
                        continue
                    while (rest := file.readline(MOST_LINE_CHARS)) and rest[-1] not in "\r\n":
                        pass
                    yield Line(number, None)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorruptFileError(f"{path.name}: not gzip, or damaged after line {number} ({cause(error)})") from None


def lines_of_stream(stream: IO[bytes], name: str) -> Iterator[Line]:
    """Yield the lines of an open stream as `lines_of` does, each as soon as it is there; the stream stays open.

    Args:
        stream: Open for reading bytes, such as standard input.
        name: Name of the stream, for errors.

    Raises:
        InputError: The stream is UTF-16.
    """
    number, whole = 0, True
    while data := stream.readline(MOST_LINE_CHARS):
        begins, whole = whole, data.endswith(b"\n")
        if begins:
            number += 1
            if number == 1 and data.startswith(_WIDE_BOMS):
                raise InputError(f"{name}: expected UTF-8, got UTF-16")
            text = data.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode("utf-8", "surrogateescape")
            yield Line(number, text if whole or len(data) < MOST_LINE_CHARS else None)


# -- columns


def likely_name(unknown: str, names: Sequence[str]) -> str | None:
    """Return the name that an unknown one probably means, or None: a few letters differ, are exchanged or missing."""
    folded = unknown.strip().casefold()[:MOST_KEY_CHARS]
    distances = [(OSA.distance(folded, name, score_cutoff=_most_typos(name)), name) for name in names]
    return min(((typos, name) for typos, name in distances if typos <= _most_typos(name)), default=(0, None))[1]


def _most_typos(name: str) -> int:
    return max(1, len(name) // 4)


def check_columns(
    columns: Sequence[str],
    ours: Sequence[str],
    required: Sequence[str],
    file: str,
    stated: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the fields by the names of the columns that hold them, in upper or lower case or by a usual other name.

    Args:
        columns: Names of the file's columns.
        ours: Names of the fields that are known.
        required: Names of the fields that must be there.
        file: Name of the file, for errors.
        stated: Fields by the names of the columns that hold them, as a caller states them; "" says that a column is
            none of ours.

    Raises:
        InputError: A required column is missing, a known one is there twice, an absent one is there with a typo, or a
            stated one is absent.
    """
    pairs = name_pairs(stated, ours)
    out = columns_of_fields(columns, ours, file, pairs)
    absent = [name for name in ours if name not in out.values()]
    for column in islice(columns, _MOST_IGNORED):
        is_other = column in out or folded_name(column) in pairs
        if not is_other and (likely := likely_name(column, absent)):
            got = listed([column])
            raise InputError(
                f"{file}: expected the column {likely}, got {got}; rename it, or remove it if it is another"
            )
    if missing := [name for name in required if name in absent]:
        what = "column" if len(required) == 1 else "columns"
        shown = listed(columns)
        raise InputError(
            f"{file}: expected the {what} {', '.join(required)}; {missing} missing, got {shown or 'nothing'}"
        )
    return out


def log_ignored(names: set[str], logged: set[str], file: str, absent: Sequence[str] = ()) -> None:
    """Log unknown names of columns or keys, each once and up to a hundred in a file, with what each may have meant.

    Args:
        names: The unknown names.
        logged: Names that were logged before; the new ones are added.
        file: Name of the file.
        absent: Fields that are absent, one of which a name may have meant.
    """
    if len(logged) >= _MOST_IGNORED or not (new := names - logged):
        return
    now = sorted(new)[: _MOST_IGNORED - len(logged)]
    logged |= set(now)
    shown = [f"{n} (is it {likely}?)" if (likely := likely_name(n, absent)) else n for n in now]
    more = ", and more" if len(now) < len(new) else ""
    logger.warning("%s: ignored fields: %s%s", file, listed(shown, None), more)
