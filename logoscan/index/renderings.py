"""Renderings of a logo image: pictures that are encoded, the ink of a print in one colour, and a thumbnail."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logoscan.images.crops import pad_square
from logoscan.images.loading import flatten
from logoscan.index.logo_images import border_colour, cut_margin, downscale
from logoscan.types import Rgb, Rgba

__all__ = ["MARGIN", "THUMBNAIL_PX", "Rendering", "ink", "renderings", "thumbnail"]

MARGIN = 0.06
"""Margin around a registered logo, as a share of its long side: detectors never cut exactly at the edge."""
THUMBNAIL_PX = 256
"""Long side of the logo images that an index stores, to compare with and to show: 5 to 30 KB each."""


@dataclass(frozen=True, eq=False)
class Rendering:
    """One picture of a logo: `name` of the way it is rendered, and `rgb`, a square uint8 (S, S, 3)."""

    name: str
    rgb: Rgb


def _lift_one_colour(rgba: Rgba) -> Rgba | None:
    """Turn an opaque picture of one colour on another into ink with alpha; return None for any other picture."""
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


def _has_one_colour(rgba: Rgba) -> bool:
    ink = rgba[rgba[..., 3] > 127][:, :3].astype(np.float32)
    return len(ink) > 0 and float(np.abs(ink - np.median(ink, axis=0)).max(axis=1).mean()) < 12


def _paint(rgba: Rgba, value: int) -> Rgba:
    painted = rgba.copy()
    painted[..., :3] = value
    return painted


def renderings(rgba: Rgba) -> list[Rendering]:
    """Render the square pictures of a logo image that are encoded.

    An opaque picture of several colours is rendered as it is. A transparent one is rendered on white and on black. One
    with a single ink is rendered dark on light, light on dark and, where the ink has a hue, in its colour. A logo on a
    plain tile is also rendered without the tile's margin.

    Args:
        rgba: uint8 (H, W, 4).
    """
    rgba = downscale(rgba)
    opaque = bool(rgba[..., 3].min() == 255)
    tight, is_tile = cut_margin(rgba)
    tight = tight if is_tile else rgba
    logo = _lift_one_colour(tight) if opaque else tight
    ways: list[tuple[str, Rgb]] = []
    if logo is None:
        ways += [("tight", np.ascontiguousarray(tight[..., :3]))] if is_tile else []
    elif _has_one_colour(logo):
        ways.append(("dark-on-light", flatten(_paint(logo, 16), (255, 255, 255))))
        ways.append(("light-on-dark", flatten(_paint(logo, 245), (24, 24, 24))))
        ink = np.median(logo[logo[..., 3] > 127][:, :3], axis=0)
        if ink.max() - ink.min() > 40:  # saturated enough to be a colour
            ground = (255, 255, 255) if ink.mean() < 190 else (24, 24, 24)
            ways.append(("own-colour", flatten(logo, ground)))
    else:
        ways.append(("on-white", flatten(logo, (255, 255, 255))))
        ways.append(("on-black", flatten(logo, (24, 24, 24))))
    if opaque and (is_tile or not any(name == "own-colour" for name, _ in ways)):
        ways.append(("as-is", np.ascontiguousarray(rgba[..., :3])))
    return [Rendering(name, pad_square(rgb, MARGIN)) for name, rgb in ways]


def ink(rgba: Rgba) -> NDArray[np.float32]:
    """Return where a print in one colour would have ink, float32 (h, w) 0..1.

    A logo that fills its box with colour (an app icon, a badge) would become a blot; there the ink is where the colour
    differs from the most frequent border colour.
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
    """Make the ground of an opaque image transparent: the part in the border's colour that touches the border."""
    import cv2

    ground = border_colour(rgba)
    if ground is None:
        return rgba
    near, _ = ground
    parts = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)[1]
    outside = {*parts[0], *parts[-1], *parts[:, 0], *parts[:, -1]} - {0}
    out = rgba.copy()
    out[np.isin(parts, list(outside)), 3] = 0
    return out if out[..., 3].any() else rgba  # a plain image is a logo itself


def thumbnail(rgba: Rgba) -> bytes:
    """Return a logo image as PNG, its long side at most `THUMBNAIL_PX`; a plain ground is made transparent.

    Args:
        rgba: uint8 (H, W, 4), straight alpha.
    """
    from PIL import Image

    picture = Image.fromarray(rgba)
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    small = np.asarray(picture)
    if small[..., 3].min() == 255:
        lifted = _lift_one_colour(small)
        picture = Image.fromarray(_without_ground(small) if lifted is None else lifted)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
