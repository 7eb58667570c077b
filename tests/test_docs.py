"""The examples in README.md and in docstrings run; those that cannot are named with the reason and compiled."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fakes import BLUE, RED, WHITE, YELLOW, FakeEncoder, quarters
from PIL import Image
from strategies import make_report

import logoscan
from logoscan import LogoIndex, ScoreModel, Signal, report_to_json
from logoscan.types import Brand

PACKAGE = Path(logoscan.__file__).parent
README = PACKAGE.parent / "README.md"

ONLY_COMPILED = {
    "Scan your own, 2": "the labels are the reader's own",
    "Scan your own, 3": "index, reports and verdicts are the reader's own",
    "More than one machine, 1": "it starts Ray, as test_distributed.py does",
    "Another CLIP, 1": "open_clip downloads the weights",
}
"""By heading and number below it."""


def python_blocks(text: str) -> dict[str, str]:
    """The blocks of Python in a Markdown text, by the heading above and their number below it."""
    found: dict[str, str] = {}
    count: Counter[str] = Counter()
    heading = ""
    for match in re.finditer(r"^#+ (?P<heading>[^\n]+)$|^```(?P<kind>\w*)\n(?P<code>.*?)^```$", text, re.M | re.S):
        if match["heading"]:
            heading = match["heading"]
        elif match["kind"] == "python":
            count[heading] += 1
            found[f"{heading}, {count[heading]}"] = match["code"]
    return found


BLOCKS = python_blocks(README.read_text("utf-8"))


def test_the_reader_of_blocks_sees_headings_and_kinds() -> None:
    text = "# A\n```python\nx\n# no heading\n```\n```bash\n# nor this\n```\n```python\ny\n```\n## B\n```python\n```\n"
    assert python_blocks(text) == {"A, 1": "x\n# no heading\n", "A, 2": "y\n", "B, 1": ""}
    assert len(BLOCKS) >= 6


def test_only_blocks_that_exist_are_left_out() -> None:
    assert ONLY_COMPILED.keys() <= BLOCKS.keys()


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_of_the_readme_import_what_there_is(name: str) -> None:
    for node in ast.walk(ast.parse(BLOCKS[name])):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert [a.name for a in node.names if not hasattr(module, a.name)] == []


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the README supposes that its reader has: files in the working folder, names from the block before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logoscan").mkdir()
    shutil.copytree(PACKAGE / "_samples", tmp_path / "logoscan" / "_samples")
    score = ScoreModel().score("Acme", [Signal("low_price", 1.0, "cheap")])
    lines = [report_to_json(make_report(seller_id=seller, score=score)) for seller in ("shop-17", "shop-18")]
    (tmp_path / "reports.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    encoder = FakeEncoder()
    index = LogoIndex(encoder.info)
    index.add(Brand("Acme"), [("a.png", quarters(RED, WHITE, BLUE, YELLOW))], encoder)
    Image.fromarray(quarters(RED, RED, BLUE, BLUE)).save("false-alarm.png")
    Image.fromarray(quarters(BLUE, RED, BLUE, RED)).save("not-acme.png")
    return {"encoder": encoder, "index": index}


@pytest.mark.parametrize("name", [name for name in BLOCKS if name not in ONLY_COMPILED])
def test_blocks_of_the_readme_run(name: str, reader: dict[str, Any]) -> None:
    exec(compile(BLOCKS[name], f"README.md: {name}", "exec"), {**reader, "__name__": "__main__"})


WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if re.search(r"^\s*>>> ", path.read_text("utf-8"), re.M)
)
"""Modules whose docstrings hold examples; the others need not be imported for this."""


def test_there_are_examples() -> None:
    assert WITH_EXAMPLES


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_docstrings_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed, capsys.readouterr().out
