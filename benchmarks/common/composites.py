"""Composed pictures of made-up names, whose texts and boxes are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from logoscan.training.crops import ground_for
from logoscan.training.effects import lay, take_snapshot, to_uint8
from logoscan.training.materials import Materials, backgrounds_from_arrays
from logoscan.training.styles import paint
from logoscan.training.wordmarks import draw_name, random_name
from logoscan.types import Boxes, Rgb

# Size of a picture in pixels.
_HEIGHT, _WIDTH = 480, 640


@dataclass(frozen=True, eq=False)
class Composite:
    """A picture with known texts.

    Attributes:
        rgb: The picture.
        texts: Lines of text.
        boxes: Box of each line, float32 (n, 4), xyxy in pixels.
    """

    rgb: Rgb
    texts: tuple[str, ...]
    boxes: Boxes


def composites(
    seed: int,
    count: int,
    fonts: Sequence[str],
    kind: str,
    *,
    first: Callable[[np.random.Generator], str] = random_name,
    letters_px: tuple[int, int] = (14, 64),
) -> Iterator[Composite]:
    """Compose pictures of one to four lines of made-up names.

    Args:
        seed: Decides everything.
        count: Number of pictures.
        fonts: Font files.
        kind: "rendered" draws upright dark or light lines on one colour; "scene" prints them on materials, a little
            turned and bent, and photographs them as buyers do.
        first: Makes the text of the topmost line.
        letters_px: Least and greatest height of a line.
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
            quad = np.asarray(corners + middle, np.float32)
            ink = _ink(rng, image, quad, kind)
            laid = lay(paint(alpha, ink), quad, (_HEIGHT, _WIDTH))
            image = np.asarray(image * (1 - laid[..., 3:]) + laid[..., :3], np.float32)
            texts.append(text)
            boxes.append(np.concatenate([quad.min(0), quad.max(0)]))
        if kind == "scene":
            image = take_snapshot(rng, image)
        yield Composite(to_uint8(image), tuple(texts), np.array(boxes, np.float32).reshape(-1, 4))


def _ink(
    rng: np.random.Generator, image: NDArray[np.float32], corners: NDArray[np.float32], kind: str
) -> NDArray[np.float32]:
    """Choose black or white against one colour; in a scene any colour 80 grey levels or more from the ground."""
    x0, y0, x1, y1 = np.concatenate([corners.min(0).clip(0), corners.max(0)]).astype(int).tolist()
    below = float(image[y0 : y1 + 1, x0 : x1 + 1].mean())
    if kind != "scene":
        return np.full(3, 0 if below > 127 else 255, np.float32)
    while True:
        ink = rng.uniform(0, 255, 3)
        if abs(float(ink.mean()) - below) >= 80:
            return ink.astype(np.float32)


def write_pillow_font(folder: Path) -> Path:
    """Write the font that Pillow brings (Aileron, CC0) into a folder, and return the folder."""
    font = ImageFont.load_default(20)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise click.ClickException("expected a Pillow with FreeType; give --fonts")
    (folder / "aileron.ttf").write_bytes(font.font_bytes)
    return folder
