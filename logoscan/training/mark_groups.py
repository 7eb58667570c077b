"""Groups of marks that are laid into a scene as one: a single mark, rows of a mark, or a mark with a word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logoscan.training.styles import Premultiplied


@dataclass(frozen=True, eq=False)
class Mark:
    """A styled mark.

    Attributes:
        name: Class name, or ``"word:<name>"`` for a wordmark.
        pixels: float32 (h, w, 4), premultiplied.
        mono: True if it has one colour and must differ from the background in lightness.
    """

    name: str
    pixels: Premultiplied
    mono: bool


@dataclass(frozen=True, eq=False)
class MarkGroup:
    """Marks that are laid as one. Unit of length: the long side of the longest mark in the group.

    Attributes:
        parts: Each mark with its box (x0, y0, x1, y1) in the group.
        size: Width and height of the group.
        together: Class name of the whole group where it counts as a mark as well, else None.
    """

    parts: tuple[tuple[Mark, tuple[float, float, float, float]], ...]
    size: tuple[float, float]
    together: str | None = None


def _sides(mark: Mark) -> tuple[float, float]:
    """Return width and height of a mark whose long side is 1."""
    h, w = mark.pixels.shape[:2]
    return w / max(h, w), h / max(h, w)


def alone(mark: Mark) -> MarkGroup:
    """Return a group of one mark."""
    w, h = _sides(mark)
    return MarkGroup(((mark, (0, 0, w, h)),), (w, h))


def in_rows(rng: np.random.Generator, mark: Mark) -> MarkGroup:
    """Return a group that repeats a mark two to thirty times at even distances, as on a shelf."""
    w, h = _sides(mark)
    across, down = int(rng.integers(1, 7)), int(rng.integers(1, 6))
    across = 2 if across * down == 1 else across
    gap = float(np.exp(rng.uniform(np.log(0.1), np.log(1.5))))
    step = (w + gap, h + float(rng.uniform(0.5, 1.5)) * gap)
    corners = [(i * step[0], j * step[1]) for j in range(down) for i in range(across)]
    parts = tuple((mark, (x, y, x + w, y + h)) for x, y in corners)
    return MarkGroup(parts, (corners[-1][0] + w, corners[-1][1] + h))


def with_word(rng: np.random.Generator, mark: Mark, word: Mark) -> MarkGroup:
    """Return a group of a mark with a word to its right or below it; the longer of the two is 1 long."""
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
        mark_at, word_at = ((size[0] - mw) / 2, 0.0), ((size[0] - ww) / 2, mh + gap)
    else:
        size = mw + gap + ww, max(mh, wh)
        mark_at, word_at = (0.0, (size[1] - mh) / 2), (mw + gap, (size[1] - wh) / 2)
    parts = (
        (mark, (mark_at[0], mark_at[1], mark_at[0] + mw, mark_at[1] + mh)),
        (word, (word_at[0], word_at[1], word_at[0] + ww, word_at[1] + wh)),
    )
    return MarkGroup(parts, size, f"{mark.name} with {word.name}")
