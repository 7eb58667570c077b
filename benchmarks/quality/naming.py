"""Names that are given to photos without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmarks.common.contact_sheets import Entry, naming_entry, write_sheets
from benchmarks.common.feature_cache import photo_features
from benchmarks.common.labelled_photos import MODES, Photo, confidences_of, prepare_index
from benchmarks.common.options import GALLERY, MODELS, PATH, options, rows_of
from benchmarks.common.photo_files import photo_files
from benchmarks.common.results import write_result
from benchmarks.common.statistics import share


@click.command("naming")
@click.option("--mode", type=click.Choice(MODES), default="both", show_default=True, help="Evidence that names.")
@click.option("--limit", type=click.IntRange(1), help="Take the first photos only, in the order of their names.")
@click.option("--last", type=click.IntRange(1), help="Take the last photos only, in the order of their names.")
@click.option("--only", type=PATH, help="CSV with a column file: take these photos only.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Write contact sheets of the namings here.")
@options("json", "cache", *GALLERY, *MODELS)
def naming(
    mode: str,
    limit: int | None,
    last: int | None,
    only: Path | None,
    pictures: Path | None,
    out: Path,
    cache: Path | None,
    images: Path,
    exclude: Path | None,
    **inputs: Any,
) -> None:
    """List the brands that the photos of a folder are given at the shipped thresholds, as a report names them.

    named_rate: share of photos in which a brand is named, by the mode. namings: each such brand with its probability,
    photo by photo. Whether a name is right, a person has to say: --pictures shows each naming, the surest
    match of the brand in red and the surest reading of its name in blue.

    Photos are named relative to --images in --only and --exclude. --last counts all photos of the folder, so that the
    photos that training leaves out stay the same whatever else is left out.
    """
    files = photo_files(images, last)
    left_out = {r["file"] for r in rows_of(exclude)}
    kept = None if only is None else {r["file"] for r in rows_of(only)}
    names = {p: str(p.relative_to(images)) for p in files}
    wanted = [p for p in files if names[p] not in left_out and (kept is None or names[p] in kept)]
    photos = [Photo(p, frozenset()) for p in wanted][:limit]
    if not photos:
        raise click.ClickException(f"--images: expected photos, got none in {images}")
    run = prepare_index(images, **inputs, cache=cache, photos=photos)
    is_named = run.named
    named: dict[str, list[bool]] = {m: [] for m in MODES}
    namings: list[dict[str, Any]] = []
    entries: list[Entry] = []
    for photo, features in zip(photos, photo_features(run.scanner, [p.path for p in photos], cache), strict=True):
        confidences = confidences_of(run.scanner, run.index, features)
        for m in MODES:
            named[m].append(any(is_named(name, c) for name, c in confidences[m].items()))
        above = sorted(((c, name) for name, c in confidences[mode].items() if is_named(name, c)), reverse=True)
        namings += [{"file": names[photo.path], "brand": name, "probability": round(c, 4)} for c, name in above]
        if pictures is not None:
            entries += [naming_entry(run, photo, features, name, c) for c, name in above]
    per_mode = {m: {"named": sum(named[m]), **share("named_rate", named[m])} for m in MODES}
    figures = {"n": len(photos), "mode": mode, **per_mode[mode], "modes": per_mode, "namings": namings}
    write_result(out, figures, run.settings)
    if pictures is not None:
        write_sheets(pictures, "naming", entries)
