"""Which pictures are read, how they are known, and what each format may ask of its decoder before it runs."""

from __future__ import annotations

import struct
from fractions import Fraction

from PIL import ImageFile

from logoscan.errors import ImageError
from logoscan.images._bmff import refuse_costly_avif
from logoscan.sources import HEAD_BYTES, kind_of

__all__ = ["FORMATS", "PILLOW_FORMATS", "most_reads", "orientation", "refuse_costly_file"]

PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
"""Pillow's decoders that may run; everything else it could open is refused."""
FORMATS = (*PILLOW_FORMATS, "MPO", "HEIC")
"""What is read: of several frames or pages the first. MPO is JPEG with more pictures after it; HEIC needs an extra."""
# A WEBP's decoder holds a picture four times (8 bytes a pixel), AVIF's its planes, RGB twice and the picture (9.5
# bytes, 20 with 12 bits and transparency), TIFF's a strip that may be all of it. A phone's largest HEIC has 49 million
# pixels, at 7.5 bytes.
_SHARES = {"WEBP": Fraction(1, 3), "AVIF": Fraction(1, 2), "TIFF": Fraction(1, 2), "HEIC": Fraction(4, 5)}
# Of pictures of 16 bits, which are twice the bytes.
_DEEP = Fraction(1, 2)
# Pixels of a BMP in runs, which Pillow decodes in Python, byte by byte.
_MOST_RUN_PIXELS = 1 << 20
# Pixels of a JPEG times its scans, each of which is a pass over the picture whose bytes may be a few: 20 scans of the
# largest picture, 100 of a phone's. Encoders make up to ten.
_MOST_SCANNED_PIXELS = 1_300_000_000
# Blocks of a JPEG that are joined or read one by one within its segments; a photo has one and some dozens.
_MOST_BLOCKS = {b"Exif\0\0": 8, b"8BIM": 20_000}
# Reads of a file by Pillow, whose parsers read each block of it in Python: a file of 32 MiB can hold eight million. A
# photo takes up to 500, a large PNG in small blocks 16,000.
MOST_READS = 20_000
# Numbers in one tag of a TIFF: the strips of the longest side in three planes. Pillow makes an object of each.
_MOST_TIFF_NUMBERS = 90_000
_MOST_TIFF_TAGS = 1000
# What scanners and cameras write. LZMA and ZSTD ask for memory as they like, old JPEG has no rules, the rest is no
# photo's.
_TIFF_COMPRESSIONS = {"raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "jpeg", "group3", "group4"}
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_TILE_WIDTH, _TILE_LENGTH, _ROWS_PER_STRIP = 322, 323, 278
_PLACES = {_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES}
# Types of a TIFF's tags that are bytes and stay bytes, and those that are numbers of one byte.
_BYTE_TYPES = (1, 2, 7)
_ORIENTATION_TAG, _SHORT, _LONG = 0x0112, 3, 4
# Entries of an EXIF directory that are looked at for the orientation.
_MOST_EXIF_ENTRIES = 1000


def orientation(exif: bytes) -> int:
    """The orientation, 1 to 8, that an EXIF block states first; 1 where it states none."""
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
    """A JPEG without what is not its picture, and its orientation.

    EXIF blocks, the tables of further pictures and the rest of what cameras and programs add are left out, so that
    nothing of it is parsed: Pillow warns of each broken entry, and the host's filters of warnings are not ours.
    """
    kept, at, turn = [data[:2]], 2, 1
    for _ in range(MOST_READS):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        extra = (0xE1 <= marker <= 0xEF and marker != 0xEE) or marker == 0xFE  # 0xee says how colours are coded
        if marker in (0xDA, 0xFF) or not (0xC0 <= marker <= 0xFE) or 0xD0 <= marker <= 0xD9 or end > len(data):
            break
        if marker == 0xE1 and turn == 1 and data.startswith(b"Exif\0\0", at + 4):
            turn = orientation(data[at + 4 : end])
        if not extra:
            kept.append(data[at:end])
        at = end
    else:
        raise ImageError(f"expected at most {MOST_READS} segments, got more")
    return b"".join((*kept, data[at:])), turn


def refuse_costly_file(data: bytes, most_pixels: int) -> None:
    """Refuse by its bytes what already costs too much as it is opened.

    Raises:
        ImageError: It says what there is too much of.
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
            if numbers > _MOST_TIFF_NUMBERS and (kind not in _BYTE_TYPES or tag in _PLACES):
                raise ImageError(f"expected at most {_MOST_TIFF_NUMBERS} numbers in a tag, got {numbers}")
    except (struct.error, OverflowError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"cannot be decoded (its tags: {error})") from None


def most_reads(image: ImageFile.ImageFile) -> int:
    """Pieces that an opened file may be read in as it is decoded."""
    runs = image.format == "BMP" and any(tile.codec_name == "bmp_rle" for tile in image.tile)
    return 3 * _MOST_RUN_PIXELS if runs else MOST_READS


def refuse_costly_picture(image: ImageFile.ImageFile, data: bytes, most_pixels: int) -> None:
    """Refuse by its header what costs its decoder far more than its size says.

    Raises:
        ImageError: It says what there is too much of.
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
        scans = data.count(b"\xff\xda")  # in coded data every 0xff is marked, so that these are scans
        if scans * part > _MOST_SCANNED_PIXELS:
            raise ImageError(f"expected at most {_MOST_SCANNED_PIXELS} pixels times scans, got {scans} x {part}")


def refuse_large(kind: str, most_pixels: int, size_wh: tuple[int, int], *, deep: bool) -> None:
    """Refuse more pixels than the decoder of a format may have.

    Raises:
        ImageError: It says how many there may be.
    """
    most = int(most_pixels * min(_SHARES.get(kind, Fraction(1)), _DEEP if deep else Fraction(1)))
    width, height = size_wh
    if width * height > most:
        said = f"of a {kind}" if kind in _SHARES else "of 16 bits"
        raise ImageError(f"expected at most {most} pixels {said}, got {width} x {height}")


def _largest_part(image: ImageFile.ImageFile, most_pixels: int) -> int:
    """Pixels of a strip or tile of a TIFF, each of which is decoded whole, however little of it is shown."""
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
    across, down = -(-width // wide) + 1, -(-height // high) + 1  # width may be the height, before it is turned
    if across * down * wide * high > 4 * most_pixels or wide * high > most_pixels:
        raise ImageError(f"expected tiles of at most {most_pixels} pixels together, got {wide} x {high} each")
    return wide * high
