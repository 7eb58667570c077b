"""The OCR engines side by side, in one run: words on composites with known text, brands on photos, time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rich.progress import track

from benchmarks.common.composites import Composite, composites, write_pillow_font
from benchmarks.common.options import PATH, rows_of
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_ocr
from benchmarks.common.statistics import bootstrap
from logoscan.images.loading import load_image
from logoscan.ocr.engine import OcrEngine
from logoscan.text.brand_names import NameIndex
from logoscan.training.wordmarks import font_files
from logoscan.types import Brand, Rgb, TextSpans

ENGINES = ("rapidocr", "easyocr")
"""Engines that are compared."""
LEAST_PROBABILITY = 0.5
"""Probability from which a mention counts as a brand of the photo."""


def _letters(text: str) -> str:
    return "".join(text.casefold().split())


def errors_of(composite: Composite, spans: TextSpans) -> list[tuple[int, int]]:
    """Count (edits, letters) of each text against what was read over it, case and blanks aside; unread is all wrong."""
    counted = []
    low, high = spans.polygons.min(axis=1, initial=np.inf), spans.polygons.max(axis=1, initial=-np.inf)
    middle = (low + high) / 2
    for text, box in zip(composite.texts, composite.boxes, strict=True):
        over = ((middle >= box[:2]) & (middle <= box[2:])).all(axis=1)
        over |= (((box[:2] + box[2:]) / 2 >= low) & ((box[:2] + box[2:]) / 2 <= high)).all(axis=1)
        rows = sorted(np.flatnonzero(over).tolist(), key=lambda i: float(low[i, 0]))
        wanted, read = _letters(text), _letters("".join(spans.texts[i] for i in rows))
        counted.append((min(Levenshtein.distance(wanted, read), len(wanted)), len(wanted)))
    return counted


def _timed(engine: OcrEngine, rgb: Rgb) -> tuple[TextSpans, float]:
    began = time.perf_counter()
    spans = engine.read([rgb])[0]
    return spans, time.perf_counter() - began


def on_composites(engines: dict[str, OcrEngine], made: list[Composite]) -> dict[str, dict[str, Any]]:
    """Compute the share of texts read without an error, character error rate and seconds a picture, by engine."""
    figures: dict[str, dict[str, Any]] = {}
    counted: dict[str, list[tuple[int, int]]] = {name: [] for name in engines}
    took: dict[str, list[float]] = {name: [] for name in engines}
    for composite in track(made, "composites"):
        for name, engine in engines.items():
            spans, seconds = _timed(engine, composite.rgb)
            counted[name] += errors_of(composite, spans)
            took[name].append(seconds)
    for name, rows in counted.items():
        edits, letters = np.array(rows).T
        found = (edits == 0).astype(np.float64)
        figures[name] = {
            "words_found": round(float(found.mean()), 4),
            "words_found_ci": bootstrap(lambda p, n, found=found: float(found[p].mean()), (len(found), 0)),  # type: ignore[misc]
            "character_error_rate": round(float(edits.sum() / letters.sum()), 4),
            "seconds": round(float(np.median(took[name])), 3),
            "n": len(rows),
        }
    return figures


def on_photos(
    engines: dict[str, OcrEngine], photos: list[tuple[Path, frozenset[str]]], names: NameIndex
) -> dict[str, dict[str, Any]]:
    """Compute the share of photos of which a labelled brand is read, and in which another is, and seconds a photo.

    Args:
        engines: By name.
        photos: File and labelled brands of each.
        names: Names of all brands.
    """
    right: dict[str, list[bool]] = {name: [] for name in engines}
    wrong: dict[str, list[bool]] = {name: [] for name in engines}
    took: dict[str, list[float]] = {name: [] for name in engines}
    for path, brands in track(photos, "photos"):
        rgb = load_image(path)
        for name, engine in engines.items():
            spans, seconds = _timed(engine, rgb)
            read = {m.brand for m in names.find_in_spans(spans, 0) if m.probability >= LEAST_PROBABILITY}
            right[name].append(bool(read & brands))
            wrong[name].append(bool(read - brands))
            took[name].append(seconds)

    def share(of: list[bool]) -> Callable[[NDArray[np.int64], NDArray[np.int64]], float]:
        return lambda p, n: float(np.array(of, np.float64)[p].mean())

    every = np.arange(len(photos))
    return {
        name: {
            "brand_recall": round(share(right[name])(every, every), 4),
            "brand_recall_ci": bootstrap(share(right[name]), (len(photos), 0)),
            "other_brand": round(share(wrong[name])(every, every), 4),
            "seconds": round(float(np.median(took[name])), 3),
            "n": len(photos),
        }
        for name in engines
    }


@click.command("ocr")
@click.option("--labels", type=PATH, required=True, help="CSV file,brand; rows without a brand are left out.")
@click.option("--images", type=PATH, required=True, help="Folder of the photos.")
@click.option("--fonts", type=PATH, help="Folder of fonts for the composites; default: the one that Pillow brings.")
@click.option("--composites", "made", default=100, show_default=True, help="Composites of each kind.")
@click.option(
    "--photos", "count", default=100, show_default=True, help="Photos, evenly spread over the labels; 0: all."
)
@click.option("--engine", "chosen", type=click.Choice(ENGINES), multiple=True, default=ENGINES, show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def ocr(
    labels: Path,
    images: Path,
    fonts: Path | None,
    made: int,
    count: int,
    chosen: tuple[str, ...],
    device: str,
    seed: int,
    out: Path,
) -> None:
    """Compare OCR engines, in turn on each picture: words and character error rate on composites, brands on photos."""
    engines: dict[str, OcrEngine] = {}
    for name in chosen:
        engine = build_ocr(name, device)
        assert engine is not None
        engines[name] = engine
    rows = [(images / r["file"], frozenset(r["brand"].split("|"))) for r in rows_of(labels) if r["brand"]]
    names = NameIndex(map(Brand, sorted({b for _, brands in rows for b in brands})))
    step = max(1, len(rows) // count) if count else 1
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = font_files(fonts or write_pillow_font(Path(folder)))
        for kind in ("rendered", "scene"):
            figures[kind] = on_composites(engines, list(composites(seed, made, files, kind)))
    figures["photos"] = on_photos(engines, rows[::step][: count or None], names)
    if len(engines) == len(ENGINES):
        slow, fast = (figures["photos"][name]["seconds"] for name in ("easyocr", "rapidocr"))
        figures["easyocr_over_rapidocr"] = round(slow / fast, 1)
    write_result(out, figures, {"engines": {k: v.name for k, v in engines.items()}, "fonts": len(files), "seed": seed})
