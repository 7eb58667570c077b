"""General negatives, which are no logos: stripes, letters, discs, arrows, pictograms, plain grounds, everyday words.

They are registered with the brands, and are the nearest for regions of a photo that would otherwise get the nearest
brand's name. They are drawn here, so that they can be encoded by any encoder. This module knows no vectors.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from logoscan.types import Rgb

__all__ = ["WORDS", "pictures"]

SIDE_PX = 160
"""Width and height of each picture."""
# Grey levels of ink and ground of every shape: dark on light and light on dark.
_INK_AND_GROUND = ((16, 255), (245, 32))

WORDS = (
    "new", "sale", "free", "size", "small", "medium", "large", "men", "women", "kids", "cotton", "leather",
    "original", "quality", "made", "in", "best", "price", "offer", "style", "sport", "fashion", "shoes",
    "shirt", "bag", "box", "blue", "black", "white", "red", "green", "premium", "classic", "limited", "edition",
    "model", "care", "wash", "water", "food", "fresh", "natural", "organic", "milk", "juice", "energy", "power",
    "phone", "case", "cover", "charger", "cable", "battery", "light", "home", "garden", "tools", "baby", "pet",
    "beauty", "health", "store", "shop", "market", "online", "delivery", "gift", "card", "open", "close",
    "welcome", "exit", "street", "city", "world", "love", "life", "happy", "day", "night", "summer", "winter",
    "the", "and", "with", "for", "your", "our", "one", "two", "three", "first",
)  # fmt: skip
"""Words that are frequent in photos of goods and no brand's name; a registered name must be nearer than these."""


def pictures() -> Iterator[tuple[str, Rgb]]:
    """Yield pairs of a name and a picture, uint8 (160, 160, 3): about 230, the same at each call."""
    masks = [(f"letter-{letter}", _letter(letter)) for letter in _LETTERS]
    masks += [(name, _shape(svg)) for name, svg in _shapes()]
    for name, mask in masks:
        for ink, ground in _INK_AND_GROUND:
            yield f"{name}-on-{ground}", np.repeat((ground + (ink - ground) * mask[..., None]).astype(np.uint8), 3, 2)
    rng = np.random.default_rng(0)
    for number in range(12):
        slope = np.linspace(-1, 1, SIDE_PX)[:, None, None] * rng.uniform(0, 70)
        noise = rng.normal(0, (2, 12, 40)[number % 3], (SIDE_PX, SIDE_PX, 1))
        yield f"ground-{number}", np.clip(rng.integers(0, 256, 3) + slope + noise, 0, 255).astype(np.uint8)


def _letter(letter: str) -> NDArray[np.float32]:
    image = Image.new("L", (SIDE_PX, SIDE_PX))
    font = ImageFont.load_default(110)
    ImageDraw.Draw(image).text((SIDE_PX // 2, SIDE_PX // 2), letter, 255, font=font, anchor="mm")
    return np.asarray(image, np.float32) / np.float32(255)


def _shape(svg: str) -> NDArray[np.float32]:
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=_SVG.format(svg), width=SIDE_PX, skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(png))) as image:
        return np.asarray(image.getchannel("A"), np.float32) / np.float32(255)


def _shapes() -> Iterator[tuple[str, str]]:
    """Yield pairs of a name and the SVG elements of a shape in a square of 160 units."""
    for count in (3, 6, 12):
        step = SIDE_PX / count
        starts = [i * step for i in range(count)]
        yield f"rows-{count}", "".join(f'<rect y="{y}" width="160" height="{step / 2}"/>' for y in starts)
        yield f"columns-{count}", "".join(f'<rect x="{x}" width="{step / 2}" height="160"/>' for x in starts)
        squares = ((x + step / 2 * odd, y + step / 2 * odd) for x in starts for y in starts for odd in (0, 1))
        yield f"checks-{count}", "".join(f'<path d="M{x} {y}h{step / 2}v{step / 2}h-{step / 2}z"/>' for x, y in squares)
        yield f"slants-{count}", "".join(f'<path d="M{2 * x - 160} 160l160 -160h{step}l-160 160z"/>' for x in starts)
    for turn in range(0, 360, 45):
        yield f"arrow-{turn}", f'<path transform="rotate({turn} 80 80)" d="M20 68h70V40l52 40-52 40V92H20z"/>'
    for corners in (3, 4, 5, 6, 8):
        angles = [2 * math.pi * i / corners for i in range(corners)]
        points = " ".join(f"{80 + 62 * math.sin(a):.1f},{80 - 62 * math.cos(a):.1f}" for a in angles)
        yield f"polygon-{corners}", f'<polygon points="{points}"/>'
        yield f"outline-{corners}", f'<polygon points="{points}" {_LINE}/>'
    for radius in (20, 45, 70):
        yield f"disc-{radius}", f'<circle cx="80" cy="80" r="{radius}"/>'
        yield f"ring-{radius}", f'<circle cx="80" cy="80" r="{radius}" {_LINE}/>'
    dots = ((x, y) for x in range(20, 150, 30) for y in range(20, 150, 30))
    yield "dots", "".join(f'<circle cx="{x}" cy="{y}" r="6"/>' for x, y in dots)
    yield "bars", "".join(f'<rect x="{x}" y="30" width="{2 + x % 5}" height="100"/>' for x in range(20, 140, 9))
    yield "lines", "".join(f'<rect x="20" y="{y}" width="{120 - y % 37}" height="5"/>' for y in range(30, 130, 14))
    yield from _PICTOGRAMS.items()


# Letters that are drawn.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghijmnqrty0123456789&@#%!?+"
# An SVG file around the elements of a shape.
_SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 160">{}</svg>'
# Attributes of an element that is drawn as an outline.
_LINE = 'fill="none" stroke="#000" stroke-width="9"'
# SVG elements of each pictogram.
_PICTOGRAMS = {
    "cross": '<path d="M68 20h24v48h48v24H92v48H68V92H20V68h48z"/>',
    "frame": f'<rect x="20" y="35" width="120" height="90" {_LINE}/>',
    "plate": '<rect x="15" y="50" width="130" height="60" rx="20"/>',
    "smile": f'<g {_LINE}><circle cx="80" cy="80" r="62"/><path d="M50 92a34 34 0 0 0 60 0"/></g>',
    "house": '<path d="M80 20l62 56h-18v60H36V76H18z"/>',
    "person": '<circle cx="80" cy="40" r="22"/><path d="M40 145V95a25 25 0 0 1 25-25h30a25 25 0 0 1 25 25v50z"/>',
    "sun": f'<circle cx="80" cy="80" r="30"/><path {_LINE} d="M80 10v25M80 125v25M10 80h25M125 80h25"/>',
    "drop": '<path d="M80 15c30 45 45 60 45 85a45 45 0 0 1-90 0c0-25 15-40 45-85z"/>',
    "bin": f'<path {_LINE} d="M30 45h100M60 45V28h40v17M42 45l8 95h60l8-95"/>',
    "glass": f'<path {_LINE} d="M45 20h70c0 45-10 60-35 65-25-5-35-20-35-65zM80 85v50M52 138h56"/>',
}
