"""Crops of a single mark for the encoder: clean crops as an index holds them, and crops as a detector cuts them.

A photo-like crop shows one mark on a background. Whole pictures with several marks are in `scenes`. This module must
not know networks.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.effects import (
    CROP_PX,
    Rgb8,
    Rgbf,
    blend,
    jpeg,
    lay,
    low_resolution,
    random_corners,
    take_photo,
    take_snapshot,
    to_uint8,
)
from logoscan.training.goods import draw_goods
from logoscan.training.materials import Backgrounds, Materials, photo, random_colour
from logoscan.training.styles import Premultiplied, Rgba, paint, premultiply, style
from logoscan.training.wordmarks import draw_word


def clean_crop(rng: np.random.Generator, rgba: Rgba, one_colour: bool) -> Rgb8:
    """Return a crop of a mark as an index holds it: upright on a plain background, mostly black on white.

    Args:
        rng: Source of all choices.
        rgba: uint8 (h, w, 4) logo image.
        one_colour: True if the logo image has no colours of its own.

    Returns:
        uint8 (`CROP_PX`, `CROP_PX`, 3) RGB.
    """
    ground = np.full(3, 255, np.float32) if rng.random() < 0.75 else random_colour(rng)
    if one_colour:
        dark = np.zeros(3, np.float32) if rng.random() < 0.6 else random_colour(rng)
        mark = _in_colour(rgba, contrasting(dark, ground))
    else:
        mark = premultiply(rgba)
    out = np.full((CROP_PX, CROP_PX, 3), ground, np.float32)
    mark = _resize(mark, CROP_PX * rng.uniform(0.72, 1.0))
    h, w = mark.shape[:2]
    _overlay(out, mark, (CROP_PX - w) // 2, (CROP_PX - h) // 2)
    if rng.random() < 0.3:
        out = low_resolution(rng, out, 40, 110)
    return to_uint8(out)


def photo_crop(
    rng: np.random.Generator,
    rgba: Rgba,
    one_colour: bool,
    *,
    fonts: tuple[str, ...],
    backgrounds: Backgrounds,
    materials: Materials,
    garments: Backgrounds,
    as_drawn: bool = False,
    goods: float,
) -> Rgb8:
    """Return a photo-like crop of a mark, as a detector would cut it.

    Half of the crops are cut close and padded to a square as the encoder pads a box. Some of the others show the mark
    small, and some show only a part of it.

    Args:
        rng: Source of all choices.
        rgba: uint8 (h, w, 4) logo image.
        one_colour: True if the logo image has no colours of its own.
        fonts: Font files for words on screenshots; may be empty.
        backgrounds: Photographs; may be empty.
        materials: Source of surfaces and noise.
        garments: Photographs of clothes and shoes; may be empty.
        as_drawn: True to keep the colours and strokes of the logo image.
        goods: Chance that the mark lies on goods.

    Returns:
        uint8 (`CROP_PX`, `CROP_PX`, 3) RGB.
    """
    side = CROP_PX
    if rng.random() < 0.06:
        return _screenshot(rng, rgba, one_colour, fonts)
    mark, mono = (premultiply(rgba), False) if as_drawn else style(rng, rgba, one_colour, materials)
    if rng.random() < 0.04:
        mark = np.ascontiguousarray(np.rot90(mark, int(rng.choice([1, 3]))))
    on_goods = rng.random() < goods
    if on_goods:
        ground = draw_goods(rng, side, side, backgrounds, garments, materials).rgb
    else:
        ground = ground_for(rng, backgrounds, materials, side, side)
    h, w = mark.shape[:2]
    kind = rng.random()
    fill = rng.uniform(0.72, 1.0) if kind < 0.6 else rng.uniform(0.4, 0.85) if kind < 0.88 else rng.uniform(1, 1.4)
    scale = side * fill / max(h, w)
    size = (w * scale, h * scale * float(np.exp(rng.normal(0, 0.12))))
    close = rng.random() < 0.5
    reach = 0.04 if close else 0.5
    shift = [max(0.04, reach * abs(1 - length / side)) * side for length in size]
    centre = (side / 2 + rng.uniform(-shift[0], shift[0]), side / 2 + rng.uniform(-shift[1], shift[1]))
    corners = random_corners(rng, size, centre)
    image = blend(rng, ground, lay(mark, corners, (side, side)), mono, 0.3 if on_goods else 0.08)
    image = take_snapshot(rng, image) if rng.random() < 0.55 else take_photo(rng, image, materials)
    return to_uint8(_cut_close(rng, image, corners) if close else image)


def _screenshot(rng: np.random.Generator, rgba: Rgba, one_colour: bool, fonts: tuple[str, ...]) -> Rgb8:
    """Return a crop of a mark on a screen: upright, flat colours, with lines of text and edges of fields around it."""
    side = CROP_PX
    ground = np.full(3, 255, np.float32) if rng.random() < 0.5 else random_colour(rng)
    out = np.empty((side, side, 3), np.float32)
    out[:] = ground
    ink_colour = contrasting(random_colour(rng), ground)
    for _ in range(int(rng.integers(0, 4))):
        y, x = (int(v) for v in rng.integers(0, side, 2))
        word = draw_word(rng, fonts) if rng.random() < 0.6 else None
        if word is None:
            cv2.rectangle(out, (x, y), (x + side, y + int(rng.integers(4, 40))), ink_colour.tolist(), 1)
            continue
        high = int(rng.integers(6, 14))
        letters = word[2][..., 3].astype(np.float32) / np.float32(255)
        wide = max(2, round(letters.shape[1] * high / letters.shape[0]))
        letters = cv2.resize(letters, (wide, high), interpolation=cv2.INTER_AREA)[: side - y, : side - x, None]
        part = out[y : y + letters.shape[0], x : x + letters.shape[1]]
        part += letters * (ink_colour - part)
    mark = _in_colour(rgba, contrasting(random_colour(rng), ground)) if one_colour else premultiply(rgba)
    mark = _resize(mark, side * rng.uniform(0.5, 1.0))
    y, x = (int(rng.integers(0, side - length + 1)) for length in mark.shape[:2])
    _overlay(out, mark, x, y)
    if rng.random() < 0.6:
        out = low_resolution(rng, out, 24, 120)
    return to_uint8(jpeg(rng, out) if rng.random() < 0.6 else out)


def _in_colour(rgba: Rgba, colour: npt.NDArray[np.float32]) -> Premultiplied:
    """Return the premultiplied mark of one colour with the alpha of a logo image."""
    return paint(rgba[..., 3].astype(np.float32) / np.float32(255), colour)


def _resize(mark: Premultiplied, long_px: float) -> Premultiplied:
    """Return a mark with its long side resized to `long_px`, at least 2 px high and wide."""
    h, w = mark.shape[:2]
    scale = long_px / max(h, w)
    size = (max(2, round(w * scale)), max(2, round(h * scale)))
    return np.asarray(cv2.resize(mark, size, interpolation=cv2.INTER_AREA), np.float32)


def _overlay(image: Rgbf, mark: Premultiplied, x: int, y: int) -> None:
    """Lay a premultiplied mark onto a picture in place, with its top left corner at x, y."""
    part = image[y : y + mark.shape[0], x : x + mark.shape[1]]
    part *= 1 - mark[..., 3:]
    part += mark[..., :3]


def _cut_close(rng: np.random.Generator, image: Rgbf, corners: Rgbf) -> Rgbf:
    """Return the picture cut to a close box around `corners` and padded to a square as the encoder pads a box.

    The padding, along the short side only, has the median colour of the border of the box.
    """
    side = image.shape[0]
    spare = rng.uniform(-0.02, 0.14, 4) * side
    x0, y0 = (max(0, round(float(v - m))) for v, m in zip(corners.min(0), spare[:2], strict=True))
    x1, y1 = (min(side, round(float(v + m))) for v, m in zip(corners.max(0), spare[2:], strict=True))
    if x1 - x0 < 8 or y1 - y0 < 8 or min(x1 - x0, y1 - y0) > 0.85 * side:
        return image
    part = image[y0:y1, x0:x1]
    border = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
    out = np.empty_like(image)
    out[:] = np.median(border, axis=0)
    if y1 - y0 < x1 - x0:
        out[y0:y1] = image[y0:y1]
    else:
        out[:, x0:x1] = image[:, x0:x1]
    return out


def ground_for(rng: np.random.Generator, backgrounds: Backgrounds, materials: Materials, h: int, w: int) -> Rgbf:
    """Return a float32 (h, w, 3) RGB background: a photograph in half of the cases, else a procedural material."""
    if len(backgrounds) and rng.random() < 0.5:
        picture = photo(rng, backgrounds, h, w)
        if rng.random() < 0.35:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(1, 6))
        return np.asarray(picture, np.float32)
    return materials.surface(rng, h, w)


def contrasting(colour: npt.NDArray[np.float32], ground: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return `colour`, made lighter or darker if its mean is within 60 levels of the mean of `ground`."""
    gap = float(colour.mean() - ground.mean())
    if abs(gap) >= 60:
        return colour
    return np.asarray(np.clip(colour + (130 if ground.mean() < 128 else -130) - gap, 0, 255), np.float32)
