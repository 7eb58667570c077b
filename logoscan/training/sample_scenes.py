"""Product pictures of the sample listings, painted from shapes, noise, a mark and a font.

This module must not know brands or listings: a scene is given the logo image that it prints.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from logoscan.training.sample_boxes import film_boxes, shoe_box
from logoscan.training.sample_canvas import (
    INK,
    WHITE,
    Canvas,
    Colour,
    card,
    ellipse,
    floats,
    lettering,
    mirrored,
    outline,
    rounded,
    tint,
    wrapped,
)
from logoscan.training.sample_clothes import beanie, grey_shirt, navy_shirt_back, navy_shirt_front
from logoscan.types import Rgb, Rgba

__all__ = ["SCENES", "Scene"]

Scene: TypeAlias = Callable[[int, "Rgba | None", Path], Rgb]
"""Function from seed, logo image to print (None if the scene prints none) and font to a picture, uint8 (H, W, 3)."""


def speaker(seed: int, logo_image: Rgba | None, font: Path) -> Rgb:
    """Paint a portable loudspeaker lying on a table, with a mark across its cloth."""
    art = tint(logo_image, WHITE)
    canvas = Canvas((seed, 5), 800, 640, (400, 336), degrees=-3)
    canvas.studio((0.70, 0.73, 0.76), (0.86, 0.86, 0.85), 372)
    blue: Colour = (0.12, 0.27, 0.50)
    x, y = canvas.local()
    half = 112.0
    canvas.shadow(ellipse(16, half - 4, 300, 26), 0, 4, 18, 0.50)
    canvas.shadow(ellipse(0, half - 2, 250, 10), 0, 0, 7, 0.45)
    tube = canvas.mask(rounded(-270, -half, 270, half, 30))
    height = np.clip(y / half, -1, 1)
    normal = np.arcsin(height)
    light = 0.30 + 0.95 * np.clip(np.cos(normal + 0.75), 0, 1) ** 1.2 + 0.16 * np.clip(np.cos(normal - 1.2), 0, 1) ** 8
    mesh = np.sin(x * 1.75 + np.round(normal * 34) % 2 * math.pi) * np.sin(normal * 34 * math.pi)
    light = (light * (1 + 0.10 * mesh + 0.03 * canvas.noise(1, 1))).astype(np.float32)
    canvas.paint(tube, blue, light)
    for side in (-1, 1):
        cap = canvas.mask(
            rounded(*((-292, -half + 6, -236, half - 6) if side < 0 else (236, -half + 6, 292, half - 6)), 26)
        )
        rubber = 0.75 * light / (1 + 0.10 * mesh) + 0.02 * canvas.noise(0.8, 0.8)
        canvas.paint(cap, (0.16, 0.16, 0.18), rubber * canvas.volume(cap, 6, 0.35))
        canvas.dim(canvas.soft(canvas.stroke(outline((side * 235, -half + 4), (side * 235, half - 4)), 2.5), 1.2), 0.5)
    shine = canvas.soft(canvas.stroke(outline((-228, -62), (228, -62)), 10), 12)
    canvas.dim(shine * tube, -0.16)
    canvas.stamp(art, 3, 6, 182, 0.25)
    canvas.stamp(art, 0, 3, 182, 0.45 + 0.55 * canvas.soft(light, 4))
    loop = outline((272, -40), (330, -60, 352, 20, 344, 66), (338, 100, 306, 96, 290, 40))
    canvas.shadow(loop + floats([6, 36]), 0, 0, 6, 0.16)
    canvas.paint(canvas.stroke(loop, 9), (0.14, 0.14, 0.16), 0.9 + 0.15 * canvas.noise(4, 4))
    return canvas.picture()


def travel_case(seed: int, logo_image: Rgba | None, font: Path) -> Rgb:
    """Paint a hard zipped case without a mark."""
    canvas = Canvas((seed, 6), 720, 640, (360, 330), degrees=4)
    canvas.linen((0.72, 0.75, 0.72))
    grey: Colour = (0.25, 0.26, 0.28)
    shape = mirrored(outline(
        (0, -150), (90, -150, 150, -152, 196, -140), (256, -122, 268, -40, 270, 40), (270, 130, 240, 168, 190, 168),
        (140, 168, 90, 158, 0, 158),
    ))  # fmt: skip
    loop = outline((-58, -146), (-60, -226, -40, -232, 0, -232), (40, -232, 60, -226, 58, -146))
    canvas.shadow(loop, 8, 12, 8, 0.20)
    canvas.paint(canvas.stroke(loop, 17), (0.16, 0.16, 0.17), 0.95 + 0.05 * canvas.noise(2, 2))
    canvas.shadow(shape, 14, 20, 20, 0.50)
    canvas.shadow(shape, 4, 6, 5, 0.40)
    mask = canvas.mask(shape)
    x, y = canvas.local()
    light = canvas.volume(mask, 34, 0.42) * (1.14 - 0.24 * (x / 540 + y / 320 + 0.5))
    weave = 0.05 * np.sign(np.sin(x * 2.2) * np.sin(y * 2.2)) + 0.02 * canvas.noise(1, 1)
    canvas.paint(mask, grey, (light * (1 + weave)).astype(np.float32))
    for scale, strength in ((0.80, 0.35), (0.72, 0.2)):
        rim = shape * floats(scale)
        rim = np.concatenate([rim, rim[:1]])
        canvas.dim(canvas.soft(canvas.stroke(rim + floats([2, 2]), 4), 2.5), strength)
        canvas.dim(canvas.soft(canvas.stroke(rim - floats([2, 2]), 4), 2.5), -0.7 * strength)
    zip_line = shape * floats([0.965, 0.955])
    zip_line = np.concatenate([zip_line, zip_line[:1]])
    canvas.paint(canvas.stroke(zip_line, 7), (0.08, 0.08, 0.09), 1.0 + 0.0 * x)
    teeth = canvas.stroke(zip_line, 2.4) * (np.sin(np.arctan2(y, x * 0.6) * 300) > 0)
    canvas.paint(teeth.astype(np.float32), (0.55, 0.55, 0.56), 1.0 + 0.0 * x)
    pull = rounded(-262, 40, -244, 92, 6) + floats([-6, 0])
    canvas.shadow(pull, 3, 5, 3, 0.5)
    canvas.paint(canvas.mask(pull), (0.62, 0.62, 0.64), 1.05 - 0.2 * (y - 40) / 52)
    tag = card(176, 62, (0.86, 0.85, 0.82), (lettering("TRAVEL CASE", font, 22, INK, 0.03), 88, 31))
    corners = floats([[-88, -31], [88, -31], [88, 31], [-88, 31]])
    canvas.shadow(corners + floats([0, 6]), 2, 3, 3, 0.5)
    canvas.decal(tag, corners + floats([0, 6]), 0.94 + 0.02 * canvas.noise(1, 1))
    return canvas.picture()


def mug(seed: int, logo_image: Rgba | None, font: Path) -> Rgb:
    """Paint a mug with everyday words on it."""
    canvas = Canvas((seed, 7), 720, 720, (338, 350))
    canvas.studio((0.88, 0.84, 0.79), (0.93, 0.90, 0.86), 430)
    glaze: Colour = (0.93, 0.94, 0.93)
    top, bottom, radius, lid = -170.0, 176.0, 158.0, 36.0
    side = outline((radius, top), (radius, bottom - 26), (radius, bottom - 4, 150, bottom + 4, 140, bottom + 12))
    base = outline((140, bottom + 12), (80, bottom + 40, -80, bottom + 40, -140, bottom + 12))
    foot = np.concatenate([side, base, side[::-1] * floats([-1, 1])])
    canvas.shadow(ellipse(40, bottom + 16, 190, 30), 0, 0, 20, 0.42)
    canvas.shadow(ellipse(6, bottom + 20, 150, 20), 0, 0, 6, 0.40)
    handle = outline((150, -104), (250, -126, 284, -60, 276, 0), (268, 74, 214, 112, 148, 112))
    x, y = canvas.local()
    grip = canvas.stroke(handle, 36)
    canvas.paint(grip, glaze, canvas.volume(grip, 9, 0.42) * (0.94 - 0.10 * (y + 100) / 200))
    body = canvas.mask(foot)
    u = np.clip(x / radius, -1, 1)
    light = 0.62 + 0.42 * np.clip(np.cos(np.arcsin(u) + 0.6), 0, 1) - 0.03 * (y + 170) / 340
    light = light + 0.06 * np.exp(-(((u + 0.62) / 0.05) ** 2)) + 0.05 * np.exp(-(((u - 0.93) / 0.05) ** 2))
    light = light.astype(np.float32)
    canvas.paint(body, glaze, light)
    rim, opening = ellipse(0, top, radius, lid), ellipse(0, top + 1, radius - 9, lid - 5)
    canvas.paint(canvas.mask(rim), glaze, 1.02 - 0.05 * u)
    canvas.paint(canvas.mask(opening), glaze, (0.60 - 0.20 * u + 0.004 * (y - top)).astype(np.float32))
    coffee = canvas.mask(opening) * canvas.mask(ellipse(0, top + 24, radius - 12, lid - 6))
    canvas.paint(coffee, (0.23, 0.13, 0.08), (1.0 + 0.35 * u).astype(np.float32))
    words = card(240, 170, glaze, (lettering("COFFEE", font, 52, INK, 0.04), 120, 58),
                 (lettering("FIRST", font, 52, (0.72, 0.33, 0.16), 0.04), 120, 116))  # fmt: skip
    ink = words.copy()
    ink[..., 3] = np.clip(np.abs(words[..., :3] - floats(glaze)).max(axis=2) * 1.4, 0, 1)
    print_on = wrapped(ink, 0.92, 20)
    canvas.stamp(print_on, 0, 20, 2 * radius * math.sin(0.92) - 8, light)
    return canvas.picture()


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        grey_shirt, shoe_box, speaker, travel_case, mug, beanie, navy_shirt_front, navy_shirt_back, film_boxes
    )
}  # fmt: skip
"""All scenes by name."""
