"""Which photos of a listing are examined, and how messages name photos by their positions."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from logoscan.types import Listing
from logoscan.vision.features import PhotoFeatures

__all__ = ["MAX_IMAGES", "name_images", "name_passed_over", "selected_photos"]

MAX_IMAGES = 50
"""Photos of one listing that are examined; the report says when there were more."""
# Photos that are always among them: buyers see these first, and most listings end here.
_FIRST_IMAGES = 10
# Photos of which the others are drawn; a listing of a million must not make a report of a million lines.
_DRAWN_FROM = 500
# Runs of photos that a message names: more are no sentence.
_MOST_RUNS = 12


def selected_photos(listing: Listing) -> Sequence[int]:
    """Return the positions of the photos that are examined, rising.

    All up to `MAX_IMAGES`, else the first few and a draw from the others. The draw is by the listing's id, so that a
    seller does not choose where nobody looks.
    """
    n = len(listing.images)
    if n <= MAX_IMAGES:
        return range(n)
    drawn = Random(listing.id).sample(range(_FIRST_IMAGES, min(n, _DRAWN_FROM)), MAX_IMAGES - _FIRST_IMAGES)
    return [*range(_FIRST_IMAGES), *sorted(drawn)]


def name_images(positions: Sequence[int], total: int | None = None) -> str:
    """Name photos of a listing by their positions: "image 2", "images 2 and 4 to 9".

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
    names = [f"{first} to {last}" if first < last else f"{first}" for first, last in runs[:_MOST_RUNS]]
    if len(runs) > _MOST_RUNS:
        names.append("further ones")
    several = len(runs) > 1 or runs[0][0] < runs[0][1]
    return f"image{'s' * several} {' and '.join(', '.join(names).rsplit(', ', 1))}"


def name_passed_over(total: int, photos: Sequence[PhotoFeatures]) -> str | None:
    """Name the photos of a listing that are never examined; None where there are none.

    Args:
        total: Number of photos of the listing.
        photos: Features of its first photos; those beyond were passed over too.
    """
    positions = [i for i, photo in enumerate(photos) if photo.passed_over]
    if total > len(photos):
        return name_images([*positions, len(photos)], total)
    return name_images(positions) if positions else None
