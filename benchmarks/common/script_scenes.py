"""Names of brands in many scripts, composed on photos as print on goods: a little turned, bent and compressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from logoscan.training.crops import ground_for
from logoscan.training.effects import lay, to_uint8
from logoscan.training.materials import Backgrounds, Materials
from logoscan.training.script_lines import draw_line
from logoscan.training.styles import paint
from logoscan.types import Rgb

__all__ = ["Scene", "scenes"]

# Size of a picture in pixels.
_HEIGHT, _WIDTH = 480, 640
# Least difference of grey levels between ink and what lies under it.
_CONTRAST = 70.0
# Share of the picture's width that a line may take.
_WIDEST = 0.85


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo with one name on it.

    Attributes:
        rgb: The photo.
        name: The name.
        xyxy: Box of the name in pixels.
        letters_px: Height of its line in pixels.
    """

    rgb: Rgb
    name: str
    xyxy: tuple[float, float, float, float]
    letters_px: float


def scenes(
    seed: int,
    names: Sequence[str],
    count: int,
    fonts: Sequence[str],
    backgrounds: Backgrounds,
    letters_px: tuple[float, float],
) -> Iterator[Scene]:
    """Compose photos of one name each, the names in turn.

    Args:
        seed: Decides everything.
        names: Names, all of one script.
        count: Number of photos.
        fonts: Font files of that script.
        backgrounds: Photos to print on, mixed with composed materials; may be empty.
        letters_px: Least and greatest height of the line, drawn log-uniformly.
    """
    rng = np.random.default_rng(seed)
    materials = Materials(rng)
    for i in range(count):
        name, ink = names[i % len(names)], None
        while ink is None:
            ink = draw_line(name, fonts[int(rng.integers(len(fonts)))])
        image = np.array(ground_for(rng, backgrounds, materials, _HEIGHT, _WIDTH), order="C")
        high = float(np.exp(rng.uniform(*np.log(letters_px))))
        wide = min(high * ink.shape[1] / ink.shape[0], _WIDEST * _WIDTH)
        high = wide * ink.shape[0] / ink.shape[1]
        middle = np.array([rng.uniform(wide / 2 + 8, _WIDTH - wide / 2 - 8), rng.uniform(high + 8, _HEIGHT - high - 8)])
        corners = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) / 2
        angle = np.deg2rad(np.clip(rng.normal(0, 4), -10, 10))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        quad = np.asarray(corners @ turn + rng.normal(0, 0.04 * high, (4, 2)) + middle, np.float32)
        (x0, y0), (x1, y1) = quad.min(0).tolist(), quad.max(0).tolist()
        under = image[max(0, int(y0)) : int(y1) + 1, max(0, int(x0)) : int(x1) + 1]
        laid = lay(paint(ink, _ink(rng, float(under.mean()))), quad, (_HEIGHT, _WIDTH))
        image = np.asarray(image * (1 - laid[..., 3:]) + laid[..., :3], np.float32)
        yield Scene(_photographed(rng, image), name, (x0, y0, x1, y1), high)


def _ink(rng: np.random.Generator, under: float) -> NDArray[np.float32]:
    """Return a colour that differs from what lies under it: black or white in half of the cases, else any."""
    if rng.random() < 0.5:
        return np.full(3, 20 if under > 127 else 240, np.float32)
    while True:
        ink = rng.uniform(0, 255, 3)
        if abs(float(ink.mean()) - under) >= _CONTRAST:
            return ink.astype(np.float32)


def _photographed(rng: np.random.Generator, image: NDArray[np.float32]) -> Rgb:
    """Return the picture with changed contrast, some blur and noise, as a JPEG of quality 50 to 92."""
    image = (image - 128) * np.float32(rng.uniform(0.75, 1.1)) + np.float32(128 + rng.normal(0, 8))
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9))
    image = image + rng.normal(0, rng.uniform(0.5, 4), image.shape).astype(np.float32)
    quality = int(rng.integers(50, 93))
    done, data = cv2.imencode(".jpg", to_uint8(np.asarray(image, np.float32)), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
