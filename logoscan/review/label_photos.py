"""The matches that a verdict is about, and their photos, which must be the ones that were scanned."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.images.crops import square_crops
from logoscan.images.loading import read_picture
from logoscan.results import SHOWN_FROM, Report
from logoscan.sources import Root
from logoscan.types import ImageSource, Match, Preprocessing, Rgb

__all__ = ["matches_of", "read_photos", "squares_of", "with_photos"]


def matches_of(report: Report, brand: str, match: Match | None) -> list[Match]:
    """Return the given match or, if it is None, the brand's matches that are shown to people, most probable first.

    If none is shown, the most probable one is returned.

    Raises:
        InputError: The given match is not one of the brand's in the report.
    """
    of_brand = [m for m in report.matches if m.brand == brand]
    if match is not None:
        if match not in of_brand:
            raise InputError(
                f"match: expected one of the report's {len(of_brand)} of {quoted(brand)}, got {quoted(match, 1000)}"
            )
        return [match]
    return [m for m in of_brand if m.probability is None or m.probability >= SHOWN_FROM] or of_brand[:1]


def with_photos(
    report: Report, matches: Sequence[Match], photos: Sequence[ImageSource] | None, root: Root
) -> list[tuple[Rgb, Match]]:
    """Return each match with its photo, uint8 (H, W, 3); see `read_photos`."""
    pixels = read_photos(report, {m.image for m in matches}, photos, root)
    return [(pixels[m.image], m) for m in matches]


def squares_of(regions: Sequence[tuple[Rgb, Match]], made: Preprocessing) -> list[Rgb]:
    """Return the squares of regions as an encoder got them, uint8 (n, n, 3) each; negatives are these very pixels.

    Args:
        regions: Matches with their photos.
        made: How the encoder makes its squares.
    """
    return [square_crops(rgb, np.array([m.xyxy], np.float32), made.size_px, made.fit)[0] for rgb, m in regions]


def read_photos(
    report: Report, numbers: Collection[int], photos: Sequence[ImageSource] | None, root: Root
) -> dict[int, Rgb]:
    """Return photos of a listing by their numbers, uint8 (H, W, 3) each.

    Args:
        report: Report with the files and hashes of the photos.
        numbers: Numbers of the photos, from 0.
        photos: All photos of the listing, in order; the files that the report names if None.
        root: Folder of those files.

    Raises:
        InputError: A photo is missing, or not the one that was scanned.
        ImageError: A photo cannot be read.
    """
    if photos is not None and len(photos) < len(report.images):
        raise InputError(f"photos: expected all {len(report.images)} of the listing, got {len(photos)}")
    pixels: dict[int, Rgb] = {}
    for number in sorted(numbers):
        if not 0 <= number < len(report.images):
            raise InputError(f"image: expected a number below {len(report.images)}, from 0, got {number}")
        record = report.images[number]
        source = record.file if photos is None else photos[number]
        if source is None:
            raise InputError(f"photos: expected those of the listing, as image {number} was no file, got None")
        picture = read_picture(source, root=root)
        if picture.sha256 != record.sha256:
            raise InputError(
                f"image {number}: expected the photo that was scanned (sha256 {record.sha256}), got {picture.sha256}"
            )
        pixels[number] = picture.rgb
    return pixels
