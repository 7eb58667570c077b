"""Titles in many languages that name a brand, offer goods for it or in its style, used ones, or deny it.

Two files: `title_sentences.csv` (`set,language,says,brand,title`; `says` is named, accessory, style, used or
denied) and
`title_brands.csv` (`brand,aliases`, with a space between aliases).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from logoscan.pricing.sample import condition_of
from logoscan.text.brand_names import NameIndex
from logoscan.types import Brand

_KINDS = {"named": "exact", "used": "exact", "accessory": "compatible", "style": "style", "denied": "denied"}
# Mentions below this probability are not counted.
_SURE = 0.5


@dataclass(frozen=True)
class Sentence:
    """A title, what it says of its brand, and in which part of the file it stands."""

    part: str
    language: str
    says: str
    brand: str
    title: str


def read_sentences(path: Path) -> list[Sentence]:
    """Read the sentences of a file."""
    return [Sentence(*row) for row in list(csv.reader(path.read_text("utf-8").splitlines()))[1:]]


def index_of(path: Path) -> NameIndex:
    """Return an index of the brands of a file."""
    rows = csv.DictReader(path.read_text("utf-8").splitlines())
    return NameIndex(Brand(row["brand"], aliases=tuple(row["aliases"].split())) for row in rows)


def is_right(sentence: Sentence, names: NameIndex) -> bool:
    """Return whether the title names its brand alone, in its role, and its goods are used only if it says so."""
    kinds = {(m.brand, m.kind) for m in names.find(sentence.title, "title") if m.probability >= _SURE}
    used = condition_of(sentence.title) == "used"
    return kinds == {(sentence.brand, _KINDS[sentence.says])} and used == (sentence.says == "used")
