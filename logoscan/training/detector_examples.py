"""Training examples of the detector: composed scenes padded to a square, mosaics and enlarged parts of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torchvision.transforms.functional import normalize, resize

from logoscan.images.boxes import area, clip, to_square
from logoscan.images.crops import square_crops
from logoscan.training.compose import Composer
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.precision import to_device
from logoscan.training.scenes import Scene, compose_scene
from logoscan.types import Boxes
from logoscan.vision.detector_boxes import MEAN, STD

# Short side, px in the square of the network, below which a mark is neither trained on nor counted.
_MIN_BOX_PX = 6.0
VISIBLE_SHARE = 0.6
"""Share of a mark that a part of a scene has to show for the mark to keep its box there."""


@dataclass(frozen=True, eq=False)
class Example:
    """A scene as the network gets it.

    Attributes:
        pixels: uint8 (S, S, 3) RGB.
        boxes: float32 (n, 4), xyxy px of that square.
    """

    pixels: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]


def letterbox(scene: Scene, size_px: int) -> Example:
    """Return a scene scaled and padded to a square of `size_px`, as `LogoDetector` does with a picture."""
    height, width = scene.rgb.shape[:2]
    pixels = square_crops(scene.rgb, np.array([[0, 0, width, height]], np.float32), size_px, "pad")[0]
    boxes = to_square(scene.boxes, width, height, size_px)
    large = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) >= _MIN_BOX_PX if len(boxes) else np.zeros(0, bool)
    return Example(pixels, boxes[large])


@dataclass(frozen=True)
class Scenes:
    """A picklable factory of functions that make batches of examples.

    Attributes:
        make: Function that builds a composer from a seed.
        seed: Seed of the composer.
        plan: Settings of the scenes and size of a batch.
    """

    make: Callable[[int], Composer]
    seed: int
    plan: DetectorPlan

    def __call__(self) -> Callable[[], list[Example]]:
        """Build the composer and return a function that makes a batch."""
        composer = self.make(self.seed)
        return lambda: [self.example(composer) for _ in range(self.plan.batch)]

    def example(self, composer: Composer) -> Example:
        """Return one scene; a sixth of all scenes are without marks."""
        plan, rng = self.plan, composer.rng
        scene = compose_scene(
            rng,
            composer.icons,
            composer.backgrounds,
            composer.materials,
            fonts=composer.fonts,
            marks=(0, 0) if rng.random() < 1 / 6 else (1, 6),
            words=plan.words,
            distractors=plan.distractors,
            groups=plan.groups,
            crowds=plan.crowds,
            goods=plan.goods,
            garments=composer.garments,
            abstract=plan.abstract,
        )
        return letterbox(scene, plan.size_px)


def to_input(pixels: torch.Tensor) -> torch.Tensor:
    """Convert uint8 (n, 3, S, S) to the input of the network: float32, normalised, channels last in memory."""
    normalised: torch.Tensor = normalize(pixels.float() / 255, MEAN, STD)
    return normalised.contiguous(memory_format=torch.channels_last)


def stack_pixels(examples: Sequence[Example], device: torch.device | str = "cpu") -> torch.Tensor:
    """Return the pixels of examples on a device, uint8 (n, 3, S, S)."""
    return to_device(np.stack([e.pixels for e in examples]), device).permute(0, 3, 1, 2)


def augment(
    pixels: torch.Tensor, boxes: Sequence[Boxes], plan: DetectorPlan, rng: np.random.Generator
) -> tuple[torch.Tensor, list[Boxes]]:
    """Return scenes followed by mosaics and enlarged parts of them, because composing takes longer than training.

    Args:
        pixels: uint8 (n, 3, S, S).
        boxes: Marks of each scene, float32 (k, 4), xyxy px.
        plan: Numbers of mosaics and enlarged parts, and the side S.
        rng: Source of all choices.

    Returns:
        Pixels, uint8 (m, 3, S, S), and the boxes of each picture, without those under 6 px.
    """
    side, n = plan.size_px, len(boxes)
    pictures, truth = [pixels], list(boxes)
    for _ in range(round(plan.mosaics * n) if n >= 4 else 0):
        four = rng.choice(n, 4, replace=False)
        a, b, c, d = resize(pixels[torch.from_numpy(four).to(pixels.device)], [side // 2, side // 2], antialias=True)
        pictures.append(torch.cat([torch.cat([a, b], 2), torch.cat([c, d], 2)], 1)[None])
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32) * (side // 2)
        moved = [boxes[i] / 2 + np.tile(at, 2) for i, at in zip(four, corners, strict=True)]
        truth.append(np.concatenate(moved).astype(np.float32))
    for i in rng.choice(n, round(plan.zooms * n), replace=False):
        part = int(side / rng.uniform(1.3, 2.0))
        y, x = rng.integers(0, side - part + 1, 2)
        pictures.append(resize(pixels[i : i + 1, :, y : y + part, x : x + part], [side, side], antialias=False))
        inside = clip(boxes[i] - np.array([x, y, x, y], np.float32), part, part)
        shown = area(inside) > VISIBLE_SHARE * area(boxes[i])
        truth.append((inside[shown] * (side / part)).astype(np.float32))
    return torch.cat(pictures), [b[(b[:, 2:] - b[:, :2]).min(1, initial=np.inf) >= _MIN_BOX_PX] for b in truth]
