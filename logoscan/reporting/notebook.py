"""A report as a plot and many reports as a table, for notebooks. Knows the nouns alone and stands beside them.

matplotlib and pandas are imported where they are used (extra `notebook`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from logoscan.errors import MissingDependencyError
from logoscan.results import Report
from logoscan.types import Band

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

__all__ = ["CONTRIBUTION", "plot", "to_pandas"]

CONTRIBUTION = "contribution_"
"""Begins the names of the columns that hold contributions; a signal may be named like any other column."""
_LEAST = 0.005
"""Contribution that is drawn as a bar of its own: what is not +0.00 in print."""
_FACE = {"clear": "#0072b2", "review": "#e69f00", "block": "#d55e00"}
"""Of the bands in plots; told apart by the colour-blind (Okabe and Ito, 2008)."""


def _missing(package: str) -> MissingDependencyError:
    return MissingDependencyError(f"{package} is missing; pip install 'logoscan[notebook]'")


def to_pandas(reports: Iterable[Report]) -> DataFrame:
    """One row a report: ids, score, band, brand, coverage, counts, and what each signal contributed.

    Columns of contributions begin with `contribution_`; where a signal was absent they hold NaN, which is not 0. In
    each row `score` is 100 * sigmoid(`bias` + the sum of these). Reports without a candidate brand have no score and
    no contributions.

    Raises:
        MissingDependencyError: pandas is not installed.

    Example:
        >>> to_pandas([]).columns.tolist()[:5]
        ['listing_id', 'seller_id', 'score', 'band', 'brand']
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

    Signals that added next to nothing share one line. The upper axis tells the score at each sum.

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
    added = [(c.signal, c.contribution) for c in score.contributions if abs(c.contribution) >= _LEAST]
    rest = [c.contribution for c in score.contributions if abs(c.contribution) < _LEAST]
    quiet = [(f"{len(rest)} other signal{'s' * (len(rest) > 1)}", math.fsum(rest))] if rest else []
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
    span = max(ends) - min(ends) or 1.0
    ax.set_xlim(min(ends) - 0.06 * span, max(ends) + 0.55 * span)  # room for the words beside the bars
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
