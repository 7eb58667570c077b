"""What photos say against what listings say: plain contradictions, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.text.specs import PhotoLine, spec_clashes


def kinds(texts: list[str], title: str | None, confidence: float = 0.95, **options: Any) -> list[str]:
    lines = [PhotoLine(text, confidence) for text in texts]
    return [c.kind for c in spec_clashes(lines, title, {}, **options)]


@pytest.mark.parametrize(
    ("texts", "title", "expected"),
    [
        ([], "Phone 256GB", []),
        (["256GB"], None, []),
        (["256GB"], "Phone 1TB", ["capacity"]),
        (["1TB"], "SSD 1024 GB", []),
        (["8GB+256GB"], "Phone 256 GB", []),
        (["64GB", "128GB", "256GB"], "Phone 512GB", []),
        (["50 ml e 1.7 fl.oz."], "Perfume 100 ml", ["amount"]),
        (["50 ml e 1.7 fl.oz."], "Perfume 1.7 oz", []),
        (["500 g"], "Rice 2 x 500 g", []),
        (["Fat 30 g"], "Butter 250 g", []),
        (["a long line of words beside 30 ml of it"], "Perfume 100 ml", []),
    ],
)
def test_capacities_and_amounts(texts: list[str], title: str | None, expected: list[str]) -> None:
    assert kinds(texts, title) == expected


def test_lines_that_are_not_sure_say_nothing() -> None:
    assert kinds(["256GB"], "Phone 1TB", confidence=0.6) == []


def test_attributes_count_as_words() -> None:
    lines = [PhotoLine("256GB", 0.9)]
    assert [c.kind for c in spec_clashes(lines, "Phone", {"Storage": "1 TB"})] == ["capacity"]
    assert spec_clashes(lines, "Phone", {"Storage": "256 GB"}) == ()
    assert spec_clashes(lines, "Phone", {"Colour": "1 TB blue"}) == ()


def test_models_and_serials_by_registered_patterns() -> None:
    models: dict[str, Any] = {"model_patterns": ("[A-Z]{2}[0-9]{4}",)}
    assert kinds(["ART AB1234"], "Shoe XY9999", **models) == ["model"]
    assert kinds(["ART AB1234"], "Shoe ab1234", **models) == []
    assert kinds(["ART AB1234"], "Shoe", **models) == []
    assert kinds(["S/N: 12AB34CD"], "x", serial_patterns=("C[0-9]{7}",)) == ["serial"]
    assert kinds(["S/N: C1234567"], "x", serial_patterns=("C[0-9]{7}",)) == []


def test_a_pattern_that_runs_away_is_stopped() -> None:
    assert kinds(["a" * 60 + "!"], "b" * 60, model_patterns=("(a|aa)+$",)) == []


@quick
@given(st.lists(st.text(max_size=40), max_size=6), st.text(max_size=60))
def test_no_text_breaks_it(texts: list[str], title: str) -> None:
    assert all(kind in ("capacity", "amount") for kind in kinds(texts, title))
