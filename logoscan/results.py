"""The records that come out of a scan: signals, the score with its contributions, the report of a listing.

A `Score` checks its own sum when it is built, so that a stored report whose contributions do not sum to its number does
not load.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from logoscan._quote import quoted
from logoscan._validate import box, finite, number, pdq_hex, positive, script, unit
from logoscan.errors import InputError
from logoscan.evidence import Code, ContactUse, Declaration
from logoscan.odds import sigmoid
from logoscan.types import Band, BrandMention, Listing, LogoImages, Match

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from logoscan.sources import Root

__all__ = [
    "SCHEMA_VERSION",
    "SHOWN_FROM",
    "BrandResult",
    "Contribution",
    "ImageRecord",
    "ListingFacts",
    "PriceFinding",
    "Provenance",
    "Report",
    "Score",
    "Signal",
    "TextLine",
    "UnreadLine",
    "top_score",
]

SCHEMA_VERSION = 3
"""Version of the report's JSON, raised when a field changes its meaning or is removed. Fields that are added later are
null in reports that were written before."""
SHOWN_FROM = 0.2
"""Probability from which a match is drawn for people and a brand is judged: below, chance likenesses would drown the
rest. Matches without a probability are drawn."""


@dataclass(frozen=True)
class Signal:
    """One reason for suspicion. A signal that cannot be computed is absent, which is not the same as 0.

    Attributes:
        name: Name of the signal.
        value: Strength in [0, 1]; higher is more suspicious.
        why: The reason, as a sentence.

    Raises:
        InputError: The value is not in [0, 1].
    """

    name: str
    value: float
    why: str

    def __post_init__(self) -> None:
        unit(f"Signal {self.name}", "value", self.value)


@dataclass(frozen=True)
class Contribution:
    """What one signal adds to the log-odds of a score.

    Attributes:
        signal: Name of the signal.
        value: Strength of the signal, in [0, 1].
        contribution: What it adds to the log-odds (natural logarithm).
        why: The reason, as a sentence.

    Raises:
        InputError: The value is not in [0, 1], or the contribution is not finite.
    """

    signal: str
    value: float
    contribution: float
    why: str

    def __post_init__(self) -> None:
        unit(f"Contribution {self.signal}", "value", self.value)
        finite(f"Contribution {self.signal}", "contribution", self.contribution)


@dataclass(frozen=True)
class Score:
    """A counterfeit score for one candidate brand.

    Attributes:
        value: 100 * sigmoid(bias + sum of contributions), in [0, 100]; None where no brand is a candidate.
        band: "clear", "review" or "block".
        brand: The candidate brand; None where there is none.
        bias: Log-odds before any signal.
        contributions: Contributions of the signals that were judged, largest first.
        coverage: Share of the model's weight that could be judged, in [0, 1].
        model: Name and version of the score model.
        doubts: Why a person should look, whatever the number and the coverage are, as sentences without a full stop;
            with a doubt the band is never "clear".

    Raises:
        InputError: The value is not the sum of its contributions, or the band contradicts the other fields.
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
        unit("Score", "coverage", self.coverage)
        finite("Score", "bias", self.bias)
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
    """One candidate brand.

    Attributes:
        brand: Name of the brand.
        probability: Probability that the photos show the brand, in [0, 1]; None without a calibration.
        score: Score of the brand, in [0, 100].
        named: Whether the photos show the brand by the threshold of the provenance; None where nothing decides that: no
            photo was searched, or there is neither a calibration nor a threshold; and in older reports.

    Raises:
        InputError: A number is not in its range.
    """

    brand: str
    probability: float | None
    score: float
    named: bool | None = None

    def __post_init__(self) -> None:
        if self.probability is not None:
            unit("BrandResult", "probability", self.probability)
        number("BrandResult", "score", self.score, 0.0, 100.0)


@dataclass(frozen=True)
class ImageRecord:
    """One picture of the listing.

    Attributes:
        file: Name of the file; None for a picture that was not given as a file.
        sha256: SHA-256 of the file's bytes as hex digits; None where it could not be read.
        width: Width in pixels; None where it could not be read.
        height: Height in pixels; None where it could not be read.
        pdq: PDQ hash, 64 lower-case hex digits; None where it was not computed or carries no information.

    Raises:
        InputError: `pdq` is no such hash.
    """

    file: str | None
    sha256: str | None
    width: int | None
    height: int | None
    pdq: str | None = None

    def __post_init__(self) -> None:
        if self.pdq is not None:
            pdq_hex("ImageRecord.pdq", self.pdq)


@dataclass(frozen=True)
class TextLine:
    """One line of text that was read in a photo; kept only where it was asked for, because it may name people.

    A line that was read in several ways comes once for each, with the same box, the best reading first.

    Attributes:
        image: Position of the photo in the listing, from 0.
        xyxy: Box in pixels of the upright photo.
        text: The words as they were read.
        confidence: Confidence of the reading, in [0, 1], as the engine states it; engines differ.

    Raises:
        InputError: A number is not in its range.
    """

    image: int
    xyxy: tuple[float, float, float, float]
    text: str
    confidence: float

    def __post_init__(self) -> None:
        box("TextLine.xyxy", self.xyxy)
        unit("TextLine", "confidence", self.confidence)


@dataclass(frozen=True)
class UnreadLine:
    """One line of text that was detected in a photo and not read: it may say anything.

    Attributes:
        image: Position of the photo in the listing, from 0.
        xyxy: Box in pixels of the upright photo.
        script: ISO 15924 code of its script ("Cyrl"); None where it is not known.

    Raises:
        InputError: A field is not of the stated kind.
    """

    image: int
    xyxy: tuple[float, float, float, float]
    script: str | None = None

    def __post_init__(self) -> None:
        box("UnreadLine.xyxy", self.xyxy)
        script("UnreadLine.script", self.script)


# Scheme and slashes; login, up to the last @ before the path; host and path, up to the query.
_ADDRESS = re.compile(r"((?:[a-z][a-z0-9+.-]*:)?[/\\]+)?(?:[^/\\?#]*@)?([^?#]*)", re.IGNORECASE)
_PARAMETERS = re.compile(r";[^/\\]*")
# The listing's texts are cut to so many characters in a report, and then end in "...".
_MOST_CHARS, _MOST_URL_CHARS = 500, 2000


@dataclass(frozen=True)
class ListingFacts:
    """What the listing stated, as it was judged, for people who read the report; None was not stated.

    Attributes:
        title: Title, cut to 500 characters.
        claimed_brand: Brand that the seller states, cut to 500 characters.
        category: Category, cut to 500 characters.
        condition: Condition, cut to 500 characters.
        price: Price in `currency`.
        currency: ISO 4217 code.
        url: Address of the listing's page without login, query and fragment, cut to 2000 characters.
        listed_at: ISO 8601 date or time at which the listing appeared.
    """

    title: str | None = None
    claimed_brand: str | None = None
    category: str | None = None
    condition: str | None = None
    price: float | None = None
    currency: str | None = None
    url: str | None = None
    listed_at: str | None = None

    @classmethod
    def of(cls, listing: Listing) -> ListingFacts:
        """Return the facts of a listing: texts cut, and of the address neither login nor query nor fragment."""
        return cls(
            _cut(listing.title),
            _cut(listing.claimed_brand),
            _cut(listing.category),
            _cut(listing.condition),
            listing.price,
            listing.currency,
            None if listing.url is None else _cut(_address(listing.url), _MOST_URL_CHARS),
            listing.listed_at,
        )


def _address(url: str) -> str:
    """Return an address without what may identify a visitor: login, query, fragment, and parameters after `;`."""
    parts = _ADDRESS.match(url)
    return "" if parts is None else f"{parts[1] or ''}{_PARAMETERS.sub('', parts[2])}"


def _cut(text: str | None, most_chars: int = _MOST_CHARS) -> str | None:
    return text if text is None or len(text) <= most_chars else f"{text[: most_chars - 3]}..."


@dataclass(frozen=True)
class PriceFinding:
    """How the listing's price compares with the usual prices of the score's brand.

    Attributes:
        anomaly: Anomaly of the price, in [0, 1]; None where nothing was compared, and then all but `reason` is None.
        reason: The comparison, as one sentence.
        price: Price of the listing, in `currency`.
        currency: ISO 4217 code of the prices that it was compared with.
        share: Price of the listing divided by the usual price.
        usual: Usual price for the same amount of goods; the middle of the range where the owner stated one.
        spread: Robust standard deviation of the natural logarithm of the cohort's prices.
        n: Number of prices in the cohort; 0 where its usual price was inferred from other cohorts.
        level: Level of the cohort; see `logoscan.pricing.cohorts.Cohort`.
        cohort: Name of the cohort: condition, brand and category.
        stated: The owner's price range, where the price was compared with it.

    Raises:
        InputError: A number is not in its range.
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
        if self.anomaly is not None:
            unit("PriceFinding", "anomaly", self.anomaly)
        for name in ("price", "share", "usual", "spread"):
            if (value := getattr(self, name)) is not None:
                positive("PriceFinding", name, value)
        for limit in self.stated or ():
            positive("PriceFinding", "stated", limit)


@dataclass(frozen=True)
class Provenance:
    """What made a report, so that it can be made again.

    Attributes:
        version: Version of logoscan.
        encoder: Name, fingerprint and precision of the encoder.
        index: Fingerprint of the index.
        detector: Name, fingerprint and effort of the detector.
        ocr: Name of the OCR engine; "none" without one.
        score_model: Name and version of the score model.
        device: Device of the encoder.
        time: ISO 8601 time of the scan.
        precision: Precision of the networks' arithmetic, "fp32" or "bf16"; "encoder bf16, detector fp32" where they
            differ; None where a model does not state it, and in older reports.
        runtime: Library that ran the networks, "torch" or "openvino", in the same form.
        threshold: Number above which a brand is `named`: a probability where a calibration fits, else the least cosine
            that the caller gave; None where there is neither, and in older reports. A brand that is registered by its
            name alone has the threshold of the calibration for names.
        packs: Brand packs whose word was taken for the candidate brands, each with what it stated; () where the
            platform registered them itself, and in older reports.

    Raises:
        InputError: The threshold is no finite number.
    """

    version: str
    encoder: str
    index: str
    detector: str
    ocr: str
    score_model: str
    device: str
    time: str
    precision: str | None = None
    runtime: str | None = None
    threshold: float | None = None
    packs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.threshold is not None:
            finite("Provenance", "threshold", self.threshold)


@dataclass(frozen=True)
class Report:
    """The result of scanning one listing.

    Attributes:
        listing_id: Identifier of the listing.
        seller_id: Identifier of the merchant; None where it is not known.
        score: Score of the candidate brand that ranks first; see `top_score`.
        brands: All candidate brands, highest score first.
        matches: Regions that resemble registered logos, most probable first.
        mentions: Passages of text that name registered brands, most probable first.
        warnings: What went wrong, such as a picture that cannot be read.
        skipped: What was not judged, and why.
        images: The listing's pictures, in its order.
        provenance: What made this report.
        schema_version: Version of this record's JSON.
        listing: What the listing stated; None in reports that older versions wrote.
        price: How the price compares with the usual prices of the score's brand; None where the score has no brand, and
            in older reports.
        text: Lines that were read in the photos, photo by photo; None where they were not asked for.
        unread: Lines that were detected in the photos and not read, to save work or because the engine lacks their
            script, photo by photo; None where no photo was searched for text, and in older reports. Photos that were
            not searched are named in `warnings` and `skipped`.
        codes: Bar codes and matrix codes that were read in the photos; None where they were not looked for, and in
            older reports.
        contacts: Contacts in words, photos and codes, hashed or counted (`ContactUse`); None in older reports. In all
            texts of the report stands what a contact is ("[phone]") in its place, unless contacts are kept in clear.
        declared: What the files of the photos declare about their origin; None where that was not read, and in older
            reports.

    Raises:
        InputError: The version is unknown, or a match or a line of text names a picture that the listing does not have.
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
    text: tuple[TextLine, ...] | None = None
    unread: tuple[UnreadLine, ...] | None = None
    codes: tuple[Code, ...] | None = None
    contacts: tuple[ContactUse, ...] | None = None
    declared: tuple[Declaration, ...] | None = None

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise InputError(
                f"Report.schema_version: expected {SCHEMA_VERSION}, got {quoted(self.schema_version)}; "
                "another version of logoscan wrote it: scan the listing again"
            )
        for name in ("matches", "text", "unread", "codes", "declared"):
            absent = [row.image for row in getattr(self, name) or () if not 0 <= row.image < len(self.images)]
            if absent:
                raise InputError(f"Report.{name}: expected picture numbers below {len(self.images)}, got {absent[0]}")

    def sums_to(self) -> float:
        """Return the logit of the score: bias plus contributions."""
        return self.score.bias + math.fsum(c.contribution for c in self.score.contributions)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a waterfall of the contributions on the log-odds; needs the extra `notebook`.

        Args:
            ax: Axes to draw on; None makes a new figure.

        Returns:
            The axes that were drawn on.
        """
        from logoscan.reporting.notebook import plot

        return plot(self, ax)

    def _repr_html_(self) -> str:
        from logoscan.reporting.notebook import report_html

        return report_html(self)

    def save_html(self, path: str | Path, *, root: Root = None, index: LogoImages | None = None) -> None:
        """Write the evidence page: one HTML file that loads nothing from elsewhere.

        Args:
            path: Path of the file; its folder must exist.
            root: Folder of the photos, whose names may not lead out of it; None is the current folder, `ANYWHERE`
                confines nothing.
            index: Index whose logo images are shown beside the regions that resemble them.

        Raises:
            MissingDependencyError: jinja2 is not installed.
        """
        from logoscan.reporting.html import save_page

        save_page(self, path, root=root, index=index)


def top_score(scores: Sequence[Score]) -> Score | None:
    """Return the score of the strictest band and, of several, the highest; None of no scores.

    Ties go to the brand first in the alphabet. The band goes first: a second brand with a higher number must not clear
    what a person should look at for the first.
    """
    order: Mapping[Band, int] = {"block": 0, "review": 1, "clear": 2}
    return min(scores, key=lambda s: (order[s.band], -(s.value or 0.0), s.brand or ""), default=None)
