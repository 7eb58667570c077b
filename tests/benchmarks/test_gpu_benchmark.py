"""The benchmark on a GPU: what it compares, and that it ends by time or when it is stopped, and keeps what is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.common.children import ROOT
from benchmarks.common.deadline import Stopped, stopping
from benchmarks.speed import gpu as module
from benchmarks.speed import scan_processes
from benchmarks.speed.gpu import WANTED, beside_wanted, gpu, together
from benchmarks.speed.gpu_answers import Comparison, compare
from benchmarks.speed.scan_child import Settings
from benchmarks.speed.scan_processes import Child, PartOfScan, reports_equal, scan_by_processes

SETTINGS: Settings = {"index": "", "photos": ["a", "b", "c"], "device": "cpu", "precision": "auto", "workers": 1}
# A process as `scan_child` is one, without models: it says "first", waits, and scans three photos a second.
CHILD = """
import json, sys, time
photos = json.loads(sys.argv[-1])["photos"]
print(json.dumps({"first_report_s": len(photos)}), flush=True)
seconds = float(sys.stdin.readline())
if seconds > 50:
    assert sys.stdin.readline() == "stop\\n"
    seconds = 1
reports = {photo: ("X", "clear", 1.0) for photo in photos}
print(json.dumps({"photos": 3 * seconds, "seconds": seconds, "first_64_s": None, "host_mb": 5, "gpu_mb": 0,
                  "device": "cpu", "reports": reports}), flush=True)
time.sleep(60)
"""


def test_figures_stand_beside_their_floors() -> None:
    lines = list(beside_wanted({"photos_per_s_500": 39.9, "first_64_s": 3.0, "lines_equal": 0.99, "other": 1}))
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        ("photos_per_s_500", "MISSED"),
        ("first_64_s", "reached"),
        ("lines_equal", "reached"),
    ]
    assert list(beside_wanted({})) == []
    assert all(floor != target for floor, target in WANTED.values()), "the direction says which is better"


def test_reports_of_photos_that_both_scanned_are_compared() -> None:
    one = {"a": ("X", "clear", 1.0), "b": ("X", "block", 90.0), "c": (None, "clear", None), "e": ("X", "clear", None)}
    other = {"a": ("X", "clear", 3.5), "b": ("X", "review", 89.0), "d": (None, "clear", None), "e": ("X", "clear", 1.0)}
    assert reports_equal(one, other) == {"photos": 3, "reports_equal": 0.6667, "scores_equal": 0.3333}
    assert reports_equal({}, other) == {"photos": 0, "reports_equal": None, "scores_equal": None}


def test_a_process_is_heard_and_killed_alone() -> None:
    script = "print('ready', flush=True); input(); print('done', flush=True); import time; time.sleep(60)"
    with Child([sys.executable, "-c", script]) as child, Child([sys.executable, "-c", script]) as other:
        assert child.line(30) == other.line(30) == "ready\n"
        child.say("go")
        assert child.line(30) == "done\n"
        with pytest.raises(click.ClickException, match=r"exit code -9, or said nothing for 0 s"):
            child.line(0.2)
        child.say("nobody hears it")
        other.say("go")
        assert other.line(30) == "done\n"
    assert child.process.returncode == other.process.returncode == -9


@pytest.fixture
def short_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(CHILD)
    monkeypatch.setattr(scan_processes, "_MODULE", [sys.executable, str(tmp_path / "child.py")])


@pytest.mark.usefixtures("short_child")
def test_processes_share_the_photos_and_their_rates_are_added() -> None:
    found = scan_by_processes(SETTINGS, 2, 60.0, lambda: 2.0)
    assert (found["photos"], found["photos_per_s"], found["first_report_s"]) == (12, 6.0, 2.0)
    assert found["reports"].keys() == {"a", "b", "c"}
    assert found["first_64_s"] is None


@pytest.mark.usefixtures("short_child")
def test_a_stopped_scan_gives_what_there_is() -> None:
    with pytest.raises(PartOfScan) as stopped, stopping(1.0):
        scan_by_processes(SETTINGS, 2, 60.0, lambda: 60.0)
    assert stopped.value.why == "time"
    assert (stopped.value.figures["photos"], stopped.value.figures["photos_per_s"]) == (6, 6.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def stop() -> None:
        with stopping(60.0) as deadline:
            assert 50 < deadline.left() <= 60
            os.kill(os.getpid(), number)
            time.sleep(30)

    with pytest.raises(Stopped) as stopped:
        stop()
    assert (stopped.value.why, signal.getsignal(number)) == (number.name, before)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_step_that_takes_no_exception_ends_with_the_process() -> None:
    script = """
import time
from benchmarks.common.deadline import stopping
with stopping(0.2, grace_s=6):
    while True:
        try:
            time.sleep(60)
        except BaseException:
            print("deaf", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, b"deaf\n")


def test_callers_run_side_by_side_and_an_error_is_raised() -> None:
    from threading import Barrier

    together(Barrier(4, timeout=30).wait, 4)
    with pytest.raises(ZeroDivisionError):
        together(lambda: 1 / 0, 2)


def test_answers_are_compared_while_there_is_time() -> None:
    class Counts(Comparison):
        def __init__(self) -> None:
            self.seen = 0

        def add(self, photos: Any) -> None:
            self.seen += len(photos)

        @property
        def figures(self) -> dict[str, Any]:
            return {"photos_compared": self.seen}

    photos = [np.zeros((4, 4, 3), np.uint8)] * 10
    assert compare(Counts(), photos, lambda: 1.0) == {"photos_compared": 10}
    assert compare(Counts(), photos, lambda: 0.0) == {"photos_compared": 4}, "some at least"
    assert compare(Counts(), [], lambda: 1.0) == {"photos_compared": 0}


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    for name in ("photos", "gallery/Acme"):
        (tmp_path / name).mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (6, 40, 50, 3), np.uint8)
    for i, pixels in enumerate(noise):
        Image.fromarray(pixels).save(tmp_path / ("photos" if i else "gallery/Acme") / f"{i}.png")
    return ["--images", str(tmp_path / "photos"), "--gallery", str(tmp_path / "gallery")]


def test_what_is_there_is_kept_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folders: list[str]
) -> None:
    """The steps in turn, without models; the third scan is cut off."""
    shares: list[float] = []

    def scan(plan: Settings, processes: int, patience_s: float, seconds: Any) -> dict[str, Any]:
        shares.append(seconds())
        assert (len(plan["photos"]), processes, plan["workers"]) == (
            (2, 4)[plan["device"] == "cpu" or len(shares) == 1],
            1,
            2,
        )
        assert plan["precision"] == ("auto" if plan["device"] == "cpu" else "fp16")
        found = {"photos": 3, "photos_per_s": 1.5, "first_64_s": None, "reports": {"a": ("X", "clear", 1.0)}}
        if len(shares) == 3:
            raise PartOfScan("time", found)
        return found

    class Nothing:
        def __init__(self, *_: object) -> None:
            self.figures = {"cosine_min": 0.99}

        def add(self, photos: Any) -> None: ...

    monkeypatch.setattr(module, "Comparison", Nothing)
    monkeypatch.setattr(module, "scan_by_processes", scan)
    monkeypatch.setattr(module, "one_core_a_batch", lambda: None)
    out = tmp_path / "gpu.json"
    done = CliRunner().invoke(
        gpu,
        [*folders, "--device", "cpu:0", "--json", str(out), "--limit", "4", "--processes", "1", "--no-speeds"],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    kept = json.loads(out.read_text())
    assert (kept["cuda"], kept["cosine_min"], kept["stopped"]) == ("not run", 0.99, "time")
    assert (kept["photos_per_s_500"], kept["photos_per_s_1600"]) == (1.5, 1.5)
    assert kept["scan_cpu"] == {"photos": 3, "photos_per_s": 1.5, "first_64_s": None, "reports": 1, "stopped": "time"}
    assert "cosine_min" in done.output
    assert "MISSED" in done.output
    assert 570 > shares[2] > shares[1] > shares[0] > 100, "shares of the 570 s, of what is left each time"


def test_without_a_gpu_it_says_so(tmp_path: Path, folders: list[str]) -> None:
    done = CliRunner().invoke(gpu, [*folders, "--device", "cpu", "--json", str(tmp_path / "gpu.json")])
    assert done.exit_code == 1
    assert "expected a GPU, got none" in done.output
