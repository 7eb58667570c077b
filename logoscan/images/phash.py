"""What a photo's perceptual hash is, who else uses the photo, and what that is worth.

Copies of a photo have nearly equal hashes. The hash is PDQ, of Meta's ThreatExchange: 256 bits of the photo's coarse
light and dark. Knows no ledger, no brands and no scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from logoscan._validate import pdq_hex, whole_number
from logoscan.errors import InputError, MissingDependencyError
from logoscan.types import Rgb

__all__ = [
    "LEAST_QUALITY",
    "MATCH_BITS",
    "MOST_SELLERS",
    "PhotoHash",
    "PhotoUse",
    "copied_photo_weight",
    "photo_hash",
]

LEAST_QUALITY = 50
"""PDQ's measure of how much there is to see, 0..100. ThreatExchange advises to discard hashes below: a blank picture
has a hash too, made of noise, and shares it with every other blank picture."""
_SIDE_PX = 384
"""Photos are squeezed to this square before they are hashed. PDQ averages over windows of side / 128 px, rounded up;
copies of one photo in two sizes have windows that fit differently, and squares of one size have none. Measured on 23
photos of 480 to 800 px: to a copy of 60 % (31 %) of the size 1.2 (3.7) bits change, 6 (12) at most; as they are, 11.7
(22.3), 24 (38) at most. From the hash of the photo as it is 12 bits at most differ, so that foreign lists of hashes can
be used; squares of 512 px, whose windows are even and lie half a pixel off, differ by 28. It takes 4 ms in place of
6.5 ms, and 9 ms in place of 40 ms for a photo of 1600 px."""
MATCH_BITS = 31
"""Photos whose hashes differ in so many of 256 bits, or fewer, are one photo: ThreatExchange's threshold."""
MOST_SELLERS = 256
"""Sellers of one photo are counted up to here: beyond it `copied_photo_weight` stays the same."""

_WEIGHTS = {1: 0.7, 3: 1.0, 40: 1.0, MOST_SELLERS: 0.1}
"""Other sellers -> weight, straight in between over the logarithm of their number; see `copied_photo_weight`."""
_UNORDERED = 0.5
"""Of other sellers of whom nobody knows who was first: whoever was copied looks like the copier."""


@dataclass(frozen=True)
class PhotoHash:
    """The hash of a photo that shows something.

    Attributes:
        pdq: 64 lower-case hex digits, as ThreatExchange writes them.
        quality: `LEAST_QUALITY`..100.
    """

    pdq: str
    quality: int

    def __post_init__(self) -> None:
        pdq_hex("PhotoHash.pdq", self.pdq)
        whole_number("PhotoHash", "quality", self.quality, LEAST_QUALITY, 100)


@dataclass(frozen=True)
class PhotoUse:
    """Who uses a photo besides the seller who asks.

    Attributes:
        other_sellers: How many; `MOST_SELLERS` means at least so many.
        examples: Ids of some of them, sorted; of a ledger with a key its tokens.
        official_of: Brands whose official photo it is, sorted.
        earlier_sellers: Those of the other sellers who were surely seen with it before the one who asks.
        later_sellers: Those who were surely seen with it after him. Of the rest the order is not known.
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
        """Other sellers of whom it is not known whether they were seen before or after the one who asks."""
        return self.other_sellers - self.earlier_sellers - self.later_sellers

    @property
    def weight(self) -> float:
        """How suspicious the use is, in [0, 1]: of those who came later a seller is not accused.

        Earlier sellers count in full (`copied_photo_weight`), those of unknown order half, later ones not at all. All
        of them together tell a stock photo.
        """
        most = copied_photo_weight(self.other_sellers)
        perhaps = self.earlier_sellers + self.unordered_sellers
        return max(
            min(copied_photo_weight(self.earlier_sellers), most),
            _UNORDERED * min(copied_photo_weight(perhaps), most),
        )

    @property
    def at_least(self) -> bool:
        """There may be more sellers than were counted."""
        return self.other_sellers == MOST_SELLERS


def photo_hash(rgb: Rgb) -> PhotoHash | None:
    """The PDQ hash of a photo, uint8 (H, W, 3); None where there is too little to see for a hash to say anything.

    Copies that were compressed, resized, recoloured or written on have hashes within 31 bits; those of different photos
    differ by about 128. Moved edges are the weakness. Of 23 photos all were within 31 bits after 0.5 % was cut off each
    side, 96 % after 1 %, 22 % after 2 %; 4 % after a frame of 2 %, and none after mirroring.

    Raises:
        InputError: `rgb` is no such array, or has no pixels.
        MissingDependencyError: pdqhash is not installed.
    """
    try:
        import pdqhash
    except ImportError:
        raise MissingDependencyError("pdqhash is missing; pip install 'logoscan[photos]'") from None
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise InputError(f"rgb: expected uint8 (H, W, 3) with H, W >= 1, got {rgb.dtype} {rgb.shape}")
    # the gap lets Pillow halve large photos coarsely first: twice as fast at 1600 px
    square = Image.fromarray(rgb).resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    bits, quality = pdqhash.compute(np.asarray(square))
    return PhotoHash(np.packbits(bits).tobytes().hex(), int(quality)) if quality >= LEAST_QUALITY else None


def copied_photo_weight(other_sellers: int) -> float:
    """How suspicious it is that so many other sellers used a photo before, in [0, 1]. Stated priors, not fitted.

    - None: 0.
    - One: 0.7. A copier may copy a single victim; but one merchant may have two accounts, and who was seen first need
      not have been first.
    - Three to forty: 1. Rings of that size are known to share the photos of their goods, and with each further seller
      it is less likely that the photo is one's own.
    - More: falling, to 0.1 from `MOST_SELLERS` on. What hundreds use is a maker's or wholesaler's stock photo; honest
      resellers use it as well.

    Args:
        other_sellers: 0 or more, see `PhotoUse`.
    """
    if other_sellers < 0:
        raise InputError(f"other_sellers: expected 0 or more, got {other_sellers!r}")
    if other_sellers == 0:
        return 0.0
    return float(np.interp(math.log(other_sellers), [math.log(n) for n in _WEIGHTS], list(_WEIGHTS.values())))
