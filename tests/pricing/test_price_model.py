"""Judging prices: which reference is asked, what is said of it, and what is not judged."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from strategies import kinds, price_models, prices, quick

from logoscan.errors import CorruptFileError, InputError
from logoscan.io.sealed_lines import seal
from logoscan.pricing.cohorts import Cohort, CurrencyPrices, Effect
from logoscan.pricing.model import PriceJudgement, PriceModel, condition_of
from logoscan.pricing.sample import PriceRecord
from logoscan.text.quantities import Pack
from logoscan.types import Brand, UsualPrice

ACME = Brand("Acme")
BAGS = [90.0, 92.0, 95.0, 98.0, 100.0, 102.0, 105.0, 108.0, 110.0]
"""Around 100."""


def records(
    values: Sequence[float],
    brand: str = "Acme",
    currency: str = "EUR",
    category: str | None = None,
    condition: str | None = None,
) -> list[PriceRecord]:
    return [PriceRecord(brand, value, currency, category, condition) for value in values]


def scaled(factor: float) -> list[float]:
    return [value * factor for value in BAGS]


def strength(found: PriceJudgement) -> float:
    return found.anomaly or 0.0


# -- what is not judged


def test_an_empty_model_knows_nothing() -> None:
    assert PriceModel.fit([]) == PriceModel() == PriceModel(())
    assert PriceModel().judge(ACME, 5.0, "EUR", "bags") == PriceJudgement(None, "no reference prices of Acme are known")


@pytest.mark.parametrize(
    ("price", "currency", "reason"),
    [
        (None, "EUR", "the listing states no price"),
        (0.0, "EUR", "a price of 0 is no price"),
        (5.0, None, "the listing states no currency"),
    ],
)
def test_unstated_prices_are_not_judged(price: float | None, currency: str | None, reason: str) -> None:
    assert PriceModel.fit(records(BAGS)).judge(ACME, price, currency) == PriceJudgement(
        None, reason, has_references=True
    )


def test_another_currency_is_not_compared_and_the_reason_says_so() -> None:
    model = PriceModel.fit(records(BAGS, category="bags") + records(scaled(100), currency="JPY"))
    for category in ("bags", None):
        assert model.judge(ACME, 1.0, "USD", category) == PriceJudgement(
            None, "prices of Acme are known in EUR, JPY, the listing is in USD: not compared", has_references=True
        )
    usual = Brand("Acme", usual_prices=(UsualPrice("GBP", 80, 120),))
    assert "known in EUR, GBP, JPY, the listing is in USD" in model.judge(usual, 1.0, "USD").reason
    zeta = model.judge(Brand("Zeta"), 1.0, "USD", "bags")
    assert zeta == PriceJudgement(None, "prices of bags are known in EUR, the listing is in USD: not compared")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": {"EUR": 0.0}}, "PriceModel.rates EUR: expected a finite number in [1e-12, 1e+12], got 0.0"),
        ({"rates": {"EUR": math.nan}}, "PriceModel.rates EUR: expected a finite number in [1e-12, 1e+12], got nan"),
        ({"currencies": PriceModel.fit(records(BAGS)).currencies * 2}, "expected each currency once, got EUR, EUR"),
    ],
)
def test_a_model_that_cannot_judge_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        PriceModel(**changes)
    assert message in str(caught.value)


# -- which reference is asked


def test_the_nearest_reference_is_asked() -> None:
    goods = records(BAGS, category="bags") + records(scaled(3), category="shoes")
    model = PriceModel.fit(goods + records(scaled(0.2), "Bolt", category="bags") + records(BAGS, "Bolt", "EUR", "hats"))

    def asks(brand: str, category: str | None, price: float = 50) -> str | None:
        cohort = model.judge(Brand(brand), price, "EUR", category).cohort
        return None if cohort is None else f"{cohort.level} {cohort.brand} {cohort.category} {cohort.n}"

    assert asks("Acme", "bags") == asks("ACME ", " Bags") == "brand+category acme bags 9"
    assert asks("Acme", None) == "brand+category acme bags 9", "the most lenient"
    assert asks("Acme", "hats", 70) == "brand acme hats 0", "what brand and category together suggest"
    assert asks("Zeta", "bags") == "category None bags 0"
    assert asks("Zeta", "socks") is asks("Zeta", None) is None


def test_another_word_for_a_category_is_no_anomaly() -> None:
    caps = records((14, 15, 16, 15, 14, 16, 15, 15), category="Caps")
    shoes = records((110, 120, 115, 118, 112, 119, 121, 117), category="Shoes")
    model = PriceModel.fit([*caps, *shoes])
    assert model.judge(ACME, 15.0, "EUR").anomaly == 0.0
    scarves = model.judge(ACME, 15.0, "EUR", "Scarves")
    assert strength(scarves) < 0.5
    assert "EUR for Acme (by other prices" in scarves.reason, "nothing is known of scarves"
    assert model.judge(ACME, 15.0, "EUR", "Shoes").anomaly == 1.0
    assert model.judge(ACME, 1.0, "EUR", "Scarves").anomaly == 1.0


def test_a_judgement_says_what_was_compared() -> None:
    found = PriceModel.fit(records([100.0] * 8, category="bags")).judge(ACME, 25, "EUR", "bags")
    assert found.reason == "costs 25 EUR, 25 % of the usual 100 EUR for Acme bags (8 prices)"
    assert found.share == pytest.approx(0.25)
    converted = PriceModel.fit(records([100.0] * 8)).with_rates({"EUR": 1.0, "USD": 0.5}).judge(ACME, 50, "USD")
    assert converted.reason == "costs 50 USD (25 EUR), 25 % of the usual 100 EUR for Acme (8 prices)"


@pytest.mark.parametrize(
    ("spreads", "anomaly"), [(-3.0, 0.0), (0.0, 0.0), (1.5, 0.0), (2.5, 0.5), (3.5, 1.0), (40.0, 1.0)]
)
def test_the_anomaly_rises_with_the_spreads_below_the_usual_price(spreads: float, anomaly: float) -> None:
    cohort = Cohort("brand", "acme", None, "EUR", 100, 80.0, 0.5)
    known = CurrencyPrices(
        "EUR", 4.0, 0.5, 0.5, 0.5, (Effect("acme", 0.4, 0.5, 100),), (), (cohort,), -0.7, 0.3, 0.5, 0.4, 1.5, 2.5
    )
    judged = PriceModel((known,)).judge(ACME, 80.0 * math.exp(-0.5 * spreads), "EUR")
    assert judged.anomaly == pytest.approx(anomaly)


# -- the owner's usual prices

OWNER = Brand("Acme", usual_prices=(UsualPrice("EUR", 100, 400, "bags"), UsualPrice("EUR", 20, 45)))


def test_usual_prices_come_first() -> None:
    model = PriceModel.fit(records(scaled(0.01), category="bags"))
    found = model.judge(OWNER, 10, "EUR", "bags")
    assert found.reason == "costs 10 EUR; Acme says 100 to 400 EUR for bags"
    assert found.anomaly == 1.0
    assert found.share == pytest.approx(0.05)
    assert found.cohort is not None
    assert (found.cohort.level, found.cohort.n) == ("registered", 0)
    assert model.judge(ACME, 10, "EUR", "bags").anomaly == 0.0


def test_the_range_of_the_category_goes_before_the_general_one() -> None:
    brand = Brand("Acme", usual_prices=(UsualPrice("EUR", 80, 240), UsualPrice("EUR", 4, 10, "Bits")))
    judged = [PriceModel().judge(brand, 8.0, "EUR", category).anomaly for category in ("bits ", "Drills", None)]
    assert judged == [0.0, 1.0, 0.0]


def test_a_usual_price_in_another_currency_leaves_the_cohort_unless_rates_are_given() -> None:
    model = PriceModel.fit(records(BAGS, currency="USD"))
    for rates, level in (({}, "brand"), ({"USD": 1.0, "EUR": 1.1}, "registered")):
        cohort = model.with_rates(rates).judge(OWNER, 10, "USD", "bags").cohort
        assert cohort is not None
        assert cohort.level == level


@pytest.mark.parametrize(
    ("price", "anomaly"), [(1e6, 0.0), (100.0, 0.0), (99.0, 0.016), (70.0, 0.571), (50.0, 1.0), (0.01, 1.0)]
)
def test_the_owners_low_end_is_still_genuine(price: float, anomaly: float) -> None:
    assert PriceModel().judge(OWNER, price, "EUR", "bags").anomaly == pytest.approx(anomaly, abs=2e-2)


# -- used goods and packs


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        *((t, "new") for t in (None, "", "New with tags", "unused", "never worn", "Unworn", "not used", "ungebraucht")),
        *((t, "used") for t in ("Used - like new", "Pre-owned", "second hand", "https://schema.org/UsedCondition")),
        *((t, "used") for t in ("Gebraucht", "d'occasion", "reconditionné", "For parts or not working")),
    ],
)
def test_conditions_of_goods(text: str | None, condition: str) -> None:
    assert condition_of(text) == condition


def test_used_goods_at_half_price_are_no_anomaly() -> None:
    for model, brand in ((PriceModel.fit(records(BAGS)), ACME), (PriceModel(), OWNER)):
        half = 50.0 if brand is ACME else 11.0
        assert strength(model.judge(brand, half * 0.9, "EUR")) > 0.5
        used = model.judge(brand, half, "EUR", condition="used")
        assert used.anomaly == 0.0
        assert "used" in used.reason or used.reason.endswith("for new goods")


def test_used_prices_are_learnt() -> None:
    new = records(BAGS * 3, category="bags")
    model = PriceModel.fit(new + records(scaled(0.15) * 6, category="bags", condition="used"))
    assert model.judge(ACME, 14, "EUR", "bags", condition="used").anomaly == 0.0
    assert model.judge(ACME, 14, "EUR", "bags").anomaly == 1.0
    assert strength(PriceModel.fit(new).judge(ACME, 14, "EUR", "bags", condition="used")) > 0.0


def test_a_pack_is_compared_with_as_much() -> None:
    triple = [PriceRecord("Acme", p * 2.4, "EUR", None, None, Pack(3)) for p in BAGS * 3]
    large = [PriceRecord("Acme", p * 2, "EUR", "cream", None, Pack(1, 100.0, "ml")) for p in BAGS * 3]
    small = [PriceRecord("Acme", p, "EUR", "cream", None, Pack(1, 30.0, "ml")) for p in BAGS * 3]
    model = PriceModel.fit(records(BAGS * 3) + triple + large + small)
    shares = [model.judge(ACME, 100, "EUR", pack=Pack(n)).share for n in (1, 3)]
    assert shares == [pytest.approx(1.0, abs=0.1), pytest.approx(0.42, abs=0.05)]
    content = [model.judge(ACME, 100, "EUR", "cream", pack=Pack(1, ml, "ml")).share for ml in (30.0, 100.0)]
    assert content == [pytest.approx(1.0, abs=0.1), pytest.approx(0.5, abs=0.07)]
    assert model.judge(ACME, 35, "EUR", pack=Pack(3)).anomaly == 1.0


# -- on disk


@quick
@given(model=price_models(), price=prices, category=kinds)
def test_a_model_round_trips(
    tmp_path_factory: pytest.TempPathFactory, model: PriceModel, price: float, category: str | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "prices.json"
    model.save(path)
    again = PriceModel.load(str(path))
    assert again == model
    assert repr(again) == repr(model)
    assert again.judge(ACME, price, "EUR", category) == model.judge(ACME, price, "EUR", category)


@pytest.mark.parametrize(
    "text",
    ['{"currencies": 5}', '{"currencies": [{"currency": "EUR"}]}', '{"rates": {"EUR": -1}}', '{"rates": 1}'],
)
def test_another_file_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(seal(text), encoding="utf-8")
    with pytest.raises(CorruptFileError, match=r"p\.json: expected a PriceModel: "):
        PriceModel.load(path)
    for unsealed in ("", "[]", text):
        path.write_text(unsealed, encoding="utf-8")
        with pytest.raises(CorruptFileError, match=r"p\.json: altered, damaged or cut short"):
            PriceModel.load(path)
