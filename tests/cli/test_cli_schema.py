"""`logoscan schema`, and the options of `scan` that decide what a report remembers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
from commands import run
from fakes import GREY, FakeDetector, FakeOcr

from logoscan.reporting.jsonl import read_reports
from logoscan.scan.schemas import SchemaName, json_schema


@pytest.mark.parametrize("record", get_args(SchemaName))
def test_schema_prints_the_schema_of_the_library(record: SchemaName) -> None:
    result = run("schema", record)
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == json_schema(record)
    assert result.stdout.isascii(), "whatever the locale"


def test_schema_of_something_else_is_a_usage_mistake() -> None:
    result = run("schema", "score")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'score' is not one of 'report', 'listing', 'screening'" in result.stderr


@pytest.mark.parametrize(("option", "kept"), [((), None), (("--keep-text",), ["Acme"])])
def test_scan_keeps_text_where_it_was_asked_for(
    shop: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...], kept: list[str] | None
) -> None:
    monkeypatch.setattr("logoscan.vision.detector.make_detector", lambda *_, **__: FakeDetector())
    monkeypatch.setattr("logoscan.scan.scanner.make_ocr", lambda *_, **__: FakeOcr({GREY: ["Acme"]}))
    named = ("--index", shop / "index", "--out", shop / "R.jsonl", "--similarity-threshold", 0.9)
    assert run("scan", shop / "listings.jsonl", *named, *option).exit_code == 0
    reports = list(read_reports(shop / "R.jsonl"))
    assert len(reports) == 6
    for report in reports:
        assert (None if report.text is None else [line.text for line in report.text]) == kept
        assert report.unread == ()
        assert report.provenance.threshold == 0.9
