"""Made-up abstract marks, as sports and fashion brands have them: swept curves, bars, waves, chevrons, rings, blobs.

Icon sets hold few of them, and the side of a shoe shows little else. Every mark is drawn from a few numbers, so that a
near miss of it (`vary`) can be drawn as well. This module must not know backgrounds or pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.styles import Rgba

__all__ = ["AbstractMark", "draw_abstract", "random_abstract", "vary"]

# Side of the canvas on which a mark is drawn, and of its empty border, px.
_CANVAS_PX, _BORDER_PX = 320, 40
# Long side of the finished mark, px.
_MARK_PX = 160
# Numbers that describe a mark, each in [0, 1).
_N_NUMBERS = 12
_Points = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class AbstractMark:
    """What a made-up mark is drawn from.

    Attributes:
        kind: Position in the list of kinds.
        numbers: float64 (12,), in [0, 1): lengths, widths and bends, of which each kind uses some; 9 and 10 mirror it.
    """

    kind: int
    numbers: npt.NDArray[np.float64]


def random_abstract(rng: np.random.Generator) -> AbstractMark:
    """Return a random mark."""
    return AbstractMark(int(rng.integers(len(_KINDS))), rng.random(_N_NUMBERS))


def vary(rng: np.random.Generator, mark: AbstractMark) -> AbstractMark:
    """Return a near miss: the same kind with a third of its numbers changed, another mark to its owner."""
    numbers = mark.numbers.copy()
    for i in rng.choice(_N_NUMBERS, _N_NUMBERS // 3, replace=False):
        numbers[i] = (numbers[i] + rng.uniform(0.25, 0.75)) % 1
    return replace(mark, numbers=numbers)


def draw_abstract(mark: AbstractMark) -> Rgba:
    """Draw a mark in black on nothing, cut to its ink: uint8 (h, w, 4) RGBA with a long side of 160 px."""
    ink = np.zeros((_CANVAS_PX, _CANVAS_PX), np.uint8)
    mirrors = np.where(mark.numbers[9:11] < 0.5, -1, 1).astype(np.float32)
    outlines = [outline * mirrors for outline in _KINDS[mark.kind](mark.numbers)]
    every = np.concatenate(outlines)
    low, span = every.min(axis=0), float(np.ptp(every, axis=0).max())
    for outline in outlines:
        scaled = _BORDER_PX + (outline - low) * ((_CANVAS_PX - 2 * _BORDER_PX) / max(span, 1e-6))
        cv2.fillPoly(ink, [np.rint(scaled * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    y, x = np.nonzero(ink > 25)
    ink = ink[y.min() : y.max() + 1, x.min() : x.max() + 1]
    scale = _MARK_PX / max(ink.shape)
    size = (max(3, round(ink.shape[1] * scale)), max(3, round(ink.shape[0] * scale)))
    rgba = np.zeros((size[1], size[0], 4), np.uint8)
    rgba[..., 3] = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    return rgba


# Outlines of the parts of one mark, in any unit.
_Outlines = list[_Points]


def _between(number: float, low: float, high: float) -> float:
    return low + number * (high - low)


def _bezier(points: _Points, n: int = 48) -> _Points:
    """Return n points of the Bezier curve with these control points, float32 (n, 2)."""
    t = np.linspace(0, 1, n, dtype=np.float32)[:, None, None]
    rows = np.repeat(points[None], n, axis=0)
    while rows.shape[1] > 1:
        rows = rows[:, :-1] * (1 - t) + rows[:, 1:] * t
    return np.asarray(rows[:, 0], np.float32)


def _ribbon(spine: _Points, widths: npt.NDArray[np.float64]) -> _Points:
    """Return the outline of a band of changing width along a line."""
    along = np.gradient(spine, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    half = normal * widths[:, None] / 2
    return np.concatenate([spine + half, (spine - half)[::-1]]).astype(np.float32)


def _swept_curve(n: npt.NDArray[np.float64]) -> _Outlines:
    """Draw a bent band that is thick at one end or in the middle and pointed at the others."""
    spine = _bezier(
        np.array(
            [
                [0, _between(n[0], 0, 0.5)],
                [_between(n[1], 0.05, 0.45), _between(n[2], 0.3, 1.0)],
                [_between(n[3], 0.4, 0.8), _between(n[4], 0.1, 0.9)],
                [1, _between(n[5], -0.3, 0.4)],
            ],
            np.float32,
        )
    )
    t = np.linspace(0, 1, len(spine))
    peak = _between(n[6], 0.05, 0.6)
    widths = np.where(t < peak, t / peak, (1 - t) / (1 - peak)) ** _between(n[7], 0.5, 1.3)
    return [_ribbon(spine, 0.01 + widths * _between(n[8], 0.12, 0.4))]


def _bars(n: npt.NDArray[np.float64]) -> _Outlines:
    """Draw two to five parallel bars, upright or slanted, of equal or growing length."""
    count = 2 + int(n[0] * 4)
    slant, width = _between(n[1], -0.8, 0.8), _between(n[2], 0.35, 0.75) / count
    shapes: list[_Points] = []
    for k in range(count):
        x = k / count
        top = 1 - _between(n[3], -0.6, 0.6) * (k / (count - 1)) if n[4] < 0.6 else 1.0
        foot = _between(n[5], 0, 0.3) * k / count if n[6] < 0.3 else 0.0
        shapes.append(
            np.array([[x, foot], [x + width, foot], [x + width + slant * top, top], [x + slant * top, top]], np.float32)
        )
    return shapes


def _wave(n: npt.NDArray[np.float64]) -> _Outlines:
    """Draw a band that runs in one or two waves, of changing width."""
    x = np.linspace(0, 1, 64, dtype=np.float32)
    y = (
        _between(n[0], 0.08, 0.3) * np.sin(2 * np.pi * (_between(n[1], 0.5, 2.0) * x + n[2]))
        + _between(n[3], -0.3, 0.3) * x
    )
    widths = _between(n[4], 0.06, 0.2) * (1 + _between(n[5], -0.8, 0.8) * (x - 0.5))
    return [_ribbon(np.stack([x, y.astype(np.float32)], 1), widths.astype(np.float64))]


def _chevrons(n: npt.NDArray[np.float64]) -> _Outlines:
    """Draw one to three nested angles, pointed up, down or sideways."""
    count, thick = 1 + int(n[0] * 3), _between(n[1], 0.12, 0.3)
    rise, asymmetry = _between(n[2], 0.3, 0.9), _between(n[3], 0.3, 0.7)
    shapes: list[_Points] = []
    for k in range(count):
        up = k * thick * _between(n[4], 1.3, 1.9)
        legs = [
            [0, up],
            [asymmetry, up + rise],
            [1, up],
            [1, up + thick],
            [asymmetry, up + rise + thick],
            [0, up + thick],
        ]
        shapes.append(np.array(legs, np.float32))
    turned = [shape[:, ::-1] if n[5] < 0.4 else shape for shape in shapes]
    return [shape * np.array([1, -1], np.float32) if n[6] < 0.5 else shape for shape in turned]


def _ring(n: npt.NDArray[np.float64]) -> _Outlines:
    """Draw a ring or an oval, whole or open, with a bar or a dot inside."""
    start, share = 2 * np.pi * n[0], _between(n[1], 0.6, 1.05)
    angle = np.linspace(start, start + 2 * np.pi * min(share, 1.0), 64)
    high = _between(n[2], 0.5, 1.0)
    spine = np.stack([np.cos(angle), high * np.sin(angle)], 1).astype(np.float32)
    shapes = [_ribbon(spine, np.full(64, _between(n[3], 0.12, 0.45)))]
    tilt, half, thick = _between(n[4], -1.2, 1.2), _between(n[5], 0.3, 1.0), _between(n[6], 0.1, 0.3)
    if n[7] < 0.7:
        ends = np.array([[-half, -half * tilt], [half, half * tilt]], np.float32) * 0.7
        line = np.linspace(ends[0], ends[1], 8).astype(np.float32)
        shapes.append(_ribbon(line, np.linspace(thick, thick * _between(n[8], 0.3, 1.7), 8)))
    return shapes


def _blob(n: npt.NDArray[np.float64]) -> _Outlines:
    """Draw a smooth closed shape with three to five limbs, such as a running or leaping animal far off."""
    limbs = 3 + int(n[0] * 3)
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    radius = 0.55 + np.zeros(96)
    for k in range(limbs):
        at = 2 * np.pi * (k + 0.7 * n[1 + k]) / limbs
        away = np.abs((angle - at + np.pi) % (2 * np.pi) - np.pi)
        radius += _between(n[6 + k], 0.3, 1.3) * np.exp(-((away / _between(n[11], 0.15, 0.4)) ** 2))
    stretch = _between(n[5], 0.4, 1.0)
    return [np.stack([radius * np.cos(angle), stretch * radius * np.sin(angle)], 1).astype(np.float32)]


def _letterlike(n: npt.NDArray[np.float64]) -> _Outlines:
    """Draw two or three strokes that meet, such as a plain monogram."""
    ends = np.array([[n[0] * 0.3, 0], [n[1], 0.1], [0.7 + n[2] * 0.3, 1], [n[3] * 0.4, 0.6 + n[4] * 0.4]], np.float32)
    thick, shapes = _between(n[5], 0.1, 0.26), []
    for a, b in ((0, 2), (1, 3), (2, 3))[: 2 + int(n[6] * 2)]:
        bend = (ends[a] + ends[b]) / 2 + np.array([_between(n[7], -0.3, 0.3), _between(n[8], -0.3, 0.3)], np.float32)
        shapes.append(_ribbon(_bezier(np.stack([ends[a], bend, ends[b]])), np.full(48, thick)))
    return shapes


_KINDS: tuple[Callable[[npt.NDArray[np.float64]], _Outlines], ...] = (
    _swept_curve,
    _swept_curve,
    _bars,
    _wave,
    _chevrons,
    _ring,
    _blob,
    _letterlike,
)
