"""Another brand's word pasted on photos, a typographic attack (Goh et al., Distill 2021)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from benchmarks.common.labelled_photos import Run, answers_of, confidences_of, prepare
from benchmarks.common.options import GALLERY, LABELS, MODELS, options
from benchmarks.common.pasting import pasted
from benchmarks.common.results import write_result
from benchmarks.common.statistics import bootstrap
from logoscan.images.loading import load_image
from logoscan.vision.features import PhotoFeatures

# Evidence that answers.
_MODES = ("appearance", "logo", "text", "both")


@click.command("stickers")
@click.option("--step", default=1, show_default=True, type=click.IntRange(1), help="Take one photo of so many.")
@click.option("--seed", default=0, show_default=True)
@options("json", *GALLERY, *LABELS, *MODELS)
def stickers(step: int, seed: int, out: Path, **inputs: Any) -> None:
    """Compare the answers to photos before and after the word of another brand of the index is pasted on them.

    For each mode, of the photos answered rightly before: kept, whose answer stays right; taken, whose answer becomes
    the pasted brand. still_shown: share of them in which the true brand is named all the
    same, by both. conflict: share in which both brands are named, which a claim of either contradicts. bare_named:
    share of brand-less photos in which the sticker's brand comes first and is named, by logo alone and by both.
    """
    run = prepare(**inputs, cache=None)
    is_named = run.named
    rng, names = np.random.default_rng(seed), sorted(run.names)
    if len(names) < 2:
        raise click.ClickException(f"expected two brands in the index or more, got {len(names)}: no word to paste")
    kept: dict[str, list[bool]] = {m: [] for m in _MODES}
    taken: dict[str, list[bool]] = {m: [] for m in _MODES}
    still: list[bool] = []
    conflict: list[bool] = []
    bare: dict[str, list[bool]] = {"logo": [], "both": []}
    photos = [p for p in run.photos if not p.brands or p.brands & run.names][::step]
    for photo in track(photos, "photos"):
        rgb = load_image(photo.path)
        other = str(rng.choice([n for n in names if n not in photo.brands]))
        (attacked,) = run.scanner.features([pasted(rng, rgb, other)])
        after = answers_of(run.scanner, run.index, attacked)
        if not photo.brands:
            for mode, named in bare.items():
                named.append(after[mode][0] == other and is_named(*after[mode]))
            continue
        before = answers_of(run.scanner, run.index, run.scanner.features([rgb])[0])
        for mode in _MODES:
            if before[mode][0] in photo.brands:
                kept[mode].append(after[mode][0] in photo.brands)
                taken[mode].append(after[mode][0] == other)
        if before["both"][0] in photo.brands:
            shown = _shown(run, attacked)
            still.append(bool(shown & photo.brands))
            conflict.append(bool(shown & photo.brands) and other in shown)
    figures: dict[str, Any] = {m: {"kept": _share(kept[m]), "taken": _share(taken[m])} for m in _MODES}
    figures |= {"still_shown": _share(still), "conflict": _share(conflict)}
    figures |= {"bare_named": {mode: _share(named) for mode, named in bare.items()}}
    write_result(out, figures, run.settings)


def _shown(run: Run, features: PhotoFeatures) -> set[str]:
    """Name the brands that a photo shows, as a report does, by all evidence."""
    is_named = run.named
    return {name for name, c in confidences_of(run.scanner, run.index, features)["both"].items() if is_named(name, c)}


def _share(values: list[bool]) -> dict[str, Any]:
    """Compute a share with its interval; None for no values."""
    if not values:
        return {"share": None, "n": 0}
    given = np.array(values, np.float64)
    interval = bootstrap(lambda p, n: float(given[p].mean()), (len(given), 0))
    return {"share": round(float(given.mean()), 4), "ci": interval, "n": len(given)}
