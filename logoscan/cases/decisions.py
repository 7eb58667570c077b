"""Decisions on record: one frozen row for each, in Parquet, which is only ever added to.

Reports, screenings, notices, test buys and appeals lead to decisions; disclosure and the record of notifiers are
queries over them. A later decision refers to an earlier one by `answers`; nothing is edited. Where most listings are
allowed, one row of the action allow stands for all of a day (`count`).

    log = DecisionLog("decisions/")
    log.append([decision_of(report, "hold", source="scan")])
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, get_args

from logoscan._hashing import fingerprint, sha256_hex
from logoscan._quote import quoted
from logoscan._validate import number, text, whole_number
from logoscan.errors import InputError
from logoscan.reporting.jsonl import report_to_json
from logoscan.results import Report

__all__ = [
    "ADVERSE",
    "COLUMNS",
    "NOTIFIED",
    "TIMES",
    "Action",
    "Decision",
    "Detection",
    "Ground",
    "Means",
    "Source",
    "decision_of",
    "report_sha256",
]

Action: TypeAlias = Literal["allow", "hold", "block", "remove", "demote", "restore", "suspend", "reinstate"]
"""What was decided: of a listing before (block) or after (remove, demote) it was seen, or of an account (suspend)."""
Source: TypeAlias = Literal["scan", "screen", "notice", "trusted_flagger", "test_buy", "authority", "appeal"]
"""What led to a decision."""
Ground: TypeAlias = Literal["illegal", "terms"]
"""Why: the goods are illegal, or against the platform's terms."""
Detection: TypeAlias = Literal["automated", "human"]
"""Who found the listing."""
Means: TypeAlias = Literal["automated", "partly", "human"]
"""Who decided: no person, a person who was shown an automated proposal, or a person alone."""

ADVERSE: tuple[Action, ...] = ("block", "remove", "demote", "suspend")
"""Actions against a listing or a seller."""
NOTIFIED: tuple[Source, ...] = ("notice", "trusted_flagger", "authority")
"""Sources that tell the platform, which then reacts; the others are its own initiative, but for appeals."""

_CHOICES: dict[str, Any] = {
    # Fields that hold one of a few words.
    "action": Action,
    "source": Source,
    "ground": Ground,
    "detection": Detection,
    "decision": Means,
}
TIMES = ("time", "received_at", "listed_at", "first_sale_at")
"""Fields that are times."""
_TEXTS = ("listing_id", "seller_id", "brand", "reason", "report_sha256", "model", "reviewer", "answers")
# Digits of an id: 128 bits, as a UUID has.
_ID_DIGITS = 32
# Characters of a text; ids of listings and names of brands are shorter by far.
_MOST_CHARS = 1000


@dataclass(frozen=True)
class Decision:
    """One decision. What is not known is None, and is counted as not stated; nothing is guessed.

    Attributes:
        action: What was decided.
        time: When, with a time zone; stored as UTC.
        listing_id: Id of the listing; None where the decision is on an account, or on many listings (`count`).
        seller_id: Id of the seller.
        brand: Brand whose rights are concerned.
        source: What led to it.
        ground: Why.
        detection: Who found the listing.
        decision: Who decided.
        reason: Why a notice or an appeal was declined, or a decision reversed: a short word, such as "licensed".
        report_sha256: SHA-256 of the report that it rests on.
        score: Score of that report, in [0, 100].
        model: Name and version of its score model.
        reviewer: Who decided, by a name; a log keeps what stands for it (`review.reviewers`).
        received_at: When the notice or the appeal came in.
        listed_at: When the listing went on sale.
        first_sale_at: When it was first sold; None where it was not, if `listed_at` is known.
        answers: Id of the earlier decision that this one reviews.
        count: Number of decisions that the row stands for; above 1 only where they allow listings that are not named.
        id: Identifier; made of the other fields if empty, so that the same decision is never counted twice.

    Raises:
        InputError: A field is not of the stated kind.
    """

    action: Action
    time: datetime | None = None
    listing_id: str | None = None
    seller_id: str | None = None
    brand: str | None = None
    source: Source | None = None
    ground: Ground | None = None
    detection: Detection | None = None
    decision: Means | None = None
    reason: str | None = None
    report_sha256: str | None = None
    score: float | None = None
    model: str | None = None
    reviewer: str | None = None
    received_at: datetime | None = None
    listed_at: datetime | None = None
    first_sale_at: datetime | None = None
    answers: str | None = None
    count: int = 1
    id: str = ""

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            value = getattr(self, name)
            if value not in get_args(kind) and (name == "action" or value is not None):
                raise InputError(f"Decision.{name}: expected {', '.join(get_args(kind))}, got {quoted(value)}")
        for name in _TEXTS:
            value = getattr(self, name)
            text("Decision", name, value, required=value is not None)
            if value is not None and len(value) > _MOST_CHARS:
                raise InputError(f"Decision.{name}: expected at most {_MOST_CHARS} characters, got {len(value)}")
        for name in TIMES:
            object.__setattr__(self, name, _utc(name, getattr(self, name)))
        if self.score is not None:
            number("Decision", "score", self.score, 0.0, 100.0)
            object.__setattr__(self, "score", float(self.score))
        whole_number("Decision", "count", self.count, 1, 10**12)
        if self.count > 1 and (self.action != "allow" or self.listing_id is not None):
            raise InputError(
                f"Decision.count: expected 1 but where listings are allowed that are not named, got {self.count}"
            )
        if self.action in ("suspend", "reinstate") and self.seller_id is None:
            raise InputError(f"Decision.seller_id: expected one where an account is concerned, got {self.action}")
        if self.listing_id is None and self.action not in ("suspend", "reinstate", "allow"):
            raise InputError(f"Decision.listing_id: expected one, got None with the action {self.action}")
        text("Decision", "id", self.id)
        if not self.id.strip():
            parts = [(f.name, _plain(getattr(self, f.name))) for f in fields(self) if f.name != "id"]
            object.__setattr__(self, "id", fingerprint(*parts, digits=_ID_DIGITS))

    @property
    def is_adverse(self) -> bool:
        """Whether it is against a listing or a seller."""
        return self.action in ADVERSE


COLUMNS = tuple(f.name for f in fields(Decision))
"""Columns of the files, in order."""


def _utc(name: str, value: object) -> datetime | None:
    """Return a time in UTC, in whole microseconds, which Parquet keeps."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InputError(f"Decision.{name}: expected a time with a time zone, got {quoted(value)}")
    return value.astimezone(UTC)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def report_sha256(report: Report) -> str:
    """Return the SHA-256 of a report, as a line of JSON with its seal; decisions and leads refer to reports by it."""
    return sha256_hex(report_to_json(report).encode())


def decision_of(report: Report, action: Action, *, time: datetime | None = None, **changes: Any) -> Decision:
    """Return the decision on a listing that rests on a report; further fields as of `Decision`.

    Args:
        report: The report.
        action: What was decided.
        time: When; the time of the report if None.
        changes: Fields of `Decision`; those that the report states are taken from it otherwise.

    Raises:
        InputError: A field is not of the stated kind.
    """
    stated = report.listing.listed_at if report.listing is not None else None
    known: dict[str, Any] = {
        "time": time or _parsed(report.provenance.time),
        "listing_id": report.listing_id,
        "seller_id": report.seller_id if report.seller_id and report.seller_id.strip() else None,
        "brand": report.score.brand,
        "report_sha256": report_sha256(report),
        "score": report.score.value,
        "model": report.score.model.strip() or None,
        "listed_at": None if stated is None else _parsed(stated),
    }
    return Decision(action, **{**known, **changes})


def _parsed(value: str) -> datetime | None:
    """Return an ISO 8601 time; one without a zone is taken as UTC, and None is what is none."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
