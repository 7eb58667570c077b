"""Prices -> a robust reference for each brand and category, and a one-sided anomaly of a listing's price.

Knows prices and nothing else. Currencies are never mixed unless the caller gives rates: a listing in another currency
than its cohort's is not judged, and the reason says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from logoscan.cohorts import NEW, USED, Cohort, CurrencyPrices
from logoscan.errors import InputError
from logoscan.folding import fold
from logoscan.jsonio import atomic_write, from_json, to_json
from logoscan.price_fit import USED_SHIFT, Key, Observed, PriceSample
from logoscan.types import Brand, UsualPrice
from logoscan.units import Pack

__all__ = ["PriceJudgement", "PriceModel", "PriceRecord", "condition_of", "sample_prices"]

_USUAL_SPREAD = 0.25
"""Of the owner's usual prices: the anomaly begins at their low end and is 1 at about half of it."""
_USUAL_ANOMALY = 2.5
"""Spreads below the low end at which it is 1."""
_USED_WORDS = (
    *("used", "secondhand", "preowned", "preloved", "openbox", "refurbished", "renewed", "worn", "vintage"),
    *("gebraucht", "occasion", "usado", "usato", "tweedehands"),
)
"""Folded; a condition that contains one is "used", whatever else it says."""


_ONE = Pack()


@dataclass(frozen=True)
class PriceRecord:
    """One observed genuine price.

    Attributes:
        brand: Its name.
        price: Above 0, in `currency`.
        currency: ISO 4217.
        category: None counts for the brand alone.
        condition: As listings state it; None is new.
        pack: Pieces and content, as `units.pack` reads them from a title.
    """

    brand: str
    price: float
    currency: str
    category: str | None = None
    condition: str | None = None
    pack: Pack = _ONE

    def __post_init__(self) -> None:
        if not isinstance(self.brand, str) or not self.brand.strip():
            raise InputError(f"PriceRecord.brand: expected a non-empty string, got {self.brand!r:.80}")
        if not (isinstance(self.price, (int, float)) and math.isfinite(self.price) and self.price > 0):
            raise InputError(f"PriceRecord.price: expected a finite number above 0, got {self.price!r:.80}")
        if not isinstance(self.currency, str) or len(self.currency) != 3:
            raise InputError(f"PriceRecord.currency: expected an ISO 4217 code, got {self.currency!r:.80}")


@dataclass(frozen=True)
class PriceJudgement:
    """How suspiciously low a price is.

    Attributes:
        anomaly: In [0, 1]; None where it could not be judged.
        reason: One sentence: what was compared, or why nothing was.
        cohort: What it was compared with.
        share: The price as a share of the usual one for as much of it; None where nothing was compared.
    """

    anomaly: float | None
    reason: str
    cohort: Cohort | None = None
    share: float | None = None


def condition_of(text: str | None) -> str:
    """The condition that a seller states, "new" or "used"; what is not stated, or in unknown words, counts as new."""
    folded = fold(text or "")
    return USED if any(word in folded for word in _USED_WORDS) else NEW


def sample_prices(records: Iterable[PriceRecord], seed: int = 0) -> PriceSample:
    """A bounded sample of genuine prices, for one shard; shards need seeds of their own."""
    sample = PriceSample(seed)
    for record in records:
        brand = _key(record.brand) or ""
        key: Key = (brand, _key(record.category), condition_of(record.condition), record.currency.upper())
        sample.add(key, Observed(math.log(record.price), *_sizes(record.pack)))
    return sample


def _key(text: str | None) -> str | None:
    return None if text is None else " ".join(text.casefold().split()) or None


def _sizes(pack: Pack) -> tuple[float, float]:
    return math.log(pack.count), math.log(pack.amount) if pack.amount else math.nan


@dataclass(frozen=True)
class PriceModel:
    """Price references. `PriceModel()` knows none and judges by the owners' usual prices alone.

    Attributes:
        currencies: References in each currency.
        rates: What one unit of each currency is worth in a common one, where the caller wants prices converted;
            empty converts nothing.
    """

    currencies: tuple[CurrencyPrices, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for currency, rate in self.rates.items():
            if not (isinstance(rate, (int, float)) and math.isfinite(rate) and rate > 0):
                raise InputError(f"PriceModel.rates {currency}: expected a finite number above 0, got {rate!r:.80}")
        object.__setattr__(self, "rates", {k.upper(): float(v) for k, v in self.rates.items()})

    @classmethod
    def fit(cls, prices: Iterable[PriceRecord] | PriceSample) -> PriceModel:
        """Robust references from genuine prices, or from the merged samples of shards."""
        return cls((prices if isinstance(prices, PriceSample) else sample_prices(prices)).fit())

    def with_rates(self, rates: Mapping[str, float]) -> PriceModel:
        """The same references, for listings in further currencies too."""
        return replace(self, rates=dict(rates))

    def judge(
        self,
        brand: Brand,
        price: float | None,
        currency: str | None,
        category: str | None = None,
        *,
        condition: str | None = None,
        pack: Pack = _ONE,
    ) -> PriceJudgement:
        """Compare a price with the owner's usual prices, else with those of the brand and category that were seen.

        Args:
            brand: The brand that the listing shows or claims.
            price: In `currency`.
            currency: ISO 4217.
            category: The listing's; where it is absent or new to the brand, the brand's most lenient cohort counts, so
                that leaving it out never raises an anomaly.
            condition: As stated; None counts as new.
            pack: How much is sold.

        Returns:
            A judgement whose anomaly rises as the price falls, and is 0 where the cohort's own prices reach.
        """
        if price is None:
            return PriceJudgement(None, "the listing states no price")
        if price <= 0:
            return PriceJudgement(None, "a price of 0 is no price")
        if currency is None:
            return PriceJudgement(None, "the listing states no currency")
        currency, kind, name = currency.upper(), _key(category), _key(brand.name) or ""
        condition = condition_of(condition)
        stated = [
            (usual, self._judge_usual(brand, usual, price * rate, condition))
            for usual in brand.usual_prices
            if (rate := self._rate(currency, usual.currency))
        ]
        if kind and (fitting := [(u, j) for u, j in stated if u.category is None or _key(u.category) == kind]):
            # the range of the category itself goes first; of the listing's own currency before a converted one
            return min(fitting, key=lambda f: (f[0].category is None, f[0].currency != currency, f[0].low))[1]
        seen = [
            (prices, rate)
            for prices in sorted(self.currencies, key=lambda c: (c.currency != currency, c.currency))
            if (rate := self._rate(currency, prices.currency))
        ]
        own = {
            (prices.currency, cohort.category): _judge_cohort(prices, cohort, price * rate, pack)
            for prices, rate in seen
            for cohort in prices.brand_cohorts(name, condition)
        }
        if kind:
            for prices, _ in seen:
                if exact := own.get((prices.currency, kind)):
                    return exact
        lenient = min((j for j in (*own.values(), *(j for _, j in stated))), key=_strength, default=None)
        wide = [
            _judge_cohort(p, p.cohort(name, kind, condition), price * r, pack) for p, r in seen if p.knows(name, kind)
        ]
        if kind and wide and not stated:
            lenient = max((j for j in (lenient, wide[0]) if j), key=_strength)
        return lenient or self._not_compared(brand, name, currency, category)

    def _not_compared(self, brand: Brand, name: str, currency: str, category: str | None) -> PriceJudgement:
        of_brand = {p.currency for p in brand.usual_prices} | {
            c.currency for c in self.currencies if c.knows(name, None)
        }
        of_category = {c.currency for c in self.currencies if c.knows(None, _key(category))}
        for subject, known_in in ((brand.name, of_brand), (category, of_category)):
            if known_in:
                listed = ", ".join(sorted(known_in))
                reason = f"prices of {subject} are known in {listed}, the listing is in {currency}: not compared"
                return PriceJudgement(None, reason)
        return PriceJudgement(None, f"no reference prices of {brand.name} are known")

    def _rate(self, currency: str, target: str) -> float | None:
        """What one unit of a currency is worth in another; None where it cannot be compared."""
        if currency == target:
            return 1.0
        if currency in self.rates and target in self.rates:
            return self.rates[currency] / self.rates[target]
        return None

    def _judge_usual(self, brand: Brand, usual: UsualPrice, price: float, condition: str) -> PriceJudgement:
        """Against the owner's range, which is of new goods; used ones may cost as much less as they usually do."""
        held = next((c.used_shift for c in self.currencies if c.currency == usual.currency), USED_SHIFT)
        shift = held if condition == USED else 0.0
        middle = math.sqrt(usual.low * usual.high)
        name, category = _key(brand.name), _key(usual.category)
        cohort = Cohort("registered", name, category, usual.currency, 0, middle, _USUAL_SPREAD, condition=condition)
        below = (math.log(usual.low) + shift - math.log(price)) / (_USUAL_SPREAD * _USUAL_ANOMALY)
        reason = f"{price:.2f} {usual.currency}, where {brand.name} states {usual.low:.2f} to {usual.high:.2f}"
        reason += " for new goods" if condition == USED else ""
        return PriceJudgement(min(1.0, max(0.0, below)), reason, cohort, price / middle)

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


def _strength(judgement: PriceJudgement) -> float:
    return judgement.anomaly or 0.0


def _judge_cohort(prices: CurrencyPrices, cohort: Cohort, price: float, pack: Pack) -> PriceJudgement:
    sizes = _sizes(pack)
    anomaly = prices.anomaly(prices.below(cohort, math.log(price), *sizes))
    usual = math.exp(prices.usual(cohort, *sizes))
    used = USED if cohort.condition == USED else None
    what = " ".join(x for x in (used, cohort.brand, cohort.category) if x)
    seen = f"{cohort.n} prices" if cohort.n else "from the brand's and the category's prices"
    reason = f"{price / usual:.0%} of the usual {usual:.2f} {prices.currency} ({what}; {seen})"
    return PriceJudgement(anomaly, reason, cohort, price / usual)
