"""Batch normalisations folded into convolutions: the same answers, and foreign networks left alone."""

from __future__ import annotations

import torch
from torch import nn

from logoscan.vision.detector_net import build, outputs
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.fuse_bn import fold_norms, folded


class Shuffled(nn.Module):
    """Names its layers in another order than it runs them."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.norm, self.first = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(3, 4, 1)
        nn.init.uniform_(self.norm.running_mean, 1, 2)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.last(self.norm(self.first(x)).relu()).mean((2, 3))
        return out


def norms_of(net: nn.Module) -> int:
    return sum(isinstance(m, nn.BatchNorm2d) for m in net.modules())


def test_folded_normalisations_leave_the_answers_as_they_are() -> None:
    torch.manual_seed(0)
    net, x = build(), torch.randn(1, 3, 128, 128)
    with torch.inference_mode():
        net.train()
        for _ in range(3):  # statistics of their own
            net.backbone(x + torch.randn_like(x))
        wanted = outputs(net.eval(), x)
        fold_norms(net)
        folded = outputs(net, x)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())
    for name, value in wanted.items():
        torch.testing.assert_close(folded[name], value, rtol=1e-3, atol=1e-4)


def test_a_tower_in_order_is_folded_and_stays_as_it_was() -> None:
    tower = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).eval()
    nn.init.uniform_(tower[1].running_var, 0.5, 2)  # type: ignore[arg-type]
    x = torch.randn(3, 3, 32, 32)
    done = folded(tower, 32)
    assert (norms_of(done), norms_of(tower)) == (0, 1)
    torch.testing.assert_close(done(x), tower(x), rtol=1e-3, atol=1e-4)


def test_a_tower_that_runs_in_another_order_is_left_alone() -> None:
    tower = Shuffled().eval()
    assert folded(tower, 16) is tower


def test_the_bundled_tower_runs_without_normalisations() -> None:
    assert norms_of(ClipEncoder(device="cpu", precision="fp32")._network._module) == 0
