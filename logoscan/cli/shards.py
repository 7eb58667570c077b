"""`logoscan scan --shards`: a folder of listings files, scanned with Ray to a folder of reports."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from logoscan._hashing import file_sha256, mapping_sha256
from logoscan._quote import quoted
from logoscan.cli.console import Complaints, complain, say, working
from logoscan.cli.inputs import STANDARD, add_serials, changed_ledger, is_photo_table, price_model
from logoscan.cli.scanners import ScannerOptions, make_shard_scanner
from logoscan.cli.store_options import Store
from logoscan.merchants.serials import SerialList

__all__ = ["scan_folder_of_shards"]

# Files of which the content decides reports; their hashes are kept with these.
_DECIDING_FILES = ("prices", "calibration", "score_model", "ledger")


def scan_folder_of_shards(
    shards: Path, out: Path, overlay: Path | None, actors: int, options: ScannerOptions, store: Store | None = None
) -> None:
    """Scan the listings files of a folder, and exit with 1 if rows or files failed.

    Args:
        shards: Folder of the files.
        out: Folder of the reports.
        overlay: Not possible here.
        actors: Number of processes that scan.
        options: Options of the scanner.
        store: Where features of photos are kept, and how; None keeps none.
    """
    from logoscan.distributed.merge import merge_ledger
    from logoscan.distributed.ray_cluster import Pool
    from logoscan.distributed.ray_scan import scan_shards
    from logoscan.distributed.report_files import shard_reports

    if out == STANDARD or overlay is not None or options.columns:
        raise click.UsageError("--shards: expected a folder as OUT, and neither --overlay nor --map")
    _, bad_prices = price_model(options.prices)  # its errors are reported once, and before the work
    options = options.resolved()
    pool = Pool(actors)
    if options.device.startswith("cuda"):
        pool = Pool.sharing(_gpus(), actors)
    with working("scanning"):
        run = scan_shards(
            shards, out, make_scanner=partial(make_shard_scanner, options), root=options.root, pool=pool,
            tag=_tag(options), keep_features=None if store is None else store.folder.resolve(),
            store_settings=None if store is None else store.settings,
        )  # fmt: skip
    if options.ledger is not None and not is_photo_table(options.ledger):
        with changed_ledger(options.ledger) as ledger:
            merge_ledger(run.files, ledger)
    if options.serials is not None:
        serials = SerialList()
        for report in shard_reports(run.files):
            serials.add_report(report)
        add_serials(options.serials, serials)
    with Complaints() as complaints:
        for failure in run.failures:
            complaints(f"{failure.shard}, line {failure.line}: {failure.reason}")
        for path, reason in run.broken:
            complaints(f"{path.name}: {reason}")
        for path in run.twins:
            complaints(f"{path.name}: the content of an earlier file, not scanned again")
        if run.repeated:
            complaints(f"{len(run.repeated)} ids are in several files, such as {quoted(run.repeated[0])}")
        if run.strangers:
            complaints(f"{len(run.strangers)} files in {out} are of other listings than these")
    say(f"{run.reports} reports, {run.scanned} files scanned, {run.skipped} were there -> {out}")
    if failed := len(run.failures) + bad_prices:
        complain(f"{failed} rows failed, see above")
    if run.broken:
        complain(f"{len(run.broken)} files failed, see above")
    if failed or run.broken:
        sys.exit(1)


def _gpus() -> int:
    """Return the number of GPUs here; one where they are elsewhere in a cluster."""
    import torch

    return max(1, torch.cuda.device_count())


def _tag(options: ScannerOptions) -> str:
    """Return what decides the reports and no scanner states: files by their content, those that grow by their path.

    Ledger and serials grow by this very scan, which must be able to go on.
    """
    parts = {name: str(value) for name, value in options.deciding().items()}
    for name in _DECIDING_FILES:
        path = getattr(options, name)
        if path is not None and name != "ledger":
            parts[name] = file_sha256(path)
    return mapping_sha256(parts)[:16]
