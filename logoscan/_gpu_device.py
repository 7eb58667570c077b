"""A GPU as the thread of its networks sees it: memory, graphs, and waiting; and a CPU in its place, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

__all__ = ["CudaDevice", "Device", "is_memory_error"]


class Device:
    """A CPU that is named with its number: everything as on a GPU, except graphs and waiting."""

    def __init__(self, name: str) -> None:
        """Name the torch device."""
        self.device = torch.device(name)

    @contextmanager
    def context(self) -> Iterator[None]:
        """Make the device current in its thread."""
        with torch.no_grad():
            yield

    def host_buffer(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Return zeros on the host that the device can copy by itself."""
        return torch.zeros(shape, dtype=dtype, device="cpu")

    def capture(
        self, forward: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], given: torch.Tensor
    ) -> tuple[Callable[[], None], tuple[torch.Tensor, ...]] | None:
        """Return what runs `forward` on `given` again, and the outputs that it writes to; None where it cannot."""
        return None

    def mark(self) -> Callable[[], None]:
        """Return a function that waits until everything is done that was started before."""
        return lambda: None

    def free(self) -> None:
        """Give memory back that nothing uses."""


class CudaDevice(Device):
    """A GPU with a stream of its own. What one graph leaves in their shared memory is copied before the next runs."""

    def __init__(self, name: str) -> None:
        """Make the stream."""
        super().__init__(name)
        self._stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    @contextmanager
    def context(self) -> Iterator[None]:
        """Make the device and its stream current in its thread."""
        with torch.cuda.device(self.device), torch.cuda.stream(self._stream), torch.no_grad():
            yield

    def host_buffer(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Return pinned zeros on the host."""
        return torch.zeros(shape, dtype=dtype, device="cpu", pin_memory=True)

    def capture(
        self, forward: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], given: torch.Tensor
    ) -> tuple[Callable[[], None], tuple[torch.Tensor, ...]] | None:
        """Return the replay of a graph, and the outputs that it writes to.

        Other threads may use the GPU meanwhile, for a search or a reader of their own.
        """
        forward(given)  # not captured: libraries initialise themselves, and plan
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            outputs = forward(given)
        return graph.replay, outputs

    def mark(self) -> Callable[[], None]:
        """Return a function that sleeps until everything is done that was started before."""
        event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        event.record(self._stream)
        return event.synchronize

    def free(self) -> None:
        """Give cached memory back to the GPU."""
        torch.cuda.empty_cache()


def is_memory_error(error: BaseException) -> bool:
    """Return whether an error says that a device, or pinned memory, is full; libraries do so in their own words."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in ("out of memory", "ALLOC_FAILED"))
    )
