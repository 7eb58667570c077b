"""Composed goods on plain grounds and in rooms: what a listing photo shows, with the places where a mark may lie.

Shoes, shirts, bags, bottles, watches and phones are drawn from a few curves and procedural materials, with panels,
seams and shading; photographs of clothes stand for the rest. This module must not know marks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.materials import Backgrounds, Materials, photo, ramp, random_colour

__all__ = ["Goods", "draw_goods"]

_Rgbf = npt.NDArray[np.float32]
_Mask = npt.NDArray[np.float32]
_Points = npt.NDArray[np.float32]
# Chance of each ground: white, light grey, a photograph or a material.
_WHITE, _GREY = 0.4, 0.62


@dataclass(frozen=True, eq=False)
class Goods:
    """A picture of goods without marks.

    Attributes:
        rgb: float32 (h, w, 3) RGB, 0..255.
        body: float32 (h, w), 0..1: where the goods are.
        frame: x0, y0, x1, y1 of the goods, px.
    """

    rgb: _Rgbf
    body: _Mask
    frame: tuple[int, int, int, int]


def draw_goods(
    rng: np.random.Generator, h: int, w: int, backgrounds: Backgrounds, garments: Backgrounds, materials: Materials
) -> Goods:
    """Draw goods in the middle of a picture of `h` x `w` px, turned a little and mirrored in half of the cases.

    Args:
        rng: Source of all choices.
        h: Height, px.
        w: Width, px.
        backgrounds: Photographs behind the goods; may be empty.
        garments: Photographs of clothes and shoes; may be empty. A third of the goods are parts of one.
        materials: Source of surfaces and noise.
    """
    if len(garments) and rng.random() < 0.33:
        rgb = np.ascontiguousarray(photo(rng, garments, h, w, smallest=min(160, h, w)), np.float32)
        return Goods(rgb, np.ones((h, w), np.float32), (0, 0, w, h))
    draw, tall = _KINDS[int(rng.choice(len(_KINDS), p=_SHARES))]
    share = rng.uniform(0.55, 0.95)
    long = share * min(h / max(tall, 1e-6), w) if tall > h / w else share * w
    gw, gh = max(24, round(long)), max(24, round(long * tall))
    gw, gh = min(gw, w), min(gh, h)
    skin, body = draw(rng, gh, gw, materials)
    if rng.random() < 0.5:
        skin, body = skin[:, ::-1], body[:, ::-1]
    skin = _shade(rng, np.ascontiguousarray(skin), np.ascontiguousarray(body))
    x, y = int(rng.integers(0, w - gw + 1)), int(rng.integers(0, h - gh + 1))
    matrix = cv2.getRotationMatrix2D((gw / 2, gh / 2), float(rng.normal(0, 6)), 1.0)
    matrix[:, 2] += (x, y)
    layer = cv2.warpAffine(np.dstack([skin * body[..., None], body]), matrix, (w, h), flags=cv2.INTER_LINEAR)
    cover = layer[..., 3:]
    ground = _ground(rng, h, w, backgrounds, materials)
    if rng.random() < 0.5:
        ground = ground * (1 - rng.uniform(0.1, 0.4) * _shadow(rng, cover[..., 0]))[..., None]
    return Goods(
        np.ascontiguousarray(ground * (1 - cover) + layer[..., :3], np.float32),
        np.ascontiguousarray(cover[..., 0]),
        (x, y, x + gw, y + gh),
    )


def _ground(rng: np.random.Generator, h: int, w: int, backgrounds: Backgrounds, materials: Materials) -> _Rgbf:
    kind = rng.random()
    if kind < _GREY:
        base = np.full((h, w, 3), 255 if kind < _WHITE else rng.uniform(200, 248), np.float32)
        return base * (1 - rng.uniform(0, 0.12) * ramp(rng, h, w))[..., None] if kind >= _WHITE else base
    if len(backgrounds) and kind < 0.85:
        picture = np.asarray(photo(rng, backgrounds, h, w), np.float32)
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 6)), np.float32)
    return materials.surface(rng, h, w)


def _shadow(rng: np.random.Generator, cover: _Mask) -> _Mask:
    """Return the soft shadow of the goods on what is below or behind them."""
    sigma = 0.02 * max(cover.shape) * rng.uniform(0.5, 2)
    moved = np.roll(cover, (int(rng.uniform(0.2, 2) * sigma), int(rng.uniform(-1.5, 1.5) * sigma)), (0, 1))
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), sigma), np.float32)


def _shade(rng: np.random.Generator, skin: _Rgbf, body: _Mask) -> _Rgbf:
    """Return the goods with rounded edges, a direction of light and, on cloth, soft folds."""
    depth = cv2.GaussianBlur(body, (0, 0), max(1.0, 0.06 * min(body.shape)))
    light = 1 - rng.uniform(0.1, 0.55) * np.clip(1.6 - 2 * depth, 0, 1)
    low, high = sorted(rng.uniform(0.7, 1.1, 2))
    return np.asarray(skin * (light * (low + (high - low) * ramp(rng, *body.shape)))[..., None], np.float32)


# -- outlines and surfaces


def _smooth(points: list[list[float]], rounds: int = 3) -> _Points:
    """Return a closed outline with its corners cut off repeatedly (Chaikin), float32 (n, 2)."""
    outline = np.array(points, np.float32)
    for _ in range(rounds):
        after = np.roll(outline, -1, axis=0)
        outline = np.stack([0.75 * outline + 0.25 * after, 0.25 * outline + 0.75 * after], 1).reshape(-1, 2)
    return outline


def _fill(outline: _Points, h: int, w: int) -> _Mask:
    """Return the inside of an outline in units of the picture, y upwards, as a mask."""
    mask = np.zeros((h, w), np.uint8)
    pixels = np.stack([outline[:, 0] * (w - 1), (1 - outline[:, 1]) * (h - 1)], 1)
    cv2.fillPoly(mask, [np.rint(pixels * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / np.float32(255)


def _skin(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Rgbf:
    """Return a surface as goods have it; half of them are white, black or grey."""
    surface = materials.surface(rng, h, w)
    if rng.random() < 0.5:
        grey = float(rng.choice([20, 35, 60, 120, 190, 225, 240, 250]))
        detail = surface - surface.mean(axis=(0, 1), keepdims=True)
        surface = grey + detail.mean(-1, keepdims=True) * rng.uniform(0.1, 0.6) + np.zeros(3, np.float32)
    return np.asarray(np.clip(surface, 0, 255), np.float32)


def _paint(skin: _Rgbf, mask: _Mask, colour: _Rgbf | npt.NDArray[np.float32]) -> None:
    """Lay a colour or a surface over the goods where `mask` is 1, in place."""
    skin += (colour - skin) * mask[..., None]


def _seam(rng: np.random.Generator, skin: _Rgbf, outline: _Points) -> None:
    """Draw an outline as a seam: a dark or light line, dashed in half of the cases, in place."""
    h, w = skin.shape[:2]
    pixels = np.rint(np.stack([outline[:, 0] * (w - 1), (1 - outline[:, 1]) * (h - 1)], 1)).astype(np.int32)
    colour = [float(v) for v in np.clip(skin.mean(axis=(0, 1)) + rng.choice([-60.0, 60.0]), 0, 255)]
    dashed, thick = rng.random() < 0.5, max(1, round(min(h, w) * rng.uniform(0.003, 0.01)))
    for k in range(len(pixels) - 1):
        if not dashed or k % 2 == 0:
            cv2.line(skin, pixels[k].tolist(), pixels[k + 1].tolist(), colour, thick, cv2.LINE_AA)


def _panels(rng: np.random.Generator, skin: _Rgbf, body: _Mask, count: int, materials: Materials) -> None:
    """Lay panels of other materials with seams over the goods, in place; they are no marks."""
    h, w = body.shape
    for _ in range(count):
        cx, cy = rng.uniform(0.05, 0.95), rng.uniform(0.1, 0.9)
        n, start = int(rng.integers(3, 6)), rng.uniform(0, 2 * np.pi)
        corners = []
        for k in range(n):
            angle, radius = start + 2 * np.pi * k / n, rng.uniform(0.12, 0.45)
            corners.append([cx + radius * np.cos(angle), cy + radius * np.sin(angle)])
        outline = _smooth(corners, int(rng.integers(1, 4)))
        colour = _skin(rng, h, w, materials) if rng.random() < 0.5 else random_colour(rng)
        if rng.random() < 0.4:
            colour = np.clip(skin.mean(axis=(0, 1)) + rng.uniform(-35, 35), 0, 255).astype(np.float32)
        _paint(skin, _fill(outline, h, w) * body, colour)
        _seam(rng, skin, outline)


def _jittered(rng: np.random.Generator, points: list[list[float]], by: float = 0.025) -> list[list[float]]:
    return [[x + float(rng.normal(0, by)), y + float(rng.normal(0, by))] for x, y in points]


# -- kinds of goods: skin, float32 (h, w, 3), and body, float32 (h, w)

_Drawn = tuple[_Rgbf, _Mask]


def _shoe(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw a shoe from the side: upper with panels and laces, sole; low or high."""
    collar = rng.uniform(0.62, 0.95)
    upper = [[0.03, 0.12], [0.02, 0.45], [0.05, collar], [0.2, collar - 0.08], [0.33, collar - 0.05]]
    upper += [[0.42, min(1.0, collar + 0.05)], [0.55, 0.62], [0.72, 0.42], [0.9, 0.36], [0.99, 0.25], [0.99, 0.12]]
    outline = _smooth(_jittered(rng, upper))
    sole_top = rng.uniform(0.1, 0.24)
    sole = _smooth(
        _jittered(rng, [[0.0, 0.02], [0.0, sole_top], [0.5, sole_top * 0.9], [1.0, sole_top], [1.0, 0.04]], 0.012), 2
    )
    skin, body = _skin(rng, h, w, materials), _fill(outline, h, w)
    _panels(rng, skin, body, int(rng.integers(0, 5)), materials)
    for k in range(int(rng.integers(0, 8))):  # laces
        x, y = 0.36 + 0.035 * k, 0.3 + (0.62 - 0.05 * k) * (collar - 0.2)
        ends = np.array([[x - 0.05, y - 0.05], [x + 0.06, y + 0.05]]) * (w, -h) + (0, h)
        colour = [float(v) for v in random_colour(rng)]
        cv2.line(skin, ends[0].astype(int).tolist(), ends[1].astype(int).tolist(), colour, max(1, w // 70), cv2.LINE_AA)
    mask = _fill(sole, h, w)
    _paint(
        skin, mask, _skin(rng, h, w, materials) if rng.random() < 0.4 else np.full(3, rng.choice([250, 235, 30, 90]))
    )
    if rng.random() < 0.5:
        _seam(rng, skin, sole)
    return skin, np.maximum(body, mask)


def _shirt(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw a shirt, a jersey or a jacket laid flat."""
    sleeve = rng.uniform(0.25, 0.75)
    half = [
        [0.5, 0.9],
        [0.62, 0.98],
        [0.8, 0.9],
        [1.0, 0.9 - sleeve],
        [0.86, 0.84 - sleeve],
        [0.76, 0.66],
        [0.76, 0.02],
    ]
    points = half + [[1 - x, y] for x, y in half[::-1][:-1]]
    skin = materials._cloth(rng, h, w) if rng.random() < 0.6 else _skin(rng, h, w, materials)
    body = _fill(_smooth(_jittered(rng, points, 0.015), 2), h, w)
    _panels(rng, skin, body, int(rng.integers(0, 3)), materials)
    if rng.random() < 0.4:
        _seam(rng, skin, np.array([[0.5, 0.02], [0.5, 0.9]], np.float32))
    folds = materials.field(rng, h, w, 16.0 if rng.random() < 0.5 else 48.0)
    return np.clip(skin * (1 + 0.1 * folds)[..., None], 0, 255), body


def _bag(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw a bag with a handle, or a wallet."""
    skin, top = _skin(rng, h, w, materials), rng.uniform(0.55, 0.95)
    bag = _smooth(_jittered(rng, [[0.04, 0.02], [0.08, top], [0.92, top], [0.96, 0.02]], 0.02), int(rng.integers(1, 4)))
    body = _fill(bag, h, w)
    _panels(rng, skin, body, int(rng.integers(0, 3)), materials)
    _seam(rng, skin, 0.9 * (bag - 0.5) + 0.5)
    if top < 0.85:
        handle = np.zeros((h, w), np.float32)
        middle, size = (w // 2, round((1 - top) * h)), (round(w * rng.uniform(0.15, 0.3)), round((1 - top) * h * 0.9))
        cv2.ellipse(handle, middle, size, 0, 180, 360, 1.0, max(2, w // 30), cv2.LINE_AA)
        body = np.maximum(body, handle)
    return skin, body


def _bottle(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw a bottle, a jar, a tube or a carton with a label."""
    neck, shoulder = rng.uniform(0.12, 0.5), rng.uniform(0.6, 0.95)
    points = [[0.03, 0.0], [0.03, shoulder], [0.5 - neck, shoulder + 0.03], [0.5 - neck, 1.0]]
    points += [[1 - x, y] for x, y in points[::-1]]
    skin, body = _skin(rng, h, w, materials), _fill(_smooth(points, int(rng.integers(0, 3))), h, w)
    if rng.random() < 0.6:
        low, high = rng.uniform(0.05, 0.3), rng.uniform(0.4, shoulder)
        label = np.array([[0, low], [0, high], [1, high], [1, low]], np.float32)
        _paint(skin, _fill(label, h, w), _skin(rng, h, w, materials))
    across = np.linspace(-1, 1, w, dtype=np.float32)[None, :, None]
    return np.asarray(skin * (1 - rng.uniform(0.1, 0.6) * across**2), np.float32), body


def _watch(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw a watch: strap, case, dial with hour marks and hands."""
    skin, wide = _skin(rng, h, w, materials), rng.uniform(0.35, 0.65)
    strap = np.array([[0.5 - wide / 2, 0], [0.5 - wide / 2, 1], [0.5 + wide / 2, 1], [0.5 + wide / 2, 0]], np.float32)
    body, middle, r = _fill(strap, h, w), (w // 2, h // 2), round(0.46 * min(w, h))
    for radius, colour in ((r, random_colour(rng)), (round(r * 0.85), random_colour(rng))):
        disc = np.zeros((h, w), np.float32)
        cv2.circle(disc, middle, radius, 1.0, -1, cv2.LINE_AA)
        _paint(skin, disc, colour)
        body = np.maximum(body, disc)
    ink = [float(v) for v in random_colour(rng)]
    for k in range(12):
        way = np.array([np.cos(np.pi * k / 6), np.sin(np.pi * k / 6)])
        ends = (np.array(middle) + np.outer([0.7 * r, 0.8 * r], way)).astype(int)
        cv2.line(skin, ends[0].tolist(), ends[1].tolist(), ink, max(1, r // 25), cv2.LINE_AA)
    for length in (0.45, 0.65):
        angle = rng.uniform(0, 2 * np.pi)
        end = np.array(middle) + length * r * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(skin, middle, end.astype(int).tolist(), ink, max(1, r // 20), cv2.LINE_AA)
    return skin, body


def _device(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw the back of a phone, a case or a tin: a rounded plate with a few round holes."""
    skin, r = _skin(rng, h, w, materials), rng.uniform(0.05, 0.15)
    plate = [[r, 0], [1 - r, 0], [1, r / 2], [1, 1 - r / 2], [1 - r, 1], [r, 1], [0, 1 - r / 2], [0, r / 2]]
    for _ in range(int(rng.integers(0, 4))):
        at = (int(rng.uniform(0.1, 0.5) * w), int(rng.uniform(0.05, 0.3) * h))
        cv2.circle(skin, at, max(3, int(rng.uniform(0.05, 0.12) * w)), [float(v) for v in random_colour(rng)], -1)
    return skin, _fill(_smooth(plate, 2), h, w)


# Each kind with its height as a multiple of its width, and how often it is drawn.
_KINDS: tuple[tuple[Callable[[np.random.Generator, int, int, Materials], _Drawn], float], ...] = (
    (_shoe, 0.6),
    (_shirt, 1.0),
    (_bag, 0.85),
    (_bottle, 1.7),
    (_watch, 1.3),
    (_device, 1.8),
)
_SHARES = (0.4, 0.15, 0.13, 0.14, 0.09, 0.09)
