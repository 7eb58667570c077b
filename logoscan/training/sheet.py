"""Contact sheets of composed crops and scenes, to be checked by eye before training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.batches import Mix
from logoscan.training.compose import Composer
from logoscan.training.materials import Materials
from logoscan.training.scenes import Scene, compose_scene

Rgb8 = npt.NDArray[np.uint8]


def tile(pictures: Sequence[Rgb8], columns: int) -> Rgb8:
    """Return pictures side by side in rows; the last row is filled with grey.

    Args:
        pictures: uint8 (h, w, 3), all of one size.
        columns: Number of pictures in a row.

    Returns:
        uint8 (rows * h, columns * w, 3).

    Raises:
        ValueError: If there is no picture, or if sizes differ.
    """
    if not pictures or len({p.shape for p in pictures}) != 1:
        raise ValueError(f"tile.pictures: expected one or more of one size, got {sorted({p.shape for p in pictures})}")
    blank = np.full_like(pictures[0], 128)
    rows = [[*pictures[i : i + columns]] for i in range(0, len(pictures), columns)]
    rows[-1] += [blank] * (columns - len(rows[-1]))
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)


def with_boxes(scene: Scene, side_px: int) -> Rgb8:
    """Return a scene with its boxes drawn in red, on a grey square, uint8 (side_px, side_px, 3)."""
    picture = scene.rgb.copy()
    for x0, y0, x1, y1 in scene.boxes.astype(int).tolist():
        cv2.rectangle(picture, (x0, y0), (x1, y1), (255, 0, 0), 1)
    scale = side_px / max(picture.shape[:2])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:side_px, :side_px]
    out = np.full((side_px, side_px, 3), 128, np.uint8)
    out[: picture.shape[0], : picture.shape[1]] = picture
    return out


def contact_sheet(composer: Composer, path: str | Path, crops: int = 160, scenes: int = 8) -> tuple[int, int]:
    """Write a PNG with pairs of crops, the two views of a class side by side, and below them scenes with their boxes.

    Every second scene is a listing photo of goods.

    Args:
        composer: Composer of the crops; its material and random generator are used for the scenes as well.
        path: PNG to write.
        crops: Number of crops.
        scenes: Number of scenes.

    Returns:
        Numbers of crops and scenes on the sheet.

    Raises:
        OSError: If the file cannot be written.
    """
    views: list[Rgb8] = []
    while len(views) < crops:
        views += list(composer.batch(Mix()).crops)
    sheet = tile(views[: max(crops, 1)], 16)
    if scenes:
        materials = Materials(composer.rng)
        pictures = [
            with_boxes(
                compose_scene(
                    composer.rng,
                    composer.icons,
                    composer.backgrounds,
                    materials,
                    fonts=composer.fonts,
                    words=0.2,
                    goods=i % 2,
                    garments=composer.garments,
                    abstract=0.15,
                ),
                sheet.shape[1] // 4,
            )
            for i in range(scenes)
        ]
        sheet = np.concatenate([sheet, tile(pictures, 4)], axis=0)
    if not cv2.imwrite(str(path), np.ascontiguousarray(sheet[..., ::-1])):
        raise OSError(f"contact sheet {path}: expected a writable .png path, could not write")
    return max(crops, 1), scenes
