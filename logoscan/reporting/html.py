"""A report -> its evidence page: one self-contained HTML file.

It loads nothing and runs no script, by its Content-Security-Policy too, which names the style by hash. Everything that
a seller wrote is escaped by the template engine.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logoscan.errors import MissingDependencyError
from logoscan.io.files import atomic_write
from logoscan.reporting.charts import price_chart, waterfall
from logoscan.reporting.groups import Place, places
from logoscan.reporting.pictures import Evidence, Photo, pictured
from logoscan.reporting.spelling_diff import Letter, closest, letters
from logoscan.results import SHOWN_FROM, Report
from logoscan.sources import Root
from logoscan.types import BrandMention, LogoImages

if TYPE_CHECKING:
    import jinja2


__all__ = ["BANDS", "clean", "listing_page", "page_and_photos", "render", "save_page"]

_MOST_PLACES = 24
_MOST_MENTIONS = 60
"""Of a page that are shown; the rest is counted."""
_SIDES_PX = ((4, 900), (10, 640), (50, 320))
"""Of photos by their number, so that a page stays below 1.5 MB."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that markup cannot hold, or that turn the text around them."""
BANDS = ("block", "review", "clear")
_SOURCES = {"title": "title", "description": "description", "claim": "claimed brand"}


def clean(value: object) -> object:
    """Text with its control characters made visible, for example as [U+202E]."""
    return _CONTROL.sub(lambda found: f"[U+{ord(found[0]):04X}]", value) if type(value) is str else value


def _text(name: str) -> str:
    return files("logoscan.reporting").joinpath("_templates", name).read_text("utf-8")


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
        finalize=clean,
    )
    made.filters["signed"] = lambda v: f"{v:+.2f}".replace("-", "\u2212")
    made.filters["number"] = lambda v, digits=2: "–" if v is None else f"{v:,.{digits}f}".replace("-", "\u2212")
    made.filters["x"] = lambda v: f"{v:.2f}%"
    made.filters["anchor"] = lambda v: "start" if v < 25 else "end" if v > 75 else "middle"
    made.globals["bands"] = BANDS
    return made


def render(name: str, style: str, script: str = "", images: str = "", **values: Any) -> str:
    """A page of a template.

    Args:
        name: Of the template.
        style: File of its own style, after that of all pages.
        script: File of the one script that may run.
        images: Where pictures may come from besides the page, as a Content-Security-Policy says it.
        values: For the template.
    """
    from markupsafe import Markup

    environment = _environment()
    css, js = _text("base.css") + _text(style), _text(script) if script else ""
    policy = "; ".join(
        [
            "default-src 'none'",
            f"style-src {_sha256(css)}",
            f"script-src {_sha256(js)}" if js else "script-src 'none'",
            f"img-src data:{images}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
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


def listing_page(report: Report, *, root: Root = None, index: LogoImages | None = None, back: str | None = None) -> str:
    """The page of one report, as HTML; the same for the same report, photos and register.

    Args:
        report: Any.
        root: Folder of the photos, which may not lead out of it; None is the current one, `ANYWHERE` none.
        index: Whose logos are shown beside the places that look like them.
        back: Address of the run's index.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    return page_and_photos(report, root, index, back)[0]


def page_and_photos(report: Report, root: Root, index: LogoImages | None, back: str | None) -> tuple[str, list[Photo]]:
    """The page that `listing_page` gives, and the photos on it."""
    side = next((px for most, px in _SIDES_PX if len(report.images) <= most), _SIDES_PX[-1][1])
    found = places(report.matches)
    sure = [place for place in found if _sure(place)][:_MOST_PLACES]
    photos, evidence = pictured(report.images, sure, index, root, side)
    colours = {name: i for i, name in enumerate(dict.fromkeys(p.best.brand for p in found))}
    seen = [
        _Seen(i, place, shown, colours[place.best.brand] % 6)
        for i, (place, shown) in enumerate(zip(sure, evidence, strict=True), 1)
    ]
    names = [_named(m, index) for m in report.mentions[:_MOST_MENTIONS]]
    page = render(
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
        back=back,
    )
    return page, photos


def _sure(place: Place) -> bool:
    return place.best.probability is None or place.best.probability >= SHOWN_FROM


def _named(mention: BrandMention, index: LogoImages | None) -> _Named:
    where = mention.source.removeprefix("image:")
    source = f"photo {int(where) + 1}" if where.isdecimal() and where.isascii() and len(where) < 9 else where
    brand = None if index is None else index.brand(mention.brand)
    spelling = None
    if mention.kind in ("near", "partial"):
        spelling = closest(mention.text, (mention.brand, *(brand.aliases if brand else ())))
    shown = (Letter(mention.text),) if spelling is None else letters(mention.text, spelling)
    return _Named(mention, _SOURCES.get(source, source), shown, spelling)


def save_page(report: Report, path: str | Path, *, root: Root = None, index: LogoImages | None = None) -> None:
    """Write `listing_page` to a file."""
    atomic_write(Path(path), listing_page(report, root=root, index=index).encode())
