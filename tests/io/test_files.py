"""Files that are replaced whole or not at all, that their owner alone reads, and that nobody can slip in."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import multiprocessing
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from strategies import make_report, quick

from logoscan._hashing import file_sha256
from logoscan.errors import InputError, LogoscanError
from logoscan.index.logo_index import LogoIndex
from logoscan.io import files
from logoscan.io.files import atomic_write, create, file_mode, held, lock_beside, open_own, private_folder
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.pricing.model import PriceModel
from logoscan.reporting.jsonl import write_reports
from logoscan.reporting.run_html import write_pages
from logoscan.review.journal_file import VerdictFile
from logoscan.review.verdict import Verdict
from logoscan.scoring.model import ScoreModel
from logoscan.types import EncoderInfo, Preprocessing


def names(folder: Path) -> Iterable[str]:
    return sorted(p.name for p in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- written whole or not at all


def test_atomic_write_makes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for data in (b"", b"old", b"new"):
        atomic_write(path, data)
        assert path.read_bytes() == data
        assert names(tmp_path) == ["a.json"]
        assert file_sha256(path) == hashlib.sha256(data).hexdigest()


def test_threads_that_write_one_file_leave_one_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    contents = [bytes([number]) * 1000 * number for number in range(1, 9)]
    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda data: atomic_write(path, data), contents))
        assert path.read_bytes() in contents
        assert names(tmp_path) == ["a.json"]


def _write(path: str, number: int) -> None:
    for _ in range(50):
        atomic_write(Path(path), bytes([number]) * 5000)


def test_processes_that_write_one_file_leave_one_of_theirs(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(tmp_path / "a"), number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(set((tmp_path / "a").read_bytes())) == 1
    assert names(tmp_path) == ["a"]


def test_what_killed_writers_left_does_not_pile_up(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    (tmp_path / ".a.json.tmp").write_bytes(b"a half of something longer")
    os.utime(tmp_path / ".a.json.tmp", (0, 0))
    os.utime(tmp_path / ".a.json.tmp", (0, 0))
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a.json"]
    with (tmp_path / ".a.json.tmp").open("wb") as foreign:  # the usual name is taken: others may have been left, too
        fcntl.flock(foreign, fcntl.LOCK_EX)
        (tmp_path / ".a.json.0123456789abcdef.tmp").write_bytes(b"left")
        os.utime(tmp_path / ".a.json.0123456789abcdef.tmp", (0, 0))
        os.utime(tmp_path / ".a.json.0123456789abcdef.tmp", (0, 0))
        atomic_write(path, b"newer")
        assert names(tmp_path) == [".a.json.tmp", "a.json"]


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "a.json"
    atomic_write(path, b"old")
    break_down(monkeypatch, step)
    with pytest.raises(OSError, match="No space left") as caught:
        atomic_write(path, b"new")
    assert (caught.value.filename, caught.value.errno) == (str(path), errno.ENOSPC), "the file is named"
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.json"], "no temporary file is left"


def break_down(patch: pytest.MonkeyPatch, step: str, after: int = 0) -> None:
    """Let the disk be full at a step of writing a file, once so many were written."""
    left = [after]

    def full(real: Callable[..., object], *args: object) -> object:
        if left[0] > 0:
            left[0] -= 1
            return real(*args)
        raise OSError(errno.ENOSPC, "No space left on device")

    if step == "replace":
        replace = Path.replace
        patch.setattr(Path, "replace", lambda *args: full(replace, *args))
    elif step == "fsync":
        fsync = os.fsync
        patch.setattr(os, "fsync", lambda *args: full(fsync, *args))
    elif step == "open":
        real_create = files.create
        patch.setattr(files, "create", lambda *args: full(real_create, *args))
    else:

        class Full:
            def __init__(self, file: object) -> None:
                self._file = file

            def __getattr__(self, name: str) -> object:
                return getattr(self._file, name)

            def __enter__(self) -> Full:
                return self

            def __exit__(self, *_: object) -> None:
                self.close()

            def close(self) -> None:
                self._file.close()  # type: ignore[attr-defined]

            def write(self, data: bytes) -> object:
                return full(self._file.write, data)  # type: ignore[attr-defined]

        made = files.create
        patch.setattr(files, "create", lambda path: Full(made(path)))


WRITERS: dict[str, Callable[[Path], object]] = {
    "reports": lambda folder: write_reports(folder / "r.jsonl", [make_report()]),
    "ledger": lambda folder: PhotoLedger().save(folder / "photos.ledger"),
    "prices": lambda folder: PriceModel().save(folder / "prices.json"),
    "score": lambda folder: ScoreModel().save(folder / "score.json"),
    "page": lambda folder: make_report().save_html(folder / "page.html"),
    "pages": lambda folder: write_pages([make_report()], folder / "pages"),
    "index": lambda folder: LogoIndex(EncoderInfo("e", "0" * 64, Preprocessing(8, (0.5,) * 3, (0.5,) * 3), 4)).save(
        folder / "index"
    ),
    "journal": lambda folder: _journal(folder / "verdicts.jsonl"),
}


def _journal(path: Path) -> None:
    journal = VerdictFile(path)
    with journal.locked():
        journal.append(Verdict(1, "t", "reject", "L", "Acme", True, False))


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_a_full_disk_leaves_no_half_file_of_any_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str, step: str
) -> None:
    for name in ("whole", "full"):
        (tmp_path / name).mkdir()
    WRITERS[writer](tmp_path / "whole")
    sizes = {p.name: p.stat().st_size for p in (tmp_path / "whole").rglob("*") if p.is_file()}
    with monkeypatch.context() as patch:
        break_down(patch, step)
        if step == "open":  # these make files that are not replaced, too
            patch.setattr("logoscan.index.storage.create", files.create)
            patch.setattr("logoscan.review.journal_file.create", files.create)
        with pytest.raises(OSError, match="No space left"):
            WRITERS[writer](tmp_path / "full")
    for path in (tmp_path / "full").rglob("*"):
        hidden = ".gen-" in str(path)  # a generation that no manifest names; the next writer removes it
        assert path.suffix != ".tmp" or hidden, path
        if path.is_file() and path.suffix != ".lock" and not hidden:
            assert path.stat().st_size in (0, sizes[path.name]), f"{path} is a part"
    WRITERS[writer](tmp_path / "full")
    assert {p.name for p in (tmp_path / "full").rglob("*") if p.is_file()} == set(sizes), "the next one works"


# -- read by the owner alone


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("wide", [None, 0o640, 0o644])
def test_what_is_written_is_for_its_owner_alone(tmp_path: Path, writer: str, wide: int | None) -> None:
    before = os.umask(0)
    try:
        if wide is None:
            WRITERS[writer](tmp_path)
        else:
            with file_mode(wide):
                WRITERS[writer](tmp_path)
    finally:
        os.umask(before)
    files_there: list[Path] = []
    folders: list[Path] = []
    for path in tmp_path.rglob("*"):
        (folders if path.is_dir() else files_there).append(path)
    assert {mode(path) for path in files_there} == {wide or 0o600}
    assert {mode(path) for path in folders} <= {{None: 0o700, 0o640: 0o750, 0o644: 0o755}[wide]}


@pytest.mark.parametrize("wrong", [0, 0o400, 0o700, 0o4600, 0o777, -1, "0600", None])
def test_invalid_file_mode_is_refused(wrong: int) -> None:
    with pytest.raises(InputError, match=r"^mode: expected one from 0600 to 0666, got"), file_mode(wrong):
        pass


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(0o755)
    private_folder(tmp_path / "old")
    private_folder(tmp_path / "old" / "new" / "newer")
    assert [mode(tmp_path / "old" / name) for name in (".", "new", "new/newer")] == [0o755, 0o700, 0o700]
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=r"File exists|Not a directory"):
            private_folder(place)


# -- nobody slips anything in


def test_a_planted_temporary_file_is_not_written_to(tmp_path: Path) -> None:
    planted = tmp_path / ".a.json.tmp"
    planted.write_bytes(b"mine")
    planted.chmod(0o666)
    with planted.open("r+b") as planter:
        atomic_write(tmp_path / "a.json", b"the report")
        planter.write(b"FORGED!")
    assert (tmp_path / "a.json").read_bytes() == b"the report"
    assert mode(tmp_path / "a.json") == 0o600


def test_a_planted_hard_link_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "victim.txt").write_bytes(b"precious")
    os.link(tmp_path / "victim.txt", tmp_path / ".a.json.tmp")
    atomic_write(tmp_path / "a.json", b"new")
    assert ((tmp_path / "victim.txt").read_bytes(), (tmp_path / "a.json").read_bytes()) == (b"precious", b"new")
    assert names(tmp_path) == [".a.json.tmp", "a.json", "victim.txt"], "what is not ours is left where it is"


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "folder"])
def test_non_file_at_the_temporary_path_is_harmless(tmp_path: Path, kind: str) -> None:
    planted = tmp_path / ".a.json.tmp"
    (tmp_path / "victim.txt").write_bytes(b"precious")
    if kind == "fifo":
        os.mkfifo(planted)
    elif kind == "folder":
        planted.mkdir()
    else:
        planted.symlink_to(tmp_path / ("victim.txt" if kind == "link" else "nowhere"))
    atomic_write(tmp_path / "a.json", b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert not (tmp_path / "a.json").is_symlink()
    assert (tmp_path / "victim.txt").read_bytes() == b"precious"
    assert names(tmp_path) == [".a.json.tmp", "a.json", "victim.txt"]


def test_a_disk_without_locks_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    (tmp_path / ".a.json.tmp").write_bytes(b"whose, nobody knows")
    for data in (b"old", b"new"):
        atomic_write(tmp_path / "a.json", data)
    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert names(tmp_path) == [".a.json.tmp", "a.json"]


def test_a_disk_without_modes_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", none)
    with file_mode(0o644):
        atomic_write(tmp_path / "a.json", b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"


def test_a_foreign_lock_keeps_nobody_waiting(tmp_path: Path) -> None:
    with (tmp_path / ".a.json.tmp").open("wb") as foreign:
        fcntl.flock(foreign, fcntl.LOCK_EX)
        atomic_write(tmp_path / "a.json", b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim.txt").write_bytes(b"precious")
    (tmp_path / "a.json").symlink_to("victim.txt")
    atomic_write(tmp_path / "a.json", b"new")
    assert not (tmp_path / "a.json").is_symlink()
    assert (tmp_path / "victim.txt").read_bytes() == b"precious"


def test_pipe_or_folder_is_refused_as_output_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"expected a file, got .*pipe', which is a pipe or a device"):
        atomic_write(tmp_path / "pipe", b"x")
    with pytest.raises(InputError, match="which is a pipe or a device"):
        atomic_write(Path(os.devnull), b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        atomic_write(tmp_path / "folder", b"x")
    assert caught.value.filename == str(tmp_path / "folder")
    assert names(tmp_path) == ["folder", "pipe"]


@quick
@given(name=st.text(min_size=1).filter(lambda n: not {"/", "\0"} & set(n) and n not in (".", "..")))
def test_any_name_that_the_disk_takes_is_written(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("names")
    try:
        (folder / name).write_bytes(b"")
    except (OSError, UnicodeEncodeError):
        return
    atomic_write(folder / name, b"new")
    assert [(p.name, p.read_bytes()) for p in folder.iterdir()] == [(name, b"new")]


@pytest.mark.parametrize("size", [200, 201, 250, 251, 255])
def test_a_long_name_is_written(tmp_path: Path, size: int) -> None:
    for _ in range(2):
        atomic_write(tmp_path / ("x" * size), b"new")
    assert names(tmp_path) == ["x" * size]


def test_only_an_own_regular_file_is_resumed(tmp_path: Path) -> None:
    with open_own(tmp_path / "own") as file:
        file.write(b"1")
    with open_own(tmp_path / "own") as file:
        assert file.read() == b"1"
    (tmp_path / "victim").write_bytes(b"2")
    (tmp_path / "link").symlink_to("victim")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.link(tmp_path / "victim", tmp_path / "second")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "dangling", "second", "pipe"):
        with pytest.raises(InputError, match=f"{name}: expected a plain file of this account's"):
            open_own(tmp_path / name)


def test_file_of_another_account_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").write_bytes(b"2")
    (tmp_path / ".a.json.tmp").write_bytes(b"2")
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    with pytest.raises(InputError, match="theirs: expected a plain file of this account's"):
        open_own(tmp_path / "theirs")
    atomic_write(tmp_path / "a.json", b"new")
    assert (tmp_path / ".a.json.tmp").read_bytes() == b"2"


def test_create_refuses_an_existing_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        create(tmp_path / "link")
    assert not (tmp_path / "nowhere").exists()


# -- locks


def test_a_lock_that_others_hold_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LOCK_S", 0.01)
    others = {"verdicts.jsonl": ".verdicts.jsonl.lock", "index": "index/.lock"}
    (tmp_path / "index").mkdir()
    for name, lock in others.items():
        with (
            FileLock(tmp_path / lock),
            pytest.raises(LogoscanError, match=r"lock: held by another process for more than 0\.01 s"),
        ):
            WRITERS["journal" if name.startswith("v") else name](tmp_path)
    WRITERS["journal"](tmp_path)


def test_a_lock_may_be_nested(tmp_path: Path) -> None:
    lock = lock_beside(tmp_path / "a")
    with held(lock), held(lock):
        assert lock.is_locked
    assert not lock.is_locked


# -- where there is no fcntl

_ELSEWHERE = """
import importlib, os, pkgutil, sys
sys.modules.update(fcntl=None, resource=None, pwd=None, grp=None)
for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "geteuid", "getuid", "fchmod", "mkfifo"):
    if hasattr(os, name):
        delattr(os, name)
import logoscan
for module in pkgutil.walk_packages(logoscan.__path__, "logoscan."):
    if not module.name.startswith("logoscan.training") and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from pathlib import Path
from logoscan.io.files import atomic_write, open_own, private_folder
from logoscan.scoring.model import ScoreModel
here = private_folder(Path(sys.argv[1]) / "new")
ScoreModel().save(here / "score.json")
ScoreModel().save(here / "score.json")
assert ScoreModel.load(here / "score.json") == ScoreModel()
assert sorted(p.name for p in here.iterdir()) == ["score.json"], list(here.iterdir())
open_own(here / "a").close()
open_own(here / "a").close()
"""


def test_the_library_is_imported_and_writes_where_there_is_no_fcntl(tmp_path: Path) -> None:
    """As on Windows: without modules and flags that are Unix's alone."""
    source = str(ROOT)
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(tmp_path)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
