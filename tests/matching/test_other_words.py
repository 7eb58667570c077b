"""Keypoints that lie on other words than the brand's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logoscan.matching.other_words import doubt_matches_on_other_words
from logoscan.types import Match, MatchKind, TextSpans

LINE = (10.0, 10.0, 110.0, 30.0)


def spans(text: str, confidence: float = 0.95, xyxy: tuple[float, float, float, float] = LINE) -> TextSpans:
    x0, y0, x1, y1 = xyxy
    corners = np.array([[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]], np.float32)
    return TextSpans(corners, (text,), np.array([confidence], np.float32))


def match(probability: float | None = 0.9, kind: MatchKind = "keypoints") -> Match:
    return Match(
        image=0, xyxy=LINE, brand="Chanel", logo="c", similarity=0.3, margin=0.1, probability=probability,
        kind=kind, keypoints=8 if kind == "keypoints" else 0,
    )  # fmt: skip


def doubted(one: Match, read: TextSpans) -> float | None:
    (out,) = doubt_matches_on_other_words([one], read, lambda brand: (brand, "CC"))
    return out.probability


def test_no_match_and_no_text() -> None:
    assert doubt_matches_on_other_words([], spans("CLINICALLY"), lambda brand: (brand,)) == []
    assert doubted(match(), TextSpans.empty()) == 0.9


def test_weak_keypoints_on_another_word_fall_below_half() -> None:
    assert doubted(match(0.93), spans("CLINICALLY")) == pytest.approx(0.93 * 0.05 / (0.93 * 0.05 + 0.07))


def test_a_pack_that_fits_wholly_stays_probable() -> None:
    assert (doubted(match(0.9999), spans("mellanmjölk")) or 0) > 0.99


@pytest.mark.parametrize("text", ["CHANEL", "chanel paris", "CHANFL"])
def test_the_brand_read_anywhere_protects(text: str) -> None:
    assert doubted(match(), spans(text, xyxy=(200.0, 200.0, 300.0, 220.0))) == 0.9
    assert doubted(match(), spans(text)) == 0.9


@pytest.mark.parametrize(
    "read",
    [
        spans("CLINICALLY", confidence=0.5),
        spans("X"),
        spans("CLINICALLY", xyxy=(200.0, 200.0, 300.0, 220.0)),
    ],
)
def test_unsure_short_or_distant_lines_say_nothing(read: TextSpans) -> None:
    assert doubted(match(), read) == 0.9


def test_a_region_that_is_another_word_is_doubted_too() -> None:
    assert (doubted(match(kind="appearance"), spans("CLINICALLY")) or 1) < 0.5
    assert doubted(match(kind="appearance"), spans("CL")) == 0.9
    assert doubted(match(kind="appearance"), spans("CLINICALLY", xyxy=(10.0, 10.0, 50.0, 30.0))) == 0.9


def test_matches_without_probability_stay() -> None:
    assert doubted(match(None), spans("CLINICALLY")) is None


@given(probability=st.floats(0, 1), text=st.text(max_size=12), confidence=st.floats(0, 1, width=32))
def test_nothing_rises(probability: float, text: str, confidence: float) -> None:
    after = doubted(match(probability), spans(text, confidence))
    assert after is not None
    assert 0 <= after <= probability
