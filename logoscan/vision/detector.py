"""Where to look: picture -> regions that may hold a mark. Knows nothing about brands.

`WholeImage` and `Tiles` lay out places without looking at pixels; `LogoDetector` is trained to find marks of any brand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from logoscan._hashing import file_sha256
from logoscan.errors import CorruptFileError, InputError
from logoscan.images.boxes import clip, from_square, iou
from logoscan.images.crops import square_crops
from logoscan.runtime import building_networks, on_device, staged
from logoscan.types import Boxes, Effort, Regions, Rgb, TextSpans
from logoscan.vision import weights

if TYPE_CHECKING:
    from logoscan.runtime import CpuNetwork

__all__ = [
    "DEFAULT_PLAN",
    "DENSE_PLAN",
    "LARGE_PLAN",
    "Detector",
    "LogoDetector",
    "TilePlan",
    "Tiles",
    "WholeImage",
    "make_detector",
    "with_text",
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

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        """Regions of each picture (uint8 (H, W, 3)), best first, in pixels of that picture and inside of it."""
        ...


@dataclass(frozen=True)
class TilePlan:
    """Square tiles at several scales.

    Attributes:
        scales: Sides of the tiles as shares of the picture's short side, in (0, 1].
        stride: Step between tiles as a share of their side, in (0, 1].
        min_px: Tiles under this side are left out: the encoder tells nothing from them.
    """

    scales: tuple[float, ...]
    stride: float = 0.5
    min_px: int = 24

    def __post_init__(self) -> None:
        if not self.scales or not all(0 < s <= 1 for s in self.scales):
            raise InputError(f"TilePlan.scales: expected shares in (0, 1], got {self.scales!r}")
        if not 0 < self.stride <= 1:
            raise InputError(f"TilePlan.stride: expected a share in (0, 1], got {self.stride!r}")


DEFAULT_PLAN = TilePlan(scales=(1.0, 0.75, 0.55, 0.4, 0.3, 0.22))
"""About 220 tiles on a 3:2 photo, each side three quarters of the one before, marks from a tenth of the short side."""
DENSE_PLAN = TilePlan(scales=(1.0, 0.8, 0.62, 0.5, 0.4, 0.3, 0.24, 0.18))
"""About 390 tiles on a 3:2 photo. No calibration ships for it: fit one, or give a similarity threshold."""

LARGE_PLAN = TilePlan(scales=(0.75, 0.55))
"""About 20 tiles on a 3:2 photo, the picture itself among them."""


_SAME = 0.7
"""Intersection over union from which a line of text is a region that was proposed already."""
_LINES = 50
"""Most lines of text that become regions: small print may have thousands."""
_PICTURES = 8
"""Pictures that the detector looks at together on a GPU, the last ones empty where there are fewer, see `on_device`; a
CPU gains nothing from more than one."""
_FEWER = 12
"""Most proposals of the default effort, which looks at the whole picture besides and at no large squares."""
_LEAST_SIDE_PX = 384
"""Least long side at which the default effort looks at a picture: a small one is enlarged to it."""
_MAX_ASPECT = 10.0
"""Of a picture whose tiles are squares. Beyond, their width follows the long side: a strip of 30 x 30,000 pixels, which
the caps on pictures let in, would get thousands of squares, and nothing is sold in it."""


def _fingerprint(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _starts(length: int, side: float, step: float) -> list[float]:
    """Evenly spread starts of intervals that cover [0, length], at most `step` apart."""
    count = int(np.ceil((length - side) / step - 1e-6)) + 1
    return [float(s) for s in np.linspace(0.0, length - side, max(1, count))]


class Tiles:
    """The whole picture and overlapping squares at several scales: exhaustive, and as slow as that."""

    def __init__(self, plan: TilePlan = DEFAULT_PLAN) -> None:
        """Lay out tiles by `plan`."""
        self.plan = plan

    @property
    def name(self) -> str:
        """`tiles` with its scales."""
        return f"tiles({','.join(f'{s:g}' for s in self.plan.scales)};{self.plan.stride:g})"

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the plan."""
        return _fingerprint("tiles", self.plan)

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        """The plan laid over each picture, whole picture first, then large to small."""
        return [self._lay(*image.shape[:2]) for image in images]

    def _lay(self, height: int, width: int) -> Regions:
        rows = [(0.0, 0.0, float(width), float(height))]
        for scale in self.plan.scales:
            if scale * min(height, width) < self.plan.min_px:
                continue
            side = scale * max(min(height, width), max(height, width) / _MAX_ASPECT)
            step = side * self.plan.stride
            rows += [
                (x, y, min(x + side, width), min(y + side, height))
                for y in _starts(height, side, step)
                for x in _starts(width, side, step)
            ]
        xyxy = np.array(rows, np.float32)
        return Regions(xyxy, np.ones(len(rows), np.float32))


class WholeImage:
    """One region: the picture itself. For pack shots, crops, and as the lower end of every comparison."""

    @property
    def name(self) -> str:
        """`whole`."""
        return "whole"

    @property
    def fingerprint(self) -> str:
        """16 hex digits."""
        return _fingerprint("whole")

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        """The full frame of each picture."""
        return [Regions(np.array([[0, 0, i.shape[1], i.shape[0]]], np.float32), np.ones(1, np.float32)) for i in images]


class LogoDetector:
    """The trained detector: one pass over a picture proposes every place that looks like a mark of some brand.

    Thread-safe once built. The picture itself always comes last, and at full effort a few large squares of it after it:
    a mark may fill it, and goods that are registered by a photograph of the pack are no marks.

    Attributes:
        device: Where it runs.
        precision: `fp32` or `bf16`, of the network's arithmetic.
        size_px: Side of the square that it looks at; pictures are scaled and padded to it.
    """

    @building_networks()
    def __init__(
        self,
        path: str | Path | None = None,
        *,
        device: str = "auto",
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        least: float = 0.001,
        most: int = 50,
        large: TilePlan = LARGE_PLAN,
        effort: Effort = "default",
        runtime: Literal["auto", "torch", "openvino"] = "auto",
    ) -> None:
        """Read the network.

        Args:
            path: A safetensors file of `logoscan.training.detector`; None for the bundled one.
            device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
            precision: `auto` is bf16 where the hardware has it.
            least: Confidence from which a place is proposed, in (0, 1).
            most: Most proposals for a picture, besides the large squares; at most twelve by default effort.
            large: Squares that are looked at in every picture at full effort.
            effort: "full" looks at every picture scaled to the square, and proposes `most` places and `large`;
                "default" leaves the padding out, enlarges to 384 px, and proposes twelve places and the whole picture;
                on a GPU, which sees one shape sooner than many, it looks as "full" does.
                The fingerprint is the same, since a calibration serves both (`benchmarks/quality.py effort` measures
                what that costs).
            runtime: What runs the network; "auto" is OpenVINO on a CPU where it is installed, else torch.

        Raises:
            CorruptFileError: The file is no detector, or the bundled one is missing or altered.
            DeviceError: The device cannot be had.
            InputError: An argument is out of range, or OpenVINO is wanted and cannot run the network.
        """
        import torch
        from safetensors import SafetensorError, safe_open

        from logoscan.runtime import cpu_has_bf16, fast_layout, resolve_device
        from logoscan.vision.detector_net import build
        from logoscan.vision.fuse_bn import fold_norms

        if precision not in ("auto", "fp32", "bf16"):
            raise InputError(f"LogoDetector.precision: expected auto, fp32 or bf16, got {precision!r}")
        if not 0 < least < 1:
            raise InputError(f"LogoDetector.least: expected a confidence in (0, 1), got {least!r}")
        if most < 1:
            raise InputError(f"LogoDetector.most: expected 1 or more, got {most!r}")
        if effort not in get_args(Effort):
            raise InputError(f"LogoDetector.effort: expected default or full, got {effort!r}")
        if runtime not in ("auto", "torch", "openvino"):
            raise InputError(f"LogoDetector.runtime: expected auto, torch or openvino, got {runtime!r}")
        self.device, self.least, self.most, self._large = resolve_device(device), least, most, Tiles(large)
        self.effort, self._laid = effort, self._large if effort == "full" else WholeImage()
        path = weights.verified(weights.DETECTOR)[0] if path is None else Path(path)
        net = build()
        try:
            with safe_open(str(path), "pt") as file:
                settings = json.loads((file.metadata() or {})["detector"])
                net.load_state_dict({k: file.get_tensor(k).float() for k in file.keys()}, strict=False)  # noqa: SIM118
                wanted = {k for k in net.state_dict() if not k.endswith("num_batches_tracked")}
                missing = sorted(wanted - set(file.keys()))
            self.size_px, self._slope, self._offset = (settings[k] for k in ("size_px", "slope", "offset"))
            if type(self.size_px) is not int or self.size_px < 64 or self.size_px % 64:
                raise ValueError(f"size_px: expected a multiple of 64, got {self.size_px!r}")
            if not np.isfinite([self._slope, self._offset]).all():
                raise ValueError(f"slope, offset: expected numbers, got {self._slope!r}, {self._offset!r}")
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CorruptFileError(f"{path}: expected a detector's file ({error!s:.200})") from None
        if missing:
            raise CorruptFileError(f"{path}: expected a whole detector, got one without {missing[:3]}")
        self._digest = file_sha256(path)
        fold_norms(net.eval())
        self._layout = fast_layout(self.device)
        self._net = net.to(self.device, memory_format=self._layout)
        if precision == "auto":
            has_bf16 = torch.cuda.is_bf16_supported() if self.device.startswith("cuda") else cpu_has_bf16()
            precision = "bf16" if has_bf16 else "fp32"
        self.precision = precision
        self._batch = 1 if self.device == "cpu" else _PICTURES
        self._square = effort == "full" or self.device != "cpu"
        self._compiled: CpuNetwork | None = None
        if runtime == "openvino" or (runtime == "auto" and self.device == "cpu"):
            self._compiled = self._compile(required=runtime == "openvino")
        self.runtime = "torch" if self._compiled is None else "openvino"

    def _compile(self, *, required: bool) -> CpuNetwork | None:
        import torch

        from logoscan.runtime import cpu_network
        from logoscan.vision.detector_net import Heads

        heads = Heads(deepcopy(self._net).to(memory_format=torch.contiguous_format)).eval()
        example = torch.zeros(1, 3, self.size_px, self.size_px)
        compiled = None
        if self.device == "cpu":
            compiled = cpu_network(("detector", self._digest), heads, example, self.precision)
        if compiled is None and required:
            raise InputError("LogoDetector.runtime: expected torch, got 'openvino', which cannot run this network here")
        return compiled

    @property
    def name(self) -> str:
        """`logo` with its settings."""
        return f"logo({self.size_px} px;{self.least:g};{self.most})"

    @property
    def fingerprint(self) -> str:
        """16 hex digits of weights and settings."""
        return _fingerprint("logo", self._digest, self.least, self.most, self._large.plan)

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        """Proposals of each picture, surest first; then the picture and any large squares, confidence `least`."""
        sizes = [self._canvas_wh(image.shape[1], image.shape[0]) for image in images]
        out: dict[int, Regions] = {}
        for size in dict.fromkeys(sizes):  # pictures of one size go together
            rows = [i for i, wh in enumerate(sizes) if wh == size]
            for start in range(0, len(rows), self._batch):
                part = rows[start : start + self._batch]
                out.update(zip(part, self._pass([images[i] for i in part], size), strict=True))
        return [out[i] for i in range(len(images))]

    def _canvas_wh(self, width: int, height: int) -> tuple[int, int]:
        """What the network sees of a picture of this size, px; few shapes, multiples of 64."""
        if self._square:
            return self.size_px, self.size_px
        long = min(self.size_px, max(min(_LEAST_SIDE_PX, self.size_px), -max(width, height) // 64 * -64))
        short = min(width, height) / max(width, height) * long
        short = max(64, -int(short) // 64 * -64)
        return (long, short) if width >= height else (short, long)

    def _pass(self, images: Sequence[Rgb], size_wh: tuple[int, int]) -> list[Regions]:
        width, height = size_wh
        canvases = np.zeros((self._batch, height, width, 3), np.uint8)
        for canvas, image in zip(canvases, images, strict=False):
            canvas[:] = self._canvas(image, width, height)
        waiting = staged(canvases, self.device)
        found = on_device(self.device, lambda: self._found(waiting, len(images)))
        return [
            self._kept(self._in_picture(boxes, image, size_wh), scores, large.xyxy)
            for (boxes, scores), image, large in zip(found, images, self._laid.detect(images), strict=True)
        ]

    def _found(self, canvases: Any, count: int) -> list[tuple[Boxes, NDArray[np.float32]]]:
        """Boxes in the first `count` canvases (uint8 (n, H, W, 3) on the host), px, best first, and their scores."""
        import torch

        from logoscan.vision.detector_net import MEAN, STD, Heads, decode

        x = canvases.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float()
        mean, std = (torch.tensor(v, dtype=torch.float32, device=self.device)[:, None, None] for v in (MEAN, STD))
        x = (x / 255 - mean) / std
        with (
            torch.inference_mode(),
            torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.precision == "bf16"),
        ):
            if self._compiled is not None:
                heads = [torch.from_numpy(values) for values in self._compiled(x.numpy())]
            else:
                heads = list(Heads(self._net)(x.contiguous(memory_format=self._layout)))
            heads = [values[:count] for values in heads]
            found = decode(self._net, dict(zip(Heads.names, heads, strict=True)), *canvases.shape[1:3])
        return [(each["boxes"].cpu().numpy(), each["scores"].cpu().numpy()) for each in found]

    def _canvas(self, image: Rgb, width: int, height: int) -> Rgb:
        """A picture, scaled and padded to what the network sees."""
        if self._square:
            whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
            return np.asarray(square_crops(image, whole, self.size_px, "pad")[0], np.uint8)
        w, h = _fitted(image.shape[1], image.shape[0], width, height)
        out = np.empty((height, width, 3), np.uint8)
        out[:] = np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]), axis=0).astype(np.uint8)
        picture = Image.fromarray(image).resize((w, h), Image.Resampling.BILINEAR, reducing_gap=3.0)
        out[:h, :w] = np.asarray(picture)
        return out

    def _in_picture(self, boxes: Boxes, image: Rgb, size_wh: tuple[int, int]) -> Boxes:
        """The reverse of `_canvas` for boxes."""
        height, width = image.shape[:2]
        if self._square:
            return from_square(boxes, width, height, self.size_px)
        w, h = _fitted(width, height, *size_wh)
        return clip(boxes * np.array([width / w, height / h] * 2, np.float32), width, height)

    def _kept(self, xyxy: Boxes, scores: NDArray[np.float32], large: Boxes) -> Regions:
        """Regions of one picture: the sure ones of what was found, and `large`, the whole one first."""
        score = scores.astype(np.float64)
        logit = self._slope * np.log(score / (1 - np.minimum(score, 1 - 1e-6))) + self._offset
        confidence = (1 / (1 + np.exp(-logit))).astype(np.float32)
        large_enough = (xyxy[:, 2:] - xyxy[:, :2]).min(1) >= 1
        most = self.most if self.effort == "full" else min(self.most, _FEWER)
        rows = np.flatnonzero((confidence >= self.least) & large_enough)[:most]
        least = np.full(len(large), self.least, np.float32)
        return Regions(np.concatenate([xyxy[rows], large]), np.concatenate([confidence[rows], least]))


def _fitted(width: int, height: int, most_width: int, most_height: int) -> tuple[int, int]:
    """Sides of a picture scaled into a canvas, 1 or more."""
    scale = min(most_width / width, most_height / height)
    return max(1, min(most_width, round(width * scale))), max(1, min(most_height, round(height * scale)))


def make_detector(
    name: str, *, device: str = "auto", path: str | Path | None = None, effort: Effort = "default"
) -> Detector:
    """The detector of a name: `logo` (the bundled one, or that of a file), `tiles` by the default plan, or `whole`.

    Raises:
        InputError: Another name, or a file for one that has none.
    """
    if name not in ("logo", "tiles", "whole"):
        raise InputError(f"detector: expected logo, tiles or whole, got {name!r}")
    if name == "logo":
        return LogoDetector(path, device=device, effort=effort)
    if path is not None:
        raise InputError(f"path: expected None with the detector {name}, got {str(path)!r}")
    return Tiles() if name == "tiles" else WholeImage()


def with_text(regions: Regions, spans: TextSpans, width_px: int, height_px: int) -> Regions:
    """Regions of a picture and, after them, its lines of text that none of them is about: a wordmark is a line too.

    Args:
        regions: Proposals, best first.
        spans: What was read in the same picture.
        width_px: Of the picture.
        height_px: Of the picture.

    Returns:
        The surest lines, 50 at most; they have the confidence of the least sure region, 0 where
        there is none.
    """
    lines = clip(spans.xyxy, width_px, height_px)
    large = (lines[:, 2:] - lines[:, :2]).min(axis=1) >= 1
    fresh = np.flatnonzero(large & (iou(lines, regions.xyxy).max(axis=1, initial=0) < _SAME))
    fresh = fresh[np.argsort(-spans.confidence[fresh], kind="stable")][:_LINES]
    least = regions.confidence.min() if len(regions) else np.float32(0)
    sure = np.concatenate([regions.confidence, np.full(len(fresh), least, np.float32)])
    return Regions(np.concatenate([regions.xyxy, lines[fresh]]), sure)
