"""Keypoint matching: find where registered logo images lie in a photo, and how probable each placement is.

A pack shot or a label has many corners and spots that look the same in a photo of it, even where its letters cannot be
read; a few dozen of them in one arrangement are no coincidence. This is the classical method of object recognition
(Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004). `log_nfa` is the measure of a contrario
detection (Desolneux, Moisan and Morel; see `_verification`). Uses no index.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.matching._shortlist import Candidate, rival_similarity, shortlist
from logoscan.matching._verification import MIN_LOG_NFA, Correspondences, fit_affine
from logoscan.odds import sigmoid
from logoscan.vision.sift import Keypoints

__all__ = ["Placement", "place"]

# Log-odds that a placement is right: the intercept, and the coefficients of the natural logarithms of its log_nfa and
# of the number of brands, whose logos share letters and shapes. Fitted on 260 composed scenes
# (`logoscan.training.placements`).
_INTERCEPT, _LOG_NFA, _BRANDS = 3.25, 0.58, -0.42
# Least cosine of the descriptors of two keypoints that correspond; unrelated ones have about 0.6.
_MIN_SIMILARITY = 0.7
# A keypoint of the photo corresponds to a logo image if its descriptor distance to it is below this share of its
# distance to every rival.
_MAX_DISTANCE_RATIO = 0.9
# Pairs of keypoints (of the photo, of all logo images) up to which all are compared in full: some 10 ms.
_MAX_FULL_PAIRS = 1_000_000


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a logo image lies in a photo.

    Attributes:
        corners: float32 (4, 2), pixels of the photo: corners of what is drawn in the logo image, clockwise from the top
            left.
        inliers: Number of corresponding keypoints that agree on the placement, no two of them at one position.
        tentative: Number of tentative correspondences.
        log_nfa: -log10 of the number of false alarms: how many such placements of this logo image chance would give in
            this photo.
    """

    corners: NDArray[np.float32]
    inliers: int
    tentative: int
    log_nfa: float

    @property
    def xyxy(self) -> NDArray[np.float32]:
        """The box around the placement, float32 (4,); it may reach out of the photo."""
        return np.concatenate([self.corners.min(axis=0), self.corners.max(axis=0)])

    def probability(self, brands: int) -> float:
        """Return the probability that the photo shows the logo's brand, in [0, 1], for an index of so many brands."""
        logit = _INTERCEPT + _LOG_NFA * math.log(max(MIN_LOG_NFA, self.log_nfa)) + _BRANDS * math.log(max(1, brands))
        return sigmoid(logit)


def place(
    photo: Keypoints,
    logo_images: Sequence[Keypoints],
    owners: Sequence[str],
    *,
    families: Sequence[int] = (),
    wanted: Collection[int] | None = None,
    thorough: bool = False,
    device: str = "cpu",
) -> list[Placement | None]:
    """Find where logo images lie in a photo.

    Args:
        photo: Keypoints of the photo.
        logo_images: Keypoints of each logo image.
        owners: Brand of each logo image. Logo images of different brands are rivals: a keypoint that could belong to
            several brands counts for none.
        families: Family of each logo image, a number from 0, or -1 for none; members of a family show the same and are
            no rivals. Empty where there are no families.
        wanted: Positions of the logo images that are to be found; the others are but rivals. None finds all.
        thorough: Whether all logo images are compared in full, however many keypoints they have together. By default
            many are compared briefly first (`shortlist`), and only the likely ones in full, as rivals of one another.
        device: Where many are compared briefly: "cpu", "cuda", "cuda:1", ...

    Returns:
        For each logo image its most significant placement, or None; None too for one that is but a rival.

    Raises:
        InputError: The number of owners, or of families, differs from the number of logo images.
    """
    for name, given in (("owners", owners), ("families", families)):
        if len(given) != len(logo_images) and (given or name == "owners"):
            raise InputError(f"{name}: expected one for each of {len(logo_images)} logo images, got {len(given)}")
    placements: list[Placement | None] = [None] * len(logo_images)
    if not logo_images or not len(photo):
        return placements
    number = {brand: i for i, brand in enumerate(sorted(set(owners)))}
    brands = [number[owner] for owner in owners]
    if thorough or len(photo) * sum(map(len, logo_images)) <= _MAX_FULL_PAIRS:
        every = np.arange(len(photo))
        candidates = [Candidate(row, every) for row in range(len(logo_images))]
    else:
        candidates = shortlist(
            (photo.frames, photo.descriptors),
            [(d.frames, d.descriptors) for d in logo_images],
            brands,
            families,
            device,
        )
    queries = _unit_rows(photo.descriptors)
    near = np.zeros((len(candidates), len(photo)), np.float32)
    row_of, inverted = np.zeros(near.shape, np.int64), np.zeros(near.shape, bool)
    for i, candidate in enumerate(candidates):
        rows = candidate.photo_rows
        near[i, rows], row_of[i, rows], inverted[i, rows] = _nearest(queries[rows], logo_images[candidate.logo_image])
    kin = [families[candidate.logo_image] for candidate in candidates] if families else ()
    rival = rival_similarity(near, [brands[candidate.logo_image] for candidate in candidates], kin)
    for i, candidate in enumerate(candidates):
        if wanted is not None and candidate.logo_image not in wanted:
            continue
        is_nearest = _distance(near[i]) < _MAX_DISTANCE_RATIO * _distance(rival[i])
        rows = np.flatnonzero((near[i] > _MIN_SIMILARITY) & is_nearest)
        logo = logo_images[candidate.logo_image]
        pairs = Correspondences.from_frames(photo.frames[rows], logo.frames[row_of[i, rows]], inverted[i, rows])
        placements[candidate.logo_image] = _placement(pairs, near[i, rows], photo.size_wh, logo)
    return placements


def _placement(
    pairs: Correspondences, similarity: NDArray[np.float32], photo_wh: tuple[int, int], logo: Keypoints
) -> Placement | None:
    fit = fit_affine(pairs, similarity, photo_wh, logo.size_wh)
    if fit is None:
        return None
    x0, y0, x1, y1 = logo.drawn_xyxy or (0, 0, *logo.size_wh)
    corners = np.array([[x0, y0, 1], [x1, y0, 1], [x1, y1, 1], [x0, y1, 1]]) @ fit.matrix.T
    return Placement(corners.astype(np.float32), fit.inliers, len(pairs), fit.log_nfa)


def _unit_rows(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = descriptors.astype(np.float32)
    return np.asarray(values / (np.linalg.norm(values, axis=1, keepdims=True) + 1e-7), np.float32)


def _distance(similarity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Euclidean distance of unit vectors of this cosine."""
    return np.asarray(np.sqrt(np.maximum(2 - 2 * similarity, 0)), np.float32)


def _nearest(
    queries: NDArray[np.float32], logo: Keypoints
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Find the nearest keypoint of a logo image for each query.

    Returns:
        The similarity of the nearest keypoint, its row, and whether it is nearest with dark and light exchanged.
    """
    if not len(logo):
        zeros = np.zeros(len(queries), np.int64)
        return np.zeros(len(queries), np.float32), zeros, zeros.astype(bool)
    upright = _unit_rows(logo.descriptors)
    # exchanging dark and light reverses every gradient, and with them a keypoint's frame: its 4 x 4 cells are reversed
    negative = upright.reshape(-1, 16, 8)[:, ::-1].reshape(-1, 128)
    similar = queries @ np.concatenate([upright, negative]).T
    row = similar.argmax(axis=1)
    return similar[np.arange(len(queries)), row], row % len(upright), row >= len(upright)
