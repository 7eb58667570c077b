"""Keypoints of made-up logo images, and of photos that show them."""

from __future__ import annotations

import math

import numpy as np

from logoscan.vision.sift import Keypoints

SIDE = 200


def drawing(seed: int = 0, n: int = 60) -> Keypoints:
    """Points anywhere in a square of 200 px."""
    rng = np.random.default_rng(seed)
    frames = np.stack([*rng.uniform(0, SIDE, (2, n)), rng.uniform(3, 20, n), rng.uniform(0, 2 * np.pi, n)], axis=1)
    return Keypoints(frames.astype(np.float32), descriptors(rng, n), (SIDE, SIDE))


def descriptors(rng: np.random.Generator, n: int) -> np.ndarray:
    values = rng.exponential(1.0, (n, 128)) ** 2
    return np.asarray(np.rint(np.sqrt(values / values.sum(axis=1, keepdims=True)) * 255), np.uint8)


def photographed(
    points: Keypoints,
    scale: float = 0.7,
    angle: float = 0.4,
    shift: tuple[float, float] = (300.0, 200.0),
    seed: int = 1,
) -> Keypoints:
    """A photo of 900 x 700 px in which a logo image lies under a similarity, among 200 other keypoints."""
    rng = np.random.default_rng(seed)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    there = points.frames.astype(np.float64)
    there[:, :2] = scale * there[:, :2] @ turn.T + shift
    there[:, 2] *= scale
    there[:, 3] = (there[:, 3] + angle) % (2 * np.pi)
    others = np.stack([*rng.uniform(0, 700, (2, 200)), rng.uniform(3, 20, 200), rng.uniform(0, 6, 200)], axis=1)
    frames = np.concatenate([there, others]).astype(np.float32)
    return Keypoints(frames, np.concatenate([points.descriptors, descriptors(rng, 200)]), (900, 700))
