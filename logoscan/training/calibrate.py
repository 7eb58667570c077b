"""Fit the shipped match calibrations on composed scenes: `python -m logoscan.training.calibrate --help`.

The marks are of icon sets that no tower was trained on, the names are made up anew. The drawing in a scene is the
registered one under other paint and light: real marks that are drawn another way are harder, so the probabilities are
first ones, to be checked on real photos.
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
from logoscan.matching.calibrate import SIZES, Labelled, collect, expected_calibration_error, fit, predict, surest
from logoscan.matching.calibration import MatchCalibration
from logoscan.training import drawings as drawing_store
from logoscan.training.drawings import Drawings
from logoscan.training.materials import Materials, load_backgrounds
from logoscan.training.scenes import Scene, compose_scene
from logoscan.training.wordmarks import font_files, random_name
from logoscan.types import Brand, ImageSource
from logoscan.vision import weights
from logoscan.vision.detector import Detector, LogoDetector, make_detector
from logoscan.vision.encoder import ClipEncoder, Encoder, encode_crops
from logoscan.vision.tiles import DENSE_PLAN, Tiles, WholeImage

_WORD = "word:"


def scenes(
    seed: int, count: int, marks: Drawings, backgrounds: Path, fonts: Path, words: float = 0.15
) -> Iterator[Scene]:
    """Composed pictures, a third of them without any mark of `marks` (bare, or with words that no register knows).

    In the others a share `words` of the marks are words too.
    """
    rng = np.random.default_rng(seed)
    materials, photos, files = Materials(rng), load_backgrounds(backgrounds), font_files(fonts)
    for _ in range(count):
        bare = rng.random() < 1 / 3
        yield compose_scene(
            rng, marks, photos, materials, fonts=files, marks=(0, 2) if bare else (1, 3), words=1.0 if bare else words
        )


def _spoken(scene: Scene) -> set[str]:
    return {name.removeprefix(_WORD).lower() for name in scene.names if name.startswith(_WORD)}


def full_register(marks: Drawings, encoder: Encoder, names: set[str]) -> LogoIndex:
    """Every class of `marks` as a brand with its drawings, and every one of `names` as a brand without any."""
    entries: list[tuple[Brand, list[tuple[str, ImageSource]]]] = []
    for name, members in zip(marks.names, marks.by_class(), strict=True):
        entries.append((Brand(name), [(str(i), np.array(marks.rgba(int(i)))) for i in members]))
    entries += [(Brand(name), []) for name in sorted(names - set(marks.names))]
    index = LogoIndex(encoder)
    index.add_many(entries, allow=CONFLICTS)
    return index


def _calibrate(
    pictures: list[Labelled],
    register: LogoIndex,
    encoder: Encoder,
    detector: Detector,
    seed: int,
    note: str,
    kind: Literal["logo", "name"],
) -> tuple[MatchCalibration, dict[str, float]]:
    """Fit on half and check on the other half; then fit on all."""
    half = len(pictures) // 2
    made_of = partial(fit, encoder=encoder, detector=detector, note=note, kind=kind, use_confidence=False)
    trial = made_of(collect(pictures[:half], register, seed, kind))
    check = collect(pictures[half:], register, seed + 1, kind)
    probability = predict(trial, check)
    named, answer = probability > trial.threshold, surest(probability, check)
    empty, right = check.empty[answer], check.right[answer]
    figures = {
        "held_out_ece": round(expected_calibration_error(probability, check.right), 4),
        "held_out_named": round(float(named[answer][~empty & right].mean()), 4),
        "held_out_false": round(float(named[answer][empty].mean()), 4),
    }
    return made_of(collect(pictures, register, seed, kind)), figures


@click.command()
@click.option("--drawings", type=click.Path(exists=True, path_type=Path), required=True, help="Rendered unseen marks.")
@click.option("--backgrounds", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--fonts", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--scenes", "count", default=600, show_default=True)
@click.option("--seed", default=11, show_default=True)
@click.option(
    "--detector",
    "looks",
    type=click.Choice(["logo", "tiles", "dense-tiles"]),
    default="logo",
    show_default=True,
    help="That the calibrations are for.",
)
@click.option("--write", is_flag=True, help="Replace this pair's calibrations in weights/manifest.json.")
def main(drawings: Path, backgrounds: Path, fonts: Path, count: int, seed: int, looks: str, write: bool) -> None:
    """Fit the calibrations of the bundled model with a detector; half of the scenes check the other half."""
    marks, encoder = drawing_store.load(drawings), ClipEncoder()
    detector = Tiles(DENSE_PLAN) if looks == "dense-tiles" else make_detector(looks)
    pictures: list[Labelled] = []
    spoken: set[str] = set()
    for scene in track(scenes(seed, count, marks, backgrounds, fonts), "scenes", total=count):
        regions = detector.detect([scene.rgb])[0]
        vectors = encode_crops(encoder, [scene.rgb], [regions.xyxy])[0]
        spoken |= _spoken(scene)
        pictures.append(Labelled(frozenset(scene.names) | _spoken(scene), regions, vectors))
    rng = np.random.default_rng(seed)
    made_up = {" ".join(random_name(rng).lower().split()) for _ in range(SIZES[-1])}
    register = full_register(marks, encoder, spoken | made_up)
    sizes = f"registers of {SIZES[0]} to {min(SIZES[-1], len(marks.names))} brands, seed {seed}"
    fitted = []
    kinds: tuple[tuple[Literal["logo", "name"], str], ...] = (
        ("logo", f"{len(marks.names)} unseen marks"), ("name", f"{len(register.by_name)} made-up names")
    )  # fmt: skip
    for kind, what in kinds:
        note = f"{count} composed scenes, {what}, {sizes}"
        calibration, figures = _calibrate(pictures, register, encoder, detector, seed, note, kind)
        click.echo(json.dumps(figures | {"calibration": to_mapping(calibration)}, indent=1))
        fitted.append(calibration)
    if write:
        path = weights.folder() / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        pairs = {(c.encoder, c.detector) for c in fitted}
        known = {d.fingerprint for d in (LogoDetector(), Tiles(), Tiles(DENSE_PLAN), WholeImage())}
        kept = [c for c in manifest["calibrations"] if c["detector"] in known]
        others = [c for c in kept if (c["encoder"], c["detector"]) not in pairs]
        manifest["calibrations"] = [*others, *map(to_mapping, fitted)]
        weights.write_manifest(path, manifest)


if __name__ == "__main__":
    main()
