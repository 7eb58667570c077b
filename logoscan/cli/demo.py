"""`logoscan demo`: scan the bundled samples and show the scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from logoscan.cli.app import examples, main
from logoscan.cli.console import cells, complain, progress, say, show, table, working
from logoscan.cli.inputs import price_model
from logoscan.cli.options import DEVICE, MODE, OCR
from logoscan.cli.overlays import write_overlays
from logoscan.io.files import private_folder
from logoscan.io.listings import read_listings
from logoscan.ocr.engine import OcrChoice
from logoscan.reporting.jsonl import write_reports
from logoscan.results import Report
from logoscan.types import Listing

_COLOURS = {"clear": "green", "review": "yellow", "block": "red"}


@main.command(
    short_help="Scan the bundled samples and show the scores.",
    epilog=examples("logoscan demo", "logoscan demo --out demo/ --ocr none"),
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("logoscan-demo"),
    show_default=True,
    help="Folder of the reports and the photos with boxes.",
)
@OCR
@DEVICE
@MODE
def demo(out: Path, ocr: OcrChoice, device: str) -> None:
    """Scan the bundled sample listings and show the scores. Photos, sellers and prices are composed, not real."""
    from logoscan.scan.scanner import Scanner

    samples = Path(__file__).parent.parent / "_samples"
    listings = list(read_listings(samples / "listings.jsonl"))
    private_folder(out)
    with working("loading the models"):
        scanner = Scanner.default(
            samples / "brands",
            device=device,
            ocr=None if ocr == "none" else ocr,
            prices=price_model(samples / "prices.csv")[0],
            root=samples,
        )
    reports = []
    with progress("scan", "listings", len(listings)) as advance:
        for report in scanner.scan_many(listings):
            reports.append(report)
            for reason in write_overlays(report, samples, out / "overlays"):
                complain(f"listing {report.listing_id!r}: {reason}")
            advance()
    write_reports(out / "reports.jsonl", reports)
    say("Composed samples: the photos, sellers and prices are made up; the logo images are real (CC0).")
    show(_table(listings, reports))
    first = reports[0].provenance
    say(f"{first.encoder} on {first.device}, {first.detector}, {first.ocr}")
    say(f"reports: {out / 'reports.jsonl'}   photos with boxes: {out / 'overlays'}")


def _table(listings: Sequence[Listing], reports: Sequence[Report]) -> Table:
    out = table("listing", "title", "score", "band", "brand", "seen", "main reason", right=("score", "seen"))
    for listing, report in zip(listings, reports, strict=True):
        score = report.score
        reasons = [c for c in score.contributions if c.contribution > 0.05]
        probability = next((b.probability for b in report.brands if b.brand == score.brand), None)
        row = (
            listing.id,
            listing.title or "",
            "-" if score.value is None else f"{score.value:.0f}",
            Text(score.band, _COLOURS[score.band]),
            score.brand or "-",
            "-" if probability is None else f"{probability:.2f}",
            "; ".join(f"{c.signal} +{c.contribution:.1f}" for c in reasons[:3]) or "nothing speaks against it",
        )
        out.add_row(*cells(row))
    return out
