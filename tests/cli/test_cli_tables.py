"""The commands that turn reports into tables: merchants, queue, export."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from commands import run
from strategies import make_report

from logoscan.merchants.facts import MerchantFacts
from logoscan.merchants.score import score_merchant
from logoscan.reporting.jsonl import write_reports
from logoscan.results import Contribution, ImageRecord, ListingFacts, Report, Score


def report(number: int, seller: str | None, strength: float, **changes: Any) -> Report:
    parts = (Contribution("coded_terms", 1.0, strength, "Says replica."),)
    from logoscan.odds import sigmoid

    score = Score(100 * sigmoid(-4.0 + strength), "review" if strength > 2 else "clear", "Acme", -4.0, parts, 1.0, "m")
    image = ImageRecord(f"{number}.jpg", f"{number:064x}", 9, 9)
    facts = ListingFacts(title=f"=Thing {number * 7919}", price=5.0, currency="EUR")
    values = {"listing_id": f"L{number}", "seller_id": seller, "score": score, "images": (image,), "listing": facts}
    return make_report(**{**values, **changes})


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    made = [report(i, "bad", 5.0) for i in range(4)] + [report(9, "good", 0.5), report(10, None, 4.0)]
    write_reports(tmp_path / "R.jsonl", made)
    return tmp_path / "R.jsonl"


def test_merchants_are_scored_as_the_library_does(reports: Path, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("Seller;orders;refunds;takedowns\nbad;400;36;\nnew;;;2\n")
    result = run("merchants", reports, "--facts", tmp_path / "m.csv", "--out", tmp_path / "m.jsonl")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert [row["seller_id"] for row in rows] == ["bad", "new", "good"]
    expected = score_merchant([report(i, "bad", 5.0) for i in range(4)], MerchantFacts(orders=400, refunds=36))
    assert rows[0]["value"] == expected.value
    assert rows[0]["band"] == expected.band
    assert [c["name"] for c in rows[1]["contributions"]] == ["takedowns"]
    assert "1 reports name no seller" in result.stderr
    assert result.stdout.startswith("3 merchants (")
    as_csv = run("merchants", reports, "--out", tmp_path / "scores.csv")
    assert as_csv.exit_code == 0
    table = list(csv.DictReader((tmp_path / "scores.csv").read_text().splitlines()))
    assert [row["seller_id"] for row in table] == ["bad", "good"]
    assert table[0]["contributions"].startswith("listings +")


def test_bad_facts_are_said(reports: Path, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("seller_id,orders\nbad,many\n,5\n")
    result = run("merchants", reports, "--facts", tmp_path / "m.csv", "--out", "-")
    assert result.exit_code == 1
    assert "m.csv, merchant 'bad': orders: expected a number, got 'many'; the field was dropped" in result.stderr
    assert "m.csv, line 3: seller_id: expected one, got an empty cell" in result.stderr
    assert [json.loads(line)["seller_id"] for line in result.stdout.splitlines()] == ["bad", "good"]


def test_the_queue_is_written_in_both_forms(reports: Path, tmp_path: Path) -> None:
    result = run("queue", reports, "--out", tmp_path / "q.jsonl", "--budget", 3)
    assert (result.exit_code, result.stdout) == (
        0,
        f"3 looks at 3 listings of 6, 1 of them clear -> {tmp_path / 'q.jsonl'}\n",
    )
    rows = [json.loads(line) for line in (tmp_path / "q.jsonl").read_text().splitlines()]
    assert [(row["rank"], row["listing_id"]) for row in rows] == [(1, "L0"), (2, "L1"), (3, "L2")]
    assert run("queue", reports, "--out", tmp_path / "q.csv").exit_code == 0
    table = list(csv.DictReader((tmp_path / "q.csv").read_text().splitlines()))
    assert len(table) == 5
    assert table[0]["title"] == "'=Thing 0"


@pytest.mark.parametrize("by", ["listing", "brand", "match"])
def test_export_writes_a_table(reports: Path, tmp_path: Path, by: str) -> None:
    result = run("export", reports, "--csv", tmp_path / "e.csv", "--by", by)
    assert result.exit_code == 0, result.output
    table = list(csv.DictReader((tmp_path / "e.csv").read_text().splitlines()))
    assert len(table) == (6 if by == "listing" else 0)
    assert result.stdout == f"{len(table)} rows -> {tmp_path / 'e.csv'}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["queue", "{reports}", "--out", "q.txt"], "expected a name that ends in .jsonl or .csv, or -"),
        (["queue", "{reports}", "--out", "no/q.csv"], "out: expected a file in an existing folder"),
        (["merchants", "none.jsonl", "--out", "m.csv"], "reports: expected a file of reports, got 'none.jsonl'"),
        (["export", "{reports}", "--csv", "."], "out: expected a file in an existing folder"),
        (["merchants", "{reports}", "--out", "m.csv", "--facts", "{odd}"], "expected the column seller_id"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd.csv").write_text("orders\n5\n")
    before = sorted(tmp_path.iterdir())
    result = run(*(word.format(reports=reports, odd="odd.csv") for word in arguments))
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before
