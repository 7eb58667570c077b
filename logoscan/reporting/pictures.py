"""Images of an evidence page: photos, crops of the matched regions, logo images, outlines.

Only one photo is decoded at a time, at a reduced size if it is large; photos with the same content are decoded once.
For a photo that is missing, or is not the one that was scanned, the page shows a sentence. Contains no HTML.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from logoscan._hashing import sha256_hex
from logoscan.errors import LogoscanError
from logoscan.images.loading import Picture, read_file, read_picture
from logoscan.matching.alignment import is_clearly_mirrored, overlay
from logoscan.matching.alteration import align_forms, crop_match
from logoscan.reporting.groups import MatchGroup
from logoscan.results import ImageRecord
from logoscan.sources import Root
from logoscan.types import LogoImages, Rgb, Rgba

__all__ = ["EvidenceCrop", "PagePhoto", "read_photos", "reduced_jpeg"]

_CROP_PX = 224
# Photos that a page shows, as many as a scan examines; the others are only named.
_MAX_PHOTOS = 50
# Correlation of edges from which an outline is shown; below it, the outline lies anywhere.
_MIN_OUTLINE_CORRELATION = 0.5


@dataclass(frozen=True, eq=False)
class PagePhoto:
    """One photo of a listing as the page shows it.

    Attributes:
        jpeg: The photo as a JPEG of reduced size; None if it cannot be shown.
        missing: Why it cannot be shown, a sentence; None if it can.
        width: Width of the scanned photo in pixels, the unit of boxes; 0 if unknown.
        height: Height of the scanned photo in pixels; 0 if unknown.
        failed: Whether the scan read the photo and the page cannot show it.
    """

    jpeg: bytes | None
    missing: str | None
    width: int
    height: int
    failed: bool = False


@dataclass(frozen=True)
class EvidenceCrop:
    """The images beside one match group.

    Attributes:
        crop: The region cut out of the photo, a JPEG; None if it cannot be shown.
        logo: The registered logo image, a PNG; None if there is none.
        outline: The crop with the logo's outline drawn on it, a JPEG; None if the outline does not fit.
        notes: Sentences that say why an image is missing, and how well the outline fits.
    """

    crop: bytes | None = None
    logo: bytes | None = None
    outline: bytes | None = None
    notes: tuple[str, ...] = ()


def read_photos(
    records: Sequence[ImageRecord], groups: Sequence[MatchGroup], index: LogoImages | None, root: Root, side_px: int
) -> tuple[list[PagePhoto], list[EvidenceCrop]]:
    """Read the photos of a report from disk, and cut out the regions that were matched.

    Args:
        records: Photos of the listing, in order.
        groups: Match groups in these photos.
        index: Index whose logo images are shown; None shows none.
        root: Folder of the photos, which they may not leave; see `sources.Root`.
        side_px: Longest side of a photo on the page.

    Returns:
        One photo for each record, and one crop for each group.
    """
    photos: dict[int, PagePhoto] = {}
    crops: dict[int, EvidenceCrop] = {}
    numbers_of: dict[str, list[int]] = {}  # by SHA-256
    for number, record in enumerate(records):
        if record.sha256 is not None and record.file is not None and number < _MAX_PHOTOS:
            numbers_of.setdefault(record.sha256, []).append(number)
            continue
        why = "The photo was not read from a file, so that it cannot be shown."
        if number >= _MAX_PHOTOS:
            why = f"A page shows {_MAX_PHOTOS} photos; this one is left out."
        elif record.file is not None:
            why = _why_unread(record, root)
        photos[number] = _missing_photo(record, why)
    for sha256, numbers in numbers_of.items():
        picture: Picture | None = None
        jpeg: bytes | None = None
        for number in numbers:
            record = records[number]
            file = record.file or ""
            try:
                if picture is None:
                    candidate = read_picture(file, root=root, reduced=True)
                    sha256_now = candidate.sha256
                    picture = candidate if sha256_now == sha256 else None
                else:
                    sha256_now = sha256_hex(read_file(file, root=root))
            except (LogoscanError, OSError) as error:
                photos[number] = _missing_photo(record, _why_not_shown(error, root), failed=True)
                continue
            if picture is None or sha256_now != sha256:
                why = "The file has changed since the scan, so that it is not shown."
                photos[number] = _missing_photo(record, why, failed=True)
                continue
            jpeg = jpeg or _jpeg(picture.rgb, side_px)
            photos[number] = PagePhoto(jpeg, None, *picture.size_wh)
        for row, group in enumerate(groups):
            if group.best.image in numbers:
                is_shown = photos[group.best.image].jpeg is not None
                crops[row] = _evidence_crop(group, picture if is_shown else None, index)
    for row, group in enumerate(groups):
        if row not in crops:
            crops[row] = _evidence_crop(group, None, index)
    return [photos[i] for i in range(len(records))], [crops[i] for i in range(len(groups))]


def _missing_photo(record: ImageRecord, why: str, *, failed: bool = False) -> PagePhoto:
    return PagePhoto(None, why, record.width or 0, record.height or 0, failed)


def _why_unread(record: ImageRecord, root: Root) -> str:
    """Return a sentence about a photo that the scan did not read."""
    try:
        read_file(record.file or "", root=root)
    except (LogoscanError, OSError) as error:
        return _why_not_shown(error, root)
    return "The photo was not looked at, or could not be read, when the listing was scanned."


def _why_not_shown(error: Exception, root: Root) -> str:
    where = "" if root is None else ", below the folder that was given for the photos"
    return f"The photo cannot be shown: {error}{where if 'no such' in str(error) else ''}"


def _evidence_crop(group: MatchGroup, picture: Picture | None, index: LogoImages | None) -> EvidenceCrop:
    """Return the crop of a region, the logo image that it was matched with, and the logo's outline where it fits."""
    match, notes = group.best, []
    crop = logo = outline = None
    is_inside = picture is not None and _overlaps(match.xyxy, picture.size_wh)
    rgb, xyxy = None, match.xyxy
    if picture is not None and not is_inside:
        notes.append("The box lies outside of the photo.")
    if picture is not None and is_inside:
        rgb, xyxy = picture.rgb, _scaled(match.xyxy, picture)
        crop = _jpeg(crop_match(rgb, xyxy, _CROP_PX), _CROP_PX)
    registered = None
    if index is None:
        notes.append("No registered logos were given (--index), so that none is shown beside it.")
    else:
        try:
            registered = index.logo_image(match.brand, match.logo)
            if registered is None:
                notes.append("The brand is registered by its name, without a logo.")
        except LogoscanError:
            notes.append("The logo is not among the registered logos that were given.")
    if registered is not None:
        logo = _png(registered)
        if rgb is not None and registered[..., 3].any() and registered[..., 3].min() < 255:
            outline, note = _outline(rgb, xyxy, registered)
            notes.append(note)
    return EvidenceCrop(crop, logo, outline, tuple(notes))


def _scaled(xyxy: tuple[float, float, float, float], picture: Picture) -> tuple[float, float, float, float]:
    """Convert a box from pixels of the file to pixels of the decoded picture, which may be smaller."""
    (height, width), (wide, high) = picture.rgb.shape[:2], picture.size_wh
    x0, y0, x1, y1 = xyxy
    return x0 * width / wide, y0 * height / high, x1 * width / wide, y1 * height / high


def _outline(rgb: Rgb, xyxy: tuple[float, float, float, float], logo: Rgba) -> tuple[bytes | None, str]:
    """Return the crop with the logo's outline aligned to it, and a sentence about the fit.

    The mirrored logo is laid over it only where the upright one fits clearly worse.
    """
    crop = crop_match(rgb, xyxy)
    fit = align_forms(crop, logo)
    mirrored = fit is not None and is_clearly_mirrored(fit[1], fit[0])
    if fit is not None and fit[1].mirrored and not mirrored:
        fit = align_forms(crop, logo, upright=True)
    if fit is None or fit[1].correlation < _MIN_OUTLINE_CORRELATION:
        return None, "The registered logo cannot be laid over the place."
    form, alignment = fit
    outline = overlay(crop_match(rgb, xyxy, _CROP_PX), form, alignment)
    note = f"The outline agrees with the edges in the photo by {100 * alignment.correlation:.0f} %"
    return _jpeg(outline, _CROP_PX), f"{note}{', mirrored' if mirrored else ''}."


def _overlaps(xyxy: Sequence[float], size_wh: tuple[int, int]) -> bool:
    x0, y0, x1, y1 = xyxy
    return x0 < x1 and y0 < y1 and x1 > 0 and y1 > 0 and x0 < size_wh[0] and y0 < size_wh[1]


def reduced_jpeg(jpeg: bytes, side_px: int) -> bytes:
    """Return a JPEG whose longer side is at most so long."""
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
        return jpeg if max(picture.size) <= side_px else _jpeg(np.asarray(picture), side_px, 72)


def _jpeg(rgb: Rgb, side_px: int, quality: int = 80) -> bytes:
    picture = Image.fromarray(rgb)
    picture.thumbnail((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _png(rgba: Rgba) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgba)).save(out, "PNG")
    return out.getvalue()
