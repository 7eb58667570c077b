"""Find icons of nearly the same shape: logos of the evaluation among the training icons, and one mark under two names.

Held-out names are dropped elsewhere (`heldout`); this module compares shapes, because the mark of a held-out brand may
be in an icon set under another name. It must not use networks: which shapes are alike is for a network to learn.
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
from logoscan.index.logo_images import read_logo
from logoscan.index.renderings import ink
from logoscan.training.icons import Icons, from_arrays
from logoscan.training.styles import Rgba

WITHIN = 0.09
"""Distance (1 - intersection over union of ink) below which two icons count as the same mark; the same mark in two icon
sets mostly lies below. The 51,477 icons used for training are at least 0.097 (a ring) from every evaluation logo."""
# Side of the square on which shapes are compared, px.
_SIDE_PX = 48
# Share of ink from which a picture has no shape (a plate, a disc, a photograph); such a picture matches nothing.
_SHAPELESS_INK_SHARE = 0.75


def shapes(icons: Iterable[Rgba]) -> npt.NDArray[np.float32]:
    """Return the inked part of each icon, cropped and stretched to a square, float32 (n, 2304), 0..1."""
    rows = []
    for rgba in icons:
        inked = ink(rgba)
        y, x = np.nonzero(inked > 0.1)
        cropped = inked[y.min() : y.max() + 1, x.min() : x.max() + 1] if len(y) else inked
        square = cv2.resize(cropped, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).reshape(-1)
        rows.append(square * (square.mean() < _SHAPELESS_INK_SHARE))
    return np.array(rows, np.float32).reshape(len(rows), _SIDE_PX * _SIDE_PX)


def distances(marks: npt.NDArray[np.float32], exam: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return 1 - intersection over union of each mark with its nearest shape in `exam`, float32 (n,); 1 without any."""
    best = np.ones(len(marks), np.float32)
    for other in exam:
        for start in range(0, len(marks), 4096):
            part = marks[start : start + 4096]
            union = np.maximum(part, other).sum(1)
            gap = 1 - np.minimum(part, other).sum(1) / np.maximum(union, 1e-6)
            best[start : start + 4096] = np.minimum(best[start : start + 4096], gap)
    return best


def gallery_logos(folders: Iterable[str | Path]) -> list[Rgba]:
    """Return the logo images of brand folders, uint8 (h, w, 4) RGBA each."""
    files = [p for folder in folders for brand in read_brand_folders(Path(folder)) for p in brand.logos]
    with Renderer() as renderer:
        return [read_logo(p, renderer=renderer).rgba for p in files]


def without_exam(icons: Icons, exam: Iterable[Rgba], within: float = WITHIN) -> tuple[Icons, dict[str, float]]:
    """Leave out every class with an icon of nearly the same shape as a logo image of the evaluation.

    Args:
        icons: Icons for training.
        exam: Logo images of the evaluation galleries.
        within: Distance below which two shapes count as the same.

    Returns:
        The icons of the other classes, and the smallest distance of each class that was left out.
    """
    distance = distances(shapes(icons.rgba(i) for i in range(len(icons))), shapes(exam))
    dropped: dict[str, float] = {}
    for i in np.flatnonzero(distance < within):
        name = icons.names[icons.labels[i]]
        dropped[name] = min(dropped.get(name, 1.0), float(distance[i]))
    if not dropped:
        return replace(icons), dropped
    return _without_classes(icons, dropped), dropped


def without_twins(icons: Icons, within: float = WITHIN) -> Icons:
    """Leave out every class with an icon of nearly the same shape as one of an earlier class (one mark, two names).

    Args:
        icons: Icons for calibration, where such a twin would count as a false match.
        within: Distance below which two shapes count as the same.

    Returns:
        The icons of the other classes.
    """
    marks, labels = shapes(icons.rgba(i) for i in range(len(icons))), icons.labels
    dropped: set[int] = set()
    for i in np.argsort(labels, kind="stable"):
        others = (labels < labels[i]) & ~np.isin(labels, sorted(dropped))
        if labels[i] not in dropped and (distances(marks[others], marks[i : i + 1]) < within).any():
            dropped.add(int(labels[i]))
    return _without_classes(icons, {icons.names[k] for k in dropped})


def _without_classes(icons: Icons, names: Container[str]) -> Icons:
    """Return the icons whose class is not in `names`."""
    return from_arrays(
        (icons.names[k], icons.sources[i], bool(icons.one_colour[i]), icons.rgba(i))
        for i, k in enumerate(icons.labels.tolist())
        if icons.names[k] not in names
    )
