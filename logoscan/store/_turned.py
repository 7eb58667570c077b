"""The hashes of turned and mirrored pictures as their differences from what the photo's own hash predicts.

The differences compress to a tenth of the hashes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from logoscan.images.phash_turns import N_TURNS, predicted_turns

__all__ = ["from_differences", "to_differences"]


def to_differences(dihedral: Sequence[str]) -> bytes | None:
    """Return the differences of the last seven of eight hashes (hex digits), 224 bytes; None without hashes."""
    if not dihedral:
        return None
    hashes = np.frombuffer(bytes.fromhex("".join(dihedral)), np.uint8).reshape(N_TURNS + 1, 32)
    return (hashes[1:] ^ predicted_turns(hashes[:1])[:, 0]).tobytes()


def from_differences(pdq: bytes, differences: bytes) -> tuple[str, ...]:
    """Return the eight hashes, the photo's own first, as hex digits."""
    predicted = predicted_turns(np.frombuffer(pdq, np.uint8)[None])[:, 0]
    turned = np.frombuffer(differences, np.uint8).reshape(N_TURNS, 32) ^ predicted
    return (pdq.hex(), *(row.tobytes().hex() for row in turned))
