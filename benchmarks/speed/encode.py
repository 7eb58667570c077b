"""How fast the networks are on a device, and whether they answer as the reference does.

Runs the image tower and the detector on squares cut from photos, in batches of several sizes, beside open_clip's
ViT-B-32 on the same device (random weights: the speed is the same), and where OpenVINO runs them beside torch. The
reference is torch in fp32 on the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import logoscan
from benchmarks.common.options import PATH, options
from benchmarks.common.results import write_result
from logoscan.images.boxes import iou
from logoscan.images.crops import square_crops
from logoscan.images.loading import load_image
from logoscan.runtime import resolve_device
from logoscan.types import Effort, Regions, Rgb
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder

SAMPLES = Path(logoscan.__file__).parent / "_samples" / "photos"
"""The bundled sample photos."""
BATCHES = (1, 16, 64, 256)
"""Squares in a batch of the encoder."""
PHOTOS = (1, 8, 32)
"""Photos in a batch of the detector."""


def rate(run: Callable[[], object], items: int, device: str, seconds: float) -> float:
    """Measure items a second: the best of the calls that fit into some seconds.

    Args:
        run: Deals with all items once.
        items: Number of items.
        device: Waited for after each call, where it is a GPU.
        seconds: Time for calls.
    """
    import torch

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    for _ in range(2):
        run()
    wait()
    best, begun = np.inf, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        run()
        wait()
        best = min(best, time.perf_counter() - start)
    return round(items / best, 1)


def agreement(regions: list[Regions], reference: list[Regions]) -> dict[str, float]:
    """Compute the share of reference regions that a run has too, at IoU 0.9, and how far its confidence is off."""
    met, total, off = 0, 0, 0.0
    for have, want in zip(regions, reference, strict=True):
        overlaps = iou(want.xyxy, have.xyxy)
        near = overlaps.argmax(axis=1)
        good = overlaps.max(axis=1) >= 0.9
        met, total = met + int(good.sum()), total + len(want)
        off = max(off, float(np.abs(want.confidence - have.confidence[near])[good].max(initial=0)))
    return {"regions_met": round(met / max(1, total), 4), "regions": total, "confidence_off_max": round(off, 4)}


def _squares(photos: list[Rgb], side: int, count: int) -> NDArray[np.uint8]:
    """Cut `count` squares at random positions of the photos, uint8 (count, side, side, 3)."""
    rng, rows = np.random.default_rng(0), []
    for i in range(count):
        rgb = photos[i % len(photos)]
        height, width = rgb.shape[:2]
        part = rng.uniform(0.1, 0.9) * min(height, width)
        x, y = rng.uniform(0, width - part), rng.uniform(0, height - part)
        rows.append(square_crops(rgb, np.array([[x, y, x + part, y + part]], np.float32), side, "pad")[0])
    return np.stack(rows)


@click.command("encode", help=__doc__)
@options("json", "device")
@click.option("--images", type=PATH, default=SAMPLES, help="Folder of photos; default: the samples.")
@click.option("--seconds", default=2.0, show_default=True, help="Time for each figure of speed.")
def encode(out: Path, device: str, images: Path, seconds: float) -> None:
    """Measure speed and agreement, and write them."""
    import open_clip
    import torch

    device = resolve_device(device)
    files = sorted(p for p in images.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))[:32]
    if not files:
        raise click.ClickException(f"--images: expected photos, got none in {images}")
    photos = [load_image(p) for p in files]
    settings = {"device": device, "photos": len(photos), "seconds": seconds}
    print(settings)

    encoder, reference = ClipEncoder(device=device), ClipEncoder(device="cpu", precision="fp32", runtime="torch")
    squares = _squares(photos, encoder.info.preprocessing.size_px, BATCHES[-1])
    cosine = (encoder.encode_pixels(squares) * reference.encode_pixels(squares)).sum(axis=1)
    speeds = {n: rate(partial(encoder.encode_pixels, squares[:n]), n, device, seconds) for n in BATCHES}
    tower: dict[str, Any] = {
        "runtime": encoder.runtime,
        "precision": encoder.precision,
        "images_per_s": speeds,
        "cosine_min": round(float(cosine.min()), 5),
    }
    detector = LogoDetector(device=device)
    looking: Effort = "default" if device == "cpu" else "full"  # as a GPU looks
    reference_detector = LogoDetector(device="cpu", precision="fp32", runtime="torch", effort=looking)
    many = [photos[i % len(photos)] for i in range(PHOTOS[-1])]
    detection: dict[str, Any] = {
        "runtime": detector.runtime,
        "precision": detector.precision,
        "photos_per_s": {n: rate(partial(detector.detect, many[:n]), n, device, seconds) for n in PHOTOS},
        **agreement(LogoDetector(device=device, effort=looking).detect(photos), reference_detector.detect(photos)),
    }
    if encoder.runtime == "openvino":
        by_torch = ClipEncoder(device=device, precision=encoder.precision, runtime="torch")
        tower["to_torch"] = round(
            speeds[16] / rate(partial(by_torch.encode_pixels, squares[:16]), 16, device, seconds), 2
        )
    if detector.runtime == "openvino":
        other = LogoDetector(device=device, precision=detector.precision, runtime="torch")
        one_by_torch = rate(partial(other.detect, many[:1]), 1, device, seconds)
        detection["to_torch"] = round(detection["photos_per_s"][1] / one_by_torch, 2)
    vit = open_clip.create_model("ViT-B-32").visual.to(device).eval()
    batch = torch.rand(64, 3, 224, 224, device=device)
    with torch.inference_mode():
        yardstick = rate(lambda: vit(batch), len(batch), device, seconds)
    figures: dict[str, Any] = {"encoder": tower, "detector": detection, "vit_b_32_fp32_images_per_s": yardstick}
    figures["encoder_to_vit_b_32"] = round(max(speeds.values()) / yardstick, 2)
    if not torch.cuda.is_available():
        figures["cuda"] = "not run"
    write_result(out, figures, settings)
