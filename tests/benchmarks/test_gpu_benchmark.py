"""The benchmark on a GPU: what it compares, and that a process which says nothing ends alone."""

from __future__ import annotations

import sys

import click
import pytest

from benchmarks.speed.gpu import WANTED, Child, beside_wanted, reports_equal


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
    one = {"a": ("X", "clear", 1.0), "b": ("X", "block", 90.0), "c": (None, "clear", None)}
    other = {"a": ("X", "clear", 1.5), "b": ("X", "review", 60.0), "d": (None, "clear", None)}
    assert reports_equal(one, other) == {"photos": 2, "reports_equal": 0.5}
    assert reports_equal({}, other) == {"photos": 0, "reports_equal": None}


def test_a_process_is_heard_and_killed_alone() -> None:
    script = "print('ready', flush=True); input(); print('done', flush=True); import time; time.sleep(60)"
    with Child([sys.executable, "-c", script]) as child, Child([sys.executable, "-c", script]) as other:
        assert child.line(30) == other.line(30) == "ready\n"
        child.begin()
        assert child.line(30) == "done\n"
        with pytest.raises(click.ClickException, match=r"exit code -9, or said nothing for 0 s"):
            child.line(0.2)
        other.begin()
        assert other.line(30) == "done\n"
    assert child.process.returncode == other.process.returncode == -9
