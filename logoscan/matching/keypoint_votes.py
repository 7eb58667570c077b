"""Tell which of many logo images may lie in photos at all, for a small share of the work of comparing keypoints.

Descriptors are summed over neighbouring cells (`_shortlist`) and looked up in an inverted file: each lies in the list
of its nearest coarse word, and a keypoint of a photo is compared with the few lists that are nearest to it. Keypoints
that correspond vote for a logo image in one rotation, scale and place, and a logo image with enough votes that agree
may lie in the photo. Photos are asked together.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan.matching._shortlist import MIN_SIMILARITY, reversed_cells, summed
from logoscan.matching._verification import LOG_SCALE_RANGE
from logoscan.vision.sift import Keypoints

__all__ = ["Alike", "KeypointVotes", "LogoImage"]

LogoImage: TypeAlias = tuple[str, str]
"""A registered logo image: its brand, and the SHA-256 that its records carry."""

Alike: TypeAlias = dict[LogoImage, NDArray[np.int64]]
"""Logo images that may lie in a photo, with the rows of its keypoints that resemble theirs."""

# Keypoints of logo images in one list, and lists that are searched for a keypoint of a photo.
_PER_LIST, _PROBES = 64, 6
# Keypoints of logo images that are proposed for a keypoint of a photo.
_PROPOSALS = 4
# Keypoints for each list that k-means is trained with, and its rounds.
_TRAINING_PER_LIST, _KMEANS_ROUNDS = 40, 6
# A keypoint votes for a logo image if its squared distance is below this share of that to its nearest rival.
_MAX_SQUARED_RATIO = 0.95**2
# Votes that agree from which a logo image may lie in a photo: those that determine a placement of its least inliers.
_MIN_VOTES = 4
# Largest log10 of the number of cells that chance would fill so.
_MAX_LOG10_FALSE = -4.0
# Widths of the cells of votes: rotation, log scale, and where the middle of the logo image lies, in its own long sides.
# Cells overlap by half. All numbers were chosen on 40 snack and 40 cigarette packs and 60 garments of `DATA/train` with
# 170 logo images.
_CELL_ANGLE_RAD, _CELL_LOG_SCALE, _CELL_PLACE = math.radians(40), 0.6, 0.4
# An odd number whose multiples spread over 64 bits.
_MIX = np.uint64(0x9E3779B97F4A7C15)


class KeypointVotes:
    """Logo images whose keypoints can be looked up. Immutable; may be shared by threads."""

    def __init__(self, logo_images: Mapping[LogoImage, Keypoints]) -> None:
        """Index the keypoints of logo images, also with dark and light exchanged; 300 bytes a keypoint.

        Args:
            logo_images: Keypoints of each logo image.
        """
        self._number = {logo: i for i, logo in enumerate(logo_images)}
        self._logos = tuple(logo_images)
        brands = {brand: i for i, brand in enumerate(sorted({brand for brand, _ in logo_images}))}
        self._brand = np.array([brands[brand] for brand, _ in logo_images], np.int64)
        keypoints = list(logo_images.values())
        self._logo = np.repeat(np.arange(len(keypoints)), [len(k) for k in keypoints])
        self._frames = np.concatenate([np.zeros((0, 4), np.float32), *(k.frames for k in keypoints)])
        sizes = np.array([k.size_wh for k in keypoints], np.float32).reshape(-1, 2)
        self._middle, self._long_px = sizes / 2, sizes.max(axis=1, initial=1)
        descriptors = [np.zeros((0, 128), np.uint8), *(k.descriptors for k in keypoints)]
        vectors = summed(np.concatenate(descriptors))
        self._index = _inverted_file(np.concatenate([vectors, reversed_cells(vectors)]))

    def voted(self, photos: Sequence[Keypoints], candidates: Sequence[Collection[LogoImage]]) -> list[Alike]:
        """Return for each photo the candidates that may lie in it, with the keypoints that may belong to them.

        Args:
            photos: Keypoints of photos.
            candidates: For each photo the logo images that may be candidates; those that are not indexed never are.
        """
        out: list[Alike] = [{} for _ in photos]
        allowed = np.zeros((len(photos), len(self._logos)), bool)
        for i, of_photo in enumerate(candidates):
            allowed[i, [self._number[logo] for logo in of_photo if logo in self._number]] = True
        asked = [i for i, photo in enumerate(photos) if len(photo) and allowed[i].any()]
        if self._index is None or not asked:
            return out
        counts = [len(photos[i]) for i in asked]
        photo = np.repeat(asked, counts)
        frames = np.concatenate([photos[i].frames for i in asked])
        queries = summed(np.concatenate([photos[i].descriptors for i in asked]))
        similarity, rows = self._index.search(queries, _PROPOSALS)
        point = np.repeat(np.arange(len(queries)), _PROPOSALS)
        near, row = similarity.ravel(), rows.ravel()
        negative = row >= len(self._logo)
        row = np.where(negative, row - len(self._logo), row)
        kept = (row >= 0) & (near > MIN_SIMILARITY)
        kept[kept] &= allowed[photo[point[kept]], self._logo[row[kept]]]
        point, row, near, negative = point[kept], row[kept], near[kept], negative[kept]
        first = dict(zip(asked, np.cumsum([0, *counts[:-1]]).tolist(), strict=True))
        similar_photo, similar_point, similar_logo = photo[point], point, self._logo[row]
        kept = self._leads(point, row, near, len(queries))
        point, row, negative = point[kept], row[kept], negative[kept]
        area = np.array([max(1.0, float(np.prod(photo.size_wh))) for photo in photos])
        for i, logo in self._agreeing(photo[point], frames[point], row, negative, area):
            similar = similar_point[(similar_photo == i) & (similar_logo == logo)]
            out[i][self._logos[logo]] = np.unique(similar) - first[i]
        return out

    def _leads(
        self, point: NDArray[np.int64], row: NDArray[np.int64], near: NDArray[np.float32], count: int
    ) -> NDArray[np.bool_]:
        """Return which proposals are clearly nearer to their keypoint than those of any other brand."""
        brand = self._brand[self._logo[row]]
        best = np.zeros(count, np.float32)
        np.maximum.at(best, point, near)
        leader = np.full(count, -1, np.int64)
        is_best = near == best[point]
        leader[point[is_best]] = brand[is_best]
        second = np.zeros(count, np.float32)
        other = brand != leader[point]
        np.maximum.at(second, point[other], near[other])
        rival = np.where(other, best[point], second[point])
        return np.asarray(1 - near < _MAX_SQUARED_RATIO * (1 - rival), bool)

    def _agreeing(
        self,
        photo: NDArray[np.int64],
        frames: NDArray[np.float32],
        row: NDArray[np.int64],
        negative: NDArray[np.bool_],
        area: NDArray[np.float64],
    ) -> set[tuple[int, int]]:
        """Return photo and logo image of the votes of which enough agree for chance to be unlikely."""
        _, of_pair, per_pair = np.unique(
            photo * len(self._logos) + self._logo[row], return_inverse=True, return_counts=True
        )
        total = per_pair[of_pair]
        several = total >= _MIN_VOTES  # fewer votes than these cannot agree
        photo, frames, row, negative, total = (part[several] for part in (photo, frames, row, negative, total))
        logo, of = self._logo[row], self._frames[row]
        angle = (frames[:, 3] - of[:, 3] + np.float32(np.pi) * negative) % (2 * np.pi)
        scale = frames[:, 2] / of[:, 2]
        off = (self._middle[logo] - of[:, :2]) * scale[:, None]
        cosine, sine = np.cos(angle), np.sin(angle)
        turned = np.column_stack([cosine * off[:, 0] - sine * off[:, 1], sine * off[:, 0] + cosine * off[:, 1]])
        middle = frames[:, :2] + turned
        log_scale = np.log(scale)
        in_photo, in_logo = (_mixed(*np.rint(xy[:, :2]).astype(np.int64).T) for xy in (frames, of))
        pair = photo * len(self._logos) + logo
        turns = round(2 * math.pi / _CELL_ANGLE_RAD)
        found: set[tuple[int, int]] = set()
        for shift in range(16):
            by_angle, by_scale, by_x, by_y = ((shift >> bit & 1) / 2 for bit in range(4))
            cell_angle = np.floor(angle / _CELL_ANGLE_RAD + by_angle).astype(np.int64) % turns
            cell_scale = np.floor(log_scale / _CELL_LOG_SCALE + by_scale).astype(np.int64)
            # a place is counted in the size that the logo image has at the scale of the cell, which its votes share
            side = _CELL_PLACE * self._long_px[logo] * np.exp((cell_scale - by_scale + 0.5) * _CELL_LOG_SCALE)
            cell_xy = np.floor(middle / side[:, None] + (by_x, by_y)).astype(np.int64)
            cell = _mixed(pair, cell_angle, cell_scale, cell_xy[:, 0], cell_xy[:, 1])
            at, votes = _enough(cell, in_photo)
            chosen = np.flatnonzero(np.isin(cell, cell[at]))
            again, others = _enough(cell[chosen], in_logo[chosen])
            kept = np.isin(cell[at], cell[chosen[again]])
            at, votes = at[kept], np.minimum(votes[kept], others)
            share = np.minimum(1.0, side[at] ** 2 / area[photo[at]])
            chance = share * (_CELL_ANGLE_RAD / (2 * math.pi)) * (_CELL_LOG_SCALE / LOG_SCALE_RANGE)
            kept = _log10_false(votes, total[at], chance) < _MAX_LOG10_FALSE
            found.update(zip(photo[at][kept].tolist(), logo[at][kept].tolist(), strict=True))
        return found


def _enough(cell: NDArray[np.int64], place: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a row of each cell that holds enough different places, sorted by cell, and how many places."""
    # one point may be a keypoint in several rotations
    _, first = np.unique(_mixed(cell, place), return_index=True)
    _, at, votes = np.unique(cell[first], return_index=True, return_counts=True)
    enough = votes >= _MIN_VOTES
    return first[at[enough]], votes[enough]


def _log10_false(
    votes: NDArray[np.int64], total: NDArray[np.int64], chance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return log10 of how many cells of so many votes chance would fill, as `fit_affine` counts it, but for one vote.

    Args:
        votes: Votes that agree.
        total: All votes for the logo image in the photo.
        chance: Probability that a random vote agrees.
    """
    trials = np.maximum(1, total - 1)
    share = np.minimum(1.0, (votes - 1) / trials)
    chance = np.minimum(chance, 1 - 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - chance)), 0.0)
    tail = np.where(share > chance, trials * (share * np.log(share / chance) + rest), 0.0)
    return np.asarray(np.log10(np.maximum(1, total)) - tail / math.log(10), np.float64)


def _mixed(*numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number for each row of some numbers, equal for equal rows and hardly ever for others."""
    out = np.zeros(len(numbers[0]), np.uint64)
    for number in numbers:
        out = (out ^ number.astype(np.uint64)) * _MIX
        out ^= out >> np.uint64(29)
    return out.view(np.int64)


def _inverted_file(vectors: NDArray[np.float32]) -> Any:
    """Return a FAISS index of vectors by inner product; None without vectors."""
    import faiss

    if not len(vectors):
        return None
    lists = max(1, len(vectors) // _PER_LIST)
    index: Any = faiss.index_factory(vectors.shape[1], f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.min_points_per_centroid, index.nprobe = _KMEANS_ROUNDS, 1, _PROBES
    sample = np.random.default_rng(0).permutation(len(vectors))[: _TRAINING_PER_LIST * lists]
    index.train(vectors[np.sort(sample)])
    index.add(vectors)
    return index
