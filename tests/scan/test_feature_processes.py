"""Processes that look at photos: the reports of one, in order, whoever dies; and threads where they cannot be."""

from __future__ import annotations

import logging
import os
import pickle
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from threading import Semaphore, Thread

import numpy as np
import pytest
from builders.scans import timeless
from commands import ACME, BOLT
from fakes import GREEN, GREY, FakeDetector, FakeEncoder, photo_of
from paths import TESTS
from process_models import DeadlyDetector, Unimportable, Unsendable, Untakable

from logoscan.index.logo_index import LogoIndex
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.ocr.rapidocr import RapidOcr
from logoscan.ocr.scripts import ScriptIdentifier
from logoscan.results import Report
from logoscan.scan import scanner as scanner_module
from logoscan.scan._child import Child, DeadChildError
from logoscan.scan.feature_process import Answer
from logoscan.scan.processes import FeatureProcesses
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, ImageSource, Listing
from logoscan.vision.detector import Detector, LogoDetector
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.extractor import OnStage


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner_module, "cores", lambda: 2)


def make(detector: Detector | None = None, on_stage: OnStage | None = None) -> Scanner:
    index = LogoIndex(encoder := FakeEncoder())
    for name, logo in (("Acme", ACME), ("Bolt", BOLT)):
        index.add(Brand(name), [("logo", logo)])
    return Scanner(
        index, encoder=encoder, detector=detector or FakeDetector(), similarity_threshold=0.9, on_stage=on_stage,
        ledger=PhotoLedger(),
    )  # fmt: skip


def listings(marked: int | None = None, count: int = 9) -> list[Listing]:
    """Listings of one or two photos, all different; one of them with a photo on green."""
    photos = [photo_of((ACME, BOLT)[i % 2], (128 + i, 128, 128)) for i in range(count)]
    if marked is not None:
        photos[marked] = photo_of(ACME, GREEN)
    return [
        Listing(f"L{i}", (photo, photo_of(None, GREY))[: 1 + i % 2], title=f"shoe {i}")
        for i, photo in enumerate(photos)
    ]


def scanned(scanner: Scanner, given: list[Listing], workers: int, batch_size: int = 2) -> list[Report]:
    return [timeless(r) for r in scanner.scan_many(given, batch_size=batch_size, workers=workers)]


def children() -> set[int]:
    """Processes that this one started and that have not ended."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            status = path.read_text()
            if f"PPid:\t{os.getpid()}\n" in status and "(zombie)" not in status:
                found.add(int(path.parent.name))
    return found


def test_processes_give_the_reports_of_one_in_order_with_stages_and_records(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stages: list[str] = []
    detector = DeadlyDetector(GREEN, tmp_path, times=0)
    before = children()
    by_one = scanned(make(detector), listings(), 1)
    caplog.clear()
    by_two = scanned(make(detector, lambda stage, seconds: stages.append(stage)), listings(), 2)
    assert by_two == by_one
    assert [report.listing_id for report in by_two] == [listing.id for listing in listings()]
    assert {"open", "detect", "encode", "keypoints", "match", "judge"} <= set(stages)
    told = [record for record in caplog.records if record.name == "logoscan.test"]
    assert len(told) == 5, "one a batch"
    assert all(record.process != os.getpid() for record in told)
    assert children() == before


@pytest.mark.parametrize("times", [1, 2])
def test_a_killed_process_loses_and_doubles_nothing(
    tmp_path: Path, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = scanned(make(), listings(marked=3), 1)
    found = scanned(make(DeadlyDetector(GREEN, tmp_path, times)), listings(marked=3), 2)
    assert found == wanted
    assert len(list(tmp_path.iterdir())) == times
    assert caplog.text.count("a process died") == times


def test_a_photo_that_kills_every_process_costs_itself_alone(tmp_path: Path) -> None:
    wanted = scanned(make(), listings(marked=3), 1)
    found = scanned(make(DeadlyDetector(GREEN, tmp_path, None)), listings(marked=3), 2)
    assert [r for r in found if r.listing_id != "L3"] == [r for r in wanted if r.listing_id != "L3"]
    (lost,) = (r for r in found if r.listing_id == "L3")
    assert lost.warnings == ("image 0: cannot be examined (3 processes died at it)",)
    assert lost.score.band == "review", "what was not looked at is not cleared"
    assert len(list(tmp_path.iterdir())) == 5, "twice with its batch, three times alone"


@pytest.mark.parametrize("detector", [Unsendable(), Untakable()])
def test_models_that_cannot_be_sent_are_run_by_threads(detector: Detector, caplog: pytest.LogCaptureFixture) -> None:
    before = children()
    assert scanned(make(detector), listings(), 2) == scanned(make(), listings(), 1)
    assert "threads scan, not processes" in caplog.text
    assert children() == before


def test_one_core_uses_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner_module, "cores", lambda: 1)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert len(scanned(make(), listings(), 2)) == 9


def test_a_stream_that_is_left_ends_its_processes() -> None:
    before = children()
    stream = make().scan_many(listings(count=40), batch_size=1, workers=2)
    next(stream)
    assert len(children() - before) == 2
    stream.close()  # type: ignore[attr-defined]
    assert children() == before


SCAN = """
import sys
from blas_threads import blas_threads, two_blas_threads
from scan import test_feature_processes as here

workers, close = int(sys.argv[1]), sys.argv[2] == "close"
here.scanner_module.cores = lambda: 2
here.scanned(here.make(), here.listings(), 1)  # now every library with a BLAS of its own is loaded
used = []
with two_blas_threads():
    scanner = here.make(on_stage=lambda stage, _: used.append(blas_threads()) if stage == "match" else None)
    stream = scanner.scan_many(here.listings(), batch_size=1, workers=workers)
    next(stream)
    stream.close() if close else list(stream)
    print(set.union(*used), blas_threads())
"""


@pytest.mark.parametrize("end", ["close", "exhaust"])
@pytest.mark.parametrize(("workers", "while_scanning"), [(2, 1), (1, 2)])
def test_blas_leaves_the_cores_to_processes_until_the_stream_ends(workers: int, while_scanning: int, end: str) -> None:
    command = [sys.executable, "-c", SCAN, str(workers), end]  # another test may have set BLAS for good in this process
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths}
    )
    assert ended.stdout.split("\n")[0] == f"{{{while_scanning}}} {{2}}", ended.stderr


def test_images_that_cannot_be_sent_are_looked_at_here() -> None:
    class Own(np.ndarray):
        def __reduce__(self) -> str:
            raise TypeError("not for others")

    own = [Listing("1", (photo_of(ACME).view(Own),)), Listing("2", (photo_of(BOLT),))]
    plain = [Listing("1", (photo_of(ACME),)), Listing("2", (photo_of(BOLT),))]
    assert scanned(make(), own, 2, 1) == scanned(make(), plain, 1, 1)


def test_images_that_no_process_can_import_cost_no_deaths(caplog: pytest.LogCaptureFixture) -> None:
    own = [Listing(str(i), (photo_of(ACME, (100 + i,) * 3).view(Unimportable),)) for i in range(3)]
    plain = [Listing(str(i), (photo_of(ACME, (100 + i,) * 3),)) for i in range(3)]
    rest = [Listing("last", (photo_of(BOLT),))]
    assert scanned(make(), own + rest, 2, 1) == scanned(make(), plain + rest, 1, 1)
    assert caplog.text.count("a process cannot (ModuleNotFoundError: ") == 3
    assert "died" not in caplog.text


def test_a_photo_that_a_process_cannot_take_alone_is_looked_at_here(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = scanned(make(), listings(), 1)

    def asked(self: FeatureProcesses, images: Sequence[ImageSource], *, again: bool = False) -> Future[Answer]:
        answer = Future[Answer]()
        if len(images) > 1:
            answer.set_exception(DeadChildError())
        else:
            answer.set_result(Answer(not_taken="no memory"))
        return answer

    monkeypatch.setattr(FeatureProcesses, "_asked", asked)
    assert scanned(make(), listings(), 2) == wanted


SCRIPT = """
import logging, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from fakes import FakeDetector, FakeEncoder, photo_of
from commands import ACME
from logoscan import Brand, Listing, LogoIndex, Scanner
from logoscan.scan import scanner as module
module.cores = lambda: 2
print("main", flush=True)
class Own(FakeDetector):
    pass
class OwnPhoto(np.ndarray):
    pass
for detector in (FakeDetector(), Own()):
    index = LogoIndex(FakeEncoder())
    index.add(Brand("Acme"), [("logo", ACME)])
    scanner = Scanner(index, encoder=FakeEncoder(), detector=detector, similarity_threshold=0.9)
    listings = [Listing(str(i), (photo_of(ACME).view((np.ndarray, OwnPhoto)[i == 1]),)) for i in range(3)]
    print([r.listing_id for r in scanner.scan_many(listings, batch_size=1, workers=2)], flush=True)
"""


def test_a_script_needs_no_guard_and_its_own_classes_keep_threads(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    (tmp_path / "logging.py").write_text("raise SystemExit('a file beside the caller is no module')")
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(TESTS)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines() == ["main", *["['0', '1', '2']"] * 2]
    assert "threads scan, not processes" in done.stderr
    assert "1 photos are looked at here" in done.stderr
    assert "died" not in done.stderr


def test_bundled_models_are_sent_as_their_arguments() -> None:
    squares = np.random.default_rng(0).integers(0, 256, (3, 128, 128, 3), np.uint8)
    encoder, detector = ClipEncoder(device="cpu", precision="fp32"), LogoDetector(device="cpu", most=7)
    there, other = pickle.loads(pickle.dumps((encoder, detector)))
    np.testing.assert_array_equal(there.encode_pixels(squares), encoder.encode_pixels(squares))
    assert (there.precision, other.description) == ("fp32", detector.description)
    ocr = RapidOcr(most_lines=3, precision="fp32")
    assert pickle.loads(pickle.dumps(ocr)).name == ocr.name

    class Derived(ScriptIdentifier):
        """Has other arguments, perhaps."""

    with pytest.raises(TypeError, match="Derived cannot be pickled"):
        pickle.dumps(Derived())


def test_records_below_the_level_of_the_caller_stay_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("logoscan").setLevel(logging.ERROR)
    scanned(make(DeadlyDetector(GREEN, tmp_path, 0)), listings(count=2), 2)
    assert caplog.records == []


def test_an_answer_that_was_cut_is_a_death() -> None:
    child = object.__new__(Child)
    child._answers, theirs = Pipe(duplex=False)
    os.write(theirs.fileno(), struct.pack("!i", 100) + b"cut")
    theirs.close()
    with child._answers, pytest.raises(DeadChildError):
        child.answer()


def test_a_listing_of_many_photos_keeps_no_process_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    many = Listing("many", tuple(photo_of(ACME, (100 + i,) * 3) for i in range(9)))
    detector = DeadlyDetector(GREEN, tmp_path, times=0)
    wanted = scanned(make(detector), [many], 1)
    caplog.clear()
    assert scanned(make(detector), [many], 2) == wanted
    told = [record for record in caplog.records if record.name == "logoscan.test"]
    assert sorted(record.getMessage()[0] for record in told) == ["1", "4", "4"]
    assert len({record.process for record in told}) == 2


class SlowChild:
    """Answers when it is told to, and notes what it was sent before."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.may_answer, self.ended = Semaphore(0), False

    def send_bytes(self, message: bytes) -> None:
        self.sent.append(message)

    def answer(self) -> Answer:
        assert self.may_answer.acquire(timeout=10)
        return Answer(())

    def end(self) -> None:
        self.ended = True


def test_the_next_photos_wait_in_a_process_and_not_behind_a_suspect_or_a_long_message() -> None:
    small, large = ["one.jpg"], [photo_of(None, (1, 1, 1))]
    assert len(pickle.dumps(tuple(large))) > 4096, "a page, which is all that a pipe surely holds"
    for second, third, wanted in (
        ((small, False), (small, False), 2),  # it has two, and the last one is left to another process
        ((large, False), (small, False), 1),
        ((small, True), (small, False), 1),
    ):
        processes = FeatureProcesses(make().pipeline.extractor, 1, cached_photos=0, on_stage=None)
        asked = [processes._asked(*part[:1], again=part[1]) for part in ((small, False), second, third)]
        child = SlowChild()
        keeper = Thread(target=processes._keep, args=(child,), daemon=True)
        keeper.start()
        deadline = time.monotonic() + 10
        while len(child.sent) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(child.sent) == wanted
        child.may_answer.release(3)
        assert [answer is not None and answer.result(10).features for answer in asked] == [(), (), ()]
        processes._keepers = [keeper]
        processes.close()
        assert child.ended
