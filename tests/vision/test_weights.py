"""The table of bundled models: complete, true to the files, and small enough for a wheel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEncoder

from logoscan import _bundled
from logoscan._hashing import file_sha256
from logoscan.errors import CorruptFileError, InputError, LogoscanError
from logoscan.index.logo_index import LogoIndex
from logoscan.io.records import to_mapping
from logoscan.matching.calibration import MatchCalibration, bundled_calibrations
from logoscan.ocr.quick import quick_reader
from logoscan.scan.scanner import Scanner
from logoscan.types import EncoderInfo
from logoscan.vision import weights
from logoscan.vision.detector import LogoDetector
from logoscan.vision.tiles import DENSE_PLAN, Tiles, WholeImage


def calibration_for(encoder: str, detector: str) -> MatchCalibration:
    return MatchCalibration(encoder, detector, -9.0, 12.0, 4.0, -0.2, 0.0, threshold=0.5, fitted_on="a test")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of models with a manifest that may be rewritten; read anew after each `cache_clear`."""
    manifest = weights.folder() / "manifest.json"
    (tmp_path / "manifest.json").write_bytes(manifest.read_bytes())
    monkeypatch.setattr(weights, "folder", lambda: tmp_path)
    weights._manifest.cache_clear()
    yield tmp_path
    weights._manifest.cache_clear()


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    weights.write_manifest(path, {**json.loads(path.read_bytes()), **changes})
    weights._manifest.cache_clear()


def test_each_row_is_complete_and_true() -> None:
    rows = weights.rows()
    assert weights.ENCODER in rows
    for name, row in rows.items():
        assert row.name == name
        for part in (row.file, row.card, *row.beside, *row.pictures):
            assert (weights.folder() / part).is_file(), part
            assert Path(part).name == part, "files lie beside the manifest"
        assert file_sha256(weights.folder() / row.file) == row.sha256
        assert len(row.licence) > 5
        assert len(row.source) > 20
        assert weights.verify(name) == (weights.folder() / row.file, row)


def test_the_card_tells_what_a_reader_must_know() -> None:
    for row in weights.rows().values():
        card = (weights.folder() / row.card).read_text("utf-8").lower()
        assert row.name.lower() in card
        assert len(card) > 800
        for word in ("licence", "train", "imagenet"):
            assert word in card


def test_weights_folder_holds_only_listed_files() -> None:
    known = {"manifest.json", "README.md", *(path.name for path in quick_reader())}
    for row in weights.rows().values():
        known |= {row.file, row.card, *row.beside, *row.pictures}
    assert {path.name for path in weights.folder().iterdir()} == known


def test_the_folder_fits_into_a_wheel() -> None:
    sizes = [path.stat().st_size for path in weights.folder().iterdir()]
    assert 1_000_000 < sum(sizes) < 40_000_000


def test_weights_are_tensors_not_pickles() -> None:
    for row in weights.rows().values():
        assert row.file.endswith(".safetensors")
        with (weights.folder() / row.file).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        assert len(header) > 5


def test_shipped_calibrations_belong_to_bundled_parts() -> None:
    """None at all is allowed: then nothing carries a probability, and reports say so."""
    row = weights.rows()[weights.ENCODER]
    encoder = EncoderInfo(row.name, row.sha256, row.preprocessing, row.embed_dim).fingerprint
    detectors = {d.fingerprint for d in (LogoDetector(), Tiles(), Tiles(DENSE_PLAN), WholeImage())}
    keys = [(c.encoder, c.detector, c.kind) for c in bundled_calibrations()]
    assert set(keys) <= {(encoder, detector, kind) for detector in detectors for kind in ("logo", "name")}
    assert len(set(keys)) == len(keys)
    for calibration in bundled_calibrations():
        assert calibration.similarity > 0
        assert len(calibration.fitted_on) > 10


def test_a_scanner_takes_the_calibration_that_fits(table: Path) -> None:
    encoder = FakeEncoder()
    ours = [calibration_for(encoder.info.fingerprint, d.fingerprint) for d in (Tiles(), WholeImage())]
    other = calibration_for("0" * 16, Tiles().fingerprint)
    rewrite(table, calibrations=[to_mapping(c) for c in (other, *ours)])
    assert bundled_calibrations() == (other, *ours)
    index = LogoIndex(encoder)
    assert Scanner(index, encoder=encoder, detector=Tiles()).calibration == ours[0]
    assert Scanner(index, encoder=encoder, detector=WholeImage()).calibration == ours[1]
    assert Scanner(index, encoder=encoder, detector=Tiles(DENSE_PLAN)).calibration is None
    assert Scanner(index, encoder=encoder, detector=Tiles(), calibration=None).calibration is None


def test_missing_and_altered_files_are_named(table: Path) -> None:
    row = weights.rows()[weights.ENCODER]
    with pytest.raises(CorruptFileError, match=f"{row.file}: the model file is missing; reinstall logoscan"):
        weights.verify(weights.ENCODER)
    (table / row.file).write_bytes(b"something else")
    with pytest.raises(CorruptFileError, match=f"{re.escape(row.file)}: expected SHA-256 {row.sha256}, got [0-9a-f]+"):
        weights.verify(weights.ENCODER)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format_version": 2}', "{"])
def test_invalid_weights_table_is_named(table: Path, content: str) -> None:
    (table / "manifest.json").write_text(content)
    weights._manifest.cache_clear()
    with pytest.raises(CorruptFileError, match=r"manifest\.json"):
        weights.rows()


def test_every_flipped_bit_in_the_table_is_refused_or_says_the_same(table: Path) -> None:
    path = table / "manifest.json"
    good, rows = path.read_bytes(), (weights.rows(), bundled_calibrations())
    for place in range(0, len(good), 7):
        weights._manifest.cache_clear()
        path.write_bytes(good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])
        try:
            now = weights.rows(), bundled_calibrations()
        except CorruptFileError as error:
            said = str(error)
        else:  # a space became another one, or the last digit of a number one that makes the same number
            said = "manifest.json" if now == rows else "served"
        assert "manifest.json" in said
        path.write_bytes(good[:place])
        weights._manifest.cache_clear()
        with pytest.raises(CorruptFileError, match=r"manifest\.json"):
            weights.rows()


def test_a_row_that_lacks_a_field_is_named(table: Path) -> None:
    models = json.loads((table / "manifest.json").read_bytes())["models"]
    del models[0]["licence"]
    rewrite(table, models=models)
    with pytest.raises(InputError, match=r"weights/manifest\.json: .*licence"):
        weights.rows()


def test_an_installation_without_models_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_bundled, "__file__", str(tmp_path / "logoscan" / "_bundled.py"))
    with pytest.raises(LogoscanError, match="the bundled models are missing; reinstall logoscan"):
        weights.folder()
    (tmp_path / "logoscan" / "_weights").mkdir(parents=True)
    (tmp_path / "logoscan" / "_weights" / "manifest.json").write_text("{}")
    assert weights.folder() == tmp_path / "logoscan" / "_weights"
