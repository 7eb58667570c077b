"""Look again at the photos of judged listings: verdicts of a journal and listings in, labelled matches out.

A verdict says whether a listing concerns a brand. Where the listing's own words name the brand, a verdict that it does
says nothing about the photos; such listings are left out, whatever the verdict. In all others the photos alone could
show the brand, and the verdict is their label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.matching.recalibrate import JudgedMatches
from logoscan.odds import BASE_RATE
from logoscan.review.index_changes import logos_of, negatives_of, take_back
from logoscan.review.journal import Journal
from logoscan.review.verdict import Verdict
from logoscan.scan.scanner import Scanner
from logoscan.text.listing_text import ListingText
from logoscan.types import Listing
from logoscan.vision.features import FeatureCache

__all__ = ["JudgedListings", "WhyLeftOut", "match_judged_listings"]

WhyLeftOut: TypeAlias = Literal[
    "the listing is not among the listings",
    "the index has no logo of the brand",
    "the listing's own words name the brand",
    "no photo of the listing can be read",
    "the photos are not matched with the brand",
    "the photos are those of a listing judged later",
]
"""Why a verdict says nothing about matches, as a clause."""

# Photos whose features are kept and used again for equal photos; many listings share photos.
_CACHED_PHOTOS = 256


@dataclass(frozen=True, eq=False)
class JudgedListings:
    """Matches of judged listings, and what gave none.

    Attributes:
        matches: The most probable match of each listing and brand that was judged.
        missed: float64 (n,), probability of the most probable match of the brand in listings whose report missed it; 0
            without a match. They count in the recall alone: nobody judges what was rightly not named, so that a fit to
            them would lower the threshold without end.
        left_out: Number of verdicts that gave no match, by the reason.
        unreadable: Photos that could not be looked at, each as the listing's id and the reason.
    """

    matches: JudgedMatches
    missed: NDArray[np.float64]
    left_out: Mapping[WhyLeftOut, int]
    unreadable: Sequence[tuple[str, str]]


def match_judged_listings(
    scanner: Scanner,
    journal: Journal,
    listings: Iterable[Listing],
    on_listing: Callable[[], object] = lambda: None,
) -> JudgedListings:
    """Match the photos of judged listings with the index again, and label the matches by the verdicts in force.

    The index is searched without the negatives and logos that the journal's verdicts added to it: a photo must not be
    compared with its own crops.

    Args:
        scanner: A scanner with a calibration; neither text in photos nor keypoints are used, so it may lack both.
        journal: Verdicts. For each listing and brand the latest one that was not undone counts.
        listings: Listings, some of them judged; the first of those with one id counts.
        on_listing: Called after each judged listing.

    Raises:
        InputError: The scanner has no calibration.
    """
    if scanner.calibration is None:
        raise InputError("scanner: expected one with a match calibration, got none for its encoder and detector")
    index = _unchanged_index(scanner.index, journal)
    waiting: dict[str, list[Verdict]] = {}
    for verdict in journal.standing():
        if verdict.kind in ("confirm", "reject", "missed"):
            waiting.setdefault(verdict.listing_id, []).append(verdict)
    left_out: Counter[WhyLeftOut] = Counter()
    unreadable: list[tuple[str, str]] = []
    by_photos: dict[tuple[str, frozenset[str]], tuple[int, float, bool]] = {}
    missed: list[float] = []
    extract = partial(scanner.pipeline.extractor.extract, cache=FeatureCache(_CACHED_PHOTOS))
    for listing in listings:
        if listing.id not in waiting:
            continue
        photos_say = []
        text = ListingText.of(listing, index.names)
        spoken = {text.claimed, *(m.brand for found in text.by_source.values() for m in found.mentions)}
        for verdict in waiting.pop(listing.id):
            brand = index.names.resolve(verdict.brand)
            if brand is None or brand not in index.with_logo:
                left_out["the index has no logo of the brand"] += 1
            elif brand in spoken:
                left_out["the listing's own words name the brand"] += 1
            else:
                photos_say.append((verdict, brand))
        if photos_say:
            (photos,) = scanner.pipeline.features([listing], extract)
            unreadable += [(listing.id, photo.warning) for photo in photos if photo.warning is not None]
            complete = [photo for photo in photos if photo.complete]
            hashes = frozenset(photo.record.sha256 for photo in complete if photo.record.sha256)
            (matches,) = scanner.pipeline.match([complete], index)
            for verdict, brand in photos_say:
                by_appearance = [m for m in matches if m.brand == brand and m.kind == "appearance"]
                probability = max((m.probability or 0.0 for m in by_appearance), default=0.0)
                if not complete:
                    left_out["no photo of the listing can be read"] += 1
                elif verdict.kind == "missed":
                    missed.append(probability)
                elif probability < BASE_RATE:  # no report has such a match, so the verdict is about something else
                    left_out["the photos are not matched with the brand"] += 1
                else:
                    left_out["the photos are those of a listing judged later"] += (brand, hashes) in by_photos
                    judged = (verdict.id, probability, bool(verdict.shown))
                    by_photos[brand, hashes] = max(judged, by_photos.get((brand, hashes), judged))
        on_listing()
    left_out["the listing is not among the listings"] += sum(map(len, waiting.values()))
    rows = sorted(by_photos.values())
    probabilities = np.array([probability for _, probability, _ in rows], np.float64)
    right = np.array([shown for _, _, shown in rows], np.bool_)
    return JudgedListings(
        JudgedMatches(probabilities, right), np.array(missed, np.float64), +left_out, tuple(unreadable)
    )


def _unchanged_index(index: LogoIndex, journal: Journal) -> LogoIndex:
    """Return a snapshot of an index without what the verdicts of a journal added to it."""
    out = index.snapshot()
    added: dict[str, set[str]] = {}
    for verdict in journal.verdicts:
        if verdict.kind != "undo":
            added.setdefault(verdict.brand, set()).update(verdict.negatives, verdict.logos)
    for brand, names in added.items():
        if out.brand(brand) is not None:
            take_back(out, brand, names & negatives_of(out, brand), names & logos_of(out, brand))
    return out
