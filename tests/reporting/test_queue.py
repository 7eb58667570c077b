"""The queue of reviewers: most settled by a look first; copies and near copies are one look."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import make_report, quick, reports

from logoscan.errors import InputError
from logoscan.odds import sigmoid
from logoscan.reporting.queue import UNSEEN, QueueRow, review_queue
from logoscan.results import Contribution, ImageRecord, ListingFacts, Report, Score

PHOTO = "0f" * 32
"""A hash; `near` of it is a copy, `far` is not."""


def flipped(pdq: str, bits: int) -> str:
    return f"{int(pdq, 16) ^ ((1 << bits) - 1):064x}"


def photo(pdq: str | None, sha256: str) -> ImageRecord:
    return ImageRecord("a.jpg", sha256 * 64, 10, 10, pdq)


def listing(
    name: str,
    percent: float,
    *photos: ImageRecord,
    title: str | None = "Acme shoe, red",
    seller: str | None = None,
    brand: str = "Acme",
    price: float | None = 20.0,
    band: str = "review",
    doubts: tuple[str, ...] = (),
) -> Report:
    logit = math.log(percent / (100 - percent))
    parts = (Contribution("low_price", 1.0, logit + 4, "Cheap."),) if logit > -4 else ()
    total = 100 * sigmoid(-4.0 + math.fsum(p.contribution for p in parts))
    score = Score(total, band, brand, -4.0, parts, 1.0, "m", doubts)  # type: ignore[arg-type]
    facts = ListingFacts(title=title, price=price, currency="EUR", url="https://example.org/1")
    return make_report(listing_id=name, seller_id=seller, score=score, images=photos, listing=facts)


def ids(rows: list[QueueRow]) -> list[tuple[str, ...]]:
    return [row.listing_ids for row in rows]


def test_no_reports_no_rows() -> None:
    assert review_queue([]) == []
    assert review_queue([listing("a", 1, band="clear")]) == []


def test_the_highest_expected_value_comes_first() -> None:
    rows = review_queue([listing(n, p, title=n * 9) for n, p in (("a", 30.0), ("b", 90.0), ("c", 60.0))])
    assert ids(rows) == [("b",), ("c",), ("a",)]
    assert [row.rank for row in rows] == [1, 2, 3]
    assert [round(row.expected_value, 6) for row in rows] == [0.9, 0.6, 0.3]
    assert (rows[0].reasons, rows[0].url, rows[0].price) == (("Cheap.",), "https://example.org/1", 20.0)


def test_one_look_settles_all_copies() -> None:
    copies = [listing(f"c{i}", 40.0, photo(PHOTO, "1"), seller=f"s{i % 2}") for i in range(3)]
    rows = review_queue([listing("single", 90.0, title="Another thing"), *copies])
    assert ids(rows) == [("c0", "c1", "c2"), ("single",)]
    assert rows[0].expected_value == pytest.approx(1.2)
    assert (rows[0].copies, rows[0].seller_ids) == (3, ("s0", "s1"))
    assert ids(review_queue(copies, budget=1)) == [("c0", "c1", "c2")], "the budget counts looks"


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"title": "ACME shoe -- red!"}, True),
        ({"title": "Acme shoe, red, size 9"}, True),
        ({"title": "Garden hose"}, False),
        ({"brand": "Bolt"}, False),
        ({"price": 22.0}, True),
        ({"price": 200.0}, False),
        ({"price": None}, True),
    ],
)
def test_what_a_near_copy_is(change: dict[str, Any], same: bool) -> None:
    both = [listing("a", 50.0, photo(PHOTO, "1")), listing("b", 40.0, photo(flipped(PHOTO, 20), "2"), **change)]
    assert (len(review_queue(both)) == 1) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([photo(PHOTO, "1")], [photo(PHOTO, "1")], True),
        ([photo(None, "1")], [photo(None, "1")], True),
        ([photo(None, "1")], [photo(None, "2")], False),
        ([photo(PHOTO, "1")], [photo(flipped(PHOTO, 31), "2")], True),
        ([photo(PHOTO, "1")], [photo(flipped(PHOTO, 32), "2")], False),
        ([photo(PHOTO, "1")], [photo(None, "3"), photo(flipped(PHOTO, 9), "2")], True),
        ([photo(PHOTO, "1"), photo(None, "4")], [photo(PHOTO, "1"), photo(None, "5")], False),
        ([photo(PHOTO, "1")], [], False),
        ([], [], False),
    ],
)
def test_which_photos_copies_share(one: list[ImageRecord], other: list[ImageRecord], same: bool) -> None:
    both = [listing("a", 50.0, *one), listing("b", 40.0, *other)]
    assert (len(review_queue(both)) == 1) is same
    assert (len(review_queue(both[::-1])) == 1) is same


def test_without_photos_copies_are_of_one_seller() -> None:
    assert len(review_queue([listing(n, 50.0, seller="s") for n in "ab"])) == 1
    assert len(review_queue([listing(n, 50.0, seller=n) for n in "ab"])) == 2
    assert len(review_queue([listing(n, 50.0, seller="s", title=None) for n in "ab"])) == 2


def test_what_could_not_be_judged_is_worth_a_look() -> None:
    unscored = make_report(listing_id="dark", score=Score(None, "review", None, -4.0, (), 0.0, "m"))
    doubtful = listing("doubt", 2.0, doubts=("A photo could not be read",), title="x")
    rows = review_queue([unscored, doubtful, listing("low", 3.0, title="y"), listing("high", 80.0, title="z")])
    assert [row.listing_id for row in rows] == ["high", "dark", "doubt", "low"]
    assert [row.expected_value for row in rows[1:3]] == [UNSEEN, UNSEEN]
    assert rows[2].doubts == ("A photo could not be read",)


def test_the_last_report_of_a_listing_counts() -> None:
    again = [listing("a", 90.0), listing("b", 50.0, title="x"), listing("a", 1.0, band="clear")]
    assert ids(review_queue(again)) == [("b",)]


def test_a_budget_is_no_negative_number() -> None:
    assert review_queue([listing("a", 50.0)], budget=0) == []
    with pytest.raises(InputError, match="budget: expected 0 or more rows, got -1"):
        review_queue([], budget=-1)


def test_hundreds_of_listings_may_share_a_banner() -> None:
    many = [listing(f"L{i}", 50.0, photo(PHOTO, "1"), title=f"{i * 7919:x}" * 4) for i in range(400)]
    assert len(review_queue(many)) > 200


@settings(quick, max_examples=12)
@given(st.lists(reports(), max_size=6), st.none() | st.integers(0, 4))
def test_every_listing_that_needs_a_look_is_in_one_row(made: list[Report], budget: int | None) -> None:
    last = {report.listing_id: report for report in made}
    rows = review_queue(made)
    wanted = sorted(name for name, report in last.items() if report.score.band != "clear")
    assert sorted(name for row in rows for name in row.listing_ids) == wanted
    assert [row.expected_value for row in rows] == sorted((row.expected_value for row in rows), reverse=True)
    assert review_queue(made, budget) == rows[:budget]
