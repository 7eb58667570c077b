"""A word on a sticker, pasted on a photo."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from logoscan.types import Rgb

# Width of a sticker as a share of the photo's width: the least and the most.
_WIDTH = (0.3, 0.6)


def pasted(rng: np.random.Generator, rgb: Rgb, word: str, width_share: tuple[float, float] = _WIDTH) -> Rgb:
    """Paste a word, dark on light or light on dark, on a plain sticker at the top or bottom of a photo.

    Args:
        rng: Chooses colours, width and position.
        rgb: The photo, which is not changed.
        word: What stands on the sticker.
        width_share: Least and greatest width of the sticker, as a share of the photo's.
    """
    dark = bool(rng.random() < 0.5)
    ink, ground = ((20, 20, 20), (245, 245, 245)) if dark else ((245, 245, 245), (30, 30, 120))
    font = ImageFont.load_default(60)
    x0, y0, x1, y1 = font.getbbox(word)
    sticker = Image.new("RGB", (int(x1 - x0) + 40, int(y1 - y0) + 30), ground)
    ImageDraw.Draw(sticker).text((20 - x0, 15 - y0), word, fill=ink, font=font)
    height, width = rgb.shape[:2]
    wide = max(8, round(rng.uniform(*width_share) * width))
    high = max(4, min(round(wide * sticker.height / sticker.width), height // 4))
    out = Image.fromarray(rgb)
    x = int(rng.integers(0, max(1, width - wide)))
    y = int(rng.choice([0.04, 0.9]) * (height - high))
    out.paste(sticker.resize((wide, high), Image.Resampling.LANCZOS), (x, y))
    return np.asarray(out)
