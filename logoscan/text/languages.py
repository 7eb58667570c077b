"""Words of every language that the library knows: one table, from which each search takes its words.

Knows words; knows no names. The words are data, `_data/languages.toml`; a further language is a further table there.
Terms for copies and complaints have strengths and neighbours of their own, so they stand in `coded_terms.csv` and
`complaint_terms.csv`, which have words of the same languages.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from importlib.resources import files

from logoscan.errors import InputError
from logoscan.text.folding import caseless

__all__ = ["FIRST_UNSPACED", "LanguageWords", "Words", "alternatives", "is_turkish", "languages", "words_of"]

FIRST_UNSPACED = "\u0e00"
"""First letter of the scripts that part no words, or hang endings on foreign ones; an earlier one is of the others."""
_LETTER_RUN = re.compile(r"[^\W\d_]+")
# Letters that no other language of the table has.
_TURKISH_LETTER = re.compile("[şŞğĞİı]")
# Words of the Turkish table that other languages have.
_ALSO_FOREIGN = frozenset({"ile", "el", "2", "stil", "model", "tarz"})


@dataclass(frozen=True)
class LanguageWords:
    """Words of one language, in lists that may be empty.

    Attributes:
        and_words: Words for "and".
        for_before: Words before a name that mean goods for it.
        for_after: Words behind a name, or behind its model ("Dyson V11 için"), that mean goods for it.
        style_before: Words before a name that mean goods in its style.
        style_after: Words directly behind a name that mean goods in its style.
        fillers: Words that may stand between "for" and a name ("for all your Nikes").
        devices: Things that need accessories: they may stand between a name and "for", on either side.
        not_before: Words that deny what follows.
        not_after: Words that deny what precedes.
        not_fillers: Words that may stand between a denial and what it denies ("not a Nike").
        hedges: Words by which something is feared, was thought once or is only possible.
        used: Conditions of goods that are not new.
        unused: Conditions that hold a word for used and mean the opposite.
        no_brand: Words by which sellers say that there is no brand.
        endings: Endings that a name takes, and particles that are written behind it without a space.
        for_endings: Endings by which goods are for the name.
        prefixes: Words that are written before a name without a space.
        for_prefixes: Such words by which goods are for the name.
        trade: Frequent words of titles, for a script without spaces: a name may begin or end beside them.
    """

    and_words: tuple[str, ...] = ()
    for_before: tuple[str, ...] = ()
    for_after: tuple[str, ...] = ()
    style_before: tuple[str, ...] = ()
    style_after: tuple[str, ...] = ()
    fillers: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    not_before: tuple[str, ...] = ()
    not_after: tuple[str, ...] = ()
    not_fillers: tuple[str, ...] = ()
    hedges: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    no_brand: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    for_endings: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    for_prefixes: tuple[str, ...] = ()
    trade: tuple[str, ...] = ()


@dataclass(frozen=True)
class Words:
    """Words as two patterns, "" for none: of languages that part words by spaces, and of those that do not."""

    spaced: str
    joined: str


@cache
def languages() -> Mapping[str, LanguageWords]:
    """Return the table: the words of each language by its code, ISO 639-1."""
    rows = tomllib.loads(files("logoscan").joinpath("_data", "languages.toml").read_text("utf-8"))
    names = {field.name for field in fields(LanguageWords)}
    for code, row in rows.items():
        if unknown := row.keys() - names:
            raise InputError(f"languages.toml: {code}: expected lists of {sorted(names)}, got {sorted(unknown)}")
    return {code: LanguageWords(**{name: tuple(words) for name, words in row.items()}) for code, row in rows.items()}


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of one list over all languages, each once."""
    return tuple(dict.fromkeys(word for row in languages().values() for word in getattr(row, name)))


def alternatives(words: Iterable[str], unless: Mapping[str, str] | None = None) -> Words:
    """Return words as patterns for text that `caseless` made, longest first.

    Args:
        words: Words of the table.
        unless: Letters that may not follow a word of a language without spaces, by the word.
    """
    folded = {caseless(word) for word in words}
    spaced = {word for word in folded if word.lstrip("^*")[0] < FIRST_UNSPACED}
    later = {caseless(word): f"(?![{letters}])" for word, letters in (unless or {}).items()}

    def longest_first(group: Iterable[str]) -> list[str]:
        return sorted(group, key=lambda word: (-len(word), word))

    return Words(
        "|".join(map(_pattern, longest_first(spaced))),
        "|".join(re.escape(word) + later.get(word, "") for word in longest_first(folded - spaced)),
    )


def _pattern(word: str) -> str:
    begins = r"(?:(?<![^,.;:!?()|–-])|(?<=[,.;:!?()|–-] ))" if word.startswith("^") else ""
    return begins + re.escape(word.removeprefix("^")).replace(r"\*", r"\w*")


def is_turkish(spelling: str, text: str) -> bool:
    """Return whether a dotless i in a spelling is Turkish rather than a disguise ("Nıke replica").

    It is Turkish where another word of the text is Turkish or has a Turkish letter, and where all of several i are
    dotless, as when WAIKIKI is written small by the rules of Turkish.
    """
    if spelling.count("ı") > 1 and "i" not in spelling:
        return True
    return bool(_turkish_words_in(text) - set(_LETTER_RUN.findall(spelling)))


@lru_cache(maxsize=8)
def _turkish_words_in(text: str) -> frozenset[str]:
    words = set(_LETTER_RUN.findall(text))
    return frozenset(w for w in words if _TURKISH_LETTER.search(w) or w.casefold() in _turkish_words())


@cache
def _turkish_words() -> frozenset[str]:
    """Return words of Turkish listings that are no words of the other languages."""
    row = languages()["tr"]
    lists = (row.and_words, row.trade, row.for_after, row.style_after, row.not_after, row.used, row.unused)
    return frozenset(word for words in lists for phrase in words for word in phrase.split()) - _ALSO_FOREIGN
