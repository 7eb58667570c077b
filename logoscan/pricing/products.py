"""Prices of one and the same product, known by its GTIN -> a reference that is sharper than that of a category.

A seller may state any GTIN. So the offers of a product only raise an anomaly: a price is judged by its brand and
category as before, and beside them by the other offers of the product, whichever is stricter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import numpy as np

from logoscan.pricing.cohorts import Cohort, money, widened

__all__ = ["GTIN_KEYS", "IN_SHOPS", "LEAST_OFFERS", "gtin_of", "product_cohort", "stated_gtin"]

LEAST_OFFERS = 5
"""Offers of a product from which they are compared."""
_LENGTHS = frozenset({8, 12, 13, 14})
GTIN_KEYS = re.compile(r"(?i)\W*(?:ean|gtin|upc|barcode)[\s_\-]*(?:8|12|13|14)?\W*")
"""Names of attributes that state a GTIN."""
IN_SHOPS = re.compile(r"0(?:02|04|2[0-9])|097[789]")
"""Beginnings of 14 digits that shops give themselves or that books have: they stand for no product of a brand."""
# From the median absolute deviation to the standard deviation of a normal law, and the spread of one product's prices
# among shops: as much as many shops are known to differ. Stated prior, worth so many offers.
_MAD_TO_SIGMA, _USUAL_SPREAD, _PRIOR_OFFERS = 1.4826, 0.25, 5.0
_LEAST_SPREAD = 0.1


def gtin_of(text: str | None) -> str | None:
    """Return a GTIN as 14 digits with leading zeros; None where the text is none, or its check digit is wrong."""
    digits = re.sub(r"[\s\-]", "", text or "")
    if len(digits) not in _LENGTHS or not digits.isascii() or not digits.isdigit() or not int(digits):
        return None
    whole = digits.zfill(14)
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(whole[:13]))
    if (10 - total % 10) % 10 != int(whole[13]) or IN_SHOPS.match(whole):
        return None
    return whole


def stated_gtin(attributes: Mapping[str, str]) -> str | None:
    """Return the GTIN that attributes state; None for none, or for several different ones."""
    found = {gtin for key, value in attributes.items() if GTIN_KEYS.fullmatch(key[:40]) and (gtin := gtin_of(value))}
    return found.pop() if len(found) == 1 else None


def product_cohort(gtin: str, brand: str, currency: str, condition: str, log_prices: Iterable[float]) -> Cohort | None:
    """Return the reference of a product's offers; None with fewer than `LEAST_OFFERS`.

    Args:
        gtin: 14 digits.
        brand: Brand in lower case.
        currency: ISO 4217 code.
        condition: "new" or "used".
        log_prices: Natural logarithms of the prices of a piece.
    """
    logs = np.array(sorted(log_prices), np.float64)
    if len(logs) < LEAST_OFFERS:
        return None
    middle = float(np.median(logs))
    own = _MAD_TO_SIGMA * float(np.median(np.abs(logs - middle)))
    n = len(logs)
    variance = (n * own**2 + _PRIOR_OFFERS * _USUAL_SPREAD**2) / (n + _PRIOR_OFFERS)
    spread = widened(max(math.sqrt(variance), _LEAST_SPREAD), n)
    return Cohort("product", brand, gtin, currency, n, money(middle), spread, condition=condition)
