"""Merchants: copies are one piece, order is nothing, suspicion only rises, the state stays small."""

import dataclasses
import json
import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import make_report, quick

from logoscan.errors import CorruptFileError, InputError, MismatchError
from logoscan.io.sealed_lines import seal
from logoscan.merchants.clusters import MAX_CLUSTERS
from logoscan.merchants.evidence_model import EvidenceModel
from logoscan.merchants.facts import MerchantFacts
from logoscan.merchants.score import MERCHANT_PRIOR, MerchantContribution, MerchantModel, MerchantScore, score_merchant
from logoscan.merchants.state import MerchantState, seconds
from logoscan.odds import sigmoid
from logoscan.results import Contribution, ImageRecord, ListingFacts, Provenance, Report, Score

BANDS = ["clear", "review", "block"]
BAD, CLEAN = 2.5, -4.0
"""Log-odds of a listing that is blocked, and of one of which nothing speaks."""
CLUSTER = {"logit": BAD, "listings": 1, "touched": 1, "time_s": 0, "worst": "L", "pointed": True}
CLUSTER |= {"main": f"id:{0:064x}", "titles": 1}
NOW = "2024-07-01T00:00:00+00:00"
PRIOR_VALUE = 100 / (1 + math.exp(4.0))


def photo(number: int, flipped: Sequence[int] = ()) -> str:
    """A PDQ hash far from those of other numbers, with some bits flipped."""
    bits = random.Random(number).getrandbits(256)
    for bit in flipped:
        bits ^= 1 << bit
    return f"{bits:064x}"


def report(
    logit: float | None = CLEAN,
    *,
    id: str = "L",
    pdq: str | None = None,
    sha256: str | None = None,
    seller: str | None = "S",
    time: str = NOW,
    signal: str = "coded_terms",
    beside: Sequence[str] = (),
    title: str | None = None,
) -> Report:
    if logit is None:
        score = Score(None, "clear", None, -4.0, (), 0.0, "m")
    else:
        part = Contribution(signal, 1.0, logit + 4.0, "why")
        score = Score(100 * sigmoid(-4.0 + part.contribution), "clear", "A", -4.0, (part,), 1.0, "m")
    image = ImageRecord(None, sha256, None, None, pdq)
    others = tuple(ImageRecord(None, None, None, None, other) for other in beside)
    return make_report(
        listing_id=id,
        seller_id=seller,
        score=score,
        images=((image,) if pdq or sha256 else ()) + others,
        provenance=Provenance("0", "e", "i", "d", "o", "s", "cpu", time),
        listing=None if title is None else ListingFacts(title=title),
    )


def distinct(logits: Iterable[float | None], **kwargs: Any) -> list[Report]:
    return [report(logit, id=f"L{i}", **kwargs) for i, logit in enumerate(logits)]


def state_of(reports: Iterable[Report]) -> MerchantState:
    state = MerchantState()
    for one in reports:
        state.add(one)
    return state


def listing_part(score: MerchantScore) -> float:
    return sum(c.contribution for c in score.contributions if c.name == "listings")


logits = st.floats(-12.0, 12.0)


@st.composite
def report_lists(draw: st.DrawFn, max_size: int = 12) -> list[Report]:
    """Few photos, each in near copies, of which any two differ by at most 30 bits."""
    made = []
    for i in range(draw(st.integers(0, max_size))):
        day = draw(st.integers(1, 28))
        kind = draw(st.sampled_from(["pdq", "pdq", "sha256", "none"]))
        number = draw(st.integers(0, 3))
        flips = draw(st.lists(st.integers(0, 255), max_size=15))
        made.append(
            report(
                draw(st.none() | logits),
                id=f"L{draw(st.integers(0, 5)) if kind == 'none' else i}",
                pdq=photo(number, flips) if kind == "pdq" else None,
                sha256=str(number) if kind == "sha256" else None,
                time=f"2024-{draw(st.integers(1, 12)):02d}-{day:02d}",
                signal=draw(st.sampled_from(["coded_terms", "low_price"])),
                beside=[photo(n) for n in draw(st.lists(st.integers(4, 5), max_size=2))] if kind == "pdq" else (),
                title=draw(st.none() | st.sampled_from(["one", "two", "three"])),
            )
        )
    return made


facts_of_any_kind = st.builds(
    MerchantFacts,
    orders=st.none() | st.integers(100, 10**6),
    refunds=st.none() | st.integers(0, 100),
    complaints=st.none() | st.integers(0, 100),
    takedowns=st.none() | st.integers(0, 10**4),
    account_age_days=st.none() | st.floats(0, 1e5),
    identity_verified=st.none() | st.booleans(),
    review_manipulation=st.none() | st.floats(0, 1),
)


def same(a: MerchantScore, b: MerchantScore) -> None:
    assert listing_part(a) == pytest.approx(listing_part(b), abs=1e-9)
    assert a.value == pytest.approx(b.value, abs=1e-9)
    assert (a.band, a.listings, a.pieces, a.worst, a.at) == (b.band, b.listings, b.pieces, b.worst, b.at)


# -- nothing


def test_merchant_without_evidence_scores_the_bias() -> None:
    empty: tuple[Iterable[Report] | MerchantState, ...] = ([], MerchantState())
    for evidence in empty:
        score = score_merchant(evidence)
        assert score.value == pytest.approx(PRIOR_VALUE)
        assert (score.seller_id, score.band, score.contributions, score.at) == (None, "clear", (), None)
        assert (score.listings, score.pieces, score.worst) == (0, 0, ())


def test_a_listing_without_a_brand_is_counted_and_says_nothing() -> None:
    score = score_merchant(distinct([None, None]))
    assert score.value == pytest.approx(PRIOR_VALUE)
    assert (score.listings, score.pieces, score.seller_id, score.at) == (2, 0, "S", NOW)


# -- independent pieces


def test_merchant_score_of_a_known_case() -> None:
    """The formula, written out."""
    score = score_merchant(distinct([BAD, CLEAN]))
    base = math.log(0.05 / 0.95)
    bad, clean = math.exp(BAD - base - 0.5), math.exp(CLEAN - base)
    whole = sum(
        (f * bad + 1 - f) / (0.005 * bad + 0.995) * (f * clean + 1 - f) / (0.005 * clean + 0.995) / 6
        for f in (0.015, 0.05, 0.15, 0.35, 0.6, 0.9)
    )
    assert listing_part(score) == pytest.approx(math.log(whole), abs=1e-9)
    assert score.value == pytest.approx(100 * sigmoid(-4.0 + math.log(whole)), abs=1e-9)
    assert (
        score.contributions[0].why == "1 of 2 independent pieces of evidence, from 2 reports, speaks for counterfeits."
    )
    assert score.worst == ("L0",)


@pytest.mark.parametrize("same_photo", [{"pdq": photo(1)}, {"sha256": "ab"}])
def test_copies_of_a_bad_listing_are_one_piece(same_photo: dict[str, str]) -> None:
    one = score_merchant(distinct([BAD], **same_photo))
    copies = score_merchant(distinct([BAD] * 200, **same_photo))
    assert copies.value == one.value
    assert (copies.listings, copies.pieces) == (200, 1)


def test_near_copies_within_31_bits_are_one_piece() -> None:
    near = [report(BAD, pdq=photo(1)), report(BAD, pdq=photo(1, range(31)))]
    far = [report(BAD, pdq=photo(1)), report(BAD, pdq=photo(1, range(32)))]
    assert (score_merchant(near).pieces, score_merchant(far).pieces) == (1, 2)


def test_one_bad_of_two_is_less_than_200_of_400() -> None:
    copies = score_merchant(distinct([BAD] * 200, pdq=photo(1)))
    one_of_two = score_merchant(distinct([BAD, CLEAN]))
    many = score_merchant(distinct([BAD, CLEAN] * 200))
    assert one_of_two.value < copies.value < many.value
    assert copies.band != "block"
    assert (one_of_two.band, many.band) == ("clear", "block")


def test_harmless_listings_do_not_add_up_to_suspicion() -> None:
    """As they would in a noisy-or: 400 listings at 1.8 % each make 99.9 %."""
    values = [score_merchant(distinct([CLEAN] * n)).value for n in (1, 10, 100, 400)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < PRIOR_VALUE


def test_clean_listings_buy_off_only_so_much() -> None:
    clean = score_merchant(distinct([CLEAN] * 3000), MerchantFacts(takedowns=4))
    assert listing_part(clean) == pytest.approx(-3.0, abs=0.01)
    assert clean.value > score_merchant([]).value


def test_one_listing_however_bad_never_blocks_a_merchant() -> None:
    assert score_merchant(distinct([50.0])).band == "review"
    assert score_merchant(distinct([50.0, 50.0])).band == "block"


def test_seller_signals_count_once_for_a_merchant() -> None:
    """An honest reseller whom no brand authorised has that signal in all listings."""
    resale = score_merchant(distinct([CLEAN + 2.0] * 400, signal="seller_not_authorised"))
    assert resale.value == score_merchant([report(-4.0, id=f"L{i}") for i in range(400)]).value


def test_prices_alone_bring_a_merchant_to_review() -> None:
    cheap = score_merchant(distinct([0.5] * 50, signal="low_price"))
    assert (cheap.value > 99, cheap.band) == (True, "review")
    assert score_merchant([*distinct([0.5] * 50, signal="low_price"), report(0.5, id="x")]).band == "block"


def test_the_main_photo_alone_decides_what_is_a_copy() -> None:
    chart = ImageRecord(None, "chart", 9, 9)
    broken = ImageRecord(None, None, None, None)
    listings = [
        dataclasses.replace(report(BAD, id=f"L{i}"), images=(broken, ImageRecord(None, f"photo {i}", 9, 9), chart))
        for i in range(3)
    ]
    assert score_merchant(listings).pieces == 3


def test_a_listing_scanned_twice_is_one_piece() -> None:
    assert score_merchant([report(BAD), report(BAD)]).value == score_merchant([report(BAD)]).value
    assert score_merchant([report(BAD, id="a"), report(BAD, id="b")]).pieces == 2


@quick
@given(reports=report_lists(), facts=facts_of_any_kind)
def test_the_contributions_sum_to_the_score(reports: list[Report], facts: MerchantFacts) -> None:
    score = score_merchant(reports, facts)
    logit = score.bias + sum(c.contribution for c in score.contributions)
    assert score.value == pytest.approx(100 * sigmoid(logit), abs=1e-9)
    assert [c.contribution for c in score.contributions] == sorted(
        (c.contribution for c in score.contributions), reverse=True
    )
    assert score.model == MerchantModel().version


@quick
@given(reports=report_lists(), data=st.data())
def test_raising_a_listings_score_never_lowers_the_merchants(reports: list[Report], data: st.DataObject) -> None:
    scored = [i for i, r in enumerate(reports) if r.score.value is not None]
    if not scored:
        return
    which = data.draw(st.sampled_from(scored))
    old = reports[which].score
    part = old.contributions[0]
    more = dataclasses.replace(part, contribution=part.contribution + data.draw(st.floats(0, 20)))
    score = dataclasses.replace(old, value=100 * sigmoid(-4.0 + more.contribution), contributions=(more,))
    raised = [dataclasses.replace(r, score=score) if i == which else r for i, r in enumerate(reports)]
    before, after = score_merchant(reports), score_merchant(raised)
    assert listing_part(after) >= listing_part(before) - 1e-9
    assert after.value >= before.value - 1e-9
    if abs(after.value - 80) > 1e-6 and abs(after.value - 30) > 1e-6:
        assert BANDS.index(after.band) >= BANDS.index(before.band)


# -- one photo in all listings

BANNER = photo(10**7)


def shop(logit: float, n: int, first: str = "", **same: Any) -> list[Report]:
    """Listings of n goods, each with a photo of its own behind a banner."""
    return [
        report(logit, id=f"{first}{i}", pdq=BANNER, beside=(photo(i + 1),), title=f"goods {i}", **same)
        for i in range(n)
    ]


def test_a_banner_before_every_photo_hides_no_listing() -> None:
    """100 listings that are blocked are 100 pieces, whatever stands before their photos."""
    clean = [report(CLEAN, id=f"C{i}", pdq=photo(10**6 + i)) for i in range(100)]
    for reports in (shop(BAD, 100), [*shop(BAD, 100), *clean]):
        score = score_merchant(reports)
        assert (score.band, score.value > 99) == ("block", True)
    assert score_merchant(shop(BAD, 100)).pieces == 100


def resaved(number: int, i: int) -> str:
    return photo(number, random.Random(i).sample(range(256), 8))


@pytest.mark.parametrize(
    "photos",
    [
        lambda i: (photo(i), BANNER),  # in second place
        lambda i: (resaved(10**7, i), photo(i)),  # saved anew each time
        lambda i: (BANNER, BANNER, photo(i), BANNER),
        lambda i: (BANNER, photo(i), photo(i)),  # a photo twice undoes nothing
        lambda i: (*(photo(10**7 + k) for k in range(20)), photo(i)),
        lambda i: (photo(10**7 + i % 2), photo(i)),
        lambda i: (BANNER, f"{int(photo(i), 16):064x}", f"{int(photo(i), 16) ^ (1 << 256) - 1:064x}"),  # and negative
    ],
    ids=["second", "resaved", "three times", "own twice", "twenty banners", "two in turn", "negative"],
)
@pytest.mark.parametrize("title", ["a shoe", None])
def test_no_way_to_show_a_banner_hides_listings(photos: Callable[[int], tuple[str, ...]], title: str | None) -> None:
    bad = [report(BAD, id=f"L{i}", pdq=photos(i)[0], beside=photos(i)[1:], title=title) for i in range(1, 61)]
    score = score_merchant([*bad, *(report(CLEAN, id=f"C{i}", pdq=photo(10**6 + i)) for i in range(60))])
    assert (score.band, score.pieces) == ("block", 120)


@pytest.mark.parametrize("title", ["Shoe {i}", "Shoe no. {i} of the shop", "{i}{i} Nike", "goods {i}, size 42"])
def test_banner_alone_under_many_titles_goes_to_review(title: str) -> None:
    """Nothing tells such listings from sizes of one thing: log2 of them count, for a person to look at."""
    bad = [report(BAD, id=f"L{i}", pdq=BANNER, title=title.format(i=i)) for i in range(100)]
    clean = [report(CLEAN, id=f"C{i}", pdq=photo(i)) for i in range(100)]
    alone, among = score_merchant(bad), score_merchant([*bad, *clean])
    assert (alone.band, alone.pieces) == ("review", 1)
    assert (among.band, among.pieces) == ("review", 101)
    assert 5 <= next(iter(state_of(bad).clusters.values())).weight <= 10
    assert "the same photos under several titles count as several" in alone.contributions[0].why


def test_copies_under_one_title_are_one_piece_however_often_they_are_scanned() -> None:
    """An honest shop with one listing that was judged wrongly, in 200 sizes."""
    one = [report(BAD, id="L0", pdq=BANNER, beside=(photo(1),), title="Shoe")]
    copies = [report(BAD, id=f"L{i}", pdq=BANNER, beside=(photo(1),), title="Shoe") for i in range(200)]
    again = one * 200
    assert score_merchant(copies).value == score_merchant(again).value == score_merchant(one).value
    assert score_merchant(copies).band == "review"


def test_sizes_of_one_thing_do_not_block_a_shop() -> None:
    sizes = [report(BAD, id=f"L{i}", pdq=photo(1), title=f"Shoe, size {i}") for i in range(200)]
    clean = [report(CLEAN, id=f"C{i}", pdq=photo(i + 2), title=f"Hat {i}") for i in range(20)]
    for reports in (sizes, [*sizes, *clean]):
        assert score_merchant(reports).band == "review"
    harmless = score_merchant([report(CLEAN, id=f"L{i}", pdq=photo(1), title=f"Shoe, size {i}") for i in range(200)])
    assert (harmless.band, harmless.pieces) == ("clear", 1)


def test_one_photo_under_many_titles_buys_off_nothing() -> None:
    """Clean listings are cheap; those that share their main photo speak for their merchant once."""
    bad = [report(BAD, id=f"L{i}", pdq=photo(i)) for i in range(3)]
    main = photo(10**6)
    one = score_merchant([*bad, report(CLEAN, id="C", pdq=main)])
    for many in (
        [report(CLEAN, id=f"C{i}", pdq=main, title=f"Hat {i}") for i in range(300)],
        [report(CLEAN, id=f"C{i}", pdq=main, beside=(photo(100 + i),)) for i in range(300)],
        [report(CLEAN, id=f"C{i}", pdq=resaved(10**6, i), beside=(photo(100 + i),)) for i in range(300)],
        [report(CLEAN, id=f"C{i}", pdq=main, beside=(photo(100 + i),)) for i in range(MAX_CLUSTERS + 300)],
    ):
        assert score_merchant([*bad, *many]).value == pytest.approx(one.value, abs=1e-9)
        assert score_merchant([*bad, *many]).pieces == 4


def test_a_listing_against_a_merchant_counts_beside_clean_ones_of_its_main_photo() -> None:
    """Sellers who use a brand's own photo first: one bad listing among many is the piece, as it was."""
    official = [report(CLEAN, id=f"L{i}", pdq=photo(1), beside=(photo(i + 2),)) for i in range(30)]
    bad = report(BAD, id="bad", pdq=photo(1), beside=(photo(99),))
    assert score_merchant([*official, bad]).value == score_merchant([bad]).value


@pytest.mark.parametrize("against", [0, 1, 2])
@pytest.mark.parametrize("of", [1, 2, 3])
def test_the_sentence_of_the_listings_is_grammatical(against: int, of: int) -> None:
    if against > of:
        return
    score = score_merchant([report(BAD if i < against else CLEAN, id=f"L{i}", pdq=photo(i)) for i in range(of)])
    (part,) = score.contributions
    pieces = "1 independent piece of evidence, from 1 report" if of == 1 else (
        f"{of} independent pieces of evidence, from {of} reports"
    )  # fmt: skip
    assert part.why == f"{against} of {pieces}, {'speaks' if against == 1 else 'speak'} for counterfeits."


def test_one_order_removal_or_day_is_singular() -> None:
    facts = MerchantFacts(orders=1, refunds=1, complaints=0, takedowns=1, account_age_days=1.2)
    assert [c.why for c in MerchantModel().judge_facts(facts)] == [
        "1 of 1 order was refunded as not as described; 1.0% is usual.",
        "0 of 1 order were called counterfeit by their buyers; 0.2% is usual.",
        "1 earlier removal for counterfeiting was upheld.",
        "The account is 1 day old.",
    ]


# -- order, merging, storing


@quick
@given(reports=report_lists(), data=st.data())
def test_order_does_not_matter(reports: list[Report], data: st.DataObject) -> None:
    same(score_merchant(data.draw(st.permutations(reports))), score_merchant(reports))


@quick
@given(reports=report_lists(), cuts=st.tuples(st.integers(0, 12), st.integers(0, 12)))
def test_merged_states_are_the_state_of_all(reports: list[Report], cuts: tuple[int, int]) -> None:
    first, last = sorted(cuts)
    a, b, c = state_of(reports[:first]), state_of(reports[first:last]), state_of(reports[last:])
    untouched = a.to_json()
    whole = score_merchant(reports)
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b)):
        assert merged.is_exact
        same(score_merchant(merged), whole)
    assert a.to_json() == untouched


@quick
@given(reports=report_lists())
def test_a_stored_state_round_trips(reports: list[Report]) -> None:
    state = state_of(reports)
    loaded = MerchantState.from_json(state.to_json())
    assert loaded == state
    assert score_merchant(loaded) == score_merchant(state)
    more = report(BAD, pdq=photo(0))
    state.add(more)
    loaded.add(more)
    assert loaded == state


def full_state(extra: int = 0) -> MerchantState:
    """A full table whose ids take as much room as any: control characters are six bytes each in JSON."""
    times = [f"{1990 + i % 60}-01-01T00:00:00.123457" for i in range(60)]
    return state_of(
        report(
            -1.2345678901234567 + i % 5,
            id="\x01" * 5000 + str(i),
            pdq=photo(i),
            seller="s" * 1000,
            time=times[i % 60],
            beside=(photo(-1 - i),),
            title=str(i),
        )
        for i in range(MAX_CLUSTERS + extra)
    )


def test_the_state_stays_below_1_mb() -> None:
    """Rows are bounded in number and in length; what is settled is a few sums. A million reports only add digits."""
    at_most = len(full_state().to_json().encode())
    beyond = full_state(500)
    assert (beyond.pieces, beyond.is_exact) == (MAX_CLUSTERS + 500, False)
    longest = len(beyond.to_json().encode())
    assert longest < at_most + 10_000  # the settled sums, the worst five ids, more digits
    digits = 2 * len("1000000") * MAX_CLUSTERS  # of two counters a row
    assert longest + digits < 1_000_000


def test_a_settled_state_comes_back_and_merges() -> None:
    state = full_state(50)
    assert MerchantState.from_json(state.to_json()) == state
    twice = state.merge(state)
    assert twice.reports == 2 * state.reports
    assert len(json.loads(twice.to_json())["clusters"]) == MAX_CLUSTERS
    assert not twice.is_exact


def test_settled_pieces_count_as_before() -> None:
    """Every photo comes once, so forgetting them costs nothing."""
    values = [CLEAN, -2.6, -1.0, CLEAN, 0.5] * 300
    times = [f"2024-0{1 + i % 6}-01" for i in range(1500)]
    reports = [report(v, id=f"L{i}", time=t) for i, (v, t) in enumerate(zip(values, times, strict=True))]
    state = state_of(reports)
    assert (state.is_exact, state.pieces, state.against) == (False, 1500, 600)
    evidence = state.evidence
    ages = np.array([seconds("2024-06-01") - seconds(t) for t in times])
    expected = evidence.total(evidence.log_ratios(np.array(values)) @ evidence.decay(ages))
    assert listing_part(score_merchant(state)) == pytest.approx(expected, rel=1e-9)
    halves = state_of(reports[:1200]).merge(state_of(reports[1200:]))
    assert listing_part(score_merchant(halves)) == pytest.approx(expected, rel=1e-9)


def test_copies_are_recognised_in_a_full_table_of_larger_clusters() -> None:
    """Two new photos in turn must not push each other out before their copies come."""
    state = state_of(report(CLEAN, id=f"{i}-{k}", pdq=photo(i)) for i in range(MAX_CLUSTERS) for k in range(2))
    for i in range(200):
        state.add(report(BAD, id=f"a{i}", pdq=photo(10**6)))
        state.add(report(BAD, id=f"b{i}", pdq=photo(10**6 + 1)))
    assert state.pieces == MAX_CLUSTERS + 2


def test_the_worst_listings_are_named_even_when_settled() -> None:
    state = state_of(report(5.0 - i if i < 7 else CLEAN, id=f"L{i}", pdq=photo(i)) for i in range(MAX_CLUSTERS + 20))
    assert score_merchant(state).worst == ("L0", "L1", "L2", "L3", "L4")
    assert len(score_merchant([report(BAD, id="x" * 500)]).worst[0]) == 96


@quick
@given(data=st.data())
def test_the_nearest_photo_is_found_as_by_counting_bits(data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=20, unique=True))
    state = state_of(report(CLEAN, pdq=photo(n)) for n in numbers)
    query = photo(data.draw(st.sampled_from(numbers)), data.draw(st.lists(st.integers(0, 255), max_size=40)))
    bits = min((int(query, 16) ^ int(photo(n), 16)).bit_count() for n in numbers)
    before = state.pieces
    state.add(report(CLEAN, pdq=query))
    assert state.pieces == before + (bits > 31)


# -- time


def test_a_piece_loses_half_of_its_weight_every_half_life() -> None:
    evidence = EvidenceModel(shares=(0.5,))
    model = MerchantModel(listings=evidence)
    reports = [report(BAD, time="2024-01-01T00:00:00")]
    parts = [
        listing_part(score_merchant(reports, model=model, at=at))
        for at in ("2023-01-01", "2024-01-01", "2024-06-29", "2024-12-26T00:00:00Z")
    ]
    assert parts == pytest.approx([parts[0], parts[0], parts[0] / 2, parts[0] / 4])


def test_the_first_and_the_last_time_can_be_told() -> None:
    """Microseconds of the year 9999 round up to a year that there is not."""
    first, last = "0001-01-01T00:00:00", "9999-12-31T23:59:59"
    assert score_merchant([report(BAD, time=first)]).at == f"{first}+00:00"
    assert score_merchant([report(BAD, time=f"{last}.999999")]).at == f"{last}+00:00"


def test_the_time_of_a_report_can_be_given() -> None:
    state = MerchantState()
    state.add(report(BAD, time="not a time"), at="2024-01-01T01:00:00+01:00")
    assert score_merchant(state).at == "2024-01-01T00:00:00+00:00"
    with pytest.raises(InputError, match="at: expected an ISO 8601 time, got 'not a time'"):
        state.add(report(BAD, time="not a time"))
    assert state.reports == 1


# -- facts


@quick
@given(facts=facts_of_any_kind, reports=report_lists(4))
def test_a_fact_never_lowers_the_score_and_its_absence_never_raises_it(
    facts: MerchantFacts, reports: list[Report]
) -> None:
    full = score_merchant(reports, facts)
    known = {c.name: c.contribution for c in full.contributions if c.name != "listings"}
    for name, part in known.items():
        assert 0 <= part <= MERCHANT_PRIOR[name]
    for field in dataclasses.fields(MerchantFacts):
        without = score_merchant(reports, dataclasses.replace(facts, **{field.name: None}))
        assert without.value <= full.value + 1e-9
    assert score_merchant(reports, MerchantFacts()) == score_merchant(reports)


@quick
@given(
    name=st.sampled_from(["refunds", "complaints", "takedowns"]),
    counts=st.tuples(st.integers(0, 500), st.integers(0, 500)),
    orders=st.integers(500, 10**6),
)
def test_more_of_a_bad_fact_is_never_better(name: str, counts: tuple[int, int], orders: int) -> None:
    known = MerchantFacts(orders)
    fewer, more = (
        score_merchant([], dataclasses.replace(known, **{name: n})).value  # type: ignore[arg-type]
        for n in sorted(counts)
    )
    assert more >= fewer


def part_of(facts: MerchantFacts) -> float:
    (part,) = MerchantModel().judge_facts(facts)
    return part.contribution


def test_rates_are_shrunk() -> None:
    assert part_of(MerchantFacts(2, refunds=1)) < 0.3
    assert part_of(MerchantFacts(400, refunds=200)) == MERCHANT_PRIOR["refunds"]
    assert part_of(MerchantFacts(10_000, refunds=100)) == pytest.approx(0, abs=1e-9), "1 % is usual"
    assert part_of(MerchantFacts(100, complaints=20)) > 2
    assert MerchantModel().judge_facts(MerchantFacts(refunds=5)) == [], "of how many orders?"


def test_takedowns_age_and_identity() -> None:
    assert [part_of(MerchantFacts(takedowns=n)) for n in (0, 1, 2)] == [0, 2.5, 3.75]
    assert [part_of(MerchantFacts(account_age_days=n)) for n in (0, 90, 180)] == [1, 0.5, 0.25]
    assert [part_of(MerchantFacts(identity_verified=known)) for known in (True, False)] == [0, 1]
    why = MerchantModel().judge_facts(MerchantFacts(identity_verified=False))[0].why
    assert why == "The merchant's identity is not verified."


def test_manipulated_reviews_rise_with_the_detectors_answer_and_are_bounded() -> None:
    assert [part_of(MerchantFacts(review_manipulation=sure)) for sure in (0.0, 0.5, 1.0)] == [0, 0.5, 1]
    why = MerchantModel().judge_facts(MerchantFacts(review_manipulation=0.834))[0].why
    assert why == "The platform's detector of manipulated reviews says 0.83 of 1."
    assert score_merchant([], MerchantFacts(review_manipulation=1.0)).band == "clear"


def test_refunds_and_a_young_account_alone_never_block() -> None:
    facts = MerchantFacts(orders=1000, refunds=900, complaints=900, account_age_days=0, identity_verified=False)
    assert score_merchant([], facts).value > 95
    assert score_merchant([], facts).band == "review"
    assert score_merchant(distinct([CLEAN]), facts).band == "review"
    assert score_merchant(distinct([BAD]), facts).band == "block"
    assert score_merchant([], dataclasses.replace(facts, takedowns=1)).band == "block"


# -- mistakes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"orders": -1}, "MerchantFacts.orders: expected a whole number in [0, 1000000000000000], got -1"),
        ({"takedowns": 1.0}, "MerchantFacts.takedowns: expected a whole number in [0, 1000000000000000], got 1.0"),
        ({"complaints": True}, "MerchantFacts.complaints: expected a whole number in [0, 1000000000000000], got True"),
        ({"orders": 2, "refunds": 3}, "MerchantFacts.refunds: expected at most the 2 orders, got 3"),
        (
            {"account_age_days": math.nan},
            "MerchantFacts.account_age_days: expected a finite number, 0 or more, got nan",
        ),
        ({"account_age_days": -1}, "MerchantFacts.account_age_days: expected a finite number, 0 or more, got -1"),
        (
            {"review_manipulation": 1.01},
            "MerchantFacts.review_manipulation: expected a finite number in [0, 1], got 1.01",
        ),
        ({"identity_verified": "no"}, "MerchantFacts.identity_verified: expected True, False or None, got 'no'"),
    ],
)
def test_bad_facts_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        MerchantFacts(**changes)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_rate": 0.0}, "EvidenceModel.base_rate: expected a finite number in [1e-06, 0.5], got 0.0"),
        ({"honest_share": math.nan}, "EvidenceModel.honest_share: expected a finite number in [1e-06, 0.5], got nan"),
        ({"shares": ()}, "EvidenceModel.shares: expected shares in (0.005, 1], got ()"),
        ({"shares": (0.005,)}, "EvidenceModel.shares: expected shares in (0.005, 1], got (0.005,)"),
        ({"half_life_days": 0.0}, "EvidenceModel.half_life_days: expected a finite number in [0.001, 1e+06], got 0.0"),
        ({"cap": 51.0}, "EvidenceModel.cap: expected a finite number in [0.1, 50], got 51.0"),
        ({"slack": -0.1}, "EvidenceModel.slack: expected a finite number in [0, 50], got -0.1"),
        ({"floor": 0.0}, "EvidenceModel.floor: expected a finite number in [-50, -0.1], got 0.0"),
    ],
)
def test_bad_evidence_numbers_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        EvidenceModel(**changes)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bias": math.inf}, "MerchantModel.bias: expected a finite number, got inf"),
        ({"review_from": 90.0}, "MerchantModel: expected 0 < review_from <= block_from < 100, got 90.0 and 80.0"),
        (
            {"coefficients": {**MERCHANT_PRIOR, "refunds": -1.0}},
            "MerchantModel.refunds: expected a finite number, 0 or more, got -1.0",
        ),
    ],
)
def test_a_bad_model_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        MerchantModel(**changes)
    assert str(caught.value) == message
    with pytest.raises(InputError, match=r"MerchantModel.coefficients: expected \['account_age'"):
        MerchantModel(coefficients={})


def test_the_version_follows_the_numbers() -> None:
    models = [
        MerchantModel(),
        MerchantModel(bias=-3.0),
        MerchantModel(listings=EvidenceModel(slack=0.0)),
        MerchantModel(coefficients={**MERCHANT_PRIOR, "identity": 0.0}),
        MerchantModel(review_from=31),
        MerchantModel(block_from=81),
        MerchantModel(name="other"),
    ]
    assert len({m.version for m in models}) == len(models)
    assert MerchantModel(bias=-4, review_from=30, coefficients={**MERCHANT_PRIOR, "identity": 1}) == MerchantModel()
    assert MerchantModel(bias=-4, review_from=30).version == MerchantModel().version


def test_two_sellers_are_refused() -> None:
    reports = [report(seller="S"), report(seller="T")]
    with pytest.raises(InputError, match=r"Report.seller_id: expected one merchant, 'S', got 'T'"):
        score_merchant(reports)
    with pytest.raises(InputError, match=r"Report.seller_id: expected one merchant, 'S', got 'T'"):
        state_of(reports[:1]).merge(state_of(reports[1:]))
    for nobody in (None, "s" * 1001):
        with pytest.raises(InputError, match=r"Report.seller_id: expected the merchant's id"):
            score_merchant([report(seller=nobody)])


def test_states_of_different_evidence_models_do_not_merge() -> None:
    other = EvidenceModel(slack=0.0)
    with pytest.raises(MismatchError, match="cannot merge"):
        MerchantState().merge(MerchantState(other))
    with pytest.raises(MismatchError, match="the state weighs listings by"):
        score_merchant(MerchantState(), model=MerchantModel(listings=other))
    assert score_merchant(MerchantState(other)).model == MerchantModel(listings=other).version


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, "MerchantState.format: expected 2, got 1; make a state of another version again"),
        (
            {"clusters": {"pdq:12": CLUSTER}},
            "MerchantState.clusters: expected 1000 or fewer, by a kind and 64 hex digits",
        ),
        ({"clusters": {f"id:{0:064x}": {**CLUSTER, "listings": 0}}}, "expected one listing or more"),
        ({"clusters": {f"id:{i:064x}": CLUSTER for i in range(1001)}}, "expected 1000 or fewer"),
        ({"clusters": {f"id:{0:064x}": {}}}, "clusters.*logit"),
        ({"clusters": {f"id:{0:064x}": {**CLUSTER, "main": "me"}}}, "by a kind and 64 hex digits"),
        ({"clusters": {f"id:{0:064x}": {**CLUSTER, "titles": 1 << 60}}}, "expected titles as a bitmap of 60 bits"),
        ({"newest_s": 1e300}, "MerchantState: expected finite numbers, and times from year 1 to 9999"),
        ({"newest_s": None, "reports": "many"}, "reports"),
    ],
)
def test_an_altered_state_is_refused(change: dict[str, Any], message: str) -> None:
    stored = json.loads(state_of([report(BAD, pdq=photo(1))]).to_json())
    del stored["sha256"]
    with pytest.raises(CorruptFileError, match=message):
        MerchantState.from_json(seal(json.dumps({**stored, **change})))
    with pytest.raises(CorruptFileError, match="merchant state"):
        MerchantState.from_json("{")


def test_a_score_that_does_not_add_up_is_refused() -> None:
    good = score_merchant(distinct([BAD]))
    with pytest.raises(InputError, match=r"MerchantScore.value: expected .*, the sum of its contributions, got 1.0"):
        dataclasses.replace(good, value=1.0)
    with pytest.raises(InputError, match=r"MerchantScore.pieces: expected 0 to 1, got 2"):
        dataclasses.replace(good, pieces=2)
    with pytest.raises(InputError, match=r"MerchantContribution x.contribution: expected a finite number, got inf"):
        MerchantContribution("x", math.inf, "why")


@pytest.mark.parametrize("pdq", ["", "0" * 63, "g" * 64, "0" * 64 + "\n"])
def test_a_pdq_hash_is_64_hex_digits(pdq: str) -> None:
    with pytest.raises(InputError, match=r"ImageRecord.pdq: expected 64 lower-case hex digits, got "):
        ImageRecord(None, None, None, None, pdq)


# -- rings


@quick
@given(st.floats(0, 1), st.lists(st.sampled_from([BAD, CLEAN, 0.0]), max_size=6), st.none() | st.integers(0, 3))
def test_a_ring_raises_the_score_and_never_brings_about_a_block(
    ring: float, logits: list[float], takedowns: int | None
) -> None:
    evidence = distinct(logits, pdq=None)
    without = score_merchant(evidence, MerchantFacts(takedowns=takedowns))
    with_ring = score_merchant(evidence, MerchantFacts(takedowns=takedowns, ring=ring))
    assert with_ring.value >= without.value
    assert BANDS.index(with_ring.band) >= BANDS.index(without.band)
    if with_ring.band == "block":
        assert without.band == "block"


def test_a_sure_ring_alone_is_a_review_and_says_why() -> None:
    score = score_merchant([], MerchantFacts(ring=0.99))
    assert score.band == "review"
    assert [c.name for c in score.contributions] == ["ring"]
    assert "with confidence 0.99, to a ring of accounts" in score.contributions[0].why
    with pytest.raises(InputError, match=r"MerchantFacts.ring: .*\[0, 1\]"):
        MerchantFacts(ring=1.5)
