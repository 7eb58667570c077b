"""What scenes show besides marks: a simple product, plain shapes, and lines of small print.

Nothing here is a mark or has a box.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.materials import Backgrounds, Materials, random_colour
from logoscan.training.styles import paint
from logoscan.training.wordmarks import draw_name, random_name

__all__ = ["lay_clutter", "lay_product"]

Rgbf = npt.NDArray[np.float32]


def lay_product(rng: np.random.Generator, image: Rgbf, backgrounds: Backgrounds, materials: Materials) -> Rgbf:
    """Return the picture with a box-like, round or bottle-like product of some material on it, shaded across."""
    h, w = image.shape[:2]
    body = np.zeros((h, w), np.float32)
    bw, bh = round(w * rng.uniform(0.4, 0.95)), round(h * rng.uniform(0.4, 0.95))
    x, y = int(rng.integers(0, w - bw + 1)), int(rng.integers(0, h - bh + 1))
    kind = rng.random()
    if kind < 0.4:
        corners = np.array([[x, y], [x + bw, y], [x + bw, y + bh], [x, y + bh]], np.float32)
        corners += rng.normal(0, 0.05, (4, 2)) * (bw, bh)
        cv2.fillConvexPoly(body, corners.astype(np.int32), 1.0, cv2.LINE_AA)
    elif kind < 0.7:
        cv2.ellipse(body, (x + bw // 2, y + bh // 2), (bw // 2, bh // 2), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    else:
        neck = round(bw * rng.uniform(0.25, 0.6))
        cv2.rectangle(body, (x, y + bh // 4), (x + bw, y + bh), 1.0, -1)
        cv2.rectangle(body, (x + (bw - neck) // 2, y), (x + (bw + neck) // 2, y + bh // 3), 1.0, -1)
        body = cv2.GaussianBlur(body, (0, 0), 3)
    across = np.linspace(-1, 1, w, dtype=np.float32)[None] * (w / bw) + (w - 2 * x - bw) / bw
    shade = 1 - rng.uniform(0, 0.5) * np.clip(np.abs(across), 0, 1) ** 2
    skin = materials.surface(rng, h, w) * shade[..., None]
    return np.ascontiguousarray(image * (1 - body[..., None]) + skin * body[..., None], np.float32)


def lay_clutter(rng: np.random.Generator, image: Rgbf, fonts: tuple[str, ...]) -> Rgbf:
    """Draw plain shapes and text lines, which are not marks, in place; return the picture."""
    h, w = image.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        colour = [float(c) for c in random_colour(rng)]
        a = (int(rng.integers(w)), int(rng.integers(h)))
        b = (int(rng.integers(w)), int(rng.integers(h)))
        kind = rng.random()
        if kind < 0.5 and fonts:
            _small_print(rng, image, fonts, np.asarray(colour, np.float32))
        elif kind < 0.7:
            cv2.line(image, a, b, colour, int(rng.integers(1, 12)), cv2.LINE_AA)
        elif kind < 0.85:
            cv2.circle(
                image, a, int(rng.integers(5, max(6, min(h, w) // 5))), colour, int(rng.choice([-1, 2, 5])), cv2.LINE_AA
            )
        else:
            cv2.rectangle(image, a, b, colour, int(rng.choice([2, 4, 8])))
    return image


def _small_print(
    rng: np.random.Generator, image: Rgbf, fonts: tuple[str, ...], colour: npt.NDArray[np.float32]
) -> None:
    """Write two to five lines of small text, as on the back of a pack; one large word would be a wordmark."""
    h, w = image.shape[:2]
    high, font = int(rng.integers(5, 12)), fonts[int(rng.integers(len(fonts)))]
    y, x = int(rng.integers(0, h)), int(rng.integers(0, max(1, w // 2)))
    for _ in range(int(rng.integers(2, 6))):
        line = draw_name(" ".join(random_name(rng) for _ in range(int(rng.integers(2, 5)))), font)
        if line is None or y + high > h:
            return
        alpha = line[..., 3].astype(np.float32) / np.float32(255)
        wide = max(4, round(alpha.shape[1] * high / alpha.shape[0]))
        ink = paint(cv2.resize(alpha, (wide, high), interpolation=cv2.INTER_AREA)[:, : w - x], colour)
        part = image[y : y + high, x : x + ink.shape[1]]
        part *= 1 - ink[..., 3:]
        part += ink[..., :3]
        y += round(high * 1.4)
