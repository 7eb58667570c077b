"""Drawn worlds: stated ranges around the given ones, a posterior that knows more than any score, and one scoring."""

import json
from typing import Any

import numpy as np
import pytest
from paths import BENCHMARKS

from benchmarks.simulated.many_worlds import RANGES, Signals, drawn_world, first_precision, summary
from benchmarks.simulated.posterior import posterior
from benchmarks.simulated.score import TextReader, auc, price_records, scan
from benchmarks.simulated.worlds import PriceRow, read_evidence, read_world, simulate
from logoscan.pricing.model import PriceModel
from logoscan.scoring.model import ScoreModel

WORLDS = BENCHMARKS / "simulated" / "world_files"
ROWS = [
    PriceRow(f"brand{b}", f"kind{k}", 20.0 * (b + 1) * (k + 1) * (1 + i / 40), "XAA", f"Brand{b} kind{k} no {i}")
    for b in range(4)
    for k in range(3)
    for i in range(12)
]
EVIDENCE = read_evidence()


def given_numbers(world: dict[str, Any]) -> dict[str, float]:
    """The numbers of a world by the names of the ranges."""
    out = {"merchants_a_listing": world["merchants"] / world["listings"]}
    for name in RANGES:
        outer, _, inner = name.partition(".")
        value = world.get(outer, 0.0)
        out.setdefault(name, value.get(inner, 0.0) if inner else value)
    return out


@pytest.mark.parametrize("name", ["plain", "sales", "adversarial"])
def test_the_given_worlds_lie_in_the_middle_half_of_each_range(name: str) -> None:
    for key, value in given_numbers(read_world(WORLDS / f"{name}.json")).items():
        low, high = RANGES[key]
        by_log = key == "counterfeit_rate"
        first, third = (low * (high / low) ** q if by_log else low + q * (high - low) for q in (0.25, 0.75))
        assert max(0.0, first) <= value + 1e-9, key
        assert value <= max(0.0, third) + 1e-9, key


def test_a_world_is_its_number() -> None:
    assert drawn_world(3) == drawn_world(3) != drawn_world(4)
    worlds = [given_numbers(drawn_world(n)) for n in range(40)]
    for name, (low, high) in RANGES.items():
        values = [world[name] for world in worlds]
        assert max(0.0, low) <= min(values) < max(values) <= high + 0.5, name
    json.dumps(drawn_world(0))


@pytest.fixture(scope="module")
def drawn() -> tuple[dict[str, Any], Any, Any]:
    world = {**drawn_world(1), "counterfeit_rate": 0.2, "listings": 400, "merchants": 60}
    made = simulate(world, ROWS, EVIDENCE, 0)
    prices = PriceModel.fit(price_records(ROWS))
    return world, made, scan(made, prices, made.stream, TextReader(made.brands))


def test_the_posterior_knows_more_than_the_score(drawn: tuple[dict[str, Any], Any, Any]) -> None:
    world, made, scanned = drawn
    known = posterior(world, made, EVIDENCE)
    assert ((known >= 0) & (known <= 1)).all()
    values = Signals(scanned).scores(ScoreModel())
    assert auc(known, scanned.counterfeit) > auc(values, scanned.counterfeit) > 0.7
    assert known.mean() == pytest.approx(scanned.counterfeit.mean(), abs=0.06), "calibrated"
    assert first_precision(known, scanned.counterfeit) == 1.0


def test_scores_at_once_are_those_one_by_one(drawn: tuple[dict[str, Any], Any, Any]) -> None:
    _, _, scanned = drawn
    model = ScoreModel(bias=-3.0)
    one_by_one = [
        max((model.score(j.brand, _signals(j)).value or 0.0 for j in judged), default=-1.0) for judged in scanned.judged
    ]
    np.testing.assert_allclose(Signals(scanned).scores(model), one_by_one, atol=1e-9)


def _signals(judgement: Any) -> list[Any]:
    from logoscan.results import Signal

    return [Signal(p.signal, p.value, p.why) for p in judgement.score.contributions]


def test_a_summary_has_means_and_worst_deciles() -> None:
    worlds = [
        {
            "auc": a,
            "lost_to_plain_10000": loss,
            "auc_100": a,
            "auc_100_plain": 0.8,
            "auc_1000": 0.7,
            "auc_1000_plain": 0.8,
        }
        for a, loss in ((0.9, 0.0), (0.7, 0.01))
    ]
    found = summary(worlds)
    assert found["auc"] == {"mean": 0.8, "worst_decile": 0.72}
    assert found["lost_to_plain_10000"] == {"mean": 0.005, "worst_decile": 0.009}
    assert (found["not_under_plain_10000"], found["above_plain_100"], found["above_plain_1000"]) == (1, 1, 0)
