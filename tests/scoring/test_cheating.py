"""What a seller can do cheaply, what a third party can do to an honest one, and what each reason says of its numbers.

The listing is blocked by its price, its seller, a buyer's complaint and a coded term; each change is one that costs the
seller nothing. Scores before and after stand in the table, so that a change of a coefficient shows here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.images.phash import PhotoUse
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.results import Score, Signal, top_score
from logoscan.scoring.judge import Findings, Judge, Judgement
from logoscan.scoring.model import NO_PROOF, ScoreModel
from logoscan.text.brand_names import NameIndex
from logoscan.text.listing_text import ListingText
from logoscan.text.title_words import title_words
from logoscan.types import Brand, BrandMention, Listing, UsualPrice

USUAL = (UsualPrice("EUR", 80, 120, "Shoes"),)
BRANDS = {
    "Acme": Brand("Acme", authorised_sellers=("good",), usual_prices=USUAL, facts={"material": "leather"}),
    "Bolt": Brand("Bolt"),
}
NAMES = NameIndex(BRANDS.values())
JUDGE = Judge()
FAKE_REVIEWS = ("This is a fake",)
LISTING = Listing(
    "L", ("a.jpg",), "Acme shoe", claimed_brand="Acme", category="Shoes", condition="new", price=17, currency="EUR",
    seller_id="bad", reviews=FAKE_REVIEWS,
)  # fmt: skip
SHOWN = {"Acme": (0.97,)}


def judge(
    listing: Listing = LISTING, by_photo: Mapping[str, tuple[float, ...]] = SHOWN, **changes: Any
) -> dict[str, Judgement]:
    """Each candidate's judgement, where these photos show these brands."""
    words = ListingText.of(listing, NAMES)
    found = Findings(
        listing,
        words.claimed,
        words.mentions,
        words.coded,
        {brand: max(row) for brand, row in by_photo.items()},
        frozenset(BRANDS) if listing.images else (),
        shown_by_photo=by_photo,
        **changes,
    )
    return {one.brand: one for one in JUDGE.judge(found, BRANDS.get)}


def score(listing: Listing = LISTING, by_photo: Mapping[str, tuple[float, ...]] = SHOWN, **changes: Any) -> Score:
    return top_score([one.score for one in judge(listing, by_photo, **changes).values()]) or ScoreModel().nothing()


def test_unchanged_listing_is_blocked() -> None:
    assert score().band == "block"


Change = Callable[[Listing], Listing]
CHEAP: dict[str, Change] = {
    "used": lambda x: replace(x, condition="used"),
    "refurbished box": lambda x: replace(x, condition="New (refurbished box)"),
    "price of 0": lambda x: replace(x, price=0),
    "another currency": lambda x: replace(x, currency="TRY"),
    "no currency": lambda x: replace(x, currency=None),
    "no price": lambda x: replace(x, price=None),
    "garbled price": lambda x: replace(x, price=None, dropped={"price": "expected a number, got 'POA'"}),
    "blank seller": lambda x: replace(x, seller_id=" "),
    "no seller": lambda x: replace(x, seller_id=None),
    "garbled seller": lambda x: replace(x, seller_id=None, dropped={"seller_id": "expected text, got a list"}),
    "no category": lambda x: replace(x, category=None),
    "no condition": lambda x: replace(x, condition=None),
    "claims another brand": lambda x: replace(x, claimed_brand="Bolt"),
    "claims no brand": lambda x: replace(x, claimed_brand=""),
    "leaves the claim out": lambda x: replace(x, claimed_brand=None),
    "for the brand": lambda x: replace(x, title="Shoe for Acme", claimed_brand=None),
    "in the brand's style": lambda x: replace(x, title="Acme style shoe", claimed_brand=None),
    "a small sample": lambda x: replace(x, title="Acme shoe, 1/10 of a piece, 5 ml"),
    "no title": lambda x: replace(x, title=None),
    "a cheer of his own": lambda x: replace(x, reviews=(*x.reviews, "good")),
}


@pytest.mark.parametrize("name", CHEAP)
def test_no_cheap_change_clears_what_would_be_blocked(name: str) -> None:
    changed = score(CHEAP[name](LISTING))
    assert changed.band != "clear", changed
    assert changed.band == "block" or changed.doubts or (changed.value or 0) >= ScoreModel().review_from


@quick
@given(names=st.lists(st.sampled_from(sorted(CHEAP)), unique=True, max_size=4), sure=st.sampled_from([0.93, 0.99]))
def test_several_cheap_changes_clear_nothing_where_the_photos_show_the_brand(names: list[str], sure: float) -> None:
    listing = LISTING
    for name in names:
        listing = CHEAP[name](listing)
    changed = score(listing, {"Acme": (sure,)})
    assert changed.band != "clear", (names, changed)


def test_a_photo_of_the_claimed_brand_is_no_shield() -> None:
    """Acme's photo comes first; the shield is a photo that shows Bolt, which is claimed."""
    shield = replace(LISTING, claimed_brand="Bolt", images=("a.jpg", "b.jpg"))
    changed = judge(shield, {"Acme": (0.97, 0.0), "Bolt": (0.0, 0.99)})["Acme"].score
    assert changed.band == "block"
    both = judge(shield, {"Acme": (0.97, 0.0), "Bolt": (0.99, 0.0)})["Acme"].score
    assert both.value is not None
    assert both.value < (changed.value or 0.0), "in one photo the claimed mark explains the other"


def test_replicas_for_a_brand_are_replicas() -> None:
    """The words of the trade are not silenced by "for", nor is coverage raised by a review and a fresh photo."""
    replica = replace(LISTING, title="Shoe for Acme, 1:1 replica", claimed_brand=None, reviews=("good",))
    changed = score(replica, photos=(PhotoUse(0),))
    assert "coded_terms" in {c.signal for c in changed.contributions if c.contribution > 3}
    assert changed.band != "clear"


def test_honest_accessories_stay_clear() -> None:
    """Cheap beside the thing that they are for, which their photo shows."""
    case = Listing("C", ("a.jpg",), "Case for Acme phone", category="Cases", price=9, currency="EUR", seller_id="shop",
                   reviews=("Great",), claimed_brand="")  # fmt: skip
    assert score(case, {"Acme": (0.97,)}).band == "clear"
    assert score(case, {}).band == "clear"


def test_honest_used_goods_stay_clear() -> None:
    used = replace(LISTING, condition="used", reviews=("Great",), price=35, seller_id="private")
    assert score(used).band == "clear"


@pytest.mark.parametrize("gone", [{"price": None}, {"category": None}, {"seller_id": None}, {"reviews": ()}])
def test_honest_gaps_stay_clear(gone: dict[str, Any]) -> None:
    honest = replace(LISTING, price=100, seller_id="good", reviews=("Great",))
    assert score(replace(honest, **gone)).band == "clear"


@pytest.mark.parametrize(
    ("copies", "reviews"), [(3, 0), (3, 3), (50, 10), (0, 10)], ids=["copies", "and reviews", "many", "reviews"]
)
def test_third_parties_do_not_block_the_brands_own_seller(copies: int, reviews: int) -> None:
    """What others can do to anyone, copy a photo and write reviews, is a reason to look and no more."""
    own = replace(LISTING, seller_id="good", price=100, reviews=FAKE_REVIEWS * reviews)
    assert score(own, photos=(PhotoUse(copies),)).band != "block"


def test_third_party_signals_are_no_proof() -> None:
    model = ScoreModel(bias=10.0)
    for name in NO_PROOF:
        assert model.score("Acme", [Signal(name, 1.0, "why")]).band == "review"


def test_a_title_that_alone_excuses_the_price_is_named() -> None:
    """One word of the title makes the price usual; without it, the listing would be blocked."""
    rng = random.Random(0)
    prices = PriceModel.fit(
        PriceRecord("Acme", (12.0 if small else 40.0) * math.exp(rng.gauss(0.0, 0.1)), "EUR", "Shoes", words=words)
        for i in range(1000)
        for small in (i % 16 == 0,)
        for words in (title_words(f"Acme {'mini' if small else 'day'} shoe"),)
    )
    brands = {"Acme": replace(BRANDS["Acme"], usual_prices=())}
    mini = replace(
        LISTING, title="Acme mini shoe", price=14, attributes={"material": "plastic"}, reviews=(), images=("a.jpg",)
    )
    found = Findings(mini, "Acme", (), (), {"Acme": 0.97})
    model = ScoreModel(bias=-4.0, review_from=30.0, block_from=65.0)
    (one,) = Judge(prices, model).judge(found, brands.get)
    assert one.score.band == "review"
    assert one.score.value is not None
    assert one.score.value < model.review_from
    says = "would be blocked if the title said nothing of the goods and nothing spoke in its favour"
    assert one.score.doubts == (says,)


# -- what is withheld


@pytest.mark.parametrize(
    ("listing", "changes", "says"),
    [
        (replace(LISTING, price=0), {}, "the price is 0"),
        (replace(LISTING, currency="TRY"), {}, "the price is in TRY, which cannot be compared"),
        (replace(LISTING, seller_id=" "), {}, "the seller's id is blank"),
        (
            replace(LISTING, price=None, condition=None, dropped={"price": "?", "condition": "?"}),
            {},
            "condition cannot be read; price cannot be read",
        ),
        (replace(LISTING, dropped={"title": "1 of it replaced"}), {}, None),  # the rest of it was read
        (LISTING, {"unseen": ("image 2 could not be read",), "searched_share": 0.5}, "image 2 could not be read"),
        (LISTING, {}, None),
        (replace(LISTING, price=None, category=None, seller_id=None, reviews=()), {}, None),
        (replace(LISTING, dropped={"listed_at": "?"}), {}, None),
    ],
)
def test_what_is_hidden_or_garbled_is_a_reason(listing: Listing, changes: dict[str, Any], says: str | None) -> None:
    found = [c.why for c in judge(listing, **changes)["Acme"].score.contributions if c.signal == "withheld"]
    assert found == ([] if says is None else [says])


def test_one_broken_photo_among_five_says_little() -> None:
    one = judge(LISTING, unseen=("image 2 could not be read",), searched_share=0.8)["Acme"]
    (part,) = [c for c in one.score.contributions if c.signal == "withheld"]
    assert 0 < part.contribution < 0.3


# -- sentences


def test_reason_for_one_seller_is_singular() -> None:
    (part,) = [c for c in judge()["Acme"].score.contributions if c.signal == "seller_not_authorised"]
    assert part.why == "Acme authorised 1 seller, and it is not bad"


def test_misread_name_beside_the_logo_is_no_lookalike() -> None:
    slip = BrandMention("image:0", "Acmf", "Acme", "near", 0.25, 0.4)
    honest = replace(LISTING, seller_id="good", price=100, reviews=())
    found = Findings(honest, "Acme", (slip,), (), {"Acme": 0.99}, frozenset(BRANDS), shown_by_photo={"Acme": (0.99,)})
    (one,) = JUDGE.judge(found, BRANDS.get)
    assert max(c.contribution for c in one.score.contributions) < 0.3
    unclaimed = replace(found, claimed="", listing=replace(honest, claimed_brand=""))
    (other,) = JUDGE.judge(unclaimed, BRANDS.get)
    assert {c.signal for c in other.score.contributions if c.contribution > 0.9} >= {"lookalike_text"}


def test_a_second_brand_does_not_clear_what_is_held_for_the_first() -> None:
    """The number of a milder candidate may be higher; the strictest band counts."""
    used = replace(LISTING, condition="used", claimed_brand="", images=("a.jpg", "b.jpg"), reviews=FAKE_REVIEWS)
    alone = score(used)
    assert alone.band == "review"
    both = score(used, {"Acme": (0.97, 0.0), "Bolt": (0.0, 0.99)})
    assert both.band == "review"


def test_the_strictest_band_counts_whatever_the_numbers() -> None:
    model = ScoreModel(bias=0.0)
    clear = ScoreModel(bias=3.0, review_from=99.0, block_from=99.5).score("Clear", [])
    held = model.score("Held", [], doubts=["image 0 could not be read"])
    blocked = ScoreModel(bias=-2.0, block_from=20.0).score("Blocked", [Signal("coded_terms", 0.5, "why")])
    assert [s.band for s in (clear, held, blocked)] == ["clear", "review", "block"]
    assert (clear.value or 0) > (held.value or 0)
    assert top_score([clear, held]) is held
    assert top_score([clear, blocked, held]) is blocked
