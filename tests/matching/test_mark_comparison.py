"""What became of a mark is held against a seller only where the logo image lies on it."""

from __future__ import annotations

import numpy as np
import pytest

from logoscan.matching.alignment import Alignment
from logoscan.matching.alteration import KINDS, Alteration, _is_reliable


def found(kind: str, correlation: float, other: float, mirrored: bool) -> Alteration:
    kinds = dict.fromkeys(KINDS, 0.05) | {kind: 0.85}
    blank = np.zeros((4, 4, 3), np.uint8)
    drawing = np.zeros((4, 4, 4), np.uint8)
    return Alteration(blank, drawing, Alignment(np.eye(2, 3), correlation, other, mirrored), kinds)


@pytest.mark.parametrize(
    ("kind", "correlation", "other", "mirrored", "sound"),
    [
        ("faithful", 0.9, 0.3, False, True),
        ("mirrored", 0.9, 0.3, True, True),
        ("mirrored", 0.9, 0.85, True, False),  # a symmetrical mark fits both ways
        ("mirrored", 0.9, 0.3, False, False),  # it fits as it is registered
        ("stretched", 0.75, 0.3, False, True),
        ("stretched", 0.6, 0.3, False, False),  # another rendition, or none
        ("incomplete", 0.69, 0.3, True, False),
        ("mirrored", 0.5, 0.1, True, False),
    ],
)
def test_alteration_counts_only_where_the_logo_image_is_aligned(
    kind: str, correlation: float, other: float, mirrored: bool, sound: bool
) -> None:
    assert _is_reliable(found(kind, correlation, other, mirrored)) is sound
