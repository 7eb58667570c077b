"""A run's reports -> its pages: one a listing, and an index of all, sortable and filterable.

The index loads thumbnails from its own folder and runs one script, which its Content-Security-Policy names by hash;
what a seller wrote comes to it as JSON and into the page as text alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from logoscan._hashing import sha256_hex
from logoscan.errors import InputError
from logoscan.io.files import atomic_write, private_folder
from logoscan.reporting.charts import Tick, histogram
from logoscan.reporting.html import BANDS, clean, page_and_photos, render
from logoscan.reporting.pictures import thumbnail
from logoscan.results import Report
from logoscan.sources import Root
from logoscan.types import LogoImages

__all__ = ["file_name", "write_pages"]

_MOST_TOTALS = 200
"""Brands and merchants whose totals are shown; the rest is counted."""


def file_name(listing_id: str) -> str:
    """A listing's id as the stem of a file name that no other id has, on any file system."""
    safe = re.sub("[^a-z0-9]+", "-", listing_id.lower())[:48].strip("-")
    digest = sha256_hex(listing_id.encode(errors="surrogatepass"))[:12]
    return f"{safe}-{digest}" if safe else digest


@dataclass
class _Total:
    """How many listings of a brand or merchant are in each band, and the highest score."""

    name: str
    bands: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BANDS, 0))
    highest: float | None = None

    @property
    def listings(self) -> int:
        return sum(self.bands.values())

    def add(self, report: Report) -> None:
        self.bands[report.score.band] += 1
        if report.score.value is not None:
            self.highest = max(self.highest or 0.0, report.score.value)


def _label(text: str | None) -> str:
    """A text as the index shows and compares it."""
    return str(clean(text or ""))[:200]


@dataclass
class _Run:
    """What the index page needs of the reports, gathered one by one."""

    rows: list[list[Any]] = field(default_factory=list)
    brands: dict[str, _Total] = field(default_factory=dict)
    sellers: dict[str, _Total] = field(default_factory=dict)
    bands: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BANDS, 0))
    warned: int = 0

    def add(self, report: Report, name: str, pictured: bool) -> None:
        facts, score = report.listing, report.score
        price, currency = (facts.price, facts.currency) if facts else (None, None)
        told = "" if price is None else f"{price:,.2f} {currency or ''}".strip()
        reasons = [c for c in score.contributions if c.contribution >= 0.05]
        why = " · ".join(f"{c.signal.replace('_', ' ')} +{c.contribution:.1f}" for c in reasons[:3])
        title = facts.title if facts else None
        words = [_label(w) for w in (report.listing_id, title, score.brand, report.seller_id)]
        self.rows.append([
            name, *words, None if score.value is None else round(score.value, 2),
            BANDS.index(score.band), told, price, int(pictured), _label(why),
        ])  # fmt: skip
        for names, key in ((self.brands, words[2]), (self.sellers, words[3])):
            if key:
                names.setdefault(key, _Total(key)).add(report)
        self.bands[score.band] += 1
        self.warned += bool(report.warnings)


def _totals(found: Mapping[str, _Total]) -> list[_Total]:
    """Those with most to look at first."""
    return sorted(found.values(), key=lambda t: (-t.bands["block"], -t.bands["review"], -t.listings, t.name))


def _embedded(rows: object) -> str:
    """JSON that no text can break out of, inside of a script element."""
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _index_page(run: _Run) -> str:
    from markupsafe import Markup

    brands, sellers = _totals(run.brands), _totals(run.sellers)
    return render(
        "index.html.j2",
        "index.css",
        "index.js",
        " 'self' file:",
        data=Markup(_embedded(run.rows)),
        count=len(run.rows),
        in_band=run.bands,
        warned=run.warned,
        unscored=sum(row[5] is None for row in run.rows),
        bars=histogram(row[5] for row in run.rows if row[5] is not None),
        names=sorted(run.brands),
        tables=[
            ("Brands", "brand", brands[:_MOST_TOTALS], len(brands)),
            ("Merchants", "seller", sellers[:_MOST_TOTALS], len(sellers)),
        ],
        axis=[Tick(x, str(x)) for x in (0, 25, 50, 75, 100)],
    )


def write_pages(
    reports: Iterable[Report],
    folder: str | Path,
    *,
    root: Root = None,
    index: LogoImages | None = None,
    done: Callable[[], object] = lambda: None,
    missing: Callable[[str, str], object] = lambda listing_id, reason: None,
) -> int:
    """Write a run's pages: `index.html`, `listings/` and `thumbs/`. Opens from disk, without a server.

    Args:
        reports: In any order; they are not kept.
        folder: Made if it is not there; files of the same listings in it are replaced.
        root: As for `listing_page`.
        index: Whose logos are shown, as for `pages.listing_page`.
        done: Called after each page.
        missing: Called with the listing's id and a sentence for each photo that was scanned and cannot be shown.

    Returns:
        How many listings.

    Raises:
        InputError: `folder` is a file.
        MissingDependencyError: jinja2 is not installed.
    """
    folder, run, taken = Path(folder), _Run(), set[str]()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"folder: expected a folder, got the file {str(folder)!r}")
    for name in ("listings", "thumbs"):
        private_folder(folder / name)
    for report in reports:
        stem = name = file_name(report.listing_id)
        for number in range(2, len(run.rows) + 3):  # an id may be there twice
            if name not in taken:
                break
            name = f"{stem}-{number}"
        taken.add(name)
        page, photos = page_and_photos(report, root, index, "../index.html")
        atomic_write(folder / "listings" / f"{name}.html", page.encode())
        small = next((jpeg for photo in photos if (jpeg := thumbnail(photo))), None)
        if small is not None:
            atomic_write(folder / "thumbs" / f"{name}.jpg", small)
        for photo in photos:
            if photo.failed:
                missing(report.listing_id, str(photo.missing))
        run.add(report, name, small is not None)
        done()
    atomic_write(folder / "index.html", _index_page(run).encode())
    return len(run.rows)
