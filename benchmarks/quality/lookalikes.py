"""Misspelt and correctly spelt brand names in composed photos: how many are flagged as look-alikes."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from benchmarks.common.composites import composites, write_pillow_font
from benchmarks.common.options import PATH
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_ocr
from benchmarks.common.statistics import bootstrap
from benchmarks.common.titles import BRANDS
from benchmarks.quality.ocr import ENGINES
from logoscan.ocr.engine import OcrEngine
from logoscan.text.brand_names import NameIndex
from logoscan.text.folding import fold
from logoscan.training.wordmarks import font_files
from logoscan.types import Brand

LEAST_PROBABILITY = 0.2
"""Probability from which a mention counts, as in `Scanner`."""
# Letters of the shortest name that is misspelt.
_LEAST_LETTERS = 6
# Brands whose names are drawn.
_ASKED = 50
# Height of the lines in pixels: what a buyer can read.
_LETTERS_PX = (24, 64)


def misspelt(rng: np.random.Generator, name: str) -> str:
    """Make one visible change to a name: replace, drop or double a letter, or exchange it with its neighbour."""
    while True:
        at = int(rng.integers(0, len(name) - 1))
        other = str(rng.choice(list("abcdefghiklmnoprstuvxz")))
        other = other.upper() if name[at].isupper() else other
        kind = int(rng.integers(4))
        middle = (other, "", name[at] * 2, name[at + 1] + name[at])[kind]
        changed = name[:at] + middle + name[at + (2 if kind == 3 else 1) :]
        if name[at : at + 2].isalpha() and fold(changed) != fold(name):
            return changed


def flagged(
    engine: OcrEngine, index: NameIndex, brands: list[str], right: bool, count: int, seed: int, fonts: tuple[str, ...]
) -> dict[str, Any]:
    """Compute the share of composed photos with one brand's name in which a look-alike is flagged.

    Args:
        engine: Reads the photos.
        index: Names of all brands.
        brands: Brands whose names are drawn, in turn.
        right: Whether the names are spelt right.
        count: Number of photos.
        seed: Decides the photos.
        fonts: Font files.
    """
    asked: list[str] = []

    def first(rng: np.random.Generator) -> str:
        asked.append(brands[len(asked) % len(brands)])
        spelling = asked[-1] if right else misspelt(rng, asked[-1])
        return spelling.upper() if rng.random() < 0.4 else spelling

    flags, exact = [], 0
    missed: Counter[str] = Counter()
    for i, composite in enumerate(
        track(composites(seed, count, fonts, "scene", first=first, letters_px=_LETTERS_PX), "photos", total=count)
    ):
        found = index.find_in_spans(engine.read([composite.rgb])[0], 0)
        near = {m.brand for m in found if m.kind == "near" and m.probability >= LEAST_PROBABILITY}
        flags.append(bool(near) if right else asked[i] in near)
        exact += any(m.kind == "exact" and m.brand == asked[i] for m in found)
        if not right and not flags[-1]:
            missed["read as the brand" if any(m.brand == asked[i] for m in found) else "not read"] += 1
    drawn = np.array(flags, np.float64)
    interval = bootstrap(lambda p, n: float(drawn[p].mean()), (len(drawn), 0))
    figures = {"flagged": round(float(drawn.mean()), 4), "flagged_ci": interval, "exact": round(exact / count, 4)}
    return figures | {"n": count, **({} if right else {"missed": dict(missed)})}


@click.command("lookalikes")
@click.option("--count", default=500, show_default=True, help="Photos of each kind.")
@click.option("--fonts", type=PATH, help="Folder of fonts; default: the one that Pillow brings.")
@click.option("--engine", "name", type=click.Choice(ENGINES), default="rapidocr", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def lookalikes(count: int, fonts: Path | None, name: str, device: str, seed: int, out: Path) -> None:
    """Read names of 50 brands on composed photos, misspelt and right, with 100 brands in the index.

    misspelt: share in which a name close to the right brand is flagged; of the missed, those read as the brand itself
    (a slip of the reader mends the spelling) and those not read. right: share in which any look-alike is flagged.
    """
    brands = [b for b in BRANDS if len(fold(b)) >= _LEAST_LETTERS][:_ASKED]
    engine = build_ocr(name, device)
    assert engine is not None
    index = NameIndex(map(Brand, BRANDS))
    with tempfile.TemporaryDirectory() as folder:
        files = font_files(fonts or write_pillow_font(Path(folder)))
        figures = {
            "misspelt": flagged(engine, index, brands, False, count, seed, files),
            "right": flagged(engine, index, brands, True, count, seed + 1, files),
        }
    write_result(out, figures, {"engine": engine.name, "brands": brands, "fonts": len(files), "seed": seed})
