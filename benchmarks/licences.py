"""Licences of what logoscan needs at run time, as each installed package states them; doubtful ones are flagged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import click
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.common.results import write_result

# Licences that ask to share, in words of metadata.
_COPYLEFT = re.compile(
    r"\b(?:[AL]?GPL|MPL|EPL|CDDL|EUPL)(?:v?\d|\b|-)|Mozilla Public|GNU (?:Library|Lesser|General)", re.I
)
# Licences that their owner keeps, in words of metadata.
_PROPRIETARY = re.compile(r"proprietary", re.I)
# The title of a GNU licence in a licence file.
_GNU = re.compile(r"GNU\s+(?:(?:LESSER|LIBRARY|AFFERO)\s+)?(?:GENERAL|OR\s+LESSER)[\s\w]*PUBLIC\s+LICENSE", re.I)
# Names of licence files.
_LICENCE_FILE = re.compile(r"(?:^|/)(?:licen[cs]e|copying|notice|3rd[-_ ]?party|third[-_ ]?party)[^/]*$", re.I)
# Longest licence field that is a name; some packages put the whole text there.
_MOST_CHARS = 80


@dataclass(frozen=True)
class Row:
    """One installed package.

    Attributes:
        name: Name in the registry.
        version: Installed version.
        licence: What the metadata state; "" where they state none.
        files: Licence files that the package brings.
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
    """Read what the metadata state: the expression, else the field's first line, else the classifiers."""
    metadata = found.metadata
    expression, field = ((metadata.get_all(key) or [""])[0].strip() for key in ("License-Expression", "License"))
    field = field.split("\n")[0]
    classes = [c.rsplit(" :: ", 1)[-1] for c in metadata.get_all("Classifier") or [] if c.startswith("License ::")]
    one_name = field if 0 < len(field) <= _MOST_CHARS and not field.startswith(("Copyright", "Files:")) else ""
    return expression or one_name or ", ".join(classes)


def row(found: Distribution, wanted_by: str) -> Row:
    """Describe a package that another one wants."""
    licence = stated(found)
    files = [f for f in found.files or [] if _LICENCE_FILE.search(str(f)) and f.suffix not in (".py", ".pyc")]
    paths = [Path(str(f.locate())) for f in files]
    gnu = any(_GNU.search(p.read_text("utf-8", "replace")) for p in paths if p.is_file())
    flag = (
        "none stated" if not licence
        else "copyleft" if _COPYLEFT.search(licence)
        else "proprietary" if _PROPRIETARY.search(licence)
        else "holds GNU-licensed parts" if gnu
        else ""
    )  # fmt: skip
    return Row(found.name, found.version, licence, tuple(sorted({f.name for f in files})), flag, wanted_by)


def closure(names: Iterable[str], extras: frozenset[str] = frozenset()) -> tuple[list[Row], list[str]]:
    """List packages and all that they need here, by name; and those that are not installed."""
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


@click.command("licences")
@click.argument("package", default="logoscan")
@click.option("--extra", "extras", multiple=True, help="Extra of the package, whose needs count too.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Result file.")
def licences(package: str, extras: tuple[str, ...], out: Path | None) -> None:
    """List the licences of PACKAGE and of all that it needs at run time here, as Markdown, flagged ones first.

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
        write_result(out, {"rows": [asdict(one) for one in rows], "missing": missing}, {"package": package})
