"""Brand folders: `<brand>/*.svg|png|jpg|webp` and an optional `brand.json` -> Brand records and logo files."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from pathlib import Path

from logoscan.errors import ImageError, InputError
from logoscan.images import resolve_under
from logoscan.jsonio import from_mapping, keys_for_log, loads
from logoscan.logos import LOGO_SUFFIXES
from logoscan.types import Brand

logger = logging.getLogger(__name__)

__all__ = ["BrandFolder", "read_brand_folder", "read_brand_folders"]


@dataclass(frozen=True)
class BrandFolder:
    """A brand with the files of its logos, in the order of their names, its negatives and official photos as listed."""

    brand: Brand
    logos: tuple[Path, ...]
    negatives: tuple[Path, ...] = ()
    official_photos: tuple[Path, ...] = ()


def read_brand_folder(folder: Path) -> BrandFolder:
    """Read one brand. Files that `brand.json` lists as negatives or official photos are not logos.

    Raises:
        InputError: `brand.json` is not as stated in the README, or a file that it lists lies outside of the folder.
        CorruptFileError: `brand.json` is not JSON.
    """
    described = folder / "brand.json"
    values: object = {"name": folder.name}
    if described.is_file():
        values = loads(described.read_bytes(), str(described))
        if not isinstance(values, dict):
            raise InputError(f"{described}: expected an object, got {type(values).__name__}")
        if unknown := sorted(set(values) - {f.name for f in fields(Brand)}):
            logger.warning("%s: ignored keys: %s", described, keys_for_log(unknown))
        values = {"name": folder.name, **values}
    brand = from_mapping(Brand, values, str(described))

    def inside(name: str) -> Path:
        try:
            return resolve_under(folder, name)
        except ImageError:
            raise InputError(f"{described}: expected files inside of the folder, got {name!r}") from None

    negatives = tuple(map(inside, brand.negatives))
    official = tuple(map(inside, brand.official_photos))
    other = {*negatives, *official}
    logos = (p for p in sorted(folder.iterdir()) if p.suffix.lower() in LOGO_SUFFIXES and p.resolve() not in other)
    return BrandFolder(brand, tuple(logos), negatives, official)


def read_brand_folders(root: Path) -> list[BrandFolder]:
    """Read every sub-folder as a brand, in the order of their names.

    Raises:
        InputError: Not a folder, no brand in it, or two brands of one name.
    """
    if not root.is_dir():
        raise InputError(f"brands: expected a folder with a sub-folder for each brand, got {str(root)!r}")
    found = [read_brand_folder(p) for p in sorted(root.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    if not found:
        raise InputError(f"brands: expected a sub-folder for each brand in {str(root)!r}, found none")
    names = [f.brand.name for f in found]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"brands: expected distinct names, got {twice[0]!r} more than once")
    return found
