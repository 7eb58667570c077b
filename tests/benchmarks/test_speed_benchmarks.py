"""The benchmarks of time take what the library has inside; a small run of each shows that it is still there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from builders.scans import make_scanner
from fakes import photo_of

from benchmarks.common.children import use_of_children
from benchmarks.common.galleries import saved_and_loaded
from benchmarks.speed import processes
from benchmarks.speed.index import _texts, features_of, measure
from benchmarks.speed.passes import Recorder
from benchmarks.speed.reading import PARTS, PartClock
from benchmarks.speed.scan_processes import Child
from logoscan.images.loading import load_image
from logoscan.index.logo_index import LogoIndex
from logoscan.ocr.rapidocr import RapidOcr
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder


@pytest.mark.parametrize("runtime", ["auto", "torch"])
def test_every_network_of_a_scan_is_recorded_and_run_again(
    runtime: Literal["auto", "torch"], samples: Path, sample_index: LogoIndex, rapid: RapidOcr
) -> None:
    encoder = ClipEncoder(device="cpu", precision="fp32", runtime=runtime)
    detector = LogoDetector(device="cpu", precision="fp32", runtime=runtime)
    recorder = Recorder(Scanner(sample_index, encoder=encoder, detector=detector, ocr=rapid))
    recorder.record([load_image(samples / "photos" / "film_boxes.jpg")])
    replays = []
    for _ in range(3):  # the first may plan the networks once more
        assert recorder.replay(1) > 0
        replays.append(recorder.seconds)
    assert replays[0].keys() >= {"detector", "encoder", "lines", "text"}
    serial = {name: min(seconds[name] for seconds in replays) for name in ("detector", "encoder")}
    assert recorder.replay(2) > 0
    for name in ("detector", "encoder"):  # OpenVINO computes in other threads than the one that calls it
        assert recorder.seconds[name] > serial[name] / 3


def test_reading_is_timed_by_part(samples: Path) -> None:
    engine = RapidOcr(long_side_px=320, quick=True, precision="fp32")
    clock = PartClock(engine)
    photo = load_image(samples / "photos" / "mug.jpg")
    assert len(engine.read([photo])[0]) > 0
    engine.read_words([photo], [np.array([[0, 0, 40, 20]], np.float32)])
    assert {part for part, seconds in clock.seconds.items() if seconds > 0} == set(PARTS)


def test_an_index_is_grown_by_synthetic_brands_and_measured(
    samples: Path, sample_index: LogoIndex, clip: ClipEncoder
) -> None:
    real = saved_and_loaded(sample_index.snapshot(), clip)
    scanner = Scanner(real, encoder=clip, detector=LogoDetector(device="cpu", precision="fp32"), ocr=None)
    names = ("speaker", "film_boxes", "beanie", "mug")
    observed = features_of(scanner, [samples / "photos" / f"{name}.jpg" for name in names], 10)
    assert [len(one.regions) for one in observed] == [10] * 4
    figures = measure(real, 12, observed, _texts(2, 0), clip)
    assert (figures["brands"], figures["synthetic"]) == (12, 12 - len(real.brands))
    assert figures["nearest_found"] == 1.0, "so few vectors are all compared"
    assert figures["regions"] <= 40
    assert min(figures[f"{part}_ms"] for part in ("search", "names")) > 0


def test_rates_of_arithmetic_are_added_when_all_have_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "print('loaded', flush=True); print(float(input()) + 1, 0.75)"
    monkeypatch.setattr(processes, "_ARITHMETIC", (sys.executable, "-c", script))
    assert processes.arithmetic_rate(2, 0.5) == (3.0, 1.5)


def test_arithmetic_runs_the_encoder_for_so_long_on_one_core() -> None:
    found = processes.arithmetic_rate(1, 0.5)
    assert found.per_s > 0
    assert 0 < found.cores < 1.2


@pytest.mark.parametrize(
    ("one", "several", "ratio"),
    [
        ((30, 1.0), (60, 1.98), 2.0),
        ((30, 1.0), (31, 1.02), None),  # both on one core
        ((58, 1.95), (60, 1.98), None),  # a lone process that takes two
        ((30, 0.7), (60, 1.98), None),  # others at work
    ],
)
def test_rates_of_arithmetic_that_had_no_core_each_are_not_compared(
    one: tuple[float, float], several: tuple[float, float], ratio: float | None
) -> None:
    assert processes.arithmetic_ratio(processes.Arithmetic(*one), processes.Arithmetic(*several), 2) == ratio


def test_processes_bound_to_one_core_show_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    core = min(os.sched_getaffinity(0))
    bound = f"import os; os.sched_setaffinity(0, [{core}]); {processes._ARITHMETIC[2]}"
    monkeypatch.setattr(processes, "_ARITHMETIC", (*processes._ARITHMETIC[:2], bound))
    assert processes.arithmetic_rate(2, 1.0).cores < 1.2


def test_children_are_asked_what_they_use() -> None:
    with Child(
        (sys.executable, "-c", "x = bytearray(range(200)) * 250_000; print(sum(x), flush=True); input()")
    ) as child:
        child.line(30)
        use = use_of_children()
    assert use.seconds > 0.01
    assert use.pss_mb > 45


def test_the_ends_of_a_stream_are_not_counted() -> None:
    listings = [Listing(str(i), images=(photo_of(None, (i, i, i)),)) for i in range(8)]
    found = processes.scan_rate(make_scanner(), listings, 1, 2)
    assert found["photos_per_s"] > 0
    assert found["own_ms_per_photo"] >= 0
