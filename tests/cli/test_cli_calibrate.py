"""`logoscan calibrate --verdicts`: a calibration from a reviewer's own verdicts, and what it says of those left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.scans import CALIBRATION
from click.testing import Result
from commands import ACME, run
from fakes import FakeDetector, photo_of
from PIL import Image, ImageEnhance

from logoscan.io.records import read_record, write_record
from logoscan.matching.calibration import MatchCalibration
from logoscan.reporting.jsonl import read_reports
from logoscan.review.journal import Journal

NEAR_ACME = np.clip(ACME.astype(np.int16) + 40, 0, 255).astype(np.uint8)
"""Another mark, which the index takes for Acme's."""


@pytest.fixture
def stall(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop with models that answer at once, and a calibration of them."""
    monkeypatch.setattr("logoscan.vision.detector.make_detector", lambda *_, **__: FakeDetector())
    write_record(shop / "start.json", CALIBRATION)
    return shop


def judge(shop: Path, kinds: Sequence[tuple[int, Any, bool]]) -> None:
    """Scan listings whose photos show marks, by number, mark and verdict, and pass the verdicts on Acme."""
    rows, verdicts = [], []
    for count, logo, shown in kinds:
        for _ in range(count):
            i = len(rows)
            Image.fromarray(photo_of(logo, (i % 250, 128, 100 + i // 250))).save(shop / "photos" / f"j{i}.png")
            rows.append(json.dumps({"id": f"J{i}", "images": [f"photos/j{i}.png"]}) + "\n")
            verdicts.append(shown)
    (shop / "J.jsonl").write_text("".join(rows))
    scanned = run("scan", shop / "J.jsonl", "--index", shop / "index", "--out", shop / "R.jsonl", "--ocr", "none",
                  "--calibration", shop / "start.json")  # fmt: skip
    assert scanned.exit_code == 0, scanned.output
    journal = Journal(shop / "V.jsonl")
    for report, shown in zip(read_reports(shop / "R.jsonl"), verdicts, strict=True):
        if shown:
            journal.confirm(report, "Acme")
        else:
            journal.reject(report, "Acme", not_shown=True)


def calibrate(shop: Path, *more: object) -> Result:
    return run("calibrate", "--verdicts", shop / "V.jsonl", "--listings", shop / "J.jsonl", "--index", shop / "index",
               "--out", shop / "own.json", "--calibration", shop / "start.json", *more)  # fmt: skip


def test_few_verdicts_set_the_threshold_alone(stall: Path) -> None:
    judge(stall, [(90, ACME, True), (10, NEAR_ACME, False)])
    result = calibrate(stall)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert "100 verdicts of V.jsonl, 10 of them wrong names: threshold " in result.stdout
    assert "probabilities as before, for want of 30 right and 30 wrong names" in result.stdout
    own = read_record(MatchCalibration, stall / "own.json")
    assert own.threshold > CALIBRATION.threshold
    assert own == replace(CALIBRATION, threshold=own.threshold, fitted_on=own.fitted_on)


def test_many_verdicts_shift_the_probabilities_that_a_scan_reports(stall: Path) -> None:
    judge(stall, [(60, ACME, True), (40, NEAR_ACME, False)])
    result = calibrate(stall, "--wrong-share", 0.1)
    assert result.exit_code == 0, result.output
    assert ", log-odds -" in result.stdout
    before = [report.matches[0].probability for report in read_reports(stall / "R.jsonl")]
    scanned = run("scan", stall / "J.jsonl", "--index", stall / "index", "--out", stall / "after.jsonl",
                  "--ocr", "none", "--calibration", stall / "own.json")  # fmt: skip
    assert scanned.exit_code == 0, scanned.output
    after = [report.matches[0].probability for report in read_reports(stall / "after.jsonl")]
    assert all((new or 0) < (old or 0) for old, new in zip(before, after, strict=True))


def test_what_gives_no_label_is_said(stall: Path) -> None:
    judge(stall, [(44, ACME, True)])
    rows = [json.loads(line) for line in (stall / "J.jsonl").read_text().splitlines()]
    rows[0]["title"] = "An Acme thing"
    (stall / "photos" / "j1.png").write_bytes(b"no picture")
    (stall / "J.jsonl").write_text("no listing\n" + "".join(json.dumps(row) + "\n" for row in rows))
    result = calibrate(stall, "--wrong-share", 0.1)
    assert result.exit_code == 1
    assert "42 verdicts of V.jsonl, 0 of them wrong names: threshold 0.950" in result.stdout
    for line in (
        "line 1: not JSON",
        "listing 'J1': photo not looked at: ",
        "verdicts left out: 1, because the listing's own words name the brand\n",
        "verdicts left out: 1, because no photo of the listing can be read\n",
        "logoscan: 2 rows or photos failed, see above\n",
    ):
        assert line in result.stderr


def test_too_few_verdicts_are_refused_with_both_numbers(stall: Path) -> None:
    judge(stall, [(5, ACME, True)])
    (stall / "J.jsonl").write_text("".join((stall / "J.jsonl").read_text().splitlines(keepends=True)[:3]))
    result = calibrate(stall)
    assert result.exit_code == 2
    assert "verdicts left out: 2, because the listing is not among the listings\n" in result.stderr
    assert "verdicts: expected 86 matches or more that were judged, to hold 5.0% wrong names, got 3" in result.stderr
    assert not (stall / "own.json").exists()


def test_models_without_a_calibration_need_one_to_start_from(stall: Path) -> None:
    judge(stall, [(1, ACME, True)])
    result = run("calibrate", "--verdicts", stall / "V.jsonl", "--listings", stall / "J.jsonl",
                 "--index", stall / "index", "--out", stall / "own.json")  # fmt: skip
    assert result.exit_code == 2
    assert "none is bundled for this encoder and detector; fit one to labelled photos first" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["photos"],
        ["--labels", "J.jsonl"],
        ["--verdicts", "V.jsonl"],
        ["--listings", "J.jsonl"],
        ["photos", "--labels", "J.jsonl", "--calibration", "start.json"],
        ["photos", "--labels", "J.jsonl", "--verdicts", "V.jsonl", "--listings", "J.jsonl"],
        ["photos", "--verdicts", "V.jsonl", "--listings", "J.jsonl"],
    ],
)
def test_neither_form_or_a_mixture_is_refused(
    stall: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stall)
    for name in ("J.jsonl", "V.jsonl"):
        (stall / name).touch()
    result = run("calibrate", *arguments, "--index", "index", "--out", "own.json")
    assert result.exit_code == 2
    assert "expected IMAGES with --labels, or --verdicts with --listings" in result.stderr


def test_a_share_out_of_range_is_refused_at_once(stall: Path) -> None:
    judge(stall, [(1, ACME, True)])
    result = calibrate(stall, "--wrong-share", 0)
    assert result.exit_code == 2
    assert "wrong_share: expected a share above 0, and 0.5 at most, got 0.0" in result.stderr


def test_the_samples_give_a_calibration_that_a_scan_takes(tmp_path: Path, samples: Path) -> None:
    """With the bundled models: two sample photos, darker and darker, judged listing by listing."""
    (tmp_path / "photos").mkdir()
    rows = []
    for name in ("speaker", "beanie"):
        with Image.open(samples / "photos" / f"{name}.jpg") as photo:
            for i in range(8):
                ImageEnhance.Brightness(photo).enhance(1 - i / 40).save(tmp_path / "photos" / f"{name}{i}.jpg")
                rows.append(json.dumps({"id": f"{name}{i}", "images": [f"photos/{name}{i}.jpg"]}) + "\n")
    (tmp_path / "L.jsonl").write_text("".join(rows))
    index, common = tmp_path / "index", ("--device", "cpu", "--index", tmp_path / "index")
    assert run("register", samples / "brands", "--out", index, "--device", "cpu").exit_code == 0
    scan = ("scan", tmp_path / "L.jsonl", *common, "--ocr", "none")
    assert run(*scan, "--out", tmp_path / "R.jsonl").exit_code == 0
    for report in read_reports(tmp_path / "R.jsonl"):
        brand = "JBL" if report.listing_id.startswith("speaker") else "The North Face"
        said = run("verdict", "confirm", tmp_path / "R.jsonl", report.listing_id, brand, "--journal",
                   tmp_path / "V.jsonl", "--goods", "genuine")  # fmt: skip
        assert said.exit_code == 0, said.output
    made = run("calibrate", "--verdicts", tmp_path / "V.jsonl", "--listings", tmp_path / "L.jsonl", *common,
               "--out", tmp_path / "own.json", "--wrong-share", 0.25)  # fmt: skip
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("16 verdicts of V.jsonl, 0 of them wrong names: threshold 0.")
    assert run(*scan, "--out", tmp_path / "own.jsonl", "--calibration", tmp_path / "own.json").exit_code == 0
    assert {b.brand for r in read_reports(tmp_path / "own.jsonl") for b in r.brands} >= {"JBL", "The North Face"}
