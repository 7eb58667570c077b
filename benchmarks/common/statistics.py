"""Rates at an operating threshold, and intervals for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Statistic: TypeAlias = Callable[[NDArray[np.int64], NDArray[np.int64]], float]
"""A figure as a function of the rows of positives and of negatives that are drawn."""


def bootstrap(statistic: Statistic, sizes: tuple[int, int]) -> list[float]:
    """Draw positives and negatives 1,000 times and return the 95 % percentile interval of a statistic.

    Args:
        statistic: Figure of the rows that are drawn.
        sizes: Numbers of positives and of negatives.
    """
    rng = np.random.default_rng(0)
    draws = [
        statistic(rng.integers(0, sizes[0], sizes[0]), rng.integers(0, max(1, sizes[1]), sizes[1])) for _ in range(1000)
    ]
    return [round(float(q), 4) for q in np.quantile(draws, (0.025, 0.975))]


def paired(name: str, a: Statistic, b: Statistic, sizes: tuple[int, int]) -> dict[str, Any]:
    """Compute a minus b on all rows under `name`, and under `name`_ci its interval where a and b see the same draws."""
    every = (np.arange(sizes[0]), np.arange(sizes[1]))
    interval = bootstrap(lambda p, n: a(p, n) - b(p, n), sizes)
    return {name: round(a(*every) - b(*every), 4), f"{name}_ci": interval}


def share(name: str, values: Sequence[bool] | NDArray[np.bool_], digits: int = 4) -> dict[str, Any]:
    """Compute the share of true values under `name` and its interval under `name`_ci; both None for no values."""
    if not len(values):
        return {name: None, f"{name}_ci": None}
    given = np.asarray(values, np.float64)
    interval = bootstrap(lambda p, n: float(given[p].mean()), (len(given), 0))
    return {name: round(float(given.mean()), digits), f"{name}_ci": interval}


def operating_threshold(negatives: NDArray[np.float64], fpr: float) -> float:
    """Find the lowest threshold with at most floor(fpr * n) confidences of negatives strictly above it."""
    allowed = int(np.floor(fpr * len(negatives) + 1e-9))
    ordered = np.sort(negatives)[::-1]
    return float(ordered[allowed]) if allowed < len(ordered) else -np.inf


def tpr_at(
    hit: NDArray[np.bool_], confidence: NDArray[np.float64], negatives: NDArray[np.float64], fpr: float
) -> Statistic:
    """Return the true positive rate at a false positive rate, as a function of the rows that are drawn.

    Args:
        hit: Whether the answer of each positive is right.
        confidence: Confidence of each positive's answer.
        negatives: Confidence of each negative's answer.
        fpr: False positive rate that sets the threshold.
    """
    return lambda p, n: float((hit[p] & (confidence[p] > operating_threshold(negatives[n], fpr))).mean())


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Compute the 95 % interval of a share by Wilson's score, which is no point where there are no hits."""
    if n == 0:
        return 0.0, 1.0
    z = 1.96
    middle = (hits + z * z / 2) / (n + z * z)
    reach = z * math.sqrt(hits * (n - hits) / n + z * z / 4) / (n + z * z)
    return max(0.0, middle - reach), min(1.0, middle + reach)
