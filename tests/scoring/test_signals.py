"""Each signal: where it fires, where it is 0, where it abstains, and accessories."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import brands, listings, quick, texts, units

from logoscan.images.phash import MOST_SELLERS, PhotoUse, copied_photo_weight
from logoscan.pricing.cohorts import Cohort
from logoscan.pricing.model import PriceJudgement
from logoscan.scoring.case import Case
from logoscan.scoring.model import PRIOR, ScoreModel
from logoscan.scoring.photo_signals import (
    altered_logo,
    claimed_not_shown,
    claims_another_brand,
    copied_photo,
    shown_not_claimed,
)
from logoscan.scoring.signals import (
    DEFAULT_SIGNALS,
    SignalFunction,
    coded_terms,
    contradicts_facts,
    lookalike_text,
    low_price,
    review_complaints,
    seller_not_authorised,
    unlikely_origin,
)
from logoscan.text.attributes import contradictions
from logoscan.text.coded_terms import CodedUse, find_coded
from logoscan.text.complaints import find_complaints
from logoscan.types import Brand, BrandMention, Listing, MarkAlteration, MentionKind

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
    searched: bool = False,
    altered: Mapping[str, float] | None = None,
    photos: tuple[PhotoUse, ...] | None = None,
    **listing: Any,
) -> Case:
    said = find_complaints(listing.get("reviews", ()))
    return Case(
        brand, Listing("L", **listing), shown, claimed, tuple(mentions), price,
        searched=searched, altered=None if altered is None else MarkAlteration(altered), complaints=said, photos=photos,
    )  # fmt: skip


def value(function: SignalFunction, one: Case) -> float | None:
    signal = function(one)
    if signal is None:
        return None
    assert signal.name == function.__name__
    assert signal.why
    return signal.value


def test_an_empty_case_has_no_signal() -> None:
    assert [function(case()) for function in DEFAULT_SIGNALS] == [None] * len(DEFAULT_SIGNALS)


def test_every_default_signal_has_a_shape() -> None:
    assert {function.__name__ for function in DEFAULT_SIGNALS} == set(PRIOR) == set(ScoreModel().shapes)


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
        (case(seller_id="", shown=0.6), None),
        (case(seller_id=" ", shown=0.6), None),
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
        (case(shown=0.5, claimed="Acme x Bolt", mentions=[word("exact", "claim", 1.0)]), 0.0),
        (case(shown=0.5, claimed="Acme x Bolt", mentions=[word("exact", "claim", 0.5)]), 0.25),
    ],
)
def test_claims_another_brand(one: Case, expected: float | None) -> None:
    assert value(claims_another_brand, one) == expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(shown=0.0, searched=True, claimed="Acme"), 1.0),
        (case(shown=0.02, searched=True, claimed="Acme"), 0.1),  # at the base rate the prior of honest sellers
        (case(shown=0.002, searched=True, claimed="Acme"), 0.5313),
        (case(shown=0.25, searched=True, claimed="Acme"), 0.0068),
        (case(shown=1.0, searched=True, claimed="Acme"), 0.0),
        (case(shown=0.0, searched=True, claimed="Bolt"), None),
        (case(shown=0.0, searched=True, claimed=""), None),
        (case(shown=0.0, searched=True, claimed=None), None),
        (case(shown=0.0, searched=True, claimed=None, mentions=[word(probability=0.8)]), 0.8),
        (
            case(shown=0.0, searched=True, claimed="", mentions=[word(probability=0.8)]),
            None,
        ),  # shown_not_claimed judges
        (case(shown=0.0, searched=True, claimed="Bolt", mentions=[word(probability=0.8)]), None),
        (replace(case(shown=0.0, searched=True, claimed="Acme"), searched_share=0.98), 0.98),
        (replace(case(shown=0.0, searched=True, claimed="Acme"), miss_rate=0.5), 0.346),  # ln 2 of 2
        (replace(case(shown=0.0, searched=True, claimed="Acme"), miss_rate=0.01), 1.0),
        (case(shown=0.25, searched=False, claimed="Acme"), None),
        (case(shown=None, searched=False, claimed="Acme"), None),
        (case(shown=0.0, searched=True, claimed="Bolt", mentions=ACCESSORY), None),
        (case(shown=0.0, searched=True, claimed="Acme", mentions=ACCESSORY), 1.0),  # claimed: no accessory
    ],
)
def test_claimed_not_shown(one: Case, expected: float | None) -> None:
    assert value(claimed_not_shown, one) == (expected if expected is None else pytest.approx(expected, abs=1e-3))


def test_brand_in_the_title_beside_a_claim_of_no_brand_is_half_a_signal() -> None:
    named = [word(probability=0.8)]
    assert value(shown_not_claimed, case(shown=0.0, claimed="", mentions=named)) == pytest.approx(0.4)
    assert value(shown_not_claimed, case(shown=0.9, claimed="", mentions=named)) == pytest.approx(0.9)
    assert value(shown_not_claimed, case(shown=0.0, claimed="Bolt", mentions=named)) == 0.0


def test_shown_claimed_brand_explains_a_second_logo() -> None:
    beside = replace(case(shown=0.8, claimed="Bolt"), claimed_shown=0.75)
    assert value(claims_another_brand, beside) == pytest.approx(0.2)
    assert beside.presence == pytest.approx(0.2)


def test_used_goods_are_not_measured_by_authorisation() -> None:
    assert value(seller_not_authorised, case(claimed="Acme", seller_id="bad", condition="Used - good")) is None
    assert value(seller_not_authorised, case(claimed="Acme", seller_id="bad", condition="New")) == 1.0


MIRRORED = {"faithful": 0.1, "mirrored": 0.7, "stretched": 0.1, "incomplete": 0.1}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(altered=MIRRORED, shown=0.9), 0.8 * 0.9),
        (case(altered=MIRRORED, claimed="Acme"), 0.8),
        (case(altered={"faithful": 0.5, "mirrored": 0.5}, shown=0.9), 0.0),
        (case(altered={"faithful": 0.9, "mirrored": 0.1}, shown=0.9), 0.0),
        (case(altered={"faithful": 0.0}, shown=0.9), 0.9),
        (case(altered=None, shown=0.9), None),
        (case(altered={}, shown=0.9), None),
        (case(altered=MIRRORED, shown=0.9, claimed="", mentions=ACCESSORY), 0.8 * 0.9),  # the mark is on the goods
        (case(altered=MIRRORED, claimed="", mentions=ACCESSORY), 0.0),
    ],
)
def test_altered_logo(one: Case, expected: float | None) -> None:
    assert value(altered_logo, one) == (None if expected is None else pytest.approx(expected))


LEATHER = Brand("Acme", facts={"material": "leather", "made in": "Italy"})
PLASTIC = contradictions({"material": "plastic"}, LEATHER.facts).value


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(brand=LEATHER, attributes={"material": "plastic"}, claimed="Acme"), PLASTIC),
        (case(brand=LEATHER, attributes={"material": "plastic"}, shown=0.5), (PLASTIC or 0) * 0.5),
        (case(brand=LEATHER, attributes={"material": "plastic"}), 0.0),
        (case(brand=LEATHER, attributes={"material": "leather"}, claimed="Acme"), 0.0),
        (case(brand=LEATHER, attributes={"material": "unknown"}, claimed="Acme"), None),
        (case(brand=LEATHER, attributes={"colour": "red"}, claimed="Acme"), None),
        (case(brand=LEATHER, claimed="Acme"), None),
        (case(brand=ACME, attributes={"material": "plastic"}, claimed="Acme"), None),
        (case(brand=LEATHER, attributes={"material": "plastic"}, claimed="Bolt", mentions=ACCESSORY), 0.0),
        (case(brand=LEATHER, attributes={"material": "plastic"}, shown=0.5, mentions=ACCESSORY), 0.15 * (PLASTIC or 0)),
    ],
)
def test_contradicts_facts(one: Case, expected: float | None) -> None:
    assert value(contradicts_facts, one) == (None if expected is None else pytest.approx(expected))


ITALIAN = Brand("Acme", origins=("it", "VN"))


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(brand=ITALIAN, ships_from="CN", claimed="Acme"), 1.0),
        (case(brand=ITALIAN, ships_from="CN", shown=0.4), 0.4),
        (case(brand=ITALIAN, ships_from="CN"), 0.0),
        (case(brand=ITALIAN, ships_from="it", claimed="Acme"), 0.0),
        (case(brand=ITALIAN, claimed="Acme"), None),
        (case(ships_from="CN", claimed="Acme"), None),
        (case(brand=ITALIAN, ships_from="CN", claimed="Acme", condition="Used - good"), None),
        (case(brand=ITALIAN, ships_from="CN", claimed="", shown=0.9, mentions=ACCESSORY), None),
    ],
)
def test_unlikely_origin(one: Case, expected: float | None) -> None:
    assert value(unlikely_origin, one) == expected


@quick
@given(listing=listings, brand=brands)
def test_an_origin_never_comes_from_words_or_the_seller(listing: Listing, brand: Brand) -> None:
    """Whatever a listing says in whatever language, whoever sells it: without both countries nothing is judged."""
    registered = replace(brand, origins=("IT",))
    nowhere = replace(listing, ships_from=None)
    assert unlikely_origin(Case(registered, nowhere, 1.0, brand.name, (), UNJUDGED)) is None
    assert unlikely_origin(Case(replace(brand, origins=()), listing, 1.0, brand.name, (), UNJUDGED)) is None
    for sent_from in ("IT", "CN"):
        stated = replace(Listing("L"), ships_from=sent_from, condition=listing.condition)
        full = replace(listing, ships_from=sent_from)
        said = [unlikely_origin(Case(registered, one, 1.0, brand.name, (), UNJUDGED)) for one in (stated, full)]
        assert said[0] == said[1]


FAKE, FINE = "This is a fake.", "Good shoes."
HALF = find_complaints((FAKE, FINE)).value or 0.0


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(reviews=(FAKE, FINE), claimed="Acme"), HALF),
        (case(reviews=(FAKE, FINE), shown=0.5), HALF * 0.5),
        (case(reviews=(FAKE, FINE)), 0.0),
        (case(reviews=(FINE,), claimed="Acme"), 0.0),
        (case(reviews=("...", " "), claimed="Acme"), None),
        (case(reviews=(), claimed="Acme"), None),
        (case(reviews=(FAKE, FINE), claimed="", mentions=ACCESSORY), 0.0),
        (case(reviews=(FAKE, FINE), claimed="", shown=0.5, mentions=ACCESSORY), HALF * 0.5),
    ],
)
def test_review_complaints(one: Case, expected: float | None) -> None:
    assert value(review_complaints, one) == (None if expected is None else pytest.approx(expected))


def used(earlier: int, unordered: int = 0, later: int = 0, official_of: tuple[str, ...] = ()) -> PhotoUse:
    return PhotoUse(earlier + unordered + later, (), official_of, earlier, later)


ONE, THREE, HUNDREDS = used(1), used(3), used(MOST_SELLERS)
SOLD: dict[str, Any] = {"seller_id": "s", "claimed": "Acme"}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (case(photos=(ONE,), **SOLD), copied_photo_weight(1)),
        (case(photos=(ONE,), seller_id="s", shown=0.5), copied_photo_weight(1) * 0.5),
        (case(photos=(PhotoUse(0), HUNDREDS, ONE, THREE), **SOLD), 1.0),
        (case(photos=(HUNDREDS,), **SOLD), copied_photo_weight(MOST_SELLERS)),
        (case(photos=(PhotoUse(0), PhotoUse(0)), **SOLD), 0.0),
        (case(photos=(ONE,), seller_id="s"), 0.0),
        (case(photos=None, **SOLD), None),
        (case(photos=(), **SOLD), None),
        (case(photos=(ONE,), seller_id="s", claimed="", mentions=ACCESSORY), 0.0),
        (case(photos=(THREE,), seller_id="s", claimed="", shown=0.5, mentions=ACCESSORY), 0.5),
        # order: those who came later accuse nobody, those of unknown order half
        (case(photos=(used(0, later=3),), **SOLD), 0.0),
        (case(photos=(used(0, unordered=3),), **SOLD), 0.5),
        (case(photos=(PhotoUse(1, ("a",)),), **SOLD), copied_photo_weight(1) / 2),
        (case(photos=(used(1, later=2),), **SOLD), copied_photo_weight(1)),
        (case(photos=(used(1, unordered=2),), **SOLD), copied_photo_weight(1)),
        (case(photos=(used(3, later=MOST_SELLERS - 3),), **SOLD), copied_photo_weight(MOST_SELLERS)),
        # the brand's own photos, and no other brand's
        (case(photos=(used(3, official_of=("Acme",)),), **SOLD), 0.0),
        (case(photos=(used(3, official_of=("Acme", "Bolt")),), **SOLD), 0.0),
        (case(photos=(used(3, official_of=("Bolt",)),), **SOLD), 1.0),
        (case(photos=(used(3, official_of=("Acme",)), ONE), **SOLD), copied_photo_weight(1)),
        (case(photos=(used(3, official_of=("Bolt",)),), seller_id="s", claimed="", shown=1.0), 1.0),
        (case(photos=(used(3, official_of=("Bolt",)),), seller_id="s", claimed="Bolt", shown=1.0), 0.0),
        # who may use the brand's photos, and who does not say who he is
        (case(photos=(THREE,), seller_id="good", claimed="Acme"), 0.0),
        (case(photos=(THREE,), seller_id=None, claimed="Acme"), 0.5),
        (case(photos=(ONE,), seller_id="  ", claimed="Acme"), copied_photo_weight(1) / 2),
        (case(photos=(used(0, later=3),), seller_id="", claimed="Acme"), 0.5),
    ],
)
def test_copied_photo(one: Case, expected: float | None) -> None:
    assert value(copied_photo, one) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("photos", "seller", "why"),
    [
        ((used(0),), "s", "no photo is known to be used by another seller"),
        ((used(1),), "s", "a photo is used by 1 other seller: 1 seen before this one"),
        ((used(2),), "s", "a photo is used by 2 other sellers: 2 seen before this one"),
        ((used(0, later=1),), "s", "a photo is used by 1 other seller: 1 seen after this one"),
        ((PhotoUse(2, ("x@y.z", "b")),), "s", "a photo is used by 2 other sellers: 2 in an order that is not known"),
        (
            (used(2, unordered=3, later=1),),
            "s",
            "a photo is used by 6 other sellers: 2 seen before this one, 1 seen after this one, 3 in an order that is "
            "not known",
        ),
        (
            (HUNDREDS,),
            "s",
            "a photo is used by at least 256 other sellers: at least 256 seen before this one",
        ),
        ((ONE,), None, "a photo is used by 1 seller; the listing does not say whose it is"),
        ((HUNDREDS,), " ", "a photo is used by at least 256 sellers; the listing does not say whose it is"),
        ((ONE,), "good", "good is authorised by Acme and may use its photos"),
        (
            (used(3, official_of=("Acme",)),),
            "s",
            "each photo that other sellers use was published by Acme",
        ),
    ],
)
def test_copied_photo_says_who_was_first_and_names_nobody_else(
    photos: tuple[PhotoUse, ...], seller: str | None, why: str
) -> None:
    found = copied_photo(case(photos=photos, seller_id=seller, claimed="Acme"))
    assert found is not None
    assert found.why == why


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
        (case(claimed_brand="Bolt"), 0.0),
        (case(title="", description="", claimed_brand=""), None),
        (case(), None),
        (case(shown=0.9, claimed="Acme", images=("a.jpg",)), None),
    ],
)
def test_lookalike_text(one: Case, expected: float | None) -> None:
    assert value(lookalike_text, one) == expected


def test_reasons_name_the_evidence() -> None:
    def why(function: SignalFunction, one: Case) -> str:
        signal = function(one)
        assert signal is not None
        return signal.why

    assert why(seller_not_authorised, case(seller_id="bad")) == "Acme authorised 2 sellers, and none of them is bad"
    assert why(seller_not_authorised, case(seller_id="good")) == "Acme authorised good as a seller"
    assert why(unlikely_origin, case(brand=ITALIAN, ships_from="CN")) == "sent from CN; Acme registered IT, VN"
    assert why(unlikely_origin, case(brand=ITALIAN, ships_from="IT")) == "sent from IT, as Acme registered"
    assert why(shown_not_claimed, case(shown=0.5, claimed="")) == (
        "the photos probably show Acme (50 % sure); the listing states no brand"
    )
    assert why(shown_not_claimed, case(shown=0.0, claimed="", mentions=[NEAR])) == (
        "the title says 'Acmee', nearly Acme; the listing states no brand"
    )
    assert why(claims_another_brand, case(shown=0.5, claimed="Bolt")) == (
        "the photos probably show Acme (50 % sure); the listing states that its brand is Bolt"
    )
    assert why(lookalike_text, case(mentions=[NEAR])) == "'Acmee' was read in the title, nearly Acme"
    both = [NEAR, word("near", "image:1", 0.4, "ACMEE"), word("near", "image:0", 0.4, "Acmf")]
    assert why(lookalike_text, case(mentions=both)) == "'Acmee' was read in the title and photo 2, nearly Acme"
    assert why(claimed_not_shown, case(shown=0.1, searched=True, claimed="Acme")) == (
        "the listing states that its brand is Acme; the photos may show Acme (10 % sure)"
    )
    assert why(altered_logo, case(altered=MIRRORED, shown=0.9)) == (
        "the logo of Acme in the photos looks mirrored; 90 % sure that it is not as registered"
    )
    assert why(altered_logo, case(altered={"faithful": 1.0}, shown=0.9)) == (
        "the logo of Acme does not clearly differ from the registered one"
    )
    assert "'plastic'" in why(contradicts_facts, case(brand=LEATHER, attributes={"material": "plastic"}))
    assert why(review_complaints, case(reviews=(FAKE, FINE))) == "1 of 2 reviews calls it fake"
    assert why(review_complaints, case(reviews=(FINE,))) == "no complaint in 1 review"


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
    assert signal.why.startswith("the title says ")
    unread = replace(bag, coded=uses("replica", "image:0", 0.5))
    assert value(coded_terms, unread) == pytest.approx(0.85 * 0.5 * 0.9)
    both = replace(bag, coded=(*uses("Acme replica"), *uses("mirror quality"), *uses("replica", "image:1")))
    assert value(coded_terms, both) == pytest.approx((1 - 0.15 * 0.05) * 0.9), "one term twice is one witness"
    assert value(coded_terms, replace(bag, coded=uses("not a replica"))) == 0.0
    assert value(coded_terms, replace(replica, mentions=())) == 0.0, "no sign of the brand"
    accessory = replace(replica, mentions=ACCESSORY)
    assert value(coded_terms, accessory) == 0.0, "nothing says that it is the brand's"
    assert value(coded_terms, replace(accessory, shown=0.8)) == pytest.approx(0.85 * 0.8)


mentions = st.builds(
    BrandMention,
    source=st.sampled_from(["title", "description", "claim", "image:0", "image:1"]),
    text=st.just("Acme"),
    brand=st.just("Acme"),
    kind=st.sampled_from(["exact", "near", "compatible", "style"]),
    distance=units,
    probability=units,
)


@st.composite
def photo_uses(draw: st.DrawFn) -> PhotoUse:
    n = draw(st.sampled_from([0, 1, 2, 3, MOST_SELLERS - 1, MOST_SELLERS]) | st.integers(0, MOST_SELLERS))
    earlier = draw(st.integers(0, n))
    later = draw(st.integers(0, n - earlier))
    return PhotoUse(n, ("other-seller",)[:n], draw(st.sampled_from([(), ("Acme",), ("Bolt",)])), earlier, later)


uses_of_photos = photo_uses()
facts = st.dictionaries(st.sampled_from(["material", "made in"]) | texts, st.sampled_from(["leather", "Italy"]) | texts)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    brand = replace(draw(brands), facts=draw(facts))
    reviews = draw(st.lists(st.sampled_from([FAKE, FINE]) | texts, max_size=4).map(tuple))
    return Case(
        brand,
        replace(draw(listings), attributes=draw(facts), reviews=reviews),
        draw(st.none() | units),
        draw(st.sampled_from([None, "", "Acme", "Bolt", brand.name])),
        tuple(draw(st.lists(mentions, max_size=4))),
        PriceJudgement(draw(st.none() | units), "why", COHORT),
        uses(draw(st.sampled_from(["", "replica", "Acme 1:1 replica AAA"]))),
        draw(st.booleans()),
        draw(
            st.none()
            | st.dictionaries(st.sampled_from(["faithful", "mirrored", "incomplete"]), units).map(MarkAlteration)
        ),
        find_complaints(reviews),
        draw(st.none() | st.lists(uses_of_photos, max_size=3).map(tuple)),
        draw(units),
    )


@quick
@given(one=cases())
def test_every_signal_is_sound_on_any_case(one: Case) -> None:
    assert 0 <= one.presence <= 1
    signals = [s for s in (function(one) for function in DEFAULT_SIGNALS) if s is not None]
    assert all(0 <= s.value <= 1 and s.why for s in signals)
    assert [f(one) for f in DEFAULT_SIGNALS] == [f(one) for f in DEFAULT_SIGNALS], "a function of the case alone"
    score = ScoreModel().score(one.brand.name, signals, shown=one.shown)
    assert score.value is not None
    if one.is_accessory:
        # nothing is said of price and seller, and of mark and claim only where the mark is surely shown
        names = {s.name for s in signals}
        assert not names & {"low_price", "seller_not_authorised", "claimed_not_shown"}
        assert (one.shown or 0.0) > 0.9 or not names & {"shown_not_claimed", "claims_another_brand"}


@quick
@given(one=cases())
def test_a_signal_that_cannot_be_computed_is_absent(one: Case) -> None:
    def absent(case: Case, *functions: SignalFunction) -> None:
        assert [function(case) for function in functions] == [None] * len(functions)

    absent(replace(one, price=UNJUDGED), low_price)
    absent(replace(one, shown=None), shown_not_claimed, claims_another_brand, claimed_not_shown)
    absent(replace(one, claimed=None), shown_not_claimed, claims_another_brand)
    absent(replace(one, searched=False), claimed_not_shown)
    absent(replace(one, altered=None), altered_logo)
    absent(replace(one, complaints=find_complaints(())), review_complaints)
    absent(replace(one, photos=None), copied_photo)
    absent(replace(one, listing=replace(one.listing, seller_id=None)), seller_not_authorised)
    absent(replace(one, listing=replace(one.listing, attributes={})), contradicts_facts)
    absent(replace(one, brand=replace(one.brand, facts={}, authorised_sellers=())), contradicts_facts)
    silent = replace(one.listing, title=None, description="", claimed_brand=None)
    absent(replace(one, listing=silent, mentions=(), coded=()), lookalike_text, coded_terms)


def raised(one: Case) -> dict[str, float]:
    return {s.name: s.value for s in (function(one) for function in DEFAULT_SIGNALS) if s is not None}


@quick
@given(one=cases(), other=cases())
def test_more_evidence_never_lowers_its_signal(one: Case, other: Case) -> None:
    """Each kind of evidence, all else equal."""
    dearer, cheaper = sorted([one.price, other.price], key=lambda p: (p.anomaly is not None, p.anomaly or 0.0))
    if dearer.anomaly is not None and not one.is_accessory:
        assert raised(replace(one, price=dearer))["low_price"] <= raised(replace(one, price=cheaper))["low_price"]
    less, more = sorted([one.shown or 0.0, other.shown or 0.0])
    for name in ("shown_not_claimed", "claims_another_brand", "low_price", "seller_not_authorised", "altered_logo"):
        low, high = (raised(replace(one, shown=shown)).get(name) for shown in (less, more))
        assert (low is None) == (high is None) or one.is_accessory
        assert (low or 0.0) <= (high or 0.0)
    low, high = (raised(replace(one, shown=shown)).get("claimed_not_shown") for shown in (less, more))
    assert (low or 0.0) >= (high or 0.0), "what is surely shown is not hidden"
    if one.coded and not one.is_accessory:
        assert raised(one)["coded_terms"] >= raised(replace(one, coded=one.coded[:1]))["coded_terms"]


@quick
@given(one=cases(), photos=st.lists(uses_of_photos, min_size=1, max_size=3).map(tuple))
def test_the_sentence_of_copied_photo_agrees_with_its_numbers(one: Case, photos: tuple[PhotoUse, ...]) -> None:
    one = replace(one, photos=photos)
    found = copied_photo(one)
    assert found is not None
    assert "other-seller" not in found.why, "who else it was, is no business of whoever reads it"
    assert not re.search(r"\b1 (other )?sellers", found.why)
    assert not re.search(r"\b(0|[2-9]|[1-9]\d+) (other )?seller\b", found.why)
    if told := re.match(r"a photo is used by (?:at least )?(\d+) ", found.why):
        parts = {what: int(n) for n, what in re.findall(r"(\d+) (seen before|seen after|in an order)", found.why)}
        worst = max(
            (
                u
                for u in photos
                if {one.brand.name, one.claimed}.isdisjoint(u.official_of) and u.other_sellers == int(told[1])
            ),
            key=lambda use: use.weight,
        )
        if one.seller is not None:
            assert sum(parts.values()) == worst.other_sellers
            assert all(parts.values()), "nothing is said of nobody"
            assert (found.value > 0) <= ("seen before" in parts or "in an order" in parts)
    else:
        assert found.value == 0


@quick
@given(use=photo_uses(), more=st.integers(0, 9))
def test_whoever_comes_later_accuses_nobody(use: PhotoUse, more: int) -> None:
    """And whoever was first is not accused at all, however many follow."""
    with_more = replace(
        use, other_sellers=min(MOST_SELLERS, use.other_sellers + more),
        later_sellers=use.later_sellers + min(MOST_SELLERS - use.other_sellers, more),
    )  # fmt: skip
    assert with_more.weight <= use.weight
    later = use.other_sellers
    assert replace(use, earlier_sellers=0, later_sellers=later).weight == 0
    assert replace(use, earlier_sellers=0, later_sellers=0).weight <= 0.5
