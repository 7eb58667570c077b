"""Result files: figures with the settings and the machine that made them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

import logoscan

# Packages whose versions decide figures of quality or speed.
_PACKAGES = (
    "torch",
    "open-clip-torch",
    "openvino",
    "faiss-cpu",
    "rapidocr",
    "easyocr",
    "onnxruntime",
    "opencv-python-headless",
    "numpy",
    "pillow",
)


def machine() -> dict[str, Any]:
    """Describe the processor, its cores, the system and the packages that decide the figures."""
    import torch

    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch_threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else "not run",
        **{name: package_version(name) for name in _PACKAGES},
    }


def _cpu_name() -> str:
    """Name the processor (Linux), or its architecture elsewhere."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8", "replace").splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def package_version(package: str) -> str:
    """Look up the version of an installed package; "not installed" where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def code_version() -> str:
    """Name the code by its version and a hash of its Python files, so that it is known without a repository."""
    root = Path(logoscan.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{logoscan.__version__}+{digest.hexdigest()[:12]}"


def write_result(out: Path, figures: dict[str, Any], settings: dict[str, Any]) -> None:
    """Write one JSON object, and print the figures.

    Args:
        out: File to write; its folder is made.
        figures: What was measured; the top level of the object.
        settings: What the figures depend on. The command, the name of the benchmark, the code's version and the date
            are added.
    """
    context = click.get_current_context(silent=True)
    said = {
        "benchmark": context.info_name if context is not None else None,
        "command": ["python", "-m", "benchmarks", *sys.argv[1:]],
        "code": code_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    result = {**figures, "settings": {**said, **settings}, "machine": machine()}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1, default=str) + "\n", encoding="utf-8")
    print(json.dumps(figures, default=str))
