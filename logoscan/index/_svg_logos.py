"""SVG logos: refuse those that are unsafe or too costly to render, render the others, and report what is not rendered.

SVG is read for logos only, which come from brand owners; listing photos come from anybody and may not be SVG.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from logoscan._hashing import sha256_hex
from logoscan._quote import quoted
from logoscan.errors import ImageError
from logoscan.images.loading import ImageLimits, read_rgba
from logoscan.images.svg import Rendered, Renderer
from logoscan.sources import ANYWHERE, read_head
from logoscan.types import Rgba

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["RENDER_PX", "read_svg"]

RENDER_PX = 256
"""Long side of a rendered SVG: more than twice the input size of the bundled encoder."""
# Long side of the ink below which an SVG is rendered again, larger: a small logo on a sheet of A4; and the long side of
# that larger picture at most.
_MIN_INK_PX, _MAX_RENDER_PX = 96, 2048
# Bytes of a file.
_MAX_SVG_BYTES = 2 << 20
# Levels of nested elements, references followed. The stack of resvg overflows, which ends its process, from about 150.
_MAX_SVG_DEPTH = 60
# Elements to draw, references followed: a few <use> of <use> can stand for millions. 100,000 take resvg 20 s.
_MAX_SVG_ELEMENTS = 20_000
# Coordinates and widths; resvg cuts larger ones into very many pieces. A viewBox in micrometres has 300,000.
_MAX_SVG_NUMBER = 1e6
# Numbers in paths: tools write nearly straight arcs with radii of 3e8, and flags without a space before a number.
_MAX_SVG_PATH_NUMBER = 5e8
# Combinators of a selector: each multiplies the time of matching it by the depth of the tree.
_MAX_COMBINATORS = 2
# Digits of a number.
_MAX_NUMBER_CHARS = 300
# Characters of a file's text that a warning quotes.
_MAX_QUOTED_CHARS = 40
# Elements that read files, run scripts, move, or take seconds to hours to render in one line.
_SVG_FORBIDDEN = {
    "script", "image", "foreignobject", "iframe", "audio", "video", "set", "animate",
    "feturbulence", "femorphology", "feconvolvematrix",
}  # fmt: skip
# Attributes that hold no lengths, or path data, or (those of gradients) lengths in units of any size.
_NO_LENGTHS = {"id", "class", "style", "d", "href", "name", "font-family", "gradientTransform", "patternTransform"}
# Beginnings of further attributes that hold no lengths.
_NO_LENGTHS_PREFIXES = ("{", "data-", "aria-")
# A reference: the content of url(), quoted or not.
_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)'"\s]*))""", re.IGNORECASE)
# The name of url() in capitals or small letters.
_URL_NAME = re.compile(r"\burl\(", re.IGNORECASE)
# Style sheets that load others or run scripts.
_CSS_OUTSIDE = re.compile(r"@import|expression\(", re.IGNORECASE)
# Possessive quantifiers, and a match at a number's beginning alone, so that the time does not grow with the square of
# the number of digits.
_NUMBER = r"[-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?+"
# Numbers in attributes and style sheets, and in path data, where letters may stand before them.
_NUMBERS, _PATH_NUMBERS = re.compile(rf"(?<![\w#.]){_NUMBER}"), re.compile(rf"(?<![\d.]){_NUMBER}")
# Text that may hold a large number.
_MAYBE_LARGE = re.compile(r"\d{7}|\d\.?[eE]\+?\d")


@dataclass(frozen=True)
class _Svg:
    """An SVG that passed all checks.

    Attributes:
        text: Text of the file.
        words: Words of its text elements; None without such elements.
        missing: Identifiers that it refers to and does not define.
    """

    text: str
    words: str | None
    missing: tuple[str, ...]


def _parse_svg(data: bytes, name: str) -> _Svg:
    """Parse an SVG; refuse one that refers to anything outside, or costs far more to render than its size suggests."""
    from defusedxml import DefusedXmlException  # type: ignore[attr-defined, unused-ignore]
    from defusedxml.ElementTree import ParseError, fromstring

    if len(data) > _MAX_SVG_BYTES:
        raise ImageError(f"{name}: expected an SVG of at most {_MAX_SVG_BYTES} bytes, got more")
    try:
        text = data.decode("utf-8-sig")  # the renderer decodes so too, whatever encoding the file declares
        root = fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise ImageError(f"{name}: an SVG with a document type or entities is refused ({error})") from None
    except (ParseError, ValueError, RecursionError) as error:
        raise ImageError(f"{name}: not a well-formed SVG ({error})") from None
    tags, has_url_in_style, references = set(), False, []
    for element in root.iter():
        tag = _local_name(element.tag)
        tags.add(tag)
        if tag in _SVG_FORBIDDEN:
            raise ImageError(f"{name}: an SVG with <{tag}> is refused")
        if tag == "style" and any("style" in str(e.tag).lower() for e in element.iterfind("*")):
            raise ImageError(f"{name}: an SVG with style sheets in style sheets is refused")
        sheet = _strip_comments("".join(element.itertext())) if tag == "style" else ""
        targets = _references(element, sheet)
        has_url_in_style = has_url_in_style or bool(_URL.search(sheet))
        outside = any(target and not target.startswith("#") for target in targets)
        if outside or any(_CSS_OUTSIDE.search(value) for value in (*element.attrib.values(), sheet)):
            raise ImageError(f"{name}: an SVG with references outside of itself is refused")
        references += [target[1:] for target in targets if len(target) > 1]
        _check_svg_numbers(element, sheet, name)
        _check_selectors(sheet, name)
    if "pattern" in tags and has_url_in_style:  # the check of the size does not follow references in style sheets
        raise ImageError(f"{name}: an SVG with patterns and url() in a style sheet is refused")
    _check_svg_size(root, name)
    text = _URL_NAME.sub("url(", text)  # CSS allows capitals, resvg does not
    ids = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
    words = [
        word for e in root.iter() if _local_name(e.tag) == "text" for part in e.itertext() for word in part.split()
    ]
    return _Svg(text, " ".join(words) if "text" in tags else None, tuple(sorted(set(references) - ids)))


def _local_name(tag: object) -> str:
    return str(tag).rpartition("}")[2].lower()


def _strip_comments(sheet: str) -> str:
    """Return a style sheet without its comments."""
    first, *rest = sheet.split("/*")
    return first + "".join(part.partition("*/")[2] for part in rest)


def _references(element: Element, sheet: str = "") -> list[str]:
    """Return what an element and its style sheet refer to: "#" and an identifier, or something outside."""
    values = [value for key, value in element.attrib.items() if not key.startswith("{")]
    urls = [quoted or single or plain for value in (*values, sheet) for quoted, single, plain in _URL.findall(value)]
    urls += [value for key, value in element.attrib.items() if key.rpartition("}")[2] == "href"]
    return [url.strip() for url in urls]


def _check_svg_numbers(element: Element, sheet: str, name: str) -> None:
    """Refuse large lengths, which the renderer would cut into very many pieces."""
    values = [v for k, v in element.attrib.items() if k not in _NO_LENGTHS and not k.startswith(_NO_LENGTHS_PREFIXES)]
    declared = re.split(r"[;{}]", f"{element.attrib.get('style', '')};{sheet}")
    values += [v for k, _, v in (d.partition(":") for d in declared) if k.strip().lower() != "z-index"]
    limits = [(value, _MAX_SVG_NUMBER, _NUMBERS) for value in values]
    for value, limit, pattern in (*limits, (element.attrib.get("d", ""), _MAX_SVG_PATH_NUMBER, _PATH_NUMBERS)):
        large = pattern.findall(_URL.sub("", value)) if _MAYBE_LARGE.search(value) else []
        if any(len(number) > _MAX_NUMBER_CHARS or abs(float(number)) > limit for number in large):
            raise ImageError(f"{name}: an SVG with numbers above {limit:,.0f} is refused")


def _check_selectors(sheet: str, name: str) -> None:
    """Refuse selectors of many parts, which are matched with all chains of ancestors of each element."""
    for rule in sheet.split("{")[:-1]:
        for selector in re.split(r"[;}]", rule)[-1].split(","):
            parts = re.split(r"[\s>+~]+", selector.strip())
            if len(parts) > _MAX_COMBINATORS + 1 and not selector.lstrip().startswith("@"):
                raise ImageError(f"{name}: an SVG with selectors of more than {_MAX_COMBINATORS + 1} parts is refused")


def _check_svg_size(root: Element, name: str) -> None:
    """Refuse an SVG that would exhaust the renderer: too deep, or with too many elements, references followed."""
    by_id = {element.attrib["id"]: element for element in root.iter() if "id" in element.attrib}
    sizes: dict[Element, tuple[int, int]] = {}

    def measure(element: Element, depth: int) -> tuple[int, int]:
        """Return the levels and the number of elements below an element; a cycle ends at the limit."""
        if depth <= _MAX_SVG_DEPTH and element not in sizes:
            ids = [url[1:] for url in _references(element)]
            parts = [measure(e, depth + 1) for e in (*element, *(by_id[i] for i in ids if i in by_id))]
            sizes[element] = (1 + max((p[0] for p in parts), default=0), 1 + sum(p[1] for p in parts))
        levels, elements = sizes.get(element, (1, 1))
        if depth + levels - 1 > _MAX_SVG_DEPTH or elements > _MAX_SVG_ELEMENTS:
            raise ImageError(
                f"{name}: expected an SVG of at most {_MAX_SVG_DEPTH} nested and {_MAX_SVG_ELEMENTS} drawn elements"
            )
        return levels, elements

    measure(root, 1)


def read_svg(path: Path, limits: ImageLimits | None, renderer: Renderer) -> tuple[Rgba, str, tuple[str, ...]]:
    """Check and render an SVG.

    Args:
        path: The file.
        limits: Caps on the rendered picture.
        renderer: Renderer of the SVG.

    Returns:
        uint8 (H, W, 4), the hex SHA-256 of the file, and a warning for each part that is not rendered as in the file.

    Raises:
        ImageError: The SVG is unreadable, refused, or shows nothing.
    """
    data = read_head(path, ANYWHERE, _MAX_SVG_BYTES + 1)
    svg = _parse_svg(data, path.name)
    has_text = svg.words is not None
    rendered = renderer.render(svg.text, path.name, RENDER_PX, has_text=has_text)
    rgba, _ = read_rgba(rendered.png, limits=limits)
    ink_px = max(_ink_size(rgba), default=0)
    warnings = _rendering_warnings(svg, rendered, path.name)
    if not ink_px:
        reason = _why_empty(svg.text, path.name, renderer, limits)
        raise ImageError(
            "; ".join((f"{path.name}: expected something to see, got a fully transparent picture{reason}", *warnings))
        )
    if ink_px < _MIN_INK_PX:
        side_px = min(_MAX_RENDER_PX, RENDER_PX * RENDER_PX // ink_px)
        rgba, _ = read_rgba(renderer.render(svg.text, path.name, side_px, has_text=has_text).png, limits=limits)
    return rgba, sha256_hex(data), warnings


def _rendering_warnings(svg: _Svg, rendered: Rendered, name: str) -> tuple[str, ...]:
    """Return a warning for each part of an SVG that is not rendered as in the file."""
    text = svg.words or ""
    words = repr(text if len(text) <= _MAX_QUOTED_CHARS else text[: _MAX_QUOTED_CHARS - 1] + "…")
    warnings, left_out = [], []
    if rendered.substituted and not any(complaint.startswith("No fonts with") for complaint in rendered.complaints):
        warnings.append(
            f"its text {words} needs a font that is not here and is drawn in another: convert text to paths"
        )
    for complaint in rendered.complaints:
        if complaint.startswith(("No match for", "No fonts with")):
            warnings.append(f"its text {words} is not or not wholly drawn ({complaint}): convert text to paths")
        elif not any(f"#{missing}" in complaint for missing in svg.missing):
            left_out.append(complaint)
    if svg.missing:
        left_out.append(f"it refers to {quoted(svg.missing[0])}, which it does not hold")
    if left_out:
        warnings.append(f"not all of it is drawn as the file says: {'; '.join(left_out)}")
    return tuple(f"{name}: {warning}" for warning in dict.fromkeys(warnings))


def _why_empty(text: str, name: str, renderer: Renderer, limits: ImageLimits | None) -> str:
    """Return the reason if an SVG is empty because all of it lies outside of its viewBox, else ""."""
    from defusedxml.ElementTree import fromstring, tostring

    root = fromstring(text, forbid_dtd=True)
    for key in ("viewBox", "width", "height"):
        root.attrib.pop(key, None)
    try:
        rgba, _ = read_rgba(renderer.render(tostring(root, "unicode"), name, RENDER_PX).png, limits=limits)
    except ImageError:
        return ""
    return " (all of it lies outside of its viewBox)" if _ink_size(rgba) else ""


def _ink_size(rgba: Rgba) -> tuple[int, ...]:
    """Return the width and height in pixels of the part that is not transparent; () if all is."""
    rows, columns = np.nonzero(rgba[..., 3] > 8)
    return (int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1) if len(rows) else ()
