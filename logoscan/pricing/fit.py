"""The genuine prices of one currency -> its references (`cohorts`).

Knows log-prices in groups; knows neither where they come from nor what is judged by them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logoscan.pricing.cohorts import NEW, USED, Cohort, CurrencyPrices, Effect, money, widened
from logoscan.pricing.fit_words import word_table
from logoscan.pricing.groups import Group, Key
from logoscan.text.title_words import title_terms

__all__ = ["MIN_PRICES", "USED_SHIFT", "fit_currency"]

Floats = NDArray[np.float64]

MIN_PRICES = 8
"""Prices in a currency that are needed for references: a median of fewer carries little information."""
# Prices that the prior of brand and category is worth beside a cohort's own, for its location and for its spread.
# Chosen on the training rows of two real price lists; between half and twice as much the figures hardly move.
_PRIOR_PRICES, _SPREAD_PRIOR_PRICES = 4.0, 8.0
# Smallest spread: shops differ by so much over the very same thing.
_MIN_SPREAD = 0.2
# Spread of the prior, worth `_SPREAD_PRIOR_PRICES` prices.
_FIRST_SPREAD = 0.4
# Mean and median absolute deviation to standard deviation, for a normal law.
_MEAN_TO_SIGMA, _MEDIAN_TO_SIGMA = 1.2533, 1.4826
# Rounds of backfitting; the medians do not change after four.
_ROUNDS = 6
USED_SHIFT, _USED_SPREAD, _USED_PRIOR_PRICES = math.log(0.5), 0.35, 20.0
"""Used goods cost about half, give or take a third; a stated prior, worth so many used prices."""
# Larger packs cost less a piece; stated priors, worth so much of the squared log-sizes.
_COUNT_EXPONENT, _AMOUNT_EXPONENT, _EXPONENT_PRIOR = 0.5, 0.4, 20.0
# Spreads that 30 % and 1 % of genuine prices exceed before there are any prices (their tail is heavier than a normal
# one's), worth so many prices.
_BEGINS, _FLAGS, _TAIL_PRIOR_PRICES = 0.6, 3.0, 100.0
# Shares of genuine prices beyond either. Most counterfeits are cheaper than seven in ten genuine goods; that of flags
# is a little under 1 %, since prices of new goods differ from those that were fitted.
_BEGINS_SHARE, _FLAGS_SHARE = 0.3, 0.007
_FOLDS = 4
# Share of a cohort's prices, and least number of them, that make a discount usual; a price below a fifth of their
# median is an error or another thing, and no discount.
_DISCOUNT_SHARE, _MIN_DISCOUNTS, _DEEPEST_DISCOUNT_LOG = 0.1, 3, math.log(5.0)
# Robust standard deviations beyond which a price widens a spread no more.
_OUTLIER_SIGMAS = 3.0
# Smallest `begins`: with the smallest spread it is a tenth off the price, which no list without sales makes an anomaly.
_MIN_BEGINS = 0.5
# Smallest `flags`: with the smallest spread it is a third off the price.
_MIN_FLAGS = 2.0
# Spreads below the usual price beyond which a price carries no more information on where genuine prices end.
_MAX_BELOW = 2.0 * _FLAGS
# Prices with a title that are needed before its words count, and rounds of fitting words and cohorts in turns.
_MIN_TITLED, _WORD_ROUNDS = 100, 2

_Fit = Callable[[str, Sequence[Group]], CurrencyPrices]


def fit_currency(currency: str, groups: Sequence[Group]) -> CurrencyPrices:
    """Return references fitted to the prices of one currency.

    Cross-fitting estimates how far genuine prices fall below them.
    """
    whole = _with_tail(_fit, currency, groups)
    if sum(1 for group in groups for title in group.titles if title) < _MIN_TITLED:
        return whole
    return replace(whole, titled=_with_tail(_fit_titled, currency, groups))  # a price without a title has no words


def _with_tail(fit: _Fit, currency: str, groups: Sequence[Group]) -> CurrencyPrices:
    below = [_held_out_distances(fit, currency, groups, fold) for fold in range(_FOLDS)]
    begins, flags = _tail(np.concatenate(below))
    return replace(fit(currency, groups), begins=begins, flags=flags)


def _fit_titled(currency: str, groups: Sequence[Group]) -> CurrencyPrices:
    """Return references for goods with a title, its words fitted in turns with brands and categories.

    Prices without a title count as those of goods whose title has no known word, so that each brand is judged.
    """
    table = word_table(
        [title for group in groups for title in group.titles], [g.key[1] for g in groups for _ in g.titles]
    )
    ends = np.cumsum([len(group.prices) for group in groups])[:-1]
    prices, shifts = _fit(currency, groups), np.zeros(len(table.words))
    for _ in range(_WORD_ROUNDS):
        rest = []
        for group in groups:
            cohort = prices.cohort(*group.key[:3])
            rest.append(group.prices[:, 0] - [prices.usual(cohort, *row) for row in group.prices[:, 1:].tolist()])
        shifts = table.fit(np.concatenate(rest))
        parts = np.split(table.sums(shifts), ends)
        plain = [g._replace(prices=g.prices - np.outer(s, (1.0, 0.0, 0.0))) for g, s in zip(groups, parts, strict=True)]
        prices = _fit(currency, plain)
    return replace(prices, words=table.as_mapping(shifts))


def _held_out_distances(fit: _Fit, currency: str, groups: Sequence[Group], fold: int) -> Floats:
    """Return the spreads by which each fourth price lies below a reference that was fitted without it."""
    held = [np.arange(len(g.prices)) % _FOLDS == (fold + i) % _FOLDS for i, g in enumerate(groups)]
    kept = [g.part(~out) for g, out in zip(groups, held, strict=True) if not out.all()]
    if not kept:
        return np.empty(0)
    model = fit(currency, kept)
    below = []
    for group, out in zip(groups, held, strict=True):
        brand, category, condition, _ = group.key
        if out.any() and model.knows(brand, category):
            cohort, titles = model.cohort(brand, category, condition), group.part(out).titles
            terms = (title_terms(tuple(title.split())) if model.words else () for title in titles)
            for (price, count, amount), words in zip(group.prices[out].tolist(), terms, strict=True):
                below.append(model.below(cohort, price, count, amount, words))
    return np.array(below)


def _tail(below: Floats) -> tuple[float, float]:
    """Return the spreads that few and hardly any genuine prices exceed, shrunk towards the stated ones."""
    n, below = len(below), np.minimum(below, _MAX_BELOW)
    if not n:
        return _BEGINS, _FLAGS
    begins, flags = (
        (n * float(np.quantile(below, 1 - share)) + _TAIL_PRIOR_PRICES * prior) / (n + _TAIL_PRIOR_PRICES)
        for share, prior in ((_BEGINS_SHARE, _BEGINS), (_FLAGS_SHARE, _FLAGS))
    )
    begins = max(begins, _MIN_BEGINS)
    return begins, max(flags, begins + 0.5, _MIN_FLAGS)


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

    locations = []
    for group, y in zip(groups, new, strict=True):
        prior = expected(group.key)
        locations.append(prior + len(y) / (len(y) + _PRIOR_PRICES) * (_median(y) - prior))
    deviations = _clipped([np.abs(y - location) for y, location in zip(new, locations, strict=True)])
    overall = _spread(deviations, _FIRST_SPREAD)
    by_brand, by_category = (
        {name: _spread([deviations[i] for i in rows], overall) for name, rows in _by(groups, part).items()}
        for part in (0, 1)
    )
    cohorts = []
    for i, group in enumerate(groups):
        brand, category, condition, _ = group.key
        prior = math.sqrt(by_brand[brand] * by_category[category]) if category else by_brand[brand]
        n = len(new[i])
        spread = widened(max(_MIN_SPREAD, _spread([deviations[i]], prior)), n)
        if condition == USED:
            spread = math.hypot(spread, _USED_SPREAD * _USED_PRIOR_PRICES / (n + _USED_PRIOR_PRICES))
        median = money(locations[i] + (shift if condition == USED else 0.0))
        level = "brand+category" if category else "brand"
        amount = None if (usual := amounts[i]) is None else money(usual)
        cohorts.append(
            Cohort(level, brand, category, currency, group.seen, median, spread, _discount(logs[i]), amount, condition)
        )
    return CurrencyPrices(
        currency=currency,
        centre=centre,
        spread=overall,
        between_brands=_between(brands),
        between_categories=_between(categories),
        brands=_effects(groups, 0, brands, by_brand),
        categories=_effects(groups, 1, categories, by_category),
        cohorts=tuple(cohorts),
        used_shift=shift,
        used_spread=_USED_SPREAD,
        count_exponent=count_exponent,
        amount_exponent=amount_exponent,
        begins=_BEGINS,
        flags=_FLAGS,
    )


def _effects(
    groups: Sequence[Group], part: int, shifts: dict[str, float], spreads: dict[str, float]
) -> tuple[Effect, ...]:
    counts: Counter[str | None] = Counter()
    for group in groups:
        counts[group.key[part]] += group.seen
    least = _MIN_SPREAD / widened(1.0, 0)  # a cohort's spread that is estimated from it is widened, to the floor again
    return tuple(Effect(name, v, max(least, spreads[name]), counts[name]) for name, v in shifts.items())


def _by(groups: Sequence[Group], part: int) -> dict[str, list[int]]:
    """Return the rows of the groups of each brand (part 0) or category (part 1)."""
    rows: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        if (name := group.key[part]) is not None:
            rows.setdefault(name, []).append(i)
    return rows


def _backfit(groups: Sequence[Group], logs: Sequence[Floats]) -> tuple[float, dict[str, float], dict[str, float]]:
    """Return the centre, and brands' and categories' shifts: medians of what the other leaves, shrunk, in turns."""
    centre = _median(np.concatenate(logs))
    rest = [y - centre for y in logs]
    shifts: tuple[dict[str, float], dict[str, float]] = ({}, {})
    members = (_by(groups, 0), _by(groups, 1))
    for _ in range(_ROUNDS):
        for part in (1, 0):
            other_shifts = np.zeros(len(groups))
            for name, rows in members[1 - part].items():
                other_shifts[rows] = shifts[1 - part].get(name, 0.0)
            for name, rows in members[part].items():
                left = np.concatenate([rest[i] - other_shifts[i] for i in rows])
                shifts[part][name] = len(left) / (len(left) + _PRIOR_PRICES) * _median(left)
    return centre, shifts[0], shifts[1]


def _clipped(deviations: Sequence[Floats]) -> list[Floats]:
    """Return absolute deviations, clipped at outliers of a cohort's own spread or of all, whichever is wider."""
    usual = _median(np.concatenate(deviations))
    sigmas = _OUTLIER_SIGMAS * _MEDIAN_TO_SIGMA
    return [np.minimum(d, sigmas * max(usual, _median(d), _MIN_SPREAD)) for d in deviations]


def _spread(deviations: Sequence[Floats], prior: float) -> float:
    """Return the standard deviation from absolute deviations, shrunk towards `prior`."""
    n = sum(map(len, deviations))
    return (_MEAN_TO_SIGMA * sum(float(d.sum()) for d in deviations) + _SPREAD_PRIOR_PRICES * prior) / (
        n + _SPREAD_PRIOR_PRICES
    )


def _median(values: Floats) -> float:
    """Return what `np.median` returns, in a tenth of the time for many short arrays."""
    y, n = np.sort(values), len(values)
    return float(y[(n - 1) // 2] + y[n // 2]) / 2.0


def _between(shifts: dict[str, float]) -> float:
    """Return the spread of shifts around their median."""
    values = np.array(list(shifts.values()) or [0.0])
    return _spread([np.abs(values - _median(values))], _FIRST_SPREAD)


def _middle(values: Floats) -> float | None:
    numbers = values[~np.isnan(values)]
    return _median(numbers) if len(numbers) else None


def _discount(logs: Floats) -> float | None:
    if len(logs) < MIN_PRICES:
        return None
    rest = np.sort(logs[logs >= _median(logs) - _DEEPEST_DISCOUNT_LOG])
    return money(float(rest[max(_MIN_DISCOUNTS, math.ceil(_DISCOUNT_SHARE * len(rest))) - 1]))


def _exponents(groups: Sequence[Group]) -> tuple[float, float]:
    """Return how prices rise with pieces and with content within cohorts: least squares, shrunk to the stated
    priors.
    """
    out = []
    for column, prior in ((1, _COUNT_EXPONENT), (2, _AMOUNT_EXPONENT)):
        products, squares = _EXPONENT_PRIOR * prior, _EXPONENT_PRIOR
        for group in groups:
            rows = group.prices[~np.isnan(group.prices[:, column])]
            if len(rows) > 1:
                size, price = (rows[:, c] - rows[:, c].mean() for c in (column, 0))
                products, squares = products + float(size @ price), squares + float(size @ size)
        out.append(min(1.0, max(0.0, products / squares)))
    return out[0], out[1]


def _used_shift(groups: Sequence[Group], logs: Sequence[Floats]) -> float:
    """Return by how much used prices lie below new ones of the same cohort, shrunk to the stated prior."""
    new = {g.key[:2]: y for g, y in zip(groups, logs, strict=True) if g.key[2] == NEW}
    pairs = [
        y - _median(new[g.key[:2]]) for g, y in zip(groups, logs, strict=True) if g.key[2] == USED and g.key[:2] in new
    ]
    if not pairs:
        return USED_SHIFT
    below = np.concatenate(pairs)
    return min(0.0, (len(below) * _median(below) + _USED_PRIOR_PRICES * USED_SHIFT) / (len(below) + _USED_PRIOR_PRICES))
