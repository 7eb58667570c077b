"""Where the repository's folders are: the one place that knows how deep a test file lies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
PACKAGE = ROOT / "logoscan"
SAMPLES = PACKAGE / "_samples"
BENCHMARKS = ROOT / "benchmarks"


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Put a folder first in the search for modules, and take it away again."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
