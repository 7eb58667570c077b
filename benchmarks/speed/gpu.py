"""Is a scan on a GPU as fast as it should be, and does it find what the CPU finds? Ten minutes at most.

Runs the bare networks, compares their answers with those of the CPU in fp32, and scans photos by several processes, as
they are and at 1,600 px, each by time and not to the end. Each figure stands beside its floor and its target, which are
those of an H200 with 16 cores. What is there is printed and written after each step, so that a run that is stopped
keeps it. "cpu:0" as the device runs the same code on the CPU in fp16, for its answers; its speed means nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from benchmarks.common.children import ROOT
from benchmarks.common.galleries import build_index
from benchmarks.common.options import options
from benchmarks.common.results import write_result
from benchmarks.speed.encode import rate
from benchmarks.speed.scan_child import Result, Settings
from benchmarks.speed.streams import photos_of
from logoscan.images.boxes import iou
from logoscan.images.crops import square_crops
from logoscan.images.loading import load_image
from logoscan.index.logo_index import LogoIndex
from logoscan.ocr.rapidocr import RapidOcr
from logoscan.runtime import cores, one_core_a_batch, resolve_device
from logoscan.types import Rgb
from logoscan.vision.detector import LogoDetector
from logoscan.vision.detector_net import suppress
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.network_runner import PrecisionChoice

WANTED: dict[str, tuple[float, float]] = {
    "photos_per_s_500": (40, 75),
    "photos_per_s_1600": (20, 35),
    "first_report_s": (40, 20),
    "first_64_s": (6, 3),
    "squares_per_s": (20_000, 40_000),
    "detector_photos_per_s": (600, 1_500),
    "found_photos_per_s": (600, 1_400),
    "read_lines_per_s": (4_000, 12_000),
    "cosine_min_similar": (0.9995, 0.9999),
    "cosine_min": (0.998, 0.999),
    "boxes_met": (0.99, 0.995),
    "lines_equal": (0.95, 0.99),
    "reports_equal": (0.99, 0.995),
    "gpu_mb_a_process": (2_048, 1_024),
    "host_mb_a_process": (3_072, 2_048),
}
"""Floor and target of each figure on an H200 with 16 cores; where the floor is the larger one, less is better."""
# Similarity to a logo from which a square looks like it, confidence of sure boxes, and overlap of equal ones.
_SIMILAR, _SURE, _SAME_IOU = 0.4, 0.1, 0.9
# Callers of a network side by side, rows of each, and seconds for each speed.
_CALLERS, _SECONDS = 4, 3.0
# Seconds that a process may take to its first report, and to end after its time.
_START_S, _END_S = 120.0, 60.0


def speeds(device: str, precision: PrecisionChoice, photos: Sequence[Rgb], seconds: float) -> dict[str, float]:
    """Measure the bare networks, from uint8 on the host to small arrays, called by four threads."""
    encoder = ClipEncoder(device=device, precision=precision)
    detector = LogoDetector(device=device, precision=precision)
    reader = RapidOcr(device=device)
    rng = np.random.default_rng(0)
    side, photo_px = encoder.info.preprocessing.size_px, detector.size_px
    squares = rng.integers(0, 256, (encoder._network.sizes[-1], side, side, 3), np.uint8)
    many = detector._network.sizes[-1]
    whole = [np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32) for image in photos]
    pairs = list(zip(photos, whole, strict=True))
    canvases = np.concatenate([square_crops(*pairs[i % len(pairs)], photo_px) for i in range(many)])
    lines = [rng.integers(0, 256, (48, 128, 3), np.uint8) for _ in range(32)]
    picture = square_crops(*pairs[0], 480)[0]

    def detect() -> None:
        for each in zip(*detector._network.run(canvases), strict=True):
            suppress(*each)

    def read_lines() -> None:
        from rapidocr.ch_ppocr_rec.typings import TextRecInput

        reader._engine.text_rec(TextRecInput(img=lines))

    with ThreadPoolExecutor(_CALLERS) as pool:

        def side_by_side(run: Callable[[], object], items: int) -> float:
            return rate(lambda: list(pool.map(lambda _: run(), range(_CALLERS))), _CALLERS * items, device, seconds)

        return {
            "squares_per_s": side_by_side(partial(encoder.encode_pixels, squares), len(squares)),
            "detector_photos_per_s": side_by_side(detect, many),
            "found_photos_per_s": side_by_side(partial(reader._engine.text_det.session, picture[None]), 1),
            "read_lines_per_s": side_by_side(read_lines, len(lines)),
        }


def answers(device: str, precision: PrecisionChoice, photos: Sequence[Rgb], index: LogoIndex) -> dict[str, Any]:
    """Compare vectors, boxes and lines with those of the CPU in fp32."""
    reference = ClipEncoder(device="cpu", precision="fp32"), LogoDetector(device="cpu", precision="fp32", effort="full")
    encoder = ClipEncoder(device=device, precision=precision)
    detector = LogoDetector(device=device, precision=precision, effort="full")
    regions = reference[1].detect(photos)
    size_px = encoder.info.preprocessing.size_px
    squares = np.concatenate([square_crops(p, r.xyxy[:20], size_px) for p, r in zip(photos, regions, strict=True)])
    wanted = reference[0].encode_pixels(squares)
    cosine = (encoder.encode_pixels(squares) * wanted).sum(axis=1)
    similar = index.search(wanted, 1).similarity[:, 0] >= _SIMILAR
    met: list[bool] = []
    off: list[float] = []
    for have, want in zip(detector.detect(photos), regions, strict=True):
        rows = np.flatnonzero((want.confidence > _SURE) & (np.arange(len(want)) < detector.most))
        overlaps = iou(want.xyxy[rows], have.xyxy)
        met += (overlaps.max(axis=1, initial=0) >= _SAME_IOU).tolist()
        off += np.abs(have.confidence[overlaps.argmax(axis=1)] - want.confidence[rows]).tolist() if len(rows) else []
    engines = [RapidOcr(device=each, find_px=(480,), precision="fp32") for each in ("cpu", device)]
    here, there = ([Counter(spans.texts) for spans in engine.read(photos)] for engine in engines)
    same = sum((a & b).total() for a, b in zip(here, there, strict=True))
    every = sum(max(a.total(), b.total()) for a, b in zip(here, there, strict=True))
    return {
        "squares": len(squares),
        "squares_similar": int(similar.sum()),
        "cosine_min": round(float(cosine.min()), 5),
        "cosine_min_similar": round(float(cosine[similar].min()), 5) if similar.any() else None,
        "boxes": len(met),
        "boxes_met": round(float(np.mean(met)), 4) if met else None,
        "confidence_off_median": round(float(np.median(off)), 5) if off else None,
        "confidence_off_max": round(float(np.max(off)), 5) if off else None,
        "lines": every,
        "lines_equal": round(same / every, 4) if every else None,
    }


def scan_by_processes(settings: Settings, processes: int) -> dict[str, Any]:
    """Scan photos by several processes at the same time, each its share, and add their rates.

    Args:
        settings: Settings of one process, with all photos.
        processes: Number of processes.
    """
    shares: list[Settings] = [{**settings, "photos": settings["photos"][i::processes]} for i in range(processes)]
    with ExitStack() as stack:
        module = [sys.executable, "-m", "benchmarks.speed.scan_child"]
        children = [stack.enter_context(Child([*module, json.dumps(each)])) for each in shares]
        first = [json.loads(child.line(_START_S))["first_report_s"] for child in children]
        for child in children:
            child.begin()
        results: list[Result] = [json.loads(child.line(settings["seconds"] + _END_S)) for child in children]
    firsts = [each["first_64_s"] for each in results if each["first_64_s"] is not None]
    return {
        "photos": sum(each["photos"] for each in results),
        "photos_per_s": round(sum(each["photos"] / each["seconds"] for each in results), 3),
        "first_report_s": max(first),
        "first_64_s": max(firsts) if firsts else None,
        "host_mb_a_process": max(each["host_mb"] for each in results),
        "gpu_mb_a_process": max(each["gpu_mb"] for each in results),
        "devices": sorted({each["device"] for each in results}),
        "reports": {name: row for each in results for name, row in each["reports"].items()},
    }


class Child:
    """A process that is killed, and nobody else, when the context ends before it does."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it, on one thread a call."""
        environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            [*command], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Child:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it, if it is still there."""
        self.process.kill()
        self.process.communicate()

    def begin(self) -> None:
        """Say that it may begin."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def line(self, seconds: float) -> str:
        """Return its next line.

        Raises:
            ClickException: It says nothing for so long, and is killed; or it has ended.
        """
        assert self.process.stdout is not None
        killer = threading.Timer(seconds, self.process.kill)
        killer.start()
        line = self.process.stdout.readline()
        killer.cancel()
        if not line:
            raise click.ClickException(
                f"a process that scans ended with exit code {self.process.wait()}, or said nothing for {seconds:.0f} s"
            )
        return line


def reports_equal(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Compare the reports of photos that both runs scanned: the same brand and band."""
    both = sorted(one.keys() & other.keys())
    same = sum(one[name][:2] == other[name][:2] for name in both)
    return {"photos": len(both), "reports_equal": round(same / len(both), 4) if both else None}


def beside_wanted(figures: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each figure that has a floor, with floor and target."""
    for name, (floor, target) in WANTED.items():
        value = figures.get(name)
        if value is not None:
            reached = value >= floor if target >= floor else value <= floor
            yield f"{name:24} {value:>12} floor {floor:>9} target {target:>9} {'reached' if reached else 'MISSED'}"


@click.command("gpu", help=__doc__)
@click.option("--minutes", default=9.5, show_default=True, type=click.FloatRange(0.1, 60), help="Time for everything.")
@click.option("--processes", type=click.IntRange(1), help="Processes that scan; default: one for two cores.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="Batches side by side in each.")
@click.option("--limit", default=600, show_default=True, type=click.IntRange(4), help="Photos, in turn.")
@click.option("--compared", default=24, show_default=True, type=click.IntRange(1), help="Photos whose answers count.")
@options("json", "device", "folders", "gallery")
def gpu(
    out: Path,
    device: str,
    folders: tuple[Path, ...],
    galleries: tuple[Path, ...],
    minutes: float,
    processes: int | None,
    workers: int,
    limit: int,
    compared: int,
) -> None:
    """Measure until the time is over, and keep what is there after each step."""
    device, end = resolve_device(device), time.monotonic() + 60 * minutes
    if device == "cpu":
        raise click.ClickException("--device: expected a GPU, got none; cpu:0 takes the CPU for one, to try this")
    precision: PrecisionChoice = "auto" if device.startswith("cuda") else "fp16"
    processes = processes or max(1, cores() // 2)
    settings = {"device": device, "processes": processes, "workers": workers, "precision": precision}
    figures: dict[str, Any] = {} if device.startswith("cuda") else {"cuda": "not run"}

    def keep(found: dict[str, Any]) -> None:
        figures.update(found)
        write_result(out, figures, settings)
        print("\n".join(beside_wanted(figures)), flush=True)

    one_core_a_batch()
    files = photos_of(folders, limit)
    photos = [load_image(file) for file in files[:compared]]
    index, _ = build_index(galleries, None, ClipEncoder(device="cpu", precision="fp32"))
    keep(answers(device, precision, photos, index))
    keep(speeds(device, precision, photos, _SECONDS))
    with TemporaryDirectory(prefix="logoscan-gpu-") as folder:
        index.save(Path(folder) / "index")

        def scan(where: str, paths: Sequence[Path], share: float) -> dict[str, Any]:
            """Scan for a share of the time that is left."""
            seconds = max(1.0, share * (end - time.monotonic()))
            names = [str(path.resolve()) for path in paths]
            plan = Settings(index=f"{folder}/index", photos=names, device=where, workers=workers, seconds=seconds)
            return scan_by_processes(plan, processes)

        there = scan(device, files, 0.25)
        reports = there.pop("reports")
        keep({"scan_500": there, "photos_per_s_500": there["photos_per_s"]})
        keep({name: value for name, value in there.items() if name in WANTED})
        large = scan(device, photos_of(folders, limit // 2, 1600), 0.3)
        keep({"scan_1600": large | {"reports": len(large["reports"])}, "photos_per_s_1600": large["photos_per_s"]})
        here = scan("cpu", files, 0.7)
        same = reports_equal(reports, here.pop("reports"))
        keep({"scan_cpu": here, "compared": same, "reports_equal": same["reports_equal"]})
