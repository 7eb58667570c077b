"""The network of the trained detector, for use and for training.

FCOS (Tian et al., TPAMI 2020; torchvision's implementation) for one class, "a mark of any brand", over an
EfficientNet-Lite0 with a feature pyramid at strides 8 to 64. Reads no photos.
"""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS, FCOSHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from logoscan._quote import cause
from logoscan.errors import CorruptFileError
from logoscan.vision.detector_boxes import DECODED_PER_LEVEL, LEAST_SCORE, MOST_BOXES, NMS_IOU, STRIDES, level_shapes
from logoscan.vision.fuse_bn import fold_norms

__all__ = ["Heads", "anchors_of", "build", "decode", "outputs", "read_heads"]

# Name of the backbone in timm.
_BACKBONE = "tf_efficientnet_lite0"
# Channels of the feature pyramid.
_CHANNELS = 64


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
    anchors = AnchorGenerator(tuple((s,) for s in STRIDES), ((1.0,),) * len(STRIDES))
    return FCOS(
        _Pyramid(),
        num_classes=1,
        anchor_generator=anchors,
        head=FCOSHead(_CHANNELS, 1, 1, num_convs=2),
        center_sampling_radius=1.5,
        score_thresh=LEAST_SCORE,
        nms_thresh=NMS_IOU,
        detections_per_img=MOST_BOXES,
        topk_candidates=DECODED_PER_LEVEL,
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


def read_heads(path: Path) -> Heads:
    """Read a detector's file, and return its network up to the heads.

    Raises:
        CorruptFileError: The file is no detector, or lacks a part of it.
    """
    net = build()
    try:
        with safe_open(str(path), "pt") as file:
            net.load_state_dict({k: file.get_tensor(k).float() for k in file.keys()}, strict=False)  # noqa: SIM118
            wanted = {k for k in net.state_dict() if not k.endswith("num_batches_tracked")}
            missing = sorted(wanted - set(file.keys()))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise CorruptFileError(f"{path}: expected a detector's file ({cause(error)})") from None
    if missing:
        raise CorruptFileError(f"{path}: expected a whole detector, got one without {missing[:3]}")
    fold_norms(net.eval())
    return Heads(net)


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
