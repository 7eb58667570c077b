"""On a GPU the same is found as on the CPU; where there is none, a CPU in its place runs what it can of this."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import lettering

from logoscan.images.boxes import iou
from logoscan.images.crops import square_crops, square_crops_on
from logoscan.images.loading import load_image
from logoscan.index.gallery import Gallery
from logoscan.index.logo_index import LogoIndex
from logoscan.index.storage import LogoRecord
from logoscan.ocr.engine import EasyOcr, RapidOcr, easyocr_models
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing, Rgb
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.gpu_sift import GpuSift, make_sift
from logoscan.vision.sift import Sift

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture(scope="module", params=["cpu:0", pytest.param("cuda", marks=needs_cuda)])
def device(request: pytest.FixtureRequest) -> str:
    """A GPU; and without one the CPU in its place, which runs the same lines but for graphs."""
    return str(request.param)


@pytest.fixture(scope="module")
def is_gpu(device: str) -> bool:
    return device.startswith("cuda")


@pytest.fixture(scope="module")
def photos(samples: Path, is_gpu: bool) -> list[Rgb]:
    """All sample photos; one for a CPU, which takes seconds for each in fp16."""
    files = sorted((samples / "photos").iterdir())
    return [load_image(path) for path in (files if is_gpu else files[:1])]


@pytest.fixture(scope="module")
def on_gpu(device: str) -> ClipEncoder:
    return ClipEncoder(device=device, precision="fp16")


def test_cuda_takes_fp16_by_itself(clip: ClipEncoder, device: str, is_gpu: bool) -> None:
    encoder = ClipEncoder(device=device)
    assert (encoder.device, encoder.runtime, encoder.precision) == (device, "torch", "fp16" if is_gpu else "fp32")
    assert encoder.info == clip.info, "an index of one serves the other"


def test_cuda_embeddings_equal_cpu(
    clip: ClipEncoder, on_gpu: ClipEncoder, photos: list[Rgb], sample_index: LogoIndex
) -> None:
    """In fp16; squares that look like a logo have to be nearer than the others."""
    regions = LogoDetector(device="cpu", precision="fp32", effort="full").detect(photos)
    squares = np.concatenate([square_crops(p, r.xyxy[:20], 128) for p, r in zip(photos, regions, strict=True)])
    wanted, found = clip.encode_pixels(squares), on_gpu.encode_pixels(squares)
    cosine = (found * wanted).sum(axis=1)
    here, there = (sample_index.search(vectors, 1).similarity[:, 0] for vectors in (wanted, found))
    assert (here >= 0.4).any()
    assert cosine.min() >= 0.998
    assert cosine[here >= 0.4].min() >= 0.9995
    assert np.abs(here - there)[here >= 0.4].max() <= 0.005


def test_cuda_regions_equal_cpu(photos: list[Rgb], device: str, is_gpu: bool) -> None:
    """fp16 moves boxes a little; it looks as full effort does, see `LogoDetector`."""
    detector = LogoDetector(device=device, effort="full", precision="fp16")
    met, off = [], []
    wanted = LogoDetector(device="cpu", precision="fp32", effort="full").detect(photos)
    for have, want in zip(detector.detect(photos), wanted, strict=True):
        surest = np.flatnonzero(want.confidence > 0.1)[:12]
        overlaps = iou(want.xyxy[surest], have.xyxy)
        met += (overlaps.max(axis=1) >= 0.9).tolist()
        off += np.abs(have.confidence[overlaps.argmax(axis=1)] - want.confidence[surest]).tolist()
    assert met
    assert np.mean(met) >= 0.99
    assert np.max(off) <= 0.1
    if is_gpu:  # a median of all samples: of two photos on the CPU it was 0.0041, of 24 other photos 0.0009
        assert np.median(off) <= 0.002


def test_cuda_squares_equal_cpu(photos: list[Rgb], device: str) -> None:
    for image in photos:
        boxes = np.array([[0, 0, image.shape[1], image.shape[0]], [3, 5, 90, 60]], np.float32)
        wanted, found = (square_crops_on(name, image, boxes, 128) for name in ("cpu", device))
        assert np.abs(wanted.astype(int) - found).mean() <= 0.05


def test_cuda_keypoints_equal_cpu(photos: list[Rgb], device: str, is_gpu: bool) -> None:
    pytest.importorskip("kornia_rs")
    sift = make_sift(device) if is_gpu else GpuSift("cpu")
    assert isinstance(sift, GpuSift), "kornia-rs finds OpenCV's keypoints on this GPU"
    with ThreadPoolExecutor(4) as pool:
        everything = list(pool.map(sift.extract, photos))
    same, total = 0, 0
    for image, found in zip(photos, everything, strict=True):
        wanted = Sift().extract(image)
        places = {tuple(np.round(frame, 2)) for frame in found.frames}
        same += sum(tuple(np.round(frame, 2)) in places for frame in wanted.frames)
        total += len(wanted)
    assert same >= 0.999 * total > 0


def test_cuda_rows_come_back_to_sixteen_threads(clip: ClipEncoder, on_gpu: ClipEncoder, is_gpu: bool) -> None:
    count = 40 if is_gpu else 8
    squares = np.random.default_rng(0).integers(0, 256, (7 * count + 20, 128, 128, 3), np.uint8)
    wanted = clip.encode_pixels(squares[:count])
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda i: on_gpu.encode_pixels(squares[i : i + 1 + i % 7]), range(count)))
        whole = on_gpu.encode_pixels(squares if is_gpu else squares[:count])
    for i, vectors in enumerate(found):
        assert len(vectors) == 1 + i % 7
        assert (vectors[0] * wanted[i]).sum() >= 0.998
    assert (whole[:count] * wanted).sum(axis=1).min() >= 0.998
    assert on_gpu._network._gpu._programs, "batches had graphs or ran without, on the GPU"


def test_cuda_search_equals_cpu(device: str) -> None:
    rows = np.random.default_rng(0).normal(size=(5070, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    records = [LogoRecord(f"{i}/a", f"brand {i % 90}", "plain", "") for i in range(5000)]
    here, there = (Gallery(records, rows[:5000], device=name) for name in ("cpu", device))
    queries = rows[5000:]
    for found, wanted in zip(there.search(queries, 9), here.search(queries, 9), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_cuda_scan_equals_cpu(
    samples: Path, clip: ClipEncoder, device: str, is_gpu: bool, rapid: RapidOcr, tmp_path: Path
) -> None:
    index, _ = LogoIndex.from_folder(samples / "brands", clip)
    index.save(tmp_path)
    listings = [Listing(p.stem, (p,)) for p in sorted((samples / "photos").iterdir())]
    here, there = (
        list(
            Scanner(LogoIndex.load(tmp_path, encoder), encoder=encoder, ocr=ocr).scan_many(
                listings if is_gpu else listings[:2], workers=workers
            )
        )
        for encoder, ocr, workers in ((clip, rapid, 1), (ClipEncoder(device=device), RapidOcr(device=device), 2))
    )
    for wanted, found in zip(here, there, strict=True):
        assert (found.listing_id, found.score.brand, found.score.band) == (
            wanted.listing_id,
            wanted.score.brand,
            wanted.score.band,
        )
        assert found.provenance.device == device


def test_cuda_rapidocr_reads_what_the_cpu_reads(rapid: RapidOcr, photos: list[Rgb], device: str, is_gpu: bool) -> None:
    """Each photo three times, so that shapes come often enough for graphs."""
    pytest.importorskip("onnx")
    there = RapidOcr(device=device)
    assert there.device == device
    lines = [[Counter(spans.texts) for spans in e.read([*photos, *photos, *photos])] for e in (rapid, there)]
    same = sum((a & b).total() for a, b in zip(*lines, strict=True))
    every = sum(max(a.total(), b.total()) for a, b in zip(*lines, strict=True))
    assert every > (20 if is_gpu else 0)
    assert same >= (0.99 if ", fp16" not in there.name else 0.95) * every


@needs_cuda
def test_cuda_easyocr_equals_cpu() -> None:
    if easyocr_models() is None:
        pytest.skip("needs EasyOCR's weights")
    (spans,) = EasyOcr(device="cuda").read([lettering("KODAK")])
    assert spans.texts == ("KODAK",)


@needs_cuda
def test_cuda_memory_that_is_full_is_survived(clip: ClipEncoder, caplog: pytest.LogCaptureFixture) -> None:
    """Nearly all memory of the GPU is taken, so that batches become smaller, or the CPU's."""
    encoder = ClipEncoder(device="cuda", precision="fp16")
    squares = np.random.default_rng(0).integers(0, 256, (300, 128, 128, 3), np.uint8)
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    taken = torch.empty(max(0, free - (64 << 20)), dtype=torch.uint8, device="cuda")
    try:
        found = encoder.encode_pixels(squares)
    finally:
        del taken
        torch.cuda.empty_cache()
    assert (found[:40] * clip.encode_pixels(squares[:40])).sum(axis=1).min() >= 0.998
    assert "too little memory" in caplog.text
