"""One runner decides device, precision, runtime and batch shapes: by abilities and agreement, never by timing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from logoscan.errors import InputError
from logoscan.vision import network_runner
from logoscan.vision.network_runner import BatchSizes, NetworkRunner, check_choices

SIZES = BatchSizes(torch_cpu=(2, 4), openvino=(3,), gpu=(8,))


class Means(torch.nn.Module):
    """The mean of each picture, and its sum; remembers the batch sizes that it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.seen.append(len(x))
        return x.mean(dim=(1, 2, 3)), x.sum(dim=(1, 2, 3))


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of these networks have one key."""
    monkeypatch.setenv("LOGOSCAN_CACHE", "off")


def runner(module: torch.nn.Module | None = None, **choices: Any) -> NetworkRunner:
    settings = {"device": "cpu", "precision": "fp32", "runtime": "torch"} | choices
    module = Means() if module is None else module
    return NetworkRunner(
        lambda: module, name="Means.", key="means", size_px=8, mean=[0] * 3, std=[255] * 3, sizes=SIZES, **settings
    )


def pictures(n: int) -> np.ndarray:
    return np.stack([np.full((8, 8, 3), 10 * i, np.uint8) for i in range(n)]) if n else np.zeros((0, 8, 8, 3), np.uint8)


def means(outputs: Sequence[np.ndarray]) -> list[float]:
    return [round(float(v) * 255) for v in outputs[0]]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9])
def test_pictures_come_back_in_order_and_padding_does_not(n: int) -> None:
    module = Means()
    outputs = runner(module).run(pictures(n))
    assert means(outputs) == [10 * i for i in range(n)]
    assert [len(each) for each in outputs] == [n, n]
    assert set(module.seen) <= {2, 4}, "only the sizes that are allowed are run"


def test_pictures_that_may_not_be_written_to_are_run() -> None:
    frozen = pictures(3)
    frozen.flags.writeable = False
    assert means(runner().run(frozen)) == [0, 10, 20]


def test_what_comes_after_sees_the_size_and_no_padding() -> None:
    def after(outputs: Sequence[torch.Tensor], height: int, width: int) -> list[torch.Tensor]:
        return [outputs[0] * 255 + height + width]

    for device in ("cpu", "cpu:0"):
        (sums,) = runner(after=after, device=device).run(pictures(3))
        np.testing.assert_allclose(sums, [16, 26, 36], rtol=1e-6)


def test_openvino_answers_as_torch_does_in_its_own_batch_size() -> None:
    compiled = runner(torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.AdaptiveAvgPool2d(1)), runtime="openvino")
    assert (compiled.runtime, compiled.sizes) == ("openvino", (3,))
    assert compiled.run(pictures(7))[0].shape == (7, 2, 1, 1)


@pytest.mark.parametrize(("agreed", "expected"), [(True, "bf16"), (False, "fp32")])
def test_bf16_is_taken_where_the_processor_has_it_and_it_agrees(
    monkeypatch: pytest.MonkeyPatch, agreed: bool, expected: str
) -> None:
    """However busy the machine is: nothing is timed."""
    monkeypatch.setattr(network_runner, "cpu_has_bf16", lambda: True)
    asked: list[str] = []

    def agrees(reference: Sequence[np.ndarray], given: Sequence[np.ndarray], precision: str) -> bool:
        assert len(reference[0]) == len(given[0]) == 2
        asked.append(precision)
        return agreed

    assert runner(precision="auto", agrees=agrees).precision == expected
    assert asked == ["bf16"]


def test_without_bf16_nothing_is_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_runner, "cpu_has_bf16", lambda: False)
    assert runner(precision="auto", agrees=lambda *_: pytest.fail("ran a probe")).precision == "fp32"


def test_a_runtime_that_answers_otherwise_is_left_aside(caplog: pytest.LogCaptureFixture) -> None:
    net = torch.nn.Conv2d(3, 2, 3)
    assert runner(net, runtime="auto", agrees=lambda *_: False).runtime == "torch"
    assert "OpenVINO answers otherwise than torch" in caplog.text
    with pytest.raises(InputError, match=r"^Means\.runtime: expected torch, got 'openvino', which cannot run"):
        runner(net, runtime="openvino", agrees=lambda *_: False)


def test_choices_that_do_not_exist_are_refused() -> None:
    with pytest.raises(InputError, match=r"^X\.precision: expected auto, fp32, bf16 or fp16, got 'fp8'$"):
        check_choices("X.", "fp8", "auto")
    with pytest.raises(InputError, match=r"^X\.runtime: expected auto, torch or openvino, got 'tvm'$"):
        check_choices("X.", "auto", "tvm")
    with pytest.raises(InputError, match="expected torch on cpu:0, got 'openvino'"):
        runner(device="cpu:0", runtime="openvino")
    with pytest.raises(InputError, match=r"^Means\.precision: expected fp32 or bf16 on the CPU, got 'fp16'$"):
        runner(precision="fp16")
