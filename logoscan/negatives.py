"""What is no mark of anybody: stripes, letters, discs, arrows, pictograms, plain grounds; and everyday words.

Registered beside the brands, they absorb places of a photo that would otherwise be given the nearest brand's name.
Drawn here, so that any encoder can have them. Knows no vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from logoscan.types import Rgb

__all__ = ["WORDS", "pictures"]

SIDE_PX = 160
_INKS = (((16, 16, 16), (255, 255, 255)), ((245, 245, 245), (32, 32, 32)))
"""Ink and ground of every drawing: dark on light and light on dark."""

WORDS = tuple(
    "new sale free size small medium large men women kids cotton leather original quality made in best price offer "
    "style sport fashion shoes shirt bag box blue black white red green made premium classic limited edition model "
    "care wash water food fresh natural organic milk juice energy power phone case cover charger cable battery light "
    "home garden tools baby pet beauty health store shop market online delivery gift card open close welcome exit "
    "street city world love life happy day night summer winter the and with for your our one two three first".split()  # noqa: SIM905
)
"""Words that photos of goods hold and that are nobody's name, against which a registered name must stand out."""


def pictures() -> Iterator[tuple[str, Rgb]]:
    """Yield (name, uint8 (160, 160, 3) picture), about 220 of them, always the same ones."""
    for name, draw in _drawings():
        for ink, ground in _INKS:
            image = Image.new("RGB", (SIDE_PX, SIDE_PX), ground)
            draw(ImageDraw.Draw(image), ink)
            yield f"{name}-{'dark' if ink < ground else 'light'}", np.asarray(image)
    rng = np.random.default_rng(0)
    for number in range(12):
        colour = rng.integers(0, 256, 3)
        slope = np.linspace(-1, 1, SIDE_PX)[:, None, None] * rng.uniform(0, 70)
        noise = rng.normal(0, (2, 12, 40)[number % 3], (SIDE_PX, SIDE_PX, 1))
        yield f"ground-{number}", np.clip(colour + slope + noise, 0, 255).astype(np.uint8)


_Ink = tuple[int, int, int]
_Draw = Callable[[ImageDraw.ImageDraw, _Ink], None]


def _drawings() -> Iterator[tuple[str, _Draw]]:
    font = ImageFont.load_default(110)
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghijmnqrty0123456789&@#%!?+":
        yield (
            f"letter-{letter}",
            lambda d, ink, letter=letter: d.text((80, 80), letter, ink, font=font, anchor="mm"),  # type: ignore[misc]
        )
    for count in (3, 6, 12):
        step = SIDE_PX / count
        edges = [round(i * step) for i in range(count)]
        half = round(step / 2)
        yield (
            f"rows-{count}",
            lambda d, ink, e=edges, h=half: [d.rectangle((0, y, 160, y + h), ink) for y in e] and None,
        )  # type: ignore[misc]
        yield (
            f"columns-{count}",
            lambda d, ink, e=edges, h=half: [d.rectangle((x, 0, x + h, 160), ink) for x in e] and None,
        )  # type: ignore[misc]
        yield (
            f"checks-{count}",
            lambda d, ink, e=edges, h=half: (
                [  # type: ignore[misc]
                    d.rectangle((x + h * (i % 2), y, x + h * (i % 2) + h, y + h), ink)
                    for i, y in enumerate(range(0, 160, h))
                    for x in e
                ]
                and None
            ),
        )
    for turn in range(0, 360, 45):
        yield f"arrow-{turn}", lambda d, ink, a=turn: d.polygon(_turned(_ARROW, a), ink)  # type: ignore[misc]
    for corners in (3, 4, 5, 6, 8):
        for filled in (True, False):
            yield f"polygon-{corners}-{filled}", lambda d, ink, n=corners, f=filled: _polygon(d, ink, n, f)  # type: ignore[misc]
    for radius in (20, 45, 70):
        box = (80 - radius, 80 - radius, 80 + radius, 80 + radius)
        yield f"disc-{radius}", lambda d, ink, b=box: d.ellipse(b, ink)  # type: ignore[misc]
        yield f"ring-{radius}", lambda d, ink, b=box: d.ellipse(b, outline=ink, width=10)  # type: ignore[misc]
    yield "dots", lambda d, ink: [d.ellipse((x, y, x + 12, y + 12), ink) for x in _GRID for y in _GRID] and None
    yield "cross", lambda d, ink: [d.rectangle((68, 20, 92, 140), ink), d.rectangle((20, 68, 140, 92), ink)] and None
    yield "bars", lambda d, ink: [d.rectangle((x, 30, x + 2 + x % 5, 130), ink) for x in range(20, 140, 9)] and None
    yield "lines", lambda d, ink: [d.rectangle((20, y, 140 - y % 37, y + 5), ink) for y in range(30, 130, 14)] and None
    yield "frame", lambda d, ink: d.rectangle((20, 35, 140, 125), outline=ink, width=8)
    yield "plate", lambda d, ink: d.rounded_rectangle((15, 50, 145, 110), 20, ink)
    yield (
        "smile",
        lambda d, ink: (
            [d.ellipse((20, 20, 140, 140), outline=ink, width=8), d.arc((50, 50, 110, 115), 20, 160, ink, 8)] and None
        ),
    )
    yield (
        "house",
        lambda d, ink: [d.polygon([(80, 20), (140, 75), (20, 75)], ink), d.rectangle((36, 75, 124, 135), ink)] and None,
    )
    yield (
        "person",
        lambda d, ink: [d.ellipse((60, 20, 100, 60), ink), d.rounded_rectangle((45, 68, 115, 145), 24, ink)] and None,
    )
    yield "recycle", lambda d, ink: [d.arc((25, 25, 135, 135), a, a + 85, ink, 14) for a in (0, 120, 240)] and None


_GRID = range(14, 150, 30)
_ARROW = ((-60, -12), (10, -12), (10, -40), (62, 0), (10, 40), (10, 12), (-60, 12))


def _turned(points: tuple[tuple[float, float], ...], degrees: float) -> list[tuple[float, float]]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(80 + x * c - y * s, 80 + x * s + y * c) for x, y in points]


def _polygon(drawing: ImageDraw.ImageDraw, ink: _Ink, corners: int, filled: bool) -> None:
    angles = [2 * math.pi * i / corners - math.pi / 2 for i in range(corners)]
    points = [(80 + 62 * math.cos(a), 80 + 62 * math.sin(a)) for a in angles]
    if filled:
        drawing.polygon(points, ink)
    else:
        drawing.line([*points, points[0], points[1]], ink, 9, joint="curve")
