"""The benchmark of names in titles: its tricks change names, and its rates hold on a small draw."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.common.titles import BRANDS, TRICKS, honest_title, names
from benchmarks.quality.text import alarms, disguised, look_up, understood
from logoscan.text.brand_names import NameIndex
from logoscan.text.folding import fold
from logoscan.types import Brand


def test_names_are_distinct_and_seeded() -> None:
    assert names(0, 1) == []
    made = names(300, 1)
    assert made == names(300, 1) != names(300, 2)
    assert len(set(map(fold, made))) == 300


def test_every_trick_changes_the_letters_or_says_that_it_cannot() -> None:
    rng = random.Random(0)
    for trick in TRICKS.values():
        for brand in BRANDS:
            assert trick(rng, brand) not in (brand, "")
    assert TRICKS["leet_signs"](rng, "Vorth") is None


def test_disguises_are_found_and_honest_titles_left_alone() -> None:
    index = NameIndex(map(Brand, BRANDS))
    figures = disguised(index, 400, 5, 0)
    assert figures["n"] == 400
    assert figures["flagged"] >= 0.99
    assert alarms(index, [], 0) == {"flagged": 0.0, "n": 0}
    rng = random.Random(6)
    titles = [honest_title(rng, rng.choice(BRANDS)) for _ in range(400)]
    assert alarms(index, titles, 0)["flagged"] <= 0.005


def test_sentences_are_counted_by_part_and_by_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "brands.csv").write_text("brand,aliases\nNike,耐克\n", "utf-8")
    rows = (
        "set,language,says,brand,title",
        "a,zh,named,Nike,耐克鞋",
        "a,en,denied,Nike,new Nike",
        "b,en,used,Nike,used Nike",
    )
    (tmp_path / "sentences.csv").write_text("\n".join(rows), "utf-8")
    figures = understood(tmp_path / "sentences.csv", tmp_path / "brands.csv", 0)
    assert {key: row["right"] for key, row in figures.items()} == {
        "a": 0.5,
        "a_denied": 0.0,
        "a_named": 1.0,
        "b": 1.0,
        "b_used": 1.0,
    }


def test_name_lookup_equals_exhaustive_search() -> None:
    figures = look_up(names(500, 3), 4)
    assert figures["names"] == 500
    assert figures["different_of_2000"] == 0
    assert figures["spans_with_a_near_name"] > 500
