"""Quality of a detector on composed scenes: recall of marks, and confidence fitted to the share of hits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torchvision.models.detection.fcos import FCOS

from logoscan.images.boxes import clip, iou
from logoscan.training.detector_examples import Example, stack_pixels, to_input
from logoscan.training.precision import autocast
from logoscan.vision.detector_net import decode, outputs


@dataclass(frozen=True, eq=False)
class Proposals:
    """Proposals of a detector on some examples, compared with the true marks.

    Attributes:
        scores: float32 (n,), score of each proposal.
        hits: bool (n,), True if the proposal has an IoU of 0.5 with a mark that no proposal with a higher score hit.
        recalled: bool (m,), True if one of the first 50 proposals of its scene hit the mark.
        long_px: float32 (m,), long side of each mark in the square of the network.
    """

    scores: npt.NDArray[np.float32]
    hits: npt.NDArray[np.bool_]
    recalled: npt.NDArray[np.bool_]
    long_px: npt.NDArray[np.float32]


@torch.inference_mode()
def judge(net: FCOS, examples: Iterable[Example]) -> Proposals:
    """Run a network on examples and return its proposals, compared with the true boxes."""
    scores, hits, recalled, long_px = [], [], [], []
    for example in examples:
        with autocast("cpu"):
            head = outputs(net, to_input(stack_pixels([example])))
        (detections,) = decode(net, head, *example.pixels.shape[:2])
        boxes = clip(detections["boxes"].numpy(), example.pixels.shape[1], example.pixels.shape[0])
        overlap = iou(boxes, example.boxes) >= 0.5
        first = overlap & (np.cumsum(overlap, axis=0) == 1)
        scores.append(detections["scores"].numpy())
        hits.append(first.any(axis=1) if overlap.size else np.zeros(len(boxes), bool))
        recalled.append(overlap[:50].any(axis=0) if overlap.size else np.zeros(len(example.boxes), bool))
        long_px.append((example.boxes[:, 2:] - example.boxes[:, :2]).max(1, initial=0))
    return Proposals(*(np.concatenate(part) for part in (scores, hits, recalled, long_px)))


def fit_confidence(proposals: Proposals) -> tuple[float, float]:
    """Return slope and offset (Platt, 1999) of the probability that a proposal is a mark; needs scikit-learn.

    Raises:
        ValueError: If all proposals or none are hits.
    """
    from sklearn.linear_model import LogisticRegression

    hits = proposals.hits
    if hits.all() or not hits.any():
        raise ValueError(f"proposals: expected hits and misses, got {int(hits.sum())} hits of {len(hits)}")
    score = np.clip(proposals.scores.astype(np.float64), 1e-6, 1 - 1e-6)
    model = LogisticRegression(C=1e6).fit(np.log(score / (1 - score))[:, None], hits)
    return float(model.coef_[0, 0]), float(model.intercept_[0])
