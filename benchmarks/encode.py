"""How fast the networks are on a device, and whether they answer as the reference does.

`python benchmarks/encode.py --json OUT [--device cuda] [--images DIR]`: the image tower and the detector on squares cut
from photos, in batches of several sizes, beside open_clip's ViT-B-32 on the same device (random weights: the speed is
the same), and where OpenVINO runs them beside torch. The reference is torch in fp32 on the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import write_result
from numpy.typing import NDArray
from options import PATH, options

from logoscan.images.boxes import iou
from logoscan.images.loading import load_image, square_crops
from logoscan.runtime import resolve_device
from logoscan.types import Effort, Regions, Rgb
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder

SAMPLES = Path(__file__).parent.parent / "logoscan" / "_samples" / "photos"
BATCHES = (1, 16, 64, 256)
PHOTOS = (1, 8, 32)


def rate(run: Callable[[], object], items: int, device: str, seconds: float) -> float:
    """Items a second of `run`, which deals with `items`: the best of the calls that fit into `seconds`."""
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


def agreement(found: list[Regions], wanted: list[Regions]) -> dict[str, float]:
    """How many of the reference's regions a run has too, at IoU 0.9, and by how much its confidence is off."""
    met, total, off = 0, 0, 0.0
    for have, want in zip(found, wanted, strict=True):
        overlaps = iou(want.xyxy, have.xyxy)
        near = overlaps.argmax(axis=1)
        good = overlaps.max(axis=1) >= 0.9
        met, total = met + int(good.sum()), total + len(want)
        off = max(off, float(np.abs(want.confidence - have.confidence[near])[good].max(initial=0)))
    return {"regions_met": round(met / max(1, total), 4), "regions": total, "confidence_off_max": round(off, 4)}


def _squares(photos: list[Rgb], side: int, count: int) -> NDArray[np.uint8]:
    """`count` squares of random places of the photos, uint8 (count, side, side, 3)."""
    rng, rows = np.random.default_rng(0), []
    for i in range(count):
        rgb = photos[i % len(photos)]
        height, width = rgb.shape[:2]
        part = rng.uniform(0.1, 0.9) * min(height, width)
        x, y = rng.uniform(0, width - part), rng.uniform(0, height - part)
        rows.append(square_crops(rgb, np.array([[x, y, x + part, y + part]], np.float32), side, "pad")[0])
    return np.stack(rows)


@click.command(help=__doc__)
@options("json", "device")
@click.option("--images", type=PATH, default=SAMPLES, help="Folder of photos; default: the samples.")
@click.option("--seconds", default=2.0, show_default=True, help="For each figure of speed.")
def main(out: Path, device: str, images: Path, seconds: float) -> None:
    """Measure, compare, write."""
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
    look: Effort = "default" if device == "cpu" else "full"  # as a GPU looks
    seen = LogoDetector(device="cpu", precision="fp32", runtime="torch", effort=look)
    many = [photos[i % len(photos)] for i in range(PHOTOS[-1])]
    looks: dict[str, Any] = {
        "runtime": detector.runtime,
        "precision": detector.precision,
        "photos_per_s": {n: rate(partial(detector.detect, many[:n]), n, device, seconds) for n in PHOTOS},
        **agreement(LogoDetector(device=device, effort=look).detect(photos), seen.detect(photos)),
    }
    if encoder.runtime == "openvino":
        by_torch = ClipEncoder(device=device, precision=encoder.precision, runtime="torch")
        tower["to_torch"] = round(
            speeds[16] / rate(partial(by_torch.encode_pixels, squares[:16]), 16, device, seconds), 2
        )
    if detector.runtime == "openvino":
        other = LogoDetector(device=device, precision=detector.precision, runtime="torch")
        one_by_torch = rate(partial(other.detect, many[:1]), 1, device, seconds)
        looks["to_torch"] = round(looks["photos_per_s"][1] / one_by_torch, 2)
    vit = open_clip.create_model("ViT-B-32").visual.to(device).eval()
    batch = torch.rand(64, 3, 224, 224, device=device)
    with torch.inference_mode():
        yardstick = rate(lambda: vit(batch), len(batch), device, seconds)
    figures: dict[str, Any] = {"encoder": tower, "detector": looks, "vit_b_32_fp32_images_per_s": yardstick}
    figures["encoder_to_vit_b_32"] = round(max(speeds.values()) / yardstick, 2)
    if not torch.cuda.is_available():
        figures["cuda"] = "not run"
    write_result(out, figures, settings)


if __name__ == "__main__":
    main()
