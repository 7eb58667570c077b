"""What the file of a photo declares about its origin: C2PA manifests, IPTC's digital source type, generators' notes.

Who leaves the declaration out says nothing, so that absence means nothing; pixels are never classified. A C2PA manifest
counts only where its signature and the hashes of the contents are right; whether the signer is to be trusted is the
brand's word, by the SHA-256 of a certificate. Nothing is fetched: neither remote manifests nor revocations.
"""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from typing import Any

from logoscan.evidence import Declaration, DeclarationKind
from logoscan.sources import HEAD_BYTES, kind_of

__all__ = ["can_verify", "declarations"]

# IPTC's codes of digital sources that name generative AI (cv.iptc.org/newscodes/digitalsourcetype).
_SOURCES: dict[str, DeclarationKind] = {
    "trainedalgorithmicmedia": "ai_made",
    "compositesynthetic": "ai_edited",
    "compositewithtrainedalgorithmicmedia": "ai_edited",
}
_SOURCE = re.compile(rb"digitalsourcetype/(\w{1,60})", re.IGNORECASE)
# Programs whose name in "Software", "parameters" or such notes says that they generated the picture.
_GENERATORS = re.compile(
    r"stable ?diffusion|comfyui|midjourney|dall[-·. ]?e|novelai|invokeai|adobe firefly|automatic1111|fooocus"
    r"|\bflux\.?1|\bimagen\b|leonardo\.ai|ideogram|made with google ai",
    re.IGNORECASE,
)
# Text chunks of PNG that generators write, and what such text then holds.
_PARAMETERS = re.compile(r"\bsteps: ?[0-9]+, ?sampler: |\"class_type\": ?\"|\bnegative prompt: ", re.IGNORECASE)
# Bytes of notes that are searched, and of one compressed note.
_MOST_BYTES = 4 << 20
_MOST_NOTE_BYTES = 1 << 20
# Containers of which a C2PA manifest is read, and how a file with one is known without decoding.
_MIME = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "HEIC": "image/heic", "AVIF": "image/avif",
         "TIFF": "image/tiff"}  # fmt: skip
_C2PA_MARK = b"jumb"
_SETTINGS = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
# Header of a JUMBF box: bytes and type; the label of a description box follows a UUID and a byte of flags.
_BOX_BYTES, _LABEL_AT = 8, 17


def can_verify() -> bool:
    """Return whether the packages of the extra `provenance` are installed, without which no signature is verified."""
    return find_spec("c2pa") is not None and find_spec("cbor2") is not None


def declarations(data: bytes) -> tuple[Declaration, ...]:
    """Return what a file declares about its origin, of each kind once; () where it declares nothing.

    Args:
        data: The file. One that is damaged declares what can be read of it.
    """
    found: list[Declaration] = []
    kind = kind_of(data[:HEAD_BYTES])
    if kind in _MIME and _C2PA_MARK in data and can_verify():
        found += _of_manifest(data, _MIME[kind])
    notes = _notes(data, kind)
    for source in _SOURCE.findall(notes):
        if declared := _SOURCES.get(source.decode().lower()):
            found.append(Declaration(declared, "IPTC digital source type"))
    text = notes.decode("utf-8", "replace")
    if match := _GENERATORS.search(text):
        found.append(Declaration("ai_made", f"a note of {match[0].strip()}"))
    elif _PARAMETERS.search(text):
        found.append(Declaration("ai_made", "a note with a generator's parameters"))
    if any(one.kind == "broken" for one in found):  # a manifest that was tampered with: nothing of it is believed
        return (next(one for one in found if one.kind == "broken"),)
    return tuple({one.kind: one for one in reversed(found)}.values())[::-1]


# -- notes: XMP, EXIF and text chunks, as they stand in the file


def _notes(data: bytes, kind: str | None) -> bytes:
    """Return the notes of a file, without its pixels, as bytes."""
    if kind == "PNG":
        return b"\n".join(_png_texts(data))[:_MOST_BYTES]
    if kind == "JPEG":
        return b"\n".join(_jpeg_notes(data))[:_MOST_BYTES]
    if kind == "WEBP":
        return b"\n".join(_riff_notes(data))[:_MOST_BYTES]
    return b""


def _png_texts(data: bytes) -> Iterator[bytes]:
    import zlib

    at = 8
    while at + 12 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + min(size, _MOST_BYTES)]
        if name == b"tEXt":
            yield body
        elif name in (b"iTXt", b"zTXt"):
            keyword, _, rest = body.partition(b"\0")
            packed = rest[1:] if name == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
            is_packed = name == b"zTXt" or rest[:1] == b"\1"
            try:
                note = zlib.decompressobj().decompress(packed, _MOST_NOTE_BYTES) if is_packed else packed
            except zlib.error:
                note = b""
            yield keyword + b" " + note
        elif name == b"eXIf":
            yield body
        elif name == b"IEND":
            return
        at += 12 + size


def _jpeg_notes(data: bytes) -> Iterator[bytes]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA or size < 2:
            return
        if marker in (0xE1, 0xED, 0xFE):  # EXIF and XMP; IPTC; a comment
            yield data[at + 4 : at + 2 + size]
        at += 2 + size


def _riff_notes(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name in (b"XMP ", b"EXIF"):
            yield data[at + 8 : at + 8 + min(size, _MOST_BYTES)]
        at += 8 + size + size % 2


# -- C2PA


@cache
def _context() -> Any:
    import c2pa

    return c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))


def _of_manifest(data: bytes, mime: str) -> Iterator[Declaration]:
    """Yield what the active manifest of a file declares, where it is verified."""
    import c2pa

    try:
        reader = c2pa.Reader(mime, io.BytesIO(data), context=_context())
        state, manifest = reader.get_validation_state(), json.loads(reader.json())
    except c2pa.C2paError as error:
        if "ManifestNotFound" not in f"{type(error).__name__} {error}":
            yield Declaration("broken", "a C2PA manifest that cannot be read")
        return
    if state not in ("Valid", "Trusted"):
        yield Declaration("broken", "a C2PA manifest that does not fit the file")
        return
    active = manifest["manifests"][manifest["active_manifest"]]
    whole = io.BytesIO()
    reader.resource_to_stream(f"self#jumbf=/c2pa/{manifest['active_manifest']}", whole)
    signer = _signer(whole.getvalue(), manifest["active_manifest"])
    yield Declaration("signed", "a C2PA manifest", signer)
    for source in re.findall(r"digitalsourcetype/(\w{1,60})", json.dumps(active.get("assertions", [])), re.IGNORECASE):
        if declared := _SOURCES.get(source.lower()):
            yield Declaration(declared, "a C2PA manifest", signer)


def _signer(store: bytes, label: str) -> str | None:
    """Return the SHA-256 of the certificate that signed a manifest of a store (C2PA 2.1, 13.2: COSE's x5chain)."""
    import cbor2

    signature = _box(store, ("c2pa", label, "c2pa.signature"))
    if signature is None:
        return None
    try:
        message = cbor2.loads(signature)
        protected, unprotected = message.value[:2]
        header = {**unprotected, **(cbor2.loads(protected) if protected else {})}
        chain = header.get(33) or header.get("x5chain")
        leaf = chain[0] if isinstance(chain, list) else chain
        return sha256(leaf).hexdigest() if isinstance(leaf, bytes) else None
    except (cbor2.CBORDecodeError, AttributeError, IndexError, TypeError, ValueError):
        return None


def _box(data: bytes, labels: tuple[str, ...]) -> bytes | None:
    """Return the content of the JUMBF superbox (ISO/IEC 19566-5) at a path of labels; None where there is none."""
    for _, kind, body in _boxes(data):
        if kind != b"jumb":
            continue
        parts = list(_boxes(body))
        if not parts or parts[0][1] != b"jumd":
            continue
        label = parts[0][2][_LABEL_AT:].partition(b"\0")[0].decode("utf-8", "replace")
        if label == labels[0]:
            inner = body[parts[0][0] :]
            if len(labels) > 1:
                return _box(inner, labels[1:])
            return next((content for _, kind, content in _boxes(inner) if kind == b"cbor"), None)
    return None


def _boxes(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield size, type and content of the boxes of a stretch of bytes."""
    at = 0
    while at + _BOX_BYTES <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < _BOX_BYTES or at + size > len(data):
            return
        yield size, kind, data[at + _BOX_BYTES : at + size]
        at += size
