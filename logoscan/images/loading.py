"""Pictures that a caller holds in any form -> uint8 (H, W, 3) RGB, with caps that are checked before decoding.

Knows no models, listings or scores.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from logoscan._hashing import pixels_sha256, sha256_hex
from logoscan._quote import cause
from logoscan.errors import ImageError
from logoscan.images._heif import HeifPhoto
from logoscan.images.formats import (
    FORMATS,
    MOST_READS,
    most_reads,
    orientation,
    plain_jpeg,
    refuse_costly_file,
    refuse_costly_picture,
    refuse_large,
)
from logoscan.sources import ANYWHERE, HEAD_BYTES, Root, kind_of, read_bytes, short_name
from logoscan.types import ImageSource, Rgb, Rgba

__all__ = [
    "FORMATS",
    "ImageLimits",
    "Picture",
    "flatten",
    "load_grey",
    "load_image",
    "read_file",
    "read_picture",
    "read_rgba",
]

# How a picture is turned upright, by its EXIF orientation.
_TURNS: dict[int, Callable[[Rgba], Rgba]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: np.rot90,
}
# Orientations that exchange width and height.
_EXCHANGED = (5, 6, 7, 8)
# Pixels that are converted at a time: they stay in the processor's cache, and a copy of the whole largest picture would
# take a quarter of a gigabyte.
_BAND_PIXELS = 1 << 18


@dataclass(frozen=True)
class ImageLimits:
    """Caps that are checked before anything is decoded.

    Attributes:
        max_bytes: Bytes of the file. 32 MiB holds any phone photo.
        max_pixels: Width times height, as the header states them. 64 million pixels take 192 MB once decoded.
        max_side_px: Longer side in pixels.
    """

    max_bytes: int = 32 << 20
    max_pixels: int = 64_000_000
    max_side_px: int = 30_000


# Formats with several frames or pages. Frames after the first, which a browser plays, are not looked at.
_ANIMATED = frozenset({"GIF", "WEBP", "PNG", "AVIF", "TIFF"})


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        rgb: Pixels, uint8 (H, W, 3).
        sha256: SHA-256 of the file's bytes as hex digits (of shape and pixels for PIL images and arrays).
        size_wh: Width and height of the upright file in pixels; larger than `rgb` where it was decoded smaller.
        more_frames: It is animated, or has further pages; `rgb` is the first.
    """

    rgb: Rgb
    sha256: str
    size_wh: tuple[int, int]
    more_frames: bool = False


def read_file(path: str | Path, *, root: Root = ANYWHERE, limits: ImageLimits | None = None) -> bytes:
    """Return the bytes of a picture's file, not decoded.

    Args:
        path: Name or path of the file.
        root: If given, paths are relative to it and may not leave it. None confines names (`str`) to the current
            folder.
        limits: Caps, of which only `max_bytes` is checked.

    Raises:
        ImageError: The file is missing, no plain file, empty, too large or outside of `root`.
    """
    return read_bytes(path, root, (limits or ImageLimits()).max_bytes)


def _check_size(width: int, height: int, limits: ImageLimits) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"expected at least 1 x 1 pixels, got {width} x {height}")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side_px:
        raise ImageError(
            f"expected at most {limits.max_pixels} pixels and {limits.max_side_px} a side, got {width} x {height}"
        )


class _Bounded(io.BytesIO):
    """Bytes of a file that refuse to be read in millions of pieces; `most_reads` pieces are allowed."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.most_reads, self._reads = MOST_READS, 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > self.most_reads:
            raise ImageError(f"expected a file that is read in at most {self.most_reads} pieces, got more")
        return super().read(size)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into one `ImageError` that names the picture."""
    try:
        yield
    except ImageError as error:
        said = str(error)
        raise ImageError(said if said.startswith(f"{name}: ") else f"{name}: {said}") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name}: expected one of {', '.join(FORMATS)}, got something else") from None
    except Exception as error:  # decoders raise most of what there is on hostile bytes; Pillow promises nothing
        raise ImageError(f"{name}: cannot be decoded ({type(error).__name__}: {cause(error)})") from None


def _pixels(image: Image.Image, *, alpha: bool, shrink: int = 1, orientation_known: int = 1) -> tuple[Rgb | Rgba, bool]:
    """Decode the first frame of any mode as uint8 RGB or RGBA, shrink it and turn it upright.

    Args:
        image: A picture; TIFF and HEIC were turned by their decoders.
        alpha: Return RGBA; without it, RGBA is returned only where the picture may be transparent.
        shrink: Whole number by which the sides are divided.
        orientation_known: EXIF orientation where it was read before, otherwise 1.

    Returns:
        The pixels, and whether width and height were exchanged.
    """
    image.load()
    exif = image.info.get("exif", b"")
    turned = orientation(exif) if orientation_known == 1 and isinstance(exif, bytes) else orientation_known
    turn = _TURNS.get(turned)
    if image.format == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        image = image.convert("RGB")  # the fourth byte is no transparency: every program shows such a file
    alpha = alpha or image.has_transparency_data
    width, height = image.size
    out = np.empty((-(-height // shrink), -(-width // shrink), 4 if alpha else 3), np.uint8)
    grey_top = _grey_top(image)
    rows = max(1, _BAND_PIXELS // max(1, width) // shrink) * shrink
    for top in range(0, height, rows):
        part = image if rows >= height else image.crop((0, top, width, min(height, top + rows)))
        if grey_top is not None:
            part = _scaled_grey(part, grey_top)
        wanted = "RGBA" if alpha else "RGB"
        part = part if part.mode == wanted else part.convert(wanted)
        if shrink > 1:  # colours of transparent pixels must not bleed
            part = part.convert("RGBa").reduce(shrink).convert("RGBA") if alpha else part.reduce(shrink)
        out[top // shrink : (top + rows) // shrink] = np.asarray(part)
    return (out, False) if turn is None else (np.ascontiguousarray(turn(out)), turned in _EXCHANGED)


def _grey_top(image: Image.Image) -> float | None:
    """Return the value of white in 16-bit and float grey, which Pillow would clip; None in other modes."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return None
    if image.mode.startswith("I;16"):
        return 65535.0
    most = image.getextrema()[1]
    if not isinstance(most, (int, float)):
        return 255.0
    if image.mode == "F" and 0 < most <= 1:
        return 1.0
    return 255.0 if most <= 255 else max(65535.0, float(most))


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
"""Long side that reduced decoding leaves at least: pictures of twice that are shrunk by a whole number.

No stage uses more pixels. A 12-megapixel JPEG is then decoded in a third of the time, and no picture is held twice.
"""
# Short side that reduced decoding leaves at least, since regions of a long strip are cut from it.
_LEAST_SHORT_PX = 224


def read_rgba(
    source: ImageSource, *, root: Root = ANYWHERE, limits: ImageLimits | None = None, reduced: bool = False
) -> tuple[Rgba, str]:
    """Read a picture with its transparency.

    Args:
        source: A path, a file's bytes, a PIL image or a uint8 array (H, W), (H, W, 3) or (H, W, 4).
        root: If given, paths are relative to it and may not leave it. None confines names (`str`) to the current
            folder, as a Scanner does with those of listings.
        limits: Caps, checked on the header before decoding.
        reduced: Large files may be decoded smaller, with a long side of `REDUCED_PX` or more.

    Returns:
        The pixels, uint8 (H, W, 4), and the SHA-256 of the file's bytes as hex digits (of shape and pixels for PIL
        images and arrays).

    Raises:
        ImageError: The picture is not one of `FORMATS`, damaged, too large, empty, or outside of `root`.
    """
    rgba, digest, _, _ = _read(source, root, limits or ImageLimits(), reduced, alpha=True)
    return rgba, digest


def _decoded(
    data: bytes, limits: ImageLimits, reduced: bool, *, alpha: bool, grey: bool = False
) -> tuple[Rgb | Rgba, tuple[int, int], bool]:
    """Decode the first picture of a file; return its pixels, its upright width and height, and whether more follow."""
    kind, turned = kind_of(data[:HEAD_BYTES]), 1
    if kind is None:
        raise UnidentifiedImageError
    refuse_costly_file(data, limits.max_pixels)
    if kind == "HEIC":
        photo = HeifPhoto(data)
        _check_size(*photo.size, limits)
        refuse_large(kind, limits.max_pixels, photo.size, deep=photo.deep)
        shrink = _shrink_factor(photo.size) if reduced else 1
        return _pixels(photo.decode(), alpha=alpha, shrink=shrink)[0], photo.size, False
    if kind == "JPEG":
        data, turned = plain_jpeg(data)
    with _Bounded(data) as file, _opened(file, kind) as image:
        _check_size(*image.size, limits)
        refuse_costly_picture(image, data, limits.max_pixels)
        file.most_reads = most_reads(image)
        size_wh = image.size
        if reduced and max(size_wh) >= 2 * REDUCED_PX:
            share = REDUCED_PX / max(size_wh)
            image.draft("RGB", (max(1, int(image.width * share)), max(1, int(image.height * share))))
        elif grey:
            image.draft("L", image.size)
        shrink = _shrink_factor(image.size) if reduced else 1
        pixels, exchanged = _pixels(image, alpha=alpha, shrink=shrink, orientation_known=turned)
        return pixels, size_wh[::-1] if exchanged else size_wh, kind in _ANIMATED and _has_more(image)


def _has_more(image: ImageFile.ImageFile) -> bool:
    """Return whether a decoded picture has a second frame or page."""
    try:
        image.seek(1)
    except EOFError:
        return False
    except Exception:  # a second one that is damaged: a browser may show it nevertheless
        return True
    return True


def _opened(file: io.BytesIO, kind: str) -> ImageFile.ImageFile:
    try:
        return Image.open(file, formats=(kind,))
    except UnidentifiedImageError:
        raise ImageError(f"cannot be decoded (a damaged {kind}, or one of a sort that Pillow does not read)") from None


def _shrink_factor(size_wh: tuple[int, int]) -> int:
    """Return the whole number by which the sides of a decoded picture are divided."""
    return max(1, min(max(size_wh) // REDUCED_PX, min(size_wh) // _LEAST_SHORT_PX))


def _read(
    source: ImageSource, root: Root, limits: ImageLimits, reduced: bool, *, alpha: bool, grey: bool = False
) -> tuple[Rgb | Rgba, str, tuple[int, int], bool]:
    """Read a picture as `read_rgba` does.

    Returns:
        The pixels, RGB instead of RGBA where the picture is opaque and `alpha` is not set; the SHA-256; the file's
        upright width and height; and whether there are more frames.
    """
    if isinstance(source, (str, Path, bytes)):
        if isinstance(source, bytes):
            data, name = source, "bytes"
        else:
            data, name = read_bytes(source, root, limits.max_bytes), short_name(source)
        with _reading(name):
            if not data:
                raise ImageError("the file is empty")
            if len(data) > limits.max_bytes:
                raise ImageError(f"expected at most {limits.max_bytes} bytes, got more")
            digest = sha256_hex(data)
            pixels, size_wh, more = _decoded(data, limits, reduced, alpha=alpha, grey=grey)
            return pixels, digest, size_wh, more
    if isinstance(source, Image.Image):
        with _reading("PIL image"):
            _check_size(*source.size, limits)
            rgba, _ = _pixels(source, alpha=True)
    elif isinstance(source, np.ndarray):
        height, width = source.shape[:2] if source.ndim >= 2 else (0, 0)
        with _reading("array"):
            _check_size(width, height, limits)
            rgba = _array_rgba(source)
    else:
        raise ImageError(f"image: expected a path, bytes, a PIL image or an array, got {type(source).__name__}")
    digest = pixels_sha256(rgba)
    return rgba, digest, (rgba.shape[1], rgba.shape[0]), False


def read_picture(
    source: ImageSource, *, root: Root = ANYWHERE, limits: ImageLimits | None = None, reduced: bool = False
) -> Picture:
    """Read a photo as `read_rgba` does, with transparent parts laid on white, and return it as a `Picture`."""
    pixels, digest, size_wh, more = _read(source, root, limits or ImageLimits(), reduced, alpha=False)
    rgb = flatten(pixels, (255, 255, 255)) if pixels.shape[2] == 4 else pixels
    return Picture(rgb, digest, size_wh, more)


def load_image(source: ImageSource, *, root: Root = ANYWHERE, limits: ImageLimits | None = None) -> Rgb:
    """Return the pixels of `read_picture`, uint8 (H, W, 3) RGB."""
    return read_picture(source, root=root, limits=limits).rgb


def load_grey(source: ImageSource, *, root: Root = ANYWHERE, limits: ImageLimits | None = None) -> NDArray[np.uint8]:
    """Return a photo in full size and in grey, uint8 (H, W), transparent parts laid on white.

    Of a JPEG the brightness alone is decoded, in half the time.

    Raises:
        ImageError: As `load_image` does.
    """
    pixels, _, _, _ = _read(source, root, limits or ImageLimits(), False, alpha=False, grey=True)
    rgb = flatten(pixels, (255, 255, 255)) if pixels.shape[2] == 4 else pixels
    return np.asarray(Image.fromarray(rgb).convert("L"))


def flatten(rgba: Rgba, ground: tuple[int, int, int]) -> Rgb:
    """Return a picture uint8 (H, W, 4) laid on one colour, uint8 (H, W, 3)."""
    alpha = rgba[..., 3]
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(rgba[..., :3])
    height, width = rgba.shape[:2]
    out = np.empty((height, width, 3), np.uint8)
    rows = max(1, _BAND_PIXELS // max(1, width))
    for top in range(0, height, rows):  # some rows at a time, in bytes: floats would take four times the memory
        part = Image.fromarray(rgba[top : top + rows])
        canvas = Image.new("RGBA", part.size, (*ground, 255))
        canvas.alpha_composite(part)
        out[top : top + rows] = np.asarray(canvas.convert("RGB"))
    return out
