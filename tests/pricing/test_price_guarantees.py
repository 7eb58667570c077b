"""What holds of a judgement whatever the references are: one-sided, never worse for silence, currencies apart."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import (
    brands,
    conditions,
    currencies,
    currency_prices,
    kinds,
    packs,
    price_models,
    price_records,
    prices,
    quick,
)  # fmt: skip

from logoscan.pricing.cohorts import CurrencyPrices
from logoscan.pricing.model import PriceJudgement, PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.types import Brand, UsualPrice

thorough = settings(quick, max_examples=300)


def strength(found: PriceJudgement) -> float:
    return found.anomaly or 0.0


@st.composite
def sellers(draw: st.DrawFn) -> Brand:
    """A brand with any usual prices, which the references may know."""
    low = st.floats(0.01, 1e4)
    usual = st.builds(lambda c, p, f, k: UsualPrice(c, p, p * f, k), currencies, low, st.floats(1.0, 10.0), kinds)
    return Brand(draw(st.sampled_from(["Acme", "Zeta"])), usual_prices=tuple(draw(st.lists(usual, max_size=3))))


models = price_models() | st.lists(price_records, min_size=8, max_size=40).map(PriceModel.fit)
asked: dict[str, st.SearchStrategy[Any]] = {"condition": conditions, "pack": packs}
categories = kinds | st.just("hats")


@thorough
@given(models, sellers(), prices, prices, currencies, categories, st.fixed_dictionaries(asked))
def test_a_lower_price_is_never_less_suspicious(
    model: PriceModel, brand: Brand, low: float, high: float, currency: str, category: str | None, how: dict[str, Any]
) -> None:
    low, high = sorted((low, high))
    cheap, dear = (model.judge(brand, price, currency, category, **how) for price in (low, high))
    assert (cheap.anomaly is None) == (dear.anomaly is None)
    assert 0.0 <= strength(dear) <= strength(cheap) <= 1.0
    if dear.share is not None and dear.share >= 1.0 and dear.cohort and dear.cohort.level == "registered":
        assert dear.anomaly == 0.0, "one-sided"


@thorough
@given(models, sellers(), currencies, st.fixed_dictionaries(asked))
def test_silence_never_raises_the_anomaly(model: PriceModel, brand: Brand, currency: str, how: dict[str, Any]) -> None:
    for price in (0.5, 3.0, 10.0, 40.0, 150.0):
        silent = strength(model.judge(brand, price, currency, None, **how))
        assert strength(model.judge(brand, price, currency, "  ", **how)) == silent
        for category in ("bags", "shoes", "hats"):
            assert silent <= strength(model.judge(brand, price, currency, category, **how))
    assert model.judge(brand, None, currency, "bags", **how).anomaly is None
    assert model.judge(brand, 10.0, None, "bags", **how).anomaly is None


@thorough
@given(models, sellers(), prices, currencies, categories, st.fixed_dictionaries(asked))
def test_a_reason_is_one_sentence_with_both_prices(
    model: PriceModel, brand: Brand, price: float, currency: str, category: str | None, how: dict[str, Any]
) -> None:
    found = model.judge(brand, price, currency, category, **how)
    assert (found.anomaly is None) == (found.cohort is None) == (found.share is None)
    assert "\n" not in found.reason
    if found.cohort is None:
        assert found.reason.startswith(("prices of ", "no reference prices of "))
        return
    own = f"{price:.2f}".removesuffix(".00") if price >= 0.1 else f"{price:.2g}"
    assert found.reason.startswith(f"costs {own} {currency}")
    assert found.reason.count(found.cohort.currency) == 1 + (currency == found.cohort.currency or 1)
    if not model.rates:
        assert found.cohort.currency == currency


@quick
@given(st.lists(price_records, min_size=8, max_size=40), sellers(), prices, currencies, categories)
def test_prices_in_other_currencies_change_nothing(
    made: list[PriceRecord], brand: Brand, price: float, currency: str, category: str | None
) -> None:
    found = PriceModel.fit(made).judge(brand, price, currency, category)
    alone = PriceModel.fit([r for r in made if r.currency == currency]).judge(brand, price, currency, category)
    assert (alone.anomaly, alone.cohort) == (found.anomaly, found.cohort)


@quick
@given(currency_prices("EUR"), sellers(), prices, categories, st.fixed_dictionaries(asked), st.floats(0.01, 100.0))
def test_a_converted_price_is_judged_as_that_price(
    known: CurrencyPrices, brand: Brand, price: float, category: str | None, how: dict[str, Any], rate: float
) -> None:
    brand = Brand(brand.name, usual_prices=tuple(u for u in brand.usual_prices if u.currency == "EUR"))
    model = PriceModel((known,))
    assert model.judge(brand, price, "CHF", category, **how).anomaly is None
    model = model.with_rates({"eur": 2.0, "chf": 2.0 * rate})
    converted = model.judge(brand, price, "chf", category, **how)
    own = model.judge(brand, price * rate, "EUR", category, **how)
    assert converted.anomaly == (None if own.anomaly is None else pytest.approx(own.anomaly, abs=1e-9))


@quick
@given(brand=brands, model=price_models(), price=st.floats(5e-324, 1e308), category=st.none() | st.text())
def test_any_brand_and_price_can_be_judged(brand: Brand, model: PriceModel, price: float, category: str | None) -> None:
    found = model.judge(brand, price, "EUR", category)
    assert found.reason
    assert found.anomaly is None or 0 <= found.anomaly <= 1
