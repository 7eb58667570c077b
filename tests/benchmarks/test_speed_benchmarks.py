"""The benchmarks of time take what the library has inside; a small run of each shows that it is still there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from builders.scans import make_scanner
from fakes import photo_of

from benchmarks.common.galleries import saved_and_loaded
from benchmarks.speed import processes
from benchmarks.speed.index import _texts, features_of, measure
from benchmarks.speed.passes import Recorder
from benchmarks.speed.reading import PARTS, PartClock
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
    assert recorder.replay(1) > 0
    assert recorder.seconds.keys() >= {"detector", "encoder", "lines", "text"}


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
    script = "print('loaded', flush=True); print(float(input()) + 1)"
    monkeypatch.setattr(processes, "_ARITHMETIC", (sys.executable, "-c", script))
    assert processes.arithmetic_rate(2, 0.5) == 3.0


def test_arithmetic_runs_the_encoder_for_so_long() -> None:
    assert processes.arithmetic_rate(1, 0.2) > 0


def test_the_first_photos_of_a_stream_are_not_counted() -> None:
    listings = [Listing(str(i), images=(photo_of(None, (i, i, i)),)) for i in range(8)]
    found = processes.scan_rate(make_scanner(), listings, 1, 4)
    assert found["photos_per_s"] > 0
    assert found["own_ms_per_photo"] >= 0
