"""Fit the bundled match calibrations on composed scenes: `python -m logoscan.training.calibrate --help`.

The marks are from icon sets that no tower was trained on; the names are made up. A scene shows the very logo image that
is in the index, in another colour and light. Real marks are often drawn differently and are harder, so these
probabilities are a first estimate, to be checked on real photos.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import click
import numpy as np
from rich.progress import track

from logoscan.index.logo_index import LogoIndex
from logoscan.index.vet import CONFLICTS
from logoscan.io.records import to_mapping
from logoscan.matching.calibrate import (
    SIZES,
    LabelledPhoto,
    collect,
    expected_calibration_error,
    fit,
    most_probable_rows,
    predict,
)
from logoscan.matching.calibration import MatchCalibration
from logoscan.training.icon_files import load as load_icons
from logoscan.training.icons import Icons
from logoscan.training.materials import Materials, load_backgrounds
from logoscan.training.scenes import Scene, compose_scene
from logoscan.training.wordmarks import font_files, random_name
from logoscan.types import Brand, ImageSource
from logoscan.vision import weights
from logoscan.vision.detector import Detector, LogoDetector, make_detector
from logoscan.vision.encoder import ClipEncoder, Encoder, encode_crops
from logoscan.vision.tiles import DENSE_PLAN, Tiles, WholeImage

# Share of the composed pictures that are listing photos.
_GOODS = 0.5
# Prefix of the names of wordmarks in `Scene.names`.
_WORDMARK_PREFIX = "word:"


def scenes(
    seed: int,
    count: int,
    icons: Icons,
    backgrounds: Path,
    fonts: Path,
    words: float = 0.15,
    garments: Path | None = None,
) -> Iterator[Scene]:
    """Yield composed pictures, a third of them without any mark of `icons` (bare, or with words of no brand).

    Half of them are listing photos: goods on white and in rooms.

    Args:
        seed: Seed of all choices.
        count: Number of pictures.
        icons: Marks.
        backgrounds: Folder of photographs that `save_backgrounds` wrote.
        fonts: Folder of font files.
        words: Share of the marks that are words in the other two thirds.
        garments: Folder of photographs of clothes and shoes that `save_backgrounds` wrote; None for none.
    """
    rng = np.random.default_rng(seed)
    materials, photos, files = Materials(rng), load_backgrounds(backgrounds), font_files(fonts)
    clothes = None if garments is None else load_backgrounds(garments)
    for _ in range(count):
        bare = rng.random() < 1 / 3
        yield compose_scene(
            rng,
            icons,
            photos,
            materials,
            fonts=files,
            marks=(0, 2) if bare else (1, 3),
            words=1.0 if bare else words,
            goods=_GOODS,
            garments=clothes,
        )


def _words(scene: Scene) -> set[str]:
    """Return the names of the wordmarks that a scene shows, in lower case."""
    return {name.removeprefix(_WORDMARK_PREFIX).lower() for name in scene.names if name.startswith(_WORDMARK_PREFIX)}


def full_index(icons: Icons, encoder: Encoder, names: set[str]) -> LogoIndex:
    """Return an index with a brand for each class of `icons`, and a brand without logo for each of `names`."""
    entries: list[tuple[Brand, list[tuple[str, ImageSource]]]] = []
    for name, members in zip(icons.names, icons.by_class(), strict=True):
        entries.append((Brand(name), [(str(i), np.array(icons.rgba(int(i)))) for i in members]))
    entries += [(Brand(name), []) for name in sorted(names - set(icons.names))]
    index = LogoIndex(encoder)
    index.add_many(entries, allow=CONFLICTS)
    return index


def _calibrate(
    pictures: list[LabelledPhoto],
    index: LogoIndex,
    encoder: Encoder,
    detector: Detector,
    seed: int,
    note: str,
    kind: Literal["logo", "name"],
) -> tuple[MatchCalibration, dict[str, float]]:
    """Fit a calibration on all pictures; return it with figures of a fit on one half, checked on the other half.

    Args:
        pictures: Regions, vectors and true brands of the scenes.
        index: All brands; the fit draws smaller indexes from them.
        encoder: Encoder that the calibration is for.
        detector: Detector that the calibration is for.
        seed: Seed of the draw.
        note: Stored with the calibration: what it was fitted on.
        kind: Whether brands are indexed by a logo or by their name alone.
    """
    half = len(pictures) // 2
    fit_samples = partial(fit, encoder=encoder, detector=detector, note=note, kind=kind, use_confidence=False)
    trial = fit_samples(collect(pictures[:half], index, seed, kind))
    check = collect(pictures[half:], index, seed + 1, kind)
    probability = predict(trial, check)
    named, answer = probability > trial.threshold, most_probable_rows(probability, check)
    empty, right = check.empty[answer], check.right[answer]
    figures = {
        "held_out_ece": round(expected_calibration_error(probability, check.right), 4),
        "held_out_named": round(float(named[answer][~empty & right].mean()), 4),
        "held_out_false": round(float(named[answer][empty].mean()), 4),
    }
    return fit_samples(collect(pictures, index, seed, kind)), figures


@click.command()
@click.option(
    "--drawings",
    "icons_folder",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="Rendered unseen marks.",
)
@click.option("--backgrounds", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--fonts", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--garments", type=click.Path(exists=True, path_type=Path), help="Photographs of clothes and shoes.")
@click.option("--scenes", "count", default=1500, show_default=True)
@click.option("--seed", default=11, show_default=True)
@click.option(
    "--detector",
    "detector_name",
    type=click.Choice(["logo", "tiles", "dense-tiles"]),
    default="logo",
    show_default=True,
    help="That the calibrations are for.",
)
@click.option("--write", is_flag=True, help="Replace this pair's calibrations in weights/manifest.json.")
def main(
    icons_folder: Path,
    backgrounds: Path,
    fonts: Path,
    garments: Path | None,
    count: int,
    seed: int,
    detector_name: str,
    write: bool,
) -> None:
    """Fit the calibrations of the bundled model with a detector; half of the scenes check the other half."""
    icons, encoder = load_icons(icons_folder), ClipEncoder()
    detector = Tiles(DENSE_PLAN) if detector_name == "dense-tiles" else make_detector(detector_name)
    pictures: list[LabelledPhoto] = []
    words: set[str] = set()
    for scene in track(scenes(seed, count, icons, backgrounds, fonts, garments=garments), "scenes", total=count):
        regions = detector.detect([scene.rgb])[0]
        vectors = encode_crops(encoder, [scene.rgb], [regions.xyxy])[0]
        words |= _words(scene)
        pictures.append(LabelledPhoto(frozenset(scene.names) | _words(scene), regions, vectors))
    rng = np.random.default_rng(seed)
    made_up = {" ".join(random_name(rng).lower().split()) for _ in range(SIZES[-1])}
    index = full_index(icons, encoder, words | made_up)
    sizes = f"registers of {SIZES[0]} to {min(SIZES[-1], len(icons.names))} brands, seed {seed}"
    fitted = []
    kinds: tuple[tuple[Literal["logo", "name"], str], ...] = (
        ("logo", f"{len(icons.names)} unseen marks"), ("name", f"{len(index.by_name)} made-up names")
    )  # fmt: skip
    for kind, what in kinds:
        note = f"{count} composed scenes, {what}, {sizes}"
        calibration, figures = _calibrate(pictures, index, encoder, detector, seed, note, kind)
        click.echo(json.dumps(figures | {"calibration": to_mapping(calibration)}, indent=1))
        fitted.append(calibration)
    if write:
        path = weights.folder() / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        pairs = {(c.encoder, c.detector) for c in fitted}
        fingerprints = {d.fingerprint for d in (LogoDetector(), Tiles(), Tiles(DENSE_PLAN), WholeImage())}
        kept = [c for c in manifest["calibrations"] if c["detector"] in fingerprints]
        others = [c for c in kept if (c["encoder"], c["detector"]) not in pairs]
        manifest["calibrations"] = [*others, *map(to_mapping, fitted)]
        weights.write_manifest(path, manifest)


if __name__ == "__main__":
    main()
