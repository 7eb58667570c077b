"""Losses of the towers: between views of a class, between crops of words and names, and of the letters in a word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from logoscan.training.precision import to_device
from logoscan.training.tower_plan import Plan
from logoscan.training.wordmarks import letter_places


def pair_loss(z: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the supervised contrastive loss (Khosla et al., NeurIPS 2020), a scalar.

    The negatives are in the batch. A memory of the latest batches (Wang et al., CVPR 2020) was tried and made every
    figure worse: pushed away from their own earlier values, all vectors drift in one direction.

    Args:
        z: float32 (n, d) unit vectors.
        labels: int64 (n,), class of each vector.
        temperature: Temperature of the softmax.
    """
    diagonal = torch.eye(len(z), dtype=torch.bool, device=z.device)
    logits = (z @ z.T / temperature).masked_fill(diagonal, -1e4)
    positive = (labels[:, None] == labels[None]) & ~diagonal
    return (-(torch.log_softmax(logits, 1) * positive).sum(1) / positive.sum(1).clamp(min=1)).mean()


def proxy_loss(
    z: torch.Tensor, labels: torch.Tensor, proxies: torch.Tensor, same: torch.Tensor, plan: Plan
) -> torch.Tensor:
    """Return the softmax loss with cosine margin (Wang et al., CVPR 2018) over one learnt vector per class, a scalar.

    Args:
        z: float32 (n, d) unit vectors.
        labels: int64 (n,); classes from ``len(proxies)`` on have no proxy and are left out.
        proxies: float32 (c, d), not normalised; without any, the loss is 0.
        same: bool (c, c), True where two classes look the same and are not negatives (the diagonal is ignored).
        plan: Settings with margin and scale.
    """
    if not len(proxies):
        return z.sum() * 0
    has_proxy = labels < len(proxies)
    target = labels[has_proxy]
    if not len(target):
        return z.sum() * 0
    logits = z[has_proxy] @ F.normalize(proxies, dim=1).T
    ignored = same[target].scatter(1, target[:, None], False)
    margins = torch.zeros_like(logits).scatter(1, target[:, None], plan.margin)
    return F.cross_entropy((plan.scale * (logits - margins)).masked_fill(ignored, -1e4), target)


def text_loss(z: torch.Tensor, names: torch.Tensor, which: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return the contrastive loss between crops and names in both directions (Radford et al., ICML 2021), a scalar.

    Args:
        z: float32 (n, d), vectors of crops that show words.
        names: float32 (m, d), vectors of names; names that crops show come first.
        which: int64 (n,), row in `names` of each crop; on the CPU, or a GPU has to be waited for.
        scale: Inverse temperature.
    """
    logits = scale * (z @ names.T)
    shown = int(which.max()) + 1
    rows = torch.arange(shown, device=z.device)
    which = to_device(which.numpy(), z.device)
    to_crop = torch.log_softmax(logits[:, :shown].T, 1)
    positive = which[None] == rows[:, None]
    to_crop_loss = -(to_crop * positive).sum(1) / positive.sum(1)
    return (F.cross_entropy(logits, which) + to_crop_loss.mean()) / 2


def letters_loss(predicted: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
    """Return the mean binary cross-entropy of predicted `letter_places`, a scalar.

    Args:
        predicted: float32 (n, `LETTER_PLACES`) logits.
        texts: n names.
    """
    target = to_device(np.stack([letter_places(text) for text in texts]), predicted.device)
    return F.binary_cross_entropy_with_logits(predicted, target)
