"""Logo drawings: what is rendered, what is refused, and the pictures that stand for a drawing in the index."""

import hashlib
import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from logoscan.errors import ImageError
from logoscan.images import ImageLimits
from logoscan.logos import LOGO_SUFFIXES, MARGIN, RENDER_PX, load_logo, renderings
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
    """The drawing on grey, as a JPEG would hold it."""
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


def test_a_drawing_is_cut_to_what_is_drawn(tmp_path: Path) -> None:
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


def test_svg_bytes_are_no_picture() -> None:
    """Only a file that a brand owner registers is read as SVG."""
    with pytest.raises(ImageError, match="expected one of JPEG, PNG, WEBP, GIF"):
        load_logo(svg().encode())


@pytest.mark.parametrize("suffix", sorted(set(LOGO_SUFFIXES) - {".svg"}))
def test_raster_logos_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"logo{suffix}"
    Image.new("RGB", (12, 7), (10, 20, 30)).save(path)
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
        with pytest.raises(ImageError, match="expected a drawing, got a fully transparent picture"):
            load_logo(source)


# -- renderings


def made(rgba: Rgba, tight_px: int | None = None) -> dict[str, tuple[list[int], list[int]]]:
    """For each rendering the colours of its corner and of its middle; all but "as-is" may be of a tighter drawing."""
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


def test_a_drawing_of_one_grey_stands_dark_on_light_and_light_on_dark() -> None:
    for grey in (0, 120, 255):
        ways = made(disc((grey, grey, grey)))
        assert ways == {"dark-on-light": DARK_ON_LIGHT, "light-on-dark": LIGHT_ON_DARK}


def test_a_drawing_of_one_colour_also_stands_in_it() -> None:
    ways = made(disc((200, 0, 0)))
    assert ways.pop("own-colour") == ([255, 255, 255], [200, 0, 0])
    assert ways == {"dark-on-light": DARK_ON_LIGHT, "light-on-dark": LIGHT_ON_DARK}


def test_a_pale_colour_stands_on_dark() -> None:
    assert made(disc((255, 255, 140)))["own-colour"] == ([24, 24, 24], [255, 255, 140])


def test_a_transparent_drawing_of_several_colours_stands_on_white_and_on_black() -> None:
    rgba = disc((200, 0, 0))
    rgba[:, 40:, :3] = (0, 0, 200)
    assert made(rgba) == {
        "on-white": ([255, 255, 255], [200, 0, 0]),
        "on-black": ([24, 24, 24], [200, 0, 0]),
    }


def test_an_opaque_photo_stands_as_it_is() -> None:
    rng = np.random.default_rng(0)
    rgba = np.full((40, 60, 4), 255, np.uint8)
    rgba[..., :3] = rng.integers(0, 256, (5, 6, 3)).repeat(8, 0).repeat(10, 1)
    (way,) = renderings(rgba)
    assert way.name == "as-is"
    side = round(60 * (1 + 2 * MARGIN))
    top, left = (side - 40) // 2, (side - 60) // 2
    np.testing.assert_array_equal(way.rgb[top : top + 40, left : left + 60], rgba[..., :3])


def test_an_opaque_picture_of_nothing_stands_as_it_is() -> None:
    for value in (0, 255):
        assert made(np.full((9, 9, 4), (value, value, value, 255), np.uint8)) == {"as-is": ([value] * 3, [value] * 3)}
    assert [way.name for way in renderings(np.full((1, 1, 4), 255, np.uint8))] == ["as-is"]


@pytest.mark.parametrize(("ink", "ground"), [((20, 20, 20), 255), ((250, 250, 250), 0)])
def test_one_ink_on_an_opaque_ground_is_lifted_off(ink: tuple[int, int, int], ground: int) -> None:
    ways = made(opaque(disc(ink), ground), None if ground else 50)
    assert ways.pop("as-is") == ([ground] * 3, list(ink))
    assert ways == {"dark-on-light": DARK_ON_LIGHT, "light-on-dark": LIGHT_ON_DARK}


def test_one_colour_on_white_is_lifted_off_softly() -> None:
    drawing = disc((200, 0, 0))
    lifted = {way.name: way.rgb.astype(int) for way in renderings(opaque(drawing, 255))}
    transparent = {way.name: way.rgb.astype(int) for way in renderings(drawing)}
    assert set(lifted) == set(transparent) == {"dark-on-light", "light-on-dark", "own-colour"}
    for name, picture in lifted.items():
        assert np.abs(picture - transparent[name]).max() <= 3, "the same as from the transparent file"


def test_a_picture_without_one_ground_stands_as_it_is() -> None:
    parts = np.zeros((40, 40, 4), np.uint8)
    parts[:, 13:] = 255
    parts[..., 3] = 255
    assert [way.name for way in renderings(parts)] == ["as-is"]


def test_two_inks_on_white_stand_as_they_are() -> None:
    rgba = disc((200, 0, 0))
    rgba[:, 30:, :3] = (0, 0, 200)
    assert [way.name for way in renderings(opaque(rgba, 255))] == ["as-is"]
