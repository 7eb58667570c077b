"""SIFT on a GPU by kornia-rs: the keypoints that OpenCV finds, so that no index has to be made again.

Other detectors of keypoints that run on GPUs find others, to which neither indexes nor the fit of placements belong.
"""

from __future__ import annotations

import ctypes
import logging
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan._quote import cause
from logoscan.types import Rgb
from logoscan.vision.sift import Descriptors, Frames, KeypointExtractor, Keypoints, Sift, opencv_sift, sift_photo

__all__ = ["GpuSift", "make_sift"]

logger = logging.getLogger(__name__)

# Share of OpenCV's keypoints that a GPU has to find in a trial, and how far, in pixels and degrees, one may be off.
_MIN_SAME, _MAX_OFF = 0.99, 0.01
# Keypoints of which the strongest are chosen; a GPU leaves out what is beyond, without a word. By default these are
# 8,192, and noise of 640 px has 13,000.
_MOST_CANDIDATES = 1 << 15
# Keypoints of the trial.
_TRIAL_POINTS = 200


class GpuSift:
    """Finds the keypoints that `Sift` finds, in another order. May be shared by threads."""

    def __init__(self, device: str = "cuda") -> None:
        """Make ready; each thread gets a plan of its own at its first photo.

        Args:
            device: "cuda", "cuda:1", ...; "cpu" runs kornia-rs there, slowly, for tests.

        Raises:
            ImportError: kornia-rs is not installed.
        """
        from kornia_rs.imgproc import Sift as KorniaSift

        kind, _, number = device.partition(":")
        self._make, self._on_gpu, self._own = KorniaSift, kind == "cuda", threading.local()
        self._number = int(number or 0)
        if self._on_gpu:
            _load_nvrtc()

    def extract(self, image: Rgb) -> Keypoints:
        """Find the keypoints of a photo, uint8 (H, W, 3) RGB."""
        return sift_photo(image, self.detect)

    def detect(self, grey: NDArray[np.uint8], most: int, min_contrast: float) -> tuple[Frames, Descriptors]:
        """Find keypoints in a grey picture (`sift.Detect`)."""
        sift = self._plan(most, min_contrast)
        given: Any = np.ascontiguousarray(grey, np.float32)[..., None]
        if self._on_gpu:
            from kornia_rs.cuda import Stream
            from kornia_rs.image import Image

            given = Image.from_numpy(given).to_cuda(Stream.default(self._number))
        points, descriptors = sift.detect_and_compute(given)
        if self._on_gpu:
            from torch.utils.dlpack import from_dlpack

            descriptors = from_dlpack(descriptors).cpu().numpy()
        frames = np.array([(p.x, p.y, p.size, p.angle) for p in points], np.float64).reshape(-1, 4)
        return frames, np.asarray(descriptors, np.float32).reshape(-1, 128)

    def _plan(self, most: int, min_contrast: float) -> Any:
        """Return this thread's plan, which kornia-rs lets no other thread use."""
        plans: dict[tuple[int, float], Any] = self._own.__dict__.setdefault("plans", {})
        if (most, min_contrast) not in plans:
            plans[most, min_contrast] = self._make(
                n_features=most, contrast_threshold=min_contrast, max_keypoints=_MOST_CANDIDATES
            )
        return plans[most, min_contrast]


def make_sift(device: str) -> KeypointExtractor:
    """Return what finds keypoints: on a GPU `GpuSift` where it is installed and finds OpenCV's keypoints, else `Sift`.

    Args:
        device: Device of the encoder.
    """
    if not device.startswith("cuda"):
        return Sift()
    if find_spec("kornia_rs") is None:
        logger.warning("keypoints are found on the CPU, not on %s; pip install 'logoscan[gpu]'", device)
        return Sift()
    try:
        sift = GpuSift(device)
        if finds_the_same(sift):
            return sift
        why = "it finds others than OpenCV"
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of Rust is no Exception
        why = f"{type(error).__name__}: {cause(error)}"
    logger.warning("keypoints are found on the CPU: kornia-rs cannot find them on %s (%s)", device, why)
    return Sift()


def finds_the_same(sift: GpuSift) -> bool:
    """Return whether it finds OpenCV's keypoints in a made-up picture."""
    import cv2

    noise = np.random.default_rng(0).integers(0, 256, (30, 40), np.uint8)
    grey = np.asarray(cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    wanted, found = (detect(grey, _TRIAL_POINTS, 0.02)[0] for detect in (opencv_sift, sift.detect))
    if not len(found):
        return False
    off = np.abs(wanted[:, None] - found[None])
    off[..., 3] = np.minimum(off[..., 3], 360 - off[..., 3])
    return bool((off.max(axis=2).min(axis=1) <= _MAX_OFF).mean() >= _MIN_SAME)


def _load_nvrtc() -> None:
    """Load NVIDIA's compiler, which kornia-rs looks up by name; torch brings it along under another path."""
    import torch

    for file in sorted(Path(torch.__file__).parents[1].glob("nvidia/**/libnvrtc*.so*")):
        try:
            ctypes.CDLL(str(file), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            logger.debug("%s: %s", file.name, error)
