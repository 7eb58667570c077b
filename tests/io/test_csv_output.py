"""What we write as CSV: no text becomes a formula, in whatever program and with whatever separator it is opened."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.io.csv_output import csv_lines, safe_text, unguarded_text

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"


def opened(text: str, separator: str) -> list[list[str]]:
    """Cells as a program splits them that knows one separator, and quotes at the begin of a cell alone."""
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("", ""), ("a shoe", "a shoe"), ("a = b", "a = b"), ("=1+1", "'=1+1"), ("+49", "'+49"), ("-5 %", "'-5 %"),
        ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "' =1"), ("\tx", "' x"), ("\r\nx", "' x"), (' "=1', "' \"=1"),
        ("\uff1d1", "'\uff1d1"), ("a;=1", "a;'=1"), ('a; "=1', 'a;\' "=1'), ("a; b", "a; b"), ("a\n=1", "a =1"),
        ("50 x 70 cm; -20 %", "50 x 70 cm;' -20 %"), ("\ud83d", "\ufffd"), ("'", "'"), ("'=1", "''=1"), ("a\0b", "a b"),
    ],
)  # fmt: skip
def test_texts_that_would_be_formulas_get_an_apostrophe(text: str, cell: str) -> None:
    assert safe_text(text) == cell


@quick
@given(
    st.lists(
        st.lists(
            st.text(st.sampled_from("=+-@;,\t\r\n\"' a|\uff1d1\u2028") | st.characters(), max_size=10),
            min_size=2,
            max_size=2,
        ),
        max_size=5,
    )
)
def test_no_program_sees_a_formula(rows: list[list[str]]) -> None:
    lines = list(csv_lines(["one", "two"], rows))
    assert len(lines) == len(rows) + 1
    assert all(line.endswith("\n") and "\n" not in line[:-1] for line in lines)
    text = "".join(lines)
    assert [len(row) for row in opened(text, ",")] == [2] * (len(rows) + 1)
    for separator in (",", ";", "\t"):
        for row in opened(text, separator):
            assert [cell for cell in row if cell.lstrip().startswith(tuple(SIGNS)) or cell.startswith("\t")] == []


@quick
@given(
    st.text(
        st.sampled_from("=+-@;' \"a1\uff1d") | st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12
    )
)
def test_a_guarded_text_comes_back(text: str) -> None:
    assert unguarded_text(safe_text(text)) == text


@quick
@given(st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers()), max_size=5))
def test_numbers_keep_every_bit(rows: list[tuple[float, int]]) -> None:
    read = opened("".join(csv_lines(["a", "b"], rows)), ",")[1:]
    assert [(float(a), int(b)) for a, b in read] == rows


def test_other_values_have_a_text() -> None:
    rows: list[tuple[Any, ...]] = [(None, True, False, ("a", "b"), [])]
    assert list(csv_lines(list("abcde"), rows)) == ["a,b,c,d,e\n", ",yes,no,a|b,\n"]
    assert list(csv_lines(["a"], [])) == ["a\n"]
