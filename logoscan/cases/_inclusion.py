"""How probable it is that each candidate is bought: the arithmetic of a plan, on arrays alone.

A listing's size measure rises with the score's doubt about it, since a buy settles most there; an exploring share keeps
it above 0 for all. Each stratum gets its floor of expected buys, no seller more than its cap, and no probability
exceeds 1.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError

__all__ = ["Floats", "Ints", "inclusion_probabilities", "random_order"]

Floats: TypeAlias = NDArray[np.float64]
"""float64 (n,)."""
Ints: TypeAlias = NDArray[np.int64]
"""int64 (n,): numbers of strata or sellers, from 0."""

# Rounds of scaling; three are usual, and only sellers of several strata that are all short need more.
_ROUNDS = 100
# Expected buys by which a stratum or a plan may miss its target.
_TOLERANCE = 1e-9


def inclusion_probabilities(
    p: Floats,
    strata: Ints,
    sellers: Ints,
    budget: int,
    *,
    floor: int,
    explore: float,
    most_per_seller: int,
) -> Floats:
    """Return the probability with which each candidate is bought; the sum is the budget.

    The size measure is explore + (1 - explore) * d / mean(d) with d = sqrt(p(1 - p)). Strata whose share of the budget
    is below the floor get the floor, as far as their listings and the cap on sellers allow; the others share the rest.

    Args:
        p: Probability that each candidate is counterfeit, float64 (n,).
        strata: Stratum of each, int64 (n,).
        sellers: Seller of each, int64 (n,); an unknown seller has a number of its own.
        budget: Number of buys.
        floor: Expected buys that a stratum gets at least.
        explore: Share of the size measure that is equal for all, in (0, 1].
        most_per_seller: Most buys from one seller.

    Raises:
        InputError: The budget is below what the floors take, or above what the listings and the cap allow.
    """
    capacity = _capacity(strata, sellers, most_per_seller)
    least = np.minimum(capacity, floor)
    most = int(np.minimum(np.bincount(sellers), most_per_seller).sum())
    smallest = min(int(least.sum()), most)
    if budget < smallest:
        raise InputError(
            f"budget: expected {smallest} or more, {floor} for each of {len(least)} strata or all that it allows, "
            f"got {budget}"
        )
    if budget > most:
        raise InputError(
            f"budget: expected at most {most}, since {len(p)} candidates are on sale and {most_per_seller} are bought "
            f"from a seller at most, got {budget}"
        )
    doubt = np.sqrt(p * (1.0 - p))
    mean = float(doubt.mean())
    size = explore + (1.0 - explore) * doubt / mean if mean > 0 else np.ones(len(p))
    share = np.bincount(strata, size, len(least)).astype(np.float64)
    target = _targets(share, least, capacity, budget)
    return _scaled(size, strata, sellers, target, budget, most_per_seller)


def _capacity(strata: Ints, sellers: Ints, most_per_seller: int) -> Floats:
    """Return how many buys each stratum allows by itself."""
    pairs, counts = np.unique(strata * (int(sellers.max()) + 1) + sellers, return_counts=True)
    capped = np.minimum(counts, most_per_seller)
    return np.bincount(pairs // (int(sellers.max()) + 1), capped).astype(np.float64)


def _targets(share: Floats, least: Floats, most: Floats, budget: int) -> Floats:
    """Return the expected buys of each stratum: its share of the budget, held between its floor and what it allows."""
    low, high = 0.0, float((most / share).max())
    for _ in range(200):  # the bits of a double
        factor = (low + high) / 2
        if np.clip(factor * share, least, most).sum() < budget:
            low = factor
        else:
            high = factor
    return np.clip(high * share, least, most)


def _scaled(size: Floats, strata: Ints, sellers: Ints, target: Floats, budget: int, most_per_seller: int) -> Floats:
    """Return probabilities in proportion to the sizes within a stratum, at most 1, and at most the cap for a seller.

    Where sellers of several strata reach the cap, a stratum may stay below its target; the others then share the rest.
    """
    share = np.bincount(strata, size, len(target))
    smallest = np.full(len(target), np.inf)
    np.minimum.at(smallest, strata, size)
    factor = target / share
    for _ in range(_ROUNDS):
        pi = _capped(factor[strata] * size, sellers, most_per_seller)
        reached = np.bincount(strata, pi, len(target))
        if np.abs(reached - target).max() <= _TOLERANCE:
            return pi
        factor = np.minimum(factor * target / reached, 1.0 / smallest)  # from there on all of them are bought
    low, high = 1.0, 1.0
    weight = factor[strata] * size
    while _capped(high * weight, sellers, most_per_seller).sum() < budget - _TOLERANCE:
        low, high = high, 2.0 * high
    while high - low > _TOLERANCE * high:
        middle = (low + high) / 2
        below = _capped(middle * weight, sellers, most_per_seller).sum() < budget
        low, high = (middle, high) if below else (low, middle)
    return _capped(high * weight, sellers, most_per_seller)


def _capped(weight: Floats, sellers: Ints, most_per_seller: int) -> Floats:
    """Return weights as probabilities: at most 1, and those of a seller scaled down until their sum is its cap."""
    pi = np.minimum(weight, 1.0)
    total = np.bincount(sellers, pi)
    over = total > most_per_seller
    if over.any():
        pi *= np.where(over, most_per_seller / np.maximum(total, 1e-300), 1.0)[sellers]
    return pi


def random_order(strata: Ints, sellers: Ints, rng: np.random.Generator) -> Ints:
    """Return an order of the candidates for a systematic draw: at random, but the listings of a seller together.

    A systematic draw takes from neighbours whose probabilities sum to s the next whole number below or above s. So
    neither a seller nor a stratum gets far from its expected number: sellers of one stratum stand together, too.

    Args:
        strata: Stratum of each candidate, int64 (n,).
        sellers: Seller of each, int64 (n,).
        rng: What draws.
    """
    mixed = rng.permutation(len(strata))
    home = np.zeros(int(sellers.max()) + 1, np.int64)  # a seller of several strata stands in one of them
    home[sellers[mixed]] = strata[mixed]
    place = rng.permutation(int(strata.max()) + 1)
    rank = np.empty(len(home), np.int64)
    rank[np.lexsort((rng.random(len(home)), place[home]))] = np.arange(len(home))
    return mixed[np.argsort(rank[sellers[mixed]], kind="stable")]
