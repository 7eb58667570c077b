"""Prices -> a robust reference for each brand and category, and a one-sided anomaly of a listing's price.

Knows prices and nothing else. Currencies are never mixed unless the caller gives rates: a listing in another currency
than its references is not judged, and the reason says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from logoscan._validate import number
from logoscan.errors import InputError
from logoscan.io.records import read_record, write_record
from logoscan.pricing.age import PriceAge
from logoscan.pricing.cohorts import Cohort, CurrencyPrices, Sizes
from logoscan.pricing.comparison import PriceJudgement, PriceQuery, judge_cohort, judge_product, judge_usual
from logoscan.pricing.fit import USED_SHIFT
from logoscan.pricing.products import stated_gtin
from logoscan.pricing.sample import ONE, PriceRecord, PriceSample, condition_of, key_of, log_sizes, sample_prices
from logoscan.text.quantities import Pack
from logoscan.text.title_words import title_terms
from logoscan.text.tokens import name_key
from logoscan.types import Brand, Listing, UsualPrice

__all__ = ["PriceJudgement", "PriceModel", "PriceRecord", "condition_of", "sample_prices"]

# Largest rate of one currency in another; its inverse is the smallest.
_MAX_RATE = 1e12


@dataclass(frozen=True)
class PriceModel:
    """Price references. `PriceModel()` has none and judges by the owners' usual prices alone.

    The owner's `usual_prices` go first. Else the price is compared with those of the brand in that category and
    condition. Where these are few, they are shrunk towards the brand's and the category's. A discount that the
    comparable prices themselves show is no anomaly. Another currency is not compared unless you give rates
    (`with_rates`). The words of a title say what is compared, where the known prices have titles: a set, a mini and a
    gold-plated version are told apart by them, as far as they are frequent; without a title all of a category are
    compared together. A category that is missing or new to the brand is compared with the most lenient of the brand's.

    Attributes:
        currencies: References in each currency.
        rates: What one unit of each currency is worth in a common one, for converting prices; empty converts nothing.
        products: References of single products, by their GTIN. They only raise an anomaly, since any GTIN can be
            stated.
        age: When the references were observed, and how prices move; None where that is not known.
    """

    currencies: tuple[CurrencyPrices, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    products: tuple[Cohort, ...] = ()
    age: PriceAge | None = None

    def __post_init__(self) -> None:
        for currency, rate in self.rates.items():
            number("PriceModel", f"rates {currency}", rate, 1 / _MAX_RATE, _MAX_RATE)
        names = [c.currency for c in self.currencies]
        if len(set(names)) < len(names):
            raise InputError(f"PriceModel.currencies: expected each currency once, got {', '.join(names)}")
        object.__setattr__(self, "rates", {k.upper(): float(v) for k, v in self.rates.items()})
        of_product: dict[tuple[str, str], list[Cohort]] = {}
        for cohort in self.products:
            of_product.setdefault((name_key(cohort.brand or ""), cohort.category or ""), []).append(cohort)
        object.__setattr__(self, "_of_product", of_product)

    @classmethod
    def fit(cls, prices: Iterable[PriceRecord] | PriceSample) -> PriceModel:
        """Return robust references from genuine prices, or from the merged samples of shards."""
        sample = prices if isinstance(prices, PriceSample) else sample_prices(prices)
        return cls(sample.fit(), products=sample.products())

    def with_rates(self, rates: Mapping[str, float]) -> PriceModel:
        """Return the same references with rates, for listings in further currencies too."""
        return replace(self, rates=dict(rates))

    def aged(self, age: PriceAge) -> PriceModel:
        """Return the same references with the day on which they were observed, for listings that have a date."""
        return replace(self, age=age)

    def lies_above_most(self, brand: Brand, usual: UsualPrice) -> bool:
        """Return whether more than half of the known prices of a brand lie below its owner's range of usual prices."""
        judgement = self.judge(replace(brand, usual_prices=()), usual.low, usual.currency, usual.category)
        by_brand = judgement.cohort is not None and judgement.cohort.brand is not None
        return by_brand and judgement.share is not None and judgement.share > 1

    def judge(
        self,
        brand: Brand,
        price: float | None,
        currency: str | None,
        category: str | None = None,
        *,
        condition: str | None = None,
        pack: Pack = ONE,
        words: tuple[str, ...] = (),
        gtin: str | None = None,
        listed_at: str | None = None,
    ) -> PriceJudgement:
        """Compare a price with the owner's usual prices, else with known prices of the brand and category.

        Beside these it is compared with other offers of the same product, where there are enough; the stricter
        comparison counts.

        Args:
            brand: The brand that the listing shows or claims.
            price: The price, in `currency`.
            currency: ISO 4217 code.
            category: Category of the listing. If it is absent, the brand's most lenient cohort counts, so that leaving
                it out never raises an anomaly. If the brand is not known to sell it, that cohort counts, or what the
                brand's and the category's prices together suggest, whichever is stricter.
            condition: Condition as stated; None counts as new.
            pack: How much is sold.
            words: Words of the title, as `title_words` reads them; without any, goods are judged as if all of a brand
                and category were alike.
            gtin: GTIN of the product, 14 digits (`products.stated_gtin`).
            listed_at: ISO 8601 date of the listing, as the platform knows it, for references whose `age` is known.

        Returns:
            A judgement whose anomaly rises as the price falls; 0 at prices at which the cohort itself sells.

        Example:
            >>> seen = (99, 109, 119, 105, 129, 99, 115, 112)
            >>> prices = PriceModel.fit(PriceRecord("JBL", price, "EUR", "Speakers") for price in seen)
            >>> prices.judge(Brand("JBL"), 17.5, "EUR", "Speakers").reason
            'costs 17.50 EUR, 16 % of the usual 110.49 EUR for JBL speakers (8 prices)'
        """
        for missing, reason in (
            (price is None, "the listing states no price"),
            (price is not None and not price > 0, "a price of 0 is no price"),
            (currency is None, "the listing states no currency"),
        ):
            if missing:
                return PriceJudgement(None, reason, has_references=bool(self._currencies_of(brand)))
        assert price is not None
        assert currency is not None
        currency, kind, name = currency.upper(), key_of(category), key_of(brand.name) or ""
        sizes = Sizes(*log_sizes(pack), title_terms(words))
        factor = 1.0 if self.age is None else self.age.factor(listed_at)
        query = PriceQuery(price, currency, condition_of(condition), pack, sizes, factor)
        judged = self._judge_brand(brand, query, name, kind, category)
        if judged.stated is not None and judged.anomaly == 0.0:
            return judged  # the owner's word goes before what others ask
        return max([judged, *self._judge_product(brand, query, name, gtin)], key=_strength)  # of equal ones the first

    def judge_listing(self, brand: Brand, listing: Listing, size: Pack, words: tuple[str, ...]) -> PriceJudgement:
        """Compare the price of a listing; `size` and `words` are what its title says is sold."""
        gtin = stated_gtin(listing.attributes) if self.products else None
        return self.judge(
            brand, listing.price, listing.currency, listing.category, condition=listing.condition, pack=size,
            words=words, gtin=gtin, listed_at=listing.listed_at,
        )  # fmt: skip

    def _judge_product(self, brand: Brand, query: PriceQuery, name: str, gtin: str | None) -> Iterator[PriceJudgement]:
        """Yield the comparison with other offers of the same product, in the currency of the listing.

        Rates err by more than the offers of one product differ.
        """
        of_product: Mapping[tuple[str, str], list[Cohort]] = self._of_product  # type: ignore[attr-defined]
        for cohort in of_product.get((name_key(name), gtin or ""), ()):
            prices = next((c for c in self.currencies if c.currency == cohort.currency), None)
            if prices and (cohort.currency, cohort.condition) == (query.currency, query.condition):
                yield judge_product(brand, query, prices, 1.0, cohort)

    def _judge_brand(
        self, brand: Brand, query: PriceQuery, name: str, kind: str | None, category: str | None
    ) -> PriceJudgement:
        """Compare with the owner's usual prices, else with known prices of the brand and category."""
        currency, sizes = query.currency, query.sizes
        stated = [(usual, rate) for usual in brand.usual_prices if (rate := self._rate(currency, usual.currency))]
        if kind and (fitting := [s for s in stated if s[0].category is None or key_of(s[0].category) == kind]):
            # the category's own range goes first, and a range in the listing's currency before a converted one
            chosen = min(fitting, key=lambda s: (s[0].category is None, s[0].currency != currency, s[0].low))
            return judge_usual(brand, query, *chosen, self._used_shift(chosen[0].currency))
        references = [
            (prices.for_words(sizes.terms), rate)
            for prices in sorted(self.currencies, key=lambda c: (c.currency != currency, c.currency))
            if (rate := self._rate(currency, prices.currency))
        ]
        if kind:
            for prices, rate in references:
                if prices.sells(name, kind):
                    return judge_cohort(brand, query, prices, rate, prices.cohort(name, kind, query.condition))
        lenient = self._most_lenient(brand, name, query, stated, references)
        if kind and not stated:
            for prices, rate in references:
                if prices.knows(name, None if lenient else kind):
                    wide = judge_cohort(brand, query, prices, rate, prices.cohort(name, kind, query.condition))
                    return max((j for j in (lenient, wide) if j), key=_strength)
        return lenient or self._not_compared(brand, currency, category)

    def _most_lenient(
        self,
        brand: Brand,
        name: str,
        query: PriceQuery,
        stated: Sequence[tuple[UsualPrice, float]],
        references: Sequence[tuple[CurrencyPrices, float]],
    ) -> PriceJudgement | None:
        """Return the judgement by the brand's cohort, or the owner's range, that finds the price least anomalous."""
        judgements = [
            judge_cohort(brand, query, prices, rate, cohort)
            for prices, rate in references
            if (cohort := prices.most_lenient(name, query.condition, query.log_price(rate), query.sizes))
        ]
        judgements += [
            judge_usual(brand, query, usual, rate, self._used_shift(usual.currency)) for usual, rate in stated
        ]
        return min(judgements, key=_strength, default=None)

    def _not_compared(self, brand: Brand, currency: str, category: str | None) -> PriceJudgement:
        of_brand = self._currencies_of(brand)
        of_category = {c.currency for c in self.currencies if c.knows(None, key_of(category))}
        for subject, known_in in ((brand.name, of_brand), (category, of_category)):
            if elsewhere := [c for c in sorted(known_in) if not self._rate(currency, c)]:
                listed = ", ".join(elsewhere)
                reason = f"prices of {subject} are known in {listed}, the listing is in {currency}: not compared"
                return PriceJudgement(None, reason, has_references=bool(of_brand))
        return PriceJudgement(None, f"no reference prices of {brand.name} are known")

    def _currencies_of(self, brand: Brand) -> set[str]:
        """Return the currencies in which prices of a brand are known, from its owner or from others."""
        name = key_of(brand.name) or ""
        return {p.currency for p in brand.usual_prices} | {c.currency for c in self.currencies if c.knows(name, None)}

    def _rate(self, currency: str, target: str) -> float | None:
        """Return what one unit of a currency is worth in another; None where it cannot be compared."""
        if currency == target:
            return 1.0
        if currency in self.rates and target in self.rates:
            return self.rates[currency] / self.rates[target]
        return None

    def _used_shift(self, currency: str) -> float:
        """Return what being used adds to a log-price in a currency."""
        return next((c.used_shift for c in self.currencies if c.currency == currency), USED_SHIFT)

    def save(self, path: str | Path) -> None:
        """Write one JSON file, atomically."""
        write_record(Path(path), self)

    @classmethod
    def load(cls, path: str | Path) -> PriceModel:
        """Read what `save` wrote.

        Raises:
            CorruptFileError: It is something else, altered or truncated.
        """
        return read_record(cls, Path(path))


def _strength(judgement: PriceJudgement) -> float:
    return judgement.anomaly or 0.0
