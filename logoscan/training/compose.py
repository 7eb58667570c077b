"""Composes labelled pictures: crops for the encoder (`Composer.crop`, `Composer.batch`).

A crop shows one mark on a ground the way a detector would cut it out of a photo, or a clean drawing as a register
holds it. Whole pictures with several marks are in `scenes`. Must not know networks.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.drawings import Drawings, is_brand, load
from logoscan.training.effects import (
    CROP_PX,
    Rgb8,
    Rgbf,
    blend,
    jpeg,
    lay,
    low_resolution,
    random_corners,
    take_photo,
    take_snapshot,
    to_uint8,
)
from logoscan.training.materials import Backgrounds, Materials, load_backgrounds, photo, random_colour
from logoscan.training.packs import draw_pack, recolour_pack
from logoscan.training.styles import Rgba, look_alike, paint, premultiply, style
from logoscan.training.wordmarks import beside, change_name, draw_name, draw_word, font_files, random_name


@dataclass(frozen=True)
class Mix:
    """What a training batch holds.

    Attributes:
        drawn: Classes taken from the drawings of brands.
        pictograms: Classes taken from the drawings of pictograms.
        wordmarks: Procedural wordmark classes; each second one copies the one before but for a letter or two.
        look_alikes: Edited drawings; each is a class of its own beside its source.
        packs: Made-up packs; each second one is the one before in other colours.
        other_names: Names that no crop of the batch shows, for the text tower to tell from those shown.
        clean: Chance that the first view of a class is a clean drawing on plain ground.
        other_drawing: Chance that the second view shows another drawing of the class, where there is one.
        other_font: Chance that the second view of a wordmark is in another lettering.
        with_word: Chance that a photo-like view of a mark sets a word beside it: its brand's name or a made-up one.
    """

    drawn: int = 32
    pictograms: int = 8
    wordmarks: int = 48
    look_alikes: int = 10
    packs: int = 6
    other_names: int = 100
    clean: float = 0.35
    other_drawing: float = 0.65
    other_font: float = 0.3
    with_word: float = 0.22

    def __post_init__(self) -> None:
        counts = (self.drawn, self.pictograms, self.wordmarks, self.look_alikes, self.packs, self.other_names)
        if min(counts) < 0 or self.drawn + self.pictograms + self.wordmarks < 2:
            raise ValueError(
                "mix: expected counts of 0 or more and at least two classes, got drawn "
                f"{self.drawn}, pictograms {self.pictograms}, wordmarks {self.wordmarks}, "
                f"look_alikes {self.look_alikes}, packs {self.packs}, other_names {self.other_names}"
            )
        if self.look_alikes > self.drawn:
            raise ValueError(f"mix.look_alikes: expected at most drawn ({self.drawn}), got {self.look_alikes}")
        for name in ("clean", "other_drawing", "other_font", "with_word"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"mix.{name}: expected 0..1, got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Batch:
    """Labelled crops, two views of a class side by side.

    Attributes:
        crops: uint8 (n, `CROP_PX`, `CROP_PX`, 3) RGB.
        labels: int64 (n,); classes of the drawings by their number, all others (new in this batch, and no two batches
            of a composer share one) from the number of those on.
        texts: What each crop says, n entries; "" where that is not known.
        other_names: Names that no crop of the batch shows, near misses of those it shows among them.
    """

    crops: Rgb8
    labels: npt.NDArray[np.int64]
    texts: tuple[str, ...]
    other_names: tuple[str, ...]


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
        self._fresh = itertools.count(len(drawings.names))
        brand = np.array([is_brand(name) for name in drawings.names])
        # a class drawn in several manners teaches more than one drawn once
        weight = np.where([len(members) > 1 for members in self._by_class], 2.0, 1.0)
        self._groups = [
            (np.flatnonzero(kind), weight[kind] / max(float(weight[kind].sum()), 1.0)) for kind in (brand, ~brand)
        ]
        self._known_names = tuple(n for n, b in zip(drawings.names, brand, strict=True) if b and 2 <= len(n) <= 14)

    @classmethod
    def from_folders(cls, work: str, fonts: str, seed: int, drawings: str = "drawings") -> Composer:
        """Build one from a folder that ``python -m logoscan.training drawings`` made and a folder of fonts."""
        marks = load(Path(work) / drawings)
        files = font_files(fonts)
        if not files:
            raise ValueError(f"{fonts}: expected font files that draw Latin letters, got none")
        return cls(marks, files, load_backgrounds(Path(work) / "backgrounds"), seed)

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

    def crop(self, rgba: Rgba, one_colour: bool, as_drawn: bool = False) -> Rgb8:
        """Return a photo-like crop of a mark, uint8 (`CROP_PX`, `CROP_PX`, 3) RGB, as a detector would cut it.

        Half of them are cut close and padded to a square as the encoder pads a box; of the others some show the mark
        small, and some a part of it alone. `as_drawn` keeps colours and strokes as they are.
        """
        rng, side = self.rng, CROP_PX
        if rng.random() < 0.06:
            return self.screenshot(rgba, one_colour)
        mark, mono = (premultiply(rgba), False) if as_drawn else style(rng, rgba, one_colour, self.materials)
        if rng.random() < 0.04:
            mark = np.ascontiguousarray(np.rot90(mark, int(rng.choice([1, 3]))))
        ground = ground_for(rng, self.backgrounds, self.materials, side, side)
        h, w = mark.shape[:2]
        kind = rng.random()
        fill = rng.uniform(0.72, 1.0) if kind < 0.6 else rng.uniform(0.4, 0.85) if kind < 0.88 else rng.uniform(1, 1.4)
        scale = side * fill / max(h, w)
        size = (w * scale, h * scale * float(np.exp(rng.normal(0, 0.12))))
        close = rng.random() < 0.5
        reach = 0.04 if close else 0.5
        room = [max(0.04, reach * abs(1 - length / side)) * side for length in size]
        centre = (side / 2 + rng.uniform(-room[0], room[0]), side / 2 + rng.uniform(-room[1], room[1]))
        corners = random_corners(rng, size, centre)
        image = blend(rng, ground, lay(mark, corners, (side, side)), mono)
        image = take_snapshot(rng, image) if rng.random() < 0.55 else take_photo(rng, image, self.materials)
        return to_uint8(_cut_close(rng, image, corners) if close else image)

    def screenshot(self, rgba: Rgba, one_colour: bool) -> Rgb8:
        """Return a crop of a mark on a screen: upright, flat colours, lines of text and edges of fields around it."""
        rng, side = self.rng, CROP_PX
        ground = np.full(3, 255, np.float32) if rng.random() < 0.5 else random_colour(rng)
        out = np.empty((side, side, 3), np.float32)
        out[:] = ground
        ink_colour = told_apart(random_colour(rng), ground)
        for _ in range(int(rng.integers(0, 4))):
            y, x = (int(v) for v in rng.integers(0, side, 2))
            word = draw_word(rng, self.fonts) if rng.random() < 0.6 else None
            if word is None:
                cv2.rectangle(out, (x, y), (x + side, y + int(rng.integers(4, 40))), ink_colour.tolist(), 1)
                continue
            high = int(rng.integers(6, 14))
            letters = word[2][..., 3].astype(np.float32) / np.float32(255)
            wide = max(2, round(letters.shape[1] * high / letters.shape[0]))
            letters = cv2.resize(letters, (wide, high), interpolation=cv2.INTER_AREA)[: side - y, : side - x, None]
            part = out[y : y + letters.shape[0], x : x + letters.shape[1]]
            part += letters * (ink_colour - part)
        if one_colour:
            colour = told_apart(random_colour(rng), ground)
            mark = paint(rgba[..., 3].astype(np.float32) / np.float32(255), colour)
        else:
            mark = premultiply(rgba)
        h, w = mark.shape[:2]
        scale = side * rng.uniform(0.5, 1.0) / max(h, w)
        size = (max(2, round(w * scale)), max(2, round(h * scale)))
        mark = cv2.resize(mark, size, interpolation=cv2.INTER_AREA)
        y, x = (int(rng.integers(0, side - length + 1)) for length in size[::-1])
        part = out[y : y + size[1], x : x + size[0]]
        part *= 1 - mark[..., 3:]
        part += mark[..., :3]
        if rng.random() < 0.6:
            out = low_resolution(rng, out, 24, 120)
        return to_uint8(jpeg(rng, out) if rng.random() < 0.6 else out)

    def views(self, cls: int, mix: Mix) -> tuple[Rgb8, Rgb8, int]:
        """Return two crops of a class of the drawings and the index of the drawing the first one shows."""
        rng, members = self.rng, self._by_class[cls]
        first = int(members[int(rng.integers(len(members)))])
        second = int(members[int(rng.integers(len(members)))]) if rng.random() < mix.other_drawing else first
        name = self.drawings.names[cls]
        one, two = self._pair(
            self.drawings.rgba(first), self.drawings.rgba(second), (first, second), mix, name if is_brand(name) else ""
        )
        return one, two, first

    def _pair(self, a: Rgba, b: Rgba, indices: tuple[int, int] | None, mix: Mix, name: str = "") -> tuple[Rgb8, Rgb8]:
        mono = [True, True] if indices is None else [bool(self.drawings.one_colour[i]) for i in indices]
        one = self.clean(a, mono[0]) if self.rng.random() < mix.clean else self.crop(a, mono[0])
        if indices is not None and self.rng.random() < mix.with_word:
            word = draw_word(self.rng, self.fonts, name if self.rng.random() < 0.7 else "")
            if word is not None and max(b.shape[:2]) < 2 * min(b.shape[:2]):
                inked = word[2].copy()
                inked[..., :3] = random_colour(self.rng) if not mono[1] else 0
                b = beside(b, inked, bool(self.rng.random() < 0.6))
        return one, self.crop(b, mono[1])

    def _drawn_classes(self, mix: Mix) -> list[int]:
        """Classes of a batch, brands and pictograms; more brands stand in for look-alikes that cannot be made."""
        out: list[int] = []
        for (members, weight), count in zip(self._groups, (mix.drawn + mix.look_alikes, mix.pictograms), strict=True):
            if len(members) and count:
                out += self.rng.choice(members, min(count, len(members)), replace=False, p=weight).tolist()
        return out

    def batch(self, mix: Mix | None = None) -> Batch:
        """Return a batch of two views a class.

        Args:
            mix: What it holds; the default `Mix()` if None.

        Returns:
            ``drawn + pictograms + look_alikes + packs + wordmarks`` classes (further drawn ones stand in for marks that
            have no look-alike), fewer where the drawings have fewer classes or there are no fonts.
        """
        mix = mix or Mix()
        rng = self.rng
        crops: list[Rgb8] = []
        labels: list[int] = []
        texts: list[str] = []
        classes = self._drawn_classes(mix)
        pairs = len(classes)  # fixed, so that convolutions always see one batch shape
        edits = 0
        for cls in classes[::-1]:
            if len(labels) >= 2 * pairs:
                break
            one, two, first = self.views(cls, mix)
            crops += [one, two]
            labels += [cls] * 2
            if edits < mix.look_alikes and len(labels) < 2 * pairs:
                rgba = self.drawings.rgba(first)
                edited = look_alike(rng, rgba)
                if edited is not None:
                    crops += self._pair(edited, edited, (first, first), mix)
                    labels += [next(self._fresh)] * 2
                    edits += 1
        pack: Rgba | None = None
        for i in range(mix.packs):
            if pack is None or i % 2 == 0:
                pack = draw_pack(rng, self.drawings, self.fonts, self.backgrounds, self.materials)
            else:
                pack = recolour_pack(rng, pack)
            crops += [self.clean(pack, False), self.crop(pack, False, as_drawn=True)]
            labels += [next(self._fresh)] * 2
        texts += [""] * len(labels)
        last: tuple[str, str] | None = None
        for _ in range(mix.wordmarks):
            drawn: tuple[str, str, Rgba] | None = None
            if last is not None:
                name = change_name(rng, last[0])
                rgba_or_none = draw_name(name, last[1])
                drawn, last = None if rgba_or_none is None else (name, last[1], rgba_or_none), None
            if drawn is None:
                drawn = draw_word(rng, self.fonts, self._known_name())
                if drawn is None:
                    break
                last = drawn[:2]
            name, _, one_rgba = drawn
            two_rgba = one_rgba
            if rng.random() < mix.other_font:
                other = draw_word(rng, self.fonts, " ".join(name.split()))
                two_rgba = one_rgba if other is None else other[2]
            if rng.random() < 0.2:
                icon = self.drawings.rgba(int(rng.integers(len(self.drawings))))
                flat = np.zeros_like(icon)
                flat[..., 3] = icon[..., 3]
                stacked = bool(rng.random() < 0.4)
                one_rgba, two_rgba = beside(flat, one_rgba, stacked), beside(flat, two_rgba, stacked)
            crops += self._pair(one_rgba, two_rgba, None, mix)
            labels += [next(self._fresh)] * 2
            texts += [" ".join(name.split())] * 2
        return Batch(np.stack(crops), np.array(labels, np.int64), tuple(texts), self._other_names(mix, texts))

    def _known_name(self) -> str:
        """Now and then the name of a drawn brand, else "" for a made-up one."""
        if not self._known_names or self.rng.random() > 0.3:
            return ""
        name = self._known_names[int(self.rng.integers(len(self._known_names)))]
        case = self.rng.random()
        return name.upper() if case < 0.4 else name.title() if case < 0.75 else name

    def _other_names(self, mix: Mix, texts: list[str]) -> tuple[str, ...]:
        """Made-up names and near misses of the shown ones, none of them shown."""
        shown = {text.lower() for text in texts if text}
        out: list[str] = []
        near = sorted(shown)
        while near and len(out) < mix.other_names:
            name = change_name(self.rng, near[len(out) % len(near)]) if len(out) % 2 else random_name(self.rng)
            if " ".join(name.split()).lower() not in shown:
                out.append(" ".join(name.split()))
        return tuple(out)


def _cut_close(rng: np.random.Generator, image: Rgbf, corners: Rgbf) -> Rgbf:
    """Return the picture with all that lies outside of a close box around `corners` in the box's border colour."""
    side = image.shape[0]
    spare = rng.uniform(-0.02, 0.14, 4) * side
    x0, y0 = (max(0, round(float(v - m))) for v, m in zip(corners.min(0), spare[:2], strict=True))
    x1, y1 = (min(side, round(float(v + m))) for v, m in zip(corners.max(0), spare[2:], strict=True))
    if x1 - x0 < 8 or y1 - y0 < 8 or min(x1 - x0, y1 - y0) > 0.85 * side:
        return image
    part = image[y0:y1, x0:x1]
    border = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
    out = np.empty_like(image)
    out[:] = np.median(border, axis=0)
    # a box is padded along its short side alone
    if y1 - y0 < x1 - x0:
        out[y0:y1] = image[y0:y1]
    else:
        out[:, x0:x1] = image[:, x0:x1]
    return out


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
