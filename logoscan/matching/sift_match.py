"""Match a photo by keypoints: compare the likeliest registered logo images with it, and match those that lie in it.

An embedding describes a mark as a whole and distinguishes most brands; keypoints prove that a logo image is in the
photo as it was registered, as on most pack shots and labels. Comparing a whole index would cost too much, so only the
logo images that some region of the photo resembles are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan.images.boxes import clip, iou
from logoscan.index.gallery import Nearest
from logoscan.index.logo_index import LogoIndex
from logoscan.index.photo_search import PhotoSearch
from logoscan.index.storage import LogoRecord
from logoscan.matching.keypoint_votes import KeypointVotes, LogoImage
from logoscan.matching.placement import Placement, place
from logoscan.types import Match
from logoscan.vision.features import PhotoFeatures
from logoscan.vision.sift import Keypoints

__all__ = ["LogoImage", "Voted", "match_keypoints", "placements", "votes_for_new"]

# Nearest vectors of each region of a photo whose logos are candidates.
_NEAREST_PER_REGION = 8
# Most logo images that are compared with a photo, nearest first.
_MAX_LOGO_IMAGES = 64
# Least cosine of a region and a negative, a picture that users rejected, from which the negative can exclude a match.
_MIN_NEGATIVE_SIMILARITY = 0.5
Voted: TypeAlias = Mapping[LogoImage, NDArray[np.int64] | None]
"""Logo images that may lie in a photo, with the rows of its keypoints that resemble theirs; None are all its keypoints.
"""


def match_keypoints(
    image: int,
    features: PhotoFeatures,
    search: PhotoSearch,
    index: LogoIndex,
    *,
    thorough: bool = False,
    compared: Collection[LogoImage] = (),
    voted: Voted | None = None,
    device: str = "cpu",
) -> list[Match]:
    """Match one photo by keypoints, and return a match for the most significant placement of each brand.

    Similarity and margin are those of the encoded region that overlaps the placement most; they are for people who read
    the report, keypoints do not need them. A region that is nearer to what users rejected (`LogoIndex.add_negative`)
    than to the brand is not matched.

    Args:
        image: Position of the photo in its listing.
        features: Features of the photo.
        search: Results of the search of its regions in the index.
        index: The snapshot that was searched.
        thorough: Whether all candidates are compared in full, not only the likely ones (`place`).
        compared: Logo images that an earlier scan knew. Where none of the others lies in the photo, there is no match,
            and what the earlier scan found still holds.
        voted: Those of the other logo images that may lie in the photo (`votes_for_new`), and the photo's keypoints
            that resemble theirs, which are compared first; no other new logo image is compared. None compares all.
        device: Where many logo images are compared briefly: "cpu", "cuda", ...
    """
    matches: list[Match] = []
    placed = placements(features, search, index, thorough=thorough, compared=compared, voted=voted, device=device)
    for placement, record in placed:
        box = clip(placement.xyxy[None], *features.keypoints.size_wh)
        region = int(iou(box, features.regions.xyxy)[0].argmax())
        similarity, margin, rejected = search.similarity_to(region, record.brand)
        if rejected < max(similarity, _MIN_NEGATIVE_SIMILARITY):
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
                    keypoints=placement.inliers,
                )
            )
    return matches


def placements(
    features: PhotoFeatures,
    search: PhotoSearch,
    index: LogoIndex,
    *,
    thorough: bool = False,
    compared: Collection[LogoImage] = (),
    voted: Voted | None = None,
    device: str = "cpu",
) -> list[tuple[Placement, LogoRecord]]:
    """Return the most significant placement of each brand that has any, with the record of the logo.

    `compared`, `voted` and `device` are those of `match_keypoints`. The logo images that are new are compared first, by
    themselves; rivals only take keypoints away, so that what lies in the photo beside all rivals lies in it without the
    old ones too. Where the keypoints that voted find none, all keypoints are tried. Those that are found are compared
    once more, beside all: what is old is a rival whether or not it was found, since two brands that share a seal keep
    each other from being found by it.
    """
    if not len(features.keypoints) or not len(features.regions) or (voted is not None and not voted):
        return []
    rows = _candidates(index, search.nearest)
    if not compared:
        return _best(_placed(features, index, rows, thorough=thorough, device=device), index, rows)
    logos = {row: _logo_image(index, row) for row in rows}
    new = [row for row in rows if logos[row] not in compared]
    every = features
    if voted is not None:
        new = [row for row in new if logos[row] in voted]
        features = replace(every, keypoints=_resembling(every.keypoints, voted))
    found = _found(features, index, new, thorough=thorough, device=device)
    if not found and voted is not None:
        features = every
        found = _found(features, index, new, thorough=thorough, device=device)
    if not found:
        return []
    rows = [row for row in rows if row in new or logos[row] in compared]
    return _best(_placed(features, index, rows, wanted=found, thorough=thorough, device=device), index, rows)


def _found(features: PhotoFeatures, index: LogoIndex, rows: Sequence[int], *, thorough: bool, device: str) -> list[int]:
    """Return those of some rows of an index whose logo images lie in a photo, beside each other as rivals."""
    placed = _placed(features, index, rows, thorough=thorough, device=device)
    return [row for row, placement in zip(rows, placed, strict=True) if placement is not None]


def _resembling(keypoints: Keypoints, voted: Voted) -> Keypoints:
    """Return the keypoints of a photo that resemble those of any logo image which may lie in it."""
    rows = [of_logo for of_logo in voted.values() if of_logo is not None]
    if len(rows) < len(voted):
        return keypoints
    chosen = np.unique(np.concatenate(rows))
    return Keypoints(keypoints.frames[chosen], keypoints.descriptors[chosen], keypoints.size_wh)


def _best(
    placed: Sequence[Placement | None], index: LogoIndex, rows: Sequence[int]
) -> list[tuple[Placement, LogoRecord]]:
    """Return the most significant placement of each brand, of those of some rows of an index."""
    best: dict[str, tuple[Placement, LogoRecord]] = {}
    for row, placement in zip(rows, placed, strict=True):
        record = index.logos[row]
        if placement is not None:
            leader = best.get(record.brand)
            if leader is None or placement.log_nfa > leader[0].log_nfa:
                best[record.brand] = placement, record
    return list(best.values())


def votes_for_new(
    votes: KeypointVotes,
    photos: Sequence[PhotoFeatures],
    searches: Sequence[PhotoSearch],
    index: LogoIndex,
    compared: Sequence[Collection[LogoImage]],
) -> list[Voted | None]:
    """Return for each photo which logo images that an earlier scan did not compare may lie in it.

    Logo images of a family show the same and outvote each other, so that those may lie in every photo.

    Args:
        votes: The keypoints of all logo images that are new since then.
        photos: Features of the photos.
        searches: Results of the searches of their regions in the index.
        index: The snapshot that was searched.
        compared: For each photo the logo images that an earlier scan knew; where there are none, all are to be
            compared, and None is returned.
    """
    asked = [i for i, old in enumerate(compared) if old]
    rows = [_candidates(index, searches[i].nearest) for i in asked]
    candidates = [[_logo_image(index, row) for row in of_photo] for of_photo in rows]
    voted: list[dict[LogoImage, NDArray[np.int64] | None]] = [
        {**one} for one in votes.voted([photos[i].keypoints for i in asked], candidates)
    ]
    for i, of_photo, logos, found in zip(asked, rows, candidates, voted, strict=True):
        for logo, family in zip(logos, index.families(of_photo), strict=False):  # there may be no families at all
            if family >= 0 and logo not in compared[i]:
                found[logo] = None
    by_photo = dict(zip(asked, voted, strict=True))
    return [by_photo.get(i) for i in range(len(photos))]


def _logo_image(index: LogoIndex, row: int) -> LogoImage:
    record = index.logos[row]
    return record.brand, record.sha256


def _placed(
    features: PhotoFeatures,
    index: LogoIndex,
    rows: Sequence[int],
    *,
    wanted: Collection[int] | None = None,
    thorough: bool,
    device: str,
) -> list[Placement | None]:
    """Return where the logo images of rows of an index lie in a photo, beside each other as rivals.

    `wanted` are those of the rows that are to be found; None finds all.
    """
    return place(
        features.keypoints,
        [index.keypoints(row) for row in rows],
        [index.logos[row].brand for row in rows],
        families=index.families(rows),
        wanted=None if wanted is None else {i for i, row in enumerate(rows) if row in wanted},
        thorough=thorough,
        device=device,
    )


def _candidates(index: LogoIndex, nearest: Nearest) -> list[int]:
    """Return one row of the index for each logo image that is nearest to some region of the photo, nearest first."""
    similarity, rows = nearest.similarity[:, :_NEAREST_PER_REGION], nearest.rows[:, :_NEAREST_PER_REGION]
    ordered = rows.ravel()[np.argsort(-similarity.ravel(), kind="stable")].tolist()
    first: dict[LogoImage, int] = {}
    for row in ordered:
        first.setdefault(_logo_image(index, row), row)
        if len(first) == _MAX_LOGO_IMAGES:
            break
    return list(first.values())
