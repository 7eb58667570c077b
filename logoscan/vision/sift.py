"""Keypoints: points of a picture that can be found again in another picture. SIFT by OpenCV, without matching."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.types import Rgb, Rgba

__all__ = ["Detect", "KeypointExtractor", "Keypoints", "Sift", "opencv_sift", "sift_logo", "sift_photo"]

Frames: TypeAlias = NDArray[np.float64]
Descriptors: TypeAlias = NDArray[np.float32]
Detect: TypeAlias = Callable[[NDArray[np.uint8], int, float], tuple[Frames, Descriptors]]
"""Finds the strongest SIFT keypoints in a grey picture, uint8 (H, W), given how many at most and their least contrast:
x, y and diameter in pixels and orientation in degrees, (n, 4), and descriptors, (n, 128)."""

# Long sides in pixels to which photos and logo images are scaled; enlarging a photo gives small marks more keypoints.
_PHOTO_PX, _LOGO_PX = 640, 320
# Largest factor by which a photo is enlarged; more adds no detail.
_MAX_ENLARGEMENT = 1.5
# Most keypoints of a photo and of a logo image, the strongest ones.
_MAX_PHOTO_KEYPOINTS, _MAX_LOGO_KEYPOINTS = 1000, 500
# Least contrast of a keypoint of a photo and of a logo image, some half of OpenCV's default: print on crumpled foil is
# faint. Below 0.0236 OpenCV rounds its first, coarse test down to 0 and refines every extremum of the noise, which
# takes as long again on a plain ground.
_MIN_PHOTO_CONTRAST, _MIN_LOGO_CONTRAST = 0.024, 0.02
# Ground around a logo image, as a share of its long side; the descriptors of its outline's keypoints include it.
_PADDING_SHARE = 0.06
# A logo image all of whose colours are lighter than this is put on black, any other on white.
_LIGHT_LEVEL = 200


@dataclass(frozen=True, eq=False)
class Keypoints:
    """SIFT keypoints of a picture.

    Attributes:
        frames: float32 (n, 4): x and y in pixels of the picture, diameter in pixels, orientation in radians.
        descriptors: uint8 (n, 128): RootSIFT (Arandjelovic and Zisserman, CVPR 2012), 255 times the unit vectors.
        size_wh: Width and height of the picture in pixels.
        drawn_xyxy: Box of the visible part of a logo image, in pixels; None is the whole picture.
    """

    frames: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    size_wh: tuple[int, int]
    drawn_xyxy: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.frames.ndim != 2 or self.frames.shape[1] != 4 or self.frames.dtype != np.float32:
            raise InputError(f"Keypoints.frames: expected float32 (n, 4), got {self.frames.dtype} {self.frames.shape}")
        if len(self.frames) and not (
            np.isfinite(self.frames).all() and self.frames[:, 2].min() > 0 and min(self.size_wh) > 0
        ):
            raise InputError("Keypoints: expected finite frames of diameters above 0 in a picture of some size")
        if self.descriptors.shape != (len(self.frames), 128) or self.descriptors.dtype != np.uint8:
            raise InputError(
                f"Keypoints.descriptors: expected uint8 ({len(self.frames)}, 128), "
                f"got {self.descriptors.dtype} {self.descriptors.shape}"
            )

    @classmethod
    def empty(cls, size_wh: tuple[int, int] = (0, 0)) -> Keypoints:
        """Return no keypoints."""
        return cls(np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8), size_wh)

    def __len__(self) -> int:
        """Return the number of keypoints."""
        return len(self.frames)


@runtime_checkable
class KeypointExtractor(Protocol):
    """Finds keypoints of photos that can be compared with those of `sift_logo`, which an index keeps of its logos."""

    def extract(self, image: Rgb) -> Keypoints:
        """Find the keypoints of a photo, uint8 (H, W, 3) RGB."""
        ...


class Sift:
    """Finds keypoints by `sift_photo`."""

    def extract(self, image: Rgb) -> Keypoints:
        """Find the keypoints of a photo, uint8 (H, W, 3) RGB."""
        return sift_photo(image)


def sift_photo(rgb: Rgb, detect: Detect | None = None) -> Keypoints:
    """Find the keypoints of a photo, 1,000 at most.

    Args:
        rgb: uint8 (H, W, 3) RGB.
        detect: Finds keypoints in the scaled grey picture; None is OpenCV.
    """
    long_px = min(_PHOTO_PX, round(_MAX_ENLARGEMENT * max(rgb.shape[:2])))
    return _sift(rgb, long_px, _MAX_PHOTO_KEYPOINTS, _MIN_PHOTO_CONTRAST, detect or opencv_sift)


def sift_logo(rgba: Rgba) -> Keypoints:
    """Find the keypoints of a registered logo image, 500 at most, in its own pixels.

    Args:
        rgba: uint8 (H, W, 4), straight alpha.
    """
    alpha = rgba[..., 3:].astype(np.float32) / 255
    inked = rgba[..., :3][rgba[..., 3] > 127]
    ground = 0 if len(inked) and inked.min() > _LIGHT_LEVEL else 255
    rgb = np.rint(rgba[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
    if alpha.min() == 1:
        return _sift(rgb, _LOGO_PX, _MAX_LOGO_KEYPOINTS, _MIN_LOGO_CONTRAST, opencv_sift)
    height, width = rgb.shape[:2]
    pad = max(4, round(_PADDING_SHARE * max(height, width)))
    padded = np.pad(rgb, ((pad, pad), (pad, pad), (0, 0)), constant_values=ground)
    keypoints = _sift(padded, _LOGO_PX, _MAX_LOGO_KEYPOINTS, _MIN_LOGO_CONTRAST, opencv_sift)
    frames = keypoints.frames - np.array([pad, pad, 0, 0], np.float32)
    rows, columns = np.nonzero(rgba[..., 3] > 127)
    drawn = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1) if len(rows) else None
    return replace(keypoints, frames=frames, size_wh=(width, height), drawn_xyxy=drawn)


def opencv_sift(grey: NDArray[np.uint8], most: int, min_contrast: float) -> tuple[Frames, Descriptors]:
    """Find keypoints by OpenCV (`Detect`)."""
    import cv2

    sift: Any = cv2.SIFT_create(nfeatures=most, contrastThreshold=min_contrast)  # type: ignore[attr-defined]
    points, descriptors = sift.detectAndCompute(grey, None)
    frames = np.array([(*p.pt, p.size, p.angle) for p in points], np.float64).reshape(-1, 4)
    return frames, np.zeros((0, 128), np.float32) if descriptors is None else descriptors


def _sift(rgb: Rgb, long_px: int, most: int, min_contrast: float, detect: Detect) -> Keypoints:
    import cv2

    height, width = rgb.shape[:2]
    scale = long_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    frames, descriptors = detect(np.asarray(grey, np.uint8), most, min_contrast)
    if not len(frames):
        return Keypoints.empty((width, height))
    frames, descriptors = frames[:most], descriptors[:most]  # there are more where several are equally strong
    scale_xy = (width / size[0], height / size[1])
    factor = np.array([*scale_xy, math.sqrt(scale_xy[0] * scale_xy[1]), math.pi / 180])
    shares = descriptors / (descriptors.sum(axis=1, keepdims=True) + 1e-7)
    descriptors_255 = np.rint(np.sqrt(shares) * 255).astype(np.uint8)
    return Keypoints((frames * factor).astype(np.float32), descriptors_255, (width, height))
