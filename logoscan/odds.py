"""Probabilities as odds: the logistic function, and Bayes' rule with another prior. Root module; imports nothing."""

from __future__ import annotations

import math

__all__ = ["BASE_RATE", "NAME_MISS_RATE", "USUAL_MISS_RATE", "log_odds", "revised", "sigmoid"]


def sigmoid(logit: float) -> float:
    """1 / (1 + exp(-logit)), without overflow, in [0, 1]."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    odds = math.exp(logit)
    return odds / (1.0 + odds)


BASE_RATE = 0.02
"""Probability at which a witness says nothing."""


def log_odds(p: float) -> float:
    """Natural logarithm of p / (1 - p), with p held to [1e-9, 1 - 1e-9]."""
    p = min(max(p, 1e-9), 1.0 - 1e-9)
    return math.log(p / (1.0 - p))


def revised(probability: float, prior: float) -> float:
    """A probability that was found with the base rate in mind, with another prior, by Bayes' rule.

    Args:
        probability: In [0, 1]; 0 stays 0 and 1 stays 1.
        prior: In (0, 1), in place of `BASE_RATE`.
    """
    if probability in (0.0, 1.0):
        return probability
    return sigmoid(log_odds(probability) - log_odds(BASE_RATE) + log_odds(prior))


USUAL_MISS_RATE = 0.135
"""Share of photos with a brand's mark in which it is not seen at all, where nothing is known of the brand. A prior,
between what was measured on street photos (0.04 by drawings and photos, 0.08 by drawings alone) and the 0.64 of small,
compressed photos of goods: there this signal says little, and neither reviews nor blocks by itself."""
NAME_MISS_RATE = 0.5
"""The miss rate of a brand that is registered by its name alone: its mark must be lettering, and legible."""
