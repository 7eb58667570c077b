"""What further processes gain: of a scan, beside what the machine gives to arithmetic alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from benchmarks.common.children import use_of_children
from benchmarks.common.galleries import build_index
from benchmarks.common.options import MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.speed.scan_processes import Child
from benchmarks.speed.streams import EDGE, photos_of, warm
from logoscan.runtime import cores, one_core_a_batch, one_of_several
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing
from logoscan.vision.encoder import ClipEncoder

# A process that does nothing but arithmetic.
_ARITHMETIC = (sys.executable, "-c", "from benchmarks.speed.processes import arithmetic; arithmetic()")
# Seconds that one may take to load its network.
_PATIENCE_S = 300.0
# How far the cores that arithmetic had may be from one a process, as a share, for its rates to be compared.
_UNFAIR = 0.1


class Arithmetic(NamedTuple):
    """How often the encoder ran in a second of the clock, and on how many cores, by processor time."""

    per_s: float
    cores: float


def arithmetic() -> None:
    """Run the encoder on the same squares, on one core, for as long as the next line of the input says.

    Prints a line when the network is loaded, and at the end how often it ran in a second, and on how many cores.
    """
    one_of_several()
    encoder = ClipEncoder(device="cpu")
    size = encoder.info.preprocessing.size_px
    squares = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), np.uint8)
    encoder.encode_pixels(squares)
    print("loaded", flush=True)
    seconds, runs, start, spent = float(sys.stdin.readline()), 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        encoder.encode_pixels(squares)
        runs += 1
    took = time.perf_counter() - start
    print(runs / took, (time.process_time() - spent) / took, flush=True)


def arithmetic_rate(processes: int, seconds: float) -> Arithmetic:
    """Measure how often so many processes together run the encoder in a second, side by side."""
    with ExitStack() as stack:
        children = [stack.enter_context(Child(_ARITHMETIC)) for _ in range(processes)]
        for child in children:
            child.line(_PATIENCE_S)
        for child in children:
            child.say(str(seconds))
        rows = [map(float, child.line(seconds + _PATIENCE_S).split()) for child in children]
        return Arithmetic(*map(sum, zip(*rows, strict=True)))


def arithmetic_ratio(one: Arithmetic, several: Arithmetic, processes: int) -> float | None:
    """Return what several processes do over one; None unless each had a core, and one no more than one.

    Where processes are bound to the same core, where others are at work, or where a process takes several cores, the
    ratio says nothing about the machine.
    """
    fair = all(abs(found.cores / count - 1) <= _UNFAIR for found, count in ((one, 1), (several, processes)))
    return several.per_s / one.per_s if fair else None


def scan_rate(scanner: Scanner, listings: Sequence[Listing], workers: int | None, left_out: int) -> dict[str, float]:
    """Measure the photos a second of the clock, and what they cost.

    Args:
        scanner: Scans them.
        listings: Listings of one photo each.
        workers: That of `scan_many`.
        left_out: First and last listings that are not counted: models are loaded, and work is done ahead or lacks.

    Returns:
        Photos a second; milliseconds of processor time a photo of this process and of its children; the cores that
        these together had; and the memory of the largest child in MB, by its share (PSS).
    """
    count, marks = len(listings) - 2 * left_out, []
    for i, _ in enumerate(scanner.scan_many(listings, workers=workers, deduplicate=False), 1):
        if i in (left_out, left_out + count):
            marks.append((time.perf_counter(), time.process_time(), use_of_children()))
    (begin, own, before), (end, own_end, use) = marks
    took, spent, theirs = end - begin, own_end - own, use.seconds - before.seconds
    return {
        "photos_per_s": round(count / took, 3),
        "own_ms_per_photo": round(1000 * spent / count, 1),
        "children_ms_per_photo": round(1000 * theirs / count, 1),
        "cores": round((spent + theirs) / took, 2),
        "child_pss_mb": round(use.pss_mb),
    }


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

    ratio_arithmetic: what the machine gives to the encoder alone, by so many processes over one; null unless each had a
    core of its own, which cores_arithmetic says. ratio_scan: photos a second by processes over one thread;
    ratio_threads: over a thread for each core. share_of_machine: ratio_scan over ratio_arithmetic, what is ours of the
    loss. own_ms_per_photo: processor time of the process that matches and judges; children_ms_per_photo: of the others.
    cores: what both had together; child_pss_mb: memory of one of the others.
    """
    one_core_a_batch()
    listings = [Listing(str(i), images=(file,)) for i, file in enumerate(photos_of(folders, limit, long_side_px))]
    clip = ClipEncoder(encoder, pretrained, device="cpu")
    index, _ = build_index(galleries, None, clip)
    scanner = build_scanner(index, encoder=clip, device="cpu", **models)
    warm(scanner, listings[:8], 1)
    left_out = min(EDGE, len(listings) // 4)
    measured: dict[str, list[dict[str, float]]] = {"one": [], "threads": [], "processes": []}
    rates: dict[int, list[Arithmetic]] = {1: [], processes: []}
    for _ in range(rounds):
        for count, found in rates.items():
            found.append(arithmetic_rate(count, seconds))
        for name, workers in (("one", 1), ("threads", None), ("processes", processes)):
            measured[name].append(scan_rate(scanner, listings, workers, left_out))
    best = {name: max(found, key=lambda row: row["photos_per_s"]) for name, found in measured.items()}
    ratio = {name: best["processes"]["photos_per_s"] / best[name]["photos_per_s"] for name in ("one", "threads")}
    given = arithmetic_ratio(max(rates[1]), max(rates[processes]), processes)
    figures: dict[str, Any] = {
        "ratio_arithmetic": given and round(given, 3),
        "cores_arithmetic": {count: round(max(found).cores, 2) for count, found in rates.items()},
        "ratio_scan": round(ratio["one"], 3),
        "ratio_threads": round(ratio["threads"], 3),
        "share_of_machine": given and round(ratio["one"] / given, 3),
        **{f"{key}_{name}": value for name, row in best.items() for key, value in row.items()},
        "photos": len(listings) - 2 * left_out,
    }
    more = {"processes": processes, "threads": cores(), "rounds": rounds, "long_side_px": long_side_px}
    write_result(out, figures, {**settings_of(scanner), **more})
