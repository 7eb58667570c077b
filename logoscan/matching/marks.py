"""Matched marks beside the drawings that are registered for them: what became of each. Knows no scores."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from logoscan.errors import ImageError, InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.matching.alteration import Alteration, AlterationCheck, cut
from logoscan.types import ImageSource, Listing, MarkAlteration, Match
from logoscan.vision.features import FeatureExtractor

__all__ = ["MarkComparison"]

logger = logging.getLogger(__name__)

_FROM, _BRANDS = 0.8, 3
"""Probability of a match from which its mark is compared with its drawing, and most brands of a listing for which that
is done: of a mark that may be another one, everything looks altered."""


# Correlation of the edges of mark and drawing from which they are the same: below, the photo shows another rendition of
# the mark or none of it, and whatever the check says of that is a guess. Of 66 genuine marks in photos of streets and
# shops 21 were called altered, and 16 of these lay below.
_LEAST_CORRELATION = 0.7
# By how much more a mirrored drawing must correlate to be called mirrored: a symmetrical mark fits both ways.
_MIRROR_LEAD = 0.1


def _is_sound(found: Alteration) -> bool:
    """Whether what was found can be held against a seller."""
    if found.alignment.correlation < _LEAST_CORRELATION:
        return False
    if max(found.kinds, key=lambda kind: found.kinds[kind]) != "mirrored":
        return True
    return found.alignment.mirrored and found.alignment.correlation - found.alignment.other >= _MIRROR_LEAD


class MarkComparison:
    """Compares marks with drawings. Immutable."""

    def __init__(self, check: AlterationCheck | None, observer: FeatureExtractor, *, always: bool) -> None:
        """Bind what compares and what opens photos; `always`: whether every scan compares the surest marks."""
        self._check, self._observer, self._always = check, observer, always

    def alteration(self, image: ImageSource, match: Match, index: LogoIndex) -> Alteration | None:
        """What became of the drawing at a matched place; None where there is none, or none that could be compared.

        Raises:
            InputError: There is no check, or the logo is registered no more.
            ImageError: The picture cannot be read.
        """
        if self._check is None:
            raise InputError("alteration: expected a scanner with an AlterationCheck, got alterations=None")
        drawing = index.drawing(match.brand, match.logo)
        if drawing is None or drawing[..., 3].min() == 255:  # of an opaque rectangle only the frame could be compared
            return None
        return self._check.check(cut(self._observer.load(image), match.xyxy), drawing)

    def altered(self, listing: Listing, matches: Sequence[Match], index: LogoIndex) -> dict[str, MarkAlteration]:
        """What became of the marks that each scan compares, by brand."""
        kinds = {match.brand: self.kinds(listing, match, index) for match in self.surest(matches, index)}
        return {brand: value for brand, value in kinds.items() if value is not None}

    def surest(self, matches: Sequence[Match], index: LogoIndex) -> list[Match]:
        """The surest mark of each brand that is surely shown, of the surest few; none unless all scans compare.

        Args:
            matches: Surest first.
            index: The register.
        """
        marks: dict[str, Match] = {}
        for match in matches if self._always else ():
            if (match.probability or 0.0) < _FROM or len(marks) == _BRANDS:
                break
            if match.brand in index.with_logo:
                marks.setdefault(match.brand, match)
        return list(marks.values())

    def kinds(self, listing: Listing, match: Match, index: LogoIndex) -> MarkAlteration | None:
        """`Alteration.kinds` of a mark in a listing's photo; None where it cannot be told."""
        try:
            result = self.alteration(listing.images[match.image], match, index)
        except ImageError as error:  # it could be read a moment ago
            logger.warning("listing %s, image %d: %s", listing.id, match.image, error)
            return None
        except Exception:  # a photo that breaks the check costs that comparison, not the stream
            logger.exception("listing %s, image %d: a mark could not be compared", listing.id, match.image)
            return None
        return None if result is None or not _is_sound(result) else MarkAlteration(result.kinds)
