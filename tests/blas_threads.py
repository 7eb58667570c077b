"""How many threads BLAS uses, and a host that has set them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_info, threadpool_limits


def blas_threads() -> set[int]:
    """Return the threads of each BLAS with threads of its own, as numpy's; FAISS's takes those of OpenMP."""
    return {pool["num_threads"] for pool in threadpool_info() if pool.get("threading_layer") == "pthreads"}


def openmp_threads() -> set[int]:
    """Return the threads of each OpenMP."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}


@contextmanager
def two_blas_threads() -> Iterator[None]:
    """Set BLAS to two threads as a host does that does not control them from then on."""
    before = max(blas_threads())
    _set(2)
    try:
        yield
    finally:
        _set(before)


def _set(threads: int) -> None:
    with ThreadPoolExecutor(1) as pool:  # the control of a thread that has ended is free again
        pool.submit(threadpool_limits, threads, user_api="blas").result()
