"""The detector against plans of tiles, by what is found and by time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from benchmarks.common.labelled_photos import Answer, answers_of, prepare
from benchmarks.common.options import GALLERY, LABELS, MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner
from benchmarks.common.statistics import operating_threshold
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.tiles import DEFAULT_PLAN, DENSE_PLAN, TilePlan, Tiles

PLANS = (
    TilePlan((1.0,)),
    TilePlan((1.0, 0.5)),
    TilePlan((1.0, 0.6, 0.35)),
    TilePlan((1.0, 0.7, 0.5, 0.33)),
    TilePlan((1.0, 0.75, 0.55, 0.4, 0.28)),
    TilePlan((1.0, 0.75, 0.55, 0.4, 0.24)),
    DEFAULT_PLAN,
    TilePlan((1.0, 0.75, 0.55, 0.4, 0.3, 0.22, 0.2)),
    DENSE_PLAN,
    TilePlan((1.0, 0.86, 0.74, 0.63, 0.54, 0.46, 0.39, 0.33, 0.28, 0.24, 0.2, 0.17)),
    TilePlan(DENSE_PLAN.scales, stride=1 / 3),
)
"""Plans of tiles, from few to many, that `plans` compares a detector with."""

# One photo of so many is timed.
_TIMED = 8


@click.command("plans")
@click.option("--photos", "most", default=300, show_default=True, help="Photos of either kind, evenly chosen.")
@click.option("--skip", default=0, show_default=True, help="Plans, smallest first, that are left out.")
@options("json", *GALLERY, *LABELS, *(name for name in MODELS if name != "ocr"))
def plans(most: int, skip: int, out: Path, **inputs: Any) -> None:
    """Compare the detector with plans of tiles: top-1 and TPR by appearance, and time, on the same photos in one run.

    speed_up: time of the smallest plan of tiles that reaches the detector's TPR at 1 % false positives, over the
    detector's; where none does, at_least is that of the largest. All are ranked by similarity + margin, uncalibrated.
    Time is what the scanner takes for a photo that it does not read (open, detect, encode, keypoints), on every eighth
    photo: the shorter of two passes, the detectors taking turns photo by photo.
    """
    run = prepare(**inputs, ocr="none", cache=None)
    shown = [p for p in run.photos if p.brands & run.names]
    bare = [p for p in run.photos if not p.brands]
    if not shown or not bare:
        raise click.ClickException("expected photos with and without a brand of the index, got none of either")
    photos = [
        some[i] for some in (shown, bare) for i in np.unique(np.linspace(0, len(some) - 1, most).round()).astype(int)
    ]
    clip = run.scanner.encoder
    assert isinstance(clip, ClipEncoder)
    scanners = [
        build_scanner(run.index, encoder=clip, detector=detector, ocr="none", effort=inputs["effort"], calibration=None)
        for detector in (run.scanner.detector, *map(Tiles, PLANS[skip:]))
    ]
    seconds, counts = np.zeros(len(scanners)), np.zeros(len(scanners))
    answers: list[list[Answer]] = [[] for _ in scanners]
    for number, photo in enumerate(track(photos, "photos")):
        timed = number % _TIMED == 0
        passes = np.full((2 if timed else 1, len(scanners)), np.inf)
        for i, k in np.ndindex(passes.shape):
            start = time.perf_counter()
            (features,) = scanners[k].features([photo.path])
            passes[i, k] = time.perf_counter() - start
            if i == 0:
                counts[k] += len(features.regions)
                answers[k].append(answers_of(scanners[k], run.index, features)["appearance"])
        seconds += passes.min(axis=0) if timed else 0.0
    positive = np.array([bool(p.brands) for p in photos])
    rows: list[dict[str, Any]] = []
    for k, scanner in enumerate(scanners):
        hit = np.array([a[0] in p.brands for a, p in zip(answers[k], photos, strict=True)])[positive]
        confidence = np.array([a[1] for a in answers[k]])
        above = confidence[positive] > operating_threshold(confidence[~positive], 0.01)
        rows.append({
            "detector": scanner.detector.name,
            "regions_mean": round(float(counts[k] / len(photos)), 1),
            "top1": round(float(hit.mean()), 4),
            "tpr_at_fpr_01": round(float((hit & above).mean()), 4),
            "time_ratio": round(float(seconds[k] / seconds[0]), 2),
        })  # fmt: skip
    equal = next((row for row in rows[1:] if row["tpr_at_fpr_01"] >= rows[0]["tpr_at_fpr_01"]), None)
    figures = {
        "reached": equal is not None,
        ("speed_up" if equal else "at_least"): (equal or rows[-1])["time_ratio"],
        "plans": rows,
    }
    figures |= {"n_pos": int(positive.sum()), "n_neg": int((~positive).sum())}
    write_result(out, figures, run.settings)
