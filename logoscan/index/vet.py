"""What speaks against registering a brand: names and drawings that are another's, records that would be lost.

Whoever registers a brand may err, or mean another brand harm: its name taken over, everyday words made its aliases, its
drawing registered twice. Knows no files and no encoders.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol, TypeAlias, TypeVar

from logoscan.errors import InputError, VettingError
from logoscan.index.families import Family, Key
from logoscan.index.storage import LogoRecord
from logoscan.text.brand_names import NO_BRAND, fold
from logoscan.text.folding import plain, skeleton
from logoscan.text.words import is_common
from logoscan.types import Brand, UsualPrice

__all__ = [
    "CONFLICTS",
    "Conflict",
    "ConflictKind",
    "UsualPrices",
    "allowed",
    "refuse",
    "settled",
    "told",
    "vet_drawings",
    "vet_logos",
    "vet_names",
    "vet_prices",
]

ConflictKind: TypeAlias = Literal["name", "alias", "record", "logo", "price"]
CONFLICTS: tuple[ConflictKind, ...] = ("name", "alias", "record", "logo", "price")
"""A name or an alias that is another brand's; an alias that is no name; a record or a drawing that would be replaced; a
drawing that is another brand's; usual prices above those that are known."""
_SHORT = 4
"""Letters from which an alias in Latin letters needs not to abbreviate the brand's name: shorter words are sizes, units
and techniques (XL, LED, USB) that stand in everybody's titles."""
_SHOWN, _TOLD = 8, 4
"""Conflicts that a message lists, and logos of a family."""

logger = logging.getLogger(__name__)

T = TypeVar("T")


class UsualPrices(Protocol):
    """Known prices, against which the usual prices of an owner are held; a `PriceModel` is one."""

    def lies_above_most(self, brand: Brand, usual: UsualPrice) -> bool:
        """Whether more than half of the known prices of the brand lie below this range."""
        ...


@dataclass(frozen=True)
class Conflict:
    """One thing that speaks against registering a brand.

    Attributes:
        kind: See `CONFLICTS`.
        brand: That should be registered.
        reason: One sentence.
    """

    kind: ConflictKind
    brand: str
    reason: str


def allowed(allow: Collection[ConflictKind]) -> frozenset[ConflictKind]:
    """The kinds of conflict that a caller accepts.

    Raises:
        InputError: One is none.
    """
    given: tuple[str, ...] = (allow,) if isinstance(allow, str) else tuple(allow)
    if unknown := set(given) - set(CONFLICTS):
        raise InputError(f"allow: expected some of {', '.join(CONFLICTS)}, got {min(unknown, key=repr)!r:.80}")
    return frozenset(kind for kind in CONFLICTS if kind in given)


def refuse(conflicts: Iterable[Conflict], allow: Collection[ConflictKind]) -> None:
    """Say in the log which conflicts are allowed.

    Raises:
        VettingError: There are others.
    """
    found = list(dict.fromkeys(conflicts))
    barred = [f"{one.brand:.100}: {one.reason} ({one.kind})" for one in found if one.kind not in allow]
    if barred:
        more = f"; and {len(barred) - _SHOWN} more" if len(barred) > _SHOWN else ""
        kinds = sorted({one.kind for one in found} - {*allow})
        raise VettingError(
            f"{'; '.join(barred[:_SHOWN])}{more}; nothing was registered; `allow` accepts: {', '.join(kinds)}",
            tuple(barred),
        )
    for one in found:
        logger.warning("%.100s: %s; registered all the same", one.brand, one.reason)


def settled(
    entries: Sequence[tuple[Brand, T]], registered: Mapping[str, Brand]
) -> tuple[list[tuple[Brand, T]], list[Conflict]]:
    """Entries with the record that each brand gets, and a conflict for each record that would be lost by that.

    A record that says nothing but the name, of a brand with logos to add, leaves the registered one as it is.

    Args:
        entries: Brands with their logos; a brand may come more than once.
        registered: Records by the names of brands.
    """
    known, conflicts = dict(registered), []
    for brand, logos in entries:
        before = known.get(brand.name)
        if before is None or before == brand or (before == Brand(brand.name) and brand.name not in registered):
            known[brand.name] = brand
        elif not (logos and brand == Brand(brand.name)):
            lost = ", ".join(f.name for f in fields(Brand) if getattr(before, f.name) != getattr(brand, f.name))
            conflicts.append(Conflict("record", brand.name, f"is registered with other {lost}"))
            known[brand.name] = brand
    return [(known[brand.name], logos) for brand, logos in entries], conflicts


def vet_names(brands: Iterable[Brand], registered: Mapping[str, Brand]) -> list[Conflict]:
    """What speaks against the names and aliases of brands, each by its record; those registered so are not asked.

    Args:
        brands: To be registered.
        registered: Records by the names of brands.
    """
    new = {b.name: b for b in brands if registered.get(b.name) != b}
    if not new:
        return []
    owner: dict[str, str] = {}
    for brand in sorted((b for b in registered.values() if b.name not in new), key=lambda b: b.name):
        for spelling in (brand.name, *brand.aliases):
            owner.setdefault(_looks(spelling), brand.name)
    out: list[Conflict] = []
    spellings = [(b.name, b.name) for b in new.values()] + [(a, b.name) for b in new.values() for a in b.aliases]
    for spelling, name in spellings:  # names first: an alias yields to a name
        kind: ConflictKind = "name" if spelling == name else "alias"
        folded = fold(spelling)
        other = owner.setdefault(_looks(spelling), name) if folded else name
        if other != name:
            out.append(Conflict(kind, name, f"{spelling!r:.80} is spelt like a name of {other!r:.80}"))
        elif folded in NO_BRAND - {""}:
            out.append(Conflict(kind, name, f"{spelling!r:.80} says that there is no brand"))
        elif kind == "alias" and folded != fold(name) and is_common(folded):
            out.append(Conflict(kind, name, f"{spelling!r:.80} is a common word"))
        elif kind == "alias" and folded.isascii() and 0 < len(folded) < _SHORT and not _abbreviates(folded, name):
            out.append(Conflict(kind, name, f"{spelling!r:.80} is short, and no abbreviation of the name"))
    return out


def _looks(spelling: str) -> str:
    """A name as it looks, whichever script its letters are of."""
    folded = fold(spelling)
    return folded if folded.isascii() else skeleton(plain(folded)) if plain(folded).isascii() else folded


def _abbreviates(folded: str, name: str) -> bool:
    """Whether a short word begins as a name does and goes on with letters of it in their order ("VW", "NB", "PS5")."""
    own, short = iter(fold(name)), [c for c in folded if not c.isdigit()]
    return short[:1] == [fold(name)[:1]] and all(c in own for c in short)


def vet_drawings(drawings: Iterable[LogoRecord], registered: Iterable[LogoRecord]) -> list[Conflict]:
    """A conflict for each registered drawing that another of the same identifier would replace."""
    known = {(r.brand, r.id): r.sha256 for r in registered}
    return [
        Conflict("record", r.brand, f"its logo {r.id!r:.80} is registered with another drawing")
        for r in {(r.brand, r.id): r for r in drawings}.values()
        if known.get((r.brand, r.id), r.sha256) != r.sha256
    ]


def vet_logos(nearest: Mapping[Key, tuple[Key, float]]) -> list[Conflict]:
    """A conflict for each new logo that is the drawing of another brand, with the likest such and its cosine."""
    return [
        Conflict("logo", brand, f"{logo!r:.80} is the drawing of {other!r:.80} ({cosine:.2f})")
        for (brand, logo), ((_, other), cosine) in sorted(nearest.items())
    ]


def told(families: Iterable[Family], fresh: Collection[Key]) -> list[str]:
    """What is said of new logos of several brands that are one drawing."""
    out = []
    for family in families:
        logos = sorted(key for key in family if key in fresh)
        if len({brand for brand, _ in logos}) > 1:
            names = ", ".join(f"{logo!r:.80}" for _, logo in logos[:_TOLD]) + (", ..." if len(logos) > _TOLD else "")
            out.append(f"{names}: one drawing of several brands; where it is seen, all of them are shown")
    return out


def vet_prices(brands: Iterable[Brand], prices: UsualPrices) -> list[Conflict]:
    """A conflict for each range of usual prices below which more than half of the prices lie that are known."""
    out = []
    for brand in brands:
        for usual in brand.usual_prices:
            if prices.lies_above_most(brand, usual):
                what = f"{usual.low:g} to {usual.high:g} {usual.currency}"
                out.append(Conflict("price", brand.name, f"most prices that are known lie below its usual {what}"))
    return out
