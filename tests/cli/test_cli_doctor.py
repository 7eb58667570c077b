"""`logoscan doctor`: everything well, corrupt weights, missing extras, broken packages, devices, an index."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from email.message import Message
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from commands import run
from paths import ROOT

import logoscan
from logoscan import _bundled
from logoscan.cli import checks, package_checks
from logoscan.cli.checks import Check
from logoscan.errors import CorruptFileError
from logoscan.index.logo_index import LogoIndex
from logoscan.ocr import engine as ocr
from logoscan.ocr import quick
from logoscan.vision import weights


def declare(patch: pytest.MonkeyPatch, needs: list[str], extras: dict[str, list[str]]) -> None:
    """Let the installed metadata say so."""
    lines = [*needs, *(f"{line}; extra == '{extra}'" for extra, wanted in extras.items() for line in wanted)]
    message = Message()
    for extra in extras:
        message["Provides-Extra"] = extra
    patch.setattr(metadata, "requires", lambda _: lines)
    patch.setattr(metadata, "metadata", lambda _: message)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The metadata that pyproject.toml makes; those of an editable installation may be of yesterday.

    Tesseract's data is there, which pip does not install.
    """
    monkeypatch.setattr("logoscan.ocr.tesseract.has_tesseract", lambda language: True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declare(monkeypatch, project["dependencies"], project["optional-dependencies"])
    extras: dict[str, list[str]] = project["optional-dependencies"]
    return extras


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the bundled models that may be damaged."""
    folder = tmp_path / "weights"
    shutil.copytree(weights.folder(), folder)
    monkeypatch.setattr(weights, "folder", lambda: folder)
    weights._manifest.cache_clear()
    yield folder
    weights._manifest.cache_clear()


def doctor(*arguments: object) -> tuple[int, dict[str, Check]]:
    """Exit code and checks by name, as `--json` tells them."""
    result = run("doctor", "--json", *arguments)
    answer = json.loads(result.stdout)
    assert result.stderr == ""
    assert answer["ok"] is (result.exit_code == 0)
    return result.exit_code, {check["name"]: Check(**check) for check in answer["checks"]}


# -- everything well


def test_doctor_reports_a_sound_installation(declared: dict[str, list[str]]) -> None:
    result = run("doctor")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    assert lines[-1] == "All that scanning needs is well."
    assert not [line for line in lines if "broken" in line or "missing" in line]
    for row in weights.rows().values():
        for file in row.files:
            assert any(file in line and "✓ ok" in line and "SHA-256 verified" in line for line in lines), file
    for words in (logoscan.__version__, "torch", "faiss-cpu", "rapidocr", "easyocr", "cuda", "AVX"):
        assert any(words in line for line in lines), words


def test_every_extra_but_the_developers_is_listed(declared: dict[str, list[str]]) -> None:
    _, found = doctor()
    extras = [check.name for check in found.values() if check.part == "extras"]
    assert extras == sorted(declared.keys() - {"dev"})
    assert "scikit-learn" in found["train"].found, "extras of extras are looked at"
    needed = {check.name for check in found.values() if check.part == "packages"}
    assert {"torch", "open-clip-torch", "rich"} <= needed
    assert not needed & {"pyarrow", "logoscan"}


def test_the_installed_metadata_are_readable() -> None:
    """Whatever they are."""
    assert {check.name for check in package_checks.packages()} >= {"torch", "rapidocr"}
    assert {check.state for check in package_checks.extras()} <= {"ok", "missing", "broken"}


def test_plain_signs_where_the_others_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    from logoscan.cli import doctor as command

    monkeypatch.setattr(command, "sys", SimpleNamespace(stdout=SimpleNamespace(encoding="ascii")))
    table = command._table([Check("a", "b", "broken", "c")])
    assert [str(cell) for cell in table.columns[2].cells] == ["x broken"]


# -- weights


def test_a_corrupt_weights_file(declared: dict[str, list[str]], models: Path) -> None:
    file = weights.rows()[weights.DETECTOR].file
    data = bytearray((models / file).read_bytes())
    data[len(data) // 2] ^= 1
    (models / file).write_bytes(data)
    code, found = doctor()
    assert code == 2
    assert (found[file].state, found[file].needed) == ("broken", True)
    assert "not the file that ships" in found[file].found
    assert found[file].mend == f"git -C {models} checkout -- {file}"
    assert {check.name for check in found.values() if check.state != "ok"} == {file}
    result = run("doctor")
    assert result.exit_code == 2
    (line,) = [line for line in result.stdout.splitlines() if "✗ broken" in line]
    assert line.endswith(f"git -C {models} checkout -- {file}")
    assert result.stdout.splitlines()[-1].startswith(f"Scanning needs what is not well: {file}.")


def test_missing_weights_file(models: Path) -> None:
    (models / "bpe.txt.gz").unlink()
    found = {check.name: check for check in checks.models()}
    assert found["bpe.txt.gz"].state == "missing"
    assert [check.state for check in found.values()].count("ok") == len(found) - 1


@pytest.mark.parametrize("content", ["", "{}", '{"format_version": 1}', '{"format_version": 1, "models": []}'])
def test_invalid_table_of_models(models: Path, content: str) -> None:
    (models / "manifest.json").write_text(content)
    weights._manifest.cache_clear()
    found = list(checks.models())
    assert found
    assert all(check.state != "ok" and check.needed and "manifest.json" in check.mend for check in found)


def test_installation_without_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_bundled, "__file__", str(tmp_path / "logoscan" / "_bundled.py"))
    weights._manifest.cache_clear()
    (check,) = checks.models()
    weights._manifest.cache_clear()
    assert (check.state, check.needed) == ("broken", True)
    assert check.mend.startswith("pip install --force-reinstall --no-deps logoscan==")


def test_a_wheel_is_installed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "folder", lambda: tmp_path / "_weights")
    assert checks._restore("x") == f"pip install --force-reinstall --no-deps logoscan=={logoscan.__version__}"


# -- packages and extras


def test_a_missing_extra_is_no_failure(declared: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # an import of it fails
    result = run("doctor")
    assert result.exit_code == 0
    missing = {line.split()[0]: line for line in result.stdout.splitlines() if line.split()[1:3] == ["-", "missing"]}
    assert missing.keys() == {"cases", "parquet", "ray"}, "all that need it"
    assert missing["parquet"].split()[:3] == ["parquet", "-", "missing"]
    assert missing["parquet"].endswith("pip install 'logoscan[parquet]'")
    assert re.search(r"All that scanning needs is well\. \d+ optional parts are not there\.$", result.stdout.strip())


def test_extras_are_read_from_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    extras = {"report": ["no-such-package-of-ours>=2"], "old": ["rich>=999", "pillow"], "both": ["logoscan[report]"]}
    declare(monkeypatch, ["click>=8"], extras)
    found = {check.name: check for check in package_checks.extras()}
    assert found["report"].mend == "pip install 'logoscan[report]'"
    assert found["report"].found == "no-such-package-of-ours not installed"
    assert found["both"].state == "missing"
    assert found["old"].state == "broken"
    assert found["old"].mend == "pip install --force-reinstall 'rich>=999'"
    assert not any(check.needed for check in found.values())


def test_missing_required_package(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, ["no-such-package-of-ours>=2", "rich>=999", "click; python_version < '3'"], {})
    code, found = doctor()
    assert code == 2
    packages = {name: check for name, check in found.items() if check.part == "packages"}
    assert packages.keys() == {"no-such-package-of-ours", "rich"}
    assert packages["no-such-package-of-ours"].mend == "pip install 'no-such-package-of-ours>=2'"
    assert packages["rich"].found == f"{metadata.version('rich')}, expected >=999"


def test_a_package_whose_import_fails(declared: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def broken(name: str) -> Any:
        if name == "faiss":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return real(name)

    monkeypatch.setattr(package_checks, "import_module", broken)
    found = {check.name: check for check in package_checks.packages()}
    assert found["faiss-cpu"].state == "broken"
    assert "OSError: libgomp.so.1" in found["faiss-cpu"].found
    assert found["faiss-cpu"].mend == "pip install --force-reinstall 'faiss-cpu>=1.9'"
    assert [check.state for check in found.values()].count("ok") == len(found) - 1


def test_missing_metadata_leaves_packages_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", unknown)
    monkeypatch.setattr(metadata, "metadata", unknown)
    (check,) = package_checks.packages()
    assert (check.state, check.needed) == ("missing", False)
    assert list(package_checks.extras()) == []


# -- readers and devices


def by_name(part: Iterator[Check]) -> dict[str, Check]:
    return {check.name: check for check in part}


def test_altered_models_of_rapidocr(monkeypatch: pytest.MonkeyPatch) -> None:
    def altered() -> None:
        raise CorruptFileError("x.onnx: altered; reinstall rapidocr")

    monkeypatch.setattr(ocr, "rapidocr_models", altered)
    check = by_name(checks.readers())["rapidocr"]
    assert (check.state, check.needed) == ("broken", True)
    assert check.mend == "pip install --force-reinstall --no-deps rapidocr"


def test_altered_quick_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    def altered() -> None:
        raise CorruptFileError("x.onnx: expected SHA-256 1, got 2; reinstall logoscan")

    assert by_name(checks.readers())["quick reader"].state == "ok"
    monkeypatch.setattr(quick, "quick_reader", altered)
    check = by_name(checks.readers())["quick reader"]
    assert (check.state, check.needed) == ("broken", True)


def test_rapidocr_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    check = by_name(checks.readers())["rapidocr"]
    assert (check.state, check.needed, check.mend) == ("missing", True, "pip install 'rapidocr>=3.10'")


def test_weights_of_easyocr(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ocr, "easyocr_models", lambda: None)
    check = by_name(checks.readers())["easyocr"]
    assert (check.state, check.needed, check.mend) == ("missing", False, "pip install 'logoscan[offline]'")
    (tmp_path / "english_g2.pth").write_bytes(b"altered")
    monkeypatch.setattr(ocr, "easyocr_models", lambda: tmp_path)
    check = by_name(checks.readers())["easyocr"]
    assert (check.state, check.needed) == ("broken", False), "it is taken by its name alone"


def test_data_of_tesseract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.ocr.tesseract.has_tesseract", lambda language: language not in ("kor", "tha"))
    check = by_name(checks.readers())["tesseract data"]
    assert (check.state, check.needed, check.mend) == (
        "missing", False, "apt-get install tesseract-ocr-kor tesseract-ocr-tha",
    )  # fmt: skip
    assert check.found.endswith("without kor, tha")
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    check = by_name(checks.readers())["tesseract data"]
    assert (check.state, check.needed, check.mend) == ("missing", False, "pip install 'logoscan[tesseract]'")


def test_cuda_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    card = SimpleNamespace(name="Card", total_memory=80 * 2**30, major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)

    def zeros(_: int, device: str) -> None:
        if device == "cuda:1":
            raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(torch, "zeros", zeros)
    found = by_name(checks.devices())
    assert (found["cuda:0"].state, found["cuda:1"].state) == ("ok", "broken")
    assert found["cuda:0"].found.startswith("Card, 80 GiB, compute capability 9.0")
    assert not found["cuda:1"].needed, "auto takes the first"
    assert found["cuda:1"].mend == "use --device cpu"


def test_torch_import_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (check,) = checks.devices()
    assert (check.name, check.state, check.needed) == ("torch", "broken", True)


# -- an index


def test_an_index_of_the_bundled_encoder(sample_index: LogoIndex, tmp_path: Path) -> None:
    sample_index.save(tmp_path / "index")
    (check,) = checks.index(tmp_path / "index")
    assert check.state == "ok"
    assert check.found.startswith("6 brands, ")


def test_an_index_of_another_encoder(shop: Path, declared: dict[str, list[str]]) -> None:
    code, found = doctor("--index", shop / "index")
    assert code == 2
    check = found[str(shop / "index")]
    assert (check.part, check.state) == ("index", "broken")
    assert "index made by fake" in check.found
    assert check.mend.endswith("or name its encoder: logoscan scan --encoder fake")


def test_invalid_or_damaged_index(shop: Path) -> None:
    (check,) = checks.index(shop / "nowhere")
    assert (check.state, check.needed) == ("missing", True)
    (shop / "index" / "manifest.json").write_text("{}")
    (check,) = checks.index(shop / "index")
    assert (check.state, check.mend) == ("broken", f"logoscan register BRANDS --out {shop / 'index'}")
