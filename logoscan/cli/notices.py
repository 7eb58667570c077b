"""`logoscan notices`: which notices are complete, agree with what was seen, and come first; and what became of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from logoscan._quote import quoted
from logoscan.cli.app import examples, main
from logoscan.cli.console import Complaints, cells, complain, say, show, table
from logoscan.cli.inputs import STANDARD, BadRows, open_reports
from logoscan.cli.options import MODE, REVIEWER_KEY, read_key
from logoscan.cli.outputs import check_place, save_lines
from logoscan.errors import InputError
from logoscan.io.records import to_mapping

if TYPE_CHECKING:
    from logoscan.cases.decisions import Decision
    from logoscan.cases.notice_queue import NoticeView
    from logoscan.results import Report

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
# Notifiers that stdout names.
_MOST_NAMED = 20


@main.group(
    short_help="Check and rank the notices of rights holders.",
    help=(
        "Notices of rights holders: which are complete (DSA, Art. 16), agree with what the photos show, and come "
        "first. Whether one is upheld a person decides. Needs pip install 'logoscan[cases]'."
    ),
    epilog=examples(
        "logoscan notices check notices.jsonl --reports reports.jsonl --index index/ --out ranked.jsonl",
        "logoscan notices decide answers.csv --decisions decisions/",
    ),
)
def notices() -> None:
    """Group the commands on notices."""


@notices.command(
    help=(
        "Check NOTICES (JSON lines: id, received_at, explanation, listing_ids or urls, notifier_name, notifier_email, "
        "good_faith, brand, right, authority, notifier_id, trusted_flagger) and put them in order. The output has "
        "neither names nor addresses. Exit code 1 if lines are no notices; stderr says which."
    ),
    epilog=examples(
        "logoscan notices check notices.jsonl --reports reports.jsonl --decisions decisions/ --out r.jsonl"
    ),
)
@click.argument("file", metavar="NOTICES", type=_FILE)
@click.option("--reports", type=click.Path(exists=True, path_type=Path), help="Reports of the listings.")
@click.option("--index", "index_dir", type=_FOLDER, help="Index: brands, authorised sellers, rights of packs.")
@click.option("--earlier", type=_FILE, multiple=True, help="Notices that came before: records of notifiers, repeats.")
@click.option("--decisions", type=click.Path(file_okay=False, path_type=Path),
              help="Decisions on record; receipts of complete notices are added.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, help="FILE.jsonl of the queue; - is stdout.")
@MODE
def check(
    file: Path,
    reports: Path | None,
    index_dir: Path | None,
    earlier: tuple[Path, ...],
    decisions: Path | None,
    out: Path,
) -> None:
    """Check notices and put them in order."""
    from logoscan.cases.decision_store import DecisionLog
    from logoscan.cases.notice_decisions import receipts
    from logoscan.cases.notice_files import read_notices
    from logoscan.cases.notice_queue import misuse, notifier_records, rank_notices, weigh_notice
    from logoscan.cases.notices import Known, check_notice, is_complete, listings_of, notice_key
    from logoscan.index.logo_index import LogoIndex

    check_place(out)
    log = None if decisions is None else DecisionLog(decisions, writer="notices")
    index = None if index_dir is None else LogoIndex.load(index_dir)
    seen_reports: dict[str, Report] = {r.listing_id: r for r in open_reports(reports)} if reports is not None else {}
    urls = {one: r.listing.url if r.listing is not None else None for one, r in seen_reports.items()}
    brands = () if index is None else index.brands
    rights = {} if index is None else {brand.name: index.packs.rights(brand) for brand in brands}
    known = Known(brands, listings=urls if reports is not None else None, rights=rights)
    with Complaints() as complaints:
        failed = BadRows(complaints)
        before = [one for path in earlier for one in read_notices(path, on_error=failed.of(path))]
        given = list(read_notices(file, on_error=failed.of(file)))
    keys = {key for one in before if (key := notice_key(one)) is not None}
    ids = {one.id for one in before}
    views: list[NoticeView] = []
    received: list[Decision] = []
    incomplete: list[str] = []
    on_record = list(log.read()) if log is not None and log.folder.is_dir() else []
    records = notifier_records([*before, *given], on_record)
    for notice in given:
        problems = check_notice(notice, known, keys)
        if (key := notice_key(notice)) is not None:
            keys.add(key)
        if not is_complete(problems):
            incomplete.append(notice.id)
        listings = listings_of(notice, known)
        report = next((seen_reports[one] for one in listings if one in seen_reports), None)
        views.append(weigh_notice(notice, problems, known, report, records.get(notice.notifier_id or "")))
        if is_complete(problems) and notice.received_at is not None and listings and notice.id not in ids:
            received += receipts(notice, known)
    ranked = rank_notices(views)
    save_lines(out, (json.dumps(to_mapping(view), ensure_ascii=False) + "\n" for view in ranked))
    if log is not None:
        there = {one.id for one in on_record}
        log.append(one for one in received if one.id not in there)
    if out != STANDARD:
        _tell(ranked, len(incomplete), out)
        for one in misuse(records.values())[:_MOST_NAMED]:
            complain(f"notifier {quoted(one.notifier_id)}: {one.upheld} of {one.decided} notices upheld; a person "
                     "should look at it (DSA, Art. 23)")  # fmt: skip
    failed.exit_if_any()


def _tell(views: tuple[NoticeView, ...], incomplete: int, out: Path) -> None:
    missing = Counter(problem.element for view in views for problem in view.problems if problem.kind == "missing")
    agreement = Counter(view.agreement for view in views)
    rows = table("missing", "notices", right=("notices",))
    for element, count in missing.most_common():
        rows.add_row(*cells([element, count]))
    if missing:
        show(rows)
    says = ", ".join(f"{agreement[name]} {name}" for name in ("agrees", "silent", "contradicts"))
    say(f"{len(views)} notices, {incomplete} incomplete; the reports: {says} -> {out}")


@notices.command(
    help=(
        "Record what people decided: FILE is a CSV with answers (id of a notice's receipt, or of the decision that an "
        "appeal is against), action, reviewer and, if any, time, reason, appeal (yes), received_at, seller_id, "
        "listed_at. Exit code 1 if rows are bad; stderr says which."
    ),
    epilog=examples("logoscan notices decide answers.csv --decisions decisions/"),
)
@click.argument("file", type=_FILE)
@click.option("--decisions", type=_FOLDER, required=True, help="Decisions on record.")
@REVIEWER_KEY
@MODE
def decide(file: Path, decisions: Path, reviewer_key: Path | None) -> None:
    """Record what people decided on notices and appeals."""
    from logoscan.cases.answers import answer_decisions, read_answers
    from logoscan.cases.decision_store import DecisionLog

    log = DecisionLog(decisions, writer="notices", reviewer_key=read_key(reviewer_key))
    with Complaints() as complaints:
        failed = BadRows(complaints)
        rows = read_answers(file, on_error=failed.of(file))
        made = answer_decisions(rows, log, on_error=failed.of(file))
    if not made and not failed.rows:
        raise InputError(f"{file.name}: expected decisions, got none")
    added = log.append(made)
    say(f"{added} decisions -> {decisions}")
    failed.exit_if_any()
