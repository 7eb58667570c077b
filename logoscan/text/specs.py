"""What the photos say of the goods against what the listing says: capacity, amount, model, serial.

Only plain contradictions count: both sides name a value of one kind, and none of the photo's is one of the listing's.
Small print holds many amounts, of nutrients and doses; so an amount of a photo counts only where it stands alone in its
line, or nearly so. Knows words and quantities; knows no brand but by the patterns that it registered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from logoscan.text.letters import bare
from logoscan.text.quantities import measure, pack

__all__ = ["PhotoLine", "SpecClash", "spec_clashes"]

# Lines that the engine was less sure of are not taken at their word.
_LEAST_CONFIDENCE = 0.8
# Longest line, in characters, and most lines of a photo that are read for specifications.
_MOST_CHARS, _MOST_LINES = 200, 200
# An amount counts where these characters at most stand beside it in its line.
_MOST_BESIDE = 14
# Values of one kind in the photos above which they are a table, and say nothing.
_MOST_VALUES = 2
# Amounts that differ by a smaller share are one: "3.4 oz" beside "100 ml".
_SAME_SHARE = 0.06
# Seconds for which a registered pattern may search, because its author need not know how patterns run away.
_PATTERN_S = 0.05
_CAPACITY = re.compile(r"(?<![0-9a-z.,])([1-9][0-9]{0,3}) ?(gb|g|tb|t)(?:b|ytes?)?(?![a-z0-9])")
_LEAST_GB, _MOST_GB = 16, 16384
_AMOUNT = re.compile(r"(?<![0-9a-z.,/-])([0-9]{1,4}(?:[.,][0-9]{1,3})?) ?(ml|cl|l|g|kg|fl\.? ?oz|oz)(?![a-z0-9])\.?")
# Words beside an amount that is no content: nutrients, doses, limits, how much the thing holds.
_NO_CONTENT = re.compile(
    r"per |pro |pour |fat|protein|carb|sugar|salt|fibre|energy|kcal|kj|vitamin|max|up to|bis zu|dose|serving|daily|free"
    r"|extra|gratis|\+|%|save|caffeine|/ ?100"
)
# A serial, where it says so.
_SERIAL = re.compile(r"(?:\bs ?/ ?n|serial(?: ?(?:no|number))?|\bsn)\.? ?[:#.]? ?([a-z0-9][a-z0-9-]{5,24})(?![a-z0-9])")
_ATTRIBUTES = {
    "capacity": re.compile("storage|capacity|memory|rom|speicher"),
    "amount": re.compile("volume|content|net ?weight|size|amount|quantity"),
}


class PhotoLine(NamedTuple):
    """A line of text in a photo: the words, and how sure the engine is of them, in [0, 1]."""

    text: str
    confidence: float


class SpecClash(NamedTuple):
    """A contradiction: of what kind it is ("capacity"), and a sentence about it, without a full stop."""

    kind: str
    why: str


def spec_clashes(
    lines: Sequence[PhotoLine],
    title: str | None,
    attributes: Mapping[str, str],
    model_patterns: Sequence[str] = (),
    serial_patterns: Sequence[str] = (),
) -> tuple[SpecClash, ...]:
    """Return how the photos contradict the listing.

    Args:
        lines: Lines that were read in the listing's photos.
        title: Title of the listing.
        attributes: Stated product facts.
        model_patterns: Regular expressions of the model numbers that the brand registered: a model in the photos that
            the listing does not name, while it names another one.
        serial_patterns: Regular expressions of its serials: a serial in the photos that fits none of them.
    """
    sure = [line.text[:_MOST_CHARS] for line in lines[:_MOST_LINES] if line.confidence >= _LEAST_CONFIDENCE]
    if not sure:
        return ()
    folded = [bare(text) for text in sure]
    out = [*_clash("capacity", _capacities(folded, alone=True), _stated_capacities(title, attributes), "GB")]
    for unit in ("ml", "g"):
        out += _clash("amount", _amounts(folded, unit), _stated_amounts(title, attributes, unit), unit)
    out += _model_clash(sure, " ".join([title or "", *attributes.values()]), model_patterns)
    out += _serial_clash(folded, serial_patterns)
    return tuple(out)


def _clash(kind: str, shown: set[float], stated: set[float], unit: str) -> Iterable[SpecClash]:
    if not shown or not stated or len(shown) > _MOST_VALUES:
        return
    if any(abs(a - b) <= _SAME_SHARE * max(a, b) for a in shown for b in stated):
        return
    photo, listing = (" and ".join(f"{v:g} {unit}" for v in sorted(values)[:3]) for values in (shown, stated))
    yield SpecClash(kind, f"a photo says {photo}, the listing {listing}")


def _capacities(texts: Iterable[str], *, alone: bool) -> set[float]:
    """Return the storage that texts name, in GB: powers of two, or round sizes, so that weights are none."""
    found = set()
    for text in texts:
        for match in _CAPACITY.finditer(text):
            if alone and len(text) - len(match[0]) > _MOST_BESIDE:
                continue
            value = int(match[1]) * (1024 if match[2].startswith("t") else 1)
            written = len(match[2]) > 1 or match[0].rstrip().endswith("b")
            if written and _LEAST_GB <= value <= _MOST_GB and (value & (value - 1) == 0 or value % 250 == 0):
                found.add(float(value))
    return found


def _stated_capacities(title: str | None, attributes: Mapping[str, str]) -> set[float]:
    texts = [bare(title or ""), *(bare(v) for k, v in attributes.items() if _ATTRIBUTES["capacity"].search(bare(k)))]
    return _capacities(texts, alone=False)


def _amounts(texts: Iterable[str], unit: str) -> set[float]:
    found = set()
    for text in texts:
        if _NO_CONTENT.search(text):
            continue
        for match in _AMOUNT.finditer(text):
            if len(text) - len(match[0]) <= _MOST_BESIDE and (read := measure(match[0].rstrip("."))) is not None:
                value, base = read
                if base == unit and value >= 5.0:
                    found.add(value)
    return found


def _stated_amounts(title: str | None, attributes: Mapping[str, str], unit: str) -> set[float]:
    found = set()
    stated = [title or "", *(v for k, v in attributes.items() if _ATTRIBUTES["amount"].search(bare(k)))]
    for text in stated:
        size = pack(text)
        if size.unit == unit and size.amount is not None and size.total is not None:
            found |= {size.amount, size.total}
    return found


@cache
def _compiled(pattern: str) -> Any:
    import regex

    return regex.compile(rf"(?<![^\W_]){pattern}(?![^\W_])", regex.IGNORECASE)


def _fits(pattern: str, text: str) -> list[str]:
    """Return what of a text fits a registered pattern; a pattern that runs away fits nothing."""
    try:
        return [match[0].upper() for match in _compiled(pattern).finditer(text, timeout=_PATTERN_S)]
    except TimeoutError:
        return []


def _model_clash(texts: Sequence[str], stated: str, patterns: Sequence[str]) -> Iterable[SpecClash]:
    shown = {fit for pattern in patterns for text in texts for fit in _fits(pattern, text)}
    named = {fit for pattern in patterns for fit in _fits(pattern, stated)}
    if shown and named and not shown & named and len(shown) <= _MOST_VALUES:
        yield SpecClash("model", f"a photo shows model {min(shown)}, the listing names {min(named)}")


def _serial_clash(texts: Sequence[str], patterns: Sequence[str]) -> Iterable[SpecClash]:
    if not patterns:
        return
    serials = [match[1].upper() for text in texts for match in _SERIAL.finditer(text) if re.search("[0-9]", match[1])]
    strange = [s for s in serials if not any(fit == s for pattern in patterns for fit in _fits(pattern, s))]
    if strange and len(strange) == len(serials):
        yield SpecClash("serial", "a photo shows a serial of a form that the brand did not register")
