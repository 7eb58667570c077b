"""Fitted references of prices in one currency: what goods of a brand and category cost, however few prices there are.

Knows log-prices and nothing else. The model has two effects, shrunk: how dear a brand is, and what a category costs. A
cohort of both has its own location and spread as far as it has prices of its own, and otherwise those of its brand and
category.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from logoscan._validate import number, positive
from logoscan.errors import InputError
from logoscan.text.tokens import name_key

__all__ = ["NEW", "USED", "Cohort", "CurrencyPrices", "Effect", "money", "widened"]

NEW, USED = "new", "used"
"""Conditions that are distinguished. Refurbished, opened or worn goods are used."""
# Contents further than eight times from the usual one count as eight times: a title of "0.01 ml" makes nothing cheap.
_MAX_CONTENT_LOG = math.log(8.0)
# A location that is estimated from n own prices varies by this over n + 1 of the spread's square, beside the goods' own
# variance.
_LOCATION_VARIANCE = 1.5
# Largest shift or spread: no price on earth needs more, and their sums stay finite.
_MAX_LOG = 200.0


def money(log: float) -> float:
    """Return the price of a natural logarithm; always a positive, finite number."""
    return math.exp(min(700.0, max(-700.0, log)))


@dataclass(frozen=True)
class Cohort:
    """Prices that a listing is compared with.

    Attributes:
        level: "registered" (the owner's usual prices), "brand+category", "brand" or "category".
        brand: Brand in lower case, in one of the honest spellings of its name; None at the level "category".
        category: Category in lower case; None where it is not known.
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
            raise InputError(f"Cohort.condition: expected {NEW!r} or {USED!r}, got {self.condition!r:.80}")
        for name in ("median", "discount", "amount"):  # judging needs them for each listing
            value = getattr(self, name)
            object.__setattr__(self, f"_log_{name}", None if value is None else math.log(value))


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
        number("Effect", "shift", self.shift, -_MAX_LOG, _MAX_LOG)
        number("Effect", "spread", self.spread, 1e-6, _MAX_LOG)


@dataclass(frozen=True)
class CurrencyPrices:
    """References in one currency.

    Attributes:
        currency: ISO 4217 code.
        centre: Natural logarithm of the middle of all prices.
        spread: Robust standard deviation of the log-price within cohorts.
        between_brands: Spread of the brands' shifts.
        between_categories: Spread of the categories' shifts.
        brands: One for each brand.
        categories: One for each category.
        cohorts: One for each brand, category and condition for which there are prices.
        used_shift: Shift of a used piece's log-price, a negative number.
        used_spread: Additional spread of used goods (its square is added).
        count_exponent: A pack of n pieces costs n to this power as much as one.
        amount_exponent: A piece of twice the content costs 2 to this power as much.
        begins: Spreads below the usual price that 30 % of genuine prices exceed: from there on the anomaly rises.
        flags: Spreads below the usual price that about 1 % of genuine prices exceed: there the anomaly is 0.5.
    """

    currency: str
    centre: float
    spread: float
    between_brands: float
    between_categories: float
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
        for name, low, high in (
            ("centre", -_MAX_LOG, _MAX_LOG),
            ("spread", 1e-6, _MAX_LOG),
            ("between_brands", 0.0, _MAX_LOG),
            ("between_categories", 0.0, _MAX_LOG),
            ("used_shift", -_MAX_LOG, 0.0),
            ("used_spread", 0.0, _MAX_LOG),
            ("count_exponent", 0.0, 1.0),
            ("amount_exponent", 0.0, 1.0),
        ):
            number("CurrencyPrices", name, getattr(self, name), low, high)
        table: dict[str, dict[str | None, dict[str, Cohort]]] = {}
        for c in self.cohorts:
            if c.currency != self.currency:
                raise InputError(f"CurrencyPrices.cohorts: expected prices in {self.currency}, got {c.currency!r:.80}")
            # in older files each spelling of a brand has cohorts of its own: the one with most prices counts
            of_brand = table.setdefault(name_key(c.brand or ""), {}).setdefault(c.category, {})
            if c.condition not in of_brand or c.n > of_brand[c.condition].n:
                of_brand[c.condition] = c
        for name, value in (
            ("_table", table),
            ("_brands", {name_key(e.name): e for e in sorted(self.brands, key=lambda e: e.n)}),
            ("_categories", {e.name: e for e in self.categories}),
            ("_cohorts_by_brand", {}),
        ):
            object.__setattr__(self, name, value)

    def usual(self, cohort: Cohort, log_count: float = 0.0, log_amount: float = math.nan) -> float:
        """Return the natural logarithm of a cohort's usual price for so many pieces of such a content."""
        usual: float = cohort._log_median + self.count_exponent * log_count  # type: ignore[attr-defined]
        content: float | None = cohort._log_amount  # type: ignore[attr-defined]
        if content is None or math.isnan(log_amount):
            return usual
        usual += self.amount_exponent * min(max(log_amount - content, -_MAX_CONTENT_LOG), _MAX_CONTENT_LOG)
        return usual

    def below(self, cohort: Cohort, log_price: float, log_count: float = 0.0, log_amount: float = math.nan) -> float:
        """Return by how many spreads a price lies below a cohort's usual one; negative above.

        A price at which the cohort itself sells lies no further below than `begins`.
        """
        distance = self.usual(cohort, log_count, log_amount) - log_price
        spreads = distance / cohort.spread
        discount: float | None = cohort._log_discount  # type: ignore[attr-defined]
        if discount is None or spreads <= self.begins:
            return spreads
        below_discount: float = distance - (cohort._log_median - discount)  # type: ignore[attr-defined]
        return min(spreads, self.begins + max(0.0, below_discount) / cohort.spread)

    def anomaly(self, below: float) -> float:
        """Return the anomaly of a price so many spreads below the usual one, in [0, 1].

        It is 0 up to where 30 % of genuine prices lie, 0.5 where 1 % lie, and 1 as much further.
        """
        return min(1.0, max(0.0, (below - self.begins) / (2.0 * (self.flags - self.begins))))

    def knows(self, brand: str | None, category: str | None) -> bool:
        """Return whether there are prices of the brand, or of the category."""
        return name_key(brand or "") in self._brands or category in self._categories  # type: ignore[attr-defined]

    def brand_cohorts(self, brand: str, condition: str) -> tuple[Cohort, ...]:
        """Return one cohort for each category of a brand; without used prices of its own, what used goods would
        cost.
        """
        cache: dict[tuple[str, str], tuple[Cohort, ...]] = self._cohorts_by_brand  # type: ignore[attr-defined]
        categories = self._table.get(name_key(brand))  # type: ignore[attr-defined]
        if not categories:
            return ()
        if (cohorts := cache.get((brand, condition))) is None:  # two threads may do it twice, with one result
            cohorts = tuple(self.cohort(brand, category, condition) for category in categories)
            cache[brand, condition] = cohorts
        return cohorts

    def most_lenient(self, brand: str, condition: str, log_price: float, sizes: tuple[float, float]) -> Cohort | None:
        """Return the brand's cohort below which a price lies least far, or the first that makes it no anomaly."""
        chosen, least = None, math.inf
        for cohort in self.brand_cohorts(brand, condition):
            below = self.below(cohort, log_price, *sizes)
            if chosen is None or below < least:
                chosen, least = cohort, below
            if below <= self.begins:
                break
        return chosen

    def sells(self, brand: str, category: str | None) -> bool:
        """Return whether there are prices of the brand in the category, in any condition."""
        return category in self._table.get(name_key(brand), ())  # type: ignore[attr-defined]

    def cohort(self, brand: str | None, category: str | None, condition: str) -> Cohort:
        """Return the reference for a brand, category and condition, from the nearest prices that there are."""
        key = name_key(brand or "")
        exact: Cohort | None = self._table.get(key, {}).get(category, {}).get(condition)  # type: ignore[attr-defined]
        if exact:
            return exact
        if condition == USED:
            new = self.cohort(brand, category, NEW)
            median, spread = money(math.log(new.median) + self.used_shift), math.hypot(new.spread, self.used_spread)
            return Cohort(new.level, new.brand, new.category, self.currency, 0, median, spread, None, new.amount, USED)
        of_brand: Effect | None = self._brands.get(key)  # type: ignore[attr-defined]
        of_category: Effect | None = self._categories.get(category)  # type: ignore[attr-defined]
        effects = [e for e in (of_brand, of_category) if e]
        location = self.centre + sum(e.shift for e in effects)
        within = math.exp(sum(math.log(e.spread) for e in effects) / len(effects)) if effects else self.spread
        spread = widened(within, 0)
        if not of_brand:
            spread = math.hypot(spread, self.between_brands)
        if not of_category:
            spread = math.hypot(spread, self.between_categories)
        names = (of_brand.name if of_brand else None, of_category.name if of_category else None)
        return Cohort("brand" if of_brand else "category", *names, self.currency, 0, money(location), spread)


def widened(spread: float, n: int) -> float:
    """Return a cohort's spread, widened by the uncertainty of its location, which n own prices leave."""
    return spread * math.sqrt(1.0 + _LOCATION_VARIANCE / (n + 1))
