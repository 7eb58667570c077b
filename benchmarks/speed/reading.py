"""What reading costs a photo, by part."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click
from rich.progress import track

from benchmarks.common.options import options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_ocr
from benchmarks.speed.streams import photos_of
from logoscan.images.loading import read_picture
from logoscan.ocr.rapidocr import RapidOcr
from logoscan.ocr.regions import read
from logoscan.ocr.scripts import ScriptOcr
from logoscan.runtime import one_core_a_batch
from logoscan.sources import ANYWHERE
from logoscan.types import Effort
from logoscan.vision.detector import make_detector

PARTS = {"find": "_find", "lines": "_recognise", "words": "read_words"}
"""Parts of reading, and the methods that do them: lines searched, lines read, boxes and curved text read."""


class PartClock:
    """Adds up the processor's seconds in the parts of an engine."""

    def __init__(self, engine: RapidOcr) -> None:
        """Wrap the methods of an engine."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        for part, method in PARTS.items():
            setattr(engine, method, self._timed(part, getattr(engine, method)))

    def _timed(self, part: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any) -> Any:
            began = time.process_time()
            result = run(*given)
            self.seconds[part] += time.process_time() - began
            return result

        return timed


@click.command("reading")
@click.option("--limit", default=180, show_default=True, type=click.IntRange(1), help="Photos.")
@options("json", "folders", "long_side", "effort")
def reading(folders: tuple[Path, ...], long_side_px: int | None, limit: int, effort: str, out: Path) -> None:
    """Read photos by RapidOCR as a scan does, one thread, and take the processor's time for each part.

    find: lines searched. lines: lines cut, turned and read. words: boxes of the detector and curved text read. The rest
    scales photos and puts lines together. The detector itself is not counted.
    """
    one_core_a_batch()
    engine = build_ocr("rapidocr", "cpu", effort)
    assert isinstance(engine, ScriptOcr)
    assert isinstance(engine.first, RapidOcr)
    detector = make_detector("logo", device="cpu", effort=cast(Effort, effort))
    clock, total, count = PartClock(engine.first), 0.0, 0
    for file in track(photos_of(folders, limit, long_side_px), "photos"):
        pixels = read_picture(file, root=ANYWHERE, reduced=True).rgb
        regions = detector.detect([pixels])
        began = time.process_time()
        (spans,) = read(engine, [pixels], regions, cast(Effort, effort))
        total += time.process_time() - began
        count += len(spans)
    parts = {part: round(1000 * clock.seconds[part] / limit, 1) for part in PARTS}
    figures = {"ms_per_photo": round(1000 * total / limit, 1), "parts_ms_per_photo": parts}
    write_result(
        out,
        {**figures, "lines_per_photo": round(count / limit, 2), "photos": limit},
        {"ocr": engine.name, "long_side_px": long_side_px},
    )
