"""The trunk whose features come from several stages."""

from __future__ import annotations

import pytest
import timm
import torch

from logoscan.vision.level_trunk import NAME, LevelTrunk


def test_features_are_the_means_of_the_last_layer_and_of_each_stage() -> None:
    torch.manual_seed(0)
    trunk = LevelTrunk().eval()
    plain = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    plain.load_state_dict(trunk.state_dict())  # the same names: weights of the one fit the other
    stages: list[torch.Tensor] = []
    for block in plain.blocks:
        block.register_forward_hook(lambda _, __, out: stages.append(out.mean((2, 3))))
    pictures = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = [plain(pictures), *stages[:1:-1]]
        features = trunk(pictures)
        later = trunk.features_from(plain.blocks[:2](plain.bn1(plain.conv_stem(pictures))), 2)
    assert [part.shape[1] for part in expected] == list(trunk.widths) == [1280, 320, 192, 112, 80, 40]
    torch.testing.assert_close(features, torch.cat(expected, dim=1))
    torch.testing.assert_close(later, features)
    with pytest.raises(ValueError, match="stage: expected 2 at most, because later stages are pooled, got 3"):
        trunk.features_from(pictures, 3)


def test_timm_builds_the_trunk_by_its_name() -> None:
    trunk = timm.create_model(NAME, pretrained=False)
    trunk.reset_classifier(0, global_pool="avg")  # as open_clip does
    assert isinstance(trunk, LevelTrunk)
    assert trunk.num_features == sum(trunk.widths)
