"""The list of licences: what a package states is told, and what to look at is flagged."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.licences import closure, licences


def install(folder: Path, name: str, metadata: str, files: dict[str, str] | None = None) -> None:
    """A package as an installer leaves it."""
    place = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    (place / "licenses").mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{metadata}")
    for file, text in (files or {}).items():
        (place / "licenses" / file).write_text(text)
    names = ["METADATA", *(f"licenses/{file}" for file in files or {})]
    (place / "RECORD").write_text("".join(f"{place.name}/{n},,\n" for n in names))


@pytest.mark.parametrize(
    ("metadata", "files", "licence", "flag"),
    [
        ("License-Expression: MIT\n", {}, "MIT", ""),
        ("License: Apache 2.0\nClassifier: License :: OSI Approved :: BSD License\n", {}, "Apache 2.0", ""),
        ("License: Copyright (c) 2001 A\nClassifier: License :: OSI Approved :: BSD License\n", {}, "BSD License", ""),
        ("Classifier: License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)\n", {},
         "GNU Lesser General Public License v3 (LGPLv3)", "copyleft"),
        ("License-Expression: MPL-2.0 AND MIT\n", {}, "MPL-2.0 AND MIT", "copyleft"),
        ("License: LicenseRef-NVIDIA-Proprietary\n", {}, "LicenseRef-NVIDIA-Proprietary", "proprietary"),
        ("License-Expression: BSD-3-Clause\n", {"LICENSE_GEOS": "GNU LESSER GENERAL PUBLIC LICENSE\n"},
         "BSD-3-Clause", "holds GNU-licensed parts"),
        ("License-Expression: MIT\n", {"LICENSE": "Permission is hereby granted"}, "MIT", ""),
        ("", {}, "", "none stated"),
        ("", {"LICENSE": "Permission is hereby granted"}, "", "none stated"),
    ],
)  # fmt: skip
def test_a_row_tells_what_is_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata: str, files: dict[str, str], licence: str, flag: str
) -> None:
    install(tmp_path, "made-up-part", metadata, files)
    monkeypatch.syspath_prepend(str(tmp_path))
    (row,), missing = closure(["made-up-part"])
    assert (row.name, row.version, row.licence, row.flag, missing) == ("made-up-part", "1.0", licence, flag, [])
    assert row.files == tuple(files)


def test_needs_of_needs_count_and_extras_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert closure([]) == ([], [])
    needs = (
        'Requires-Dist: made-up-b\nRequires-Dist: made-up-c; extra == "more"\nRequires-Dist: z; python_version < "3"\n'
    )
    install(tmp_path, "made-up-a", needs)
    install(tmp_path, "made-up-b", "License-Expression: MIT\nRequires-Dist: made-up-a\nRequires-Dist: made-up-gone\n")
    install(tmp_path, "made-up-c", "License-Expression: GPL-3.0-only\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    rows, missing = closure(["made-up-a"])
    assert [(row.name, row.wanted_by) for row in rows] == [("made-up-a", ""), ("made-up-b", "made-up-a")]
    assert missing == ["made-up-gone"]
    rows, _ = closure(["made-up-a"], frozenset({"more"}))
    assert [row.flag for row in rows] == ["none stated", "", "copyleft"]
    shown = CliRunner().invoke(licences, ["made-up-a", "--extra", "more"])
    assert shown.output.splitlines()[2].startswith("| made-up-c 1.0 | GPL-3.0-only | copyleft |"), "flagged ones first"
    assert "not installed here: made-up-gone" in shown.output
