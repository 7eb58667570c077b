"""The judgement of a price as a report has it."""

from __future__ import annotations

import math

from logoscan.pricing.cohorts import USED
from logoscan.pricing.model import PriceJudgement
from logoscan.results import PriceFinding

__all__ = ["price_finding"]


def price_finding(price: PriceJudgement) -> PriceFinding:
    """Return the judgement of a price as a report has it; without numbers where they are beyond any price."""
    cohort, share, usual = price.cohort, price.share, price.usual
    if cohort is None or share is None or usual is None:
        return PriceFinding(price.anomaly, price.reason)
    what = " ".join(x for x in (USED if cohort.condition == USED else None, cohort.brand, cohort.category) if x)
    numbers = (share * usual, share, usual, cohort.spread, *(price.stated or ()))
    if not all(math.isfinite(v) and v > 0 for v in numbers):
        return PriceFinding(price.anomaly, price.reason)
    return PriceFinding(
        price.anomaly, price.reason, share * usual, cohort.currency, share, usual, cohort.spread, cohort.n,
        cohort.level, what or None, price.stated,
    )  # fmt: skip
