"""The columns of a feature store: `COLUMNS` is the documented schema, one row for each photo.

A row holds everything of `PhotoFeatures` that a photo is judged by, keypoints in brief (26 KB in place of 120). What
could not be looked at has a row as well, which says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from logoscan._extras import import_extra

__all__ = ["BOX", "COLUMNS", "arrow", "parquet", "schema"]

COLUMNS: Mapping[str, str] = {
    "listing_id": "Id of the listing.",
    "position": "Position of the photo in the listing, from 0.",
    "file": "Name of the file as the listing gave it; null for a picture that was no file.",
    "sha256": "SHA-256 of the file, 32 bytes; null where it could not be read.",
    "width": "Width of the file in pixels; null where it could not be read.",
    "height": "Height of the file in pixels; null where it could not be read.",
    "pdq": "PDQ hash, 32 bytes; null without pdqhash, or where the photo shows too little.",
    "pdq_quality": "PDQ quality, 50 to 100; null where there is no hash.",
    "pdq_turned": "PDQ hashes of its seven turned and mirrored pictures, as differences (`_turned`); null without.",
    "warning": "Why the photo could not be examined; null where it was.",
    "unfinished": "Steps that were not taken.",
    "passed_over": "Whether it is one of too many photos of its listing, which are never examined.",
    "more_frames": "Whether it has further frames or pages, of which the first was examined.",
    "regions": "Regions, in pixels of the file: x0, y0, x1, y1 and the detector's confidence.",
    "vectors": "Vector of each region: a signed byte a number, in any scale, or a byte for each part of the codebook.",
    "mirrored": "Vectors of the mirror images of the first regions.",
    "keypoints": "Keypoints in brief (`keypoints`), 38 bytes each; null where they are not kept.",
    "read_lines": "Number of lines of text that were read.",
    "read_area": "Area of these lines in square pixels of the file.",
    "unread_lines": "Lines not read: x0, y0, x1, y1 in pixels of the file, script, reason (effort, unreadable).",
    "lines": "Lines of text with confidence and the four corners x y; null where text is not kept. Contacts in them "
    "stand as [phone], [mail], [messenger].",
    "codes": "Codes: format, text without contacts, x0, y0, x1, y1, GTIN, serial, valid; null where not looked for.",
    "declared": "What the file declares about its origin: kind, by, signer; null where that was not read.",
}
"""What each column holds, by its name, in order."""

BOX = ("x0", "y0", "x1", "y1", "confidence")
"""Names of the numbers of a region."""


def arrow() -> Any:
    """Return the module `pyarrow`.

    Raises:
        MissingDependencyError: It is not installed.
    """
    return import_extra("pyarrow", "parquet")


def parquet() -> Any:
    """Return the module `pyarrow.parquet`.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    return import_extra("pyarrow.parquet", "parquet")


def schema(width: int) -> Any:
    """Return the Arrow schema of a store.

    Args:
        width: Bytes of a stored vector.
    """
    pa = arrow()
    numbers = [pa.field(name, pa.float32(), nullable=False) for name in BOX]
    unread = [
        *(pa.field(name, pa.float32(), nullable=False) for name in BOX[:4]),
        *(pa.field(name, pa.string()) for name in ("script", "reason")),
    ]
    line = [
        pa.field("text", pa.string(), nullable=False),
        pa.field("confidence", pa.float32(), nullable=False),
        pa.field("corners", pa.list_(pa.float32(), 8), nullable=False),
    ]

    code = [
        *(pa.field(name, pa.string(), nullable=False) for name in ("format", "text")),
        *numbers[:4],
        *(pa.field(name, pa.string()) for name in ("gtin", "serial")),
        pa.field("valid", pa.bool_()),
    ]
    declared = [pa.field("kind", pa.string(), nullable=False), pa.field("by", pa.string(), nullable=False),
                pa.field("signer", pa.string())]  # fmt: skip

    def many(kind: Any) -> Any:
        return pa.list_(pa.field("element", kind, nullable=False))

    kinds = {
        "listing_id": pa.string(), "position": pa.int32(), "file": pa.string(), "sha256": pa.binary(32),
        "width": pa.int32(), "height": pa.int32(), "pdq": pa.binary(32), "pdq_quality": pa.int8(),
        "pdq_turned": pa.binary(224), "warning": pa.string(), "unfinished": many(pa.string()),
        "passed_over": pa.bool_(), "more_frames": pa.bool_(), "regions": many(pa.struct(numbers)),
        "vectors": many(pa.binary(width)), "mirrored": many(pa.binary(width)), "keypoints": pa.binary(),
        "read_lines": pa.int32(), "read_area": pa.float32(), "unread_lines": many(pa.struct(unread)),
        "lines": many(pa.struct(line)), "codes": many(pa.struct(code)), "declared": many(pa.struct(declared)),
    }  # fmt: skip
    return pa.schema([pa.field(name, kinds[name]) for name in COLUMNS])
