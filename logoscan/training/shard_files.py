"""Shards: immutable files of composed batches, each of which says what made it.

A shard is an uncompressed ``.npz`` without pickled objects. Its entry `made_by` is a JSON object; the arrays of batch
`i` have names that begin with ``i.``. The pictures of a batch lie one below the other in JPEG strips.

JPEG of quality 95 without chroma subsampling was chosen by measurement on one core (OpenCV 5, mean of a batch). It
is decoded in a fortieth to a sixtieth of the time of composing a crop, and a twentieth of that of a scene:

    a crop of 128 px, composed in 3.8 ms       KB    encode, ms   decode, ms   mean error of a level
    JPEG 95, in a strip                        4.7         0.05    0.06-0.10   0.7
    JPEG 95, alone                             6.0
    JPEG 95 with half the chroma, in a strip   3.7         0.04         0.09   1.1
    PNG                                       13.3         0.5          0.24   0
    WebP, lossless                             8.7         5.3          0.18   0
    raw                                       49.2
    a scene of 640 px, composed in 29 ms
    JPEG 95, in a strip                         72          1.2      1.0-1.7   0.5
    PNG                                        233         11.4          4.7   0
    WebP, lossless                             122          144          2.8   0
    raw                                      1,229
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from logoscan._quote import cause
from logoscan.errors import CorruptFileError, MismatchError
from logoscan.io.files import atomic_write
from logoscan.training.batches import Batch
from logoscan.training.detector_examples import Example
from logoscan.training.effects import Rgb8

Kind: TypeAlias = Literal["crops", "scenes"]
"""What a shard holds: batches of crops for the towers, or of scenes for the detector."""
Arrays: TypeAlias = dict[str, npt.NDArray[Any]]
"""A batch as arrays, by name."""
# Settings of the JPEG encoder.
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
# Height of the highest JPEG, px, and side of the squares that a JPEG is made of, px.
_HIGHEST_PX, _BLOCK_PX = 65_500, 8
# What may be missing or wrong in a file that is not a shard.
_BROKEN = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def encode_pictures(pixels: Rgb8) -> Arrays:
    """Return pictures as JPEG strips.

    Args:
        pixels: uint8 (n, h, w, 3) RGB; h is a multiple of 8, so that no block of a strip shows two pictures.

    Returns:
        `jpeg`, uint8, the strips one after another; `ends`, int64, the end of each; `shape`, int64 (4,).

    Raises:
        ValueError: If h is no multiple of 8.
    """
    n, h, w, _ = pixels.shape
    if h % _BLOCK_PX:
        raise ValueError(f"pictures: expected a height that is a multiple of {_BLOCK_PX} px, got {h}")
    step = _HIGHEST_PX // h
    strips: list[npt.NDArray[np.uint8]] = []
    for i in range(0, n, step):
        bgr = np.ascontiguousarray(pixels[i : i + step].reshape(-1, w, 3)[..., ::-1])
        strips.append(np.asarray(cv2.imencode(".jpg", bgr, _JPEG)[1], np.uint8).reshape(-1))
    flat = np.concatenate(strips) if strips else np.zeros(0, np.uint8)
    ends = np.cumsum([len(strip) for strip in strips], dtype=np.int64)
    return {"jpeg": flat, "ends": ends, "shape": np.array(pixels.shape, np.int64)}


def decode_pictures(arrays: Mapping[str, npt.NDArray[Any]]) -> Rgb8:
    """Return the pictures that `encode_pictures` encoded, uint8 (n, h, w, 3) RGB."""
    n, h, w, _ = (int(length) for length in arrays["shape"])
    out = np.empty((n, h, w, 3), np.uint8)
    begin, done = 0, 0
    for end in arrays["ends"].tolist():
        strip = cv2.imdecode(arrays["jpeg"][begin:end], cv2.IMREAD_COLOR_RGB)
        if strip is None:
            raise ValueError("expected JPEG strips, got other bytes")
        count = len(strip) // h
        out[done : done + count] = np.asarray(strip, np.uint8).reshape(count, h, w, 3)
        begin, done = end, done + count
    return out


def from_batch(batch: Batch) -> Arrays:
    """Return a batch of crops as arrays."""
    names = {"texts": np.array(batch.texts, np.str_), "other_names": np.array(batch.other_names, np.str_)}
    return {**encode_pictures(batch.crops), "labels": batch.labels, **names}


def to_batch(arrays: Arrays) -> Batch:
    """Return the batch of crops that `from_batch` took apart."""
    texts, others = (tuple(str(text) for text in arrays[name]) for name in ("texts", "other_names"))
    return Batch(decode_pictures(arrays), arrays["labels"], texts, others)


def from_examples(examples: Sequence[Example]) -> Arrays:
    """Return a batch of scenes, at least one, as arrays."""
    boxes = np.concatenate([example.boxes.reshape(-1, 4) for example in examples])
    counts = np.array([len(example.boxes) for example in examples], np.int64)
    return {**encode_pictures(np.stack([e.pixels for e in examples])), "boxes": boxes, "counts": counts}


def to_examples(arrays: Arrays) -> list[Example]:
    """Return the batch of scenes that `from_examples` took apart."""
    boxes = np.split(arrays["boxes"], np.cumsum(arrays["counts"])[:-1])
    return [Example(pixels, marks) for pixels, marks in zip(decode_pictures(arrays), boxes, strict=True)]


def shard_path(folder: Path, kind: Kind, seed: int, number: int) -> Path:
    """Return the path of a shard: its name says what it holds, the seed of its run and its number."""
    return folder / f"{kind}-{seed}-{number:06}.npz"


def shard_paths(folder: Path, kind: Kind) -> list[Path]:
    """Return the paths of the finished shards of a kind in a folder, sorted."""
    return sorted(folder.glob(f"{kind}-*.npz"))


def write_shard(path: Path, batches: Sequence[Arrays], made_by: Mapping[str, object]) -> None:
    """Write a shard to a temporary file that is then renamed; `made_by` also gets the number of `batches`."""
    named = {f"{i}.{name}": array for i, batch in enumerate(batches) for name, array in batch.items()}
    told = np.array(json.dumps({**made_by, "batches": len(batches)}))
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, made_by=told, **named)
    atomic_write(path, file.getvalue())


def read_made_by(path: Path) -> dict[str, Any]:
    """Return what made a shard; only this entry of the file is read.

    Raises:
        CorruptFileError: If the file is no shard.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            made_by: dict[str, Any] = json.loads(str(saved["made_by"]))
    except _BROKEN as error:
        raise CorruptFileError(f"{path}: expected a shard, got a file that cannot be read ({cause(error)})") from error
    return made_by


def read_arrays(path: Path, i: int) -> Arrays:
    """Return batch `i` of a shard as arrays; no other batch is read.

    Raises:
        CorruptFileError: If the file is no shard, or has no such batch.
    """
    begin = f"{i}."
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            arrays = {name.removeprefix(begin): saved[name] for name in saved.files if name.startswith(begin)}
    except _BROKEN as error:
        raise CorruptFileError(f"{path}: expected a shard, got a file that cannot be read ({cause(error)})") from error
    if not arrays:
        raise CorruptFileError(f"{path}: expected batch {i}, got none of that number")
    return arrays


def require_alike(path: Path, made_by: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Refuse a shard of another making, as its labels or sizes may mean something else; seeds may differ.

    Raises:
        MismatchError: If kind, contents or material differ.
    """
    for name in ("kind", "contents", "material"):
        if made_by.get(name) != expected[name]:
            raise MismatchError(
                f"{path}: expected a shard with {name} {expected[name]}, got {made_by.get(name)}: take another folder"
            )
