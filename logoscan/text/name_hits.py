"""One place in a text that reads like a registered name: how probable it is that the brand is meant, and why.

Knows names and words; knows nothing of pictures or scores. `name_search` finds the places.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from logoscan.odds import BASE_RATE, SHOWN_SHARE
from logoscan.text.folding import disguised_distance, fold, is_foreign, tricks, unenclosed
from logoscan.text.inflections import Stem
from logoscan.text.languages import is_turkish
from logoscan.text.roles import is_list_gap, role_of
from logoscan.text.tokens import TokenRun, and_words, fold_words
from logoscan.text.unspaced import is_unspaced, script_of, written_letters
from logoscan.text.words import is_common, is_word
from logoscan.types import MentionKind

__all__ = [
    "Hit",
    "Name",
    "alone_prior",
    "disguised_hit",
    "exact_hit",
    "inflected_hit",
    "kinds_of",
    "may_be_disguise",
    "name_prior",
    "respelled_hit",
    "without_overlaps",
]

# Prior that an exact short word means the brand, by its letters; 0.95 from five letters on. Stated, not fitted.
_PRIOR_BY_LETTERS = {1: 0.02, 2: 0.25, 3: 0.6, 4: 0.85}
# Prior of an exact name in Japanese, Korean or Thai letters, most of them a syllable; 0.95 from three on. Most Chinese
# names have two characters, each a word.
_PRIOR_BY_SYLLABLES, _PRIOR_BY_CHARACTERS = {1: 0.02, 2: 0.85}, {1: 0.02}
_LONG_NAME_PRIOR = 0.95
# Share of an exact name's prior that it keeps with the ending of a plural or a genitive ("Birkenstocks", "Nikes
# Schuhe").
_INFLECTED_SHARE = 0.95
# Shorter names are disguised by letters of another script alone: "5p" is no SP.
_DISGUISE_MIN_LETTERS = 4
# Names of this length are also recognised in a disguise that runs over other words than the name's own.
_JOINED_MIN_LETTERS = 6
# Share of an exact name's prior by the trick; the most telling trick counts. Nobody types these by accident. Stated,
# not fitted.
_DISGUISE_SHARES = {
    "invisible characters inside": 1.0,
    "letters of another script or style": 1.0,
    "digits or signs for letters": 0.9,
}
# Share of the prior for letters that only look alike (rn, vv, l for I) and for letters spaced out: another word may be
# meant.
_OTHER_DISGUISE_SHARE = 0.75
# Largest share of the prior for any disguise in a photo, where the OCR may have slipped: as much as a near name's.
_DISGUISE_IN_PHOTO_SHARE = 0.6
# Share of the prior of a common word (apple, shell, mini) in small letters and without a trademark sign.
_COMMON_WORD_SHARE = 0.25
# Share of the prior of a common word with a capital in a photo, where whole lines are in capitals: "ORANGE" is more
# often juice than a maker.
_COMMON_IN_PHOTO_SHARE = 0.5
# A line of a photo that is a name and nothing else is there by chance in so many photos: by the letters of the name (1
# to 4 and more), and where it is a common word. Counted in 1,935 photos of goods, streets and packs that RapidOCR read,
# over all letters and all common words, and taken five to ten times, since some are much more frequent.
_ALONE_BY_CHANCE = {1: 0.5, 2: 8e-4, 3: 5e-5, 4: 3e-6}
_COMMON_ALONE_BY_CHANCE = 1.5e-4
# Most that such a line says where the name is a common word or has two letters: of "NEW" and "XL" it says far less than
# of most. And the share of a brand's photos in which its name is such a line. Stated, not fitted.
_MOST_ALONE, _ALONE_WHERE_SHOWN = 0.8, 0.5
# Characters on either side of a name in which words may say its role.
_ROLE_CONTEXT_CHARS = 80
# An acronym's honest dots: "D.K.N.Y." is no disguise, "D K N Y" and "D-K-N-Y" are.
_DOTTED_ACRONYM = re.compile(r"\w(?:\s*\.\s*\w)+")
# A number and its unit, folded: "2in1" is no Zini, "100m" no Loom.
_QUANTITY = re.compile(
    r"\d+(?:x|m|k|d|v|w|g|l|s|th|st|nd|rd|in\d*|ml|cl|oz|kg|mg|lbs?|[ckm]m|inch|ft|pcs?|packs?|pk|ply|way|[gtm]b|mah|hz"
    r"|hrs?|min|xl|ct|pieces?|yrs?|years?)"
)


@dataclass(frozen=True)
class Name:
    """One registered name or alias: its folded letters, the brand that it belongs to, and its folded words."""

    folded: str
    brand: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """One place in a text that reads like a name.

    Attributes:
        start: First character in the text.
        end: Last character, exclusive.
        brand: Registered brand.
        letters: Letters of the folded name.
        probability: Prior that the brand is meant, before the confidence of the letters.
        distance: 1 minus the normalised similarity to the name, in [0, 1]; 0 for an honest spelling.
        fuzzy: Whether an edit distance made the hit; False for exact names and disguises.
        is_for: Whether an ending of the name says that the goods are for it.
    """

    start: int
    end: int
    brand: str
    letters: int
    probability: float
    distance: float = 0.0
    fuzzy: bool = False
    is_for: bool = False


def name_prior(name: Name) -> float:
    """Return the probability that the name in its right spelling means the brand, before the letters' confidence."""
    if is_unspaced(name.folded):
        priors = _PRIOR_BY_CHARACTERS if all(script_of(c) == "CJK" for c in name.folded) else _PRIOR_BY_SYLLABLES
        return priors.get(written_letters(name.folded), _LONG_NAME_PRIOR)
    return _PRIOR_BY_LETTERS.get(len(name.folded), _LONG_NAME_PRIOR)


def alone_prior(name: Name, brands: int) -> float:
    """Return the probability that a line of a photo that is a name and nothing else means the brand.

    By Bayes' rule, from how often such a line is there by chance; so common words and short names mean less among many
    registered brands, of which the photo may show any.

    Args:
        name: The name.
        brands: Number of registered brands, 1 or more.
    """
    letters, common = len(name.folded), len(name.words) == 1 and is_common(name.folded)
    chance = max(_ALONE_BY_CHANCE[min(letters, len(_ALONE_BY_CHANCE))], _COMMON_ALONE_BY_CHANCE * common)
    shown = _ALONE_WHERE_SHOWN * min(BASE_RATE, SHOWN_SHARE / brands)
    return min(_MOST_ALONE if common or letters <= 2 else _LONG_NAME_PRIOR, shown / (shown + chance))


def exact_hit(text: str, run: TokenRun, name: Name, in_photo: bool, brands: int = 1) -> Hit:
    """Return the hit of a name that the strict fold matched: honest, typed like a common word, or disguised.

    Args:
        text: The text that the hit stands in; a line, if it was read in a photo.
        run: Where the name stands.
        name: The name.
        in_photo: Whether the text was read in a photo.
        brands: Number of registered brands.
    """
    spelling = text[run.start : run.end]
    done = tricks(spelling, name.folded)
    if not done and "ı" in spelling and "ı" not in name.folded and not is_turkish(spelling, text):
        done = ("letters of another script or style",)
    if done == ("invisible characters inside",) and fold_words(spelling) == name.words:
        done = ()  # a break of the line between the name's own words
    if done or (
        _spaced_out(run.words) and not in_photo and run.words != name.words and not _DOTTED_ACRONYM.fullmatch(spelling)
    ):
        return disguised_hit(run, spelling, name, done, in_photo)
    marked = text[run.end : run.end + 1] in ("™", "®", "©", "℠")
    probability = name_prior(name)
    if len(name.words) == 1 and not marked and (in_photo or spelling.islower()) and is_common(name.folded):
        probability *= _COMMON_WORD_SHARE if spelling.islower() else _COMMON_IN_PHOTO_SHARE
    if in_photo and not any(map(str.isalnum, text[: run.start] + text[run.end :])):
        probability = max(probability, alone_prior(name, brands))
    return Hit(run.start, run.end, name.brand, len(name.folded), probability)


def respelled_hit(text: str, run: TokenRun, name: Name, in_photo: bool) -> Hit:
    """Return the hit of a name in another honest spelling; it is a disguise if characters are hidden or styled."""
    spelling = text[run.start : run.end]
    done = tricks(spelling, fold(unenclosed(spelling)))
    text_words, name_words = (
        [word for word in words if word not in and_words()] for words in (fold_words(spelling), name.words)
    )
    if done and not (done == ("invisible characters inside",) and len(text_words) == len(name_words)):
        return disguised_hit(run, spelling, name, done, in_photo)
    return Hit(run.start, run.end, name.brand, len(name.folded), name_prior(name))


def inflected_hit(text: str, run: TokenRun, name: Name, gram: str, stem: Stem, in_photo: bool) -> Hit:
    """Return the hit of a name with an ending; less probable for an ordinary word without a capital ("pumas").

    Args:
        text: The text that the hit stands in.
        run: Where the inflected name stands.
        name: The name.
        gram: The folded letters of the inflected name.
        stem: How the name comes from them.
        in_photo: Whether the text was read in a photo.
    """
    hit = respelled_hit(text, run._replace(start=run.start + stem.prefix), name, in_photo)
    probability = hit.probability * _INFLECTED_SHARE
    lower = text[run.start : run.end].islower()
    if len(name.words) == 1 and (lower or in_photo) and is_word(gram):
        probability *= _COMMON_WORD_SHARE if lower else _COMMON_IN_PHOTO_SHARE
    return replace(hit, probability=probability, is_for=stem.is_for and not hit.distance)


def disguised_hit(run: TokenRun, spelling: str, name: Name, done: tuple[str, ...], in_photo: bool) -> Hit:
    """Return the hit of a name in disguise, as probable as its most telling trick.

    Args:
        run: Where the disguise stands.
        spelling: The text there.
        name: The name behind it.
        done: Tricks, as `folding.tricks` names them; without any, the letters are spaced out.
        in_photo: Whether the text was read in a photo.
    """
    share = max((_DISGUISE_SHARES.get(trick, _OTHER_DISGUISE_SHARE) for trick in done), default=_OTHER_DISGUISE_SHARE)
    share = min(share, _DISGUISE_IN_PHOTO_SHARE) if in_photo else share
    distance = disguised_distance(spelling, name.folded) if done else 1.0 - len(name.folded) / len(spelling)
    return Hit(run.start, run.end, name.brand, len(name.folded), name_prior(name) * share, distance)


def may_be_disguise(spelling: str, plain_form: str, words: tuple[str, ...], name: Name, around: str) -> bool:
    """Return whether a text with the skeleton of a name may be its disguise.

    It is none where it is an honest word, a number or a text of another script.

    Args:
        spelling: The text as it stands.
        plain_form: The `folding.plain` form of it.
        words: The folded words of it.
        name: The name that has the same skeleton.
        around: The rest of the text.
    """
    digits = sum(not c.isalpha() for c in plain_form)
    latin = any(c.isascii() and c.isalpha() for c in spelling)
    if 3 * digits > 2 * len(plain_form) or _QUANTITY.fullmatch(plain_form):
        return False
    if plain_form.isalnum() and all(map(is_word, words)):  # the letters of "H@ver" alone are a word too
        return False
    if not latin and is_foreign(around):
        return False
    if len(name.folded) < _DISGUISE_MIN_LETTERS and not (
        latin and plain_form.replace("i", "l") == name.folded.replace("i", "l")
    ):
        return False
    name_words = len(words) in (1, len(name.words)) or all(len(w) <= 1 for w in words)
    return name_words or (len(name.folded) >= _JOINED_MIN_LETTERS and not any(w.isdigit() for w in words))


def without_overlaps(hits: list[Hit], length: int) -> list[Hit]:
    """Return the hits of which none overlap: the more exact goes first, then the longer; a disguise is exact.

    Args:
        hits: Hits in one text.
        length: Characters of the text.
    """
    kept: list[Hit] = []
    covered = bytearray(length)  # a text may name a brand thousands of times, so no pair of hits is compared
    for hit in sorted(
        hits, key=lambda h: (h.fuzzy * h.distance, -h.letters, h.distance, h.end - h.start, h.start, h.brand)
    ):
        if covered.find(1, hit.start, hit.end) < 0:
            kept.append(hit)
            covered[hit.start : hit.end] = b"\1" * (hit.end - hit.start)
    return kept


def kinds_of(text: str, hits: Sequence[Hit], *, typed: bool) -> list[MentionKind]:
    """Return the kind of mention of each hit; names in one list share their role.

    Args:
        text: The text that the hits stand in.
        hits: Hits in the order of the text.
        typed: Whether the text was typed, not read in a photo: only then it may deny a brand.
    """
    roles = [
        ("compatible", True)
        if hit.is_for
        else role_of(text[: hit.start][-_ROLE_CONTEXT_CHARS:], text[hit.end : hit.end + _ROLE_CONTEXT_CHARS])
        for hit in hits
    ]
    gaps = [text[a.end : b.start] for a, b in itertools.pairwise(hits)]
    for i, gap in enumerate(gaps, 1):
        if roles[i - 1][0] == "compatible" and roles[i][0] is None and is_list_gap(gap):
            roles[i] = "compatible", False
    for i in range(len(gaps) - 1, -1, -1):  # "Samsung, Apple için kılıf"
        joined = gaps[i].strip(" 0123456789()[]") and is_list_gap(gaps[i])
        if roles[i + 1] == ("compatible", True) and roles[i][0] is None and joined:
            roles[i] = "compatible", True
    return [
        role if role and (role != "denied" or (typed and not hit.distance)) else "near" if hit.distance else "exact"
        for hit, (role, _) in zip(hits, roles, strict=True)
    ]


def _spaced_out(words: tuple[str, ...]) -> bool:
    """Return whether words are letters spaced out, or pieces of a name of which two or more are letters.

    "Sa ms o n i te" is such a row of pieces.
    """
    letters = sum(len(w) == 1 for w in words)
    return len(words) >= _DISGUISE_MIN_LETTERS and letters >= 2 and sum(map(len, words)) <= 2 * len(words)
