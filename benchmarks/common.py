"""What the benchmark scripts share: results with settings and machine, bootstrap intervals, a register from folders."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import logoscan
from logoscan.index.brand_folders import read_brand_folders
from logoscan.index.logo_index import LogoIndex
from logoscan.index.vet import CONFLICTS
from logoscan.io.records import file_sha256
from logoscan.training.heldout import HELD_OUT
from logoscan.types import Brand, ImageSource
from logoscan.vision.encoder import ClipEncoder


def machine() -> dict[str, Any]:
    """Processor, cores, system and the versions of what decides the figures."""
    import torch

    packages = ("torch", "open-clip-torch", "faiss-cpu", "rapidocr", "easyocr", "onnxruntime", "numpy", "pillow")
    return {
        "logoscan": logoscan.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch_threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else "not run",
        **{name: _version(name) for name in packages},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def write_result(out: Path, figures: dict[str, Any], settings: dict[str, Any]) -> None:
    """One JSON object: figures at the top level, settings and machine beside them; the figures are printed too."""
    result = {**figures, "settings": {"command": sys.argv, **settings}, "machine": machine()}
    out.write_text(json.dumps(result, indent=1, default=str) + "\n", encoding="utf-8")
    print(json.dumps(figures))


def peak_mb() -> float:
    """The most memory that this process has had resident, MB (Linux)."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


Statistic = Callable[[NDArray[np.int64], NDArray[np.int64]], float]
"""Of the rows of positives and of negatives that are drawn."""


def bootstrap(statistic: Statistic, sizes: tuple[int, int]) -> list[float]:
    """95 % percentile interval of a statistic of resampled positives and negatives (row numbers), 1,000 draws."""
    rng = np.random.default_rng(0)
    draws = [
        statistic(rng.integers(0, sizes[0], sizes[0]), rng.integers(0, max(1, sizes[1]), sizes[1])) for _ in range(1000)
    ]
    return [round(float(q), 4) for q in np.quantile(draws, (0.025, 0.975))]


def paired(name: str, a: Statistic, b: Statistic, sizes: tuple[int, int]) -> dict[str, Any]:
    """`name`: a minus b on everything; `name`_ci: its interval where a and b see the same draws."""
    every = (np.arange(sizes[0]), np.arange(sizes[1]))
    interval = bootstrap(lambda p, n: a(p, n) - b(p, n), sizes)
    return {name: round(a(*every) - b(*every), 4), f"{name}_ci": interval}


def _held_out(name: str) -> bool:
    """Whether the folded name equals a held-out one, or starts with one of more than three letters."""
    folded = "".join(c for c in name.lower() if c.isascii() and c.isalnum())
    return any(folded == held or (len(held) > 3 and folded.startswith(held)) for held in HELD_OUT)


def icon_set(folder: Path) -> str:
    """Name and version of the package that a folder of icons belongs to, or the folder's name."""
    for place in (folder, folder.parent):
        if (place / "package.json").is_file():
            content = json.loads((place / "package.json").read_text(encoding="utf-8"))
            return f"{content['name']} {content['version']}"
    return folder.name


def register(
    galleries: Sequence[Path], distractors: Path | None, encoder: ClipEncoder, cache: Path | None
) -> tuple[LogoIndex, list[str]]:
    """A register of brand folders and distractors.

    Args:
        galleries: Folders of brand folders; brands of one name are joined.
        distractors: Folder of SVG or PNG files, each a further brand named by its stem; held-out brands are dropped.
        encoder: Makes the vectors.
        cache: Folder in which the register is kept for the next run.

    Returns:
        The register, and the names of the gallery brands.
    """
    extra = [] if distractors is None else sorted(p for p in distractors.iterdir() if p.suffix in (".svg", ".png"))
    entries: list[tuple[Brand, list[tuple[str, ImageSource]]]] = []
    for gallery in galleries:  # file names may repeat between galleries, so the gallery is part of the logo's name
        for found in read_brand_folders(gallery):
            entries.append((found.brand, [(f"{gallery.name}/{p.name}", p) for p in found.logos]))
    names = sorted({brand.name for brand, _ in entries})
    entries += [(Brand(p.stem), [(p.name, p)]) for p in extra if not _held_out(p.stem) and p.stem not in names]
    files = [(name, file_sha256(Path(str(source)))) for _, logos in entries for name, source in logos]
    facts = [brand for brand, _ in entries]
    stamp = hashlib.sha256(repr((encoder.info.fingerprint, encoder.precision, facts, files)).encode()).hexdigest()[:16]
    place = None if cache is None else cache / f"index-{stamp}"
    if place is not None and place.is_dir():
        return LogoIndex.load(place, encoder), names
    index = LogoIndex(encoder.info)
    for warning in index.add_many(entries, encoder, allow=CONFLICTS):  # icons of one maker under many names
        print(warning, file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:  # read again: points of drawings are found when a register is saved
        index.save(place or Path(folder))
        return LogoIndex.load(place or Path(folder), encoder), names


def by_size(right: NDArray[np.bool_], rows: list[dict[str, str]]) -> dict[str, float | None]:
    """R@1 of boxes whose long side is under 64 px, to 160 px, and above."""
    long = np.array([max(float(r["x1"]) - float(r["x0"]), float(r["y1"]) - float(r["y0"])) for r in rows])
    parts = {"small": long < 64, "medium": (long >= 64) & (long <= 160), "large": long > 160}
    return {name: round(float(right[which].mean()), 4) if which.any() else None for name, which in parts.items()}
