"""The records that go into a scan and flow between its stages.

Arrays travel in frozen dataclasses that check shape and dtype once, when they are built. This module knows no model, no
file and no library but numpy; of Pillow it only names the image type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from logoscan._hashing import fingerprint
from logoscan._quote import quoted
from logoscan._validate import (
    at_most,
    country,
    currency,
    float32_array,
    number,
    script,
    text,
    text_mapping,
    texts,
    unicode_text,
    unit,
    unit_array,
)
from logoscan.errors import InputError

__all__ = [
    "Band",
    "Boxes",
    "Brand",
    "BrandMention",
    "CropFit",
    "Effort",
    "Embeddings",
    "EncoderInfo",
    "ImageSource",
    "Listing",
    "LogoImages",
    "MarkAlteration",
    "Match",
    "MatchKind",
    "MentionKind",
    "Preprocessing",
    "Regions",
    "Rgb",
    "Rgba",
    "TextField",
    "TextSource",
    "TextSpans",
    "UnreadReason",
    "UsualPrice",
    "source_name",
]

Rgb: TypeAlias = NDArray[np.uint8]
"""One picture, uint8 (H, W, 3), RGB."""
Rgba: TypeAlias = NDArray[np.uint8]
"""One logo image, uint8 (H, W, 4), RGB and straight (not premultiplied) alpha."""
Boxes: TypeAlias = NDArray[np.float32]
"""Boxes, float32 (n, 4), in pixels: x0 y0 x1 y1; x1 and y1 are exclusive."""
Embeddings: TypeAlias = NDArray[np.float32]
"""Embeddings, float32 (n, dim), unit rows."""
ImageSource: TypeAlias = str | Path | bytes | Image.Image | NDArray[Any]
"""What can be read as a picture: a path, the bytes of a file, a PIL image or a uint8 array."""
Band: TypeAlias = Literal["clear", "review", "block"]
CropFit: TypeAlias = Literal["context", "squeeze", "pad"]
"""How a box becomes a square: grown into the photo around it, squeezed, or padded with its border's colour."""
Effort: TypeAlias = Literal["default", "full"]
"""How much work is done: "default" leaves out what hardly ever changes an answer, "full" is the reference."""
MatchKind: TypeAlias = Literal["appearance", "keypoints"]
"""What a match is made by: the embedding of a region, or keypoints."""
MentionKind: TypeAlias = Literal["exact", "near", "partial", "compatible", "style", "denied"]
"""How text names a brand; `BrandMention` explains the kinds."""
UnreadReason: TypeAlias = Literal["effort", "unreadable"]
"""Why a line of text was not read: to save work, or because no engine could."""
TextField: TypeAlias = Literal["title", "description", "claim"]
"""A field of a listing that is searched for names."""
TextSource: TypeAlias = TextField | int
"""Where a text of a listing stands: a field, or the position of the photo that it was read in."""

_PHOTO_SOURCE = re.compile("image:([0-9]{1,9})")


def source_name(source: TextSource) -> str:
    """Return the name of a source as reports write it: the field, or "image:3" for the photo at position 3."""
    return f"image:{source}" if isinstance(source, int) else source


class _PictureInJson:
    """Tells pydantic how a picture of a listing stands in JSON, such as a request to a service: as a file's name.

    A name in a request is opened below the scanner's root, as one in a file of listings is.
    """

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> Any:
        """Return the schema: a non-empty name in JSON, anything in Python, which the listing checks itself."""
        from pydantic_core import core_schema

        return core_schema.json_or_python_schema(
            core_schema.str_schema(),
            core_schema.any_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _picture_name, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )


def _picture_name(source: ImageSource) -> str:
    """Return the name of a picture that is given as a file; others cannot be written as JSON."""
    if not isinstance(source, (str, Path)):
        raise InputError(f"Listing.images: expected names of files, to be written as JSON, got {type(source).__name__}")
    return str(source)


@dataclass(frozen=True)
class Listing:
    """One product listing as a marketplace holds it. Only `id` is required; a field that is absent is not judged.

    Attributes:
        id: The caller's identifier, unique in a stream.
        images: Pictures, in order: names of files (`str`), which stay below the scanner's root; `pathlib.Path`s, which
            a scanner without a root opens wherever they lead; bytes of files; PIL images or arrays. No URLs.
        title: The listing's title.
        description: The listing's text.
        claimed_brand: The brand that the seller states; None means unknown, "" states that there is none.
        category: The marketplace's category.
        condition: For example "new" or "used".
        price: Price in `currency`, in [0, 1e12].
        currency: ISO 4217 code; stored in upper case.
        seller_id: Identifier of the merchant.
        listed_at: ISO 8601 date or time at which the listing appeared.
        url: Address of the listing's page; logoscan never opens it.
        attributes: Stated product facts, by their names.
        reviews: Texts of buyers.
        ships_from: ISO 3166-1 code of the country that the goods are sent from; stored in upper case.
        dropped: For each field that the source states in a form that cannot be read: what was expected and what came.
            The field itself is absent. Readers of listings fill this in, and the report repeats it.

    Raises:
        InputError: A field is not of the stated kind.
    """

    id: str
    images: tuple[Annotated[ImageSource, _PictureInJson()], ...] = ()
    title: str | None = None
    description: str | None = None
    claimed_brand: str | None = None
    category: str | None = None
    condition: str | None = None
    price: float | None = None
    currency: str | None = None
    seller_id: str | None = None
    listed_at: str | None = None
    url: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    reviews: tuple[str, ...] = ()
    ships_from: str | None = None
    dropped: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        text("Listing", "id", self.id, required=True)
        for name in ("title", "description", "claimed_brand", "category", "condition", "seller_id", "listed_at", "url"):
            text("Listing", name, getattr(self, name))
        if isinstance(self.images, (str, bytes)) or not isinstance(self.images, (tuple, list)):
            raise InputError(f"Listing.images: expected a list of pictures, got {type(self.images).__name__}")
        unicode_text("Listing", "images", *(str(i) for i in self.images if isinstance(i, (str, Path))))
        for i, image in enumerate(self.images):
            if not isinstance(image, (str, Path, bytes, Image.Image, np.ndarray)):
                expected = "a file's name, a pathlib.Path, bytes, a PIL image or an array"
                raise InputError(f"Listing.images[{i}]: expected {expected}, got {type(image).__name__}")
        object.__setattr__(self, "images", tuple(self.images))
        object.__setattr__(self, "reviews", texts("Listing", "reviews", self.reviews))
        object.__setattr__(self, "attributes", text_mapping("Listing", "attributes", self.attributes))
        object.__setattr__(self, "dropped", text_mapping("Listing", "dropped", self.dropped))
        if self.price is not None:
            number("Listing", "price", self.price, 0.0, 1e12)
            object.__setattr__(self, "price", float(self.price))
        if self.currency is not None:
            object.__setattr__(self, "currency", currency("Listing", self.currency))
        if self.ships_from is not None:
            object.__setattr__(self, "ships_from", country("Listing", "ships_from", self.ships_from))
        if self.listed_at is not None:
            try:
                datetime.fromisoformat(self.listed_at)
            except ValueError:
                raise InputError(
                    f"Listing.listed_at: expected an ISO 8601 date or time, got {quoted(self.listed_at)}"
                ) from None


@dataclass(frozen=True)
class UsualPrice:
    """A price range in which a brand's goods usually sell.

    Attributes:
        currency: ISO 4217 code; stored in upper case.
        low: Lowest usual price, in [1e-6, 1e12].
        high: Highest usual price, in [low, 1e12].
        category: Category of the goods; None means all of the brand's goods.

    Raises:
        InputError: A field is not of the stated kind.
    """

    currency: str
    low: float
    high: float
    category: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "currency", currency("UsualPrice", self.currency))
        text("UsualPrice", "category", self.category)
        number("UsualPrice", "low", self.low, 1e-6, 1e12)
        number("UsualPrice", "high", self.high, self.low, 1e12)
        for name in ("low", "high"):  # 80 and 80.0 are one price, and must make one fingerprint of an index
            object.__setattr__(self, name, float(getattr(self, name)))


# Caps on what a brand's owner states, since every scanner of the index pays for it: the memory that the fuzzy search of
# a name takes grows with the square of its letters, and a fact is compared with each listing that has its attribute.
_MOST_NAME_CHARS, _MOST_FACT_CHARS, _MOST_ID_CHARS, _MOST_PATH_CHARS = 100, 500, 500, 1000
# For each field of texts: the most texts, and the most characters of one.
_BRAND_CAPS = {
    "aliases": (500, _MOST_NAME_CHARS),
    "authorised_sellers": (10_000, _MOST_ID_CHARS),
    "official_photos": (1000, _MOST_PATH_CHARS),
    "negatives": (1000, _MOST_PATH_CHARS),
    "origins": (300, _MOST_NAME_CHARS),
    "official_domains": (1000, 253),
    "gtin_prefixes": (1000, 14),
    "photo_signers": (1000, 64),
    "model_patterns": (100, 200),
    "serial_patterns": (100, 200),
}
# What a text of a field looks like, and what that is called, for those with a form.
_BRAND_FORMS = {
    "official_domains": (re.compile(r"(?:[a-z0-9-]{1,63}\.){1,10}[a-z0-9-]{2,63}", re.IGNORECASE), "a domain"),
    "gtin_prefixes": (re.compile("[0-9]{3,14}"), "3 to 14 digits"),
    "photo_signers": (re.compile("[0-9a-f]{64}"), "the SHA-256 of a certificate, 64 lower-case hex digits"),
}
_MOST_PRICES, _MOST_FACTS = 200, 100


@dataclass(frozen=True)
class Brand:
    """One registered brand, as its owner describes it. The index keeps its logos beside it.

    Attributes:
        name: Name that reports use; unique in an index. At most 100 characters.
        aliases: Other names and spellings; at most 500, each of at most 100 characters.
        authorised_sellers: Seller ids, at most 10,000; empty means that the owner registered none, and then no seller
            is suspicious for that.
        official_photos: Files of the brand's own product photos, relative to its folder; at most 1000.
        usual_prices: Price ranges of genuine goods; at most 200.
        facts: Product facts to compare attributes with; at most 100, each of at most 500 characters.
        negatives: Files of pictures that do not show this brand, relative to its folder; at most 1000.
        origins: ISO 3166-1 codes of the countries that genuine goods are sent from, in upper case, at most 300; empty
            means that the owner registered none, and then no country is unlikely.
        official_domains: Domains to which codes on genuine goods may lead ("acme.com", with all below it); at most
            1000. Empty means that no address is suspicious.
        gtin_prefixes: First digits of the GTINs of genuine goods, as on EAN-13 or UPC-A codes, 3 to 14 digits; at most
            1000. Empty means that no GTIN is suspicious.
        photo_signers: SHA-256 of certificates by which the brand signs its photos (C2PA), at most 1000.
        model_patterns: Regular expressions of its model numbers ("AC[0-9]{4}"), at most 100 of 200 characters.
        serial_patterns: Regular expressions of its serials, at most 100 of 200 characters.

    Raises:
        InputError: A field is not of the stated kind or form, or has more texts or characters.
    """

    name: str
    aliases: tuple[str, ...] = ()
    authorised_sellers: tuple[str, ...] = ()
    official_photos: tuple[str, ...] = ()
    usual_prices: tuple[UsualPrice, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    negatives: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    official_domains: tuple[str, ...] = ()
    gtin_prefixes: tuple[str, ...] = ()
    photo_signers: tuple[str, ...] = ()
    model_patterns: tuple[str, ...] = ()
    serial_patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        text("Brand", "name", self.name, required=True)
        at_most("Brand", "name", (self.name,), 1, _MOST_NAME_CHARS)
        for name, (count, chars) in _BRAND_CAPS.items():
            object.__setattr__(self, name, texts("Brand", name, getattr(self, name)))
            at_most("Brand", name, getattr(self, name), count, chars)
        object.__setattr__(self, "origins", tuple(country("Brand", "origins", code) for code in self.origins))
        for name, (form, words) in _BRAND_FORMS.items():
            if bad := next((value for value in getattr(self, name) if not form.fullmatch(value)), None):
                raise InputError(f"Brand.{name}: expected {words}, got {quoted(bad)}")
        for name in ("model_patterns", "serial_patterns"):
            for pattern in getattr(self, name):
                try:
                    re.compile(pattern)
                except (re.error, RecursionError, OverflowError) as error:
                    raise InputError(
                        f"Brand.{name}: expected regular expressions, got {quoted(pattern)}: {error}"
                    ) from None
        prices: object = self.usual_prices
        if not isinstance(prices, (tuple, list)) or not all(isinstance(p, UsualPrice) for p in prices):
            raise InputError(f"Brand.usual_prices: expected UsualPrice records, got {quoted(self.usual_prices)}")
        object.__setattr__(self, "usual_prices", tuple(self.usual_prices))
        at_most("Brand", "usual_prices", [p.category or "" for p in self.usual_prices], _MOST_PRICES, _MOST_FACT_CHARS)
        object.__setattr__(self, "facts", text_mapping("Brand", "facts", self.facts))
        at_most("Brand", "facts", self.facts, _MOST_FACTS, _MOST_FACT_CHARS)
        at_most("Brand", "facts", list(self.facts.values()), _MOST_FACTS, _MOST_FACT_CHARS)


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of one picture that may show a mark.

    Attributes:
        xyxy: Boxes, float32 (n, 4), in pixels; none is empty.
        confidence: Confidence of the detector, float32 (n,), in [0, 1]; 1 for detectors that only lay out boxes.

    Raises:
        InputError: An array is not of the stated kind.
    """

    xyxy: Boxes
    confidence: NDArray[np.float32]

    def __post_init__(self) -> None:
        float32_array("Regions", "xyxy", self.xyxy, (None, 4))
        float32_array("Regions", "confidence", self.confidence, (len(self.xyxy),))
        if len(self) and (self.xyxy[:, 2:] <= self.xyxy[:, :2]).any():
            raise InputError("Regions.xyxy: expected x1 > x0 and y1 > y0 in every row, got an empty box")
        unit_array("Regions", "confidence", self.confidence)

    def __len__(self) -> int:
        return len(self.xyxy)

    def _repr_html_(self) -> str:
        from logoscan.reporting.notebook import regions_html

        return regions_html(self)

    @classmethod
    def empty(cls) -> Regions:
        """Return zero regions."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, eq=False)
class TextSpans:
    """Lines of text that were read in one picture.

    A line that was read in several ways has a row for each, with equal corners, the best reading first.

    Attributes:
        polygons: Corners, float32 (n, 4, 2), in pixels x y, clockwise from the top left of the text as it is read.
        texts: The n texts.
        confidence: Confidence of the reading, float32 (n,), in [0, 1], as the engine states it; engines differ.
        unread_xyxy: Boxes of the lines that were detected and not read, float32 (m, 4), in pixels.
        unread_scripts: Script of each of these lines as ISO 15924 names it ("Cyrl"), None where it is not known; () is
            all unknown.
        unread_reasons: Why each of these lines was not read: "effort", to save work; "unreadable", because no engine
            could. () is unreadable for those whose script is known, and effort for the others.
        unkept_area: Area in square pixels, 0 or more, of lines that were read and are not among these, because their
            text was not kept (`logoscan.store`).

    Raises:
        InputError: An array, or the area, is not of the stated kind.
    """

    polygons: NDArray[np.float32]
    texts: tuple[str, ...]
    confidence: NDArray[np.float32]
    unread_xyxy: Boxes = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    unread_scripts: tuple[str | None, ...] = ()
    unread_reasons: tuple[UnreadReason, ...] = ()
    unkept_area: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.unkept_area < np.inf:
            raise InputError(f"TextSpans.unkept_area: expected a number of 0 or more, got {quoted(self.unkept_area)}")
        object.__setattr__(self, "texts", texts("TextSpans", "texts", self.texts))
        float32_array("TextSpans", "polygons", self.polygons, (len(self.texts), 4, 2))
        float32_array("TextSpans", "confidence", self.confidence, (len(self.texts),))
        unit_array("TextSpans", "confidence", self.confidence)
        float32_array("TextSpans", "unread_xyxy", self.unread_xyxy, (None, 4))
        object.__setattr__(self, "unread_scripts", tuple(self.unread_scripts) or (None,) * self.unread)
        reasons = tuple("effort" if code is None else "unreadable" for code in self.unread_scripts)
        object.__setattr__(self, "unread_reasons", tuple(self.unread_reasons) or reasons)
        for code in self.unread_scripts:
            script("TextSpans.unread_scripts", code)
        for reason in self.unread_reasons:
            if reason not in get_args(UnreadReason):
                raise InputError(f"TextSpans.unread_reasons: expected effort or unreadable, got {quoted(reason)}")
        for name in ("unread_scripts", "unread_reasons"):
            if (n := len(getattr(self, name))) != self.unread:
                raise InputError(f"TextSpans.{name}: expected one for each of {self.unread} lines, got {n}")

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def unread(self) -> int:
        """Number of lines that were detected and not read."""
        return len(self.unread_xyxy)

    @property
    def xyxy(self) -> Boxes:
        """The boxes around the polygons, float32 (n, 4), in pixels."""
        low, high = self.polygons.min(axis=1, initial=np.inf), self.polygons.max(axis=1, initial=-np.inf)
        return np.concatenate([low, high], axis=1)

    @property
    def is_second(self) -> NDArray[np.bool_]:
        """Whether each row is a further reading of the line in an earlier row, with equal corners, bool (n,)."""
        _, first = np.unique(self.polygons.reshape(-1, 8), axis=0, return_index=True)
        return np.asarray(~np.isin(np.arange(len(self)), first), np.bool_)

    def first_readings(self) -> TextSpans:
        """Return the lines, each by its first reading, with what is unread."""
        kept = self.rows(np.flatnonzero(~self.is_second).tolist())
        return replace(
            kept,
            unread_xyxy=self.unread_xyxy,
            unread_scripts=self.unread_scripts,
            unread_reasons=self.unread_reasons,
            unkept_area=self.unkept_area,
        )

    @classmethod
    def empty(cls) -> TextSpans:
        """Return zero lines."""
        return cls(np.zeros((0, 4, 2), np.float32), (), np.zeros(0, np.float32))

    def rows(self, rows: Sequence[int]) -> TextSpans:
        """Return the lines of these row numbers, in the order given, without the unread ones."""
        chosen = np.array(rows, np.int64)
        return TextSpans(self.polygons[chosen], tuple(self.texts[row] for row in chosen), self.confidence[chosen])

    def joined(self, more: TextSpans) -> TextSpans:
        """Return these lines followed by those of `more`."""
        return TextSpans(
            np.concatenate([self.polygons, more.polygons]),
            (*self.texts, *more.texts),
            np.concatenate([self.confidence, more.confidence]),
            np.concatenate([self.unread_xyxy, more.unread_xyxy]),
            (*self.unread_scripts, *more.unread_scripts),
            (*self.unread_reasons, *more.unread_reasons),
            self.unkept_area + more.unkept_area,
        )


@dataclass(frozen=True)
class Match:
    """One region of one photo that resembles a registered logo.

    Attributes:
        image: Position of the photo in the listing, from 0.
        xyxy: Box in pixels of the upright photo (EXIF orientation applied).
        brand: Name of the registered brand.
        logo: Identifier of the nearest registered logo.
        similarity: Cosine similarity to that logo, in [-1, 1]. For a match by keypoints: of the encoded region that
            the box covers best, to any logo of the brand.
        margin: Similarity minus that of the best other brand or of the nearest negative, whichever is higher; minus 0
            where the index has neither.
        probability: Calibrated probability that the photo shows the brand; None without a fitting calibration.
        kind: "appearance" where the embedding of the region made the match; "keypoints" where keypoints of the logo
            lie there in the logo's arrangement (`logoscan.matching.placement`), and gave box and probability.
        keypoints: Number of keypoints that agree; 0 by appearance.

    Raises:
        InputError: A number is not in its range, or `kind` and `keypoints` contradict each other.
    """

    image: int
    xyxy: tuple[float, float, float, float]
    brand: str
    logo: str
    similarity: float
    margin: float
    probability: float | None
    kind: MatchKind = "appearance"
    keypoints: int = 0

    def __post_init__(self) -> None:
        if len(self.xyxy) != 4 or not all(map(math.isfinite, self.xyxy)):
            raise InputError(f"Match.xyxy: expected four finite numbers, got {quoted(self.xyxy)}")
        number("Match", "similarity", self.similarity, -1.001, 1.001)
        number("Match", "margin", self.margin, -2.002, 2.002)
        if self.probability is not None:
            unit("Match", "probability", self.probability)
        if self.kind not in get_args(MatchKind):
            raise InputError(f"Match.kind: expected appearance or keypoints, got {quoted(self.kind)}")
        number("Match", "keypoints", self.keypoints, 0, 1e6)
        if (self.kind == "keypoints") != (self.keypoints > 0):
            raise InputError(f"Match.keypoints: expected none by appearance, else some, got {self.keypoints}")


@dataclass(frozen=True)
class BrandMention:
    """One passage of text that names, or nearly names, a registered brand.

    Attributes:
        source: "title", "description", "claim" or "image:N".
        text: The words as they are written.
        brand: Name of the registered brand.
        kind: "exact"; "near" (resembles the name, but differs); "partial" (may be a wrong or partial reading of the
            name, in photos only); "compatible" ("for BRAND"); "style" ("BRAND style"); "denied" ("not BRAND").
        distance: 1 minus the normalised similarity of the folded texts, in [0, 1]; 0 means equal. For a disguised name,
            which only a deeper folding finds, it is the distance of the spelling as it is written.
        probability: Probability that the text is about this brand, in [0, 1].
        xyxy: Box of the words in pixels of the picture; None outside of pictures, or where it is not known.

    Raises:
        InputError: A number is not in its range.
    """

    source: str
    text: str
    brand: str
    kind: MentionKind
    distance: float
    probability: float
    xyxy: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        unit("BrandMention", "distance", self.distance)
        unit("BrandMention", "probability", self.probability)

    @property
    def image(self) -> int | None:
        """Position of the photo that the text was read in; None for the listing's own words."""
        match = _PHOTO_SOURCE.fullmatch(self.source)
        return int(match[1]) if match else None


@dataclass(frozen=True)
class MarkAlteration:
    """What became of a brand's registered mark in a photo: it is faithful, or altered in some way.

    Attributes:
        kinds: Probability of each kind, in [0, 1]: "faithful", "mirrored", "stretched", "incomplete", summing to 1.
    """

    kinds: Mapping[str, float]

    def __post_init__(self) -> None:
        for kind, probability in self.kinds.items():
            unit("MarkAlteration", kind, probability)

    @property
    def faithful(self) -> float:
        """Probability that the mark is as registered."""
        return self.kinds.get("faithful", 0.0)

    @property
    def altered(self) -> float:
        """Probability that the mark is not as registered."""
        return 1.0 - self.faithful

    @property
    def kind(self) -> str:
        """The most probable kind of alteration, "altered" where none is named."""
        return max((kind for kind in self.kinds if kind != "faithful"), key=lambda k: self.kinds[k], default="altered")


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become the encoder's input. It belongs to the weights and is stored with every index.

    Attributes:
        size_px: Side of the square input, in [8, 4096].
        mean: Mean of each channel, of pixels scaled to [0, 1].
        std: Standard deviation of each channel, of pixels scaled to [0, 1].
        fit: How a detected box becomes a square; see `logoscan.images.crops.square_crops`.

    Raises:
        InputError: A field is not of the stated kind.
    """

    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: CropFit = "pad"

    def __post_init__(self) -> None:
        number("Preprocessing", "size_px", self.size_px, 8, 4096)
        for name in ("mean", "std"):
            if len(getattr(self, name)) != 3:
                raise InputError(f"Preprocessing.{name}: expected three numbers, got {getattr(self, name)!r}")
        for value in self.mean:
            number("Preprocessing", "mean", value, -1e3, 1e3)
        for value in self.std:
            number("Preprocessing", "std", value, 1e-6, 1e3)
        if self.fit not in get_args(CropFit):
            raise InputError(f"Preprocessing.fit: expected one of {', '.join(get_args(CropFit))}, got {self.fit!r}")


@dataclass(frozen=True)
class EncoderInfo:
    """What made an embedding: two embeddings may be compared only if their `fingerprint` is equal.

    Attributes:
        name: Readable name of the encoder.
        weights_sha256: SHA-256 of the weights file, or of the loaded tensors where there is no single file.
        preprocessing: How pixels become the encoder's input.
        dim: Length of an embedding.

    Raises:
        InputError: A field is not of the stated kind.
    """

    name: str
    weights_sha256: str
    preprocessing: Preprocessing
    dim: int

    def __post_init__(self) -> None:
        text("EncoderInfo", "name", self.name, required=True)
        text("EncoderInfo", "weights_sha256", self.weights_sha256, required=True)
        number("EncoderInfo", "dim", self.dim, 1, 65536)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with the weights or the preprocessing, not with the name."""
        return fingerprint(self.weights_sha256, self.preprocessing, self.dim)


class LogoImages(Protocol):
    """The brands and logo images that matches name, for evidence pages; a `LogoIndex` is one."""

    def brand(self, name: str) -> Brand | None:
        """Return the brand that is registered under this name, or None."""
        ...

    def logo_image(self, brand: str, logo: str) -> Rgba | None:
        """Return a registered logo image, uint8 (H, W, 4), or None where the index keeps none.

        Raises:
            InputError: The brand has no such logo.
        """
        ...
