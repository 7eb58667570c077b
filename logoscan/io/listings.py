"""Listings files (`.jsonl`, `.csv`, `.parquet`) and folders of photos -> Listing records, row by row.

A bad field costs that field, and a bad row becomes a `BadRow` with its line; neither ends the stream.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

from logoscan._quote import cause
from logoscan.errors import InputError
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.column_names import folded_name, name_pairs
from logoscan.io.csv_rows import named_rows, read_csv, rows_of_csv
from logoscan.io.csv_tables import open_csv
from logoscan.io.folders import photo_names
from logoscan.io.parquet_rows import ParquetTable
from logoscan.io.rows import FIELDS, BadRow, field_of, to_listing
from logoscan.io.tables import Line, check_columns, kind_of, lines_of, lines_of_stream, log_ignored
from logoscan.io.values import loads, replace_surrogates
from logoscan.sources import PHOTO_SUFFIXES, NameBelow
from logoscan.types import Listing

__all__ = [
    "PHOTO_SUFFIXES",
    "BadRow",
    "ListingSource",
    "listings_kind",
    "read_listings",
    "read_rows",
    "row_count",
    "rows_of_csv",
    "to_listing",
]

logger = logging.getLogger(__name__)

ListingSource: TypeAlias = str | Path | IO[bytes]
"""A file or a folder of listings, or JSON lines from an open stream, such as standard input."""
KINDS = (".jsonl", ".csv", ".parquet")
_BLOCK_BYTES = 1 << 20
_FIELD_NAMES = frozenset(FIELDS)
_LABEL_FIELDS = ("file", "brand")

# Rows of a file, each with its position.
_Rows = Iterator[tuple[int, Mapping[str, Any] | BadRow]]


# -- JSON lines


def _from_jsonl(lines: Iterator[Line]) -> _Rows:
    for line, text in lines:
        if text is None:
            yield line, BadRow(line, "expected a shorter line")
        elif text.strip():
            yield line, _object(text, line)


def _object(text: str, line: int) -> Mapping[str, Any] | BadRow:
    try:
        values = loads(text)
    except (ValueError, RecursionError) as error:
        return BadRow(line, f"not JSON ({cause(error)})")
    return values if isinstance(values, dict) else BadRow(line, f"expected an object, got {type(values).__name__}")


def _refuse_array(path: Path) -> None:
    """Refuse a file that is one JSON array, since none of its lines is a row."""
    first = next((text for _, text in lines_of(path) if text is None or text.strip()), None)
    begin = (first or "").strip()[:200]
    if begin == "[" or (begin[:1] == "[" and begin[1:].lstrip()[:1] == "{"):
        raise InputError(
            f"{path.name}: expected one object of JSON a line, got an array; write each of its objects on a line"
        )


# -- CSV


def _csv_values(row: Mapping[str, str]) -> Mapping[str, Any]:
    # an empty cell is absent; but a column for the claim that is left empty states that there is none
    values: dict[str, Any] = {name: cell for name, cell in row.items() if cell or name == "claimed_brand"}
    for name in ("images", "reviews"):
        if name in values:
            values[name] = [part.strip() for part in values[name].split("|") if part.strip()]
    return values


# -- all of them


def listings_kind(path: Path) -> Literal[".jsonl", ".csv", ".parquet"] | None:
    """Return the kind of listings file that a name has, compressed (`.csv.gz`) or not; None for another file."""
    return kind_of(path, KINDS)  # type: ignore[return-value]


def row_count(path: str | Path) -> int | None:
    """Return about how many rows a source has, by its lines or its footer, for progress bars; None if not known."""
    path = Path(path)
    kind = listings_kind(path) if path.is_file() else None
    if kind == ".parquet":
        rows: int = ParquetTable(path).rows
        return rows
    if kind is None or path.suffix.lower() == ".gz":
        return None
    last, ends = b"\n", 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            ends += block.count(b"\n")
            last = block[-1:]
    return max(0, ends + (last != b"\n") - (kind == ".csv"))


def _below(listing: Listing, folder: Path) -> Listing:
    return replace(listing, images=tuple(NameBelow(i, folder) if isinstance(i, str) else i for i in listing.images))


def read_listings(
    source: ListingSource, *, on_error: OnError = "raise", columns: Mapping[str, str] | None = None
) -> Iterator[Listing]:
    """Yield the listings of a file, or one for each photo of a folder (its id is the file's name below the folder).

    Image names stay as they are written, and know the folder that they are relative to: that of the file, or the folder
    itself. A Scanner without a root looks for them there; one with a root, below the root. A field that cannot be read
    is absent, and `Listing.dropped` says so; `to_listing` says what is repaired.

    A CSV file is read as people have it: delimited by commas, semicolons or tabs, with decimal points or commas, its
    headers in any case and by usual other names (`column_names.OTHER_NAMES`). A row whose quote is not closed costs its
    line alone. Other names of columns are read in Parquet, too, but not in JSON lines, which programs write.

    Args:
        source: `.jsonl`, `.csv` (images and reviews split by `|`), both in UTF-8 and compressed or not (`.csv.gz`),
            `.parquet`, or a folder; or an open binary stream of JSON lines, whose image names are relative to the
            current folder.
        on_error: What to do with a row that is no listing: "raise" `InputError`, "skip" it and name it in the log, or a
            function that is called with the `BadRow`, in its place among the listings.
        columns: Fields by the names of the columns or keys that hold them, where these have other names than usual; ""
            says that a column is none of ours.

    Raises:
        InputError: There is no such file, or it is of another kind, UTF-16 or one JSON array; there is no column `id`,
            a known column is there twice, or one that is absent is there with a typo (`pirce`); while reading: a row is
            bad and `on_error` is "raise".
        MissingDependencyError: The file is Parquet, and pyarrow is not installed.
        CorruptFileError: A `.parquet` file is something else; while reading: a `.gz` file is damaged.
    """
    check_on_error(on_error)
    return good_rows(read_rows(source, columns=columns), on_error, source_name(source))


def source_name(source: ListingSource) -> str:
    """Return the name of a source for messages: that of the file, or of the stream."""
    return Path(source).name if isinstance(source, (str, Path)) else "standard input"


def read_rows(source: ListingSource, *, columns: Mapping[str, str] | None = None) -> Iterator[Listing | BadRow]:
    """Yield listings and bad rows in order, for programs that report each bad row in its place.

    `read_listings` explains the source, the names of images, and the errors.
    """
    if not isinstance(source, (str, Path)):
        lines = lines_of_stream(source, source_name(source))
        return _from_rows(_renamed(_from_jsonl(lines), columns), source_name(source))
    path = Path(source).absolute()  # rows are read later, when the process may be in another folder
    rows = _read(path if path.exists() else Path(source), columns)
    folder = path if path.is_dir() else path.parent
    return (row if isinstance(row, BadRow) or not row.images else _below(row, folder) for row in rows)


def _read(path: Path, columns: Mapping[str, str] | None) -> Iterator[Listing | BadRow]:
    if path.is_dir():
        return _from_folder(path)
    kind = listings_kind(path)
    if kind is None or not path.is_file():
        raise InputError(f"listings: expected a folder of photos or a .jsonl, .csv or .parquet file, got {str(path)!r}")
    if kind == ".jsonl":
        _refuse_array(path)
        return _from_rows(_renamed(_from_jsonl(lines_of(path)), columns), path.name)
    if kind == ".csv":
        table = open_csv(path, FIELDS, columns)
        if not table.columns:
            return iter(())
        read = named_rows(table, FIELDS, ("id",), numbers=("price",), columns=columns)
        return _from_rows(((n, r if isinstance(r, BadRow) else _csv_values(r)) for n, r in read), path.name)
    parquet = ParquetTable(path)
    if not parquet.rows:
        return iter(())
    names = check_columns(parquet.columns, FIELDS, ("id",), path.name, columns)
    log_ignored({c for c in parquet.columns if c not in names}, set(), path.name)
    return _from_rows(_renamed(parquet.records(list(names)), names), path.name)


def _renamed(rows: _Rows, columns: Mapping[str, str] | None) -> _Rows:
    """Yield rows with the fields that a caller's names stand for in place of these."""
    if not columns:
        return rows
    fields = name_pairs(columns, FIELDS)

    def row_of(values: Mapping[str, Any]) -> Mapping[str, Any]:
        names = {key: fields.get(folded_name(key)) for key in values}
        stated = {name: values[key] for key, name in names.items() if name}
        return {**{key: values[key] for key, name in names.items() if name is None and key not in stated}, **stated}

    return ((line, row if isinstance(row, BadRow) else row_of(row)) for line, row in rows)


def _from_folder(folder: Path) -> Iterator[Listing | BadRow]:
    for number, name in enumerate(photo_names(folder), 1):
        yield to_listing({"id": name, "images": [name]}, number)


def _from_rows(rows: _Rows, name: str) -> Iterator[Listing | BadRow]:
    ignored: set[str] = set()
    for line, values in rows:
        if isinstance(values, BadRow):
            yield values
            continue
        if unknown := {key for key in values.keys() - _FIELD_NAMES if field_of(key) is None}:
            log_ignored(unknown, ignored, name, [field for field in FIELDS if field not in values])
        yield to_listing(values, line, pictures=False)


def read_labels(path: str | Path) -> list[tuple[str, frozenset[str]]]:
    """Return the labelled photos of a CSV file with the columns file and brand, each with the brands that it shows.

    Args:
        path: Path of the file; `|` stands between several brands of a photo, an empty cell means no brand.

    Raises:
        InputError: There is no such file, a column is missing, a row is no CSV, or it names no file.
    """
    path = Path(path)
    out = []
    for line, row in read_csv(path, _LABEL_FIELDS, _LABEL_FIELDS, owner="labels"):
        if isinstance(row, BadRow):
            raise InputError(f"{path.name}, line {line}: {row.reason}")
        if any(replace_surrogates(text) != text for text in row.values()):
            raise InputError(f"{path.name}, line {line}: expected UTF-8, got bytes that are not")
        if not row["file"]:
            raise InputError(f"{path.name}: expected a file in every row, got an empty cell")
        out.append((row["file"], frozenset(b.strip() for b in row.get("brand", "").split("|") if b.strip())))
    return out
