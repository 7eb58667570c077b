"""Memory of this process (Linux)."""

from __future__ import annotations

import os
from pathlib import Path


def peak_mb() -> float:
    """Read the most memory that this process has had resident, in MB."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def resident_bytes() -> int:
    """Read how many bytes of this process are in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
