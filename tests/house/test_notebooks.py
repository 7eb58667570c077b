"""The notebooks: stored bare, and run from the first cell to the last without a warning and without the network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LIMIT_S = 300
"""For one notebook; each takes about a minute on two cores."""

BEFORE = """
import socket
import warnings

warnings.simplefilter("error")


def refuse(*_):
    raise OSError("a notebook reaches for the network")


socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""
"""Runs ahead of a notebook. Warnings of the libraries count too, as in the tests."""

RUN = """
import sys
import nbformat
from nbclient import NotebookClient

path, before = sys.argv[1:]
notebook = nbformat.read(path, 4)
notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
NotebookClient(notebook, kernel_name="python3").execute()
nbformat.write(notebook, path)
"""
"""In a process of its own: this one has no sockets, and the kernel's client needs them."""


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_eight_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_tour",
        "02_thresholds",
        "03_index",
        "04_feedback_and_merchants",
        "05_screening",
        "06_my_folder_my_brands",
        "07_service",
        "08_a_quarter",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    """No outputs, no execution counts, no metadata of an editor, no long lines; words come before the first code."""
    notebook = read(path)
    assert notebook["cells"][0]["cell_type"] == "markdown"
    assert notebook["metadata"].keys() == {"kernelspec", "language_info"}
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        assert max(map(len, "".join(cell["source"]).splitlines())) <= 120
    assert [cell["id"] for cell in notebook["cells"]] == [f"c{i:02}" for i in range(len(notebook["cells"]))]
    for cell in code_cells(notebook):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        assert str(FOLDER.parent) not in "".join(cell["source"]), "a path of this machine"
        assert "/home/" not in "".join(cell["source"])


@pytest.mark.notebooks
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    own = {
        f"{name}_DIR": str(tmp_path / name.lower()) for name in ("JUPYTER_CONFIG", "JUPYTER_DATA", "JUPYTER_RUNTIME")
    }
    own |= {"IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_PLATFORM_DIRS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(copy), BEFORE],
        cwd=tmp_path, env={**os.environ, **own}, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    outputs = [output for cell in code_cells(read(copy)) for output in cell["outputs"]]
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    assert any("image/png" in output.get("data", ()) for output in outputs)
    assert {entry.name for entry in tmp_path.iterdir()} <= {
        copy.name,
        "ipython",
        "jupyter_runtime",
        "jupyter_data",
        "jupyter_config",
    }
