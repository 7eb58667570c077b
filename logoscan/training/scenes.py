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
    groups: float = 0.0,
    crowds: float = 0.0,
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
        groups: Chance that a mark comes in rows, as on a shelf, or beside a word; then mark, word and both together
            have boxes.
        crowds: Chance of a picture with three times the marks, none longer than an eighth of the long side.

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
    crowd = _chance(rng, crowds)
    largest = long / 8 if crowd else 0.9 * min(h, w)
    allowed = np.arange(len(drawings.names)) if classes is None else np.asarray(classes, np.int64)

    def drawn_word() -> _Mark | None:
        word = draw_word(rng, fonts)
        return word and _Mark(f"word:{word[0]}".replace("\n", " "), *style(rng, word[2], True, materials))

    names: list[str] = []
    boxes: list[npt.NDArray[np.float32]] = []
    for _ in range(int(rng.integers(marks[0], marks[1] + 1)) * (3 if crowd else 1)):
        mark = drawn_word() if rng.random() < words else None
        if mark is None and len(allowed):
            cls = int(allowed[int(rng.integers(len(allowed)))])
            members = np.flatnonzero(drawings.labels == cls)
            i = int(members[int(rng.integers(len(members)))])
            mark = _Mark(drawings.names[cls], *style(rng, drawings.rgba(i), bool(drawings.one_colour[i]), materials))
        if mark is None:
            break
        group = _alone(mark)
        if _chance(rng, groups):
            word = drawn_word() if rng.random() < 0.5 else None
            group = _in_rows(rng, mark) if word is None else _with_word(rng, mark, word)
        for name, box in _place(rng, image, group, largest, boxes):
            names.append(name)
            boxes.append(box)
    rgb = to_uint8(take_photo(rng, image, materials, crop=False))
    return Scene(rgb, tuple(names), np.array(boxes, np.float32).reshape(-1, 4))


def _chance(rng: np.random.Generator, share: float) -> bool:
    """True in a share of the cases; takes nothing from `rng` where there is no choice."""
    return share > 0 and bool(rng.random() < share)


@dataclass(frozen=True, eq=False)
class _Mark:
    """A styled mark; `mono` as of `style`."""

    name: str
    pixels: Premultiplied
    mono: bool


@dataclass(frozen=True, eq=False)
class _Group:
    """Marks that are laid as one: where each lies in the group (xyxy, its longest mark is 1 long), and their frame.

    `together` names the whole where it is a mark as well.
    """

    parts: tuple[tuple[_Mark, tuple[float, float, float, float]], ...]
    size: tuple[float, float]
    together: str | None = None


def _sides(mark: _Mark, long: float = 1.0) -> tuple[float, float]:
    h, w = mark.pixels.shape[:2]
    return w * long / max(h, w), h * long / max(h, w)


def _alone(mark: _Mark) -> _Group:
    w, h = _sides(mark)
    return _Group(((mark, (0, 0, w, h)),), (w, h))


def _in_rows(rng: np.random.Generator, mark: _Mark) -> _Group:
    """The same mark two to thirty times, at even distances."""
    w, h = _sides(mark)
    across, down = int(rng.integers(1, 7)), int(rng.integers(1, 6))
    across = 2 if across * down == 1 else across
    gap = float(np.exp(rng.uniform(np.log(0.1), np.log(1.5))))
    step = (w + gap, h + float(rng.uniform(0.5, 1.5)) * gap)
    places = [(i * step[0], j * step[1]) for j in range(down) for i in range(across)]
    parts = tuple((mark, (x, y, x + w, y + h)) for x, y in places)
    return _Group(parts, (places[-1][0] + w, places[-1][1] + h))


def _with_word(rng: np.random.Generator, mark: _Mark, word: _Mark) -> _Group:
    """A mark with a word to its right or below it, the longer of both 1 long."""
    below = rng.random() < 0.4
    (mw, mh), (ww, wh) = _sides(mark), _sides(word)
    share = float(rng.uniform(0.7, 2.5) * mw / ww if below else rng.uniform(0.25, 0.9) * mh / wh)
    share = min(share, 6.0)
    ww, wh = ww * share, wh * share
    shrink = max(mw, mh, ww, wh)
    mw, mh, ww, wh = (side / shrink for side in (mw, mh, ww, wh))
    gap = float(rng.uniform(0.05, 0.4)) * min(mh, wh)
    if below:
        size = max(mw, ww), mh + gap + wh
        at, beside = ((size[0] - mw) / 2, 0.0), ((size[0] - ww) / 2, mh + gap)
    else:
        size = mw + gap + ww, max(mh, wh)
        at, beside = (0.0, (size[1] - mh) / 2), (mw + gap, (size[1] - wh) / 2)
    parts = (
        (mark, (at[0], at[1], at[0] + mw, at[1] + mh)),
        (word, (beside[0], beside[1], beside[0] + ww, beside[1] + wh)),
    )
    return _Group(parts, size, f"{mark.name} with {word.name}")


def _place(
    rng: np.random.Generator, image: Rgbf, group: _Group, largest: float, taken: Sequence[npt.NDArray[np.float32]]
) -> list[tuple[str, npt.NDArray[np.float32]]]:
    """Lay a group where no other mark is and return what has a box; nothing if six tries find no place.

    The longest mark of a group is `SMALLEST_PX` to `largest` px long, every mark at least 4 px high and wide.
    """
    h, w = image.shape[:2]
    for _ in range(6):
        long = float(np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(largest))))
        least = min(min(x1 - x0, y1 - y0) for _, (x0, y0, x1, y1) in group.parts)
        long = max(long, 4 / least)
        size = (group.size[0] * long, group.size[1] * long)
        if size[0] > w or size[1] > h:
            continue
        centre = (rng.uniform(size[0] / 2, w - size[0] / 2), rng.uniform(size[1] / 2, h - size[1] / 2))
        corners = random_corners(rng, size, centre)
        frame = np.array([[0, 0], [group.size[0], 0], list(group.size), [0, group.size[1]]], np.float32)
        onto = cv2.getPerspectiveTransform(frame, corners)
        laid = []
        for mark, (x0, y0, x1, y1) in group.parts:
            sides = np.array([[[x0, y0]], [[x1, y0]], [[x1, y1]], [[x0, y1]]], np.float32)
            laid.append((mark, _laid(mark, cv2.perspectiveTransform(sides, onto)[:, 0], h, w)))
        boxes = [part[1] for _, part in laid if part is not None]
        if len(boxes) < len(laid) or any(
            (np.minimum(box[2:], b[2:]) - np.maximum(box[:2], b[:2])).min() > 0 for box in boxes for b in taken
        ):
            continue
        for mark, part in laid:
            assert part is not None
            pixels, _, (x, y) = part
            region = image[y : y + pixels.shape[0], x : x + pixels.shape[1]]
            region[:] = blend(rng, region, pixels, mark.mono)
        found = [(mark.name, box) for (mark, _), box in zip(laid, boxes, strict=True)]
        if group.together is not None:
            every = np.array(boxes)
            found.append((group.together, np.concatenate([every[:, :2].min(0), every[:, 2:].max(0)])))
        return found
    return []


def _laid(
    mark: _Mark, corners: npt.NDArray[np.float32], h: int, w: int
) -> tuple[Premultiplied, npt.NDArray[np.float32], tuple[int, int]] | None:
    """A mark warped to its corners in a picture of (h, w): pixels, tight box in the picture, where the pixels begin."""
    low = np.floor(np.maximum(corners.min(0) - 3, 0)).astype(int)
    high = np.ceil(np.minimum(corners.max(0) + 3, (w, h))).astype(int)
    if (high - low).min() < 4:
        return None
    pixels = lay(mark.pixels, corners, (int(high[1] - low[1]), int(high[0] - low[0])), (float(low[0]), float(low[1])))
    seen = pixels[..., 3] > 0.1
    rows, cols = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        return None
    box = np.array([low[0] + cols[0], low[1] + rows[0], low[0] + cols[-1] + 1, low[1] + rows[-1] + 1], np.float32)
    return pixels, box, (int(low[0]), int(low[1]))


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
