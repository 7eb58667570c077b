"""In which stage of a scan the time goes."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from threading import Lock
from typing import Any

import click

from benchmarks.common.galleries import build_index
from benchmarks.common.options import MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.speed.streams import photos_of, seconds_a_photo
from logoscan.runtime import cores, one_core_a_batch
from logoscan.vision.encoder import ClipEncoder

STAGES = ("open", "codes", "detect", "encode", "keypoints", "read", "search", "match", "text", "judge", "alterations")
"""Stages that a scan names, in their order."""


class StageClock:
    """Adds up the seconds of each stage, over all threads: of the clock, or of the processor where there is one thread.

    A stage's seconds of the processor are those since the stage before it ended.
    """

    def __init__(self, *, one_thread: bool = False) -> None:
        """Begin with nothing."""
        self._lock, self._one_thread = Lock(), one_thread
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._last = time.process_time()

    def add(self, stage: str, seconds: float) -> None:
        """Count the seconds of a stage; a scanner calls it."""
        with self._lock:
            now = time.process_time()
            self._spent[stage] += now - self._last if self._one_thread else seconds
            self._last = now

    def clear(self) -> None:
        """Forget what was counted so far."""
        with self._lock:
            self._spent.clear()
            self._last = time.process_time()

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of each stage that took any, in the order of a scan; unknown stages come last."""
        order = (*STAGES, *sorted(self._spent.keys() - set(STAGES)))
        return {stage: self._spent[stage] for stage in order if stage in self._spent}


@click.command("stages")
@click.option("--limit", default=180, show_default=True, type=click.IntRange(8), help="Photos.")
@click.option("--workers", type=click.IntRange(1), help="Batches side by side; default: a core each.")
@options("json", "folders", "long_side", "gallery", *MODELS)
def stages(
    folders: tuple[Path, ...],
    long_side_px: int | None,
    galleries: tuple[Path, ...],
    limit: int,
    workers: int | None,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    out: Path,
    **models: Any,
) -> None:
    """Time each stage of a stream of listings of one photo.

    Seconds are those of the clock, summed over threads, so that waiting counts, or with `--workers 1` those of the
    processor, whatever else it does; what a stage spends in networks is in it. open: photos decoded. codes: bar codes
    and matrix codes searched. detect: regions proposed. encode: squares cut and encoded. keypoints: found in photos.
    read: lines found and read. search: nearest vectors of the index. match: brands decided, logo images laid over
    photos. text: names and facts found in words. judge: prices, score. alterations: logos compared with their
    logo images, where that is asked for.
    """
    one_core_a_batch()
    files = photos_of(folders, limit, long_side_px)
    clip = ClipEncoder(encoder, pretrained, device=device)
    index, _ = build_index(galleries, None, clip)
    clock = StageClock(one_thread=workers == 1)
    scanner = build_scanner(index, encoder=clip, device=device, on_stage=clock.add, **models)
    seconds = seconds_a_photo(scanner, files, workers, clock.clear)
    spent = clock.seconds
    every = sum(spent.values())
    figures: dict[str, Any] = {
        "seconds_per_photo": round(seconds, 4),
        "stages_ms_per_photo": {name: round(1000 * value / len(files), 2) for name, value in spent.items()},
        "stages_share": {name: round(value / every, 3) for name, value in spent.items()},
        "photos": len(files),
    }
    if workers == 1:
        figures["processor_ms_per_photo"] = round(1000 * every / len(files), 2)
    write_result(out, figures, {**settings_of(scanner), "workers": workers or cores(), "long_side_px": long_side_px})
