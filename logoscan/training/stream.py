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


def stream(make: Callable[[], Callable[[], Item]], ahead: int = 8) -> Generator[Item, None, None]:
    """Yield what a function makes in a process of its own, until closed; an error there is raised here.

    Args:
        make: Builds the function there; must be picklable.
        ahead: Items made ahead of use.
    """
    context = multiprocessing.get_context("spawn")
    ready = context.Queue(ahead)
    process = context.Process(target=_produce, args=(make, ready), daemon=True)
    process.start()
    try:
        while True:
            try:
                item = ready.get(timeout=5)
            except queue.Empty:
                if not process.is_alive():
                    raise RuntimeError(f"composer process ended with exit code {process.exitcode}") from None
                continue
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        process.terminate()
        process.join(timeout=5)
        ready.close()
