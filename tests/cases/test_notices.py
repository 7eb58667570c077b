"""Notices: what is missing, what the report and the packs say, the queue, records and decisions."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import make_report, quick

pytest.importorskip("pyarrow")

from logoscan.cases.decisions import Decision
from logoscan.cases.notice_decisions import notice_decision, receipts
from logoscan.cases.notice_files import read_notices, to_notice
from logoscan.cases.notice_queue import NotifierRecord, misuse, notifier_records, rank_notices, weigh_notice
from logoscan.cases.notices import ELEMENTS, Known, Notice, check_notice, is_complete, notice_key
from logoscan.errors import InputError
from logoscan.index.pack_records import TrademarkRight
from logoscan.io.records import to_mapping
from logoscan.io.rows import BadRow
from logoscan.results import BrandResult, ImageRecord
from logoscan.types import Brand

RIGHT = TrademarkRight("EUIPO", "018 123", "Acme SE", (25,), ("DE",))
KNOWN = Known([Brand("Acme", ("Acme Pro",), ("good",))],
              listings={"L1": "https://www.shop.example/i/1?x=2", "L2": None}, rights={"Acme": (RIGHT,)})  # fmt: skip
NOW = datetime(2026, 7, 1, tzinfo=UTC)
WHOLE: dict[str, Any] = {
    "id": "N1", "received_at": "2026-07-01T00:00:00+00:00", "explanation": "The label and the seams are not ours.",
    "listing_ids": ["L1"], "notifier_name": "Jane Roe", "notifier_email": "jane@acme.example", "good_faith": True,
    "brand": "ACME", "right": {"office": "EUIPO", "number": "018123", "nice_classes": [25]}, "authority": "owner",
    "notifier_id": "W1",
}  # fmt: skip


def notice(**changes: Any) -> Notice:
    return to_notice({**WHOLE, **changes})


def problems(**changes: Any) -> list[tuple[str, str]]:
    return [(p.element, p.kind) for p in check_notice(notice(**changes), KNOWN)]


def test_a_whole_notice_has_no_problem() -> None:
    assert problems() == []
    assert problems(listing_ids=None, urls=["shop.example/i/1/#photo"], brand="acme pro") == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"explanation": None}, [("explanation", "missing")]),
        ({"explanation": "fake!"}, [("explanation", "missing")]),
        ({"explanation": "假冒商品,未经授权"}, []),
        ({"listing_ids": None}, [("listings", "missing")]),
        ({"listing_ids": None, "urls": ["https://shop.example"]}, [("listings", "missing")]),
        ({"listing_ids": ["L9"]}, [("listings", "unknown")]),
        ({"listing_ids": None, "urls": ["https://other.example/i/1"]}, [("listings", "unknown")]),
        ({"notifier_name": "n/a"}, [("notifier_name", "missing")]),
        ({"notifier_email": "jane at acme"}, [("notifier_email", "missing")]),
        ({"good_faith": False}, [("good_faith", "missing")]),
        ({"good_faith": "yes"}, [("good_faith", "missing"), ("good_faith", "missing")]),
        ({"brand": None}, [("brand", "missing")]),
        ({"brand": "Zorro"}, [("brand", "unknown")]),
        ({"right": None}, [("right", "missing")]),
        ({"right": {"office": "EUIPO"}}, [("right", "missing")]),
        ({"right": {"office": "EUIPO", "number": "9"}}, [("right", "contradicts")]),
        ({"right": {**WHOLE["right"], "owner": "Thief Ltd"}}, [("right", "contradicts")]),
        ({"right": {**WHOLE["right"], "nice_classes": [9]}}, [("right", "contradicts")]),
        ({"right": {**WHOLE["right"], "territory": ["CN"]}}, [("right", "contradicts")]),
        ({"right": {**WHOLE["right"], "until": "2020-01-01"}}, [("right", "contradicts")]),
        ({"authority": "-"}, [("authority", "missing")]),
    ],
)
def test_each_problem_is_named(changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert problems(**changes) == found


def test_an_empty_notice_names_every_element_in_the_order_of_the_form() -> None:
    found = check_notice(to_notice({"id": "N1"}), KNOWN)
    assert [p.element for p in found] == list(ELEMENTS)
    assert not is_complete(found)


def test_a_repeat_is_found_and_a_stranger_is_none() -> None:
    key = notice_key(notice())
    assert key is not None
    assert [p.kind for p in check_notice(notice(id="N2"), KNOWN, {key})] == ["duplicate"]
    assert notice_key(notice(notifier_id="W2")) != key


values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: st.lists(
    inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*WHOLE, "urls", "trusted_flagger"]), values, max_size=6))
@quick
def test_no_notice_fails_a_check(changes: dict[str, Any]) -> None:
    read = to_notice({**WHOLE, **changes, "id": "N1"})
    view = weigh_notice(read, check_notice(read, KNOWN), KNOWN, None)
    assert 0.0 <= view.p <= 1.0
    text = json.dumps(to_mapping(view))
    assert "Jane Roe" not in text
    assert "jane@acme.example" not in text


def report(**changes: Any) -> Any:
    images = (ImageRecord("a.jpg", "0" * 64, 9, 9),)
    return make_report(**{"listing_id": "L1", "seller_id": "s1", "images": images, **changes})


def test_the_report_agrees_is_silent_or_contradicts() -> None:
    shown = report(brands=(BrandResult("Acme", 0.9, 40.0, True),))
    for said, wanted in (
        (shown, "agrees"),
        (replace(shown, seller_id="good"), "contradicts"),
        (report(), "contradicts"),
        (report(warnings=("image 0: unreadable",)), "silent"),
        (report(images=()), "silent"),
        (None, "silent"),
    ):
        assert weigh_notice(notice(), (), KNOWN, said).agreement == wanted


def test_no_record_hides_a_weak_notice() -> None:
    best, worst = NotifierRecord("W", 500, 500), NotifierRecord("W", 500, 0)
    agrees = report(brands=(BrandResult("Acme", 0.9, 40.0, True),))
    assert weigh_notice(notice(), (), KNOWN, report(), best).p < 0.5
    assert weigh_notice(notice(), (), KNOWN, agrees, worst).p > 0.1
    incomplete = check_notice(notice(explanation=None), KNOWN)
    queue = rank_notices([
        weigh_notice(notice(id="N1", explanation=None, trusted_flagger=True), incomplete, KNOWN, agrees, best),
        weigh_notice(notice(id="N2"), (), KNOWN, agrees, worst),
        weigh_notice(notice(id="N3"), (), KNOWN, agrees, best),
        weigh_notice(notice(id="N4", trusted_flagger=True), (), KNOWN, report(), worst),
    ])  # fmt: skip
    assert [(v.notice_id, v.rank) for v in queue] == [("N4", 1), ("N3", 2), ("N2", 3), ("N1", 4)]


def test_decisions_need_a_person_and_make_the_record() -> None:
    given = [notice(id=f"N{i}") for i in range(3)]
    received = [one for row in given for one in receipts(row, KNOWN)]
    assert {(d.action, d.source, d.brand) for d in received} == {("hold", "notice", "Acme")}
    with pytest.raises(InputError, match="a notice alone takes nothing down"):
        notice_decision(received[0], "remove", time=NOW, reviewer=" ")
    with pytest.raises(InputError, match="listings that are known"):
        receipts(notice(listing_ids=None), KNOWN)
    made = [
        notice_decision(received[0], "remove", time=NOW, reviewer="ann"),
        notice_decision(received[1], "remove", time=NOW, reviewer="ann"),
        notice_decision(received[2], "allow", time=NOW, reviewer="ann"),
    ]
    appeal = Decision("restore", NOW, listing_id="L1", source="appeal", answers=made[1].id)
    (record,) = notifier_records(given, [*received, *made, appeal], ["N2"]).values()
    assert record == NotifierRecord("W1", 3, 1, 1, 1)
    assert record.share == 3 / 7
    assert "Jane" not in repr(given)


def test_misuse_needs_many_notices_of_which_few_were_upheld() -> None:
    records = [
        NotifierRecord("a", 9, 0),
        NotifierRecord("b", 60, 3),
        NotifierRecord("c", 100, 20),
        NotifierRecord("d", 40, 0),
    ]
    assert [one.notifier_id for one in misuse(records)] == ["d", "b"]


def test_files_cost_a_line_or_a_field(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    lines = [json.dumps(WHOLE), "[]", "", '{"id": ""}', json.dumps(WHOLE), json.dumps({**WHOLE, "id": "N2", "urls": 5})]
    path.write_bytes("\n".join(lines).encode() + b'\n{"id": "N3", "brand": "\xff"}\n' + b"x" * (1 << 21) + b"\n")
    bad: list[BadRow] = []
    good = list(read_notices(path, on_error=bad.append))
    assert [one.id for one in good] == ["N1", "N2", "N3"]
    assert [row.line for row in bad] == [2, 4, 5, 8]
    assert dict(good[1].unreadable) == {"listings": "urls: expected a list of at most 1000 texts, got 5"}
    with pytest.raises(InputError, match="expected a file of JSON lines"):
        read_notices(tmp_path / "gone")
