"""Are contacts found in titles and in photos, in the disguises that they come in, and none in honest ones?

text (simulated): one contact (`common/planted_contacts`) in a real title; found is the share in which some contact is
found; redacted, in which nothing of five or more letters or digits of the planted contact is left by `redact`. photos
(simulated): one plain contact is drawn into a real photo in letters of a stated height, dark on a light strip or light
on a dark one, saved as JPEG, read by RapidOCR at the default effort. honest: real titles, descriptions and photos;
texts with any contact are listed, to be looked at.
"""

from __future__ import annotations

import csv
import io
import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.common.options import PATH
from benchmarks.common.photo_files import photo_files
from benchmarks.common.planted_contacts import DISGUISES, PLAIN, planted
from benchmarks.common.results import write_result
from logoscan.images.loading import load_image
from logoscan.ocr.engine import OcrEngine, make_ocr
from logoscan.ocr.regions import read
from logoscan.text.contacts import find_contacts, redact
from logoscan.types import Regions, Rgb

_HEIGHTS_PX = (14, 20, 28)
_MOST_SHOWN = 20


def _titles(sources: tuple[tuple[Path, str], ...]) -> dict[str, list[str]]:
    found = {}
    for path, column in sources:
        with path.open(encoding="latin-1", newline="") as file:
            found[f"{path.stem} {column}"] = [text for row in csv.DictReader(file) if (text := row.get(column) or "")]
    return found


def in_text(
    kinds: Mapping[str, Callable[[random.Random], str]], titles: list[str], count: int, seed: int
) -> dict[str, Any]:
    """Measure the share of planted contacts that is found, and taken out, by kind."""
    rng = random.Random(seed)
    hits: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for i in range(count):
        kind = list(kinds)[i % len(kinds)]
        contact = kinds[kind](rng)
        text = planted(rng.choice(titles)[:200], contact, rng)
        left = redact(text)
        parts = [p for p in re.split(r"[^\w]+", contact) if len(p) >= 5 and p.lower() not in ("https", "whatsapp")]
        hits[kind].append((bool(find_contacts(text)), not any(p in left for p in parts)))
    every = [row for rows in hits.values() for row in rows]
    return {
        "found": round(float(np.mean([f for f, _ in every])), 4),
        "redacted": round(float(np.mean([r for _, r in every])), 4),
        "n": len(every),
        "found_by_kind": {kind: round(float(np.mean([f for f, _ in rows])), 3) for kind, rows in hits.items()},
    }


def with_text(photo: Rgb, text: str, height_px: int, rng: random.Random) -> Rgb:
    """Draw a line on a strip into a photo, with capital letters of a height, and save it as JPEG."""
    font: Any = ImageFont.load_default(round(height_px * 1.37))  # capitals are 0.73 of the size of this font
    image = Image.fromarray(photo)
    x0, y0, x1, y1 = font.getbbox(text)
    pad = height_px // 2
    wide, high = int(x1 - x0) + 2 * pad, int(y1 - y0) + 2 * pad
    if image.width < wide + 4 or image.height < 3 * high:
        scale = max((wide + 4) / image.width, 3 * high / image.height)
        image = image.resize((round(image.width * scale) + 1, round(image.height * scale) + 1))
    dark = rng.random() < 0.5
    ink, ground = ((25, 25, 25), (240, 240, 235)) if dark else ((245, 245, 245), (40, 40, 70))
    x, y = (
        rng.randint(0, image.width - wide),
        rng.choice((4, image.height - high - 4, rng.randint(0, image.height - high))),
    )
    draw = ImageDraw.Draw(image)
    draw.rectangle((x, y, x + wide, y + high), fill=ground)
    draw.text((x + pad - x0, y + pad - y0), text, fill=ink, font=font)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=rng.randint(75, 92))
    return np.asarray(Image.open(buffer).convert("RGB"))


def _lines(ocr: OcrEngine, rgb: Rgb) -> tuple[str, ...]:
    return read(ocr, [rgb], [Regions.empty()], "default")[0].texts


def in_photos(ocr: OcrEngine, photos: list[Path], count: int, seed: int) -> dict[str, Any]:
    """Measure the share of contacts drawn into photos that is found, by the height of letters and by kind."""
    figures: dict[str, Any] = {}
    kinds = list(PLAIN)
    for height in _HEIGHTS_PX:
        rng = random.Random(f"{seed} {height}")
        rows: dict[str, list[bool]] = defaultdict(list)
        for i in range(count):
            kind = kinds[i % len(kinds)]
            photo = load_image(photos[i % len(photos)])
            own = find_contacts("\n".join(_lines(ocr, photo))) if i < 10 else ()
            lines = _lines(ocr, with_text(photo, PLAIN[kind](rng), height, rng))
            rows[kind].append(len(find_contacts("\n".join(lines))) > len(own))
        every = [hit for hits in rows.values() for hit in hits]
        figures[f"{height}_px"] = {"found": float(np.mean(every)), "n": len(every),
                                   "by_kind": {k: float(np.mean(v)) for k, v in rows.items()}}  # fmt: skip
        click.echo(f"{height} px {figures[f'{height}_px']}")
    return figures


def honest_photos(ocr: OcrEngine, photos: list[Path]) -> dict[str, Any]:
    """List the contacts that are found in real photos."""
    found, n_lines = [], 0
    for path in photos:
        lines = _lines(ocr, load_image(path))
        n_lines += len(lines)
        if contacts := find_contacts("\n".join(lines)):
            found.append(f"{path.name}: {[c.kind for c in contacts]} in {' | '.join(lines)[:120]}")
    return {"photos": len(photos), "lines": n_lines, "with_contact": len(found), "found": found[:_MOST_SHOWN]}


@click.command("contacts", help=__doc__)
@click.option("--titles", "sources", type=(PATH, str), multiple=True, required=True,
              help="FILE COLUMN: a CSV and its column of honest texts; repeatable.")  # fmt: skip
@click.option("--images", "folders", type=PATH, multiple=True, help="Folders of photos; repeatable.")
@click.option("--count", default=4000, show_default=True, help="Texts of each sort.")
@click.option("--photos", "n_photos", default=100, show_default=True, help="Photos for each height of letters.")
@click.option("--honest", default=200, show_default=True, help="Real photos that are read as they are.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def contacts(
    sources: tuple[tuple[Path, str], ...], folders: tuple[Path, ...], count: int, n_photos: int, honest: int, seed: int,
    out: Path,
) -> None:  # fmt: skip
    """Measure contacts."""
    titles = _titles(sources)
    pool = [text for texts in titles.values() for text in texts]
    figures: dict[str, Any] = {
        "plain": in_text(PLAIN, pool, count, seed),
        "disguised": in_text(DISGUISES, pool, count, seed + 1),
        "honest": {},
    }
    click.echo(f"plain {figures['plain']}\ndisguised {figures['disguised']}")
    for name, texts in titles.items():
        wrong = [f"{[c.value for c in found]} in {text[:80]}" for text in texts if (found := find_contacts(text))]
        figures["honest"][name] = {"n": len(texts), "with_contact": len(wrong), "found": wrong[:_MOST_SHOWN]}
        click.echo(f"honest {name} {len(wrong)} of {len(texts)}")
    if folders:
        ocr = make_ocr("rapidocr", device="cpu", effort="default")
        assert ocr is not None
        photos = [path for folder in folders for path in photo_files(folder)]
        random.Random(seed).shuffle(photos)
        figures["photos"] = in_photos(ocr, photos, n_photos, seed)
        figures["honest_photos"] = honest_photos(ocr, photos[-honest:])
        click.echo(f"honest photos {figures['honest_photos']}")
    write_result(out, figures, {"count": count, "photos": n_photos, "seed": seed, "planted": "simulated"})
