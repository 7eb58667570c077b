"""The formats of pictures that are read, and checks of what a file would cost its decoder before it runs."""

from __future__ import annotations

import struct
from fractions import Fraction

from PIL import ImageFile

from logoscan.errors import ImageError
from logoscan.images._bmff import refuse_costly_avif
from logoscan.sources import HEAD_BYTES, kind_of

__all__ = ["FORMATS", "PILLOW_FORMATS", "most_reads", "orientation", "refuse_costly_file"]

PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
"""Formats whose Pillow decoders may run; every other format that Pillow could open is refused."""
FORMATS = (*PILLOW_FORMATS, "MPO", "HEIC")
"""Formats that are read, of several frames the first. MPO is JPEG with more pictures; HEIC needs an extra."""
# Share of the most pixels that a format may have, since its decoder takes more memory: that of WEBP holds a picture
# four times (8 bytes a pixel), that of AVIF its planes, RGB twice and the picture (9.5 bytes, 20 with 12 bits and
# transparency), that of TIFF a strip that may be the whole picture. A phone's largest HEIC has 49 million pixels, at
# 7.5 bytes.
_SHARES = {"WEBP": Fraction(1, 3), "AVIF": Fraction(1, 2), "TIFF": Fraction(1, 2), "HEIC": Fraction(4, 5)}
# Share of the most pixels that pictures of 16 bits may have: they take twice the bytes.
_DEEP_SHARE = Fraction(1, 2)
# Most pixels of a run-length coded BMP, which Pillow decodes in Python, byte by byte.
_MOST_RUN_PIXELS = 1 << 20
# Most pixels of a JPEG times its scans, each of which is a pass over the picture and may take few bytes: 20 scans of
# the largest picture, 100 of a phone's. Encoders make up to ten.
_MOST_SCANNED_PIXELS = 1_300_000_000
# Most blocks of a JPEG that are joined or read one by one within its segments; a photo has one, and some dozens.
_MOST_BLOCKS = {b"Exif\0\0": 8, b"8BIM": 20_000}
# Most reads of a file by Pillow, whose parsers read each block of it in Python: a file of 32 MiB can hold eight
# million. A photo takes up to 500, a large PNG in small blocks 16,000.
MOST_READS = 20_000
# Most numbers in one tag of a TIFF: the strips of the longest side in three planes. Pillow makes an object of each.
_MOST_TIFF_NUMBERS = 90_000
_MOST_TIFF_TAGS = 1000
# Compressions that scanners and cameras write. LZMA and ZSTD may ask for any memory, old JPEG has no rules, and the
# rest is not used for photos.
_TIFF_COMPRESSIONS = {"raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "jpeg", "group3", "group4"}
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_TILE_WIDTH, _TILE_LENGTH, _ROWS_PER_STRIP = 322, 323, 278
_OFFSET_TAGS = {_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES}
# Types of a TIFF's tags whose values are bytes: they take no object each.
_BYTE_TYPES = (1, 2, 7)
_ORIENTATION_TAG, _SHORT, _LONG = 0x0112, 3, 4
# Most entries of an EXIF directory that are searched for the orientation.
_MOST_EXIF_ENTRIES = 1000


def orientation(exif: bytes) -> int:
    """Return the orientation, 1 to 8, that an EXIF block states first; 1 where it states none."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        start = struct.unpack_from(order + "I", exif, 4)[0]
        count = struct.unpack_from(order + "H", exif, start)[0]
        for at in range(start + 2, start + 2 + 12 * min(count, _MOST_EXIF_ENTRIES), 12):
            tag, kind, _ = struct.unpack_from(order + "HHI", exif, at)
            if tag == _ORIENTATION_TAG and kind in (_SHORT, _LONG):
                value = int(struct.unpack_from(order + ("H" if kind == _SHORT else "I"), exif, at + 8)[0])
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def plain_jpeg(data: bytes) -> tuple[bytes, int]:
    """Return a JPEG reduced to its picture, and its orientation, 1 to 8.

    EXIF blocks, the tables of further pictures and whatever else cameras and programs add are left out, so that none of
    it is parsed: Pillow warns about each broken entry, and the warning filters belong to the host.
    """
    segments, at, turned = [data[:2]], 2, 1
    for _ in range(MOST_READS):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        extra = (0xE1 <= marker <= 0xEF and marker != 0xEE) or marker == 0xFE  # 0xee states the colour space
        if marker in (0xDA, 0xFF) or not (0xC0 <= marker <= 0xFE) or 0xD0 <= marker <= 0xD9 or end > len(data):
            break
        if marker == 0xE1 and turned == 1 and data.startswith(b"Exif\0\0", at + 4):
            turned = orientation(data[at + 4 : end])
        if not extra:
            segments.append(data[at:end])
        at = end
    else:
        raise ImageError(f"expected at most {MOST_READS} segments, got more")
    return b"".join((*segments, data[at:])), turned


def refuse_costly_file(data: bytes, most_pixels: int) -> None:
    """Refuse a file, by its bytes, that already costs too much when it is opened.

    Args:
        data: The file.
        most_pixels: Most pixels that its picture may have.

    Raises:
        ImageError: The file has too much of something, which the message names.
    """
    kind = kind_of(data[:HEAD_BYTES])
    if kind == "JPEG":
        for block, most in _MOST_BLOCKS.items():
            if data.count(block) > most:
                raise ImageError(f"expected at most {most} blocks {block[:4].decode()}, got more")
    elif kind == "TIFF":
        _refuse_long_tags(data)
    elif data[4:8] == b"ftyp" and kind != "HEIC":
        refuse_costly_avif(data, int(most_pixels * _SHARES["AVIF"]))


def _refuse_long_tags(data: bytes) -> None:
    order, big = ("<" if data[:2] == b"II" else ">"), data[2:4] in (b"+\0", b"\0+")
    try:
        start = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
        count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
        if count > _MOST_TIFF_TAGS:
            raise ImageError(f"expected at most {_MOST_TIFF_TAGS} tags, got {count}")
        at, size, form = (start + 8, 20, "HHQ") if big else (start + 2, 12, "HHI")
        for place in range(at, at + size * count, size):
            tag, kind, numbers = struct.unpack_from(order + form, data, place)
            if numbers > _MOST_TIFF_NUMBERS and (kind not in _BYTE_TYPES or tag in _OFFSET_TAGS):
                raise ImageError(f"expected at most {_MOST_TIFF_NUMBERS} numbers in a tag, got {numbers}")
    except (struct.error, OverflowError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"cannot be decoded (its tags: {error})") from None


def most_reads(image: ImageFile.ImageFile) -> int:
    """Return in how many pieces an opened file may be read while it is decoded."""
    runs = image.format == "BMP" and any(tile.codec_name == "bmp_rle" for tile in image.tile)
    return 3 * _MOST_RUN_PIXELS if runs else MOST_READS


def refuse_costly_picture(image: ImageFile.ImageFile, data: bytes, most_pixels: int) -> None:
    """Refuse a picture, by its header, that costs its decoder far more than its size suggests.

    Args:
        image: The picture, opened and not decoded.
        data: The picture's file.
        most_pixels: Most pixels that it may have.

    Raises:
        ImageError: It has too much of something, which the message names.
    """
    pixels, kind = image.width * image.height, str(image.format)
    deep = any(";16" in str(tile.args) for tile in image.tile) or (kind == "TIFF" and image.mode in ("I", "F"))
    refuse_large(kind, most_pixels, image.size, deep=deep)
    if kind == "BMP" and most_reads(image) > MOST_READS and pixels > _MOST_RUN_PIXELS:
        raise ImageError(f"expected at most {_MOST_RUN_PIXELS} pixels of a BMP in runs, got {pixels}")
    part = pixels
    if kind == "TIFF":
        compression = str(image.info.get("compression"))
        if compression not in _TIFF_COMPRESSIONS:
            raise ImageError(f"expected a TIFF in one of {', '.join(sorted(_TIFF_COMPRESSIONS))}, got {compression}")
        part = _largest_part(image, most_pixels)
        if compression != "jpeg":
            return
    if kind in ("JPEG", "MPO", "TIFF"):
        scans = data.count(b"\xff\xda")  # coded data escapes every 0xff, so that these are scans
        if scans * part > _MOST_SCANNED_PIXELS:
            raise ImageError(f"expected at most {_MOST_SCANNED_PIXELS} pixels times scans, got {scans} x {part}")


def refuse_large(kind: str, most_pixels: int, size_wh: tuple[int, int], *, deep: bool) -> None:
    """Refuse more pixels than pictures of a format may have.

    Args:
        kind: Format of the picture.
        most_pixels: Most pixels that any picture may have.
        size_wh: Width and height of the picture.
        deep: It has 16 bits a channel.

    Raises:
        ImageError: It has more pixels; the message names the limit.
    """
    most = int(most_pixels * min(_SHARES.get(kind, Fraction(1)), _DEEP_SHARE if deep else Fraction(1)))
    width, height = size_wh
    if width * height > most:
        of_what = f"of a {kind}" if kind in _SHARES else "of 16 bits"
        raise ImageError(f"expected at most {most} pixels {of_what}, got {width} x {height}")


def _largest_part(image: ImageFile.ImageFile, most_pixels: int) -> int:
    """Return the pixels of a strip or tile of a TIFF, each of which is decoded whole."""
    tags = getattr(image, "tag_v2", {})
    width, height = image.size
    wide, high = tags.get(_TILE_WIDTH), tags.get(_TILE_LENGTH)
    if wide is None and high is None:
        rows = tags.get(_ROWS_PER_STRIP)
        return (
            width * height if not isinstance(rows, int) or rows < 1 else max(width, height) * min(rows, width + height)
        )
    if not isinstance(wide, int) or not isinstance(high, int) or wide < 1 or high < 1:
        raise ImageError("expected the width and height of tiles, got something else")
    # one more than the picture has: before it is turned, its width may be its height
    across, down = -(-width // wide) + 1, -(-height // high) + 1
    if across * down * wide * high > 4 * most_pixels or wide * high > most_pixels:
        raise ImageError(f"expected tiles of at most {most_pixels} pixels together, got {wide} x {high} each")
    return wide * high
