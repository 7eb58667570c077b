"""Match by appearance: nearest brands of the regions of a photo in, matches with probabilities out.

Similarity is not confidence. A `MatchCalibration`, fitted on composites for one encoder and one detector, turns
similarity, margin and the size of the index into a probability; with any other pair there is none.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.images.boxes import iou, suppress_overlaps
from logoscan.index.neighbours import BrandNeighbours, margins
from logoscan.matching.calibration import MatchCalibration
from logoscan.types import Match, Regions

__all__ = ["match_regions", "most_probable_first"]

# Most regions that are kept for a brand in one photo: they are evidence, and need not be complete.
_MAX_REGIONS_PER_BRAND = 3
# Overlap, as a share of the smaller region, above which two regions show one mark: a mark and a square around it.
_SAME_MARK_OVERLAP = 0.5
# Least cosine to a negative from which a region counts as rejected, and least overlap of a region with one that shows
# the same mark.
_MIN_REJECTED_SIMILARITY, _MIN_REJECTED_IOU = 0.5, 0.2
# Most brands that are kept for one photo, most probable first.
_MAX_BRANDS = 10


def match_regions(
    image: int, regions: Regions, neighbours: BrandNeighbours, calibration: MatchCalibration | None
) -> tuple[Match, ...]:
    """Return the most probable matches of one photo.

    Every region is matched with its nearest brand, and with the brands that share the logo image with it. A brand keeps
    its few best regions that do not overlap one another.

    Args:
        image: Position of the photo in its listing.
        regions: Regions of the photo, n of them.
        neighbours: Nearest brands of the n regions.
        calibration: Must belong to the encoder and the detector in use; None gives matches without probabilities.

    Returns:
        Matches, most probable first; empty for an empty index or no regions.

    Raises:
        InputError: The number of regions differs from that of neighbours.
    """
    if len(regions) != len(neighbours.similarity):
        raise InputError(f"neighbours: expected {len(regions)} rows, got {len(neighbours.similarity)}")
    if not len(regions) or not neighbours.similarity.shape[1]:
        return ()
    region = np.arange(len(regions))
    best, margin = neighbours.similarity[:, 0], _margins_beside_rejected(regions, neighbours)
    owner, logo = neighbours.brand[:, 0], neighbours.logo[:, 0]
    relatives = [(query, relative) for query, of_query in neighbours.relatives.items() for relative in of_query]
    if relatives:
        region = np.append(region, [query for query, _ in relatives])
        owner = np.append(owner, [relative.brand for _, relative in relatives])
        logo = np.append(logo, [relative.logo for _, relative in relatives])
        best = np.append(best, np.array([relative.similarity for _, relative in relatives], np.float32))
        margin = np.append(margin, np.array([relative.margin for _, relative in relatives], np.float32))
    probability: NDArray[np.float64] | None = None
    if calibration is not None:
        probability = calibration.probability(best, margin, len(neighbours.brands), regions.confidence[region])
    # without a calibration, regions are ordered by similarity and margin, which weigh the same
    order = probability if probability is not None else (best + margin).astype(np.float64)
    rows_of: dict[int, list[int]] = {}
    for row, brand in enumerate(owner.tolist()):
        rows_of.setdefault(brand, []).append(row)
    leading = sorted(rows_of, key=lambda brand: (-order[rows_of[brand]].max(), neighbours.brands[brand]))[:_MAX_BRANDS]
    matches: list[tuple[float, Match]] = []
    for brand in leading:
        rows = np.array(rows_of[brand])
        kept = suppress_overlaps(regions.xyxy[region[rows]], order[rows].astype(np.float32), _SAME_MARK_OVERLAP)
        for row in rows[kept[:_MAX_REGIONS_PER_BRAND]].tolist():
            x0, y0, x1, y1 = regions.xyxy[region[row]].tolist()
            match = Match(
                image=image,
                xyxy=(x0, y0, x1, y1),
                brand=neighbours.brands[brand],
                logo=neighbours.logos[int(logo[row])],
                similarity=min(1.0, float(best[row])),  # vectors that were quantised may be longer than 1
                margin=float(margin[row]),
                probability=None if probability is None else float(probability[row]),
            )
            matches.append((float(order[row]), match))
    matches.sort(key=lambda pair: (-pair[0], pair[1].brand, pair[1].xyxy))
    return tuple(match for _, match in matches)


def _margins_beside_rejected(regions: Regions, neighbours: BrandNeighbours) -> NDArray[np.float32]:
    """Return the margin of each region, at most that of a rejected region of the same brand that shows the same mark.

    A person rejects one region; the detector proposes others around the same mark, which must not bring the brand back.
    """
    margin, brand = margins(neighbours), neighbours.brand[:, 0]
    rejected = np.flatnonzero(neighbours.negative >= np.maximum(neighbours.similarity[:, 0], _MIN_REJECTED_SIMILARITY))
    if not len(rejected):
        return margin
    same = (iou(regions.xyxy, regions.xyxy[rejected]) >= _MIN_REJECTED_IOU) & (brand[:, None] == brand[rejected])
    return np.asarray(np.minimum(margin, np.where(same, margin[rejected], np.inf).min(axis=1)), np.float32)


def most_probable_first(matches: Iterable[Match]) -> tuple[Match, ...]:
    """Return the matches of a listing ordered by probability, then similarity and margin, then position."""
    return tuple(sorted(matches, key=lambda m: (-(m.probability or 0.0), -m.similarity - m.margin, m.image, m.xyxy)))
