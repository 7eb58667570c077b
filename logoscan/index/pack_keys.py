"""Keys of brand packs: whose word the platform takes for which brand, and how packs are signed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from logoscan._hashing import sha256_hex
from logoscan._quote import quoted
from logoscan.errors import CorruptFileError, InputError, MissingDependencyError
from logoscan.index.pack_records import PACK_FIELDS
from logoscan.io.files import atomic_write, require_file_place
from logoscan.io.records import from_mapping, loads

__all__ = ["MOST_SIGNATURES", "Trust", "TrustedKey", "canonical", "generate_key", "load_key", "public_key", "signing",
           "utc_time"]  # fmt: skip

MOST_SIGNATURES = 16
"""Signatures of a pack."""
_HEX_64 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class TrustedKey:
    """A key that may speak for brands.

    Attributes:
        keyid: Identifier, made of the key itself.
        public: Public part, an Ed25519 key of 64 hex digits.
        brands: Names of the brands.
        fields: What it may state of them, some of `PACK_FIELDS`.
        until: Last day on which it is trusted, ISO 8601, UTC.
        owner: Whose key it is, for people.

    Raises:
        InputError: A field is not of the stated kind.
    """

    keyid: str
    public: str
    brands: tuple[str, ...]
    fields: tuple[str, ...]
    until: str
    owner: str | None = None

    def __post_init__(self) -> None:
        if not _HEX_64.fullmatch(self.public):
            raise InputError(f"TrustedKey.public: expected 64 hex digits, got {quoted(self.public)}")
        if self.keyid != _keyid(self.public):
            raise InputError(
                f"TrustedKey.keyid: expected {_keyid(self.public)}, made of the key, got {quoted(self.keyid)}"
            )
        if not self.brands or not self.fields or not set(self.fields) <= set(PACK_FIELDS):
            raise InputError(
                f"TrustedKey: expected brands, and fields of {', '.join(PACK_FIELDS)}, got {quoted(self, 300)}"
            )
        utc_time(self.until, "TrustedKey.until")


@dataclass(frozen=True)
class Trust:
    """Whose word the platform takes.

    Attributes:
        keys: The trusted keys.
        thresholds: Number of keys that must have signed, by brand; 1 for others.

    Raises:
        InputError: A key is there twice, or a threshold is no number of keys.
    """

    keys: tuple[TrustedKey, ...] = ()
    thresholds: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len({key.keyid for key in self.keys}) < len(self.keys):
            raise InputError("Trust.keys: expected each key once, with all its brands, got one twice")
        for brand, number in self.thresholds.items():
            if type(number) is not int or not 1 <= number <= MOST_SIGNATURES:
                raise InputError(
                    f"Trust.thresholds: expected 1 to {MOST_SIGNATURES} for {quoted(brand)}, got {number!r}"
                )

    @classmethod
    def load(cls, path: str | Path) -> Trust:
        """Return the trust of a file, such as `{"keys": [{"keyid": ..., "public": ..., "brands": ["Acme"], ...}]}`.

        Raises:
            InputError: There is no such file, or a field is missing or not of its kind.
            CorruptFileError: It is not JSON.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"trust: expected a JSON file, got {str(path)!r}")
        return from_mapping(cls, loads(path.read_bytes(), str(path)), str(path))


def utc_time(text: str, owner: str) -> datetime:
    """Return an ISO 8601 time in UTC; a day alone lasts to its end.

    Raises:
        InputError: The text is no such time; the message begins with `owner`.
    """
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise InputError(f"{owner}: expected an ISO 8601 day or time, got {quoted(text)}") from None
    if len(text) == len("2027-06-30"):
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# -- signing


def signing() -> Any:
    """Return the modules of securesystemslib for envelopes and for signers, and that of cryptography for keys in files.

    Raises:
        MissingDependencyError: One of them is not installed.
    """
    try:
        import securesystemslib.dsse
        import securesystemslib.signer
        from cryptography.hazmat.primitives import serialization
    except ImportError:
        raise MissingDependencyError("securesystemslib is missing; pip install 'logoscan[packs]'") from None
    return securesystemslib.dsse, securesystemslib.signer, serialization


def _keyid(public: str) -> str:
    """Return the id of a key: the SHA-256 of its canonical description, as securesystemslib makes it."""
    value = {"keytype": "ed25519", "keyval": {"public": public}, "scheme": "ed25519"}
    return sha256_hex(canonical(value))


def generate_key(path: str | Path) -> dict[str, str]:
    """Make a key pair: write the private key to a new PEM file, for its owner alone, and return the public part.

    Returns:
        keyid and public, for an entry of `trust.json`.

    Raises:
        InputError: There is a file already, or no folder.
        MissingDependencyError: securesystemslib is not installed.
    """
    path = Path(path)
    require_file_place(path, "key")
    if path.exists():
        raise InputError(f"key: expected a new file, got {str(path)!r}, which exists")
    signer = signing()[1].CryptoSigner.generate_ed25519()
    atomic_write(path, signer.private_bytes)
    public = signer.public_key.keyval["public"]
    return {"keyid": _keyid(public), "public": public}


def load_key(path: str | Path) -> Any:
    """Return the signer of a private key in a PEM file (Ed25519, PKCS 8, without a passphrase).

    Raises:
        InputError: There is no such file.
        CorruptFileError: It holds no such key; the message does not show what it holds.
        MissingDependencyError: securesystemslib is not installed.
    """
    path = Path(path)
    _, signer, serialization = signing()
    if not path.is_file():
        raise InputError(f"key: expected a PEM file, got {str(path)!r}")
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), None)
        made = signer.CryptoSigner(private)
        if made.public_key.keytype == "ed25519":
            return signer.CryptoSigner(private, public_key(made.public_key.keyval["public"]))
    except Exception:  # the library's errors may quote what they read
        pass
    raise CorruptFileError(f"{path}: expected an Ed25519 key in PEM, got something else")


def public_key(public: str) -> Any:
    """Return a public key, 64 hex digits, as securesystemslib has it."""
    return signing()[1].SSlibKey(_keyid(public), "ed25519", "ed25519", {"public": public})


def canonical(value: Any) -> bytes:
    """Return canonical JSON: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
