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
from logoscan.training.outlines import Mask, Rgbf, fill, jittered, lay_over, seam, smooth
from logoscan.training.shoes import Place, draw_shoe

__all__ = ["Goods", "draw_goods"]

# Chance of each ground: white, light grey, a photograph or a material.
_WHITE, _GREY = 0.4, 0.62


# Chance that two pieces of the same goods are shown, that shoes are worn, and that goods are turned by any angle.
_TWO, _WORN, _TURNED = 0.35, 0.2, 0.12


@dataclass(frozen=True, eq=False)
class Goods:
    """A picture of goods without marks.

    Attributes:
        rgb: float32 (h, w, 3) RGB, 0..255.
        body: float32 (h, w), 0..1: where the goods are.
        frame: x0, y0, x1, y1 of the goods, px.
        places: For each place where such goods have a mark, the most usual one first, that place on each piece shown;
            empty where the goods are a photograph.
    """

    rgb: Rgbf
    body: Mask
    frame: tuple[int, int, int, int]
    places: tuple[tuple[Place, ...], ...] = ()


def draw_goods(
    rng: np.random.Generator, h: int, w: int, backgrounds: Backgrounds, garments: Backgrounds, materials: Materials
) -> Goods:
    """Draw one or two pieces of goods in a picture of `h` x `w` px, turned a little and mirrored in half of the cases.

    Args:
        rng: Source of all choices.
        h: Height, px.
        w: Width, px.
        backgrounds: Photographs behind the goods; may be empty.
        garments: Photographs of clothes and shoes; may be empty. A quarter of the goods are parts of one.
        materials: Source of surfaces and noise.
    """
    if len(garments) and rng.random() < 0.25:
        rgb = np.ascontiguousarray(photo(rng, garments, h, w, smallest=min(160, h, w)), np.float32)
        return Goods(rgb, np.ones((h, w), np.float32), (0, 0, w, h))
    draw, tall = _KINDS[int(rng.choice(len(_KINDS), p=_SHARES))]
    share = rng.uniform(0.55, 0.95)
    long = share * min(h / max(tall, 1e-6), w) if tall > h / w else share * w
    gw, gh = max(24, round(long)), max(24, round(long * tall))
    gw, gh = min(gw, w), min(gh, h)
    skin, body, places = draw(rng, gh, gw, materials)
    skin = _shade(rng, skin, body)
    picture, cover = _ground(rng, h, w, backgrounds, materials), np.zeros((h, w), np.float32)
    found: list[list[Place]] = [[] for _ in places]
    worn = draw is _shoe and rng.random() < _WORN
    mirrored = bool(rng.random() < 0.5)
    pieces = 1 + int(rng.random() < _TWO)
    for _ in range(pieces):
        onto = _onto(rng, (gw, gh), (w, h), float(rng.uniform(0.9 if pieces == 1 else 0.7, 1)), mirrored)
        if worn:
            _leg(rng, picture, onto, gw, gh, materials)
        layer = cv2.warpAffine(np.dstack([skin * body[..., None], body]), onto, (w, h), flags=cv2.INTER_LINEAR)
        if rng.random() < 0.5:
            picture *= (1 - rng.uniform(0.1, 0.4) * _shadow(rng, layer[..., 3]))[..., None]
        picture = picture * (1 - layer[..., 3:]) + layer[..., :3]
        cover = np.maximum(cover, layer[..., 3])
        scale = float(np.sqrt(abs(np.linalg.det(onto[:, :2]))))
        for k, place in enumerate(places):
            x, y = onto @ np.array([place.x, place.y, 1.0])
            found[k].append(Place(float(x), float(y), place.long * scale))
    rows, columns = np.flatnonzero(cover.max(1) > 0.5), np.flatnonzero(cover.max(0) > 0.5)
    frame = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if len(rows) else (0, 0, w, h)
    return Goods(np.ascontiguousarray(picture, np.float32), cover, frame, tuple(map(tuple, found)))


def _onto(
    rng: np.random.Generator, size: tuple[int, int], canvas: tuple[int, int], scale: float, mirrored: bool
) -> npt.NDArray[np.float64]:
    """Return the map from the pixels of the goods to those of the picture, float64 (2, 3)."""
    angle = float(rng.uniform(-180, 180) if rng.random() < _TURNED else rng.normal(0, 8))
    matrix = np.asarray(cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), angle, scale))
    if mirrored:
        matrix = matrix @ np.array([[-1, 0, size[0]], [0, 1, 0], [0, 0, 1]], np.float64)
    free = np.maximum(np.array(canvas, np.float64) - size, 0)
    matrix[:, 2] += rng.uniform(-0.03, 1.03, 2) * free
    return matrix


def _leg(
    rng: np.random.Generator, picture: Rgbf, onto: npt.NDArray[np.float64], gw: int, gh: int, materials: Materials
) -> None:
    """Paint a leg or a trouser that comes out of a shoe, in place."""
    h, w = picture.shape[:2]
    half, top = rng.uniform(0.1, 0.16), rng.uniform(0.6, 3)
    corners = np.array([[0.2 - half, 0.45], [0.2 + half, 0.45], [0.24 + half, -top], [0.16 - half, -top]])
    points = np.hstack([corners * (gw, gh), np.ones((4, 1))]) @ onto.T
    mask = np.zeros((h, w), np.float32)
    cv2.fillConvexPoly(mask, np.rint(points).astype(np.int32), 1.0, cv2.LINE_AA)
    lay_over(picture, mask, materials.surface(rng, h, w) if rng.random() < 0.7 else random_colour(rng))


def _ground(rng: np.random.Generator, h: int, w: int, backgrounds: Backgrounds, materials: Materials) -> Rgbf:
    kind = rng.random()
    if kind < _GREY:
        base = np.full((h, w, 3), 255 if kind < _WHITE else rng.uniform(200, 248), np.float32)
        return base * (1 - rng.uniform(0, 0.12) * ramp(rng, h, w))[..., None] if kind >= _WHITE else base
    if len(backgrounds) and kind < 0.85:
        picture = np.asarray(photo(rng, backgrounds, h, w), np.float32)
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 6)), np.float32)
    return materials.surface(rng, h, w)


def _shadow(rng: np.random.Generator, cover: Mask) -> Mask:
    """Return the soft shadow of the goods on what is below or behind them."""
    sigma = 0.02 * max(cover.shape) * rng.uniform(0.5, 2)
    moved = np.roll(cover, (int(rng.uniform(0.2, 2) * sigma), int(rng.uniform(-1.5, 1.5) * sigma)), (0, 1))
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), sigma), np.float32)


def _shade(rng: np.random.Generator, skin: Rgbf, body: Mask) -> Rgbf:
    """Return the goods with rounded edges, a direction of light and, on cloth, soft folds."""
    depth = cv2.GaussianBlur(body, (0, 0), max(1.0, 0.06 * min(body.shape)))
    light = 1 - rng.uniform(0.1, 0.55) * np.clip(1.6 - 2 * depth, 0, 1)
    low, high = sorted(rng.uniform(0.7, 1.1, 2))
    return np.asarray(skin * (light * (low + (high - low) * ramp(rng, *body.shape)))[..., None], np.float32)


# -- outlines and surfaces


def _skin(rng: np.random.Generator, h: int, w: int, materials: Materials) -> Rgbf:
    """Return a surface as goods have it; half of them are white, black or grey."""
    surface = materials.surface(rng, h, w)
    if rng.random() < 0.5:
        grey = float(rng.choice([20, 35, 60, 120, 190, 225, 240, 250]))
        detail = surface - surface.mean(axis=(0, 1), keepdims=True)
        surface = grey + detail.mean(-1, keepdims=True) * rng.uniform(0.1, 0.6) + np.zeros(3, np.float32)
    return np.asarray(np.clip(surface, 0, 255), np.float32)


def _panels(rng: np.random.Generator, skin: Rgbf, body: Mask, count: int, materials: Materials) -> None:
    """Lay panels of other materials with seams over the goods, in place; they are no marks."""
    h, w = body.shape
    for _ in range(count):
        cx, cy = rng.uniform(0.05, 0.95), rng.uniform(0.1, 0.9)
        n, start = int(rng.integers(3, 6)), rng.uniform(0, 2 * np.pi)
        corners = []
        for k in range(n):
            angle, radius = start + 2 * np.pi * k / n, rng.uniform(0.12, 0.45)
            corners.append([cx + radius * np.cos(angle), cy + radius * np.sin(angle)])
        outline = smooth(corners, int(rng.integers(1, 4)))
        colour = _skin(rng, h, w, materials) if rng.random() < 0.5 else random_colour(rng)
        if rng.random() < 0.4:
            colour = np.clip(skin.mean(axis=(0, 1)) + rng.uniform(-35, 35), 0, 255).astype(np.float32)
        lay_over(skin, fill(outline, h, w) * body, colour)
        seam(rng, skin, outline)


# -- kinds of goods: skin, float32 (h, w, 3), body, float32 (h, w), and places of marks

_Drawn = tuple[Rgbf, Mask, tuple[Place, ...]]


def _shoe(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw a shoe from the side."""
    return draw_shoe(rng, h, w, materials)


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
    body = fill(smooth(jittered(rng, points, 0.015), 2), h, w)
    _panels(rng, skin, body, int(rng.integers(0, 3)), materials)
    if rng.random() < 0.4:
        seam(rng, skin, np.array([[0.5, 0.02], [0.5, 0.9]], np.float32))
    folds = materials.field(rng, h, w, 16.0 if rng.random() < 0.5 else 48.0)
    chest = Place(0.5 * w, rng.uniform(0.25, 0.5) * h, rng.uniform(0.12, 0.42) * w)
    breast = Place(rng.uniform(0.6, 0.68) * w, rng.uniform(0.2, 0.35) * h, rng.uniform(0.05, 0.12) * w)
    return np.clip(skin * (1 + 0.1 * folds)[..., None], 0, 255), body, (chest, breast)


def _bag(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw a bag with a handle, or a wallet."""
    skin, top = _skin(rng, h, w, materials), rng.uniform(0.55, 0.95)
    bag = smooth(jittered(rng, [[0.04, 0.02], [0.08, top], [0.92, top], [0.96, 0.02]], 0.02), int(rng.integers(1, 4)))
    body = fill(bag, h, w)
    _panels(rng, skin, body, int(rng.integers(0, 3)), materials)
    seam(rng, skin, 0.9 * (bag - 0.5) + 0.5)
    if top < 0.85:
        handle = np.zeros((h, w), np.float32)
        middle, size = (w // 2, round((1 - top) * h)), (round(w * rng.uniform(0.15, 0.3)), round((1 - top) * h * 0.9))
        cv2.ellipse(handle, middle, size, 0, 180, 360, 1.0, max(2, w // 30), cv2.LINE_AA)
        body = np.maximum(body, handle)
    place = Place(rng.uniform(0.3, 0.7) * w, (1 - top * rng.uniform(0.3, 0.8)) * h, rng.uniform(0.08, 0.5) * w)
    return skin, body, (place,)


def _bottle(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw a bottle, a jar, a tube or a carton with a label."""
    neck, shoulder = rng.uniform(0.12, 0.5), rng.uniform(0.6, 0.95)
    points = [[0.03, 0.0], [0.03, shoulder], [0.5 - neck, shoulder + 0.03], [0.5 - neck, 1.0]]
    points += [[1 - x, y] for x, y in points[::-1]]
    skin, body = _skin(rng, h, w, materials), fill(smooth(points, int(rng.integers(0, 3))), h, w)
    if rng.random() < 0.6:
        low, high = rng.uniform(0.05, 0.3), rng.uniform(0.4, shoulder)
        label = np.array([[0, low], [0, high], [1, high], [1, low]], np.float32)
        lay_over(skin, fill(label, h, w), _skin(rng, h, w, materials))
    across = np.linspace(-1, 1, w, dtype=np.float32)[None, :, None]
    place = Place(w / 2, (1 - shoulder * rng.uniform(0.35, 0.75)) * h, rng.uniform(0.3, 0.85) * w)
    return np.asarray(skin * (1 - rng.uniform(0.1, 0.6) * across**2), np.float32), body, (place,)


def _watch(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw a watch: strap, case, dial with hour marks and hands."""
    skin, wide = _skin(rng, h, w, materials), rng.uniform(0.35, 0.65)
    strap = np.array([[0.5 - wide / 2, 0], [0.5 - wide / 2, 1], [0.5 + wide / 2, 1], [0.5 + wide / 2, 0]], np.float32)
    body, middle, r = fill(strap, h, w), (w // 2, h // 2), round(0.46 * min(w, h))
    for radius, colour in ((r, random_colour(rng)), (round(r * 0.85), random_colour(rng))):
        disc = np.zeros((h, w), np.float32)
        cv2.circle(disc, middle, radius, 1.0, -1, cv2.LINE_AA)
        lay_over(skin, disc, colour)
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
    place = Place(w / 2, h / 2 - rng.choice((-0.35, 0.35, 0.4)) * r, rng.uniform(0.2, 0.7) * r)
    return skin, body, (place,)


def _device(rng: np.random.Generator, h: int, w: int, materials: Materials) -> _Drawn:
    """Draw the back of a phone, a case or a tin: a rounded plate with a few round holes."""
    skin, r = _skin(rng, h, w, materials), rng.uniform(0.05, 0.15)
    plate = [[r, 0], [1 - r, 0], [1, r / 2], [1, 1 - r / 2], [1 - r, 1], [r, 1], [0, 1 - r / 2], [0, r / 2]]
    for _ in range(int(rng.integers(0, 4))):
        at = (int(rng.uniform(0.1, 0.5) * w), int(rng.uniform(0.05, 0.3) * h))
        cv2.circle(skin, at, max(3, int(rng.uniform(0.05, 0.12) * w)), [float(v) for v in random_colour(rng)], -1)
    place = Place(w / 2, rng.uniform(0.3, 0.8) * h, rng.uniform(0.12, 0.5) * w)
    return skin, fill(smooth(plate, 2), h, w), (place,)


# Each kind with its height as a multiple of its width, and how often it is drawn.
_KINDS: tuple[tuple[Callable[[np.random.Generator, int, int, Materials], _Drawn], float], ...] = (
    (_shoe, 0.6),
    (_shirt, 1.0),
    (_bag, 0.85),
    (_bottle, 1.7),
    (_watch, 1.3),
    (_device, 1.8),
)
_SHARES = (0.5, 0.12, 0.1, 0.12, 0.08, 0.08)
