"""Photo features to the rows of a store and back: Arrow tables of the columns of `schema`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from logoscan._quote import quoted
from logoscan.errors import CorruptFileError, InputError
from logoscan.evidence import Code, Declaration
from logoscan.images.boxes import area
from logoscan.images.phash import PhotoHash
from logoscan.results import ImageRecord
from logoscan.store._turned import from_differences, to_differences
from logoscan.store.keypoints import decode_keypoints, encode_keypoints
from logoscan.store.schema import BOX, COLUMNS, arrow, schema
from logoscan.store.vectors import VectorCodec
from logoscan.text.contacts import redact
from logoscan.types import Regions, TextSpans
from logoscan.vision.features import PhotoFeatures

__all__ = ["StoredPhoto", "list_bounds", "list_bytes", "recode", "stored_photos", "to_table"]

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, eq=False)
class StoredPhoto:
    """A photo of a listing as a store holds it.

    Attributes:
        listing_id: Id of the listing.
        position: Position of the photo in the listing, from 0.
        features: Features of the photo, without keypoints and lines of text where these are not kept.
        read_lines: Number of lines of text that were read, kept or not.
        text_kept: Whether the lines are among the features.
        keypoints_kept: Whether keypoints are among the features, in brief.
    """

    listing_id: str
    position: int
    features: PhotoFeatures
    read_lines: int
    text_kept: bool
    keypoints_kept: bool = False

    @property
    def text_missing(self) -> bool:
        """Whether lines were read in the photo that are not kept."""
        return self.read_lines > 0 and not self.text_kept


# -- rows to tables


def to_table(
    listing_id: str, photos: Sequence[PhotoFeatures], codec: VectorCodec, *, keep_text: bool, keep_keypoints: bool
) -> Any:
    """Return the rows of a listing's photos as an Arrow table.

    Args:
        listing_id: Id of the listing.
        photos: Features of its photos, in order.
        codec: How vectors are stored.
        keep_text: Whether the lines of text are kept.
        keep_keypoints: Whether keypoints are kept.

    Raises:
        InputError: A hash is none, or the vectors have another length than the codec's.
    """
    pa = arrow()
    kinds = schema(codec.width)
    records = [photo.record for photo in photos]
    columns: dict[str, list[Any]] = {
        "listing_id": [listing_id] * len(photos),
        "position": list(range(len(photos))),
        "file": [record.file for record in records],
        "sha256": [_digest(record.sha256) for record in records],
        "width": [record.width for record in records],
        "height": [record.height for record in records],
        "pdq": [_pdq(photo) for photo in photos],
        "pdq_quality": [photo.photo_hash.quality if photo.photo_hash else None for photo in photos],
        "pdq_turned": [to_differences(photo.dihedral) for photo in photos],
        "warning": [photo.warning for photo in photos],
        "unfinished": [list(photo.unfinished) for photo in photos],
        "passed_over": [photo.passed_over for photo in photos],
        "more_frames": [photo.more_frames for photo in photos],
        "regions": [_boxes(photo.regions) for photo in photos],
        "vectors": [_rows(codec, photo.vectors) for photo in photos],
        "mirrored": [_rows(codec, photo.mirrored) for photo in photos],
        "keypoints": [encode_keypoints(p.keypoints, p.regions) if keep_keypoints else None for p in photos],
        "read_lines": [len(photo.spans.first_readings()) for photo in photos],
        "read_area": [_read_area(photo.spans) for photo in photos],
        "unread_lines": [_unread(photo.spans, keep_text=keep_text) for photo in photos],
        "lines": [_lines(photo.spans) if keep_text else None for photo in photos],
        "codes": [None if photo.codes is None else [_code_row(code) for code in photo.codes] for photo in photos],
        "declared": [
            None if p.declared is None else [{"kind": d.kind, "by": d.by, "signer": d.signer} for d in p.declared]
            for p in photos
        ],
    }
    return pa.table([pa.array(columns[name], kinds.field(name).type) for name in COLUMNS], kinds)


def _digest(sha256: str | None) -> bytes | None:
    if sha256 is None:
        return None
    if not _SHA256.fullmatch(sha256):
        raise InputError(f"ImageRecord.sha256: expected 64 lower-case hex digits, got {quoted(sha256)}")
    return bytes.fromhex(sha256)


def _pdq(photo: PhotoFeatures) -> bytes | None:
    pdq = photo.photo_hash.pdq if photo.photo_hash else None
    if photo.record.pdq != pdq or (photo.dihedral and photo.dihedral[0] != pdq):
        raise InputError(f"PhotoFeatures.photo_hash: expected the record's hash {photo.record.pdq!r}, got {pdq!r}")
    return None if pdq is None else bytes.fromhex(pdq)


def _boxes(regions: Regions) -> list[dict[str, float]]:
    rows = np.column_stack([regions.xyxy, regions.confidence]).tolist()
    return [dict(zip(BOX, row, strict=True)) for row in rows]


def _rows(codec: VectorCodec, vectors: NDArray[np.float32]) -> list[bytes]:
    if not len(vectors):
        return []
    if vectors.shape[1] != codec.dim:
        raise InputError(f"PhotoFeatures.vectors: expected float32 (n, {codec.dim}), got {vectors.shape}")
    return [row.tobytes() for row in codec.encode(vectors)]


def _lines(spans: TextSpans) -> list[dict[str, Any]]:
    corners = spans.polygons.reshape(-1, 8).tolist()
    return [
        {"text": redact(text), "confidence": confidence, "corners": corner}
        for text, confidence, corner in zip(spans.texts, spans.confidence.tolist(), corners, strict=True)
    ]


def _code_row(code: Code) -> dict[str, Any]:
    box = dict(zip(BOX, code.xyxy, strict=False))
    text = code.text if code.text.isdecimal() else redact(code.text)
    return {"format": code.format, "text": text, **box, "gtin": code.gtin, "serial": code.serial, "valid": code.valid}


def _not_blank(spans: TextSpans) -> list[int]:
    return [row for row, text in enumerate(spans.texts) if text.strip()]


def _read_area(spans: TextSpans) -> float:
    """Return the area of the lines that were read, in square pixels; lines of one box count once, as in a scan."""
    return float(area(np.unique(spans.xyxy[_not_blank(spans)], axis=0)).sum())


def _unread(spans: TextSpans, *, keep_text: bool) -> list[dict[str, Any]]:
    """Return the lines that were not read; where no text is kept, those that an engine left blank are among them."""
    rows = [*zip(spans.unread_xyxy.tolist(), spans.unread_scripts, spans.unread_reasons, strict=True)]
    if not keep_text:
        blank = sorted({*range(len(spans))} - {*_not_blank(spans)})
        rows = [*((box, None, "unreadable") for box in spans.xyxy[blank].tolist()), *rows]
    return [{**dict(zip(BOX, box, strict=False)), "script": script, "reason": reason} for box, script, reason in rows]


def recode(table: Any, old: VectorCodec, new: VectorCodec) -> Any:
    """Return a table with its vectors quantised, boxes rounded to a quarter of a pixel and confidences to a 256th."""
    pa = arrow()
    column = table.column("regions").combine_chunks()
    numbers = [np.asarray(part.to_numpy(zero_copy_only=False), np.float32) for part in column.flatten().flatten()]
    low = [np.floor(numbers[i] * 4) / 4 for i in (0, 1)]
    high = [np.maximum(np.ceil(numbers[i] * 4) / 4, numbers[i]) for i in (2, 3)]
    rounded = [pa.array(part, pa.float32()) for part in (*low, *high, np.rint(numbers[4] * 256) / 256)]
    kind = schema(old.width).field("regions")
    fields = [kind.type.value_type.field(i) for i in range(len(BOX))]
    boxes = pa.StructArray.from_arrays(rounded, fields=fields)
    lists = pa.ListArray.from_arrays(_offsets(column), boxes, type=kind.type)
    table = table.set_column(table.schema.get_field_index("regions"), kind, lists)
    for name in ("vectors", "mirrored"):
        column = table.column(name).combine_chunks()
        codes = new.encode(old.decode(list_bytes(column, old.width)))
        flat = pa.array([row.tobytes() for row in codes], pa.binary(new.width))
        kind = schema(new.width).field(name)
        lists = pa.ListArray.from_arrays(_offsets(column), flat, type=kind.type)
        table = table.set_column(table.schema.get_field_index(name), kind, lists)
    return table


# -- tables to rows


def stored_photos(table: Any, codec: VectorCodec) -> Iterator[StoredPhoto]:
    """Yield the photos of a table or a record batch.

    Raises:
        CorruptFileError: A row is not one that `to_table` wrote.
    """
    names = [name for name in COLUMNS if name not in ("vectors", "mirrored", "regions")]
    there = set(table.schema.names)  # parts of earlier versions lack the last columns
    plain = {n: table.column(n).to_pylist() if n in there else [None] * table.num_rows for n in names}
    vectors, mirrored = (_decoded(table.column(name), codec) for name in ("vectors", "mirrored"))
    regions = _regions(table.column("regions"))
    for i in range(len(plain["position"])):
        row = {name: values[i] for name, values in plain.items()}
        try:
            yield _photo(row, next(regions), next(vectors), next(mirrored))
        except (ValueError, TypeError, KeyError) as error:  # our InputError is a ValueError
            raise CorruptFileError(f"photo {row['position']} of listing {quoted(row['listing_id'])}: {error}") from None


def _photo(
    row: Mapping[str, Any], regions: Regions, vectors: NDArray[np.float32], mirrored: NDArray[np.float32]
) -> StoredPhoto:
    pdq = None if row["pdq"] is None else row["pdq"].hex()
    lines = row["lines"]
    if len(vectors) > len(regions):
        raise InputError(f"vectors: expected at most {len(regions)}, got {len(vectors)}")
    features = PhotoFeatures(
        ImageRecord(
            row["file"], None if row["sha256"] is None else row["sha256"].hex(), row["width"], row["height"], pdq
        ),
        regions,
        vectors,
        _spans(lines or [], row["unread_lines"], 0.0 if lines is not None else row["read_area"]),
        decode_keypoints(row["keypoints"] or b"", (row["width"] or 0, row["height"] or 0)),
        row["warning"],
        None if pdq is None else PhotoHash(pdq, row["pdq_quality"]),
        cast(Any, tuple(row["unfinished"])),
        mirrored,
        row["passed_over"],
        row["more_frames"],
        () if row["pdq_turned"] is None else from_differences(row["pdq"], row["pdq_turned"]),
        None if row["codes"] is None else tuple(map(_code, row["codes"])),
        None if row["declared"] is None else tuple(Declaration(**one) for one in row["declared"]),
    )
    kept = lines is not None, row["keypoints"] is not None
    return StoredPhoto(row["listing_id"], row["position"], features, row["read_lines"], *kept)


def _code(row: Mapping[str, Any]) -> Code:
    x0, y0, x1, y1 = (row[name] for name in BOX[:4])
    return Code(row["format"], row["text"], (x0, y0, x1, y1), row["gtin"], row["serial"], row["valid"])


def _spans(lines: Sequence[Mapping[str, Any]], unread: Sequence[Mapping[str, Any]], unkept_area: float) -> TextSpans:
    corners = np.array([line["corners"] for line in lines], np.float32).reshape(-1, 4, 2)
    confidence = np.array([line["confidence"] for line in lines], np.float32)
    boxes = np.array([[line[name] for name in BOX[:4]] for line in unread], np.float32).reshape(-1, 4)
    texts, scripts = tuple(line["text"] for line in lines), tuple(line["script"] for line in unread)
    reasons = tuple(line["reason"] for line in unread)
    return TextSpans(corners, texts, confidence, boxes, scripts, reasons, unkept_area)


def _offsets(column: Any) -> Any:
    """Return the offsets of a list array, from 0, as an Arrow array."""
    return arrow().array(list_bounds(column), arrow().int32())


def list_bounds(column: Any) -> NDArray[np.int64]:
    """Return where each list of a list array begins, from 0, and at the end where the last one ends."""
    offsets = np.asarray(column.offsets.to_numpy(zero_copy_only=False), np.int64)
    return np.asarray(offsets - offsets[0], np.int64)


def _chunk(column: Any) -> Any:
    """Return a column of a table, or of a record batch, as one array."""
    return column.combine_chunks() if hasattr(column, "combine_chunks") else column


def list_bytes(column: Any, width: int) -> NDArray[np.uint8]:
    """Return the fixed binaries of a list array, uint8 (n, width)."""
    flat = column.flatten()
    if not len(flat):
        return np.zeros((0, width), np.uint8)
    data = np.frombuffer(flat.buffers()[1], np.uint8)
    return data[flat.offset * width : (flat.offset + len(flat)) * width].reshape(-1, width)


def _decoded(column: Any, codec: VectorCodec) -> Iterator[NDArray[np.float32]]:
    column = _chunk(column)
    vectors, bounds = codec.decode(list_bytes(column, codec.width)), list_bounds(column).tolist()
    for start, end in pairwise(bounds):
        yield vectors[start:end]


def _regions(column: Any) -> Iterator[Regions]:
    column = _chunk(column)
    fields, bounds = column.flatten(), list_bounds(column).tolist()
    if len(fields):
        numbers = [np.asarray(part.to_numpy(zero_copy_only=False), np.float32) for part in fields.flatten()]
    else:
        numbers = [np.zeros(0, np.float32)] * len(BOX)
    boxes = np.column_stack(numbers[:4])
    for start, end in pairwise(bounds):
        yield Regions(np.ascontiguousarray(boxes[start:end]), numbers[4][start:end])
