"""Pictures in: whatever a caller holds -> uint8 (H, W, 3) RGB, safely; and crops of them at one size.

Registration and search cut and resize through `square_crops` alone, so that a logo and a photo of it meet the encoder
in the same way. Nothing here knows models, listings or scores.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

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
_TURNS: dict[int, Callable[[Rgba], Rgba]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: np.rot90,
}
_EXCHANGED = (5, 6, 7, 8)
"""Orientations of which width is height."""
_MOST_READS = 20_000
"""Reads of a file by Pillow, whose parsers read each block of it in Python: a file of 32 MiB can hold eight million. A
photo takes up to 500, a large PNG in small blocks 16,000."""
_MOST_SCANNED_PIXELS = 1_300_000_000
"""Pixels of a JPEG times its scans, each of which is a pass over the picture whose bytes may be a few: 20 scans of the
largest picture, 100 of a phone's. Encoders make up to ten."""
_MOST_BLOCKS = {b"Exif\0\0": 8, b"8BIM": 20_000}
"""Blocks of a JPEG that Pillow joins or reads one by one within its segments; a photo has one and some dozens."""
_BAND_PIXELS = 1 << 20
"""Pixels that are converted at a time: of the largest picture each copy takes a quarter of a gigabyte."""


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


_WEBP, _DEEP = 3, 2
"""Times fewer pixels of WEBP, whose decoder holds a picture four times, and of 16 bits, which are twice the bytes."""
_MOST_EXIF_BYTES = 1 << 16
"""Of an EXIF block that is asked for the orientation, as much as a JPEG's holds: Pillow warns of each broken entry."""
_LARGEST_PADDED_PX = 4096
"""Side of the largest square that is padded out; a longer box is reduced first. A strip's of 30,000 px has 2.7 GB."""


_MOST_PATH_CHARS = 4096
"""As Linux has it. Following a path of half a million steps takes hours."""


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
    if len(name) > _MOST_PATH_CHARS:
        raise ImageError(f"image path: expected at most {_MOST_PATH_CHARS} characters, got {len(name)}")
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


class _Bounded(io.BytesIO):
    """A file that refuses to be read in millions of pieces."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self._name, self._reads = name, 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > _MOST_READS:
            raise ImageError(f"{self._name}: expected a file that is read in at most {_MOST_READS} pieces, got more")
        return super().read(size)


def _check_passes(name: str, image: ImageFile.ImageFile, data: bytes, limits: ImageLimits) -> None:
    """Refuse what costs its decoder far more than its size says."""
    width, height = image.size
    deep = any(";16" in str(tile[3]) for tile in image.tile)
    most = limits.max_pixels // (_WEBP if image.format == "WEBP" else _DEEP if deep else 1)
    if width * height > most:
        kind = "of a WEBP" if image.format == "WEBP" else "of 16 bits"
        raise ImageError(f"{name}: expected at most {most} pixels {kind}, got {width} x {height}")
    if image.format in ("JPEG", "MPO"):
        scans = data.count(b"\xff\xda")  # in coded data every 0xff is marked, so that these are scans
        if scans * width * height > _MOST_SCANNED_PIXELS:
            raise ImageError(
                f"{name}: expected at most {_MOST_SCANNED_PIXELS} pixels times scans, got {scans} x {width} x {height}"
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


def _quieten_exif() -> None:
    """Keep Pillow from warning of each broken entry of an EXIF block: one photo can bring thousands of lines.

    For the whole process and again at each photo, since filters are a process's and others put them back.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")


def _pixels(image: Image.Image, *, alpha: bool, shrink: int = 1) -> tuple[Rgb | Rgba, bool]:
    """Decode (first frame), bring any mode to uint8 RGB or RGBA, shrunk so many times, and turn by EXIF.

    Says as well whether width and height were exchanged. RGBA where `alpha` is asked for, or the picture may be
    transparent.
    """
    image.load()
    try:
        small = len(image.info.get("exif", b"")) <= _MOST_EXIF_BYTES
        lies = image.getexif().get(_ORIENTATION_TAG, 1) if small else 1
        turn = _TURNS.get(lies)
    except _DECODE_ERRORS:  # a broken EXIF block does not spoil the picture
        lies, turn = 1, None
    alpha = alpha or image.has_transparency_data
    width, height = image.size
    out = np.empty((-(-height // shrink), -(-width // shrink), 4 if alpha else 3), np.uint8)
    grey_top = _grey_top(image)
    rows = max(1, _BAND_PIXELS // max(1, width) // shrink) * shrink
    for top in range(0, height, rows):
        part = image.crop((0, top, width, min(height, top + rows)))
        if grey_top is not None:
            part = _scaled_grey(part, grey_top)
        part = part.convert("RGBA" if alpha else "RGB")
        if shrink > 1:  # colours that nobody sees must not bleed
            part = part.convert("RGBa").reduce(shrink).convert("RGBA") if alpha else part.reduce(shrink)
        out[top // shrink : (top + rows) // shrink] = np.asarray(part)
    return (out, False) if turn is None else (np.ascontiguousarray(turn(out)), lies in _EXCHANGED)


def _grey_top(image: Image.Image) -> float | None:
    """What is white in 16-bit and float grey, which Pillow would clip instead of scale; None in other modes."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return None
    if image.mode.startswith("I;16"):
        return 65535.0
    most = image.getextrema()[1]
    return 65535.0 if isinstance(most, (int, float)) and most > 255 else 255.0


def _scaled_grey(part: Image.Image, top: float) -> Image.Image:
    values = np.asarray(part, np.float64)
    if not np.isfinite(values).all():
        raise ImageError("expected finite grey values, got NaN or infinity")
    return Image.fromarray(np.clip(values * (255.0 / top) + 0.5, 0, 255).astype(np.uint8))


def _array_rgba(array: np.ndarray) -> Rgba:
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ImageError(f"array: expected uint8 (H, W), (H, W, 3) or (H, W, 4), got {array.dtype} {array.shape}")
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.shape[2] == 3:
        array = np.concatenate([array, np.full((*array.shape[:2], 1), 255, np.uint8)], axis=2)
    return array


REDUCED_PX = 1600
"""Long side from twice which pictures are shrunk by whole numbers as they are decoded, by those who ask for it: no
stage looks at more. A 12-megapixel JPEG is then decoded in a third of the time, and none is held twice."""
_LEAST_SHORT_PX = 224
"""Short side that shrinking leaves: of a long strip the places are what is looked at."""


def read_rgba(
    source: ImageSource, *, root: Path | None = None, limits: ImageLimits | None = None, reduced: bool = False
) -> tuple[Rgba, str]:
    """Read a picture with its transparency.

    Args:
        source: A path, a file's bytes, a PIL image or a uint8 array (H, W), (H, W, 3) or (H, W, 4).
        root: If given, paths are relative to it and may not leave it.
        limits: Caps, checked on the header before decoding.
        reduced: Large files may be decoded smaller, with a long side of `REDUCED_PX` or more.

    Returns:
        uint8 (H, W, 4) and the hex SHA-256 of the file's bytes (of shape and pixels for PIL images and arrays).

    Raises:
        ImageError: Not one of `FORMATS`, damaged, too large, empty, or outside `root`.
    """
    rgba, digest, _ = _read(source, root, limits or ImageLimits(), reduced, alpha=True)
    return rgba, digest


def _read(
    source: ImageSource, root: Path | None, limits: ImageLimits, reduced: bool, *, alpha: bool
) -> tuple[Rgb | Rgba, str, tuple[int, int]]:
    """As `read_rgba`, and the file's width and height, turned; without `alpha` what is opaque for sure comes as RGB."""
    _quieten_exif()
    if isinstance(source, (str, Path, bytes)):
        data, name = _read_bytes(source, root, limits)
        digest = hashlib.sha256(data).hexdigest()
        with _reading(name):
            for block, most in _MOST_BLOCKS.items() if data.startswith(b"\xff\xd8") else ():
                if data.count(block) > most:
                    raise ImageError(f"{name}: expected at most {most} blocks {block[:4].decode()}, got more")
            with Image.open(_Bounded(data, name), formats=FORMATS) as image:
                _check_size(name, *image.size, limits)
                _check_passes(name, image, data, limits)
                size_wh = image.size
                if reduced and max(size_wh) >= 2 * REDUCED_PX:
                    share = REDUCED_PX / max(size_wh)
                    image.draft("RGB", (max(1, int(image.width * share)), max(1, int(image.height * share))))
                least = min(max(image.size) // REDUCED_PX, min(image.size) // _LEAST_SHORT_PX)
                pixels, lies = _pixels(image, alpha=alpha, shrink=max(1, least) if reduced else 1)
                return pixels, digest, size_wh[::-1] if lies else size_wh
    if isinstance(source, Image.Image):
        with _reading("PIL image"):
            _check_size("PIL image", *source.size, limits)
            rgba, _ = _pixels(source, alpha=True)
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
    pixels, digest, size_wh = _read(source, root, limits or ImageLimits(), reduced, alpha=False)
    rgb = flatten(pixels, (255, 255, 255)) if pixels.shape[2] == 4 else pixels
    return Picture(rgb, digest, size_wh)


def load_image(source: ImageSource, *, root: Path | None = None, limits: ImageLimits | None = None) -> Rgb:
    """The pixels of `read_picture`: uint8 (H, W, 3) RGB."""
    return read_picture(source, root=root, limits=limits).rgb


def flatten(rgba: Rgba, ground: tuple[int, int, int]) -> Rgb:
    """Lay a drawing uint8 (H, W, 4) on one colour: uint8 (H, W, 3)."""
    alpha = rgba[..., 3]
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(rgba[..., :3])
    height, width = rgba.shape[:2]
    out = np.empty((height, width, 3), np.uint8)
    rows = max(1, _BAND_PIXELS // max(1, width))
    for top in range(0, height, rows):  # in bytes, and some rows at a time: floats would take four times the memory
        part = Image.fromarray(rgba[top : top + rows])
        canvas = Image.new("RGBA", part.size, (*ground, 255))
        canvas.alpha_composite(part)
        out[top : top + rows] = np.asarray(canvas.convert("RGB"))
    return out


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
    whole = Image.fromarray(image) if len(boxes) and fit != "pad" else None  # a copy of four bytes a pixel
    for row, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        x0, y0 = min(x0, width - 1.0), min(y0, height - 1.0)
        x1, y1 = max(x1, x0 + 1.0), max(y1, y0 + 1.0)
        if fit == "pad":
            part = Image.fromarray(crop(image, (x0, y0, x1, y1)))
            if (times := max(part.size) / _LARGEST_PADDED_PX) > 1:
                part = part.resize([max(1, round(side / times)) for side in part.size], Image.Resampling.BOX)
            padded = Image.fromarray(pad_square(np.asarray(part)))
            out[row] = np.asarray(padded.resize((size_px, size_px), Image.Resampling.BILINEAR, reducing_gap=3.0))
            continue
        assert whole is not None
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
