"""Compiled networks on disk: read where they can be trusted, made again where they cannot, and never needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import ACME
from PIL import Image

from logoscan import cpu_network
from logoscan._network_cache import cache_folder, read_network, store_network
from logoscan.cpu_network import CpuNetwork, keep_cpu_network, kept_cpu_network
from logoscan.index.logo_index import LogoIndex
from logoscan.types import Brand
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder

WHO = {"network": "encoder 1234", "processor": "one of these"}
# What a process that finds its networks in the cache has no use for, and what takes long to import.
NOT_NEEDED = frozenset(
    {"torch._dynamo", "torch._inductor", "torchvision", "open_clip", "timm", "sympy", "faiss", "scipy", "sklearn"}
    | {"matplotlib", "pandas", "pyarrow", "easyocr", "skimage", "onnx", "transformers", "networkx"}
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOGOSCAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cpu_network, "_networks", {})  # as in a new process
    return tmp_path / "cache"


def compiled(seed: int = 0) -> CpuNetwork:
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1)).eval()
    return CpuNetwork.of_torch(net, torch.zeros(1, 3, 16, 16), precision="fp32", threads=1)


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_was_stored_comes_back_and_nothing_else(folder: Path) -> None:
    assert read_network(WHO) is None
    assert store_network(WHO, "bf16", b"a network\nof bytes")
    assert read_network(WHO) == ("bf16", b"a network\nof bytes")
    assert read_network({**WHO, "processor": "another"}) is None
    assert folder.stat().st_mode & 0o777 == 0o700
    assert only_file(folder).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "header", "renamed"])
def test_a_damaged_file_counts_as_none(folder: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    store_network(WHO, "bf16", b"0123456789")
    path = only_file(folder)
    data = path.read_bytes()
    spoilt = {"cut": data[:-3], "flip": data[:-1] + b"!", "empty": b"", "header": b"{}\n0123456789"}
    if damage == "renamed":  # as a file for another processor, copied over this one
        store_network({**WHO, "processor": "another"}, "bf16", b"other")
        (other,) = set(folder.iterdir()) - {path}
        other.replace(path)
    else:
        path.write_bytes(spoilt[damage])
    assert read_network(WHO) is None
    assert "the network is compiled again" in caplog.text
    assert store_network(WHO, "bf16", b"new")
    assert read_network(WHO) == ("bf16", b"new")


def test_what_others_may_write_is_not_read(folder: Path, tmp_path: Path) -> None:
    store_network(WHO, "bf16", b"mine")
    only_file(folder).chmod(0o666)
    assert read_network(WHO) is None
    only_file(folder).chmod(0o600)
    assert read_network(WHO) is not None
    folder.chmod(0o777)
    assert read_network(WHO) is None
    assert not store_network(WHO, "bf16", b"mine"), "nothing is put where others could replace it"
    folder.chmod(0o700)
    elsewhere = only_file(folder).rename(tmp_path / "elsewhere")
    (folder / elsewhere.name).parent.joinpath(cache_name()).symlink_to(elsewhere)
    assert read_network(WHO) is None, "a link is not followed"


def cache_name() -> str:
    from logoscan._network_cache import _name

    return _name(WHO)


def test_a_killed_writer_leaves_nothing_that_counts_and_old_files_go(folder: Path) -> None:
    store_network(WHO, "bf16", b"whole")
    part = folder / f".{cache_name()}.{'0' * 16}.tmp"
    part.write_bytes(b"half")
    os.utime(part, (1, 1))
    others = [folder / "draft.tmp", folder / "my.network"]
    for path in others:
        path.write_bytes(b"not ours")
        os.utime(path, (1, 1))
    for n in range(40):
        store_network({"network": str(n)}, "fp32", b"x")
    assert len(set(folder.iterdir()) - set(others)) == 24
    assert all(path.exists() for path in others)
    assert not part.exists()
    assert read_network({"network": "39"}) is not None


def test_writers_at_the_same_time_leave_one_whole_file(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda n: store_network(WHO, "bf16", bytes([n]) * 50_000), range(40)))
    kept = read_network(WHO)
    assert kept is not None
    assert len(set(kept[1])) == 1
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("value", ["off", "OFF "])
def test_it_can_be_turned_off(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGOSCAN_CACHE", value)
    assert cache_folder() is None
    assert not store_network(WHO, "bf16", b"x")
    assert read_network(WHO) is None


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LOGOSCAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "logoscan"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert cache_folder() == tmp_path / "me" / ".cache" / "logoscan"


def test_a_folder_that_cannot_be_made_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("LOGOSCAN_CACHE", str(tmp_path / "file" / "below"))
    assert not store_network(WHO, "bf16", b"x")
    assert read_network(WHO) is None


def test_a_network_from_disk_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network = compiled()
    assert kept_cpu_network("net", "auto") is None
    keep_cpu_network("net", "auto", network)
    assert kept_cpu_network("net", "auto") is network, "one process has it once"
    monkeypatch.setattr(cpu_network, "_networks", {})
    again = kept_cpu_network("net", "auto")
    assert again is not None
    assert again.precision == "fp32"
    x = np.random.default_rng(0).standard_normal((5, 3, 24, 40)).astype(np.float32)
    np.testing.assert_array_equal(again(x)[0], network(x)[0])
    assert kept_cpu_network("net", "bf16") is None, "asked for in another precision"
    assert kept_cpu_network("other", "auto") is None


def test_bytes_that_are_no_network_are_made_again(caplog: pytest.LogCaptureFixture) -> None:
    store_network(cpu_network._identity("net", "auto"), "fp32", b"no network at all")
    assert kept_cpu_network("net", "auto") is None
    assert "cannot be read" in caplog.text


def test_the_bundled_encoder_is_the_same_from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    squares = np.random.default_rng(0).integers(0, 256, (6, 128, 128, 3), np.uint8)
    first = ClipEncoder(device="cpu", precision="fp32")
    monkeypatch.setattr(cpu_network, "_networks", {})
    second = ClipEncoder(device="cpu", precision="fp32")
    assert "_clip" not in vars(second), "nothing was built"
    assert (second.info, second.precision, second.runtime) == (first.info, first.precision, first.runtime)
    np.testing.assert_array_equal(second.encode_pixels(squares), first.encode_pixels(squares))
    np.testing.assert_array_equal(second.encode_text(["Acme"]), first.encode_text(["Acme"]))


FIRST_REPORT = """
import json, sys
from logoscan import Listing, Scanner
report = Scanner.default(sys.argv[1], device="cpu").scan(Listing("1", (sys.argv[2],), title="an acme shoe"))
print(json.dumps([report.score.brand, sorted(sys.modules)]))
"""


def test_a_scan_from_the_cache_imports_little(tmp_path: Path) -> None:
    index = LogoIndex(ClipEncoder(device="cpu"))
    index.add(Brand("Acme"), [("a.png", ACME)])
    index.save(tmp_path / "index")
    LogoDetector(device="cpu")
    Image.fromarray(ACME[..., :3]).save(tmp_path / "photo.png")
    done = subprocess.run(
        [sys.executable, "-c", FIRST_REPORT, str(tmp_path / "index"), "photo.png"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    brand, modules = json.loads(done.stdout.splitlines()[-1])
    assert brand == "Acme"
    assert {"torch", "openvino", "cv2"} <= set(modules), "a list of nothing would prove nothing"
    assert NOT_NEEDED & set(modules) == set()
