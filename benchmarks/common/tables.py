"""Tables of benchmarks/README.md, written from result files.

A table stands between the lines `<!-- NAME -->` and `<!-- /NAME -->`. A result file is called `NAME.json`, or
`NAME.ROW.json` where several results make the rows of one table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import click

from benchmarks.common.options import PATH

README = Path(__file__).resolve().parent.parent / "README.md"
"""The file whose tables are written."""

Result: TypeAlias = Mapping[str, Any]
"""Content of a result file."""
Column: TypeAlias = tuple[str, Callable[[Result], str]]
"""Heading, and the cell of a result."""

# A block with its name: all between two lines.
_BLOCK = re.compile(r"(?P<begin><!-- (?P<name>[\w-]+) -->\n).*?(?P<end><!-- /(?P=name) -->)", re.S)


def render(result: Result) -> str:
    """Write the Markdown table of one result, with a line below that says where and when it was measured."""
    return render_all({"": result})


def render_all(results: Mapping[str, Result]) -> str:
    """Write the Markdown table of results of one benchmark, a row or a part each.

    Args:
        results: By the name of the row; "" for a single one.
    """
    names = {_setting(result, "benchmark") for result in results.values()}
    if len(names) != 1:
        raise click.ClickException(f"expected results of one benchmark, got {', '.join(sorted(map(str, names)))}")
    name = names.pop()
    if name in _COLUMNS:
        table = _table(_COLUMNS[name], results)
    else:
        parts = [(row, _WHOLE.get(str(name), _scalars)(result)) for row, result in results.items()]
        table = "\n\n".join(f"{row}:\n\n{part}" if row else part for row, part in parts)
    notes: dict[str, list[str]] = {}
    for row, result in results.items():
        notes.setdefault(measured(result), []).append(row)
    lines = [note if len(notes) == 1 else f"{', '.join(rows)}: {note}" for note, rows in notes.items()]
    return "\n\n".join([table, *lines]) + "\n"


def measured(result: Result) -> str:
    """Say when, on which machine and with which settings a result was measured."""
    machine = result.get("machine", {})
    given = [f"precision {p}" for p in [_setting(result, "precision")] if p]
    given += [f"effort {e}" for e in [_setting(result, "effort")] if e]
    given += [f"OCR {o}" for o in [_setting(result, "ocr")] if o]
    given += [f"distractors {d}" for d in [_setting(result, "distractors")] if d]
    where = f"{machine.get('cpu', 'unknown processor')}, {machine.get('cores', '?')} cores"
    if machine.get("cuda", "not run") != "not run":
        where += f", {machine['cuda']}"
    where += f", {machine.get('cpu_capability', '?')}, torch {machine.get('torch', '?')}"
    settings = f"; {', '.join(given)}" if given else ""
    return f"Measured {_setting(result, 'date') or '?'} at {_setting(result, 'code') or '?'} on {where}{settings}."


def rewrite(text: str, tables: Mapping[str, str]) -> str:
    """Put tables into the blocks of a Markdown text.

    Args:
        text: The Markdown.
        tables: Table by the name of its block.
    """
    there = {match["name"] for match in _BLOCK.finditer(text)}
    if missing := sorted(tables.keys() - there):
        raise click.ClickException(
            f"no block <!-- {missing[0]} --> in the README; there are {', '.join(sorted(there))}"
        )

    def filled(match: re.Match[str]) -> str:
        name = match["name"]
        return f"{match['begin']}\n{tables[name].strip()}\n\n{match['end']}" if name in tables else match[0]

    return _BLOCK.sub(filled, text)


@click.command("tables")
@click.argument("results", nargs=-1, required=True, type=PATH)
@click.option("--readme", type=PATH, default=README, show_default=False, help="Markdown file; benchmarks/README.md.")
@click.option("--show", is_flag=True, help="Print the tables and write nothing.")
def tables(results: tuple[Path, ...], readme: Path, show: bool) -> None:
    """Write the tables of RESULTS into the README, each into the block of its name.

    The block of a file is its name up to the first dot: `crops.one_shot.json` is the row "one shot" of the block crops.
    All rows of a block are given together, because the whole block is replaced.
    """
    grouped: dict[str, dict[str, Result]] = {}
    for path in results:
        block, _, row = path.name.removesuffix(".json").partition(".")
        grouped.setdefault(block, {})[row.replace("_", " ")] = json.loads(path.read_text("utf-8"))
    made = {block: render_all(rows) for block, rows in grouped.items()}
    if show:
        for block, table in made.items():
            print(f"{block}:\n\n{table}")
        return
    readme.write_text(rewrite(readme.read_text("utf-8"), made), "utf-8")


# -- cells


def _setting(result: Result, name: str) -> Any:
    return result.get("settings", {}).get(name)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _rate(part: Mapping[str, Any], name: str) -> str:
    """Write a rate with its interval, where there is one."""
    interval = part.get(f"{name}_ci")
    suffix = "" if interval is None else f" ({interval[0]:.2f}-{interval[1]:.2f})"
    return f"{_cell(part.get(name))}{suffix}"


def _figure(name: str) -> Callable[[Result], str]:
    return lambda result: _rate(result, name)


def _mode(mode: str, name: str) -> Callable[[Result], str]:
    return lambda result: _rate(result["modes"][mode], name)


def _sizes(name: str) -> Callable[[Result], str]:
    return lambda result: " / ".join(_cell(result.get(f"{name}_{size}")) for size in ("small", "medium", "large"))


def _rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _table(columns: Sequence[Column], results: Mapping[str, Result]) -> str:
    """Write a row for each result; a first column with their names where there are several."""
    named = [*results] != [""]
    headings = ["set", *(heading for heading, _ in columns)] if named else [heading for heading, _ in columns]
    rows = [[name, *(cell(one) for _, cell in columns)][0 if named else 1 :] for name, one in results.items()]
    return _rows(headings, rows)


# -- benchmarks whose table has a part for each result


def _score(result: Result) -> str:
    parts = []
    if result.get("prices"):
        rows = [
            [name, _cell(row["false_flag"])]
            + [f"{_cell(row[f'caught_{n}'])} / {_cell(row[f'caught_{n}_meandev'])}" for n in (20, 30, 40)]
            for name, row in result["prices"].items()
        ]
        headings = ["prices", "flagged", "caught at 20 % / rule", "at 30 % / rule", "at 40 % / rule"]
        parts.append(_rows(headings, rows))
    if result.get("worlds"):
        rows = [
            [name, _cell(row["auc"]), _cell(row["precision_at_1pct"])]
            + [f"{_cell(row[f'auc_{n}_labels'])} / {_cell(row[f'auc_{n}_labels_plain'])}" for n in (100, 10000)]
            + [_cell(row[key]) for key in ("ece", "auc_missing30", "merchant_auc")]
            for name, row in result["worlds"].items()
        ]
        headings = [
            "simulated world",
            "AUC",
            "first 1 %",
            "100 labels / plain",
            "10,000 labels / plain",
            "calibration error",
            "30 % missing",
            "merchants",
        ]
        parts.append(_rows(headings, rows))
    return "\n\n".join(parts)


def _honest(result: Result) -> str:
    kinds = {"honest": "true claim", "other": "another brand claimed", "brandless": "no brand shown, one claimed"}
    rows = [
        [
            text,
            *(_cell(result[f"{kind}_{key}"]) for key in ("n", "accused", "review", "block")),
            ", ".join(f"{signal} {count}" for signal, count in result[f"{kind}_signals"].items()) or "-",
        ]
        for kind, text in kinds.items()
    ]
    return _rows(["listings", "n", "accused", "not clear", "blocked", "accusing signals"], rows)


def _effort(result: Result) -> str:
    rows = [
        [mode, _cell(row["tpr_default"]), _cell(row["tpr_full"]), _rate(row, "loss")]
        for mode, row in ((mode, result[mode]) for mode in ("logo", "text", "both"))
    ]
    table = _rows(["evidence", "TPR at 1 %, default", "full", "loss"], rows)
    return f"{table}\n\nThe default takes {_cell(result['seconds_ratio'])} of the processor time of full effort."


def _plans(result: Result) -> str:
    keys = ("detector", "regions_mean", "top1", "tpr_at_fpr_01", "time_ratio")
    headings = ["regions by", "regions a photo", "top-1", "TPR at 1 %", "time"]
    rows = [[f"{row[key]:g}" if key in ("regions_mean", "time_ratio") else _cell(row[key]) for key in keys]
            for row in result["plans"]]  # fmt: skip
    return _rows(headings, rows)


def _evasion(result: Result) -> str:
    from benchmarks.robustness.evasion_plots import table

    return table(result).strip()


def _scalars(result: Result) -> str:
    """Write every number of a result, nested ones by the names that lead to them."""
    rows: list[list[str]] = []

    def walk(part: Mapping[str, Any], prefix: str) -> None:
        for name, value in part.items():
            if isinstance(value, Mapping):
                walk(value, f"{prefix}{name}.")
            elif value is None or isinstance(value, (bool, int, float, str)):
                rows.append([f"{prefix}{name}", _cell(value)])

    walk({name: value for name, value in result.items() if name not in ("settings", "machine")}, "")
    return _rows(["figure", "value"], rows)


# Columns of the benchmarks whose results are the rows of one table.
_COLUMNS: dict[str | None, Sequence[Column]] = {
    "crops": [
        ("R@1", _figure("r1")),
        ("R@5", _figure("r5")),
        ("R@1 under 64 px / to 160 / above", lambda r: " / ".join(_cell(v) for v in r["r1_by_size"].values())),
        ("mAP", _figure("map")),
        ("queries", _figure("n_queries")),
        ("brands", _figure("brands")),
    ],
    "identify": [
        ("top-1", _mode("both", "top1")),
        ("TPR at 1 %", _mode("both", "tpr_at_fpr_01")),
        ("TPR shipped", _mode("both", "tpr_shipped")),
        ("FPR shipped", _mode("both", "fpr_shipped")),
        ("logo: TPR at 1 %", _mode("logo", "tpr_at_fpr_01")),
        ("appearance", _mode("appearance", "tpr_at_fpr_01")),
        ("keypoints", _mode("keypoints", "tpr_at_fpr_01")),
        ("text", _mode("text", "tpr_at_fpr_01")),
        ("gain over logo or text", _figure("gain")),
        ("photos with / without a brand", lambda r: f"{r['n_pos']:,} / {r['n_neg']:,}"),
        ("brands", _figure("brands")),
    ],
    "unknown": [
        ("false naming", _mode("both", "false_naming")),
        ("by logo", _mode("logo", "false_naming")),
        ("by text", _mode("text", "false_naming")),
        ("photos", _figure("n_photos")),
        ("brands", _figure("brands")),
    ],
    "naming": [
        ("photos", _figure("n")),
        ("named", _figure("named")),
        ("share", _figure("named_rate")),
        ("by logo", _mode("logo", "named_rate")),
        ("by text", _mode("text", "named_rate")),
    ],
    "boxes": [
        ("recall of 10 proposals", _figure("recall_10")),
        ("of 50", _figure("recall_50")),
        ("of 50: under 64 px / to 160 / above", _sizes("recall_50")),
        ("mean best IoU", _figure("mean_best_iou")),
        ("boxes", _figure("n_boxes")),
    ],
    "attacks": [
        ("attacks", _figure("attacks")),
        ("ended otherwise than stated, or cost too much", lambda r: _cell(len(r["failed"]))),
        ("most processor time, s", _figure("most_cpu_s")),
        ("most memory, MB", _figure("most_mb")),
    ],
    "names": [
        ("text tower R@1", _figure("r1")),
        ("R@5", _figure("r5")),
        ("read R@1", _figure("read_r1")),
        ("both R@1", _figure("both_r1")),
        ("real boxes: text tower / read / both", lambda r: " / ".join(
            _cell(r.get(f"real_{key}")) for key in ("r1", "read_r1", "both_r1"))),
        ("queries", _figure("n_queries")),
        ("names", _figure("names")),
    ],
    "soak": [
        ("photos", _figure("images")),
        ("growth of memory", _figure("rss_growth")),
        ("rate, last tenth over the second", _figure("rate_ratio")),
        ("open files", lambda r: " / ".join(map(str, r["open_files"]))),
    ],
}  # fmt: skip
# Writers for the benchmarks whose results have a table each; all others list their numbers.
_WHOLE: dict[str, Callable[[Result], str]] = {
    "score": _score,
    "honest": _honest,
    "effort": _effort,
    "plans": _plans,
    "evasion": _evasion,
}
