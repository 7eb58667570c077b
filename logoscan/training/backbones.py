"""Compare light backbones: each learns the vectors of the finished tower for the same time, then names unseen marks.

Trained from random weights on labels alone, each of them is still at chance after minutes. The vectors of a teacher
carry more information about each crop (Hinton et al., 2015; features as in Romero et al., ICLR 2015), so minutes are
enough to see differences. This module must not know evaluation data.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import timm
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from logoscan.training.batches import Batch
from logoscan.training.compose import Composer
from logoscan.training.network import Tower, embed, to_input
from logoscan.training.precision import autocast

LIGHT = ("tf_efficientnet_lite0", "mobilenetv4_conv_small", "convnext_atto", "resnet10t")
"""Backbones that are compared by default, by their names in timm."""
# Side of the crops that the backbones are trained on, px.
_INPUT_PX = 112
# Crops in a batch.
_BATCH = 64


@dataclass(frozen=True, eq=False)
class Lesson:
    """Crops and the vectors of the teacher for them: the data of the distillation.

    Attributes:
        crops: uint8 (n, h, w, 3) RGB.
        vectors: float32 (n, dim), unit rows.
    """

    crops: npt.NDArray[np.uint8]
    vectors: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class UnseenMarks:
    """Marks that no lesson shows.

    Attributes:
        drawn: Clean crop of each mark, uint8 (classes, h, w, 3).
        shown: Photo-like crop of each mark, uint8 (classes, h, w, 3).
    """

    drawn: npt.NDArray[np.uint8]
    shown: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class BackboneResult:
    """Result of a backbone.

    Attributes:
        name: Name of the backbone in timm.
        megabytes: Size in half precision, with the projection.
        crops: Number of crops that it was trained on, with repeats.
        cosine: Mean cosine between its vectors and those of the teacher on unseen crops.
        r1: Share of the unseen crops whose nearest clean crop is of the same mark.
        encoded_per_s: Crops encoded per second of processor time; only ratios within one run on one machine
            are meaningful.
    """

    name: str
    megabytes: float
    crops: int
    cosine: float
    r1: float
    encoded_per_s: float


class _Student(nn.Module):
    """A backbone with a projection to vectors of the length of the teacher's."""

    def __init__(self, name: str, dim: int, start: Mapping[str, torch.Tensor] | None) -> None:
        super().__init__()
        self.trunk = timm.create_model(name, num_classes=0)
        if start is not None:
            self.trunk.load_state_dict(start)
        width = int(self.trunk.eval()(torch.zeros(1, 3, _INPUT_PX, _INPUT_PX)).shape[1])
        # pooled features are all positive; without this their common mean would dominate every step (`Tower.centre`)
        self.norm = nn.BatchNorm1d(width, affine=False)
        self.head = nn.Linear(width, dim)

    def forward(self, crops: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Return the unit vectors, float32 (n, dim), of crops, uint8 (n, h, w, 3) RGB."""
        x = F.interpolate(to_input(crops), size=(_INPUT_PX, _INPUT_PX), mode="bilinear", antialias=True)
        with autocast("cpu"):
            features = self.trunk(x.contiguous(memory_format=torch.channels_last))
        return F.normalize(self.head(self.norm(features.float())), dim=1)


def in_order(name: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of another implementation of a backbone under the names that timm gives them.

    Args:
        name: Name of the backbone in timm.
        tensors: Tensors in the order of the layers in timm; those of a classifier at the end are left out.

    Raises:
        ValueError: If there are too few tensors, or one has another shape.
    """
    expected = timm.create_model(name, num_classes=0).state_dict()
    named = dict(zip(expected, tensors.values(), strict=False))
    wrong = [k for k, v in expected.items() if k not in named or named[k].shape != v.shape]
    if wrong:
        raise ValueError(f"weights: expected those of {name} in its order, {wrong[0]} does not fit")
    return named


def unseen_marks(composer: Composer, classes: int) -> UnseenMarks:
    """Compose a clean crop and a photo-like crop of each of the first `classes` classes of a composer."""
    icons = composer.icons
    first = [int(members[0]) for members in icons.by_class()][:classes]
    drawn = [composer.clean(np.array(icons.rgba(i)), bool(icons.one_colour[i])) for i in first]
    shown = [composer.crop(np.array(icons.rgba(i)), bool(icons.one_colour[i])) for i in first]
    return UnseenMarks(np.stack(drawn), np.stack(shown))


def lesson(teacher: Tower, batches: Iterator[Batch], crops: int) -> Lesson:
    """Encode composed crops, at least `crops` of them, with the teacher and return both."""
    pictures: list[npt.NDArray[np.uint8]] = []
    vectors: list[npt.NDArray[np.float32]] = []
    while sum(map(len, pictures)) < crops:
        pictures.append(next(batches).crops)
        vectors.append(embed(teacher, pictures[-1]))
    return Lesson(np.concatenate(pictures), np.concatenate(vectors))


def teacher_r1(teacher: Tower, unseen: UnseenMarks) -> float:
    """Return R@1 of the teacher itself on the unseen marks."""
    return _r1(torch.from_numpy(embed(teacher, unseen.drawn)), torch.from_numpy(embed(teacher, unseen.shown)))


def compare(
    name: str,
    teacher: Tower,
    taught: Lesson,
    unseen: UnseenMarks,
    minutes: float,
    *,
    start: Mapping[str, torch.Tensor] | None = None,
    crops: int | None = None,
    lr: float = 2e-3,
    clock: Callable[[], float] = time.process_time,
) -> BackboneResult:
    """Train one backbone for some minutes, or on some crops, and measure it.

    Args:
        name: Name of the backbone in timm.
        teacher: Tower whose vectors the backbone is to learn.
        taught: Crops with these vectors, used in a new random order in each pass.
        unseen: Marks to measure on.
        minutes: Time of training, by `clock`.
        start: Weights of the backbone to begin from, under the names of timm; random if None.
        crops: Number of crops, with repeats, after which training ends in place of `minutes`; None for the time.
        lr: Peak learning rate (AdamW, falling to zero by a cosine).
        clock: Clock in seconds; the processor's own, since other work may take turns with the training.
    """
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = _Student(name, taught.vectors.shape[1], start).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.02)
    net.train()
    began, steps = clock(), 0
    queue = np.zeros(0, np.int64)
    while (part := (clock() - began) / (60 * minutes) if crops is None else steps * _BATCH / crops) < 1:
        optimizer.param_groups[0]["lr"] = lr * min(1.0, (steps + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * part))
        if len(queue) < _BATCH:  # all batches have one size, for which convolutions on a CPU are fast
            queue = np.resize(rng.permutation(len(taught.crops)), max(_BATCH, len(taught.crops)))
        rows, queue = queue[:_BATCH], queue[_BATCH:]
        loss = 1 - (net(taught.crops[rows]) * torch.from_numpy(taught.vectors[rows])).sum(1).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        steps += 1
    net.eval()
    with torch.inference_mode():
        started = clock()
        drawn, shown = (
            torch.cat([net(part[i : i + _BATCH]) for i in range(0, len(part), _BATCH)])
            for part in (unseen.drawn, unseen.shown)
        )
        seconds = clock() - started
    cosine = (shown.numpy() * embed(teacher, unseen.shown)).sum(1).mean()
    size = sum(p.numel() for p in net.parameters()) * 2 / 1e6
    rate = 2 * len(shown) / max(seconds, 1e-9)
    return BackboneResult(name, size, steps * _BATCH, float(cosine), _r1(drawn, shown), rate)


def _r1(drawn: torch.Tensor, shown: torch.Tensor) -> float:
    """Return the share of the vectors `shown` whose nearest vector in `drawn` is in the same row."""
    return float(((shown @ drawn.T).argmax(1) == torch.arange(len(shown))).float().mean())
