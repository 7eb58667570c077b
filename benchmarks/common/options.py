"""Options that several benchmarks share, and their CSV files."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np

from logoscan.ocr.engine import OcrChoice
from logoscan.types import Boxes

PATH = click.Path(exists=True, path_type=Path)
"""A file or folder that has to exist."""
OCR = click.Choice(get_args(OcrChoice))
"""Names of OCR engines."""

GALLERY = ("images", "gallery", "exclude", "distractors")
"""Options of a benchmark that compares photos with an index of galleries."""
MODELS = ("encoder", "pretrained", "detector", "detector_weights", "ocr", "effort", "device")
"""Options that choose the models of a scanner."""
LABELS = ("labels", "negatives", "negative_labels")
"""Options of a benchmark on labelled photos."""


def options(*names: str) -> Callable[[Any], Any]:
    """Decorate a command with the options of these names."""
    table = {
        "images": click.option("--images", type=PATH, required=True, help="Folder of the photos."),
        "folders": click.option(
            "--images", "folders", type=PATH, required=True, multiple=True, help="Folders of photos."
        ),
        "long_side": click.option(
            "--long-side",
            "long_side_px",
            type=click.IntRange(64),
            help="Photos are first scaled to this long side in pixels; sellers upload some 1,600 px.",
        ),
        "gallery": click.option(
            "--gallery", "galleries", type=PATH, required=True, multiple=True, help="Folder of brand folders."
        ),
        "exclude": click.option("--exclude", type=PATH, help="CSV with a column file: photos that are no queries."),
        "distractors": click.option("--distractors", type=PATH, help="SVG or PNG files, each a further brand."),
        "json": click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file."),
        "encoder": click.option(
            "--encoder", default=None, help="open_clip name or folder; the bundled encoder if absent."
        ),
        "pretrained": click.option("--pretrained", default=None, help="Tag or checkpoint for --encoder."),
        "device": click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, ..."),
        "detector": click.option(
            "--detector",
            type=click.Choice(["logo", "tiles", "whole"]),
            default="logo",
            show_default=True,
            help="logo: the bundled one.",
        ),
        "detector_weights": click.option("--detector-weights", type=PATH, help="Another file for --detector logo."),
        "labels": click.option("--labels", type=PATH, required=True, help="CSV file,brand; | between several brands."),
        "negatives": click.option("--negatives", type=PATH, help="Folder of further photos, without brands."),
        "negative_labels": click.option(
            "--negative-labels", type=PATH, help="CSV file,brand of --negatives; rows with a brand are ignored."
        ),
        "ocr": click.option("--ocr", type=OCR, default="auto", show_default=True, help="Engine that reads the photos."),
        "effort": click.option(
            "--effort",
            type=click.Choice(["default", "full"]),
            default="default",
            show_default=True,
            help="How much work may be saved.",
        ),
        "cache": click.option(
            "--cache",
            type=click.Path(path_type=Path),
            help="Folder that keeps indexes and photo features for the next run; empty it when vision code changed.",
        ),
    }

    def decorate(function: Any) -> Any:
        for name in reversed(names):
            function = table[name](function)
        return function

    return decorate


def rows_of(path: Path | None) -> list[dict[str, str]]:
    """Read the rows of a CSV file with a header; no rows for no file."""
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def corners(row: dict[str, str]) -> list[float]:
    """Read the box of a row, xyxy in pixels."""
    return [float(row[k]) for k in ("x0", "y0", "x1", "y1")]


def boxes_by_file(path: Path | None) -> dict[str, Boxes]:
    """Read the boxes of each file of a CSV, float32 (n, 4)."""
    grouped: dict[str, list[list[float]]] = {}
    for row in rows_of(path):
        grouped.setdefault(row["file"], []).append(corners(row))
    return {name: np.array(rows, np.float32) for name, rows in grouped.items()}


def rows_by_file(rows: list[dict[str, str]]) -> dict[str, list[int]]:
    """Group the positions of rows by their file, in the order of the first row of each."""
    grouped: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        grouped.setdefault(row["file"], []).append(i)
    return grouped


def by_size(right: Any, rows: list[dict[str, str]]) -> dict[str, float | None]:
    """Compute the share of right boxes whose long side is under 64 px, from 64 to 160 px, and above.

    Args:
        right: bool (n,), whether each box was found.
        rows: The box of each.
    """
    long = np.array([max(float(r["x1"]) - float(r["x0"]), float(r["y1"]) - float(r["y0"])) for r in rows])
    parts = {"small": long < 64, "medium": (long >= 64) & (long <= 160), "large": long > 160}
    return {name: round(float(right[which].mean()), 4) if which.any() else None for name, which in parts.items()}
