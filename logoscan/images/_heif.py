"""HEIC and HEIF by pillow-heif, an extra. No plugin is registered with Pillow, which belongs to the host."""

from __future__ import annotations

from PIL import Image

from logoscan._quote import cause
from logoscan.errors import ImageError

__all__ = ["HeifPhoto"]


class HeifPhoto:
    """The header of a HEIC's primary picture; nothing is decoded yet.

    Attributes:
        size: Width and height in pixels, upright: the decoder turns the picture itself.
        deep: The file has more than eight bits a channel; it is decoded to eight.
    """

    def __init__(self, data: bytes) -> None:
        """Read the header.

        Raises:
            ImageError: pillow-heif is not installed, or the file is damaged.
        """
        try:
            import pillow_heif
        except ImportError:
            raise ImageError("reading HEIC needs pip install 'logoscan[heif]'") from None
        try:
            self._file = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
            self.size: tuple[int, int] = self._file.size
            self.deep = int(self._file.info.get("bit_depth", 8)) > 8
        except RuntimeError as error:  # from libheif
            raise ImageError(f"cannot be decoded ({cause(error)})") from None

    def decode(self) -> Image.Image:
        """Return the upright picture in RGB, RGBA or grey.

        Raises:
            ImageError: The file is damaged.
        """
        try:
            picture = self._file.to_pillow()
        except RuntimeError as error:
            raise ImageError(f"cannot be decoded ({cause(error)})") from None
        picture.info.pop("exif", None)  # libheif has turned it
        return picture
