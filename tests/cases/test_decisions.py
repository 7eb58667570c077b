"""Decisions on record: what a row may be, the log, and what other steps lead to."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import make_report, names, quick

pytest.importorskip("duckdb")

from logoscan.cases.answers import answer_decisions, read_answers
from logoscan.cases.decision_store import DecisionLog
from logoscan.cases.decisions import Decision, decision_of, report_sha256
from logoscan.cases.recorded import allowed, queued_decisions, screening_decision, verdict_decisions
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.rows import BadRow
from logoscan.reporting.queue import review_queue
from logoscan.results import ListingFacts, Signal
from logoscan.review.reviewers import is_pseudonym
from logoscan.review.verdict_rows import VerdictRow
from logoscan.scoring.model import ScoreModel

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
decisions = st.builds(
    Decision, st.sampled_from(["block", "remove", "hold"]), st.none() | times, names, st.none() | names,
    st.none() | names, st.sampled_from([None, "scan", "notice"]), score=st.none() | st.floats(0, 100),
)  # fmt: skip


def test_an_id_is_made_of_the_other_fields() -> None:
    one, same, other = (Decision("block", NOW, listing_id=i, source="scan") for i in ("L1", "L1", "L2"))
    assert one.id == same.id != other.id
    assert Decision("block", NOW.astimezone(timezone(timedelta(hours=5))), listing_id="L1", source="scan").id == one.id


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"action": "burn"}, "action: expected allow, hold"),
        ({"source": "rumour"}, "source: expected scan"),
        ({"time": datetime(2026, 7, 1)}, "time: expected a time with a time zone"),
        ({"time": "2026-07-01"}, "time: expected a time"),
        ({"listing_id": None}, "listing_id: expected one"),
        ({"listing_id": " "}, "listing_id: expected a non-empty string"),
        ({"action": "suspend"}, "seller_id: expected one where an account"),
        ({"score": 101}, "score: expected a finite number in"),
        ({"count": 2}, "count: expected 1 but where listings are allowed"),
        ({"brand": "x" * 1001}, "brand: expected at most 1000"),
        ({"brand": "\ud800"}, "brand: expected Unicode"),
    ],
)
def test_what_is_no_decision_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        Decision(**{"action": "block", "time": NOW, "listing_id": "L1", **changes})


@given(st.lists(decisions, max_size=12))
@quick
def test_a_log_returns_what_was_appended_each_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Decision]
) -> None:
    log = DecisionLog(tmp_path_factory.mktemp("log") / "d")
    distinct = {one.id: one for one in reversed(rows)}
    assert log.append(rows) == len(distinct)
    log.append(rows[:3])
    if rows:
        assert {one.id: one for one in log.read()} == distinct


def test_files_of_days_are_chosen_and_never_changed(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "d")
    rows = [Decision("hold", NOW + timedelta(days=n), listing_id="L") for n in range(4)]
    log.append(rows)
    before = {path: path.read_bytes() for path in log.files()}
    undated = Decision("hold", listing_id="L")
    log.append([undated])
    chosen = list(log.read(date(2026, 7, 2), date(2026, 7, 3)))
    assert chosen == [rows[1], rows[2], undated], "what has no time is in every period, to be counted"
    assert all(path.read_bytes() == data for path, data in before.items())


def test_a_foreign_file_is_named(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    (tmp_path / "2026-07-01").mkdir()
    (tmp_path / "2026-07-01" / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(CorruptFileError, match=r"x\.parquet: expected decisions in Parquet"):
        list(log.read())
    with pytest.raises(InputError, match="expected a folder of decisions"):
        list(DecisionLog(tmp_path / "gone").read())
    with pytest.raises(InputError, match="writer: expected letters"):
        DecisionLog(tmp_path, writer="../x")


def test_reports_screenings_queues_and_verdicts_lead_to_decisions() -> None:
    score = ScoreModel().score("Acme", [Signal("coded_terms", 1.0, "why")])
    report = make_report(listing_id="L1", seller_id="s1", score=score, listing=ListingFacts(listed_at="2026-06-30"))
    one = decision_of(report, "remove", time=NOW, source="scan")
    assert (one.brand, one.score, one.report_sha256) == ("Acme", score.value, report_sha256(report))
    assert one.listed_at == datetime(2026, 6, 30, tzinfo=UTC)
    assert screening_decision(report, "block").decision == "automated"
    assert allowed(10, NOW).count == 10
    held = list(queued_decisions(review_queue([report]), {"L1": report}))
    assert [(d.action, d.listing_id) for d in held] == [("hold", "L1")]
    rows = [VerdictRow(1, "L1", "Acme", "counterfeit", "reviewer"), VerdictRow(2, "L2", "Acme", "genuine", "test_buy"),
            VerdictRow(3, "L3", "Acme", "missed")]  # fmt: skip
    made = list(verdict_decisions(rows, {"L1": report}, NOW))
    assert [(d.action, d.source, d.seller_id) for d in made] == [("remove", "scan", "s1"), ("allow", "test_buy", None)]


def test_answers_are_read_and_wrong_ones_named(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "d")
    receipt = Decision("hold", NOW, listing_id="L1", source="notice", received_at=NOW, id="N1-1")
    log.append([receipt])
    (tmp_path / "a.csv").write_text(
        "answers,action,reviewer,time,reason,appeal\nN1-1,remove,ann,2026-07-02T10:00:00,,\nN9,remove,ann,,,\n"
        "N1-1,burn,ann,,,\n,remove,ann,,,\nN1-1,restore,bob,2026-07-05,licensed,yes\n"
    )
    bad: list[BadRow] = []
    made = answer_decisions(read_answers(tmp_path / "a.csv", on_error=bad.append), log, on_error=bad.append)
    assert [(d.action, d.source, d.answers) for d in made] == [
        ("remove", "notice", "N1-1"), ("restore", "appeal", "N1-1")
    ]  # fmt: skip
    assert made[0].received_at == NOW
    assert sorted(row.line for row in bad) == [3, 4, 5]


# -- reviewers and reasons


SECRET: dict[str, Any] = {"reviewer": "Ann Example", "reason": "call +49 170 1234567"}


def test_nobody_can_guess_what_an_id_was_made_of(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "d")
    given = Decision("remove", NOW, listing_id="L1", **SECRET)
    log.append([given])
    (kept,) = log.read()
    assert kept.id not in ("", given.id)
    for reviewer in (*SECRET.values(), "ann example", kept.reviewer):
        for reason in (SECRET["reason"], "+49 170 1234567", None):
            assert replace(kept, reviewer=reviewer, reason=reason, id="").id != kept.id
    assert replace(kept, id="").id == kept.id, "it is made of what is kept"
    assert kept == log.kept(given)


def test_ids_of_before_and_of_the_caller_stay(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "d")
    own = Decision("remove", NOW, listing_id="L1", id="N1-1", **SECRET)
    of_before = replace(log.kept(Decision("remove", NOW, listing_id="L2", **SECRET)), id="0123abcd")
    log.append([own, of_before])
    log.append([*log.read(), own])
    assert [one.id for one in log.read()] == ["N1-1", "0123abcd"]


def test_answers_refer_to_what_is_kept(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "d")
    first = Decision("remove", NOW, listing_id="L1", **SECRET)
    log.append([first, replace(first, action="restore", answers=first.id, id="")])
    third = log.answer(first, "allow", reviewer="Bob")
    by_action = {one.action: one for one in log.read()}
    assert {by_action["restore"].answers, by_action["allow"].answers} == {by_action["remove"].id}
    assert third == by_action["allow"]
    assert is_pseudonym(third.reviewer or "")
    assert log.append([first, first]) == 1
    assert len([*log.read()]) == 3


def test_a_lost_secret_of_a_log_makes_nobody_another(tmp_path: Path) -> None:
    DecisionLog(tmp_path / "d").append([Decision("remove", NOW, listing_id="L1", reviewer="Ann")])
    (tmp_path / "d" / ".reviewers").unlink()
    log = DecisionLog(tmp_path / "d")
    for key in (None, b"k" * 16):
        with pytest.raises(CorruptFileError, match="which is gone; put it back"):
            DecisionLog(tmp_path / "d", reviewer_key=key).append([Decision("hold", NOW, listing_id="L2", reviewer="A")])
    assert log.append([Decision("hold", NOW, listing_id="L3")]) == 1, "nobody is named"


def test_a_log_under_a_key_goes_on_under_it_alone(tmp_path: Path) -> None:
    one = Decision("remove", NOW, listing_id="L1", reviewer="Ann")
    DecisionLog(tmp_path / "d", reviewer_key=b"k" * 16).append([one])
    (tmp_path / "d" / ".reviewers").unlink()
    for key, got in ((None, "none"), (b"o" * 16, "another")):
        with pytest.raises(InputError, match=f"expected that key, got {got}"):
            DecisionLog(tmp_path / "d", reviewer_key=key).append([one])
    log = DecisionLog(tmp_path / "d", reviewer_key=b"k" * 16)
    log.append([replace(one, listing_id="L2", id="")])
    assert len({row.reviewer for row in log.read()}) == 1


def test_the_lock_is_taken_once_for_many_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[object] = []

    def counted(lock: object) -> AbstractContextManager[None]:
        taken.append(lock)
        return nullcontext()

    monkeypatch.setattr("logoscan.cases.decision_store.held", counted)
    log = DecisionLog(tmp_path / "d")
    log.append(Decision("remove", NOW, listing_id=str(i), reviewer=f"Ann {i % 3}") for i in range(50))
    assert len(taken) == 1
    assert len({one.reviewer for one in log.read()}) == 3
