"""An end by the clock for a benchmark: what is there is kept when the time is over, or when somebody stops it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Deadline", "Stopped", "stopping"]

# Seconds after the end in which a step may tidy up, before the process ends as it is.
_GRACE_S = 30.0


class Stopped(KeyboardInterrupt):
    """The time is over, or a signal came; a `KeyboardInterrupt`, so that no step takes it for a fault of its own."""

    def __init__(self, why: str) -> None:
        """Keep the reason, "time" or the name of a signal."""
        super().__init__(why)
        self.why = why


class Deadline:
    """The seconds that are left."""

    def __init__(self, seconds: float) -> None:
        """Begin."""
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, 0 or more."""
        return max(0.0, self._end - time.monotonic())


@contextmanager
def stopping(seconds: float, grace_s: float = _GRACE_S) -> Iterator[Deadline]:
    """Raise `Stopped` in the main thread when the time is over, and at SIGINT and SIGTERM, once.

    A step that does not let the exception through, such as a library that waits for a device, has some more seconds;
    then the process ends with exit code 1, whatever it does.

    Args:
        seconds: Time of the steps in the context.
        grace_s: Further seconds for what follows.
    """
    signals = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM)
    last: list[threading.Timer] = []

    def exit_after(wait_s: float) -> None:
        last.append(threading.Timer(wait_s, os._exit, (1,)))
        last[-1].daemon = True
        last[-1].start()

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        exit_after(grace_s)
        raise Stopped("time" if number == signal.SIGALRM else signal.Signals(number).name)

    before = [signal.signal(each, stop) for each in signals]
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    exit_after(seconds + grace_s)
    try:
        yield Deadline(seconds)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)
        for timer in last:
            timer.cancel()
