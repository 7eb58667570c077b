"""`logoscan verdict import` and `list`: verdicts from a CSV file, and those of a journal as a table."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from logoscan.cli.app import examples
from logoscan.cli.console import Complaints, cells, complain, say, show, table
from logoscan.cli.options import MODE, REVIEWER_KEY, read_key
from logoscan.cli.verdict import JOURNAL, verdict
from logoscan.io.records import to_json
from logoscan.reporting.jsonl import read_reports
from logoscan.review.reviewers import is_pseudonym
from logoscan.review.verdict import Verdict
from logoscan.review.verdict_rows import read_verdict_rows

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@verdict.command(
    "import",
    short_help="Add the verdicts of a CSV file.",
    help=(
        "Add the verdicts of FILE, a CSV: listing_id, brand, verdict (counterfeit, genuine, wrong_brand, missed) and, "
        "if you like, source, weight, reviewer, note, x0, y0, x1, y1.\n\n"
        "A row that is there already is not added again: run it again after a crash, or as the file grows. Exit code 1 "
        "if rows are bad; stderr says which."
    ),
    epilog=examples("logoscan verdict import found.csv --reports reports.jsonl --journal verdicts.jsonl"),
)
@click.argument("file", type=_FILE)
@JOURNAL
@click.option(
    "--reports",
    type=_FILE,
    multiple=True,
    help="Reports of the listings: they keep the scores, and tell a wrong id or brand.",
)
@click.option(
    "--decisions",
    type=click.Path(file_okay=False, path_type=Path),
    help="Add what the verdicts decide: counterfeits are removed, others allowed.",
)
@REVIEWER_KEY
@MODE
def import_file(
    file: Path, journal: Path, reports: tuple[Path, ...], decisions: Path | None, reviewer_key: Path | None
) -> None:
    """Add the verdicts of a file to a journal."""
    from logoscan.review.journal import Journal

    rows = read_verdict_rows(file)
    read = (report for path in reports for report in read_reports(path))
    key = read_key(reviewer_key)
    done = Journal(journal, reviewer_key=key).import_rows(rows, read if reports else None)
    with Complaints() as complaints:
        for row in done.bad:
            complaints(f"{file.name}, line {row.line}: {row.reason}")
        for said in done.contradictions:
            complaints(f"{file.name}, {said}")
    if decisions is not None:
        _add_decisions(file, reports, decisions, key)
    if done.missed:
        complain(f"{done.missed} verdicts are on brands that the reports do not name; noted as missed, with the label")
    there = f", {done.there} there already" if done.there else ""
    undone = f" ({done.undone} of them undone, and so they stay)" if done.undone else ""
    say(f"{done.added} verdicts added{there}{undone} -> {journal}")
    if lost := sum(row.rows for row in done.bad):
        complain(f"{lost} rows failed, see above")
        sys.exit(1)


def _add_decisions(file: Path, reports: tuple[Path, ...], decisions: Path, key: bytes | None) -> None:
    """Add the decisions of the good rows of a file, with its time, so that the same file adds nothing twice."""
    from datetime import UTC, datetime

    from logoscan.cases.decision_store import DecisionLog
    from logoscan.cases.recorded import verdict_decisions
    from logoscan.review.verdict_rows import VerdictRow

    rows = [row for row in read_verdict_rows(file) if isinstance(row, VerdictRow)]
    wanted = {row.listing_id for row in rows}
    known = {
        report.listing_id: report for path in reports for report in read_reports(path) if report.listing_id in wanted
    }
    when = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
    added = DecisionLog(decisions, writer="verdicts", reviewer_key=key).append(verdict_decisions(rows, known, when))
    say(f"{added} decisions -> {decisions}")


@verdict.command(
    "list",
    help="Show the verdicts in force, or all lines of the journal.",
    epilog=examples("logoscan verdict list --journal verdicts.jsonl"),
)
@JOURNAL
@click.option("--all", "everything", is_flag=True, help="Those that were undone or replaced, too, and the undos.")
@click.option("--listing", help="Of this listing alone.")
@click.option("--brand", help="Of this brand alone.")
@click.option("--reviewer", help="Of this person alone, by name.")
@REVIEWER_KEY
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_verdicts(
    journal: Path,
    everything: bool,
    listing: str | None,
    brand: str | None,
    reviewer: str | None,
    reviewer_key: Path | None,
    as_json: bool,
) -> None:
    """Show the verdicts of a journal."""
    from logoscan.review.journal import Journal

    opened = Journal(journal, reviewer_key=read_key(reviewer_key))
    named = any(is_pseudonym(v.reviewer) for v in opened.verdicts if v.reviewer is not None)
    names = (reviewer, opened.reviewer(reviewer) if named and reviewer is not None else reviewer)
    standing = {v.id for v in opened.standing()}
    undone_by = {v.undoes: v.id for v in opened.verdicts if v.undoes is not None}
    rows = [
        v
        for v in opened.verdicts
        if (everything or v.id in standing)
        and (listing is None or v.listing_id == listing)
        and (brand is None or v.brand == brand)
        and (reviewer is None or v.reviewer in names)
    ]
    if as_json:
        for row in rows:
            click.echo(to_json(row))
        return
    out = table(
        "id", "time", "listing", "brand", "verdict", "source", "weight", "reviewer", "note", right=["id", "weight"]
    )
    for row in rows:
        state = "" if row.id in standing or row.undoes else ", undone" if row.id in undone_by else ", replaced"
        out.add_row(
            *cells(
                [row.id, row.time, row.listing_id, row.brand, f"{_said(row)}{state}", row.source, f"{row.weight:g}",
                 row.reviewer or "", row.note or ""]
            )
        )  # fmt: skip
    show(out, f"{len(rows)} verdicts" + ("" if everything else " in force"))


def _said(verdict: Verdict) -> str:
    if verdict.undoes is not None:
        return f"undo of {verdict.undoes}"
    missed = verdict.kind == "missed" and verdict.answer != "missed"
    return f"{verdict.answer}, missed" if missed else str(verdict.answer)
