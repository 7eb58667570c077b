"""Which lines may be read on: stacks, rows, and letters of a badge; by their boxes alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.text.brand_names import NameIndex
from logoscan.text.lines import chains
from logoscan.types import Brand, TextSpans


def lines(*rows: tuple[str, float, float, float, float], turn: float = 0.0) -> TextSpans:
    """Lines as (text, x, y, width, height), the picture then turned about its origin by `turn` radians."""
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    corners = np.array([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]] for _, x, y, w, h in rows]).reshape(-1, 4, 2)
    texts = tuple(row[0] for row in rows)
    return TextSpans((corners @ rotation).astype(np.float32), texts, np.full(len(rows), 0.9, np.float32))


def read_on(spans: TextSpans) -> set[str]:
    return {" ".join(spans.texts[i] for i in chain) for chain in chains(spans)}


def test_single_line_is_not_joined() -> None:
    assert chains(TextSpans.empty()) == []
    assert chains(lines(("GOD", 0, 0, 40, 20))) == []


@pytest.mark.parametrize("turn", [0.0, 0.5, 2.0, math.pi])
def test_a_stack_is_read_downwards(turn: float) -> None:
    """On a picture that is turned as well; three lines at most."""
    stack = lines(("GOD", 100, 50, 50, 24), ("MOR", 98, 76, 54, 24), ("GON", 100, 102, 50, 24), turn=turn)
    assert read_on(stack) == {"GOD MOR", "MOR GON", "GOD MOR GON"}
    longer = lines(*((word, 0.0, 26.0 * i, 60.0, 22.0) for i, word in enumerate("abcd")), turn=turn)
    assert max(len(chain) for chain in chains(longer)) == 3


def test_a_row_is_read_to_the_right() -> None:
    assert read_on(lines(("lo", 10, 10, 30, 20), ("Coca", 0, 12, 60, 24), ("Co", 70, 10, 40, 20))) >= {"Coca Co"}
    assert read_on(lines(("Coca", 0, 10, 60, 20), ("Cola", 200, 10, 60, 20))) == set()  # far apart


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (("low", 0.0, 90.0, 60.0, 20.0), "two lines' height further down"),
        (("beside", 75.0, 40.0, 60.0, 20.0), "not below it"),
        (("HUGE", 0.0, 32.0, 60.0, 70.0), "letters of another size"),
        (("same", 0.0, 12.0, 60.0, 20.0), "the line once more"),
    ],
)
def test_distant_lines_are_not_joined(second: tuple[str, float, float, float, float], why: str) -> None:
    assert read_on(lines(("word", 0, 10, 60, 20), second)) == set(), why


def test_a_line_that_was_read_twice_does_not_end_the_stack() -> None:
    twice = lines(("GOD", 0, 0, 50, 24), ("NOW", 0, 22, 50, 40), ("MOR", 0, 26, 50, 24), ("GON", 0, 52, 50, 24))
    assert "GOD MOR GON" in read_on(twice)


def test_letters_around_a_badge_are_read_to_the_right() -> None:
    """However each of them is turned."""
    badge = [("B", -40.0, 20.0, -0.8), ("M", 0.0, 0.0, 0.0), ("W", 42.0, 18.0, 0.8)]
    corners = []
    for _, x, y, turn in badge:
        square = np.array([[-12, -14], [12, -14], [12, 14], [-12, 14]])
        rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        corners.append(square @ rotation + [x + 100, y + 50])
    spans = TextSpans(np.array(corners, np.float32), ("B", "M", "W"), np.full(3, 0.9, np.float32))
    assert "B M W" in read_on(spans)
    (mention,) = NameIndex([Brand("BMW"), Brand("Kelvo")]).find_in_spans(spans, 0)
    assert (mention.brand, mention.kind) == ("BMW", "exact")


def test_a_name_is_found_over_a_stack() -> None:
    names = NameIndex([Brand("God Morgon"), Brand("Bravo")])
    stack = lines(("GOD", 100, 50, 50, 24), ("MOR", 98, 76, 54, 24), ("NON", 100, 102, 50, 24))
    (mention,) = names.find_in_spans(stack, 0)
    assert mention.brand == "God Morgon"
    apart = lines(("GOD", 100, 50, 50, 24), ("MOR", 400, 76, 54, 24), ("NON", 100, 302, 50, 24))
    assert all(m.probability < mention.probability for m in names.find_in_spans(apart, 0))


whole, side = st.integers(0, 200), st.integers(1, 90)
box = st.tuples(st.text("abc", min_size=1, max_size=3), whole, whole, side, side)


@quick
@given(st.lists(box, max_size=7), st.sampled_from([0.25, 2.0, 8.0]), st.integers(-300, 300))
def test_line_order_is_invariant_to_scale_and_shift(
    rows: list[tuple[str, float, float, float, float]], grow: float, shift: int
) -> None:
    spans = lines(*rows)
    found = chains(spans)
    moved = TextSpans((spans.polygons + shift) * np.float32(grow), spans.texts, spans.confidence)
    assert chains(moved) == found
    assert all(2 <= len(chain) == len(set(chain)) <= 3 for chain in found)
    assert len(set(found)) == len(found)
    assert all(0 <= row < len(rows) for chain in found for row in chain)
