"""The product pictures of the sample listings, painted from nothing but shapes, noise, a mark and a font.

Nothing here knows brands or listings: a scene is given the drawing that it prints.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from logoscan.training.sample_canvas import (
    Canvas,
    Colour,
    Field,
    box,
    card,
    ellipse,
    floats,
    lettering,
    mirrored,
    outline,
    rounded,
    tinted,
    wrapped,
)
from logoscan.types import Rgb, Rgba

__all__ = ["SCENES", "Scene"]

Scene: TypeAlias = Callable[[int, "Rgba | None", Path], Rgb]
"""Seed, the mark to print (None where the scene prints none), font -> the picture, uint8 (H, W, 3)."""

BLACK: Colour = (0.05, 0.05, 0.06)
WHITE: Colour = (0.97, 0.97, 0.96)
INK: Colour = (0.13, 0.13, 0.15)


def _needed(drawing: Rgba | None) -> Rgba:
    if drawing is None:
        raise ValueError("drawing: this scene prints a mark, got None")
    return drawing


def _shirt(canvas: Canvas, colour: Colour, *, back: bool, heather: float) -> Field:
    """A T-shirt laid flat around the canvas' centre; returns its shade, to print with."""
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


def grey_shirt(seed: int, drawing: Rgba | None, font: Path) -> Rgb:
    """A heather-grey T-shirt on a wooden table, a large mark on its chest."""
    canvas = Canvas((seed, 1), 720, 720, (360, 362), degrees=-2.5)
    canvas.planks((0.80, 0.68, 0.54), 120)
    cloth = _shirt(canvas, (0.72, 0.73, 0.75), back=False, heather=0.028)
    canvas.stamp(tinted(_needed(drawing), INK), 0, -70, 168, cloth * 1.02, bend=canvas.soft(cloth - 1, 4) * 16)
    return canvas.finished()


def navy_shirt_front(seed: int, drawing: Rgba | None, font: Path) -> Rgb:
    """A navy T-shirt with a small mark on its breast."""
    canvas = Canvas((seed, 2), 720, 720, (360, 362), degrees=1.5)
    canvas.linen((0.90, 0.88, 0.84))
    cloth = _shirt(canvas, (0.17, 0.22, 0.36), back=False, heather=0.02)
    canvas.stamp(tinted(_needed(drawing), WHITE), 84, -120, 45, 0.96 + 0.4 * (cloth - 1))
    return canvas.finished()


def navy_shirt_back(seed: int, drawing: Rgba | None, font: Path) -> Rgb:
    """The same T-shirt from behind; no mark."""
    canvas = Canvas((seed, 3), 720, 720, (360, 362), degrees=-1.0)
    canvas.linen((0.90, 0.88, 0.84))
    _shirt(canvas, (0.17, 0.22, 0.36), back=True, heather=0.02)
    return canvas.finished()


def _block(canvas: Canvas, faces: dict[str, Field], arts: dict[str, Field], x: float, y: float) -> None:
    """A block with its faces' prints, standing with its centre at x, y."""
    at = floats([x, y])
    side = 0.74 if faces["side"][:, 0].mean() > 0 else 1.0  # the light comes from the left
    for name, light in (("top", 1.06), ("side", side), ("front", 0.94)):
        board = light * (1 + 0.012 * canvas.noise(160, 160) + 0.008 * canvas.noise(1.2, 1.2))
        canvas.decal(arts[name], faces[name] + at, board)
    corner = [1, 2] if side < 1 else [0, 3]
    for edge in ([0, 1], corner):
        canvas.dim(canvas.soft(canvas.stroke(outline(*(faces["front"][edge] + at)), 1.5), 0.7), -0.14)


def _ground_shadow(canvas: Canvas, faces: dict[str, Field], x: float, y: float) -> None:
    """Contact and cast shadow of a block, light from the upper left."""
    left, right = faces["front"][3], faces["front"][2]
    back = faces["top"][:2] + (left - faces["front"][0])  # where the far corners stand, near enough for a shadow
    base = np.stack([left, right, back[1], back[0]]) + floats([x, y])
    canvas.shadow(base, 34, 4, 26, 0.38)
    canvas.shadow(base, 8, 3, 8, 0.45)


def shoe_box(seed: int, drawing: Rgba | None, font: Path) -> Rgb:
    """A shoe box on which a misspelt name is printed."""
    canvas = Canvas((seed, 4), 800, 640, (392, 350))
    canvas.studio((0.83, 0.86, 0.88), (0.92, 0.92, 0.91), 330)
    red: Colour = (0.74, 0.12, 0.13)
    camera = {"yaw": -24.0, "pitch": 20.0, "distance": 1500.0}
    body, lid = box(470, 190, 270, **camera), box(484, 62, 284, **camera)
    name = lettering("NEW BALENCE", font, 58, WHITE, 0.02)
    sizes = lettering("EU 42   UK 8", font, 21, INK)
    label = card(150, 84, WHITE, (lettering("574", font, 34, INK), 75, 26), (sizes, 75, 62))
    arts = {
        "front": card(470, 190, red, (name, 235, 112)),
        "side": card(270, 190, red, (label, 135, 112)),
        "top": card(470, 270, red),
    }
    cover = {k: card(*size, (0.80, 0.79, 0.77)) for k, size in (("front", (484, 62)), ("side", (284, 62)))}
    cover["top"] = card(484, 284, (0.80, 0.79, 0.77), (lettering("NEW BALENCE", font, 40, red, 0.04), 242, 142))
    _ground_shadow(canvas, body, 0, 0)
    _block(canvas, body, arts, 0, 0)
    lip = [outline(*(lid[face][[3, 2]] + floats([0, -72]))) for face in ("front", "side")]
    walls = np.maximum(canvas.mask(body["front"]), canvas.mask(body["side"]))
    for line in lip:
        canvas.dim(canvas.soft(canvas.stroke(line, 8), 4) * walls, 0.45)
    _block(canvas, lid, cover, 0, -76)
    return canvas.finished()


def speaker(seed: int, drawing: Rgba | None, font: Path) -> Rgb:
    """A portable loudspeaker lying on a table, a mark across its cloth."""
    art = tinted(_needed(drawing), WHITE)
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
    return canvas.finished()


def travel_case(seed: int, drawing: Rgba | None, font: Path) -> Rgb:
    """A hard zipped case without any mark."""
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
    return canvas.finished()


def mug(seed: int, drawing: Rgba | None, font: Path) -> Rgb:
    """A mug with everyday words on it."""
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
    return canvas.finished()


def beanie(seed: int, drawing: Rgba | None, font: Path) -> Rgb:
    """A knitted hat with a woven patch on its cuff."""
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
    patch = card(150, 108, BLACK, (tinted(_needed(drawing), WHITE, 62), 75, 54))
    corners = floats([[-75, 68], [75, 68], [75, 176], [-75, 176]])
    canvas.shadow(corners, 2, 4, 4, 0.55)
    canvas.decal(patch, corners, 1 + 0.05 * canvas.noise(0.7, 0.7) - 0.0004 * np.abs(x))
    stitches = canvas.stroke(outline(*(corners * floats([0.94, 1]) + floats([0, 0]))[[0, 1]]), 1)
    canvas.dim(stitches, -0.1)
    return canvas.finished()


def film_boxes(seed: int, drawing: Rgba | None, font: Path) -> Rgb:
    """Two small boxes of film, a mark on each."""
    canvas = Canvas((seed, 9), 720, 640, (360, 350))
    canvas.studio((0.47, 0.50, 0.55), (0.70, 0.71, 0.72), 360)
    yellow, red = (0.96, 0.73, 0.10), (0.78, 0.11, 0.10)
    mark = tinted(_needed(drawing), red, 118)
    words = lettering("35 mm FILM", font, 29, INK), lettering("36 EXP", font, 29, INK)
    front = card(196, 280, yellow, (mark, 98, 92), (words[0], 98, 200), (words[1], 98, 240))
    side = card(
        150, 280, yellow, (lettering("36", font, 60, red), 75, 90), (lettering("COLOUR", font, 26, INK), 75, 240)
    )
    arts = {"front": front, "side": side, "top": card(196, 150, yellow)}
    for x, y, yaw, scale in ((-128, -34, -26.0, 0.92), (96, 12, 24.0, 1.0)):
        faces = {k: v * floats(scale) for k, v in box(196, 280, 150, yaw, 14, 1200).items()}
        _ground_shadow(canvas, faces, x, y)
        _block(canvas, faces, arts, x, y)
    return canvas.finished()


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        grey_shirt, shoe_box, speaker, travel_case, mug, beanie, navy_shirt_front, navy_shirt_back, film_boxes
    )
}  # fmt: skip
"""Every scene by its name."""
