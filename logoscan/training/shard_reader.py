"""Read kept shards in a new order each epoch, in place of composing (`shard_writer`).

Pictures are moved by a few pixels and made a little lighter or darker each time. They are never mirrored: a mirrored
mark is another class.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from logoscan.errors import MismatchError
from logoscan.images.boxes import area, clip
from logoscan.training.batches import Batch
from logoscan.training.compose import Composer
from logoscan.training.detector_examples import VISIBLE_SHARE, Example
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.effects import Rgb8
from logoscan.training.shard_files import (
    Arrays,
    Kind,
    read_arrays,
    read_made_by,
    require_alike,
    shard_paths,
    to_batch,
    to_examples,
)

# Greatest shift of a picture, as a share of its side; 128 px move by up to 4 px.
_SHIFT = 1 / 32
# Greatest change of the contrast, as a share, and of the brightness, in levels.
_CONTRAST, _BRIGHTNESS = 0.1, 10.0


@dataclass(frozen=True)
class Shards:
    """Kept shards as a source of batches.

    Attributes:
        folder: Folder of the shards.
        epochs: How many times each batch is read; None: as often as the run goes on.
    """

    folder: str
    epochs: int | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise ValueError(f"shards.epochs: expected 1 or more, or None, got {self.epochs}")

    def first(self, kind: Kind) -> tuple[Path, dict[str, object]]:
        """Return the path of the first shard of a kind, and what made it.

        Raises:
            ValueError: If there is none.
        """
        paths = shard_paths(Path(self.folder), kind)
        if not paths:
            raise ValueError(f"{self.folder}: expected shards of {kind}, got none")
        return paths[0], read_made_by(paths[0])


def require_classes(shards: Shards, composer: Composer) -> None:
    """Refuse shards of crops whose class numbers are not those of the composer.

    Raises:
        MismatchError: If they were composed from other classes of icons.
        ValueError: If there are no shards of crops.
    """
    path, made_by = shards.first("crops")
    own, theirs = composer.material(), made_by["material"]
    if not isinstance(theirs, dict) or own["names"] != theirs.get("names"):
        raise MismatchError(f"{path}: expected a shard of the classes in {own}, got one of {theirs}")


def require_scenes(shards: Shards, plan: DetectorPlan) -> None:
    """Refuse shards of scenes whose size or number in a batch is not that of a plan.

    Raises:
        MismatchError: If one of both differs.
        ValueError: If there are no shards of scenes.
    """
    path, made_by = shards.first("scenes")
    own, theirs = {"size_px": plan.size_px, "batch": plan.batch}, made_by["contents"]
    if not isinstance(theirs, dict) or own != {name: theirs.get(name) for name in own}:
        raise MismatchError(f"{path}: expected a shard of scenes with {own}, got one with {theirs}")


def shuffled(shards: Shards, kind: Kind, seed: int, part: int = 0, parts: int = 1) -> Iterator[Arrays]:
    """Yield the batches of all shards in a random order, another one in each epoch.

    Shards that were written meanwhile are read from the next epoch on.

    Args:
        shards: Folder and number of epochs.
        kind: What the batches hold.
        seed: Seed of the orders.
        part: Number of the share of the batches that is read, from 0 on.
        parts: Number of shares; each batch of an epoch is in one of them.

    Raises:
        MismatchError: If the shards were not all made of the same.
        ValueError: If there are none.
    """
    _, expected = shards.first(kind)
    counts: dict[Path, int] = {}
    for epoch in itertools.count() if shards.epochs is None else range(shards.epochs):
        for path in shard_paths(Path(shards.folder), kind):
            if path not in counts:
                made_by = read_made_by(path)
                require_alike(path, made_by, expected)
                counts[path] = int(made_by["batches"])
        batches = [(path, i) for path, count in counts.items() for i in range(count)]
        order = np.random.default_rng([seed, epoch]).permutation(len(batches))
        for k in order[part::parts].tolist():
            yield read_arrays(*batches[k])


def vary(picture: Rgb8, rng: np.random.Generator) -> tuple[int, int]:
    """Move a picture and change its light, in place; what comes in at an edge continues that edge.

    Args:
        picture: uint8 (h, w, 3) RGB.
        rng: Source of all choices.

    Returns:
        How far it was moved to the right and down, px.
    """
    h, w = picture.shape[:2]
    reach = int(min(h, w) * _SHIFT)
    x, y = (int(v) for v in rng.integers(-reach, reach + 1, 2))
    gain, offset = 1 + rng.uniform(-_CONTRAST, _CONTRAST), rng.uniform(-_BRIGHTNESS, _BRIGHTNESS)
    levels = np.clip((np.arange(256) - 128) * gain + 128 + offset + 0.5, 0, 255).astype(np.uint8)
    rows, columns = np.clip(np.arange(h) - y, 0, h - 1), np.clip(np.arange(w) - x, 0, w - 1)
    picture[:] = cv2.LUT(np.ascontiguousarray(picture[rows][:, columns]), levels)
    return x, y


def vary_example(example: Example, rng: np.random.Generator) -> Example:
    """Vary a scene, in place, and return it with the boxes of the marks that are still seen."""
    x, y = vary(example.pixels, rng)
    h, w = example.pixels.shape[:2]
    boxes = clip(example.boxes + np.array([x, y, x, y], np.float32), w, h)
    return replace(example, boxes=boxes[area(boxes) > VISIBLE_SHARE * area(example.boxes)])


@dataclass(frozen=True)
class KeptBatches:
    """A picklable factory of functions that read batches of crops, as `Batches` makes them.

    Attributes:
        shards: Folder and number of epochs.
        seed: Seed of the order and of the variations.
        part: Number of the share of the batches that is read, from 0 on.
        parts: Number of shares.
    """

    shards: Shards
    seed: int
    part: int = 0
    parts: int = 1

    def __call__(self) -> Callable[[], Batch]:
        """Open the folder and return a function that reads the next batch; it raises StopIteration at the end."""
        source = shuffled(self.shards, "crops", self.seed, self.part, self.parts)
        rng = np.random.default_rng([self.seed, self.part])

        def draw() -> Batch:
            batch = to_batch(next(source))
            for crop in batch.crops:
                vary(crop, rng)
            return batch

        return draw


@dataclass(frozen=True)
class KeptScenes:
    """A picklable factory of functions that read batches of scenes, as `Scenes` makes them.

    Attributes:
        shards: Folder and number of epochs.
        seed: Seed of the order and of the variations.
        part: Number of the share of the batches that is read, from 0 on.
        parts: Number of shares.
    """

    shards: Shards
    seed: int
    part: int = 0
    parts: int = 1

    def __call__(self) -> Callable[[], list[Example]]:
        """Open the folder and return a function that reads the next batch; it raises StopIteration at the end."""
        source = shuffled(self.shards, "scenes", self.seed, self.part, self.parts)
        rng = np.random.default_rng([self.seed, self.part])
        return lambda: [vary_example(example, rng) for example in to_examples(next(source))]
