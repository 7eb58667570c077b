"""The tests keep their own rules: file names are unique, and no test file imports another."""

from __future__ import annotations

import re
from collections import Counter

from paths import TESTS

FILES = sorted(TESTS.rglob("test_*.py"))


def test_file_names_are_unique() -> None:
    """Files without packages are imported by their bare names."""
    assert [name for name, n in Counter(path.name for path in FILES).items() if n > 1] == []


def test_no_test_file_imports_another() -> None:
    importing = re.compile(r"^\s*(?:from|import) (?:tests\b|test_\w+)", re.M)
    assert [path.name for path in FILES if importing.search(path.read_text("utf-8"))] == []


def test_paths_are_computed_in_one_place() -> None:
    """A test file that moves must not look for the repository in another folder."""
    here = re.compile(r"Path\(__file__\)")
    assert [path.name for path in FILES if path.name != "test_tests.py" and here.search(path.read_text("utf-8"))] == []
