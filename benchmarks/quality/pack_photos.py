"""Photos of packs: which of them were taken in one place, and the crop that serves as the pack shot of each pack.

This module must not know models.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from logoscan.images.phash import MATCH_BITS, photo_hash
from logoscan.types import Boxes, Rgb

SAME_GROUND = 0.6
"""Least overlap of the colour histograms of two grounds that are one place.

Of 398 photos of snack packs, those on a sheet of cardboard and those on a shop's counter are two groups from 0.6 to
0.65, each with all packs; at 0.5 they are one, at 0.8 more than twenty.
"""

# A box is grown by this share of its sides before the rest counts as ground.
_GROWN = 0.05
# Least share of a photo that is ground, under which its colours say nothing.
_LEAST_GROUND = 0.05
# Share of pixels of the lightest colours from which a ground is a studio's white, which tells no place.
_WHITE_SHARE = 0.5
# Grey levels of one bin of a histogram of colours, and bins a channel.
_BIN, _BINS = 32, 8
# Long side to which a crop is reduced before its sharpness is measured, px.
_SHARPNESS_PX = 160
# Least distance of a whole pack from the edge of its photo, px.
_MARGIN_PX = 2


@dataclass(frozen=True, eq=False)
class Ground:
    """What a photo shows beside its packs, and its hash.

    Attributes:
        colours: float64 (512,), share of each colour in the ground; None where it is white, or too small to tell.
        pdq: PDQ hash of the whole photo as a number; None where it has too little structure.
    """

    colours: NDArray[np.float64] | None
    pdq: int | None


def ground_of(rgb: Rgb, boxes: Boxes) -> Ground:
    """Describe the ground of a photo: the pixels outside its boxes."""
    h, w = rgb.shape[:2]
    outside = np.ones((h, w), bool)
    grow = _GROWN * (boxes[:, 2:] - boxes[:, :2])
    low, high = np.floor(boxes[:, :2] - grow).clip(0).astype(int), np.ceil(boxes[:, 2:] + grow).astype(int)
    for (x0, y0), (x1, y1) in zip(low, high, strict=True):
        outside[y0:y1, x0:x1] = False
    hashed = photo_hash(rgb)
    pdq = None if hashed is None else int(hashed.pdq, 16)
    if outside.mean() < _LEAST_GROUND:
        return Ground(None, pdq)
    bins = (rgb[outside] // _BIN).astype(np.int64) @ np.array([_BINS * _BINS, _BINS, 1])
    colours = np.bincount(bins, minlength=_BINS**3) / len(bins)
    return Ground(None if colours[-1] > _WHITE_SHARE else colours, pdq)


def is_same_place(a: Ground, b: Ground) -> bool:
    """Tell whether two photos are nearly copies, or have grounds of nearly the same colours."""
    if a.pdq is not None and b.pdq is not None and (a.pdq ^ b.pdq).bit_count() <= MATCH_BITS:
        return True
    if a.colours is None or b.colours is None:
        return False
    return float(np.minimum(a.colours, b.colours).sum()) >= SAME_GROUND


def group_places(grounds: Sequence[Ground]) -> list[int]:
    """Number the places of photos from 0: photos of one place are linked, directly or through others."""
    places = [-1] * len(grounds)
    for first in range(len(grounds)):
        if places[first] >= 0:
            continue
        places[first], waiting = max(places) + 1, [first]
        while waiting:
            one = grounds[waiting.pop()]
            near = [i for i, p in enumerate(places) if p < 0 and is_same_place(one, grounds[i])]
            for i in near:
                places[i] = places[first]
            waiting += near
    return places


@dataclass(frozen=True)
class PackBox:
    """A labelled pack in a photo.

    Attributes:
        file: Name of the photo.
        brand: Name of the pack.
        xyxy: Box in pixels.
        whole: Whether the box keeps clear of the photo's edges.
        sharpness: Variance of the Laplacian of the crop, reduced to one size.
    """

    file: str
    brand: str
    xyxy: tuple[float, float, float, float]
    whole: bool
    sharpness: float

    @property
    def area(self) -> float:
        """Area of the box, px."""
        return (self.xyxy[2] - self.xyxy[0]) * (self.xyxy[3] - self.xyxy[1])

    @property
    def oblong(self) -> float:
        """Long side over short side; a turned pack has a squarer box."""
        sides = (self.xyxy[2] - self.xyxy[0], self.xyxy[3] - self.xyxy[1])
        return max(sides) / max(1e-6, min(sides))


def pack_box(file: str, brand: str, xyxy: Sequence[float], rgb: Rgb) -> PackBox:
    """Measure a labelled pack in its photo."""
    x0, y0, x1, y1 = xyxy
    h, w = rgb.shape[:2]
    whole = min(x0, y0, w - x1, h - y1) >= _MARGIN_PX
    grey = cv2.cvtColor(crop(rgb, xyxy), cv2.COLOR_RGB2GRAY)
    scale = _SHARPNESS_PX / max(grey.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    sharpness = float(cv2.Laplacian(cv2.resize(grey, size, interpolation=method), cv2.CV_64F).var())
    return PackBox(file, brand, (x0, y0, x1, y1), whole, sharpness)


def crop(rgb: Rgb, xyxy: Sequence[float]) -> Rgb:
    """Cut a box out of a photo, a pixel at least."""
    h, w = rgb.shape[:2]
    x0, y0 = min(w - 1, max(0, round(xyxy[0]))), min(h - 1, max(0, round(xyxy[1])))
    return rgb[y0 : max(y0 + 1, round(xyxy[3])), x0 : max(x0 + 1, round(xyxy[2]))]


def choose_pack_shots(boxes: Sequence[PackBox], places: Mapping[str, int]) -> dict[str, PackBox]:
    """Choose the box of each pack whose crop is its only gallery image: large, upright and sharp.

    Where one place shows all packs, all crops are from it (of several such places, from that with the most photos), so
    that every other place is left for queries. Of the boxes of a pack those that touch an edge of their photo are
    dropped, if others are left; then those under half of the largest; then the squarer half, because a turned pack
    has a squarer box; the sharpest of the rest is chosen.

    Args:
        boxes: Labelled packs.
        places: Place of each photo by its file.

    Returns:
        The chosen box of each pack, by the name of the pack in sorted order.
    """
    packs = sorted({box.brand for box in boxes})
    shown = {place: {b.brand for b in boxes if places[b.file] == place} for place in {places[b.file] for b in boxes}}
    photos = {place: sum(p == place for p in places.values()) for place in shown}
    full = sorted((place for place in shown if len(shown[place]) == len(packs)), key=lambda p: (-photos[p], p))
    allowed = [b for b in boxes if places[b.file] == full[0]] if full else boxes
    return {pack: _best([b for b in allowed if b.brand == pack]) for pack in packs}


def _best(boxes: Sequence[PackBox]) -> PackBox:
    left = [b for b in boxes if b.whole] or list(boxes)
    largest = max(b.area for b in left)
    left = [b for b in left if b.area >= largest / 2]
    middle = statistics.median(b.oblong for b in left)
    left = [b for b in left if b.oblong >= middle]
    return max(left, key=lambda b: (b.sharpness, b.file))
