"""One cohort of prices, and the effect of a brand or a category: numbers with their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from logoscan._quote import quoted
from logoscan._validate import number, positive
from logoscan.errors import InputError

__all__ = ["MAX_LOG", "NEW", "USED", "Cohort", "Effect", "Sizes", "money"]

NEW, USED = "new", "used"
"""Conditions that are distinguished. Refurbished, opened or worn goods are used."""
MAX_LOG = 200.0
"""Largest shift or spread: no price on earth needs more, and their sums stay finite."""


def money(log: float) -> float:
    """Return the price of a natural logarithm; always a positive, finite number."""
    return math.exp(min(700.0, max(-700.0, log)))


@dataclass(frozen=True)
class Cohort:
    """Prices that a listing is compared with.

    Attributes:
        level: "registered" (the owner's usual prices), "product" (one GTIN), "brand+category", "brand" or "category".
        brand: Brand in lower case, in one of the honest spellings of its name; None at the level "category".
        category: Category in lower case, the GTIN of a product; None where it is not known.
        currency: ISO 4217 code.
        n: Number of prices in it; 0 where brand and category are known from other cohorts alone.
        median: Usual price in `currency`, of one piece of the usual content.
        spread: Robust standard deviation of the natural logarithm.
        discount: Price that at least a tenth of the cohort's own prices (and three of them) do not exceed; None where
            it has too few. A price at which the cohort itself sells is no anomaly.
        amount: Usual content of a piece, in the unit of its titles; None where it is not known.
        condition: "new" or "used".
    """

    level: str
    brand: str | None
    category: str | None
    currency: str
    n: int
    median: float
    spread: float
    discount: float | None = None
    amount: float | None = None
    condition: str = NEW

    def __post_init__(self) -> None:
        for name in ("median", "spread", "discount", "amount"):
            value = getattr(self, name)
            if value is None and name in ("discount", "amount"):
                continue
            positive("Cohort", name, value)
        if self.condition not in (NEW, USED):
            raise InputError(f"Cohort.condition: expected {NEW!r} or {USED!r}, got {quoted(self.condition)}")
        for name in ("median", "discount", "amount"):  # judging needs them for each listing
            value = getattr(self, name)
            object.__setattr__(self, f"_log_{name}", None if value is None else math.log(value))


class Sizes(NamedTuple):
    """What is sold, as far as it moves a price.

    Attributes:
        log_count: Natural logarithm of the pieces.
        log_amount: Natural logarithm of the content of a piece; NaN where it is not known.
        terms: Words of the title and pairs of them, as `title_terms` returns them.
    """

    log_count: float = 0.0
    log_amount: float = math.nan
    terms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Effect:
    """What a brand or a category adds to the log-price, and how widely its prices spread.

    Attributes:
        name: Brand or category, in lower case.
        shift: Added to the natural logarithm of the price.
        spread: Robust standard deviation of the natural logarithm within cohorts.
        n: Number of prices.
    """

    name: str
    shift: float
    spread: float
    n: int

    def __post_init__(self) -> None:
        number("Effect", "shift", self.shift, -MAX_LOG, MAX_LOG)
        number("Effect", "spread", self.spread, 1e-6, MAX_LOG)
