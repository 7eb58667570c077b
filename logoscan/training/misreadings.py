"""Which Latin letters a reader takes for which, counted on composed words: the table behind `text.misread`.

Made-up names in free fonts are laid over photographs and materials and read by the bundled reader.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from rapidfuzz.distance import Levenshtein
from rich.progress import track

from logoscan.io.csv_output import csv_lines
from logoscan.io.files import atomic_write
from logoscan.ocr.rapidocr import RapidOcr
from logoscan.text.folding import fold, plain, skeleton
from logoscan.training.command_options import FOLDER
from logoscan.training.crops import ground_for
from logoscan.training.effects import Rgb8, blend, lay, random_corners, take_photo, to_uint8
from logoscan.training.materials import Backgrounds, Materials, read_backgrounds
from logoscan.training.styles import style
from logoscan.training.wordmarks import draw_word, font_files

__all__ = ["misreadings_command"]

# Size of a composed picture, px.
_HIGH, _WIDE = 96, 384
# Photographs behind the words, at most.
_MOST_PHOTOS = 600
# Range of the height of a word's letters, px.
_LETTERS_PX = (9.0, 40.0)
# Share of a name that must be read right, so that its letters can be matched with those that were read.
_ALIKE = 0.5
# Counts that stand for what is known without counting: that a letter misread may become any other.
_PRIOR_COUNT = 20.0
# Fewest misreadings of one letter as another that are kept.
_MIN_COUNT = 6


def words(rng: np.random.Generator, fonts: tuple[str, ...], photos: Backgrounds) -> Iterator[tuple[str, Rgb8]]:
    """Yield made-up names without end, each with a photo-like picture of it, uint8 (h, w, 3) RGB."""
    materials = Materials(rng)
    while True:
        drawn = draw_word(rng, fonts)
        if drawn is None:
            return
        name, _, rgba = drawn
        if "\n" in name:
            continue
        mark, mono = style(rng, rgba, True, materials)
        high = min(float(rng.uniform(*_LETTERS_PX)), 0.9 * _WIDE * mark.shape[0] / mark.shape[1])
        size = (mark.shape[1] * high / mark.shape[0], high)
        corners = random_corners(rng, size, (_WIDE / 2, _HIGH / 2))
        picture = blend(
            rng, ground_for(rng, photos, materials, _HIGH, _WIDE), lay(mark, corners, (_HIGH, _WIDE)), mono, 0.1
        )
        yield name, to_uint8(take_photo(rng, picture, materials, crop=False))


def count(readings: Iterator[tuple[str, str]]) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Count which letter of a name was read as which, and each letter that was read.

    Args:
        readings: Names with what was read. Those that are too far apart to be matched letter by letter are left out.

    Returns:
        Counts of (letter of the name, letter read), equal ones too; counts of the letters that were read.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for name, text in readings:
        a, b = (skeleton(plain(fold(t).replace(" ", ""))) for t in (name, text))
        if not a or not b or Levenshtein.normalized_similarity(a, b) < _ALIKE:
            continue
        steps: Any = Levenshtein.opcodes(a, b).as_list()
        for tag, start, end, other, other_end in steps:
            if tag in ("equal", "replace") and end - start == other_end - other:
                pairs.update(zip(a[start:end], b[other:other_end], strict=True))
    read: Counter[str] = Counter()
    for (_, b), n in pairs.items():
        read[b] += n
    return pairs, read


def evidence(pairs: Counter[tuple[str, str]], read: Counter[str]) -> dict[tuple[str, str], float]:
    """Return the log-likelihood ratio against chance of reading one letter as another, for pairs seen often enough."""
    shown: Counter[str] = Counter()
    for (a, _), n in pairs.items():
        shown[a] += n
    every = sum(read.values())
    wrong = sum(n for (a, b), n in pairs.items() if a != b) / every
    out = {}
    for (a, b), n in sorted(pairs.items()):
        if a == b or n < _MIN_COUNT:
            continue
        chance = read[b] / every
        out[a, b] = math.log((n + _PRIOR_COUNT * wrong * chance) / (shown[a] + _PRIOR_COUNT) / chance)
    return out


@click.command("misreadings")
@click.argument("target", type=click.Path(dir_okay=False))
@click.option("--photos", type=FOLDER, required=True, help="Photographs, searched recursively, behind the words.")
@click.option("--fonts", type=FOLDER, required=True, help="Font files, searched recursively.")
@click.option("--words", "how_many", default=6000, show_default=True, type=click.IntRange(1), help="To compose.")
@click.option("--seed", default=0, show_default=True)
def misreadings_command(target: str, photos: str, fonts: str, how_many: int, seed: int) -> None:
    """Count how letters are misread and write the table to TARGET, a CSV file."""
    rng, ocr = np.random.default_rng(seed), RapidOcr(long_side_px=960, quick=True)
    whole = [np.array([[0, 0, _WIDE, _HIGH]], np.float32)]
    made = words(rng, font_files(fonts), read_backgrounds(photos, limit=_MOST_PHOTOS))

    def readings() -> Iterator[tuple[str, str]]:
        for _, (name, picture) in zip(track(range(how_many), "words"), made, strict=False):
            found = ocr.read([picture])[0]
            if not len(found):
                (found,) = ocr.read_words([picture], whole)
            yield name, " ".join(found.texts)

    table = evidence(*count(readings()))
    rows = ((a, b, round(v, 2)) for (a, b), v in sorted(table.items()))
    atomic_write(Path(target), "".join(csv_lines(("letter", "read", "evidence"), rows)).encode())
    click.echo(f"{target}: {len(table)} pairs of letters")
