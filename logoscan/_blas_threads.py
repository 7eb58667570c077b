"""numpy's BLAS at one thread for a while: beside processes that fill the cores, its threads would wait for each other.

This is state of the whole process. It is changed for as long as a stream is scanned by processes, since a scan took
twice as long otherwise.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from logoscan._quote import cause

__all__ = ["one_blas_thread"]

logger = logging.getLogger(__name__)

# Longest wait for the end of the thread that holds the limit, in seconds: while Python ends it may never run again.
_MOST_WAIT_S = 2.0


class _State:
    """How many blocks have begun and not ended, and what limits BLAS meanwhile; guarded by the lock."""

    lock = Lock()
    blocks = 0
    limit: _Limit | None = None


def _in_fork() -> None:
    """Forget the parent's limit, whose thread is missing here; another one may hold the parent's lock."""
    _State.lock, _State.limit = Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_fork)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy's BLAS use one thread for each call in this process until the block ends, unless others control that.

    Blocks may overlap, and end in another thread than they began in. Where children are at work on all cores, two
    threads of BLAS wait for each other. Threads of OpenMP, torch's and FAISS's, are left as they are.
    """
    with _State.lock:
        if not _State.blocks:
            _State.limit = _Limit()
        _State.blocks += 1
    try:
        yield
    finally:
        with _State.lock:
            _State.blocks -= 1
            if not _State.blocks and _State.limit is not None:
                _State.limit.end()
                _State.limit = None


class _Limit(Thread):
    """Holds BLAS at one thread until it is told to end: only the thread that set a limit of OpenBLAS can lift it."""

    def __init__(self) -> None:
        """Set the limit, and return when it holds."""
        super().__init__(name="logoscan-blas", daemon=True)
        self._is_set, self._ended = Event(), Event()
        self.start()
        self._is_set.wait()

    def run(self) -> None:
        """Hold the limit."""
        from threadpoolctl import ThreadpoolController

        try:
            with ThreadpoolController().select(user_api="blas").limit(limits=1):
                self._is_set.set()
                self._ended.wait()
        except Exception as error:  # a BLAS that cannot be limited costs time alone
            logger.warning("BLAS keeps its threads beside the processes that look at photos (%s)", cause(error))
        finally:
            self._is_set.set()

    def end(self) -> None:
        """Lift the limit, and return when it is lifted."""
        self._ended.set()
        self.join(_MOST_WAIT_S)
