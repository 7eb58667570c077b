"""Where networks run: on the CPU by OpenVINO, with torch's answers, sooner; on a GPU in one thread. Knows no pictures.

`benchmarks/encode.py` compares OpenVINO with torch. OpenVINO takes the network from torch as it is; no other file of
weights exists.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
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
    "fast_layout",
    "on_device",
    "one_core_a_batch",
    "resolve_device",
    "staged",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_made: dict[tuple[object, ...], CpuNetwork] = {}
_lanes: dict[str, ThreadPoolExecutor] = {}
_lock = Lock()
_lanes_lock = Lock()
_building = RLock()


class _Process:
    """What this process did with networks, for its forks to know."""

    built = False
    forked_after = False


def _in_fork() -> None:
    """Remember in a fork that its parent had networks, whose threads are missing here."""
    _lanes.clear()
    _Process.forked_after = _Process.built


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_fork)


@contextmanager
def building_networks() -> Iterator[None]:
    """Make networks as they are meant, whatever the host has set, and refuse where they could never answer.

    Torch makes parameters in its default dtype and on its default device; a host may have set bf16. The dtype is a
    process's, so it is set for as long as a network is built and put back, in one thread at a time.

    Raises:
        LogoscanError: This process was forked from one that had built networks: theirs wait here for threads that a
            fork leaves behind, for ever, and so would new ones.
    """
    import torch

    if _Process.forked_after:
        raise LogoscanError(
            f"process {os.getpid()}: expected one that was started by spawn or forkserver, got a fork of one that had "
            "built models; fork before any model is built, or start processes by spawn"
        )
    _Process.built = True
    elsewhere = torch.get_default_device().type != "cpu"
    with _building, torch.device("cpu") if elsewhere else nullcontext():
        host = torch.get_default_dtype()
        if host != torch.float32:
            torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            if host != torch.float32:
                torch.set_default_dtype(host)


def cores() -> int:
    """Processor cores that this process may use, one or more: where it is bound to some, those alone (Linux)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_device(device: str, run: Callable[[], T]) -> T:
    """What `run` gives; for a GPU it is called in that GPU's one thread, else in the caller's.

    cuDNN plans each convolution for each shape anew, depthwise ones for up to seconds (NVIDIA/cudnn-frontend#1066), and
    torch keeps the plans by thread (pytorch/pytorch#103939). So networks run in one thread on a GPU, in few shapes.

    Args:
        device: "cpu", "cuda", "cuda:1", ...
        run: Does not call this itself.
    """
    if not device.startswith("cuda"):
        return run()
    name = "cuda:0" if device == "cuda" else device
    with _lanes_lock:
        if name not in _lanes:
            _lanes[name] = ThreadPoolExecutor(1, f"logoscan-{name}")
        lane = _lanes[name]
    return lane.submit(run).result()


def staged(pixels: NDArray[np.uint8], device: str) -> Any:
    """A tensor of the pixels on the host; pinned where it is to go to a GPU, which then copies it by itself."""
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(pixels))
    return tensor.pin_memory() if device.startswith("cuda") else tensor


def one_core_a_batch() -> None:
    """Let torch, OpenCV and numpy's BLAS use one thread for each call, in this process, from now on.

    Call it before models are made. `Scanner.scan_many` then gives each batch of listings a core, side by side, which
    gets more done than all cores at one batch; BLAS alone, whose idle threads wait in a loop, took a seventh.
    """
    import cv2
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1, user_api="blas")


class CpuNetwork:
    """A compiled network; immutable, and may be called by several threads at a time."""

    def __init__(self, module: Any, example: Any, *, precision: str, threads: int) -> None:
        """Compile a network.

        Args:
            module: A torch module in evaluation mode, from one tensor to one or several.
            example: A tensor of the shape that comes, to trace the module with; batch and sides may change later.
            precision: "fp32" or "bf16", of the arithmetic.
            threads: For one call. As many calls as fill the processor's cores run side by side.
        """
        import openvino
        import torch
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls tracing deprecated; OpenVINO does it itself, more slowly
            traced = torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
            # openvino.convert_model does these steps too, and reports to Intel that it did: nothing here may
            frontend = FrontEndManager().load_by_framework("pytorch")
            decoder = TorchScriptPythonDecoder(traced, example_input=(example,))  # must outlive the conversion
            model = frontend.convert(frontend.load(decoder))
        sides = [-1] * (example.ndim - 2)
        model.reshape([-1, int(example.shape[1]), *sides])
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

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The outputs for a float32 array, in the module's order."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            found = request.infer({0: np.ascontiguousarray(x, np.float32)})
            return [np.array(found[i], np.float32) for i in range(len(self._compiled.outputs))]
        finally:
            self._idle.append(request)


def cpu_network(key: tuple[object, ...], module: Any, example: Any, precision: str) -> CpuNetwork | None:
    """The compiled network of a key, made at first use in a process; None where OpenVINO cannot be had.

    Args:
        key: Names the weights; networks of one key and precision are one.
        module: As for `CpuNetwork`.
        example: As for `CpuNetwork`.
        precision: "fp32" or "bf16".
    """
    import torch

    threads = torch.get_num_threads()
    full = (*key, precision, threads)
    with _lock:
        if full not in _made:
            try:
                _made[full] = CpuNetwork(module, example, precision=precision, threads=threads)
            except ImportError as error:
                logger.warning("openvino is missing (%s): torch runs the networks, more slowly", error)
                return None
            except Exception as error:  # a foreign network may hold what OpenVINO does not know
                logger.warning(
                    "OpenVINO cannot run this network (%s: %.200s): torch runs it", type(error).__name__, error
                )
                return None
        return _made[full]


def resolve_device(device: str) -> str:
    """`auto` becomes `cuda` where there is one, else `cpu`; `cuda` is the device that torch has set, `cuda:1`, ...

    Raises:
        DeviceError: A device was named that cannot be had.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
        logger.info("device auto: %s", device)
    try:
        if device == "cuda" and (number := torch.cuda.current_device()):
            device = f"cuda:{number}"  # the thread of `on_device` would take the first
        wanted = torch.device(device)
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # as torch says it, by kind of device
        raise DeviceError(f"device: expected one that can be had, got {device!r} ({error!s:.100})") from None
    return str(wanted)


def cpu_has_bf16() -> bool:
    """Whether the processor computes in bf16; without it oneDNN emulates, a hundred times slower."""
    import torch

    try:
        wide = "AVX512" in torch.backends.cpu.get_cpu_capability()
        return wide and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def fast_layout(device: str) -> Any:
    """The torch memory format in which convolutions are fast.

    On a CPU without AVX-512 oneDNN falls back to its reference for some of them in channels-last order: a look of the
    detector took 6 s instead of 0.4 s.
    """
    import torch

    slow = device.startswith("cpu") and "AVX512" not in torch.backends.cpu.get_cpu_capability()
    return torch.contiguous_format if slow else torch.channels_last
