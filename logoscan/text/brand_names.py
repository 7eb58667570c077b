"""Text -> mentions of registered brands, exact, disguised or near, and in which role ("for BRAND", "BRAND style").

Knows names and words; knows nothing of pictures or scores. `name_search` searches one text, `name_hits` judges what it
finds, `misread` compares names with badly read lines of photos.

Found: letters of other scripts, digits for letters, hidden characters, letters or pieces spaced out; and names with
two letters misspelt, if they have seven letters or more, are typed (not read in a photo), begin rightly, and the
index has no more than 10,000 such names. Not found: shorter names with two letters misspelt, and names that are both
misspelt and written with digits or signs.

Names that are common words (Apple, Target) are found as words, so a title may name the brand without meaning it. In
small letters and without a trademark sign such a word counts a quarter; with a capital in a photo it counts half.
Where the listing claims another brand or none, it counts little. Ordinary words are known for English, German,
French, Spanish and Italian. Words of other languages that are a letter or two from a name are false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from logoscan.text.folding import fold, shown
from logoscan.text.languages import words_of
from logoscan.text.lines import chains
from logoscan.text.misread import MisreadNames
from logoscan.text.name_hits import kinds_of
from logoscan.text.name_search import NameSearch
from logoscan.text.name_table import NameTable
from logoscan.types import Brand, BrandMention, MentionKind, TextSource, TextSpans, source_name

__all__ = ["NameIndex", "fold", "no_brand_words", "says_no_brand"]

# Text beyond this is not searched: no honest title or photo holds more.
_MAX_CHARS = 20_000
# Text with its markup beyond this is not read.
_MAX_MARKUP = 4 * _MAX_CHARS
# A partial mention is left out unless this share of its probability is above that of an exact mention of its brand.
_PARTIAL_SHARE = 0.5
# Lines of one photo that are searched, the most confident ones: a full page of small print has fewer.
_MAX_LINES = 200
# Probability from which a bad or partial reading of a name is mentioned.
_PARTIAL_FROM = 0.01
# Longest quote in a mention, in characters.
_MAX_QUOTE = 200

_Box: TypeAlias = tuple[float, float, float, float]


class _Line(NamedTuple):
    """A line of a photo, or lines that read on: the text, the OCR's confidence, and the box around it in pixels."""

    text: str
    confidence: float
    box: _Box


class _Reading(NamedTuple):
    """A text that may be a bad reading of a name, with the evidence for it."""

    worth: float
    evidence: float
    confidence: float
    gram: str
    quote: str
    box: _Box


@cache
def no_brand_words() -> frozenset[str]:
    """Return the folded words by which sellers of any language say that there is no brand."""
    return frozenset(map(fold, words_of("no_brand")))


def says_no_brand(claim: str) -> bool:
    """Return whether a claim says that there is no brand: it has no letters, or such words alone."""
    folded = fold(claim)
    return not folded or folded in no_brand_words()


class NameIndex:
    """Names and aliases of registered brands, searchable in text. Immutable."""

    def __init__(self, brands: Iterable[Brand]) -> None:
        """Fold the names of brands.

        A brand's own name goes before another's alias; if two brands have one folded name, the first in the alphabet
        has it.
        """
        self._table = NameTable(brands)
        self._misread = MisreadNames({folded: len(name.words) for folded, name in self._table.names.items()})

    def __len__(self) -> int:
        """Return the number of distinct folded names."""
        return len(self._table.names)

    def resolve(self, name: str) -> str | None:
        """Return the registered brand that has this name or alias, else the only one that it contains as words.

        None where there is no such brand, or where `name` contains several.
        """
        if whole := self._table.names.get(fold(name)):
            return whole.brand
        named = {m.brand for m in self.find(name, "claim") if m.kind == "exact"}
        return named.pop() if len(named) == 1 else None

    def find(self, text: str, source: TextSource, confidence: float = 1.0) -> list[BrandMention]:
        """Return the mentions in one text, most probable first, one for each brand and kind.

        A disguise (letters of another script, digits for letters, hidden characters, letters spaced out) is "near".
        HTML is read as a page would show it, and mentions quote what is shown.

        Args:
            text: Any text.
            source: The field that the text stands in, or the position of the photo that it was read in. Only in photos
                names are searched inside of words; only in typed text small letters indicate a common word, and
                spaces indicate a disguise.
            confidence: How probable it is that the letters are right, in [0, 1]; scales the probability.

        Example:
            >>> names = NameIndex([Brand("Adidas"), Brand("Puma")])
            >>> [(m.text, m.brand, m.kind) for m in names.find("Adid4s shoes, case for PUMA", "title")]
            [('Adid4s', 'Adidas', 'near'), ('PUMA', 'Puma', 'compatible')]
        """
        search = NameSearch(self._table, in_photo=isinstance(source, int))
        return _mentions(search, text, source, confidence)

    def find_in_spans(self, spans: TextSpans, image: int) -> list[BrandMention]:
        """Return the mentions in the lines of one photo; names that run over two lines are found too.

        What may be a bad or partial reading of a name is "partial", and as probable as that is. It stands beside a less
        probable "near" mention of the same brand, because one line may be misspelled by a seller or misread. Each
        mention has the box of its line, or of the lines that it runs over.

        Args:
            spans: Lines of the photo.
            image: Position of the photo in its listing.
        """
        if len(spans) > _MAX_LINES:
            confident = np.argsort(-spans.confidence, kind="stable")[:_MAX_LINES]
            spans = spans.rows(sorted(confident.tolist()))
        lines = _lines(spans)
        search = NameSearch(self._table, in_photo=True)
        mentions: dict[tuple[str, MentionKind], BrandMention] = {}
        for line in lines:
            for mention in _mentions(search, line.text, image, line.confidence):
                key = (mention.brand, mention.kind)
                if key not in mentions or mention.probability > mentions[key].probability:
                    mentions[key] = replace(mention, xyxy=line.box)
        exact = {brand for brand, kind in mentions if kind == "exact"}
        kept = [m for m in mentions.values() if m.kind != "near" or m.brand not in exact]
        named: dict[str, float] = {}
        for mention in kept:
            if mention.kind in ("exact", "near"):
                share = _PARTIAL_SHARE if mention.kind == "exact" else 1.0
                named[mention.brand] = max(named.get(mention.brand, 0.0), mention.probability / share)
        partial = self._partial_mentions(lines, len(spans), image, search)
        kept += [m for m in partial if m.probability > named.get(m.brand, 0.0)]
        return sorted(kept, key=lambda m: (-m.probability, m.brand, m.kind))

    def _partial_mentions(self, lines: list[_Line], count: int, image: int, search: NameSearch) -> list[BrandMention]:
        """Return what may be bad or partial readings of names, the most probable for each brand.

        Args:
            lines: Lines of the photo, and lines that read on.
            count: How many of them are lines of the photo.
            image: Position of the photo in its listing.
            search: The search of the photo's lines.
        """
        best = self._best_readings(lines, search)
        chances = self._misread.probabilities({folded: reading.evidence for folded, reading in best.items()}, count)
        mentions: dict[str, BrandMention] = {}
        for folded, reading in best.items():
            probability = chances[folded] * reading.confidence
            brand = self._table.names[folded].brand
            distance = Levenshtein.normalized_distance(reading.gram, folded)
            source = source_name(image)
            mention = BrandMention(source, reading.quote, brand, "partial", distance, probability, reading.box)
            if probability >= max(_PARTIAL_FROM, mentions[brand].probability if brand in mentions else 0.0):
                mentions[brand] = mention
        return list(mentions.values())

    def _best_readings(self, lines: list[_Line], search: NameSearch) -> dict[str, _Reading]:
        """Return the best reading of each folded name that some words of the lines may be."""
        best: dict[str, _Reading] = {}
        misread = self._misread.for_photo()
        for text, confidence, box in lines:
            for gram, runs in search.tokens(text[:_MAX_CHARS]).grams.items():
                if gram in self._table.names or gram.isdigit():
                    continue
                for run in runs:
                    for folded, evidence in misread.judge(run.words):
                        worth = evidence + 2.0 * math.log(max(confidence, 1e-9))  # about a log-odds to two of evidence
                        if folded not in best or worth > best[folded].worth:
                            quote = text[run.start : run.end][:_MAX_QUOTE]
                            best[folded] = _Reading(worth, evidence, confidence, gram, quote, box)
        return best


def _mentions(search: NameSearch, text: str, source: TextSource, confidence: float) -> list[BrandMention]:
    """Return the mentions in one text, most probable first, one for each brand and kind."""
    text = shown(text[:_MAX_MARKUP])[:_MAX_CHARS]
    mentions: dict[tuple[str, MentionKind], BrandMention] = {}
    hits = sorted(search.hits(text), key=lambda h: h.start)
    for hit, kind in zip(hits, kinds_of(text, hits, typed=isinstance(source, str)), strict=True):
        quote, probability = text[hit.start : hit.end][:_MAX_QUOTE], max(0.0, hit.probability * confidence)
        key = (hit.brand, kind)
        if key not in mentions or probability > mentions[key].probability:
            mentions[key] = BrandMention(source_name(source), quote, hit.brand, kind, hit.distance, probability)
    return sorted(mentions.values(), key=lambda m: (-m.probability, m.brand, m.kind))


def _lines(spans: TextSpans) -> list[_Line]:
    """Return the lines of a photo, then the lines that read on, joined; these have the lowest confidence of theirs.

    Lines read on by their first readings.
    """
    lines = list(zip(spans.texts, spans.confidence.tolist(), strict=True))
    first = np.flatnonzero(~spans.is_second).tolist()
    chained = [tuple(first[i] for i in rows) for rows in chains(spans.rows(first))]
    joined = [(" ".join(lines[i][0] for i in rows), min(lines[i][1] for i in rows)) for rows in chained]
    boxes = [_box_around(spans.polygons[list(rows)]) for rows in [*((i,) for i in range(len(lines))), *chained]]
    return [_Line(text, confidence, box) for (text, confidence), box in zip([*lines, *joined], boxes, strict=True)]


def _box_around(polygons: NDArray[np.float32]) -> _Box:
    """Return the box around polygons, (n, 4, 2)."""
    corners = polygons.reshape(-1, 2)
    (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return x0, y0, x1, y1
