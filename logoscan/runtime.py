"""How networks run: on the CPU by OpenVINO, with the results of torch, but faster; on a GPU in one thread.

`python -m benchmarks encode` compares OpenVINO with torch. OpenVINO converts the torch network in memory; there is no
second file of weights. Knows no pictures.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from threading import Lock, RLock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import DeviceError, LogoscanError

__all__ = [
    "CpuNetwork",
    "building_networks",
    "cores",
    "cpu_has_bf16",
    "cpu_network",
    "cpu_onnx_network",
    "fast_layout",
    "host_tensor",
    "on_device",
    "one_core_a_batch",
    "resolve_device",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Compiled networks, by weights, precision and threads; guarded by `_lock`.
_networks: dict[tuple[object, ...], CpuNetwork] = {}
# The one thread of each GPU; guarded by `_gpu_threads_lock`.
_gpu_threads: dict[str, ThreadPoolExecutor] = {}
_lock = Lock()
_gpu_threads_lock = Lock()
_building = RLock()


class _Process:
    """Whether this process built networks, and whether it is a fork of a process that had built some."""

    has_networks = False
    is_fork_with_networks = False


def _in_fork() -> None:
    """Note in a fork that its parent had networks, whose threads are missing here."""
    _gpu_threads.clear()
    _Process.is_fork_with_networks = _Process.has_networks


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_fork)


@contextmanager
def building_networks() -> Iterator[None]:
    """Build networks in float32 on the CPU, whatever the host has set as torch's defaults.

    Torch makes parameters in its default dtype and on its default device; a host may have set bf16. The default dtype
    belongs to the process, so it is set while a network is built and then restored, by one thread at a time.

    Raises:
        LogoscanError: This process was forked from one that had built networks. The inherited networks, and new ones,
            would wait forever for threads that a fork does not copy.
    """
    import torch

    if _Process.is_fork_with_networks:
        raise LogoscanError(
            f"process {os.getpid()}: expected one that was started by spawn or forkserver, got a fork of one that had "
            "built models; fork before any model is built, or start processes by spawn"
        )
    _Process.has_networks = True
    on_cpu = torch.get_default_device().type == "cpu"
    with _building, nullcontext() if on_cpu else torch.device("cpu"):
        host_dtype = torch.get_default_dtype()
        if host_dtype != torch.float32:
            torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            if host_dtype != torch.float32:
                torch.set_default_dtype(host_dtype)


def cores() -> int:
    """Return how many processor cores this process may use; on Linux only those that it is bound to."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_device(device: str, run: Callable[[], T]) -> T:
    """Call `run` in the one thread of a GPU, or on the CPU in the caller's thread, and return its result.

    cuDNN plans each convolution for each new shape, depthwise ones for up to seconds (NVIDIA/cudnn-frontend#1066), and
    torch keeps the plans for each thread (pytorch/pytorch#103939). So networks run in one thread on a GPU, in few
    shapes.

    Args:
        device: "cpu", "cuda", "cuda:1", ...
        run: Function to call; it may not call `on_device` itself.
    """
    if not device.startswith("cuda"):
        return run()
    name = "cuda:0" if device == "cuda" else device
    with _gpu_threads_lock:
        if name not in _gpu_threads:
            _gpu_threads[name] = ThreadPoolExecutor(1, f"logoscan-{name}")
        thread = _gpu_threads[name]
    return thread.submit(run).result()


def host_tensor(pixels: NDArray[Any], device: str) -> Any:
    """Return numbers as a tensor on the host; pinned for a GPU, which then copies them without the processor."""
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(pixels))
    return tensor.pin_memory() if device.startswith("cuda") else tensor


def one_core_a_batch() -> None:
    """Let torch, OpenCV and numpy's BLAS use one thread for each call, in this process, from now on.

    Call it before models are built. `Scanner.scan_many` then gives each batch of listings a core of its own, which
    scans more listings than all cores at one batch. The idle threads of BLAS, which wait in a loop, took a seventh of
    the time.
    """
    import cv2
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1, user_api="blas")


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


def resolve_device(device: str) -> str:
    """Return the name of the torch device that a name stands for.

    Args:
        device: "auto" is "cuda" where there is one, otherwise "cpu"; "cuda" is the current device of torch, for example
            "cuda:1".

    Raises:
        DeviceError: The device that was named is not available.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
        logger.info("device auto: %s", device)
    try:
        if device == "cuda" and (number := torch.cuda.current_device()):
            device = f"cuda:{number}"  # the thread of `on_device` would use the first GPU
        wanted = torch.device(device)
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch raises them, by kind of device
        raise DeviceError(f"device: expected one that can be had, got {device!r} ({error!s:.100})") from None
    return str(wanted)


def cpu_has_bf16() -> bool:
    """Return whether the processor computes in bf16; without it oneDNN emulates bf16, a hundred times slower."""
    import torch

    try:
        has_avx512 = "AVX512" in torch.backends.cpu.get_cpu_capability()
        return has_avx512 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def fast_layout(device: str) -> Any:
    """Return the torch memory format in which convolutions are fast on a device.

    On a CPU without AVX-512, oneDNN falls back to its reference implementation for some convolutions in channels-last
    order: a pass of the detector took 6 s instead of 0.4 s.
    """
    import torch

    slow = device.startswith("cpu") and "AVX512" not in torch.backends.cpu.get_cpu_capability()
    return torch.contiguous_format if slow else torch.channels_last
