"""Lays the likeliest registered drawings over a photo, point by point, and makes matches of what lies there.

The second look of the eyes: an embedding sees a mark as a whole and tells most brands apart; points prove a drawing
that is there as it was registered, which a pack shot or a label mostly is. Costs too much for a whole register, so that
only drawings are tried that some place of the photo looks like.
"""

from __future__ import annotations

import numpy as np

from logoscan.images.boxes import clip, iou
from logoscan.index.gallery import Nearest
from logoscan.index.logo_index import LogoIndex, LogoRecord
from logoscan.index.neighbours import BrandNeighbours
from logoscan.matching.placement import Placement, place
from logoscan.types import Match
from logoscan.vision.features import PhotoFeatures

__all__ = ["locate", "placements"]

_NEAREST = 8
"""Vectors that each place of a photo brings in."""
_DRAWINGS = 64
"""Drawings that are tried on a photo, likest first."""
_REJECTED = 0.5
"""Cosine from which a place may be like a picture that users rejected; below, the two have nothing in common."""


def locate(
    image: int,
    seen: PhotoFeatures,
    index: LogoIndex,
    near: BrandNeighbours | None = None,
    nearest: Nearest | None = None,
    *,
    thorough: bool = False,
) -> list[Match]:
    """Matches of one photo by points, the likeliest placement of each brand.

    Similarity and margin are those of the place that the drawing covers best: points do not need them, people do. What
    users rejected (`LogoIndex.add_negative`), and is nearer to that place than the brand is, is not matched.

    Args:
        image: Position of the photo in its listing.
        seen: What is in it.
        index: A snapshot of the register.
        near: The two nearest brands of each region, where they are known.
        nearest: The nearest vectors of each region, where they are known.
        thorough: As for `placement.place`.
    """
    found: list[Match] = []
    for there, record in placements(seen, index, nearest, thorough=thorough):
        box = clip(there.xyxy[None], *seen.keypoints.size_wh)
        region = int(iou(box, seen.regions.xyxy)[0].argmax())
        similarity, margin, rejected = index.compare(
            seen.vectors[region], record.brand, None if near is None else near.of(region)
        )
        if rejected < max(similarity, _REJECTED):
            x0, y0, x1, y1 = (float(v) for v in box[0])
            sure = there.probability(len(index.with_logo))
            found.append(
                Match(image, (x0, y0, x1, y1), record.brand, record.id, similarity, margin, sure, there.points)
            )
    return found


def placements(
    seen: PhotoFeatures, index: LogoIndex, nearest: Nearest | None = None, *, thorough: bool = False
) -> list[tuple[Placement, LogoRecord]]:
    """The likeliest placement of each brand that has any, with the logo whose drawing lies there."""
    if not len(seen.keypoints) or not len(seen.regions):
        return []
    rows = _likest(index, nearest or index.search(seen.vectors, _NEAREST))
    records = [index.logos[row] for row in rows]
    drawings = [index.keypoints(row) for row in rows]
    owners, families = [record.brand for record in records], index.families(rows)
    placed = place(seen.keypoints, drawings, owners, families=families, thorough=thorough)
    best: dict[str, tuple[Placement, LogoRecord]] = {}
    for record, there in zip(records, placed, strict=True):
        if there is not None and (record.brand not in best or there.log_nfa > best[record.brand][0].log_nfa):
            best[record.brand] = there, record
    return list(best.values())


def _likest(index: LogoIndex, nearest: Nearest) -> list[int]:
    """A row of the register for each of the drawings that places of the photo are nearest to, nearest first."""
    similarity, rows = nearest.similarity[:, :_NEAREST], nearest.rows[:, :_NEAREST]
    ordered = rows.ravel()[np.argsort(-similarity.ravel(), kind="stable")].tolist()
    first: dict[tuple[str, str], int] = {}
    for row in ordered:
        record = index.logos[row]
        first.setdefault((record.brand, record.sha256), row)
        if len(first) == _DRAWINGS:
            break
    return list(first.values())
