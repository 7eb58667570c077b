"""Names that are given to photos without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmarks.common.feature_cache import photo_features
from benchmarks.common.labelled_photos import MODES, Photo, confidences_of, prepare_index
from benchmarks.common.options import GALLERY, MODELS, options, rows_of
from benchmarks.common.results import write_result
from benchmarks.common.statistics import share

# Suffixes of the files that are photos.
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@click.command("naming")
@click.option("--mode", type=click.Choice(MODES), default="both", show_default=True, help="Evidence that names.")
@click.option("--limit", type=click.IntRange(1), help="Take the first photos only, in the order of their names.")
@options("json", "cache", *GALLERY, *MODELS)
def naming(
    mode: str,
    limit: int | None,
    out: Path,
    cache: Path | None,
    images: Path,
    exclude: Path | None,
    **inputs: Any,
) -> None:
    """List the brands that the photos of a folder are given at the shipped threshold.

    named_rate: share of photos with a brand above the threshold, by the mode. namings: each brand above it, with its
    probability, photo by photo. Whether a name is right, a person has to say.
    """
    left_out = {r["file"] for r in rows_of(exclude)}
    files = sorted(p for p in images.rglob("*") if p.suffix.lower() in _SUFFIXES)
    photos = [Photo(p, frozenset()) for p in files if str(p.relative_to(images)) not in left_out][:limit]
    if not photos:
        raise click.ClickException(f"--images: expected photos, got none in {images}")
    run = prepare_index(images, **inputs, cache=cache, photos=photos)
    threshold = run.threshold
    named: dict[str, list[bool]] = {m: [] for m in MODES}
    namings: list[dict[str, Any]] = []
    for photo, features in zip(photos, photo_features(run.scanner, [p.path for p in photos], cache), strict=True):
        confidences = confidences_of(run.scanner, run.index, features)
        for m in MODES:
            named[m].append(max(confidences[m].values(), default=-1.0) > threshold)
        above = sorted(((c, name) for name, c in confidences[mode].items() if c > threshold), reverse=True)
        file = str(photo.path.relative_to(images))
        namings += [{"file": file, "brand": name, "probability": round(c, 4)} for c, name in above]
    per_mode = {m: {"named": sum(named[m]), **share("named_rate", named[m])} for m in MODES}
    figures = {"n": len(photos), "mode": mode, **per_mode[mode], "modes": per_mode, "namings": namings}
    write_result(out, figures, run.settings)
