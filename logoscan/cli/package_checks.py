"""Checks of `logoscan doctor` on the system, the installed packages and the extras.

Prints nothing. Imports packages; never uses the network.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module, metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from logoscan._version import __version__
from logoscan.cli.checks import Check, State, error_text

__all__ = ["extras", "packages", "system"]

# Extras that no user of the library needs.
_DEVELOPER_EXTRAS = frozenset({"dev"})


def system() -> Iterator[Check]:
    """Report the interpreter, logoscan and the machine."""
    yield Check("system", "python", "ok", f"{platform.python_version()}, {sys.executable}")
    yield Check("system", "logoscan", "ok", f"{__version__}, {Path(__file__).parent.parent}")
    yield Check("system", "platform", "ok", f"{platform.platform()}, {os.cpu_count()} processors")


def _requirements(extra: str = "") -> list[Requirement]:
    """Return the requirements of the installed logoscan, for itself or for an extra and the extras of that."""
    requirements = []
    for line in metadata.requires("logoscan") or []:
        requirement = Requirement(line)
        environment = {**default_environment(), "extra": extra}
        if requirement.marker is None:
            applies = not extra
        else:
            by_extra = "extra" in str(requirement.marker)
            applies = by_extra == bool(extra) and requirement.marker.evaluate(environment)  # type: ignore[arg-type]
        if not applies:
            continue
        if canonicalize_name(requirement.name) == "logoscan":
            for other in sorted(requirement.extras):
                requirements += _requirements(other)
        else:
            requirements.append(requirement)
    return requirements


@cache
def _modules() -> dict[str, list[str]]:
    """Return the modules of each installed distribution, by its canonical name."""
    modules: dict[str, list[str]] = {}
    for module, owners in metadata.packages_distributions().items():
        if module.isidentifier() and not module.startswith("_"):
            for owner in set(owners):
                modules.setdefault(canonicalize_name(owner), []).append(module)
    return modules


def _package(requirement: Requirement, modules: dict[str, list[str]]) -> tuple[State, str]:
    """Return whether a requirement is installed, new enough and importable, and its version or what is wrong."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return "missing", "not installed"
    if not requirement.specifier.contains(version, prereleases=True):
        return "broken", f"{version}, expected {requirement.specifier}"
    name = canonicalize_name(requirement.name)
    of_package = modules.get(name, [])
    import_error: BaseException | None = None
    for module in [m for m in of_package if canonicalize_name(m) == name] or of_package:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            if error.name == module:
                return "missing", f"{module} cannot be found"
            import_error = error
        except Exception as error:  # a native library may fail in any way
            import_error = error
        else:
            return "ok", version
    if import_error is None:
        return "ok", version
    return "broken", f"{version}, import fails: {error_text(import_error)}"


def _install(state: State, *requirements: Requirement) -> str:
    """Return the command that installs packages, or reinstalls them."""
    names = " ".join(shlex.quote(f"{requirement.name}{requirement.specifier}") for requirement in requirements)
    return f"pip install {'--force-reinstall ' if state == 'broken' else ''}{names}"


def packages() -> Iterator[Check]:
    """Check the packages that logoscan always needs."""
    try:
        requirements = _requirements()
    except metadata.PackageNotFoundError:
        yield Check(
            "packages", "logoscan", "missing", "its metadata: what it needs is unknown", "pip install .", needed=False
        )
        return
    modules = _modules()
    for requirement in requirements:
        state, found = _package(requirement, modules)
        mend = "" if state == "ok" else _install(state, requirement)
        yield Check("packages", requirement.name, state, found, mend)


def extras() -> Iterator[Check]:
    """Check the packages of each extra."""
    try:
        names = metadata.metadata("logoscan").get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return
    modules = _modules()
    for extra in sorted(set(names) - _DEVELOPER_EXTRAS):
        results = [(requirement, *_package(requirement, modules)) for requirement in _requirements(extra)]
        bad = [result for result in results if result[1] != "ok"]
        state: State = "broken" if any(s == "broken" for _, s, _ in bad) else "missing" if bad else "ok"
        found = ", ".join(f"{requirement.name} {text}" for requirement, _, text in bad or results)
        mend = {"ok": "", "missing": f"pip install 'logoscan[{extra}]'"}.get(state)
        if mend is None:
            mend = _install(state, *(requirement for requirement, _, _ in bad))
        yield Check("extras", extra, state, found, mend, needed=False)
