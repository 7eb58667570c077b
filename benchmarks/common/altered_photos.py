"""Altered copies of photos, as sellers make them: cut, saved again, recoloured, mirrored, or with words on them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from benchmarks.common.pasting import pasted

ALTERATIONS = ("cut", "saved_again", "recoloured", "mirrored", "words")
"""Names of the alterations."""

_WORDS = ("NEW", "SALE -30%", "FREE SHIPPING", "BEST PRICE", "2 FOR 1")


def altered_copy(photo: Path, alteration: str, folder: Path) -> Path:
    """Write an altered copy of a photo as a JPEG, if it is not there, and return its path.

    Args:
        photo: The photo, whose path decides what chance decides.
        alteration: One of `ALTERATIONS`.
        folder: Where the copy is kept.
    """
    key = hashlib.sha256(f"{photo.parent.name}/{photo.name} {alteration}".encode()).digest()
    out = folder / f"{photo.stem}-{key[:4].hex()}-{alteration}.jpg"
    if out.is_file():
        return out
    rng = np.random.default_rng(int.from_bytes(key[:8], "big"))
    with Image.open(photo) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    quality = int(rng.integers(80, 93))
    if alteration == "cut":
        width, height = picture.size
        x0, y0 = (int(rng.uniform(0, 0.15) * side) for side in picture.size)
        x1, y1 = (round(rng.uniform(0.85, 1) * side) for side in (width, height))
        picture = picture.crop((x0, y0, x1, y1))
    elif alteration == "saved_again":
        quality = int(rng.integers(25, 45))
    elif alteration == "recoloured":
        picture = ImageEnhance.Brightness(picture).enhance(float(rng.uniform(0.7, 1.3)))
        picture = ImageEnhance.Color(picture).enhance(float(rng.uniform(0.3, 1.8)))
        picture = ImageEnhance.Contrast(picture).enhance(float(rng.uniform(0.8, 1.25)))
    elif alteration == "mirrored":
        picture = ImageOps.mirror(picture)
    elif alteration == "words":
        picture = Image.fromarray(pasted(rng, np.asarray(picture), str(rng.choice(_WORDS))))
    else:
        raise ValueError(f"alteration: expected one of {', '.join(ALTERATIONS)}, got {alteration!r}")
    folder.mkdir(parents=True, exist_ok=True)
    temporary = out.with_suffix(".tmp")
    picture.save(temporary, "JPEG", quality=quality)
    temporary.replace(out)
    return out


def with_copies(photos: list[Path], folder: Path, first: int = 0) -> list[tuple[Path, Path | None]]:
    """Pair each photo and an altered copy of it, alteration by alteration in turn; a copy comes with its original.

    Args:
        photos: The photos.
        folder: Where the copies are kept.
        first: Number of the first photo among those that get copies, which decides its alteration.
    """
    out: list[tuple[Path, Path | None]] = []
    for i, photo in enumerate(photos, first):
        out += [(photo, None), (altered_copy(photo, ALTERATIONS[i % len(ALTERATIONS)], folder), photo)]
    return out
