"""The cost of decoding an AVIF, read from its boxes (ISO base media file format) before it is decoded.

libavif searches all items for each item, so that a file of 80,000 empty ones takes minutes. It also decodes as many
pixels as the coded pictures have, whatever size Pillow reports: 81 million for a photo of 64 x 64. (libheif, which
reads HEIC, limits both itself.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from logoscan.errors import ImageError

__all__ = ["refuse_costly_avif"]

# Items of a file. A photo in a grid of tiles has some hundreds; libheif's limit is similar.
_MOST_ITEMS = 1000
# Boxes in one box. A photo's metadata has some dozens, since the tiles of a grid share their properties.
_MOST_BOXES = 4000
# Units (OBUs) of one coded picture: it has a header for each of its layers and some dozens of tile groups.
_MOST_UNITS = 2000
# Bytes of the tables of all frames of a sequence; one frame takes about twenty.
_MOST_TABLE_BYTES = 1 << 20
# The coded pictures of a file, whose parts may overlap, have at most so many times its bytes.
_MOST_READ_TIMES = 4
# All pictures of a file (photo, transparency, thumbnails) have at most so many times the pixels of the largest picture.
_MOST_PICTURES = 3
# Pixels that the size fields of a header can express, 8192 x 8192: a frame may be larger than its sequence header
# states.
_MOST_EXPRESSIBLE = 1 << 26


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int
    end: int


def _boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
    """Yield the boxes of a part of a file, up to the first damaged one."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            size, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            return
        yield _Box(kind, start + head, start + size)
        start += size
    raise ImageError(f"expected at most {_MOST_BOXES} boxes in a box, got more")


class _Bits:
    """The bits of a header, most significant first; zeros after its end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        return (self._value >> self._left if self._left >= 0 else self._value << -self._left) & ((1 << count) - 1)

    def variable(self) -> int:
        zeros = 0
        while zeros < 32 and self._left > 0 and not self.take(1):
            zeros += 1
        return self.take(zeros)


def _frame_size(header: bytes) -> tuple[int, int]:
    """Return the pixels of a frame as an AV1 sequence header states them, and the most that its frames could state."""
    bits = _Bits(header[:64])
    bits.take(4)  # profile, still picture
    reduced = bits.take(1)
    if reduced:
        bits.take(5)
    else:
        delay_bits = _timing(bits)
        delay = bits.take(1)
        for _ in range(bits.take(5) + 1):  # operating points
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
            if delay_bits and bits.take(1):
                bits.take(2 * delay_bits + 1)
            if delay and bits.take(1):
                bits.take(4)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    stated = (bits.take(wide) + 1) * (bits.take(high) + 1)
    return stated, stated if reduced else 1 << (wide + high)


def _timing(bits: _Bits) -> int:
    """Pass over the timing of a sequence header; return the bits of its buffer delays, 0 without a decoder model."""
    if not bits.take(1):
        return 0
    bits.take(64)
    if bits.take(1):
        bits.variable()
    if not bits.take(1):
        return 0
    length = bits.take(5) + 1
    bits.take(42)
    return length


def _sequences(coded: bytes) -> Iterator[bytes]:
    """Yield the sequence headers among the units (OBUs) of a coded picture."""
    at = 0
    for _ in range(_MOST_UNITS):
        if at >= len(coded):
            return
        head = coded[at]
        at += 2 if head & 4 else 1
        size = len(coded) - at
        if head & 2:
            size = shift = 0
            while at < len(coded) and shift < 56:
                size |= (coded[at] & 127) << shift
                at, shift = at + 1, shift + 7
                if coded[at - 1] < 128:
                    break
        if head >> 3 & 15 == 1:
            yield coded[at : at + size]
        at += size
    raise ImageError(f"expected at most {_MOST_UNITS} units in a coded picture, got more")


def _items(data: bytes, meta: _Box) -> Iterator[bytes]:
    """Yield the coded pictures of a meta box."""
    parts = {box.kind: box for box in _boxes(data, meta.start + 4, meta.end)}
    for kind in (b"iinf", b"iloc"):
        if (box := parts.get(kind)) is not None:
            version = data[box.start]
            wide = version > 0 if kind == b"iinf" else version == 2
            at = box.start + (4 if kind == b"iinf" else 6)
            count = struct.unpack_from(">I" if wide else ">H", data, at)[0]
            if count > _MOST_ITEMS:
                raise ImageError(f"expected at most {_MOST_ITEMS} items, got {count}")
    if iprp := parts.get(b"iprp"):
        for box in _boxes(data, iprp.start, iprp.end):
            list(_boxes(data, box.start, box.end) if box.kind == b"ipco" else ())
    if (iref := parts.get(b"iref")) is not None:
        list(_boxes(data, iref.start + 4, iref.end))
    if (iloc := parts.get(b"iloc")) is not None:
        coded = _coded_items(data, parts.get(b"iinf"))
        idat = parts.get(b"idat")
        yield from _located(data, iloc, coded, idat.start if idat else len(data))


def _coded_items(data: bytes, iinf: _Box | None) -> set[int]:
    """Return the identifiers of the items that are coded pictures."""
    out: set[int] = set()
    if iinf is None:
        return out
    first = iinf.start + (8 if data[iinf.start] else 6)
    for box in _boxes(data, first, iinf.end):
        version = data[box.start]
        form = ">IH4s" if version == 3 else ">HH4s"
        identifier, _, kind = struct.unpack_from(form, data, box.start + 4)
        if kind == b"av01":
            out.add(identifier)
    return out


def _located(data: bytes, iloc: _Box, wanted: set[int], idat: int) -> Iterator[bytes]:
    """Yield the bytes of each wanted item, joined from its parts.

    Args:
        data: The file.
        iloc: Box of the items' locations.
        wanted: Identifiers of items.
        idat: Start of the box that some items lie in.
    """
    version, at = data[iloc.start], iloc.start + 4
    offset_size, length_size, base_size, index_size = (n for byte in data[at : at + 2] for n in (byte >> 4, byte & 15))
    at += 2

    def number(size: int) -> int:
        nonlocal at
        at += size
        if at > iloc.end:
            raise ImageError("expected the places of all items, got fewer")
        return int.from_bytes(data[at - size : at], "big")

    total = 0
    for _ in range(number(4 if version == 2 else 2)):
        identifier = number(4 if version == 2 else 2)
        method = number(2) & 15 if version else 0
        number(2)
        base, parts = number(base_size), []
        for _ in range(number(2)):
            number(index_size if version else 0)
            start = base + number(offset_size) + (idat if method == 1 else 0)
            length = number(length_size) or len(data)
            if identifier in wanted:
                parts.append(data[start : start + length])
                total += len(parts[-1])
                if total > _MOST_READ_TIMES * len(data):
                    raise ImageError("expected coded pictures that are no larger than their file, got more")
        if parts:
            yield b"".join(parts)


def _first_frames(data: bytes, moov: _Box) -> Iterator[bytes]:
    """Yield the first coded picture of each track of a sequence."""
    for trak in _boxes(data, moov.start, moov.end):
        tables: dict[bytes, _Box] = {}
        box: _Box | None = trak if trak.kind == b"trak" else None
        for kind in (b"mdia", b"minf", b"stbl"):
            box = next((b for b in _boxes(data, box.start, box.end) if b.kind == kind), None) if box else None
        if box is not None:
            tables = {b.kind: b for b in _boxes(data, box.start, box.end)}
        offsets, sizes = tables.get(b"stco") or tables.get(b"co64"), tables.get(b"stsz")
        if offsets is not None and sizes is not None:
            start = struct.unpack_from(">I" if offsets.kind == b"stco" else ">Q", data, offsets.start + 8)[0]
            common_size, _, first_size = struct.unpack_from(">III", data[sizes.start : sizes.start + 16] + bytes(4), 4)
            yield data[start : start + (common_size or first_size)]


def refuse_costly_avif(data: bytes, most_pixels: int) -> None:
    """Refuse an AVIF that would cost its decoder far more than a photo does.

    Args:
        data: The file.
        most_pixels: Most pixels that its picture may have.

    Raises:
        ImageError: It has too many items, boxes, frames or pixels.
    """
    total = potential = read = 0
    try:
        for box in _boxes(data, 0, len(data)):
            if box.kind == b"moov" and box.end - box.start > _MOST_TABLE_BYTES:
                raise ImageError(f"expected at most {_MOST_TABLE_BYTES} bytes of tables of frames, got more")
            pictures = (
                _items(data, box) if box.kind == b"meta" else _first_frames(data, box) if box.kind == b"moov" else ()
            )
            for coded in pictures:
                read += len(coded)
                if read > _MOST_READ_TIMES * len(data):
                    raise ImageError("expected coded pictures that are no larger than their file, got more")
                sizes = [_frame_size(header) for header in _sequences(coded)]
                total += max((stated for stated, _ in sizes), default=0)
                potential = max([potential, *(could for _, could in sizes)])
    except (struct.error, IndexError) as error:
        raise ImageError(f"cannot be decoded (its boxes: {error})") from None
    if total > _MOST_PICTURES * most_pixels:
        raise ImageError(f"expected at most {_MOST_PICTURES * most_pixels} coded pixels, got {total}")
    if potential > max(_MOST_EXPRESSIBLE, total):
        raise ImageError(f"expected frames of at most {_MOST_EXPRESSIBLE} pixels, got a header for {potential}")
