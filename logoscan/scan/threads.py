"""Batches to threads, and what these make of them in the batches' order. Knows no listings and no models."""

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
    """Lists of `size` items, the last one maybe shorter; no further ahead than the list that is asked for."""
    items = iter(stream)
    return iter(lambda: list(islice(items, size)), [])


def in_order(batches: Iterator[Sequence[T]], work: Callable[[Sequence[T]], Iterable[R]], workers: int) -> Iterator[R]:
    """What `work` makes of each batch, in their order.

    Args:
        batches: Read as far ahead as there are workers. Where reading breaks, what came before is worked on first, and
            the error raised then.
        work: Called by several threads at a time, each with a batch of its own.
        workers: Threads; 1 uses none.
    """
    if workers == 1:
        for batch in batches:
            yield from work(batch)
        return
    with ThreadPoolExecutor(workers, "logoscan") as pool:
        ahead: deque[Future[list[R]]] = deque()
        broke: Exception | None = None
        try:
            while True:
                try:
                    batch = next(batches)
                except StopIteration:
                    break
                except Exception as error:
                    broke = error
                    break
                ahead.append(pool.submit(lambda batch: list(work(batch)), batch))
                if len(ahead) > workers:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
            if broke is not None:
                raise broke
        finally:  # the caller stopped
            for waiting in ahead:
                waiting.cancel()
