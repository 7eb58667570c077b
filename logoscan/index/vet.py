"""Conflicts that prevent the registration of a brand: names and logos of another brand, records that would be lost.

Whoever registers a brand may make a mistake or want to harm another brand: take over its name, make everyday words its
aliases, register its logo once more. This module knows no files and no encoders.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol, TypeAlias, TypeVar

from logoscan._quote import quoted
from logoscan.errors import InputError, VettingError
from logoscan.index.families import Family, LogoKey
from logoscan.index.storage import LogoRecord
from logoscan.text.brand_names import fold, says_no_brand
from logoscan.text.folding import plain, skeleton
from logoscan.text.words import is_common
from logoscan.types import Brand, UsualPrice

__all__ = [
    "CONFLICTS",
    "Conflict",
    "ConflictKind",
    "UsualPrices",
    "accepted_kinds",
    "refuse_conflicts",
    "resolve_records",
    "shared_logo_warnings",
    "vet_logo_images",
    "vet_logos",
    "vet_names",
    "vet_prices",
]

ConflictKind: TypeAlias = Literal["name", "alias", "record", "logo", "price"]
CONFLICTS: tuple[ConflictKind, ...] = ("name", "alias", "record", "logo", "price")
"""Name or alias of another brand; alias that is no name; record or logo image that would be replaced; logo image of
another brand; usual prices above those that are known."""
# Letters from which an alias in Latin letters need not abbreviate the brand's name: shorter words are sizes, units and
# techniques (XL, LED, USB) that occur in everybody's titles.
_MIN_ALIAS_LETTERS = 4
# Conflicts that a message lists, and logos of a family that a warning lists.
_MAX_LISTED, _MAX_LISTED_LOGOS = 8, 4

logger = logging.getLogger(__name__)

T = TypeVar("T")


class UsualPrices(Protocol):
    """Known prices, with which the usual prices that a brand states are compared; a `PriceModel` is one."""

    def lies_above_most(self, brand: Brand, usual: UsualPrice) -> bool:
        """Return whether more than half of the known prices of the brand lie below this range."""
        ...


@dataclass(frozen=True)
class Conflict:
    """One reason not to register a brand.

    Attributes:
        kind: One of `CONFLICTS`.
        brand: Name of the brand that should be registered.
        reason: One sentence.
    """

    kind: ConflictKind
    brand: str
    reason: str


def accepted_kinds(allow: Collection[ConflictKind]) -> frozenset[ConflictKind]:
    """Return the kinds of conflict that a caller accepts.

    Raises:
        InputError: One of them is no kind of conflict.
    """
    given: tuple[str, ...] = (allow,) if isinstance(allow, str) else tuple(allow)
    if unknown := set(given) - set(CONFLICTS):
        raise InputError(f"allow: expected some of {', '.join(CONFLICTS)}, got {quoted(min(unknown, key=repr))}")
    return frozenset(kind for kind in CONFLICTS if kind in given)


def refuse_conflicts(conflicts: Iterable[Conflict], allow: Collection[ConflictKind], *, log: bool = True) -> None:
    """Refuse conflicts that are not allowed, and log those that are, unless the caller tells them otherwise.

    Raises:
        VettingError: At least one conflict is not allowed.
    """
    distinct = list(dict.fromkeys(conflicts))
    refusals = [f"{c.brand}: {c.reason} ({c.kind})" for c in distinct if c.kind not in allow]
    if refusals:
        more = f"; and {len(refusals) - _MAX_LISTED} more" if len(refusals) > _MAX_LISTED else ""
        kinds = sorted({c.kind for c in distinct} - {*allow})
        raise VettingError(
            f"{'; '.join(refusals[:_MAX_LISTED])}{more}; nothing was registered; `allow` accepts: {', '.join(kinds)}",
            tuple(refusals),
        )
    for conflict in distinct if log else ():
        logger.warning("%.100s: %s; registered all the same", conflict.brand, conflict.reason)


def resolve_records(
    entries: Sequence[tuple[Brand, T]], registered: Mapping[str, Brand]
) -> tuple[list[tuple[Brand, T]], list[Conflict]]:
    """Return the entries with the record that each brand gets, and a conflict for each record that would be lost.

    Where logos are added to a registered brand with a record that holds its name alone, the registered record stays.

    Args:
        entries: Brands with their logos; a brand may occur several times.
        registered: Records by the names of brands.
    """
    records, conflicts = dict(registered), []
    for brand, logos in entries:
        before = records.get(brand.name)
        if before is None or before == brand or (before == Brand(brand.name) and brand.name not in registered):
            records[brand.name] = brand
        elif not (logos and brand == Brand(brand.name)):
            lost = ", ".join(f.name for f in fields(Brand) if getattr(before, f.name) != getattr(brand, f.name))
            conflicts.append(Conflict("record", brand.name, f"is registered with other {lost}"))
            records[brand.name] = brand
    return [(records[brand.name], logos) for brand, logos in entries], conflicts


def vet_names(brands: Iterable[Brand], registered: Mapping[str, Brand]) -> list[Conflict]:
    """Find conflicts of the names and aliases of brands; brands that are registered with equal records have none.

    Args:
        brands: Brands to be registered.
        registered: Records by the names of brands.
    """
    new = {b.name: b for b in brands if registered.get(b.name) != b}
    if not new:
        return []
    owner: dict[str, str] = {}
    for brand in sorted((b for b in registered.values() if b.name not in new), key=lambda b: b.name):
        for spelling in (brand.name, *brand.aliases):
            owner.setdefault(_visual_form(spelling), brand.name)
    out: list[Conflict] = []
    spellings = [(b.name, b.name) for b in new.values()] + [(a, b.name) for b in new.values() for a in b.aliases]
    for spelling, name in spellings:  # names first: they have priority over aliases
        kind: ConflictKind = "name" if spelling == name else "alias"
        folded = fold(spelling)
        other = owner.setdefault(_visual_form(spelling), name) if folded else name
        if other != name:
            out.append(Conflict(kind, name, f"{quoted(spelling)} is spelt like a name of {quoted(other)}"))
        elif folded and says_no_brand(spelling):
            out.append(Conflict(kind, name, f"{quoted(spelling)} says that there is no brand"))
        elif kind == "alias" and folded != fold(name) and is_common(folded):
            out.append(Conflict(kind, name, f"{quoted(spelling)} is a common word"))
        elif (
            kind == "alias"
            and folded.isascii()
            and 0 < len(folded) < _MIN_ALIAS_LETTERS
            and not _abbreviates(folded, name)
        ):
            out.append(Conflict(kind, name, f"{quoted(spelling)} is short, and no abbreviation of the name"))
    return out


def _visual_form(spelling: str) -> str:
    """Return a form that is equal for names that look the same, whatever script their letters belong to."""
    folded = fold(spelling)
    return folded if folded.isascii() else skeleton(plain(folded)) if plain(folded).isascii() else folded


def _abbreviates(folded: str, name: str) -> bool:
    """Return whether a word has the first letter of a name and further ones in their order ("VW", "NB", "PS5")."""
    name_letters, letters = iter(fold(name)), [c for c in folded if not c.isdigit()]
    return letters[:1] == [fold(name)[:1]] and all(c in name_letters for c in letters)


def vet_logo_images(logos: Iterable[LogoRecord], registered: Iterable[LogoRecord]) -> list[Conflict]:
    """Find the registered logo images that another one of the same identifier would replace."""
    hashes = {(r.brand, r.id): r.sha256 for r in registered}
    return [
        Conflict("record", r.brand, f"its logo {quoted(r.id)} is registered with another image")
        for r in {(r.brand, r.id): r for r in logos}.values()
        if hashes.get((r.brand, r.id), r.sha256) != r.sha256
    ]


def vet_logos(nearest: Mapping[LogoKey, tuple[LogoKey, float]]) -> list[Conflict]:
    """Return a conflict for each new logo that is the logo of another brand.

    Args:
        nearest: By new logo the most similar logo of another brand, and the cosine.
    """
    return [
        Conflict("logo", brand, f"{quoted(logo)} is the same image as {quoted(other)} ({cosine:.2f})")
        for (brand, logo), ((_, other), cosine) in sorted(nearest.items())
    ]


def shared_logo_warnings(families: Iterable[Family], new: Collection[LogoKey]) -> list[str]:
    """Return a warning for each family of which new logos of several brands are members."""
    out = []
    for family in families:
        logos = sorted(key for key in family if key in new)
        if len({brand for brand, _ in logos}) > 1:
            names = ", ".join(quoted(logo) for _, logo in logos[:_MAX_LISTED_LOGOS])
            names += ", ..." if len(logos) > _MAX_LISTED_LOGOS else ""
            out.append(f"{names}: one image of several brands; where it is found, all of them are shown")
    return out


def vet_prices(brands: Iterable[Brand], prices: UsualPrices) -> list[Conflict]:
    """Find the ranges of usual prices below which more than half of the known prices lie."""
    out = []
    for brand in brands:
        for usual in brand.usual_prices:
            if prices.lies_above_most(brand, usual):
                what = f"{usual.low:g} to {usual.high:g} {usual.currency}"
                out.append(Conflict("price", brand.name, f"most prices that are known lie below its usual {what}"))
    return out
