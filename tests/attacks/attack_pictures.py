"""Hostile photos, one generator a threat."""

from __future__ import annotations

import io
import json
import os
import struct
import threading
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attack import ACME, Attack, NotHarmlessError, Outcome, Trial, ended, photographed, scanner
from PIL import Image

from logoscan.errors import ImageError
from logoscan.images.loading import load_image
from logoscan.io.listings import read_listings
from logoscan.types import ImageSource

Made = Callable[[], ImageSource]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIDE = 8000
"""Pixels of the bombs' sides; together as many as the caps allow. Tests make it a quarter."""
INFLATED = 1 << 30
"""Bytes of what inflates; tests make it a sixteenth."""
_MOST = 31 << 20
"""Bytes of the floods: just under what a file may have."""
_SMALL = Image.new("RGB", (40, 30), (9, 9, 200))


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    memory = io.BytesIO()
    image.save(memory, format, **options)
    return memory.getvalue()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int = 8, colour: int = 2, extra: bytes = b"", interlaced: int = 0) -> bytes:
    """A black picture in as few bytes as deflate makes of it."""
    row = bytes((width * {0: 1, 2: 3, 6: 4}[colour] * depth + 7) // 8 + 1)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    return SIGNATURE + header + extra + chunk(b"IDAT", packed) + chunk(b"IEND")


def _into_png(extra: bytes) -> bytes:
    whole = encoded(_SMALL, "PNG")
    return whole[:33] + extra + whole[33:]


def _into_jpeg(extra: bytes) -> bytes:
    whole = encoded(_SMALL, "JPEG")
    return whole[:2] + extra + whole[2:]


def _into_gif(extra: bytes) -> bytes:
    whole = encoded(_SMALL.convert("P"), "GIF")
    table = 13 + 3 * (2 << (whole[10] & 7))
    return whole[:table] + extra + whole[table:]


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _exif(entries: int, size: int) -> bytes:
    """A directory whose every entry points to the same `size` bytes."""
    rows = b"".join(struct.pack(">HHLL", i, 7, size, 8) for i in range(entries))
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", entries) + rows + bytes(size)


def _scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again: each is a pass over 64 million pixels."""
    whole = encoded(Image.new("L", (SIDE, SIDE), 128), "JPEG", progressive=True)
    last = whole[whole.rfind(b"\xff\xda") : -2]
    return whole[:-2] + last * count + b"\xff\xd9"


def _frames(format: str, count: int) -> bytes:
    more = [Image.new("RGB", (64, 64), (i % 256, i // 256, 3)) for i in range(count)]
    return encoded(Image.new("RGB", (64, 64)), format, save_all=True, append_images=more)


def _huge_claim(format: str) -> bytes:
    """A small file whose header claims 60,000 x 60,000 pixels (16,383 x 16,383 of a WEBP)."""
    if format == "PNG":
        return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)) + chunk(b"IDAT")
    data = bytearray(encoded(_SMALL, format, **({"lossless": True} if format == "WEBP" else {})))
    if format == "JPEG":
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    elif format == "GIF":
        data[6:10] = struct.pack("<HH", 60_000, 60_000)
    else:
        at = data.index(b"VP8L") + 9
        data[at : at + 4] = struct.pack("<I", 0x0FFFFFFF)
    return bytes(data)


def _tiff(tags: Sequence[tuple[int, int, int, int]], tail: bytes = b"") -> bytes:
    """A TIFF of tags (number, type, count, value or place) and what follows them."""
    rows = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + rows + bytes(4) + tail


def _tiff_of_zeros(width: int, height: int, depth: int = 8, samples: int = 3, photometric: int = 2) -> bytes:
    """One strip of black in as few bytes as deflate makes of it."""
    row = bytes(width * samples * depth // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    end = 8 + 2 + 12 * 10 + 4
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, samples, end), (259, 3, 1, 8), (262, 3, 1, photometric),
        (273, 4, 1, end + 2 * samples), (277, 3, 1, samples), (278, 4, 1, height), (279, 4, 1, len(packed)),
        (284, 3, 1, 1),
    ]  # fmt: skip
    return _tiff(tags, struct.pack("<H", depth) * samples + packed)


def _tiff_in_tiles(width: int, height: int, tile_width: int, tile_height: int) -> bytes:
    packed = zlib.compress(bytes(1 << 20), 9)
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1),
        (322, 4, 1, tile_width), (323, 4, 1, tile_height), (324, 4, 1, 8 + 2 + 120 + 4), (325, 4, 1, len(packed)),
    ]  # fmt: skip
    return _tiff(tags, packed)


def _tiff_of_strips(count: int, kind: int, size: int) -> bytes:
    """A raw TIFF whose strips all begin where the file does."""
    tags = [
        (256, 4, 1, 100), (257, 4, 1, 30_000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, kind, count, 8),
        (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, 1, 100),
    ]  # fmt: skip
    return _tiff(tags, bytes(size - 200))


def _recompressed(tiff: bytes, compression: int) -> bytes:
    """A TIFF that says that it is compressed otherwise."""
    at = tiff.index(struct.pack("<HHI", 259, 3, 1)) + 8
    return tiff[:at] + struct.pack("<H", compression) + tiff[at + 2 :]


def _scans_in_tiff() -> bytes:
    jpeg = _scans(100)
    tags = [
        (256, 4, 1, SIDE), (257, 4, 1, SIDE // 2), (258, 3, 1, 8), (259, 3, 1, 7), (262, 3, 1, 1),
        (273, 4, 1, 8 + 2 + 108 + 4), (277, 3, 1, 1), (278, 4, 1, SIDE // 2), (279, 4, 1, len(jpeg)),
    ]  # fmt: skip
    return _tiff(tags, jpeg)


def _in_a_circle(tiff: bytes) -> bytes:
    """A TIFF whose second page is its first."""
    start = struct.unpack_from("<I", tiff, 4)[0]
    end = start + 2 + 12 * struct.unpack_from("<H", tiff, start)[0]
    return tiff[:end] + struct.pack("<I", start) + tiff[end + 4 :]


def _bmp_in_runs(width: int, height: int, runs: bytes) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 40 + 1024) + head + bytes(range(256)) * 4 + runs


def _bmp_that_says(width: int, height: int) -> bytes:
    whole = encoded(_SMALL, "BMP")
    return whole[:18] + struct.pack("<ii", width, height) + whole[26:]


_FTYP = b"\0\0\0\x14ftyp%s\0\0\0\0mif1"


def _box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def _full(kind: bytes, version: int, *parts: bytes) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]), *parts)


def _items(brand: bytes, count: int) -> bytes:
    """Items of nothing, each of which is looked up among all others."""
    numbers = range(1, count + 1)
    places = b"".join(struct.pack(">IHHH", n, 0, 0, 0) for n in numbers)
    kinds = b"".join(_full(b"infe", 3, struct.pack(">IH4sB", n, 0, b"av01", 0)) for n in numbers)
    meta = _full(
        b"meta",
        0,
        _full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
        _full(b"pitm", 0, b"\0\1"),
        _full(b"iloc", 2, b"\0\0", struct.pack(">I", count), places),
        _full(b"iinf", 1, struct.pack(">I", count), kinds),
    )
    return _FTYP % brand + meta + _box(b"mdat", bytes(100))


def _overlapping_items(count: int) -> bytes:
    """Coded pictures each of which is the whole file of 31 MB."""
    numbers = range(1, count + 1)
    places = b"".join(struct.pack(">HHHII", n, 0, 1, 0, _MOST) for n in numbers)
    kinds = b"".join(_full(b"infe", 2, struct.pack(">HH4sB", n, 0, b"av01", 0)) for n in numbers)
    meta = _full(
        b"meta",
        0,
        _full(b"iloc", 0, b"\x44\0", struct.pack(">H", count), places),
        _full(b"iinf", 0, struct.pack(">H", count), kinds),
    )
    return _FTYP % b"avif" + meta + _box(b"mdat", bytes(_MOST - len(meta)))


def _avif_that_says(avif: bytes, size: bytes) -> bytes:
    """An AVIF whose container says another size."""
    at = avif.index(b"ispe") + 8
    return avif[:at] + size + avif[at + 8 :]


def _avif_that_codes(avif: bytes, width: int, height: int) -> bytes:
    """An AVIF whose coded picture says another size than its container."""
    place = avif.rindex(b"mdat") + 4
    at = avif.index(b"\x0a", place) + 2  # the sequence header, after its first byte and its length
    size = avif[at - 1]
    bits = f"{int.from_bytes(avif[at : at + size], 'big'):0{8 * size}b}"
    wide, high = int(bits[10:14], 2) + 1, int(bits[14:18], 2) + 1
    made = f"{bits[:10]}{15:04b}{15:04b}{width - 1:016b}{height - 1:016b}{bits[18 + wide + high :]}"
    made += "0" * (-len(made) % 8)
    header = int(made, 2).to_bytes(len(made) // 8, "big")
    longer = len(header) - size
    length = struct.pack(">I", len(avif) - place)
    where = avif.index(length)  # in the table of places
    whole = avif[:where] + struct.pack(">I", len(avif) - place + longer) + avif[where + 4 : place - 8]
    whole += struct.pack(">I4s", len(avif) - place + longer + 8, b"mdat") + avif[place : at - 1]
    return whole + bytes([len(header)]) + header + avif[at + size :]


def _mpo_of_billions() -> bytes:
    whole = encoded(_SMALL, "MPO", save_all=True, append_images=[_SMALL])
    at = whole.index(struct.pack("<HHI", 0xB001, 4, 1)) + 8
    return whole[:at] + b"\xff" * 4 + whole[at + 4 :]


def _polyglot(format: str) -> bytes:
    """A picture that is a page, a script and an archive as well: the picture is taken, the rest is never looked at."""
    return encoded(_SMALL, format) + b"<html><script>alert(1)</script></html>PK\x05\x06" + bytes(18)


PICTURES: dict[str, tuple[Outcome, Made]] = {
    "bomb: PNG of 64 million pixels": ("report", lambda: png(SIDE, SIDE)),
    "bomb: PNG of 64 million pixels, 16 bits RGBA": ("warning", lambda: png(SIDE, SIDE, 16, 6)),
    "bomb: PNG of 32 million pixels, 16 bits RGBA": ("report", lambda: png(SIDE, SIDE // 2, 16, 6)),
    "bomb: PNG of 32 million pixels, 16 bits grey": ("report", lambda: png(SIDE, SIDE // 2, 16, 0)),
    "bomb: PNG of 64 million pixels, RGBA": ("report", lambda: png(SIDE, SIDE, 8, 6)),
    "bomb: PNG of 64 million pixels, 1 bit": ("report", lambda: png(SIDE, SIDE, 1, 0)),
    "bomb: PNG over the cap": ("warning", lambda: png(SIDE + 1, SIDE, 1, 0)),
    "bomb: JPEG of 64 million pixels": ("report", lambda: encoded(Image.new("RGB", (SIDE, SIDE)), "JPEG")),
    "bomb: JPEG of a hundred scans": ("warning", lambda: _scans(100)),
    "bomb: WEBP of 64 million pixels": (
        "warning",
        lambda: encoded(Image.new("RGB", (2 * SIDE, SIDE // 2)), "WEBP", lossless=True),
    ),
    "bomb: WEBP of 21 million pixels": (
        "report",
        lambda: encoded(Image.new("RGB", (SIDE, SIDE // 3)), "WEBP", lossless=True),
    ),
    "bomb: GIF of 64 million pixels": ("report", lambda: encoded(Image.new("P", (SIDE, SIDE)), "GIF")),
    "bomb: TIFF of 64 million pixels": ("warning", lambda: _tiff_of_zeros(SIDE, SIDE)),
    "bomb: TIFF of 32 million pixels in one strip": ("report", lambda: _tiff_of_zeros(SIDE, SIDE // 2)),
    "bomb: TIFF of 32 million pixels, 16 bits RGB in one strip": (
        "report",
        lambda: _tiff_of_zeros(SIDE, SIDE // 2, depth=16),
    ),
    "bomb: TIFF of 20 million pixels, CMYK": (
        "report",
        lambda: _tiff_of_zeros(SIDE, SIDE * 5 // 16, samples=4, photometric=5),
    ),
    "bomb: TIFF in tiles of a gigapixel": ("warning", lambda: _tiff_in_tiles(100, 100, 30_000, 30_000)),
    "bomb: TIFF of one line in high tiles": ("warning", lambda: _tiff_in_tiles(30_000, 1, 16, SIDE)),
    "bomb: TIFF in LZMA": (
        "warning",
        lambda: _recompressed(encoded(_SMALL, "TIFF", compression="tiff_lzw"), 34925),
    ),
    "bomb: TIFF in JPEG of a hundred scans": ("warning", _scans_in_tiff),
    "flood: TIFF of seven million strips": ("warning", lambda: _tiff_of_strips(7_000_000, 4, _MOST)),
    "flood: TIFF whose strips are named by bytes": ("warning", lambda: _tiff_of_strips(_MOST, 7, _MOST)),
    "flood: TIFF of 65,535 tags": ("warning", lambda: _tiff([(i, 3, 1, 1) for i in range(65_535)])),
    "flood: BigTIFF that says it has a trillion tags": (
        "warning",
        lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 10**12) + bytes(4000),
    ),
    "flood: TIFF whose pages go in a circle": ("report", lambda: _in_a_circle(encoded(_SMALL, "TIFF"))),
    "flood: TIFF of 300 pages": (
        "warning",
        lambda: encoded(_SMALL, "TIFF", save_all=True, append_images=[_SMALL] * 299),
    ),
    "bomb: BMP of 64 million pixels": ("report", lambda: encoded(Image.new("1", (SIDE, SIDE)), "BMP")),
    "bomb: BMP in runs that fill 64 million pixels": ("warning", lambda: _bmp_in_runs(SIDE, SIDE, b"\0\0" * SIDE)),
    "bomb: BMP in a million runs": ("report", lambda: _bmp_in_runs(1024, 1024, (b"\1\7" * 1024 + b"\0\0") * 1024)),
    "bomb: BMP in steps of 255 lines": ("report", lambda: _bmp_in_runs(1024, 1024, b"\0\2\xff\xff" * 400_000)),
    "header: BMP of 60,000 x 60,000": ("warning", lambda: _bmp_that_says(60_000, 60_000)),
    "header: BMP of -2,147,483,648 lines": ("warning", lambda: _bmp_that_says(100, -(2**31))),
    "header: BMP of a header of 4 GB": (
        "warning",
        lambda: b"BM" + bytes(8) + struct.pack("<II", 54, 0xFFFFFFFF) + bytes(100),
    ),
    "header: TIFF of 60,000 x 60,000": ("warning", lambda: _tiff_in_tiles(60_000, 60_000, 256, 256)),
    "header: AVIF of 60,000 x 60,000": (
        "warning",
        lambda: _avif_that_says(encoded(_SMALL, "AVIF"), struct.pack(">II", 60_000, 60_000)),
    ),
    "bomb: AVIF of 40 x 30 whose coded picture has 268 million pixels": (
        "warning",
        lambda: _avif_that_codes(encoded(_SMALL, "AVIF"), 16_384, 16_384),
    ),
    "flood: AVIF of 80,000 items": ("warning", lambda: _items(b"avif", 80_000)),
    "flood: AVIF of a million boxes": (
        "warning",
        lambda: _FTYP % b"avif" + struct.pack(">I4s", 8, b"free") * 1_000_000,
    ),
    "flood: AVIF of items that are the whole file, 500 times": ("warning", lambda: _overlapping_items(500)),
    "flood: AVIF of 100 frames": ("warning", lambda: _frames("AVIF", 100)),
    "flood: HEIC of 80,000 items": ("warning", lambda: _items(b"heic", 80_000)),
    "magic: a HEIC of nothing": ("warning", lambda: _FTYP % b"heic"),
    "magic: a film": ("warning", lambda: _FTYP % b"isom" + bytes(1000)),
    "flood: MPO of 300 pictures": (
        "report",
        lambda: encoded(_SMALL, "MPO", save_all=True, append_images=[_SMALL] * 299),
    ),
    "flood: MPO that says it has four billion pictures": ("report", _mpo_of_billions),
    "bomb: text that inflates to a gigabyte": (
        "warning",
        lambda: _into_png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(INFLATED), 9))),
    ),
    "bomb: colour profile that inflates to a gigabyte": (
        "warning",
        lambda: _into_png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(INFLATED), 9))),
    ),
    "bomb: gzip in place of a picture": ("warning", lambda: b"\x1f\x8b" + zlib.compress(bytes(1 << 26))),
    "header: PNG of 60,000 x 60,000": ("warning", lambda: _huge_claim("PNG")),
    "header: JPEG of 60,000 x 60,000": ("warning", lambda: _huge_claim("JPEG")),
    "header: GIF of 60,000 x 60,000": ("warning", lambda: _huge_claim("GIF")),
    "header: WEBP of 16,384 x 16,384": ("warning", lambda: _huge_claim("WEBP")),
    "header: PNG of 1 x 1 with rows of more": ("report", lambda: png(1, 1, extra=b"")[:-12] + chunk(b"IDAT", bytes(9))),
    "magic: a PNG that calls itself GIF": ("warning", lambda: b"GIF89a" + encoded(_SMALL, "PNG")),
    "magic: PostScript": ("warning", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n"),
    "magic: ImageMagick script": ("warning", lambda: b'push graphic-context\nimage over 0,0 0,0 "https://a.b/c"\n'),
    "magic: SVG as a photo": ("warning", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "magic: no byte": ("warning", lambda: b""),
    "magic: 33 MiB of noise": ("warning", lambda: bytes(33 << 20)),
    "flood: EXIF of 65,535 overlapping entries": (
        "report",
        lambda: _into_png(chunk(b"eXIf", _exif(65_535, 20 << 20))),
    ),
    "flood: EXIF in a JPEG segment": ("report", lambda: _into_jpeg(_segment(0xE1, b"Exif\0\0" + _exif(3000, 29_000)))),
    "flood: a million EXIF blocks": (
        "warning",
        lambda: _into_jpeg(_segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0") * (_MOST // 20)),
    ),
    "flood: eight million JPEG segments": ("warning", lambda: _into_jpeg(_segment(0xE5, b"") * (_MOST // 4))),
    "flood: Photoshop blocks": (
        "warning",
        lambda: _into_jpeg(
            _segment(0xED, b"Photoshop 3.0\0" + b"8BIM\0\1\0\0\0\0\0\0" * 5000) * (_MOST // 60_018),
        ),
    ),
    "flood: fill bytes before a JPEG marker": ("warning", lambda: _into_jpeg(b"\xff" * _MOST)),
    "flood: colour profile of 16 MB": (
        "report",
        lambda: _into_jpeg(
            b"".join(_segment(0xE2, b"ICC_PROFILE\0" + bytes([i, 255]) + bytes(65_000)) for i in range(1, 256)),
        ),
    ),
    "flood: three million PNG chunks": ("warning", lambda: _into_png(chunk(b"teSt") * (_MOST // 12))),
    "flood: three million empty IDATs": ("warning", lambda: _into_png(chunk(b"IDAT") * (_MOST // 12))),
    "flood: PNG texts of 31 MB": ("warning", lambda: _into_png(chunk(b"tEXt", b"a\0" + bytes(1000)) * (_MOST // 1014))),
    "flood: one PNG text of 31 MB": ("report", lambda: _into_png(chunk(b"iTXt", b"a\0\0\0\0\0" + b"a" * _MOST))),
    "flood: GIF comment of 31 MB": (
        "warning",
        lambda: _into_gif(b"\x21\xfe" + (b"\xff" + b"a" * 255) * (_MOST // 256) + b"\0"),
    ),
    "flood: six million GIF comments": ("warning", lambda: _into_gif(b"\x21\xfe\x01a\0" * (_MOST // 5))),
    "flood: GIF of 3,000 frames": ("warning", lambda: _frames("GIF", 3000)),
    "flood: APNG of 3,000 frames": ("warning", lambda: _frames("PNG", 3000)),
    "flood: WEBP of 3,000 frames": ("warning", lambda: _frames("WEBP", 3000)),
    "polyglot: JPEG, HTML and ZIP": ("report", lambda: _polyglot("JPEG")),
    "polyglot: PNG, HTML and ZIP": ("report", lambda: _polyglot("PNG")),
    "polyglot: GIF, HTML and ZIP": ("report", lambda: _polyglot("GIF")),
    "shape: 1 x 1": ("report", lambda: encoded(Image.new("RGB", (1, 1)), "PNG")),
    "shape: 30,000 x 1": ("report", lambda: png(30_000, 1)),
    "shape: 1 x 30,000": ("report", lambda: png(1, 30_000)),
    "shape: 0 x 5": ("warning", lambda: png(0, 5)),
    "array: NaN": ("warning", lambda: np.full((9, 9, 3), np.nan)),
    "array: one dimension": ("warning", lambda: np.zeros(9, np.uint8)),
    "array: five channels": ("warning", lambda: np.zeros((9, 9, 5), np.uint8)),
    "array: no pixel": ("warning", lambda: np.zeros((0, 9, 3), np.uint8)),
    "array: objects": ("warning", lambda: np.array([[object()]])),
    "array: a terabyte that is one byte": ("warning", lambda: np.broadcast_to(np.uint8(0), (1 << 20, 1 << 20))),
    "array: NaN in a picture of Pillow's": ("warning", lambda: Image.fromarray(np.full((9, 9), np.nan, np.float32))),
}


NAMES: dict[str, Callable[[Path], str]] = {
    "no root: absolute": lambda folder: str(folder / "secret.png"),
    "no root: ../": lambda _: "../secret.png",
    "no root: a link to a file outside": lambda _: "link.png",
    "no root: a link to a pipe": lambda _: "pipe.png",
    "no root: s3://": lambda _: "s3://bucket/a.png",
}
"""Names in a file of listings that is scanned by a scanner without a root."""


def _named(name_of: Callable[[Path], str], folder: Path) -> Trial:
    """A file of listings in a folder of its own; beside the folder a secret that shows the brand."""
    Image.fromarray(ACME).save(folder / "secret.png")
    place = folder / "in"
    place.mkdir()
    (place / "link.png").symlink_to(folder / "secret.png")
    os.mkfifo(folder / "pipe")
    (place / "pipe.png").symlink_to("../pipe")
    (place / "a.jsonl").write_text(json.dumps({"id": "hostile", "images": [name_of(folder)]}) + "\n")

    def trial() -> tuple[Outcome, str]:
        [report] = scanner().scan_many(read_listings(place / "a.jsonl"))
        if report.images[0].sha256 is not None or report.matches:
            raise NotHarmlessError("the secret was read")
        return ended(report)

    return trial


def _raced(folder: Path) -> Trial:
    """A name that is a good photo when it is looked at, and a link to a secret when it is opened, or the reverse."""
    root, good = folder / "root", encoded(_SMALL, "PNG")
    root.mkdir()
    (folder / "secret.png").write_bytes(encoded(Image.new("RGB", (77, 7)), "PNG"))
    (root / "a.png").write_bytes(good)

    def exchange(stop: threading.Event) -> None:
        while not stop.is_set():
            (root / "b").symlink_to(folder / "secret.png")
            (root / "b").replace(root / "a.png")
            (root / "b").write_bytes(good)
            (root / "b").replace(root / "a.png")

    def trial() -> tuple[Outcome, str]:
        stop = threading.Event()
        thread = threading.Thread(target=exchange, args=(stop,))
        thread.start()
        try:
            for _ in range(500):
                with suppress(ImageError):
                    if load_image("a.png", root=root).shape[1] == 77:
                        raise NotHarmlessError("the secret was read")
        finally:
            stop.set()
            thread.join()
        return "report", ""

    return trial


def _photo(make: Made, _: Path) -> Trial:
    source = make()
    return lambda: photographed(source)


def _truncated(format: str, _: Path) -> Trial:
    """Every tenth byte is a new end."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8))
    whole = encoded(noise, format)

    def trial() -> tuple[Outcome, str]:
        for end in range(10, len(whole) - 20, 10):
            with suppress(ImageError):
                load_image(whole[:end])
                return "report", f"{end} of {len(whole)} bytes are a picture"
        return photographed(whole[: len(whole) // 2])

    return trial


PHOTOS = (
    *(Attack(name, expected, partial(_photo, make)) for name, (expected, make) in PICTURES.items()),
    *(
        Attack(f"truncated: {format} at every tenth byte", "warning", partial(_truncated, format))
        for format in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
    ),
    *(Attack(name, "warning", partial(_named, name_of)) for name, name_of in NAMES.items()),
    Attack("race: a photo that becomes a link to a secret", "report", _raced),
)
"""All of them."""
