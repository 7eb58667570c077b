"""Reports on disk (JSON lines) and on photos (overlay pictures with boxes, names and similarities)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from logoscan.errors import CorruptFileError
from logoscan.io.files import atomic_write
from logoscan.io.records import from_json, loads, to_json
from logoscan.io.sealed_lines import Unsealed, read_sealed_file, seal, sealed_file, unseal
from logoscan.reporting.groups import places
from logoscan.results import SHOWN_FROM, Report
from logoscan.types import Match, Rgb

__all__ = ["draw_overlay", "read_reports", "report_from_json", "report_to_json", "write_reports"]

_PALETTE = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
"""Told apart by the colour-blind (Okabe and Ito, 2008)."""
_MIN_SIDE_PX = 480
"""Smaller photos are enlarged so that labels stay legible."""
_MAX_SIDE_PX = 4096
"""But not beyond this: a strip of 1 x 30000 pixels would take 20 GB."""


def report_to_json(report: Report) -> str:
    """One line of JSON, sealed by its SHA-256; `report_from_json` gives an equal report."""
    return seal(to_json(report))


def report_from_json(text: str | bytes, where: str = "report") -> Report:
    """Read one report.

    Raises:
        CorruptFileError: Not a report, altered, or its reasons do not sum to its score; `where` is named.
    """
    return _opened(text, where)[0]


def _opened(text: str | bytes, where: str) -> tuple[Report, Unsealed]:
    """A report and its seal; only what states the schema of old, and holds no key that it lacked, may have none."""
    try:
        sealed = unseal(text, where)
    except CorruptFileError:
        values = loads(text, where)
        old = isinstance(values, dict) and values.get("schema_version") == 1
        if not old or values.keys() - {f.name for f in fields(Report)}:
            raise
        sealed = Unsealed(text.encode() if isinstance(text, str) else text, None, False)
    return from_json(Report, sealed.text, where), sealed


def write_reports(path: str | Path, reports: Iterable[Report]) -> None:
    """Write a JSON lines file whole, atomically; the last line says that it is the last."""
    atomic_write(Path(path), sealed_file([to_json(report) for report in reports]))


def read_reports(path: str | Path) -> Iterator[Report]:
    """Yield the reports of a JSON lines file, one after another.

    Raises:
        CorruptFileError: A line is no report or was altered, or, when all were given, the file ends before the line
            that was written as its last. One that is named `.partial` may end anywhere; a selection of lines too,
            unless it is the very beginning of the file.
    """
    return read_sealed_file(Path(path), _opened)


def draw_overlay(rgb: Rgb, matches: tuple[Match, ...], *, at_least: float = SHOWN_FROM) -> Rgb:
    """Draw matches on a photo: one box a brand and place, labelled with name, similarity and probability.

    Args:
        rgb: uint8 (H, W, 3).
        matches: Of this photo.
        at_least: Probability below which a match is not drawn; those without one are all drawn.

    Returns:
        uint8 (H', W', 3), enlarged by a whole factor where the photo is small.
    """
    factor = max(1, min(-(-_MIN_SIDE_PX // min(rgb.shape[:2])), _MAX_SIDE_PX // max(rgb.shape[:2])))
    image = Image.fromarray(rgb)
    if factor > 1:
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    size = max(14, min(image.size) // 32)
    font = ImageFont.load_default(size)
    colours: dict[str, tuple[int, int, int]] = {}
    placed: list[tuple[float, float, float, float]] = []
    for match in (place.best for place in places(matches)):
        if match.probability is not None and match.probability < at_least:
            continue
        colour = colours.setdefault(match.brand, _PALETTE[len(colours) % len(_PALETTE)])
        x0, y0, x1, y1 = (v * factor for v in match.xyxy)
        draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colour, width=max(2, size // 7))
        sure = "" if match.probability is None else f"  p {match.probability:.2f}"
        label = f"{' '.join(match.brand.split())}  sim {match.similarity:.2f}{sure}"
        box = _place(draw.textbbox((0, 0), label, font=font), (x0, y0, x1, y1), image.size, placed)
        placed.append(box)
        draw.rectangle(box, fill=colour)
        draw.text((box[0] + 4, box[1] + 2), label, font=font, fill=(255, 255, 255), anchor="lt")
    return np.asarray(image)


def _place(
    text: tuple[float, float, float, float],
    box: tuple[float, float, float, float],
    size: tuple[int, int],
    placed: list[tuple[float, float, float, float]],
) -> tuple[float, float, float, float]:
    """Where a label goes: above its box, else inside, moved down until it covers no other label."""
    w, h = text[2] - text[0] + 8, text[3] - text[1] + 8
    x = min(max(0.0, box[0]), max(0.0, size[0] - w))
    y = box[1] - h if box[1] >= h else box[1]
    while any(x < p[2] and p[0] < x + w and y < p[3] and p[1] < y + h for p in placed) and y + 2 * h <= size[1]:
        y += h
    return x, y, x + w, y + h
