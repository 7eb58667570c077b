"""`logoscan buys`: a plan from reports, a sheet that is filled in, rates, a page, and verdicts in the journal."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from commands import run
from strategies import make_report

from logoscan.odds import sigmoid
from logoscan.reporting.jsonl import write_reports
from logoscan.results import BrandResult, Contribution, ListingFacts, Report, Score
from logoscan.review.journal import Journal

pytest.importorskip("pyarrow")
pytest.importorskip("svy")


def report(number: int) -> Report:
    """Every tenth listing says that it is a replica; every seventh shows no brand."""
    strength = 4.0 if number % 10 == 0 else 0.0
    brand = "Acme" if number % 2 else "Bolt"
    score = Score(100 * sigmoid(strength - 5.0), "clear", brand, -5.0,
                  (Contribution("coded_terms", 1.0, strength, "why"),), 1.0, "m@1")  # fmt: skip
    if number % 7 == 0:
        return make_report(listing_id=f"L{number}", score=Score(None, "clear", None, -5.0, (), 0.0, "m@1"))
    facts = ListingFacts(category="shoes", price=5.0)
    brands = (BrandResult(brand, 0.9, score.value or 0.0),)
    return make_report(listing_id=f"L{number}", seller_id=f"s{number % 90}", score=score, brands=brands, listing=facts)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_reports(tmp_path / "reports.jsonl", [report(i) for i in range(300)])
    return tmp_path


def planned(*more: Any) -> Any:
    return run("buys", "plan", "reports.jsonl", "--budget", 60, "--out", "plan.parquet", *more)


def filled(folder: Path) -> list[dict[str, str]]:
    """The sheet with outcomes: a replica is counterfeit, the third buy never came."""
    rows = list(csv.DictReader((folder / "sheet.csv").read_text().splitlines()))
    for i, row in enumerate(rows):
        fake = int(row["listing_id"][1:]) % 10 == 0
        row["outcome"] = "not_delivered" if i == 2 else "counterfeit" if fake else "genuine"
    return rows


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_buys_from_a_plan_to_verdicts(folder: Path) -> None:
    done = planned("--sheet", "sheet.csv", "--html", "plan.html", "--seed", 5)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("60 of 300 listings, 3 parts, ")
    assert "Plan: 60 test buys among 300 listings" in (folder / "plan.html").read_text()
    assert (folder / "plan.parquet").stat().st_mode & 0o777 == 0o600
    rows = filled(folder)
    write(folder / "results.csv", rows)
    named = ("--plan", "plan.parquet", "--by", "brand", "--by", "seller", "--html", "rates.html")
    done = run("buys", "estimate", "results.csv", *named, "--out", "rates.jsonl", "--journal", "v.jsonl", "--reports",
               "reports.jsonl")  # fmt: skip
    assert (done.exit_code, done.stderr) == (0, "")
    assert "of 60 planned buys 1 never came, 0 are undecided, 0 have no result" in done.stdout
    rates = [json.loads(line) for line in (folder / "rates.jsonl").read_text().splitlines()]
    assert [(rate["by"], rate["name"]) for rate in rates[:1]] == [("all", "all")]
    assert {rate["name"] for rate in rates if rate["by"] == "brand"} == {"Acme", "Bolt", "(none)"}
    assert rates[0]["low"] < 0.1 < rates[0]["high"]
    assert "of 300 listings are counterfeit (" in (folder / "rates.html").read_text()
    verdicts = Journal(folder / "v.jsonl").not_undone()
    branded = [row for row in rows if row["brand"] and row["outcome"] != "not_delivered"]
    assert len(verdicts) == len(branded)
    assert {v.source for v in verdicts} == {"test_buy"}
    assert all(v.weight >= 1 and v.score is not None for v in verdicts)
    again = run("buys", "estimate", "results.csv", "--plan", "plan.parquet", "--journal", "v.jsonl", "--reports",
                "reports.jsonl")  # fmt: skip
    assert f"0 verdicts added, {len(branded)} there already" in again.stdout
    fitted = run("fit", "reports.jsonl", "--verdicts", "v.jsonl", "--out", "model.json", "--review-share", 0.9)
    assert "labels: " in fitted.stdout, fitted.output
    assert "by their weights" in fitted.stdout


def test_rates_on_standard_output_are_lines_alone(folder: Path) -> None:
    assert planned("--sheet", "sheet.csv").exit_code == 0
    write(folder / "results.csv", filled(folder))
    done = run("buys", "estimate", "results.csv", "--plan", "plan.parquet", "--out", "-")
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["all"]
    as_csv = run("buys", "estimate", "results.csv", "--plan", "plan.parquet", "--out", "r.csv", "--by", "category")
    assert as_csv.exit_code == 0
    names = [row["name"] for row in csv.DictReader((folder / "r.csv").read_text().splitlines())]
    assert names == ["all", "shoes", "(none)"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--budget", 44), "budget: expected 45 or more, 15 for each of 3 strata or all that it allows, got 44"),
        (("--budget", 400), "budget: expected at most 288, since 300 candidates are on sale and 3 are bought"),
        (
            ("--explore", 0),
            "plan_buys.explore: expected more than 0, since a listing that is never bought says nothing",
        ),
        (("--sheet", "none/s.csv"), "sheet: expected a file in an existing folder, got 'none/s.csv'"),
    ],
)
def test_a_plan_that_cannot_be_made_is_one_line(folder: Path, arguments: tuple[Any, ...], line: str) -> None:
    done = planned(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"logoscan: {line}")
    assert done.stderr.count("\n") == 1
    assert not (folder / "plan.parquet").exists()


def test_bad_results_are_told_and_the_rest_counts(folder: Path) -> None:
    assert planned("--sheet", "sheet.csv").exit_code == 0
    rows = filled(folder)
    rows[0]["outcome"] = "fake"
    rows += [{**rows[1], "outcome": "genuine"}, {**rows[1], "listing_id": "other", "brand": "", "outcome": "genuine"}]
    write(folder / "results.csv", rows)
    done = run("buys", "estimate", "results.csv", "--plan", "plan.parquet", "--journal", "v.jsonl")
    assert done.exit_code == 1
    first, second = rows[0]["listing_id"], rows[1]["listing_id"]
    assert done.stderr.splitlines() == [
        "logoscan: results.csv, line 2: "
        "outcome: expected counterfeit, genuine, not_delivered, inconclusive, got 'fake'",
        f"logoscan: results.csv, line 62: listing_id: {second!r} has a result in line 3; that one counts",
        "logoscan: results.csv, line 63: listing_id: 'other' is in no rate: it was not planned",
        "logoscan: results.csv, line 63: brand: expected one, since 'other' is not in the plan",
        "logoscan: 4 rows failed, see above",
    ]
    assert "1 have no result" in done.stdout
    assert first not in {v.listing_id for v in Journal(folder / "v.jsonl").not_undone()}


def test_bad_candidates_are_told_and_the_rest_is_drawn(folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").table({"listing_id": ["a", "b", "b", "c"], "p": [0.1, 0.2, 0.3, 1.5]})
    parquet.write_table(table, folder / "c.parquet")
    done = run("buys", "plan", "c.parquet", "--budget", 2, "--out", "plan.parquet")
    assert done.exit_code == 1
    assert done.stdout == "2 of 2 listings, 1 parts, 0 sellers -> plan.parquet\n"
    assert done.stderr.splitlines() == [
        "logoscan: c.parquet, line 3: listing_id: 'b' is there twice; only the first counts",
        "logoscan: c.parquet, line 4: p: expected a probability in [0, 1], got 1.5",
        "logoscan: 2 rows failed, see above",
    ]


def test_other_set_up_mistakes_are_one_line(folder: Path) -> None:
    assert planned("--sheet", "sheet.csv").exit_code == 0
    write(folder / "results.csv", filled(folder))
    for arguments, line in (
        (("results.csv", "--plan", "sheet.csv"), "sheet.csv: expected a plan of test buys, got another file ("),
        (("results.csv", "--plan", "plan.parquet", "--reports", "reports.jsonl"), "--reports: expected --journal"),
        (("results.csv", "--plan", "plan.parquet", "--out", "rates.txt"), "out: expected a name that ends in .jsonl"),
        (("results.csv", "--plan", "plan.parquet", "--confidence", 95), "estimate_rate.confidence: expected a finite"),
        (("plan.parquet", "--plan", "plan.parquet"), "plan.parquet: "),
    ):
        done = run("buys", "estimate", *arguments)
        assert (done.exit_code, done.stdout) == (2, ""), done.output
        assert done.stderr.startswith(f"logoscan: {line}")
        assert done.stderr.count("\n") == 1


def test_without_the_extra_the_command_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "svy", None)
    done = planned()
    assert (done.exit_code, done.stderr) == (2, "logoscan: svy is missing; pip install 'logoscan[buys]'\n")
