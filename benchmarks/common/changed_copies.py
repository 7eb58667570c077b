"""Changed copies of a photo, as thieves make them: mirrored, cropped, framed, in a screenshot, set into another one."""

from __future__ import annotations

import io
import random

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from logoscan.types import Rgb

__all__ = ["CHANGES", "changed_copy"]

CHANGES = ("mirror", "crop_5", "crop_10", "frame", "screenshot", "inserted", "small_mirror", "saved_again")
"""Names of the changes; each copy is saved as JPEG of quality 60 to 90 as well."""

_TEXT = "abcdefghij klmnop qrstuvwxyz 0123456789"


def changed_copy(photo: Rgb, change: str, other: Rgb, rng: random.Random) -> Rgb:
    """Return a changed copy of a photo, uint8 (H, W, 3).

    Args:
        photo: The photo.
        change: One of `CHANGES`. "crop_5" takes 5 % of each side away; "inserted" sets the photo, at 50 % of its size,
            into the corner of another one.
        other: The other photo.
        rng: Draws colours, words and quality.
    """
    image = Image.fromarray(photo)
    width, height = image.size
    if change in ("mirror", "small_mirror"):
        image = ImageOps.mirror(image)
    if change == "small_mirror":
        image = image.resize((round(0.6 * width), round(0.6 * height)), Image.Resampling.LANCZOS)
    if change.startswith("crop"):
        share = int(change.removeprefix("crop_")) / 100
        x, y = round(share * width), round(share * height)
        image = image.crop((x, y, width - x, height - y))
    if change == "frame":
        colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        image = ImageOps.expand(image, round(0.06 * max(width, height)), colour)
    if change == "screenshot":
        image = _screenshot(image, rng)
    if change == "inserted":
        ground = Image.fromarray(other).resize((width, height), Image.Resampling.LANCZOS)
        small = image.resize((width // 2, height // 2), Image.Resampling.LANCZOS)
        ground.paste(small, (rng.choice((4, width - small.width - 4)), rng.choice((4, height - small.height - 4))))
        image = ground
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=rng.randint(60, 90))
    return np.asarray(Image.open(buffer).convert("RGB"))


def _screenshot(image: Image.Image, rng: random.Random) -> Image.Image:
    """Set a photo into the page of a shop as a phone shows it: bars, a title, a price and lines of text around it."""
    width = round(1.05 * image.width)
    page = Image.new("RGB", (width, max(round(1.9 * width), round(1.4 * image.height))), "white")
    draw, line = ImageDraw.Draw(page), max(10, width // 22)
    draw.rectangle((0, 0, width, 2 * line), fill=(rng.randrange(60), rng.randrange(60), rng.randrange(90)))
    page.paste(image, ((width - image.width) // 2, 3 * line))
    for y in range(3 * line + image.height + line, page.height - 2 * line, 2 * line):
        draw.text((line, y), "".join(rng.choices(_TEXT, k=24)), fill=(20, 20, 20), font_size=line)
    return page
