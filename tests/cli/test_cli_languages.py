"""`--languages` and `--recogniser`: what is refused before a model is loaded, and what travels to the scanner."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from commands import run

from logoscan.cli.options import LANGUAGES, RECOGNISERS
from logoscan.cli.scanners import ScannerOptions


def parsed(*arguments: str) -> dict[str, object]:
    """The values of the two options as a command gets them."""
    values: dict[str, object] = {}

    @click.command()
    @LANGUAGES
    @RECOGNISERS
    def command(**options: object) -> None:
        values.update(options)

    result = CliRunner().invoke(command, list(arguments))
    assert result.exit_code == 0, result.output
    return values


def test_nothing_said_nothing_asked() -> None:
    assert parsed() == {"languages": None, "recognisers": None}


def test_codes_and_files_are_read(tmp_path: Path) -> None:
    file = tmp_path / "korean.onnx"
    file.write_bytes(b"model")
    values = parsed("--languages", "en, ko", "--recogniser", f"ko={file}")
    assert values == {"languages": ("en", "ko"), "recognisers": {"ko": file}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--languages", "en,klingon"), "expected codes among"),
        (("--languages", ""), "expected ISO 639-1 codes"),
        (("--recogniser", "korean.onnx"), "expected LANGUAGE=FILE"),
        (("--recogniser", "ko=absent.onnx"), "absent.onnx"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, str], message: str) -> None:
    result = run("scan", "listings.jsonl", "--index", "index", "--out", "reports.jsonl", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_files_of_recognisers_get_absolute_paths() -> None:
    fields: dict[str, object] = dict.fromkeys(ScannerOptions.__dataclass_fields__)
    options = ScannerOptions(**{**fields, "recognisers": {"ko": Path("korean.onnx")}})  # type: ignore[arg-type]
    assert options.resolved().recognisers == {"ko": Path("korean.onnx").resolve()}
