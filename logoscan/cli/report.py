"""`logoscan report`: evidence pages of a run, to look at and hand on."""

from __future__ import annotations

from pathlib import Path

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import progress, say
from logoscan.report import read_reports


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
def report(reports: Path, folder: Path, root: Path | None, index_dir: Path | None) -> None:
    """Write evidence pages of REPORTS (.jsonl, as `scan` wrote it): index.html, and a page a listing.

    They open from disk, without a server, and load nothing from elsewhere. Needs the extra `report`.
    """
    from logoscan.index import LogoIndex
    from logoscan.run_pages import write_pages

    index = None if index_dir is None else LogoIndex.load(index_dir)
    with reports.open("rb") as lines:
        total = sum(bool(line.strip()) for line in lines)
    with progress("report", "pages", total) as advance:
        count = write_pages(read_reports(reports), folder, root=root or reports.parent, index=index, done=advance)
    say(f"{count} listings -> {folder / 'index.html'}")
