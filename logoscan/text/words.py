"""Which folded words are ordinary words of five languages, and which English ones everybody uses; from pyspellchecker.

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
_RARE = 50
"""The lists' lowest count, at which slips and rarities stand ("artier", "akita"): such words do not count."""
_COMMON = 3000
"""Count from which an English word is common: apple 24,670, mini 6,560; below stay google 2,012, jordan 1,531."""

_OF_TRADE = frozenset(
    {"versand", "versandkosten", "versandfrei", "kostenlos", "lieferung", "livraison", "envio", "envios", "spedizione",
     "verzending", "wysylka", "dostawa", "kargo", "ucretsiz", "frakt", "levering", "entrega", "frete"}
)  # fmt: skip
"""Words that stand in most listings and in no list: "Versand" is no misspelt Versace."""

_reading = Lock()
"""Threads that ask first at the same time would each read the lists, for a second."""


def _counted(language: str) -> Iterator[tuple[str, int]]:
    packed = files("spellchecker").joinpath("resources", f"{language}.json.gz").read_bytes()
    return ((fold(word), count) for word, count in json.loads(gzip.decompress(packed)).items() if count > _RARE)


@cache
def _words() -> frozenset[str]:
    return _OF_TRADE.union(word for language in _LANGUAGES for word, _ in _counted(language))


@cache
def _common() -> frozenset[str]:
    return frozenset(word for word, count in _counted("en") if count >= _COMMON)


def is_word(folded: str) -> bool:
    """Whether the folded word is ordinary in English, German, French, Spanish or Italian."""
    with _reading:
        words = _words()
    return folded in words


def is_common(folded: str) -> bool:
    """Whether the folded word is one that everybody uses in English, so that it seldom means the brand of that name."""
    with _reading:
        words = _common()
    return folded in words
