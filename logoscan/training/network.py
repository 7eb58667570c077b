"""The image tower: EfficientNet-Lite0, average pooling, a linear projection; read from and written to safetensors.

The key layout is open_clip's (``visual.trunk.*``, ``visual.head.proj.*``), so that a trained file drops into the
weights folder. Must not know what is trained on.
"""

from __future__ import annotations

import copy
import itertools
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import timm
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
BACKBONE = "tf_efficientnet_lite0"
DIM = 256
_PREFIX = "visual."


class _Projection(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, DIM)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x)  # type: ignore[no-any-return]


class Tower(nn.Module):
    """float32 (n, 3, 112, 112) normalised RGB to float32 (n, 256) vectors of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = timm.create_model(BACKBONE, num_classes=0)
        self.head = _Projection(int(self.trunk.num_features))
        self._stem: tuple[nn.Module, ...] = ()
        self._frozen = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the unit vectors; the folded stem is used in training mode alone."""
        if self.training and self._stem:
            with torch.no_grad():
                x = self._stem[0](x)
            x = self.trunk.bn2(self.trunk.conv_head(self.trunk.blocks[self._frozen :](x)))
            x = self.trunk.global_pool(x)
        else:
            x = self.trunk(x)
        return F.normalize(self.head(x), dim=1)

    def freeze_stem(self, blocks: int) -> None:
        """Take the stem and the first `blocks` stages out of training and run them with folded normalisations there.

        In training mode only; folding saves a tenth of a step. Call it after the weights are loaded.
        """
        frozen = nn.Sequential(self.trunk.conv_stem, self.trunk.bn1, *self.trunk.blocks[:blocks])
        for parameter in frozen.parameters():
            parameter.requires_grad = False
        # In a tuple, so that the copy is no module of the tower and has no keys in its state.
        self._stem, self._frozen = (_folded(frozen),), blocks

    def set_modes(self, learn_statistics: bool) -> None:
        """Set training mode, frozen stages and (without `learn_statistics`) all normalisations in evaluation mode."""
        self.train()
        if self._stem:
            for module in (self.trunk.conv_stem, self.trunk.bn1, *self.trunk.blocks[: self._frozen]):
                module.eval()
        if not learn_statistics:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()


def _folded(module: nn.Sequential) -> nn.Module:
    """Return a copy in evaluation mode whose normalisations are folded into the convolutions before them."""
    copied = copy.deepcopy(module).eval()
    for parent in list(copied.modules()):
        conv: tuple[str, nn.Conv2d] | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                conv = (name, child)
            elif isinstance(child, nn.BatchNorm2d) and conv is not None:
                setattr(parent, conv[0], fuse_conv_bn_eval(conv[1], child))
                setattr(parent, name, child.act)
                conv = None
    return copied.to(memory_format=torch.channels_last)


class _Depthwise(torch.autograd.Function):
    """Depthwise convolution of stride 1 with a backward pass for pictures smaller than the kernel.

    oneDNN (torch 2.14, AVX2) needs 290 ms backward for 96 pictures of 1152 x 4 x 4 and a 5 x 5 kernel. Here the
    gradient of the picture is a convolution with the turned kernel, that of the weights one matrix product a channel.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, weight = ctx.saved_tensors
        (grad,) = grads
        size, (n, c, h, w) = weight.shape[-1], x.shape
        grad_x = F.conv2d(grad, weight.flip(2, 3), padding=size // 2, groups=c)
        pairs = torch.bmm(x.permute(1, 2, 3, 0).reshape(c, h * w, n), grad.permute(1, 0, 2, 3).reshape(c, n, h * w))
        return grad_x, (pairs.reshape(c, -1) @ _taps(h, w, size)).view_as(weight)


@lru_cache(maxsize=8)
def _taps(h: int, w: int, size: int) -> torch.Tensor:
    """Return float32 (h w h w, size size): which kernel tap joins an input pixel and an output pixel."""
    out = torch.zeros(h, w, h, w, size, size)
    reach = size // 2
    for y, x, ky, kx in itertools.product(range(h), range(w), range(size), range(size)):
        iy, ix = y + ky - reach, x + kx - reach
        if 0 <= iy < h and 0 <= ix < w:
            out[iy, ix, y, x, ky, kx] = 1
    return out.reshape(h * w * h * w, size * size)


class _SmallDepthwise(nn.Module):
    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight = conv.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Depthwise.apply(x, self.weight)  # type: ignore[no-any-return]


def for_training(tower: Tower) -> Tower:
    """Put a tower into the memory layout and the convolution paths that train fastest on a CPU; same results."""
    for block in tower.trunk.blocks[5]:
        if block.conv_dw.kernel_size == (5, 5) and block.conv_dw.stride == (1, 1):
            block.conv_dw = _SmallDepthwise(block.conv_dw)
    return tower.to(memory_format=torch.channels_last)


def read_tower(path: str | Path) -> Tower:
    """Read a tower from a safetensors file of the layout of `write_tower`.

    Raises:
        RuntimeError: If keys or shapes are not those of the tower.
    """
    tensors = {k.removeprefix(_PREFIX): v.float() for k, v in load_file(str(path)).items() if k.startswith(_PREFIX)}
    tower = Tower()
    counters = {k: v for k, v in tower.state_dict().items() if not v.is_floating_point()}  # not in the file
    tensors = {k: v for k, v in tensors.items() if k not in counters} | counters
    tower.load_state_dict(tensors)
    return tower


def write_tower(tower: Tower, path: str | Path, notes: dict[str, object] | None = None) -> None:
    """Write a tower in half precision, without the batch counters of normalisations; written beside, then renamed.

    Args:
        tower: The tower.
        path: Target file.
        notes: Stored as JSON in the file's metadata.
    """
    state = {_PREFIX + k: v for k, v in tower.state_dict().items() if v.is_floating_point()}
    half = {k: v.half().contiguous().clone() for k, v in state.items()}
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    save_file(half, str(partial), metadata={"format": "pt", "training": json.dumps(notes or {})})
    partial.replace(target)


def to_input(crops: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Return uint8 (n, h, w, 3) RGB as a normalised float32 (n, 3, h, w) tensor, channels last in memory."""
    x = torch.from_numpy(np.ascontiguousarray(crops)).float()
    x = (x - torch.tensor(MEAN) * 255) / (torch.tensor(STD) * 255)
    return x.permute(0, 3, 1, 2)


@torch.no_grad()
def embed(tower: Tower, crops: npt.NDArray[np.uint8], batch: int = 64) -> npt.NDArray[np.float32]:
    """Return float32 (n, 256) unit vectors of uint8 (n, 112, 112, 3) RGB crops, in evaluation mode."""
    was = tower.training
    tower.eval()
    out = [tower(to_input(crops[i : i + batch])).numpy() for i in range(0, len(crops), batch)]
    tower.train(was)
    return np.concatenate(out).astype(np.float32) if out else np.zeros((0, DIM), np.float32)
