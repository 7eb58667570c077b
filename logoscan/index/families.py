"""Families: logos of different brands that have the same image, or nearly. Knows no files and no encoders.

A licensee, a sub-brand or a collaboration shows a logo that is another brand's too. No photo tells such brands apart,
so they do not compete: all of them are shown. A family consists of logos; brands are related through these alone.
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

__all__ = [
    "Family",
    "LogoKey",
    "RelatedLogos",
    "family_of_rows",
    "find_families",
    "like_logo_cosine",
    "merge_families",
    "names_overlap",
    "negative_limits",
    "restrict_families",
    "same_logo_cosine",
]

# Cosine from which two logos have the same image: by the bundled encoder, and by any other, whose unrelated logos may
# lie near to each other. By the bundled one, vectors of different brands' logos lie at 0.58 at most in three galleries
# of 60 brands, and all pairs above 0.8 that were looked at among 1,081 icons are one logo under two names; those of one
# brand's logo from two sources lie above 0.9 in a fifth to a half of all pairs. Counted before the encoder pooled
# several stages; cosines of a logo in a photo, as those below, lie some 0.05 lower since.
_SAME_LOGO_COSINE, _SAME_LOGO_COSINE_OTHER_ENCODERS = 0.9, 0.97
# Cosine from which a logo is somewhat like another brand's, by the bundled encoder: above all that unrelated ones have.
_LIKE_COSINE = 0.6
# Cosine to a brand's logos from which a negative needs two reviewers, and from which a picture is the logo itself. By
# the bundled encoder a true logo in a photo lies at 0.54 to 0.94 and a false alarm at 0.61 to 0.91 (98 % of 398, 12 on
# the Flickr photos): no cosine tells them apart, and one true logo among the negatives costs a brand half to nine
# tenths of its other photos by appearance, whatever its cosine.
_REVIEW_COSINE, _REFUSE_COSINE = 0.5, 0.8
# Products that are held in memory at a time: 64 MB.
_PRODUCTS_AT_ONCE = 16_000_000

LogoKey: TypeAlias = tuple[str, str]
"""A logo: its brand and its identifier."""
Family: TypeAlias = frozenset[LogoKey]
"""Logos of two brands or more."""


@dataclass(frozen=True)
class RelatedLogos:
    """What `find_families` returns.

    Attributes:
        families: Families without a logo in common.
        nearest: By new logo that has the same image as an old one: the most similar such, and the cosine.
    """

    families: tuple[Family, ...]
    nearest: Mapping[LogoKey, tuple[LogoKey, float]]


def same_logo_cosine(encoder: EncoderInfo) -> float:
    """Return the cosine from which two logos have the same image, by this encoder."""
    is_calibrated = encoder.fingerprint in weights.calibrated_encoders()
    return _SAME_LOGO_COSINE if is_calibrated else _SAME_LOGO_COSINE_OTHER_ENCODERS


def like_logo_cosine(encoder: EncoderInfo) -> float:
    """Return the cosine from which a logo is somewhat like another brand's; that of equal logos by other encoders."""
    cosine = same_logo_cosine(encoder)
    return _LIKE_COSINE if cosine < _SAME_LOGO_COSINE_OTHER_ENCODERS else cosine


def negative_limits(encoder: EncoderInfo) -> tuple[float, float]:
    """Return the cosines to a brand's logos from which a negative needs two reviewers, and from which it is refused.

    For an encoder whose cosines were not measured both are the cosine of equal logos.
    """
    cosine = same_logo_cosine(encoder)
    return (_REVIEW_COSINE, _REFUSE_COSINE) if cosine < _SAME_LOGO_COSINE_OTHER_ENCODERS else (cosine, cosine)


def find_families(logos: Gallery, cosine_from: float, new: Collection[LogoKey] | None = None) -> RelatedLogos:
    """Find logos of different brands that have the same image: equal files, or a vector each that are similar.

    Args:
        logos: All logos.
        cosine_from: Cosine from which vectors are similar, see `same_logo_cosine`; above 1, files alone are compared.
        new: Each pair that is looked for has one of these logos at least; None means all.

    Returns:
        The families, and the old logo that is nearest to each new one.
    """
    number: dict[LogoKey, int] = {}
    logo_of_row = np.array([number.setdefault((r.brand, r.id), len(number)) for r in logos.records], np.int64)
    keys = list(number)
    brand = np.zeros(len(keys), np.int64)
    brand[logo_of_row] = logos.code
    is_new = np.array([new is None or key in new for key in keys], bool)
    label = np.arange(len(keys))
    files: dict[str, dict[int, None]] = {}
    for logo, record in zip(logo_of_row.tolist(), logos.records, strict=True):
        files.setdefault(record.sha256, {})[logo] = None
    for same in map(np.array, map(list, files.values())):
        if len(np.unique(brand[same])) > 1 and is_new[same].any():
            label = _connect(label, np.full(len(same), same[0]), same)
    rows = np.flatnonzero(is_new[logo_of_row]) if cosine_from <= 1 else np.zeros(0, np.int64)
    nearest: dict[LogoKey, tuple[LogoKey, float]] = {}
    step = max(1, _PRODUCTS_AT_ONCE // max(1, len(logos)))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        products = logos.vectors[block] @ logos.vectors.T
        i, j = np.nonzero(products >= cosine_from)
        a, b, cosine = logo_of_row[block[i]], logo_of_row[j], products[i, j]
        differ = brand[a] != brand[b]
        a, b, cosine = a[differ], b[differ], cosine[differ]
        label = _connect(label, a, b)
        is_old = ~is_new[b]
        for x, y, value in sorted(zip(a[is_old].tolist(), b[is_old].tolist(), cosine[is_old].tolist(), strict=True)):
            if value > nearest.get(keys[x], (keys[x], -1.0))[1]:
                nearest[keys[x]] = keys[y], min(1.0, value)
    members: dict[int, set[LogoKey]] = {}
    for logo, component in enumerate(label.tolist()):
        members.setdefault(component, set()).add(keys[logo])
    return RelatedLogos(restrict_families(members.values(), keys), nearest)


def _connect(label: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the labels of connected components, the lowest member of each, after edges `a`-`b` were added."""
    if not len(a):
        return label
    a, b = np.append(a, np.arange(len(label))), np.append(b, label)  # earlier connections remain
    while True:
        low = np.minimum(label[a], label[b])
        after = label.copy()
        np.minimum.at(after, a, low)
        np.minimum.at(after, b, low)
        after = after[after]
        if np.array_equal(after, label):
            return label
        label = after


def merge_families(families: Iterable[Family]) -> tuple[Family, ...]:
    """Return the families in order, with those that have a logo in common merged into one."""
    family_of: dict[LogoKey, set[LogoKey]] = {}
    for family in families:
        merged = set(family).union(*(family_of[key] for key in family if key in family_of))
        family_of |= dict.fromkeys(merged, merged)
    distinct = {id(family): frozenset(family) for family in family_of.values()}
    return tuple(sorted(distinct.values(), key=sorted))


def restrict_families(families: Iterable[Collection[LogoKey]], logos: Collection[LogoKey]) -> tuple[Family, ...]:
    """Return the families, restricted to `logos`, that still have two brands or more, in order."""
    allowed = logos if isinstance(logos, (set, frozenset)) else set(logos)
    restricted = (frozenset(family) & allowed for family in families)
    return tuple(sorted((f for f in restricted if len({brand for brand, _ in f}) > 1), key=sorted))


def family_of_rows(logos: Gallery, families: Collection[Family]) -> NDArray[np.int64] | None:
    """Return the position of the family of each row of `logos`, -1 for none; None if there are no families."""
    if not families:
        return None
    number = {key: i for i, family in enumerate(families) for key in family}
    return np.array([number.get((r.brand, r.id), -1) for r in logos.records], np.int64)


def names_overlap(a: str, b: str) -> bool:
    """Return whether one name of a brand contains the other, both folded: such names cannot contradict each other."""
    folded_a, folded_b = fold(a), fold(b)
    return folded_a in folded_b or folded_b in folded_a
