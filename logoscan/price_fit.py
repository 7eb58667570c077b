"""Genuine prices, in a stream or by shards -> references for each currency (`cohorts`).

A bounded random sample of each brand, category and condition is kept, so that memory grows with the cohorts and not
with the prices.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from logoscan.cohorts import NEW, USED, Cohort, CurrencyPrices, Effect, widened

__all__ = ["LEAST_PRICES", "USED_SHIFT", "Group", "Key", "Observed", "PriceSample", "fit_currency"]

Floats = NDArray[np.float64]
Key = tuple[str, str | None, str, str]
"""Brand, category, condition, currency; folded."""

LEAST_PRICES = 8
"""Prices in a currency below which nothing is concluded: a median of fewer says little."""
_KEPT = 256
"""Prices of one cohort that are kept: their median is then known to about a tenth of the spread."""
_PULL, _SPREAD_PULL = 4.0, 8.0
"""Prices that brand and category are worth beside a cohort's own, for its location and for its spread. Chosen on the
training rows of two real price lists; between half and twice as much the figures hardly move."""
_LEAST_SPREAD = 0.2
"""Floor of the spread: shops differ by so much over the very same thing."""
_FIRST_SPREAD = 0.4
"""Spread before any price was seen, worth `_SPREAD_PULL` of them."""
_MEAN_TO_SIGMA = 1.2533
"""Mean absolute deviation to standard deviation, for a normal law."""
_ROUNDS = 6
"""Of backfitting; the medians stand still after four."""
USED_SHIFT, _USED_SPREAD, _USED_PULL = math.log(0.5), 0.35, 20.0
"""Used goods cost about half, give or take a third; a stated prior, worth so many used prices."""
_COUNT_EXPONENT, _AMOUNT_EXPONENT, _EXPONENT_PULL = 0.5, 0.4, 20.0
"""Larger packs cost less a piece; stated priors, worth so much of the squared log-sizes."""
_BEGINS, _FLAGS, _TAIL_PULL = 0.6, 3.0, 100.0
"""Spreads that 30 % and 1 % of genuine prices exceed before any were seen (their tail is heavier than a normal one's),
worth so many prices."""
_BEGINS_SHARE, _FLAGS_SHARE = 0.3, 0.008
"""Shares of genuine prices beyond either. Most counterfeits are cheaper than seven in ten genuine goods; that of flags
is a little under 1 %, since new goods differ from seen ones."""
_FOLDS = 4
_DISCOUNTED, _DISCOUNTS = 0.1, 3
"""Share of a cohort's prices, and least number of them, that make a discount usual."""


class Observed(NamedTuple):
    """One price: natural logarithms of price, pieces in the pack and content of a piece (NaN where unknown)."""

    log_price: float
    log_count: float = 0.0
    log_amount: float = math.nan


class PriceSample:
    """A bounded uniform sample of the prices of each cohort. Add in a stream, merge shards, then fit.

    Which prices of a cohort of more than 256 are kept is drawn at random from `seed`; shards need seeds of their own.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._kept: dict[Key, list[tuple[float, Observed]]] = {}
        self._seen: dict[Key, int] = defaultdict(int)

    def __len__(self) -> int:
        """Prices seen, kept or not."""
        return sum(self._seen.values())

    def add(self, key: Key, price: Observed) -> None:
        """Note one price."""
        self._seen[key] += 1
        self._keep(key, (self._random.random(), price))

    def merge(self, other: PriceSample) -> PriceSample:
        """Take over what another shard saw; returns itself."""
        for key, seen in other._seen.items():
            self._seen[key] += seen
            for drawn in other._kept[key]:
                self._keep(key, drawn)
        return self

    def _keep(self, key: Key, drawn: tuple[float, Observed]) -> None:
        """Each price draws a number, and the largest numbers stay, whichever shard saw them."""
        heap = self._kept.setdefault(key, [])
        if len(heap) < _KEPT:
            heapq.heappush(heap, drawn)
        else:
            heapq.heappushpop(heap, drawn)

    def fit(self) -> tuple[CurrencyPrices, ...]:
        """References of each currency with at least `LEAST_PRICES` prices, in alphabetical order."""
        groups: dict[str, list[Group]] = defaultdict(list)
        for key, heap in sorted(self._kept.items(), key=lambda item: tuple(map(str, item[0]))):
            groups[key[3]].append(Group(key, self._seen[key], np.array(sorted(o for _, o in heap), np.float64)))
        return tuple(
            fit_currency(currency, cohorts)
            for currency, cohorts in sorted(groups.items())
            if sum(len(group.prices) for group in cohorts) >= LEAST_PRICES
        )


class Group(NamedTuple):
    """The kept prices of one cohort: float64 (n, 3), rows of `Observed`; `seen` of them, kept or not."""

    key: Key
    seen: int
    prices: Floats


def fit_currency(currency: str, groups: Sequence[Group]) -> CurrencyPrices:
    """References from the prices of one currency; how far genuine prices fall below them is found by cross-fitting."""
    begins, flags = _tail(np.concatenate([_unseen(currency, groups, fold) for fold in range(_FOLDS)]))
    return replace(_fit(currency, groups), begins=begins, flags=flags)


def _unseen(currency: str, groups: Sequence[Group], fold: int) -> Floats:
    """Spreads by which each fourth price lies below a reference that was fitted without it."""
    held = [np.arange(len(g.prices)) % _FOLDS == (fold + i) % _FOLDS for i, g in enumerate(groups)]
    kept = [Group(g.key, g.seen, g.prices[~out]) for g, out in zip(groups, held, strict=True) if not out.all()]
    if not kept:
        return np.empty(0)
    model = _fit(currency, kept)
    below = []
    for group, out in zip(groups, held, strict=True):
        brand, category, condition, _ = group.key
        if out.any() and model.knows(brand, category):
            below += [model.below(model.cohort(brand, category, condition), *row) for row in group.prices[out].tolist()]
    return np.array(below)


def _tail(below: Floats) -> tuple[float, float]:
    """Spreads that few and hardly any genuine prices exceed, shrunk towards the stated ones."""
    n = len(below)
    if not n:
        return _BEGINS, _FLAGS
    begins, flags = (
        (n * float(np.quantile(below, 1 - share)) + _TAIL_PULL * prior) / (n + _TAIL_PULL)
        for share, prior in ((_BEGINS_SHARE, _BEGINS), (_FLAGS_SHARE, _FLAGS))
    )
    begins = max(begins, 0.1)
    return begins, max(flags, begins + 0.5)


def _fit(currency: str, groups: Sequence[Group]) -> CurrencyPrices:
    count_exponent, amount_exponent = _exponents(groups)
    amounts = [_middle(g.prices[:, 2]) for g in groups]
    logs = []
    for group, usual in zip(groups, amounts, strict=True):
        content = group.prices[:, 2] - (0.0 if usual is None else usual)
        logs.append(group.prices[:, 0] - count_exponent * group.prices[:, 1] - amount_exponent * np.nan_to_num(content))
    shift = _used_shift(groups, logs)
    new = [y - shift if g.key[2] == USED else y for g, y in zip(groups, logs, strict=True)]
    centre, brands, categories = _backfit(groups, new)

    def expected(key: Key) -> float:
        return centre + brands.get(key[0], 0.0) + categories.get(key[1] or "", 0.0)

    places = []
    for group, y in zip(groups, new, strict=True):
        prior = expected(group.key)
        places.append(prior + len(y) / (len(y) + _PULL) * (float(np.median(y)) - prior))
    apart = [np.abs(y - place) for y, place in zip(new, places, strict=True)]
    overall = _spread(apart, _FIRST_SPREAD)
    by_brand = {name: _spread([apart[i] for i in rows], overall) for name, rows in _by(groups, 0).items()}
    by_category = {name: _spread([apart[i] for i in rows], overall) for name, rows in _by(groups, 1).items()}
    cohorts = []
    for i, group in enumerate(groups):
        brand, category, condition, _ = group.key
        prior = math.sqrt(by_brand[brand] * by_category[category]) if category else by_brand[brand]
        n = len(new[i])
        spread = widened(max(_LEAST_SPREAD, _spread([apart[i]], prior)), n)
        if condition == USED:
            spread = math.hypot(spread, _USED_SPREAD * _USED_PULL / (n + _USED_PULL))
        median = math.exp(places[i] + (shift if condition == USED else 0.0))
        level = "brand+category" if category else "brand"
        usual = amounts[i]
        amount = None if usual is None else math.exp(usual)
        discount = _discount(logs[i])
        cohorts.append(
            Cohort(level, brand, category, currency, group.seen, median, spread, discount, amount, condition)
        )
    seen = [(g.key, g.seen) for g in groups]
    shifts = np.array(list(brands.values()))
    return CurrencyPrices(
        currency=currency,
        centre=centre,
        spread=overall,
        between_brands=_spread([np.abs(shifts - np.median(shifts))], _FIRST_SPREAD),
        brands=tuple(Effect(b, v, by_brand[b], sum(n for k, n in seen if k[0] == b)) for b, v in brands.items()),
        categories=tuple(
            Effect(c, v, by_category[c], sum(n for k, n in seen if k[1] == c)) for c, v in categories.items()
        ),
        cohorts=tuple(cohorts),
        used_shift=shift,
        used_spread=_USED_SPREAD,
        count_exponent=count_exponent,
        amount_exponent=amount_exponent,
        begins=_BEGINS,
        flags=_FLAGS,
    )


def _by(groups: Sequence[Group], part: int) -> dict[str, list[int]]:
    """Rows of the groups of each brand (0) or category (1)."""
    rows: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        if (name := group.key[part]) is not None:
            rows.setdefault(name, []).append(i)
    return rows


def _backfit(groups: Sequence[Group], logs: Sequence[Floats]) -> tuple[float, dict[str, float], dict[str, float]]:
    """Centre, brands' and categories' shifts: medians of what the other leaves, shrunk, in turns."""
    centre = float(np.median(np.concatenate(logs)))
    rest = [y - centre for y in logs]
    shifts: tuple[dict[str, float], dict[str, float]] = ({}, {})
    members = (_by(groups, 0), _by(groups, 1))
    for _ in range(_ROUNDS):
        for part in (1, 0):
            other, own = members[1 - part], members[part]
            of_other = np.zeros(len(groups))
            for name, rows in other.items():
                of_other[rows] = shifts[1 - part].get(name, 0.0)
            for name, rows in own.items():
                left = np.concatenate([rest[i] - of_other[i] for i in rows])
                shifts[part][name] = len(left) / (len(left) + _PULL) * float(np.median(left))
    return centre, shifts[0], shifts[1]


def _spread(apart: Sequence[Floats], prior: float) -> float:
    """Standard deviation from absolute deviations, shrunk towards `prior`."""
    n = sum(map(len, apart))
    return (_MEAN_TO_SIGMA * sum(float(a.sum()) for a in apart) + _SPREAD_PULL * prior) / (n + _SPREAD_PULL)


def _middle(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None


def _discount(logs: Floats) -> float | None:
    n = max(_DISCOUNTS, math.ceil(_DISCOUNTED * len(logs)))
    return math.exp(float(np.sort(logs)[n - 1])) if len(logs) >= LEAST_PRICES else None


def _exponents(groups: Sequence[Group]) -> tuple[float, float]:
    """How prices rise with pieces and with content within cohorts: least squares, shrunk to the stated priors."""
    out = []
    for column, prior in ((1, _COUNT_EXPONENT), (2, _AMOUNT_EXPONENT)):
        products, squares = _EXPONENT_PULL * prior, _EXPONENT_PULL
        for group in groups:
            rows = group.prices[~np.isnan(group.prices[:, column])]
            if len(rows) > 1:
                size, price = (rows[:, c] - rows[:, c].mean() for c in (column, 0))
                products, squares = products + float(size @ price), squares + float(size @ size)
        out.append(min(1.0, max(0.0, products / squares)))
    return out[0], out[1]


def _used_shift(groups: Sequence[Group], logs: Sequence[Floats]) -> float:
    """By how much used prices lie below new ones of the same brand and category, shrunk to the stated prior."""
    new = {g.key[:2]: y for g, y in zip(groups, logs, strict=True) if g.key[2] == NEW}
    pairs = [
        y - float(np.median(new[g.key[:2]]))
        for g, y in zip(groups, logs, strict=True)
        if g.key[2] == USED and g.key[:2] in new
    ]
    if not pairs:
        return USED_SHIFT
    below = np.concatenate(pairs)
    return min(0.0, (len(below) * float(np.median(below)) + _USED_PULL * USED_SHIFT) / (len(below) + _USED_PULL))
