"""The figures of a period equal those of plain Python; small cells, statements of reasons, audits and the page."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import BENCHMARKS
from strategies import make_report, quick

pytest.importorskip("duckdb")

from benchmarks.simulated.disclosure import END, GROUNDS, START, decisions, differing, plain_figures
from logoscan.cases._suppression import publishable
from logoscan.cases.audits import AuditRow, audit_sheet, draw_audit, estimate_errors, read_audits
from logoscan.cases.decision_store import DecisionLog
from logoscan.cases.decisions import Decision
from logoscan.cases.disclosure import Disclosure, disclose
from logoscan.cases.disclosure_files import read_disclosure, to_csv, to_json
from logoscan.cases.disclosure_page import disclosure_page
from logoscan.cases.statements import Grounds, statement_of_reasons
from logoscan.errors import InputError
from logoscan.io.rows import BadRow
from logoscan.results import Signal
from logoscan.scoring.model import ScoreModel

DAY = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> DecisionLog:
    log = DecisionLog(tmp_path_factory.mktemp("decisions") / "log")
    rows = decisions(600, np.random.default_rng(1))
    # one file a month in place of one a day: the same rows, sooner read
    log.append([row for row in rows if row.time is None or row.time.day < 4])
    log.append([row for row in rows if row.time is not None and row.time.day < 2])
    return log


def test_figures_equal_those_of_plain_python(log: DecisionLog) -> None:
    found = disclose(log, START, END)
    rows = decisions(600, np.random.default_rng(1))
    given = [row for row in rows if row.time is None or row.time.day < 4]
    again = [row for row in rows if row.time is not None and row.time.day < 2]
    assert differing(found, plain_figures([*given, *again])) == []
    assert found.repeated > 0
    assert found.undated > 0


def test_nothing_on_record_is_no_figure(tmp_path: Path) -> None:
    found = disclose(DecisionLog(tmp_path), date(2026, 1, 1), date(2026, 1, 2))
    assert (found.decisions, found.adverse, found.ratio, found.hours) == (0, 0, None, ())
    assert "Not measured" in disclosure_page(found)
    with pytest.raises(InputError, match="expected a last day from 2026-01-02 on"):
        disclose(DecisionLog(tmp_path), date(2026, 1, 2), date(2026, 1, 1))


def test_files_and_page_have_all_figures(log: DecisionLog, tmp_path: Path) -> None:
    rows = [AuditRow(f"d{i}", "block", 0.1, "wrong" if i % 20 == 0 else "right") for i in range(100)]
    pytest.importorskip("svy")
    found = disclose(log, START, END, audits=rows)
    (tmp_path / "d.json").write_text(to_json(found), "utf-8")
    assert read_disclosure(tmp_path / "d.json") == found
    assert "error_rates.rate,all,0.05" in to_csv(found)
    page = disclosure_page(found, found)
    assert "Actions against counterfeits, 2026-01-01 to 2026-06-30" in page
    assert "<script" not in page
    assert "Other score models" not in page
    other = disclose(DecisionLog(tmp_path), START, END)
    assert "Other score models" in disclosure_page(found, other)


@given(st.dictionaries(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), st.tuples(st.integers(1, 40),
       st.integers(1, 10))))  # fmt: skip
@quick
def test_no_hidden_cell_is_the_only_one_of_its_row_or_column(cells: dict[tuple[str, str], tuple[int, int]]) -> None:
    shown = publishable(cells)
    assert shown.keys() == cells.keys()
    for key, (count, sellers) in cells.items():
        assert shown[key] in (None, count)
        assert shown[key] is None or min(count, sellers) >= 10
    for axis in (0, 1):
        hidden = Counter(key[axis] for key, count in shown.items() if count is None)
        size = Counter(key[axis] for key in shown)
        assert all(n != 1 or size[value] == 1 for value, n in hidden.items())


def test_statements_are_valid_and_hold_nothing_personal(log: DecisionLog) -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator
    schema = validator(json.loads((BENCHMARKS / "simulated" / "dsa_statement.json").read_text("utf-8")))
    score = ScoreModel().score("Acme", [Signal("coded_terms", 1.0, "call +49 151 2345678")])
    report = make_report(score=score)
    made = 0
    for one in log.read():
        try:
            statement = statement_of_reasons(one, report, grounds=GROUNDS)
        except InputError:
            continue
        schema.validate(statement)
        text = json.dumps(statement)
        assert "2345678" not in text
        assert one.seller_id is None or f'"{one.seller_id}"' not in text
        made += 1
    assert made > 20


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (Decision("hold", DAY, listing_id="L"), "expected one against a listing"),
        (Decision("remove", DAY, listing_id="L", source="appeal"), "expected one against"),
        (Decision("remove", DAY, listing_id="L"), "needs source, ground, detection, decision, listed_at"),
    ],
)
def test_what_cannot_be_stated_is_said(decision: Decision, why: str) -> None:
    with pytest.raises(InputError, match=why):
        statement_of_reasons(decision, grounds=GROUNDS)
    with pytest.raises(InputError, match=r"Grounds\.terms: expected 1 to 500"):
        Grounds(terms=("", "why"))


def test_an_audit_is_drawn_read_and_judged(tmp_path: Path) -> None:
    pytest.importorskip("svy")
    log = DecisionLog(tmp_path / "log")
    log.append(Decision("block" if i % 4 else "hold", DAY, listing_id=f"L{i}", decision="automated", source="screen")
               for i in range(400))  # fmt: skip
    log.append([Decision("remove", DAY, listing_id="M", decision="human")])
    rows = draw_audit(log, DAY.date(), DAY.date(), 60, seed=1)
    assert rows == draw_audit(log, DAY.date(), DAY.date(), 60, seed=1)
    assert rows != draw_audit(log, DAY.date(), DAY.date(), 60, seed=2)
    assert Counter(row.action for row in rows) == {"block": 30, "hold": 30}
    assert {row.pi for row in rows} == {0.1, 0.3}
    sheet = audit_sheet(rows).replace(",,\n", ",right,\n", 50)
    (tmp_path / "a.csv").write_text(sheet + f"{rows[0].decision_id},block,,,0.1,right,\n,block,,,0.1,right,\n"
                                    "x,block,,,2,right,\ny,block,,,0.1,maybe,\n")  # fmt: skip
    bad: list[BadRow] = []
    read = read_audits(tmp_path / "a.csv", on_error=bad.append)
    assert len(read) == 60
    assert len(bad) == 4
    overall = estimate_errors(read)[0]
    assert (overall.judged, overall.wrong, overall.rate, overall.low) == (50, 0, 0.0, 0.0)
    assert 0.0 < overall.high < 0.2
    assert overall.least == 0.0
    assert overall.most > 0.0
    with pytest.raises(InputError, match="expected automated decisions"):
        draw_audit(log, date(2020, 1, 1), date(2020, 1, 2), 5, seed=1)


def test_a_disclosure_knows_its_shares() -> None:
    figures = Disclosure("a", "b", 0, {}, 0, 0, 0, None, 0, None, (), {}, {}, {}, {}, {}, {}, {}, {}, {})
    assert figures.share({"a": 30, "b": 10}, "a") == 0.75
    assert figures.share({"a": None, "b": 10}, "b") is None
    assert figures.share({}, "a") is None
