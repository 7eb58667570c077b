"""Both towers: `LevelTrunk` with a linear projection, and a small transformer over letters.

Parameters have the names that open_clip uses, so that a trained file can be put into the weights folder. This module
must not know the training data or files (`model_files`).
"""

from __future__ import annotations

import copy
import gzip
import math
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from logoscan.training.depthwise import FastDepthwise
from logoscan.training.precision import autocast, to_device
from logoscan.vision.detector_boxes import MEAN, STD
from logoscan.vision.level_trunk import LevelTrunk
from logoscan.vision.weights import BPE_FILE

DIM = 1024
"""Length of the vectors of new towers."""
TEXT_CFG: dict[str, Any] = {"context_length": 24, "vocab_size": 514, "width": 128, "heads": 4, "layers": 4}
"""Configuration of the text tower for open_clip; tokens: 256 bytes, 256 bytes at the end of a word, start and end."""


class _Projection(nn.Module):
    """A linear layer under the parameter name of open_clip."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x)  # type: ignore[no-any-return]


class Tower(nn.Module):
    """Image tower: from normalised RGB, float32 (n, 3, h, w), to unit vectors, float32 (n, dim)."""

    def __init__(self, dim: int = DIM) -> None:
        super().__init__()
        self.trunk = LevelTrunk()
        self.head = _Projection(self.trunk.num_features, dim)
        self.norm: nn.BatchNorm1d | None = None
        self._stem: tuple[nn.Module, ...] = ()
        self._frozen = 0

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return len(self.head.proj.weight)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.head.proj.weight.device

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the unit vectors; the folded stem is used in training mode only."""
        if self.training and self._stem:
            with torch.no_grad():
                x = self._stem[0](x)
            x = self.trunk.features_from(x, self._frozen)
        else:
            x = self.trunk(x)
        return F.normalize(self.head(x if self.norm is None else self.norm(x)), dim=1)

    @torch.no_grad()
    def centre(self, crops: npt.NDArray[np.uint8]) -> None:
        """Standardise the pooled features before the projection while training, without changing the vectors.

        Pooled features are all positive. A step of AdamW would change the projection of their common mean far more than
        the differences between marks: vectors drift together and the loss rises to that of chance. `write_model` folds
        the statistics back into the projection.

        Args:
            crops: uint8 (n, h, w, 3) RGB for the initial statistics, a hundred or more.
        """
        was_training = self.training
        features = self.eval().trunk(to_input(crops, self.device))
        self.train(was_training)
        self.norm = nn.BatchNorm1d(features.shape[1], affine=False).to(features.device)
        mean, variance = features.mean(0), features.var(0)
        self.norm.running_mean, self.norm.running_var = mean, variance
        deviation = (variance + self.norm.eps).sqrt()
        self.head.proj.bias.copy_(self.head.proj.bias + self.head.proj.weight @ mean)
        self.head.proj.weight.copy_(self.head.proj.weight * deviation)

    @torch.no_grad()
    def whiten(self, crops: npt.NDArray[np.uint8], shrink: float = 0.3) -> torch.Tensor:
        """Replace the projection by a whitening of the differences between two views of one class, to `DIM` numbers.

        This is learned whitening (Radenovic et al., TPAMI 2019), or within-class covariance normalisation (Hatch et
        al., Interspeech 2006): directions of the pooled features in which pictures of one mark differ are shrunk, the
        others grow, and the directions in which classes differ most are kept. Gradient descent alone stays far from it:
        it took the mean average precision of one model from 0.62 to 0.70, and its oneshot R@1 from 0.68 to 0.80.
        Features of each stage are first brought to one deviation: shrinkage is a share of the mean variance of all.

        Args:
            crops: uint8 (2 n, h, w, 3) RGB, two views of a class side by side; n is some thousands.
            shrink: Shrinkage: added to each variance, as a share of their mean. On the crops of FlickrLogos-27, 0.3
                ranks more logos first that are drawn in another way, and 1 has the better mean average precision.

        Returns:
            float32 (dim before, dim after) on the CPU, where the closed form is computed, whatever the device of the
            tower: the matrix that best maps vectors of the old projection to the new one.
        """
        was_training, device = self.training, self.device
        self.eval()
        with autocast(device):
            parts = [self.trunk(to_input(crops[i : i + 58], device)).float() for i in range(0, len(crops), 58)]
        features = torch.cat(parts)
        if self.norm is not None:
            features = self.norm(features)
        self.train(was_training)
        features, proj = features.cpu(), copy.deepcopy(self.head.proj).cpu()
        mean = features.double().mean(0)
        levels = torch.split(features.double() - mean, list(self.trunk.widths), dim=1)
        scale = torch.cat([level.square().mean().rsqrt().expand(level.shape[1]) for level in levels])
        views = torch.cat(levels, dim=1) * scale
        apart = (views[0::2] - views[1::2]) / math.sqrt(2)
        variance, axes = torch.linalg.eigh(apart.T @ apart / len(apart))
        turn = axes * (variance.clamp(min=0) + shrink * variance.mean()).rsqrt()
        classes = (views[0::2] + views[1::2]) @ turn
        turn = turn @ torch.linalg.eigh(classes.T @ classes)[1].flip(1)[:, :DIM]
        old = (features @ proj.weight.T + proj.bias).double()
        self.head = _Projection(len(mean), turn.shape[1])
        self.head.proj.weight.copy_((turn.T * scale).float())
        self.head.proj.bias.copy_(-((mean * scale) @ turn).float())
        self.head.to(device)
        nearest: torch.Tensor = torch.linalg.lstsq(old, views @ turn, driver="gelsd").solution
        return nearest.float()

    def folded_state(self) -> dict[str, torch.Tensor]:
        """Return parameters and statistics in float32, the standardisation of `centre` folded into the projection."""
        state = {k: v.detach().float() for k, v in self.state_dict().items() if v.is_floating_point()}
        if self.norm is not None:
            mean, variance = state.pop("norm.running_mean"), state.pop("norm.running_var")
            weight = state["head.proj.weight"] / (variance + self.norm.eps).sqrt()
            state |= {"head.proj.weight": weight, "head.proj.bias": state["head.proj.bias"] - weight @ mean}
        return state

    def freeze_stem(self, blocks: int) -> None:
        """Exclude the stem and the first `blocks` stages from training.

        In training mode they run with folded normalisations, which saves a tenth of a step. Call this after the weights
        are loaded.
        """
        frozen = nn.Sequential(self.trunk.conv_stem, self.trunk.bn1, *self.trunk.blocks[:blocks])
        for parameter in frozen.parameters():
            parameter.requires_grad = False
        # The copy is in a tuple, so that it is not a submodule of the tower and not part of its state.
        self._stem, self._frozen = (_folded(frozen),), blocks

    def set_modes(self, learn_statistics: bool) -> None:
        """Set training mode; set frozen stages and, without `learn_statistics`, normalisations to evaluation mode."""
        self.train()
        if self._stem:
            for module in (self.trunk.conv_stem, self.trunk.bn1, *self.trunk.blocks[: self._frozen]):
                module.eval()
        if not learn_statistics:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                    module.eval()


class TextTower(nn.Module):
    """Text tower: from names, letter by letter, to unit vectors, float32 (n, dim); open_clip's transformer."""

    def __init__(self, dim: int = DIM) -> None:
        super().__init__()
        from open_clip.transformer import TextTransformer

        self.transformer_ = TextTransformer(**TEXT_CFG, output_dim=dim)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(14.0)))
        self._tokenizer: Any = None

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.transformer_.text_projection.shape[1])

    def tokens(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the tokens of texts, int64 (n, context length), padded with 0."""
        if self._tokenizer is None:
            self._tokenizer = letter_tokenizer()
        return self._tokenizer(list(texts))  # type: ignore[no-any-return]

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the unit vectors of tokens, int64 (n, up to the context length); padding at the end may be cut off."""
        mask, width = self.transformer_.attn_mask, tokens.shape[1]
        self.transformer_.attn_mask = mask[:width, :width]  # the mask of open_clip is for the whole context
        try:
            return F.normalize(self.transformer_(tokens).float(), dim=1)
        finally:
            self.transformer_.attn_mask = mask


def write_bpe(path: str | Path) -> None:
    """Write a file of merges, without any merge, with which the tokenizer of open_clip reads letter by letter."""
    Path(path).write_bytes(gzip.compress(b"#version: logoscan letters", mtime=0))


def letter_tokenizer() -> Any:
    """Return the tokenizer of open_clip with an empty list of merges."""
    from open_clip.tokenizer import SimpleTokenizer

    with tempfile.TemporaryDirectory() as folder:
        write_bpe(Path(folder) / BPE_FILE)
        return SimpleTokenizer(bpe_path=str(Path(folder) / BPE_FILE), context_length=TEXT_CFG["context_length"])


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


def for_training(tower: Tower, frozen_stages: int = 0, device: torch.device | str = "cpu") -> Tower:
    """Return the tower on a device, with the memory layout and the convolutions that train fastest there.

    The results are the same. On a CPU, stages from `frozen_stages` on get depthwise convolutions with a faster backward
    pass, except the first two: its memory grows with the fourth power of the side of a feature map. Call this before
    `Tower.freeze_stem`, whose copy of the stem stays on its device.
    """
    if torch.device(device).type == "cpu":
        for stage in tower.trunk.blocks[max(2, frozen_stages) :]:
            for block in stage:
                block.conv_dw = FastDepthwise(block.conv_dw)
    return tower.to(device).to(memory_format=torch.channels_last)


@lru_cache(maxsize=8)
def _normalisation(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and deviation of the channels, 0..255, once for each device: a new copy would wait for the GPU."""
    return torch.tensor(MEAN, device=device) * 255, torch.tensor(STD, device=device) * 255


def to_input(crops: npt.NDArray[np.uint8], device: torch.device | str = "cpu") -> torch.Tensor:
    """Return crops as a normalised tensor on a device; the bytes are copied there and become floats there.

    Args:
        crops: uint8 (n, h, w, 3) RGB.
        device: Device of the result.

    Returns:
        float32 (n, 3, h, w), channels last in memory.
    """
    mean, deviation = _normalisation(torch.device(device))
    return ((to_device(crops, device).float() - mean) / deviation).permute(0, 3, 1, 2)


@torch.no_grad()
def embed(tower: Tower, crops: npt.NDArray[np.uint8], batch: int = 64) -> npt.NDArray[np.float32]:
    """Return float32 (n, dim) unit vectors of uint8 (n, h, w, 3) RGB crops, in evaluation mode on its device."""
    was_training = tower.training
    tower.eval()
    parts = [crops[i : i + batch] for i in range(0, len(crops), batch)]
    out = [tower(to_input(part, tower.device)).float().cpu().numpy() for part in parts]
    tower.train(was_training)
    return np.concatenate(out).astype(np.float32) if out else np.zeros((0, tower.dim), np.float32)
