"""`logoscan report`: write the work list of a run and the pages that belong to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import Complaints, complain, progress, say
from logoscan.cli.inputs import merchant_facts, open_reports, photo_root
from logoscan.cli.options import MODE
from logoscan.results import Report


@main.command(
    short_help="Write a work list and pages of a run.",
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
@click.option(
    "--facts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is known of sellers, as for `merchants`.",
)
@MODE
def report(reports: Path, folder: Path, root: Path | None, index_dir: Path | None, facts: Path | None) -> None:
    """Write pages of REPORTS (as `scan` wrote them; - is standard input): index.html, where people decide case by case,
    a page for each listing, which can be sent as one file, and one for each seller.

    They open from disk, without a server, and load nothing from elsewhere. Decisions are downloaded as a file for
    `verdict import`. Needs the extra `report`. Exit code 1 if photos that were scanned cannot be shown.
    """
    from logoscan.index.logo_index import LogoIndex
    from logoscan.reporting.run_html import write_pages

    index = None if index_dir is None else LogoIndex.load(index_dir)
    photo_folder, not_found, others, photos = root or photo_root(reports), 0, 0, 0
    example = ""

    def missing(listing_id: str, reason: str) -> None:
        nonlocal not_found, others, example
        if "no such image file" in reason:
            not_found += 1
        else:
            others += 1
            example = example or f"listing {listing_id!r}: {reason}"

    def counted() -> Iterator[Report]:
        nonlocal photos
        for one in open_reports(reports):
            photos += sum(image.sha256 is not None for image in one.images)
            yield one

    failed = 0
    known = None
    if facts is not None:
        with Complaints() as complaints:
            known, failed = merchant_facts(facts, None, complaints)
    count_lines = partial(_line_count, reports) if reports.is_file() else lambda: None
    with progress("report", "pages", count_lines) as advance:
        count = write_pages(
            counted(), folder, root=photo_folder, index=index, facts=known, done=advance, missing=missing
        )
    say(f"{count} listings -> {folder / 'index.html'}")
    if not_found:
        complain(f"{not_found} of {photos} photos were not found below {str(photo_folder)!r}: --root?")
    if others:
        complain(f"{others} of {photos} photos cannot be shown, such as of {example}")
    if not_found + others + failed:
        sys.exit(1)


def _line_count(path: Path) -> int:
    """Return the number of lines that are not blank."""
    with path.open("rb") as lines:
        return sum(bool(line.strip()) for line in lines)
