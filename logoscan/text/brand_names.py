"""Text -> mentions of registered brands, exact, disguised or near, and in which role ("for BRAND", "BRAND style").

Knows names and words; knows nothing of pictures or scores, and leaves letters to `folding`, words for roles to `roles`
and distances to `nearest`.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from logoscan.text.folding import (
    disguised_distance,
    fold,
    is_foreign,
    is_turkish,
    plain,
    shown,
    skeleton,
    tricks,
    unenclosed,
)
from logoscan.text.fuzzy import NearNames
from logoscan.text.lines import chains
from logoscan.text.misread import MisreadNames, Tallies
from logoscan.text.roles import is_list_gap, role_of
from logoscan.text.tokens import (
    AND_WORDS,
    Place,
    Spelt,
    fold_words,
    is_unspaced,
    joined_by_and,
    read_places,
    respelt,
    stretches,
)
from logoscan.text.words import is_common, is_word
from logoscan.types import Brand, BrandMention, MentionKind, TextSpans

__all__ = ["NO_BRAND", "NameIndex", "fold"]

_MAX_CHARS = 20_000
"""Text beyond this is not searched: no honest title or photo holds more."""
_MAX_MARKUP = 4 * _MAX_CHARS
"""Text with its markup beyond this is not read."""
_PARTIAL_HIDDEN = 0.5
"""Share of its probability from which an exact or near mention of the same brand stands for a partial one."""
_MAX_LINES = 200
"""Lines of one photo that are searched, the surest: a full page of small print has fewer."""
_NEAR_MIN_LETTERS = 5
"""Shorter names have too many words one letter away."""
_FAR_LETTERS, _FAR_SHARE, _FAR_LEAST = (7, 9), 3.5, 6
"""Names of so many letters are near in typed text with two of them misspelt, too, if the first is right, six or more
are there and no word is in a dictionary. Few honest words are so by chance (`benchmarks/text.py --titles`)."""
_FAR_NAMES = 10_000
"""Names of those letters up to which that is done: among 100,000, every tenth honest title held such a word."""
_INSIDE_MIN_LETTERS = 6
"""Names this long are also found inside of a longer word ("starbuckscoffee")."""
_SURE_BY_LETTERS = {1: 0.02, 2: 0.25, 3: 0.6, 4: 0.85}
"""Prior that an exact short word means the brand; 0.95 from five letters on. Stated, not fitted."""
_SURE_BY_SIGNS = {1: 0.02, 2: 0.85}
"""Of a name in Chinese, Japanese, Korean or Thai letters, each a syllable or a word; 0.95 from three on."""
_EDGE_LETTERS = {"CJK": 2, "HANGUL": 3, "THAI": 3}
"""Shorter names are sought at either end of a row of letters of their script alone, inside of one they are too often a
part of a word: of two Chinese letters, three Korean or Thai ones and four others."""
_EDGE_LETTERS_ELSE = 4
_INFLECTED_MIN_LETTERS = 4
"""Shorter names have no plural: too many words are such a name and an s."""
_INFLECTED_SURE = 0.95
"""Of an exact name's prior, with the ending of a plural or a genitive ("Birkenstocks", "Nikes Schuhe")."""
_AND_IN_ONE_WORD = ("and", "und", "n", "et", "y")
_JOINED_AND_LETTERS = 8
"""Names with "and" that are this long are also found in one word ("jackandjones")."""
_INSIDE_SURE = 0.4
"""Prior that a name inside of a longer word in a photo means the brand: lines are read without their spaces, but
"thermostat" is no Thermos. Words that were typed have their spaces, so nothing is sought inside of them."""
_NEAR_SURE = 0.6
"""Prior that a nearly spelt name means the brand, before its distance is taken off. Stated, not fitted."""

_DISGUISE_MIN_LETTERS = 4
"""Shorter names are disguised by letters of another script alone: "5p" is no SP."""
_JOINED_MIN_LETTERS = 6
"""Names this long are also seen through a disguise that runs over other words than the name's own."""
_DISGUISE_SURE = {
    "invisible characters inside": 1.0,
    "letters of another script or style": 1.0,
    "digits or signs for letters": 0.9,
}
"""Share of an exact name's prior, by the surest trick; nobody types these by accident. Stated, not fitted."""
_DISGUISE_LESS_SURE = 0.75
"""Of letters that are only drawn alike (rn, vv, l for I) and of letters spaced out: another word may be meant."""
_SLIP_SURE = 0.6
"""Of any disguise in a photo, where the reader may have slipped: as much as of a near name."""
_COMMON_SURE = 0.25
"""Of a common word's prior (apple, shell, mini) where it stands in small letters and without a trademark sign."""
_COMMON_IN_PHOTO = 0.5
"""Of it with a capital in a photo, where whole lines are in capitals: "ORANGE" is more often juice than a maker."""
_PARTIAL_FROM = 0.01
"""Probability from which a bad or partial reading of a name is mentioned."""

_NO_BRAND = (
    "|unbranded|no brand|no name|none|n/a|does not apply|generic|ohne Marke|keine Marke|keine|markenlos|sans marque"
    "|aucune|sin marca|ninguna|senza marca|nessuna|merkloos|geen merk|geen|sem marca|nenhuma|brak marki|bez marki|brak"
    "|markasız|utan märke|без бренда|нет бренда|无品牌|無品牌|无牌|ノーブランド|브랜드 없음"
)
NO_BRAND = frozenset(map(fold, _NO_BRAND.split("|")))
"""Folded words by which sellers say that there is no brand."""
_ENDING_IN_ES = ("ses", "xes", "zes", "ches", "shes")
_PARTICLE = re.compile(
    "(?:의|를|을|은|는|이|가|에|에서|에게|와|과|로|으로|도|만|용|랑|이랑|처럼|보다|까지|부터|라는|인|제|산|풍|st)(?![가-힣])"
)
"""Korean endings behind a name."""
_BESIDE = 80
"""Characters on either side of a name in which words may say its role."""
_SPELT_OUT = re.compile(r"\w(?:\s*\.\s*\w)+")
"""An acronym's honest dots: "D.K.N.Y." is no disguise, "D K N Y" and "D-K-N-Y" are."""
_COUNTED = re.compile(
    r"\d+(?:x|m|k|d|v|w|g|l|s|th|st|nd|rd|in\d*|ml|cl|oz|kg|mg|lbs?|[ckm]m|inch|ft|pcs?|packs?|pk|ply|way|[gtm]b|mah|hz"
    r"|hrs?|min|xl|ct|pieces?|yrs?|years?)"
)
"""A number and its unit, folded: "2in1" is no Zini, "100m" no Loom."""


_Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Name:
    """One folded spelling: whose it is, and its words."""

    folded: str
    brand: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    start: int
    end: int
    brand: str
    letters: int
    sure: float
    distance: float = 0.0
    near: bool = False


class NameIndex:
    """Names and aliases of registered brands, searchable in text. Immutable."""

    def __init__(self, brands: Iterable[Brand]) -> None:
        """Fold the names of `brands`.

        A brand's own name goes before another's alias; of two brands with one folded name the first in the alphabet
        has it.
        """
        ordered = sorted(brands, key=lambda b: b.name)
        spellings = [(b.name, b.name) for b in ordered] + [(alias, b.name) for b in ordered for alias in b.aliases]
        self._names: dict[str, _Name] = {}
        self._disguised: dict[str, _Name] = {}
        for spelling, brand in spellings:
            folded = fold(spelling)
            if folded and folded not in self._names:
                name = self._names[folded] = _Name(folded, brand, fold_words(shown(spelling)))
                if not folded.isdigit():
                    self._disguised.setdefault(skeleton(plain(folded)), name)
        self._respelt: dict[str, _Name] = {}
        self._before_and: set[str] = set()
        for spelling, _ in spellings:
            self._add_other_spellings(spelling)
        self._unspaced = {
            folded: name for folded, name in self._names.items() if is_unspaced(folded) and len(folded) > 1
        }
        self._unspaced_lengths = sorted({len(folded) for folded in self._unspaced})
        self._unspaced_heads = frozenset(folded[:2] for folded in self._unspaced)
        self._long_lengths = sorted({len(name) for name in self._names if len(name) >= _INSIDE_MIN_LETTERS})
        self._near_names = NearNames(name for name in self._names if len(name) >= _NEAR_MIN_LETTERS)
        least, most = _FAR_LETTERS
        far = [n for n in self._names if least <= len(n) <= most]
        self._far_names = NearNames(far if len(far) <= _FAR_NAMES else (), share=_FAR_SHARE)
        self._misread = MisreadNames({folded: len(name.words) for folded, name in self._names.items()})

    def _add_other_spellings(self, spelling: str) -> None:
        """Note how else honest people write a name: umlauts written out, and any "and" in place of its own."""
        name = self._names.get(fold(spelling))
        if name is None:
            return
        others = [respelt(shown(spelling))]
        if words := joined_by_and(spelling):
            self._before_and.update(a for a, b in itertools.pairwise(words) if b == "&")
            others.append("".join(words))
            joined = ["".join(word if word != "&" else sign for word in words) for sign in ("", *_AND_IN_ONE_WORD)]
            others += [gram for gram in joined if len(gram) >= _JOINED_AND_LETTERS]
        for other in others:
            if other and other not in self._names:
                self._respelt.setdefault(other, name)

    def __len__(self) -> int:
        """Distinct folded names."""
        return len(self._names)

    def resolve(self, name: str) -> str | None:
        """The registered brand that has this name or alias, or the only one that `name` contains as words, or None."""
        if whole := self._names.get(fold(name)):
            return whole.brand
        named = {m.brand for m in self.find(name, "claim") if m.kind == "exact"}
        return named.pop() if len(named) == 1 else None

    def find(self, text: str, source: str, confidence: float = 1.0) -> list[BrandMention]:
        """Mentions in one text, surest first, one for each brand and kind.

        A disguise (letters of another script, digits for letters, hidden characters, letters spaced out) is "near".
        HTML is read as it would be shown, and mentions quote what is shown.

        Args:
            text: Any.
            source: "title", "description", "claim" or "image:N"; only in images are names sought inside of words, and
                only typed text tells a common word by its small letters and a disguise by its spaces.
            confidence: How surely the letters are known, in [0, 1]; scales the probability.

        Example:
            >>> names = NameIndex([Brand("Adidas"), Brand("Puma")])
            >>> [(m.text, m.brand, m.kind) for m in names.find("Adid4s shoes, case for PUMA", "title")]
            [('Adid4s', 'Adidas', 'near'), ('PUMA', 'Puma', 'compatible')]
        """
        return self._find(text, source, confidence, {})

    def _find(
        self, text: str, source: str, confidence: float, known: dict[str, list[tuple[str, int]]]
    ) -> list[BrandMention]:
        text = shown(text[:_MAX_MARKUP])[:_MAX_CHARS]
        mentions: dict[tuple[str, MentionKind], BrandMention] = {}
        hits = sorted(self._locate(text, source.startswith("image:"), known), key=lambda f: f.start)
        for hit, kind in zip(hits, _kinds(text, hits), strict=True):
            words = text[hit.start : hit.end][:200]
            mention = BrandMention(source, words, hit.brand, kind, hit.distance, max(0.0, hit.sure * confidence))
            key = (hit.brand, kind)
            if key not in mentions or mention.probability > mentions[key].probability:
                mentions[key] = mention
        return sorted(mentions.values(), key=lambda m: (-m.probability, m.brand, m.kind))

    def find_in_spans(self, spans: TextSpans, source: str) -> list[BrandMention]:
        """Mentions in the lines of one picture; names that run over two lines are found too.

        What may be a bad or partial reading of a name is "partial", and as probable as that is. Each has the box of
        its line, or of the lines that it runs over.
        """
        if len(spans) > _MAX_LINES:
            surest = np.argsort(-spans.confidence, kind="stable")[:_MAX_LINES]
            spans = spans.rows(sorted(surest.tolist()))
        lines = list(zip(spans.texts, spans.confidence.tolist(), strict=True))
        chained = chains(spans)
        pairs = [(" ".join(lines[i][0] for i in rows), min(lines[i][1] for i in rows)) for rows in chained]
        boxes = [_around(spans.polygons[list(rows)]) for rows in [*((i,) for i in range(len(lines))), *chained]]
        mentions: dict[tuple[str, MentionKind], BrandMention] = {}
        known: dict[str, list[tuple[str, int]]] = {}  # a line's words come again in its pairs
        for (text, sure), box in zip([*lines, *pairs], boxes, strict=True):
            for mention in self._find(text, source, sure, known):
                key = (mention.brand, mention.kind)
                if key not in mentions or mention.probability > mentions[key].probability:
                    mentions[key] = replace(mention, xyxy=box)
        exact = {brand for brand, kind in mentions if kind == "exact"}
        kept = [m for m in mentions.values() if m.kind != "near" or m.brand not in exact]
        named: dict[str, float] = {}
        for mention in kept:
            if mention.kind in ("exact", "near"):
                named[mention.brand] = max(named.get(mention.brand, 0.0), mention.probability)
        partial = self._partial([*lines, *pairs], boxes, len(lines), source)
        kept += [m for m in partial if _PARTIAL_HIDDEN * m.probability > named.get(m.brand, 0.0)]
        return sorted(kept, key=lambda m: (-m.probability, m.brand, m.kind))

    def _partial(
        self, texts: list[tuple[str, float]], boxes: list[_Box], lines: int, source: str
    ) -> list[BrandMention]:
        """What may be bad or partial readings of names, the best of each brand; texts come with their confidence."""
        best: dict[str, tuple[float, float, float, str, str, _Box]] = {}
        judged: dict[tuple[str, ...], list[tuple[str, float]]] = {}
        tallies: Tallies = {}
        for (text, confidence), box in zip(texts, boxes, strict=True):
            for gram, places in read_places(unenclosed(text[:_MAX_CHARS])).grams.items():
                if gram in self._names or gram.isdigit():
                    continue
                for place in places:
                    if place.words not in judged:
                        judged[place.words] = self._misread.judge(place.words, tallies)
                    for folded, evidence in judged[place.words]:
                        worth = evidence + 2.0 * math.log(max(confidence, 1e-9))  # about a log-odds to two of evidence
                        if folded not in best or worth > best[folded][0]:
                            words = text[place.start : place.end][:200]
                            best[folded] = worth, evidence, confidence, gram, words, box
        chances = self._misread.probabilities({folded: found[1] for folded, found in best.items()}, lines)
        sure = {folded: chances[folded] * found[2] for folded, found in best.items()}
        mentions: dict[str, BrandMention] = {}
        for folded, (*_, gram, words, box) in best.items():
            brand, distance = self._names[folded].brand, Levenshtein.normalized_distance(gram, folded)
            mention = BrandMention(source, words, brand, "partial", distance, sure[folded], box)
            if sure[folded] >= max(_PARTIAL_FROM, mentions[brand].probability if brand in mentions else 0.0):
                mentions[brand] = mention
        return list(mentions.values())

    def _locate(self, text: str, in_photo: bool, known: dict[str, list[tuple[str, int]]]) -> list[_Found]:
        spelt = read_places(unenclosed(text), self._before_and)
        found = [
            *self._other(text, spelt, in_photo),
            *self._in_stretches(text),
            *self._exact(text, spelt, in_photo),
            *self._deep(text, spelt, in_photo),
        ]
        if in_photo:
            found += self._inside(spelt)
        taken = bytearray(len(text))
        for hit in found:
            taken[hit.start : hit.end] = b"\1" * (hit.end - hit.start)
        for gram, places in _spellings(spelt):
            if gram not in self._names and not gram.isdigit():
                if gram not in known:
                    known[gram] = self._near_names.near(gram)
                near = known[gram]
                if not near and not in_photo:  # a reader's slips would be taken for a seller's
                    near, places = self._far(gram, places)
                for folded, edits in near:
                    if gram == folded + "s" and not folded.endswith("s"):  # apples are no misspelt Apple
                        continue
                    distance = edits / max(len(gram), len(folded))
                    for start, end, words in places:  # what is spelt rightly is no look-alike of another
                        if taken.find(1, start, end) < 0 and not self._ordinary(words, folded):
                            brand, sure = self._names[folded].brand, _NEAR_SURE - distance
                            found.append(_Found(start, end, brand, len(folded), sure, distance, near=True))
        return _longest(found, len(text))

    def _far(self, gram: str, places: list[Place]) -> tuple[list[tuple[str, int]], list[Place]]:
        """Names of which two letters are misspelt, and those of the places that hold no ordinary word."""
        strange = [p for p in places if not any(map(is_word, p.words))]
        if not strange or len(gram) < _FAR_LEAST or not gram.isalpha():
            return [], []
        names = self._far_names.near(gram)
        return [(folded, edits) for folded, edits in names if edits <= 2 and folded[0] == gram[0]], strange

    def _ordinary(self, words: tuple[str, ...], folded: str) -> bool:
        """Whether words near a name are no look-alike: one in the dictionary, or several that the name has not joined.

        Where the name has as many, dictionary words may still be its misspelling ("under armor").
        """
        if len(words) == len(self._names[folded].words):
            return len(words) == 1 and is_word(words[0])
        return any(is_word(w) or (len(words) > 1 and any(c.isdigit() for c in w)) for w in words)

    def _exact(self, text: str, spelt: Spelt, in_photo: bool) -> Iterator[_Found]:
        for grams in (spelt.grams, spelt.spaced):
            for gram in grams.keys() & self._names.keys():
                name = self._names[gram]
                for place in grams[gram]:
                    yield _judged(text, place, name, in_photo)

    def _other(self, text: str, spelt: Spelt, in_photo: bool) -> Iterator[_Found]:
        """Other honest spellings: umlauts written out, "and" of any language, plurals and genitives."""
        for grams in (spelt.respelt, spelt.grams):
            for gram in grams.keys() & self._respelt.keys():
                yield from (_respelt(text, place, self._respelt[gram], in_photo) for place in grams[gram])
        for gram in spelt.respelt.keys() & self._names.keys():
            yield from (_respelt(text, place, self._names[gram], in_photo) for place in spelt.respelt[gram])
        for gram, places in spelt.grams.items():
            if gram[-1] == "s" and gram not in self._names and (name := self._inflected(gram)):
                for place in places:
                    if len(place.words[-1]) > 1:
                        yield _plural(text, place, name, gram, in_photo)

    def _inflected(self, gram: str) -> _Name | None:
        """The name of which letters are the plural or the genitive, unless it is a common word or they are one."""
        stems = [gram[:-1]] * (gram[-2:-1] != "s") + [gram[:-2]] * gram.endswith(_ENDING_IN_ES)
        for stem in stems:
            name = self._names.get(stem) if len(stem) >= _INFLECTED_MIN_LETTERS and stem[-1].isalpha() else None
            if name and (len(name.words) > 1 or not (is_common(stem) or is_common(gram))):
                return name
        return None

    def _in_stretches(self, text: str) -> Iterator[_Found]:
        """Names in letters of scripts that part no words, wherever they stand in a row of letters."""
        for start, stretch in stretches(text) if self._unspaced else ():
            letters = [fold(c) for c in stretch]
            ends = list(itertools.accumulate(map(len, letters), initial=0))
            at = {end: i for i, end in enumerate(ends)}  # the last of those without letters
            joined = "".join(letters)
            for i, begin in enumerate(ends[:-1]):
                if not letters[i] or joined[begin : begin + 2] not in self._unspaced_heads:
                    continue
                for length in self._unspaced_lengths:
                    if (end := at.get(begin + length)) is None:
                        continue
                    name = self._unspaced.get(joined[begin : begin + length])
                    if name and _stands(stretch, i, end, name):
                        yield _Found(start + i, start + end, name.brand, len(name.folded), _prior(name))

    def _deep(self, text: str, spelt: Spelt, in_photo: bool) -> Iterator[_Found]:
        """Disguises that the strict fold does not see."""
        for read, places in spelt.plain.items():
            name = self._disguised.get(skeleton(read))
            if name is None:
                continue
            for place in places:
                spelling = text[place.start : place.end]
                seen = fold(unenclosed(spelling)) in self._names  # then it is judged there
                around = f"{text[: place.start]} {text[place.end :]}"
                if not seen and _may_hide(spelling, read, place.words, name, around):
                    yield _disguised(place, spelling, name, tricks(spelling, name.folded), in_photo)

    def _inside(self, spelt: Spelt) -> Iterator[_Found]:
        for start, end, (word,) in spelt.words:
            if word not in self._names:
                for n in self._long_lengths:
                    if n >= len(word):
                        break
                    held = {word[i : i + n] for i in range(len(word) - n + 1)} & self._names.keys()
                    held -= {h for h in held if word in (h[0] + h, h + h[-1])}  # "FFitbit" is misspelt, not joined
                    yield from (_Found(start, end, self._names[h].brand, n, _INSIDE_SURE) for h in held)


def _around(polygons: NDArray[np.float32]) -> _Box:
    """The box around polygons, (n, 4, 2)."""
    corners = polygons.reshape(-1, 2)
    (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return x0, y0, x1, y1


def _spellings(spelt: Spelt) -> Iterator[tuple[str, list[Place]]]:
    """What may be misspelt: words by the strict fold, and words of two scripts by their plain form ("Аdibas")."""
    yield from spelt.grams.items()
    for read, places in spelt.plain.items():
        if read not in spelt.grams and read not in spelt.spaced and read.isascii() and read.isalnum():
            mixed = [p for p in places if any(c.isascii() and c.isalpha() for c in "".join(p.words))]
            if mixed:
                yield read, mixed


def _signs(folded: str) -> int:
    """Letters of a folded name as they are written: a Korean syllable is one."""
    return len(unicodedata.normalize("NFC", folded))


def _prior(name: _Name) -> float:
    """Probability that the name, spelt rightly, means the brand, before the letters' own confidence."""
    if is_unspaced(name.folded):
        return _SURE_BY_SIGNS.get(_signs(name.folded), 0.95)
    return _SURE_BY_LETTERS.get(len(name.folded), 0.95)


def _respelt(text: str, place: Place, name: _Name, in_photo: bool) -> _Found:
    """A name in another honest spelling, unless characters are hidden or styled in it."""
    spelling = text[place.start : place.end]
    done = tricks(spelling, fold(unenclosed(spelling)))
    own, known = ([word for word in words if word not in AND_WORDS] for words in (fold_words(spelling), name.words))
    if done and not (done == ("invisible characters inside",) and len(own) == len(known)):
        return _disguised(place, spelling, name, done, in_photo)
    return _Found(place.start, place.end, name.brand, len(name.folded), _prior(name))


def _plural(text: str, place: Place, name: _Name, gram: str, in_photo: bool) -> _Found:
    """A name with an ending; less sure where the whole is an ordinary word without a capital ("pumas")."""
    found = _respelt(text, place, name, in_photo)
    sure = found.sure * _INFLECTED_SURE
    small = text[place.start : place.end].islower()
    if len(name.words) == 1 and (small or in_photo) and is_word(gram):
        sure *= _COMMON_SURE if small else _COMMON_IN_PHOTO
    return replace(found, sure=sure)


def _stands(stretch: str, start: int, end: int, name: _Name) -> bool:
    """Whether a name may stand there in a row of letters: no Latin letter goes on, and no short name is in mid-word."""
    before, behind = stretch[start - 1 : start], stretch[end : end + 1]
    if any(
        c and not is_unspaced(c) and not is_unspaced(own)
        for c, own in ((before, stretch[start]), (behind, stretch[end - 1]))
    ):
        return False
    if _signs(name.folded) >= _EDGE_LETTERS.get(_script(stretch[start]), _EDGE_LETTERS_ELSE):
        return True
    return not (
        _goes_on(before, stretch[start]) and _goes_on(behind, stretch[end - 1]) and not _PARTICLE.match(stretch, end)
    )


def _goes_on(beside: str, letter: str) -> bool:
    """Whether the letter beside is of the same script, so that a word may go on there."""
    return bool(beside) and _script(beside) == _script(letter)


def _script(letter: str) -> str:
    """The first word of a letter's name in Unicode, which is its script; a mark of length belongs to the syllables."""
    return "KATAKANA" if letter == "ー" else unicodedata.name(letter, "").split(" ")[0]


def _judged(text: str, place: Place, name: _Name, in_photo: bool) -> _Found:
    """A name that the strict fold found: honest, typed like a common word, or disguised all the same."""
    spelling = text[place.start : place.end]
    done = tricks(spelling, name.folded)
    if not done and "ı" in spelling and "ı" not in name.folded and not is_turkish(spelling, text):
        done = ("letters of another script or style",)
    if done == ("invisible characters inside",) and fold_words(spelling) == name.words:
        done = ()  # a break of the line between the name's own words
    if done or (
        _spaced(place.words) and not in_photo and place.words != name.words and not _SPELT_OUT.fullmatch(spelling)
    ):
        return _disguised(place, spelling, name, done, in_photo)
    marked = text[place.end : place.end + 1] in ("™", "®", "©", "℠")
    sure = _prior(name)
    if len(name.words) == 1 and not marked and (in_photo or spelling.islower()) and is_common(name.folded):
        sure *= _COMMON_SURE if spelling.islower() else _COMMON_IN_PHOTO
    return _Found(place.start, place.end, name.brand, len(name.folded), sure)


def _spaced(words: tuple[str, ...]) -> bool:
    """Whether words are letters spaced out, or pieces of a name ("Sa ms o n i te") of which two or more are letters."""
    alone = sum(len(w) == 1 for w in words)
    return len(words) >= _DISGUISE_MIN_LETTERS and alone >= 2 and sum(map(len, words)) <= 2 * len(words)


def _disguised(place: Place, spelling: str, name: _Name, done: tuple[str, ...], in_photo: bool) -> _Found:
    """A name in disguise, as sure as its surest trick; without a trick its letters are spaced out."""
    share = max((_DISGUISE_SURE.get(trick, _DISGUISE_LESS_SURE) for trick in done), default=_DISGUISE_LESS_SURE)
    share = min(share, _SLIP_SURE) if in_photo else share
    distance = disguised_distance(spelling, name.folded) if done else 1.0 - len(name.folded) / len(spelling)
    return _Found(place.start, place.end, name.brand, len(name.folded), _prior(name) * share, distance)


def _may_hide(spelling: str, read: str, words: tuple[str, ...], name: _Name, around: str) -> bool:
    """Whether a text of the name's skeleton is its disguise, and no honest word, number or text of another script."""
    digits = sum(not c.isalpha() for c in read)
    latin = any(c.isascii() and c.isalpha() for c in spelling)
    if 3 * digits > 2 * len(read) or _COUNTED.fullmatch(read):
        return False
    if read.isalnum() and all(map(is_word, words)):  # of "H@ver" the letters alone are a word too
        return False
    if not latin and is_foreign(around):
        return False
    if len(name.folded) < _DISGUISE_MIN_LETTERS and not (
        latin and read.replace("i", "l") == name.folded.replace("i", "l")
    ):
        return False
    own_words = len(words) in (1, len(name.words)) or all(len(w) <= 1 for w in words)
    return own_words or (len(name.folded) >= _JOINED_MIN_LETTERS and not any(w.isdigit() for w in words))


def _longest(found: list[_Found], length: int) -> list[_Found]:
    """Of overlapping finds the more exact stays, of equally exact ones the longer; a disguise is as good as exact."""
    kept: list[_Found] = []
    taken = bytearray(length)  # a text may name a brand thousands of times: no pair of finds is compared
    for hit in sorted(
        found, key=lambda f: (f.near * f.distance, -f.letters, f.distance, f.end - f.start, f.start, f.brand)
    ):
        if taken.find(1, hit.start, hit.end) < 0:
            kept.append(hit)
            taken[hit.start : hit.end] = b"\1" * (hit.end - hit.start)
    return kept


def _kinds(text: str, hits: Sequence[_Found]) -> list[MentionKind]:
    """The kind of each find, in the order of the text; names of one list share their role."""
    roles = [role_of(text[: hit.start][-_BESIDE:], text[hit.end : hit.end + _BESIDE]) for hit in hits]
    gaps = [text[a.end : b.start] for a, b in itertools.pairwise(hits)]
    for i, gap in enumerate(gaps, 1):
        if roles[i - 1][0] == "compatible" and roles[i][0] is None and is_list_gap(gap):
            roles[i] = "compatible", False
    for i in range(len(gaps) - 1, -1, -1):  # "Samsung, Apple için kılıf"
        joined = gaps[i].strip(" 0123456789()[]") and is_list_gap(gaps[i])
        if roles[i + 1] == ("compatible", True) and roles[i][0] is None and joined:
            roles[i] = "compatible", True
    return [role or ("near" if hit.distance else "exact") for hit, (role, _) in zip(hits, roles, strict=True)]
