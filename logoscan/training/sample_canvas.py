"""Tools for painting the sample pictures: outlines, prints and a canvas with cloth, wood, light and shadow.

Coordinates are pixels of the final picture. This module must not know products, brands or listings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from logoscan.types import Rgb, Rgba

__all__ = [
    "BLACK", "INK", "SUPER", "WHITE", "Canvas", "Colour", "Field", "box", "card", "ellipse", "floats", "lettering",
    "mirrored", "outline", "rounded", "tint", "wrapped",
]  # fmt: skip

Field: TypeAlias = NDArray[np.floating[Any]]
"""Points (n, 2), values of supersampled pixels (H, W), or a print (h, w, 4) with colours and alpha in [0, 1]."""
Colour: TypeAlias = tuple[float, float, float]
"""Red, green and blue in [0, 1]."""

SUPER = 2
"""Factor of supersampling: pictures are painted larger and then reduced, which smooths edges and softens marks."""

BLACK: Colour = (0.05, 0.05, 0.06)
"""Black of prints and cloth."""
WHITE: Colour = (0.97, 0.97, 0.96)
"""White of prints and cloth."""
INK: Colour = (0.13, 0.13, 0.15)
"""Dark grey of printed text."""


def floats(values: ArrayLike) -> NDArray[np.float32]:
    """Return values as a float32 array."""
    return np.asarray(values, np.float32)


def outline(*parts: Sequence[float]) -> Field:
    """Return a line as float32 (n, 2) through points `(x, y)` and cubic Bezier curves `(x1, y1, x2, y2, x, y)`."""
    points = [np.array([parts[0]], np.float32)]
    t = np.linspace(0, 1, 33, dtype=np.float32)[1:, None]
    for part in parts[1:]:
        if len(part) == 2:
            points.append(np.array([part], np.float32))
        else:
            a, (b, c, d) = points[-1][-1], np.array(part, np.float32).reshape(3, 2)
            points.append((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d)
    return np.concatenate(points)


def mirrored(half: Field) -> Field:
    """Return the closed outline, symmetric about x = 0, whose right half from top to bottom is `half`."""
    return np.concatenate([half, half[::-1] * np.array([-1, 1], np.float32)])


def ellipse(x: float, y: float, rx: float, ry: float) -> Field:
    """Return a closed ellipse with centre x, y and radii rx, ry."""
    angle = np.linspace(0, 2 * math.pi, 96, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1).astype(np.float32)


def rounded(x0: float, y0: float, x1: float, y1: float, r: float) -> Field:
    """Return a closed rectangle with round corners of radius r."""
    turns = ((x1 - r, y0 + r, -90), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180))
    angles = np.radians(np.linspace(0, 90, 16))
    arcs = [(x + r * np.cos(angles + math.radians(d)), y + r * np.sin(angles + math.radians(d))) for x, y, d in turns]
    return np.concatenate([np.stack(arc, axis=1) for arc in arcs]).astype(np.float32)


def box(width: float, height: float, depth: float, yaw: float, pitch: float, distance: float) -> dict[str, Field]:
    """Return the three visible faces of a block seen by a pinhole camera.

    Args:
        width: Width of the block.
        height: Height of the block.
        depth: Depth of the block.
        yaw: Rotation about the vertical axis, degrees; positive shows the right side, negative the left.
        pitch: Tilt of the camera downwards, degrees.
        distance: Distance of the camera from the centre of the block, in the unit of the sides.

    Returns:
        "top", "side" and "front", each float32 (4, 2) clockwise from its top left; the origin is the centre.
    """
    a, b = math.radians(yaw), math.radians(pitch)
    turn = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    tilt = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    x, y, z = width / 2, height / 2, depth / 2
    e, left, right = (x, -z, z) if yaw >= 0 else (-x, z, -z)
    faces = {
        "top": [(-x, -y, z), (x, -y, z), (x, -y, -z), (-x, -y, -z)],
        "side": [(e, -y, left), (e, -y, right), (e, y, right), (e, y, left)],
        "front": [(-x, -y, -z), (x, -y, -z), (x, y, -z), (-x, y, -z)],
    }
    rotated = {name: np.array(corners) @ (tilt @ turn).T for name, corners in faces.items()}
    return {name: (p[:, :2] * distance / (distance + p[:, 2:])).astype(np.float32) for name, p in rotated.items()}


def tint(logo_image: Rgba | None, colour: Colour, height_px: float | None = None) -> Field:
    """Return a logo image in one ink, float32 (H, W, 4) in [0, 1].

    Args:
        logo_image: uint8 (h, w, 4) RGBA.
        colour: Colour of the ink.
        height_px: Height in the final picture, px; unchanged size if None.

    Raises:
        ValueError: If there is no logo image.
    """
    if logo_image is None:
        raise ValueError("logo_image: this scene prints a mark, got None")
    art = np.empty((*logo_image.shape[:2], 4), np.float32)
    art[..., :3], art[..., 3] = colour, logo_image[..., 3].astype(np.float32) / 255
    if height_px is None:
        return art
    ratio = height_px * SUPER / len(art)
    method = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    return floats(cv2.resize(art, None, fx=ratio, fy=ratio, interpolation=method))


def lettering(text: str, font: Path, height_px: float, colour: Colour, tracking: float = 0.0) -> Field:
    """Return a line of text cut to its ink, float32 (H, W, 4).

    Args:
        text: Text of the line.
        font: Font file.
        height_px: Size of the font in the final picture, px.
        colour: Colour of the ink.
        tracking: Extra space between letters, as a share of the size.
    """
    face = ImageFont.truetype(str(font), round(height_px * SUPER))
    gap = tracking * height_px * SUPER
    starts = np.cumsum([0.0, *(face.getlength(letter) + gap for letter in text)])
    picture = Image.new("L", (math.ceil(starts[-1]) + 8, round(height_px * SUPER * 1.5)))
    draw = ImageDraw.Draw(picture)
    for letter, x in zip(text, starts[:-1], strict=True):
        draw.text((x + 4, 0), letter, fill=255, font=face)
    ink = np.asarray(picture.crop(picture.getbbox()), np.float32) / 255
    return np.concatenate([np.broadcast_to(floats(colour), (*ink.shape, 3)), ink[..., None]], axis=2)


def card(width: float, height: float, colour: Colour, *items: tuple[Field, float, float]) -> Field:
    """Return a flat opaque print, float32 (H, W, 4), of one colour with items `(art, x, y)` centred at x, y."""
    face = np.ones((round(height * SUPER), round(width * SUPER), 4), np.float32)
    face[..., :3] = colour
    for art, x, y in items:
        h, w = art.shape[:2]
        top, left = round(y * SUPER - h / 2), round(x * SUPER - w / 2)
        part = face[top : top + h, left : left + w]
        part[..., :3] += (art[..., :3] - part[..., :3]) * art[..., 3:]
    return face


def wrapped(art: Field, half_angle: float, sag_px: float) -> Field:
    """Return a print as it looks around an upright cylinder.

    Args:
        art: float32 (h, w, 4).
        half_angle: Angle that the print covers to each side, radians.
        sag_px: How much lower the middle is than the sides, px.
    """
    h, w = art.shape[:2]
    sag = sag_px * SUPER
    u = np.linspace(-1, 1, w, dtype=np.float32)
    columns = (np.arcsin(u * math.sin(half_angle)) / half_angle + 1) / 2 * (w - 1)
    drop = sag * (np.sqrt(1 - (u * math.sin(half_angle)) ** 2) - math.cos(half_angle)) / (1 - math.cos(half_angle))
    rows = np.arange(h + math.ceil(sag), dtype=np.float32)[:, None] - drop
    maps = np.broadcast_to(columns, rows.shape).astype(np.float32), rows.astype(np.float32)
    return floats(cv2.remap(art, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0)))


class Canvas:
    """A canvas to paint a picture on. Points are final pixels relative to `centre`, rotated by `degrees`."""

    def __init__(self, seed: Sequence[int], width: int, height: int, centre: tuple[float, float], degrees: float = 0):
        self.rng = np.random.default_rng(seed)
        self.size = width, height
        self.rgb = np.zeros((height * SUPER, width * SUPER, 3), np.float32)
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        self._turn, self._centre = np.array([[c, s], [-s, c]], np.float32), np.array(centre, np.float32)
        self.ys, self.xs = np.mgrid[: height * SUPER, : width * SUPER].astype(np.float32) / SUPER

    def to_pixels(self, points: Field) -> Field:
        """Return points as supersampled pixels."""
        return floats((floats(points) @ self._turn + self._centre) * SUPER)

    def local(self) -> tuple[Field, Field]:
        """Return x and y of every supersampled pixel in the coordinates of points."""
        dx, dy = self.xs - self._centre[0], self.ys - self._centre[1]
        return dx * self._turn[0, 0] + dy * self._turn[0, 1], dx * self._turn[1, 0] + dy * self._turn[1, 1]

    def noise(self, cell_x: float, cell_y: float) -> Field:
        """Return smooth noise with bumps of about the given size; mean 0, standard deviation 1."""
        h, w = self.rgb.shape[:2]
        grid = self.rng.standard_normal((int(h / cell_y / SUPER) + 4, int(w / cell_x / SUPER) + 4))
        field = cv2.resize(grid.astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
        return floats((field - field.mean()) / field.std())

    def soft(self, field: Field, radius: float) -> Field:
        """Return a field after Gaussian blur; `radius` is the standard deviation in final pixels."""
        return floats(cv2.GaussianBlur(field, (0, 0), radius * SUPER))

    def mask(self, points: Field) -> Field:
        """Return the inside of a closed outline, float32 (H, W), 0..1."""
        out = np.zeros(self.rgb.shape[:2], np.uint8)
        cv2.fillPoly(out, [np.rint(self.to_pixels(points) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return out.astype(np.float32) / 255

    def stroke(self, points: Field, width: float) -> Field:
        """Return a line of some width, float32 (H, W), 0..1."""
        out = np.zeros(self.rgb.shape[:2], np.uint8)
        line = np.rint(self.to_pixels(points) * 16).astype(np.int32)
        cv2.polylines(out, [line], False, 255, max(1, round(width * SUPER)), cv2.LINE_AA, 4)
        return out.astype(np.float32) / 255

    def paint(self, mask: Field, colour: Colour | Field, shade: Field | float = 1.0) -> None:
        """Paint a colour times `shade` where the mask is 1."""
        shaded = np.asarray(colour, np.float32) * np.asarray(shade, np.float32)[..., None]
        self.rgb += (shaded - self.rgb) * mask[..., None]

    def dim(self, mask: Field, strength: float) -> None:
        """Darken the picture where the mask is 1, or lighten it if `strength` is negative."""
        self.rgb *= 1 - strength * mask[..., None]

    def shadow(self, points: Field, dx: float, dy: float, blur: float, strength: float) -> None:
        """Paint the soft shadow of an outline, shifted by dx, dy."""
        self.dim(self.soft(self.mask(np.asarray(points) + floats([dx, dy])), blur), strength)

    def volume(self, mask: Field, reach: float, depth: float) -> Field:
        """Return a shade that gets darker towards the edge of the mask, as on a padded thing."""
        edge_distance = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / SUPER
        return floats(1 - depth * np.exp(-edge_distance / reach))

    def decal(self, art: Field, quad: Field, shade: Field | float = 1.0, bend: Field | None = None) -> None:
        """Print art, float32 (h, w, 4), between four points, clockwise from its top left; `bend` shifts its pixels."""
        h, w = art.shape[:2]
        target = self.to_pixels(quad)
        shrink = min(1.0, 1.5 * float(np.ptp(target, axis=0).max()) / max(h, w))  # against aliasing
        small = cv2.resize(art, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else art
        h, w = small.shape[:2]
        matrix = cv2.getPerspectiveTransform(floats([[0, 0], [w, 0], [w, h], [0, h]]), target)
        small = np.concatenate([small[..., :3] * small[..., 3:], small[..., 3:]], axis=2)
        layer = cv2.warpPerspective(small, matrix, self.rgb.shape[1::-1], flags=cv2.INTER_LINEAR)
        if bend is not None:
            shift = floats((self.xs + bend) * SUPER), floats((self.ys + bend) * SUPER)
            layer = cv2.remap(layer, *shift, cv2.INTER_LINEAR)
        self.rgb += layer[..., :3] * np.asarray(shade, np.float32)[..., None] - self.rgb * layer[..., 3:]

    def stamp(
        self, art: Field, x: float, y: float, width: float, shade: Field | float = 1.0, bend: Field | None = None
    ) -> None:
        """Print art centred at x, y and `width` pixels wide."""
        half = width / 2, width * art.shape[0] / art.shape[1] / 2
        quad = floats([[-half[0], -half[1]], [half[0], -half[1]], half, [-half[0], half[1]]]) + floats([x, y])
        self.decal(art, quad, shade, bend)

    def studio(self, wall: Colour, floor: Colour, horizon: float) -> None:
        """Paint a seamless backdrop with light from the upper left."""
        blend = 1 / (1 + np.exp(-(self.ys - horizon) / 26))
        glow = np.exp(-(((self.xs / self.size[0] - 0.38) / 0.6) ** 2 + ((self.ys / self.size[1] - 0.36) / 0.6) ** 2))
        ground = floats(wall) * (1 - blend[..., None]) + floats(floor) * blend[..., None]
        self.rgb[:] = ground * (0.84 + 0.16 * glow + 0.004 * self.noise(3, 3))[..., None]

    def planks(self, colour: Colour, width: float) -> None:
        """Paint a wooden table seen from above."""
        board = np.floor(self.ys / width).astype(int)
        tone = self.rng.normal(0, 0.045, board.max() + 1)[board]
        offset = self.rng.uniform(0, 400, board.max() + 1).astype(np.float32)[board]
        shift = (self.xs + offset) * SUPER, self.ys * SUPER  # neighbouring boards must differ in grain
        warp = cv2.remap(self.noise(170, 9), *shift, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        grain = np.sin(warp * 3.2 + self.noise(90, 5)) * 0.035 + self.noise(34, 0.9) * 0.022
        edge_distance = np.minimum(self.ys % width, width - self.ys % width)
        gap = np.exp(-((edge_distance / 1.3) ** 2)) * 0.45
        light = 1.04 - 0.16 * (self.xs / self.size[0] + self.ys / self.size[1]) / 2
        self.rgb[:] = floats(colour) * ((1 + tone + grain) * (1 - gap) * light)[..., None]

    def linen(self, colour: Colour) -> None:
        """Paint a cloth seen from above."""
        weave = self.noise(14, 0.8) + self.noise(0.8, 14)
        light = 1.05 - 0.14 * (self.xs / self.size[0] + self.ys / self.size[1]) / 2 + 0.012 * self.noise(180, 120)
        self.rgb[:] = floats(colour) * (light + 0.016 * weave)[..., None]

    def picture(self) -> Rgb:
        """Return the final picture, uint8 (H, W, 3): reduced, with blur, vignette and noise as of a camera."""
        small = cv2.resize(np.clip(self.rgb, 0, 1), self.size, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), 0.55)
        ys, xs = np.mgrid[-1 : 1 : self.size[1] * 1j, -1 : 1 : self.size[0] * 1j]
        small = small * (1 - 0.07 * (xs**2 + ys**2))[..., None]
        small = small + self.rng.normal(0, 0.006, small.shape)
        rgb: Rgb = np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)
        return rgb
