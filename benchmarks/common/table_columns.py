"""Columns and cells of the tables of benchmarks/README.md, for each benchmark."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Result: TypeAlias = Mapping[str, Any]
"""Content of a result file."""
Column: TypeAlias = tuple[str, Callable[[Result], str]]
"""Heading, and the cell of a result."""


def setting(result: Result, name: str) -> Any:
    """Look up a setting of a result; None where it has none."""
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


def table_of(columns: Sequence[Column], results: Mapping[str, Result]) -> str:
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


def _many_worlds(result: Result) -> str:
    """Write the means and worst deciles over drawn worlds, and in how many of them labels win."""
    drawn = result["drawn"]

    def both(name: str) -> str:
        return f"{drawn[name]['mean']:.3f} / {drawn[name]['worst_decile']:.3f}" if name in drawn else "-"

    figures = {
        "AUC": ("auc", "auc_stream", "auc_100", "auc_1000", "auc_10000", "auc_10000_plain", "auc_posterior"),
        "first 1 %": ("first", "first_stream", "", "", "first_10000", "", "first_posterior"),
        "gap closed": ("auc_gap_closed", "auc_stream_gap_closed", "auc_100_gap_closed", "", "auc_10000_gap_closed"),
    }
    by = ("priors", "bounded by the stream", "100 labels", "1,000", "10,000", "regression, 10,000", "posterior")
    rows = [
        [model, *(both(names[i]) if i < len(names) else "-" for names in figures.values())]
        for i, model in enumerate(by)
    ]
    table = _rows(
        [f"{drawn['worlds']} simulated worlds, by", *(f"{name}: mean / worst decile" for name in figures)], rows
    )
    others = {
        "calibration error, 1,000 labels": "ece_1000",
        "lost with 30 % missing": "lost_by_missing",
        "merchants": "merchants",
        "1,000 labels of the queue's head": "auc_queue",
        "queue's head, regression": "auc_queue_plain",
        "weighted labels": "auc_weighted",
        "weighted labels, regression": "auc_weighted_plain",
    }
    second = _rows(["further figures", "mean / worst decile"], [[what, both(name)] for what, name in others.items()])
    counts = ", ".join(
        f"{drawn[name]} {what}"
        for name, what in (
            ("above_plain_100", "by 100 labels"),
            ("above_plain_1000", "by 1,000"),
            ("not_under_plain_10000", "by 10,000 (not more than 0.002 under it)"),
        )
    )
    return f"{table}\n\n{second}\n\nWorlds in which the score ranks better than the regression: {counts}."


def _rings(result: Result) -> str:
    keys = ("pair_precision", "honest_per_10000", "rings_found", "recall_reachable", "victims_in_rings")
    ways = {"": "the four rules", "gated_": "suspects, any token of up to 40 users", "naive_": "any shared token"}
    rows = [
        [name, way, *(_cell(row[f"{prefix}{key}"]) for key in keys)]
        for name, row in result.get("worlds", {}).items()
        for prefix, way in ways.items()
    ]
    headings = ["simulated world", "way", "pair precision", "honest sellers in rings, of 10,000", "rings found"]
    parts = [_rows([*headings, "recall of reachable pairs", "copied sellers in rings"], rows)] if rows else []
    for name in ("scale", "photos"):
        if name in result:
            parts.append(_rows(list(result[name]), [[_cell(value) for value in result[name].values()]]))
    return "\n\n".join(parts)


def _buys(result: Result) -> str:
    parts = []
    for name, row in result.get("worlds", {}).items():
        scores = [key.removeprefix("rmse_ratio_") for key in row if key.startswith("rmse_ratio_")]
        rows = [
            [score]
            + [_cell(row[f"{key}_{score}"]) for key in ("rmse_ratio", "bias_share")]
            + [f"{_cell(row[f'coverage_{score}'])} / {_cell(row[f'coverage_brand_{score}'])}"]
            + [_cell(row[f"fakes_ratio_{score}"])]
            + [f"{_cell(row[f'top_rmse_ratio_{score}'])} / {_cell(row[f'top_bias_{score}'])}"]
            for score in scores
        ]
        headings = [f"{name}: score", "RMSE", "bias", "holds / by brand", "counterfeits", "highest scores: RMSE / bias"]
        parts.append(_rows(headings, rows))
    for name, models in result.get("labels", {}).items():
        keys = ("log_loss", "calibration_error", "auc")
        rows = [[model, *(_cell(row[key]) for key in keys)] for model, row in models.items()]
        parts.append(_rows([f"labels, {name}: fitted to", "log loss", "calibration error", "AUC"], rows))
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


def scalars(result: Result) -> str:
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


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}" if value < 20 else f"{value:.0f}"


def _stage(name: str) -> Callable[[Result], str]:
    return lambda result: _milliseconds(result["stages_ms_per_photo"].get(name))


def _screen(result: Result) -> str:
    headings = ["photos a listing", "deadline, s", "decided in full and in time", "median, s", "0.95 quantile, s"]
    headings += ["allowed though a scan holds", "listings", "a scan: median, s"]
    listings, photos = _cell(result["listings"]), str(setting(result, "photos"))
    rows = []
    for deadline, part in result["deadlines"].items():
        took = [f"{part['p50_s']:.2f}", f"{part['p95_s']:.2f}"]
        held = _cell(part["allowed_though_held"])
        rows.append([photos, deadline, _cell(part["decided"]), *took, held, listings, f"{result['scan']['p50_s']:.2f}"])
    return _rows(headings, rows)


def _scripts(result: Result) -> str:
    names = {"Hans": "Chinese (simplified)", "Jpan": "Japanese", "Kore": "Korean", "Cyrl": "Cyrillic", "Thai": "Thai"}
    headings = ["names in", "found", "line detected", "blanks said to be unread", "names", "fonts"]
    rows = []
    for script, words in {**names, "Arab": "Arabic"}.items():
        part = result.get(script)
        if part is not None:
            blanks = part["blanks"]
            unread = f"{round(blanks * part['blanks_unread'])} of {blanks}" if blanks else "-"
            counts = [str(part["n"]), str(part["fonts"])]
            rows.append([words, _rate(part, "found"), f"{part['detected']:.3f}", unread, *counts])
    return _rows(headings, rows)


COLUMNS: dict[str | None, Sequence[Column]] = {
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
        ("misnamed", _mode("both", "wrong_named")),
        ("logo: top-1", _mode("logo", "top1")),
        ("logo: top-1 where it has a logo image", _mode("logo", "top1_with_logo")),
        ("logo: TPR at 1 %", _mode("logo", "tpr_at_fpr_01")),
        ("appearance", _mode("appearance", "tpr_at_fpr_01")),
        ("keypoints", _mode("keypoints", "tpr_at_fpr_01")),
        ("text", _mode("text", "tpr_at_fpr_01")),
        ("gain over logo or text", _figure("gain")),
        ("photos with / without a brand", lambda r: f"{r['n_pos']:,} / {r['n_neg']:,}"),
        ("brands", _figure("brands")),
    ],
    "stages": [
        *((name, _stage(name)) for name in (
            "open", "codes", "detect", "read", "encode", "keypoints", "search", "match", "text", "judge")),
        ("all, ms of processor time", lambda r: _milliseconds(r.get("processor_ms_per_photo"))),
        ("photos", _figure("photos")),
    ],
    "reading": [
        ("ms a photo", lambda r: f"{r['ms_per_photo']:.1f}"),
        ("of these: lines searched", lambda r: f"{r['parts_ms_per_photo']['find']:.1f}"),
        ("lines read", lambda r: f"{r['parts_ms_per_photo']['lines']:.1f}"),
        ("boxes and curved text read", lambda r: f"{r['parts_ms_per_photo']['words']:.1f}"),
        ("lines a photo", lambda r: f"{r['lines_per_photo']:.2f}"),
        ("photos", _figure("photos")),
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
    "goods": [
        ("recall of 10 proposals", _figure("recall_10")),
        ("of 50", _figure("recall_50")),
        ("of 50: under 64 px / to 160 / above", _sizes("recall_50")),
        ("mean best IoU", _figure("mean_best_iou")),
        ("top-1", _figure("top1")),
        ("top-1 under 64 px / to 160 / above", _sizes("top1")),
        ("TPR shipped", _figure("tpr_shipped")),
        ("shown and named", _figure("shown_named")),
        ("FPR shipped", _figure("fpr_shipped")),
        ("misnamed", _figure("wrong_named")),
        ("simulated scenes with / without a registered mark", lambda r: f"{_cell(r['n_pos'])} / {_cell(r['n_neg'])}"),
        ("brands", _figure("brands")),
    ],
    "packs": [
        ("top-1", _figure("top1")),
        ("TPR shipped", _figure("tpr_shipped")),
        ("shown and named", _figure("shown_named")),
        ("FPR shipped", _figure("fpr_shipped")),
        ("misnamed", _figure("wrong_named")),
        ("another maker's", _figure("wrong_maker")),
        ("logo: top-1", _mode("logo", "top1")),
        ("logo: TPR shipped", _mode("logo", "tpr_shipped")),
        ("logo: misnamed", _mode("logo", "wrong_named")),
        ("photos with / without a registered pack", lambda r: f"{_cell(r['n_pos'])} / {_cell(r['n_neg'])}"),
        ("packs", _figure("brands")),
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
"""Columns of the benchmarks whose results are the rows of one table."""
WHOLE: dict[str, Callable[[Result], str]] = {
    "screen": _screen,
    "scripts": _scripts,
    "manyworlds": _many_worlds,
    "score": _score,
    "rings": _rings,
    "buys": _buys,
    "honest": _honest,
    "effort": _effort,
    "plans": _plans,
    "evasion": _evasion,
}
"""Writers for the benchmarks whose results have a table each; all others list their numbers."""
