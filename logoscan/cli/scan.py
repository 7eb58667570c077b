"""`logoscan scan`: listings in, a file of reports that grows line by line."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from logoscan._hashing import file_sha256, sha256_hex
from logoscan.cli.app import INTERRUPTED, examples, main
from logoscan.cli.console import Complaints, complain, progress, say, working
from logoscan.cli.inputs import ledger_of, ledger_to_change, price_model
from logoscan.cli.options import DETECTOR, DEVICE, EFFORT, ENCODER, INDEX, MODE, OCR, PRETRAINED
from logoscan.cli.overlays import write_overlays
from logoscan.io.listings import BadRow, read_listings, row_count
from logoscan.io.partial import PartialOutput
from logoscan.io.records import read_record, to_json
from logoscan.matching.calibration import MatchCalibration
from logoscan.reporting.jsonl import read_reports
from logoscan.scan.unreadable import photo_warnings
from logoscan.scoring.model import ScoreModel
from logoscan.types import Listing


@main.command(
    short_help="Scan a file of listings, or a folder of photos.",
    epilog=examples(
        "logoscan scan listings.jsonl --index index/ --out reports.jsonl",
        "logoscan scan photos/ --index index/ --out photos.jsonl --prices prices.csv --overlay overlays/",
    ),
)
@click.argument("listings", type=click.Path(path_type=Path))
@INDEX
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Reports, one JSON object a line.")
@click.option(
    "--root", type=click.Path(path_type=Path), default=None, help="Folder of the photos; default: where LISTINGS is."
)
@click.option(
    "--prices",
    type=click.Path(path_type=Path),
    default=None,
    help="CSV: brand,price,currency[,category,condition,title].",
)
@click.option(
    "--score-model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON, as ScoreModel.save wrote it; default: the stated priors.",
)
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of photos and the sellers who used them: read, if it is there, and written with this scan's added.",
)
@click.option("--overlay", type=click.Path(path_type=Path), default=None, help="Folder for photos with boxes drawn.")
@ENCODER
@PRETRAINED
@click.option(
    "--similarity-threshold",
    type=float,
    default=None,
    help="For an encoder without a calibration: cosine from which a brand counts as shown.",
)
@click.option(
    "--calibration",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="As `calibrate` wrote it; default: the bundled one, if encoder and detector are.",
)
@DETECTOR
@OCR
@EFFORT
@DEVICE
@MODE
def scan(
    listings: Path,
    index_dir: Path,
    out: Path,
    root: Path | None,
    prices: Path | None,
    score_model: Path | None,
    ledger: Path | None,
    overlay: Path | None,
    encoder: str | None,
    pretrained: str | None,
    similarity_threshold: float | None,
    calibration: Path | None,
    detector: str,
    ocr: str,
    effort: str,
    device: str,
) -> None:
    """Scan LISTINGS: a .jsonl, .csv or .parquet file, or a folder of photos.

    Writes to OUT.partial and renames it when complete; the same command goes on where it was, another one is refused.
    Exit code 1 if rows or photos failed; stderr says which.
    """
    from logoscan.index.logo_index import LogoIndex
    from logoscan.ocr.engine import make_ocr
    from logoscan.runtime import one_core_a_batch
    from logoscan.scan.scanner import Scanner
    from logoscan.vision.detector import make_detector
    from logoscan.vision.encoder import ClipEncoder

    one_core_a_batch()
    references, bad_prices = price_model(prices)
    rows = read_listings(listings)
    root = root or (listings if listings.is_dir() else listings.parent)
    photos = None if ledger is None else ledger_of(ledger)
    with working("loading the models"):
        clip = ClipEncoder(encoder, pretrained, device=device)
        scanner = Scanner(
            LogoIndex.load(index_dir, clip),
            encoder=clip,
            detector=make_detector(detector, device=device, effort=effort),  # type: ignore[arg-type]
            ocr=make_ocr(ocr, device=device, effort=effort),  # type: ignore[arg-type]
            prices=references,
            score_model=None if score_model is None else ScoreModel.load(score_model),
            ledger=photos,
            calibration="auto" if calibration is None else read_record(MatchCalibration, calibration),
            similarity_threshold=similarity_threshold,
            root=root,
            effort=effort,  # type: ignore[arg-type]
        )
    inputs = {"listings": listings, "prices": prices, "calibration": calibration, "threshold": similarity_threshold,
              "ledger": ledger, "root": root, "effort": effort}  # fmt: skip
    made_by = _made_by(scanner, inputs)
    with Complaints() as tell:
        bands, failed, unread = _scan_rows(
            scanner, rows, partial(row_count, listings), out, root, overlay, made_by, tell
        )
    if ledger is not None:
        with ledger_to_change(ledger) as known:
            for report in read_reports(out):
                known.add_report(report)
    summary = ", ".join(f"{bands[band]} {band}" for band in ("block", "review", "clear"))
    say(f"{bands.total()} reports ({summary}) -> {out}")
    if failed + bad_prices:
        complain(f"{failed + bad_prices} rows failed, see above")
    if unread:
        complain(f"{unread} photos could not be read or drawn, see above")
    if failed + bad_prices + unread:
        sys.exit(1)


def _made_by(scanner: Any, inputs: Mapping[str, object]) -> dict[str, str]:
    """Everything that decides the reports, by name: what else were to go on with them would mix two answers.

    Files that the reports are judged by count by their content; listings may grow, and a ledger does.
    """
    made = asdict(scanner.scan(Listing("-")).provenance)
    apart = {name: str(value) for name, value in made.items() if name not in ("device", "time")}
    for name, value in inputs.items():
        if not isinstance(value, Path):
            apart[name] = str(value)
        elif name in ("prices", "calibration"):
            apart[name] = file_sha256(value)
        else:  # where it lies is nobody's business
            apart[name] = sha256_hex(os.fsencode(value.resolve()))
    return apart


def _scan_rows(
    scanner: Any,
    rows: Iterator[Listing | BadRow],
    total: Callable[[], int | None],
    out: Path,
    root: Path,
    overlay: Path | None,
    made_by: Mapping[str, str],
    tell: Complaints,
) -> tuple[Counter[str], int, int]:
    """Scan to a file that grows line by line.

    Returns:
        Bands of the reports written now or before, failed rows, and photos that could not be read or drawn.
    """
    failed = 0
    with PartialOutput(out, made_by) as output, progress("scan", "listings", total, done=len(output.done)) as advance:
        taken = set(output.done)
        bands = Counter(output.bands)
        unread = output.unread

        def fresh() -> Iterator[Listing]:
            nonlocal failed
            before = set(taken)
            for row in rows:
                if not isinstance(row, BadRow) and row.id in before:
                    before.discard(row.id)  # counted when the bar began
                elif isinstance(row, BadRow) or row.id in taken:
                    lost = row.rows if isinstance(row, BadRow) else 1
                    failed += lost
                    advance(lost)
                    tell(
                        f"line {row.line}: {row.reason}"
                        if isinstance(row, BadRow)
                        else f"listing {row.id!r}: the id is there twice; only the first is scanned"
                    )
                else:
                    taken.add(row.id)
                    yield row
            if before:
                complain(
                    f"{len(before)} reports in {output.partial} are of listings that are there no more, "
                    f"such as {min(before)!r:.80}"
                )

        try:
            for report in scanner.scan_many(fresh()):
                if overlay is not None:  # before the report: a report that is written is complete
                    for reason in write_overlays(report, root, overlay):
                        unread += 1
                        tell(f"listing {report.listing_id!r}: {reason}")
                output.write(to_json(report))
                unread += len(photo_warnings(report.warnings))
                bands[report.score.band] += 1
                for warning in report.warnings:
                    tell(f"listing {report.listing_id!r}: {warning}")
                advance()
        except KeyboardInterrupt:
            complain(f"interrupted; {bands.total()} reports are in {output.partial}, the same command goes on")
            sys.exit(INTERRUPTED)
    return bands, failed, unread
