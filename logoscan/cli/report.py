"""`logoscan report`: write the evidence pages of a run."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import complain, progress, say
from logoscan.cli.inputs import open_reports, photo_root
from logoscan.cli.options import MODE

# Photos that cannot be shown and are named on stderr; the others are counted.
_MAX_NAMED = 20


@main.command(
    short_help="Write evidence pages of a run.",
    epilog=examples("logoscan report reports.jsonl --html pages/ --root . --index index/"),
)
@click.argument("reports", type=click.Path(exists=True, allow_dash=True, path_type=Path))
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
    """Write evidence pages of REPORTS (as `scan` wrote them; - is standard input): index.html, and a page a listing.

    They open from disk, without a server, and load nothing from elsewhere. Needs the extra `report`. Exit code 1 if
    photos that were scanned cannot be shown; stderr says which.
    """
    from logoscan.index.logo_index import LogoIndex
    from logoscan.reporting.run_html import write_pages

    index = None if index_dir is None else LogoIndex.load(index_dir)
    photo_folder, not_shown = root or photo_root(reports), 0

    def missing(listing_id: str, reason: str) -> None:
        nonlocal not_shown
        not_shown += 1
        if not_shown <= _MAX_NAMED:
            complain(f"listing {listing_id!r}: {reason}")

    count_lines = partial(_line_count, reports) if reports.is_file() else lambda: None
    with progress("report", "pages", count_lines) as advance:
        count = write_pages(
            open_reports(reports), folder, root=photo_folder, index=index, done=advance, missing=missing
        )
    say(f"{count} listings -> {folder / 'index.html'}")
    if not_shown:
        complain(f"{not_shown} photos cannot be shown; they were looked for below {str(photo_folder)!r} (--root)")
        sys.exit(1)


def _line_count(path: Path) -> int:
    """Return the number of lines that are not blank."""
    with path.open("rb") as lines:
        return sum(bool(line.strip()) for line in lines)
