"""The signature of a lead: a DSSE envelope over the hash of its payload's manifest, beside the manifests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from logoscan._hashing import file_sha256
from logoscan.cases._bag import PAYLOAD
from logoscan.index.pack_keys import canonical, public_key, signing
from logoscan.io.files import atomic_write

__all__ = ["SIGNATURE", "sign", "signed_by"]

SIGNATURE = "signature.dsse.json"
"""File of a lead with its signature."""
_PAYLOAD_TYPE = "application/vnd.logoscan.lead.v1+json"


def _statement(folder: Path, case_id: str) -> bytes:
    return canonical({"case": case_id, "format": 1, "payload_manifest_sha256": file_sha256(folder / PAYLOAD)})


def sign(folder: Path, case_id: str, key: Any) -> None:
    """Sign the payload of a lead.

    Args:
        folder: The lead.
        case_id: Identifier of the case.
        key: Signer, from `pack_keys.load_key`.
    """
    envelope = signing()[0].Envelope(_statement(folder, case_id), _PAYLOAD_TYPE, {})
    envelope.sign(key)
    atomic_write(folder / SIGNATURE, canonical(envelope.to_dict()))


def signed_by(path: Path, case_id: str, keys: Sequence[str]) -> list[str]:
    """Return the ids of the public keys, 64 hex digits each, that signed a lead."""
    dsse = signing()[0]
    out = []
    for public in keys:
        key = public_key(public)
        try:
            envelope = dsse.Envelope.from_dict(json.loads((path / SIGNATURE).read_bytes()))
            envelope.verify([key], 1)
        except Exception:  # whatever a hostile file does to the library, it is not signed
            continue
        if envelope.payload_type == _PAYLOAD_TYPE and envelope.payload == _statement(path, case_id):
            out.append(key.keyid)
    return out
