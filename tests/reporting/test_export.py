"""Reports as rows of a table."""

from __future__ import annotations

import csv
import io
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import make_report, quick, reports

from logoscan.errors import InputError
from logoscan.io.csv_output import csv_lines
from logoscan.reporting.export import EXPORT_COLUMNS, ExportKind, export_rows
from logoscan.results import BrandResult, ImageRecord, ListingFacts, Report
from logoscan.types import Match

KINDS = get_args(ExportKind)


def table(made: list[Report], by: Any) -> list[dict[str, str]]:
    text = "".join(csv_lines(EXPORT_COLUMNS[by], export_rows(made, by)))
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_no_reports_no_rows() -> None:
    for by in KINDS:
        assert table([], by) == []


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="by: expected listing, brand or match, got 'seller'"):
        list(export_rows([], "seller"))  # type: ignore[arg-type]


def test_rows_of_one_report() -> None:
    report = make_report(
        seller_id="=s",
        brands=(BrandResult("Acme", 0.9, 50.0), BrandResult("Bolt", None, 10.0)),
        images=(ImageRecord("a.jpg", "1" * 64, 10, 10),),
        matches=(Match(0, (1.0, 2.0, 3.0, 4.0), "Acme", "Acme/logo.png", 0.8, 0.1, 0.9),),
        warnings=("image 0: odd", "price: odd"),
        listing=ListingFacts(title="=HYPERLINK(1)", price=12.5, currency="EUR"),
    )
    (row,) = table([report], "listing")
    assert (row["title"], row["seller_id"], row["price"]) == ("'=HYPERLINK(1)", "'=s", "12.5")
    assert (row["score"], row["band"], row["warnings"]) == ("", "clear", "image 0: odd|price: odd")
    assert [(r["brand"], r["probability"], r["score"]) for r in table([report], "brand")] == [
        ("Acme", "0.9", "50.0"),
        ("Bolt", "", "10.0"),
    ]
    (row,) = table([report], "match")
    assert (row["file"], row["logo"], row["x0"], row["y1"], row["kind"]) == (
        "a.jpg", "Acme/logo.png", "1.0", "4.0", "appearance",
    )  # fmt: skip


@quick
@given(st.lists(reports(), max_size=4))
def test_any_reports_are_a_table(made: list[Report]) -> None:
    assert len(table(made, "listing")) == len(made)
    assert len(table(made, "brand")) == sum(len(r.brands) for r in made)
    assert len(table(made, "match")) == sum(len(r.matches) for r in made)
