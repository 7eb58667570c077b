"""`logoscan pack`, `notices`, `disclose` and `lead`, and the decisions that other commands write."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from builders.packs import brand_folder
from commands import ACME, BOLT, run
from fakes import FakeEncoder
from strategies import make_report

pytest.importorskip("securesystemslib")
pytest.importorskip("duckdb")

from logoscan.cases.decision_store import DecisionLog
from logoscan.cases.decisions import Decision
from logoscan.index.logo_index import LogoIndex
from logoscan.reporting.jsonl import write_reports
from logoscan.results import Signal
from logoscan.scoring.model import ScoreModel


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of Bolt, a folder of Acme, and models that answer at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("logoscan.vision.encoder.ClipEncoder", lambda *_, **__: FakeEncoder())
    index = LogoIndex(FakeEncoder())
    index.add("Bolt", [("b.png", BOLT)])
    index.save("index")
    brand_folder(tmp_path / "acme", {"a.png": ACME}, aliases=["Acme Pro"])
    made = run("pack", "key", "acme.pem", "--brand", "Acme", "--until", "2099-12-31")
    (tmp_path / "trust.json").write_text(made.stdout)
    make = ("pack", "make", "acme", "--key", "acme.pem", "--expires", "2099-12-31")
    assert run(*make, "--version", 1, "--out", "1.pack").exit_code == 0
    assert run(*make, "--version", 2, "--previous", "1.pack", "--out", "2.pack").exit_code == 0
    return tmp_path


MAKE = ("pack", "make", "--key", "acme.pem", "--out", "x.pack")
JULY = ("--from", "2026-07-01", "--to", "2026-07-31")
USED = ("--trust", "trust.json", "--index", "index")


def test_a_pack_goes_from_folder_to_index_and_back(here: Path) -> None:
    assert "states aliases, logos, signed by 1 keys" in run("pack", "verify", "1.pack", "--trust", "trust.json").stdout
    refused = run("pack", "apply", "1.pack", *USED)
    assert refused.exit_code == 1
    assert "alias:Acme Pro" in refused.stderr
    assert LogoIndex.load("index").brand("Acme") is None
    seen = run("pack", "diff", "1.pack", *USED, "--out", "accept.txt")
    assert seen.exit_code == 0, seen.output
    assert (here / "accept.txt").read_text() == "logo:Acme/a.png\nbrand:Acme\nalias:Acme Pro\n"
    done = run("pack", "apply", "1.pack", *USED, "--accepted", "accept.txt")
    assert done.exit_code == 0, done.output
    assert LogoIndex.load("index").packs.current("Acme") is not None
    back = run("pack", "rollback", "Acme", 0, "--index", "index")
    assert "1 taken back, no pack in force" in back.stdout
    assert LogoIndex.load("index").brand("Acme") is None


def test_a_gap_needs_a_reason(here: Path) -> None:
    names = ("brand:Acme", "alias:Acme Pro", "logo:Acme/a.png")
    accept = [word for name in names for word in ("--accept", name)]
    refused = run("pack", "apply", "2.pack", *USED, *accept)
    assert refused.exit_code == 1
    assert "none is in force" in refused.stderr
    assert run("pack", "diff", "2.pack", *USED).exit_code == 1
    assert run("pack", "apply", "2.pack", *USED, *accept, "--force", "the first was lost").exit_code == 0
    assert LogoIndex.load("index").packs.events[0].reason == "the first was lost"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("pack", "verify", "acme.pem", "--trust", "trust.json"), "expected a brand pack"),
        (("pack", "key", "acme.pem", "--brand", "A", "--until", "2099-01-01"), "expected a new file"),
        (("pack", "key", "k.pem", "--brand", "A", "--until", "soon"), "until: expected an ISO 8601"),
        (("pack", "rollback", "Bolt", "0", "--index", "index"), "(none), got 0"),
        (("lead", "verify", "index"), "custody.jsonl: missing"),
        (("lead", "record", "index", "--who", "x", "--act", "opened"), "expected a folder that `lead make` made"),
        (("disclose", "index", "--from", "2026-01-02", "--to", "2026-01-01", "--out", "x"), "expected a last day from"),
        (("notices", "decide", "trust.json", "--decisions", "index"), "answers"),
        (("pack", "key", "k.pem", "--brand", " ", "--until", "2099-12-31"), "brand: expected a name"),
        (("pack", "key", "k.pem", "--brand", "A", "--until", "2001-12-31"), "until: expected a day to come"),
        ((*MAKE, "acme", "--version", "1", "--expires", "2001-12-31"), "expires: expected a day to come"),
        (
            (*MAKE, "acme", "--version", "7", "--previous", "1.pack", "--expires", "2099-12-31"),
            "expected 2 after 1.pack",
        ),
        ((*MAKE, "acme", "--version", "2", "--expires", "2099-12-31"), "version: expected 1 without a pack before"),
        ((*MAKE, "acme", "--version", "2", "--previous", "g.json", "--expires", "2099-12-31"), "expected a brand pack"),
        ((*MAKE, "empty", "--version", "1", "--expires", "2099-12-31"), "got nothing that a pack could state"),
        ((*MAKE, "broken", "--version", "1", "--expires", "2099-12-31"), "a.png: "),
        (("pack", "apply", "1.pack", *USED, "--accepted", "latin.txt"), "latin.txt: expected UTF-8"),
        (("disclose", "d", *JULY, "--out", "x", "--audit-sheet", "y"), "expected automated decisions"),
        (("disclose", "d", *JULY, "--out", "x", "--csv", "x"), "expected another file for each output"),
        (
            ("disclose", "d", *JULY, "--out", "x", "--statements", "y", "--grounds", "g.json"),
            "each with a ground and an",
        ),
        (("lead", "verify", "index", "--key", "x"), "expected public keys of 64 hex digits"),
    ],
)
def test_what_cannot_be_done_is_said_in_lines(here: Path, arguments: tuple[str, ...], why: str) -> None:
    for folder in ("empty", "broken", "d"):
        (here / folder).mkdir()
    (here / "broken" / "a.png").write_bytes(b"no picture")
    (here / "latin.txt").write_bytes("Müller".encode("latin-1"))
    (here / "g.json").write_text('{"illegal": "Art. 9"}')
    files = sorted(here.rglob("*"))
    result = run(*arguments)
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert why in result.stderr
    assert "Traceback" not in result.output
    assert sorted(here.rglob("*")) == files, "an error leaves no file"


def test_notices_are_ranked_decided_and_disclosed(here: Path) -> None:
    score = ScoreModel().score("Bolt", [Signal("coded_terms", 1.0, "why")])
    write_reports("r.jsonl", [make_report(listing_id=f"L{i}", seller_id=f"s{i}", score=score) for i in range(12)])
    whole = {"received_at": "2026-07-01", "explanation": "The label and the seams are not ours.", "brand": "Bolt",
             "notifier_name": "Jane Roe", "notifier_email": "jane@bolt.example", "good_faith": True,
             "right": {"office": "EUIPO", "number": "1"}, "authority": "owner"}  # fmt: skip
    lines = [json.dumps({**whole, "id": f"N{i}", "listing_ids": [f"L{i}"]}) for i in range(12)]
    (here / "n.jsonl").write_text("\n".join([*lines, '{"id": "N99"}', "no"]))
    done = run(
        "notices",
        "check",
        "n.jsonl",
        "--reports",
        "r.jsonl",
        "--index",
        "index",
        "--decisions",
        "d",
        "--out",
        "q.jsonl",
    )
    assert done.exit_code == 1
    assert "13 notices, 1 incomplete" in done.stdout
    assert "n.jsonl, line 14: expected a JSON object" in done.stderr
    rows = [json.loads(line) for line in (here / "q.jsonl").read_text().splitlines()]
    assert rows[-1]["notice_id"] == "N99"
    assert "Jane" not in (here / "q.jsonl").read_text()
    (here / "a.csv").write_text("answers,action,reviewer,time\n" + "".join(
        f"N{i}-1,remove,ann,2026-07-02\n" for i in range(12)))  # fmt: skip
    assert run("notices", "decide", "a.csv", "--decisions", "d").exit_code == 0
    assert run("queue", "r.jsonl", "--out", "queue.csv", "--decisions", "d").exit_code == 0
    assert len([one for one in DecisionLog("d").read() if one.action == "hold"]) == 24
    period = ("--from", "2026-07-01", "--to", "2026-07-31")
    told = run("disclose", "d", *period, "--out", "q.json", "--csv", "q.csv", "--html", "q.html")
    assert told.exit_code == 0, told.output
    figures = json.loads((here / "q.json").read_text())
    assert figures["notices"] == {"upheld": 12}
    assert figures["adverse"] == figures["reactive"] == 12


def test_statements_and_audits_come_from_the_log(here: Path) -> None:
    day = datetime(2026, 7, 1, tzinfo=UTC)
    whole: dict[str, Any] = {
        "source": "screen", "ground": "illegal", "detection": "automated", "decision": "automated"
    }  # fmt: skip
    DecisionLog("d").append(
        [
            *(Decision("block", day, listing_id=f"L{i}", **whole) for i in range(30)),
            Decision("block", day, listing_id="X"),
        ]
    )
    (here / "g.json").write_text('{"illegal": ["Art. 9", "Used without consent."]}')
    period = ("--from", "2026-07-01", "--to", "2026-07-31", "--out", "q.json")
    done = run("disclose", "d", *period, "--statements", "s.jsonl", "--grounds", "g.json", "--audit-sheet", "a.csv",
               "--audit-size", 10, "--seed", 1)  # fmt: skip
    assert done.exit_code == 1
    assert "a statement of reasons needs source, ground, detection, decision" in done.stderr
    assert len((here / "s.jsonl").read_text().splitlines()) == 30
    assert len((here / "a.csv").read_text().splitlines()) == 11
    assert run("disclose", "d", *period, "--statements", "s.jsonl").exit_code == 2
