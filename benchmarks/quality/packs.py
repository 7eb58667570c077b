"""Whole photos of packs against one pack shot a pack, by the shipped scanner."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from PIL import Image

from benchmarks.common.brand_rates import brand_rates
from benchmarks.common.contact_sheets import naming_entry, write_sheets
from benchmarks.common.feature_cache import photo_features
from benchmarks.common.labelled_photos import Photo, confidences_of, prepare_index
from benchmarks.common.options import MODELS, PATH, boxes_by_file, corners, options, rows_by_file, rows_of
from benchmarks.common.results import write_result
from benchmarks.common.statistics import share
from benchmarks.quality.pack_photos import PackBox, choose_pack_shots, crop, ground_of, group_places, pack_box
from logoscan.images.loading import load_image
from logoscan.training.heldout import held_out_packs


@click.command("packs")
@click.option("--boxes", type=PATH, required=True, help="CSV file,brand,x0,y0,x1,y1: every pack of every photo.")
@click.option(
    "--held-out",
    "every",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Register every N-th pack by name, which training leaves out; 1 registers all.",
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    help="Keep the pack shots here, and contact sheets of the wrong names.",
)
@options("images", "cache", "json", *MODELS)
def packs(
    images: Path, boxes: Path, every: int, pictures: Path | None, cache: Path | None, out: Path, **models: Any
) -> None:
    """Name packs in whole photos, each pack known by one crop of one photo of another place.

    Every N-th pack, in the order of the names, is registered. Photos whose grounds have nearly the same colours are of
    one place, and so are near copies (PDQ); a white ground is no place. Where one place shows all registered packs, the
    pack shots are from it. The pack shot is the sharpest of the large upright boxes. Queries are the photos of places
    without a pack shot; those that show no registered pack are the negatives.

    top1: share of photos whose most confident pack is one that they show. tpr_shipped: the same, with a confidence
    above the shipped threshold. shown_named: share of the registered packs shown, photo by photo, that are named.
    wrong_named: share of photos given a pack that they do not show; wrong_maker: given one of a maker (the first word
    of a pack's name) of whom they show no pack. --held-out 1 is for networks that saw no pack.
    """
    rows = rows_of(boxes)
    registered = held_out_packs((row["brand"] for row in rows), every)
    places, measured = look_at(images, boxes)
    shots = choose_pack_shots([box for box in measured if box.brand in registered], places)
    photos = query_photos(images, rows, places, shots)
    kept = contextlib.nullcontext(str(pictures)) if pictures is not None else tempfile.TemporaryDirectory()
    with kept as folder:
        gallery = Path(folder) / "pack_shots"
        write_gallery(gallery, images, shots)
        run = prepare_index(images, (gallery,), None, **models, cache=cache, photos=photos)
    makers = {file: {maker_of(rows[i]["brand"]) for i in members} for file, members in rows_by_file(rows).items()}
    is_named = run.named
    confidences, wrong_maker, entries = [], [], []
    for photo, features in zip(photos, photo_features(run.scanner, [p.path for p in photos], cache), strict=True):
        confidences.append(confidences_of(run.scanner, run.index, features))
        named = {name: c for name, c in confidences[-1]["both"].items() if is_named(name, c)}
        wrong_maker.append(any(maker_of(name) not in makers[photo.path.name] for name in named))
        if pictures is not None:
            wrong = sorted(named.keys() - photo.brands)
            entries += [naming_entry(run, photo, features, name, named[name]) for name in wrong]
    figures = brand_rates(photos, confidences, is_named) | share("wrong_maker", wrong_maker)
    counts = {"brands": len(shots), "places": len(set(places.values())), "photos": len(places)}
    counts |= {"query_places": len({places[p.path.name] for p in photos})}
    chosen = {name: {"file": box.file, "xyxy": box.xyxy, "place": places[box.file]} for name, box in shots.items()}
    shown = Counter(brand for photo in photos for brand in photo.brands)
    settings = run.settings | {"boxes": str(boxes), "held_out": every, "galleries": "one crop a pack"}
    write_result(out, {**counts, **figures, "shown": dict(sorted(shown.items())), "pack_shots": chosen}, settings)
    if pictures is not None:
        write_sheets(pictures, "wrong", entries)


def maker_of(pack: str) -> str:
    """Return the first word of a pack's name, which its other varieties share."""
    return pack.split()[0]


def look_at(images: Path, boxes: Path) -> tuple[dict[str, int], list[PackBox]]:
    """Find the place of each photo, and measure each box.

    Args:
        images: Folder of the photos.
        boxes: CSV file,brand,x0,y0,x1,y1.

    Returns:
        Place of each photo by its file, and the boxes in the order of the rows of each photo.
    """
    rows, by_file = rows_of(boxes), boxes_by_file(boxes)
    grounds, measured = [], []
    for file, members in rows_by_file(rows).items():
        rgb = load_image(images / file)
        grounds.append(ground_of(rgb, by_file[file]))
        measured += [pack_box(file, rows[i]["brand"], corners(rows[i]), rgb) for i in members]
    return dict(zip(rows_by_file(rows), group_places(grounds), strict=True)), measured


def query_photos(
    images: Path, rows: list[dict[str, str]], places: Mapping[str, int], shots: Mapping[str, PackBox]
) -> list[Photo]:
    """List the photos of places without a pack shot, in the order of their files, with the registered packs of each."""
    taken = {places[box.file] for box in shots.values()}
    shown: dict[str, set[str]] = {}
    for row in rows:
        shown.setdefault(row["file"], set()).add(row["brand"])
    return [Photo(images / f, frozenset(shown[f] & shots.keys())) for f in sorted(shown) if places[f] not in taken]


def write_gallery(folder: Path, images: Path, shots: Mapping[str, PackBox]) -> None:
    """Write the crop of each pack into a brand folder of its own, which names the pack."""
    for k, (name, box) in enumerate(shots.items()):
        brand = folder / f"{k:03d}"
        brand.mkdir(parents=True, exist_ok=True)
        (brand / "brand.json").write_text(json.dumps({"name": name}), "utf-8")
        Image.fromarray(crop(load_image(images / box.file), box.xyxy)).save(brand / "pack.png")
