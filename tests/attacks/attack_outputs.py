"""Hostile places to write to, and hostile reports to show: one generator a threat."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from attack import ACME, Attack, NotHarmlessError, Outcome, Trial, ended, scanner
from filelock import FileLock
from PIL import Image

from logoscan._hashing import file_sha256
from logoscan.cli.overlays import write_overlays
from logoscan.io import files
from logoscan.io.partial import PartialOutput
from logoscan.io.records import to_json
from logoscan.io.sealed_lines import seal
from logoscan.reporting.html import listing_page
from logoscan.reporting.jsonl import read_reports, write_reports
from logoscan.reporting.run_html import write_pages
from logoscan.results import ImageRecord, Report
from logoscan.review.journal_file import VerdictFile
from logoscan.scoring.model import ScoreModel
from logoscan.types import Listing, Match

SIDE = 8000
"""Of large photos; tests make it smaller."""
SECRET = b"precious"


def _report(listing: Listing | None = None) -> Report:
    return scanner().scan(listing or Listing("a", (ACME,), title="Acme"))


def _victim(folder: Path) -> Path:
    (folder / "victim.txt").write_bytes(SECRET)
    return folder / "victim.txt"


def _in_the_way(path: Path, kind: str) -> None:
    """Put something where a file is going to be written."""
    victim = _victim(path.parent)
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "hard link":
        os.link(victim, path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"planted")
        path.chmod(0o666)


def _unharmed(folder: Path) -> None:
    if (folder / "victim.txt").read_bytes() != SECRET:
        raise NotHarmlessError("a file elsewhere was written to")


def _planted_temporary(kind: str, folder: Path) -> Trial:
    """What lies where a temporary file would be is not written to, and nobody waits for it."""
    planted = folder / ".score.json.tmp"
    _in_the_way(planted, kind)

    def trial() -> tuple[Outcome, str]:
        descriptor = os.open(planted, os.O_RDWR | os.O_NONBLOCK) if kind in ("open", "locked") else None
        if descriptor is not None and kind == "locked":
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        ScoreModel().save(folder / "score.json")
        if descriptor is not None:
            os.write(descriptor, b"FORGED!")
            os.close(descriptor)
        _unharmed(folder)
        written = folder / "score.json"
        if ScoreModel.load(written) != ScoreModel() or stat.S_IMODE(written.lstat().st_mode) != 0o600:
            raise NotHarmlessError("what was written is another's")
        return "report", ""

    return trial


def _planted_partial(kind: str, folder: Path) -> Trial:
    """A beginning that somebody else made is not gone on with."""
    _in_the_way(folder / "r.jsonl.partial", kind)

    def trial() -> tuple[Outcome, str]:
        try:
            with PartialOutput(folder / "r.jsonl", {"index": "ours"}) as output:
                output.write(to_json(_report()))
        finally:
            _unharmed(folder)
            if (folder / "r.jsonl").exists():
                raise NotHarmlessError("it was taken for a beginning")
        return "report", ""

    return trial


def _other_beginning(lines: Callable[[], str], folder: Path) -> Trial:
    (folder / "r.jsonl.partial").write_text(lines(), encoding="utf-8")

    def trial() -> tuple[Outcome, str]:
        before = (folder / "r.jsonl.partial").read_bytes()
        try:
            with PartialOutput(folder / "r.jsonl", {"index": "ours"}) as output:
                raise NotHarmlessError(f"{output.done} are taken for done")
        finally:
            if (folder / "r.jsonl.partial").read_bytes() != before:
                raise NotHarmlessError("what was there was changed")

    return trial


def _forged() -> str:
    return seal('{"listing_id": "evil-1", "score": {"band": "clear"}}', line=1) + "\n"


def _of_another_index() -> str:
    return seal(to_json(_report()), line=1, run="0123456789abcdef") + "\n"


def _bad_place(kind: str, folder: Path) -> Trial:
    """Reports are written to a place that is no file."""
    place = folder / "r.jsonl"
    _in_the_way(place, kind)

    def trial() -> tuple[Outcome, str]:
        write_reports(place, [_report()])
        _unharmed(folder)
        if place.is_symlink() or len(list(read_reports(place))) != 1:
            raise NotHarmlessError("the reports are elsewhere")
        return "report", ""

    return trial


def _held(lock: str, writer: Callable[[Path], object], folder: Path) -> Trial:
    """Somebody holds a lock for ever."""
    place = folder / lock
    place.parent.mkdir(exist_ok=True)

    def trial() -> tuple[Outcome, str]:
        usual = files._LOCK_S
        files._LOCK_S = 0.05
        try:
            with FileLock(place):
                writer(folder)
        finally:
            files._LOCK_S = usual
        return "report", ""

    return trial


def _write_partial(folder: Path) -> None:
    with PartialOutput(folder / "r.jsonl"):
        pass


def _save_index(folder: Path) -> None:
    scanner().index.save(folder / "index")


def _large_photos(count: int, folder: Path) -> Trial:
    """The page of a listing with many large photos that are small files, each with a mark."""
    photo = np.full((SIDE, SIDE, 3), 90, np.uint8)
    photo[: SIDE // 4, : SIDE // 4] = (200, 30, 30)
    Image.fromarray(photo).save(folder / "0.png")
    del photo
    for number in range(1, count):
        os.link(folder / "0.png", folder / f"{number}.png")
    digest = file_sha256(folder / "0.png")
    box = (0.0, 0.0, SIDE / 4, SIDE / 4)
    matches = tuple(Match(n, box, "Acme Tools", "Acme Tools/a", 0.9, 0.4, 0.98) for n in range(count))
    records = tuple(ImageRecord(f"{n}.png", digest, SIDE, SIDE) for n in range(count))
    shown = replace(_report(), images=records, matches=matches)

    def trial() -> tuple[Outcome, str]:
        page = listing_page(shown, root=folder, index=scanner().index)
        if page.count('alt="The place in the photo"') != min(count, 24) or len(page) > 3_000_000:
            raise NotHarmlessError(f"a page of {len(page)} characters that lacks places")
        return "report", ""

    return trial


def _many_records(folder: Path) -> Trial:
    """A report of 20,000 photos, which no scan makes."""
    Image.fromarray(ACME).save(folder / "a.png")
    record = ImageRecord("a.png", file_sha256(folder / "a.png"), 32, 32)
    shown = replace(_report(), images=(record,) * 20_000, matches=())

    def trial() -> tuple[Outcome, str]:
        page = listing_page(shown, root=folder)
        if page.count("<img") != 50:
            raise NotHarmlessError("all of them are on the page")
        return "report", ""

    return trial


def _address(url: str, folder: Path) -> Trial:
    """What tells a visitor, or leads one to the seller, is on no page and in no report."""

    def trial() -> tuple[Outcome, str]:
        report = _report(Listing("a", (ACME,), title="Acme", url=url))
        text = to_json(report) + listing_page(report)
        for secret in ("SECRET", "jane", f'href="{url[:8]}'):
            if secret in text:
                raise NotHarmlessError(f"{secret} is told on")
        return ended(report)

    return trial


def _overlay_ids(ids: tuple[str, ...], folder: Path) -> Trial:
    """Each listing has an overlay of its own, in the folder that was named."""
    Image.fromarray(ACME).save(folder / "a.png")
    first = scanner(folder).scan(Listing("a", ("a.png",), title="Acme"))

    def trial() -> tuple[Outcome, str]:
        said: list[str] = []
        for listing_id in ids:
            said += write_overlays(replace(first, listing_id=listing_id), folder, folder / "overlays")
        drawn = list((folder / "overlays").iterdir())
        if said or len(drawn) != len(ids) or len(list(folder.iterdir())) != 2:
            raise NotHarmlessError(f"{len(drawn)} files for {len(ids)} listings: {said[:3]}")
        return "report", ""

    return trial


def _swapped_photo(folder: Path) -> Trial:
    """A photo that is another one by now is neither drawn nor shown, and both is said."""
    Image.fromarray(ACME).save(folder / "a.png")
    report = scanner(folder).scan(Listing("a", ("a.png",), title="Acme"))
    Image.fromarray(ACME[::-1]).save(folder / "a.png")

    def trial() -> tuple[Outcome, str]:
        told: list[str] = []
        said = write_overlays(report, folder, folder / "overlays")
        write_pages([report], folder / "pages", root=folder, missing=lambda _, reason: told.append(reason))
        page = next((folder / "pages" / "listings").iterdir()).read_text("utf-8")
        if not said or not told or "data:image/jpeg" in page or list((folder / "overlays").iterdir()):
            raise NotHarmlessError("another photo is shown for the one that was scanned")
        return "warning", "\n".join((*said, *told))

    return trial


def _wrong_root(folder: Path) -> Trial:
    """The photos are not where they are looked for."""
    Image.fromarray(ACME).save(folder / "a.png")
    report = scanner(folder).scan(Listing("a", ("a.png",), title="Acme"))
    (folder / "elsewhere").mkdir()

    def trial() -> tuple[Outcome, str]:
        told: list[str] = []
        write_pages(
            [report], folder / "pages", root=folder / "elsewhere", missing=lambda _, reason: told.append(reason)
        )
        return ("warning" if told else "report"), "\n".join(told)

    return trial


class _FullDisk:
    """A file on a disk that is full after half of what is written."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> _FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        self._file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")


def _full_disk(folder: Path) -> Trial:
    """The disk is full after three files: these are whole, and of the fourth there is nothing."""

    def trial() -> tuple[Outcome, str]:
        real, written = files._temporary, 0

        def temporary(path: Path) -> tuple[Any, Path]:
            nonlocal written
            written += 1
            file, place = real(path)
            return (file if written <= 3 else _FullDisk(file)), place

        with suppress(OSError), patch.object(files, "_temporary", temporary):
            write_pages([_report(), _report()], folder / "pages")
            raise NotHarmlessError("nobody was told")
        left = [path for path in (folder / "pages").rglob("*") if path.is_file()]
        if len(left) != 3 or any(path.suffix == ".tmp" for path in left):
            raise NotHarmlessError("half a file is left")
        if any(path.suffix == ".html" and not path.read_bytes().rstrip().endswith(b"</html>") for path in left):
            raise NotHarmlessError("half a page is left")
        return "report", ""

    return trial


def _all() -> Iterable[Attack]:
    for kind, what in (
        ("open", "that its planter holds open and all may write"),
        ("locked", "that is locked for ever"),
        ("link", "that is a link to a file"),
        ("hard link", "that is a second name of a file"),
        ("pipe", "that is a pipe"),
        ("folder", "that is a folder"),
    ):
        yield Attack(f"output: a temporary file {what}", "report", partial(_planted_temporary, kind))
    for kind in ("link", "hard link", "pipe"):
        yield Attack(f"output: a partial file that is a {kind}", "InputError", partial(_planted_partial, kind))
    yield Attack("output: a partial file of forged reports", "MismatchError", partial(_other_beginning, _forged))
    yield Attack(
        "output: a partial file of another index", "MismatchError", partial(_other_beginning, _of_another_index)
    )
    yield Attack("output: to a pipe that nobody reads", "InputError", partial(_bad_place, "pipe"))
    yield Attack("output: to a link to another file", "report", partial(_bad_place, "link"))
    yield Attack("output: to a second name of another file", "report", partial(_bad_place, "hard link"))
    for name, kind, lock, writer in (
        ("reports", "InputError", ".r.jsonl.lock", _write_partial),
        ("journal", "LogoscanError", ".v.jsonl.lock", lambda folder: VerdictFile(folder / "v.jsonl")),
        ("index", "LogoscanError", "index/.lock", _save_index),
    ):
        yield Attack(f"output: a lock of the {name} held for ever", kind, partial(_held, lock, writer))  # type: ignore[arg-type]
    yield Attack("output: a full disk at the fourth file of the pages", "report", _full_disk)
    yield Attack("page: 25 photos of the largest size", "report", partial(_large_photos, 25))
    yield Attack("page: 20,000 photos", "report", _many_records)
    yield Attack("page: photos that are looked for elsewhere", "warning", _wrong_root)
    yield Attack("page: a photo that was exchanged after the scan", "warning", _swapped_photo)
    for name, url in (
        ("with a session", "https://shop.example/1;jsessionid=SECRET?email=jane@x.example&token=SECRET#SECRET"),
        ("with a login", "https://jane:SECRET@shop.example/1"),
        ("that runs", "javascript:alert(1)//?SECRET"),
    ):
        yield Attack(f"page: an address {name}", "report", partial(_address, url))
    hashed = "a_b~c14cddc033f64b9d"
    yield Attack("overlay: an id that is another's file name", "report", partial(_overlay_ids, ("a/b", "a_b", hashed)))
    odd = ("../../x", "/etc/x", "a\nb", "\x1b[2Jx", "con", "x" * 5000, "\u202ex", "a:b", "..", ".hidden")
    yield Attack("overlay: ids that climb, steer terminals or are devices", "report", partial(_overlay_ids, odd))


OUTPUTS = tuple(_all())
"""All of them."""
