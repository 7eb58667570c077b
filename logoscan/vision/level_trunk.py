"""The trunk of the bundled image tower: EfficientNet-Lite0 whose pooled features come from several of its stages.

Importing this module makes the trunk known to timm as `NAME`, so that open_clip can build the bundled model: timm keeps
its models in one table of the process, and a folder of open_clip can name no other source.
"""

from __future__ import annotations

from typing import Any

import timm
import torch
from timm.models import register_model
from torch import nn

__all__ = ["NAME", "LevelTrunk"]

NAME = "logoscan_lite0"
"""Name of the trunk in timm."""
# First stage whose output is pooled too. Stages before it are what training leaves frozen.
_FIRST = 2


class LevelTrunk(nn.Module):
    """EfficientNet-Lite0, from pictures float32 (n, 3, h, w) to float32 (n, `num_features`).

    The features are means over all places: of the last layer, as in EfficientNet-Lite0 itself, and of the outputs of
    its stages from the third on, the last stage first. Early stages see edges and strokes, which a mark keeps where it
    is drawn in another way; such descriptors of several layers are known from image retrieval (Babenko & Lempitsky,
    ICCV 2015; Hariharan et al., CVPR 2015, call them hypercolumns). They are computed in any case.

    Attributes:
        widths: Number of features of the last layer and of each stage, in the order of the features.
        num_features: Their sum.
    """

    def __init__(self) -> None:
        super().__init__()
        plain = timm.create_model("tf_efficientnet_lite0", num_classes=0)
        self.conv_stem, self.bn1, self.blocks = plain.conv_stem, plain.bn1, plain.blocks
        self.conv_head, self.bn2 = plain.conv_head, plain.bn2
        self.default_cfg: dict[str, Any] = dict(plain.default_cfg)  # open_clip asks for it
        stages = (int(stage[-1].bn3.num_features) for stage in reversed(plain.blocks[_FIRST:]))
        self.widths = (int(plain.num_features), *stages)
        self.num_features = sum(self.widths)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Do nothing: there is no classifier, and the pooling is this trunk's own. open_clip calls this."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features of normalised pictures."""
        return self.features_from(self.bn1(self.conv_stem(x)), 0)

    def features_from(self, x: torch.Tensor, stage: int) -> torch.Tensor:
        """Return the features of what the stages before `stage` made of pictures.

        Raises:
            ValueError: A stage before `stage` is pooled.
        """
        if stage > _FIRST:
            raise ValueError(f"stage: expected {_FIRST} at most, because later stages are pooled, got {stage}")
        pooled = []
        for number, block in enumerate(self.blocks[stage:], stage):
            x = block(x)
            if number >= _FIRST:
                pooled.append(x.mean((2, 3)))
        x = self.bn2(self.conv_head(x))
        return torch.cat([x.mean((2, 3)), *reversed(pooled)], dim=1)


def logoscan_lite0(pretrained: bool = False, **_: Any) -> LevelTrunk:
    """Build the trunk with random weights; timm calls this by its name."""
    del pretrained
    return LevelTrunk()


if not timm.is_model(NAME):
    register_model(logoscan_lite0)
