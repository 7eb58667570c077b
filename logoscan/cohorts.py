"""Fitted references of prices in one currency: what goods of a brand and category cost, however few were seen.

Knows log-prices and nothing else. A model of two effects, shrunk: a brand is dear by so much, a category costs so much;
a cohort of both has its own location and spread as far as it has prices of its own, and those of its brand and
category as far as not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from logoscan.errors import InputError

__all__ = ["NEW", "USED", "Cohort", "CurrencyPrices", "Effect", "widened"]

NEW, USED = "new", "used"
"""Conditions that are told apart. What is refurbished, opened or worn is used."""
_ALONE = 1.5
"""A location guessed from n own prices varies by this over n + 1 of the spread's square, beside the goods' own."""


@dataclass(frozen=True)
class Cohort:
    """Prices that a listing is compared with.

    Attributes:
        level: "registered" (the owner's usual prices), "brand+category", "brand" or "category".
        brand: Folded to lower case; None at the level "category".
        category: Likewise; None where it is not known.
        currency: ISO 4217.
        n: Prices in it; 0 where brand and category are known from other cohorts alone.
        median: Usual price in `currency`, of one piece in the usual size.
        spread: Robust standard deviation of the natural logarithm.
        discount: Price that at least a tenth of the cohort's own prices (and three of them) do not exceed; None
            where it has too few. What the cohort itself sells at is no anomaly.
        amount: Usual content of a piece, millilitres or grams; None where none is known.
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
            if not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
                raise InputError(f"Cohort.{name}: expected a finite number above 0, got {value!r}")


@dataclass(frozen=True)
class Effect:
    """What a brand or a category adds to the log-price, and how widely its prices spread.

    Attributes:
        name: Folded to lower case.
        shift: Added to the natural logarithm of the price.
        spread: Robust standard deviation of the natural logarithm within cohorts.
        n: Prices seen.
    """

    name: str
    shift: float
    spread: float
    n: int


@dataclass(frozen=True)
class CurrencyPrices:
    """References in one currency.

    Attributes:
        currency: ISO 4217.
        centre: Natural logarithm of the middle price of all.
        spread: Robust standard deviation of the log-price within cohorts.
        between_brands: Of the brands' shifts.
        brands: One for each brand.
        categories: One for each category.
        cohorts: One for each brand, category and condition of which prices were seen.
        used_shift: What a used piece's log-price has less, as a negative number.
        used_spread: By how much more used goods vary (its square is added).
        count_exponent: A pack of n pieces costs n to this power as much as one.
        amount_exponent: A piece of twice the content costs 2 to this power as much.
        begins: Spreads below the usual price that 30 % of genuine prices exceed: there suspicion begins.
        flags: Likewise 1 %; from there on a price is called anomalous.
    """

    currency: str
    centre: float
    spread: float
    between_brands: float
    brands: tuple[Effect, ...]
    categories: tuple[Effect, ...]
    cohorts: tuple[Cohort, ...]
    used_shift: float
    used_spread: float
    count_exponent: float
    amount_exponent: float
    begins: float
    flags: float

    def __post_init__(self) -> None:
        if not 0 < self.begins < self.flags < math.inf:
            raise InputError(f"CurrencyPrices: expected 0 < begins < flags, got {self.begins!r} and {self.flags!r}")
        for name in ("spread", "between_brands", "used_spread"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"CurrencyPrices.{name}: expected a number, 0 or more, got {getattr(self, name)!r}")
        table = {(c.brand, c.category, c.condition): c for c in self.cohorts}
        of_brand: dict[str, list[Cohort]] = {}
        for cohort in self.cohorts:
            of_brand.setdefault(cohort.brand or "", []).append(cohort)
        for name, value in (
            ("_table", table),
            ("_of_brand", of_brand),
            ("_brands", {e.name: e for e in self.brands}),
            ("_categories", {e.name: e for e in self.categories}),
        ):
            object.__setattr__(self, name, value)

    def usual(self, cohort: Cohort, log_count: float = 0.0, log_amount: float = math.nan) -> float:
        """Natural logarithm of a cohort's usual price for so many pieces of such a content."""
        size = self.count_exponent * log_count
        if cohort.amount is not None and not math.isnan(log_amount):
            size += self.amount_exponent * (log_amount - math.log(cohort.amount))
        return math.log(cohort.median) + size

    def below(self, cohort: Cohort, log_price: float, log_count: float = 0.0, log_amount: float = math.nan) -> float:
        """Spreads by which a price lies below a cohort's usual one; negative above.

        A price at which the cohort itself sells lies no further below than `begins`.
        """
        distance = self.usual(cohort, log_count, log_amount) - log_price
        far = distance / cohort.spread
        if cohort.discount is None:
            return far
        usual_discount = math.log(cohort.median / cohort.discount)
        return min(far, self.begins + max(0.0, distance - usual_discount) / cohort.spread)

    def anomaly(self, below: float) -> float:
        """0 for as much below as 30 % of genuine prices lie, 0.5 for 1 %, 1 for as much again; in [0, 1]."""
        return min(1.0, max(0.0, (below - self.begins) / (2.0 * (self.flags - self.begins))))

    def knows(self, brand: str | None, category: str | None) -> bool:
        """Whether prices of the brand, or of the category, were seen."""
        return brand in self._brands or category in self._categories  # type: ignore[attr-defined]

    def brand_cohorts(self, brand: str, condition: str) -> list[Cohort]:
        """Those of one brand in one condition; of used goods without prices of their own what new ones would cost."""
        own: list[Cohort] = self._of_brand.get(brand, [])  # type: ignore[attr-defined]
        names = dict.fromkeys(c.category for c in own)
        return [self.cohort(brand, category, condition) for category in names]

    def cohort(self, brand: str | None, category: str | None, condition: str) -> Cohort:
        """The reference for a brand, category and condition, from the nearest prices that were seen."""
        exact: Cohort | None = self._table.get((brand, category, condition))  # type: ignore[attr-defined]
        if exact:
            return exact
        if condition == USED:
            new = self.cohort(brand, category, NEW)
            median, spread = new.median * math.exp(self.used_shift), math.hypot(new.spread, self.used_spread)
            return Cohort(new.level, brand, category, self.currency, new.n, median, spread, None, new.amount, USED)
        of_brand: Effect | None = self._brands.get(brand)  # type: ignore[attr-defined]
        of_category: Effect | None = self._categories.get(category)  # type: ignore[attr-defined]
        known = [e for e in (of_brand, of_category) if e]
        location = self.centre + sum(e.shift for e in known)
        within = math.exp(sum(math.log(e.spread) for e in known) / len(known)) if known else self.spread
        spread = widened(within, 0)
        if not of_brand:
            spread = math.hypot(spread, self.between_brands)
        level = "brand" if of_brand else "category"
        return Cohort(level, brand if of_brand else None, category, self.currency, 0, math.exp(location), spread)


def widened(spread: float, n: int) -> float:
    """A cohort's spread and the doubt about its location, which n own prices leave."""
    return spread * math.sqrt(1.0 + _ALONE / (n + 1))
