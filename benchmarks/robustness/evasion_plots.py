"""The curves of `evasion`, a panel an attack, and its tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

# Panels in a row.
_COLUMNS = 4
# Colour of the level of the untouched photos.
_INK = "#222222"
# Colour, line and marker of each kind of evidence; markers tell them apart in print and to the colour-blind.
_LINES = {"all": ("#0b5cad", "-", "o"), "logo": ("#d9730d", "-", "s"), "text": ("#3a8f4d", "-", "^")}
# The same for titles.
_TITLE_LINES = {"found": ("#0b5cad", "-", "o"), "flagged": ("#d9730d", "-", "s")}


def draw_photos(figures: Mapping[str, Any], path: Path) -> None:
    """Draw recall against severity by all evidence, by logo and by text; the untouched level is dashed."""
    _draw(figures, _LINES, path, "share of photos that show their brand")


def draw_titles(figures: Mapping[str, Any], path: Path) -> None:
    """Draw the share of titles whose brand is found, and flagged as misspelt or disguised."""
    _draw(figures, _TITLE_LINES, path, "share of titles")


def _draw(figures: Mapping[str, Any], lines: Mapping[str, tuple[str, str, str]], path: Path, quantity: str) -> None:
    columns = min(_COLUMNS, max(1, len(figures)))
    rows = max(1, math.ceil(len(figures) / columns))
    figure = Figure(figsize=(3.3 * columns, 2.7 * rows + 0.6), dpi=120, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel in panels.flat[len(figures) :]:
        panel.set_visible(False)
    for panel, (name, content) in zip(panels.flat, figures.items(), strict=False):
        severities = content["severities"]
        positions = range(len(severities))
        first = next(iter(lines))
        panel.axhline(severities[0][first] or 0.0, color=_INK, linewidth=0.8, linestyle="--", alpha=0.6)
        for key, (colour, line, marker) in lines.items():
            values = [row[key] for row in severities]
            if any(value is None for value in values):
                continue
            low, high = zip(*(row[f"{key}_ci"] for row in severities), strict=True)
            panel.fill_between(positions, low, high, color=colour, alpha=0.12, linewidth=0)
            panel.plot(positions, values, color=colour, linestyle=line, marker=marker, markersize=4, label=key)
        panel.set_title(name, fontsize=11, fontweight="bold", loc="left")
        panel.set_xlabel(content["unit"], fontsize=8)
        panel.set_xticks(list(positions), [_degree(row) for row in severities], fontsize=8)
        panel.set_ylim(-0.03, 1.03)
        panel.tick_params(axis="y", labelsize=8)
        panel.grid(alpha=0.25, linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    for row in panels:
        row[0].set_ylabel(quantity, fontsize=8)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)
    figure.savefig(path)


def _degree(row: Mapping[str, Any]) -> str:
    return "none" if row["degree"] is None else f"{row['degree']}"


def table(figures: Mapping[str, Any]) -> str:
    """Write Markdown tables: recall by attack from the mildest degree on, false names by kind, titles by attack."""
    photos = figures["photos"]
    parts = [_block("attack on photos", photos, ("all", "logo", "text"))] if photos else []
    if "patterns" in figures:
        found = figures["patterns"]
        lines = ["| without a brand | false names a thousand | by logo | by text | pictures |", "|---|---|---|---|---|"]
        for kind, row in [*found["by_kind"].items(), ("all kinds", found["every"])]:
            low, high = row["all_ci"]
            lines.append(
                f"| {kind} | {row['all']:.1f} ({low:.1f}-{high:.1f}) | {row['logo']:.1f} | {row['text']:.1f} "
                f"| {row['n']} |"
            )
        parts.append("\n".join(lines))
    if "titles" in figures:
        parts.append(_block("attack on titles", figures["titles"], ("found", "flagged")))
    return "\n\n".join(parts) + "\n"


def _block(heading: str, figures: Mapping[str, Any], keys: Sequence[str]) -> str:
    lines = [f"| {heading} | degrees | {' | '.join(keys)} |", "|---" * (2 + len(keys)) + "|"]
    for name, content in figures.items():
        severities = content["severities"]
        degrees = " / ".join(_degree(row) for row in severities)
        shares = [" / ".join("-" if row[key] is None else f"{row[key]:.2f}" for row in severities) for key in keys]
        lines.append(f"| {name} | {content['unit']}: {degrees} | {' | '.join(shares)} |")
    return "\n".join(lines)
