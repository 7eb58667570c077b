"""Test buys: known probabilities, honest intervals, nothing dropped, and an error for each bad input."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import make_report, quick

from logoscan.cases._inclusion import inclusion_probabilities, random_order
from logoscan.cases.buys import (
    BuyPlan,
    BuyResult,
    Outcome,
    buys_page,
    candidates_of,
    estimate_rate,
    plan_buys,
    read_buys,
    read_candidates,
    result_sheet,
    to_labels,
)
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.rows import BadRow
from logoscan.odds import sigmoid
from logoscan.results import ListingFacts, Score
from logoscan.review.journal import Journal

pa = pytest.importorskip("pyarrow")
pytest.importorskip("svy")


def table(count: int, **columns: Sequence[Any]) -> Any:
    """Candidates "l0", "l1", ... of one brand, with a p of 0.1, unless said otherwise."""
    usual = {"listing_id": [f"l{i}" for i in range(count)], "brand": ["Acme"] * count, "p": [0.1] * count}
    return pa.table({**usual, **columns})


def market(count: int = 2000, seed: int = 0) -> tuple[Any, dict[str, bool]]:
    """Candidates of four brands and 300 sellers, some of them unknown, and which are counterfeit."""
    rng = np.random.default_rng(seed)
    p = rng.beta(0.3, 6.0, count)
    sellers = rng.integers(0, 300, count).tolist()
    candidates = table(
        count,
        brand=[f"brand {i}" for i in rng.integers(0, 4, count)],
        category=[None if i == 0 else f"c{i}" for i in rng.integers(0, 3, count)],
        seller_id=[None if s == 0 else f"s{s}" for s in sellers],
        price=rng.lognormal(3.5, 1.0, count).tolist(),
        p=p.tolist(),
        model=["m@1"] * count,
    )
    return candidates, dict(zip(candidates["listing_id"].to_pylist(), (rng.random(count) < p).tolist(), strict=True))


def results_of(plan: BuyPlan, fake: dict[str, bool], **other: Outcome) -> list[BuyResult]:
    """What becomes of the buys: `other` by listing, else the truth."""
    truth: dict[bool, Outcome] = {True: "counterfeit", False: "genuine"}
    return [BuyResult(b.listing_id, other.get(b.listing_id, truth[fake[b.listing_id]])) for b in plan.buys]


# -- the probabilities


@st.composite
def frames(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(1, 60))

    def numbers(high: int) -> Any:
        return np.array(draw(st.lists(st.integers(0, high), min_size=count, max_size=count)), np.int64)

    p = draw(st.lists(st.sampled_from([0.0, 1e-9, 0.01, 0.2, 0.5, 0.9, 1.0]), min_size=count, max_size=count))
    strata = np.unique(numbers(4), return_inverse=True)[1]
    return {
        "p": np.array(p),
        "strata": strata,
        "sellers": numbers(12),
        "floor": draw(st.integers(0, 8)),
        "explore": draw(st.sampled_from([0.05, 0.2, 1.0])),
        "most_per_seller": draw(st.integers(1, 4)),
    }


def limits(frame: dict[str, Any]) -> tuple[int, int]:
    """The smallest and the largest budget, by counting."""
    cap = frame["most_per_seller"]
    pairs = Counter(zip(frame["strata"].tolist(), frame["sellers"].tolist(), strict=True))
    room = Counter[int]()
    for (stratum, _), count in pairs.items():
        room[stratum] += min(count, cap)
    most = sum(min(count, cap) for count in Counter(frame["sellers"].tolist()).values())
    return min(sum(min(frame["floor"], count) for count in room.values()), most), most


@settings(quick, max_examples=200)
@given(frame=frames(), data=st.data())
def test_every_candidate_has_a_chance_and_no_limit_is_broken(frame: dict[str, Any], data: st.DataObject) -> None:
    smallest, most = limits(frame)
    budget = data.draw(st.integers(max(1, smallest), most))
    pi = inclusion_probabilities(budget=budget, **frame)
    assert (pi > 0).all()
    assert pi.max() <= 1 + 1e-9
    assert pi.sum() == pytest.approx(budget, abs=1e-6)
    assert np.bincount(frame["sellers"], pi).max() <= frame["most_per_seller"] + 1e-6
    if len(set(zip(frame["sellers"].tolist(), frame["strata"].tolist(), strict=True))) == len(set(frame["sellers"])):
        share = np.bincount(frame["strata"], pi)
        size = np.bincount(frame["strata"])
        room = [
            sum(min(c, frame["most_per_seller"]) for c in Counter(frame["sellers"][frame["strata"] == h]).values())
            for h in range(len(size))
        ]
        assert (share >= np.minimum(room, frame["floor"]) - 1e-6).all(), "sellers of one stratum: the floor is reached"


@settings(quick, max_examples=100)
@given(frame=frames())
def test_a_budget_below_the_floors_names_the_smallest_one(frame: dict[str, Any]) -> None:
    smallest, most = limits(frame)
    for budget in {1, smallest - 1} & set(range(1, smallest)):
        with pytest.raises(InputError, match=rf"^budget: expected {smallest} or more, .*, got {budget}$"):
            inclusion_probabilities(budget=budget, **frame)
    if smallest:
        inclusion_probabilities(budget=smallest, **frame)
    with pytest.raises(InputError, match=rf"^budget: expected at most {most}, .*, got {most + 1}$"):
        inclusion_probabilities(budget=most + 1, **frame)


def test_the_size_measure_is_the_stated_one() -> None:
    p = np.array([0.0, 0.02, 0.1, 0.5, 0.9, 1.0])
    codes = np.arange(6)
    pi = inclusion_probabilities(p, np.zeros(6, np.int64), codes, 1, floor=0, explore=0.2, most_per_seller=3)
    doubt = np.sqrt(p * (1 - p))
    size = 0.2 + 0.8 * doubt / doubt.mean()
    assert pi == pytest.approx(size / size.sum())


@settings(quick, max_examples=50)
@given(frame=frames(), seed=st.integers(0, 99))
def test_sellers_stand_together_in_the_order(frame: dict[str, Any], seed: int) -> None:
    order = random_order(frame["strata"], frame["sellers"], np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(len(order)))
    run = frame["sellers"][order]
    assert (np.diff(run) != 0).sum() == len(set(run.tolist())) - 1


# -- the plan


@settings(quick, max_examples=30)
@given(frame=frames(), data=st.data(), seed=st.integers(0, 2**40))
def test_a_draw_has_its_budget_and_at_most_so_many_of_a_seller(
    frame: dict[str, Any], data: st.DataObject, seed: int
) -> None:
    smallest, most = limits(frame)
    budget = data.draw(st.integers(max(1, smallest), most))
    candidates = table(
        len(frame["p"]),
        brand=[f"b{i}" for i in frame["strata"]],
        seller_id=[f"s{i}" for i in frame["sellers"]],
        p=frame["p"].tolist(),
    )
    limited = {name: frame[name] for name in ("floor", "explore", "most_per_seller")}
    plan = plan_buys(candidates, budget, seed=seed, **limited)
    assert len({buy.listing_id for buy in plan.buys}) == budget
    assert max(Counter(buy.seller_id for buy in plan.buys).values()) <= frame["most_per_seller"]
    pi = inclusion_probabilities(budget=budget, **frame)
    assert [buy.pi for buy in plan.buys] == pytest.approx([min(1, pi[int(b.listing_id[1:])]) for b in plan.buys])
    assert plan.buys == plan_buys(candidates, budget, seed=seed, **limited).buys
    assert sum(stratum.buys for stratum in plan.strata) == budget
    assert sum(stratum.expected for stratum in plan.strata) == pytest.approx(budget, abs=1e-6)


def test_blank_names_are_none_and_unknown_sellers_are_not_one_seller() -> None:
    plan = plan_buys(table(20, seller_id=["", " ", None, "a"] * 5, brand=["", " ", None, "Acme"] * 5), 18, floor=3)
    assert {stratum.name for stratum in plan.strata} == {"(none)", "Acme"}
    assert Counter(buy.seller_id for buy in plan.buys) == {None: 15, "a": 3}


def test_listings_are_bought_as_often_as_the_plan_says() -> None:
    candidates = table(
        8, p=[0.0, 0.01, 0.1, 0.5, 0.9, 0.3, 0.3, 0.02], seller_id=["a", "a", "b", None, None, "c", "c", "c"]
    )
    times: Counter[str] = Counter()
    rounds = 600
    for seed in range(rounds):
        times.update(buy.listing_id for buy in plan_buys(candidates, 3, floor=0, most_per_seller=1, seed=seed).buys)
    sellers = np.array([0, 0, 1, 2, 3, 4, 4, 4])
    pi = inclusion_probabilities(
        candidates["p"].to_numpy(), np.zeros(8, np.int64), sellers, 3, floor=0, explore=0.2, most_per_seller=1
    )
    for i in range(8):
        assert times[f"l{i}"] / rounds == pytest.approx(pi[i], abs=4.5 * math.sqrt(pi[i] * (1 - pi[i]) / rounds) + 1e-9)


def test_a_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    candidates, _ = market()
    plan = plan_buys(candidates, 200, by=("brand", "category"), floor=5)
    plan.save(tmp_path / "plan.parquet")
    assert BuyPlan.load(tmp_path / "plan.parquet") == plan
    assert (tmp_path / "plan.parquet").stat().st_mode & 0o077 == 0
    again = plan_buys(candidates, 200, by=("brand", "category"), floor=5, seed=plan.seed)
    assert again.buys == plan.buys
    assert plan_buys(candidates, 200, by=("brand", "category"), floor=5).seed != plan.seed, "a seed is a secret"
    assert {s.name for s in plan.strata} >= {"brand 0 / c1", "brand 3 / (none)"}
    assert plan.candidates == 2000
    assert all(buy.stratum == f"{buy.group('brand')} / {buy.group('category')}" for buy in plan.buys)


def test_an_altered_plan_is_refused(tmp_path: Path) -> None:
    from pyarrow import parquet

    plan_buys(market()[0], 100).save(tmp_path / "plan.parquet")
    whole = (tmp_path / "plan.parquet").read_bytes()
    rows = parquet.read_table(tmp_path / "plan.parquet")
    parquet.write_table(rows.slice(1), tmp_path / "fewer.parquet")
    with pytest.raises(CorruptFileError, match=r"^fewer\.parquet: expected the listings that were drawn, got others"):
        BuyPlan.load(tmp_path / "fewer.parquet")
    parquet.write_table(rows.replace_schema_metadata(None), tmp_path / "bare.parquet")
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.parquet").write_text("listing_id,pi\n")
    for name in ("bare", "cut", "text"):
        with pytest.raises(
            CorruptFileError, match=rf"^{name}\.parquet: expected a plan of test buys, got another file"
        ):
            BuyPlan.load(tmp_path / f"{name}.parquet")
    with pytest.raises(InputError, match="plan: expected a file, got"):
        BuyPlan.load(tmp_path / "none.parquet")


def test_candidates_come_from_reports(tmp_path: Path) -> None:
    from pyarrow import parquet

    score = Score(100 * sigmoid(-1.0), "review", "Acme", -1.0, (), 0.5, "m@1")
    nothing = Score(None, "clear", None, -5.0, (), 0.0, "m@1")
    facts = ListingFacts(category="shoes", price=5.0)
    reports = [
        make_report(listing_id="a", seller_id="s", score=score, listing=facts),
        make_report(listing_id="b", score=nothing),
    ]
    candidates = candidates_of(iter(reports))
    assert candidates.to_pylist() == [
        {"listing_id": "a", "seller_id": "s", "brand": "Acme", "category": "shoes", "model": "m@1", "price": 5.0,
         "p": pytest.approx(sigmoid(-1.0))},
        {"listing_id": "b", "seller_id": None, "brand": None, "category": None, "model": "m@1", "price": None,
         "p": pytest.approx(sigmoid(-5.0))},
    ]  # fmt: skip
    assert len(candidates_of([])) == 0
    plan = plan_buys(candidates, 2)
    assert {(b.listing_id, b.stratum, b.pi) for b in plan.buys} == {("a", "Acme", 1.0), ("b", "(none)", 1.0)}
    parquet.write_table(candidates, tmp_path / "c.parquet")
    assert read_candidates(tmp_path / "c.parquet").to_pylist() == candidates.to_pylist()
    assert len(read_candidates(tmp_path)) == 2
    with pytest.raises(InputError, match="candidates: expected a Parquet file, or a folder of them, got"):
        read_candidates(tmp_path / "none")
    (tmp_path / "d.parquet").write_text("no")
    with pytest.raises(CorruptFileError, match=r"d\.parquet: not Parquet, or damaged"):
        read_candidates(tmp_path / "d.parquet")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"p": [0.1, 1.5, 0.1]}, "p: expected a probability in [0, 1], got 1.5"),
        ({"p": [0.1, -0.1, 0.1]}, "p: expected a probability in [0, 1], got -0.1"),
        ({"p": [0.1, math.nan, 0.1]}, "p: expected a probability in [0, 1], got nan"),
        ({"p": [0.1, None, 0.1]}, "p: expected a probability in [0, 1], got nan"),
        ({"listing_id": ["a", "a", "b"]}, "listing_id: 'a' is there twice; only the first counts"),
        ({"listing_id": ["a", None, "b"]}, "listing_id: expected one, got an empty cell"),
        ({"listing_id": ["a", " ", "b"]}, "listing_id: expected one, got an empty cell"),
    ],
)
def test_a_bad_row_is_reported_and_the_others_are_kept(
    columns: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad: list[BadRow] = []
    plan = plan_buys(table(3, **columns), 2, on_error=bad.append)
    assert bad == [BadRow(2, reason)]
    assert (len(plan.buys), plan.candidates) == (2, 2)
    assert plan_buys(table(3, **columns), 2).candidates == 2
    assert f"candidates, line 2 is left out: {reason}" in caplog.text
    with pytest.raises(InputError) as caught:
        plan_buys(table(3, **columns), 2, on_error="raise")
    assert str(caught.value) == f"candidates, line 2: {reason}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"budget": 14}, "budget: expected 15 or more, 15 for each of 1 strata or all that it allows, got 14"),
        ({"budget": 0}, "plan_buys.budget: expected a whole number in [1, 1000000000], got 0"),
        ({"budget": 1.5}, "plan_buys.budget: expected a whole number in [1, 1000000000], got 1.5"),
        (
            {"budget": 41},
            "budget: expected at most 40, since 40 candidates are on sale and 3 are bought from a seller at most",
        ),
        ({"floor": -1}, "plan_buys.floor: expected a whole number in [0, 1000000000], got -1"),
        (
            {"explore": 0.0},
            "plan_buys.explore: expected more than 0, since a listing that is never bought says nothing",
        ),
        ({"explore": 1.1}, "plan_buys.explore: expected a finite number in [0, 1], got 1.1"),
        ({"most_per_seller": 0}, "plan_buys.most_per_seller: expected a whole number in [1, 1000000000], got 0"),
        ({"by": ("colour",)}, "plan_buys.by: expected brand, category, seller, got 'colour'"),
        ({"seed": -1}, "plan_buys.seed: expected a whole number in [0, 9223372036854775807], got -1"),
        ({"on_error": "ignore"}, "on_error: expected raise, skip or a function, got 'ignore'"),
        ({"candidates": []}, "candidates: expected an Arrow table, got list"),
        ({"candidates": table(0)}, "candidates: expected at least one, got none"),
        ({"candidates": table(3).drop(["p"])}, "candidates: expected the columns listing_id, p, got no p"),
        ({"candidates": table(3, p=["a", "b", "c"])}, "candidates, column p: expected double ("),
    ],
)
def test_arguments_of_a_plan_are_checked(arguments: dict[str, Any], message: str) -> None:
    given = {"candidates": table(40), "budget": 20, **arguments}
    with pytest.raises(InputError) as caught:
        plan_buys(given.pop("candidates"), given.pop("budget"), **given)
    assert str(caught.value).startswith(message)


# -- rates


def twin(plan: BuyPlan, outcomes: dict[str, int], confidence: float = 0.95) -> tuple[float, float, float]:
    """Hajek's ratio on calibrated weights, its Taylor variance, and the interval of Korn and Graubard, by hand."""
    from scipy.stats import beta, t

    buys = [buy for buy in plan.buys if buy.listing_id in outcomes]
    y = np.array([outcomes[buy.listing_id] for buy in buys], np.float64)
    w = np.array([1 / buy.pi for buy in buys])
    x = np.array([[1.0, buy.p] for buy in buys])
    count, df = len(buys), len(buys) - 1
    slopes = np.linalg.solve((x * w[:, None]).T @ x, np.array([plan.candidates, plan.suspected]) - w @ x)
    g = w * (1 + x @ slopes)
    rate = float(g @ y / g.sum())
    influence = (y - rate) / g.sum()
    fitted = x @ np.linalg.solve((x * w[:, None]).T @ x, (x * w[:, None]).T @ influence)
    z = g * (influence - fitted)
    variance = count / df * float(((z - z.mean()) ** 2).sum())
    tail = (1 - confidence) / 2
    effective = rate * (1 - rate) / variance * (t.ppf(tail, count - 1) / t.ppf(tail, df)) ** 2
    hits = effective * rate
    return (
        rate,
        float(beta.ppf(tail, hits, effective - hits + 1)),
        float(beta.ppf(1 - tail, hits + 1, effective - hits)),
    )


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize("seed", range(3))
def test_the_rate_is_the_one_by_hand(seed: int, confidence: float) -> None:
    candidates, fake = market(seed=seed)
    plan = plan_buys(candidates, 300, seed=seed)
    rate = estimate_rate(results_of(plan, fake), plan, confidence=confidence).overall
    expected = twin(plan, {b.listing_id: int(fake[b.listing_id]) for b in plan.buys}, confidence)
    assert (rate.rate, rate.low, rate.high) == pytest.approx(expected, rel=1e-6)
    assert rate.least == rate.most == pytest.approx(rate.rate)


def test_rates_by_group_are_those_of_their_buys() -> None:
    candidates, fake = market(seed=5)
    plan = plan_buys(candidates, 300, seed=5)
    rates = estimate_rate(results_of(plan, fake), plan, by=("brand", "category", "seller"))
    for kind, groups in rates.groups.items():
        assert sum(rate.planned for rate in groups) == 300
        assert [rate.planned for rate in groups] == sorted((rate.planned for rate in groups), reverse=True)
        for rate in groups:
            mine = [buy for buy in plan.buys if buy.group(kind) == rate.name]
            assert rate.planned == len(mine)
            assert rate.counterfeit == sum(fake[buy.listing_id] for buy in mine)
            assert rate.rate is not None
            assert 0 <= rate.low <= rate.rate <= rate.high <= 1
            assert rate.low < rate.high, "no rate without its interval"
            if rate.planned == 1:
                assert (rate.low, rate.high) == (0.0, 1.0)
    assert {rate.name for rate in rates.groups["category"]} == {"(none)", "c1", "c2"}


@settings(quick, max_examples=15)
@given(count=st.integers(2, 40))
def test_without_a_counterfeit_the_interval_is_the_exact_one(count: int) -> None:
    """That of Clopper and Pearson, by the number of buys."""
    plan = plan_buys(table(200), count, floor=0, seed=count)
    none = estimate_rate([BuyResult(b.listing_id, "genuine") for b in plan.buys], plan).overall
    assert [none.rate, none.low] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / count), rel=1e-6)
    every = estimate_rate([BuyResult(b.listing_id, "counterfeit") for b in plan.buys], plan).overall
    assert [every.rate, every.high] == pytest.approx([1.0, 1.0])
    assert every.low == pytest.approx(0.025 ** (1 / count), rel=1e-6)


def test_what_is_not_judged_is_an_interval() -> None:
    plan = plan_buys(table(400), 100, seed=1)
    ids = [buy.listing_id for buy in plan.buys]
    times: dict[Outcome, int] = {"not_delivered": 5, "inconclusive": 3, "counterfeit": 4, "genuine": 80}
    kinds = [kind for kind, count in times.items() for _ in range(count)]
    rate = estimate_rate([BuyResult(*one) for one in zip(ids, kinds, strict=False)], plan).overall
    assert (rate.planned, rate.judged, rate.counterfeit, rate.genuine) == (100, 84, 4, 80)
    assert (rate.not_delivered, rate.inconclusive, rate.waiting) == (5, 3, 8)
    assert rate.rate == pytest.approx(4 / 84)
    assert rate.least == pytest.approx(4 / 100)
    assert rate.most == pytest.approx(20 / 100)


def test_before_any_result_nothing_is_known() -> None:
    plan = plan_buys(table(40), 20, seed=1)
    rate = estimate_rate([], plan, by=("brand",)).groups["brand"][0]
    assert rate.rate is None
    assert [rate.low, rate.high, rate.least, rate.most] == pytest.approx([0.0, 1.0, 0.0, 1.0])
    assert rate.waiting == 20


def test_a_result_that_is_not_of_the_plan_is_in_no_rate() -> None:
    plan = plan_buys(table(40), 20, seed=1)
    bad: list[BadRow] = []
    first = plan.buys[0].listing_id
    results = [
        BuyResult(first, "genuine", line=2), BuyResult("other", "counterfeit", line=3),
        BuyResult(first, "counterfeit", line=4),
    ]  # fmt: skip
    rates = estimate_rate(results, plan, on_error=bad.append)
    assert bad == [
        BadRow(3, "listing_id: 'other' is in no rate: it was not planned"),
        BadRow(4, f"listing_id: {first!r} has a result already; it counts"),
    ]
    assert (rates.outside, rates.overall.judged, rates.overall.counterfeit) == (1, 1, 0)
    with pytest.raises(InputError, match="results, line 3: listing_id: 'other' is in no rate"):
        estimate_rate(results, plan, on_error="raise")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"confidence": 1.0}, "estimate_rate.confidence: expected a number between 0 and 1, got 1.0"),
        ({"confidence": 95}, "estimate_rate.confidence: expected a finite number in [0, 1], got 95"),
        ({"by": ("price",)}, "estimate_rate.by: expected brand, category, seller, got 'price'"),
        ({"on_error": 3}, "on_error: expected raise, skip or a function, got 3"),
    ],
)
def test_arguments_of_an_estimate_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        estimate_rate([], plan_buys(table(40), 20), **arguments)
    assert str(caught.value) == message


def test_intervals_hold_the_truth_and_the_rate_has_no_bias() -> None:
    """A small simulation; `python -m benchmarks buys` is the large one."""
    candidates, fake = market(4000, seed=9)
    truth = np.mean(list(fake.values()))
    errors, held = [], 0
    for seed in range(60):
        plan = plan_buys(candidates, 200, seed=seed)
        rate = estimate_rate(results_of(plan, fake), plan).overall
        assert rate.rate is not None
        errors.append(rate.rate - truth)
        held += int(rate.low <= truth <= rate.high)
    assert held >= 51, "60 rounds at 95 %: fewer than 51 once in a million"
    assert abs(np.mean(errors)) < 4.5 * np.std(errors) / math.sqrt(60)


# -- results and labels


def test_results_are_read_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        "listing_id;Outcome;note\na;Counterfeit;stitching\nb;not delivered;\nc;;\na;genuine;\nd;fake;\n;genuine;\n"
        "e;INCONCLUSIVE;\n"
    )
    bad: list[BadRow] = []
    assert read_buys(path, on_error=bad.append) == (
        BuyResult("a", "counterfeit", note="stitching", line=2),
        BuyResult("b", "not_delivered", line=3),
        BuyResult("e", "inconclusive", line=8),
    )
    assert [(row.line, row.reason) for row in bad] == [
        (5, "listing_id: 'a' has a result in line 2; that one counts"),
        (6, "outcome: expected counterfeit, genuine, not_delivered, inconclusive, got 'fake'"),
        (7, "listing_id: expected one, got an empty cell"),
    ]
    with pytest.raises(InputError, match=r"r\.csv, line 5: listing_id: 'a' has a result in line 2"):
        read_buys(path, on_error="raise")
    path.write_text("listing_id,verdict2\na,genuine\n")
    with pytest.raises(InputError, match=r"r\.csv: expected the columns listing_id, outcome"):
        read_buys(path)
    with pytest.raises(InputError, match="results: expected a CSV file, got"):
        read_buys(tmp_path / "none.csv")
    with pytest.raises(
        InputError, match=r"^outcome: expected counterfeit, genuine, not_delivered, inconclusive, got 'x'"
    ):
        BuyResult("a", "x")  # type: ignore[arg-type]


def test_a_sheet_is_filled_in_and_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Ids and brands that a spreadsheet would take for formulas come back as they were."""
    names = [f"=l{i}" for i in range(30)]
    plan = plan_buys(table(30, listing_id=names, brand=["-Acme-"] * 30), 20, seed=1)
    sheet = result_sheet(plan)
    assert not {"p", "pi", "score", "seed"} & set(sheet.splitlines()[0].split(",")), "nobody judges by the score"
    rows = list(csv.DictReader(sheet.splitlines()))
    assert [row["listing_id"] for row in rows] == [f"'{buy.listing_id}" for buy in plan.buys]
    path = tmp_path / "r.csv"
    path.write_text(sheet.replace(",,,\n", ",genuine,Jo,\n"))
    results = read_buys(path)
    assert caplog.text == ""
    assert estimate_rate(results, plan).overall.genuine == 20
    labels = list(to_labels(results, plan))
    assert {(row.listing_id, row.brand) for row in labels} == {(buy.listing_id, "-Acme-") for buy in plan.buys}


def test_labels_go_into_the_journal_with_their_weights(tmp_path: Path) -> None:
    candidates, _ = market()
    plan = plan_buys(candidates, 100, seed=1)
    first, second, third = plan.buys[:3]
    results = [
        BuyResult(first.listing_id, "counterfeit", reviewer="Jo", note="label", line=2),
        BuyResult(second.listing_id, "genuine", line=3),
        BuyResult(third.listing_id, "not_delivered", line=4),
        BuyResult("chosen", "genuine", "Acme", line=5),
        BuyResult("nameless", "genuine", line=6),
    ]
    bad: list[BadRow] = []
    done = Journal(tmp_path / "v.jsonl").import_rows(to_labels(results, plan, on_error=bad.append))
    assert (done.added, bad) == (3, [BadRow(6, "brand: expected one, since 'nameless' is not in the plan")])
    journal = Journal(tmp_path / "v.jsonl")
    rows = journal.not_undone()
    assert [(v.listing_id, v.brand, v.answer, v.source, v.weight, v.reviewer, v.note) for v in rows] == [
        (first.listing_id, first.brand, "counterfeit", "test_buy", 1 / first.pi, journal.reviewer("Jo"), "label"),
        (second.listing_id, second.brand, "genuine", "test_buy", 1 / second.pi, None, None),
        ("chosen", "Acme", "genuine", "test_buy", 1.0, None, None),
    ]
    again = Journal(tmp_path / "v.jsonl").import_rows(to_labels(results, plan))
    assert (again.added, again.there) == (0, 3)


def test_a_planned_listing_without_a_brand_is_no_label() -> None:
    plan = plan_buys(table(20, brand=[None] * 20), 15, seed=1)
    bad: list[BadRow] = []
    unnamed = [BuyResult(buy.listing_id, "genuine") for buy in plan.buys]
    assert list(to_labels(unnamed, plan, on_error=bad.append)) == []
    named = [BuyResult(plan.buys[0].listing_id, "counterfeit", "Acme")]
    assert [row.brand for row in to_labels(named, plan, on_error=bad.append)] == ["Acme"]
    assert bad == []


# -- the page


def test_a_page_tells_how_many_were_bought_and_how_sure_the_rate_is() -> None:
    candidates, fake = market(seed=3)
    plan = plan_buys(candidates, 300)
    lost = dict.fromkeys([buy.listing_id for buy in plan.buys[:10]], "not_delivered")
    rates = estimate_rate(results_of(plan, fake, **lost), plan, by=("brand", "seller"))  # type: ignore[arg-type]
    page = buys_page(plan, rates)
    overall = rates.overall
    assert overall.rate is not None
    assert f"<h1>{100 * overall.rate:.1f} % of 2,000 listings are counterfeit ({100 * overall.low:.1f}–" in page
    assert "10 never came, 0 undecided, 0 without a result" in page
    assert f"<b>{100 * overall.least:.1f} % / {100 * overall.most:.1f} %</b>" in page
    assert all(f"<bdi>{rate.name}</bdi>" in page for rate in rates.groups["brand"])
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert page == buys_page(plan, rates)
    for secret in (str(plan.seed), *(buy.listing_id for buy in plan.buys)):
        assert f">{secret}<" not in page
    assert "<script" not in page


def test_a_page_on_a_plan_says_what_it_can_tell() -> None:
    plan = plan_buys(market(seed=3)[0], 300, seed=3)
    page = buys_page(plan)
    assert "<h1>Plan: 300 test buys among 2,000 listings</h1>" in page
    assert "Keep this page and the plan from sellers." in page
    assert "scored by m@1" in page
    assert buys_page(plan_buys(table(40), 20, by=())).count("<section") == 2


def test_a_page_names_strata_below_their_floor() -> None:
    """One seller has both brands: the cap goes before the floor."""
    candidates = table(60, brand=["Acme"] * 20 + ["<b>olt"] * 40, seller_id=["one"] * 40 + [f"s{i}" for i in range(20)])
    plan = plan_buys(candidates, 20, floor=10, most_per_seller=2, seed=1)
    page = buys_page(plan)
    assert "Below their least number, since their sellers reach their most" in page
    assert "<bdi>&lt;b&gt;olt</bdi>" in page


def test_before_any_result_the_page_says_so() -> None:
    plan = plan_buys(table(40), 20)
    assert "<h1>Test buys: no result yet</h1>" in buys_page(plan, estimate_rate([], plan, by=("brand",)))
