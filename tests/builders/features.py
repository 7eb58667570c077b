"""Photo features: any, by a Hypothesis strategy, and those of the fakes; and stores of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from strategies import floats32, optional_texts, texts, tuples_of, units

from builders.scans import DETECTOR, ENCODER
from logoscan.images.phash import PhotoHash
from logoscan.results import ImageRecord
from logoscan.store.maker import Maker
from logoscan.store.part_writer import StoreSettings
from logoscan.store.writer import FeatureWriter
from logoscan.types import Boxes, Regions, TextSpans
from logoscan.vision.features import PhotoFeatures
from logoscan.vision.sift import Keypoints

DIM = ENCODER.info.dim


def make_maker(*, text: bool = True) -> Maker:
    """The fakes, with an OCR engine."""
    return Maker.of(ENCODER, DETECTOR, "fake", "default", text=text)


def unit_rows(draw: st.DrawFn, n: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    rows = np.random.default_rng(draw(st.integers(0, 9999))).normal(size=(n, DIM)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32).reshape(n, DIM)


_digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
_sides = st.none() | st.integers(1, 30_000)


@st.composite
def photo_features(draw: st.DrawFn) -> PhotoFeatures:
    """Any features without keypoints, of as many regions and lines."""
    n, lines = draw(st.integers(0, 3)), draw(tuples_of(texts))
    low = np.array(draw(st.lists(st.tuples(*[st.floats(-50, 5000, width=32)] * 2), min_size=n, max_size=n)))
    low = low.astype(np.float32).reshape(n, 2)
    size = floats32(draw(st.lists(st.floats(1, 99, width=32), min_size=n, max_size=n)))
    pdq = draw(st.none() | _digests)
    turned = draw(st.lists(_digests, min_size=7, max_size=7)) if pdq and draw(st.booleans()) else None
    return PhotoFeatures(
        ImageRecord(draw(optional_texts), draw(st.none() | _digests), draw(_sides), draw(_sides), pdq),
        Regions(np.concatenate([low, low + size[:, None]], axis=1), _units(draw, n)),
        unit_rows(draw, n),
        TextSpans(
            np.random.default_rng(n).normal(size=(len(lines), 4, 2)).astype(np.float32),
            lines,
            _units(draw, len(lines)),
            *draw(_unread_lines()),
        ),
        Keypoints.empty(),
        draw(optional_texts),
        None if pdq is None else PhotoHash(pdq, draw(st.integers(50, 100))),
        draw(st.sampled_from([(), ("read",), ("open", "detect")])),
        unit_rows(draw, draw(st.integers(0, n))),
        draw(st.booleans()),
        draw(st.booleans()),
        (pdq, *turned) if pdq and turned else (),
    )


@st.composite
def _unread_lines(draw: st.DrawFn) -> tuple[Boxes, tuple[str | None, ...]]:
    scripts = draw(tuples_of(st.sampled_from([None, "Cyrl", "Arab"])))
    return np.random.default_rng(len(scripts)).normal(size=(len(scripts), 4)).astype(np.float32), scripts


def _units(draw: st.DrawFn, n: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return floats32(draw(st.lists(units, min_size=n, max_size=n)))


def write(folder: Path, photos: dict[str, list[PhotoFeatures]], *, quantise: bool = False, text: bool = True) -> None:
    """Append listings to a store of the fakes."""
    with FeatureWriter(folder, make_maker(text=text), StoreSettings(quantise, keep_text=text)) as writer:
        for listing_id, features in photos.items():
            writer.add(listing_id, features)
