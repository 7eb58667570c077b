"""Options that the commands of `quality.py` share, and their CSV files."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

PATH = click.Path(exists=True, path_type=Path)
REGISTER = ("images", "gallery", "exclude", "distractors", "encoder", "pretrained", "device")
PHOTOS = ("labels", "negatives", "negative_labels", "detector", "detector_weights", "ocr", "effort")


def options(*names: str) -> Callable[[Any], Any]:
    """Decorate a command with the options of these names."""
    table = {
        "images": click.option("--images", type=PATH, required=True, help="Folder of the photos."),
        "gallery": click.option(
            "--gallery", "galleries", type=PATH, required=True, multiple=True, help="Brand folders."
        ),
        "exclude": click.option("--exclude", type=PATH, help="CSV with a column file: photos that are no queries."),
        "distractors": click.option("--distractors", type=PATH, help="SVG or PNG files, each a further brand."),
        "json": click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file."),
        "encoder": click.option(
            "--encoder", default=None, help="open_clip name or folder; default: the bundled tower."
        ),
        "pretrained": click.option("--pretrained", default=None, help="Tag or checkpoint for --encoder."),
        "device": click.option("--device", default="auto", show_default=True),
        "detector": click.option(
            "--detector",
            type=click.Choice(["logo", "tiles", "whole"]),
            default="logo",
            show_default=True,
            help="logo: the bundled one.",
        ),
        "detector_weights": click.option("--detector-weights", type=PATH, help="Another file for --detector logo."),
        "labels": click.option("--labels", type=PATH, required=True, help="CSV file,brand; | between several brands."),
        "negatives": click.option("--negatives", type=PATH, help="Folder of further photos."),
        "negative_labels": click.option("--negative-labels", type=PATH, help="Its CSV; rows with a brand are ignored."),
        "ocr": click.option("--ocr", type=click.Choice(["auto", "easyocr", "rapidocr", "none"]), default="auto"),
        "effort": click.option(
            "--effort", type=click.Choice(["default", "full"]), default="default", help="Of reading."
        ),
        "cache": click.option(
            "--cache",
            type=click.Path(path_type=Path),
            help="Keep what was seen for the next run; empty it when code changed.",
        ),
    }

    def decorate(function: Any) -> Any:
        for name in reversed(names):
            function = table[name](function)
        return function

    return decorate


def rows_of(path: Path | None) -> list[dict[str, str]]:
    """Rows of a CSV file with a header; none for no file."""
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def corners(row: dict[str, str]) -> list[float]:
    """The box of a row, xyxy px."""
    return [float(row[k]) for k in ("x0", "y0", "x1", "y1")]
