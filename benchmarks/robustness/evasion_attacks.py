"""What a seller may do to a photo so that its mark is not found: each attack in degrees that are stated in plain units.

An attack on the mark changes the boxes of a scene, each from the untouched photo, so that boxes that overlap are not
attacked twice; one on the photo changes all of it. What an attack chooses by chance (colours, positions, a wobble) it
chooses before it looks at the degree, so that with one seed the degrees are of one attack.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.common.pasting import pasted
from logoscan.types import Boxes, Rgb

Rng: TypeAlias = np.random.Generator
"""A generator of random numbers."""
# Shortest side in pixels of a mark that is attacked, and of what a photo may be cut or reduced to.
_LEAST_PX = 4
# Words that a shop writes across a photo.
_SHOP = "TopShop24 - best price - "


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo that is to be attacked.

    Attributes:
        rgb: The photo.
        boxes: Boxes of its marks, in pixels; without boxes the whole photo stands for the mark.
        word: Name of a brand that it does not show, for a sticker.
    """

    rgb: Rgb
    boxes: Boxes
    word: str = "Vortelli"

    def marks(self) -> list[tuple[int, int, int, int]]:
        """Cut the boxes at the photo's border, in whole pixels; leave out those with next to nothing inside."""
        height, width = self.rgb.shape[:2]
        edges = [(0, 0, width, height)]
        if len(self.boxes):
            low, high = np.floor(self.boxes[:, :2]), np.ceil(self.boxes[:, 2:])
            corners = np.clip(np.hstack([low, high]), 0, (width, height, width, height)).astype(int)
            edges = [(int(x0), int(y0), int(x1), int(y1)) for x0, y0, x1, y1 in corners]
        return [e for e in edges if min(e[2] - e[0], e[3] - e[1]) >= _LEAST_PX]


@dataclass(frozen=True)
class Attack:
    """One way to hide a mark.

    Attributes:
        name: Key in the figures.
        unit: Unit of the degrees.
        degrees: Degrees from the mildest on; severity n is the n-th, severity 0 the untouched photo.
        change: Makes the photo of a generator, a scene and a degree.
        ordered: Whether a higher severity changes more of the picture; attacks that move the mark have no such order.
    """

    name: str
    unit: str
    degrees: tuple[float | str, ...]
    change: Callable[[Rng, Scene, float | str], Rgb]
    ordered: bool = True

    def __call__(self, seed: int, scene: Scene, severity: int) -> Rgb:
        """Make the photo at a severity; severity 0 is the photo itself."""
        if not 0 <= severity <= len(self.degrees):
            raise ValueError(f"severity: expected 0 to {len(self.degrees)}, got {severity}")
        if severity == 0 or not scene.marks():
            return scene.rgb
        return np.ascontiguousarray(self.change(np.random.default_rng(seed), scene, self.degrees[severity - 1]))


Local: TypeAlias = Callable[[Rng, Rgb, float], Rgb]
"""Makes a mark's new pixels, of the same size, of a generator, its pixels and a degree."""


def _on_marks(local: Local) -> Callable[[Rng, Scene, float | str], Rgb]:
    """Make an attack that changes each mark where it is."""

    def change(rng: Rng, scene: Scene, degree: float | str) -> Rgb:
        out = scene.rgb.copy()
        for x0, y0, x1, y1 in scene.marks():
            out[y0:y1, x0:x1] = local(rng, scene.rgb[y0:y1, x0:x1].copy(), float(degree))
        return out

    return change


def _blurred(rng: Rng, mark: Rgb, sigma: float) -> Rgb:
    return np.asarray(cv2.GaussianBlur(mark, (0, 0), sigma * max(mark.shape[:2])), np.uint8)


def _mosaic(rng: Rng, mark: Rgb, cell: float) -> Rgb:
    height, width = mark.shape[:2]
    side = max(1.0, cell * max(height, width))
    small = cv2.resize(mark, (max(1, round(width / side)), max(1, round(height / side))), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _occluded(rng: Rng, mark: Rgb, share: float) -> Rgb:
    """Cover a share of the mark by a plain block of the mark's shape, where chance puts it."""
    height, width = mark.shape[:2]
    at, colour = rng.random(2), rng.integers(0, 256, 3)
    high, wide = (max(1, round(side * share**0.5)) for side in (height, width))
    y, x = round(at[0] * (height - high)), round(at[1] * (width - wide))
    mark[y : y + high, x : x + wide] = colour
    return mark


def _recoloured(rng: Rng, mark: Rgb, share: float) -> Rgb:
    """Blend the colours with those of a print in two inks, one dark and one light, of hues that chance picks."""
    hsv = np.array([[[rng.integers(180), 200, rng.integers(40, 110)], [rng.integers(180), 120, 235]]], np.uint8)
    dark, light = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0].astype(np.float32)
    tone = mark.mean(axis=2, keepdims=True) / np.float32(255)
    return _mixed(mark, dark + (light - dark) * tone, share)


def _mixed(mark: Rgb, other: NDArray[np.float32], share: float) -> Rgb:
    return np.asarray(np.clip((1 - share) * mark + share * other + 0.5, 0, 255), np.uint8)


def _wobbled(rng: Rng, mark: Rgb, share: float) -> Rgb:
    """Move every point by a hand's smooth error whose standard deviation is a share of the long side."""
    height, width = mark.shape[:2]
    long = max(height, width)
    coarse = rng.standard_normal((2, 6, 6)).astype(np.float32)  # the hand strays six times along the mark
    dx, dy = (cv2.resize(c, (width, height), interpolation=cv2.INTER_CUBIC) for c in coarse)
    x = np.arange(width, dtype=np.float32)[None] + dx * np.float32(share * long)
    y = np.arange(height, dtype=np.float32)[:, None] + dy * np.float32(share * long)
    return np.asarray(cv2.remap(mark, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _outlined(rng: Rng, mark: Rgb, share: float) -> Rgb:
    """Blend the mark with a drawing of its contours alone."""
    long = max(mark.shape[:2])
    grey = cv2.GaussianBlur(cv2.cvtColor(mark, cv2.COLOR_RGB2GRAY), (0, 0), max(0.5, long / 200))
    middle, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    thick = max(1, round(long / 80))
    lines = cv2.dilate(cv2.Canny(grey, 0.4 * middle, 0.8 * middle), np.ones((thick, thick), np.uint8))
    ground = _border(mark)
    ink = np.full(3, 25.0 if ground.mean() > 110 else 235.0, np.float32)
    return _mixed(mark, np.where(lines[..., None] > 0, ink, ground).astype(np.float32), share)


def _border(picture: Rgb) -> NDArray[np.float32]:
    """Find the middle colour along the border of a picture."""
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return np.asarray(np.median(edge, axis=0), np.float32)


def _lettered(rng: Rng, mark: Rgb, opacity: float) -> Rgb:
    """Write rows of a shop's words across the mark, white with a dark edge, as high as a fifth of its short side."""
    height, width = mark.shape[:2]
    size = max(6, min(height, width) // 5)
    shift = int(rng.integers(len(_SHOP)))
    picture = Image.fromarray(mark)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    row = (_SHOP * (2 + 2 * width // (size * len(_SHOP)) + 1))[shift:]
    for i, y in enumerate(range(0, height, round(1.8 * size))):
        edge = max(1, size // 12)
        draw.text((0, y), row[3 * i :], fill=(255, 255, 255), font=font, stroke_width=edge, stroke_fill=(20, 20, 20))
    return _mixed(mark, np.asarray(picture, np.float32), opacity)


def _cropped(rng: Rng, scene: Scene, share: float | str) -> Rgb:
    """Cut the photo off at one side, so that the mark that loses least loses this share."""
    height, width = scene.rgb.shape[:2]
    x0, y0, x1, y1 = np.array(scene.marks(), float).T
    lost = float(share)
    left, top = (lo + lost * (hi - lo) for lo, hi in ((x0, x1), (y0, y1)))
    cuts = [  # of as much as each side takes away, that which leaves most of the photo comes first
        (int(np.ceil(left.max())), 0, width, height),
        (0, int(np.ceil(top.max())), width, height),
        (0, 0, int((x1 - lost * (x1 - x0)).min()), height),
        (0, 0, width, int((y1 - lost * (y1 - y0)).min())),
    ]
    a, b, c, d = max(cuts, key=lambda e: (e[2] - e[0]) * (e[3] - e[1]))
    return scene.rgb[min(b, height - _LEAST_PX) : max(d, _LEAST_PX), min(a, width - _LEAST_PX) : max(c, _LEAST_PX)]


def _tiny(rng: Rng, scene: Scene, long_px: float | str) -> Rgb:
    """Reduce the photo until its largest mark has this long side; one that is smaller stays as it is."""
    height, width = scene.rgb.shape[:2]
    scale = float(long_px) / max(max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in scene.marks())
    if scale >= 1:
        return scene.rgb
    size = (max(_LEAST_PX, round(width * scale)), max(_LEAST_PX, round(height * scale)))
    return np.asarray(cv2.resize(scene.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _compressed(rng: Rng, scene: Scene, quality: float | str) -> Rgb:
    done, data = cv2.imencode(".jpg", scene.rgb, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    if not done:
        raise ValueError(f"a photo of {scene.rgb.shape} cannot be encoded as JPEG")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)  # three channels, whatever their order


def _rotated(rng: Rng, scene: Scene, degrees: float | str) -> Rgb:
    """Turn the photo about its middle on a larger ground of the border's colour, so that nothing is cut off."""
    height, width = scene.rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), float(degrees), 1.0)
    c, s = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = (round(width * c + height * s), round(width * s + height * c))
    matrix[:, 2] += [(size[0] - width) / 2, (size[1] - height) / 2]
    ground = _border(scene.rgb).tolist()
    return np.asarray(cv2.warpAffine(scene.rgb, matrix, size, flags=cv2.INTER_LINEAR, borderValue=ground), np.uint8)


def _from_the_side(rng: Rng, scene: Scene, degrees: float | str) -> Rgb:
    """Show the photo as a print that is turned about its upright axis, seen from twice its long side away."""
    height, width = scene.rgb.shape[:2]
    angle = np.deg2rad(float(degrees)) * (1 if rng.random() < 0.5 else -1)
    far = 2.0 * max(height, width)
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    depth = far + corners[:, 0] * np.sin(angle)
    seen = np.column_stack([corners[:, 0] * np.cos(angle), corners[:, 1]]) * (far / depth)[:, None]
    seen = (seen - seen.min(0)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(np.asarray(corners - corners.min(0), np.float32), seen)
    size = (max(_LEAST_PX, round(float(seen[:, 0].max()))), max(_LEAST_PX, round(float(seen[:, 1].max()))))
    ground = _border(scene.rgb).tolist()
    return np.asarray(
        cv2.warpPerspective(scene.rgb, matrix, size, flags=cv2.INTER_LINEAR, borderValue=ground), np.uint8
    )


def _mirrored(rng: Rng, scene: Scene, what: float | str) -> Rgb:
    return _in_place(scene, lambda mark: mark[:, ::-1]) if what == "mark" else scene.rgb[:, ::-1]


def _inverted(rng: Rng, scene: Scene, what: float | str) -> Rgb:
    if what == "lightness":
        return _in_place(scene, _other_lightness)
    return _in_place(scene, lambda mark: 255 - mark) if what == "mark" else 255 - scene.rgb


def _other_lightness(mark: Rgb) -> Rgb:
    lab = cv2.cvtColor(mark, cv2.COLOR_RGB2LAB)
    lab[..., 0] = 255 - lab[..., 0]
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def _in_place(scene: Scene, change: Callable[[Rgb], Rgb]) -> Rgb:
    return _on_marks(lambda rng, mark, degree: change(mark))(np.random.default_rng(0), scene, 0.0)


def _stickered(rng: Rng, scene: Scene, share: float | str) -> Rgb:
    return pasted(rng, scene.rgb, scene.word, (float(share), float(share)))


ATTACKS = (
    Attack("blur", "sigma, share of the long side", (0.01, 0.02, 0.04, 0.08), _on_marks(_blurred)),
    Attack("mosaic", "cell, share of the long side", (0.02, 0.04, 0.08, 0.16), _on_marks(_mosaic)),
    Attack("occlusion", "share of the mark under a plain block", (0.1, 0.25, 0.5, 0.75), _on_marks(_occluded)),
    Attack("crop", "share of the mark cut off", (0.1, 0.25, 0.5, 0.75), _cropped),
    Attack("tiny", "long side of the mark, px", (96, 64, 48, 32, 24), _tiny),
    Attack("recompression", "JPEG quality", (50, 30, 15, 8), _compressed),
    Attack("recolour", "share of the colours that two inks replace", (0.25, 0.5, 0.75, 1.0), _on_marks(_recoloured)),
    Attack("inversion", "what is inverted", ("lightness", "mark", "photo"), _inverted, ordered=False),
    Attack("rotation", "degrees the photo is turned", (10, 20, 45, 90, 180), _rotated, ordered=False),
    Attack("mirror", "what is mirrored", ("mark", "photo"), _mirrored, ordered=False),
    Attack("perspective", "degrees the photo is turned away", (20, 35, 50, 65), _from_the_side, ordered=False),
    Attack("redrawn", "error of the hand, share of the long side", (0.01, 0.02, 0.04, 0.08), _on_marks(_wobbled)),
    Attack("outline", "share of the mark that its contours replace", (0.25, 0.5, 0.75, 1.0), _on_marks(_outlined)),
    Attack("added text", "opacity of words across the mark", (0.25, 0.5, 0.75, 1.0), _on_marks(_lettered)),
    Attack("sticker", "width of another brand's word, share of the photo's", (0.2, 0.4, 0.6, 0.8), _stickered),
)  # fmt: skip
"""All attacks. Tiny, recompression, rotation, perspective and sticker change the photo as a whole."""
