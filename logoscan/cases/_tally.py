"""Decisions in Parquet -> counts of a period, day by day in DuckDB, so that memory does not grow with the period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

from logoscan._quote import cause
from logoscan.cases.database import connect
from logoscan.cases.decision_store import UNDATED, DecisionLog, arrow_schema
from logoscan.cases.decisions import COLUMNS, Action, Detection, Ground, Means, Source
from logoscan.errors import CorruptFileError

__all__ = ["FEWEST", "GROUPS", "Tally", "tally"]

FEWEST = 10
"""Sellers, or notices, below which a cell is not published."""
GROUPS = ("month", "action", "source", "detection", "decision", "ground", "reason", "model", "answered")
"""What the counts are broken down by; `answered` is whether a later decision of the period answers it."""

# Rows that are counted at a time.
_BATCH_ROWS = 2_000_000
# Values of a column; any other one, in a file that something else wrote, is not stated.
_CHOICES = {"action": Action, "source": Source, "ground": Ground, "detection": Detection, "decision": Means}
# Actions and sources in SQL; an appeal that is declined is no new action.
_ADVERSE = "(action IN ('block', 'remove', 'demote', 'suspend') AND source IS DISTINCT FROM 'appeal')"
_PROACTIVE = "source IN ('scan', 'screen', 'test_buy')"
_REACTIVE = "source IN ('notice', 'trusted_flagger', 'authority')"
# Where a duration begins: a notice and an appeal when they came in, all else when the listing went on sale.
_BEGINS = f"CASE WHEN source = 'appeal' OR {_REACTIVE} THEN received_at ELSE listed_at END"

_TABLES = f"""
CREATE TABLE cube ({", ".join(f"{name} VARCHAR" for name in GROUPS[:-1])}, answered BOOLEAN,
    n HUGEINT, sale_known HUGEINT, before_sale HUGEINT, contradicting HUGEINT);
CREATE TABLE durations (source VARCHAR, minutes BIGINT, n HUGEINT);
CREATE TABLE cells (kind VARCHAR, a VARCHAR, b VARCHAR, n HUGEINT, named HUGEINT, sellers VARCHAR[]);
CREATE TABLE answers (id VARCHAR);
"""
_DAY = """
INSERT INTO cube SELECT strftime(time, '%Y-%m') AS month, action, source, detection, decision, ground, reason, model,
    id IN (SELECT id FROM answers) AS answered, sum(count),
    sum(count) FILTER (listed_at IS NOT NULL AND {ADVERSE} AND action != 'suspend'),
    sum(count) FILTER (listed_at IS NOT NULL AND {ADVERSE} AND action != 'suspend'
        AND (first_sale_at IS NULL OR first_sale_at > time)),
    sum(count) FILTER (time < {BEGINS})
FROM today GROUP BY ALL;
INSERT INTO durations SELECT source, datediff('minute', {BEGINS}, time) AS minutes, sum(count) FROM today
WHERE time >= {BEGINS} AND {TIMED} GROUP BY ALL;
INSERT INTO cells SELECT * FROM (
    SELECT 'action' AS kind, coalesce(source, '') AS a, action AS b, {SELLERS} FROM today GROUP BY ALL
    UNION ALL SELECT 'month', strftime(time, '%Y-%m'), {SIDE} AS b, {SELLERS} FROM today
        WHERE {ADVERSE} AND b IS NOT NULL GROUP BY ALL
    UNION ALL SELECT 'source', coalesce(source, ''), '', {SELLERS} FROM today WHERE {TIMED} GROUP BY ALL
    UNION ALL SELECT 'brand', coalesce(brand, ''), '', {SELLERS} FROM today WHERE {ADVERSE} GROUP BY ALL);
""".format(
    ADVERSE=_ADVERSE,
    BEGINS=f"({_BEGINS})",
    TIMED=f"({_ADVERSE} OR ({_REACTIVE} AND action = 'allow') OR source = 'appeal')",
    SIDE=f"CASE WHEN {_PROACTIVE} THEN 'proactive' WHEN {_REACTIVE} THEN 'reactive' END",
    SELLERS="sum(count) AS n, sum(count) FILTER (seller_id IS NOT NULL) AS named, "
    f"list_slice(list(DISTINCT seller_id) FILTER (seller_id IS NOT NULL), 1, {FEWEST}) AS sellers",
)


@dataclass(frozen=True)
class Tally:
    """Counts of a period.

    Attributes:
        cube: Rows of `GROUPS`, then the number of decisions, of those against listings whose date is known, of these
            before a first sale, and of those that are older than what they answer.
        durations: Source, whole minutes until the decision, and number.
        cells: Kind, two keys, number of decisions, and the least number of sellers, counted up to `FEWEST`.
        repeated: Rows left out, since their id was there.
        conflicting: Ids that were there twice with other contents; one of the rows counts, always the same.
        undated: Decisions without a time, which are in no period.
    """

    cube: Sequence[tuple[Any, ...]] = ()
    durations: Sequence[tuple[str | None, int, int]] = ()
    cells: Sequence[tuple[str, str, str, int, int]] = ()
    repeated: int = 0
    conflicting: int = 0
    undated: int = 0


def tally(log: DecisionLog, start: date, end: date, *, threads: int | None = None, memory: str | None = None) -> Tally:
    """Count the decisions of the days from `start` to `end`, both included (UTC).

    Args:
        log: The log.
        start: First day.
        end: Last day.
        threads: Most threads of DuckDB.
        memory: Most memory of DuckDB, such as "2GB".

    Raises:
        InputError: There is no such folder.
        CorruptFileError: A file holds something else.
        MissingDependencyError: duckdb or pyarrow is not installed.
    """
    files = log.files(start, end)
    db = connect(threads, memory)
    import duckdb

    try:
        db.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        db.execute(_TABLES)
        dated = [path for path in files if path.parent.name != UNDATED]
        undated = [str(path) for path in files if path.parent.name == UNDATED]
        between = [datetime.combine(start, time(), UTC), datetime.combine(end + timedelta(1), time(), UTC)]
        if dated:
            db.execute("INSERT INTO answers SELECT DISTINCT answers FROM read_parquet(?) WHERE answers IS NOT NULL",
                       [[str(path) for path in dated]])  # fmt: skip
        repeated = conflicting = 0
        for paths in _batches(db, dated):
            twice, other = _load_days(db, paths, between)
            repeated, conflicting = repeated + twice, conflicting + other
            db.execute(_DAY)
        without = 0
        if undated:
            without = db.execute("SELECT count(DISTINCT id) FROM read_parquet(?)", [undated]).fetchone()[0]
        return Tally(
            db.execute("SELECT * EXCLUDE (n, sale_known, before_sale, contradicting), sum(n)::BIGINT, "
                       "coalesce(sum(sale_known), 0)::BIGINT, coalesce(sum(before_sale), 0)::BIGINT, "
                       "coalesce(sum(contradicting), 0)::BIGINT FROM cube GROUP BY ALL ORDER BY ALL").fetchall(),
            db.execute("SELECT source, minutes, sum(n)::BIGINT FROM durations GROUP BY ALL ORDER BY ALL").fetchall(),
            _cells(db),
            repeated,
            conflicting,
            without,
        )  # fmt: skip
    except duckdb.Error as error:
        raise CorruptFileError(f"{log.folder}: expected decisions in Parquet, got others ({cause(error)})") from None
    finally:
        db.close()


def _batches(db: Any, files: list[Path]) -> Iterator[list[str]]:
    """Yield the files of whole days, as many as have about `_BATCH_ROWS` rows."""
    if not files:
        return
    counted = db.execute(
        "SELECT file_name, num_rows FROM parquet_file_metadata(?)", [[str(path) for path in files]]
    ).fetchall()
    rows = dict(counted)
    batch: list[str] = []
    held = 0
    for _, paths in groupby(files, key=lambda path: path.parent):
        names = [str(path) for path in paths]
        batch += names
        held += sum(rows.get(name, 0) for name in names)
        if held >= _BATCH_ROWS:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _load_days(db: Any, paths: list[str], between: list[datetime]) -> tuple[int, int]:
    """Make the view `today` of the decisions of some days, each id once a day.

    Returns:
        The rows that are left out, and the ids in conflict.
    """
    kinds = {f.name: "TIMESTAMPTZ" if str(f.type).startswith("timestamp") else None for f in arrow_schema()}
    columns = []
    for name in COLUMNS:
        value = f"{name}::{kinds[name]}" if kinds[name] else name
        if name in _CHOICES:
            allowed = ", ".join(f"'{choice}'" for choice in get_args(_CHOICES[name]))
            value = f"CASE WHEN {name} IN ({allowed}) THEN {name} END"
        columns.append(f"{value} AS {name}")
    db.execute("DROP TABLE IF EXISTS rows_of_days; DROP TABLE IF EXISTS twice")
    source = "read_parquet(?) WHERE time >= ? AND time < ?"
    chosen = f"SELECT {', '.join(columns)}, CAST(time AS DATE) AS day FROM {source}"
    db.execute(f"CREATE TEMP TABLE rows_of_days AS {chosen}", [paths, *between])
    db.execute("CREATE TEMP TABLE twice AS SELECT id, day, count(*) AS n FROM rows_of_days GROUP BY ALL HAVING n > 1")
    db.execute(
        """CREATE OR REPLACE TEMP VIEW today AS SELECT * FROM rows_of_days ANTI JOIN twice USING (id, day)
        UNION ALL BY NAME SELECT DISTINCT ON (id, day) * FROM
            (SELECT * FROM rows_of_days SEMI JOIN twice USING (id, day) ORDER BY ALL)"""
    )
    repeated = db.execute("SELECT coalesce(sum(n - 1), 0)::BIGINT FROM twice").fetchone()[0]
    conflicting = db.execute(
        """SELECT count(*) FROM (SELECT id, day FROM
        (SELECT DISTINCT * FROM rows_of_days SEMI JOIN twice USING (id, day)) GROUP BY ALL HAVING count(*) > 1)"""
    ).fetchone()[0]
    return repeated, conflicting


def _cells(db: Any) -> list[tuple[str, str, str, int, int]]:
    """Return each cell with its decisions and its sellers; without any seller's id, each decision is one."""
    return db.execute(  # type: ignore[no-any-return]
        f"""SELECT kind, a, b, sum(n)::BIGINT AS n, CASE WHEN coalesce(sum(named), 0) = 0 THEN least(sum(n), {FEWEST})
            ELSE least(len(list_distinct(flatten(list(coalesce(sellers, []))))), {FEWEST}) END::BIGINT
        FROM cells GROUP BY kind, a, b ORDER BY ALL"""
    ).fetchall()
