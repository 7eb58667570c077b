"""Process batches by threads, and yield the results in the batches' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["batched", "in_order"]

T = TypeVar("T")
R = TypeVar("R")


def batched(stream: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of `size` items, the last one perhaps shorter; nothing is read ahead of the list that is yielded."""
    items = iter(stream)
    return iter(lambda: list(islice(items, size)), [])


def in_order(batches: Iterator[Sequence[T]], work: Callable[[Sequence[T]], Iterable[R]], workers: int) -> Iterator[R]:
    """Yield the results of `work` for each batch, in the order of the batches.

    Args:
        batches: Batches, read as far ahead as there are workers. Where reading raises, the results of the batches
            before come first, and the error is raised then.
        work: Function of a batch, called by several threads at a time, each with a batch of its own.
        workers: Number of threads; 1 uses none.
    """
    if workers == 1:
        for batch in batches:
            yield from work(batch)
        return
    with ThreadPoolExecutor(workers, "logoscan") as pool:
        ahead: deque[Future[list[R]]] = deque()
        reading_error: Exception | None = None
        try:
            while True:
                try:
                    batch = next(batches)
                except StopIteration:
                    break
                except Exception as error:
                    reading_error = error
                    break
                ahead.append(pool.submit(lambda batch: list(work(batch)), batch))
                if len(ahead) > workers:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
            if reading_error is not None:
                raise reading_error
        finally:  # the caller may have stopped early
            for future in ahead:
                future.cancel()
