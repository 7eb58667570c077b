"""Licences of what logoscan needs at run time, as each installed package states them; those to look at are flagged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import click
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_COPYLEFT = re.compile(
    r"\b(?:[AL]?GPL|MPL|EPL|CDDL|EUPL)(?:v?\d|\b|-)|Mozilla Public|GNU (?:Library|Lesser|General)", re.I
)
_PROPRIETARY = re.compile(r"proprietary", re.I)
_GNU = re.compile(r"GNU\s+(?:(?:LESSER|LIBRARY|AFFERO)\s+)?(?:GENERAL|OR\s+LESSER)[\s\w]*PUBLIC\s+LICENSE", re.I)
_LICENCE_FILE = re.compile(r"(?:^|/)(?:licen[cs]e|copying|notice|3rd[-_ ]?party|third[-_ ]?party)[^/]*$", re.I)
_MOST_CHARS = 80
"""Of a licence field; some packages put the whole text there."""


@dataclass(frozen=True)
class Row:
    """One installed package.

    Attributes:
        name: As in the registry.
        version: Installed one.
        licence: As its metadata states it, "" where they state none.
        files: Licence files that it brings.
        flag: "copyleft", "proprietary", "none stated", "holds GNU-licensed parts" (its licence files quote such a
            licence: of a library in the wheel, or of one that may be left out), or "".
        wanted_by: A package that asks for it.
    """

    name: str
    version: str
    licence: str
    files: tuple[str, ...]
    flag: str
    wanted_by: str


def stated(found: Distribution) -> str:
    """What the metadata say: the expression, else the field's first line, else the classifiers."""
    metadata = found.metadata
    expression, field = ((metadata.get_all(key) or [""])[0].strip() for key in ("License-Expression", "License"))
    field = field.split("\n")[0]
    classes = [c.rsplit(" :: ", 1)[-1] for c in metadata.get_all("Classifier") or [] if c.startswith("License ::")]
    one_name = field if 0 < len(field) <= _MOST_CHARS and not field.startswith(("Copyright", "Files:")) else ""
    return expression or one_name or ", ".join(classes)


def row(found: Distribution, wanted_by: str) -> Row:
    """A package's row."""
    licence = stated(found)
    files = [f for f in found.files or [] if _LICENCE_FILE.search(str(f)) and f.suffix not in (".py", ".pyc")]
    places = [Path(str(f.locate())) for f in files]
    gnu = any(_GNU.search(p.read_text("utf-8", "replace")) for p in places if p.is_file())
    flag = (
        "none stated" if not licence
        else "copyleft" if _COPYLEFT.search(licence)
        else "proprietary" if _PROPRIETARY.search(licence)
        else "holds GNU-licensed parts" if gnu
        else ""
    )  # fmt: skip
    return Row(found.name, found.version, licence, tuple(sorted({f.name for f in files})), flag, wanted_by)


def closure(names: Iterable[str], extras: frozenset[str] = frozenset()) -> tuple[list[Row], list[str]]:
    """Rows of packages and of all that they need here, by name; and those that are not installed."""
    rows: dict[str, Row] = {}
    missing: set[str] = set()
    waiting = [(name, "", extras) for name in names]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, wanted_by, wanted = waiting.pop()
        key = canonicalize_name(name)
        if (key, wanted) in seen:
            continue
        seen.add((key, wanted))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            missing.add(key)
            continue
        rows.setdefault(key, row(found, wanted_by))
        for text in found.requires or []:
            need = Requirement(text)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                waiting.append((need.name, found.name, frozenset(need.extras)))
    return [rows[key] for key in sorted(rows)], sorted(missing)


@click.command()
@click.argument("package", default="logoscan")
@click.option("--extra", "extras", multiple=True, help="Of the package, whose needs count too.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Result file.")
def main(package: str, extras: tuple[str, ...], out: Path | None) -> None:
    """Licences of PACKAGE and all that it needs at run time in this environment, as Markdown; flagged ones come first.

    What is flagged is a reason to read that licence, not a verdict; what a wheel holds and does not state is not seen.
    """
    rows, missing = closure([package], frozenset(extras))
    click.echo("| package | licence as stated | flag | wanted by |\n|---|---|---|---|")
    for one in sorted(rows, key=lambda r: (r.flag == "", r.flag, r.name.lower())):
        said = one.licence or f"none; files: {', '.join(one.files) or 'none'}"
        click.echo(f"| {one.name} {one.version} | {said} | {one.flag} | {one.wanted_by} |")
    if missing:
        click.echo(f"\nnot installed here: {', '.join(missing)}")
    if out is not None:
        content = {"rows": [asdict(one) for one in rows], "missing": missing}
        out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
