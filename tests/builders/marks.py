"""A mark that is like none of its mirror images, and crops that show it."""

from __future__ import annotations

import cv2
import numpy as np

from logoscan.types import Rgb, Rgba


def flag() -> Rgba:
    """Draw a mark that is like none of its mirror images: a foot, a tall bar and a hook."""
    out = np.zeros((120, 100, 4), np.uint8)
    for a, b in (((10, 5), (30, 115)), ((30, 5), (90, 30)), ((70, 30), (90, 60)), ((30, 95), (60, 115))):
        cv2.rectangle(out, a, b, (20, 20, 20, 255), -1)
    return out


def crop_of(
    drawing: Rgba, *, angle_deg: float = 0.0, sides: tuple[float, float] = (0.9, 0.9), side_px: int = 128
) -> Rgb:
    """Lay a logo image, turned and stretched, on pale blue; the sides' scales are in pixels a pixel."""
    h, w = drawing.shape[:2]
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    turn = np.array([[c, -s], [s, c]]) @ np.diag(sides)
    matrix = np.column_stack([turn, side_px / 2 - turn @ [w / 2, h / 2]])
    laid = cv2.warpAffine(drawing.astype(np.float32), matrix, (side_px, side_px), flags=cv2.INTER_AREA)
    alpha = laid[..., 3:] / 255
    return np.asarray(np.array([170, 190, 220]) * (1 - alpha) + np.array([180, 30, 40]) * alpha, np.uint8)
