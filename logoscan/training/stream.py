"""Make training samples in other processes, ahead of use. This module must not know what the samples are."""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable, Generator
from typing import Any, TypeVar

Item = TypeVar("Item")


def _produce(make: Callable[[], Callable[[], Any]], ready: Any) -> None:
    """Put samples into the queue `ready` until the process is ended; put an error into it and stop."""
    try:
        draw = make()
        while True:
            ready.put(draw())
    except Exception as error:  # raised by `stream`: here it would be lost with the process
        ready.put(error)


def stream(*makes: Callable[[], Callable[[], Item]], ahead: int = 8) -> Generator[Item, None, None]:
    """Yield items made in other processes, in order of arrival, until closed.

    Args:
        makes: Picklable functions, one for each process, that build the function that makes items there.
        ahead: Number of items made ahead of use.

    Raises:
        RuntimeError: If a process ended. Errors in a process are raised here as they are.
    """
    context = multiprocessing.get_context("spawn")
    ready = context.Queue(ahead)
    processes = [context.Process(target=_produce, args=(make, ready), daemon=True) for make in makes]
    for process in processes:
        process.start()
    try:
        while True:
            try:
                item = ready.get(timeout=5)
            except queue.Empty:
                if dead := [p.exitcode for p in processes if not p.is_alive()]:
                    raise RuntimeError(f"composer process ended with exit code {dead[0]}") from None
                continue
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=5)
        ready.close()
