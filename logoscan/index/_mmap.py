"""Files that are looked into, not read: arrays, stored archives and points of drawings, mapped into memory.

Pages come from the disk when they are touched and go when memory is short. The caller has verified the file by its
hash, and nobody changes it: generations of a register are immutable. Knows no register.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import CorruptFileError
from logoscan.vision.sift import Keypoints

__all__ = ["PNG", "PointWriter", "StoredPoints", "float32_rows", "stored_files", "verified"]

PNG: TypeAlias = bytes | memoryview
"""A picture's file, in memory or mapped."""

_POINT_BYTES = 128 + 4 * 4
_FARTHEST = 1e6
"""Pixels and radians above which no point of a drawing lies."""
"""A descriptor and a frame."""
_WHOLE = -1
"""Stands for `drawn_xyxy` None."""


def verified(path: Path, sha256: str) -> memoryview | None:
    """The bytes of a file, mapped; None if its hash is another. Raises `OSError` where there is no file."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            return None
        if file.tell() == 0:  # nothing cannot be mapped
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def float32_rows(data: memoryview, path: Path) -> NDArray[np.float32]:
    """The array of a `.npy` file, float32 (n, d), not copied.

    Raises:
        CorruptFileError: It holds another kind of array.
    """
    head = io.BytesIO(data[:4096])
    try:
        major, _ = np.lib.format.read_magic(head)
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(head)
        if dtype != np.float32 or fortran or len(shape) != 2:
            raise ValueError(f"{dtype} {shape}")
        if 0 in shape:
            return np.zeros(shape, np.float32)
        rows = np.frombuffer(data, np.float32, shape[0] * shape[1], head.tell())
    except (ValueError, OSError, EOFError, MemoryError, SyntaxError, RecursionError, TokenError) as error:
        raise CorruptFileError(f"{path}: expected float32 (n, d), got {error!s:.120}; register them again") from None
    if not np.isfinite(rows).all():
        raise CorruptFileError(f"{path}: expected finite float32 vectors; register the brands again")
    return rows.reshape(shape)


def stored_files(data: memoryview, path: Path) -> dict[str, PNG]:
    """The files of an archive without compression, by their names' stems, not copied.

    Raises:
        CorruptFileError: It is no such archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise zipfile.BadZipFile("packed entries")  # ours are stored as they are; others could grow
        out: dict[str, PNG] = {}
        for entry in entries:  # the name and further fields stand before the file; their lengths are in its header
            head = data[entry.header_offset : entry.header_offset + 30]
            start = entry.header_offset + 30 + sum(int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
            out[Path(entry.filename).stem] = data[start : start + entry.file_size]
        return out
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, OSError, struct.error) as error:
        raise CorruptFileError(f"{path}: expected stored drawings ({error}); register the brands again") from None


class PointWriter:
    """Points of drawings as two files: `points.bin`, and `points.npy`, which says whose they are.

    The first holds, drawing by drawing in the order of their SHA-256, the descriptors and then the frames; the second
    is int32 (drawings, 7): points, width, height and the box of what is drawn, -1 for the whole.
    """

    def __init__(self, points: Mapping[str, Keypoints]) -> None:
        """Write these; each is asked for once, when its turn comes, so that they need not be in memory together."""
        self._points = points
        self._rows: list[tuple[int, ...]] = []

    def blocks(self) -> Iterator[bytes]:
        """The contents of `points.bin`."""
        for sha256 in sorted(self._points):
            one = self._points[sha256]
            self._rows.append((len(one), *one.size_wh, *(one.drawn_xyxy or (_WHOLE,) * 4)))
            yield one.descriptors.tobytes()
            yield one.frames.tobytes()

    def table(self) -> Iterator[bytes]:
        """The contents of `points.npy`; after `blocks`."""
        memory = io.BytesIO()
        np.save(memory, np.array(self._rows, np.int32).reshape(-1, 7), allow_pickle=False)
        yield memory.getvalue()


class StoredPoints(Mapping[str, Keypoints]):
    """Points of drawings by SHA-256, over the files of a `PointWriter`. Immutable."""

    def __init__(self, data: memoryview, table: bytes | memoryview, names: Iterable[str], path: Path) -> None:
        """Join files with the SHA-256 of the drawings.

        Raises:
            CorruptFileError: They do not belong together.
        """
        rows: NDArray[Any] = np.load(io.BytesIO(table), allow_pickle=False)
        names = sorted(names)
        if rows.dtype != np.int32 or rows.shape != (len(names), 7):
            raise CorruptFileError(
                f"{path}: expected the points of {len(names)} drawings, got {rows.dtype} {rows.shape}"
            )
        self._rows, self._data = rows, data
        self._ends = np.cumsum(rows[:, 0].astype(np.int64)) * _POINT_BYTES
        if (rows[:, 0] < 0).any() or (self._ends[-1] if len(rows) else 0) != len(data):
            raise CorruptFileError(f"{path}: expected points for {len(data)} bytes; register the brands again")
        self._row_of = {name: row for row, name in enumerate(names)}
        for name in names:  # what is wrong with them shall show here, not in the middle of a stream
            one = self[name]
            if len(one) and np.abs(one.frames).max() > _FARTHEST:
                raise CorruptFileError(f"{path}: expected points in pixels, got {np.abs(one.frames).max():g}")

    def __getitem__(self, sha256: str) -> Keypoints:
        row = self._row_of[sha256]
        count, width, height, *box = self._rows[row].tolist()
        start = int(self._ends[row]) - count * _POINT_BYTES
        descriptors = np.frombuffer(self._data, np.uint8, count * 128, start) if count else np.zeros(0, np.uint8)
        frames = (
            np.frombuffer(self._data, np.float32, count * 4, start + count * 128) if count else np.zeros(0, np.float32)
        )
        drawn = None if box[0] == _WHOLE else (box[0], box[1], box[2], box[3])
        return Keypoints(frames.reshape(-1, 4), descriptors.reshape(-1, 128), (width, height), drawn)

    def __iter__(self) -> Iterator[str]:
        return iter(self._row_of)

    def __len__(self) -> int:
        return len(self._row_of)
