"""Numbers -> places on a page, for the charts of evidence pages. All x are percent of the chart's width.

Knows scores and prices; knows no markup.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from logoscan.results import PriceFinding, Score

__all__ = ["BINS", "Bar", "PriceChart", "Step", "Tick", "Waterfall", "histogram", "price_chart", "waterfall"]

BINS = 20
"""Of the histogram of scores: five points each."""
NOTHING = 0.005
"""Contribution below which a signal gets no step of its own: it would show as 0.00."""
_TICK_SCORES = (0.1, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.9)
_LEAST_APART = 9.0
"""Percent between two ticks, so that their labels do not touch on a phone."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Step:
    """One row of the waterfall: a signal moves the total from `start` to `end` (log-odds)."""

    signal: str
    amount: float
    start: float
    end: float
    x: float
    width: float
    x_start: float
    x_end: float
    value: float | None
    why: str


@dataclass(frozen=True)
class Waterfall:
    """From the bias to the score.

    Attributes:
        steps: Signals that move the total, in the order of the score; the last sums what is too small to show, if any.
        silent: Signals that add nothing worth a step.
        bias: Log-odds before any signal.
        total: Log-odds of the score.
        x_bias: Place of the bias.
        x_total: Place of the total.
        ticks: Scores along the axis.
    """

    steps: tuple[Step, ...]
    silent: tuple[Step, ...]
    bias: float
    total: float
    x_bias: float
    x_total: float
    ticks: tuple[Tick, ...]


def waterfall(score: Score) -> Waterfall:
    """The steps of a score, whose amounts sum with the bias to its log-odds."""
    loud = [c for c in score.contributions if abs(c.contribution) >= NOTHING]
    silent = [c for c in score.contributions if abs(c.contribution) < NOTHING]
    rest = math.fsum(c.contribution for c in silent)
    moves: list[tuple[str, float, float | None, str]] = [(c.signal, c.contribution, c.value, c.why) for c in loud]
    if abs(rest) >= NOTHING / 10:
        moves.append(("all others", rest, None, f"{len(silent)} signals that add next to nothing each"))
    amounts = [amount for _, amount, _, _ in moves]
    totals = [score.bias + math.fsum(amounts[:i]) for i in range(len(amounts) + 1)]
    total = score.bias + math.fsum(c.contribution for c in score.contributions)
    low, high = _domain([*totals, total], 4.0)

    def x(value: float) -> float:
        return 100.0 * (value - low) / (high - low)

    steps = tuple(
        Step(name, amount, a, b, x(min(a, b)), max(0.4, x(max(a, b)) - x(min(a, b))), x(a), x(b), value, why)
        for (name, amount, value, why), a, b in zip(moves, totals, totals[1:], strict=False)
    )
    nothing = tuple(Step(c.signal, c.contribution, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, c.value, c.why) for c in silent)
    odds = [(math.log(s / (100.0 - s)), f"{s:g}") for s in _TICK_SCORES]
    ticks = _thinned(Tick(x(at), label) for at, label in odds if low < at < high)
    return Waterfall(steps, nothing, score.bias, total, x(score.bias), x(total), ticks)


def _domain(values: Sequence[float], least: float) -> tuple[float, float]:
    """A range around values, at least so wide."""
    low, high = min(values), max(values)
    more = max(0.06 * (high - low), (least - (high - low)) / 2)
    return low - more, high + more


def _thinned(ticks: Iterable[Tick]) -> tuple[Tick, ...]:
    kept: list[Tick] = []
    for tick in ticks:
        if 3.0 <= tick.x <= 97.0 and (not kept or tick.x - kept[-1].x >= _LEAST_APART):
            kept.append(tick)
    return tuple(kept)


@dataclass(frozen=True)
class PriceChart:
    """A price on a logarithmic axis.

    Attributes:
        price: Place of the listing's.
        usual: Place of the usual one.
        curve: SVG path in a box of 1000 x 100, y down: the log-normal of the cohort; None where the owner's range is
            all that is known.
        stated: Places of the owner's range.
        ticks: Prices along the axis.
    """

    price: float
    usual: float
    curve: str | None
    stated: tuple[float, float] | None
    ticks: tuple[Tick, ...]


def price_chart(found: PriceFinding | None) -> PriceChart | None:
    """A price among those of its cohort; None where nothing was compared."""
    if found is None or found.price is None or found.usual is None or found.spread is None:
        return None
    price, usual = math.log(found.price), math.log(found.usual)
    spread = min(max(found.spread, 0.02), 5.0)
    ends = [math.log(v) for v in found.stated] if found.stated else [usual - 3.2 * spread, usual + 3.2 * spread]
    low, high = _domain([price, *ends], 1.0)

    def x(value: float) -> float:
        return 100.0 * (value - low) / (high - low)

    curve = None
    if not found.stated:
        at = [low + i * (high - low) / 160 for i in range(161)]
        points = [f"{10 * x(v):.1f},{100 - 94 * math.exp(-0.5 * ((v - usual) / spread) ** 2):.1f}" for v in at]
        curve = f"M0,100 L{' L'.join(points)} L1000,100 Z"
    stated = (x(ends[0]), x(ends[1])) if found.stated else None
    ticks = _thinned(Tick(x(math.log(v)), f"{v:,.10g}") for v in _round_prices(low, high))
    return PriceChart(x(price), x(usual), curve, stated, ticks)


def _round_prices(low: float, high: float) -> list[float]:
    """Prices of 1, 2 or 5 times a power of ten between two logarithms."""
    first, last = math.floor(low / math.log(10)), math.ceil(high / math.log(10))
    if last - first > 30:
        return []
    return [
        f * 10.0**e for e in range(first, last + 1) for f in (1, 2, 5) if low <= math.log(f) + e * math.log(10) <= high
    ]


@dataclass(frozen=True)
class Bar:
    """One bar of the histogram: scores from `low` to `high`, `count` of them; `height` in percent."""

    low: int
    high: int
    count: int
    x: float
    width: float
    height: float


def histogram(scores: Iterable[float]) -> tuple[Bar, ...]:
    """Bars of equal width; heights rise with the square root of the count, since most scores of a run are low."""
    counts = [0] * BINS
    for score in scores:
        counts[min(BINS - 1, int(score * BINS / 100.0))] += 1
    most, wide = max([*counts, 1]), 100 // BINS
    return tuple(
        Bar(i * wide, (i + 1) * wide, n, i * 100 / BINS + 0.3, 100 / BINS - 0.6, 100 * math.sqrt(n / most))
        for i, n in enumerate(counts)
    )
