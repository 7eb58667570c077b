"""`logoscan buys`: plan test buys, and estimate from their results which share of all listings is counterfeit."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click

from logoscan.cases.buys import (
    BuyPlan,
    BuyResult,
    By,
    Rates,
    buys_page,
    candidates_of,
    estimate_rate,
    plan_buys,
    read_buys,
    read_candidates,
    result_sheet,
    to_labels,
)
from logoscan.cli.app import examples, main
from logoscan.cli.console import Complaints, cells, complain, progress, say, show, table, working
from logoscan.cli.inputs import STANDARD, open_reports
from logoscan.cli.options import MODE, REVIEWER_KEY, read_key
from logoscan.cli.outputs import is_csv, save_lines
from logoscan.io.csv_output import csv_lines
from logoscan.io.files import atomic_write, require_file_place
from logoscan.io.rows import BadRow
from logoscan.reporting.jsonl import read_reports
from logoscan.results import Report

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PLACE = click.Path(path_type=Path)
_BY = click.Choice(get_args(By))
# Groups that the terminal shows; the page has more.
_MOST_GROUPS = 30


class _BadRows(Complaints):
    """Says which rows of a file are bad, and lets the command end with exit code 1 if one was."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self._rows = name, 0

    def add(self, row: BadRow) -> None:
        """Count a row and say what is wrong with it."""
        self._rows += row.rows
        self(f"{self._name}, line {row.line}: {row.reason}")

    def __enter__(self) -> _BadRows:
        """Return this object."""
        return self

    def exit_if_any(self) -> None:
        """End the command if a row was bad."""
        if self._rows:
            complain(f"{self._rows} rows failed, see above")
            sys.exit(1)


@main.group(
    short_help="Plan test buys, and tell the rate of counterfeits by them.",
    help=(
        "Buy samples to know the truth: which listings to buy under a budget, and what their outcomes say about all "
        "listings on sale. Needs pip install 'logoscan[buys]'."
    ),
    epilog=examples(
        "logoscan buys plan reports.jsonl --budget 1500 --out plan.parquet --sheet results.csv",
        "logoscan buys estimate results.csv --plan plan.parquet --by brand --html rates.html",
    ),
)
def buys() -> None:
    """Group the commands on test buys."""


@buys.command(
    help=(
        "Draw the listings to buy. CANDIDATES is everything on sale: reports as `scan` wrote them (a file, a folder of "
        "shards, or - for standard input), or Parquet with the columns listing_id, p and, where known, seller_id, "
        "brand, category, price, model.\n\n"
        "Listings about which the score is in doubt are drawn more often; each has a chance, which the plan keeps. The "
        "plan is not for sellers. Exit code 1 if rows are bad; stderr says which."
    ),
    epilog=examples(
        "logoscan buys plan reports.jsonl --budget 1500 --out plan.parquet --sheet results.csv --html plan.html",
        "logoscan buys plan candidates.parquet --budget 300 --by brand --by category --floor 5 --out plan.parquet",
    ),
)
@click.argument("candidates", type=_PLACE)
@click.option("--budget", type=int, required=True, help="Number of buys.")
@click.option(
    "--by",
    type=_BY,
    multiple=True,
    default=("brand",),
    show_default=True,
    help="What a part with a floor of its own is.",
)
@click.option("--floor", type=int, default=15, show_default=True, help="Expected buys of each part, at least.")
@click.option(
    "--explore", type=float, default=0.2, show_default=True, help="Share of the chance that is equal for all, above 0."
)
@click.option("--most-per-seller", type=int, default=3, show_default=True, help="Most buys from one seller.")
@click.option("--seed", type=int, help="Repeats a draw; default: a secret one, which the plan keeps.")
@click.option("--out", type=_PLACE, required=True, help="The plan, Parquet.")
@click.option("--sheet", type=_PLACE, help="CSV for those who buy: what, and an empty column for the outcome.")
@click.option("--html", type=_PLACE, help="A page on the plan, for a manager.")
@MODE
def plan(candidates: Path, out: Path, sheet: Path | None, html: Path | None, budget: int, **settings: Any) -> None:
    """Draw the listings to buy."""
    for name, place in (("out", out), ("sheet", sheet), ("html", html)):
        if place is not None:
            require_file_place(place, name)
    with _BadRows(candidates.name) as bad:
        drawn = plan_buys(_candidates(candidates), budget, on_error=bad.add, **settings)
    drawn.save(out)
    if sheet is not None:
        atomic_write(sheet, result_sheet(drawn).encode())
    if html is not None:
        atomic_write(html, buys_page(drawn).encode())
    sellers = len({buy.seller_id for buy in drawn.buys if buy.seller_id is not None})
    say(f"{len(drawn.buys)} of {drawn.candidates} listings, {len(drawn.strata)} parts, {sellers} sellers -> {out}")
    bad.exit_if_any()


def _candidates(path: Path) -> Any:
    """Return the candidates of reports, or of Parquet."""
    if path.suffix == ".parquet" or (path.is_dir() and any(path.rglob("*.parquet"))):
        return read_candidates(path)

    def counted() -> Iterator[Report]:
        with progress("buys", "reports", lambda: None) as advance:
            for report in open_reports(path):
                advance()
                yield report

    return candidates_of(counted())


@buys.command(
    help=(
        "Tell by the results which share of all listings is counterfeit, and how sure that is. RESULTS is a CSV with "
        "the columns listing_id, outcome (counterfeit, genuine, not_delivered, inconclusive) and, if you like, brand, "
        "reviewer, note.\n\n"
        "Parcels that never came are no part of a rate; two more numbers say what the rate is if none or all of them "
        "were counterfeit. With --journal the results become verdicts, from which `fit` learns. Exit code 1 if rows "
        "are bad, or on listings that are not in the plan; stderr says which."
    ),
    epilog=examples(
        "logoscan buys estimate results.csv --plan plan.parquet --by brand --html rates.html",
        "logoscan buys estimate results.csv --plan plan.parquet --journal verdicts.jsonl --reports reports.jsonl",
    ),
)
@click.argument("results", type=_FILE)
@click.option("--plan", "plan_file", type=_FILE, required=True, help="The plan, as `buys plan` wrote it.")
@click.option("--by", type=_BY, multiple=True, help="Rates by this as well.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals.")
@click.option("--out", type=_PLACE, help="FILE.jsonl or FILE.csv of the rates; - is stdout.")
@click.option("--html", type=_PLACE, help="A page on the rates, for a manager.")
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), help="Add the results as verdicts.")
@click.option("--reports", type=_FILE, multiple=True, help="Reports of the listings, for the verdicts.")
@REVIEWER_KEY
@MODE
def estimate(
    results: Path,
    plan_file: Path,
    by: tuple[By, ...],
    confidence: float,
    out: Path | None,
    html: Path | None,
    journal: Path | None,
    reports: tuple[Path, ...],
    reviewer_key: Path | None,
) -> None:
    """Tell which share of all listings is counterfeit."""
    if reports and journal is None:
        raise click.UsageError("--reports: expected --journal, for whose verdicts they are")
    for name, place in (("out", out), ("html", html)):
        if place not in (None, STANDARD):
            require_file_place(place, name)
    as_csv = out is not None and is_csv(out)
    drawn = BuyPlan.load(plan_file)
    with _BadRows(results.name) as bad:
        found = read_buys(results, on_error=bad.add)
        with working("estimating"):
            rates = estimate_rate(found, drawn, by=by, confidence=confidence, on_error=bad.add)
        if journal is not None:
            _add_labels(found, drawn, journal, reports, bad, read_key(reviewer_key))
    if out is not None:
        rows = list(_rate_rows(rates))
        as_json = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        save_lines(out, csv_lines(tuple(rows[0]), (list(row.values()) for row in rows)) if as_csv else as_json)
    if html is not None:
        atomic_write(html, buys_page(drawn, rates).encode())
    if out != STANDARD:
        _show(rates, drawn)
    bad.exit_if_any()


def _rate_rows(rates: Rates) -> Iterator[dict[str, Any]]:
    """Yield all rates as plain values, each with the kind of its group."""
    yield {"by": "all", **vars(rates.overall)}
    for kind, found in rates.groups.items():
        yield from ({"by": kind, **vars(rate)} for rate in found)


def _add_labels(
    results: tuple[BuyResult, ...],
    drawn: BuyPlan,
    journal: Path,
    reports: tuple[Path, ...],
    bad: _BadRows,
    key: bytes | None,
) -> None:
    """Add the results to a journal, as `verdict import` would."""
    from logoscan.review.journal import Journal

    read = (report for path in reports for report in read_reports(path))
    labels = list(to_labels(results, drawn, on_error=bad.add))
    done = Journal(journal, reviewer_key=key).import_rows(labels, read if reports else None)
    for row in done.bad:
        bad.add(row)
    for said in done.contradictions:
        bad(said)
    there = f", {done.there} there already" if done.there else ""
    say(f"{done.added} verdicts added{there} -> {journal}")


def _show(rates: Rates, drawn: BuyPlan) -> None:
    """Print the rates as a table, and what was not judged."""
    columns = ("planned", "judged", "counterfeit", "rate", "between", "none / all of the rest")
    out = table("", *columns, right=columns)
    groups = [rate for found in rates.groups.values() for rate in found]
    for rate in (rates.overall, *groups[:_MOST_GROUPS]):
        out.add_row(
            *cells(
                [
                    rate.name, rate.planned, rate.judged, rate.counterfeit,
                    "-" if rate.rate is None else f"{rate.rate:.1%}", f"{rate.low:.1%} - {rate.high:.1%}",
                    f"{rate.least:.1%} / {rate.most:.1%}",
                ]
            )
        )  # fmt: skip
    show(out)
    if len(groups) > _MOST_GROUPS:
        show(f"{len(groups) - _MOST_GROUPS} more; --out or --html has them")
    of = rates.overall
    show(
        f"rates of {drawn.candidates} listings, with {rates.confidence:.0%} intervals; of {of.planned} planned buys "
        f"{of.not_delivered} never came, {of.inconclusive} are undecided, {of.waiting} have no result"
    )
