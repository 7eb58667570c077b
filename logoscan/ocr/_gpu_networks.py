"""PP-OCR's networks on a GPU: RapidOCR's finder and classifier get other sessions, and lines are read many at a time.

The files are those that ONNX Runtime runs on the CPU, and lines are found, turned and written down by the same code
around them. In fp32, or TF32 where torch takes it for convolutions, the text is the same; GPUs before Ampere, which
have no TF32, run fp16.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from logoscan.gpu_network import GpuNetwork
from logoscan.ocr.onnx_net import OnnxNet
from logoscan.pixel_network import After, PixelNetwork
from logoscan.types import Rgb

__all__ = ["GpuLines", "classify_on_gpu", "find_on_gpu", "gpu_precision"]

# Batch sizes: photos of one shape in which lines are searched, lines of one width, lines that may stand upside down.
_PHOTOS, _LINES, _TURNS = (1, 4), (4, 16, 32), (8, 32)
# Photos come in some ten shapes, lines in some ten widths; a graph is made when one comes for the third time.
_GRAPH_FROM = 3
# Mean and standard deviation with which PP-OCR's networks want their pixels.
_LEVEL = 127.5
# Grey of the padding of lines.
_GREY = 127
# First compute capability with TF32.
_AMPERE = 8


def gpu_precision(device: str) -> str:
    """Return the precision of PP-OCR on a device, "fp32" or "fp16"."""
    if not device.startswith("cuda") or torch.cuda.get_device_capability(device)[0] >= _AMPERE:
        return "fp32"
    return "fp16"


def _network(
    path: Path, device: str, after: After, on_cpu: Callable[[NDArray[Any]], list[NDArray[Any]]], rows: Sequence[int]
) -> GpuNetwork:
    """Return a network on a GPU that takes uint8 pixels (n, H, W, 3) in BGR."""
    dtype = torch.float16 if gpu_precision(device) == "fp16" else torch.float32
    net = OnnxNet(path).to(device, dtype).eval()
    whole = PixelNetwork(net, mean=[_LEVEL] * 3, std=[_LEVEL] * 3, dtype=dtype, after=after)
    return GpuNetwork(whole, name=path.name, device=device, rows=rows, on_cpu=on_cpu, graph_from=_GRAPH_FROM)


def _as_input(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixels as ONNX Runtime takes them, float32 (n, 3, H, W) in [-1, 1]."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / np.float32(_LEVEL) - np.float32(1)


def find_on_gpu(finder: Any, path: Path, device: str) -> None:
    """Let RapidOCR's finder of lines use a GPU.

    Args:
        finder: RapidOCR's `TextDetector`.
        path: Verified ONNX file of its network.
        device: "cuda", ...
    """
    session = finder.session
    network = _network(
        path, device, lambda outputs, _height, _width: outputs, lambda x: [session(_as_input(x))], _PHOTOS
    )
    finder.get_preprocess = lambda: lambda bgr: bgr[None]
    finder.session = lambda pixels: network(pixels)[0]


def classify_on_gpu(classifier: Any, path: Path, device: str) -> None:
    """Let RapidOCR's classifier of lines that stand upside down use a GPU; it takes float32 (n, 3, 48, 192).

    Args:
        classifier: RapidOCR's `TextClassifier`.
        path: Verified ONNX file of its network.
        device: "cuda", ...
    """
    session = classifier.session
    network = GpuNetwork(
        OnnxNet(path), name=path.name, device=device, rows=_TURNS, on_cpu=lambda x: [session(x)], graph_from=_GRAPH_FROM
    )
    classifier.session = lambda x: network(x)[0]


class Readings(NamedTuple):
    """Text and confidence of each line, under the names of RapidOCR's `TextRecOutput`."""

    txts: tuple[str, ...]
    scores: tuple[float, ...]


class GpuLines:
    """Takes the place of RapidOCR's `TextRecognizer`: all lines of one width are read at once, with those of others."""

    def __init__(self, recogniser: Any, path: Path, device: str, least_px: int) -> None:
        """Move the network to the GPU.

        Args:
            recogniser: RapidOCR's `TextRecognizer` of the same file, which knows its letters.
            path: Verified ONNX file of its network.
            device: "cuda", ...
            least_px: Width to which shorter lines are padded.
        """
        session = recogniser.session
        self._letters, self._least_px = recogniser.postprocess_op, least_px
        self._network = _network(path, device, _best_letters, lambda x: _best_on_cpu(session(_as_input(x))), _LINES)

    def __call__(self, given: Any) -> Readings:
        """Read the lines of a `TextRecInput`, uint8 (48, W, 3) in BGR; W is one of few widths (`padded`)."""
        lines: list[Rgb] = given.img
        by_width: defaultdict[int, list[int]] = defaultdict(list)
        for i, line in enumerate(lines):
            by_width[max(line.shape[1], self._least_px)].append(i)
        waiting = []
        for width, rows in by_width.items():
            batch = np.full((len(rows), lines[0].shape[0], width, 3), _GREY, np.uint8)
            for pixels, i in zip(batch, rows, strict=True):
                pixels[:, : lines[i].shape[1]] = lines[i]
            waiting.append((rows, self._network.submit(batch)))
        out = [("", 0.0)] * len(lines)
        for rows, future in waiting:
            probability, letter = future.result()
            read, _ = self._letters.decode(letter, probability, remove_duplicate=True)
            for i, (text, confidence) in zip(rows, read, strict=True):
                out[i] = text, float(confidence)
        return Readings(tuple(text for text, _ in out), tuple(confidence for _, confidence in out))


def _best_letters(outputs: Sequence[torch.Tensor], _height: int, _width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the probability and the number of the best letter at each position, (n, positions) each."""
    probability, letter = outputs[0].max(dim=2)
    return probability, letter


def _best_on_cpu(scores: NDArray[np.float32]) -> list[NDArray[Any]]:
    return [scores.max(axis=2), scores.argmax(axis=2)]
