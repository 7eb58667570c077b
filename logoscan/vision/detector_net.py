"""The network of the trained detector, for use and for training.

FCOS (Tian et al., TPAMI 2020; torchvision's implementation) for one class, "a mark of any brand", over an
EfficientNet-Lite0 with a feature pyramid at strides 8 to 64. Reads no photos and no files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS, FCOSHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork, nms
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from logoscan.types import Boxes

__all__ = [
    "MEAN",
    "STD",
    "Heads",
    "anchors_of",
    "best_boxes",
    "build",
    "decode",
    "level_shapes",
    "outputs",
    "suppress",
]

MEAN = (0.485, 0.456, 0.406)
"""Mean of each channel that pixels in 0..1 are normalised with, as for ImageNet."""
STD = (0.229, 0.224, 0.225)
"""Standard deviation of each channel that pixels in 0..1 are normalised with, as for ImageNet."""
# Name of the backbone in timm.
_BACKBONE = "tf_efficientnet_lite0"
# Channels of the feature pyramid, and the strides of its levels in pixels.
_CHANNELS = 64
_STRIDES = (8, 16, 32, 64)
# Best positions of each level that are decoded.
_DECODED_PER_LEVEL = 300
# Intersection over union above which the worse of two boxes is dropped; a mark, and the mark with its word, are both
# kept.
_NMS_IOU = 0.6
# Least score of a box, and most boxes of a picture.
_LEAST_SCORE, _MOST_BOXES = 0.02, 200


class _Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = timm.create_model(_BACKBONE, features_only=True, out_indices=(2, 3, 4))
        self.fpn = FeaturePyramidNetwork(self.trunk.feature_info.channels(), _CHANNELS, LastLevelMaxPool())
        self.out_channels = _CHANNELS

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        levels: dict[str, torch.Tensor] = self.fpn({str(i): f for i, f in enumerate(self.trunk(x))})
        return levels


def build() -> FCOS:
    """Return the network with random weights, about 3 million parameters."""
    anchors = AnchorGenerator(tuple((s,) for s in _STRIDES), ((1.0,),) * len(_STRIDES))
    return FCOS(
        _Pyramid(),
        num_classes=1,
        anchor_generator=anchors,
        head=FCOSHead(_CHANNELS, 1, 1, num_convs=2),
        center_sampling_radius=1.5,
        score_thresh=_LEAST_SCORE,
        nms_thresh=_NMS_IOU,
        detections_per_img=_MOST_BOXES,
        topk_candidates=_DECODED_PER_LEVEL,
    )


class Heads(nn.Module):
    """The network up to its heads: tensors in, tensors out, as compilers need it."""

    names = ("cls_logits", "bbox_regression", "bbox_ctrness")
    """Names of the outputs, in order."""

    def __init__(self, net: FCOS) -> None:
        """Share the layers of `net`."""
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run the network.

        Args:
            x: float32 (n, 3, h, w), sides multiples of 64.

        Returns:
            Outputs of the heads, float32, each (n, positions, k).
        """
        head = self.net.head(list(self.net.backbone(x).values()))
        return tuple(head[name].float() for name in self.names)


def level_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Return the rows and columns of positions on each level of the pyramid, for pictures of this size in pixels."""
    return [(-(-height // stride), -(-width // stride)) for stride in _STRIDES]


def outputs(net: FCOS, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Run the network on float32 (n, 3, h, w), sides multiples of 64, and return the heads' outputs by name."""
    return dict(zip(Heads.names, Heads(net)(x), strict=True))


def anchors_of(net: FCOS, count: int, height: int, width: int) -> list[torch.Tensor]:
    """Return the anchors of each of `count` pictures of this size in pixels, float32 (positions, 4)."""
    device = next(net.parameters()).device
    levels = [
        torch.empty(count, 1, *shape, dtype=torch.float32, device=device) for shape in level_shapes(height, width)
    ]
    images = ImageList(
        torch.empty(count, 1, height, width, dtype=torch.float32, device=device), [(height, width)] * count
    )
    anchors: list[torch.Tensor] = net.anchor_generator(images, levels)
    return anchors


def best_boxes(heads: Sequence[torch.Tensor], height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Decode the outputs of the heads at the best positions of each level, always as many.

    Nothing is asked of the device, so that a CUDA graph can hold it: `decode` takes 1,800 operations and 16 waits for
    eight pictures. `suppress` does the rest.

    Args:
        heads: Outputs of the heads in the order of `Heads.names`, float32 (n, positions, k).
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.

    Returns:
        Boxes float32 (n, k, 4), xyxy in the pictures, and their scores float32 (n, k) in 0..1, level by level.
    """
    logits, offsets, centredness = heads
    scores = (logits.sigmoid() * centredness.sigmoid()).sqrt()[..., 0]
    boxes, best, start = [], [], 0
    for stride, (rows, columns) in zip(_STRIDES, level_shapes(height, width), strict=True):
        here = slice(start, start + rows * columns)
        score, position = scores[:, here].topk(min(_DECODED_PER_LEVEL, rows * columns), dim=1)
        centre = torch.stack([position % columns, position // columns], dim=-1) * stride
        offset = offsets[:, here].gather(1, position[..., None].expand(-1, -1, 4)) * stride  # to the four sides
        low, high = centre - offset[..., :2], centre + offset[..., 2:]
        edges = [low[..., 0].clamp(0, width), low[..., 1].clamp(0, height)]
        edges += [high[..., 0].clamp(0, width), high[..., 1].clamp(0, height)]
        boxes.append(torch.stack(edges, dim=-1))
        best.append(score)
        start = here.stop
    return torch.cat(boxes, dim=1), torch.cat(best, dim=1)


def suppress(boxes: Boxes, scores: NDArray[np.float32]) -> tuple[Boxes, NDArray[np.float32]]:
    """Return the boxes of one picture that are not too weak and do not overlap better ones too much, best first.

    Args:
        boxes: float32 (n, 4), xyxy in pixels.
        scores: float32 (n,).
    """
    strong = scores > _LEAST_SCORE
    boxes, scores = boxes[strong], scores[strong]
    rows = nms(torch.from_numpy(boxes), torch.from_numpy(scores), _NMS_IOU)[:_MOST_BOXES].numpy()
    return boxes[rows], scores[rows]


def decode(net: FCOS, head: dict[str, torch.Tensor], height: int, width: int) -> list[dict[str, torch.Tensor]]:
    """Decode the outputs of the heads into boxes, best first; overlapping ones are dropped: torchvision's own way.

    For training; `best_boxes` and `suppress` find the same boxes in less time.

    Args:
        net: The network, whose box coder and limits are used.
        head: Outputs of the heads by name, as `outputs` returns them.
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.

    Returns:
        For each picture ``boxes`` float32 (k, 4) xyxy and ``scores`` float32 (k,) in 0..1.
    """
    sizes = [rows * columns for rows, columns in level_shapes(height, width)]
    split = {k: list(torch.split(v, sizes, dim=1)) for k, v in head.items()}
    count = len(next(iter(head.values())))
    anchors = [list(torch.split(a, sizes)) for a in anchors_of(net, count, height, width)]
    boxes: list[dict[str, torch.Tensor]] = net.postprocess_detections(split, anchors, [(height, width)] * count)
    return boxes
