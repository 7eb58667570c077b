"""Fuse the evidence of the photos for each brand: the best match and the best mention, as one probability."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from logoscan.images.boxes import area, overlap_of_smaller
from logoscan.index.families import names_overlap
from logoscan.odds import BASE_RATE, log_odds, sigmoid
from logoscan.types import BrandMention, Match, MatchKind

__all__ = ["BrandEvidence", "combine_probabilities", "fuse", "lower_contradicted", "raise_contradicted"]

# Least probability of a mention that contradicts matches of other brands in the region where it was read.
_MIN_CONTRADICTING = 0.5
# Least probability of a mention of the match's own brand in the photo that protects the match from contradiction.
_MIN_PROTECTING = 0.2
# Least overlap of a line of text and a match, as a share of the smaller box, from which the line lies in the match.
_MIN_OVERLAP = 0.5
# Least share of the match's box that such a line fills: in a box as wide as the photo, much stands beside a mark.
_MIN_FILLED = 0.1


@dataclass(frozen=True)
class BrandEvidence:
    """How probable it is that the photos show one brand.

    Attributes:
        brand: Registered name.
        logo: Probability by its logo, appearance and keypoints combined; None where there is no calibrated match.
        text: Probability by its name read in the photos; 0 where it was not read.
    """

    brand: str
    logo: float | None
    text: float

    @property
    def shown(self) -> float | None:
        """Probability by logo and text combined; None where there is neither."""
        if self.logo is None:
            return self.text or None
        return combine_probabilities(self.logo, self.text) if self.text else self.logo


def combine_probabilities(*probabilities: float) -> float:
    """Combine probabilities by independent kinds of evidence by Bayes' rule, and return the probability by all of them.

    What each adds to the log-odds of the base rate is summed. One below the base rate takes nothing away, because
    detector and OCR both miss much; so the result is at least the largest probability, and two kinds of weak evidence
    that agree are strong evidence.

    Args:
        probabilities: Probability by each kind of evidence, in [0, 1]; at least one.
    """
    if len(probabilities) == 1:
        return probabilities[0]
    gains = [max(0.0, log_odds(p) - log_odds(BASE_RATE)) for p in probabilities]
    if sum(gain > 0.0 for gain in gains) < 2:
        return max(probabilities)
    return max(*probabilities, sigmoid(log_odds(BASE_RATE) + sum(gains)))


def lower_contradicted(
    matches: Iterable[Match],
    mentions: Iterable[BrandMention],
    sharing: Mapping[tuple[str, str], Collection[str]] | None = None,
) -> list[Match]:
    """Return the matches, with a lower probability where another brand's name was read in the matched region.

    A region shows one mark, and a name that is written there is read far less often on another brand's mark than on its
    own. By Bayes' rule, the odds of the match are multiplied by 1 less the probability of the name: by a twentieth for
    the most probable reading. The named brand keeps its probability. A very probable match survives this, or a seller
    would only have to write another name over the mark. Nothing is lowered where the brand's own name was read in the
    photo too, where one of the two names contains the other, or where both brands share the matched logo image.

    Args:
        matches: Matches of one listing.
        mentions: Mentions of the same listing; those outside photos, and those without a box, contradict nothing.
        sharing: Brands that share a registered logo, by its brand and identifier (`LogoIndex.sharing`).
    """
    out = []
    for match, contradicting in _with_contradicting(matches, mentions, sharing or {}):
        if match.probability is not None and contradicting > 0.0:
            weight = match.probability * (1.0 - contradicting)
            lowered = weight / max(1e-12, weight + 1.0 - match.probability)
            match = replace(match, probability=min(match.probability, lowered))
        out.append(match)
    return out


def raise_contradicted(
    matches: Iterable[Match],
    mentions: Iterable[BrandMention],
    sharing: Mapping[tuple[str, str], Collection[str]] | None = None,
) -> list[Match]:
    """Return the matches of a report as they were before `lower_contradicted`, for a listing that is judged again.

    Args:
        matches: Matches of the report.
        mentions: Mentions of the same report.
        sharing: Brands that share a registered logo.
    """
    out = []
    for match, contradicting in _with_contradicting(matches, mentions, sharing or {}):
        if match.probability is not None and 0.0 < contradicting < 1.0:
            rest = (1.0 - match.probability) * (1.0 - contradicting)
            match = replace(match, probability=match.probability / max(1e-12, match.probability + rest))
        out.append(match)
    return out


def _with_contradicting(
    matches: Iterable[Match], mentions: Iterable[BrandMention], sharing: Mapping[tuple[str, str], Collection[str]]
) -> Iterator[tuple[Match, float]]:
    """Yield each match with the probability of the most probable other brand whose name was read in its region."""
    by_photo: dict[int, list[BrandMention]] = {}
    for mention in mentions:
        if mention.image is not None and mention.kind in ("exact", "near", "partial"):
            by_photo.setdefault(mention.image, []).append(mention)
    contradicting = {image: of_photo for image, of_photo in by_photo.items() if any(map(_may_contradict, of_photo))}
    for match in matches:
        of_photo = contradicting.get(match.image)
        yield match, 0.0 if of_photo is None else _contradicting_probability(match, of_photo, sharing)


def _may_contradict(mention: BrandMention) -> bool:
    return mention.kind == "exact" and mention.probability >= _MIN_CONTRADICTING


def _contradicting_probability(
    match: Match, mentions: Sequence[BrandMention], sharing: Mapping[tuple[str, str], Collection[str]]
) -> float:
    """Return the probability of the most probable other brand whose name was read in a match's region; 0 for none.

    `mentions` are those of the match's photo.
    """
    if any(m.brand == match.brand and m.probability >= _MIN_PROTECTING for m in mentions):
        return 0.0
    same_logo = sharing.get((match.brand, match.logo), ())
    rivals = [m for m in mentions if _may_contradict(m) and m.xyxy is not None and m.brand not in same_logo]
    rivals = [m for m in rivals if not names_overlap(match.brand, m.brand)]
    if not rivals:
        return 0.0
    region, lines = np.array([match.xyxy], np.float32), np.array([m.xyxy for m in rivals], np.float32)
    overlap = overlap_of_smaller(region, lines)[0]
    filled = overlap * np.minimum(area(lines), area(region)) / np.maximum(area(region), 1e-9)
    is_inside = (overlap >= _MIN_OVERLAP) & (filled >= _MIN_FILLED)
    return max((m.probability for m, inside in zip(rivals, is_inside, strict=True) if inside), default=0.0)


def fuse(
    matches: Iterable[Match],
    mentions: Iterable[BrandMention],
    sharing: Mapping[tuple[str, str], Collection[str]] | None = None,
) -> dict[str, BrandEvidence]:
    """Return the evidence for each brand that is matched or read in the photos; titles and "for BRAND" do not count.

    The best match and the best mention represent a brand, because several photos of one thing are not independent
    evidence.

    Args:
        matches: Matches of one listing, before `lower_contradicted`, which this function applies.
        mentions: Mentions of the same listing.
        sharing: Brands that share a registered logo, by its brand and identifier (`LogoIndex.sharing`).
    """
    mentions = list(mentions)
    by_kind: dict[str, dict[MatchKind, float]] = {}
    text: dict[str, float] = {}
    for match in lower_contradicted(matches, mentions, sharing):
        best = by_kind.setdefault(match.brand, {})
        if match.probability is not None:
            best[match.kind] = max(best.get(match.kind, 0.0), match.probability)
    for mention in mentions:
        if mention.image is not None and mention.kind in ("exact", "near", "partial"):
            text[mention.brand] = max(text.get(mention.brand, 0.0), mention.probability)
    logo = {brand: combine_probabilities(*best.values()) if best else None for brand, best in by_kind.items()}
    return {
        name: BrandEvidence(name, logo.get(name), text.get(name, 0.0)) for name in sorted(logo.keys() | text.keys())
    }
