"""Signals -> a score from 0 to 100 whose reasons sum to it exactly, and a band.

The score is 100 * sigmoid(bias + sum of shape(signal)): additive on the log-odds, each shape monotone and bounded, no
interactions. The default shapes are stated priors, not fitted to data; `ScoreModel.fit` fits them to labels.

The number says which listings a person should look at first, and its reasons say why. It must not be taken

- for a probability, unless it was fitted to labels of the very stream that it judges, and is checked against new ones;
- for proof: nobody held the goods. The score alone accuses no seller. `block_from` of the priors is no stated
  precision; `ScoreModel.with_bands` finds one that is;
- for a certificate: what is absent adds nothing, so a low score with a low `coverage` means little, and no score means
  only that no registered brand was found;
- for one scale across models: scores compare within one `Score.model`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

from logoscan._hashing import fingerprint
from logoscan._quote import quoted
from logoscan._validate import band_limits, finite, unit
from logoscan.errors import InputError
from logoscan.io.records import read_record, write_record
from logoscan.odds import sigmoid
from logoscan.results import Contribution, Report, Score, Signal
from logoscan.scoring.credits import CREDIT
from logoscan.types import Band

__all__ = ["NO_PROOF", "PRICE_SIGNALS", "PRIOR", "PRIOR_BIAS", "ScoreModel", "linear"]

PRIOR_BIAS = -5.0
"""Log-odds of a listing without any signal: 0.7 %. Marketplaces state 1-5 % of counterfeits, and most of those have
some signal."""

PRIOR: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        # The log of how much more often a counterfeit shows the signal than a genuine listing, at evenly spaced values
        # of the signal from 0 to 1. Round numbers, by judgement, checked in three simulated worlds.
        "low_price": (0.0, 1.2, 2.2, 3.0, 3.7),  # alone brings an unmistakable outlier to one in five: a reason to look
        "seller_not_authorised": (0.0, 1.0),  # most resale is honest: suspicious only with something else
        "unlikely_origin": (0.0, 0.7),  # genuine goods are traded across borders all the time
        # hiding a brand from text search is a known evasion, and a common sloppiness; half a sign is nearly as good
        "shown_not_claimed": (0.0, 1.2, 2.0, 2.0, 2.0),
        # a mark that the listing disowns; photos hold other things too, and a weak likeness is mostly another mark
        "claims_another_brand": (0.0, 0.4, 1.1, 1.8, 2.5),
        # the mark is hidden, or the search missed it: ln(1 / `odds.USUAL_MISS_RATE`) is the most that it is worth
        "claimed_not_shown": (0.0, 0.25, 0.55, 1.0, 2.0),
        "altered_logo": (0.0, 2.0),  # makers do not mirror or stretch their marks; the check errs on folds and wear
        "coded_terms": (0.0, 4.5),  # "replica" with a brand's name seldom means else; its value knows the context
        "lookalike_text": (0.0, 5.0),  # nobody prints ADIBAS by accident; its value allows for reading errors
        "contradicts_facts": (0.0, 2.5),  # the maker says otherwise; sellers fill in forms carelessly
        "review_complaints": (0.0, 4.5),  # buyers held it in their hands; some are wrong, some are rivals
        # who copies photos may not have the goods; the one who was copied looks the same
        "copied_photo": (0.0, 2.5, 3.5, 4.2, 5.0),
        "withheld": (0.0, 2.0),  # garbled fields cannot be judged; most garbling is an accident
        "code_contradicts": (0.0, 3.0),  # the maker's own facts say otherwise; goods beside it, retailers' own labels
        "contact_diversion": (0.0, 1.5),  # trading past the platform is forbidden, and mostly to save its fee
        "photo_contradicts": (0.0, 2.0),  # the photo shows other goods; sellers reuse photos of another size
        "declared_ai": (0.0, 0.7),  # the photo does not show the goods; makers and honest sellers use AI, too
        # In favour, within `credits.CREDIT`, by judgement, checked in drawn simulated worlds. What anyone can assert
        # clears nothing (`credits.ASSERTED`), however much it lowers the number.
        "authorised_seller": (0.0, -1.9),
        "usual_price": (0.0, -0.2),
        "brand_shown": (0.0, -0.5),
        "official_photo": (0.0, -0.5),
        # 95 % of honest sellers and 30 % of others answer: ln(0.95 / 0.3) is 1.15, an assumption
        "own_photo": (0.0, -1.0),
        "good_reviews": (0.0, -0.3, -0.9, -1.6, -1.6),
    }
)
PRICE_SIGNALS = frozenset({"low_price"})
"""Signals about the price, which is a reason to look and no proof."""
_FURTHER = frozenset({"code_contradicts", "contact_diversion", "declared_ai", "photo_contradicts"})
NO_PROOF = PRICE_SIGNALS | _FURTHER | {
    "claimed_not_shown", "copied_photo", "review_complaints", "unlikely_origin", "withheld"
}  # fmt: skip
"""Signals that are not enough for "block", even together: a price, where goods come from, what the library may have
missed itself, what third parties can do to an honest seller, what is not known, and what codes, contacts, small print
and files say beside the mark."""
# Signals that do not count as judged at 0: neither the absence of complaints and of copies nor a usual country is
# evidence of innocence, and a seller can bring them about by a review, a fresh photo or a word.
_JUDGED_IF_POSITIVE = frozenset({"copied_photo", "review_complaints", "unlikely_origin"})
# What is withheld was not judged at all, and what speaks in favour is judged by the signals against; most listings have
# no code, contact or print that could be judged, so that theirs must not count as less judged.
_NEVER_JUDGED = _FURTHER | {"withheld"} | CREDIT.keys()
# Largest value of a shape: far beyond any evidence, and far from where sums overflow.
_MAX_SHAPE = 1000.0


def _check_credit(key: str, shape: tuple[float, ...]) -> None:
    if len(shape) < 2 or shape[0] != 0 or any(a < b for a, b in pairwise(shape)) or shape[-1] < -CREDIT[key]:
        raise InputError(
            f"ScoreModel.shapes {key}: expected two or more numbers that begin with 0, never rise and end at "
            f"{-CREDIT[key]:g} or more, got {quoted(shape)}"
        )


def linear(coefficients: Mapping[str, float]) -> dict[str, tuple[float, ...]]:
    """Return straight shapes: each signal adds its coefficient times its value."""
    return {name: (0.0, float(value)) for name, value in coefficients.items()}


@dataclass(frozen=True)
class ScoreModel:
    """An additive score on the log-odds.

    Attributes:
        bias: Log-odds before any signal.
        shapes: What each signal adds at evenly spaced values from 0 to 1, straight lines in between. A shape begins
            with 0 and never falls, so that suspicion only rises and what is absent never counts against anyone; that of
            a credit never rises, and falls no further than `credits.CREDIT` says.
        review_from: Score from which the band is "review", in (0, 100).
        block_from: Score from which the band is "block", given a signal beyond `NO_PROOF` that contributes.
        min_coverage: A brand that is shown goes to review where less than this could be judged.
        name: Name that goes into reports, with a hash of the numbers.
    """

    bias: float = PRIOR_BIAS
    shapes: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: dict(PRIOR))
    review_from: float = 20.0
    block_from: float = 80.0
    min_coverage: float = 0.3
    name: str = "prior"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shapes", {k: tuple(map(float, v)) for k, v in self.shapes.items()})
        for name in ("bias", "review_from", "block_from", "min_coverage"):  # 30 and 30.0 must make one version
            object.__setattr__(self, name, float(getattr(self, name)))
        finite("ScoreModel", "bias", self.bias)
        for key, shape in self.shapes.items():
            if key in CREDIT:
                _check_credit(key, shape)
                continue
            rises = len(shape) > 1 and shape[0] == 0 and all(a <= b for a, b in pairwise(shape))
            if not (rises and shape[-1] <= _MAX_SHAPE):
                raise InputError(
                    f"ScoreModel.shapes {key}: expected two or more numbers that begin with 0, never fall and end at "
                    f"{_MAX_SHAPE:.0f} or less, got {quoted(shape)}"
                )
        band_limits("ScoreModel", self.review_from, self.block_from)
        unit("ScoreModel", "min_coverage", self.min_coverage)

    @cached_property
    def version(self) -> str:
        """Name and 8 hex digits over the numbers."""
        numbers = (self.bias, sorted(self.shapes.items()), self.review_from, self.block_from, self.min_coverage)
        return f"{self.name}@{fingerprint(*numbers, digits=8)}"

    @cached_property
    def _total(self) -> float:
        """What all signals together can add."""
        return math.fsum(shape[-1] for name, shape in self.shapes.items() if name not in _NEVER_JUDGED)

    def contribution(self, signal: str, value: float) -> float:
        """Return what a signal of a value in [0, 1] adds to the log-odds."""
        shape = self.shapes[signal]
        position = value * (len(shape) - 1)
        piece = min(int(position), len(shape) - 2)
        low, high = shape[piece], shape[piece + 1]
        between = low + (high - low) * (position - piece)
        return max(high, between) if high < low else min(high, between)  # rounding must not pass the next piece

    def score(
        self,
        brand: str,
        signals: Sequence[Signal],
        *,
        shown: float | None = None,
        doubts: Sequence[str] = (),
        unreadable_share: float = 0.0,
    ) -> Score:
        """Return the score of one candidate brand.

        Args:
            brand: The candidate.
            signals: Signals that could be computed, each name at most once.
            shown: Probability that the photos show the brand, for the band alone.
            doubts: Reasons why a person should look, whatever the number; with any the band is not clear.
            unreadable_share: Share of the text in the photos that no engine could read: as far as that goes, it was not
                judged whether the brand is missing in them.

        Raises:
            InputError: A signal comes twice or has no shape.

        Example:
            >>> score = ScoreModel().score("Acme", [Signal("low_price", 1.0, "17.50 EUR, usually 110.49 EUR")])
            >>> round(score.value, 1), score.band
            (21.4, 'review')
            >>> round(100 * sigmoid(score.bias + sum(c.contribution for c in score.contributions)), 1)
            21.4
        """
        names = [s.name for s in signals]
        if len(set(names)) != len(names):
            raise InputError(f"signals: expected each name once, got {names}")
        unknown = set(names) - set(self.shapes)
        if unknown:
            raise InputError(f"signals: expected those with a shape, got {sorted(unknown)}")
        parts = [Contribution(s.name, s.value, self.contribution(s.name, s.value), s.why) for s in signals]
        parts.sort(key=lambda p: (-p.contribution, p.signal))
        value = 100.0 * sigmoid(self.bias + math.fsum(p.contribution for p in parts))
        judged = math.fsum(
            self.shapes[s.name][-1] * (1.0 - unreadable_share if s.name == "claimed_not_shown" else 1.0)
            for s in signals
            if s.name not in _NEVER_JUDGED and (s.value > 0 or s.name not in _JUDGED_IF_POSITIVE)
        )
        coverage = min(1.0, judged / self._total) if self._total else 0.0
        band = self.band(value, parts, in_doubt=bool(doubts) or self.unjudged(coverage, shown))
        return Score(value, band, brand, self.bias, tuple(parts), coverage, self.version, tuple(doubts))

    def nothing(self, *, complete: bool = True) -> Score:
        """Return the score of a listing without a candidate brand: no value, and a band.

        Args:
            complete: Whether everything was looked at. If so, the band is clear; else a brand may be there, and the
                band is review.
        """
        return Score(None, "clear" if complete else "review", None, self.bias, (), 0.0, self.version)

    def rejudge(self, report: Report) -> Report:
        """Return a report judged by this model: the same signals, another number, band and contributions.

        The model that made the report gives an equal report. A report has the signals of one candidate, its strictest;
        where it has others, `skipped` says that they were not judged again. The doubts of the report stay, because what
        the new model would doubt is not in it, and what could not be looked at is never cleared (`scoring.rejudge`).
        For new brands, names and prices judge stored features again (`Scanner.rejudge`).

        Raises:
            InputError: A signal of the report that is no credit has no shape in this model.
        """
        from logoscan.scoring.rejudge import rejudge

        return rejudge(self, report)

    def unjudged(self, coverage: float, shown: float | None) -> bool:
        """Return whether a brand is shown, more probably than not, and too little of it could be judged."""
        return shown is not None and shown >= 0.5 and coverage < self.min_coverage

    def band(self, value: float, parts: Sequence[Contribution], *, in_doubt: bool = False) -> Band:
        """Return the band of a score.

        Args:
            value: The score, in [0, 100].
            parts: Reasons of the score; without one beyond `NO_PROOF` it is never "block", whatever was fitted.
            in_doubt: Whether a person should look, whatever the number.
        """
        proven = any(p.contribution > 0 and p.signal not in NO_PROOF for p in parts)
        if value >= self.block_from and proven:
            return "block"
        return "review" if value >= self.review_from or in_doubt else "clear"

    def fit(
        self,
        reports: Sequence[Report | Score],
        labels: Sequence[bool],
        *,
        weights: Sequence[float] | None = None,
        name: str = "fitted",
    ) -> ScoreModel:
        """Return a model fitted to labelled reports, held to this one where they are few (`fit.fit_scores`)."""
        from logoscan.scoring.fit import fit_scores

        return fit_scores(reports, labels, prior=self, weights=weights, name=name)

    def with_bands(
        self,
        reports: Sequence[Report | Score],
        labels: Sequence[bool],
        *,
        block_precision: float | None = None,
        review_share: float | None = None,
        weights: Sequence[float] | None = None,
        stream: Sequence[Report | Score] | None = None,
    ) -> ScoreModel:
        """Return this model with bands for a stated precision or review budget (`fit_bands.with_bands`)."""
        from logoscan.scoring.fit_bands import with_bands

        return with_bands(
            self, reports, labels, block_precision=block_precision, review_share=review_share, weights=weights,
            stream=stream,
        )  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write one JSON file, atomically."""
        write_record(Path(path), self)

    @classmethod
    def load(cls, path: str | Path) -> ScoreModel:
        """Read what `save` wrote.

        Raises:
            CorruptFileError: It is something else, altered or truncated.
        """
        return read_record(cls, Path(path))
