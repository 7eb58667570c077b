"""How the letters of a word differ from a brand name, for people who cannot see the difference.

Works on text only; uses neither photos nor reports.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from logoscan.text.folding import fold, plain, unenclosed
from logoscan.text.letters import INVISIBLE

__all__ = ["Letter", "closest", "letters"]

_INVISIBLE_CHARACTER = re.compile(f"[{INVISIBLE}]")
# Normalised similarity of two spellings from which single letters are marked: below it, nearly all would be.
_MIN_SIMILARITY = 0.5


@dataclass(frozen=True)
class Letter:
    """One character of a text.

    Attributes:
        shown: The character as the page shows it.
        odd: How it differs from the name, a phrase; None if it does not.
    """

    shown: str
    odd: str | None = None


def closest(text: str, names: Iterable[str]) -> str | None:
    """Return the name (or alias) that is most similar to a text; None if none is similar enough to compare letters."""
    folded = fold(unenclosed(text))
    similarity = {name: Levenshtein.normalized_similarity(plain(folded), fold(name)) for name in names}
    best = max(similarity, key=lambda name: similarity[name], default=None)
    return best if best is not None and similarity[best] >= _MIN_SIMILARITY else None


def letters(text: str, name: str) -> tuple[Letter, ...]:
    """Return the characters of a text, marking those that differ from a name; case and accents do not count.

    Args:
        text: The text as it is written in the listing.
        name: The name that it seems to spell.
    """
    characters = list(unicodedata.normalize("NFC", text))
    odd: list[str | None] = [_invisible(c) for c in characters]
    read: list[tuple[str, int]] = []  # folded letters, each with the position of its character
    for at, character in enumerate(characters):
        if odd[at] is None:
            folded = fold(unenclosed(character))
            lookalike = plain(unenclosed(character)) if len(folded) <= 1 else folded
            read += [(c, at) for c in (folded if folded.isascii() and folded else lookalike)]
            if folded and (not folded.isascii() or _is_styled(character)):
                odd[at] = f"{_unicode_name(character)}, drawn like “{lookalike}”"
    expected = fold(name)
    missing: dict[int, str] = {}
    for edit in Levenshtein.editops("".join(c for c, _ in read), expected):
        source, target = edit.src_pos, edit.dest_pos
        if edit.tag == "insert":
            at = read[source][1] if source < len(read) else len(characters)
            missing[at] = missing.get(at, "") + expected[target]
        else:
            at = read[source][1]
            if edit.tag == "delete":
                odd[at] = f"“{characters[at]}” is too much"
            else:
                letter = expected[target].upper() if characters[at].isupper() else expected[target]
                odd[at] = f"“{characters[at]}” for “{letter}”"
    out: list[Letter] = []
    for at, character in enumerate([*characters, ""]):
        if at in missing:
            out.append(Letter("‸", f"“{missing[at]}” is missing"))
        if character:
            out.append(Letter("·" if _INVISIBLE_CHARACTER.match(character) else character, odd[at]))
    return tuple(out)


def _invisible(character: str) -> str | None:
    return f"invisible: {_unicode_name(character)}" if _INVISIBLE_CHARACTER.match(character) else None


def _is_styled(character: str) -> bool:
    """Check for a styled letter (in a circle, bold, wide): its compatibility form is an ASCII letter or digit."""
    unified = unicodedata.normalize("NFKC", unenclosed(character))
    return not character.isascii() and unified != character and unified.isascii() and unified.isalnum()


def _unicode_name(character: str) -> str:
    """Return the Unicode name of a character, for example "Cyrillic small letter a (U+0430)"."""
    return f"{unicodedata.name(character, 'character').capitalize()} (U+{ord(character):04X})"
