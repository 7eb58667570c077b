"""What an AVIF asks of its decoder, read from its boxes before it is decoded.

libavif looks each item up among all others, so that a file of 80,000 empty ones takes it minutes, and it decodes as
many pixels as the coded pictures have, whatever the box that Pillow shows says: 81 million for a photo of 64 x 64.
(libheif, which reads HEIC, has limits of its own on both.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from logoscan.errors import ImageError

__all__ = ["refuse_costly_avif"]

# A photo in a grid of tiles has some hundreds, as has libheif's limit.
_MOST_ITEMS = 1000
# In one box. The boxes of a photo's metadata are some dozens, properties of a grid's tiles shared.
_MOST_BOXES = 4000
# OBUs of one coded picture: a header for each of its layers and some dozens of tile groups.
_MOST_UNITS = 2000
# Of the tables of all frames of a sequence; one frame takes some twenty.
_MOST_TABLE_BYTES = 1 << 20
# Times the file that its pictures are read for; their parts may overlap.
_MOST_TIMES = 4
# Times the largest picture that all pictures of a file may have together: the photo, its transparency, thumbnails.
_TOGETHER = 3
# Pixels that a header's bits could say, 8192 x 8192: single frames may be larger than the sequence says they are.
_MOST_OVERRIDDEN = 1 << 26


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int
    end: int


def _boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
    """The boxes of a part of a file; ends where one is none."""
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
    """Bits of a header, most significant first; zeros after its end."""

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
    """Pixels of the frames of an AV1 sequence header as it says, and as its frames could say instead."""
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
    said = (bits.take(wide) + 1) * (bits.take(high) + 1)
    return said, said if reduced else 1 << (wide + high)


def _timing(bits: _Bits) -> int:
    """Pass over the timing of a sequence header; bits of its buffers' delays, 0 without a model of them."""
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
    """The sequence headers among the units (OBUs) of a coded picture."""
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
    """The coded pictures of a meta box."""
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
    """Identifiers of the items that are coded pictures."""
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
    """The bytes of items, put together of their parts."""
    version, at = data[iloc.start], iloc.start + 4
    offset_size, length_size, base_size, index_size = (n for byte in data[at : at + 2] for n in (byte >> 4, byte & 15))
    at += 2

    def number(size: int) -> int:
        nonlocal at
        at += size
        if at > iloc.end:
            raise ImageError("expected the places of all items, got fewer")
        return int.from_bytes(data[at - size : at], "big")

    taken = 0
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
                taken += len(parts[-1])
                if taken > _MOST_TIMES * len(data):
                    raise ImageError("expected coded pictures that are no larger than their file, got more")
        if parts:
            yield b"".join(parts)


def _first_frames(data: bytes, moov: _Box) -> Iterator[bytes]:
    """The first coded picture of each track of a sequence."""
    for trak in _boxes(data, moov.start, moov.end):
        tables: dict[bytes, _Box] = {}
        box: _Box | None = trak if trak.kind == b"trak" else None
        for kind in (b"mdia", b"minf", b"stbl"):
            box = next((b for b in _boxes(data, box.start, box.end) if b.kind == kind), None) if box else None
        if box is not None:
            tables = {b.kind: b for b in _boxes(data, box.start, box.end)}
        place, sizes = tables.get(b"stco") or tables.get(b"co64"), tables.get(b"stsz")
        if place is not None and sizes is not None:
            start = struct.unpack_from(">I" if place.kind == b"stco" else ">Q", data, place.start + 8)[0]
            alike, _, first = struct.unpack_from(">III", data[sizes.start : sizes.start + 16] + bytes(4), 4)
            yield data[start : start + (alike or first)]


def refuse_costly_avif(data: bytes, most_pixels: int) -> None:
    """Refuse an AVIF that would cost its decoder far more than a photo.

    Args:
        data: The file.
        most_pixels: Pixels that its picture may have.

    Raises:
        ImageError: Too many items, boxes, frames or pixels.
    """
    together = potential = looked_at = 0
    try:
        for box in _boxes(data, 0, len(data)):
            if box.kind == b"moov" and box.end - box.start > _MOST_TABLE_BYTES:
                raise ImageError(f"expected at most {_MOST_TABLE_BYTES} bytes of tables of frames, got more")
            found = (
                _items(data, box) if box.kind == b"meta" else _first_frames(data, box) if box.kind == b"moov" else ()
            )
            for coded in found:
                looked_at += len(coded)
                if looked_at > _MOST_TIMES * len(data):
                    raise ImageError("expected coded pictures that are no larger than their file, got more")
                sizes = [_frame_size(header) for header in _sequences(coded)]
                together += max((said for said, _ in sizes), default=0)
                potential = max([potential, *(could for _, could in sizes)])
    except (struct.error, IndexError) as error:
        raise ImageError(f"cannot be decoded (its boxes: {error})") from None
    if together > _TOGETHER * most_pixels:
        raise ImageError(f"expected at most {_TOGETHER * most_pixels} coded pixels, got {together}")
    if potential > max(_MOST_OVERRIDDEN, together):
        raise ImageError(f"expected frames of at most {_MOST_OVERRIDDEN} pixels, got a header for {potential}")
