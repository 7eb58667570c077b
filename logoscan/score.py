"""Signals -> a score from 0 to 100 whose reasons sum to it exactly, and a band.

100 * sigmoid(bias + sum of coefficient * signal). The default coefficients are stated priors, not fitted to data.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from logoscan.errors import InputError
from logoscan.results import Contribution, Score, Signal, sigmoid
from logoscan.types import Band

__all__ = ["PRIOR", "PRIOR_BIAS", "ScoreModel"]

PRIOR_BIAS = -4.0
"""Log-odds of a listing of which nothing speaks: 1.8 %, within the 1-5 % that marketplaces state for counterfeits."""

PRIOR: Mapping[str, float] = MappingProxyType(
    {
        "low_price": 4.0,  # alone brings an unmistakable outlier to even odds, never further
        "seller_not_authorised": 2.0,  # most resale is honest: suspicious only with something else
        "shown_not_claimed": 2.5,  # hiding a brand from text search is a known evasion, and a common sloppiness
        "claims_another_brand": 3.0,
        "coded_terms": 5.0,  # "replica" with a brand's name is seldom anything else; the context is in its value
        "lookalike_text": 5.0,  # nobody prints ADIBAS by accident; the reading may be wrong, and its value says so
    }
)
_PRICE_SIGNALS = frozenset({"low_price"})
"""Signals that are not enough for "block": a price is a reason to look, not a proof."""


@dataclass(frozen=True)
class ScoreModel:
    """An additive score on the log-odds.

    Attributes:
        bias: Log-odds before any signal.
        coefficients: What a signal of 1 adds; at least 0, so that suspicion only rises.
        review_from: Score from which the band is "review", in (0, 100).
        block_from: Score from which the band is "block", given a non-price signal that contributes.
        min_coverage: A brand that is shown goes to review where less than this could be judged.
        name: Goes into reports, with a hash of the numbers.
    """

    bias: float = PRIOR_BIAS
    coefficients: Mapping[str, float] = field(default_factory=lambda: dict(PRIOR))
    review_from: float = 30.0
    block_from: float = 80.0
    min_coverage: float = 0.5
    name: str = "prior"

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", dict(self.coefficients))
        if not math.isfinite(self.bias):
            raise InputError(f"ScoreModel.bias: expected a finite number, got {self.bias!r}")
        for key, value in self.coefficients.items():
            if not math.isfinite(value) or value < 0:
                raise InputError(f"ScoreModel.{key}: expected a finite number, 0 or more, got {value!r}")
        if not 0 < self.review_from <= self.block_from < 100:
            raise InputError(
                "ScoreModel: expected 0 < review_from <= block_from < 100, "
                f"got {self.review_from!r} and {self.block_from!r}"
            )
        if not 0 <= self.min_coverage <= 1:
            raise InputError(f"ScoreModel.min_coverage: expected a share in [0, 1], got {self.min_coverage!r}")

    @property
    def version(self) -> str:
        """Name and 8 hex digits over the numbers."""
        numbers = (self.bias, sorted(self.coefficients.items()), self.review_from, self.block_from, self.min_coverage)
        return f"{self.name}@{hashlib.sha256(repr(numbers).encode()).hexdigest()[:8]}"

    def score(self, brand: str, signals: Sequence[Signal], *, shown: float | None = None) -> Score:
        """Score one candidate brand.

        Args:
            brand: The candidate.
            signals: Those that could be computed, each name at most once.
            shown: Probability that the photos show the brand, for the band alone.

        Raises:
            InputError: A signal comes twice or has no coefficient.
        """
        names = [s.name for s in signals]
        if len(set(names)) != len(names):
            raise InputError(f"signals: expected each name once, got {names}")
        unknown = set(names) - set(self.coefficients)
        if unknown:
            raise InputError(f"signals: expected those with a coefficient, got {sorted(unknown)}")
        parts = [Contribution(s.name, s.value, self.coefficients[s.name] * s.value, s.why) for s in signals]
        parts.sort(key=lambda p: (-p.contribution, p.signal))
        value = 100.0 * sigmoid(self.bias + math.fsum(p.contribution for p in parts))
        whole = math.fsum(self.coefficients.values())
        coverage = math.fsum(self.coefficients[n] for n in names) / whole if whole else 0.0
        coverage = min(1.0, coverage)
        return Score(
            value, self._band(value, parts, coverage, shown), brand, self.bias, tuple(parts), coverage, self.version
        )

    def nothing(self) -> Score:
        """The score of a listing without a candidate brand: no value, band clear."""
        return Score(None, "clear", None, self.bias, (), 0.0, self.version)

    def _band(self, value: float, parts: Sequence[Contribution], coverage: float, shown: float | None) -> Band:
        beyond_price = any(p.contribution > 0 and p.signal not in _PRICE_SIGNALS for p in parts)
        if value >= self.block_from and beyond_price:
            return "block"
        unjudged = shown is not None and shown >= 0.5 and coverage < self.min_coverage
        return "review" if value >= self.review_from or unjudged else "clear"
