"""A folder's photos: by content, in order, nothing lost without a word."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

import pytest
from fakes import photo_of, quarters
from PIL import Image

from logoscan.io.folders import photo_names
from logoscan.io.listings import read_listings
from logoscan.sources import NameBelow
from logoscan.types import Listing

GOOD = Image.fromarray(photo_of(quarters((220, 30, 30), (250, 250, 250), (30, 60, 200), (240, 210, 40))))


def encoded(format: str) -> bytes:
    memory = io.BytesIO()
    GOOD.save(memory, format)
    return memory.getvalue()


def put(folder: Path, **files: bytes) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_an_empty_folder_has_no_photo(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert list(photo_names(tmp_path)) == []
    assert said(caplog) == []


def test_photos_are_detected_by_suffix_or_content(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    jpeg = encoded("JPEG")
    named = ["a.jpg", "b.JPEG", "c.jfif", "d.jpe", "e.mpo"]
    put(tmp_path, **dict.fromkeys(named, jpeg))
    put(tmp_path, **{"f.avif": encoded("AVIF"), "g.BMP": encoded("BMP"), "h.tif": encoded("TIFF")})
    put(tmp_path, **{"i.tiff": encoded("TIFF"), "j.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"})
    put(tmp_path, **{"k": jpeg, "l.jpg_large": jpeg, "m.1": encoded("PNG"), "n/o": encoded("WEBP"), "n/p.dat": jpeg})
    assert list(photo_names(tmp_path)) == [
        "a.jpg", "b.JPEG", "c.jfif", "d.jpe", "e.mpo", "f.avif", "g.BMP", "h.tif", "i.tiff", "j.heic", "k",
        "l.jpg_large", "m.1", "n/o", "n/p.dat",
    ]  # fmt: skip
    assert said(caplog) == []


def test_a_damaged_photo_is_listed_so_that_it_is_screened(tmp_path: Path) -> None:
    put(tmp_path, **{"a.jpg": b"garbage", "b.png": b"", "c.heic": encoded("JPEG")[:30]})
    assert list(photo_names(tmp_path)) == ["a.jpg", "b.png", "c.heic"]


def test_system_files_are_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    jpeg = encoded("JPEG")
    left = ["._a.jpg", ".hidden.jpg", ".git/b.jpg", "__MACOSX/a.jpg", "__MACOSX/._a.jpg", ".DS_Store", "Thumbs.db"]
    put(tmp_path, **dict.fromkeys([*left, "x/__MACOSX/a.jpg", "x/@eaDir/a.jpg", "x/desktop.ini", "x/a.jpg"], jpeg))
    assert list(photo_names(tmp_path)) == ["x/a.jpg"]
    assert said(caplog) == []


def test_ignored_files_are_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(
        tmp_path, **{"a.jpg": encoded("JPEG"), "notes.txt": b"x", "logo.svg": b"<svg/>", "empty": b"", "z.psd": b"8BPS"}
    )
    assert list(photo_names(tmp_path)) == ["a.jpg"]
    names = "empty (no photo), logo.svg (no photo), notes.txt (no photo), z.psd (no photo)"
    assert said(caplog) == [f"{tmp_path.name}: 4 files were left out: {names}"]
    caplog.clear()
    put(tmp_path, **{f"n{i:03}.txt": b"x" for i in range(100)})
    assert len(list(photo_names(tmp_path))) == 1
    [line] = said(caplog)
    assert "104 files were left out" in line
    assert line.endswith(", and 94 more")
    assert line.count("(no photo)") == 10


def test_links_and_pipes_in_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, jpeg = tmp_path / "in", encoded("JPEG")
    put(tmp_path, **{"out/secret.jpg": jpeg, "in/a.jpg": jpeg, "in/sub/b.jpg": jpeg})
    (folder / "c.jpg").symlink_to("a.jpg")
    (folder / "d.jpg").symlink_to(tmp_path / "out" / "secret.jpg")
    (folder / "e").symlink_to(tmp_path / "out")
    (folder / "f").symlink_to("sub")
    (folder / "g.jpg").symlink_to("nothing.jpg")
    (folder / "h.jpg").symlink_to("h.jpg")
    os.mkfifo(folder / "i.jpg")
    os.mkfifo(folder / "j")
    assert list(photo_names(folder)) == ["a.jpg", "c.jpg", "sub/b.jpg"]
    [line] = said(caplog)
    assert line.startswith(
        "in: 7 files were left out: d.jpg (leads out of the folder), e (a link to a folder), f (a li"
    )
    assert "g.jpg (a link to nothing)" in line
    assert "i.jpg (no file), j (no file)" in line


def test_the_order_is_that_of_the_names_however_they_were_made(tmp_path: Path) -> None:
    names = ["b.jpg", "a/z.jpg", "a/b/c.jpg", "a.jpg", "a-b.jpg", "Z.jpg"]
    put(tmp_path, **dict.fromkeys(names, b"x"))
    assert list(photo_names(tmp_path)) == ["Z.jpg", "a/b/c.jpg", "a/z.jpg", "a-b.jpg", "a.jpg", "b.jpg"]


def test_a_deep_folder(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(150):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "a.jpg").write_bytes(b"x")
    assert list(photo_names(tmp_path)) == ["d/" * 150 + "a.jpg"]


@pytest.mark.parametrize("name", ["photos", "listings.jsonl", "listings.csv"])
def test_photo_paths_know_their_folder(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, **{"photos/a.jpg": encoded("JPEG"), "listings.jsonl": b'{"id": "a", "images": ["photos/a.jpg"]}\n'})
    put(tmp_path, **{"listings.csv": b"id,images\na,photos/a.jpg|photos/b.jpg\n"})
    monkeypatch.chdir(tmp_path)
    rows = list(read_listings(name))
    monkeypatch.chdir("/")
    [listing] = rows
    assert isinstance(listing, Listing)
    assert listing.images[0] == ("a.jpg" if name == "photos" else "photos/a.jpg")
    for image in listing.images:
        assert isinstance(image, NameBelow)
        assert image.folder == (tmp_path / "photos" if name == "photos" else tmp_path)


def test_one_line_of_the_log_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    put(tmp_path, **{("x" * 240 + f"{i}.txt"): b"x" for i in range(50)})
    assert list(photo_names(tmp_path)) == []
    assert len(said(caplog)[0]) < 1500
