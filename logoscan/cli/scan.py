"""`logoscan scan`: scan listings to a file of reports that grows line by line."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from logoscan._hashing import file_sha256, sha256_hex
from logoscan.cli.app import INTERRUPTED, examples, main
from logoscan.cli.console import Complaints, complain, progress, say, working
from logoscan.cli.inputs import changed_ledger, load_ledger, price_model
from logoscan.cli.options import (
    CODEBOOK,
    DETECTOR,
    DEVICE,
    EFFORT,
    ENCODER,
    INDEX,
    KEEP_FEATURES,
    KEEP_TEXT,
    MODE,
    OCR,
    PRETRAINED,
    QUANTISE,
    DetectorChoice,
)
from logoscan.cli.overlays import write_overlays
from logoscan.io.listings import BadRow, read_listings, row_count
from logoscan.io.partial import PartialOutput
from logoscan.io.records import read_record, to_json
from logoscan.matching.calibration import MatchCalibration
from logoscan.ocr.engine import OcrChoice
from logoscan.reporting.jsonl import read_reports
from logoscan.scan.unreadable import photo_warnings
from logoscan.scoring.model import ScoreModel
from logoscan.store.part_writer import StoreSettings
from logoscan.store.writer import FeatureWriter
from logoscan.types import Effort, Listing

if TYPE_CHECKING:
    from logoscan.scan.scanner import Scanner


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
@KEEP_FEATURES
@KEEP_TEXT
@QUANTISE
@CODEBOOK
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
    keep_features: Path | None,
    keep_text: bool,
    quantise: bool,
    codebook: Path | None,
    encoder: str | None,
    pretrained: str | None,
    similarity_threshold: float | None,
    calibration: Path | None,
    detector: DetectorChoice,
    ocr: OcrChoice,
    effort: Effort,
    device: str,
) -> None:
    """Scan LISTINGS: a .jsonl, .csv or .parquet file, or a folder of photos.

    Writes to OUT.partial and renames it when complete; the same command goes on where it was, another one is refused.
    Exit code 1 if rows or photos failed; stderr says which.
    """
    from logoscan.index.logo_index import LogoIndex
    from logoscan.runtime import one_core_a_batch
    from logoscan.scan.scanner import Scanner
    from logoscan.vision.detector import make_detector
    from logoscan.vision.encoder import ClipEncoder

    if keep_features is None and (keep_text or quantise or codebook):
        raise click.UsageError("--keep-text, --quantise and --codebook need --keep-features")
    one_core_a_batch()
    references, bad_prices = price_model(prices)
    with Complaints() as complaints:
        run = _Run(complaints)
        rows = read_listings(listings, on_error=run.count_bad_row)
        root = root or (listings if listings.is_dir() else listings.parent)
        photos = None if ledger is None else load_ledger(ledger)
        with working("loading the models"):
            clip = ClipEncoder(encoder, pretrained, device=device)
            scanner = Scanner.default(
                LogoIndex.load(index_dir, clip),
                device=device,
                encoder=clip,
                detector=make_detector(detector, device=device, effort=effort),
                ocr=None if ocr == "none" else ocr,
                effort=effort,
                prices=references,
                score_model=None if score_model is None else ScoreModel.load(score_model),
                ledger=photos,
                hash_photos=keep_features is not None and find_spec("pdqhash") is not None,
                root=root,
                calibration="auto" if calibration is None else read_record(MatchCalibration, calibration),
                similarity_threshold=similarity_threshold,
            )
        inputs = {"listings": listings, "prices": prices, "calibration": calibration,
                  "threshold": similarity_threshold, "ledger": ledger, "root": root, "effort": effort}  # fmt: skip
        with ExitStack() as stack:
            if keep_features is not None:
                settings = StoreSettings(quantise, codebook, keep_text)
                run.writer = stack.enter_context(scanner.feature_writer(keep_features, settings))
            run.scan(scanner, rows, partial(row_count, listings), out, root, overlay, _made_by(scanner, inputs))
    if ledger is not None:
        with changed_ledger(ledger) as latest:
            for report in read_reports(out):
                latest.add_report(report)
    summary = ", ".join(f"{run.bands[band]} {band}" for band in ("block", "review", "clear"))
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
    provenance = asdict(scanner.scan(Listing("-")).provenance)
    out = {name: str(value) for name, value in provenance.items() if name not in ("device", "time")}
    for name, value in inputs.items():
        if not isinstance(value, Path):
            out[name] = str(value)
        elif name in ("prices", "calibration"):
            out[name] = file_sha256(value)
        else:
            out[name] = sha256_hex(os.fsencode(value.resolve()))
    return out


@dataclass
class _Run:
    """One scan to a file, and what it counts.

    Attributes:
        complaints: Prints what goes wrong.
        failed: Rows that have no report.
        unread: Photos that could not be read or drawn, now or by an earlier run of the same command.
        bands: Bands of the reports that were written now or by an earlier run.
        advance: Moves the progress bar by a number of rows.
        writer: Keeps the features of photos; None keeps none.
    """

    complaints: Complaints
    failed: int = 0
    unread: int = 0
    bands: Counter[str] = field(default_factory=Counter)
    advance: Callable[[int], object] = lambda rows: None
    writer: FeatureWriter | None = None

    def count_bad_row(self, row: BadRow) -> None:
        """Count and report a row that is not a listing."""
        self._fail(row.rows, f"line {row.line}: {row.reason}")

    def _fail(self, rows: int, message: str) -> None:
        self.failed += rows
        self.advance(rows)
        self.complaints(message)

    def scan(
        self,
        scanner: Scanner,
        listings: Iterator[Listing],
        total: Callable[[], int | None],
        out: Path,
        root: Path,
        overlay: Path | None,
        made_by: Mapping[str, str],
    ) -> None:
        """Scan listings to a file that grows line by line."""
        with (
            PartialOutput(out, made_by) as output,
            progress("scan", "listings", total, done=len(output.done)) as self.advance,
        ):
            self.bands, self.unread = Counter(output.bands), output.unread
            try:
                for report in scanner.scan_many(self._unscanned(listings, output), keep_features=self.writer):
                    if overlay is not None:  # before the report: a report that is written is complete
                        for reason in write_overlays(report, root, overlay):
                            self.unread += 1
                            self.complaints(f"listing {report.listing_id!r}: {reason}")
                    output.write(to_json(report))
                    self.unread += len(photo_warnings(report.warnings))
                    self.bands[report.score.band] += 1
                    for warning in report.warnings:
                        self.complaints(f"listing {report.listing_id!r}: {warning}")
                    self.advance(1)
            except KeyboardInterrupt:
                complain(f"interrupted; {self.bands.total()} reports are in {output.partial}, the same command goes on")
                sys.exit(INTERRUPTED)

    def _unscanned(self, listings: Iterator[Listing], output: PartialOutput) -> Iterator[Listing]:
        """Yield the listings that have no report yet."""
        ids, earlier, not_kept = set(output.done), set(output.done), 0
        for listing in listings:
            if listing.id in earlier:
                earlier.discard(listing.id)  # the progress bar began with it
                not_kept += self.writer is not None and bool(listing.images) and listing.id not in self.writer
            elif listing.id in ids:
                self._fail(1, f"listing {listing.id!r}: the id is there twice; only the first is scanned")
            else:
                ids.add(listing.id)
                yield listing
        if not_kept:
            complain(f"{not_kept} reports in {output.partial} are of listings whose features were not kept")
        if earlier:
            complain(
                f"{len(earlier)} reports in {output.partial} are of listings that are there no more, "
                f"such as {min(earlier)!r:.80}"
            )
