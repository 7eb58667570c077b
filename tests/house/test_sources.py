"""Where a name may lead, and how its file is opened."""

from __future__ import annotations

import copy
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

import logoscan
from logoscan import sources
from logoscan.errors import ImageError, InputError
from logoscan.sources import ANYWHERE, NameBelow, read_bytes, read_head

MOST = 1000


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with links, which is the current directory; a secret beside it."""
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "a" / "own").write_bytes(b"own")
    (root / "inside").symlink_to(root / "a" / "own")
    (root / "b").symlink_to("a")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to("..")
    monkeypatch.chdir(root)
    return root


OUT = ("../secret", "a/../../secret", "out", "up/secret", "/etc/hostname")
IN = ("a/own", "./a/own", "a/../a/own", "inside", "b/own")


@pytest.mark.parametrize("walks", [True, False], ids=["by descriptors", "as on Windows"])
@pytest.mark.parametrize("root", ["given", "current", "its own"])
def test_photo_path_stays_below_its_root(place: Path, root: str, walks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_CAN_WALK", walks and sources._CAN_WALK)
    if root != "current":
        monkeypatch.chdir(place.parent.parent)

    def read(name: str) -> bytes:
        return read_bytes(
            NameBelow(name, place) if root == "its own" else name, place if root == "given" else None, MOST
        )

    for name in IN:
        assert read(name) == b"own"
    for name in (*OUT, str(place / "a" / "own")):
        with pytest.raises(
            ImageError, match=r"image path: expected a file below the root, got .*, which leads out of it"
        ):
            read(name)


def test_callers_own_path_is_opened_wherever_it_leads(place: Path) -> None:
    assert read_bytes(place.parent / "secret", None, MOST) == b"secret"
    assert read_bytes(Path("out"), None, MOST) == b"secret"
    with pytest.raises(ImageError, match="leads out of it"):
        read_bytes(place.parent / "secret", place, MOST)


def test_root_may_be_anywhere_only_if_stated(place: Path) -> None:
    for name in ("../secret", str(place.parent / "secret"), "out", NameBelow("../secret", place)):
        assert read_bytes(name, ANYWHERE, MOST) == b"secret"
    assert read_bytes(NameBelow("own", place / "a"), ANYWHERE, MOST) == b"own"
    assert logoscan.ANYWHERE is ANYWHERE
    assert pickle.loads(pickle.dumps(ANYWHERE)) is ANYWHERE
    assert repr(ANYWHERE) == "ANYWHERE"


def test_refusal_of_a_path_says_what_to_do(place: Path) -> None:
    with pytest.raises(ImageError, match=r"another root, or root=ANYWHERE, or a pathlib\.Path"):
        read_bytes("/etc/hostname", None, MOST)


def test_given_root_precedes_the_listings_root(place: Path) -> None:
    assert read_bytes(NameBelow("own", Path("/nowhere")), place / "a", MOST) == b"own"


def test_photo_path_keeps_its_root_when_copied_or_pickled() -> None:
    name = NameBelow("a/b.jpg", Path("/photos"))
    for same in (name, copy.deepcopy(name), pickle.loads(pickle.dumps(name)), copy.copy(name)):
        assert same == "a/b.jpg"
        assert str(same) == "a/b.jpg"
        assert type(str(same)) is str
        assert same.folder == Path("/photos")


@pytest.mark.parametrize("root", [5, b"a", ["a"], True])
def test_invalid_root_is_refused(root: Any) -> None:
    with pytest.raises(InputError, match=r"^root: expected a folder, ANYWHERE or None, got"):
        read_bytes("a", root, MOST)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.jpg", "https://127.0.0.1:9/a.jpg", "HTTPS://EXAMPLE.COM/A.JPG", " https://a.b/c",
        "ftp://a.b/c.png", "file:///etc/passwd", "s3://bucket/a.jpg", "data:image/png;base64,iVBORw0KGgo=",
        "blob:https://a.b/1", "javascript:alert(1)", "gopher://a", "x-y+z://a", "https:\\\\a.b\\c",
        "data:image/png;base64," + "A/" * 100_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("root", [None, ANYWHERE, Path()])
def test_no_url_is_fetched(url: str, root: Any) -> None:
    with pytest.raises(ImageError, match="logoscan fetches no URLs") as caught:
        read_bytes(url, root, MOST)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["a:b.jpg", "data", "http", "photo: 1.jpg", "12:30.png", "C:photo.jpg"])
def test_a_name_with_a_colon_is_no_url(place: Path, name: str) -> None:
    (place / name).write_bytes(b"x")
    assert read_bytes(name, None, MOST) == b"x"


def _special(folder: Path) -> list[str]:
    os.mkfifo(folder / "pipe")
    (folder / "link to a pipe").symlink_to("pipe")
    (folder / "zero").symlink_to("/dev/zero")
    return ["pipe", "link to a pipe", "a", ".", "zero", "/dev/zero", "/dev/stdin"]


@pytest.mark.parametrize("root", [None, ANYWHERE, Path()])
@pytest.mark.parametrize("as_path", [False, True])
def test_only_regular_files_are_opened_and_never_block(place: Path, root: Any, as_path: bool) -> None:
    for name in _special(place):
        with pytest.raises(ImageError, match=r"something else of this name|leads out of it|cannot be read"):
            read_bytes(Path(name) if as_path else name, root, MOST)
        with pytest.raises(ImageError):
            read_head(Path(name) if as_path else name, root, 4)


def test_size_limits_of_opened_files(place: Path) -> None:
    (place / "empty").write_bytes(b"")
    (place / "large").write_bytes(b"x" * (MOST + 1))
    (place / "just").write_bytes(b"x" * MOST)
    with pytest.raises(ImageError, match=r"^empty: the file is empty"):
        read_bytes("empty", None, MOST)
    with pytest.raises(ImageError, match=f"^large: expected at most {MOST} bytes, got more"):
        read_bytes("large", None, MOST)
    assert len(read_bytes("just", None, MOST)) == MOST
    assert read_head("large", None, 3) == b"xxx"
    assert read_head("empty", None, 3) == b""
    with pytest.raises(ImageError, match=r"^not there: no such image file"):
        read_bytes("not there", None, MOST)


def test_no_descriptor_stays_open(place: Path) -> None:
    own = Path("/proc/self/fd")
    before = len(list(own.iterdir())) if own.is_dir() else 0
    _special(place)
    for name in (*IN, *OUT, "pipe", "a", "not there", "a/own/no folder", "b/not there"):
        for root in (None, ANYWHERE):
            try:
                read_bytes(name, root, MOST)
            except ImageError:
                continue
    if before:
        assert len(list(own.iterdir())) == before


def _exchange(place: Path, name: str, target: Path, stop: threading.Event) -> None:
    """Swap a good file or folder for a link that leads out, and back, as fast as it goes."""
    good = (place / name).readlink() if (place / name).is_symlink() else None
    assert good is not None
    turn = 0
    while not stop.is_set():
        turn += 1
        made = place / f"made{turn % 2}"
        made.symlink_to(target if turn % 2 else good)
        made.replace(place / name)


@pytest.mark.skipif(not sources._CAN_WALK, reason="folders have no descriptors here")
@pytest.mark.parametrize("part", ["file", "folder"])
def test_symlink_race_never_leaves_the_root(place: Path, part: str) -> None:
    (place.parent / "others").mkdir()
    (place.parent / "others" / "own").write_bytes(b"secret")
    (place / "f").symlink_to(place / "a" / "own")
    (place / "d").symlink_to(place / "a")
    name, target = ("f", place.parent / "secret") if part == "file" else ("d", place.parent / "others")
    stop = threading.Event()
    thread = threading.Thread(target=_exchange, args=(place, name, target, stop))
    thread.start()
    try:
        seen = set()
        for _ in range(1500):
            try:
                seen.add(read_bytes(name if part == "file" else "d/own", place, MOST))
            except ImageError:
                continue
    finally:
        stop.set()
        thread.join()
    assert seen <= {b"own"}


@pytest.mark.skipif(not sources._CAN_WALK, reason="folders have no descriptors here")
def test_file_replaced_by_a_link_after_its_check_is_not_followed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment of the race, made sure of: the name is exchanged between looking where it leads and opening it."""
    real = sources.resolve_under

    def then(exchange: Callable[[], None]) -> Callable[[Path, str], Path]:
        def resolve(root: Path, name: str) -> Path:
            path = real(root, name)
            exchange()
            return path

        return resolve

    def file() -> None:
        (place / "a" / "own").unlink()
        (place / "a" / "own").symlink_to(place.parent / "secret")

    def folder() -> None:
        (place / "a").rename(place / "gone")
        (place.parent / "others").mkdir()
        (place.parent / "others" / "own").write_bytes(b"secret")
        (place / "a").symlink_to(place.parent / "others")

    for exchange in (folder, file):
        monkeypatch.setattr(sources, "resolve_under", then(exchange))
        with pytest.raises(ImageError, match="own: cannot be read"):
            read_bytes("a/own", place, MOST)
        if exchange is folder:
            (place / "a").unlink()
            (place / "gone").rename(place / "a")


def test_where_folders_have_no_descriptors_what_was_opened_is_compared(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_CAN_WALK", False)
    real, calls = sources.resolve_under, []

    def resolve(root: Path, name: str) -> Path:
        calls.append(name)
        if len(calls) == 2:  # after it was opened: the name leads to another file by now
            (place / "a" / "own").unlink()
            (place / "a" / "own").write_bytes(b"other")
        return real(root, name)

    keep = (place / "a" / "own").open("rb")  # so that its number is not given again
    monkeypatch.setattr(sources, "resolve_under", resolve)
    with keep, pytest.raises(ImageError, match="own: was exchanged while it was opened"):
        read_bytes("a/own", place, MOST)


@quick
@given(parts=st.lists(st.sampled_from(["a", "b", "up", "out", "inside", "own", "..", ".", "", "~", "secret", "/"])))
def test_no_path_leaves_the_root(parts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp() / "paths"
    root = base / "root"
    if not root.exists():
        (root / "a").mkdir(parents=True)
        (base / "secret").write_bytes(b"secret")
        (root / "a" / "own").write_bytes(b"own")
        (root / "inside").symlink_to("a/own")
        (root / "b").symlink_to("a")
        (root / "out").symlink_to(base / "secret")
        (root / "up").symlink_to("..")
    name = "/".join(parts)
    for source, given_root in ((name, root), (NameBelow(name, root), None)):
        try:
            assert read_bytes(source, given_root, MOST) == b"own"
        except ImageError:
            continue
