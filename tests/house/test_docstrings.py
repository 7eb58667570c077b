"""Docstrings are whole sentences: none leans on what stands above it; private constants have comments."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from paths import BENCHMARKS, PACKAGE, ROOT

LEANING = re.compile(r"(?:Of|Its|As for|Likewise|See|The same)\b")
"""Openings that need the line above to be understood."""
SECTIONS = frozenset({"Args", "Attributes", "Keyword Args", "Raises", "Returns", "Yields"})
NAMELESS = frozenset({"Returns", "Yields"})
"""Sections of one entry, which has no name; it may begin with a type."""


def entries(docstring: str) -> Iterator[tuple[str, str]]:
    """Read the sections of a Google-style docstring: what each entry is about, and its text."""
    section, indent, name, text = "", 0, "", ""
    for line in [*inspect.cleandoc(docstring).splitlines(), "end"]:
        margin = len(line) - len(line.lstrip())
        if line.strip() and (margin == 0 or (section and section not in NAMELESS and margin == indent)) and text:
            yield name, text
            text = ""
        if line.strip() and margin == 0:
            section, indent = line.rstrip().removesuffix(":") if line.rstrip().endswith(":") else "", 0
            section = section if section in SECTIONS else ""
        elif section and line.strip():
            indent = indent or margin
            if margin == indent and not text:
                match = re.match(r"\s*(?P<name>[*\w.]+(?: \([^)]*\))?|[\w\[\], .|]+):\s*(?P<text>.*)", line)
                name, text = (match["name"], match["text"]) if match else (section, line.strip())
                name = section if section in NAMELESS else name
                text = text or " "  # it begins in the next line
            elif not text.strip():
                text = line.strip()
    return


def is_text(node: ast.AST) -> bool:
    """Whether a statement is a string and no more."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Find all docstrings, those that follow an assignment too: line, what they are of, text."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        before: ast.AST = node
        for i, part in enumerate(body):
            if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and is_text(part):
                named = isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Module))
                if named and (i == 0 or isinstance(before, (ast.Assign, ast.AnnAssign))):
                    yield part.lineno, subject(node if i == 0 else before), str(part.value.value)
            before = part


def subject(node: ast.AST) -> str:
    """Name what a docstring is of."""
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return node.name
    if isinstance(node, ast.Assign):
        return ", ".join(part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name))
    return ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else "module"


def leaning(source: str) -> list[str]:
    """List the docstrings, and the entries of their sections, that begin in the middle of a thought."""
    out = []
    for line, owner, text in docstrings(ast.parse(source)):
        for name, said in (("", text.strip()), *entries(text)):
            if opening := LEANING.match(said):
                out.append(f"{line}: {owner}{name and f', {name}'} begins with {opening.group()!r}")
    return out


def private_strings(source: str) -> list[str]:
    """List the private constants of a module that a string explains, where a comment should."""
    body = ast.parse(source).body
    return [
        f"{after.lineno}: {subject(node)} is private; explain it by a comment above it"
        for node, after in pairwise(body)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and is_text(after)
        if re.match(r"_(?!_)", subject(node))
    ]


def files() -> list[Path]:
    """All sources of the package and of the benchmarks."""
    return [path for folder in (PACKAGE, BENCHMARKS) for path in sorted(folder.rglob("*.py"))]


def test_docstrings_do_not_lean_on_what_stands_above() -> None:
    found = {path.relative_to(ROOT).as_posix(): leaning(path.read_text("utf-8")) for path in files()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_private_constants_are_explained_by_comments() -> None:
    found = {path.relative_to(ROOT).as_posix(): private_strings(path.read_text("utf-8")) for path in files()}
    assert {name: lines for name, lines in found.items() if lines} == {}


ARGS = '''
def f():
    """Count photos.

    Args:
        photos: {}
        index (LogoIndex): Where to search.

    Returns:
        {}

    Raises:
        InputError: {}
    """
'''


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("", []),
        ('"""Of a module."""', ["1: module begins with 'Of'"]),
        ('"""Often read."""\n', []),
        ('"""Seen photos."""\n', []),
        ('"""Off by one."""\n', []),
        ('class A:\n    """Its own."""', ["2: A begins with 'Its'"]),
        ('class A:\n    x: int\n    """Likewise."""', ["3: x begins with 'Likewise'"]),
        ('def f():\n    """See there."""', ["2: f begins with 'See'"]),
        ('async def f():\n    """As for g."""', ["2: f begins with 'As for'"]),
        ('A = 1\n"""The same for B."""', ["2: A begins with 'The same'"]),
        ('A = 1\n"""The sameness of B."""', []),
        ('def f():\n    x = 1\n    """Of x."""', ["3: x begins with 'Of'"]),
        ('def f():\n    return 1\n    """Of nothing."""', []),
        ('A = 1\n# Of no docstring', []),
        ("A = 'Of a string'", []),
        (ARGS.format("Of the listing.", "How many.", "They are none."), ["3: f, photos begins with 'Of'"]),
        (ARGS.format("In order.", "Its number.", "They are none."), ["3: f, Returns begins with 'Its'"]),
        (ARGS.format("In order.", "int: Its number.", "They are none."), ["3: f, Returns begins with 'Its'"]),
        (ARGS.format("In order.", "dict[str, int]: See there.", "None."), ["3: f, Returns begins with 'See'"]),
        (ARGS.format("In order.", "How many.", "Likewise."), ["3: f, InputError begins with 'Likewise'"]),
        (ARGS.format("In order,\n            Of course.", "How many.", "They are none."), []),
        (ARGS.format("In order.", "How many.\n        Of all.", "They are none."), []),
        (ARGS.format("\n            Of the listing.", "How many.", "None."), ["3: f, photos begins with 'Of'"]),
        ('def f():\n    """Count.\n\n    Note:\n        Of no entry.\n    """', []),
        ('class A:\n    """A.\n\n    Attributes:\n        x: Its x.\n    """', ["2: A, x begins with 'Its'"]),
    ],
)  # fmt: skip
def test_leaning_docstrings_are_found(source: str, found: list[str]) -> None:
    assert leaning(source) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('A = 1\n"""Public."""', 0),
        ("_A = 1", 0),
        ("# A comment.\n_A = 1", 0),
        ('_A = 1\n"""A string."""', 1),
        ('_A: int = 1\n"""A string."""', 1),
        ('_A, _B = 1, 2\n"""A string."""', 1),
        ('__all__ = ["a"]\n"""Public."""', 0),
        ('_A = 1\nB = 2\n"""Public."""', 0),
        ('class A:\n    _x: int = 1\n    """An attribute."""', 0),
    ],
)
def test_strings_below_private_constants_are_found(source: str, found: int) -> None:
    assert len(private_strings(source)) == found
