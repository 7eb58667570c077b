"""The examples in Markdown files and docstrings run, and the commands that Markdown names exist with their options."""

from __future__ import annotations

import ast
import contextlib
import doctest
import importlib
import io
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from fakes import BLUE, RED, WHITE, YELLOW, FakeEncoder, quarters
from paths import PACKAGE, ROOT
from PIL import Image
from strategies import make_report

from logoscan import LogoIndex, ScoreModel, Signal
from logoscan.reporting.jsonl import report_to_json
from logoscan.types import Brand

MARKDOWN = sorted(
    path.relative_to(ROOT).as_posix()
    for place in ("*.md", ".github/**/*.md", "benchmarks/**/*.md", "notebooks/**/*.md", "weights/**/*.md")
    for path in ROOT.glob(place)
)
ONLY_COMPILED: dict[str, str] = {}
"""Blocks of Python that do not run here, by file, heading and number below it, with the reason."""
PROGRAMS = {
    "logoscan": ("logoscan.cli", "main"),
    "-m logoscan": ("logoscan.cli", "main"),
    "-m logoscan.cli": ("logoscan.cli", "main"),
    "-m logoscan.training": ("logoscan.training.__main__", "main"),
    "-m benchmarks": ("benchmarks.__main__", "main"),
}
"""How a program is called in a shell -> where its click command is."""


class Block(NamedTuple):
    """A fenced block, and what the block right after it says that it prints ("" where none follows)."""

    kind: str
    code: str
    output: str


def blocks(text: str) -> dict[str, Block]:
    """Find the fenced blocks of a Markdown text, by the heading above and their number below it, kind by kind."""
    found: dict[str, Block] = {}
    count: Counter[tuple[str, str]] = Counter()
    heading, last, end = "", "", 0
    fenced = r"^#+ (?P<heading>[^\n]+)$|^```(?P<kind>\w*)\n(?P<code>.*?)^```$"
    for match in re.finditer(fenced, text, re.M | re.S):
        if match["heading"]:
            heading = match["heading"]
        elif match["kind"]:
            count[heading, match["kind"]] += 1
            last = f"{heading}, {match['kind']} {count[heading, match['kind']]}"
            found[last] = Block(match["kind"], match["code"], "")
        elif last and not text[end : match.start()].strip():
            found[last] = found[last]._replace(output=match["code"])
        last, end = last if match["kind"] else "", match.end()
    return found


def blocks_of(kind: str) -> dict[str, Block]:
    """Find all blocks of a kind in the repository, by "file: heading, number"."""
    return {
        f"{path}: {name.replace(f', {kind} ', ', ')}": block
        for path in MARKDOWN
        for name, block in blocks((ROOT / path).read_text("utf-8")).items()
        if block.kind == kind
    }


PYTHON, SHELL = blocks_of("python"), blocks_of("bash")


def test_reader_of_blocks_finds_headings_kinds_and_outputs() -> None:
    text = (
        "# A\n```python\nx\n# no heading\n```\n```bash\n# nor this\n```\n```python\ny\n```\n\n```\n1\n```\n"
        "```\nof nothing\n```\n## B\n```python\n```\nWords.\n```\n2\n```\n"
    )
    assert blocks(text) == {
        "A, python 1": Block("python", "x\n# no heading\n", ""),
        "A, bash 1": Block("bash", "# nor this\n", ""),
        "A, python 2": Block("python", "y\n", "1\n"),
        "B, python 1": Block("python", "", ""),
    }


def test_markdown_files_have_blocks() -> None:
    assert {"README.md", "CHANGELOG.md", "weights/logo-clip.md"} <= set(MARKDOWN)
    assert PYTHON
    assert SHELL


def test_only_blocks_that_exist_are_left_out() -> None:
    assert ONLY_COMPILED.keys() <= PYTHON.keys()


@pytest.mark.parametrize("name", PYTHON)
def test_python_blocks_import_what_exists(name: str) -> None:
    for node in ast.walk(ast.parse(PYTHON[name].code)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert [a.name for a in node.names if not hasattr(module, a.name)] == []


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the texts suppose that their reader has: files in the working folder, names from the block before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logoscan").mkdir()
    shutil.copytree(PACKAGE / "_samples", tmp_path / "logoscan" / "_samples")
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    score = ScoreModel().score("Acme", [Signal("low_price", 1.0, "cheap")])
    lines = [report_to_json(make_report(seller_id=seller, score=score)) for seller in ("shop-17", "shop-18")]
    (tmp_path / "reports.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    index.add(Brand("Acme"), [("a.png", quarters(RED, WHITE, BLUE, YELLOW))])
    Image.fromarray(quarters(RED, RED, BLUE, BLUE)).save("false-alarm.png")
    Image.fromarray(quarters(BLUE, RED, BLUE, RED)).save("not-acme.png")
    return {"encoder": encoder, "index": index}


@pytest.mark.parametrize("name", [name for name in PYTHON if name not in ONLY_COMPILED])
def test_python_blocks_run_and_print_what_is_stated(name: str, reader: dict[str, Any]) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(PYTHON[name].code, name, "exec"), {**reader, "__name__": "__main__"})
    if PYTHON[name].output:
        assert printed.getvalue() == PYTHON[name].output


# -- shell


class Call(NamedTuple):
    """A call of one of `PROGRAMS` in a shell."""

    program: str
    arguments: tuple[str, ...]


def calls(code: str) -> Iterator[Call]:
    """Find the calls of our programs in lines for a shell."""
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="();<>|&")
        lexer.commenters = "#"
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("();<>|&"):
                yield from _call(words)
                words = []
            else:
                words.append(word)


def _call(words: list[str]) -> Iterator[Call]:
    """Read one command without its redirections; assignments and runners such as `time` may stand before it."""
    for i, word in enumerate(words):
        name = word.rsplit("/", 1)[-1]
        if name == "logoscan":
            yield Call("logoscan", tuple(words[i + 1 :]))
            return
        if re.fullmatch(r"python[\d.]*", name):
            if words[i + 1 : i + 2] == ["-m"] and (program := " ".join(words[i + 1 : i + 3])) in PROGRAMS:
                yield Call(program, tuple(words[i + 3 :]))
            return
        if "=" not in word and name not in {"time", "nice", "env"}:
            return


def check(call: Call) -> None:
    """Parse a call by click's parser, without running it.

    Raises:
        click.UsageError: A command or an option does not exist, or lacks its value.
    """
    module, name = PROGRAMS[call.program]
    command = getattr(importlib.import_module(module), name)
    arguments = list(call.arguments)
    context = click.Context(command, info_name=call.program, help_option_names=["-h", "--help"])
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        _, inner, arguments = command.resolve_command(context, arguments)
        assert inner is not None
        command, context = inner, click.Context(inner, parent=context, info_name=name)
    values, rest, _ = command.make_parser(context).parse_args(arguments)
    if rest and not isinstance(command, click.Group):
        raise click.UsageError(f"unexpected {rest}", context)
    for parameter in command.params:
        if isinstance(parameter.type, click.Choice) and isinstance(values.get(parameter.name or ""), str):
            parameter.type.convert(values[parameter.name or ""], parameter, context)


def commands_of(kind: dict[str, Block]) -> dict[str, Call]:
    """List the calls in blocks for a shell, by block and number."""
    return {f"{name}, {i}": call for name, block in kind.items() for i, call in enumerate(calls(block.code), 1)}


COMMANDS = commands_of(SHELL)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("", []),
        ("pip install '.[offline]'  # logoscan demo\n", []),
        ("$ logoscan demo\n", [Call("logoscan", ("demo",))]),
        (".venv/bin/pip install logoscan && .venv/bin/logoscan demo\n", [Call("logoscan", ("demo",))]),
        ("OMP_NUM_THREADS=1 logoscan scan \\\n  'my photos/'\n", [Call("logoscan", ("scan", "my photos/"))]),
        ("time python3 -m benchmarks scan --json OUT\n", [Call("-m benchmarks", ("scan", "--json", "OUT"))]),
        ("python -m logoscan.training --help\n", [Call("-m logoscan.training", ("--help",))]),
        ("logoscan inspect index/ | head; logoscan demo > out\n",
         [Call("logoscan", ("inspect", "index/")), Call("logoscan", ("demo",))]),
        ("python script.py logoscan demo\n", []),
    ],
)  # fmt: skip
def test_reader_of_shell_lines_finds_our_programs(code: str, found: list[Call]) -> None:
    assert list(calls(code)) == found


@pytest.mark.parametrize(
    "arguments",
    [["bake"], ["scan", "--no-such-option"], ["scan", "--out"], ["demo", "one", "two", "three"], ["verdict", "bake"]],
)
def test_wrong_commands_are_found(arguments: list[str]) -> None:
    with pytest.raises(click.UsageError):
        check(Call("logoscan", tuple(arguments)))


def test_there_are_commands() -> None:
    assert COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_and_their_options_exist(name: str) -> None:
    check(COMMANDS[name])


# -- docstrings

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


@pytest.mark.parametrize("name", MARKDOWN)
def test_no_placeholder_is_left(name: str) -> None:
    assert re.findall(r"@[A-Z][A-Z0-9_]*@", (ROOT / name).read_text("utf-8")) == []
