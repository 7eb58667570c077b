"""Finds drawings that are nearly the same: the exam's among those for training, and one mark under two names.

Names are dropped elsewhere (`heldout`); this looks at shapes, because a held-out brand's mark may stand in an icon set
under another name. Must not know networks: what is alike to a network is for the network to learn.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.images.svg import Renderer
from logoscan.index.brand_folders import read_brand_folders
from logoscan.index.logo_images import ink, read_logo
from logoscan.training.drawings import Drawings, from_arrays
from logoscan.training.styles import Rgba

WITHIN = 0.09
"""1 - intersection over union of inked shapes from which two drawings are nearly one: the same mark in two icon sets
mostly lies under it. Of 51,477 drawings used for training none was nearer than 0.097 (a ring) to the evaluation's."""
_SIDE = 48
_FULL = 0.75
"""Inked share from which a picture has no shape: a plate, a disc, a photograph. It is near nothing."""


def shapes(drawings: Iterable[Rgba]) -> npt.NDArray[np.float32]:
    """Return the inked part of each drawing, cut close and stretched to a square, float32 (n, 2304), 0..1."""
    rows = []
    for rgba in drawings:
        inked = ink(rgba)
        y, x = np.nonzero(inked > 0.1)
        close = inked[y.min() : y.max() + 1, x.min() : x.max() + 1] if len(y) else inked
        square = cv2.resize(close, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).reshape(-1)
        rows.append(square * (square.mean() < _FULL))
    return np.array(rows, np.float32).reshape(len(rows), _SIDE * _SIDE)


def distances(marks: npt.NDArray[np.float32], exam: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return 1 - intersection over union of each mark with the nearest of the exam's, float32 (n,); 1 without any."""
    best = np.ones(len(marks), np.float32)
    for other in exam:
        for start in range(0, len(marks), 4096):
            part = marks[start : start + 4096]
            union = np.maximum(part, other).sum(1)
            gap = 1 - np.minimum(part, other).sum(1) / np.maximum(union, 1e-6)
            best[start : start + 4096] = np.minimum(best[start : start + 4096], gap)
    return best


def gallery_drawings(folders: Iterable[str | Path]) -> list[Rgba]:
    """Return the drawings of brand folders, uint8 (h, w, 4) RGBA each."""
    files = [p for folder in folders for brand in read_brand_folders(Path(folder)) for p in brand.logos]
    with Renderer() as renderer:
        return [read_logo(p, renderer=renderer).rgba for p in files]


def without_exam(drawings: Drawings, exam: Iterable[Rgba], within: float = WITHIN) -> tuple[Drawings, dict[str, float]]:
    """Leave out every class one of whose drawings is nearly one of the exam's.

    Args:
        drawings: For training.
        exam: Drawings of the evaluation galleries.
        within: See `WITHIN`.

    Returns:
        The drawings of the other classes, and each class that was left out with its smallest distance.
    """
    near = distances(shapes(drawings.rgba(i) for i in range(len(drawings))), shapes(exam))
    gone: dict[str, float] = {}
    for i in np.flatnonzero(near < within):
        name = drawings.names[drawings.labels[i]]
        gone[name] = min(gone.get(name, 1.0), float(near[i]))
    if not gone:
        return replace(drawings), gone
    return _without(drawings, gone), gone


def without_twins(drawings: Drawings, within: float = WITHIN) -> Drawings:
    """Leave out every class one of whose drawings is nearly one of a class before it: one mark under two names.

    Args:
        drawings: For calibration, where a twin would count as a false match.
        within: See `WITHIN`.
    """
    marks, labels = shapes(drawings.rgba(i) for i in range(len(drawings))), drawings.labels
    gone: set[int] = set()
    for i in np.argsort(labels, kind="stable"):
        others = (labels < labels[i]) & ~np.isin(labels, sorted(gone))
        if labels[i] not in gone and (distances(marks[others], marks[i : i + 1]) < within).any():
            gone.add(int(labels[i]))
    return _without(drawings, {drawings.names[k] for k in gone})


def _without(drawings: Drawings, gone: Container[str]) -> Drawings:
    return from_arrays(
        (drawings.names[k], drawings.sources[i], bool(drawings.one_colour[i]), drawings.rgba(i))
        for i, k in enumerate(drawings.labels.tolist())
        if drawings.names[k] not in gone
    )
