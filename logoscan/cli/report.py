"""`logoscan report`: evidence pages of a run, to look at and hand on."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import complain, progress, say
from logoscan.cli.options import MODE
from logoscan.reporting.jsonl import read_reports

_MOST_TOLD = 20
"""Photos that cannot be shown and are named; the rest is counted."""


@main.command(
    short_help="Write evidence pages of a run.",
    epilog=examples("logoscan report reports.jsonl --html pages/ --root . --index index/"),
)
@click.argument("reports", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--html", "folder", type=click.Path(path_type=Path), required=True, help="Folder of the pages.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the photos; default: where REPORTS is.")
@click.option(
    "--index",
    "index_dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="As `register` wrote it: shows the registered logos beside the photos.",
)
@MODE
def report(reports: Path, folder: Path, root: Path | None, index_dir: Path | None) -> None:
    """Write evidence pages of REPORTS (.jsonl, as `scan` wrote it): index.html, and a page a listing.

    They open from disk, without a server, and load nothing from elsewhere. Needs the extra `report`. Exit code 1 if
    photos that were scanned cannot be shown; stderr says which.
    """
    from logoscan.index.logo_index import LogoIndex
    from logoscan.reporting.run_html import write_pages

    index = None if index_dir is None else LogoIndex.load(index_dir)
    with reports.open("rb") as lines:
        total = sum(bool(line.strip()) for line in lines)
    photos, lacking = root or reports.parent, 0

    def missing(listing_id: str, reason: str) -> None:
        nonlocal lacking
        lacking += 1
        if lacking <= _MOST_TOLD:
            complain(f"listing {listing_id!r}: {reason}")

    with progress("report", "pages", total) as advance:
        count = write_pages(read_reports(reports), folder, root=photos, index=index, done=advance, missing=missing)
    say(f"{count} listings -> {folder / 'index.html'}")
    if lacking:
        complain(f"{lacking} photos cannot be shown; they were looked for below {str(photos)!r} (--root)")
        sys.exit(1)
