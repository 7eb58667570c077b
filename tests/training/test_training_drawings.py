"""Drawings, held-out names and wordmarks of the recipe; no network, no npm packages."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from logoscan.training import icons as dr
from logoscan.training.heldout import HELD_OUT, fold_name, is_held_out, read_heldout
from logoscan.training.icon_files import load as load_icons
from logoscan.training.icon_files import save as save_icons
from logoscan.training.wordmarks import change_name, draw_name, font_files, random_name

SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="M4 2h8v20H4z"/></svg>'
TWO_COLOURS = '<path fill="#f00" d="M0 0h12v24H0z"/><path fill="#00f" d="M12 8h12v8H12z"/>'


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("hp", True),
        ("hpe", False),  # entries of three letters or fewer are matched whole
        ("bmw", True),
        ("bmwm", False),
        ("applepay", True),
        ("Apple Pay", True),
        ("cc-apple-pay", True),
        ("square-google-plus", True),
        ("pineapple", False),
        ("Citroën", True),
        ("coca-cola", True),
        ("red-bull-racing", True),
        ("minio", True),  # starts with an entry: dropped although it is another brand
        ("gemini", False),
        ("nikemagazine", True),
        ("unike", False),
        ("docker", False),
        ("", False),
    ],
)
def test_held_out_rule(name: str, held: bool) -> None:
    assert is_held_out(name) is held


def test_held_out_list_read_from_file_equals_the_built_in_form(tmp_path: Path) -> None:
    file = tmp_path / "held.txt"
    file.write_text("# comment\n\nCoca-Cola\nhp\n", encoding="utf-8")
    assert read_heldout(file) == ("cocacola", "hp")
    assert all(fold_name(name) == name for name in HELD_OUT)
    file.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="at least one name"):
        read_heldout(file)


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("logos", "docker-icon", "docker"),
        ("devicon", "docker-wordmark", "docker"),
        ("simple-icons", "docker", "docker"),
        ("vscode-icons", "file-type-docker", "docker"),
        ("vscode-icons", "file-type-light-docker2", "docker"),
        ("token-branded", "ark-background", "token:ark"),
        ("token", "ark", "token:ark"),
        ("ph", "acorn-duotone", "ph:acorn"),
        ("icon-park-twotone", "acorn", "icon-park:acorn"),
        ("@lobehub/icons-static-svg", "adobe-color", "adobe"),
        ("streamline-logos", "500px-logo-1-solid", "500px"),
        ("simple-icons", "icon", "icon"),
    ],
)
def test_class_names(source: str, name: str, expected: str) -> None:
    assert dr.class_name(source, name) == expected


def npm_folder(root: Path) -> Path:
    icons = root / "simple-icons" / "icons"
    icons.mkdir(parents=True)
    for name in ("alpha", "applepay", "hp", "hpe"):
        (icons / f"{name}.svg").write_text(SQUARE, encoding="utf-8")
    logos = root / "@iconify-json" / "logos"
    logos.mkdir(parents=True)
    table = {"width": 24, "height": 24, "icons": {"alpha-icon": {"body": TWO_COLOURS}, "nike": {"body": TWO_COLOURS}}}
    (logos / "icons.json").write_text(json.dumps(table), encoding="utf-8")
    return root


def test_packages_lose_held_out_names_and_join_drawings_of_one_brand(tmp_path: Path) -> None:
    marks = dr.render_packages(npm_folder(tmp_path), ["simple-icons", "logos"])
    assert marks.names == ("alpha", "hpe")
    assert marks.sources == ("simple-icons", "simple-icons", "logos")
    assert marks.one_colour.tolist() == [True, True, False]
    assert [m.tolist() for m in marks.by_class()] == [[0, 2], [1]]
    # The 8 x 20 shape is cut out of its 24 x 24 view box and its long side is the drawing size.
    assert marks.shapes[0].tolist() == [dr.ICON_PX, dr.ICON_PX * 8 // 20]
    left = marks.rgba(2)
    assert left[80, 20].tolist() == [255, 0, 0, 255]
    calibration = dr.render_packages(tmp_path, ["logos"], exclude_classes=marks.names)
    assert len(calibration) == 0
    assert calibration.by_class() == [] or all(len(m) == 0 for m in calibration.by_class())


def test_one_drawing_under_many_names_is_read_once(tmp_path: Path) -> None:
    folder = tmp_path / "@iconify-json" / "vscode-icons"
    folder.mkdir(parents=True)
    names = ("file-type-acme", "file-type-light-ng-pipe", "folder-type-acme", "default-root-folder")
    table = {"width": 24, "height": 24, "icons": {name: {"body": TWO_COLOURS} for name in names}}
    (folder / "icons.json").write_text(json.dumps(table), encoding="utf-8")
    assert [name for _, name, _ in dr.iter_svgs(tmp_path, ["vscode-icons"])] == ["file-type-acme"]


def test_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="@iconify-json/cib"):
        dr.render_packages(tmp_path, ["cib"])


@pytest.mark.parametrize(
    "svg",
    [
        "<svg",
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>',
        SQUARE.replace("M4 2h8v20H4z", "M0 0h24v24H0z"),
    ],
)
def test_unusable_drawings_are_skipped(svg: str) -> None:
    assert dr.render_svg(svg) is None


def test_saved_drawings_come_back_equal(tmp_path: Path) -> None:
    marks = dr.render_packages(npm_folder(tmp_path / "npm"), ["simple-icons", "logos"])
    save_icons(marks, tmp_path / "cache")
    again = load_icons(tmp_path / "cache")
    assert again.names == marks.names
    assert again.sources == marks.sources
    for i in range(len(marks)):
        np.testing.assert_array_equal(again.rgba(i), marks.rgba(i))


def test_drawings_refuse_pixels_that_do_not_fit() -> None:
    marks = dr.from_arrays([("a", "test", True, np.zeros((4, 5, 4), np.uint8))])
    with pytest.raises(ValueError, match="expected 80 bytes"):
        dr.Icons(marks.names, marks.labels, marks.sources, marks.one_colour, marks.shapes, marks.pixels[:-1])


def test_made_up_names_are_seeded_and_never_held_out() -> None:
    names = [random_name(np.random.default_rng(5)) for _ in range(2)]
    assert names[0] == names[1]
    rng = np.random.default_rng(1)
    many = [random_name(rng) for _ in range(400)]
    assert len(set(many)) > 350
    assert not any(is_held_out(name) for name in many)
    assert all(change_name(rng, name) != name for name in many)


def test_fonts_are_found_and_draw(any_font_folder: Path) -> None:
    fonts = font_files(any_font_folder)
    assert fonts
    plain, wide = draw_name("Kalmo", fonts[0]), draw_name("Kalmo", fonts[0], spacing_em=0.3)
    assert plain is not None
    assert wide is not None
    assert max(plain.shape[:2]) == dr.ICON_PX
    assert plain[..., 3].max() > 200
    # Spaced letters at the same width are lower.
    assert wide.shape[0] < plain.shape[0]


@pytest.fixture
def any_font_folder(tmp_path: Path) -> Path:
    """Folder of the Latin font that Pillow carries inside."""
    default = ImageFont.load_default(20)
    assert isinstance(default, ImageFont.FreeTypeFont)
    assert isinstance(default.path, io.BytesIO)
    (tmp_path / "default.ttf").write_bytes(default.path.getvalue())
    return tmp_path
