"""Doubt matches that lie on other words: letters of one font look alike, whatever they spell.

A logo image with a word finds its letters again in any line of the same font: the corners of "CHANEL" lie in
"CLINICALLY" too, and a short line of bold capitals looks like many a wordmark. The OCR engine has read what is written
there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np
from rapidfuzz import fuzz

from logoscan.images.boxes import area, overlap_of_smaller
from logoscan.types import Match, TextSpans

__all__ = ["doubt_matches_on_other_words"]

# Least confidence and length of a line that was read, from which it says what is written there.
_MIN_CONFIDENCE, _MIN_LETTERS = 0.8, 2
# Least similarity, 0..100, of a part of a line with a spelling of the brand, from which the line may be its name.
_MIN_NAME_RATIO = 70.0
# Least overlap of a line and a match by keypoints, as a share of the smaller box, from which the line lies in it.
_MIN_OVERLAP = 0.3
# Least share of a region matched by appearance that a line fills, and letters of the line, to be all that it shows.
_MIN_FILLED, _MIN_LETTERS_OF_REGION = 0.5, 4
# Share of the odds of a match that another word leaves: as much as a sure reading of another brand's name leaves
# (`lower_contradicted`). Packs whose whole front fits are far too probable to fall with it.
_KEPT_ODDS = 0.05


def doubt_matches_on_other_words(
    matches: Sequence[Match], spans: TextSpans, spellings_of: Callable[[str], Collection[str]]
) -> list[Match]:
    """Return the matches of one photo, less probable where they lie on other words.

    Keypoints are doubted where a line lies among them, a region where a line fills most of it.

    Nothing is lowered where a spelling of the brand was read anywhere in the photo.

    Args:
        matches: Matches of the photo, of any kind.
        spans: Lines that were read in it.
        spellings_of: Returns the name and the aliases of a brand.
    """
    words = [text.casefold() for text in spans.texts]
    legible = [
        i
        for i, word in enumerate(words)
        if spans.confidence[i] >= _MIN_CONFIDENCE and sum(c.isalnum() for c in word) >= _MIN_LETTERS
    ]
    if not legible:
        return list(matches)
    boxes = spans.xyxy[legible]
    is_long = np.array([sum(c.isalnum() for c in words[i]) >= _MIN_LETTERS_OF_REGION for i in legible])
    out = []
    for match in matches:
        if match.probability is not None:
            region = np.array([match.xyxy], np.float32)
            overlap = overlap_of_smaller(region, boxes)[0]
            if match.kind == "keypoints":
                on_line = overlap >= _MIN_OVERLAP
            else:
                filled = overlap * np.minimum(area(boxes), area(region)) / np.maximum(area(region), 1e-9)
                on_line = (filled >= _MIN_FILLED) & is_long
            if on_line.any() and not _is_read(spellings_of(match.brand), words):
                kept = match.probability * _KEPT_ODDS
                match = replace(match, probability=kept / (kept + 1.0 - match.probability))
        out.append(match)
    return out


def _is_read(spellings: Collection[str], words: Sequence[str]) -> bool:
    """Tell whether any line may hold a spelling, misread letters included."""
    folded = [spelling.casefold() for spelling in spellings]
    return any(
        fuzz.partial_ratio(spelling, word) >= _MIN_NAME_RATIO
        for spelling in folded
        for word in words
        if len(word) >= min(len(spelling), _MIN_LETTERS)
    )
