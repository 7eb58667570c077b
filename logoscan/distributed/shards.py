"""Files of listings as the shards of one large scan: their names, their rows, the files of their reports, the merge.

A shard is known by the SHA-256 of its content. Its reports stand in `<hash>.parquet`, which appears when it is complete
and says what made it. Knows files and records; knows neither how nor where a scan runs (`distributed` does).
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

from logoscan._hashing import file_sha256
from logoscan.errors import CorruptFileError, ImageError, InputError, MissingDependencyError
from logoscan.images.loading import read_file
from logoscan.io.files import atomic_write
from logoscan.io.listings import KINDS, BadRow, listings_kind, read_listings
from logoscan.merchants.evidence_model import EvidenceModel
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.state import MerchantState
from logoscan.reporting.jsonl import report_from_json
from logoscan.results import Report
from logoscan.types import Listing

__all__ = ["Failure", "Outputs", "Row", "Shard", "find_shards", "merge_ledger", "merge_states", "shard_reports"]

logger = logging.getLogger(__name__)

Outputs: TypeAlias = str | Path | Iterable[str | Path]
"""The folder of a scan's output files, or the files themselves."""

_KEY_DIGITS = 32
"""Of the SHA-256 that name a shard: 128 bits, so that no two contents meet by chance."""
_FORMAT = "1"
_COLUMNS = ("row", "line", "listing_id", "report", "failure")


@dataclass(frozen=True)
class Shard:
    """One file of listings.

    Attributes:
        path: Of the file.
        key: The first 32 hex digits of its SHA-256.
        twins: Further files with the same content; it is scanned once for all.
    """

    path: Path
    key: str
    twins: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A row that has no report: where it stands, whose it is (None where it is no listing), and why."""

    shard: str
    line: int
    listing_id: str | None
    reason: str


@dataclass(frozen=True)
class Row:
    """One row on its way through a scan. Plain values, so that it can cross between machines.

    Attributes:
        shard: Key of its shard; "" for rows that come from elsewhere.
        row: Its number in the shard, from 1; 0 stands for the shard's end.
        line: Where it stands in the file; of the end the number of rows.
        listing: As JSON, without photos that are no files; None where there is none.
        failure: Why there is none; of the end, why the shard cannot count: unreadable, or changed since its key
            was made.
        photos: One for each image: bytes that were read ahead, or None. None reads none ahead.
    """

    shard: str
    row: int
    line: int
    listing: str | None = None
    failure: str | None = None
    photos: Sequence[bytes | None] | None = None


def find_shards(source: Outputs) -> tuple[Shard, ...]:
    """The shards of a folder (its .jsonl, .csv and .parquet files, not those of its folders) or of a list of files.

    Files of lines may be packed (`.jsonl.gz`).

    Returns:
        In the order of the names, or of the list. Files of one content are one shard.

    Raises:
        InputError: There is none, or a file of another kind.
    """
    if isinstance(source, (str, Path)) and Path(source).is_dir():
        paths = sorted(p for p in Path(source).iterdir() if listings_kind(p) and not p.name.startswith("."))
    else:
        paths = [Path(source)] if isinstance(source, (str, Path)) else [Path(p) for p in source]
    if not paths:
        raise InputError(f"shards: expected files of listings ({', '.join(KINDS)}), got none in {str(source)!r:.120}")
    found: dict[str, list[Path]] = {}
    for path in paths:
        if listings_kind(path) is None or not path.is_file():
            raise InputError(f"shards: expected {', '.join(KINDS)} files, got {str(path)!r}")
        found.setdefault(file_sha256(path)[:_KEY_DIGITS], []).append(path.resolve())
    return tuple(Shard(same[0], key, tuple(same[1:])) for key, same in found.items())


# -- rows


def read_rows(path: Path, key: str, *, ahead: Path | None = None) -> Iterator[Row]:
    """Every row of a shard, and its end.

    Args:
        path: Of the shard.
        key: Its key.
        ahead: Folder of the photos, whose bytes are read too; None reads none.
    """
    taken: set[str] = set()
    number, broken = 0, None
    rows: Iterator[Listing | BadRow] = iter(())
    for number in count(1):
        try:
            if number == 1:
                rows = read_listings(path)
            row = next(rows)
        except StopIteration:
            break
        except (CorruptFileError, InputError) as error:  # no table, or one whose columns are not ours
            broken = str(error)
            break
        if isinstance(row, BadRow):
            yield Row(key, number, row.line, failure=row.reason)
        elif row.id in taken:
            reason = f"the id {row.id!r} is there twice; only the first is scanned"
            yield Row(key, number, number, listing_json(row), reason)
        else:
            taken.add(row.id)
            photos = None if ahead is None else [_ahead(image, ahead) for image in row.images]
            yield Row(key, number, number, listing_json(row), photos=photos)
    if file_sha256(path)[:_KEY_DIGITS] != key:
        broken = f"{path.name}: was changed while it was scanned; scan it again"
    yield Row(key, 0, number - 1, failure=broken)


def _ahead(image: object, root: Path) -> bytes | None:
    """None where it cannot be read: whoever scans it finds that out again, and says why in the report."""
    try:
        return read_file(str(image), root=root)
    except ImageError:
        return None


def listing_json(listing: Listing) -> str:
    """A listing as JSON; photos that are no files become "" and travel beside it."""
    values = {field.name: getattr(listing, field.name) for field in fields(Listing)}
    values["images"] = [str(image) if isinstance(image, (str, Path)) else "" for image in listing.images]
    return json.dumps(values | {"attributes": dict(listing.attributes)})


# -- files of reports


def _parquet() -> Any:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingDependencyError("shards: needs pip install 'logoscan[ray]'") from None
    return pyarrow, parquet


def write_output(path: Path, rows: Iterable[Mapping[str, Any]], made_by: Mapping[str, str]) -> None:
    """Write the reports of a shard; the file appears when it is complete, synced.

    Args:
        path: Of the file.
        rows: With row, line, listing_id, report (JSON, or None) and failure (None where there is a report).
        made_by: What made the reports; kept in the file.
    """
    pyarrow, parquet = _parquet()
    number, text = pyarrow.int64(), pyarrow.string()
    meta = {"logoscan.format": _FORMAT, "logoscan.made_by": json.dumps(made_by, sort_keys=True)}
    schema = pyarrow.schema(zip(_COLUMNS, (number, number, text, text, text), strict=True), meta)
    ordered = sorted(rows, key=lambda row: int(row["row"]))
    table = pyarrow.Table.from_pylist([{name: row[name] for name in _COLUMNS} for row in ordered], schema)
    data = io.BytesIO()
    parquet.write_table(table, data, compression="zstd")
    atomic_write(path, data.getvalue())


def made_by(path: Path) -> dict[str, str]:
    """What made the reports of a file.

    Raises:
        CorruptFileError: It is not a file of reports.
    """
    _, parquet = _parquet()
    try:
        meta = parquet.read_schema(path).metadata or {}
        if meta[b"logoscan.format"].decode() != _FORMAT:
            raise ValueError(f"format {meta[b'logoscan.format']!r}")
        return dict(json.loads(meta[b"logoscan.made_by"]))
    except (OSError, ValueError, KeyError) as error:  # Arrow's errors are ValueErrors and OSErrors
        raise CorruptFileError(f"{path}: expected reports of format {_FORMAT} in Parquet ({error!s:.120})") from None


def read_output(path: Path, columns: Sequence[str] = _COLUMNS) -> Iterator[dict[str, Any]]:
    """The rows of a file of reports, in the order of the shard."""
    _, parquet = _parquet()
    made_by(path)
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1024, columns=list(columns)):
            yield from batch.to_pylist()


def _files(outputs: Outputs) -> list[Path]:
    """In the order of their names, which nothing but the shards' content decides."""
    if isinstance(outputs, (str, Path)):
        if not Path(outputs).is_dir():
            raise InputError(f"outputs: expected a folder of reports or a list of its files, got {str(outputs)!r}")
        outputs = Path(outputs).glob("[!.]*.parquet")
    return sorted((Path(path) for path in outputs), key=lambda path: path.name)


def shard_reports(outputs: Outputs) -> Iterator[Report]:
    """Every report once, file by file in the order of their names, whoever finished first.

    Of reports with one id in several shards the first in that order is given; the others are passed over, and the log
    says how many. The ids are kept in memory, about 100 bytes each.

    Raises:
        InputError: There is no such folder.
        CorruptFileError: A file is none of reports.
    """
    taken: set[str] = set()
    repeated = 0
    for path in _files(outputs):
        for row in read_output(path):
            if row["report"] is None:
                continue
            if row["listing_id"] in taken:
                repeated += 1
                continue
            taken.add(row["listing_id"])
            yield report_from_json(row["report"], f"{path.name}, row {row['row']}")
    if repeated:
        logger.warning("%d reports passed over: their listings' ids are in an earlier shard too", repeated)


# -- the merge


def merge_states(outputs: Outputs, evidence: EvidenceModel | None = None) -> dict[str, MerchantState]:
    """The state of every merchant whose listings were scanned, by `seller_id`: of `shard_reports`, in its order.

    Listings without a seller are nobody's, and so are those whose seller's id is too long for a state (the log says).
    """
    states: dict[str, MerchantState] = {}
    for report in shard_reports(outputs):
        seller = report.seller_id
        if seller is None:
            continue
        state = states.get(seller) or MerchantState(evidence or EvidenceModel())
        try:
            state.add(report)
        except InputError as error:
            logger.warning("listing %r is in no merchant's state: %s", report.listing_id, error)
            continue
        states[seller] = state
    return states


def merge_ledger(outputs: Outputs, ledger: PhotoLedger) -> None:
    """Add the photos of all reports to a ledger, whose answers depend on no order.

    Only scanners with a ledger hash photos: reports of others add nothing.
    """
    for report in shard_reports(outputs):
        ledger.add_report(report)
