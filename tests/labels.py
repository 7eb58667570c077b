"""Printed labels and photos of them, for what finds keypoints."""

import cv2
import numpy as np


def label(seed: int = 0, size: tuple[int, int] = (240, 160)) -> np.ndarray:
    """A printed label (height, width): words, bands and dots on a ground, as no other seed prints it."""
    rng = np.random.default_rng(seed)
    height, width = size
    out = np.full((height, width, 3), rng.integers(150, 250, 3), np.uint8)
    for _ in range(12):
        x, y = (int(v) for v in rng.integers(0, (width, height)))
        ink = tuple(int(v) for v in rng.integers(0, 200, 3))
        cv2.rectangle(out, (x, y), (x + int(rng.integers(6, 50)), y + int(rng.integers(4, 24))), ink, -1)
        cv2.circle(out, (int(rng.integers(0, width)), int(rng.integers(0, height))), int(rng.integers(3, 14)), ink, -1)
        word = "".join(chr(int(c)) for c in rng.integers(65, 91, 6))
        cv2.putText(out, word, (x // 2, y), cv2.FONT_HERSHEY_DUPLEX, float(rng.uniform(0.4, 1)), (20, 20, 20), 1)
    return out


def opaque(rgb: np.ndarray) -> np.ndarray:
    return np.concatenate([rgb, np.full((*rgb.shape[:2], 1), 255, np.uint8)], axis=2)


def photo(rgb: np.ndarray, matrix: np.ndarray, seed: int = 9) -> np.ndarray:
    """A noisy photo, 480 x 640, in which a picture lies under a projective map."""
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.integers(0, 255, (12, 16, 3)).astype(np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC)
    cv2.warpPerspective(rgb, matrix, (640, 480), ground, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT)
    noisy = ground.astype(np.float32) * 0.8 + rng.normal(10, 6, ground.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def laid(corners: list[tuple[float, float]], size: tuple[int, int] = (240, 160)) -> tuple[np.ndarray, np.ndarray]:
    there = np.array(corners, np.float32)
    height, width = size
    here = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return cv2.getPerspectiveTransform(here, there), there
