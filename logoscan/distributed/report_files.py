"""Files of reports: one Parquet file for each shard, which appears when it is complete and states what made it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from logoscan._extras import import_extra
from logoscan._quote import cause
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.files import atomic_write
from logoscan.reporting.jsonl import report_from_json
from logoscan.results import Report

__all__ = ["Failure", "Outputs", "made_by", "read_output", "shard_reports", "write_output"]

logger = logging.getLogger(__name__)

Outputs: TypeAlias = str | Path | Iterable[str | Path]
"""A folder of files, or the files themselves."""

_FORMAT = "1"
_COLUMNS = ("row", "line", "listing_id", "report", "failure")


@dataclass(frozen=True)
class Failure:
    """A row that has no report.

    Attributes:
        shard: Name of the shard's file.
        line: Line of the row in the shard.
        listing_id: Id of the listing; None if the row is not a listing.
        reason: Why there is no report.
    """

    shard: str
    line: int
    listing_id: str | None
    reason: str


def _parquet() -> Any:
    return import_extra("pyarrow", "ray"), import_extra("pyarrow.parquet", "ray")


def write_output(path: Path, rows: Iterable[Mapping[str, Any]], made_by: Mapping[str, str]) -> None:
    """Write the reports of a shard; the file appears when it is complete and synced.

    Args:
        path: Path of the file.
        rows: Rows in any order, with row, line, listing_id, report (JSON, or None) and failure (None if there is a
            report).
        made_by: What made the reports; kept in the file.
    """
    pyarrow, parquet = _parquet()
    number, text = pyarrow.int64(), pyarrow.string()
    metadata = {"logoscan.format": _FORMAT, "logoscan.made_by": json.dumps(made_by, sort_keys=True)}
    schema = pyarrow.schema(zip(_COLUMNS, (number, number, text, text, text), strict=True), metadata)
    ordered = sorted(rows, key=lambda row: int(row["row"]))
    table = pyarrow.Table.from_pylist([{name: row[name] for name in _COLUMNS} for row in ordered], schema)
    data = io.BytesIO()
    parquet.write_table(table, data, compression="zstd")
    atomic_write(path, data.getvalue())


def made_by(path: Path) -> dict[str, str]:
    """Return what made the reports of a file.

    Raises:
        CorruptFileError: The file is not a file of reports.
    """
    _, parquet = _parquet()
    try:
        metadata = parquet.read_schema(path).metadata or {}
        if metadata[b"logoscan.format"].decode() != _FORMAT:
            raise ValueError(f"format {metadata[b'logoscan.format']!r}")
        return dict(json.loads(metadata[b"logoscan.made_by"]))
    except (OSError, ValueError, KeyError) as error:  # Arrow's errors are ValueErrors and OSErrors
        raise CorruptFileError(f"{path}: expected reports of format {_FORMAT} in Parquet ({cause(error)})") from None


def read_output(path: Path, columns: Sequence[str] = _COLUMNS) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of reports, in the order of the shard."""
    _, parquet = _parquet()
    made_by(path)
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1024, columns=list(columns)):
            yield from batch.to_pylist()


def _files(outputs: Outputs) -> list[Path]:
    """Return the files in the order of their names, which only the content of the shards decides."""
    if isinstance(outputs, (str, Path)):
        if not Path(outputs).is_dir():
            raise InputError(f"outputs: expected a folder of reports or a list of its files, got {str(outputs)!r}")
        outputs = Path(outputs).glob("[!.]*.parquet")
    return sorted((Path(path) for path in outputs), key=lambda path: path.name)


def shard_reports(outputs: Outputs) -> Iterator[Report]:
    """Yield every report once, file by file in the order of their names, whichever was finished first.

    Of several reports with one id the first in this order is given; the log says how many others were skipped. The ids
    are kept in memory, about 100 bytes each.

    Args:
        outputs: Folder of the files of reports, or the files.

    Raises:
        InputError: There is no such folder.
        CorruptFileError: A file is not a file of reports.
    """
    ids: set[str] = set()
    repeated = 0
    for path in _files(outputs):
        for row in read_output(path):
            if row["report"] is None:
                continue
            if row["listing_id"] in ids:
                repeated += 1
                continue
            ids.add(row["listing_id"])
            yield report_from_json(row["report"], f"{path.name}, row {row['row']}")
    if repeated:
        logger.warning("%d reports passed over: their listings' ids are in an earlier shard too", repeated)
