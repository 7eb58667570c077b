"""A logo image laid over a crop: where it lies, whether it is mirrored or stretched."""

import cv2
import numpy as np
import pytest
from builders.marks import crop_of, flag

from logoscan.errors import InputError
from logoscan.matching.alignment import SIDE_PX, align, logo_in_square, overlay, warp_to_logo


@pytest.mark.parametrize("angle_deg", [-20, 0, 12])
def test_faithful_logo_is_aligned_without_mirror_or_stretch(angle_deg: float) -> None:
    found = align(crop_of(flag(), angle_deg=angle_deg), flag())
    assert found is not None
    assert not found.mirrored
    assert found.correlation > 0.9 > found.other
    assert found.stretch == pytest.approx(1.0, abs=0.08)
    turned = np.rad2deg(np.arctan2(found.matrix[1, 0], found.matrix[0, 0]))
    assert turned == pytest.approx(angle_deg, abs=3)


def test_mirrored_logo_is_detected() -> None:
    found = align(crop_of(np.ascontiguousarray(flag()[:, ::-1])), flag())
    assert found is not None
    assert found.mirrored
    assert found.correlation > 0.9


@pytest.mark.parametrize("sides", [(1.1, 0.65), (0.6, 0.96)])
def test_stretch_of_a_logo_is_measured(sides: tuple[float, float]) -> None:
    found = align(crop_of(flag(), sides=sides), flag())
    assert found is not None
    assert found.stretch == pytest.approx(max(sides) / min(sides), rel=0.08)


def test_crop_warped_to_the_logo_image_has_its_ink_in_the_same_pixels() -> None:
    crop = crop_of(flag(), angle_deg=10)
    found = align(crop, flag())
    assert found is not None
    seen = warp_to_logo(crop, found)
    alpha = logo_in_square(flag())[..., 3]
    assert seen[alpha > 0.9, 2].mean() < 80  # the ink's blue is 40, the ground's 220
    assert seen[alpha < 0.1, 2].mean() > 200


def test_overlay_outlines_the_logo() -> None:
    crop = crop_of(flag())
    found = align(crop, flag())
    assert found is not None
    outlined = overlay(crop, flag(), found)
    assert (outlined.shape, outlined.dtype) == (crop.shape, crop.dtype)
    changed = (outlined != crop).any(axis=2)
    assert 0.02 < changed.mean() < 0.25
    edge = cv2.dilate(cv2.Canny(crop, 60, 120), np.ones((7, 7), np.uint8)) > 0
    assert edge[changed].mean() > 0.9


def test_blank_crop_gives_no_alignment_or_a_poor_one() -> None:
    found = align(np.full((64, 64, 3), 200, np.uint8), flag())
    assert found is None or found.correlation < 0.3


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(InputError, match=r"crop: expected uint8 \(n, n, 3\), got uint8 \(10, 12, 3\)"):
        align(np.zeros((10, 12, 3), np.uint8), flag())
    with pytest.raises(InputError, match=r"logo_image: expected uint8 \(H, W, 4\), got uint8 \(10, 10, 3\)"):
        logo_in_square(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(InputError, match="logo_image: expected something to see, got alpha 0 everywhere"):
        logo_in_square(np.zeros((10, 10, 4), np.uint8))


def test_the_square_is_as_wide_as_it_says() -> None:
    assert logo_in_square(flag()).shape == (SIDE_PX, SIDE_PX, 4)
