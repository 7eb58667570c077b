"""Files to trust: a small draw of `python -m benchmarks crashes`: what a kill and a flipped bit may leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paths import ROOT

from logoscan.scoring.model import ScoreModel


@pytest.fixture(scope="module")
def bench() -> Any:
    threads = os.environ.get("OMP_NUM_THREADS")
    try:
        from benchmarks.robustness import crash_files, crashes
    finally:
        os.environ.pop("OMP_NUM_THREADS") if threads is None else os.environ.update(OMP_NUM_THREADS=threads)
    return SimpleNamespace(files=crash_files, crashes=crashes)


def test_killed_writers_and_flipped_bits_never_serve_wrong_contents(tmp_path: Path, bench: Any) -> None:
    """In a process of its own: this one has threads, which a fork does not take along."""
    out = tmp_path / "crashes.json"
    command = [sys.executable, "-m", "benchmarks", "crashes", "--rounds", "12", "--flips", "165", "--imports", "600",
               "--json", str(out)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(out.read_bytes())
    assert figures["wrong"] == 0
    assert set(figures["kills"]) == {subject.name for subject in bench.files.KILLED}
    assert set(figures["alterations"]) == {subject.name for subject in bench.files.SUBJECTS}
    assert sum(kills.get("killed", 0) for kills in figures["kills"].values()) >= 5
    for kills in figures["kills"].values():
        assert kills.get("old", 0) + kills.get("between", 0) + kills.get("new", 0) >= 1
    assert figures["imports"]["rows"] == 600
    assert figures["imports"].get("killed", 0) + figures["imports"].get("finished", 0) >= 1
    for altered in figures["alterations"].values():
        assert altered["refused"] + altered["same"] + altered["torn"] == 15
        assert altered["refused"] >= 10


def test_wrong_contents_served_silently_are_counted(tmp_path: Path, bench: Any) -> None:
    """A format without a seal: the count can be other than 0."""

    def make(folder: Path) -> None:
        (folder / "plain.json").write_text("[1.0625, 2.25, 3.125, 4.5]")

    def read(folder: Path) -> object:
        return json.loads((folder / "plain.json").read_bytes())

    plain = bench.files.Subject("plain", make, make, read)
    figures = bench.crashes.flips(plain, 60, 0, tmp_path)
    assert any("served other content in silence" in said for said in figures["wrong"])
    assert any("Error" in said for said in figures["wrong"]), "an error that is not ours is wrong, too"


def test_a_third_state_is_counted(tmp_path: Path, bench: Any) -> None:
    """A writer that writes in place leaves a third state."""

    def make(folder: Path) -> None:
        ScoreModel().save(folder / "score.json")

    def change(folder: Path) -> None:
        path = folder / "score.json"
        model = ScoreModel.load(path)
        with path.open("r+b") as file:
            file.truncate(0)
            file.flush()
            bench.crashes.time.sleep(0.05)
            file.write(_sealed(ScoreModel(bias=model.bias + 1), folder))

    subject = bench.files.Subject("in place", make, change, lambda folder: ScoreModel.load(folder / "score.json"))
    figures = bench.crashes.kill_rounds(subject, 5, 0, tmp_path)
    assert any("a reader met CorruptFileError" in said for said in figures["wrong"])


def _sealed(model: ScoreModel, folder: Path) -> bytes:
    model.save(folder / "other.json")
    content = (folder / "other.json").read_bytes()
    (folder / "other.json").unlink()
    return content
