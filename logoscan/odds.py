"""Probabilities as odds: the logistic function, and Bayes' rule with another prior."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BASE_RATE",
    "NAME_MISS_RATE",
    "SHOWN_SHARE",
    "USUAL_MISS_RATE",
    "log_odds",
    "revised",
    "sigmoid",
    "sigmoid_array",
]

# Logits beyond it are cut to it: no probability comes nearer to 0 than 7e-218, and nothing overflows.
_MOST_LOGIT = 500.0


def sigmoid(logit: float) -> float:
    """Return 1 / (1 + exp(-logit)), in [0, 1], without overflow."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    odds = math.exp(logit)
    return odds / (1.0 + odds)


def sigmoid_array(logits: ArrayLike) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-logit)) of each logit, float64 in (0, 1], without overflow."""
    cut = np.clip(np.asarray(logits, np.float64), -_MOST_LOGIT, _MOST_LOGIT)
    return np.asarray(1.0 / (1.0 + np.exp(-cut)))


BASE_RATE = 0.02
"""Prior probability that a photo or a text concerns a brand: evidence that leaves it there carries no information."""


def log_odds(p: float) -> float:
    """Return the natural logarithm of p / (1 - p), with p cut to [1e-9, 1 - 1e-9]."""
    p = min(max(p, 1e-9), 1.0 - 1e-9)
    return math.log(p / (1.0 - p))


def revised(probability: float, prior: float) -> float:
    """Return what a probability that assumes the prior `BASE_RATE` becomes under another prior, by Bayes' rule.

    Args:
        probability: In [0, 1]; 0 stays 0 and 1 stays 1.
        prior: In (0, 1), in place of `BASE_RATE`.
    """
    if probability in (0.0, 1.0):
        return probability
    return sigmoid(log_odds(probability) - log_odds(BASE_RATE) + log_odds(prior))


SHOWN_SHARE = 0.3
"""Share of photos that show some registered brand, in indexes of every size. Stated, not fitted."""
USUAL_MISS_RATE = 0.135
"""Prior share of photos with a brand's mark in which the mark is missed, for a brand of which no rate was measured.

It lies between what was measured on street photos (0.04 with logo images and photos, 0.08 with logo images alone) and
the 0.64 of small, compressed photos of goods: there the signal carries little information, and neither reviews nor
blocks by itself.
"""
NAME_MISS_RATE = 0.5
"""The miss rate of a brand that is registered by its name alone: its mark must be lettering, and legible."""
