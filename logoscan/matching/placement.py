"""Local features: where a registered drawing lies in a photo, point by point, and how surely that is no chance.

A pack shot or a label is full of corners and spots that look the same in a photo of it, however badly its letters can
be read; a few dozen of them in one arrangement are no coincidence. It is the classical way of object recognition (Lowe,
"Distinctive image features from scale-invariant keypoints", IJCV 2004). Knows no register, brands' records or files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.matching._shortlist import Likely, rivals, shortlist
from logoscan.odds import sigmoid
from logoscan.vision.sift import Keypoints

__all__ = ["Placement", "place"]

_INTERCEPT, _LOG_NFA, _BRANDS = 3.25, 0.58, -0.42
"""Log-odds that a placement is right: of the natural logarithms of its log_nfa and of the number of
brands, whose marks share letters and shapes. Fitted on 260 composed scenes (`logoscan.training.placements`)."""
_LEAST_LOG_NFA = 1.0
"""Below, chance would bring about more than one such placement in ten pairs of photo and drawing: there is none."""
_LEAST_SIMILARITY = 0.7
"""Cosine of two points' descriptors below which they are not alike; unrelated ones lie about 0.6."""
_RATIO = 0.9
"""A point counts for a drawing if its distance there is below this share of its distance to any rival's point."""
_IN_FULL = 1_000_000
"""Pairs of a photo's and all drawings' points up to which they are all compared in full: some 10 ms."""
_FEW = 4
"""Tentative points below which nothing is looked for."""
_HYPOTHESES = 300
"""Most tentative points that are tried as the one that places the drawing."""
_REFINED = 5
"""Hypotheses that are followed."""
_ANGLE_RAD, _LOG_SCALE = math.radians(30), math.log(1.6)
"""How far the orientation and the size of a point may be off the drawing's as a whole."""
_LOOSE, _TIGHT = 0.12, 0.05
"""How far a point may lie from its place, as shares of the long side of the drawing as it lies in the photo: where one
point's frame placed it, and where an affine map over many did."""
_FREE = 3
"""Points that fix an affine map."""
_CELLS = 500
"""Places that are told apart along the long side of a picture."""
_STRETCH = 3.0
"""Most that one axis of a drawing may be longer than the other in the photo."""
_SCALES = 4.0
"""Natural logarithm of the range of sizes that a chance point may have, a factor of about 50."""


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a drawing lies in a photo.

    Attributes:
        corners: float32 (4, 2): pixels of the photo where the corners of what is drawn lie, clockwise from
            the top left.
        points: How many points agree, no two of them at one place.
        tentative: How many there were to choose from.
        log_nfa: -log10 of the number of such placements that chance would bring about of this drawing in this photo.
    """

    corners: NDArray[np.float32]
    points: int
    tentative: int
    log_nfa: float

    @property
    def xyxy(self) -> NDArray[np.float32]:
        """The box around it, float32 (4,), which may reach out of the photo."""
        return np.concatenate([self.corners.min(axis=0), self.corners.max(axis=0)])

    def probability(self, brands: int) -> float:
        """That the drawing's brand is there, in [0, 1], in a register of so many brands."""
        logit = _INTERCEPT + _LOG_NFA * math.log(max(_LEAST_LOG_NFA, self.log_nfa)) + _BRANDS * math.log(max(1, brands))
        return sigmoid(logit)


def place(
    photo: Keypoints,
    drawings: Sequence[Keypoints],
    owners: Sequence[str],
    *,
    families: Sequence[int] = (),
    thorough: bool = False,
) -> list[Placement | None]:
    """Lay drawings over a photo.

    Args:
        photo: Of the photo.
        drawings: Of each drawing.
        owners: The brand of each. Drawings of different brands are rivals: a point that could be any brand's is none's.
        families: The family of each, a number from 0, -1 for none: drawings of one are the same, and no rivals. Empty
            where there are none.
        thorough: Whether all drawings are laid in full, however many points they have together. By default many are
            looked at briefly first (`shortlist`), and only the likely ones are laid, against one another as rivals.

    Returns:
        For each drawing its likeliest placement, or None.

    Raises:
        InputError: There are not as many owners, or families, as drawings.
    """
    for name, given in (("owners", owners), ("families", families)):
        if len(given) != len(drawings) and (given or name == "owners"):
            raise InputError(f"{name}: expected one for each of {len(drawings)} drawings, got {len(given)}")
    out: list[Placement | None] = [None] * len(drawings)
    if not drawings or not len(photo):
        return out
    number = {brand: i for i, brand in enumerate(sorted(set(owners)))}
    of = [number[owner] for owner in owners]
    if thorough or len(photo) * sum(map(len, drawings)) <= _IN_FULL:
        every = np.arange(len(photo))
        likely = [Likely(row, every) for row in range(len(drawings))]
    else:
        likely = shortlist(
            (photo.frames, photo.descriptors), [(d.frames, d.descriptors) for d in drawings], of, families
        )
    queries = _unit(photo.descriptors)
    near = np.zeros((len(likely), len(photo)), np.float32)
    row_of, inverted = np.zeros(near.shape, np.int64), np.zeros(near.shape, bool)
    for i, one in enumerate(likely):
        points = one.points
        near[i, points], row_of[i, points], inverted[i, points] = _nearest(queries[points], drawings[one.drawing])
    kin = [families[one.drawing] for one in likely] if families else ()
    rival = rivals(near, [of[one.drawing] for one in likely], kin)
    for i, one in enumerate(likely):
        drawing = drawings[one.drawing]
        chosen = np.flatnonzero((near[i] > _LEAST_SIMILARITY) & (_distance(near[i]) < _RATIO * _distance(rival[i])))
        pairs = _paired(photo.frames[chosen], drawing.frames[row_of[i, chosen]], inverted[i, chosen])
        out[one.drawing] = _arranged(pairs, near[i, chosen], photo.size_wh, drawing)
    return out


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Tentative points, n of them; float64.

    `of` (n, 2) lie in the drawing, `to` (n, 2) in the photo; `turn` (n,), radians, and `grow` (n,), the natural
    logarithm of a scale, say how each point's frame changed.
    """

    of: NDArray[np.float64]
    to: NDArray[np.float64]
    turn: NDArray[np.float64]
    grow: NDArray[np.float64]


def _paired(photo: NDArray[np.float32], drawing: NDArray[np.float32], inverted: NDArray[np.bool_]) -> _Pairs:
    to, of = photo.astype(np.float64), drawing.astype(np.float64)
    return _Pairs(of[:, :2], to[:, :2], to[:, 3] - of[:, 3] + np.pi * inverted, np.log(to[:, 2] / of[:, 2]))


def _unit(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = descriptors.astype(np.float32)
    return np.asarray(values / (np.linalg.norm(values, axis=1, keepdims=True) + 1e-7), np.float32)


def _distance(similarity: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(np.maximum(2 - 2 * similarity, 0)), np.float32)


def _nearest(
    queries: NDArray[np.float32], drawing: Keypoints
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """For each query the similarity of a drawing's nearest point, its row, and whether it is nearest in negative."""
    if not len(drawing):
        none = np.zeros(len(queries), np.int64)
        return np.zeros(len(queries), np.float32), none, none.astype(bool)
    own = _unit(drawing.descriptors)
    # black for white turns every gradient about, and with them a point's frame: its 4 x 4 cells in reverse order
    negative = own.reshape(-1, 16, 8)[:, ::-1].reshape(-1, 128)
    similar = queries @ np.concatenate([own, negative]).T
    row = similar.argmax(axis=1)
    return similar[np.arange(len(queries)), row], row % len(own), row >= len(own)


def _arranged(
    pairs: _Pairs, similarity: NDArray[np.float32], photo_wh: tuple[int, int], drawing: Keypoints
) -> Placement | None:
    """The arrangement that most tentative points agree on.

    Every point places the drawing by its own frame; the best few of these become affine maps over the points that agree
    (fast spatial matching; Philbin et al., CVPR 2007). Nothing is drawn by lot.
    """
    if len(pairs.to) < _FEW:
        return None
    tried = np.sort(np.argsort(-similarity, kind="stable")[:_HYPOTHESES])
    scale = np.exp(pairs.grow[tried])
    linear = scale[:, None, None] * _rotation(pairs.turn[tried])
    shift = pairs.to[tried] - np.einsum("hij,hj->hi", linear, pairs.of[tried])
    off = linear @ pairs.of.T + shift[..., None] - pairs.to.T  # (h, 2, n)
    agree = (
        (off[:, 0] ** 2 + off[:, 1] ** 2 < (_LOOSE * max(drawing.size_wh) * scale[:, None]) ** 2)
        & (np.abs(_wrapped(pairs.turn - pairs.turn[tried, None])) < _ANGLE_RAD)
        & (np.abs(pairs.grow - pairs.grow[tried, None]) < _LOG_SCALE)
    )
    best = np.argsort(-agree.sum(axis=1), kind="stable")[:_REFINED]
    followed = {agree[h].tobytes(): agree[h] for h in best}.values()  # two that agree on the same points are one
    ends = _cells(pairs.to, photo_wh), _cells(pairs.of, drawing.size_wh)
    made = [m for one in followed if (m := _refined(pairs, ends, one, photo_wh, drawing)) is not None]
    return max(made, key=lambda m: m.log_nfa, default=None)


def _refined(
    pairs: _Pairs, ends: _Ends, agree: NDArray[np.bool_], photo_wh: tuple[int, int], drawing: Keypoints
) -> Placement | None:
    """An affine map over the points that agree, which are chosen again with each of three maps."""
    drawing_wh = drawing.size_wh
    of = np.concatenate([pairs.of, np.ones((len(pairs.of), 1))], axis=1)
    for _ in range(3):
        if _distinct(ends, agree) < _FEW:
            return None
        matrix = np.linalg.lstsq(of[agree], pairs.to[agree], rcond=None)[0].T
        long, short = np.linalg.svd(matrix[:, :2], compute_uv=False)
        if np.linalg.det(matrix[:, :2]) <= 0 or long > _STRETCH * short:
            return None
        size = math.sqrt(long * short)
        angle = math.atan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1])
        reach_px = _TIGHT * max(drawing_wh) * size
        agree = (
            (np.linalg.norm(of @ matrix.T - pairs.to, axis=1) < reach_px)
            & (np.abs(_wrapped(pairs.turn - angle)) < _ANGLE_RAD)
            & (np.abs(pairs.grow - math.log(size)) < _LOG_SCALE)
        )
    points, tentative = _distinct(ends, agree), len(pairs.to)
    if points < _FEW:
        return None
    # of a point that is turned and sized anyhow and lies where the tentative ones do, which crowd on print
    x, y = pairs.to.T
    crowd = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2 < reach_px**2
    near = max(float(crowd.mean()), math.pi * reach_px**2 / math.prod(photo_wh))
    chance = min(1.0, near) * (_ANGLE_RAD / math.pi) * (2 * _LOG_SCALE / _SCALES)
    # three points fix the map; any three could have
    tail = _log10_tail(points - _FREE, tentative - _FREE, chance)
    log_nfa = -math.log10(math.comb(tentative, _FREE)) - tail
    if log_nfa < _LEAST_LOG_NFA:
        return None
    x0, y0, x1, y1 = drawing.drawn_xyxy or (0, 0, *drawing_wh)
    corners = np.array([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]]) @ matrix.T
    return Placement(corners.astype(np.float32), points, tentative, log_nfa)


def _log10_tail(successes: int, trials: int, chance: float) -> float:
    """log10 of the probability of that many successes or more of a binomial; Hoeffding's bound (JASA 1963)."""
    share = successes / max(1, trials)
    if share <= chance:
        return 0.0
    rest = 0.0 if share >= 1 else (1 - share) * math.log((1 - share) / (1 - chance))
    return -trials * (share * math.log(share / chance) + rest) / math.log(10)


_Ends: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The cells, numbered, in which the two ends of each pair lie."""


def _cells(xy: NDArray[np.float64], wh: tuple[int, int]) -> NDArray[np.int64]:
    across, down = np.rint(xy * (_CELLS / max(wh))).astype(np.int64).T
    return np.asarray(across * 2**32 + down, np.int64)


def _distinct(ends: _Ends, agree: NDArray[np.bool_]) -> int:
    """Pairs whose ends are all at different places: several orientations of one point are one point."""
    return min(len(set(cells[agree].tolist())) for cells in ends)


def _rotation(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)


def _wrapped(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles into (-pi, pi]."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)
