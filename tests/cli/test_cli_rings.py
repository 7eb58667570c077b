"""`logoscan rings`, the list at the door, and what a ring changes for a merchant."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from commands import run
from pyarrow import parquet
from strategies import make_report

from logoscan.reporting.jsonl import write_reports
from logoscan.results import ImageRecord

MEMBERS = ["m0", "m1", "m2", "m3"]
PHONE = "+49 151 2345678"


def pdq(number: int) -> str:
    return f"{random.Random(number).getrandbits(256):064x}"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four members with some of eight photos, their suspects' file, and a crowd."""
    monkeypatch.chdir(tmp_path)
    uses = [(member, photo) for i, member in enumerate(MEMBERS) for photo in random.Random(i).sample(range(8), 6)]
    uses += [(f"crowd{i}", 100 + i) for i in range(90)]
    images = [ImageRecord(f"{i}.jpg", f"{i:064x}", 9, 9, pdq(photo)) for i, (_, photo) in enumerate(uses)]
    reports = [make_report(listing_id=f"L{i}", seller_id=uses[i][0], images=(image,)) for i, image in enumerate(images)]
    write_reports("R.jsonl", reports)
    Path("suspects.csv").write_text("seller_id,band\n" + "".join(f"{m},review\n" for m in MEMBERS) + "crowd1,clear\n")
    return tmp_path


RINGS = ("rings", "R.jsonl", "--out", "rings.parquet")


def members(path: str = "rings.parquet") -> set[str]:
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return {row[name] for row in rows if row["role"] == "link" for name in ("seller", "other")}


def test_a_ring_is_found_and_written_in_all_forms(here: Path) -> None:
    result = run(*RINGS, "--suspects", "suspects.csv", "--html", "pages", "--graphml", "r.graphml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0].startswith("1 rings of 4 sellers, by 6 links -> ")
    assert members() == set(MEMBERS)
    assert sorted(path.name for path in (here / "pages").iterdir()) == ["index.html", "ring-1.html"]
    assert "m3" in (here / "r.graphml").read_text()


def test_closed_accounts_name_open_ones_and_fill_the_door(here: Path) -> None:
    Path("closed.csv").write_text("seller_id\nm0\n")
    result = run(*RINGS, "--suspects", "suspects.csv", "--closed", "closed.csv", "--door", "door.csv")
    assert result.exit_code == 0, result.output
    assert "3 open accounts are in a ring with 1 closed ones" in result.stdout
    assert "m0" not in result.stdout.splitlines()[2:]
    lines = (here / "door.csv").read_text().splitlines()
    assert lines[0] == "kind,token,seller_id,listing_id,first_seen"
    assert len(lines) == 7


def test_contacts_tie_and_never_stand_in_clear(here: Path) -> None:
    Path("t.csv").write_text(
        "seller_id,kind,token\n" + "".join(f"{s},contact,{PHONE}\n" for s in ("m0", "m1", "crowd5"))
    )
    Path("key").write_text("a secret of the platform\n")
    options = ("--tokens", "t.csv", "--contact-key", "key", "--html", "pages", "--graphml", "r.graphml")
    result = run(*RINGS, "--suspects", "suspects.csv", *options)
    assert result.exit_code == 0, result.output
    rows = parquet.read_table("rings.parquet").to_pylist()
    assert "contact" in {reason["kind"] for row in rows for reason in row["reasons"]}
    assert [row["seller"] for row in rows if row["role"] == "beside"] == ["crowd5"]
    for path in here.rglob("*"):
        if path.is_file() and path.name not in ("t.csv", "key"):
            assert b"2345678" not in path.read_bytes()


def test_suspects_must_be_given_and_everybody_must_be_typed(here: Path) -> None:
    result = run(*RINGS)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--suspects: expected a file, or the word all to link everybody" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert run(*RINGS, "--suspects", "all").exit_code == 0
    assert members() == set(MEMBERS)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--suspects", "gone.csv"), "sellers: expected a file with the column seller_id, got 'gone.csv'"),
        (("--suspects", "all", "--door", "d.csv"), "--door needs --closed"),
        (("--suspects", "all", "--cap", "1"), "1 is not in the range x>=2"),
        (("--suspects", "all", "--contact-key", "short"), "short: expected a secret of 16 bytes or more, got 5 bytes"),
        (("--suspects", "all", "--at-least", "nan"), "at_least: expected a finite number, 0 or more, got nan"),
        (("--suspects", "all", "--out", "no/where.parquet"), "no/where.parquet"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(here: Path, options: tuple[str, ...], why: str) -> None:
    Path("short").write_text("short")
    result = run(*RINGS, *options)
    assert result.exit_code == 2
    assert why in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_bad_rows_are_reported_and_the_rest_counts(here: Path) -> None:
    Path("suspects.csv").write_text("seller_id,band\nm0\nm0\n,review\nm1\nm2\nm3\n" + "x" * 1001 + "\n")
    Path("t.csv").write_text("seller_id,kind,token\n,contact,x\nm0,phone,y\n")
    result = run(*RINGS, "--suspects", "suspects.csv", "--tokens", "t.csv")
    assert result.exit_code == 1
    for line in (
        "suspects.csv, line 3: seller_id: 'm0' is there twice, first in line 2",
        "suspects.csv, line 4: seller_id: expected one, got",
        "suspects.csv, line 8: seller_id: expected 1000 characters or fewer, got 1001",
        "t.csv, line 2: seller_id: expected one, got an empty cell",
        "t.csv, line 3: kind: expected photo, file, text, contact, code, id, got 'phone'",
        "5 rows failed, see above",
    ):
        assert line in result.stderr
    assert members() == set(MEMBERS)


def test_no_reports_make_no_rings(here: Path) -> None:
    write_reports("E.jsonl", [])
    result = run("rings", "E.jsonl", "--suspects", "suspects.csv", "--out", "rings.parquet", "--html", "pages")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == "0 rings of 0 sellers, by 0 links -> rings.parquet"


def test_a_token_that_many_use_is_named(here: Path) -> None:
    Path("t.csv").write_text("seller_id,kind,token\n" + "".join(f"crowd{i},contact,courier\n" for i in range(60))
                             + "m0,contact,courier\nm1,contact,courier\n")  # fmt: skip
    result = run(*RINGS, "--suspects", "suspects.csv", "--tokens", "t.csv")
    assert result.exit_code == 0
    assert "1 tokens tie nobody, since more than 40 sellers use them; the most used is the contact " in result.stderr
    assert result.stderr.strip().endswith("by 62 sellers")


def test_a_ring_raises_a_merchant_to_review(here: Path) -> None:
    assert run(*RINGS, "--suspects", "suspects.csv").exit_code == 0
    plain = run("merchants", "R.jsonl", "--out", "-")
    rated = run("merchants", "R.jsonl", "--rings", "rings.parquet", "--out", "-")
    assert plain.exit_code == rated.exit_code == 0
    bands = [{row["seller_id"]: row["band"] for row in map(json.loads, r.stdout.splitlines())} for r in (plain, rated)]
    assert {bands[0][member] for member in MEMBERS} == {"clear"}
    assert {bands[1][member] for member in MEMBERS} == {"review"}
    assert bands[0]["crowd1"] == bands[1]["crowd1"] == "clear"
    (here / "bad.parquet").write_text("no")
    result = run("merchants", "R.jsonl", "--rings", "bad.parquet", "--out", "-")
    assert result.exit_code == 2
    assert "expected rings in Parquet" in result.stderr
