"""Run all models of a pipeline once, so that the first request does not wait for what is loaded at first use."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from logoscan.errors import LogoscanError
from logoscan.index.logo_index import LogoIndex
from logoscan.scan.pipeline import Pipeline
from logoscan.scan.unreadable import photo_warnings
from logoscan.types import Listing, Rgb, Rgba

__all__ = ["warm_up"]

# Widths and heights of the photos: networks compile, and engines plan, for each shape once.
_SIZES_WH = ((800, 600), (600, 800))
_WORDS = "A leather shoe, new and in its box. Fits an adult's foot."


def warm_up(pipeline: Pipeline, index: LogoIndex) -> None:
    """Scan a listing that is made up here, with two photos of a mark and a line of text, and drop its report.

    Args:
        pipeline: Takes the stages.
        index: A snapshot of the index; what is made at its first search is made now.

    Raises:
        LogoscanError: A model breaks at these photos, so that it would break at others.
    """
    photos = tuple(_photo(*size) for size in _SIZES_WH)
    listing = Listing("warm-up", photos, title="A shoe", description=_WORDS, claimed_brand="", reviews=(_WORDS,))
    for report, _ in pipeline.scan([listing], index):
        if failures := photo_warnings(report.warnings):
            raise LogoscanError(f"warm_up: expected models that can examine a photo, got {failures[0]}")
    mark = _mark()
    pipeline.comparison.run_once(np.ascontiguousarray(mark[..., :3]), mark)


def _mark() -> Rgba:
    """Return a mark, uint8 (128, 128, 4): a ring and a bar on a transparent ground."""
    image = Image.new("RGBA", (128, 128), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((14, 14, 114, 114), outline=(200, 30, 30, 255), width=18)
    draw.rectangle((56, 30, 76, 98), fill=(20, 60, 160, 255))
    return np.asarray(image)


def _photo(width: int, height: int) -> Rgb:
    """Return a photo of this size with the mark and a line of text on noise, which has keypoints."""
    noise = np.random.default_rng(0).integers(90, 160, (height // 4, width // 4, 3), np.uint8)
    image = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    mark = Image.fromarray(_mark())
    image.paste(mark, (width // 3, height // 3), mark)
    ImageDraw.Draw(image).text((40, height - 90), "WARM UP 123", fill=(10, 10, 10), font=ImageFont.load_default(48))
    return np.asarray(image)
