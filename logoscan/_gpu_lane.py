"""The one thread that runs networks on a GPU, and puts together what waits. Knows neither torch nor pictures."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from threading import Condition, Thread
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lane", "Part"]

logger = logging.getLogger(__name__)

Arrays: TypeAlias = list[NDArray[Any]]

# Seconds that a thread is waited for as the interpreter ends.
_STOP_S = 5.0


class _Job:
    """The rows of one caller, and the outputs that are there."""

    def __init__(self, network: _Network, rows: NDArray[Any]) -> None:
        self.network, self.rows = network, rows
        self.key = (network, rows.shape[1:], rows.dtype)
        self.taken = 0
        self.future: Future[Arrays] = Future()
        self._outputs: dict[int, Arrays] = {}

    def add(self, start: int, outputs: Arrays) -> None:
        """Add the outputs of the rows from `start` on; the last ones end the job."""
        self._outputs[start] = outputs
        if sum(len(each[0]) for each in self._outputs.values()) == len(self.rows) and not self.future.done():
            parts = [self._outputs[start] for start in sorted(self._outputs)]
            self.future.set_result([np.concatenate(arrays) for arrays in zip(*parts, strict=True)])

    def fail(self, error: BaseException) -> None:
        """Let the caller have the error."""
        if not self.future.done():
            self.future.set_exception(error)


class Part(NamedTuple):
    """Rows of one caller in a batch: the job, the position of the first one in it, and the rows."""

    job: _Job
    start: int
    rows: NDArray[Any]


class _Network(Protocol):
    """What the thread wants of a `GpuNetwork`."""

    @property
    def rows(self) -> tuple[int, ...]: ...

    def start(self, parts: Sequence[Part], device: Any) -> Callable[[], Arrays]: ...

    def shrink(self, count: int) -> None: ...

    def run_on_cpu(self, rows: NDArray[Any]) -> Arrays: ...


class _Device(Protocol):
    """What the thread wants of a device."""

    def context(self) -> AbstractContextManager[None]: ...

    def free(self) -> None: ...


class Lane:
    """Runs the networks of one device in one thread, batch by batch, in the order in which rows came."""

    def __init__(self, device: _Device, is_memory_error: Callable[[BaseException], bool]) -> None:
        """Start the thread.

        Args:
            device: The device.
            is_memory_error: Returns whether an error says that the device's memory is full.
        """
        self._device, self._is_memory_error = device, is_memory_error
        self._jobs: deque[_Job] = deque()
        self._changed = Condition()
        self._is_stopped = False
        self._thread = Thread(target=self._run, name="logoscan-gpu", daemon=True)
        self._thread.start()

    def submit(self, network: _Network, rows: NDArray[Any]) -> Future[Arrays]:
        """Run a network on rows, at least one, and return the outputs when they are there."""
        job = _Job(network, rows)
        with self._changed:
            if self._is_stopped:
                raise RuntimeError("the thread of this GPU has ended, and nothing runs on it any more")
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def stop(self) -> None:
        """End the thread; what waits is run first."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            self._run_batches()
        except Exception as error:  # the device is lost: nobody may wait for ever
            logger.exception("the thread of a GPU ended")
            with self._changed:
                self._is_stopped = True
                for job in self._jobs:
                    job.fail(error)

    def _run_batches(self) -> None:
        with self._device.context():
            under_way: deque[tuple[Sequence[Part], Callable[[], Arrays]]] = deque()
            while True:
                parts = self._take(wait=not under_way)
                if parts is None and not under_way:
                    return
                if parts and (finish := self._start(parts)) is not None:
                    under_way.append((parts, finish))
                if under_way and (not parts or len(under_way) > 1):  # one is filled while another one runs
                    self._finish(*under_way.popleft())
                del parts  # while it waits for the next rows, it keeps no caller's

    def _take(self, *, wait: bool) -> list[Part] | None:
        """Take the rows that wait for the network of the first job, as many as its largest batch has.

        Returns:
            Parts of one batch; None where nothing waits, with `wait` only when the thread is to end.
        """
        with self._changed:
            while wait and not self._jobs and not self._is_stopped:
                self._changed.wait()
            if not self._jobs:
                return None
            key, parts, left = self._jobs[0].key, [], max(self._jobs[0].network.rows, default=1)
            for job in [job for job in self._jobs if job.key == key]:
                rows = job.rows[job.taken : job.taken + left]
                parts.append(Part(job, job.taken, rows))
                job.taken += len(rows)
                left -= len(rows)
                if job.taken == len(job.rows):
                    self._jobs.remove(job)
                if not left:
                    break
            return parts

    def _start(self, parts: Sequence[Part]) -> Callable[[], Arrays] | None:
        """Start a batch; return None where there is nothing to wait for: it failed, or was run in smaller ones."""
        network, count = parts[0].job.network, sum(len(part.rows) for part in parts)
        most = max(network.rows, default=count)
        if count > most:  # memory was found full since the rows were taken
            for smaller in _cut(parts, most):
                finish = self._start(smaller)
                if finish is not None:
                    self._finish(smaller, finish)
            return None
        try:
            if network.rows:
                return network.start(parts, self._device)
            for part in parts:
                part.job.add(part.start, network.run_on_cpu(part.rows))
            return None
        except Exception as error:
            if not network.rows or not self._is_memory_error(error):
                self._fail(parts, error)
                return None
        # outside of the handler, whose error keeps the frames, and so the memory, of the batch that failed
        network.shrink(count)
        self._device.free()
        return self._start(parts)

    def _finish(self, parts: Sequence[Part], finish: Callable[[], Arrays]) -> None:
        """Wait for a batch, and give each caller the outputs of its rows."""
        try:
            outputs = finish()
        except Exception as error:
            self._fail(parts, error)
            return
        at = 0
        for part in parts:
            end = at + len(part.rows)
            part.job.add(part.start, [each[at:end].copy() for each in outputs])
            at = end

    def _fail(self, parts: Sequence[Part], error: BaseException) -> None:
        """Fail the jobs of a batch; what is left of them is not run."""
        for part in parts:
            part.job.fail(error)
            with self._changed:
                if part.job in self._jobs:
                    self._jobs.remove(part.job)


def _cut(parts: Sequence[Part], most: int) -> list[list[Part]]:
    """Cut the parts of a batch into batches of at most this many rows."""
    out: list[list[Part]] = [[]]
    left = most
    for part in parts:
        start = 0
        while start < len(part.rows):
            if not left:
                out.append([])
                left = most
            rows = part.rows[start : start + left]
            out[-1].append(Part(part.job, part.start + start, rows))
            start += len(rows)
            left -= len(rows)
    return out
