"""SHA-256 in the forms that indexes, reports and versions carry: their values are stored, so they never change.

Root module, private to the package: every room may import it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["file_sha256", "fingerprint", "mapping_sha256", "pixels_sha256", "sha256_hex"]


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of bytes, 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 lower-case hex digits; the file is read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pixels_sha256(pixels: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of an array's shape and bytes, 64 lower-case hex digits."""
    return sha256_hex(repr(pixels.shape).encode() + pixels.tobytes())


def mapping_sha256(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain values, whatever the order of their keys and the indentation of their file.

    Args:
        content: What JSON can hold, of a file that people may read and format.
    """
    return sha256_hex(json.dumps(content, sort_keys=True).encode())


def fingerprint(*parts: object, digits: int = 16) -> str:
    """Return the first hex digits of the SHA-256 of `repr(parts)`.

    Args:
        parts: Values to distinguish, whose `repr` shows all of them. It holds the names of their classes and fields,
            so that renaming one changes every fingerprint that is stored.
        digits: How many of the 64 digits are returned.
    """
    return sha256_hex(repr(parts).encode())[:digits]
