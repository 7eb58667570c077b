"""Audits of decisions that no person made: which to look at again, and which share of all such decisions is wrong.

Appeals say little of that: who was rightly blocked does not appeal, and who was wrongly let through never does. So an
audit draws decisions at random, with known probabilities, people decide them anew, and the survey estimator of the test
buys turns their answers into a rate with its interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from logoscan._quote import cause, quoted
from logoscan._validate import number, whole_number
from logoscan.cases._buy_candidates import polars_and_svy
from logoscan.cases._survey import intervals, shares
from logoscan.cases.database import connect
from logoscan.cases.decision_store import UNDATED, DecisionLog
from logoscan.errors import CorruptFileError, InputError
from logoscan.io.bad_rows import OnError, check_on_error, good_rows
from logoscan.io.csv_output import csv_lines
from logoscan.io.csv_rows import read_csv
from logoscan.io.rows import BadRow

__all__ = ["AuditOutcome", "AuditRow", "ErrorRate", "audit_sheet", "draw_audit", "estimate_errors", "read_audits"]

AuditOutcome: TypeAlias = Literal["right", "wrong", "undecided"]
"""What the person says who decides anew."""

# The automated decisions of a day, each id once, and the first of them by a random key: the hash of id and seed.
_AUTOMATED = """CREATE OR REPLACE TEMP TABLE automated AS SELECT DISTINCT ON (id) action, id, listing_id, brand
FROM (SELECT * FROM read_parquet(?) WHERE decision = 'automated' AND listing_id IS NOT NULL
    AND source IS DISTINCT FROM 'appeal' ORDER BY ALL)"""
_FIRST = """SELECT action, sha256(id || ?) AS key, id, listing_id, brand FROM automated
QUALIFY row_number() OVER (PARTITION BY action ORDER BY key) <= ? ORDER BY ALL"""
_SHEET = ("decision_id", "action", "listing_id", "brand", "pi", "outcome", "note")
_REQUIRED = ("decision_id", "action", "pi", "outcome")


@dataclass(frozen=True)
class AuditRow:
    """One decision to be looked at again.

    Attributes:
        decision_id: Id of the decision.
        action: What was decided.
        pi: Probability with which it was drawn, in (0, 1]; it stands for 1 / pi decisions.
        outcome: What the person says; None where nobody has said anything yet.
        listing_id: Id of the listing.
        brand: Brand that the decision concerns.
    """

    decision_id: str
    action: str
    pi: float
    outcome: AuditOutcome | None = None
    listing_id: str | None = None
    brand: str | None = None

    def __post_init__(self) -> None:
        number("AuditRow", "pi", self.pi, 0.0, 1.0)
        if self.pi == 0:
            raise InputError("AuditRow.pi: expected a probability above 0, got 0")
        if self.outcome is not None and self.outcome not in get_args(AuditOutcome):
            raise InputError(f"outcome: expected {', '.join(get_args(AuditOutcome))}, got {quoted(self.outcome)}")


@dataclass(frozen=True)
class ErrorRate:
    """The share of wrong ones among automated decisions.

    Attributes:
        name: The action; "all" for all of them.
        drawn: Number of decisions that were drawn.
        judged: Number of those that were judged.
        wrong: Number of those that were wrong.
        rate: Estimated share of all automated decisions; None where none was judged.
        low: Lower end of its interval; 0 where nothing is known.
        high: Upper end; 1 where nothing is known.
        least: The estimate if all that were drawn and not judged were right.
        most: The estimate if all of them were wrong.
    """

    name: str
    drawn: int
    judged: int
    wrong: int
    rate: float | None
    low: float
    high: float
    least: float
    most: float


def draw_audit(log: DecisionLog, start: date, end: date, size: int, *, seed: int) -> tuple[AuditRow, ...]:
    """Draw automated decisions of a period to be looked at again: of each action as many as chance allows.

    Every action gets an equal part of the audit, or all that it has, so that rare actions are known as well. Appeals,
    and allowed listings that are not named, cannot be drawn.

    Args:
        log: The log.
        start: First day.
        end: Last day.
        size: Number of decisions, 1 or more.
        seed: Repeats a draw.

    Raises:
        InputError: `size` is below 1, or no decision of the period is automated.
    """
    whole_number("draw_audit", "size", size, 1, 10**9)
    files = log.files(start, end)
    db = connect()
    import duckdb

    counts: dict[str, int] = {}
    kept: dict[str, list[tuple[str, str, str, str | None]]] = {}
    try:
        for day, paths in groupby(files, key=lambda path: path.parent.name):
            if day == UNDATED:
                continue
            names = [str(path) for path in paths]
            db.execute(_AUTOMATED, [names])
            for action, n in db.execute("SELECT action, count(*) FROM automated GROUP BY action").fetchall():
                counts[action] = counts.get(action, 0) + n
            rows = db.execute(_FIRST, [str(seed), size]).fetchall()
            for action, *row in rows:
                kept[action] = sorted([*kept.get(action, []), tuple(row)])[:size]
    except duckdb.Error as error:
        raise CorruptFileError(f"{log.folder}: expected decisions in Parquet, got others ({cause(error)})") from None
    finally:
        db.close()
    if not counts:
        raise InputError(f"audit: expected automated decisions from {start} to {end}, got none")
    out: list[AuditRow] = []
    left, rest = size, sorted(counts, key=lambda action: (counts[action], action))
    while rest:
        action = rest.pop(0)
        n = min(counts[action], left // (len(rest) + 1))
        left -= n
        out += [AuditRow(one, action, n / counts[action], None, listing, brand)
                for _, one, listing, brand in kept[action][:n]]  # fmt: skip
    return tuple(out)


def audit_sheet(rows: Sequence[AuditRow]) -> str:
    """Return a draw as a CSV for those who decide anew, with an empty column for the outcome.

    It does not say what the score was, so that nobody decides by it.
    """
    return "".join(csv_lines(_SHEET, ([r.decision_id, r.action, r.listing_id, r.brand, repr(r.pi), r.outcome, None]
                                      for r in rows)))  # fmt: skip


def read_audits(
    path: str | Path, *, on_error: OnError = "skip", columns: Mapping[str, str] | None = None
) -> tuple[AuditRow, ...]:
    """Return the rows of an audit's sheet; where the outcome is empty, nobody has judged yet.

    Args:
        path: Path of the CSV file.
        on_error: What to do with a bad row.
        columns: Fields by the names of the columns that hold them, where these have other names than usual.

    Raises:
        InputError: There is no such file, a column is missing, or a row is bad and `on_error` is "raise".
    """
    check_on_error(on_error)
    rows = read_csv(path, _SHEET, _REQUIRED, columns=columns, owner="audits")
    return tuple(good_rows(_rows(rows), on_error, Path(path).name))


def _rows(rows: Iterable[tuple[int, Mapping[str, str] | BadRow]]) -> Iterator[AuditRow | BadRow]:
    line_of: dict[str, int] = {}
    for line, row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        one = row.get("decision_id", "").strip()
        if not one:
            yield BadRow(line, "decision_id: expected one, got an empty cell")
        elif one in line_of:
            yield BadRow(line, f"decision_id: {quoted(one)} is there twice, first in line {line_of[one]}")
        else:
            line_of[one] = line
            outcome: Any = row.get("outcome", "").strip().casefold() or None
            try:
                pi = float(row.get("pi", ""))
                yield AuditRow(one, row.get("action", "").strip(), pi, outcome, row.get("listing_id") or None,
                               row.get("brand") or None)  # fmt: skip
            except ValueError as error:
                why = str(error) if isinstance(error, InputError) else f"pi: expected a number, got {quoted(row['pi'])}"
                yield BadRow(line, why)


def estimate_errors(rows: Sequence[AuditRow], *, confidence: float = 0.95) -> tuple[ErrorRate, ...]:
    """Estimate which share of the automated decisions is wrong: of all, then of each action.

    Each judged decision counts 1 / pi. Estimates and their variances (Taylor) are svy's, the actions being its strata;
    intervals are those of Korn and Graubard. What was drawn and not judged is left out of the rate, and `least` and
    `most` say what it could change.

    Args:
        rows: The rows of the audit.
        confidence: Share of such intervals that shall hold the true share, in (0, 1).

    Raises:
        MissingDependencyError: svy is not installed.
        InputError: There is no row, or the confidence is no such number.
    """
    number("estimate_errors", "confidence", confidence, 0.0, 1.0)
    if not 0 < confidence < 1:
        raise InputError(f"estimate_errors.confidence: expected a number between 0 and 1, got {confidence!r}")
    if not rows:
        raise InputError("audits: expected rows, got none")
    judged = [row for row in rows if row.outcome in ("right", "wrong")]
    out = []
    least, most = _sample(rows, {"wrong"}), _sample(rows, {"wrong", "undecided", None})
    inner = _sample(judged, {"wrong"}) if judged else None
    for kind in ("all", "action"):
        found = {} if inner is None else intervals(inner, kind, confidence)
        lowest, highest = shares(least, kind), shares(most, kind)
        for name in sorted(lowest):
            rate, low, high = found.get(name, (None, 0.0, 1.0))
            of = [row for row in rows if kind == "all" or row.action == name]
            wrong = sum(row.outcome == "wrong" for row in of)
            seen = sum(row.outcome in ("right", "wrong") for row in of)
            out.append(ErrorRate(name, len(of), seen, wrong, rate, low, high, lowest[name], highest[name]))
    return tuple(out)


def _sample(rows: Sequence[AuditRow], hits: set[AuditOutcome | None]) -> Any:
    """Return rows as a stratified sample of svy; a stratum of one row, which has no variance, joins others."""
    polars, svy = polars_and_svy()
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.action] = sizes.get(row.action, 0) + 1
    strata = [row.action if sizes[row.action] > 1 else "few" for row in rows]
    data: dict[str, list[Any]] = {
        "hit": [int(row.outcome in hits) for row in rows],
        "weight": [1.0 / row.pi for row in rows],
        "all": ["all"] * len(rows),
        "action": [row.action for row in rows],
        "stratum": strata,
    }
    plain = len(set(strata)) < 2 or strata.count("few") == 1
    design = svy.Design(wgt="weight") if plain else svy.Design(wgt="weight", stratum="stratum")
    return svy.Sample(data=polars.DataFrame(data), design=design)
