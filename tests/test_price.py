"""Price references: robust, one-sided, and never across currencies."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import brands, currencies, price_models, price_records, prices, quick

from logoscan.errors import CorruptFileError, InputError
from logoscan.price import MIN_COHORT, Cohort, PriceJudgement, PriceModel, PriceRecord
from logoscan.types import Brand, UsualPrice

ACME = Brand("Acme")
BAGS = [90.0, 92.0, 95.0, 98.0, 100.0, 102.0, 105.0, 108.0, 110.0]
"""Around 100."""


def records(
    values: list[float], brand: str = "Acme", currency: str = "EUR", category: str | None = None
) -> list[PriceRecord]:
    return [PriceRecord(brand, value, currency, category) for value in values]


def scaled(factor: float) -> list[float]:
    return [value * factor for value in BAGS]


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
def test_what_is_not_stated_is_not_judged(price: float | None, currency: str | None, reason: str) -> None:
    model = PriceModel.fit(records(BAGS))
    assert model.judge(ACME, price, currency) == PriceJudgement(None, reason)


@pytest.mark.parametrize(
    ("price", "brand", "currency", "message"),
    [
        (0.0, "A", "EUR", "PriceRecord.price: expected a finite number above 0, got 0.0"),
        (-1.0, "A", "EUR", "PriceRecord.price: expected a finite number above 0, got -1.0"),
        (math.nan, "A", "EUR", "PriceRecord.price: expected a finite number above 0, got nan"),
        (math.inf, "A", "EUR", "PriceRecord.price: expected a finite number above 0, got inf"),
        ("5", "A", "EUR", "PriceRecord.price: expected a finite number above 0, got '5'"),
        (5.0, "", "EUR", "PriceRecord.brand: expected a non-empty string, got ''"),
        (5.0, None, "EUR", "PriceRecord.brand: expected a non-empty string, got None"),
        (5.0, "A", "EURO", "PriceRecord.currency: expected an ISO 4217 code, got 'EURO'"),
        (5.0, "A", None, "PriceRecord.currency: expected an ISO 4217 code, got None"),
    ],
)
def test_a_bad_record_is_refused(price: float, brand: str, currency: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        PriceRecord(brand, price, currency)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("field", "value"), [("median", 0.0), ("median", math.nan), ("spread", 0.0), ("spread", math.inf)]
)
def test_a_cohort_can_be_divided_by(field: str, value: float) -> None:
    numbers = {"median": 10.0, "spread": 0.5, field: value}
    with pytest.raises(InputError, match=rf"^Cohort\.{field}: expected a finite number above 0, got {value!r}$"):
        Cohort("brand", "acme", None, "EUR", 8, **numbers)


# -- fitting


def test_a_cohort_is_median_and_spread_of_the_log_price() -> None:
    model = PriceModel.fit(records([10.0, 20.0, 40.0, 80.0, 160.0] * 2, category="bags"))
    (brand,) = (c for c in model.cohorts if c.level == "brand")
    assert (brand.brand, brand.category, brand.currency, brand.n) == ("acme", None, "EUR", 10)
    assert brand.median == pytest.approx(40)
    assert brand.spread == pytest.approx(1.4826 * math.log(2))
    levels = {(c.level, c.brand, c.category) for c in model.cohorts}
    assert levels == {("brand", "acme", None), ("brand+category", "acme", "bags"), ("category", None, "bags")}


def test_names_and_currencies_are_compared_without_case_and_spaces() -> None:
    model = PriceModel.fit(
        records(BAGS[:4], "ACME  Inc", "eur", "Hand Bags") + records(BAGS[4:], "acme inc", "EUR", " hand  bags ")
    )
    assert {c.n for c in model.cohorts} == {9}
    found = model.judge(Brand("Acme Inc"), 50, "eUr", "HAND BAGS")
    assert found.cohort is not None
    assert (found.cohort.level, found.cohort.n) == ("brand+category", 9)


def test_a_cohort_needs_enough_prices() -> None:
    assert MIN_COHORT == 8
    assert PriceModel.fit(records(BAGS[: MIN_COHORT - 1])).cohorts == ()
    assert [c.n for c in PriceModel.fit(records(BAGS[:MIN_COHORT])).cohorts] == [MIN_COHORT]


def test_prices_that_are_all_equal_have_the_least_spread() -> None:
    (cohort,) = PriceModel.fit(records([50.0] * 20)).cohorts
    assert cohort.median == pytest.approx(50)
    assert cohort.spread == 0.25
    assert PriceModel.fit(records([50.0] * 20)).judge(ACME, 40, "EUR").anomaly == 0.0, "a sale is no anomaly"


@pytest.mark.parametrize("outliers", [[1e-3] * 3, [1e6] * 3, [1e-3, 1e6, 1e9]])
def test_outliers_hardly_move_a_cohort(outliers: list[float]) -> None:
    clean = PriceModel.fit(records(BAGS * 2)).judge(ACME, 30, "EUR")
    dirty = PriceModel.fit(records(BAGS * 2 + outliers)).judge(ACME, 30, "EUR")
    assert clean.cohort is not None
    assert dirty.cohort is not None
    assert dirty.cohort.median == pytest.approx(clean.cohort.median, rel=0.05)
    assert dirty.anomaly == pytest.approx(clean.anomaly, abs=0.1)
    assert clean.anomaly is not None
    assert clean.anomaly > 0.5


@quick
@given(made=st.lists(price_records, max_size=30), data=st.data())
def test_the_order_of_records_does_not_matter(made: list[PriceRecord], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(made))
    assert set(PriceModel.fit(shuffled).cohorts) == set(PriceModel.fit(made).cohorts)


@quick
@given(made=st.lists(price_records, max_size=40))
def test_cohorts_equal_a_plain_twin(made: list[PriceRecord]) -> None:
    fitted = {(c.level, c.brand, c.category, c.currency): c for c in PriceModel.fit(made).cohorts}
    expected: dict[tuple[str, str | None, str | None, str], list[PriceRecord]] = {}
    for currency in ("EUR", "USD", "GBP"):
        here = [r for r in made if r.currency == currency]
        for brand in ("Acme", "Bolt"):
            expected["brand", brand.lower(), None, currency] = [r for r in here if r.brand == brand]
            for category in ("shoes", "bags"):
                expected["brand+category", brand.lower(), category, currency] = [
                    r for r in here if (r.brand, r.category) == (brand, category)
                ]
        for category in ("shoes", "bags"):
            expected["category", None, category, currency] = [r for r in here if r.category == category]
    expected = {key: rows for key, rows in expected.items() if len(rows) >= MIN_COHORT}
    assert fitted.keys() == expected.keys()
    for key, rows in expected.items():
        assert fitted[key].n == len(rows)
        assert math.log(fitted[key].median) == pytest.approx(
            float(np.median([math.log(r.price) for r in rows])), abs=1e-9
        )


# -- judging


def test_the_narrowest_cohort_that_is_known_is_asked() -> None:
    bags = records(BAGS, category="bags")
    shoes = records(scaled(3), category="shoes")
    others = records(scaled(0.2), "Bolt", category="bags") + records(scaled(9), "Bolt", category="hats")
    model = PriceModel.fit(bags + shoes + others)

    def level(brand: str, category: str | None) -> str | None:
        cohort = model.judge(Brand(brand), 50, "EUR", category).cohort
        return None if cohort is None else f"{cohort.level} {cohort.brand} {cohort.category}"

    assert level("Acme", "bags") == "brand+category acme bags"
    assert level("Acme", "socks") == "brand acme None"
    assert level("Acme", None) == "brand acme None"
    assert level("Zeta", "bags") == "category None bags"
    assert level("Zeta", "socks") is None
    assert level("Zeta", None) is None
    few = PriceModel.fit(records(BAGS, category="shoes") + records(BAGS[: MIN_COHORT - 1], category="bags"))
    cohort = few.judge(ACME, 50, "EUR", "bags").cohort
    assert cohort is not None
    assert cohort.level == "brand"


def test_a_judgement_says_what_was_compared() -> None:
    found = PriceModel.fit(records([100.0] * 8, category="bags")).judge(ACME, 25, "EUR", "bags")
    assert found.reason == "25% of the median 100.00 EUR of 8 prices (acme bags)"
    assert found.cohort is not None
    assert found.cohort == Cohort("brand+category", "acme", "bags", "EUR", 8, found.cohort.median, 0.25)
    assert found.cohort.median == pytest.approx(100)


@pytest.mark.parametrize(
    ("z", "anomaly"),
    [(-3.0, 0.0), (0.0, 0.0), (1.4, 0.0), (2.75, 0.5), (4.0, 1.0), (40.0, 1.0)],
)
def test_the_anomaly_rises_with_the_spreads_below_the_median(z: float, anomaly: float) -> None:
    model = PriceModel((Cohort("brand", "acme", None, "EUR", 100, 80.0, 0.5),))
    assert model.judge(ACME, 80.0 * math.exp(-0.5 * z), "EUR").anomaly == pytest.approx(anomaly)


def test_another_currency_is_not_compared_and_the_reason_says_so() -> None:
    model = PriceModel.fit(records(BAGS, category="bags"))
    for category in ("bags", None):
        assert model.judge(ACME, 1.0, "USD", category) == PriceJudgement(
            None, "prices of Acme are known in EUR, the listing is in USD: not compared"
        )
    both = PriceModel.fit(records(BAGS) + records(scaled(100), currency="JPY"))
    assert (
        both.judge(ACME, 1.0, "USD").reason
        == "prices of Acme are known in EUR, JPY, the listing is in USD: not compared"
    )
    usual = Brand("Acme", usual_prices=(UsualPrice("GBP", 80, 120),))
    assert "known in EUR, GBP, the listing is in USD" in model.judge(usual, 1.0, "USD").reason


def test_a_category_that_is_known_in_another_currency_is_named_too() -> None:
    found = PriceModel.fit(records(BAGS, "Bolt", category="bags")).judge(ACME, 1.0, "USD", "bags")
    assert found.anomaly is None
    assert PriceModel.fit(records(BAGS, "Bolt", category="bags")).judge(ACME, 1.0, "USD", "hats").reason == (
        "no reference prices of Acme are known"
    )
    assert found.reason == "prices of bags are known in EUR, the listing is in USD: not compared"


@quick
@given(
    made=st.lists(price_records, min_size=8, max_size=40),
    price=prices,
    currency=currencies,
    category=st.sampled_from([None, "shoes", "bags"]),
    usual=st.sampled_from([(), (UsualPrice("EUR", 5, 10),), (UsualPrice("USD", 5, 10, "bags"),)]),
)
def test_no_currency_ever_meets_another(
    made: list[PriceRecord], price: float, currency: str, category: str | None, usual: tuple[UsualPrice, ...]
) -> None:
    brand = Brand("Acme", usual_prices=usual)
    found = PriceModel.fit(made).judge(brand, price, currency, category)
    assert (found.anomaly is None) == (found.cohort is None)
    if found.cohort is not None:
        assert found.cohort.currency == currency
        assert currency in found.reason
    # records in other currencies change nothing but the reason of an abstention
    alone = PriceModel.fit([r for r in made if r.currency == currency]).judge(brand, price, currency, category)
    assert (alone.anomaly, alone.cohort) == (found.anomaly, found.cohort)


@quick
@given(model=st.lists(price_records, max_size=30).map(PriceModel.fit), low=prices, high=prices, usual=st.booleans())
def test_a_lower_price_is_never_less_suspicious(model: PriceModel, low: float, high: float, usual: bool) -> None:
    low, high = sorted((low, high))
    brand = Brand("Acme", usual_prices=(UsualPrice("EUR", 50, 90),) if usual else ())
    cheap, dear = (model.judge(brand, price, "EUR", "bags") for price in (low, high))
    assert cheap.cohort == dear.cohort
    if cheap.anomaly is not None and dear.anomaly is not None and cheap.cohort is not None:
        assert 0 <= dear.anomaly <= cheap.anomaly <= 1
        assert dear.anomaly == 0 or high < cheap.cohort.median, "one-sided"
        if high >= cheap.cohort.median:
            assert dear.anomaly == 0


# -- the owner's usual prices

OWNER = Brand("Acme", usual_prices=(UsualPrice("EUR", 100, 400, "bags"), UsualPrice("EUR", 20, 45)))


def test_usual_prices_come_first() -> None:
    model = PriceModel.fit(records(scaled(0.01), category="bags"))
    found = model.judge(OWNER, 10, "EUR", "bags")
    assert found.anomaly == 1.0
    assert found.reason == "10.00 EUR, where Acme states 100.00 to 400.00"
    assert found.cohort is not None
    assert found.cohort == Cohort("registered", "acme", "bags", "EUR", 0, found.cohort.median, 0.25)
    assert found.cohort.median == pytest.approx(200)
    assert model.judge(ACME, 10, "EUR", "bags").anomaly == 0.0


def test_usual_prices_of_a_category_hold_for_it_alone() -> None:
    for category in ("shoes", None):
        assert PriceModel().judge(OWNER, 10, "EUR", category).reason.endswith("states 20.00 to 45.00")
    only_bags = Brand("Acme", usual_prices=OWNER.usual_prices[:1])
    assert PriceModel().judge(only_bags, 10, "EUR", "shoes").anomaly is None
    assert PriceModel().judge(only_bags, 10, "EUR", "Bags ").anomaly == 1.0


def test_a_usual_price_in_another_currency_leaves_the_cohort() -> None:
    found = PriceModel.fit(records(BAGS, currency="USD")).judge(OWNER, 10, "USD", "bags")
    assert found.cohort is not None
    assert (found.cohort.level, found.cohort.currency) == ("brand", "USD")


@pytest.mark.parametrize(
    ("price", "anomaly"), [(1e6, 0.0), (100.0, 0.0), (99.0, 0.016), (70.0, 0.571), (50.0, 1.0), (0.01, 1.0)]
)
def test_the_owners_low_end_is_still_genuine(price: float, anomaly: float) -> None:
    assert PriceModel().judge(OWNER, price, "EUR", "bags").anomaly == pytest.approx(anomaly, abs=1e-3)


# -- on disk


@quick
@given(model=price_models)
def test_a_model_comes_back(tmp_path_factory: pytest.TempPathFactory, model: PriceModel) -> None:
    path = tmp_path_factory.getbasetemp() / "prices.json"
    model.save(path)
    again = PriceModel.load(path)
    assert again == model
    assert repr(again) == repr(model)


def test_a_loaded_model_judges_alike(tmp_path: Path) -> None:
    model = PriceModel.fit(records(BAGS, category="bags"))
    model.save(tmp_path / "p.json")
    again = PriceModel.load(str(tmp_path / "p.json"))
    assert again.judge(ACME, 40, "EUR", "bags") == model.judge(ACME, 40, "EUR", "bags")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"cohorts": 5}',
        '{"cohorts": [{"level": "brand"}]}',
        '{"cohorts": [{"level": "brand", "brand": "a", "category": null, "currency": "EUR", "n": 8, "median": 0, '
        '"spread": 0.5}]}',
    ],
)
def test_another_file_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorruptFileError, match=r"p\.json: expected a PriceModel: "):
        PriceModel.load(path)


@quick
@given(brand=brands, model=price_models, price=prices, currency=currencies)
def test_any_brand_can_be_judged(brand: Brand, model: PriceModel, price: float, currency: str) -> None:
    found = model.judge(brand, price, currency, None)
    assert found.reason
    assert found.anomaly is None or 0 <= found.anomaly <= 1


def test_a_missing_or_unknown_category_never_raises_the_anomaly() -> None:
    caps = [PriceRecord("Acme", p, "EUR", "Caps") for p in (14, 15, 16, 15, 14, 16, 15, 15)]
    shoes = [PriceRecord("Acme", p, "EUR", "Shoes") for p in (110, 120, 115, 118, 112, 119, 121, 117)]
    model = PriceModel.fit([*caps, *shoes])
    for category in (None, "Scarves"):
        judged = model.judge(Brand("Acme"), 15.0, "EUR", category)
        assert judged.anomaly == 0.0
    shoe = model.judge(Brand("Acme"), 15.0, "EUR", "Shoes")
    assert shoe.anomaly == 1.0


def test_the_owners_range_of_the_category_goes_before_the_general_one() -> None:
    usual = (UsualPrice("EUR", 80, 240), UsualPrice("EUR", 4, 10, "Bits"))
    model, brand = PriceModel(), Brand("Acme", usual_prices=usual)
    assert model.judge(brand, 8.0, "EUR", "Bits").anomaly == 0.0
    assert model.judge(brand, 8.0, "EUR", "Drills").anomaly == 1.0
    assert model.judge(brand, 8.0, "EUR").anomaly == 0.0
