"""Every format with every fault: a picture or one ImageError that names it, and the next one is unharmed."""

from __future__ import annotations

import io
import struct
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import quick

from logoscan.errors import ImageError
from logoscan.images.formats import FORMATS, orientation, plain_jpeg
from logoscan.images.loading import ImageLimits, load_image, read_picture, read_rgba
from logoscan.sources import is_avif, is_heif, kind_of

PHOTO = Image.fromarray(np.random.default_rng(1).integers(0, 256, (15, 20, 3), np.uint8).repeat(4, 0).repeat(4, 1))


def encoded(format: str, image: Image.Image = PHOTO, **options: Any) -> bytes:
    memory = io.BytesIO()
    image.save(memory, format, **options)
    return memory.getvalue()


def heic(image: Image.Image = PHOTO, **options: Any) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    memory = io.BytesIO()
    pillow_heif.from_pillow(image).save(memory, **options)
    return memory.getvalue()


FILES: dict[str, bytes] = {
    "JPEG": encoded("JPEG"),
    "progressive JPEG": encoded("JPEG", progressive=True),
    "CMYK JPEG": encoded("JPEG", PHOTO.convert("CMYK")),
    "PNG": encoded("PNG"),
    "PNG with alpha": encoded("PNG", PHOTO.convert("RGBA")),
    "WEBP": encoded("WEBP"),
    "GIF": encoded("GIF"),
    "AVIF": encoded("AVIF"),
    "AVIF with alpha": encoded("AVIF", PHOTO.convert("RGBA")),
    "AVIF of frames": encoded("AVIF", save_all=True, append_images=[PHOTO]),
    "BMP": encoded("BMP"),
    "BMP with a palette": encoded("BMP", PHOTO.quantize()),
    "TIFF": encoded("TIFF"),
    "TIFF, LZW": encoded("TIFF", compression="tiff_lzw"),
    "TIFF, deflate": encoded("TIFF", compression="tiff_adobe_deflate"),
    "TIFF, JPEG": encoded("TIFF", compression="jpeg"),
    "TIFF, fax": encoded("TIFF", PHOTO.convert("1"), compression="group4"),
    "TIFF, CMYK": encoded("TIFF", PHOTO.convert("CMYK")),
    "TIFF, float": encoded("TIFF", PHOTO.convert("F")),
    "TIFF, 16 bits": encoded("TIFF", Image.fromarray(np.arange(4800, dtype=np.uint16).reshape(60, 80))),
    "TIFF of pages": encoded("TIFF", save_all=True, append_images=[PHOTO]),
    "BigTIFF": encoded("TIFF", big_tiff=True),
    "MPO": encoded("MPO", save_all=True, append_images=[PHOTO]),
}


def tried(data: bytes, **options: Any) -> str | None:
    """None where it is a picture, else what was said."""
    said = ""
    try:
        rgb = load_image(data, **options)
        rgba, _ = read_rgba(data, reduced=True, **options)
    except ImageError as error:
        said = str(error)
    if said:
        assert said.startswith("bytes: ")
        assert len(said) < 400
        return said
    assert rgb.dtype == rgba.dtype == np.uint8
    assert (rgb.ndim, rgb.shape[2]) == (3, 3)
    assert rgba.shape == (*rgb.shape[:2], 4)
    return None


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_read_by_its_content(name: str) -> None:
    data = FILES[name]
    assert kind_of(data[:64]) in FORMATS
    assert tried(data) is None
    assert read_picture(data).size_wh == (80, 60)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore:::PIL")
def test_every_fault_is_an_image_or_an_error(name: str) -> None:
    data = FILES[name]
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 4, 8, 11, 12, 13, 16, 20, 26, 30, 40, 60, len(data) // 3, len(data) // 2, len(data) - 20):
        tried(data[:size])
        tried(data[:size] + bytes(len(data)))
        tried(data[:size] + rng.bytes(len(data)))
    assert tried(data[: len(data) // 3]) is not None or "GIF" in name or "TIFF" in name
    for known in FILES.values():
        tried(data[:12] + known[12:])
        tried(data[: len(data) // 2] + known)
    assert tried(FILES["PNG"]) is None


@pytest.mark.filterwarnings("ignore:::PIL")
@quick
@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_no_damage_of_any_format_raises_anything_else(name: str, data: st.DataObject) -> None:
    bad = bytearray(FILES[name])
    within = data.draw(st.sampled_from([len(bad), min(len(bad), 300)]))
    for _ in range(data.draw(st.integers(1, 6))):
        bad[data.draw(st.integers(0, within - 1))] = data.draw(st.sampled_from([0, 1, 127, 128, 255]))
    tried(bytes(bad[: data.draw(st.integers(0, len(bad)))]))
    assert tried(FILES[name]) is None


SIZES = {
    "PNG": (16, ">II"), "GIF": (6, "<HH"), "BMP": (18, "<ii"), "AVIF": (FILES["AVIF"].index(b"ispe") + 8, ">II"),
}  # fmt: skip


@pytest.mark.parametrize("name", [*SIZES, "TIFF"])
@pytest.mark.parametrize("size", [(0, 0), (0, 60), (80, 0), (60_000, 60_000), (30_001, 1), (9000, 9000)])
@pytest.mark.filterwarnings("ignore:::PIL")
def test_a_header_of_another_size(name: str, size: tuple[int, int]) -> None:
    data = bytearray(FILES[name])
    if name == "TIFF":
        for tag, value in zip((256, 257), size, strict=True):
            at = data.index(struct.pack("<HHI", tag, 4, 1)) + 8
            data[at : at + 4] = struct.pack("<I", value)
    else:
        at, form = SIZES[name]
        data[at : at + struct.calcsize(form)] = struct.pack(form, *size)
    said = tried(bytes(data))
    assert said is not None or name == "GIF"  # whose screen is made as large as its frame


@pytest.mark.parametrize(("name", "share"), [("WEBP", 3), ("AVIF", 2), ("TIFF", 2), ("TIFF, 16 bits", 2)])
def test_formats_whose_decoders_hold_copies_have_caps_of_their_own(name: str, share: int) -> None:
    assert tried(FILES[name], limits=ImageLimits(max_pixels=80 * 60 * share)) is None
    said = tried(FILES[name], limits=ImageLimits(max_pixels=80 * 60 * share - 1))
    assert said is not None
    assert "expected at most" in said


# -- HEIC


def test_a_heic_is_read_and_turned_once() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    assert kind_of(heic()[:64]) == "HEIC"
    assert tried(heic()) is None
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = PHOTO.copy()
    stored.info["exif"] = exif.tobytes()
    data = heic(stored, quality=-1, chroma=444)
    assert b"irot" in data
    opened = pillow_heif.open_heif(data)
    assert orientation(opened.info["exif"]) == 6
    picture = read_picture(data, reduced=True)  # libheif has turned it by its own box, the EXIF block is not obeyed
    assert picture.size_wh == opened.size == picture.rgb.shape[1::-1]
    np.testing.assert_array_equal(picture.rgb, np.asarray(opened.to_pillow().convert("RGB")))
    clear = PHOTO.convert("RGBA")
    clear.putalpha(0)
    assert (load_image(heic(clear)) == 255).all()
    assert read_rgba(heic(clear))[0][..., 3].max() == 0


@pytest.mark.filterwarnings("ignore:::PIL")
def test_every_fault_of_a_heic() -> None:
    data = heic()
    for size in range(4, len(data), 37):
        tried(data[:size])
        tried(data[:size] + bytes(len(data) - size))
    assert tried(data[: len(data) // 2]) is not None
    assert tried(data, limits=ImageLimits(max_pixels=80 * 60)) is not None
    assert tried(data, limits=ImageLimits(max_pixels=80 * 60 * 5 // 4)) is None
    assert tried(data, limits=ImageLimits(max_side_px=79)) is not None


def test_without_the_extra_a_heic_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    said = tried(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    assert said == "bytes: reading HEIC needs pip install 'logoscan[heif]'"


def test_pillow_is_not_taught_to_open_heic() -> None:
    heic_bytes = heic()
    load_image(heic_bytes)
    assert "HEIF" not in Image.OPEN


# -- how files are known


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", None),
        (b"\xff\xd8", None),
        (b"BM", None),
        (b"BMW is a car maker", None),
        (b"GIF is a format", None),
        (b"II*", None),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", None),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0heic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x10ftypmif1\0\0\0\0", "HEIC"),
        (b"\0\0\0\x10ftypavis\0\0\0\0", "AVIF"),
        (b"\xff\xff\xff\xffftypheic", "HEIC"),
        (b"MM\0+\0\x08", "TIFF"),
    ],
)
def test_formats_are_detected_by_their_first_bytes(head: bytes, kind: str | None) -> None:
    assert kind_of(head) == kind
    assert (is_avif(head), is_heif(head)) == (kind == "AVIF", kind == "HEIC")


@given(exif=st.binary(max_size=200))
@quick
def test_an_orientation_is_one_of_eight(exif: bytes) -> None:
    for block in (exif, b"Exif\0\0II*\0\x08\0\0\0" + exif, b"MM\0*\0\0\0\x08" + exif):
        assert 1 <= orientation(block) <= 8


def test_a_plain_jpeg_is_the_same_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded("JPEG", exif=exif, comment=b"a comment", icc_profile=bytes(200_000))
    plain, turn = plain_jpeg(data)
    assert turn == 6
    assert len(plain) < len(data) - 200_000
    with Image.open(io.BytesIO(data)) as one, Image.open(io.BytesIO(plain)) as other:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert plain_jpeg(FILES["CMYK JPEG"])[0].count(b"Adobe") == 1


@given(data=st.binary(max_size=300))
@quick
def test_a_plain_jpeg_of_anything_is_no_longer(data: bytes) -> None:
    for whole in (b"\xff\xd8" + data, FILES["JPEG"][:30] + data):
        plain, turn = plain_jpeg(whole)
        assert len(plain) <= len(whole)
        assert turn == 1 or b"Exif" in whole
