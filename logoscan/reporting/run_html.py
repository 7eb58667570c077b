"""Pages of a run: one for each listing, and an index page that can be sorted and filtered.

The index page loads thumbnails from its own folder and runs one script, which its Content-Security-Policy names by
hash. The script gets what sellers wrote as JSON and inserts it as text only.
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

# Brands, and merchants, whose totals are shown; the others are counted.
_MAX_TOTALS = 200


def file_name(listing_id: str) -> str:
    """Return a file name without suffix for a listing's id, valid on any file system and different for each id."""
    safe = re.sub("[^a-z0-9]+", "-", listing_id.lower())[:48].strip("-")
    digest = sha256_hex(listing_id.encode(errors="surrogatepass"))[:12]
    return f"{safe}-{digest}" if safe else digest


@dataclass
class _Total:
    """Number of listings of a brand or merchant in each band, and the highest score."""

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
    """Return a text as the index page shows and compares it: cleaned, at most 200 characters."""
    return str(clean(text or ""))[:200]


@dataclass
class _Run:
    """Data of the index page, collected from one report after another."""

    rows: list[list[Any]] = field(default_factory=list)
    brands: dict[str, _Total] = field(default_factory=dict)
    sellers: dict[str, _Total] = field(default_factory=dict)
    bands: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BANDS, 0))
    warned: int = 0

    def add(self, report: Report, name: str, has_thumbnail: bool) -> None:
        facts, score = report.listing, report.score
        price, currency = (facts.price, facts.currency) if facts else (None, None)
        price_text = "" if price is None else f"{price:,.2f} {currency or ''}".strip()
        reasons = [c for c in score.contributions if c.contribution >= 0.05]
        why = " · ".join(f"{c.signal.replace('_', ' ')} +{c.contribution:.1f}" for c in reasons[:3])
        title = facts.title if facts else None
        words = [_label(w) for w in (report.listing_id, title, score.brand, report.seller_id)]
        self.rows.append([
            name, *words, None if score.value is None else round(score.value, 2),
            BANDS.index(score.band), price_text, price, int(has_thumbnail), _label(why),
        ])  # fmt: skip
        for names, key in ((self.brands, words[2]), (self.sellers, words[3])):
            if key:
                names.setdefault(key, _Total(key)).add(report)
        self.bands[score.band] += 1
        self.warned += bool(report.warnings)


def _sorted_totals(totals: Mapping[str, _Total]) -> list[_Total]:
    """Return totals in order, those with most listings to review first."""
    return sorted(totals.values(), key=lambda t: (-t.bands["block"], -t.bands["review"], -t.listings, t.name))


def _embedded(rows: object) -> str:
    """Return JSON for a script element; no text in it can end the element."""
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _index_page(run: _Run) -> str:
    from markupsafe import Markup

    brands, sellers = _sorted_totals(run.brands), _sorted_totals(run.sellers)
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
            ("Brands", "brand", brands[:_MAX_TOTALS], len(brands)),
            ("Merchants", "seller", sellers[:_MAX_TOTALS], len(sellers)),
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
    """Write the pages of a run: `index.html`, `listings/` and `thumbs/`, which open from disk without a server.

    Args:
        reports: Reports in any order; they are not kept in memory.
        folder: Folder to write to, made if missing; pages of the same listings in it are replaced.
        root: Folder of the photos, which they may not leave; None is the current folder, `ANYWHERE` allows any file.
        index: Index whose logo images are shown beside the matched regions; None shows none.
        done: Function called after each page.
        missing: Function called with the listing's id and a sentence for each photo that was scanned and cannot be
            shown.

    Returns:
        Number of listings.

    Raises:
        InputError: `folder` is a file.
        MissingDependencyError: jinja2 is not installed.
    """
    folder, run, names = Path(folder), _Run(), set[str]()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"folder: expected a folder, got the file {str(folder)!r}")
    for name in ("listings", "thumbs"):
        private_folder(folder / name)
    for report in reports:
        stem = name = file_name(report.listing_id)
        for number in range(2, len(run.rows) + 3):  # an id may occur twice
            if name not in names:
                break
            name = f"{stem}-{number}"
        names.add(name)
        page, photos = page_and_photos(report, root, index, "../index.html")
        atomic_write(folder / "listings" / f"{name}.html", page.encode())
        small_jpeg = next((jpeg for photo in photos if (jpeg := thumbnail(photo))), None)
        if small_jpeg is not None:
            atomic_write(folder / "thumbs" / f"{name}.jpg", small_jpeg)
        for photo in photos:
            if photo.failed:
                missing(report.listing_id, str(photo.missing))
        run.add(report, name, small_jpeg is not None)
        done()
    atomic_write(folder / "index.html", _index_page(run).encode())
    return len(run.rows)
