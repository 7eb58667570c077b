"""Where a report saw a brand, and the photos it was seen in, which must be the ones that were scanned."""

from __future__ import annotations

from collections.abc import Sequence

from logoscan.errors import InputError
from logoscan.images.loading import read_picture
from logoscan.results import SHOWN_FROM, Report
from logoscan.sources import Root
from logoscan.types import ImageSource, Match, Rgb

__all__ = ["photographed", "places_of"]


def places_of(report: Report, brand: str, match: Match | None) -> list[Match]:
    """The given match, or the brand's that people see, surest first; the surest if they see none.

    Raises:
        InputError: The given one is not in the report.
    """
    own = [m for m in report.matches if m.brand == brand]
    if match is not None:
        if match not in own:
            raise InputError(f"match: expected one of the report's {len(own)} of {brand!r:.80}, got {match!r:.200}")
        return [match]
    return [m for m in own if m.probability is None or m.probability >= SHOWN_FROM] or own[:1]


def photographed(
    report: Report, places: Sequence[Match], photos: Sequence[ImageSource] | None, root: Root
) -> list[tuple[Rgb, Match]]:
    """Each place with its photo, uint8 (H, W, 3).

    Args:
        report: With the files and hashes of the photos.
        places: Its matches.
        photos: The listing's, all in their order; the files that the report names if None.
        root: Folder of those files.

    Raises:
        InputError: A photo is missing, or not the one that was scanned.
        ImageError: It cannot be read.
    """
    if photos is not None and len(photos) < len(report.images):
        raise InputError(f"photos: expected all {len(report.images)} of the listing, got {len(photos)}")
    pixels: dict[int, Rgb] = {}
    for number in sorted({m.image for m in places}):
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
    return [(pixels[m.image], m) for m in places]
