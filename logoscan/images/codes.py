"""Bar codes and matrix codes of a photo: what they say, the GTIN and serial in it, and whether these are well formed.

Reads by zxing-cpp, and understands GS1 by biip. A code is read or it is not: formats with check digits or error
correction give next to no wrong reading. Knows no brands, listings or scores, and asks no issuer whether a serial is
genuine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import MissingDependencyError
from logoscan.evidence import Code, CodeFormat
from logoscan.images._bars import bar_places, enlarged, read_bars
from logoscan.images._code_places import code_places, halved, looks_like_code

__all__ = ["can_read_codes", "find_codes", "find_codes_in_reduced", "gs1_of", "looks_like_code", "require_codes"]

# Formats by the name of zxing-cpp: those on goods and labels. Others (Aztec, PDF417, Code 39, ITF) stand on tickets and
# parcels, and Code 39 and ITF have no check digit.
_FORMATS: dict[str, CodeFormat] = {
    "EAN13": "ean13",
    "EAN8": "ean8",
    "UPCA": "upca",
    "UPCE": "upce",
    "Code128": "code128",
    "QRCode": "qr",
    "DataMatrix": "datamatrix",
}
# Formats of bars, which are read twice.
_BARS = frozenset({"EAN13", "EAN8", "UPCA", "UPCE", "Code128"})
# Codes of one photo that are kept: a sheet of labels has dozens.
_MOST_CODES = 50
# Longest text of a code that is kept; a QR code holds 4,296 characters.
_MOST_CHARS = 2000
# A serial of Amazon Transparency: a mark and 26 letters or digits.
_TRANSPARENCY = re.compile(r"(?:AZ|ZA):([A-Z0-9]{26})")
# The least side of a picture that may hold a code.
_LEAST_SIDE_PX = 24


class Gs1(NamedTuple):
    """What a GS1 text states: GTIN (14 digits), serial, and whether check digits and structure are right."""

    gtin: str | None
    serial: str | None
    valid: bool | None


def can_read_codes() -> bool:
    """Return whether the packages of the extra `codes` are installed."""
    return find_spec("zxingcpp") is not None and find_spec("biip") is not None


def require_codes() -> None:
    """Raise where codes cannot be read.

    Raises:
        MissingDependencyError: zxing-cpp or biip is not installed.
    """
    if not can_read_codes():
        raise MissingDependencyError("codes: needs pip install 'logoscan[codes]'")


def find_codes(grey: NDArray[np.uint8]) -> tuple[Code, ...]:
    """Read the codes of a photo, and return them by their position, top first.

    QR codes and DataMatrices are read from 50 px, bar codes from 1.5 px a bar (`python -m benchmarks codes`), so the
    photo must have its full size.

    Args:
        grey: The photo, uint8 (H, W).

    Raises:
        MissingDependencyError: zxing-cpp or biip is not installed.
    """
    require_codes()
    if min(grey.shape) < _LEAST_SIDE_PX:
        return ()
    grey = np.ascontiguousarray(grey)
    places = [(found, _corners(found)) for found in _readings(grey, return_errors=True)]
    if not any(_name(found.format) in _BARS for found, _ in places):
        for x0, y0, x1, y1 in bar_places(grey):
            more = _readings(enlarged(grey[y0:y1, x0:x1]), return_errors=True)
            places += [(found, _corners(found) * np.float32(0.5) + np.array([x0, y0], np.float32)) for found in more]
    codes = []
    for found, corners in places[:_MOST_CODES]:
        if _name(found.format) in _BARS:
            again = read_bars(grey, corners, _readings_of_bars)
            # Code 128 has a check character of 103 values, and is believed at once
            found = found if again is None and found.valid and _name(found.format) == "Code128" else again
        if found is not None and found.valid and found.text:
            codes.append(_code(found, corners, grey.shape))
    return _in_order(codes)


def find_codes_in_reduced(
    grey: NDArray[np.uint8], size_wh: tuple[int, int], full: Callable[[], NDArray[np.uint8]]
) -> tuple[Code, ...]:
    """Read the codes of a large photo of which a smaller copy was decoded; boxes are in pixels of the photo.

    Only places that look like a code are searched, each at twice the scale on which it does; the photo is decoded at
    its full size only for those whose details the copy has lost.

    Args:
        grey: The copy, uint8 (H, W).
        size_wh: Width and height of the photo.
        full: Returns the photo in full size, uint8 (H, W).

    Raises:
        MissingDependencyError: zxing-cpp or biip is not installed.
    """
    require_codes()
    places = code_places(grey)
    pictures = [grey]
    while places and len(pictures) < max(place.level for place in places):
        pictures.append(halved(pictures[-1]))
    photo = full() if any(place.level == 0 for place in places) else grey
    codes: list[Code] = []
    for level, (x0, y0, x1, y1) in places:
        picture = pictures[level - 1] if level else photo
        here_wh = (grey.shape[1] // 2**level, grey.shape[0] // 2**level)
        scale = np.array([picture.shape[1] / here_wh[0], picture.shape[0] / here_wh[1]] * 2)
        left, top, right, bottom = np.rint(np.array([x0, y0, x1, y1]) * scale).astype(int).tolist()
        back = np.array([size_wh[0] / picture.shape[1], size_wh[1] / picture.shape[0]] * 2)
        for code in find_codes(picture[top:bottom, left:right]):
            box = ((np.array(code.xyxy) + np.array([left, top] * 2)) * back).clip(0, [*size_wh, *size_wh]).tolist()
            found = replace(code, xyxy=tuple(box))
            if not any(_same(found, other) for other in codes):
                codes.append(found)
    return _in_order(codes)


def _same(one: Code, other: Code) -> bool:
    """Return whether two codes are one that was read on two scales."""
    a, b = one.xyxy, other.xyxy
    apart = a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
    return (one.format, one.text) == (other.format, other.text) and not apart


def _in_order(codes: Iterable[Code]) -> tuple[Code, ...]:
    distinct = {(code.format, code.text, code.xyxy): code for code in codes}
    return tuple(sorted(distinct.values(), key=lambda c: (c.xyxy[1], c.xyxy[0], c.text))[:_MOST_CODES])


@cache
def _zxing() -> tuple[Any, Any]:
    import zxingcpp

    return zxingcpp, [getattr(zxingcpp.BarcodeFormat, name) for name in _FORMATS]


def _readings(grey: NDArray[np.uint8], **options: Any) -> list[Any]:
    zx, formats = _zxing()
    return list(zx.read_barcodes(grey, formats=formats, text_mode=zx.TextMode.Plain, **options))


def _readings_of_bars(grey: NDArray[np.uint8]) -> list[Any]:
    found = _readings(grey, try_rotate=False, try_downscale=False, try_invert=False)
    return [one for one in found if one.text and _name(one.format) in _BARS]


def _corners(found: Any) -> NDArray[np.float32]:
    place = found.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    return np.array([(corner.x, corner.y) for corner in corners], np.float32)


def _code(found: Any, corners: NDArray[np.float32], shape: tuple[int, ...]) -> Code:
    height, width = shape[:2]
    low = np.clip(corners.min(axis=0), 0, [width - 1, height - 1]).tolist()
    high = np.clip(corners.max(axis=0) + 1, 1, [width, height]).tolist()
    box = (low[0], low[1], high[0], high[1])
    text, kind = found.text[:_MOST_CHARS], _FORMATS[_name(found.format)]
    gs1 = gs1_of(text, kind, found.symbology_identifier)
    return Code(kind, text, box, gs1.gtin, gs1.serial, gs1.valid)


def _name(kind: Any) -> str:
    """Return zxing-cpp's name of a format, which prints as "QR Code" or "EAN-13"."""
    name = re.sub("[^A-Za-z0-9]", "", str(kind).rpartition(".")[2])
    return name if name in _FORMATS else "QRCode"  # a variant of a matrix code, such as QRCodeModel1


def gs1_of(text: str, kind: CodeFormat, symbology: str = "") -> Gs1:
    """Return what a code's text states by GS1's rules, and by the form of Transparency serials.

    Knows bar codes of retail, element strings with (01) and (21) in DataMatrix and Code 128, also where the seller of
    the label left out the mark that says so, as Chestny ZNAK labels often do, and addresses of GS1 Digital Link.

    Args:
        text: What the code says, group separators included.
        kind: Format of the code.
        symbology: ISO/IEC 15424 identifier ("]d2"), as the reader gives it.
    """
    if match := _TRANSPARENCY.fullmatch(text.strip()):
        return Gs1(None, match[1], True)
    if kind in ("ean13", "ean8", "upca", "upce"):
        return _retail(text, symbology)
    is_gs1 = symbology in ("]d2", "]Q3", "]C1", "]e0")
    if is_gs1 or re.match(r"\x1d?01[0-9]{14}(?:21|17|10|11)", text):
        return _elements(text.removeprefix("\x1d").removeprefix("\xe8"))
    if re.match(r"https?://[^/\s]+/(?:[^?#]*/)?01/[0-9]{8,14}", text, re.IGNORECASE):
        return _digital_link(text)
    return Gs1(None, None, None)


def _retail(text: str, symbology: str) -> Gs1:
    import biip

    try:
        parsed = biip.parse(f"{symbology}{text}" if symbology else text)
    except biip.ParseError:
        return Gs1(None, None, False)
    if parsed.gtin is None and parsed.upc is not None:  # UPC-E is short for a UPC-A
        parsed = biip.parse(parsed.upc.as_upc_a())
    return Gs1(parsed.gtin.as_gtin_14() if parsed.gtin else None, None, parsed.gtin is not None)


def _elements(text: str) -> Gs1:
    from biip import ParseError
    from biip.gs1_messages import GS1Message

    try:
        return _stated(GS1Message.parse(text).element_strings)
    except ParseError:
        return Gs1(None, None, False)


def _stated(strings: Iterable[Any]) -> Gs1:
    by_ai = {string.ai.ai: string for string in strings}
    item, serial = by_ai.get("01"), by_ai.get("21")
    gtin = None if item is None or item.gtin is None else item.gtin.as_gtin_14()
    return Gs1(gtin, None if serial is None else serial.value, item is None or gtin is not None)


def _digital_link(text: str) -> Gs1:
    from biip import ParseError
    from biip.gs1_digital_link_uris import GS1DigitalLinkURI

    try:
        stated = _stated(GS1DigitalLinkURI.parse(text).element_strings)
    except ParseError:
        return Gs1(None, None, None)
    return stated if stated.gtin else Gs1(None, None, None)  # an address that only looks like one
