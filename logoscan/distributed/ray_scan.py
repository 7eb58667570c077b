"""Scans on more than one machine with Ray Data (extra `ray`): listings in, reports out, models loaded once per actor.

Ray schedules, moves the rows and repeats what a lost worker had not finished; this module only connects the stages.
Reading is a stage of CPU tasks, scanning a stage of actors, on GPUs if asked for. Actors do not learn from each other:
each has its own scanner of one index. The states of merchants and the photo ledger are merged afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from logoscan.distributed.feature_parts import FeatureParts, describe_maker
from logoscan.distributed.merge import merge_ledger, merge_states
from logoscan.distributed.ray_cluster import Pool, cluster, import_ray
from logoscan.distributed.report_files import Failure, Outputs, made_by, shard_reports, write_output
from logoscan.distributed.shard_scan import ShardScan, report_file, summarise
from logoscan.distributed.shards import Shard, find_shards
from logoscan.distributed.workers import (
    ROWS_PER_TABLE,
    Attempts,
    MakeScanner,
    ScanStage,
    from_index,
    identify,
    listing_stage,
    shard_stage,
)
from logoscan.errors import InputError, MismatchError
from logoscan.index.logo_index import LogoIndex
from logoscan.io.files import private_folder
from logoscan.sources import ANYWHERE, Root
from logoscan.store.part_writer import StoreSettings

__all__ = [
    "Failure",
    "MakeScanner",
    "Pool",
    "ShardScan",
    "merge_ledger",
    "merge_states",
    "refuse_others",
    "scan_dataset",
    "scan_shards",
    "shard_reports",
]

logger = logging.getLogger(__name__)


def scan_dataset(
    dataset: Any,
    *,
    index: str | Path | None = None,
    make_scanner: MakeScanner | None = None,
    root: Root = None,
    pool: Pool | None = None,
) -> Any:
    """Scan a Ray Dataset of listings, lazily as Ray does.

    Args:
        dataset: Dataset whose columns are a Listing's fields, of which `id` is required; other columns are ignored.
            `images` holds file names, or the bytes of files that an earlier stage has read.
        index: Index folder, for a scanner of the bundled models; every machine must reach it under this path.
        make_scanner: Function that makes the scanner in each actor, instead of `index`.
        root: Folder of the photos, which they may not leave; the current folder if None, `ANYWHERE` allows any file. A
            scanner that has a root of its own uses that.
        pool: Processes to take; two actors on CPUs if None.

    Returns:
        A Ray Dataset with one row per row of `dataset`, in no particular order: `listing_id`, `report` (JSON, as
        `report_to_json` writes it) and `failure`, why there is no report (the row is not a listing, or its listing
        broke the scanner). Listings with the same id are all scanned.

    Raises:
        InputError: Neither or both of `index` and `make_scanner`, or a folder that holds no index.
        MissingDependencyError: Ray is not installed.
    """
    import_ray()
    pool = pool or Pool()
    folder = None if root is ANYWHERE else Path(str(root or ".")).resolve()
    maker = _maker(index, make_scanner, folder or ANYWHERE, pool)
    rows = dataset.map_batches(listing_stage, batch_size=ROWS_PER_TABLE, batch_format="pyarrow")
    return _scanned(rows, maker, pool, folder).select_columns(["listing_id", "report", "failure"])


def scan_shards(
    shards: Outputs,
    out: str | Path,
    *,
    index: str | Path | None = None,
    make_scanner: MakeScanner | None = None,
    root: str | Path | None = None,
    pool: Pool | None = None,
    read_ahead: bool = False,
    tag: str = "",
    keep_features: str | Path | None = None,
    store_settings: StoreSettings | None = None,
) -> ShardScan:
    """Scan files of listings, each to a file of reports `<hash of the shard>.parquet` that appears when it is complete.

    Shards whose file exists are skipped, so that the same call continues after a crash. The hash covers the content of
    the shard, neither its photos nor the scanner. Therefore each file states what made it: version, encoder, index,
    detector, OCR engine, score model and `tag`. If a file in `out` was made by anything else, nothing is scanned.
    Prices, the ledger, calibrations and thresholds are not part of this: put a hash of them into `tag` if they change.

    A running Ray is used; else the cluster that RAY_ADDRESS names; else one is started on this machine, without
    dashboard and usage statistics, and stopped at the end. A worker that dies is replaced, and its batch is scanned
    again; a listing at which workers died four times is a failure. One CPU more than the actors take is needed, for
    reading. Reports of unfinished shards are kept in this process: use shards of thousands of listings, not millions.

    Args:
        shards: Folder of .jsonl, .csv and .parquet files, or the files. Every machine must reach them, `index` and the
            photos under the same paths.
        out: Folder of the files of reports, made if missing. Only this process writes to it.
        index: Index folder, for a scanner of the bundled models.
        make_scanner: Function that makes the scanner, instead of `index`; called in each actor, and once before to ask
            the scanner what it is.
        root: Folder of the photos, which they may not leave; the folder of the shards if None and they are in one. A
            scanner that has a root of its own uses that; it has to be the same if `read_ahead` is on.
        pool: Processes to take; two actors on CPUs if None.
        read_ahead: Whether the CPU stage reads the files of photos and passes their bytes on, so that actors do not
            wait for storage. Useful if storage is slow to answer, such as a network's, and GPUs wait for it; with a
            local disk it only moves every byte once more. The actors decode photos in either case: decoded photos are
            about twenty times larger.
        tag: Further settings that decide the reports.
        keep_features: Folder for the features of photos, a Parquet file for each shard, which is complete before its
            reports are. A shard whose reports exist is not scanned for its features alone. None keeps none.
        store_settings: How features are stored; vectors a byte a number, and without text, if None.

    Returns:
        What became of the shards.

    Raises:
        InputError: No shards, a bad folder, or neither or both of `index` and `make_scanner`.
        MismatchError: A file in `out` was made by something else, or index and encoder do not belong together.
        CorruptFileError: A file in `out` is not a file of reports.
        MissingDependencyError: Ray is not installed.
        RayError: Ray's own, for example if the scanner failed at every listing of a batch. Complete files stay.
    """
    ray = import_ray()
    pool, out = pool or Pool(), Path(out)
    all_shards = find_shards(shards)
    folders = {path.parent for shard in all_shards for path in (shard.path, *shard.twins)}
    if root is None and len(folders) > 1:
        raise InputError(f"root: expected the folder of the photos of shards in {len(folders)} folders, got None")
    photo_folder = (min(folders) if root is None else Path(root)).resolve()
    maker = _maker(index, make_scanner, photo_folder, pool)
    if out.resolve() in folders:
        raise InputError(f"out: expected another folder than the shards', got {str(out)!r}")
    private_folder(out)
    with cluster(pool):
        # asked in a worker of the same kind, which ends with it: this process may have neither models nor a GPU
        ask = ray.remote(num_cpus=pool.cpus, num_gpus=pool.gpus, max_calls=1)(identify)
        identity: dict[str, str] = ray.get(ask.remote(maker, tag))
        refuse_others(out, identity)
        parts = None
        if keep_features is not None:
            settings = store_settings or StoreSettings()
            describe = ray.remote(num_cpus=pool.cpus, num_gpus=pool.gpus, max_calls=1)(describe_maker)
            maker_json: str = ray.get(describe.remote(maker, settings.keep_text))
            parts = FeatureParts(Path(keep_features), maker_json, settings)
        missing = [shard for shard in all_shards if not report_file(out, shard).is_file()]
        broken = _scan_missing(missing, out, identity, maker, pool, photo_folder, read_ahead, parts)
    return summarise(all_shards, len(all_shards) - len(missing), out, broken)


def _maker(index: str | Path | None, make_scanner: MakeScanner | None, root: Root, pool: Pool) -> MakeScanner:
    if (index is None) == (make_scanner is None):
        raise InputError("index: expected an index folder or make_scanner, one of the two")
    if make_scanner is not None:
        return make_scanner
    folder = Path(str(index)).resolve()
    if not LogoIndex.is_saved_at(folder):
        raise InputError(f"index: expected a folder that LogoIndex.save wrote, got {str(index)!r}")
    return partial(from_index, folder, root, "cuda" if pool.gpus else "cpu")


def _scanned(
    rows: Any, make_scanner: MakeScanner, pool: Pool, folder: Path | None, settings: StoreSettings | None = None
) -> Any:
    """Return the dataset of reports of a dataset of rows, whose photos lie in `folder`."""
    ray = import_ray()
    attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote()
    # Small blocks: a block is what an actor takes at a time, and what is lost with it. Ray Data repeats a lost block
    # without limit, on as many new actors as it takes, and no setting changes that: hence `Attempts`.
    return rows.repartition(target_num_rows_per_block=pool.batch).map_batches(
        ScanStage,
        fn_constructor_args=(make_scanner, attempts, folder, settings),
        batch_size=pool.batch,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=pool.actors),
        num_cpus=pool.cpus,
        num_gpus=pool.gpus,
    )


def refuse_others(out: Path, identity: Mapping[str, str]) -> None:
    """Refuse a folder that holds reports which another scanner made.

    Raises:
        MismatchError: It does; the message says what differs.
        CorruptFileError: A file is not a file of reports.
    """
    for path in sorted(out.glob("[!.]*.parquet")):
        if (other := made_by(path)) != identity:
            different = [n for n in sorted({*other, *identity}) if other.get(n) != identity.get(n)]
            values = "; ".join(f"{n} {other.get(n)!r}, now {identity.get(n)!r}" for n in different)
            raise MismatchError(f"{path}: its reports were made by another scanner ({values}); take a new folder")


def _scan_missing(
    shards: Sequence[Shard],
    out: Path,
    identity: Mapping[str, str],
    maker: MakeScanner,
    pool: Pool,
    photo_folder: Path,
    read_ahead: bool,
    parts: FeatureParts | None,
) -> list[tuple[Path, str]]:
    """Scan shards and write each file when its last row is back; return the shards that failed, and why."""
    if not shards:
        return []
    items = [{"path": str(shard.path), "key": shard.key} for shard in shards]
    rows = import_ray().data.from_items(items, override_num_blocks=len(items)).map_batches(
        shard_stage, fn_args=(photo_folder if read_ahead else None,), batch_size=1, batch_format="pyarrow"
    )  # fmt: skip
    waiting = {shard.key: shard for shard in shards}
    results: dict[str, dict[int, Mapping[str, Any]]] = {shard.key: {} for shard in shards}
    ends: dict[str, Mapping[str, Any]] = {}
    broken = []
    settings = None if parts is None else parts.settings
    for table in _scanned(rows, maker, pool, photo_folder, settings).iter_batches(
        batch_size=None, batch_format="pyarrow"
    ):
        changed = set()
        for row in table.to_pylist():
            key = row["shard"]
            if key not in waiting:
                continue
            changed.add(key)
            if row["count"] is not None:
                ends[key] = row
            elif row["row"] not in results[key]:  # by its number: a row that comes twice is kept once
                packed = row.pop("features")
                results[key][row["row"]] = row
                if parts is not None:
                    parts.append(key, packed)
        for key in changed:
            if key not in ends or len(results[key]) < ends[key]["count"]:
                continue
            shard, reports, failure = waiting.pop(key), results.pop(key), ends.pop(key)["failure"]
            if parts is not None:
                parts.end(key, write=failure is None)
            if failure is not None:
                broken.append((shard.path, failure))
                continue
            write_output(report_file(out, shard), reports.values(), identity)
            logger.info("%s: %d rows -> %s", shard.path.name, len(reports), report_file(out, shard).name)
    if parts is not None:
        parts.close()
    broken += [(s.path, f"only {len(results[s.key])} of its rows came back from Ray") for s in waiting.values()]
    return broken
