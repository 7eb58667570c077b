"""Which letters of a word depart from a name, and how: for people who see no difference.

Knows letters; knows no photos and no reports.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from logoscan.text.folding import INVISIBLE, fold, plain, unenclosed

__all__ = ["Letter", "closest", "letters"]

_HIDDEN = re.compile(f"[{INVISIBLE}]")
_LEAST_ALIKE = 0.5
"""Normalised similarity of two spellings below which marking single letters would mark nearly all."""


@dataclass(frozen=True)
class Letter:
    """One character as it is shown; `odd` says what is wrong with it, None where nothing is."""

    shown: str
    odd: str | None = None


def closest(text: str, names: Iterable[str]) -> str | None:
    """The name (or alias) that a text spells most nearly; None where none is near enough to compare letters."""
    read = fold(unenclosed(text))
    likeness = {name: Levenshtein.normalized_similarity(plain(read), fold(name)) for name in names}
    best = max(likeness, key=lambda name: likeness[name], default=None)
    return best if best is not None and likeness[best] >= _LEAST_ALIKE else None


def letters(text: str, name: str) -> tuple[Letter, ...]:
    """The characters of a text, those marked that are not the name's. Equal but for case and accents: none is.

    Args:
        text: As it stands.
        name: What it seems to spell.
    """
    shown = list(unicodedata.normalize("NFC", text))
    odd: list[str | None] = [_hidden(c) for c in shown]
    read: list[tuple[str, int]] = []  # folded letters, each with the character that it comes from
    for at, character in enumerate(shown):
        if odd[at] is None:
            folded = fold(unenclosed(character))
            looks = plain(unenclosed(character)) if len(folded) <= 1 else folded
            read += [(c, at) for c in (folded if folded.isascii() and folded else looks)]
            if folded and (not folded.isascii() or _styled(character)):
                odd[at] = f"{_named(character)}, drawn like “{looks}”"
    wanted = fold(name)
    missing: dict[int, str] = {}
    for edit in Levenshtein.editops("".join(c for c, _ in read), wanted):
        here, there = edit.src_pos, edit.dest_pos
        if edit.tag == "insert":
            at = read[here][1] if here < len(read) else len(shown)
            missing[at] = missing.get(at, "") + wanted[there]
        else:
            at = read[here][1]
            if edit.tag == "delete":
                odd[at] = f"“{shown[at]}” is too much"
            else:
                due = wanted[there].upper() if shown[at].isupper() else wanted[there]
                odd[at] = f"“{shown[at]}” for “{due}”"
    out: list[Letter] = []
    for at, character in enumerate([*shown, ""]):
        if at in missing:
            out.append(Letter("‸", f"“{missing[at]}” is missing"))
        if character:
            out.append(Letter("·" if _HIDDEN.match(character) else character, odd[at]))
    return tuple(out)


def _hidden(character: str) -> str | None:
    return f"invisible: {_named(character)}" if _HIDDEN.match(character) else None


def _styled(character: str) -> bool:
    """A letter in a circle, bold, or wide: its compatibility form is an ASCII letter."""
    unified = unicodedata.normalize("NFKC", unenclosed(character))
    return not character.isascii() and unified != character and unified.isascii() and unified.isalnum()


def _named(character: str) -> str:
    """A character as Unicode calls it, for example "Cyrillic small letter a (U+0430)"."""
    return f"{unicodedata.name(character, 'character').capitalize()} (U+{ord(character):04X})"
