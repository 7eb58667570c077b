"""A drawing laid over a crop: where it lies, whether it is mirrored or stretched."""

import cv2
import numpy as np
import pytest

from logoscan.errors import InputError
from logoscan.matching.alignment import SIDE_PX, align, drawn, on_drawing, overlay
from logoscan.types import Rgb, Rgba


def flag() -> Rgba:
    """A mark that is like none of its mirror images: a foot, a tall bar and a hook."""
    out = np.zeros((120, 100, 4), np.uint8)
    for a, b in (((10, 5), (30, 115)), ((30, 5), (90, 30)), ((70, 30), (90, 60)), ((30, 95), (60, 115))):
        cv2.rectangle(out, a, b, (20, 20, 20, 255), -1)
    return out


def shown(drawing: Rgba, *, angle_deg: float = 0.0, sides: tuple[float, float] = (0.9, 0.9), side_px: int = 128) -> Rgb:
    """The drawing turned and stretched on pale blue, with the sides' scales in pixels a pixel."""
    h, w = drawing.shape[:2]
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    turn = np.array([[c, -s], [s, c]]) @ np.diag(sides)
    matrix = np.column_stack([turn, side_px / 2 - turn @ [w / 2, h / 2]])
    laid = cv2.warpAffine(drawing.astype(np.float32), matrix, (side_px, side_px), flags=cv2.INTER_AREA)
    alpha = laid[..., 3:] / 255
    return np.asarray(np.array([170, 190, 220]) * (1 - alpha) + np.array([180, 30, 40]) * alpha, np.uint8)


@pytest.mark.parametrize("angle_deg", [-20, 0, 12])
def test_a_faithful_mark_is_found_upright_and_in_shape(angle_deg: float) -> None:
    found = align(shown(flag(), angle_deg=angle_deg), flag())
    assert found is not None
    assert not found.mirrored
    assert found.correlation > 0.9 > found.other
    assert found.stretch == pytest.approx(1.0, abs=0.08)
    turned = np.rad2deg(np.arctan2(found.matrix[1, 0], found.matrix[0, 0]))
    assert turned == pytest.approx(angle_deg, abs=3)


def test_a_mirrored_mark_is_told() -> None:
    found = align(shown(np.ascontiguousarray(flag()[:, ::-1])), flag())
    assert found is not None
    assert found.mirrored
    assert found.correlation > 0.9


@pytest.mark.parametrize("sides", [(1.1, 0.65), (0.6, 0.96)])
def test_a_stretched_mark_is_measured(sides: tuple[float, float]) -> None:
    found = align(shown(flag(), sides=sides), flag())
    assert found is not None
    assert found.stretch == pytest.approx(max(sides) / min(sides), rel=0.08)


def test_the_crop_seen_through_the_drawing_has_its_ink_where_the_drawing_has() -> None:
    crop = shown(flag(), angle_deg=10)
    found = align(crop, flag())
    assert found is not None
    seen = on_drawing(crop, found)
    alpha = drawn(flag())[..., 3]
    assert seen[alpha > 0.9, 2].mean() < 80  # the ink's blue is 40, the ground's 220
    assert seen[alpha < 0.1, 2].mean() > 200


def test_the_overlay_outlines_the_mark() -> None:
    crop = shown(flag())
    found = align(crop, flag())
    assert found is not None
    outlined = overlay(crop, flag(), found)
    assert (outlined.shape, outlined.dtype) == (crop.shape, crop.dtype)
    changed = (outlined != crop).any(axis=2)
    assert 0.02 < changed.mean() < 0.25
    edge = cv2.dilate(cv2.Canny(crop, 60, 120), np.ones((7, 7), np.uint8)) > 0
    assert edge[changed].mean() > 0.9


def test_nothing_to_align_with_is_no_alignment_or_a_poor_one() -> None:
    found = align(np.full((64, 64, 3), 200, np.uint8), flag())
    assert found is None or found.correlation < 0.3


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(InputError, match=r"crop: expected uint8 \(n, n, 3\), got uint8 \(10, 12, 3\)"):
        align(np.zeros((10, 12, 3), np.uint8), flag())
    with pytest.raises(InputError, match=r"drawing: expected uint8 \(H, W, 4\), got uint8 \(10, 10, 3\)"):
        drawn(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(InputError, match="drawing: expected something to see, got alpha 0 everywhere"):
        drawn(np.zeros((10, 10, 4), np.uint8))


def test_the_square_is_as_wide_as_it_says() -> None:
    assert drawn(flag()).shape == (SIDE_PX, SIDE_PX, 4)
