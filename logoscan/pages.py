"""Reports -> evidence pages: one self-contained page a listing, and an index of a run.

A listing's page loads nothing and runs no script; the index loads thumbnails from its own folder and runs one script,
which its Content-Security-Policy names by hash. Everything that a seller wrote is escaped by the template engine.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logoscan.charts import Tick, histogram, of_log_odds, price_chart, waterfall
from logoscan.errors import InputError, MissingDependencyError
from logoscan.jsonio import atomic_write
from logoscan.lettering import Letter, closest, letters
from logoscan.pictures import Evidence, Photo, evidence_of, photo_of, thumbnail
from logoscan.places import Place, places
from logoscan.results import Report
from logoscan.types import BrandMention

if TYPE_CHECKING:
    import jinja2

    from logoscan.index import LogoIndex

__all__ = ["file_name", "listing_page", "save_page", "write_pages"]

_MOST_PLACES = 24
_MOST_MENTIONS = 60
_MOST_TOTALS = 200
"""Rows of a listing's page, and of the totals, that are shown; the rest is counted."""
_SIDES_PX = ((4, 900), (10, 640), (50, 400))
"""Of photos by their number, so that a page stays below 1.5 MB."""
_LEAST_SURE = 0.2
"""Probability below which a place is counted and not shown, as on overlay pictures."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that markup cannot hold, or that turn the text around them."""
_BANDS = ("block", "review", "clear")
_SOURCES = {"title": "title", "description": "description", "claim": "claimed brand"}


def file_name(listing_id: str) -> str:
    """A listing's id as the stem of a file name that no other id has, on any file system."""
    safe = re.sub("[^a-z0-9]+", "-", listing_id.lower())[:48].strip("-")
    digest = hashlib.sha256(listing_id.encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{safe}-{digest}" if safe else digest


def _clean(value: object) -> object:
    """Text with its control characters made visible, for example as [U+202E]."""
    return _CONTROL.sub(lambda found: f"[U+{ord(found[0]):04X}]", value) if type(value) is str else value


def _text(name: str) -> str:
    return files("logoscan").joinpath("_templates", name).read_text("utf-8")


def _sha256(text: str) -> str:
    """As a Content-Security-Policy names what may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _environment() -> jinja2.Environment:
    try:
        import jinja2
    except ImportError:
        raise MissingDependencyError("jinja2 is missing; pip install 'logoscan[report]'") from None
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    made.filters["signed"] = lambda v: f"{v:+.2f}".replace("-", "\u2212")
    made.filters["number"] = lambda v, digits=2: "–" if v is None else f"{v:,.{digits}f}".replace("-", "\u2212")
    made.filters["x"] = lambda v: f"{v:.2f}%"
    made.filters["anchor"] = lambda v: "start" if v < 25 else "end" if v > 75 else "middle"
    made.filters["of_log_odds"] = of_log_odds
    made.globals["bands"] = _BANDS
    return made


def _render(name: str, style: str, script: str = "", **values: Any) -> str:
    from markupsafe import Markup

    environment = _environment()
    css, js = _text("base.css") + _text(style), _text(script) if script else ""
    policy = f"default-src 'none'; style-src {_sha256(css)}; script-src {_sha256(js) if js else chr(39) + 'none' + chr(39)}; "
    policy += (
        f"img-src data:{' file: ' + chr(39) + 'self' + chr(39) if js else ''}; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template(name).render(css=Markup(css), js=Markup(js), policy=Markup(policy), **values)


# -- one listing


@dataclass(frozen=True)
class _Seen:
    """A place with its number on the page and what is shown of it."""

    number: int
    place: Place
    evidence: Evidence
    colour: int


@dataclass(frozen=True)
class _Named:
    """A mention with its letters, and where it stands in words."""

    mention: BrandMention
    source: str
    letters: tuple[Letter, ...]
    spelling: str | None


def listing_page(
    report: Report, *, root: str | Path | None = None, index: LogoIndex | None = None, back: str | None = None
) -> str:
    """The page of one report, as HTML; the same for the same report, photos and register.

    Args:
        report: Any.
        root: Folder of the photos, which may not lead out of it; None takes their paths as they are.
        index: Whose logos are shown beside the places that look like them.
        back: Address of the run's index.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    return _listing_page(report, _photos(report, root), index, back)


def _photos(report: Report, root: str | Path | None) -> list[Photo]:
    side = next((px for most, px in _SIDES_PX if len(report.images) <= most), _SIDES_PX[-1][1])
    return [photo_of(record, None if root is None else Path(root), side) for record in report.images]


def _listing_page(report: Report, photos: list[Photo], index: LogoIndex | None, back: str | None) -> str:
    found = places(report.matches)
    colours = {name: i for i, name in enumerate(dict.fromkeys(p.best.brand for p in found))}
    seen = [
        _Seen(i, place, evidence_of(place, photos[place.best.image], index), colours[place.best.brand] % 6)
        for i, place in enumerate([p for p in found if _sure(p)][:_MOST_PLACES], 1)
    ]
    names = [_named(m, index) for m in report.mentions[:_MOST_MENTIONS]]
    url = None if report.listing is None else report.listing.url
    return _render(
        "listing.html.j2",
        "listing.css",
        report=report,
        photos=photos,
        seen=seen,
        more_places=len(found) - len(seen),
        names=names,
        more_names=len(report.mentions) - len(names),
        waterfall=waterfall(report.score),
        chart=price_chart(report.price),
        link=url if url and re.match("https?://[^\\s]+$", url, re.IGNORECASE) else None,
        back=back,
    )


def _sure(place: Place) -> bool:
    return place.best.probability is None or place.best.probability >= _LEAST_SURE


def _named(mention: BrandMention, index: LogoIndex | None) -> _Named:
    where = mention.source.removeprefix("image:")
    source = f"photo {int(where) + 1}" if where.isdecimal() and where.isascii() and len(where) < 9 else where
    brand = None if index is None else index.brand(mention.brand)
    spelling = None
    if mention.kind in ("near", "partial"):
        spelling = closest(mention.text, (mention.brand, *(brand.aliases if brand else ())))
    shown = (Letter(mention.text),) if spelling is None else letters(mention.text, spelling)
    return _Named(mention, _SOURCES.get(source, source), shown, spelling)


def save_page(
    report: Report, path: str | Path, *, root: str | Path | None = None, index: LogoIndex | None = None
) -> None:
    """Write `listing_page` to a file."""
    atomic_write(Path(path), listing_page(report, root=root, index=index).encode())


# -- a run


@dataclass
class _Total:
    """How many listings of a brand or merchant are in each band, and the highest score."""

    name: str
    bands: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_BANDS, 0))
    highest: float | None = None

    @property
    def listings(self) -> int:
        return sum(self.bands.values())

    def add(self, report: Report) -> None:
        self.bands[report.score.band] += 1
        if report.score.value is not None:
            self.highest = max(self.highest or 0.0, report.score.value)


@dataclass
class _Run:
    """What the index page needs of the reports, gathered one by one."""

    rows: list[list[Any]] = field(default_factory=list)
    brands: dict[str, _Total] = field(default_factory=dict)
    sellers: dict[str, _Total] = field(default_factory=dict)
    bands: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_BANDS, 0))
    warned: int = 0

    def add(self, report: Report, name: str, pictured: bool) -> None:
        facts, score = report.listing, report.score
        price = None if facts is None else facts.price
        told = "" if price is None else f"{price:,.2f} {facts.currency or ''}".strip() if facts else ""
        reasons = [c for c in score.contributions if c.contribution >= 0.05]
        why = " · ".join(f"{c.signal.replace('_', ' ')} +{c.contribution:.1f}" for c in reasons[:3])
        words = (report.listing_id, (facts.title if facts else None) or "", score.brand or "", report.seller_id or "")
        self.rows.append([
            name, *(_clean(w[:200]) for w in words), None if score.value is None else round(score.value, 2),
            _BANDS.index(score.band), told, price, int(pictured), _clean(why[:160]),
        ])  # fmt: skip
        for names, key in ((self.brands, score.brand), (self.sellers, report.seller_id)):
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
    return _render(
        "index.html.j2",
        "index.css",
        "index.js",
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
    root: str | Path | None = None,
    index: LogoIndex | None = None,
    done: Callable[[], object] = lambda: None,
) -> int:
    """Write a run's pages: `index.html`, `listings/` and `thumbs/`. Opens from disk, without a server.

    Args:
        reports: In any order; they are not kept.
        folder: Made if it is not there; files of the same listings in it are replaced.
        root: As for `listing_page`.
        index: Likewise.
        done: Called after each page.

    Returns:
        How many listings.

    Raises:
        InputError: `folder` is a file.
        MissingDependencyError: jinja2 is not installed.
    """
    _environment()
    folder, run, taken = Path(folder), _Run(), set[str]()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"folder: expected a folder, got the file {str(folder)!r}")
    for name in ("listings", "thumbs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for report in reports:
        stem = name = file_name(report.listing_id)
        for number in range(2, len(run.rows) + 3):  # an id may be there twice
            if name not in taken:
                break
            name = f"{stem}-{number}"
        taken.add(name)
        photos = _photos(report, root)
        page = _listing_page(report, photos, index, "../index.html")
        (folder / "listings" / f"{name}.html").write_bytes(page.encode())
        first = next((p.rgb for p in photos if p.rgb is not None), None)
        if first is not None:
            (folder / "thumbs" / f"{name}.jpg").write_bytes(thumbnail(first))
        run.add(report, name, first is not None)
        done()
    atomic_write(folder / "index.html", _index_page(run).encode())
    return len(run.rows)
