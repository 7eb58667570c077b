"""Child processes of the benchmarks, which run in the repository's root."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

__all__ = ["ROOT", "Use", "run_module", "use_of_children"]

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


class Use(NamedTuple):
    """What child processes have used: seconds of the processor, and the memory of the largest in MB, by its share."""

    seconds: float
    pss_mb: float


def use_of_children() -> Use:
    """Read what the children of this process that have not ended use (Linux)."""
    seconds, pss_mb, tick_s = 0.0, 0.0, 1 / os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                seconds += (int(fields[11]) + int(fields[12])) * tick_s
                shares = (folder / "smaps_rollup").read_text().partition("\nPss:")[2].split()
                pss_mb = max(pss_mb, int(shares[0]) / 1024) if shares else pss_mb
    return Use(seconds, pss_mb)
