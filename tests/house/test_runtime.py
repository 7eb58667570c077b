"""OpenVINO behind the networks: as torch answers, for any batch, by several threads, and without a word to anybody."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from logoscan.cpu_network import CpuNetwork, cpu_network
from logoscan.errors import InputError
from logoscan.images.boxes import iou
from logoscan.images.loading import load_image
from logoscan.pixel_network import PixelNetwork
from logoscan.runtime import cores, cpu_has_bf16, on_device
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder, encode_images


def _network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU6(), torch.nn.AdaptiveAvgPool2d(1)).eval()


def test_openvino_equals_torch_for_any_batch_and_size() -> None:
    net = _network()
    compiled = CpuNetwork.of_torch(net, torch.zeros(1, 3, 16, 16), precision="fp32", threads=1)
    for shape in ((1, 3, 16, 16), (5, 3, 16, 16), (2, 3, 24, 40)):
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        with torch.no_grad():
            wanted = net(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(compiled(x)[0], wanted, atol=1e-5)


def test_compiled_network_is_thread_safe() -> None:
    compiled = CpuNetwork.of_torch(_network(), torch.zeros(1, 3, 16, 16), precision="fp32", threads=1)
    inputs = [np.full((1, 3, 16, 16), i, np.float32) for i in range(40)]
    wanted = [compiled(x)[0] for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        found = [out[0] for out in pool.map(compiled, inputs)]
    np.testing.assert_array_equal(found, wanted)


def test_openvino_telemetry_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = pytest.importorskip("openvino_telemetry")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("telemetry was asked for")

    monkeypatch.setattr(telemetry.Telemetry, "init", refuse)
    monkeypatch.setattr(telemetry.Telemetry, "send_event", refuse)
    CpuNetwork.of_torch(_network(), torch.zeros(1, 3, 8, 8), precision="fp32", threads=1)


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3}, raising=False)
    assert cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == 64


def test_what_cannot_be_compiled_is_left_to_torch(caplog: pytest.LogCaptureFixture) -> None:
    class Odd(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("not today")

    assert cpu_network(("odd",), Odd(), torch.zeros(1, 3, 8, 8), "fp32") is None
    assert "OpenVINO cannot run this network" in caplog.text


def test_the_encoder_conforms(clip: ClipEncoder) -> None:
    reference = ClipEncoder(device="cpu", precision="fp32", runtime="torch")
    assert (clip.runtime, reference.runtime) == ("openvino", "torch")
    pixels = np.random.default_rng(1).integers(0, 256, (9, 128, 128, 3), np.uint8)
    cosine = (clip.encode_pixels(pixels) * reference.encode_pixels(pixels)).sum(axis=1)
    assert cosine.min() > 0.9999


def test_the_detector_conforms() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (200, 300, 3), np.uint8)
    found, wanted = (
        LogoDetector(device="cpu", precision="fp32", runtime=runtime).detect([picture])[0]
        for runtime in ("openvino", "torch")
    )
    np.testing.assert_allclose(found.xyxy, wanted.xyxy, atol=0.5)
    np.testing.assert_allclose(found.confidence, wanted.confidence, atol=1e-3)


def test_another_runtime_is_refused() -> None:
    with pytest.raises(InputError, match="runtime: expected auto, torch or openvino, got 'tvm'"):
        ClipEncoder(device="cpu", runtime="tvm")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"LogoDetector\.runtime: expected auto, torch or openvino, got 'tvm'"):
        LogoDetector(device="cpu", runtime="tvm")  # type: ignore[arg-type]


def test_one_thread_uses_a_gpu() -> None:
    """No GPU is needed to see that: the device is but a name here."""
    me = threading.get_ident()
    assert on_device("cpu", threading.get_ident) == me
    with ThreadPoolExecutor(4) as pool:
        one = set(pool.map(lambda _: on_device("cuda:0", threading.get_ident), range(40)))
        other = set(pool.map(lambda _: on_device("cuda:1", threading.get_ident), range(40)))
    assert len(one) == len(other) == len(one | other) - 1 == 1
    assert me not in one | other
    with pytest.raises(ZeroDivisionError):
        on_device("cuda:0", lambda: 1 // 0)


def test_a_gpu_sees_one_shape(samples: Path, clip: ClipEncoder) -> None:
    """The CPU named "cpu:0" is taken for a GPU: canvases of one size, squares in few sizes of batch."""
    photos = [load_image(path) for path in sorted((samples / "photos").iterdir())[:3]]
    there = LogoDetector(device="cpu:0", precision="fp32")
    full = LogoDetector(device="cpu", precision="fp32", effort="full")
    for found, wanted, rgb in zip(there.detect(photos), full.detect(photos), photos, strict=True):
        assert found.xyxy[-1].tolist() == [0, 0, rgb.shape[1], rgb.shape[0]]
        overlaps = iou(found.xyxy[:-1], wanted.xyxy)
        proposed = found.confidence[:-1] > there.least
        assert overlaps[proposed].max(axis=1).min() > 0.9, "its canvas is made as a GPU makes it, off by grey levels"
        assert overlaps.max(axis=1).min() >= 0.7, "a patch that is one of the fifty proposals is not proposed twice"
        near = wanted.confidence[overlaps.argmax(axis=1)]
        np.testing.assert_allclose(found.confidence[:-1][proposed], near[proposed], atol=0.05)
        assert len(found) <= 16 + 8 + 1, "proposals, patches of one colour, the whole photo"
    vectors = encode_images(ClipEncoder(device="cpu:0", precision="fp32"), photos)
    assert (vectors * encode_images(clip, photos)).sum(axis=1).min() > 0.9999


def test_first_inferences_of_several_threads_end() -> None:
    """The bindings initialise themselves at the first one, and two at a time waited for each other for ever."""
    script = """
import faulthandler, sys, threading
faulthandler.dump_traceback_later(60, exit=True)
import numpy, torch
from logoscan.cpu_network import CpuNetwork
network = CpuNetwork.of_torch(torch.nn.ReLU(), torch.zeros(1, 3, 8, 8), precision="fp32", threads=1)
start, x = threading.Barrier(4), numpy.ones((1, 3, 8, 8), numpy.float32)
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=lambda: (start.wait(), network(x))) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


SHAPES = """
import ctypes, numpy, torch
from logoscan.cpu_network import CpuNetwork, cpu_network
class Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena a b c mapped d e used free top".split()]
mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Memory
def in_use():
    return (mallinfo().used + mallinfo().mapped) / 2**20
layers = [torch.nn.Conv2d(3 + i, 4 + i, 3, padding=1) for i in range(30)]  # none like another
first = CpuNetwork.of_torch(torch.nn.Sequential(*layers).eval(), torch.zeros(1, 3, 64, 64), precision="fp32", threads=1)
for network in (first, CpuNetwork(first.exported(), precision="fp32", threads=1)):
    network(numpy.ones((1, 3, 96, 96), numpy.float32))
    marks = []
    for i in range(90):
        network(numpy.ones((1, 3, 8 + i % 45, 8 + 3 * (i // 45) + i % 2), numpy.float32))
        if i in (39, 89):
            marks.append(in_use())
    print(round(marks[1] - marks[0], 2))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc")
def test_memory_does_not_grow_with_each_new_shape() -> None:
    """OpenVINO keeps plans for 5,000 operators: fifty further shapes of thirty of them took 99 MB."""
    done = subprocess.run([sys.executable, "-c", SHAPES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    compiled, read_again = map(float, done.stdout.split())
    assert compiled < 4
    assert read_again < 4


@pytest.mark.parametrize(
    ("abilities", "expected"),
    [
        ({"avx2": True}, False),
        ({"avx2": True, "avx512_f": True, "avx512_vnni": True, "avx512_bf16": False}, False),
        ({"avx512_f": True, "avx512_bf16": True}, True),
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": True}, True),
    ],
)
def test_bf16_is_asked_of_the_processor_and_not_of_avx512(
    monkeypatch: pytest.MonkeyPatch, abilities: dict[str, bool], expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities, raising=False)
    assert cpu_has_bf16() is expected


def test_an_older_torch_is_asked_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert cpu_has_bf16() is True


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="needs Linux")
def test_bf16_agrees_with_what_the_kernel_says() -> None:
    flags = Path("/proc/cpuinfo").read_text("utf-8")
    if "avx2" in flags:  # on x86
        assert cpu_has_bf16() == ("avx512_bf16" in flags or "amx_bf16" in flags)


def test_no_thread_is_bound_to_a_core() -> None:
    compiled = CpuNetwork.of_torch(_network(), torch.zeros(1, 3, 16, 16), precision="fp32", threads=1)
    again = CpuNetwork(compiled.exported(), precision="fp32", threads=1)
    for network in (compiled, again):
        assert not network._compiled.get_property("ENABLE_CPU_PINNING"), "processes would share the first core"


def test_a_network_of_pixels_refuses_floats() -> None:
    whole = PixelNetwork(_network(), mean=[0] * 3, std=[1] * 3, dtype=torch.float32, after=None).eval()
    compiled = CpuNetwork.of_torch(whole, torch.zeros(1, 8, 8, 3, dtype=torch.uint8), precision="fp32", threads=1)
    with pytest.raises(TypeError, match="same_kind"):
        compiled(np.full((1, 8, 8, 3), 0.5, np.float32))


def test_a_compiled_network_takes_pixels_and_answers_as_torch_does() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), np.uint8)
    whole = PixelNetwork(_network(), mean=[120, 110, 100], std=[60, 50, 40], dtype=torch.float32, after=None).eval()
    compiled = CpuNetwork.of_torch(whole, torch.zeros(1, 8, 8, 3, dtype=torch.uint8), precision="fp32", threads=1)
    with torch.no_grad():
        (wanted,) = whole(torch.from_numpy(pixels))
    np.testing.assert_allclose(compiled(pixels)[0], wanted.numpy(), atol=1e-5)
