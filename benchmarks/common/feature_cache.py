"""Keeps whole photo features on disk, so that a photo is looked at once for many questions.

A file holds all fields of one photo's features: arrays as they are, everything else as JSON, nothing pickled. It is
found by the hash of the photo and by what made the features: encoder and precision, detector and effort, OCR engine,
and the version of this format.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.common.scanners import ocr_name
from logoscan.runtime import cores
from logoscan.scan.scanner import Scanner
from logoscan.vision.features import PhotoFeatures

FORMAT_VERSION = 2
"""Version of the files; those of another version are not found."""

# Photos that wait in memory for the caller of `photo_features`.
_CHUNK = 32
# Name of the JSON part inside a file.
_TREE = "json"


def save_features(path: Path, features: PhotoFeatures) -> None:
    """Write all fields of one photo's features to a `.npz` file, at once or not at all."""
    arrays: dict[str, Any] = {}
    tree = json.dumps(_packed(features, arrays))
    temporary = path.with_name(f"{path.stem}-{os.getpid()}-{threading.get_ident()}.tmp")
    with temporary.open("wb") as file:
        np.savez(file, **{_TREE: np.array(tree, np.str_), **arrays})
    temporary.replace(path)


def load_features(path: Path) -> PhotoFeatures:
    """Read what `save_features` wrote."""
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    features = _unpacked(json.loads(str(arrays.pop(_TREE))), arrays)
    assert isinstance(features, PhotoFeatures)
    return features


def same_features(a: Any, b: Any) -> bool:
    """Tell whether two values are equal in every field, with the dtypes and shapes of their arrays."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        alike = isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype == b.dtype
        return bool(alike and np.array_equal(a, b))
    if type(a) is not type(b):
        return False
    if dataclasses.is_dataclass(a):
        return all(same_features(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same_features, a, b))
    return bool(a == b)


def _packed(value: Any, arrays: dict[str, Any]) -> Any:
    """Turn a value into JSON; its arrays go to `arrays`."""
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _packed(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
        return {"record": type(value).__name__, "fields": fields}
    if isinstance(value, tuple):
        return {"tuple": [_packed(item, arrays) for item in value]}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(f"expected an array, a record, a tuple or a plain value, got {type(value).__name__}")


def _unpacked(tree: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """Make the value of a JSON tree again."""
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return arrays[tree["array"]]
    if "tuple" in tree:
        return tuple(_unpacked(item, arrays) for item in tree["tuple"])
    record = _records()[tree["record"]]
    return record(**{name: _unpacked(part, arrays) for name, part in tree["fields"].items()})


@cache
def _records() -> dict[str, Any]:
    """Find the records that photo features are made of, by their names."""
    found: dict[str, Any] = {}
    waiting: list[Any] = [PhotoFeatures]
    while waiting:
        one = waiting.pop()
        waiting += get_args(one)
        if isinstance(one, type) and dataclasses.is_dataclass(one) and one.__name__ not in found:
            found[one.__name__] = one
            waiting += get_type_hints(one).values()
    return found


class FeatureFolder:
    """A folder of features that one scanner sees in photos; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None, scanner: Scanner) -> None:
        """Bind a folder, which is made, to what decides the features."""
        self._folder, self._scanner = folder, scanner
        models = (scanner.encoder.description, scanner.detector.description, ocr_name(scanner), scanner.effort)
        self._made_by = (FORMAT_VERSION, *models)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def features(self, photo: Path) -> PhotoFeatures:
        """Return what the scanner sees in a photo, from the folder where it is there.

        What is seen in a photo that cannot be read is not kept, and is said on standard error.
        """
        path = None if self._folder is None else self._path(self._folder, photo)
        if path is not None and path.is_file():
            features = load_features(path)
            return dataclasses.replace(features, record=dataclasses.replace(features.record, file=str(photo)))
        (features,) = self._scanner.features([photo])
        if features.warning is not None:
            print(f"{photo}: {features.warning}", file=sys.stderr)
        elif path is not None:
            save_features(path, features)
        return features

    def _path(self, folder: Path, photo: Path) -> Path:
        key = repr((hashlib.sha256(photo.read_bytes()).hexdigest(), *self._made_by))
        return folder / f"features-{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"


def photo_features(scanner: Scanner, photos: Sequence[Path], folder: Path | None) -> Iterator[PhotoFeatures]:
    """Look at photos, each by itself as in a listing of one photo, a core each; in their order.

    Args:
        scanner: Looks at them.
        photos: Files.
        folder: Where features are kept for the next run; None keeps none.
    """
    kept = FeatureFolder(folder, scanner)
    with ThreadPoolExecutor(cores()) as pool:
        yield from track(_in_chunks(pool, kept, photos), "photos", total=len(photos))


def _in_chunks(pool: ThreadPoolExecutor, kept: FeatureFolder, photos: Sequence[Path]) -> Iterable[PhotoFeatures]:
    for start in range(0, len(photos), _CHUNK):
        yield from pool.map(kept.features, photos[start : start + _CHUNK])
