"""Titles say what is compared: sets and minis apart from full sizes, by shrunken words, within a stated bound."""

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import kinds, packs, price_records, prices, quick

from logoscan.errors import InputError
from logoscan.pricing.cohorts import CurrencyPrices
from logoscan.pricing.fit_words import word_table
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord, PriceSample, sample_prices
from logoscan.text.title_words import title_terms, title_words
from logoscan.types import Brand

ACME = Brand("Acme")
FACTORS = {"set": 2.0, "mini": 0.3, "gold": 1.6, "day": 1.0, "night": 1.0}
"""What words do to a price."""


def made(n: int = 400, seed: int = 0, brands: tuple[str, ...] = ("Acme", "Bolt")) -> list[PriceRecord]:
    rng = random.Random(seed)
    out = []
    for i in range(n):
        word = rng.choice(list(FACTORS))
        price = 40.0 * FACTORS[word] * math.exp(rng.gauss(0.0, 0.15))
        brand = brands[i % len(brands)]
        out.append(PriceRecord(brand, price, "EUR", "cream", words=title_words(f"{brand} {word} cream no {i}")))
    return out


MODEL = PriceModel.fit(made())


def anomaly(price: float, title: str | None, model: PriceModel = MODEL, category: str | None = "cream") -> float:
    found = model.judge(ACME, price, "EUR", category, words=title_words(title)).anomaly
    assert found is not None
    return found


def test_words_learn_what_they_do_to_a_price() -> None:
    (known,) = MODEL.currencies
    assert known.titled is not None
    said = {word: known.titled.shifts(title_terms(("acme", word, "cream")), "cream") for word in FACTORS}
    for word, factor in FACTORS.items():
        assert sum(said[word].values()) - sum(said["day"].values()) == pytest.approx(math.log(factor), abs=0.2)
    assert known.words == {}, "goods without a title are compared as before"


def test_a_mini_is_no_anomaly_and_a_set_at_its_price_is() -> None:
    assert anomaly(12.0, "Acme mini cream") == 0.0
    assert anomaly(12.0, "Acme set cream") == 1.0
    assert anomaly(12.0, "Acme day cream") >= 0.5
    assert anomaly(12.0, None) < anomaly(12.0, "Acme day cream"), "the title makes the comparison sharper"


def test_the_reason_names_what_was_compared() -> None:
    found = MODEL.judge(ACME, 12.0, "EUR", "cream", words=title_words("Acme gold cream"))
    assert " EUR for Acme cream with 'gold' in the title (200 prices)" in found.reason
    assert "title" not in MODEL.judge(ACME, 12.0, "EUR", "cream").reason


@quick
@given(st.lists(st.sampled_from(["mini", "tiny", "x", "sample", "set"]), max_size=40).map(" ".join), prices)
def test_no_title_takes_more_than_its_bound(title: str, price: float) -> None:
    (known,) = MODEL.currencies
    assert known.titled is not None
    cohort = known.titled.cohort("acme", "cream", "new")
    usual = known.titled.usual(cohort, terms=title_words(title))
    assert abs(usual - math.log(cohort.median)) <= 1.5 + 1e-9


@settings(quick, max_examples=100)
@given(
    st.lists(price_records, min_size=8, max_size=40),
    st.fixed_dictionaries({"pack": packs, "words": st.sampled_from([(), ("mini",), ("set", "day"), ("gold", "x")])}),
)
def test_silence_on_the_category_never_raises_the_anomaly_of_a_title(
    some: list[PriceRecord], how: dict[str, Any]
) -> None:
    model = PriceModel.fit([*some, *made(120)])
    for price in (0.5, 3.0, 10.0, 40.0, 150.0):
        silent = model.judge(ACME, price, "EUR", None, **how).anomaly or 0.0
        for category in ("bags", "shoes", "cream", "hats"):
            assert silent <= (model.judge(ACME, price, "EUR", category, **how).anomaly or 0.0) + 1e-12


@quick
@given(prices, prices, kinds, st.sampled_from([(), ("mini",), ("acme", "set")]))
def test_a_lower_price_is_never_less_suspicious(
    low: float, high: float, category: str | None, words: tuple[str, ...]
) -> None:
    low, high = sorted((low, high))
    cheap, dear = (MODEL.judge(ACME, price, "EUR", category, words=words).anomaly or 0.0 for price in (low, high))
    assert dear <= cheap


def test_few_titles_make_no_words() -> None:
    (known,) = PriceModel.fit(made(40)).currencies
    assert known.titled is None
    (known,) = PriceModel.fit([*made(40), *(PriceRecord("Acme", 40.0 + i, "EUR") for i in range(200))]).currencies
    assert known.titled is None


@pytest.mark.parametrize("titled", [0, 2])
def test_a_brand_with_hardly_a_title_is_judged_by_all_of_its_prices(titled: int) -> None:
    """Other brands' titles neither silence it nor leave it to its few titled prices."""
    rng = random.Random(3)
    plain = [PriceRecord("JBL", 100.0 * math.exp(rng.gauss(0.0, 0.15)), "EUR", "speakers") for _ in range(500)]
    few = [PriceRecord("JBL", 10.0, "EUR", "speakers", words=("jbl", "flip")) for _ in range(titled)]
    model = PriceModel.fit([*plain, *few, *made(150, brands=("Dior",))])
    (known,) = model.currencies
    assert known.titled is not None
    found = model.judge(Brand("JBL"), 10.0, "EUR", "speakers", words=title_words("JBL speaker Flip 6"))
    assert found.anomaly == 1.0
    assert found.usual == pytest.approx(100.0, rel=0.1)
    assert f"({500 + titled} prices)" in found.reason


def test_titles_come_back_from_disk_and_from_shards(tmp_path: Any) -> None:
    records = made(150)
    merged = PriceSample()
    for seed, part in enumerate((records[:70], records[70:])):
        sample_prices(part, seed).save(tmp_path / "s.json")
        merged.merge(PriceSample.load(tmp_path / "s.json"))
    whole = PriceModel.fit(records)
    assert PriceModel.fit(merged) == whole
    whole.save(tmp_path / "p.json")
    assert PriceModel.load(tmp_path / "p.json") == whole


def test_the_words_do_not_depend_on_the_order_of_the_records() -> None:
    records = made(150)
    assert PriceModel.fit(random.Random(1).sample(records, 150)) == PriceModel.fit(records)


def test_references_of_titles_are_checked() -> None:
    (known,) = MODEL.currencies
    assert known.titled is not None
    numbers = {name: getattr(known, name) for name in known.__dataclass_fields__}
    with pytest.raises(InputError, match=r"^CurrencyPrices\.words mini: expected a finite number"):
        CurrencyPrices(**{**numbers, "words": {"mini": math.nan}})
    with pytest.raises(InputError, match=r"^CurrencyPrices\.titled: expected references in EUR"):
        CurrencyPrices(**{**numbers, "titled": known})


def test_a_table_without_frequent_words_shifts_nothing() -> None:
    table = word_table(["a", "b"], [None, "x"])
    assert table.words == ()
    assert table.sums(table.fit(table.sums(table.fit([0.5, -0.5])))).tolist() == [0.0, 0.0]  # type: ignore[arg-type]
