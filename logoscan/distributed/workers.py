"""What the workers of a distributed scan run: rows of a shard or of a caller's dataset, and an actor that scans them.

Arrow tables in, Arrow tables out; `ray_scan` passes them to Ray. A table has one row for each `Row`, and one for each
`ShardEnd`, whose `count` is not null.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from logoscan._hashing import sha256_hex
from logoscan._quote import cause
from logoscan.distributed.feature_parts import PackedFeatures
from logoscan.distributed.shards import Row, ShardEnd, listing_json, read_rows
from logoscan.io.listings import BadRow, to_listing
from logoscan.reporting.jsonl import report_to_json
from logoscan.results import Report
from logoscan.sources import NameBelow, Root
from logoscan.store.part_writer import StoreSettings
from logoscan.store.writer import FeatureSink
from logoscan.types import ImageSource, Listing

if TYPE_CHECKING:
    from logoscan.scan.scanner import Scanner

__all__ = ["Attempts", "MakeScanner", "ScanStage", "from_index", "identify", "listing_stage", "shard_stage"]

logger = logging.getLogger(__name__)

MakeScanner: TypeAlias = "Callable[[], Scanner]"
"""Called once in each actor; has to be picklable: a function of a module, or `functools.partial` of one."""

ROWS_PER_TABLE = 64
"""Rows of a table on its way to the actors."""
MAX_DEATHS = 3
"""Deaths of workers at one listing, scanned alone, after which it is given up: a machine may be taken away by chance,
but hardly three times at the same listing."""
_COLUMNS = ("shard", "row", "line", "listing", "failure", "photos", "count")


def from_index(folder: Path, root: Root, device: str) -> Scanner:
    """Return a scanner of the bundled models over an index folder."""
    from logoscan.scan.scanner import Scanner

    return Scanner.default(folder, device=device, root=root)


def _table(rows: Sequence[Row | ShardEnd]) -> Any:
    """Return rows as an Arrow table; the schema is stated, since Arrow cannot guess that of a column without values."""
    import pyarrow as pa

    kinds = (pa.string(), pa.int64(), pa.int64(), pa.string(), pa.string(), pa.list_(pa.binary()), pa.int64())
    columns = ([getattr(row, name, None) for row in rows] for name in _COLUMNS)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)], _COLUMNS)


def shard_stage(table: Any, photo_folder: Path | None) -> Iterator[Any]:
    """Yield the rows of shards as tables.

    Args:
        table: Shards, with the columns path and key.
        photo_folder: Folder of the photos, whose bytes are read ahead; None reads no photo.
    """
    for shard in table.to_pylist():
        rows: list[Row | ShardEnd] = []
        for row in read_rows(Path(shard["path"]), shard["key"], photo_folder=photo_folder):
            rows.append(row)
            if len(rows) == ROWS_PER_TABLE:
                yield _table(rows)
                rows = []
        yield _table(rows)


def listing_stage(table: Any) -> Any:
    """Return the rows of a caller's dataset, whose columns are the fields of a Listing, as a table of `Row`s."""
    rows = []
    for number, values in enumerate(table.to_pylist(), 1):
        listing = to_listing(values, number)
        if isinstance(listing, BadRow):
            rows.append(Row(None, number, number, failure=listing.reason))
        else:
            photos = [image if isinstance(image, bytes) else None for image in listing.images]
            has_bytes = any(photo is not None for photo in photos)
            rows.append(Row(None, number, number, listing_json(listing), photos=photos if has_bytes else None))
    return _table(rows)


@dataclass
class Attempts:
    """Counts how often a task was begun and did not end; an actor of its own, so that it outlives those that scan.

    Attributes:
        counts: Number of attempts by the name of the task.
    """

    counts: dict[str, int] = field(default_factory=dict)

    def begin(self, task: str) -> int:
        """Count an attempt; return the number of attempts since the task last ended, this one included."""
        self.counts[task] = self.counts.get(task, 0) + 1
        return self.counts[task]

    def end(self, task: str) -> None:
        """Forget a task, which has ended or was given up."""
        self.counts.pop(task, None)


class ScanStage:
    """The actor: makes its scanner once, then takes tables of rows and returns tables of reports."""

    def __init__(
        self,
        make_scanner: MakeScanner,
        attempts: Any = None,
        folder: Path | None = None,
        settings: StoreSettings | None = None,
    ) -> None:
        """Make the scanner.

        Args:
            make_scanner: Function that makes it.
            attempts: Ray handle of an `Attempts`; None counts no workers that died.
            folder: Folder that names of photos are relative to, for a scanner without a root of its own; the actor's
                current folder if None.
            settings: How the features are stored that are returned with the reports; None returns no features.
        """
        self._scanner = make_scanner()
        self._settings = settings
        self._maker = None if settings is None else self._scanner.maker(text=settings.keep_text)
        self._kept: PackedFeatures | None = None
        self._attempts = attempts
        self._folder = folder

    def _scan(self, listings: Sequence[Listing], keys: Sequence[str]) -> list[Report | str]:
        """Return a report, or a failure, for each listing.

        If a worker died at these listings, they are scanned one by one, without the one that keeps killing workers.
        """
        if self._attempts is None or not listings:
            return _reports(self._scanner, listings, self._kept)
        import ray

        def ask(verb: str, task: str) -> int:
            return int(ray.get(getattr(self._attempts, verb).remote(task)) or 0)

        whole_batch = sha256_hex("\n".join(keys).encode())
        if ask("begin", whole_batch) == 1:
            out = _reports(self._scanner, listings, self._kept)
        else:
            out = []
            for listing, key in zip(listings, keys, strict=True):
                if (attempts := ask("begin", key)) > MAX_DEATHS:
                    out.append(f"cannot be scanned (workers died at it {attempts - 1} times)")
                else:
                    out += _reports(self._scanner, [listing], self._kept)
                ask("end", key)
        ask("end", whole_batch)
        return out

    def __call__(self, table: Any) -> Any:
        """Scan the rows that are listings; return a row for each row: a report, or why there is none."""
        import pyarrow as pa

        rows = table.to_pylist()
        stated: list[dict[str, Any]] = [json.loads(row["listing"] or "{}") for row in rows]
        todo = [n for n, row in enumerate(rows) if stated[n] and row["failure"] is None]
        listings = [
            Listing(**stated[n] | {"images": self._images(stated[n]["images"], rows[n]["photos"])}) for n in todo
        ]
        names = {stated[n]["id"]: stated[n]["images"] for n in todo}
        if self._maker is not None and self._settings is not None:
            self._kept = PackedFeatures(self._maker, self._settings, names)
        keys = [f"{rows[n]['shard']} {rows[n]['row']} {rows[n]['listing']}" for n in todo]
        results: list[Report | str | None] = [row["failure"] for row in rows]
        for n, result in zip(todo, self._scan(listings, keys), strict=True):
            if isinstance(result, Report):
                result = _with_file_names(result, stated[n]["images"], rows[n]["photos"])
            results[n] = result
        columns = {
            "listing_id": [values.get("id") for values in stated],
            "report": [report_to_json(r) if isinstance(r, Report) else None for r in results],
            "failure": [r if isinstance(r, str) else None for r in results],
        }
        out = table.select(["shard", "row", "line", "count"])
        for name, column in columns.items():
            out = out.append_column(name, pa.array(column, pa.string()))
        packed = {} if self._kept is None else self._kept.packed
        features = [
            packed.get(values.get("id", "")) if isinstance(result, Report) else None
            for values, result in zip(stated, results, strict=True)
        ]
        return out.append_column("features", pa.array(features, pa.large_binary()))

    def _images(self, names: Sequence[str | None], photos: Sequence[bytes | None] | None) -> list[ImageSource | None]:
        """Return the bytes of each image that was read ahead, and the name of each other image."""
        images: list[ImageSource | None] = []
        for name, photo in zip(names, photos or [None] * len(names), strict=True):
            if photo is not None:
                images.append(photo)
            elif name is not None and self._folder is not None:
                images.append(NameBelow(name, self._folder))
            else:
                images.append(name)
        return images


def _with_file_names(report: Report, names: Sequence[str | None], photos: Sequence[bytes | None] | None) -> Report:
    """Return a report as if the photos that were read ahead had been read from their files."""
    if photos is None:
        return report
    images, warnings = list(report.images), list(report.warnings)
    for i, (name, photo) in enumerate(zip(names[: len(images)], photos, strict=False)):
        if photo is not None and name is not None:
            images[i] = replace(images[i], file=name)
            prefix = f"image {i}: bytes:"
            warnings = [
                f"image {i}: {Path(name).name}:{w.removeprefix(prefix)}" if w.startswith(prefix) else w
                for w in warnings
            ]
    return replace(report, images=tuple(images), warnings=tuple(warnings))


def _reports(scanner: Scanner, listings: Sequence[Listing], kept: FeatureSink | None) -> list[Report | str]:
    """Return a report for each listing, or why it broke the scanner.

    Raises:
        Exception: The scanner's own, if each of several listings breaks it: then the fault is not the listings'.
    """
    out: list[Report | str] = []
    try:
        out += scanner.scan_many(listings, workers=1, keep_features=kept)
        return out
    except Exception as error:
        logger.exception("%d listings could not be scanned together", len(listings))
        first_error = error
    out = []
    for listing in listings:
        try:
            out += scanner.scan_many([listing], workers=1, deduplicate=False, keep_features=kept)
        except Exception as error:
            out.append(f"cannot be scanned ({type(error).__name__}: {cause(error)})")
    if len(out) > 1 and all(isinstance(result, str) for result in out):
        raise first_error
    return out


def identify(make_scanner: MakeScanner, tag: str) -> dict[str, str]:
    """Return what decides the reports, as far as a scanner states it; what differs by an actor's device is left out."""
    provenance = asdict(make_scanner().scan(Listing("-")).provenance)
    varying = ("device", "packs", "runtime", "time")
    return {name: str(value) for name, value in provenance.items() if name not in varying} | {"tag": tag}
