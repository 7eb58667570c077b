"""Keys of the clusters that reports belong to: their photos' hashes, and a bit for their titles."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from logoscan._hashing import sha256_hex
from logoscan.images.phash import MATCH_BITS
from logoscan.results import Report
from logoscan.text.folding import fold

__all__ = ["KEY", "TITLE_BITS", "cluster_keys", "key_bits", "nearest_key", "title_bit"]

KEY = re.compile("(?:pdq|photo|id):[0-9a-f]{64}")
"""A key: its kind, and 64 hex digits."""
# Bits by which a photo's hash is rotated for each photo before it; else a photo would cancel its own copy in the sum of
# all. Coprime with 256, so that no two of 256 photos are rotated alike.
_TURN_BITS = 37
TITLE_BITS = 60
"""Bits of a bitmap that counts titles: two for each doubling, up to a thousand million."""


def nearest_key(key: str, keys: Mapping[str, int]) -> str | None:
    """Return the nearest PDQ hash among `keys` that is within `MATCH_BITS`, or an equal key of another kind; else
    None.
    """
    if key in keys or not key.startswith("pdq:"):
        return key if key in keys else None
    bits = key_bits(key)
    apart, nearest = min((((bits ^ other).bit_count(), k) for k, other in keys.items()), default=(256, ""))
    return nearest if apart <= MATCH_BITS else None


def key_bits(key: str) -> int:
    """Return the 256 bits of the hash in a key."""
    return int(key.removeprefix("pdq:"), 16)


def cluster_keys(report: Report) -> tuple[str, str]:
    """Return the keys of all photos together, and of the main photo, which is the first that could be read.

    The hashes of all photos are added (exclusive or), each rotated by its position, so that copies of all have sums as
    near as the copies, and another photo at any position makes another sum.
    """
    main = next((image for image in report.images if image.pdq is not None or image.sha256), None)
    if main is None:
        key = f"id:{_digest(report.listing_id)}"
        return key, key
    if main.pdq is None:
        files = [image.sha256 for image in report.images if image.sha256]
        return f"photo:{_digest(' '.join(files))}", f"photo:{_digest(files[0])}"
    total = 0
    for i, pdq in enumerate(image.pdq for image in report.images if image.pdq is not None):
        total ^= _rotated(int(pdq, 16), i * _TURN_BITS % 256)
    return f"pdq:{total:064x}", f"pdq:{main.pdq}"


def _rotated(bits: int, by: int) -> int:
    """Return 256 bits, rotated to the left."""
    return (bits << by | bits >> (256 - by)) & ((1 << 256) - 1)


def title_bit(report: Report) -> int:
    """Return the bit of a title and its brand in a bitmap that counts titles. Unknown titles are one.

    Each bit belongs to a share of titles that is 1.4 times smaller than that of the bit before, so n titles set about 2
    * log2(n) bits.
    """
    title = (report.listing.title if report.listing else None) or ""
    drawn = int(_digest(f"{fold(title)} {report.score.brand}"), 16) + 1
    return 1 << min(TITLE_BITS - 1, max(0, math.floor(2 * (256 - math.log2(drawn)))))


def _digest(text: str) -> str:
    return sha256_hex(text.encode("utf-8", "surrogatepass"))
