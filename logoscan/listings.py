"""Listings files (`.jsonl`, `.csv`, `.parquet`) and folders of photos -> Listing records, row by row.

A bad row becomes a `BadRow` with its line and does not end the stream.
"""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from functools import partial, wraps
from pathlib import Path
from typing import Any

from logoscan.errors import CorruptFileError, InputError, MissingDependencyError
from logoscan.folders import photo_names
from logoscan.formats import PHOTO_SUFFIXES
from logoscan.jsonio import keys_for_log
from logoscan.opening import NameBelow
from logoscan.price import PriceRecord
from logoscan.types import Listing
from logoscan.units import pack

__all__ = ["PHOTO_SUFFIXES", "BadRow", "read_listings", "read_prices", "to_listing"]

logger = logging.getLogger(__name__)

_NOT_UTF8 = "\ufffd"
"""What Python reads in place of bytes that are not UTF-8."""
_MOST_LINE_BYTES = 16 << 20
"""Of a line of JSON, and of one text in Parquet: a listing of the largest texts has a thousandth of it."""
_MOST_MEAN_BYTES = 1 << 20
"""Of a row of a Parquet row group, uncompressed: what has more is not read, since Arrow holds it thrice to do so."""
_MOST_GROUP_BYTES = 1 << 40
"""Of such a row group: what says that it has more lies, and would have bad rows without end."""
_MOST_IGNORED = 100
"""Unknown fields that are told of; a file can have one of its own in each row."""
_FIELDS = tuple(f.name for f in fields(Listing) if f.name != "dropped")  # what a reader says, no source


@dataclass(frozen=True)
class BadRow:
    """A row that is no listing: where it stands (the last line of a CSV row, a photo's position) and why."""

    line: int
    reason: str


def _listing(values: Mapping[str, Any], line: int) -> Listing | BadRow:
    """A null is absent; everything else a Listing checks itself."""
    known = {k: v for k, v in values.items() if k in _FIELDS and v is not None}
    images = known.get("images", [])
    if not isinstance(images, list) or not all(isinstance(i, str) for i in images):
        return BadRow(line, f"images: expected a list of file names, got {images!r:.80}")
    if "id" not in known:
        return BadRow(line, "id: expected a non-empty string, got nothing")
    if isinstance(known["id"], int) and not isinstance(known["id"], bool):
        known["id"] = str(known["id"])  # databases number their rows
    try:
        return Listing(**known)
    except InputError as error:
        return BadRow(line, str(error).removeprefix("Listing."))


def _from_jsonl(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    with path.open("rb") as file:
        for line, raw in enumerate(iter(partial(file.readline, _MOST_LINE_BYTES), b""), 1):
            if len(raw) == _MOST_LINE_BYTES and not raw.endswith(b"\n"):
                while (rest := file.readline(_MOST_LINE_BYTES)) and not rest.endswith(b"\n"):
                    pass
                yield line, f"expected a line of less than {_MOST_LINE_BYTES} bytes, got more"
                continue
            if not raw.strip():
                continue
            try:
                values = json.loads(raw)
            except (ValueError, RecursionError) as error:
                yield line, f"not JSON ({error!s:.100})"
                continue
            yield line, values if isinstance(values, dict) else f"expected an object, got {type(values).__name__}"


def _from_csv(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        for line, row in _csv_rows(csv.DictReader(file, strict=True)):
            yield line, row if isinstance(row, str) else _csv_values(row)


def _csv_rows(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str | Any, str | Any] | str]]:
    """Rows by their last line; a reason in place of one that is no CSV."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.reader.line_num, f"not CSV ({error})"  # DictReader's own number lags behind here
            continue
        yield reader.line_num, row


def _csv_values(row: dict[str | Any, str | Any]) -> Mapping[str, Any] | str:
    if None in row:
        return f"expected {len(row) - 1} columns, got more"
    if any(_NOT_UTF8 in str(value) for value in row.values()):
        return "expected UTF-8, got bytes that are not"
    # an empty cell is absent; but a column for the claim that is left empty states that there is none
    values: dict[str, Any] = {k: v for k, v in row.items() if v not in (None, "") or (k == "claimed_brand" and v == "")}
    for name in ("images", "reviews"):
        if name in values:
            values[name] = [part.strip() for part in values[name].split("|") if part.strip()]
    if "attributes" in values:
        try:
            values["attributes"] = json.loads(values["attributes"])
        except (ValueError, RecursionError):
            return f"attributes: expected a JSON object, got {values['attributes']!r:.80}"
    if "price" in values:
        try:
            values["price"] = float(values["price"])
        except ValueError:
            return f"price: expected a number, got {values['price']!r:.80}"
    return values


def _from_parquet(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise MissingDependencyError(f"{path.name}: reading Parquet needs pip install 'logoscan[parquet]'") from None
    line = 0
    try:
        file = parquet.ParquetFile(path)
        for group in range(file.num_row_groups):
            about = file.metadata.row_group(group)
            if about.total_byte_size > _MOST_MEAN_BYTES * about.num_rows:
                mean = about.total_byte_size // max(1, about.num_rows)
                if about.total_byte_size > _MOST_GROUP_BYTES:
                    raise ValueError(f"row group {group} says that it has {about.total_byte_size} bytes")
                for _ in range(about.num_rows):
                    line += 1
                    yield line, f"expected row groups of at most {_MOST_MEAN_BYTES} bytes a row, got {mean}"
                continue
            for batch in file.iter_batches(batch_size=1024, row_groups=[group]):
                for values in _rows(batch):
                    line += 1
                    yield line, values
    except (ArrowException, OSError, ValueError, OverflowError, ArithmeticError) as error:  # as values are converted
        raise CorruptFileError(f"{path.name}: not Parquet, or damaged after row {line} ({error!s:.120})") from None


def _rows(batch: Any) -> Iterator[Mapping[str, Any] | str]:
    """An Arrow batch row by row; what is wrong with one whose fields are too long."""
    long = _long_rows(batch)
    rows = (batch.slice(i, 1).to_pylist()[0] for i in range(len(batch)) if i not in long)
    rows = rows if long else iter(batch.to_pylist())
    for i in range(len(batch)):
        if i in long:  # a file of some kilobytes may hold a gigabyte of one letter
            yield f"expected fields of less than {_MOST_LINE_BYTES} bytes, got as many or more"
        else:
            yield _parquet_values(dict(next(rows)))


def _long_rows(batch: Any) -> set[int]:
    """Rows of an Arrow batch with a field that is too long to be anybody's."""
    from pyarrow import types

    long: set[int] = set()
    for column in batch.columns:
        if column.get_total_buffer_size() < _MOST_LINE_BYTES:
            continue
        if types.is_dictionary(column.type):  # one long value may stand in every row
            values = {i for i in range(len(column.dictionary)) if _bytes(column.dictionary, i) >= _MOST_LINE_BYTES}
            long |= {i for i, value in enumerate(column.indices.to_pylist()) if value in values}
        else:
            long |= {i for i in range(len(column)) if _bytes(column, i) >= _MOST_LINE_BYTES}
    return long


def _bytes(column: Any, row: int) -> int:
    from pyarrow import types

    one = column.slice(row, 1)
    view = types.is_string_view(one.type)  # Arrow counts all that its buffers hold, whatever the slice
    return int(one.cast("large_string").nbytes if view else one.nbytes)


def _parquet_values(values: dict[str, Any]) -> Mapping[str, Any]:
    """Parquet's richer types as the ones of a Listing."""
    attributes, price, listed_at = (values.get(name) for name in ("attributes", "price", "listed_at"))
    if isinstance(attributes, list) and all(isinstance(pair, tuple) for pair in attributes):  # so does a map arrive
        values["attributes"] = dict(attributes)
    elif isinstance(attributes, dict):  # a struct has the fields of all rows
        values["attributes"] = {k: v for k, v in attributes.items() if v is not None}
    if isinstance(price, Decimal):
        values["price"] = float(price)
    if isinstance(listed_at, date):  # or its child datetime
        values["listed_at"] = listed_at.isoformat()
    return values


def _below_their_source(
    read: Callable[[str | Path], Iterator[Listing | BadRow]],
) -> Callable[[str | Path], Iterator[Listing | BadRow]]:
    """Let the names of images know the folder that they are relative to, so that every scanner finds them."""

    @wraps(read)
    def reading(source: str | Path) -> Iterator[Listing | BadRow]:
        path = Path(source).absolute()  # it is read while the rows are, wherever the process is by then
        rows = read(path if path.exists() else source)
        folder = path if path.is_dir() else path.parent
        return (row if isinstance(row, BadRow) or not row.images else _below(row, folder) for row in rows)

    return reading


def _below(listing: Listing, folder: Path) -> Listing:
    return replace(listing, images=tuple(NameBelow(i, folder) if isinstance(i, str) else i for i in listing.images))


def to_listing(values: Mapping[str, Any], line: int) -> Listing | BadRow:
    """A listing of one row of a table, as Arrow gives it to Python.

    Args:
        values: By the names of a Listing's fields; others are ignored, null is absent.
        line: Where the row stands.
    """
    return _listing(_parquet_values(dict(values)), line)


@_below_their_source
def read_listings(source: str | Path) -> Iterator[Listing | BadRow]:
    """Listings of a file, or one for each photo of a folder (its id is the file's name below the folder).

    Image names stay as they are written, and know the folder that they are relative to: the file's, or the folder
    itself. A Scanner without a root looks for them there; one with a root, below that.

    Args:
        source: `.jsonl`, `.csv` (images and reviews split by `|`), `.parquet`, or a folder.

    Raises:
        InputError: No such file, or of another kind.
        MissingDependencyError: Parquet without pyarrow.
        CorruptFileError: While reading: a `.parquet` file that is something else.
    """
    path = Path(source)
    if path.is_dir():
        return _from_folder(path)
    readers = {".jsonl": _from_jsonl, ".csv": _from_csv, ".parquet": _from_parquet}
    if path.suffix.lower() not in readers or not path.is_file():
        raise InputError(f"listings: expected a folder of photos or a .jsonl, .csv or .parquet file, got {str(path)!r}")
    return _from_rows(readers[path.suffix.lower()](path), path.name)


def _from_folder(folder: Path) -> Iterator[Listing | BadRow]:
    for number, name in enumerate(photo_names(folder), 1):
        try:
            yield Listing(name, (name,))
        except InputError as error:
            yield BadRow(number, str(error).removeprefix("Listing."))


def _from_rows(rows: Iterable[tuple[int, Mapping[str, Any] | str]], name: str) -> Iterator[Listing | BadRow]:
    ignored: set[str] = set()
    for line, values in rows:
        if isinstance(values, str):
            yield BadRow(line, values)
            continue
        if len(ignored) < _MOST_IGNORED and (new := {str(k) for k in values} - set(_FIELDS) - ignored):
            told = sorted(new)[: _MOST_IGNORED - len(ignored)]
            ignored |= set(told)
            more = ", and more" if len(told) < len(new) else ""
            logger.warning("%s: ignored fields: %s%s", name, keys_for_log(told), more)
        yield _listing(values, line)


def read_prices(path: str | Path) -> Iterator[PriceRecord | BadRow]:
    """Price records of a CSV file with the columns brand, price, currency and, optionally, category, condition, title.

    The condition is as listings state it (empty: new); the title says how much is sold, as `units.pack` reads it.

    Raises:
        InputError: No such file, or a column is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"prices: expected a CSV file, got {str(path)!r}")
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        reader = csv.DictReader(file)
        if missing := {"brand", "price", "currency"} - set(_columns(reader, path.name)):
            raise InputError(f"{path.name}: expected the columns brand, price, currency; {sorted(missing)} missing")
        for line, row in _csv_rows(reader):
            if isinstance(row, str):
                yield BadRow(line, row)
                continue
            if any(_NOT_UTF8 in str(value) for value in row.values()):
                yield BadRow(line, "expected UTF-8, got bytes that are not")
                continue
            try:
                price = float(row["price"])
                category, condition = row.get("category") or None, row.get("condition") or None
                size = pack(row.get("title") or "")
                yield PriceRecord(row["brand"], price, row["currency"], category, condition, size)
            except (ValueError, TypeError) as error:
                yield BadRow(line, str(error))


def _columns(reader: csv.DictReader[str], name: str) -> Sequence[str]:
    try:
        return reader.fieldnames or ()
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{name}: expected a CSV file, got something else ({error!s:.120})") from None


def read_labels(path: str | Path) -> list[tuple[str, frozenset[str]]]:
    """Labelled photos of a CSV file with the columns file and brand; | between several brands, empty for none.

    Raises:
        InputError: No such file, a column is missing, or a row names no file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"labels: expected a CSV file, got {str(path)!r}")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if missing := {"file", "brand"} - set(_columns(reader, path.name)):
            raise InputError(f"{path.name}: expected the columns file and brand; {sorted(missing)} missing")
        try:
            read = list(reader)
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{path.name}: expected a CSV file, got something else ({error!s:.120})") from None
    rows = [(row["file"], frozenset(b.strip() for b in (row["brand"] or "").split("|") if b.strip())) for row in read]
    if not all(name for name, _ in rows):
        raise InputError(f"{path.name}: expected a file in every row, got an empty cell")
    return rows
