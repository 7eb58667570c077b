"""What the economies of the default effort cost and save, on the same photos."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from benchmarks.common.labelled_photos import Answer, Photo, answers_of, prepare
from benchmarks.common.options import GALLERY, LABELS, MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner
from benchmarks.common.statistics import paired, tpr_at
from logoscan.runtime import cores
from logoscan.vision.encoder import ClipEncoder

# Evidence that is compared.
_MODES = ("logo", "text", "both")


@click.command("effort")
@click.option("--step", default=1, show_default=True, type=click.IntRange(1), help="Take one photo of so many.")
@click.option("--drop", default=0, show_default=True, type=click.IntRange(0), help="Photos that are left out first.")
@options("json", "cache", *GALLERY, *LABELS, *(name for name in MODELS if name != "effort"))
def effort(step: int, drop: int, out: Path, cache: Path | None, **inputs: Any) -> None:
    """Compare default effort with full: CPU time, and TPR at 1 % false positives by logo, by text and by both.

    loss: full minus default, with the 95 % interval of a paired bootstrap (photos are drawn, both answers with them).
    seconds_ratio: thread CPU time of the default over that of full, for looking at a photo and matching it. --cache
    keeps the index alone, because the looks are timed.
    """
    run = prepare(**inputs, effort="default", cache=cache)
    clip = run.scanner.encoder
    assert isinstance(clip, ClipEncoder)
    models = {name: inputs[name] for name in ("detector", "detector_weights", "ocr", "device")}
    scanners = (run.scanner, build_scanner(run.index, encoder=clip, effort="full", **models))
    photos = [p for p in run.photos if not p.brands or p.brands & run.names][drop::step]
    if not any(p.brands for p in photos) or all(p.brands for p in photos):
        raise click.ClickException("expected photos with and without a brand of the index, got none of either")

    def timed_answers(photo: Photo) -> list[tuple[dict[str, Answer], float]]:
        out = []
        for scanner in scanners:
            start = time.thread_time()
            (features,) = scanner.features([photo.path])
            out.append((answers_of(scanner, run.index, features), time.thread_time() - start))
        return out

    with ThreadPoolExecutor(cores()) as pool:
        rows = list(track(pool.map(timed_answers, photos), "photos", total=len(photos)))
    seconds = np.array([[s for _, s in row] for row in rows])
    figures: dict[str, Any] = {
        "seconds_ratio": round(float(seconds[:, 0].sum() / seconds[:, 1].sum()), 3),
        "seconds_default": round(float(seconds[:, 0].mean()), 4),
    }
    positive = np.array([bool(p.brands) for p in photos])
    sizes = (int(positive.sum()), int((~positive).sum()))
    every = (np.arange(sizes[0]), np.arange(sizes[1]))
    for mode in _MODES:
        rates = []
        for k in (0, 1):
            given = [row[k][0][mode] for row in rows]
            hit = np.array([name in p.brands for (name, _), p in zip(given, photos, strict=True)])[positive]
            confidence = np.array([c for _, c in given])
            rates.append(tpr_at(hit, confidence[positive], confidence[~positive], 0.01))
        figures[mode] = {
            "tpr_default": round(rates[0](*every), 4),
            "tpr_full": round(rates[1](*every), 4),
            **paired("loss", rates[1], rates[0], sizes),
        }
    figures |= {"n_pos": sizes[0], "n_neg": sizes[1]}
    write_result(out, figures, {**run.settings, "effort": "default and full"})
