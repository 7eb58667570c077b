"""Price references in several currencies -> the rates between them that the prices themselves imply.

Goods of one brand and category that are sold in two currencies say what one is worth in the other, for goods of this
kind and with all taxes, which a bank's rate does not know. Currencies that are tied by enough such goods are a group.
Others stay apart: nothing is guessed.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.pricing.cohorts import NEW, CurrencyPrices
from logoscan.pricing.model import PriceModel
from logoscan.text.tokens import name_key

__all__ = ["implied_rates"]

# Prices of a cohort from which it counts, cohorts that two currencies need in common, and the most that the rates of
# these may scatter (robust standard deviation of the logarithm): beyond it they are no rate.
_LEAST_PRICES, _LEAST_COHORTS, _MOST_SPREAD = 3, 5, 0.35
# From the median absolute deviation to the standard deviation of a normal law.
_MAD_TO_SIGMA = 1.4826


def implied_rates(prices: PriceModel, currency: str) -> dict[str, float]:
    """Return what one unit of each currency of a group is worth in one of them, by the prices of the same goods.

    Args:
        prices: References in several currencies.
        currency: ISO 4217 code of the currency in which the rates are; its own rate is 1.

    Returns:
        Rates for `PriceModel.with_rates`. A currency that is tied to none of the group is left out, and is then not
        compared with it.

    Raises:
        InputError: There are no references in this currency.
    """
    currency = currency.upper()
    usual = {part.currency: _usual(part) for part in prices.currencies}
    if currency not in usual:
        raise InputError(f"currency: expected one of {', '.join(sorted(usual)) or 'none'}, got {quoted(currency)}")
    rates, waiting = {currency: 1.0}, deque([currency])
    while waiting:
        near = waiting.popleft()
        for other in sorted(usual.keys() - rates.keys()):
            shared = sorted(usual[near].keys() & usual[other].keys())
            ratios = np.array([usual[near][key] - usual[other][key] for key in shared])
            if len(ratios) < _LEAST_COHORTS:
                continue
            middle = float(np.median(ratios))
            if _MAD_TO_SIGMA * float(np.median(np.abs(ratios - middle))) <= _MOST_SPREAD:
                rates[other] = rates[near] * math.exp(middle)
                waiting.append(other)
    return rates


def _usual(prices: CurrencyPrices) -> dict[tuple[str, str], float]:
    """Return the logarithm of the usual price of new goods by brand and category."""
    return {
        (name_key(cohort.brand or ""), cohort.category): math.log(cohort.median)
        for cohort in prices.cohorts
        if cohort.category and cohort.condition == NEW and cohort.n >= _LEAST_PRICES
    }
