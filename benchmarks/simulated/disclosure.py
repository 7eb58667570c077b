"""Are the figures of a period right, how fast are they counted, and do the audits' intervals hold the truth? Simulated.

twin: decisions of two quarters with every kind of gap (no source, no time, no seller, repeated and conflicting rows,
appeals, receipts of notices), counted by logoscan and by plain Python over the same rows; `differing` names the figures
that are not equal. statements: the statement of reasons of each of them that can have one, validated against the fields
and values of the DSA Transparency Database (`simulated/dsa_statement.json`).

large: rows of half a year, made by DuckDB, and the seconds to count them, with 2 threads and 2 GB.

audits: in each round two kinds of automated decisions are wrong with rates of their own; so many are drawn and judged.
`coverage_*`: share of 95 % intervals that hold the true rate of that round's decisions.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common.results import write_result
from logoscan.cases.audits import AuditRow, estimate_errors
from logoscan.cases.database import connect
from logoscan.cases.decision_store import DecisionLog
from logoscan.cases.decisions import ADVERSE, Decision
from logoscan.cases.disclosure import Disclosure, disclose
from logoscan.cases.statements import Grounds, statement_of_reasons
from logoscan.errors import InputError

START, END = date(2026, 1, 1), date(2026, 6, 30)
FEWEST = 10
OWN, NOTIFIED = ("scan", "screen", "test_buy"), ("notice", "trusted_flagger", "authority")
THREADS, MEMORY = 2, "2GB"
GROUNDS = Grounds(("Art. 9 EUTMR", "Use of an identical sign without consent."), ("Terms, 4.2", "No counterfeits."))
# Rates of wrong decisions, and decisions of a round, by action.
ERRORS = {"block": (0.03, 40_000), "hold": (0.12, 8_000)}


def decisions(count: int, rng: np.random.Generator) -> list[Decision]:
    """Draw decisions of the two quarters, with gaps; some answer others, and some rows are there twice."""
    begin = datetime(2025, 12, 20, tzinfo=UTC)
    minutes = rng.integers(0, 200 * 24 * 60, count).tolist()
    draw = {
        "source": rng.choice([*OWN, *NOTIFIED, ""], count, p=[0.5, 0.25, 0.02, 0.1, 0.05, 0.03, 0.05]).tolist(),
        "seller": (rng.zipf(1.4, count) % 5000).tolist(),
        "brand": (rng.zipf(1.3, count) % 300).tolist(),
        "state": rng.random((count, 8)).tolist(),
        "delay": rng.lognormal(5.5, 2.0, count).tolist(),
    }
    out: list[Decision] = []
    for i in range(count):
        source, luck = draw["source"][i] or None, draw["state"][i]
        when = begin + timedelta(minutes=minutes[i]) if luck[0] > 0.002 else None
        began = None if when is None else when - timedelta(minutes=min(draw["delay"][i], 1e6) - 30)
        notified = source in NOTIFIED
        action = "allow" if luck[1] < (0.4 if notified else 0.05) else "block" if source == "screen" else "remove"
        if luck[1] > 0.95:
            action = "suspend"
        elif luck[1] > 0.9:
            action = "hold"
        seller = f"s{draw['seller'][i]}"
        values: dict[str, Any] = {
            "listing_id": f"L{i}", "seller_id": seller if luck[2] > 0.02 or action == "suspend" else None,
            "brand": f"b{draw['brand'][i]}" if luck[2] < 0.97 else None, "source": source,
            "ground": "illegal" if luck[3] < 0.9 else "terms" if luck[3] < 0.98 else None,
            "detection": "human" if notified else "automated" if luck[4] < 0.97 else None,
            "decision": ("automated" if luck[4] < 0.7 else "partly") if source in OWN else "human" if luck[4] < 0.97
            else None, "reason": "licensed" if action == "allow" and luck[5] < 0.5 else None, "model": "m1" if
            luck[6] < 0.7 else "m2", "received_at": began if notified else None,
            "listed_at": began if luck[5] < 0.95 and not notified else None,
            "first_sale_at": None if began is None or luck[6] < 0.8 else began + timedelta(days=2 * luck[7]),
        }  # fmt: skip
        one = Decision(action, when, **values)  # type: ignore[arg-type]
        out.append(one)
        if when is not None and one.is_adverse and luck[7] < 0.03:
            undo = "restore" if luck[6] < 0.4 else "remove"
            undo = undo if action != "suspend" else "reinstate" if luck[6] < 0.4 else "suspend"
            later = when + timedelta(hours=200 * luck[0])
            appealed: dict[str, Any] = {
                "listing_id": one.listing_id,
                "seller_id": one.seller_id or "s0",
                "answers": one.id,
            }
            made = Decision(undo, later, source="appeal", decision="human", received_at=when, **appealed)  # type: ignore[arg-type]
            out.append(made)
        elif action == "hold" and source == "notice" and when is not None and luck[7] < 0.5:
            removed: dict[str, Any] = {
                "listing_id": one.listing_id,
                "seller_id": seller,
                "received_at": one.received_at,
            }
            out.append(
                Decision(
                    "remove", when + timedelta(days=1), source="notice", decision="human", answers=one.id, **removed
                )
            )
    out.append(Decision("allow", datetime(2026, 3, 1, tzinfo=UTC), source="screen", decision="automated", count=10**7))
    return out


# -- plain Python


def plain_figures(rows: Sequence[Decision]) -> dict[str, Any]:
    """Count decisions one by one; an id that is there twice counts once, by the row that is first in order."""
    dated: dict[tuple[date, str], list[Decision]] = {}
    for row in rows:
        if row.time is not None:
            dated.setdefault((row.time.date(), row.id), []).append(row)
    answered = {row.answers for row in rows if row.answers is not None and row.time is not None
                and START <= row.time.date() <= END}  # fmt: skip
    chosen, repeated, conflicting = [], 0, 0
    for (day, _), same in dated.items():
        if START <= day <= END:
            chosen.append(min(same, key=_order))
            repeated += len(same) - 1
            conflicting += len(set(map(_order, same))) > 1
    adverse = [d for d in chosen if d.action in ADVERSE and d.source != "appeal"]
    sides = Counter(_side(d) or "" for d in adverse)
    known = [d for d in adverse if d.listed_at is not None and d.action != "suspend"]
    early = [d for d in known if d.first_sale_at is None or (d.time is not None and d.first_sale_at > d.time)]
    notices: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for d in chosen:
        if d.source in NOTIFIED[:2]:
            declined = d.action in ("allow", "restore")
            state = "upheld" if d.action in ADVERSE else "declined" if declined else "" if d.id in answered else "open"
            if state:
                notices[state] += d.count
            if declined:
                reasons[d.reason or ""] += d.count
    appeals = Counter("reversed" if d.action in ("restore", "reinstate", "allow") else "upheld"
                      for d in chosen if d.source == "appeal")  # fmt: skip
    sale = _plain({"before": len(early), "after": len(known) - len(early)}, None)
    side = _plain(sides, None)
    return {
        "decisions": sum(d.count for d in chosen),
        "adverse": len(adverse),
        "actions": _table(chosen, lambda d: f"{d.source or ''}/{d.action}"),
        "proactive": side.get("proactive", 0),
        "reactive": side.get("reactive", 0),
        "ratio": sides["proactive"] / sides["reactive"] if side.get("proactive") and side.get("reactive") else None,
        "sale_known": len(known),
        "before_first_sale": len(early) / len(known) if sale.get("before") is not None else None,
        "hours": _hours(chosen),
        "notices": _plain(notices, None),
        "notice_reasons": _plain(reasons, None),
        "appeals": _plain(appeals, None),
        "accounts": _plain(Counter(d.action for d in chosen if d.action in ("suspend", "reinstate")), None),
        "means": _plain(Counter(d.decision or "" for d in adverse), None),
        "detection": _plain(Counter(d.detection or "" for d in adverse), None),
        "models": _plain(Counter(d.model or "" for d in adverse), None),
        "months": _table([d for d in adverse if _side(d)], lambda d: f"{d.time:%Y-%m}/{_side(d)}"),
        "brands": _table(adverse, lambda d: d.brand or ""),
        "not_stated": {name: n if n >= FEWEST else None for name in ("source", "detection", "decision", "ground")
                       if (n := sum(getattr(d, name) is None for d in adverse))},
        "contradicting": sum(1 for d in chosen if (b := _began(d)) is not None and d.time is not None and d.time < b),
        "repeated": repeated,
        "conflicting": conflicting,
        "undated": len({d.id for d in rows if d.time is None}),
    }  # fmt: skip


def _order(d: Decision) -> tuple[Any, ...]:
    return tuple((getattr(d, f.name) is None, str(getattr(d, f.name))) for f in fields(Decision))


def _side(d: Decision) -> str | None:
    return "proactive" if d.source in OWN else "reactive" if d.source in NOTIFIED else None


def _began(d: Decision) -> datetime | None:
    return d.received_at if d.source == "appeal" or d.source in NOTIFIED else d.listed_at


def _plain(counts: Any, sellers: Any) -> dict[str, int | None]:
    """Leave out small counts of one list, and the next smallest where one alone is left out."""
    kept = {name: n for name, n in counts.items() if n}
    few = {name for name, n in kept.items() if min(n, n if sellers is None else sellers[name]) < FEWEST}
    rest = sorted((name for name in kept if name not in few), key=lambda name: (kept[name], name))
    if len(few) == 1 and rest:
        few.add(rest[0])
    return {name: None if name in few else n for name, n in kept.items()}


def _table(rows: Sequence[Decision], key: Callable[[Decision], str]) -> dict[str, int | None]:
    counts: Counter[str] = Counter()
    who: dict[str, set[str]] = {}
    named: Counter[str] = Counter()
    for d in rows:
        counts[key(d)] += d.count
        if d.seller_id is not None:
            who.setdefault(key(d), set()).add(d.seller_id)
            named[key(d)] += 1
    sellers = {name: len(who[name]) if named[name] else n for name, n in counts.items()}
    if "/" not in next(iter(counts), ""):
        return _plain(counts, sellers)
    few = {name for name, n in counts.items() if min(n, sellers[name]) < FEWEST}
    while True:  # one alone of a row or a column gives itself away
        before = set(few)
        for part in (0, 1):
            for value in {name.split("/")[part] for name in counts}:
                line = [name for name in counts if name.split("/")[part] == value]
                rest = [name for name in line if name not in few]
                if len(line) - len(rest) == 1 and rest:
                    few.add(min(rest, key=lambda name: (counts[name], tuple(name.split("/")))))
        if few == before:
            return {name: None if name in few else n for name, n in counts.items()}


def _hours(rows: Sequence[Decision]) -> dict[str, Any]:
    taken: dict[str, list[int]] = {}
    who: dict[str, set[str]] = {}
    for d in rows:
        timed = (d.action in ADVERSE and d.source != "appeal") or (d.source in NOTIFIED and d.action == "allow")
        began = _began(d)
        if not (timed or d.source == "appeal"):
            continue
        if d.seller_id is not None:
            who.setdefault(d.source or "", set()).add(d.seller_id)
        if began is not None and d.time is not None and d.time >= began:
            whole = [moment.replace(second=0, microsecond=0) for moment in (d.time, began)]  # as clocks show minutes
            taken.setdefault(d.source or "", []).append(int((whole[0] - whole[1]).total_seconds()) // 60)
    out: dict[str, Any] = {}
    for source, minutes in taken.items():
        minutes.sort()
        n = len(minutes)
        if min(n, len(who.get(source, set()))) < FEWEST:
            out[source] = (None, None, None, None)
            continue
        at = [minutes[math.ceil(share * n) - 1] / 60 for share in (0.5, 0.9)]
        out[source] = (n, *at, sum(m <= 24 * 60 for m in minutes) / n)
    return out


def differing(found: Disclosure, wanted: dict[str, Any]) -> list[str]:
    """Name the figures that are not equal."""
    out = []
    for name, value in wanted.items():
        have = getattr(found, name)
        if name == "hours":
            have = {row.source: (row.decisions, row.median, row.slowest, row.within_a_day) for row in have}
        if have != value:
            out.append(name)
    return out


def twin_figures(count: int, folder: Path) -> dict[str, Any]:
    """Count decisions in both ways, and state their reasons."""
    rows = decisions(count, np.random.default_rng(0))
    log = DecisionLog(folder)
    log.append(rows)
    again = rows[: len(rows) // 100]
    log.append(again)
    conflict = [
        Decision(**{**{f.name: getattr(d, f.name) for f in fields(d)}, "model": "other"}) for d in rows[100:200]
    ]
    log.append(conflict)
    begin = time.perf_counter()
    found = disclose(log, START, END, threads=THREADS, memory=MEMORY)
    took = time.perf_counter() - begin
    begin = time.perf_counter()
    wanted = plain_figures([*rows, *again, *conflict])
    plain = time.perf_counter() - begin
    return {
        "rows": len(rows) + len(again) + len(conflict),
        "figures": len(wanted),
        "differing": differing(found, wanted),
        "suppressed": found.suppressed,
        "plain_over_duckdb_s": round(plain / took, 1),
        **statement_figures(rows),
    }


def statement_figures(rows: Sequence[Decision]) -> dict[str, Any]:
    """Validate the statement of each decision that can have one."""
    from jsonschema import Draft202012Validator

    check = Draft202012Validator(json.loads(Path(__file__).with_name("dsa_statement.json").read_text("utf-8")))
    made = invalid = refused = 0
    for d in [d for d in rows if d.is_adverse and d.source != "appeal"][:20_000]:
        try:
            statement = statement_of_reasons(d, grounds=GROUNDS)
        except InputError:
            refused += 1
            continue
        made += 1
        invalid += not check.is_valid(statement)
    return {"statements": made, "statements_invalid": invalid, "statements_refused": refused}


# -- size


def large_figures(rows: int, folder: Path) -> dict[str, Any]:
    """Make rows of half a year by DuckDB, a file a day, and count them.

    The rows of a day are drawn once; those of another day are the same at other times and with other ids, since drawing
    them takes longer than counting them.
    """
    db = connect(THREADS, MEMORY)
    days = (END - START).days + 1
    db.execute(
        f"""CREATE TEMP TABLE drawn AS SELECT CASE WHEN r < 0.6 THEN 'block' WHEN r < 0.9 THEN 'remove' WHEN r < 0.98
                THEN 'allow' ELSE 'suspend' END AS action,
            time,
            'L' || i AS listing_id, 's' || CAST(floor(random() * 2000000) AS BIGINT) AS seller_id,
            'b' || CAST(floor(random() * random() * 3400) AS BIGINT) AS brand,
            CASE WHEN q < 0.8 THEN 'screen' WHEN q < 0.93 THEN 'scan' WHEN q < 0.96 THEN 'notice' WHEN q < 0.97
                THEN 'trusted_flagger' ELSE 'appeal' END AS source,
            'illegal' AS ground, 'automated' AS detection, CASE WHEN q < 0.8 THEN 'automated' ELSE 'partly' END
                AS decision, NULL::VARCHAR AS reason, NULL::VARCHAR AS report_sha256, 100 * r AS score, 'm1' AS model,
            NULL::VARCHAR AS reviewer, time - to_minutes(CAST(floor(3000 * random()) AS BIGINT)) AS received_at,
            time - to_minutes(CAST(floor(30000 * random()) AS BIGINT)) AS listed_at, NULL::TIMESTAMPTZ AS first_sale_at,
            q > 0.97 AS is_answer, 1::BIGINT AS count, md5('d' || i) AS id
            FROM (SELECT range AS i, random() AS r, random() AS q,
                TIMESTAMPTZ '{START}T00:00:00Z' + to_seconds(CAST(floor(random() * 86399) AS BIGINT)) AS time
                FROM range({rows // days}))"""
    )
    for number in range(days):
        day = START + timedelta(days=number)
        (folder / day.isoformat()).mkdir(parents=True)
        later = f"to_days({number})"
        db.execute(
            f"""COPY (SELECT * EXCLUDE (is_answer) REPLACE (
                time + {later} AS time, received_at + {later} AS received_at, listed_at + {later} AS listed_at,
                '{number:03}' || id AS id), CASE WHEN is_answer THEN '{max(0, number - 1):03}' || id END AS answers
            FROM drawn) TO '{folder / day.isoformat() / "log.parquet"}' (FORMAT parquet, COMPRESSION zstd)"""
        )
    db.close()
    log = DecisionLog(folder)
    begin, cpu = time.perf_counter(), time.process_time()
    found = disclose(log, START, END, threads=THREADS, memory=MEMORY)
    return {
        "large_rows": found.decisions,
        "large_s": round(time.perf_counter() - begin, 1),
        "large_cpu_s": round(time.process_time() - cpu, 1),
        "large_gb": round(sum(path.stat().st_size for path in log.files()) / 1e9, 2),
    }


# -- audits


def audit_figures(rounds: int, size: int) -> dict[str, float]:
    """Audit decisions of which it is known how many are wrong."""
    holds: dict[str, list[bool]] = {}
    for number in range(rounds):
        rng = np.random.default_rng([7, number])
        rows, wrong, total = [], 0.0, 0
        truth: dict[str, float] = {}
        for action, (rate, count) in ERRORS.items():
            errors = rng.random(count) < rate
            truth[action] = float(errors.mean())
            wrong, total = wrong + errors.sum(), total + count
            drawn = rng.choice(count, size // len(ERRORS), replace=False)
            pi = len(drawn) / count
            rows += [AuditRow(f"{action}{i}", action, pi, "wrong" if errors[i] else "right") for i in drawn.tolist()]
        truth["all"] = wrong / total
        for found in estimate_errors(rows):
            holds.setdefault(found.name, []).append(found.low <= truth[found.name] <= found.high)
        if number % 100 == 99:
            click.echo(f"{number + 1} rounds, {np.mean(holds['all']):.3f}", err=True)
    return {f"coverage_{name}": round(float(np.mean(held)), 4) for name, held in holds.items()}


@click.command("disclosure", help=__doc__)
@click.option("--decisions", "count", type=click.IntRange(0), default=1_000_000, show_default=True, help="Of the twin.")
@click.option("--rows", type=click.IntRange(0), default=100_000_000, show_default=True, help="Of the large count.")
@click.option("--rounds", type=click.IntRange(0), default=1000, show_default=True, help="Audits.")
@click.option("--size", type=click.IntRange(2), default=1000, show_default=True, help="Decisions of an audit.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where files are made; default: a temporary folder.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def disclosure(count: int, rows: int, rounds: int, size: int, folder: Path | None, out: Path) -> None:
    """Measure disclosure."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=folder) as place:
        if count:
            figures |= twin_figures(count, Path(place) / "twin")
            click.echo(json.dumps(figures), err=True)
        if rounds:
            figures |= audit_figures(rounds, size)
        if rows:
            figures |= large_figures(rows, Path(place) / "large")
    write_result(out, figures, {"decisions": count, "rows": rows, "rounds": rounds, "size": size, "threads": THREADS})
