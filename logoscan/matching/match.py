"""Neighbours -> evidence: which registered brands a picture seems to show, where, and how surely.

Similarity is not confidence. A `MatchCalibration`, fitted on composites for one encoder and one detector, turns
similarity, margin and the size of the register into a probability; under any other pair there is none.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.images.boxes import apart
from logoscan.index.neighbours import BrandNeighbours, margins
from logoscan.matching.calibration import MatchCalibration
from logoscan.types import Match, Regions

__all__ = ["match_regions", "most_probable_first"]

_PER_BRAND = 3
"""Regions kept for a brand in one picture: proof, not a census."""
_SHARED = 0.5
"""Share of the smaller of two regions above which they show one mark: a square around a mark is no second one."""
_BRANDS = 10
"""Brands kept for one picture, surest first."""


def match_regions(
    image: int, regions: Regions, neighbours: BrandNeighbours, calibration: MatchCalibration | None
) -> tuple[Match, ...]:
    """The surest matches of one picture.

    Every region speaks for its nearest brand, and for those that share the drawing with it. A brand keeps its few best
    regions that do not cover one another.

    Args:
        image: Position of the picture in its listing.
        regions: n places.
        neighbours: Of their n vectors.
        calibration: Must belong to the encoder and the detector in use, or be None.

    Returns:
        Matches, surest first; empty for an empty register or no regions.
    """
    if len(regions) != len(neighbours.similarity):
        raise InputError(f"neighbours: expected {len(regions)} rows, got {len(neighbours.similarity)}")
    if not len(regions) or not neighbours.similarity.shape[1]:
        return ()
    region = np.arange(len(regions))
    best, margin = neighbours.similarity[:, 0], margins(neighbours)
    owner, logo = neighbours.brand[:, 0], neighbours.logo[:, 0]
    if shared := [(query, one) for query, found in neighbours.relatives.items() for one in found]:
        region = np.append(region, [query for query, _ in shared])
        owner, logo = (
            np.append(owner, [one.brand for _, one in shared]),
            np.append(logo, [one.logo for _, one in shared]),
        )
        best = np.append(best, np.array([one.similarity for _, one in shared], np.float32))
        margin = np.append(margin, np.array([one.margin for _, one in shared], np.float32))
    sure: NDArray[np.float64] | None = None
    if calibration is not None:
        sure = calibration.probability(best, margin, len(neighbours.brands), regions.confidence[region])
    # without a calibration, similarity and margin together order the places: a far second is worth as much as nearness
    order = sure if sure is not None else (best + margin).astype(np.float64)
    matches: list[tuple[float, Match]] = []
    for brand in np.unique(owner):
        rows = np.flatnonzero(owner == brand)
        kept = apart(regions.xyxy[region[rows]], order[rows].astype(np.float32), _SHARED)[:_PER_BRAND]
        for row in rows[kept]:
            x0, y0, x1, y1 = (float(v) for v in regions.xyxy[region[row]])
            match = Match(
                image=image,
                xyxy=(x0, y0, x1, y1),
                brand=neighbours.brands[int(brand)],
                logo=neighbours.logos[int(logo[row])],
                similarity=float(best[row]),
                margin=float(margin[row]),
                probability=None if sure is None else float(sure[row]),
            )
            matches.append((float(order[row]), match))
    matches.sort(key=lambda pair: (-pair[0], pair[1].brand, pair[1].xyxy))
    leading = list(dict.fromkeys(match.brand for _, match in matches))[:_BRANDS]
    return tuple(match for _, match in matches if match.brand in leading)


def most_probable_first(matches: Iterable[Match]) -> tuple[Match, ...]:
    """Order the matches of a listing: by probability, then similarity and margin, then position."""
    return tuple(sorted(matches, key=lambda m: (-(m.probability or 0.0), -m.similarity - m.margin, m.image, m.xyxy)))
