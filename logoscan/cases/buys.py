"""Test buys: which listings to buy under a budget, what their outcomes say about all listings, and labels from them.

A plan draws listings with known probabilities, so that each bought listing stands for one over its probability of them.
The score decides only how probable each one is: buying the highest scores alone would say nothing about the rate. Keep
the plan from sellers: its seed says what is bought.

    candidates = candidates_of(read_reports("reports.jsonl"))
    plan = plan_buys(candidates, 1500)
    rates = estimate_rate(read_buys("results.csv"), plan, by=("brand",))
"""

from logoscan.cases._buy_candidates import candidates_of, read_candidates
from logoscan.cases._buy_page import buys_page
from logoscan.cases._buy_plan import BuyPlan, By, PlannedBuy, PlannedStratum, plan_buys
from logoscan.cases._buy_rates import Rate, Rates, estimate_rate
from logoscan.cases._buy_results import BuyResult, Outcome, read_buys, result_sheet, to_labels

__all__ = [
    "BuyPlan",
    "BuyResult",
    "By",
    "Outcome",
    "PlannedBuy",
    "PlannedStratum",
    "Rate",
    "Rates",
    "buys_page",
    "candidates_of",
    "estimate_rate",
    "plan_buys",
    "read_buys",
    "read_candidates",
    "result_sheet",
    "to_labels",
]
