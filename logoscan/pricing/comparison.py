"""One price beside one reference: an anomaly, and the sentence that says what was compared."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import NamedTuple

from logoscan.pricing.cohorts import USED, Cohort, CurrencyPrices, Sizes, money
from logoscan.pricing.sample import key_of
from logoscan.pricing.words import much, percentage, rounded, titled
from logoscan.text.quantities import Pack
from logoscan.types import Brand, UsualPrice

__all__ = ["PriceJudgement", "PriceQuery", "judge_cohort", "judge_product", "judge_usual"]

# Spread for the owner's usual prices: the anomaly begins at their low end and is 1 at about half of it.
_USUAL_SPREAD = 0.25
# Spreads below the low end at which the anomaly is 1.
_USUAL_FULL_SPREADS = 2.5


@dataclass(frozen=True)
class PriceJudgement:
    """How suspiciously low a price is.

    Attributes:
        anomaly: How suspicious the price is, in [0, 1]; None where it could not be judged.
        reason: One sentence: what was compared, or why nothing was.
        cohort: The cohort that it was compared with.
        share: The price as a share of the usual one for as much of it (for the owner's range, of its middle); None
            where nothing was compared.
        usual: The usual price for as much of it, in the cohort's currency.
        stated: The owner's range, where that was compared.
        has_references: Whether prices of the brand are known, in whatever currency, so that a comparable price would
            have been judged.
    """

    anomaly: float | None
    reason: str
    cohort: Cohort | None = None
    share: float | None = None
    usual: float | None = None
    stated: tuple[float, float] | None = None
    has_references: bool = False


class PriceQuery(NamedTuple):
    """A price to judge, what is sold for it, and what prices are on its day beside the references (`PriceAge`)."""

    price: float
    currency: str
    condition: str
    pack: Pack
    sizes: Sizes
    factor: float = 1.0

    def in_words(self, currency: str, rate: float) -> str:
        """Return the price in words, and what it is in the reference's currency."""
        words = f"{rounded(self.price)} {self.currency}"
        return words if currency == self.currency else f"{words} ({rounded(self.price * rate)} {currency})"

    def log_price(self, rate: float) -> float:
        """Return the natural logarithm of the price, converted at a rate, as it was when references were observed."""
        return math.log(max(self.price * rate / self.factor, sys.float_info.min))


def judge_usual(brand: Brand, query: PriceQuery, usual: UsualPrice, rate: float, used_shift: float) -> PriceJudgement:
    """Judge a price by the owner's range, which is of new goods.

    Used goods may cost as much less as they usually do. The range holds today, whatever the age of other references.
    """
    query = query._replace(factor=1.0)
    used = query.condition == USED
    middle = math.sqrt(usual.low * usual.high)
    name, category = key_of(brand.name), key_of(usual.category)
    spread = _USUAL_SPREAD
    cohort = Cohort("registered", name, category, usual.currency, 0, middle, spread, condition=query.condition)
    below = (math.log(usual.low) + (used_shift if used else 0.0) - query.log_price(rate)) / (
        spread * _USUAL_FULL_SPREADS
    )
    what = " ".join(x for x in ("new" if used else None, category or ("goods" if used else None)) if x)
    ends = list(dict.fromkeys((rounded(usual.low), rounded(usual.high))))
    reason = f"costs {query.in_words(usual.currency, rate)}; {brand.name} says {' to '.join(ends)} {usual.currency}"
    reason += f" for {what}" if what else ""
    share, stated = query.price * rate / middle, (usual.low, usual.high)
    return PriceJudgement(min(1.0, max(0.0, below)), reason, cohort, share, middle, stated)


def judge_cohort(
    brand: Brand, query: PriceQuery, prices: CurrencyPrices, rate: float, cohort: Cohort
) -> PriceJudgement:
    """Judge a price by the references of a brand and category."""
    anomaly = prices.anomaly(prices.below(cohort, query.log_price(rate), *query.sizes))
    usual = query.factor * money(prices.usual(cohort, *query.sizes))
    share = query.price * rate / usual
    owner = None if cohort.brand is None else brand.name
    what = " ".join(x for x in (USED if cohort.condition == USED else None, owner, cohort.category) if x)
    what = much(query.pack, cohort) + what + titled(prices.shifts(query.sizes.terms, cohort.category))
    basis = f"{cohort.n} price{'s' * (cohort.n != 1)}" if cohort.n else "by other prices of the brand or category"
    if query.factor != 1.0:
        basis += f", on its date {percentage(query.factor)} of what they were"
    reason = f"costs {query.in_words(prices.currency, rate)}, {percentage(share)} of the usual {rounded(usual)} "
    return PriceJudgement(anomaly, f"{reason}{prices.currency} for {what} ({basis})", cohort, share, usual)


def judge_product(
    brand: Brand, query: PriceQuery, prices: CurrencyPrices, rate: float, cohort: Cohort
) -> PriceJudgement:
    """Judge a price by other offers of the same product; `prices` say how far genuine prices lie below."""
    usual = query.factor * cohort.median * query.pack.count
    share = query.price * rate / usual
    below = (math.log(cohort.median * query.pack.count) - query.log_price(rate)) / cohort.spread
    reason = (
        f"costs {query.in_words(cohort.currency, rate)}, {percentage(share)} of the usual {rounded(usual)} "
        f"{cohort.currency} in other offers of this product of {brand.name} ({cohort.n} prices)"
    )
    return PriceJudgement(prices.anomaly(below), reason, cohort, share, usual)
