"""Across processes: one writer and many readers, two writers, Ctrl-C, fork and spawn, and files that stay open."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders.scans import timeless
from commands import ACME, BOLT, run
from fakes import FakeDetector, FakeEncoder, photo_of
from paths import TESTS
from PIL import Image

from logoscan.errors import LogoscanError, MismatchError
from logoscan.index.logo_index import LogoIndex
from logoscan.reporting.jsonl import read_reports
from logoscan.results import Report
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, Listing

SPAWN = multiprocessing.get_context("spawn")


def generation(number: int) -> LogoIndex:
    """Three brands whose logos and names all carry the generation's number."""
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    logos = [(Brand(f"{name} {number}"), [("a.png", logo)]) for name, logo in (("Acme", ACME), ("Bolt", BOLT))]
    index.add_many(logos)
    return index


def wired(index: LogoIndex) -> Scanner:
    encoder = FakeEncoder()
    return Scanner(index, encoder=encoder, detector=FakeDetector(), similarity_threshold=0.95)


def seen(report: Report) -> set[str]:
    return {brand.brand for brand in report.brands}


LISTING = Listing("L", images=(photo_of(ACME), photo_of(BOLT)), claimed_brand="")


# -- one writer, many readers


def _keep_reading(folder: str, ready: str, stop: str, out: str) -> None:
    """A reader: loads, scans twice, notes the generation of each scan; an exception ends it with a code."""
    met: list[list[int]] = []
    Path(ready).touch()
    while not Path(stop).exists() or not met:
        scanner = wired(LogoIndex.load(folder, FakeEncoder()))
        numbers = []
        for _ in range(2):  # the second after the writer has moved on, perhaps twice: its files may be gone
            names = seen(scanner.scan(LISTING))
            numbers.append(sorted({int(name.split()[1]) for name in names}))
            assert {name.split()[0] for name in names} == {"Acme", "Bolt"}
        assert numbers[0] == numbers[1]
        met.append(numbers[0])
    Path(out).write_text(json.dumps(met))


def test_readers_see_one_generation_for_a_whole_scan(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    generation(0).save(folder)
    ready, outs = [tmp_path / f"ready{n}" for n in range(2)], [tmp_path / f"out{n}" for n in range(2)]
    stop = tmp_path / "stop"
    readers = [
        SPAWN.Process(target=_keep_reading, args=(str(folder), str(r), str(stop), str(o)))
        for r, o in zip(ready, outs, strict=True)
    ]
    for reader in readers:
        reader.start()
    number = 0
    while number < 10 or not all(path.exists() for path in ready):
        number += 1
        generation(number).save(folder)
    time.sleep(0.2)
    stop.touch()
    for reader in readers:
        reader.join(60)
        assert reader.exitcode == 0
    for out in outs:
        met = json.loads(out.read_text())
        assert all(len(numbers) == 1 for numbers in met), "never logos of two generations"
        assert met == sorted(met), "never back"
    assert len(list(folder.glob("gen-*"))) == 2


def test_an_index_that_was_loaded_outlives_its_files(tmp_path: Path) -> None:
    generation(0).save(tmp_path / "index")
    scanner = wired(LogoIndex.load(tmp_path / "index"))
    for number in range(1, 5):
        generation(number).save(tmp_path / "index")
    assert not (tmp_path / "index" / "gen-1").exists()
    assert seen(scanner.scan(LISTING)) == {"Acme 0", "Bolt 0"}
    assert scanner.index.logo_image("Acme 0", "Acme 0/a.png") is not None


# -- two writers


def test_the_second_of_two_writers_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    encoder, folder = FakeEncoder(), tmp_path / "index"
    generation(0).save(folder)
    one, two = LogoIndex.load(folder, encoder), LogoIndex.load(folder, encoder)
    one.add(Brand("One"), [("a.png", BOLT)], allow=["logo"])
    two.add(Brand("Two"), [("a.png", ACME)], allow=["logo"])
    one.save(folder)
    with pytest.raises(MismatchError, match=r"index: another writer saved generation 2 after the 1 that this index"):
        two.save(folder)
    two.save(tmp_path / "elsewhere")
    again = LogoIndex.load(folder, encoder)
    again.add(Brand("Two"), [("a.png", ACME)], allow=["logo"])
    again.save(folder)
    assert {"One", "Two"} <= {brand.name for brand in LogoIndex.load(folder).brands}
    again.remove("One")
    again.save(folder)  # its own is no other's
    with pytest.raises(MismatchError):
        one.save(folder)
    generation(7).save(folder)  # who registers anew means to replace
    assert {brand.name for brand in LogoIndex.load(folder).brands} == {"Acme 7", "Bolt 7"}


# -- threads


def test_scanner_shared_by_threads_equals_one_thread(tmp_path: Path) -> None:
    scanner = wired(generation(0))
    rng = np.random.default_rng(0)
    listings = [
        Listing(f"L{n}", images=(photo_of((ACME, BOLT, None)[n % 3], tuple(rng.integers(0, 255, 3).tolist())),))
        for n in range(24)
    ]
    alone = [timeless(scanner.scan(listing)) for listing in listings]
    with ThreadPoolExecutor(4) as pool:
        assert [timeless(report) for report in pool.map(scanner.scan, listings)] == alone
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda n: list(scanner.scan_many(listings[n::4])), range(4)))
    together = {report.listing_id: timeless(report) for part in parts for report in part}
    assert [together[listing.id] for listing in listings] == alone


# -- fork, spawn, pickles


def _scan_in_spawned(folder: str, out: str) -> None:
    report = wired(LogoIndex.load(folder)).scan(LISTING)
    Path(out).write_text(json.dumps(sorted(seen(report))))


def test_a_spawned_process_builds_its_own(tmp_path: Path) -> None:
    generation(0).save(tmp_path / "index")
    child = SPAWN.Process(target=_scan_in_spawned, args=(str(tmp_path / "index"), str(tmp_path / "out")))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert json.loads((tmp_path / "out").read_text()) == ["Acme 0", "Bolt 0"]


def test_a_fork_is_told_to_build_its_own(tmp_path: Path) -> None:
    """With real models it would wait for ever: torch's threads, seen with two of them, are not in the child."""
    scanner = wired(generation(0))
    report = scanner.scan(LISTING)
    assert seen(report) == {"Acme 0", "Bolt 0"}
    uses: tuple[Callable[[Listing], object], ...] = (
        scanner.scan,
        lambda listing: scanner.screen(listing, deadline_s=10),
        lambda listing: scanner.refine_box(listing.images[0], report.matches[0]),
        lambda listing: scanner.alteration(listing.images[0], report.matches[0]),
    )
    for use in uses:
        child = os.fork()
        if not child:
            said = "nothing"
            try:
                use(LISTING)
            except LogoscanError as error:
                said = str(error)
            finally:
                (tmp_path / "said").write_text(said)
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        expected = f"Scanner: built in process {os.getpid()} and used in its fork {child}, where the threads"
        assert (tmp_path / "said").read_text().startswith(expected)
    assert seen(scanner.scan(LISTING)) == {"Acme 0", "Bolt 0"}


def test_a_scanner_cannot_be_pickled_and_says_what_to_do() -> None:
    with pytest.raises(TypeError, match="Scanner cannot be pickled: build it in each process"):
        pickle.dumps(wired(generation(0)))


# -- Ctrl-C

_SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started with it ignored
sys.path.insert(0, sys.argv.pop(1))
import logoscan.vision.encoder
from fakes import FakeEncoder
class Slow(FakeEncoder):
    def encode_pixels(self, pixels):
        sys.stderr.write("at work\\n")  # at once, since two threads do
        time.sleep(float(PAUSE))
        return super().encode_pixels(pixels)
logoscan.vision.encoder.ClipEncoder = lambda *_, **__: Slow()
from logoscan.cli import main
main(prog_name="logoscan")
"""


def test_ctrl_c_ends_at_once_and_the_same_command_goes_on(shop: Path) -> None:
    rows = (shop / "listings.jsonl").read_text().splitlines()
    more = []
    for n in range(64):  # photos that come again are not looked at again
        Image.fromarray(photo_of(ACME, ground=(100 + n, 100, 100))).save(shop / "photos" / f"new{n}.png")
        more.append(json.dumps({**json.loads(rows[0]), "id": f"L{n}", "images": [f"photos/new{n}.png"]}))
    (shop / "listings.jsonl").write_text("\n".join(more) + "\n")
    arguments = [
        "scan", shop / "listings.jsonl", "--index", shop / "index", "--out", shop / "R.jsonl", "--ocr", "none",
        "--detector", "whole", "--similarity-threshold", "0.95",
    ]  # fmt: skip
    code = _SLOW.replace("PAUSE", "0.5")
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(TESTS), *map(str, arguments)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for batch in range(5):  # of two or more at a time: the first is written when the fifth begins
        assert child.stderr.readline() == "at work\n", batch
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    out, said = child.communicate(timeout=30)
    assert (child.returncode, out) == (130, "")
    assert "Traceback" not in said
    assert "reports are in" in said
    partial = shop / "R.jsonl.partial"
    done = [report.listing_id for report in read_reports(partial)]
    assert done == [f"L{n}" for n in range(len(done))]
    assert 4 <= len(done) < 64
    before = partial.read_bytes()
    assert run(*arguments).exit_code == 0
    assert [report.listing_id for report in read_reports(shop / "R.jsonl")] == [f"L{n}" for n in range(64)]
    assert (shop / "R.jsonl").read_bytes().startswith(before), "what was there is not scanned again"


# -- open files


class _NoPoints:
    """Looking for keypoints takes nearly all of a scan's time with these stand-ins, and opens nothing."""

    def __init__(self, **_: object) -> None:
        pass

    def detectAndCompute(self, *_: object) -> tuple[tuple[()], None]:  # noqa: N802
        return (), None


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _count_open_files(folder: str, out: str) -> None:
    cv2.SIFT_create = _NoPoints  # type: ignore[attr-defined]
    generation(0).save(folder)
    scanner = wired(LogoIndex.load(folder))
    scanner.scan(LISTING)
    before = open_files()
    for _ in range(50):
        LogoIndex.load(folder)
    for _ in range(200):
        scanner.scan(LISTING)
    for number in range(10):
        generation(number).save(folder)
    gc.collect()
    Path(out).write_text(json.dumps([before, open_files()]))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_scan_leaves_no_file_open(tmp_path: Path) -> None:
    """In a process of its own, where nothing else opens or closes any."""
    child = SPAWN.Process(target=_count_open_files, args=(str(tmp_path / "index"), str(tmp_path / "out")))
    child.start()
    child.join(120)
    assert child.exitcode == 0
    before, after = json.loads((tmp_path / "out").read_text())
    assert after <= before
