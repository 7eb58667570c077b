"""Scans on more than one machine, by Ray Data (extra `ray`): listings in, reports out, models loaded once an actor.

Ray schedules, moves the rows and repeats what a lost worker had not finished; here stand only the stages. Reading is a
stage of CPU tasks, scanning one of actors, on GPUs where they are asked for. Nothing is learned in between: each actor
has its own scanner of one register; the states of merchants and the ledger are merged afterwards.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from logoscan.distributed.shards import (
    Failure,
    Outputs,
    Shard,
    find_shards,
    made_by,
    merge_ledger,
    merge_states,
    read_output,
    shard_reports,
    write_output,
)
from logoscan.distributed.workers import (
    ROW_BATCH,
    Begun,
    MakeScanner,
    ScanStage,
    from_index,
    identify,
    read_stage,
    take_stage,
)
from logoscan.errors import InputError, MismatchError, MissingDependencyError
from logoscan.io.files import private_folder
from logoscan.sources import ANYWHERE, Root

__all__ = [
    "Failure",
    "MakeScanner",
    "Pool",
    "ShardScan",
    "merge_ledger",
    "merge_states",
    "scan_dataset",
    "scan_shards",
    "shard_reports",
]

logger = logging.getLogger(__name__)

_OBJECT_STORE = 256 << 20
"""Bytes for rows between the stages, where Ray is started here; Ray's own 30 % of the memory is more than rows need."""
_LOUD = ("enable_progress_bars", "print_on_execution_start")
"""Of Ray Data's settings; not every version has both."""


@dataclass(frozen=True)
class Pool:
    """Where a scan runs.

    Attributes:
        actors: Processes that scan, each with its own models.
        cpus: Of each; torch and the OCR engine get as many threads. Ray keeps books, it does not confine.
        gpus: Of each; 0.5 lets two share one. 0 scans on the CPU.
        batch: Listings that an actor takes at a time, and that are scanned again when it dies.
    """

    actors: int = 2
    cpus: float = 1
    gpus: float = 0
    batch: int = 32

    def __post_init__(self) -> None:
        for name, least in (("actors", 1), ("cpus", 0), ("gpus", 0), ("batch", 1)):
            if not getattr(self, name) >= least:
                raise InputError(f"Pool.{name}: expected {least} or more, got {getattr(self, name)!r}")


@dataclass(frozen=True)
class ShardScan:
    """What became of the shards.

    Attributes:
        files: The shards' files of reports, complete, in the order of the shards.
        scanned: Shards that were scanned now.
        skipped: Shards whose file was there.
        reports: In all files.
        failures: Rows without a report, of all files.
        twins: Files that were not scanned since an earlier one has the same content.
        repeated: Ids of listings that have reports in several shards, sorted.
        broken: Shards without a file, and why: unreadable, changed meanwhile, or not all of their rows came back.
        strangers: Files in the output folder that belong to none of the shards, such as those of a shard as it was
            before it was changed. A merge of the folder takes them in; a merge of `files` does not.
    """

    files: tuple[Path, ...]
    scanned: int
    skipped: int
    reports: int
    failures: tuple[Failure, ...]
    twins: tuple[Path, ...]
    repeated: tuple[str, ...]
    broken: tuple[tuple[Path, str], ...]
    strangers: tuple[Path, ...]


def _ray() -> Any:
    try:
        import pyarrow  # noqa: F401
        import ray
        import ray.data
    except ImportError:
        raise MissingDependencyError("distributed: needs pip install 'logoscan[ray]'") from None
    return ray


def _maker(index: str | Path | None, make_scanner: MakeScanner | None, root: Root, pool: Pool) -> MakeScanner:
    if (index is None) == (make_scanner is None):
        raise InputError("index: expected an index folder or make_scanner, one of the two")
    if make_scanner is not None:
        return make_scanner
    folder = Path(str(index)).resolve()
    if not (folder / "manifest.json").is_file():
        raise InputError(f"index: expected a folder that LogoIndex.save wrote, got {str(index)!r}")
    return partial(from_index, folder, root, "cuda" if pool.gpus else "cpu")


def _scanned(rows: Any, make_scanner: MakeScanner, pool: Pool) -> Any:
    """The dataset of reports of a dataset of rows."""
    ray = _ray()
    begun = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Begun).remote()
    # small blocks: what an actor takes at a time, and what is lost with it. Ray Data repeats that for ever, on as many
    # new actors as it takes, and takes no word against it: hence `Begun`
    return rows.repartition(target_num_rows_per_block=pool.batch).map_batches(
        ScanStage,
        fn_constructor_args=(make_scanner, begun),
        batch_size=pool.batch,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=pool.actors),
        num_cpus=pool.cpus,
        num_gpus=pool.gpus,
    )


# -- what callers call


def scan_dataset(
    dataset: Any,
    *,
    index: str | Path | None = None,
    make_scanner: MakeScanner | None = None,
    root: Root = None,
    pool: Pool | None = None,
) -> Any:
    """Scan a Ray Dataset of listings; lazily, as Ray does.

    Args:
        dataset: Its columns are a Listing's fields, of which `id` is required; others are ignored. `images` holds file
            names or the files' bytes, such as an earlier stage read them.
        index: An index folder, for a scanner of the bundled models; every machine must reach it under this path.
        make_scanner: In place of `index`: makes the scanner, in each actor.
        root: Folder of the photos for `index`'s scanner, which may not lead out of it; the current one if None,
            `ANYWHERE` for none.
        pool: Two actors on CPUs if None.

    Returns:
        A Ray Dataset, one row a row, in no order that is promised: `listing_id`, `report` (JSON, as `report_to_json`
        writes it) and `failure`, why there is no report (not a listing, or one that broke the scanner). Ids that repeat
        are scanned each time.

    Raises:
        InputError: Neither or both of `index` and `make_scanner`, or a folder that holds no index.
        MissingDependencyError: Ray is not installed.
    """
    _ray()
    pool = pool or Pool()
    maker = _maker(index, make_scanner, root if root is ANYWHERE else Path(root or ".").resolve(), pool)
    rows = dataset.map_batches(take_stage, batch_size=ROW_BATCH, batch_format="pyarrow")
    return _scanned(rows, maker, pool).select_columns(["listing_id", "report", "failure"])


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
) -> ShardScan:
    """Scan files of listings; one file of reports a shard, `<hash of the shard>.parquet`, which appears when complete.

    Shards whose file is there are skipped, so that the same call goes on after a crash. The hash covers the shard's
    content: neither its photos nor what scans them. So each file says what made it: version, encoder, index, detector,
    OCR engine, score model and `tag`. Where one in `out` was made by anything else, nothing is scanned. Prices, the
    ledger, calibrations and thresholds are not in there: put a hash of them into `tag` if they change.

    Ray is used as it runs; else the cluster that RAY_ADDRESS names, else one on this machine, stopped at the end,
    without dashboard and without usage statistics. A worker that dies is replaced, and its batch scanned again; a
    listing at which workers died four times is a failure. One CPU more than the actors take is needed, for reading.
    Reports of a shard that is under way are kept in this process: shards of thousands of listings, not of millions.

    Args:
        shards: A folder of .jsonl, .csv and .parquet files, or the files; each machine must reach them, `index` and the
            photos under the same paths.
        out: Folder of the files of reports; made if missing. Only this process writes there.
        index: An index folder, for a scanner of the bundled models.
        make_scanner: In place of `index`: makes the scanner, in each actor and once more before, to ask what it is.
        root: Folder of the photos; default: the shards' folder, if they lie in one. A scanner that `make_scanner` makes
            has its own root, which has to be the same where photos are read ahead.
        pool: Two actors on CPUs if None.
        read_ahead: The CPU stage reads the photos' files and hands their bytes on, so that actors do not wait for
            storage. Worth it where storage is slow to answer, such as a network's, and GPUs wait for it; from a local
            disk it only moves every byte once more. Photos are decoded by the actors either way: decoded ones are some
            twenty times larger.
        tag: Further settings that decide the reports.

    Raises:
        InputError: No shards, a bad folder, or neither or both of `index` and `make_scanner`.
        MismatchError: A file in `out` was made by something else, or index and encoder do not belong together.
        CorruptFileError: A file in `out` is none of reports.
        MissingDependencyError: Ray is not installed.
        RayError: Ray's own, such as when the scanner broke at every listing of a batch. Complete files stay.
    """
    ray = _ray()
    pool, out = pool or Pool(), Path(out)
    found = find_shards(shards)
    folders = {path.parent for shard in found for path in (shard.path, *shard.twins)}
    if root is None and len(folders) > 1:
        raise InputError(f"root: expected the folder of the photos of shards in {len(folders)} folders, got None")
    base = (min(folders) if root is None else Path(root)).resolve()
    maker = _maker(index, make_scanner, base, pool)
    if out.resolve() in folders:
        raise InputError(f"out: expected another folder than the shards', got {str(out)!r}")
    private_folder(out)
    with cluster(pool):
        # asked in a worker of the same kind, which ends with it: this process may have neither models nor a GPU
        ask = ray.remote(num_cpus=pool.cpus, num_gpus=pool.gpus, max_calls=1)(identify)
        identity: dict[str, str] = ray.get(ask.remote(maker, tag))
        _refuse_others(out, identity)
        missing = [shard for shard in found if not _file(out, shard).is_file()]
        broken = _scan_missing(ray, missing, out, identity, maker, pool, base if read_ahead else None)
    return _summary(found, len(found) - len(missing), out, broken)


def _file(out: Path, shard: Shard) -> Path:
    return out / f"{shard.key}.parquet"


def _refuse_others(out: Path, identity: Mapping[str, str]) -> None:
    for path in sorted(out.glob("[!.]*.parquet")):
        if (other := made_by(path)) != identity:
            apart = [n for n in sorted({*other, *identity}) if other.get(n) != identity.get(n)]
            said = "; ".join(f"{n} {other.get(n)!r}, now {identity.get(n)!r}" for n in apart)
            raise MismatchError(f"{path}: its reports were made by another scanner ({said}); take a new folder")


@contextmanager
def cluster(pool: Pool) -> Iterator[None]:
    """Ray as it runs, or one that ends with this; its progress bars are silent meanwhile.

    Raises:
        InputError: RAY_AUTH_MODE switches Ray's token off: its processes listen on the machine's address, where whoever
            reaches them could run code.
    """
    ray = _ray()
    if os.environ.get("RAY_AUTH_MODE", "").strip().lower() == "disabled":
        raise InputError("RAY_AUTH_MODE: expected token, got 'disabled', with which whoever reaches Ray may run code")
    started = not ray.is_initialized()
    if started and "RAY_ADDRESS" in os.environ:
        ray.init()
    elif started:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would call home
        cpus = max(os.cpu_count() or 1, math.ceil(pool.actors * pool.cpus) + 1)
        ray.init(
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE,
            logging_level=logging.WARNING,
        )
    _keep_to_owner(Path.home() / ".ray" / "auth_token")
    context = ray.data.DataContext.get_current()
    loud = {name: getattr(context, name) for name in _LOUD if hasattr(context, name)}
    try:
        for name in loud:
            setattr(context, name, False)
        yield
    finally:
        for name, value in loud.items():
            setattr(context, name, value)
        if started:
            ray.shutdown()


def _keep_to_owner(token: Path) -> None:
    """Take the group's and the world's rights from Ray's token, which it writes by the umask."""
    try:
        if token.is_file() and token.stat().st_mode & 0o077:
            token.chmod(0o600)
    except OSError as error:  # another account's, or a disk without modes
        logger.warning("%s: others may read it (%s)", token, error.strerror)


def _scan_missing(
    ray: Any,
    shards: Sequence[Shard],
    out: Path,
    identity: Mapping[str, str],
    maker: MakeScanner,
    pool: Pool,
    ahead: Path | None,
) -> list[tuple[Path, str]]:
    """Scan shards, writing each when its last row is back; returns those that could not be, and why."""
    if not shards:
        return []
    items = [{"path": str(shard.path), "key": shard.key} for shard in shards]
    read = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        read_stage, fn_args=(ahead,), batch_size=1, batch_format="pyarrow"
    )
    waiting = {shard.key: shard for shard in shards}
    rows: dict[str, dict[int, Mapping[str, Any]]] = {shard.key: {} for shard in shards}
    broken = []
    for table in _scanned(read, maker, pool).iter_batches(batch_size=None, batch_format="pyarrow"):
        touched = set()
        for row in table.to_pylist():
            if row["shard"] in waiting:
                rows[row["shard"]][row["row"]] = row  # by its number: a row that comes twice is one
                touched.add(row["shard"])
        for key in touched:
            end = rows[key].get(0)
            if end is None or len(rows[key]) <= end["line"]:
                continue
            shard, mine = waiting.pop(key), rows.pop(key)
            del mine[0]
            if end["failure"] is not None:
                broken.append((shard.path, end["failure"]))
                continue
            write_output(_file(out, shard), mine.values(), identity)
            logger.info("%s: %d rows -> %s", shard.path.name, len(mine), _file(out, shard).name)
    broken += [(s.path, f"only {len(rows[s.key])} of its rows came back from Ray") for s in waiting.values()]
    return broken


def _summary(found: Sequence[Shard], skipped: int, out: Path, broken: Sequence[tuple[Path, str]]) -> ShardScan:
    files = tuple(path for shard in found if (path := _file(out, shard)).is_file())
    names = {_file(out, shard): shard.path.name for shard in found}
    failures, reports = [], 0
    taken: set[str] = set()
    repeated: set[str] = set()
    for path in files:
        for row in read_output(path, ("line", "listing_id", "failure")):
            name = row["listing_id"]
            if row["failure"] is not None:
                failures.append(Failure(names[path], row["line"], name, row["failure"]))
                continue
            reports += 1
            (repeated if name in taken else taken).add(name)
    return ShardScan(
        files,
        scanned=len(files) - skipped,
        skipped=skipped,
        reports=reports,
        failures=tuple(failures),
        twins=tuple(twin for shard in found for twin in shard.twins),
        repeated=tuple(sorted(repeated)),
        broken=tuple(broken),
        strangers=tuple(sorted(path for path in out.glob("[!.]*.parquet") if path not in names)),
    )
