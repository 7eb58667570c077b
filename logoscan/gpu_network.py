"""Networks on a GPU: the rows of all callers that wait are run together, in few shapes, each of them a CUDA graph.

Python starts each of a network's hundreds of operations by itself, which takes longer than a GPU needs for them and
lets other threads wait for the interpreter; a graph starts them at once. A graph needs fixed shapes, so that a batch is
padded to one of few sizes. One thread a GPU takes whatever waits for the same network, up to the largest size: a busy
GPU has full batches, an idle one waits for nobody. A device named as "cpu:0" runs the same code without graphs, which
is how the tests run it.

Tensors are in the order NCHW: cuDNN plans each depthwise convolution in channels-last order for each new shape, for up
to seconds (NVIDIA/cudnn-frontend#1066).
"""

from __future__ import annotations

import atexit
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from logoscan._gpu_device import CudaDevice, Device, is_memory_error
from logoscan._gpu_lane import Lane, Part

__all__ = ["GpuNetwork", "is_memory_error"]

logger = logging.getLogger(__name__)

Arrays: TypeAlias = list[NDArray[Any]]

# Shapes whose buffers and graphs are kept; the others are made again.
_MOST_SHAPES = 32


class GpuNetwork:
    """A network on a GPU: rows in, arrays with a row for each of them out. May be called by many threads.

    Where the GPU's memory does not suffice, batches become smaller, and from then on the CPU runs the network if it
    does not suffice for one row.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        name: str,
        device: str,
        rows: Sequence[int],
        on_cpu: Callable[[NDArray[Any]], Arrays],
        graph_from: int = 1,
    ) -> None:
        """Move a network to its device.

        Args:
            module: A module in evaluation mode, from one tensor to one tensor or several, each with a row for each row;
                it may not ask the device for a number, and is moved, not copied.
            name: Beginning of log lines.
            device: "cuda", "cuda:1", ...; "cpu:0" for tests.
            rows: All batch sizes that are ever run, rising.
            on_cpu: Runs the network on the CPU instead.
            graph_from: Use of a shape from which on it has a graph, which takes longer to make than a few plain runs.
        """
        self.name, self._rows, self._on_cpu, self._graph_from = name, tuple(rows), on_cpu, graph_from
        self._wanted_device, self._module = device, module.to(device).eval()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)  # the thread of the device uses another stream than the one that copied
        self._programs: OrderedDict[tuple[Any, ...], _Program] = OrderedDict()  # used by the device's thread alone
        self._uses: OrderedDict[tuple[Any, ...], int] = OrderedDict()

    @property
    def device(self) -> str:
        """Device on which the network runs."""
        return self._wanted_device if self._rows else "cpu"

    @property
    def rows(self) -> tuple[int, ...]:
        """Batch sizes that are run, rising; empty where the CPU runs the network."""
        return self._rows

    def submit(self, rows: NDArray[Any]) -> Future[Arrays]:
        """Run the network, and return the outputs when they are there.

        Args:
            rows: Array (n, ...) of the module's input, n at least 1; rows of one shape share batches.
        """
        if not self._rows:
            done: Future[Arrays] = Future()
            done.set_result(self._on_cpu(rows))
            return done
        return _lane(self._wanted_device).submit(self, rows)

    def __call__(self, rows: NDArray[Any]) -> Arrays:
        """Run the network on rows, and wait for the outputs (`submit`)."""
        return self.submit(rows).result()

    # -- called by the device's thread alone

    def start(self, parts: Sequence[Part], device: Device) -> Callable[[], Arrays]:
        """Start a batch, and return what waits for it and gives the outputs; their padding comes last."""
        first = parts[0].rows
        count = sum(len(part.rows) for part in parts)
        size = next(size for size in self._rows if size >= count)
        key = (size, *first.shape[1:], first.dtype)
        self._uses[key] = self._uses.pop(key, 0) + 1
        if key not in self._programs:
            self._programs[key] = _Program(device, (size, *first.shape[1:]), first.dtype)
        self._programs.move_to_end(key)
        while len(self._programs) > _MOST_SHAPES:
            self._uses.pop(self._programs.popitem(last=False)[0], None)
        return self._programs[key].start(parts, self._forward, self._uses[key] >= self._graph_from, self.name)

    def run_on_cpu(self, rows: NDArray[Any]) -> Arrays:
        """Run rows on the CPU."""
        return self._on_cpu(rows)

    def shrink(self, count: int) -> None:
        """Run only smaller batches than the one of this many rows, which did not fit into memory."""
        failed = next((size for size in self._rows if size >= count), 1)
        smaller = tuple(size for size in self._rows if size < failed) or ((failed // 2,) if failed > 1 else ())
        instead = f"batches of {smaller[-1]} at most" if smaller else "the CPU runs this network from now on"
        logger.warning("%s: too little memory on %s for %d rows; %s", self.name, self._wanted_device, failed, instead)
        self._rows = smaller
        self._programs.clear()
        self._uses.clear()

    def _forward(self, given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        output = self._module(given)
        return (output,) if isinstance(output, torch.Tensor) else tuple(output)


class _Program:
    """A network in one shape: two buffers each way, so that one batch is filled while another runs, and its graph."""

    def __init__(self, device: Device, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        kind = torch.from_numpy(np.empty(0, dtype)).dtype
        self._device = device
        self._given = torch.zeros(shape, dtype=kind, device=device.device)
        self._hosts = [device.host_buffer(shape, kind) for _ in range(2)]
        self._backs: list[list[torch.Tensor]] = [[], []]
        self._turn = 0
        self._graph: tuple[Callable[[], None], tuple[torch.Tensor, ...]] | None = None
        self._is_plain = False

    def start(
        self,
        parts: Sequence[Part],
        forward: Callable[[torch.Tensor], tuple[torch.Tensor, ...]],
        with_graph: bool,
        name: str,
    ) -> Callable[[], Arrays]:
        """Start one batch; at most one other may be under way."""
        turn, self._turn = self._turn, 1 - self._turn
        rows, at = self._hosts[turn].numpy(), 0
        for part in parts:
            rows[at : at + len(part.rows)] = part.rows
            at += len(part.rows)
        self._given.copy_(self._hosts[turn], non_blocking=True)
        if with_graph and self._graph is None and not self._is_plain:
            self._capture(forward, name)
        if self._graph is None:
            outputs = forward(self._given)
        else:
            replay, outputs = self._graph
            replay()
        if not self._backs[turn]:
            self._backs[turn] = [self._device.host_buffer(tuple(each.shape), each.dtype) for each in outputs]
        back = self._backs[turn]
        for here, there in zip(back, outputs, strict=True):
            here.copy_(there, non_blocking=True)
        wait = self._device.mark()

        def finish() -> Arrays:
            wait()
            return [each.numpy() for each in back]

        return finish

    def _capture(self, forward: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], name: str) -> None:
        try:
            self._graph = self._device.capture(forward, self._given)
        except Exception as error:
            if is_memory_error(error):
                raise
            logger.warning("%s: no CUDA graph (%s: %.200s); it runs without, slower", name, type(error).__name__, error)
        self._is_plain = self._graph is None


# The thread of each device; guarded by `_lock`.
_lanes: dict[str, Lane] = {}
_lock = Lock()


def _lane(name: str) -> Lane:
    name = "cuda:0" if name == "cuda" else name
    with _lock:
        if name not in _lanes:
            _lanes[name] = Lane(CudaDevice(name) if name.startswith("cuda") else Device(name), is_memory_error)
        return _lanes[name]


def _stop() -> None:
    """End the threads before the interpreter does, which would take CUDA away from under them."""
    for lane in _lanes.values():
        lane.stop()


atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_lanes.clear)  # a fork has no copy of the threads
