"""The feature cache gives back what was seen, in every field, and finds it by what made it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from fakes import BLUE, GREEN, RED, YELLOW, FakeDetector, FakeEncoder, FakeOcr, photo_of, quarters
from PIL import Image

from benchmarks.common.feature_cache import FeatureFolder, load_features, same_features, save_features
from logoscan.images.phash import PhotoHash
from logoscan.index.logo_index import LogoIndex
from logoscan.scan.scanner import Scanner
from logoscan.vision.features import PhotoFeatures

ACME = quarters(RED, GREEN, BLUE, YELLOW)


def make_scanner(ocr: FakeOcr | None = None) -> Scanner:
    encoder = FakeEncoder()
    return Scanner(LogoIndex(encoder), encoder=encoder, detector=FakeDetector(), ocr=ocr)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(photo_of(ACME)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_saved_features_are_loaded_with_equal_fields(photo: Path, tmp_path: Path) -> None:
    (seen,) = make_scanner(FakeOcr()).features([photo])
    hashed = replace(seen, photo_hash=PhotoHash("0f" * 32, 80), unfinished=("read",), more_frames=True)
    for features in (seen, hashed):
        save_features(tmp_path / "x.npz", features)
        loaded = load_features(tmp_path / "x.npz")
        assert same_features(loaded, features)
        assert loaded.vectors.dtype == features.vectors.dtype
    assert not list(tmp_path.glob("*.tmp"))


def test_a_difference_in_any_field_is_a_difference(photo: Path) -> None:
    (seen,) = make_scanner(FakeOcr()).features([photo])
    others = {
        "warning": "w",
        "photo_hash": PhotoHash("0f" * 32, 80),
        "unfinished": ("read",),
        "passed_over": True,
        "more_frames": True,
        "vectors": seen.vectors + np.float32(1),
        "mirrored": np.zeros((1, 1), np.float32),
        "record": replace(seen.record, file="b.png"),
    }
    assert others.keys() < {f.name for f in fields(PhotoFeatures)}
    for name, value in others.items():
        assert not same_features(seen, replace(seen, **{name: value}))  # type: ignore[arg-type]


def test_a_photo_is_looked_at_once_by_each_kind_of_scanner(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, scanner = tmp_path / "cache", make_scanner()
    first = FeatureFolder(folder, scanner).features(photo)
    reading = FeatureFolder(folder, make_scanner(FakeOcr())).features(photo)
    assert len(list(folder.iterdir())) == 2, "what is read belongs to another engine"
    assert first.record.file == reading.record.file == str(photo)

    def features(images: object) -> None:
        raise AssertionError("the photo is kept")

    monkeypatch.setattr(scanner, "features", features)
    copy = tmp_path / "b.png"
    copy.write_bytes(photo.read_bytes())
    again = FeatureFolder(folder, scanner).features(copy)
    assert same_features(again, replace(first, record=replace(first.record, file=str(copy))))


def test_what_cannot_be_read_is_not_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    features = FeatureFolder(tmp_path / "cache", make_scanner()).features(broken)
    assert features.warning is not None
    assert list((tmp_path / "cache").iterdir()) == []
    assert "broken.jpg" in capsys.readouterr().err
