"""Makes training samples in a process of its own, ahead of use. Must not know what they are."""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable, Generator
from typing import Any, TypeVar

Item = TypeVar("Item")


def _produce(make: Callable[[], Callable[[], Any]], ready: Any) -> None:
    try:
        draw = make()
        while True:
            ready.put(draw())
    except Exception as error:  # handed over: a process's own traceback would be lost
        ready.put(error)


def stream(*makes: Callable[[], Callable[[], Item]], ahead: int = 8) -> Generator[Item, None, None]:
    """Yield what functions make in processes of their own, as it comes, until closed; an error there is raised here.

    Args:
        makes: Each builds the function of one process there; must be picklable.
        ahead: Items made ahead of use.
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
