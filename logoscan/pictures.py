"""The pictures of an evidence page: photos, the places that were matched, registered logos, outlines; as data URLs.

A photo that is not there, or not the one that was scanned, gives a sentence in its place. Knows no markup.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from logoscan.alignment import overlay
from logoscan.alteration import cut, laid
from logoscan.errors import LogoscanError
from logoscan.images import Root, read_picture
from logoscan.index import LogoIndex
from logoscan.places import Place
from logoscan.results import ImageRecord
from logoscan.types import Rgb, Rgba

__all__ = ["Evidence", "Photo", "evidence_of", "photo_of", "thumbnail"]

_CROP_PX = 224
_THUMB_PX = 112
_FITS_FROM = 0.5
"""Correlation of edges from which an outline is shown; below, it lies anywhere."""


@dataclass(frozen=True, eq=False)
class Photo:
    """One photo of a listing.

    Attributes:
        url: The photo, made small, as a data URL; None where it cannot be shown.
        missing: Why not.
        width: Of the photo as it was scanned, in pixels; boxes are in these. 0 where it is not known.
        height: Likewise.
        rgb: The photo itself, uint8 (H, W, 3).
    """

    url: str | None
    missing: str | None
    width: int
    height: int
    rgb: Rgb | None


@dataclass(frozen=True)
class Evidence:
    """What is shown of one place; each URL is None where there is nothing to show, and `notes` say why."""

    crop: str | None = None
    drawing: str | None = None
    outlined: str | None = None
    notes: tuple[str, ...] = ()


def photo_of(record: ImageRecord, root: Root, side_px: int) -> Photo:
    """A photo of a report as it stands on disk, at most `side_px` wide or high."""

    def absent(reason: str) -> Photo:
        return Photo(None, reason, record.width or 0, record.height or 0, None)

    if record.file is None:
        return absent("The photo was not read from a file, so that it cannot be shown.")
    try:
        picture = read_picture(record.file, root=root)
    except (LogoscanError, OSError) as error:
        return absent(f"The photo cannot be shown: {error}")
    if record.sha256 is None:
        return absent("The photo could not be read when the listing was scanned.")
    if picture.sha256 != record.sha256:
        return absent("The file has changed since the scan, so that it is not shown.")
    height, width = picture.rgb.shape[:2]
    return Photo(_jpeg_url(picture.rgb, side_px), None, width, height, picture.rgb)


def evidence_of(place: Place, photo: Photo, index: LogoIndex | None) -> Evidence:
    """The cut-out of a place, the logo that it was matched with, and the logo's outline where it fits."""
    match, notes = place.best, []
    crop = drawing = outlined = None
    seen = photo.rgb is not None and _meets(match.xyxy, photo)
    if photo.rgb is not None and not seen:
        notes.append("The box lies outside of the photo.")
    if photo.rgb is not None and seen:
        crop = _jpeg_url(cut(photo.rgb, match.xyxy, _CROP_PX), _CROP_PX)
    registered = None
    if index is None:
        notes.append("No register was given, so that the logo is not shown.")
    else:
        try:
            registered = index.drawing(match.brand, match.logo)
            if registered is None:
                notes.append("The register keeps no drawing of it: the brand is known by its name.")
        except LogoscanError:
            notes.append("The logo is not in this register.")
    if registered is not None:
        drawing = _png_url(registered)
        if photo.rgb is not None and seen and registered[..., 3].any() and registered[..., 3].min() < 255:
            outlined, note = _outline(photo.rgb, match.xyxy, registered)
            notes.append(note)
    return Evidence(crop, drawing, outlined, tuple(notes))


def _outline(rgb: Rgb, xyxy: tuple[float, float, float, float], drawing: Rgba) -> tuple[str | None, str]:
    """The place with the aligned outline, and what to say of it."""
    found = laid(cut(rgb, xyxy), drawing)
    if found is None or found[1].correlation < _FITS_FROM:
        return None, "The registered drawing cannot be laid over the place."
    form, alignment = found
    mirrored = ", mirrored" if alignment.mirrored else ""
    picture = overlay(cut(rgb, xyxy, _CROP_PX), form, alignment)
    return _jpeg_url(picture, _CROP_PX), f"Outline: edges agree by {alignment.correlation:.2f} of 1{mirrored}."


def _meets(xyxy: Sequence[float], photo: Photo) -> bool:
    x0, y0, x1, y1 = xyxy
    return x0 < x1 and y0 < y1 and x1 > 0 and y1 > 0 and x0 < photo.width and y0 < photo.height


def thumbnail(rgb: Rgb) -> bytes:
    """A small JPEG for a table."""
    return _jpeg(rgb, _THUMB_PX, 72)


def _jpeg(rgb: Rgb, side_px: int, quality: int = 80) -> bytes:
    picture = Image.fromarray(rgb)
    picture.thumbnail((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _jpeg_url(rgb: Rgb, side_px: int) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(_jpeg(rgb, side_px)).decode()}"


def _png_url(rgba: Rgba) -> str:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgba)).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
