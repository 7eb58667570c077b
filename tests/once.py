"""What costs much and is the same at each call, made once in a process of tests."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

import numpy as np
from fakes import FakeEncoder
from numpy.typing import NDArray

from logoscan.index.enrol import encode_general
from logoscan.index.storage import LogoRecord
from logoscan.types import Embeddings
from logoscan.vision.encoder import ClipEncoder, Encoder
from logoscan.vision.sift import Descriptors, Detect, Frames

_MOST_KEPT = 500
# Of a picture that is kept: those of the fakes have some dozens, photos a thousand, and few photos come again.
_MOST_KEYPOINTS = 200
_general: dict[tuple[type, str], tuple[list[LogoRecord], Embeddings]] = {}


def encode_general_once(encoder: Encoder) -> tuple[list[LogoRecord], Embeddings]:
    """The general negatives under an encoder; those of fakes that count or fail are encoded each time."""
    if type(encoder) not in (FakeEncoder, ClipEncoder):
        return encode_general(encoder)
    key = (type(encoder), encoder.description)
    if key not in _general:
        _general[key] = encode_general(encoder)
    records, vectors = _general[key]
    return list(records), vectors.copy()


class Once:
    """Finds keypoints, those of one picture once."""

    def __init__(self, detect: Detect) -> None:
        self._detect = detect
        self._kept: OrderedDict[tuple[Any, ...], tuple[Frames, Descriptors]] = OrderedDict()

    def __call__(self, grey: NDArray[np.uint8], most: int, min_contrast: float) -> tuple[Frames, Descriptors]:
        key = (hashlib.sha256(grey.tobytes()).digest(), grey.shape, most, min_contrast)
        found = self._kept.get(key)
        if found is None:
            found = self._detect(grey, most, min_contrast)
            if len(found[0]) <= _MOST_KEYPOINTS:
                self._kept[key] = found
                if len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        frames, descriptors = found
        return frames.copy(), descriptors.copy()
