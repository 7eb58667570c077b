"""`quality.py effort`: what reading less costs and saves, on the same photos."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import paired, write_result
from options import PHOTOS, REGISTER, options
from quality_photos import answers_of, prepare, tpr_at
from rich.progress import track

from logoscan.detect import with_text
from logoscan.encode import encode_crops
from logoscan.images import load_image
from logoscan.keypoints import of_photo
from logoscan.ocr import make_ocr, pixels_searched
from logoscan.reading import read
from logoscan.results import ImageRecord
from logoscan.scanner import Observation

MODES = ("text", "both")


@click.command()
@click.option("--step", default=1, show_default=True, type=click.IntRange(1), help="One photo of so many is taken.")
@options("json", *REGISTER, *(name for name in PHOTOS if name != "effort"))
def effort(step: int, ocr: str, device: str, out: Path, **inputs: Any) -> None:
    """Default effort against full: pixels searched, time, and TPR at 1 % false positives, by text and by both.

    loss: full minus default, with the 95 % interval of a paired bootstrap (photos are drawn, both answers with them).
    pixels_share: pixels in which the default looks for lines, over those of full. seconds_ratio: of reading alone.
    """
    run = prepare(**inputs, ocr=ocr, effort="default", device=device, cache=None)
    engines: list[Any] = [make_ocr(ocr, device=device, effort=e) for e in ("default", "full")]  # type: ignore[arg-type]
    if None in engines:
        raise click.UsageError("--ocr: expected an engine, got none")
    photos = [p for p in run.photos if not p.brands or p.brands & run.names][::step]
    if not any(p.brands for p in photos) or all(p.brands for p in photos):
        raise click.ClickException("expected photos with and without a registered brand, got none of either")
    seconds, pixels = np.zeros(2), np.zeros(2)
    answers: list[list[dict[str, tuple[str, float]]]] = [[], []]
    for photo in track(photos, "photos"):
        rgb = load_image(photo.path)
        (regions,) = run.scanner.detector.detect([rgb])
        points = of_photo(rgb)
        for k, engine in enumerate(engines):
            start = time.perf_counter()
            (spans,) = read(engine, [rgb], [regions])
            seconds[k] += time.perf_counter() - start
            pixels[k] += pixels_searched(rgb.shape[0], rgb.shape[1], engine.long_side_px, engine.find_px)
            places = with_text(regions, spans, rgb.shape[1], rgb.shape[0])
            vectors = encode_crops(run.scanner.encoder, [rgb], [places.xyxy])[0]
            record = ImageRecord(photo.path.name, "", rgb.shape[1], rgb.shape[0])
            seen = Observation(record, places, vectors, spans, points)
            answers[k].append(answers_of(run.scanner, run.index, seen))
    figures: dict[str, Any] = {
        "pixels_share": round(float(pixels[0] / pixels[1]), 4),
        "seconds_ratio": round(float(seconds[0] / seconds[1]), 3),
    }
    positive = np.array([bool(p.brands) for p in photos])
    for mode in MODES:
        rates = []
        for given in answers:
            hit = np.array([a[mode][0] in p.brands for a, p in zip(given, photos, strict=True)])[positive]
            sure = np.array([a[mode][1] for a in given])
            rates.append(tpr_at(hit, sure[positive], sure[~positive], 0.01))
        sizes = (int(positive.sum()), int((~positive).sum()))
        every = (np.arange(sizes[0]), np.arange(sizes[1]))
        figures[mode] = {
            "tpr_default": round(rates[0](*every), 4),
            "tpr_full": round(rates[1](*every), 4),
            **paired("loss", rates[1], rates[0], sizes),
        }
    figures |= {"n_pos": int(positive.sum()), "n_neg": int((~positive).sum())}
    write_result(out, figures, run.settings)
