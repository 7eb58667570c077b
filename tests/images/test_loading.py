"""Pictures in: every honest form gives the same pixels, every hostile one an ImageError."""

import hashlib
import io
import os
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import as_boxes, form, quick

from logoscan.errors import ImageError, InputError
from logoscan.images import loading as images
from logoscan.images.crops import crop, pad_square, square_crops
from logoscan.images.loading import ImageLimits, flatten, load_grey, load_image, read_picture, read_rgba
from logoscan.sources import resolve_under
from logoscan.types import CropFit, ImageSource, Rgb

WHITE = [255, 255, 255]


def scene(height: int = 24, width: int = 40, seed: int = 0) -> Rgb:
    """Blocks of random colours, 8 pixels wide as JPEG's own, which therefore keeps them."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (-(-height // 8), -(-width // 8), 3), np.uint8)
    return np.ascontiguousarray(small.repeat(8, 0).repeat(8, 1)[:height, :width])


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of under a hundred bytes whose header states a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"\0" * 10)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def gif_that_claims(screen: tuple[int, int], frame: tuple[int, int]) -> bytes:
    """A GIF of 40 bytes whose screen and first frame state sizes."""
    image = b"," + struct.pack("<HHHH", 0, 0, *frame) + b"\0\x02\x02\x44\x01\0;"
    return b"GIF89a" + struct.pack("<HH", *screen) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + image


# -- honest pictures


@pytest.mark.parametrize(
    ("format", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("JPEG", {"quality": 95, "subsampling": 0}, 4),
        ("WEBP", {"lossless": True}, 0),
        ("GIF", {}, 0),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 3),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate", "big_tiff": True}, 0),
        ("TIFF", {"compression": "packbits"}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 95}, 12),
        ("MPO", {"quality": 95, "subsampling": 0, "save_all": True, "append_images": [Image.new("RGB", (9, 9))]}, 4),
    ],
)
def test_a_format_gives_the_same_pixels_from_anywhere(
    tmp_path: Path, format: str, options: dict[str, Any], tolerance: int
) -> None:
    rgb = scene()
    data = encoded(Image.fromarray(rgb), format, **options)
    path = tmp_path / f"photo.{format.lower()}"
    path.write_bytes(data)
    from_bytes = read_picture(data)
    assert form(from_bytes.rgb) == ("uint8", (24, 40, 3))
    assert np.abs(from_bytes.rgb.astype(int) - rgb).max() <= tolerance
    assert from_bytes.sha256 == hashlib.sha256(data).hexdigest()
    with Image.open(path) as opened:
        sources: list[ImageSource] = [path, str(path), opened, from_bytes.rgb]
        for source in sources:
            np.testing.assert_array_equal(load_image(source), from_bytes.rgb)
    np.testing.assert_array_equal(load_image(path.name, root=tmp_path), from_bytes.rgb)
    assert read_picture(path).sha256 == from_bytes.sha256


def test_the_name_does_not_decide_the_format(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(Image.fromarray(scene()), "PNG"))
    np.testing.assert_array_equal(load_image(path), scene())


def test_a_gif_gives_its_first_frame() -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (10, 200, 90)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
    assert (load_image(data) == 10).all()


@pytest.mark.parametrize("format", ["TIFF", "AVIF", "MPO", "PNG", "WEBP"])
def test_of_several_pages_or_frames_the_first_is_taken(format: str) -> None:
    pages = [Image.new("RGB", (16, 16), (v, v, v)) for v in (10, 200, 90)]
    rgb = load_image(encoded(pages[0], format, save_all=True, append_images=pages[1:]))
    assert np.abs(rgb.astype(int) - 10).max() <= 2


@pytest.mark.parametrize(
    ("format", "mode", "options"),
    [("TIFF", "RGBA", {}), ("TIFF", "RGBA", {"compression": "tiff_lzw"}), ("AVIF", "RGBA", {"quality": 100})],
)
def test_transparency_of_other_formats(format: str, mode: str, options: dict[str, Any]) -> None:
    image = Image.new(mode, (16, 16), (200, 30, 30, 255))
    image.paste((0, 0, 0, 0), (0, 0, 8, 16))
    data = encoded(image, format, **options)
    assert (load_image(data)[4, 2] == 255).all()
    assert np.abs(load_image(data)[4, 13].astype(int) - (200, 30, 30)).max() <= 4
    rgba, _ = read_rgba(data)
    assert rgba[4, 2, 3] == 0
    assert rgba[4, 13, 3] == 255


def test_a_bmp_whose_fourth_byte_is_nothing_is_no_transparent_image() -> None:
    """Everybody's viewer shows it; hidden from us alone, it would be a way around."""
    head = struct.pack(
        "<IiiHHIIiiIIIIIIIII", 124, 8, -8, 1, 32, 3, 256, 0, 0, 0, 0, 0xFF0000, 0xFF00, 0xFF, 255 << 24, 1, 0, 0
    )
    head = head.ljust(124, b"\0")
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 124) + head + bytes([10, 20, 200, 0]) * 64
    assert load_image(data).reshape(-1, 3).tolist() == [[200, 20, 10]] * 64
    half = b"BM" + struct.pack("<IHHI", 0, 0, 0, 138) + head + bytes([10, 20, 200, 0, 10, 20, 200, 255]) * 32
    assert load_image(half)[0, :2].tolist() == [WHITE, [200, 20, 10]]


@pytest.mark.parametrize("top", [1.0, 200.0, 60_000.0])
def test_grey_numbers_of_a_tiff_are_scaled(top: float) -> None:
    ramp = np.linspace(0, top, 256, dtype=np.float32).reshape(16, 16)
    loaded = load_image(encoded(Image.fromarray(ramp), "TIFF"))
    assert loaded.max() >= 199
    assert (np.diff(loaded[..., 0].ravel().astype(int)) >= 0).all()
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    for options in ({}, {"compression": "tiff_lzw"}):
        assert load_image(encoded(Image.fromarray(deep), "TIFF", **options))[..., 0].ravel().tolist() == [*range(256)]


def test_the_hosts_filters_of_warnings_stay_as_they_are() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x01\0\0\0"
    before = list(warnings.filters)
    for format in ("JPEG", "PNG", "TIFF", "AVIF"):
        load_image(encoded(Image.fromarray(scene()), format, **({"exif": exif} if format == "JPEG" else {})))
    assert warnings.filters == before


UNTURN: dict[int, Callable[[Rgb], Rgb]] = {
    # what has to be done to the upright picture so that a camera with this tag would store it
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", sorted(UNTURN))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "TIFF in LZW", "MPO"])
def test_every_exif_orientation_gives_the_upright_image(orientation: int, format: str) -> None:
    upright = scene()
    upright[:8, :8] = (255, 0, 0)
    stored = Image.fromarray(np.ascontiguousarray(UNTURN[orientation](upright)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "MPO": {"quality": 95, "subsampling": 0, "save_all": True, "append_images": [Image.new("RGB", (9, 9))]},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "TIFF in LZW": {"compression": "tiff_lzw"},
    }
    data = encoded(stored, format.partition(" ")[0], exif=exif, **options.get(format, {}))
    loaded = load_image(data)
    assert loaded.shape == upright.shape
    assert np.abs(loaded.astype(int) - upright).max() <= {"JPEG": 4, "MPO": 4, "AVIF": 3}.get(format, 0)
    assert read_picture(data, reduced=True).size_wh == (40, 24)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_invalid_exif_orientation_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(load_image(encoded(Image.fromarray(scene()), "PNG", exif=exif)), scene())


BROKEN_EXIF = (
    b"Exif\0\0",
    b"Exif\0\0garbage",
    b"Exif\0\0II*\0\xff\xff\xff\xff",
    b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x01\0\0\0",
)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize("exif", BROKEN_EXIF)
def test_a_broken_exif_block_does_not_spoil_the_image(exif: bytes) -> None:
    loaded = load_image(encoded(Image.new("RGB", (8, 8), (200, 10, 10)), "JPEG", exif=exif, quality=95))
    assert np.abs(loaded.astype(int) - (200, 10, 10)).max() < 8


@pytest.mark.parametrize("exif", BROKEN_EXIF[2:])
def test_a_decoders_warning_spoils_no_image_where_warnings_are_errors(exif: bytes) -> None:
    assert load_image(encoded(Image.new("RGB", (8, 8)), "JPEG", exif=exif)).shape == (8, 8, 3)


def _palette(*, transparent: bool) -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([250, 0, 0, 0, 0, 250] + [0] * 762)
    image.putdata([0, 1])
    if transparent:
        image.info["transparency"] = 1
    return image


@pytest.mark.parametrize(
    ("image", "pixels"),
    [
        (Image.new("RGB", (1, 1), (1, 2, 3)), [1, 2, 3]),
        (Image.new("L", (1, 1), 7), [7, 7, 7]),
        (Image.new("1", (1, 1), 1), WHITE),
        (Image.new("1", (1, 1), 0), [0, 0, 0]),
        (Image.new("LA", (1, 1), (100, 255)), [100, 100, 100]),
        (Image.new("LA", (1, 1), (100, 0)), WHITE),
        (Image.new("LA", (1, 1), (0, 51)), [204, 204, 204]),
        (Image.new("RGBA", (1, 1), (10, 20, 30, 255)), [10, 20, 30]),
        (Image.new("RGBA", (1, 1), (10, 20, 30, 0)), WHITE),
        (Image.new("RGBA", (1, 1), (0, 255, 0, 51)), [204, 255, 204]),
        (Image.new("I;16", (1, 1), 65535), WHITE),
        (Image.new("I;16", (1, 1), 32896), [128, 128, 128]),
        (Image.new("I;16", (1, 1), 200), [1, 1, 1]),
        (Image.new("I;16", (1, 1), 0), [0, 0, 0]),
    ],
    ids=lambda value: f"{value.mode} {value.getpixel((0, 0))}" if isinstance(value, Image.Image) else "",
)
def test_a_mode_becomes_rgb(image: Image.Image, pixels: list[int]) -> None:
    for source in (image, encoded(image, "PNG")):
        assert load_image(source).tolist() == [[pixels]]


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_palette_becomes_rgb(format: str) -> None:
    for transparent, second in ((False, [0, 0, 250]), (True, WHITE)):
        image = _palette(transparent=transparent)
        options = {"transparency": 1} if transparent else {}
        assert load_image(encoded(image, format, **options)).tolist() == [[[250, 0, 0], second]]
        assert load_image(image).tolist() == [[[250, 0, 0], second]]


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    data = encoded(Image.fromarray(ramp), "PNG")
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "I;16"
    assert load_image(data)[..., 0].ravel().tolist() == list(range(256))


def test_a_dark_image_of_sixteen_bits_stays_dark() -> None:
    dark = np.arange(256, dtype=np.uint16).reshape(16, 16)
    assert load_image(encoded(Image.fromarray(dark), "PNG")).max() <= 1


def test_grey_values_in_other_modes() -> None:
    values = np.array([[0.0, 100.0, 255.0]], np.float32)
    assert load_image(Image.fromarray(values))[0, :, 1].tolist() == [0, 100, 255]
    assert load_image(Image.fromarray(values.astype(np.int32)))[0, :, 1].tolist() == [0, 100, 255]
    with pytest.raises(ImageError, match="NaN or infinity"):
        load_image(Image.fromarray(values * np.float32(np.nan)))


def test_cmyk_becomes_rgb() -> None:
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for source in (cmyk, encoded(cmyk, "JPEG", quality=95)):
        pixel = load_image(source)[8, 8].astype(int)
        assert np.abs(pixel - (255, 0, 0)).max() < 8


def test_transparency_is_kept_for_logos() -> None:
    image = Image.new("RGBA", (3, 2), (9, 8, 7, 100))
    rgba, digest = read_rgba(encoded(image, "PNG"))
    assert form(rgba) == ("uint8", (2, 3, 4))
    assert rgba[0, 0].tolist() == [9, 8, 7, 100]
    assert len(digest) == 64


@pytest.mark.parametrize(
    "array",
    [np.full((1, 1), 9, np.uint8), np.full((1, 1, 3), 9, np.uint8), np.array([[[9, 9, 9, 255]]], np.uint8)],
    ids=lambda a: str(a.shape),
)
def test_arrays_of_every_shape_and_the_smallest_image(array: np.ndarray) -> None:
    assert load_image(array).tolist() == [[[9, 9, 9]]]
    assert load_image(encoded(Image.fromarray(array), "PNG")).tolist() == [[[9, 9, 9]]]


def test_an_image_is_the_callers_own() -> None:
    array = scene()
    loaded = load_image(array)
    loaded[:] = 0
    np.testing.assert_array_equal(array, scene())


def test_the_hash_of_an_array_knows_its_shape() -> None:
    flat = np.zeros((2, 6, 3), np.uint8)
    assert read_picture(flat).sha256 != read_picture(flat.reshape(6, 2, 3)).sha256
    assert read_picture(flat).sha256 == read_picture(flat.copy()).sha256
    assert read_picture(flat).sha256 == read_picture(Image.fromarray(flat)).sha256


# -- pictures that are refused


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2, 3), np.float32),
        np.full((2, 2, 3), np.nan),
        np.zeros((2, 2, 3), np.int64),
        np.zeros((2, 2, 3), bool),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros((2, 2, 3, 1), np.uint8),
        np.zeros(3, np.uint8),
        np.array(3, np.uint8),
        np.zeros((0, 2, 3), np.uint8),
        np.zeros((2, 0, 3), np.uint8),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"^array: expected .* got "):
        load_image(array)


@pytest.mark.parametrize("source", [None, 5, ["a.jpg"], bytearray(b"x")])
def test_other_sources_are_refused(source: Any) -> None:
    with pytest.raises(
        ImageError, match=f"expected a path, bytes, a PIL image or an array, got {type(source).__name__}"
    ):
        load_image(source)


GOOD_JPEG = encoded(Image.fromarray(scene(60, 60)), "JPEG")
GOOD_PNG = encoded(Image.fromarray(scene(60, 60)), "PNG")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"hello, I am a text", "expected one of JPEG, PNG, WEBP, GIF, AVIF, BMP, TIFF, MPO, HEIC, got something else"),
        (GOOD_JPEG[: len(GOOD_JPEG) // 2], "cannot be decoded"),
        (GOOD_JPEG[:30], "photo.jpg: "),
        (GOOD_PNG[: len(GOOD_PNG) // 2], "cannot be decoded"),
        (GOOD_PNG[:40] + b"\0" * 40 + GOOD_PNG[80:], "photo.jpg: "),
        (b"\x89PNG\r\n\x1a\n", "photo.jpg: "),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "photo.jpg: "),
        (encoded(Image.fromarray(scene()), "WEBP")[:60], "photo.jpg: "),
        (b"GIF89a", "photo.jpg: "),
        (b"\xff\xd8\xff", "photo.jpg: "),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "got something else"),
        (encoded(Image.fromarray(scene()), "BMP")[:60], "cannot be decoded"),
        (encoded(Image.fromarray(scene()), "TIFF")[:60], "photo.jpg: "),
        (encoded(Image.fromarray(scene()), "PPM"), "got something else"),
        (encoded(Image.fromarray(scene()), "ICO"), "got something else"),
        (png_that_claims(0, 5), "photo.jpg: "),
    ],
    ids=range(17),
)
def test_a_bad_file_is_an_image_error_that_names_it(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert str(caught.value).startswith("photo.jpg: ")
    assert message in str(caught.value)
    with pytest.raises(ImageError):
        load_image(data)


@quick
@given(data=st.data())
def test_no_damage_raises_anything_else(data: st.DataObject) -> None:
    good = data.draw(st.sampled_from([GOOD_JPEG, GOOD_PNG, encoded(Image.fromarray(scene()), "GIF")]))
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 8))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = load_image(bytes(bad[: data.draw(st.integers(0, len(bad)))]))
    except ImageError:
        return
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3


@pytest.mark.parametrize("name", ["missing.jpg", "folder", "a\0b.jpg", "x" * 5000])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ImageError, match=r"no such image file|cannot be read"):
        load_image(f"{tmp_path}/{name}")
    with pytest.raises(ImageError):
        load_image(name, root=tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        png_that_claims(60_000, 60_000),
        png_that_claims(10_000, 10_000),
        png_that_claims(9_000, 9_000),
        png_that_claims(30_001, 1),
        gif_that_claims((60_000, 60_000), (1, 1)),
        gif_that_claims((1, 1), (9_000, 9_000)),
    ],
    ids=["60000 px", "10000 px", "9000 px", "30001 px wide", "GIF screen", "GIF frame"],
)
def test_a_small_file_that_claims_a_huge_image_is_not_decoded(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(data) < 200

    def fail(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", fail)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(ImageError, match=r"expected at most|DecompressionBomb"):
        load_image(data)


def test_the_caps_of_the_caller_hold(tmp_path: Path) -> None:
    rgb = scene(20, 30)
    data = encoded(Image.fromarray(rgb), "PNG")
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    for source in (data, path):
        load_image(source, limits=ImageLimits(max_bytes=len(data)))
        with pytest.raises(ImageError, match=f"expected at most {len(data) - 1} bytes, got more"):
            load_image(source, limits=ImageLimits(max_bytes=len(data) - 1))
    for everything in (data, path, rgb, Image.fromarray(rgb)):
        load_image(everything, limits=ImageLimits(max_pixels=600, max_side_px=30))
        for limits in (ImageLimits(max_pixels=599), ImageLimits(max_side_px=29)):
            with pytest.raises(ImageError, match="got 30 x 20"):
                load_image(everything, limits=limits)


# -- paths under a root


def test_a_file_under_the_root_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / "b.jpg"
    file.write_bytes(b"x")
    (tmp_path / "link.jpg").symlink_to(file)
    for name in ("a/b.jpg", "./a/b.jpg", "a/../a/b.jpg", "link.jpg"):
        assert resolve_under(tmp_path, name) == file.resolve()
    assert resolve_under(tmp_path, "not-there.jpg") == tmp_path.resolve() / "not-there.jpg"


def test_nothing_leads_out_of_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "root-too"
    root.mkdir()
    outside.mkdir()
    secret = outside / "secret.png"
    secret.write_bytes(GOOD_PNG)
    (root / "link.png").symlink_to(secret)
    (root / "links").symlink_to(outside)
    (root / "loop").symlink_to(root / "loop")
    own = root / "own.png"
    own.write_bytes(GOOD_PNG)
    names = ["../root-too/secret.png", "..", "a/../../root-too/secret.png", str(secret), str(own)]
    names += ["link.png", "links/secret.png", "loop", "a\0b.png", "/etc/passwd", "~/../../../../../../etc/passwd"]
    for name in names:
        with pytest.raises(ImageError, match="image path: expected a file below the root, got"):
            resolve_under(root, name)
        with pytest.raises(ImageError):
            load_image(name, root=root)
    assert load_image("own.png", root=root).shape == (60, 60, 3)


def test_no_pipe_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="no such image file"):
        load_image("pipe.jpg", root=tmp_path)


# -- crops


def test_flatten_known_pixels() -> None:
    rgba = np.array([[[100, 0, 200, 255], [100, 0, 200, 0], [100, 0, 200, 51]]], np.uint8)
    assert flatten(rgba, (0, 50, 100)).tolist() == [[[100, 0, 200], [0, 50, 100], [20, 40, 120]]]


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        ((0, 0, 40, 24), (24, 40)),
        ((2.2, 3.7, 5.1, 6.0), (3, 4)),
        ((-5, -5, 3, 3), (3, 3)),
        ((34, 20, 99, 99), (4, 6)),
        ((5, 5, 5.5, 5.5), (1, 1)),
    ],
)
def test_a_crop_is_rounded_outwards(box: tuple[float, float, float, float], shape: tuple[int, int]) -> None:
    image = scene()
    cut = crop(image, box)
    assert cut.shape[:2] == shape
    x0, y0 = max(0, int(box[0])), max(0, int(box[1]))
    np.testing.assert_array_equal(cut, image[y0 : y0 + shape[0], x0 : x0 + shape[1]])


@pytest.mark.parametrize("box", [(40, 0, 44, 10), (-9, 0, 0, 10), (0, 24, 5, 30), (5, 5, 5, 9), (9, 5, 5, 9)])
def test_a_crop_outside_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match="expected a box that meets the 40 x 24 picture"):
        crop(scene(), box)


def test_pad_square_centres_on_the_border_colour() -> None:
    image = np.full((4, 10, 3), 50, np.uint8)
    image[1:3, 2:8] = 200
    square = pad_square(image)
    assert square.shape == (10, 10, 3)
    np.testing.assert_array_equal(square[3:7], image)
    assert (square[:3] == 50).all()
    assert (square[7:] == 50).all()
    wider = pad_square(image, 0.25)
    assert wider.shape == (15, 15, 3)
    np.testing.assert_array_equal(wider[5:9, 2:12], image)
    assert pad_square(np.full((1, 1, 3), 9, np.uint8)).tolist() == [[[9, 9, 9]]]


FITS: tuple[CropFit, ...] = ("context", "squeeze", "pad")


@pytest.mark.parametrize("fit", FITS)
def test_no_boxes_give_no_crops(fit: CropFit) -> None:
    crops = square_crops(scene(), as_boxes([]), 16, fit)
    assert form(crops) == ("uint8", (0, 16, 16, 3))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(24, 36), (36, 24), (30, 30), (1, 1), (1, 50), (200, 90)])
def test_the_whole_image_is_one_crop_however_it_is_asked_for(fit: CropFit, size: tuple[int, int]) -> None:
    """Registration crops a whole logo image, search a box: they must meet."""
    image = scene(*size)
    height, width = size
    rows = [[0, 0, width, height], [-9, -9, width + 9, height + 9]]
    crops = square_crops(image, as_boxes(rows), 16, fit)
    assert form(crops) == ("uint8", (2, 16, 16, 3))
    np.testing.assert_array_equal(crops[0], crops[1])
    plain = Image.fromarray(pad_square(image) if fit == "pad" else image)
    slow = np.asarray(plain.resize((16, 16), Image.Resampling.BILINEAR))
    assert np.abs(crops[0].astype(int) - slow).max() <= 6, "reducing_gap costs a few grey levels"


def test_crop_of_a_logo_in_a_photo_equals_its_registered_pixels() -> None:
    logo = scene(18, 30, seed=1)
    photo = scene(60, 90, seed=2)
    photo[20:38, 40:70] = logo
    found = square_crops(photo, as_boxes([[40, 20, 70, 38]]), 32, "pad")
    registered = square_crops(logo, as_boxes([[0, 0, 30, 18]]), 32, "pad")
    np.testing.assert_array_equal(found, registered)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(
    ("box", "pixel"),
    [
        ([-20, -20, -10, -10], (0, 0)),
        ([50, 50, 60, 60], (23, 39)),
        ([5, 100, 6, 110], (23, 5)),
        ([12.2, 6.4, 12.3, 6.5], (6, 12)),
    ],
)
def test_a_box_outside_or_under_a_pixel_takes_the_nearest_pixel(
    fit: CropFit, box: list[float], pixel: tuple[int, int]
) -> None:
    rng = np.random.default_rng(3)
    image = np.asarray(rng.integers(0, 256, (24, 40, 3)), np.uint8)
    crops = square_crops(image, as_boxes([box]), 8, fit)
    middle = crops[0, 4, 4].astype(int)
    assert crops.shape == (1, 8, 8, 3)
    near = image[max(0, pixel[0] - 1) : pixel[0] + 2, max(0, pixel[1] - 1) : pixel[1] + 2].reshape(-1, 3)
    # a box that is smaller than a pixel is interpolated from that pixel and its neighbours
    assert (middle >= near.min(axis=0)).all()
    assert (middle <= near.max(axis=0)).all()
    if fit == "pad" and float(box[0]) != 12.2:
        assert (crops[0] == image[pixel]).all()


def _two_halves() -> Rgb:
    """Black left, white right; 40 wide, 20 high."""
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, 20:] = 255
    return image


def test_squeeze_changes_the_aspect() -> None:
    square = square_crops(_two_halves(), as_boxes([[10, 5, 30, 15]]), 20, "squeeze")[0]
    assert (square[:, :8] == 0).all()
    assert (square[:, 12:] == 255).all()


def test_pad_keeps_the_aspect_and_adds_ground() -> None:
    image = np.full((20, 40, 3), 90, np.uint8)
    image[5:15, 12:28] = 200
    square = square_crops(image, as_boxes([[10, 4, 30, 16]]), 20, "pad")[0]
    assert (square[:3] == 90).all()
    assert (square[-3:] == 90).all()
    assert (square[6:14, 4:16] == 200).all()


@pytest.mark.parametrize("shape", [(30_000, 30, 3), (20, 30_000, 3)])
def test_a_long_strip_is_not_padded_to_a_square_of_its_length(shape: tuple[int, int, int]) -> None:
    strip = np.full(shape, 90, np.uint8)
    tracemalloc.start()
    square = square_crops(strip, as_boxes([[0, 0, shape[1], shape[0]]]), 64, "pad")[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (square == 90).all()
    assert peak < 100 << 20, "a square of 30,000 pixels has 2.7 GB"


def test_context_grows_the_short_side_into_the_photo() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, :, 0] = np.arange(40)[:, None] * 6
    square = square_crops(image, as_boxes([[10, 18, 30, 22]]), 20, "context")[0]
    # rows 10 to 30 of the photo: the box's middle stays in the middle
    np.testing.assert_allclose(square[:, 5, 0], np.arange(10, 30) * 6, atol=1)
    at_the_edge = square_crops(image, as_boxes([[10, 0, 30, 4]]), 20, "context")[0]
    np.testing.assert_allclose(at_the_edge[:, 5, 0], np.arange(20) * 6, atol=1)
    flat = square_crops(image[:10], as_boxes([[0, 0, 40, 4]]), 20, "context")[0]
    # no more rows than the photo has: ten rows are squeezed into twenty
    np.testing.assert_allclose(flat[1:-1, 5, 0], (np.arange(20) / 2 - 0.25)[1:-1] * 6, atol=2)


@pytest.mark.parametrize("fit", FITS)
def test_crops_are_independent_of_the_batch(fit: CropFit) -> None:
    image = scene(50, 70)
    boxes = as_boxes([[0, 0, 20, 10], [5.5, 5.5, 60.25, 30.75], [40, 10, 70, 50]])
    together = square_crops(image, boxes, 24, fit)
    for i in range(3):
        np.testing.assert_array_equal(square_crops(image, boxes[i : i + 1], 24, fit)[0], together[i])


def test_broken_exif_does_not_flood_the_log() -> None:
    """Pillow warns of each entry of which it cannot read the data."""
    entries = b"".join(struct.pack(">HHII", 0x9000 + i, 2, 1000, 60_000) for i in range(50))
    block = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 50) + entries + bytes(4)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=block)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Image.open(file).getexif()
        flood = len(said)
        assert load_image(file.getvalue()).shape == (8, 8, 3)
    assert flood > 10
    assert len(said) == flood


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_large_images_are_shrunk_as_they_are_decoded(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "REDUCED_PX", 20)
    monkeypatch.setattr(images, "_LEAST_SHORT_PX", 10)
    monkeypatch.setattr(images, "_BAND_PIXELS", 90 * 7)  # bands of six rows
    rows = np.repeat(np.arange(67, dtype=np.uint8)[:, None] * 3, 90, axis=1)
    file = io.BytesIO()
    Image.fromarray(rows).convert(mode).save(file, "PNG")
    whole, small = (read_picture(file.getvalue(), reduced=reduced) for reduced in (False, True))
    assert small.size_wh == whole.size_wh == (90, 67)
    assert small.rgb.shape == (17, 23, 3)
    means = [whole.rgb[4 * i : 4 * i + 4].mean() for i in range(17)]
    np.testing.assert_allclose(small.rgb[:, :, 0].mean(axis=1), means, atol=1)


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_the_size_of_a_shrunk_image_is_that_of_the_turned_file(
    orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "REDUCED_PX", 100)
    monkeypatch.setattr(images, "_LEAST_SHORT_PX", 10)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for size in ((240, 239), (239, 240), (400, 30)):
        file = io.BytesIO()
        Image.new("RGB", size).save(file, "PNG", exif=exif)
        picture = read_picture(file.getvalue(), reduced=True)
        turned = size if orientation in (1, 3) else size[::-1]
        times = min(max(size) // 100, min(size) // 10)
        assert picture.size_wh == turned
        assert picture.rgb.shape[1::-1] == tuple(-(-side // times) for side in turned)


def test_transparent_pixels_do_not_bleed_into_a_shrunk_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "REDUCED_PX", 8)
    monkeypatch.setattr(images, "_LEAST_SHORT_PX", 8)
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[:, 1::2] = [200, 0, 0, 255]  # between transparent black
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "PNG")
    shrunk, _ = read_rgba(file.getvalue(), reduced=True)
    assert shrunk.shape == (8, 8, 4)
    np.testing.assert_allclose(shrunk[4, 4], [200, 0, 0, 128], atol=2)


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "WEBP"])
def test_grey_is_the_brightness_of_the_photo(suffix: str) -> None:
    rgb = np.asarray(
        Image.fromarray(np.random.default_rng(3).integers(0, 256, (6, 9, 3), np.uint8)).resize((90, 60)), np.uint8
    )
    memory = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(rgb).save(memory, suffix, exif=exif)
    whole = load_image(memory.getvalue())
    grey = load_grey(memory.getvalue())
    assert grey.shape == whole.shape[:2] == (90, 60)
    expected = np.asarray(Image.fromarray(whole).convert("L"), int)
    assert np.abs(grey.astype(int) - expected).mean() < 1.5
