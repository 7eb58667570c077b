"""Product pictures of boxes for the sample listings: a shoe box and boxes of film."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from logoscan.training.sample_canvas import (
    INK,
    WHITE,
    Canvas,
    Colour,
    Field,
    box,
    card,
    floats,
    lettering,
    outline,
    tint,
)
from logoscan.types import Rgb, Rgba

__all__ = ["film_boxes", "shoe_box"]


def _block(canvas: Canvas, faces: dict[str, Field], arts: dict[str, Field], x: float, y: float) -> None:
    """Paint a block with prints on its faces and its centre at x, y."""
    at = floats([x, y])
    side = 0.74 if faces["side"][:, 0].mean() > 0 else 1.0  # the light comes from the left
    for name, light in (("top", 1.06), ("side", side), ("front", 0.94)):
        board = light * (1 + 0.012 * canvas.noise(160, 160) + 0.008 * canvas.noise(1.2, 1.2))
        canvas.decal(arts[name], faces[name] + at, board)
    corner = [1, 2] if side < 1 else [0, 3]
    for edge in ([0, 1], corner):
        canvas.dim(canvas.soft(canvas.stroke(outline(*(faces["front"][edge] + at)), 1.5), 0.7), -0.14)


def _ground_shadow(canvas: Canvas, faces: dict[str, Field], x: float, y: float) -> None:
    """Paint the shadows of a block on the ground, with light from the upper left."""
    left, right = faces["front"][3], faces["front"][2]
    back = faces["top"][:2] + (left - faces["front"][0])  # about where the far corners stand
    base = np.stack([left, right, back[1], back[0]]) + floats([x, y])
    canvas.shadow(base, 34, 4, 26, 0.38)
    canvas.shadow(base, 8, 3, 8, 0.45)


def shoe_box(seed: int, logo_image: Rgba | None, font: Path) -> Rgb:
    """Paint a shoe box with a misspelt name on it."""
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
    return canvas.picture()


def film_boxes(seed: int, logo_image: Rgba | None, font: Path) -> Rgb:
    """Paint two small boxes of film with a mark on each."""
    canvas = Canvas((seed, 9), 720, 640, (360, 350))
    canvas.studio((0.47, 0.50, 0.55), (0.70, 0.71, 0.72), 360)
    yellow, red = (0.96, 0.73, 0.10), (0.78, 0.11, 0.10)
    mark = tint(logo_image, red, 118)
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
    return canvas.picture()
