"""The pictures of an evidence page: photos, the places that were matched, registered logos, outlines; as data URLs.

One photo is held decoded at a time, made smaller if it is large, and each content once. A photo that is not there, or
not the one that was scanned, gives a sentence in its place. Knows no markup.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from logoscan._hashing import sha256_hex
from logoscan.errors import LogoscanError
from logoscan.images.loading import Picture, read_file, read_picture
from logoscan.matching.alignment import overlay
from logoscan.matching.alteration import cut, laid
from logoscan.reporting.groups import Place
from logoscan.results import ImageRecord
from logoscan.sources import Root
from logoscan.types import LogoImages, Rgb, Rgba

__all__ = ["Evidence", "Photo", "pictured", "thumbnail"]

_CROP_PX = 224
_THUMB_PX = 112
_MOST_PHOTOS = 50
"""Of a page that are shown, as many as a scan looks at; the others are named."""
_FITS_FROM = 0.5
"""Correlation of edges from which an outline is shown; below, it lies anywhere."""


@dataclass(frozen=True, eq=False)
class Photo:
    """One photo of a listing.

    Attributes:
        jpeg: The photo, made small; None where it cannot be shown.
        missing: Why not.
        width: Width of the photo as it was scanned, in pixels; boxes are in these. 0 where it is not known.
        height: Height of the photo as it was scanned.
        failed: It was there when it was scanned, and should have been shown.
    """

    jpeg: bytes | None
    missing: str | None
    width: int
    height: int
    failed: bool = False

    @property
    def url(self) -> str | None:
        """The photo as a data URL."""
        return None if self.jpeg is None else _jpeg_url(self.jpeg)


@dataclass(frozen=True)
class Evidence:
    """What is shown of one place; each URL is None where there is nothing to show, and `notes` say why."""

    crop: str | None = None
    drawing: str | None = None
    outlined: str | None = None
    notes: tuple[str, ...] = ()


def pictured(
    records: Sequence[ImageRecord], found: Sequence[Place], index: LogoImages | None, root: Root, side_px: int
) -> tuple[list[Photo], list[Evidence]]:
    """The photos of a report as they stand on disk, and what is shown of places in them.

    Args:
        records: The photos.
        found: Places in them.
        index: Whose logos are shown.
        root: Folder of the photos, which may not lead out of it; see `opening.Root`.
        side_px: Longest side of a photo on the page.
    """
    photos: dict[int, Photo] = {}
    shown: dict[int, Evidence] = {}
    same: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        if record.sha256 is not None and record.file is not None and number < _MOST_PHOTOS:
            same.setdefault(record.sha256, []).append(number)
            continue
        why = "The photo was not read from a file, so that it cannot be shown."
        if number >= _MOST_PHOTOS:
            why = f"A page shows {_MOST_PHOTOS} photos; this one is left out."
        elif record.file is not None:
            why = _unreadable(record, root)
        photos[number] = _absent(record, why)
    for digest, numbers in same.items():
        picture: Picture | None = None
        jpeg: bytes | None = None
        for number in numbers:
            record = records[number]
            file = record.file or ""
            try:
                if picture is None:
                    read = read_picture(file, root=root, reduced=True)
                    now = read.sha256
                    picture = read if now == digest else None
                else:
                    now = sha256_hex(read_file(file, root=root))
            except (LogoscanError, OSError) as error:
                photos[number] = _absent(record, _not_shown(error, root), failed=True)
                continue
            if picture is None or now != digest:
                said = "The file has changed since the scan, so that it is not shown."
                photos[number] = _absent(record, said, failed=True)
                continue
            jpeg = jpeg or _jpeg(picture.rgb, side_px)
            photos[number] = Photo(jpeg, None, *picture.size_wh)
        for which, place in enumerate(found):
            if place.best.image in numbers:
                there = photos[place.best.image].jpeg is not None
                shown[which] = _evidence(place, picture if there else None, index)
    rest = range(len(found))
    return [photos[i] for i in range(len(records))], [shown.get(i) or _evidence(found[i], None, index) for i in rest]


def _absent(record: ImageRecord, why: str, *, failed: bool = False) -> Photo:
    return Photo(None, why, record.width or 0, record.height or 0, failed)


def _unreadable(record: ImageRecord, root: Root) -> str:
    """What is to be said of a photo that the scan could not read."""
    try:
        read_file(record.file or "", root=root)
    except (LogoscanError, OSError) as error:
        return _not_shown(error, root)
    return "The photo was not looked at, or could not be read, when the listing was scanned."


def _not_shown(error: Exception, root: Root) -> str:
    where = "" if root is None else ", below the folder that was given for the photos"
    return f"The photo cannot be shown: {error}{where if 'no such' in str(error) else ''}"


def _evidence(place: Place, picture: Picture | None, index: LogoImages | None) -> Evidence:
    """The cut-out of a place, the logo that it was matched with, and the logo's outline where it fits."""
    match, notes = place.best, []
    crop = drawing = outlined = None
    seen = picture is not None and _meets(match.xyxy, picture.size_wh)
    rgb, xyxy = None, match.xyxy
    if picture is not None and not seen:
        notes.append("The box lies outside of the photo.")
    if picture is not None and seen:
        rgb, xyxy = picture.rgb, _scaled(match.xyxy, picture)
        crop = _jpeg_url(_jpeg(cut(rgb, xyxy, _CROP_PX), _CROP_PX))
    registered = None
    if index is None:
        notes.append("No register was given, so that the logo is not shown.")
    else:
        try:
            registered = index.logo_image(match.brand, match.logo)
            if registered is None:
                notes.append("The register keeps no drawing of it: the brand is known by its name.")
        except LogoscanError:
            notes.append("The logo is not in this register.")
    if registered is not None:
        drawing = _png_url(registered)
        if rgb is not None and registered[..., 3].any() and registered[..., 3].min() < 255:
            outlined, note = _outline(rgb, xyxy, registered)
            notes.append(note)
    return Evidence(crop, drawing, outlined, tuple(notes))


def _scaled(xyxy: tuple[float, float, float, float], picture: Picture) -> tuple[float, float, float, float]:
    """A box in pixels of the file as it lies in the picture, which may have been decoded smaller."""
    (height, width), (wide, high) = picture.rgb.shape[:2], picture.size_wh
    x0, y0, x1, y1 = xyxy
    return x0 * width / wide, y0 * height / high, x1 * width / wide, y1 * height / high


def _outline(rgb: Rgb, xyxy: tuple[float, float, float, float], drawing: Rgba) -> tuple[str | None, str]:
    """The place with the aligned outline, and what to say of it."""
    found = laid(cut(rgb, xyxy), drawing)
    if found is None or found[1].correlation < _FITS_FROM:
        return None, "The registered drawing cannot be laid over the place."
    form, alignment = found
    mirrored = ", mirrored" if alignment.mirrored else ""
    picture = overlay(cut(rgb, xyxy, _CROP_PX), form, alignment)
    return _jpeg_url(_jpeg(picture, _CROP_PX)), f"Outline: edges agree by {alignment.correlation:.2f} of 1{mirrored}."


def _meets(xyxy: Sequence[float], size_wh: tuple[int, int]) -> bool:
    x0, y0, x1, y1 = xyxy
    return x0 < x1 and y0 < y1 and x1 > 0 and y1 > 0 and x0 < size_wh[0] and y0 < size_wh[1]


def thumbnail(photo: Photo) -> bytes | None:
    """A small JPEG for a table; None where the photo cannot be shown."""
    if photo.jpeg is None:
        return None
    with Image.open(io.BytesIO(photo.jpeg), formats=["JPEG"]) as small:
        return _jpeg(np.asarray(small), _THUMB_PX, 72)


def _jpeg(rgb: Rgb, side_px: int, quality: int = 80) -> bytes:
    picture = Image.fromarray(rgb)
    picture.thumbnail((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _jpeg_url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _png_url(rgba: Rgba) -> str:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgba)).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
