"""Are bar codes and matrix codes read at small sizes, none in photos without, and what does that cost?

composed (simulated): one code of random content in a real photo, turned, tilted, blurred, noisy and saved as JPEG
(`common/composed_codes`); read is the share whose content comes out. Sides are those of the code without its quiet
zone. false: photos as they are, in which every code is listed, to be looked at. time: seconds of `looks_like_code` and
of the search behind it, by folder. large: photos enlarged to twelve megapixels; milliseconds that codes add, and the
share of photos that must be decoded again at full size. reduced: codes composed into photos of which a copy of half the
size was decoded, read by its places (`read`) and in the whole photo (`read_in_full`).
"""

from __future__ import annotations

import io
import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from benchmarks.common.composed_codes import compose_code
from benchmarks.common.options import PATH
from benchmarks.common.photo_files import photo_files
from benchmarks.common.results import write_result
from logoscan.images.codes import find_codes, find_codes_in_reduced, looks_like_code
from logoscan.images.loading import load_grey, load_image, read_picture
from logoscan.types import Rgb

SIZES: tuple[tuple[str, float, bool], ...] = (
    ("QRCode", 50, False),
    ("QRCode", 70, False),
    ("QRCode", 100, False),
    ("DataMatrix", 50, False),
    ("DataMatrix", 70, False),
    ("EAN13", 1.5, True),
    ("EAN13", 2, True),
    ("UPCA", 2, True),
    ("Code128", 2, True),
)
"""Format, side in pixels or pixels of the narrowest bar, and which of the two."""
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
REDUCED = (("QRCode", 70, False), ("DataMatrix", 70, False), ("EAN13", 2, True), ("QRCode", 400, False))
"""Format, size and its unit, of codes in photos of which a copy of half the size was decoded."""
# Sides of a part of a large photo.
_PART_WH = (1000, 800)
# Sides of a phone's photo, 12 megapixels.
_PHONE_WH = (4000, 3000)


def _grey(rgb: Rgb) -> np.ndarray:
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY))


def _read(rgb: Rgb, content: str) -> tuple[bool, bool]:
    """Return whether the code is read as a scan reads it, and whether another one is."""
    grey = _grey(rgb)
    texts = [code.text for code in find_codes(grey)] if looks_like_code(grey) else []
    wanted = {content.lstrip("\x1d"), content, f"0{content}"}
    return any(t in wanted or t.lstrip("\x1d") in wanted for t in texts), any(
        t not in wanted and t.lstrip("\x1d") not in wanted for t in texts
    )


def composed(photos: list[Path], count: int, seed: int) -> dict[str, Any]:
    """Measure the share of composed codes that is read, by format and size."""
    figures: dict[str, Any] = {}
    for kind, size, per_module in SIZES:
        rng = random.Random(f"{seed} {kind} {size}")
        found = []
        for i in range(count):
            code = compose_code(load_image(photos[i % len(photos)]), kind, size, rng, per_module=per_module)
            found.append(_read(code.rgb, code.content))
        name = f"{kind.lower()}_{size:g}{'px_a_bar' if per_module else 'px'}"
        figures[name] = {"read": float(np.mean([r for r, _ in found])), "wrong": sum(w for _, w in found), "n": count}
        click.echo(f"{name} {figures[name]}")
    return figures


def false_codes(folder: Path) -> dict[str, Any]:
    """List the codes that are read in photos as they are, and time both parts."""
    paths = photo_files(folder)
    found: list[str] = []
    looks, gate_s, search_s = 0, 0.0, 0.0
    for path in paths:
        grey = _grey(load_image(path))
        began = time.process_time()
        looked = looks_like_code(grey)
        between = time.process_time()
        codes = find_codes(grey) if looked else ()
        gate_s, search_s, looks = gate_s + between - began, search_s + time.process_time() - between, looks + looked
        found += [f"{path.name}: {code.format} {code.text[:60]}" for code in codes]
    n = max(1, len(paths))
    figures = {
        "photos": len(paths),
        "codes": found,
        "looks_like_code": looks / n,
        "ms_a_photo": 1000 * (gate_s + search_s) / n,
        "ms_without_code_like_place": 1000 * gate_s / n,
    }
    click.echo(f"{folder.name} {figures}")
    return figures


def large_photos(photos: list[Path], count: int) -> dict[str, float]:
    """Time what codes add to the decoding of photos of a phone's size, which are decoded twice where they must be."""
    added, plain, again = [], [], 0
    for path in photos[:count]:
        buffer = io.BytesIO()
        with Image.open(path) as image:
            image.convert("RGB").resize(_PHONE_WH, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
        data = buffer.getvalue()
        began = time.process_time()
        picture = read_picture(data, reduced=True)
        between = time.process_time()
        decoded: list[bool] = []

        def full(data: bytes = data, decoded: list[bool] = decoded) -> np.ndarray:
            decoded.append(True)
            return load_grey(data)

        find_codes_in_reduced(_grey(picture.rgb), picture.size_wh, full)
        added.append(time.process_time() - between)
        plain.append(between - began)
        again += len(decoded)
    return {
        "ms_added": 1000 * float(np.mean(added)),
        "ms_added_median": 1000 * float(np.median(added)),
        "ms_decoding": 1000 * float(np.mean(plain)),
        "decoded_again": again / max(1, len(added)),
        "n": len(added),
    }


def in_reduced(photos: list[Path], count: int, seed: int) -> dict[str, Any]:
    """Measure which share of codes is read where a copy of half the size was decoded, and where the photo was."""
    import cv2

    figures: dict[str, Any] = {}
    for kind, size, per_module in REDUCED:
        rng, rows = random.Random(f"{seed} reduced {kind} {size}"), []
        for i in range(count):
            rgb = load_image(photos[i % len(photos)])
            if i % 2:  # a part of a large photo is smooth, the half of a small one is not
                rgb = np.asarray(cv2.resize(rgb, _PART_WH, interpolation=cv2.INTER_CUBIC), np.uint8)
            code = compose_code(rgb, kind, size, rng, per_module=per_module)
            grey = _grey(code.rgb)
            half = np.asarray(cv2.resize(grey, (grey.shape[1] // 2, grey.shape[0] // 2), interpolation=cv2.INTER_AREA))
            whole = [one.text for one in find_codes(grey)]
            size_wh = (grey.shape[1], grey.shape[0])
            found = [one.text for one in find_codes_in_reduced(half, size_wh, partial(np.asarray, grey))]
            wanted = {code.content.lstrip("\x1d"), code.content, f"0{code.content}"}
            rows.append([any(t in wanted or t.lstrip("\x1d") in wanted for t in texts) for texts in (found, whole)])
        name = f"{kind.lower()}_{size:g}{'px_a_bar' if per_module else 'px'}"
        shares = np.mean(rows, axis=0).round(4).tolist()
        figures[name] = {"read": shares[0], "read_in_full": shares[1], "n": count}
        click.echo(f"reduced {name} {figures[name]}")
    return figures


@click.command("codes", help=__doc__)
@click.option("--images", "folders", type=PATH, multiple=True, required=True, help="Folders of photos; repeatable.")
@click.option("--count", default=200, show_default=True, help="Composed photos of each format and size.")
@click.option("--large", default=10, show_default=True, help="Photos that are enlarged to a phone's size.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def codes(folders: tuple[Path, ...], count: int, large: int, seed: int, out: Path) -> None:
    """Measure codes."""
    photos = [path for folder in folders for path in photo_files(folder)]
    random.Random(seed).shuffle(photos)
    figures: dict[str, Any] = {"composed": composed(photos, count, seed)}
    figures["false"] = {folder.parent.name + "/" + folder.name: false_codes(folder) for folder in folders}
    figures["reduced"] = in_reduced(photos, count, seed)
    figures["large"] = large_photos(photos, large)
    click.echo(f"large {figures['large']}")
    write_result(out, figures, {"count": count, "seed": seed, "composed": "simulated"})
