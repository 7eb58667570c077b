"""`logoscan export`: reports as a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import say
from logoscan.cli.inputs import STANDARD, open_reports
from logoscan.cli.options import MODE
from logoscan.cli.outputs import check_place, save_lines
from logoscan.io.csv_output import csv_lines
from logoscan.reporting.export import EXPORT_COLUMNS, ExportKind, export_rows


@main.command(
    short_help="Write reports as CSV for spreadsheets.",
    epilog=examples(
        "logoscan export reports.jsonl --csv reports.csv --by listing",
        "logoscan export reports.jsonl --csv matches.csv --by match",
    ),
)
@click.argument("reports", type=click.Path(path_type=Path))
@click.option("--csv", "out", type=click.Path(path_type=Path), required=True, help="The table; - is stdout.")
@click.option(
    "--by",
    type=click.Choice(get_args(ExportKind)),
    default="listing",
    show_default=True,
    help="What a row is: a listing, a candidate brand of a listing, or a match.",
)
@MODE
def export(reports: Path, out: Path, by: ExportKind) -> None:
    """Write REPORTS (as `scan` wrote them; - is standard input) as CSV.

    No cell becomes a formula: texts that begin with = + - @ or a tab, or have such a sign after a semicolon, get an
    apostrophe before it; tabs and line ends become spaces. Numbers have a decimal point; lists are joined by |.
    """
    check_place(out)
    count = 0

    def rows() -> Iterator[Sequence[object]]:
        nonlocal count
        for row in export_rows(open_reports(reports), by):
            count += 1
            yield row

    save_lines(out, csv_lines(EXPORT_COLUMNS[by], rows()))
    if out != STANDARD:
        say(f"{count} rows -> {out}")
