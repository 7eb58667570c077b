"""Prices -> a robust reference for each brand and category, and a one-sided anomaly of a listing's price.

Knows prices and nothing else. Currencies are never mixed: a listing in another currency than its cohort's is not
judged, and the reason says so.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from logoscan.errors import InputError
from logoscan.jsonio import atomic_write, from_json, to_json
from logoscan.types import Brand

__all__ = ["Cohort", "PriceJudgement", "PriceModel", "PriceRecord"]

MIN_COHORT = 8
"""Prices below which a median says little; the next wider cohort is asked instead."""
_MIN_SPREAD = 0.25
"""Floor of the spread in natural-log units: ordinary sales take 20-30 % off in any cohort."""
_MAD_TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation, for a normal law (Rousseeuw and Croux, 1993)."""
_FROM_Z, _TO_Z = 1.5, 4.0
"""Spreads below the median where the anomaly begins, and where it is 1."""


@dataclass(frozen=True)
class PriceRecord:
    """One observed genuine price. `category` None counts for the brand alone."""

    brand: str
    price: float
    currency: str
    category: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.brand, str) or not self.brand.strip():
            raise InputError(f"PriceRecord.brand: expected a non-empty string, got {self.brand!r:.80}")
        if not (isinstance(self.price, (int, float)) and math.isfinite(self.price) and self.price > 0):
            raise InputError(f"PriceRecord.price: expected a finite number above 0, got {self.price!r:.80}")
        if not isinstance(self.currency, str) or len(self.currency) != 3:
            raise InputError(f"PriceRecord.currency: expected an ISO 4217 code, got {self.currency!r:.80}")


@dataclass(frozen=True)
class Cohort:
    """Prices that a listing is compared with.

    Attributes:
        level: "registered" (the owner's usual prices), "brand+category", "brand" or "category".
        brand: Folded to lower case; None at the level "category".
        category: Likewise; None at the level "brand".
        currency: ISO 4217.
        n: Prices in it.
        median: In `currency`.
        spread: Robust standard deviation of the natural logarithm, at least 0.25.
    """

    level: str
    brand: str | None
    category: str | None
    currency: str
    n: int
    median: float
    spread: float

    def __post_init__(self) -> None:
        for name in ("median", "spread"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"Cohort.{name}: expected a finite number above 0, got {value!r}")


@dataclass(frozen=True)
class PriceJudgement:
    """How suspiciously low a price is.

    Attributes:
        anomaly: In [0, 1]; None where it could not be judged.
        reason: One sentence: what was compared, or why nothing was.
        cohort: What it was compared with.
    """

    anomaly: float | None
    reason: str
    cohort: Cohort | None = None


def _key(text: str | None) -> str | None:
    return None if text is None else " ".join(text.casefold().split()) or None


def _anomaly(z: float) -> float:
    return min(1.0, max(0.0, (z - _FROM_Z) / (_TO_Z - _FROM_Z)))


def _cohort(level: str, brand: str | None, category: str | None, currency: str, prices: Sequence[float]) -> Cohort:
    logs = np.log(np.asarray(prices, np.float64))
    middle = float(np.median(logs))
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(logs - middle)))
    return Cohort(level, brand, category, currency, len(logs), math.exp(middle), max(_MIN_SPREAD, spread))


@dataclass(frozen=True)
class PriceModel:
    """Price references. `PriceModel()` knows none and judges by the owners' usual prices alone.

    Attributes:
        cohorts: One for each brand x category, brand, and category with at least `MIN_COHORT` prices, by currency.
    """

    cohorts: tuple[Cohort, ...] = ()

    def __post_init__(self) -> None:
        table = {(c.level, c.brand, c.category, c.currency): c for c in self.cohorts}
        of_brand: dict[tuple[str, str], list[Cohort]] = defaultdict(list)
        for cohort in self.cohorts:
            if cohort.brand is not None:
                of_brand[cohort.brand, cohort.currency].append(cohort)
        object.__setattr__(self, "_table", table)
        object.__setattr__(self, "_of_brand", dict(of_brand))

    @classmethod
    def fit(cls, records: Iterable[PriceRecord]) -> PriceModel:
        """Robust references from genuine prices: median and median absolute deviation of the log-price."""
        prices: dict[tuple[str, str | None, str | None, str], list[float]] = defaultdict(list)
        for record in records:
            brand, category, currency = _key(record.brand), _key(record.category), record.currency.upper()
            prices["brand", brand, None, currency].append(record.price)
            if category is not None:
                prices["brand+category", brand, category, currency].append(record.price)
                prices["category", None, category, currency].append(record.price)
        return cls(tuple(_cohort(*key, values) for key, values in prices.items() if len(values) >= MIN_COHORT))

    def judge(
        self, brand: Brand, price: float | None, currency: str | None, category: str | None = None
    ) -> PriceJudgement:
        """Compare a price with the owner's usual prices, else with the narrowest cohort that is known.

        Args:
            brand: The brand that the listing shows or claims.
            price: In `currency`.
            currency: ISO 4217.
            category: The listing's.

        Returns:
            A judgement whose anomaly rises as the price falls below its cohort, and is 0 at and above the median.
        """
        if price is None:
            return PriceJudgement(None, "the listing states no price")
        if price <= 0:
            return PriceJudgement(None, "a price of 0 is no price")
        if currency is None:
            return PriceJudgement(None, "the listing states no currency")
        currency = currency.upper()
        kind, name = _key(category), _key(brand.name)
        # the narrowest range first; without a category the one that leaves most room, so that silence never costs
        usual = [p for p in brand.usual_prices if kind is None or p.category is None or _key(p.category) == kind]
        known = [p for p in usual if p.currency == currency]
        if known:
            chosen = min(known, key=lambda p: p.low if kind is None else (p.category is None, p.low))
            return _judge_usual(brand, chosen.low, chosen.high, price, currency, kind)
        cohort = self._cohort_for(name, kind, currency, price)
        if cohort is not None:
            z = (math.log(cohort.median) - math.log(price)) / cohort.spread
            what = " ".join(x for x in (cohort.brand, cohort.category) if x)
            share = price / cohort.median
            reason = f"{share:.0%} of the median {cohort.median:.2f} {currency} of {cohort.n} prices ({what})"
            return PriceJudgement(_anomaly(z), reason, cohort)
        of_brand = {c.currency for c in self.cohorts if name == c.brand} | {p.currency for p in usual}
        of_category = {c.currency for c in self.cohorts if c.level == "category" and c.category == kind}
        for subject, elsewhere in ((brand.name, of_brand), (category, of_category)):
            if elsewhere:
                known_in = ", ".join(sorted(elsewhere))
                return PriceJudgement(
                    None, f"prices of {subject} are known in {known_in}, the listing is in {currency}: not compared"
                )
        return PriceJudgement(None, f"no reference prices of {brand.name} are known")

    def _cohort_for(self, brand: str | None, category: str | None, currency: str, price: float) -> Cohort | None:
        """Brand x category; for another or no category the brand's most lenient cohort; else the category's."""
        table: dict[tuple[str, str | None, str | None, str], Cohort] = self._table  # type: ignore[attr-defined]
        if category is not None and (exact := table.get(("brand+category", brand, category, currency))):
            return exact
        of_brand: list[Cohort] = self._of_brand.get((brand, currency), [])  # type: ignore[attr-defined]
        if of_brand:
            return min(of_brand, key=lambda c: ((math.log(c.median) - math.log(price)) / c.spread, c.level))
        return None if category is None else table.get(("category", None, category, currency))

    def save(self, path: str | Path) -> None:
        """Write one JSON file, atomically."""
        atomic_write(Path(path), to_json(self).encode())

    @classmethod
    def load(cls, path: str | Path) -> PriceModel:
        """Read what `save` wrote.

        Raises:
            CorruptFileError: It is something else.
        """
        return from_json(cls, Path(path).read_bytes(), str(path))


def _judge_usual(
    brand: Brand, low: float, high: float, price: float, currency: str, category: str | None
) -> PriceJudgement:
    middle = math.sqrt(low * high)
    cohort = Cohort("registered", _key(brand.name), category, currency, 0, middle, _MIN_SPREAD)
    # the owner's low end is still genuine: the anomaly begins there, and is 1 at about half of it
    z = _FROM_Z + (math.log(low) - math.log(price)) / _MIN_SPREAD if price < low else 0.0
    reason = f"{price:.2f} {currency}, where {brand.name} states {low:.2f} to {high:.2f}"
    return PriceJudgement(_anomaly(z), reason, cohort)
