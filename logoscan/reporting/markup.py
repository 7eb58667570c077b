"""The nouns as small HTML, for notebooks.

Knows the nouns alone and stands beside them, so that their methods can call it. The HTML has no scripts, no files and
no colours of its own: it is read on light and on dark ground. Whatever comes from outside is escaped and set apart, so
that neither tags nor right-to-left marks reach the page around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from logoscan.results import Report
from logoscan.types import Brand, EncoderInfo, Regions

__all__ = ["index_html", "regions_html", "report_html"]

_ROWS = 20
"""Of a table that is shown; the rest is counted."""
_BOXES = 200
"""Boxes that are drawn: more are a grey field."""
_BOXES_LISTED = 8
_MAP_PX = 160
_LONGEST = 300
"""Characters of one text that are shown: a description may be a book."""


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
    return f'<table style="border-collapse:collapse;color:inherit;font-size:inherit">{"".join(lines)}</table>{more}'


def _bar(share: float) -> str:
    """A bar of up to 80 px in the colour of the text."""
    width = round(80 * min(1.0, max(0.0, share)))
    return f'<span style="display:inline-block;width:{width}px;height:.7em;background:currentColor;opacity:.5"></span>'


def report_html(report: Report) -> str:
    """One report: its score, the contributions that sum to it, and what could not be judged."""
    score = report.score
    if score.value is None:
        title = f"{_text(report.listing_id)}: no candidate brand, {score.band}"
    else:
        title = f"{_text(report.listing_id)}: {score.value:.1f} of 100 for {_text(score.brand)}, {score.band}"
    parts = score.contributions
    most = max((abs(p.contribution) for p in parts), default=0.0) or 1.0
    rows = [
        (f"{p.contribution:+.2f}", _bar(p.contribution / most), _text(p.signal), _text(p.why)) for p in parts[:_ROWS]
    ]
    told = [
        f"{score.bias:+.2f} before any signal, {report.sums_to():+.2f} in all; coverage {score.coverage:.0%}",
        f"pictures: {len(report.images)}, matches: {len(report.matches)}, mentions: {len(report.mentions)}",
        *(f"{_text(b.brand)}: {b.score:.1f}{_shown(b.probability)}" for b in report.brands[:_ROWS]),
        *(f"warning: {_text(w)}" for w in report.warnings[:_ROWS]),
        *(f"not judged: {_text(s)}" for s in report.skipped[:_ROWS]),
    ]
    table = _table(("log-odds", "", "signal", "why"), rows, len(parts))
    return _frame(title, table, *map(_line, told))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _shown(probability: float | None) -> str:
    return "" if probability is None else f", shown with probability {probability:.2f}"


def regions_html(regions: Regions) -> str:
    """Places in a picture: a map of the boxes, the surest darkest, and the surest in numbers with their rows."""
    title = _count(len(regions), "region")
    if not len(regions):
        return _frame(title)
    order = np.argsort(-regions.confidence, kind="stable")
    rows = [
        (str(row), f"{regions.confidence[row]:.2f}", " ".join(f"{v:.0f}" for v in regions.xyxy[row].tolist()))
        for row in order[:_BOXES_LISTED].tolist()
    ]
    table = _table(("row", "confidence", "x0 y0 x1 y1, px"), rows, len(regions))
    return _frame(title, _map(regions, order[:_BOXES]), table)


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
    """A register: what made it, and what each brand brought.

    Args:
        encoder: What made the vectors.
        brands: All of them.
        logos: Vectors of logos by brand.
        by_name: Brands that are known by their name alone.
        negatives: Pictures that show none of them.
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
        for b in brands[:_ROWS]
    ]
    made = f"by {_text(encoder.name)}, {encoder.dim} numbers a vector, fingerprint {escape(encoder.fingerprint)}"
    beside = f"{by_name:,} known by name alone; {_count(negatives, 'negative')}"
    table = _table(("brand", "vectors", "aliases", "authorised sellers", "usual prices"), rows, len(brands))
    return _frame(title, _line(made), _line(beside), table)
