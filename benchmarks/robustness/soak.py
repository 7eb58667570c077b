"""Long runs: memory, rate and open files over many photos of changing sizes, cut from the samples' photos."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from rich.progress import track

import logoscan
from benchmarks.common.memory import resident_bytes
from benchmarks.common.options import MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from logoscan.index.logo_index import LogoIndex
from logoscan.types import Listing
from logoscan.vision.encoder import ClipEncoder

SAMPLES = Path(logoscan.__file__).parent / "_samples"
"""The bundled samples."""
# Least and greatest long side of a photo in pixels.
_SIDES_PX = (160, 1800)


def photos(count: int, seed: int) -> Iterator[bytes]:
    """Make JPEG files of parts of the samples' photos, from 1:2 to 2:1; each tenth of them holds the same ones."""
    whole = [Image.open(path).convert("RGB") for path in sorted((SAMPLES / "photos").iterdir())]
    for number in range(count):
        rng = np.random.default_rng((seed, number % (count // 10)))
        picture = whole[int(rng.integers(len(whole)))]
        share = rng.uniform(0.5, 1.0, 2)
        width, height = (max(16, int(side * part)) for side, part in zip(picture.size, share, strict=True))
        x, y = (int(rng.integers(0, have - want + 1)) for have, want in zip(picture.size, (width, height), strict=True))
        part = picture.crop((x, y, x + width, y + height))
        scale = float(rng.uniform(*_SIDES_PX)) / max(part.size)
        memory = io.BytesIO()
        part.resize((max(1, round(width * scale)), max(1, round(height * scale)))).save(memory, "JPEG", quality=85)
        yield memory.getvalue()


@click.command("soak")
@click.option("--images", "count", default=2000, show_default=True, type=click.IntRange(40), help="Photos.")
@click.option("--read-only", is_flag=True, help="Read the photos and do nothing else.")
@click.option("--seed", default=0, show_default=True)
@options("json", *MODELS)
def soak(
    count: int,
    read_only: bool,
    seed: int,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    out: Path,
    **models: Any,
) -> None:
    """Scan photos one by one, each a listing of its own.

    rss_growth: resident memory after all of them over that after a twentieth, less 1. rate_ratio: photos a second in
    the last tenth over those in the second, on the same photos. open_files: at a twentieth and at the end.
    """
    clip = ClipEncoder(encoder, pretrained, device=device)
    index, _ = LogoIndex.from_folder(SAMPLES / "brands", clip)
    scanner = build_scanner(index, encoder=clip, device=device, **models)
    if read_only and scanner.ocr is None:
        raise click.UsageError("--read-only: expected an engine, got none")
    took, memory, files = np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
    for i, data in enumerate(track(photos(count, seed), "photos", total=count)):
        start = time.perf_counter()
        if read_only:
            scanner.read_text(data)
        else:
            scanner.scan(Listing(str(i), images=(data,)))
        took[i], memory[i], files[i] = (
            time.perf_counter() - start,
            resident_bytes(),
            len(list(Path("/proc/self/fd").iterdir())),
        )
    early, tenth = count // 20 - 1, count // 10
    figures = {
        "images": count,
        "rss_growth": round(float(memory[-1] / memory[early] - 1), 4),
        "rss_mb": [round(float(m) / 2**20) for m in memory[early :: max(1, count // 20)]],
        "rate_ratio": round(float(took[tenth : 2 * tenth].sum() / took[-tenth:].sum()), 3),
        "open_files": [int(files[early]), int(files[-1])],
    }
    write_result(out, figures, {**settings_of(scanner), "read_only": read_only, "seed": seed})
