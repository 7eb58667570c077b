"""The signed manifest of a brand pack: a DSSE envelope over canonical JSON, and who signed it. Knows no zip."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from logoscan._quote import cause, quoted
from logoscan.errors import CorruptFileError, InputError, LogoscanError
from logoscan.index.pack_keys import MOST_SIGNATURES, Trust, TrustedKey, canonical, public_key, signing, utc_time
from logoscan.index.pack_records import PACK_FIELDS
from logoscan.io.records import from_mapping, to_mapping

__all__ = ["FORMAT", "PAYLOAD_TYPE", "File", "Manifest", "read_envelope", "read_manifest", "signers_of"]

PAYLOAD_TYPE = "application/vnd.logoscan.pack.v1+json"
"""What an envelope says that it holds."""
FORMAT = 1
"""Version of the format of packs; no other is read."""
# Bytes of an envelope.
_MOST_BYTES = 2 << 20
_HEX_64 = re.compile("[0-9a-f]{64}")
_MOST_VERSION = 10**9


@dataclass(frozen=True)
class File:
    """Size in bytes and SHA-256 of a member."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What is signed."""

    format: int
    brand: str
    version: int
    previous: str | None
    expires: str
    fields: tuple[str, ...]
    files: Mapping[str, File]

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise InputError(f"format: expected {FORMAT}, got {quoted(self.format)}")
        if type(self.version) is not int or not 1 <= self.version <= _MOST_VERSION:
            raise InputError(f"version: expected a whole number from 1 on, got {quoted(self.version)}")
        if self.previous is not None and not _HEX_64.fullmatch(self.previous):
            raise InputError(f"previous: expected a SHA-256 or null, got {quoted(self.previous)}")
        utc_time(self.expires, "expires")
        if not set(self.fields) <= set(PACK_FIELDS) or list(self.fields) != sorted(set(self.fields)):
            raise InputError(f"fields: expected some of {', '.join(PACK_FIELDS)}, got {quoted(self.fields)}")


def read_envelope(data: bytes, where: str) -> Any:
    """Return an envelope, which must be the very bytes that `make_pack` writes.

    Raises:
        CorruptFileError: It is something else.
    """
    if not 0 < len(data) <= _MOST_BYTES:
        raise CorruptFileError(f"{where}: expected a manifest of at most {_MOST_BYTES} bytes, got {len(data)}")
    dsse = signing()[0]
    try:
        value = json.loads(data)
        if len(value["signatures"]) > MOST_SIGNATURES:
            raise ValueError(f"{len(value['signatures'])} signatures")
        envelope = dsse.Envelope.from_dict(value)
        if canonical(envelope.to_dict()) == data:
            return envelope
    except Exception as error:  # a hostile value may fail anywhere in the library
        raise CorruptFileError(f"{where}: expected a signed manifest, got others ({cause(error)})") from None
    raise CorruptFileError(f"{where}: expected a signed manifest in canonical form, got another form")


def signers_of(envelope: Any, brand: str, trust: Trust, where: str, now: datetime) -> list[TrustedKey]:
    """Return the trusted keys of a brand that signed an envelope.

    Raises:
        InputError: They are fewer than the brand needs.
    """
    keys = [key for key in trust.keys if brand in key.brands]
    if not keys:
        raise InputError(f"{where}: no key may speak for {quoted(brand)}")
    valid = [key for key in keys if utc_time(key.until, "until") >= now]
    needed = trust.thresholds.get(brand, 1)
    signed = []
    for key in valid:
        try:
            envelope.verify([public_key(key.public)], 1)
        except LogoscanError:
            raise
        except Exception:  # whatever a signature does to the library, it does not verify
            continue
        signed.append(key)
    if len(signed) < needed:
        old = f", and {len(keys) - len(valid)} more whose time is over" if len(valid) < len(keys) else ""
        of = f"{needed} of the {len(valid)} keys of {quoted(brand)}{old}"
        raise InputError(f"{where}: expected the signatures of {of}, got {len(signed)}")
    return signed


def read_manifest(payload: bytes, value: dict[str, Any], where: str) -> Manifest:
    """Return the manifest of a payload whose signatures were verified.

    Args:
        payload: The signed bytes.
        value: Their JSON.
        where: Name of the pack, for errors.

    Raises:
        CorruptFileError: It is none, or not in canonical form.
    """
    try:
        manifest = from_mapping(Manifest, value, f"{where}, manifest")
    except InputError as error:
        raise CorruptFileError(str(error)) from None
    if canonical(to_mapping(manifest)) != payload:
        raise CorruptFileError(f"{where}: expected a manifest in canonical form, got another form")
    return manifest
