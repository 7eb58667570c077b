"""Brands that are in the index by their name alone: wordmarks among names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from benchmarks.common.options import PATH, corners, options, rows_of
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_ocr
from logoscan.images.boxes import clip as clip_boxes
from logoscan.images.boxes import expand
from logoscan.images.crops import square_crops
from logoscan.images.loading import load_image
from logoscan.io.records import to_mapping
from logoscan.ocr.engine import OcrEngine
from logoscan.text.brand_names import NameIndex
from logoscan.types import Brand, Rgb
from logoscan.vision.encoder import ClipEncoder

# Margin around a labelled box, as a share of its sides.
_MARGIN = 0.1


@click.command("names")
@click.option("--fonts", type=PATH, required=True, help="Folder of fonts for the made-up wordmarks.")
@click.option("--names", "n_names", default=1000, show_default=True, help="Names in the index.")
@click.option("--queries", "n_queries", default=500, show_default=True, help="Wordmarks, each of another name.")
@click.option("--seed", default=20261125, show_default=True)
@click.option("--images", type=PATH, help="Folder of real photos.")
@click.option("--boxes", type=PATH, help="CSV file,brand,x0,y0,x1,y1 of --images.")
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
    """Find wordmarks among names, by the text tower and by reading.

    Made-up names are drawn in random fonts on composed grounds. Real ones are the boxes of --word-brands, cut with a
    10 % margin, whose names stand among made-up ones, --names in all.

    r1 and r5 are the text tower's. read_r1: the surest name in what an OCR engine reads (real boxes as they are in the
    photo, made-up words as composed). both_r1: that name, and the text tower's where nothing is read.
    """
    from logoscan.training.compose import Composer
    from logoscan.training.icons import from_arrays
    from logoscan.training.materials import backgrounds_from_arrays
    from logoscan.training.wordmarks import draw_name, font_files, random_name

    clip, reader = ClipEncoder(encoder, pretrained, device=device), build_ocr(ocr, device)
    rng = np.random.default_rng(seed)
    made: dict[str, None] = {}
    while len(made) < n_names:
        made[" ".join(random_name(rng).lower().split())] = None
    indexed = list(made)
    files = font_files(fonts)
    blank = np.zeros((8, 8, 4), np.uint8)
    composer = Composer(from_arrays([("none", "none", True, blank)]), files, backgrounds_from_arrays([]), seed)
    crops: list[Rgb] = []
    truth: list[str] = []
    for name in track(indexed, "wordmarks"):
        if len(crops) == n_queries:
            break
        case = (name.upper(), name.title(), name)[int(rng.integers(3))]
        drawn = draw_name(case, files[int(rng.integers(len(files)))])
        if drawn is not None:
            crops.append(composer.crop(drawn, True))
            truth.append(name)
    figures: dict[str, Any] = named_first(clip, reader, crops, truth, indexed)
    if images is not None and boxes is not None:
        wanted = {b for b in word_brands.split(",") if b}
        rows = [r for r in rows_of(boxes) if r["brand"] in wanted]
        real, real_truth = [_cut(images, row) for row in track(rows, "boxes")], [r["brand"].lower() for r in rows]
        among = sorted(set(real_truth)) + indexed[: n_names - len(set(real_truth))]
        figures |= {f"real_{k}": v for k, v in named_first(clip, reader, real, real_truth, among).items()}
    settings = {
        "encoder": to_mapping(clip.info),
        "precision": clip.precision,
        "fonts": len(files),
        "word_brands": word_brands,
        "ocr": reader.name if reader else "none",
    }
    write_result(out, figures, settings)


def _cut(images: Path, row: dict[str, str]) -> Rgb:
    """Cut a box with its margin out of its photo."""
    photo = load_image(images / row["file"])
    box = expand(np.array([corners(row)], np.float32), _MARGIN)
    x0, y0, x1, y1 = clip_boxes(box, photo.shape[1], photo.shape[0])[0].round().astype(int)
    return np.ascontiguousarray(photo[y0:y1, x0:x1])


def named_first(
    clip: ClipEncoder, reader: OcrEngine | None, crops: list[Rgb], truth: list[str], indexed: list[str]
) -> dict[str, Any]:
    """Compute R@1 and R@5 of the text tower, and R@1 of reading and of both.

    Args:
        clip: Encoder with a text tower.
        reader: OCR engine; without one the figures of reading are left out.
        crops: Pictures of wordmarks.
        truth: Name of each.
        indexed: All names among which they are found.
    """
    size = clip.info.preprocessing.size_px
    full = np.array([[0, 0, 1e6, 1e6]], np.float32)
    vectors = clip.encode_pixels(np.concatenate([square_crops(c, full, size, "pad") for c in crops]))
    ranked = np.array(indexed)[np.argsort(-(vectors @ clip.encode_text(indexed).T), axis=1)[:, :5]]
    right = ranked == np.array(truth)[:, None]
    figures: dict[str, Any] = {"r1": round(float(right[:, 0].mean()), 4), "r5": round(float(right.any(1).mean()), 4)}
    if reader is not None:
        index = NameIndex(Brand(name) for name in indexed)
        spans = [reader.read([crop])[0] for crop in track(crops, "reading")]
        read = [next((m.brand for m in index.find_in_spans(s, 0)), "") for s in spans]
        both = [name or nearest for name, nearest in zip(read, ranked[:, 0].tolist(), strict=True)]
        for key, given in (("read_r1", read), ("both_r1", both)):
            figures[key] = round(float(np.mean([a == b for a, b in zip(given, truth, strict=True)])), 4)
    return figures | {"n_queries": len(truth), "names": len(indexed)}
