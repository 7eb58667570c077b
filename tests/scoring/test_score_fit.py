"""Fitting the score: few labels stay near the prior, many recover the truth; weights; bands; mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import make_report, quick, units

from logoscan.errors import InputError
from logoscan.matching.calibrate import expected_calibration_error
from logoscan.results import BrandResult, Score, Signal
from logoscan.scoring.credits import CREDIT
from logoscan.scoring.fit import fit_scores
from logoscan.scoring.fit_bands import newly_clear, with_bands
from logoscan.scoring.model import PRICE_SIGNALS, PRIOR, ScoreModel, linear

NAMES = list(PRIOR)
DRAWN = [name for name in NAMES if name not in CREDIT]
"""Signals of suspicion, which the true world has; `test_credits` fits those in favour."""
PRIOR_MODEL = ScoreModel()
SHAPES = [
    (0.0, 0.0, 0.0, 0.0, 3.0),
    (0.0, 2.0),
    (0.0, 2.5, 2.5),
    (0.0, 0.0),
    (0.0, 0.2, 3.0, 3.2, 3.5),
    (0.0, 1.0),
    (0.0, 0.0, 4.0),
]
TRUTH = ScoreModel(
    bias=-3.0, shapes=dict.fromkeys(NAMES, (0.0, 0.0)) | dict(zip(NAMES, 2 * SHAPES, strict=False)), name="truth"
)
"""Steps, bends, straight lines, and signals that say nothing."""


def draw(n: int, seed: int) -> tuple[list[Score], NDArray[np.float64], NDArray[np.bool_]]:
    """Scores by the prior, the true probabilities, and labels drawn from them.

    A third of the signals is absent, and half of the rest is 0, as in listings.
    """
    rng = np.random.default_rng(seed)
    present = rng.random((n, len(DRAWN))) > 1 / 3
    values = rng.random((n, len(DRAWN))) * (rng.random((n, len(DRAWN))) < 0.5)
    scores, chance = [], np.empty(n)
    for i in range(n):
        signals = [Signal(DRAWN[j], float(values[i, j]), "why") for j in np.flatnonzero(present[i])]
        scores.append(PRIOR_MODEL.score("A", signals))
        chance[i] = (TRUTH.score("A", signals).value or 0.0) / 100
    return scores, chance, rng.random(n) < chance


def predicted(model: ScoreModel, scores: Sequence[Score]) -> NDArray[np.float64]:
    """Probabilities by another model."""
    logit = [model.bias + sum(model.contribution(c.signal, c.value) for c in s.contributions) for s in scores]
    return np.asarray(1 / (1 + np.exp(-np.array(logit))))


def auc(chance: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, chance))


def heights(model: ScoreModel) -> NDArray[np.float64]:
    """What each signal adds at quarters."""
    return np.array([[model.contribution(n, q / 4) for q in range(5)] for n in model.shapes])


def away(model: ScoreModel, other: ScoreModel) -> float:
    """The most by which what a signal adds differs."""
    return float(np.abs(heights(model) - heights(other)).max())


@cache
def _training() -> tuple[list[Score], NDArray[np.float64], NDArray[np.bool_]]:
    return draw(5000, 1)


@cache
def _held_out() -> tuple[list[Score], NDArray[np.float64], NDArray[np.bool_]]:
    return draw(20_000, 2)


def training_scores() -> list[Score]:
    return _training()[0]


def training_labels() -> NDArray[np.bool_]:
    return _training()[2]


def held_out_scores() -> list[Score]:
    return _held_out()[0]


def held_out_chance() -> NDArray[np.float64]:
    """The true probabilities."""
    return _held_out()[1]


def held_out_labels() -> NDArray[np.bool_]:
    return _held_out()[2]


@cache
def fitted_model() -> ScoreModel:
    return fit_scores(training_scores(), training_labels().tolist())


# -- few labels and many


def test_two_labels_hardly_move_the_prior() -> None:
    for i in range(40):
        model = fit_scores([training_scores()[i], training_scores()[i + 1]], [True, False])
        assert np.abs(np.diff(heights(model) - heights(PRIOR_MODEL))).max() <= 0.5, "of one piece: 1 / _PULL"
        assert away(model, PRIOR_MODEL) < 2.0
        assert abs(model.bias - PRIOR_MODEL.bias) < 3.4


@pytest.mark.parametrize("part", range(8))
def test_fit_of_ten_labels_stays_close_to_the_prior(part: int) -> None:
    rows = slice(10 * part, 10 * part + 10)
    model = fit_scores(training_scores()[rows], training_labels()[rows].tolist())
    assert away(model, PRIOR_MODEL) < 2.5, "ten labels from a world that is another one: half are counterfeits"
    assert (
        auc(predicted(model, held_out_scores()), held_out_labels())
        > auc(predicted(PRIOR_MODEL, held_out_scores()), held_out_labels()) - 0.01
    )


def test_labels_that_agree_with_the_prior_leave_it_as_it_is() -> None:
    rng = np.random.default_rng(3)
    agree = (rng.random(len(training_scores())) < predicted(PRIOR_MODEL, training_scores())).tolist()
    assert away(fit_scores(training_scores(), agree), PRIOR_MODEL) < 1.0


def test_thousands_of_labels_recover_the_ranking_and_the_probabilities() -> None:
    chance = predicted(fitted_model(), held_out_scores())
    assert auc(chance, held_out_labels()) > auc(held_out_chance(), held_out_labels()) - 0.01
    assert expected_calibration_error(chance, held_out_labels()) < 0.02
    assert np.abs(chance - held_out_chance()).mean() < 0.03
    assert np.abs(heights(fitted_model()) - heights(TRUTH)).mean() < 0.35


def test_the_fit_is_a_score_model_like_any_other() -> None:
    assert (fitted_model().name, fitted_model().version[:7]) == ("fitted", "fitted@")
    assert (fitted_model().review_from, fitted_model().block_from, fitted_model().min_coverage) == (
        20.0,
        80.0,
        PRIOR_MODEL.min_coverage,
    )
    assert list(fitted_model().shapes) == NAMES
    assert fit_scores(training_scores(), training_labels().tolist()) == fitted_model(), (
        "the same labels, the same model"
    )
    assert fit_scores(training_scores(), training_labels().tolist(), name="mine").name == "mine"


def test_fit_starts_from_a_given_model() -> None:
    again = fit_scores(held_out_scores()[:10], held_out_labels()[:10].tolist(), prior=fitted_model())
    assert away(again, fitted_model()) < 1.5
    steep = ScoreModel(shapes={**PRIOR, "low_price": (0.0, 60.0)})
    assert fit_scores(training_scores()[:2], [True, False], prior=steep).shapes["low_price"][-1] == pytest.approx(
        60.0, abs=2.0
    )


def test_labels_that_are_chosen_and_weighted_teach_what_drawn_ones_do() -> None:
    """All counterfeits, a tenth of the genuine: without weights the model would take half of all for counterfeits."""
    pool, _, labels = draw(20_000, 4)
    rare = labels & (np.random.default_rng(5).random(len(labels)) < 0.2)
    keep = np.flatnonzero(rare | ~labels)
    chosen = keep[rare[keep] | (np.random.default_rng(6).random(len(keep)) < 0.1)]
    drawn = fit_scores([pool[i] for i in keep], rare[keep].tolist())
    weights = np.where(rare[chosen], 1.0, 10.0)
    weighted = fit_scores([pool[i] for i in chosen], rare[chosen].tolist(), weights=weights.tolist())
    unweighted = fit_scores([pool[i] for i in chosen], rare[chosen].tolist())
    truth = predicted(drawn, held_out_scores())
    assert (
        np.abs(predicted(weighted, held_out_scores()) - truth).mean()
        < 0.04  # as many drawn labels come as near
        < 0.1
        < np.abs(predicted(unweighted, held_out_scores()) - truth).mean()
    )


def test_only_the_ratios_of_weights_count() -> None:
    some, labels = training_scores()[:300], training_labels()[:300].tolist()
    plain = fit_scores(some, labels)
    for weight in (1e-200, 1.0, 1e200):
        assert heights(fit_scores(some, labels, weights=[weight] * 300)) == pytest.approx(heights(plain), abs=1e-3)


def test_reports_without_a_candidate_weigh_nothing() -> None:
    """Whatever their weight: they are left out before weights are brought to scale."""
    some, labels = training_scores()[:300], training_labels()[:300].tolist()
    none = [PRIOR_MODEL.nothing()] * 50
    plain = fit_scores(some, labels)
    mixed = fit_scores([*none, *some], [False] * 50 + labels, weights=[1000.0] * 50 + [1.0] * 300)
    assert mixed.bias == pytest.approx(plain.bias, abs=1e-3)
    assert heights(mixed) == pytest.approx(heights(plain), abs=1e-3)


def test_unequal_weights_count_as_fewer_labels() -> None:
    """One label that outweighs all others teaches as little as one."""
    weights = [1e9] + [1.0] * 299
    model = fit_scores(training_scores()[:300], training_labels()[:300].tolist(), weights=weights)
    assert away(model, PRIOR_MODEL) < 1.5
    assert abs(model.bias - PRIOR_MODEL.bias) < 3.4


# -- odd labels


@pytest.mark.parametrize("label", [True, False])
@pytest.mark.parametrize("n", [1, 21, 50])
def test_labels_of_one_kind_are_refused(n: int, label: bool) -> None:
    """What they teach best is that all listings are of that kind; reports without a candidate say nothing either."""
    kinds = f"{n if label else 0} counterfeit and {0 if label else n} genuine"
    for scores, labels in (
        (training_scores()[:n], [label] * n),
        ([*training_scores()[:n], PRIOR_MODEL.nothing()], [*[label] * n, not label]),
    ):
        with pytest.raises(InputError, match=f"labels: expected counterfeits and genuine ones, 10 or more .* {kinds}$"):
            fit_scores(scores, labels)


@pytest.mark.parametrize(("bad", "good"), [(1, 9), (9, 40), (40, 9), (1, 1)])
def test_few_labels_of_a_kind_are_reported(bad: int, good: int, caplog: pytest.LogCaptureFixture) -> None:
    labels = [True] * bad + [False] * good
    fit_scores(training_scores()[: len(labels)], labels)
    assert f"expected 10 labels or more of either kind, got {bad} counterfeit and {good} genuine" in caplog.text
    caplog.clear()
    fit_scores(training_scores()[:20], [True, False] * 10)
    assert "expected 10 labels" not in caplog.text


def test_a_report_that_comes_often_and_contradicts_itself() -> None:
    model = fit_scores([training_scores()[0]] * 1000, [True, False] * 500)
    assert predicted(model, training_scores()[:1])[0] == pytest.approx(0.5, abs=0.02)


def test_reports_and_their_scores_are_the_same() -> None:
    reports = [make_report(score=score) for score in training_scores()[:100]]
    assert fit_scores(reports, training_labels()[:100].tolist()) == fit_scores(
        training_scores()[:100], training_labels()[:100].tolist()
    )


def test_a_model_without_signals_learns_the_share() -> None:
    empty = ScoreModel(shapes={})
    model = fit_scores([empty.score("A", [])] * 1000, [True] * 250 + [False] * 750, prior=empty)
    assert 1 / (1 + np.exp(-model.bias)) == pytest.approx(0.25, abs=0.01)


@quick
@given(n=st.integers(1, 40), seed=st.integers(0, 10**6), share=units)
def test_whatever_the_labels_a_fit_is_monotone_and_blocks_by_more_than_the_price(
    n: int, seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(training_scores()), n)
    labels = (rng.random(n) < share).tolist()
    scores = [*(training_scores()[i] for i in rows), training_scores()[0], training_scores()[1]]
    model = fit_scores(scores, [*labels, True, False])
    for name in NAMES:  # the model checks at construction that no shape falls
        alone = model.score("A", [Signal(name, 1.0, "why")])
        assert alone.band != "block" or name not in PRICE_SIGNALS


def test_labels_that_only_the_price_explains_never_make_it_block() -> None:
    price = np.array(
        [max((c.value for c in s.contributions if c.signal == "low_price"), default=0.0) for s in training_scores()]
    )
    model = fit_scores(training_scores(), (price > 0.5).tolist())
    sure = [Signal(name, float(name == "low_price"), "why") for name in NAMES]
    score = model.score("A", sure)
    assert score.value is not None
    assert score.value > 95
    assert score.band == "review"
    assert (
        with_bands(model, training_scores(), (price > 0.5).tolist(), review_share=0.2).score("A", sure).band != "block"
    )


@pytest.mark.parametrize(
    ("n", "labels", "more", "message"),
    [
        (0, [], {}, "labels: expected at least one, got none"),
        (3, [True], {}, "labels: expected one for each of 3 reports, got 1"),
        (3, True, {}, "labels: expected one for each of 3 reports, got 1"),
        (3, [[True, False, True]], {}, "labels: expected one for each of 3 reports, got 1 x 3"),
        (3, [True, False, 2], {}, "labels: expected true or false, got 2.0 at place 2"),
        (3, [True, None, False], {}, "labels: expected true or false, got nan at place 1"),
        (3, ["yes", "no", "no"], {}, "labels: expected numbers or truth values, got ['yes', 'no', 'no']"),
        (2, [True, False], {"weights": [1.0]}, "weights: expected one for each of 2 reports, got 1"),
        (2, [True, False], {"weights": [1.0, 0.0]}, "weights: expected finite numbers above 0, got 0.0 at place 1"),
        (2, [True, False], {"weights": [-1.0, 1.0]}, "weights: expected finite numbers above 0, got -1.0 at place 0"),
        (2, [True, False], {"weights": [1.0, np.nan]}, "weights: expected finite numbers above 0, got nan at place 1"),
        (2, [True, False], {"weights": [1.0, np.inf]}, "weights: expected finite numbers above 0, got inf at place 1"),
    ],
)
def test_invalid_fit_arguments_are_refused(n: int, labels: Any, more: dict[str, Any], message: str) -> None:
    for function in (fit_scores, lambda *a, **k: with_bands(PRIOR_MODEL, *a, review_share=0.1, **k)):
        with pytest.raises(InputError) as caught:
            function(training_scores()[:n], labels, **more)
        assert str(caught.value) == message


def test_reports_that_cannot_teach_are_refused() -> None:
    with pytest.raises(InputError, match="expected at least one with a candidate brand, got none"):
        fit_scores([PRIOR_MODEL.nothing()] * 3, [True, False, True])
    strange = ScoreModel(shapes=linear({"strange": 1.0})).score("A", [Signal("strange", 1.0, "why")])
    with pytest.raises(InputError, match="expected signals with a shape in prior, got 'strange'"):
        fit_scores([strange], [True])


# -- no counterfeit slips away in silence


def sure(values: dict[str, float]) -> Score:
    return PRIOR_MODEL.score("A", [Signal(name, value, "why") for name, value in values.items()])


CAUGHT = sure({"low_price": 1.0, "copied_photo": 0.6})
"""Blocked by the prior."""
HARMLESS = sure({"low_price": 0.0})


def warned(log: pytest.LogCaptureFixture, function: str) -> int:
    """How many counterfeits the warning of a function counts; 0 without one. The log is empty afterwards."""
    found = [r.args for r in log.records if r.getMessage().startswith(f"{function}: ") and "would clear" in r.msg]
    assert len(found) <= 1
    log.clear()
    return int(found[0][1]) if found and isinstance(found[0], tuple) else 0  # type: ignore[call-overload]


def test_a_fit_that_clears_counterfeits_counts_them(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever labels the false alarms alone, and one fake, teaches that such listings are genuine."""
    scores, labels = [CAUGHT] * 40, [True] + [False] * 39
    model = fit_scores(scores, labels)
    assert newly_clear(PRIOR_MODEL, model, scores, labels) == [0]
    (told,) = [r.getMessage() for r in caplog.records if "would clear" in r.getMessage()]
    prior = PRIOR_MODEL.version
    assert told == (
        f"fit: would clear 1 of 1 listing labelled counterfeit, which {prior} reviews or blocks; no review share keeps "
        "all of them: judge more listings, or keep the model in use"
    )


def caught(n: int) -> list[Score]:
    """Reviewed or blocked by price and words, each more surely than the one before."""
    return [sure({"low_price": 1.0, "lookalike_text": 0.0, "coded_terms": 0.5 + i / 50}) for i in range(n)]


def test_a_budget_on_rich_labels_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """21 confirmed counterfeits among 40 labels, and a reviewer for 2 % of the stream."""
    scores = [
        *(sure({"low_price": 1.0, "lookalike_text": 0.0, "coded_terms": 0.5 + i / 50}) for i in range(21)),
        *[HARMLESS] * 19,
    ]
    labels = [True] * 21 + [False] * 19
    assert {s.band for s in scores[:21]} <= {"review", "block"}
    with pytest.raises(InputError, match=r"got 0\.05 and 21 counterfeit of 40 labels: 19 of these, .* would be clear$"):
        with_bands(PRIOR_MODEL, scores, labels, review_share=0.05)
    model = with_bands(PRIOR_MODEL, scores, labels, review_share=0.05, weights=[1.0] * 40)
    assert warned(caplog, "with_bands") == 19, "who says that this is the stream, is told what it costs"
    assert newly_clear(PRIOR_MODEL, model, scores, labels) == list(range(19))
    drawn = [0.02] * 21 + [1.0] * 19
    kept = with_bands(PRIOR_MODEL, scores, labels, review_share=0.05, weights=drawn)
    assert newly_clear(PRIOR_MODEL, kept, scores, labels) == []
    assert warned(caplog, "with_bands") == 0


def test_a_small_budget_on_a_stream_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    scores = [
        *(sure({"low_price": 1.0, "lookalike_text": 0.0, "coded_terms": 0.5 + i / 50}) for i in range(5)),
        *[HARMLESS] * 95,
    ]
    labels = [True] * 5 + [False] * 95
    with_bands(PRIOR_MODEL, scores, labels, review_share=0.02)
    assert warned(caplog, "with_bands") == 3
    with_bands(PRIOR_MODEL, scores, labels, review_share=0.05)
    assert warned(caplog, "with_bands") == 0


def test_newly_clear_checks_its_labels() -> None:
    assert newly_clear(PRIOR_MODEL, fitted_model(), [PRIOR_MODEL.nothing()], [True]) == []
    assert newly_clear(PRIOR_MODEL, PRIOR_MODEL, training_scores()[:50], [True] * 50) == []
    with pytest.raises(InputError, match="labels: expected one for each of 3 reports, got 1"):
        newly_clear(PRIOR_MODEL, fitted_model(), training_scores()[:3], [True])


@settings(quick, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.tuples(st.integers(0, 60), st.booleans(), st.none() | units), min_size=2, max_size=40),
    share=st.floats(0.01, 0.9),
    weighted=st.booleans(),
)
def test_whatever_the_labels_no_counterfeit_becomes_clear_in_silence(
    caplog: pytest.LogCaptureFixture,
    kinds: list[tuple[int, bool, float | None]],
    share: float,
    weighted: bool,
) -> None:
    """Few and many, of one kind, rich, wrong: each listing that leaves review or block is counted by a warning."""
    caplog.clear()
    pool = [CAUGHT, HARMLESS, *training_scores()[:59]]
    reports = [
        make_report(score=pool[i], brands=() if shown is None else (BrandResult("A", shown, pool[i].value or 0.0),))
        for i, _, shown in kinds
    ]
    labels = [label for _, label, _ in kinds]
    model = PRIOR_MODEL
    try:
        model = fit_scores(reports, labels)
    except InputError:
        assert len(set(labels)) == 1, "only labels of one kind are refused"
    assert warned(caplog, "fit") == len(newly_clear(PRIOR_MODEL, model, reports, labels))
    try:
        banded = with_bands(
            model, reports, labels, review_share=share, weights=[1.0] * len(labels) if weighted else None
        )
    except InputError:
        return
    cleared = newly_clear(model, banded, reports, labels)
    assert warned(caplog, "with_bands") == len(cleared)
    for i, label in enumerate(labels):  # as a scanner would band it, by the model's own rule
        shown = kinds[i][2]
        signals = [Signal(c.signal, c.value, c.why) for c in reports[i].score.contributions]
        before, after = (m.score("A", signals, shown=shown).band for m in (model, banded))
        lost = label and before != "clear" and after == "clear"
        assert not lost or i in cleared


# -- bands

FLAT = ScoreModel(bias=-4.0, shapes=linear({"low_price": 10.0, "text": 8.0}), min_coverage=0.0)


def flat(price: float, text: float) -> Score:
    return FLAT.score("A", [Signal("low_price", price, "why"), Signal("text", text, "why")])


def blocked(model: ScoreModel, scores: Sequence[Score]) -> list[bool]:
    return [s.value is not None and model.band(s.value, s.contributions) == "block" for s in scores]


def looked_at(model: ScoreModel, scores: Sequence[Score]) -> list[bool]:
    return [s.value is not None and model.band(s.value, s.contributions) != "clear" for s in scores]


def test_the_block_band_reaches_its_precision_on_the_labels() -> None:
    fitted = [
        fitted_model().score("A", [Signal(c.signal, c.value, c.why) for c in s.contributions])
        for s in training_scores()
    ]
    for precision in (0.8, 0.9, 0.95):
        model = with_bands(fitted_model(), fitted, training_labels().tolist(), block_precision=precision)
        inside = np.array(blocked(model, fitted))
        assert inside.any()
        assert training_labels()[inside].mean() >= precision
        may = [s for s in fitted if fitted_model().band(100.0, s.contributions) == "block"]
        lower = max(s.value or 0.0 for s in may if (s.value or 0) < model.block_from)
        more = np.array(blocked(ScoreModel(fitted_model().bias, fitted_model().shapes, 1.0, lower), fitted))
        assert training_labels()[more].mean() < precision or lower < 1, "the lowest such score"
        assert model.review_from == fitted_model().review_from
        assert model.shapes == fitted_model().shapes


def test_only_listings_that_may_be_blocked_count_for_the_precision() -> None:
    """Price alone: genuine, and higher than all; they cannot be blocked, so that they spoil nothing."""
    scores = [flat(1.0, 0.0)] * 10 + [flat(0.0, 0.9)] * 10
    labels = [False] * 10 + [True] * 10
    model = with_bands(FLAT, scores, labels, block_precision=1.0)
    assert model.block_from == scores[-1].value
    assert blocked(model, scores) == labels
    with pytest.raises(InputError, match=r"some score reaches, got 0\.5; none of the listings may be blocked"):
        with_bands(FLAT, scores[:10], labels[:10], block_precision=0.5)


def test_equal_scores_get_one_band() -> None:
    scores = [flat(0.0, 1.0)] * 4 + [flat(0.0, 0.8)] * 4
    labels = [True] * 4 + [True, True, False, False]
    assert with_bands(FLAT, scores, labels, block_precision=0.9).block_from == scores[0].value
    assert with_bands(FLAT, scores, labels, block_precision=0.75).block_from == scores[4].value
    with pytest.raises(
        InputError, match=r"block_precision: expected one that some score reaches, got 0\.9; the best is"
    ):
        with_bands(FLAT, scores[4:], labels[4:], block_precision=0.9)
    rest = [flat(0.0, 0.0)] * 12
    for share, looked in ((0.1, 0), (0.2, 4), (0.39, 4), (0.4, 8), (0.9, 8)):
        model = with_bands(FLAT, scores + rest, [False] * 20, review_share=share)
        assert sum(looked_at(model, scores + rest)) == looked


def test_weights_count_in_bands() -> None:
    scores, labels = [flat(0.0, 1.0), flat(0.0, 0.8), flat(0.0, 0.0)], [True, False, False]
    assert with_bands(FLAT, scores, labels, block_precision=0.9).block_from == scores[0].value
    assert with_bands(FLAT, scores, labels, block_precision=0.9, weights=[9, 1, 1]).block_from == scores[1].value
    assert with_bands(FLAT, scores, labels, review_share=0.4, weights=[1, 1, 3]).review_from == scores[1].value
    assert with_bands(FLAT, scores, labels, review_share=0.4, weights=[1, 1, 2]).review_from == scores[0].value


def test_a_budget_that_the_highest_score_alone_exceeds_is_refused() -> None:
    """No band begins above 100, where scores end that were certain."""
    model = ScoreModel(shapes=linear({"coded_terms": 100.0}))
    scores = [model.score("A", [Signal("coded_terms", value, "why")]) for value in (1.0, 1.0, 0.0, 0.0)]
    assert scores[0].value == 100.0
    with pytest.raises(InputError, match=r"review_share: expected 0.5000 or more, which has the score 100, got 0.25"):
        with_bands(model, scores, [True] * 4, review_share=0.25)
    assert with_bands(model, scores, [True] * 4, review_share=0.5).score("A", []).band == "clear"


def test_shares_are_counted_without_rounding_errors() -> None:
    scores = [flat(0.0, 1 - i / 200) for i in range(100)]
    weights = [0.1] * 100
    labels = [i < 90 for i in range(100)]
    for n in range(1, 100):
        model = with_bands(FLAT, scores, labels, review_share=n / 100, weights=weights)
        assert sum(looked_at(model, scores)) == n
    assert with_bands(FLAT, scores, labels, block_precision=0.9, weights=weights).block_from == scores[-1].value


@quick
@given(data=st.data(), share=st.floats(0.01, 0.99), block_from=st.floats(30.0, 99.0))
def test_the_budget_is_kept(data: st.DataObject, share: float, block_from: float) -> None:
    model = ScoreModel(FLAT.bias, FLAT.shapes, 30.0, block_from, 0.0)
    parts = data.draw(st.lists(st.tuples(units, units, st.booleans(), st.floats(0.1, 10.0)), min_size=1, max_size=30))
    scores = [flat(price, text) if known else FLAT.nothing() for price, text, known, _ in parts]
    weights = np.array([weight for *_, weight in parts])
    labels = [text > 0.5 for _, text, _, _ in parts]
    banded = with_bands(model, scores, labels, review_share=share, weights=weights.tolist())
    assert weights[looked_at(banded, scores)].sum() <= share * weights.sum() + 1e-9
    assert banded.block_from >= banded.review_from


def test_the_budget_goes_before_the_block() -> None:
    """More would be blocked than people can look at: the block begins later, at a score that is precise enough."""
    scores = [flat(0.0, 0.6 + i / 100) for i in range(40)]
    labels = [i >= 20 for i in range(40)]
    model = with_bands(FLAT, scores, labels, block_precision=0.5, review_share=0.25)
    assert sum(looked_at(model, scores)) == sum(blocked(model, scores)) == 10
    with pytest.raises(InputError, match="block_precision: expected one that some score reaches"):
        with_bands(FLAT, scores, [i < 20 for i in range(40)], block_precision=0.5, review_share=0.25)


def test_what_low_coverage_sends_to_review_is_in_the_budget() -> None:
    model = ScoreModel(-4.0, linear({"low_price": 1.0, "text": 8.0}), min_coverage=0.3)
    blind = model.score("A", [Signal("low_price", 0.0, "why")], shown=0.9)
    assert blind.band == "review"
    others = [model.score("A", [Signal("text", i / 9, "why")]) for i in range(9)]
    scores = [blind] * 2 + others
    banded = with_bands(model, scores, [False] * 11, review_share=3.5 / 11)
    assert sum(looked_at(banded, others)) == 1, "two are looked at anyway"
    with pytest.raises(
        InputError, match=r"review_share: expected 0\.1818 or more, which has too low a coverage, got 0.1"
    ):
        with_bands(model, scores, [False] * 11, review_share=0.1)


def test_reports_of_another_model_are_scored_again() -> None:
    """The usual case: reports were made by the priors, and the model was fitted afterwards."""
    reports = [
        make_report(score=score, brands=(BrandResult("A", 0.9, score.value or 0.0),))
        for score in training_scores()[:500]
    ]
    own = [
        fitted_model().score("A", [Signal(c.signal, c.value, c.why) for c in s.contributions], shown=0.9)
        for s in training_scores()[:500]
    ]
    labels = training_labels()[:500].tolist()
    wanted: dict[str, Any] = {"block_precision": 0.9, "review_share": 0.5}
    model = with_bands(fitted_model(), reports, labels, **wanted)
    assert with_bands(model, reports, labels, **wanted) == model, "and again"
    looked = [model.score("A", [Signal(c.signal, c.value, c.why) for c in s.contributions], shown=0.9) for s in own]
    by_coverage = [s.band == "review" and (s.value or 0.0) < model.review_from for s in looked]
    assert 0.49 < np.mean([s.band != "clear" for s in looked]) <= 0.5
    assert any(by_coverage), "which are in the budget"
    careful = with_bands(fitted_model(), own, labels, **wanted)
    assert careful.review_from >= model.review_from - 0.5, "scores alone: it might be more, but for a neighbour"
    assert (
        with_bands(fitted_model(), own, labels, block_precision=0.9).block_from
        == with_bands(fitted_model(), reports, labels, block_precision=0.9).block_from
    )


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"block_precision": 0.0}, "block_precision: expected a share in (0, 1], got 0.0"),
        ({"block_precision": 1.1}, "block_precision: expected a share in (0, 1], got 1.1"),
        ({"block_precision": float("nan")}, "block_precision: expected a share in (0, 1], got nan"),
        ({"review_share": 0.0}, "review_share: expected a share in (0, 1), got 0.0"),
        ({"review_share": 1.0}, "review_share: expected a share in (0, 1), got 1.0"),
    ],
)
def test_a_share_out_of_range_is_refused(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        with_bands(fitted_model(), training_scores()[:10], training_labels()[:10].tolist(), **wanted)
    assert str(caught.value) == message


def test_bands_without_targets_are_unchanged() -> None:
    assert with_bands(fitted_model(), training_scores()[:10], training_labels()[:10].tolist()) == fitted_model()
