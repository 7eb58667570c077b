"""`logoscan scan`: scan listings to a file of reports that grows line by line, to standard output, or by shards."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logoscan._hashing import file_sha256, sha256_hex
from logoscan.cli.app import examples, main
from logoscan.cli.console import Complaints, complain, say, working
from logoscan.cli.inputs import (
    STANDARD,
    add_serials,
    changed_ledger,
    is_photo_table,
    listing_source,
    load_ledger,
    load_serials,
    photo_root,
    price_model,
)
from logoscan.cli.outputs import StandardOutput
from logoscan.cli.scan_run import CORES_FOR_PROCESSES, WORTH_PROCESSES, ScanRun
from logoscan.cli.scanners import ScannerOptions, identity_of, make_scanner, scanner_options
from logoscan.cli.shards import scan_folder_of_shards
from logoscan.cli.store_options import Store, store_of, store_options
from logoscan.io.listings import read_listings, row_count
from logoscan.io.partial import PartialOutput
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.serials import SerialList
from logoscan.reporting.jsonl import read_reports

if TYPE_CHECKING:
    from logoscan.scan.scanner import Scanner


def _require_listings(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Refuse listings beside shards, and neither of both."""
    shards = context.params.get("shards")
    if value is None and shards is None:
        raise click.MissingParameter(ctx=context, param=parameter, param_hint="'LISTINGS'")
    if value is not None and shards is not None:
        raise click.UsageError("expected LISTINGS or --shards, got both", context)
    return value


@main.command(
    short_help="Scan a file of listings, or a folder of photos.",
    epilog=examples(
        "logoscan scan listings.jsonl --index index/ --out reports.jsonl",
        "logoscan scan photos/ --index index/ --out photos.jsonl --prices prices.csv --overlay overlays/",
    ),
)
@click.argument("listings", type=click.Path(path_type=Path), required=False, callback=_require_listings)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Reports, one JSON object a line; - is stdout."
)
@click.option("--overlay", type=click.Path(path_type=Path), default=None, help="Folder for photos with boxes drawn.")
@click.option(
    "--shards",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    is_eager=True,
    help="In place of LISTINGS: scan the files of this folder with Ray, each to a Parquet file in the folder OUT.",
)
@click.option(
    "--actors", type=click.IntRange(1), default=2, show_default=True, help="Processes that scan, with --shards."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes that look at photos, a core each; 1 looks in this one. "
    f"Default: one for each core, of {CORES_FOR_PROCESSES} or more, from {WORTH_PROCESSES} listings on; else threads.",
)
@store_options
@scanner_options
def scan(
    listings: Path | None,
    out: Path,
    overlay: Path | None,
    shards: Path | None,
    actors: int,
    workers: int | None,
    keep_features: Path | None,
    quantise: bool,
    codebook: Path | None,
    keep_keypoints: bool | None,
    **values: Any,
) -> None:
    """Scan LISTINGS: a .jsonl, .csv or .parquet file, a folder of photos, or - for JSON lines from standard input.

    Writes to OUT.partial and renames it when complete; the same command goes on where it was, another one is refused.
    With - and --out - each listing is answered before the next is read. Exit code 1 if rows or photos failed; stderr
    says which.
    """
    options = ScannerOptions(**values, hash_turned=keep_features is not None)
    store = store_of(keep_features, quantise, codebook, keep_keypoints, keep_text=options.keep_text)
    if shards is not None:
        if workers is not None:
            raise click.UsageError("expected --actors beside --shards, got --workers")
        scan_folder_of_shards(shards, out, overlay, actors, options, store)
    elif listings is not None:
        options = replace(options, root=options.root or photo_root(listings))
        _scan(listings, out, overlay, options, store, workers)


def _scan(
    listings: Path, out: Path, overlay: Path | None, options: ScannerOptions, store: Store | None, workers: int | None
) -> None:
    from logoscan.runtime import one_core_a_batch

    one_by_one = listings == out == STANDARD
    if not one_by_one:
        one_core_a_batch()
    prices, bad_prices = price_model(options.prices, options.columns)
    with Complaints() as complaints:
        run, photos, serials = ScanRun(complaints), PhotoLedger(), SerialList()
        source = listing_source(listings)
        rows = read_listings(source, on_error=run.count_bad_row, columns=options.columns)
        grows = options.ledger is not None and not is_photo_table(options.ledger)
        if options.ledger is not None and grows and out == STANDARD:
            load_ledger(options.ledger)  # errors in it are reported before the work
            run.on_report.append(photos.add_report)
        if options.serials is not None and out == STANDARD:
            load_serials(options.serials)
            run.on_report.append(serials.add_report)
        with working("loading the models"):
            scanner = make_scanner(options, prices)
        total = (lambda: None) if listings == STANDARD else partial(row_count, listings)
        output: PartialOutput | StandardOutput = StandardOutput()
        if out != STANDARD:
            output = PartialOutput(out, _made_by(scanner, {"listings": listings, **options.deciding()}))
        with ExitStack() as stack:
            if store is not None:
                run.writer = stack.enter_context(scanner.feature_writer(store.folder, store.settings))
            run.workers = 1 if one_by_one else workers
            run.scan(scanner, rows, total, output, options.root or Path(), overlay, one_by_one=one_by_one)
    if options.ledger is not None and grows:
        with changed_ledger(options.ledger) as latest:
            latest.merge(photos)
            for report in () if out == STANDARD else read_reports(out):
                latest.add_report(report)
    if options.serials is not None:
        for report in () if out == STANDARD else read_reports(out):
            serials.add_report(report)
        add_serials(options.serials, serials)
    summary = ", ".join(f"{run.bands[band]} {band}" for band in ("block", "review", "clear"))
    if out != STANDARD:
        say(f"{run.bands.total()} reports ({summary}) -> {out}")
    if run.failed + bad_prices:
        complain(f"{run.failed + bad_prices} rows failed, see above")
    if run.unread:
        complain(f"{run.unread} photos could not be read or drawn, see above")
    if run.failed + bad_prices + run.unread:
        sys.exit(1)


def _made_by(scanner: Scanner, inputs: Mapping[str, object]) -> dict[str, str]:
    """Return everything that decides the reports, by name; a file of reports that anything else began is not continued.

    Prices and calibration stand there by the hash of their content; listings and ledger, which may grow, by that of
    their path, which is private.
    """
    out = identity_of(scanner)
    for name, value in inputs.items():
        if not isinstance(value, Path):
            out[name] = str(value)
        elif name in ("prices", "calibration"):
            out[name] = file_sha256(value)
        else:
            out[name] = sha256_hex(os.fsencode(value.resolve()))
    return out
