"""Other offers of a product, the age of prices and sales seasons, and rates that the prices themselves imply."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.errors import InputError
from logoscan.pricing.age import PriceAge, SalesSeason
from logoscan.pricing.currency_groups import implied_rates
from logoscan.pricing.files import read_prices
from logoscan.pricing.model import PriceModel
from logoscan.pricing.products import gtin_of, stated_gtin
from logoscan.pricing.sample import PriceRecord, PriceSample, sample_prices
from logoscan.scoring.judge import Findings, Judge
from logoscan.text.quantities import Pack
from logoscan.types import Brand, Listing, UsualPrice

GTIN = "04006381333931"
ACME = Brand("Acme")
SPREAD = [(0.9 + 0.02 * i) for i in range(11)]
BAGS = [PriceRecord("Acme", 40.0 * x, "EUR", "Bags") for x in SPREAD]
DEAR = [PriceRecord("Acme", 200.0 * x, "EUR", "Bags", gtin="4006381333931") for x in SPREAD]
MODEL = PriceModel.fit([*BAGS, *BAGS, *BAGS, *DEAR])
AGE = PriceAge("2024-01-01", 0.1, (SalesSeason("11-20", "12-02", 0.7), SalesSeason("12-27", "01-10", 0.6)))


def anomaly(price: float, model: PriceModel = MODEL, **more: Any) -> float:
    return model.judge(ACME, price, "EUR", "Bags", **more).anomaly or 0.0


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        ("4006381333931", GTIN),
        ("4 006381-333931", GTIN),
        ("4006381333932", None),  # a wrong check digit
        ("2000000000008", None),  # a shop's own
        ("9780306406157", None),  # a book
        ("400638133393", None),
        ("", None),
        (None, None),
        ("00000000", None),
    ],
)
def test_a_gtin_is_read_where_it_is_one(text: str | None, gtin: str | None) -> None:
    assert gtin_of(text) == gtin


def test_two_gtins_state_none() -> None:
    assert stated_gtin({"EAN": "4006381333931", "material": "leather"}) == GTIN
    assert stated_gtin({"EAN": "4006381333931", "GTIN": "0036000291452"}) is None
    assert stated_gtin({"sku": "4006381333931"}) is None


def test_a_price_is_compared_with_other_offers_of_its_product() -> None:
    """A dear bag at the price of a usual one: nothing by its category, an outlier among offers of the same bag."""
    judged = MODEL.judge(ACME, 40.0, "EUR", "Bags", gtin=GTIN)
    assert judged.anomaly == 1.0
    assert judged.reason == (
        "costs 40 EUR, 20 % of the usual 200 EUR in other offers of this product of Acme (11 prices)"
    )
    assert anomaly(40.0) == 0.0
    assert anomaly(190.0, gtin=GTIN) == 0.0


@quick
@given(st.floats(1, 500), st.sampled_from([GTIN, "00036000291452", None]), st.sampled_from([None, "used"]))
def test_stating_a_gtin_never_lowers_an_anomaly(price: float, gtin: str | None, condition: str | None) -> None:
    assert anomaly(price, gtin=gtin, condition=condition) >= anomaly(price, condition=condition)


def test_few_offers_and_other_currencies_say_nothing() -> None:
    few = PriceModel.fit([*BAGS, *DEAR[:4]])
    assert few.products == ()
    assert MODEL.judge(ACME, 40.0, "USD", "Bags", gtin=GTIN).anomaly is None
    converted = MODEL.with_rates({"EUR": 1.0, "USD": 1.0})
    plain = converted.judge(ACME, 40.0, "USD", "Bags")
    assert converted.judge(ACME, 40.0, "USD", "Bags", gtin=GTIN) == plain, "rates err by more than offers differ"


def test_offers_in_the_listings_currency_are_compared_alone() -> None:
    dollars = [replace(record, price=2.2 * record.price, currency="USD") for record in (*BAGS, *DEAR)]
    model = PriceModel.fit([*BAGS, *BAGS, *BAGS, *DEAR, *dollars, *dollars]).with_rates({"EUR": 1.0, "USD": 0.9})
    assert model.judge(ACME, 196.0, "EUR", "Bags", gtin=GTIN).anomaly == 0.0


def test_the_owners_range_goes_before_other_offers() -> None:
    owner = replace(ACME, usual_prices=(UsualPrice("EUR", 50.0, 240.0),))
    assert MODEL.judge(owner, 60.0, "EUR", "Bags", gtin=GTIN).anomaly == 0.0


def test_offers_of_packs_are_compared_by_the_piece() -> None:
    packs = [PriceRecord("Acme", 60.0 * x, "EUR", "Bulbs", pack=Pack(6), gtin=GTIN) for x in SPREAD]
    bulbs = [PriceRecord("Acme", 12.0 * x, "EUR", "Bulbs") for x in SPREAD]
    model = PriceModel.fit([*bulbs, *bulbs, *packs])
    assert model.judge(ACME, 12.0, "EUR", "Bulbs", gtin=GTIN).anomaly == 0.0
    assert model.judge(ACME, 2.0, "EUR", "Bulbs", gtin=GTIN).anomaly == 1.0


def test_a_judge_takes_the_gtin_from_the_attributes() -> None:
    listing = Listing("L", title="Acme bag", category="Bags", price=40.0, currency="EUR", attributes={"EAN": GTIN})
    judged = Judge(MODEL).judge(Findings(listing, "Acme"), {"Acme": ACME}.get)
    assert judged[0].price.level == "product"
    plain = Judge(MODEL).judge(Findings(replace(listing, attributes={}), "Acme"), {"Acme": ACME}.get)
    assert plain[0].price.level == "brand+category"


def test_products_travel_with_samples_and_models(tmp_path: Path) -> None:
    one, other = sample_prices([*BAGS, *DEAR[:6]], 1), sample_prices([*BAGS, *BAGS, *DEAR[6:]], 2)
    one.save(tmp_path / "sample.json")
    model = PriceModel.fit(PriceSample.load(tmp_path / "sample.json").merge(other))
    assert model.products == MODEL.products
    model.save(tmp_path / "model.json")
    assert PriceModel.load(tmp_path / "model.json") == model


def test_a_file_of_prices_may_state_gtins(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("brand,price,currency,gtin\nAcme,10,EUR,4006381333931\nAcme,11,EUR,\n")
    assert [row.gtin for row in read_prices(tmp_path / "prices.csv")] == ["4006381333931", None]


# -- age


def test_what_cost_less_years_ago_is_cheaper_today() -> None:
    aged = MODEL.aged(AGE)
    now, then = (aged.judge(ACME, 40.0, "EUR", "Bags", listed_at=day).share for day in ("2027-01-31", None))
    assert now is not None
    assert then is not None
    assert now / then == pytest.approx(1 / 1.1**3.08, rel=0.01)
    assert anomaly(33.0, aged, listed_at="2027-06-01") > anomaly(33.0)
    assert (
        "on its date 134 % of what they were"
        in aged.judge(ACME, 40.0, "EUR", "Bags", listed_at="2027-01-31T10:00:00Z").reason
    )


def test_in_a_sales_season_goods_are_honestly_cheaper() -> None:
    seasons = MODEL.aged(replace(AGE, inflation=0.0))
    low = 21.0
    assert anomaly(low, seasons, listed_at="2024-06-01") == anomaly(low) > anomaly(low, seasons, listed_at="2024-11-25")
    for day in ("2024-12-27", "2024-12-31", "2024-01-10"):
        assert replace(AGE, inflation=0.0).factor(day) == pytest.approx(0.6)
    assert replace(AGE, inflation=0.0).factor("2024-01-11") == 1.0


@quick
@given(st.floats(1, 100), st.sampled_from([None, "", "yesterday", "2024-13-01"]))
def test_without_a_date_nothing_changes(price: float, day: str | None) -> None:
    assert MODEL.aged(AGE).judge(ACME, price, "EUR", "Bags", listed_at=day) == MODEL.judge(ACME, price, "EUR", "Bags")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PriceAge("soon"), r"PriceAge\.observed: expected a day as YYYY-MM-DD, got 'soon'"),
        (lambda: PriceAge("2024-01-01", 2.0), r"PriceAge.*inflation"),
        (lambda: SalesSeason("13-01", "12-02", 0.8), r"SalesSeason\.first: expected a day as MM-DD, got '13-01'"),
        (lambda: SalesSeason("11-01", "12-02", 0.3), r"SalesSeason.*share"),
    ],
)
def test_what_is_no_age_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


# -- groups of currencies


def in_currency(currency: str, factor: float, brands: str) -> list[PriceRecord]:
    return [
        PriceRecord(brand, 10.0 * (i + 1) * (k + 1) * factor * x, currency, kind)
        for i, brand in enumerate(brands)
        for k, kind in enumerate(("bags", "shoes"))
        for x in SPREAD[::2]
    ]


def test_currencies_with_the_same_goods_are_a_group() -> None:
    records = [*in_currency("EUR", 1.0, "ABCD"), *in_currency("USD", 1.25, "ABC"), *in_currency("JPY", 160.0, "XYZ")]
    records += [PriceRecord("D", 40.0 * x, "EUR", "hats") for x in SPREAD]
    model = PriceModel.fit(records)
    rates = implied_rates(model, "eur")
    assert rates == {"EUR": 1.0, "USD": pytest.approx(0.8, rel=0.05)}
    assert model.judge(Brand("D"), 5.0, "USD", "hats").anomaly is None
    assert (model.with_rates(rates).judge(Brand("D"), 5.0, "USD", "hats").anomaly or 0.0) > 0.5
    assert model.with_rates(rates).judge(Brand("D"), 900.0, "JPY", "hats").anomaly is None


def test_a_third_currency_is_tied_by_a_second_one() -> None:
    records = [*in_currency("EUR", 1.0, "ABC"), *in_currency("USD", 1.25, "ABCXYZ"), *in_currency("JPY", 160.0, "XYZ")]
    records += [replace(r, brand=r.brand + "2") for r in records]
    rates = implied_rates(PriceModel.fit(records), "EUR")
    assert set(rates) == {"EUR", "USD", "JPY"}


def test_rates_that_scatter_are_no_rates() -> None:
    other = [replace(r, price=r.price * 4.0 ** (i // 6 % 3)) for i, r in enumerate(in_currency("USD", 1.0, "ABCD"))]
    assert implied_rates(PriceModel.fit([*in_currency("EUR", 1.0, "ABCD"), *other]), "EUR") == {"EUR": 1.0}


def test_a_currency_without_prices_is_refused() -> None:
    with pytest.raises(InputError, match="currency: expected one of EUR, got 'USD'"):
        implied_rates(MODEL, "USD")
