"""What every command shares: help with examples that run, errors in a line, exit codes, progress, pipes."""

from __future__ import annotations

import errno
import io
import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import click
import numpy as np
import pytest
from builders.packs import brand_folder
from builders.scans import CALIBRATION
from commands import ACME, BOLT, run
from fakes import FakeEncoder, photo_of, quarters
from PIL import Image
from rich.console import Console
from strategies import make_report

from logoscan.cases.decision_store import DecisionLog
from logoscan.cases.decisions import Decision
from logoscan.cli import console, main
from logoscan.cli.app import explained
from logoscan.errors import DeviceError, InputError
from logoscan.io.listings import read_listings
from logoscan.reporting.jsonl import write_reports
from logoscan.results import BrandResult, Signal
from logoscan.review.journal import Journal
from logoscan.scoring.model import ScoreModel
from logoscan.types import Embeddings, Rgb

COMMANDS = sorted(main.commands)
NESTED = [f"{name} {inner}" for name, c in main.commands.items() if isinstance(c, click.Group) for inner in c.commands]


def examples(command: str = "") -> list[list[str]]:
    """The examples at the end of a command's help, as arguments."""
    text = run(*command.split(), "--help").output
    _, _, end = text.partition("Examples:\n")
    return [shlex.split(line)[1:] for line in end.splitlines() if line.strip()]


# -- help


@pytest.mark.parametrize("command", ["", *COMMANDS, *NESTED])
def test_help_ends_with_examples(command: str) -> None:
    long, short = run(*command.split(), "--help"), run(*command.split(), "-h")
    assert (long.exit_code, long.stderr) == (0, "")
    assert long.output == short.output
    assert long.output.startswith("Usage: ")
    assert 1 <= len(examples(command)) <= 3
    assert all(words[0] in COMMANDS for words in examples(command))


def test_every_option_is_explained() -> None:
    def walk(group: click.Group) -> None:
        for command in group.commands.values():
            for parameter in command.params:
                assert not isinstance(parameter, click.Option) or parameter.help, f"{command.name} {parameter.name}"
            if isinstance(command, click.Group):
                walk(command)

    walk(main)


def test_command_without_arguments_prints_help() -> None:
    alone = run()
    assert (alone.exit_code, alone.stdout) == (0, run("--help").stdout)
    assert run("verdict").stdout == run("verdict", "-h").stdout
    for command in COMMANDS:
        (line,) = [line for line in alone.stdout.splitlines() if line.startswith(f"  {command} ")]
        assert not line.endswith("..."), "short helps fit"


def label_photos(shop: Path) -> None:
    """Sixty labelled photos, a third of them with a stranger's mark."""
    rng, rows = np.random.default_rng(0), ["file,brand"]
    for i in range(60):
        stranger = quarters(*[tuple(colour) for colour in rng.integers(0, 256, (4, 3)).tolist()])
        logo, name = ((ACME, "Acme"), (BOLT, "Bolt"), (stranger, ""))[i % 3]
        Image.fromarray(photo_of(logo)).save(shop / "photos" / f"c{i}.png")
        rows.append(f"c{i}.png,{name}")
    (shop / "labels.csv").write_text("\n".join(rows))


def judge_photos(shop: Path) -> None:
    """A hundred listings in a journal, each with a photo of its own that shows Acme."""
    journal, rows = Journal(shop / "verdicts.jsonl"), []
    for i in range(100):
        Image.fromarray(photo_of(ACME, (i, 128, 128))).save(shop / "photos" / f"j{i}.png")
        rows.append(json.dumps({"id": f"J{i}", "images": [f"photos/j{i}.png"]}) + "\n")
        report = make_report(listing_id=f"J{i}", brands=(BrandResult("Acme", 0.9, 5.0),))
        journal.confirm(report, "Acme")
    with (shop / "listings.jsonl").open("a") as file:
        file.writelines(rows)


def judge_goods(shop: Path) -> None:
    """Reports of a hundred listings, a fifth of them for review, and a verdict on the goods of every fourth."""
    model, reports = ScoreModel(), []
    journal = Journal(shop / "verdicts.jsonl")
    for i in range(100):
        score = model.score("Acme", [Signal("coded_terms", float(i % 5 == 0), "why"), Signal("low_price", 0.5, "why")])
        reports.append(make_report(listing_id=f"G{i}", score=score, brands=(BrandResult("Acme", 0.4, 5.0),)))
        if i % 4 == 0:
            journal.confirm(reports[-1], "Acme", counterfeit=i % 5 == 0)
    write_reports(shop / "reports.jsonl", reports)


def sell_goods(shop: Path) -> None:
    """Reports of so many listings that 1,500 can be bought, and candidates of two brands and categories."""
    score = ScoreModel().score("Acme", [Signal("low_price", 0.5, "why")])
    write_reports(shop / "reports.jsonl", [make_report(listing_id=f"S{i}", score=score) for i in range(1600)])
    columns = {"listing_id": [f"C{i}" for i in range(400)], "p": [0.1] * 400, "brand": ["Acme", "Bolt"] * 200}
    pytest.importorskip("pyarrow.parquet").write_table(
        pytest.importorskip("pyarrow").table({**columns, "category": ["shoes"] * 200 + ["bags"] * 200}),
        shop / "candidates.parquet",
    )


def keep_features(shop: Path) -> None:
    """What the examples of `rejudge` and `find` name."""
    named = ("--out", "kept.jsonl", "--similarity-threshold", 0.9, "--keep-features", "features")
    assert run("scan", "listings.jsonl", "--index", "index", *named).exit_code == 0
    copytree(shop / "index", shop / "new")
    ScoreModel().save("fitted.json")
    for name in ("logo.png", "photo.jpg"):
        Image.fromarray(photo_of(ACME)).save(name)


def open_cases(shop: Path) -> None:
    """What the examples of packs, notices, disclosure and leads name."""
    brand_folder(shop / "brands" / "Acme", {}, name="Acme", aliases=["Acme Pro"])
    log = DecisionLog(shop / "decisions")
    day = datetime(2026, 8, 1, tzinfo=UTC)
    log.append([Decision("block", day, listing_id=f"L{i}", source="screen", decision="automated") for i in range(40)])
    log.append([Decision("hold", day, listing_id="L1", source="notice", id="N1-1")])
    (shop / "audit.csv").write_text("decision_id,action,pi,outcome\nd1,block,0.5,right\n")
    (shop / "answers.csv").write_text("answers,action,reviewer\nN1-1,remove,ann\n")
    (shop / "notices.jsonl").write_text('{"id": "N1", "brand": "Acme"}\n')
    write_reports(shop / "reports.jsonl", [make_report(listing_id="L1")])


def test_help_examples_run(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that has what they name, with models that answer at once."""
    monkeypatch.chdir(shop)
    monkeypatch.setattr("logoscan.ocr.engine.make_ocr", lambda *_, **__: None)
    monkeypatch.setattr("logoscan.scan.scanner.make_ocr", lambda *_, **__: None)
    monkeypatch.setattr("logoscan.cli.demo.read_listings", lambda path: list(read_listings(path))[:1])
    (shop / "alarms").mkdir()
    Image.fromarray(photo_of(None)).save(shop / "alarms" / "a.png")
    (shop / "prices.csv").write_text("brand,price,currency\nAcme,90,EUR\n")
    (shop / "merchants.csv").write_text("seller_id;orders\ns1;40\n")
    (shop / "closed.csv").write_text("seller_id\ns1\n")
    (shop / "more-brands" / "Core").mkdir(parents=True)
    ran = []
    reading = ("report", "merchants", "rings", "queue", "export")
    models = ("calibrate", "fit", "inspect", "demo", "doctor")
    cases = ("pack", "notices", "disclose", "lead")
    for command in (
        "register",
        "scan",
        "rejudge",
        "find",
        "screen",
        *reading,
        "schema",
        "verdict",
        *models,
        "buys",
        *cases,
    ):
        if command == "rejudge":
            keep_features(shop)
        if command == "calibrate":
            label_photos(shop)
            judge_photos(shop)
            monkeypatch.setattr("logoscan.matching.calibration.bundled_calibrations", lambda: (CALIBRATION,))
        if command == "fit":
            judge_goods(shop)
        if command == "buys":
            sell_goods(shop)
        if command == "pack":
            open_cases(shop)
        if command == "verdict":
            (shop / "found.csv").write_text("listing_id,brand,verdict\nL1,Acme,genuine\n")
            (shop / "reports.jsonl").unlink()
            named = ("--out", "reports.jsonl", "--similarity-threshold", 0.9)
            assert run("scan", "listings.jsonl", "--index", "index", *named).exit_code == 0
        within = [each for each in NESTED if each.startswith(f"{command} ")]
        if command == "pack":  # in the order in which people call them
            within = [f"pack {name}" for name in ("key", "make", "diff", "apply", "rollback", "sign", "verify")]
            assert set(within) == {each for each in NESTED if each.startswith("pack ")}
        within = within if command == "pack" else [command, *within]
        for words in [words for each in within for words in examples(each)]:
            result = run(*words)
            if words[:2] == ["pack", "key"]:
                (shop / "trust.json").write_text(result.stdout)
            belongs = "--index" in words and words[0] == "doctor"  # the index is of the fake encoder
            assert result.exit_code == (2 if belongs else 0), (words, result.output)
            assert "Traceback" not in result.output
        ran.append(command)
    assert sorted(ran) == COMMANDS


# -- errors


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["sacn"], "no such command 'sacn', did you mean 'scan'?; see `logoscan --help`"),
        (["verdict", "rejcet"], "no such command 'rejcet', did you mean 'reject'?; see `logoscan verdict --help`"),
        (["xyzzy"], "no such command 'xyzzy'; see `logoscan --help`"),
        (["scan"], "Missing argument 'LISTINGS'; see `logoscan scan --help`"),
        (["inspect", "x", "--pairs", "-1"], "Invalid value for '--pairs': -1 is not in the range x>=0; see"),
    ],
)
def test_usage_mistakes_are_one_line(arguments: list[str], line: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"logoscan: {line}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a"), "a: no such file or directory; check the"),
        (PermissionError(errno.EACCES, "Permission denied", b"a"), "a: permission denied; check the permissions"),
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on device; free some space"),
        (OSError("odd"), "odd"),
        (InputError("out: expected a file"), "out: expected a file"),
        (DeviceError("device: none"), "device: none; `logoscan doctor` lists the devices"),
    ],
)
def test_errors_say_what_to_do(error: Any, line: str) -> None:
    assert explained(error).startswith(line)


def failing(error: BaseException) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_an_error_of_several_lines_or_with_control_characters_is_one_line(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "logoscan.index.logo_index.LogoIndex.load", failing(InputError("first\n  second \x1b[31m third\u2028end"))
    )
    result = run("inspect", shop / "index")
    assert (result.exit_code, result.stderr) == (2, "logoscan: first second \\x1b[31m third end\n")


def test_unexpected_exception_is_not_hidden(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.index.logo_index.LogoIndex.load", failing(ZeroDivisionError()))
    assert isinstance(run("inspect", shop / "index").exception, ZeroDivisionError)


def test_interrupt_exits_130(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.index.logo_index.LogoIndex.from_folder", failing(KeyboardInterrupt()))
    result = run("register", shop / "brands", "--out", shop / "second")
    assert (result.exit_code, result.output) == (130, "logoscan: interrupted\n")


@pytest.mark.parametrize("arguments", ["inspect index --pairs 0", "inspect index --json"])
def test_closed_pipe_is_no_error(shop: Path, arguments: str) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "logoscan.cli", *arguments.split()],
        stdout=write, stderr=subprocess.PIPE, cwd=shop, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_locale_without_the_letters_is_no_error(shop: Path) -> None:
    (shop / "brands" / "Zoë").mkdir()
    run("register", shop / "brands", "--out", shop / "index")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "logoscan.cli", "inspect", "index"]
    done = subprocess.run(command, capture_output=True, cwd=shop, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Zo\\xeb" in done.stdout


# -- progress


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal of 120 columns is sent on stderr."""
    out = io.StringIO()
    monkeypatch.setattr(console, "_stderr", Console(file=out, force_terminal=True, width=120))
    monkeypatch.setattr(console, "on_terminal", lambda: True)
    return out


def test_a_terminal_shows_rate_and_remaining_time(shop: Path, screen: io.StringIO) -> None:
    with (shop / "listings.jsonl").open("a") as file:
        file.write("no listing\n")
    result = run("scan", shop / "listings.jsonl", "--index", shop / "index", "--out", shop / "R", "--ocr", "none")
    assert result.exit_code == 1
    shown = screen.getvalue()
    for words in ("loading the models", "scan", "7/7", "listings/s", "left", "logoscan: line 7: not JSON"):
        assert words in shown
    assert result.stdout.startswith("6 reports ("), "the bar keeps off stdout"
    assert result.stdout.count("\n") == 1


def test_resumed_reports_do_not_count_for_the_rate(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with console.progress("scan", "listings", 1000, done=900) as advance:
        now = 4.0
        advance(20)
    assert "920/1000" in screen.getvalue()
    assert "5.0 listings/s, 0:00:16 left" in screen.getvalue()
    with console.progress("scan", "listings", 3, done=3):
        pass
    assert "3/3" in screen.getvalue()


def test_pipe_gets_only_the_final_progress(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # colours may be forced, a bar into a log file not
    result = run("register", shop / "brands", "--out", shop / "second")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"2 brands, 2 logos, 2 vectors by fake -> {shop / 'second'}\n"


def test_failing_encoder_clears_the_progress_bar(shop: Path, screen: io.StringIO, monkeypatch: Any) -> None:
    class Dying(FakeEncoder):
        def encode_pixels(self, pixels: Rgb) -> Embeddings:
            raise OSError(errno.EIO, "Input/output error", "weights")

    monkeypatch.setattr("logoscan.vision.encoder.ClipEncoder", lambda *_, **__: Dying())
    assert run("register", shop / "brands", "--out", shop / "second").exit_code == 2
    assert screen.getvalue().endswith("logoscan: weights: input/output error; check the path and the disk\n")


def test_tables_are_whole_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    out = console.table("name", "long")
    out.add_row(*console.cells(("[red]x[/]", "y" * 500)))
    console.show(out, "end")
    assert capsys.readouterr().out.splitlines() == ["name       long", f"[red]x[/]  {'y' * 500}", "end"]


def test_json_is_one_line(shop: Path) -> None:
    for words in (["inspect", shop / "index", "--json"], ["inspect", shop / "index", "--brand", "Acme", "--json"]):
        result = run(*words)
        assert result.stdout.count("\n") == 1
        assert json.loads(result.stdout)
