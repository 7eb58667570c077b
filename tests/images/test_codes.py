"""Codes: read in every format, told apart, checked; none where there is none; what GS1 texts state."""

from __future__ import annotations

import random
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from strategies import quick

from benchmarks.common.composed_codes import compose_code
from logoscan.errors import InputError, MissingDependencyError
from logoscan.evidence import Code, CodeFormat, ContactUse, Declaration
from logoscan.images import codes
from logoscan.images._code_places import CodePlace, code_places, halved
from logoscan.images.codes import find_codes, find_codes_in_reduced, gs1_of, looks_like_code

pytest.importorskip("zxingcpp")
GROUND = np.full((420, 520, 3), 150, np.uint8)
BOX = (0.0, 0.0, 1.0, 1.0)


def grey(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32), np.uint8)


def test_a_picture_without_a_code_has_none() -> None:
    for shape in ((1, 1), (23, 400), (300, 300)):
        blank = np.full(shape, 200, np.uint8)
        assert find_codes(blank) == ()
        assert not looks_like_code(blank)


@pytest.mark.parametrize("kind", ["QRCode", "DataMatrix", "EAN13", "UPCA"])
def test_codes_are_read_where_they_stand(kind: str) -> None:
    for seed in range(3):
        composed = compose_code(GROUND, kind, 3, random.Random(seed), per_module=True)
        picture = grey(composed.rgb)
        assert looks_like_code(picture)
        (code,) = find_codes(picture)
        assert code.text.lstrip("0") in composed.content.lstrip("\x1d0")
        x0, y0, x1, y1 = code.xyxy
        assert 0 <= x0 < x1 <= picture.shape[1]
        assert 0 <= y0 < y1 <= picture.shape[0]
        assert min(x1 - x0, y1 - y0) > 25
        assert code.format in get_args(CodeFormat)


@pytest.mark.parametrize(
    ("kind", "module_px"), [("QRCode", 3.0), ("QRCode", 12.0), ("DataMatrix", 4.0), ("EAN13", 2.5)]
)
def test_codes_are_read_where_a_copy_of_half_the_size_was_decoded(kind: str, module_px: float) -> None:
    large = np.full((1200, 1600, 3), 150, np.uint8)
    composed = compose_code(large, kind, module_px, random.Random(2), per_module=True)
    whole = grey(composed.rgb)
    half = halved(whole)
    (code,) = find_codes_in_reduced(half, (1600, 1200), lambda: whole)
    (wanted,) = find_codes(whole)
    assert (code.format, code.text, code.gtin, code.serial) == (wanted.format, wanted.text, wanted.gtin, wanted.serial)
    assert np.abs(np.subtract(code.xyxy, wanted.xyxy)).max() <= 4 * module_px


def test_a_large_photo_without_fine_detail_is_not_decoded_again() -> None:
    decoded: list[int] = []

    def full() -> np.ndarray:
        decoded.append(1)
        return np.full((1200, 1600), 150, np.uint8)

    assert find_codes_in_reduced(np.full((600, 800), 150, np.uint8), (1600, 1200), full) == ()
    composed = compose_code(np.full((600, 800, 3), 150, np.uint8), "QRCode", 12.0, random.Random(2), per_module=True)
    smooth = np.asarray(Image.fromarray(grey(composed.rgb)).filter(ImageFilter.GaussianBlur(3)))
    assert [place.level for place in code_places(smooth)] != []
    assert len(find_codes_in_reduced(smooth, (1600, 1200), full)) == 1
    assert decoded == []


def test_places_lie_in_the_picture_and_none_in_another() -> None:
    noise = np.asarray(np.random.default_rng(0).integers(0, 256, (200, 333)), np.uint8)
    assert code_places(noise) == [CodePlace(0, (0, 0, 333, 200))]
    assert code_places(np.zeros((20, 900), np.uint8)) == []


def test_gtin_and_serial_of_a_data_matrix() -> None:
    composed = compose_code(GROUND, "DataMatrix", 4, random.Random(5), per_module=True)
    (code,) = find_codes(grey(composed.rgb))
    assert (code.gtin, code.serial, code.valid) == (composed.content[3:17], composed.content[19:], True)


def test_bars_that_are_misread_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    composed = compose_code(GROUND, "EAN13", 3, random.Random(1), per_module=True)
    monkeypatch.setattr(codes, "read_bars", lambda grey, corners, read: None)
    assert find_codes(grey(composed.rgb)) == ()


@pytest.mark.parametrize(
    ("text", "kind", "symbology", "expected"),
    [
        ("4006381333931", "ean13", "]E0", ("04006381333931", None, True)),
        ("96385074", "ean8", "]E4", ("00000096385074", None, True)),
        ("0104006381333931215X9", "datamatrix", "]d2", ("04006381333931", "5X9", True)),
        ("0104006381333931215X9\x1d91EE06\x1d92abc", "datamatrix", "]d1", ("04006381333931", "5X9", True)),
        ("0104006381333930215X9", "datamatrix", "]d2", (None, "5X9", False)),
        ("AZ:ABCDEFGHJKLMNPQRSTUVWXYZ23", "code128", "]C0", (None, "ABCDEFGHJKLMNPQRSTUVWXYZ23", True)),
        ("https://id.gs1.org/01/04006381333931/21/A7", "qr", "]Q1", ("04006381333931", "A7", True)),
        ("https://shop.example/01/1234567890123", "qr", "]Q1", (None, None, None)),
        ("hello", "qr", "]Q1", (None, None, None)),
        ("", "datamatrix", "", (None, None, None)),
    ],
)
def test_what_a_text_states(text: str, kind: CodeFormat, symbology: str, expected: tuple[object, ...]) -> None:
    assert gs1_of(text, kind, symbology) == expected


@quick
@given(st.text(max_size=60), st.sampled_from(get_args(CodeFormat)), st.sampled_from(("", "]d2", "]Q1", "]E0", "]C1")))
def test_no_text_breaks_the_reading(text: str, kind: CodeFormat, symbology: str) -> None:
    found = gs1_of(text, kind, symbology)
    assert found.gtin is None or len(found.gtin) == 14


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"logoscan\[codes\]"):
        find_codes(np.zeros((50, 50), np.uint8))


def test_records_check_themselves() -> None:
    with pytest.raises(InputError, match=r"Code\.gtin: expected 14 digits, got '123'"):
        Code("qr", "x", BOX, gtin="123")
    with pytest.raises(InputError, match=r"Code\.xyxy: expected four finite numbers"):
        Code("qr", "x", (0.0, 0.0, 1.0, float("nan")))
    with pytest.raises(InputError, match=r"Declaration\.signer: expected 64"):
        Declaration("signed", "x", "abc")
    with pytest.raises(InputError, match=r"ContactUse\.count: expected 1 or more, got 0"):
        ContactUse("phone", "title", 0)
