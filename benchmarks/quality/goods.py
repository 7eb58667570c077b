"""Composed listing photos of goods with marks that no network is trained on: proposals and names."""

from __future__ import annotations

import contextlib
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from benchmarks.common.brand_rates import brand_rates
from benchmarks.common.feature_cache import photo_features
from benchmarks.common.galleries import saved_and_loaded
from benchmarks.common.labelled_photos import Photo, best, confidences_of, named_by
from benchmarks.common.options import MODELS, PATH, by_size, corners, options
from benchmarks.common.photo_files import photo_files
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.quality.boxes import meet_boxes
from logoscan.images.loading import load_image
from logoscan.index.logo_index import LogoIndex
from logoscan.index.vet import CONFLICTS
from logoscan.runtime import one_core_a_batch
from logoscan.training import icon_files as icon_store
from logoscan.training.icons import Icons
from logoscan.training.materials import BACKGROUND_PX, Backgrounds, Materials, backgrounds_from_arrays
from logoscan.training.scenes import Scene, compose_scene
from logoscan.training.wordmarks import font_files
from logoscan.types import Brand, Effort, ImageSource, Rgb
from logoscan.vision.detector import make_detector
from logoscan.vision.encoder import ClipEncoder

SEED = (2027, 71)
"""Seed of all scenes: a pair, so that no training or calibration, whose seeds are single numbers, draws the same."""

# Least and greatest long side of a listing photo, px.
_LONG_PX = (200, 1600)
# Numbers of first proposals whose recall is told.
_PROPOSALS = (10, 50)
# Shares of the scenes with no mark but made-up words, and with marks that are not registered.
_BARE, _UNREGISTERED = 1 / 6, 1 / 6
# Chance that a mark of the other scenes is a made-up word.
_WORDS = 0.15
# Columns of the boxes' rows.
_COLUMNS = ("file", "brand", "x0", "y0", "x1", "y1")


@click.command("goods")
@click.option("--work", type=PATH, required=True, help="Folder of the training material; its drawings-calibration.")
@click.option("--fonts", type=PATH, required=True, help="Folder of font files.")
@click.option("--garments", type=PATH, help="Photographs of clothes that training leaves out.")
@click.option("--last", type=click.IntRange(1), help="Take the last garments only, in the order of their names.")
@click.option("--backgrounds", type=PATH, help="Photographs of rooms that training leaves out; the garments if absent.")
@click.option("--scenes", "count", type=click.IntRange(1), default=300, show_default=True)
@click.option("--pictures", type=click.Path(path_type=Path), help="Keep the scenes and their boxes.csv here.")
@options("cache", "json", *MODELS)
def goods(
    work: Path,
    fonts: Path,
    garments: Path | None,
    last: int | None,
    backgrounds: Path | None,
    count: int,
    pictures: Path | None,
    cache: Path | None,
    out: Path,
    encoder: str | None,
    pretrained: str | None,
    detector: str,
    detector_weights: Path | None,
    ocr: str,
    effort: Effort,
    device: str,
) -> None:
    """Find marks on composed goods, and name them. All is simulated: real photos of goods are another matter.

    Listing photos of 200 to 1,600 px, on white and in rooms, with marks of the icon sets that no network is trained on.
    The calibration of the shipped threshold was fitted on these sets. Every second mark, in the order of their names,
    is registered by one clean drawing. A sixth of the scenes hold made-up words at most, a sixth marks that are not
    registered; of the others a photo's answer is its most confident brand.

    recall_N, mean_best_iou: as in `boxes`, of all marks and words, at full effort. top1, tpr_shipped, fpr_shipped: as
    in `identify`; top1 also by the size of the largest registered mark (_small, _medium, _large). shown_named: share of
    the registered marks shown that are named. wrong_named: share of all scenes given a name that they do not show.
    """
    one_core_a_batch()
    icons = icon_store.load(work / "drawings-calibration")
    registered = registered_classes(icons)
    clothes = read_photographs(garments, last)
    rooms = clothes if backgrounds is None else read_photographs(backgrounds)
    clip = ClipEncoder(encoder, pretrained, device=device)
    index = mark_index(icons, registered, clip)
    scanner = build_scanner(
        index, encoder=clip, detector=detector, detector_weights=detector_weights, ocr=ocr, effort=effort, device=device
    )
    named_here = named_by(scanner, index)
    proposer = make_detector(detector, device=device, path=detector_weights, effort="full")
    kept = contextlib.nullcontext(str(pictures)) if pictures is not None else tempfile.TemporaryDirectory()
    with kept as folder:
        files, rows = write_scenes(Path(folder), compose_goods(icons, registered, fonts, rooms, clothes, count), count)
        if not rows:
            raise click.ClickException("--scenes: expected scenes with marks, got none; take more")
        loaded = ((file.name, load_image(file)) for file in track(files, "proposals"))
        met = meet_boxes(proposer, loaded, rows, _PROPOSALS)
        features = list(photo_features(scanner, files, cache))
    confidences = [confidences_of(scanner, index, one) for one in features]
    names = frozenset(icons.names[cls] for cls in registered)
    largest = largest_rows(rows, names)
    photos = [Photo(f, frozenset(r["brand"] for r in rows if r["file"] == f.name) & names) for f in files]
    named = brand_rates(photos, confidences, named_here)
    shown = [(p, c) for p, c in zip(photos, confidences, strict=True) if p.brands]
    hit = np.array([best(c["both"])[0] in p.brands for p, c in shown], bool)
    sizes = by_size(hit, [largest[p.path.name] for p, _ in shown])
    figures = {"simulated": True, "scenes": count, **met.figures(), "brands": len(index.brands), **named}
    settings = settings_of(scanner) | {"seed": list(SEED), "garments": len(clothes), "backgrounds": len(rooms)}
    write_result(out, figures | {f"top1_{size}": value for size, value in sizes.items()}, settings)


def registered_classes(icons: Icons) -> NDArray[np.int64]:
    """Choose every second class, in the order of the names, from the first on."""
    return np.arange(0, len(icons.names), 2)


def mark_index(icons: Icons, classes: NDArray[np.int64], encoder: ClipEncoder) -> LogoIndex:
    """Build an index of one clean drawing, the first, of each class."""
    members = icons.by_class()
    first = [(icons.names[cls], int(members[cls][0])) for cls in classes]
    entries: list[tuple[Brand, list[tuple[str, ImageSource]]]] = [
        (Brand(name), [(str(i), np.array(icons.rgba(i)))]) for name, i in first
    ]
    index = LogoIndex(encoder)
    index.add_many(entries, allow=CONFLICTS)  # some classes are drawn alike
    return saved_and_loaded(index, encoder)


def compose_goods(
    icons: Icons,
    registered: NDArray[np.int64],
    fonts: Path,
    rooms: Backgrounds,
    garments: Backgrounds,
    count: int,
) -> Iterator[Scene]:
    """Compose listing photos; the first ones are the same whatever their number.

    Args:
        icons: Marks.
        registered: Classes that are in the index.
        fonts: Folder of font files.
        rooms: Photographs behind the goods; may be empty.
        garments: Photographs of clothes; may be empty.
        count: Number of scenes.
    """
    rng = np.random.default_rng(SEED)
    materials, files = Materials(rng), font_files(fonts)
    others = np.setdiff1d(np.arange(len(icons.names)), registered)
    for _ in range(count):
        kind = rng.random()
        bare = kind < _BARE
        yield compose_scene(
            rng,
            icons,
            rooms,
            materials,
            fonts=files,
            classes=(others if kind < _BARE + _UNREGISTERED else registered).tolist(),
            marks=(0, 2) if bare else (1, 3),
            long_px=(2 * _LONG_PX[0], _LONG_PX[1]),  # a listing photo begins at half of the least
            words=1.0 if bare else _WORDS,
            goods=1.0,
            garments=garments,
        )


def write_scenes(folder: Path, scenes: Iterator[Scene], count: int) -> tuple[list[Path], list[dict[str, str]]]:
    """Write scenes as PNG files with their boxes.csv; return the files and a row for each box."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    rows: list[dict[str, str]] = []
    for k, scene in enumerate(track(scenes, "scenes", total=count)):
        files.append(folder / f"{k:04d}.png")
        Image.fromarray(scene.rgb).save(files[-1])
        for name, box in zip(scene.names, scene.boxes.tolist(), strict=True):
            values = (files[-1].name, name, *(f"{v:g}" for v in box))
            rows.append(dict(zip(_COLUMNS, values, strict=True)))
    with (folder / "boxes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return files, rows


def largest_rows(rows: list[dict[str, str]], names: frozenset[str]) -> dict[str, dict[str, str]]:
    """Find, for each file, the row of the longest box of a brand among `names`."""

    def long(row: dict[str, str]) -> float:
        x0, y0, x1, y1 = corners(row)
        return max(x1 - x0, y1 - y0)

    return {row["file"]: row for row in sorted(rows, key=long) if row["brand"] in names}


def read_photographs(folder: Path | None, last: int | None = None) -> Backgrounds:
    """Read the photographs of a folder, reduced as those for training are; none for no folder.

    Args:
        folder: Folder, searched with all below it.
        last: Takes the last only, in the order of their names; None takes all.
    """
    files = [] if folder is None else photo_files(folder, last)
    return backgrounds_from_arrays([_reduced(load_image(file)) for file in files])


def _reduced(rgb: Rgb) -> Rgb:
    scale = min(1.0, BACKGROUND_PX / max(rgb.shape[:2]))
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
