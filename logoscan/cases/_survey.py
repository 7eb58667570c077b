"""Shares of a population by a sample with known weights, and their intervals: svy, for test buys and for audits."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

__all__ = ["EDGE", "Interval", "intervals", "shares"]

EDGE = 1e-9
"""Estimates nearer to 0 or 1 are on the edge."""

Interval: TypeAlias = tuple[float, float, float]
"""An estimate and the ends of its interval."""


def shares(sample: Any, kind: str) -> dict[str, float]:
    """Return svy's estimated share of hits in each group.

    Args:
        sample: A sample of svy, with the column "hit" of 0 and 1, and one for each kind of group.
        kind: Column of the groups.
    """
    return {row.by_level[0]: float(row.est) for row in sample.estimation.mean("hit", by=kind).estimates}


def intervals(sample: Any, kind: str, confidence: float) -> dict[str, Interval]:
    """Return svy's estimated share of hits in each group, with its interval.

    svy has the interval of Korn and Graubard in two forms. "beta", that of R's survey, takes the effective number of
    rows that the design has, which is above their number where the weights help; it has no answer where all rows are of
    one kind. There "korn-graubard" has one, by the number of rows; elsewhere it would allow the design no more than it.

    Args:
        sample: A sample of svy, with the columns that `shares` needs.
        kind: Column of the groups.
        confidence: Share of such intervals that shall hold the true share, in (0, 1).
    """
    inner = _proportions(sample, kind, "beta", confidence)
    if all(EDGE < estimate < 1 - EDGE for estimate, _, _ in inner.values()):
        return inner
    edge = _proportions(sample, kind, "korn-graubard", confidence)
    return {name: found if EDGE < found[0] < 1 - EDGE else edge[name] for name, found in inner.items()}


def _proportions(sample: Any, kind: str, method: str, confidence: float) -> dict[str, Interval]:
    found = sample.estimation.prop("hit", by=kind, ci_method=method, alpha=1.0 - confidence)
    out: dict[str, Interval] = {}
    for row in found.estimates:
        estimate, low, high = (float(row.est), float(row.lci), float(row.uci))
        if row.y_level == 0:
            estimate, low, high = 1.0 - estimate, 1.0 - high, 1.0 - low
        if math.isnan(low):  # one row alone, or all of one kind by "beta"
            low, high = 0.0, 1.0
        out[row.by_level[0]] = (estimate, low, high)
    return out
