"""Every attack of tests/attacks in a process of its own: how it ends, and what time and memory it takes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.common.children import run_module
from benchmarks.common.memory import peak_mb
from benchmarks.common.results import write_result

# What an attack may take: seconds of processor time, and MB of resident memory.
_MOST_S, _MOST_MB = 5.0, 1024
# Seconds of the clock after which an attack counts as a hang; a machine that others use as well may be slow.
_HANGS_AFTER_S = 120


def _cpu_s() -> float:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _child(name: str) -> None:
    """Scan an honest listing, whose words load what is loaded once; then try one attack, and print how it ended."""
    from attack import good_photo, scanner
    from attack_table import ATTACKS

    from logoscan.types import Listing

    attack = ATTACKS[name]
    import torch  # noqa: F401  # every scanner of real models has it

    words = "Acmee shoe, no replica: genuine 3 x 50 ml 10 cm"
    scanner().scan(Listing("warm", (good_photo(),), title=words, description=words, reviews=(words,)))
    with tempfile.TemporaryDirectory() as folder:
        trial = attack.prepare(Path(folder))
        Path("/proc/self/clear_refs").write_text("5")
        began, cpu = time.perf_counter(), _cpu_s()
        try:
            outcome, said = attack.run(trial)
        except BaseException as error:
            outcome, said = f"{type(error).__name__} escaped", str(error)
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            json.dumps(
                {
                    "outcome": outcome,
                    "said": said[:200],
                    "wall_s": round(time.perf_counter() - began, 2),
                    "cpu_s": round(_cpu_s() - cpu, 2),
                    "peak_mb": round(max(peak_mb(), children)),
                }
            )
        )


def _expected(only: str) -> dict[str, str]:
    """List the attacks whose names hold a text, with the end that each should have; a child reads the tests' table."""
    done = run_module("benchmarks", "attacks", "--list", with_tests=True)
    if done.returncode:
        raise click.ClickException(f"the attacks cannot be listed: {done.stderr[-500:]}")
    every: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return {name: expected for name, expected in every.items() if only in name}


def _tried(name: str, expected: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "expected": expected}
    try:
        done = run_module("benchmarks", "attacks", "--one", name, timeout_s=_HANGS_AFTER_S, with_tests=True)
    except subprocess.TimeoutExpired:
        return {**row, "outcome": "hang", "cpu_s": None, "peak_mb": None, "ok": False}
    if done.returncode:
        return {**row, "outcome": f"exit code {done.returncode}", "said": done.stderr[-200:], "ok": False}
    row |= json.loads(done.stdout.splitlines()[-1])
    ok = row["outcome"] == expected and row["cpu_s"] <= _MOST_S and row["peak_mb"] <= _MOST_MB
    return {**row, "ok": ok}


@click.command("attacks")
@click.option("--one", hidden=True, help="Try this one, in this process.")
@click.option("--list", "listed", is_flag=True, hidden=True, help="Print all names and expected ends.")
@click.option("--only", default="", help="Attacks whose names hold this.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Result file.")
def attacks(one: str | None, listed: bool, only: str, out: Path | None) -> None:
    """Try all attacks and print a table; exit code 1 if any ends otherwise than stated, or takes too much.

    An attack may take 5 s of processor time, its children included, and 1 GB of resident memory, the process with all
    its libraries included. What is measured begins when the hostile file is made.
    """
    if listed:
        from attack_table import ATTACKS

        print(json.dumps({attack.name: attack.expected for attack in ATTACKS.values()}))
        return
    if one is not None:
        _child(one)
        return
    rows = []
    chosen = _expected(only)
    if not chosen:
        raise click.ClickException(f"--only: expected a part of an attack's name, got {only!r}")
    for name, expected in chosen.items():
        rows.append(row := _tried(name, expected))
        mark = "  " if row["ok"] else "! "
        print(f"{mark}{row['name']:58} {row['outcome']:18} {row.get('cpu_s')} s {row.get('peak_mb')} MB", flush=True)
    figures = {
        "attacks": len(rows),
        "failed": [row["name"] for row in rows if not row["ok"]],
        "most_cpu_s": max((row.get("cpu_s") or 0.0 for row in rows), default=None),
        "most_mb": max((row.get("peak_mb") or 0 for row in rows), default=None),
        "rows": rows,
    }
    if out is not None:
        limits = {"most_s": _MOST_S, "most_mb": _MOST_MB, "threads": os.environ.get("OMP_NUM_THREADS")}
        write_result(out, figures, limits)
    sys.exit(1 if figures["failed"] else 0)
