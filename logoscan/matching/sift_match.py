"""Match a photo by keypoints: lay the likeliest registered logo images over it, and match what lies there.

An embedding sees a mark as a whole and tells most brands apart; keypoints prove that a logo image is there as it was
registered, as on most pack shots and labels. Comparing a whole index would cost too much, so only logo images are tried
that some region of the photo resembles.
"""

from __future__ import annotations

import numpy as np

from logoscan.images.boxes import clip, iou
from logoscan.index.gallery import Nearest
from logoscan.index.logo_index import LogoIndex
from logoscan.index.photo_search import PhotoSearch
from logoscan.index.storage import LogoRecord
from logoscan.matching.placement import Placement, place
from logoscan.types import Match
from logoscan.vision.features import PhotoFeatures

__all__ = ["match_keypoints", "placements"]

# Nearest vectors of each region of a photo that are candidates.
_NEAREST = 8
# Logo images that are tried on a photo, likest first.
_MOST_LOGOS = 64
# Cosine from which a region may be like a picture that users rejected; below it the two have nothing in common.
_REJECTED_FROM = 0.5


def match_keypoints(
    image: int, features: PhotoFeatures, search: PhotoSearch, index: LogoIndex, *, thorough: bool = False
) -> list[Match]:
    """Match one photo by keypoints: the likeliest placement of each brand.

    Similarity and margin are those of the encoded region that the logo image covers best: keypoints do not need them,
    people do. What users rejected (`LogoIndex.add_negative`), and is nearer to that region than the brand is, is not
    matched.

    Args:
        image: Position of the photo in its listing.
        features: Features of the photo.
        search: What the index found for its regions.
        index: The snapshot that was searched.
        thorough: As for `placement.place`.
    """
    matches: list[Match] = []
    for placement, record in placements(features, search, index, thorough=thorough):
        box = clip(placement.xyxy[None], *features.keypoints.size_wh)
        region = int(iou(box, features.regions.xyxy)[0].argmax())
        similarity, margin, rejected = search.similarity_to(region, record.brand)
        if rejected < max(similarity, _REJECTED_FROM):
            x0, y0, x1, y1 = (float(v) for v in box[0])
            matches.append(
                Match(
                    image=image,
                    xyxy=(x0, y0, x1, y1),
                    brand=record.brand,
                    logo=record.id,
                    similarity=similarity,
                    margin=margin,
                    probability=placement.probability(len(index.with_logo)),
                    kind="keypoints",
                    keypoints=placement.points,
                )
            )
    return matches


def placements(
    features: PhotoFeatures, search: PhotoSearch, index: LogoIndex, *, thorough: bool = False
) -> list[tuple[Placement, LogoRecord]]:
    """Return the likeliest placement of each brand that has any, with the logo whose image lies there."""
    if not len(features.keypoints) or not len(features.regions):
        return []
    rows = _candidates(index, search.nearest)
    records = [index.logos[row] for row in rows]
    placed = place(
        features.keypoints,
        [index.keypoints(row) for row in rows],
        [record.brand for record in records],
        families=index.families(rows),
        thorough=thorough,
    )
    best: dict[str, tuple[Placement, LogoRecord]] = {}
    for record, placement in zip(records, placed, strict=True):
        if placement is not None:
            leader = best.get(record.brand)
            if leader is None or placement.log_nfa > leader[0].log_nfa:
                best[record.brand] = placement, record
    return list(best.values())


def _candidates(index: LogoIndex, nearest: Nearest) -> list[int]:
    """Return one row of the index for each logo image that regions of the photo are nearest to, nearest first."""
    similarity, rows = nearest.similarity[:, :_NEAREST], nearest.rows[:, :_NEAREST]
    ordered = rows.ravel()[np.argsort(-similarity.ravel(), kind="stable")].tolist()
    first: dict[tuple[str, str], int] = {}
    for row in ordered:
        record = index.logos[row]
        first.setdefault((record.brand, record.sha256), row)
        if len(first) == _MOST_LOGOS:
            break
    return list(first.values())
