"""The theorem of credits: filling in pays, silence does not, and nothing in favour takes more than its stated bound."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import make_report, quick, score_models, units

from logoscan.errors import InputError
from logoscan.images.phash import PhotoUse
from logoscan.results import Report, Score, Signal, top_score
from logoscan.scan.early_exit import surely_blocked
from logoscan.scoring.credits import ASSERTED, CREDIT
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.model import PRIOR, ScoreModel
from logoscan.scoring.signals import DEFAULT_SIGNALS
from logoscan.text.brand_names import NameIndex
from logoscan.text.coded_terms import CodedUse, find_coded
from logoscan.text.listing_text import ListingText
from logoscan.types import Brand, BrandMention, Listing, MarkAlteration, UsualPrice

USUAL = (UsualPrice("EUR", 80, 120, "Shoes"),)
BRANDS = {
    "Acme": Brand("Acme", authorised_sellers=("good",), usual_prices=USUAL, facts={"material": "leather"}),
    "Bolt": Brand("Bolt"),
}
NAMES = NameIndex(BRANDS.values())
OFFICIAL, FRESH, COPIED = PhotoUse(3, official_of=("Acme", "Bolt")), PhotoUse(0), PhotoUse(3, earlier_sellers=3)
HONEST = {
    "seller_id": "good",
    "price": 100.0,
    "photos": (OFFICIAL,),
    "reviews": tuple(f"Great, number {i}" for i in range(200)),
}
"""What an honest seller says of each field."""
ABSENT = {"seller_id": None, "price": None, "photos": None, "reviews": ()}
WORST = {"seller_id": "bad", "price": 9.0, "photos": (COPIED,), "reviews": ("This is a fake",) * 9}
CREDIT_OF = {
    "seller_id": "authorised_seller",
    "price": "usual_price",
    "photos": "official_photo",
    "reviews": "good_reviews",
}


def found(fields: dict[str, Any], title: str, claim: str | None, shown: dict[str, float], **more: Any) -> Findings:
    stated = {name: value for name, value in fields.items() if name != "photos"}
    listing = Listing("L", ("a.jpg",), title, claimed_brand=claim, category="Shoes", currency="EUR", **stated)
    words = ListingText.of(listing, NAMES)
    return Findings(
        listing, words.claimed, words.mentions, words.coded, shown, frozenset(BRANDS),
        photos=fields["photos"], **more,
    )  # fmt: skip


def logits(findings: Findings, model: ScoreModel) -> dict[str, float]:
    judged = Judge(score_model=model).judge(findings, BRANDS.get)
    return {j.brand: j.score.bias + math.fsum(c.contribution for c in j.score.contributions) for j in judged}


states = st.fixed_dictionaries({name: st.sampled_from([HONEST[name], ABSENT[name], WORST[name]]) for name in HONEST})
titles = st.sampled_from(["Acme shoe", "shoe", "Acme shoe replica", "Shoe for Acme", "Adme shoe"])
claims = st.sampled_from([None, "", "Acme", "Bolt"])
shows = st.dictionaries(st.sampled_from(["Acme", "Bolt"]), units)
models = st.just(ScoreModel()) | score_models


@quick
@given(states, titles, claims, shows, st.sampled_from(sorted(HONEST)), models)
def test_honest_before_absent_before_worst(
    fields: dict[str, Any], title: str, claim: str | None, shown: dict[str, float], name: str, model: ScoreModel
) -> None:
    """Whatever the other fields are, and whatever model judges."""
    honest, absent, worst = (
        logits(found({**fields, name: value[name]}, title, claim, shown), model) for value in (HONEST, ABSENT, WORST)
    )
    assert honest.keys() == absent.keys() == worst.keys()
    for brand, logit in absent.items():
        bound = CREDIT[CREDIT_OF[name]]
        if name == "seller_id":  # whom the brand authorised may use its photos, whoever else does
            bound += model.shapes["copied_photo"][-1]
        assert logit - bound - 1e-9 <= honest[brand]
        # a seller whom this brand did not authorise earns no credit, and a photo of another seller counts against him
        earns = name != "seller_id" or "good" in BRANDS[brand].authorised_sellers or fields["photos"] != (COPIED,)
        assert honest[brand] <= logit + 1e-9 or not earns
        assert logit <= worst[brand] + 1e-9


@pytest.mark.parametrize("name", sorted(HONEST))
def test_an_honest_seller_gains_by_filling_in(name: str) -> None:
    for others in (HONEST, ABSENT):
        honest, absent = (
            logits(found({**others, name: value[name]}, "Acme shoe", "Acme", {"Acme": 0.95}), ScoreModel())["Acme"]
            for value in (HONEST, ABSENT)
        )
        assert honest <= absent + PRIOR[CREDIT_OF[name]][-1] + 1e-9


def test_one_review_earns_little_many_earn_more_and_a_complaint_takes_all() -> None:
    def reviewed(*reviews: str, title: str = "Acme shoe") -> float:
        claim = "Acme" if title == "Acme shoe" else None
        return logits(found({**ABSENT, "reviews": reviews}, title, claim, {"Acme": 0.9}), ScoreModel())["Acme"]

    none, one, many = reviewed(), reviewed("Great"), reviewed(*(f"Great, number {i}" for i in range(200)))
    assert one - many > none - one > 0
    assert none - one < 0.6, "one can be bought"
    assert none - many <= CREDIT["good_reviews"]
    assert reviewed("Great", "This is a fake") > none
    assert reviewed("Great", title="Shoe for Acme") == reviewed(title="Shoe for Acme"), "not the brand's own goods"


def test_showing_what_is_claimed_pays() -> None:
    shown, hidden = (logits(found(HONEST, "Acme shoe", "Acme", {"Acme": p}), ScoreModel())["Acme"] for p in (0.98, 0.0))
    assert shown < hidden - 0.5


@quick
@given(states, titles, claims, shows, models)
def test_no_credit_takes_more_than_its_bound(
    fields: dict[str, Any], title: str, claim: str | None, shown: dict[str, float], model: ScoreModel
) -> None:
    for one in Judge(score_model=model).judge(found(fields, title, claim, shown), BRANDS.get):
        for part in one.score.contributions:
            assert -CREDIT.get(part.signal, 0.0) <= part.contribution
            assert part.contribution <= 0 or part.signal not in CREDIT


def without_credits(findings: Findings, model: ScoreModel) -> Score | None:
    plain = replace(model, shapes={n: (0.0, 0.0) if n in CREDIT else s for n, s in model.shapes.items()})
    return top_score([one.score for one in Judge(score_model=plain).judge(findings, BRANDS.get)])


@quick
@given(states, titles, claims, shows, models)
def test_credits_take_nothing_from_block_to_clear(
    fields: dict[str, Any], title: str, claim: str | None, shown: dict[str, float], model: ScoreModel
) -> None:
    findings = found(fields, title, claim, shown)
    before = without_credits(findings, model)
    after = top_score([one.score for one in Judge(score_model=model).judge(findings, BRANDS.get)])
    assert (before is None) == (after is None)
    if before is not None and after is not None and before.band == "block":
        assert after.band != "clear"


@quick
@given(states, titles, claims, shows, models)
def test_what_anyone_can_assert_clears_nothing(
    fields: dict[str, Any], title: str, claim: str | None, shown: dict[str, float], model: ScoreModel
) -> None:
    signals = tuple(signal for signal in DEFAULT_SIGNALS if signal.__name__ not in ASSERTED)
    findings = found(fields, title, claim, shown)
    before = Judge(score_model=model, signals=signals).judge(findings, BRANDS.get)
    after = Judge(score_model=model).judge(findings, BRANDS.get)
    for one, other in zip(before, after, strict=True):
        assert one.score.band == "clear" or other.score.band != "clear"


@pytest.mark.parametrize("authorised", [(), ("good",)])
@pytest.mark.parametrize("photos", [None, (OFFICIAL,)])
@pytest.mark.parametrize("reviews", [(), HONEST["reviews"]])
@pytest.mark.parametrize("seller", [None, "bad"])
def test_an_outlier_stays_in_review_whatever_is_asserted(
    authorised: tuple[str, ...], photos: tuple[PhotoUse, ...] | None, reviews: tuple[str, ...], seller: str | None
) -> None:
    fields = {"seller_id": seller, "price": 3.0, "photos": photos, "reviews": reviews}
    findings = found(fields, "Acme shoe", "Acme", {"Acme": 0.99})
    brands = {**BRANDS, "Acme": replace(BRANDS["Acme"], authorised_sellers=authorised)}
    (one,) = Judge().judge(findings, brands.get)
    assert one.score.band == "review"
    assert one.score.doubts or (one.score.value or 0.0) >= ScoreModel().review_from


def test_an_authorised_seller_may_be_cleared() -> None:
    """By the one credit that not everyone can bring about."""
    fields = {"seller_id": "good", "price": 3.0, "photos": None, "reviews": ()}
    (one,) = Judge().judge(found(fields, "Acme shoe", "Acme", {"Acme": 0.99}), BRANDS.get)
    assert (one.score.band, one.score.doubts) == ("clear", ())


# -- another model


OLD = ScoreModel(shapes={name: shape for name, shape in PRIOR.items() if name not in CREDIT}, name="old")
"""A model from before there were credits."""


@quick
@given(states, titles, claims, shows)
def test_a_model_without_credits_judges_as_before(
    fields: dict[str, Any], title: str, claim: str | None, shown: dict[str, float]
) -> None:
    findings = found(fields, title, claim, shown)
    signals = tuple(signal for signal in DEFAULT_SIGNALS if signal.__name__ not in CREDIT)
    judge = Judge(score_model=OLD)
    assert judge.judge(findings, BRANDS.get) == replace(judge, signals=signals).judge(findings, BRANDS.get)
    assert surely_blocked(judge, findings, BRANDS.get, more_photos=True) in (True, False)
    partly = Judge(score_model=replace(OLD, shapes={**OLD.shapes, "usual_price": (0.0, -0.5)}))
    kept = {c.signal for one in partly.judge(findings, BRANDS.get) for c in one.score.contributions} & CREDIT.keys()
    assert kept <= {"usual_price"}


def report_of(*signals: Signal, model: ScoreModel) -> Report:
    return make_report(score=model.score("Acme", signals))


def test_judging_again_clears_nothing_by_credits() -> None:
    against = (Signal("low_price", 1.0, "cheap"), Signal("seller_not_authorised", 1.0, "unknown"))
    favour = (Signal("authorised_seller", 1.0, "known"), Signal("brand_shown", 1.0, "claimed"))
    kind = replace(ScoreModel(), bias=-9.0, name="kind")
    strong = {**PRIOR, "authorised_seller": (0.0, -3.0), "brand_shown": (0.0, -1.5)}
    report = report_of(*against, *favour, model=kind)
    assert report.score.band == "clear"
    # 43 without what anyone can assert, 15 with it
    asserted = ScoreModel(bias=-5.0, shapes={**strong, "authorised_seller": (0.0, 0.0)}).rejudge(report).score
    assert asserted.value is not None
    assert asserted.value < 20.0
    assert (asserted.band, asserted.doubts) == (
        "review", ("a person would look if what anyone can assert did not speak in its favour",),
    )  # fmt: skip
    # the worst without credits, clear with them
    blocked = ScoreModel(bias=-3.0, shapes=strong, review_from=40.0, block_from=80.0).rejudge(report).score
    assert blocked.value is not None
    assert blocked.value < 40.0
    assert (blocked.band, blocked.doubts) == ("review", ("would be blocked if nothing spoke in its favour",))
    (old,) = (OLD.rejudge(report).score,)
    assert not {c.signal for c in old.contributions} & CREDIT.keys()


def test_a_low_price_and_an_unauthorised_seller_alone_never_block() -> None:
    for photos in (None, (FRESH,), (OFFICIAL,)):
        fields = {"seller_id": "bad", "price": 1.0, "photos": photos, "reviews": ("Great",)}
        judged = Judge().judge(found(fields, "Acme shoe", "Acme", {"Acme": 0.99}), BRANDS.get)
        assert {one.score.band for one in judged} == {"review"}


@pytest.mark.parametrize("shape", [(0.0, 0.1), (-0.1, -0.2), (0.0, -1.0, -0.5), (0.0, -3.1), (0.0,)])
def test_shapes_of_credits_are_checked(shape: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"authorised_seller: expected two or more numbers that begin with 0, never r"):
        ScoreModel(shapes={**PRIOR, "authorised_seller": shape})


@quick
@given(st.lists(st.tuples(units, units, st.booleans()), min_size=30, max_size=60))
def test_fitted_credits_keep_their_bounds(rows: list[tuple[float, float, bool]]) -> None:
    names = ("authorised_seller", "usual_price")
    scores = [ScoreModel().score("A", [Signal(n, v, "why") for n, v in zip(names, row, strict=False)]) for row in rows]
    labels = [row[2] for row in rows]
    labels[:2] = True, False
    fitted = ScoreModel().fit(scores, labels)
    assert all(0 >= fitted.shapes[name][-1] >= -CREDIT[name] for name in CREDIT)


# -- early exit counts the credits that are still possible

near = st.builds(
    lambda image, kind, p: BrandMention(f"image:{image}", "Acme", "Acme", kind, 0.0, p),
    st.integers(0, 1),
    st.sampled_from(["exact", "near"]),
    units,
)
coded = st.sampled_from([(), tuple(CodedUse("title", hit) for hit in find_coded("1:1 replica"))])


@quick
@given(
    states, titles, claims, st.lists(shows, min_size=1, max_size=3), st.integers(0, 2), coded,
    st.lists(near, max_size=2), st.none() | st.floats(0, 1), models,
)  # fmt: skip
def test_what_is_surely_blocked_is_blocked_in_the_end(
    fields: dict[str, Any], title: str, claim: str | None, photos: list[dict[str, float]], examined: int,
    terms: tuple[CodedUse, ...], lines: list[BrandMention], faithful: float | None, model: ScoreModel,
) -> None:  # fmt: skip
    """Whatever the photos and reviews that are still to be examined hold."""
    by_photo = {brand: tuple(photo.get(brand, 0.0) for photo in photos) for brand in BRANDS}
    shown = {brand: max(row) for brand, row in by_photo.items()}
    mark = {} if faithful is None else {"Acme": MarkAlteration({"faithful": faithful, "mirrored": 1.0 - faithful})}
    end = found(fields, title, claim, shown, altered=mark, shown_by_photo=by_photo)
    end = replace(end, coded=(*end.coded, *terms), mentions=(*end.mentions, *lines))
    done = min(examined, len(photos) - 1)
    part = {brand: row[:done] for brand, row in by_photo.items()}
    so_far = replace(
        end,
        shown={brand: max(row, default=0.0) for brand, row in part.items()},
        shown_by_photo=part,
        visible=(),
        altered={},
        photos=None,
        mentions=tuple(m for m in end.mentions if m.image is None or m.image < done),
    )
    judge = Judge(score_model=model)
    top = top_score([one.score for one in judge.judge(end, BRANDS.get)])
    if surely_blocked(judge, so_far, BRANDS.get, more_photos=True):
        assert top is not None
        assert top.band == "block"


def test_early_exit_waits_where_a_credit_may_still_clear() -> None:
    findings = replace(found({**ABSENT, "seller_id": "bad"}, "Acme shoe replica", "Acme", {}), visible=())
    unbiased = logits(findings, ScoreModel(bias=0.0))["Acme"]
    judge = Judge(score_model=ScoreModel(bias=1.8 - unbiased))
    assert [one.score.band for one in judge.judge(findings, BRANDS.get)] == ["block"]
    assert not surely_blocked(judge, findings, BRANDS.get, more_photos=True)
    strict = Judge(score_model=ScoreModel(bias=4.0 - unbiased))
    assert surely_blocked(strict, findings, BRANDS.get, more_photos=True)
