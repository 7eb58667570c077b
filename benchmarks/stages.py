"""Where a scan's time goes, stage by stage."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from threading import Lock
from typing import Any

from logoscan import Scanner
from logoscan.scan import scanner as scanning
from logoscan.vision import features as observing


@contextmanager
def timed(scanner: Scanner) -> Iterator[dict[str, float]]:
    """Seconds of each stage within the block, summed over threads: by the clock, so that waiting counts.

    decode: photos opened; detect: places found; read: lines found and read; encode: squares cut and encoded; points:
    found in photos; search: nearest vectors in the register; match: brands decided, drawings laid over photos; judge:
    words, prices, score. What a stage spends in networks is in it.
    """
    observer: Any = scanner._observer
    stages: list[tuple[str, Any, str]] = [
        ("decode", observer, "_read"),
        ("detect", scanner.detector, "detect"),
        ("read", observing, "read"),
        ("encode", observer, "_encode"),
        ("points", observing, "sift_photo"),
        ("search", scanning, "_nearest"),
        ("match", scanner, "_match"),
        ("judge", scanner, "_judge"),
    ]
    spent: defaultdict[str, float] = defaultdict(float)
    lock = Lock()

    def clocked(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(run)
        def running(*given: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return run(*given, **named)
            finally:
                took = time.perf_counter() - begun
                with lock:
                    spent[name] += took

        return running

    with ExitStack() as stack:
        for name, owner, attribute in stages:
            run = getattr(owner, attribute)
            if attribute in vars(owner):
                stack.callback(setattr, owner, attribute, run)
            else:  # a method is the class's
                stack.callback(delattr, owner, attribute)
            setattr(owner, attribute, clocked(name, run))
        yield spent
