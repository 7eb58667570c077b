"""Spatial verification: find the affine map that most tentative correspondences of keypoints agree on.

The significance of a map is measured by a contrario detection (Desolneux, Moisan and Morel, "From Gestalt Theory to
Image Analysis", Springer 2008): `log_nfa` is -log10 of the number of false alarms, that is of the expected number of
equally good maps among random correspondences. Uses no index.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOG_SCALE_RANGE", "MIN_LOG_NFA", "AffineFit", "Correspondences", "fit_affine"]

MIN_LOG_NFA = 1.0
"""Least `log_nfa` of a fit. Below it, chance would give more than one such fit in ten pairs of photo and logo image."""
# Fewest tentative correspondences, and fewest inliers, of a fit.
_MIN_INLIERS = 4
# Most tentative correspondences that are tried as hypotheses, those of the highest similarity.
_MAX_HYPOTHESES = 300
# Hypotheses with the most inliers, which are refined.
_REFINED_HYPOTHESES = 5
# Largest difference between the rotation and the log scale of an inlier and those of the whole map.
_MAX_ANGLE_RAD, _MAX_LOG_SCALE = math.radians(30), math.log(1.6)
# Largest distance of an inlier from where a map puts it, as shares of the long side of the logo image in the photo: for
# the similarity map of a single correspondence, and for an affine map of many.
_MAX_OFF_HYPOTHESIS, _MAX_OFF_AFFINE = 0.12, 0.05
# How often an affine map is fitted to the inliers of the one before.
_REFINEMENTS = 3
# Correspondences that determine an affine map.
_N_DETERMINING = 3
# Cells along the long side of a picture; keypoints in one cell are counted once.
_CELLS = 500
# Largest ratio of the axes of a logo image in the photo.
_MAX_STRETCH = 3.0
LOG_SCALE_RANGE = 4.0
"""Natural logarithm of the range of scales that a random correspondence may have: a factor of about 50."""


@dataclass(frozen=True, eq=False)
class Correspondences:
    """Tentative correspondences of keypoints of a logo image and of a photo, n of them; float64.

    Attributes:
        logo_xy: (n, 2), positions in the logo image in pixels.
        photo_xy: (n, 2), positions in the photo in pixels.
        rotation: (n,), how far the keypoint's frame is rotated from logo image to photo, in radians.
        log_scale: (n,), natural logarithm of how much the keypoint's frame is enlarged.
    """

    logo_xy: NDArray[np.float64]
    photo_xy: NDArray[np.float64]
    rotation: NDArray[np.float64]
    log_scale: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of correspondences."""
        return len(self.photo_xy)

    @classmethod
    def from_frames(
        cls, photo: NDArray[np.float32], logo: NDArray[np.float32], inverted: NDArray[np.bool_]
    ) -> Correspondences:
        """Pair the keypoint frames of a photo with those of a logo image, row by row.

        Args:
            photo: Frames of the photo's keypoints, float32 (n, 4).
            logo: Frames of the logo image's keypoints, float32 (n, 4).
            inverted: Whether the photo shows dark and light exchanged, bool (n,).
        """
        to, of = photo.astype(np.float64), logo.astype(np.float64)
        return cls(of[:, :2], to[:, :2], to[:, 3] - of[:, 3] + np.pi * inverted, np.log(to[:, 2] / of[:, 2]))


@dataclass(frozen=True, eq=False)
class AffineFit:
    """An affine map from a logo image to a photo.

    Attributes:
        matrix: float64 (2, 3), maps pixels (x, y, 1) of the logo image to pixels of the photo.
        inliers: Number of correspondences that agree, no two of them in one cell.
        log_nfa: -log10 of the number of false alarms.
    """

    matrix: NDArray[np.float64]
    inliers: int
    log_nfa: float


def fit_affine(
    pairs: Correspondences, similarity: NDArray[np.float32], photo_wh: tuple[int, int], logo_wh: tuple[int, int]
) -> AffineFit | None:
    """Return the most significant affine map; None where none reaches `MIN_LOG_NFA`.

    The frames of a single correspondence give a similarity map; the maps with the most inliers are refined to affine
    ones (fast spatial matching; Philbin et al., CVPR 2007). Nothing is random.

    Args:
        pairs: Tentative correspondences.
        similarity: Cosine of the descriptors of each correspondence, float32 (n,).
        photo_wh: Width and height of the photo in pixels.
        logo_wh: Width and height of the logo image in pixels.
    """
    if len(pairs) < _MIN_INLIERS:
        return None
    tried = np.sort(np.argsort(-similarity, kind="stable")[:_MAX_HYPOTHESES])
    scale = np.exp(pairs.log_scale[tried])
    linear = scale[:, None, None] * _rotation_matrices(pairs.rotation[tried])
    shift = pairs.photo_xy[tried] - np.einsum("hij,hj->hi", linear, pairs.logo_xy[tried])
    off = linear @ pairs.logo_xy.T + shift[..., None] - pairs.photo_xy.T  # (h, 2, n)
    cosine, sine = np.cos(pairs.rotation), np.sin(pairs.rotation)
    agree = (
        (off[:, 0] ** 2 + off[:, 1] ** 2 < (_MAX_OFF_HYPOTHESIS * max(logo_wh) * scale[:, None]) ** 2)
        & (np.outer(cosine[tried], cosine) + np.outer(sine[tried], sine) > math.cos(_MAX_ANGLE_RAD))
        & (np.abs(pairs.log_scale - pairs.log_scale[tried, None]) < _MAX_LOG_SCALE)
    )
    best = np.argsort(-agree.sum(axis=1), kind="stable")[:_REFINED_HYPOTHESES]
    inlier_sets = {agree[h].tobytes(): agree[h] for h in best}.values()  # equal sets of inliers are refined once
    cells = _cells(pairs.photo_xy, photo_wh), _cells(pairs.logo_xy, logo_wh)
    near = _Nearness(pairs.photo_xy)
    fits = [f for inliers in inlier_sets if (f := _refine(pairs, cells, near, inliers, photo_wh, logo_wh)) is not None]
    return max(fits, key=lambda fit: fit.log_nfa, default=None)


# Numbers of the grid cells of each correspondence, int64 (n,): in the photo, in the logo image.
_CellPairs: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]


class _Nearness:
    """How close the tentative correspondences lie together in the photo; distances are computed once, if asked for."""

    def __init__(self, xy: NDArray[np.float64]) -> None:
        """Bind the positions, float64 (n, 2), n at least 1."""
        self._xy = xy
        self._squared: NDArray[np.float64] | None = None

    def share_within(self, distance_px: float) -> float:
        """Return the share of all ordered pairs, each with itself among them, that are nearer than a distance."""
        if self._squared is None:
            x, y = self._xy.T
            self._squared = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
        return np.count_nonzero(self._squared < distance_px**2) / self._squared.size


def _refine(
    pairs: Correspondences,
    cells: _CellPairs,
    nearness: _Nearness,
    agree: NDArray[np.bool_],
    photo_wh: tuple[int, int],
    logo_wh: tuple[int, int],
) -> AffineFit | None:
    """Fit an affine map to the inliers, choose these anew, both up to three times, and return the last map."""
    for _ in range(_REFINEMENTS):
        matrix = _affine(pairs, agree) if _count_distinct(cells, agree) >= _MIN_INLIERS else None
        if matrix is None:
            return None
        linear = matrix[:, :2]
        size = math.sqrt(linear[0, 0] * linear[1, 1] - linear[0, 1] * linear[1, 0])
        angle = math.atan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])
        max_off_px = _MAX_OFF_AFFINE * max(logo_wh) * size
        off = pairs.logo_xy @ linear.T + matrix[:, 2] - pairs.photo_xy
        before = agree
        agree = (
            (np.einsum("nd,nd->n", off, off) < max_off_px**2)
            & (np.abs(_wrap_angle(pairs.rotation - angle)) < _MAX_ANGLE_RAD)
            & (np.abs(pairs.log_scale - math.log(size)) < _MAX_LOG_SCALE)
        )
        if np.array_equal(before, agree):
            break
    inliers, tentative = _count_distinct(cells, agree), len(pairs)
    if matrix is None or inliers < _MIN_INLIERS:
        return None
    # Probability that a random correspondence is an inlier. Its rotation and scale are uniform; its position is drawn
    # from those of the tentative correspondences, which lie close together on printed text.
    evenly = math.pi * max_off_px**2 / math.prod(photo_wh)
    if _log_nfa(inliers, tentative, evenly) < MIN_LOG_NFA:
        return None  # positions that lie closer together can only make it less
    log_nfa = _log_nfa(inliers, tentative, max(nearness.share_within(max_off_px), evenly))
    return AffineFit(matrix, inliers, log_nfa) if log_nfa >= MIN_LOG_NFA else None


def _affine(pairs: Correspondences, agree: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Fit an affine map, float64 (2, 3), by least squares; None where it mirrors, stretches too much, or is not unique.

    Args:
        pairs: Correspondences.
        agree: Those to which it is fitted, two or more.
    """
    of, to = pairs.logo_xy[agree], pairs.photo_xy[agree]
    middle_of, middle_to = of.mean(axis=0), to.mean(axis=0)
    of -= middle_of
    try:
        linear = np.linalg.solve(of.T @ of, of.T @ (to - middle_to)).T
    except np.linalg.LinAlgError:  # all lie on one line
        return None
    determinant = linear[0, 0] * linear[1, 1] - linear[0, 1] * linear[1, 0]
    # of singular values s and t: s * t is the determinant, s * s + t * t the sum of squares
    if determinant <= 0 or (linear**2).sum() > (_MAX_STRETCH + 1 / _MAX_STRETCH) * determinant:
        return None
    return np.column_stack([linear, middle_to - linear @ middle_of])


def _log_nfa(inliers: int, tentative: int, near: float) -> float:
    """Return -log10 of the number of false alarms, for the probability that the position of an inlier is chance."""
    chance = min(1.0, near) * (_MAX_ANGLE_RAD / math.pi) * (2 * _MAX_LOG_SCALE / LOG_SCALE_RANGE)
    # the number of tests: any three correspondences could have determined the map
    tail = _log10_tail(inliers - _N_DETERMINING, tentative - _N_DETERMINING, chance)
    return -math.log10(math.comb(tentative, _N_DETERMINING)) - tail


def _log10_tail(successes: int, trials: int, chance: float) -> float:
    """Return log10 of a bound on the binomial probability of so many successes or more (Hoeffding, JASA 1963)."""
    share = successes / max(1, trials)
    if share <= chance:
        return 0.0
    rest = 0.0 if share >= 1 else (1 - share) * math.log((1 - share) / (1 - chance))
    return -trials * (share * math.log(share / chance) + rest) / math.log(10)


def _cells(xy: NDArray[np.float64], wh: tuple[int, int]) -> NDArray[np.int64]:
    """Return the number of the grid cell of each position, int64 (n,)."""
    column, row = np.rint(xy * (_CELLS / max(wh))).astype(np.int64).T
    return np.asarray(column * 2**32 + row, np.int64)


def _count_distinct(cells: _CellPairs, agree: NDArray[np.bool_]) -> int:
    """Count correspondences in different cells of both pictures; one point may be a keypoint in several rotations."""
    return min(len(set(of_picture[agree].tolist())) for of_picture in cells)


def _rotation_matrices(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)


def _wrap_angle(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angles brought into [-pi, pi)."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)
