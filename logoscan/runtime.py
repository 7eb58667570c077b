"""What the machine can do: devices, cores, precisions; and how networks are built in a process.

`cpu_network` and `gpu_network` run networks.
"""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from functools import partial, wraps
from threading import Lock, RLock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from logoscan._quote import cause
from logoscan.errors import DeviceError, LogoscanError

__all__ = [
    "batches_at_once",
    "building_networks",
    "cores",
    "cpu_has_bf16",
    "fast_cpu_layout",
    "host_tensor",
    "on_device",
    "one_core_a_batch",
    "one_of_several",
    "rebuilt_elsewhere",
    "resolve_device",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# The one thread of each GPU; guarded by `_gpu_threads_lock`.
_gpu_threads: dict[str, ThreadPoolExecutor] = {}
_gpu_threads_lock = Lock()
_building = RLock()
# glibc's M_MMAP_THRESHOLD, of which it takes 32 MB at most, M_TRIM_THRESHOLD and M_ARENA_MAX: arrays of that size come
# from one heap, which is given back to the system from 256 MB of free memory at its end.
_MALLOC_OPTIONS = ((-3, 32 << 20), (-1, 256 << 20), (-8, 1))


class _Process:
    """Whether this process built networks, is a fork of one that had, and runs one batch at a time."""

    has_networks = False
    is_fork_with_networks = False
    one_batch = False


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


def rebuilt_elsewhere(cls: type[T]) -> type[T]:
    """Let objects of a class be pickled as the arguments that they were built with.

    Networks cannot be sent to another process, but are loaded there again in little time. Objects of derived classes,
    whose arguments are others, refuse to be pickled.
    """
    build: Callable[..., None] = cls.__init__

    @wraps(build)
    def keep_arguments(self: Any, *args: Any, **options: Any) -> None:
        build(self, *args, **options)
        if type(self) is cls:
            vars(self)["_built_by"] = args, options

    def reduce(self: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if type(self) is not cls:
            raise TypeError(f"{type(self).__name__} cannot be pickled: build it in each process")
        args, options = vars(self)["_built_by"]
        return partial(cls, **options), args

    setattr(cls, "__init__", keep_arguments)  # noqa: B010 - mypy objects to an assignment
    setattr(cls, "__reduce__", reduce)  # noqa: B010
    return cls


def cores() -> int:
    """Return how many processor cores this process may use; on Linux only those that it is bound to."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_device(device: str, run: Callable[[], T]) -> T:
    """Call `run` in the one thread of a GPU, or on the CPU in the caller's thread, and return its result.

    For networks that are another library's, such as EasyOCR's; our own run by `gpu_network`. cuDNN plans each
    convolution for each new shape, and torch keeps the plans for each thread (pytorch/pytorch#103939).

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


def batches_at_once(threads: int) -> int:
    """Return how many batches this process runs side by side, each by so many threads: as many as fill the cores.

    A process that is one of several (`one_of_several`) runs one.
    """
    return 1 if _Process.one_batch else max(1, cores() // threads)


def one_of_several() -> None:
    """Let this process run one batch at a time on one core, because others fill the other cores.

    It was started with `OMP_NUM_THREADS=1`, which torch and BLAS obey; torch, whose import takes a second, may never be
    needed.
    """
    import cv2

    _Process.one_batch = True
    cv2.setNumThreads(1)
    _keep_freed_memory()


def one_core_a_batch() -> None:
    """Let torch, OpenCV and numpy's BLAS use one thread for each call, in this process, from now on.

    Call it before models are built. `Scanner.scan_many` then gives each batch of listings a core of its own, which
    scans more listings than all cores at one batch. The idle threads of BLAS, which wait in a loop, took a seventh of
    the time. Freed memory is kept for the next photo, up to 256 MB, where the C library can be told so.
    """
    import cv2
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1, user_api="blas")
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let glibc keep freed memory: without it, a quarter of the time for keypoints went into fresh pages of zeros."""
    with suppress(OSError, AttributeError, TypeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _MALLOC_OPTIONS:
            mallopt(option, value)


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
        raise DeviceError(f"device: expected one that can be had, got {device!r} ({cause(error)})") from None
    return str(wanted)


def cpu_has_bf16() -> bool:
    """Return whether the processor computes in bf16; without it oneDNN emulates bf16, a hundred times slower.

    AVX-512 alone is not enough: many server processors have it without bf16.
    """
    import torch

    try:
        abilities = torch.cpu.get_capabilities()
    except AttributeError:  # torch before 2.11
        return bool(torch.cpu._is_avx512_bf16_supported())
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))


def fast_cpu_layout() -> Any:
    """Return the torch memory format in which convolutions are fast on this processor.

    Without AVX-512, oneDNN falls back to its reference implementation for some convolutions in channels-last order: a
    pass of the detector took 6 s instead of 0.4 s.
    """
    import torch

    has_avx512 = "AVX512" in torch.backends.cpu.get_cpu_capability()
    return torch.channels_last if has_avx512 else torch.contiguous_format
