"""Arithmetic and transfers on the device that trains: the same code on a CPU and on a GPU.

The path of CUDA was written without a GPU at hand and has not been run.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch

from logoscan.runtime import cpu_has_bf16, host_tensor

__all__ = ["autocast", "to_device", "use_fast_kernels"]


def autocast(device: torch.device | str) -> torch.autocast:
    """Return the context in which networks compute in bfloat16, where a device does so fast."""
    kind = torch.device(device).type
    fast = torch.cuda.is_bf16_supported() if kind == "cuda" else kind == "cpu" and cpu_has_bf16()
    return torch.autocast(kind if fast else "cpu", torch.bfloat16, enabled=fast)


def to_device(array: npt.NDArray[Any], device: torch.device | str) -> torch.Tensor:
    """Return an array as a tensor on a device, without waiting for what a GPU still computes.

    A copy from pinned memory takes its turn behind the steps before it. A plain copy would wait for their end, and the
    processor could not prepare the next step meanwhile.
    """
    device = torch.device(device)
    tensor: torch.Tensor = host_tensor(array, device.type)
    return tensor.to(device, non_blocking=True)


def use_fast_kernels(device: torch.device | str) -> None:
    """Let a GPU use TensorFloat-32 and look for the fastest convolutions; for commands, as it belongs to the process.

    Sizes of batches and pictures hardly change in a run, so the search is made a few times only.
    """
    if torch.device(device).type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
