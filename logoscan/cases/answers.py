"""Decisions that review earlier ones, from a CSV file: what became of notices, counter-notices and appeals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from logoscan._quote import quoted
from logoscan.cases.decision_store import DecisionLog
from logoscan.cases.decisions import Decision
from logoscan.cases.notice_decisions import notice_decision
from logoscan.errors import InputError
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.csv_rows import read_csv
from logoscan.io.rows import BadRow

__all__ = ["Answer", "answer_decisions", "read_answers"]

_REQUIRED = ("answers", "action", "reviewer")


@dataclass(frozen=True)
class Answer:
    """One row: what a person decided of an earlier decision.

    Attributes:
        answers: Id of the receipt of a notice, or of the decision that an appeal is against.
        action: What is decided.
        reviewer: Who decides.
        time: When, ISO 8601; now if None.
        reason: Why it is declined or reversed, a short word.
        appeal: Whether it is a counter-notice, a complaint or an appeal; "yes" or empty.
        received_at: When the appeal came in, ISO 8601.
        seller_id: Seller of the listing of a notice.
        listed_at: When that listing went on sale, ISO 8601.
        line: Line of the row, for messages.
    """

    answers: str
    action: str
    reviewer: str
    time: str | None = None
    reason: str | None = None
    appeal: str | None = None
    received_at: str | None = None
    seller_id: str | None = None
    listed_at: str | None = None
    line: int = 0


_FIELDS = tuple(f.name for f in fields(Answer) if f.name != "line")


def read_answers(path: str | Path, *, on_error: OnError = "skip") -> tuple[Answer, ...]:
    """Return the rows of a CSV file: answers, action, reviewer and, if any, the other fields of `Answer`.

    Args:
        path: Path of the file.
        on_error: What to do with a row that lacks one of the first three.

    Raises:
        InputError: There is no such file, a column is missing, or a row is bad and `on_error` is "raise".
    """
    check_on_error(on_error)

    def rows() -> Iterator[Answer | BadRow]:
        for line, row in read_csv(path, _FIELDS, _REQUIRED, owner="answers"):
            if isinstance(row, BadRow):
                yield row
                continue
            cells = {name: cell.strip() for name, cell in row.items() if cell.strip()}
            if missing := [name for name in _REQUIRED if name not in cells]:
                yield BadRow(line, f"{missing[0]}: expected one, got an empty cell")
            else:
                yield Answer(**cells, line=line)

    return tuple(good_rows(rows(), on_error, Path(path).name))


def answer_decisions(rows: Iterable[Answer], log: DecisionLog, *, on_error: OnError = "skip") -> tuple[Decision, ...]:
    """Return the decisions of rows, which the caller appends; a row whose earlier decision is not on record is bad.

    Args:
        rows: The rows.
        log: The log, which holds the earlier decisions.
        on_error: What to do with a bad row.

    Raises:
        InputError: A row is bad and `on_error` is "raise".
    """
    check_on_error(on_error)
    wanted = list(rows)
    ids = {row.answers for row in wanted}
    earlier = {one.id: one for one in log.read() if one.id in ids}

    def made() -> Iterator[Decision | BadRow]:
        for row in wanted:
            try:
                yield _decision(row, earlier)
            except InputError as error:
                yield BadRow(row.line, str(error))

    return tuple(good_rows(made(), on_error, "answers"))


def _decision(row: Answer, earlier: Mapping[str, Decision]) -> Decision:
    if row.answers not in earlier:
        raise InputError(f"answers: expected the id of a decision on record, got {quoted(row.answers)}")
    before = earlier[row.answers]
    when = _time("time", row.time) or datetime.now(UTC)
    action: Any = row.action
    if (row.appeal or "").casefold() in ("yes", "true", "1"):
        return Decision(
            action,
            when,
            listing_id=before.listing_id,
            seller_id=before.seller_id,
            brand=before.brand,
            source="appeal",
            decision="human",
            reason=row.reason,
            reviewer=row.reviewer,
            received_at=_time("received_at", row.received_at),
            answers=before.id,
        )
    listed = _time("listed_at", row.listed_at)
    return notice_decision(before, action, time=when, reviewer=row.reviewer, reason=row.reason,
                           seller_id=row.seller_id, listed_at=listed)  # fmt: skip


def _time(name: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InputError(f"{name}: expected an ISO 8601 time, got {quoted(value)}") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
