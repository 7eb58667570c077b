"""Light backbones compared: each learns the finished tower's vectors for equal minutes, then names unseen marks.

From random weights and labels alone every one of them is still at chance after minutes; a teacher's vectors say more
about each crop (Hinton et al., 2015; features as in Romero et al., ICLR 2015), so that minutes tell them apart. Must
not know evaluation data.
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

from logoscan.runtime import cpu_has_bf16
from logoscan.training.compose import Batch, Composer
from logoscan.training.network import Tower, embed, to_input

LIGHT = ("tf_efficientnet_lite0", "mobilenetv4_conv_small", "convnext_atto", "resnet10t")
_PX = 112
_BATCH = 64


@dataclass(frozen=True, eq=False)
class Lesson:
    """Crops and what the teacher makes of them.

    Attributes:
        crops: uint8 (n, h, w, 3) RGB.
        vectors: float32 (n, dim), unit rows.
    """

    crops: npt.NDArray[np.uint8]
    vectors: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Unseen:
    """Marks that no lesson shows: a clean drawing and a photo-like crop of each, uint8 (classes, h, w, 3) both."""

    drawn: npt.NDArray[np.uint8]
    shown: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Compared:
    """How a backbone did.

    Attributes:
        name: timm's.
        megabytes: In half precision, with its projection.
        crops: Crops that it learned from, repeats counted.
        cosine: Mean cosine between its vectors and the teacher's, of unseen crops.
        r1: Share of the unseen crops whose own drawing was the nearest.
        encoded_per_s: Crops a second in evaluation mode, same machine and run; for ratios alone.
    """

    name: str
    megabytes: float
    crops: int
    cosine: float
    r1: float
    encoded_per_s: float


class _Student(nn.Module):
    def __init__(self, name: str, dim: int, start: Mapping[str, torch.Tensor] | None) -> None:
        super().__init__()
        self.trunk = timm.create_model(name, num_classes=0)
        if start is not None:
            self.trunk.load_state_dict(start)
        width = int(self.trunk.eval()(torch.zeros(1, 3, _PX, _PX)).shape[1])
        # pooled features are all positive, and their common mean would swallow every step (`Tower.centre`)
        self.norm = nn.BatchNorm1d(width, affine=False)
        self.head = nn.Linear(width, dim)

    def forward(self, crops: npt.NDArray[np.uint8]) -> torch.Tensor:
        x = F.interpolate(to_input(crops), size=(_PX, _PX), mode="bilinear", antialias=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
            features = self.trunk(x.contiguous(memory_format=torch.channels_last))
        return F.normalize(self.head(self.norm(features.float())), dim=1)


def in_order(name: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Name the tensors of another implementation of a backbone as timm does; they come in the same order.

    Args:
        name: Of a timm model.
        tensors: In the order of its layers; a classifier's at the end are left out.

    Raises:
        ValueError: There are too few, or one has another shape.
    """
    own = timm.create_model(name, num_classes=0).state_dict()
    named = dict(zip(own, tensors.values(), strict=False))
    wrong = [k for k, v in own.items() if k not in named or named[k].shape != v.shape]
    if wrong:
        raise ValueError(f"weights: expected those of {name} in its order, {wrong[0]} does not fit")
    return named


def unseen_marks(composer: Composer, classes: int) -> Unseen:
    """Compose a clean drawing and a photo-like crop of each of some classes."""
    marks = composer.icons
    first = [int(members[0]) for members in marks.by_class()][:classes]
    drawn = [composer.clean(np.array(marks.rgba(i)), bool(marks.one_colour[i])) for i in first]
    shown = [composer.crop(np.array(marks.rgba(i)), bool(marks.one_colour[i])) for i in first]
    return Unseen(np.stack(drawn), np.stack(shown))


def lesson(teacher: Tower, batches: Iterator[Batch], crops: int) -> Lesson:
    """Compose crops and encode them with the teacher, `crops` of them at least."""
    pictures: list[npt.NDArray[np.uint8]] = []
    vectors: list[npt.NDArray[np.float32]] = []
    while sum(map(len, pictures)) < crops:
        pictures.append(next(batches).crops)
        vectors.append(embed(teacher, pictures[-1]))
    return Lesson(np.concatenate(pictures), np.concatenate(vectors))


def taught_r1(teacher: Tower, unseen: Unseen) -> float:
    """What the teacher itself reaches on the unseen marks."""
    return _r1(torch.from_numpy(embed(teacher, unseen.drawn)), torch.from_numpy(embed(teacher, unseen.shown)))


def compare(
    name: str,
    teacher: Tower,
    taught: Lesson,
    unseen: Unseen,
    minutes: float,
    *,
    start: Mapping[str, torch.Tensor] | None = None,
    lr: float = 2e-3,
    clock: Callable[[], float] = time.monotonic,
) -> Compared:
    """Teach one backbone for some minutes, and measure it.

    Args:
        name: Of a timm model.
        teacher: Whose vectors it is to have.
        taught: Crops with those vectors, gone through in a new order each time.
        unseen: Marks to measure on.
        minutes: Wall clock of training.
        start: Weights of the backbone to begin from, timm's names; random if None.
        lr: Peak learning rate (AdamW, falling to zero by a cosine).
        clock: Seconds.
    """
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = _Student(name, taught.vectors.shape[1], start).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.02)
    net.train()
    began, steps = clock(), 0
    waiting = np.zeros(0, np.int64)
    while (part := (clock() - began) / (60 * minutes)) < 1:
        optimizer.param_groups[0]["lr"] = lr * min(1.0, (steps + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * part))
        if len(waiting) < _BATCH:  # batches of one size are what CPU convolutions are fast at
            waiting = np.resize(rng.permutation(len(taught.crops)), max(_BATCH, len(taught.crops)))
        rows, waiting = waiting[:_BATCH], waiting[_BATCH:]
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
    like = (shown.numpy() * embed(teacher, unseen.shown)).sum(1).mean()
    size = sum(p.numel() for p in net.parameters()) * 2 / 1e6
    rate = 2 * len(shown) / max(seconds, 1e-9)
    return Compared(name, size, steps * _BATCH, float(like), _r1(drawn, shown), rate)


def _r1(drawn: torch.Tensor, shown: torch.Tensor) -> float:
    return float(((shown @ drawn.T).argmax(1) == torch.arange(len(shown))).float().mean())
