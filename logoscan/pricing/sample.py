"""Genuine prices, in a stream or by shards -> a bounded sample of each cohort, and references fitted to it.

A random sample of each brand, category, condition and currency is kept, so that memory grows with the cohorts and not
with the prices.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from logoscan._quote import quoted
from logoscan._validate import currency, number, text
from logoscan.errors import InputError
from logoscan.io.records import read_record, write_record
from logoscan.pricing.cohorts import NEW, USED, Cohort, CurrencyPrices
from logoscan.pricing.conditions import condition_of
from logoscan.pricing.fit import MIN_PRICES, fit_currency
from logoscan.pricing.groups import Group, Key
from logoscan.pricing.products import gtin_of, product_cohort
from logoscan.text.quantities import Pack
from logoscan.text.title_words import MAX_WORDS
from logoscan.text.tokens import name_key

__all__ = ["ONE", "Observed", "PriceRecord", "PriceSample", "condition_of", "key_of", "log_sizes", "sample_prices"]

# Prices of one cohort that are kept: their median is then known to less than a tenth of the spread.
_MAX_PRICES = 256
# Largest logarithm of prices and contents on disk: none on earth needs more.
_MAX_LOG = 100.0
# Limits as in `UsualPrice` and `Listing`: numbers beyond are typing errors, and their logarithms would move others.
_MIN_PRICE, _MAX_PRICE = 1e-6, 1e12
# Smallest content, for the same reason.
_MIN_AMOUNT = 1e-9

ONE = Pack()
"""One piece of unknown content."""


@dataclass(frozen=True)
class PriceRecord:
    """One observed genuine price.

    Attributes:
        brand: Name of the brand.
        price: The price, in [1e-6, 1e12], in `currency`.
        currency: ISO 4217 code, upper case.
        category: The category; a price without one counts for the brand alone.
        condition: The condition as listings state it; None is new.
        pack: Pieces and content, as `quantities.pack` reads them from a title.
        words: Words of the title, as `title_words` reads them; the first `MAX_WORDS` count.
        gtin: GTIN of the product; None where it is not known, or no valid one.
    """

    brand: str
    price: float
    currency: str
    category: str | None = None
    condition: str | None = None
    pack: Pack = ONE
    words: tuple[str, ...] = ()
    gtin: str | None = None

    def __post_init__(self) -> None:
        text("PriceRecord", "brand", self.brand, required=True)
        text("PriceRecord", "gtin", self.gtin)
        text("PriceRecord", "category", self.category)
        text("PriceRecord", "condition", self.condition)
        number("PriceRecord", "price", self.price, _MIN_PRICE, _MAX_PRICE)
        object.__setattr__(self, "currency", currency("PriceRecord", self.currency))


def key_of(text: str | None) -> str | None:
    """Return a brand's or category's name as cohorts show it; None for nothing.

    `tokens.name_key` says which spellings are one brand.
    """
    return None if text is None else " ".join(text.casefold().split()) or None


def log_sizes(pack: Pack) -> tuple[float, float]:
    """Return the natural logarithms of pieces and of the content of one; NaN where it is not known."""
    return math.log(pack.count), math.log(max(pack.amount, _MIN_AMOUNT)) if pack.amount else math.nan


class Observed(NamedTuple):
    """One price: natural logarithms of price, pieces in the pack and content of a piece (NaN where unknown), and the
    words of the title, parted by spaces.
    """

    log_price: float
    log_count: float = 0.0
    log_amount: float = math.nan
    title: str = ""


@dataclass(frozen=True)
class SavedCohort:
    """One cohort of a sample on disk.

    A row of `kept` is the number that the price drew, and an `Observed` price with null for NaN; `titles` are the words
    of their titles, one text for each row, or none at all.
    """

    brand: str
    category: str | None
    condition: str
    currency: str
    seen: int
    kept: tuple[tuple[float, float, float, float | None], ...]
    titles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.titles and len(self.titles) != len(self.kept):
            raise InputError(
                f"titles: expected none, or one for each of {len(self.kept)} prices, got {len(self.titles)}"
            )
        if not 1 <= len(self.kept) <= min(_MAX_PRICES, self.seen):
            raise InputError(f"kept: expected 1 to {_MAX_PRICES} prices, of {self.seen} seen, got {len(self.kept)}")
        if not all(abs(x) <= _MAX_LOG for row in self.kept for x in row if x is not None):
            raise InputError(f"kept: expected numbers within {_MAX_LOG:g} of 0")
        if self.condition not in (NEW, USED) or not self.brand:
            raise InputError(
                f"expected a brand, and {NEW!r} or {USED!r}, got {quoted(self.brand)}, {quoted(self.condition)}"
            )


@dataclass(frozen=True)
class SavedSample:
    """A sample on disk; `products` are the cohorts of single products, with a GTIN as the category."""

    seed: int
    cohorts: tuple[SavedCohort, ...]
    products: tuple[SavedCohort, ...] = ()


class PriceSample:
    """A bounded uniform sample of the prices of each cohort. Add in a stream, merge shards, then fit.

    All honest spellings of a brand's name are one brand, as in claims and titles; the first spelling in the alphabet is
    shown. Which prices of a cohort of more than 256 are kept is drawn at random from `seed`; shards need seeds of their
    own.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._random = random.Random(f"PriceSample {seed}")  # other numbers than those that may have made prices up
        self._spellings: dict[str, str] = {}
        self._heaps: dict[Key, list[tuple[float, Observed]]] = {}
        self._counts: dict[Key, int] = defaultdict(int)
        self._products: dict[Key, list[tuple[float, Observed]]] = {}

    def __len__(self) -> int:
        """Return the number of prices added, kept or not."""
        return sum(self._counts.values())

    def add(self, key: Key, price: Observed, gtin: str | None = None) -> None:
        """Add one price; with a GTIN it also counts for that product."""
        key = self._folded(key)
        self._counts[key] += 1
        drawn = self._random.random(), price
        self._keep(key, drawn)
        if gtin is not None:
            _keep(self._products.setdefault((key[0], gtin, *key[2:]), []), drawn)

    def merge(self, other: PriceSample) -> PriceSample:
        """Add what another shard sampled; return this sample."""
        for spelling in other._spellings.values():
            self._fold(spelling)
        for key, seen in other._counts.items():
            self._counts[key] += seen
            for drawn in other._heaps[key]:
                self._keep(key, drawn)
        for key, heap in other._products.items():
            for drawn in heap:
                _keep(self._products.setdefault(key, []), drawn)
        return self

    def _fold(self, brand: str) -> str:
        """Return what all spellings of a brand's name have in common, and note this spelling."""
        folded = name_key(brand)
        self._spellings[folded] = min(self._spellings.get(folded, brand), brand)
        return folded

    def _folded(self, key: Key) -> Key:
        return (self._fold(key[0]), *key[1:])

    def _shown(self, key: Key) -> Key:
        return (self._spellings[key[0]], *key[1:])

    def _keep(self, key: Key, drawn: tuple[float, Observed]) -> None:
        """Keep a price with the number that it drew: the largest numbers stay, whichever shard drew them."""
        _keep(self._heaps.setdefault(key, []), drawn)

    def fit(self) -> tuple[CurrencyPrices, ...]:
        """Return references for each currency with at least `MIN_PRICES` prices, in alphabetical order."""
        groups: dict[str, list[Group]] = defaultdict(list)
        shown = sorted(((self._shown(key), key) for key in self._heaps), key=lambda pair: [x or "" for x in pair[0]])
        for key, folded in shown:
            heap = self._heaps[folded]
            kept = sorted((price for _, price in heap), key=lambda price: price.title)
            rows = np.array([price[:3] for price in kept], np.float64)
            # sorted by all columns: NaN has no order among tuples, and the folds depend on the order
            order = np.lexsort(rows.T[::-1]).tolist()
            titles = tuple(kept[i].title for i in order)
            groups[key[3]].append(Group(key, self._counts[folded], rows[order], titles))
        return tuple(
            fit_currency(currency, cohorts)
            for currency, cohorts in sorted(groups.items())
            if sum(len(group.prices) for group in cohorts) >= MIN_PRICES
        )

    def products(self) -> tuple[Cohort, ...]:
        """Return a reference for each product with enough offers, in the order of their GTINs."""
        found = []
        for key, heap in sorted(self._products.items(), key=lambda pair: [x or "" for x in pair[0]]):
            of_a_piece = (price.log_price - price.log_count for _, price in heap)
            found.append(product_cohort(key[1] or "", *self._shown(key)[:1], key[3], key[2], of_a_piece))
        return tuple(cohort for cohort in found if cohort)

    def save(self, path: str | Path) -> None:
        """Write one JSON file, atomically, for a machine that merges shards."""
        cohorts = tuple(self._saved(key, heap, self._counts[key]) for key, heap in self._heaps.items())
        products = tuple(self._saved(key, heap, len(heap)) for key, heap in self._products.items())
        write_record(Path(path), SavedSample(self._seed, cohorts, products))

    def _saved(self, key: Key, heap: list[tuple[float, Observed]], seen: int) -> SavedCohort:
        rows = sorted(heap)
        kept = tuple((d, p.log_price, p.log_count, None if math.isnan(p.log_amount) else p.log_amount) for d, p in rows)
        titles = tuple(p.title for _, p in rows) if any(p.title for _, p in rows) else ()
        return SavedCohort(*self._shown(key), seen, kept, titles)

    @classmethod
    def load(cls, path: str | Path) -> PriceSample:
        """Read what `save` wrote; prices can be added to it.

        Raises:
            CorruptFileError: It is something else, altered or truncated.
        """
        saved = read_record(SavedSample, Path(path))
        sample = cls(saved.seed)
        for c in saved.cohorts:
            key = sample._folded((c.brand, c.category, c.condition, c.currency))
            sample._counts[key] += c.seen
            for drawn in _drawn_of(c):
                sample._keep(key, drawn)
        for c in saved.products:
            heap = sample._products.setdefault(sample._folded((c.brand, c.category, c.condition, c.currency)), [])
            for drawn in _drawn_of(c):
                _keep(heap, drawn)
        sample._random.seed(f"PriceSample {saved.seed} {len(sample)}")  # not the first prices' numbers again
        return sample


def _keep(heap: list[tuple[float, Observed]], drawn: tuple[float, Observed]) -> None:
    """Keep a price with the number that it drew: the largest numbers stay, whichever shard drew them."""
    if len(heap) < _MAX_PRICES:
        heapq.heappush(heap, drawn)
    else:
        heapq.heappushpop(heap, drawn)


def _drawn_of(saved: SavedCohort) -> Iterator[tuple[float, Observed]]:
    titles = saved.titles or [""] * len(saved.kept)
    for (drawn, price, count, amount), title in zip(saved.kept, titles, strict=True):
        yield drawn, Observed(price, count, math.nan if amount is None else amount, title)


def sample_prices(records: Iterable[PriceRecord], seed: int = 0) -> PriceSample:
    """Return a bounded sample of genuine prices, for one shard; shards need seeds of their own."""
    sample = PriceSample(seed)
    for record in records:
        brand = key_of(record.brand) or ""
        key: Key = (brand, key_of(record.category), condition_of(record.condition), record.currency)
        title = " ".join(record.words[:MAX_WORDS])
        sample.add(key, Observed(math.log(record.price), *log_sizes(record.pack), title), gtin_of(record.gtin))
    return sample
