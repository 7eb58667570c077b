"""Drawn sports and street shoes: upper, panels, laces, collar and sole, with the places where brands put their marks.

Shoes fill shop photos, and their marks are large, plain and cut by nothing but seams: the parts around them are drawn
as closely as the marks, so that a panel, a toe cap or an air cushion is learned as no mark. This module must not know
marks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.materials import Materials, random_colour
from logoscan.training.outlines import Mask, Points, Rgbf, fill, jittered, lay_over, seam, smooth

__all__ = ["Place", "draw_shoe"]

# Greys of which most shoes are made, 0..255.
_NEUTRAL = (18, 30, 55, 110, 160, 205, 235, 248)


@dataclass(frozen=True)
class Place:
    """Where a brand puts its mark on goods.

    Attributes:
        x: Centre from the left, px.
        y: Centre from the top, px.
        long: Long side of a mark there, px.
    """

    x: float
    y: float
    long: float


def draw_shoe(rng: np.random.Generator, h: int, w: int, materials: Materials) -> tuple[Rgbf, Mask, tuple[Place, ...]]:
    """Draw a shoe from the side, its toe to the right.

    Args:
        rng: Source of all choices.
        h: Height, px.
        w: Width, px.
        materials: Source of surfaces.

    Returns:
        Skin, float32 (h, w, 3); body, float32 (h, w), 0..1; places of marks, the side of the shoe first.
    """
    palette = _palette(rng)
    collar = float(rng.uniform(0.62, 0.78) if rng.random() < 0.75 else rng.uniform(0.82, 0.93))
    floor = float(rng.uniform(0.1, 0.24))
    upper = _upper(rng, collar, floor)
    body = fill(upper, h, w)
    skin = _cover(rng, h, w, materials, palette[0])
    for outline, colour in _panels(rng, collar, floor, palette):
        mask = fill(outline, h, w) * body
        lay_over(skin, mask, _cover(rng, h, w, materials, colour) if rng.random() < 0.5 else colour)
        _edge(rng, skin, mask)
        if rng.random() < 0.4:
            seam(rng, skin, outline)
    _holes(rng, skin, floor)
    _collar(rng, skin, body, collar)
    _laces(rng, skin, body, collar, palette[2])
    whole = _sole(rng, skin, body, floor, palette[1], materials)
    side = floor + rng.uniform(0.16, 0.3) * collar / 0.7
    places = (
        Place(rng.uniform(0.34, 0.56) * w, (1 - side) * h, rng.uniform(0.18, 0.55) * w),
        Place(rng.uniform(0.34, 0.42) * w, (1 - min(collar + 0.04, 0.96)) * h, rng.uniform(0.06, 0.13) * w),
        Place(rng.uniform(0.05, 0.12) * w, (1 - rng.uniform(0.35, 0.9) * collar) * h, rng.uniform(0.06, 0.14) * w),
        Place(rng.uniform(0.2, 0.8) * w, (1 - floor * 0.55) * h, rng.uniform(0.08, 0.2) * w),
    )
    return skin, whole, places


def _palette(rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], ...]:
    """Return the colours of upper, sole and laces, and an accent; most shoes are black, white or grey."""

    def one(neutral: float) -> npt.NDArray[np.float32]:
        if rng.random() < neutral:
            return np.full(3, rng.choice(_NEUTRAL), np.float32) + rng.normal(0, 4, 3).astype(np.float32)
        return random_colour(rng).astype(np.float32)

    return one(0.6), one(0.8), one(0.8), one(0.4)


def _cover(rng: np.random.Generator, h: int, w: int, materials: Materials, colour: Rgbf) -> Rgbf:
    """Return a surface of one colour with the grain of leather, mesh, cloth or suede."""
    surface = materials.surface(rng, h, w)
    grain = (surface - surface.mean()).mean(-1, keepdims=True) * rng.uniform(0.05, 0.45)
    if rng.random() < 0.3:  # mesh
        step = max(2.0, w * rng.uniform(0.006, 0.02))
        ys, xs = np.mgrid[:h, :w].astype(np.float32)
        grain = grain + (rng.uniform(4, 22) * np.cos(2 * np.pi * xs / step) * np.cos(2 * np.pi * ys / step))[..., None]
    return np.asarray(np.clip(colour + grain, 0, 255), np.float32)


def _upper(rng: np.random.Generator, collar: float, floor: float) -> Points:
    """Return the outline of the upper."""
    toe = float(rng.uniform(0.26, 0.36))
    points = [[0.03, floor - 0.06], [0.015, 0.4 * collar], [0.06, collar], [0.1, collar + 0.03], [0.2, collar - 0.11]]
    points += [[0.3, collar - 0.06], [0.35, min(0.99, collar + 0.1)], [0.42, min(0.99, collar + 0.09)]]
    points += [[0.47, collar - 0.05], [0.6, 0.5 * (collar + toe) + 0.03], [0.73, toe + 0.04], [0.88, toe - 0.01]]
    points += [[0.985, toe - 0.12], [0.99, floor - 0.06]]
    return smooth(jittered(rng, points, 0.012), 3)


def _panels(
    rng: np.random.Generator, collar: float, floor: float, palette: tuple[npt.NDArray[np.float32], ...]
) -> list[tuple[Points, npt.NDArray[np.float32]]]:
    """Return outlines and colours of toe cap, guard, heel, eyelet strip and quarter; each is missing on some shoes."""

    def colour() -> npt.NDArray[np.float32]:
        near = palette[0] + rng.normal(0, 12)
        chosen = near if rng.random() < 0.5 else palette[int(rng.integers(1, 4))]
        return np.clip(chosen, 0, 255).astype(np.float32)

    def j(by: float) -> float:
        return float(rng.normal(0, by))

    low = floor - 0.05
    shapes: list[list[list[float]]] = []
    if rng.random() < 0.5:  # toe cap
        x = 0.76 + j(0.05)
        shapes.append([[x, low], [x - 0.03 + j(0.02), 0.3], [x + 0.03, 0.5], [1.05, 0.5], [1.05, low]])
    if rng.random() < 0.5:  # guard above the sole
        high = floor + rng.uniform(0.05, 0.14)
        shapes.append([[0.4 + j(0.15), low], [0.62, high], [0.85, high + 0.03], [1.05, high + 0.05], [1.05, low]])
    if rng.random() < 0.6:  # heel
        x = 0.17 + j(0.05)
        shapes.append([[-0.05, low], [-0.05, collar * rng.uniform(0.6, 1.1)], [x, collar * 0.62], [x + 0.08, low]])
    if rng.random() < 0.6:  # eyelet strip
        wide = rng.uniform(0.05, 0.1)
        strip = [[0.4, collar + 0.02], [0.5, collar - 0.1], [0.74, 0.3], [0.72 - wide, 0.24], [0.4, collar - 0.2]]
        shapes.append([[x - 0.02, y] for x, y in strip])
    if rng.random() < 0.35:  # quarter
        shapes.append([[0.2, low], [0.24 + j(0.04), collar - 0.15], [0.42, collar - 0.12], [0.62 + j(0.06), low]])
    return [(smooth(jittered(rng, shape, 0.012), 2), colour()) for shape in shapes]


def _edge(rng: np.random.Generator, skin: Rgbf, mask: Mask) -> None:
    """Raise a panel above what is below it: a thin shadow outside its edge, in place."""
    blurred = cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.006 * mask.shape[1]))
    skin *= (1 - rng.uniform(0.1, 0.5) * np.clip(blurred - mask, 0, 1))[..., None]


def _holes(rng: np.random.Generator, skin: Rgbf, floor: float) -> None:
    """Punch rows of small holes into toe or side, as for air, in place; missing on two shoes of three."""
    if rng.random() > 0.35:
        return
    h, w = skin.shape[:2]
    x0, y0 = (0.78, floor + 0.08) if rng.random() < 0.5 else (rng.uniform(0.25, 0.5), floor + rng.uniform(0.1, 0.25))
    dark = [float(v) for v in np.clip(skin.mean(axis=(0, 1)) * 0.45, 0, 255)]
    rows, columns, step = int(rng.integers(1, 4)), int(rng.integers(3, 8)), rng.uniform(0.018, 0.035)
    slope = rng.uniform(-0.5, 0.5)
    for r in range(rows):
        for c in range(columns):
            x, y = x0 + c * step + 0.5 * step * (r % 2), y0 + r * step * 1.6 + slope * c * step
            at = (round(x * w), round((1 - y) * h))
            cv2.circle(skin, at, max(1, round(w * 0.004)), dark, -1, cv2.LINE_AA)


def _collar(rng: np.random.Generator, skin: Rgbf, body: Mask, collar: float) -> None:
    """Show the inside of the shoe above its collar and a padded edge, in place."""
    h, w = body.shape
    inside = smooth([[0.09, collar + 0.04], [0.2, collar - 0.1], [0.32, collar - 0.04], [0.36, collar + 0.12]], 2)
    inner = random_colour(rng) * 0.6 if rng.random() < 0.3 else np.full(3, rng.choice((20, 60, 120, 200)), np.float32)
    lay_over(skin, fill(inside, h, w) * body, inner.astype(np.float32))
    edge = smooth([[0.06, collar], [0.1, collar - 0.02], [0.2, collar - 0.13], [0.31, collar - 0.08]], 2)[:20]
    line = np.rint(np.stack([edge[:, 0] * w, (1 - edge[:, 1]) * h], 1)).astype(np.int32)
    tone = [float(v) for v in np.clip(skin.mean(axis=(0, 1)) + rng.choice([-45, 45]), 0, 255)]
    cv2.polylines(skin, [line], False, tone, max(1, round(0.02 * w)), cv2.LINE_AA)


def _laces(rng: np.random.Generator, skin: Rgbf, body: Mask, collar: float, colour: npt.NDArray[np.float32]) -> None:
    """Draw laces across the throat with their eyelets, in place; slip-on shoes have none."""
    if rng.random() < 0.15:
        return
    h, w = body.shape
    ink, count = [float(v) for v in np.clip(colour, 0, 255)], int(rng.integers(4, 8))
    thick = max(1, round(w * rng.uniform(0.008, 0.022)))
    shade = [v * 0.6 for v in ink]
    for k in range(count):
        t = k / (count - 1)
        x, y = 0.44 + t * 0.24, collar - 0.04 - t * (collar - 0.42)
        start, end = (x - 0.05, y - 0.09), (x + 0.035, y + 0.05)
        a, b = ((round(p * w), round((1 - q) * h)) for p, q in (start, end))
        cv2.line(skin, (a[0], a[1] + thick // 2), (b[0], b[1] + thick // 2), shade, thick, cv2.LINE_AA)
        cv2.line(skin, a, b, ink, thick, cv2.LINE_AA)
        cv2.circle(skin, a, max(1, thick // 2 + 1), shade, -1, cv2.LINE_AA)


def _sole(
    rng: np.random.Generator,
    skin: Rgbf,
    body: Mask,
    floor: float,
    colour: npt.NDArray[np.float32],
    materials: Materials,
) -> Mask:
    """Draw the sole in place, some with grooves, cushions, a line or a darker tread; return upper and sole."""
    h, w = body.shape
    lift = rng.uniform(0, 0.06)
    points = [[0.0, 0.02], [-0.005, floor], [0.3, floor * 0.95], [0.65, floor * 0.85], [1.0, floor * 0.9 + lift]]
    sole = smooth(jittered(rng, [*points, [1.005, 0.05 + lift], [0.8, 0.01]], 0.008), 2)
    mask = fill(sole, h, w)
    base = _cover(rng, h, w, materials, colour) if rng.random() < 0.4 else np.clip(colour, 0, 255)
    lay_over(skin, mask, base.astype(np.float32))
    tone = np.clip(colour + rng.choice([-60.0, 60.0]), 0, 255).astype(np.float32)
    kind = rng.random()
    if kind < 0.3:  # cushions
        x = rng.uniform(0.02, 0.3)
        size = rng.uniform(0.02, 0.05)
        for k in range(int(rng.integers(2, 9))):
            at = (round((x + 2.4 * size * k) * w), round((1 - floor * 0.5) * h))
            cv2.ellipse(skin, at, (round(size * w), round(floor * 0.25 * h)), 0, 0, 360, tone.tolist(), -1, cv2.LINE_AA)
    elif kind < 0.55:  # a line around
        ys = np.array([[0, floor * 0.6], [0.5, floor * 0.52], [1, floor * 0.6 + lift]])
        line = np.rint(np.stack([ys[:, 0] * w, (1 - ys[:, 1]) * h], 1)).astype(np.int32)
        cv2.polylines(skin, [line], False, tone.tolist(), max(1, round(0.012 * w)), cv2.LINE_AA)
    elif kind < 0.7:  # grooves
        for x in np.arange(0.03, 0.98, rng.uniform(0.03, 0.09)):
            low, high = (round(x * w), h - 1), (round((x + 0.02) * w), round((1 - floor * 0.5) * h))
            cv2.line(skin, low, high, tone.tolist(), max(1, w // 150), cv2.LINE_AA)
    if rng.random() < 0.5:  # tread
        tread = sole * np.array([1, 0.3], np.float32) + np.array([0, lift * 0.4], np.float32)
        dark = np.full(3, rng.choice((25, 60, 150)), np.float32) if rng.random() < 0.6 else random_colour(rng)
        lay_over(skin, fill(tread, h, w), dark.astype(np.float32))
    return np.asarray(np.maximum(body, mask), np.float32)
