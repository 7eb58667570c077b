"""What an index keeps of brand packs: whose word each logo and fact is, how to take a pack back, and what happened."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Literal, TypeAlias

from logoscan._quote import quoted
from logoscan._validate import country, text, texts, unicode_text
from logoscan.errors import InputError
from logoscan.index.storage import LogoRecord
from logoscan.types import Brand, Embeddings

__all__ = [
    "PACK_FIELDS",
    "GalleryName",
    "InstalledPack",
    "PackEvent",
    "PackState",
    "RemovedRows",
    "TrademarkRight",
    "Undo",
]

PACK_FIELDS = ("logos", "rights", *(f.name for f in fields(Brand) if f.name != "name"))
"""What a pack may state of a brand: its logos, its rights, and the fields of its record."""
GalleryName: TypeAlias = Literal["logos", "names", "negatives"]
"""One of the three galleries of an index."""
# Letters of a number in a register, and of an owner's name.
_MOST_CHARS = 200
_CLASSES = range(1, 46)


@dataclass(frozen=True)
class TrademarkRight:
    """A registered trade mark, as its owner states it; logoscan asks no office.

    Attributes:
        office: Office of the registration, such as EUIPO, WIPO or a country's code.
        number: Number of the registration.
        owner: Owner of the mark.
        nice_classes: Classes of goods of the Nice Agreement, in [1, 45]; empty where not stated.
        territory: ISO 3166-1 codes of the countries, or EU; empty where not stated.
        until: Last day of the registration, ISO 8601; None where not stated.

    Raises:
        InputError: A field is not of the stated kind.
    """

    office: str
    number: str
    owner: str | None = None
    nice_classes: tuple[int, ...] = ()
    territory: tuple[str, ...] = ()
    until: str | None = None

    def __post_init__(self) -> None:
        for name, required in (("office", True), ("number", True), ("owner", False), ("until", False)):
            value = getattr(self, name)
            text("TrademarkRight", name, value, required=required)
            if value is not None and len(value) > _MOST_CHARS:
                raise InputError(f"TrademarkRight.{name}: expected at most {_MOST_CHARS} characters, got {len(value)}")
        if any(type(number) is not int or number not in _CLASSES for number in self.nice_classes):
            raise InputError(
                f"TrademarkRight.nice_classes: expected numbers from 1 to 45, got {quoted(self.nice_classes)}"
            )
        object.__setattr__(self, "nice_classes", tuple(sorted(set(self.nice_classes))))
        codes = texts("TrademarkRight", "territory", self.territory)
        object.__setattr__(
            self, "territory", tuple(country("TrademarkRight", "territory", code) for code in sorted(set(codes)))
        )
        if self.until is not None:
            try:
                date.fromisoformat(self.until)
            except ValueError:
                raise InputError(f"TrademarkRight.until: expected an ISO 8601 day, got {quoted(self.until)}") from None

    @property
    def key(self) -> str:
        """Office and number, without the signs in which spellings of a number differ."""
        return f"{self.office.casefold().strip()}/{''.join(c for c in self.number.casefold() if c.isalnum())}"


@dataclass(frozen=True, eq=False)
class RemovedRows:
    """Rows of a gallery that a pack removed, to be put back.

    Attributes:
        positions: Row of each in the gallery before.
        records: Their records.
        vectors: Their vectors, float32 (n, dim).
        added: Records that the pack added, to be taken away.
    """

    positions: tuple[int, ...]
    records: tuple[LogoRecord, ...]
    vectors: Embeddings
    added: tuple[LogoRecord, ...]


@dataclass(frozen=True, eq=False)
class Undo:
    """How a pack is taken back: what there was of its brand before.

    Attributes:
        brand: Record of the brand; None where there was none.
        galleries: Rows to put back and to take away.
        images: PNG of each logo image that was removed, by SHA-256.
    """

    brand: Brand | None
    galleries: Mapping[GalleryName, RemovedRows]
    images: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class InstalledPack:
    """A pack that is in force, or was before the later ones of its brand.

    Attributes:
        brand: Name of the brand.
        version: Version of the pack.
        sha256: SHA-256 of its manifest.
        expires: When it expires, ISO 8601.
        signers: Ids of the keys that signed it.
        fields: What it states.
        record: Record of the brand when it was applied.
        logos: SHA-256 of the file of each of its logos, by identifier.
        negatives: Identifiers of its negatives.
        official_photos: PDQ hash of each official photo, by name.
        rights: Trade marks.
        undo: How to take it back; None where it is too old for that.
    """

    brand: str
    version: int
    sha256: str
    expires: str
    signers: tuple[str, ...]
    fields: tuple[str, ...]
    record: Brand
    logos: Mapping[str, str] = field(default_factory=dict)
    negatives: tuple[str, ...] = ()
    official_photos: Mapping[str, str] = field(default_factory=dict)
    rights: tuple[TrademarkRight, ...] = ()
    undo: Undo | None = None

    @property
    def name(self) -> str:
        """Brand, version and the first digits of the manifest's hash, as reports write it."""
        return f"{self.brand} {self.version} ({self.sha256[:12]})"


@dataclass(frozen=True)
class PackEvent:
    """A line of the journal of packs.

    Attributes:
        time: When, ISO 8601.
        kind: What happened.
        brand: Name of the brand.
        version: Version of the pack that was applied or taken back.
        sha256: SHA-256 of its manifest.
        accepted: Widenings that were accepted by name.
        reason: Why it was applied though it is old, expired or not the next of its chain; None where it was not.
    """

    time: str
    kind: Literal["apply", "rollback"]
    brand: str
    version: int
    sha256: str
    accepted: tuple[str, ...] = ()
    reason: str | None = None

    def __post_init__(self) -> None:
        unicode_text("PackEvent", "reason", self.reason or "")


@dataclass(frozen=True, eq=False)
class PackState:
    """All packs of an index.

    Attributes:
        installed: Packs of each brand that were not taken back, oldest first.
        events: The journal, oldest first.
    """

    installed: Mapping[str, tuple[InstalledPack, ...]] = field(default_factory=dict)
    events: tuple[PackEvent, ...] = ()

    def only(self, brands: Collection[str]) -> PackState:
        """Return the packs of these brands, with the whole journal."""
        if all(brand in brands for brand in self.installed):
            return self
        return PackState({name: packs for name, packs in self.installed.items() if name in brands}, self.events)

    def current(self, brand: str) -> InstalledPack | None:
        """Return the pack that was applied last to a brand; None where none is in force."""
        packs = self.installed.get(brand, ())
        return packs[-1] if packs else None

    def of_field(self, brand: Brand, name: str) -> InstalledPack | None:
        """Return the pack whose word a field of a brand, or its rights, is; None where it is the platform's own."""
        pack = next((one for one in reversed(self.installed.get(brand.name, ())) if name in one.fields), None)
        if pack is None or name == "rights":
            return pack
        return pack if getattr(brand, name) == getattr(pack.record, name) else None

    def of_logo(self, brand: str, logo: str, sha256: str) -> InstalledPack | None:
        """Return the pack whose word a logo is; None where the platform registered it itself.

        Args:
            brand: Name of the brand.
            logo: Identifier of the logo.
            sha256: Hash of its file.
        """
        pack = next((one for one in reversed(self.installed.get(brand, ())) if "logos" in one.fields), None)
        return pack if pack is not None and pack.logos.get(logo) == sha256 else None

    def rights(self, brand: Brand) -> tuple[TrademarkRight, ...]:
        """Return the trade marks that the packs in force state for a brand."""
        pack = self.of_field(brand, "rights")
        return () if pack is None else pack.rights

    def words(self, brand: Brand, logos: Mapping[str, str]) -> tuple[str, ...]:
        """Return the packs whose word is taken for a brand, each as a text with what it stated, the latest first.

        Args:
            brand: Record of the brand.
            logos: SHA-256 of each of its logos, by identifier.
        """
        out = []
        for pack in reversed(self.installed.get(brand.name, ())):
            stated = [name for name in pack.fields if name != "logos" and self.of_field(brand, name) is pack]
            if any(self.of_logo(brand.name, logo, sha256) is pack for logo, sha256 in logos.items()):
                stated.append("logos")
            if stated:
                out.append(f"{pack.name}: {', '.join(sorted(stated))}")
        return tuple(out)
