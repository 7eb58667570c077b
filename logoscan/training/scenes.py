"""Compose whole pictures with marks in known boxes, to fit calibrations and to train detectors.

This module must not know networks, indexes or thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.abstract_marks import draw_abstract, random_abstract
from logoscan.training.clutter import lay_clutter, lay_product
from logoscan.training.crops import ground_for
from logoscan.training.effects import blend, lay, random_corners, take_photo, to_uint8
from logoscan.training.goods import Goods, draw_goods
from logoscan.training.icons import Icons
from logoscan.training.mark_groups import Mark, MarkGroup, alone, in_rows, with_word
from logoscan.training.materials import Backgrounds, Materials, backgrounds_from_arrays
from logoscan.training.shoes import Place
from logoscan.training.styles import Premultiplied, style
from logoscan.training.wordmarks import draw_word

Rgbf = npt.NDArray[np.float32]
SMALLEST_PX = 16
"""Long side of the smallest mark in a scene, px."""
# Least share of a mark that lies on the goods, its least length as a share of the greatest one, and most marks there.
_ON_GOODS, _SMALLEST_ON_GOODS, _MOST_ON_GOODS = 0.75, 0.1, 3
# Chance that a mark on goods lies where such goods have one, and that this is the most usual place.
_AT_PLACE, _MOST_USUAL = 0.75, 0.6


@dataclass(frozen=True)
class Scene:
    """A composed picture.

    Attributes:
        rgb: uint8 (h, w, 3) RGB.
        names: Class name of each mark; ``"word:<name>"`` for a procedural wordmark.
        boxes: float32 (n, 4), xyxy px, tight around the visible part of each mark.
    """

    rgb: npt.NDArray[np.uint8]
    names: tuple[str, ...]
    boxes: npt.NDArray[np.float32]


def compose_scene(
    rng: np.random.Generator,
    icons: Icons,
    backgrounds: Backgrounds,
    materials: Materials,
    *,
    fonts: tuple[str, ...] = (),
    classes: Sequence[int] | None = None,
    marks: tuple[int, int] = (0, 4),
    long_px: tuple[int, int] = (400, 640),
    words: float = 0.0,
    distractors: float = 0.5,
    groups: float = 0.0,
    crowds: float = 0.0,
    goods: float = 0.0,
    garments: Backgrounds | None = None,
    abstract: float = 0.0,
) -> Scene:
    """Compose a picture with some marks on a photograph, a material, or a simple product.

    One core makes about 25 pictures a second. All choices come from `rng`: the same state gives the same picture.

    Args:
        rng: Source of all choices.
        icons: Marks.
        backgrounds: Photographs; may be empty.
        materials: ``Materials(rng)``, made once and used for all scenes.
        fonts: Font files for wordmarks and for text that is not a mark; may be empty.
        classes: Numbers of the classes whose marks may appear; all if None.
        marks: Least and greatest number of marks in a picture. There are fewer where no free region is found.
        long_px: Least and greatest length of the long side of the picture, px.
        words: Chance that a mark is a procedural wordmark instead of an icon.
        distractors: Chance of text lines and plain shapes that are not marks (and have no boxes).
        groups: Chance that a mark comes in rows, as on a shelf, or with a word; then the mark, the word and both
            together have boxes.
        crowds: Chance of a picture with three times the marks, none longer than an eighth of the long side.
        goods: Chance of a listing photo: goods with marks on them that follow their shape, in any resolution.
        garments: Photographs of clothes and shoes for `goods`; none if None.
        abstract: Chance that a mark is a made-up abstract one instead of an icon, three times as high on goods; its
            name is "abstract:" and a number.

    Returns:
        The picture with the names and boxes of its marks. A class may appear more than once.
    """
    listing = _chance(rng, goods)
    long = int(rng.integers(long_px[0] // 2 if listing else long_px[0], long_px[1] + 1))
    short = round(long * rng.uniform(0.6, 1.0))
    h, w = (long, short) if rng.random() < 0.4 else (short, long)
    shown: Goods | None = None
    if listing:
        none = backgrounds_from_arrays([])
        shown = draw_goods(rng, h, w, backgrounds, none if garments is None else garments, materials)
        image = np.array(shown.rgb, order="C")
    else:
        image = np.array(ground_for(rng, backgrounds, materials, h, w), order="C")
        if rng.random() < 0.5:
            image = lay_product(rng, image, backgrounds, materials)
    if rng.random() < distractors * (0.4 if listing else 1.0):
        image = lay_clutter(rng, image, fonts)
    crowd = not listing and _chance(rng, crowds)
    largest = long / 8 if crowd else 0.9 * min(h, w)
    if shown is not None:
        x0, y0, x1, y1 = shown.frame
        largest = 0.75 * min(largest, max(x1 - x0, y1 - y0))
    allowed = np.arange(len(icons.names)) if classes is None else np.asarray(classes, np.int64)

    def wordmark() -> Mark | None:
        """Return a styled made-up word, or None without usable fonts."""
        word = draw_word(rng, fonts)
        return word and Mark(f"word:{word[0]}".replace("\n", " "), *style(rng, word[2], True, materials))

    names: list[str] = []
    boxes: list[npt.NDArray[np.float32]] = []
    most = min(marks[1], _MOST_ON_GOODS) if listing else marks[1]
    for _ in range(int(rng.integers(min(marks[0], most), most + 1)) * (3 if crowd else 1)):
        mark = wordmark() if rng.random() < words else None
        if mark is None and _chance(rng, (3 if listing else 1) * abstract):
            shape = draw_abstract(random_abstract(rng))
            mark = Mark(f"abstract:{len(names)}", *style(rng, shape, True, materials))
        if mark is None and len(allowed):
            cls = int(allowed[int(rng.integers(len(allowed)))])
            members = np.flatnonzero(icons.labels == cls)
            i = int(members[int(rng.integers(len(members)))])
            mark = Mark(icons.names[cls], *style(rng, icons.rgba(i), bool(icons.one_colour[i]), materials))
        if mark is None:
            break
        group = alone(mark)
        if _chance(rng, groups):
            word = wordmark() if rng.random() < 0.5 else None
            group = in_rows(rng, mark) if word is None else with_word(rng, mark, word)
        spots: Sequence[Place | None] = (None,)
        if shown is not None and shown.places and rng.random() < _AT_PLACE:
            usual = rng.random() < _MOST_USUAL
            spots = shown.places[0 if usual else int(rng.integers(len(shown.places)))]
        for spot in spots:
            for name, box in _place(rng, image, group, largest, boxes, shown, spot):
                names.append(name)
                boxes.append(box)
    rgb = to_uint8(take_photo(rng, image, materials, crop=False))
    return Scene(rgb, tuple(names), np.array(boxes, np.float32).reshape(-1, 4))


def _chance(rng: np.random.Generator, share: float) -> bool:
    """Return True in a share of the cases; if the share is 0, return False without using `rng`."""
    return share > 0 and bool(rng.random() < share)


def _place(
    rng: np.random.Generator,
    image: Rgbf,
    group: MarkGroup,
    largest: float,
    occupied: Sequence[npt.NDArray[np.float32]],
    goods: Goods | None = None,
    spot: Place | None = None,
) -> list[tuple[str, npt.NDArray[np.float32]]]:
    """Lay a group of marks into a picture, in place, where it overlaps no other mark.

    The longest mark of a group is `SMALLEST_PX` to `largest` px long; every mark is at least 4 px high and wide.

    Args:
        rng: Source of all choices.
        image: float32 (h, w, 3) picture.
        group: Marks to lay.
        largest: Greatest length of the longest mark, px.
        occupied: Boxes of the marks that are already in the picture, float32 (4,) each.
        goods: Goods that the marks must lie on and are cut off by; None where they may lie anywhere.
        spot: Place on the goods near which the group lies, in about its size; anywhere if None.

    Returns:
        Names and boxes of the marks that were laid; empty if six tries find no free region.
    """
    h, w = image.shape[:2]
    for _ in range(6):
        smallest = SMALLEST_PX if goods is None else max(SMALLEST_PX, _SMALLEST_ON_GOODS * largest)
        long = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
        if spot is not None:
            long = max(SMALLEST_PX, spot.long * float(np.exp(rng.normal(0, 0.2))))
        shortest = min(min(x1 - x0, y1 - y0) for _, (x0, y0, x1, y1) in group.parts)
        long = max(long, 4 / shortest)
        size = (group.size[0] * long, group.size[1] * long)
        if size[0] > w or size[1] > h:
            continue
        low, high = np.zeros(2), np.array([w, h], np.float64)
        if goods is not None:
            low, high = np.array(goods.frame[:2]), np.array(goods.frame[2:])
        margin = np.minimum(np.array(size) / 2, (high - low) / 2)
        centre = rng.uniform(low + margin, high - margin)
        if spot is not None:
            centre = np.array([spot.x, spot.y]) + rng.normal(0, 0.12 * long, 2)
        corners = random_corners(rng, size, (float(centre[0]), float(centre[1])))
        frame = np.array([[0, 0], [group.size[0], 0], list(group.size), [0, group.size[1]]], np.float32)
        onto = cv2.getPerspectiveTransform(frame, corners)
        warped = []
        for mark, (x0, y0, x1, y1) in group.parts:
            sides = np.array([[[x0, y0]], [[x1, y0]], [[x1, y1]], [[x0, y1]]], np.float32)
            warped.append((mark, _warp(mark, cv2.perspectiveTransform(sides, onto)[:, 0], h, w, goods)))
        boxes = [part[1] for _, part in warped if part is not None]
        if len(boxes) < len(warped) or any(
            (np.minimum(box[2:], b[2:]) - np.maximum(box[:2], b[:2])).min() > 0 for box in boxes for b in occupied
        ):
            continue
        for mark, part in warped:
            assert part is not None
            pixels, _, (x, y) = part
            region = image[y : y + pixels.shape[0], x : x + pixels.shape[1]]
            region[:] = blend(rng, region, pixels, mark.mono, 0.0 if goods is None else 0.3)
        placed = [(mark.name, box) for (mark, _), box in zip(warped, boxes, strict=True)]
        if group.together is not None:
            every = np.array(boxes)
            placed.append((group.together, np.concatenate([every[:, :2].min(0), every[:, 2:].max(0)])))
        return placed
    return []


def _warp(
    mark: Mark, corners: npt.NDArray[np.float32], h: int, w: int, goods: Goods | None = None
) -> tuple[Premultiplied, npt.NDArray[np.float32], tuple[int, int]] | None:
    """Warp a mark to four corners in a picture of height `h` and width `w`.

    Returns:
        The premultiplied pixels, their tight box in the picture and the x and y of their first pixel; None if hardly
        any of the mark is inside the picture, or less than `_ON_GOODS` of it on the goods, which cut the rest off.
    """
    low = np.floor(np.maximum(corners.min(0) - 3, 0)).astype(int)
    high = np.ceil(np.minimum(corners.max(0) + 3, (w, h))).astype(int)
    if (high - low).min() < 4:
        return None
    pixels = lay(mark.pixels, corners, (int(high[1] - low[1]), int(high[0] - low[0])), (float(low[0]), float(low[1])))
    if goods is not None:
        whole = float(pixels[..., 3].sum())
        pixels *= goods.body[low[1] : high[1], low[0] : high[0], None]
        if float(pixels[..., 3].sum()) < _ON_GOODS * whole:
            return None
    visible = pixels[..., 3] > 0.1
    rows, cols = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    if not len(rows):
        return None
    box = np.array([low[0] + cols[0], low[1] + rows[0], low[0] + cols[-1] + 1, low[1] + rows[-1] + 1], np.float32)
    return pixels, box, (int(low[0]), int(low[1]))
