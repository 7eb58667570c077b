"""Votes: what lies in a photo gets them under any similarity, in any company; what is no candidate gets none."""

import numpy as np
from builders.keypoints import descriptors, drawing, photographed
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.matching.keypoint_votes import KeypointVotes, LogoImage
from logoscan.matching.placement import place
from logoscan.vision.sift import Keypoints

LOGOS: dict[LogoImage, Keypoints] = {(f"brand {i // 2}", f"{i:064x}"): drawing(i, n=60 + 20 * i) for i in range(20)}
NAMES = list(LOGOS)
VOTES = KeypointVotes(LOGOS)


def inverted(photo: Keypoints) -> Keypoints:
    """The photo with dark and light exchanged."""
    frames = photo.frames.copy()
    frames[:, 3] = (frames[:, 3] + np.pi) % (2 * np.pi)
    cells = photo.descriptors.reshape(-1, 16, 8)[:, ::-1].reshape(-1, 128)
    return Keypoints(frames, np.ascontiguousarray(cells), photo.size_wh)


def test_nothing_gets_no_votes() -> None:
    photo = photographed(drawing())
    assert VOTES.voted([], []) == []
    assert VOTES.voted([photo, Keypoints.empty()], [[], NAMES]) == [{}, {}]
    assert KeypointVotes({}).voted([photo], [NAMES]) == [{}]
    assert KeypointVotes({("A", "0"): Keypoints.empty()}).voted([photo], [[("A", "0")]]) == [{}]


@quick
@given(st.integers(0, 19), st.floats(0.4, 2.0), st.floats(0, 6.28), st.booleans())
def test_a_logo_image_gets_votes_under_any_similarity(number: int, scale: float, angle: float, negative: bool) -> None:
    photo = photographed(LOGOS[NAMES[number]], scale, angle, (400.0, 300.0), seed=number)
    photo = inverted(photo) if negative else photo
    (found,) = VOTES.voted([photo], [NAMES])
    assert NAMES[number] in found
    assert len(found) <= 2, "the votes are to leave most logo images out"
    rows = found[NAMES[number]]
    alike = Keypoints(photo.frames[rows], photo.descriptors[rows], photo.size_wh)
    (placed,), (by_all,) = (place(points, [LOGOS[NAMES[number]]], ["A"]) for points in (alike, photo))
    assert placed is not None
    assert by_all is not None
    assert placed.inliers >= 0.9 * by_all.inliers


def test_only_candidates_that_are_indexed_get_votes() -> None:
    photo = photographed(LOGOS[NAMES[3]])
    others = [name for name in NAMES if name != NAMES[3]]
    stranger = ("brand 1", "f" * 64)
    voted = VOTES.voted([photo, photo], [others, [NAMES[3], stranger]])
    assert [set(found) for found in voted] == [set(), {NAMES[3]}]


def test_photos_that_are_asked_together_get_the_votes_that_each_gets_alone() -> None:
    rng = np.random.default_rng(5)
    scattered = LOGOS[NAMES[6]].frames.copy()
    scattered[:, :2] = rng.uniform(0, 700, (len(scattered), 2))
    scattered[:, 2:] = np.column_stack([rng.uniform(3, 20, len(scattered)), rng.uniform(0, 6.28, len(scattered))])
    photos = [
        photographed(LOGOS[NAMES[0]]),
        Keypoints(scattered, LOGOS[NAMES[6]].descriptors, (700, 700)),
        photographed(LOGOS[NAMES[19]], 1.2, 2.0, (420.0, 330.0)),
        Keypoints(photographed(drawing(77)).frames, descriptors(rng, 260), (900, 700)),
    ]
    together = VOTES.voted(photos, [NAMES] * 4)
    assert [set(found) for found in together] == [{NAMES[0]}, set(), {NAMES[19]}, set()]
    for photo, found in zip(photos, together, strict=True):
        (alone,) = VOTES.voted([photo], [NAMES])
        assert {logo: rows.tolist() for logo, rows in alone.items()} == {k: rows.tolist() for k, rows in found.items()}
        assert all(len(set(rows)) == len(rows) and 0 <= min(rows) <= max(rows) < len(photo) for rows in found.values())


def test_one_texture_that_repeats_does_not_vote_for_itself() -> None:
    """Many keypoints of a photo that resemble one of a logo image are one vote."""
    logo = LOGOS[NAMES[2]]
    frames = np.repeat(logo.frames[:1], 50, axis=0)
    frames[:, :2] = frames[:, :2] + np.random.default_rng(0).uniform(0, 20, (50, 2)).astype(np.float32)
    photo = Keypoints(frames, np.repeat(logo.descriptors[:1], 50, axis=0), (300, 300))
    assert VOTES.voted([photo], [NAMES]) == [{}]
