"""What several test files share: the real models, loaded once, and the samples that ship with the package."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paths import SAMPLES

if "PYTEST_XDIST_WORKER" in os.environ:  # a core each: two processes of two threads get in each other's way
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from commands import ACME, BOLT, run
from fakes import FakeDetector, FakeEncoder, photo_of
from once import Once, encode_general_once
from PIL import Image

from logoscan.index.logo_index import LogoIndex
from logoscan.ocr.engine import EasyOcr, RapidOcr
from logoscan.vision import detector
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.sift import opencv_sift

pytest.register_assert_rewrite("builders", "contracts")


@pytest.fixture(scope="session", autouse=True)
def easyocr_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where EasyOCR would make its folder when it is imported or built; nothing may appear there."""
    home = tmp_path_factory.mktemp("home") / "easyocr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EASYOCR_MODULE_PATH", str(home))
        yield home


@pytest.fixture(scope="session", autouse=True)
def network_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where compiled networks are kept, by the processes that tests start too; not in the home of whoever runs them."""
    folder = tmp_path_factory.mktemp("cache") / "logoscan"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOGOSCAN_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    """What is the same at each call is made once: the general negatives of an encoder, the keypoints of a picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("logoscan.index.logo_index.encode_general", encode_general_once)
        patch.setattr("logoscan.vision.sift.opencv_sift", Once(opencv_sift))
        yield


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    """The command line sets the levels of loggers; the next test shall not notice."""
    loggers = [logging.getLogger(), logging.getLogger("logoscan")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def clip() -> ClipEncoder:
    """The bundled tower. fp32: what a probe of the machine would choose is no matter of these tests."""
    return ClipEncoder(device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def rapid() -> RapidOcr:
    return RapidOcr(precision="fp32")


@pytest.fixture(scope="session")
def easy(easyocr_home: Path) -> EasyOcr:
    """Reads at 640 pixels, less than half of the default's work."""
    assert not easyocr_home.exists()
    return EasyOcr(device="cpu", long_side_px=640)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of the sample listings."""
    return SAMPLES


@pytest.fixture(scope="session")
def sample_index(samples: Path, clip: ClipEncoder) -> LogoIndex:
    """The sample brands under the bundled tower. Shared: take a snapshot before changing it."""
    index, warnings = LogoIndex.from_folder(samples / "brands", clip)
    assert warnings == []
    return index


@pytest.fixture
def fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands get the fake encoder, whatever they ask for, and the fake detector in place of the trained one."""
    make = detector.make_detector

    def make_fake(name: str, **options: Any) -> detector.Detector:
        return FakeDetector() if name == "logo" else make(name, **options)

    monkeypatch.setattr("logoscan.vision.encoder.ClipEncoder", lambda *_, **__: FakeEncoder())
    monkeypatch.setattr(detector, "make_detector", make_fake)


@pytest.fixture
def shop(tmp_path: Path, fake_models: None) -> Path:
    """Brands, their index, six photos and listings of them."""
    for name, logo in (("Acme", ACME), ("Bolt", BOLT)):
        (tmp_path / "brands" / name).mkdir(parents=True)
        Image.fromarray(logo).save(tmp_path / "brands" / name / "logo.png")
    (tmp_path / "photos").mkdir()
    rows = []
    for i in range(6):
        Image.fromarray(photo_of(ACME if i % 2 else BOLT)).save(tmp_path / "photos" / f"{i}.png")
        rows.append({"id": f"L{i}", "images": [f"photos/{i}.png"], "title": "A thing", "claimed_brand": ""})
    (tmp_path / "listings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run("register", tmp_path / "brands", "--out", tmp_path / "index").exit_code == 0
    return tmp_path
