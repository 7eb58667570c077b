"""The perceptual hash of a photo, other sellers who use the photo, and how suspicious that is.

Copies of a photo have nearly equal hashes. The hash is PDQ, of Meta's ThreatExchange: 256 bits of the photo's coarse
light and dark. Knows no ledger, no brands and no scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from logoscan._validate import pdq_hex, whole_number
from logoscan.errors import InputError, MissingDependencyError
from logoscan.types import Rgb

__all__ = [
    "LEAST_QUALITY",
    "MATCH_BITS",
    "MOST_SELLERS",
    "PhotoHash",
    "PhotoLookup",
    "PhotoUse",
    "copied_photo_weight",
    "photo_hash",
    "photo_hashes",
]

LEAST_QUALITY = 50
"""Least PDQ quality of a hash, of 0..100: it measures how much structure a photo has.

ThreatExchange advises to discard hashes of lower quality: a blank picture has a hash of noise, which it shares with
every other blank picture.
"""
# Photos are squeezed to this square before they are hashed. PDQ averages over windows of side / 128 px, rounded up, so
# that copies of one photo in two sizes have windows that fit differently; squares of one size do not. Measured on 23
# photos of 480 to 800 px: in a copy of 60 % (31 %) of the size 1.2 (3.7) bits change, 6 (12) at most; without the
# square 11.7 (22.3), 24 (38) at most. From the hash of the photo without the square 12 bits at most differ, so that
# foreign lists of hashes can be used; with squares of 512 px, whose windows are even and lie half a pixel off, 28 bits.
# It takes 4 ms instead of 6.5 ms, and 9 ms instead of 40 ms for a photo of 1600 px.
_SIDE_PX = 384
MATCH_BITS = 31
"""Photos whose hashes differ in at most so many of 256 bits are copies of one photo: ThreatExchange's threshold."""
MOST_SELLERS = 256
"""Sellers of one photo are counted up to this number: beyond it, `copied_photo_weight` stays the same."""

# Weight by the number of other sellers, linear in its logarithm in between; `copied_photo_weight` gives the reasons.
_WEIGHTS = {1: 0.7, 3: 1.0, 40: 1.0, MOST_SELLERS: 0.1}
# Share of the weight for other sellers of whom it is not known who was first: the copied one looks like the copier.
_UNORDERED_SHARE = 0.5


@dataclass(frozen=True)
class PhotoHash:
    """The hash of a photo that has enough structure.

    Attributes:
        pdq: PDQ hash, 64 lower-case hex digits, as ThreatExchange writes it.
        quality: PDQ quality, a whole number from `LEAST_QUALITY` to 100.

    Raises:
        InputError: A field is not of the stated kind.
    """

    pdq: str
    quality: int

    def __post_init__(self) -> None:
        pdq_hex("PhotoHash.pdq", self.pdq)
        whole_number("PhotoHash", "quality", self.quality, LEAST_QUALITY, 100)


@dataclass(frozen=True)
class PhotoUse:
    """The other sellers who use a photo of a listing.

    Attributes:
        other_sellers: Number of other sellers; `MOST_SELLERS` means at least so many.
        examples: Ids of some of them, sorted; tokens in place of ids if the ledger has a key.
        official_of: Brands of which it is an official photo, sorted.
        earlier_sellers: Number of those who certainly used it before the listing's seller.
        later_sellers: Number of those who certainly used it after the listing's seller. The order of the rest is not
            known.

    Raises:
        InputError: The numbers contradict each other.
    """

    other_sellers: int
    examples: tuple[str, ...] = ()
    official_of: tuple[str, ...] = ()
    earlier_sellers: int = 0
    later_sellers: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.other_sellers <= MOST_SELLERS:
            raise InputError(
                f"PhotoUse.other_sellers: expected a number in [0, {MOST_SELLERS}], got {self.other_sellers!r}"
            )
        if len(self.examples) > self.other_sellers:
            raise InputError(
                f"PhotoUse.examples: expected at most {self.other_sellers} sellers, got {len(self.examples)}"
            )
        if min(self.earlier_sellers, self.later_sellers, self.unordered_sellers) < 0:
            raise InputError(
                f"PhotoUse.earlier_sellers, later_sellers: expected {self.other_sellers} or fewer together, each 0 or "
                f"more, got {self.earlier_sellers!r} and {self.later_sellers!r}"
            )

    @property
    def unordered_sellers(self) -> int:
        """Number of other sellers of whom it is not known whether they used the photo earlier or later."""
        return self.other_sellers - self.earlier_sellers - self.later_sellers

    @property
    def weight(self) -> float:
        """How suspicious the use is, in [0, 1]; a seller is not accused because others used the photo later.

        Earlier sellers count in full (`copied_photo_weight`), those of unknown order half, later ones not at all. The
        number of all of them shows whether it is a stock photo.
        """
        most = copied_photo_weight(self.other_sellers)
        perhaps = self.earlier_sellers + self.unordered_sellers
        return max(
            min(copied_photo_weight(self.earlier_sellers), most),
            _UNORDERED_SHARE * min(copied_photo_weight(perhaps), most),
        )

    @property
    def at_least(self) -> bool:
        """Whether there may be more sellers than were counted."""
        return self.other_sellers == MOST_SELLERS


def photo_hash(rgb: Rgb) -> PhotoHash | None:
    """Return the PDQ hash of a photo, uint8 (H, W, 3); None where the photo has too little structure for a hash.

    Copies that were compressed, resized, recoloured or written on have hashes within 31 bits; the hashes of different
    photos differ by about 128 bits. Moved edges are the weakness: of 23 photos, all were within 31 bits after 0.5 % was
    cut off each side, 96 % after 1 %, 22 % after 2 %; 4 % after a frame of 2 % was added, and none after mirroring.

    Raises:
        InputError: `rgb` is not such an array, or has no pixels.
        MissingDependencyError: pdqhash is not installed.
    """
    pdqhash, square = _hasher(), _square(rgb)
    bits, quality = pdqhash.compute(square)
    return PhotoHash(_hex(bits), int(quality)) if quality >= LEAST_QUALITY else None


def photo_hashes(rgb: Rgb) -> tuple[PhotoHash | None, tuple[str, ...]]:
    """Return what `photo_hash` does, and the PDQ hashes of the eight turned and mirrored pictures of the photo.

    The first of the eight is the photo's own; the others are those of the photo turned by quarters and mirrored: a copy
    that was turned or mirrored has one of them. They take a tenth longer than one. Empty where the photo has too
    little structure for a hash.

    Args:
        rgb: Photo, uint8 (H, W, 3).

    Raises:
        InputError: `rgb` is not such an array, or has no pixels.
        MissingDependencyError: pdqhash is not installed.
    """
    pdqhash, square = _hasher(), _square(rgb)
    eight, quality = pdqhash.compute_dihedral(square)
    if quality < LEAST_QUALITY:
        return None, ()
    names = tuple(_hex(bits) for bits in eight)
    return PhotoHash(names[0], int(quality)), names


def _hasher() -> Any:
    try:
        import pdqhash
    except ImportError:
        raise MissingDependencyError("pdqhash is missing; pip install 'logoscan[photos]'") from None
    return pdqhash


def _square(rgb: Rgb) -> NDArray[np.uint8]:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise InputError(f"rgb: expected uint8 (H, W, 3) with H, W >= 1, got {rgb.dtype} {rgb.shape}")
    # the gap lets Pillow halve large photos coarsely first: twice as fast at 1600 px
    return np.asarray(Image.fromarray(rgb).resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _hex(bits: NDArray[np.uint8]) -> str:
    return np.packbits(bits).tobytes().hex()


def copied_photo_weight(other_sellers: int) -> float:
    """Return how suspicious it is that so many other sellers used a photo before, in [0, 1]. Stated priors, not fitted.

    - None: 0.
    - One: 0.7. A copier may copy a single victim; but one merchant may have two accounts, and the first use that was
      recorded need not have been the first.
    - Three to forty: 1. Rings of that size are known to share the photos of their goods, and with each further seller
      it is less likely that the seller took the photo himself.
    - More: falling, to 0.1 from `MOST_SELLERS` on. A photo that hundreds use is a maker's or wholesaler's stock photo,
      which honest resellers use as well.

    Args:
        other_sellers: Number of other sellers, 0 or more.
    """
    if other_sellers < 0:
        raise InputError(f"other_sellers: expected 0 or more, got {other_sellers!r}")
    if other_sellers == 0:
        return 0.0
    return float(np.interp(math.log(other_sellers), [math.log(n) for n in _WEIGHTS], list(_WEIGHTS.values())))


@runtime_checkable
class PhotoLookup(Protocol):
    """Knows who else uses a photo; a `PhotoLedger` does."""

    def look_up(self, photo: str, seller_id: str | None) -> PhotoUse:
        """Return who else uses a photo, by its PDQ hash (64 hex digits), than the seller whose photo it is."""
        ...
