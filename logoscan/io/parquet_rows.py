"""Rows of a Parquet file: only the known columns, value by value where Arrow cannot give a whole column to Python.

A value that cannot be read costs that value, a damaged row group costs that group. Knows Arrow's types; knows no
field's meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from logoscan._quote import cause
from logoscan.errors import CorruptFileError, MissingDependencyError
from logoscan.io.rows import BadRow
from logoscan.io.values import Unreadable

__all__ = ["ParquetTable"]

# Bytes of one field, which must have fewer: a listing with the largest texts has a thousandth of it.
_MOST_FIELD_BYTES = 16 << 20
# Mean bytes of a row of a row group, uncompressed: a larger group is not read, since Arrow holds it three times.
_MOST_MEAN_BYTES = 1 << 20
# Rows for each byte of the file: no file of listings, which have different ids, has a tenth of it.
_MOST_ROWS_A_BYTE = 100
_BATCH = 1024
# Errors beside Arrow's own for values that Python cannot hold: years, time zones, texts that are not UTF-8.
_PYTHON_ERRORS = (OSError, ValueError, ArithmeticError, LookupError)


class ParquetTable:
    """A Parquet file whose footer was read.

    Attributes:
        columns: Names of all its columns.
        rows: Number of rows that its footer states.
    """

    def __init__(self, path: Path) -> None:
        """Read the footer.

        Raises:
            MissingDependencyError: pyarrow is not installed.
            CorruptFileError: The file is something else, or states more rows than any file of its size has.
        """
        try:
            from pyarrow import ArrowException, parquet
        except ImportError:
            raise MissingDependencyError(
                f"{path.name}: reading Parquet needs pip install 'logoscan[parquet]'"
            ) from None
        self._errors = (ArrowException, *_PYTHON_ERRORS)
        self._path = path
        try:
            with parquet.ParquetFile(path) as file:
                self.columns: tuple[str, ...] = tuple(file.schema_arrow.names)
                groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        except self._errors as error:
            raise CorruptFileError(f"{path.name}: not Parquet, or damaged ({cause(error)})") from None
        self.rows = sum(groups)
        size = path.stat().st_size
        if self.rows > size * _MOST_ROWS_A_BYTE or min(groups, default=0) < 0:
            raise CorruptFileError(f"{path.name}: damaged: it says that it has {self.rows} rows in {size} bytes")

    def records(self, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
        """Yield the rows with their numbers, from 1; a `BadRow` stands for one row, or for many, that cannot be read.

        Args:
            columns: Names of the columns to read.

        Raises:
            CorruptFileError: The footer cannot be read any more.
        """
        from pyarrow import parquet

        before = 0
        try:
            with parquet.ParquetFile(self._path) as file:
                for group in range(file.num_row_groups):
                    yield from self._group(file, group, before, columns)
                    before += file.metadata.row_group(group).num_rows
        except self._errors as error:
            raise CorruptFileError(f"{self._path.name}: damaged after row {before} ({cause(error)})") from None

    def _group(
        self, file: Any, group: int, before: int, columns: Sequence[str]
    ) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
        metadata = file.metadata.row_group(group)
        read, why = 0, ""
        if metadata.total_byte_size > _MOST_MEAN_BYTES * metadata.num_rows:
            mean = metadata.total_byte_size // max(1, metadata.num_rows)
            why = f"expected row groups of at most {_MOST_MEAN_BYTES} bytes a row, got {mean}"
        else:
            try:
                for batch in file.iter_batches(_BATCH, row_groups=[group], columns=list(columns)):
                    for values in _rows(batch, self._errors):
                        read += 1
                        line = before + read
                        yield line, BadRow(line, values) if isinstance(values, str) else values
            except self._errors as error:
                why = f"damaged ({cause(error)})"
        if (left := metadata.num_rows - read) > 0:
            first, last = before + read + 1, before + metadata.num_rows
            what = f"rows {first} to {last}, {left} in all" if left > 1 else f"row {first}"
            yield first, BadRow(first, f"{what}: {why or 'they are not there'}", left)


def _rows(batch: Any, errors: tuple[type[Exception], ...]) -> Iterator[Mapping[str, Any] | str]:
    """Yield the rows of an Arrow batch; the reason in place of a row whose fields are too long."""
    long = _long_rows(batch)
    if long:  # a file of some kilobytes may hold a gigabyte of one letter
        for i in range(len(batch)):
            if i in long:
                yield f"expected fields of less than {_MOST_FIELD_BYTES} bytes, got as many or more"
            else:
                yield next(_rows_of(batch.slice(i, 1), errors))
        return
    yield from _rows_of(batch, errors)


def _rows_of(batch: Any, errors: tuple[type[Exception], ...]) -> Iterator[Mapping[str, Any]]:
    names = batch.schema.names
    columns = [_values(column, errors) for column in batch.columns]
    for i in range(len(batch)):
        yield {name: column[i] for name, column in zip(names, columns, strict=True)}


def _values(column: Any, errors: tuple[type[Exception], ...]) -> list[Any]:
    """Return the values of a column for Python, each on its own if one of them cannot be converted."""
    from pyarrow import timestamp, types

    if types.is_timestamp(column.type):  # Python knows microseconds, and zones that are installed
        column = column.cast(timestamp("us", "UTC" if column.type.tz else None), safe=False)
    try:
        return list(column.to_pylist())
    except errors:
        return [_value(column, i, errors) for i in range(len(column))]


def _value(column: Any, row: int, errors: tuple[type[Exception], ...]) -> Any:
    from pyarrow import types

    cell = column.slice(row, 1)
    try:
        return cell.to_pylist()[0]
    except errors as error:
        if types.is_dictionary(cell.type):
            cell = cell.dictionary_decode()
        if types.is_string(cell.type) or types.is_large_string(cell.type):  # not UTF-8: its bytes, then
            return cell.cast("large_binary").to_pylist()[0]
        return Unreadable(f"{type(error).__name__}: {cause(error)}")


def _long_rows(batch: Any) -> set[int]:
    """Return the rows of an Arrow batch with a field of `_MOST_FIELD_BYTES` or more."""
    from pyarrow import types

    long: set[int] = set()
    for column in batch.columns:
        if column.get_total_buffer_size() < _MOST_FIELD_BYTES:
            continue
        if types.is_dictionary(column.type):  # one long value may stand in every row
            values = {i for i in range(len(column.dictionary)) if _bytes(column.dictionary, i) >= _MOST_FIELD_BYTES}
            long |= {i for i, value in enumerate(column.indices.to_pylist()) if value in values}
        else:
            long |= {i for i in range(len(column)) if _bytes(column, i) >= _MOST_FIELD_BYTES}
    return long


def _bytes(column: Any, row: int) -> int:
    from pyarrow import types

    cell = column.slice(row, 1)
    is_view = types.is_string_view(cell.type)  # Arrow counts all that a view's buffers hold, whatever the slice
    return int(cell.cast("large_string").nbytes if is_view else cell.nbytes)
