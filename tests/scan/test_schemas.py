"""The published JSON schemas: every report, listing and screening is valid against its own."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from builders.scans import make_listings, make_scanner
from hypothesis import given
from jsonschema import Draft202012Validator
from paths import SAMPLES
from strategies import listings, make_report, quick, reports

from logoscan.errors import InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import read_listings
from logoscan.io.records import from_json, to_json, to_mapping
from logoscan.ocr.rapidocr import RapidOcr
from logoscan.reporting.jsonl import report_to_json, write_reports
from logoscan.results import SCHEMA_VERSION, Report
from logoscan.scan.scanner import Scanner
from logoscan.scan.schemas import SCHEMA_VERSIONS, SchemaName, json_schema
from logoscan.scan.screening import Screening
from logoscan.types import Listing
from logoscan.vision.encoder import ClipEncoder

VALID = {name: Draft202012Validator(json_schema(name)) for name in SCHEMA_VERSIONS}


def complaints(name: SchemaName, text: str) -> list[str]:
    return [error.message for error in VALID[name].iter_errors(json.loads(text))]


@pytest.mark.parametrize("name", SCHEMA_VERSIONS)
def test_a_schema_is_valid_versioned_and_describes_each_field(name: SchemaName) -> None:
    schema = json_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:logoscan:schema:{name}:{SCHEMA_VERSIONS[name]}"
    for record in (schema, *schema.get("$defs", {}).values()):
        undescribed = [field for field, prop in record.get("properties", {}).items() if not prop.get("description")]
        assert undescribed == [] or record["title"] == "SkippedStage"
        assert "Attributes:" not in record.get("description", "")
    assert json_schema(name) == schema, "what is returned may be changed by who asked"


def test_another_schema_is_refused() -> None:
    with pytest.raises(InputError, match="schema: expected report, listing, screening, got 'score'"):
        json_schema("score")  # type: ignore[arg-type]


@quick
@given(report=reports())
def test_any_report_is_valid(report: Report) -> None:
    assert complaints("report", report_to_json(report)) == complaints("report", to_json(report)) == []


def test_every_line_of_a_file_of_reports_is_valid(tmp_path: Any) -> None:
    write_reports(tmp_path / "r.jsonl", make_scanner(keep_text=True).scan_many(make_listings()))
    lines = (tmp_path / "r.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == len(make_listings())
    for line in lines:
        assert complaints("report", line) == []


@pytest.mark.parametrize("deadline_s", [1e-9, math.inf])
def test_every_screening_is_valid(deadline_s: float) -> None:
    for listing in make_listings():
        assert complaints("screening", make_scanner().screen(listing, deadline_s=deadline_s).to_json()) == []


@quick
@given(listing=listings)
def test_any_listing_is_valid_and_round_trips(listing: Listing) -> None:
    assert complaints("listing", to_json(listing)) == []
    assert from_json(Listing, to_json(listing), "x") == listing


def test_sample_listings_and_their_reports_are_valid(sample_index: LogoIndex, clip: ClipEncoder) -> None:
    for line in (SAMPLES / "listings.jsonl").read_text("utf-8").splitlines():
        assert complaints("listing", line) == []
    scanner = Scanner.default(sample_index, encoder=clip, ocr=RapidOcr(), root=SAMPLES, keep_text=True)
    for report in scanner.scan_many(read_listings(SAMPLES / "listings.jsonl"), workers=1):
        assert complaints("report", to_json(report)) == []
        assert report.provenance.precision is not None
        assert report.provenance.runtime is not None
        assert from_json(Report, to_json(report), "x") == report


@pytest.mark.parametrize(
    ("name", "changes", "complaint"),
    [
        ("report", {"schema_version": 2}, "3 was expected"),
        ("report", {"listing_id": None}, "None is not of type 'string'"),
        ("report", {"unread": [{"image": 0, "script": None}]}, "is not valid under any of the given schemas"),
        ("listing", {"id": 5}, "5 is not of type 'string'"),
        ("listing", {"images": "a.jpg"}, "'a.jpg' is not of type 'array'"),
        ("screening", {"decision": "clear"}, "'clear' is not one of ['allow', 'hold', 'block']"),
    ],
)
def test_what_is_wrong_is_found(name: SchemaName, changes: dict[str, Any], complaint: str) -> None:
    records: dict[str, Any] = {
        "report": make_report(),
        "listing": Listing("x"),
        "screening": Screening("hold", make_report(), (), {}, 0.1, False),
    }
    values = to_mapping(records[name])
    assert complaints(name, json.dumps(values)) == []
    assert any(complaint in message for message in complaints(name, json.dumps(values | changes)))


def test_a_report_of_before_the_latest_fields_is_valid_and_loads() -> None:
    values = to_mapping(make_report())
    for later in ("text", "unread"):
        del values[later]
    for later in ("precision", "runtime", "threshold"):
        del values["provenance"][later]
    assert complaints("report", json.dumps(values)) == []
    assert from_json(Report, json.dumps(values), "x") == make_report()
    assert make_report().unread is None, "nobody looked: not the same as no line"
    assert make_report().schema_version == SCHEMA_VERSION == 3
