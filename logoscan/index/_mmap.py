"""Files mapped into memory instead of read: arrays, stored archives and keypoints of logo images.

Pages are loaded when they are used and dropped when memory is short. The caller has verified the file by its hash, and
nobody changes it: generations of an index are immutable. This module does not know the index.
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

from logoscan._quote import cause
from logoscan.errors import CorruptFileError
from logoscan.vision.sift import Keypoints

__all__ = ["PNG", "KeypointWriter", "StoredKeypoints", "map_archive", "map_rows", "map_verified"]

PNG: TypeAlias = bytes | memoryview
"""A picture's file, in memory or mapped."""

# A descriptor, 128 bytes, and a frame, four float32.
_KEYPOINT_BYTES = 128 + 4 * 4
# No coordinate, scale or angle of a keypoint, in pixels or radians, is above it.
_MAX_FRAME_VALUE = 1e6
# Stands for `Keypoints.drawn_xyxy` None in the table.
_NO_BOX = -1


def map_verified(path: Path, sha256: str) -> memoryview | None:
    """Map a file and return its bytes; None if its hash differs. Raises `OSError` if there is no file."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            return None
        if file.tell() == 0:  # an empty file cannot be mapped
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def map_rows(data: memoryview, path: Path) -> NDArray[np.float32]:
    """Return the array of a `.npy` file, float32 (n, d), not copied.

    Args:
        data: The mapped file.
        path: Path of the file, for messages.

    Raises:
        CorruptFileError: The file holds another kind of array, or NaN or infinity.
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
        raise CorruptFileError(f"{path}: expected float32 (n, d), got {cause(error)}; register them again") from None
    if not np.isfinite(rows).all():
        raise CorruptFileError(f"{path}: expected finite float32 vectors; register the brands again")
    return rows.reshape(shape)


def map_archive(data: memoryview, path: Path) -> dict[str, PNG]:
    """Return the files of an archive without compression by their names without suffix, not copied.

    Args:
        data: The mapped archive.
        path: Path of the archive.

    Raises:
        CorruptFileError: It is no archive, or its files are compressed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise zipfile.BadZipFile("packed entries")  # ours are not compressed; others could grow
        out: dict[str, PNG] = {}
        for entry in entries:  # name and extra field precede the content
            head = data[entry.header_offset : entry.header_offset + 30]
            start = entry.header_offset + 30 + sum(int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
            out[Path(entry.filename).stem] = data[start : start + entry.file_size]
        return out
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, OSError, struct.error) as error:
        raise CorruptFileError(f"{path}: expected stored logo images ({error}); register the brands again") from None


class KeypointWriter:
    """Keypoints of logo images as two files: `points.bin` with their data, `points.npy` with a row for each image.

    The first holds, image by image in the order of their SHA-256, the descriptors and then the frames; the second is
    int32 (images, 7): number of keypoints, width, height, and the box of what is drawn, -1 for the whole image.
    """

    def __init__(self, keypoints: Mapping[str, Keypoints]) -> None:
        """Prepare to write keypoints by SHA-256; each value is read once, so that not all must be in memory."""
        self._keypoints = keypoints
        self._rows: list[tuple[int, ...]] = []

    def blocks(self) -> Iterator[bytes]:
        """Yield the content of `points.bin`."""
        for sha256 in sorted(self._keypoints):
            keypoints = self._keypoints[sha256]
            self._rows.append((len(keypoints), *keypoints.size_wh, *(keypoints.drawn_xyxy or (_NO_BOX,) * 4)))
            yield keypoints.descriptors.tobytes()
            yield keypoints.frames.tobytes()

    def table(self) -> Iterator[bytes]:
        """Yield the content of `points.npy`; to be called after `blocks`."""
        memory = io.BytesIO()
        np.save(memory, np.array(self._rows, np.int32).reshape(-1, 7), allow_pickle=False)
        yield memory.getvalue()


class StoredKeypoints(Mapping[str, Keypoints]):
    """Keypoints of logo images by SHA-256, read from the files of a `KeypointWriter`. Immutable."""

    def __init__(self, data: memoryview, table: bytes | memoryview, names: Iterable[str], path: Path) -> None:
        """Read the table of two files.

        Args:
            data: Content of `points.bin`.
            table: Content of `points.npy`.
            names: SHA-256 of all logo images.
            path: File to name in messages.

        Raises:
            CorruptFileError: The files and names do not belong together, or a frame is out of range.
        """
        rows: NDArray[Any] = np.load(io.BytesIO(table), allow_pickle=False)
        names = sorted(names)
        if rows.dtype != np.int32 or rows.shape != (len(names), 7):
            raise CorruptFileError(
                f"{path}: expected the points of {len(names)} logo images, got {rows.dtype} {rows.shape}"
            )
        self._rows, self._data = rows, data
        self._ends = np.cumsum(rows[:, 0].astype(np.int64)) * _KEYPOINT_BYTES
        if (rows[:, 0] < 0).any() or (self._ends[-1] if len(rows) else 0) != len(data):
            raise CorruptFileError(f"{path}: expected points for {len(data)} bytes; register the brands again")
        self._row_of = {name: row for row, name in enumerate(names)}
        for name in names:  # a fault shall show here, not in the middle of a stream
            keypoints = self[name]
            if len(keypoints) and np.abs(keypoints.frames).max() > _MAX_FRAME_VALUE:
                raise CorruptFileError(f"{path}: expected points in pixels, got {np.abs(keypoints.frames).max():g}")

    def __getitem__(self, sha256: str) -> Keypoints:
        row = self._row_of[sha256]
        count, width, height, *box = self._rows[row].tolist()
        start = int(self._ends[row]) - count * _KEYPOINT_BYTES
        descriptors = np.frombuffer(self._data, np.uint8, count * 128, start) if count else np.zeros(0, np.uint8)
        frames = (
            np.frombuffer(self._data, np.float32, count * 4, start + count * 128) if count else np.zeros(0, np.float32)
        )
        drawn_xyxy = None if box[0] == _NO_BOX else (box[0], box[1], box[2], box[3])
        return Keypoints(frames.reshape(-1, 4), descriptors.reshape(-1, 128), (width, height), drawn_xyxy)

    def __iter__(self) -> Iterator[str]:
        return iter(self._row_of)

    def __len__(self) -> int:
        return len(self._row_of)
