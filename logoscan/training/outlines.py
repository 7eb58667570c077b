"""Outlines of drawn goods in units of their picture, and what is painted along and inside them.

This module must not know which goods are drawn.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Mask", "Points", "Rgbf", "fill", "jittered", "lay_over", "seam", "smooth"]

Rgbf: TypeAlias = npt.NDArray[np.float32]
"""Picture, float32 (h, w, 3), 0..255."""
Mask: TypeAlias = npt.NDArray[np.float32]
"""Cover, float32 (h, w), 0..1."""
Points: TypeAlias = npt.NDArray[np.float32]
"""Points in units of the picture, y upwards, float32 (n, 2)."""


def smooth(points: list[list[float]], rounds: int = 3) -> Points:
    """Return a closed outline with its corners cut off repeatedly (Chaikin), float32 (n, 2)."""
    outline = np.array(points, np.float32)
    for _ in range(rounds):
        after = np.roll(outline, -1, axis=0)
        outline = np.stack([0.75 * outline + 0.25 * after, 0.25 * outline + 0.75 * after], 1).reshape(-1, 2)
    return outline


def fill(outline: Points, h: int, w: int) -> Mask:
    """Return the inside of an outline as a mask of `h` x `w` px."""
    mask = np.zeros((h, w), np.uint8)
    pixels = np.stack([outline[:, 0] * (w - 1), (1 - outline[:, 1]) * (h - 1)], 1)
    cv2.fillPoly(mask, [np.rint(pixels * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / np.float32(255)


def lay_over(skin: Rgbf, mask: Mask, colour: Rgbf) -> None:
    """Lay a colour, float32 (3,), or a surface over the goods where `mask` is 1, in place."""
    skin += (colour - skin) * mask[..., None]


def seam(rng: np.random.Generator, skin: Rgbf, outline: Points) -> None:
    """Draw an outline as a seam: a dark or light line, dashed in half of the cases, in place."""
    h, w = skin.shape[:2]
    pixels = np.rint(np.stack([outline[:, 0] * (w - 1), (1 - outline[:, 1]) * (h - 1)], 1)).astype(np.int32)
    colour = [float(v) for v in np.clip(skin.mean(axis=(0, 1)) + rng.choice([-60.0, 60.0]), 0, 255)]
    dashed, thick = rng.random() < 0.5, max(1, round(min(h, w) * rng.uniform(0.003, 0.01)))
    for k in range(len(pixels) - 1):
        if not dashed or k % 2 == 0:
            cv2.line(skin, pixels[k].tolist(), pixels[k + 1].tolist(), colour, thick, cv2.LINE_AA)


def jittered(rng: np.random.Generator, points: list[list[float]], by: float = 0.025) -> list[list[float]]:
    """Return points that are moved a little, by a normal distribution of this width."""
    return [[x + float(rng.normal(0, by)), y + float(rng.normal(0, by))] for x, y in points]
