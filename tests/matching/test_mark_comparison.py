"""What became of a mark is held against a seller only where the logo image lies on it."""

from __future__ import annotations

import numpy as np
import pytest
from builders.marks import flag

from logoscan.matching.alignment import Alignment
from logoscan.matching.alteration import KINDS, Alteration, _is_reliable


def symmetric() -> np.ndarray:
    """A ring, and its mirror image."""
    rows, columns = np.indices((64, 64)) - 31.5
    ring = np.abs(np.hypot(rows, columns) - 22) < 6
    return np.dstack([np.full((64, 64, 3), 30, np.uint8), np.where(ring, 255, 0).astype(np.uint8)])


def found(kind: str, correlation: float, other: float, mirrored: bool, drawing: np.ndarray | None = None) -> Alteration:
    kinds = dict.fromkeys(KINDS, 0.05) | {kind: 0.85}
    blank = np.zeros((4, 4, 3), np.uint8)
    drawing = flag() if drawing is None else drawing
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


def test_a_symmetric_logo_is_never_called_mirrored() -> None:
    assert not _is_reliable(found("mirrored", 0.9, 0.3, True, symmetric()))
    assert _is_reliable(found("stretched", 0.9, 0.3, True, symmetric()))


@pytest.mark.parametrize(("correlation", "other", "sound"), [(0.9, 0.85, False), (0.9, 0.3, True)])
def test_a_mark_is_mirrored_only_where_it_is_the_likeliest_alteration_and_clear(
    correlation: float, other: float, sound: bool
) -> None:
    """The example: "faithful" was the likeliest of the four kinds, and the sentence said "mirrored" all the same."""
    unsure = found("mirrored", correlation, other, True)
    kinds = {"faithful": 0.42, "mirrored": 0.38, "stretched": 0.1, "incomplete": 0.1}
    assert _is_reliable(Alteration(unsure.crop, unsure.logo_image, unsure.alignment, kinds)) is sound
