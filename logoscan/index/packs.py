"""Brand packs: what a brand's owner states, signed; and whose word the platform takes for which brand.

A pack is a zip (`_pack_zip`) with `brand.json` (the facts that it states, official photos as PDQ hashes), `logos/`,
`negatives/` and `manifest.dsse.json`, a DSSE envelope (github.com/secure-systems-lab/dsse) over canonical JSON: brand,
version, hash of the manifest before, expiry, fields, and size and SHA-256 of each file. A pack holds pictures, never
vectors, and no authority: the platform's own `trust.json` says which key may speak for which brand, of which fields.
Where packs are fetched from a server, let The Update Framework (TUF) fetch them: it knows mirrors and frozen servers.

    make_pack("acme/", 3, [load_key("acme.pem")], "2027-06-30", previous="acme-2.pack", out="acme-3.pack")
    pack = read_pack("acme-3.pack", Trust.load("trust.json"))
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from logoscan._hashing import sha256_hex
from logoscan._quote import quoted
from logoscan._validate import pdq_hex
from logoscan.errors import CorruptFileError, ImageError, InputError
from logoscan.images.loading import load_image
from logoscan.images.phash import photo_hash
from logoscan.index import _pack_zip as box
from logoscan.index._pack_manifest import (
    FORMAT,
    PAYLOAD_TYPE,
    File,
    Manifest,
    read_envelope,
    read_manifest,
    signers_of,
)
from logoscan.index.brand_folders import read_brand_folder
from logoscan.index.logo_images import read_logo
from logoscan.index.pack_keys import Trust, canonical, generate_key, load_key, signing, utc_time
from logoscan.index.pack_records import PACK_FIELDS, TrademarkRight
from logoscan.io.files import atomic_write, require_file_place
from logoscan.io.records import from_mapping, loads, to_mapping
from logoscan.types import Brand

__all__ = [
    "Pack",
    "Trust",
    "generate_key",
    "load_key",
    "make_pack",
    "next_version",
    "read_pack",
    "sign_pack",
    "utc_time",
]

# Bytes of the facts.
_MOST_FACTS = 1 << 20
# What a pack states of official photos in place of their files.
_PHOTOS = "official_photos"


@dataclass(frozen=True, eq=False)
class Pack:
    """A pack whose signatures, hashes and rights to speak were verified.

    Attributes:
        brand: Record of the brand; of the fields that it does not state, the default.
        version: Version, 1 or more.
        previous: SHA-256 of the manifest before; None for the first.
        expires: When it expires, ISO 8601, UTC.
        sha256: SHA-256 of its manifest.
        fields: What it states, some of `PACK_FIELDS`.
        signers: Ids of the trusted keys that signed it.
        logos: Files of logos, by name.
        negatives: Files of negatives, by name.
        official_photos: PDQ hash of each official photo, by name.
        rights: Trade marks.
    """

    brand: Brand
    version: int
    previous: str | None
    expires: str
    sha256: str
    fields: tuple[str, ...]
    signers: tuple[str, ...] = ()
    logos: Mapping[str, bytes] = field(default_factory=dict)
    negatives: Mapping[str, bytes] = field(default_factory=dict)
    official_photos: Mapping[str, str] = field(default_factory=dict)
    rights: tuple[TrademarkRight, ...] = ()

    @property
    def name(self) -> str:
        """Brand, version and the first digits of the manifest's hash."""
        return f"{self.brand.name} {self.version} ({self.sha256[:12]})"


# -- making


def make_pack(
    folder: str | Path,
    version: int,
    keys: Sequence[Any],
    expires: str,
    *,
    out: str | Path,
    previous: str | Path | None = None,
    stated: Iterable[str] | None = None,
) -> str:
    """Write the pack of a brand folder, as `register` reads it; `brand.json` may have `rights`, a list of trade marks.

    Args:
        folder: The brand folder.
        version: Version, one above that before.
        keys: Signers, from `load_key`; `sign_pack` adds others.
        expires: Last day or time, ISO 8601.
        out: Path of the pack.
        previous: The pack before; None for the first.
        stated: What the pack states, some of `PACK_FIELDS`; what `brand.json` has, and logos if there are any, if None.

    Returns:
        SHA-256 of its manifest.

    Raises:
        InputError: The folder is none of a brand, states nothing or holds a picture that cannot be read, or an argument
            is not of the stated kind.
        CorruptFileError: `brand.json` is no JSON, or the pack before is none.
        MissingDependencyError: securesystemslib is not installed, or, with official photos, pdqhash.
    """
    folder, out = Path(folder), Path(out)
    require_file_place(out, "out")
    if not folder.is_dir():
        raise InputError(f"folder: expected the folder of a brand, got {str(folder)!r}")
    if not keys:
        raise InputError("keys: expected one or more, got none")
    read = read_brand_folder(folder)
    if read.warnings:
        raise InputError(f"{folder}: {read.warnings[0]}")
    description = folder / "brand.json"
    values = loads(description.read_bytes(), str(description)) if description.is_file() else {}
    found = {name for name in PACK_FIELDS if name in values} | ({"logos"} if read.logos else set())
    names = sorted(found if stated is None else set(stated))
    if not names:
        raise InputError(f"{folder}: expected logos, or facts in brand.json, got nothing that a pack could state")
    facts: dict[str, Any] = {"name": read.brand.name}
    plain = to_mapping(read.brand)
    for name in names:
        if name == "rights":
            facts[name] = [
                to_mapping(from_mapping(TrademarkRight, one, str(description))) for one in values.get(name, [])
            ]
        elif name == _PHOTOS:
            facts[name] = {path.name: _photo(path) for path in read.official_photos}
        elif name == "negatives":
            facts[name] = [path.name for path in read.negatives]
        elif name in plain:
            facts[name] = plain[name]
    members = {box.BRAND: canonical(facts)}
    pictures = [(box.LOGOS, read.logos if "logos" in names else ()),
                (box.NEGATIVES, read.negatives if "negatives" in names else ())]  # fmt: skip
    for prefix, paths in pictures:
        for path in paths:
            if not box.is_member(f"{prefix}{path.name}"):
                raise InputError(f"{path}: expected a plain name of a picture of at most 200 characters")
            try:
                read_logo(path)
            except ImageError as error:
                raise InputError(f"{folder}: {error}") from None
            members[f"{prefix}{path.name}"] = path.read_bytes()
    before = None if previous is None else sha256_hex(_envelope(box.read_file(Path(previous)), str(previous)).payload)
    files = {name: File(len(data), sha256_hex(data)) for name, data in members.items()}
    manifest = Manifest(FORMAT, read.brand.name, version, before, expires, tuple(names), files)
    payload = canonical(to_mapping(manifest))
    envelope = signing()[0].Envelope(payload, PAYLOAD_TYPE, {})
    for key in keys:
        envelope.sign(key)
    atomic_write(out, box.write_members({**members, box.MANIFEST: canonical(envelope.to_dict())}))
    return sha256_hex(payload)


def _photo(path: Path) -> str:
    hashed = photo_hash(load_image(path))
    if hashed is None:
        raise InputError(f"{path}: expected a photo, got a picture that shows too little to be recognised")
    return hashed.pdq


def next_version(path: str | Path) -> int:
    """Return the version that follows a pack, whose signatures are not verified.

    Raises:
        InputError: There is no such file.
        CorruptFileError: It is no pack.
    """
    payload = _envelope(box.read_file(Path(path)), str(path)).payload
    try:
        return int(json.loads(payload)["version"]) + 1
    except (ValueError, RecursionError, KeyError, TypeError):
        raise CorruptFileError(f"{path}: expected a manifest with a version, got something else") from None


def sign_pack(path: str | Path, key: Any) -> None:
    """Add a signature to a pack, for brands of which several keys must sign.

    Raises:
        InputError: There is no such file.
        CorruptFileError: It is no pack.
    """
    envelope = _envelope(members := box.read_file(Path(path)), str(path))
    envelope.sign(key)
    atomic_write(Path(path), box.write_members({**members, box.MANIFEST: canonical(envelope.to_dict())}))


# -- reading


def _envelope(members: Mapping[str, bytes], where: str) -> Any:
    return read_envelope(members.get(box.MANIFEST, b""), where)


def read_pack(path: str | Path, trust: Trust, *, now: datetime | None = None) -> Pack:
    """Return a pack whose signatures, hashes and rights to speak are verified; nothing is unpacked or decoded.

    Whether it is the next one of its brand, and has not expired, `pack_changes` says.

    Args:
        path: The pack.
        trust: Whose word the platform takes.
        now: When the keys must be trusted; now if None.

    Raises:
        InputError: There is no such file, or no key of the brand that may state it has signed.
        CorruptFileError: It is no pack, or was altered.
        MissingDependencyError: securesystemslib is not installed.
    """
    members = box.read_file(Path(path))
    where = str(path)
    envelope = _envelope(members, where)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise CorruptFileError(f"{where}: expected a manifest of a pack, got {quoted(envelope.payload_type)}")
    try:
        value = json.loads(envelope.payload)
        name = value["brand"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise CorruptFileError(f"{where}: expected a manifest, got something else") from None
    if not isinstance(name, str) or not isinstance(value, dict):
        raise CorruptFileError(f"{where}: expected the name of a brand in the manifest, got {quoted(name)}")
    signers = signers_of(envelope, name, trust, where, now or datetime.now(UTC))
    manifest = read_manifest(envelope.payload, value, where)
    for stated in manifest.fields:
        needed = trust.thresholds.get(name, 1)
        if sum(stated in key.fields for key in signers) < needed:
            raise InputError(f"{where}: {needed} signed keys of {quoted(name)} must be allowed to state {stated}")
    _check_files(members, manifest, where)
    return _pack(members, manifest, sha256_hex(envelope.payload), tuple(key.keyid for key in signers), where)


def _check_files(members: Mapping[str, bytes], manifest: Manifest, where: str) -> None:
    there = members.keys() - {box.MANIFEST}
    if odd := sorted(there ^ manifest.files.keys()):
        raise CorruptFileError(f"{where}: expected the files of the manifest, got one more or less: {quoted(odd[0])}")
    for name, file in manifest.files.items():
        if len(members[name]) != file.size or sha256_hex(members[name]) != file.sha256:
            raise CorruptFileError(f"{where}: {name}: altered")
    for prefix, stated in ((box.LOGOS, "logos"), (box.NEGATIVES, "negatives")):
        if stated not in manifest.fields and any(name.startswith(prefix) for name in there):
            raise CorruptFileError(f"{where}: expected no {stated}, which the manifest does not state, got some")


def _pack(members: Mapping[str, bytes], manifest: Manifest, sha256: str, signers: tuple[str, ...], where: str) -> Pack:
    place = f"{where}, {box.BRAND}"
    data = members.get(box.BRAND, b"")
    if len(data) > _MOST_FACTS:
        raise CorruptFileError(f"{place}: expected at most {_MOST_FACTS} bytes, got {len(data)}")
    facts = loads(data, place)
    expected = {"name", *manifest.fields} - {"logos"}
    if not isinstance(facts, dict) or set(facts) != expected:
        raise CorruptFileError(f"{place}: expected {', '.join(sorted(expected))}, got other facts")
    if facts["name"] != manifest.brand:
        raise CorruptFileError(f"{place}: expected the facts of {quoted(manifest.brand)}, got {quoted(facts['name'])}")

    def pictures(prefix: str) -> dict[str, bytes]:
        return {name.removeprefix(prefix): one for name, one in sorted(members.items()) if name.startswith(prefix)}

    photos, rights = facts.pop(_PHOTOS, {}), facts.pop("rights", [])
    if sorted(facts.get("negatives", [])) != sorted(negatives := pictures(box.NEGATIVES)):
        raise CorruptFileError(f"{place}: expected the negatives of the pack, got others")
    if not isinstance(photos, dict) or not isinstance(rights, list):
        raise CorruptFileError(f"{place}: expected official photos as hashes, and a list of rights, got others")
    try:
        hashes = {name: pdq_hex(f"official_photos {quoted(name)}", pdq) for name, pdq in photos.items()}
        brand = from_mapping(Brand, {**facts, _PHOTOS: sorted(hashes)}, place)
        marks = tuple(from_mapping(TrademarkRight, one, place) for one in rights)
    except InputError as error:
        raise CorruptFileError(str(error)) from None
    return Pack(brand, manifest.version, manifest.previous, manifest.expires, sha256, manifest.fields, signers,
                pictures(box.LOGOS), negatives, hashes, marks)  # fmt: skip
