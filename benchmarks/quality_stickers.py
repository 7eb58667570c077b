"""`quality.py stickers`: another brand's word pasted on photos, a typographic attack (Goh et al., Distill 2021)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from common import bootstrap, write_result
from options import PHOTOS, REGISTER, options
from PIL import Image, ImageDraw, ImageFont
from quality_photos import answers_of, prepare
from rich.progress import track

from logoscan.images.loading import load_image
from logoscan.matching.fusion import fuse
from logoscan.scan.scanner import PhotoFeatures
from logoscan.types import Rgb

MODES = ("look", "logo", "text", "both")
_WIDTH = (0.3, 0.6)
"""Of the sticker, as a share of the photo's: the least and the most."""


def pasted(rng: np.random.Generator, rgb: Rgb, word: str, width_share: tuple[float, float] = _WIDTH) -> Rgb:
    """The photo with a word, dark on light or light on dark, on a plain sticker at its top or bottom."""
    dark = bool(rng.random() < 0.5)
    ink, ground = ((20, 20, 20), (245, 245, 245)) if dark else ((245, 245, 245), (30, 30, 120))
    font = ImageFont.load_default(60)
    x0, y0, x1, y1 = font.getbbox(word)
    sticker = Image.new("RGB", (int(x1 - x0) + 40, int(y1 - y0) + 30), ground)
    ImageDraw.Draw(sticker).text((20 - x0, 15 - y0), word, fill=ink, font=font)
    height, width = rgb.shape[:2]
    wide = max(8, round(rng.uniform(*width_share) * width))
    high = max(4, min(round(wide * sticker.height / sticker.width), height // 4))
    out = Image.fromarray(rgb)
    x = int(rng.integers(0, max(1, width - wide)))
    y = int(rng.choice([0.04, 0.9]) * (height - high))
    out.paste(sticker.resize((wide, high), Image.Resampling.LANCZOS), (x, y))
    return np.asarray(out)


@click.command()
@click.option("--step", default=1, show_default=True, type=click.IntRange(1), help="One photo of so many is taken.")
@click.option("--seed", default=0, show_default=True)
@options("json", *REGISTER, *PHOTOS)
def stickers(step: int, seed: int, out: Path, **inputs: Any) -> None:
    """Photos with and without the word of another registered brand pasted on them.

    For each mode, of the photos answered rightly before: kept, whose answer stays right; taken, whose answer becomes
    the pasted brand. still_shown: share of them that show the true brand above the shipped threshold all the same, by
    both. conflict: share in which both brands are shown so, which a claim of either contradicts. bare_named: share of
    brand-less photos that the sticker gives its name, above the shipped threshold, by logo alone and by both.
    """
    run = prepare(**inputs, cache=None)
    calibration = run.scanner.calibration
    if calibration is None:
        raise click.ClickException("no shipped threshold for this encoder and detector: nothing to measure")
    rng, names = np.random.default_rng(seed), sorted(run.names)
    if len(names) < 2:
        raise click.ClickException(f"expected two registered brands or more, got {len(names)}: no other word to paste")
    kept: dict[str, list[bool]] = {m: [] for m in MODES}
    taken: dict[str, list[bool]] = {m: [] for m in MODES}
    still: list[bool] = []
    conflict: list[bool] = []
    bare: dict[str, list[bool]] = {"logo": [], "both": []}
    photos = [p for p in run.photos if not p.brands or p.brands & run.names][::step]
    for photo in track(photos, "photos"):
        rgb = load_image(photo.path)
        other = str(rng.choice([n for n in names if n not in photo.brands]))
        (attacked,) = run.scanner.observe([pasted(rng, rgb, other)])
        after = answers_of(run.scanner, run.index, attacked)
        if not photo.brands:
            for mode, named in bare.items():
                named.append(after[mode][0] == other and after[mode][1] > calibration.threshold)
            continue
        before = answers_of(run.scanner, run.index, run.scanner.observe([rgb])[0])
        for mode in MODES:
            if before[mode][0] in photo.brands:
                kept[mode].append(after[mode][0] in photo.brands)
                taken[mode].append(after[mode][0] == other)
        if before["both"][0] in photo.brands:
            shown = _shown(run, attacked, calibration.threshold)
            still.append(bool(shown & photo.brands))
            conflict.append(bool(shown & photo.brands) and other in shown)
    figures: dict[str, Any] = {m: {"kept": _share(kept[m]), "taken": _share(taken[m])} for m in MODES}
    figures |= {"still_shown": _share(still), "conflict": _share(conflict)}
    figures |= {"bare_named": {mode: _share(named) for mode, named in bare.items()}}
    write_result(out, figures, run.settings)


def _shown(run: Any, seen: PhotoFeatures, threshold: float) -> set[str]:
    mentions = run.index.names.find_in_spans(seen.spans, "image:0")
    evidence = fuse(run.scanner.match([seen], run.index), mentions)
    return {name for name, e in evidence.items() if (e.shown or 0.0) > threshold}


def _share(values: list[bool]) -> dict[str, Any]:
    """The share with its interval; None of nothing."""
    if not values:
        return {"share": None, "n": 0}
    given = np.array(values, np.float64)
    interval = bootstrap(lambda p, n: float(given[p].mean()), (len(given), 0))
    return {"share": round(float(given.mean()), 4), "ci": interval, "n": len(given)}
