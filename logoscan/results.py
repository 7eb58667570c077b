"""The nouns that come out: signals, the score with its contributions, the report of a listing.

A `Score` checks its own arithmetic when it is built, so a stored report whose reasons do not sum to its number does
not load.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from logoscan.errors import InputError
from logoscan.odds import sigmoid
from logoscan.types import Band, BrandMention, Listing, LogoImages, Match

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from logoscan.sources import Root

__all__ = [
    "SCHEMA_VERSION",
    "BrandResult",
    "Contribution",
    "ImageRecord",
    "ListingFacts",
    "PriceFinding",
    "Provenance",
    "Report",
    "Score",
    "Signal",
    "require_pdq",
    "top_score",
]

SCHEMA_VERSION = 2
"""Version of the report's JSON, raised when a field changes its meaning or goes. 2 is sealed by its SHA-256
(`jsonio.seal`); 1, which is not, is read still."""
_PDQ = re.compile("[0-9a-f]{64}")


def require_pdq(owner: str, value: object) -> str:
    """The value, if it is a PDQ hash of 64 lower-case hex digits.

    Raises:
        InputError: It is not; the message names `owner`.
    """
    if not isinstance(value, str) or not _PDQ.fullmatch(value):
        raise InputError(f"{owner}: expected 64 lower-case hex digits, got {value!r:.80}")
    return value


def _unit(owner: str, name: str, value: float | None) -> None:
    if value is not None and not 0.0 <= value <= 1.0:
        raise InputError(f"{owner}.{name}: expected a number in [0, 1], got {value!r}")


def _finite(owner: str, name: str, value: float) -> None:
    if not math.isfinite(value):
        raise InputError(f"{owner}.{name}: expected a finite number, got {value!r}")


@dataclass(frozen=True)
class Signal:
    """One reason for suspicion: `value` in [0, 1], higher is worse; `why` is a sentence. Absent is not 0."""

    name: str
    value: float
    why: str

    def __post_init__(self) -> None:
        _unit(f"Signal {self.name}", "value", self.value)


@dataclass(frozen=True)
class Contribution:
    """A signal with what it adds to the log-odds (natural logarithm)."""

    signal: str
    value: float
    contribution: float
    why: str

    def __post_init__(self) -> None:
        _unit(f"Contribution {self.signal}", "value", self.value)
        _finite(f"Contribution {self.signal}", "contribution", self.contribution)


@dataclass(frozen=True)
class Score:
    """A counterfeit score for one candidate brand.

    Attributes:
        value: 100 * sigmoid(bias + sum of contributions), in [0, 100]; None where no brand is a candidate.
        band: "clear", "review" or "block".
        brand: The candidate; None where there is none.
        bias: Log-odds before any signal.
        contributions: What was judged, largest first.
        coverage: Share of the model's weight that could be judged, in [0, 1].
        model: Name and version of the score model.
        doubts: Why a person should look whatever the number and the coverage say, as sentences without a full stop;
            with any the band is not "clear".
    """

    value: float | None
    band: Band
    brand: str | None
    bias: float
    contributions: tuple[Contribution, ...]
    coverage: float
    model: str
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _unit("Score", "coverage", self.coverage)
        _finite("Score", "bias", self.bias)
        if self.doubts and self.band == "clear":
            raise InputError(f"Score.band: expected review or block where there are doubts, got {self.band!r}")
        if (self.value is None) != (self.brand is None):
            raise InputError(f"Score.value: expected a number exactly when there is a brand, got {self.value!r}")
        if self.value is None:
            if self.contributions or self.band == "block":
                raise InputError("Score: expected no contributions and no band block where there is no brand")
            return
        exact = 100.0 * sigmoid(self.bias + math.fsum(c.contribution for c in self.contributions))
        if not abs(self.value - exact) <= 1e-9:  # NaN fails too
            raise InputError(f"Score.value: expected {exact!r}, the sum of its contributions, got {self.value!r}")


@dataclass(frozen=True)
class BrandResult:
    """One candidate brand: probability that the photos show it (None: not calibrated), and its score."""

    brand: str
    probability: float | None
    score: float

    def __post_init__(self) -> None:
        _unit("BrandResult", "probability", self.probability)
        if not 0.0 <= self.score <= 100.0:
            raise InputError(f"BrandResult.score: expected a number in [0, 100], got {self.score!r}")


@dataclass(frozen=True)
class ImageRecord:
    """One picture of the listing, in its order. `sha256` and size are None where it could not be read.

    `pdq` is its PDQ hash, 64 lower-case hex digits; None where it was not computed or says nothing.
    """

    file: str | None
    sha256: str | None
    width: int | None
    height: int | None
    pdq: str | None = None

    def __post_init__(self) -> None:
        if self.pdq is not None:
            require_pdq("ImageRecord.pdq", self.pdq)


# The scheme and its slashes; the login, up to the last @ before the path; host and path, up to the query.
_ADDRESS = re.compile(r"((?:[a-z][a-z0-9+.-]*:)?[/\\]+)?(?:[^/\\?#]*@)?([^?#]*)", re.IGNORECASE)
_PARAMETERS = re.compile(r";[^/\\]*")
_MOST_CHARS, _MOST_URL_CHARS = 500, 2000
"""Of the listing's words in a report; longer ones are cut, and end in "..."."""


@dataclass(frozen=True)
class ListingFacts:
    """What the listing stated, as it was judged: for people who read the report. Absent fields were not stated."""

    title: str | None = None
    claimed_brand: str | None = None
    category: str | None = None
    condition: str | None = None
    price: float | None = None
    currency: str | None = None
    url: str | None = None

    @classmethod
    def of(cls, listing: Listing) -> ListingFacts:
        """From a listing, its words cut to a sane length and its address to the page: no query, fragment or login."""
        return cls(
            _cut(listing.title),
            _cut(listing.claimed_brand),
            _cut(listing.category),
            _cut(listing.condition),
            listing.price,
            listing.currency,
            None if listing.url is None else _cut(_address(listing.url), _MOST_URL_CHARS),
        )


def _address(url: str) -> str:
    """Where a page stands, without what tells a visitor: login, query, fragment, and parameters after `;`."""
    found = _ADDRESS.match(url)
    return "" if found is None else f"{found[1] or ''}{_PARAMETERS.sub('', found[2])}"


def _cut(text: str | None, most: int = _MOST_CHARS) -> str | None:
    return text if text is None or len(text) <= most else f"{text[: most - 3]}..."


@dataclass(frozen=True)
class PriceFinding:
    """How the price compares with those of the score's brand.

    Attributes:
        anomaly: In [0, 1]; None where nothing was compared, and then all but `reason` is None.
        reason: One sentence.
        price: The listing's, in `currency`.
        currency: Of what it was compared with.
        share: The price as a share of the usual one.
        usual: The usual price for as much of it; of the owner's range the middle.
        spread: Robust standard deviation of the natural logarithm of the cohort's prices.
        n: Prices in the cohort; 0 where it is known from others alone.
        level: Of the cohort, see `cohorts.Cohort`.
        cohort: In words: condition, brand and category.
        stated: The owner's range, where that was compared.
    """

    anomaly: float | None
    reason: str
    price: float | None = None
    currency: str | None = None
    share: float | None = None
    usual: float | None = None
    spread: float | None = None
    n: int | None = None
    level: str | None = None
    cohort: str | None = None
    stated: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        _unit("PriceFinding", "anomaly", self.anomaly)
        for name in ("price", "share", "usual", "spread", "stated"):
            value = getattr(self, name)
            numbers = value if isinstance(value, tuple) else (value,)
            if not all(v is None or (math.isfinite(v) and v > 0) for v in numbers):
                raise InputError(f"PriceFinding.{name}: expected finite numbers above 0, got {value!r:.80}")


@dataclass(frozen=True)
class Provenance:
    """What made a report, so that it can be made again."""

    version: str
    encoder: str
    index: str
    detector: str
    ocr: str
    score_model: str
    device: str
    time: str


@dataclass(frozen=True)
class Report:
    """Everything that was found out about one listing.

    Attributes:
        listing_id: The listing's id.
        seller_id: Its merchant, if known.
        score: The score of the highest-scoring candidate brand.
        brands: All candidate brands, highest score first.
        matches: Places that look like registered logos, surest first.
        mentions: Places in text that name registered brands, surest first.
        warnings: What went wrong, such as a picture that cannot be read.
        skipped: What was not judged, and why.
        images: The listing's pictures.
        provenance: What made this report.
        schema_version: Of this record.
        listing: What the listing stated; None in reports that older versions wrote.
        price: How the price compares with those of the score's brand; None where there is none, and in older reports.
    """

    listing_id: str
    seller_id: str | None
    score: Score
    brands: tuple[BrandResult, ...]
    matches: tuple[Match, ...]
    mentions: tuple[BrandMention, ...]
    warnings: tuple[str, ...]
    skipped: tuple[str, ...]
    images: tuple[ImageRecord, ...]
    provenance: Provenance
    schema_version: int = SCHEMA_VERSION
    listing: ListingFacts | None = None
    price: PriceFinding | None = None

    def __post_init__(self) -> None:
        if self.schema_version not in (1, SCHEMA_VERSION):
            raise InputError(f"Report.schema_version: expected 1 or {SCHEMA_VERSION}, got {self.schema_version}")
        beyond = [m.image for m in self.matches if not 0 <= m.image < len(self.images)]
        if beyond:
            raise InputError(f"Report.matches: expected picture numbers below {len(self.images)}, got {beyond[0]}")

    def sums_to(self) -> float:
        """The logit of the score: bias plus contributions."""
        return self.score.bias + math.fsum(c.contribution for c in self.score.contributions)

    def plot(self, ax: Axes | None = None) -> Axes:
        """A waterfall of the contributions on the log-odds, on `ax` or a new figure; needs the extra `notebook`."""
        from logoscan.reporting.notebook import plot

        return plot(self, ax)

    def _repr_html_(self) -> str:
        from logoscan.reporting.notebook import report_html

        return report_html(self)

    def save_html(self, path: str | Path, *, root: Root = None, index: LogoImages | None = None) -> None:
        """Write the evidence page: one file that loads nothing from elsewhere.

        Args:
            path: Of the file; its folder must be there.
            root: Folder of the photos, which may not lead out of it; None is the current one, `ANYWHERE` none.
            index: Whose logos are shown beside the places that look like them.

        Raises:
            MissingDependencyError: jinja2 is not installed.
        """
        from logoscan.reporting.html import save_page

        save_page(self, path, root=root, index=index)


def top_score(scores: Sequence[Score]) -> Score | None:
    """The score of the strictest band and, of several, the highest; ties go to the brand first in the alphabet.

    The band goes first: a second brand with a higher number must not clear what a person should look at for the first.
    """
    order: Mapping[Band, int] = {"block": 0, "review": 1, "clear": 2}
    return min(scores, key=lambda s: (order[s.band], -(s.value or 0.0), s.brand or ""), default=None)
