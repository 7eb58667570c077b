"""The sentences of random judgings, each checked against the numbers that it was made of."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import quick

from logoscan.images.phash import PhotoUse
from logoscan.scoring.case import Case
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.photo_signals import claimed_not_shown, shown_not_claimed
from logoscan.scoring.signals import DEFAULT_SIGNALS
from logoscan.scoring.words import place, shown_in_photos
from logoscan.text.brand_names import NameIndex
from logoscan.text.listing_text import ListingText
from logoscan.types import Brand, Listing, MarkAlteration, UsualPrice

USUAL = (UsualPrice("EUR", 80, 120, "Shoes"),)
BRANDS = {
    "Acme": Brand("Acme", authorised_sellers=("good",), usual_prices=USUAL, facts={"material": "leather"}),
    "Bolt": Brand("Bolt"),
}
NAMES = NameIndex(BRANDS.values())
JUDGE = Judge()

probabilities = st.one_of(st.sampled_from([0.0, 0.001, 0.02, 0.1, 0.5, 0.95, 1.0]), st.floats(0, 1))
cases = st.builds(
    Findings,
    listing=st.builds(
        Listing,
        id=st.just("L"),
        images=st.just(("a.jpg",)),
        title=st.sampled_from([None, "Acme shoe", "Shoe", "Shoe for Acme", "Acne shoe", "Acmee shoe"]),
        claimed_brand=st.sampled_from([None, "", "Acme", "Bolt", "Nobody", "Acme & Bolt"]),
        price=st.sampled_from([None, 0, 17, 100]),
        currency=st.sampled_from([None, "EUR", "TRY"]),
        condition=st.sampled_from([None, "used"]),
        seller_id=st.sampled_from([None, " ", "bad", "good"]),
        reviews=st.lists(st.sampled_from(["This is a fake", "good"]), max_size=3).map(tuple),
        attributes=st.sampled_from([{}, {"material": "plastic"}, {"material": "leather"}]),
        dropped=st.sampled_from([{}, {"price": "?"}]),
    ),
    claimed=st.none(),
    shown=st.fixed_dictionaries({"Acme": probabilities, "Bolt": probabilities}),
    visible=st.just(frozenset(BRANDS)),
    photos=st.one_of(st.none(), st.builds(PhotoUse, st.integers(0, 256)).map(lambda use: (use,))),
    searched_share=st.sampled_from([1.0, 0.5]),
    altered=st.sampled_from([{}, *({"Acme": MarkAlteration({"faithful": 1 - p, "mirrored": p})} for p in (0.1, 0.8))]),
)


def every_case(found: Findings) -> list[Case]:
    listing = found.listing
    words = ListingText.of(listing, NAMES)
    found = replace(
        found,
        claimed=words.claimed,
        mentions=words.mentions,
        coded=words.coded,
        shown_by_photo={brand: (p,) for brand, p in found.shown.items()},
    )
    return [JUDGE.case(found, brand) for brand in BRANDS.values()]


HOW_SURE = {
    "the photos show": (0.9, 1.0),
    "the photos probably show": (0.5, 0.9),
    "the photos may show": (0.1, 0.5),
    "there is little sign of": (0.005, 0.1),
    "was not found in the photos": (0.0, 0.005),
}
"""Words -> the probabilities that they may stand for."""


def assert_sure(sentence: str, probability: float) -> None:
    """Check words about the photos, and their percentage, against the probability."""
    (words,) = [words for words in HOW_SURE if words in sentence]
    low, high = HOW_SURE[words]
    assert low <= probability <= high, sentence
    for said in re.findall(r"\((over |under )?(\d+) % sure", sentence):
        assert {"over ": probability > 0.99, "under ": probability < 0.01, "": True}[said[0]], sentence
        assert said[0] or abs(100 * probability - int(said[1])) <= 0.5 + 1e-9, sentence


def named_in(case: Case, sentence: str) -> bool:
    """Whether the words that a sentence quotes were read where it says, and are the brand's name if it says so."""
    quoted = re.match(r"(the title|the stated brand) says ('[^']*')(, nearly Acme|, nearly Bolt)?", sentence)
    if quoted is None:
        return sentence.startswith(f"the listing states that its brand is {case.claimed}")
    source, kind = {"the title": "title"}.get(quoted[1], "claim"), "near" if quoted[3] else "exact"
    return any((m.source, repr(m.text), m.kind) == (source, quoted[2], kind) for m in case.mentions)


@settings(quick, max_examples=150)
@given(found=cases)
def test_each_sentence_holds_for_its_numbers(found: Findings) -> None:
    for case in every_case(found):
        signals = {s.name: s for function in DEFAULT_SIGNALS if (s := function(case)) is not None}
        for signal in signals.values():
            name, why = case.brand.name, signal.why
            assert why
            assert not re.search(r"\b1 (?!of\b)\w+s\b(?! that)", why.replace("1 pieces", "")), why
            assert not re.search(r"\b(?:0|[2-9]|\d\d+) (?:seller|review|price)\b", why), why
            assert "probability" not in why
            assert "(0 % sure" not in why
            assert "100 % sure" not in why
            if signal.name in ("shown_not_claimed", "claimed_not_shown") and "photos" in why:
                assert_sure(why, case.shown or 0.0)
                assert name in why
            if signal.name == "claims_another_brand" and "photos" in why:
                assert_sure(why, case.apart)
                assert ("count less" in why) == (case.apart < (case.shown or 0.0) - 0.005), why
            if "states no brand" in why:
                assert case.claimed == "", why
            if "states that its brand is" in why:
                assert f"states that its brand is {case.claimed}" in why
            if signal.name == "claimed_not_shown":
                assert named_in(case, why), why
                assert ("not all photos" in why) == (case.searched_share < 1), why
            if signal.name == "shown_not_claimed" and why.startswith("the title"):
                assert named_in(case, why), why
            if signal.name == "lookalike_text" and signal.value > 0:
                near = {place(m.source) for m in case.mentions if m.kind == "near" and repr(m.text) in why}
                assert near, why
                assert all(where in why for where in near)
            if signal.name == "altered_logo":
                mark = case.altered
                assert mark is not None
                assert ("looks mirrored" in why) == (mark.altered > 0.5), why
                assert signal.value == 0 or mark.altered > 0.5
            if signal.name == "seller_not_authorised":
                assert ("none of them is" in why or "it is not" in why) == (
                    case.seller not in case.brand.authorised_sellers
                )
            if signal.name == "review_complaints":
                assert ("no complaint" in why) == (not case.complaints.found)
            if signal.name == "low_price" and case.price.stated:
                assert f"{case.brand.name} says" in why
        both = [signals.get(f.__name__) for f in (shown_not_claimed, claimed_not_shown)]
        assert not all(s is not None and s.value > 0 for s in both), "one brand is not hidden and shown at once"


@quick
@given(
    probability=st.one_of(
        st.floats(0, 1), st.sampled_from([0.0, 0.0049, 0.005, 0.0999, 0.1, 0.4999, 0.5, 0.8999, 0.9, 1.0])
    )
)
def test_words_are_as_sure_as_their_number(probability: float) -> None:
    assert_sure(shown_in_photos("Acme", probability), probability)
    assert_sure(shown_in_photos("Acme", probability, "a note"), probability)
