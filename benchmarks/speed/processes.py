"""What further processes gain: of a scan, beside what the machine gives to arithmetic alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common.galleries import build_index
from benchmarks.common.options import MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.speed.scan_processes import Child
from benchmarks.speed.streams import photos_of, warm
from logoscan.runtime import cores, one_core_a_batch, one_of_several
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing
from logoscan.vision.encoder import ClipEncoder

# A process that does nothing but arithmetic.
_ARITHMETIC = (sys.executable, "-c", "from benchmarks.speed.processes import arithmetic; arithmetic()")
# Seconds that one may take to load its network.
_PATIENCE_S = 300.0


def arithmetic() -> None:
    """Run the encoder on the same squares, on one core, for as long as the next line of the input says.

    Prints a line when the network is loaded, and at the end how often it ran in a second.
    """
    one_of_several()
    encoder = ClipEncoder(device="cpu")
    size = encoder.info.preprocessing.size_px
    squares = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), np.uint8)
    encoder.encode_pixels(squares)
    print("loaded", flush=True)
    seconds, runs, start = float(sys.stdin.readline()), 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        encoder.encode_pixels(squares)
        runs += 1
    print(runs / (time.perf_counter() - start), flush=True)


def arithmetic_rate(processes: int, seconds: float) -> float:
    """Measure how often so many processes together run the encoder in a second, side by side."""
    with ExitStack() as stack:
        children = [stack.enter_context(Child(_ARITHMETIC)) for _ in range(processes)]
        for child in children:
            child.line(_PATIENCE_S)
        for child in children:
            child.say(str(seconds))
        return sum(float(child.line(seconds + _PATIENCE_S)) for child in children)


def scan_rate(scanner: Scanner, listings: Sequence[Listing], workers: int | None, left_out: int) -> dict[str, float]:
    """Measure photos a second of the clock, and this process's milliseconds of processor time a photo.

    Args:
        scanner: Scans them.
        listings: Listings of one photo each.
        workers: That of `scan_many`.
        left_out: First listings that are not counted, while processes load their models.
    """
    begin, spent, count = 0.0, 0.0, len(listings) - left_out
    for i, _ in enumerate(scanner.scan_many(listings, workers=workers, deduplicate=False), 1):
        if i == left_out:
            begin, spent = time.perf_counter(), time.process_time()
    took, spent = time.perf_counter() - begin, time.process_time() - spent
    return {"photos_per_s": round(count / took, 3), "own_ms_per_photo": round(1000 * spent / count, 1)}


@click.command("processes")
@click.option("--limit", default=180, show_default=True, type=click.IntRange(32), help="Photos.")
@click.option(
    "--processes",
    default=2,
    show_default=True,
    type=click.IntRange(2),
    help="Processes.",
)
@click.option("--rounds", default=2, show_default=True, type=click.IntRange(1), help="Rounds in turn; the best counts.")
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(0.1), help="Of arithmetic, in turn.")
@options("json", "folders", "long_side", "gallery", *(name for name in MODELS if name != "device"))
def processes(
    folders: tuple[Path, ...],
    long_side_px: int | None,
    galleries: tuple[Path, ...],
    limit: int,
    processes: int,
    rounds: int,
    seconds: float,
    encoder: str | None,
    pretrained: str | None,
    out: Path,
    **models: Any,
) -> None:
    """Scan the same photos by one thread, by threads and by processes, in turn, and run arithmetic beside them.

    ratio_arithmetic: what the machine gives to the encoder alone, by so many processes over one. ratio_scan: photos a
    second by processes over one thread; ratio_threads: over a thread for each core. share_of_machine: ratio_scan over
    ratio_arithmetic, what is ours of the loss. own_ms_per_photo: processor time of the process that matches and judges.
    """
    one_core_a_batch()
    listings = [Listing(str(i), images=(file,)) for i, file in enumerate(photos_of(folders, limit, long_side_px))]
    clip = ClipEncoder(encoder, pretrained, device="cpu")
    index, _ = build_index(galleries, None, clip)
    scanner = build_scanner(index, encoder=clip, device="cpu", **models)
    warm(scanner, listings[:8], 1)
    left_out = min(24, len(listings) // 2)
    measured: dict[str, list[dict[str, float]]] = {"one": [], "threads": [], "processes": []}
    rates: dict[int, list[float]] = {1: [], processes: []}
    for _ in range(rounds):
        for count, found in rates.items():
            found.append(arithmetic_rate(count, seconds))
        for name, workers in (("one", 1), ("threads", None), ("processes", processes)):
            measured[name].append(scan_rate(scanner, listings, workers, left_out))
    best = {name: max(found, key=lambda row: row["photos_per_s"]) for name, found in measured.items()}
    ratio = {name: best["processes"]["photos_per_s"] / best[name]["photos_per_s"] for name in ("one", "threads")}
    given = max(rates[processes]) / max(rates[1])
    figures: dict[str, Any] = {
        "ratio_arithmetic": round(given, 3),
        "ratio_scan": round(ratio["one"], 3),
        "ratio_threads": round(ratio["threads"], 3),
        "share_of_machine": round(ratio["one"] / given, 3),
        **{f"{key}_{name}": value for name, row in best.items() for key, value in row.items()},
        "photos": len(listings) - left_out,
    }
    more = {"processes": processes, "threads": cores(), "rounds": rounds, "long_side_px": long_side_px}
    write_result(out, figures, {**settings_of(scanner), **more})
