"""Points in one arrangement: found under any similarity, told from chance, shared with nobody."""

import math
from dataclasses import replace

import numpy as np
import pytest
from builders.keypoints import SIDE, drawing, photographed
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.errors import InputError
from logoscan.matching._shortlist import rival_similarity
from logoscan.matching._verification import _log10_tail
from logoscan.matching.placement import _MAX_FULL_PAIRS, Placement, place
from logoscan.vision.sift import Keypoints


def corners(scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.asarray(scale * np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]]) @ turn.T + np.array(shift))


def test_no_keypoints_give_no_placement() -> None:
    assert place(photographed(drawing()), [], []) == []
    assert place(Keypoints.empty((9, 9)), [drawing()], ["A"]) == [None]
    assert place(photographed(drawing()), [Keypoints.empty()], ["A"]) == [None]
    assert len(Keypoints.empty()) == 0


def test_unfitting_arguments_are_refused() -> None:
    with pytest.raises(InputError, match=r"owners: expected one for each of 1 logo images, got 0"):
        place(photographed(drawing()), [drawing()], [])
    with pytest.raises(InputError, match=r"Keypoints.frames: expected float32 \(n, 4\), got float64 \(2, 4\)"):
        Keypoints(np.zeros((2, 4)), np.zeros((2, 128), np.uint8), (1, 1))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"Keypoints.descriptors: expected uint8 \(2, 128\), got uint8 \(1, 128\)"):
        Keypoints(np.ones((2, 4), np.float32), np.zeros((1, 128), np.uint8), (1, 1))
    for frames, size in ((np.zeros((1, 4)), (1, 1)), (np.full((1, 4), np.nan), (1, 1)), (np.ones((1, 4)), (0, 0))):
        with pytest.raises(InputError, match="finite frames of diameters above 0"):
            Keypoints(frames.astype(np.float32), np.zeros((1, 128), np.uint8), size)


@quick
@given(st.floats(0.25, 2.5), st.floats(-math.pi, math.pi), st.integers(0, 5))
def test_logo_image_is_found_at_any_scale_and_rotation(scale: float, angle: float, seed: int) -> None:
    mark, shift = drawing(seed), (310.0, 290.0)
    (found,) = place(photographed(mark, scale, angle, shift, seed), [mark], ["A"])
    assert found is not None
    assert found.inliers >= 45  # far away some of them fall together
    assert found.probability(10) > 0.97
    np.testing.assert_allclose(found.corners, corners(scale, angle, shift), atol=0.5)
    x0, y0, x1, y1 = found.xyxy
    assert (x0, y0) == tuple(found.corners.min(axis=0))
    assert (x1, y1) == tuple(found.corners.max(axis=0))


def test_inverted_print_is_found() -> None:
    """Gradients turn about: a point's orientation by half a turn, and with it the order of its cells."""
    mark = drawing()
    frames = mark.frames + np.array([0, 0, 0, np.pi], np.float32)
    turned = mark.descriptors.reshape(-1, 16, 8)[:, ::-1].reshape(-1, 128)
    negative = replace(photographed(replace(mark, frames=frames)), descriptors=photographed(mark).descriptors.copy())
    negative.descriptors[: len(turned)] = turned
    (found,) = place(negative, [mark], ["A"])
    assert found is not None
    assert found.inliers >= 55


def test_a_mirrored_arrangement_is_another() -> None:
    mark = drawing()
    mirrored = mark.frames.copy()
    mirrored[:, 0] = SIDE - mirrored[:, 0]
    (found,) = place(photographed(replace(mark, frames=mirrored)), [mark], ["A"])
    assert found is None or found.probability(2) < 0.5


def test_logo_image_of_two_brands_is_placed_for_neither() -> None:
    mark, photo = drawing(), photographed(drawing())
    assert place(photo, [mark, mark], ["A", "B"]) == [None, None]
    both = place(photo, [mark, mark], ["A", "A"])
    assert all(found is not None and found.inliers >= 55 for found in both)
    beside = place(photo, [mark, drawing(7)], ["A", "B"])
    assert beside[0] is not None
    assert beside[1] is None


def test_shortlist_of_many_logo_images_finds_the_right_one() -> None:
    marks = [drawing(seed, n=400) for seed in range(40)]
    owners = [f"brand {i}" for i in range(40)]
    photo = photographed(marks[7], 0.8, 0.6, (310.0, 290.0), 7)
    assert len(photo) * sum(map(len, marks)) > _MAX_FULL_PAIRS
    brief, full = place(photo, marks, owners), place(photo, marks, owners, thorough=True)
    assert [i for i, found in enumerate(brief) if found is not None and found.probability(40) > 0.5] == [7]
    assert brief[7] is not None
    assert full[7] is not None
    np.testing.assert_allclose(brief[7].corners, full[7].corners, atol=0.5)


@quick
@given(st.integers(1, 6), st.integers(0, 5), st.integers(0, 9))
def test_rivals_are_the_nearest_of_other_brands(drawings: int, points: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    near, owners = rng.random((drawings, points)).astype(np.float32), rng.integers(0, 3, drawings).tolist()
    expected = [
        [max((near[j, p] for j in range(drawings) if owners[j] != owners[i]), default=0) for p in range(points)]
        for i in range(drawings)
    ]
    np.testing.assert_array_equal(
        rival_similarity(near, owners), np.array(expected, np.float32).reshape(drawings, points)
    )


def test_scattered_keypoints_have_a_low_log_nfa() -> None:
    """Every keypoint of the logo image is in the photo, nowhere in its place: chance brings placements that say so."""
    surprises: list[float] = []
    for seed in range(100):
        mark = drawing(seed, n=120)
        rng = np.random.default_rng(1000 + seed)
        frames = np.stack([*rng.uniform(0, 700, (2, 120)), rng.uniform(3, 20, 120), rng.uniform(0, 6.28, 120)], axis=1)
        (found,) = place(Keypoints(frames.astype(np.float32), mark.descriptors, (700, 700)), [mark], ["A"])
        surprises += [] if found is None else [found.log_nfa]
    # by its definition 10 of 100 may be above 1, and one above 2
    assert len(surprises) <= 10
    assert max(surprises, default=0) < 3


def test_few_keypoints_give_a_low_log_nfa() -> None:
    probabilities = []
    for n in (3, 4, 6, 12, 40):
        mark = drawing(3, n)
        (found,) = place(photographed(mark), [mark], ["A"])
        probabilities.append(0.0 if found is None else found.probability(1))
    assert probabilities[0] == 0
    assert probabilities == sorted(probabilities)
    assert probabilities[-1] > 0.99


def test_placement_probability_rises_with_log_nfa_and_falls_with_the_index_size() -> None:
    none = np.zeros((4, 2), np.float32)
    rising = [Placement(none, 9, 9, log_nfa).probability(100) for log_nfa in (1.0, 5.0, 1e6)]
    assert rising == sorted(rising)
    assert rising[0] < 0.9 < rising[1]
    assert rising[-1] <= 1
    falling = [Placement(none, 9, 9, 20.0).probability(brands) for brands in (0, 1, 10, 10_000)]
    assert falling == sorted(falling, reverse=True)


@quick
@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.001, 0.5))
def test_log10_tail_bounds_the_binomial_tail(trials: int, successes: int, chance: float) -> None:
    successes = min(successes, trials)
    tail = math.fsum(
        math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(successes, trials + 1)
    )
    assert _log10_tail(successes, trials, chance) >= math.log10(tail) - 1e-9
