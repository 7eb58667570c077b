"""Positions of the charts of evidence pages: waterfall of a score, price. Contains no HTML.

Every x is in percent of the chart's width.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from logoscan.results import PriceFinding, Score

__all__ = ["MIN_STEP_CONTRIBUTION", "PriceChart", "Step", "Tick", "Waterfall", "price_chart", "waterfall"]

MIN_STEP_CONTRIBUTION = 0.005
"""Contribution below which a signal gets no step of its own: it would print as 0.00."""
_TICK_SCORES = (0.1, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.9)
# Least distance between two ticks in percent, so that their labels do not touch on a phone.
_MIN_TICK_DISTANCE = 9.0


@dataclass(frozen=True)
class Tick:
    """A labelled position on an axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Step:
    """One row of the waterfall: a signal moves the total from `start` to `end`.

    Attributes:
        signal: Name of the signal.
        amount: Contribution in log-odds.
        start: Total before the signal, log-odds.
        end: Total after the signal, log-odds.
        x: Left end of the bar.
        width: Width of the bar in percent.
        x_start: Position of `start`.
        x_end: Position of `end`.
        value: Value of the signal in [0, 1]; None for a row that sums several signals.
        why: The reason, a sentence.
    """

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
    """The steps from the bias to the score.

    Attributes:
        steps: Signals that move the total, in the order of the score. If the small contributions sum to something
            visible, the last step is their sum.
        silent: Signals whose contribution is too small for a step of its own.
        bias: Log-odds before any signal.
        total: Log-odds of the score.
        x_bias: Position of the bias.
        x_total: Position of the total.
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
    """Return the steps of a score, whose amounts and the bias sum to its log-odds."""
    large = [c for c in score.contributions if abs(c.contribution) >= MIN_STEP_CONTRIBUTION]
    silent = [c for c in score.contributions if abs(c.contribution) < MIN_STEP_CONTRIBUTION]
    rest = math.fsum(c.contribution for c in silent)
    moves: list[tuple[str, float, float | None, str]] = [(c.signal, c.contribution, c.value, c.why) for c in large]
    if abs(rest) >= MIN_STEP_CONTRIBUTION / 10:
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
    silent_steps = tuple(Step(c.signal, c.contribution, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, c.value, c.why) for c in silent)
    odds = [(math.log(s / (100.0 - s)), f"{s:g}") for s in _TICK_SCORES]
    ticks = _spaced_ticks(Tick(x(at), label) for at, label in odds if low < at < high)
    return Waterfall(steps, silent_steps, score.bias, total, x(score.bias), x(total), ticks)


def _domain(values: Sequence[float], min_width: float) -> tuple[float, float]:
    """Return a range around values with a margin, at least `min_width` wide."""
    low, high = min(values), max(values)
    margin = max(0.06 * (high - low), (min_width - (high - low)) / 2)
    return low - margin, high + margin


def _spaced_ticks(ticks: Iterable[Tick]) -> tuple[Tick, ...]:
    """Return the ticks, from left to right, whose labels neither touch each other nor stick out of the chart."""
    spaced: list[Tick] = []
    for tick in ticks:
        if 3.0 <= tick.x <= 97.0 and (not spaced or tick.x - spaced[-1].x >= _MIN_TICK_DISTANCE):
            spaced.append(tick)
    return tuple(spaced)


@dataclass(frozen=True)
class PriceChart:
    """A price on a logarithmic axis.

    Attributes:
        price: Position of the listing's price.
        usual: Position of the usual price.
        curve: Log-normal density of the cohort as an SVG path in a box of 1000 x 100, y down; None if the price was
            compared with the owner's range.
        stated: Positions of the ends of the owner's range; None if the price was compared with a cohort.
        ticks: Prices along the axis.
    """

    price: float
    usual: float
    curve: str | None
    stated: tuple[float, float] | None
    ticks: tuple[Tick, ...]


def price_chart(finding: PriceFinding | None) -> PriceChart | None:
    """Return the chart of a price among those of its cohort; None if the price was not compared."""
    if finding is None or finding.price is None or finding.usual is None or finding.spread is None:
        return None
    price, usual = math.log(finding.price), math.log(finding.usual)
    spread = min(max(finding.spread, 0.02), 5.0)
    ends = [math.log(v) for v in finding.stated] if finding.stated else [usual - 3.2 * spread, usual + 3.2 * spread]
    low, high = _domain([price, *ends], 1.0)

    def x(value: float) -> float:
        return 100.0 * (value - low) / (high - low)

    curve = None
    if not finding.stated:
        at = [low + i * (high - low) / 160 for i in range(161)]
        points = [f"{10 * x(v):.1f},{100 - 94 * math.exp(-0.5 * ((v - usual) / spread) ** 2):.1f}" for v in at]
        curve = f"M0,100 L{' L'.join(points)} L1000,100 Z"
    stated = (x(ends[0]), x(ends[1])) if finding.stated else None
    ticks = _spaced_ticks(Tick(x(math.log(v)), f"{v:,.10g}") for v in _round_prices(low, high))
    return PriceChart(x(price), x(usual), curve, stated, ticks)


def _round_prices(low: float, high: float) -> list[float]:
    """Return the prices of 1, 2 or 5 times a power of ten between two natural logarithms of prices."""
    first, last = math.floor(low / math.log(10)), math.ceil(high / math.log(10))
    if last - first > 30:
        return []
    return [
        f * 10.0**e for e in range(first, last + 1) for f in (1, 2, 5) if low <= math.log(f) + e * math.log(10) <= high
    ]
