"""PP-OCR's networks by OpenVINO on a CPU: RapidOCR's finder and reader get other sessions, and all else stays.

A finder in fp32 takes a third of ONNX Runtime's time on a processor with AVX-512, and answers alike; a reader is faster
in bf16 alone.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from logoscan._quote import cause
from logoscan.cpu_network import cpu_onnx_network
from logoscan.ocr._network_input import finder_input
from logoscan.types import Rgb

__all__ = ["find_and_read_in_bf16", "find_by_openvino"]

logger = logging.getLogger(__name__)

# Height of a picture on which two ways to search lines are compared, and how far their probabilities may differ.
_PROBE_PX, _MOST_OFF = 96, 1e-3


def find_and_read_in_bf16(finder: Any, det: Path, reader: Any, rec: Path, threads: int) -> bool:
    """Let OpenVINO search and read lines in bf16, and return whether it can.

    Args:
        finder: RapidOCR's detector of lines.
        det: File of its network.
        reader: RapidOCR's recogniser of lines.
        rec: File of its network.
        threads: Threads of a call.
    """
    networks = [cpu_onnx_network(path, "bf16", threads) for path in (det, rec)]
    if None in networks:
        return False
    for part, network in zip((finder, reader), networks, strict=True):
        part.session = lambda x, run=network: run(x)[0]
    return True


def find_by_openvino(finder: Any, det: Path, threads: int) -> None:
    """Let OpenVINO search lines in fp32, if it answers as ONNX Runtime does.

    Args:
        finder: RapidOCR's detector of lines.
        det: File of its network.
        threads: Threads of a call.
    """
    network = cpu_onnx_network(det, "fp32", threads)
    if network is None:
        return
    probe = finder_input(_lettering())
    try:
        off = float(np.abs(network(probe)[0] - finder.session(probe)).max())
    except Exception as error:  # a native library may fail in any way, and another shape cannot be compared
        logger.warning("OpenVINO cannot find lines, ONNX Runtime does (%s)", cause(error))
        return
    if not off <= _MOST_OFF:  # true of no number too
        logger.warning("OpenVINO finds lines otherwise than ONNX Runtime, which is taken (%.2g)", off)
        return
    finder.session = lambda x: network(x)[0]


def _lettering() -> Rgb:
    """Return a picture with a line of letters, which the finder marks with a probability near 1."""
    import cv2

    picture = np.full((_PROBE_PX, 2 * _PROBE_PX, 3), 255, np.uint8)
    cv2.putText(picture, "LINE", (24, 64), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (0, 0, 0), 4)
    return picture
