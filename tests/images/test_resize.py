"""Resizing by torch is Pillow's, whatever the sizes and however the pixels lie in memory."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from logoscan.images.resize import mean_pooled, resized

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def noise(height: int, width: int, low: int = 0, high: int = 256) -> np.ndarray:
    return np.random.default_rng(height * width).integers(low, high, (height, width, 3), np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    how=st.sampled_from(["bilinear", "bicubic"]),
)
def test_it_is_pillows(shape: tuple[int, int], size: tuple[int, int], how: Literal["bilinear", "bicubic"]) -> None:
    image = noise(*shape, 80, 176) if how == "bicubic" else noise(*shape)  # where nothing is clipped between passes
    wanted = np.asarray(Image.fromarray(image).resize(size, FILTERS[how])).astype(int)
    found = resized(image, size, how)
    assert (found.dtype.name, found.shape, found.flags.c_contiguous) == ("uint8", wanted.shape, True)
    off = np.abs(found - wanted)
    assert off.max() <= 2
    assert (off == 0).mean() >= 0.5 or off.size < 300


def test_photos_are_pillows_to_a_thousandth_of_a_grey_level() -> None:
    smooth = np.asarray(Image.fromarray(noise(30, 40)).resize((1600, 1200), Image.Resampling.BICUBIC))
    for size, how in (((960, 720), "bicubic"), ((640, 480), "bilinear"), ((128, 128), "bilinear")):
        wanted = np.asarray(Image.fromarray(smooth).resize(size, FILTERS[how])).astype(int)
        off = np.abs(resized(smooth, size, how) - wanted)  # type: ignore[arg-type]
        assert off.mean() <= 0.001
        assert off.max() <= 2


def test_pixels_may_lie_anywhere_and_stay_as_they_are() -> None:
    whole = noise(40, 50)
    part = whole[3:33, 5:45]
    whole.setflags(write=False)
    before = part.copy()
    np.testing.assert_array_equal(resized(part, (20, 15)), resized(before, (20, 15)))
    np.testing.assert_array_equal(part, before)
    assert resized(part, (40, 30)) is part, "nothing to do"


def test_two_by_two_pixels_become_their_mean() -> None:
    image = noise(5, 6)
    assert mean_pooled(image, 0) is image
    means = image[:4].reshape(2, 2, 3, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(mean_pooled(image, 1), means, atol=0.5)
    assert mean_pooled(image, 2).shape == (1, 1, 3)
    np.testing.assert_array_equal(mean_pooled(image[:1, :1], 3), image[:1, :1])
    np.testing.assert_allclose(mean_pooled(image[:1], 1), image[:1].reshape(1, 3, 2, 3).mean(axis=2), atol=0.5)


@pytest.mark.parametrize("factor", [2, 4])
def test_pooling_a_plain_picture_keeps_its_colour(factor: int) -> None:
    assert (mean_pooled(np.full((64, 48, 3), 77, np.uint8), factor.bit_length() - 1) == 77).all()
