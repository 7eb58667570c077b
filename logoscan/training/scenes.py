"""Whole composed pictures with marks at known places, to fit calibrations and to train detectors.

Must not know networks, registers or thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.compose import ground_for
from logoscan.training.drawings import Drawings
from logoscan.training.effects import blend, lay, random_corners, take_photo, to_uint8
from logoscan.training.materials import Backgrounds, Materials, random_colour
from logoscan.training.styles import Premultiplied, paint, style
from logoscan.training.wordmarks import draw_name, draw_word, random_name

Rgbf = npt.NDArray[np.float32]
SMALLEST_PX = 16  # long side of the smallest mark put into a scene


@dataclass(frozen=True)
class Scene:
    """A composed picture.

    Attributes:
        rgb: uint8 (h, w, 3) RGB.
        names: Class name of each mark; ``"word:<name>"`` for a procedural wordmark.
        boxes: float32 (n, 4), xyxy px, tight around what is visible of each mark.
    """

    rgb: npt.NDArray[np.uint8]
    names: tuple[str, ...]
    boxes: npt.NDArray[np.float32]


def compose_scene(
    rng: np.random.Generator,
    drawings: Drawings,
    backgrounds: Backgrounds,
    materials: Materials,
    *,
    fonts: tuple[str, ...] = (),
    classes: Sequence[int] | None = None,
    marks: tuple[int, int] = (0, 4),
    long_px: tuple[int, int] = (400, 640),
    words: float = 0.0,
    distractors: float = 0.5,
) -> Scene:
    """Compose a picture with some marks on a photograph, a material, or a simple product.

    About 25 pictures a second on one core. Everything comes from `rng`: the same state gives the same picture.

    Args:
        rng: Source of all choices.
        drawings: Marks.
        backgrounds: Photographs; may be empty.
        materials: ``Materials(rng)``, made once and used for all scenes.
        fonts: Font files for wordmarks and for text that is no mark; may be empty.
        classes: Numbers of the classes whose marks may appear; all if None.
        marks: Fewest and most marks a picture. Fewer appear where no free place is found.
        long_px: Shortest and longest long side of the picture, in px.
        words: Chance that a mark is a procedural wordmark instead of a drawing.
        distractors: Chance of text lines and plain shapes that are no marks (and have no boxes).

    Returns:
        The picture, names and boxes. The same class may appear twice.
    """
    long = int(rng.integers(long_px[0], long_px[1] + 1))
    short = round(long * rng.uniform(0.6, 1.0))
    h, w = (long, short) if rng.random() < 0.4 else (short, long)
    image = np.array(ground_for(rng, backgrounds, materials, h, w), order="C")
    if rng.random() < 0.5:
        image = _product(rng, image, backgrounds, materials)
    if rng.random() < distractors:
        image = _distract(rng, image, fonts)
    allowed = np.arange(len(drawings.names)) if classes is None else np.asarray(classes, np.int64)
    members = drawings.by_class() if len(drawings) else []
    names: list[str] = []
    boxes: list[npt.NDArray[np.float32]] = []
    for _ in range(int(rng.integers(marks[0], marks[1] + 1))):
        word = draw_word(rng, fonts) if rng.random() < words else None
        if word is not None:
            name, rgba, mono = f"word:{word[0]}".replace("\n", " "), word[2], True
        elif len(allowed):
            cls = int(allowed[int(rng.integers(len(allowed)))])
            i = int(members[cls][int(rng.integers(len(members[cls])))])
            name, rgba, mono = drawings.names[cls], drawings.rgba(i), bool(drawings.one_colour[i])
        else:
            break
        mark, mono = style(rng, rgba, mono, materials)
        box = _place(rng, image, mark, mono, boxes)
        if box is not None:
            names.append(name)
            boxes.append(box)
    rgb = to_uint8(take_photo(rng, image, materials, crop=False))
    return Scene(rgb, tuple(names), np.array(boxes, np.float32).reshape(-1, 4))


def _place(
    rng: np.random.Generator, image: Rgbf, mark: Premultiplied, mono: bool, taken: list[npt.NDArray[np.float32]]
) -> npt.NDArray[np.float32] | None:
    """Put a mark into `image` where no other is and return its box; None if six tries find no place."""
    h, w = image.shape[:2]
    mh, mw = mark.shape[:2]
    for _ in range(6):
        largest = 0.9 * min(h, w)
        long = float(np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(largest))))
        size = (mw * long / max(mh, mw), mh * long / max(mh, mw))
        if min(size) < 4:
            size = (size[0] * 4 / min(size), size[1] * 4 / min(size))
        if size[0] > w or size[1] > h:
            continue
        centre = (rng.uniform(size[0] / 2, w - size[0] / 2), rng.uniform(size[1] / 2, h - size[1] / 2))
        corners = random_corners(rng, size, centre)
        low = np.floor(np.maximum(corners.min(0) - 3, 0)).astype(int)
        high = np.ceil(np.minimum(corners.max(0) + 3, (w, h))).astype(int)
        if (high - low).min() < 4:
            continue
        laid = lay(mark, corners, (int(high[1] - low[1]), int(high[0] - low[0])), (float(low[0]), float(low[1])))
        seen = laid[..., 3] > 0.1
        rows, cols = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        if not len(rows):
            continue
        box = np.array([low[0] + cols[0], low[1] + rows[0], low[0] + cols[-1] + 1, low[1] + rows[-1] + 1], np.float32)
        if any((np.minimum(box[2:], b[2:]) - np.maximum(box[:2], b[:2])).min() > 0 for b in taken):
            continue
        image[low[1] : high[1], low[0] : high[0]] = blend(rng, image[low[1] : high[1], low[0] : high[0]], laid, mono)
        return box
    return None


def _product(rng: np.random.Generator, image: Rgbf, backgrounds: Backgrounds, materials: Materials) -> Rgbf:
    """Lay a box, bottle-like or round body of a material on the picture, shaded across."""
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


def _distract(rng: np.random.Generator, image: Rgbf, fonts: tuple[str, ...]) -> Rgbf:
    """Draw plain shapes and text lines, which are no marks."""
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
    """Write a paragraph of two to five lines, as on the back of a pack; one larger word alone would be a wordmark."""
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
