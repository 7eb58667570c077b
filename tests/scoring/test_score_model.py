"""The score: exact, monotone, indifferent to order; bands; coverage."""

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, score_models, score_shapes, units

from logoscan.errors import CorruptFileError, InputError
from logoscan.io.sealed_lines import seal
from logoscan.results import Score, Signal
from logoscan.scoring.credits import CREDIT
from logoscan.scoring.model import NO_PROOF, PRIOR, PRIOR_BIAS, ScoreModel, linear

NAMES = sorted(PRIOR)


@st.composite
def signal_lists(draw: st.DrawFn) -> list[Signal]:
    chosen = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return [Signal(name, draw(units), f"why {name}") for name in chosen]


def value(score: Score) -> float:
    assert score.value is not None
    return score.value


def only(name: str, strength: float = 1.0) -> list[Signal]:
    return [Signal(name, strength, "why")]


def test_score_without_signals() -> None:
    score = ScoreModel().nothing()
    assert (score.value, score.brand, score.band, score.contributions, score.coverage) == (None, None, "clear", (), 0.0)
    assert score.model == ScoreModel().version


def test_no_signals_give_the_bias() -> None:
    score = ScoreModel().score("A", [])
    assert score.value == pytest.approx(100 / (1 + math.exp(-PRIOR_BIAS)))
    assert (score.brand, score.band, score.contributions, score.coverage) == ("A", "clear", (), 0.0)


def test_score_of_a_known_case() -> None:
    model = ScoreModel(-4.0, {"low_price": (0.0, 4.0), "lookalike_text": (0.0, 0.5, 5.0), "other": (0.0, 1.0)})
    score = model.score("A", [Signal("low_price", 0.5, "cheap"), Signal("lookalike_text", 0.75, "ADIBAS")])
    assert [(c.signal, c.value, c.contribution, c.why) for c in score.contributions] == [
        ("lookalike_text", 0.75, 2.75, "ADIBAS"),
        ("low_price", 0.5, 2.0, "cheap"),
    ], "largest first"
    assert score.value == pytest.approx(100 / (1 + math.exp(4.0 - 4.75)), abs=1e-12)
    assert score.coverage == pytest.approx(0.9)
    assert score.band == "review"


@quick
@given(model=score_models, signals=signal_lists(), shown=st.none() | units)
def test_the_score_is_exactly_the_sigmoid_of_bias_and_contributions(
    model: ScoreModel, signals: list[Signal], shown: float | None
) -> None:
    score = model.score("A", signals, shown=shown)
    logit = model.bias + sum(model.contribution(s.name, s.value) for s in signals)
    assert value(score) == pytest.approx(100 / (1 + math.exp(-logit)), abs=1e-9)
    assert score.bias == model.bias
    assert {c.signal: (c.value, c.contribution, c.why) for c in score.contributions} == {
        s.name: (s.value, model.contribution(s.name, s.value), s.why) for s in signals
    }
    assert 0 <= value(score) <= 100
    assert score.model == model.version


@quick
@given(model=score_models, signals=signal_lists(), data=st.data())
def test_order_does_not_matter(model: ScoreModel, signals: list[Signal], data: st.DataObject) -> None:
    assert model.score("A", data.draw(st.permutations(signals))) == model.score("A", signals)


@quick
@given(model=score_models, signals=signal_lists().filter(bool), more=units, data=st.data())
def test_suspicion_only_rises(model: ScoreModel, signals: list[Signal], more: float, data: st.DataObject) -> None:
    which = data.draw(st.sampled_from([i for i, s in enumerate(signals) if s.name not in CREDIT] or [0]))
    hypothesis.assume(signals[which].name not in CREDIT)
    raised = list(signals)
    raised[which] = dataclasses.replace(raised[which], value=max(raised[which].value, more))
    before, after = model.score("A", signals), model.score("A", raised)
    assert value(after) >= value(before) - 1e-9
    bands = ["clear", "review", "block"]
    assert bands.index(after.band) >= bands.index(before.band)
    assert after.coverage >= before.coverage  # complaints that are not there are no evidence


@quick
@given(model=score_models, signals=signal_lists(), shown=st.none() | units)
def test_block_needs_a_proof(model: ScoreModel, signals: list[Signal], shown: float | None) -> None:
    score = model.score("A", signals, shown=shown)
    beyond = [c for c in score.contributions if c.signal not in NO_PROOF and c.contribution > 0]
    assert (score.band == "block") == (value(score) >= model.block_from and bool(beyond))
    if score.band == "clear":
        assert value(score) < model.review_from


@quick
@given(model=score_models, signals=signal_lists())
def test_coverage_is_the_share_of_the_weight_that_was_judged(model: ScoreModel, signals: list[Signal]) -> None:
    coverage = model.score("A", signals).coverage
    apart = {"withheld", "code_contradicts", "contact_diversion", "declared_ai", "photo_contradicts", *CREDIT}
    whole = sum(shape[-1] for name, shape in model.shapes.items() if name not in apart)
    silent = ("copied_photo", "review_complaints", "unlikely_origin")  # nothing bad heard is no news
    judged = sum(model.shapes[s.name][-1] for s in signals if s.name not in apart and (s.value or s.name not in silent))
    assert 0 <= coverage <= 1
    assert coverage == pytest.approx(judged / whole if whole else 0, abs=1e-9)


def test_all_signals_cover_everything_and_no_weight_covers_nothing() -> None:
    every = [Signal(name, 0.1, "why") for name in NAMES]
    assert ScoreModel().score("A", every).coverage == 1.0
    assert ScoreModel(shapes={}).score("A", []).coverage == 0.0
    assert ScoreModel(shapes={"a": (0.0, 0.0)}).score("A", only("a")).coverage == 0.0


def test_absent_is_not_zero() -> None:
    absent = ScoreModel().score("A", [])
    zero = ScoreModel().score("A", only("lookalike_text", 0.0))
    assert absent.value == zero.value
    assert (len(absent.contributions), len(zero.contributions)) == (0, 1)
    assert zero.coverage > absent.coverage == 0


# -- bands


FLAT = ScoreModel(bias=0.0, shapes=linear({"low_price": 10.0, "text": 1.0}), review_from=60, block_from=70)


@pytest.mark.parametrize(
    ("signals", "shown", "band"),
    [
        ([], None, "clear"),
        (only("text", 0.0), None, "clear"),
        (only("text", 0.5), None, "review"),
        (only("text", 1.0), None, "block"),
        (only("low_price", 1.0), None, "review"),
        ([*only("low_price", 1.0), *only("text", 0.0)], None, "review"),
        ([*only("low_price", 1.0), *only("text", 0.01)], None, "block"),
        (only("text", 0.0), 0.5, "review"),
        (only("text", 0.0), 0.49, "clear"),
        (only("low_price", 0.0), 1.0, "clear"),
        ([], 1.0, "review"),
    ],
)
def test_bands_of_scores(signals: list[Signal], shown: float | None, band: str) -> None:
    assert FLAT.score("A", signals, shown=shown).band == band


def test_a_price_alone_goes_to_review_and_never_to_block() -> None:
    score = ScoreModel().score("A", only("low_price"))
    assert value(score) < 30
    assert score.band == "review"
    sure = ScoreModel(bias=0.0, shapes={**PRIOR, "low_price": (0.0, 30.0)})
    nothing_else = [Signal(name, float(name == "low_price"), "why") for name in NAMES]
    assert value(sure.score("A", nothing_else)) > 99.9
    assert sure.score("A", nothing_else).band == "review", "others that were judged and are 0 do not speak"


def test_a_band_begins_at_its_number() -> None:
    exact = value(ScoreModel(bias=0.0).score("A", []))
    assert exact == 50.0
    assert ScoreModel(bias=0.0, review_from=50.0).score("A", []).band == "review"
    assert ScoreModel(bias=0.0, review_from=50.01).score("A", []).band == "clear"


# -- mistakes


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        (only("no_such"), "signals: expected those with a shape, got ['no_such']"),
        (only("low_price") * 2, "signals: expected each name once, got ['low_price', 'low_price']"),
    ],
)
def test_other_signals_are_refused(signals: list[Signal], message: str) -> None:
    with pytest.raises(InputError) as caught:
        ScoreModel().score("A", signals)
    assert str(caught.value) == message


SHAPE = "ScoreModel.shapes a: expected two or more numbers that begin with 0, never fall and end at 1000 or less"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapes": {"a": (0.0, -0.1)}}, f"{SHAPE}, got (0.0, -0.1)"),
        ({"shapes": {"a": (0.1, 0.2)}}, f"{SHAPE}, got (0.1, 0.2)"),
        ({"shapes": {"a": (0.0, 2.0, 1.0)}}, f"{SHAPE}, got (0.0, 2.0, 1.0)"),
        ({"shapes": {"a": (0.0,)}}, f"{SHAPE}, got (0.0,)"),
        ({"shapes": {"a": ()}}, f"{SHAPE}, got ()"),
        ({"shapes": {"a": (0.0, math.nan)}}, f"{SHAPE}, got (0.0, nan)"),
        ({"shapes": {"a": (0.0, math.inf)}}, f"{SHAPE}, got (0.0, inf)"),
        ({"shapes": {"a": (0, 1001)}}, f"{SHAPE}, got (0.0, 1001.0)"),
        ({"bias": math.nan}, "ScoreModel.bias: expected a finite number, got nan"),
        ({"bias": -math.inf}, "ScoreModel.bias: expected a finite number, got -inf"),
        ({"review_from": 0.0}, "ScoreModel: expected 0 < review_from <= block_from < 100, got 0.0 and 80.0"),
        ({"review_from": 81.0}, "ScoreModel: expected 0 < review_from <= block_from < 100, got 81.0 and 80.0"),
        ({"block_from": 100.0}, "ScoreModel: expected 0 < review_from <= block_from < 100, got 20.0 and 100.0"),
        ({"block_from": math.nan}, "ScoreModel: expected 0 < review_from <= block_from < 100, got 20.0 and nan"),
        ({"min_coverage": 1.1}, "ScoreModel.min_coverage: expected a finite number in [0, 1], got 1.1"),
        ({"min_coverage": math.nan}, "ScoreModel.min_coverage: expected a finite number in [0, 1], got nan"),
    ],
)
def test_a_bad_model_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        ScoreModel(**changes)
    assert str(caught.value) == message


def test_a_model_does_not_follow_what_its_maker_changes_later() -> None:
    score_shapes = {"a": (0.0, 1.0)}
    model = ScoreModel(shapes=score_shapes)
    version = model.version
    score_shapes["a"] = (0.0, 5.0)
    assert model.shapes == {"a": (0.0, 1.0)}
    assert model.version == version
    with pytest.raises(TypeError):
        PRIOR["low_price"] = 0.0  # type: ignore[index]


def test_the_version_follows_the_numbers() -> None:
    base = ScoreModel()
    assert base.version == ScoreModel(shapes=dict(reversed(list(dict(PRIOR).items())))).version
    others = [
        ScoreModel(bias=PRIOR_BIAS + 0.1),
        ScoreModel(shapes={**PRIOR, "low_price": (0.0, 4.1234)}),
        ScoreModel(shapes={**PRIOR, "low_price": (0.0, 1.0, 4.0)}),
        ScoreModel(review_from=31),
        ScoreModel(block_from=81),
        ScoreModel(min_coverage=0.26),
        ScoreModel(name="other"),
    ]
    assert len({model.version for model in [base, *others]}) == len(others) + 1
    assert base.version.startswith("prior@")
    assert others[-1].version == base.version.replace("prior", "other")


# -- shapes


@quick
@given(shape=score_shapes, piece=st.integers(0, 6), share=units)
def test_a_shape_is_straight_between_its_values(shape: tuple[float, ...], piece: int, share: float) -> None:
    model = ScoreModel(shapes={"a": shape})
    pieces = len(shape) - 1
    piece = min(piece, pieces - 1)
    assert [model.contribution("a", i / pieces) for i in range(len(shape))] == pytest.approx(shape, abs=1e-12)
    assert (model.contribution("a", 0.0), model.contribution("a", 1.0)) == (0.0, shape[-1])
    between = shape[piece] + share * (shape[piece + 1] - shape[piece])
    assert model.contribution("a", min(1.0, (piece + share) / pieces)) == pytest.approx(between, abs=1e-9)


@given(shape=score_shapes, a=units, b=units)
def test_a_shape_never_falls_not_even_by_rounding(shape: tuple[float, ...], a: float, b: float) -> None:
    model = ScoreModel(shapes={"a": shape})
    near = [math.nextafter(x, to) for x in (a, b, *(i / 5 for i in range(1, 5))) for to in (0.0, x, 1.0)]
    values = [model.contribution("a", x) for x in sorted([a, b, *near])]
    assert values == sorted(values)
    assert 0.0 <= values[0] <= values[-1] <= shape[-1]


@pytest.mark.parametrize("knots", [2, 3, 4, 5, 9])
def test_values_at_exact_knots_are_exact(knots: int) -> None:
    shape = tuple(0.1 * i**2 for i in range(knots))
    model = ScoreModel(shapes={"a": shape})
    assert tuple(model.contribution("a", i / (knots - 1)) for i in range(knots)) == shape


# -- files


@quick
@given(model=score_models)
def test_a_model_comes_back_from_its_file(model: ScoreModel, tmp_path: Path) -> None:
    model.save(tmp_path / "score.json")
    loaded = ScoreModel.load(tmp_path / "score.json")
    assert loaded == model
    assert loaded.version == model.version


def test_whole_numbers_make_the_version_that_they_have_on_disk(tmp_path: Path) -> None:
    model = ScoreModel(bias=-5, review_from=20, block_from=80)
    model.save(tmp_path / "score.json")
    assert model.version == ScoreModel.load(tmp_path / "score.json").version == ScoreModel().version


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "score.json: altered, damaged or cut short"),
        ("[]", "score.json: altered, damaged or cut short"),
        ('{"bias": "x"}', "bias"),
        ('{"bias": 1e999}', "bias"),
        ('{"shapes": {"a": [0, 2, 1]}}', "never fall"),
        ('{"shapes": {"a": [0, null]}}', "shapes.a"),
        ('{"review_from": 90, "block_from": 80}', "review_from <= block_from"),
    ],
)
def test_a_damaged_file_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "score.json").write_text(seal(text) if text.startswith("{") else text)
    with pytest.raises(CorruptFileError, match=re.escape(complaint)):
        ScoreModel.load(tmp_path / "score.json")
