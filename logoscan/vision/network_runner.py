"""Run one network: its device, precision, runtime and batch shapes, decided once for the encoder and the detector.

The network runs with a few fixed batch sizes only, and the rest of a batch is padding: a CPU specialises convolutions
for each shape, and a GPU has a graph of each (`gpu_network`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from logoscan.cpu_network import CpuNetwork, cpu_network, keep_cpu_network, kept_cpu_network
from logoscan.errors import InputError
from logoscan.runtime import building_networks, cpu_has_bf16, fast_cpu_layout, resolve_device

__all__ = ["BatchSizes", "NetworkRunner", "Precision", "PrecisionChoice", "RuntimeChoice", "check_choices"]

logger = logging.getLogger(__name__)

# Part of the name of compiled networks on disk: raise it where networks of the same weights come to compute otherwise,
# by another mean or standard deviation of pixels as well.
_REVISION = 2

Precision: TypeAlias = Literal["fp32", "bf16", "fp16"]
PrecisionChoice: TypeAlias = Literal["auto", "fp32", "bf16", "fp16"]
RuntimeChoice: TypeAlias = Literal["auto", "torch", "openvino"]
Outputs: TypeAlias = Sequence[NDArray[Any]]
"""Arrays that a network returns, each with one row for each picture."""
After: TypeAlias = Callable[[Sequence[Any], int, int], Sequence[Any]]
"""Turns a network's float32 tensors into those that are returned, on its device, given the pictures' height and width;
it may not ask the device for a number."""
Agreement: TypeAlias = Callable[[Outputs, Outputs, Precision], bool]
"""Tells whether outputs for a probe, in a precision, are as good as torch's in fp32, which come first."""


@dataclass(frozen=True)
class BatchSizes:
    """All batch sizes that are ever run, rising, by runtime and device."""

    torch_cpu: tuple[int, ...]
    openvino: tuple[int, ...]
    gpu: tuple[int, ...]


def check_choices(owner: str, precision: str, runtime: str) -> None:
    """Refuse a precision or a runtime that does not exist.

    Raises:
        InputError: The precision or the runtime does not exist; the message begins with `owner`.
    """
    for name, given, choices in (("precision", precision, PrecisionChoice), ("runtime", runtime, RuntimeChoice)):
        if given not in get_args(choices):
            *most, last = get_args(choices)
            raise InputError(f"{owner}{name}: expected {', '.join(most)} or {last}, got {given!r}")


class NetworkRunner:
    """Runs a network on pixels. Thread-safe once built.

    Attributes:
        precision: Precision of the arithmetic, chosen by the hardware's abilities, never by timing.
        runtime: Library that runs it, "torch" or "openvino".
    """

    precision: Precision
    runtime: Literal["torch", "openvino"]

    def __init__(
        self,
        make_module: Callable[[], Any],
        *,
        name: str,
        key: str,
        size_px: int,
        mean: Sequence[float],
        std: Sequence[float],
        sizes: BatchSizes,
        after: After | None = None,
        device: str = "auto",
        precision: PrecisionChoice = "auto",
        runtime: RuntimeChoice = "auto",
        agrees: Agreement | None = None,
    ) -> None:
        """Choose device, precision and runtime.

        Args:
            make_module: Makes a torch module on the CPU, in evaluation mode, from one tensor (n, 3, H, W) to one tensor
                or several; a GPU gets a copy. Not called where a compiled network of the same key is in the cache.
            name: Beginning of errors and log lines.
            key: Identity of the weights; compiled networks of one key are shared in a process.
            size_px: Side in pixels of the square with which the network is traced and probed.
            mean: Mean of each channel that pixels are normalised with, in 0..255.
            std: Standard deviation of each channel that pixels are normalised with, in 0..255.
            sizes: Batch sizes.
            after: Turns the network's outputs into those that are returned; None returns them as they are.
            device: "auto", "cpu", "cuda", ...
            precision: "auto" is fp16 on a GPU and bf16 on a CPU that computes in it, where `agrees` does not object.
            runtime: "auto" is OpenVINO on a CPU where it can run the network, and `agrees` does not object.
            agrees: Compares another precision or runtime with torch in fp32 on random pixels; None trusts them.

        Raises:
            DeviceError: The named device cannot be had.
            InputError: OpenVINO is wanted on another device than the CPU, or cannot run the network; or fp16 on a CPU.
        """
        import torch

        device = resolve_device(device)
        if runtime == "openvino" and device != "cpu":
            raise InputError(f"{name}runtime: expected torch on {device}, got 'openvino', which runs on the CPU")
        if precision == "fp16" and device == "cpu":
            raise InputError(f"{name}precision: expected fp32 or bf16 on the CPU, got 'fp16'")
        self._name, self._sizes, self._size_px, self._agrees = name, sizes, size_px, agrees
        self._mean, self._std = mean, std
        self._after: After = after or (lambda outputs, _height, _width: outputs)
        self._mean_tensor, self._std_tensor = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (mean, std))
        self._layout, self._make_module = fast_cpu_layout(), make_module
        self._compiled: CpuNetwork | None = None
        self._gpu: Any = None
        if device != "cpu":
            self.precision, self._gpu = self._for_gpu(device, precision)
        elif runtime == "torch" or not self._take_kept(key, precision):
            self.precision = precision if precision != "auto" else self._cpu_precision()
            if runtime in ("openvino", "auto"):
                self._compiled = self._compile(key, precision)
            if self._compiled is None and runtime == "openvino":
                raise InputError(f"{name}runtime: expected torch, got 'openvino', which cannot run this network")
        self.runtime = "torch" if self._compiled is None else "openvino"
        if self.runtime == "torch":
            _ = self._module  # now, not in a stream

    @cached_property
    def _module(self) -> Any:
        """The torch module, which is made where torch has to run, or compile, the network."""
        with building_networks():
            return self._make_module().to(memory_format=self._layout).eval()

    @property
    def device(self) -> str:
        """Device that it runs on: "cpu", "cuda", "cuda:1", ...; a GPU whose memory was full has left it to the CPU."""
        return "cpu" if self._gpu is None else str(self._gpu.device)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Batch sizes in use, rising."""
        if self._gpu is not None and self._gpu.rows:
            return tuple(self._gpu.rows)
        return self._sizes.torch_cpu if self._compiled is None else self._sizes.openvino

    def run(self, pixels: NDArray[np.uint8]) -> list[NDArray[Any]]:
        """Run the network on pictures of one shape, and return its outputs, each with a row for each picture.

        Args:
            pixels: uint8 (n, H, W, 3), RGB, n at least 1.
        """
        if self._gpu is not None:
            return list(self._gpu(pixels))
        return self._run_on_cpu(pixels)

    def _run_on_cpu(self, pixels: NDArray[np.uint8]) -> list[NDArray[Any]]:
        """Run the network in batches of the sizes of the CPU."""
        sizes = self._sizes.torch_cpu if self._compiled is None else self._sizes.openvino
        batches = []
        for start in range(0, len(pixels), sizes[-1]):
            part = pixels[start : start + sizes[-1]]
            batch = np.zeros((next(size for size in sizes if size >= len(part)), *pixels.shape[1:]), np.uint8)
            batch[: len(part)] = part  # copied: torch warns of arrays that may not be written to
            batches.append([each[: len(part)] for each in self._forward(batch)])
        return [np.concatenate(rows) for rows in zip(*batches, strict=True)]

    def _forward(
        self, pixels: NDArray[np.uint8], precision: Precision | None = None, compiled: CpuNetwork | None = None
    ) -> list[NDArray[Any]]:
        """Run one batch on the CPU, and return its outputs.

        Args:
            pixels: uint8 (n, H, W, 3); n is one of the sizes.
            precision: Precision of torch; None is the network's own, fp32 where that is a GPU's.
            compiled: What runs it; None is what the network has, if no precision is given.
        """
        import torch

        compiled = compiled or (self._compiled if precision is None else None)
        is_bf16 = (precision or self.precision) == "bf16" and self._gpu is None
        with torch.inference_mode():
            if compiled is not None:
                outputs = [torch.from_numpy(values) for values in compiled(pixels)]
            else:
                x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - self._mean_tensor) / self._std_tensor
                with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
                    output = self._module(x.contiguous(memory_format=self._layout))
                outputs = [output] if isinstance(output, torch.Tensor) else list(output)
            returned = self._after([each.float() for each in outputs], *pixels.shape[1:3])
            return [each.numpy() for each in returned]

    # -- choices

    def _cpu_precision(self) -> Precision:
        if not cpu_has_bf16():
            return "fp32"
        if not self._is_as_good(lambda pixels: self._forward(pixels, "bf16"), "bf16"):
            logger.warning("%sprecision: bf16 answers otherwise than fp32, which is taken", self._name)
            return "fp32"
        return "bf16"

    def _for_gpu(self, device: str, precision: PrecisionChoice) -> tuple[Precision, Any]:
        """Return the precision and the network on a GPU.

        "auto" is fp16: bf16 has three bits less, and GPUs before Ampere emulate it. A network may exceed its range.
        """
        if precision != "auto":
            return precision, self._on_gpu(device, precision)
        if device.startswith("cuda"):
            network = self._on_gpu(device, "fp16")
            if self._is_as_good(network, "fp16"):
                return "fp16", network
            logger.warning("%sprecision: fp16 answers otherwise than fp32, which is taken", self._name)
        return "fp32", self._on_gpu(device, "fp32")

    def _on_gpu(self, device: str, precision: Precision) -> Any:
        """Return the network on a GPU, with all that comes before and after it."""
        import torch

        from logoscan.gpu_network import GpuNetwork
        from logoscan.pixel_network import PixelNetwork

        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        copy = deepcopy(self._module).to(device, dtype, memory_format=torch.contiguous_format)
        whole = PixelNetwork(copy, mean=self._mean, std=self._std, dtype=dtype, after=self._after)
        name = f"{self._name}network"
        return GpuNetwork(whole, name=name, device=device, rows=self._sizes.gpu, on_cpu=self._run_on_cpu)

    def _take_kept(self, key: str, wanted: PrecisionChoice) -> bool:
        """Take the network from the cache of compiled ones, where answers were compared before; return whether."""
        kept = kept_cpu_network(f"{key} {self._size_px} {_REVISION}", wanted)
        if kept is not None:
            self._compiled, self.precision = kept, "bf16" if kept.precision == "bf16" else "fp32"
        return kept is not None

    def _compile(self, key: str, wanted: PrecisionChoice) -> CpuNetwork | None:
        """Compile the network for OpenVINO; return None where that fails, or its outputs differ from torch's."""
        import torch

        from logoscan.pixel_network import PixelNetwork

        module = deepcopy(self._module).to(memory_format=torch.contiguous_format)
        module = PixelNetwork(module, mean=self._mean, std=self._std, dtype=torch.float32, after=None).eval()
        example = torch.zeros(self._sizes.openvino[0], self._size_px, self._size_px, 3, dtype=torch.uint8)
        compiled = cpu_network((key,), module, example, self.precision)
        if compiled is None:
            return None
        if not self._is_as_good(lambda pixels: self._forward(pixels, compiled=compiled), self.precision):
            logger.warning("%sruntime: OpenVINO answers otherwise than torch, which is taken", self._name)
            return None
        keep_cpu_network(f"{key} {self._size_px} {_REVISION}", wanted, compiled)
        return compiled

    def _is_as_good(self, run: Callable[[NDArray[np.uint8]], Outputs], precision: Precision) -> bool:
        """Compare a way to run the network with torch in fp32 on the CPU, on the same random pixels."""
        if self._agrees is None:
            return True
        shape = (self._sizes.torch_cpu[0], self._size_px, self._size_px, 3)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        return self._agrees(self._forward(pixels, "fp32"), run(pixels), precision)
