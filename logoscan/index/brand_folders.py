"""Brand folders: `<brand>/*.svg|png|jpg|webp` and an optional `brand.json` -> Brand records and logo files.

Brand owners deliver them as archives, so links that lead out of a folder are not followed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from pathlib import Path

from logoscan.errors import ImageError, InputError
from logoscan.index.logo_images import LOGO_SUFFIXES
from logoscan.io.records import from_mapping, keys_for_log, loads
from logoscan.sources import resolve_under
from logoscan.types import Brand

logger = logging.getLogger(__name__)

__all__ = ["BrandFolder", "read_brand_folder", "read_brand_folders"]


# A description with all the caps of `types.Brand` filled has a few megabytes of seller ids at the most.
_MOST_DESCRIPTION_BYTES = 1 << 20
_NAMED = 5


@dataclass(frozen=True)
class BrandFolder:
    """A brand with its files.

    Attributes:
        brand: What `brand.json` says.
        logos: Files of its logos, in the order of their names.
        negatives: Files of its negatives, as listed.
        official_photos: Files of its official photos, as listed.
        warnings: What was refused, in words.
    """

    brand: Brand
    logos: tuple[Path, ...]
    negatives: tuple[Path, ...] = ()
    official_photos: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


def read_brand_folder(folder: Path) -> BrandFolder:
    """Read one brand. Files that `brand.json` lists as negatives or official photos are not logos.

    Hidden files, and what Macs put beside files in archives, are passed over; other files that are no logos are logged.

    Raises:
        InputError: `brand.json` is not as stated in the README, or it or what it lists lies outside of the folder.
        CorruptFileError: `brand.json` is not JSON.
    """
    described = folder / "brand.json"
    values: object = {"name": folder.name}
    if described.is_symlink() or described.is_file():
        values = loads(_description(folder, described), str(described))
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
    listed = {*negatives, *official}
    holding = {parent for path in listed for parent in path.parents}
    logos: list[Path] = []
    left_out: list[Path] = []
    warnings: list[str] = []
    for path in sorted(folder.iterdir()):
        if is_hidden(path.name) or path == described:
            continue
        try:
            resolved = resolve_under(folder, path.name)
        except ImageError:
            warnings.append(
                f"{brand.name}/{path.name}: not registered: expected a file inside of the folder, got a link"
            )
            continue
        if resolved in listed or resolved in holding:
            continue
        is_logo = path.suffix.lower() in LOGO_SUFFIXES and not (path.exists() and not path.is_file())
        (logos if is_logo else left_out).append(path)
    if left_out:
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        names = ", ".join(f"{path.name!a:.80}" for path in left_out[:_NAMED])
        logger.warning("%s: left out, since they are no pictures of a logo: %s%s", folder, names, more)
    return BrandFolder(brand, tuple(logos), negatives, official, tuple(warnings))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or one that Macs put into archives."""
    return name.startswith(".") or name == "__MACOSX"


def _description(folder: Path, described: Path) -> bytes:
    try:
        path = resolve_under(folder, described.name)
    except ImageError:
        raise InputError(
            f"{described}: expected a file inside of the folder, got a link that leads out of it"
        ) from None
    if not path.is_file():
        raise InputError(f"{described}: expected a file, got a link to nothing")
    with path.open("rb") as file:
        data = file.read(_MOST_DESCRIPTION_BYTES + 1)
    if len(data) > _MOST_DESCRIPTION_BYTES:
        raise InputError(f"{described}: expected at most {_MOST_DESCRIPTION_BYTES} bytes, got more")
    return data


def read_brand_folders(root: Path) -> list[BrandFolder]:
    """Read every sub-folder as a brand, in the order of their names.

    Raises:
        InputError: Not a folder, no brand in it, or two brands of one name.
    """
    if not root.is_dir():
        raise InputError(f"brands: expected a folder with a sub-folder for each brand, got {str(root)!r}")
    found = [read_brand_folder(p) for p in sorted(root.iterdir()) if p.is_dir() and not is_hidden(p.name)]
    if not found:
        raise InputError(f"brands: expected a sub-folder for each brand in {str(root)!r}, found none")
    names = [f.brand.name for f in found]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"brands: expected distinct names, got {twice[0]!r} more than once")
    return found
