"""What a platform discloses of a period: how much it found by itself, how fast it acted, how often it was wrong.

All figures are queries over the decisions on record. Small cells are left out, what is not known is counted as not
stated, and a ratio to nothing is no number. How often appeals succeed says nothing of the errors: who was rightly
blocked does not appeal. `audits` measures the errors, by chance and with an interval.

    disclosure = disclose(DecisionLog("decisions/"), date(2026, 7, 1), date(2026, 9, 30))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from logoscan._version import __version__
from logoscan.cases._suppression import publishable, shown
from logoscan.cases._tally import FEWEST, GROUPS, Tally, tally
from logoscan.cases.audits import AuditRow, ErrorRate, estimate_errors
from logoscan.cases.decision_store import DecisionLog
from logoscan.cases.decisions import ADVERSE, NOTIFIED
from logoscan.errors import InputError

__all__ = ["Disclosure", "SourceHours", "disclose"]

_OWN = ("scan", "screen", "test_buy")
# What became of a notice by the action that was taken against its listing.
_DECLINED = {"allow": "declined", "restore": "declined"}
_DAY_MINUTES = 24 * 60
_NOT_STATED = ("source", "detection", "decision", "ground")


@dataclass(frozen=True)
class SourceHours:
    """How long decisions of a source took: from the notice or the appeal, else from when the listing went on sale.

    Attributes:
        source: What led to them; "" where it is not stated.
        decisions: Number of those whose beginning is known; None where they are few.
        median: Hours within which half of them were made, to a minute; None where they are few.
        slowest: Hours within which 90 % of them were made.
        within_a_day: Share of them made within 24 hours.
    """

    source: str
    decisions: int | None
    median: float | None = None
    slowest: float | None = None
    within_a_day: float | None = None


@dataclass(frozen=True)
class Disclosure:
    """The figures of a period. A count that is None is too small to be published, or gives such a one away.

    Attributes:
        start: First day, ISO 8601, UTC.
        end: Last day.
        decisions: All decisions.
        actions: Number of decisions by source and action, "scan/block"; the source is "" where it is not stated.
        adverse: Decisions against a listing or an account: block, remove, demote, suspend; appeals are no new ones.
        proactive: Those on the platform's own initiative (scan, screen, test buy).
        reactive: Those on a notice, also of a trusted flagger, or an order of an authority.
        ratio: Proactive over reactive; None where it cannot be told, or there is no reactive one.
        sale_known: Decisions against listings of which it is known when they went on sale.
        before_first_sale: Share of these that came before a first sale.
        hours: How long decisions took, by source.
        notices: Number of notices by what became of them: upheld, declined, open.
        notice_reasons: Why notices were declined, by the platform's own words; "" where it is not stated.
        appeals: Number of appeals by what became of them: reversed, upheld (the earlier decision stands).
        accounts: Number of accounts suspended and reinstated.
        means: Number of adverse decisions by who decided: automated, partly, human; "" where it is not stated.
        detection: Number of adverse decisions by who found the listing: automated, human; "" where it is not stated.
        months: Number of adverse decisions by month and initiative, "2026-07/proactive".
        brands: Number of adverse decisions by brand; "" where it is not stated.
        models: Number of adverse decisions by score model; "" where there is none.
        error_rates: Share of wrong ones among the automated decisions, by an audit at random; () without an audit.
        confidence: Confidence of the intervals of these.
        not_stated: Number of adverse decisions of which a field is not stated.
        contradicting: Decisions that are older than what they answer; no duration counts them.
        repeated: Rows that were left out, since the decision was there already.
        conflicting: Decisions that were there twice with other contents; one of the two counts.
        undated: Decisions without a time, which are in no period.
        fewest: Sellers, or notices, below which a cell is not published.
        version: Version of logoscan.
    """

    start: str
    end: str
    decisions: int | None
    actions: Mapping[str, int | None]
    adverse: int | None
    proactive: int | None
    reactive: int | None
    ratio: float | None
    sale_known: int | None
    before_first_sale: float | None
    hours: tuple[SourceHours, ...]
    notices: Mapping[str, int | None]
    notice_reasons: Mapping[str, int | None]
    appeals: Mapping[str, int | None]
    accounts: Mapping[str, int | None]
    means: Mapping[str, int | None]
    detection: Mapping[str, int | None]
    months: Mapping[str, int | None]
    brands: Mapping[str, int | None]
    models: Mapping[str, int | None]
    error_rates: tuple[ErrorRate, ...] = ()
    confidence: float = 0.95
    not_stated: Mapping[str, int | None] = field(default_factory=dict)
    contradicting: int = 0
    repeated: int = 0
    conflicting: int = 0
    undated: int = 0
    fewest: int = FEWEST
    version: str = __version__

    @property
    def suppressed(self) -> int:
        """Number of counts that are not published."""
        tables = (self.actions, self.notices, self.notice_reasons, self.appeals, self.accounts, self.means,
                  self.detection, self.months, self.brands, self.models)  # fmt: skip
        return sum(count is None for table in tables for count in table.values())

    def share(self, table: Mapping[str, int | None], name: str) -> float | None:
        """Return the share of one of a table's counts in all of them; None where one is not published, or none is."""
        counts = [count for count in table.values() if count is not None]
        if len(counts) < len(table) or not sum(counts):
            return None
        return (table.get(name) or 0) / sum(counts)


def disclose(
    log: DecisionLog,
    start: date,
    end: date,
    *,
    audits: Sequence[AuditRow] = (),
    confidence: float = 0.95,
    threads: int | None = None,
    memory: str | None = None,
) -> Disclosure:
    """Return the figures of the days from `start` to `end`, both included (UTC).

    Args:
        log: The decisions.
        start: First day.
        end: Last day.
        audits: Automated decisions that were drawn at random and decided anew, see `audits`.
        confidence: Share of intervals of error rates that shall hold the true share.
        threads: Most threads of DuckDB.
        memory: Most memory of DuckDB, such as "2GB".

    Raises:
        InputError: `end` is before `start`, there is no such folder, or the confidence is no share.
        CorruptFileError: A file of the log holds something else.
        MissingDependencyError: duckdb is not installed, or, with audits, svy.
    """
    if end < start:
        raise InputError(f"disclose: expected a last day from {start} on, got {end}")
    rates = estimate_errors(audits, confidence=confidence) if audits else ()
    return _figures(tally(log, start, end, threads=threads, memory=memory), start, end, rates, confidence)


def _figures(counts: Tally, start: date, end: date, rates: tuple[ErrorRate, ...], confidence: float) -> Disclosure:
    rows = [dict(zip((*GROUPS, "n", "sale_known", "before_sale", "contradicting"), row, strict=True))
            for row in counts.cube]  # fmt: skip

    adverse = [row for row in rows if row["action"] in ADVERSE and row["source"] != "appeal"]
    notices = [row for row in rows if row["source"] in NOTIFIED[:2]]
    for row in notices:
        is_open = "" if row["answered"] else "open"
        row["state"] = "upheld" if row["action"] in ADVERSE else _DECLINED.get(row["action"], is_open)
    appeals = [row for row in rows if row["source"] == "appeal"]
    for row in appeals:
        row["state"] = "reversed" if row["action"] in ("restore", "reinstate", "allow") else "upheld"
    accounts = [row for row in rows if row["action"] in ("suspend", "reinstate")]
    sides = dict.fromkeys(_OWN, "proactive") | dict.fromkeys(map(str, NOTIFIED), "reactive")
    for row in adverse:
        row["side"] = sides.get(row["source"])
    initiative = _table("side", adverse)
    proactive, reactive = (initiative.get(side, 0) for side in ("proactive", "reactive"))
    known, before = (sum(row[name] for row in adverse) for name in ("sale_known", "before_sale"))
    sale = publishable({(k,): (n, n) for k, n in (("before", before), ("after", known - before)) if n})
    before_shown = sale.get(("before",), 0)
    return Disclosure(
        start=start.isoformat(),
        end=end.isoformat(),
        decisions=shown(sum(row["n"] for row in rows)),
        actions=_cells(counts, "action"),
        adverse=shown(sum(row["n"] for row in adverse)),
        proactive=proactive,
        reactive=reactive,
        ratio=proactive / reactive if proactive is not None and reactive else None,
        sale_known=shown(known),
        before_first_sale=before_shown / known if known >= FEWEST and before_shown is not None else None,
        hours=_hours(counts),
        notices=_table("state", (row for row in notices if row["state"])),
        notice_reasons=_table("reason", (row for row in notices if row["state"] == "declined")),
        appeals=_table("state", appeals),
        accounts=_table("action", accounts),
        means=_table("decision", adverse),
        detection=_table("detection", adverse),
        months=_cells(counts, "month"),
        brands=_cells(counts, "brand"),
        models=_table("model", adverse),
        error_rates=rates,
        confidence=confidence,
        not_stated={name: shown(n) for name in _NOT_STATED if (n := sum(r["n"] for r in adverse if r[name] is None))},
        contradicting=sum(row["contradicting"] for row in rows),
        repeated=counts.repeated,
        conflicting=counts.conflicting,
        undated=counts.undated,
    )


def _table(name: str, rows: Iterable[dict[str, Any]]) -> dict[str, int | None]:
    """Return the counts of a field's values; each decision counts as one seller."""
    sizes: dict[tuple[str, ...], int] = {}
    for row in rows:
        key = (row[name] or "",)
        sizes[key] = sizes.get(key, 0) + row["n"]
    out = publishable({key: (n, n) for key, n in sorted(sizes.items())})
    return {key[0]: n for key, n in out.items()}


def _cells(counts: Tally, kind: str) -> dict[str, int | None]:
    """Return the table of a kind of cells; the most frequent first where it has one key."""
    cells = {(a, b) if b else (a,): (n, sellers) for of, a, b, n, sellers in counts.cells if of == kind}
    out = {"/".join(key): n for key, n in publishable(cells).items()}
    if kind == "brand":
        return dict(sorted(out.items(), key=lambda cell: (cell[1] is None, -(cell[1] or 0), cell[0])))
    return out


def _hours(counts: Tally) -> tuple[SourceHours, ...]:
    sellers = {a: size for kind, a, _, _, size in counts.cells if kind == "source"}
    of: dict[str, list[tuple[int, int]]] = {}
    for source, minutes, n in counts.durations:
        of.setdefault(source or "", []).append((minutes, n))
    out = []
    for source, pairs in sorted(of.items()):
        total = sum(n for _, n in pairs)
        if min(total, sellers.get(source, 0)) < FEWEST:
            out.append(SourceHours(source, None))
            continue
        within = sum(n for minutes, n in pairs if minutes <= _DAY_MINUTES)
        out.append(
            SourceHours(source, total, _quantile(pairs, total, 0.5), _quantile(pairs, total, 0.9), within / total)
        )
    return tuple(out)


def _quantile(pairs: list[tuple[int, int]], total: int, share: float) -> float:
    """Return the least number of hours within which this share of the decisions was made."""
    wanted, done = math.ceil(share * total), 0
    for minutes, n in sorted(pairs):
        done += n
        if done >= wanted:
            return minutes / 60
    raise AssertionError("the counts sum to their total")
