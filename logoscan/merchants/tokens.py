"""What two accounts of one seller may have in common: the tokens of a listing.

A token is a kind and a text. Photos are named by their PDQ hash, files by their SHA-256; titles by a signature from
which no word can be read; contacts, codes and ids that the caller adds by a hash under the caller's key (`hide`), never
in clear. Whoever compares tokens treats photos with nearly equal hashes, and titles with nearly equal signatures, as
one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from logoscan.errors import InputError
from logoscan.evidence import Code
from logoscan.results import ImageRecord, Report
from logoscan.text.folding import fold

__all__ = [
    "CONTENT_KINDS", "KINDS", "Token", "evidence_tokens", "hide", "is_hidden", "listing_tokens", "photo_tokens",
    "title_signature",
]  # fmt: skip

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "photo": "a photo: its PDQ hash, 64 hex digits",
        "file": "a photo without a PDQ hash: the SHA-256 of its file",
        "text": "a title: its signature, 128 hex digits",
        "contact": "a phone number, address or name in a messenger: its hash under the caller's key",
        "code": "the serial of a code: its hash under the caller's key",
        "id": "what the platform knows, such as a payee or a device: its hash under the caller's key",
    }
)
"""The kinds of tokens, and what a token of each is."""
CONTENT_KINDS = frozenset({"photo", "file", "text"})
"""Kinds that sellers copy from each other."""

# Least number of different words of a title that is a token: shorter ones are the usual name of some goods.
_LEAST_WORDS = 6
# Numbers of a title's signature, 16 bits each.
_SIGNATURE = 32
_HIDDEN = re.compile("[0-9a-f]{32,64}")
_HIDDEN_DIGITS = 32
_MIN_KEY_BYTES = 16


class Token(NamedTuple):
    """One token: what kind it is of (`KINDS`), and its text."""

    kind: str
    token: str


def listing_tokens(report: Report, key: bytes | None = None) -> tuple[Token, ...]:
    """Return the distinct tokens of a listing, in order: its photos, its title, its contacts, its codes.

    Ids are not in a report; the caller adds them.

    Args:
        report: Report of the listing. Its contacts have tokens where it was made with the platform's key.
        key: The platform's key, which hashes the serials of codes; without it codes are left out.

    Raises:
        InputError: The key is too short.
    """
    signature = title_signature(report.listing.title if report.listing else None)
    titles = () if signature is None else (Token("text", signature),)
    contacts = (Token("contact", use.token) for use in report.contacts or () if use.token is not None)
    codes = () if key is None else evidence_tokens(report.codes or (), (), key)
    return tuple(dict.fromkeys((*photo_tokens(report.images), *titles, *contacts, *codes)))


def evidence_tokens(codes: Iterable[Code], contacts: Iterable[str], key: bytes) -> Iterator[Token]:
    """Yield the tokens of contacts, in their normal form, and of the serials of codes, hashed under a key.

    Raises:
        InputError: The key is too short.
    """
    yield from (Token("contact", hide(value, key)) for value in contacts if value)
    yield from (Token("code", hide(f"{c.gtin or ''} {c.serial}", key)) for c in codes if c.serial is not None)


def photo_tokens(images: Iterable[ImageRecord]) -> Iterator[Token]:
    """Yield the token of each photo that could be read: its hash, else that of its file."""
    for image in images:
        if image.pdq is not None:
            yield Token("photo", image.pdq)
        elif image.sha256 is not None:
            yield Token("file", image.sha256)


def title_signature(title: str | None) -> str | None:
    """Return the signature of a title, 128 hex digits; None where it has fewer than six different words.

    The signature is a MinHash (Broder, 1997) of the set of its folded words: of two titles as large a share of the 32
    numbers agrees as of their words. Order, case, accents and punctuation do not matter.
    """
    words = {folded for word in re.findall(r"\w+", title or "") if (folded := fold(word))}
    if len(words) < _LEAST_WORDS:
        return None
    digests = [hashlib.shake_256(word.encode("utf-8", "surrogatepass")).digest(2 * _SIGNATURE) for word in words]
    return "".join(min(d[i : i + 2] for d in digests).hex() for i in range(0, 2 * _SIGNATURE, 2))


def hide(value: str, key: bytes) -> str:
    """Return what stands for a contact, a code or an id: HMAC-SHA256 by the key, 32 hex digits.

    Args:
        value: The contact, as it is written in its normal form.
        key: A secret of the caller, 16 bytes or more; without it nobody can try numbers until one has the hash.

    Raises:
        InputError: The key is too short.
    """
    if len(key) < _MIN_KEY_BYTES:
        raise InputError(f"key: expected {_MIN_KEY_BYTES} bytes or more, got {len(key)} bytes")
    data = value.encode("utf-8", "surrogatepass")
    return hmac.new(key, data, hashlib.sha256).hexdigest()[:_HIDDEN_DIGITS]


def is_hidden(value: str) -> bool:
    """Return whether a text may be a hash: 32 to 64 lower-case hex digits."""
    return _HIDDEN.fullmatch(value) is not None
