"""The hashes of turned and mirrored pictures as their differences from what the photo's own hash predicts.

PDQ tells for 16 x 16 waves whether each is above the median. To turn or mirror a picture exchanges rows and columns of
the waves and the sign of every other one, and the median is nearly 0: some 6 of 256 bits differ from that. The
differences compress to a tenth of the hashes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["from_differences", "to_differences"]

# For each of the seven pictures: whether the waves are transposed, and whether odd rows and odd columns change sign.
_TURNS = ((1, 1, 0), (0, 1, 1), (1, 0, 1), (0, 1, 0), (0, 0, 1), (1, 0, 0), (1, 1, 1))


def _predicted(pdq: bytes) -> NDArray[np.uint8]:
    """Return the seven hashes that a hash predicts, uint8 (7, 32)."""
    waves = np.unpackbits(np.frombuffer(pdq, np.uint8)).reshape(16, 16)
    odd = np.arange(16) & 1
    turned = [
        (waves.T if transposed else waves) ^ (rows * odd[:, None] + columns * odd[None] & 1)
        for transposed, rows, columns in _TURNS
    ]
    return np.packbits(np.array(turned, np.uint8).reshape(7, 256), axis=1)


def to_differences(dihedral: Sequence[str]) -> bytes | None:
    """Return the differences of the last seven of eight hashes (hex digits), 224 bytes; None without hashes."""
    if not dihedral:
        return None
    turned = np.frombuffer(bytes.fromhex("".join(dihedral[1:])), np.uint8).reshape(7, 32)
    return (turned ^ _predicted(bytes.fromhex(dihedral[0]))).tobytes()


def from_differences(pdq: bytes, differences: bytes) -> tuple[str, ...]:
    """Return the eight hashes, the photo's own first, as hex digits."""
    turned = np.frombuffer(differences, np.uint8).reshape(7, 32) ^ _predicted(pdq)
    return (pdq.hex(), *(row.tobytes().hex() for row in turned))
