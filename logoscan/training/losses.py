"""The losses of the towers: views of a class together, words with their names, which letters stand where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from logoscan.training.wordmarks import letter_places


def pair_loss(z: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """Supervised contrastive loss (Khosla et al., NeurIPS 2020), a scalar.

    Negatives are those of the batch. A memory of the latest batches (Wang et al., CVPR 2020) was tried and made every
    figure worse: pushed from where they just were, all vectors drift together.

    Args:
        z: float32 (n, d) unit vectors.
        labels: int64 (n,).
        temperature: Of the softmax.
    """
    own = torch.eye(len(z), dtype=torch.bool)
    similar = (z @ z.T / temperature).masked_fill(own, -1e4)
    positive = (labels[:, None] == labels[None]) & ~own
    return (-(torch.log_softmax(similar, 1) * positive).sum(1) / positive.sum(1).clamp(min=1)).mean()


def text_loss(z: torch.Tensor, names: torch.Tensor, which: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Contrast of crops and names both ways (Radford et al., ICML 2021), a scalar.

    Args:
        z: float32 (n, d), vectors of crops that show words.
        names: float32 (m, d), vectors of names, those of the crops first.
        which: int64 (n,), the name of each crop.
        scale: Inverse temperature.
    """
    logits = scale * (z @ names.T)
    shown = int(which.max()) + 1
    to_crop = torch.log_softmax(logits[:, :shown].T, 1)
    own = which[None] == torch.arange(shown)[:, None]
    back = -(to_crop * own).sum(1) / own.sum(1)
    return (F.cross_entropy(logits, which) + back.mean()) / 2


def letters_loss(predicted: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
    """Mean binary cross-entropy of `letter_places`, a scalar.

    Args:
        predicted: float32 (n, `LETTER_PLACES`) logits.
        texts: n names.
    """
    wanted = torch.from_numpy(np.stack([letter_places(text) for text in texts]))
    return F.binary_cross_entropy_with_logits(predicted, wanted)
