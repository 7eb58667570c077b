"""`logoscan merchants`: score merchants by the reports of their listings and by what the platform knows."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import click

from logoscan._quote import quoted
from logoscan.cli.app import examples, main
from logoscan.cli.console import Complaints, complain, progress, say
from logoscan.cli.inputs import STANDARD, merchant_facts, open_reports
from logoscan.cli.options import MAP, MODE
from logoscan.cli.outputs import check_place, is_csv, save_lines, table_lines
from logoscan.errors import InputError
from logoscan.io.csv_output import csv_lines
from logoscan.merchants.facts import MerchantFacts
from logoscan.merchants.score import MerchantScore, score_merchant
from logoscan.merchants.state import MerchantState

# Columns of the CSV; the contributions are one of them.
_COLUMNS = tuple(f.name for f in fields(MerchantScore))


@main.command(
    short_help="Score merchants by the reports of their listings.",
    epilog=examples(
        "logoscan merchants reports.jsonl --out merchants.jsonl",
        "logoscan merchants reports.jsonl --facts merchants.csv --out merchant-scores.csv",
    ),
)
@click.argument("reports", type=click.Path(path_type=Path))
@click.option(
    "--facts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV: seller_id[,orders,refunds,complaints,takedowns,account_age_days,identity_verified,review_manipulation,"
    "ring].",
)
@click.option(
    "--rings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="As `rings --out` wrote it: to belong to a ring is one more fact, which never blocks.",
)
@MAP
@click.option("--out", type=click.Path(path_type=Path), required=True, help="FILE.jsonl or FILE.csv; - is stdout.")
@MODE
def merchants(
    reports: Path, facts: Path | None, rings: Path | None, columns: Mapping[str, str] | None, out: Path
) -> None:
    """Score each merchant of REPORTS (as `scan` wrote them; - is standard input), the highest score first.

    Copies of a listing count once. Merchants of whom there are FACTS alone are scored by these. Scores rank merchants
    and accuse nobody. Exit code 1 if rows or reports failed; stderr says which.
    """
    check_place(out)
    as_csv, failed = is_csv(out), 0
    with Complaints() as complaints:
        known: dict[str, MerchantFacts] = {}
        if facts is not None:
            known, failed = merchant_facts(facts, columns, complaints)
        if rings is not None:
            from logoscan.cases.ring_files import read_confidence

            for seller, confidence in read_confidence(rings).items():
                known[seller] = replace(known.get(seller, MerchantFacts()), ring=confidence)
        states, lost = _states(reports, complaints)
    scores = [
        replace(score_merchant(states.get(seller, []), known.get(seller)), seller_id=seller)
        for seller in {**states, **known}
    ]
    scores.sort(key=lambda score: (-score.value, score.seller_id or ""))
    save_lines(out, csv_lines(_COLUMNS, map(_cells, scores)) if as_csv else table_lines(_COLUMNS, scores, as_csv=False))
    bands = Counter(score.band for score in scores)
    if out != STANDARD:
        summary = ", ".join(f"{bands[band]} {band}" for band in ("block", "review", "clear"))
        say(f"{len(scores)} merchants ({summary}) -> {out}")
    if failed + lost:
        complain(f"{failed + lost} rows failed, see above")
        sys.exit(1)


def _cells(score: MerchantScore) -> list[object]:
    """Return a score as a row; of its contributions the names and what they add."""
    parts = tuple(f"{c.name} {c.contribution:+.2f}" for c in score.contributions)
    return [parts if name == "contributions" else getattr(score, name) for name in _COLUMNS]


def _states(reports: Path, complaints: Complaints) -> tuple[dict[str, MerchantState], int]:
    """Return the state of each merchant, and how many reports belong to none though they name one."""
    states: dict[str, MerchantState] = {}
    nameless = lost = 0
    with progress("merchants", "reports", lambda: None) as advance:
        for report in open_reports(reports):
            advance()
            if report.seller_id is None:
                nameless += 1
                continue
            state = states.get(report.seller_id) or MerchantState()
            try:
                state.add(report)
            except InputError as error:
                lost += 1
                complaints(f"listing {quoted(report.listing_id)}: in no merchant's score: {error}")
                continue
            states[report.seller_id] = state
    if nameless:
        complaints(f"{nameless} reports name no seller and count for no merchant")
    return states, lost
