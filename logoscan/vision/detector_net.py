"""The network of the trained detector, built and read; one place for using it and for training it.

FCOS (Tian et al., TPAMI 2020; torchvision's) for one class, "a mark of any brand", over an EfficientNet-Lite0 with a
feature pyramid at strides 8 to 64. Knows nothing of pictures, files of settings, or training.
"""

from __future__ import annotations

import timm
import torch
from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS, FCOSHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

__all__ = ["MEAN", "STD", "Heads", "anchors_of", "build", "decode", "outputs", "places_of"]

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
_BACKBONE = "tf_efficientnet_lite0"
_CHANNELS = 64
_STRIDES = (8, 16, 32, 64)
_CANDIDATES = 300
"""Best places of each level that are decoded."""
_OVERLAP = 0.6
"""Intersection over union above which the worse of two boxes is dropped; a mark and it with its word both stay."""


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
    """The network with random weights, about 3 million numbers."""
    anchors = AnchorGenerator(tuple((s,) for s in _STRIDES), ((1.0,),) * len(_STRIDES))
    return FCOS(
        _Pyramid(),
        num_classes=1,
        anchor_generator=anchors,
        head=FCOSHead(_CHANNELS, 1, 1, num_convs=2),
        center_sampling_radius=1.5,
        score_thresh=0.02,
        nms_thresh=_OVERLAP,
        detections_per_img=200,
        topk_candidates=_CANDIDATES,
    )


class Heads(nn.Module):
    """The network up to its heads: tensors in, tensors out, as compilers want it."""

    names = ("cls_logits", "bbox_regression", "bbox_ctrness")
    """Of what comes out, in this order."""

    def __init__(self, net: FCOS) -> None:
        """Share the layers of `net`."""
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Float32 (n, 3, h, w), sides multiples of 64 -> the heads' outputs, each (n, places, k)."""
        head = self.net.head(list(self.net.backbone(x).values()))
        return tuple(head[name].float() for name in self.names)


def places_of(height: int, width: int) -> list[tuple[int, int]]:
    """Rows and columns of the places on each level, of pictures of this size."""
    return [(-(-height // stride), -(-width // stride)) for stride in _STRIDES]


def outputs(net: FCOS, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Run the network on float32 (n, 3, h, w), sides multiples of 64: the heads' outputs, float32."""
    return dict(zip(Heads.names, Heads(net)(x), strict=True))


def anchors_of(net: FCOS, count: int, height: int, width: int) -> list[torch.Tensor]:
    """The anchors of each of `count` pictures of this size, float32 (places, 4)."""
    device = next(net.parameters()).device
    levels = [torch.empty(count, 1, *shape, dtype=torch.float32, device=device) for shape in places_of(height, width)]
    images = ImageList(
        torch.empty(count, 1, height, width, dtype=torch.float32, device=device), [(height, width)] * count
    )
    anchors: list[torch.Tensor] = net.anchor_generator(images, levels)
    return anchors


def decode(net: FCOS, head: dict[str, torch.Tensor], height: int, width: int) -> list[dict[str, torch.Tensor]]:
    """Boxes of each picture, best first, overlapping ones dropped.

    Args:
        net: Whose coder of boxes and limits are used.
        head: Of `outputs`.
        height: Of the pictures, px.
        width: Of the pictures, px.

    Returns:
        Of each picture ``boxes`` float32 (k, 4) xyxy and ``scores`` float32 (k,) in 0..1.
    """
    places = [rows * columns for rows, columns in places_of(height, width)]
    split = {k: list(torch.split(v, places, dim=1)) for k, v in head.items()}
    count = len(next(iter(head.values())))
    anchors = [list(torch.split(a, places)) for a in anchors_of(net, count, height, width)]
    found: list[dict[str, torch.Tensor]] = net.postprocess_detections(split, anchors, [(height, width)] * count)
    return found
