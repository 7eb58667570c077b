"""On a GPU the same is found as on the CPU; skipped, and said so, where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import lettering

from logoscan.images.boxes import iou
from logoscan.images.loading import load_image
from logoscan.index.gallery import Gallery
from logoscan.index.logo_index import LogoIndex
from logoscan.index.storage import LogoRecord
from logoscan.ocr.engine import EasyOcr, RapidOcr, easyocr_models
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing, Rgb
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder, encode_images

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture(scope="module")
def photos(samples: Path) -> list[Rgb]:
    return [load_image(path) for path in sorted((samples / "photos").iterdir())]


@pytest.fixture(scope="module")
def on_gpu() -> ClipEncoder:
    return ClipEncoder(device="cuda")


def test_cuda_embeddings_equal_cpu(clip: ClipEncoder, on_gpu: ClipEncoder, photos: list[Rgb]) -> None:
    assert (on_gpu.device, on_gpu.runtime) == ("cuda", "torch")
    assert on_gpu.info == clip.info, "a register of one serves the other"
    cosine = (encode_images(on_gpu, photos) * encode_images(clip, photos)).sum(axis=1)
    assert cosine.min() > 0.999


def test_cuda_regions_equal_cpu(photos: list[Rgb]) -> None:
    """bf16 moves boxes a little; it looks as full effort does, see `LogoDetector`."""
    detector = LogoDetector(device="cuda")
    met, off = [], []
    wanted = LogoDetector(device="cpu", precision="fp32", effort="full").detect(photos)
    for have, want in zip(detector.detect(photos), wanted, strict=True):
        surest = np.flatnonzero(want.confidence > 0.1)[:12]
        overlaps = iou(want.xyxy[surest], have.xyxy)
        met += (overlaps.max(axis=1) > 0.7).tolist()
        off += np.abs(have.confidence[overlaps.argmax(axis=1)] - want.confidence[surest]).tolist()
    assert np.mean(met) > 0.95
    assert np.median(off) < 0.05


def test_cuda_search_equals_cpu() -> None:
    rows = np.random.default_rng(0).normal(size=(5070, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    records = [LogoRecord(f"{i}/a", f"brand {i % 90}", "plain", "") for i in range(5000)]
    here, there = (Gallery(records, rows[:5000], device=device) for device in ("cpu", "cuda"))
    queries = rows[5000:]
    for found, wanted in zip(there.search(queries, 9), here.search(queries, 9), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_cuda_scan_equals_cpu(
    samples: Path, clip: ClipEncoder, on_gpu: ClipEncoder, rapid: RapidOcr, tmp_path: Path
) -> None:
    index, _ = LogoIndex.from_folder(samples / "brands", clip)
    index.save(tmp_path)
    listings = [Listing(p.stem, (p,)) for p in sorted((samples / "photos").iterdir())]
    here, there = (
        list(Scanner(LogoIndex.load(tmp_path, encoder), encoder=encoder, ocr=rapid).scan_many(listings))
        for encoder in (clip, on_gpu)
    )
    for wanted, found in zip(here, there, strict=True):
        assert (found.listing_id, found.score.brand, found.score.band) == (
            wanted.listing_id,
            wanted.score.brand,
            wanted.score.band,
        )
        assert found.provenance.device == "cuda"


def test_cuda_ocr_equals_cpu() -> None:
    if easyocr_models() is None:
        pytest.skip("needs EasyOCR's weights")
    (spans,) = EasyOcr(device="cuda").read([lettering("KODAK")])
    assert spans.texts == ("KODAK",)
