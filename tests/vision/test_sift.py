"""Points of pictures, found by OpenCV for real: in the picture's own pixels, and again in a photo of it."""

import cv2
import numpy as np
import pytest
from labels import label, laid, opaque, photo

from logoscan.matching.placement import place
from logoscan.vision.sift import sift_logo, sift_photo


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 2), (40, 40)])
def test_plain_image_has_no_keypoints(shape: tuple[int, int]) -> None:
    plain = np.full((*shape, 3), 90, np.uint8)
    found = sift_photo(plain)
    assert len(found) == 0
    assert found.size_wh == (shape[1], shape[0])
    assert found.frames.dtype == np.float32
    assert found.descriptors.dtype == np.uint8
    assert len(sift_logo(opaque(plain))) == 0


@pytest.mark.parametrize("grow", [0.5, 1.0, 3.0])
def test_keypoint_frames_are_in_image_pixels(grow: float) -> None:
    small = label()
    large = cv2.resize(small, None, fx=grow, fy=grow, interpolation=cv2.INTER_CUBIC)
    a, b = sift_photo(small), sift_photo(large)
    (found,) = place(b, [a], ["A"])
    assert found is not None
    assert found.inliers > 60
    height, width = large.shape[:2]
    np.testing.assert_allclose(found.corners, [[0, 0], [width, 0], [width, height], [0, height]], atol=2 * max(1, grow))


def test_only_the_strongest_keypoints_are_kept() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3)).astype(np.uint8)
    noise = cv2.resize(noise, (600, 600), interpolation=cv2.INTER_CUBIC)
    assert len(sift_photo(noise)) == 1000
    assert len(sift_logo(opaque(noise))) == 500


@pytest.mark.parametrize(
    "corners",
    [
        [(200, 100), (330, 110), (320, 300), (190, 290)],
        [(420, 120), (400, 330), (90, 300), (110, 90)],
        [(250, 60), (500, 130), (470, 470), (230, 420)],
    ],
    ids=["nearly upright", "turned by a quarter", "seen askew"],
)
def test_keypoints_match_a_label_in_a_photo_and_no_other(corners: list[tuple[float, float]]) -> None:
    matrix, there = laid(corners)
    seen = sift_photo(photo(label(), matrix))
    found, other = place(seen, [sift_logo(opaque(label())), sift_logo(opaque(label(1)))], ["A", "B"])
    assert found is not None
    assert found.probability(2) > 0.95
    np.testing.assert_allclose(found.corners, there, atol=25)  # an affine map of a projective one
    assert other is None or other.probability(2) < 0.2


def test_transparent_logo_image_keeps_its_own_pixels() -> None:
    drawing = np.zeros((160, 160, 4), np.uint8)
    cv2.putText(drawing, "Kelvo", (6, 70), cv2.FONT_HERSHEY_DUPLEX, 1.5, (30, 30, 30, 255), 3)
    cv2.putText(drawing, "Works", (12, 130), cv2.FONT_HERSHEY_TRIPLEX, 1.3, (200, 30, 30, 255), 2)
    found = sift_logo(drawing)
    assert len(found) > 30
    assert found.size_wh == (160, 160)
    matrix, there = laid([(150, 100), (390, 100), (390, 340), (150, 340)], (160, 160))
    on_grey = np.where(drawing[..., 3:] > 0, drawing[..., :3], 200).astype(np.uint8)
    (placed,) = place(sift_photo(photo(on_grey, matrix)), [found], ["A"])
    assert placed is not None
    x0, y0, x1, y1 = found.drawn_xyxy or (0, 0, 0, 0)
    assert 0 < x0 < x1 < 160
    inside = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    np.testing.assert_allclose(placed.corners, there[0] + inside * 1.5, atol=6)


def test_keypoint_box_is_that_of_the_ink() -> None:
    """A pack shot on white is registered without its ground."""
    pack = np.zeros((300, 220, 4), np.uint8)
    pack[40:280, 30:190] = opaque(label())
    found = sift_logo(pack)
    assert found.drawn_xyxy == (30, 40, 190, 280)
    matrix, there = laid([(200, 60), (420, 80), (400, 400), (190, 380)])
    (placed,) = place(sift_photo(photo(label(), matrix)), [found], ["A"])
    assert placed is not None
    np.testing.assert_allclose(placed.corners, there, atol=25)


def test_light_logo_image_is_laid_on_black() -> None:
    drawing = np.zeros((120, 200, 4), np.uint8)
    cv2.putText(drawing, "Kelvo", (6, 70), cv2.FONT_HERSHEY_DUPLEX, 1.8, (250, 250, 250, 255), 4)
    assert len(sift_logo(drawing)) > 10
