"""Select the photos of a listing that are examined, and name photos by their positions in messages."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from logoscan.types import Listing
from logoscan.vision.features import PhotoFeatures

__all__ = ["MAX_IMAGES", "name_images", "name_passed_over", "selected_photos"]

MAX_IMAGES = 50
"""Photos of one listing that are examined; the report says when there were more."""
# First photos, which are always examined: buyers see these first, and most listings have no more.
_FIRST_IMAGES = 10
# First photos from which the others are drawn; a listing of a million photos must not make a report of a million lines.
_DRAWN_FROM = 500
# Most runs of consecutive photos that a message names, so that it stays readable.
_MAX_RUNS = 12


def selected_photos(listing: Listing) -> Sequence[int]:
    """Return the positions of the photos that are examined, rising.

    These are all photos up to `MAX_IMAGES`, else the first few and a random draw from the others. The draw depends on
    the listing's id, so that a seller cannot choose the photos that are not examined.
    """
    n = len(listing.images)
    if n <= MAX_IMAGES:
        return range(n)
    drawn = Random(listing.id).sample(range(_FIRST_IMAGES, min(n, _DRAWN_FROM)), MAX_IMAGES - _FIRST_IMAGES)
    return [*range(_FIRST_IMAGES), *sorted(drawn)]


def name_images(positions: Sequence[int], total: int | None = None) -> str:
    """Return the name of photos of a listing by their positions: "image 2", "images 2 and 4 to 9".

    Args:
        positions: Positions, rising.
        total: Number of photos of the listing, where all that come after the last position are named too.
    """
    runs = [[i, i] for i in positions[:1]]
    for i in positions[1:]:
        if i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    if total is not None and runs:
        runs[-1][1] = total - 1
    names = [f"{first} to {last}" if first < last else f"{first}" for first, last in runs[:_MAX_RUNS]]
    if len(runs) > _MAX_RUNS:
        names.append("further ones")
    several = len(runs) > 1 or runs[0][0] < runs[0][1]
    return f"image{'s' * several} {' and '.join(', '.join(names).rsplit(', ', 1))}"


def name_passed_over(total: int, photos: Sequence[PhotoFeatures]) -> str | None:
    """Return the name of the photos of a listing that are never examined; None where there are none.

    Args:
        total: Number of photos of the listing.
        photos: Features of the listing's first photos; those beyond were passed over too.
    """
    positions = [i for i, photo in enumerate(photos) if photo.passed_over]
    if total > len(photos):
        return name_images([*positions, len(photos)], total)
    return name_images(positions) if positions else None
