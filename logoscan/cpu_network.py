"""Networks on the CPU by OpenVINO, with the results of torch, but faster.

`python -m benchmarks encode` compares the two. OpenVINO converts the torch network in memory; there is no second file
of weights. Knows no pictures.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan.runtime import cores

__all__ = ["CpuNetwork", "cpu_network", "cpu_onnx_network"]

logger = logging.getLogger(__name__)

# Compiled networks, by weights, precision and threads; guarded by `_lock`.
_networks: dict[tuple[object, ...], CpuNetwork] = {}
_lock = Lock()


class CpuNetwork:
    """A compiled network; immutable, and may be called by several threads at a time."""

    def __init__(self, model: Any, *, precision: str, threads: int) -> None:
        """Compile a network.

        Args:
            model: OpenVINO's model, or the path of an ONNX file.
            precision: Precision of the arithmetic, "fp32" or "bf16".
            threads: Threads of one call. As many calls as fill the processor's cores run side by side.
        """
        import openvino

        _initialise_openvino()
        streams = max(1, cores() // threads)
        self._compiled: Any = openvino.Core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
                "INFERENCE_NUM_THREADS": threads * streams,
                "NUM_STREAMS": streams,
            },
        )
        self._idle: list[Any] = []

    @classmethod
    def of_torch(cls, module: Any, example: Any, *, precision: str, threads: int) -> CpuNetwork:
        """Compile a torch network.

        Args:
            module: A torch module in evaluation mode, from one tensor to one or several.
            example: A tensor of the input's shape, to trace the module with; batch and sides may differ later.
            precision: Precision of the arithmetic, "fp32" or "bf16".
            threads: Threads of one call.
        """
        import torch
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls tracing deprecated; OpenVINO's own is slower
            traced = torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
            # openvino.convert_model does these steps too, but reports to Intel that it did, which nothing here may
            frontend = FrontEndManager().load_by_framework("pytorch")
            decoder = TorchScriptPythonDecoder(traced, example_input=(example,))  # must outlive the conversion
            model = frontend.convert(frontend.load(decoder))
        sides = [-1] * (example.ndim - 2)
        model.reshape([-1, int(example.shape[1]), *sides])
        return cls(model, precision=precision, threads=threads)

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the outputs for a float32 array, in the module's order."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            outputs = request.infer({0: np.ascontiguousarray(x, np.float32)})
            return [np.array(outputs[i], np.float32) for i in range(len(self._compiled.outputs))]
        finally:
            self._idle.append(request)


@cache
def _initialise_openvino() -> None:
    """Run a network of one number once.

    OpenVINO's bindings initialise themselves at their first inference. Two threads that do it at the same time may wait
    for each other for ever: one for the GIL, the other one for the initialisation.
    """
    import openvino
    from openvino import opset13

    number = opset13.parameter([1], np.float32)
    request = openvino.Core().compile_model(openvino.Model([opset13.relu(number)], [number]), "CPU")
    np.array(request.create_infer_request().infer({0: np.zeros(1, np.float32)})[0])


def cpu_network(key: tuple[object, ...], module: Any, example: Any, precision: str) -> CpuNetwork | None:
    """Return the compiled network of a key, compiled at its first use in a process.

    Args:
        key: Identifies the weights; networks of one key, precision and number of threads are one.
        module: A torch module in evaluation mode, from one tensor to one or several.
        example: A tensor of the input's shape, to trace the module with.
        precision: Precision of the arithmetic, "fp32" or "bf16".

    Returns:
        The network; None where OpenVINO is not installed, or cannot run it.
    """
    import torch

    threads = torch.get_num_threads()
    compile_it = partial(CpuNetwork.of_torch, module, example, precision=precision, threads=threads)
    return _compiled_once((*key, precision, threads), compile_it, "torch runs it")


def cpu_onnx_network(path: Path, precision: str, threads: int) -> CpuNetwork | None:
    """Return the compiled network of a verified ONNX file, as `cpu_network` does, for this many threads a call."""
    compile_it = partial(CpuNetwork, str(path), precision=precision, threads=threads)
    return _compiled_once((str(path), precision, threads), compile_it, "ONNX Runtime runs it")


def _compiled_once(key: tuple[object, ...], compile_it: Callable[[], CpuNetwork], instead: str) -> CpuNetwork | None:
    with _lock:
        if key not in _networks:
            try:
                _networks[key] = compile_it()
            except ImportError as error:
                logger.warning("openvino is missing (%s): %s, more slowly", error, instead)
                return None
            except Exception as error:  # a foreign network may contain what OpenVINO does not support
                logger.warning(
                    "OpenVINO cannot run this network (%s: %.200s): %s", type(error).__name__, error, instead
                )
                return None
        return _networks[key]
