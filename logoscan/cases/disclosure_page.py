"""The page of a disclosure: the main figures, beside those of the period before, and charts. It loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from logoscan.cases.audits import ErrorRate
from logoscan.cases.disclosure import Disclosure
from logoscan.reporting.charts import Tick
from logoscan.reporting.html import render

__all__ = ["disclosure_page"]

# Rows of a table; the others are counted.
_MOST_ROWS = 50
_SCALES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class _Bar:
    """One row of a chart: lengths in percent of the widest; a count of None is not published."""

    name: str
    parts: tuple[tuple[str, int | None, float], ...]


@dataclass(frozen=True)
class _Table:
    """A table of counts with bars, the number of rows that are left out, and how many counts are not published."""

    title: str
    note: str
    rows: tuple[_Bar, ...]
    more: int


def disclosure_page(figures: Disclosure, before: Disclosure | None = None) -> str:
    """Return one self-contained HTML page on a disclosure.

    Args:
        figures: The figures.
        before: Those of the period before, shown beside them; the page says so where other score models were used.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    sides = ("proactive", "reactive")
    months = sorted({name.partition("/")[0] for name in figures.months})
    tables = [
        _table("By month", "Against listings or accounts.",
               {month: {side: figures.months.get(f"{month}/{side}", 0) for side in sides} for month in months}),
        _table("By what led to it", "All decisions, by source and action.",
               {name.replace("/", ": ") if name[0] != "/" else f"not stated: {name[1:]}": {"": count}
                for name, count in figures.actions.items()}),
        _table("Notices", "What became of them.", {name: {"": n} for name, n in figures.notices.items()}),
        _table("Why notices were declined", "In the platform's own words.",
               {name or "not stated": {"": n} for name, n in figures.notice_reasons.items()}),
        _table("Appeals", "How often an appeal succeeds is no error rate: who was rightly blocked does not appeal.",
               {name: {"": n} for name, n in figures.appeals.items()}),
        _table("Accounts", "", {name: {"": n} for name, n in figures.accounts.items()}),
        _table("Brands", "Whose rights were concerned.",
               {name or "not stated": {"": n} for name, n in figures.brands.items()}),
    ]  # fmt: skip
    scale = next((one for one in _SCALES if one >= max((r.high for r in figures.error_rates), default=0.0)), 1.0)
    return render(
        "disclosure.html.j2",
        "disclosure.css",
        figures=figures,
        before=before,
        tables=[table for table in tables if table.rows],
        automated=figures.share(figures.means, "automated"),
        found=figures.share(figures.detection, "automated"),
        upheld=figures.share(figures.notices, "upheld"),
        other_models=before is not None and set(before.models) != set(figures.models),
        rates=[(rate, *_ends(rate, scale)) for rate in figures.error_rates],
        ticks=tuple(Tick(100.0 * part, f"{100 * scale * part:g} %") for part in (0.0, 0.5, 1.0)),
    )


def _ends(rate: ErrorRate, scale: float) -> tuple[float, float, float | None]:
    """Return the ends of an interval and its middle, in percent of the chart's width."""
    low, high = (100.0 * min(end / scale, 1.0) for end in (rate.low, rate.high))
    return low, high, None if rate.rate is None else 100.0 * min(rate.rate / scale, 1.0)


def _table(title: str, note: str, rows: Mapping[str, Mapping[str, int | None]]) -> _Table:
    widest = max((sum(n or 0 for n in parts.values()) for parts in rows.values()), default=0)

    def bar(name: str, parts: Mapping[str, int | None]) -> _Bar:
        return _Bar(name, tuple((kind, n, 100.0 * (n or 0) / widest if widest else 0.0) for kind, n in parts.items()))

    shown: Sequence[tuple[str, Mapping[str, int | None]]] = list(rows.items())[:_MOST_ROWS]
    return _Table(title, note, tuple(bar(name, parts) for name, parts in shown), max(0, len(rows) - _MOST_ROWS))
