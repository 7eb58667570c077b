"""One process that scans photos for some seconds, as an actor of `scan_shards` does; `gpu` starts several.

`python -m benchmarks.speed.scan_child SETTINGS`, with the settings as JSON. It prints a line when its first report is
there, waits for a line, scans, and prints what it found. Nothing heavy is imported before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, TypedDict


class Settings(TypedDict):
    """What a process is told: index folder, photos, device, batches side by side, and seconds to scan."""

    index: str
    photos: list[str]
    device: str
    workers: int
    seconds: float


class Result(TypedDict):
    """What a process found: photos and seconds, seconds of the first 64, memory in MB, and reports by photo."""

    photos: int
    seconds: float
    first_64_s: float | None
    host_mb: float
    gpu_mb: float
    device: str
    reports: dict[str, tuple[str | None, str, float | None]]


def scan(settings: Settings, began: float) -> Result:
    """Load the models, wait for the start, and scan photos in turn until the time is over."""
    from benchmarks.common.memory import peak_mb
    from benchmarks.common.scanners import build_scanner
    from benchmarks.speed.streams import warm
    from logoscan.index.logo_index import LogoIndex
    from logoscan.runtime import one_core_a_batch
    from logoscan.types import Listing
    from logoscan.vision.encoder import ClipEncoder

    one_core_a_batch()
    encoder = ClipEncoder(device=settings["device"])
    scanner = build_scanner(LogoIndex.load(settings["index"], encoder), encoder=encoder, device=settings["device"])
    photos, workers = settings["photos"], settings["workers"]
    warm(scanner, [Listing("first", images=(Path(photos[0]),))], 1)
    print(json.dumps({"first_report_s": round(time.perf_counter() - began, 2)}), flush=True)
    sys.stdin.readline()
    start = time.perf_counter()

    def stream() -> Any:
        turn = 0
        while time.perf_counter() - start < settings["seconds"]:
            yield Listing(photos[turn % len(photos)], images=(Path(photos[turn % len(photos)]),))
            turn += 1

    found: dict[str, tuple[str | None, str, float | None]] = {}
    count, first_64 = 0, None
    for count, report in enumerate(scanner.scan_many(stream(), workers=workers, deduplicate=False), 1):
        found[report.listing_id] = report.score.brand, report.score.band, report.score.value
        if count == 64:
            first_64 = round(time.perf_counter() - start, 2)
    seconds = time.perf_counter() - start
    return {
        "photos": count,
        "seconds": round(seconds, 2),
        "first_64_s": first_64,
        "host_mb": round(peak_mb()),
        "gpu_mb": _gpu_mb(),
        "device": scanner.encoder.device,
        "reports": found,
    }


def _gpu_mb() -> float:
    import torch

    return round(torch.cuda.max_memory_reserved() / 2**20) if torch.cuda.is_available() else 0.0


if __name__ == "__main__":
    print(json.dumps(scan(json.loads(sys.argv[1]), time.perf_counter())), flush=True)
