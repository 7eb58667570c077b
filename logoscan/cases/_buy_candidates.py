"""What is on sale and may be bought: an Arrow table of candidates, from reports or from Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from logoscan._extras import import_extra
from logoscan._quote import cause, quoted
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.rows import BadRow
from logoscan.odds import sigmoid
from logoscan.results import Report

__all__ = ["arrow", "candidates_of", "checked", "polars_and_svy", "read_candidates"]

_REQUIRED = ("listing_id", "p")
_TEXTS = ("listing_id", "seller_id", "brand", "category", "model")
_NUMBERS = ("price", "p")
_GROUPS = ("seller_id", "brand", "category")
# Rows of a batch, so that reports are not all held at once.
_BATCH = 50_000


def arrow() -> Any:
    """Return the module `pyarrow`.

    Raises:
        MissingDependencyError: It is not installed.
    """
    return import_extra("pyarrow", "buys")


def polars_and_svy() -> tuple[Any, Any]:
    """Return the modules `polars` and `svy`.

    Raises:
        MissingDependencyError: One of them is not installed.
    """
    return import_extra("polars", "buys"), import_extra("svy", "buys")


def _schema() -> Any:
    pa = arrow()
    kinds = {**dict.fromkeys(_TEXTS, pa.string()), **dict.fromkeys(_NUMBERS, pa.float64())}
    return pa.schema(list(kinds.items()))


def candidates_of(reports: Iterable[Report]) -> Any:
    """Return the candidates of reports: an Arrow table of listing_id, seller_id, brand, category, price, p and model.

    `brand` is the score's, and `p` the score / 100. A listing without a candidate brand has no brand, and the
    probability of a listing without any signal: a counterfeit may hide there, so it can be bought, too.

    Args:
        reports: Reports of everything on sale; read once.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    pa, schema = arrow(), _schema()
    return pa.Table.from_batches(
        (pa.RecordBatch.from_pylist(rows, schema) for rows in _batches(map(_row, reports))), schema
    )


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _row(report: Report) -> dict[str, Any]:
    score, facts = report.score, report.listing
    return {
        "listing_id": report.listing_id,
        "seller_id": report.seller_id,
        "brand": score.brand,
        "category": facts.category if facts else None,
        "price": facts.price if facts else None,
        "p": sigmoid(score.bias) if score.value is None else score.value / 100,
        "model": score.model,
    }


def read_candidates(path: str | Path) -> Any:
    """Return the candidates of a Parquet file, or of all Parquet files of a folder, as an Arrow table.

    The columns listing_id and p (the probability that the listing is counterfeit) are needed; seller_id, brand,
    category, price and model are read where they are there, other ones are not.

    Args:
        path: Path of the file or folder.

    Raises:
        MissingDependencyError: pyarrow is not installed.
        InputError: There is no such file, or a column is missing.
        CorruptFileError: A file is no Parquet, or damaged.
    """
    pa = arrow()
    from pyarrow import dataset

    path = Path(path)
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise InputError(f"candidates: expected a Parquet file, or a folder of them, got {str(path)!r}")
    try:
        source = dataset.dataset(files, format="parquet")
        return source.to_table(columns=[name for name in _schema().names if name in source.schema.names])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptFileError(f"{path.name}: not Parquet, or damaged ({cause(error)})") from None


def checked(table: Any, on_error: OnError) -> Any:
    """Return the good rows of a table of candidates, with all columns; the first of several rows of one listing counts.

    Args:
        table: The candidates.
        on_error: What to do with a bad row.

    Raises:
        InputError: It is no Arrow table, a column is missing or of another kind, or a row is bad and `on_error` is
            "raise".
    """
    check_on_error(on_error)
    pa, schema = arrow(), _schema()
    if not isinstance(table, pa.Table):
        raise InputError(f"candidates: expected an Arrow table, got {type(table).__name__}")
    if missing := [name for name in _REQUIRED if name not in table.column_names]:
        raise InputError(f"candidates: expected the columns {', '.join(_REQUIRED)}, got no {missing[0]}")
    from pyarrow import compute

    columns = []
    for field in schema:
        try:
            there = field.name in table.column_names
            column = table[field.name].cast(field.type) if there else pa.nulls(len(table), field.type)
        except pa.ArrowException as error:
            raise InputError(f"candidates, column {field.name}: expected {field.type} ({cause(error)})") from None
        if field.name in _GROUPS:  # a blank name is none
            blank = compute.equal(compute.utf8_length(compute.utf8_trim_whitespace(column)), 0)
            column = compute.if_else(blank, pa.scalar(None, field.type), column)
        columns.append(column)
    table = pa.table(columns, schema)
    bad = _bad_rows(table)
    for _ in good_rows(bad.values(), on_error, "candidates"):
        pass
    return table.take(np.setdiff1d(np.arange(len(table)), np.fromiter(bad, np.int64, len(bad)))) if bad else table


def _bad_rows(table: Any) -> dict[int, BadRow]:
    """Return the bad rows by their position."""
    from pyarrow import compute

    p = table["p"].to_numpy()
    ids = table["listing_id"].combine_chunks().dictionary_encode()
    codes = ids.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    first = np.zeros(len(ids.dictionary) + 1, np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    blank = compute.equal(compute.utf8_length(compute.utf8_trim_whitespace(table["listing_id"])), 0)
    is_blank = blank.fill_null(True).to_numpy()
    outside = ~((p >= 0) & (p <= 1))  # NaN, too
    again = first[codes] != np.arange(len(codes))
    out: dict[int, BadRow] = {}
    for row in np.flatnonzero(is_blank | outside | again).tolist():
        if is_blank[row]:
            reason = "listing_id: expected one, got an empty cell"
        elif again[row]:
            reason = f"listing_id: {quoted(ids.dictionary[codes[row]].as_py())} is there twice; only the first counts"
        else:
            reason = f"p: expected a probability in [0, 1], got {float(p[row])!r}"
        out[row] = BadRow(row + 1, reason)
    return out
