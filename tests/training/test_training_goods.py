"""Goods, abstract marks, renditions and marks that goods cut off: the material of listing photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders.training import make_composer
from fakes import FakeEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

from logoscan.training.abstract_marks import draw_abstract, random_abstract, vary
from logoscan.training.effects import blend
from logoscan.training.goods import draw_goods
from logoscan.training.heldout import HELD_OUT_OF_TRAINING, fold_name
from logoscan.training.icons import from_arrays
from logoscan.training.materials import Materials, backgrounds_from_arrays
from logoscan.training.renditions import OLD_SIMPLE_ICONS, add_renditions, iter_renditions
from logoscan.training.scenes import compose_scene
from logoscan.training.shoes import draw_shoe
from logoscan.training.styles import difference, style

NONE = backgrounds_from_arrays([])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_an_abstract_mark_is_ink_cut_to_its_box(seed: int) -> None:
    rgba = draw_abstract(random_abstract(np.random.default_rng(seed)))
    assert rgba.dtype == np.uint8
    assert max(rgba.shape[:2]) == 160
    assert min(rgba.shape[:2]) >= 3
    assert not rgba[..., :3].any()
    ink = rgba[..., 3]
    assert all(edge.any() for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))


def test_a_near_miss_is_another_mark_of_the_kind() -> None:
    rng = np.random.default_rng(3)
    changes = []
    for _ in range(40):
        mark = random_abstract(rng)
        other = vary(rng, mark)
        assert other.kind == mark.kind
        assert np.array_equal(draw_abstract(mark), draw_abstract(mark))
        changes.append(difference(draw_abstract(mark), draw_abstract(other)))
    assert np.median(changes) > 0.2


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), h=st.integers(60, 300), w=st.integers(60, 300))
def test_goods_lie_in_their_frame(seed: int, h: int, w: int) -> None:
    rng = np.random.default_rng(seed)
    goods = draw_goods(rng, h, w, NONE, NONE, Materials(rng))
    assert goods.rgb.shape == (h, w, 3)
    assert goods.body.shape == (h, w)
    assert np.isfinite(goods.rgb).all()
    assert -1e-4 <= goods.body.min() <= goods.body.max() <= 1 + 1e-4
    x0, y0, x1, y1 = goods.frame
    assert 0 <= x0 < x1 <= w
    assert 0 <= y0 < y1 <= h
    assert goods.body[y0:y1, x0:x1].mean() > 0.1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), h=st.integers(40, 300), w=st.integers(40, 300))
def test_the_side_of_a_shoe_lies_on_the_shoe(seed: int, h: int, w: int) -> None:
    rng = np.random.default_rng(seed)
    skin, body, places = draw_shoe(rng, h, w, Materials(rng))
    assert skin.shape == (h, w, 3)
    assert np.isfinite(skin).all()
    assert 0 <= body.min() <= body.max() <= 1
    assert 0.3 < body.mean() < 0.95
    for place in places:
        assert 0 <= place.x <= w
        assert -0.1 * h <= place.y <= h
        assert place.long > 0
    assert body[round(places[0].y), round(places[0].x)] > 0.9


def test_two_pieces_show_the_same_mark() -> None:
    composer, rng = make_composer(), np.random.default_rng(5)
    materials, twice = Materials(np.random.default_rng(1)), 0
    for _ in range(40):
        scene = compose_scene(rng, composer.icons, NONE, materials, marks=(1, 1), goods=1.0)
        assert len(set(scene.names)) <= 1
        twice += len(scene.names) == 2
    assert 3 <= twice <= 20


def test_photographs_of_clothes_are_goods_as_a_whole() -> None:
    rng, picture = np.random.default_rng(0), np.full((200, 200, 3), 77, np.uint8)
    garments = backgrounds_from_arrays([picture])
    shown = [draw_goods(rng, 80, 90, NONE, garments, Materials(rng)) for _ in range(30)]
    whole = [goods for goods in shown if goods.frame == (0, 0, 90, 80) and (goods.body == 1).all()]
    assert whole
    assert all(abs(float(goods.rgb.mean()) - 77) < 1 for goods in whole)


def test_marks_lie_on_the_goods_and_boxes_in_the_picture() -> None:
    composer = make_composer()
    rng, materials, boxes = np.random.default_rng(1), Materials(np.random.default_rng(1)), 0
    for _ in range(25):
        scene = compose_scene(rng, composer.icons, NONE, materials, marks=(1, 6), goods=1.0, abstract=0.3)
        height, width = scene.rgb.shape[:2]
        assert len(scene.names) == len(scene.boxes) <= 3
        assert (scene.boxes[:, :2] >= 0).all()
        assert (scene.boxes[:, 2:] <= (width, height)).all()
        boxes += len(scene.boxes)
    assert boxes > 15


def test_a_mark_tone_on_tone_changes_the_ground_a_little() -> None:
    rng = np.random.default_rng(2)
    composer = make_composer()
    mark, _ = style(rng, composer.icons.rgba(0), True, composer.materials)
    ground = np.full((*mark.shape[:2], 3), 128, np.float32)
    steps = [np.abs(blend(rng, ground, mark, True, subtle=1.0) - ground).mean() for _ in range(10)]
    assert 0 < np.mean(steps) < 25


def square(colour: tuple[int, int, int], hole: int = 0) -> np.ndarray:
    rgba = np.full((40, 40, 4), 255, np.uint8)
    rgba[..., :3] = colour
    rgba[:hole, :hole, 3] = 0
    return rgba


def test_renditions_join_by_shape_and_clashes_are_left_out() -> None:
    icons = from_arrays([("acme", "set", False, square((200, 0, 0))), ("bolt", "set", False, square((0, 200, 0)))])
    rows = [
        ("acme", "svgl", False, square((200, 40, 0), hole=8)),  # the same mark, redrawn
        ("acme", "svgl", False, square((200, 0, 0))),  # a repetition
        ("bolt", "svgl", False, square((250, 5, 250))),  # another mark of that name
        ("core", "svgl", False, square((9, 9, 200))),  # a new brand
        ("dawn", "lawnicons", True, square((0, 0, 0))),  # a line icon of no other set
        ("core", "lawnicons", True, square((9, 40, 200), hole=8)),
    ]
    out = add_renditions(icons, rows, FakeEncoder(), same=0.8)
    taken = sorted((out.names[k], source) for k, source in zip(out.labels, out.sources, strict=True))
    assert taken == [
        ("acme", "set"), ("acme", "svgl"), ("bolt", "set"), ("core", "lawnicons"), ("core", "svgl"),
    ]  # fmt: skip
    assert len(add_renditions(icons, [], FakeEncoder())) == 2


def test_a_missing_folder_of_renditions_is_named(tmp_path: Path) -> None:
    (tmp_path / "svgl").mkdir()
    with pytest.raises(FileNotFoundError, match="selfhst"):
        list(iter_renditions(tmp_path, tmp_path))


def test_names_of_renditions_are_read_in_any_style(tmp_path: Path) -> None:
    for folder in ("svgl", "selfhst", "lawnicons"):
        (tmp_path / folder).mkdir()
    for version in OLD_SIMPLE_ICONS:
        (tmp_path / f"simple-icons-{version}" / "icons").mkdir(parents=True)
    (tmp_path / "svgl" / "Acme_Core.svg").write_text("<svg/>")
    (tmp_path / "lawnicons" / "_4shared.svg").write_text("<svg/>")
    assert [name for _, name, _ in iter_renditions(tmp_path, tmp_path)] == ["acme-core", "4shared"]


def test_names_held_out_of_training_are_folded() -> None:
    assert len(set(HELD_OUT_OF_TRAINING)) == len(HELD_OUT_OF_TRAINING) > 40
    assert all(fold_name(name) == name for name in HELD_OUT_OF_TRAINING)
