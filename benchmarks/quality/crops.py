"""The encoder alone, on labelled boxes."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.common.galleries import build_index, icon_set
from benchmarks.common.options import GALLERY, PATH, by_size, corners, options, rows_by_file, rows_of
from benchmarks.common.results import write_result
from logoscan.images.boxes import expand
from logoscan.images.loading import load_image
from logoscan.io.records import to_mapping
from logoscan.vision.encoder import ClipEncoder, encode_crops

# Margin around a labelled box, as a share of its sides.
_MARGIN = 0.1


@click.command("crops")
@click.option("--boxes", type=PATH, required=True, help="CSV file,brand,x0,y0,x1,y1.")
@options("json", "cache", *GALLERY, "encoder", "pretrained", "detector", "device")
def crops(
    images: Path,
    boxes: Path,
    galleries: tuple[Path, ...],
    exclude: Path | None,
    distractors: Path | None,
    out: Path,
    encoder: str | None,
    pretrained: str | None,
    detector: str,
    device: str,
    cache: Path | None,
) -> None:
    """Find the brand of labelled boxes, cropped with a 10 % margin, in a gallery.

    r1, r5: the right brand is first, or among the first five distinct brands; queries are boxes of brands that have a
    gallery, in photos that are not excluded. map: leave-one-out mean average precision over all boxes, boxes of the
    same photo excluded, without the gallery. --detector is accepted and changes nothing: the boxes are given.
    """
    clip = ClipEncoder(encoder, pretrained, device=device)
    rows = rows_of(boxes)
    vectors = _box_vectors(clip, images, rows)
    index, names = build_index(galleries, distractors, clip, cache)
    left_out = {r["file"] for r in rows_of(exclude)}
    queries = [i for i, r in enumerate(rows) if r["brand"] in names and r["file"] not in left_out]
    nearest = index.search_brands(vectors[queries], 5)
    truth = np.array([rows[i]["brand"] for i in queries])
    right = np.array(nearest.brands)[nearest.brand] == truth[:, None]
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
        "device": clip.device,
        "detector": f"{detector} (not used)",
        "vectors": len(index),
        "galleries": [str(gallery) for gallery in galleries],
        "distractors": icon_set(distractors),
    }
    write_result(out, figures, settings)


def _box_vectors(clip: ClipEncoder, images: Path, rows: list[dict[str, str]]) -> NDArray[np.float32]:
    out = np.empty((len(rows), clip.info.dim), np.float32)
    for file, members in track(rows_by_file(rows).items(), "boxes"):
        xyxy = np.array([corners(rows[i]) for i in members], np.float32)
        out[members] = encode_crops(clip, [load_image(images / file)], [expand(xyxy, _MARGIN)])[0]
    return out


def mean_average_precision(vectors: NDArray[np.float32], brands: list[str], photos: list[str]) -> float | None:
    """Compute the leave-one-out mean average precision of boxes against each other.

    Queries with no other box of their brand in another photo do not count.

    Args:
        vectors: float32 (n, dim), unit rows.
        brands: Brand of each box.
        photos: Photo of each box.
    """
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
