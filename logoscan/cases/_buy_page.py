"""The page that a manager reads: how many were bought, what the rate is, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from logoscan.cases._buy_plan import BuyPlan
from logoscan.cases._buy_rates import Rate, Rates
from logoscan.reporting.charts import Tick
from logoscan.reporting.html import render

__all__ = ["buys_page"]

# Rows of a table; the others are counted.
_MOST_ROWS = 200
# Upper ends of an axis.
_SCALES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_KINDS = {"brand": "Brands", "category": "Categories", "seller": "Sellers"}
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class _Forecast:
    """What a plan is expected to bring, if the score is right.

    Attributes:
        name: Name of the stratum, or "all".
        candidates: Number of listings on sale.
        buys: Number of buys.
        rate: Share of counterfeits by the score.
        counterfeits: Counterfeits among the buys.
        half_width: Half of the width of the interval that the rate will have.
    """

    name: str
    candidates: int
    buys: int
    rate: float
    counterfeits: float
    half_width: float


@dataclass(frozen=True)
class _Table:
    """A table of rates or forecasts with an axis of its own; ends of intervals are clipped to it."""

    title: str
    rows: Sequence[Rate | _Forecast]
    more: int
    scale: float
    ticks: tuple[Tick, ...]

    def at(self, share: float) -> float:
        """Return the position of a share on the axis, in percent."""
        return 100.0 * min(share / self.scale, 1.0)


def buys_page(plan: BuyPlan, rates: Rates | None = None) -> str:
    """Return one self-contained HTML page on a plan or, with rates, on what came of it.

    The page holds neither the seed nor the listings that are bought. It is not for sellers all the same: it says which
    brands are bought, and how often.

    Args:
        plan: The plan.
        rates: What came of it, if anything yet.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    overall = _forecast("all", plan, plan.candidates, plan.suspected, None)
    if rates is None:
        rows = [_forecast(s.name, plan, s.candidates, s.suspected, s.name) for s in plan.strata]
        title = " and ".join(_KINDS[name] for name in plan.by) or "Everything"
        tables = [_table(title, rows, [row.rate + row.half_width for row in rows])]
    else:
        tables = [_table(_KINDS[kind], found, [r.high for r in found]) for kind, found in rates.groups.items()]
    return render(
        "buys.html.j2",
        "buys.css",
        plan=plan,
        rates=rates,
        overall=overall,
        tables=tables,
        models=sorted({buy.model for buy in plan.buys if buy.model}),
        short=[s for s in plan.strata if s.expected < min(plan.floor, s.candidates) - 0.5],
    )


def _forecast(name: str, plan: BuyPlan, candidates: int, suspected: float, stratum: str | None) -> _Forecast:
    buys = [buy for buy in plan.buys if stratum in (None, buy.stratum)]
    variance = math.fsum(buy.p * (1 - buy.p) / buy.pi**2 for buy in buys) / candidates**2
    width = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2) * math.sqrt(variance)
    return _Forecast(name, candidates, len(buys), suspected / candidates, math.fsum(buy.p for buy in buys), width)


def _table(title: str, rows: Sequence[Rate | _Forecast], ends: Sequence[float]) -> _Table:
    """Return a table whose axis shows three quarters of the intervals whole."""
    ends = sorted(ends)
    usual = ends[(3 * len(ends)) // 4] if ends else 1.0
    scale = next((scale for scale in _SCALES if scale >= usual), 1.0)
    ticks = tuple(Tick(100.0 * share, f"{100 * scale * share:g} %") for share in (0.0, 0.5, 1.0))
    return _Table(title, rows[:_MOST_ROWS], max(0, len(rows) - _MOST_ROWS), scale, ticks)
