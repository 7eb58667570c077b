"""Pages of a run: the work list, one page for each listing, and one for each seller; they open from disk.

The work list loads its data, its scripts and its pictures from its own folder, and keeps decisions in the browser. Its
Content-Security-Policy forbids scripts in the page itself and any address outside. What sellers wrote reaches it as
JSON and is inserted as text only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from logoscan._hashing import sha256_hex
from logoscan.errors import InputError
from logoscan.io.files import atomic_write, private_folder
from logoscan.merchants.facts import MerchantFacts
from logoscan.reporting.html import ListingPage, make_page, render, template_file
from logoscan.reporting.pictures import reduced_jpeg
from logoscan.reporting.seller_pages import SellerBook
from logoscan.reporting.worklist import Card, Pictures, WorkList
from logoscan.results import Report
from logoscan.sources import Root
from logoscan.types import LogoImages

__all__ = ["file_name", "write_pages"]

_SCRIPTS = ("decisions.js", "table.js", "card.js", "missed.js", "worklist.js")
# Longest side of the photos of the work list, and how many of a listing it has: a card shows one, and the box of a
# missed brand is drawn in any of them.
_PHOTO_PX, _MOST_PHOTOS = 480, 8


def file_name(text: str) -> str:
    """Return a file name without suffix for an id, valid on any file system and different for each id."""
    safe = re.sub("[^a-z0-9]+", "-", text.lower())[:48].strip("-")
    digest = sha256_hex(text.encode(errors="surrogatepass"))[:12]
    return f"{safe}-{digest}" if safe else digest


def write_pages(
    reports: Iterable[Report],
    folder: str | Path,
    *,
    root: Root = None,
    index: LogoImages | None = None,
    facts: Mapping[str, MerchantFacts] | None = None,
    done: Callable[[], object] = lambda: None,
    missing: Callable[[str, str], object] = lambda listing_id, reason: None,
) -> int:
    """Write the pages of a run: `index.html`, the work list, `sellers.html`, and the folders that belong to them.

    Args:
        reports: Reports in any order; what the work list shows of them is kept in memory, some kilobytes a listing.
        folder: Folder to write to, made if missing; pages of the same listings in it are replaced.
        root: Folder of the photos, which they may not leave; None is the current folder, `ANYWHERE` allows any file.
        index: Index whose logo images are shown beside the matched regions; None shows none.
        facts: What the platform knows about sellers, by their ids; for the sellers' scores.
        done: Function called after each listing's page.
        missing: Function called with the listing's id and a sentence for each photo that was scanned and cannot be
            shown.

    Returns:
        Number of listings.

    Raises:
        InputError: `folder` is a file.
        MissingDependencyError: jinja2 is not installed.
    """
    folder, work, sellers, names = Path(folder), WorkList(), SellerBook(facts), set[str]()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"folder: expected a folder, got the file {str(folder)!r}")
    for name in ("app", "data", "listings", "logos", "photos", "sellers"):
        private_folder(folder / name)
    for report in reports:
        name = _unused(file_name(report.listing_id), names)
        page = make_page(report, root, index, "../index.html")
        atomic_write(folder / "listings" / f"{name}.html", page.html.encode(), durable=False)
        for photo in page.photos:
            if photo.failed:
                missing(report.listing_id, str(photo.missing))
        card = Card.of(report, name, _write_pictures(folder, name, page, report.score.brand))
        work.cards.append(card)
        sellers.add(report, card)
        done()
    seller_names = _seller_names(sellers.names())
    for file, text in sellers.pages(seller_names):
        atomic_write(folder / file, text.encode(errors="replace"), durable=False)
    for old in (folder / "data").glob("cases-*.js"):  # an earlier run may have had more
        old.unlink()
    data = []
    for file, text in work.files(seller_names):
        atomic_write(folder / "data" / file, text.encode())
        data.append(f"data/{file}")
    for script in _SCRIPTS:
        atomic_write(folder / "app" / script, template_file(script).encode())
    index_page = render(
        "index.html.j2", "index.css", scripts=True, images=True, count=len(work.cards),
        files=[*(f"app/{script}" for script in _SCRIPTS), *data],
    )  # fmt: skip
    atomic_write(folder / "index.html", index_page.encode())
    return len(work.cards)


def _unused(stem: str, names: set[str]) -> str:
    """Return a name that is not among some names yet, and add it; an id may occur twice."""
    name, number = stem, 1
    while name in names:
        number += 1
        name = f"{stem}-{number}"
    names.add(name)
    return name


def _seller_names(sellers: Iterable[str]) -> dict[str, str]:
    names = set[str]()
    return {seller: _unused(file_name(seller), names) for seller in sellers}


def _write_pictures(folder: Path, name: str, page: ListingPage, brand: str | None) -> Pictures:
    """Write the pictures of a listing's card, the region that looks most like the brand, and return their names."""
    photos: list[tuple[str, int, int, int]] = []
    for number, photo in enumerate(page.photos):
        if photo.jpeg is not None and len(photos) < _MOST_PHOTOS:
            file = f"{name}-{number}.jpg"
            atomic_write(folder / "photos" / file, reduced_jpeg(photo.jpeg, _PHOTO_PX), durable=False)
            photos.append((file, number, photo.width, photo.height))
    if not page.groups:
        return Pictures(tuple(photos))
    shown = next((i for i, group in enumerate(page.groups) if group.best.brand == brand), 0)
    match, crop = page.groups[shown].best, page.crops[shown]
    main = next((i for i, photo in enumerate(photos) if photo[1] == match.image), None)
    crop_file = logo_file = ""
    if crop.crop is not None:
        crop_file = f"{name}-crop.jpg"
        atomic_write(folder / "photos" / crop_file, crop.crop, durable=False)
    if crop.logo is not None:
        logo_file = f"{sha256_hex(crop.logo)[:16]}.png"
        if not (folder / "logos" / logo_file).exists():
            atomic_write(folder / "logos" / logo_file, crop.logo, durable=False)
    return Pictures(tuple(photos), main or 0, None if main is None else match.xyxy, crop_file, logo_file)
