"""Make training samples in other processes, ahead of use. This module must not know what the samples are."""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable, Generator
from typing import Any, TypeVar

Item = TypeVar("Item")


class _End:
    """What a process puts into the queue when it has made its last item."""


def _produce(make: Callable[[], Callable[[], Any]], ready: Any) -> None:
    """Put samples into the queue `ready` until there are no more or the process is ended; put an error and stop."""
    try:
        draw = make()
        while True:
            try:
                item = draw()
            except StopIteration:
                item = _End()
            ready.put(item)
            if isinstance(item, _End):
                return
    except Exception as error:  # raised by `stream`: here it would be lost with the process
        ready.put(error)


def stream(*makes: Callable[[], Callable[[], Item]], ahead: int = 8) -> Generator[Item, None, None]:
    """Yield items made in other processes, in order of arrival, until closed or until no process makes more.

    Args:
        makes: Picklable functions, one for each process, that build the function that makes items there. It may raise
            StopIteration after the last one.
        ahead: Number of items made ahead of use, at least one for each process.

    Raises:
        RuntimeError: If a process ended. Errors in a process are raised here as they are.
    """
    context = multiprocessing.get_context("spawn")
    ready = context.Queue(max(ahead, len(makes)))
    processes = [context.Process(target=_produce, args=(make, ready), daemon=True) for make in makes]
    for process in processes:
        process.start()
    ended = 0
    try:
        while ended < len(makes):
            try:
                item = ready.get(timeout=5)
            except queue.Empty:
                dead = [p.exitcode or 0 for p in processes if not p.is_alive()]
                if len(dead) > ended:
                    raise RuntimeError(f"composer process ended with exit code {max(dead, key=abs)}") from None
                continue
            if isinstance(item, Exception):
                raise item
            if isinstance(item, _End):
                ended += 1
            else:
                yield item
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=5)
        ready.close()
