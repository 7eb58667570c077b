"""What the photos say, gathered for each brand: the surest match and the surest word, as one probability."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from logoscan.images.boxes import area, shared
from logoscan.index.families import names_overlap
from logoscan.odds import BASE_RATE, log_odds, sigmoid
from logoscan.types import BrandMention, Match, MatchKind

__all__ = ["BrandEvidence", "contradicted", "fuse", "together"]

_NAMED = 0.5
"""Probability from which a name that stands in the place of a match speaks against other brands there."""
_OWN = 0.2
"""Probability from which a brand's own name in the photo answers for its matches, whatever else is read there."""
_INSIDE = 0.5
"""Share of the smaller of both from which a line of text stands in the place of a match."""
_LEAST_PART = 0.1
"""Share of the place that the line fills at least: on a photo's whole width many things stand beside a mark."""


@dataclass(frozen=True)
class BrandEvidence:
    """How surely the photos show one brand.

    Attributes:
        brand: Registered name.
        logo: Probability by its logo, its look and its points together; None where no calibrated match was made.
        text: Probability by its name read in the photos; 0 where it was not read.
    """

    brand: str
    logo: float | None
    text: float

    @property
    def shown(self) -> float | None:
        """Both witnesses together, see `together`. None where there is neither."""
        if self.logo is None:
            return self.text or None
        return together(self.logo, self.text)


def together(*witnesses: float) -> float:
    """Probability by independent witnesses, by Bayes' rule: what each adds to the base rate's log-odds adds up.

    A witness below the base rate takes nothing away, since the eye and the reader both miss much; so the result is at
    least the largest of them, and two weak witnesses that agree are a strong one.

    Args:
        witnesses: The probability by each, in [0, 1]; one at least.
    """
    gains = [max(0.0, log_odds(p) - log_odds(BASE_RATE)) for p in witnesses]
    if sum(gain > 0.0 for gain in gains) < 2:
        return max(witnesses)
    return max(*witnesses, sigmoid(log_odds(BASE_RATE) + sum(gains)))


def contradicted(
    matches: Iterable[Match],
    mentions: Iterable[BrandMention],
    sharing: Mapping[tuple[str, str], Collection[str]] | None = None,
) -> list[Match]:
    """The matches, those lowered in whose very place another brand's name was read.

    One place shows one mark, and a name that is spelt out there is read far more seldom on another brand's mark than on
    its own: by Bayes' rule, the odds of a match fall by what is left to other brands, 1 less the name's probability; a
    twentieth for the surest reading. The name's brand keeps what it has. A mark that is seen very surely outlives that:
    or a seller would only have to write another name over it. Nothing is lowered where the brand's own name was read in
    the photo too, where one of both names holds the other, or where both brands share the drawing that was matched.

    Args:
        matches: Of one listing.
        mentions: Of the same; those outside of photos, and those whose box is not known, contradict nothing.
        sharing: Brands that share a registered logo, by its brand and identifier (`LogoIndex.sharing`).
    """
    read: dict[int, list[BrandMention]] = {}
    for mention in mentions:
        if mention.image is not None and mention.kind in ("exact", "near", "partial"):
            read.setdefault(mention.image, []).append(mention)
    out = []
    for match in matches:
        if match.probability is not None:
            named = _named_there(match, read.get(match.image, ()), sharing or {})
            if named > 0.0:
                there = match.probability * (1.0 - named)
                left = there / max(1e-12, there + 1.0 - match.probability)
                match = replace(match, probability=min(match.probability, left))
        out.append(match)
    return out


def _named_there(
    match: Match, read: Sequence[BrandMention], sharing: Mapping[tuple[str, str], Collection[str]]
) -> float:
    """Probability of the surest other brand whose name stands in the place of a match; 0 where none speaks against it.

    `read` are the names that were read in its photo.
    """
    if any(m.brand == match.brand and m.probability >= _OWN for m in read):
        return 0.0
    others = sharing.get((match.brand, match.logo), ())
    rivals = [
        m
        for m in read
        if m.kind == "exact" and m.probability >= _NAMED and m.xyxy is not None and m.brand not in others
    ]
    rivals = [m for m in rivals if not names_overlap(match.brand, m.brand)]
    if not rivals:
        return 0.0
    place, lines = np.array([match.xyxy], np.float32), np.array([m.xyxy for m in rivals], np.float32)
    inside = shared(place, lines)[0]
    part = inside * np.minimum(area(lines), area(place)) / np.maximum(area(place), 1e-9)
    there = (inside >= _INSIDE) & (part >= _LEAST_PART)
    return max((m.probability for m, here in zip(rivals, there, strict=True) if here), default=0.0)


def fuse(
    matches: Iterable[Match],
    mentions: Iterable[BrandMention],
    sharing: Mapping[tuple[str, str], Collection[str]] | None = None,
) -> dict[str, BrandEvidence]:
    """Evidence for each brand that is matched or read in the photos. Titles do not count, nor does "for BRAND".

    The best match and the best word stand for a brand: several photos of one thing are no independent witnesses. Where
    another brand's name was read in a match's place, it counts for what `contradicted` leaves of it; so the matches are
    those that were seen, not what `contradicted` gives.
    """
    mentions = list(mentions)
    by_kind: dict[str, dict[MatchKind, float]] = {}
    text: dict[str, float] = {}
    for match in contradicted(matches, mentions, sharing):
        best = by_kind.setdefault(match.brand, {})
        if match.probability is not None:
            best[match.kind] = max(best.get(match.kind, 0.0), match.probability)
    for mention in mentions:
        if mention.image is not None and mention.kind in ("exact", "near", "partial"):
            text[mention.brand] = max(text.get(mention.brand, 0.0), mention.probability)
    logo = {brand: together(*best.values()) if best else None for brand, best in by_kind.items()}
    return {
        name: BrandEvidence(name, logo.get(name), text.get(name, 0.0)) for name in sorted(logo.keys() | text.keys())
    }
