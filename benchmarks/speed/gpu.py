"""Is a scan on a GPU as fast as it should be, and does it find what the CPU finds? Ten minutes at most.

Runs the bare networks, compares their answers with those of the CPU in fp32, and scans photos by several processes, as
they are and at 1,600 px, each by time and not to the end. Each figure stands beside its floor and its target, which are
those of an H200 with 16 cores. What is there is printed and written after each step; a run that is stopped keeps it,
with what its processes had scanned by then. "cpu:0" as the device runs the same code on the CPU in fp16, for its
answers; its speed means nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from benchmarks.common.deadline import Deadline, Stopped, stopping
from benchmarks.common.galleries import build_index
from benchmarks.common.options import options
from benchmarks.common.results import write_result
from benchmarks.speed.encode import rate
from benchmarks.speed.gpu_answers import Comparison, compare
from benchmarks.speed.scan_child import Settings
from benchmarks.speed.scan_processes import PartOfScan, reports_equal, scan_by_processes
from benchmarks.speed.streams import photos_of
from logoscan.images.crops import square_crops
from logoscan.images.loading import load_image
from logoscan.ocr.rapidocr import RapidOcr
from logoscan.runtime import cores, one_core_a_batch, resolve_device
from logoscan.types import Rgb
from logoscan.vision.detector import LogoDetector
from logoscan.vision.detector_boxes import suppress
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
    "similarity_off_max": (0.005, 0.0035),
    "grey_off_mean": (0.05, 0.04),
    "boxes_met": (0.99, 0.995),
    "confidence_off_median": (0.002, 0.001),
    "confidence_off_max": (0.1, 0.08),
    "lines_equal": (0.95, 0.99),
    "keypoints_equal": (0.999, 1.0),
    "reports_equal": (0.99, 0.995),
    "gpu_mb_a_process": (2_048, 1_024),
    "host_mb_a_process": (3_072, 2_048),
}
"""Floor and target of each figure on an H200 with 16 cores; where the floor is the larger one, less is better."""
# Callers of a network side by side, and seconds for each speed.
_CALLERS, _SECONDS = 4, 3.0
# Shares of the time for comparing answers and for each scan, of what is left then.
_ANSWERS, _SCAN_500, _SCAN_1600, _SCAN_CPU = 0.3, 0.25, 0.35, 0.9
# Seconds of the end that no scan uses: a batch takes its time.
_LAST_S = 5.0


def speeds(
    device: str, precision: PrecisionChoice, photos: Sequence[Rgb], seconds: float
) -> Iterator[dict[str, float]]:
    """Measure the bare networks one by one, from uint8 on the host to small arrays, called by four threads.

    They run the largest batches of a GPU; on a CPU in its place, which takes seconds for each row, of a row each.
    """
    is_gpu = device.startswith("cuda")
    rng = np.random.default_rng(0)
    whole = [np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32) for image in photos]
    pairs = list(zip(photos, whole, strict=True))

    def side_by_side(run: Callable[[], object], items: int) -> float:
        return rate(lambda: together(run, _CALLERS), _CALLERS * items, device, seconds)

    encoder = ClipEncoder(device=device, precision=precision)
    side = encoder.info.preprocessing.size_px
    squares = rng.integers(0, 256, (encoder._network.sizes[-1] if is_gpu else 1, side, side, 3), np.uint8)
    yield {"squares_per_s": side_by_side(partial(encoder.encode_pixels, squares), len(squares))}

    detector = LogoDetector(device=device, precision=precision)
    many = detector._network.sizes[-1] if is_gpu else 1
    canvases = np.concatenate([square_crops(*pairs[i % len(pairs)], detector.size_px) for i in range(many)])

    def detect() -> None:
        for each in zip(*detector._network.run(canvases), strict=True):
            suppress(*each)

    yield {"detector_photos_per_s": side_by_side(detect, many)}

    reader = RapidOcr(device=device)
    picture = square_crops(*pairs[0], 480)[0]
    yield {"found_photos_per_s": side_by_side(partial(reader._engine.text_det.session, picture[None]), 1)}

    lines = [rng.integers(0, 256, (48, 128, 3), np.uint8) for _ in range(32 if is_gpu else 1)]

    def read_lines() -> None:
        from rapidocr.ch_ppocr_rec.typings import TextRecInput

        reader._engine.text_rec(TextRecInput(img=lines))

    yield {"read_lines_per_s": side_by_side(read_lines, len(lines))}


def together(run: Callable[[], object], callers: int) -> None:
    """Call a function in some threads at once, and wait for them; a process need not wait for them to end."""
    errors: list[Exception] = []

    def call() -> None:
        try:
            run()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


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
@click.option("--speeds/--no-speeds", "with_speeds", default=True, help="Whether the bare networks are timed.")
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
    with_speeds: bool,
) -> None:
    """Measure until the time is over, and keep what is there after each step."""
    device = resolve_device(device)
    if device == "cpu":
        raise click.ClickException("--device: expected a GPU, got none; cpu:0 takes the CPU for one, to try this")
    is_gpu = device.startswith("cuda")
    precision: PrecisionChoice = "auto" if is_gpu else "fp16"
    processes = processes or max(1, cores() // 2)
    settings = {"device": device, "processes": processes, "workers": workers, "precision": precision}
    figures: dict[str, Any] = {} if is_gpu else {"cuda": "not run"}

    def keep(found: dict[str, Any]) -> None:
        figures.update(found)
        write_result(out, figures, settings)
        print("\n".join(beside_wanted(figures)), flush=True)

    def measure(deadline: Deadline) -> Iterator[dict[str, Any]]:
        """Yield the figures of each step."""
        one_core_a_batch()
        files = photos_of(folders, limit)
        photos = [load_image(file) for file in files[:compared]]
        index, _ = build_index(galleries, None, ClipEncoder(device="cpu", precision="fp32"))
        until = (1 - _ANSWERS) * deadline.left()
        yield compare(Comparison(device, precision, index), photos, lambda: deadline.left() - until)
        if with_speeds:
            yield from speeds(device, precision, photos, _SECONDS)
        with TemporaryDirectory(prefix="logoscan-gpu-") as folder:
            index.save(Path(folder) / "index")

            def scan(name: str, where: str, paths: Sequence[Path], share: float) -> dict[str, Any]:
                """Scan for a share of the time that is left, and return the figures; those of a part are kept too."""
                names, seconds = [str(path.resolve()) for path in paths], share * deadline.left()
                how = precision if where == device else "auto"
                plan = Settings(index=f"{folder}/index", photos=names, device=where, precision=how, workers=workers)
                try:
                    return scan_by_processes(
                        plan, processes, deadline.left(), lambda: max(1.0, min(seconds, deadline.left() - _LAST_S))
                    )
                except PartOfScan as part:
                    keep({name: part.figures | {"reports": len(part.figures["reports"]), "stopped": part.why}})
                    raise

            there = scan("scan_500", device, files, _SCAN_500)
            reports = there.pop("reports")
            yield {"scan_500": there, "photos_per_s_500": there["photos_per_s"]}
            yield {name: value for name, value in there.items() if name in WANTED}
            large = scan("scan_1600", device, photos_of(folders, limit // 2, 1600), _SCAN_1600)
            yield {
                "scan_1600": large | {"reports": len(large["reports"])},
                "photos_per_s_1600": large["photos_per_s"],
            }
            here = scan("scan_cpu", "cpu", files, _SCAN_CPU)
            same = reports_equal(reports, here.pop("reports"))
            yield {"scan_cpu": here, "compared": same, "reports_equal": same["reports_equal"]}

    try:
        with stopping(60 * minutes) as deadline:
            for found in measure(deadline):
                keep(found)
    except Stopped as stop:
        keep({"stopped": stop.why})
        if stop.why != "time":
            raise SystemExit(130) from None
