"""`logoscan disclose`: the figures of a period, by the decisions on record."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import Complaints, cells, complain, say, show, table, working
from logoscan.cli.inputs import open_reports
from logoscan.cli.options import MODE
from logoscan.cli.outputs import check_place
from logoscan.errors import InputError
from logoscan.io.files import atomic_write
from logoscan.io.rows import BadRow

if TYPE_CHECKING:
    from logoscan.cases.disclosure import Disclosure

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PLACE = click.Path(dir_okay=False, path_type=Path)


@main.command(
    short_help="Tell the figures of a period, for publication.",
    help=(
        "Tell by the DECISIONS on record (a folder) how much was found without a notice, how fast, and how often it "
        "was wrong. Small cells are left out. Nothing is posted anywhere.\n\n"
        "The error rate needs an audit: --audit-sheet draws automated decisions at random, people fill in outcome "
        "(right, wrong, undecided), and --audits reads it. Exit code 1 if rows are bad, or decisions cannot be stated. "
        "Needs pip install 'logoscan[cases]', for audits 'logoscan[buys]', for --html 'logoscan[report]'."
    ),
    epilog=examples(
        "logoscan disclose decisions/ --from 2026-07-01 --to 2026-09-30 --out q3.json --html q3.html",
        "logoscan disclose decisions/ --from 2026-07-01 --to 2026-09-30 --out q3.json --audit-sheet audit.csv",
        "logoscan disclose decisions/ --from 2026-07-01 --to 2026-09-30 --out q3.json --audits audit.csv --csv q3.csv",
    ),
)
@click.argument("decisions", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day, UTC.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last day, UTC.")
@click.option("--out", type=_PLACE, required=True, help="The figures, JSON.")
@click.option("--csv", "csv_file", type=_PLACE, help="The same as CSV.")
@click.option("--html", type=_PLACE, help="A page with charts.")
@click.option("--before", type=_FILE, help="Figures of the period before, as --out wrote them, for the page.")
@click.option("--audits", type=_FILE, help="An audit's sheet with outcomes.")
@click.option("--audit-sheet", type=_PLACE, help="Draw an audit, and write its sheet.")
@click.option("--audit-size", type=click.IntRange(1), default=1000, show_default=True, help="Decisions of an audit.")
@click.option("--seed", type=int, help="Repeats a draw; default: at random.")
@click.option("--statements", type=_PLACE, help="Statements of reasons (DSA), JSON lines; needs --grounds.")
@click.option("--grounds", type=_FILE, help='JSON: {"illegal": [legal ground, explanation], "terms": [...]}.')
@click.option("--reports", type=click.Path(exists=True, path_type=Path), help="Reports, for the statements' facts.")
@MODE
def disclose(
    decisions: Path,
    start: datetime,
    end: datetime,
    out: Path,
    csv_file: Path | None,
    html: Path | None,
    before: Path | None,
    audits: Path | None,
    audit_sheet: Path | None,
    audit_size: int,
    seed: int | None,
    statements: Path | None,
    grounds: Path | None,
    reports: Path | None,
) -> None:
    """Tell the figures of a period."""
    from logoscan.cases import audits as auditing
    from logoscan.cases.decision_store import DecisionLog
    from logoscan.cases.disclosure import disclose as figures_of
    from logoscan.cases.disclosure_files import read_disclosure, to_csv, to_json

    places = [place for place in (out, csv_file, html, audit_sheet, statements) if place is not None]
    for place in places:
        check_place(place)
    if len({place.resolve() for place in places}) < len(places):
        raise InputError("out: expected another file for each output, got one twice")
    if (statements is None) != (grounds is None):
        raise click.UsageError("--statements: expected together with --grounds, the platform's own words")
    log, first, last = DecisionLog(decisions), start.date(), end.date()
    failed = 0
    with Complaints() as complaints:

        def on_error(row: BadRow) -> None:
            nonlocal failed
            failed += row.rows
            complaints(f"line {row.line}: {row.reason}")

        rows = () if audits is None else auditing.read_audits(audits, on_error=on_error)
        with working("counting"):
            figures = figures_of(log, first, last, audits=rows)
        earlier = None if before is None else read_disclosure(before)
        stated = None
        if statements is not None and grounds is not None:
            stated, unstated = _statements(grounds, log, first, last, reports, complaints)
            failed += unstated
    page = None
    if html is not None:
        from logoscan.cases.disclosure_page import disclosure_page

        page = disclosure_page(figures, earlier)
    drawn = None
    if audit_sheet is not None:
        drawn = auditing.draw_audit(log, first, last, audit_size, seed=secrets.randbits(63) if seed is None else seed)
    # all is there before the first file is written, so that an error leaves none
    sheet = None if drawn is None else auditing.audit_sheet(drawn)
    for file, words in (
        (statements, stated),
        (out, to_json(figures)),
        (csv_file, to_csv(figures)),
        (html, page),
        (audit_sheet, sheet),
    ):
        if file is not None and words is not None:
            atomic_write(file, words.encode())
    if drawn is not None:
        say(f"{len(drawn)} decisions to look at again -> {audit_sheet}")
    _show(figures)
    say(f"{figures.decisions or 'few'} decisions from {first} to {last} -> {out}")
    if failed:
        complain(f"{failed} rows failed, see above")
        sys.exit(1)


def _statements(
    grounds: Path, log: Any, first: date, last: date, reports: Path | None, complaints: Complaints
) -> tuple[str, int]:
    """Return the statement of reasons of each decision against somebody, and how many could not be stated."""
    from logoscan.cases.decisions import report_sha256
    from logoscan.cases.statements import Grounds, statement_of_reasons
    from logoscan.io.records import loads

    words = loads(grounds.read_bytes(), str(grounds))
    try:
        if not all(isinstance(one, list) and list(map(type, one)) == [str, str] for one in words.values()):
            raise TypeError
        stated = Grounds(**{name: tuple(one) for name, one in words.items()})
    except (TypeError, AttributeError):
        raise InputError(f"{grounds}: expected illegal and terms, each with a ground and an explanation") from None
    known = {} if reports is None else {report_sha256(report): report for report in open_reports(reports)}
    failed = 0

    def lines() -> Iterator[str]:
        nonlocal failed
        for one in log.read(first, last):
            if not one.is_adverse or one.source == "appeal" or one.time is None:
                continue
            if not first <= one.time.astimezone(UTC).date() <= last:
                continue
            try:
                statement = statement_of_reasons(one, known.get(one.report_sha256 or ""), grounds=stated)
            except InputError as error:
                failed += 1
                complaints(str(error))
            else:
                yield json.dumps(statement, ensure_ascii=False) + "\n"

    return "".join(lines()), failed


def _show(figures: Disclosure) -> None:
    """Print the main figures."""

    def number(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    rows = table("figure", "value", right=("value",))
    automated = figures.share(figures.means, "automated")
    for name, value in (
        ("against listings or accounts", number(figures.adverse, ",d")),
        ("proactive for each reactive", number(figures.ratio, ".1f")),
        ("before a first sale", number(figures.before_first_sale, ".1%")),
        ("decided without a person", number(automated, ".1%")),
        ("notices upheld", number(figures.share(figures.notices, "upheld"), ".1%")),
        ("appeals reversed", number(figures.share(figures.appeals, "reversed"), ".1%")),
    ):
        rows.add_row(*cells([name, value]))
    for rate in figures.error_rates[:1]:
        wrong = f"{number(rate.rate, '.2%')} ({rate.low:.2%} - {rate.high:.2%})"
        rows.add_row(*cells(["automated decisions that are wrong, by audit", wrong]))
    show(rows)
    if figures.suppressed:
        say(f"{figures.suppressed} small counts are not published")
