"""Names of brands kept for evaluation, which no training or sample material may carry, and the rule that finds them.

`HELD_OUT` and `HELD_OUT_OF_TRAINING` are folded lists of these brands, stored here so that the recipe works without the
evaluation data; `read_heldout` reads such a list from a file. This module must not know how icons are rendered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

HELD_OUT: tuple[str, ...] = (
    "adidas", "apple", "bmw", "citroen", "cocacola", "dhl", "fedex", "ferrari", "ford", "google", "hp",
    "hewlettpackard", "intel", "mcdonalds", "mini", "nbc", "nike", "jordan", "pepsi", "porsche", "puma", "redbull",
    "sprite", "starbucks", "texaco", "unicef", "vodafone", "yahoo", "heineken", "arla", "oatly", "alpro", "tropicana",
    "bravo", "godmorgon", "garant", "valio", "yoggi",
)  # fmt: skip
"""Folded names of the brands kept for evaluation."""

HELD_OUT_OF_TRAINING: tuple[str, ...] = (
    "armani", "asics", "balenciaga", "boss", "burberry", "calvinklein", "casio", "chanel", "christiandior",
    "columbia", "converse", "diesel", "dior", "fendi", "fila", "fossil", "gucci", "hellyhansen", "hermes", "hugoboss",
    "infiniti", "lacoste", "levis", "lexus", "louisvuitton", "mazda", "michaelkors", "oakley", "omega", "peugeot",
    "prada", "ralphlauren", "rayban", "reebok", "rolex", "saintlaurent", "skechers", "skoda", "subaru", "supreme",
    "suzuki", "swarovski", "timberland", "tissot", "tommyhilfiger", "vans", "versace", "volvo", "yvessaintlaurent",
    "zara",
)  # fmt: skip
"""Folded names of further brands that no network is trained on; as distractors of an evaluation they stay."""

# Entries of up to this many letters must equal the whole name: "hp" must not drop every name that starts with hp.
_LONGEST_WHOLE_NAME = 3


def fold_name(name: str) -> str:
    """Return `name` in lower case with accents, spaces and punctuation removed: only ``[a-z0-9]`` is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^a-z0-9]", "", plain.lower())


def is_held_out(name: str, held_out: Iterable[str] = HELD_OUT) -> bool:
    """Return True if an icon called `name` belongs to a brand kept for evaluation.

    A folded name is held out if it equals or starts with an entry; entries of three letters or fewer must be equal. The
    rule is also applied from every later word of the name on ("cc-apple-pay", "square-google-plus"), because icon
    sets put qualifiers in front.

    Args:
        name: Name as an icon set gives it, words separated by anything that is no letter or digit.
        held_out: Folded names.

    Returns:
        True if the icon must not be used.
    """
    entries = tuple(held_out)
    words = [w for w in (fold_name(part) for part in re.split(r"[^\w]+|_", name)) if w]
    for start in range(len(words)):
        rest = "".join(words[start:])
        for entry in entries:
            if rest == entry or (len(entry) > _LONGEST_WHOLE_NAME and rest.startswith(entry)):
                return True
    return False


def read_heldout(path: str | Path) -> tuple[str, ...]:
    """Read held-out names from a text file, one a line; blank lines and ``#`` comments are skipped.

    Args:
        path: UTF-8 text file.

    Returns:
        The folded names in file order.

    Raises:
        ValueError: If the file names no brand at all.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    names = tuple(n for n in (fold_name(line) for line in lines if not line.lstrip().startswith("#")) if n)
    if not names:
        raise ValueError(f"held-out list {path}: expected at least one name, got none")
    return names


def held_out_packs(packs: Iterable[str], every: int = 2) -> tuple[str, ...]:
    """Choose the packs of a set of photos that no network may see: every second one by name.

    No crop for training may overlap a box of one of them, and no whole photo for training may show one.

    Args:
        packs: Names of the packs; a name may occur more than once.
        every: Chooses every N-th, where N is this number, in the order of the lower-case names; 1 chooses all.

    Returns:
        The chosen names, in that order.

    Raises:
        ValueError: If `every` is below 1.
    """
    if every < 1:
        raise ValueError(f"held_out_packs.every: expected 1 or more, got {every}")
    ordered = sorted(set(packs), key=lambda name: (name.lower(), name))
    return tuple(ordered[every - 1 :: every])
