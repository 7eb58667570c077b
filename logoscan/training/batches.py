"""What a batch of crops is, and what it is made of (`Mix`). This module must not know how crops are composed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logoscan.training.effects import Rgb8


@dataclass(frozen=True)
class Mix:
    """Contents of a training batch.

    Attributes:
        drawn: Number of classes taken from the icons of brands.
        pictograms: Number of classes taken from the icons of pictograms.
        wordmarks: Number of procedural wordmarks; every second one differs from the one before in a letter or two.
        look_alikes: Number of edited icons; each is a class of its own, in the same batch as the original.
        packs: Number of made-up packs; every second one is the one before in other colours.
        abstract: Number of made-up abstract marks; every second one is a near miss of the one before.
        other_names: Number of names that no crop of the batch shows, as negatives for the text tower.
        clean: Chance that the first view of a class is a clean crop on a plain background.
        other_drawing: Chance that the second view shows another icon of the class, where there is one.
        other_font: Chance that the second view of a wordmark is in another lettering.
        with_word: Chance that a photo-like view of a mark has a word beside it: the name of its brand or a made-up one.
        on_goods: Chance that a photo-like view lies on goods.
    """

    drawn: int = 40
    pictograms: int = 8
    wordmarks: int = 32
    look_alikes: int = 10
    packs: int = 6
    abstract: int = 12
    other_names: int = 100
    clean: float = 0.35
    other_drawing: float = 0.65
    other_font: float = 0.3
    with_word: float = 0.22
    on_goods: float = 0.25

    def __post_init__(self) -> None:
        marks = (self.drawn, self.pictograms, self.wordmarks, self.look_alikes, self.packs)
        counts = (*marks, self.abstract, self.other_names)
        if min(counts) < 0 or self.drawn + self.pictograms + self.wordmarks < 2:
            raise ValueError(
                "mix: expected counts of 0 or more and at least two classes, got drawn "
                f"{self.drawn}, pictograms {self.pictograms}, wordmarks {self.wordmarks}, "
                f"look_alikes {self.look_alikes}, packs {self.packs}, abstract {self.abstract}, "
                f"other_names {self.other_names}"
            )
        if self.look_alikes > self.drawn:
            raise ValueError(f"mix.look_alikes: expected at most drawn ({self.drawn}), got {self.look_alikes}")
        for name in ("clean", "other_drawing", "other_font", "with_word", "on_goods"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"mix.{name}: expected 0..1, got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Batch:
    """Labelled crops, two views of a class side by side.

    Attributes:
        crops: uint8 (n, `CROP_PX`, `CROP_PX`, 3) RGB.
        labels: int64 (n,); class numbers. Classes of icons keep their number in `Icons.names`; every other class gets a
            new, higher number that no other batch of the composer uses.
        texts: Words that each crop shows, n entries; "" where they are unknown.
        other_names: Names that no crop of the batch shows, some of them near misses of names that it shows.
    """

    crops: Rgb8
    labels: npt.NDArray[np.int64]
    texts: tuple[str, ...]
    other_names: tuple[str, ...]


def join_batches(batches: Sequence[Batch], classes: int) -> Batch:
    """Return several batches as one, in which crops of the others are further negatives.

    Args:
        batches: Batches of composers with the same icons, at least one.
        classes: Number of classes of icons. These keep their numbers; every other class gets a new one, because each
            composer counts its own.

    Returns:
        All crops in order. A name that one batch shows is no longer among the names that no crop shows.
    """
    if len(batches) == 1:
        return batches[0]
    labels, free = [], classes
    for batch in batches:
        own = batch.labels >= classes
        fresh = np.unique(batch.labels[own])
        moved = batch.labels.copy()
        moved[own] = free + np.searchsorted(fresh, batch.labels[own])
        labels.append(moved)
        free += len(fresh)
    texts = tuple(text for batch in batches for text in batch.texts)
    shown = {text.lower() for text in texts}
    others = tuple(name for batch in batches for name in batch.other_names if name.lower() not in shown)
    return Batch(np.concatenate([batch.crops for batch in batches]), np.concatenate(labels), texts, others)
