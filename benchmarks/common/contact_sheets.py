"""Contact sheets: photos with boxes and captions, to be looked at by a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.common.labelled_photos import Photo, Run, matches_of
from logoscan.images.loading import load_image
from logoscan.training.sheet import tile
from logoscan.types import Listing, Rgb
from logoscan.vision.features import PhotoFeatures

# Side of the square of a photo, and height of the caption below it, px.
_SIDE_PX, _CAPTION_PX = 320, 52
# Columns and rows of a sheet.
_COLUMNS, _ROWS = 4, 4
# Colours of the boxes, in the order of an entry.
_COLOURS = ((255, 0, 0), (0, 90, 255))


@dataclass(frozen=True)
class Entry:
    """A photo on a contact sheet.

    Attributes:
        photo: File.
        caption: Lines of text below it.
        boxes: Boxes in pixels of the photo, or None; the first is drawn in red, the second in blue.
    """

    photo: Path
    caption: tuple[str, ...]
    boxes: tuple[tuple[float, float, float, float] | None, ...] = ()


def write_sheets(folder: Path, name: str, entries: Sequence[Entry]) -> list[Path]:
    """Write NAME-00.jpg and on, sixteen photos each, after removing those of an earlier run; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{name}-[0-9][0-9].jpg"):
        old.unlink()
    files: list[Path] = []
    for start in range(0, len(entries), _COLUMNS * _ROWS):
        tiles = [_tile(entry) for entry in entries[start : start + _COLUMNS * _ROWS]]
        files.append(folder / f"{name}-{len(files):02d}.jpg")
        Image.fromarray(tile(tiles, _COLUMNS)).save(files[-1], quality=90)
    return files


def naming_entry(run: Run, photo: Photo, features: PhotoFeatures, brand: str, probability: float) -> Entry:
    """Show where a photo is taken to show a brand: the surest match, and the surest reading of the name."""
    matches = [m for m in matches_of(run.scanner, run.index, features) if m.brand == brand]
    text = run.scanner.pipeline.text(Listing("photo"), [features], run.index)
    mentions = [m for m in text.mentions if m.brand == brand]
    match = max(matches, key=lambda m: m.probability or 0.0, default=None)
    mention = max(mentions, key=lambda m: m.probability, default=None)
    seen = "-" if match is None else f"{match.kind} {match.probability or 0.0:.2f} ({match.logo})"
    read = "-" if mention is None else f'{mention.kind} {mention.probability:.2f} "{mention.text}"'
    caption = (f"{brand} {probability:.2f}  {photo.path.name}"[:40], seen[:40], read[:40])
    boxes = (None if match is None else match.xyxy, None if mention is None else mention.xyxy)
    return Entry(photo.path, caption, boxes)


def _tile(entry: Entry) -> Rgb:
    """Draw a photo with its boxes, reduced or enlarged to the square, and its caption."""
    photo = Image.fromarray(load_image(entry.photo))
    scale = _SIDE_PX / max(photo.size)
    shown = photo.resize((max(1, round(photo.width * scale)), max(1, round(photo.height * scale))))
    drawing = ImageDraw.Draw(shown)
    for box, colour in zip(entry.boxes, _COLOURS, strict=False):
        if box is not None:
            drawing.rectangle([v * scale for v in box], outline=colour, width=3)
    whole = Image.new("RGB", (_SIDE_PX, _SIDE_PX + _CAPTION_PX), (255, 255, 255))
    whole.paste(shown, (0, 0))
    text = "\n".join(entry.caption)
    ImageDraw.Draw(whole).text((4, _SIDE_PX + 2), text, fill=(0, 0, 0), font=ImageFont.load_default(14))
    return np.asarray(whole)
