"""Nothing that logoscan writes by default holds a contact that a seller planted, or a person's name from a field.

Every command that writes runs on inputs in which each text that people fill in holds a phone number, an address, a
messenger's name or the name of a person, each another one; then every byte that was written, printed or logged is
searched for all of them, and for parts of them. Exempt are what the caller names things by (ids, addresses, names of
files and brands), who acts in a lead and why (`--who`, `--purpose`), and pixels.
"""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.planted import Planter, found_in
from commands import ACME, BOLT, run
from fakes import Colour, FakeDetector, FakeOcr, photo_of
from PIL import Image

from logoscan.cases.decision_store import DecisionLog
from logoscan.reporting.jsonl import read_reports

pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")
pytest.importorskip("securesystemslib")
zxingcpp = pytest.importorskip("zxingcpp")

LISTINGS, LEAST_PLANTED = 122, 2000
CODES = 4
REASON = "The label and the seams are not ours."
KEY = "a secret of the platform"


@pytest.fixture
def planter() -> Planter:
    return Planter()


# Commands that are called with mistakes, whose messages must not quote contacts either.
FAILING = ["verdict missed", "verdict confirm", "verdict confirm", "verdict confirm"]


def listing(number: int, plant: Planter) -> dict[str, Any]:
    """A listing with something planted in each field that a seller or a buyer fills in."""
    brand = ("Acme", "Bolt")[number % 2]
    fields: dict[str, Any] = {
        "id": f"L{number}",
        "images": [f"photos/{number}.png"],
        "title": plant.text(f"{brand} shoe replica" if number % 4 == 0 else f"{brand} shoe, fine running goods"),
        "description": plant.text("Fine goods."),
        "claimed_brand": brand if number % 3 else plant.text(brand),
        "category": plant.text("Shoes"),
        "condition": plant.text("new"),
        "price": 9.0 + number if number % 3 else plant.text("30 EUR"),
        "currency": "EUR" if number % 5 else plant.contact(),
        "seller_id": f"s{number % 12}",
        "attributes": {"material": plant.text("leather"), plant.contact(): "yes"},
        "reviews": [plant.text("It is fake"), plant.text("Great")],
    }
    if number % 4 == 1:
        fields["reviews"] = [{"author": plant.name(), "text": plant.text("This is a fake")}]
    if number % 6 == 5:  # messages quote what they refuse, and must not cut a contact in two
        long = " ".join(["goods"] * (8 + number % 9))
        fields |= {"price": plant.text(long), "attributes": plant.text(long), "currency": [plant.text(long)] * 2}
        fields["reviews"] = [{"author": plant.name(), "stars": plant.text(long)}, {"by": [plant.name()]}]
    if number % 7 == 0:
        fields |= {"listed_at": plant.contact(), "ships_from": plant.contact(), "seller_name": plant.name()}
    return fields


def make_inputs(folder: Path, plant: Planter, says: dict[Colour, list[str]]) -> None:
    """Write listings, their photos, and all other files that people fill in."""
    (folder / "photos").mkdir(parents=True)
    for name, logo in (("Acme", ACME), ("Bolt", BOLT)):
        (folder / "brands" / name).mkdir(parents=True)
        Image.fromarray(logo).save(folder / "brands" / name / "logo.png")
    (folder / "brands" / "Acme" / "brand.json").write_text(
        '{"authorised_sellers": ["s1"], "facts": {"material": "cotton"}}'
    )
    for number in range(LISTINGS):
        ground = (60 + number, 90, 120)
        says[ground] = [plant.text("call"), plant.text("Acme"), plant.contact()]
        photo = photo_of((BOLT, ACME)[number % 2], ground)
        if number < CODES:  # below the mark a code that leads to somebody
            code = np.asarray(zxingcpp.create_barcode(plant.contact(), zxingcpp.BarcodeFormat.QRCode).to_image(scale=6))
            photo = np.full((400, 400, 3), ground, np.uint8)
            photo[20 : 20 + len(code), 20 : 20 + len(code)] = code[..., None]
        Image.fromarray(photo).save(folder / "photos" / f"{number}.png")
    rows = [listing(number, plant) for number in range(LISTINGS)]
    bad = [json.dumps({"title": plant.contact(), "id": ""}), plant.contact(), f'{{"id": {plant.contact()}']
    (folder / "listings.jsonl").write_text("\n".join([*(json.dumps(row) for row in rows), *bad]) + "\n")
    table(folder / "listings.csv", [
        {"id": f"C{i}", "title": plant.text("Acme shoe"), "price": plant.contact(), "reviews": plant.text("fake"),
         "description": plant.text("x"), "category": plant.contact(), plant.contact(): "x" if i else plant.contact()}
        for i in range(3)
    ])  # fmt: skip
    table(folder / "facts.csv", [
        {"seller_id": f"s{i}", "orders": 9 if i else plant.contact(), "refunds": plant.contact(), "ring": "0.5"}
        for i in range(6)
    ])  # fmt: skip
    table(folder / "prices.csv", [
        {"brand": "Acme", "price": 90 + i if i else plant.contact(), "currency": "EUR" if i - 1 else plant.contact(),
         "category": "Shoes", "title": plant.text("Acme shoe")} for i in range(12)
    ])  # fmt: skip
    table(folder / "tokens.csv", [
        {"seller_id": f"s{i}", "kind": "contact" if i else plant.contact(), "token": plant.contact()} for i in range(8)
    ])  # fmt: skip
    table(folder / "verdicts.csv", [
        {"listing_id": f"L{i}", "brand": ("Acme", "Bolt")[i % 2], "source": "reviewer" if i else plant.contact(),
         "verdict": ("counterfeit", "genuine")[i % 3 == 0] if i - 1 else plant.contact(), "reviewer": plant.name(),
         "note": plant.text("seen"), "weight": "1" if i - 2 else plant.contact()} for i in range(60)
    ])  # fmt: skip
    table(folder / "long.csv", [
        {"listing_id": f"L{i}", "brand": "Acme", "verdict": plant.text("x" * (50 + i)) if i % 2 else "genuine",
         "weight": plant.text("x" * (50 + i))} for i in range(24)
    ])  # fmt: skip
    table(folder / "wrong.csv", [{"listing_id": "L3", "brand": plant.contact(), "verdict": "genuine"}])
    notices = [
        {"id": f"N{i}", "received_at": "2026-07-01" if i else plant.contact(), "explanation": plant.text(REASON),
         "listing_ids": [f"L{i}"], "notifier_name": plant.name(), "notifier_email": plant.mail(),
         "good_faith": True if i - 1 else plant.contact(), "brand": "Acme" if i - 2 else plant.contact(),
         "right": {"office": "EUIPO", "number": "1"}, "authority": "owner" if i - 3 else plant.text("for")}
        for i in range(12)
    ]  # fmt: skip
    notices += [
        notices[5]
        | {"id": f"NL{i}", "authority": plant.text("x" * (44 + i))}
        for i in range(20)
    ]  # fmt: skip
    (folder / "notices.jsonl").write_text("\n".join([*(json.dumps(n) for n in notices), plant.contact()]) + "\n")
    (folder / "key").write_text(KEY)
    (folder / "closed.csv").write_text("seller_id\ns3\n")


def table(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, dict.fromkeys(name for row in rows for name in row), restval="")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue())


@contextmanager
def logged(file: Path) -> Iterator[None]:
    """Write all that the package logs, at any level, as a service would."""
    logger, handler = logging.getLogger("logoscan"), logging.FileHandler(file)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


class Commands:
    """Runs commands in the folder of what is written, and keeps what they print there."""

    def __init__(self, out: Path) -> None:
        self.out, self.runs, self.failed = out, 0, list[str]()

    def __call__(self, *words: object) -> str:
        done = run(*words)
        self.runs += 1
        said = done.output + ("" if done.stderr in done.output else done.stderr)
        (self.out / f"said-{self.runs}.txt").write_text(said)
        if done.exit_code not in (0, 1):
            self.failed.append(f"{words[0]} {words[1]}")
        assert isinstance(done.exception, SystemExit | None), (words, done.exception, said)
        return said


def write_everything(inside: Path, out: Path, plant: Planter) -> Commands:
    """Run every command that writes."""
    command = Commands(out)
    index, reports = out / "index", out / "R.jsonl"
    command("register", inside / "brands", "--out", index)
    scanner = ("--index", index, "--similarity-threshold", 0.9, "--prices", inside / "prices.csv")
    command("-v", "scan", inside / "listings.jsonl", *scanner, "--out", reports, "--keep-text",
            "--keep-features", out / "features", "--overlay", out / "overlays", "--ledger", out / "ledger",
            "--serials", out / "serials")  # fmt: skip
    command("scan", inside / "listings.csv", *scanner, "--out", out / "C.jsonl")
    command("scan", inside / "listings.jsonl", *scanner, "--out", out / "K.jsonl", "--contact-key", inside / "key")
    command("screen", inside / "listings.jsonl", *scanner, "--out", out / "S.jsonl", "--decisions", out / "decisions",
            "--contact-key", inside / "key", "--ask-from", 1, "--ledger", out / "ledger")  # fmt: skip
    command("screen", inside / "listings.csv", *scanner)
    command("rejudge", reports, "--out", out / "again.jsonl")
    command("rejudge", out / "features", "--index", index, "--listings", inside / "listings.jsonl", "--out",
            out / "again2.jsonl", "--reports", reports, "--similarity-threshold", 0.9)  # fmt: skip
    command("find", inside / "photos" / "1.png", "--in", out / "features", "--out", out / "found.jsonl")
    command("report", reports, "--html", out / "pages", "--root", inside, "--index", index, "--facts",
            inside / "facts.csv")  # fmt: skip
    command("queue", reports, "--out", out / "queue.csv", "--decisions", out / "decisions")
    command("queue", reports, "--out", out / "queue.jsonl")
    for by in ("listing", "brand", "match"):
        command("export", reports, "--csv", out / f"{by}.csv", "--by", by)
    command("merchants", reports, "--facts", inside / "facts.csv", "--out", out / "merchants.jsonl")
    command("merchants", reports, "--out", out / "merchants.csv")
    verdicts(command, inside, out, reports, plant)
    command("rings", out / "K.jsonl", "--suspects", "all", "--tokens", inside / "tokens.csv", "--contact-key",
            inside / "key", "--out", out / "rings.parquet", "--html", out / "rings", "--graphml", out / "r.graphml",
            "--closed", inside / "closed.csv", "--door", out / "door.csv", "--root", inside)  # fmt: skip
    command("screen", inside / "listings.csv", *scanner, "--tokens", out / "door.csv", "--out", out / "T.jsonl")
    buys(command, inside, out, reports, plant)
    cases(command, inside, out, reports, plant)
    command("inspect", index, "--json")
    return command


def verdicts(command: Commands, inside: Path, out: Path, reports: Path, plant: Planter) -> None:
    journal = ("--journal", out / "journal.jsonl")
    who = ("--reviewer", plant.name(), "--note", plant.text("label"))
    command("verdict", "confirm", reports, "L1", "Acme", *journal, *who)
    command("verdict", "reject", reports, "L1", "Acme", *journal, "--reviewer", plant.name(), "--note", plant.contact())
    command("verdict", "missed", "L2", "Core", *journal, "--reviewer", plant.name(), "--note", plant.contact())
    command("verdict", "missed", "L9", plant.contact(), *journal, "--box", plant.contact())
    command("verdict", "confirm", reports, "L4", plant.contact(), *journal)
    command("verdict", "confirm", reports, plant.contact(), "Acme", *journal)
    command("verdict", "undo", 2, *journal, "--reviewer", plant.name())
    command("verdict", "import", inside / "verdicts.csv", *journal, "--reports", reports, "--decisions",
            out / "decisions")  # fmt: skip
    command("verdict", "import", inside / "long.csv", *journal)
    command("verdict", "import", inside / "wrong.csv", *journal, "--reports", reports)
    command("verdict", "list", *journal, "--all")
    command("verdict", "list", *journal, "--all", "--json")
    command("fit", reports, "--verdicts", out / "journal.jsonl", "--out", out / "model.json", "--review-share", 0.5)
    command("verdict", "confirm", plant.contact())


def buys(command: Commands, inside: Path, out: Path, reports: Path, plant: Planter) -> None:
    command("buys", "plan", reports, "--budget", 40, "--floor", 2, "--most-per-seller", 20, "--seed", 1, "--out",
            out / "plan.parquet", "--sheet", out / "sheet.csv", "--html", out / "plan.html")  # fmt: skip
    rows = list(csv.DictReader((out / "sheet.csv").read_text().splitlines()))
    for i, row in enumerate(rows):
        row |= {"outcome": ("counterfeit", "genuine")[i % 2] if i else plant.contact(), "reviewer": plant.name()}
        row["note"] = plant.text("label")
    table(inside / "results.csv", rows)
    command("buys", "estimate", inside / "results.csv", "--plan", out / "plan.parquet", "--out", out / "rates.jsonl",
            "--html", out / "rates.html", "--journal", out / "journal.jsonl", "--reports", reports)  # fmt: skip


def cases(command: Commands, inside: Path, out: Path, reports: Path, plant: Planter) -> None:
    decisions = ("--decisions", out / "decisions")
    command("notices", "check", inside / "notices.jsonl", "--reports", reports, "--index", out / "index", *decisions,
            "--out", out / "notices.jsonl")  # fmt: skip
    notices = [one for one in DecisionLog(out / "decisions").read() if one.source == "notice"]
    assert len(notices) > 5
    table(inside / "answers.csv", [
        {"answers": one.id, "action": "remove" if i - 2 else plant.contact(), "reviewer": plant.name(),
         "reason": plant.contact() if i % 2 else "", "time": "" if i - 3 else plant.contact()}
        for i, one in enumerate(notices)
    ])  # fmt: skip
    command("notices", "decide", inside / "answers.csv", *decisions)
    (inside / "grounds.json").write_text('{"illegal": ["Art. 9", "It is a copy."], "terms": ["3", "Not allowed."]}')
    days = ("--from", "2026-01-01", "--to", "2099-12-31")
    command("disclose", out / "decisions", *days, "--out", out / "figures.json", "--csv", out / "figures.csv",
            "--html", out / "figures.html", "--audit-sheet", out / "audit.csv", "--statements", out / "sor.jsonl",
            "--grounds", inside / "grounds.json", "--reports", reports)  # fmt: skip
    command("lead", "make", reports, "--case", "2027-1", "--purpose", "Trade mark case", "--who", "J. Doe", "--listing",
            "L1", "--listing", "L4", "--root", inside, "--index", out / "index", *decisions, "--out",
            out / "lead")  # fmt: skip
    command("lead", "record", out / "lead", "--who", "J. Doe", "--act", "opened", "--note", plant.text("to"))
    command("lead", "verify", out / "lead")
    key = command("pack", "key", out / "acme.pem", "--brand", "Acme", "--until", "2099-12-31")
    command("pack", "make", inside / "brands" / "Acme", "--key", out / "acme.pem", "--expires", "2099-12-31",
            "--version", 1, "--out", out / "1.pack")  # fmt: skip
    (inside / "trust.json").write_text(key)
    used = (out / "1.pack", "--trust", inside / "trust.json", "--index", out / "index")
    command("pack", "diff", *used, "--out", out / "accept.txt")
    command("pack", "apply", *used, "--accepted", out / "accept.txt", "--force", plant.text("since"))


def test_nothing_that_is_written_holds_what_people_planted(
    tmp_path: Path, planter: Planter, monkeypatch: pytest.MonkeyPatch, fake_models: None
) -> None:
    says: dict[Colour, list[str]] = {}
    monkeypatch.setattr("logoscan.vision.detector.make_detector", lambda *_, **__: FakeDetector())
    monkeypatch.setattr("logoscan.scan.scanner.make_ocr", lambda *_, **__: FakeOcr(says))
    inside, out = tmp_path / "in", tmp_path / "out"
    out.mkdir()
    make_inputs(inside, planter, says)
    with logged(out / "service.log"):
        command = write_everything(inside, out, planter)
    assert len(planter.cores) >= LEAST_PLANTED
    assert command.failed == FAILING, "all others do their work"
    codes = [code for report in read_reports(out / "R.jsonl") for code in report.codes or ()]
    assert len(codes) == CODES
    assert all("[" in code.text for code in codes)
    planted = set().union(*found_in(inside, planter.cores).values())
    assert len(planted) > 0.7 * len(planter.cores), "the scanner finds what stands in the inputs"
    leaks = found_in(out, planter.cores)
    assert not leaks, {path: [planter.cores[core] for core in sorted(cores)[:4]] for path, cores in leaks.items()}


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("got '+49 15{8}", 1),
        ("got '0049 15{4}", 1),
        ("got 'x...{-7}'", 1),
        ("got '{0}'", 1),
        ("in 15{4} of 4915{8}", 0),
        ("reviewer-aaaaaaaaaaaa", 0),
    ],
)
def test_parts_of_a_number_are_found(tmp_path: Path, planter: Planter, written: str, number: int) -> None:
    planter.contact()
    (core,) = planter.cores
    for cut in (4, 8):
        written = written.replace(f"15{{{cut}}}", core[: 2 + cut])
    (tmp_path / "said.txt").write_text(written.replace("{-7}", core[-7:]).replace("{0}", core))
    assert len(found_in(tmp_path, planter.cores)) == number


def test_parts_of_a_name_are_found(tmp_path: Path, planter: Planter) -> None:
    planter.mail()
    (core,) = planter.cores
    for name, said in {"begun": f"got '{core[:6]}", "ended": f"got 'x...{core[3:]}'", "short": core[:5]}.items():
        (tmp_path / name).write_text(said)
    assert found_in(tmp_path, planter.cores).keys() == {"begun", "ended"}
