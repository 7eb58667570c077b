"""Commands that read standard input and write standard output, and the gate as a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from commands import ACME, run
from fakes import BLUE, GREEN, RED, YELLOW, BlindDetector, quarters
from PIL import Image

from logoscan.cli import main
from logoscan.index.logo_index import LogoIndex
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.reporting.jsonl import read_reports, report_from_json


def pipe(stdin: str, *arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], input=stdin, prog_name="logoscan")


def answers(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def here(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop as the current folder, and nothing that looks for logos at length."""
    monkeypatch.chdir(shop)
    monkeypatch.setattr("logoscan.vision.detector.make_detector", lambda *_, **__: BlindDetector())
    return shop


INDEX = ("--index", "index", "--ocr", "none", "--similarity-threshold", 0.95)

# -- scan


def test_scan_answers_json_lines_with_reports(here: Path) -> None:
    text = (here / "listings.jsonl").read_text()
    by_file = run("scan", "listings.jsonl", *INDEX, "--out", "R.jsonl")
    assert by_file.exit_code == 0, by_file.output
    result = pipe(text, "scan", "-", *INDEX, "--out", "-")
    assert (result.exit_code, result.stderr) == (0, "")
    piped = [report_from_json(line) for line in result.stdout.splitlines()]
    filed = list(read_reports(here / "R.jsonl"))
    assert [(r.listing_id, r.score, r.matches) for r in piped] == [(r.listing_id, r.score, r.matches) for r in filed]
    assert not (here / "-").exists()
    assert not (here / "-.partial").exists()


def test_scan_from_a_pipe_to_a_file_goes_on(here: Path) -> None:
    lines = (here / "listings.jsonl").read_text().splitlines(keepends=True)
    for _ in range(2):
        result = pipe("".join(lines), "scan", "-", *INDEX, "--out", "R.jsonl")
        assert result.exit_code == 0, result.output
    assert len(list(read_reports(here / "R.jsonl"))) == 6
    result = run("scan", "listings.jsonl", *INDEX, "--out", "-")
    assert len(result.stdout.splitlines()) == 6


def test_each_row_that_fails_is_said_and_costs_itself(here: Path) -> None:
    rows = ['{"id": "a"}', "no json", '{"title": "no id"}', '{"id": "b", "price": "POA"}', '{"id": "a"}']
    result = pipe("\n".join(rows), "scan", "-", *INDEX, "--out", "-")
    assert result.exit_code == 1
    assert [report_from_json(line).listing_id for line in result.stdout.splitlines()] == ["a", "b", "a"]
    told = result.stderr.splitlines()
    assert [line.split(":")[1].strip() for line in told[:2]] == ["line 2", "line 3"]
    assert "price: expected a number, got 'POA'" in told[2]
    assert told[3:] == ["logoscan: 2 rows failed, see above"]


def test_columns_of_ones_own_are_stated(here: Path) -> None:
    (here / "l.csv").write_text("Artikel;Fotos;Preis;Währung\na;photos/0.png;12,50;EUR\n")
    stated = ("--map", "Artikel=id", "--map", "Fotos=images", "--map", "Preis=price", "--map", "Währung=currency")
    result = run("scan", "l.csv", *INDEX, "--out", "R.jsonl", *stated)
    assert (result.exit_code, result.stderr) == (0, "")
    (report,) = read_reports(here / "R.jsonl")
    assert report.listing is not None
    assert (report.listing_id, len(report.images), report.listing.price) == ("a", 1, 12.5)
    piped = pipe('{"Artikel": "a"}', "scan", "-", *INDEX, "--out", "-", *stated[:2])
    assert report_from_json(piped.stdout.strip()).listing_id == "a"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("price", "expected THEIRS=OURS, got 'price'"),
        ("=price", "expected THEIRS=OURS, got '=price'"),
        ("Preis=pirce", "expected one of our fields after =, got 'pirce'; did you mean price?"),
    ],
)
def test_a_wrong_map_is_a_usage_mistake(here: Path, value: str, said: str) -> None:
    result = run("scan", "listings.jsonl", *INDEX, "--out", "R.jsonl", "--map", value)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_ledger_learns_from_a_pipe(here: Path) -> None:
    noise = Image.effect_noise((256, 256), 90).convert("RGB")
    noise.save(here / "photos" / "shared.png")
    row = {"id": "a", "images": ["photos/shared.png"], "claimed_brand": "Acme", "seller_id": "first"}
    result = pipe(json.dumps(row), "scan", "-", *INDEX, "--out", "-", "--ledger", "photos.ledger")
    assert result.exit_code == 0, result.output
    (record,) = PhotoLedger.load(here / "photos.ledger").records()
    assert record.sellers == ("first",)


def test_marks_are_compared_where_it_is_asked_for(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    from logoscan.scan.scanner import Scanner

    real = Scanner.default

    def default(*args: Any, **options: Any) -> Scanner:
        asked.append(options["check_alterations"])
        return real(*args, **{**options, "check_alterations": False})

    monkeypatch.setattr(Scanner, "default", default)
    for more in ((), ("--check-alterations",)):
        assert pipe('{"id": "a"}', "scan", "-", *INDEX, "--out", "-", *more).exit_code == 0
    assert asked == [False, True]


def test_listings_and_shards_exclude_each_other(here: Path) -> None:
    both = run("scan", "listings.jsonl", "--shards", "photos", *INDEX, "--out", "R")
    assert (both.exit_code, both.stderr.splitlines()[0].split(";")[0]) == (
        2,
        "logoscan: expected LISTINGS or --shards, got both",
    )
    overlay = run("scan", "--shards", "photos", *INDEX, "--out", "R", "--overlay", "o")
    assert overlay.exit_code == 2
    assert "neither --overlay nor --map" in overlay.stderr


# -- screen


def test_the_gate_answers_each_line(here: Path) -> None:
    rows = [
        {"id": "plain", "images": ["photos/0.png"], "title": "Bolt thing", "claimed_brand": "Bolt"},
        {"id": "copy", "title": "Acme 1:1 replica", "claimed_brand": "Acme", "price": 5, "currency": "EUR"},
        {"id": "gone", "images": ["photos/none.png"]},
        {"id": "odd", "title": {"a": "b"}},
    ]
    text = "\n".join(json.dumps(row) for row in rows) + "\nno json\n"
    result = pipe(text, "screen", "-", *INDEX)
    assert result.exit_code == 1
    out = answers(result)
    assert [a["listing_id"] for a in out] == ["plain", "copy", "gone", "odd", None]
    assert {a["decision"] for a in out} <= {"allow", "hold", "block"}
    assert [a["decision"] for a in out[2:]] == ["hold", "hold", "hold"], "what was not read is not allowed"
    assert out[1]["reasons"][0]["signal"] == "coded_terms"
    assert out[1]["decision"] != "allow"
    assert out[4]["line"] == 5
    assert out[4]["error"].startswith("not JSON")
    assert {stage["why"] for stage in out[2]["skipped"]} == {"unreadable"}
    told = result.stderr.splitlines()
    assert "listing 'gone': image 0: none.png: no such image file" in told[0]
    assert told[-2:] == ["logoscan: 1 rows failed, see above", "logoscan: 1 photos could not be read, see above"]


def test_the_gate_holds_what_shows_a_token_of_a_closed_account(here: Path) -> None:
    assert run("scan", "listings.jsonl", *INDEX, "--out", "R.jsonl").exit_code == 0
    images = [image for report in read_reports(here / "R.jsonl") for image in report.images]
    kind, token = next(("photo", i.pdq) if i.pdq else ("file", i.sha256) for i in images if i.sha256)
    (here / "door.csv").write_text(f"kind,token,seller_id\n{kind},{token},closed-1\nphone,x,closed-1\n")
    result = run("screen", "listings.jsonl", *INDEX, "--tokens", "door.csv")
    assert result.exit_code == 1
    assert "door.csv, line 3: kind: expected photo, file, text, contact, code, id, got 'phone'" in result.stderr
    held = [a for a in answers(result) if any("of the account 'closed-1', closed before" in d for d in a["doubts"])]
    assert held
    assert {answer["decision"] for answer in held} <= {"hold", "block"}
    assert {"hold"} == {answer["decision"] for answer in held if answer["band"] == "review"}


def test_the_gate_lets_pass_what_it_is_told_to(here: Path) -> None:
    row = json.dumps({"id": "gone", "images": ["photos/none.png"]})
    assert answers(pipe(row, "screen", "-", *INDEX, "--on-unreadable", "allow"))[0]["decision"] == "allow"


def test_the_gate_of_a_file_writes_a_file(here: Path) -> None:
    result = run("screen", "listings.jsonl", *INDEX, "--deadline", 30, "--out", "answers.jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    out = [json.loads(line) for line in (here / "answers.jsonl").read_text().splitlines()]
    assert [a["listing_id"] for a in out] == [f"L{i}" for i in range(6)]
    counts = {d: sum(a["decision"] == d for a in out) for d in ("block", "hold", "allow")}
    assert result.stdout == (
        f"6 answers ({counts['block']} block, {counts['hold']} hold, {counts['allow']} allow) -> answers.jsonl\n"
    )


def test_an_answer_comes_before_the_next_listing_is_read(shop: Path) -> None:
    """As two programs speak with each other: each waits for the other."""
    script = (
        "import logoscan.vision.encoder, logoscan.vision.detector, sys\n"
        "from fakes import BlindDetector, FakeEncoder\n"
        "logoscan.vision.encoder.ClipEncoder = lambda *_, **__: FakeEncoder()\n"
        "logoscan.vision.detector.make_detector = lambda *_, **__: BlindDetector()\n"
        "from logoscan.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": "ignore"}
    for command in ("screen", "scan"):
        with subprocess.Popen(
            [sys.executable, "-c", script, command, "-", *map(str, INDEX), "--out", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=shop, env=environment,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            for name in ("a", "b"):
                process.stdin.write(json.dumps({"id": name}).encode() + b"\n")
                process.stdin.flush()
                assert json.loads(process.stdout.readline())["listing_id"] == name
            process.stdin.close()
            assert process.stdout.read() == b""
            assert process.wait() == 0


# -- register


def test_brands_are_added_to_an_index_that_keeps_what_it_has(shop: Path) -> None:
    from logoscan.vision.encoder import ClipEncoder

    index = LogoIndex.load(shop / "index", ClipEncoder(device="cpu"))
    index.add_negative(quarters(RED, RED, BLUE, BLUE))
    index.add_negative(quarters(GREEN, GREEN, YELLOW, YELLOW), "Acme", force=True)
    index.save(shop / "index")
    (shop / "more" / "Core").mkdir(parents=True)
    Image.fromarray(quarters(YELLOW, BLUE, GREEN, RED)).save(shop / "more" / "Core" / "logo.png")
    for _ in range(2):  # a second time changes nothing
        result = run("register", shop / "more", "--out", shop / "index", "--add")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith("3 brands, 3 logos, 3 vectors by fake")
        added = LogoIndex.load(shop / "index")
        assert [brand.name for brand in added.brands] == ["Acme", "Bolt", "Core"]
        assert {(n.id, n.brand) for n in added.negatives} == {(n.id, n.brand) for n in index.negatives}


def test_what_is_in_the_way_is_not_added(shop: Path) -> None:
    (shop / "more" / "Core").mkdir(parents=True)
    Image.fromarray(ACME).save(shop / "more" / "Core" / "logo.png")
    before = LogoIndex.load(shop / "index").fingerprint
    assert run("register", shop / "more", "--out", shop / "index", "--add").exit_code == 1
    assert LogoIndex.load(shop / "index").fingerprint == before
    missing = run("register", shop / "more", "--out", shop / "nowhere", "--add")
    assert missing.exit_code == 2
    assert "expected a folder that holds an index, to add to" in missing.stderr


# -- chains


def test_commands_are_strung_together(here: Path) -> None:
    rows = [
        {
            "id": f"c{i}",
            "images": ["photos/1.png"],
            "title": "Acme 1:1 replica",
            "claimed_brand": "Acme",
            "seller_id": "s",
        }
        for i in range(3)
    ]
    scanned = pipe("\n".join(json.dumps(row) for row in rows), "scan", "-", *INDEX, "--out", "-")
    assert scanned.exit_code == 0, scanned.output
    queue = pipe(scanned.stdout, "queue", "-", "--out", "-")
    assert (queue.exit_code, queue.stderr) == (0, "")
    (row,) = answers(queue)
    assert row["listing_ids"] == ["c0", "c1", "c2"]
    assert row["copies"] == 3
    table = pipe(scanned.stdout, "export", "-", "--csv", "-")
    assert len(table.stdout.splitlines()) == 4
    (merchant,) = answers(pipe(scanned.stdout, "merchants", "-", "--out", "-"))
    assert (merchant["seller_id"], merchant["listings"]) == ("s", 3)
    assert answers(pipe("", "queue", "-", "--out", "-")) == []


def test_a_reader_that_has_gone_is_no_error(shop: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    (shop / "R.jsonl").write_text("\n")
    done = subprocess.run(
        [sys.executable, "-m", "logoscan", "export", "R.jsonl", "--csv", "-"],
        stdout=write, stderr=subprocess.PIPE, cwd=shop, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
