"""What the photos say, gathered for each brand: the surest match and the surest word, as one probability."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from logoscan.results import sigmoid
from logoscan.types import BrandMention, Match

__all__ = ["BASE_RATE", "BrandEvidence", "gather", "revised", "together"]

BASE_RATE = 0.02
"""Probability at which a witness says nothing."""


@dataclass(frozen=True)
class BrandEvidence:
    """How surely the photos show one brand.

    Attributes:
        brand: Registered name.
        logo: Probability by its logo, its look and its points together; None where no calibrated match was made.
        text: Probability by its name read in the photos; 0 where it was not read.
    """

    brand: str
    logo: float | None
    text: float

    @property
    def shown(self) -> float | None:
        """Both witnesses together, see `together`. None where there is neither."""
        if self.logo is None:
            return self.text or None
        return together(self.logo, self.text)


def together(*witnesses: float) -> float:
    """Probability by independent witnesses, by Bayes' rule: what each adds to the base rate's log-odds adds up.

    A witness below the base rate takes nothing away, since the eye and the reader both miss much; so the result is at
    least the largest of them, and two weak witnesses that agree are a strong one.

    Args:
        witnesses: The probability by each, in [0, 1]; one at least.
    """
    gains = [max(0.0, _log_odds(p) - _log_odds(BASE_RATE)) for p in witnesses]
    if sum(gain > 0.0 for gain in gains) < 2:
        return max(witnesses)
    return max(*witnesses, 1.0 / (1.0 + math.exp(-(_log_odds(BASE_RATE) + sum(gains)))))


def _log_odds(p: float) -> float:
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
    return sigmoid(_log_odds(probability) - _log_odds(BASE_RATE) + _log_odds(prior))


def gather(matches: Iterable[Match], mentions: Iterable[BrandMention]) -> dict[str, BrandEvidence]:
    """Evidence for each brand that is matched or read in the photos. Titles do not count, nor does "for BRAND".

    The best match and the best word stand for a brand: several photos of one thing are no independent witnesses.
    """
    looks: dict[str, dict[bool, float]] = {}
    text: dict[str, float] = {}
    for match in matches:
        known = looks.setdefault(match.brand, {})
        if match.probability is not None:
            by_points = match.points > 0
            known[by_points] = max(known.get(by_points, 0.0), match.probability)
    for mention in mentions:
        if mention.source.startswith("image:") and mention.kind in ("exact", "near", "partial"):
            text[mention.brand] = max(text.get(mention.brand, 0.0), mention.probability)
    logo = {brand: together(*known.values()) if known else None for brand, known in looks.items()}
    return {
        name: BrandEvidence(name, logo.get(name), text.get(name, 0.0)) for name in sorted(logo.keys() | text.keys())
    }
