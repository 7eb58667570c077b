"""The open set: names that are given to brands outside of the index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmarks.common.feature_cache import photo_features
from benchmarks.common.labelled_photos import MODES, confidences_of, named_by, prepare
from benchmarks.common.options import GALLERY, LABELS, MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.statistics import share

FOLD = 3
"""Brands that are left out of the index at a time."""


@click.command("unknown")
@click.option("--mode", type=click.Choice(MODES), default="both", show_default=True, help="Whose figures stand on top.")
@options("json", "cache", *GALLERY, *LABELS, *MODELS)
def unknown(mode: str, out: Path, cache: Path | None, **inputs: Any) -> None:
    """Measure how many photos are given a name although all of their brands are left out of the index.

    Brands in the order of their names are left out three at a time. On the photos that show only left-out brands any
    brand that is named, as a report names it, is wrong. Photos without a brand take no part.
    """
    run = prepare(**inputs, cache=cache)
    photos = [p for p in run.photos if p.brands and p.brands <= run.names]
    all_features = list(photo_features(run.scanner, [p.path for p in photos], cache))
    ordered = sorted(run.names)
    named: dict[str, list[bool]] = {m: [] for m in MODES}
    for start in range(0, len(ordered), FOLD):
        left_out = set(ordered[start : start + FOLD])
        smaller = run.index.snapshot()
        for name in left_out:
            smaller.remove(name)
        is_named = named_by(run.scanner, smaller)
        for photo, features in zip(photos, all_features, strict=True):
            if photo.brands <= left_out:
                confidences = confidences_of(run.scanner, smaller, features)
                for m in MODES:
                    named[m].append(any(is_named(name, c) for name, c in confidences[m].items()))
    per_mode = {m: share("false_naming", named[m]) for m in MODES}
    counts = {"n_photos": len(named["logo"]), "folds": -(-len(ordered) // FOLD), "brands": len(run.index.brands)}
    write_result(out, {**counts, "mode": mode, **per_mode[mode], "modes": per_mode}, run.settings)
