"""Read brand folders: Brand records and files of logo images.

A brand folder holds logo images (SVG, PNG, JPEG, WEBP) and, optionally, `brand.json` with `name`, `aliases`,
`authorised_sellers`, `official_photos`, `official_domains`, `gtin_prefixes`, `photo_signers`, `model_patterns`,
`serial_patterns`, `origins`, `usual_prices` (a list of `category, currency, low, high`), `facts` and `negatives`.
Negatives are pictures that are *not* this brand. A brand without a logo image is searched by its name alone.

Brand owners deliver folders as archives, so links to files outside of a folder are not followed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from pathlib import Path

from logoscan._quote import listed, quoted
from logoscan.errors import ImageError, InputError
from logoscan.index.logo_images import LOGO_SUFFIXES
from logoscan.io.records import from_mapping, loads
from logoscan.sources import resolve_under
from logoscan.types import Brand

logger = logging.getLogger(__name__)

__all__ = ["BrandFolder", "read_brand_folder", "read_brand_folders"]


# Size of `brand.json`. A record that fills all caps of `types.Brand` has a few megabytes of seller ids at most.
_MAX_DESCRIPTION_BYTES = 1 << 20
# What a brand states for its packs alone, see `packs.make_pack`.
_OF_PACKS = {"rights"}
# Files that are not logos which a warning lists.
_MAX_LISTED = 5


@dataclass(frozen=True)
class BrandFolder:
    """A brand with its files.

    Attributes:
        brand: The record in `brand.json`, or one with the folder's name.
        logos: Files of logos, in the order of their names.
        negatives: Files of negatives, in the order of `brand.json`.
        official_photos: Files of official photos, in the order of `brand.json`.
        warnings: A sentence for each file that was refused.
    """

    brand: Brand
    logos: tuple[Path, ...]
    negatives: tuple[Path, ...] = ()
    official_photos: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


def read_brand_folder(folder: Path) -> BrandFolder:
    """Read the folder of one brand. Files that `brand.json` lists as negatives or official photos are not logos.

    Hidden files, and those that macOS adds to archives, are skipped; other files that are no logos are logged.

    Args:
        folder: Folder of the brand, named like it.

    Raises:
        InputError: `brand.json` is invalid, or it or a file that it lists lies outside of the folder.
        CorruptFileError: `brand.json` is not JSON.
    """
    description = folder / "brand.json"
    values: object = {"name": folder.name}
    if description.is_symlink() or description.is_file():
        values = loads(_read_description(folder, description), str(description))
        if not isinstance(values, dict):
            raise InputError(f"{description}: expected an object, got {type(values).__name__}")
        if unknown := sorted(set(values) - {f.name for f in fields(Brand)} - _OF_PACKS):
            logger.warning("%s: ignored keys: %s", description, listed(unknown))
        values = {"name": folder.name, **values}
    brand = from_mapping(Brand, values, str(description))

    def inside(name: str) -> Path:
        try:
            return resolve_under(folder, name)
        except ImageError:
            raise InputError(f"{description}: expected files inside of the folder, got {name!r}") from None

    negatives = tuple(map(inside, brand.negatives))
    official = tuple(map(inside, brand.official_photos))
    taken = {*negatives, *official}
    folders_of_taken = {parent for path in taken for parent in path.parents}
    logos: list[Path] = []
    others: list[Path] = []
    warnings: list[str] = []
    for path in sorted(folder.iterdir()):
        if is_hidden(path.name) or path == description:
            continue
        try:
            resolved = resolve_under(folder, path.name)
        except ImageError:
            warnings.append(
                f"{brand.name}/{path.name}: not registered: expected a file inside of the folder, got a link"
            )
            continue
        if resolved in taken or resolved in folders_of_taken:
            continue
        is_logo = path.suffix.lower() in LOGO_SUFFIXES and not (path.exists() and not path.is_file())
        (logos if is_logo else others).append(path)
    if others:
        more = f" and {len(others) - _MAX_LISTED} more" if len(others) > _MAX_LISTED else ""
        names = ", ".join(quoted(path.name) for path in others[:_MAX_LISTED])
        logger.warning("%s: left out, since they are no pictures of a logo: %s%s", folder, names, more)
    return BrandFolder(brand, tuple(logos), negatives, official, tuple(warnings))


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden, or one that macOS adds to archives."""
    return name.startswith(".") or name == "__MACOSX"


def _read_description(folder: Path, description: Path) -> bytes:
    try:
        path = resolve_under(folder, description.name)
    except ImageError:
        raise InputError(
            f"{description}: expected a file inside of the folder, got a link that leads out of it"
        ) from None
    if not path.is_file():
        raise InputError(f"{description}: expected a file, got a link to nothing")
    with path.open("rb") as file:
        data = file.read(_MAX_DESCRIPTION_BYTES + 1)
    if len(data) > _MAX_DESCRIPTION_BYTES:
        raise InputError(f"{description}: expected at most {_MAX_DESCRIPTION_BYTES} bytes, got more")
    return data


def read_brand_folders(root: Path) -> list[BrandFolder]:
    """Read every sub-folder as a brand, in the order of their names.

    Args:
        root: Folder with a sub-folder for each brand.

    Raises:
        InputError: `root` is no folder, has no brand, or has two brands of one name.
    """
    if not root.is_dir():
        raise InputError(f"brands: expected a folder with a sub-folder for each brand, got {str(root)!r}")
    folders = [read_brand_folder(p) for p in sorted(root.iterdir()) if p.is_dir() and not is_hidden(p.name)]
    if not folders:
        raise InputError(f"brands: expected a sub-folder for each brand in {str(root)!r}, found none")
    names = [f.brand.name for f in folders]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"brands: expected distinct names, got {twice[0]!r} more than once")
    return folders
