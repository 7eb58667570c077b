"""What happens to rows that cannot be read: the caller chooses, and none goes in silence."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from logoscan import read_listings, read_prices
from logoscan.errors import InputError
from logoscan.io.bad_rows import good_rows
from logoscan.io.rows import BadRow


@pytest.fixture
def listings(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a"}\n{\n{"id": "b"}\n')
    return path


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "p.csv"
    path.write_text("brand,price,currency\nAcme,10,EUR\nAcme,cheap,EUR\nAcme,12,EUR\n")
    return path


def test_a_bad_row_raises_unless_the_caller_says_otherwise(listings: Path, prices: Path) -> None:
    rows = read_listings(listings)
    assert next(rows).id == "a"
    with pytest.raises(InputError, match=r"^a\.jsonl, line 2: not JSON"):
        next(rows)
    with pytest.raises(InputError, match=r"^p\.csv, line 3: price: expected a number, got 'cheap'"):
        list(read_prices(prices))


def test_bad_rows_are_skipped_and_named_in_the_log(
    listings: Path, prices: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert [listing.id for listing in read_listings(listings, on_error="skip")] == ["a", "b"]
        assert [record.price for record in read_prices(prices, on_error="skip")] == [10, 12]
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].startswith("a.jsonl, line 2 is left out: not JSON")
    assert messages[1] == "p.csv, line 3 is left out: price: expected a number, got 'cheap'"
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert list(good_rows((BadRow(i, "x") for i in range(1000)), "skip", "a.csv")) == []
    assert len(caplog.records) == 21
    assert caplog.records[-1].getMessage() == "a.csv: 1000 rows were left out"


def test_a_function_gets_bad_rows_in_their_place(listings: Path) -> None:
    order: list[str] = []
    for listing in read_listings(listings, on_error=lambda row: order.append(f"line {row.line}")):
        order.append(listing.id)
    assert order == ["a", "line 2", "b"]


def test_another_choice_is_refused_at_once(listings: Path) -> None:
    with pytest.raises(InputError, match="on_error: expected raise, skip or a function, got 'ignore'"):
        read_listings(listings, on_error="ignore")  # type: ignore[arg-type]
