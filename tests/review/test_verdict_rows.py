"""Verdicts of a CSV file: what is read, what is bad, and that each row counts once, whatever comes between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import make_report, quick

from logoscan.errors import InputError
from logoscan.io.rows import BadRow
from logoscan.io.sealed_lines import seal
from logoscan.results import BrandResult, ImageRecord, Report
from logoscan.review.import_rows import ImportResult
from logoscan.review.journal import Journal
from logoscan.review.verdict import Verdict
from logoscan.review.verdict_rows import VerdictRow, read_verdict_rows
from logoscan.scoring.model import ScoreModel

HEADER = "listing_id,brand,verdict,source,weight,reviewer,note,x0,y0,x1,y1"


def report(name: str = "1", *brands: str) -> Report:
    """A report that names Acme, for whom it is scored, or other brands."""
    named = brands or ("Acme",)
    image = ImageRecord("a.png", "0" * 64, 60, 60)
    results = tuple(BrandResult(brand, 0.9, 5.0) for brand in named)
    return make_report(listing_id=name, brands=results, score=ScoreModel().score(named[0], []), images=(image,))


def rows(tmp_path: Path, *lines: str, header: str = HEADER) -> list[VerdictRow | BadRow]:
    (tmp_path / "found.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8", errors="surrogateescape")
    return list(read_verdict_rows(tmp_path / "found.csv"))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "v.jsonl")


# -- the file


def test_a_file_without_rows_has_no_verdicts(tmp_path: Path, journal: Journal) -> None:
    assert rows(tmp_path) == []
    assert journal.import_rows([]) == ImportResult()
    assert journal.import_rows([], []) == ImportResult()
    assert not (tmp_path / "v.jsonl").exists()


def test_three_columns_are_enough(tmp_path: Path) -> None:
    assert rows(tmp_path, "7,Acme,Genuine ", header="Listing_ID;brand;VERDICT".replace(";", ",")) == [
        VerdictRow(2, "7", "Acme", "genuine")
    ]
    assert rows(tmp_path, "7;Acme;missed", header="listing_id;brand;verdict") == [VerdictRow(2, "7", "Acme", "missed")]


def test_all_columns_are_read(tmp_path: Path) -> None:
    line = '"L,1",Acme,counterfeit,test_buy,200,Ann,"bought, ""seen""",1,2,30.5,40'
    assert rows(tmp_path, line) == [
        VerdictRow(2, "L,1", "Acme", "counterfeit", "test_buy", 200.0, "Ann", 'bought, "seen"', (1.0, 2.0, 30.5, 40.0))
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",Acme,genuine", "listing_id: expected one, got an empty cell"),
        ("1, ,genuine", "brand: expected one, got an empty cell"),
        ("1,Acme,", "verdict: expected one, got an empty cell"),
        ("1,Acme,fake", "verdict: expected counterfeit, genuine, wrong_brand or missed, got 'fake'"),
        ("1,Acme,genuine,hearsay", "source: expected reviewer, test_buy, notice, authority or import, got 'hearsay'"),
        ("1,Acme,genuine,,0", "weight: expected a number above 0, got '0'"),
        ("1,Acme,genuine,,-1", "weight: expected a number above 0, got '-1'"),
        ("1,Acme,genuine,,nan", "weight: expected a number above 0, got 'nan'"),
        ("1,Acme,genuine,,1e999", "weight: expected a number above 0, got '1e999'"),
        ('1,Acme,genuine,,"1,5"', "weight: expected a number above 0, got '1,5'"),
        ("1,Acme,missed,,,,,1,2,3", "x0,y0,x1,y1: expected four numbers or none, got '1, 2, 3'"),
        ("1,Acme,missed,,,,,1,2,3,x", "x0,y0,x1,y1: expected four numbers or none, got '1, 2, 3, x'"),
        ("1,Acme,missed,,,,,5,2,3,9", "x0,y0,x1,y1: expected x0,y0,x1,y1 in pixels, from 0, with x0 < x1"),
        ("1,Acme,missed,,,,,-1,2,3,9", "x0,y0,x1,y1: expected x0,y0,x1,y1 in pixels, from 0"),
        ("1,Acme,genuine,,,,,,,,,,", "expected 11 columns, got 13"),
        ("1,Ac\udcffme,genuine", "expected UTF-8, got bytes that are not"),
    ],
)
def test_a_bad_row_costs_that_row(tmp_path: Path, journal: Journal, line: str, reason: str) -> None:
    before, bad, after = rows(tmp_path, "1,Acme,genuine", line, "2,Acme,counterfeit")
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert bad.reason.startswith(reason)
    done = journal.import_rows([before, bad, after])
    assert (done.added, done.bad) == (2, [bad])
    assert [v.listing_id for v in journal.standing()] == ["1", "2"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("listing_id,brand", "expected the columns listing_id, brand, verdict"),
        ("listing_id,brand,verdikt", "expected the column verdict, got verdikt"),
        ("listing_id,brand,verdict,brand", "expected each column once, got brand twice"),
    ],
)
def test_a_file_with_other_columns_is_refused(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rows(tmp_path, header=header)
    with pytest.raises(InputError, match="verdicts: expected a CSV file"):
        read_verdict_rows(tmp_path / "none.csv")


# -- the import


def test_rows_become_verdicts(journal: Journal) -> None:
    given_rows = [
        VerdictRow(2, "1", "Acme", "counterfeit", "test_buy", 50.0, "Ann", "bought"),
        VerdictRow(3, "2", "Acme", "genuine"),
        VerdictRow(4, "3", "Acme", "wrong_brand"),
        VerdictRow(5, "4", "Bolt", "missed", xyxy=(1.0, 2.0, 3.0, 4.0)),
        VerdictRow(6, "5", "Bolt", "counterfeit"),
    ]
    done = journal.import_rows(given_rows, [report(str(i)) for i in range(9)])
    assert (done.added, done.there, done.missed, done.bad, done.contradictions) == (5, 0, 1, [], [])
    said = journal.standing()
    assert [(v.kind, v.shown, v.counterfeit, v.answer) for v in said] == [
        ("confirm", True, True, "counterfeit"),
        ("confirm", True, False, "genuine"),
        ("reject", False, None, "wrong_brand"),
        ("missed", True, None, "missed"),
        ("missed", True, True, "counterfeit"),
    ]
    ann = journal.reviewer("Ann")
    assert (said[0].source, said[0].weight, said[0].reviewer, said[0].note) == ("test_buy", 50.0, ann, "bought")
    assert (said[1].source, said[1].weight) == ("import", 1.0)
    assert (said[3].xyxy, said[3].image) == ((1.0, 2.0, 3.0, 4.0), 0)
    assert [v.score is not None for v in said] == [True, True, True, False, False]
    assert Journal(journal._file.path).verdicts == said


def test_rows_without_their_report_or_brand_are_bad(journal: Journal) -> None:
    done = journal.import_rows(
        [
            VerdictRow(2, "none", "Acme", "genuine"),
            VerdictRow(3, "1", "ACME", "genuine"),
            VerdictRow(4, "1", "Bolt", "wrong_brand"),
        ],
        [report()],
    )
    assert [(row.line, row.reason.partition(", as ")[0].partition("; a brand")[0]) for row in done.bad] == [
        (2, "listing_id: expected that of a report, got 'none'"),
        (3, "brand: expected 'Acme'"),
        (4, "brand: expected one that the report names, ['Acme'], got 'Bolt'"),
    ]
    assert len(journal) == 0


def test_a_row_counts_once(journal: Journal) -> None:
    """In one file and in the next, with reports and without, contradicted or undone."""
    one, other = VerdictRow(2, "1", "Acme", "counterfeit"), VerdictRow(3, "1", "Acme", "genuine")
    done = journal.import_rows([one, one, other, one])
    assert (done.added, done.there) == (2, 2)
    assert done.contradictions == [
        "line 3: listing '1', 'Acme': genuine (import) contradicts verdict 1, counterfeit (import); the later one "
        "counts, until it is undone"
    ]
    done = journal.import_rows([one, other], [report()])
    assert (done.added, done.there, done.undone, done.contradictions) == (0, 2, 0, [])
    journal.undo(2)
    done = journal.import_rows([one, other])
    assert (done.added, done.there, done.undone) == (0, 2, 1)
    assert [v.answer for v in journal.standing()] == ["counterfeit"]
    done = journal.import_rows([replace(other, note="looked again")])
    assert (done.added, len(done.contradictions)) == (1, 1)


def test_a_contradiction_is_told_and_an_open_question_is_none(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.confirm(report(), "Acme", counterfeit=None)
    journal.confirm(report(), "Acme", counterfeit=False, reviewer="Ann")
    journal.missed("1", "Acme")
    assert caplog.text == ""
    journal.undo(3)
    journal.confirm(report(), "Acme", source="test_buy", weight=9.0)
    assert "counterfeit (test_buy) contradicts verdict 2, genuine (reviewer); the later one counts" in caplog.text
    caplog.clear()
    journal.reject(report(), "Acme", not_shown=True)
    assert "wrong_brand (reviewer) contradicts verdict 5, counterfeit (test_buy)" in caplog.text


def test_a_missed_brand_in_between_hides_no_contradiction(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    journal.confirm(report(), "Acme")
    rows_between = [VerdictRow(2, "1", "Acme", "missed"), VerdictRow(3, "1", "Acme", "genuine")]
    assert [said[:36] for said in journal.import_rows(rows_between).contradictions] == [
        "line 3: listing '1', 'Acme': genuine"
    ]
    journal.missed("1", "Acme")
    journal.confirm(report(), "Acme")
    assert "counterfeit (reviewer) contradicts verdict 3, genuine (import)" in caplog.text


def test_rows_against_a_change_of_the_index_are_bad(tmp_path: Path, journal: Journal) -> None:
    line = (
        '{"id":1,"time":"t","kind":"confirm","listing_id":"1","brand":"Acme","shown":true,"counterfeit":true,'
        '"logos":["Acme/a"]}'
    )
    journal._file.path.write_text(seal(line) + "\n")
    done = journal.import_rows([VerdictRow(2, "1", "Acme", "wrong_brand"), VerdictRow(3, "1", "Acme", "genuine")])
    assert [row.reason for row in done.bad] == ["verdict 1 says otherwise and changed the register: undo it first"]
    assert done.added == 1


def test_an_old_journal_is_read(tmp_path: Path) -> None:
    """Lines of version 1, without source, weight, note and box; wrong brands had a label then, which is none now."""
    kinds = [("confirm", "true", "true"), ("reject", "true", "false"), ("reject", "false", "false")]
    path = tmp_path / "old.jsonl"
    with path.open("w") as file:
        for i, (kind, shown, label) in enumerate(kinds, 1):
            score = (
                '{"value":0.6692850924284856,"band":"clear","brand":"Acme","bias":-5.0,"contributions":[],'
                '"coverage":0.0,"model":"m","doubts":[]}'
            )
            line = (
                f'{{"id":{i},"time":"2026-01-01T00:00:00+00:00","kind":"{kind}","listing_id":"{i}","brand":"Acme",'
                f'"shown":{shown},"counterfeit":{label},"score":{score},"negatives":[],"logos":[],"reviewer":null,'
                '"undoes":null,"schema_version":1}'
            )
            file.write(seal(line) + "\n")
    journal = Journal(path)
    assert [(v.source, v.weight, v.note, v.xyxy) for v in journal.verdicts] == [("reviewer", 1.0, None, None)] * 3
    assert journal.labels()[1] == [True, False]
    assert journal.import_rows([VerdictRow(2, "3", "Acme", "genuine")]).contradictions == [
        "line 2: listing '3', 'Acme': genuine (import) contradicts verdict 3, wrong_brand (reviewer); the later one "
        "counts, until it is undone"
    ]
    assert [v.schema_version for v in Journal(path).verdicts] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": 0.0}, r"Verdict\.weight: expected a finite number above 0"),
        ({"xyxy": (3.0, 0.0, 1.0, 2.0)}, r"Verdict\.xyxy: expected x0,y0,x1,y1 in pixels"),
        ({"image": -1}, r"Verdict\.image: expected a number from 0"),
        ({"shown": False}, r"Verdict\.shown: expected true of a counterfeit or a missed brand"),
    ],
)
def test_a_verdict_checks_its_fields(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(Verdict(1, "t", "missed", "1", "Acme", True), **changes)


# -- any order

FILE_ROWS = st.builds(
    VerdictRow,
    line=st.just(2),
    listing_id=st.sampled_from("ab"),
    brand=st.just("Acme"),
    verdict=st.sampled_from(["counterfeit", "genuine", "wrong_brand", "missed"]),
    reviewer=st.sampled_from([None, "Ann"]),
)
STEPS = st.one_of(
    st.tuples(st.just("add"), FILE_ROWS),
    st.tuples(st.just("import"), st.lists(FILE_ROWS, max_size=4)),
    st.tuples(st.just("undo"), st.integers(1, 12)),
)


def take(journal: Journal, kind: str, what: Any) -> bool:
    """Take a step, and return whether it was taken."""
    if kind == "import":
        journal.import_rows(what)
    elif kind == "undo":
        try:
            journal.undo(what)
        except InputError:
            return False
    elif what.verdict == "missed":
        journal.missed(what.listing_id, "Acme", reviewer=what.reviewer)
    elif what.verdict == "wrong_brand":
        journal.reject(report(what.listing_id), "Acme", not_shown=True, reviewer=what.reviewer)
    else:
        counterfeit = what.verdict == "counterfeit"
        journal.confirm(report(what.listing_id), "Acme", counterfeit=counterfeit, reviewer=what.reviewer)
    return True


def facts(verdicts: Sequence[Verdict]) -> list[tuple[object, ...]]:
    return [(v.listing_id, v.answer, v.source, v.reviewer) for v in verdicts]


@quick
@given(st.lists(STEPS, max_size=10))
def test_any_order_of_steps_gives_the_state_that_a_list_gives(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    """The list knows no file: what was said in order, what was undone, and which rows were there."""
    journal = Journal(tmp_path_factory.mktemp("j") / "v.jsonl")
    lines: list[tuple[object, ...] | int] = []
    for kind, what in steps:
        if not take(journal, kind, what):
            continue
        if kind == "undo":
            lines.append(what)
        for row in [what] if kind == "add" else what if kind == "import" else []:
            who = None if row.reviewer is None else journal.reviewer(row.reviewer)
            line = (row.listing_id, row.verdict, "reviewer" if kind == "add" else "import", who)
            if kind == "add" or line not in lines:
                lines.append(line)
    undone = {line for line in lines if isinstance(line, int)}
    left = [line for i, line in enumerate(lines, 1) if i not in undone and not isinstance(line, int)]
    latest = {line[0]: line for line in left}
    assert sorted(facts(journal.standing()), key=str) == sorted(latest.values(), key=str)
    again = Journal(journal._file.path)
    assert (again.verdicts, again.labels()) == (journal.verdicts, journal.labels())
    assert [v.id for v in again.verdicts] == list(range(1, len(lines) + 1))
    assert again.import_rows([row for kind, what in steps if kind == "import" for row in what]).added == 0


@quick
@given(st.lists(FILE_ROWS, max_size=8), st.lists(FILE_ROWS, max_size=8), st.randoms())
def test_the_order_between_listings_does_not_count(
    tmp_path_factory: pytest.TempPathFactory, ones: list[VerdictRow], others: list[VerdictRow], draw: Any
) -> None:
    """Two queues that are judged at the same time: each keeps its own order."""
    folder = tmp_path_factory.mktemp("j")
    queues = [[replace(row, listing_id="a") for row in ones], [replace(row, listing_id="b") for row in others]]
    first, second = (Journal(folder / name, reviewer_key=b"k" * 16) for name in ("1.jsonl", "2.jsonl"))
    for queue in queues:
        first.import_rows(queue)
    while any(queues):
        queue = draw.choice([queue for queue in queues if queue])
        second.import_rows([queue.pop(0)])
    assert sorted(facts(first.standing()), key=str) == sorted(facts(second.standing()), key=str)
