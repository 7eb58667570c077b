"""Fitted references of prices in one currency: what goods of a brand and category cost, however few were seen.

Knows log-prices and nothing else. A model of two effects, shrunk: a brand is dear by so much, a category costs so much;
a cohort of both has its own location and spread as far as it has prices of its own, and those of its brand and
category as far as not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from logoscan.errors import InputError
from logoscan.text.tokens import name_key

__all__ = ["NEW", "USED", "Cohort", "CurrencyPrices", "Effect", "money", "widened"]

NEW, USED = "new", "used"
"""Conditions that are told apart. What is refurbished, opened or worn is used."""
# Contents further from the usual one than eight times count as that: a title of "0.01 ml" makes nothing cheap.
_FURTHEST_CONTENT = math.log(8.0)
# A location guessed from n own prices varies by this over n + 1 of the spread's square, beside the goods' own.
_ALONE = 1.5
# Of shifts and spreads: no price on earth needs more, and their sums stay numbers.
_MOST_LOG = 200.0


def money(log: float) -> float:
    """The price of a natural logarithm; a positive, finite number, whatever comes."""
    return math.exp(min(700.0, max(-700.0, log)))


def _check(owner: str, name: str, value: float, low: float, high: float) -> None:
    """`low` itself is allowed."""
    if not (isinstance(value, (int, float)) and low <= value <= high):
        raise InputError(f"{owner}.{name}: expected a number in [{low:g}, {high:g}], got {value!r:.80}")


@dataclass(frozen=True)
class Cohort:
    """Prices that a listing is compared with.

    Attributes:
        level: "registered" (the owner's usual prices), "brand+category", "brand" or "category".
        brand: In lower case, as one of the honest spellings of its name has it; None at the level "category".
        category: Likewise; None where it is not known.
        currency: ISO 4217.
        n: Prices in it; 0 where brand and category are known from other cohorts alone.
        median: Usual price in `currency`, of one piece of the usual content.
        spread: Robust standard deviation of the natural logarithm.
        discount: Price that at least a tenth of the cohort's own prices (and three of them) do not exceed; None
            where it has too few. What the cohort itself sells at is no anomaly.
        amount: Usual content of a piece, in the unit of its titles; None where none is known.
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
        if self.condition not in (NEW, USED):
            raise InputError(f"Cohort.condition: expected {NEW!r} or {USED!r}, got {self.condition!r:.80}")
        for name in ("median", "discount", "amount"):  # judging needs them for each listing
            value = getattr(self, name)
            object.__setattr__(self, f"_log_{name}", None if value is None else math.log(value))


@dataclass(frozen=True)
class Effect:
    """What a brand or a category adds to the log-price, and how widely its prices spread.

    Attributes:
        name: In lower case.
        shift: Added to the natural logarithm of the price.
        spread: Robust standard deviation of the natural logarithm within cohorts.
        n: Prices seen.
    """

    name: str
    shift: float
    spread: float
    n: int

    def __post_init__(self) -> None:
        _check("Effect", "shift", self.shift, -_MOST_LOG, _MOST_LOG)
        _check("Effect", "spread", self.spread, 1e-6, _MOST_LOG)


@dataclass(frozen=True)
class CurrencyPrices:
    """References in one currency.

    Attributes:
        currency: ISO 4217.
        centre: Natural logarithm of the middle price of all.
        spread: Robust standard deviation of the log-price within cohorts.
        between_brands: Of the brands' shifts.
        between_categories: Of the categories' shifts.
        brands: One for each brand.
        categories: One for each category.
        cohorts: One for each brand, category and condition of which prices were seen.
        used_shift: What a used piece's log-price has less, as a negative number.
        used_spread: By how much more used goods vary (its square is added).
        count_exponent: A pack of n pieces costs n to this power as much as one.
        amount_exponent: A piece of twice the content costs 2 to this power as much.
        begins: Spreads below the usual price that 30 % of genuine prices exceed: from there on the anomaly rises.
        flags: Likewise about 1 %: there it is 0.5.
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
            ("centre", -_MOST_LOG, _MOST_LOG),
            ("spread", 1e-6, _MOST_LOG),
            ("between_brands", 0.0, _MOST_LOG),
            ("between_categories", 0.0, _MOST_LOG),
            ("used_shift", -_MOST_LOG, 0.0),
            ("used_spread", 0.0, _MOST_LOG),
            ("count_exponent", 0.0, 1.0),
            ("amount_exponent", 0.0, 1.0),
        ):
            _check("CurrencyPrices", name, getattr(self, name), low, high)
        table: dict[str, dict[str | None, dict[str, Cohort]]] = {}
        for c in self.cohorts:
            if c.currency != self.currency:
                raise InputError(f"CurrencyPrices.cohorts: expected prices in {self.currency}, got {c.currency!r:.80}")
            # in older files each spelling of a brand has cohorts of its own: the one of most prices speaks for it
            of_brand = table.setdefault(name_key(c.brand or ""), {}).setdefault(c.category, {})
            if c.condition not in of_brand or c.n > of_brand[c.condition].n:
                of_brand[c.condition] = c
        for name, value in (
            ("_table", table),
            ("_brands", {name_key(e.name): e for e in sorted(self.brands, key=lambda e: e.n)}),
            ("_categories", {e.name: e for e in self.categories}),
            ("_asked", {}),
        ):
            object.__setattr__(self, name, value)

    def usual(self, cohort: Cohort, log_count: float = 0.0, log_amount: float = math.nan) -> float:
        """Natural logarithm of a cohort's usual price for so many pieces of such a content."""
        usual: float = cohort._log_median + self.count_exponent * log_count  # type: ignore[attr-defined]
        content: float | None = cohort._log_amount  # type: ignore[attr-defined]
        if content is None or math.isnan(log_amount):
            return usual
        usual += self.amount_exponent * min(max(log_amount - content, -_FURTHEST_CONTENT), _FURTHEST_CONTENT)
        return usual

    def below(self, cohort: Cohort, log_price: float, log_count: float = 0.0, log_amount: float = math.nan) -> float:
        """Spreads by which a price lies below a cohort's usual one; negative above.

        A price at which the cohort itself sells lies no further below than `begins`.
        """
        distance = self.usual(cohort, log_count, log_amount) - log_price
        far = distance / cohort.spread
        discount: float | None = cohort._log_discount  # type: ignore[attr-defined]
        if discount is None or far <= self.begins:
            return far
        beyond: float = distance - (cohort._log_median - discount)  # type: ignore[attr-defined]
        return min(far, self.begins + max(0.0, beyond) / cohort.spread)

    def anomaly(self, below: float) -> float:
        """0 for as much below as 30 % of genuine prices lie, 0.5 for 1 %, 1 for as much again; in [0, 1]."""
        return min(1.0, max(0.0, (below - self.begins) / (2.0 * (self.flags - self.begins))))

    def knows(self, brand: str | None, category: str | None) -> bool:
        """Whether prices of the brand, or of the category, were seen."""
        return name_key(brand or "") in self._brands or category in self._categories  # type: ignore[attr-defined]

    def brand_cohorts(self, brand: str, condition: str) -> tuple[Cohort, ...]:
        """One for each category of a brand; without used prices of its own, what used ones would cost."""
        asked: dict[tuple[str, str], tuple[Cohort, ...]] = self._asked  # type: ignore[attr-defined]
        own = self._table.get(name_key(brand))  # type: ignore[attr-defined]
        if not own:
            return ()
        if (found := asked.get((brand, condition))) is None:  # two threads may do it twice, with one result
            found = tuple(self.cohort(brand, category, condition) for category in own)
            asked[brand, condition] = found
        return found

    def most_lenient(self, brand: str, condition: str, log_price: float, sizes: tuple[float, float]) -> Cohort | None:
        """The cohort of a brand that a price lies least far below, or the first under which it is no anomaly."""
        chosen, least = None, math.inf
        for cohort in self.brand_cohorts(brand, condition):
            below = self.below(cohort, log_price, *sizes)
            if chosen is None or below < least:
                chosen, least = cohort, below
            if below <= self.begins:
                break
        return chosen

    def sells(self, brand: str, category: str | None) -> bool:
        """Whether prices of the brand in the category were seen, in any condition."""
        return category in self._table.get(name_key(brand), ())  # type: ignore[attr-defined]

    def cohort(self, brand: str | None, category: str | None, condition: str) -> Cohort:
        """The reference for a brand, category and condition, from the nearest prices that were seen."""
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
        known = [e for e in (of_brand, of_category) if e]
        location = self.centre + sum(e.shift for e in known)
        within = math.exp(sum(math.log(e.spread) for e in known) / len(known)) if known else self.spread
        spread = widened(within, 0)
        if not of_brand:
            spread = math.hypot(spread, self.between_brands)
        if not of_category:
            spread = math.hypot(spread, self.between_categories)
        names = (of_brand.name if of_brand else None, of_category.name if of_category else None)
        return Cohort("brand" if of_brand else "category", *names, self.currency, 0, money(location), spread)


def widened(spread: float, n: int) -> float:
    """A cohort's spread and the doubt about its location, which n own prices leave."""
    return spread * math.sqrt(1.0 + _ALONE / (n + 1))
