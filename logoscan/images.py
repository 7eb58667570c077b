"""Pictures in: whatever a caller holds -> uint8 (H, W, 3) RGB, safely; and crops of them at one size.

Registration and search cut and resize through `square_crops` alone, so that a logo and a photo of it meet the encoder
in the same way. Nothing here knows models, listings or scores.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from logoscan.boxes import clip
from logoscan.errors import ImageError, InputError
from logoscan.types import Boxes, CropFit, ImageSource, Rgb, Rgba

__all__ = [
    "FORMATS", "ImageLimits", "Picture", "crop", "load_image", "pad_square", "read_file", "read_picture",
    "read_rgba", "resolve_under", "square_crops",
]  # fmt: skip

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""Pillow's decoders that may run; everything else it could open is refused."""

_DECODE_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError,
    struct.error, zlib.error, Image.DecompressionBombError, UnidentifiedImageError, Warning,
)  # fmt: skip
"""What Pillow's decoders raise on hostile bytes (found by trying them, not promised by Pillow). They also warn, of
broken EXIF or a large header: errors for callers who run with warnings as errors."""

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class ImageLimits:
    """Caps that are checked before anything is decoded.

    Attributes:
        max_bytes: Of the file. 32 MiB holds any phone photo.
        max_pixels: Width times height as the header states. 64 million is 192 MB once decoded.
        max_side_px: Longer side.
    """

    max_bytes: int = 32 << 20
    max_pixels: int = 64_000_000
    max_side_px: int = 30_000


_LARGEST_PADDED_PX = 4096
"""Side of the largest square that is padded out; a longer box is reduced first. A strip's of 30,000 px has 2.7 GB."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        rgb: uint8 (H, W, 3).
        sha256: Hex digits of its bytes (of its pixels, if it was an array).
        size_wh: Width and height of the file in pixels, upright; more than `rgb` has where it was decoded smaller.
    """

    rgb: Rgb
    sha256: str
    size_wh: tuple[int, int]


def resolve_under(root: Path, name: str) -> Path:
    """The file `name` below `root`, following links, or an error if it would lie elsewhere.

    Raises:
        ImageError: `name` is absolute, climbs out, or is a link that leads out.
    """
    base = root.resolve()
    try:
        path = (base / name).resolve()
    except (ValueError, OSError, RuntimeError) as error:
        raise ImageError(f"image path: expected a file below the root, got {name!r:.120} ({error})") from None
    if Path(name).is_absolute() or not path.is_relative_to(base):
        raise ImageError(f"image path: expected a file below the root, got {name!r:.120}, which leads out of it")
    return path


def _read_bytes(source: str | Path | bytes, root: Path | None, limits: ImageLimits) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        data, name = source, "bytes"
    else:
        path = Path(source) if root is None else resolve_under(root, str(source))
        name = Path(source).name
        try:
            if not path.is_file():
                raise ImageError(f"{name}: no such image file")
            with path.open("rb") as file:
                data = file.read(limits.max_bytes + 1)
        except (OSError, ValueError) as error:
            if isinstance(error, ImageError):
                raise
            raise ImageError(f"{name!r:.120}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not data:
        raise ImageError(f"{name}: the file is empty")
    if len(data) > limits.max_bytes:
        raise ImageError(f"{name}: expected at most {limits.max_bytes} bytes, got more")
    return data, name


def read_file(path: str | Path, *, root: Path | None = None, limits: ImageLimits | None = None) -> bytes:
    """The bytes of a picture's file, not decoded.

    Args:
        path: Of the file.
        root: If given, the path is relative to it and may not leave it.
        limits: Caps; only that on the file's size is looked at.

    Raises:
        ImageError: It is missing, empty, too large or outside `root`.
    """
    return _read_bytes(path, root, limits or ImageLimits())[0]


def _check_size(name: str, width: int, height: int, limits: ImageLimits) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"{name}: expected at least 1 x 1 pixels, got {width} x {height}")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side_px:
        raise ImageError(
            f"{name}: expected at most {limits.max_pixels} pixels and {limits.max_side_px} a side, "
            f"got {width} x {height}"
        )


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into one `ImageError` that names the picture."""
    try:
        yield
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"{name}: expected one of {', '.join(FORMATS)}, got something else") from None
    except _DECODE_ERRORS as error:
        raise ImageError(f"{name}: cannot be decoded ({type(error).__name__}: {error!s:.120})") from None


def _to_rgba(image: Image.Image) -> Rgba:
    """Decode (first frame), turn by EXIF, and bring any mode to uint8 RGBA."""
    image.load()
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except _DECODE_ERRORS:  # a broken EXIF block does not spoil the picture
        turn = None
    if image.mode == "F" or image.mode.startswith("I"):  # 16-bit and float grey: Pillow would clip instead of scale
        values = np.asarray(image, np.float64)
        if not np.isfinite(values).all():
            raise ImageError("expected finite grey values, got NaN or infinity")
        top = 65535.0 if image.mode.startswith("I;16") or values.max(initial=0) > 255 else 255.0
        image = Image.fromarray(np.clip(values * (255.0 / top) + 0.5, 0, 255).astype(np.uint8))
    if turn is not None:
        image = image.transpose(turn)
    return np.asarray(image.convert("RGBA"))


def _array_rgba(array: np.ndarray) -> Rgba:
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ImageError(f"array: expected uint8 (H, W), (H, W, 3) or (H, W, 4), got {array.dtype} {array.shape}")
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.shape[2] == 3:
        array = np.concatenate([array, np.full((*array.shape[:2], 1), 255, np.uint8)], axis=2)
    return array


REDUCED_PX = 1600
"""Long side from twice which JPEG files are decoded at a half, a quarter or an eighth, by those who ask for it: no
stage looks at more. A 12-megapixel photo is then decoded in a third of the time."""


def read_rgba(
    source: ImageSource, *, root: Path | None = None, limits: ImageLimits | None = None, reduced: bool = False
) -> tuple[Rgba, str]:
    """Read a picture with its transparency.

    Args:
        source: A path, a file's bytes, a PIL image or a uint8 array (H, W), (H, W, 3) or (H, W, 4).
        root: If given, paths are relative to it and may not leave it.
        limits: Caps, checked on the header before decoding.
        reduced: Large JPEG files may be decoded smaller, with a long side of `REDUCED_PX` or more.

    Returns:
        uint8 (H, W, 4) and the hex SHA-256 of the file's bytes (of shape and pixels for PIL images and arrays).

    Raises:
        ImageError: Not one of `FORMATS`, damaged, too large, empty, or outside `root`.
    """
    rgba, digest, _ = _read(source, root, limits or ImageLimits(), reduced)
    return rgba, digest


def _read(
    source: ImageSource, root: Path | None, limits: ImageLimits, reduced: bool
) -> tuple[Rgba, str, tuple[int, int]]:
    """As `read_rgba`, and width and height as the header states them."""
    if isinstance(source, (str, Path, bytes)):
        data, name = _read_bytes(source, root, limits)
        digest = hashlib.sha256(data).hexdigest()
        with _reading(name), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(name, *image.size, limits)
            size_wh = image.size
            if reduced and max(image.size) >= 2 * REDUCED_PX:  # draft() knows sides, not which of them is the longer
                share = REDUCED_PX / max(image.size)
                image.draft("RGB", (max(1, int(image.width * share)), max(1, int(image.height * share))))
            return _to_rgba(image), digest, size_wh
    if isinstance(source, Image.Image):
        with _reading("PIL image"):
            _check_size("PIL image", *source.size, limits)
            rgba = _to_rgba(source)
    elif isinstance(source, np.ndarray):
        height, width = source.shape[:2] if source.ndim >= 2 else (0, 0)
        _check_size("array", width, height, limits)
        rgba = _array_rgba(source)
    else:
        raise ImageError(f"image: expected a path, bytes, a PIL image or an array, got {type(source).__name__}")
    digest = hashlib.sha256(repr(rgba.shape).encode() + rgba.tobytes()).hexdigest()
    return rgba, digest, (rgba.shape[1], rgba.shape[0])


def read_picture(
    source: ImageSource, *, root: Path | None = None, limits: ImageLimits | None = None, reduced: bool = False
) -> Picture:
    """Read a photo as `read_rgba` does; transparent parts come to lie on white."""
    rgba, digest, (width, height) = _read(source, root, limits or ImageLimits(), reduced)
    rgb = flatten(rgba, (255, 255, 255))
    lies = (rgb.shape[1] > rgb.shape[0]) != (width > height)  # turned by EXIF
    return Picture(rgb, digest, (height, width) if lies else (width, height))


def load_image(source: ImageSource, *, root: Path | None = None, limits: ImageLimits | None = None) -> Rgb:
    """The pixels of `read_picture`: uint8 (H, W, 3) RGB."""
    return read_picture(source, root=root, limits=limits).rgb


def flatten(rgba: Rgba, ground: tuple[int, int, int]) -> Rgb:
    """Lay a drawing uint8 (H, W, 4) on one colour: uint8 (H, W, 3)."""
    alpha = rgba[..., 3]
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(rgba[..., :3])
    canvas = Image.new("RGBA", (rgba.shape[1], rgba.shape[0]), (*ground, 255))
    canvas.alpha_composite(Image.fromarray(rgba))  # in bytes: floats would take four times the memory
    return np.asarray(canvas.convert("RGB"))


def crop(image: Rgb, xyxy: tuple[float, float, float, float]) -> Rgb:
    """The pixels of one box, rounded outwards and cut to the picture.

    Raises:
        InputError: The box does not meet the picture.
    """
    height, width = image.shape[:2]
    x0, y0 = max(0, int(np.floor(xyxy[0]))), max(0, int(np.floor(xyxy[1])))
    x1, y1 = min(width, int(np.ceil(xyxy[2]))), min(height, int(np.ceil(xyxy[3])))
    if x1 <= x0 or y1 <= y0:
        raise InputError(f"xyxy: expected a box that meets the {width} x {height} picture, got {xyxy}")
    return image[y0:y1, x0:x1]


def pad_square(image: Rgb, margin: float = 0.0) -> Rgb:
    """Centre a picture on a square of its border's median colour, with `margin` of its long side around it."""
    height, width = image.shape[:2]
    side = max(1, round(max(height, width) * (1 + 2 * margin)))
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    out = np.empty((side, side, 3), np.uint8)
    out[:] = np.median(border, axis=0).astype(np.uint8)
    y, x = (side - height) // 2, (side - width) // 2
    out[y : y + height, x : x + width] = image
    return out


def square_crops(image: Rgb, xyxy: Boxes, size_px: int, fit: CropFit = "pad") -> Rgb:
    """Cut boxes out of a picture as squares of one size. Empty in, empty out.

    Args:
        image: uint8 (H, W, 3).
        xyxy: float32 (n, 4), pixels; cut to the picture first. A box under a pixel takes the pixel it lies in.
        size_px: Side of the squares.
        fit: "context" grows the short side into the picture as far as it goes and squeezes the rest; "squeeze" changes
            the aspect; "pad" adds the border's median colour.

    Returns:
        uint8 (n, size_px, size_px, 3). Bilinear with antialiasing.
    """
    height, width = image.shape[:2]
    out = np.empty((len(xyxy), size_px, size_px, 3), np.uint8)
    boxes = clip(np.asarray(xyxy, np.float32), width, height)
    whole = Image.fromarray(image) if len(boxes) else None
    for row, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        assert whole is not None
        x0, y0 = min(x0, width - 1.0), min(y0, height - 1.0)
        x1, y1 = max(x1, x0 + 1.0), max(y1, y0 + 1.0)
        if fit == "pad":
            part = Image.fromarray(crop(image, (x0, y0, x1, y1)))
            if (times := max(part.size) / _LARGEST_PADDED_PX) > 1:
                part = part.resize([max(1, round(side / times)) for side in part.size], Image.Resampling.BOX)
            padded = Image.fromarray(pad_square(np.asarray(part)))
            out[row] = np.asarray(padded.resize((size_px, size_px), Image.Resampling.BILINEAR, reducing_gap=3.0))
            continue
        if fit == "context":
            side = max(x1 - x0, y1 - y0)
            x0, x1 = _grow(x0, x1, side, width)
            y0, y1 = _grow(y0, y1, side, height)
        # reducing_gap: large boxes shrink by whole numbers first, within a few grey levels of the plain filter
        square = whole.resize((size_px, size_px), Image.Resampling.BILINEAR, box=(x0, y0, x1, y1), reducing_gap=3.0)
        out[row] = np.asarray(square)
    return out


def _grow(low: float, high: float, side: float, limit: float) -> tuple[float, float]:
    """Widen an interval around its centre to `side`, shifted to stay in [0, limit]."""
    side = min(side, limit)
    start = min(max((low + high - side) / 2, 0.0), limit - side)
    return start, start + side
