"""Whole photos against an index, by the shipped scanner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.brand_rates import brand_rates
from benchmarks.common.feature_cache import photo_features
from benchmarks.common.labelled_photos import MODES, Photo, best, confidences_of, evidence_of, matches_of, prepare
from benchmarks.common.options import GALLERY, LABELS, MODELS, PATH, corners, options, rows_of
from benchmarks.common.results import write_result
from benchmarks.common.statistics import Statistic, paired, tpr_at
from logoscan.images.boxes import iou
from logoscan.index.logo_index import LogoIndex
from logoscan.scan.scanner import Scanner
from logoscan.types import Match
from logoscan.vision.features import PhotoFeatures


@click.command("identify")
@click.option("--mode", type=click.Choice(MODES), default="both", show_default=True, help="Whose figures stand on top.")
@click.option("--boxes", type=PATH, help="CSV file,brand,x0,y0,x1,y1: how well right matches lie on the marks.")
@click.option("--evidence", type=click.Path(path_type=Path), help="Keep what each photo says, for `score`.")
@options("json", "cache", *GALLERY, *LABELS, *MODELS)
def identify(
    mode: str, boxes: Path | None, evidence: Path | None, out: Path, cache: Path | None, **inputs: Any
) -> None:
    """Identify brands in whole photos with the shipped scanner, each photo as a listing of its own.

    A photo's answer is its most confident brand. hit: the answer is among the labels. TPR: share of positives that are
    a hit with a confidence above t; t is the lowest threshold with at most floor(fpr * n_neg) false positives.
    Negatives are the rows with an empty brand in either label file. Photos none of whose brands is in the index are
    dropped and counted.

    Brands are named as in a report: those registered by their name alone have a threshold of their own. tpr_shipped:
    share of positives whose answer is a hit and is named. fpr_shipped: share of negatives in which any brand is named.
    shown_named: share of the brands that the photos show, photo by photo, that are named. wrong_named: share of all
    photos in which a brand is named that they do not show. top1_with_logo: top1 of the photos that show a brand with a
    logo image.

    gain: TPR at 1 % by both less that of the better of logo and text, with the interval of a paired bootstrap (photos
    are drawn, both answers with them). match_iou: mean, over photos whose answer by logo is a hit, of the overlap of
    the surest match of that brand with the nearest true box of that brand.
    """
    run = prepare(**inputs, cache=cache)
    kept = [p for p in run.photos if not p.brands or p.brands & run.names]
    if not any(p.brands for p in kept):
        raise click.ClickException("no photo shows a brand of the index: nothing to measure")
    confidences: list[dict[str, dict[str, float]]] = []
    overlaps: list[float] = []
    probabilities: list[tuple[float | None, float]] = []
    true_boxes = _true_boxes(boxes)
    for photo, features in zip(kept, photo_features(run.scanner, [p.path for p in kept], cache), strict=True):
        confidences.append(confidences_of(run.scanner, run.index, features))
        probabilities.append(_probabilities(run.scanner, run.index, features, photo))
        brand = best(confidences[-1]["logo"])[0]
        if brand in photo.brands and (photo.path.name, brand) in true_boxes:
            surest = next(m for m in matches_of(run.scanner, run.index, features) if m.brand == brand)
            overlaps.append(_overlap(surest, true_boxes[photo.path.name, brand]))
    registered = frozenset(brand.name for brand in run.index.brands)
    judged = [Photo(p.path, p.brands & registered) for p in kept]
    figures = brand_rates(
        judged, confidences, None if run.scanner.calibration is None else run.named, run.index.with_logo
    )
    counts: dict[str, Any] = {"n_dropped": len(run.photos) - len(kept), "brands": len(run.index.brands)}
    counts |= {name: figures[name] for name in ("n_pos", "n_neg", "n_shown", "n_with_logo")}
    if counts["n_neg"]:
        every = (np.arange(counts["n_pos"]), np.arange(counts["n_neg"]))
        rate = {name: _tpr(judged, confidences, name) for name in ("logo", "text", "both")}
        better = max(("logo", "text"), key=lambda name: rate[name](*every))
        counts["gain_over"] = better
        counts |= paired("gain", rate["both"], rate[better], (counts["n_pos"], counts["n_neg"]))
    if evidence is not None:
        settings = {"command": ["identify", mode], "encoder": run.settings["encoder"], "ocr": run.settings["ocr"]}
        content = {**settings, "brands": counts["brands"], "photos": probabilities}
        evidence.write_text(json.dumps(content) + "\n", "utf-8")
    lie = {"match_iou": round(float(np.mean(overlaps)), 4), "n_matches": len(overlaps)} if overlaps else {}
    write_result(
        out, {**counts, **lie, "mode": mode, **figures["modes"][mode], "modes": figures["modes"]}, run.settings
    )


def _tpr(photos: list[Photo], confidences: list[dict[str, dict[str, float]]], mode: str) -> Statistic:
    """Return the true positive rate at 1 % false positives of a mode, as a function of the rows that are drawn."""
    answers = [(photo, *best(given[mode])) for photo, given in zip(photos, confidences, strict=True)]
    hit = np.array([name in photo.brands for photo, name, _ in answers if photo.brands], bool)
    confidence = np.array([sure for photo, _, sure in answers if photo.brands], np.float64)
    return tpr_at(hit, confidence, np.array([sure for photo, _, sure in answers if not photo.brands], np.float64), 0.01)


def _probabilities(
    scanner: Scanner, index: LogoIndex, features: PhotoFeatures, photo: Photo
) -> tuple[float | None, float]:
    """Give how surely a photo shows a brand that it does show (None: it shows none), and the surest other brand."""
    evidence = evidence_of(scanner, index, matches_of(scanner, index, features), features)
    shown = {name: round(e.shown or 0.0, 4) for name, e in evidence.items()}
    right = max((shown.get(brand, 0.0) for brand in photo.brands), default=None)
    return right, max((p for name, p in shown.items() if name not in photo.brands), default=0.0)


def _true_boxes(path: Path | None) -> dict[tuple[str, str], NDArray[np.float32]]:
    """Read the boxes, float32 (n, 4), of each file and brand."""
    grouped: dict[tuple[str, str], list[list[float]]] = {}
    for row in rows_of(path):
        grouped.setdefault((row["file"], row["brand"]), []).append(corners(row))
    return {key: np.array(rows, np.float32) for key, rows in grouped.items()}


def _overlap(match: Match, truth: NDArray[np.float32]) -> float:
    return float(iou(np.array([match.xyxy], np.float32), truth).max())
