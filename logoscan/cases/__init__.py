"""Cases: what is done with many reports at once. Pure functions; nothing but the command line uses this room."""

from logoscan.cases.buys import (
    BuyPlan,
    BuyResult,
    Rate,
    Rates,
    candidates_of,
    estimate_rate,
    plan_buys,
    read_buys,
    read_candidates,
    to_labels,
)

__all__ = [
    "BuyPlan",
    "BuyResult",
    "Rate",
    "Rates",
    "candidates_of",
    "estimate_rate",
    "plan_buys",
    "read_buys",
    "read_candidates",
    "to_labels",
]
