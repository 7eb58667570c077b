"""Judging: candidates, and what must hold of every judgement, whatever was found and whatever was fitted."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, score_models, units

from logoscan.images.phash import MOST_SELLERS, PhotoUse
from logoscan.odds import sigmoid
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.results import SHOWN_FROM, Score, Signal, top_score
from logoscan.scoring.case import Case
from logoscan.scoring.credits import CREDIT
from logoscan.scoring.judge import Findings, Gap, Judge, Judgement
from logoscan.scoring.model import PRICE_SIGNALS, PRIOR, ScoreModel
from logoscan.scoring.signals import DEFAULT_SIGNALS, SignalFunction
from logoscan.text.brand_names import NameIndex
from logoscan.text.coded_terms import CodedUse, find_coded
from logoscan.text.complaints import Complaints, find_complaints
from logoscan.text.listing_text import ListingText, claim_of, search_photo_text
from logoscan.types import Brand, BrandMention, Listing, MarkAlteration, TextSpans, UsualPrice

ACME = Brand(
    "Acme",
    authorised_sellers=("good",),
    usual_prices=(UsualPrice("EUR", 60.0, 120.0, "Shoes"), UsualPrice("EUR", 200.0, 300.0)),
    facts={"material": "leather"},
)
BOLT = Brand("Bolt", authorised_sellers=("good", "bolt"))
CORE = Brand("Core")
BRANDS = {brand.name: brand for brand in (ACME, BOLT, CORE)}
NAMES = NameIndex(BRANDS.values())
PRICES = PriceModel.fit(
    [PriceRecord("Bolt", 50.0 + i, "EUR", "Tools") for i in range(20)]
    + [PriceRecord("Bolt", 500.0 + 9 * i, "EUR", "Bags") for i in range(20)]
    + [PriceRecord("Other", 5.0 + 0.1 * i, "EUR", "Shoes") for i in range(20)]
    + [PriceRecord("Core", 5.0 + 0.1 * i, "USD", None) for i in range(20)]
).with_rates({"EUR": 1.1, "USD": 1.0})
JUDGE = Judge(PRICES)


def judge(found: Findings, model: ScoreModel | None = None) -> list[Judgement]:
    return replace(JUDGE, score_model=model or ScoreModel()).judge(found, BRANDS.get)


def highest(found: Findings, model: ScoreModel) -> float:
    """The listing's score; below any where there is none."""
    top = top_score([one.score for one in judge(found, model)])
    return -1.0 if top is None or top.value is None else top.value


def uncredited(score: Score) -> float:
    """What the score would be if nothing spoke in its favour."""
    return 100 * sigmoid(score.bias + math.fsum(max(0.0, c.contribution) for c in score.contributions))


# -- arbitrary findings

words = st.builds(
    BrandMention,
    source=st.sampled_from(["title", "description", "claim", "image:0", "image:1"]),
    text=st.just("Acme"),
    brand=st.sampled_from(sorted(BRANDS)),
    kind=st.sampled_from(["exact", "near", "partial", "compatible", "style"]),
    distance=units,
    probability=units,
)
reviews = st.lists(
    st.sampled_from(["This is a fake.", "Good shoes.", "Not original!", "I love it", "", "not fake"]), max_size=5
)
listings = st.builds(
    Listing,
    id=st.just("L"),
    title=st.sampled_from([None, "", "Acme shoe", "Case for Acme", "2 x Bolt 500 ml"]),
    category=st.sampled_from([None, "", "Shoes", "tools", "Bags", "Hats"]),
    condition=st.sampled_from([None, "new", "used"]),
    price=st.none() | st.floats(0.01, 1e4),
    currency=st.sampled_from([None, "EUR", "USD", "JPY"]),
    seller_id=st.sampled_from([None, " ", "good", "bolt", "bad"]),
    attributes=st.sampled_from([{}, {"material": "plastic"}, {"Material": "leather"}, {"colour": "red"}]),
    reviews=reviews.map(tuple),
)
per_brand = st.dictionaries(st.sampled_from(sorted(BRANDS)), units)
kinds = st.dictionaries(st.sampled_from(["faithful", "mirrored", "stretched"]), units).map(MarkAlteration)
photo_uses = st.builds(
    lambda n, official: PhotoUse(n, ("a",)[:n], official),
    st.integers(0, MOST_SELLERS),
    st.sampled_from([(), ("Acme",)]),
)
coded_uses = st.sampled_from(
    [(), *(tuple(CodedUse("title", h) for h in find_coded(t)) for t in ("replica", "1:1 aaa"))]
)
findings = st.builds(
    Findings,
    listing=listings,
    claimed=st.sampled_from([None, "", "Acme", "Bolt", "Nobody's"]),
    mentions=st.lists(words, max_size=5).map(tuple),
    coded=coded_uses,
    shown=per_brand,
    visible=st.sets(st.sampled_from(sorted(BRANDS))),
    altered=st.dictionaries(st.sampled_from(sorted(BRANDS)), kinds),
    photos=st.none() | st.lists(photo_uses, max_size=3).map(tuple),
)


def labelled(seed: int, n: int, rule: str) -> tuple[list[Score], list[bool]]:
    """Scores with random signals, and labels by a rule that no model need know."""
    rng = random.Random(seed)
    scores, labels = [], []
    for _ in range(n):
        signals = [Signal(name, rng.random(), "why") for name in PRIOR if rng.random() < 0.6]
        value = {s.name: s.value for s in signals}
        scores.append(ScoreModel().score("Acme", signals))
        wanted = {
            "price": value.get("low_price", 0.0) > 0.5,
            "absent": "low_price" not in value or "review_complaints" not in value,  # as perverse as can be
            "honest": value.get("lookalike_text", 1.0) < 0.5,
            "chance": rng.random() < 0.3,
        }
        labels.append(wanted[rule])
    return scores, labels


@cache
def fitted_models() -> dict[tuple[str, int], ScoreModel]:
    """Models fitted to few and to many labels, by each rule."""
    return {
        (rule, n): ScoreModel().fit(*labelled(i, n, rule))
        for i, rule in enumerate(("price", "absent", "honest", "chance"))
        for n in (10, 2000)
    }


any_model = st.deferred(lambda: st.just(ScoreModel()) | st.sampled_from(list(fitted_models().values())) | score_models)


# -- what must hold


@quick
@given(found=findings, model=any_model)
def test_contributions_sum_to_the_logit(found: Findings, model: ScoreModel) -> None:
    for one in judge(found, model):
        logit = one.score.bias + math.fsum(c.contribution for c in one.score.contributions)
        assert one.score.value == pytest.approx(100 * sigmoid(logit), abs=1e-9)
        assert one.score.brand == one.brand
        for part in one.score.contributions:
            assert part.contribution >= -CREDIT.get(part.signal, 0.0), "only credits speak in anyone's favour"


@quick
@given(found=findings, model=any_model)
def test_block_needs_a_reason_beyond_the_price(found: Findings, model: ScoreModel) -> None:
    for one in judge(found, model):
        beyond = [c for c in one.score.contributions if c.contribution > 0 and c.signal not in PRICE_SIGNALS]
        assert one.score.band != "block" or beyond


@pytest.mark.parametrize("n", [10, 2000])
def test_labels_that_only_the_price_explains_block_nothing_by_the_price(n: int) -> None:
    cheap = Listing("x", price=0.5, currency="EUR", category="Tools", seller_id="bolt", title="Bolt drill")
    found = Findings(cheap, "Bolt", shown={"Bolt": 1.0}, visible=("Bolt",))
    (one,) = judge(found, fitted_models()["price", n])
    parts = {c.signal: c.contribution for c in one.score.contributions}
    assert parts["low_price"] > 1
    assert sum(v for v in parts.values() if v > 0) == parts["low_price"], "nothing but the price speaks against it"
    assert one.score.band != "block"


ABSENT: list[dict[str, Any]] = [
    {"price": None},
    {"currency": None},
    {"category": None},
    {"category": " "},
    {"seller_id": None},
    {"reviews": ()},
    {"attributes": {}},
    {"price": None, "category": None, "seller_id": None, "reviews": ()},
]


@pytest.mark.parametrize("absent", ABSENT, ids=str)
@quick
@given(found=findings, model=any_model)
def test_missing_fields_never_raise_the_score(absent: dict[str, Any], found: Findings, model: ScoreModel) -> None:
    """Of any candidate, and so of the listing, over what it would be without credits, which are lost by silence.

    A copied photo excuses nobody who hides his name: it counts half.
    """
    found = replace(found, photos=None) if "seller_id" in absent else found
    less = replace(found, listing=replace(found.listing, **absent))
    before = {one.brand: uncredited(one.score) for one in judge(found, model)}
    after = {one.brand: one.score.value or 0.0 for one in judge(less, model)}
    assert before.keys() == after.keys(), "none of it makes a candidate"
    assert all(after[brand] <= before[brand] + 1e-9 for brand in before)
    assert highest(less, model) <= max(before.values(), default=-1.0) + 1e-9


@quick
@given(found=findings, model=any_model)
def test_unsearched_photos_never_raise_the_score(found: Findings, model: ScoreModel) -> None:
    """No ledger, marks that were not compared, photos of which some could not be read."""
    for less in (replace(found, photos=None), replace(found, altered={}), replace(found, visible=())):
        assert highest(less, model) <= max((uncredited(j.score) for j in judge(found, model)), default=-1.0) + 1e-9


@quick
@given(found=findings, model=any_model, seed=st.integers(0, 1000))
def test_order_and_neighbours_do_not_matter(found: Findings, model: ScoreModel, seed: int) -> None:
    rng = random.Random(seed)

    def mixed(values: Any) -> list[Any]:
        items = list(values)
        rng.shuffle(items)
        return items

    def mapping(values: Mapping[str, Any]) -> dict[str, Any]:
        return dict(mixed(values.items()))

    again = replace(
        found,
        listing=replace(found.listing, attributes=mapping(found.listing.attributes)),
        mentions=tuple(mixed(found.mentions)),
        coded=tuple(mixed(found.coded)),
        shown=mapping(found.shown),
        altered=mapping(found.altered),
        photos=None if found.photos is None else tuple(mixed(found.photos)),
    )
    judged, shuffled = judge(found, model), judge(again, model)
    assert [(j.brand, j.shown, j.skipped, j.score.value, j.score.band) for j in judged] == [
        (j.brand, j.shown, j.skipped, j.score.value, j.score.band) for j in shuffled
    ]
    other = replace(JUDGE, score_model=model, signals=mixed(DEFAULT_SIGNALS))
    other.judge(Findings(Listing("neighbour", reviews=("fake!",)), "Acme", shown={"Bolt": 1.0}), BRANDS.get)
    assert other.judge(found, BRANDS.get) == judged


def raised(function: SignalFunction, least: float) -> SignalFunction:
    """The signal, with a value of `least` or more."""

    def higher(case: Case) -> Signal | None:
        signal = function(case)
        return None if signal is None else replace(signal, value=max(signal.value, least))

    return higher


@quick
@given(found=findings, model=any_model, more=units)
def test_suspicion_only_rises(found: Findings, model: ScoreModel, more: float) -> None:
    """A signal that is higher, all else equal, never lowers the score of a candidate; a credit never raises it."""
    for i in range(len(DEFAULT_SIGNALS)):
        signals = (*DEFAULT_SIGNALS[:i], raised(DEFAULT_SIGNALS[i], more), *DEFAULT_SIGNALS[i + 1 :])
        after = replace(JUDGE, score_model=model, signals=signals).judge(found, BRANDS.get)
        for one, other in zip(judge(found, model), after, strict=True):
            rise = (other.score.value or 0.0) - (one.score.value or 0.0)
            assert (rise <= 1e-9) if DEFAULT_SIGNALS[i].__name__ in CREDIT else (rise >= -1e-9)


@quick
@given(found=findings)
def test_signal_that_cannot_be_computed_is_absent_from_the_score(found: Findings) -> None:
    for one in judge(found):
        judged = {c.signal for c in one.score.contributions}
        brand = BRANDS[one.brand]
        assert "low_price" not in judged or found.listing.price is not None
        assert "seller_not_authorised" not in judged or (found.listing.seller_id or "").strip()
        assert "seller_not_authorised" not in judged or brand.authorised_sellers
        assert "contradicts_facts" not in judged or (brand.facts and found.listing.attributes)
        assert ("review_complaints" in judged) == any(review for review in found.listing.reviews)
        assert "copied_photo" not in judged or found.photos
        assert ("altered_logo" in judged) == bool((mark := found.altered.get(one.brand)) and mark.kinds)
        assert "claimed_not_shown" not in judged or one.brand in found.visible
        assert one.shown is not None or not judged & {"shown_not_claimed", "claims_another_brand"}
        assert (one.skipped == ()) or "low_price" not in judged


# -- candidates


LISTING = Listing("L")


def mention(kind: Any = "exact", probability: float = 0.9, brand: str = "Acme") -> BrandMention:
    return BrandMention("title", brand, brand, kind, 0.0, probability)


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (Findings(LISTING, None), []),
        (Findings(LISTING, ""), []),
        (Findings(LISTING, "Acme"), ["Acme"]),
        (Findings(LISTING, "Nobody's"), ["Nobody's"]),
        (Findings(LISTING, None, shown={"Bolt": SHOWN_FROM, "Acme": SHOWN_FROM - 0.01}), ["Bolt"]),
        (Findings(LISTING, None, visible=("Acme", "Bolt")), []),
        (Findings(LISTING, None, (mention(probability=SHOWN_FROM),)), ["Acme"]),
        (Findings(LISTING, None, (mention(probability=0.19),)), []),
        (Findings(LISTING, None, (mention("compatible", 0.01), mention("style", 0.01, "Bolt"))), ["Acme", "Bolt"]),
        (Findings(LISTING, "Bolt", (mention(),), shown={"Core": 1.0}), ["Acme", "Bolt", "Core"]),
    ],
)
def test_candidate_brands(found: Findings, names: list[str]) -> None:
    assert found.candidates() == names
    assert [one.brand for one in judge(found)] == [name for name in names if name in BRANDS]


def test_a_claim_that_is_no_registered_brand_is_passed_over() -> None:
    assert judge(Findings(LISTING, "Nobody's", shown={"Acme": 0.1})) == []


def test_reviews_are_read_once_for_all_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(reviews: Sequence[str]) -> Complaints:
        calls.append(reviews)
        return find_complaints(reviews)

    monkeypatch.setattr("logoscan.scoring.judge.find_complaints", counted)
    listing = Listing("L", reviews=("This is a fake.",))
    judged = judge(Findings(listing, None, shown={"Acme": 1.0, "Bolt": 1.0, "Core": 1.0}))
    assert (len(judged), len(calls)) == (3, 1)
    assert all("review_complaints" in {c.signal for c in one.score.contributions} for one in judged)
    assert judge(Findings(listing, None)) == []
    assert len(calls) == 1, "no candidate, nothing to read for"


def test_brand_not_found_has_probability_0_only_where_it_was_searched() -> None:
    found = Findings(LISTING, "Acme", shown={"Bolt": 0.4}, visible=("Acme",))
    assert {one.brand: one.shown for one in judge(found)} == {"Acme": 0.0, "Bolt": 0.4}
    assert judge(replace(found, visible=()))[0].shown is None
    case = JUDGE.case(found, BOLT)
    assert (case.shown, case.searched) == (0.4, False)


# -- words


@pytest.mark.parametrize(
    ("claim", "claimed"),
    [(None, None), ("", ""), ("  ", ""), ("Unbranded", ""), ("n/a", ""), ("ACME!", "Acme"), (" Nobody's ", "Nobody's")],
)
def test_claimed_brands(claim: str | None, claimed: str | None) -> None:
    assert claim_of(Listing("L", claimed_brand=claim), NAMES) == claimed


def test_mentions_name_their_source() -> None:
    frame = np.array([[[0, 0], [9, 0], [9, 9], [0, 9]]] * 2, np.float32)
    spans = [TextSpans.empty(), TextSpans(frame, ("Bolt", "replica"), np.array([0.9, 0.5], np.float32))]
    listing = Listing("L", title="Acme replica", description="A copy.", claimed_brand="Core")
    photos = {i: search_photo_text(lines, i, NAMES) for i, lines in enumerate(spans)}
    words = ListingText.of(listing, NAMES).with_photos(photos)
    found = words.mentions
    assert {(m.source, m.brand) for m in found} == {("title", "Acme"), ("claim", "Core"), ("image:1", "Bolt")}
    assert [m.probability for m in found] == sorted((m.probability for m in found), reverse=True)
    assert {("title", 1.0), ("image:1", 0.5)} <= {(use.source, use.confidence) for use in words.coded}
    assert words.without_photos({0}).mentions != words.without_photos({1}).mentions
    silent = ListingText.of(LISTING, NAMES)
    assert (silent.mentions, silent.coded) == ((), ())


# -- by photo


@pytest.mark.parametrize(
    ("claimed", "by_photo", "shown", "apart"),
    [
        ("Bolt", None, {"Acme": 0.9}, None),
        ("Bolt", {}, {}, 0.0),
        ("Bolt", {"Acme": (0.9, 0.0), "Bolt": (0.0, 1.0)}, {"Acme": 0.9, "Bolt": 1.0}, 0.9),
        ("Bolt", {"Acme": (0.9, 0.8), "Bolt": (1.0, 0.0)}, {"Acme": 0.9, "Bolt": 1.0}, 0.8),
        ("Bolt", {"Acme": (0.9,), "Bolt": (1.0,)}, {"Acme": 0.9, "Bolt": 1.0}, 0.0),
        ("Bolt", {"Acme": (0.5, 0.5)}, {"Acme": 0.9}, 0.9),
        ("Acme", {"Acme": (0.5, 0.4)}, {"Acme": 0.7}, 0.7),
        (None, {"Acme": (0.5, 0.4)}, {"Acme": 0.7}, 0.7),
        ("", {"Acme": (0.5, 0.4)}, {"Acme": 0.7}, 0.7),
    ],
)
def test_a_photo_of_the_claimed_brand_says_nothing_of_the_others(
    claimed: str | None, by_photo: Any, shown: dict[str, float], apart: float | None
) -> None:
    """A shield: a second photo that shows the claimed brand does not clear the first."""
    found = Findings(LISTING, claimed, shown=shown, shown_by_photo=by_photo)
    assert found.shown_apart("Acme") == (None if apart is None else pytest.approx(apart))
    assert JUDGE.case(found, ACME).shown_apart == found.shown_apart("Acme")
    assert (found.shown_apart("Acme") or 0.0) <= shown.get("Acme", 0.0)


# -- what was not looked at


@given(findings, score_models, st.sets(st.sampled_from(["unreadable", "over the cap"]), min_size=1))
@quick
def test_unsearched_photos_are_never_clear(found: Findings, model: ScoreModel, gaps: set[Gap]) -> None:
    """And nothing else changes: not the scores, not what is held or blocked."""
    judge_ = replace(JUDGE, score_model=model)
    known = judge_.judge(found, BRANDS.get)
    unseen = replace(found, gaps=frozenset(gaps))
    judged = judge_.judge(unseen, BRANDS.get)
    for one, other in zip(known, judged, strict=True):
        assert other == (replace(one, score=replace(one.score, band="review")) if one.score.band == "clear" else one)
    before, after = judge_.top(known, found), judge_.top(judged, unseen)
    assert after.band == ("review" if before.band == "clear" else before.band)
    if before.band == "review":
        # one candidate was held for a doubt; another, which is now held too, may have the higher number
        assert (after.value or 0.0) >= (before.value or 0.0)
    else:
        assert (after.value, after.brand) == (before.value, before.brand)


def test_reviews_that_were_read_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    said = find_complaints(("This is a fake.",))
    monkeypatch.setattr("logoscan.scoring.judge.find_complaints", lambda reviews: pytest.fail("read again"))
    found = Findings(Listing("L", reviews=("This is a fake.",)), "Acme", reviews=said)
    assert JUDGE.judge(found, BRANDS.get)
    assert found.complaints is said
