"""Fitting references: robust, shrunk where prices are few, from shards as from one stream."""

import itertools
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import currency_prices, price_records, quick

from logoscan.errors import CorruptFileError, InputError
from logoscan.io.records import to_mapping
from logoscan.io.sealed_lines import seal
from logoscan.pricing.cohorts import NEW, USED, Cohort, CurrencyPrices, Effect
from logoscan.pricing.fit import MIN_PRICES
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import Observed, PriceRecord, PriceSample, sample_prices
from logoscan.text.quantities import Pack
from logoscan.types import Brand

ACME = Brand("Acme")
BAGS = [90.0, 92.0, 95.0, 98.0, 100.0, 102.0, 105.0, 108.0, 110.0]


def records(values: list[float], brand: str = "Acme", category: str | None = None) -> list[PriceRecord]:
    return [PriceRecord(brand, value, "EUR", category) for value in values]


def only(model: PriceModel) -> CurrencyPrices:
    (prices,) = model.currencies
    return prices


def anomaly(model: PriceModel, price: float, category: str | None = None, brand: Brand = ACME) -> float:
    found = model.judge(brand, price, "EUR", category).anomaly
    assert found is not None
    return found


def drawn(n: int, usual: float, sigma: float, seed: int = 0) -> list[float]:
    rng = random.Random(seed)
    return [usual * math.exp(rng.gauss(0.0, sigma)) for _ in range(n)]


# -- records


@pytest.mark.parametrize(
    ("price", "brand", "currency", "message"),
    [
        *(
            (price, "A", "EUR", f"PriceRecord.price: expected a finite number in [1e-06, 1e+12], got {price!r}")
            for price in (0.0, -1.0, math.nan, math.inf, 1e-7, 1e13, "5")
        ),
        (5.0, "", "EUR", "PriceRecord.brand: expected a non-empty string, got ''"),
        (5.0, None, "EUR", "PriceRecord.brand: expected a non-empty string, got None"),
        (5.0, "A", "EURO", "PriceRecord.currency: expected a three-letter ISO 4217 code, got 'EURO'"),
        (5.0, "A", None, "PriceRecord.currency: expected a three-letter ISO 4217 code, got None"),
    ],
)
def test_a_bad_record_is_refused(price: Any, brand: Any, currency: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        PriceRecord(brand, price, currency)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
@pytest.mark.parametrize("field", ["median", "spread", "discount", "amount"])
def test_a_cohort_can_be_divided_by(field: str, value: float) -> None:
    numbers: dict[str, Any] = {"median": 10.0, "spread": 0.5, field: value}
    with pytest.raises(InputError, match=rf"^Cohort\.{field}: expected a finite number above 0, got {value!r}$"):
        Cohort("brand", "acme", None, "EUR", 8, **numbers)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flags": 0.001}, "CurrencyPrices: expected 0 < begins < flags, got 1.8 and 0.001"),
        ({"centre": math.nan}, "CurrencyPrices.centre: expected a finite number in [-200, 200], got nan"),
        ({"used_shift": 0.5}, "CurrencyPrices.used_shift: expected a finite number in [-200, 0], got 0.5"),
        ({"count_exponent": -0.5}, "CurrencyPrices.count_exponent: expected a finite number in [0, 1], got -0.5"),
        ({"spread": 0.0}, "CurrencyPrices.spread: expected a finite number in [1e-06, 200], got 0.0"),
        ({"currency": "USD"}, "CurrencyPrices.cohorts: expected prices in USD, got 'EUR'"),
    ],
)
def test_references_that_cannot_judge_are_refused(changes: dict[str, Any], message: str) -> None:
    good = only(PriceModel.fit(records(BAGS)))
    with pytest.raises(InputError) as caught:
        CurrencyPrices(**{**vars_of(good), "begins": 1.8, "flags": 3.0, **changes})
    assert str(caught.value) == message


def vars_of(prices: CurrencyPrices) -> dict[str, Any]:
    return {name: getattr(prices, name) for name in prices.__dataclass_fields__}


@quick
@given(currency_prices(), st.sampled_from([NEW, USED]), st.sampled_from(["acme", "bolt", "zeta"]))
def test_a_brands_cohorts_are_those_asked_one_by_one(prices: CurrencyPrices, condition: str, brand: str) -> None:
    kinds = [k for k in ("shoes", "bags", None) if prices.sells(brand, k)]
    expected = {prices.cohort(brand, kind, condition) for kind in kinds}
    assert set(prices.brand_cohorts(brand, condition)) == expected
    assert prices.brand_cohorts(brand, condition) is prices.brand_cohorts(brand, condition), "asked for each listing"


# -- few prices and many


def test_a_currency_needs_enough_prices() -> None:
    few = PriceModel.fit(records(BAGS[: MIN_PRICES - 1]))
    assert few == PriceModel()
    assert few.judge(ACME, 1.0, "EUR").reason == "no reference prices of Acme are known"
    assert len(only(PriceModel.fit(records(BAGS[:MIN_PRICES]))).cohorts) == 1


def test_nine_prices_of_one_brand_are_enough() -> None:
    model = PriceModel.fit(records(BAGS))
    (cohort,) = only(model).cohorts
    assert (cohort.level, cohort.brand, cohort.category, cohort.n) == ("brand", "acme", None, 9)
    assert cohort.median == pytest.approx(100)
    assert cohort.spread == pytest.approx(0.2, abs=0.05)
    assert [anomaly(model, price) for price in (110, 92, 80, 20)] == [0.0, 0.0, pytest.approx(0.1, abs=0.1), 1.0]


def test_names_and_currencies_are_compared_without_case_and_spaces() -> None:
    one = [PriceRecord("ACME  Inc", p, "eur", "Hand Bags") for p in BAGS[:4]]
    model = PriceModel.fit(one + [PriceRecord("acme inc", p, "EUR", " hand  bags ") for p in BAGS[4:]])
    assert [(c.brand, c.category, c.n) for c in only(model).cohorts] == [("acme inc", "hand bags", 9)]


def test_equal_prices_have_the_least_spread() -> None:
    model = PriceModel.fit(records([50.0] * 2000, category="bags") + records([50.0] * 2000, "Bolt", "hats"))
    assert all(0.2 <= c.spread < 0.205 for c in only(model).cohorts)
    assert only(model).cohort("acme", "hats", NEW).spread >= 0.2, "guessed ones too"
    assert anomaly(model, 40, "bags") < 0.25, "a sale is no anomaly"


def test_few_prices_shrink_to_the_category_with_a_wider_spread() -> None:
    many = [r for i in range(10) for r in records(drawn(40, 100, 0.3, i), f"Brand {i}", "bags")]
    model = PriceModel.fit(many + records([60.0, 64.0], category="bags"))
    few = only(model).cohort("acme", "bags", NEW)
    full = [only(model).cohort(f"brand {i}", "bags", NEW).spread for i in range(10)]
    assert 64 < few.median < 100
    assert few.spread > 1.1 * sum(full) / len(full)
    assert few.n == 2
    assert anomaly(model, 60, "bags") < 0.1


@pytest.mark.parametrize("outliers", [[1e-3] * 3, [1e6] * 3, [1e-3, 1e6, 1e9], [1.0, 2.0, 10.0]])
@pytest.mark.parametrize("others", [0, 20])
def test_outliers_hardly_move_a_cohort(outliers: list[float], others: int) -> None:
    around = [r for i in range(others) for r in records(drawn(20, 50 + 10 * i, 0.2, i), f"Brand {i}", "bags")]
    clean, dirty = (PriceModel.fit(records(BAGS * 2 + more) + around) for more in ([], outliers))
    before, after = (only(m).cohort("acme", None, NEW) for m in (clean, dirty))
    assert after.median == pytest.approx(before.median, rel=0.05)
    assert after.spread < 1.35 * before.spread
    assert after.discount == pytest.approx(before.discount, rel=0.05)
    assert anomaly(clean, 30) >= anomaly(dirty, 30) > 0.7
    assert anomaly(dirty, 90) < 0.05


def test_a_discount_that_the_cohort_shows_is_no_anomaly() -> None:
    around = [r for i in range(20) for r in records(drawn(20, 50 + 10 * i, 0.2, i), f"Brand {i}")]
    full, sale = ([p * f for p in BAGS * 4] for f in (1.0, 0.5))
    assert anomaly(PriceModel.fit(records(full) + around), 50) > 0.5
    model = PriceModel.fit(records(full + sale[::4]) + around)
    assert anomaly(model, 50) == 0.0
    assert anomaly(model, 20) > 0.5


@quick
@given(made=st.lists(price_records, min_size=8, max_size=40), price=st.floats(1.0, 1e5))
def test_the_unit_of_money_does_not_matter(made: list[PriceRecord], price: float) -> None:
    sen = [PriceRecord(r.brand, r.price * 1000, r.currency, r.category, r.condition, r.pack) for r in made]
    one, thousand = (PriceModel.fit(m) for m in (made, sen))
    for category in ("bags", "hats", None):
        found, again = one.judge(ACME, price, "EUR", category), thousand.judge(ACME, price * 1000, "EUR", category)
        assert again.anomaly == (None if found.anomaly is None else pytest.approx(found.anomaly, abs=1e-6))


def test_many_cohorts_are_fitted_to_their_prices() -> None:
    made = [PriceRecord(f"B{i % 7}", 10.0 + i, "EUR", f"c{i % 5}" if i % 2 else None) for i in range(400)]
    prices = only(PriceModel.fit(made))
    assert sum(e.n for e in prices.brands) == sum(c.n for c in prices.cohorts) == 400
    assert sum(e.n for e in prices.categories) == 200
    assert prices.begins < prices.flags


# -- samples and shards


@quick
@given(made=st.lists(price_records, max_size=30), data=st.data())
def test_the_order_of_records_does_not_matter(made: list[PriceRecord], data: st.DataObject) -> None:
    assert PriceModel.fit(data.draw(st.permutations(made))) == PriceModel.fit(made)


def test_fit_of_prices_with_and_without_quantity_is_independent_of_order() -> None:
    packs = [Pack(), Pack(1, 30.0, "ml"), Pack(), Pack(1, 50.0, "ml"), Pack(1, 100.0, "ml"), Pack()]
    made = [PriceRecord("Acme", price, "EUR", None, None, pack) for pack in packs for price in (10.0, 10.0, 20.0)]
    fitted = [PriceModel.fit([made[i] for i in random.Random(seed).sample(range(18), 18)]) for seed in range(20)]
    assert all(model == fitted[0] for model in fitted)


@quick
@given(made=st.lists(price_records, max_size=60), data=st.data())
def test_merged_shard_samples_equal_one_sample(
    tmp_path_factory: pytest.TempPathFactory, made: list[PriceRecord], data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "shard.json"
    merged = PriceSample()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(made)), min_size=2, max_size=2)))
    for seed, (start, end) in enumerate(itertools.pairwise([0, *cuts, len(made)])):
        sample_prices(made[start:end], seed).save(path)
        assert merged.merge(PriceSample.load(path)) is merged
    assert len(merged) == len(made)
    assert PriceModel.fit(merged) == PriceModel.fit(made)


def test_memory_does_not_grow_with_the_prices(tmp_path: Path) -> None:
    values = drawn(3000, 100, 0.5)
    merged = sample_prices(records(values[:1500]), 1).merge(sample_prices(records(values[1500:]), 2))
    for name, sample in (("one", sample_prices(records(values))), ("merged", merged)):
        sample.save(tmp_path / name)
        assert len(sample) == 3000
        assert (tmp_path / name).read_text().count("[") < 300
        (cohort,) = only(PriceModel.fit(sample)).cohorts
        assert cohort.n == 3000
        assert cohort.median == pytest.approx(float(np.median(values)), rel=0.15)


def test_a_sample_comes_back_and_goes_on(tmp_path: Path) -> None:
    PriceSample().save(tmp_path / "none.json")
    assert len(PriceSample.load(tmp_path / "none.json")) == 0
    key = ("acme", None, NEW, "EUR")
    sample = PriceSample(7)
    for i in range(300):
        sample.add(key, Observed(math.log(100 + i), 0.0, math.nan if i % 2 else 1.0))
    sample.save(tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text()
    assert "NaN" not in text
    assert ",null]" in text
    again = PriceSample.load(str(tmp_path / "a.json"))
    again.save(tmp_path / "b.json")
    assert (tmp_path / "b.json").read_text() == text
    assert to_mapping(PriceModel.fit(again)) == to_mapping(PriceModel.fit(sample))
    for i in range(300):
        again.add(key, Observed(math.log(100 + i)))
    again.save(tmp_path / "b.json")
    assert len(set((tmp_path / "b.json").read_text().split("[["))) == 2
    assert len(again) == 600


_KEPT = '"seen": 1, "kept": [[0.5, 2.0, 0.0, null]]'


def saved(kept: str, brand: str = "a", condition: str = "new") -> str:
    cohort = f'"brand": "{brand}", "category": null, "condition": "{condition}", "currency": "EUR", {kept}'
    return f'{{"seed": 0, "cohorts": [{{{cohort}}}]}}'


def test_a_sample_is_plain_json(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(seal(saved(_KEPT)), encoding="utf-8")
    assert len(PriceSample.load(tmp_path / "s.json")) == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"seed": 0}',
        saved(_KEPT, condition="worn"),
        saved(_KEPT, brand=""),
        *(
            saved(bad)
            for bad in (
                '"seen": 0, "kept": [[0.5, 2.0, 0.0, null]]',
                '"seen": 5, "kept": []',
                '"seen": 5, "kept": [[0.5, 2.0, 0.0]]',
                '"seen": 5, "kept": [[0.5, null, 0.0, 1.0]]',
                '"seen": 5, "kept": [[0.5, 1e9, 0.0, 1.0]]',
                '"seen": 5, "kept": [[0.5, NaN, 0.0, 1.0]]',
            )
        ),
    ],
)
def test_another_file_is_no_sample(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(seal(text), encoding="utf-8")
    with pytest.raises(CorruptFileError, match=r"s\.json: expected a SavedSample: "):
        PriceSample.load(tmp_path / "s.json")
    for unsealed in ("", "[]", text):
        (tmp_path / "s.json").write_text(unsealed, encoding="utf-8")
        with pytest.raises(CorruptFileError, match=r"s\.json: altered, damaged or cut short"):
            PriceSample.load(tmp_path / "s.json")


def test_effects_are_checked() -> None:
    with pytest.raises(InputError, match=r"^Effect\.shift: expected a finite number in \[-200, 200\], got inf$"):
        Effect("a", math.inf, 0.5, 1)
