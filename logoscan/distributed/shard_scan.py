"""The result of a scan of shards, gathered from its files of reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from logoscan.distributed.report_files import Failure, read_output
from logoscan.distributed.shards import Shard

__all__ = ["ShardScan", "report_file", "summarise"]


@dataclass(frozen=True)
class ShardScan:
    """The result of a scan of shards.

    Attributes:
        files: Complete files of reports, in the order of the shards.
        scanned: Number of shards that were scanned now.
        skipped: Number of shards whose file of reports existed.
        reports: Number of reports in all files.
        failures: Rows without a report, of all files.
        twins: Shards that were not scanned because an earlier one has the same content.
        repeated: Ids of listings that have reports in several shards, sorted.
        broken: Shards without a file of reports, and why: unreadable, changed meanwhile, or not all of their rows came
            back.
        strangers: Files in the output folder that belong to none of the shards, for example to a shard as it was before
            it was changed. A merge of the folder includes them; a merge of `files` does not.
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


def report_file(out: Path, shard: Shard) -> Path:
    """Return the path of the file of reports of a shard."""
    return out / f"{shard.key}.parquet"


def summarise(shards: Sequence[Shard], skipped: int, out: Path, broken: Sequence[tuple[Path, str]]) -> ShardScan:
    """Return the result of a scan.

    Args:
        shards: All shards.
        skipped: Number of shards whose file of reports existed before.
        out: Folder of the files of reports.
        broken: Shards that failed, and why.
    """
    files = tuple(path for shard in shards if (path := report_file(out, shard)).is_file())
    names = {report_file(out, shard): shard.path.name for shard in shards}
    failures, reports = [], 0
    ids: set[str] = set()
    repeated: set[str] = set()
    for path in files:
        for row in read_output(path, ("line", "listing_id", "failure")):
            listing_id = row["listing_id"]
            if row["failure"] is not None:
                failures.append(Failure(names[path], row["line"], listing_id, row["failure"]))
                continue
            reports += 1
            (repeated if listing_id in ids else ids).add(listing_id)
    return ShardScan(
        files,
        scanned=len(files) - skipped,
        skipped=skipped,
        reports=reports,
        failures=tuple(failures),
        twins=tuple(twin for shard in shards for twin in shard.twins),
        repeated=tuple(sorted(repeated)),
        broken=tuple(broken),
        strangers=tuple(sorted(path for path in out.glob("[!.]*.parquet") if path not in names)),
    )
