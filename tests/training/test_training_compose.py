"""Crops, batches, look-alikes and scenes of the recipe on small synthetic drawings."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import ImageFont

from logoscan.index.renderings import ink
from logoscan.training.batches import Mix
from logoscan.training.compose import Composer
from logoscan.training.effects import CROP_PX
from logoscan.training.heldout import is_held_out
from logoscan.training.icons import ICON_PX, Icons, from_arrays
from logoscan.training.materials import (
    Backgrounds,
    Materials,
    backgrounds_from_arrays,
    load_backgrounds,
    save_backgrounds,
)
from logoscan.training.packs import draw_pack, recolour_pack
from logoscan.training.scenes import Scene, compose_scene
from logoscan.training.sheet import contact_sheet
from logoscan.training.styles import difference, look_alike, style
from logoscan.training.wordmarks import change_name

Rgba = npt.NDArray[np.uint8]


def shape(kind: int, colour: tuple[int, int, int] = (0, 0, 0)) -> Rgba:
    """A hook, bars, an arrow ... uint8 (120, 120, 4), none of them symmetric."""
    out = np.zeros((120, 120, 4), np.uint8)
    full = (*colour, 255)
    cv2.line(out, (10, 10), (10 + 12 * kind, 110), full, 14)
    cv2.circle(out, (80, 30 + 8 * kind), 20, full, -1)
    cv2.rectangle(out, (60, 90), (110, 95 + 3 * kind), full, -1)
    return out


@pytest.fixture(scope="module")
def drawings() -> Icons:
    rows = [(f"mark{k}", "test", True, shape(k)) for k in range(6)]
    rows.append(("mark0", "other", False, shape(0, (200, 30, 30))))
    rows.append(("ph:sign", "ph", True, shape(6)))
    return from_arrays(rows)


@pytest.fixture(scope="module")
def grounds() -> Backgrounds:
    rng = np.random.default_rng(0)
    return backgrounds_from_arrays([rng.integers(0, 256, (90 + 20 * k, 140, 3)).astype(np.uint8) for k in range(3)])


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    default = ImageFont.load_default(20)
    assert isinstance(default, ImageFont.FreeTypeFont)
    assert isinstance(default.path, io.BytesIO)
    file = tmp_path_factory.mktemp("fonts") / "default.ttf"
    file.write_bytes(default.path.getvalue())
    return (str(file),)


def test_same_seed_same_batches_other_seed_others(
    drawings: Icons, grounds: Backgrounds, fonts: tuple[str, ...]
) -> None:
    mix = Mix(drawn=3, pictograms=0, wordmarks=2, look_alikes=2, packs=2)
    first, again, other = (Composer(drawings, fonts, grounds, seed) for seed in (4, 4, 5))
    for _ in range(2):
        a, b, c = first.batch(mix), again.batch(mix), other.batch(mix)
        np.testing.assert_array_equal(a.crops, b.crops)
        np.testing.assert_array_equal(a.labels, b.labels)
        assert (a.texts, a.other_names) == (b.texts, b.other_names)
        assert not np.array_equal(a.crops, c.crops)


def test_batch_layout(drawings: Icons, grounds: Backgrounds, fonts: tuple[str, ...]) -> None:
    composer = Composer(drawings, fonts, grounds, 1)
    mix = Mix(drawn=3, pictograms=1, wordmarks=4, look_alikes=2, packs=3, abstract=0, other_names=7)
    batch = composer.batch(mix)
    crops, labels = batch.crops, batch.labels
    assert crops.shape == (26, CROP_PX, CROP_PX, 3)
    assert crops.dtype == np.uint8
    pairs = labels.reshape(-1, 2)
    np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
    assert len(set(pairs[:, 0].tolist())) == 13
    assert (pairs[:, 0] >= len(drawings.names)).sum() == 9  # wordmarks, look-alikes and packs have no proxy
    assert batch.texts[:18] == ("",) * 18
    assert all(batch.texts[18:])
    shown = {t.lower() for t in batch.texts}
    assert len(batch.other_names) == 7
    assert not shown & {name.lower() for name in batch.other_names}
    fresh = labels[labels >= len(drawings.names)]
    later = composer.batch(mix).labels
    assert not set(fresh.tolist()) & set(later.tolist())  # made classes are never met again


def test_works_without_fonts_and_photographs(drawings: Icons) -> None:
    empty = backgrounds_from_arrays([])
    labels = (
        Composer(drawings, (), empty, 1)
        .batch(Mix(drawn=4, pictograms=0, wordmarks=4, look_alikes=0, packs=0, abstract=0))
        .labels
    )
    assert (labels < len(drawings.names)).all()
    assert len(labels) == 8
    with pytest.raises(ValueError, match="at least one"):
        Composer(from_arrays([]), (), empty, 1)


def test_clean_crop_shows_the_drawing(drawings: Icons, grounds: Backgrounds) -> None:
    composer = Composer(drawings, (), grounds, 3)
    for _ in range(12):
        crop = composer.clean(shape(2), True).astype(int)
        light = crop.mean(2)
        # Mark and ground are apart and the corners are plain ground.
        assert light.max() - light.min() > 40
        assert light[:3, :3].std() < 3


@pytest.mark.parametrize("drawn", [-1, 0])
def test_mix_refuses_nonsense(drawn: int) -> None:
    with pytest.raises(ValueError, match=r"mix: expected counts .* got drawn"):
        Mix(drawn=drawn, pictograms=0, wordmarks=0, look_alikes=0, packs=0)
    with pytest.raises(ValueError, match=r"mix.clean: expected 0..1, got 1.5"):
        Mix(clean=1.5)


def test_packs_are_solid_and_other_colours_are_seen(
    drawings: Icons, grounds: Backgrounds, fonts: tuple[str, ...]
) -> None:
    bodies = set()
    for seed in range(24):
        rng = np.random.default_rng(seed)
        given = (drawings, fonts, grounds) if seed % 2 else (from_arrays([]), (), backgrounds_from_arrays([]))
        pack = draw_pack(rng, *given, Materials(rng))
        assert pack.dtype == np.uint8
        assert max(pack.shape[:2]) == ICON_PX
        assert (pack[..., 3] > 250).mean() > 0.6
        assert pack[..., :3].std(axis=(0, 1)).max() > 3  # no plain slab
        bodies.add((pack.shape, int(pack[..., 3].sum())))
        other = recolour_pack(rng, pack)
        np.testing.assert_array_equal(other[..., 3], pack[..., 3])
        assert np.abs(other.astype(int) - pack).max() > 40
    assert len(bodies) > 12


def test_a_pack_keeps_its_colours_in_a_photo(drawings: Icons) -> None:
    red = np.zeros((120, 80, 4), np.uint8)
    red[...] = (230, 20, 20, 255)
    composer = Composer(drawings, (), backgrounds_from_arrays([]), 5)
    shown = [composer.crop(red, False, as_drawn=True)[56:72, 56:72].reshape(-1, 3).mean(0) for _ in range(60)]
    reddish = [r > g + 20 and r > b + 20 for r, g, b in shown]
    assert np.mean(reddish) > 0.6  # the rest is grey film, glare, or the mark lies beside the middle


def test_near_miss_is_no_held_out_name() -> None:
    rng = np.random.default_rng(0)
    assert not any(is_held_out(change_name(rng, name)) for name in ("dike", "Hn", "ho", "inte") * 400)


def test_look_alike_differs_from_its_source_but_not_wholly() -> None:
    made = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        source = shape(seed % 6)
        edited = look_alike(rng, source)
        if edited is not None:
            made += 1
            assert difference(source, edited) > 0.22
            assert (edited[..., 3] > 0).any()
    assert made >= 25


def test_disc_has_few_look_alikes_and_equals_itself() -> None:
    disc = np.zeros((100, 100, 4), np.uint8)
    cv2.circle(disc, (50, 50), 46, (0, 0, 0, 255), -1)
    assert difference(disc, disc) == pytest.approx(0)
    assert difference(disc, np.ascontiguousarray(disc[:, ::-1])) < 0.22  # mirrored it stays what it is


def test_ink_of_a_plate_is_the_sign_on_it() -> None:
    plate = np.full((60, 60, 4), 255, np.uint8)
    plate[20:40, 20:40, :3] = (200, 0, 0)
    inked = ink(plate)
    assert inked[30, 30] > 0.9
    assert inked[5, 5] == 0


def test_styles_stay_in_range() -> None:
    rng = np.random.default_rng(2)
    materials = Materials(rng)
    for k in range(60):
        mark, _ = style(rng, shape(k % 6, (20, 120, 220)), k % 2 == 0, materials)
        assert mark.dtype == np.float32
        assert mark[..., 3].min() >= 0
        assert mark[..., 3].max() <= 1.0001
        assert (mark[..., :3] <= 255 * mark[..., 3:] + 0.5).all()
        assert mark[..., 3].max() > 0.05


def test_surfaces_are_images_of_the_asked_size() -> None:
    rng = np.random.default_rng(2)
    materials = Materials(rng)
    for k in range(40):
        surface = materials.surface(rng, 50 + 9 * k, 300)
        assert surface.shape == (50 + 9 * k, 300, 3)
        assert surface.flags.c_contiguous
        assert surface.min() >= 0
        assert surface.max() <= 255


def test_backgrounds_come_back_equal(grounds: Backgrounds, tmp_path: Path) -> None:
    save_backgrounds(grounds, tmp_path)
    again = load_backgrounds(tmp_path)
    assert len(again) == 3
    np.testing.assert_array_equal(again.rgb(2), grounds.rgb(2))
    with pytest.raises(ValueError, match=r"backgrounds.pixels: expected"):
        Backgrounds(grounds.shapes, grounds.pixels[:-3])


@pytest.mark.parametrize("groups", [0.0, 1.0])
def test_scene_boxes_enclose_what_was_drawn(
    groups: float, drawings: Icons, fonts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a black ground, without photo effects, every lit pixel lies in a box and every box edge touches the mark."""
    monkeypatch.setattr("logoscan.training.scenes.ground_for", lambda rng, b, m, h, w: np.zeros((h, w, 3), np.float32))
    monkeypatch.setattr("logoscan.training.scenes.take_photo", lambda rng, image, materials, crop: image)
    monkeypatch.setattr("logoscan.training.scenes.lay_product", lambda rng, image, b, m: image)

    def white(
        rng: np.random.Generator, rgba: Rgba, mono: bool, materials: Materials
    ) -> tuple[npt.NDArray[np.float32], bool]:
        alpha = rgba[..., 3:].astype(np.float32) / 255
        return np.concatenate([np.repeat(alpha * 255, 3, 2), alpha], 2), False

    monkeypatch.setattr("logoscan.training.scenes.style", white)
    rng = np.random.default_rng(8)
    materials = Materials(rng)
    seen = 0
    for _ in range(25):
        bare = backgrounds_from_arrays([])
        scene = compose_scene(
            rng, drawings, bare, materials, fonts=fonts, distractors=0.0, groups=groups, crowds=groups / 2
        )
        lit = scene.rgb.max(2) > 60
        assert len(scene.names) == len(scene.boxes)
        outside = lit.copy()
        for x0, y0, x1, y1 in scene.boxes.astype(int).tolist():
            inside = lit[y0:y1, x0:x1]
            assert inside.any()
            rows, cols = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
            # Tight within two pixels: the box is cut at a tenth of the ink, the lit pixels at a quarter.
            assert rows[0] <= 2
            assert cols[0] <= 2
            assert rows[-1] >= y1 - y0 - 3
            assert cols[-1] >= x1 - x0 - 3
            outside[y0:y1, x0:x1] = False
            seen += 1
        assert not outside.any()
    assert seen > 20


def test_crowd_has_many_small_logos_and_a_group_one_box(
    drawings: Icons, grounds: Backgrounds, fonts: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(4)
    materials = Materials(rng)
    plain, crowd, group = (
        [
            compose_scene(rng, drawings, grounds, materials, fonts=fonts, marks=(4, 4), groups=groups, crowds=crowds)
            for _ in range(8)
        ]
        for groups, crowds in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0))
    )
    assert sum(len(s.names) for s in crowd) > 2 * sum(len(s.names) for s in plain)
    for scene in crowd:  # turned and in perspective, an eighth of the long side grows by half at most
        assert (scene.boxes[:, 2:] - scene.boxes[:, :2]).max() <= 1.5 * max(scene.rgb.shape) / 8
    assert min((s.boxes[:, 2:] - s.boxes[:, :2]).min() for s in [*crowd, *group]) >= 2  # laid 4 px wide, then turned
    rows = together = 0
    for scene in group:
        rows += len(scene.names) - len(set(scene.names))
        for name, box in zip(scene.names, scene.boxes, strict=True):
            if " with word:" in name:
                parts = name.split(" with ")
                inside = [b for n, b in zip(scene.names, scene.boxes, strict=True) if n in parts and covers(box, b)]
                assert len(inside) >= 2
                together += 1
    assert rows > 10
    assert together > 3


def covers(outer: npt.NDArray[np.float32], inner: npt.NDArray[np.float32]) -> bool:
    return bool((outer[:2] <= inner[:2]).all() and (outer[2:] >= inner[2:]).all())


def test_scenes_are_seeded_and_keep_to_their_classes(
    drawings: Icons, grounds: Backgrounds, fonts: tuple[str, ...]
) -> None:
    def make(seed: int) -> list[Scene]:
        rng = np.random.default_rng(seed)
        materials = Materials(rng)
        return [
            compose_scene(rng, drawings, grounds, materials, fonts=fonts, classes=[1, 4], words=0.3, long_px=(200, 260))
            for _ in range(6)
        ]

    first, again, other = make(1), make(1), make(2)
    names: set[str] = set()
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.rgb, b.rgb)
        np.testing.assert_array_equal(a.boxes, b.boxes)
        names |= {n for n in a.names if not n.startswith("word:")}
    assert names
    assert names <= {"mark1", "mark4"}
    assert any(not np.array_equal(a.rgb, b.rgb) for a, b in zip(first, other, strict=True))


def test_scene_without_logos_has_empty_boxes(drawings: Icons, grounds: Backgrounds) -> None:
    rng = np.random.default_rng(1)
    scene = compose_scene(rng, drawings, grounds, Materials(rng), marks=(0, 0))
    assert scene.names == ()
    assert scene.boxes.shape == (0, 4)
    assert scene.boxes.dtype == np.float32


def test_contact_sheet_is_written(
    drawings: Icons, grounds: Backgrounds, fonts: tuple[str, ...], tmp_path: Path
) -> None:
    made = contact_sheet(Composer(drawings, fonts, grounds, 1), tmp_path / "sheet.png", crops=20, scenes=2)
    assert made == (20, 2)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.shape == (2 * CROP_PX + 4 * CROP_PX, 16 * CROP_PX, 3)
