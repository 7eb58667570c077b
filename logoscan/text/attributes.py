"""Stated attributes of a listing against the registered facts of a brand: which compare, and which contradict.

Knows keys, words and quantities; knows no brand and no score. Abstains where a listing does not state the attribute, or
says nothing by it; it does not know that two words mean the same ("PU", "polyurethane") unless a fact lists both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from logoscan.text.folding import fold
from logoscan.text.quantities import measure
from logoscan.text.tokens import fold_words

__all__ = ["Contradiction", "FactCheck", "contradictions"]

_SAME = (
    "madein countryoforigin origin origincountry countryofmanufacture manufacturedin herkunftsland paysdorigine",
    "material materials fabric composition",
    "color colour",
    "ean gtin gtin13 ean13 barcode",
    "upc gtin12",
    "model modelnumber modelno",
    "mpn manufacturerpartnumber partnumber",
    "manufacturer maker madeby",
    "weight itemweight netweight",
    "volume netvolume contents",
    "warranty guarantee",
    "brand brandname",
)
"""Keys that mean one attribute, folded; the first stands for all."""
_CANONICAL = {key: row.split()[0] for row in _SAME for key in row.split()}
_SILENT = frozenset(
    {"na", "none", "null", "nil", "unknown", "unspecified", "notspecified", "notapplicable", "notavailable"}
    | {"notstated", "doesnotapply", "doesntapply", "unbekannt", "keineangabe", "tbd", "other", "see", "seedescription"}
    | {"asshown", "asdescribed", "various"}
)
"""Folded values that say nothing."""
_TOLERANCE = 0.02
"""Share by which quantities may differ: rounding, and ounces beside grams."""
_FIRST = 0.7
"""Value of one contradiction; each further one takes the same share of what is left. Stated, not fitted."""
_MAX_SHOWN = 60
_MAX_ATTRIBUTES = 1000
"""Further ones are not looked at: no honest listing states so many."""
_MAX_CHARS = 500
"""Of a key or a value; what is longer is a description, and to fold it takes time that grows with its square."""


@dataclass(frozen=True)
class Contradiction:
    """A fact that the listing contradicts.

    Attributes:
        fact: The key, as the brand registered it.
        stated: The listing's value.
        registered: The brand's value.
        why: A sentence for a report.
    """

    fact: str
    stated: str
    registered: str
    why: str


@dataclass(frozen=True)
class FactCheck:
    """Registered facts against one listing.

    Attributes:
        comparable: Each fact, by its registered key: whether the listing states something to compare.
        found: The contradictions, in the order of the facts.
    """

    comparable: Mapping[str, bool]
    found: tuple[Contradiction, ...]

    @property
    def value(self) -> float | None:
        """How much contradicts, in [0, 1]: 0 for nothing, 0.7 for one fact; absent where nothing is comparable."""
        return 1.0 - (1.0 - _FIRST) ** len(self.found) if any(self.comparable.values()) else None


def contradictions(attributes: Mapping[str, str], facts: Mapping[str, str]) -> FactCheck:
    """Compares what a listing states with what its brand registered.

    Args:
        attributes: The listing's. Of several under one key, one that agrees suffices.
        facts: The brand's. A value may list alternatives, parted by "|" or ","; a key that ends in "prefix" is met by
            an attribute of the same stem that begins so ("ean_prefix", "ean").
    """
    stated: dict[str, list[str]] = {}
    for key, value in islice(attributes.items(), _MAX_ATTRIBUTES):
        said = value[:_MAX_CHARS].strip()
        if _says(said):
            stated.setdefault(_key(key[:_MAX_CHARS]), []).append(said)
    comparable: dict[str, bool] = {}
    found = []
    for fact, registered in facts.items():
        stem, is_prefix = _stem(fact)
        verdicts = [(value, _agrees(value, registered, is_prefix)) for value in stated.get(stem, [])]
        judged = [(value, verdict) for value, verdict in verdicts if verdict is not None]
        comparable[fact] = bool(judged)
        if judged and not any(verdict for _, verdict in judged):
            found.append(_contradiction(fact, judged[0][0], registered, is_prefix))
    return FactCheck(comparable, tuple(found))


def _contradiction(fact: str, stated: str, registered: str, is_prefix: bool) -> Contradiction:
    name = " ".join(re.split(r"[\s_\-]+", fact.strip()))
    relation = "begins with" if is_prefix else "is"
    said, known = _short(stated), _short(registered)
    name = re.sub(r"\s*prefix$", "", name, flags=re.IGNORECASE) if is_prefix else name
    why = f"The listing says {name!r} is {said!r}, but the brand registered that it {relation} {known!r}."
    return Contradiction(fact, stated, registered, why)


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _key(key: str) -> str:
    folded = fold(key)
    return _CANONICAL.get(folded, folded)


def _stem(fact: str) -> tuple[str, bool]:
    """The attribute that a fact's key speaks of, and whether it states its beginning only."""
    folded = fold(fact)
    stem = folded.removesuffix("prefix")
    is_prefix = stem != folded and stem != ""
    return _CANONICAL.get(stem, stem) if is_prefix else _key(fact), is_prefix


def _says(value: str) -> bool:
    folded = fold(value)
    return bool(folded) and folded not in _SILENT


def _agrees(stated: str, registered: str, is_prefix: bool) -> bool | None:
    """Whether a stated value agrees with a registered one; None where they cannot be compared."""
    options = [o for o in _alternatives(registered, is_prefix) if _says(o)]
    if not options:
        return None
    if is_prefix:
        return any(fold(stated).startswith(fold(o)) for o in options)
    verdicts = [_agree(stated, option) for option in options]
    if any(verdicts):
        return True
    return None if None in verdicts else False


def _alternatives(registered: str, is_prefix: bool) -> list[str]:
    """Parted by "|" and commas; a comma within a quantity ("1,5 l") parts nothing."""
    registered = registered[:_MAX_CHARS]  # as much as a brand may register
    return re.split(r"[|,]" if is_prefix else r"\||,(?!(?<=[0-9],)[0-9]{1,3} ?[^\W\d])", registered)


def _agree(stated: str, option: str) -> bool | None:
    """Quantities by number, else by words: all words of either within the other agree; None across kinds of units."""
    ours, theirs = measure(stated), measure(option)
    if ours and theirs:
        if ours[1] != theirs[1]:
            return None
        return abs(ours[0] - theirs[0]) <= _TOLERANCE * max(ours[0], theirs[0])
    said, known = fold_words(stated), fold_words(option)
    if not said or not known:
        return None
    return _holds(said, known) or _holds(known, said) or "".join(said) == "".join(known)


def _holds(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    """Whether the words hold the part's, side by side."""
    return any(words[i : i + len(part)] == part for i in range(len(words) - len(part) + 1))
