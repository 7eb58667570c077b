"""Logos of different brands that are one drawing, or nearly: a family. Knows no files and no encoders.

A licensee, a sub-brand or a collaboration shows a mark that is another's too. No picture tells such brands apart, so
they are no rivals: all of them are shown. A family is one of logos; brands are related through these alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan import weights
from logoscan.gallery import Gallery
from logoscan.types import EncoderInfo

__all__ = ["Key", "Pair", "alike_from", "families", "pairs_among", "rows_of"]

_ALIKE, _ALIKE_ANYWHERE = 0.9, 0.97
"""Cosine from which two logos are one drawing: by the bundled tower, and by any other, whose unrelated logos may lie
near to each other. By the bundled one, vectors of different brands' logos lie at 0.58 at most in three galleries of 60
brands, and all pairs above 0.8 that were looked at among 1,081 icons are one mark under two names; those of one brand's
mark from two sources lie above 0.9 in a fifth to a half of all pairs."""
_CELLS = 16_000_000
"""Products that are held at a time: 64 MB."""

Key: TypeAlias = tuple[str, str]
"""A logo: its brand and its identifier."""
Pair: TypeAlias = tuple[Key, Key]
"""Two logos of different brands, in order."""


def alike_from(encoder: EncoderInfo) -> float:
    """Cosine from which two logos are one drawing, by this encoder."""
    known = encoder.fingerprint in {c.encoder for c in weights.calibrations()}
    return _ALIKE if known else _ALIKE_ANYWHERE


def pairs_among(logos: Gallery, least: float, fresh: Collection[Key] | None = None) -> dict[Pair, float]:
    """Logos of different brands that are one drawing: of equal file, or with a vector each that are alike.

    Args:
        logos: All of them.
        least: Cosine from which they are, see `alike_from`.
        fresh: Those of which one at least is in each pair; None is all.

    Returns:
        For each pair the highest cosine of two vectors, 1 for equal files.
    """
    keys = [(r.brand, r.id) for r in logos.records]
    of_file: dict[str, dict[Key, None]] = {}
    for key, record in zip(keys, logos.records, strict=True):
        of_file.setdefault(record.sha256, {})[key] = None
    found: dict[Pair, float] = {}
    for same in of_file.values():
        if len({brand for brand, _ in same}) > 1:
            new = same if fresh is None else [key for key in same if key in fresh]
            for a in new:
                found |= {(min(a, b), max(a, b)): 1.0 for b in same if a[0] != b[0]}
    rows = np.arange(len(keys)) if fresh is None else np.flatnonzero([key in fresh for key in keys])
    step = max(1, _CELLS // max(1, len(keys)))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        products = logos.vectors[block] @ logos.vectors.T
        for i, j in zip(*np.nonzero(products >= least), strict=True):
            a, b = keys[block[i]], keys[j]
            if a[0] != b[0]:
                pair = min(a, b), max(a, b)
                found[pair] = max(found.get(pair, -1.0), min(1.0, float(products[i, j])))
    return found


def families(pairs: Iterable[Pair]) -> Mapping[Key, int]:
    """The number of the family of each logo that is in a pair, from 0; whoever is paired is of one family."""
    leader: dict[Key, Key] = {}

    def led(key: Key) -> Key:
        while leader.setdefault(key, key) != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for a, b in sorted(pairs):
        first, second = sorted((led(a), led(b)))
        leader[second] = first
    number = {key: i for i, key in enumerate(sorted({led(key) for key in leader}))}
    return {key: number[led(key)] for key in leader}


def rows_of(logos: Gallery, pairs: Collection[Pair]) -> NDArray[np.int64] | None:
    """The family of each row of `logos`, -1 for none; None where there is none at all."""
    if not pairs:
        return None
    of = families(pairs)
    return np.array([of.get((r.brand, r.id), -1) for r in logos.records], np.int64)
