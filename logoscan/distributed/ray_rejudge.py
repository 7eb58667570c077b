"""Judge the stored features of shards again on more than one machine: one task a shard, no photo opened.

A shard that `scan_shards(keep_features=)` scanned has a file of features and a file of reports, both named by its hash.
An actor reads them, judges the shard by its own scanner, which loads no network, and writes the new file of reports.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from logoscan.distributed.ray_cluster import Pool, cluster, import_ray
from logoscan.distributed.ray_scan import refuse_others
from logoscan.distributed.report_files import Outputs, read_output, write_output
from logoscan.distributed.shard_scan import ShardScan, report_file, summarise
from logoscan.distributed.shards import Shard, ShardEnd, find_shards, read_rows
from logoscan.distributed.workers import identify
from logoscan.errors import CorruptFileError, InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.io.files import private_folder
from logoscan.reporting.jsonl import report_from_json, report_to_json
from logoscan.results import Report
from logoscan.store.reader import FeatureStore
from logoscan.types import Listing

if TYPE_CHECKING:
    from logoscan.scan.scanner import Scanner

__all__ = ["Earlier", "MakeJudge", "rejudge_shards"]

logger = logging.getLogger(__name__)

MakeJudge: TypeAlias = "Callable[[FeatureStore], Scanner]"
"""Makes the scanner of stored features (`Scanner.recorded`) in each actor; has to be picklable."""


class Earlier(NamedTuple):
    """What an earlier run left.

    Attributes:
        reports: Folder of its reports; None has none.
        index_folder: Index folder by which they were judged; None is not known.
    """

    reports: Path | None
    index_folder: Path | None


def rejudge_shards(
    shards: Outputs,
    features: str | Path,
    out: str | Path,
    *,
    index: str | Path | None = None,
    make_scanner: MakeJudge | None = None,
    reports: str | Path | None = None,
    earlier_index: str | Path | None = None,
    pool: Pool | None = None,
    tag: str = "",
) -> ShardScan:
    """Judge the shards of an earlier scan again by their stored features, each to a file of reports.

    Shards whose file exists in `out` are skipped, so that the same call continues after a crash. As in `scan_shards`,
    each file states what made it, and nothing is judged if a file in `out` was made by anything else; put a hash of
    prices and of other settings that a scanner does not state into `tag`.

    Args:
        shards: Folder of .jsonl, .csv and .parquet files, or the files, as they were scanned: a shard is known by its
            content. Every machine must reach them, and all folders, under the same paths.
        features: Folder that `scan_shards(keep_features=)` wrote.
        out: Folder of the files of reports, made if missing.
        index: Index folder with the brands to judge by.
        make_scanner: Function that makes the scanner of the features, instead of `index`: with prices, a score model.
        reports: Folder of the earlier reports of the shards; keypoint matches are taken from them. None has none.
        earlier_index: Index folder by which these were judged, so that its logos are not compared again.
        pool: Processes to take; two actors on CPUs if None.
        tag: Further settings that decide the reports.

    Returns:
        What became of the shards.

    Raises:
        InputError: No shards, no features, a bad folder, or neither or both of `index` and `make_scanner`.
        MismatchError: A file in `out` was made by something else, or index and features do not belong together.
        CorruptFileError: A file of features, or a file in `out`, is damaged.
        MissingDependencyError: Ray is not installed.
    """
    ray = import_ray()
    pool, out, features = pool or Pool(), Path(out), Path(features).resolve()
    all_shards = find_shards(shards)
    if (index is None) == (make_scanner is None):
        raise InputError("index: expected an index folder or make_scanner, one of the two")
    if index is not None and not LogoIndex.is_saved_at(index):
        raise InputError(f"index: expected a folder that LogoIndex.save wrote, got {str(index)!r}")
    if earlier_index is not None and (reports is None or not LogoIndex.is_saved_at(earlier_index)):
        raise InputError(f"earlier_index: expected reports and their index folder, got {str(earlier_index)!r}")
    if FeatureStore(features).empty:
        raise InputError(f"features: expected stored features, got none in {str(features)!r}")
    earlier = Earlier(*(None if path is None else Path(path).resolve() for path in (reports, earlier_index)))
    taken: dict[str, set[Path | None]] = {
        "the shards'": {shard.path.parent for shard in all_shards},
        "the earlier reports'": {earlier.reports},
    }
    for name, folders in taken.items():
        if out.resolve() in folders:
            raise InputError(f"out: expected another folder than {name}, got {str(out)!r}")
    maker = make_scanner or partial(_from_index, Path(str(index)).resolve())
    private_folder(out)
    with cluster(pool):
        ask = ray.remote(num_cpus=pool.cpus, max_calls=1)(identify)
        identity: dict[str, str] = ray.get(ask.remote(partial(_made, maker, features), f"rejudge {tag}"))
        refuse_others(out, identity)
        missing = [shard for shard in all_shards if not report_file(out, shard).is_file()]
        broken = _judge_missing(missing, out.resolve(), identity, maker, features, earlier, pool)
    return summarise(all_shards, len(all_shards) - len(missing), out, broken)


def _from_index(index: Path, store: FeatureStore) -> Scanner:
    from logoscan.scan.scanner import Scanner

    return Scanner.recorded(LogoIndex.load(index), store)


def _made(maker: MakeJudge, features: Path) -> Scanner:
    return maker(FeatureStore(features))


def _judge_missing(
    shards: Sequence[Shard],
    out: Path,
    identity: Mapping[str, str],
    maker: MakeJudge,
    features: Path,
    earlier: Earlier,
    pool: Pool,
) -> list[tuple[Path, str]]:
    """Judge shards, and return those that failed, and why."""
    if not shards:
        return []
    data = import_ray().data
    items = [{"path": str(shard.path), "key": shard.key} for shard in shards]
    done = data.from_items(items, override_num_blocks=len(items)).map_batches(
        JudgeStage,
        fn_constructor_args=(maker, features, earlier, out, dict(identity)),
        batch_size=1,
        batch_format="pyarrow",
        compute=data.ActorPoolStrategy(size=pool.actors),
        num_cpus=pool.cpus,
    )
    failures = {row["key"]: row["failure"] for row in done.iter_rows()}
    lost = "its reports did not come back from Ray"
    return [(s.path, failures.get(s.key, lost)) for s in shards if failures.get(s.key, lost) is not None]


class JudgeStage:
    """The actor: makes its scanner once, then takes shards and writes their files of reports."""

    def __init__(
        self, maker: MakeJudge, features: Path, earlier: Earlier, out: Path, identity: Mapping[str, str]
    ) -> None:
        """Open the features, and make the scanner.

        Args:
            maker: Makes it.
            features: Folder of the features.
            earlier: The earlier reports and their index.
            out: Folder of the files of reports.
            identity: What makes the reports.
        """
        self._features, self._earlier, self._out, self._identity = features, earlier.reports, out, identity
        self._earlier_index = None if earlier.index_folder is None else LogoIndex.load(earlier.index_folder)
        self._scanner = maker(FeatureStore(features))

    def __call__(self, table: Any) -> Any:
        """Judge shards; return each with the reason why it has no file of reports, or None."""
        import pyarrow as pa

        failures = [self._judge(Shard(Path(row["path"]), row["key"])) for row in table.to_pylist()]
        return table.append_column("failure", pa.array(failures, pa.string()))

    def _judge(self, shard: Shard) -> str | None:
        path = self._features / f"{shard.key}.parquet"
        try:
            store = FeatureStore(self._features, files=[path] if path.is_file() else [])
            rows = list(read_rows(shard.path, shard.key))
            end = rows.pop()
            if isinstance(end, ShardEnd) and end.failure is not None:
                return end.failure
            stated: list[Any] = [json.loads(getattr(row, "listing", None) or "{}") for row in rows]
            good = [n for n, row in enumerate(rows) if stated[n] and getattr(row, "failure", None) is None]
            listings = (Listing(**stated[n]) for n in good)
            earlier = self._reports(shard)
            again = self._scanner.rejudge(listings, store, earlier=earlier, earlier_index=self._earlier_index)
            judged = dict(zip(good, again, strict=True))
        except (CorruptFileError, InputError) as error:
            return str(error)
        write_output(report_file(self._out, shard), _output(rows, stated, judged), self._identity)
        logger.info("%s: %d rows", shard.path.name, len(rows))
        return None

    def _reports(self, shard: Shard) -> Callable[[str], Report | None]:
        """Return what finds the earlier report of a listing of a shard."""
        path = None if self._earlier is None else report_file(self._earlier, shard)
        if path is None or not path.is_file():
            return lambda _: None
        lines = {row["listing_id"]: row["report"] for row in read_output(path) if row["report"] is not None}
        return lambda name: report_from_json(lines[name], path.name) if name in lines else None


def _output(rows: Sequence[Any], stated: Sequence[Any], judged: Mapping[int, Report]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of reports."""
    for n, row in enumerate(rows):
        report = report_to_json(judged[n]) if n in judged else None
        yield {
            "row": row.row,
            "line": row.line,
            "listing_id": stated[n].get("id"),
            "report": report,
            "failure": None if report else row.failure,
        }
