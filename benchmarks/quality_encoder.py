"""`quality.py crops` and `names`: the encoder alone, on labelled boxes and on wordmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from common import by_size, icon_set, register, write_result
from numpy.typing import NDArray
from options import PATH, REGISTER, corners, options, rows_of
from rich.progress import track

from logoscan.images.boxes import clip as clip_boxes
from logoscan.images.boxes import expand
from logoscan.images.loading import load_image, square_crops
from logoscan.io.records import to_mapping
from logoscan.ocr.engine import OcrEngine, make_ocr
from logoscan.text.brand_names import NameIndex
from logoscan.types import Brand, Rgb
from logoscan.vision.encoder import ClipEncoder, encode_crops


@click.command()
@click.option("--boxes", type=PATH, required=True, help="CSV file,brand,x0,y0,x1,y1.")
@options("json", "cache", "detector", *REGISTER)
def crops(
    images: Path,
    boxes: Path,
    galleries: tuple[Path, ...],
    exclude: Path | None,
    distractors: Path | None,
    out: Path,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    cache: Path | None,
    detector: str,
) -> None:
    """The encoder alone: labelled boxes, cropped with a 10 % margin, against a gallery.

    r1, r5: the right brand is first, or among the first five distinct brands; queries are boxes of brands that have a
    gallery, in photos that are not excluded. map: leave-one-out mean average precision over all boxes, boxes of the
    same photo excluded, without the gallery. --detector is taken and changes nothing: the boxes are given.
    """
    clip = ClipEncoder(encoder, pretrained, device=device)
    rows = rows_of(boxes)
    vectors = _box_vectors(clip, images, rows)
    index, names = register(galleries, distractors, clip, cache)
    left_out = {r["file"] for r in rows_of(exclude)}
    queries = [i for i, r in enumerate(rows) if r["brand"] in names and r["file"] not in left_out]
    found = index.search_brands(vectors[queries], 5)
    truth = np.array([rows[i]["brand"] for i in queries])
    right = np.array(found.brands)[found.brand] == truth[:, None]
    figures = {
        "r1": round(float(right[:, 0].mean()), 4),
        "r5": round(float(right.any(axis=1).mean()), 4),
        "map": mean_average_precision(vectors, [r["brand"] for r in rows], [r["file"] for r in rows]),
        "r1_by_size": by_size(right[:, 0], [rows[i] for i in queries]),
        "r1_by_brand": {b: round(float(right[truth == b, 0].mean()), 3) for b in sorted(set(truth.tolist()))},
        "n_queries": len(queries),
        "brands": len(index.brands),
    }
    settings = {
        "encoder": to_mapping(clip.info),
        "precision": clip.precision,
        "detector": f"{detector} (not used)",
        "vectors": len(index),
        "distractors": None if distractors is None else icon_set(distractors),
    }
    write_result(out, figures, settings)


def _box_vectors(clip: ClipEncoder, images: Path, rows: list[dict[str, str]]) -> NDArray[np.float32]:
    out = np.empty((len(rows), clip.info.dim), np.float32)
    by_file: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_file.setdefault(row["file"], []).append(i)
    for file, members in track(by_file.items(), "boxes"):
        xyxy = np.array([corners(rows[i]) for i in members], np.float32)
        out[members] = encode_crops(clip, [load_image(images / file)], [expand(xyxy, 0.1)])[0]
    return out


def mean_average_precision(vectors: NDArray[np.float32], brands: list[str], photos: list[str]) -> float | None:
    """Leave-one-out mean average precision; queries with no other box of their brand in another photo do not count."""
    brand, photo = np.array(brands), np.array(photos)
    similarity = vectors @ vectors.T
    precisions = []
    for i in range(len(vectors)):
        others = np.flatnonzero(photo != photo[i])
        relevant = brand[others[np.argsort(-similarity[i, others], kind="stable")]] == brand[i]
        if relevant.any():
            hits = np.flatnonzero(relevant)
            precisions.append(float(((np.arange(len(hits)) + 1) / (hits + 1)).mean()))
    return round(float(np.mean(precisions)), 4) if precisions else None


@click.command()
@click.option("--fonts", type=PATH, required=True, help="Folder of fonts for the made-up wordmarks.")
@click.option("--names", "n_names", default=1000, show_default=True, help="Registered names.")
@click.option("--queries", "n_queries", default=500, show_default=True, help="Wordmarks, each of another name.")
@click.option("--seed", default=20261125, show_default=True)
@click.option("--images", type=PATH, help="Folder of real photos.")
@click.option("--boxes", type=PATH, help="Their CSV file,brand,x0,y0,x1,y1.")
@click.option("--word-brands", default="", help="Brands whose mark is their name in letters, separated by commas.")
@options("json", "encoder", "pretrained", "device", "ocr")
def names(
    fonts: Path,
    n_names: int,
    n_queries: int,
    seed: int,
    images: Path | None,
    boxes: Path | None,
    word_brands: str,
    out: Path,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    ocr: str,
) -> None:
    """Brands registered by their name alone: R@1 of wordmarks among all names.

    Made-up names are drawn in random fonts on composed grounds. Real ones are the boxes of --word-brands, cut with a
    10 % margin, whose names stand among made-up ones, --names in all.
    r1 and r5 are the text tower's. read_r1: the surest name in what an OCR engine reads (real boxes as they are in the
    photo, made-up words as composed). both_r1: that name, and the text tower's where nothing is read.
    """
    from logoscan.training.compose import Composer
    from logoscan.training.icons import from_arrays
    from logoscan.training.materials import backgrounds_from_arrays
    from logoscan.training.wordmarks import draw_name, font_files, random_name

    clip, reader = ClipEncoder(encoder, pretrained, device=device), make_ocr(ocr, device=device)  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    made: dict[str, None] = {}
    while len(made) < n_names:
        made[" ".join(random_name(rng).lower().split())] = None
    registered = list(made)
    files = font_files(fonts)
    blank = np.zeros((8, 8, 4), np.uint8)
    composer = Composer(from_arrays([("none", "none", True, blank)]), files, backgrounds_from_arrays([]), seed)
    crops: list[Rgb] = []
    truth: list[str] = []
    for name in track(registered, "wordmarks"):
        if len(crops) == n_queries:
            break
        case = (name.upper(), name.title(), name)[int(rng.integers(3))]
        drawn = draw_name(case, files[int(rng.integers(len(files)))])
        if drawn is not None:
            crops.append(composer.crop(drawn, True))
            truth.append(name)
    figures: dict[str, Any] = _named_first(clip, reader, crops, truth, registered)
    if images is not None and boxes is not None:
        wanted = {b for b in word_brands.split(",") if b}
        rows = [r for r in rows_of(boxes) if r["brand"] in wanted]
        real, real_truth = [], [r["brand"].lower() for r in rows]
        for row in track(rows, "boxes"):
            xyxy = np.array([corners(row)], np.float32)
            photo = load_image(images / row["file"])
            x0, y0, x1, y1 = clip_boxes(expand(xyxy, 0.1), photo.shape[1], photo.shape[0])[0].round().astype(int)
            real.append(np.ascontiguousarray(photo[y0:y1, x0:x1]))
        among = sorted(set(real_truth)) + registered[: n_names - len(set(real_truth))]
        figures |= {f"real_{k}": v for k, v in _named_first(clip, reader, real, real_truth, among).items()}
    write_result(
        out,
        figures,
        {
            "encoder": to_mapping(clip.info),
            "fonts": len(files),
            "word_brands": word_brands,
            "ocr": reader.name if reader else "none",
        },
    )


def _named_first(
    clip: ClipEncoder, reader: OcrEngine | None, crops: list[Rgb], truth: list[str], registered: list[str]
) -> dict[str, Any]:
    """R@1 and R@5 of crops among names; R@1 of reading, and of both."""
    size = clip.info.preprocessing.size_px
    full = np.array([[0, 0, 1e6, 1e6]], np.float32)
    vectors = clip.encode_pixels(np.concatenate([square_crops(c, full, size, "pad") for c in crops]))
    ranked = np.array(registered)[np.argsort(-(vectors @ clip.encode_text(registered).T), axis=1)[:, :5]]
    right = ranked == np.array(truth)[:, None]
    figures: dict[str, Any] = {"r1": round(float(right[:, 0].mean()), 4), "r5": round(float(right.any(1).mean()), 4)}
    if reader is not None:
        known = NameIndex(Brand(name) for name in registered)
        spans = [reader.read([crop])[0] for crop in track(crops, "reading")]
        read = [next((m.brand for m in known.find_in_spans(s, "image:0")), "") for s in spans]
        both = [name or nearest for name, nearest in zip(read, ranked[:, 0].tolist(), strict=True)]
        for key, names in (("read_r1", read), ("both_r1", both)):
            figures[key] = round(float(np.mean([a == b for a, b in zip(names, truth, strict=True)])), 4)
    return figures | {"n_queries": len(truth), "names": len(registered)}
