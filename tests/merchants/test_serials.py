"""Serials that several listings show."""

from __future__ import annotations

from pathlib import Path

from logoscan.evidence import Code
from logoscan.merchants.serials import SerialList
from logoscan.merchants.tokens import evidence_tokens, listing_tokens
from logoscan.results import ImageRecord, Provenance, Report, Score

BOX = (0.0, 0.0, 9.0, 9.0)
KEY = b"0123456789abcdef"


def report(listing: str, *serials: str) -> Report:
    codes = tuple(Code("datamatrix", s, BOX, "04006381333931", s, True) for s in serials)
    made = Provenance("0", "", "", "", "", "", "", "2026-01-01T00:00:00+00:00")
    image = ImageRecord("a.jpg", None, 1, 1)
    return Report(listing, "s", Score(None, "clear", None, -5.0, (), 0.0, "m"), (), (), (), (), (), (image,), made,
                  codes=codes)  # fmt: skip


def test_serials_of_other_listings(tmp_path: Path) -> None:
    known = SerialList()
    assert len(known) == 0
    assert known.look_up(report("1", "A").codes or (), "1") == {}
    for one in (report("1", "A", "B"), report("2", "A"), report("2", "A")):
        known.add_report(one)
    assert known.look_up(report("1", "A").codes or (), "1") == {"A": 1}
    assert known.look_up(report("3", "A", "B").codes or (), "3") == {"A": 2, "B": 1}
    known.save(tmp_path / "serials.json")
    assert SerialList.load(tmp_path / "serials.json") == known


def test_codes_are_tokens_under_a_key() -> None:
    one, other = report("1", "A"), report("2", "A", "B")
    assert listing_tokens(one) == ()
    assert {t.kind for t in listing_tokens(other, KEY)} == {"code"}
    assert set(listing_tokens(one, KEY)) < set(listing_tokens(other, KEY))
    assert [t.kind for t in evidence_tokens((), ["+4912345678", ""], KEY)] == ["contact"]
