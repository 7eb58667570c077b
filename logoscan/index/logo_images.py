"""Logo drawings in: files that a brand owner registers -> RGBA, and the renderings that stand for them in the index.

SVG is read here and nowhere else: drawings come from brand owners, listing photos from anybody.
"""

from __future__ import annotations

import io
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from logoscan._hashing import sha256_hex
from logoscan.errors import ImageError
from logoscan.images.crops import pad_square
from logoscan.images.loading import FORMATS, ImageLimits, flatten, read_rgba
from logoscan.images.svg import Rendered, Renderer
from logoscan.sources import ANYWHERE, read_head
from logoscan.types import ImageSource, Rgb, Rgba

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = [
    "DRAWING_PX", "LOGO_SUFFIXES", "Logo", "Rendering", "ink", "load_logo", "read_logo", "renderings", "thumbnail"
]  # fmt: skip

logger = logging.getLogger(__name__)

_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "AVIF": (".avif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
}
LOGO_SUFFIXES = (*(suffix for kind in FORMATS for suffix in _SUFFIXES.get(kind, ())), ".svg")
"""Of files that are logos: SVG and every raster format that is read."""
RENDER_PX = 256
"""Long side of a rendered SVG: more than twice what the bundled encoder looks at."""
DRAWING_PX = 256
"""Long side of the drawings that a register keeps, to compare with and to show: 5 to 30 KB each."""
MARGIN = 0.06
"""Ground around a registered drawing, as a share of its long side: detectors never cut exactly at the edge."""
# Long side of a raster drawing: four times what any encoder looks at. A rendering of it takes 4 MB, not gigabytes.
_MOST_PX = 1024
# A banner is 10 times as long as it is high; what is 50 times would be two pixels high for the encoder.
_MOST_ASPECT = 50
# Grey levels by which the ground of an opaque drawing may differ from its border's median.
_GROUND = 24
# Channels of paper and the grey levels by which they may differ: paper and JPEG are never quite white.
_PAPER_FROM, _PAPER_SPREAD = 225, 24
# Share of the long side under which a margin stays, so that tight files are taken as they are.
_LEAST_MARGIN = 0.02
# Share of the long side that a drawing takes of its dark or coloured ground if that is a tile (an app icon) and no
# margin. Cosine of a drawing with a margin to the tight one: 0.85 at a share of 0.75, 0.55 at 0.4, 0.3 at 0.25.
_LEAST_ON_TILE = 0.4
_MAX_SVG_BYTES = 2 << 20
# Nested elements, references followed. resvg's stack overflows, which ends its process, from about 150.
_MAX_SVG_DEPTH = 60
# Elements to draw, references followed: a few <use> of <use> stand for millions. 100,000 take resvg 20 s.
_MAX_SVG_ELEMENTS = 20_000
# Coordinates and widths; what is larger is cut into as many pieces. A viewBox in micrometres has 300,000.
_MAX_SVG_NUMBER = 1e6
# Of paths: tools write arcs that are nearly straight with radii of 3e8, and two flags without a space before a number.
_MAX_SVG_RADIUS = 5e8
# Parts of a selector less one: each multiplies the time of matching it by the depth of the drawing.
_MAX_COMBINATORS = 2
_SVG_FORBIDDEN = {"script", "image", "foreignobject", "iframe", "audio", "video", "set", "animate"} | {
    "feturbulence",
    "femorphology",
    "feconvolvematrix",  # seconds to hours of rendering in a line
}
# Attributes that hold no lengths, or others' (paths), or (those of gradients) lengths in units of any size.
_NO_LENGTHS = {"id", "class", "style", "d", "href", "name", "font-family", "gradientTransform", "patternTransform"}
_NO_LENGTHS_FROM = ("{", "data-", "aria-")
# A reference: what stands in url(), quoted or not.
_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)'"\s]*))""", re.IGNORECASE)
_URL_NAME = re.compile(r"\burl\(", re.IGNORECASE)
_CSS_OUTSIDE = re.compile(r"@import|expression\(", re.IGNORECASE)
# Possessive, and begun at a number's beginning alone: the time must not grow with the square of hostile digits.
_NUMBER = r"[-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?+"
_NUMBERS, _PATH_NUMBERS = re.compile(rf"(?<![\w#.]){_NUMBER}"), re.compile(rf"(?<![\d.]){_NUMBER}")
_LARGE = re.compile(r"\d{7}|\d\.?[eE]\+?\d")
_MOST_NUMBER_CHARS = 300
# Ink's long side under which a rendering is made again, larger: a small mark on a sheet of A4.
_LEAST_INK_PX = 96
_MOST_RENDER_PX = 2048
_SHOWN_CHARS = 40


@dataclass(frozen=True, eq=False)
class Rendering:
    """One way a logo is drawn: `name` says how, `rgb` is a square uint8 (S, S, 3)."""

    name: str
    rgb: Rgb


@dataclass(frozen=True, eq=False)
class Logo:
    """A logo drawing that was read.

    Attributes:
        rgba: uint8 (H, W, 4), cut to what is drawn, long side at most 1024 px.
        sha256: Hex digits of the file's bytes.
        warnings: What of it is not drawn as the file says, in words.
    """

    rgba: Rgba
    sha256: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Svg:
    """A drawing that refers to nothing outside of itself.

    Attributes:
        text: The file's text.
        words: What its texts say; None if it has none.
        missing: Identifiers that it refers to and does not hold.
    """

    text: str
    words: str | None
    missing: tuple[str, ...]


def _checked_svg(data: bytes, name: str) -> _Svg:
    """Refuse a drawing that would read anything but itself, or costs far more than its size says."""
    from defusedxml import DefusedXmlException  # type: ignore[attr-defined, unused-ignore]
    from defusedxml.ElementTree import ParseError, fromstring

    if len(data) > _MAX_SVG_BYTES:
        raise ImageError(f"{name}: expected an SVG of at most {_MAX_SVG_BYTES} bytes, got more")
    try:
        text = data.decode("utf-8-sig")  # as it is rendered, whatever encoding it declares
        root = fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise ImageError(f"{name}: an SVG with a document type or entities is refused ({error})") from None
    except (ParseError, ValueError, RecursionError) as error:
        raise ImageError(f"{name}: not a well-formed SVG ({error})") from None
    tags, styled, referred = set(), False, []
    for element in root.iter():
        tag = _local(element.tag)
        tags.add(tag)
        if tag in _SVG_FORBIDDEN:
            raise ImageError(f"{name}: an SVG with <{tag}> is refused")
        if tag == "style" and any("style" in str(e.tag).lower() for e in element.iterfind("*")):
            raise ImageError(f"{name}: an SVG with style sheets in style sheets is refused")
        sheet = _uncommented("".join(element.itertext())) if tag == "style" else ""
        targets = _targets(element, sheet)
        styled = styled or bool(_URL.search(sheet))
        outside = any(target and not target.startswith("#") for target in targets)
        if outside or any(_CSS_OUTSIDE.search(value) for value in (*element.attrib.values(), sheet)):
            raise ImageError(f"{name}: an SVG with references outside of itself is refused")
        referred += [target[1:] for target in targets if len(target) > 1]
        _check_svg_numbers(element, sheet, name)
        _check_selectors(sheet, name)
    if "pattern" in tags and styled:  # references from a style sheet are not followed by the check of the size
        raise ImageError(f"{name}: an SVG with patterns and url() in a style sheet is refused")
    _check_svg_size(root, name)
    text = _URL_NAME.sub("url(", text)  # CSS knows it in any case, resvg in small letters
    ids = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
    words = [word for e in root.iter() if _local(e.tag) == "text" for part in e.itertext() for word in part.split()]
    return _Svg(text, " ".join(words) if "text" in tags else None, tuple(sorted(set(referred) - ids)))


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2].lower()


def _uncommented(sheet: str) -> str:
    """A style sheet without its comments."""
    first, *rest = sheet.split("/*")
    return first + "".join(part.partition("*/")[2] for part in rest)


def _targets(element: Element, sheet: str = "") -> list[str]:
    """What an element and its style sheet refer to: "#" and an identifier, or something outside."""
    values = [value for key, value in element.attrib.items() if not key.startswith("{")]
    found = [quoted or single or plain for value in (*values, sheet) for quoted, single, plain in _URL.findall(value)]
    found += [value for key, value in element.attrib.items() if key.rpartition("}")[2] == "href"]
    return [target.strip() for target in found]


def _check_svg_numbers(element: Element, sheet: str, name: str) -> None:
    """Refuse lengths that the renderer would cut into as many pieces."""
    values = [v for k, v in element.attrib.items() if k not in _NO_LENGTHS and not k.startswith(_NO_LENGTHS_FROM)]
    declared = re.split(r"[;{}]", f"{element.attrib.get('style', '')};{sheet}")
    values += [v for k, _, v in (d.partition(":") for d in declared) if k.strip().lower() != "z-index"]
    limits = [(value, _MAX_SVG_NUMBER, _NUMBERS) for value in values]
    for value, most, pattern in (*limits, (element.attrib.get("d", ""), _MAX_SVG_RADIUS, _PATH_NUMBERS)):
        large = pattern.findall(_URL.sub("", value)) if _LARGE.search(value) else []
        if any(len(number) > _MOST_NUMBER_CHARS or abs(float(number)) > most for number in large):
            raise ImageError(f"{name}: an SVG with numbers above {most:,.0f} is refused")


def _check_selectors(sheet: str, name: str) -> None:
    """Refuse selectors of many parts, which are tried with each chain of ancestors of each element."""
    for rule in sheet.split("{")[:-1]:
        for selector in re.split(r"[;}]", rule)[-1].split(","):
            parts = re.split(r"[\s>+~]+", selector.strip())
            if len(parts) > _MAX_COMBINATORS + 1 and not selector.lstrip().startswith("@"):
                raise ImageError(f"{name}: an SVG with selectors of more than {_MAX_COMBINATORS + 1} parts is refused")


def _check_svg_size(root: Element, name: str) -> None:
    """Refuse a drawing that would exhaust the renderer: too deep, or too much once its references are followed."""
    by_id = {element.attrib["id"]: element for element in root.iter() if "id" in element.attrib}
    known: dict[Element, tuple[int, int]] = {}

    def measure(element: Element, depth: int) -> tuple[int, int]:
        """Levels and elements from here on; a cycle ends at the cap."""
        if depth <= _MAX_SVG_DEPTH and element not in known:
            named = [target[1:] for target in _targets(element)]
            parts = [measure(e, depth + 1) for e in (*element, *(by_id[n] for n in named if n in by_id))]
            known[element] = (1 + max((p[0] for p in parts), default=0), 1 + sum(p[1] for p in parts))
        levels, elements = known.get(element, (1, 1))
        if depth + levels - 1 > _MAX_SVG_DEPTH or elements > _MAX_SVG_ELEMENTS:
            raise ImageError(
                f"{name}: expected an SVG of at most {_MAX_SVG_DEPTH} nested and {_MAX_SVG_ELEMENTS} drawn elements"
            )
        return levels, elements

    measure(root, 1)


def _read_svg(path: Path, limits: ImageLimits | None, renderer: Renderer) -> Logo:
    data = read_head(path, ANYWHERE, _MAX_SVG_BYTES + 1)
    svg = _checked_svg(data, path.name)
    has_text = svg.words is not None
    drawn = renderer.render(svg.text, path.name, RENDER_PX, has_text=has_text)
    rgba, _ = read_rgba(drawn.png, limits=limits)
    long_side = max(_inked(rgba), default=0)
    warnings = _not_as_drawn(svg, drawn, path.name)
    if not long_side:
        reason = _why_nothing(svg.text, path.name, renderer, limits)
        raise ImageError(
            "; ".join((f"{path.name}: expected a drawing, got a fully transparent picture{reason}", *warnings))
        )
    if long_side < _LEAST_INK_PX:
        side_px = min(_MOST_RENDER_PX, RENDER_PX * RENDER_PX // long_side)
        rgba, _ = read_rgba(renderer.render(svg.text, path.name, side_px, has_text=has_text).png, limits=limits)
    return Logo(rgba, sha256_hex(data), warnings)


def _not_as_drawn(svg: _Svg, drawn: Rendered, name: str) -> tuple[str, ...]:
    """What of a drawing is not rendered as its file says, in words."""
    said = svg.words or ""
    words = repr(said if len(said) <= _SHOWN_CHARS else said[: _SHOWN_CHARS - 1] + "…")
    warnings, left_out = [], []
    if drawn.substituted and not any(complaint.startswith("No fonts with") for complaint in drawn.complaints):
        warnings.append(
            f"its text {words} needs a font that is not here and is drawn in another: convert text to paths"
        )
    for complaint in drawn.complaints:
        if complaint.startswith(("No match for", "No fonts with")):
            warnings.append(f"its text {words} is not or not wholly drawn ({complaint}): convert text to paths")
        elif not any(f"#{missing}" in complaint for missing in svg.missing):
            left_out.append(complaint)
    if svg.missing:
        left_out.append(f"it refers to {svg.missing[0][:_SHOWN_CHARS]!r}, which it does not hold")
    if left_out:
        warnings.append(f"not all of it is drawn as the file says: {'; '.join(left_out)}")
    return tuple(f"{name}: {warning}" for warning in dict.fromkeys(warnings))


def _why_nothing(text: str, name: str, renderer: Renderer, limits: ImageLimits | None) -> str:
    """Whether a drawing of which nothing is seen draws outside of its picture."""
    from defusedxml.ElementTree import fromstring, tostring

    root = fromstring(text, forbid_dtd=True)
    for key in ("viewBox", "width", "height"):
        root.attrib.pop(key, None)
    try:
        rgba, _ = read_rgba(renderer.render(tostring(root, "unicode"), name, RENDER_PX).png, limits=limits)
    except ImageError:
        return ""
    return " (all of it lies outside of its viewBox)" if _inked(rgba) else ""


def _inked(rgba: Rgba) -> tuple[int, ...]:
    """Width and height of what is drawn; nothing if nothing is."""
    rows, columns = np.nonzero(rgba[..., 3] > 8)
    return (int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1) if len(rows) else ()


def read_logo(source: ImageSource, *, limits: ImageLimits | None = None, renderer: Renderer | None = None) -> Logo:
    """Read a logo drawing, cut to what is drawn: a transparent one to its ink, an opaque one to what its ground holds.

    Args:
        source: As for `images.read_rgba`; a path may also name an SVG, which may not refer outside of itself.
        limits: Caps on raster files.
        renderer: Renders SVG; without it a process is started and ended for each drawing.

    Raises:
        ImageError: Unreadable, refused, or nothing is drawn.
    """
    is_svg = isinstance(source, (str, Path)) and Path(source).suffix.lower() == ".svg"
    name = Path(source).name if isinstance(source, (str, Path)) else "logo"
    try:
        if is_svg and renderer is None:
            with Renderer() as own:
                logo = _read_svg(Path(source), limits, own)  # type: ignore[arg-type]
        elif is_svg and renderer is not None:
            logo = _read_svg(Path(source), limits, renderer)  # type: ignore[arg-type]
        else:
            logo = Logo(*read_rgba(source, limits=limits, reduced=True))
        rows, columns = np.nonzero(logo.rgba[..., 3] > 8)
        if not len(rows):
            raise ImageError("logo: expected a drawing, got a fully transparent picture")
        rgba = logo.rgba[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        tight, is_tile = _cut_margin(rgba)
        rgba = rgba if is_tile else tight
        if not is_svg and max(rgba.shape[:2]) > _MOST_ASPECT * min(rgba.shape[:2]):
            height, width = rgba.shape[:2]
            raise ImageError(f"{name}: expected sides of at most 1 : {_MOST_ASPECT}, got {width} x {height} pixels")
        return replace(logo, rgba=_reduced(rgba))
    except MemoryError:
        raise ImageError(f"{name}: expected a drawing that fits into memory, got a larger one") from None


def load_logo(source: ImageSource, *, limits: ImageLimits | None = None) -> tuple[Rgba, str]:
    """Read a logo drawing as `read_logo` does; what of it is not drawn as the file says is logged.

    Args:
        source: As for `read_logo`.
        limits: Caps on raster files.

    Returns:
        uint8 (H, W, 4) and the hex SHA-256 of the file.

    Raises:
        ImageError: Unreadable, refused, or nothing is drawn.
    """
    logo = read_logo(source, limits=limits)
    for warning in logo.warnings:
        logger.warning("%s", warning)
    return logo.rgba, logo.sha256


def _reduced(rgba: Rgba) -> Rgba:
    """A drawing with a long side of at most `_MOST_PX`."""
    from PIL import Image

    height, width = rgba.shape[:2]
    if max(height, width) <= _MOST_PX:
        return rgba
    share = _MOST_PX / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.array(Image.fromarray(rgba).resize(size, Image.Resampling.BOX))


def _ground(rgba: Rgba) -> tuple[NDArray[np.bool_], NDArray[np.float32]] | None:
    """Where an opaque drawing has its border's one colour, and that colour; None if the border is not of one colour."""
    rgb = rgba[..., :3].astype(np.float32)
    colour = np.median(np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]), axis=0)
    near = np.abs(rgb - colour).max(axis=2) < _GROUND
    if np.mean([*near[0], *near[-1], *near[:, 0], *near[:, -1]]) < 0.9:
        return None  # a photograph, or a full-bleed drawing
    return near, colour


def _cut_margin(rgba: Rgba) -> tuple[Rgba, bool]:
    """An opaque drawing cut to what stands on its plain ground, of which a pixel is kept; whether that is a tile.

    A dark or coloured ground may be the tile of an app icon, which belongs to the mark, where the drawing fills it.
    """
    height, width = rgba.shape[:2]
    if min(height, width) < 3 or rgba[..., 3].min() < 255 or (ground := _ground(rgba)) is None:
        return rgba, False
    near, colour = ground
    rows, columns = np.flatnonzero(~near.all(axis=1)), np.flatnonzero(~near.all(axis=0))
    if not len(rows):
        return rgba, False  # a plain patch is its own drawing
    top, bottom = max(0, rows[0] - 1), min(height, rows[-1] + 2)
    left, right = max(0, columns[0] - 1), min(width, columns[-1] + 2)
    long_side = max(height, width)
    if max(top, left, height - bottom, width - right) < _LEAST_MARGIN * long_side:
        return rgba, False
    is_paper = colour.min() >= _PAPER_FROM and np.ptp(colour) <= _PAPER_SPREAD
    is_tile = not is_paper and max(bottom - top, right - left) >= _LEAST_ON_TILE * long_side
    return rgba[top:bottom, left:right], is_tile


def _lift_one_colour(rgba: Rgba) -> Rgba | None:
    """An opaque picture of one colour on another as ink with alpha; None if it is anything else."""
    rgb = rgba[..., :3].astype(np.float32)
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    ground = np.median(border, axis=0)
    if np.mean(np.abs(border - ground).max(axis=1) > 24) > 0.1:
        return None  # the border is not one colour
    offset = rgb - ground
    distance = np.linalg.norm(offset, axis=2)
    if distance.max() < 60:
        return None  # nothing stands out
    ink = np.median(offset[distance > 0.7 * distance.max()], axis=0)
    coverage = np.clip(offset @ ink / max(float(ink @ ink), 1.0), 0, 1)
    residue = np.linalg.norm(offset - coverage[..., None] * ink, axis=2)
    if np.mean(residue > 48) > 0.02:
        return None  # more than one ink
    lifted = np.empty_like(rgba)
    lifted[..., :3] = np.clip(ground + ink, 0, 255).astype(np.uint8)
    lifted[..., 3] = np.rint(coverage * 255).astype(np.uint8)
    return lifted


def _one_colour(rgba: Rgba) -> bool:
    ink = rgba[rgba[..., 3] > 127][:, :3].astype(np.float32)
    return len(ink) > 0 and float(np.abs(ink - np.median(ink, axis=0)).max(axis=1).mean()) < 12


def _paint(rgba: Rgba, value: int) -> Rgba:
    painted = rgba.copy()
    painted[..., :3] = value
    return painted


def renderings(rgba: Rgba) -> list[Rendering]:
    """Make the square pictures under which a drawing is registered.

    An opaque picture of several colours stands as it is. A transparent one is laid on white and, where its own colours
    would vanish there, on black. One with a single ink is drawn dark on light, light on dark and, where it has a
    colour, in that. What stands on a plain tile is also drawn without the tile's margin.

    Args:
        rgba: uint8 (H, W, 4).
    """
    rgba = _reduced(rgba)
    opaque = bool(rgba[..., 3].min() == 255)
    tight, is_tile = _cut_margin(rgba)
    tight = tight if is_tile else rgba
    drawing = _lift_one_colour(tight) if opaque else tight
    ways: list[tuple[str, Rgb]] = []
    if drawing is None:
        ways += [("tight", np.ascontiguousarray(tight[..., :3]))] if is_tile else []
    elif _one_colour(drawing):
        ways.append(("dark-on-light", flatten(_paint(drawing, 16), (255, 255, 255))))
        ways.append(("light-on-dark", flatten(_paint(drawing, 245), (24, 24, 24))))
        ink = np.median(drawing[drawing[..., 3] > 127][:, :3], axis=0)
        if ink.max() - ink.min() > 40:  # saturated enough to be a colour
            ground = (255, 255, 255) if ink.mean() < 190 else (24, 24, 24)
            ways.append(("own-colour", flatten(drawing, ground)))
    else:
        ways.append(("on-white", flatten(drawing, (255, 255, 255))))
        ways.append(("on-black", flatten(drawing, (24, 24, 24))))
    if opaque and (is_tile or not any(name == "own-colour" for name, _ in ways)):
        ways.append(("as-is", np.ascontiguousarray(rgba[..., :3])))
    return [Rendering(name, pad_square(rgb, MARGIN)) for name, rgb in ways]


def ink(rgba: Rgba) -> NDArray[np.float32]:
    """What a one-colour print of a drawing would ink, float32 (h, w) 0..1.

    A drawing that fills its box with colour (an app icon, a badge) would become a blot; there the ink is where the
    colour differs from the commonest border colour.
    """
    alpha = rgba[..., 3].astype(np.float32) / np.float32(255)
    if alpha.mean() < 0.72:
        return alpha
    edge = np.concatenate([rgba[0], rgba[-1], rgba[:, 0], rgba[:, -1]])
    edge = edge[edge[:, 3] > 128] if (edge[:, 3] > 128).any() else rgba[rgba[..., 3] > 128]
    ground = np.median(edge[:, :3], axis=0)
    far = np.abs(rgba[..., :3].astype(np.float32) - ground).max(-1)
    inked = np.asarray(np.clip(far / 90, 0, 1) * alpha, np.float32)
    return inked if inked.mean() > 0.03 else alpha


def _without_ground(rgba: Rgba) -> Rgba:
    """An opaque drawing with what is of its border's one colour, and joins the border, made transparent."""
    import cv2

    ground = _ground(rgba)
    if ground is None:
        return rgba
    near, _ = ground
    parts = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)[1]
    outside = {*parts[0], *parts[-1], *parts[:, 0], *parts[:, -1]} - {0}
    out = rgba.copy()
    out[np.isin(parts, list(outside)), 3] = 0
    return out if out[..., 3].any() else rgba  # a plain patch is its own drawing


def thumbnail(rgba: Rgba) -> bytes:
    """A drawing as PNG, its long side `DRAWING_PX` at most; an opaque one without its ground, where that is plain.

    Args:
        rgba: uint8 (H, W, 4), straight alpha.
    """
    from PIL import Image

    picture = Image.fromarray(rgba)
    picture.thumbnail((DRAWING_PX, DRAWING_PX), Image.Resampling.LANCZOS)
    small = np.asarray(picture)
    if small[..., 3].min() == 255:
        lifted = _lift_one_colour(small)
        picture = Image.fromarray(_without_ground(small) if lifted is None else lifted)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
