"""Logo images: what is rendered, what is refused, and the pictures that stand for a logo image in the index."""

import hashlib
import io
import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from logoscan.errors import ImageError
from logoscan.images import _svg_child
from logoscan.images.loading import ImageLimits
from logoscan.index._svg_logos import RENDER_PX
from logoscan.index.logo_images import LOGO_SUFFIXES, load_logo, read_logo
from logoscan.index.renderings import MARGIN, renderings, thumbnail
from logoscan.types import Rgba

NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
RED = '<rect width="10" height="10" fill="#c80000"/>'


def svg(body: str = RED, box: str = "0 0 10 10", head: str = "") -> str:
    return f'{head}<svg {NS} viewBox="{box}">{body}</svg>'


def saved(folder: Path, text: str | bytes, name: str = "logo.svg") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def disc(colour: tuple[int, int, int], side: int = 60) -> Rgba:
    """A disc of one colour on nothing, with soft edges."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    alpha = np.clip(side * 0.4 - np.hypot(x, y) + 0.5, 0, 1)
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[..., :3] = colour
    rgba[..., 3] = np.rint(alpha * 255)
    return rgba


def opaque(rgba: Rgba, ground: int) -> Rgba:
    """The logo image on grey, as a JPEG would hold it."""
    weight = rgba[..., 3:].astype(np.float32) / 255
    flat = np.rint(rgba[..., :3] * weight + ground * (1 - weight)).astype(np.uint8)
    return np.concatenate([flat, np.full_like(rgba[..., 3:], 255)], axis=2)


# -- reading


def test_an_svg_is_rendered_with_its_transparency(tmp_path: Path) -> None:
    text = svg('<circle cx="5" cy="5" r="5" fill="#c80000"/>')
    rgba, digest = load_logo(saved(tmp_path, text))
    assert rgba.shape == (RENDER_PX, RENDER_PX, 4)
    assert rgba[128, 128].tolist() == [200, 0, 0, 255]
    assert rgba[0, 0, 3] == 0
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    upper, _ = load_logo(str(saved(tmp_path, "\ufeff" + text, "LOGO.SVG")))
    np.testing.assert_array_equal(upper, rgba)


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        ("0 0 100 50", (128, 256)),
        ("0 0 50 100", (256, 128)),
        ("0 0 1000 10", (3, 256)),
        ("0 0 10 1000", (256, 3)),
        ("0 0 100000 1", (1, 256)),
        ("0 0 1 100000", (256, 1)),
    ],
)
def test_the_long_side_of_an_svg_has_a_fixed_size(tmp_path: Path, box: str, shape: tuple[int, int]) -> None:
    rgba, _ = load_logo(saved(tmp_path, svg('<rect width="100%" height="100%"/>', box)))
    assert rgba.shape[:2] == shape


def test_logo_image_is_cropped_to_its_ink(tmp_path: Path) -> None:
    rgba, _ = load_logo(saved(tmp_path, svg('<rect x="2.5" y="5" width="5" height="2.5"/>')))
    assert rgba.shape == (64, 128, 4)
    assert (rgba[..., 3] == 255).all()
    frame = np.zeros((30, 40, 4), np.uint8)
    frame[10:13, 5:9] = (1, 2, 3, 255)
    rgba, _ = load_logo(frame)
    assert rgba.shape == (3, 4, 4)


@pytest.mark.parametrize(
    "body",
    [
        '<image href="a.png"/>',
        '<image xlink:href="data:image/png;base64,AAAA"/>',
        '<s:image xmlns:s="http://www.w3.org/2000/svg" href="a.png"/>',
        "<script>alert(1)</script>",
        "<g><g><SCRIPT/></g></g>",
        "<foreignObject/>",
        '<animate attributeName="x"/>',
        '<use href="other.svg#a"/>',
        '<use xlink:href="http://127.0.0.1/a.svg#a"/>',
        '<use href=" file:///etc/passwd"/>',
        '<filter id="f"><feImage href="/etc/a.png"/></filter>',
        '<a href="https://example.org">x</a>',
        '<style>@import "a.css";</style>',
        "<style><![CDATA[@IMPORT url(a.css);]]></style>",
        '<style><a/>@import "a.css";</style>',
        "<style>rect { fill: url(http://127.0.0.1/a) }</style>",
        '<style>rect { fill: URL( "//127.0.0.1/a" ) }</style>',
        '<rect style="fill:url(http://127.0.0.1/a)"/>',
        "<rect fill=\"url( 'a.svg#b' )\"/>",
        '<rect style="width:expression(1)"/>',
        '<filter id="f"><feTurbulence numOctaves="9999999"/></filter>',
        '<filter id="f"><feMorphology radius="999999"/></filter>',
        '<filter id="f"><feConvolveMatrix order="999"/></filter>',
        '<style>.a{fill:url(#p)}</style><pattern id="p"/>',
    ],
)
def test_an_svg_that_refers_outside_of_itself_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(ImageError, match=r"^logo\.svg: an SVG with .* is refused$"):
        load_logo(saved(tmp_path, svg(RED + body)))


@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE svg>",
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">',
        '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_an_svg_with_a_document_type_is_refused(tmp_path: Path, head: str) -> None:
    with pytest.raises(ImageError, match=r"^logo\.svg: an SVG with a document type or entities is refused"):
        load_logo(saved(tmp_path, svg(head=head)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a well-formed SVG"),
        ("hello", "not a well-formed SVG"),
        (svg()[:-3], "not a well-formed SVG"),
        (svg("&nbsp;"), "not a well-formed SVG"),
        ("<html/>", "cannot be rendered"),
        (f'<svg {NS} width="nan" height="-1"/>', "cannot be rendered"),
        (svg().encode("utf-16"), "not a well-formed SVG"),
        (svg(" " * (2 << 20)), "expected an SVG of at most 2097152 bytes"),
    ],
    ids=range(8),
)
def test_what_is_no_svg_is_refused(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=rf"^logo\.svg: {reason}"):
        load_logo(saved(tmp_path, text))


def _chain(n: int, per_level: int) -> str:
    """Groups that each use the one before a number of times."""
    levels = "".join(f'<g id="l{i}">' + f'<use href="#l{i - 1}"/>' * per_level + "</g>" for i in range(1, n + 1))
    return f'<defs><g id="l0">{RED}</g>{levels}</defs><use href="#l{n}"/>'


PATTERNS = "".join(
    f'<pattern id="p{i}" width="1" height="1"><rect width="9" height="9" fill="url(#p{i - 1})"/></pattern>'
    for i in range(1, 400)
)


@pytest.mark.parametrize(
    "body",
    [
        "<g>" * 300 + RED + "</g>" * 300,
        "<g>" * 20_000 + "</g>" * 20_000,
        _chain(150, 1),
        _chain(6, 10),
        f'{PATTERNS}<rect width="9" height="9" fill="url(#p399)"/>',
        '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>',
        '<g id="a"><use href="#a"/></g>',
    ],
    ids=["deep", "deeper", "chain", "bomb", "patterns", "cycle", "self"],
)
def test_an_svg_that_would_exhaust_the_renderer_is_refused(tmp_path: Path, body: str) -> None:
    began = time.process_time()
    with pytest.raises(ImageError, match=r"^logo\.svg: expected an SVG of at most 60 nested and 20000 drawn elements"):
        load_logo(saved(tmp_path, svg(body)))
    assert time.process_time() - began < 10


def test_an_svg_of_ordinary_depth_is_rendered(tmp_path: Path) -> None:
    nested = "<g>" * 40 + RED + "</g>" * 40
    gradient = (
        '<linearGradient id="g"><stop stop-color="red"/></linearGradient><rect fill="url(#g)" width="9" height="9"/>'
    )
    for body in (nested, _chain(10, 2), gradient):
        assert load_logo(saved(tmp_path, svg(body)))[0].shape[2] == 4


def test_a_missing_svg_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^not-there\.svg: cannot be read \(No such file"):
        load_logo(tmp_path / "not-there.svg")


def test_svg_bytes_are_no_image() -> None:
    """Only a file that a brand owner registers is read as SVG."""
    with pytest.raises(ImageError, match="expected one of JPEG, PNG, WEBP, GIF"):
        load_logo(svg().encode())


# -- sizes, units, references


TRIANGLE = '<path d="M20 160L100 20L180 160Z" fill="#c00"/><circle cx="100" cy="110" r="25" fill="#fff"/>'


def drawn(folder: Path, attributes: str, body: str = TRIANGLE) -> Rgba:
    return load_logo(saved(folder, f"<svg {NS} {attributes}>{body}</svg>"))[0]


@pytest.mark.parametrize("unit", ["", "px", "mm", "cm", "in", "pt", "pc", "Q", "em", "ex", "%"])
@pytest.mark.parametrize("viewbox", ["0 0 210 297", "0,0,210,297", "-30 -40 270 380"])
def test_an_svg_is_drawn_in_whatever_unit_its_size_is_stated(tmp_path: Path, unit: str, viewbox: str) -> None:
    plain = drawn(tmp_path, f'viewBox="{viewbox}"')
    height, width = plain.shape[:2]
    assert width / height == pytest.approx(160 / 140, abs=0.02)
    for size in (f'width="21{unit}" height="29.7{unit}"', f'width="21{unit}"', f'style="width:21{unit}"'):
        stated = drawn(tmp_path, f'{size} viewBox="{viewbox}"')
        assert stated.shape[1] / stated.shape[0] == pytest.approx(160 / 140, abs=0.03)
        assert stated[round(stated.shape[0] * 0.9), stated.shape[1] // 2].tolist() == [204, 0, 0, 255]


@pytest.mark.parametrize(
    ("attributes", "aspect"),
    [
        ('width="200" height="180"', 160 / 140),
        ('width="60mm" height="60mm"', 160 / 140),
        ("", 160 / 140),
        ('width="100%" height="100%" viewBox="0 0 200 180"', 160 / 140),
        ('width="auto" height="auto" viewBox="0 0 200 180"', 160 / 140),
        ('width="400" height="100" viewBox="0 0 200 180"', 160 / 140),
        ('width="400" height="180" viewBox="0 0 200 180" preserveAspectRatio="none"', 320 / 140),
        ('width="200" height="360" viewBox="0 0 200 180" preserveAspectRatio="xMidYMin meet"', 160 / 140),
    ],
)
def test_an_svg_keeps_its_aspect(tmp_path: Path, attributes: str, aspect: float) -> None:
    rgba = drawn(tmp_path, attributes)
    assert rgba.shape[1] / rgba.shape[0] == pytest.approx(aspect, rel=0.04)


@pytest.mark.parametrize("length", ["100mm", "10cm", "4in", "300pt", "25pc"])
def test_shapes_in_units_do_not_vanish(tmp_path: Path, length: str) -> None:
    body = f'<rect width="{length}" height="50"/>'
    rgba = drawn(tmp_path, 'viewBox="0 0 500 500"', body)
    assert rgba.shape[1] / rgba.shape[0] == pytest.approx(390 / 50, rel=0.1)


def test_small_logo_on_a_large_canvas_is_rendered_large(tmp_path: Path) -> None:
    mark = '<svg x="190" y="280" width="8" height="8" viewBox="0 0 200 180">' + TRIANGLE + "</svg>"
    rgba = drawn(tmp_path, 'width="210mm" height="297mm" viewBox="0 0 210 297"', mark)
    assert max(rgba.shape[:2]) > 40


REFERENCES = ["url(#g)", "url('#g')", "url(&quot;#g&quot;)", "url( #g )", "url( '#g' )", "URL('#g')", "url('#g') red"]


@pytest.mark.parametrize("way", ['fill="{}"', 'style="fill:{}"', 'class="a"'])
@pytest.mark.parametrize("reference", REFERENCES)
def test_svg_self_reference_is_allowed_in_any_spelling(tmp_path: Path, reference: str, way: str) -> None:
    sheet = f"<defs><style>.a{{fill:{reference}}}</style></defs>" if "class" in way else ""
    gradient = '<linearGradient id="g"><stop stop-color="#c80000"/></linearGradient>'
    body = f'{sheet}{gradient}<rect width="10" height="10" {way.format(reference)}/>'
    logo = read_logo(saved(tmp_path, svg(body)))
    assert logo.warnings == ()
    assert logo.rgba[100, 100].tolist() == [200, 0, 0, 255]


def test_svg_drawn_outside_its_canvas_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a fully transparent picture \(all of it lies outside of its viewBox\)"):
        load_logo(saved(tmp_path, svg(RED, box="500 500 10 10")))


def test_omitted_svg_elements_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for body, words in {
        '<rect fill="url(#gone)" width="5" height="5"/>': "it refers to 'gone', which it does not hold",
        '<g clip-path="url(#gone)"><rect width="5" height="5"/></g>': "it refers to 'gone', which it does not hold",
        '<use xlink:href="#gone"/>': "it refers to 'gone', which it does not hold",
        '<path d="M0 0L5 5 foo"/>': "Error during path parsing",
        '<rect fill="no-colour" width="5" height="5"/>': "Failed to parse fill value",
        '<filter id="f"><feBlend in="BackgroundImage"/></filter><path d="M0 0h5v5z" filter="url(#f)"/>': "filter",
    }.items():
        caplog.clear()
        path = saved(tmp_path, svg(RED + body))
        (warning,) = read_logo(path).warnings
        assert warning.startswith("logo.svg: not all of it is drawn as the file says: ")
        assert words in warning
        assert not caplog.records
        load_logo(path)
        assert [record.getMessage() for record in caplog.records] == [warning]
        assert caplog.records[0].levelno == logging.WARNING


def test_svg_text_with_a_missing_font_is_substituted_and_reported(tmp_path: Path) -> None:
    body = (
        '<rect width="10" height="10"/><text x="12" y="9" font-family="No Such Font, Nor This" font-size="9">{}</text>'
    )
    logo = read_logo(saved(tmp_path, svg(body.format("Acme &amp; Co"), box="0 0 80 10")))
    assert logo.rgba.shape[1] > 5 * logo.rgba.shape[0], "the word stands beside the square"
    assert logo.warnings == (
        "logo.svg: its text 'Acme & Co' needs a font that is not here and is drawn in another: convert text to paths",
    )


def test_svg_text_in_a_missing_font_takes_no_font_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def render_on_a_machine_with_all_generic_fonts(**request: Any) -> bytes:
        generic = {request.get(f"{kind}_family", "Times New Roman") for kind in ("font", "serif", "sans_serif")}
        if not generic & {"Times New Roman", "Substitute"}:
            os.write(log, b"Warning (in usvg::text:143): No match for '\"No Such Font\"' font-family.\n")
        return str(sorted(generic)).encode()

    monkeypatch.setattr("resvg_py.svg_to_bytes", render_on_a_machine_with_all_generic_fonts)
    log = os.memfd_create("log")
    try:
        png, messages = _svg_child._render({"substitute": "font.ttf", "family": "Substitute"}, log)
    finally:
        os.close(log)
    assert png == b"['Substitute']"
    assert len(messages) == 2


def test_svg_letters_without_a_glyph_are_reported(tmp_path: Path) -> None:
    unassigned = chr(0x10FFFD)
    (warning,) = read_logo(saved(tmp_path, svg(RED + f'<text y="9">{unassigned}</text>'))).warnings
    assert warning.startswith("logo.svg: its text ")
    assert "is not or not wholly drawn (No fonts with a " in warning


def test_text_only_svg_is_rendered_and_reported(tmp_path: Path) -> None:
    assert read_logo(saved(tmp_path, svg('<text y="9" font-family="None Such">Acme</text>'))).warnings


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('<rect width="1e9" height="5"/>', "numbers above 1,000,000"),
        ('<rect width="5" height="5" style="stroke-width: 12345678px"/>', "numbers above 1,000,000"),
        ("<style>rect{stroke-width:1e7}</style>", "numbers above 1,000,000"),
        ('<path d="M0 0a1e9 1e9 0 1 1 1 1"/>', "numbers above 500,000,000"),
        (f'<path d="M0 0L{"1" * 400} 5"/>', "numbers above 500,000,000"),
        ("<style>a b c d{fill:red}</style>", "selectors of more than 3 parts"),
        ("<style>a,b>c+d ~ e{fill:red}</style>", "selectors of more than 3 parts"),
        ("<style>x{} a/*{*/ b /**/c d{fill:red}</style>", "selectors of more than 3 parts"),
    ],
)
def test_svg_with_excessive_render_cost_is_refused(tmp_path: Path, body: str, reason: str) -> None:
    with pytest.raises(ImageError, match=rf"^logo\.svg: an SVG with {reason} is refused$"):
        load_logo(saved(tmp_path, svg(RED + body)))


@pytest.mark.parametrize(
    "body",
    [
        '<path id="a123456789012" class="x99999999" d="M0 0a2.9e8 2.9e8 0 0 1 1 1z" data-n="99999999"/>',
        '<path d="M1 1a2 2 0 0110 1"/>',
        '<g fill="#12345678" id="g_99999999"/><use href="#g_99999999"/>',
        "<style>g rect,.a > b c,.cls-99999999{fill:red;z-index:2147483647}/* a b c d {} */</style>",
        "<style>@media screen and (min-width: 1px) and (max-width: 9px){.a{fill:red}}</style>",
        '<linearGradient id="l" gradientTransform="matrix(0 5159508 1 0 0 0)"/>',
    ],
)
def test_svg_of_common_tools_is_accepted(tmp_path: Path, body: str) -> None:
    load_logo(saved(tmp_path, svg(RED + body)))


# -- rasters


@pytest.mark.parametrize(("width", "height"), [(30_000, 1), (1, 30_000), (12_000, 1), (5100, 100)])
def test_strips_are_refused(width: int, height: int) -> None:
    with pytest.raises(ImageError, match=rf"sides of at most 1 : 50, got {width} x {height}"):
        load_logo(np.zeros((height, width), np.uint8))


@pytest.mark.parametrize("shape", [(3000, 2000, 4), (1025, 30, 3), (4000, 4000)])
def test_large_rasters_are_made_small(shape: tuple[int, ...]) -> None:
    picture = np.zeros(shape, np.uint8)
    picture[::2] = 255
    rgba, _ = load_logo(picture)
    assert max(rgba.shape[:2]) == 1024
    assert rgba.shape[1] / rgba.shape[0] == pytest.approx(shape[1] / shape[0], rel=0.02)


@pytest.mark.parametrize("shape", [(1, 30_000, 4), (30_000, 1, 4), (2000, 3000, 4)])
def test_renderings_and_thumbnails_of_large_drawings_are_small(shape: tuple[int, ...]) -> None:
    for value in (0, 255):
        rgba = np.full(shape, value, np.uint8)
        rgba[..., 3] = 255
        assert all(way.rgb.shape[0] <= 1024 * 1.2 for way in renderings(rgba))
        assert max(Image.open(io.BytesIO(thumbnail(rgba))).size) <= 256


def test_logo_image_that_exceeds_memory_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("logoscan.index.logo_images.cut_margin", full)
    with pytest.raises(ImageError, match=r"^logo: expected an image that fits into memory, got a larger one$"):
        load_logo(np.zeros((9, 9), np.uint8))


# -- margins of opaque files


def mark(side: int = 120) -> Image.Image:
    """A logo image of two colours and an inner hole that touches all sides of its picture, opaque."""
    picture = Image.new("RGB", (2 * side, side), (255, 255, 255))
    picture.paste((200, 0, 0), (0, 0, side, side))
    picture.paste((255, 255, 255), (side // 3, side // 3, side // 2, side // 2))
    picture.paste((0, 0, 200), (side, side // 4, 2 * side, side))
    return picture


def framed(left: int, top: int, right: int, bottom: int, ground: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    inner = mark()
    picture = Image.new("RGB", (inner.width + left + right, inner.height + top + bottom), ground)
    picture.paste(inner, (left, top))
    return picture


def jpeg(picture: Image.Image, quality: int = 80) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


@pytest.mark.parametrize("quality", [95, 75, 30])
@pytest.mark.parametrize("frame", [(200, 300, 200, 300), (5, 400, 90, 20), (0, 40, 300, 40), (40, 40, 40, 40)])
def test_opaque_logo_image_is_cropped_to_what_its_white_ground_holds(
    frame: tuple[int, int, int, int], quality: int
) -> None:
    rgba, _ = load_logo(jpeg(framed(*frame), quality))
    tight, _ = load_logo(jpeg(mark(), quality))
    assert tight.shape == (120, 240, 4)
    near_px = 16 if quality < 90 else 8  # blocks of JPEG, in which an edge rings
    assert abs(rgba.shape[0] - 120) <= near_px
    assert abs(rgba.shape[1] - 240) <= near_px
    ways = {way.name for way in renderings(rgba)}
    assert ways == {way.name for way in renderings(tight)} == {"as-is"}


def test_a_tight_opaque_file_stays_as_it_is() -> None:
    for picture in (mark(), framed(2, 2, 2, 2)):
        np.testing.assert_array_equal(load_logo(picture)[0][..., :3], np.asarray(picture))


@pytest.mark.parametrize("tile", [(0, 160, 200), (20, 20, 20), (255, 200, 0), (0, 80, 40)])
def test_logo_that_is_a_tile_is_kept_whole_and_its_figure_registered_too(tile: tuple[int, int, int]) -> None:
    icon = framed(60, 120, 60, 120, tile)
    rgba, _ = load_logo(icon)
    np.testing.assert_array_equal(rgba[..., :3], np.asarray(icon))
    sizes = {way.name: way.rgb.shape[0] for way in renderings(rgba)}
    assert sizes == {"tight": round(242 * (1 + 2 * MARGIN)), "as-is": round(360 * (1 + 2 * MARGIN))}


def test_the_white_round_a_tile_is_cut_and_the_tile_kept() -> None:
    icon = framed(60, 120, 60, 120, (200, 0, 0))
    sheet = Image.new("RGB", (900, 700), (255, 255, 255))
    sheet.paste(icon, (200, 150))
    rgba, _ = load_logo(sheet)
    np.testing.assert_array_equal(rgba[1:-1, 1:-1, :3], np.asarray(icon))


def test_small_logo_on_a_large_coloured_ground_is_cropped() -> None:
    rgba, _ = load_logo(framed(400, 400, 400, 400, (20, 60, 160)))
    assert rgba.shape == (122, 242, 4)


def test_photos_and_full_bleed_logo_images_are_not_cropped() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (12, 20, 3)).astype(np.uint8).repeat(20, 0).repeat(20, 1)
    slope = np.broadcast_to(np.linspace(0, 255, 300)[None, :, None], (200, 300, 3)).astype(np.uint8)
    plain = np.full((50, 80, 3), 255, np.uint8)
    for picture in (photo, slope, plain, plain // 3):
        np.testing.assert_array_equal(load_logo(picture)[0][..., :3], picture)


def test_an_opaque_margin_is_worth_as_much_as_a_transparent_one() -> None:
    clear = disc((200, 0, 0), 200)
    wide = np.zeros((600, 800, 4), np.uint8)
    wide[..., :3] = (200, 0, 0)
    wide[100:300, 50:250] = clear
    transparent, white = renderings(load_logo(wide)[0]), renderings(load_logo(opaque(wide, 255))[0])
    assert [way.name for way in transparent] == [way.name for way in white]
    for one, other in zip(transparent, white, strict=True):
        size = (100, 100)
        small = [np.asarray(Image.fromarray(w.rgb).resize(size), np.float32) for w in (one, other)]
        assert np.abs(small[0] - small[1]).mean() < 5


@pytest.mark.parametrize("suffix", sorted(set(LOGO_SUFFIXES) - {".svg"}))
def test_raster_logos_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"logo{suffix}"
    Image.new("RGB", (12, 7), (10, 20, 30)).save(path, {".jfif": "JPEG", ".jpe": "JPEG"}.get(suffix))
    rgba, digest = load_logo(path)
    assert rgba.shape == (7, 12, 4)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ImageError, match="got 12 x 7"):
        load_logo(path, limits=ImageLimits(max_pixels=83))


@pytest.mark.parametrize("alpha", [0, 8])
def test_a_fully_transparent_logo_is_refused(tmp_path: Path, alpha: int) -> None:
    picture = np.full((5, 5, 4), (200, 0, 0, alpha), np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    for source in (picture, file.getvalue(), saved(tmp_path, svg(""))):
        with pytest.raises(ImageError, match="expected something to see, got a fully transparent picture"):
            load_logo(source)


# -- renderings


def made(rgba: Rgba, tight_px: int | None = None) -> dict[str, tuple[list[int], list[int]]]:
    """For each rendering the colours of its corner and middle; all but "as-is" may be of a tighter logo image."""
    ways = renderings(rgba)
    assert len({way.name for way in ways}) == len(ways)
    for way in ways:
        assert way.rgb.dtype == np.uint8
        whole = max(rgba.shape[:2])
        side = round((whole if way.name == "as-is" or tight_px is None else tight_px) * (1 + 2 * MARGIN))
        assert way.rgb.shape == (side, side, 3)
    middle = {way.name: way.rgb.shape[0] // 2 for way in ways}
    return {way.name: (way.rgb[0, 0].tolist(), way.rgb[middle[way.name], middle[way.name]].tolist()) for way in ways}


DARK_ON_LIGHT = ([255, 255, 255], [16, 16, 16])
LIGHT_ON_DARK = ([24, 24, 24], [245, 245, 245])


def test_grey_logo_is_rendered_dark_on_light_and_light_on_dark() -> None:
    for grey in (0, 120, 255):
        ways = made(disc((grey, grey, grey)))
        assert ways == {"dark-on-light": DARK_ON_LIGHT, "light-on-dark": LIGHT_ON_DARK}


def test_one_colour_logo_is_also_rendered_in_its_colour() -> None:
    ways = made(disc((200, 0, 0)))
    assert ways.pop("own-colour") == ([255, 255, 255], [200, 0, 0])
    assert ways == {"dark-on-light": DARK_ON_LIGHT, "light-on-dark": LIGHT_ON_DARK}


def test_pale_logo_is_rendered_on_dark() -> None:
    assert made(disc((255, 255, 140)))["own-colour"] == ([24, 24, 24], [255, 255, 140])


def test_transparent_multicolour_logo_is_rendered_on_white_and_black() -> None:
    rgba = disc((200, 0, 0))
    rgba[:, 40:, :3] = (0, 0, 200)
    assert made(rgba) == {
        "on-white": ([255, 255, 255], [200, 0, 0]),
        "on-black": ([24, 24, 24], [200, 0, 0]),
    }


def test_opaque_photo_is_rendered_as_is() -> None:
    rng = np.random.default_rng(0)
    rgba = np.full((40, 60, 4), 255, np.uint8)
    rgba[..., :3] = rng.integers(0, 256, (5, 6, 3)).repeat(8, 0).repeat(10, 1)
    (way,) = renderings(rgba)
    assert way.name == "as-is"
    side = round(60 * (1 + 2 * MARGIN))
    top, left = (side - 40) // 2, (side - 60) // 2
    np.testing.assert_array_equal(way.rgb[top : top + 40, left : left + 60], rgba[..., :3])


def test_blank_opaque_image_is_rendered_as_is() -> None:
    for value in (0, 255):
        assert made(np.full((9, 9, 4), (value, value, value, 255), np.uint8)) == {"as-is": ([value] * 3, [value] * 3)}
    assert [way.name for way in renderings(np.full((1, 1, 4), 255, np.uint8))] == ["as-is"]


@pytest.mark.parametrize(("ink", "ground"), [((20, 20, 20), 255), ((250, 250, 250), 0)])
def test_one_ink_on_an_opaque_ground_is_separated(ink: tuple[int, int, int], ground: int) -> None:
    ways = made(opaque(disc(ink), ground), None if ground else 50)
    assert ways.pop("as-is") == ([ground] * 3, list(ink))
    assert ways == {"dark-on-light": DARK_ON_LIGHT, "light-on-dark": LIGHT_ON_DARK}


def test_one_colour_on_white_is_separated_with_soft_alpha() -> None:
    drawing = disc((200, 0, 0))
    lifted = {way.name: way.rgb.astype(int) for way in renderings(opaque(drawing, 255))}
    transparent = {way.name: way.rgb.astype(int) for way in renderings(drawing)}
    assert set(lifted) == set(transparent) == {"dark-on-light", "light-on-dark", "own-colour"}
    for name, picture in lifted.items():
        assert np.abs(picture - transparent[name]).max() <= 3, "the same as from the transparent file"


def test_image_without_a_plain_ground_is_rendered_as_is() -> None:
    parts = np.zeros((40, 40, 4), np.uint8)
    parts[:, 13:] = 255
    parts[..., 3] = 255
    assert [way.name for way in renderings(parts)] == ["as-is"]


def test_two_inks_on_white_are_rendered_as_is() -> None:
    rgba = disc((200, 0, 0))
    rgba[:, 30:, :3] = (0, 0, 200)
    assert [way.name for way in renderings(opaque(rgba, 255))] == ["as-is"]
