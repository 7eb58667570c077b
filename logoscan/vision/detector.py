"""Propose the regions of a photo that may show a mark of any brand: the `Detector` protocol and the trained detector.

`WholeImage` and `Tiles` (`tiles`) lay out regions without reading pixels; `LogoDetector` is trained.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from logoscan._hashing import file_sha256, fingerprint
from logoscan._quote import cause
from logoscan.errors import CorruptFileError, InputError
from logoscan.images.boxes import clip, from_square, iou
from logoscan.images.crops import median_border_colour, square_crops_on
from logoscan.images.resize import resized
from logoscan.odds import sigmoid_array
from logoscan.runtime import building_networks, rebuilt_elsewhere
from logoscan.types import Boxes, Effort, Regions, Rgb
from logoscan.vision import weights
from logoscan.vision.colour_regions import colour_regions
from logoscan.vision.detector_boxes import MEAN, STD, best_boxes, suppress
from logoscan.vision.network_runner import BatchSizes, NetworkRunner, PrecisionChoice, RuntimeChoice, check_choices
from logoscan.vision.tiles import LARGE_PLAN, TilePlan, Tiles, WholeImage

__all__ = [
    "Detector",
    "LogoDetector",
    "make_detector",
]


@runtime_checkable
class Detector(Protocol):
    """Proposes regions.

    `name` is readable; `fingerprint` changes with anything that changes the regions, since a match calibration belongs
    to it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    @property
    def description(self) -> str:
        """Name, fingerprint and effort of the detector, for the provenance of reports."""
        ...

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        """Return the regions of each photo, best first, in pixels of that photo and inside it.

        Args:
            images: Photos, uint8 (H, W, 3) RGB.
        """
        ...


# Photos that the detector takes together on a GPU, of all callers; a CPU gains nothing from more than one.
_BATCH_SIZES = BatchSizes(torch_cpu=(1,), openvino=(1,), gpu=(4, 16))
# Proposals of the default effort, which adds the whole photo and no large squares: the first number of every photo, up
# to the second where a photo shows many marks, whose proposals are confident. Beside the regions from colour, twelve of
# every photo name no more brands rightly, in streets and on goods, and are a quarter more regions.
_PROPOSALS_DEFAULT, _CONFIDENT_PROPOSALS_DEFAULT, _CONFIDENT = 6, 16, 0.1
# Regions from colour that are added to the proposals of every photo. On photos of shops, logos alone rank the right
# brand first in 0.47 with none, 0.49 with four, 0.53 with eight and with sixteen.
_MOST_COLOUR_REGIONS = 8
# Least intersection over union with a proposal of a region from colour that is left out.
_SAME_REGION_IOU = 0.7
# Least long side of the network's input at default effort; smaller photos are enlarged to it. On photos of shops, of
# 200 to 350 px, logos alone rank the right brand first in 0.30 at 384 px, 0.33 at 512 and 0.33 at 640.
_MIN_LONG_SIDE_PX = 512


@rebuilt_elsewhere
class LogoDetector:
    """The trained detector: one pass over a photo proposes every region that looks like a mark of some brand.

    Thread-safe once built. After the proposals come patches of one colour (`colour_regions`): large plain marks on
    goods, of which the network takes too much. Last comes the whole photo, and at full effort a few large squares of
    it: a mark may fill the photo, and a brand may be registered by a photograph of the pack, which is no mark.

    Attributes:
        precision: Precision of the network's arithmetic, `fp32`, `bf16` or `fp16`.
        size_px: Side of the network's square input in pixels; photos are scaled and padded to it.
    """

    @building_networks()
    def __init__(
        self,
        path: str | Path | None = None,
        *,
        device: str = "auto",
        precision: PrecisionChoice = "auto",
        least: float = 0.001,
        most: int = 50,
        large: TilePlan = LARGE_PLAN,
        effort: Effort = "default",
        runtime: RuntimeChoice = "auto",
    ) -> None:
        """Read the network.

        Args:
            path: A safetensors file of `logoscan.training.detector`; None for the bundled one.
            device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
            precision: `auto` is fp16 on a GPU, and bf16 on a CPU that has it.
            least: Least confidence of a proposal, in (0, 1).
            most: Most proposals for a photo, besides the large squares; at most six at default effort, or sixteen of
                confidence 0.1.
            large: Large squares that are added for every photo at full effort.
            effort: "full" scales and pads every photo to the square, and proposes `most` regions and `large`;
                "default" leaves the padding out, enlarges small photos to 512 px, and proposes six to sixteen regions
                and the whole photo; on a GPU, which is faster with one shape than with many, it pads as "full" does.
                The fingerprint is the same, because one calibration serves both (`benchmarks/quality/effort.py`
                measures the loss).
            runtime: What runs the network; "auto" is OpenVINO on a CPU where it is installed, else torch.

        Raises:
            CorruptFileError: The file is no detector, or the bundled one is missing or altered.
            DeviceError: The device cannot be had.
            InputError: An argument is out of range, or OpenVINO is wanted and cannot run the network.
        """
        from safetensors import SafetensorError, safe_open

        check_choices("LogoDetector.", precision, runtime)
        if not 0 < least < 1:
            raise InputError(f"LogoDetector.least: expected a confidence in (0, 1), got {least!r}")
        if most < 1:
            raise InputError(f"LogoDetector.most: expected 1 or more, got {most!r}")
        if effort not in get_args(Effort):
            raise InputError(f"LogoDetector.effort: expected default or full, got {effort!r}")
        self.least, self.most, self._large = least, most, Tiles(large)
        self.effort, self._fixed_regions = effort, self._large if effort == "full" else WholeImage()
        path = weights.verify(weights.DETECTOR)[0] if path is None else Path(path)
        try:
            with safe_open(str(path), "pt") as file:
                settings = json.loads((file.metadata() or {})["detector"])
            self.size_px, self._slope, self._offset = (settings[k] for k in ("size_px", "slope", "offset"))
            if type(self.size_px) is not int or self.size_px < 64 or self.size_px % 64:
                raise ValueError(f"size_px: expected a multiple of 64, got {self.size_px!r}")
            if not np.isfinite([self._slope, self._offset]).all():
                raise ValueError(f"slope, offset: expected numbers, got {self._slope!r}, {self._offset!r}")
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CorruptFileError(f"{path}: expected a detector's file ({cause(error)})") from None
        self._digest = file_sha256(path)
        self._network = NetworkRunner(
            partial(_heads, path),
            name="LogoDetector.",
            key=f"detector {self._digest}",
            size_px=self.size_px,
            mean=[255 * value for value in MEAN],
            std=[255 * value for value in STD],
            sizes=_BATCH_SIZES,
            after=best_boxes,
            device=device,
            precision=precision,
            runtime=runtime,
        )
        self.precision, self.runtime = self._network.precision, self._network.runtime
        self._square = effort == "full" or self.device != "cpu"

    @property
    def device(self) -> str:
        """Device that it runs on."""
        return self._network.device

    @property
    def name(self) -> str:
        """`logo` with its settings."""
        return f"logo({self.size_px} px;{self.least:g};{self.most})"

    @property
    def fingerprint(self) -> str:
        """16 hex digits of weights and settings."""
        return fingerprint("logo", self._digest, self.least, self.most, self._large.plan, _MOST_COLOUR_REGIONS)

    @property
    def description(self) -> str:
        """Name, fingerprint and effort."""
        return f"{self.name}@{self.fingerprint} {self.effort}"

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        """Return the proposals of each photo, most confident first, then patches, the whole photo and large squares.

        The confidence of all but the proposals is `least`.

        Args:
            images: Photos, uint8 (H, W, 3) RGB.
        """
        sizes = [self._canvas_wh(image.shape[1], image.shape[0]) for image in images]
        out: dict[int, Regions] = {}
        step = self._network.sizes[-1]
        for size in dict.fromkeys(sizes):  # photos of one input size share batches
            rows = [i for i, wh in enumerate(sizes) if wh == size]
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                out.update(zip(part, self._detect_batch([images[i] for i in part], size), strict=True))
        return [out[i] for i in range(len(images))]

    def _canvas_wh(self, width: int, height: int) -> tuple[int, int]:
        """Return the size of the network's input for a photo of this size, in pixels: few shapes, multiples of 64."""
        if self._square:
            return self.size_px, self.size_px
        long = min(self.size_px, max(min(_MIN_LONG_SIDE_PX, self.size_px), -max(width, height) // 64 * -64))
        short = min(width, height) / max(width, height) * long
        short = max(64, -int(short) // 64 * -64)
        return (long, short) if width >= height else (short, long)

    def _detect_batch(self, images: Sequence[Rgb], size_wh: tuple[int, int]) -> list[Regions]:
        width, height = size_wh
        canvases = np.stack([self._canvas(image, width, height) for image in images])
        boxes, scores = self._network.run(canvases)
        most = self.most if self.effort == "full" else min(self.most, _CONFIDENT_PROPOSALS_DEFAULT)
        out = []
        for xyxy, score, image, large in zip(boxes, scores, images, self._fixed_regions.detect(images), strict=True):
            best = suppress(xyxy, score, _is_large(self._in_picture(xyxy, image, size_wh)), most)
            out.append(self._regions(self._in_picture(best[0], image, size_wh), best[1], large.xyxy, image))
        return out

    def _canvas(self, image: Rgb, width: int, height: int) -> Rgb:
        """Return a photo scaled and padded to the network's input."""
        if self._square:
            whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
            return np.asarray(square_crops_on(self.device, image, whole, self.size_px)[0], np.uint8)
        w, h = _fitted(image.shape[1], image.shape[0], width, height)
        out = np.empty((height, width, 3), np.uint8)
        out[:] = median_border_colour(image)
        out[:h, :w] = resized(image, (w, h))
        return out

    def _in_picture(self, boxes: Boxes, image: Rgb, size_wh: tuple[int, int]) -> Boxes:
        """Return boxes of the canvas (`_canvas`) in pixels of the photo."""
        height, width = image.shape[:2]
        if self._square:
            return from_square(boxes, width, height, self.size_px)
        w, h = _fitted(width, height, *size_wh)
        return clip(boxes * np.array([width / w, height / h] * 2, np.float32), width, height)

    def _regions(self, xyxy: Boxes, scores: NDArray[np.float32], large: Boxes, image: Rgb) -> Regions:
        """Return the regions of one photo: the best proposals, then patches of one colour, then `large`."""
        score = scores.astype(np.float64)
        logit = self._slope * np.log(score / (1 - np.minimum(score, 1 - 1e-6))) + self._offset
        confidence = sigmoid_array(logit).astype(np.float32)
        rows = np.flatnonzero((confidence >= self.least) & _is_large(xyxy))[: self.most]
        if self.effort == "default":
            confident = rows[_PROPOSALS_DEFAULT:_CONFIDENT_PROPOSALS_DEFAULT]
            rows = np.append(rows[:_PROPOSALS_DEFAULT], confident[confidence[confident] >= _CONFIDENT])
        patches = colour_regions(image, _MOST_COLOUR_REGIONS)
        patches = patches[iou(patches, xyxy[rows]).max(axis=1, initial=0) < _SAME_REGION_IOU]
        boxes = np.concatenate([xyxy[rows], patches, large])
        least = np.full(len(boxes) - len(rows), self.least, np.float32)
        return Regions(boxes, np.concatenate([confidence[rows], least]))


def _is_large(xyxy: Boxes) -> NDArray[np.bool_]:
    """Return which boxes are a pixel or more on either side."""
    return np.asarray((xyxy[:, 2:] - xyxy[:, :2]).min(axis=1, initial=np.inf) >= 1)


def _heads(path: Path) -> Any:
    from logoscan.vision.detector_net import read_heads

    return read_heads(path)


def _fitted(width: int, height: int, most_width: int, most_height: int) -> tuple[int, int]:
    """Return the sides of a photo scaled into a canvas, 1 or more."""
    scale = min(most_width / width, most_height / height)
    return max(1, min(most_width, round(width * scale))), max(1, min(most_height, round(height * scale)))


def make_detector(
    name: str, *, device: str = "auto", path: str | Path | None = None, effort: Effort = "default"
) -> Detector:
    """Return the detector of a name.

    Args:
        name: `logo`, the trained detector; `tiles`, by the default plan; or `whole`, the whole photo.
        device: `auto`, `cpu`, `cuda`, ..., for `logo`.
        path: File of a trained detector for `logo`; None for the bundled one.
        effort: How much work `logo` may save.

    Raises:
        InputError: The name is another one, or a file is given for a detector that has none.
    """
    if name not in ("logo", "tiles", "whole"):
        raise InputError(f"detector: expected logo, tiles or whole, got {name!r}")
    if name == "logo":
        return LogoDetector(path, device=device, effort=effort)
    if path is not None:
        raise InputError(f"path: expected None with the detector {name}, got {str(path)!r}")
    return Tiles() if name == "tiles" else WholeImage()
