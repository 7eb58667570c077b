"""Whether the files can be trusted: writers killed at random moments, and bits flipped and ends cut at random.

After a kill a reader must meet the old state or the new one, the next writer must work, and nothing may pile up. A
file that was altered must be refused by a LogoscanError that names it, or say exactly what it said before.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy and faiss: threads do not survive a fork

import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.common.results import write_result
from benchmarks.robustness.crash_files import KILLED, SUBJECTS, Subject, verdict_rows
from logoscan.errors import LogoscanError
from logoscan.review.journal import Journal
from logoscan.review.journal_file import VerdictFile

# Kills in a row before a writer may finish: what killed ones leave must not pile up.
_KILLS = 5
# A writer that was through before its kill is no round; after so many tries a round there is something wrong.
_MOST_TRIES = 5
# Share of a change's usual time until which it may be killed.
_LATEST_KILL = 1.0
# One of so many alterations is a cut.
_CUTS = 5


def forked(subject: Subject, folder: Path, after_s: float | None = None) -> tuple[bool, float]:
    """Change the state in a process of its own.

    Args:
        subject: What to change.
        folder: Folder of the files.
        after_s: Seconds after which the process is killed; None lets it finish.

    Returns:
        Whether it finished, and the seconds it took.
    """
    start = time.perf_counter()
    child = os.fork()
    if not child:
        code = 1
        try:
            subject.change(folder)
            code = 0
        except BaseException as error:
            print(f"{subject.name}: {error!r}", file=sys.stderr)
        finally:
            os._exit(code)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"{subject.name}: the change failed without being killed")
    return os.WIFEXITED(status), time.perf_counter() - start


def file_count(folder: Path) -> int:
    """Count files and folders of all kinds, hidden ones too."""
    return sum(1 for _ in folder.rglob("*"))


def kill_rounds(subject: Subject, rounds: int, seed: int, work: Path) -> dict[str, Any]:
    """Kill a writer at its work, so many times.

    Returns:
        `killed`, and `finished` before the kill came; states met: `old`, `between` (of several files) and `new`;
        and `wrong`, in words: a third state, a reader or a next writer that failed, or files that piled up.
    """
    rng = random.Random(f"{subject.name} {seed}")
    pristine = work / "pristine"
    pristine.mkdir(parents=True)
    subject.make(pristine)
    states, files, took = _states(subject, pristine, work / "known")
    usual_s = statistics.median(took)
    met: Counter[str] = Counter()
    wrong: list[str] = []
    folder, at, in_row = work / "now", 0, _KILLS
    for number in range(_MOST_TRIES * rounds):
        if met["killed"] == rounds:
            break
        if in_row == _KILLS:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(pristine, folder)
            at, in_row = 0, 0
        finished, _ = forked(subject, folder, rng.uniform(0, _LATEST_KILL * usual_s))
        met["finished" if finished else "killed"] += 1
        in_row += 1
        try:
            now = subject.read(folder)
        except Exception as error:  # whatever it is, a reader met it
            wrong.append(f"round {number}: a reader met {error!r}"[:300])
            in_row = _KILLS
            continue
        found = next((k for k in range(at, at + subject.parts + 1) if k < len(states) and states[k] == now), None)
        if found is None:
            wrong.append(f"round {number}: a third state")
            in_row = _KILLS
            continue
        met["old" if found == at else "new" if found == min(at + subject.parts, len(states) - 1) else "between"] += 1
        at = found
        if in_row == _KILLS:
            wrong += _next_writer(subject, folder, states, at, files, number)
    return {**met, "wrong": wrong, "usual_s": round(usual_s, 4)}


def _states(subject: Subject, pristine: Path, known: Path) -> tuple[list[object], int, list[float]]:
    """Find all states that rounds may lead through, the most files that a writer leaves, and seconds of changes."""
    warm = known.with_name("warm")
    shutil.copytree(pristine, warm)
    subject.change(warm)  # here, so that children find all modules loaded and are killed at their work
    shutil.copytree(pristine, known)
    states, took, files = [subject.read(known)], [], file_count(known)
    for _ in range(_KILLS + 1):
        took.append(forked(subject, known)[1])
        states.append(subject.read(known))
        files = max(files, file_count(known))
    if subject.parts == 2:  # reports, then the ledger; a scan of the same listings says the same
        old, new = states[0], states[1]
        if not (isinstance(old, tuple) and isinstance(new, tuple) and all(state == new for state in states[1:])):
            raise SystemExit(f"{subject.name}: expected pairs that come to rest")
        states = [old, (new[0], old[1]), new]
    elif len({repr(state) for state in states}) < len(states):
        raise SystemExit(f"{subject.name}: expected changes that change something")
    return states, files, took


def _next_writer(
    subject: Subject, folder: Path, states: Sequence[object], at: int, files: int, number: int
) -> list[str]:
    """Run a writer that nobody kills, after more than an hour by the files' times, and say what is wrong afterwards.

    A writer removes what killed ones left only when these cannot be alive any more (`logoscan.io.files`).
    """
    for leftover in folder.rglob("*.tmp"):
        os.utime(leftover, (0, 0))
    forked(subject, folder)
    wrong = []
    if subject.read(folder) != states[min(at + subject.parts, len(states) - 1)]:
        wrong.append(f"round {number}: the next writer made something else")
    if file_count(folder) > files:
        wrong.append(f"round {number}: {file_count(folder)} files where writers that finish leave {files}")
    return wrong


def import_rounds(rows: int, kills: int, seed: int, work: Path) -> dict[str, Any]:
    """Kill imports of one large file of verdicts, each time running the same import again.

    After each kill the journal must hold the first rows of the file, whole and once; when an import is through, all.

    Returns:
        `killed`; `finished` before the kill came; `partial`: kills after which some of the rows were there; and
        `wrong`, in words.
    """
    rng = random.Random(f"import {seed}")
    expected = verdict_rows(rows)
    subject = Subject(
        "import of a file",
        lambda folder: None,
        lambda folder: _no_result(Journal(folder / "verdicts.jsonl").import_rows(expected)),
        lambda folder: [v.listing_id for v in VerdictFile(folder / "verdicts.jsonl").lines],
    )
    ids, folder = [row.listing_id for row in expected], work / "import"
    usual_s, at = 0.0, rows
    met: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(_MOST_TRIES * kills):
        if met["killed"] == kills:
            break
        if at == rows:  # a new journal; the first one says how long an import takes
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if not usual_s:
                usual_s = forked(subject, folder)[1]
                shutil.rmtree(folder)
                folder.mkdir()
            at = 0
        finished, _ = forked(subject, folder, rng.uniform(0, _LATEST_KILL * usual_s))
        met["finished" if finished else "killed"] += 1
        found = subject.read(folder)
        if not isinstance(found, list) or found != ids[: len(found)] or len(found) < at:
            wrong.append(f"round {number}: rows were lost, doubled or in another order")
            at = rows
            continue
        if finished and len(found) < rows:
            wrong.append(f"round {number}: an import that was through left out {rows - len(found)} rows")
        at = len(found)
        met["partial"] += 0 < at < rows
    return {**met, "rows": rows, "wrong": wrong, "usual_s": round(usual_s, 4)}


def _no_result(_: object) -> None:
    """Drop what an import returns."""


def flips(subject: Subject, count: int, seed: int, work: Path) -> dict[str, Any]:
    """Alter a random file, so many times: flip a bit, or cut its end, every fourth time behind a line.

    Returns:
        `refused`; `same`: what was read is what was written; `torn`: of a file that a crash may cut, a part was read;
        and `wrong`, in words: other content, or an error that does not name the file.
    """
    rng = random.Random(f"{subject.name} {seed}")
    folder = work / "altered"
    folder.mkdir(parents=True)
    subject.make(folder)
    good = subject.read(folder)
    contents = {
        path: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and path.name != ".lock" and path.stat().st_size
    }
    met: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(count):
        path = rng.choice(list(contents))
        data = contents[path]
        cut = number % _CUTS == 0
        position = rng.randrange(len(data))
        if cut:
            ends = [i + 1 for i, byte in enumerate(data[:100_000]) if byte == 10 and i + 1 < len(data)]
            size = rng.choice(ends) if ends and rng.random() < 0.25 else position
            what, altered = f"cut to {size} of {len(data)}", data[:size]
        else:
            bit = 1 << rng.randrange(8)
            what, altered = (
                f"bit {bit} of byte {position}",
                data[:position] + bytes([data[position] ^ bit]) + data[position + 1 :],
            )
        path.write_bytes(altered)
        outcome, how = _outcome(subject, folder, path, good, cut=cut)
        met[outcome] += 1
        if outcome == "wrong":
            wrong.append(f"{path.relative_to(folder)}, {what}: {how}"[:300])
        path.write_bytes(data)
    if subject.read(folder) != good:
        raise SystemExit(f"{subject.name}: expected the file as it was at the end")
    return {"refused": met["refused"], "same": met["same"], "torn": met["torn"], "wrong": wrong, "files": len(contents)}


def _outcome(subject: Subject, folder: Path, path: Path, good: object, *, cut: bool) -> tuple[str, str]:
    try:
        now = subject.read(folder)
    except LogoscanError as error:
        return ("refused", "") if path.name in str(error) else ("wrong", f"names another file: {error}")
    except Exception as error:  # whatever it is, a reader met it
        return "wrong", f"{error!r}"
    if now == good:
        return "same", ""
    if cut and subject.torn and isinstance(good, tuple) and isinstance(now, tuple) and now == good[: len(now)]:
        return "torn", ""
    return "wrong", "served other content in silence"


def run(rounds: int, count: int, rows: int, seed: int, work: Path) -> dict[str, Any]:
    """Kill and alter all kinds of files: figures by kind, and `wrong`, how many things went wrong in all."""
    kills, altered = {}, {}
    for number, subject in enumerate(KILLED):
        share = rounds // len(KILLED) + (number < rounds % len(KILLED))
        kills[subject.name] = kill_rounds(subject, share, seed, work / f"kill-{number}")
    for number, subject in enumerate(SUBJECTS):
        share = count // len(SUBJECTS) + (number < count % len(SUBJECTS))
        altered[subject.name] = flips(subject, share, seed, work / f"flip-{number}")
    imports = import_rounds(rows, rounds // len(KILLED) if rows else 0, seed, work)
    wrong = sum(len(figures["wrong"]) for figures in (*kills.values(), *altered.values(), imports))
    return {
        "rounds": rounds, "flips": count, "wrong": wrong, "kills": kills, "imports": imports, "alterations": altered
    }  # fmt: skip


@click.command("crashes")
@click.option("--rounds", default=500, show_default=True, type=click.IntRange(0), help="Writers to kill.")
@click.option("--flips", "count", default=5000, show_default=True, type=click.IntRange(0), help="Alterations.")
@click.option(
    "--imports", "rows", default=10_000, show_default=True, type=click.IntRange(0), help="Verdicts of an import."
)
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def crashes(rounds: int, count: int, rows: int, seed: int, out: Path) -> None:
    """Kill writers and alter files at random; exit code 1 if anything went wrong."""
    with tempfile.TemporaryDirectory() as work:
        figures = run(rounds, count, rows, seed, Path(work))
    write_result(out, figures, {"seed": seed, "kills_in_a_row": _KILLS})
    sys.exit(1 if figures["wrong"] else 0)
