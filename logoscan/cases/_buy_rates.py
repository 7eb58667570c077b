"""Which share of the listings on sale is counterfeit, by the outcomes of test buys, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from logoscan._quote import quoted
from logoscan._validate import number
from logoscan.cases._buy_candidates import polars_and_svy
from logoscan.cases._buy_plan import BuyPlan, By, PlannedBuy
from logoscan.cases._buy_results import BuyResult, Outcome
from logoscan.cases._survey import EDGE, intervals, shares
from logoscan.errors import InputError
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.rows import BadRow

__all__ = ["Rate", "Rates", "estimate_rate"]

# Judged buys from which weights are calibrated: with few, the two totals would take the place of what was bought.
_CALIBRATED_FROM = 30

# What rates are grouped by; "all" is one group.
_Kind: TypeAlias = By | Literal["all"]


@dataclass(frozen=True)
class Rate:
    """The share of counterfeits among listings on sale.

    Attributes:
        name: Brand, category or seller; "all" for all listings.
        planned: Number of planned buys.
        counterfeit: Number of those that were counterfeit.
        genuine: Number of those that were genuine.
        not_delivered: Number of those that never came.
        inconclusive: Number of those that nobody could judge.
        waiting: Number of those without a result yet.
        rate: Estimated share among the listings on sale, by the buys that were judged; None where none was.
        low: Lower end of the interval of `rate`; 0 where nothing is known.
        high: Upper end; 1 where nothing is known.
        least: The estimate if all that were not judged were genuine.
        most: The estimate if all that were not judged were counterfeit.
    """

    name: str
    planned: int
    counterfeit: int
    genuine: int
    not_delivered: int
    inconclusive: int
    waiting: int
    rate: float | None
    low: float
    high: float
    least: float
    most: float

    @property
    def judged(self) -> int:
        """Number of buys whose goods were judged."""
        return self.counterfeit + self.genuine


@dataclass(frozen=True)
class Rates:
    """Shares of counterfeits, all with intervals.

    Attributes:
        overall: That of all listings on sale.
        groups: Those of each brand, category or seller with a planned buy, those with most planned buys first.
        confidence: Share of such intervals that hold the true rate.
        outside: Number of results on listings that are not in the plan; they are no part of any rate.
    """

    overall: Rate
    groups: Mapping[By, tuple[Rate, ...]]
    confidence: float
    outside: int


def estimate_rate(
    results: Iterable[BuyResult],
    plan: BuyPlan,
    *,
    by: Sequence[By] = (),
    confidence: float = 0.95,
    on_error: OnError = "skip",
) -> Rates:
    """Estimate which share of the listings on sale is counterfeit.

    Each judged buy counts 1 / pi, calibrated so that the buys stand for as many listings, and for as many suspected
    ones, as were on sale. Estimates and their variances (Taylor) are svy's; intervals are those of Korn and Graubard,
    which hold where no counterfeit was bought, too. What was not delivered, not judged or not bought yet is left out of
    `rate`, and `least` and `most` say what it could change.

    Args:
        results: The results of the buys.
        plan: The plan.
        by: What to group by as well: brand, category, seller; each on its own.
        confidence: Share of such intervals that shall hold the true rate, in (0, 1).
        on_error: What to do with a result on a listing that is not in the plan, or with a second one.

    Raises:
        MissingDependencyError: svy is not installed.
        InputError: An argument is not of the stated kind, or a result is bad and `on_error` is "raise".
    """
    check_on_error(on_error)
    number("estimate_rate", "confidence", confidence, 0.0, 1.0)
    if not 0 < confidence < 1:
        raise InputError(f"estimate_rate.confidence: expected a number between 0 and 1, got {confidence!r}")
    if unknown := [name for name in by if name not in get_args(By)]:
        raise InputError(f"estimate_rate.by: expected {', '.join(get_args(By))}, got {quoted(unknown[0])}")
    outcomes: dict[str, Outcome] = {}
    outside = 0

    def good() -> Iterator[BuyResult | BadRow]:
        nonlocal outside
        for result in results:
            buy = plan.find(result.listing_id)
            if buy is None:
                outside += 1
                yield BadRow(result.line, f"listing_id: {quoted(result.listing_id)} is in no rate: it was not planned")
            elif buy.listing_id in outcomes:
                yield BadRow(result.line, f"listing_id: {quoted(result.listing_id)} has a result already; it counts")
            else:
                outcomes[buy.listing_id] = result.outcome
                yield result

    for _ in good_rows(good(), on_error, "results"):
        pass
    rates = _rates(plan, outcomes, ("all", *by), confidence)
    return Rates(rates["all"][0], {kind: rates[kind] for kind in by}, confidence, outside)


def _rates(
    plan: BuyPlan, outcomes: Mapping[str, Outcome], kinds: Sequence[_Kind], confidence: float
) -> dict[_Kind, tuple[Rate, ...]]:
    """Return the rates of the groups of each kind."""
    judged = [buy for buy in plan.buys if outcomes.get(buy.listing_id) in ("counterfeit", "genuine")]
    fakes = {listing for listing, outcome in outcomes.items() if outcome == "counterfeit"}
    unjudged = {buy.listing_id for buy in plan.buys} - {buy.listing_id for buy in judged}
    sample = _sample(plan, judged, fakes, kinds) if judged else None
    least, most = (_sample(plan, plan.buys, fake, kinds) for fake in (fakes, fakes | unjudged))
    out: dict[_Kind, tuple[Rate, ...]] = {}
    for kind in kinds:
        counts: dict[str, Counter[Outcome | None]] = {}
        for buy in plan.buys:
            counts.setdefault(_group(buy, kind), Counter())[outcomes.get(buy.listing_id)] += 1
        estimates = {} if sample is None else intervals(sample, kind, confidence)
        lowest, highest = shares(least, kind), shares(most, kind)
        rates = []
        for name, of in counts.items():
            rate, low, high = estimates.get(name, (None, 0.0, 1.0))
            rates.append(
                Rate(
                    name,
                    of.total(),
                    of["counterfeit"],
                    of["genuine"],
                    of["not_delivered"],
                    of["inconclusive"],
                    of[None],
                    rate,
                    low,
                    high,
                    lowest[name],
                    highest[name],
                )
            )
        out[kind] = tuple(sorted(rates, key=lambda rate: (-rate.planned, rate.name)))
    return out


def _group(buy: PlannedBuy, kind: _Kind) -> str:
    return "all" if kind == "all" else buy.group(kind)


def _sample(plan: BuyPlan, buys: Sequence[PlannedBuy], fakes: set[str], kinds: Sequence[_Kind]) -> Any:
    """Return buys as a sample of svy, with a column for each kind of group."""
    polars, svy = polars_and_svy()
    data: dict[str, list[Any]] = {
        "hit": [int(buy.listing_id in fakes) for buy in buys],
        "weight": [1.0 / buy.pi for buy in buys],
        **{kind: [_group(buy, kind) for buy in buys] for kind in kinds},
    }
    sample = svy.Sample(data=polars.DataFrame(data), design=svy.Design(wgt="weight"))
    return _calibrated(sample, np.array([buy.p for buy in buys]), plan)


def _calibrated(sample: Any, p: np.ndarray[Any, np.dtype[np.float64]], plan: BuyPlan) -> Any:
    """Return a sample whose weights sum to the listings on sale, and times p to the suspected ones.

    The rate then follows the score as far as the buys show that it is right. Few buys, or a score that is the same for
    all, are left as they are.
    """
    if len(p) < _CALIBRATED_FROM or np.ptp(p) < EDGE:
        return sample
    calibrated = sample.weighting.calibrate_matrix(
        aux_vars=np.column_stack([np.ones(len(p)), p]), controls=[float(plan.candidates), plan.suspected]
    )
    return calibrated if calibrated.data[calibrated.design.wgt].min() > 0 else sample
