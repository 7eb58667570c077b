"""One record for each decision about a listing, for a service's log: what was decided and by which signals.

It holds no words of the listing, no seller and no photo: the log of a service is read by many and kept for long.

    scanner = Scanner.default("brands/", on_decision=log_decision)
    logging.getLogger("logoscan.decisions").setLevel(logging.INFO)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from logoscan.io.records import to_json
from logoscan.results import Report
from logoscan.types import Band

T = TypeVar("T")

__all__ = ["Decision", "DecisionRecord", "OnDecision", "announce", "announce_all", "log_decision"]

Decision: TypeAlias = Literal["allow", "hold", "block"]
"""What a screening says of a listing: it may be posted, a person must look at it, or it may not."""

# Least that a signal added to be named: less changes no score visibly.
_LEAST = 0.01

logger = logging.getLogger(__name__)
# The one logger of decisions, so that a service can send them elsewhere than the other lines.
_decisions = logging.getLogger("logoscan.decisions")


@dataclass(frozen=True)
class DecisionRecord:
    """One decision, without personal data.

    Attributes:
        listing_id: Identifier of the listing.
        decision: "allow", "hold" or "block"; None of a scan or `rejudge`, which gives a band alone.
        band: "clear", "review" or "block".
        score: Score in [0, 100]; None where no brand is a candidate.
        brand: The candidate brand of the score, as it is registered; None where there is none.
        reasons: What each signal added to the log-odds, by its name; those that added less than 0.01 are left out.
        seconds: Duration of the decision; of a listing that was scanned in a batch, its share of the batch's.
        timed_out: Whether a screening left out, for its deadline, what could have changed it; None of a scan.
    """

    listing_id: str
    decision: Decision | None
    band: Band
    score: float | None
    brand: str | None
    reasons: Mapping[str, float]
    seconds: float
    timed_out: bool | None

    @classmethod
    def of(
        cls, report: Report, seconds: float, decision: Decision | None = None, timed_out: bool | None = None
    ) -> DecisionRecord:
        """Return the record of a report."""
        score = report.score
        reasons = {part.signal: part.contribution for part in score.contributions if part.contribution >= _LEAST}
        return cls(report.listing_id, decision, score.band, score.value, score.brand, reasons, seconds, timed_out)


OnDecision: TypeAlias = Callable[[DecisionRecord], None]
"""Called with each decision once it is made; by several threads at a time where a scan uses several."""


def log_decision(record: DecisionRecord) -> None:
    """Log a decision as one line of JSON, at level INFO, to the logger "logoscan.decisions"."""
    if _decisions.isEnabledFor(logging.INFO):
        _decisions.info("%s", to_json(record))


def announce(on_decision: OnDecision | None, record: DecisionRecord) -> None:
    """Call `on_decision`, where there is one; what it raises is logged and costs nothing else."""
    if on_decision is not None:
        try:
            on_decision(record)
        except Exception:
            logger.exception("on_decision failed for listing %r", record.listing_id[:80])


def announce_all(
    reports: Iterator[tuple[Report, T]], count: int, on_decision: OnDecision | None
) -> Iterator[tuple[Report, T]]:
    """Yield the reports of a batch with what belongs to each, and announce the decision of each.

    Args:
        reports: Reports that are made as they are drawn, together, each with what belongs to it.
        count: Number of the listings, which share the seconds of the batch.
        on_decision: Called with each decision; None leaves the reports as they are.
    """
    if on_decision is None:
        yield from reports
        return
    start = time.perf_counter()
    made = list(reports)
    seconds = (time.perf_counter() - start) / max(1, count)
    for report, rest in made:
        announce(on_decision, DecisionRecord.of(report, seconds))
        yield report, rest
