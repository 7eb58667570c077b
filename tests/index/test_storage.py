"""The index's files: every bit comes back, damage is named, and a crash leaves the old index or the new one."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from filelock import FileLock

from logoscan.errors import CorruptFileError, InputError
from logoscan.index import storage
from logoscan.index._manifest import seal
from logoscan.index.storage import LogoRecord, Stored
from logoscan.types import Brand, UsualPrice

FILES = ("vectors.npy", "logos.jsonl", "brands.jsonl", "drawings.zip")
ODD_NAMES = ("Acme", "Ünïted ✓", 'say "hi"\n', "line\u2028separator\x85and more")
"""Names with everything that splits lines somewhere."""


def register(seed: int = 0, size: int = 5, names: tuple[str, ...] = ODD_NAMES) -> Stored:
    rng = np.random.default_rng(seed)
    brands = tuple(
        Brand(name, aliases=(f"{name}!",), usual_prices=(UsualPrice("EUR", 0.1 + 0.2, 1e9),), facts={"k": name})
        for name in names
    )
    owners = [names[i % len(names)] for i in range(size)]
    logos = tuple(LogoRecord(f"{owner}/{i}", owner, "as-is", f"{i:064}") for i, owner in enumerate(owners))
    rows = rng.normal(size=(size, 13))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    drawings = {f"{i:064x}": rng.bytes(30) for i in range(3)}
    return Stored(FakeEncoder().info, brands, logos, vectors, drawings)


def same(a: Stored, b: Stored) -> bool:
    return (
        (a.encoder, a.brands, a.logos, a.logo_images) == (b.encoder, b.brands, b.logos, b.logo_images)
        and a.vectors.dtype == b.vectors.dtype
        and a.vectors.tobytes() == b.vectors.tobytes()
        and a.vectors.shape == b.vectors.shape
    )


@pytest.mark.parametrize("stored", [register(), register(size=0), register(size=0, names=())])
def test_stored_index_round_trips_bit_for_bit(tmp_path: Path, stored: Stored) -> None:
    storage.save(tmp_path / "deep" / "index", stored)
    assert same(storage.load(tmp_path / "deep" / "index"), stored)
    assert not same(stored, register(seed=1))


def test_the_manifest_says_what_formats_md_promises(tmp_path: Path) -> None:
    storage.save(tmp_path, register())
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert manifest["format_version"] == storage.FORMAT_VERSION
    assert manifest["counts"] == {"brands": 4, "vectors": 5}
    assert manifest["encoder"]["name"] == "fake"
    assert manifest["encoder"]["weights_sha256"] == "f" * 64
    assert manifest["encoder"]["dim"] == 13
    assert manifest["encoder"]["preprocessing"]["size_px"] == 16
    for name in FILES:
        data = (tmp_path / "gen-1" / name).read_bytes()
        assert manifest["files"][name] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_damaged_files_are_refused_and_named(tmp_path: Path, name: str) -> None:
    storage.save(tmp_path, register())
    path = tmp_path / name if name == "manifest.json" else tmp_path / "gen-1" / name
    data = path.read_bytes()
    # up to the last byte but one: a manifest that only lost its final newline has lost nothing
    places = sorted({int(p) for p in np.linspace(0, len(data) - 2, 40)})
    for place in places:
        path.write_bytes(data[:place])
        with pytest.raises(CorruptFileError, match=name):
            storage.load(tmp_path)
        for bit in (1, 0x80):
            path.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
            with pytest.raises(CorruptFileError, match=name):
                storage.load(tmp_path)
    path.write_bytes(data + b"x")
    with pytest.raises(CorruptFileError, match=name):
        storage.load(tmp_path)
    path.write_bytes(data)
    assert same(storage.load(tmp_path), register())


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    storage.save(tmp_path, register())
    (tmp_path / "gen-1" / name).unlink()
    with pytest.raises(CorruptFileError, match=f"{name}: missing"):
        storage.load(tmp_path)


def test_index_folder_of_an_older_format_has_no_logo_images(tmp_path: Path) -> None:
    storage.save(tmp_path, register())
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["manifest_sha256"], manifest["files"]["drawings.zip"]
    path.write_text(json.dumps({**manifest, "manifest_sha256": seal(manifest)}))
    assert storage.load(tmp_path).logo_images == {}


def test_expandable_logo_image_files_are_refused(tmp_path: Path) -> None:
    storage.save(tmp_path, register())
    path, archive = tmp_path / "manifest.json", tmp_path / "gen-1" / "drawings.zip"
    manifest = json.loads(path.read_bytes())
    del manifest["manifest_sha256"]
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("0.png", bytes(1 << 20))
    for data in (memory.getvalue(), b"no archive"):
        archive.write_bytes(data)
        manifest["files"]["drawings.zip"] = hashlib.sha256(data).hexdigest()
        path.write_text(json.dumps({**manifest, "manifest_sha256": seal(manifest)}))
        with pytest.raises(CorruptFileError, match=r"drawings\.zip: expected stored logo images"):
            storage.load(tmp_path)


def test_equal_indexes_make_equal_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        storage.save(tmp_path / folder, register())
    a, b = ([(tmp_path / folder / "gen-1" / name).read_bytes() for name in FILES] for folder in ("a", "b"))
    assert a == b
    with zipfile.ZipFile(tmp_path / "a" / "gen-1" / "drawings.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_folder_without_an_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"index: expected a folder with manifest\.json"):
        storage.load(tmp_path)
    with pytest.raises(InputError, match="nowhere"):
        storage.load(tmp_path / "nowhere")


def test_another_format_is_refused(tmp_path: Path) -> None:
    storage.save(tmp_path, register())
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["manifest_sha256"]
    manifest["format_version"] = 99
    path.write_text(json.dumps({**manifest, "manifest_sha256": seal(manifest)}))
    with pytest.raises(CorruptFileError, match=r"manifest\.json: expected format_version 1, got 99"):
        storage.load(tmp_path)


def test_rows_and_records_correspond() -> None:
    good = register()
    with pytest.raises(InputError, match=r"vectors: expected float32 \(5, 13\), got float32 \(4, 13\)"):
        Stored(good.encoder, good.brands, good.logos, good.vectors[:4])
    with pytest.raises(InputError, match=r"vectors: expected float32 \(5, 13\), got float64"):
        Stored(good.encoder, good.brands, good.logos, good.vectors.astype(np.float64))
    with pytest.raises(InputError, match="logos: expected registered brands, got 'Acme'"):
        Stored(good.encoder, good.brands[1:], good.logos, good.vectors)


def test_two_generations_are_kept(tmp_path: Path) -> None:
    for seed in range(4):
        storage.save(tmp_path, register(seed))
        assert same(storage.load(tmp_path), register(seed))
    assert sorted(p.name for p in tmp_path.glob("gen-*")) == ["gen-3", "gen-4"]
    assert list(tmp_path.glob(".gen-*")) == []


def test_a_half_written_generation_changes_nothing(tmp_path: Path) -> None:
    storage.save(tmp_path, register(0))
    # as a crash leaves them: one while its files were written, one before the manifest was replaced
    (tmp_path / ".gen-2.tmp").mkdir()
    (tmp_path / ".gen-2.tmp" / "vectors.npy").write_bytes(b"\x93NUMPY")
    shutil.copytree(tmp_path / "gen-1", tmp_path / "gen-2")
    (tmp_path / "gen-2" / "logos.jsonl").write_bytes(b"{")
    assert same(storage.load(tmp_path), register(0))
    storage.save(tmp_path, register(1))
    assert same(storage.load(tmp_path), register(1))
    assert json.loads((tmp_path / "manifest.json").read_bytes())["generation"] == 3


def test_a_crash_at_any_sync_leaves_the_old_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync
    outcomes = []
    for crash_at in range(100):
        folder = tmp_path / str(crash_at)
        storage.save(folder, register(0))
        calls = 0

        def failing(descriptor: int, crash_at: int = crash_at) -> None:
            nonlocal calls
            calls += 1
            if calls > crash_at:
                raise OSError("no space left on device")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", failing)
        try:
            storage.save(folder, register(1))
            finished = True
        except OSError:
            finished = False
        monkeypatch.setattr(os, "fsync", real)
        outcomes.append("new" if same(storage.load(folder), register(1)) else "old")
        assert outcomes[-1] == "new" or same(storage.load(folder), register(0))
        storage.save(folder, register(2))
        assert same(storage.load(folder), register(2))
        if finished:
            break
    # three files and their folder, the rename, the manifest and its folder: at least seven places to die at
    assert len(outcomes) >= 8
    assert outcomes[:5] == ["old"] * 5
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes[-1] == "new"


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    storage.save(tmp_path, register(0))
    writer = threading.Thread(target=storage.save, args=(tmp_path, register(1)))
    with FileLock(tmp_path / ".lock"):
        writer.start()
        writer.join(timeout=0.3)
        assert writer.is_alive()
        assert same(storage.load(tmp_path), register(0))
    writer.join(timeout=30)
    assert not writer.is_alive()
    assert same(storage.load(tmp_path), register(1))


def test_writers_and_readers_at_once(tmp_path: Path) -> None:
    """Each of three writers saves five times; whatever a reader meets is one index, whole."""
    states = [register(seed) for seed in range(3)]
    storage.save(tmp_path, states[0])
    failures: list[BaseException] = []

    def write(stored: Stored) -> None:
        try:
            for _ in range(5):
                storage.save(tmp_path, stored)
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(stored,)) for stored in states]
    for writer in writers:
        writer.start()
    reads = 0
    while any(writer.is_alive() for writer in writers):
        met = storage.load(tmp_path)
        assert any(same(met, stored) for stored in states)
        reads += 1
    assert failures == []
    assert reads > 0
    assert json.loads((tmp_path / "manifest.json").read_bytes())["generation"] == 16


# -- whoever writes the files can write their hashes


@pytest.mark.parametrize("length", [0.0, 0.99, 1.01, 2.0])
def test_vectors_that_are_not_of_length_one_are_refused_at_once(tmp_path: Path, length: float) -> None:
    made = register()
    made.vectors[-1] *= np.float32(length)
    storage.save(tmp_path, made)
    with pytest.raises(CorruptFileError, match=r"vectors\.npy: expected vectors of length 1, got one off by"):
        storage.load(tmp_path)


def test_vectors_of_half_precision_are_taken(tmp_path: Path) -> None:
    made = register(size=50)
    made.vectors[:] = made.vectors.astype(np.float16)
    storage.save(tmp_path, made)
    assert same(storage.load(tmp_path), made)


def test_with_a_key_only_what_is_signed_with_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.save(tmp_path / "plain", register())
    monkeypatch.setenv("LOGOSCAN_INDEX_KEY", "secret \u2713")
    storage.save(tmp_path / "signed", register())
    assert same(storage.load(tmp_path / "signed"), register())
    with pytest.raises(CorruptFileError, match="not signed with the key in LOGOSCAN_INDEX_KEY"):
        storage.load(tmp_path / "plain")
    path = tmp_path / "signed" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["manifest_sha256"]
    manifest["counts"]["brands"] += 1  # with a right hash, which anybody can make
    sealed = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({**manifest, "manifest_sha256": sealed}))
    with pytest.raises(CorruptFileError, match="not signed with the key"):
        storage.load(tmp_path / "signed")
    storage.save(tmp_path / "signed", register())
    monkeypatch.setenv("LOGOSCAN_INDEX_KEY", "another")
    with pytest.raises(CorruptFileError, match="not signed with the key"):
        storage.load(tmp_path / "signed")
    monkeypatch.delenv("LOGOSCAN_INDEX_KEY")
    assert same(storage.load(tmp_path / "signed"), register()), "a signature that nobody asks for does not matter"
