"""Overlay images: a photo with a box around each matched logo, labelled with brand, similarity and probability."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from logoscan.reporting.groups import group_matches
from logoscan.results import SHOWN_FROM
from logoscan.types import Match, Rgb

__all__ = ["draw_overlay"]

# Colours that colour-blind people can distinguish (Okabe and Ito, 2008).
_PALETTE = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
# Photos with a shorter side below this are enlarged so that labels stay legible.
_MIN_SIDE_PX = 480
# Enlarging stops at this longer side: a strip of 1 x 30000 pixels would take 20 GB.
_MAX_SIDE_PX = 4096


def draw_overlay(rgb: Rgb, matches: tuple[Match, ...], *, at_least: float = SHOWN_FROM) -> Rgb:
    """Draw matches on a photo: one box for each brand and region, labelled with name, similarity and probability.

    Args:
        rgb: Photo, uint8 (H, W, 3).
        matches: Matches in this photo.
        at_least: Probability below which a match is not drawn. Matches without a probability are all drawn.

    Returns:
        uint8 (H', W', 3), enlarged by a whole factor where the photo is small.
    """
    factor = max(1, min(-(-_MIN_SIDE_PX // min(rgb.shape[:2])), _MAX_SIDE_PX // max(rgb.shape[:2])))
    image = Image.fromarray(rgb)
    if factor > 1:
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    size = max(14, min(image.size) // 32)
    font = ImageFont.load_default(size)
    colours: dict[str, tuple[int, int, int]] = {}
    label_boxes: list[tuple[float, float, float, float]] = []
    for match in (group.best for group in group_matches(matches)):
        if match.probability is not None and match.probability < at_least:
            continue
        colour = colours.setdefault(match.brand, _PALETTE[len(colours) % len(_PALETTE)])
        x0, y0, x1, y1 = (v * factor for v in match.xyxy)
        draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colour, width=max(2, size // 7))
        probability = "" if match.probability is None else f"  p {match.probability:.2f}"
        label = f"{' '.join(match.brand.split())}  sim {match.similarity:.2f}{probability}"
        label_box = _label_box(draw.textbbox((0, 0), label, font=font), (x0, y0, x1, y1), image.size, label_boxes)
        label_boxes.append(label_box)
        draw.rectangle(label_box, fill=colour)
        draw.text((label_box[0] + 4, label_box[1] + 2), label, font=font, fill=(255, 255, 255), anchor="lt")
    return np.asarray(image)


def _label_box(
    text: tuple[float, float, float, float],
    box: tuple[float, float, float, float],
    size: tuple[int, int],
    others: list[tuple[float, float, float, float]],
) -> tuple[float, float, float, float]:
    """Return the box of a label: above the match's box, else inside, moved down until it covers no other label."""
    w, h = text[2] - text[0] + 8, text[3] - text[1] + 8
    x = min(max(0.0, box[0]), max(0.0, size[0] - w))
    y = box[1] - h if box[1] >= h else box[1]
    while any(x < p[2] and p[0] < x + w and y < p[3] and p[1] < y + h for p in others) and y + 2 * h <= size[1]:
        y += h
    return x, y, x + w, y + h
