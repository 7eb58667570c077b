"""The PDQ hashes of turned and mirrored pictures, predicted from the hash of the picture.

PDQ tells for 16 x 16 waves whether each is above the median. To turn or mirror a picture exchanges rows and columns of
the waves and the sign of every other one, and the median is nearly 0: some 6 of 256 bits differ from that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["N_TURNS", "predicted_turns"]

# For each of the seven pictures: whether the waves are transposed, and whether odd rows and odd columns change sign.
_TURNS = ((1, 1, 0), (0, 1, 1), (1, 0, 1), (0, 1, 0), (0, 0, 1), (1, 0, 0), (1, 1, 1))
N_TURNS = len(_TURNS)
"""Number of pictures besides the picture itself."""


def predicted_turns(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the hashes that turned and mirrored pictures probably have.

    Args:
        hashes: PDQ hashes, uint8 (n, 32).

    Returns:
        uint8 (7, n, 32), in the order of `photo_hashes`.
    """
    waves = np.unpackbits(hashes, axis=1).reshape(-1, 16, 16)
    odd = np.arange(16, dtype=np.uint8) & 1
    out = np.empty((N_TURNS, len(hashes), 32), np.uint8)
    for picture, (transposed, rows, columns) in zip(out, _TURNS, strict=True):
        signs = (rows * odd[:, None] + columns * odd[None]) & 1
        turned = (waves.transpose(0, 2, 1) if transposed else waves) ^ signs.astype(np.uint8)
        picture[:] = np.packbits(turned.reshape(-1, 256), axis=1)
    return out
