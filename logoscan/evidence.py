"""What the photos say, gathered for each brand: the surest match and the surest word, as one probability."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from logoscan.types import BrandMention, Match

__all__ = ["BrandEvidence", "gather"]


@dataclass(frozen=True)
class BrandEvidence:
    """How surely the photos show one brand.

    Attributes:
        brand: Registered name.
        logo: Probability by its logo; None where no calibrated match was made.
        text: Probability by its name read in the photos; 0 where it was not read.
    """

    brand: str
    logo: float | None
    text: float

    @property
    def shown(self) -> float | None:
        """Either witness, taken as independent: 1 - (1 - logo)(1 - text). None where there is neither."""
        if self.logo is None:
            return self.text or None
        return 1.0 - (1.0 - self.logo) * (1.0 - self.text)


def gather(matches: Iterable[Match], mentions: Iterable[BrandMention]) -> dict[str, BrandEvidence]:
    """Evidence for each brand that is matched or read in the photos. Titles do not count, nor does "for BRAND".

    The best match and the best word stand for a brand: several photos of one thing are no independent witnesses.
    """
    logo: dict[str, float | None] = {}
    text: dict[str, float] = {}
    for match in matches:
        known = logo.get(match.brand)
        if match.probability is not None and (known is None or match.probability > known):
            logo[match.brand] = match.probability
        logo.setdefault(match.brand, None)
    for mention in mentions:
        if mention.source.startswith("image:") and mention.kind in ("exact", "near", "partial"):
            text[mention.brand] = max(text.get(mention.brand, 0.0), mention.probability)
    return {
        name: BrandEvidence(name, logo.get(name), text.get(name, 0.0)) for name in sorted(logo.keys() | text.keys())
    }
