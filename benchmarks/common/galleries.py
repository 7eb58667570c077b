"""An index made of galleries and of icons as distractors."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from logoscan._hashing import file_sha256
from logoscan.index.brand_folders import read_brand_folders
from logoscan.index.logo_index import LogoIndex
from logoscan.index.vet import CONFLICTS
from logoscan.training.heldout import HELD_OUT
from logoscan.types import Brand, ImageSource
from logoscan.vision.encoder import ClipEncoder


def _held_out(name: str) -> bool:
    """Tell whether the folded name equals a held-out one, or starts with one of more than three letters."""
    folded = "".join(c for c in name.lower() if c.isascii() and c.isalnum())
    return any(folded == held or (len(held) > 3 and folded.startswith(held)) for held in HELD_OUT)


def icon_set(folder: Path | None) -> str | None:
    """Name the package and version that a folder of icons belongs to, else the folder; None for no folder."""
    if folder is None:
        return None
    for parent in (folder, folder.parent):
        if (parent / "package.json").is_file():
            content = json.loads((parent / "package.json").read_text(encoding="utf-8"))
            return f"{content['name']} {content['version']}"
    return folder.name


def read_galleries(galleries: Sequence[Path]) -> list[tuple[Brand, list[tuple[str, ImageSource]]]]:
    """Read the brands of gallery folders with the name and file of each logo image.

    File names may repeat between galleries, so the gallery is part of the name of a logo image.
    """
    return [
        (folder.brand, [(f"{gallery.name}/{p.name}", p) for p in folder.logos])
        for gallery in galleries
        for folder in read_brand_folders(gallery)
    ]


def build_index(
    galleries: Sequence[Path], distractors: Path | None, encoder: ClipEncoder, cache: Path | None = None
) -> tuple[LogoIndex, list[str]]:
    """Build an index of brand folders and distractors.

    Args:
        galleries: Folders of brand folders; brands of one name are joined.
        distractors: Folder of SVG or PNG files, each a further brand named by its stem; held-out brands are dropped.
        encoder: Makes the vectors.
        cache: Folder that keeps the index for the next run.

    Returns:
        The index, and the sorted names of the gallery brands.
    """
    extra = [] if distractors is None else sorted(p for p in distractors.iterdir() if p.suffix in (".svg", ".png"))
    entries = read_galleries(galleries)
    names = sorted({brand.name for brand, _ in entries})
    entries += [(Brand(p.stem), [(p.name, p)]) for p in extra if not _held_out(p.stem) and p.stem not in names]
    files = [(name, file_sha256(Path(str(source)))) for _, logos in entries for name, source in logos]
    facts = [brand for brand, _ in entries]
    stamp = hashlib.sha256(repr((encoder.info.fingerprint, encoder.precision, facts, files)).encode()).hexdigest()[:16]
    folder = None if cache is None else cache / f"index-{stamp}"
    if folder is not None and folder.is_dir():
        return LogoIndex.load(folder, encoder), names
    index = LogoIndex(encoder)
    for warning in index.add_many(entries, allow=CONFLICTS):  # icons of one maker under many names
        print(warning, file=sys.stderr)
    return saved_and_loaded(index, encoder, folder), names


def saved_and_loaded(index: LogoIndex, encoder: ClipEncoder, folder: Path | None = None) -> LogoIndex:
    """Save an index and load it again, because the keypoints of logo images are found when an index is saved.

    Args:
        index: The index.
        encoder: Made its vectors.
        folder: Where it stays; a temporary folder if None.
    """
    if folder is not None:
        index.save(folder)
        return LogoIndex.load(folder, encoder)
    with tempfile.TemporaryDirectory() as temporary:
        index.save(temporary)
        return LogoIndex.load(temporary, encoder)
