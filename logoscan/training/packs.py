"""Procedural packs: a carton, bottle, tub or bag with colours, a picture, a mark and words; each is a class.

A pack is recognised by its layout of colours as much as by its mark. So it is never recoloured between two views; the
same pack in other colours is another class. This module must not know how a pack is put into a picture.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.icons import ICON_PX, Icons
from logoscan.training.materials import Backgrounds, Materials, photo, ramp, random_colour
from logoscan.training.styles import Premultiplied, Rgba, paint, premultiply
from logoscan.training.wordmarks import draw_word

Rgbf = npt.NDArray[np.float32]


def draw_pack(
    rng: np.random.Generator,
    icons: Icons,
    fonts: tuple[str, ...],
    backgrounds: Backgrounds,
    materials: Materials,
) -> Rgba:
    """Return a made-up pack, seen from the front, as uint8 (h, w, 4) RGBA, long side `ICON_PX`.

    Args:
        rng: Source of all choices.
        icons: Marks to print on the pack; may be empty.
        fonts: Font files for words on the pack; may be empty.
        backgrounds: Photographs to print on the pack; may be empty.
        materials: Source of surfaces.
    """
    tall = float(np.exp(rng.normal(0.45, 0.4)))
    h, w = (ICON_PX, round(ICON_PX / tall)) if tall > 1 else (round(ICON_PX * tall), ICON_PX)
    h, w = max(h, ICON_PX // 3), max(w, ICON_PX // 3)
    kind = rng.random()
    if kind < 0.15 and len(backgrounds):
        front = np.array(photo(rng, backgrounds, h, w))
    elif kind < 0.3:
        front = materials.surface(rng, h, w)
    else:
        front = np.empty((h, w, 3), np.float32)
        front[:] = random_colour(rng)
        if kind < 0.5:
            t = ramp(rng, h, w)[..., None]
            front = front * (1 - t) + random_colour(rng) * t
    front = np.ascontiguousarray(front)
    for _ in range(int(rng.integers(1, 4))):
        _paint_block(rng, front, backgrounds)
    top, lines = rng.uniform(0.05, 0.3), int(rng.integers(1, 4))
    if len(icons) and rng.random() < 0.6:
        top = _print_mark(rng, front, icons, top)
    for _ in range(lines):
        word = draw_word(rng, fonts)
        if word is None or top > 0.9:
            break
        letters = word[2][..., 3].astype(np.float32) / np.float32(255)
        wide = rng.uniform(0.35, 0.92) * w
        size = (wide, min(wide * letters.shape[0] / letters.shape[1], 0.28 * h))
        top = _print(front, paint(letters, random_colour(rng)), size, top) + rng.uniform(0.02, 0.25)
    return _cut_shape(rng, front)


def recolour_pack(rng: np.random.Generator, rgba: Rgba) -> Rgba:
    """Return the pack in other colours, uint8 (h, w, 4): another variety and so another class."""
    hsv = cv2.cvtColor(np.ascontiguousarray(rgba[..., :3]), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int32) + int(rng.integers(40, 140))) % 180
    out = rgba.copy()
    out[..., :3] = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    if float(np.abs(out.astype(np.int32) - rgba).mean()) < 12:  # a grey pack has no hue to change
        out[..., :3] = 255 - rgba[..., :3]
    return out


def _paint_block(rng: np.random.Generator, front: Rgbf, backgrounds: Backgrounds) -> None:
    """Paint a band, a rectangle, a slanted band, an ellipse or a photograph on a part of the front, in place."""
    h, w = front.shape[:2]
    colour, kind = [float(c) for c in random_colour(rng)], rng.random()
    y = int(rng.integers(0, max(1, h - h // 6)))
    high = int(rng.integers(h // 10, max(h // 10 + 1, h // 2)))
    if kind < 0.35:
        cv2.rectangle(front, (0, y), (w, y + high), colour, -1)
    elif kind < 0.5:
        x = int(rng.integers(0, w // 2))
        cv2.rectangle(front, (x, y), (x + int(rng.integers(w // 5, w)), y + high), colour, -1)
    elif kind < 0.65:
        slant = int(rng.integers(-h // 2, h // 2 + 1))
        points = np.array([[0, y], [w, y + slant], [w, y + slant + high], [0, y + high]], np.int32)
        cv2.fillConvexPoly(front, points, colour, cv2.LINE_AA)
    elif kind < 0.85 or not len(backgrounds):
        axes = (int(rng.integers(w // 6, w // 2 + 1)), int(rng.integers(w // 6, w // 2 + 1)))
        middle = (int(rng.integers(w // 4, 3 * w // 4)), int(rng.integers(h // 5, h)))
        cv2.ellipse(front, middle, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    else:
        ph, pw = min(h - y, max(8, high)), max(8, round(w * rng.uniform(0.4, 1)))
        x = int(rng.integers(0, w - pw + 1))
        front[y : y + ph, x : x + pw] = photo(rng, backgrounds, ph, pw)


def _print_mark(rng: np.random.Generator, front: Rgbf, icons: Icons, top: float) -> float:
    """Print a random mark at `top` (share of the height) and return where the next print may begin, same unit."""
    i = int(rng.integers(len(icons)))
    rgba = icons.rgba(i)
    if icons.one_colour[i]:
        mark = paint(rgba[..., 3].astype(np.float32) / np.float32(255), random_colour(rng))
    else:
        mark = premultiply(rgba)
    h, w = front.shape[:2]
    scale = min(rng.uniform(0.3, 0.8) * w / rgba.shape[1], 0.5 * h / rgba.shape[0])
    return _print(front, mark, (rgba.shape[1] * scale, rgba.shape[0] * scale), top) + rng.uniform(0.02, 0.12)


def _print(front: Rgbf, mark: Premultiplied, size: tuple[float, float], top: float) -> float:
    """Print a mark of `size` (w, h px) in the middle at `top` (share of the height); return its lower end so."""
    h, w = front.shape[:2]
    mark = cv2.resize(mark, (max(2, round(size[0])), max(2, round(size[1]))), interpolation=cv2.INTER_AREA)
    y = round(top * h)
    x = max(0, (w - mark.shape[1]) // 2)
    mark = mark[: max(0, h - y), : w - x]
    part = front[y : y + mark.shape[0], x : x + mark.shape[1]]
    part *= 1 - mark[..., 3:]
    part += mark[..., :3]
    return float((y + mark.shape[0]) / h)


def _cut_shape(rng: np.random.Generator, front: Rgbf) -> Rgba:
    """Return the front cut to the shape of a box, gabled carton, bottle, tub or bag; the last three are shaded."""
    h, w = front.shape[:2]
    kind, body = rng.random(), np.zeros((h, w), np.uint8)
    if kind < 0.4:
        body[:] = 255
    elif kind < 0.55:
        gable, inset = round(h * rng.uniform(0.08, 0.2)), round(w * rng.uniform(0.02, 0.25))
        points = [[inset, 0], [w - inset, 0], [w, gable], [w, h], [0, h], [0, gable]]
        cv2.fillConvexPoly(body, np.array(points, np.int32), 255)
    elif kind < 0.75:
        neck, shoulder = round(w * rng.uniform(0.15, 0.35)), round(h * rng.uniform(0.2, 0.4))
        points = [[neck, 0], [w - neck, 0], [w - neck, shoulder // 2], [w, shoulder], [w, h], [0, h]]
        cv2.fillPoly(body, [np.array([*points, [0, shoulder], [neck, shoulder // 2]], np.int32)], 255)
    elif kind < 0.88:
        inset = round(w * rng.uniform(0.03, 0.15))
        cv2.fillConvexPoly(body, np.array([[0, 0], [w, 0], [w - inset, h], [inset, h]], np.int32), 255)
    else:
        cv2.ellipse(body, (w // 2, h // 2), (w // 2, h // 2), 0, 0, 360, 255, -1)
        body[h // 5 : h - h // 5, w // 20 : w - w // 20] = 255
    if kind >= 0.55:
        across = np.linspace(-1, 1, w, dtype=np.float32) ** 2
        front = front * (1.05 - rng.uniform(0.1, 0.5) * across)[None, :, None]
    return np.dstack([np.clip(front, 0, 255).astype(np.uint8), cv2.GaussianBlur(body, (3, 3), 0)])
