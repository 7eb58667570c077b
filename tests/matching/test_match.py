"""Neighbours to evidence: which brands a picture seems to show, where, and how surely."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import as_boxes, floats32, quick

from logoscan.errors import InputError
from logoscan.images.boxes import overlap_of_smaller
from logoscan.index.neighbours import BrandNeighbours, margins
from logoscan.matching.calibration import MatchCalibration
from logoscan.matching.match import match_regions
from logoscan.types import Match, Regions

FLAT = MatchCalibration("e", "d", intercept=-4, similarity=8, margin=2, log_brands=-0.5, confidence=1, threshold=0.5,
                        fitted_on="nothing")  # fmt: skip


def regions(*rows: tuple[float, float, float, float], confidence: float = 1.0) -> Regions:
    return Regions(as_boxes(rows), floats32([confidence] * len(rows)))


def apart(n: int) -> Regions:
    """n boxes that do not touch."""
    return regions(*((20.0 * i, 0.0, 20.0 * i + 10, 10.0) for i in range(n)))


def neighbours(
    similarity: list[list[float]],
    brand: list[list[int]],
    n_brands: int,
    logo: list[list[int]] | None = None,
    negative: list[float] | None = None,
) -> BrandNeighbours:
    shape = (len(similarity), len(similarity[0]) if similarity else n_brands)
    return BrandNeighbours(
        np.array(similarity, np.float32).reshape(shape),
        np.array(brand, np.int64).reshape(shape),
        np.array(logo if logo is not None else brand, np.int64).reshape(shape),
        tuple(f"B{i}" for i in range(n_brands)),
        tuple(f"B{i}/logo.png" for i in range(n_brands)),
        floats32(negative if negative is not None else [-1.0] * len(similarity)),
    )


def test_no_regions_and_an_empty_index_match_nothing() -> None:
    for calibration in (None, FLAT):
        assert match_regions(0, Regions.empty(), neighbours([], [], 3), calibration) == ()
        assert match_regions(0, Regions.empty(), neighbours([], [], 0), calibration) == ()
        assert match_regions(0, apart(2), neighbours([[], []], [[], []], 0), calibration) == ()


def test_margins_over_the_next_brand() -> None:
    def against(rows: list[list[float]], negative: list[float] | None = None) -> list[float]:
        brands = len(rows[0]) if rows else 3
        near = neighbours(rows, [list(range(brands)) for _ in rows], brands, negative=negative)
        return [float(m) for m in margins(near)]

    assert against([]) == []
    assert against([[], []]) == [0, 0]
    assert against([[0.5], [-0.25]]) == [0.5, -0.25]
    assert against([[0.75, 0.5, 0.1], [0.5, 0.5, 0.5]]) == [0.25, 0.0]
    assert against([[0.75, 0.5], [0.75, 0.5]], [0.625, 0.25]) == [0.125, 0.25]  # the nearer of brand and negative
    assert against([[0.5]], [0.75]) == [-0.25]


def test_region_takes_the_mirrored_neighbours_when_they_are_nearer() -> None:
    plain = neighbours([[0.9, 0.1], [0.3, 0.2], [0.5, 0.4]], [[0, 1], [0, 1], [1, 0]], 2, negative=[0.1, 0.2, 0.3])
    mirror = neighbours([[0.95, 0.9], [0.6, 0.1]], [[1, 0], [1, 0]], 2, negative=[0.4, 0.5])  # the first leads less
    either = plain.or_mirrored(mirror)
    np.testing.assert_allclose(either.similarity, [[0.9, 0.1], [0.6, 0.1], [0.5, 0.4]])
    assert either.brand.tolist() == [[0, 1], [1, 0], [1, 0]]
    np.testing.assert_allclose(either.negative, [0.1, 0.5, 0.3])
    assert plain.brand.tolist()[1] == [0, 1]
    none = neighbours([], [], 2)
    assert plain.or_mirrored(none) is plain
    assert none.or_mirrored(none) is none


def test_one_brand_has_nothing_to_be_confused_with() -> None:
    (match,) = match_regions(3, apart(1), neighbours([[0.5]], [[0]], 1), None)
    assert match == Match(3, (0.0, 0.0, 10.0, 10.0), "B0", "B0/logo.png", 0.5, 0.5, None)


def test_each_region_matches_its_nearest_brand() -> None:
    near = neighbours([[0.75, 0.5], [0.5, 0.25]], [[1, 0], [0, 1]], 2, logo=[[1, 0], [0, 1]])
    found = match_regions(0, apart(2), near, FLAT)
    assert [(m.brand, m.logo, m.similarity, m.margin) for m in found] == [
        ("B1", "B1/logo.png", 0.75, 0.25),
        ("B0", "B0/logo.png", 0.5, 0.25),
    ]
    assert [m.xyxy[0] for m in found] == [0.0, 20.0]


def test_the_logo_that_was_nearest_is_named() -> None:
    near = dataclasses.replace(neighbours([[0.5]], [[0]], 1, logo=[[2]]), logos=("a", "b", "c"))
    assert match_regions(0, apart(1), near, None)[0].logo == "c"


def test_the_calibration_gives_the_stated_probability() -> None:
    near = neighbours([[0.75, 0.5]], [[0, 1]], 3)
    (match,) = match_regions(0, regions((0, 0, 5, 5), confidence=0.5), near, FLAT)
    logit = -4 + 8 * 0.75 + 2 * 0.25 - 0.5 * math.log(3) + 0.5
    assert match.probability == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-9)
    (bare,) = match_regions(0, regions((0, 0, 5, 5), confidence=0.5), near, None)
    assert bare == dataclasses.replace(match, probability=None)


def test_match_probability_rises_with_similarity_margin_and_confidence() -> None:
    def probability(similarity: float = 0.5, margin: float = 0.1, brands: int = 5, confidence: float = 0.5) -> float:
        values = FLAT.probability(floats32([similarity]), floats32([margin]), brands, floats32([confidence]))
        assert values.dtype == np.float64
        return float(values[0])

    base = probability()
    assert probability(similarity=0.6) > base
    assert probability(margin=0.2) > base
    assert probability(brands=50) < base
    assert probability(confidence=0.9) > base
    assert probability(brands=0) == probability(brands=1)


def test_an_extreme_calibration_stays_a_probability() -> None:
    steep = dataclasses.replace(FLAT, similarity=1e6)
    values = steep.probability(floats32([1, -1]), floats32([0, 0]), 1, floats32([1, 1]))
    assert (values > 0).all()
    assert (values <= 1).all()
    assert values[1] < 1e-20


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, math.nan])
def test_a_threshold_is_a_probability(threshold: float) -> None:
    with pytest.raises(InputError, match=r"MatchCalibration\.threshold: expected a probability, got"):
        dataclasses.replace(FLAT, threshold=threshold)


@pytest.mark.parametrize("field", ["intercept", "similarity", "margin", "log_brands", "confidence"])
def test_a_calibration_is_finite(field: str) -> None:
    with pytest.raises(InputError, match=rf"MatchCalibration\.{field}: expected a finite number, got nan"):
        dataclasses.replace(FLAT, **{field: math.nan})  # type: ignore[arg-type]


def test_regions_and_neighbours_belong_together() -> None:
    with pytest.raises(InputError, match="neighbours: expected 2 rows, got 1"):
        match_regions(0, apart(2), neighbours([[0.5]], [[0]], 1), None)


def test_overlapping_regions_keep_the_best_match_of_a_brand() -> None:
    heap = regions((0, 0, 10, 10), (1, 0, 11, 10), (0, 0, 10, 10), (50, 0, 60, 10))
    near = neighbours([[0.5], [0.75], [0.6], [0.25]], [[0]] * 4, 1)
    found = match_regions(0, heap, near, FLAT)
    assert [(m.xyxy[0], m.similarity) for m in found] == [(1.0, 0.75), (50.0, 0.25)]


def test_brands_do_not_push_each_other_out() -> None:
    same = regions((0, 0, 10, 10), (0, 0, 10, 10))
    found = match_regions(0, same, neighbours([[0.5, 0.1], [0.4, 0.1]], [[0, 1], [1, 0]], 2), FLAT)
    assert [m.brand for m in found] == ["B0", "B1"]


def test_brand_keeps_three_regions() -> None:
    values = [[0.1 * i] for i in range(6)]
    found = match_regions(0, apart(6), neighbours(values, [[0]] * 6, 1), FLAT)
    assert [round(m.similarity, 1) for m in found] == [0.5, 0.4, 0.3]


def test_an_image_keeps_ten_brands() -> None:
    values = [[0.05 * i] for i in range(14)]
    found = match_regions(0, apart(14), neighbours(values, [[i] for i in range(14)], 14), FLAT)
    assert [m.brand for m in found] == [f"B{i}" for i in range(13, 3, -1)]


def test_uncalibrated_matches_are_ordered_by_similarity_and_margin() -> None:
    near = neighbours([[0.75, 0.7], [0.5, 0.0]], [[0, 1], [1, 0]], 2)
    found = match_regions(0, apart(2), near, None)
    assert [m.brand for m in found] == ["B1", "B0"]
    assert [m.probability for m in found] == [None, None]


def test_ties_go_by_name() -> None:
    near = neighbours([[0.5, 0.25], [0.5, 0.25]], [[1, 0], [0, 1]], 2)
    assert [m.brand for m in match_regions(0, apart(2), near, FLAT)] == ["B0", "B1"]


@st.composite
def _pictures(draw: st.DrawFn) -> tuple[Regions, BrandNeighbours]:
    n, brands = draw(st.integers(0, 8)), draw(st.integers(1, 4))
    corner = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))
    rows = [(x, y, x + w, y + h) for x, y, w, h in (draw(corner) for _ in range(n))]
    confidence = floats32([draw(st.sampled_from([0.25, 0.5, 1.0])) for _ in range(n)])
    falling = [sorted((draw(st.integers(-64, 64)) / 64 for _ in range(brands)), reverse=True) for _ in range(n)]
    order = [draw(st.permutations(range(brands))) for _ in range(n)]
    return Regions(as_boxes(rows), confidence), neighbours(falling, [list(o) for o in order], brands)


@quick
@given(made=_pictures(), calibrated=st.booleans())
def test_matches_are_sound(made: tuple[Regions, BrandNeighbours], calibrated: bool) -> None:
    places, near = made
    found = match_regions(0, places, near, FLAT if calibrated else None)
    # the best over all regions of a brand is always among its matches
    order = FLAT.probability(near.similarity[:, 0], margins(near), len(near.brands), places.confidence)
    if not calibrated:
        order = (near.similarity[:, 0] + margins(near)).astype(np.float64)
    best = {f"B{b}": order[near.brand[:, 0] == b].max() for b in np.unique(near.brand[:, 0])}
    first = {m.brand: m for m in reversed(found)}
    assert first.keys() == best.keys()
    rank = [m.probability if m.probability is not None else m.similarity + m.margin for m in found]
    assert rank == sorted(rank, reverse=True), "surest first"
    for name, match in first.items():
        strength = match.probability if match.probability is not None else match.similarity + match.margin
        assert strength == pytest.approx(best[name], abs=1e-6)
        mine = as_boxes([m.xyxy for m in found if m.brand == name])
        overlap = overlap_of_smaller(mine, mine)
        np.fill_diagonal(overlap, 0)
        assert (overlap <= 0.5).all()
        assert len(mine) <= 3


@quick
@given(made=_pictures(), data=st.data())
def test_the_order_of_regions_does_not_matter(made: tuple[Regions, BrandNeighbours], data: st.DataObject) -> None:
    places, near = made
    rows = data.draw(st.permutations(range(len(places))))
    turned = dataclasses.replace(near, similarity=near.similarity[rows], brand=near.brand[rows], logo=near.logo[rows])
    strength = [m.probability for m in match_regions(0, places, near, FLAT)]
    again = match_regions(0, Regions(places.xyxy[rows], places.confidence[rows]), turned, FLAT)
    if len(set(strength)) == len(strength):  # which of two equally sure boxes goes is by their order
        assert [m.brand for m in again][:1] == [m.brand for m in match_regions(0, places, near, FLAT)][:1]
    best = max((p for p in strength if p is not None), default=None)
    best_again = max((m.probability for m in again if m.probability is not None), default=None)
    assert best_again == (None if best is None else pytest.approx(best, abs=1e-6))
