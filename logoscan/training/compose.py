"""Compose labelled batches of crops for the encoder (`Composer.batch`).

How a single crop is made is in `crops`; whole pictures with several marks are in `scenes`. This module must not know
networks.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np

from logoscan._hashing import fingerprint
from logoscan.training.abstract_marks import AbstractMark, draw_abstract, random_abstract, vary
from logoscan.training.batches import Batch, Mix
from logoscan.training.crops import clean_crop, photo_crop
from logoscan.training.effects import Rgb8
from logoscan.training.icon_files import load
from logoscan.training.icons import Icons, is_brand
from logoscan.training.materials import (
    Backgrounds,
    Materials,
    backgrounds_from_arrays,
    load_backgrounds,
    random_colour,
)
from logoscan.training.packs import draw_pack, recolour_pack
from logoscan.training.styles import Rgba, look_alike
from logoscan.training.wordmarks import add_word, change_name, draw_name, draw_word, font_files, random_name

GARMENTS = "garments"
"""Folder, inside the working folder, of photographs of clothes and shoes."""


class Composer:
    """A composer of crops and batches; every choice comes from one seeded generator."""

    def __init__(
        self,
        icons: Icons,
        fonts: tuple[str, ...],
        backgrounds: Backgrounds,
        seed: int,
        garments: Backgrounds | None = None,
    ) -> None:
        """Store the material.

        Args:
            icons: Marks; may not be empty.
            fonts: Font files for wordmarks; may be empty, then there are no wordmarks and no words.
            backgrounds: Photographs; may be empty, then all backgrounds are procedural.
            seed: Seed of all choices; the same material and seed give the same samples.
            garments: Photographs of clothes and shoes, on which marks are laid; none if None.

        Raises:
            ValueError: If there is no icon.
        """
        if not len(icons):
            raise ValueError("composer.icons: expected at least one, got none")
        cv2.setNumThreads(1)  # samples are small, and the other core is busy with the network
        self.icons, self.fonts, self.backgrounds = icons, fonts, backgrounds
        self.garments = backgrounds_from_arrays([]) if garments is None else garments
        self.rng = np.random.default_rng(seed)
        self.materials = Materials(self.rng)
        self._by_class = icons.by_class()
        self._new_classes = itertools.count(len(icons.names))
        brand = np.array([is_brand(name) for name in icons.names])
        # a class with several icons teaches more than a class with one
        weight = np.where([len(members) > 1 for members in self._by_class], 2.0, 1.0)
        self._groups = [
            (np.flatnonzero(kind), weight[kind] / max(float(weight[kind].sum()), 1.0)) for kind in (brand, ~brand)
        ]
        self._brand_names = tuple(n for n, b in zip(icons.names, brand, strict=True) if b and 2 <= len(n) <= 14)

    @classmethod
    def from_folders(cls, work: str, fonts: str, seed: int, icons_folder: str = "drawings") -> Composer:
        """Return a composer of the material in two folders.

        Args:
            work: Folder that ``python -m logoscan.training drawings`` made.
            fonts: Folder of font files.
            seed: Seed of all choices.
            icons_folder: Folder of the icons inside `work`.

        Raises:
            ValueError: If there is no usable font.
        """
        icons = load(Path(work) / icons_folder)
        files = font_files(fonts)
        if not files:
            raise ValueError(f"{fonts}: expected font files that draw Latin letters, got none")
        garments = Path(work) / GARMENTS
        loaded = load_backgrounds(garments) if garments.is_dir() else None
        return cls(icons, files, load_backgrounds(Path(work) / "backgrounds"), seed, loaded)

    def with_seed(self, seed: int) -> Composer:
        """Return a composer of the same material that begins anew with another seed."""
        return Composer(self.icons, self.fonts, self.backgrounds, seed, self.garments)

    def material(self) -> dict[str, int | str]:
        """Return how much material there is, and a fingerprint of the names and numbers of the classes."""
        counts = {"icons": len(self.icons), "classes": len(self.icons.names), "fonts": len(self.fonts)}
        photos = {"backgrounds": len(self.backgrounds), "garments": len(self.garments)}
        return {**counts, **photos, "names": fingerprint(self.icons.names)}

    def clean(self, rgba: Rgba, one_colour: bool) -> Rgb8:
        """Return a clean crop of a mark, uint8 (`CROP_PX`, `CROP_PX`, 3) RGB; see `crops.clean_crop`."""
        return clean_crop(self.rng, rgba, one_colour)

    def crop(self, rgba: Rgba, one_colour: bool, as_drawn: bool = False, goods: float = Mix.on_goods) -> Rgb8:
        """Return a photo-like crop of a mark, uint8 (`CROP_PX`, `CROP_PX`, 3) RGB; see `crops.photo_crop`."""
        return photo_crop(
            self.rng,
            rgba,
            one_colour,
            fonts=self.fonts,
            backgrounds=self.backgrounds,
            materials=self.materials,
            garments=self.garments,
            as_drawn=as_drawn,
            goods=goods,
        )

    def views(self, cls: int, mix: Mix) -> tuple[Rgb8, Rgb8, int]:
        """Return two crops of a class of icons, and the index of the icon that the first crop shows."""
        rng, members = self.rng, self._by_class[cls]
        first = int(members[int(rng.integers(len(members)))])
        second = int(members[int(rng.integers(len(members)))]) if rng.random() < mix.other_drawing else first
        name = self.icons.names[cls]
        view_a, view_b = self._pair(
            self.icons.rgba(first), self.icons.rgba(second), (first, second), mix, name if is_brand(name) else ""
        )
        return view_a, view_b, first

    def _pair(self, a: Rgba, b: Rgba, indices: tuple[int, int] | None, mix: Mix, name: str = "") -> tuple[Rgb8, Rgb8]:
        """Return two crops of one class: of `a`, clean or photo-like, and of `b`, photo-like.

        Args:
            a: uint8 (h, w, 4) logo image of the first crop.
            b: uint8 (h, w, 4) logo image of the second crop.
            indices: Numbers of the icons that they come from; None for wordmarks.
            mix: Chances of a clean crop and of a word beside the mark.
            name: Name of the brand, or "" for a made-up word.
        """
        mono = [True, True] if indices is None else [bool(self.icons.one_colour[i]) for i in indices]
        view_a = self.clean(a, mono[0]) if self.rng.random() < mix.clean else self.crop(a, mono[0], goods=mix.on_goods)
        if indices is not None and self.rng.random() < mix.with_word:
            word = draw_word(self.rng, self.fonts, name if self.rng.random() < 0.7 else "")
            if word is not None and max(b.shape[:2]) < 2 * min(b.shape[:2]):
                coloured = word[2].copy()
                coloured[..., :3] = random_colour(self.rng) if not mono[1] else 0
                b = add_word(b, coloured, bool(self.rng.random() < 0.6))
        return view_a, self.crop(b, mono[1], goods=mix.on_goods)

    def _icon_classes(self, mix: Mix) -> list[int]:
        """Return classes for a batch: brands (with spare ones for look-alikes that cannot be made) and pictograms."""
        out: list[int] = []
        for (members, weight), count in zip(self._groups, (mix.drawn + mix.look_alikes, mix.pictograms), strict=True):
            if len(members) and count:
                out += self.rng.choice(members, min(count, len(members)), replace=False, p=weight).tolist()
        return out

    def batch(self, mix: Mix | None = None) -> Batch:
        """Return a batch with two views of each class.

        Args:
            mix: Contents of the batch; `Mix()` if None.

        Returns:
            A batch of as many classes as `mix` says (further brands stand in for look-alikes that cannot be made),
            fewer where there are too few classes of icons or no fonts.
        """
        mix = mix or Mix()
        rng = self.rng
        crops: list[Rgb8] = []
        labels: list[int] = []
        texts: list[str] = []
        classes = self._icon_classes(mix)
        pairs = len(classes)  # a fixed number, so that all batches have one shape
        edits = 0
        for cls in classes[::-1]:
            if len(labels) >= 2 * pairs:
                break
            view_a, view_b, first = self.views(cls, mix)
            crops += [view_a, view_b]
            labels += [cls] * 2
            if edits < mix.look_alikes and len(labels) < 2 * pairs:
                rgba = self.icons.rgba(first)
                edited = look_alike(rng, rgba)
                if edited is not None:
                    crops += self._pair(edited, edited, (first, first), mix)
                    labels += [next(self._new_classes)] * 2
                    edits += 1
        pack: Rgba | None = None
        for i in range(mix.packs):
            if pack is None or i % 2 == 0:
                pack = draw_pack(rng, self.icons, self.fonts, self.backgrounds, self.materials)
            else:
                pack = recolour_pack(rng, pack)
            crops += [self.clean(pack, False), self.crop(pack, False, as_drawn=True, goods=mix.on_goods)]
            labels += [next(self._new_classes)] * 2
        abstract: AbstractMark | None = None
        for i in range(mix.abstract):
            abstract = random_abstract(rng) if abstract is None or i % 2 == 0 else vary(rng, abstract)
            shape = draw_abstract(abstract)
            first_clean = rng.random() < mix.clean
            crops += [self.clean(shape, True) if first_clean else self.crop(shape, True, goods=mix.on_goods)]
            crops += [self.crop(shape, True, goods=mix.on_goods)]
            labels += [next(self._new_classes)] * 2
        texts += [""] * len(labels)
        last: tuple[str, str] | None = None
        for _ in range(mix.wordmarks):
            wordmark: tuple[str, str, Rgba] | None = None
            if last is not None:
                name = change_name(rng, last[0])
                changed = draw_name(name, last[1])
                wordmark, last = None if changed is None else (name, last[1], changed), None
            if wordmark is None:
                wordmark = draw_word(rng, self.fonts, self._brand_name())
                if wordmark is None:
                    break
                last = wordmark[:2]
            name, _, rgba_a = wordmark
            rgba_b = rgba_a
            if rng.random() < mix.other_font:
                other = draw_word(rng, self.fonts, " ".join(name.split()))
                rgba_b = rgba_a if other is None else other[2]
            if rng.random() < 0.2:
                icon = self.icons.rgba(int(rng.integers(len(self.icons))))
                black = np.zeros_like(icon)
                black[..., 3] = icon[..., 3]
                stacked = bool(rng.random() < 0.4)
                rgba_a, rgba_b = add_word(black, rgba_a, stacked), add_word(black, rgba_b, stacked)
            crops += self._pair(rgba_a, rgba_b, None, mix)
            labels += [next(self._new_classes)] * 2
            texts += [" ".join(name.split())] * 2
        return Batch(np.stack(crops), np.array(labels, np.int64), tuple(texts), self._other_names(mix, texts))

    def _brand_name(self) -> str:
        """Return the name of a brand of the icons in 30 % of the calls, else "" for a made-up name."""
        if not self._brand_names or self.rng.random() > 0.3:
            return ""
        name = self._brand_names[int(self.rng.integers(len(self._brand_names)))]
        case = self.rng.random()
        return name.upper() if case < 0.4 else name.title() if case < 0.75 else name

    def _other_names(self, mix: Mix, texts: list[str]) -> tuple[str, ...]:
        """Return made-up names and near misses of the names in `texts`; no crop shows one of them."""
        shown = {text.lower() for text in texts if text}
        out: list[str] = []
        originals = sorted(shown)
        while originals and len(out) < mix.other_names:
            name = (
                change_name(self.rng, originals[len(out) % len(originals)]) if len(out) % 2 else random_name(self.rng)
            )
            if " ".join(name.split()).lower() not in shown:
                out.append(" ".join(name.split()))
        return tuple(out)
