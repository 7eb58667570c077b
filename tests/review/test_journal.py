"""Confirm, reject, undo: labels, changes of the index, and the file that keeps them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import BLUE, GREEN, RED, WHITE, YELLOW, FakeDetector, FakeEncoder, FakeOcr, photo_of, quarters
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import quick

from logoscan.errors import CorruptFileError, ImageError, InputError, LogoscanError, VettingError
from logoscan.images.loading import load_image
from logoscan.index.logo_images import load_logo
from logoscan.index.logo_index import LogoIndex
from logoscan.io.files import file_mode
from logoscan.io.records import write_record
from logoscan.io.sealed_lines import seal, unseal
from logoscan.matching.calibration import MatchCalibration
from logoscan.reporting.jsonl import report_from_json, report_to_json
from logoscan.results import Report
from logoscan.review.journal import Journal, Verdict
from logoscan.review.reviewers import _check, _Secret, is_pseudonym
from logoscan.scan.scanner import Scanner
from logoscan.scoring.model import ScoreModel
from logoscan.types import Brand, Embeddings, Listing, Rgb, Rgba
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder

ENCODER, DETECTOR = FakeEncoder(), FakeDetector()
ACME, BOLT = quarters(RED, WHITE, BLUE, YELLOW), quarters(GREEN, RED, WHITE, RED)
LIKE_ACME = quarters(RED, WHITE, BLUE, (225, 110, 150))
"""Another mark, which the index takes for Acme's."""
CALIBRATION = MatchCalibration(
    ENCODER.info.fingerprint, DETECTOR.fingerprint, -33.0, 36.0, 10.0, 0.0, 0.0, threshold=0.5, fitted_on="a test"
)
SPEAKS = (1, 2, 3)


@cache
def _index() -> LogoIndex:
    index = LogoIndex(ENCODER)
    index.add_many([(Brand("Acme"), [("a", ACME)]), (Brand("Bolt"), [("b", BOLT)])])
    return index


def fresh_index() -> LogoIndex:
    """A snapshot of an index of Acme and Bolt, which is made once."""
    return _index().snapshot()


def wire(index: LogoIndex, **changes: Any) -> Scanner:
    parts: dict[str, Any] = {"detector": DETECTOR, "calibration": CALIBRATION} | changes
    return Scanner(index, encoder=ENCODER, **parts)


def scan(index: LogoIndex, *photos: Any, name: str = "1", **changes: Any) -> Report:
    report = wire(index, **changes).scan(Listing(name, tuple(photos), claimed_brand=""))
    return replace(report, provenance=replace(report.provenance, time=""))


def shown(report: Report, brand: str = "Acme") -> float:
    return next((b.probability or 0.0 for b in report.brands if b.brand == brand), 0.0)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "verdicts.jsonl")


FALSE_ALARM = photo_of(LIKE_ACME)


@cache
def wrong() -> Report:
    """A report that takes `LIKE_ACME` for Acme's mark."""
    return scan(fresh_index(), FALSE_ALARM)


# -- what stands


def test_empty_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "v.jsonl")
    assert (len(journal), journal.verdicts, journal.standing(), journal.labels()) == (0, (), (), ([], []))
    assert not (tmp_path / "v.jsonl").exists(), "the first verdict makes the file"
    (tmp_path / "v.jsonl").touch()
    assert len(Journal(tmp_path / "v.jsonl")) == 0
    with pytest.raises(InputError, match="verdict: expected an id from 1 to 0, got 1"):
        journal.undo(1)


STEPS: list[tuple[list[tuple[str, Any]], list[bool]]] = [
    ([("confirm", True)], [True]),
    ([("confirm", False)], [False]),
    ([("confirm", None)], []),
    ([("reject", False)], [False]),
    ([("reject", True)], []),
    ([("confirm", True), ("reject", True)], []),
    ([("confirm", True), ("reject", False)], [False]),
    ([("confirm", True), ("confirm", None)], []),
    ([("confirm", True), ("undo", 1)], []),
    ([("confirm", True), ("reject", False), ("undo", 2)], [True]),
    ([("confirm", True), ("reject", False), ("undo", 1)], [False]),
    ([("reject", False), ("undo", 1), ("confirm", True)], [True]),
]


def act(journal: Journal, report: Report, brand: str, kind: str, what: Any) -> Verdict:
    if kind == "undo":
        return journal.undo(what)
    if kind == "confirm":
        return journal.confirm(report, brand, counterfeit=what)
    return journal.reject(report, brand, not_shown=what)


@pytest.mark.parametrize(("steps", "labels"), STEPS)
def test_labels_of_standing_verdicts(journal: Journal, steps: list[tuple[str, Any]], labels: list[bool]) -> None:
    for kind, what in steps:
        act(journal, wrong(), "Acme", kind, what)
    assert journal.labels() == ([wrong().score] * len(labels), labels)
    assert len(journal) == len(steps)


def test_verdict_states_shown_and_counterfeit(journal: Journal) -> None:
    confirmed = journal.confirm(wrong(), "Acme", reviewer="Ann", time="2026-01-02T03:04:05Z")
    genuine, absent = journal.reject(wrong(), "Acme"), journal.reject(wrong(), "Acme", not_shown=True)
    assert (confirmed.id, confirmed.reviewer, confirmed.time) == (1, journal.reviewer("Ann"), "2026-01-02T03:04:05Z")
    assert [(v.shown, v.counterfeit) for v in (confirmed, genuine, absent)] == [
        (True, True), (True, False), (False, None)
    ]  # fmt: skip
    assert confirmed.score == wrong().score
    assert genuine.time > "2026"
    assert journal.standing() == (absent,)
    undone = journal.undo(3, reviewer="Bob")
    assert (undone.kind, undone.undoes, undone.reviewer, undone.shown, undone.counterfeit) == (
        "undo", 3, journal.reviewer("Bob"), None, None
    )  # fmt: skip
    assert journal.standing() == (genuine,)


def test_verdicts_stand_per_listing_and_brand(journal: Journal) -> None:
    both = scan(fresh_index(), photo_of(ACME), photo_of(BOLT), name="both")
    journal.confirm(both, "Acme")
    journal.reject(both, "Bolt")
    journal.reject(wrong(), "Acme")
    assert [(v.listing_id, v.brand) for v in journal.standing()] == [("both", "Acme"), ("both", "Bolt"), ("1", "Acme")]
    scores, labels = journal.labels()
    assert len(labels) == 2, "a report has the reasons of its highest brand alone"
    assert {s.brand for s in scores} <= {both.score.brand, "Acme"}


def test_the_latest_label_keeps_the_reasons_of_an_earlier_report(journal: Journal) -> None:
    """The brand fell behind another in the second scan, so that this report does not say why."""
    journal.confirm(wrong(), "Acme")
    later = replace(wrong(), score=replace(wrong().score, brand="Bolt"))
    journal.reject(later, "Acme")
    assert journal.labels() == ([wrong().score], [False])


def test_the_labels_fit_a_score(journal: Journal) -> None:
    pytest.importorskip("scipy")
    for number in range(12):
        report = replace(wrong(), listing_id=str(number))
        act(journal, report, "Acme", *(("confirm", True) if number % 3 else ("reject", False)))
    assert ScoreModel().fit(*journal.labels()).name == "fitted"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda j: j.confirm(wrong(), "Bolt"), r"brand: expected one that the report names, \['Acme'\], got 'Bolt'"),
        (lambda j: j.reject(wrong(), ""), "brand: expected one that the report names"),
        (lambda j: j.undo(0), "verdict: expected an id from 1 to 2, got 0"),
        (lambda j: j.undo(3), "verdict: expected an id from 1 to 2, got 3"),
        (lambda j: j.undo(-1), "verdict: expected an id from 1 to 2, got -1"),
        (lambda j: j.undo(1), "verdict 1: undone already, by 2"),
        (lambda j: j.undo(2), "verdict 2: an undo cannot be undone; pass the verdict again"),
        (lambda j: j.confirm(wrong(), "Acme", add_rendering=True), "add_rendering: expected an index"),
        (lambda j: j.reject(wrong(), "Acme", index=fresh_index()), "index: expected it with not_shown"),
        (
            lambda j: j.reject(wrong(), "Acme", match=replace(wrong().matches[0], image=0, brand="Bolt"),
                               not_shown=True, index=fresh_index(), photos=[FALSE_ALARM]),
            r"match: expected one of the report's 1 of 'Acme', got Match\(image=0",
        ),
        (
            lambda j: j.reject(wrong(), "Acme", not_shown=True, index=fresh_index()),
            "photos: expected those of the listing, as image 0 was no file, got None",
        ),
        (
            lambda j: j.reject(wrong(), "Acme", not_shown=True, index=fresh_index(), photos=[]),
            "photos: expected all 1 of the listing, got 0",
        ),
        (
            lambda j: j.reject(wrong(), "Acme", not_shown=True, index=fresh_index(),
                               photos=[FALSE_ALARM + 1]),
            "image 0: expected the photo that was scanned",
        ),
        (
            lambda j: j.reject(wrong(), "Acme", not_shown=True, index=LogoIndex(ENCODER),
                               photos=[FALSE_ALARM]),
            "brand: expected a registered name, got 'Acme'",
        ),
        (
            lambda j: j.reject(replace(wrong(), listing_id="\ud800"), "Acme"),
            "verdict: expected Unicode text, got ",
        ),
    ],
)  # fmt: skip
def test_refused_verdict_leaves_no_line(journal: Journal, call: Any, message: str) -> None:
    journal.confirm(wrong(), "Acme")
    journal.undo(1)
    before = journal._file.path.read_bytes()
    with pytest.raises(InputError, match=message):
        call(journal)
    assert journal._file.path.read_bytes() == before


# -- the register


def test_a_rejected_match_stays_rejected_until_undone(journal: Journal) -> None:
    index = fresh_index()
    before = scan(index, FALSE_ALARM)
    assert shown(before) > 0.8
    said = journal.reject(before, "Acme", not_shown=True, index=index, photos=[FALSE_ALARM])
    assert len(said.negatives) == 1
    assert shown(scan(index, FALSE_ALARM)) < 0.2
    assert shown(scan(index, photo_of(LIKE_ACME, ground=WHITE, size_px=(90, 70)))) < 0.2, "nor in another photo"
    assert shown(scan(index, photo_of(ACME))) > 0.5, "its own mark is still found"
    assert shown(scan(index, photo_of(BOLT)), "Bolt") == shown(scan(fresh_index(), photo_of(BOLT)), "Bolt")
    undone = journal.undo(said.id, index=index)
    assert undone.negatives == said.negatives
    assert scan(index, FALSE_ALARM) == before
    assert journal.labels() == ([], [])


def test_similarity_threshold_respects_negatives_too(journal: Journal) -> None:
    """Without a calibration."""
    index = fresh_index()
    plain: dict[str, Any] = {"calibration": None, "similarity_threshold": 0.85}
    before = scan(index, FALSE_ALARM, **plain)
    assert [b.brand for b in before.brands] == ["Acme"]
    said = journal.reject(before, "Acme", not_shown=True, index=index, photos=[FALSE_ALARM])
    assert scan(index, FALSE_ALARM, **plain).brands == ()
    assert [b.brand for b in scan(index, photo_of(ACME), **plain).brands] == ["Acme"]
    journal.undo(said.id, index=index)
    assert scan(index, FALSE_ALARM, **plain) == before


def test_the_photo_is_found_by_the_name_in_the_report(journal: Journal, tmp_path: Path) -> None:
    Image.fromarray(FALSE_ALARM).save(tmp_path / "p.png")
    index = fresh_index()
    report = report_from_json(report_to_json(scan(index, "p.png", root=tmp_path)))
    said = journal.reject(report, "Acme", not_shown=True, index=index, root=tmp_path)
    assert shown(scan(index, "p.png", root=tmp_path)) < 0.2
    Image.fromarray(FALSE_ALARM[1:]).save(tmp_path / "p.png")
    with pytest.raises(InputError, match=r"image 0: expected the photo that was scanned \(sha256 "):
        journal.reject(report, "Acme", not_shown=True, index=index, root=tmp_path)
    (tmp_path / "p.png").unlink()
    with pytest.raises(ImageError, match=r"p\.png: no such image file"):
        journal.reject(report, "Acme", not_shown=True, index=index, root=tmp_path)
    assert journal.standing() == (said,)


def test_rejection_covers_all_visible_matches_or_one_region(journal: Journal) -> None:
    index, fresh = fresh_index(), fresh_index().fingerprint
    two = (photo_of(LIKE_ACME), photo_of(quarters(RED, WHITE, BLUE, (228, 130, 120))))
    report = scan(index, *two)
    assert len([m for m in report.matches if m.brand == "Acme"]) == 2
    change: dict[str, Any] = {"not_shown": True, "index": index, "photos": two}
    assert len(journal.reject(report, "Acme", **change).negatives) == 2
    journal.undo(1, index=index)
    assert len(journal.reject(report, "Acme", match=report.matches[1], **change).negatives) == 1
    journal.undo(3, index=index)
    faint = replace(report, matches=(*(replace(m, probability=0.1) for m in report.matches),))
    assert len(journal.reject(faint, "Acme", **change).negatives) == 1, "the surest, if all are faint"
    journal.undo(5, index=index)
    assert index.fingerprint == fresh


def test_rejecting_a_brand_read_in_text_only_adds_a_label(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    index, ocr, photo = fresh_index(), FakeOcr({SPEAKS: ["Acme"]}), photo_of(None, SPEAKS)
    report = scan(index, photo, ocr=ocr)
    assert not report.matches
    fingerprint = index.fingerprint
    said = journal.reject(report, "Acme", not_shown=True, index=index, photos=[photo])
    assert (said.negatives, said.shown, said.counterfeit) == ((), False, None)
    assert "no place was matched with 'Acme'; a label only" in caplog.text
    assert index.fingerprint == fingerprint
    assert shown(scan(index, photo, ocr=ocr)) == shown(report) > 0


def test_confirmed_rendering_raises_later_matches(journal: Journal) -> None:
    index, other = fresh_index(), quarters(YELLOW, RED, WHITE, BLUE)
    report = scan(index, photo_of(LIKE_ACME))
    faint = photo_of(quarters(RED, WHITE, BLUE, (225, 120, 130)))
    first = shown(scan(index, faint))
    said = journal.confirm(report, "Acme", add_rendering=True, index=index, photos=[photo_of(LIKE_ACME)])
    assert len(said.logos) == 1
    assert said.logos[0].startswith("Acme/listing-")
    assert shown(scan(index, faint)) > first
    assert shown(scan(index, photo_of(other))) < 0.5
    assert journal.undo(1, index=index).logos == said.logos
    assert index.fingerprint == fresh_index().fingerprint


def test_undo_restores_a_brand_registered_by_name(journal: Journal) -> None:
    class Reads(FakeEncoder):
        has_text = True

        def encode_text(self, texts: Any) -> Embeddings:
            rows = np.tile(np.eye(1, 13, dtype=np.float32), (len(texts), 1))
            return np.asarray(rows)

    encoder = Reads()
    index = LogoIndex(encoder)
    index.add_many([(Brand("Bolt"), [("b", BOLT)]), (Brand("Acme"), [])])
    match = replace(wrong().matches[0], logo="Acme/Acme")
    report = replace(wrong(), matches=(match,))
    journal.confirm(report, "Acme", add_rendering=True, index=index, photos=[FALSE_ALARM])
    assert ("Acme" in index.with_logo, "Acme" in index.by_name) == (True, False)
    bare = index.snapshot()
    bare.encoder = None
    before = bare.fingerprint
    with pytest.raises(InputError, match="expected one with an encoder"):
        journal.undo(1, index=bare)
    assert (bare.fingerprint, len(journal.verdicts)) == (before, 1)
    journal.undo(1, index=index)
    assert ("Acme" in index.with_logo, "Acme" in index.by_name) == (False, True)


def test_a_negative_that_two_verdicts_hold_goes_with_the_second(journal: Journal) -> None:
    index, fresh = fresh_index(), fresh_index().fingerprint
    change: dict[str, Any] = {"not_shown": True, "index": index, "photos": [FALSE_ALARM]}
    first = journal.reject(wrong(), "Acme", **change)
    second = journal.reject(replace(wrong(), listing_id="copy"), "Acme", **change)
    assert first.negatives == second.negatives
    assert journal.undo(first.id, index=index).negatives == ()
    assert shown(scan(index, FALSE_ALARM)) < 0.2
    assert journal.undo(second.id, index=index).negatives == second.negatives
    assert index.fingerprint == fresh


def test_undo_keeps_negatives_that_existed_before(journal: Journal) -> None:
    index = fresh_index()
    change: dict[str, Any] = {"not_shown": True, "index": index, "photos": [FALSE_ALARM]}
    name = journal.reject(wrong(), "Acme", **change).negatives
    other = Journal(journal._file.path.with_name("other.jsonl"))
    assert other.reject(wrong(), "Acme", **change).negatives == ()
    other.undo(1)
    assert name[0] in {n.id for n in index.negatives}


def test_undo_reports_a_change_that_is_gone(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    index = fresh_index()
    change: dict[str, Any] = {"not_shown": True, "index": index, "photos": [FALSE_ALARM]}
    said = journal.reject(wrong(), "Acme", **change)
    with pytest.raises(InputError, match="index: expected the one that verdict 1 changed, got None"):
        journal.undo(1)
    index.remove_negative(said.negatives[0], "Acme")
    undone = journal.undo(1, index=index)
    assert undone.negatives == ()
    assert f"verdict 1: the register has lost {said.negatives[0]} meanwhile" in caplog.text
    assert journal.standing() == ()


def test_contrary_changes_are_undone_first(journal: Journal) -> None:
    index = fresh_index()
    change: dict[str, Any] = {"index": index, "photos": [FALSE_ALARM]}
    journal.reject(wrong(), "Acme", not_shown=True, **change)
    with pytest.raises(InputError, match="verdict 1 says otherwise and changed the register: undo it first"):
        journal.confirm(wrong(), "Acme")
    journal.undo(1, index=index)
    journal.confirm(wrong(), "Acme", add_rendering=True, **change)
    with pytest.raises(InputError, match="verdict 3 says otherwise and changed the register: undo it first"):
        journal.reject(wrong(), "Acme", not_shown=True, **change)
    journal.reject(wrong(), "Acme")
    assert journal.labels() == ([wrong().score], [False])


def test_a_verdict_that_cannot_be_written_changes_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    index, fresh = fresh_index(), fresh_index().fingerprint
    change: dict[str, Any] = {"index": index, "photos": [FALSE_ALARM]}
    journal.confirm(wrong(), "Acme")
    before = journal._file.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("logoscan.review.journal_file.os.fsync", full)
    calls: list[Callable[[], object]] = [
        lambda: journal.reject(wrong(), "Acme", not_shown=True, **change),
        lambda: journal.confirm(wrong(), "Acme", add_rendering=True, **change),
        lambda: journal.undo(1),
    ]
    for call in calls:
        with pytest.raises(OSError, match="No space left"):
            call()
        assert index.fingerprint == fresh
        assert journal._file.path.read_bytes() == before
    monkeypatch.undo()
    assert journal.reject(wrong(), "Acme").id == 2


# -- the file


def test_a_torn_line_is_dropped_and_written_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "v.jsonl"
    journal = Journal(path)
    first = journal.confirm(wrong(), "Acme")
    whole = path.read_bytes()
    journal.reject(wrong(), "Acme")
    second = path.read_bytes()[len(whole) :]
    (tmp_path / ".v.jsonl.grown").unlink()  # as a crash leaves it: the second line was not told of yet
    for cut in (1, len(second) // 2, len(second) - 1):
        caplog.clear()
        path.write_bytes(whole + second[:cut])
        again = Journal(path)
        assert again.verdicts == (first,)
        assert caplog.text.count("line 2: torn by a crash, dropped") == 1
        assert path.read_bytes() == whole + second[:cut], "reading changes nothing"
    assert again.reject(wrong(), "Acme", time="t").id == 2
    assert [json.loads(line)["id"] for line in path.read_bytes().splitlines()] == [1, 2]
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"id":2}\n', "line 2: expected a Verdict: time: Field required"),
        (b"\n", "line 2: altered"),
        (b"\xff\n", "line 2: altered"),
        (b'{"id":2,"time":"t","kind":"undo","listing_id":"1","brand":"Acme","undoes":2}\n', "an id from 1 to 1, got 2"),
        (b'{"id":2,"time":"t","kind":"undo","listing_id":"1","brand":"Acme"}\n', r"Verdict\.undoes: expected it of"),
        (b'{"id":1,"time":"t","kind":"reject","listing_id":"1","brand":"A","shown":true}\n', "id: expected 2, got 1"),
        (
            b'{"id":2,"time":"t","kind":"reject","listing_id":"1","brand":"A","shown":true,"schema_version":9}\n',
            r"Verdict\.schema_version: expected 2 or less, got 9",
        ),
    ],
)
def test_invalid_verdict_line_is_refused(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "v.jsonl"
    Journal(path).confirm(wrong(), "Acme")
    with path.open("ab") as file:
        file.write(seal(line.decode()[:-1]).encode() + b"\n" if line.startswith(b"{") else line)
    with pytest.raises(CorruptFileError, match=message):
        Journal(path)


def test_a_score_of_another_brand_or_sum_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    Journal(path).confirm(wrong(), "Acme")
    good = path.read_text()
    for old, new in (('"brand":"Acme","bias"', '"brand":"Bolt","bias"'), ('"bias":-5.0', '"bias":-4.0')):
        assert old in good
        path.write_text(good.replace(old, new))
        with pytest.raises(CorruptFileError, match="line 1: altered"):
            Journal(path)
        path.write_text(seal(unseal(good.strip(), "it").text.decode().replace(old, new)) + "\n")
        with pytest.raises(CorruptFileError, match="line 1: expected a Verdict"):
            Journal(path)


def test_a_journal_that_was_cut_is_told_from_a_short_one(tmp_path: Path) -> None:
    """Between lines too, where nothing in what is left could tell; a copy that came without the count is taken."""
    path = tmp_path / "v.jsonl"
    for _ in range(3):
        Journal(path).confirm(wrong(), "Acme")
    whole = path.read_bytes()
    for size in (0, whole.index(b"\n"), whole.index(b"\n") + 1, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptFileError, match=rf"v\.jsonl: cut short: expected {len(whole)} bytes or more, got"):
            Journal(path)
    path.unlink()
    with pytest.raises(CorruptFileError, match=r"v\.jsonl: cut short: expected .*, got 0"):
        Journal(path)
    (tmp_path / ".v.jsonl.grown").unlink()
    path.write_bytes(whole[: whole.index(b"\n") + 1])
    assert len(Journal(path)) == 1


def test_missing_folder_and_truncated_journal_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "v.jsonl", tmp_path):
        with pytest.raises(InputError, match="journal: expected a file in an existing folder"):
            Journal(path)
    journal = Journal(tmp_path / "v.jsonl")
    journal.confirm(wrong(), "Acme")
    (tmp_path / "v.jsonl").write_bytes(b"")
    with pytest.raises(CorruptFileError, match="bytes or more, got 0; a journal only grows"):
        journal.confirm(wrong(), "Acme")


@pytest.mark.parametrize("name", ["", "\n", '"}\n{"id":1}', "\x00\x1f\x7f", "\u2028\u2029\x85", "../../x", "😀" * 999])
def test_hostile_ids_round_trip(tmp_path: Path, name: str) -> None:
    journal = Journal(tmp_path / "v.jsonl")
    journal.confirm(replace(wrong(), listing_id=name), "Acme", reviewer=name)
    assert [(v.listing_id, v.reviewer) for v in Journal(tmp_path / "v.jsonl").standing()] == [
        (name, journal.reviewer(name))
    ]
    assert (tmp_path / "v.jsonl").read_bytes().count(b"\n") == 1


def test_two_objects_and_threads_share_a_file(tmp_path: Path) -> None:
    one, two = Journal(tmp_path / "v.jsonl"), Journal(tmp_path / "v.jsonl")
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda i: (one, two)[i % 2].confirm(wrong(), "Acme", reviewer=str(i)), range(40)))
    assert sorted(v.id for v in made) == list(range(1, 41))
    assert one.verdicts == two.verdicts == Journal(tmp_path / "v.jsonl").verdicts
    assert {v.reviewer for v in one.verdicts} == {two.reviewer(str(i)) for i in range(40)}


def test_two_processes_append(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(report_to_json(wrong()))
    script = (
        "import sys; from pathlib import Path; from logoscan.review.journal import Journal\n"
        "from logoscan.reporting.jsonl import report_from_json\n"
        f"report = report_from_json(Path({str(tmp_path / 'r.json')!r}).read_text())\n"
        f"journal = Journal({str(tmp_path / 'v.jsonl')!r})\n"
        "for i in range(25): journal.confirm(report, 'Acme', reviewer=sys.argv[1] + str(i))\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, name]) for name in "ab"]
    assert [process.wait(60) for process in running] == [0, 0]
    journal = Journal(tmp_path / "v.jsonl")
    assert [v.id for v in journal.verdicts] == list(range(1, 51))
    assert {v.reviewer for v in journal.verdicts} == {
        journal.reviewer(f"{name}{i}") for name in "ab" for i in range(25)
    }


ACTIONS = st.one_of(
    st.tuples(st.just("confirm"), st.sampled_from(["1", "2"]), st.sampled_from([True, False, None])),
    st.tuples(st.just("reject"), st.sampled_from(["1", "2"]), st.booleans()),
    st.tuples(st.just("undo"), st.just(""), st.integers(1, 12)),
)


@quick
@given(st.lists(ACTIONS, max_size=12))
def test_any_sequence_equals_its_replay(tmp_path_factory: pytest.TempPathFactory, actions: list[Any]) -> None:
    """And the index has just what the verdicts that stand have put there."""
    path = tmp_path_factory.mktemp("j") / "v.jsonl"
    journal, index = Journal(path), fresh_index()
    said: list[tuple[str, bool | None, bool]] = []
    undone: set[int] = set()
    for kind, listing, what in actions:
        report = replace(wrong(), listing_id=listing)
        try:
            if kind == "undo":
                undone.add(journal.undo(what, index=index).undoes or 0)
            elif kind == "reject":
                change: dict[str, Any] = {"index": index, "photos": [FALSE_ALARM]} if what else {}
                journal.reject(report, "Acme", not_shown=what, **change)
            else:
                journal.confirm(report, "Acme", counterfeit=what)
        except InputError as error:
            assert "undo" in str(error) or "expected an id" in str(error)  # noqa: PT017
            continue
        said.append((listing, what if kind == "confirm" else None if what else False, kind == "undo"))
    stands = {
        listing: label for number, (listing, label, undo) in enumerate(said, 1) if number not in undone and not undo
    }
    again = Journal(path)
    assert again.verdicts == journal.verdicts
    assert len(again) == len(said)
    assert again.standing() == journal.standing()
    assert {v.listing_id: v.counterfeit for v in again.standing()} == stands
    assert again.labels() == journal.labels()
    assert sorted(again.labels()[1]) == sorted(x for x in stands.values() if x is not None)
    held = {n for v in again.verdicts if v.id not in undone and v.kind != "undo" for n in v.negatives}
    assert {n.id for n in index.negatives if n.brand == "Acme"} == held


# -- names of reviewers


def test_names_of_reviewers_are_nowhere_and_equal_ones_stay_equal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "v.jsonl")
    made = [journal.confirm(wrong(), "Acme", reviewer=name) for name in ("Ann Example", " ann example ", "Bob Example")]
    assert made[0].reviewer == made[1].reviewer != made[2].reviewer
    assert is_pseudonym(made[0].reviewer or "")
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir()).lower()
    assert b"example" not in written
    again = Journal(tmp_path / "v.jsonl")
    assert again.confirm(wrong(), "Acme", reviewer="ANN EXAMPLE").reviewer == made[0].reviewer
    assert again.confirm(wrong(), "Acme", reviewer=made[2].reviewer).reviewer == made[2].reviewer
    other = Journal(tmp_path / "other.jsonl")
    assert other.confirm(wrong(), "Acme", reviewer="Ann Example").reviewer != made[0].reviewer


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_the_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    with file_mode(0o644):
        Journal(tmp_path / "v.jsonl").confirm(wrong(), "Acme", reviewer="Ann")
    assert (tmp_path / ".v.jsonl.reviewers").stat().st_mode & 0o777 == 0o600


def test_a_key_names_reviewers_alike_in_all_journals(tmp_path: Path) -> None:
    names = [
        Journal(tmp_path / name, reviewer_key=b"k" * 16).confirm(wrong(), "Acme", reviewer="Ann").reviewer
        for name in ("a.jsonl", "b.jsonl")
    ]
    assert names[0] == names[1]
    assert b"k" * 16 not in (tmp_path / ".a.jsonl.reviewers").read_bytes()
    for key in (None, b"o" * 16):
        with pytest.raises(InputError, match="reviewers are named by a key here: expected that key, got"):
            Journal(tmp_path / "a.jsonl", reviewer_key=key).confirm(wrong(), "Acme", reviewer="Ann")
    with pytest.raises(InputError, match="reviewer_key: expected 16 bytes or more, got 1 bytes"):
        Journal(tmp_path / "a.jsonl", reviewer_key=b"k")
    Journal(tmp_path / "c.jsonl").confirm(wrong(), "Acme", reviewer="Ann")
    with pytest.raises(InputError, match="named by a random secret here: expected no key"):
        Journal(tmp_path / "c.jsonl", reviewer_key=b"k" * 16).confirm(wrong(), "Acme", reviewer="Ann")


def test_a_lost_secret_is_said_and_makes_nobody_another(tmp_path: Path) -> None:
    Journal(tmp_path / "v.jsonl").confirm(wrong(), "Acme", reviewer="Ann")
    (tmp_path / ".v.jsonl.reviewers").unlink()
    journal = Journal(tmp_path / "v.jsonl")
    with pytest.raises(CorruptFileError, match="which is gone; put it back"):
        journal.confirm(wrong(), "Acme", reviewer="Ann")
    assert len(journal) == 1
    assert journal.confirm(wrong(), "Acme").reviewer is None


def test_a_copied_journal_goes_on_under_the_right_key_alone(tmp_path: Path) -> None:
    made = Journal(tmp_path / "v.jsonl", reviewer_key=b"k" * 16).confirm(wrong(), "Acme", reviewer="Ann").reviewer
    (tmp_path / ".v.jsonl.reviewers").unlink()
    for key, got in ((b"o" * 16, "another"), (None, "none")):
        with pytest.raises(InputError, match=f"named by a key here: expected that key, got {got}"):
            Journal(tmp_path / "v.jsonl", reviewer_key=key).confirm(wrong(), "Acme", reviewer="Ann")
    assert not (tmp_path / ".v.jsonl.reviewers").exists()
    again = Journal(tmp_path / "v.jsonl", reviewer_key=b"k" * 16)
    assert again.confirm(wrong(), "Acme", reviewer="ann").reviewer == made
    assert (tmp_path / ".v.jsonl.reviewers").exists(), "written anew"


def test_names_by_a_key_without_its_mark_go_on_without_it(tmp_path: Path) -> None:
    """As journals of before have them, whose small file holds a check of the key."""
    write_record(tmp_path / ".v.jsonl.reviewers", _Secret(key_check=_check(b"k" * 16)))
    names = [Journal(tmp_path / "v.jsonl", reviewer_key=b"k" * 16).confirm(wrong(), "Acme", reviewer="Ann").reviewer]
    assert re.fullmatch("reviewer-[a-z]{12}", names[0] or "")
    with pytest.raises(InputError, match="expected that key, got another"):
        Journal(tmp_path / "v.jsonl", reviewer_key=b"o" * 16).confirm(wrong(), "Acme", reviewer="Ann")


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_accounts_that_share_a_journal_are_told_to_use_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with file_mode(0o660):
        Journal(tmp_path / "v.jsonl").confirm(wrong(), "Acme", reviewer="Ann")
        Journal(tmp_path / "k.jsonl", reviewer_key=b"k" * 16).confirm(wrong(), "Acme", reviewer="Ann")
    assert (tmp_path / ".k.jsonl.reviewers").stat().st_mode & 0o777 == 0o660
    (tmp_path / ".k.jsonl.reviewers").unlink()
    Journal(tmp_path / "k.jsonl", reviewer_key=b"k" * 16).confirm(wrong(), "Acme", reviewer="Ann")
    assert (tmp_path / ".k.jsonl.reviewers").stat().st_mode & 0o777 == 0o660, "as the journal, whoever writes it anew"

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("logoscan.review.reviewers.read_record", denied)
    with pytest.raises(LogoscanError, match=r"another account's.*--contact-key"):
        Journal(tmp_path / "v.jsonl").confirm(wrong(), "Acme", reviewer="Ann")


@pytest.mark.parametrize(
    "content",
    ['{"secret":"zz"}', '{"secret":""}', '{"secret":null}', "{}", '{"key_check":"ab"}', '{"key_mark":"zz"}',
     f'{{"secret":"{"00" * 32}","key_mark":"aaaaaa"}}', f'{{"secret":"{"0A" * 32}"}}'],
)  # fmt: skip
def test_a_damaged_secret_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / ".v.jsonl.reviewers").write_text(seal(content))
    with pytest.raises(CorruptFileError, match=r"\.v\.jsonl\.reviewers"):
        Journal(tmp_path / "v.jsonl").confirm(wrong(), "Acme", reviewer="Ann")
    assert (tmp_path / ".v.jsonl.reviewers").read_text() == seal(content)


@pytest.mark.parametrize(
    ("one", "same"),
    [("Jos\u00e9", "Jose\u0301"), ("Ann Example", " Ann  Example\t"), ("\uff21nn", "Ann"), ("Ann\u00a0E", "ann e")],
)
def test_one_person_has_one_name(tmp_path: Path, one: str, same: str) -> None:
    journal = Journal(tmp_path / "v.jsonl")
    names = [journal.confirm(wrong(), "Acme", reviewer=name).reviewer for name in (one, same, "Bob")]
    assert names[0] == names[1] != names[2]


def test_names_of_before_are_read_and_compared(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A journal of before holds names in clear: the same reviewer is no second one, another one is."""
    strict(monkeypatch)
    index = fresh_index()
    with monkeypatch.context() as before:
        before.setattr("logoscan.review.reviewers.Reviewers.name", lambda _, name: name)
        assert reject(journal, index, "Ann").reviewer == "Ann"
    assert Journal(journal._file.path).verdicts[0].reviewer == "Ann"
    assert reject(journal, index, "ann").negatives == ()
    assert "a second reviewer has to say so too" in caplog.text
    assert len(reject(journal, index, "Bob").negatives) == 1


# -- two reviewers


def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cosines of the fake encoder, as if they were known."""
    monkeypatch.setattr("logoscan.review.index_changes.negative_limits", lambda _: (0.5, 0.95))
    monkeypatch.setattr("logoscan.index.logo_index.negative_limits", lambda _: (0.5, 0.95))


def reject(journal: Journal, index: LogoIndex, reviewer: str | None, **more: Any) -> Verdict:
    return journal.reject(
        wrong(),
        "Acme",
        not_shown=True,
        index=index,
        photos=[FALSE_ALARM],
        reviewer=reviewer,
        **more,
    )


def test_region_like_the_brands_logo_needs_two_reviewers_to_become_a_negative(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    strict(monkeypatch)
    index = fresh_index()
    for again in (None, "Ann", "ann", " Ann ", None):
        assert reject(journal, index, again).negatives == ()
    assert index.fingerprint == fresh_index().fingerprint
    assert "is like 'Acme/a' (0.89): a second reviewer has to say so too; a label only" in caplog.text
    second = reject(journal, index, "Bob")
    assert len(second.negatives) == 1
    assert shown(scan(index, FALSE_ALARM)) < 0.5
    journal.undo(second.id, index=index)
    assert index.fingerprint == fresh_index().fingerprint


def test_withdrawn_verdict_is_no_second_reviewer(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    strict(monkeypatch)
    index = fresh_index()
    first = reject(journal, index, "Ann")
    journal.undo(first.id)
    assert reject(journal, index, "Bob").negatives == ()
    journal.confirm(wrong(), "Acme", reviewer="Carl")
    assert reject(journal, index, "Bob").negatives == ()
    assert len(reject(journal, index, None, force=True).negatives) == 1


def test_brands_own_logo_never_becomes_a_negative(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    strict(monkeypatch)
    index, photo = fresh_index(), photo_of(ACME)
    report = scan(index, photo)
    for name in ("Ann", "Bob", "Carl"):
        said = journal.reject(report, "Acme", not_shown=True, index=index, photos=[photo], reviewer=name)
        assert said.negatives == ()
    assert "it is the mark itself; a label only" in caplog.text
    for brand in ("Acme", None):
        with pytest.raises(VettingError, match=r"negative: the picture is the mark itself, 'Acme/a' \(0.99\)"):
            index.add_negative(ACME, brand)
    index.add_negative(ACME, "Bolt")
    assert index.fingerprint != fresh_index().fingerprint, "of another brand it is one"
    ((_, of, logo, cosine, near),) = index.negative_costs()
    assert (of, logo, near) == ("Bolt", "Bolt/b", 0)
    assert cosine < 0.5


# -- the real models


def _photo(logo: Rgb, ground: Rgb) -> Rgb:
    out, mark = Image.fromarray(ground).convert("RGBA"), Image.fromarray(logo)
    mark.thumbnail((260, 260))
    out.alpha_composite(mark, (out.width // 3, out.height // 3))
    return np.asarray(out.convert("RGB"))


def _mirrored(mark: Rgba) -> Rgba:
    return np.ascontiguousarray(mark[:, ::-1])


def _barred(mark: Rgba) -> Rgba:
    out, height = mark.copy(), mark.shape[0]
    out[int(height * 0.42) : int(height * 0.55)] = (200, 30, 30, 255)
    return out


@pytest.mark.parametrize(
    ("brand", "photo", "change"),
    [
        ("The North Face", "beanie", _mirrored),
        ("JBL", "speaker", _mirrored),
        ("Kodak", "film_boxes", _mirrored),
        ("New Balance", "navy_shirt_front", _barred),
    ],
)
def test_journal_with_the_real_models(
    journal: Journal,
    samples: Path,
    clip: ClipEncoder,
    sample_index: LogoIndex,
    brand: str,
    photo: str,
    change: Callable[[Rgba], Rgba],
) -> None:
    """A brand whose mark is much like another's: the other's photo is taken for it, by appearance or keypoints."""
    mark = change(load_logo(samples / "brands" / brand / "logo.svg")[0])
    index = sample_index.snapshot()
    index.remove(brand)
    index.add(Brand("Twin"), [("twin", mark)])
    scanner = Scanner(index, encoder=clip, detector=LogoDetector(device="cpu", effort="full"), ocr=None, effort="full")
    assert scanner.calibration is not None
    least = scanner.calibration.threshold
    rgb = load_image(samples / "photos" / f"{photo}.jpg")
    small = np.asarray(Image.fromarray(rgb).resize((rgb.shape[1] * 7 // 10, rgb.shape[0] * 7 // 10)))
    true = _photo(mark, load_image(samples / "photos" / "travel_case.jpg"))
    scenes = scanner.features([rgb, small, true])

    def twin() -> list[float]:
        reports = [scanner.judge(Listing(str(i), (rgb,)), [seen]) for i, seen in enumerate(scenes)]
        return [shown(report, "Twin") for report in reports]

    report, fingerprint, before = scanner.judge(Listing("0", (rgb,)), scenes[:1]), index.fingerprint, twin()
    assert min(before) > least
    said = journal.reject(report, "Twin", not_shown=True, index=index, photos=[rgb], force=True)
    after = twin()
    assert max(after[:2]) < least / 2, "rejected, and in a smaller copy too"
    assert after[2] > least, "its own mark is still found"
    journal.undo(said.id, index=index)
    assert (twin(), index.fingerprint) == (before, fingerprint)
