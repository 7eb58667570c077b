"""Every benchmark can be run by its name, and the README's tables are written from result files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from paths import BENCHMARKS

from benchmarks.__main__ import COMMANDS, main
from benchmarks.common.tables import README

WITHOUT_RESULT = ("tables",)
"""Commands that measure nothing."""


def command_of(name: str) -> click.Command:
    """Import a command as `python -m benchmarks NAME` does."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


def test_help_lists_every_command_with_its_question() -> None:
    run = CliRunner().invoke(main, ["--help"])
    assert run.exit_code == 0, run.output
    listed = dict(re.findall(r"^  ([a-z]+) +(\S.*)$", run.output.partition("Benchmarks:")[2], re.M))
    assert listed == {name: question for name, (_, _, question) in COMMANDS.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_its_help(name: str) -> None:
    assert command_of(name).name == name
    run = CliRunner().invoke(main, [name, "--help"])
    assert run.exit_code == 0, run.output
    assert run.output.startswith(f"Usage: main {name} ")
    assert ("--json" in run.output) == (name not in WITHOUT_RESULT)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_names_its_result_file_alike(name: str) -> None:
    options = {option: p for p in command_of(name).params for option in p.opts}
    assert ("--json" in options) == (name not in WITHOUT_RESULT)
    if "--json" in options:
        assert options["--json"].name == "out"
        assert isinstance(options["--json"].type, click.Path)


def test_the_readme_has_a_command_line_for_every_command() -> None:
    text = README.read_text("utf-8")
    assert README == BENCHMARKS / "README.md"
    measuring = [name for name in COMMANDS if name not in WITHOUT_RESULT]
    headings = re.findall(r"^### (.+)$", text, re.M)
    assert sorted(name for name in headings if name in COMMANDS) == sorted(measuring), "a section each"
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", text, re.M | re.S))
    for name in measuring:
        assert re.search(rf"^(?:\w+=\S+ )*python -m benchmarks {name}\b", sections[name], re.M), name
    for name in WITHOUT_RESULT:
        assert f"python -m benchmarks {name} " in text
    assert set(re.findall(r"python -m benchmarks ([a-z]\w*)", text)) <= COMMANDS.keys()


def test_an_unknown_name_is_refused() -> None:
    run = CliRunner().invoke(main, ["nothing"])
    assert run.exit_code == 2
    assert "nothing" in run.output


# -- tables

PAGE = """# Figures

<!-- boxes -->

Not yet measured.

<!-- /boxes -->

Between.

<!-- other -->

As it was.

<!-- /other -->
"""


def result(path: Path, recall: float, **settings: Any) -> Path:
    """Write a result file of the benchmark "boxes"."""
    sizes = {f"recall_50_{size}": recall for size in ("small", "medium", "large")}
    figures = {"recall_10": recall / 2, "recall_50": recall, **sizes, "mean_best_iou": 0.7, "n_boxes": 1258}
    said = {"benchmark": "boxes", "date": "2026-01-02", "code": "1.0", **settings}
    machine = {"cpu": "a processor", "cores": 2, "torch": "2", "cpu_capability": "AVX2", "cuda": "not run"}
    path.write_text(json.dumps({**figures, "settings": said, "machine": machine}))
    return path


def written(readme: Path, *results: Path) -> str:
    """Run `tables`, and return the page."""
    run = CliRunner().invoke(main, ["tables", *map(str, results), "--readme", str(readme)])
    assert run.exit_code == 0, run.output
    return readme.read_text()


def test_tables_rewrite_the_block_of_their_name(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(PAGE)
    page = written(readme, result(tmp_path / "boxes.json", 0.5))
    table = (
        "| recall of 10 proposals | of 50 | of 50: under 64 px / to 160 / above | mean best IoU | boxes |\n"
        "|---|---|---|---|---|\n"
        "| 0.250 | 0.500 | 0.500 / 0.500 / 0.500 | 0.700 | 1,258 |\n\n"
        "Measured 2026-01-02 at 1.0 on a processor, 2 cores, AVX2, torch 2."
    )
    assert page == PAGE.replace("Not yet measured.", table)
    again = written(readme, result(tmp_path / "boxes.json", 0.8))
    assert again == page.replace("0.250 | 0.500 | 0.500 / 0.500 / 0.500", "0.400 | 0.800 | 0.800 / 0.800 / 0.800")


def test_several_results_are_the_rows_of_one_table(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(PAGE)
    files = result(tmp_path / "boxes.first_set.json", 0.5), result(tmp_path / "boxes.other.json", 0.8, ocr="rapidocr")
    page = written(readme, *files)
    assert "\n| set | recall of 10 proposals |" in page
    assert "\n| first set | 0.250 |" in page
    assert "\n| other | 0.400 |" in page
    assert "first set: Measured" in page
    assert "torch 2; OCR rapidocr." in page


def test_a_table_without_a_block_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(PAGE)
    files = map(str, (result(tmp_path / "boxes.json", 0.5), result(tmp_path / "unplaced.json", 0.5)))
    run = CliRunner().invoke(main, ["tables", *files, "--readme", str(readme)])
    assert run.exit_code == 1
    assert "no block <!-- unplaced -->" in run.output
    assert readme.read_text() == PAGE


def test_tables_are_shown_without_being_written(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(PAGE)
    file = result(tmp_path / "boxes.json", 0.5)
    run = CliRunner().invoke(main, ["tables", str(file), "--show", "--readme", str(readme)])
    assert run.exit_code == 0, run.output
    assert "| 0.250 | 0.500 |" in run.output
    assert readme.read_text() == PAGE
