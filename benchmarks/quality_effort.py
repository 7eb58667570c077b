"""`quality.py effort`: what the economies of the default effort cost and save, on the same photos."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import paired, write_result
from options import PHOTOS, REGISTER, options
from quality_photos import Photo, answers_of, prepare, scanner_of, tpr_at
from rich.progress import track

from logoscan.runtime import cores, one_core_a_batch
from logoscan.vision.encoder import ClipEncoder

MODES = ("logo", "text", "both")


@click.command()
@click.option("--step", default=1, show_default=True, type=click.IntRange(1), help="One photo of so many is taken.")
@click.option("--drop", default=0, show_default=True, type=click.IntRange(0), help="Photos that are left out first.")
@options("json", "cache", *REGISTER, *(name for name in PHOTOS if name != "effort"))
def effort(step: int, drop: int, out: Path, cache: Path | None, **inputs: Any) -> None:
    """Default effort against full: CPU time, and TPR at 1 % false positives by logo, by text and by all witnesses.

    loss: full minus default, with the 95 % interval of a paired bootstrap (photos are drawn, both answers with them).
    seconds_ratio: thread CPU time of the default over that of full, of looking at a photo and matching it.
    """
    one_core_a_batch()
    run = prepare(**inputs, effort="default", cache=cache)
    clip = run.scanner.encoder
    assert isinstance(clip, ClipEncoder)
    detector, weights, ocr = (inputs[name] for name in ("detector", "detector_weights", "ocr"))
    scanners = (run.scanner, scanner_of(run.index, clip, detector, weights, ocr, "full", inputs["device"]))
    photos = [p for p in run.photos if not p.brands or p.brands & run.names][drop::step]
    if not any(p.brands for p in photos) or all(p.brands for p in photos):
        raise click.ClickException("expected photos with and without a registered brand, got none of either")

    def look(photo: Photo) -> list[tuple[dict[str, tuple[str, float]], float]]:
        out = []
        for scanner in scanners:
            start = time.thread_time()
            (seen,) = scanner.observe([photo.path])
            out.append((answers_of(scanner, run.index, seen), time.thread_time() - start))
        return out

    with ThreadPoolExecutor(cores()) as pool:
        looks = list(track(pool.map(look, photos), "photos", total=len(photos)))
    seconds = np.array([[s for _, s in each] for each in looks])
    figures: dict[str, Any] = {
        "seconds_ratio": round(float(seconds[:, 0].sum() / seconds[:, 1].sum()), 3),
        "seconds_default": round(float(seconds[:, 0].mean()), 4),
    }
    positive = np.array([bool(p.brands) for p in photos])
    sizes = (int(positive.sum()), int((~positive).sum()))
    every = (np.arange(sizes[0]), np.arange(sizes[1]))
    for mode in MODES:
        rates = []
        for k in (0, 1):
            given = [each[k][0][mode] for each in looks]
            hit = np.array([name in p.brands for (name, _), p in zip(given, photos, strict=True)])[positive]
            sure = np.array([confidence for _, confidence in given])
            rates.append(tpr_at(hit, sure[positive], sure[~positive], 0.01))
        figures[mode] = {
            "tpr_default": round(rates[0](*every), 4),
            "tpr_full": round(rates[1](*every), 4),
            **paired("loss", rates[1], rates[0], sizes),
        }
    figures |= {"n_pos": sizes[0], "n_neg": sizes[1]}
    write_result(out, figures, run.settings)
