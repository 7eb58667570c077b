"""The benchmark of names in titles: its tricks change names, and its rates hold on a small draw."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from paths import BENCHMARKS, importable

from logoscan.text.brand_names import NameIndex
from logoscan.text.folding import fold
from logoscan.types import Brand


@pytest.fixture(scope="module")
def bench() -> Any:
    with importable(BENCHMARKS):
        import text
        import text_titles
    return SimpleNamespace(text=text, titles=text_titles)


def test_names_are_distinct_and_seeded(bench: Any) -> None:
    assert bench.titles.names(0, 1) == []
    made = bench.titles.names(300, 1)
    assert made == bench.titles.names(300, 1) != bench.titles.names(300, 2)
    assert len(set(map(fold, made))) == 300


def test_every_trick_changes_the_letters_or_says_that_it_cannot(bench: Any) -> None:
    rng = random.Random(0)
    for trick in bench.titles.TRICKS.values():
        for brand in bench.titles.BRANDS:
            assert trick(rng, brand) not in (brand, "")
    assert bench.titles.TRICKS["leet_signs"](rng, "Vorth") is None


def test_disguises_are_found_and_honest_titles_left_alone(bench: Any) -> None:
    index = NameIndex(map(Brand, bench.titles.BRANDS))
    figures = bench.text.disguised(index, 400, 5, 0)
    assert figures["n"] == 400
    assert figures["flagged"] >= 0.99
    assert bench.text.alarms(index, [], 0) == {"flagged": 0.0, "n": 0}
    rng = random.Random(6)
    titles = [bench.titles.honest_title(rng, rng.choice(bench.titles.BRANDS)) for _ in range(400)]
    assert bench.text.alarms(index, titles, 0)["flagged"] <= 0.005


def test_name_lookup_equals_exhaustive_search(bench: Any) -> None:
    figures = bench.text.look_up(bench.titles.names(500, 3), 4)
    assert figures["names"] == 500
    assert figures["different_of_2000"] == 0
    assert figures["spans_with_a_near_name"] > 500
