"""The OCR engines side by side, in one run: words on composites with known text, brands on photos, time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import bootstrap, write_result
from numpy.typing import NDArray
from options import PATH, rows_of
from PIL import ImageFont
from rapidfuzz.distance import Levenshtein
from rich.progress import track

from logoscan.images.loading import load_image
from logoscan.ocr.engine import OcrEngine, make_ocr
from logoscan.text.brand_names import NameIndex
from logoscan.training.crops import ground_for
from logoscan.training.effects import lay, take_snapshot, to_uint8
from logoscan.training.materials import Materials, backgrounds_from_arrays
from logoscan.training.styles import paint
from logoscan.training.wordmarks import draw_name, font_files, random_name
from logoscan.types import Brand, Rgb, TextSpans

ENGINES = ("rapidocr", "easyocr")
SURE = 0.5
"""Probability from which a mention counts as the photo's brand."""
_HEIGHT, _WIDTH = 480, 640


@dataclass(frozen=True, eq=False)
class Composite:
    """A picture, its texts, and where they are: float32 (n, 4), xyxy px."""

    rgb: Rgb
    texts: tuple[str, ...]
    boxes: NDArray[np.float32]


def composites(
    seed: int,
    count: int,
    fonts: Sequence[str],
    kind: str,
    *,
    first: Callable[[np.random.Generator], str] = random_name,
    letters_px: tuple[int, int] = (14, 64),
) -> Iterator[Composite]:
    """Pictures of one to four lines of made-up names, the topmost by `first`, the lines `letters_px` high.

    `rendered`: upright dark or light lines on one colour. `scene`: printed on materials, a little turned and bent, and
    photographed as well as buyers do.
    """
    rng = np.random.default_rng(seed)
    materials, photos = Materials(rng), backgrounds_from_arrays([])
    image: NDArray[np.float32]
    for _ in range(count):
        lines = int(rng.integers(1, 5))
        if kind == "scene":
            image = np.array(ground_for(rng, photos, materials, _HEIGHT, _WIDTH), order="C")
        else:
            image = np.full((_HEIGHT, _WIDTH, 3), float(rng.choice([15, 70, 190, 245])), np.float32)
        texts, boxes = [], []
        for row in range(lines):
            text = random_name(rng) if row else first(rng)
            mark = None
            while mark is None:  # a font may lack a letter
                mark = draw_name(text, fonts[int(rng.integers(len(fonts)))])
            alpha = mark[..., 3].astype(np.float32) / np.float32(255)
            high = float(np.exp(rng.uniform(*np.log(letters_px))))
            wide = high * alpha.shape[1] / alpha.shape[0]
            high, wide = high * min(1, 0.85 * _WIDTH / wide), min(wide, 0.85 * _WIDTH)
            middle = np.array((rng.uniform(wide / 2, _WIDTH - wide / 2), (row + 0.5) * _HEIGHT / lines))
            corners = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) / 2
            if kind == "scene":
                angle = np.deg2rad(np.clip(rng.normal(0, 4), -10, 10))
                turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
                corners = corners @ turn + rng.normal(0, 0.06 * high, (4, 2))
            placed = np.asarray(corners + middle, np.float32)
            ink = _ink(rng, image, placed, kind)
            laid = lay(paint(alpha, ink), placed, (_HEIGHT, _WIDTH))
            image = np.asarray(image * (1 - laid[..., 3:]) + laid[..., :3], np.float32)
            texts.append(text)
            boxes.append(np.concatenate([placed.min(0), placed.max(0)]))
        if kind == "scene":
            image = take_snapshot(rng, image)
        yield Composite(to_uint8(image), tuple(texts), np.array(boxes, np.float32).reshape(-1, 4))


def _ink(
    rng: np.random.Generator, image: NDArray[np.float32], corners: NDArray[np.float32], kind: str
) -> NDArray[np.float32]:
    """Black or white against one colour; in a scene any colour 80 grey levels or more from what lies below."""
    x0, y0, x1, y1 = np.concatenate([corners.min(0).clip(0), corners.max(0)]).astype(int).tolist()
    below = float(image[y0 : y1 + 1, x0 : x1 + 1].mean())
    if kind != "scene":
        return np.full(3, 0 if below > 127 else 255, np.float32)
    while True:
        ink = rng.uniform(0, 255, 3)
        if abs(float(ink.mean()) - below) >= 80:
            return ink.astype(np.float32)


def _letters(text: str) -> str:
    return "".join(text.casefold().split())


def errors_of(composite: Composite, spans: TextSpans) -> list[tuple[int, int]]:
    """(edits, letters) of each text against what was read over it, case and blanks aside; unread is all wrong."""
    counted = []
    low, high = spans.polygons.min(axis=1, initial=np.inf), spans.polygons.max(axis=1, initial=-np.inf)
    middle = (low + high) / 2
    for text, box in zip(composite.texts, composite.boxes, strict=True):
        over = ((middle >= box[:2]) & (middle <= box[2:])).all(axis=1)
        over |= (((box[:2] + box[2:]) / 2 >= low) & ((box[:2] + box[2:]) / 2 <= high)).all(axis=1)
        rows = sorted(np.flatnonzero(over).tolist(), key=lambda i: float(low[i, 0]))
        wanted, read = _letters(text), _letters("".join(spans.texts[i] for i in rows))
        counted.append((min(Levenshtein.distance(wanted, read), len(wanted)), len(wanted)))
    return counted


def _timed(engine: OcrEngine, rgb: Rgb) -> tuple[TextSpans, float]:
    began = time.perf_counter()
    spans = engine.read([rgb])[0]
    return spans, time.perf_counter() - began


def on_composites(engines: dict[str, OcrEngine], made: list[Composite]) -> dict[str, dict[str, Any]]:
    """Share of texts read without an error, character error rate and seconds a picture, of each engine."""
    figures: dict[str, dict[str, Any]] = {}
    counted: dict[str, list[tuple[int, int]]] = {name: [] for name in engines}
    took: dict[str, list[float]] = {name: [] for name in engines}
    for composite in track(made, "composites"):
        for name, engine in engines.items():
            spans, seconds = _timed(engine, composite.rgb)
            counted[name] += errors_of(composite, spans)
            took[name].append(seconds)
    for name, rows in counted.items():
        edits, letters = np.array(rows).T
        found = (edits == 0).astype(np.float64)
        figures[name] = {
            "words_found": round(float(found.mean()), 4),
            "words_found_ci": bootstrap(lambda p, n, found=found: float(found[p].mean()), (len(found), 0)),  # type: ignore[misc]
            "character_error_rate": round(float(edits.sum() / letters.sum()), 4),
            "seconds": round(float(np.median(took[name])), 3),
            "n": len(rows),
        }
    return figures


def on_photos(
    engines: dict[str, OcrEngine], photos: list[tuple[Path, frozenset[str]]], names: NameIndex
) -> dict[str, dict[str, Any]]:
    """Of each engine: share of photos of which a labelled brand is read, in which another is, and seconds a photo."""
    right: dict[str, list[bool]] = {name: [] for name in engines}
    wrong: dict[str, list[bool]] = {name: [] for name in engines}
    took: dict[str, list[float]] = {name: [] for name in engines}
    for path, brands in track(photos, "photos"):
        rgb = load_image(path)
        for name, engine in engines.items():
            spans, seconds = _timed(engine, rgb)
            read = {m.brand for m in names.find_in_spans(spans, "image:0") if m.probability >= SURE}
            right[name].append(bool(read & brands))
            wrong[name].append(bool(read - brands))
            took[name].append(seconds)

    def share(of: list[bool]) -> Callable[[NDArray[np.int64], NDArray[np.int64]], float]:
        return lambda p, n: float(np.array(of, np.float64)[p].mean())

    every = np.arange(len(photos))
    return {
        name: {
            "brand_recall": round(share(right[name])(every, every), 4),
            "brand_recall_ci": bootstrap(share(right[name]), (len(photos), 0)),
            "other_brand": round(share(wrong[name])(every, every), 4),
            "seconds": round(float(np.median(took[name])), 3),
            "n": len(photos),
        }
        for name in engines
    }


def pillows_font(folder: Path) -> Path:
    """Write the font that Pillow brings (Aileron, CC0) into a folder, which is returned."""
    font = ImageFont.load_default(20)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise click.ClickException("expected a Pillow with FreeType; give --fonts")
    (folder / "aileron.ttf").write_bytes(font.font_bytes)
    return folder


@click.command()
@click.option("--labels", type=PATH, required=True, help="CSV file,brand; rows without a brand are left out.")
@click.option("--images", type=PATH, required=True, help="Folder of the photos.")
@click.option("--fonts", type=PATH, help="Folder of fonts for the composites; default: the one that Pillow brings.")
@click.option("--composites", "made", default=100, show_default=True, help="Of each kind.")
@click.option("--photos", "count", default=100, show_default=True, help="Evenly spread over the labels; 0: all.")
@click.option("--engine", "chosen", type=click.Choice(ENGINES), multiple=True, default=ENGINES, show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def main(
    labels: Path,
    images: Path,
    fonts: Path | None,
    made: int,
    count: int,
    chosen: tuple[str, ...],
    device: str,
    seed: int,
    out: Path,
) -> None:
    """Words found and character error rate on composites, brands read on photos, and time, the engines in turn."""
    engines: dict[str, OcrEngine] = {}
    for name in chosen:
        engine = make_ocr(name, device=device)  # type: ignore[arg-type]
        assert engine is not None
        engines[name] = engine
    rows = [(images / r["file"], frozenset(r["brand"].split("|"))) for r in rows_of(labels) if r["brand"]]
    names = NameIndex(map(Brand, sorted({b for _, brands in rows for b in brands})))
    step = max(1, len(rows) // count) if count else 1
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = font_files(fonts or pillows_font(Path(folder)))
        for kind in ("rendered", "scene"):
            figures[kind] = on_composites(engines, list(composites(seed, made, files, kind)))
    figures["photos"] = on_photos(engines, rows[::step][: count or None], names)
    if len(engines) == len(ENGINES):
        slow, fast = (figures["photos"][name]["seconds"] for name in ("easyocr", "rapidocr"))
        figures["easyocr_over_rapidocr"] = round(slow / fast, 1)
    write_result(out, figures, {"engines": {k: v.name for k, v in engines.items()}, "fonts": len(files), "seed": seed})


if __name__ == "__main__":
    main()
