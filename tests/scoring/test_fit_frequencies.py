"""A stream without labels bounds what its signals can be worth."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, units

from logoscan.errors import InputError
from logoscan.results import Score, Signal
from logoscan.scoring.credits import CREDIT
from logoscan.scoring.fit_frequencies import bounded_by_stream
from logoscan.scoring.model import ScoreModel

MODEL = ScoreModel()


def scored(**values: float) -> Score:
    return MODEL.score("Acme", [Signal(name, value, "why") for name, value in values.items()])


def test_what_a_third_of_the_stream_shows_keeps_a_quarter() -> None:
    stream = [scored(copied_photo=1.0)] * 400 + [scored(copied_photo=0.0)] * 600 + [scored(low_price=1.0)] * 3
    bounded = bounded_by_stream(MODEL, stream)
    assert bounded.shapes["copied_photo"][-1] == pytest.approx(0.25 * MODEL.shapes["copied_photo"][-1])
    assert bounded.shapes["low_price"] == MODEL.shapes["low_price"], "rare"
    assert (bounded.bias, bounded.review_from, bounded.block_from) == (MODEL.bias, MODEL.review_from, MODEL.block_from)
    assert bounded.version != MODEL.version


def test_the_bound_is_the_share_of_the_stream() -> None:
    stream = [scored(lookalike_text=1.0)] * 1000 + [scored(lookalike_text=0.0)] * 9000
    height = bounded_by_stream(MODEL, stream).shapes["lookalike_text"][-1]
    assert -math.log(0.1) - 1.0 < height < -math.log(0.09) - 1.0


def test_a_short_stream_bounds_nothing() -> None:
    assert bounded_by_stream(MODEL, [scored(low_price=1.0, copied_photo=1.0)] * 3).shapes == MODEL.shapes


@quick
@given(st.lists(st.dictionaries(st.sampled_from(sorted(MODEL.shapes)), units), min_size=1, max_size=40))
def test_no_score_rises_and_no_credit_moves(rows: list[dict[str, float]]) -> None:
    stream = [scored(**row) for row in rows] * 20
    bounded = bounded_by_stream(MODEL, stream)
    assert all(bounded.shapes[name] == MODEL.shapes[name] for name in CREDIT)
    for row in rows:
        after = bounded.score("Acme", [Signal(name, value, "why") for name, value in row.items()])
        assert (after.value or 0.0) <= (scored(**row).value or 0.0) + 1e-9


def test_an_empty_stream_is_refused() -> None:
    with pytest.raises(InputError, match="stream: expected the reports of all listings, got none"):
        bounded_by_stream(MODEL, [])
