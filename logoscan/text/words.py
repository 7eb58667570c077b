"""Which folded words are dictionary words of five languages, and which English ones everybody uses; from
pyspellchecker.

Knows no brand. The lists are read at the first question, never at import.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from threading import Lock

from logoscan.text.folding import fold

__all__ = ["is_common", "is_word"]

_LANGUAGES = ("en", "de", "fr", "es", "it")
# The lists' lowest count, at which typing errors and rarities stand ("artier", "akita"): such words do not count.
_MIN_COUNT = 50
# Count from which an English word is common: apple 24,670, mini 6,560; below are google 2,012, jordan 1,531.
_COMMON_COUNT = 3000

# Words that stand in most listings and in no list: "Versand" is no misspelled Versace.
_TRADE_WORDS = frozenset(
    {"versand", "versandkosten", "versandfrei", "kostenlos", "lieferung", "livraison", "envio", "envios", "spedizione",
     "verzending", "wysylka", "dostawa", "kargo", "ucretsiz", "frakt", "levering", "entrega", "frete"}
)  # fmt: skip

# Threads that ask first at the same time would each read the lists, which takes a second.
_lock = Lock()


def _counted_words(language: str) -> Iterator[tuple[str, int]]:
    packed = files("spellchecker").joinpath("resources", f"{language}.json.gz").read_bytes()
    counts = json.loads(gzip.decompress(packed))
    return ((_folded(word), count) for word, count in counts.items() if count > _MIN_COUNT)


def _folded(word: str) -> str:
    """Return the fold of a word of a list; most are plain letters, for which `fold` takes ten times as long."""
    return word.lower() if word.isascii() and word.isalnum() else fold(word)


@cache
def _words() -> frozenset[str]:
    return _TRADE_WORDS.union(word for language in _LANGUAGES for word, _ in _counted_words(language))


@cache
def _common() -> frozenset[str]:
    return frozenset(word for word, count in _counted_words("en") if count >= _COMMON_COUNT)


def is_word(folded: str) -> bool:
    """Return whether the folded word is a dictionary word in English, German, French, Spanish or Italian."""
    with _lock:
        words = _words()
    return folded in words


def is_common(folded: str) -> bool:
    """Return whether everybody uses the folded word in English, so that it seldom means the brand of that name."""
    with _lock:
        words = _common()
    return folded in words
