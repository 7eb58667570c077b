"""Text -> mentions of registered brands, exact or near, and in which role ("for BRAND", "BRAND style").

Knows names and letters; knows nothing of pictures or scores. Edit distance is rapidfuzz's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from logoscan.types import Brand, BrandMention, MentionKind, TextSpans

__all__ = ["NO_BRAND", "NameIndex", "fold"]

_MAX_CHARS = 20_000
"""Text beyond this is not searched: no honest title or photo holds more."""
_MAX_WORDS = 4
"""Words of the text that are joined to meet one name."""
_NEAR_MIN_LETTERS = 5
"""Shorter names have too many words one letter away."""
_NEAR_DISTANCE = 0.2
"""Normalised edit distance up to which text is "nearly" a name: one letter of five, two of ten."""
_INSIDE_MIN_LETTERS = 6
"""Names this long are also found inside of a longer word ("starbuckscoffee")."""
_SURE_BY_LETTERS = {1: 0.02, 2: 0.25, 3: 0.6, 4: 0.85}
"""Prior that an exact short word means the brand; 0.95 from five letters on. Stated, not fitted."""
_INSIDE_SURE = 0.4
"""Prior that a name inside of a longer word in a photo means the brand: lines are read without their spaces, but
"thermostat" is no Thermos. Words that were typed have their spaces, so nothing is sought inside of them."""
_NEAR_SURE = 0.6
"""Prior that a nearly spelt name means the brand, before its distance is taken off. Stated, not fitted."""

_SIGNS = dict.fromkeys(map(ord, "™®©℠"))
"""Trademark signs are no letters of the name; NFKC would spell some out."""

_FOR = re.compile(
    r"(?:\b(?:for|fits?|suits|suitable for|compatible with|works with|replacement for|replaces|für|fuer|pour|para|per)"
    r"|适用于|适用|兼容)(?:\s+(?:the|all|your|use with|most))*\s*[:(]?\s*$",
    re.IGNORECASE,
)
_LIST_GAP = re.compile(r"^\s*(?:,|/|&|\+|and|or|und|et)\s*$|^[\s\d()\[\]]*$", re.IGNORECASE)
"""Between names that share one "for": "for Apple, Samsung", "for Apple iPhone", "for PlayStation 5 (PS5)"."""
NO_BRAND = frozenset(
    {"", "unbranded", "nobrand", "noname", "none", "na", "doesnotapply", "generic", "ohnemarke", "keine"}
)
"""Folded words by which sellers say that there is no brand."""
_COMPATIBLE_AFTER = re.compile(r"^\s*[-–]?\s*(?:compatible|kompatibel)\b", re.IGNORECASE)
_STYLE_AFTER = re.compile(
    r"^\s*[-–]?\s*(?:style|styled|type|like(?!\s+new\b)|look|inspired|dupe|lookalike|look-alike)\b", re.IGNORECASE
)
_STYLE_BEFORE = re.compile(
    r"\b(?:inspired by|in the style of|style of|similar to|looks? like|dupe (?:of|for))\s*$", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)


def fold(text: str) -> str:
    """Letters and digits alone: compatibility forms unified, no case, accents or punctuation; for comparison."""
    plain = text.translate(_SIGNS)
    unified = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", plain).casefold())
    return "".join(c for c in unified if c.isalnum())


@dataclass(frozen=True)
class _Found:
    start: int
    end: int
    brand: str
    distance: float
    letters: int
    inside: bool = False


class NameIndex:
    """Names and aliases of registered brands, searchable in text. Immutable."""

    def __init__(self, brands: Iterable[Brand]) -> None:
        """Fold the names of `brands`.

        A brand's own name goes before another's alias; of two brands with one folded name the first in the alphabet
        has it.
        """
        ordered = sorted(brands, key=lambda b: b.name)
        spellings = [(b.name, b.name) for b in ordered] + [(alias, b.name) for b in ordered for alias in b.aliases]
        owner: dict[str, str] = {}
        for spelling, name in spellings:
            if folded := fold(spelling):
                owner.setdefault(folded, name)
        self._owner = owner
        self._long = [name for name in owner if len(name) >= _INSIDE_MIN_LETTERS]
        near = [name for name in owner if len(name) >= _NEAR_MIN_LETTERS]
        self._by_length = {n: [name for name in near if len(name) == n] for n in {len(name) for name in near}}

    def __len__(self) -> int:
        """Distinct folded names."""
        return len(self._owner)

    def resolve(self, name: str) -> str | None:
        """The registered brand that has this name or alias, or the only one that `name` contains as words, or None."""
        whole = self._owner.get(fold(name))
        named = {m.brand for m in self.find(name, "claim") if m.kind == "exact"}
        return whole or (named.pop() if len(named) == 1 else None)

    def find(self, text: str, source: str, confidence: float = 1.0) -> list[BrandMention]:
        """Mentions in one text, surest first, one for each brand and kind.

        Args:
            text: Any.
            source: "title", "description", "claim" or "image:N"; only in images are names sought inside of words.
            confidence: How surely the letters are known, in [0, 1]; scales the probability.
        """
        text = text[:_MAX_CHARS]
        found = self._locate(text, inside=source.startswith("image:"))
        mentions: dict[tuple[str, MentionKind], BrandMention] = {}
        previous: tuple[int, MentionKind] | None = None
        for hit in sorted(found, key=lambda f: f.start):
            kind = _role(text, hit, previous)
            previous = (hit.end, kind)
            words = text[hit.start : hit.end][:200]
            mention = BrandMention(source, words, hit.brand, kind, hit.distance, max(0.0, _prior(hit) * confidence))
            key = (hit.brand, kind)
            if key not in mentions or mention.probability > mentions[key].probability:
                mentions[key] = mention
        return sorted(mentions.values(), key=lambda m: (-m.probability, m.brand, m.kind))

    def find_in_spans(self, spans: TextSpans, source: str) -> list[BrandMention]:
        """Mentions in the lines of one picture; names that run over two lines are found too."""
        lines = list(zip(spans.texts, spans.confidence.tolist(), strict=True))
        pairs = [(f"{a} {b}", min(p, q)) for (a, p), (b, q) in pairwise(lines)]
        mentions: dict[tuple[str, MentionKind], BrandMention] = {}
        for text, sure in [*lines, *pairs]:
            for mention in self.find(text, source, confidence=sure):
                key = (mention.brand, mention.kind)
                if key not in mentions or mention.probability > mentions[key].probability:
                    mentions[key] = mention
        exact = {brand for brand, kind in mentions if kind == "exact"}
        kept = [m for m in mentions.values() if m.kind != "near" or m.brand not in exact]
        return sorted(kept, key=lambda m: (-m.probability, m.brand, m.kind))

    def _locate(self, text: str, *, inside: bool) -> list[_Found]:
        spelt = [(m.start(), m.end(), m.group()) for m in _WORD.finditer(text)]
        words = [(start, end, fold(word)) for start, end, word in spelt]
        bare = [fold(word[:-2]) if _POSSESSIVE.search(word) else "" for _, _, word in spelt]
        grams: dict[str, list[tuple[int, int]]] = {}
        for i in range(len(words)):
            joined = ""
            for j in range(i, min(len(words), i + _MAX_WORDS)):
                if bare[j]:  # "Apple's" is Apple, not nearly Apple
                    grams.setdefault(joined + bare[j], []).append((words[i][0], words[j][1] - 2))
                joined += words[j][2]
                if joined:
                    grams.setdefault(joined, []).append((words[i][0], words[j][1]))
        found: list[_Found] = []
        for gram, places in grams.items():
            if gram in self._owner:
                found += [_Found(a, b, self._owner[gram], 0.0, len(gram)) for a, b in places]
        for start, end, word in words:
            if inside and len(word) > _INSIDE_MIN_LETTERS and word not in self._owner:
                held = [name for name in self._long if len(name) < len(word) and name in word]
                found += [_Found(start, end, self._owner[name], 0.0, len(name), inside=True) for name in held]
        taken = [(f.start, f.end) for f in found]
        for gram, name, distance in self._near([g for g in grams if g not in self._owner]):
            for a, b in grams[gram]:
                if not any(a < q and p < b for p, q in taken):  # what is spelt rightly is no look-alike of another
                    found.append(_Found(a, b, self._owner[name], distance, len(name)))
        return _longest(found)

    def _near(self, grams: Sequence[str]) -> list[tuple[str, str, float]]:
        """Pairs of a gram and the names within the near distance, not equal."""
        out: list[tuple[str, str, float]] = []
        for length, names in self._by_length.items():
            slack = length // 4  # a fifth of the longer text: of the name, or of a text a quarter longer
            close = [g for g in grams if abs(len(g) - length) <= slack and not g.isdigit()]
            if not close:
                continue
            scores = cdist(close, names, scorer=Levenshtein.normalized_distance, score_cutoff=_NEAR_DISTANCE)
            rows, columns = np.nonzero(scores <= _NEAR_DISTANCE)
            out += [
                (close[r], names[c], float(scores[r, c]))
                for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
                if close[r] != names[c] + "s" or names[c].endswith("s")  # apples are no misspelt Apple
            ]
        return out


def _prior(hit: _Found) -> float:
    """Probability that a hit means the brand, before the letters' own confidence."""
    if hit.distance > 0:
        return _NEAR_SURE - hit.distance
    return _INSIDE_SURE if hit.inside else _SURE_BY_LETTERS.get(hit.letters, 0.95)


def _longest(found: list[_Found]) -> list[_Found]:
    """Of overlapping finds the more exact stays, of equally exact ones the longer name."""
    kept: list[_Found] = []
    for hit in sorted(found, key=lambda f: (f.distance, -f.letters, f.start, f.brand)):
        if not any(hit.start < k.end and k.start < hit.end for k in kept):
            kept.append(hit)
    return kept


def _role(text: str, hit: _Found, previous: tuple[int, MentionKind] | None) -> MentionKind:
    before, after = text[max(0, hit.start - 40) : hit.start], text[hit.end : hit.end + 24]
    if _STYLE_AFTER.search(after) or _STYLE_BEFORE.search(before):
        return "style"
    if _FOR.search(before) or _COMPATIBLE_AFTER.search(after):
        return "compatible"
    if previous and previous[1] == "compatible" and _LIST_GAP.search(text[previous[0] : hit.start]):
        return "compatible"
    return "exact" if hit.distance == 0 else "near"
