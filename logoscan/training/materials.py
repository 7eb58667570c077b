"""Backgrounds of composed pictures: free photographs and procedural cloth, leather, metal, card, glass and paper.

Surfaces are float32 RGB 0..255, made from a pool of noise fields that is computed once, because a sample may take
only a few milliseconds. This module must not know marks.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

logger = logging.getLogger(__name__)

Rgb = npt.NDArray[np.float32]
BACKGROUND_PX = 448
"""Long side of stored photographs; a scene of 640 px enlarges them 1.4 times at most."""
# Side of the square noise fields, px.
_NOISE_PX = 256
# File name endings of the pictures that are read.
_IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True)
class Backgrounds:
    """Photographs and textures, uint8 RGB, one after another in a flat array.

    Attributes:
        shapes: int32 (n, 2), height and width in px.
        pixels: uint8, flat RGB rows, possibly memory-mapped.
    """

    shapes: npt.NDArray[np.int32]
    pixels: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        sizes = self.shapes[:, 0].astype(np.int64) * self.shapes[:, 1] * 3
        if int(sizes.sum()) != self.pixels.size:
            raise ValueError(f"backgrounds.pixels: expected {int(sizes.sum())} bytes, got {self.pixels.size}")
        object.__setattr__(self, "_starts", np.concatenate([[0], np.cumsum(sizes)]))

    def __len__(self) -> int:
        return len(self.shapes)

    def rgb(self, i: int) -> npt.NDArray[np.uint8]:
        """Return picture `i` as uint8 (h, w, 3) RGB, a view."""
        starts: npt.NDArray[np.int64] = self._starts  # type: ignore[attr-defined]
        h, w = self.shapes[i]
        return self.pixels[starts[i] : starts[i + 1]].reshape(int(h), int(w), 3)


def backgrounds_from_arrays(pictures: list[npt.NDArray[np.uint8]]) -> Backgrounds:
    """Build `Backgrounds` from uint8 (h, w, 3) RGB pictures."""
    shapes = np.array([p.shape[:2] for p in pictures], np.int32).reshape(-1, 2)
    flat = np.concatenate([p.reshape(-1) for p in pictures]) if pictures else np.zeros(0, np.uint8)
    return Backgrounds(shapes, flat)


def read_backgrounds(folder: str | Path, long_px: int = BACKGROUND_PX, limit: int | None = None) -> Backgrounds:
    """Read all pictures below a folder, reduced to `long_px`; unreadable ones and those under 64 px are left out."""
    pictures: list[npt.NDArray[np.uint8]] = []
    for path in sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in _IMAGE_SUFFIXES and p.is_file()):
        bgr = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_2 if path.stat().st_size > 2**20 else cv2.IMREAD_COLOR)
        if bgr is None or min(bgr.shape[:2]) < 64:
            continue
        scale = min(1.0, long_px / max(bgr.shape[:2]))
        if scale < 1:
            bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if min(bgr.shape[:2]) >= 64:
            pictures.append(np.ascontiguousarray(bgr[..., ::-1]))
        if limit is not None and len(pictures) >= limit:
            break
    logger.info("%d backgrounds read from %s", len(pictures), folder)
    return backgrounds_from_arrays(pictures)


def save_backgrounds(backgrounds: Backgrounds, folder: str | Path) -> None:
    """Write backgrounds to a folder as ``backgrounds.npy`` and ``backgrounds.json``."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    np.save(path / "backgrounds.npy", backgrounds.pixels, allow_pickle=False)
    (path / "backgrounds.json").write_text(json.dumps(backgrounds.shapes.tolist()), encoding="utf-8")


def load_backgrounds(folder: str | Path) -> Backgrounds:
    """Read what `save_backgrounds` wrote; the pixels are memory-mapped."""
    path = Path(folder)
    shapes = np.array(json.loads((path / "backgrounds.json").read_text(encoding="utf-8")), np.int32).reshape(-1, 2)
    return Backgrounds(shapes, np.load(path / "backgrounds.npy", mmap_mode="r", allow_pickle=False))


def random_colour(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return a random float32 (3,) colour: grey, saturated, or uniform in RGB (which alone would be mostly dull)."""
    kind = rng.random()
    if kind < 0.35:
        return np.full(3, rng.choice([0, 12, 30, 128, 200, 235, 248, 255]), np.float32)
    if kind < 0.7:
        hsv = np.array([[[rng.integers(180), rng.integers(140, 256), rng.integers(90, 256)]]], np.uint8)
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0], np.float32)
    return rng.integers(0, 256, 3).astype(np.float32)


class Materials:
    """Procedural surfaces and smooth random fields, cropped from noise made once per object."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Make the noise pool, about 3 MB.

        Args:
            rng: Random generator of the pool; the same state gives the same pool.
        """
        self._fields: dict[float, list[Rgb]] = {}
        for sigma in (0.0, 1.2, 4.0, 16.0, 48.0):
            fields = []
            for _ in range(4):
                field = rng.standard_normal((_NOISE_PX, _NOISE_PX)).astype(np.float32)
                if sigma:
                    field = cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
                fields.append((field - field.mean()) / max(float(field.std()), 1e-6))
            self._fields[sigma] = fields

    def field(self, rng: np.random.Generator, h: int, w: int, sigma: float) -> Rgb:
        """Return a float32 (h, w) noise field of mean 0 and deviation of about 1.

        `sigma` is the blur of the noise in px: 0.0, 1.2, 4.0, 16.0 or 48.0.
        """
        source = self._fields[sigma][int(rng.integers(4))]
        side = min(_NOISE_PX, max(h, w))
        y, x = rng.integers(0, _NOISE_PX - side + 1, 2)
        part = source[y : y + side, x : x + side]
        if rng.random() < 0.5:
            part = part.T
        if part.shape != (h, w):
            part = part[:h, :w] if h <= side and w <= side else cv2.resize(part, (w, h), interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(part)

    def surface(self, rng: np.random.Generator, h: int, w: int) -> Rgb:
        """Return a float32 (h, w, 3) RGB surface of a random material."""
        makers = (self._plain, self._gradient, self._cloth, self._leather, self._metal, self._card, self._glass)
        maker = makers[int(rng.choice(len(makers), p=[0.2, 0.16, 0.2, 0.1, 0.1, 0.14, 0.1]))]
        return np.ascontiguousarray(np.clip(maker(rng, h, w), 0, 255), np.float32)

    def _plain(self, rng: np.random.Generator, h: int, w: int) -> Rgb:
        return np.full((h, w, 3), random_colour(rng), np.float32)

    def _gradient(self, rng: np.random.Generator, h: int, w: int) -> Rgb:
        a, b = random_colour(rng), random_colour(rng)
        t = ramp(rng, h, w)[..., None]
        return a * (1 - t) + b * t

    def _cloth(self, rng: np.random.Generator, h: int, w: int) -> Rgb:
        period, angle = rng.uniform(2.2, 9.0), rng.uniform(0, np.pi)
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        phase = 2 * np.pi / period
        u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        weave = np.sin(phase * u) + np.sin(phase * v) * rng.uniform(0, 1)
        light = weave * rng.uniform(3, 16) + self.field(rng, h, w, 1.2) * rng.uniform(1, 9)
        light = light + self.field(rng, h, w, 16.0) * rng.uniform(0, 16)
        base = random_colour(rng)
        if rng.random() < 0.25:  # stripes or checks
            wide = rng.uniform(10, 60)
            band = (np.sin(2 * np.pi / wide * u) > rng.uniform(-0.5, 0.7)).astype(np.float32)[..., None]
            base = base * (1 - band) + random_colour(rng) * band
        return np.asarray(base + light[..., None], np.float32)

    def _leather(self, rng: np.random.Generator, h: int, w: int) -> Rgb:
        bump = np.abs(self.field(rng, h, w, 4.0 if rng.random() < 0.5 else 1.2))
        return np.asarray(random_colour(rng) * 0.8 - bump[..., None] * rng.uniform(6, 22) + 10, np.float32)

    def _metal(self, rng: np.random.Generator, h: int, w: int) -> Rgb:
        brushed = cv2.blur(self.field(rng, h, w, 0.0), (31, 1) if rng.random() < 0.5 else (1, 31))
        shine = np.sin(ramp(rng, h, w) * rng.uniform(2, 9) + rng.uniform(0, 6)) * rng.uniform(10, 55)
        tint = np.array([1, rng.uniform(0.85, 1.02), rng.uniform(0.6, 1.05)], np.float32)
        return np.asarray((rng.uniform(70, 210) + brushed * 25 + shine)[..., None] * tint, np.float32)

    def _card(self, rng: np.random.Generator, h: int, w: int) -> Rgb:
        kraft = np.array([180, 140, 95], np.float32) * rng.uniform(0.7, 1.25)
        base = kraft if rng.random() < 0.5 else 200 + 0.2 * random_colour(rng)
        grain = self.field(rng, h, w, 0.0) * rng.uniform(1, 6) + self.field(rng, h, w, 1.2) * 5
        return np.asarray(base + grain[..., None], np.float32)

    def _glass(self, rng: np.random.Generator, h: int, w: int) -> Rgb:
        base = random_colour(rng) * (0.4 + 0.8 * np.abs(self.field(rng, h, w, 48.0)))[..., None]
        streak = np.maximum(0, np.sin(ramp(rng, h, w) * rng.uniform(6, 20))) ** 8 * rng.uniform(20, 160)
        return np.asarray(base + streak[..., None], np.float32)


def ramp(rng: np.random.Generator, h: int, w: int) -> Rgb:
    """Return a float32 (h, w) ramp from 0 to 1 in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    field = c * np.linspace(-1, 1, w, dtype=np.float32)[None] + s * np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    low, high = float(field.min()), float(field.max())
    out: Rgb = ((field - low) / max(high - low, 1e-6)).astype(np.float32)
    return out


def photo(rng: np.random.Generator, backgrounds: Backgrounds, h: int, w: int, smallest: int = 48) -> Rgb:
    """Return a float32 (h, w, 3) RGB crop of a random photograph; it shows at least `smallest` px of the photograph."""
    picture = backgrounds.rgb(int(rng.integers(len(backgrounds))))
    ph, pw = picture.shape[:2]
    fit = min(ph / h, pw / w)
    low = min(1.0, max(smallest / (fit * min(h, w)), 0.15))
    scale = fit * rng.uniform(low, 1)
    ch, cw = max(2, min(ph, round(h * scale))), max(2, min(pw, round(w * scale)))
    y, x = int(rng.integers(0, ph - ch + 1)), int(rng.integers(0, pw - cw + 1))
    part = picture[y : y + ch, x : x + cw]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(part), (w, h), interpolation=method), np.float32)
