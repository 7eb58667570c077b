"""The models in RapidOCR's wheel, checked by hash before they are opened."""

from __future__ import annotations

from pathlib import Path

from logoscan._hashing import file_sha256
from logoscan.errors import CorruptFileError

__all__ = ["rapidocr_models"]

# Digests of the models in RapidOCR's wheels, by task. A table that lies beside the models would detect damage alone,
# and one model could pass for another.
_SHA256 = {
    "_det_": {"090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f"},
    "_cls_": {"e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"},
    "_rec_": {"6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"},
}


def rapidocr_models() -> tuple[Path, Path, Path]:
    """Return RapidOCR's models for detecting, turning and reading lines, verified.

    Raises:
        ImportError: RapidOCR is not installed.
        CorruptFileError: One is missing or altered.
    """
    import rapidocr

    folder = Path(rapidocr.__file__).parent / "models"
    return _rapid_model(folder, "_det_"), _rapid_model(folder, "_cls_"), _rapid_model(folder, "_rec_")


def _rapid_model(folder: Path, kind: str) -> Path:
    """Return the model of RapidOCR's wheel for one task, checked against its known digests."""
    for path in sorted(folder.glob("*.onnx")):
        if kind in path.name:
            if file_sha256(path) not in _SHA256[kind]:
                raise CorruptFileError(f"{path}: altered, or not of RapidOCR 3.10; reinstall rapidocr")
            return path
    raise CorruptFileError(f"{folder}: no {kind.strip('_')} model; reinstall rapidocr")
