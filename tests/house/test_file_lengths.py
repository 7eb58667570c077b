"""Files are short: one over 300 lines has its reason here, and there are few of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from paths import PACKAGE

MOST_LINES = 300
MOST_REASONS = 12
LONG = {
    "types.py": "the records that go in and flow, each with its checks and documented fields, in one place to look up",
    "results.py": "the records that come out, as types.py",
    "images/loading.py": "every way a file becomes pixels, with the caps that belong to each, read together",
    "index/logo_index.py": "the facade of the index: short methods, more than half of it their documentation",
    "scan/scanner.py": "the facade of the library: short methods, more than half of it documents their arguments",
    "vision/extractor.py": "the only way from a photo to its features: all steps in one class, together and one by one",
}
"""Path below `logoscan/` -> why the file is long."""


def lengths(package: Path = PACKAGE) -> dict[str, int]:
    """Count the lines of each file of the package, by its path below it."""
    return {
        path.relative_to(package).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in sorted(package.rglob("*.py"))
    }


def complaints(lines: Mapping[str, int], reasons: Mapping[str, str]) -> list[str]:
    """Say which long files have no reason, and which reasons no long file."""
    out = [
        f"{path} has {n} lines; {MOST_LINES} are enough, or give a reason in LONG"
        for path, n in lines.items()
        if n > MOST_LINES and path not in reasons
    ]
    out += [f"{path} is not long; take it from LONG" for path in reasons if lines.get(path, 0) <= MOST_LINES]
    return [*out, *(f"{path} has an empty reason" for path, reason in reasons.items() if not reason.strip())]


def test_long_files_have_a_reason() -> None:
    assert complaints(lengths(), LONG) == []


def test_few_files_are_long() -> None:
    assert len(LONG) <= MOST_REASONS


@pytest.mark.parametrize(
    ("lines", "reasons", "found"),
    [
        ({}, {}, 0),
        ({"a.py": 300}, {}, 0),
        ({"a.py": 301}, {}, 1),
        ({"a.py": 301}, {"a.py": "a table"}, 0),
        ({"a.py": 301}, {"a.py": " "}, 1),
        ({"a.py": 300}, {"a.py": "a table"}, 1),
        ({}, {"gone.py": "a table"}, 1),
    ],
)
def test_complaints_about_lengths(lines: dict[str, int], reasons: dict[str, str], found: int) -> None:
    assert len(complaints(lines, reasons)) == found
