"""Notebook display: reports, regions and an index as small HTML, a report as a plot, many reports as a table.

The HTML has no scripts, no files and no colours of its own, so that it is legible on light and on dark backgrounds.
Text from outside is escaped and isolated, so that neither tags nor right-to-left marks reach the page around it.
matplotlib and pandas are imported where they are used (extra `notebook`). Imports only record types: their methods
call this module.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import MissingDependencyError
from logoscan.results import Report
from logoscan.types import Band, Brand, EncoderInfo, Regions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

__all__ = ["CONTRIBUTION", "index_html", "plot", "regions_html", "report_html", "to_pandas"]

CONTRIBUTION = "contribution_"
"""Begins the names of the columns that hold contributions; a signal may be named like any other column."""
# Contribution from which a bar is drawn: smaller ones print as +0.00.
_MIN_BAR_CONTRIBUTION = 0.005
# Colours of the bands, which colour-blind people can distinguish (Okabe and Ito, 2008).
_BAND_COLOURS = {"clear": "#0072b2", "review": "#e69f00", "block": "#d55e00"}
# Rows of a table that are shown; the others are counted.
_MAX_ROWS = 20
# Boxes that are drawn in a map: more of them are a grey area.
_MAX_BOXES_DRAWN = 200
_MAX_BOXES_LISTED = 8
_MAP_PX = 160
# Characters of one text that are shown: a description may be as long as a book.
_MAX_CHARS = 300


# -- HTML


def _text(value: object) -> str:
    text = str(value)
    short = text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 1] + "…"
    return f"<bdi>{escape(short)}</bdi>"


def _frame(title: str, *parts: str) -> str:
    style = "color:inherit;background:transparent;line-height:1.5"
    return f'<div style="{style}"><div><b>{title}</b></div>{"".join(parts)}</div>'


def _line(text: str) -> str:
    return f'<div style="opacity:.75">{text}</div>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> str:
    """Return a table of cells that are HTML already, and how many of its `total` rows are not shown."""
    if not rows:
        return ""
    cell = 'style="text-align:left;background:transparent;color:inherit;padding:1px 12px 1px 0"'
    lines = [f"<tr>{''.join(f'<th {cell}>{_text(name)}</th>' for name in head)}</tr>"]
    lines += [f'<tr style="background:transparent">{"".join(f"<td {cell}>{c}</td>" for c in row)}</tr>' for row in rows]
    more = _line(f"and {total - len(rows):,} more") if total > len(rows) else ""
    return f'<table style="border-collapse:collapse;color:inherit;font-size:inherit">{"".join(lines)}</table>{more}'


def _bar(share: float) -> str:
    """Return a bar of up to 80 px in the colour of the text."""
    width = round(80 * min(1.0, max(0.0, share)))
    return f'<span style="display:inline-block;width:{width}px;height:.7em;background:currentColor;opacity:.5"></span>'


def report_html(report: Report) -> str:
    """Return a report as HTML: its score, the contributions that sum to it, and what could not be judged."""
    score = report.score
    if score.value is None:
        title = f"{_text(report.listing_id)}: no candidate brand, {score.band}"
    else:
        title = f"{_text(report.listing_id)}: {score.value:.1f} of 100 for {_text(score.brand)}, {score.band}"
    parts = score.contributions
    largest = max((abs(p.contribution) for p in parts), default=0.0) or 1.0
    rows = [
        (f"{p.contribution:+.2f}", _bar(p.contribution / largest), _text(p.signal), _text(p.why))
        for p in parts[:_MAX_ROWS]
    ]
    lines = [
        f"{score.bias:+.2f} before any signal, {report.sums_to():+.2f} in all; coverage {score.coverage:.0%}",
        f"pictures: {len(report.images)}, matches: {len(report.matches)}, mentions: {len(report.mentions)}",
        *(f"{_text(b.brand)}: {b.score:.1f}{_shown_with(b.probability)}" for b in report.brands[:_MAX_ROWS]),
        *(f"warning: {_text(w)}" for w in report.warnings[:_MAX_ROWS]),
        *(f"not judged: {_text(s)}" for s in report.skipped[:_MAX_ROWS]),
    ]
    table = _table(("log-odds", "", "signal", "why"), rows, len(parts))
    return _frame(title, table, *map(_line, lines))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _shown_with(probability: float | None) -> str:
    return "" if probability is None else f", shown with probability {probability:.2f}"


def regions_html(regions: Regions) -> str:
    """Return regions as HTML: a map of the boxes, the most confident darkest, and a table of the most confident."""
    title = _count(len(regions), "region")
    if not len(regions):
        return _frame(title)
    order = np.argsort(-regions.confidence, kind="stable")
    rows = [
        (str(row), f"{regions.confidence[row]:.2f}", " ".join(f"{v:.0f}" for v in regions.xyxy[row].tolist()))
        for row in order[:_MAX_BOXES_LISTED].tolist()
    ]
    table = _table(("row", "confidence", "x0 y0 x1 y1, px"), rows, len(regions))
    return _frame(title, _map(regions, order[:_MAX_BOXES_DRAWN]), table)


def _map(regions: Regions, rows: NDArray[np.int64]) -> str:
    low = regions.xyxy[:, :2].min(axis=0)
    wide, high = np.maximum(regions.xyxy[:, 2:].max(axis=0) - low, 1e-6).tolist()
    scale = _MAP_PX / max(wide, high)
    rects = []
    for row in rows:
        x0, y0, x1, y1 = ((regions.xyxy[row] - np.tile(low, 2)) * scale).tolist()
        size = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
        rects.append(f'<rect {size} stroke-opacity="{0.15 + 0.85 * float(regions.confidence[row]):.2f}"/>')
    frame = f'width="{wide * scale + 4:.0f}" height="{high * scale + 4:.0f}"'
    inner = f'<g transform="translate(2 2)" fill="none" stroke="currentColor">{"".join(rects)}</g>'
    return f'<svg {frame} role="img" aria-label="{len(regions)} boxes">{inner}</svg>'


def index_html(
    encoder: EncoderInfo, brands: Sequence[Brand], logos: Mapping[str, int], by_name: int, negatives: int
) -> str:
    """Return an index as HTML: its encoder, and what each brand has.

    Args:
        encoder: The encoder that made the embeddings.
        brands: All brands of the index.
        logos: Number of logo embeddings by brand.
        by_name: Number of brands without a logo, which are recognised by their name alone.
        negatives: Number of negatives.
    """
    title = f"{_count(len(brands), 'brand')}, {_count(sum(logos.values()), 'logo vector')}"
    rows = [
        (
            _text(b.name),
            str(logos.get(b.name, 0)),
            _text(", ".join(b.aliases)),
            str(len(b.authorised_sellers)),
            _text(", ".join(f"{p.category or 'all'} {p.low:g}-{p.high:g} {p.currency}" for p in b.usual_prices)),
        )
        for b in brands[:_MAX_ROWS]
    ]
    made_by = f"by {_text(encoder.name)}, {encoder.dim} numbers a vector, fingerprint {escape(encoder.fingerprint)}"
    others = f"{by_name:,} known by name alone; {_count(negatives, 'negative')}"
    table = _table(("brand", "vectors", "aliases", "authorised sellers", "usual prices"), rows, len(brands))
    return _frame(title, _line(made_by), _line(others), table)


# -- tables and plots


def _missing_package(package: str) -> MissingDependencyError:
    return MissingDependencyError(f"{package} is missing; pip install 'logoscan[notebook]'")


def to_pandas(reports: Iterable[Report]) -> DataFrame:
    """Return a table with one row per report: ids, score, band, brand, coverage, counts, and contributions.

    Columns of contributions begin with `contribution_`; where a signal was absent they hold NaN, which is not 0. In
    each row `score` is 100 * sigmoid(`bias` + the sum of contributions). Reports without a candidate brand have no
    score and no contributions.

    Raises:
        MissingDependencyError: pandas is not installed.

    Example:
        >>> to_pandas([]).columns.tolist()[:5]
        ['listing_id', 'seller_id', 'score', 'band', 'brand']
    """
    try:
        import pandas as pd
    except ImportError:
        raise _missing_package("pandas") from None
    rows = list(reports)
    scores = [r.score for r in rows]
    contributions: list[dict[str, float]] = [{} for _ in rows]
    for by_signal, score in zip(contributions, scores, strict=True):
        for c in score.contributions:
            by_signal[c.signal] = by_signal.get(c.signal, 0.0) + c.contribution
    probabilities = [{b.brand: b.probability for b in r.brands}.get(r.score.brand or "") for r in rows]
    columns: dict[str, Any] = {
        "listing_id": pd.array([r.listing_id for r in rows], dtype="string"),
        "seller_id": pd.array([r.seller_id for r in rows], dtype="string"),
        "score": np.array([s.value for s in scores], np.float64),
        "band": pd.Categorical([s.band for s in scores], categories=get_args(Band), ordered=True),
        "brand": pd.array([s.brand for s in scores], dtype="string"),
        "probability": np.array(probabilities, np.float64),
        "coverage": np.array([s.coverage for s in scores], np.float64),
        "bias": np.array([s.bias for s in scores], np.float64),
        "n_images": np.array([len(r.images) for r in rows], np.int64),
        "n_matches": np.array([len(r.matches) for r in rows], np.int64),
        "n_mentions": np.array([len(r.mentions) for r in rows], np.int64),
        "n_warnings": np.array([len(r.warnings) for r in rows], np.int64),
    }
    for signal in sorted({name for by_signal in contributions for name in by_signal}):
        values = [by_signal.get(signal, math.nan) for by_signal in contributions]
        columns[CONTRIBUTION + signal] = np.array(values, np.float64)
    return pd.DataFrame(columns)


def plot(report: Report, ax: Axes | None = None) -> Axes:
    """Draw a report's score as a waterfall on the log-odds: the bias, what each signal adds, and the sum.

    Signals whose contribution rounds to 0.00 share one row. The upper axis shows the score at each sum.

    Args:
        report: The report.
        ax: Axes to draw on; a new figure if None.

    Returns:
        The axes.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise _missing_package("matplotlib") from None
    score = report.score
    large = [(c.signal, c.contribution) for c in score.contributions if abs(c.contribution) >= _MIN_BAR_CONTRIBUTION]
    small = [c.contribution for c in score.contributions if abs(c.contribution) < _MIN_BAR_CONTRIBUTION]
    rest = [(f"{len(small)} other signal{'s' * (len(small) > 1)}", math.fsum(small))] if small else []
    steps = [("before any signal", score.bias), *large, *rest]
    if ax is None:
        ax = plt.subplots(figsize=(8, 1.6 + 0.32 * len(steps)), layout="constrained")[1]
    as_text: dict[str, Any] = {"parse_math": False}  # a dollar sign in a name is a dollar sign
    if score.value is None:
        ax.set_title(f"{report.listing_id}: no candidate brand, no score", **as_text)
        ax.set_axis_off()
        return ax
    total = report.sums_to()
    ends = np.cumsum([0.0, *(amount for _, amount in steps)]).tolist()
    for row, (_, amount) in enumerate(steps):
        colour = "0.6" if row == 0 else _BAND_COLOURS["block"] if amount > 0 else _BAND_COLOURS["clear"]
        ax.barh(row, amount, left=ends[row], height=0.6, color=colour)
        ax.plot([ends[row + 1]] * 2, [row - 0.3, row + 1.3], color="0.5", linewidth=0.8)
        # beside the right end of the bar, never on the line down to the next one
        ax.annotate(
            f"{amount:+.2f}", (max(ends[row], ends[row + 1]), row), (4, 0), textcoords="offset points", va="center"
        )
    ax.barh(len(steps), total, height=0.6, color=_BAND_COLOURS[score.band])
    ax.annotate(
        f"{total:+.2f}: score {score.value:.1f}, {score.band}",
        (max(total, 0.0), len(steps)), (4, 0), textcoords="offset points", va="center", weight="bold",
    )  # fmt: skip
    ax.axvline(0.0, color="0.5", linewidth=0.8)
    ax.set_yticks(range(len(steps) + 1), [*(name for name, _ in steps), "sum"], **as_text)
    ax.invert_yaxis()
    span = max(ends) - min(ends) or 1.0
    ax.set_xlim(min(ends) - 0.06 * span, max(ends) + 0.55 * span)  # room for the labels beside the bars
    ax.set_xlabel("log-odds")
    ax.set_title(f"{report.listing_id}: {score.brand}", **as_text)
    _add_score_axis(ax)
    return ax


def _add_score_axis(ax: Axes) -> None:
    """Add an axis of scores on top, with ticks whose labels do not overlap."""
    low, high = ax.get_xlim()
    marks = [s for s in (0.1, 1, 5, 20, 50, 80, 95, 99, 99.9) if low < math.log(s / (100 - s)) < high]
    above = ax.secondary_xaxis("top")
    above.set_xticks([math.log(s / (100 - s)) for s in marks], [f"{s:g}" for s in marks])
    above.set_xlabel("score")
