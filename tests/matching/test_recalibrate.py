"""Thresholds and intercepts fitted to judged matches: what is shown of them holds, and what is not is refused."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace

import numpy as np
import pytest
from builders.scans import CALIBRATION
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.errors import InputError
from logoscan.matching.recalibrate import (
    LEAST_OF_EACH,
    THRESHOLDS,
    WRONG_SHARE,
    JudgedMatches,
    _binomial_tail,
    least_matches,
    recalibrate,
)
from logoscan.odds import log_odds, sigmoid

WIDE = 0.3
"""A share of wrong names that few labels can hold."""


def judged(*groups: tuple[int, float, bool]) -> JudgedMatches:
    """Matches by number, probability and label."""
    rows = [(p, right) for n, p, right in groups for _ in range(n)]
    return JudgedMatches(np.array([p for p, _ in rows], np.float64), np.array([right for _, right in rows], np.bool_))


def threshold_before(these: JudgedMatches, wrong_share: float) -> float:
    """The threshold that is fitted, as a probability by the calibration before it was shifted."""
    made = recalibrate(CALIBRATION, these, "a test", wrong_share)
    return sigmoid(log_odds(made.threshold) - (made.intercept - CALIBRATION.intercept))


matches = st.lists(st.tuples(st.floats(0.02, 1.0), st.booleans()), min_size=least_matches(WIDE), max_size=200).map(
    lambda rows: judged(*((1, p, right) for p, right in rows))
)


# -- how many are needed


def test_no_matches_are_too_few() -> None:
    with pytest.raises(InputError, match=r"expected 86 matches or more .* hold 5.0% wrong names, got 0: judge more"):
        recalibrate(CALIBRATION, judged(), "a test")


@pytest.mark.parametrize(("share", "least"), [(0.05, 86), (0.1, 42), (0.5, 7)])
def test_so_many_are_needed_and_suffice_where_all_are_right(share: float, least: int) -> None:
    assert least_matches(share) == least
    assert recalibrate(CALIBRATION, judged((least, 0.99, True)), "a test", share).threshold == THRESHOLDS[-1]
    with pytest.raises(InputError, match=f"expected {least} matches or more"):
        recalibrate(CALIBRATION, judged((least - 1, 0.99, True)), "a test", share)


@pytest.mark.parametrize("share", [0.0, -0.1, 0.51, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(InputError, match=r"wrong_share: expected a share above 0, and 0\.5 at most"):
        least_matches(share)


def test_matches_check_themselves() -> None:
    with pytest.raises(InputError, match="of one length"):
        JudgedMatches(np.zeros(2), np.zeros(3, np.bool_))
    with pytest.raises(InputError, match=r"expected values in 0\.\.1"):
        JudgedMatches(np.array([np.nan]), np.zeros(1, np.bool_))
    assert len(judged((3, 0.5, True))) == 3


# -- the threshold


def test_the_threshold_goes_down_only_as_far_as_names_are_right() -> None:
    made = recalibrate(CALIBRATION, judged((60, 0.97, True), (60, 0.75, True), (20, 0.45, False)), "a test", 0.1)
    assert made == replace(CALIBRATION, threshold=0.7, fitted_on="a test; then a test"), "and nothing else is fitted"


def test_the_threshold_goes_no_further_down_than_listings_were_judged() -> None:
    high = [(100, 0.97, True)]
    assert recalibrate(CALIBRATION, judged(*high, (9, 0.35, True)), "a test").threshold == 0.95
    assert recalibrate(CALIBRATION, judged(*high, (10, 0.35, True)), "a test").threshold == 0.3


def test_a_share_that_no_threshold_holds_gives_the_highest_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        made = recalibrate(CALIBRATION, judged((80, 0.97, True), (20, 0.97, False)), "a test")
    assert made.threshold == 0.95
    assert "none is shown to hold 5.0 % wrong names; nearest to it is 0.95, with 20 wrong of 100" in caplog.text


@pytest.mark.parametrize(("trials", "probability"), [(0, 0.1), (1, 0.5), (6, 0.3), (9, 0.05)])
def test_the_tail_is_the_sum_over_all_outcomes(trials: int, probability: float) -> None:
    for successes in range(trials + 1):
        chance = sum(
            float(np.prod([probability if hit else 1 - probability for hit in outcome]))
            for outcome in itertools.product([False, True], repeat=trials)
            if sum(outcome) <= successes
        )
        assert _binomial_tail(successes, trials, probability) == pytest.approx(chance)


@quick
@given(matches, st.data())
def test_one_more_wrong_name_never_lowers_the_threshold(given_matches: JudgedMatches, data: st.DataObject) -> None:
    flipped = given_matches.right.copy()
    flipped[data.draw(st.integers(0, len(flipped) - 1))] = False
    assert threshold_before(replace(given_matches, right=flipped), WIDE) >= threshold_before(given_matches, WIDE) - 1e-9


@quick
@given(matches, st.integers(0, 99))
def test_the_order_of_matches_does_not_matter(given_matches: JudgedMatches, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(given_matches))
    other = JudgedMatches(given_matches.probability[order], given_matches.right[order])
    first, second = (recalibrate(CALIBRATION, these, "a test", WIDE) for these in (given_matches, other))
    assert first.threshold == pytest.approx(second.threshold)
    assert first.intercept == pytest.approx(second.intercept)


def test_the_share_is_held_as_often_as_stated() -> None:
    """On made-up matches whose probabilities are true: in nine of ten fits or more, few of the named are wrong."""
    rng = np.random.default_rng(0)
    broken = 0
    population = rng.beta(2.0, 1.0, 100_000)
    for _ in range(200):
        probability = rng.choice(population, 300)
        threshold = threshold_before(JudgedMatches(probability, rng.random(300) < probability), 0.2)
        named = population[population >= threshold]
        broken += float(1 - named.mean()) > 0.2
    assert broken <= 20


# -- the intercept


def test_the_intercept_stays_where_labels_are_few() -> None:
    few = judged((200, 0.97, True), (LEAST_OF_EACH - 1, 0.1, False))
    assert recalibrate(CALIBRATION, few, "a test").intercept == CALIBRATION.intercept


@quick
@given(st.lists(st.floats(0.02, 0.999), min_size=100, max_size=200), st.integers(LEAST_OF_EACH, 70))
def test_the_mean_probability_becomes_the_share_of_right_names(probabilities: list[float], wrong: int) -> None:
    these = judged(*((1, p, i >= wrong) for i, p in enumerate(probabilities)))
    made = recalibrate(CALIBRATION, these, "a test", WRONG_SHARE)
    shift = made.intercept - CALIBRATION.intercept
    mean = np.mean([sigmoid(log_odds(p) + shift) for p in probabilities])
    assert mean == pytest.approx(these.right.mean(), abs=1e-6)
    assert (made.similarity, made.margin, made.log_brands) == (
        CALIBRATION.similarity,
        CALIBRATION.margin,
        CALIBRATION.log_brands,
    )


def test_a_shift_names_the_same_listings() -> None:
    these = judged((200, 0.85, True), (2, 0.85, False), (60, 0.45, False))
    assert recalibrate(CALIBRATION, these, "a test").intercept != CALIBRATION.intercept
    assert threshold_before(these, WRONG_SHARE) == pytest.approx(0.8)
