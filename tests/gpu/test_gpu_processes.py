"""Several processes share a GPU, and a GPU that is busy stops the reading of listings."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import ACME
from fakes import photo_of
from PIL import Image
from pytest_socket import enable_socket
from remote import make

from logoscan.distributed.ray_cluster import Pool
from logoscan.distributed.ray_scan import scan_shards
from logoscan.gpu_network import GpuNetwork
from logoscan.scan.threads import batched, in_order


@pytest.mark.parametrize(
    ("gpus", "actors", "share"), [(1, 16, 0.0625), (1, 3, 0.3333), (2, 16, 0.125), (4, 2, 1.0), (1, 1, 1.0)]
)
def test_actors_share_gpus_evenly(gpus: int, actors: int, share: float) -> None:
    pool = Pool.sharing(gpus, actors, cpus=0.5, batch=8)
    assert pool == Pool(actors, 0.5, share, 8)
    assert pool.actors * pool.gpus <= gpus, "all of them find a place"


@pytest.mark.enable_socket
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray", "ignore::ResourceWarning")
def test_two_actors_on_one_gpu_scan_everything_though_one_dies(tmp_path: Path) -> None:
    """Ray counts GPUs and gives parts of them away, whether there is one or not; the scanners are over fakes."""
    ray = pytest.importorskip("ray")
    enable_socket()
    (tmp_path / "photos").mkdir()
    (tmp_path / "shards").mkdir()
    Image.fromarray(photo_of(ACME)).save(tmp_path / "photos" / "0.png")
    rows = [{"id": f"L{i}", "images": ["0.png"], "title": f"Thing {i}"} for i in range(12)]
    (tmp_path / "shards" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", ":".join(p for p in sys.path if p))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=4, num_gpus=1, include_dashboard=False, logging_level="error", object_store_memory=128 << 20)
        try:
            run = scan_shards(
                tmp_path / "shards",
                tmp_path / "out",
                make_scanner=partial(make, tmp_path, "L5"),
                root=tmp_path / "photos",
                pool=Pool.sharing(1, 2, batch=3),
            )
        finally:
            ray.shutdown()
    assert (run.reports, run.failures, run.broken) == (12, (), ())


def test_a_gpu_that_is_busy_stops_the_reading() -> None:
    """Three batches wait for the GPU and one more is read: nobody fills the memory with listings."""
    gate, read = threading.Event(), 0

    class Slow(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            assert gate.wait(30)
            return x.sum(dim=1)

    network = GpuNetwork(Slow(), name="", device="cpu:0", rows=(4, 8), on_cpu=lambda rows: [rows.sum(axis=1)])

    def listings() -> Iterator[int]:
        nonlocal read
        for i in range(100):
            read += 1
            yield i

    def work(batch: Any) -> list[int]:
        return [int(value) for value in network(np.array([[i, i] for i in batch]))[0]]

    results = in_order(batched(listings(), 4), work, 3)
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.extend(results))
    reader.start()
    reader.join(1.0)
    assert (read, found) == (16, [])
    gate.set()
    reader.join(30)
    assert found == [2 * i for i in range(100)]
