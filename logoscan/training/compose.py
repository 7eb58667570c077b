"""Composes labelled pictures: crops for the encoder (`Composer.crop`, `Composer.batch`).

A crop shows one mark on a ground the way a detector would cut it out of a photo, or a clean drawing as a register
holds it. Whole pictures with several marks are in `scenes`. Must not know networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.drawings import Drawings
from logoscan.training.effects import (
    CROP_PX,
    Rgb8,
    Rgbf,
    blend,
    lay,
    low_resolution,
    random_corners,
    take_photo,
    to_uint8,
)
from logoscan.training.materials import Backgrounds, Materials, photo, random_colour
from logoscan.training.styles import Rgba, look_alike, paint, premultiply, style
from logoscan.training.wordmarks import beside, change_name, draw_name, random_name


@dataclass(frozen=True)
class Mix:
    """What a training batch holds.

    Attributes:
        drawn: Classes taken from the drawings.
        wordmarks: Procedural wordmark classes; each second one copies the one before but for a letter or two.
        look_alikes: Edited drawings; each is a class of its own beside its source.
        clean: Chance that the first view of a class is a clean drawing on plain ground.
        other_drawing: Chance that the second view shows another drawing of the class, where there is one.
        with_word: Chance that a photo-like view sets a made-up word beside the mark.
    """

    drawn: int = 32
    wordmarks: int = 8
    look_alikes: int = 6
    clean: float = 0.4
    other_drawing: float = 0.5
    with_word: float = 0.06

    def __post_init__(self) -> None:
        if min(self.drawn, self.wordmarks, self.look_alikes) < 0 or self.drawn + self.wordmarks < 2:
            raise ValueError(
                "mix: expected counts of 0 or more and at least two classes, "
                f"got drawn {self.drawn}, wordmarks {self.wordmarks}, look_alikes {self.look_alikes}"
            )
        if self.look_alikes > self.drawn:
            raise ValueError(f"mix.look_alikes: expected at most drawn ({self.drawn}), got {self.look_alikes}")
        for name in ("clean", "other_drawing", "with_word"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"mix.{name}: expected 0..1, got {getattr(self, name)}")


class Composer:
    """Makes crops and batches; every choice comes from one seeded generator."""

    def __init__(self, drawings: Drawings, fonts: tuple[str, ...], backgrounds: Backgrounds, seed: int) -> None:
        """Bind the material.

        Args:
            drawings: Marks; may not be empty.
            fonts: Font files of wordmarks; may be empty, then there are no wordmarks and no words.
            backgrounds: Photographs; may be empty, then all grounds are procedural.
            seed: Seed; the same material and seed give the same samples.

        Raises:
            ValueError: If there is no drawing.
        """
        if not len(drawings):
            raise ValueError("composer.drawings: expected at least one, got none")
        cv2.setNumThreads(1)  # samples are small and the other core has work
        self.drawings, self.fonts, self.backgrounds = drawings, fonts, backgrounds
        self.rng = np.random.default_rng(seed)
        self.materials = Materials(self.rng)
        self._by_class = drawings.by_class()

    def clean(self, rgba: Rgba, one_colour: bool) -> Rgb8:
        """Return a crop as a register would hold the drawing: upright on plain ground, mostly black on white."""
        rng = self.rng
        kind = rng.random()
        ground = np.full(3, 255, np.float32) if kind < 0.75 else random_colour(rng)
        if one_colour:
            dark = np.zeros(3, np.float32) if rng.random() < 0.6 else random_colour(rng)
            colour = told_apart(dark, ground)
            mark = paint(rgba[..., 3].astype(np.float32) / np.float32(255), colour)
        else:
            mark = premultiply(rgba)
        out = np.full((CROP_PX, CROP_PX, 3), ground, np.float32)
        h, w = mark.shape[:2]
        scale = CROP_PX * rng.uniform(0.72, 1.0) / max(h, w)
        size = (max(2, round(w * scale)), max(2, round(h * scale)))
        small = cv2.resize(mark, size, interpolation=cv2.INTER_AREA)
        y, x = (CROP_PX - size[1]) // 2, (CROP_PX - size[0]) // 2
        part = out[y : y + size[1], x : x + size[0]]
        part *= 1 - small[..., 3:]
        part += small[..., :3]
        if rng.random() < 0.3:
            out = low_resolution(rng, out, 40, 110)
        return to_uint8(out)

    def crop(self, rgba: Rgba, one_colour: bool) -> Rgb8:
        """Return a photo-like crop, uint8 (112, 112, 3) RGB, in which the mark fills 45 to 108 % of the long side."""
        rng = self.rng
        mark, mono = style(rng, rgba, one_colour, self.materials)
        ground = ground_for(rng, self.backgrounds, self.materials, CROP_PX, CROP_PX)
        h, w = mark.shape[:2]
        scale = CROP_PX * rng.uniform(0.45, 1.08) / max(h, w)
        size = (w * scale, h * scale * float(np.exp(rng.normal(0, 0.12))))
        room = [max(0.05, 0.5 - 0.5 * side / CROP_PX) * CROP_PX for side in size]
        centre = (CROP_PX / 2 + rng.uniform(-room[0], room[0]), CROP_PX / 2 + rng.uniform(-room[1], room[1]))
        corners = random_corners(rng, size, centre)
        image = blend(rng, ground, lay(mark, corners, (CROP_PX, CROP_PX)), mono)
        return to_uint8(take_photo(rng, image, self.materials))

    def views(self, cls: int, mix: Mix) -> tuple[Rgb8, Rgb8, int]:
        """Return two crops of a class of the drawings and the index of the drawing the first one shows."""
        rng, members = self.rng, self._by_class[cls]
        first = int(members[int(rng.integers(len(members)))])
        second = int(members[int(rng.integers(len(members)))]) if rng.random() < mix.other_drawing else first
        return *self._pair(self.drawings.rgba(first), self.drawings.rgba(second), (first, second), mix), first

    def _pair(self, a: Rgba, b: Rgba, indices: tuple[int, int] | None, mix: Mix) -> tuple[Rgb8, Rgb8]:
        mono = [True, True] if indices is None else [bool(self.drawings.one_colour[i]) for i in indices]
        one = self.clean(a, mono[0]) if self.rng.random() < mix.clean else self.crop(a, mono[0])
        if self.rng.random() < mix.with_word:
            word = draw_word(self.rng, self.fonts)
            if word is not None and max(b.shape[:2]) < 2 * min(b.shape[:2]):
                inked = word[2].copy()
                inked[..., :3] = random_colour(self.rng) if not mono[1] else 0
                b = beside(b, inked, bool(self.rng.random() < 0.5))
        return one, self.crop(b, mono[1])

    def batch(self, mix: Mix | None = None) -> tuple[Rgb8, npt.NDArray[np.int64]]:
        """Return a batch of two views a class.

        Args:
            mix: What it holds; the default `Mix()` if None.

        Returns:
            uint8 (2 k, 112, 112, 3) RGB crops, views of a class side by side, and int64 (2 k,) labels: classes of the
            drawings by their number, all others (made for this batch only) from ``len(drawings.names)`` on. k is
            ``drawn + wordmarks + look_alikes``; more drawn classes stand in for marks without a look-alike. There are
            fewer where the drawings have fewer classes or there are no fonts.
        """
        mix = mix or Mix()
        rng, fresh = self.rng, len(self.drawings.names)
        crops: list[Rgb8] = []
        labels: list[int] = []
        pairs = min(mix.drawn + mix.look_alikes, fresh)  # fixed, so that convolutions always see one batch shape
        edits = 0
        for cls in rng.choice(fresh, pairs, replace=False):
            if len(labels) >= 2 * pairs:
                break
            one, two, first = self.views(int(cls), mix)
            crops += [one, two]
            labels += [int(cls)] * 2
            if edits < mix.look_alikes and len(labels) < 2 * pairs:
                rgba = self.drawings.rgba(first)
                edited = look_alike(rng, rgba)
                if edited is not None:
                    crops += self._pair(edited, edited, (first, first), mix)
                    labels += [fresh + edits] * 2
                    edits += 1
        number = fresh + edits
        last: tuple[str, str] | None = None
        for _ in range(mix.wordmarks):
            drawn: Rgba | None = None
            if last is not None:
                drawn, last = draw_name(change_name(rng, last[0]), last[1]), None
            if drawn is None:
                word = draw_word(rng, self.fonts)
                if word is None:
                    break
                last, drawn = word[:2], word[2]
            if rng.random() < 0.3:
                icon = self.drawings.rgba(int(rng.integers(len(self.drawings))))
                flat = np.zeros_like(icon)
                flat[..., 3] = icon[..., 3]
                drawn = beside(flat, drawn, bool(rng.random() < 0.4))
            crops += self._pair(drawn, drawn, None, mix)
            labels += [number] * 2
            number += 1
        return np.stack(crops), np.array(labels, np.int64)


def draw_word(rng: np.random.Generator, fonts: tuple[str, ...]) -> tuple[str, str, Rgba] | None:
    """Return (name, font file, drawing) of a new wordmark, or None without usable fonts."""
    for _ in range(20 if fonts else 0):
        name, font = random_name(rng), fonts[int(rng.integers(len(fonts)))]
        spacing = float(rng.uniform(-0.05, 0.35)) if rng.random() < 0.25 else 0.0
        if " " in name and not spacing and rng.random() < 0.4:
            name = name.replace(" ", "\n")
        drawn = draw_name(name, font, spacing)
        if drawn is not None:
            return name, font, drawn
    return None


def ground_for(rng: np.random.Generator, backgrounds: Backgrounds, materials: Materials, h: int, w: int) -> Rgbf:
    """Return a float32 (h, w, 3) RGB ground: a photograph in half the cases, else a procedural material."""
    if len(backgrounds) and rng.random() < 0.5:
        picture = photo(rng, backgrounds, h, w)
        if rng.random() < 0.35:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(1, 6))
        return np.asarray(picture, np.float32)
    return materials.surface(rng, h, w)


def told_apart(colour: npt.NDArray[np.float32], ground: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return `colour`, made lighter or darker if its mean is within 60 levels of the ground's."""
    gap = float(colour.mean() - ground.mean())
    if abs(gap) >= 60:
        return colour
    return np.asarray(np.clip(colour + (130 if ground.mean() < 128 else -130) - gap, 0, 255), np.float32)
