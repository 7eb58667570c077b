"""A merchant model adapted to a platform without labels, and intervals that few listings leave wide."""

import math
import random
from dataclasses import replace

import pytest
from strategies import make_report

from logoscan.errors import InputError, MismatchError
from logoscan.merchants.clusters import Settled
from logoscan.merchants.evidence_model import EvidenceModel
from logoscan.merchants.platform import fit_platform, share_interval
from logoscan.merchants.score import MerchantModel, score_merchant
from logoscan.merchants.state import MerchantState
from logoscan.odds import sigmoid
from logoscan.results import Contribution, ImageRecord, Provenance, Report, Score

BASE = 0.05


def report(logit: float, seller: str, number: int) -> Report:
    part = Contribution("coded_terms", 1.0, logit + 4.0, "why")
    score = Score(100 * sigmoid(-4.0 + part.contribution), "clear", "A", -4.0, (part,), 1.0, "m")
    photo = f"{random.Random(f'{seller} {number}').getrandbits(256):064x}"
    made = Provenance("0", "e", "i", "d", "o", "s", "cpu", "2026-01-01T00:00:00+00:00")
    return make_report(
        listing_id=f"{seller}-{number}", seller_id=seller, score=score, provenance=made,
        images=(ImageRecord(None, None, None, None, photo),),
    )  # fmt: skip


def merchant(name: str, share: float, listings: int, rng: random.Random) -> MerchantState:
    """A merchant of whose listings a share is counterfeit, judged by a score that knows its likelihood ratios."""
    state = MerchantState()
    for i in range(listings):
        fake = rng.random() < share
        # a normal law of log likelihood ratios: as many counterfeits are mistaken as genuine listings
        ratio = rng.gauss(2.0 if fake else -2.0, 2.0)
        state.add(report(math.log(BASE / (1 - BASE)) + ratio, name, i))
    return state


def platform(bad: float, share: float, n: int = 150, seed: int = 0) -> tuple[list[MerchantState], list[bool]]:
    rng = random.Random(seed)
    truth = [rng.random() < bad for _ in range(n)]
    states = [merchant(f"m{i}", share if one else 0.0, rng.randint(3, 12), rng) for i, one in enumerate(truth)]
    return states, truth


def test_the_share_of_bad_merchants_is_learnt_without_labels() -> None:
    few, many = (fit_platform(platform(bad, 0.6)[0]) for bad in (0.01, 0.25))
    assert sigmoid(few.bias) < 0.08
    assert 0.12 < sigmoid(many.bias) <= 0.3
    assert few.listings.base_rate < many.listings.base_rate
    assert many.version != MerchantModel().version


def test_merchants_are_ranked_as_they_are() -> None:
    from sklearn.metrics import roc_auc_score

    states, truth = platform(0.15, 0.5)
    model = fit_platform(states)
    values = [score_merchant(state.weighed(model.listings), model=model).value for state in states]
    before = [score_merchant(state).value for state in states]
    assert roc_auc_score(truth, values) > max(0.95, roc_auc_score(truth, before) - 0.01)


def test_the_order_of_merchants_does_not_matter() -> None:
    states, _ = platform(0.1, 0.5, 40)
    assert fit_platform(states[::-1]) == fit_platform(states)


def test_one_merchant_keeps_near_the_shipped_model() -> None:
    state = merchant("m", 0.0, 5, random.Random(0))
    model = fit_platform([state])
    assert model.bias == pytest.approx(MerchantModel().bias, abs=0.2)
    assert model.listings.base_rate == pytest.approx(0.05, abs=0.02)


def test_three_listings_get_a_wide_interval_and_sixty_a_narrow_one() -> None:
    rng = random.Random(1)
    three, sixty = (merchant("m", 0.5, n, rng) for n in (3, 60))
    ends = [share_interval(state, MerchantModel(bias=0.0)) for state in (three, sixty)]
    widths = [high - low for low, _, high in ends]
    assert all(low <= middle <= high for low, middle, high in ends)
    assert widths[0] > 2 * widths[1]
    assert widths[0] > 0.4
    assert ends[1][0] <= 0.5 <= ends[1][2]
    nothing = share_interval(MerchantState())
    assert nothing[1] < 0.02, "as on the platform"


def held_share(shares: list[float], seed: int) -> float:
    """How many of the merchants with these shares have an interval of 90 % that holds theirs."""
    rng = random.Random(seed)
    model = MerchantModel(bias=0.0)  # where every second merchant sells counterfeits
    found = [share_interval(merchant("m", share, 40, rng), model, level=0.9) for share in shares]
    return sum(low <= share <= high for share, (low, _, high) in zip(shares, found, strict=True)) / len(shares)


def test_intervals_hold_as_often_as_they_say() -> None:
    """Where the shares are as frequent as the model supposes."""
    bad, honest = list(EvidenceModel().shares), EvidenceModel().honest_share
    assert held_share(20 * (bad + [honest] * len(bad)), 2) >= 0.85


def test_intervals_mostly_hold_where_all_sell_many_counterfeits() -> None:
    assert held_share([0.15, 0.35, 0.6] * 60, 2) >= 0.8


def test_a_state_that_is_weighed_in_another_way_is_its_own() -> None:
    state = merchant("m", 0.5, 3, random.Random(0))
    before = state.to_json()
    other = state.weighed(EvidenceModel(base_rate=0.1))
    for number in (0, 3):  # the first photo again under another listing, and a further one
        again = report(9.0, "m", number)
        other.add(again if number else replace(again, listing_id="again"))
    assert other.to_json() != before
    assert state.to_json() == before
    assert (state.reports, other.reports) == (3, 5)


def test_settled_pieces_do_not_count() -> None:
    state = merchant("m", 0.5, 3, random.Random(0))
    settled = merchant("m", 0.5, 3, random.Random(0))
    settled.settled = Settled(9, 9, (5.0,) * len(EvidenceModel().shares), 0.0, True, ())
    assert share_interval(settled) == share_interval(state)
    assert fit_platform([settled]) == fit_platform([state])
    with pytest.raises(MismatchError, match=r"^cannot weigh settled clusters in another way"):
        share_interval(settled, MerchantModel(listings=EvidenceModel(base_rate=0.1)))
    with pytest.raises(InputError, match=r"share_interval"):
        share_interval(state, level=1.5)


def test_mistakes_are_named() -> None:
    with pytest.raises(InputError, match=r"^states: expected those of a platform's merchants, got none"):
        fit_platform([MerchantState()])
    with pytest.raises(InputError, match=r"^EvidenceModel\.weights: expected one above 0 for each share"):
        EvidenceModel(weights=(0.5, 0.5))
    state = merchant("m", 0.5, 3, random.Random(0))
    state.settled = Settled(1, 0, (0.0,) * len(EvidenceModel().shares), 0.0, False, ())
    with pytest.raises(MismatchError, match=r"^cannot weigh settled clusters in another way"):
        state.weighed(EvidenceModel(base_rate=0.1))
    assert state.weighed(EvidenceModel()).settled is state.settled
