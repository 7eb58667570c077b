"""`logoscan queue`: the order in which reviewers look at listings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import progress, say
from logoscan.cli.inputs import STANDARD, open_reports
from logoscan.cli.options import MODE
from logoscan.cli.outputs import check_place, is_csv, save_lines, table_lines
from logoscan.reporting.queue import QueueRow, review_queue
from logoscan.results import Report


@main.command(
    short_help="Say which listings reviewers should look at first.",
    epilog=examples(
        "logoscan queue reports.jsonl --out queue.csv --budget 50",
        "logoscan queue reports.jsonl --out -",
    ),
)
@click.argument("reports", type=click.Path(path_type=Path))
@click.option("--budget", type=click.IntRange(0), help="Most rows, as many as there is time to look at; default: all.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="FILE.jsonl or FILE.csv; - is stdout.")
@click.option("--decisions", type=click.Path(file_okay=False, path_type=Path), help="Add each listing as held.")
@MODE
def queue(reports: Path, budget: int | None, out: Path, decisions: Path | None) -> None:
    """Order the listings of REPORTS (as `scan` wrote them; - is standard input) by what a look is expected to settle.

    The value of a look is the expected number of counterfeit listings that it settles: the sum of score / 100 over the
    listing and its copies; at least 0.05 for one that could not be judged. Copies and near copies (same photos, nearly
    the same title and price, one brand) are one row. Listings in the band clear are left out.
    """
    check_place(out)
    as_csv, bands = is_csv(out), Counter[str]()
    waiting: dict[str, Report] = {}

    def counted() -> Iterator[Report]:
        with progress("queue", "reports", lambda: None) as advance:
            for report in open_reports(reports):
                bands[report.score.band] += 1
                if decisions is not None and report.score.band != "clear":
                    waiting[report.listing_id] = report
                advance()
                yield report

    rows = review_queue(counted(), budget)
    save_lines(out, table_lines(QueueRow.columns(), rows, as_csv=as_csv))
    if decisions is not None:
        from logoscan.cases.decision_store import DecisionLog
        from logoscan.cases.recorded import queued_decisions

        DecisionLog(decisions, writer="queue").append(queued_decisions(rows, waiting))
    if out != STANDARD:
        listings = sum(row.copies for row in rows)
        say(f"{len(rows)} looks at {listings} listings of {bands.total()}, {bands['clear']} of them clear -> {out}")
