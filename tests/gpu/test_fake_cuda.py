"""Every network that runs on a GPU, on fake CUDA tensors: one device, fixed shapes, and nothing is asked of the GPU.

Torch's `FakeTensorMode` knows shapes and devices without a GPU. What would wait for the GPU, mix devices, or depend on
values raises here, and would break the capture of a CUDA graph there.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from logoscan.ocr._gpu_networks import _best_letters
from logoscan.ocr.onnx_net import OnnxNet
from logoscan.ocr.quick import quick_reader
from logoscan.ocr.rapidocr import rapidocr_models
from logoscan.pixel_network import PixelNetwork
from logoscan.vision.detector import LogoDetector
from logoscan.vision.detector_boxes import best_boxes, suppress
from logoscan.vision.detector_net import Heads, build, decode
from logoscan.vision.encoder import ClipEncoder, _unit_tensors

DTYPES = [torch.float16, torch.float32]


def faked(module: nn.Module, mode: FakeTensorMode) -> nn.Module:
    """A copy whose weights are fake tensors on "cuda"."""
    module = deepcopy(module)

    def fake(tensor: torch.Tensor) -> Any:
        one = mode.from_tensor(tensor.detach())
        with mode:
            return one.to("cuda")

    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = nn.Parameter(fake(parameter), requires_grad=False)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = fake(buffer)
    return module


def run(module: nn.Module, shape: tuple[int, ...], dtype: torch.dtype = torch.uint8) -> list[Any]:
    mode = FakeTensorMode()
    there = faked(module, mode)
    with mode, torch.no_grad():
        outputs = there(torch.empty(shape, dtype=dtype, device="cuda"))
    outputs = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
    assert all(each.device.type == "cuda" for each in outputs)
    assert all(each.dtype in (torch.float32, torch.int64) for each in outputs), "numpy has no others"
    return outputs


def whole(network: nn.Module, dtype: torch.dtype, after: Any) -> PixelNetwork:
    return PixelNetwork(deepcopy(network).to(dtype), mean=[1] * 3, std=[1] * 3, dtype=dtype, after=after)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_encoder(clip: ClipEncoder, dtype: torch.dtype) -> None:
    (vectors,) = run(whole(clip._network._module, dtype, _unit_tensors), (256, 128, 128, 3))
    assert tuple(vectors.shape) == (256, clip.info.dim)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_detector_with_its_boxes(dtype: torch.dtype) -> None:
    detector = LogoDetector(device="cpu", precision="fp32", runtime="torch")
    boxes, scores = run(whole(detector._network._module, dtype, best_boxes), (16, 640, 640, 3))
    assert tuple(boxes.shape) == (16, 1000, 4)
    assert tuple(scores.shape) == (16, 1000)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["find", "careful", "quick"])
def test_the_reader(name: str, dtype: torch.dtype) -> None:
    det, _, rec = rapidocr_models()
    path = {"find": det, "careful": rec, "quick": quick_reader()[0]}[name]
    if name == "find":
        (found,) = run(whole(OnnxNet(path), dtype, lambda outputs, _h, _w: outputs), (4, 352, 480, 3))
        assert tuple(found.shape) == (4, 1, 352, 480)
    else:
        probability, letter = run(whole(OnnxNet(path), dtype, _best_letters), (32, 48, 128, 3))
        assert tuple(probability.shape) == tuple(letter.shape) == (32, 16)


def test_the_classifier_of_turned_lines() -> None:
    (scores,) = run(OnnxNet(rapidocr_models()[1]), (8, 3, 48, 192), torch.float32)
    assert tuple(scores.shape) == (8, 2)


def test_what_waits_for_the_gpu_is_noticed() -> None:
    """Torchvision's own decoding does; that is why there is another one."""

    class Decoded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = build().eval()

        def forward(self, x: torch.Tensor) -> Any:
            heads = dict(zip(Heads.names, Heads(self.net)(x), strict=True))
            return [each["boxes"] for each in decode(self.net, heads, 128, 128)]

    with pytest.raises(Exception, match=r"dynamic|data-dependent|DataDependent|nonzero|aten"):
        run(Decoded(), (1, 3, 128, 128), torch.float32)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 192), (384, 512), (640, 640)])
def test_boxes_of_one_shape_are_torchvisions(height: int, width: int) -> None:
    torch.manual_seed(0)
    net = build().eval()
    positions = sum(-(-height // stride) * -(-width // stride) for stride in (8, 16, 32, 64))
    heads = (3 * torch.randn(2, positions, 1) - 2, 4 * torch.rand(2, positions, 4), torch.randn(2, positions, 1))
    wanted = decode(net, dict(zip(Heads.names, heads, strict=True)), height, width)
    for boxes, scores, want in zip(*best_boxes(heads, height, width), wanted, strict=True):
        xyxy, score = suppress(boxes.numpy(), scores.numpy())
        np.testing.assert_allclose(score, want["scores"].numpy(), atol=1e-6)
        np.testing.assert_allclose(xyxy, want["boxes"].numpy(), atol=1e-3)
    nothing = suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    assert [len(each) for each in nothing] == [0, 0]
