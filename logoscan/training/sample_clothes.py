"""Product pictures of clothes for the sample listings: T-shirts and a knitted hat."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from logoscan.training.sample_canvas import (
    BLACK,
    INK,
    WHITE,
    Canvas,
    Colour,
    Field,
    card,
    floats,
    mirrored,
    outline,
    rounded,
    tint,
)
from logoscan.types import Rgb, Rgba

__all__ = ["beanie", "grey_shirt", "navy_shirt_back", "navy_shirt_front"]


def _shirt(canvas: Canvas, colour: Colour, *, back: bool, heather: float) -> Field:
    """Paint a T-shirt laid flat around the centre of the canvas and return its shade, to print marks with."""
    collar = -249.0 if back else -196.0
    neck = (34, collar, 70, -250 if back else -222, 84, -262)
    sleeve = ((120, -252, 160, -240, 182, -226), (232, -186, 270, -120, 292, -74), (214, -22))
    body = ((196, -50, 180, -88, 172, -112), (166, 0, 166, 130, 178, 266), (120, 276, 60, 278, 0, 278))
    shape = mirrored(outline((0, collar), neck, *sleeve, *body))
    canvas.shadow(shape, 7, 10, 14, 0.34)
    canvas.shadow(shape, 2, 3, 3, 0.30)
    inside = mirrored(outline((0, -250), (40, -250, 70, -254, 86, -263), (60, -190, 30, -176, 0, -176)))
    mask = canvas.mask(shape)
    if not back:
        canvas.paint(canvas.mask(inside), colour, 0.62 + 0.02 * canvas.noise(2, 2))
        canvas.paint(canvas.mask(rounded(-17, -243, 17, -222, 2)), WHITE, 0.8)
    cloth = canvas.volume(mask, 15, 0.20) + heather * canvas.noise(1.6, 0.8) + 0.010 * canvas.noise(0.7, 0.7)
    cloth += 0.020 * canvas.noise(70, 150) + 0.012 * canvas.noise(26, 60)
    folds = (((-168, -96), (-120, -40, -96, 20, -90, 90)), ((166, -92), (118, -30, 92, 40, 84, 100)),
             ((-150, 250), (-110, 190, -80, 150, -60, 90)), ((120, 256), (100, 200, 90, 170, 70, 120)),
             ((-60, 262), (-20, 210, 10, 190, 44, 170)), ((-196, -160), (-216, -120, -226, -90, -230, -66)),
             ((190, -170), (216, -130, 236, -100, 240, -62)))  # fmt: skip
    for fold in folds:
        line = outline(*fold) + canvas.rng.normal(0, 4, 2).astype(np.float32)
        cloth -= 0.30 * canvas.soft(canvas.stroke(line, 5), 6)
        cloth += 0.18 * canvas.soft(canvas.stroke(line - floats([8, 5]), 5), 6)
    x, y = canvas.local()
    cloth += 0.05 - 0.10 * (x / 580 + y / 560 + 0.5)
    for side in (-1, 1):
        seam = outline((182, -226), (170, -190, 166, -150, 172, -112)) * floats([side, 1])
        cloth -= 0.10 * canvas.soft(canvas.stroke(seam, 2), 1)
        hem = outline((286, -80), (209, -29)) * floats([side, 1])
        cloth -= 0.06 * canvas.soft(canvas.stroke(hem, 1), 0.6)
    cloth -= 0.06 * canvas.soft(canvas.stroke(outline((-176, 254), (-60, 267, 60, 267, 176, 254)), 1), 0.6)
    canvas.paint(mask, colour, cloth)
    half = outline((0, collar), neck)
    ring = np.concatenate([half[::-1], half * floats([-1, 1])])
    canvas.paint(canvas.stroke(ring, 11), colour, cloth * 0.95)
    canvas.dim(canvas.soft(canvas.stroke(ring + floats([0, 7]), 1.5), 0.8), 0.22)
    if not back:
        behind = outline((-84, -262), (-60, -251, 60, -251, 84, -262))
        canvas.paint(canvas.stroke(behind, 9), colour, 0.82 + 0.02 * canvas.noise(2, 2))
    return floats(cloth)


def grey_shirt(seed: int, logo_image: Rgba | None, font: Path) -> Rgb:
    """Paint a heather-grey T-shirt on a wooden table, with a large mark on its chest."""
    canvas = Canvas((seed, 1), 720, 720, (360, 362), degrees=-2.5)
    canvas.planks((0.80, 0.68, 0.54), 120)
    cloth = _shirt(canvas, (0.72, 0.73, 0.75), back=False, heather=0.028)
    canvas.stamp(tint(logo_image, INK), 0, -70, 168, cloth * 1.02, bend=canvas.soft(cloth - 1, 4) * 16)
    return canvas.picture()


def navy_shirt_front(seed: int, logo_image: Rgba | None, font: Path) -> Rgb:
    """Paint a navy T-shirt with a small mark on its breast."""
    canvas = Canvas((seed, 2), 720, 720, (360, 362), degrees=1.5)
    canvas.linen((0.90, 0.88, 0.84))
    cloth = _shirt(canvas, (0.17, 0.22, 0.36), back=False, heather=0.02)
    canvas.stamp(tint(logo_image, WHITE), 84, -120, 45, 0.96 + 0.4 * (cloth - 1))
    return canvas.picture()


def navy_shirt_back(seed: int, logo_image: Rgba | None, font: Path) -> Rgb:
    """Paint the navy T-shirt from behind, without a mark."""
    canvas = Canvas((seed, 3), 720, 720, (360, 362), degrees=-1.0)
    canvas.linen((0.90, 0.88, 0.84))
    _shirt(canvas, (0.17, 0.22, 0.36), back=True, heather=0.02)
    return canvas.picture()


def beanie(seed: int, logo_image: Rgba | None, font: Path) -> Rgb:
    """Paint a knitted hat with a woven patch on its cuff."""
    canvas = Canvas((seed, 8), 640, 720, (320, 372), degrees=2)
    canvas.planks((0.62, 0.60, 0.57), 144)
    wool: Colour = (0.72, 0.47, 0.12)
    dome = mirrored(outline((0, -262), (70, -264, 140, -226, 176, -150), (206, -84, 208, -10, 206, 60), (0, 80)))
    cuff = mirrored(
        outline((0, 44), (110, 44, 180, 36, 214, 22), (226, 70, 226, 130, 216, 176), (150, 196, 70, 200, 0, 200))
    )
    canvas.shadow(dome, 12, 16, 18, 0.40)
    canvas.shadow(cuff, 10, 14, 12, 0.42)
    x, y = canvas.local()

    def knit(mask: Field, rib: Field, rows: Field) -> Field:
        wave = 0.5 + 0.5 * np.cos(rib * 2 * math.pi)
        stitch = np.sin(rows * 2 * math.pi + 2.6 * np.abs(((rib * 2) % 2) - 1))
        shade = 0.62 + 0.40 * wave**0.7 + 0.07 * stitch * wave + 0.03 * canvas.noise(1, 1) + 0.02 * canvas.noise(30, 60)
        return floats(shade * canvas.volume(mask, 30, 0.42) * (1.06 - 0.10 * (x / 400 + y / 460 + 0.5)))

    spread = np.sqrt(np.clip(1 - (np.clip(40 - y, 0, 302) / 330) ** 2.2, 0.02, 1))
    mask = canvas.mask(dome)
    canvas.paint(mask, wool, knit(mask, (x / spread / 20).astype(np.float32), y / 9))
    crown = outline((-200, 52), (-90, 64, 90, 64, 200, 52))
    canvas.dim(canvas.soft(canvas.stroke(crown - floats([0, 14]), 16), 8) * mask, 0.5)
    mask = canvas.mask(cuff)
    canvas.paint(mask, wool, 1.04 * knit(mask, x / floats(21.5), (y + 0.0004 * x**2) / 9))
    patch = card(150, 108, BLACK, (tint(logo_image, WHITE, 62), 75, 54))
    corners = floats([[-75, 68], [75, 68], [75, 176], [-75, 176]])
    canvas.shadow(corners, 2, 4, 4, 0.55)
    canvas.decal(patch, corners, 1 + 0.05 * canvas.noise(0.7, 0.7) - 0.0004 * np.abs(x))
    stitches = canvas.stroke(outline(*(corners * floats([0.94, 1]) + floats([0, 0]))[[0, 1]]), 1)
    canvas.dim(stitches, -0.1)
    return canvas.picture()
