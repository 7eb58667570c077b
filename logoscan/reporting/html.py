"""Evidence pages: one self-contained HTML file for each report.

A page loads nothing and runs no script; its Content-Security-Policy, which names the style by hash, forbids both. The
template engine escapes everything that a seller wrote.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

from logoscan.errors import MissingDependencyError
from logoscan.io.files import atomic_write
from logoscan.reporting.charts import MIN_STEP_CONTRIBUTION, price_chart, waterfall
from logoscan.reporting.groups import MatchGroup, group_matches
from logoscan.reporting.pictures import EvidenceCrop, PagePhoto, read_photos
from logoscan.reporting.plain_words import GLOSSARY, is_little_known, points, reason_name, why_in_review
from logoscan.reporting.spelling_diff import Letter, closest, letters
from logoscan.results import SHOWN_FROM, Contribution, Report
from logoscan.scoring.words import percent, place
from logoscan.sources import Root
from logoscan.types import BrandMention, LogoImages

if TYPE_CHECKING:
    import jinja2

__all__ = ["BANDS", "ListingPage", "clean", "listing_page", "make_page", "render", "save_page", "template_file"]

# Match groups and mentions that a page shows; the others are counted.
_MAX_GROUPS, _MAX_MENTIONS = 24, 60
# Longest side of the photos if there are at most so many, so that a page stays below 1.5 MB.
_SIDES_PX = ((4, 900), (10, 640), (50, 320))
# Characters that HTML cannot hold, or that reverse the text around them.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
BANDS = ("block", "review", "clear")
"""Bands in the order of the pages: most urgent first."""


def clean(value: object) -> object:
    """Return a text with its control characters made visible, for example as [U+202E]; other values as they are."""
    return _CONTROL.sub(lambda match: f"[U+{ord(match[0]):04X}]", value) if type(value) is str else value


def template_file(name: str) -> str:
    """Return the text of a template, style or script of the pages."""
    return files("logoscan.reporting").joinpath("_templates", name).read_text("utf-8")


def _sha256(text: str) -> str:
    """Return the SHA-256 of a style as a Content-Security-Policy writes it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _environment() -> jinja2.Environment:
    try:
        import jinja2
    except ImportError:
        raise MissingDependencyError("jinja2 is missing; pip install 'logoscan[report]'") from None
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(template_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=clean,
    )
    environment.filters["signed"] = lambda v: f"{v:+.2f}".replace("-", "\u2212")
    environment.filters["number"] = lambda v, digits=2: "–" if v is None else f"{v:,.{digits}f}".replace("-", "\u2212")
    environment.filters["x"] = lambda v: f"{v:.2f}%"
    environment.filters["anchor"] = lambda v: "start" if v < 25 else "end" if v > 75 else "middle"
    environment.filters["jpeg"] = lambda v: f"data:image/jpeg;base64,{base64.b64encode(v).decode()}"
    environment.filters["png"] = lambda v: f"data:image/png;base64,{base64.b64encode(v).decode()}"
    environment.filters["reason"] = reason_name
    environment.filters["source"] = _place
    environment.filters["percent"] = lambda v: "–" if v is None else percent(v)
    environment.globals |= {"bands": BANDS, "glossary": GLOSSARY}
    return environment


def _place(source: str) -> str:
    """Return in words where a contact stands; "code:0" is a code in the first photo."""
    photo = source.removeprefix("code:")
    return f"a code in {place(f'image:{photo}')}" if photo != source else place(source)


def render(name: str, style: str, *, scripts: bool = False, images: bool = False, **values: Any) -> str:
    """Render a page from a template.

    Args:
        name: File of the template.
        style: File of the page's own style, which follows the style of all pages.
        scripts: Whether the page runs scripts, from files beside it alone.
        images: Whether the page loads images from files beside it; those inside it are shown anyway.
        values: Variables of the template.

    Returns:
        The page as HTML.
    """
    from markupsafe import Markup

    environment = _environment()
    css = template_file("base.css") + template_file(style)
    beside = "'self' file:"  # a browser may not count files on disk as "self"
    policy = "; ".join(
        [
            "default-src 'none'",
            f"style-src {_sha256(css)}",
            f"script-src {beside if scripts else chr(39) + 'none' + chr(39)}",
            f"img-src data:{' ' + beside if images else ''}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return environment.get_template(name).render(css=Markup(css), policy=Markup(policy), **values)


# -- one listing


@dataclass(frozen=True)
class _MatchRow:
    """A match group with its number on the page, its images and the number of its colour."""

    number: int
    group: MatchGroup
    evidence: EvidenceCrop
    colour: int


@dataclass(frozen=True)
class _MentionRow:
    """A mention with its source in words, its letters, and the name that they were compared with, if any.

    The letter in `box` stands at its box in the photo; "" where it has none.
    """

    mention: BrandMention
    box: str
    source: str
    letters: tuple[Letter, ...]
    spelling: str | None


def listing_page(report: Report, *, root: Root = None, index: LogoImages | None = None, back: str | None = None) -> str:
    """Return the page of one report as HTML; the same report, photos and index give the same page.

    Args:
        report: The report.
        root: Folder of the photos, which they may not leave; None is the current folder, `ANYWHERE` allows any file.
        index: Index whose logo images are shown beside the matched regions; None shows none.
        back: Address of the run's index page, for a link; None makes no link.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    return make_page(report, root, index, back).html


@dataclass(frozen=True, eq=False)
class ListingPage:
    """The page of a listing with the pictures on it.

    Attributes:
        html: The page.
        photos: The listing's photos.
        groups: Match groups on the page, most probable first.
        crops: The images beside each group.
    """

    html: str
    photos: list[PagePhoto]
    groups: list[MatchGroup]
    crops: list[EvidenceCrop]


def make_page(report: Report, root: Root, index: LogoImages | None, back: str | None) -> ListingPage:
    """Return the page that `listing_page` returns, with the pictures on it."""
    side_px = next((px for count, px in _SIDES_PX if len(report.images) <= count), _SIDES_PX[-1][1])
    groups = group_matches(report.matches)
    probable = [group for group in groups if _is_probable(group)][:_MAX_GROUPS]
    photos, crops = read_photos(report.images, probable, index, root, side_px)
    colours = {name: i for i, name in enumerate(dict.fromkeys(group.best.brand for group in groups))}
    matches = [
        _MatchRow(i, group, crop, colours[group.best.brand] % 6)
        for i, (group, crop) in enumerate(zip(probable, crops, strict=True), 1)
    ]
    mentions = _mention_rows(report.mentions[:_MAX_MENTIONS], index)
    start, of_reasons = points(report.score)
    reasons = list(zip(report.score.contributions, of_reasons, strict=True))
    page = render(
        "listing.html.j2",
        "listing.css",
        report=report,
        photos=photos,
        matches=matches,
        more_matches=len(groups) - len(matches),
        mentions=mentions,
        more_mentions=len(report.mentions) - len(mentions),
        start=start,
        reasons=[row for row in reasons if not _adds_nothing(row[0])],
        quiet=[part for part, _ in reasons if _adds_nothing(part)],
        little_known=is_little_known(report.score),
        why_here=why_in_review(report),
        waterfall=waterfall(report.score),
        chart=price_chart(report.price),
        back=back,
    )
    return ListingPage(page, photos, probable, crops)


def _adds_nothing(part: Contribution) -> bool:
    return abs(part.contribution) < MIN_STEP_CONTRIBUTION


def _is_probable(group: MatchGroup) -> bool:
    return group.best.probability is None or group.best.probability >= SHOWN_FROM


def _mention_rows(mentions: Sequence[BrandMention], index: LogoImages | None) -> list[_MentionRow]:
    boxes = iter([*ascii_lowercase, *(f"a{letter}" for letter in ascii_lowercase), *map(str, range(_MAX_MENTIONS))])
    rows = []
    for mention in mentions:
        brand = None if index is None else index.brand(mention.brand)
        spelling = None
        if mention.kind in ("near", "partial"):
            spelling = closest(mention.text, (mention.brand, *(brand.aliases if brand else ())))
        shown = (Letter(mention.text),) if spelling is None else letters(mention.text, spelling)
        box = next(boxes) if mention.xyxy is not None and mention.image is not None else ""
        rows.append(_MentionRow(mention, box, place(mention.source).removeprefix("the "), shown, spelling))
    return rows


def save_page(report: Report, path: str | Path, *, root: Root = None, index: LogoImages | None = None) -> None:
    """Write the page of a report, as `listing_page` returns it, to a file."""
    atomic_write(Path(path), listing_page(report, root=root, index=index).encode())
