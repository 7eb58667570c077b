"""Facts about merchants from a CSV file: a bad field costs that field, a bad row that row."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.errors import InputError
from logoscan.io.rows import BadRow
from logoscan.merchants.facts import MerchantFacts
from logoscan.merchants.facts_file import FactsRow, read_facts


def write(folder: Path, text: str) -> Path:
    path = folder / "m.csv"
    path.write_text(text, "utf-8")
    return path


def test_an_empty_file_lacks_its_column(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"m\.csv: expected the column seller_id"):
        read_facts(write(tmp_path, ""))
    assert list(read_facts(write(tmp_path, "seller_id,orders\n"))) == []
    with pytest.raises(InputError, match="facts: expected a CSV file, got"):
        read_facts(tmp_path / "none.csv")


def test_facts_as_people_have_them(tmp_path: Path) -> None:
    text = (
        "Merchant;Orders;REFUNDS;complaints;takedowns;Account Age;verified\n"
        "a;1.299,0;3;0;1;90,5;Yes\nb;;;;;;\nc;10;;;;;no\n"
    )
    assert list(read_facts(write(tmp_path, text))) == [
        FactsRow("a", MerchantFacts(1299, 3, 0, 1, 90.5, True)),
        FactsRow("b", MerchantFacts()),
        FactsRow("c", MerchantFacts(orders=10, identity_verified=False)),
    ]


def test_a_bad_field_costs_that_field(tmp_path: Path) -> None:
    text = (
        "seller_id,orders,refunds,complaints,account_age_days,identity_verified\na,many,5,-1,1.5,perhaps\nb,4,5,2,,\n"
    )
    first, second = read_facts(write(tmp_path, text))
    assert first.facts == MerchantFacts(refunds=5, account_age_days=1.5)
    assert sorted(first.dropped) == ["complaints", "identity_verified", "orders"]
    assert first.dropped["orders"] == "expected a number, got 'many'"
    assert first.dropped["identity_verified"] == "expected yes or no, got 'perhaps'"
    assert second.facts == MerchantFacts(orders=4, complaints=2)
    assert second.dropped == {"refunds": "expected at most the 4 orders, got 5"}


def test_a_bad_row_costs_that_row(tmp_path: Path) -> None:
    bad: list[BadRow] = []
    rows = read_facts(write(tmp_path, "seller_id,orders\n,5\na,1\na,2\nb,3\n"), on_error=bad.append)
    assert [row.seller_id for row in rows] == ["a", "b"]
    assert [(row.line, row.reason) for row in bad] == [
        (2, "seller_id: expected one, got an empty cell"),
        (4, "seller_id: 'a' is there twice; only the first counts"),
    ]


@quick
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters='\r\n,"'), max_size=9), max_size=6))
def test_any_cells_cost_no_more_than_themselves(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    names = [f.name for f in fields(MerchantFacts)]
    row = ",".join(["s", *cells, *[""] * (len(names) - len(cells))])
    text = f"seller_id,{','.join(names)}\n{row}\nother,5\n"
    first, last = read_facts(write(tmp_path_factory.mktemp("any"), text))
    assert first.seller_id == "s"
    assert last == FactsRow("other", MerchantFacts(orders=5))
