"""What a GPU does instead of Pillow and OpenCV equals them within stated tolerances; run on the CPU here."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from builders.keypoints import drawing, photographed
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch._subclasses.fake_tensor import FakeTensorMode

from logoscan.images import torch_crops
from logoscan.images.crops import square_crops, square_crops_on
from logoscan.images.loading import load_image
from logoscan.images.torch_crops import torch_square_crops
from logoscan.index.logo_index import LogoIndex
from logoscan.matching import _logo_products
from logoscan.matching._logo_products import highest_products
from logoscan.matching.placement import _MAX_FULL_PAIRS, place
from logoscan.types import Rgb
from logoscan.vision import gpu_sift
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.gpu_sift import GpuSift, finds_the_same, make_sift
from logoscan.vision.sift import Sift


def enlarged(path: Path, long_px: int) -> Rgb:
    image = Image.open(path).convert("RGB")
    scale = long_px / max(image.size)
    size = round(image.width * scale), round(image.height * scale)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def boxes_in(image: Rgb, count: int) -> np.ndarray:
    height, width = image.shape[:2]
    rng = np.random.default_rng(0)
    side = np.exp(rng.uniform(np.log(0.03), np.log(0.9), (count, 2))) * (width, height)
    start = rng.uniform(0, 1, (count, 2)) * ((width, height) - side)
    strange = [[0, 0, width, height], [5, 5, 5.2, 5.1], [width - 0.5, 0, width + 9, 4], [-9, -9, -1, -1]]
    return np.concatenate([np.concatenate([start, start + side], axis=1), strange]).astype(np.float32)


@pytest.mark.parametrize(("long_px", "tolerance"), [(500, 0.02), (1600, 0.04)])
@pytest.mark.parametrize("name", ["beanie", "film_boxes"])
def test_squares_by_products_are_pillows(
    samples: Path, clip: ClipEncoder, sample_index: LogoIndex, name: str, long_px: int, tolerance: float
) -> None:
    image = enlarged(samples / "photos" / f"{name}.jpg", long_px)
    boxes = boxes_in(image, 12)
    wanted, found = square_crops(image, boxes, 128), torch_square_crops(image, boxes, 128, "cpu")
    off = np.abs(wanted.astype(int) - found)
    assert off.mean() < tolerance
    assert off.max() <= 2
    vectors, others = clip.encode_pixels(wanted), clip.encode_pixels(found)
    cosine = (vectors * others).sum(axis=1)
    assert cosine.min() > 0.98, "noise of one grey level moves a vector as much"
    assert np.median(cosine) > 0.999
    here, there = (sample_index.search(each, 1).similarity[:, 0] for each in (vectors, others))
    np.testing.assert_allclose(there[here >= 0.4], here[here >= 0.4], atol=0.005)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    corners=st.lists(st.tuples(*[st.floats(-70, 130, width=32)] * 4), max_size=5),
    size=st.integers(1, 40),
)
def test_squares_of_any_box_are_pillows(
    shape: tuple[int, int], corners: list[tuple[float, float, float, float]], size: int
) -> None:
    image = np.random.default_rng(shape).integers(0, 256, (*shape, 3), np.uint8)
    boxes = np.sort(np.array(corners, np.float32).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    wanted, found = square_crops(image, boxes, size), torch_square_crops(image, boxes, size, "cpu")
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.astype(int), wanted, atol=2)


def test_squares_wait_for_no_number_of_the_gpu() -> None:
    with FakeTensorMode(), torch.inference_mode():
        pixels, boxes = torch.empty(3, 900, 1600, device="cuda"), torch.empty(7, 4, device="cuda")
        squares = torch_crops._resized(pixels, boxes, torch.empty(7, 3, device="cuda"), 128)
    assert (tuple(squares.shape), squares.dtype, squares.device.type) == ((7, 128, 128, 3), torch.uint8, "cuda")


def test_a_gpu_makes_the_squares_and_the_cpu_if_its_memory_is_full(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    box = np.array([[0, 0, 30, 40]], np.float32)
    asked: list[str] = []

    def full(given: Rgb, xyxy: np.ndarray, size_px: int, device: str) -> Rgb:
        asked.append(device)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch_crops, "torch_square_crops", full)
    for device, fit in (("cpu", "pad"), ("cuda:1", "squeeze"), ("cuda:1", "pad")):
        found = square_crops_on(device, image, box, 16, fit)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, square_crops(image, box, 16, fit))  # type: ignore[arg-type]
    assert asked == ["cuda:1"]
    assert "too little memory on cuda:1" in caplog.text

    def broken(*_: object) -> Rgb:
        raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr(torch_crops, "torch_square_crops", broken)
    with pytest.raises(RuntimeError, match="illegal"):
        square_crops_on("cuda", image, box, 16)


@pytest.mark.parametrize("name", ["beanie", "mug"])
def test_keypoints_by_kornia_are_opencvs(samples: Path, name: str) -> None:
    image = load_image(samples / "photos" / f"{name}.jpg")
    wanted, found = Sift().extract(image), GpuSift("cpu").extract(image)
    assert abs(len(found) - len(wanted)) <= 0.001 * len(wanted)
    place = {tuple(np.round(frame, 2)): row for row, frame in enumerate(found.frames)}
    rows = [place.get(tuple(np.round(frame, 2))) for frame in wanted.frames]
    same = [(row, other) for row, other in enumerate(rows) if other is not None]
    assert len(same) >= 0.999 * len(wanted)
    here, there = np.array(same).T
    off = np.abs(wanted.descriptors[here].astype(int) - found.descriptors[there])
    assert off.max() <= 1


def test_a_plain_picture_has_no_keypoints() -> None:
    flat = np.full((50, 60, 3), 128, np.uint8)
    for sift in (Sift(), GpuSift("cpu")):
        keypoints = sift.extract(flat)
        assert (len(keypoints), keypoints.size_wh, keypoints.descriptors.shape) == (0, (60, 50), (0, 128))


def test_each_thread_has_its_own_plan() -> None:
    from concurrent.futures import ThreadPoolExecutor

    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    sift = GpuSift("cpu")
    wanted = sift.extract(image)
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(sift.extract, [image] * 6):
            np.testing.assert_array_equal(found.frames, wanted.frames)


def test_the_cpu_finds_keypoints_where_a_gpu_cannot(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """This machine has no CUDA: kornia-rs panics, with an error that is no Exception."""
    assert isinstance(make_sift("cpu"), Sift)
    assert not caplog.records

    class Panic(BaseException):
        pass

    def panic(self: GpuSift, *_: object) -> Any:
        raise Panic("no libcuda")

    with monkeypatch.context() as patch:
        patch.setattr(GpuSift, "detect", panic)
        assert isinstance(make_sift("cuda"), Sift)
        assert "kornia-rs cannot find them on cuda (Panic: no libcuda)" in caplog.text
        patch.setattr(gpu_sift, "finds_the_same", lambda _: False)
        assert isinstance(make_sift("cuda"), Sift)
        assert "it finds others than OpenCV" in caplog.text
        patch.setattr(gpu_sift, "finds_the_same", lambda _: True)
        assert isinstance(make_sift("cuda:1"), GpuSift)

        def interrupted(_: GpuSift) -> bool:
            raise KeyboardInterrupt

        patch.setattr(gpu_sift, "finds_the_same", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_sift("cuda")
        patch.setattr(gpu_sift, "find_spec", lambda _: None)
        caplog.clear()
        assert isinstance(make_sift("cuda"), Sift)
        assert "pip install 'logoscan[gpu]'" in caplog.text


def test_a_trial_tells_other_keypoints() -> None:
    sift = GpuSift("cpu")
    assert finds_the_same(sift)
    shifted = SimpleNamespace(detect=lambda grey, most, least: (sift.detect(grey, most, least)[0] + 1, None))
    assert not finds_the_same(shifted)  # type: ignore[arg-type]
    assert not finds_the_same(SimpleNamespace(detect=lambda *_: (np.zeros((0, 4)), None)))  # type: ignore[arg-type]


def test_pictures_go_to_the_gpu_and_descriptors_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """kornia-rs's classes on CUDA, replaced by ones that stay here: what each is given and gives."""
    sift, plain = GpuSift("cuda:1"), GpuSift("cpu")
    grey = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)
    moved: list[object] = []

    class OnGpu:
        def __init__(self, array: np.ndarray) -> None:
            self.array = array

        def to_cuda(self, stream: str) -> OnGpu:
            moved.append(stream)
            return self

    real = plain._plan(50, 0.02)
    made = SimpleNamespace(detect_and_compute=lambda there: real.detect_and_compute(there.array))
    monkeypatch.setitem(
        sys.modules,
        "kornia_rs.cuda",
        SimpleNamespace(Stream=SimpleNamespace(default=lambda number: f"stream {number}")),
    )
    monkeypatch.setitem(sys.modules, "kornia_rs.image", SimpleNamespace(Image=SimpleNamespace(from_numpy=OnGpu)))
    sift._own.plans = {(50, 0.02): made}
    for here, there in zip(plain.detect(grey, 50, 0.02), sift.detect(grey, 50, 0.02), strict=True):
        np.testing.assert_array_equal(here, there)
    assert moved == ["stream 1"]


def test_a_library_that_cannot_be_loaded_is_only_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "nvidia" / "nvrtc" / "lib").mkdir(parents=True)
    (tmp_path / "nvidia" / "nvrtc" / "lib" / "libnvrtc.so.13").write_bytes(b"no library")
    monkeypatch.setattr(torch, "__file__", str(tmp_path / "torch" / "__init__.py"))
    with caplog.at_level(logging.DEBUG):
        gpu_sift._load_nvrtc()
    assert "libnvrtc.so.13" in caplog.text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=9), st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_products_of_logo_images_by_torch_are_numpys(sizes: list[int], queries: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logos = [rng.random((size, 32), np.float32) for size in sizes]
    both = rng.random((32, queries), np.float32)
    here, there = (highest_products(logos, both, device) for device in ("cpu", "cpu:0"))
    assert here.shape == there.shape == (len(sizes), queries)
    assert here.dtype == there.dtype == np.float32
    np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6)
    assert not there[[i for i, size in enumerate(sizes) if not size]].any(), "nothing resembles an empty logo image"


def test_logo_images_are_placed_alike_by_torch() -> None:
    logos = [drawing(i, n=700) for i in range(12)]
    photo = photographed(logos[7], 0.8, 0.4, (300.0, 200.0), seed=7)
    assert len(photo) * sum(map(len, logos)) > _MAX_FULL_PAIRS, "or no shortlist is made"
    here, there = (place(photo, logos, [f"brand {i}" for i in range(12)], device=d) for d in ("cpu", "cpu:0"))
    assert [p is None for p in here] == [p is None for p in there]
    (one,), (other,) = ([p for p in found if p is not None] for found in (here, there))
    np.testing.assert_allclose(one.corners, other.corners)
    assert (one.inliers, one.tentative, one.log_nfa) == (other.inliers, other.tentative, other.log_nfa)


def test_numpy_compares_keypoints_where_the_gpus_memory_is_full(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(_logo_products, "_by_torch", full)
    logos, both = [np.eye(4, 32, dtype=np.float32)], np.eye(32, 5, dtype=np.float32)
    np.testing.assert_array_equal(highest_products(logos, both, "cuda"), highest_products(logos, both))
    assert "the memory of cuda is full" in caplog.text
