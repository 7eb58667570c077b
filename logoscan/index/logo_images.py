"""Read the logo images that a brand owner registers: files -> RGBA, cut to the logo."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import ImageError
from logoscan.images.loading import FORMATS, ImageLimits, read_rgba
from logoscan.images.svg import Renderer
from logoscan.index._svg_logos import read_svg
from logoscan.types import ImageSource, Rgba

__all__ = ["LOGO_SUFFIXES", "Logo", "border_colour", "cut_margin", "downscale", "load_logo", "read_logo"]

logger = logging.getLogger(__name__)

# Suffixes of the files of each raster format.
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
"""Suffixes of logo files: SVG and every raster format that can be read."""
# Long side of a raster logo image: four times the input size of any encoder. A rendering of it takes 4 MB.
_MAX_LONG_SIDE_PX = 1024
# A banner is 10 times as wide as it is high; one of 50 times would be two pixels high for the encoder.
_MAX_ASPECT = 50
# Grey levels by which the ground of an opaque logo image may differ from the median of its border.
_GROUND_TOLERANCE = 24
# Least value of the channels of paper, and most difference between them: paper and JPEG are never quite white.
_MIN_PAPER_LEVEL, _MAX_PAPER_SPREAD = 225, 24
# Share of the long side below which a margin is not cut, so that files without one remain as they are.
_MIN_MARGIN_SHARE = 0.02
# Share of the long side that a logo takes of its dark or coloured ground if the ground is a tile (an app icon) and no
# margin. Cosine of an image with a margin to the one without: 0.85 at a share of 0.75, 0.55 at 0.4, 0.3 at 0.25.
_MIN_SHARE_ON_TILE = 0.4


@dataclass(frozen=True, eq=False)
class Logo:
    """A logo image that was read.

    Attributes:
        rgba: uint8 (H, W, 4), cut to the logo, long side at most 1024 px.
        sha256: Hex digits of the hash of the file.
        warnings: A sentence for each part of an SVG that is not rendered as in the file.
    """

    rgba: Rgba
    sha256: str
    warnings: tuple[str, ...] = ()


def read_logo(source: ImageSource, *, limits: ImageLimits | None = None, renderer: Renderer | None = None) -> Logo:
    """Read a logo image and cut its margin: a transparent one or, of an opaque image, a plain one.

    Args:
        source: File, bytes or array, see `images.read_rgba`; a path may also name an SVG without references outside.
        limits: Caps on raster files.
        renderer: Renderer of SVG; without one, a process is started and ended for each SVG.

    Raises:
        ImageError: The image is unreadable, refused, or shows nothing.
    """
    is_svg = isinstance(source, (str, Path)) and Path(source).suffix.lower() == ".svg"
    name = Path(source).name if isinstance(source, (str, Path)) else "logo"
    try:
        if is_svg and renderer is None:
            with Renderer() as new_renderer:
                logo = Logo(*read_svg(Path(source), limits, new_renderer))  # type: ignore[arg-type]
        elif is_svg and renderer is not None:
            logo = Logo(*read_svg(Path(source), limits, renderer))  # type: ignore[arg-type]
        else:
            logo = Logo(*read_rgba(source, limits=limits, reduced=True))
        rows, columns = np.nonzero(logo.rgba[..., 3] > 8)
        if not len(rows):
            raise ImageError("logo: expected something to see, got a fully transparent picture")
        rgba = logo.rgba[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        tight, is_tile = cut_margin(rgba)
        rgba = rgba if is_tile else tight
        if not is_svg and max(rgba.shape[:2]) > _MAX_ASPECT * min(rgba.shape[:2]):
            height, width = rgba.shape[:2]
            raise ImageError(f"{name}: expected sides of at most 1 : {_MAX_ASPECT}, got {width} x {height} pixels")
        return replace(logo, rgba=downscale(rgba))
    except MemoryError:
        raise ImageError(f"{name}: expected an image that fits into memory, got a larger one") from None


def load_logo(source: ImageSource, *, limits: ImageLimits | None = None) -> tuple[Rgba, str]:
    """Read a logo image as `read_logo` does, and log its warnings.

    Args:
        source: File, SVG too, bytes or array.
        limits: Caps on raster files.

    Returns:
        uint8 (H, W, 4) and the hex SHA-256 of the file.

    Raises:
        ImageError: The image is unreadable, refused, or shows nothing.
    """
    logo = read_logo(source, limits=limits)
    for warning in logo.warnings:
        logger.warning("%s", warning)
    return logo.rgba, logo.sha256


def downscale(rgba: Rgba) -> Rgba:
    """Return a logo image with a long side of at most 1024 px."""
    from PIL import Image

    height, width = rgba.shape[:2]
    if max(height, width) <= _MAX_LONG_SIDE_PX:
        return rgba
    scale = _MAX_LONG_SIDE_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.array(Image.fromarray(rgba).resize(size, Image.Resampling.BOX))


def border_colour(rgba: Rgba) -> tuple[NDArray[np.bool_], NDArray[np.float32]] | None:
    """Return where an opaque image has the colour of its border, bool (H, W), and that colour, float32 (3,).

    Returns:
        None where the border has several colours.
    """
    rgb = rgba[..., :3].astype(np.float32)
    colour = np.median(np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]), axis=0)
    near = np.abs(rgb - colour).max(axis=2) < _GROUND_TOLERANCE
    if np.mean([*near[0], *near[-1], *near[:, 0], *near[:, -1]]) < 0.9:
        return None  # a photograph, or a logo that fills the image
    return near, colour


def cut_margin(rgba: Rgba) -> tuple[Rgba, bool]:
    """Cut the plain margin of an opaque image, all but a pixel, and return whether its ground is a tile.

    A dark or coloured ground that the logo fills may be the tile of an app icon, which belongs to the logo.

    Returns:
        uint8 (h, w, 4), and whether the ground is a tile.
    """
    height, width = rgba.shape[:2]
    if min(height, width) < 3 or rgba[..., 3].min() < 255 or (ground := border_colour(rgba)) is None:
        return rgba, False
    near, colour = ground
    rows, columns = np.flatnonzero(~near.all(axis=1)), np.flatnonzero(~near.all(axis=0))
    if not len(rows):
        return rgba, False  # a plain image is a logo itself
    top, bottom = max(0, rows[0] - 1), min(height, rows[-1] + 2)
    left, right = max(0, columns[0] - 1), min(width, columns[-1] + 2)
    long_side = max(height, width)
    if max(top, left, height - bottom, width - right) < _MIN_MARGIN_SHARE * long_side:
        return rgba, False
    is_paper = colour.min() >= _MIN_PAPER_LEVEL and np.ptp(colour) <= _MAX_PAPER_SPREAD
    is_tile = not is_paper and max(bottom - top, right - left) >= _MIN_SHARE_ON_TILE * long_side
    return rgba[top:bottom, left:right], is_tile
