"""Rows of many callers share batches on a GPU and come back to them; without a GPU, a CPU stands in for it.

`StandIn` is `CudaDevice` with torch's CUDA calls replaced by ones that do nothing, so that all of its lines run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from logoscan import _gpu_device, gpu_network
from logoscan._gpu_device import CudaDevice, Device, is_memory_error
from logoscan._gpu_lane import Lane
from logoscan.gpu_network import GpuNetwork
from logoscan.pixel_network import PixelNetwork

ROWS = (2, 4, 8)
WAIT_S = 30.0


class Sums(torch.nn.Module):
    """The sum and the largest value of each row; remembers the shapes that it saw, and may wait or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []
        self.batches: list[torch.Tensor] = []
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()
        self.fits = 1_000
        self.refused = -1

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.started.set()
        assert self.gate.wait(WAIT_S)
        self.shapes.append(tuple(x.shape))
        if len(x) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        if (x == self.refused).any():
            raise ValueError(f"{self.refused} is refused")
        flat = x.reshape(len(x), -1).double()
        return flat.sum(dim=1), flat.max(dim=1).values


def on_cpu(rows: np.ndarray) -> list[np.ndarray]:
    flat = rows.reshape(len(rows), -1).astype(float)
    return [flat.sum(axis=1), flat.max(axis=1)]


def network(module: Sums, device: str = "cpu:0", **settings: Any) -> GpuNetwork:
    return GpuNetwork(module, name="Sums", device=device, rows=ROWS, on_cpu=on_cpu, **settings)


def numbers(count: int, start: int = 0, width: int = 3) -> np.ndarray:
    return (start + np.arange(count, dtype=np.int64))[:, None] * np.ones(width, np.int64)


def check(found: list[np.ndarray], rows: np.ndarray) -> None:
    for have, want in zip(found, on_cpu(rows), strict=True):
        np.testing.assert_array_equal(have, want)


@pytest.fixture(params=["cpu:0", "cpu:7"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A CPU as it is, and one that stands in for CUDA, with graphs."""
    if request.param == "cpu:7":
        monkeypatch.setattr(gpu_network, "Device", StandIn)
        for name, value in CUDA.items():
            monkeypatch.setattr(torch.cuda, name, value)
        zeros = torch.zeros
        monkeypatch.setattr(torch, "zeros", lambda *shape, pin_memory=False, **rest: zeros(*shape, **rest))
    yield request.param
    gpu_network._lanes.pop("cpu:7", None)


class _Stream:
    def __init__(self, device: object = None) -> None:
        self.waited = 0

    def synchronize(self) -> None:
        self.waited += 1


class _Event:
    def __init__(self, blocking: bool) -> None:
        assert blocking, "a waiting thread sleeps: sixteen processes would use sixteen cores to wait"

    def record(self, stream: _Stream) -> None:
        self.stream = stream

    def synchronize(self) -> None:
        assert self.stream is not None


class _Graph:
    captured = 0

    def replay(self) -> None:
        assert self.captured == 1


@contextmanager
def _capturing(graph: _Graph, *, pool: object, stream: object, capture_error_mode: str) -> Iterator[None]:
    assert capture_error_mode == "thread_local", "a search in another thread must not break the capture"
    graph.captured += 1
    yield


CUDA: dict[str, Any] = {
    "Stream": _Stream,
    "Event": _Event,
    "CUDAGraph": _Graph,
    "graph": _capturing,
    "graph_pool_handle": lambda: (0, 1),
    "device": lambda _: nullcontext(),
    "stream": lambda _: nullcontext(),
    "empty_cache": lambda: None,
}


class StandIn(CudaDevice):
    """`CudaDevice` on a CPU; a replayed graph runs the network again, into the same outputs."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.device = torch.device("cpu")

    def capture(
        self, forward: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], given: torch.Tensor
    ) -> tuple[Callable[[], None], tuple[torch.Tensor, ...]] | None:
        captured = super().capture(forward, given)
        assert captured is not None
        replay, outputs = captured

        def again() -> None:
            replay()
            for here, new in zip(outputs, forward(given), strict=True):
                here.copy_(new)

        return again, outputs


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 30])
def test_rows_come_back_in_order_and_padding_does_not(device: str, count: int) -> None:
    module = Sums()
    check(network(module, device)(numbers(count)), numbers(count))
    assert {shape[0] for shape in module.shapes} <= set(ROWS), "only the sizes that are allowed are run"


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=4), min_size=1, max_size=16))
def test_rows_of_sixteen_threads_come_back_to_them(counts: list[list[int]]) -> None:
    module = Sums()
    shared = network(module)

    def call(thread: int) -> None:
        for turn, count in enumerate(counts[thread]):
            rows = numbers(count, 1_000 * thread + 100 * turn, 3 + thread % 2)
            check(shared(rows), rows)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(call, range(len(counts))))
    assert {shape[0] for shape in module.shapes} <= set(ROWS)


def test_what_waits_is_put_together_and_no_more(device: str) -> None:
    """While a batch is under way, five callers of three rows and one of another shape come."""
    module = Sums()
    shared = network(module, device)
    module.gate.clear()
    first = shared.submit(numbers(1))
    assert module.started.wait(WAIT_S)
    waiting = [(rows, shared.submit(rows)) for rows in (numbers(3, 10 * i) for i in range(5))]
    other = shared.submit(numbers(2, width=9))
    module.gate.set()
    check(first.result(WAIT_S), numbers(1))
    for rows, future in waiting:
        check(future.result(WAIT_S), rows)
    check(other.result(WAIT_S), numbers(2, width=9))
    runs = list(dict.fromkeys(module.shapes))
    assert runs == [(2, 3), (8, 3), (2, 9)], "fifteen rows: two batches of eight; one of another shape comes last"


def test_poisoned_padding_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Hardswish(), torch.nn.Flatten()).eval()

    def run() -> np.ndarray:
        whole = PixelNetwork(net, mean=[9] * 3, std=[7] * 3, dtype=torch.float32, after=lambda outputs, _h, _w: outputs)
        return GpuNetwork(whole, name="", device="cpu:0", rows=(16,), on_cpu=list)(pixels)[0]

    clean = run()
    monkeypatch.setattr(Device, "host_buffer", lambda _, shape, dtype: torch.full(shape, 255, dtype=dtype))
    np.testing.assert_array_equal(run(), clean)
    x = (pixels.astype(np.float32).transpose(0, 3, 1, 2) - 9) / 7
    with torch.no_grad():
        np.testing.assert_allclose(clean, net(torch.from_numpy(x)).numpy(), atol=1e-5)


def test_an_exception_is_its_callers_and_the_next_batch_works(device: str) -> None:
    module = Sums()
    module.refused = 5
    shared = network(module, device)
    module.gate.clear()
    first = shared.submit(numbers(1))
    assert module.started.wait(WAIT_S)
    bad = shared.submit(numbers(8))
    also = shared.submit(numbers(20))  # its first batch fails, and the rest of it is not run
    good = shared.submit(numbers(2, 100))
    module.gate.set()
    check(first.result(WAIT_S), numbers(1))
    for future in (bad, also):
        with pytest.raises(ValueError, match="5 is refused"):
            future.result(WAIT_S)
    check(good.result(WAIT_S), numbers(2, 100))
    check(shared(numbers(2, 50)), numbers(2, 50))


def test_full_memory_makes_batches_smaller(device: str, caplog: pytest.LogCaptureFixture) -> None:
    module = Sums()
    module.fits = 2
    shared = network(module, device)
    check(shared(numbers(21)), numbers(21))
    assert shared.rows == (2,)
    assert shared.device == device
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["Sums"] * 2, "8 rows, then 4"
    assert "for 8 rows; batches of 4 at most" in caplog.text
    check(shared(numbers(3)), numbers(3))
    assert len(caplog.records) == 2, "said once"


def test_full_memory_at_one_row_leaves_it_to_the_cpu(device: str, caplog: pytest.LogCaptureFixture) -> None:
    module = Sums()
    module.fits = 0
    shared = network(module, device)
    check(shared(numbers(11)), numbers(11))
    assert (shared.device, shared.rows) == ("cpu", ())
    assert "for 1 rows; the CPU runs this network from now on" in caplog.text
    runs = len(module.shapes)
    check(shared(numbers(11)), numbers(11))
    assert len(module.shapes) == runs, "the device is not asked again"


def test_errors_of_the_cpu_in_its_place_are_the_callers() -> None:
    module = Sums()
    module.fits = 0

    def broken(rows: np.ndarray) -> list[np.ndarray]:
        raise ArithmeticError("no more")

    shared = GpuNetwork(module, name="Sums", device="cpu:0", rows=ROWS, on_cpu=broken)
    for _ in range(2):
        with pytest.raises(ArithmeticError, match="no more"):
            shared(numbers(3))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("an illegal memory access was encountered"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_libraries_say_in_their_words_that_memory_is_full(error: Exception, expected: bool) -> None:
    assert is_memory_error(error) == expected


def test_few_shapes_are_kept() -> None:
    shared = network(Sums())
    for width in range(1, 50):
        check(shared(numbers(2, width=width)), numbers(2, width=width))
    assert len(shared._programs) == len(shared._uses) == gpu_network._MOST_SHAPES


@pytest.mark.parametrize("device", ["cpu:7"], indirect=True)
def test_a_shape_has_a_graph_when_it_is_worth_one(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    captured: list[tuple[int, ...]] = []
    plain = StandIn.capture

    def noted(self: StandIn, forward: Any, given: torch.Tensor) -> Any:
        captured.append(tuple(given.shape))
        return plain(self, forward, given)

    monkeypatch.setattr(StandIn, "capture", noted)
    shared = network(Sums(), device, graph_from=3)
    for turn in range(5):
        check(shared(numbers(2, turn)), numbers(2, turn))
        assert len(captured) == (turn >= 2)


@pytest.mark.parametrize("device", ["cpu:7"], indirect=True)
def test_what_cannot_be_captured_runs_without_a_graph(
    device: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(StandIn, "capture", refuse)
    shared = network(Sums(), device)
    for turn in range(3):
        check(shared(numbers(2, turn)), numbers(2, turn))
    assert caplog.text.count("no CUDA graph") == 1


@pytest.mark.parametrize("device", ["cpu:7"], indirect=True)
def test_memory_that_is_full_while_capturing_makes_batches_smaller(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = StandIn.capture

    def capture(self: StandIn, forward: Any, given: torch.Tensor) -> Any:
        if len(given) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, forward, given)

    monkeypatch.setattr(StandIn, "capture", capture)
    shared = network(Sums(), device)
    check(shared(numbers(9)), numbers(9))
    assert shared.rows == (2,)


def test_a_thread_that_is_stopped_ends_what_waits_and_takes_no_more() -> None:
    lane, module = Lane(Device("cpu:0"), is_memory_error), Sums()
    shared = network(module)
    module.gate.clear()
    waiting = [lane.submit(shared, numbers(3, 10 * i)) for i in range(5)]
    module.gate.set()
    lane.stop()
    for i, future in enumerate(waiting):
        check(future.result(0), numbers(3, 10 * i))
    with pytest.raises(RuntimeError, match="the thread of this GPU has ended"):
        lane.submit(shared, numbers(1))
    assert not lane._thread.is_alive()


def test_a_device_that_is_lost_lets_nobody_wait(caplog: pytest.LogCaptureFixture) -> None:
    entered = threading.Event()

    class Lost(Device):
        @contextmanager
        def context(self) -> Iterator[None]:
            assert entered.wait(WAIT_S)
            raise RuntimeError("CUDA error: the launch timed out")
            yield

    lane = Lane(Lost("cpu:0"), is_memory_error)
    future: Future[Any] = lane.submit(network(Sums()), numbers(1))
    entered.set()
    with pytest.raises(RuntimeError, match="the launch timed out"):
        future.result(WAIT_S)
    assert "the thread of a GPU ended" in caplog.text


def test_cuda_has_one_thread_by_any_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(name: str) -> Device:
        made.append(name)
        return Device("cpu")

    monkeypatch.setattr(gpu_network, "CudaDevice", make)
    monkeypatch.setattr(gpu_network, "_lanes", {})
    assert gpu_network._lane("cuda") is gpu_network._lane("cuda:0")
    assert gpu_network._lane("cuda:1") is not gpu_network._lane("cuda:0")
    assert made == ["cuda:0", "cuda:1"]
    gpu_network._stop()
    assert _gpu_device.CudaDevice is CudaDevice
