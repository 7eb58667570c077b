"""What the photos say, gathered for each brand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, units

from logoscan.matching.fusion import BrandEvidence, combine_probabilities, fuse, lower_contradicted
from logoscan.types import BrandMention, Match, MentionKind


def match(brand: str, probability: float | None, image: int = 0, points: int = 0) -> Match:
    return Match(
        image,
        (0.0, 0.0, 1.0, 1.0),
        brand,
        f"{brand}/a.png",
        0.5,
        0.1,
        probability,
        "keypoints" if points else "appearance",
        points,
    )


def mention(brand: str, probability: float, source: str = "image:0", kind: MentionKind = "exact") -> BrandMention:
    return BrandMention(source, brand, brand, kind, 0.0 if kind == "exact" else 0.1, probability)


def test_fusion_of_no_evidence() -> None:
    assert fuse([], []) == {}


@pytest.mark.parametrize(
    ("logo", "text", "shown"),
    [
        (None, 0.0, None),
        (None, 0.4, 0.4),
        (0.0, 0.0, 0.0),
        (0.3, 0.0, 0.3),
        (0.5, 0.5, 0.98),
        (0.1, 0.1, 0.3769),
        (0.5, 0.01, 0.5),
        (1.0, 0.2, 1.0),
    ],
)
def test_each_kind_of_evidence_shows_a_brand_and_both_show_it_better(
    logo: float | None, text: float, shown: float | None
) -> None:
    assert BrandEvidence("A", logo, text).shown == (None if shown is None else pytest.approx(shown, abs=1e-4))


@quick
@given(units, units, units)
def test_more_evidence_never_lowers_the_probability(logo: float, text: float, more: float) -> None:
    assert combine_probabilities(logo) == logo
    assert combine_probabilities(logo, text) == combine_probabilities(text, logo)
    assert max(logo, text) <= combine_probabilities(logo, text) <= combine_probabilities(logo, text, more) <= 1
    assert combine_probabilities(max(logo, more), text) >= combine_probabilities(logo, text)


def test_appearance_and_keypoints_are_two_kinds_of_evidence() -> None:
    looks = [match("A", 0.5), match("A", 0.4), match("B", None)]
    found = fuse([*looks, match("A", 0.5, points=8), match("B", 0.3, points=5)], [])
    assert found["A"].logo == pytest.approx(0.98)
    assert found["B"] == BrandEvidence("B", 0.3, 0.0)
    twice = fuse([match("A", 0.5, points=8), match("A", 0.4, 1, points=7)], [])
    assert twice["A"].logo == 0.5  # the best placement alone


def test_the_best_match_and_the_best_word_stand_for_a_brand() -> None:
    found = fuse(
        [match("A", 0.2), match("A", 0.7, image=1), match("B", 0.1)],
        [mention("A", 0.3), mention("A", 0.6, "image:1"), mention("C", 0.5)],
    )
    assert found == {
        "A": BrandEvidence("A", 0.7, 0.6),
        "B": BrandEvidence("B", 0.1, 0.0),
        "C": BrandEvidence("C", None, 0.5),
    }
    assert list(found) == ["A", "B", "C"]


def test_match_without_a_probability_is_listed_but_is_no_evidence() -> None:
    assert fuse([match("A", None)], []) == {"A": BrandEvidence("A", None, 0.0)}
    assert fuse([match("A", None)], [])["A"].shown is None
    assert fuse([match("A", None), match("A", 0.0)], []) == {"A": BrandEvidence("A", 0.0, 0.0)}
    assert fuse([match("A", 0.4), match("A", None)], []) == {"A": BrandEvidence("A", 0.4, 0.0)}


@pytest.mark.parametrize("source", ["title", "description", "claim"])
def test_what_the_seller_wrote_is_no_evidence_of_the_photos(source: str) -> None:
    assert fuse([], [mention("A", 0.9, source)]) == {}


@pytest.mark.parametrize(("kind", "counts"), [("exact", True), ("near", True), ("compatible", False), ("style", False)])
def test_compatible_and_style_mentions_are_no_evidence(kind: MentionKind, counts: bool) -> None:
    assert ("A" in fuse([], [mention("A", 0.9, kind=kind)])) == counts


@quick
@given(
    rows=st.lists(st.tuples(st.sampled_from("AB"), st.none() | units)),
    words=st.lists(st.tuples(st.sampled_from("AB"), units)),
    data=st.data(),
)
def test_order_does_not_matter_and_more_evidence_never_shows_less(
    rows: list[tuple[str, float | None]], words: list[tuple[str, float]], data: st.DataObject
) -> None:
    matches, mentions = [match(*row) for row in rows], [mention(*word) for word in words]
    found = fuse(matches, mentions)
    assert fuse(data.draw(st.permutations(matches)), data.draw(st.permutations(mentions))) == found
    more = fuse([*matches, match("A", data.draw(units))], mentions)
    before = found["A"].shown if "A" in found else None
    after = more["A"].shown
    assert after is not None
    assert 0 <= after <= 1
    assert before is None or after >= before - 1e-12


# -- a name that stands in the place of a match

BOX = (10.0, 10.0, 110.0, 60.0)
LINE = (15.0, 15.0, 105.0, 50.0)
FAR = (200.0, 10.0, 300.0, 60.0)
Box = tuple[float, float, float, float]


def seen(brand: str, probability: float, xyxy: Box = BOX, points: int = 0, image: int = 0) -> Match:
    return Match(
        image, xyxy, brand, f"{brand}/a.png", 0.5, 0.1, probability, "keypoints" if points else "appearance", points
    )


def read(
    brand: str, probability: float, xyxy: Box | None = LINE, kind: MentionKind = "exact", source: str = "image:0"
) -> BrandMention:
    return BrandMention(source, brand, brand, kind, 0.0, probability, xyxy)


@pytest.mark.parametrize("points", [0, 12])
@pytest.mark.parametrize(
    ("look", "name", "left"), [(0.94, 0.92, 0.556), (0.7, 0.92, 0.157), (0.94, 0.95, 0.439), (0.999, 0.92, 0.988)]
)
def test_name_read_in_the_matched_region_contradicts_a_match(
    points: int, look: float, name: float, left: float
) -> None:
    found = fuse([seen("Fedex", look, points=points)], [read("RedBull", name)])
    assert found["Fedex"].shown == pytest.approx(left, abs=1e-3)
    assert found["RedBull"].shown == name


@pytest.mark.parametrize("points", [0, 7])
@pytest.mark.parametrize("look", [0.3, 0.7, 0.9, 0.94])
@pytest.mark.parametrize("name", [0.9, 0.92, 0.95])
@pytest.mark.parametrize("line", [LINE, BOX, (0.0, 0.0, 120.0, 70.0), (40.0, 20.0, 80.0, 40.0)])
def test_text_in_the_box_of_a_mark_decides_between_brands(points: int, look: float, name: float, line: Box) -> None:
    """Seven keypoints or a likeness say one brand, and the sure word in their box says another: the word is right."""
    found = fuse([seen("Fedex", look, points=points)], [read("RedBull", name, line)])
    shown = {brand: evidence.shown or 0.0 for brand, evidence in found.items()}
    assert shown["RedBull"] == name
    assert shown["Fedex"] < shown["RedBull"]
    agreed = fuse([seen("RedBull", look, points=points)], [read("RedBull", name, line)])
    assert (agreed["RedBull"].shown or 0.0) > max(look, name), "a word of the brand itself makes its mark surer"


@pytest.mark.parametrize(("look", "name"), [(1.0, 1.0), (0.0, 1.0), (1.0, 0.9), (0.0, 0.0)])
def test_probabilities_of_0_and_1_are_fused(look: float, name: float) -> None:
    found = fuse([seen("A", look)], [read("B", name)])
    assert found["A"].shown is not None
    assert 0 <= found["A"].shown <= look


@pytest.mark.parametrize(
    ("match", "mentions"),
    [
        (seen("Fedex", 0.94), [read("RedBull", 0.92, FAR)]),
        (seen("Fedex", 0.94), [read("RedBull", 0.92, None)]),
        (seen("Fedex", 0.94), [read("RedBull", 0.92, source="image:1")]),
        (seen("Fedex", 0.94), [read("RedBull", 0.92, source="title")]),
        (seen("Fedex", 0.94), [read("RedBull", 0.92, kind="near")]),
        (seen("Fedex", 0.94), [read("RedBull", 0.92, kind="compatible")]),
        (seen("Fedex", 0.94), [read("RedBull", 0.4)]),
        (seen("Fedex", 0.94, (0.0, 0.0, 640.0, 480.0)), [read("RedBull", 0.92)]),
        (seen("Puma", 0.94), [read("RedBull", 0.92), read("Puma", 0.9, FAR)]),
        (seen("Puma", 0.94), [read("RedBull", 0.92), read("Puma", 0.3, None, "near")]),
        (seen("Nike SB", 0.94), [read("Nike", 0.92)]),
        (seen("Nike", 0.94), [read("nike-sb", 0.92)]),
    ],
)
def test_names_that_contradict_no_match(match: Match, mentions: list[BrandMention]) -> None:
    assert lower_contradicted([match], mentions) == [match]


def test_brands_that_share_a_logo_image_do_not_contradict_each_other() -> None:
    match, mentions = seen("Nike", 0.94), [read("Jordan", 0.92)]
    assert lower_contradicted([match], mentions, {("Nike", "Nike/a.png"): {"Jordan"}}) == [match]
    assert lower_contradicted([match], mentions, {("Nike", "Nike/b.png"): {"Jordan"}}) != [match]


boxes = st.sampled_from([BOX, LINE, FAR, (0.0, 0.0, 640.0, 480.0), (100.0, 20.0, 180.0, 50.0)])
kinds: st.SearchStrategy[MentionKind] = st.sampled_from(["exact", "near", "partial", "compatible", "style"])


@quick
@given(
    st.lists(st.builds(seen, st.sampled_from("ABC"), units, boxes, st.integers(0, 5), st.integers(0, 1))),
    st.lists(
        st.builds(read, st.sampled_from("ABC"), units, st.none() | boxes, kinds, st.sampled_from(["image:0", "title"]))
    ),
)
def test_contradiction_only_lowers_what_another_name_covers(matches: list[Match], mentions: list[BrandMention]) -> None:
    after = lower_contradicted(matches, mentions)
    for old, new in zip(matches, after, strict=True):
        assert new.probability is not None
        assert old.probability is not None
        assert new == replace(old, probability=new.probability)
        assert 0 <= new.probability <= old.probability
        if new.probability < old.probability:
            there = [m for m in mentions if m.source == f"image:{old.image}"]
            assert any(m.kind == "exact" and m.brand != old.brand and m.xyxy for m in there)
            assert not any(m.brand == old.brand and m.kind == "exact" and m.probability >= 0.2 for m in there)
    found, blind = fuse(matches, mentions), fuse(matches, [])
    for brand, evidence in found.items():
        assert brand not in blind or (evidence.logo or 0) <= (blind[brand].logo or 0) + 1e-12
        assert evidence.text == max(
            (m.probability for m in mentions
             if m.brand == brand and m.source == "image:0" and m.kind in ("exact", "near", "partial")), default=0.0
        )  # fmt: skip
