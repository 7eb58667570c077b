"""What photos and words hold besides marks: codes, contacts, and what a file declares about its origin.

These records flow from a photo to its report. A code or a declaration in `PhotoFeatures` has the photo 0; a report
gives each its photo's position.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from logoscan._quote import quoted
from logoscan._validate import box
from logoscan.errors import InputError

__all__ = [
    "AI_MADE",
    "Code",
    "CodeFormat",
    "Contact",
    "ContactKind",
    "ContactUse",
    "Declaration",
    "DeclarationKind",
]

CodeFormat: TypeAlias = Literal["ean13", "ean8", "upca", "upce", "code128", "qr", "datamatrix"]
"""Format of a bar code or matrix code."""
ContactKind: TypeAlias = Literal["phone", "mail", "messenger", "link"]
"""What a contact is: a phone number, a mail address, a name in a messenger or social network, or a web address."""
DeclarationKind: TypeAlias = Literal["ai_made", "ai_edited", "signed", "broken"]
"""What a file declares: made by generative AI; edited with it; signed by a camera or program, and unaltered since;
signed and altered since, so that nothing that it declares is believed."""
AI_MADE = frozenset({"ai_made", "ai_edited"})
"""Kinds of declarations that name generative AI."""

_GTIN = re.compile("[0-9]{14}")
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Code:
    """A bar code or matrix code that was read in a photo.

    Attributes:
        format: Format of the code.
        text: What the code says. In reports without contacts, unless these are kept in clear.
        xyxy: Box in pixels of the upright photo.
        gtin: GTIN of the goods, 14 digits with leading zeros; None where the code states none.
        serial: Serial of the piece: of a GS1 code (21) or an Amazon Transparency code; None where there is none.
        valid: Whether check digits and structure are right; None where the format has nothing to check.
        image: Position of the photo in the listing, from 0.

    Raises:
        InputError: A field is not of the stated kind.
    """

    format: CodeFormat
    text: str
    xyxy: tuple[float, float, float, float]
    gtin: str | None = None
    serial: str | None = None
    valid: bool | None = None
    image: int = 0

    def __post_init__(self) -> None:
        box("Code.xyxy", self.xyxy)
        if self.gtin is not None and not _GTIN.fullmatch(self.gtin):
            raise InputError(f"Code.gtin: expected 14 digits, got {quoted(self.gtin)}")


@dataclass(frozen=True)
class Contact:
    """A contact that stands in a text.

    Attributes:
        kind: What it is.
        value: The contact in a normal form, so that equal contacts have equal values: a phone number as E.164 where its
            country is known, else its digits; an address in lower case; "network:name" of a messenger. "" where only
            its kind is known.
        start: Position of its first character in the text.
        end: Position after its last character.
    """

    kind: ContactKind
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class ContactUse:
    """Contacts of a listing, as its report has them: hashed or counted, in clear only where that was asked for.

    Attributes:
        kind: What they are.
        source: Where they stand: "title", "description", "claim", "image:0" (read in a photo) or "code:0" (in a code
            of a photo).
        count: How many contacts of the kind stand there; 1 where `token` or `value` names one.
        token: HMAC-SHA256 of the contact under the platform's key, 32 hex digits (`merchants.tokens.hide`); None
            without a key.
        value: The contact in clear; None unless it was asked for.

    Raises:
        InputError: The count is below 1.
    """

    kind: ContactKind
    source: str
    count: int = 1
    token: str | None = None
    value: str | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"ContactUse.count: expected 1 or more, got {self.count!r}")


@dataclass(frozen=True)
class Declaration:
    """What the file of a photo declares about its origin. What is not declared says nothing.

    Attributes:
        kind: What is declared.
        by: Where that stands, in words ("IPTC digital source type").
        signer: SHA-256 of the certificate that signed the file, 64 hex digits, where its signature and its contents
            were verified; None where it is not signed.
        image: Position of the photo in the listing, from 0.

    Raises:
        InputError: `signer` is no such hash.
    """

    kind: DeclarationKind
    by: str
    signer: str | None = None
    image: int = 0

    def __post_init__(self) -> None:
        if self.signer is not None and not _SHA256.fullmatch(self.signer):
            raise InputError(f"Declaration.signer: expected 64 lower-case hex digits, got {quoted(self.signer)}")
