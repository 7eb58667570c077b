"""What notebooks show: the nouns as small HTML, a report as a plot, many reports as a table.

Knows the nouns alone and stands beside them, so that their methods can call it. pandas and matplotlib are imported
where they are used. The HTML has no scripts, no files and no colours of its own: it is read on light and dark ground.
Everything that comes from a listing is escaped and set apart, so that neither tags nor right-to-left marks reach the
page around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from logoscan.errors import MissingDependencyError
from logoscan.results import Report
from logoscan.types import Band, Brand, EncoderInfo, Regions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

__all__ = ["CONTRIBUTION", "index_html", "plot", "regions_html", "report_html", "to_pandas"]

CONTRIBUTION = "contribution_"
"""Begins the names of the columns that hold contributions; a signal may be named like any other column."""
_ROWS = 20
"""Of a table that is shown; the rest is counted."""
_BOXES = 200
"""Boxes that are drawn: more are a grey field."""
_MAP_PX = 160
_LONGEST = 300
"""Characters of one text that are shown: a description may be a book."""
_FACE = {"clear": "#0072b2", "review": "#e69f00", "block": "#d55e00"}
"""Of the bands in plots; told apart by the colour-blind (Okabe and Ito, 2008)."""


# -- HTML


def _text(value: object) -> str:
    text = str(value)
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return f"<bdi>{escape(short)}</bdi>"


def _frame(title: str, *parts: str) -> str:
    style = "color:inherit;background:transparent;line-height:1.5"
    return f'<div style="{style}"><div><b>{title}</b></div>{"".join(parts)}</div>'


def _line(text: str) -> str:
    return f'<div style="opacity:.75">{text}</div>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> str:
    """A table of cells that are HTML already; `total` rows there are, of which `rows` are shown."""
    if not rows:
        return ""
    cell = 'style="text-align:left;background:transparent;color:inherit;padding:1px 12px 1px 0"'
    lines = [f"<tr>{''.join(f'<th {cell}>{_text(name)}</th>' for name in head)}</tr>"]
    lines += [f'<tr style="background:transparent">{"".join(f"<td {cell}>{c}</td>" for c in row)}</tr>' for row in rows]
    more = _line(f"and {total - len(rows):,} more") if total > len(rows) else ""
    return f'<table style="border-collapse:collapse">{"".join(lines)}</table>{more}'


def _bar(share: float) -> str:
    """A bar of up to 80 px in the colour of the text."""
    width = round(80 * min(1.0, max(0.0, share)))
    return f'<span style="display:inline-block;width:{width}px;height:.7em;background:currentColor;opacity:.5"></span>'


def report_html(report: Report) -> str:
    """One report: its score, the contributions that sum to it, and what could not be judged."""
    score = report.score
    if score.value is None:
        title = f"{_text(report.listing_id)}: no candidate brand, clear"
    else:
        title = f"{_text(report.listing_id)}: {score.value:.1f} of 100 for {_text(score.brand)}, {score.band}"
    parts = score.contributions
    most = max((abs(p.contribution) for p in parts), default=0.0) or 1.0
    rows = [
        (f"{p.contribution:+.2f}", _bar(p.contribution / most), _text(p.signal), _text(p.why)) for p in parts[:_ROWS]
    ]
    told = [
        f"{score.bias:+.2f} before any signal, {report.sums_to():+.2f} in all; coverage {score.coverage:.0%}",
        f"{len(report.images)} pictures, {len(report.matches)} matches, {len(report.mentions)} mentions",
        *(f"{_text(b.brand)}: {b.score:.1f}{_shown(b.probability)}" for b in report.brands[:_ROWS]),
        *(f"warning: {_text(w)}" for w in report.warnings[:_ROWS]),
        *(f"not judged: {_text(s)}" for s in report.skipped[:_ROWS]),
    ]
    table = _table(("log-odds", "", "signal", "why"), rows, len(parts))
    return _frame(title, table, *map(_line, told))


def _shown(probability: float | None) -> str:
    return "" if probability is None else f", shown with probability {probability:.2f}"


def regions_html(regions: Regions) -> str:
    """Places in a picture: a map of the boxes, the surest darkest, and the first of them in numbers."""
    title = f"{len(regions)} region{'' if len(regions) == 1 else 's'}"
    if not len(regions):
        return _frame(title)
    boxes = [
        (f"{sure:.2f}", " ".join(f"{v:.0f}" for v in box))
        for box, sure in zip(regions.xyxy[:_ROWS].tolist(), regions.confidence[:_ROWS].tolist(), strict=True)
    ]
    return _frame(title, _map(regions), _table(("confidence", "x0 y0 x1 y1, px"), boxes, len(regions)))


def _map(regions: Regions) -> str:
    low = regions.xyxy[:, :2].min(axis=0)
    wide, high = np.maximum(regions.xyxy[:, 2:].max(axis=0) - low, 1e-6).tolist()
    scale = _MAP_PX / max(wide, high)
    rects = []
    for row in np.argsort(-regions.confidence, kind="stable")[:_BOXES]:
        x0, y0, x1, y1 = ((regions.xyxy[row] - np.tile(low, 2)) * scale).tolist()
        size = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
        rects.append(f'<rect {size} stroke-opacity="{0.15 + 0.85 * float(regions.confidence[row]):.2f}"/>')
    frame = f'width="{wide * scale + 4:.0f}" height="{high * scale + 4:.0f}"'
    inner = f'<g transform="translate(2 2)" fill="none" stroke="currentColor">{"".join(rects)}</g>'
    return f'<svg {frame} role="img" aria-label="{len(regions)} boxes">{inner}</svg>'


def index_html(
    encoder: EncoderInfo, brands: Sequence[Brand], logos: Mapping[str, int], by_name: int, negatives: int
) -> str:
    """A register: what made it, and what each brand brought.

    Args:
        encoder: What made the vectors.
        brands: All of them.
        logos: Vectors of logos by brand.
        by_name: Brands that are known by their name alone.
        negatives: Pictures that show none of them.
    """
    title = f"{len(brands):,} brand{'' if len(brands) == 1 else 's'}, {sum(logos.values()):,} vectors of logos"
    rows = [
        (
            _text(b.name),
            str(logos.get(b.name, 0)),
            _text(", ".join(b.aliases)),
            str(len(b.authorised_sellers)),
            _text(", ".join(f"{p.category or 'all'} {p.low:g}-{p.high:g} {p.currency}" for p in b.usual_prices)),
        )
        for b in brands[:_ROWS]
    ]
    made = f"by {_text(encoder.name)}, {encoder.dim} numbers a vector, fingerprint {escape(encoder.fingerprint)}"
    beside = f"{by_name:,} by name alone, {negatives:,} negatives"
    table = _table(("brand", "vectors", "aliases", "authorised sellers", "usual prices"), rows, len(brands))
    return _frame(title, _line(made), _line(beside), table)


# -- pandas and matplotlib


def _missing(package: str) -> MissingDependencyError:
    return MissingDependencyError(f"{package} is missing; pip install 'logoscan[notebook]'")


def to_pandas(reports: Iterable[Report]) -> DataFrame:
    """One row a report: ids, score, band, brand, coverage, counts, and what each signal contributed.

    Columns of contributions begin with `contribution_`; where a signal was absent they hold NaN, which is not 0. In
    each row `score` is 100 * sigmoid(`bias` + the sum of these). Reports without a candidate brand have no score and
    no contributions.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise _missing("pandas") from None
    rows = list(reports)
    scores = [r.score for r in rows]
    parts: list[dict[str, float]] = [{} for _ in rows]
    for part, score in zip(parts, scores, strict=True):
        for c in score.contributions:
            part[c.signal] = part.get(c.signal, 0.0) + c.contribution
    shown = [{b.brand: b.probability for b in r.brands}.get(r.score.brand or "") for r in rows]
    columns: dict[str, Any] = {
        "listing_id": pd.array([r.listing_id for r in rows], dtype="string"),
        "seller_id": pd.array([r.seller_id for r in rows], dtype="string"),
        "score": np.array([s.value for s in scores], np.float64),
        "band": pd.Categorical([s.band for s in scores], categories=get_args(Band), ordered=True),
        "brand": pd.array([s.brand for s in scores], dtype="string"),
        "probability": np.array(shown, np.float64),
        "coverage": np.array([s.coverage for s in scores], np.float64),
        "bias": np.array([s.bias for s in scores], np.float64),
        "n_images": np.array([len(r.images) for r in rows], np.int64),
        "n_matches": np.array([len(r.matches) for r in rows], np.int64),
        "n_mentions": np.array([len(r.mentions) for r in rows], np.int64),
        "n_warnings": np.array([len(r.warnings) for r in rows], np.int64),
    }
    for signal in sorted({name for part in parts for name in part}):
        columns[CONTRIBUTION + signal] = np.array([part.get(signal, math.nan) for part in parts], np.float64)
    return pd.DataFrame(columns)


def plot(report: Report, ax: Axes | None = None) -> Axes:
    """A waterfall on the log-odds: the bias, what each signal adds, and the score that they sum to.

    Signals that added nothing share one line. The upper axis tells the score at each sum.

    Args:
        report: Whose score is drawn.
        ax: Where; a new figure if None.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise _missing("matplotlib") from None
    score = report.score
    added = [(c.signal, c.contribution) for c in score.contributions if c.contribution]
    silent = len(score.contributions) - len(added)
    quiet = [(f"{silent} signal{'' if silent == 1 else 's'} found nothing", 0.0)] if silent else []
    steps = [("before any signal", score.bias), *added, *quiet]
    if ax is None:
        ax = plt.subplots(figsize=(8, 1.6 + 0.32 * len(steps)), layout="constrained")[1]
    plain: dict[str, Any] = {"parse_math": False}  # a dollar sign in a name is a dollar sign
    if score.value is None:
        ax.set_title(f"{report.listing_id}: no candidate brand, no score", **plain)
        ax.set_axis_off()
        return ax
    total = report.sums_to()
    ends = np.cumsum([0.0, *(amount for _, amount in steps)]).tolist()
    for row, (_, amount) in enumerate(steps):
        face = "0.6" if row == 0 else _FACE["block"] if amount > 0 else _FACE["clear"]
        ax.barh(row, amount, left=ends[row], height=0.6, color=face)
        ax.plot([ends[row + 1]] * 2, [row - 0.3, row + 1.3], color="0.5", linewidth=0.8)
        # beside the end that lies to the right: never on the line down to the next bar
        ax.annotate(
            f"{amount:+.2f}", (max(ends[row], ends[row + 1]), row), (4, 0), textcoords="offset points", va="center"
        )
    ax.barh(len(steps), total, height=0.6, color=_FACE[score.band])
    ax.annotate(
        f"{total:+.2f}: score {score.value:.1f}, {score.band}",
        (max(total, 0.0), len(steps)), (4, 0), textcoords="offset points", va="center", weight="bold",
    )  # fmt: skip
    ax.axvline(0.0, color="0.5", linewidth=0.8)
    ax.set_yticks(range(len(steps) + 1), [*(name for name, _ in steps), "sum"], **plain)
    ax.invert_yaxis()
    ax.margins(x=0.25)
    ax.set_xlabel("log-odds")
    ax.set_title(f"{report.listing_id}: {score.brand}", **plain)
    _scores_above(ax)
    return ax


def _scores_above(ax: Axes) -> None:
    """An axis of scores on top, ticked where its labels stay apart."""
    low, high = ax.get_xlim()
    marks = [s for s in (0.1, 1, 5, 20, 50, 80, 95, 99, 99.9) if low < math.log(s / (100 - s)) < high]
    above = ax.secondary_xaxis("top")
    above.set_xticks([math.log(s / (100 - s)) for s in marks], [f"{s:g}" for s in marks])
    above.set_xlabel("score")
