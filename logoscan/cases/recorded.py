"""What other steps lead to, as decisions on record: screenings, the review queue, verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from logoscan.cases.decisions import Action, Decision, Source, decision_of, report_sha256
from logoscan.reporting.queue import QueueRow
from logoscan.results import Report
from logoscan.review.verdict_rows import VerdictRow

__all__ = ["allowed", "queued_decisions", "screening_decision", "verdict_decisions"]

# Where a verdict comes from -> what led to the decision; an import says nothing of that.
_SOURCES: Mapping[str, Source] = {
    "reviewer": "scan",
    "test_buy": "test_buy",
    "notice": "notice",
    "authority": "authority",
}


def screening_decision(report: Report, answer: Action, *, time: datetime | None = None) -> Decision:
    """Return the decision of a screening before posting, which no person made."""
    return decision_of(report, answer, time=time, source="screen", ground="illegal", detection="automated",
                       decision="automated")  # fmt: skip


def allowed(count: int, time: datetime, source: Source = "screen") -> Decision:
    """Return one row for many listings that were allowed; they are not named."""
    return Decision("allow", time, source=source, detection="automated", decision="automated", count=count)


def queued_decisions(rows: Iterable[QueueRow], reports: Mapping[str, Report]) -> Iterator[Decision]:
    """Yield the decision for each listing of a review queue: a person must look at it (hold).

    Args:
        rows: The queue.
        reports: Reports of its listings, by id; copies are held as well.
    """
    for row in rows:
        for listing in row.listing_ids:
            if listing in reports:
                yield decision_of(reports[listing], "hold", source="scan", detection="automated", decision="automated")


def verdict_decisions(rows: Iterable[VerdictRow], reports: Mapping[str, Report], time: datetime) -> Iterator[Decision]:
    """Yield the decision of each verdict on goods: a counterfeit is removed, everything else is allowed.

    Args:
        rows: The verdicts; those that say nothing of the goods lead to no decision.
        reports: Reports of the listings, by id, as far as there are any.
        time: When people decided.
    """
    for row in rows:
        if row.verdict not in ("counterfeit", "genuine", "wrong_brand"):
            continue
        report = reports.get(row.listing_id)
        known = {}
        if report is not None:
            stated = decision_of(report, "hold")
            known = {name: getattr(stated, name) for name in ("seller_id", "score", "model", "listed_at")}
            known["report_sha256"] = report_sha256(report)
        is_fake = row.verdict == "counterfeit"
        yield Decision(
            "remove" if is_fake else "allow",
            time,
            listing_id=row.listing_id,
            brand=row.brand,
            source=_SOURCES.get(row.source),
            ground="illegal" if is_fake else None,
            detection="automated" if report is not None else None,
            decision="partly" if report is not None else "human",
            reviewer=row.reviewer,
            **known,
        )
