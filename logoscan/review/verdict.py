"""The record of a reviewer's verdict on one listing and one brand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from logoscan.errors import InputError
from logoscan.results import Report, Score

__all__ = ["Verdict", "new_verdict", "now"]

SCHEMA_VERSION = 1
"""Version of a journal's line, raised when a field changes its meaning or goes."""


@dataclass(frozen=True)
class Verdict:
    """One line of a journal.

    Attributes:
        id: Number of the line, from 1; 0 before it is written.
        time: Time of the verdict, ISO 8601.
        kind: What the reviewer did.
        listing_id: Id of the listing, as in its report.
        brand: Brand that the verdict is about.
        shown: Whether the listing concerns the brand, by the reviewer; None for an undo.
        counterfeit: The label; None if there is none.
        score: The brand's score with its reasons as they were judged; None if the report was scored for another brand.
        negatives: Identifiers of the brand's negatives that the index has by this verdict or, for an undo, lost by it.
        logos: Identifiers of the brand's logos that the index has by this verdict or, for an undo, lost by it.
        reviewer: Name of the reviewer, if stated.
        undoes: Id of the verdict that an undo takes back; None for other kinds.
        schema_version: Version of this record.
    """

    id: int
    time: str
    kind: Literal["confirm", "reject", "undo"]
    listing_id: str
    brand: str
    shown: bool | None = None
    counterfeit: bool | None = None
    score: Score | None = None
    negatives: tuple[str, ...] = ()
    logos: tuple[str, ...] = ()
    reviewer: str | None = None
    undoes: int | None = None
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise InputError(f"Verdict.schema_version: expected {SCHEMA_VERSION}, got {self.schema_version}")
        if (self.kind == "undo") != (self.undoes is not None) or (self.kind == "undo") != (self.shown is None):
            raise InputError(f"Verdict.undoes: expected it of an undo, and `shown` of all others, got {self.undoes!r}")
        if self.score is not None and self.score.brand != self.brand:
            raise InputError(f"Verdict.score: expected that of {self.brand!r}, got that of {self.score.brand!r}")


def new_verdict(
    kind: Literal["confirm", "reject"],
    report: Report,
    brand: str,
    shown: bool,
    counterfeit: bool | None,
    reviewer: str | None,
    time: str | None,
) -> Verdict:
    """Return a verdict on a report that has no line number yet.

    Raises:
        InputError: The report does not name the brand.
    """
    named = {r.brand for r in report.brands} | {m.brand for m in report.matches} | {m.brand for m in report.mentions}
    if brand not in named:
        raise InputError(f"brand: expected one that the report names, {sorted(named)!r:.300}, got {brand!r:.80}")
    score = report.score if report.score.brand == brand else None
    return Verdict(0, time or now(), kind, report.listing_id, brand, shown, counterfeit, score, reviewer=reviewer)


def now() -> str:
    """Return the current time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
