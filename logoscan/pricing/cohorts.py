"""Fitted references of prices in one currency: what goods of a brand and category cost, however few prices there are.

Knows log-prices and nothing else. The model has two effects, shrunk: how dear a brand is, and what a category costs. A
cohort of both has its own location and spread as far as it has prices of its own, and otherwise those of its brand and
category. References for goods with a title have a third one, what its words add: sizes, materials, models, sets, minis.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from logoscan._quote import quoted
from logoscan._validate import number
from logoscan.errors import InputError
from logoscan.pricing.cohort import MAX_LOG, NEW, USED, Cohort, Effect, Sizes, money
from logoscan.text.title_words import WITHIN
from logoscan.text.tokens import name_key

__all__ = ["NEW", "USED", "Cohort", "CurrencyPrices", "Effect", "Sizes", "money", "widened"]

# Contents further than eight times from the usual one count as eight times: a title of "0.01 ml" makes nothing cheap.
_MAX_CONTENT_LOG = math.log(8.0)
# A location that is estimated from n own prices varies by this over n + 1 of the spread's square, beside the goods' own
# variance.
_LOCATION_VARIANCE = 1.5
# Most that the words of a title add to the log-price, or take from it: four and a half times. A seller chooses them.
_MAX_WORDS_LOG = 1.5


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
        words: What words of titles add to the log-price, by word, by pair of words, and by word within a category.
        titled: References for goods whose title is known, from all prices, with and without a title; these are for
            goods without one. None where too few titles are known.
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
    words: Mapping[str, float] = field(default_factory=dict)
    titled: CurrencyPrices | None = None

    def __post_init__(self) -> None:
        if not 0 < self.begins < self.flags < math.inf:
            raise InputError(f"CurrencyPrices: expected 0 < begins < flags, got {self.begins!r} and {self.flags!r}")
        for name, low, high in (
            ("centre", -MAX_LOG, MAX_LOG),
            ("spread", 1e-6, MAX_LOG),
            ("between_brands", 0.0, MAX_LOG),
            ("between_categories", 0.0, MAX_LOG),
            ("used_shift", -MAX_LOG, 0.0),
            ("used_spread", 0.0, MAX_LOG),
            ("count_exponent", 0.0, 1.0),
            ("amount_exponent", 0.0, 1.0),
        ):
            number("CurrencyPrices", name, getattr(self, name), low, high)
        of_category: dict[str, dict[str, float]] = {}
        for word, shift in self.words.items():
            number("CurrencyPrices", f"words {word}", shift, -MAX_LOG, MAX_LOG)
            category, within, term = word.rpartition(WITHIN)
            if within:
                of_category.setdefault(category, {})[term] = shift
        if self.titled is not None and (self.titled.currency, self.titled.titled) != (self.currency, None):
            raise InputError(f"CurrencyPrices.titled: expected references in {self.currency} without further ones")
        table: dict[str, dict[str | None, dict[str, Cohort]]] = {}
        for c in self.cohorts:
            if c.currency != self.currency:
                raise InputError(
                    f"CurrencyPrices.cohorts: expected prices in {self.currency}, got {quoted(c.currency)}"
                )
            # in older files each spelling of a brand has cohorts of its own: the one with most prices counts
            of_brand = table.setdefault(name_key(c.brand or ""), {}).setdefault(c.category, {})
            if c.condition not in of_brand or c.n > of_brand[c.condition].n:
                of_brand[c.condition] = c
        for name, value in (
            ("_table", table),
            ("_brands", {name_key(e.name): e for e in sorted(self.brands, key=lambda e: e.n)}),
            ("_categories", {e.name: e for e in self.categories}),
            ("_cohorts_by_brand", {}),
            ("_of_category", of_category),
        ):
            object.__setattr__(self, name, value)

    def for_words(self, terms: Collection[str]) -> CurrencyPrices:
        """Return the references for goods with a title of these words and pairs; without any, for goods without one."""
        return self.titled if terms and self.titled else self

    def shifts(self, terms: Iterable[str], category: str | None) -> dict[str, float]:
        """Return what each known word and pair of a title adds to the log-price of goods of a category."""
        own = self._of_category.get(category, {})  # type: ignore[attr-defined]
        found = {term: self.words.get(term, 0.0) + own.get(term, 0.0) for term in terms}
        return {term: shift for term, shift in found.items() if shift}

    def usual(
        self, cohort: Cohort, log_count: float = 0.0, log_amount: float = math.nan, terms: Collection[str] = ()
    ) -> float:
        """Return the natural logarithm of a cohort's usual price for so many pieces of such a content and title."""
        usual: float = cohort._log_median + self.count_exponent * log_count  # type: ignore[attr-defined]
        if terms and self.words:
            shift = math.fsum(filter(None, map(self.words.get, terms)))
            if own := self._of_category.get(cohort.category):  # type: ignore[attr-defined]
                shift += math.fsum(filter(None, map(own.get, terms)))
            usual += min(max(shift, -_MAX_WORDS_LOG), _MAX_WORDS_LOG)
        content: float | None = cohort._log_amount  # type: ignore[attr-defined]
        if content is None or math.isnan(log_amount):
            return usual
        usual += self.amount_exponent * min(max(log_amount - content, -_MAX_CONTENT_LOG), _MAX_CONTENT_LOG)
        return usual

    def below(
        self,
        cohort: Cohort,
        log_price: float,
        log_count: float = 0.0,
        log_amount: float = math.nan,
        terms: Collection[str] = (),
    ) -> float:
        """Return by how many spreads a price lies below a cohort's usual one; negative above.

        A price at which the cohort itself sells lies no further below than `begins`.
        """
        distance = self.usual(cohort, log_count, log_amount, terms) - log_price
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

    def most_lenient(self, brand: str, condition: str, log_price: float, sizes: Sizes) -> Cohort | None:
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
