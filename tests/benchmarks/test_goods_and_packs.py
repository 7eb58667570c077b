"""Benchmarks `goods`, `packs` and `naming`: what they compose, which photos they ask about, what they count."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import pytest
from builders.training import font_file, make_composer
from click.testing import CliRunner
from fakes import BLUE, GREEN, RED, YELLOW, Colour, FakeDetector, photo_of, quarters
from paths import SAMPLES
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.common.brand_rates import brand_rates
from benchmarks.common.labelled_photos import MODES, Photo
from benchmarks.common.photo_files import photo_files
from benchmarks.quality.boxes import meet_boxes
from benchmarks.quality.goods import compose_goods, largest_rows, registered_classes
from benchmarks.quality.pack_photos import PackBox, choose_pack_shots, ground_of, group_places, pack_box
from logoscan.training import icon_files as icon_store
from logoscan.training.heldout import held_out_packs
from logoscan.training.materials import backgrounds_from_arrays
from logoscan.types import Boxes, Rgb

BROWN: Colour = (150, 120, 90)
PACK = quarters(RED, GREEN, BLUE, YELLOW)
OTHER_PACK = quarters(BLUE, BLUE, YELLOW, RED)


def run(*arguments: object) -> None:
    done = CliRunner().invoke(main, [*map(str, arguments)])
    assert done.exit_code == 0, done.output


def size_of(file: Path) -> tuple[int, int]:
    with Image.open(file) as image:
        return image.size


# -- rates of photos that may show several brands


def test_rates_count_shown_brands_and_wrong_names() -> None:
    photos = [Photo(Path(name), frozenset(brands)) for name, brands in (("a", "XY"), ("b", "X"), ("c", ""), ("d", ""))]
    confidences = [{"X": 0.9, "Y": 0.6, "Z": 0.7}, {"Z": 0.8, "X": 0.4}, {"Z": 0.6}, {}]
    figures = brand_rates(photos, [dict.fromkeys(MODES, one) for one in confidences], lambda _, sure: sure > 0.5)
    assert (figures["n_pos"], figures["n_neg"], figures["n_shown"]) == (2, 2, 3)
    assert figures["top1"] == figures["tpr_shipped"] == 0.5
    assert figures["shown_named"] == pytest.approx(2 / 3, abs=1e-4)  # X and Y of a; not X of b
    assert figures["wrong_named"] == 0.75  # a too, beside its right names
    assert figures["fpr_shipped"] == 0.5
    assert figures["modes"]["text"]["top1"] == 0.5
    assert (figures["n_with_logo"], figures["top1_with_logo"]) == (0, None)
    drawn = brand_rates(photos, [dict.fromkeys(MODES, one) for one in confidences], None, {"Y", "Z"})
    assert (drawn["n_with_logo"], drawn["top1_with_logo"]) == (1, 1.0)  # photo a alone shows one of them


def test_each_brand_is_named_by_its_own_rule() -> None:
    """A photo's surest brand may stay unnamed while another one, with a lower threshold, is named."""
    photos = [Photo(Path(name), frozenset(brands)) for name, brands in (("a", "X"), ("b", "W"), ("c", ""))]
    confidences = [{"X": 0.65, "W": 0.62}, {"W": 0.62}, {"X": 0.7, "W": 0.62}]
    thresholds = {"X": 0.7, "W": 0.6}
    figures = brand_rates(photos, [dict.fromkeys(MODES, c) for c in confidences], lambda b, c: c > thresholds[b])
    assert (figures["top1"], figures["tpr_shipped"], figures["shown_named"]) == (1.0, 0.5, 0.5)
    assert figures["fpr_shipped"] == 1.0
    assert figures["wrong_named"] == pytest.approx(2 / 3, abs=1e-4)
    without = brand_rates(photos, [dict.fromkeys(MODES, c) for c in confidences], None)
    assert (without["top1"], without["tpr_shipped"], without["shown_named"]) == (1.0, None, None)
    assert without["wrong_named"] is None


def test_rates_without_a_shown_brand_are_refused() -> None:
    with pytest.raises(click.ClickException, match="no photo shows a brand"):
        brand_rates([Photo(Path("a"), frozenset())], [{mode: {} for mode in MODES}], None)


# -- packs


@pytest.mark.parametrize(
    ("packs", "every", "chosen"),
    [
        ([], 2, ()),
        (["a"], 2, ()),
        (["b", "a", "b"], 2, ("b",)),
        (["d", "B", "a", "C"], 2, ("B", "d")),
        (["d", "B", "a", "C"], 1, ("a", "B", "C", "d")),
        (["d", "b", "a", "c"], 3, ("c",)),
    ],
)
def test_every_nth_pack_is_held_out(packs: Sequence[str], every: int, chosen: tuple[str, ...]) -> None:
    assert held_out_packs(packs, every) == chosen


def test_packs_cannot_be_held_out_by_zero() -> None:
    with pytest.raises(ValueError, match="every: expected 1 or more, got 0"):
        held_out_packs(["a"], 0)


def box_of(rgb: Rgb) -> Boxes:
    """The one region that differs from the colour of the ground."""
    boxes: Boxes = FakeDetector().detect([rgb])[0].xyxy
    return boxes


@pytest.mark.parametrize(
    ("photos", "places"),
    [
        ([], []),
        ([photo_of(PACK, BROWN)], [0]),
        ([photo_of(PACK, BROWN), photo_of(OTHER_PACK, BROWN), photo_of(PACK, BLUE)], [0, 0, 1]),  # by the ground
        ([photo_of(PACK, (255, 255, 255)), photo_of(OTHER_PACK, (255, 255, 255))], [0, 1]),  # white is no place
        ([photo_of(PACK, BROWN), photo_of(PACK, BLUE)], [0, 1]),
    ],
)
def test_photos_of_one_ground_are_one_place(photos: list[Rgb], places: list[int]) -> None:
    assert group_places([ground_of(photo, box_of(photo)) for photo in photos]) == places


def test_near_copies_are_one_place_whatever_their_ground() -> None:
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((40, 40, 1))).astype(np.uint8)
    whole = np.array([[0, 0, 320, 320]], np.float32)
    darker = (scene * 0.9).astype(np.uint8)
    assert group_places([ground_of(scene, whole), ground_of(darker, whole), ground_of(scene[:, ::-1], whole)]) == [
        0,
        0,
        1,
    ]


def pack(file: str, brand: str, size: tuple[float, float], sharpness: float = 1.0, whole: bool = True) -> PackBox:
    return PackBox(file, brand, (5.0, 5.0, 5.0 + size[0], 5.0 + size[1]), whole, sharpness)


@pytest.mark.parametrize(
    ("boxes", "chosen"),
    [
        ([pack("a", "X", (100, 200)), pack("b", "X", (100, 200), 2.0)], "b"),  # the sharper
        ([pack("a", "X", (100, 200)), pack("b", "X", (30, 60), 9.0)], "a"),  # the larger
        ([pack("a", "X", (100, 200)), pack("b", "X", (140, 160), 9.0)], "a"),  # the upright
        ([pack("a", "X", (100, 200)), pack("b", "X", (120, 240), 9.0, whole=False)], "a"),  # the whole
        ([pack("a", "X", (100, 200), whole=False)], "a"),
    ],
)
def test_a_pack_shot_is_large_upright_and_sharp(boxes: list[PackBox], chosen: str) -> None:
    assert choose_pack_shots(boxes, {"a": 0, "b": 0})["X"].file == chosen


def test_pack_shots_are_from_one_place_where_it_shows_all_packs() -> None:
    boxes = [pack("a", "X", (10, 20)), pack("a", "Y", (10, 20)), pack("b", "X", (10, 20)), pack("b", "Y", (10, 20))]
    boxes += [pack("c", "X", (100, 200), 9.0)]
    assert choose_pack_shots([], {}) == {}
    one = choose_pack_shots(boxes, {"a": 0, "b": 1, "b2": 1, "c": 2})
    assert {name: box.file for name, box in one.items()} == {"X": "b", "Y": "b"}  # the place with more photos
    apart = choose_pack_shots([b for b in boxes if b.brand == "X" or b.file == "a"][1:], {"a": 0, "b": 1, "c": 2})
    assert {name: box.file for name, box in apart.items()} == {"X": "c", "Y": "a"}


def test_a_pack_at_the_edge_is_not_whole() -> None:
    rgb = photo_of(PACK, BROWN)
    assert pack_box("a", "X", (10, 10, 40, 50), rgb).whole
    assert not pack_box("a", "X", (0, 10, 40, 50), rgb).whole
    assert pack_box("a", "X", (10, 10, 10, 10), rgb).sharpness == 0.0  # an empty box is a pixel


def test_packs_asks_about_photos_of_other_places(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    blocks = {name: rng.integers(0, 256, (4, 3, 3), np.uint8) for name in ("JBL", "Kodak")}
    fronts = {name: few.repeat(30, axis=0).repeat(30, axis=1) for name, few in blocks.items()}
    rows: list[dict[str, object]] = []
    for file, ground, names in (
        ("home0.png", BROWN, ("JBL", "Kodak")),
        ("home1.png", BROWN, ("Kodak",)),
        ("shop0.png", BLUE, ("Kodak", "JBL")),
        ("shop1.png", BLUE, ("JBL",)),
    ):
        photo = np.full((200, 260, 3), ground, np.uint8) + rng.integers(0, 9, (200, 260, 3), np.uint8)
        for k, name in enumerate(names):
            x = 20 + 120 * k
            photo[40:160, x : x + 90] = fronts[name]
            rows.append({"file": file, "brand": name, "x0": x, "y0": 40, "x1": x + 90, "y1": 160})
        Image.fromarray(photo).save(tmp_path / file)
    with (tmp_path / "boxes.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    out, shots = tmp_path / "packs.json", tmp_path / "shots"
    where = ("--images", tmp_path, "--boxes", tmp_path / "boxes.csv", "--pictures", shots, "--json", out)
    run("packs", *where, "--device", "cpu", "--ocr", "none")
    result = json.loads(out.read_text())
    assert result["pack_shots"].keys() == {"Kodak"}  # the second by name
    assert result["pack_shots"]["Kodak"]["file"].startswith("home")
    assert (result["brands"], result["places"], result["query_places"]) == (1, 2, 1)
    assert (result["n_pos"], result["n_neg"], result["shown"]) == (1, 1, {"Kodak": 1})
    assert result["settings"]["held_out"] == 2
    assert size_of(shots / "pack_shots" / "000" / "pack.png") == (90, 120)


# -- goods


def test_goods_are_composed_alike_whatever_their_number(tmp_path: Path) -> None:
    icons, none = make_composer(classes=4).icons, backgrounds_from_arrays([])
    registered = registered_classes(icons)
    assert registered.tolist() == [0, 2]
    first, second = (list(compose_goods(icons, registered, tmp_path, none, none, n)) for n in (2, 3))
    assert len(second) == 3
    for a, b in zip(first, second, strict=False):
        np.testing.assert_array_equal(a.rgb, b.rgb)
        assert 200 <= max(a.rgb.shape) <= 1600
        assert len({name in ("m0", "m2") for name in a.names}) <= 1  # no scene mixes both kinds


def test_goods_on_a_few_scenes(tmp_path: Path) -> None:
    icons = make_composer(classes=4).icons
    icon_store.save(icons, tmp_path / "drawings-calibration")
    fonts, clothes, scenes = tmp_path / "fonts", tmp_path / "clothes", tmp_path / "scenes"
    fonts.mkdir()
    clothes.mkdir()
    (fonts / "font.ttf").write_bytes(Path(font_file()).read_bytes())
    for k in range(3):
        Image.new("RGB", (500, 300), (90 * k, 60, 60)).save(clothes / f"{k}.jpg")
    out = tmp_path / "goods.json"
    where = ("--work", tmp_path, "--fonts", fonts, "--garments", clothes, "--last", 2, "--pictures", scenes)
    run("goods", *where, "--scenes", 4, "--json", out, "--device", "cpu", "--ocr", "none")
    result = json.loads(out.read_text())
    assert result["simulated"] is True
    assert (result["photos"], result["scenes"], result["brands"]) == (4, 4, 2)
    assert result["n_pos"] + result["n_neg"] == 4
    assert (result["settings"]["garments"], result["settings"]["backgrounds"]) == (2, 2)
    assert {"recall_10", "recall_50_small", "mean_best_iou", "top1_large", "wrong_named"} <= result.keys()
    with (scenes / "boxes.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == result["n_boxes"]
    assert len(list(scenes.glob("*.png"))) == 4


def test_the_longest_registered_box_stands_for_a_photo() -> None:
    corners = [("a", "X", 0, 9), ("a", "X", 0, 30), ("a", "other", 0, 90), ("b", "other", 0, 5)]
    rows = [{"file": f, "brand": b, "x0": str(x), "y0": "0", "x1": str(w), "y1": "4"} for f, b, x, w in corners]
    assert largest_rows(rows, frozenset("X")) == {"a": rows[1]}


def test_photos_without_boxes_count_as_photos() -> None:
    photos = [("a", photo_of(PACK)), ("b", photo_of(None))]
    x0, y0, x1, y1 = map(str, box_of(photos[0][1])[0].tolist())
    rows = [{"file": "a", "brand": "X", "x0": x0, "y0": y0, "x1": x1, "y1": y1}]
    figures = meet_boxes(FakeDetector(), photos, rows, (1,)).figures()
    assert (figures["recall_1"], figures["mean_best_iou"], figures["n_boxes"], figures["photos"]) == (1.0, 1.0, 1, 2)
    assert figures["proposals_mean"] == 0.5


# -- naming


def test_photo_files_are_the_last_by_name(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="expected photos, got none"):
        photo_files(tmp_path)
    for name in ("b.jpg", "a.png", "c.txt", "d.webp"):
        (tmp_path / name).touch()
    assert [p.name for p in photo_files(tmp_path)] == ["a.png", "b.jpg", "d.webp"]
    assert [p.name for p in photo_files(tmp_path, 2)] == ["b.jpg", "d.webp"]


def test_naming_keeps_leaves_out_and_shows(tmp_path: Path) -> None:
    for name in ("0.jpg", "1.jpg", "2.jpg", "3.jpg"):
        source = SAMPLES / "photos" / ("speaker.jpg" if name == "3.jpg" else "mug.jpg")
        (tmp_path / name).write_bytes(source.read_bytes())
    (tmp_path / "only.csv").write_text("file\n0.jpg\n1.jpg\n3.jpg\n")
    (tmp_path / "exclude.csv").write_text("file\n1.jpg\n")
    out, sheets = tmp_path / "naming.json", tmp_path / "sheets"
    where = ("--images", tmp_path, "--gallery", SAMPLES / "brands", "--json", out, "--pictures", sheets)
    which = ("--last", 3, "--only", tmp_path / "only.csv", "--exclude", tmp_path / "exclude.csv")
    run("naming", *where, *which, "--device", "cpu", "--ocr", "rapidocr")
    result = json.loads(out.read_text())
    assert (result["n"], result["named"]) == (1, 1)
    assert [(naming["file"], naming["brand"]) for naming in result["namings"]] == [("3.jpg", "JBL")]
    assert [p.name for p in sheets.iterdir()] == ["naming-00.jpg"]
    assert size_of(sheets / "naming-00.jpg") == (4 * 320, 320 + 52)
