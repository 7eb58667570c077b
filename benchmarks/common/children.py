"""Child processes of the benchmarks, which run in the repository's root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The root of the repository."""
# Folders whose modules a child may import by bare name: the fakes and the attacks of the tests.
_TESTS = (ROOT / "tests", ROOT / "tests" / "attacks")


def run_module(
    module: str, *arguments: str, timeout_s: float | None = None, with_tests: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run `python -m MODULE ARGUMENTS` in the root, and return its exit code and what it printed.

    Args:
        module: Name of the module.
        arguments: Given to it.
        timeout_s: Seconds of the clock, after which it is killed.
        with_tests: Whether it may import the modules of the tests.

    Raises:
        subprocess.TimeoutExpired: It took longer.
    """
    environment = dict(os.environ)
    paths = [*map(str, _TESTS)] if with_tests else []
    paths += [given for given in environment.get("PYTHONPATH", "").split(os.pathsep) if given]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
