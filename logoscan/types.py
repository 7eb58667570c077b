"""The nouns: what goes in, what flows between the stages, what comes out.

Arrays travel in frozen dataclasses that check shape and dtype once, when built. Nothing here knows a model, a file
or a library beyond numpy; Pillow's image is named alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
    "Match",
    "MentionKind",
    "Preprocessing",
    "Regions",
    "Rgb",
    "Rgba",
    "TextSpans",
    "UsualPrice",
]

Rgb: TypeAlias = NDArray[np.uint8]
"""One picture, uint8 (H, W, 3), RGB."""
Rgba: TypeAlias = NDArray[np.uint8]
"""One drawing, uint8 (H, W, 4), RGB and straight (not premultiplied) alpha."""
Boxes: TypeAlias = NDArray[np.float32]
"""Boxes, float32 (n, 4), pixels, x0 y0 x1 y1; x1 and y1 are exclusive."""
Embeddings: TypeAlias = NDArray[np.float32]
"""Embeddings, float32 (n, dim), unit rows."""
ImageSource: TypeAlias = str | Path | bytes | Image.Image | NDArray[Any]
"""Whatever can be read as a picture: a path, the bytes of a file, a PIL image, a uint8 array."""
Band: TypeAlias = Literal["clear", "review", "block"]
CropFit: TypeAlias = Literal["context", "squeeze", "pad"]
"""How a box becomes a square: grown into the photo around it, squeezed, or padded with its border's colour."""
Effort: TypeAlias = Literal["default", "full"]
"""How much work may be saved: "default" leaves out what hardly ever changes an answer, "full" is the reference."""
MentionKind: TypeAlias = Literal["exact", "near", "partial", "compatible", "style"]
"""How text names a brand: as it is, nearly, as "for BRAND", as "BRAND style"."""


def _unicode(owner: str, name: str, *values: str) -> None:
    """Refuse lone surrogates: JSON and file names can bring them in, no report could be written with them."""
    for value in values:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InputError(f"{owner}.{name}: expected Unicode text, got a lone surrogate in {value!r:.80}") from None


def _text(owner: str, name: str, value: object, *, required: bool = False) -> None:
    if value is None and not required:
        return
    if not isinstance(value, str) or (required and not value.strip()):
        expected = "a non-empty string" if required else "a string or None"
        raise InputError(f"{owner}.{name}: expected {expected}, got {value!r:.80}")
    _unicode(owner, name, value)


def _texts(owner: str, name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, (tuple, list)) or not all(isinstance(v, str) for v in value):
        raise InputError(f"{owner}.{name}: expected a list of strings, got {value!r:.80}")
    _unicode(owner, name, *value)
    return tuple(value)


def _number(owner: str, name: str, value: object, low: float, high: float) -> None:
    ok = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
    if isinstance(value, int) and value.bit_length() > 10_000:  # Python would not print it
        value = f"a number of {value.bit_length()} bits"
    if not ok or not math.isfinite(float(value)):  # type: ignore[arg-type]
        raise InputError(f"{owner}.{name}: expected a finite number in [{low:g}, {high:g}], got {value!r:.80}")


def _strings(owner: str, name: str, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(t, str) for kv in value.items() for t in kv):
        raise InputError(f"{owner}.{name}: expected a mapping of strings to strings, got {value!r:.80}")
    _unicode(owner, name, *value.keys(), *value.values())
    return dict(value)


def _currency(owner: str, value: object) -> None:
    if not isinstance(value, str) or len(value) != 3 or not value.isascii() or not value.isalpha():
        raise InputError(f"{owner}.currency: expected a three-letter ISO 4217 code, got {value!r:.80}")


@dataclass(frozen=True)
class Listing:
    """One product listing as a marketplace holds it. Only `id` is required; what is absent is not judged.

    Attributes:
        id: The caller's identifier, unique in a stream.
        images: Pictures: names of files (`str`), which stay below the scanner's root, `pathlib.Path`s, which a
            scanner without a root opens wherever they lead, bytes of files, PIL images or arrays; no URLs.
        title: The listing's title.
        description: The listing's text.
        claimed_brand: The brand that the seller states; None is unknown, "" states that there is none.
        category: The marketplace's category.
        condition: For example "new" or "used".
        price: Price, at least 0, in `currency`.
        currency: ISO 4217 code, upper case.
        seller_id: The merchant.
        listed_at: ISO 8601 date or time.
        url: Where the listing stands; logoscan never opens it.
        attributes: Stated product facts.
        reviews: Texts of buyers.
        dropped: Fields that the source states in a form that cannot be read, by name: what was expected and what came.
            They are absent above. A listings file's reader fills this in; a reader of the report is told.

    Raises:
        InputError: A field is not of the stated kind.
    """

    id: str
    images: tuple[ImageSource, ...] = ()
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
    dropped: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _text("Listing", "id", self.id, required=True)
        for name in ("title", "description", "claimed_brand", "category", "condition", "seller_id", "listed_at", "url"):
            _text("Listing", name, getattr(self, name))
        if isinstance(self.images, (str, bytes)) or not isinstance(self.images, (tuple, list)):
            raise InputError(f"Listing.images: expected a list of pictures, got {type(self.images).__name__}")
        _unicode("Listing", "images", *(str(i) for i in self.images if isinstance(i, (str, Path))))
        for i, image in enumerate(self.images):
            if not isinstance(image, (str, Path, bytes, Image.Image, np.ndarray)):
                expected = "a file's name, a pathlib.Path, bytes, a PIL image or an array"
                raise InputError(f"Listing.images[{i}]: expected {expected}, got {type(image).__name__}")
        object.__setattr__(self, "images", tuple(self.images))
        object.__setattr__(self, "reviews", _texts("Listing", "reviews", self.reviews))
        object.__setattr__(self, "attributes", _strings("Listing", "attributes", self.attributes))
        object.__setattr__(self, "dropped", _strings("Listing", "dropped", self.dropped))
        if self.price is not None:
            _number("Listing", "price", self.price, 0.0, 1e12)
            object.__setattr__(self, "price", float(self.price))
        if self.currency is not None:
            _currency("Listing", self.currency)
            object.__setattr__(self, "currency", self.currency.upper())
        if self.listed_at is not None:
            try:
                datetime.fromisoformat(self.listed_at)
            except ValueError:
                raise InputError(
                    f"Listing.listed_at: expected an ISO 8601 date or time, got {self.listed_at!r:.80}"
                ) from None


@dataclass(frozen=True)
class UsualPrice:
    """A range in which the brand's goods usually sell. `category` None means all of the brand's goods."""

    currency: str
    low: float
    high: float
    category: str | None = None

    def __post_init__(self) -> None:
        _currency("UsualPrice", self.currency)
        object.__setattr__(self, "currency", self.currency.upper())
        _text("UsualPrice", "category", self.category)
        _number("UsualPrice", "low", self.low, 1e-6, 1e12)
        _number("UsualPrice", "high", self.high, self.low, 1e12)
        for name in ("low", "high"):  # 80 and 80.0 are one price, and must look like one
            object.__setattr__(self, name, float(getattr(self, name)))


# Caps on what a brand's owner tells: every scanner of the register pays for them. A name's near spellings take memory
# by the square of its letters, a fact is compared with each listing that states its attribute.
_MOST_NAME_CHARS, _MOST_FACT_CHARS, _MOST_ID_CHARS, _MOST_PATH_CHARS = 100, 500, 500, 1000
_MOST_OF_BRAND = {
    "aliases": (500, _MOST_NAME_CHARS),
    "authorised_sellers": (10_000, _MOST_ID_CHARS),
    "official_photos": (1000, _MOST_PATH_CHARS),
    "negatives": (1000, _MOST_PATH_CHARS),
}
_MOST_PRICES, _MOST_FACTS = 200, 100


def _at_most(owner: str, name: str, values: Collection[str], count: int, chars: int) -> None:
    """Refuse too many strings, or one that is too long."""
    if len(values) > count:
        raise InputError(f"{owner}.{name}: expected at most {count}, got {len(values)}")
    for value in values:
        if len(value) > chars:
            raise InputError(f"{owner}.{name}: expected at most {chars} characters, got {len(value)} in {value!r:.60}")


@dataclass(frozen=True)
class Brand:
    """One registered brand: what its owner tells about it. Its logos live in the index beside it.

    Attributes:
        name: The name that reports use; unique in a register. At most 100 characters.
        aliases: Other spellings; at most 500 of at most 100 characters.
        authorised_sellers: Seller ids, at most 10,000; empty means that the owner registered none, so nothing is
            concluded from it.
        official_photos: Files of the brand's own product photos, relative to its folder; at most 1000.
        usual_prices: Price ranges of genuine goods; at most 200.
        facts: Product facts to compare attributes with; at most 100 of at most 500 characters.
        negatives: Files of pictures that are not this brand, relative to its folder; at most 1000.

    Raises:
        InputError: A field is not of the stated kind, or longer.
    """

    name: str
    aliases: tuple[str, ...] = ()
    authorised_sellers: tuple[str, ...] = ()
    official_photos: tuple[str, ...] = ()
    usual_prices: tuple[UsualPrice, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    negatives: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _text("Brand", "name", self.name, required=True)
        _at_most("Brand", "name", (self.name,), 1, _MOST_NAME_CHARS)
        for name, (count, chars) in _MOST_OF_BRAND.items():
            object.__setattr__(self, name, _texts("Brand", name, getattr(self, name)))
            _at_most("Brand", name, getattr(self, name), count, chars)
        prices: object = self.usual_prices
        if not isinstance(prices, (tuple, list)) or not all(isinstance(p, UsualPrice) for p in prices):
            raise InputError(f"Brand.usual_prices: expected UsualPrice records, got {self.usual_prices!r:.80}")
        object.__setattr__(self, "usual_prices", tuple(self.usual_prices))
        _at_most("Brand", "usual_prices", [p.category or "" for p in self.usual_prices], _MOST_PRICES, _MOST_FACT_CHARS)
        object.__setattr__(self, "facts", _strings("Brand", "facts", self.facts))
        _at_most("Brand", "facts", self.facts, _MOST_FACTS, _MOST_FACT_CHARS)
        _at_most("Brand", "facts", list(self.facts.values()), _MOST_FACTS, _MOST_FACT_CHARS)


def _array(owner: str, name: str, value: object, shape: tuple[int | None, ...]) -> NDArray[np.float32]:
    if (
        not isinstance(value, np.ndarray)
        or value.dtype != np.float32
        or value.ndim != len(shape)
        or any(want is not None and have != want for have, want in zip(value.shape, shape, strict=True))
    ):
        wanted = ", ".join("n" if s is None else str(s) for s in shape)
        got = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise InputError(f"{owner}.{name}: expected float32 ({wanted}), got {got}")
    if not np.isfinite(value).all():
        raise InputError(f"{owner}.{name}: expected finite numbers, got NaN or infinity")
    return value


def _units(owner: str, name: str, value: NDArray[np.float32]) -> None:
    beyond = value[(value < 0) | (value > 1)]
    if len(beyond):
        raise InputError(f"{owner}.{name}: expected numbers in [0, 1], got {float(beyond[0])!r}")


@dataclass(frozen=True, eq=False)
class Regions:
    """Places in one picture that may hold a mark.

    Attributes:
        xyxy: float32 (n, 4), pixels.
        confidence: float32 (n,), in [0, 1]; 1 for detectors that only lay out places.
    """

    xyxy: Boxes
    confidence: NDArray[np.float32]

    def __post_init__(self) -> None:
        _array("Regions", "xyxy", self.xyxy, (None, 4))
        _array("Regions", "confidence", self.confidence, (len(self.xyxy),))
        if len(self) and (self.xyxy[:, 2:] <= self.xyxy[:, :2]).any():
            raise InputError("Regions.xyxy: expected x1 > x0 and y1 > y0 in every row, got an empty box")
        _units("Regions", "confidence", self.confidence)

    def __len__(self) -> int:
        return len(self.xyxy)

    def _repr_html_(self) -> str:
        from logoscan.reporting.notebook import regions_html

        return regions_html(self)

    @classmethod
    def empty(cls) -> Regions:
        """No region."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, eq=False)
class TextSpans:
    """Lines of text read in one picture.

    Attributes:
        polygons: float32 (n, 4, 2), pixels x y, clockwise from the text's own top left.
        texts: n strings.
        confidence: float32 (n,), in [0, 1], as the engine states it; engines differ.
        unread: Lines that were found and, to save work, not read.
    """

    polygons: NDArray[np.float32]
    texts: tuple[str, ...]
    confidence: NDArray[np.float32]
    unread: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", _texts("TextSpans", "texts", self.texts))
        _array("TextSpans", "polygons", self.polygons, (len(self.texts), 4, 2))
        _array("TextSpans", "confidence", self.confidence, (len(self.texts),))
        _units("TextSpans", "confidence", self.confidence)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def xyxy(self) -> Boxes:
        """The boxes around the polygons, float32 (n, 4)."""
        low, high = self.polygons.min(axis=1, initial=np.inf), self.polygons.max(axis=1, initial=-np.inf)
        return np.concatenate([low, high], axis=1)

    @classmethod
    def empty(cls) -> TextSpans:
        """No text."""
        return cls(np.zeros((0, 4, 2), np.float32), (), np.zeros(0, np.float32))

    def rows(self, rows: Sequence[int]) -> TextSpans:
        """Some of the lines, in the order given."""
        chosen = np.array(rows, np.int64)
        return TextSpans(self.polygons[chosen], tuple(self.texts[row] for row in chosen), self.confidence[chosen])

    def joined(self, more: TextSpans) -> TextSpans:
        """These lines, then those of `more`."""
        polygons, confidence = (
            np.concatenate(pair) for pair in ((self.polygons, more.polygons), (self.confidence, more.confidence))
        )
        return TextSpans(polygons, (*self.texts, *more.texts), confidence, self.unread + more.unread)


@dataclass(frozen=True)
class Match:
    """One place in one picture that looks like a registered logo.

    Attributes:
        image: Position of the picture in the listing.
        xyxy: Box in pixels of the picture as decoded (EXIF orientation applied).
        brand: Name of the registered brand.
        logo: Identifier of the registered logo that was nearest.
        similarity: Cosine to it, in [-1, 1]; of a match by points that of the place looked at that the box covers best,
            to any of the brand's logos.
        margin: Similarity minus that of the best other brand or of the nearest negative, whichever is nearer; minus 0
            where the register has neither.
        probability: Calibrated probability that the picture shows the brand; None without a fitting calibration.
        points: How many points of the logo lie there in its own arrangement (`logoscan.matching.placement`), and then box and
            probability are by them; 0 where the look of the place made the match.
    """

    image: int
    xyxy: tuple[float, float, float, float]
    brand: str
    logo: str
    similarity: float
    margin: float
    probability: float | None
    points: int = 0

    def __post_init__(self) -> None:
        if len(self.xyxy) != 4 or not all(map(math.isfinite, self.xyxy)):
            raise InputError(f"Match.xyxy: expected four finite numbers, got {self.xyxy!r:.80}")
        _number("Match", "similarity", self.similarity, -1.001, 1.001)
        _number("Match", "margin", self.margin, -2.002, 2.002)
        if self.probability is not None:
            _number("Match", "probability", self.probability, 0.0, 1.0)
        _number("Match", "points", self.points, 0, 1e6)


@dataclass(frozen=True)
class BrandMention:
    """One place in text that names, or nearly names, a registered brand.

    Attributes:
        source: "title", "description", "claim" or "image:N".
        text: The words as they stand there.
        brand: Name of the registered brand.
        kind: "exact", "near" (looks like the name, is not it), "partial" (may be a bad or partial reading of it, in
            photos alone), "compatible" ("for BRAND"), "style" ("BRAND style").
        distance: 1 minus the normalised similarity of the folded texts, in [0, 1]; 0 is equal. Of a disguise, which
            only a deeper folding finds, it is that of the spelling as it stands.
        probability: That the text is about this brand, in [0, 1].
        xyxy: Box of the words in pixels of the picture; None outside of pictures, or where it is not known.
    """

    source: str
    text: str
    brand: str
    kind: MentionKind
    distance: float
    probability: float
    xyxy: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        _number("BrandMention", "distance", self.distance, 0.0, 1.0)
        _number("BrandMention", "probability", self.probability, 0.0, 1.0)


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become the encoder's input. It belongs to the weights and is stored with every index.

    Attributes:
        size_px: Side of the square input.
        mean: Per channel, on pixels scaled to [0, 1].
        std: Likewise.
        fit: How a detected box becomes a square, see `logoscan.images.loading.square_crops`.
    """

    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: CropFit = "pad"

    def __post_init__(self) -> None:
        _number("Preprocessing", "size_px", self.size_px, 8, 4096)
        for name in ("mean", "std"):
            if len(getattr(self, name)) != 3:
                raise InputError(f"Preprocessing.{name}: expected three numbers, got {getattr(self, name)!r}")
        for value in self.mean:
            _number("Preprocessing", "mean", value, -1e3, 1e3)
        for value in self.std:
            _number("Preprocessing", "std", value, 1e-6, 1e3)
        if self.fit not in get_args(CropFit):
            raise InputError(f"Preprocessing.fit: expected one of {', '.join(get_args(CropFit))}, got {self.fit!r}")


@dataclass(frozen=True)
class EncoderInfo:
    """What made a vector: two vectors may be compared only if all of this is equal.

    Attributes:
        name: Readable name.
        weights_sha256: Of the weights file, or of the loaded tensors where there is no single file.
        preprocessing: See `Preprocessing`.
        dim: Length of a vector.
    """

    name: str
    weights_sha256: str
    preprocessing: Preprocessing
    dim: int

    def __post_init__(self) -> None:
        _text("EncoderInfo", "name", self.name, required=True)
        _text("EncoderInfo", "weights_sha256", self.weights_sha256, required=True)
        _number("EncoderInfo", "dim", self.dim, 1, 65536)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with the weights or the preprocessing, not with the name."""
        return hashlib.sha256(repr((self.weights_sha256, self.preprocessing, self.dim)).encode()).hexdigest()[:16]


class LogoImages(Protocol):
    """Where evidence pages find the brands and logo images that matches name; a `LogoIndex` is one."""

    def brand(self, name: str) -> Brand | None:
        """Return the brand that is registered by this name, or None."""
        ...

    def drawing(self, brand: str, logo: str) -> Rgba | None:
        """Return a registered logo image, uint8 (H, W, 4), or None where the index keeps none.

        Raises:
            InputError: The brand has no such logo.
        """
        ...
