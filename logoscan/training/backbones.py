"""Light backbones compared: the same crops, loss and minutes for each, then unseen marks named by it.

Random weights for all, because no registry carries ImageNet weights of more than one of them. Must not know evaluation
data.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import timm
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from logoscan.encode import cpu_has_bf16
from logoscan.training.compose import Batch, Composer
from logoscan.training.losses import pair_loss
from logoscan.training.network import to_input

LIGHT = ("tf_efficientnet_lite0", "mobilenetv4_conv_small", "convnext_atto", "resnet10t")
_PX = 112


@dataclass(frozen=True)
class Compared:
    """How a backbone did.

    Attributes:
        name: timm's.
        megabytes: In half precision, with its projection.
        crops: Crops that it saw.
        loss: Mean pairwise loss of the last tenth of the steps.
        r1: Share of composed crops of unseen marks that it named right among all their classes.
        encoded_per_s: Crops a second in evaluation mode, same machine and run; for ratios alone.
    """

    name: str
    megabytes: float
    crops: int
    loss: float
    r1: float
    encoded_per_s: float


class _Net(nn.Module):
    def __init__(self, name: str, dim: int) -> None:
        super().__init__()
        self.trunk = timm.create_model(name, num_classes=0)
        width = int(self.trunk.eval()(torch.zeros(1, 3, _PX, _PX)).shape[1])
        # pooled features are all positive, and their common mean would swallow every step (`Tower.centre`)
        self.norm = nn.BatchNorm1d(width, affine=False)
        self.head = nn.Linear(width, dim)

    def forward(self, crops: npt.NDArray[np.uint8]) -> torch.Tensor:
        x = F.interpolate(to_input(crops), size=(_PX, _PX), mode="bilinear", antialias=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
            features = self.trunk(x.contiguous(memory_format=torch.channels_last))
        return F.normalize(self.head(self.norm(features.float())), dim=1)


def unseen_pairs(composer: Composer, classes: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """A clean drawing of each of some classes and a photo-like crop of it: uint8 (classes, h, w, 3) both."""
    marks = composer.drawings
    first = [int(members[0]) for members in marks.by_class()][:classes]
    drawn = [composer.clean(np.array(marks.rgba(i)), bool(marks.one_colour[i])) for i in first]
    shown = [composer.crop(np.array(marks.rgba(i)), bool(marks.one_colour[i])) for i in first]
    return np.stack(drawn), np.stack(shown)


def compare(
    name: str,
    batches: Iterator[Batch],
    unseen: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]],
    minutes: float,
    *,
    dim: int = 256,
    lr: float = 1e-3,
    clock: Callable[[], float] = time.monotonic,
) -> Compared:
    """Train one backbone from random weights for some minutes, and measure it.

    Args:
        name: Of a timm model.
        batches: Of a composer over the training drawings.
        unseen: Of `unseen_pairs` over drawings that are not trained on.
        minutes: Wall clock of training, waits for batches included.
        dim: Length of the vectors.
        lr: Peak learning rate (AdamW, falling to zero by a cosine).
        clock: Seconds.
    """
    torch.manual_seed(0)
    net = _Net(name, dim).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.02)
    batch = next(batches)  # the composer has started when the clock does
    began, crops = clock(), 0
    losses: list[float] = []
    while (part := (clock() - began) / (60 * minutes)) < 1:
        optimizer.param_groups[0]["lr"] = lr * min(1.0, (len(losses) + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * part))
        loss = pair_loss(net.train()(batch.crops), torch.from_numpy(batch.labels), 0.07)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
        crops += len(batch.crops)
        batch = next(batches)
    net.eval()
    with torch.inference_mode():
        start = clock()
        gallery, queries = (torch.cat([net(part[i : i + 64]) for i in range(0, len(part), 64)]) for part in unseen)
        seconds = clock() - start
    right = (queries @ gallery.T).argmax(1) == torch.arange(len(queries))
    size = sum(p.numel() for p in net.parameters()) * 2 / 1e6
    last = losses[-max(1, len(losses) // 10) :]
    rate = 2 * len(queries) / max(seconds, 1e-9)
    return Compared(name, size, crops, float(np.mean(last)), float(right.float().mean()), rate)
