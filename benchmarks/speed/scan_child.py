"""One process that scans photos for some seconds, as an actor of `scan_shards` does; `scan_processes` starts several.

`python -m benchmarks.speed.scan_child SETTINGS`, with the settings as JSON. It prints a line when its first report is
there, waits for a line that says how many seconds to scan, and prints what it found; "stop" ends the scan earlier, and
the end of its input ends the process. Nothing heavy is imported before the clock starts.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from logoscan.scan.scanner import Scanner
    from logoscan.types import Listing


class Settings(TypedDict):
    """What a process is told: index folder, photos, device, precision of its networks, and batches side by side."""

    index: str
    photos: list[str]
    device: str
    precision: str
    workers: int


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
    from benchmarks.speed.streams import warm
    from logoscan.types import Listing

    scanner, photos, stopped = _scanner(settings), settings["photos"], Event()
    warm(scanner, [Listing("first", images=(Path(photos[0]),))], 1)
    print(json.dumps({"first_report_s": round(time.perf_counter() - began, 2)}), flush=True)
    limit_s = float(sys.stdin.readline())
    Thread(target=_listen, args=(stopped,), daemon=True).start()
    start = time.perf_counter()

    def stream() -> Iterator[Listing]:
        turn = 0
        while time.perf_counter() - start < limit_s and not stopped.is_set():
            yield Listing(photos[turn % len(photos)], images=(Path(photos[turn % len(photos)]),))
            turn += 1

    found: dict[str, tuple[str | None, str, float | None]] = {}
    count, first_64 = 0, None
    for count, report in enumerate(scanner.scan_many(stream(), workers=settings["workers"], deduplicate=False), 1):
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


def _scanner(settings: Settings) -> Scanner:
    from typing import cast

    from benchmarks.common.scanners import build_scanner
    from logoscan.index.logo_index import LogoIndex
    from logoscan.runtime import one_core_a_batch
    from logoscan.vision.detector import LogoDetector
    from logoscan.vision.encoder import ClipEncoder
    from logoscan.vision.network_runner import PrecisionChoice

    one_core_a_batch()
    device, precision = settings["device"], cast(PrecisionChoice, settings["precision"])
    encoder = ClipEncoder(device=device, precision=precision)
    detector = LogoDetector(device=device, precision=precision)
    return build_scanner(LogoIndex.load(settings["index"], encoder), encoder=encoder, detector=detector, device=device)


def _listen(stopped: Event) -> None:
    """Note that the scan is to stop; end the process when the one that started it is gone."""
    if not sys.stdin.readline():
        os._exit(1)
    stopped.set()


def _gpu_mb() -> float:
    import torch

    return round(torch.cuda.max_memory_reserved() / 2**20) if torch.cuda.is_available() else 0.0


if __name__ == "__main__":
    print(json.dumps(scan(json.loads(sys.argv[1]), time.perf_counter())), flush=True)
