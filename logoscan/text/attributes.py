"""Stated attributes of a listing against the registered facts of a brand: which compare, and which contradict.

Knows keys, words and quantities; knows no brand and no score. Abstains where a listing does not state the attribute, or
states nothing by it. It does not know that two words mean the same ("PU", "polyurethane") unless a fact lists both.
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

# Keys that mean one attribute, folded; the first stands for all.
_SYNONYMOUS_KEYS = (
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
_CANONICAL = {key: row.split()[0] for row in _SYNONYMOUS_KEYS for key in row.split()}
# Folded values that state nothing.
_EMPTY_VALUES = frozenset(
    {"na", "none", "null", "nil", "unknown", "unspecified", "notspecified", "notapplicable", "notavailable"}
    | {"notstated", "doesnotapply", "doesntapply", "unbekannt", "keineangabe", "tbd", "other", "see", "seedescription"}
    | {"asshown", "asdescribed", "various"}
)
# Share by which quantities may differ: rounding, and ounces beside grams.
_TOLERANCE = 0.02
# Value of one contradiction; each further one takes this share of what is left. Stated, not fitted.
_ONE_CONTRADICTION = 0.7
# Longest value that a reason quotes, in characters.
_MAX_SHOWN = 60
# Further attributes are not compared: no honest listing states so many.
_MAX_ATTRIBUTES = 1000
# Longest key or value; what is longer is a description, and the time to fold it grows with the square of its length.
_MAX_CHARS = 500


@dataclass(frozen=True)
class Contradiction:
    """A fact that the listing contradicts.

    Attributes:
        fact: The registered key.
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
    """Registered facts of a brand against one listing.

    Attributes:
        comparable: Whether the listing states something to compare, for each fact by its registered key.
        found: The contradictions, in the order of the facts.
    """

    comparable: Mapping[str, bool]
    found: tuple[Contradiction, ...]

    @property
    def value(self) -> float | None:
        """How much contradicts, in [0, 1]: 0 for nothing, 0.7 for one fact; None where nothing is comparable."""
        return 1.0 - (1.0 - _ONE_CONTRADICTION) ** len(self.found) if any(self.comparable.values()) else None


def contradictions(attributes: Mapping[str, str], facts: Mapping[str, str]) -> FactCheck:
    """Compare what a listing states with what its brand registered.

    Args:
        attributes: Attributes of the listing. If several have one key, it suffices that one agrees.
        facts: Facts of the brand. A value may list alternatives, parted by "|" or ","; a key that ends in "prefix"
            ("ean_prefix") is met by an attribute of the same stem ("ean") that begins so.
    """
    stated: dict[str, list[str]] = {}
    for key, value in islice(attributes.items(), _MAX_ATTRIBUTES):
        text = value[:_MAX_CHARS].strip()
        if _is_stated(text):
            stated.setdefault(_key(key[:_MAX_CHARS]), []).append(text)
    comparable: dict[str, bool] = {}
    contradicted = []
    for fact, registered in facts.items():
        stem, is_prefix = _stem(fact)
        verdicts = [(value, _agrees(value, registered, is_prefix)) for value in stated.get(stem, [])]
        judged = [(value, verdict) for value, verdict in verdicts if verdict is not None]
        comparable[fact] = bool(judged)
        if judged and not any(verdict for _, verdict in judged):
            contradicted.append(_contradiction(fact, judged[0][0], registered, is_prefix))
    return FactCheck(comparable, tuple(contradicted))


def _contradiction(fact: str, stated: str, registered: str, is_prefix: bool) -> Contradiction:
    name = " ".join(re.split(r"[\s_\-]+", fact.strip()))
    relation = "begins with" if is_prefix else "is"
    name = re.sub(r"\s*prefix$", "", name, flags=re.IGNORECASE) if is_prefix else name
    why = (
        f"The listing says {name!r} is {_short(stated)!r}, but the brand registered that it {relation} "
        f"{_short(registered)!r}."
    )
    return Contradiction(fact, stated, registered, why)


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _key(key: str) -> str:
    folded = fold(key)
    return _CANONICAL.get(folded, folded)


def _stem(fact: str) -> tuple[str, bool]:
    """Return the attribute that a fact's key names, and whether the fact gives only its beginning."""
    folded = fold(fact)
    stem = folded.removesuffix("prefix")
    is_prefix = stem != folded and stem != ""
    return _CANONICAL.get(stem, stem) if is_prefix else _key(fact), is_prefix


def _is_stated(value: str) -> bool:
    folded = fold(value)
    return bool(folded) and folded not in _EMPTY_VALUES


def _agrees(stated: str, registered: str, is_prefix: bool) -> bool | None:
    """Return whether a stated value agrees with a registered one; None where they cannot be compared."""
    options = [o for o in _alternatives(registered, is_prefix) if _is_stated(o)]
    if not options:
        return None
    if is_prefix:
        return any(fold(stated).startswith(fold(o)) for o in options)
    verdicts = [_agrees_with(stated, option) for option in options]
    if any(verdicts):
        return True
    return None if None in verdicts else False


def _alternatives(registered: str, is_prefix: bool) -> list[str]:
    """Split a registered value at "|" and commas; a comma within a quantity ("1,5 l") parts nothing."""
    registered = registered[:_MAX_CHARS]  # as much as a brand may register
    return re.split(r"[|,]" if is_prefix else r"\||,(?!(?<=[0-9],)[0-9]{1,3} ?[^\W\d])", registered)


def _agrees_with(stated: str, option: str) -> bool | None:
    """Return whether a value agrees with one alternative; None across kinds of units.

    Quantities are compared by number, everything else by words: all words of either within the other agree.
    """
    quantity, registered_quantity = measure(stated), measure(option)
    if quantity and registered_quantity:
        if quantity[1] != registered_quantity[1]:
            return None
        largest = max(quantity[0], registered_quantity[0])
        return abs(quantity[0] - registered_quantity[0]) <= _TOLERANCE * largest
    words, registered_words = fold_words(stated), fold_words(option)
    if not words or not registered_words:
        return None
    joined_equal = "".join(words) == "".join(registered_words)
    return _holds(words, registered_words) or _holds(registered_words, words) or joined_equal


def _holds(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    """Return whether the words hold the part's words, side by side."""
    return any(words[i : i + len(part)] == part for i in range(len(words) - len(part) + 1))
