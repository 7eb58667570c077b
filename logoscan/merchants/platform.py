"""All merchants of a platform -> a merchant model adapted to it (empirical Bayes), and the share that one sells.

How many merchants sell counterfeits, which share of their listings these are, and how rare counterfeits are at all
differs between platforms by a factor of ten. The states of all merchants say it without a label: each merchant belongs
to a share of counterfeits with some probability, and the shares' frequencies are what makes the states most probable
(EM; Robbins, 1956). Stated priors keep few merchants near the shipped model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logoscan._validate import unit
from logoscan.errors import InputError
from logoscan.merchants.evidence_model import EvidenceModel
from logoscan.merchants.score import MerchantModel
from logoscan.merchants.state import MerchantState
from logoscan.odds import sigmoid

__all__ = ["fit_platform", "share_interval"]

Floats = NDArray[np.float64]

# Merchants that the shipped model is worth beside a platform's own, for the share of bad ones; and for each share of
# counterfeits among them.
_PRIOR_MERCHANTS, _PRIOR_BAD = 20.0, 2.0
_ROUNDS = 30
# Between what the share of bad merchants and the base rate of listings may end: what any platform has stated, and more.
_BAD_RANGE, _RATE_RANGE = (0.002, 0.3), (0.01, 0.3)
# Shares of which one merchant's posterior is taken.
_GRID = np.geomspace(1e-3, 0.99, 200)


def fit_platform(states: Iterable[MerchantState], *, prior: MerchantModel | None = None) -> MerchantModel:
    """Return a merchant model adapted to all merchants of a platform.

    Judge by `state.weighed(model.listings)`. The same states give the same model, in whatever order. Settled pieces do
    not count: of merchants whose table is full, only the pieces in it (`MerchantState.pieces_at`) teach anything.

    Args:
        states: States of all merchants, good and bad, or of a sample that is drawn from them alike.
        prior: The model to which few merchants keep; the shipped one if None.

    Raises:
        InputError: No state has a piece in its table.
    """
    prior = prior or MerchantModel()
    pieces = [p for state in states if len(p := state.pieces_at()[0])]
    if not pieces:
        raise InputError("states: expected those of a platform's merchants, got none with a judged listing")
    pieces.sort(key=lambda rows: (len(rows), rows.tolist()))
    listings = prior.listings
    before = _prior_weights(listings)
    bad, weights = sigmoid(prior.bias), before
    for _ in range(_ROUNDS):
        ratios = np.array([listings.log_ratios(rows).sum(axis=1) for rows in pieces])
        chance = _classes(ratios, bad, weights)
        of_bad = chance[:, 1:].sum(axis=0)
        bad = (float(of_bad.sum()) + _PRIOR_MERCHANTS * sigmoid(prior.bias)) / (len(pieces) + _PRIOR_MERCHANTS)
        bad = min(max(bad, _BAD_RANGE[0]), _BAD_RANGE[1])
        weights = (of_bad + _PRIOR_BAD * before) / (of_bad.sum() + _PRIOR_BAD)
        shares = chance @ np.array([listings.honest_share, *listings.shares])
        numbers = np.array([len(rows) for rows in pieces], np.float64)
        rate = float(numbers @ shares + _PRIOR_MERCHANTS * prior.listings.base_rate) / (
            float(numbers.sum()) + _PRIOR_MERCHANTS
        )
        rate = min(max(rate, _RATE_RANGE[0]), _RATE_RANGE[1])
        listings = replace(listings, base_rate=rate, weights=tuple(weights.tolist()))
    return replace(prior, bias=math.log(bad / (1.0 - bad)), listings=listings, name="merchant-platform")


def share_interval(
    state: MerchantState, model: MerchantModel | None = None, *, level: float = 0.9
) -> tuple[float, float, float]:
    """Return the share of counterfeits among a merchant's listings: low end, middle and high end of an interval.

    Three listings give a wide one, whatever they say; a merchant without a judged listing has that of the platform.
    Settled pieces do not count, so that a full table gives the interval of the pieces in it.

    Args:
        state: The merchant.
        model: The model, such as `fit_platform` returns; by default the stated priors.
        level: Probability that the share lies within, in [0, 1].

    Raises:
        InputError: `level` is no number in [0, 1].
        MismatchError: Pieces of the merchant were settled by another evidence model than the model's.
    """
    unit("share_interval", "level", level)
    model = model or MerchantModel(listings=state.evidence)
    listings = model.listings
    logits, weights = state.weighed(listings).pieces_at()
    # without slack, which protects from blame and would make each share too small
    base = math.log(listings.base_rate / (1.0 - listings.base_rate))
    above = np.expm1(np.clip(logits - base, -listings.cap, listings.cap))
    likelihood = np.log1p(np.multiply.outer(_GRID, above)) @ weights
    bad, honest = sigmoid(model.bias), listings.honest_share
    # a smooth prior around each share, on the logarithm of the share; honest merchants are nearly all of them
    centres = np.log(np.array([honest, *listings.shares]))
    spread = np.exp(-0.5 * ((np.log(_GRID)[:, None] - centres) / 0.4) ** 2)
    prior = (spread / spread.sum(axis=0)) @ np.array([1.0 - bad, *(bad * w for w in _prior_weights(listings))])
    chance = np.exp(likelihood - likelihood.max()) * prior
    below = np.cumsum(chance / chance.sum())
    rows = np.minimum(np.searchsorted(below, [(1.0 - level) / 2.0, 0.5, (1.0 + level) / 2.0]), len(_GRID) - 1)
    low, middle, high = _GRID[rows].tolist()
    return low, middle, high


def _prior_weights(listings: EvidenceModel) -> Floats:
    return np.array(listings.weights or [1.0 / len(listings.shares)] * len(listings.shares))


def _classes(ratios: Floats, bad: float, weights: Floats) -> Floats:
    """Return how probably each merchant is honest, and of each share, float64 (merchants, 1 + shares)."""
    logs: Sequence[Floats] = [np.full(len(ratios), math.log1p(-bad)), *(math.log(bad) + np.log(weights) + ratios).T]
    stacked = np.array(logs).T
    chance = np.exp(stacked - stacked.max(axis=1, keepdims=True))
    out: Floats = chance / chance.sum(axis=1, keepdims=True)
    return out
