"""What workers run of a distributed scan: rows of a shard or of a caller's table, an actor that scans them.

Arrow tables in, Arrow tables out; `distributed` hands them to Ray, which nothing here knows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from logoscan._hashing import sha256_hex
from logoscan.distributed.shards import Row, listing_json, read_rows
from logoscan.io.listings import BadRow, to_listing
from logoscan.reporting.jsonl import report_to_json
from logoscan.results import Report
from logoscan.sources import Root
from logoscan.types import Listing

if TYPE_CHECKING:
    from logoscan.scan.scanner import Scanner

__all__ = ["Begun", "MakeScanner", "ScanStage", "from_index", "identify", "read_stage", "take_stage"]

logger = logging.getLogger(__name__)

MakeScanner: TypeAlias = "Callable[[], Scanner]"
"""Called once in each actor; has to be picklable: a function of a module, or `functools.partial` of one."""

ROW_BATCH = 64
"""Rows of a table on their way to the actors."""
MOST_DEATHS = 3
"""Of workers at one listing, looked at alone: machines are taken away, but hardly thrice at the same one."""


def from_index(folder: Path, root: Root, device: str) -> Scanner:
    """A scanner of the bundled models over an index folder."""
    from logoscan.index.logo_index import LogoIndex
    from logoscan.ocr.engine import make_ocr
    from logoscan.scan.scanner import Scanner
    from logoscan.vision.encoder import ClipEncoder

    encoder = ClipEncoder(device=device)
    return Scanner(LogoIndex.load(folder, encoder), encoder=encoder, ocr=make_ocr("auto", device=device), root=root)


def _table(rows: Sequence[Row]) -> Any:
    """Rows as an Arrow table; the schema is stated, since Arrow cannot guess that of a column without values."""
    import pyarrow as pa

    kinds = (pa.string(), pa.int64(), pa.int64(), pa.string(), pa.string(), pa.list_(pa.binary()))
    names = [field.name for field in fields(Row)]
    columns = ([getattr(row, name) for row in rows] for name in names)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)], names)


def read_stage(table: Any, ahead: Path | None) -> Iterator[Any]:
    """Shards (path, key) to the tables of their rows."""
    for shard in table.to_pylist():
        batch: list[Row] = []
        for row in read_rows(Path(shard["path"]), shard["key"], ahead=ahead):
            batch.append(row)
            if len(batch) == ROW_BATCH:
                yield _table(batch)
                batch = []
        yield _table(batch)


def take_stage(table: Any) -> Any:
    """A caller's own rows, with the fields of a Listing as columns."""
    rows = []
    for number, values in enumerate(table.to_pylist(), 1):
        made = to_listing(values, number)
        if isinstance(made, BadRow):
            rows.append(Row("", number, number, failure=made.reason))
        else:
            photos = [image if isinstance(image, bytes) else None for image in made.images]
            held = any(photo is not None for photo in photos)
            rows.append(Row("", number, number, listing_json(made), photos=photos if held else None))
    return _table(rows)


@dataclass
class Begun:
    """What was begun and has not ended; an actor of its own, so that it outlives those that scan.

    Attributes:
        times: By the name of what was begun.
    """

    times: dict[str, int] = field(default_factory=dict)

    def begin(self, name: str) -> int:
        """Times that it was begun since it ended last, with this one."""
        self.times[name] = self.times.get(name, 0) + 1
        return self.times[name]

    def end(self, name: str) -> None:
        """It ended well, or for good."""
        self.times.pop(name, None)


class ScanStage:
    """The actor: its scanner is made once; tables of rows in, tables of reports out."""

    def __init__(self, make_scanner: MakeScanner, begun: Any = None) -> None:
        """Make the scanner; `begun` is the handle of a `Begun` in Ray, None keeps no count of workers that died."""
        self._scanner = make_scanner()
        self._begun = begun

    def _scan(self, listings: Sequence[Listing], keys: Sequence[str]) -> list[Report | str]:
        """Reports; where a worker died at these listings, one by one, and without the one that keeps killing them."""
        if self._begun is None or not listings:
            return _reports(self._scanner, listings)
        import ray

        def ask(verb: str, name: str) -> int:
            return int(ray.get(getattr(self._begun, verb).remote(name)) or 0)

        together = sha256_hex("\n".join(keys).encode())
        if ask("begin", together) == 1:
            out = _reports(self._scanner, listings)
        else:
            out = []
            for listing, key in zip(listings, keys, strict=True):
                if (times := ask("begin", key)) > MOST_DEATHS:
                    out.append(f"cannot be scanned (workers died at it {times - 1} times)")
                else:
                    out += _reports(self._scanner, [listing])
                ask("end", key)
        ask("end", together)
        return out

    def __call__(self, table: Any) -> Any:
        """Scan the rows that are listings; of each row in, one out: a report, or why there is none."""
        import pyarrow as pa

        rows = table.to_pylist()
        stated: list[dict[str, Any]] = [json.loads(row["listing"] or "{}") for row in rows]
        todo = [n for n, row in enumerate(rows) if stated[n] and row["failure"] is None]
        listings = [Listing(**stated[n] | {"images": _sources(stated[n]["images"], rows[n]["photos"])}) for n in todo]
        keys = [f"{rows[n]['shard']} {rows[n]['row']} {rows[n]['listing']}" for n in todo]
        results: list[Report | str | None] = [row["failure"] for row in rows]
        for n, result in zip(todo, self._scan(listings, keys), strict=True):
            results[n] = result if isinstance(result, str) else _named(result, stated[n]["images"], rows[n]["photos"])
        columns = {
            "listing_id": [values.get("id") for values in stated],
            "report": [report_to_json(r) if isinstance(r, Report) else None for r in results],
            "failure": [r if isinstance(r, str) else None for r in results],
        }
        out = table.select(["shard", "row", "line"])
        for name, column in columns.items():
            out = out.append_column(name, pa.array(column, pa.string()))
        return out


def _sources(names: list[str], photos: list[bytes | None] | None) -> list[str | bytes]:
    return list(names) if photos is None else [p if p is not None else n for n, p in zip(names, photos, strict=True)]


def _named(report: Report, names: list[str], photos: list[bytes | None] | None) -> Report:
    """As if the photos that were read ahead had been read from their files."""
    if photos is None:
        return report
    images, warnings = list(report.images), list(report.warnings)
    for i, (name, photo) in enumerate(zip(names[: len(images)], photos, strict=False)):
        if photo is not None and name:
            images[i] = replace(images[i], file=name)
            mine = f"image {i}: bytes:"
            warnings = [f"image {i}: {Path(name).name}:{w[len(mine) :]}" if w.startswith(mine) else w for w in warnings]
    return replace(report, images=tuple(images), warnings=tuple(warnings))


def _reports(scanner: Scanner, listings: Sequence[Listing]) -> list[Report | str]:
    """One for each listing; one that breaks the scanner costs itself, and says why.

    Raises:
        Exception: The scanner's own, where it breaks at every one of several: then it is not the listings' fault.
    """
    out: list[Report | str] = []
    try:
        out += scanner.scan_many(listings, workers=1)
        return out
    except Exception as error:
        logger.exception("%d listings could not be scanned together", len(listings))
        broken = error
    out = []
    for listing in listings:
        try:
            out.append(scanner.scan(listing))
        except Exception as error:
            out.append(f"cannot be scanned ({type(error).__name__}: {error!s:.120})")
    if len(out) > 1 and all(isinstance(one, str) for one in out):
        raise broken
    return out


def identify(make_scanner: MakeScanner, tag: str) -> dict[str, str]:
    """What decides the reports, as far as a scanner says; not the device, which may differ between actors."""
    made = asdict(make_scanner().scan(Listing("-")).provenance)
    return {name: value for name, value in made.items() if name not in ("device", "time")} | {"tag": tag}
