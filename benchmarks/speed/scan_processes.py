"""Several processes that scan side by side, each its share of the photos (`scan_child`), and end together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import click

from benchmarks.common.children import ROOT
from benchmarks.common.deadline import Stopped
from benchmarks.speed.scan_child import Result, Settings

__all__ = ["Child", "PartOfScan", "reports_equal", "scan_by_processes"]

_MODULE = [sys.executable, "-m", "benchmarks.speed.scan_child"]
# Seconds that a process may take to end when it is stopped.
_STOP_S = 15.0
# Largest difference of two scores that are taken for the same.
_SAME_SCORE = 2.0


class PartOfScan(Stopped):
    """A scan was stopped; what its processes had scanned by then is `figures`."""

    def __init__(self, why: str, figures: dict[str, Any]) -> None:
        """Keep what there is."""
        super().__init__(why)
        self.figures = figures


class Child:
    """A process that is killed, and nobody else, when the context ends before it does."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it, on one thread a call, out of reach of the keyboard: who starts it ends it."""
        environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            [*command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Child:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it, if it is still there."""
        self.process.kill()
        self.process.communicate()

    def say(self, line: str) -> None:
        """Write a line to it; nothing where it has ended."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def line(self, seconds: float) -> str:
        """Return its next line.

        Raises:
            ClickException: It says nothing for so long, and is killed; or it has ended.
        """
        assert self.process.stdout is not None
        killer = threading.Timer(seconds, self.process.kill)
        killer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            killer.cancel()
        if not line:
            raise click.ClickException(
                f"a process that scans ended with exit code {self.process.wait()}, or said nothing for {seconds:.0f} s"
            )
        return line


def scan_by_processes(
    settings: Settings, processes: int, patience_s: float, seconds_to_scan: Callable[[], float]
) -> dict[str, Any]:
    """Scan photos by several processes at the same time, each its share, and add their rates.

    Args:
        settings: Settings of one process, with all photos.
        processes: Number of processes.
        patience_s: Seconds that a process may take to its first report, and to its result.
        seconds_to_scan: Returns how long they are to scan; called when all of them have scanned a first photo.

    Raises:
        PartOfScan: It was stopped while they scanned.
        ClickException: A process ended, or was too slow.
    """
    shares: list[Settings] = [{**settings, "photos": settings["photos"][i::processes]} for i in range(processes)]
    with ExitStack() as stack:
        children = [stack.enter_context(Child([*_MODULE, json.dumps(each)])) for each in shares]
        first = max(float(json.loads(child.line(patience_s))["first_report_s"]) for child in children)
        seconds = seconds_to_scan()
        for child in children:
            child.say(f"{seconds:.3f}")
        try:
            return _summed([json.loads(child.line(patience_s)) for child in children], first)
        except Stopped as stop:
            for child in children:
                child.say("stop")
            raise PartOfScan(stop.why, _summed(_last_lines(children), first)) from None


def _last_lines(children: Sequence[Child]) -> list[Result]:
    """Return the results of the processes that still give one."""
    results = []
    for child in children:
        try:
            results.append(json.loads(child.line(_STOP_S)))
        except click.ClickException:
            continue
    return results


def _summed(results: Sequence[Result], first_report_s: float) -> dict[str, Any]:
    firsts = [each["first_64_s"] for each in results if each["first_64_s"] is not None]
    return {
        "photos": sum(each["photos"] for each in results),
        "photos_per_s": round(sum(each["photos"] / each["seconds"] for each in results), 3),
        "first_report_s": first_report_s,
        "first_64_s": max(firsts) if firsts else None,
        "host_mb_a_process": max((each["host_mb"] for each in results), default=None),
        "gpu_mb_a_process": max((each["gpu_mb"] for each in results), default=None),
        "devices": sorted({each["device"] for each in results}),
        "reports": {name: row for each in results for name, row in each["reports"].items()},
    }


def reports_equal(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Compare the reports of photos that both runs scanned: the same brand and band, and nearly the same score."""
    both = [(one[name], other[name]) for name in sorted(one.keys() & other.keys())]
    same = sum(a[:2] == b[:2] for a, b in both)
    near = sum(a[2] == b[2] or (None not in (a[2], b[2]) and abs(a[2] - b[2]) <= _SAME_SCORE) for a, b in both)
    shares = {"reports_equal": same, "scores_equal": near}
    return {"photos": len(both), **{k: round(v / len(both), 4) if both else None for k, v in shares.items()}}
