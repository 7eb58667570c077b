"""Messages quote values of others whole or by their length: no format and no slice in a message cuts one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import PACKAGE
from strategies import quick

from logoscan._quote import cause, listed, quoted

LONG = 100
NOT_FOREIGN = {
    ("cli/rings.py", "token"): "a hash under the platform's key",
    ("images/formats.py", "block[:4].decode()"): "the name of a box in a file's head, four bytes",
    ("merchants/state.py", "name[:_ID_CHARS - 1]"): "the id of a listing, which the caller gives; no message",
    ("reporting/worklist.py", "shown[:_MOST_CHARS - 1]"): "a text of a report, which is redacted; no message",
    ("text/roles.py", "after[:_CHARS_AFTER]"): "a text in which words are looked up; no message",
    ("results.py", "text[:most_chars - 3]"): "a text of a report, which is redacted before; no message",
}
"""Cuts that stay: path below `logoscan/` and expression -> why. Hashes and lists of whole values need no reason."""
_HASH = re.compile("sha256|hash|codebook|vectors|previous|expected")
_LISTS = frozenset({"GROUPS", "words", "refusals", "missing", "ids", "reasons", "others"})


def cuts(source: str) -> Iterator[str]:
    """Yield the expressions in f-strings that a format cuts (`!r:.80`), or a slice whose beginning is kept."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FormattedValue):
            continue
        parts = node.format_spec.values if isinstance(node.format_spec, ast.JoinedStr) else []
        spec = "".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in parts)
        if re.search(r"\.[0-9]+s?$", spec):
            yield ast.unparse(node.value)
        for part in ast.walk(node.value):
            if (
                isinstance(part, ast.Subscript)
                and isinstance(part.slice, ast.Slice)
                and _keeps_the_beginning(part.slice)
            ):
                of = ast.unparse(part.value)
                if not _HASH.search(of) and of not in _LISTS:
                    yield ast.unparse(node.value)


def _keeps_the_beginning(part: ast.Slice) -> bool:
    return part.lower is None and isinstance(part.upper, (ast.Constant, ast.Name, ast.BinOp))


def test_messages_cut_no_value() -> None:
    files = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    found = {(path, cut) for path, text in files.items() if not path.startswith("training/") for cut in cuts(text)}
    assert found == set(NOT_FOREIGN), "use logoscan._quote.quoted, cause or listed"


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ('f"got {cell!r:.80}"', 1),
        ('f"got {cell:.80}"', 1),
        ('f"got {error!s:.{n}}"', 1),
        ('f"got {cell[:60]!r}"', 1),
        ('f"got {share:.2f}, {share:.3g}, {quoted(cell)}"', 0),
        ('f"manifest {sha256[:12]}"', 0),
    ],
)
def test_a_cut_is_found(source: str, number: int) -> None:
    assert len([*cuts(source)]) == number


# -- what quotes


@given(st.recursive(st.text() | st.integers() | st.floats() | st.binary(), st.lists, max_leaves=9))
@quick
def test_what_is_quoted_is_short(value: object) -> None:
    assert len(quoted(value)) <= 10 * 2 * LONG


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("short", "'short'"),
        ("x" * 81, "a text of 81 characters"),
        (["x" * 81, "y"], "[a text of 81 characters, 'y']"),
        (["x" * 60] * 3, "a list of 3"),
        (tuple("abcde"), "('a', 'b', 'c', ...)"),
        (b"x" * 9, "9 bytes"),
        (10**400, "a number of 1329 bits"),
        (True, "True"),
        (0.1, "0.1"),
        (np.zeros(2), "array([0., 0.])"),
        (np.zeros(900), "a ndarray of 900"),
        (np.zeros((30, 40)), "a ndarray of 30 x 40"),
        (np.array(["+49 170 1234567"] * 9), "a ndarray of 9"),
        ({"+49 170 1234567 " * 9}, "{a text of 144 characters}"),
        ({"a": ["b" * 81]}, "{'a': [a text of 81 characters]}"),
        ("\ud800", "'\\ud800'"),
    ],
)  # fmt: skip
def test_a_value_is_quoted_whole_or_by_its_length(value: object, shown: str) -> None:
    assert quoted(value) == shown


def test_long_values_of_any_kind_are_not_cut() -> None:
    class Long:
        def __repr__(self) -> str:
            return "call +49 170 1234567 " * 9

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert quoted(Long()) == quoted([Long()])[1:-1] == "a Long"
    assert quoted(Broken()) == "a Broken that cannot be shown (RuntimeError)"


def test_a_cause_is_told_in_whole_lines() -> None:
    assert cause(ValueError("no such file")) == "no such file"
    assert cause(ValueError(f"first\n  second \n{'x' * 300}")) == "first second"
    assert cause(ValueError("x" * 301)) == "ValueError of 301 characters"
    assert cause(ValueError()) == "ValueError"
    assert cause("x" * 301) == "a message of 301 characters"


def test_names_are_listed_whole() -> None:
    assert listed(["colour", "\ud800", "x" * 100]) == "colour, \\ud800, a name of 100 characters"
    many = [f"column {i}" for i in range(100)]
    assert listed(many).endswith(", ...")
    assert set(listed(many).split(", ")) <= {*many, "..."}
    assert listed(many, None) == ", ".join(many)
