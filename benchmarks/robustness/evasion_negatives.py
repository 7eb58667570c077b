"""Pictures without any brand that look as if they might have one: stripes, circles, swooshes, letters, patterns.

Each is a drawing on a plain or woven ground, as a snapshot would show it. Made-up words that spell a name of the index
are drawn again; a likeness that is left is chance, as it is on real goods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from logoscan.text.folding import fold
from logoscan.training.crops import contrasting
from logoscan.training.effects import Rgbf, take_snapshot, to_uint8
from logoscan.training.materials import Materials, ramp, random_colour
from logoscan.training.wordmarks import draw_name, random_name
from logoscan.types import Rgb

Rng: TypeAlias = np.random.Generator
"""A generator of random numbers."""
Cover: TypeAlias = NDArray[np.float32]
"""float32 (h, w), 0..1: where a drawing has ink."""
SIDE_PX = 480
"""Side of a picture in pixels."""
# Drawings are made so many times larger and reduced, which smooths their edges.
_FINE = 2


@dataclass(frozen=True)
class Words:
    """What letters are made of.

    Attributes:
        fonts: Font files, one or more.
        names: Names of the index, which may not be drawn.
    """

    fonts: tuple[str, ...]
    names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.fonts:
            raise ValueError("words.fonts: expected one font file or more, got none")


def _axes(side: int) -> tuple[Cover, Cover]:
    line = np.arange(side, dtype=np.float32)
    return line[None].repeat(side, 0), line[:, None].repeat(side, 1)


def _bands(rng: Rng, side: int, cells: float, filled: float) -> Cover:
    """Draw parallel bands at any angle."""
    x, y = _axes(side)
    angle = rng.choice([0.0, np.pi / 2, np.pi / 4, rng.uniform(0, np.pi)])
    phase = (x * np.cos(angle) + y * np.sin(angle)) * cells / side + rng.random()
    return np.asarray(phase % 1 < filled, np.float32)


def _stripes(rng: Rng, side: int, words: Words) -> Cover:
    """Draw two to five bars side by side, or a ground full of them."""
    if rng.random() < 0.4:
        return _bands(rng, side, rng.uniform(4, 25), rng.uniform(0.2, 0.8))
    out, count = np.zeros((side, side), np.float32), int(rng.integers(2, 6))
    step, lean = side / (2 * count), rng.uniform(-0.6, 0.6) * side
    for i in range(count):
        x, top = side / 4 + i * step, rng.uniform(0, 0.3) * side * (rng.random() < 0.4)
        bar = np.array([[x + lean / 4, top], [x + step * 0.6 + lean / 4, top], [x + step * 0.6, side], [x, side]])
        cv2.fillPoly(out, [bar.astype(np.int32)], 1.0)
    return out


def _circles(rng: Rng, side: int, words: Words) -> Cover:
    """Draw rings around one middle, or two to five rings or discs in a row that may overlap."""
    out = np.zeros((side, side), np.float32)
    if rng.random() < 0.5:
        for radius in np.linspace(side * 0.45, side * 0.08, int(rng.integers(2, 7))):
            cv2.circle(out, (side // 2, side // 2), int(radius), 1.0, int(rng.integers(2, side // 14)))
        return out
    count = int(rng.integers(2, 6))
    radius = int(side / (2.4 * count) * rng.uniform(0.8, 1.4))
    for x in np.linspace(radius, side - radius, count):
        y = side // 2 + int(rng.integers(-1, 2) * radius * 0.5)
        cv2.circle(out, (int(x), y), radius, 1.0, -1 if rng.random() < 0.3 else max(2, radius // 6))
    return out


def _swooshes(rng: Rng, side: int, words: Words) -> Cover:
    """Draw one to three curved strokes that swell and taper."""
    out, t = np.zeros((side, side), np.float32), np.linspace(0, 1, 40)[:, None]
    for _ in range(int(rng.integers(1, 4))):
        a, b, c = rng.uniform(0.05, 0.95, (3, 2)) * side
        path = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
        along = np.gradient(path, axis=0)
        across = np.column_stack([-along[:, 1], along[:, 0]]) / np.maximum(np.linalg.norm(along, axis=1), 1e-6)[:, None]
        swell = (np.sin(np.pi * t ** rng.uniform(0.4, 2.5)) * rng.uniform(0.02, 0.09) * side) * across
        cv2.fillPoly(out, [np.concatenate([path + swell, (path - swell)[::-1]]).astype(np.int32)], 1.0)
    return out


def _letters(rng: Rng, side: int, words: Words) -> Cover:
    """Draw one to three letters as a monogram would have them."""
    return _written(
        rng, side, words, lambda: "".join(rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), rng.integers(1, 4)))
    )


def _pseudo_words(rng: Rng, side: int, words: Words) -> Cover:
    def made_up() -> str:
        name = random_name(rng)
        return name.upper() if rng.random() < 0.4 else name.title()

    return _written(rng, side, words, made_up)


def _written(rng: Rng, side: int, words: Words, make: Callable[[], str]) -> Cover:
    forbidden = {fold(name) for name in words.names}
    while True:
        text = make()
        drawn = draw_name(text, words.fonts[int(rng.integers(len(words.fonts)))])
        if drawn is None or fold(text) in forbidden:
            continue
        alpha = drawn[..., 3].astype(np.float32) / np.float32(255)
        scale = side * rng.uniform(0.6, 1.0) / max(alpha.shape)
        size = tuple(max(2, round(length * scale)) for length in alpha.shape[::-1])
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR)
        out = np.zeros((side, side), np.float32)
        y, x = ((side - length) // 2 for length in alpha.shape)
        out[y : y + alpha.shape[0], x : x + alpha.shape[1]] = alpha
        return out


def _checks(rng: Rng, side: int, words: Words) -> Cover:
    """Draw a chequer board, or a plaid of bands that cross."""
    cells = rng.uniform(3, 16)
    if rng.random() < 0.4:
        x, y = (np.floor(axis * cells / side) for axis in _axes(side))
        return np.asarray((x + y) % 2, np.float32)
    wide, thin = (_plaid(rng, side, cells * k, filled) for k, filled in ((1.0, 0.5), (2.0, 0.12)))
    return np.asarray(np.clip(0.6 * wide + 0.6 * thin, 0, 1), np.float32)


def _plaid(rng: Rng, side: int, cells: float, filled: float) -> Cover:
    x, y = (np.asarray(axis * cells / side % 1 < filled, np.float32) for axis in _axes(side))
    return np.asarray(0.5 * (x + y), np.float32)


def _dots(rng: Rng, side: int, words: Words) -> Cover:
    cells, radius = rng.uniform(4, 18), rng.uniform(0.1, 0.42)
    x, y = (axis * cells / side for axis in _axes(side))
    x = x + 0.5 * (np.floor(y) % 2) * (rng.random() < 0.6)
    return np.asarray((x % 1 - 0.5) ** 2 + (y % 1 - 0.5) ** 2 < radius**2, np.float32)


def _gradients(rng: Rng, side: int, words: Words) -> Cover:
    """Draw a change from one colour to another: along a line, around a middle, or in steps."""
    field = ramp(rng, side, side)
    if rng.random() < 0.4:
        x, y = (axis / side - rng.uniform(0.2, 0.8) for axis in _axes(side))
        field = np.asarray(np.clip(np.hypot(x, y) * 1.4, 0, 1), np.float32)
    return np.asarray(np.floor(field * 6) / 5, np.float32).clip(0, 1) if rng.random() < 0.3 else field


def _codes(rng: Rng, side: int, words: Words) -> Cover:
    """Draw a bar code, or a matrix of modules with three finder squares."""
    out = np.zeros((side, side), np.float32)
    if rng.random() < 0.5:
        widths = np.cumsum(rng.integers(1, 5, 60))
        edges = (widths * side / widths[-1]).astype(int)
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            out[side // 4 : 3 * side // 4, left:right] = 1
        return out
    count = int(rng.choice([21, 25, 29, 33]))
    modules = (rng.random((count, count)) < 0.5).astype(np.float32)
    finder = np.pad(np.pad(np.pad(np.ones((3, 3)), 1), 1, constant_values=1), 1)[1:, 1:]
    for flip_y, flip_x in ((1, 1), (1, -1), (-1, 1)):
        modules[::flip_y, ::flip_x][:8, :8] = finder
    return np.asarray(cv2.resize(modules, (side, side), interpolation=cv2.INTER_NEAREST), np.float32)


KINDS: dict[str, Callable[[Rng, int, Words], Cover]] = {
    "stripes": _stripes,
    "circles": _circles,
    "swooshes": _swooshes,
    "letters": _letters,
    "made-up words": _pseudo_words,
    "checks": _checks,
    "dots": _dots,
    "gradients": _gradients,
    "codes": _codes,
}
"""Kinds of drawings: each makes a cover of a generator, a side in pixels and words."""


def picture(rng: Rng, kind: str, words: Words, materials: Materials) -> Rgb:
    """Make a picture of a kind, which fills it or is a mark of a tenth to three quarters of its side on a ground."""
    ground: Rgbf = materials.surface(rng, SIDE_PX, SIDE_PX)
    ink = contrasting(random_colour(rng), ground)
    share = 1.0 if rng.random() < 0.3 else float(np.exp(rng.uniform(np.log(0.1), np.log(0.75))))
    side = max(24, round(SIDE_PX * share))
    cover = KINDS[kind](rng, _FINE * side, words)
    cover = np.asarray(cv2.resize(cover, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    y, x = (int(v) for v in rng.integers(0, SIDE_PX - side + 1, 2))
    part = ground[y : y + side, x : x + side]
    part += cover[..., None] * (ink - part)
    return to_uint8(take_snapshot(rng, ground))


def pictures(count: int, seed: int, words: Words) -> Iterator[tuple[str, Rgb]]:
    """Make so many pictures with their kinds, which take turns."""
    materials = Materials(np.random.default_rng(seed))
    kinds = list(KINDS)
    for i in range(count):
        kind = kinds[i % len(kinds)]
        yield kind, picture(np.random.default_rng((seed, i)), kind, words, materials)
