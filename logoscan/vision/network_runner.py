"""Run one network: its device, precision, runtime and batch shapes, decided once for the encoder and the detector.

The network runs with a few fixed batch sizes only, and the rest of a batch is padding: a CPU specialises convolutions
for each shape, and a GPU plans each new shape for seconds (`runtime.on_device`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.runtime import CpuNetwork, cpu_has_bf16, cpu_network, fast_layout, host_tensor, on_device, resolve_device

__all__ = ["BatchSizes", "NetworkRunner", "Precision", "PrecisionChoice", "RuntimeChoice", "check_choices"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

Precision: TypeAlias = Literal["fp32", "bf16"]
PrecisionChoice: TypeAlias = Literal["auto", "fp32", "bf16"]
RuntimeChoice: TypeAlias = Literal["auto", "torch", "openvino"]
Outputs: TypeAlias = Sequence[Any]
"""Tensors that a network returns, each with one row for each picture."""
Normalise: TypeAlias = Callable[[Any], Any]
"""Maps pixels, a float32 tensor (n, 3, H, W) in 0..255 on the device, to the network's input of the same shape."""
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
        device: Device that it runs on: "cpu", "cuda", "cuda:1", ...
        precision: Precision of the arithmetic, "fp32" or "bf16", chosen by the hardware's abilities, never by timing.
        runtime: Library that runs it, "torch" or "openvino".
    """

    device: str
    precision: Precision
    runtime: Literal["torch", "openvino"]

    def __init__(
        self,
        module: Any,
        *,
        name: str,
        key: str,
        size_px: int,
        normalise: Normalise,
        sizes: BatchSizes,
        device: str = "auto",
        precision: PrecisionChoice = "auto",
        runtime: RuntimeChoice = "auto",
        agrees: Agreement | None = None,
    ) -> None:
        """Move a network to its device and choose precision and runtime.

        Args:
            module: A torch module in evaluation mode, from one tensor (n, 3, H, W) to one tensor or several.
            name: Beginning of errors and log lines.
            key: Identity of the weights; compiled networks of one key are shared in a process.
            size_px: Side in pixels of the square with which the network is traced and probed.
            normalise: Normalises pixels for the network.
            sizes: Batch sizes.
            device: "auto", "cpu", "cuda", ...
            precision: "auto" is bf16 where the hardware computes in it, and `agrees` does not object.
            runtime: "auto" is OpenVINO on a CPU where it can run the network, and `agrees` does not object.
            agrees: Compares another precision or runtime with torch in fp32 on random pixels; None trusts them.

        Raises:
            DeviceError: The named device cannot be had.
            InputError: OpenVINO is wanted on another device than the CPU, or cannot run the network.
        """
        self.device = resolve_device(device)
        if runtime == "openvino" and self.device != "cpu":
            raise InputError(f"{name}runtime: expected torch on {self.device}, got 'openvino', which runs on the CPU")
        self._name, self._normalise, self._sizes = name, normalise, sizes
        self._layout = fast_layout(self.device)
        self._module = module.to(self.device, memory_format=self._layout).eval()
        self._compiled: CpuNetwork | None = None
        probe = _Probe(self, size_px, agrees)
        self.precision = precision if precision != "auto" else self._choose_precision(probe)
        if runtime == "openvino" or (runtime == "auto" and self.device == "cpu"):
            self._compiled = self._compile(key, size_px, probe)
            if self._compiled is None and runtime == "openvino":
                raise InputError(f"{name}runtime: expected torch, got 'openvino', which cannot run this network")
        self.runtime = "torch" if self._compiled is None else "openvino"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Batch sizes in use, rising."""
        if self._compiled is not None:
            return self._sizes.openvino
        return self._sizes.torch_cpu if self.device == "cpu" else self._sizes.gpu

    def run(self, pixels: NDArray[np.uint8], finish: Callable[[list[Any]], T]) -> list[T]:
        """Run the network on pictures of one shape, batch by batch.

        Args:
            pixels: uint8 (n, H, W, 3), RGB.
            finish: Turns the outputs of a batch into the result that leaves the device; called in the device's thread.

        Returns:
            Results of `finish`, in the order of the batches.
        """
        sizes, results = self.sizes, []
        for start in range(0, len(pixels), sizes[-1]):
            part = pixels[start : start + sizes[-1]]
            batch = np.zeros((next(size for size in sizes if size >= len(part)), *pixels.shape[1:]), np.uint8)
            batch[: len(part)] = part  # copied: torch warns of arrays that may not be written to
            results.append(self._forward(batch, partial(_trimmed, finish, len(part))))
        return results

    def _forward(
        self, pixels: NDArray[np.uint8], finish: Callable[[list[Any]], T], precision: Precision | None = None
    ) -> T:
        """Run one batch of one of the sizes, and return its result; `precision` None is the network's own."""
        import torch

        on_host = host_tensor(pixels, self.device)
        bf16 = (precision or self.precision) == "bf16"

        def forward() -> T:
            x = self._normalise(on_host.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float())
            with torch.inference_mode(), torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=bf16):
                if self._compiled is not None:
                    outputs = [torch.from_numpy(values) for values in self._compiled(x.numpy())]
                else:
                    output = self._module(x.contiguous(memory_format=self._layout))
                    outputs = [output] if isinstance(output, torch.Tensor) else list(output)
                return finish(outputs)

        return on_device(self.device, forward)

    def _choose_precision(self, probe: _Probe) -> Precision:
        import torch

        on_gpu = self.device.startswith("cuda")
        if not (torch.cuda.is_bf16_supported() if on_gpu else self.device == "cpu" and cpu_has_bf16()):
            return "fp32"
        if not probe.agrees(lambda pixels: self._forward(pixels, _to_host, "bf16"), "bf16"):
            logger.warning("%sprecision: bf16 answers otherwise than fp32, which is taken", self._name)
            return "fp32"
        return "bf16"

    def _compile(self, key: str, size_px: int, probe: _Probe) -> CpuNetwork | None:
        """Compile the network for OpenVINO; return None where that fails, or its outputs differ from torch's."""
        import torch

        if self.device != "cpu":
            return None
        module = deepcopy(self._module).to(memory_format=torch.contiguous_format)
        example = torch.zeros(self._sizes.openvino[0], 3, size_px, size_px)
        compiled = cpu_network((key,), module, example, self.precision)
        if compiled is None:
            return None

        def run_compiled(pixels: NDArray[np.uint8]) -> Outputs:
            x = self._normalise(host_tensor(pixels, self.device).permute(0, 3, 1, 2).float())
            return [torch.from_numpy(values) for values in compiled(x.numpy())]

        if not probe.agrees(run_compiled, self.precision):
            logger.warning("%sruntime: OpenVINO answers otherwise than torch, which is taken", self._name)
            return None
        return compiled


class _Probe:
    """Compares ways to run a network with torch in fp32, on the same random pixels."""

    def __init__(self, runner: NetworkRunner, size_px: int, agrees: Agreement | None) -> None:
        self._runner, self._size_px, self._agrees = runner, size_px, agrees

    def agrees(self, run: Callable[[NDArray[np.uint8]], Outputs], precision: Precision) -> bool:
        if self._agrees is None:
            return True
        shape = (self._runner.sizes[0], self._size_px, self._size_px, 3)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        return self._agrees(self._runner._forward(pixels, _to_host, "fp32"), run(pixels), precision)


def _trimmed(finish: Callable[[list[Any]], T], count: int, outputs: Sequence[Any]) -> T:
    """Return the result of `finish` for the first `count` rows of the outputs; the others are padding."""
    return finish([values[:count] for values in outputs])


def _to_host(outputs: Sequence[Any]) -> list[Any]:
    return [values.float().cpu() for values in outputs]
