"""Logo drawings in: files that a brand owner registers -> RGBA, and the renderings that stand for them in the index.

SVG is read here and nowhere else: drawings come from brand owners, listing photos from anybody.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import ImageError
from logoscan.images import ImageLimits, flatten, pad_square, read_rgba
from logoscan.opening import ANYWHERE, read_head
from logoscan.svg import render
from logoscan.types import ImageSource, Rgb, Rgba

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["DRAWING_PX", "LOGO_SUFFIXES", "Rendering", "ink", "load_logo", "renderings", "thumbnail"]

LOGO_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg")
RENDER_PX = 256
"""Long side of a rendered SVG: more than twice what the bundled encoder looks at."""
DRAWING_PX = 256
"""Long side of the drawings that a register keeps, to compare with and to show: 5 to 30 KB each."""
_GROUND = 24
"""Grey levels by which the ground of an opaque drawing may differ from its border's median."""
MARGIN = 0.06
"""Ground around a registered drawing, as a share of its long side: detectors never cut exactly at the edge."""
_MAX_SVG_BYTES = 2 << 20
_MAX_SVG_DEPTH = 60
"""Nested elements, references followed. resvg's stack overflows, which ends the process, from about 150."""
_MAX_SVG_ELEMENTS = 20_000
"""Elements to draw, references followed: a few <use> of <use> stand for millions. 100,000 take resvg 20 s."""
_SVG_FORBIDDEN = {"script", "image", "foreignobject", "iframe", "audio", "video", "set", "animate"} | {
    "feturbulence",
    "femorphology",
    "feconvolvematrix",  # seconds to hours of rendering in a line
}
_SVG_REFERENCE = re.compile(r"url\(\s*['\"]?\s*#([^'\")\s]+)")
_CSS_OUTSIDE = re.compile(r"@import|url\(\s*['\"]?\s*(?!#)|expression\(", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Rendering:
    """One way a logo is drawn: `name` says how, `rgb` is a square uint8 (S, S, 3)."""

    name: str
    rgb: Rgb


def _checked_svg(data: bytes, name: str) -> str:
    """Refuse a drawing that would read anything but itself; its text."""
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
    tags, styled = set(), False
    for element in root.iter():
        tag = str(element.tag).rpartition("}")[2].lower()
        tags.add(tag)
        if tag in _SVG_FORBIDDEN:
            raise ImageError(f"{name}: an SVG with <{tag}> is refused")
        if tag == "style" and any("style" in str(e.tag).lower() for e in element.iterfind("*")):
            raise ImageError(f"{name}: an SVG with style sheets in style sheets is refused")
        outside = [v for k, v in element.attrib.items() if k.rpartition("}")[2] == "href" and not v.startswith("#")]
        sheet = "".join(element.itertext()) if tag == "style" else ""
        styled = styled or "url(" in sheet
        if outside or any(_CSS_OUTSIDE.search(value) for value in (*element.attrib.values(), sheet)):
            raise ImageError(f"{name}: an SVG with references outside of itself is refused")
    if "pattern" in tags and styled:  # references from a style sheet are not followed by the check of the size
        raise ImageError(f"{name}: an SVG with patterns and url() in a style sheet is refused")
    _check_svg_size(root, name)
    return text


def _check_svg_size(root: Element, name: str) -> None:
    """Refuse a drawing that would exhaust the renderer: too deep, or too much once its references are followed."""
    by_id = {element.attrib["id"]: element for element in root.iter() if "id" in element.attrib}
    known: dict[Element, tuple[int, int]] = {}

    def measure(element: Element, depth: int) -> tuple[int, int]:
        """Levels and elements from here on; a cycle ends at the cap."""
        if depth <= _MAX_SVG_DEPTH and element not in known:
            named = [n for value in element.attrib.values() for n in _SVG_REFERENCE.findall(value)]
            named += [v[1:] for k, v in element.attrib.items() if k.rpartition("}")[2] == "href"]
            parts = [measure(e, depth + 1) for e in (*element, *(by_id[n] for n in named if n in by_id))]
            known[element] = (1 + max((p[0] for p in parts), default=0), 1 + sum(p[1] for p in parts))
        levels, elements = known.get(element, (1, 1))
        if depth + levels - 1 > _MAX_SVG_DEPTH or elements > _MAX_SVG_ELEMENTS:
            raise ImageError(
                f"{name}: expected an SVG of at most {_MAX_SVG_DEPTH} nested and {_MAX_SVG_ELEMENTS} drawn elements"
            )
        return levels, elements

    measure(root, 1)


def _read_svg(path: Path, limits: ImageLimits | None) -> tuple[Rgba, str]:
    data = read_head(path, ANYWHERE, _MAX_SVG_BYTES + 1)
    text = _checked_svg(data, path.name)
    rgba, _ = read_rgba(render(text, path.name, RENDER_PX), limits=limits)
    return rgba, hashlib.sha256(data).hexdigest()


def load_logo(source: ImageSource, *, limits: ImageLimits | None = None) -> tuple[Rgba, str]:
    """Read a logo drawing, cut to what is drawn.

    Args:
        source: As for `images.read_rgba`; a path may also name an SVG, which may not refer outside of itself.
        limits: Caps on raster files.

    Returns:
        uint8 (H, W, 4) and the hex SHA-256 of the file.

    Raises:
        ImageError: Unreadable, refused, or nothing is drawn.
    """
    is_svg = isinstance(source, (str, Path)) and Path(source).suffix.lower() == ".svg"
    rgba, digest = _read_svg(Path(source), limits) if is_svg else read_rgba(source, limits=limits)  # type: ignore[arg-type]
    rows, columns = np.nonzero(rgba[..., 3] > 8)
    if not len(rows):
        raise ImageError("logo: expected a drawing, got a fully transparent picture")
    return rgba[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], digest


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
    """The square pictures under which a drawing is registered.

    An opaque picture of several colours stands as it is. A transparent one is laid on white and, where its own colours
    would vanish there, on black. One with a single ink is drawn dark on light, light on dark and, where it has a
    colour, in that.

    Args:
        rgba: uint8 (H, W, 4).
    """
    opaque = bool(rgba[..., 3].min() == 255)
    drawing = _lift_one_colour(rgba) if opaque else rgba
    if drawing is None:
        return [Rendering("as-is", pad_square(rgba[..., :3], MARGIN))]
    ways: list[tuple[str, Rgb]] = []
    if _one_colour(drawing):
        ways.append(("dark-on-light", flatten(_paint(drawing, 16), (255, 255, 255))))
        ways.append(("light-on-dark", flatten(_paint(drawing, 245), (24, 24, 24))))
        ink = np.median(drawing[drawing[..., 3] > 127][:, :3], axis=0)
        if ink.max() - ink.min() > 40:  # saturated enough to be a colour
            ground = (255, 255, 255) if ink.mean() < 190 else (24, 24, 24)
            ways.append(("own-colour", flatten(drawing, ground)))
    else:
        ways.append(("on-white", flatten(drawing, (255, 255, 255))))
        ways.append(("on-black", flatten(drawing, (24, 24, 24))))
    if opaque and not any(name == "own-colour" for name, _ in ways):
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

    rgb = rgba[..., :3].astype(np.float32)
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    near = np.abs(rgb - np.median(border, axis=0)).max(axis=2) < _GROUND
    if np.mean([*near[0], *near[-1], *near[:, 0], *near[:, -1]]) < 0.9:
        return rgba  # a photograph, or a full-bleed drawing
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
