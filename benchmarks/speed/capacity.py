"""What ten million listings a day take, and how rate and memory grow.

Measures the cores for 10 million listings a day at 1, 3 and 5 photos, from the rate of a stream of such listings; the
rate and resident memory of a stream by its length (`--stream`); and the time from the start of a process to its first
report, by cause (`--start`). `index` says what a larger index costs.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from benchmarks.common.children import run_module
from benchmarks.common.galleries import build_index
from benchmarks.common.memory import peak_mb, resident_bytes
from benchmarks.common.options import MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.speed.streams import photos_of, warm
from logoscan.runtime import cores, one_core_a_batch, resolve_device
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing
from logoscan.vision.encoder import ClipEncoder

# Seconds of a day, and listings in it.
_DAY_S, _LISTINGS = 86_400, 10_000_000


def listings(files: Sequence[Path], photos: int) -> Iterator[Listing]:
    """Make listings of so many photos each, no photo twice."""
    for start in range(0, len(files) - photos + 1, photos):
        yield Listing(str(start), images=tuple(files[start : start + photos]))


def rate(scanner: Scanner, files: Sequence[Path], photos: int) -> float:
    """Measure listings a second of a stream of listings of so many photos."""
    every = list(listings(files, photos))
    warm(scanner, every[:4])
    start = time.perf_counter()
    done = sum(1 for _ in scanner.scan_many(every, deduplicate=False))
    return done / (time.perf_counter() - start)


def growth(scanner: Scanner, files: Sequence[Path], length: int) -> list[dict[str, float]]:
    """Measure photos a second and memory over a stream of `length` photos, at 500 photos and at each tenth.

    Rates are those of the photos since the mark before, by the clock and by processor time; on a machine with other
    work the second is the one to compare. Memory is what is resident, and the most so far.
    """
    marks = sorted({500, *range(length // 10, length + 1, length // 10)})
    stream = (Listing(str(i), images=(files[i % len(files)],)) for i in range(length))
    warm(scanner, [Listing("first", images=tuple(files[:1]))])
    out, last, done = [], (time.perf_counter(), time.process_time()), 0
    for i, _ in enumerate(track(scanner.scan_many(stream, deduplicate=False), "stream", total=length), 1):
        if i in marks:
            now = time.perf_counter(), time.process_time()
            per_s, per_cpu_s = ((i - done) / (end - begin) for begin, end in zip(last, now, strict=True))
            mb = round(resident_bytes() / 2**20)
            rates = {"per_s": round(per_s, 3), "per_cpu_s": round(per_cpu_s, 3)}
            out.append({"photos": i, **rates, "mb": mb, "peak_mb": round(peak_mb())})
            print(out[-1], flush=True)
            last, done = now, i
    return out


def first_report(index: Path, photo: Path) -> dict[str, float]:
    """Start a process that scans one photo, and return the seconds at which each of its steps was done."""
    done = run_module("benchmarks.speed.first_report", str(index.resolve()), str(photo.resolve()))
    if done.returncode:
        raise click.ClickException(f"the process to the first report failed: {done.stderr[-500:]}")
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


@click.command("capacity", help=__doc__)
@click.option("--limit", default=300, show_default=True, type=click.IntRange(40), help="Photos for the rates.")
@click.option(
    "--stream",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Photos of the long stream; all of the folders in turn.",
)
@click.option("--start", is_flag=True, help="Time a process to its first report as well.")
@options("json", "folders", "long_side", "gallery", *MODELS)
def capacity(
    folders: tuple[Path, ...],
    long_side_px: int | None,
    galleries: tuple[Path, ...],
    limit: int,
    stream: int,
    start: bool,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    out: Path,
    **models: Any,
) -> None:
    """Measure the rates of streams, and the cores that they need."""
    import torch

    device, files = resolve_device(device), photos_of(folders, limit, long_side_px)
    print({"photos": len(files), "cores": cores(), "long_side_px": long_side_px})
    one_core_a_batch()
    clip = ClipEncoder(encoder, pretrained, device=device)
    index, _ = build_index(galleries, None, clip)
    scanner = build_scanner(index, encoder=clip, device=device, **models)
    figures: dict[str, Any] = {}
    for photos in (1, 3, 5):
        per_s = rate(scanner, files, photos)
        needed = _LISTINGS / _DAY_S / per_s * cores()
        name = f"{photos}photo{'s' if photos > 1 else ''}"
        figures |= {f"listings_per_s_{name}": round(per_s, 3), f"cores_10m_{name}": round(needed, 1)}
    if stream:
        figures["stream"] = growth(scanner, photos_of(folders, stream, long_side_px), stream)
    if start:
        with tempfile.TemporaryDirectory() as folder:
            index.save(Path(folder) / "index")
            figures["first_report_s"] = first_report(Path(folder) / "index", files[0])
    if not torch.cuda.is_available():
        figures["cuda"] = "not run"
    write_result(
        out, figures, {**settings_of(scanner), "photos": len(files), "cores": cores(), "long_side_px": long_side_px}
    )
