"""A merchant's listings and the platform's own facts -> one score from 0 to 100 whose reasons sum to it exactly.

The score says how probable it is that this merchant sells counterfeits: 100 * sigmoid(bias + sum of contributions).
`evidence_model` says how listings become evidence.

The number says whom a person should look at first, and its reasons say why. All its coefficients are stated priors, not
fitted to data: it ranks, and 80 does not mean that four of five such merchants sell counterfeits. It must not be used

- alone, to suspend or accuse anyone: an honest shop whose photos were copied, or that a supplier deceived, looks alike.
  Even at "block" a person opens the listings in `worst` first;
- twice: a removal that followed from this score is no takedown to feed back, and a buyer who complained in a review and
  to the platform is one piece of evidence, though the sum counts two;
- as a certificate: a merchant about whom nothing is known has the bias' score, and clean listings are cheap to post;
- beside the score of another model (`MerchantScore.model`), or of listings that other score models judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from logoscan._hashing import fingerprint
from logoscan._quote import listed
from logoscan._validate import band_limits, finite, not_negative
from logoscan.errors import InputError, MismatchError
from logoscan.merchants.evidence_model import EvidenceModel
from logoscan.merchants.facts import FACT_NUMBERS, MerchantFacts, fact_strengths, plural
from logoscan.merchants.state import MerchantState, iso_time, seconds
from logoscan.odds import sigmoid
from logoscan.results import Report
from logoscan.types import Band

__all__ = [
    "MERCHANT_PRIOR",
    "MerchantContribution",
    "MerchantModel",
    "MerchantScore",
    "score_merchant",
]

LISTINGS, RING = "listings", "ring"
"""Names of the contribution that all listings make together, and of that of a ring."""

MERCHANT_PRIOR: Mapping[str, float] = MappingProxyType(
    {
        "refunds": 2.0,  # "not as described" has many harmless causes: sizes, colours, slow parcels
        "complaints": 4.0,  # buyers say "fake" of genuine goods too; many of them together are seldom wrong
        "takedowns": 5.0,  # an upheld removal is the best label there is
        "account_age": 1.0,  # sellers of fakes open new accounts, and so does every honest beginner
        "identity": 1.0,
        "ring": 3.5,  # alone a review; other accounts' evidence never blocks this one (`score_merchant`)
        "review_manipulation": 1.0,  # paid praise hides complaints, and honest shops buy it too
    }
)


@dataclass(frozen=True)
class MerchantContribution:
    """One reason with what it adds to the log-odds (natural logarithm)."""

    name: str
    contribution: float
    why: str

    def __post_init__(self) -> None:
        finite(f"MerchantContribution {self.name}", "contribution", self.contribution)


@dataclass(frozen=True)
class MerchantScore:
    """The score of one merchant: with the stated priors it ranks merchants and is no measured probability.

    Attributes:
        seller_id: Id of the merchant; None where there was no report.
        value: 100 * sigmoid(bias + sum of contributions), in [0, 100]. Where nothing is known, that of the bias alone.
        band: "clear", "review" (a person should look) or "block" (before others, and with more than prices and platform
            rates to show).
        bias: Log-odds before any evidence.
        contributions: What was judged, largest first.
        listings: Number of reports that were judged, with copies; a listing scanned twice counts twice.
        pieces: Number of independent pieces of evidence among them.
        worst: Ids of the listings that speak against the merchant most, the worst first; the first 96 characters of
            each.
        model: Name and version of the merchant model.
        at: When it was judged, ISO 8601; None where there was no report and no time given.
    """

    seller_id: str | None
    value: float
    band: Band
    bias: float
    contributions: tuple[MerchantContribution, ...]
    listings: int
    pieces: int
    worst: tuple[str, ...]
    model: str
    at: str | None

    def __post_init__(self) -> None:
        if not 0 <= self.pieces <= self.listings:
            raise InputError(f"MerchantScore.pieces: expected 0 to {self.listings}, got {self.pieces!r}")
        finite("MerchantScore", "bias", self.bias)
        exact = 100.0 * sigmoid(self.bias + math.fsum(c.contribution for c in self.contributions))
        if not abs(self.value - exact) <= 1e-9:  # NaN fails too
            raise InputError(
                f"MerchantScore.value: expected {exact!r}, the sum of its contributions, got {self.value!r}"
            )


@dataclass(frozen=True)
class MerchantModel:
    """An additive score of a merchant on the log-odds.

    Attributes:
        bias: Log-odds of a merchant about whom nothing is known: 1.8 %, a stated prior.
        listings: How listings become evidence.
        coefficients: The most that each fact can add; at least 0.
        review_from: Score from which the band is "review", in (0, 100).
        block_from: Score from which the band is "block", given a listing that points at counterfeits or a takedown, and
            given that the score also reaches it without a ring, and with each set of photos counted once, under however
            many titles.
        name: Name that goes into the version.
    """

    bias: float = -4.0
    listings: EvidenceModel = field(default_factory=EvidenceModel)
    coefficients: Mapping[str, float] = field(default_factory=lambda: dict(MERCHANT_PRIOR))
    review_from: float = 30.0
    block_from: float = 80.0
    name: str = "merchant-prior"

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", {k: float(v) for k, v in self.coefficients.items()})
        for name in ("bias", "review_from", "block_from"):  # 30 and 30.0 must make one version
            object.__setattr__(self, name, float(getattr(self, name)))
        finite("MerchantModel", "bias", self.bias)
        if set(self.coefficients) != set(MERCHANT_PRIOR):
            raise InputError(
                f"MerchantModel.coefficients: expected {sorted(MERCHANT_PRIOR)}, got "
                f"[{listed(map(repr, sorted(self.coefficients)))}]"
            )
        for key, value in self.coefficients.items():
            not_negative("MerchantModel", key, value)
        band_limits("MerchantModel", self.review_from, self.block_from)

    @property
    def version(self) -> str:
        """Name and 8 hex digits over the numbers."""
        numbers = (self.bias, self.listings, sorted(self.coefficients.items()), self.review_from, self.block_from)
        return f"{self.name}@{fingerprint(numbers, FACT_NUMBERS, digits=8)}"

    def judge_facts(self, facts: MerchantFacts) -> list[MerchantContribution]:
        """Return what each known fact adds: 0 or more. A share of orders needs the number of orders."""
        strengths = fact_strengths(facts)
        return [MerchantContribution(name, self.coefficients[name] * value, why) for name, value, why in strengths]


def score_merchant(
    evidence: MerchantState | Iterable[Report],
    facts: MerchantFacts | None = None,
    *,
    model: MerchantModel | None = None,
    at: str | datetime | None = None,
) -> MerchantScore:
    """Return the score of one merchant.

    The score asks whether this merchant sells counterfeits. Listings that share a main photo count once, by the worst.
    So 200 copies of one bad listing weigh as much as one. More bad photos weigh more, and 200 bad ones among 400 are
    decisive. A photo that many listings share does not hide those that speak against the merchant; clean listings with
    one main photo speak for the merchant once. Beyond 1,000 photos the state is approximate.

    Args:
        evidence: Reports of this merchant's listings, or the state of a stream of them.
        facts: What the platform knows besides.
        model: The model; by default the stated priors, with the state's own evidence model.
        at: Time to judge at; by default that of the newest report. Reports after it count in full.

    Raises:
        InputError: Reports of two merchants, or without a seller.
        MismatchError: The state weighs listings in another way than the model.

    Example:
        >>> merchant = score_merchant([], MerchantFacts(orders=400, refunds=36))
        >>> round(merchant.value, 1), [c.name for c in merchant.contributions]
        (5.9, ['refunds'])
    """
    if isinstance(evidence, MerchantState):
        state = evidence
        model = MerchantModel(listings=state.evidence) if model is None else model
        if state.evidence != model.listings:
            raise MismatchError(f"the state weighs listings by {state.evidence}, the model by {model.listings}")
    else:
        model = MerchantModel() if model is None else model
        state = MerchantState(model.listings)
        for report in evidence:
            state.add(report)
    at_s = state.newest_s if at is None else seconds(at)
    parts = model.judge_facts(facts) if facts is not None else []
    plain = model.bias + math.fsum(p.contribution for p in parts if p.name != RING)
    if state.pieces and at_s is not None:
        ratio, once = state.log_ratio(at_s), state.log_ratio(at_s, titles=False)
        against = state.against
        pieces = f"{against} of {state.pieces} independent {plural('piece', state.pieces)} of evidence"
        speak = f"{'speaks' if against == 1 else 'speak'} for counterfeits"
        more = "; the same photos under several titles count as several" if ratio > once else ""
        why = f"{pieces}, from {state.reports} {plural('report', state.reports)}, {speak}{more}."
        parts.append(MerchantContribution(LISTINGS, ratio, why))
        plain += once
    parts.sort(key=lambda p: (-p.contribution, p.name))
    value = 100.0 * sigmoid(model.bias + math.fsum(p.contribution for p in parts))
    added = {p.name: p.contribution for p in parts}
    proven = (state.pointed and added.get(LISTINGS, 0.0) > 0) or added.get("takedowns", 0.0) > 0
    band: Band = "clear" if value < model.review_from else "review"
    # titles of one set of photos never block, nor does a ring
    if min(value, 100.0 * sigmoid(plain)) >= model.block_from and proven:
        band = "block"
    when = None if at_s is None else iso_time(at_s)
    return MerchantScore(
        state.seller_id, value, band, model.bias, tuple(parts), state.reports, state.pieces, state.worst,
        model.version, when,
    )  # fmt: skip
