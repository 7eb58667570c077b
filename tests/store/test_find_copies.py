"""Changed copies of a photo among stored features: found, and confirmed by keypoints where these are stored."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from builders.scans import ENCODER, make_scanner
from commands import run
from PIL import Image

from benchmarks.common.changed_copies import CHANGES, changed_copy
from logoscan.store.find import Find, find, make_query
from logoscan.store.part_writer import StoreSettings
from logoscan.store.reader import FeatureStore
from logoscan.types import Listing, Rgb
from logoscan.vision.sift import Sift

pytest.importorskip("pyarrow")


def scene(seed: int) -> Rgb:
    """A picture of random blocks, smooth enough to be photographed."""
    small = np.random.default_rng(seed).integers(0, 255, (28, 28, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((400, 400), Image.Resampling.BICUBIC))


def stored(folder: Path, *, keypoints: bool) -> Path:
    """Store changed copies of one photo, and other photos."""
    rng, other = random.Random(3), scene(2)
    copies = [Listing(name, (changed_copy(scene(1), name, other, rng),)) for name in CHANGES]
    others = [Listing(f"other{i}", (scene(i),)) for i in range(2, 12)]
    scanner = make_scanner(keypoints=Sift(), hash_photos=True)
    with scanner.feature_writer(folder, StoreSettings(keep_keypoints=keypoints)) as writer:
        list(scanner.scan_many([*others, *copies], keep_features=writer))
    return folder


def searched(folder: Path) -> dict[str, Find]:
    found = find(FeatureStore(folder), make_query(scene(1), ENCODER), ENCODER.info.fingerprint)
    return {one.listing_id: one for one in found}


def test_changed_copies_are_confirmed_and_come_first(tmp_path: Path) -> None:
    found = searched(stored(tmp_path, keypoints=True))
    assert {name for name, one in found.items() if one.confirmed} == {*CHANGES}
    assert {*list(found)[: len(CHANGES)]} == {*CHANGES}
    assert {found[name].kind for name in CHANGES} == {"copy"}


def test_without_stored_keypoints_nothing_is_confirmed(
    tmp_path: Path, fake_models: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pdqhash")
    found = searched(stored(tmp_path / "f", keypoints=False))
    assert found["saved_again"].kind == "copy"
    assert {one.confirmed for one in found.values()} == {None}
    Image.fromarray(scene(1)).save(tmp_path / "photo.png")
    said = run("find", tmp_path / "photo.png", "--in", tmp_path / "f").stdout
    assert "not compared" in said


def test_a_copy_by_its_hash_alone_comes_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pdqhash")
    folder = stored(tmp_path, keypoints=True)
    monkeypatch.setattr(sys.modules[find.__module__], "confirm_copy", lambda *_: None)
    found = searched(folder)
    assert (found["saved_again"].kind, found["saved_again"].confirmed) == ("copy", False)
    assert "inserted" not in found
