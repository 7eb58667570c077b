"""The nouns that come out; a score checks its own arithmetic."""

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import logits, make_report, quick, scores, units

from logoscan.errors import InputError
from logoscan.odds import sigmoid
from logoscan.results import SCHEMA_VERSION, BrandResult, Contribution, ImageRecord, Score, Signal, top_score
from logoscan.types import Match

NOTHING = Score(None, "clear", None, -4.0, (), 0.0, "m")


def make_score(brand: str, *parts: float, bias: float = -1.0) -> Score:
    """A score that adds up, of contributions s0, s1, ..."""
    made = tuple(Contribution(f"s{i}", 0.5, part, "why") for i, part in enumerate(parts))
    return Score(100 * sigmoid(bias + math.fsum(parts)), "clear", brand, bias, made, 0.5, "m")


@pytest.mark.parametrize(("logit", "value"), [(0.0, 0.5), (1000.0, 1.0), (-1000.0, 0.0), (math.log(3), 0.75)])
def test_sigmoid_at_known_values(logit: float, value: float) -> None:
    assert sigmoid(logit) == pytest.approx(value, abs=1e-15)


@quick
@given(logit=logits)
def test_the_sigmoid_is_the_logits_inverse(logit: float) -> None:
    p = sigmoid(logit)
    assert 0 <= p <= 1
    assert p + sigmoid(-logit) == pytest.approx(1, abs=1e-12)
    if abs(logit) < 15:  # beyond, 1 - p has too few bits left
        assert math.log(p / (1 - p)) == pytest.approx(logit, abs=1e-8)


@pytest.mark.parametrize("value", [-0.001, 1.001, math.nan, math.inf])
def test_a_signal_lies_between_0_and_1(value: float) -> None:
    with pytest.raises(
        InputError, match=rf"^Signal low_price\.value: expected a finite number in \[0, 1\], got {value!r}$"
    ):
        Signal("low_price", value, "why")


@pytest.mark.parametrize(("field", "value"), [("value", math.nan), ("contribution", math.inf), ("value", 2.0)])
def test_a_contribution_is_finite(field: str, value: float) -> None:
    fields: dict[str, Any] = {"signal": "s", "value": 0.5, "contribution": 1.0, "why": "", field: value}
    with pytest.raises(InputError, match=rf"^Contribution s\.{field}: expected .*, got {value!r}$"):
        Contribution(**fields)


def test_score_without_candidate() -> None:
    assert NOTHING.value is None
    assert make_score("A").value == pytest.approx(100 / (1 + math.e))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": None}, "Score.value: expected a number exactly when there is a brand, got None"),
        ({"brand": None}, "Score.value: expected a number exactly when there is a brand, got 50.0"),
        ({"brand": None, "value": None}, "expected no contributions and no band block where there is no brand"),
        ({"coverage": 1.5}, "Score.coverage: expected a finite number in [0, 1], got 1.5"),
        ({"coverage": math.nan}, "Score.coverage: expected a finite number in [0, 1], got nan"),
        ({"value": 50.001}, "Score.value: expected 50.0, the sum of its contributions, got 50.001"),
        ({"value": 50.0 + 2e-9}, "the sum of its contributions"),
        ({"value": math.nan}, "the sum of its contributions, got nan"),
        ({"bias": -1.1}, "the sum of its contributions"),
        ({"bias": math.nan}, "Score.bias: expected a finite number, got nan"),
        ({"contributions": ()}, "the sum of its contributions"),
    ],
)
def test_a_score_that_does_not_add_up_is_refused(changes: dict[str, Any], message: str) -> None:
    good = make_score("A", 0.25, 0.75)
    assert good.value == 50.0
    with pytest.raises(InputError) as caught:
        dataclasses.replace(good, **changes)
    assert message in str(caught.value)


def test_without_a_brand_nothing_is_blocked() -> None:
    assert dataclasses.replace(NOTHING, band="review").value is None
    with pytest.raises(InputError, match="no band block"):
        dataclasses.replace(NOTHING, band="block")


def test_what_is_in_doubt_is_not_clear() -> None:
    with pytest.raises(InputError, match=r"Score\.band: expected review or block where there are doubts, got 'clear'"):
        dataclasses.replace(NOTHING, doubts=("image 0 could not be read",))


@quick
@given(score=scores(), change=st.floats(1e-6, 3.0), which=st.integers(0, 5))
def test_no_single_contribution_can_be_altered(score: Score, change: float, which: int) -> None:
    if not score.contributions:
        return
    parts = list(score.contributions)
    which %= len(parts)
    parts[which] = dataclasses.replace(parts[which], contribution=parts[which].contribution + change)
    moved = 100 * sigmoid(score.bias + math.fsum(p.contribution for p in parts))
    assert score.value is not None
    if abs(moved - score.value) < 1e-8:
        return  # at 0 or 100 a double cannot hold the difference
    with pytest.raises(InputError, match="sum of its contributions"):
        dataclasses.replace(score, contributions=tuple(parts))


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_a_brand_result_has_a_probability(probability: float) -> None:
    with pytest.raises(InputError, match=r"BrandResult.probability: expected a finite number in \[0, 1\]"):
        BrandResult("A", probability, 50.0)


@pytest.mark.parametrize("score", [-0.1, 100.1, math.nan])
def test_a_brand_result_has_a_score(score: float) -> None:
    with pytest.raises(InputError, match=r"BrandResult.score: expected a finite number in \[0, 100\]"):
        BrandResult("A", None, score)


def test_an_empty_report() -> None:
    report = make_report()
    assert report.score.value is None
    assert report.schema_version == SCHEMA_VERSION
    assert report.sums_to() == -4.0


def test_a_report_of_another_schema_is_refused() -> None:
    with pytest.raises(InputError, match=r"Report.schema_version: expected 3, got 2; another version of logoscan"):
        make_report(schema_version=2)


@pytest.mark.parametrize("number", [1, 7, -1])
def test_match_of_a_missing_image_is_refused(number: int) -> None:
    image = ImageRecord("a.jpg", None, None, None)
    good = Match(0, (0.0, 0.0, 1.0, 1.0), "A", "A/a.png", 0.5, 0.1, None)
    make_report(images=(image,), matches=(good,))
    with pytest.raises(InputError, match=rf"Report.matches: expected picture numbers below 1, got {number}"):
        make_report(images=(image,), matches=(dataclasses.replace(good, image=number),))


@quick
@given(score=scores())
def test_a_reports_logit_gives_its_score(score: Score) -> None:
    if score.value is not None:
        assert score.value == pytest.approx(100 * sigmoid(make_report(score=score).sums_to()), abs=1e-9)


def test_the_top_score() -> None:
    assert top_score([]) is None
    low, high = make_score("A", 0.1), make_score("B", 0.2)
    twin = make_score("AA", 0.2)
    assert top_score([low, high]) is top_score([high, low]) is high
    assert top_score([high, twin]) is top_score([twin, high]) is twin, "ties go by the alphabet"


@quick
@given(values=st.lists(units, min_size=1, max_size=6))
def test_the_top_score_is_the_maximum_in_any_order(values: list[float]) -> None:
    made = [make_score(f"brand {i}", value) for i, value in enumerate(values)]
    best = top_score(made)
    assert best is not None
    assert best.value == max(score.value or 0 for score in made)
    assert top_score(made[::-1]) is best
