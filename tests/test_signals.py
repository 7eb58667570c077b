"""Each signal: where it fires, where it is 0, where it abstains, and accessories."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import brands, listings, quick, units

from logoscan.coded import CodedUse, find_coded
from logoscan.cohorts import Cohort
from logoscan.price import PriceJudgement
from logoscan.score import PRIOR, ScoreModel
from logoscan.signals import (
    DEFAULT_SIGNALS,
    Case,
    SignalFunction,
    claims_another_brand,
    coded_terms,
    lookalike_text,
    low_price,
    seller_not_authorised,
    shown_not_claimed,
)
from logoscan.types import Brand, BrandMention, Listing, MentionKind

ACME = Brand("Acme", authorised_sellers=("good", "better"))
COHORT = Cohort("brand", "acme", None, "EUR", 20, 100.0, 0.5)
CHEAP = PriceJudgement(0.8, "25% of the median", COHORT)
USUAL = PriceJudgement(0.0, "99% of the median", COHORT)
UNJUDGED = PriceJudgement(None, "the listing states no price")


def word(
    kind: MentionKind = "exact", source: str = "title", probability: float = 0.9, text: str = "Acme"
) -> BrandMention:
    return BrandMention(source, text, "Acme", kind, 0.0 if kind == "exact" else 0.2, probability)


ACCESSORY = (word("compatible"),)


def case(
    *,
    shown: float | None = None,
    claimed: str | None = None,
    mentions: Sequence[BrandMention] = (),
    price: PriceJudgement = UNJUDGED,
    brand: Brand = ACME,
    **listing: Any,
) -> Case:
    return Case(brand, Listing("L", **listing), shown, claimed, tuple(mentions), price)


def value(function: SignalFunction, one: Case) -> float | None:
    signal = function(one)
    if signal is None:
        return None
    assert signal.name == function.__name__
    assert signal.why
    return signal.value


def test_an_empty_case_has_no_signal() -> None:
    assert [function(case()) for function in DEFAULT_SIGNALS] == [None] * len(DEFAULT_SIGNALS)


def test_every_default_signal_has_a_coefficient() -> None:
    assert {function.__name__ for function in DEFAULT_SIGNALS} == set(PRIOR) == set(ScoreModel().coefficients)


@pytest.mark.parametrize(
    ("one", "presence"),
    [
        (case(), 0.0),
        (case(shown=0.4), 0.4),
        (case(claimed="Acme"), 1.0),
        (case(claimed="Acme", shown=0.4), 1.0),
        (case(claimed="Bolt", shown=0.4), 0.4),
        (case(mentions=[word()]), 0.9),
        (case(mentions=[word(source="claim", probability=0.7)]), 0.7),
        (case(mentions=[word("near", probability=0.5)], shown=0.6), 0.6),
        (case(mentions=[word(source="description")]), 0.0),
        (case(mentions=[word(source="image:0")]), 0.0),
        (case(mentions=[word("compatible")]), 0.0),
        (case(mentions=[word("style")]), 0.0),
        (case(mentions=[word()], claimed=""), 0.9 * 0.3),
        (case(mentions=[word()], claimed="Bolt"), 0.9 * 0.3),
        (case(mentions=[word()], claimed="Bolt", shown=0.6), 0.6),
        (case(mentions=[word(), word(source="claim", probability=0.5)], claimed="Acme & Bolt"), 0.9),
    ],
)
def test_how_surely_a_listing_passes_as_the_brands_goods(one: Case, presence: float) -> None:
    assert one.presence == presence


@pytest.mark.parametrize(
    ("one", "accessory"),
    [
        (case(), False),
        (case(mentions=[word()]), False),
        (case(mentions=[word("compatible")]), True),
        (case(mentions=[word("compatible", "description")], claimed="Bolt"), True),
        (case(mentions=[word("compatible"), word()]), False),
        (case(mentions=[word("compatible"), word(source="image:0")]), True),
        (case(mentions=[word("compatible", "image:0")]), False),
        (case(mentions=[word("compatible")], claimed="Acme"), False),
        (case(mentions=[word("style")]), False),
        (case(mentions=[word("compatible"), word(source="description")]), True),
        (case(mentions=[word(), word("compatible", "description")]), False),
        (case(mentions=[word("compatible", "description"), word(source="description")]), False),
    ],
)
def test_an_accessory_is_presented_as_for_the_brand(one: Case, accessory: bool) -> None:
    assert one.is_accessory == accessory


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(price=CHEAP), 0.0),
        (case(price=CHEAP, shown=0.5), 0.4),
        (case(price=CHEAP, claimed="Acme"), 0.8),
        (case(price=USUAL, claimed="Acme"), 0.0),
        (case(price=UNJUDGED, claimed="Acme"), None),
        (case(price=CHEAP, shown=0.5, mentions=ACCESSORY), None),
    ],
)
def test_low_price(one: Case, expected: float | None) -> None:
    assert value(low_price, one) == (None if expected is None else pytest.approx(expected))
    if expected is not None:
        signal = low_price(one)
        assert signal is not None
        assert signal.why == one.price.reason


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(seller_id="bad", shown=0.6), 0.6),
        (case(seller_id="bad", claimed="Acme"), 1.0),
        (case(seller_id="bad"), 0.0),
        (case(seller_id="good", shown=0.6), 0.0),
        (case(seller_id="GOOD", shown=0.6), 0.6),
        (case(seller_id="", shown=0.6), 0.6),
        (case(shown=0.6), None),
        (case(seller_id="bad", shown=0.6, brand=Brand("Acme")), None),
        (case(seller_id="bad", shown=0.6, mentions=ACCESSORY), None),
    ],
)
def test_seller_not_authorised(one: Case, expected: float | None) -> None:
    assert value(seller_not_authorised, one) == expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(shown=0.6, claimed=""), 0.6),
        (case(shown=0.0, claimed=""), 0.0),
        (case(shown=0.6, claimed="Acme"), 0.0),
        (case(shown=0.6, claimed="Bolt"), 0.0),
        (case(shown=0.6, claimed=None), None),
        (case(shown=None, claimed=""), None),
        (case(shown=0.6, claimed="", mentions=ACCESSORY), None),
    ],
)
def test_shown_not_claimed(one: Case, expected: float | None) -> None:
    assert value(shown_not_claimed, one) == expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(shown=0.6, claimed="Bolt"), 0.6),
        (case(shown=0.6, claimed="Acme"), 0.0),
        (case(shown=0.0, claimed="Bolt"), 0.0),
        (case(shown=0.6, claimed=""), None),
        (case(shown=0.6, claimed=None), None),
        (case(shown=None, claimed="Bolt"), None),
        (case(shown=0.6, claimed="Bolt", mentions=ACCESSORY), None),
        (case(shown=0.6, claimed="Acmee", mentions=[word("near", "claim")]), None),
        (case(shown=0.6, claimed="Bolt", mentions=[word("near")]), 0.6),
    ],
)
def test_claims_another_brand(one: Case, expected: float | None) -> None:
    assert value(claims_another_brand, one) == expected


NEAR = word("near", "title", 0.5, "Acmee")


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(mentions=[NEAR]), 0.5),
        (case(mentions=[word("near", "claim", 0.5)]), 0.5),
        (case(mentions=[word("near", "image:0", 0.5)]), 0.25),
        (case(mentions=[word("near", "image:0", 0.5), word("near", "image:1", 0.4)]), 0.25),
        (case(mentions=[word("near", "image:0", 0.5), word("near", "description", 0.4)]), 0.75),
        (case(mentions=[word("near", s, 0.5) for s in ("title", "claim", "image:0")]), 0.75),
        (case(mentions=[word("near", s, 0.5) for s in ("title", "description")]), 0.5),
        (case(mentions=[word("exact"), NEAR]), 0.5),
        (case(mentions=[word("exact")]), 0.0),
        (case(mentions=[word("compatible")]), 0.0),
        (case(mentions=[word("compatible"), NEAR]), 0.5),
        (case(title="A bag"), 0.0),
        (case(description="A bag"), 0.0),
        (case(title="", description=""), None),
        (case(), None),
        (case(shown=0.9, claimed="Acme", images=("a.jpg",)), None),
    ],
)
def test_lookalike_text(one: Case, expected: float | None) -> None:
    assert value(lookalike_text, one) == expected


def test_the_reasons_name_what_was_seen() -> None:
    def why(function: SignalFunction, one: Case) -> str:
        signal = function(one)
        assert signal is not None
        return signal.why

    assert why(seller_not_authorised, case(seller_id="bad")) == ("bad is not among the 2 sellers that Acme authorised")
    assert why(seller_not_authorised, case(seller_id="good")) == "good is authorised by Acme"
    assert why(shown_not_claimed, case(shown=0.5, claimed="")) == "Acme is shown; the listing claims no brand"
    assert why(claims_another_brand, case(shown=0.5, claimed="Bolt")) == "Acme is shown; the listing claims Bolt"
    assert why(lookalike_text, case(mentions=[NEAR])) == "'Acmee' nearly spells Acme (title)"


def uses(text: str, source: str = "title", confidence: float = 1.0) -> tuple[CodedUse, ...]:
    return tuple(CodedUse(source, hit, confidence) for hit in find_coded(text))


def test_coded_terms() -> None:
    bag = case(mentions=[word()], title="Acme bag")
    assert value(coded_terms, case()) is None, "there is no text"
    assert value(coded_terms, bag) == 0.0
    replica = replace(bag, coded=uses("Acme bag replica"))
    assert value(coded_terms, replica) == pytest.approx(0.85 * 0.9), "strength, times the name's probability"
    signal = coded_terms(replica)
    assert signal is not None
    assert signal.why.endswith("(title)")
    unread = replace(bag, coded=uses("replica", "image:0", 0.5))
    assert value(coded_terms, unread) == pytest.approx(0.85 * 0.5 * 0.9)
    both = replace(bag, coded=(*uses("Acme replica"), *uses("mirror quality"), *uses("replica", "image:1")))
    assert value(coded_terms, both) == pytest.approx((1 - 0.15 * 0.05) * 0.9), "one term twice is one witness"
    assert value(coded_terms, replace(bag, coded=uses("not a replica"))) == 0.0
    assert value(coded_terms, replace(replica, mentions=())) == 0.0, "no sign of the brand"
    assert value(coded_terms, replace(replica, mentions=ACCESSORY)) is None


mentions = st.builds(
    BrandMention,
    source=st.sampled_from(["title", "description", "claim", "image:0", "image:1"]),
    text=st.just("Acme"),
    brand=st.just("Acme"),
    kind=st.sampled_from(["exact", "near", "compatible", "style"]),
    distance=units,
    probability=units,
)


@quick
@given(
    brand=brands,
    listing=listings,
    shown=st.none() | units,
    claimed=st.sampled_from([None, "", "Acme", "Bolt"]),
    words=st.lists(mentions, max_size=4),
    price=st.none() | units,
    coded=st.sampled_from(["", "replica", "Acme 1:1 replica AAA"]),
)
def test_every_signal_is_sound_on_any_case(
    brand: Brand,
    listing: Listing,
    shown: float | None,
    claimed: str | None,
    words: list[BrandMention],
    price: float | None,
    coded: str,
) -> None:
    one = Case(brand, listing, shown, claimed, tuple(words), PriceJudgement(price, "why", COHORT), uses(coded))
    assert 0 <= one.presence <= 1
    signals = [s for s in (function(one) for function in DEFAULT_SIGNALS) if s is not None]
    assert all(0 <= s.value <= 1 and s.why for s in signals)
    score = ScoreModel().score(brand.name, signals, shown=shown)
    assert score.value is not None
    if one.is_accessory:
        assert {s.name for s in signals} <= {"lookalike_text"}
