"""Logos of different brands that are one drawing, or nearly: a family. Knows no files and no encoders.

A licensee, a sub-brand or a collaboration shows a mark that is another's too. No picture tells such brands apart, so
they are no rivals: all of them are shown. A family is one of logos; brands are related through these alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan.index.gallery import Gallery
from logoscan.text.folding import fold
from logoscan.types import EncoderInfo
from logoscan.vision import weights

__all__ = ["Family", "Key", "Kin", "alike_from", "limits", "numbered", "related", "remaining", "united"]

_ALIKE, _ALIKE_ANYWHERE = 0.9, 0.97
"""Cosine from which two logos are one drawing: by the bundled tower, and by any other, whose unrelated logos may lie
near to each other. By the bundled one, vectors of different brands' logos lie at 0.58 at most in three galleries of 60
brands, and all pairs above 0.8 that were looked at among 1,081 icons are one mark under two names; those of one brand's
mark from two sources lie above 0.9 in a fifth to a half of all pairs."""
_ASKED, _REFUSED = 0.5, 0.8
"""Cosine to a brand's own logos from which a picture is no negative of it on one word alone, and from which it is its
mark. By the bundled tower a true mark in a photo lies at 0.54 to 0.94 and a false alarm at 0.61 to 0.91 (98 % of 398,
12 on the Flickr photos): no cosine tells them apart, and one true mark among the negatives costs a brand half to nine
tenths of its other photos by look, whatever its cosine."""
_CELLS = 16_000_000
"""Products that are held at a time: 64 MB."""

Key: TypeAlias = tuple[str, str]
"""A logo: its brand and its identifier."""
Family: TypeAlias = frozenset[Key]
"""Logos of two brands or more."""


@dataclass(frozen=True)
class Kin:
    """What `related` finds.

    Attributes:
        families: Apart from one another.
        nearest: Of each fresh logo that is the drawing of one that is not: the likest such, and the cosine.
    """

    families: tuple[Family, ...]
    nearest: Mapping[Key, tuple[Key, float]]


def alike_from(encoder: EncoderInfo) -> float:
    """Cosine from which two logos are one drawing, by this encoder."""
    known = encoder.fingerprint in weights.calibrated_encoders()
    return _ALIKE if known else _ALIKE_ANYWHERE


def limits(encoder: EncoderInfo) -> tuple[float, float]:
    """Cosine to a brand's own logos from which two have to say that a picture is not the brand, and from which it is.

    By an encoder whose cosines are not known both are those of equal drawings.
    """
    least = alike_from(encoder)
    return (_ASKED, _REFUSED) if least < _ALIKE_ANYWHERE else (least, least)


def related(logos: Gallery, least: float, fresh: Collection[Key] | None = None) -> Kin:
    """Logos of different brands that are one drawing: of equal file, or with a vector each that are alike.

    Args:
        logos: All of them.
        least: Cosine from which they are, see `alike_from`; above 1, files alone are compared.
        fresh: Those of which one at least is in each pair that is looked for; None is all.
    """
    number: dict[Key, int] = {}
    of_row = np.array([number.setdefault((r.brand, r.id), len(number)) for r in logos.records], np.int64)
    keys = list(number)
    brand = np.zeros(len(keys), np.int64)
    brand[of_row] = logos.code
    new = np.array([fresh is None or key in fresh for key in keys], bool)
    label = np.arange(len(keys))
    files: dict[str, dict[int, None]] = {}
    for logo, record in zip(of_row.tolist(), logos.records, strict=True):
        files.setdefault(record.sha256, {})[logo] = None
    for same in map(np.array, map(list, files.values())):
        if len(np.unique(brand[same])) > 1 and new[same].any():
            label = _joined(label, np.full(len(same), same[0]), same)
    rows = np.flatnonzero(new[of_row]) if least <= 1 else np.zeros(0, np.int64)
    nearest: dict[Key, tuple[Key, float]] = {}
    step = max(1, _CELLS // max(1, len(logos)))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        products = logos.vectors[block] @ logos.vectors.T
        i, j = np.nonzero(products >= least)
        a, b, cosine = of_row[block[i]], of_row[j], products[i, j]
        other = brand[a] != brand[b]
        a, b, cosine = a[other], b[other], cosine[other]
        label = _joined(label, a, b)
        known = ~new[b]
        for x, y, value in sorted(zip(a[known].tolist(), b[known].tolist(), cosine[known].tolist(), strict=True)):
            if value > nearest.get(keys[x], (keys[x], -1.0))[1]:
                nearest[keys[x]] = keys[y], min(1.0, value)
    members: dict[int, set[Key]] = {}
    for logo, of in enumerate(label.tolist()):
        members.setdefault(of, set()).add(keys[logo])
    return Kin(remaining(members.values(), keys), nearest)


def _joined(label: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels of connected logos, the lowest of each, with edges between `a` and `b`."""
    if not len(a):
        return label
    a, b = np.append(a, np.arange(len(label))), np.append(b, label)  # those that were connected stay so
    while True:
        low = np.minimum(label[a], label[b])
        after = label.copy()
        np.minimum.at(after, a, low)
        np.minimum.at(after, b, low)
        after = after[after]
        if np.array_equal(after, label):
            return label
        label = after


def united(families: Iterable[Family]) -> tuple[Family, ...]:
    """The families, those with a logo in common as one, in order."""
    of: dict[Key, set[Key]] = {}
    for family in families:
        joined = set(family).union(*(of[key] for key in family if key in of))
        of |= dict.fromkeys(joined, joined)
    apart = {id(family): frozenset(family) for family in of.values()}
    return tuple(sorted(apart.values(), key=sorted))


def remaining(families: Iterable[Collection[Key]], logos: Collection[Key]) -> tuple[Family, ...]:
    """The families of the logos that are left, in order: of two brands or more, as before."""
    there = logos if isinstance(logos, (set, frozenset)) else set(logos)
    left = (frozenset(family) & there for family in families)
    return tuple(sorted((f for f in left if len({brand for brand, _ in f}) > 1), key=sorted))


def numbered(logos: Gallery, families: Collection[Family]) -> NDArray[np.int64] | None:
    """The family of each row of `logos`, -1 for none; None where there is none at all."""
    if not families:
        return None
    of = {key: number for number, family in enumerate(families) for key in family}
    return np.array([of.get((r.brand, r.id), -1) for r in logos.records], np.int64)


def names_overlap(a: str, b: str) -> bool:
    """Whether one name of a brand holds the other, both folded: such names cannot contradict each other."""
    one, other = fold(a), fold(b)
    return one in other or other in one
